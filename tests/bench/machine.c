/* machine.c -- what run.py needs to know about the machine, and to do beside a measurement.
 *
 *     bench_machine factor          prints "factor 1.97": how much more arithmetic two threads do
 *                                   together than one alone. Virtual machines sometimes keep two
 *                                   threads on one processor for up to a minute; then it is near 1.
 *     bench_machine loads prints "load_ns": a load of a random word in 1 GiB, whose address the
 *                                   load before it gave.
 *     bench_machine fill            prints "touch_gib_s" and "fill_gib_s": GiB a second that one
 *                                   thread clears, of memory never used before, and once more.
 *     bench_machine spin            a thread of idle priority on each processor, until the parent
 *                                   ends: the other half of the cure.
 *     bench_machine run PROGRAM ... runs a program and prints, after its output, "wall_s",
 *                                   "cpu_s" (user and system) and "peak_rss_mb" (MiB). A process
 *                                   that a large one starts inherits its peak; this one is small.
 */
#include "bench.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- factor ---- */

enum {
    FACTOR_STEPS = 25000000
};

struct arithmetic {
    pthread_barrier_t *start;
    uint64_t start_ns, end_ns;
    uint64_t result;
};

static void *compute(void *argument)
{
    struct arithmetic *arithmetic = argument;
    pthread_barrier_wait(arithmetic->start);
    arithmetic->start_ns = bench_wall_ns();
    uint64_t state = 88172645463325252u;
    for (int i = 0; i < FACTOR_STEPS; i++) {
        bench_random(&state);
    }
    arithmetic->end_ns = bench_wall_ns();
    arithmetic->result = state;
    return NULL;
}

/* Nanoseconds from the first start to the last end of `count` threads. */
static uint64_t compute_in(unsigned count)
{
    pthread_barrier_t start;
    struct arithmetic arithmetics[2];
    pthread_t threads[2];
    pthread_barrier_init(&start, NULL, count);
    for (unsigned i = 0; i < count; i++) {
        arithmetics[i].start = &start;
        if (pthread_create(&threads[i], NULL, compute, &arithmetics[i]) != 0) {
            bench_die("no thread");
        }
    }
    uint64_t first = UINT64_MAX, last = 0;
    for (unsigned i = 0; i < count; i++) {
        pthread_join(threads[i], NULL);
        first = arithmetics[i].start_ns < first ? arithmetics[i].start_ns : first;
        last = arithmetics[i].end_ns > last ? arithmetics[i].end_ns : last;
    }
    pthread_barrier_destroy(&start);
    return last - first;
}

static int print_factor(void)
{
    uint64_t alone = compute_in(1);
    uint64_t together = compute_in(2);
    bench_report("factor", 2.0 * (double)alone / (double)together);
    return 0;
}

/* ---- loads, fill ---- */

enum {
    SPAN_BYTES = 1 << 30,
    LINE_WORDS = 64 / sizeof(uint64_t),
    LINES = SPAN_BYTES / 64,
    LOADS = 3000000,
    FILLS = 3
};

static uint64_t *map_span(void)
{
    void *memory =
        mmap(NULL, SPAN_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        bench_die("no memory of 1 GiB");
    }
    return memory;
}

/* The first word of each line leads to another line, and all of them make one circle: Sattolo's
 * shuffle of the lines' numbers. */
static void make_circle(uint64_t *words)
{
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
    for (uint64_t i = 0; i < LINES; i++) {
        words[i * LINE_WORDS] = i;
    }
    for (uint64_t i = LINES - 1; i > 0; i--) {
        uint64_t j = bench_random_below(&state, i);
        uint64_t exchanged = words[i * LINE_WORDS];
        words[i * LINE_WORDS] = words[j * LINE_WORDS];
        words[j * LINE_WORDS] = exchanged;
    }
}

static int print_loads(void)
{
    uint64_t *words = map_span();
    make_circle(words);
    uint64_t line = 0, start = bench_wall_ns();
    for (int i = 0; i < LOADS; i++) {
        line = words[line * LINE_WORDS];
    }
    double ns = (double)(bench_wall_ns() - start);
    if (line == 0) {
        bench_die("the circle of loads is too short");
    }
    bench_report("load_ns", ns / LOADS);
    return 0;
}

static double fill(uint64_t *words, uint64_t value)
{
    uint64_t start = bench_wall_ns();
    memset(words, (int)value, SPAN_BYTES);
    __asm__ volatile("" : : "r"(words) : "memory");
    return 1e9 / (double)(bench_wall_ns() - start);
}

static int print_fill(void)
{
    uint64_t *words = map_span();
    double rates[FILLS];
    bench_report("touch_gib_s", fill(words, 1));
    for (uint64_t i = 0; i < FILLS; i++) {
        rates[i] = fill(words, i);
    }
    bench_report("fill_gib_s", bench_median(rates, FILLS));
    return 0;
}

/* ---- spin ---- */

static void *spin(void *argument)
{
    (void)argument;
    for (;;) {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#else
        __asm__ volatile("" ::: "memory");
#endif
    }
    return NULL;
}

static int spin_everywhere(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct sched_param parameters = {0};
    cpu_set_t allowed;
    if (sched_setscheduler(0, SCHED_IDLE, &parameters) != 0 ||
        sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
        bench_die("no idle priority here");
    }
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed)) {
            continue;
        }
        pthread_attr_t attributes;
        cpu_set_t one;
        pthread_t thread;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        pthread_attr_init(&attributes);
        pthread_attr_setaffinity_np(&attributes, sizeof(one), &one);
        if (pthread_create(&thread, &attributes, spin, NULL) != 0) {
            bench_die("no thread");
        }
        pthread_attr_destroy(&attributes);
    }
    for (;;) {
        pause();
    }
}

/* ---- run ---- */

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

static int run(char **command)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    uint64_t start = bench_wall_ns();
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execv(command[0], command);
        fprintf(stderr, "bench: %s: %s\n", command[0], strerror(errno));
        _exit(127);
    }
    int status;
    struct rusage usage;
    if (child < 0 || wait4(child, &status, 0, &usage) != child) {
        bench_die("no process");
    }
    bench_report("wall_s", (double)(bench_wall_ns() - start) / 1e9);
    bench_report("cpu_s", seconds(usage.ru_utime) + seconds(usage.ru_stime));
    bench_report("peak_rss_mb", (double)usage.ru_maxrss / 1024);
    if (WIFSIGNALED(status)) {
        fprintf(stderr, "bench: ended by signal %d\n", WTERMSIG(status));
        return 1;
    }
    return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "factor") == 0) {
        return print_factor();
    }
    if (argc == 2 && strcmp(argv[1], "loads") == 0) {
        return print_loads();
    }
    if (argc == 2 && strcmp(argv[1], "fill") == 0) {
        return print_fill();
    }
    if (argc == 2 && strcmp(argv[1], "spin") == 0) {
        return spin_everywhere();
    }
    if (argc > 2 && strcmp(argv[1], "run") == 0) {
        return run(argv + 2);
    }
    fprintf(stderr,
            "usage: bench_machine factor | loads | fill | spin | run PROGRAM [ARGUMENT ...]\n");
    return 2;
}
