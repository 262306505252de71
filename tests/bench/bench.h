/* bench.h -- what the benchmark programs share: options, clocks, random numbers, results.
 *
 * A program takes options of the form key=value and prints one line "metric value" for each result;
 * run.py knows the metrics' units. A line "check value" is no measurement: it sums up what the
 * program's objects held at the end, and must be the same for every implementation.
 */
#ifndef TRILLIUM_BENCH_H
#define TRILLIUM_BENCH_H

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BENCH_INLINE static inline __attribute__((always_inline))

/* What an implementation is told before it starts. All objects of a program are of one kind. */
struct bench_setup {
    size_t object_size; /* bytes, a multiple of 8: up to 512 with pointers, 1024 without */
    uint64_t
        pointer_words;  /* bit i: word i of an object is a pointer; 0: a leaf, not to be zeroed */
    unsigned markers;   /* threads that mark; 0: the implementation's default */
    bool interior;      /* Boehm: recognize interior pointers from the heap, its default */
    bool zeroed;        /* a leaf is to be zeroed, too */
    unsigned give_up_s; /* Trillium: allocation gives NULL after so many seconds on the limiter; 0:
                           never */
};

/* A reading of an implementation's memory; sizes in bytes. */
struct bench_memory {
    uint64_t objects;     /* in objects that are live or not yet swept */
    uint64_t held;        /* of the system: all that was mapped and not given back */
    uint64_t goal;        /* the size at which the next collection should be over; 0: unknown */
    uint64_t gc_cpu_ns;   /* processor time of collecting */
    uint64_t collections; /* so far */
    bool limiter_on;      /* whether the limiter of collecting has been on, ever */
};

/* Ends the program with a message. */
static inline _Noreturn void bench_die(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

/* The value of option `key` as text; NULL where it was not given. */
static inline const char *bench_option(int argc, char **argv, const char *key)
{
    size_t length = strlen(key);
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], key, length) == 0 && argv[i][length] == '=') {
            return argv[i] + length + 1;
        }
    }
    return NULL;
}

/* The value of option `key` as a number of at least 0; `otherwise` where it was not given. */
static inline uint64_t bench_number(int argc, char **argv, const char *key, uint64_t otherwise)
{
    const char *text = bench_option(argc, argv, key);
    if (text == NULL) {
        return otherwise;
    }
    char *end;
    uint64_t value = strtoull(text, &end, 10);
    if (end == text || *end != '\0') {
        fprintf(stderr, "bench: %s=%s: expected a number\n", key, text);
        exit(2);
    }
    return value;
}

static inline uint64_t bench_clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Nanoseconds on the monotonic clock. */
static inline uint64_t bench_wall_ns(void)
{
    return bench_clock_ns(CLOCK_MONOTONIC);
}

/* Nanoseconds of processor time used by all threads of this process. */
static inline uint64_t bench_cpu_ns(void)
{
    return bench_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* Processors that this process may run on. */
static inline unsigned bench_processors(void)
{
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof(allowed), &allowed) == 0 ? (unsigned)CPU_COUNT(&allowed) : 1;
}

/* xorshift64: the same sequence in the Go programs, so that all build the same graph. */
static inline uint64_t bench_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    return x;
}

/* A random number below `limit`, which is at most 2^32. */
static inline uint64_t bench_random_below(uint64_t *state, uint64_t limit)
{
    return ((bench_random(state) >> 32) * limit) >> 32;
}

static inline int bench_compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

/* Sorts the values, of which there is at least one. */
static inline double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), bench_compare);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

static inline void bench_report(const char *metric, double value)
{
    printf("%s %.6g\n", metric, value);
}

static inline void bench_report_check(uint64_t value)
{
    printf("check %016llx\n", (unsigned long long)value);
}

#endif
