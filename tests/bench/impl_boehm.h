/* impl_boehm.h -- the Boehm-Demers-Weiser collector.
 *
 * Interior pointers from the heap are not recognized unless asked for (interior=1, the library's
 * default): with them each object is one byte longer, so that one of 64 bytes costs 80.
 */
#ifndef TRILLIUM_BENCH_IMPL_BOEHM_H
#define TRILLIUM_BENCH_IMPL_BOEHM_H

#define GC_THREADS 1
#include <gc.h>

#include "impl_plain.h"
#include <pthread.h> /* gc.h has put its own pthread_create in place */

#define IMPL_FREES 0

struct impl_thread {
    char unused;
};

/* Written while the world is stopped, by whoever collects; its callback is given no argument. */
static uint64_t impl_stop_ns, impl_stall_longest_ns;

static inline void impl_note_stop(GC_EventType event)
{
    if (event == GC_EVENT_PRE_STOP_WORLD) {
        impl_stop_ns = bench_wall_ns();
    } else if (event == GC_EVENT_POST_START_WORLD) {
        uint64_t stall_ns = bench_wall_ns() - impl_stop_ns;
        impl_stall_longest_ns = stall_ns > impl_stall_longest_ns ? stall_ns : impl_stall_longest_ns;
    }
}

static inline void impl_print_version(void)
{
    unsigned version = GC_get_version();
    printf("Boehm %u.%u.%u\n", version >> 16, version >> 8 & 0xff, version & 0xff);
}

static inline void impl_start(const struct bench_setup *setup)
{
    GC_set_all_interior_pointers(setup->interior);
    if (setup->markers != 0) {
        char text[16];
        snprintf(text, sizeof(text), "%u", setup->markers);
        setenv("GC_MARKERS", text, 1);
    }
    GC_INIT();
    GC_set_on_collection_event(impl_note_stop);
    /* A program that never creates a thread would have one marker, whatever GC_MARKERS says. */
    if (setup->markers > 1) {
        GC_start_mark_threads();
        if (GC_get_parallel() != (int)setup->markers - 1) {
            bench_die("the marker threads that were asked for do not run");
        }
    }
}

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
    void **array = GC_MALLOC_IGNORE_OFF_PAGE(count * sizeof(void *));
    if (array == NULL) {
        bench_die("out of memory");
    }
    return array;
}

static inline void impl_array_drop(struct impl_thread *thread, void **array)
{
    (void)thread;
    GC_FREE(array);
}

BENCH_INLINE void *impl_alloc(struct impl_thread *thread, bool pointers, size_t size)
{
    (void)thread;
    void *object = pointers ? GC_MALLOC(size) : GC_MALLOC_ATOMIC(size);
    if (object == NULL) {
        bench_die("out of memory");
    }
    return object;
}

BENCH_INLINE void impl_replace(struct impl_thread *thread, void **slot, void *object)
{
    (void)thread;
    *slot = object;
}

BENCH_INLINE void impl_free(struct impl_thread *thread, void *object)
{
    (void)thread;
    (void)object;
}

static inline void impl_collect(struct impl_thread *thread)
{
    (void)thread;
    GC_gcollect();
}

/* Of what is free too, to the system. */
static inline void impl_release(struct impl_thread *thread)
{
    (void)thread;
    GC_gcollect_and_unmap();
}

/* It has no goal that it would tell, and counts no processor time. */
static inline struct bench_memory impl_memory(void)
{
    struct bench_memory memory = {
        .objects = GC_get_heap_size() - GC_get_free_bytes() - GC_get_unmapped_bytes(),
        .held = GC_get_heap_size() - GC_get_unmapped_bytes(),
        .collections = GC_get_gc_no(),
    };
    return memory;
}

static inline int64_t impl_collections(struct impl_thread *thread)
{
    (void)thread;
    return (int64_t)GC_get_gc_no();
}

/* From before the signals that stop the threads to after those that let them go. */
static inline int64_t impl_stall_max_ns(struct impl_thread *thread)
{
    (void)thread;
    return (int64_t)impl_stall_longest_ns;
}

#endif
