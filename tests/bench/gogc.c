/* gogc.c -- a million objects of 1 KiB that nobody keeps, under settings of GOGC and MEMLIMIT.
 *
 * The experiment that is often told with Go's make([]byte, 1024) in a loop, written so that no
 * compiler leaves the allocation out: each object, a zeroed leaf, is put into one slot, in place of
 * the one before. Its first and last word must be zero; they get its number, and when another takes
 * its place they are read and summed up. The settings come from the environment.
 *
 *     bench_gogc_... count=1000000
 *
 * peak_heap_mb is the most that objects, live or not yet swept, took at any of the readings, which
 * are made every 256 objects.
 */
#include BENCH_IMPL
#include "memory.h"

enum {
    OBJECT_WORDS = 128,
    READING_OBJECTS = 256
};

struct object {
    uint64_t words[OBJECT_WORDS];
};

_Static_assert(sizeof(struct object) == 1024, "the object of the workload's definition");

struct result {
    uint64_t check;
    uint64_t peak_bytes;
};

static uint64_t sum(const struct object *object)
{
    return object->words[0] + 3 * object->words[OBJECT_WORDS - 1];
}

static __attribute__((noinline)) void allocate(struct impl_thread *caller, void **slot,
                                               uint64_t count, struct result *result)
{
    struct impl_thread thread = *caller;
    uint64_t dirty = 0;
    for (uint64_t i = 0; i < count; i++) {
        struct object *object = impl_alloc(&thread, false, sizeof(*object));
        dirty |= object->words[0] | object->words[OBJECT_WORDS - 1];
        object->words[0] = object->words[OBJECT_WORDS - 1] = i;
        result->check += *slot == NULL ? 0 : sum(*slot);
        impl_replace(&thread, slot, object);
        if (i % READING_OBJECTS == READING_OBJECTS - 1) {
            uint64_t bytes = impl_memory().objects;
            result->peak_bytes = bytes > result->peak_bytes ? bytes : result->peak_bytes;
        }
    }
    if (dirty != 0) {
        bench_die("an object was not zeroed");
    }
    result->check += sum(*slot);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        impl_print_version();
        return 0;
    }
    uint64_t count = bench_number(argc, argv, "count", 1000000);
    if (count < READING_OBJECTS) {
        bench_die("count must be at least 256");
    }
    struct bench_setup setup = {.object_size = sizeof(struct object), .zeroed = true};
    impl_start(&setup);
    struct impl_thread thread;
    impl_thread_begin(&thread, 1);
    void **slot = impl_array(&thread, 1);

    struct result result = {0};
    uint64_t collections = impl_memory().collections;
    uint64_t cpu_ns = bench_cpu_ns(), wall_ns = bench_wall_ns();
    allocate(&thread, slot, count, &result);
    wall_ns = bench_wall_ns() - wall_ns;
    cpu_ns = bench_cpu_ns() - cpu_ns;
    collections = impl_memory().collections - collections;

    bench_report("run_s", (double)wall_ns / 1e9);
    bench_report("run_cpu_s", (double)cpu_ns / 1e9);
    bench_report("collections", (double)collections);
    if (collections > 0) {
        bench_report("interval_ms", (double)wall_ns / 1e6 / (double)collections);
    }
    bench_report("peak_heap_mb", memory_mb(result.peak_bytes));
    bench_report_check(result.check);
    impl_thread_end(&thread);
    return 0;
}
