/* os_linux.c -- the memory and time half of gc/port.h, on Linux.
 *
 * Owns:       nothing: every mapping belongs to its caller.
 * Invariants:
 *   [os_linux.1] A reservation MUST NOT be accessible before it is committed; otherwise a stray
 *                store is not noticed.
 *   [os_linux.2] errno MUST be left as it was; otherwise an allocation between a host's system call
 *                and its look at errno confuses it.
 * Locks:      none.
 * Callers:    gc/ through port.h; any thread.
 */
#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "gc/atomic.h"
#include "gc/port.h"

#ifndef PR_SET_VMA
#define PR_SET_VMA           0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

/* Under a sanitizer, whose shadow memory takes most of the address space and which may touch the
 * shadow of what is mapped, large reservations cost time and may fail. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZER_SPACE_LIMIT (64 * GIB)
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define SANITIZER_SPACE_LIMIT (64 * GIB)
#endif
#endif
#ifndef SANITIZER_SPACE_LIMIT
#define SANITIZER_SPACE_LIMIT SIZE_MAX
#endif

size_t port_os_page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

size_t port_physical_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES);
    return pages <= 0 ? GIB : (size_t)pages * port_os_page_bytes();
}

size_t port_address_space_limit(void)
{
    struct rlimit limit;
    size_t bytes = SIZE_MAX;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        bytes = limit.rlim_cur;
    }
    return size_min(bytes, SANITIZER_SPACE_LIMIT);
}

/* Let /proc/self/maps say whose the mapping is. Kernels without that option refuse, which does not
 * matter. */
static void name_mapping(void *address, size_t bytes, const char *name)
{
    (void)prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, (uintptr_t)address, bytes, (uintptr_t)name);
}

static void *map_reserved(size_t bytes)
{
    void *address =
        mmap(NULL, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return address == MAP_FAILED ? NULL : address; /* [os_linux.1] */
}

void *port_reserve(size_t bytes, size_t alignment, const char *name)
{
    int saved = errno; /* [os_linux.2] */
    size_t slack = alignment > port_os_page_bytes() ? alignment : 0;
    char *start = map_reserved(bytes + slack);
    if (start != NULL && slack > 0) {
        char *aligned = (char *)align_up((uintptr_t)start, alignment);
        size_t before = (size_t)(aligned - start);
        if (before > 0) {
            (void)munmap(start, before);
        }
        if (slack > before) {
            (void)munmap(aligned + bytes, slack - before);
        }
        start = aligned;
    }
    if (start != NULL) {
        name_mapping(start, bytes, name);
    }
    errno = saved;
    return start;
}

bool port_commit(void *address, size_t bytes, const char *name)
{
    int saved = errno; /* [os_linux.2] */
    bool done = mprotect(address, bytes, PROT_READ | PROT_WRITE) == 0;
    if (done) {
        name_mapping(address, bytes, name);
    }
    errno = saved;
    return done;
}

/* Heap memory follows the system's setting of transparent huge pages. It is never advised to be of
 * huge pages: those that the kernel makes of a few pages in use, and of many that were given back,
 * have cost others more than they gained (docs/tuning.md, "Huge pages"). */

bool port_decommit(void *address, size_t bytes)
{
    int saved = errno; /* [os_linux.2] */
    bool done = madvise(address, bytes, MADV_DONTNEED) == 0;
    errno = saved;
    return done;
}

bool port_decommit_lazily(void *address, size_t bytes)
{
    int saved = errno; /* [os_linux.2] */
    bool done = madvise(address, bytes, MADV_FREE) == 0;
    errno = saved;
    return done || port_decommit(address, bytes);
}

/* A mapping that is made inaccessible still counts toward what the process may commit, so a new one
 * takes its place. */
bool port_uncommit(void *address, size_t bytes, const char *name)
{
    int saved = errno; /* [os_linux.2] */
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    bool done = mmap(address, bytes, PROT_NONE, flags, -1, 0) == address; /* [os_linux.1] */
    if (done) {
        name_mapping(address, bytes, name);
    }
    errno = saved;
    return done;
}

void port_release(void *address, size_t bytes)
{
    int saved = errno; /* [os_linux.2] */
    (void)munmap(address, bytes);
    errno = saved;
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

uint64_t port_now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t port_thread_cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t port_process_cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

unsigned port_cpu_count(void)
{
    int saved = errno; /* [os_linux.2] */
    cpu_set_t set;
    long count = 0;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        count = CPU_COUNT(&set);
    }
    if (count <= 0) { /* more processors than the set has room for */
        count = sysconf(_SC_NPROCESSORS_ONLN);
    }
    errno = saved;
    return count > 0 ? (unsigned)count : 1;
}

void port_yield(void)
{
    (void)sched_yield();
}
