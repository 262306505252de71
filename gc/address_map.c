/* address_map.c -- linear hashing.
 *
 * Owns:       the buckets, and next of each record.
 * Invariants:
 *   [address_map.1] A record MUST be in the bucket that its key chooses among as many as there are;
 *                   otherwise it is not found. So a new bucket takes over what belongs to it from
 *                   the one bucket that had it.
 * Locks:      META.
 * Callers:    finalizer, dead_graph.
 */
#include "gc/address_map.h"

void address_map_init(struct address_map *map, struct meta_alloc *meta,
                      const struct growing_array *records)
{
    growing_array_init(&map->buckets, meta, sizeof(uint32_t));
    map->records = records;
    map->count = 0;
}

static struct map_link *link_of(const struct address_map *map, uint32_t number)
{
    return growing_array_at(map->records, number - 1);
}

static uint32_t *bucket_at(const struct address_map *map, uint32_t index)
{
    return growing_array_at(&map->buckets, index);
}

static uint32_t hash(uintptr_t key)
{
    return (uint32_t)(((uint64_t)key >> 3) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* The largest power of two that is no more than count, which is not 0. */
static uint32_t whole_round(uint32_t count)
{
    return UINT32_C(1) << (63U - leading_zeros(count));
}

static uint32_t *bucket_of(const struct address_map *map, uintptr_t key)
{
    uint32_t buckets = load_relaxed(&map->buckets.count);
    uint32_t round = whole_round(buckets);
    uint32_t index = hash(key) & (2 * round - 1);
    return bucket_at(map, index < buckets ? index : index - round);
}

uint32_t address_map_find(const struct address_map *map, uintptr_t key)
{
    if (load_relaxed(&map->buckets.count) == 0) {
        return 0;
    }
    uint32_t number = *bucket_of(map, key);
    while (number != 0 && link_of(map, number)->key != key) {
        number = link_of(map, number)->next;
    }
    return number;
}

static void push(const struct address_map *map, uint32_t number)
{
    struct map_link *link = link_of(map, number);
    uint32_t *bucket = bucket_of(map, link->key);
    link->next = *bucket;
    *bucket = number;
}

/* One more bucket, which takes over its records [address_map.1]. */
static bool grow(struct address_map *map)
{
    uint32_t buckets = load_relaxed(&map->buckets.count);
    if (!growing_array_extend(&map->buckets)) {
        return false;
    }
    if (buckets > 0) {
        uint32_t *split = bucket_at(map, buckets - whole_round(buckets));
        uint32_t number = *split;
        *split = 0;
        while (number != 0) {
            uint32_t next = link_of(map, number)->next;
            push(map, number);
            number = next;
        }
    }
    return true;
}

bool address_map_add(struct address_map *map, uint32_t index, uintptr_t key)
{
    TRI_ASSERT(address_map_find(map, key) == 0);
    uint32_t buckets = load_relaxed(&map->buckets.count);
    if (map->count >= buckets && !grow(map) && buckets == 0) {
        return false; /* later the buckets that there are will do */
    }
    link_of(map, index + 1)->key = key;
    push(map, index + 1);
    map->count++;
    return true;
}

void address_map_remove(struct address_map *map, uint32_t index)
{
    const struct map_link *link = link_of(map, index + 1);
    uint32_t *place = bucket_of(map, link->key);
    while (*place != index + 1) {
        TRI_ASSERT(*place != 0);
        place = &link_of(map, *place)->next;
    }
    *place = link->next;
    map->count--;
}

void address_map_clear(struct address_map *map)
{
    uint32_t buckets = load_relaxed(&map->buckets.count);
    for (uint32_t i = 0; i < buckets; i++) {
        *bucket_at(map, i) = 0;
    }
    map->count = 0;
}
