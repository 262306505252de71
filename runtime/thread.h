/* thread.h -- threads of the collector's own, and what is bound to a thread until it ends. */
#ifndef RUNTIME_THREAD_H
#define RUNTIME_THREAD_H

#include <pthread.h>

#include "gc/base.h"

/* Start function(argument) on a thread that takes no signals. False where the system refuses;
 * *thread is then untouched. */
bool thread_start(pthread_t *thread, void *(*function)(void *), void *argument, const char *name);

/* From here to thread_cancel_restore the calling thread, which may be a host's, does not act on
 * pthread_cancel. Returns what the other wants. */
int thread_cancel_disable(void);
void thread_cancel_restore(int before);

/* Something that a thread has until it ends. */
struct thread_binding {
    struct thread_binding *next;
    /* Called on the thread when it ends with the binding still there. Must remove it. */
    void (*thread_ends)(struct thread_binding *binding);
};

/* Bind to the calling thread. False where the system has no room for that. */
bool thread_binding_add(struct thread_binding *binding);

/* End a binding of the calling thread. */
void thread_binding_remove(struct thread_binding *binding);

/* The calling thread's first binding, NULL if it has none; the others by next. */
struct thread_binding *thread_binding_first(void);

#endif
