/* lock.h -- mutual exclusion with an order that is checked.
 *
 * "The lock must be held" is written three times for every function that needs it: in its comment,
 * as LOCK_REQUIRES on its prototype (clang's -Wthread-safety reads that), and as lock_assert_held
 * in its first line.
 */
#ifndef GC_LOCK_H
#define GC_LOCK_H

#include "gc/assert.h"
#include "gc/lock_rank.h"
#include "gc/port.h"

/* What clang's thread safety analysis reads; nothing for other compilers. Arguments are expressions
 * of type struct lock or pointers to one, over the parameters of the function. */
#if defined(__clang__)
#define LOCK_CAPABILITY        __attribute__((capability("mutex")))
#define LOCK_REQUIRES(...)     __attribute__((requires_capability(__VA_ARGS__)))
#define LOCK_ACQUIRES(...)     __attribute__((acquire_capability(__VA_ARGS__)))
#define LOCK_TRY_ACQUIRES(...) __attribute__((try_acquire_capability(true, __VA_ARGS__)))
#define LOCK_RELEASES(...)     __attribute__((release_capability(__VA_ARGS__)))
#define LOCK_ASSERTS(...)      __attribute__((assert_capability(__VA_ARGS__)))
#define LOCK_UNCHECKED         __attribute__((no_thread_safety_analysis))
#else
#define LOCK_CAPABILITY
#define LOCK_REQUIRES(...)
#define LOCK_ACQUIRES(...)
#define LOCK_TRY_ACQUIRES(...)
#define LOCK_RELEASES(...)
#define LOCK_ASSERTS(...)
#define LOCK_UNCHECKED
#endif

/* A mutex with a rank. Not recursive. */
struct LOCK_CAPABILITY lock {
    port_mutex mutex;
#if TRI_CHECKS >= 1
    enum lock_rank rank; /* written once at creation */
    uint32_t signature;  /* LOCK_SIGNATURE from lock_init to lock_destroy */
#endif
};

/* What threads that hold a lock wait for. Belongs to no lock, but is always used with the same
 * one. */
struct condition {
    port_cond cond;
};

/* Any thread, before the lock is known to others. */
void lock_init(struct lock *lock, enum lock_rank rank);

/* Nobody holds it and nobody will take it again. */
void lock_destroy(struct lock *lock);

/* Blocks. The calling thread holds no lock of this rank or of one further down in LOCK_RANKS;
 * checked builds die with both names where it does. */
void lock_acquire(struct lock *lock) LOCK_ACQUIRES(lock);

/* As lock_acquire, but false instead of waiting. The same order holds, so that a try never hides
 * what a wait would show. */
bool lock_try_acquire(struct lock *lock) LOCK_TRY_ACQUIRES(lock);

/* The calling thread holds it. Locks may be released in any order. */
void lock_release(struct lock *lock) LOCK_RELEASES(lock);

/* Checked builds die unless the calling thread holds it. */
#if TRI_CHECKS >= 1
void lock_assert_held(const struct lock *lock) LOCK_ASSERTS(lock);
#else
static inline void lock_assert_held(const struct lock *lock) LOCK_ASSERTS(lock);
static inline void lock_assert_held(const struct lock *lock)
{
    (void)lock;
}
#endif

/* The name of a rank, as in LOCK_RANKS. */
const char *lock_rank_name(enum lock_rank rank);

void condition_init(struct condition *condition);
void condition_destroy(struct condition *condition);

/* Releases lock, sleeps, and takes it again. May return without cause: the caller tests what it
 * waits for in a loop. No lock that ranks further down than lock is held. */
void condition_wait(struct condition *condition, struct lock *lock) LOCK_REQUIRES(lock);

/* As condition_wait, and returns after some ns at the latest. */
void condition_wait_for(struct condition *condition, struct lock *lock, uint64_t ns)
    LOCK_REQUIRES(lock);

/* Wakes all that wait. Best called with the lock held, so that no wake-up is lost. */
void condition_broadcast(struct condition *condition);

#endif
