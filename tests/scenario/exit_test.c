/* exit_test.c -- a process ends while a cycle marks: no thread is left at idle priority, since the
 * one that ends last takes all memory apart.
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
#define LOOKED     10
#define NOT_RAISED 11

static bool has_met_marker;

static void nap(void)
{
    const struct timespec time = {0, NAP_NS};
    (void)nanosleep(&time, NULL);
}

/* Whether some thread of the process has idle priority. */
static bool has_idle_thread(void)
{
    bool found = false;
    DIR *tasks = opendir("/proc/self/task");
    MUST(tasks != NULL);
    for (const struct dirent *entry = readdir(tasks); entry != NULL; entry = readdir(tasks)) {
        pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);
        found |= thread != 0 && sched_getscheduler(thread) == SCHED_IDLE;
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
    if (gettid() != getpid()) {
        do {
            nap();
        } while (sched_getscheduler(0) == SCHED_IDLE);
    }
}

/* Comes after the library's: of destructors those with a number come last. */
__attribute__((destructor(101))) static void look(void)
{
    if (has_met_marker) {
        _exit(has_idle_thread() ? NOT_RAISED : LOOKED);
    }
}

static void end_while_marking(void)
{
    tri_heap_options options = options_new();
    options.markers = 2;
    options.stress = 0; /* else a mutator waits for the cycle's end */
    options.heap_minimum = 64 * 1024;
    struct host host = host_new(&options);
    tri_type_desc desc = {
        .desc_size = sizeof desc,
        .name = "cell",
        .size = CELL_BYTES,
        .layout = TRI_LAYOUT_TRACED_BY(trace_cell),
    };
    tri_type *type;
    MUST(tri_type_define(host.heap, &desc, &type) == TRI_OK);
    TRI_FRAME(host.mutator, CELLS);
    for (unsigned i = 0; i < CELLS; i++) {
        TRI_LOCAL(i) = tri_alloc(host.mutator, type);
    }
    for (unsigned i = 0; i < NAPS_MAX && !has_met_marker; i++) {
        for (unsigned k = 0; k < CELLS; k++) {
            (void)tri_alloc(host.mutator, host.leaf);
        }
        has_met_marker = has_idle_thread();
    }
    exit(0);
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

START_TEST(marker_is_raised)
{
    if (!may_leave_idle_priority()) {
        puts("exit_test: idle priority is not used here");
        return;
    }
    (void)fflush(NULL);
    pid_t child = fork();
    MUST(child >= 0);
    if (child == 0) {
        end_while_marking();
    }
    int status = 0;
    MUST(waitpid(child, &status, 0) == child);
    ck_assert(WIFEXITED(status));
    ck_assert_int_ne(WEXITSTATUS(status), NOT_RAISED);
    if (WEXITSTATUS(status) != LOOKED) {
        puts("exit_test: no marker ran at idle priority");
    }
}
END_TEST

int main(void)
{
    const struct test_entry tests[] = {{marker_is_raised, 0}};
    return scenario_run("exit", tests, LENGTH(tests));
}
