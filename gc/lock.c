/* lock.c -- mutual exclusion with an order that is checked.
 *
 * Owns:       the list of locks that the calling thread holds (checked builds).
 * Invariants:
 *   [lock.1] A thread MUST take locks in the order of LOCK_RANKS, each rank once; otherwise two
 *            threads can wait for each other for ever.
 *   [lock.2] A thread that waits for a condition MUST hold no lock that ranks below the
 *            condition's; otherwise taking the lock again afterwards breaks [lock.1].
 * Locks:      is them.
 * Callers:    anyone. Not a signal handler.
 *
 * The held list is thread-local, the one kind of thread-local state that gc/ has: it describes a
 * thread, whichever mutator or heap that thread works for, and no decision of the collector depends
 * on it.
 */
#include "gc/lock.h"

const char *lock_rank_name(enum lock_rank rank)
{
#define LOCK_RANK_NAME_(name, protects) #name,
    static const char *const names[] = {LOCK_RANKS(LOCK_RANK_NAME_)};
#undef LOCK_RANK_NAME_
    return (unsigned)rank < LOCK_RANK_COUNT ? names[rank] : "(no rank)";
}

#if TRI_CHECKS >= 1

#define LOCK_SIGNATURE 0x6b636f6cU /* "lock" */

/* In the order of ranks, since each is taken above all others; so no more than there are ranks. */
struct held_locks {
    unsigned count;
    const struct lock *lock[LOCK_RANK_COUNT];
};

static THREAD_LOCAL struct held_locks held_locks;

static void check_alive(const struct lock *lock)
{
    if (lock->signature != LOCK_SIGNATURE) {
        fatal("internal error: a lock is used before lock_init or after lock_destroy");
    }
}

/* [lock.1] */
static void check_order(const struct lock *lock)
{
    check_alive(lock);
    if (held_locks.count == 0) {
        return;
    }
    const struct lock *last = held_locks.lock[held_locks.count - 1];
    if (lock->rank <= last->rank) {
        fatal("internal error: lock %s is taken while lock %s is held; the order is that of "
              "LOCK_RANKS",
              lock_rank_name(lock->rank), lock_rank_name(last->rank));
    }
}

static void note_acquired(const struct lock *lock)
{
    held_locks.lock[held_locks.count++] = lock;
}

static void note_released(const struct lock *lock)
{
    lock_assert_held(lock);
    unsigned i = held_locks.count - 1;
    while (held_locks.lock[i] != lock) {
        i--;
    }
    held_locks.count--;
    for (; i < held_locks.count; i++) {
        held_locks.lock[i] = held_locks.lock[i + 1];
    }
}

/* [lock.2] */
static void check_wait(const struct lock *lock)
{
    lock_assert_held(lock);
    const struct lock *last = held_locks.lock[held_locks.count - 1];
    if (last != lock) {
        fatal("internal error: a condition of lock %s is waited for while lock %s is held",
              lock_rank_name(lock->rank), lock_rank_name(last->rank));
    }
}

void lock_assert_held(const struct lock *lock)
{
    check_alive(lock);
    for (unsigned i = 0; i < held_locks.count; i++) {
        if (held_locks.lock[i] == lock) {
            return;
        }
    }
    fatal("internal error: lock %s should be held by this thread and is not",
          lock_rank_name(lock->rank));
}

static void sign(struct lock *lock, enum lock_rank rank)
{
    TRI_ASSERT((unsigned)rank < LOCK_RANK_COUNT);
    lock->rank = rank;
    lock->signature = LOCK_SIGNATURE;
}

static void unsign(struct lock *lock)
{
    check_alive(lock);
    lock->signature = 0;
}

#else

#define check_order(lock)   ((void)(lock))
#define check_wait(lock)    ((void)(lock))
#define note_acquired(lock) ((void)(lock))
#define note_released(lock) ((void)(lock))
#define sign(lock, rank)    ((void)(lock), (void)(rank))
#define unsign(lock)        ((void)(lock))

#endif

void lock_init(struct lock *lock, enum lock_rank rank)
{
    port_mutex_init(&lock->mutex);
    sign(lock, rank);
}

void lock_destroy(struct lock *lock)
{
    unsign(lock);
    port_mutex_destroy(&lock->mutex);
}

/* The analysis does not know that the port's mutex is what the lock is. */
LOCK_UNCHECKED void lock_acquire(struct lock *lock)
{
    check_order(lock);
    port_mutex_lock(&lock->mutex);
    note_acquired(lock);
}

LOCK_UNCHECKED bool lock_try_acquire(struct lock *lock)
{
    check_order(lock);
    if (!port_mutex_try_lock(&lock->mutex)) {
        return false;
    }
    note_acquired(lock);
    return true;
}

LOCK_UNCHECKED void lock_release(struct lock *lock)
{
    note_released(lock);
    port_mutex_unlock(&lock->mutex);
}

void condition_init(struct condition *condition)
{
    port_cond_init(&condition->cond);
}

void condition_destroy(struct condition *condition)
{
    port_cond_destroy(&condition->cond);
}

void condition_wait(struct condition *condition, struct lock *lock)
{
    check_wait(lock);
    note_released(lock);
    port_cond_wait(&condition->cond, &lock->mutex);
    note_acquired(lock);
}

void condition_wait_for(struct condition *condition, struct lock *lock, uint64_t ns)
{
    check_wait(lock);
    note_released(lock);
    port_cond_wait_for(&condition->cond, &lock->mutex, ns);
    note_acquired(lock);
}

void condition_broadcast(struct condition *condition)
{
    port_cond_broadcast(&condition->cond);
}
