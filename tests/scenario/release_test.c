/* release_test.c -- memory that a heap does not need goes back to the system: in the background, at
 * allocation, when asked for; beside other threads, and across fork().
 */
#include <dirent.h>
#include <trillium/debug.h>

#include "tests/scenario/child.h"

#define MIB ((size_t)1 << 20)

/* ---- What the system says -------------------------------------------------------------------- */

static size_t resident_bytes(void)
{
    size_t all = 0;
    size_t resident = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    MUST(statm != NULL && fscanf(statm, "%zu %zu", &all, &resident) == 2);
    (void)fclose(statm);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* Bytes of memory of all mappings with this name; SIZE_MAX where no mapping has it. */
static size_t resident_by_name(const char *name)
{
    char line[512];
    bool inside = false;
    bool found = false;
    size_t sum = 0;
    FILE *smaps = fopen("/proc/self/smaps", "r");
    MUST(smaps != NULL);
    while (fgets(line, sizeof line, smaps) != NULL) {
        size_t kib;
        if (strchr("0123456789abcdef", line[0]) != NULL) {
            inside = strstr(line, name) != NULL;
            found = found || inside;
        } else if (inside && sscanf(line, "Rss: %zu kB", &kib) == 1) {
            sum += kib << 10;
        }
    }
    (void)fclose(smaps);
    return found ? sum : SIZE_MAX;
}

/* Calls function with the number of each thread of this process that has this name; returns how
 * many there are. */
static unsigned threads_named(const char *name, char *last_id, size_t room)
{
    unsigned count = 0;
    DIR *tasks = opendir("/proc/self/task");
    MUST(tasks != NULL);
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        char path[300];
        char comm[64] = "";
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        FILE *file = fopen(path, "r");
        if (file != NULL) {
            if (fgets(comm, sizeof comm, file) != NULL && strncmp(comm, name, strlen(name)) == 0) {
                count++;
                (void)strncpy(last_id, entry->d_name, room);
            }
            (void)fclose(file);
        }
    }
    (void)closedir(tasks);
    return count;
}

/* How often the thread has gone to sleep. */
static unsigned long sleeps_of(const char *id)
{
    char path[300];
    char line[256];
    unsigned long count = 0;
    (void)snprintf(path, sizeof path, "/proc/self/task/%s/status", id);
    FILE *file = fopen(path, "r");
    MUST(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "voluntary_ctxt_switches: %lu", &count);
    }
    (void)fclose(file);
    return count;
}

/* ---- A heap with a peak ---------------------------------------------------------------------- */

/* In which nothing happens but what a test asks for. */
static tri_heap_options quiet_options(void)
{
    tri_heap_options options = options_new();
    options.background_scavenge = false;
    options.heap_minimum = MIB;
    return options;
}

static size_t peak_bytes(void)
{
    return (size_t)(slowness() > 1 ? 8 : 64) * MIB;
}

static uint64_t retained(tri_heap *heap)
{
    tri_stats stats = stats_of(heap);
    ck_assert_uint_le(stats.heap_released, stats.heap_idle);
    ck_assert_uint_eq(stats.heap_idle + stats.heap_in_use, stats.heap_sys);
    return stats.heap_sys - stats.heap_released;
}

/* Keep a list of 1000, and let go of peak_bytes, large and small. Returns what the process took
 * then. */
static size_t make_peak(struct host *host, struct link **kept)
{
    TRI_FRAME(host->mutator, 2);
    *kept = TRI_LOCAL(0) = list_new(host->mutator, host->link, 1000);
    for (size_t bytes = 0; bytes < peak_bytes() / 2; bytes += MIB) {
        struct link *array = tri_alloc_array(host->mutator, host->link, MIB / sizeof(struct link));
        tri_init_ref(host->mutator, &array->next, TRI_LOCAL(1));
        memset(array + 1, 0, MIB - sizeof *array); /* touch it */
        TRI_LOCAL(1) = array;
    }
    TRI_LOCAL(1) = list_new(host->mutator, host->link, peak_bytes() / 2 / sizeof(struct link));
    return resident_bytes();
}

/* At once, when asked: nothing is left but what is in use, and a heap that was much larger becomes
 * small again; what is allocated afterwards is zero. */
START_TEST(release_on_request)
{
    tri_heap_options options = quiet_options();
    options.free_lazily = _i == 1;
    struct host host = host_new(&options);
    {
        TRI_FRAME(host.mutator, 1);
        struct link *kept;
        size_t before = make_peak(&host, &kept);
        TRI_LOCAL(0) = kept;
        uint64_t sys = stats_of(host.heap).heap_sys;
        tri_release_memory(host.mutator);
        tri_stats stats = stats_of(host.heap);
        ck_assert_uint_le(stats.heap_sys, sys / 2);
        ck_assert_uint_le(stats.heap_in_use, MIB);
        ck_assert_uint_le(retained(host.heap), stats.heap_in_use + 64 * 8192); /* a page cache */
        ck_assert_uint_ge(stats.scavenged_on_request, peak_bytes() / 4);
        ck_assert_uint_eq(stats.scavenged_background, 0);
        size_t after = resident_bytes();
        ck_assert_msg(UNDER_SANITIZER || options.free_lazily ||
                          after + peak_bytes() / 4 * 3 <= before,
                      "%zu MiB of %zu MiB are left", after / MIB, before / MIB);
        ck_assert(list_is_intact(TRI_LOCAL(0), 1000));
        (void)make_peak(&host, &kept); /* link_new sees whether it is zero */
        tri_release_memory(host.mutator);
        ck_assert(list_is_intact(TRI_LOCAL(0), 1000));
        tri_debug_verify(host.mutator);
    }
    host_end(&host);
}
END_TEST

/* Without being asked, on a thread of its own, which sleeps when that is done. */
START_TEST(release_in_the_background)
{
    tri_heap_options options = quiet_options();
    options.background_scavenge = true;
    options.stress = 0; /* whose cycles would never let it come to rest */
    struct host host = host_new(&options);
    {
        TRI_FRAME(host.mutator, 1);
        char id[256];
        struct link *kept;
        size_t before = make_peak(&host, &kept);
        TRI_LOCAL(0) = kept;
        tri_collect(host.mutator);
        uint64_t goal = stats_of(host.heap).next_gc;
        uint64_t bound = 2 * goal + MIB; /* the peak may have been above its own goal */
        tri_blocking_begin(host.mutator);
        while (retained(host.heap) > bound) { /* what has not come, comes: the test has a time
                                                 limit */
            (void)usleep(10000);
        }
        tri_blocking_end(host.mutator);
        ck_assert_uint_ge(stats_of(host.heap).scavenged_background, peak_bytes() / 2);
        size_t after = resident_bytes();
        ck_assert_msg(UNDER_SANITIZER || after + peak_bytes() / 4 * 3 <= before,
                      "%zu MiB of %zu MiB are left", after / MIB, before / MIB);
        ck_assert_uint_eq(threads_named("trillium scav", id, sizeof id), 1);
        /* It may have a last look to take. */
        unsigned long sleeps;
        unsigned waits = 0;
        do {
            sleeps = sleeps_of(id);
            (void)usleep(1500000);
        } while (sleeps_of(id) != sleeps && ++waits < 5);
        ck_assert_uint_eq(sleeps_of(id), sleeps);
        ck_assert(list_is_intact(TRI_LOCAL(0), 1000));
    }
    host_end(&host);
}
END_TEST

/* Where the host wants no thread for it, there is none, and nothing is given back. */
START_TEST(no_thread)
{
    tri_heap_options options = quiet_options();
    char id[256];
    if (_i == 1) {
        options.background_scavenge = true;
        options.markers = 0;
    }
    struct host host = host_new(&options);
    {
        TRI_FRAME(host.mutator, 1);
        struct link *kept;
        (void)make_peak(&host, &kept);
        TRI_LOCAL(0) = kept;
        tri_collect(host.mutator);
        tri_collect(host.mutator);
        ck_assert_uint_eq(threads_named("trillium scav", id, sizeof id), 0);
        ck_assert_uint_eq(stats_of(host.heap).scavenged_background, 0);
        ck_assert(list_is_intact(TRI_LOCAL(0), 1000));
    }
    host_end(&host);
}
END_TEST

/* ---- At the memory limit --------------------------------------------------------------------- */

static uint64_t memory_of(tri_heap *heap)
{
    return retained(heap) + stats_of(heap).gc_sys;
}

/* Free pages are not where the next objects want them: small objects have left them in small
 * pieces, large ones come. What would go beyond the limit makes those go back to the system. */
START_TEST(limit_at_allocation)
{
    const uint64_t limit = 48 * MIB;
    tri_heap_options options = quiet_options();
    options.gc_percent = TRI_GC_PERCENT_OFF;
    options.stress = 0;
    struct host host = host_new(&options);
    {
        TRI_FRAME(host.mutator, 2);
        /* 32 MiB of arrays with a span each, of which every eighth stays. */
        for (unsigned i = 0; i < 2048; i++) {
            struct link *array = tri_alloc_array(host.mutator, host.link, 1000);
            tri_init_ref(host.mutator, &array->next, TRI_LOCAL(i % 8 == 0));
            TRI_LOCAL(i % 8 == 0) = array;
        }
        TRI_LOCAL(0) = NULL;
        tri_collect(host.mutator);
        ck_assert_uint_ge(retained(host.heap), 32 * MIB);
        (void)tri_set_memory_limit(host.heap, (int64_t)limit);
        for (unsigned i = 0; i < 10; i++) {
            struct link *array = tri_alloc_array(host.mutator, host.link, 2 * MIB / sizeof *array);
            tri_init_ref(host.mutator, &array->next, TRI_LOCAL(0));
            TRI_LOCAL(0) = array;
            ck_assert_uint_le(memory_of(host.heap), limit);
        }
        ck_assert_uint_ge(stats_of(host.heap).scavenged_at_allocation, 4 * MIB);
        ck_assert_uint_eq(stats_of(host.heap).scavenged_background, 0);
    }
    host_end(&host);
}
END_TEST

/* ---- Names ----------------------------------------------------------------------------------- */

/* /proc/self/smaps tells objects from the collector's own. */
START_TEST(names_of_mappings)
{
    tri_heap_options options = quiet_options();
    struct host host = host_new(&options);
    {
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = list_new(host.mutator, host.link, 2 * MIB / sizeof(struct link));
        tri_collect(host.mutator);
        size_t objects = resident_by_name("[anon:trillium heap]");
        if (objects == SIZE_MAX) {
            printf("this kernel does not name anonymous mappings: not tested\n");
        } else {
            tri_stats stats = stats_of(host.heap);
            ck_assert_uint_ge(objects, 2 * MIB);
            ck_assert_uint_le(objects, stats.heap_sys);
            ck_assert_uint_eq(resident_by_name("[anon:trillium heap reservation]"), 0);
            ck_assert_uint_ne(resident_by_name("[anon:trillium metadata: spans]"), SIZE_MAX);
            ck_assert_uint_ne(resident_by_name("[anon:trillium metadata: page bits]"), SIZE_MAX);
            TRI_LOCAL(0) = NULL;
            tri_release_memory(host.mutator);
            ck_assert_uint_le(resident_by_name("[anon:trillium heap]"), objects - MIB);
        }
    }
    host_end(&host);
}
END_TEST

/* ---- Beside others --------------------------------------------------------------------------- */

#define THREADS 3

struct crowd {
    tri_heap *heap;
    tri_type *link;
    atomic_uint left; /* threads that are still at work */
};

/* Lists and arrays of all sizes come and go; what is held stays as it is. */
static void *churn(void *argument)
{
    struct crowd *crowd = argument;
    tri_mutator *mutator = attach(crowd->heap);
    uint64_t random = (uint64_t)(uintptr_t)&mutator;
    {
        TRI_FRAME(mutator, 2);
        for (unsigned round = 0; round < times(300, 20); round++) {
            uint64_t count = 1 + unit_random_below(&random, 3000);
            TRI_LOCAL(0) = list_new(mutator, crowd->link, count);
            size_t length = 1 + unit_random_below(&random, 60000);
            struct link *array = tri_alloc_array(mutator, crowd->link, length);
            TRI_LOCAL(1) = array;
            MUST(array[length - 1].next == NULL && array[length - 1].number == 0);
            array[length - 1].number = length;
            MUST(list_is_intact(TRI_LOCAL(0), count));
            MUST(((struct link *)TRI_LOCAL(1))[length - 1].number == length);
        }
    }
    tri_mutator_detach(mutator);
    atomic_fetch_sub(&crowd->left, 1);
    return NULL;
}

START_TEST(release_beside_others)
{
    tri_heap_options options = options_new();
    options.heap_minimum = 2 * MIB;
    options.free_lazily = _i == 1;
    struct host host = host_new(&options);
    struct crowd crowd = {.heap = host.heap, .link = host.link};
    pthread_t threads[THREADS];
    atomic_init(&crowd.left, THREADS);
    for (unsigned i = 0; i < THREADS; i++) {
        threads[i] = thread_new(churn, &crowd);
    }
    unsigned releases = 0;
    {
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = list_new(host.mutator, host.link, 1000);
        while (atomic_load(&crowd.left) > 0) {
            tri_release_memory(host.mutator);
            ck_assert(list_is_intact(TRI_LOCAL(0), 1000));
            releases++;
        }
        for (unsigned i = 0; i < THREADS; i++) {
            thread_join_blocked(host.mutator, threads[i]);
        }
        tri_release_memory(host.mutator);
        tri_debug_verify(host.mutator);
        ck_assert_uint_le(retained(host.heap), 4 * MIB);
    }
    ck_assert_uint_gt(releases, 0);
    host_end(&host);
}
END_TEST

/* ---- fork() ---------------------------------------------------------------------------------- */

#if !UNDER_SANITIZER /* ThreadSanitizer knows no threads in the child of a process with several */
struct parent {
    struct host *host;
    struct link *kept;
};

static void live_on(const void *argument)
{
    const struct parent *parent = argument;
    struct host *host = parent->host;
    TRI_FRAME(host->mutator, 1);
    TRI_LOCAL(0) = parent->kept;
    tri_debug_verify(host->mutator); /* no page is lost */
    MUST(list_is_intact(TRI_LOCAL(0), 1000));
    MUST(list_is_intact(list_new(host->mutator, host->link, 1000), 1000));
    tri_release_memory(host->mutator);
    MUST(stats_of(host->heap).scavenged_on_request > 0);
    tri_debug_verify(host->mutator);
}

/* While the background gives memory back. */
START_TEST(fork_while_scavenging)
{
    tri_heap_options options = quiet_options();
    options.background_scavenge = true;
    struct host host = host_new(&options);
    {
        TRI_FRAME(host.mutator, 1);
        struct parent parent = {&host, NULL};
        (void)make_peak(&host, &parent.kept);
        TRI_LOCAL(0) = parent.kept;
        tri_collect(host.mutator);
        for (unsigned i = 0; i < times(20, 3); i++) {
            struct outcome outcome = child_run(live_on, &parent);
            ck_assert_msg(outcome.status == 0, "round %u: %s", i, outcome.said);
            (void)usleep(20000);
        }
        ck_assert(list_is_intact(TRI_LOCAL(0), 1000));
        tri_release_memory(host.mutator);
        tri_debug_verify(host.mutator);
    }
    host_end(&host);
}
END_TEST
#endif

int main(void)
{
    const struct test_entry tests[] = {
        {release_on_request, 2},
        {release_in_the_background, 0},
        {no_thread, 2},
        {limit_at_allocation, 0},
        {names_of_mappings, 0},
        {release_beside_others, 2},
#if !UNDER_SANITIZER
        {fork_while_scavenging, 0},
#endif
    };
    return scenario_run("release", tests, LENGTH(tests));
}
