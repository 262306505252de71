/* stall_log.h -- what GCTRACE=2 prints about stalls. */
#ifndef RUNTIME_STALL_LOG_H
#define RUNTIME_STALL_LOG_H

#include "runtime/process.h"

/* After a cycle: each cause that has occurred since the heap was created, in a line; as JSON in a
 * line for each. CYCLE held. */
void stall_log_cycle(struct tri_heap *heap);

/* The same as a table, at the end of the heap. */
void stall_log_end(struct tri_heap *heap);

/* The calling thread's mutator has come to its safepoint ns after it was asked by a handshake of
 * kind: say so where that was too long. */
void stall_log_safepoint(struct tri_heap *heap, enum handshake_kind kind, uint64_t ns);

#endif
