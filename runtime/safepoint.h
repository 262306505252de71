/* safepoint.h -- how a mutator's thread becomes blocked. */
#ifndef RUNTIME_SAFEPOINT_H
#define RUNTIME_SAFEPOINT_H

#include "runtime/handshake.h"

/* As port_blocking_begin, for an entry point that returns to the host while the mutator is blocked:
 * entry_frame is its frame address. */
void safepoint_block(struct process_mutator *mutator, const void *entry_frame);

#endif
