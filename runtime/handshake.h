/* handshake.h -- how the collector reaches mutators, and how they become running, blocked and
 * taken. */
#ifndef RUNTIME_HANDSHAKE_H
#define RUNTIME_HANDSHAKE_H

#include "runtime/process.h"

void handshake_state_init(struct handshake_state *handshake);
void handshake_state_destroy(struct handshake_state *handshake);

/* Enter a new mutator, running, into the list. Waits while the heap is held. */
void handshake_add(struct process_heap *heap, struct process_mutator *mutator);

/* Take a running mutator off the list; it counts as having answered. */
void handshake_remove(struct process_heap *heap, struct process_mutator *mutator);

/* RUNNING -> BLOCKED. By the mutator's thread, whose stack is published. */
void handshake_block(struct process_mutator *mutator);

/* BLOCKED -> RUNNING. Waits while the collector has taken the mutator. */
void handshake_unblock(struct process_mutator *mutator);

static inline bool handshake_is_running(const struct process_mutator *mutator)
{
    return load_relaxed(&mutator->state) == MUTATOR_RUNNING;
}

#endif
