/* workers.h -- marker threads and the background sweeper of one heap. */
#ifndef RUNTIME_WORKERS_H
#define RUNTIME_WORKERS_H

#include "runtime/process.h"

/* Starts no thread: they start with the first work for them. */
void workers_init(struct workers_state *workers);

/* Let the collector's thread, which is started where there is none, find out anew when it has
 * something to do by itself: a cycle for its time, a look at the container's limit. Nothing happens
 * where it has not. */
void workers_look_after(struct process_heap *heap);

/* A mutator is blocked that keeps something, and nobody looks after it: let the collector's thread,
 * which is started where there is none, do that (idle.c). */
void workers_watch_idle(struct process_heap *heap);

/* Let all threads end, and wait for that. */
void workers_stop(struct process_heap *heap);

/* The process is about to end: let no thread stay at idle priority, or come to it. Waits for
 * nothing. */
void workers_raise_to_end(struct workers_state *workers);

/* This is the child of a fork, which has none of these threads. */
void workers_forget(struct workers_state *workers);

#endif
