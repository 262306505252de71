/* stall.c -- how long a thread that allocates waits while a large graph is live.
 *
 * The random graph of mark (graph.h) is built and collected once by force. Then each of `mutators`
 * threads allocates nodes into a ring of 10 000 slots of its own, each in place of the oldest, and
 * times every allocation (latency.h). A fresh node's first pointer gets set: to the node before it
 * if its number is odd, else to itself. With watcher=1 one more thread only reads the clock, and
 * notes when it did not get to do so.
 *
 *     bench_stall_... nodes=16777216 mutators=1 watcher=0 cycles=3 least_ms=15000 most_ms=45000
 *     bench_stall_... nodes=16384 mutators=2 watcher=1 count=40000
 *
 * The loops run until `cycles` collections are over, but at least `least_ms` and at most `most_ms`;
 * where there is no collector, for `least_ms`. With count: until each mutator made so many
 * allocations.
 */
#include BENCH_IMPL
#include "crew.h"
#include "graph.h"
#include "latency.h"

enum {
    RING_SLOTS = 10000,
    LOOK_NS = 20000000 /* between two looks at whether the run is over */
};

struct run {
    unsigned mutators;
    bool watcher;
    uint64_t count; /* allocations of a mutator; UINT64_MAX: until `stop` */
    uint64_t cycles, least_ns, most_ns;
    pthread_barrier_t start;
    bool stop; /* atomic; set once, by the first thread */
};

struct mutator {
    struct run *run;
    pthread_t thread;
    struct latency *latency;
    uint64_t allocations;
    struct times times;
};

struct watcher {
    struct run *run;
    pthread_t thread;
    uint64_t readings;
    uint64_t max_ns, over_100us, over_1ms;
};

/* What the timed part did in all. */
struct totals {
    struct latency *latency;
    struct times times;
    int64_t collections;
};

BENCH_INLINE bool is_over(const struct run *run)
{
    return __atomic_load_n(&run->stop, __ATOMIC_RELAXED);
}

/* ---- Mutators ---- */

/* Ends at an even number only, so that the link of the oldest node in the ring leads to itself. */
static __attribute__((noinline)) void allocate(struct mutator *mutator, struct impl_thread *caller,
                                               void **ring)
{
    struct impl_thread thread = *caller;
    const struct run *run = mutator->run;
    struct latency *latency = mutator->latency;
    struct node *previous = NULL;
    uint64_t number = 0;
    size_t slot = 0;
    uint64_t last_ns = bench_wall_ns();
    while (number < run->count && ((number & 1) != 0 || !is_over(run))) {
        struct node *node = new_node(&thread, number);
        impl_init(&thread, &node->next[0], number & 1 ? previous : node);
        impl_replace(&thread, &ring[slot], node);
        previous = node;
        number++;
        slot = slot + 1 == RING_SLOTS ? 0 : slot + 1;
        uint64_t now_ns = bench_wall_ns();
        latency_record(latency, now_ns - last_ns);
        last_ns = now_ns;
    }
    mutator->allocations = number;
}

/* The last nodes must be in the ring, each where it belongs, as it was made. */
static void check_ring(void **ring, uint64_t allocations)
{
    for (uint64_t i = allocations > RING_SLOTS ? allocations - RING_SLOTS : 0; i < allocations;
         i++) {
        const struct node *node = ring[i % RING_SLOTS];
        const struct node expected = {{ring[(i - (i & 1)) % RING_SLOTS]}, {i}};
        if (memcmp(node, &expected, sizeof(expected)) != 0) {
            bench_die("a node of a ring is not what was allocated");
        }
    }
}

static void *mutate(void *argument)
{
    struct mutator *mutator = argument;
    struct impl_thread thread;
    impl_thread_begin(&thread, RING_SLOTS);
    void **ring = impl_array(&thread, RING_SLOTS);
    mutator->latency = latency_new();

    start_together(&mutator->run->start, &thread);
    times_begin(&mutator->times);
    allocate(mutator, &thread, ring);
    times_end(&mutator->times);

    check_ring(ring, mutator->allocations);
    impl_thread_end(&thread);
    return NULL;
}

/* ---- The watcher ---- */

static void *watch(void *argument)
{
    struct watcher *watcher = argument;
    struct impl_thread thread;
    impl_thread_begin(&thread, RING_SLOTS);
    start_together(&watcher->run->start, &thread);
    uint64_t last_ns = bench_wall_ns();
    do {
        impl_poll(&thread);
        uint64_t now_ns = bench_wall_ns();
        uint64_t gap_ns = now_ns - last_ns;
        last_ns = now_ns;
        watcher->readings++;
        watcher->max_ns = gap_ns > watcher->max_ns ? gap_ns : watcher->max_ns;
        watcher->over_100us += gap_ns > 100000;
        watcher->over_1ms += gap_ns > 1000000;
    } while (!is_over(watcher->run));
    impl_thread_end(&thread);
    return NULL;
}

/* ---- The first thread: it begins, looks on, and ends ---- */

/* Sleeps until the timed part is to end. Without a collector there are no cycles to wait for. */
static void wait_for_cycles(const struct run *run, struct impl_thread *thread, int64_t collections)
{
    const struct timespec look = {.tv_nsec = LOOK_NS};
    uint64_t start_ns = bench_wall_ns(), now_ns = start_ns;
    bool enough = false;
    while (now_ns - start_ns < run->most_ns && !(enough && now_ns - start_ns >= run->least_ns)) {
        nanosleep(&look, NULL);
        now_ns = bench_wall_ns();
        enough = collections < 0 || impl_collections(thread) - collections >= (int64_t)run->cycles;
    }
}

static void sum_up(const struct run *run, const struct mutator *mutators, struct totals *totals)
{
    totals->times = times_none;
    for (unsigned i = 0; i < run->mutators; i++) {
        times_add(&totals->times, &mutators[i].times);
        latency_add(totals->latency, mutators[i].latency);
        free(mutators[i].latency);
    }
}

static void run_threads(struct run *run, struct impl_thread *thread, struct watcher *watcher,
                        struct totals *totals)
{
    struct mutator mutators[CREW_MAX] = {{0}};
    int64_t collections = impl_collections(thread);
    pthread_barrier_init(&run->start, NULL, run->mutators + run->watcher + 1);
    for (unsigned i = 0; i < run->mutators; i++) {
        mutators[i].run = run;
        begin_thread(&mutators[i].thread, mutate, &mutators[i]);
    }
    if (run->watcher) {
        watcher->run = run;
        begin_thread(&watcher->thread, watch, watcher);
    }
    start_together(&run->start, thread);

    impl_wait_begin(thread);
    if (run->count == UINT64_MAX) {
        wait_for_cycles(run, thread, collections);
        __atomic_store_n(&run->stop, true, __ATOMIC_RELAXED);
    }
    for (unsigned i = 0; i < run->mutators; i++) {
        pthread_join(mutators[i].thread, NULL);
    }
    __atomic_store_n(&run->stop, true, __ATOMIC_RELAXED);
    if (run->watcher) {
        pthread_join(watcher->thread, NULL);
    }
    impl_wait_end(thread);
    totals->collections = collections < 0 ? -1 : impl_collections(thread) - collections;
    sum_up(run, mutators, totals);
    pthread_barrier_destroy(&run->start);
}

static void report(const struct run *run, struct impl_thread *thread, const struct watcher *watcher,
                   const struct totals *totals)
{
    const struct latency *latency = totals->latency;
    latency_report(latency);
    double cpu_ns = (double)times_cpu_ns(&totals->times);
    bench_report("cpu_ns_op", cpu_ns / (double)latency->count);
    bench_report("allocations", (double)latency->count);
    bench_report("run_s", (double)times_wall_ns(&totals->times) / 1e9);
    bench_report("run_cpu_s", cpu_ns / 1e9);
    if (run->watcher) {
        if (watcher->readings == 0) {
            bench_die("the watcher did not run");
        }
        bench_report("watcher_max_us", (double)watcher->max_ns / 1e3);
        bench_report("watcher_over_100us", (double)watcher->over_100us);
        bench_report("watcher_over_1ms", (double)watcher->over_1ms);
    }
    if (totals->collections >= 0) {
        bench_report("collections", (double)totals->collections);
    }
    if (impl_stall_max_ns(thread) >= 0) {
        bench_report("collector_max_us", (double)impl_stall_max_ns(thread) / 1e3);
    }
#ifdef IMPL_HAS_STALLS
    impl_report_stalls();
#endif
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        impl_print_version();
        return 0;
    }
    uint64_t nodes = bench_number(argc, argv, "nodes", 1 << 24);
    struct run run = {
        .mutators = (unsigned)bench_number(argc, argv, "mutators", 1),
        .watcher = bench_number(argc, argv, "watcher", 0) != 0,
        .count = bench_number(argc, argv, "count", UINT64_MAX),
        .cycles = bench_number(argc, argv, "cycles", 3),
        .least_ns = bench_number(argc, argv, "least_ms", 15000) * 1000000,
        .most_ns = bench_number(argc, argv, "most_ms", 45000) * 1000000,
    };
    if (run.mutators < 1 || run.mutators > CREW_MAX || nodes < 2 || nodes > UINT32_MAX) {
        bench_die("mutators must be 1 to 64, nodes 2 to 2^32 - 1");
    }
    if (run.count == 0 || (run.count != UINT64_MAX && run.count % 2 != 0)) {
        bench_die("count must be even and at least 2");
    }
    graph_start(argc, argv, 0);
    struct impl_thread thread;
    impl_thread_begin(&thread, nodes);
    void **roots = impl_array(&thread, GRAPH_ROOTS);
    uint64_t start_ns = bench_wall_ns();
    build_random(&thread, roots, nodes);
    bench_report("build_s", (double)(bench_wall_ns() - start_ns) / 1e9);
    if (impl_collections(&thread) >= 0) {
        impl_collect(&thread);
    }

    struct watcher watcher = {0};
    struct totals totals = {.latency = latency_new()};
    run_threads(&run, &thread, &watcher, &totals);
    report(&run, &thread, &watcher, &totals);
    bench_report_check(check_graph(roots, nodes));
    free(totals.latency);
    impl_thread_end(&thread);
    return 0;
}
