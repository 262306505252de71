/* memlimit.c -- a program that leaks until it is at its memory limit, and beyond.
 *
 * A mutator allocates objects of 1 KiB, zeroed, with one pointer, and puts each into one slot, in
 * place of the last; then it computes for a while, `work` steps of a random number generator, and
 * puts the result into it. One object of `keep` it hangs into one of 64 lists for ever; while
 * memory is filled it does so with each. For `start_ms` it runs with nearly nothing live; then it
 * fills memory to `fill` percent of `limit_mb` with kept objects; then it leaks, until
 *     - allocation gives up (Trillium's give_up_s; Go has no such thing), or
 *     - kept objects take `last` percent of the limit, or
 *     - `most_ms` are over since the start.
 * GOGC=off and the limit itself come from the environment.
 *
 *     bench_memlimit_... limit_mb=128 keep=256 work=2500 fill=90 last=104 start_ms=1000
 *                        most_ms=60000 give_up_s=1 readings=0
 *
 * Every 100 ms another thread, which takes no part, reads how much was allocated, the processor
 * time of the process and of collecting, and memory: with readings=1 also to stderr. The program is
 * "at the limit" from the first reading after memory was filled. The check is over the objects kept
 * up to then, which are the same for everybody; all others are looked at, too.
 *
 * Without work, 1 KiB takes so little time that no collector can keep to a limit: a cycle over
 * 120 MiB takes some 15 ms of processor time, in which a mutator that does nothing else allocates
 * 40 MiB. 2500 steps are some 5 us.
 */
#include BENCH_IMPL
#include "memory.h"

enum {
    LISTS = 64,
    ITEM_WORDS = 127,
    READING_MS = 100,
    READINGS_MAX = 6000,
    WINDOW = 10 /* readings to a second */
};

struct item {
    struct item *next;
    uint64_t words[ITEM_WORDS]; /* the first and the last: how many were kept before it; the second:
                                   what was computed */
};

_Static_assert(sizeof(struct item) == 1024, "the object of the workload's definition");

struct plan {
    uint64_t limit_bytes;
    uint64_t keep;       /* one of so many is kept */
    uint64_t work;       /* steps */
    uint64_t fill, last; /* numbers of kept objects */
    uint64_t start_ns, most_ns;
    bool print;
};

struct mutator {
    const struct plan *plan;
    pthread_t thread;
    uint64_t allocations, kept; /* atomic; written by the mutator */
    bool done;                  /* atomic; written by the mutator at its end */
    bool filling, stop;         /* atomic; written by the first thread */
    uint64_t check;
};

/* All since the start. */
struct reading {
    uint64_t wall_ns, cpu_ns, gc_cpu_ns;
    uint64_t allocations, kept;
    uint64_t held, rss;
    bool limiter_on;
};

struct readings {
    struct reading list[READINGS_MAX];
    size_t count;
    size_t start_end; /* the last one of the start */
};

#define ATOMIC_SET(field, value) __atomic_store_n(&(field), value, __ATOMIC_RELAXED)
#define ATOMIC_GET(field)        __atomic_load_n(&(field), __ATOMIC_RELAXED)

/* ---- The mutator ---- */

static uint64_t compute(uint64_t *state, uint64_t steps)
{
    for (uint64_t i = 0; i < steps; i++) {
        bench_random(state);
    }
    return *state;
}

static __attribute__((noinline)) void leak(struct impl_thread *caller, struct mutator *mutator,
                                           void **heads, void **latest)
{
    struct impl_thread thread = *caller;
    const struct plan *plan = mutator->plan;
    uint64_t kept = 0, dirty = 0, until_kept = plan->keep, state = 88172645463325252u;
    for (uint64_t i = 0; kept < plan->last && !ATOMIC_GET(mutator->stop); i++) {
        struct item *item = impl_alloc(&thread, true, sizeof(*item));
        if (item == NULL) {
            break;
        }
        dirty |= item->words[0] | item->words[ITEM_WORDS - 1];
        item->words[0] = item->words[ITEM_WORDS - 1] = kept;
        impl_replace(&thread, latest, item);
        item->words[1] = compute(&state, plan->work);
        if (--until_kept == 0 || (kept < plan->fill && ATOMIC_GET(mutator->filling))) {
            void **head = &heads[kept % LISTS];
            impl_store(&thread, &item->next, *head);
            impl_replace(&thread, head, item);
            until_kept = plan->keep;
            ATOMIC_SET(mutator->kept, ++kept);
        }
        ATOMIC_SET(mutator->allocations, i + 1);
    }
    if (dirty != 0) {
        bench_die("an object was not zeroed");
    }
}

/* Looks at all that was kept; sums up the first. */
static uint64_t check_lists(void **heads, uint64_t kept, uint64_t first)
{
    uint64_t sum = 0, found = 0;
    for (uint64_t i = 0; i < LISTS; i++) {
        for (const struct item *item = heads[i]; item != NULL; item = item->next) {
            uint64_t number = item->words[0];
            if (number % LISTS != i || number != item->words[ITEM_WORDS - 1] ||
                (item->next != NULL && item->next->words[0] + LISTS != number)) {
                bench_die("an object is not what was kept");
            }
            sum += number < first ? 2 * number + 1 : 0;
            found++;
        }
    }
    if (found != kept || kept < first) {
        bench_die("kept objects are missing");
    }
    return sum;
}

static void *mutate(void *argument)
{
    struct mutator *mutator = argument;
    struct impl_thread thread;
    impl_thread_begin(&thread, mutator->plan->last);
    void **heads = impl_array(&thread, LISTS);
    void **latest = impl_array(&thread, 1);
    leak(&thread, mutator, heads, latest);
    __atomic_store_n(&mutator->done, true, __ATOMIC_RELEASE);
    mutator->check = check_lists(heads, mutator->kept, mutator->plan->fill);
    impl_thread_end(&thread);
    return NULL;
}

/* ---- The readings ---- */

static struct reading take_reading(const struct mutator *mutator)
{
    struct bench_memory memory = impl_memory();
    return (struct reading){
        .wall_ns = bench_wall_ns(),
        .cpu_ns = bench_cpu_ns(),
        .gc_cpu_ns = memory.gc_cpu_ns,
        .allocations = ATOMIC_GET(mutator->allocations),
        .kept = ATOMIC_GET(mutator->kept),
        .held = memory.held,
        .rss = memory_rss(),
        .limiter_on = memory.limiter_on,
    };
}

static void print_reading(const struct reading *reading, uint64_t start_ns)
{
    fprintf(stderr,
            "%.3f s: %llu allocated, %llu kept, cpu %.3f s, gc %.3f s, %.1f MiB, rss %.1f%s\n",
            (double)(reading->wall_ns - start_ns) / 1e9, (unsigned long long)reading->allocations,
            (unsigned long long)reading->kept, (double)reading->cpu_ns / 1e9,
            (double)reading->gc_cpu_ns / 1e9, memory_mb(reading->held), memory_mb(reading->rss),
            reading->limiter_on ? ", limiter" : "");
}

/* Sleeps to the next reading's time, so that they do not drift. */
static void sleep_until(uint64_t end_ns)
{
    const struct timespec end = {
        .tv_sec = (time_t)(end_ns / 1000000000),
        .tv_nsec = (long)(end_ns % 1000000000),
    };
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) != 0) {
    }
}

static void read_on(struct mutator *mutator, struct readings *readings)
{
    const struct plan *plan = mutator->plan;
    uint64_t start_ns = bench_wall_ns();
    while (readings->count < READINGS_MAX) {
        struct reading reading = take_reading(mutator);
        if (__atomic_load_n(&mutator->done, __ATOMIC_ACQUIRE)) {
            break;
        }
        readings->list[readings->count++] = reading;
        if (plan->print) {
            print_reading(&reading, start_ns);
        }
        if (!mutator->filling && readings->count > 1 &&
            reading.wall_ns - start_ns >= plan->start_ns) {
            readings->start_end = readings->count - 1;
            ATOMIC_SET(mutator->filling, true);
        }
        if (reading.kept >= plan->fill && reading.wall_ns - start_ns >= plan->most_ns) {
            break;
        }
        sleep_until(start_ns + readings->count * READING_MS * UINT64_C(1000000));
    }
    ATOMIC_SET(mutator->stop, true);
}

/* ---- What they say ---- */

/* Allocations in a nanosecond: the median of the slices from reading `first` to reading `last`. */
static double throughput(const struct readings *readings, size_t first, size_t last)
{
    static double values[READINGS_MAX];
    size_t count = 0;
    for (size_t i = first; i < last; i++) {
        const struct reading *from = &readings->list[i], *to = &readings->list[i + 1];
        values[count++] =
            (double)(to->allocations - from->allocations) / (double)(to->wall_ns - from->wall_ns);
    }
    if (count == 0) {
        bench_die("the run was too short for a throughput");
    }
    return bench_median(values, count);
}

/* Collecting's part of the processor time between two readings, in percent. */
static double gc_share(const struct reading *from, const struct reading *to)
{
    double cpu_ns = (double)(to->cpu_ns - from->cpu_ns);
    return cpu_ns > 0 ? 100 * (double)(to->gc_cpu_ns - from->gc_cpu_ns) / cpu_ns : 0;
}

static double gc_share_max(const struct readings *readings, size_t first, size_t last)
{
    double longest = 0;
    size_t window = last - first < WINDOW ? last - first : WINDOW;
    for (size_t i = first; i + window <= last; i++) {
        double share = gc_share(&readings->list[i], &readings->list[i + window]);
        longest = share > longest ? share : longest;
    }
    return longest;
}

/* The reading from which on the program is at the limit. */
static size_t find_limit(const struct plan *plan, const struct readings *readings)
{
    size_t i = readings->start_end;
    while (i + 2 < readings->count && readings->list[i].kept < plan->fill) {
        i++;
    }
    return i;
}

static void report_memory(const struct plan *plan, const struct readings *readings)
{
    uint64_t held = 0, rss = 0;
    for (size_t i = 0; i < readings->count; i++) {
        const struct reading *reading = &readings->list[i];
        held = reading->held > held ? reading->held : held;
        rss = reading->rss > rss ? reading->rss : rss;
    }
    bench_report("overshoot_pct", 100 * ((double)held / (double)plan->limit_bytes - 1));
    bench_report("rss_mb", memory_mb(rss));
}

/* Times from the reading at which the program came to the limit, negative before it. */
static void report_end(const struct readings *readings, size_t limit, unsigned give_up_s)
{
    double limit_ns = (double)readings->list[limit].wall_ns;
    for (size_t i = 0; i < readings->count; i++) {
        if (readings->list[i].limiter_on) {
            bench_report("limiter_s", ((double)readings->list[i].wall_ns - limit_ns) / 1e9);
            break;
        }
    }
    uint64_t gave_up_ns = impl_gave_up();
    bench_report("gave_up", gave_up_ns != 0);
    if (gave_up_ns != 0) {
        bench_report("handler_s", ((double)gave_up_ns - limit_ns) / 1e9);
    } else if (give_up_s != 0) {
        fprintf(stderr, "bench: the out-of-memory handler was not called until the end\n");
    }
}

static void report(const struct plan *plan, const struct readings *readings, unsigned give_up_s)
{
    size_t limit = find_limit(plan, readings), last = readings->count - 1;
    size_t last_second = last - limit < WINDOW ? limit : last - WINDOW;
    double start = throughput(readings, 0, readings->start_end);
    bench_report("gc_share_max_pct", gc_share_max(readings, limit, last));
    bench_report("gc_share_pct", gc_share(&readings->list[limit], &readings->list[last]));
    bench_report("start_ns_op", 1 / start);
    bench_report("throughput_pct", 100 * throughput(readings, limit, last) / start);
    bench_report("throughput_end_pct", 100 * throughput(readings, last_second, last) / start);
    report_memory(plan, readings);
    report_end(readings, limit, give_up_s);
    bench_report("run_s", (double)(readings->list[last].wall_ns - readings->list[0].wall_ns) / 1e9);
    bench_report("allocations", (double)readings->list[last].allocations);
    bench_report("collections", (double)impl_memory().collections);
}

static struct plan make_plan(int argc, char **argv)
{
    uint64_t limit_bytes = bench_number(argc, argv, "limit_mb", 128) << 20;
    uint64_t objects = limit_bytes / sizeof(struct item);
    struct plan plan = {
        .limit_bytes = limit_bytes,
        .keep = bench_number(argc, argv, "keep", 256),
        .work = bench_number(argc, argv, "work", 2500),
        .fill = bench_number(argc, argv, "fill", 90) * objects / 100,
        .last = bench_number(argc, argv, "last", 104) * objects / 100,
        .start_ns = bench_number(argc, argv, "start_ms", 1000) * 1000000,
        .most_ns = bench_number(argc, argv, "most_ms", 60000) * 1000000,
        .print = bench_number(argc, argv, "readings", 0) != 0,
    };
    if (plan.keep == 0 || plan.fill == 0 || plan.fill > plan.last || plan.start_ns == 0 ||
        plan.start_ns >= plan.most_ns) {
        bench_die("keep and fill must be at least 1, fill <= last, 0 < start_ms < most_ms");
    }
    return plan;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        impl_print_version();
        return 0;
    }
    const struct plan plan = make_plan(argc, argv);
    struct bench_setup setup = {
        .object_size = sizeof(struct item),
        .pointer_words = 1,
        .give_up_s = (unsigned)bench_number(argc, argv, "give_up_s", 1),
    };
    impl_start(&setup);
    struct mutator mutator = {.plan = &plan};
    static struct readings readings;
    if (pthread_create(&mutator.thread, NULL, mutate, &mutator) != 0) {
        bench_die("no thread");
    }
    read_on(&mutator, &readings);
    pthread_join(mutator.thread, NULL);
    if (readings.start_end == 0 || readings.count < readings.start_end + 2) {
        bench_die("the run ended before memory was filled");
    }
    report(&plan, &readings, setup.give_up_s);
    bench_report_check(mutator.check);
    return 0;
}
