/* stack.h -- coroutines' stacks: current or parked, grey or black. */
#ifndef RUNTIME_STACK_H
#define RUNTIME_STACK_H

#include "runtime/process.h"

#define STACK_SIGNATURE UINT32_C(0x5354434b) /* "STCK" */

/* See the public functions of the same names. stack_create yields NULL where there is no memory;
 * the others end the process where the stack is somebody's current one. */
struct tri_stack *stack_create(struct process_mutator *mutator, tri_stack_function *function,
                               void *argument);
void stack_switch(struct process_mutator *mutator, struct tri_stack *stack);
void stack_destroy(struct process_mutator *mutator, struct tri_stack *stack);

/* The mutator is about to detach: park its current stack. */
void stack_leave(struct process_mutator *mutator);

/* The thread on whose C stack the mutator's frames lay is gone: forget them all. */
void stack_drop_frames(struct process_mutator *mutator);

/* Report the mutator's frames and its current stack; yields the bytes of the frames. At a safepoint
 * of the mutator, by its thread or by whoever acts for it; with the mutator's own marker where it
 * answers a handshake. */
size_t stack_report_current(struct process_mutator *mutator, struct marker *marker);

/* Report all parked stacks that are not scanned in this cycle; while the heap is held, all parked
 * ones. Lets go of ROOTS between them, and while it calls the host. Yields the bytes of their
 * frames. CYCLE held as well; all mutators have answered handshake roots, or are held. */
size_t stack_report_parked(struct process_heap *heap, struct marker *marker)
    LOCK_REQUIRES(heap->roots.lock);

#endif
