/* address_map.h -- from an address to a record of a growing array, in the collector's own memory.
 *
 * A hash table that grows by one bucket at a time, so that no insertion takes long however many
 * records there are. Not for several threads: its owner has a lock.
 * Source: linear hashing (Litwin 1980).
 */
#ifndef GC_ADDRESS_MAP_H
#define GC_ADDRESS_MAP_H

#include "gc/growing_array.h"

/* What a record that can be found begins with. */
struct map_link {
    uintptr_t key;
    uint32_t next; /* the next record of its bucket, plus 1; 0: none */
};

struct address_map {
    struct growing_array buckets; /* uint32_t: the number of a bucket's first record, plus 1 */
    const struct growing_array *records; /* written once */
    uint32_t count;                      /* records that can be found */
};

/* A map of no records of records, which begin with a struct map_link each. */
void address_map_init(struct address_map *map, struct meta_alloc *meta,
                      const struct growing_array *records);

/* The number of the record with key, plus 1; 0 where there is none. */
uint32_t address_map_find(const struct address_map *map, uintptr_t key);

/* Let record number index be found by key, by which none is. False where there is no memory. */
bool address_map_add(struct address_map *map, uint32_t index, uintptr_t key);

/* Let record number index, which can be found, not be found any more. */
void address_map_remove(struct address_map *map, uint32_t index);

/* No record can be found any more. */
void address_map_clear(struct address_map *map);

#endif
