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
    for (unsigned i = 0; i < CENTRAL_SHARDS; i++) {
        struct central_shard *shard = &list->shards[i];
        for (unsigned half = 0; half < 2; half++) {
            span_set_init(&shard->partial[half]);
            span_set_init(&shard->full[half]);
        }
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

struct span_chain central_list_take_partial_swept(struct central_list *list, uint32_t shard,
                                                  const struct span_table *table,
                                                  uint32_t generation, uint32_t most)
{
    return span_set_pop_chain(&list->shards[shard].partial[swept(generation)], table, most);
}

struct span_chain central_list_take_partial_unswept(struct central_list *list, uint32_t shard,
                                                    const struct span_table *table,
                                                    uint32_t generation, uint32_t most)
{
    return span_set_pop_chain(&list->shards[shard].partial[unswept(generation)], table, most);
}

struct span_chain central_list_take_full_unswept(struct central_list *list, uint32_t shard,
                                                 const struct span_table *table,
                                                 uint32_t generation, uint32_t most)
{
    return span_set_pop_chain(&list->shards[shard].full[unswept(generation)], table, most);
}

struct span *central_list_pop_unswept(struct central_list *list, uint32_t shard,
                                      const struct span_table *table, uint32_t generation)
{
    struct span *span = span_set_pop(&list->shards[shard].full[unswept(generation)], table);
    return span != NULL ? span
                        : span_set_pop(&list->shards[shard].partial[unswept(generation)], table);
}

bool central_list_has_unswept(const struct central_list *list, uint32_t generation)
{
    bool empty = true;
    for (unsigned i = 0; i < CENTRAL_SHARDS && empty; i++) {
        empty = span_set_is_empty(&list->shards[i].full[unswept(generation)]) &&
                span_set_is_empty(&list->shards[i].partial[unswept(generation)]);
    }
    return !empty;
}

void central_list_push_partial(struct central_list *list, uint32_t shard,
                               const struct span_table *table, struct span *span,
                               uint32_t generation)
{
    TRI_ASSERT(span->sweep_gen == generation); /* [central_list.1] */
    TRI_ASSERT(span->list == list->index);
    span_set_push(&list->shards[shard].partial[swept(generation)], table, span);
}

void central_list_push_full(struct central_list *list, uint32_t shard,
                            const struct span_table *table, struct span *span, uint32_t generation)
{
    TRI_ASSERT(span->sweep_gen == generation); /* [central_list.1] */
    TRI_ASSERT(span->list == list->index);
    span_set_push(&list->shards[shard].full[swept(generation)], table, span);
}

void central_list_push_full_chain(struct central_list *list, uint32_t shard,
                                  const struct span_table *table, struct span_chain *chain,
                                  uint32_t generation)
{
    TRI_ASSERT(chain->count == 0 || /* [central_list.1], of all of them as of the first */
               span_at(table, chain->first)->sweep_gen == generation);
    span_set_push_chain(&list->shards[shard].full[swept(generation)], table, chain);
}

void central_list_push(struct central_list *list, uint32_t shard, const struct span_table *table,
                       struct span *span)
{
    if (span_count_allocated(span) < span->slots) {
        central_list_push_partial(list, shard, table, span, span->sweep_gen);
    } else {
        central_list_push_full(list, shard, table, span, span->sweep_gen);
    }
}
