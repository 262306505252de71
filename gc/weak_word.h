/* weak_word.h -- the instant at which marking ends, and what comes too late for it.
 *
 * Owns:       weak_state.word.
 * Idea:       whoever makes something white reachable, or grey, after the last mutator has answered
 *             the rounds of flush, must be noticed by the collector, or notice that it has ended
 *             marking. Both go through one word. A mutator sets DISTURBED before it does so; the
 *             collector ends marking by one exchange of 0 for ENDED, and where that fails, clears
 *             the word and asks for two more rounds.
 * Invariants:
 *   [weak_word.1] A mutator MUST turn nothing grey once the word says ENDED; otherwise a piece of
 *                 garbage that a word which looks like a reference has led to is marked, and a read
 *                 of a weak reference takes it for live while what it refers to is white.
 *   [weak_word.2] The word MUST be cleared before the first of two rounds begins, and not between
 *                 them; otherwise the second one does not know of a read that came between.
 *   [weak_word.3] ENDED MUST stand until all have answered disarm, and be gone before the next
 *                 cycle arms; otherwise a mutator shades, or does not, by a cycle that is none of
 *                 its own.
 * Locks:      none. Only who holds CYCLE clears the word or sets ENDED.
 *
 * While no round is under way DISTURBED stays set, so that nobody writes to the word: who sees it
 * set and not ENDED has not answered since it was cleared, if it was, so marking does not end
 * before that one has answered twice more.
 */
#ifndef GC_WEAK_WORD_H
#define GC_WEAK_WORD_H

#include "gc/heap_state.h"

#define WEAK_DISTURBED UINT32_C(1)
#define WEAK_ENDED     UINT32_C(2)

/* The caller, a mutator with its barrier on, is about to turn something grey, or to have what it
 * found in a weak reference. False where marking has ended. */
static inline bool weak_disturb(struct tri_heap *heap)
{
    uint32_t *word = &heap->weak.word;
    if (load_relaxed(word) == WEAK_DISTURBED) {
        return true;
    }
    /* Pairs with the exchange in weak_try_end, the acquire half with its release half: who sees the
     * end sees all marks. */
    return !(fetch_or_seq_cst(word, WEAK_DISTURBED) & WEAK_ENDED); /* [weak_word.1] */
}

/* Whether marking has ended, as far as the caller knows. */
static inline bool weak_has_ended(const struct tri_heap *heap)
{
    /* acquire: pairs with the exchange in weak_try_end, so that who sees the end sees all marks */
    return (load_acquire(&heap->weak.word) & WEAK_ENDED) != 0;
}

/* The first of two rounds is about to begin [weak_word.2]. CYCLE held, as below. */
static inline void weak_begin_rounds(struct tri_heap *heap)
{
    store_relaxed(&heap->weak.word, 0U);
}

/* The second quiet round is over: marking ends, unless somebody has disturbed it. */
static inline bool weak_try_end(struct tri_heap *heap)
{
    uint32_t expected = 0;
    /* pairs with weak_disturb */
    return cas_seq_cst(&heap->weak.word, &expected, WEAK_ENDED);
}

/* No barrier is on [weak_word.3]. */
static inline void weak_reopen(struct tri_heap *heap)
{
    store_relaxed(&heap->weak.word, WEAK_DISTURBED);
}

#endif
