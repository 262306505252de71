/* impl_limit.h -- no collector: what this machine's memory allows.
 *
 * Allocation bumps a pointer through twice the memory of what is live and starts over, which is
 * what a collector would need that collects at once and for nothing; objects with pointers are
 * cleared. A collection is a traversal of the graph by one thread, precise, the mark bits beside
 * the nodes, with a queue of prefetched nodes between the stack of grey nodes and their scan.
 */
#ifndef TRILLIUM_BENCH_IMPL_LIMIT_H
#define TRILLIUM_BENCH_IMPL_LIMIT_H

#include "impl_plain.h"
#include <pthread.h>
#include <sys/mman.h>

/* What impl_collect expects of an object, and how many prefetches it keeps in flight. Of 4, 8, 16
 * and 32 it is 16 that no graph is much slower with than with its best one. */
enum {
    LIMIT_NODE_BYTES = 64,
    LIMIT_NODE_POINTERS = 4,
    LIMIT_PREFETCHES = 16
};

struct impl_thread {
    size_t live_objects;
    char *free, *limit, *start;
    void **roots; /* the first array */
    size_t root_count;
    uint64_t *mark_bits;
    char **grey; /* stack of marked nodes that are to be scanned */
    size_t grey_count;
};

static struct bench_setup impl_setup;

static inline void impl_print_version(void)
{
    printf("bump pointer, prefetching traversal\n");
}

static inline void *limit_map(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        bench_die("out of memory");
    }
    /* A traversal of lists and trees is 3 % faster for it, of random graphs 10 %. But the first use
     * of a huge page takes a while, which would be seen where single allocations are timed. */
    if (impl_setup.markers != 0) {
        madvise(memory, bytes, MADV_HUGEPAGE);
    }
    return memory;
}

static inline void impl_start(const struct bench_setup *setup)
{
    impl_setup = *setup;
}

static inline void impl_thread_begin(struct impl_thread *thread, size_t live_objects)
{
    memset(thread, 0, sizeof(*thread));
    thread->live_objects = live_objects;
    size_t bytes = 2 * live_objects * impl_setup.object_size;
    thread->start = thread->free = limit_map(bytes);
    thread->limit = thread->start + bytes;
}

static inline void impl_thread_end(struct impl_thread *thread)
{
    munmap(thread->start, (size_t)(thread->limit - thread->start));
}

static inline void **impl_array(struct impl_thread *thread, size_t count)
{
    void **array = calloc(count, sizeof(*array));
    if (array == NULL) {
        bench_die("out of memory");
    }
    if (thread->roots == NULL) {
        thread->roots = array;
        thread->root_count = count;
    }
    return array;
}

static inline void impl_array_drop(struct impl_thread *thread, void **array)
{
    (void)thread;
    free(array);
}

/* By vectors: gcc makes of a memset of 128 bytes or more what takes four times as long. */
BENCH_INLINE void limit_clear(char *object, size_t size)
{
    typedef uint64_t vector __attribute__((vector_size(16), may_alias));
    for (size_t i = 0; i < size; i += sizeof(vector)) {
        *(vector *)(void *)(object + i) = (vector){0};
    }
}

BENCH_INLINE void *impl_alloc(struct impl_thread *thread, bool pointers, size_t size)
{
    char *object = thread->free;
    if (object == thread->limit) {
        object = thread->start;
    }
    thread->free = object + size;
    if (pointers) {
        limit_clear(object, size);
    }
    return object;
}

BENCH_INLINE void impl_replace(struct impl_thread *thread, void **slot, void *object)
{
    (void)thread;
    *slot = object;
}

/* Marks a node and makes it grey, unless it is NULL or marked. */
BENCH_INLINE void limit_shade(struct impl_thread *thread, void *node)
{
    if (node == NULL) {
        return;
    }
    size_t index = (size_t)((char *)node - thread->start) / LIMIT_NODE_BYTES;
    uint64_t bit = UINT64_C(1) << index % 64;
    if ((thread->mark_bits[index / 64] & bit) == 0) {
        thread->mark_bits[index / 64] |= bit;
        thread->grey[thread->grey_count++] = node;
    }
}

/* Scans grey nodes until there are none. The last pointer of a node is shaded first, so that what
 * its first leads to is scanned next, in the order of allocation: the other way round, trees take
 * 2.7 times as long. */
static inline void limit_drain(struct impl_thread *thread)
{
    void **prefetched[LIMIT_PREFETCHES] = {NULL};
    size_t in_flight = 0;
    for (size_t next = 0; thread->grey_count > 0 || in_flight > 0;
         next = (next + 1) % LIMIT_PREFETCHES) {
        void **oldest = prefetched[next];
        prefetched[next] = NULL;
        if (thread->grey_count > 0) {
            prefetched[next] = (void **)(void *)thread->grey[--thread->grey_count];
            __builtin_prefetch(prefetched[next]);
            in_flight++;
        }
        if (oldest != NULL) {
            in_flight--;
            for (size_t i = LIMIT_NODE_POINTERS; i-- > 0;) {
                limit_shade(thread, oldest[i]);
            }
        }
    }
}

static inline void impl_collect(struct impl_thread *thread)
{
    if (impl_setup.object_size != LIMIT_NODE_BYTES) {
        bench_die("the traversal knows another kind of node");
    }
    size_t mark_bytes = thread->live_objects / 8 + sizeof(uint64_t);
    if (thread->grey == NULL) {
        thread->grey = limit_map(thread->live_objects * sizeof(*thread->grey));
        thread->mark_bits = limit_map(mark_bytes);
    }
    memset(thread->mark_bits, 0, mark_bytes);
    for (size_t i = 0; i < thread->root_count; i++) {
        limit_shade(thread, thread->roots[i]);
    }
    limit_drain(thread);
}

static inline int64_t impl_collections(struct impl_thread *thread)
{
    (void)thread;
    return -1;
}

static inline int64_t impl_stall_max_ns(struct impl_thread *thread)
{
    (void)thread;
    return -1;
}

#endif
