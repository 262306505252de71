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

#define IMPL_FREES 0

enum {
    IMPL_ARRAYS_MAX = 4,
    IMPL_WORDS_MAX = 64,
    IMPL_STACK_SLOTS = 64
};

struct impl_thread {
    tri_mutator *mutator;
    tri_type *object_type;
    tri_type *slot_type;
    tri_handle *arrays[IMPL_ARRAYS_MAX]; /* NULL: free */
    tri_ref stack[IMPL_STACK_SLOTS];     /* roots from impl_stack_begin on */
};

/* Written by impl_start, before any thread begins. */
static tri_heap *impl_heap;
static tri_type *impl_object_type;
static tri_type *impl_slot_type;

/* Atomic; on bench_wall_ns' clock; 0: not yet. Written by the thread that allocates. */
static uint64_t impl_limiter_ns, impl_gave_up_ns;

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

static inline void impl_note(uint64_t *time_ns)
{
    if (__atomic_load_n(time_ns, __ATOMIC_RELAXED) == 0) {
        __atomic_store_n(time_ns, bench_wall_ns(), __ATOMIC_RELAXED);
    }
}

static inline tri_oom_action impl_give_up(tri_heap *heap, const tri_oom_info *info, void *argument)
{
    (void)heap;
    (void)info;
    (void)argument;
    impl_note(&impl_gave_up_ns);
    return TRI_OOM_FAIL;
}

static inline void impl_note_pressure(tri_heap *heap, const tri_pressure_info *info, void *argument)
{
    (void)heap;
    (void)argument;
    if (info->kind == TRI_PRESSURE_LIMITER_ON) {
        impl_note(&impl_limiter_ns);
    }
}

static inline tri_type *impl_define(const char *name, size_t size, uint64_t pointer_words,
                                    bool zeroed)
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
    } else if (!zeroed) {
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
    if (setup->give_up_s != 0) {
        options.give_up_s = setup->give_up_s;
        options.oom_handler = impl_give_up;
        options.pressure = impl_note_pressure;
    }
    impl_require(tri_heap_create(&impl_heap, &options));
    impl_object_type =
        impl_define("object", setup->object_size, setup->pointer_words, setup->zeroed);
    impl_slot_type = impl_define("slot", sizeof(void *), 1, true);
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

static inline void impl_scan_stack(tri_visitor *visitor, tri_mutator *mutator, void *argument)
{
    (void)mutator;
    const struct impl_thread *thread = argument;
    for (size_t i = 0; i < IMPL_STACK_SLOTS; i++) {
        tri_visit_ref(visitor, thread->stack[i]);
    }
}

/* Before the first impl_keep of a thread, which stays where it is then. */
static inline void impl_stack_begin(struct impl_thread *thread)
{
    tri_roots_set_scanner(thread->mutator, impl_scan_stack, thread);
}

/* Puts a reference, or NULL, where the collector finds it: on the stack of a virtual machine. What
 * stands in C's locals is not enough. */
BENCH_INLINE void impl_keep(struct impl_thread *thread, size_t slot, void *object)
{
    thread->stack[slot] = object;
}

/* Nobody refers to `object` any more. */
BENCH_INLINE void impl_free(struct impl_thread *thread, void *object)
{
    (void)thread;
    (void)object;
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

static inline tri_stats impl_stats(void)
{
    tri_stats stats = {.size = sizeof(stats)};
    impl_require(tri_stats_read(impl_heap, &stats));
    return stats;
}

static inline int64_t impl_collections(struct impl_thread *thread)
{
    (void)thread;
    return (int64_t)impl_stats().num_gc;
}

/* From any thread. */
static inline struct bench_memory impl_memory(void)
{
    tri_stats stats = impl_stats();
    struct bench_memory memory = {
        .objects = stats.heap_alloc,
        .held = stats.sys - stats.heap_released,
        .goal = stats.next_gc,
        .gc_cpu_ns = stats.gc_cpu_ns,
        .collections = stats.num_gc,
        .limiter_on = __atomic_load_n(&impl_limiter_ns, __ATOMIC_RELAXED) != 0,
    };
    return memory;
}

/* When allocation gave up, on bench_wall_ns' clock; 0: it did not. */
static inline uint64_t impl_gave_up(void)
{
    return __atomic_load_n(&impl_gave_up_ns, __ATOMIC_RELAXED);
}

/* Gives what is free back to the system. */
static inline void impl_release(struct impl_thread *thread)
{
    tri_release_memory(thread->mutator);
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
