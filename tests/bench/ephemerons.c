/* ephemerons.c -- forced collections while many ephemerons wait for each other's keys.
 *
 * An ephemeron keeps its value as long as its key lives. Here nearly each key is only the value of
 * another ephemeron, so that one must be resolved before the next can be:
 *     graph=chain   the value of each is the key of the next;
 *     graph=cycle   and that of the last is the first key;
 *     graph=random  the value of each is a key of its own, its key a random one of those before.
 * All ephemerons lie in an array, the last of a chain first, or in random order: a collector that
 * looked through them again and again until nothing changes would need as many rounds as there are.
 *
 *     bench_ephemerons_trillium graph=chain|cycle|random count=1000000 collections=5
 *
 * full_ms is the median of `collections` forced ones, at which everything lives by one root, the
 * first key; ns_ephemeron is their processor time by the number of ephemerons; clear_ms is the time
 * of one after the root is dropped, which leaves nothing but ephemerons that are empty.
 */
#include BENCH_IMPL

enum {
    COLLECTIONS_MAX = 99
};

struct key {
    uint64_t number;
    uint64_t unused;
};

enum graph {
    CHAIN,
    CYCLE,
    RANDOM
};

struct run {
    struct impl_thread thread;
    enum graph graph;
    uint64_t count;
    void **root;       /* one slot: the first key */
    void **ephemerons; /* `count` */
};

static enum graph choose(const char *name)
{
    static const char *const names[] = {"chain", "cycle", "random"};
    for (size_t i = 0; name != NULL && i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0) {
            return (enum graph)i;
        }
    }
    bench_die("graph must be chain, cycle or random");
}

static struct key *new_key(struct run *run, uint64_t number)
{
    struct key *key = impl_alloc(&run->thread, false, sizeof(*key));
    key->number = number;
    return key;
}

static void put(struct run *run, uint64_t slot, struct key *key, struct key *value)
{
    tri_mutator *mutator = run->thread.mutator;
    impl_store(&run->thread, &run->ephemerons[slot],
               tri_ephemeron_new(mutator, key, (tri_word)value));
}

static void shuffle(struct run *run)
{
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
    for (uint64_t i = run->count - 1; i > 0; i--) {
        uint64_t j = bench_random_below(&state, i + 1);
        void *exchanged = run->ephemerons[i];
        impl_store(&run->thread, &run->ephemerons[i], run->ephemerons[j]);
        impl_store(&run->thread, &run->ephemerons[j], exchanged);
    }
}

/* Key i is the value of ephemeron i - 1; the keys are kept by an array until all is built. */
static void build(struct run *run)
{
    uint64_t state = UINT64_C(88172645463325252), count = run->count;
    void **keys = impl_array(&run->thread, count + 1);
    for (uint64_t i = 0; i <= count; i++) {
        impl_store(&run->thread, &keys[i], new_key(run, i));
    }
    for (uint64_t i = 0; i < count; i++) {
        uint64_t from = run->graph == RANDOM ? bench_random_below(&state, i + 1) : i;
        uint64_t to = run->graph == CYCLE && i == count - 1 ? 0 : i + 1;
        put(run, count - 1 - i, keys[from], keys[to]);
    }
    impl_store(&run->thread, run->root, keys[0]);
    impl_array_drop(&run->thread, keys);
    if (run->graph == RANDOM) {
        shuffle(run);
    }
}

/* The numbers of all values, each with its key's, and how many ephemerons have any. */
static uint64_t sum_up(struct run *run, uint64_t *living)
{
    uint64_t sum = 0;
    *living = 0;
    for (uint64_t i = 0; i < run->count; i++) {
        tri_ref ephemeron = run->ephemerons[i];
        const struct key *key = tri_ephemeron_key(run->thread.mutator, ephemeron);
        if (key != NULL) {
            const struct key *value =
                (const void *)tri_ephemeron_value(run->thread.mutator, ephemeron);
            sum += 3 * key->number + value->number;
            ++*living;
        }
    }
    return sum;
}

static void collect_alive(struct run *run, size_t collections)
{
    double wall_ms[COLLECTIONS_MAX], cpu_ms[COLLECTIONS_MAX];
    for (size_t i = 0; i < collections; i++) {
        uint64_t cpu = bench_cpu_ns(), wall = bench_wall_ns();
        impl_collect(&run->thread);
        wall_ms[i] = (double)(bench_wall_ns() - wall) / 1e6;
        cpu_ms[i] = (double)(bench_cpu_ns() - cpu) / 1e6;
    }
    double full_cpu_ms = bench_median(cpu_ms, collections);
    bench_report("full_ms", bench_median(wall_ms, collections));
    bench_report("full_cpu_ms", full_cpu_ms);
    bench_report("ns_ephemeron", full_cpu_ms * 1e6 / (double)run->count);
}

static void collect_dead(struct run *run)
{
    uint64_t living;
    impl_store(&run->thread, run->root, NULL);
    uint64_t wall = bench_wall_ns();
    impl_collect(&run->thread);
    bench_report("clear_ms", (double)(bench_wall_ns() - wall) / 1e6);
    sum_up(run, &living);
    if (living != 0) {
        bench_die("ephemerons without a key that lives were not cleared");
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        impl_print_version();
        return 0;
    }
    uint64_t collections = bench_number(argc, argv, "collections", 5);
    struct run run = {
        .graph = choose(bench_option(argc, argv, "graph")),
        .count = bench_number(argc, argv, "count", 1000000),
    };
    if (run.count < 1 || run.count >= UINT32_MAX || collections < 1 ||
        collections > COLLECTIONS_MAX) {
        bench_die("count must be 1 to 2^32 - 2, collections 1 to 99");
    }
    struct bench_setup setup = {.object_size = sizeof(struct key)};
    impl_start(&setup);
    impl_thread_begin(&run.thread, run.count);
    run.root = impl_array(&run.thread, 1);
    run.ephemerons = impl_array(&run.thread, run.count);

    uint64_t start = bench_wall_ns(), living;
    build(&run);
    bench_report("build_s", (double)(bench_wall_ns() - start) / 1e9);
    collect_alive(&run, collections);
    uint64_t check = sum_up(&run, &living);
    if (living != run.count) {
        bench_die("an ephemeron was cleared whose key lives");
    }
    collect_dead(&run);
    bench_report_check(check);
    impl_thread_end(&run.thread);
    return 0;
}
