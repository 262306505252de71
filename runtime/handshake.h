/* handshake.h -- how the collector reaches mutators, and how they become running, blocked and
 * taken. */
#ifndef RUNTIME_HANDSHAKE_H
#define RUNTIME_HANDSHAKE_H

#include "runtime/process.h"

void handshake_state_init(struct handshake_state *handshake);
void handshake_state_destroy(struct handshake_state *handshake);

/* Enter a new mutator, running, into the list. Waits while the heap is held. False where the heap
 * has one and a type of TRI_TYPE_SAFEPOINT_ONLY. */
bool handshake_add(struct process_heap *heap, struct process_mutator *mutator);

/* A type of TRI_TYPE_SAFEPOINT_ONLY is about to be defined: from now on no second mutator attaches.
 * False where there are two. handshake_end_single: it was not defined. */
bool handshake_begin_single(struct process_heap *heap);
void handshake_end_single(struct process_heap *heap);

/* Take a running mutator off the list; it counts as having answered. */
void handshake_remove(struct process_heap *heap, struct process_mutator *mutator);

/* RUNNING -> BLOCKED. By the mutator's thread, whose stack is published. */
void handshake_block(struct process_mutator *mutator);

/* BLOCKED -> RUNNING. Waits while the collector has taken the mutator, and answers what it has
 * asked meanwhile. */
void handshake_unblock(struct process_mutator *mutator);

/* Answer the handshake that is wanted of a running mutator, on its own thread, whose stack is
 * published. */
void handshake_answer(struct process_mutator *mutator);

/* Let each mutator rest (answer_rest) that has been in one blocking region since the last call, and
 * keeps something. True where another one that is blocked does. */
bool handshake_rest_idle(struct process_heap *heap);

static inline bool handshake_is_running(const struct process_mutator *mutator)
{
    return load_relaxed(&mutator->state) == MUTATOR_RUNNING;
}

#endif
