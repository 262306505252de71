/* stall_log.h -- what GCTRACE=2 prints about stalls. */
#ifndef RUNTIME_STALL_LOG_H
#define RUNTIME_STALL_LOG_H

#include "runtime/process.h"

/* One line: each cause that has occurred since the heap was created. */
void stall_log_line(struct tri_heap *heap);

/* A table of the same, at the end of the heap. */
void stall_log_table(struct tri_heap *heap);

/* The calling thread's mutator has come to its safepoint ns after it was asked by a handshake of
 * kind: say so where that was too long. */
void stall_log_safepoint(struct tri_heap *heap, enum handshake_kind kind, uint64_t ns);

#endif
