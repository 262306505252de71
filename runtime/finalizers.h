/* finalizers.h -- running finalizers and cleanups: on the host's threads, or on one of the
 * library's own.
 */
#ifndef RUNTIME_FINALIZERS_H
#define RUNTIME_FINALIZERS_H

#include "runtime/process.h"

/* See tri_finalizers_run. */
size_t finalizers_run(tri_mutator *mutator, size_t budget);

/* Starts no thread: it starts when there is something to run. */
void finalizers_init(struct finalizers_thread *finalizers);

/* Let the thread end when the call that it is making returns, and wait for that. The calling thread
 * has no running mutator in the heap. */
void finalizers_stop(struct process_heap *heap);

void finalizers_destroy(struct finalizers_thread *finalizers);

/* This is the child of a fork, which does not have the thread. */
void finalizers_forget(struct finalizers_thread *finalizers);

#endif
