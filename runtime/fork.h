/* fork.h -- heaps in a process that forks. */
#ifndef RUNTIME_FORK_H
#define RUNTIME_FORK_H

#include "runtime/process.h"

/* From now on a child of fork() can use the heap. False where the system refuses. */
bool fork_register(struct process_heap *heap);

/* The heap is about to end. Does nothing for one that was not registered. */
void fork_unregister(struct process_heap *heap);

#endif
