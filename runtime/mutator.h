/* mutator.h -- attaching, detaching, and what a thread may do with a mutator. */
#ifndef RUNTIME_MUTATOR_H
#define RUNTIME_MUTATOR_H

#include "runtime/handshake.h"

/* See the public functions of the same names. */
tri_result mutator_attach(struct process_heap *heap, struct process_mutator **mutator);
void mutator_detach(struct process_mutator *mutator);
void mutator_park(struct process_mutator *mutator);
tri_result mutator_resume(struct process_mutator *mutator);

/* The calling thread's mutator in heap; NULL if it has none. */
struct process_mutator *mutator_current(const struct process_heap *heap);

/* End the process where the mutator may not be used by the calling thread now; call names the entry
 * point. */
void mutator_require(const tri_mutator *mutator, const char *call);

/* The mutator's thread is not there any more, after a fork; the heap is held. */
void mutator_forget(struct process_mutator *mutator);

/* Unmap all mutators that were ever attached; none is any more. */
void mutator_release_all(struct process_heap *heap);

#endif
