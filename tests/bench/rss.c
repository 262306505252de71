/* rss.c -- how soon the system has memory back that a program needed once.
 *
 * A spike: the lists of mark (graph.h) are built, `nodes` nodes of 64 bytes in all, summed up, and
 * dropped but for `keep` of 1024 lists; one collection by force; then a small load goes on: 1000
 * nodes each 10 ms into a ring of 10 000 slots, each in place of the oldest. The process's resident
 * memory is read before the drop, right after the collection, and `seconds`/10, /5, /2 and all of
 * them later; then everything that is free is given back by force, and it is read once more.
 *
 *     bench_rss_... nodes=16777216 keep=0 seconds=10
 *
 * goal_mb is the collector's own goal for the heap at the end of the load: what the program may use
 * by right. The check is that of the whole graph, and at the end of the lists that were kept.
 */
#include BENCH_IMPL
#include "graph.h"
#include "memory.h"

enum {
    RING_SLOTS = 10000,
    LOAD_NODES = 1000,
    LOAD_PAUSE_NS = 10000000
};

/* When the resident memory is read, in tenths of the load's time. */
static const struct {
    const char *metric;
    unsigned tenths;
} readings[] = {
    {"rss_0s_mb", 0}, {"rss_1s_mb", 1}, {"rss_2s_mb", 2}, {"rss_5s_mb", 5}, {"rss_10s_mb", 10},
};

enum {
    READINGS = sizeof(readings) / sizeof(readings[0])
};

struct load {
    void **ring;
    size_t slot;
    uint64_t number;
};

static void allocate_some(struct impl_thread *thread, struct load *load)
{
    for (size_t i = 0; i < LOAD_NODES; i++) {
        impl_replace(thread, &load->ring[load->slot], new_node(thread, load->number++));
        load->slot = load->slot + 1 == RING_SLOTS ? 0 : load->slot + 1;
    }
}

/* The load, until `end_ns` on the clock. */
static void go_on(struct impl_thread *thread, struct load *load, uint64_t end_ns)
{
    const struct timespec pause = {.tv_nsec = LOAD_PAUSE_NS};
    while (bench_wall_ns() < end_ns) {
        allocate_some(thread, load);
        impl_wait_begin(thread);
        nanosleep(&pause, NULL);
        impl_wait_end(thread);
    }
}

/* The nodes of the ring must be the last ones, each where it belongs. */
static void check_ring(const struct load *load)
{
    for (uint64_t i = load->number - (load->number < RING_SLOTS ? load->number : RING_SLOTS);
         i < load->number; i++) {
        const struct node *node = load->ring[i % RING_SLOTS];
        if (node->numbers[0] != i) {
            bench_die("a node of the ring is not what was allocated");
        }
    }
}

/* Prints the resident memory after the collection, as it changes while the load goes on. */
static void watch(struct impl_thread *thread, struct load *load, uint64_t load_ns)
{
    uint64_t rss = 0, start_ns = bench_wall_ns();
    for (size_t i = 0; i < READINGS; i++) {
        go_on(thread, load, start_ns + load_ns / 10 * readings[i].tenths);
        rss = memory_rss();
        bench_report(readings[i].metric, memory_mb(rss));
    }
    uint64_t goal = impl_memory().goal;
    bench_report("rss_mb", memory_mb(rss));
    if (goal != 0) {
        bench_report("goal_mb", memory_mb(goal));
        bench_report("rss_goal", (double)rss / (double)goal);
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        impl_print_version();
        return 0;
    }
    uint64_t nodes = bench_number(argc, argv, "nodes", 1 << 24);
    uint64_t keep = bench_number(argc, argv, "keep", 0);
    uint64_t load_ns = bench_number(argc, argv, "seconds", 10) * 1000000000;
    if (nodes < GRAPH_ROOTS || nodes % GRAPH_ROOTS != 0 || nodes > UINT32_MAX) {
        bench_die("nodes must be a multiple of 1024, 1024 to 2^32 - 1024");
    }
    if (keep > GRAPH_ROOTS || load_ns == 0) {
        bench_die("keep must be 0 to 1024, seconds at least 1");
    }
    graph_start(argc, argv, 0);
    struct impl_thread thread;
    impl_thread_begin(&thread, nodes);
    void **roots = impl_array(&thread, GRAPH_ROOTS);
    struct load load = {.ring = impl_array(&thread, RING_SLOTS)};

    build_list(&thread, roots, nodes);
    uint64_t check = check_graph(roots, nodes);
    bench_report("rss_spike_mb", memory_mb(memory_rss()));
    for (size_t i = keep; i < GRAPH_ROOTS; i++) {
        impl_store(&thread, &roots[i], NULL);
    }
    impl_collect(&thread);
    watch(&thread, &load, load_ns);
    impl_release(&thread);
    bench_report("rss_released_mb", memory_mb(memory_rss()));

    check_ring(&load);
    check += check_graph(roots, nodes / GRAPH_ROOTS * keep);
    bench_report_check(check);
    impl_thread_end(&thread);
    return 0;
}
