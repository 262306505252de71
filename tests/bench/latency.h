/* latency.h -- a log-linear histogram of nanoseconds, and the clock that fills it.
 *
 * A value below 64 has a bucket of its own; each power of two above has 32, so that a percentile is
 * at most 3.2 % above what was measured. Recording allocates nothing.
 *
 * A loop reads the clock once a turn and records the time since the reading before: what comes
 * between two turns is part of one of them, and no stall falls between two measurements. The clock
 * is clock_gettime(CLOCK_MONOTONIC), in Go what time.Since reads: the same call of the vDSO. Its
 * cost is part of every figure.
 */
#ifndef TRILLIUM_BENCH_LATENCY_H
#define TRILLIUM_BENCH_LATENCY_H

#include "bench.h"

enum {
    LATENCY_LINEAR_BITS = 5, /* 2^5 buckets to each power of two */
    LATENCY_BUCKETS = (64 - LATENCY_LINEAR_BITS + 1) << LATENCY_LINEAR_BITS
};

struct latency {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t max_ns;
    uint64_t buckets[LATENCY_BUCKETS];
};

/* The number of low bits that the bucket of `ns` does not distinguish. */
BENCH_INLINE unsigned latency_shift(uint64_t ns)
{
    unsigned width = 64 - (unsigned)__builtin_clzll(ns | 1);
    return width > LATENCY_LINEAR_BITS + 1 ? width - LATENCY_LINEAR_BITS - 1 : 0;
}

BENCH_INLINE size_t latency_bucket(uint64_t ns)
{
    unsigned shift = latency_shift(ns);
    return ((size_t)shift << LATENCY_LINEAR_BITS) + (size_t)(ns >> shift);
}

/* The largest value that falls into a bucket. */
static inline uint64_t latency_bucket_end(size_t bucket)
{
    size_t linear = (size_t)1 << LATENCY_LINEAR_BITS;
    if (bucket < 2 * linear) {
        return bucket;
    }
    unsigned shift = (unsigned)(bucket / linear - 1);
    return (((uint64_t)(bucket % linear + linear) + 1) << shift) - 1;
}

BENCH_INLINE void latency_record(struct latency *latency, uint64_t ns)
{
    latency->buckets[latency_bucket(ns)]++;
    latency->count++;
    latency->sum_ns += ns;
    latency->max_ns = ns > latency->max_ns ? ns : latency->max_ns;
}

/* A histogram without values, its memory touched. */
static inline struct latency *latency_new(void)
{
    struct latency *latency = malloc(sizeof(*latency));
    if (latency == NULL) {
        bench_die("out of memory");
    }
    return memset(latency, 0, sizeof(*latency));
}

static inline void latency_add(struct latency *sum, const struct latency *part)
{
    sum->count += part->count;
    sum->sum_ns += part->sum_ns;
    sum->max_ns = part->max_ns > sum->max_ns ? part->max_ns : sum->max_ns;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        sum->buckets[i] += part->buckets[i];
    }
}

/* The value that `parts` of 10 000 values do not exceed: the end of its bucket. */
static inline uint64_t latency_percentile(const struct latency *latency, uint64_t parts)
{
    uint64_t wanted = (latency->count * parts + 9999) / 10000;
    uint64_t seen = 0;
    for (size_t i = 0; i < LATENCY_BUCKETS; i++) {
        seen += latency->buckets[i];
        if (seen >= wanted && seen > 0) {
            uint64_t end = latency_bucket_end(i);
            return end < latency->max_ns ? end : latency->max_ns;
        }
    }
    return latency->max_ns;
}

static inline void latency_report(const struct latency *latency)
{
    bench_report("mean_ns", (double)latency->sum_ns / (double)latency->count);
    bench_report("p50_ns", (double)latency_percentile(latency, 5000));
    bench_report("p99_ns", (double)latency_percentile(latency, 9900));
    bench_report("p999_ns", (double)latency_percentile(latency, 9990));
    bench_report("p9999_ns", (double)latency_percentile(latency, 9999));
    bench_report("max_us", (double)latency->max_ns / 1e3);
}

#endif
