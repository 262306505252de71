/* central_list.h -- the spans of one type and size class that no thread cache holds.
 *
 * Two sets, spans with free slots (partial) and without (full), each twice: swept and unswept.
 * Which of the pair is which is said by the lowest bit of the heap's sweep generation, so that
 * "everything is unswept now" is one addition (Go's mcentral).
 *
 * All of that several times, in shards: a mutator gives to its own and looks there first. So
 * mutators do not take the sets' lines from each other, and each gets the spans back whose memory
 * its processor has in its cache.
 */
#ifndef GC_CENTRAL_LIST_H
#define GC_CENTRAL_LIST_H

#include "gc/span_set.h"
#include "gc/tuning.h"

struct central_shard {
    struct span_set partial[2]; /* by generation & 1: swept; the other: unswept */
    struct span_set full[2];
};

struct CACHE_ALIGNED central_list {
    tri_type *type;      /* written once: the type of all its spans; NULL: mixed, or large objects
                            of any type */
    uint32_t size_class; /* written once: 0 for large objects */
    uint32_t index;      /* written once: its number among the heap's lists, and its cursor's among
                            a mutator's */
    uint64_t unused[2];
    struct central_shard shards[CENTRAL_SHARDS]; /* two share a line, or one with the above */
};
_Static_assert(CURSORS_MAX <= UINT16_MAX + 1, "span.list has 16 bits");
_Static_assert(sizeof(struct central_list) == 3 * CACHE_LINE, "lists do not share a line");

void central_list_init(struct central_list *list, uint32_t index, uint32_t size_class,
                       tri_type *type);

/* All of these take from, or give to, the shard of that number. Spans come out owned by the caller,
 * up to most of them, and go in owned by the list. To take, generation is the heap's as the caller
 * has read it: where it has changed meanwhile, what comes out may be swept or not, which its
 * sweep_gen says. To push, it is the spans' own. */
struct span_chain central_list_take_partial_swept(struct central_list *list, uint32_t shard,
                                                  const struct span_table *table,
                                                  uint32_t generation, uint32_t most);
struct span_chain central_list_take_partial_unswept(struct central_list *list, uint32_t shard,
                                                    const struct span_table *table,
                                                    uint32_t generation, uint32_t most);
struct span_chain central_list_take_full_unswept(struct central_list *list, uint32_t shard,
                                                 const struct span_table *table,
                                                 uint32_t generation, uint32_t most);
void central_list_push_partial(struct central_list *list, uint32_t shard,
                               const struct span_table *table, struct span *span,
                               uint32_t generation);
void central_list_push_full(struct central_list *list, uint32_t shard,
                            const struct span_table *table, struct span *span, uint32_t generation);

/* As central_list_push_full, of all spans of chain, which is empty afterwards. */
void central_list_push_full_chain(struct central_list *list, uint32_t shard,
                                  const struct span_table *table, struct span_chain *chain,
                                  uint32_t generation);

/* Push span to where its sweep_gen and its free slots say. */
void central_list_push(struct central_list *list, uint32_t shard, const struct span_table *table,
                       struct span *span);

/* Whether any shard has an unswept span. */
bool central_list_has_unswept(const struct central_list *list, uint32_t generation);

/* Any unswept span. */
struct span *central_list_pop_unswept(struct central_list *list, uint32_t shard,
                                      const struct span_table *table, uint32_t generation);

#endif
