/* barrier.h -- the slow half of the write barrier, and the stores that are not inline. */
#ifndef GC_BARRIER_H
#define GC_BARRIER_H

#include "gc/heap_state.h"

/* What tri_mutator_head_.barrier says. */
enum barrier_mode {
    BARRIER_OFF = 0,
    BARRIER_GREY = 1,     /* the mutator's stack is grey: old and new values are recorded */
    BARRIER_BLACK = 2,    /* it is black: old values are */
    BARRIER_INSERTION = 3 /* the heap's barrier is TRI_BARRIER_INSERTION: new values are */
};

/* Beside the mode, for as long as the mutator lives: barrierverify=1. Every store takes the slow
 * path, whatever the mode is. */
#define BARRIER_VERIFY UINT32_C(4)

/* Owner, or whoever acts for it. */
static inline enum barrier_mode barrier_mode_of(const struct tri_mutator *mutator)
{
    return (enum barrier_mode)(load_relaxed(&mutator->head.barrier) & ~BARRIER_VERIFY);
}

static inline bool barrier_is_verified(const struct tri_mutator *mutator)
{
    return (load_relaxed(&mutator->head.barrier) & BARRIER_VERIFY) != 0;
}

static inline void barrier_set_mode(struct tri_mutator *mutator, enum barrier_mode mode)
{
    uint32_t verify = load_relaxed(&mutator->head.barrier) & BARRIER_VERIFY;
    store_relaxed(&mutator->head.barrier, (uint32_t)mode | verify);
}

/* Whether stores take the slow path. Owner only. */
static inline bool barrier_is_slow(const struct tri_mutator *mutator)
{
    return load_relaxed(&mutator->head.barrier) != 0;
}

/* Whether the mutator's stores must be reported. Owner only. */
static inline bool barrier_is_on(const struct tri_mutator *mutator)
{
    return barrier_mode_of(mutator) != BARRIER_OFF;
}

/* What must be recorded for a store of word over old. Owner only, with the barrier on, before the
 * store (after it in insertion mode). */
void barrier_store(struct tri_mutator *mutator, uintptr_t old, uintptr_t word);

/* Record the address of an object, to be shaded at the mutator's next answer at the latest. Owner
 * only, with the barrier on. */
void barrier_record(struct tri_mutator *mutator, uintptr_t address);

/* For the first store into a slot of a fresh object. */
void barrier_init(struct tri_mutator *mutator, uintptr_t word);

/* The stores themselves, with all that the mutator's flag asks for. Owner only. */
void barrier_put(struct tri_mutator *mutator, void *slot, uintptr_t word);
void barrier_put_first(struct tri_mutator *mutator, void *slot, uintptr_t word);
bool barrier_put_cas(struct tri_mutator *mutator, void *slot, uintptr_t *expected,
                     uintptr_t desired);

/* For stores into slots of object that the host cannot name: before the first of them after a
 * safepoint. */
void barrier_written(struct tri_mutator *mutator, const void *object);

/* Object shall be scanned, or scanned again, at the mutator's next answer. */
void barrier_remember(struct tri_mutator *mutator, const void *object);

/* Shade what is recorded and give up what that made grey. Owner, or whoever acts for it. */
void barrier_flush(struct tri_mutator *mutator);

/* Scan what is remembered; where it is much, give it to the markers. As barrier_flush. */
void barrier_scan_remembered(struct tri_mutator *mutator);

/* At a safepoint that is no answer: scan what is remembered where it has become much. Owner
 * only. */
void barrier_catch_up(struct tri_mutator *mutator);

/* The mutator is about to become blocked, and another one, which a lock of the host's kept waiting,
 * may run: scan what is remembered. Owner only. */
void barrier_before_block(struct tri_mutator *mutator);

/* The count words at words are about to be gone. Owner only, with the barrier on. */
void barrier_deleted(struct tri_mutator *mutator, const uintptr_t *words, size_t count);

/* Word has been stored, in insertion mode. Owner only, where stores take the slow path. */
void barrier_stored(struct tri_mutator *mutator, uintptr_t word);

/* The mutator is about to detach: give up what is recorded and remembered. Owner only, with the
 * barrier on. */
void barrier_leave(struct tri_mutator *mutator);

/* Forget what is recorded and remembered: marking is over. As barrier_flush. */
void barrier_discard(struct tri_mutator *mutator);

/* Copy count words with one store each, in the direction that overlap wants; each store is a
 * release, and passes the barrier where it is on. Owner only. */
void barrier_copy_words(struct tri_mutator *mutator, void *target, const void *source,
                        size_t count);

/* Store word into count words, each by one releasing store, with the barrier where it is on. */
void barrier_fill_words(struct tri_mutator *mutator, void *target, uintptr_t word, size_t count);

#endif
