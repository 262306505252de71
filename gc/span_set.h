/* span_set.h -- a set of spans that any thread puts into and takes out of without a lock.
 *
 * A stack, linked through the spans' next fields by page number. Its head is one word: the page
 * number of the top span and a tag that changes with every change, so that a compare-and-swap
 * notices when a span was taken and put back meanwhile (Note [N1 tagged head] in
 * docs/memory-model.md). Entries of the span table are never unmapped before the heap ends, so
 * reading the next field of a span that somebody else has just taken yields a stale number, never a
 * fault, and the tag throws it away.
 * Source: Treiber's stack (1986) with IBM's tag.
 */
#ifndef GC_SPAN_SET_H
#define GC_SPAN_SET_H

#include "gc/span.h"

/* Spans in a row, linked by their next fields, that belong to one thread and are in no set. All
 * zero: none. */
struct span_chain {
    page_index first; /* first and last: valid where count is not 0 */
    page_index last;
    uint32_t count;
};

/* Put span, which the caller owns and which is in no set, in front. */
void span_chain_put(struct span_chain *chain, const struct span_table *table, struct span *span);

/* Take the one in front; NULL if there is none. */
struct span *span_chain_take(struct span_chain *chain, const struct span_table *table);

struct span_set {
    uint64_t head; /* atomic: tag in the upper half, page number of the top span (PAGE_NONE: empty)
                      in the lower */
};

void span_set_init(struct span_set *set);

/* The caller owns span, which is in no set; from now on it belongs to the set. Lock-free: a retry
 * means that another thread's operation succeeded. */
void span_set_push(struct span_set *set, const struct span_table *table, struct span *span);

/* A span that the caller owns now; NULL if the set is empty. Lock-free. */
struct span *span_set_pop(struct span_set *set, const struct span_table *table);

/* Put all spans of chain, which is empty afterwards, into set: as span_set_push, in one
 * exchange. */
void span_set_push_chain(struct span_set *set, const struct span_table *table,
                         struct span_chain *chain);

/* Take up to most spans, at least 1, in one exchange: as span_set_pop. */
struct span_chain span_set_pop_chain(struct span_set *set, const struct span_table *table,
                                     uint32_t most);

static inline bool span_set_is_empty(const struct span_set *set)
{
    return (uint32_t)load_relaxed(&set->head) == PAGE_NONE;
}

/* The spans one after the other, while nobody changes the set: NULL for the first, NULL at the
 * end. */
struct span *span_set_next(const struct span_set *set, const struct span_table *table,
                           const struct span *span);

#endif
