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

/** The slow halves of the functions below, the store included. @{ */
TRI_API TRI_NOINLINE void tri_store_slow_(tri_mutator *mutator, void *slot, tri_word word);
TRI_API TRI_NOINLINE void tri_init_slow_(tri_mutator *mutator, void *slot, tri_word word);
TRI_API TRI_NOINLINE void tri_check_store_(tri_mutator *mutator, const void *slot, tri_word word);
TRI_API TRI_NOINLINE void tri_check_unrecorded_(tri_mutator *mutator, const void *slot,
                                                tri_word word);
TRI_API TRI_NOINLINE void tri_stored_slow_(tri_mutator *mutator, tri_word word);
TRI_API TRI_NOINLINE void tri_check_stored_(tri_mutator *mutator, const void *container,
                                            tri_word word);
/** @} */

/**
 * Whether stores must pass the barrier: a cycle is marking, or a debugging mode looks at them.
 *
 * False holds until this mutator's next safepoint: the next call that is one, also where it has
 * nothing to do. Up to there ::tri_store_unrecorded may stand for ::tri_store and ::tri_init, so
 * that one test serves several stores:
 *
 *     if (TRI_UNLIKELY(tri_barrier_is_on(mutator))) {
 *         return enter_recorded(mutator, entry, key, value);   // the same by tri_store
 *     }
 *     tri_store_unrecorded(mutator, &entry->key, key);
 *     tri_store_unrecorded(mutator, &entry->value, value);
 *
 * Where the other way is a call in tail position, of a function that is not inlined, no register
 * need be saved for it. The answer is one mutator's: others' barriers go on and off at safepoints
 * of their own. True says nothing about the next store.
 *
 * Threads:   the mutator's own, running. Safepoint: no. Cost: one load.
 */
TRI_INLINE bool tri_barrier_is_on(const tri_mutator *mutator)
{
    /* A plain load: what is written to it for a blocked mutator comes before that one is
     * running. */
    const struct tri_mutator_head_ *head = (const struct tri_mutator_head_ *)(const void *)mutator;
    return head->barrier != 0;
}

/**
 * ::tri_store or ::tri_init where ::tri_barrier_is_on has been false since this mutator's last
 * safepoint. With ::TRI_CHECKED the process ends where it is true.
 *
 * Threads, Safepoint: as ::tri_store. Cost: the store.
 */
TRI_INLINE void tri_store_unrecorded(tri_mutator *mutator, void *slot, tri_word word)
{
    if (TRI_CHECKED) {
        tri_check_unrecorded_(mutator, slot, word);
    }
    (void)mutator;
    /* release: pairs with the dependent load of whoever follows the word, marker or mutator */
    TRI_STORE_RELEASE((tri_aliased_word *)slot, word);
}

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
    if (TRI_CHECKED) {
        tri_check_store_(mutator, slot, word);
    }
    if (TRI_UNLIKELY(tri_barrier_is_on(mutator))) {
        tri_store_slow_(mutator, slot, word);
        return;
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
    if (TRI_CHECKED) {
        tri_check_store_(mutator, slot, word);
    }
    if (TRI_UNLIKELY(tri_barrier_is_on(mutator))) {
        tri_init_slow_(mutator, slot, word);
        return;
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

/**
 * Say that @p word was stored into a slot of the object at @p container, or into the global slot
 * there, by one plain store that is a release or stronger: for heaps of ::TRI_BARRIER_INSERTION,
 * which need not hear of what was there before. Between the store and the report lies no safepoint.
 *
 * In such a heap stores into an object that this mutator has just allocated need no report at all,
 * and need be no release, as long as no other mutator can find the object, until this mutator's
 * next safepoint: the next call that is one, also where it has nothing to do. From there on each
 * store is reported, as is each one into an object that others can find. What the object refers to
 * is looked at in that safepoint or a later one; so before a fresh object with unreported
 * references is shown to a mutator that runs beside this one, say ::tri_written of it, or report
 * these references. (Mutators of which a lock of the host's lets one run at a time do not run
 * beside each other if they wait for the lock in a blocking region.) ::tri_store, ::tri_init and
 * their kin report by themselves and may be mixed with these.
 *
 * Threads:   the mutator's own, running.
 * Safepoint: no.
 * Cost:      one load and one predictable branch while no cycle is marking.
 * Source:    the insertion barrier of Dijkstra, Lamport and others.
 */
TRI_INLINE void tri_stored(tri_mutator *mutator, const void *container, tri_word word)
{
    if (TRI_CHECKED) {
        tri_check_stored_(mutator, container, word);
    }
    if (TRI_UNLIKELY(tri_barrier_is_on(mutator))) {
        tri_stored_slow_(mutator, word);
    }
}

/**
 * Say that references were stored into the object at @p container since the last safepoint, after
 * the fact: it is scanned again at the mutator's next safepoint, where a cycle is marking. This
 * covers what was stored, not what was replaced: enough in a heap of ::TRI_BARRIER_INSERTION, in
 * others only for slots that held no reference before. Until then no mutator that runs beside this
 * one may find the object; where one may, use ::tri_stored.
 *
 * Threads:   as ::tri_store. Safepoint: no. Cost: one branch; while a cycle is marking, an entry in
 *            a list, and the scan.
 */
TRI_API void tri_remember(tri_mutator *mutator, tri_ref container);

/**
 * Releases @p block, which ::tri_free_later was given. Called on the thread of that call or on any
 * other, perhaps with locks of the heap held: it must not call Trillium, nor wait for a thread that
 * does.
 */
typedef void tri_release_function(void *block, void *argument);

/**
 * Let @p release(@p block, @p argument) be called once no trace function can be reading @p block:
 * memory of the host's own that an object has referred to and that its trace function reads. The
 * object must not lead to it any more: the new block's address, or NULL, is stored there before.
 * While no cycle is marking the call is made at once, else when marking has ended; at the latest
 * when the heap is destroyed.
 *
 * @param words  the references that the block holds, @p count words in the encodings of the heap's
 *               types: their objects stay alive for this cycle, as if each had been overwritten by
 *               ::tri_store. May be NULL where count is 0
 *
 * @return ::TRI_OK; ::TRI_E_INVALID for a NULL release, or NULL words and a count; ::TRI_E_NOMEM
 *         where there is no memory to remember the block: then nothing has happened.
 * Threads:   the mutator's own, running. Safepoint: no. Cost: that of the release; while a cycle is
 *            marking, an entry in a list, and the barrier for each word.
 */
TRI_API tri_result tri_free_later(tri_mutator *mutator, void *block, const tri_word *words,
                                  size_t count, tri_release_function *release, void *argument);

TRI_END_DECLS

#endif
