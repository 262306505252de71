/* stall.c -- histograms of stalls.
 *
 * Owns:       struct stall_state.
 * Invariants:
 *   [stall.1] A stall MUST be counted under the cause that began it, once; otherwise the sum of all
 *             causes is not what the mutators have lost.
 * Locks:      none: counters that are added to.
 * Callers:    mutators, and the collector when it acts for one that waits.
 */
#include "gc/stall.h"

#include "gc/atomic.h"
#include "gc/bits.h"
#include "gc/port.h"

static const char *const cause_names[STALL_CAUSE_COUNT] = {
#define STALL_NAME_(name, printed, meaning) printed,
    STALL_CAUSES(STALL_NAME_)
#undef STALL_NAME_
};

const char *stall_cause_name(enum stall_cause cause)
{
    return cause_names[cause];
}

/* Bucket 0 to 3: 0 to 3 ns; then four for each power of two. */
static unsigned bucket_of(uint64_t ns)
{
    if (ns < 4) {
        return (unsigned)ns;
    }
    unsigned octave = 63 - leading_zeros(ns);
    unsigned bucket = (octave - 1) * 4 + (unsigned)(ns >> (octave - 2) & 3);
    return bucket < STALL_BUCKETS ? bucket : STALL_BUCKETS - 1;
}

/* The longest duration that falls into the bucket. */
static uint64_t bucket_end(unsigned bucket)
{
    if (bucket < 4) {
        return bucket;
    }
    unsigned octave = bucket / 4 + 1;
    return ((UINT64_C(4) + bucket % 4 + 1) << (octave - 2)) - 1;
}

static void raise_maximum(uint64_t *maximum, uint64_t value)
{
    uint64_t seen = load_relaxed(maximum);
    /* A number by itself: pairs with nothing. */
    while (value > seen && !cas_relaxed(maximum, &seen, value)) {
    }
}

static void count(struct stall_histogram *histogram, uint64_t ns)
{
    fetch_add_relaxed(&histogram->counts[bucket_of(ns)], UINT64_C(1));
    fetch_add_relaxed(&histogram->total_ns, ns);
    raise_maximum(&histogram->max_ns, ns);
}

struct stall_times stall_begin(void)
{
    return (struct stall_times){port_now_ns(), port_thread_cpu_ns()};
}

#define NOT_TAKEN UINT64_MAX

struct stall_times stall_begin_short(void)
{
    return (struct stall_times){port_now_ns(), NOT_TAKEN};
}

struct stall_times stall_end(struct stall_state *stalls, enum stall_cause cause,
                             struct stall_times start)
{
    struct stall_times length = {port_now_ns() - start.wall_ns, 0};
    count(&stalls->causes[cause].wall, length.wall_ns); /* [stall.1] */
    if (start.cpu_ns != NOT_TAKEN) {
        length.cpu_ns = port_thread_cpu_ns() - start.cpu_ns;
        count(&stalls->causes[cause].cpu, length.cpu_ns);
    }
    return length;
}

struct stall_times stall_end_work(struct stall_state *stalls, enum stall_cause cause,
                                  struct stall_times start, uint64_t most_ns)
{
    struct stall_times length = stall_end(stalls, cause, start);
    length.cpu_ns = length.wall_ns < most_ns ? length.wall_ns : most_ns;
    count(&stalls->causes[cause].cpu, length.cpu_ns);
    return length;
}

void stall_count_to_safepoint(struct stall_state *stalls, uint64_t ns)
{
    count(&stalls->to_safepoint, ns);
}

uint64_t stall_count(const struct stall_histogram *histogram)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < STALL_BUCKETS; i++) {
        sum += load_relaxed(&histogram->counts[i]);
    }
    return sum;
}

uint64_t stall_quantile(const struct stall_histogram *histogram, double share)
{
    uint64_t wanted = (uint64_t)((double)stall_count(histogram) * share);
    uint64_t longest = load_relaxed(&histogram->max_ns);
    uint64_t sum = 0;
    for (unsigned i = 0; i < STALL_BUCKETS; i++) {
        sum += load_relaxed(&histogram->counts[i]);
        if (sum > wanted && i < STALL_BUCKETS - 1) {
            return bucket_end(i) < longest ? bucket_end(i) : longest;
        }
    }
    return longest;
}
