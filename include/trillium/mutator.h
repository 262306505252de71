/**
 * @file mutator.h
 * Mutators: a thread's licence to allocate and store.
 *
 * A mutator is bound to one OS thread at a time; a thread may have one in each of several heaps. It
 * is *running*, and then polls (at allocation's slow path, at ::tri_safepoint), or *blocked*
 * (safepoint.h), or *parked*, that is blocked and bound to no thread. A thread that ends with a
 * mutator bound has it detached and the lapse reported on the log. No function of Trillium is a
 * cancellation point.
 *
 * A call on one heap never answers for the thread's mutators of other heaps, which are running
 * meanwhile. So threads that have mutators in the same two heaps put the other one into a blocking
 * region (or park it) around calls that may be a safepoint; otherwise two of them may wait for each
 * other for ever, each collecting one of the heaps.
 */
#ifndef TRILLIUM_MUTATOR_H
#define TRILLIUM_MUTATOR_H

#include <trillium/types.h>

TRI_BEGIN_DECLS

/**
 * Bind a new mutator of @p heap to the calling thread, which may be any thread of the process, at
 * any time.
 *
 * @return ::TRI_OK; ::TRI_E_STATE where the thread already has one in this heap, or where the heap
 *         has one and a type of ::TRI_TYPE_SAFEPOINT_ONLY; ::TRI_E_NOMEM.
 *
 * Threads: any. Waits while the heap is held for a collection.
 * Cost:    one mapping; 12 KiB of memory (16 where pools are used), more with the number of types
 *          used.
 */
TRI_API tri_result tri_mutator_attach(tri_heap *heap, tri_mutator **mutator);

/**
 * Give everything back and unbind for good. The mutator must be running or parked, with no frame
 * open but those of its current stack (stack.h), which is left parked. Its address is invalid
 * afterwards; a later use is caught where it can be (the call and the cure are named).
 *
 * Threads: the mutator's own; for a parked mutator any.
 */
TRI_API void tri_mutator_detach(tri_mutator *mutator);

/**
 * Leave this thread: the mutator is blocked, keeps its roots (frames, scanner), gives its free
 * memory and what it has of pools back, and any thread may take it on by ::tri_mutator_resume.
 * Frames that lie on this thread's C stack must stay alive. Not for a mutator that scans the C
 * stack conservatively.
 *
 * Threads: the mutator's own, running.
 */
TRI_API void tri_mutator_park(tri_mutator *mutator);

/**
 * Bind a parked mutator to the calling thread; it is running afterwards.
 *
 * @return ::TRI_OK; ::TRI_E_STATE where it is not parked or this thread already has one in the
 *         heap.
 * Threads: any. Waits while the collector acts for the mutator.
 */
TRI_API tri_result tri_mutator_resume(tri_mutator *mutator);

/** The heap of @p mutator. Threads: any. */
TRI_API tri_heap *tri_mutator_heap(const tri_mutator *mutator);

/** The calling thread's mutator in @p heap; NULL where it has none. Threads: any. Cost: a walk over
 * the thread's mutators. */
TRI_API tri_mutator *tri_mutator_current(tri_heap *heap);

/**
 * Scan this mutator's C stack and registers conservatively at its safepoints: every word that could
 * be the address of an object keeps that object alive. Off unless asked for. With it, references in
 * C locals need no frame.
 *
 * The stack is scanned from the safepoint down to the base of the thread's stack, so a thread that
 * runs coroutines on stacks of its own making must not use it. A blocking region ends in the
 * function that began it, or begins and ends in small wrappers: what a function that returns inside
 * the region had saved of its caller's registers is found only within some 500 bytes of its frame.
 * Under AddressSanitizer, locals that live on its fake stack are found as well.
 *
 * @return ::TRI_OK; ::TRI_E_THREAD where the system does not tell the bounds of the thread's stack.
 * Threads: the mutator's own, running.
 */
TRI_API tri_result tri_mutator_scan_c_stack(tri_mutator *mutator, bool on);

TRI_END_DECLS

#endif
