/* sweep.h -- freeing the white.
 *
 * A span is unswept while its sweep_gen is not the heap's generation. A cycle ends by adding one to
 * the generation, which makes every span unswept at once; from then on whoever takes a span out of
 * an unswept set sweeps it: mutators that look for free slots, the background thread, tri_collect.
 * Sweeping reads and writes bits beside the span only, never object memory (but for clobberfree).
 */
#ifndef GC_SWEEP_H
#define GC_SWEEP_H

#include "gc/heap_state.h"

/* The unit of sweep_state.due_kib: a span. */
#define SWEEP_PACE_ONE (UINT64_C(1) << 20)

/* In sweep_state.visitors. */
#define SWEEP_CLOSED (UINT32_C(1) << 31)

/* What a span was after its sweep. */
enum sweep_outcome {
    SWEEP_FREED,   /* no object was left: its pages are free, the span is no more */
    SWEEP_PARTIAL, /* it has free slots */
    SWEEP_FULL
};

static inline uint32_t sweep_generation(const struct tri_heap *heap)
{
    /* acquire: pairs with the release in sweep_begin, so that who sweeps for a generation sees all
     * marks of the cycle that ended with it [sweep.6] */
    return load_acquire(&heap->sweep.generation);
}

/* No thread without a mutator sweeps until the next sweep_begin. All spans are swept; CYCLE
 * held. */
void sweep_close(struct tri_heap *heap);

/* Everything that is marked is live, everything else is garbage, and every span is unswept; those
 * in mutators' caches too, which are swept once they have been given back. No marker is at work, no
 * barrier is on; CYCLE held. */
void sweep_begin(struct tri_heap *heap);

/* As sweep_close, whatever is swept or not; true where the doors were open. And open them again. */
bool sweep_pause(struct tri_heap *heap);
void sweep_resume(struct tri_heap *heap);

/* All mutators have given back what they had of the generation before, or there is something
 * unswept that nobody finds: look through all lists again. */
void sweep_rewind(struct tri_heap *heap);

/* A span was made, and given the generation that it has. */
void sweep_add_span(struct tri_heap *heap, const struct span *span);

/* What becomes of a span that has no object any more. */
enum sweep_empty {
    SWEEP_FREE,      /* its pages are free */
    SWEEP_FREE_IDLE, /* they are where it has had none before either, or is large; else it is
                        kept */
    SWEEP_KEEP       /* it is kept */
};

/* What was swept and the heap does not know of yet. All zero: nothing. */
struct sweep_tally {
    uint64_t swept; /* spans */
    uint64_t kept;  /* of them, those that were not freed */
    uint64_t freed_objects;
    uint64_t freed_bytes;
};

/* Sweep span, which the caller has taken out of an unswept set and owns, and add it to tally. A
 * span without objects that is kept is SWEEP_PARTIAL. The caller still owns it unless it was
 * freed. */
enum sweep_outcome sweep_span(struct tri_heap *heap, struct span *span, enum sweep_empty empty,
                              struct sweep_tally *tally);

/* Let the heap know of all that is in tally, which is empty afterwards. No safepoint may lie
 * between a sweep and this: the cycle waits for it. */
void sweep_report(struct tri_heap *heap, struct sweep_tally *tally);

/* Sweep count more spans and put them where they belong, or give back some spans of freed regions
 * instead. False where none is left to take; others may still be sweeping theirs. */
bool sweep_up_to(struct tri_heap *heap, size_t count);

/* Sweep until pages pages came free by it, or all is swept: before the heap grows by so much while
 * garbage holds as much. */
void sweep_reclaim(struct tri_heap *heap, size_t pages);

/* Sweeping shall be over when the heap has grown from live to trigger. GOAL held. */
void sweep_set_pace(struct tri_heap *heap, uint64_t live, uint64_t trigger);

/* Sweep what is due by that pace, a few spans at the most for each of taken. Where the mutator with
 * that cache takes so many spans. */
void sweep_keep_up(struct tri_heap *heap, const struct thread_cache *cache, uint32_t taken);

/* Whether span, which the caller owns, must be swept before anything is allocated from it. What
 * came out of a set says nothing: the generation may have changed since. */
static inline bool sweep_is_wanted(const struct tri_heap *heap, const struct span *span)
{
    return span->sweep_gen != sweep_generation(heap);
}

/* Sweep up to count spans. False where none is left to take, or a cycle is about to begin. For
 * threads without a mutator. */
bool sweep_some(struct tri_heap *heap, size_t count);

/* Sweep all that is left, and wait for others to finish theirs: every span is swept afterwards,
 * every mark bit clear. No mutator still has a span of the generation before. */
void sweep_finish(struct tri_heap *heap);

/* As sweep_finish, and every span is in a set or a cache again: a thread without a mutator puts its
 * span back only after it has counted it as swept. All mutators are held. */
void sweep_settle(struct tri_heap *heap);

static inline bool sweep_is_done(const struct tri_heap *heap)
{
    /* acquire: pairs with the release half in sweep_report, so that the caller sees swept spans'
     * bits */
    return load_acquire(&heap->sweep.spans[(sweep_generation(heap) & 1) ^ 1]) == 0;
}

#endif
