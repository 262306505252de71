/* scavenger.h -- the thread that gives memory back to the system. */
#ifndef RUNTIME_SCAVENGER_H
#define RUNTIME_SCAVENGER_H

#include "runtime/process.h"

/* Starts no thread: it starts when there is something to give back. */
void scavenger_init(struct scavenger_state *scavenger);

/* Let the thread end, and wait for that. sweep_stopping is set. */
void scavenger_stop(struct process_heap *heap);

/* This is the child of a fork, which does not have the thread. */
void scavenger_forget(struct scavenger_state *scavenger);

#endif
