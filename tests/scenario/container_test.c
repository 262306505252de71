/* container_test.c -- a heap in a container: limits and quotas by made-up files, memory outside of
 * the heap, and what a heap does when nothing happens.
 *
 * The linker puts open() below before the system's, so that the library finds the made-up files:
 * --wrap in meson.build.
 */
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "tests/made_up_tree.h"
#include "tests/scenario/scenario.h"

/* ---- Made-up files --------------------------------------------------------------------------- */

/* "": the system's. Written while no other thread runs. */
static char system_root[64];

int __real_open(const char *path, int flags, ...);
int __real_open64(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);

static const char *redirect(const char *path, char room[4096])
{
    if (system_root[0] == '\0' || snprintf(room, 4096, "%s%s", system_root, path) >= 4096) {
        return path;
    }
    return room;
}

/* The library creates no files, so that there is no third argument. */
int __wrap_open(const char *path, int flags, ...)
{
    char room[4096];
    return __real_open(redirect(path, room), flags);
}

int __wrap_open64(const char *path, int flags, ...)
{
    char room[4096];
    return __real_open64(redirect(path, room), flags);
}

#define MEMORY_MAX "sys/fs/cgroup/app/memory.max"
#define CPU_MAX    "sys/fs/cgroup/app/cpu.max"

/* A container of version 2. */
static struct tree container_new(const char *memory_max, const char *cpu_max)
{
    struct tree tree = tree_new();
    tree_write(&tree, "proc/self/cgroup", "0::/app\n");
    tree_write(&tree, "proc/self/mountinfo",
               "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n");
    tree_write(&tree, MEMORY_MAX, memory_max);
    tree_write(&tree, CPU_MAX, cpu_max);
    (void)snprintf(system_root, sizeof system_root, "%s", tree.root);
    return tree;
}

/* Another limit, in one step: a reader never finds an empty file. */
static void container_change(const struct tree *tree, const char *name, const char *content)
{
    char from[256];
    char to[256];
    tree_write(tree, "new", content);
    (void)snprintf(from, sizeof from, "%s/new", tree->root);
    (void)snprintf(to, sizeof to, "%s/%s", tree->root, name);
    MUST(rename(from, to) == 0);
}

static void container_end(const struct tree *tree)
{
    system_root[0] = '\0';
    tree_remove(tree);
}

/* ---- The memory limit ------------------------------------------------------------------------ */

static int64_t limit_of(tri_heap *heap)
{
    return tri_set_memory_limit(heap, -1); /* changes nothing */
}

/* Let time pass as an idle thread does. */
static void be_idle(tri_mutator *mutator, unsigned milliseconds)
{
    tri_blocking_begin(mutator);
    (void)usleep(milliseconds * 1000);
    tri_blocking_end(mutator);
}

static tri_heap_options options_that_follow(int32_t percent)
{
    tri_heap_options options = options_new();
    options.memory_limit = TRI_MEMORY_LIMIT_OFF;
    options.memory_limit_percent = percent;
    return options;
}

START_TEST(limit_is_a_part_of_the_container_s)
{
    static const struct {
        const char *memory_max;
        int32_t percent;
        int64_t limit;
    } cases[] = {
        {"104857600\n", 80, 83886080},       {"104857600\n", 100, 104857600},
        {"104857600\n", 1, 1048576},         {"199\n", 50, 99},
        {"max\n", 80, TRI_MEMORY_LIMIT_OFF}, {"rubbish\n", 80, TRI_MEMORY_LIMIT_OFF},
        {"104857600\n", 0, 12345678}, /* follows nothing */
    };
    struct tree tree = container_new(cases[_i].memory_max, "max 100000\n");
    tri_heap_options options = options_that_follow(cases[_i].percent);
    options.memory_limit = 12345678; /* counts only where it does not follow */
    struct host host = host_new(&options);
    ck_assert_int_eq(limit_of(host.heap), cases[_i].limit);
    host_end(&host);
    container_end(&tree);
}
END_TEST

START_TEST(limit_by_the_environment)
{
    struct tree tree = container_new("104857600\n", "max 100000\n");
    MUST(setenv("MEMLIMIT", "auto", 1) == 0);
    struct host host = host_new(NULL);
    ck_assert_int_eq(limit_of(host.heap), 94371840);
    host_end(&host);
    MUST(unsetenv("MEMLIMIT") == 0);
    container_end(&tree);
}
END_TEST

/* With threads of the library's and without, by collections and by nothing but time. */
START_TEST(limit_follows_a_change)
{
    bool threads = _i != 1;
    bool collect = _i != 2;
    struct tree tree = container_new("104857600\n", "max 100000\n");
    tri_heap_options options = options_that_follow(50);
    options.markers = threads ? TRI_MARKERS_AUTO : 0;
    struct host host = host_new(&options);
    ck_assert_int_eq(limit_of(host.heap), 52428800);
    container_change(&tree, MEMORY_MAX, "62914560\n");
    while (limit_of(host.heap) != 31457280) { /* or Check's time is over */
        if (collect) {
            tri_collect(host.mutator);
        }
        be_idle(host.mutator, 50);
    }
    container_change(&tree, MEMORY_MAX, "max\n");
    while (collect && limit_of(host.heap) != TRI_MEMORY_LIMIT_OFF) {
        tri_collect(host.mutator);
        be_idle(host.mutator, 50);
    }
    host_end(&host);
    container_end(&tree);
}
END_TEST

START_TEST(limit_that_was_set_follows_no_longer)
{
    struct tree tree = container_new("104857600\n", "max 100000\n");
    tri_heap_options options = options_that_follow(50);
    struct host host = host_new(&options);
    tri_heap_options quota_options = options_that_follow(50);
    struct host witness = host_new(&quota_options);
    ck_assert_int_eq(tri_set_memory_limit(host.heap, 40000000), 52428800);
    container_change(&tree, MEMORY_MAX, "62914560\n");
    while (limit_of(witness.heap) != 31457280) { /* read after the change */
        tri_collect(witness.mutator);
        tri_collect(host.mutator);
        be_idle(witness.mutator, 50);
    }
    for (unsigned i = 0; i < 30; i++) {
        be_idle(host.mutator, 50);
        tri_collect(host.mutator);
    }
    ck_assert_int_eq(limit_of(host.heap), 40000000);
    host_end(&witness);
    host_end(&host);
    container_end(&tree);
}
END_TEST

/* What is garbage is collected because the limit was lowered, by a process that does nothing. */
START_TEST(lowered_limit_collects_while_idle)
{
    struct tree tree = container_new("1073741824\n", "max 100000\n");
    tri_heap_options options = options_that_follow(100);
    options.gc_percent = TRI_GC_PERCENT_OFF;
    options.stress = 0; /* or nothing is left to be collected */
    struct host host = host_new(&options);
    for (unsigned i = 0; i < 48 * 16; i++) {
        (void)tri_alloc_array(host.mutator, host.leaf, 4096); /* 48 MiB in all */
    }
    uint64_t cycles = stats_of(host.heap).num_gc;
    container_change(&tree, MEMORY_MAX, "33554432\n");
    while (stats_of(host.heap).num_gc == cycles) { /* or Check's time is over */
        be_idle(host.mutator, 50);
    }
    while (stats_of(host.heap).last_marked > 1000000) {
        be_idle(host.mutator, 50);
    }
    host_end(&host);
    container_end(&tree);
}
END_TEST

/* ---- Processors ------------------------------------------------------------------------------ */

/* What GCTRACE's line says before " P". */
static unsigned processors_traced(struct host *host, const struct log_lines *lines)
{
    tri_collect(host->mutator);
    const char *end = strstr(lines->last, " P");
    MUST(end != NULL);
    while (end > lines->last && end[-1] != ' ') {
        end--;
    }
    return (unsigned)strtoul(end, NULL, 10);
}

START_TEST(quota_bounds_the_processors)
{
    static const struct {
        const char *cpu_max;
        double option;
        unsigned processors; /* 0: as many as there are */
    } cases[] = {
        {"max 100000\n", 0.0, 0},   {"50000 100000\n", 0.0, 1}, {"100000 100000\n", 0.0, 1},
        {"1000 1000000\n", 0.0, 1}, {"max 100000\n", 3.0, 3},   {"50000 100000\n", 2.5, 3},
        {"rubbish\n", 0.0, 0},
    };
    struct log_lines lines = {.count = 0};
    struct tree tree = container_new("max\n", cases[_i].cpu_max);
    tri_heap_options options = options_new();
    options.trace = 1;
    options.log = log_keep;
    options.log_argument = &lines;
    options.processors = cases[_i].option;
    struct host host = host_new(&options);
    unsigned there_are = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    unsigned found = processors_traced(&host, &lines);
    if (cases[_i].processors != 0) {
        ck_assert_uint_eq(found, cases[_i].processors);
    } else {
        ck_assert_uint_ge(found, 1); /* of them, those of the affinity mask */
        ck_assert_uint_le(found, there_are);
    }
    host_end(&host);
    container_end(&tree);
}
END_TEST

START_TEST(quota_follows_a_change)
{
    struct log_lines lines = {.count = 0};
    struct tree tree = container_new("max\n", "50000 100000\n");
    tri_heap_options options = options_new();
    options.trace = 1;
    options.log = log_keep;
    options.log_argument = &lines;
    struct host host = host_new(&options);
    ck_assert_uint_eq(processors_traced(&host, &lines), 1);
    if (sysconf(_SC_NPROCESSORS_ONLN) > 1) {
        container_change(&tree, CPU_MAX, "200000 100000\n");
        while (processors_traced(&host, &lines) != 2) {
            be_idle(host.mutator, 50);
        }
    }
    host_end(&host);
    container_end(&tree);
}
END_TEST

/* ---- Memory outside of the heap -------------------------------------------------------------- */

START_TEST(external_memory_is_a_sum)
{
    struct host host = host_new(NULL);
    ck_assert_uint_eq(stats_of(host.heap).external, 0);
    ck_assert_uint_eq(tri_external_adjust(host.heap, 1000), 0);
    ck_assert_uint_eq(tri_external_adjust(host.heap, 234), 1000);
    ck_assert_uint_eq(stats_of(host.heap).external, 1234);
    ck_assert_uint_eq(tri_external_adjust(host.heap, -1000), 1234);
    ck_assert_uint_eq(tri_external_adjust(host.heap, -1000), 234); /* never below 0 */
    ck_assert_uint_eq(tri_external_adjust(host.heap, INT64_MIN), 0);
    ck_assert_uint_eq(tri_external_adjust(host.heap, 5), 0);
    ck_assert_uint_eq(tri_external_adjust(host.heap, INT64_MIN), 5);
    ck_assert_uint_eq(tri_external_adjust(host.heap, 0), 0);
    host_end(&host);
}
END_TEST

START_TEST(external_memory_does_not_overflow)
{
    tri_heap_options options = options_new();
    options.gc_percent = TRI_GC_PERCENT_OFF;
    options.memory_limit = TRI_MEMORY_LIMIT_OFF;
    struct host host = host_new(&options);
    ck_assert_uint_eq(tri_external_adjust(host.heap, INT64_MAX), 0);
    ck_assert_uint_eq(tri_external_adjust(host.heap, INT64_MAX), INT64_MAX);
    ck_assert_uint_eq(stats_of(host.heap).external, INT64_MAX);
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    ck_assert_uint_eq(tri_external_adjust(host.heap, -INT64_MAX), INT64_MAX);
    ck_assert_uint_eq(stats_of(host.heap).external, 0);
    host_end(&host);
}
END_TEST

static void *adjust_up_and_down(void *heap)
{
    for (unsigned i = 0; i < 20000; i++) {
        (void)tri_external_adjust(heap, 3);
        (void)tri_external_adjust(heap, -2);
    }
    return NULL;
}

/* From threads that have no mutator. */
START_TEST(external_memory_by_many_threads)
{
    enum {
        THREADS = 4
    };
    struct host host = host_new(NULL);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        threads[i] = thread_new(adjust_up_and_down, host.heap);
    }
    for (size_t i = 0; i < THREADS; i++) {
        thread_join_blocked(host.mutator, threads[i]);
    }
    ck_assert_uint_eq(stats_of(host.heap).external, THREADS * 20000);
    host_end(&host);
}
END_TEST

#define OUTSIDE_BYTES 1048576

/* Wait for the cycle that is due, or under way, to have set a new goal. */
static void let_cycle_end(struct host *host)
{
    tri_stats stats = stats_of(host->heap);
    while (stats.heap_live >= stats.next_gc) {
        be_idle(host->mutator, 1);
        stats = stats_of(host->heap);
    }
}

/* A thousand small objects that each hold 1 MiB outside of the heap, all of them live, by GOGC=100:
 * from 4 MiB on the heap doubles from cycle to cycle, or grows by seven tenths where a cycle begins
 * as early as it may. Nothing else calls for a cycle: the objects themselves have 16 KB in all. */
START_TEST(external_memory_brings_cycles)
{
    tri_heap_options options = options_new();
    options.gc_percent = 100;
    options.memory_limit = TRI_MEMORY_LIMIT_OFF;
    bool stressed = options.stress != 0;
    struct host host = host_new(&options);
    TRI_FRAME(host.mutator, 1);
    for (unsigned i = 0; i < 1000; i++) {
        struct link *link = link_new(host.mutator, host.link, i);
        tri_init_ref(host.mutator, &link->next, TRI_LOCAL(0));
        TRI_LOCAL(0) = link;
        (void)tri_external_adjust(host.heap, OUTSIDE_BYTES);
        let_cycle_end(&host);
    }
    tri_stats stats = stats_of(host.heap);
    ck_assert_uint_eq(stats.external, UINT64_C(1000) * OUTSIDE_BYTES);
    ck_assert_uint_ge(stats.heap_live, stats.external);
    ck_assert_uint_eq(stats.num_forced_gc, stressed ? stats.num_forced_gc : 0);
    ck_assert_uint_ge(stats.num_gc, 7);
    ck_assert(stressed || stats.num_gc <= 12);
    TRI_LOCAL(0) = TRI_NULL;
    (void)tri_external_adjust(host.heap, -INT64_C(1000) * OUTSIDE_BYTES);
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    ck_assert_uint_lt(stats_of(host.heap).heap_live, OUTSIDE_BYTES);
}
END_TEST

/* Without a mutator, and without a slow path of an allocation. */
START_TEST(external_memory_wakes_the_collector)
{
    tri_heap_options options = options_new();
    options.gc_percent = 100;
    options.memory_limit = TRI_MEMORY_LIMIT_OFF;
    tri_heap *heap = heap_new(&options);
    (void)tri_external_adjust(heap, 64 * OUTSIDE_BYTES);
    while (stats_of(heap).num_gc == 0) { /* or Check's time is over */
        (void)usleep(1000);
    }
    tri_heap_destroy(heap);
}
END_TEST

/* A limit counts it: a cycle is due where GOGC alone would not have any. */
START_TEST(external_memory_counts_toward_the_limit)
{
    tri_heap_options options = options_new();
    options.gc_percent = TRI_GC_PERCENT_OFF;
    options.memory_limit = 64 * OUTSIDE_BYTES;
    tri_heap *heap = heap_new(&options);
    uint64_t goal = stats_of(heap).next_gc;
    ck_assert_uint_gt(goal, 32 * OUTSIDE_BYTES);
    ck_assert_uint_lt(goal, 64 * OUTSIDE_BYTES);
    (void)tri_external_adjust(heap, 63 * OUTSIDE_BYTES);
    while (stats_of(heap).num_gc == 0) { /* or Check's time is over */
        (void)usleep(1000);
    }
    tri_heap_destroy(heap);
}
END_TEST

/* ---- Nothing happens ------------------------------------------------------------------------- */

struct all_lines {
    unsigned forced; /* atomic */
    unsigned cycles; /* atomic */
};

static void count_lines(const char *line, void *argument)
{
    struct all_lines *lines = argument;
    __atomic_fetch_add(strcmp(line, "GC forced") == 0 ? &lines->forced : &lines->cycles, 1,
                       __ATOMIC_RELAXED);
}

START_TEST(idle_heap_collects_by_period)
{
    struct all_lines lines = {0, 0};
    tri_heap_options options = options_new();
    options.gc_percent = _i == 1 ? TRI_GC_PERCENT_OFF : 100;
    options.stop_the_world |= _i == 2;
    options.period_s = 1;
    options.trace = 1;
    options.log = count_lines;
    options.log_argument = &lines;
    struct host host = host_new(&options);
    (void)list_new(host.mutator, host.link, 100);
    uint64_t before = stats_of(host.heap).num_gc;
    uint64_t forced_before = stats_of(host.heap).num_forced_gc;
    if (_i == 1) {
        be_idle(host.mutator, 1500);
        ck_assert_uint_eq(stats_of(host.heap).num_gc, before); /* GOGC=off: never */
        (void)tri_set_gc_percent(host.heap, 100);
    }
    while (stats_of(host.heap).num_gc < before + 2) { /* or Check's time is over */
        be_idle(host.mutator, 50);
    }
    tri_stats stats = stats_of(host.heap);
    ck_assert_uint_eq(stats.num_forced_gc, forced_before);
    host_end(&host);
    ck_assert_uint_ge(lines.cycles, 2);
    /* One line before each of them; the last one may have been begun and abandoned. */
    ck_assert_uint_ge(lines.forced, lines.cycles - (unsigned)before);
    ck_assert_uint_le(lines.forced, lines.cycles - (unsigned)before + 1);
}
END_TEST

/* How often the heap's thread has gone to sleep; -1: there is no such thread. */
static long sleeps_of_collector(void)
{
    long sleeps = -1;
    DIR *tasks = opendir("/proc/self/task");
    MUST(tasks != NULL);
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        char path[300];
        char line[256];
        bool is_collector = false;
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        FILE *status = entry->d_name[0] == '.' ? NULL : fopen(path, "r");
        while (status != NULL && fgets(line, sizeof line, status) != NULL) {
            is_collector |= strcmp(line, "Name:\ttrillium gc\n") == 0;
            if (is_collector && strncmp(line, "voluntary_ctxt_switches:", 24) == 0) {
                sleeps = strtol(line + 24, NULL, 10);
            }
        }
        if (status != NULL) {
            (void)fclose(status);
        }
    }
    (void)closedir(tasks);
    return sleeps;
}

/* [workers.6] [container.2] */
START_TEST(idle_heap_without_a_period_does_not_wake)
{
    tri_heap_options options = options_new();
    options.gc_percent = 100;
    options.memory_limit = _i == 0 ? TRI_MEMORY_LIMIT_OFF : 1 << 30;
    options.stop_the_world = false;
    options.stress = 0;
    struct host host = host_new(&options);
    (void)tri_external_adjust(host.heap, 5 * OUTSIDE_BYTES);
    while (stats_of(host.heap).num_gc == 0) {
        be_idle(host.mutator, 1);
    }
    let_cycle_end(&host);
    be_idle(host.mutator, 500); /* until it sleeps for good */
    long before = sleeps_of_collector();
    ck_assert_int_ge(before, 1);
    be_idle(host.mutator, 2500);
    ck_assert_int_eq(sleeps_of_collector(), before);
    host_end(&host);
}
END_TEST

int main(void)
{
    const struct test_entry tests[] = {
        {limit_is_a_part_of_the_container_s, 7},
        {limit_by_the_environment, 0},
        {limit_follows_a_change, 3},
        {limit_that_was_set_follows_no_longer, 0},
        {lowered_limit_collects_while_idle, 0},
        {quota_bounds_the_processors, 7},
        {quota_follows_a_change, 0},
        {external_memory_is_a_sum, 0},
        {external_memory_does_not_overflow, 0},
        {external_memory_by_many_threads, 0},
        {external_memory_brings_cycles, 0},
        {external_memory_wakes_the_collector, 0},
        {external_memory_counts_toward_the_limit, 0},
        {idle_heap_collects_by_period, 3},
        {idle_heap_without_a_period_does_not_wake, 2},
    };
    return scenario_run("container", tests, LENGTH(tests));
}
