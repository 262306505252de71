/* central_list.h -- the spans of one type and size class that no thread cache holds.
 *
 * Two sets, spans with free slots (partial) and without (full), each twice: swept and unswept.
 * Which of the pair is which is said by the lowest bit of the heap's sweep generation, so that
 * "everything is unswept now" is one addition (Go's mcentral).
 */
#ifndef GC_CENTRAL_LIST_H
#define GC_CENTRAL_LIST_H

#include "gc/span_set.h"

struct central_list {
    struct span_set partial[2]; /* by generation & 1: swept; the other: unswept */
    struct span_set full[2];
    tri_type *type;      /* written once: the type of all its spans; NULL: mixed, or large objects
                            of any type */
    uint32_t size_class; /* written once: 0 for large objects */
    uint32_t index;      /* written once: its number among the heap's lists, and its cursor's among
                            a mutator's */
    uint64_t unused[2];
};
_Static_assert(sizeof(struct central_list) == CACHE_LINE, "lists do not share a line");

void central_list_init(struct central_list *list, uint32_t index, uint32_t size_class,
                       tri_type *type);

/* Spans come out owned by the caller, and go in owned by the list. To pop, generation is the heap's
 * as the caller has read it: where it has changed meanwhile, what comes out may be swept or not,
 * which its sweep_gen says. To push, it is the span's own. */
struct span *central_list_pop_partial_swept(struct central_list *list,
                                            const struct span_table *table, uint32_t generation);
struct span *central_list_pop_partial_unswept(struct central_list *list,
                                              const struct span_table *table, uint32_t generation);
struct span *central_list_pop_full_unswept(struct central_list *list,
                                           const struct span_table *table, uint32_t generation);
void central_list_push_partial(struct central_list *list, const struct span_table *table,
                               struct span *span, uint32_t generation);
void central_list_push_full(struct central_list *list, const struct span_table *table,
                            struct span *span, uint32_t generation);

/* Push span to where its sweep_gen and its free slots say. */
void central_list_push(struct central_list *list, const struct span_table *table,
                       struct span *span);

/* Any unswept span. */
struct span *central_list_pop_unswept(struct central_list *list, const struct span_table *table,
                                      uint32_t generation);

#endif
