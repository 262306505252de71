/**
 * @file store.h
 * The write barrier: every store of a reference into a heap object or a global slot goes through
 * one of these functions.
 *
 * They store the host's *encoded* word: a reference, nil or a number are the same call. Stores into
 * the mutator's own stack (its frames, the stack that its scanner reports) need no barrier. A load
 * needs none ever.
 */
#ifndef TRILLIUM_STORE_H
#define TRILLIUM_STORE_H

#include <trillium/detail/mutator_layout.h>

TRI_BEGIN_DECLS

/** The slow halves of the functions below. @{ */
TRI_API TRI_NOINLINE void tri_store_slow_(tri_mutator *mutator, const void *slot, tri_word word);
TRI_API TRI_NOINLINE void tri_init_slow_(tri_mutator *mutator, tri_word word);
TRI_API TRI_NOINLINE void tri_check_store_(tri_mutator *mutator, const void *slot, tri_word word);
/** @} */

/**
 * Store @p word into @p slot, a word of a heap object or of a global slot, with the barrier.
 *
 * @param slot  aligned to 8 bytes
 *
 * Threads:   the mutator's own, running. Stores by several threads to one slot are the host's to
 *            order; whatever it does, the collector stays sound. The store is a release, so a
 *            thread that loads the word sees the object behind it.
 * Safepoint: no.
 * Cost:      one load, one predictable branch and the store while no cycle is marking.
 * Source:    the hybrid barrier of Go (deletion by Yuasa, insertion by Dijkstra).
 */
TRI_INLINE void tri_store(tri_mutator *mutator, void *slot, tri_word word)
{
    const struct tri_mutator_head_ *head = (const struct tri_mutator_head_ *)(const void *)mutator;
    if (TRI_CHECKED) {
        tri_check_store_(mutator, slot, word);
    }
    if (TRI_UNLIKELY(TRI_LOAD_RELAXED(&head->barrier) != 0)) {
        tri_store_slow_(mutator, slot, word);
    }
    /* release: pairs with the dependent load of whoever follows the word, marker or mutator */
    TRI_STORE_RELEASE((tri_aliased_word *)slot, word);
}

/** ::tri_store of a plain address. */
TRI_INLINE void tri_store_ref(tri_mutator *mutator, void *slot, const void *reference)
{
    tri_store(mutator, slot, (tri_word)reference);
}

/**
 * The first store into a slot of an object that was allocated by this mutator and is still unknown
 * to every other thread and to the heap. Cheaper than ::tri_store because there is no old value.
 * When in doubt, use ::tri_store.
 *
 * Threads, Safepoint: as ::tri_store.
 */
TRI_INLINE void tri_init(tri_mutator *mutator, void *slot, tri_word word)
{
    const struct tri_mutator_head_ *head = (const struct tri_mutator_head_ *)(const void *)mutator;
    if (TRI_CHECKED) {
        tri_check_store_(mutator, slot, word);
    }
    if (TRI_UNLIKELY(TRI_LOAD_RELAXED(&head->barrier) != 0)) {
        tri_init_slow_(mutator, word);
    }
    /* release: pairs as in tri_store */
    TRI_STORE_RELEASE((tri_aliased_word *)slot, word);
}

/** ::tri_init of a plain address. */
TRI_INLINE void tri_init_ref(tri_mutator *mutator, void *slot, const void *reference)
{
    tri_init(mutator, slot, (tri_word)reference);
}

/**
 * Copy @p count words from @p source to @p target with the barrier, each by a single store; they
 * may overlap. All words count as possible references, also those that the layout calls plain data.
 *
 * Threads:   as ::tri_store.  Safepoint: no.  Cost: a memmove while no cycle is marking.
 */
TRI_API void tri_store_range(tri_mutator *mutator, void *target, const void *source, size_t count);

/** Store @p word into each of @p count words from @p target on, with the barrier. Otherwise as
 * ::tri_store_range. */
TRI_API void tri_fill_range(tri_mutator *mutator, void *target, tri_word word, size_t count);

/**
 * Atomically replace *@p slot by @p desired where it equals *@p expected; else load it into *@p
 * expected. With the barrier. Sequentially consistent.
 *
 * @return whether it was replaced.
 * Threads, Safepoint, Cost: as ::tri_store.
 */
TRI_API bool tri_cas(tri_mutator *mutator, void *slot, tri_word *expected, tri_word desired);

/**
 * Say that the object at @p reference was or is about to be written in slots that the host cannot
 * name: before the first store after a safepoint, its references as they stand are taken up by the
 * barrier. For hash tables in foreign code, and the like. Every store of a reference into it until
 * the next safepoint is then covered, provided that what is stored is also held in this mutator's
 * roots until then.
 *
 * Threads:   as ::tri_store. Safepoint: no. Cost: that of scanning the object while a cycle is
 *            marking, else one branch.
 */
TRI_API void tri_written(tri_mutator *mutator, tri_ref reference);

TRI_END_DECLS

#endif
