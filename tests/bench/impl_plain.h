/* impl_plain.h -- what implementations have in common that need not be told of what the program
 * does: stores are plain, locals of C are roots or there is no such thing, and threads just sleep.
 */
#ifndef TRILLIUM_BENCH_IMPL_PLAIN_H
#define TRILLIUM_BENCH_IMPL_PLAIN_H

#include "bench.h"

struct impl_thread;

/* Around anything in which a thread sleeps. */
static inline void impl_wait_begin(struct impl_thread *thread)
{
    (void)thread;
}

static inline void impl_wait_end(struct impl_thread *thread)
{
    (void)thread;
}

/* Stores into a pointer of an object that nobody else knows yet. */
BENCH_INLINE void impl_init(struct impl_thread *thread, void *slot, void *target)
{
    (void)thread;
    *(void **)slot = target;
}

/* Stores into a pointer of an object that is known, or of an array. */
static inline void impl_store(struct impl_thread *thread, void *slot, void *target)
{
    (void)thread;
    *(void **)slot = target;
}

/* Before the first impl_keep of a thread. */
static inline void impl_stack_begin(struct impl_thread *thread)
{
    (void)thread;
}

/* Puts a reference, or NULL, where a precise collector finds it: on the stack of a virtual machine.
 * What stands in C's locals is not enough for one. */
BENCH_INLINE void impl_keep(struct impl_thread *thread, size_t slot, void *object)
{
    (void)thread;
    (void)slot;
    (void)object;
}

/* To be called in a loop that does not allocate. */
static inline void impl_poll(struct impl_thread *thread)
{
    (void)thread;
}

#endif
