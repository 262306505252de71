/* thread.c -- the thread half of gc/port.h on POSIX threads, and bindings.
 *
 * Owns:       one pthread key for the process, which is all the process-wide state that Trillium
 *             has: the end of a thread is announced by keys only, and a key for each heap would
 *             limit a process to some thousand heaps (docs/decisions.md, "One key").
 * Invariants:
 *   [thread.1] Threads of the collector MUST have every signal blocked; otherwise a host's handler
 *              runs on a thread the host does not know.
 *   [thread.2] A thread's end MUST leave no binding; otherwise a mutator outlives its thread, and
 *              the next hold waits for it for ever.
 *   [thread.3] A host's thread MUST NOT be cancelled inside Trillium; otherwise it ends with a lock
 *              held. So every call of the system that is a cancellation point (waiting for a
 *              condition or a thread, writing) has cancellation disabled around it.
 * Locks:      none.
 * Callers:    gc/lock.c through port.h; mutator.c, workers.c.
 */
#include "runtime/thread.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "gc/assert.h"
#include "gc/port.h"

_Static_assert(sizeof(pthread_mutex_t) <= PORT_MUTEX_BYTES, "port_mutex holds a mutex");
_Static_assert(sizeof(pthread_cond_t) <= PORT_COND_BYTES, "port_cond holds a condition");

static pthread_mutex_t *mutex_of(port_mutex *mutex)
{
    return (pthread_mutex_t *)(void *)mutex->storage;
}

static pthread_cond_t *cond_of(port_cond *cond)
{
    return (pthread_cond_t *)(void *)cond->storage;
}

void port_mutex_init(port_mutex *mutex)
{
    int error = pthread_mutex_init(mutex_of(mutex), NULL);
    TRI_REQUIRE(error == 0, "pthread_mutex_init failed with error %d", error);
}

void port_mutex_destroy(port_mutex *mutex)
{
    (void)pthread_mutex_destroy(mutex_of(mutex));
}

void port_mutex_lock(port_mutex *mutex)
{
    int error = pthread_mutex_lock(mutex_of(mutex));
    TRI_REQUIRE(error == 0, "pthread_mutex_lock failed with error %d", error);
}

bool port_mutex_try_lock(port_mutex *mutex)
{
    return pthread_mutex_trylock(mutex_of(mutex)) == 0;
}

void port_mutex_unlock(port_mutex *mutex)
{
    int error = pthread_mutex_unlock(mutex_of(mutex));
    TRI_REQUIRE(error == 0, "pthread_mutex_unlock failed with error %d", error);
}

void port_cond_init(port_cond *cond)
{
    pthread_condattr_t attributes; /* port_cond_wait_for is by the clock that nobody sets */
    int error = pthread_condattr_init(&attributes);
    TRI_REQUIRE(error == 0, "pthread_condattr_init failed with error %d", error);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    error = pthread_cond_init(cond_of(cond), &attributes);
    (void)pthread_condattr_destroy(&attributes);
    TRI_REQUIRE(error == 0, "pthread_cond_init failed with error %d", error);
}

void port_cond_destroy(port_cond *cond)
{
    (void)pthread_cond_destroy(cond_of(cond));
}

void port_cond_wait(port_cond *cond, port_mutex *mutex)
{
    int before = thread_cancel_disable(); /* [thread.3] */
    (void)pthread_cond_wait(cond_of(cond), mutex_of(mutex));
    thread_cancel_restore(before);
}

void port_cond_wait_for(port_cond *cond, port_mutex *mutex, uint64_t ns)
{
    uint64_t until = port_now_ns() + ns;
    struct timespec at = {(time_t)(until / UINT64_C(1000000000)),
                          (long)(until % UINT64_C(1000000000))};
    int before = thread_cancel_disable(); /* [thread.3] */
    (void)pthread_cond_timedwait(cond_of(cond), mutex_of(mutex), &at);
    thread_cancel_restore(before);
}

void port_cond_broadcast(port_cond *cond)
{
    (void)pthread_cond_broadcast(cond_of(cond));
}

void port_nap(uint64_t ns)
{
    struct timespec length = {(time_t)(ns / UINT64_C(1000000000)),
                              (long)(ns % UINT64_C(1000000000))};
    int saved = errno;                    /* [os_linux.2] */
    int before = thread_cancel_disable(); /* [thread.3] */
    (void)nanosleep(&length, NULL);
    thread_cancel_restore(before);
    errno = saved;
}

uintptr_t port_thread_id(void)
{
    return (uintptr_t)pthread_self();
}

int thread_cancel_disable(void)
{
    int before;
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    return before;
}

void thread_cancel_restore(int before)
{
    (void)pthread_setcancelstate(before, NULL);
}

bool thread_start(pthread_t *thread, void *(*function)(void *), void *argument, const char *name)
{
    int saved = errno; /* [os_linux.2] */
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* [thread.1]: inherited by the new thread */
    int error = pthread_create(thread, NULL, function, argument);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0) {
        (void)pthread_setname_np(*thread, name);
    }
    errno = saved;
    return error == 0;
}

static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t binding_key;

/* The key's destructor: POSIX has set the value to NULL and passes what it was [thread.2]. */
static void thread_ends(void *first)
{
    (void)pthread_setspecific(binding_key, first);
    struct thread_binding *binding;
    while ((binding = pthread_getspecific(binding_key)) != NULL) {
        binding->thread_ends(binding);
        TRI_ASSERT(pthread_getspecific(binding_key) != binding);
    }
}

static void create_key(void)
{
    int error = pthread_key_create(&binding_key, thread_ends);
    TRI_REQUIRE(error == 0,
                "pthread_key_create failed with error %d: the process has used up its thread keys",
                error);
}

bool thread_binding_add(struct thread_binding *binding)
{
    (void)pthread_once(&key_once, create_key);
    binding->next = pthread_getspecific(binding_key);
    return pthread_setspecific(binding_key, binding) == 0;
}

void thread_binding_remove(struct thread_binding *binding)
{
    struct thread_binding *first = pthread_getspecific(binding_key);
    if (first == binding) {
        (void)pthread_setspecific(binding_key, binding->next);
        return;
    }
    while (first != NULL && first->next != binding) {
        first = first->next;
    }
    if (!TRI_NEVER(first == NULL)) {
        first->next = binding->next;
    }
}

struct thread_binding *thread_binding_first(void)
{
    (void)pthread_once(&key_once, create_key);
    return pthread_getspecific(binding_key);
}
