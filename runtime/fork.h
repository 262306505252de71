/* fork.h -- heaps in a process that forks. */
#ifndef RUNTIME_FORK_H
#define RUNTIME_FORK_H

#include "runtime/process.h"

/* A child of fork() can use the heap, which is not on the list of heaps yet. False where the system
 * refuses. */
bool fork_register(struct process_heap *heap);

#endif
