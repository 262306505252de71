/* exit_test.c -- a process ends while a cycle marks: no thread is left at idle priority, nor comes
 * to it, since the one that ends last takes all memory apart. The end of a child leaves the threads
 * of its parent alone.
 *
 * Needs the right to use idle priority, and a marker that is met there; where there is neither, the
 * test says so.
 */
#include <dirent.h>
#include <sched.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/scenario/scenario.h"

#define CELLS      400
#define CELL_BYTES 8192 /* enough for two markers */
#define NAP_NS     200000
#define NAPS_MAX   5000
#define CYCLES     3
#define LOOKED     10
#define WRONG      11
#define NOT_LOWER  12

static struct host host;

static atomic_int by_right;  /* markers that are in trace_cell, not at idle priority */
static atomic_bool stay;     /* markers are to stay there from now on */
static atomic_bool stays;    /* one of the former does */
static void (*at_end)(void); /* what to do at the end of the process */

static void nap(void)
{
    const struct timespec time = {0, NAP_NS};
    (void)nanosleep(&time, NULL);
}

static bool is_idle(pid_t thread)
{
    return sched_getscheduler(thread) == SCHED_IDLE;
}

static bool is_marker(pid_t thread)
{
    char path[64];
    char name[32] = "";
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/comm", (int)thread);
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        (void)fgets(name, sizeof name, file);
        (void)fclose(file);
    }
    return strcmp(name, "trillium mark\n") == 0;
}

/* A marker of this process at idle priority; 0: there is none. */
static pid_t find_idle_marker(void)
{
    pid_t found = 0;
    DIR *tasks = opendir("/proc/self/task");
    MUST(tasks != NULL);
    for (const struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks)) {
        pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);
        if (thread != 0 && is_idle(thread) && is_marker(thread)) {
            found = thread;
        }
    }
    (void)closedir(tasks);
    return found;
}

/* Markers take their time, and one at idle priority does not come to the end of its part. */
static void trace_cell(tri_visitor *visitor, tri_ref object, size_t bytes)
{
    (void)visitor;
    (void)object;
    (void)bytes;
    if (gettid() == getpid()) {
        return;
    }
    int counts = is_idle(0) ? 0 : 1;
    atomic_fetch_add(&by_right, counts);
    do {
        nap();
        if (counts != 0 && atomic_load(&stay)) {
            atomic_store(&stays, true);
        }
    } while (is_idle(0) || atomic_load(&stays));
    atomic_fetch_sub(&by_right, counts);
}

/* Comes after the library's: of destructors those with a number come last. */
__attribute__((destructor(101))) static void look(void)
{
    if (at_end != NULL) {
        at_end();
    }
}

static void begin(tri_heap_options options)
{
    options.markers = 2;
    options.stress = 0;     /* else a mutator waits for the cycle's end */
    options.verify = false; /* takes too long */
    options.gc_percent = 50;
    options.heap_minimum = 64 * 1024;
    host = host_new(&options);
}

/* So slowly that nobody is in a hurry. */
static void allocate_some(void)
{
    nap();
    for (unsigned i = 0; i < CELLS; i++) {
        (void)tri_alloc(host.mutator, host.leaf);
    }
}

/* Call function, with the marker, when one is at idle priority, and another one in trace_cell. */
static void at_idle_marker(void (*function)(pid_t marker))
{
    tri_type_desc desc = {
        .desc_size = sizeof desc,
        .name = "cell",
        .size = CELL_BYTES,
        .layout = TRI_LAYOUT_TRACED_BY(trace_cell),
    };
    tri_type *type = type_new(host.heap, &desc);
    TRI_FRAME(host.mutator, CELLS);
    for (unsigned i = 0; i < CELLS; i++) {
        TRI_LOCAL(i) = tri_alloc(host.mutator, type);
    }
    for (unsigned i = 0; i < NAPS_MAX; i++) {
        if (atomic_load(&by_right) == 0) {
            allocate_some();
        } else {
            nap();
            pid_t marker = find_idle_marker();
            if (marker != 0) {
                function(marker);
            }
        }
    }
    _exit(NOT_LOWER);
}

/* The markers were raised; and none is lowered in what is left of this cycle, and in others. */
static void look_for_idle_ones(void)
{
    uint64_t before = stats_of(host.heap).num_gc;
    for (unsigned i = 0; i < NAPS_MAX && stats_of(host.heap).num_gc < before + CYCLES; i++) {
        if (find_idle_marker() != 0) {
            _exit(WRONG);
        }
        allocate_some();
    }
    _exit(LOOKED);
}

static void end_here(pid_t marker)
{
    (void)marker;
    at_end = look_for_idle_ones;
    exit(0);
}

static void end_while_marking(void)
{
    begin(options_new());
    at_idle_marker(end_here);
}

static void end_at_once(void)
{
    _exit(0);
}

/* Marker 0 does not come to the end of its part, so that nobody else raises the other. */
static void end_child(pid_t marker)
{
    atomic_store(&stay, true);
    for (unsigned i = 0; i < NAPS_MAX && !atomic_load(&stays); i++) {
        nap();
    }
    if (!atomic_load(&stays) || !is_idle(marker)) {
        _exit(NOT_LOWER);
    }
    pid_t child = fork();
    MUST(child >= 0);
    if (child == 0) {
        at_end = end_at_once;
        exit(0);
    }
    int status = 0;
    MUST(waitpid(child, &status, 0) == child);
    MUST(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    _exit(is_idle(marker) ? LOOKED : WRONG);
}

static void end_child_while_marking(void)
{
    tri_heap_options options = options_new();
    options.fork = TRI_FORK_EXEC;
    begin(options);
    at_idle_marker(end_child);
}

/* Whether the system lets a thread leave idle priority. */
static bool may_leave_idle_priority(void)
{
    const struct sched_param none = {0};
    pid_t child = fork();
    int status = 0;
    if (child == 0) {
        _exit(sched_setscheduler(0, SCHED_IDLE, &none) == 0 &&
                      sched_setscheduler(0, SCHED_OTHER, &none) == 0
                  ? 0
                  : 1);
    }
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

static void (*const ends[])(void) = {end_while_marking, end_child_while_marking};

START_TEST(idle_priority)
{
    if (!may_leave_idle_priority()) {
        puts("exit_test: idle priority is not used here");
        return;
    }
    (void)fflush(NULL);
    pid_t child = fork();
    MUST(child >= 0);
    if (child == 0) {
        ends[_i]();
    }
    int status = 0;
    MUST(waitpid(child, &status, 0) == child);
    ck_assert(WIFEXITED(status));
    if (WEXITSTATUS(status) == NOT_LOWER) {
        puts("exit_test: no marker ran at idle priority");
        return;
    }
    ck_assert_int_eq(WEXITSTATUS(status), LOOKED);
}
END_TEST

int main(void)
{
    const struct test_entry tests[] = {{idle_priority, LENGTH(ends)}};
    return scenario_run("exit", tests, LENGTH(tests));
}
