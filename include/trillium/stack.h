/**
 * @file stack.h
 * Coroutines: a stack for each, with a colour of its own.
 *
 * A host that runs many coroutines on few mutators gives each coroutine a ::tri_stack and says
 * which one runs. A stack is *current* for one mutator or *parked*; both are roots. While a cycle
 * marks, each stack is scanned once: the current one at its mutator's safepoint, parked ones by the
 * collector or by the mutator that switches to them. So a mutator never scans the stacks of all its
 * coroutines at once.
 *
 *     tri_stack *stack;
 *     tri_stack_create(m, scan_coroutine, coroutine, &stack);
 *     ...
 *     tri_stack_switch(m, stack);        // resume
 *     run(m, coroutine);
 *     tri_stack_switch(m, caller);       // yield; NULL: back to the mutator's own roots alone
 *     ...
 *     tri_stack_destroy(m, stack);
 *
 * What a host may do with what lies on a stack:
 *
 *   - while it is current, read and write it by plain loads and stores, on its mutator's thread;
 *   - while it is parked, read it, where the host sees to it that nobody switches to it meanwhile.
 *     To change it (push the arguments of a coroutine that is about to run, assign a variable that
 *     a closure has captured there), switch to it, and back.
 *
 * The mutator's scanner (::tri_roots_set_scanner), the frames that it opened while no stack was
 * current, and its C stack, where that is scanned, stay roots whatever stack is current.
 */
#ifndef TRILLIUM_STACK_H
#define TRILLIUM_STACK_H

#include <trillium/roots.h>

TRI_BEGIN_DECLS

/** The roots of one coroutine: what the host's function reports, and the frames opened on it. */
typedef struct tri_stack tri_stack;

/**
 * Reports what @p stack holds. Called while it is current, at a safepoint of its mutator or when
 * that switches away, and while it is parked, on any thread; never twice at a time for one stack.
 * The rules of ::tri_trace_function hold.
 */
typedef void tri_stack_function(tri_visitor *visitor, tri_stack *stack, void *argument);

/**
 * Create a parked stack.
 *
 * @param scan      reports what it holds; may be called before this returns. NULL: only frames
 * @param argument  for @p scan
 * @param stack     receives the stack; untouched on failure
 *
 * @return ::TRI_OK; ::TRI_E_INVALID where @p stack is NULL; ::TRI_E_NOMEM.
 *
 * Threads:   the mutator's own, running; the stack may then be used by any mutator of the heap.
 * Safepoint: no.
 * Cost:      one lock, and while a cycle is marking a scan of what it holds already.
 */
TRI_API tri_result tri_stack_create(tri_mutator *mutator, tri_stack_function *scan, void *argument,
                                    tri_stack **stack);

/**
 * Make @p stack, which is parked, the mutator's current one, and park the one that was. NULL: none
 * is current afterwards. The current stack once more: nothing happens.
 *
 * Frames belong to the stack that is current when they are opened, and must be closed while it is.
 * For coroutines with a C stack of their own this comes by itself; it may be resumed on another
 * thread then, by another mutator, and opens its further frames with that one.
 *
 * Threads:   the mutator's own, running. A stack that another mutator had as its current one must
 *            have been parked by it before; whatever passes the coroutine from thread to thread
 *            orders that.
 * Safepoint: no. Waits while the collector is scanning just @p stack.
 * Cost:      two atomic operations; while a cycle is marking, the scan of a stack that was not
 *            scanned yet; with ::TRI_BARRIER_INSERTION that of the one that is parked, each time.
 * Pitfall:   a mutator that is detached leaves its current stack parked; one that is parked keeps
 *            it.
 */
TRI_API void tri_stack_switch(tri_mutator *mutator, tri_stack *stack);

/**
 * End a parked stack. What it held, frames included, is no root any more, but must still be there
 * to be scanned during this call. Its address is invalid afterwards. Stacks that are left end with
 * the heap.
 *
 * Threads:   the mutator's own, running. Nobody else uses the stack.
 * Safepoint: no. Waits as ::tri_stack_switch.
 * Cost:      one lock, and a scan where a cycle is marking that has not scanned it yet.
 */
TRI_API void tri_stack_destroy(tri_mutator *mutator, tri_stack *stack);

TRI_END_DECLS

#endif
