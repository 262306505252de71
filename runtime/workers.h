/* workers.h -- marker threads and the background sweeper of one heap. */
#ifndef RUNTIME_WORKERS_H
#define RUNTIME_WORKERS_H

#include "runtime/process.h"

/* Starts no thread: they start with the first work for them. */
void workers_init(struct workers_state *workers);

/* Let all threads end, and wait for that. */
void workers_stop(struct process_heap *heap);

/* This is the child of a fork, which has none of these threads. */
void workers_forget(struct workers_state *workers);

#endif
