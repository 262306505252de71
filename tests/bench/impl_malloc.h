/* impl_malloc.h -- malloc and free: glibc's; with BENCH_MIMALLOC, BENCH_JEMALLOC theirs.
 *
 * Objects with pointers come from calloc, because a collector's are zeroed; leaves from malloc. An
 * object is freed when another takes its place in a ring, a tree when it is dropped. A graph is
 * never freed.
 */
#ifndef TRILLIUM_BENCH_IMPL_MALLOC_H
#define TRILLIUM_BENCH_IMPL_MALLOC_H

#include "impl_plain.h"
#include <pthread.h>

#if defined(BENCH_MIMALLOC)
#include <mimalloc.h>
#define IMPL_MALLOC mi_malloc
#define IMPL_CALLOC mi_calloc
#define IMPL_FREE   mi_free
#elif defined(BENCH_JEMALLOC)
#include <jemalloc/jemalloc.h>
#define IMPL_MALLOC malloc
#define IMPL_CALLOC calloc
#define IMPL_FREE   free
#else
#include <gnu/libc-version.h>
#define IMPL_MALLOC malloc
#define IMPL_CALLOC calloc
#define IMPL_FREE   free
#endif

#define IMPL_FREES 1

struct impl_thread {
    char unused;
};

static inline void impl_print_version(void)
{
#if defined(BENCH_MIMALLOC)
    int version = mi_version();
    printf("mimalloc %d.%d.%d\n", version / 100, version / 10 % 10, version % 10);
#elif defined(BENCH_JEMALLOC)
    const char *version;
    size_t size = sizeof(version);
    mallctl("version", &version, &size, NULL, 0);
    printf("jemalloc %.*s\n", (int)strcspn(version, "-"), version);
#else
    printf("glibc %s\n", gnu_get_libc_version());
#endif
}

/* That malloc() is really jemalloc's depends on the order of libraries. */
static inline void impl_check_library(void)
{
#if defined(BENCH_JEMALLOC)
    uint64_t before, after;
    size_t size = sizeof(before);
    uint64_t epoch = 1;
    mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch));
    mallctl("thread.allocated", &before, &size, NULL, 0);
    void *volatile block = malloc(100000);
    mallctl("thread.allocated", &after, &size, NULL, 0);
    free(block);
    if (after - before < 100000) {
        bench_die("malloc() is not jemalloc's");
    }
#endif
}

static inline void impl_start(const struct bench_setup *setup)
{
    (void)setup;
    impl_check_library();
}

/* `live_objects`: how many of this thread's objects are live at most. */
static inline void impl_thread_begin(struct impl_thread *thread, size_t live_objects)
{
    (void)live_objects;
    thread->unused = 0;
}

static inline void impl_thread_end(struct impl_thread *thread)
{
    (void)thread;
}

static inline void **impl_array(struct impl_thread *thread, size_t count)
{
    (void)thread;
    void **array = IMPL_CALLOC(count, sizeof(void *));
    if (array == NULL) {
        bench_die("out of memory");
    }
    return array;
}

static inline void impl_array_drop(struct impl_thread *thread, void **array)
{
    (void)thread;
    IMPL_FREE(array);
}

BENCH_INLINE void *impl_alloc(struct impl_thread *thread, bool pointers, size_t size)
{
    (void)thread;
    void *object = pointers ? IMPL_CALLOC(1, size) : IMPL_MALLOC(size);
    if (object == NULL) {
        bench_die("out of memory");
    }
    return object;
}

/* Puts `object` in an array's slot, in place of what is there, which is garbage then. */
BENCH_INLINE void impl_replace(struct impl_thread *thread, void **slot, void *object)
{
    (void)thread;
    void *old = *slot;
    *slot = object;
    IMPL_FREE(old);
}

/* Nobody refers to `object` any more: where IMPL_FREES is not 0, it is freed. */
BENCH_INLINE void impl_free(struct impl_thread *thread, void *object)
{
    (void)thread;
    IMPL_FREE(object);
}

/* Makes what is garbage available again. */
static inline void impl_collect(struct impl_thread *thread)
{
    (void)thread;
}

/* Collections so far; -1 where there is no such thing. */
static inline int64_t impl_collections(struct impl_thread *thread)
{
    (void)thread;
    return -1;
}

/* The longest stall of a thread since the start by the collector's own account, in nanoseconds; -1
 * where there is no such thing. */
static inline int64_t impl_stall_max_ns(struct impl_thread *thread)
{
    (void)thread;
    return -1;
}

#endif
