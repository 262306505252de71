/* central_list.c -- which set a span goes to and comes from.
 *
 * Owns:       the sets of spans; a span in one of them belongs to the list.
 * Invariants:
 *   [central_list.1] A span MUST be pushed to the set of its own sweep_gen; otherwise it is handed
 *                    to a mutator with the marks of a cycle that is over, and its garbage is never
 *                    found. A generation that changes meanwhile makes that set an unswept one,
 *                    where the span then belongs.
 * Locks:      none.
 * Callers:    alloc, large, sweep, thread_cache.
 */
#include "gc/central_list.h"

#include "gc/assert.h"

void central_list_init(struct central_list *list, uint32_t index, uint32_t size_class,
                       tri_type *type)
{
    for (unsigned i = 0; i < 2; i++) {
        span_set_init(&list->partial[i]);
        span_set_init(&list->full[i]);
    }
    list->type = type;
    list->size_class = size_class;
    list->index = index;
}

static unsigned swept(uint32_t generation)
{
    return generation & 1;
}

static unsigned unswept(uint32_t generation)
{
    return (generation & 1) ^ 1;
}

struct span *central_list_pop_partial_swept(struct central_list *list,
                                            const struct span_table *table, uint32_t generation)
{
    return span_set_pop(&list->partial[swept(generation)], table);
}

struct span *central_list_pop_partial_unswept(struct central_list *list,
                                              const struct span_table *table, uint32_t generation)
{
    return span_set_pop(&list->partial[unswept(generation)], table);
}

struct span *central_list_pop_full_unswept(struct central_list *list,
                                           const struct span_table *table, uint32_t generation)
{
    return span_set_pop(&list->full[unswept(generation)], table);
}

struct span *central_list_pop_unswept(struct central_list *list, const struct span_table *table,
                                      uint32_t generation)
{
    struct span *span = central_list_pop_full_unswept(list, table, generation);
    return span != NULL ? span : central_list_pop_partial_unswept(list, table, generation);
}

void central_list_push_partial(struct central_list *list, const struct span_table *table,
                               struct span *span, uint32_t generation)
{
    TRI_ASSERT(span->sweep_gen == generation); /* [central_list.1] */
    TRI_ASSERT(span->list == list->index);
    span_set_push(&list->partial[swept(generation)], table, span);
}

void central_list_push_full(struct central_list *list, const struct span_table *table,
                            struct span *span, uint32_t generation)
{
    TRI_ASSERT(span->sweep_gen == generation); /* [central_list.1] */
    TRI_ASSERT(span->list == list->index);
    span_set_push(&list->full[swept(generation)], table, span);
}

void central_list_push(struct central_list *list, const struct span_table *table, struct span *span)
{
    if (span_count_allocated(span) < span->slots) {
        central_list_push_partial(list, table, span, span->sweep_gen);
    } else {
        central_list_push_full(list, table, span, span->sweep_gen);
    }
}
