/* impl_trillium.h -- Trillium.
 *
 * One heap with the defaults; every thread attaches a mutator. An array is an object of the heap
 * that a handle keeps alive.
 */
#ifndef TRILLIUM_BENCH_IMPL_TRILLIUM_H
#define TRILLIUM_BENCH_IMPL_TRILLIUM_H

#include "bench.h"
#include <pthread.h>
#include <trillium/trillium.h>

#define IMPL_COLLECTS 1

enum {
    IMPL_ARRAYS_MAX = 4,
    IMPL_WORDS_MAX = 64
};

struct impl_thread {
    tri_mutator *mutator;
    tri_type *object_type;
    tri_type *slot_type;
    tri_handle *arrays[IMPL_ARRAYS_MAX]; /* NULL: free */
};

/* Written by impl_start, before any thread begins. */
static tri_heap *impl_heap;
static tri_type *impl_object_type;
static tri_type *impl_slot_type;

static inline void impl_require(tri_result result)
{
    if (result != TRI_OK) {
        bench_die(tri_result_text(result));
    }
}

static inline void impl_print_version(void)
{
    printf("Trillium %s\n", TRI_VERSION);
}

static inline tri_type *impl_define(const char *name, size_t size, uint64_t pointer_words)
{
    tri_field fields[IMPL_WORDS_MAX];
    uint32_t count = 0;
    for (uint32_t word = 0; word < IMPL_WORDS_MAX; word++) {
        if (pointer_words >> word & 1) {
            fields[count++] = (tri_field){word * (uint32_t)sizeof(void *), TRI_FIELD_POINTER};
        }
    }
    tri_type_desc desc = TRI_TYPE_DESC(name, void *);
    desc.size = size;
    if (count > 0) {
        desc.layout = (tri_layout){TRI_LAYOUT_FIELDS, count, fields, NULL, NULL};
    } else {
        desc.flags = TRI_TYPE_UNINITIALIZED;
    }
    tri_type *type;
    impl_require(tri_type_define(impl_heap, &desc, &type));
    return type;
}

static inline void impl_start(const struct bench_setup *setup)
{
    tri_heap_options options;
    tri_heap_options_init(&options);
    options.markers = setup->markers == 0 ? TRI_MARKERS_AUTO : (int32_t)setup->markers;
    impl_require(tri_heap_create(&impl_heap, &options));
    impl_object_type = impl_define("object", setup->object_size, setup->pointer_words);
    impl_slot_type = impl_define("slot", sizeof(void *), 1);
}

static inline void impl_thread_begin(struct impl_thread *thread, size_t live_objects)
{
    (void)live_objects;
    memset(thread, 0, sizeof(*thread));
    thread->object_type = impl_object_type;
    thread->slot_type = impl_slot_type;
    impl_require(tri_mutator_attach(impl_heap, &thread->mutator));
}

static inline void impl_thread_end(struct impl_thread *thread)
{
    for (size_t i = 0; i < IMPL_ARRAYS_MAX; i++) {
        if (thread->arrays[i] != NULL) {
            tri_handle_destroy(thread->mutator, thread->arrays[i]);
        }
    }
    tri_mutator_detach(thread->mutator);
}

/* Around anything in which a thread sleeps. */
static inline void impl_wait_begin(struct impl_thread *thread)
{
    tri_blocking_begin(thread->mutator);
}

static inline void impl_wait_end(struct impl_thread *thread)
{
    tri_blocking_end(thread->mutator);
}

static inline void **impl_array(struct impl_thread *thread, size_t count)
{
    size_t i = 0;
    while (thread->arrays[i] != NULL) {
        i++;
    }
    tri_ref array = tri_alloc_array(thread->mutator, thread->slot_type, count);
    impl_require(tri_handle_create(thread->mutator, array, &thread->arrays[i]));
    return array;
}

static inline void impl_array_drop(struct impl_thread *thread, void **array)
{
    for (size_t i = 0; i < IMPL_ARRAYS_MAX; i++) {
        if (thread->arrays[i] != NULL && tri_handle_get(thread->arrays[i]) == (tri_ref)array) {
            tri_handle_destroy(thread->mutator, thread->arrays[i]);
            thread->arrays[i] = NULL;
        }
    }
}

BENCH_INLINE void *impl_alloc(struct impl_thread *thread, bool pointers, size_t size)
{
    (void)pointers;
    (void)size;
    return tri_alloc(thread->mutator, thread->object_type);
}

/* Stores into a pointer of an object that nobody else knows yet. */
BENCH_INLINE void impl_init(struct impl_thread *thread, void *slot, void *target)
{
    tri_init_ref(thread->mutator, slot, target);
}

/* Puts `object` in an array's slot, in place of what is there. */
BENCH_INLINE void impl_replace(struct impl_thread *thread, void **slot, void *object)
{
    tri_store_ref(thread->mutator, slot, object);
}

static inline void impl_store(struct impl_thread *thread, void *slot, void *target)
{
    tri_store_ref(thread->mutator, slot, target);
}

/* To be called in a loop that does not allocate. */
static inline void impl_poll(struct impl_thread *thread)
{
    tri_safepoint(thread->mutator);
}

static inline void impl_collect(struct impl_thread *thread)
{
    tri_collect(thread->mutator);
}

static inline tri_stats impl_stats(struct impl_thread *thread)
{
    tri_stats stats = {.size = sizeof(stats)};
    impl_require(tri_stats_read(tri_mutator_heap(thread->mutator), &stats));
    return stats;
}

static inline int64_t impl_collections(struct impl_thread *thread)
{
    return (int64_t)impl_stats(thread).num_gc;
}

#define IMPL_STALLS_MAX 32

/* The causes of stalls that the library tells, but for the last, which is none. */
static inline size_t impl_stalls(tri_stall stalls[IMPL_STALLS_MAX])
{
    size_t count = tri_stalls_read(impl_heap, stalls, IMPL_STALLS_MAX);
    impl_require(count <= IMPL_STALLS_MAX ? TRI_OK : TRI_E_LIMIT);
    return count - 1;
}

/* The longest stall by the library's own account. */
static inline int64_t impl_stall_max_ns(struct impl_thread *thread)
{
    (void)thread;
    tri_stall stalls[IMPL_STALLS_MAX];
    uint64_t longest = 0;
    for (size_t i = impl_stalls(stalls); i-- > 0;) {
        longest = stalls[i].max_ns > longest ? stalls[i].max_ns : longest;
    }
    return (int64_t)longest;
}

/* More of the same: of all causes the one with the longest 99.9th percentile, and processor time,
 * which leaves out what the system's scheduler did. */
#define IMPL_HAS_STALLS 1
static inline void impl_report_stalls(void)
{
    tri_stall stalls[IMPL_STALLS_MAX];
    uint64_t p999 = 0, cpu_p999 = 0, cpu_max = 0;
    for (size_t i = impl_stalls(stalls); i-- > 0;) {
        p999 = stalls[i].p999_ns > p999 ? stalls[i].p999_ns : p999;
        cpu_p999 = stalls[i].cpu_p999_ns > cpu_p999 ? stalls[i].cpu_p999_ns : cpu_p999;
        cpu_max = stalls[i].cpu_max_ns > cpu_max ? stalls[i].cpu_max_ns : cpu_max;
    }
    bench_report("collector_p999_us", (double)p999 / 1e3);
    bench_report("collector_cpu_p999_us", (double)cpu_p999 / 1e3);
    bench_report("collector_cpu_max_us", (double)cpu_max / 1e3);
}

#endif
