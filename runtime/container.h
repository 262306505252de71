/* container.h -- what the container allows this heap, and following it. */
#ifndef RUNTIME_CONTAINER_H
#define RUNTIME_CONTAINER_H

#include "runtime/process.h"

/* Read what the container allows for the first time, and set the memory limit where it follows the
 * container's. The heap is ready but for its threads. */
void container_init(struct process_heap *heap);

void container_destroy(struct process_heap *heap);

/* Read it again, unless that was done in the last second or another thread does. True where the
 * memory limit is another one now. No lock ranking below CONTAINER is held; a few hundred
 * microseconds of system calls. */
bool container_refresh(struct process_heap *heap);

/* A cycle has ended: container_refresh, where no thread of the heap's own does that. CYCLE held. */
void container_cycle_ended(struct process_heap *heap);

/* When an idle heap's thread shall call container_refresh, on the clock of port_now_ns; UINT64_MAX:
 * never. */
uint64_t container_due_ns(const struct process_heap *heap);

#endif
