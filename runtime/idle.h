/* idle.h -- mutators that stay blocked give back what they keep. */
#ifndef RUNTIME_IDLE_H
#define RUNTIME_IDLE_H

#include "runtime/process.h"

void idle_init(struct process_heap *heap);

/* Whether a mutator that has become blocked, and keeps something, has to say so by
 * workers_watch_idle. */
static inline bool idle_is_unwatched(const struct process_heap *heap)
{
    /* pairs with the store in idle_look [idle.1] */
    return load_seq_cst(&heap->idle.watching) == 0 && load_relaxed(&heap->heap.attached) > 1;
}

/* Somebody will call idle_look when it is due. */
void idle_watch(struct process_heap *heap);

/* When that is; UINT64_MAX: never. */
uint64_t idle_due_ns(const struct process_heap *heap);

/* Where it is due: act for the mutators that have been blocked for long enough. */
void idle_look(struct process_heap *heap);

#endif
