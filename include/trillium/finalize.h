/**
 * @file finalize.h
 * Finalizers and cleanups: what a host wants to do about an object that nobody can reach any more.
 *
 *   - a *cleanup* is called when its object is gone, and never sees it: to close a file descriptor,
 *     to free a block. Any number for an object. Prefer these: the object is freed in the cycle
 *     that finds it dead, cycles of references are no matter, and nothing can go wrong with
 *     order.
 *   - a *finalizer* is called with the object itself, which is kept until then with all that it
 *     refers to, and which the finalizer may store somewhere: the object lives on then. One for an
 *     object, by ::tri_finalizer_attach, or one for all objects of a type, by tri_type_desc.
 *
 * Who is found dead by a cycle goes to a queue, and the host runs the queue by
 * ::tri_finalizers_run, at a time of its choosing, on a mutator's thread; or a thread of the
 * library's does (tri_heap_options.finalizer_thread). Nothing of it is ever called inside an
 * allocation, a store or a collection. A finalizer may do all that a host can do: allocate, store,
 * collect, attach, run further ones.
 *
 * What holds:
 *   1. A finalizer runs at most once for each time that it was attached, that of a type once for
 *      each object, and never while its object can be reached, except by other objects that wait.
 *      Weak references to the object and to what only it refers to have been cleared by then.
 *   2. What an object refers to, directly or not, is finalized after it: its finalizer finds
 *      things as they were (::TRI_FINALIZER_ORDERED). Objects that refer to each other in a circle
 *      have no such order: they are finalized together, when nothing else that waits refers to
 *      them, and one collection later than others. The finalizers of types, and those attached
 *      with ::TRI_FINALIZER_UNORDERED, keep no order among themselves; but they wait for ordered
 *      ones whose object refers to theirs. One that brings its object back to life brings back what
 *      that refers to, also where this waits already: rule 1 holds among ordered ones only, and not
 *      for what a weak reference leads to that had died itself and was brought back.
 *      The value that an ephemeron that lives holds for a key is nothing that the key refers to, as
 *      far as order goes: the finalizers of both may wait at the same time. And an ephemeron yields
 *      its key while that waits. What is found by such ephemerons, then, may wait, too, and rule 1
 *      does not hold for it.
 *   3. A cleanup runs when its object is gone for good: after its finalizer, if it has one, has run
 *      and it has died again. Cleanups have no order.
 *   4. What waits, and all that it refers to, is kept. A host that never runs the queue keeps all
 *      of it for ever; tri_stats.finalizers_waiting says how much that is.
 *   5. Where a cycle could not find out what is dead for want of memory, it queues nothing, and the
 *      next one does.
 *
 * What is attached belongs to the object, not to the one that ::tri_resize_array makes in its
 * place. ::tri_heap_destroy drops what is attached or waits: nothing of it is run. In the child of
 * a fork() both are as in the parent, but for a call that another thread was just making.
 */
#ifndef TRILLIUM_FINALIZE_H
#define TRILLIUM_FINALIZE_H

#include <trillium/type.h>

TRI_BEGIN_DECLS

/** Flags of ::tri_finalizer_attach. @{ */
#define TRI_FINALIZER_ORDERED   0U /**< after the objects that refer to this one */
#define TRI_FINALIZER_UNORDERED 1U /**< as soon as the object is dead */
/** @} */

/** A cleanup that was attached. All zero: none. */
typedef struct tri_cleanup {
    uint64_t id;
} tri_cleanup;

/** Called after an object is gone; @p argument is what the cleanup was attached with. Runs inside
 * ::tri_finalizers_run. */
typedef void tri_cleanup_function(tri_mutator *mutator, void *argument);

/**
 * Let @p function be called with @p object and @p argument once the object is dead. A finalizer
 * that the object had by this function is replaced.
 *
 * @param object    an object or an address in it
 * @param argument  the host's, not looked at
 * @param flags     ::TRI_FINALIZER_ORDERED or ::TRI_FINALIZER_UNORDERED
 *
 * @return ::TRI_OK; ::TRI_E_INVALID where there is no object or it belongs to a region, the
 *         function is NULL or a flag is unknown; ::TRI_E_STATE where the object's type has a
 *         finalizer; ::TRI_E_NOMEM: nothing has changed then.
 *
 * Threads: the mutator's own, running.
 * Cost:    some 100 ns, 500 where there are a million, and 80 bytes. Each cycle looks at each
 *          object that has one, for some 20 ns.
 */
TRI_API tri_result tri_finalizer_attach(tri_mutator *mutator, tri_ref object,
                                        tri_finalizer_function *function, void *argument,
                                        uint32_t flags);

/**
 * Take back what ::tri_finalizer_attach has attached to @p object. False where it has none: it
 * never had, or it waits or has run.
 *
 * Threads: the mutator's own, running.
 */
TRI_API bool tri_finalizer_detach(tri_mutator *mutator, tri_ref object);

/**
 * Let @p function be called with @p argument once @p object is gone. The argument is the host's and
 * not looked at; it must not lead to the object by way of the host's own roots, or the object is
 * never gone.
 *
 * @param cleanup  receives what ::tri_cleanup_stop takes; may be NULL
 *
 * @return ::TRI_OK; ::TRI_E_INVALID where there is no object, or it belongs to a region, or the
 *         function is NULL; ::TRI_E_NOMEM.
 *
 * Threads: the mutator's own, running.
 * Cost:    some 80 ns and 80 bytes. Each cycle looks at it, for some 20 ns.
 */
TRI_API tri_result tri_cleanup_attach(tri_mutator *mutator, tri_ref object,
                                      tri_cleanup_function *function, void *argument,
                                      tri_cleanup *cleanup);

/**
 * As ::tri_cleanup_attach, with an argument in the heap, which is a root until the cleanup has run
 * or was stopped. Where it leads to the object, the cleanup never runs (GCDEBUG=checkfinalizers=1
 * finds that).
 *
 * @return also ::TRI_E_INVALID where the argument is the object itself.
 */
TRI_API tri_result tri_cleanup_attach_ref(tri_mutator *mutator, tri_ref object,
                                          tri_cleanup_function *function, tri_ref argument,
                                          tri_cleanup *cleanup);

/**
 * Let a cleanup never run. False where it has run, is being run, or was stopped before.
 *
 * Threads: the mutator's own, running.
 */
TRI_API bool tri_cleanup_stop(tri_mutator *mutator, tri_cleanup cleanup);

/**
 * Run finalizers and cleanups that wait, at most @p budget of them, one after the other, those that
 * were queued first before others, and types' finalizers last. What is queued meanwhile counts.
 * The object, or a cleanup's reference, is a root of the mutator's during the call. A call that is
 * left by longjmp() counts as made; see ::tri_frames_restore. Coroutines' stacks: a finalizer
 * returns with the stack current with which it was called.
 *
 * @return how many were run.
 * Threads:   the mutator's own, running. Several mutators may do so at a time.
 * Safepoint: yes, one before each call.
 * Cost:      where nothing waits, that of ::tri_safepoint and a load.
 */
TRI_API size_t tri_finalizers_run(tri_mutator *mutator, size_t budget);

TRI_END_DECLS

#endif
