/* growing_array.h -- records of one size in the collector's own memory, by number. They never move:
 * the array grows by pieces, each twice as large as the one before. So readers need no lock.
 */
#ifndef GC_GROWING_ARRAY_H
#define GC_GROWING_ARRAY_H

#include "gc/assert.h"
#include "gc/bits.h"
#include "gc/meta_alloc.h"

/* Records of the first piece, and pieces at the most. */
#define GROWING_ARRAY_FIRST  ((uint32_t)64)
#define GROWING_ARRAY_PIECES 25

struct growing_array {
    struct meta_alloc *meta; /* written once */
    size_t bytes;            /* of a record; written once */
    uint32_t count;          /* atomic: records that there are; released by growing_array_extend */
    char *pieces[GROWING_ARRAY_PIECES]; /* written before the count that needs them */
};

/* Maps nothing yet. The memory is meta's, so there is no destroy. */
void growing_array_init(struct growing_array *array, struct meta_alloc *meta, size_t bytes);

/* Let there be count records at the least; new ones are zeroed. False where there is no memory. One
 * caller at a time. */
bool growing_array_reserve(struct growing_array *array, uint32_t count);

/* One more record; its number is the count before. As above. */
static inline bool growing_array_extend(struct growing_array *array)
{
    return growing_array_reserve(array, load_relaxed(&array->count) + 1);
}

/* Records that any thread may look at. */
static inline uint32_t growing_array_count(const struct growing_array *array)
{
    /* acquire: pairs with the release in growing_array_extend */
    return load_acquire(&array->count);
}

/* Record number index, which the caller knows to be there. Any thread. */
static inline void *growing_array_at(const struct growing_array *array, uint32_t index)
{
    uint64_t place = (uint64_t)index + GROWING_ARRAY_FIRST;
    unsigned piece = 63U - leading_zeros(place / GROWING_ARRAY_FIRST);
    return array->pieces[piece] + (place - ((uint64_t)GROWING_ARRAY_FIRST << piece)) * array->bytes;
}

#endif
