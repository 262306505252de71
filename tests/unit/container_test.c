/* container_test.c -- what a heap makes of its container's limits, and how a marker keeps to a part
 * of a processor.
 */
#include "runtime/container.h"

#include <trillium/trillium.h>

#include "gc/port.h"
#include "tests/made_up_tree.h"
#include "tests/unit/unit.h"

#define MEMORY_MAX "sys/fs/cgroup/memory.max"
#define CPU_MAX    "sys/fs/cgroup/cpu.max"

static struct tree tree;
static struct process_heap *heap;

static void heap_new(const tri_heap_options *options)
{
    tri_heap *made;
    ck_assert_int_eq(tri_heap_create(&made, options), TRI_OK);
    heap = process_heap_of(made);
    heap->container.root = tree.root; /* nobody reads meanwhile: there is no thread yet */
}

static tri_heap_options options_new(void)
{
    tri_heap_options options;
    tri_heap_options_init(&options);
    options.memory_limit = TRI_MEMORY_LIMIT_OFF;
    options.memory_limit_percent = 0;
    options.processors = 0.0;
    return options;
}

static void begin(void)
{
    tree = tree_new();
    tree_write(&tree, "proc/self/cgroup", "0::/\n");
    tree_write(&tree, "proc/self/mountinfo",
               "29 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw\n");
}

static void end(void)
{
    tri_heap_destroy(&heap->heap);
    tree_remove(&tree);
}

/* Let more than a second have passed since the last reading. */
static void grow_old(void)
{
    store_relaxed(&heap->container.read_ns, port_now_ns() - UINT64_C(1500000000));
}

START_TEST(processors)
{
    static const struct {
        const char *cpu_max;
        double option;
        double want; /* 0: as many as the affinity mask has */
    } cases[] = {
        {"max 100000\n", 0.0, 0.0},    {"30000 100000\n", 0.0, 0.3},
        {"100000 100000\n", 0.0, 1.0}, {"1000 1000000\n", 0.0, 0.01},
        {"99000000 1000\n", 0.0, 0.0}, {"30000 100000\n", 4.5, 4.5},
        {"max 100000\n", 0.25, 0.25},  {"", 0.0, 0.0},
    };
    tri_heap_options options = options_new();
    options.processors = cases[_i].option;
    heap_new(&options);
    tree_write(&tree, CPU_MAX, cases[_i].cpu_max);
    grow_old();
    ck_assert(!container_refresh(heap)); /* the memory limit is what it was */
    double want = cases[_i].want > 0.0 ? cases[_i].want : port_cpu_count();
    double found = port_processors(&heap->heap);
    ck_assert_msg(found > want - 1e-9 && found < want + 1e-9, "%f", found);
    ck_assert_uint_eq(port_processor_threads(&heap->heap),
                      (unsigned)want + (want > (unsigned)want ? 1 : 0));
}
END_TEST

START_TEST(processors_of_nobody)
{
    heap_new(NULL);
    ck_assert(port_processors(NULL) > 0.0);
    ck_assert(port_processors(NULL) <= port_cpu_count());
}
END_TEST

/* Once a second at the most; and the limit is looked for where it is followed only. */
START_TEST(reading_again)
{
    tri_heap_options options = options_new();
    options.memory_limit_percent = 50;
    heap_new(&options);
    tree_write(&tree, MEMORY_MAX, "800000000\n");
    grow_old();
    ck_assert(container_refresh(heap));
    ck_assert_int_eq(heap->heap.options.memory_limit, 400000000);
    tree_write(&tree, MEMORY_MAX, "600000000\n");
    store_relaxed(&heap->container.read_ns, port_now_ns() + UINT64_C(3600000000000));
    uint64_t due_ns = container_due_ns(heap);
    ck_assert_uint_gt(due_ns, load_relaxed(&heap->container.read_ns));
    ck_assert(!container_refresh(heap)); /* too early */
    grow_old();
    ck_assert(container_refresh(heap));
    ck_assert_int_eq(heap->heap.options.memory_limit, 300000000);
    grow_old();
    ck_assert(!container_refresh(heap)); /* no change */
    (void)tri_set_memory_limit(&heap->heap, 123456789);
    ck_assert_uint_eq(container_due_ns(heap), UINT64_MAX); /* [container.2] */
    tree_write(&tree, MEMORY_MAX, "500000000\n");
    grow_old();
    ck_assert(!container_refresh(heap));
    ck_assert_int_eq(heap->heap.options.memory_limit, 123456789);
}
END_TEST

/* While one thread reads, another goes on. */
START_TEST(reading_by_one_at_a_time)
{
    tri_heap_options options = options_new();
    options.memory_limit_percent = 50;
    heap_new(&options);
    tree_write(&tree, MEMORY_MAX, "800000000\n");
    grow_old();
    port_mutex_lock(&heap->container.lock.mutex); /* as another thread would have it */
    ck_assert(!container_refresh(heap));
    port_mutex_unlock(&heap->container.lock.mutex);
    ck_assert(container_refresh(heap));
}
END_TEST

/* [container.1] */
START_TEST(reading_at_the_end_of_cycles)
{
    heap_new(NULL);
    tree_write(&tree, CPU_MAX, "30000 100000\n");
    grow_old();
    store_relaxed(&heap->workers.collector_started, 1U);
    container_cycle_ended(heap); /* that thread will do it */
    uint32_t before = load_relaxed(&heap->container.processors_thousandths);
    store_relaxed(&heap->workers.collector_started, 0U);
    container_cycle_ended(heap);
    ck_assert_uint_eq(load_relaxed(&heap->container.processors_thousandths), 300);
    ck_assert_uint_ne(before, 300);
}
END_TEST

static void burn(uint64_t ns)
{
    uint64_t start_ns = port_thread_cpu_ns();
    while (port_thread_cpu_ns() - start_ns < ns) {
    }
}

static void mark_a_slice(void *argument, unsigned index)
{
    uint64_t *slept_ns = argument;
    burn(*slept_ns); /* how long it shall work */
    uint64_t before_ns = port_now_ns();
    port_pace_marker(&heap->heap, index);
    *slept_ns = port_now_ns() - before_ns;
}

/* A marker that has a 40th of a processor by right sleeps 39 times as long as it has worked; one
 * that is waited for does not sleep, however short its share. */
START_TEST(marker_keeps_to_its_share)
{
    uint64_t slept_ns = 200000;
    tri_heap_options options = options_new();
    options.processors = 0.1;
    heap_new(&options);
    (void)port_run_parallel(&heap->heap, 1, mark_a_slice, &slept_ns);
    ck_assert_uint_ge(slept_ns, 39 * UINT64_C(200000));
    heap->heap.options.processors = 0.01;
    slept_ns = 20000000;
    port_hurry_markers(&heap->heap);
    (void)port_run_parallel(&heap->heap, 1, mark_a_slice, &slept_ns);
    ck_assert_uint_lt(slept_ns, 399 * UINT64_C(20000000)); /* 8 seconds */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("container");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, begin, end);
    tcase_add_loop_test(all, processors, 0, 8);
    tcase_add_test(all, processors_of_nobody);
    tcase_add_test(all, reading_again);
    tcase_add_test(all, reading_by_one_at_a_time);
    tcase_add_test(all, reading_at_the_end_of_cycles);
    tcase_add_test(all, marker_keeps_to_its_share);
    suite_add_tcase(suite, all);
    return unit_run(suite);
}
