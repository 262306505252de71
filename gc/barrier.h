/* barrier.h -- the slow half of the write barrier, and the stores that are not inline. */
#ifndef GC_BARRIER_H
#define GC_BARRIER_H

#include "gc/heap_state.h"

/* Whether the mutator's stores must be reported. Owner only. */
static inline bool barrier_is_on(const struct tri_mutator *mutator)
{
    return load_relaxed(&mutator->head.barrier) != 0;
}

/* Copy count words with one store each, in the direction that overlap wants; each store is a
 * release. */
void barrier_copy_words(void *target, const void *source, size_t count);

/* Store word into count words, each by one releasing store. */
void barrier_fill_words(void *target, uintptr_t word, size_t count);

#endif
