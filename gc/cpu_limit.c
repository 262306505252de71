/* cpu_limit.c -- the bucket that keeps a memory limit from becoming a death spiral.
 *
 * Owns:       struct cpu_limit.
 * Invariants:
 *   [cpu_limit.1] 0 <= fill <= capacity and CPU_LIMIT_KEPT_PARTS of it MUST hold; otherwise a long
 *                 quiet time is a credit for an equally long time of nothing but collecting, and a
 *                 long time of collecting one for years without.
 *   [cpu_limit.2] It MUST be on while the bucket is full, and at no other time; otherwise
 *                 collecting takes more than half, or memory runs past its limit in vain.
 * Locks:      none. The caller lets one thread at a time write.
 * Callers:    cycle, assist; tests/pacer.
 */
#include "gc/cpu_limit.h"

#include "gc/tuning.h"

void cpu_limit_init(struct cpu_limit *limit, double processors)
{
    *limit = (struct cpu_limit){.capacity_ns = 0};
    cpu_limit_resize(limit, processors, 0);
}

static uint64_t most_kept(const struct cpu_limit *limit)
{
    return limit->capacity_ns + limit->capacity_ns / CPU_LIMIT_KEPT_PART;
}

void cpu_limit_resize(struct cpu_limit *limit, double processors, uint64_t cycle_ns)
{
    double least = (double)CPU_LIMIT_CAPACITY_MIN_NS * processors;
    double most = (double)CPU_LIMIT_CAPACITY_MAX_NS * processors;
    double wanted = (double)CPU_LIMIT_CAPACITY_CYCLES * (double)cycle_ns;
    wanted = wanted < most ? wanted : most;
    limit->capacity_ns = (uint64_t)(wanted > least ? wanted : least);
    limit->fill_ns = size_min(limit->fill_ns, most_kept(limit)); /* [cpu_limit.1] */
}

static void fill(struct cpu_limit *limit, uint64_t ns)
{
    uint64_t room = most_kept(limit) - limit->fill_ns;
    uint64_t kept = size_min(ns, room); /* [cpu_limit.1] */
    limit->fill_ns += kept;
    limit->overflow_ns += ns - kept;
}

static void drain(struct cpu_limit *limit, uint64_t ns)
{
    limit->fill_ns -= size_min(ns, limit->fill_ns); /* [cpu_limit.1] */
}

static void count_short_time(struct cpu_limit *limit, uint64_t now_ns, uint64_t used_ns)
{
    /* A clock that another thread has read earlier may be a little behind. */
    uint64_t passed_ns = now_ns > limit->last_ns ? now_ns - limit->last_ns : 0;
    limit->last_ns = now_ns;
    if (limit->is_short) {
        limit->short_ns += size_min(passed_ns, used_ns); /* sleep is no shortage */
        limit->is_short = limit->fill_ns >= limit->capacity_ns / 2;
    } else {
        limit->is_short = limit->on;
        limit->short_ns = 0;
    }
}

bool cpu_limit_update(struct cpu_limit *limit, uint64_t now_ns, uint64_t gc_ns, uint64_t other_ns)
{
    if (gc_ns > other_ns) {
        fill(limit, gc_ns - other_ns);
    } else {
        drain(limit, other_ns - gc_ns);
    }
    limit->on = limit->fill_ns >= limit->capacity_ns; /* [cpu_limit.2] */
    count_short_time(limit, now_ns, gc_ns + other_ns);
    return limit->on;
}

uint64_t cpu_limit_on_for(const struct cpu_limit *limit)
{
    return limit->is_short ? limit->short_ns : 0;
}
