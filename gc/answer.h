/* answer.h -- a mutator's part in a cycle: what it does when the collector asks. */
#ifndef GC_ANSWER_H
#define GC_ANSWER_H

#include "gc/heap_state.h"
#include "gc/port.h"

/* Answer a handshake. By the mutator's thread at a safepoint, or by the collector for one that is
 * blocked. returns: its thread goes on with the host's program afterwards, and can mark. */
void answer_handshake(struct tri_mutator *mutator, enum handshake_kind kind, bool returns);

/* The mutator attaches; kind is the last handshake that was begun. With whatever keeps the next one
 * from beginning. */
void answer_attach(struct tri_mutator *mutator, enum handshake_kind kind);

/* The mutator is about to detach: give up all that it has. Owner only. */
void answer_detach(struct tri_mutator *mutator);

/* Give the mutator's cache back and account for it. Owner, or whoever acts for it. */
void answer_flush_cache(struct tri_mutator *mutator);

/* The mutator will not run for some time: give back all that it keeps to be quick, spans, pages and
 * segments, and let others have what it has of pools. Owner, or whoever acts for it. */
void answer_rest(struct tri_mutator *mutator);

/* Whether it keeps anything of that. Owner only. */
static inline bool answer_keeps(const struct tri_mutator *mutator)
{
    const struct thread_cache *cache = &mutator->cache;
    return cache->first_held != 0 || !page_cache_is_empty(&cache->pages) || mutator->pools != NULL;
}

/* The mutator's own thread has answered a handshake of kind, for which it stopped at start. */
void answer_count_stall(struct tri_heap *heap, enum handshake_kind kind, struct stall_times start);

/* The answer to a handshake of kind has kept the mutator's own thread for ns, which are counted
 * otherwise: for the figures of the cycle. */
void answer_note_stall(struct tri_heap *heap, enum handshake_kind kind, uint64_t ns);

#endif
