/**
 * @file weak.h
 * Weak references, which do not keep their target alive, and say whether it still is; ephemerons,
 * which hold a value as long as a key lives.
 *
 *     TRI_LOCAL(0) = tri_weak_new(m, node);        // an object like any other
 *     ...
 *     struct node *node = tri_weak_get(m, TRI_LOCAL(0));
 *     if (node == TRI_NULL) { ... }                // it was collected
 *
 * They are objects of the heap: a weak reference that nothing refers to is collected itself. See
 * docs/embedding.md.
 */
#ifndef TRILLIUM_WEAK_H
#define TRILLIUM_WEAK_H

#include <trillium/store.h>

TRI_BEGIN_DECLS

/** The slow halves of the functions below. @{ */
TRI_API TRI_NOINLINE tri_ref tri_weak_get_slow_(tri_mutator *mutator, tri_ref weak);
TRI_API TRI_NOINLINE void tri_check_weak_(tri_mutator *mutator, tri_ref weak);
/** @} */

/**
 * Make an object that refers weakly to the object at @p target.
 *
 * @param target  an address of an object of the mutator's heap, or into one, or ::TRI_NULL; not of
 *                a region. It is kept alive during the call
 *
 * @return the weak reference; ::TRI_NULL where memory is exhausted as in ::tri_alloc, or the heap
 *         has ::TRI_TYPES_MAX types.
 * Threads:   the mutator's own, running.
 * Safepoint: yes.
 * Cost:      the allocation of 16 bytes; each cycle looks at each live weak reference once.
 */
TRI_API tri_ref tri_weak_new(tri_mutator *mutator, tri_ref target);

/**
 * The target of the weak reference at @p weak; ::TRI_NULL once it was collected. It is cleared
 * before any of the target's finalizers runs, together with all others to the same object, and to
 * what else died with it; a NULL stays one. (A weak reference that had died itself, and that a
 * finalizer brings back, is not cleared of what was brought back with it.) What the call yields is
 * an ordinary reference: it keeps its object alive where a safepoint can find it.
 *
 * Threads:   the mutator's own, running.
 * Safepoint: no.
 * Cost:      a load and a predictable branch; while a cycle is marking, the look at a mark, and
 *            where the target was not reached yet, an entry in a buffer. Reads of targets that
 *            nothing else refers to make the end of marking take longer.
 */
TRI_INLINE tri_ref tri_weak_get(tri_mutator *mutator, tri_ref weak)
{
    if (TRI_CHECKED) {
        tri_check_weak_(mutator, weak);
    }
    if (TRI_UNLIKELY(tri_barrier_is_on(mutator))) {
        return tri_weak_get_slow_(mutator, weak);
    }
    return (tri_ref)TRI_LOAD_RELAXED((const tri_aliased_word *)weak);
}

/**
 * Make an ephemeron: an object that holds @p value as long as the object at @p key lives, and does
 * not keep that alive, not even where the value refers to the key.
 *
 * @param key    an address of an object of the mutator's heap, or into one; not of a region
 * @param value  in the heap's value_encoding. Both are kept alive during the call
 *
 * @return, Threads, Safepoint: as ::tri_weak_new.
 * Cost:      as ::tri_weak_new; a cycle that meets it before its key takes some 50 bytes until it
 *            ends. Marking is linear, whatever hangs on what.
 * Source:    Hayes's ephemerons; found by the key's mark, not by looking at all of them again.
 */
TRI_API tri_ref tri_ephemeron_new(tri_mutator *mutator, tri_ref key, tri_word value);

/**
 * The key, or the value, of the ephemeron at @p ephemeron; ::TRI_NULL, or 0, once the key was
 * collected. Where the key is kept for a finalizer, its own or that of an object that leads to it,
 * both are there again when the cycle that found it dead has ended, before the finalizer has run.
 *
 * Threads, Safepoint, Cost: as ::tri_weak_get. @{
 */
TRI_API tri_ref tri_ephemeron_key(tri_mutator *mutator, tri_ref ephemeron);
TRI_API tri_word tri_ephemeron_value(tri_mutator *mutator, tri_ref ephemeron);
/** @} */

TRI_END_DECLS

#endif
