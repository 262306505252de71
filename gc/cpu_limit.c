/* cpu_limit.c -- the bucket that keeps a memory limit from becoming a death spiral.
 *
 * Owns:       struct cpu_limit.
 * Invariants:
 *   [cpu_limit.1] 0 <= fill <= capacity MUST hold; otherwise a long quiet time is a credit for an
 *                 equally long time of nothing but collecting.
 *   [cpu_limit.2] It MUST stay on where exactly half of the time goes to collecting, and go off
 *                 with the first update that empties the bucket a little; otherwise it flaps.
 * Locks:      none. The caller lets one thread at a time write.
 * Callers:    cycle, assist; tests/pacer.
 */
#include "gc/cpu_limit.h"

#include "gc/tuning.h"

void cpu_limit_init(struct cpu_limit *limit, double processors)
{
    *limit = (struct cpu_limit){
        .capacity_ns = (uint64_t)((double)CPU_LIMIT_CAPACITY_NS * processors),
    };
}

static void fill(struct cpu_limit *limit, uint64_t now_ns, uint64_t ns)
{
    uint64_t room = limit->capacity_ns - limit->fill_ns;
    if (ns < room) {
        limit->fill_ns += ns;
        return;
    }
    limit->fill_ns = limit->capacity_ns; /* [cpu_limit.1] */
    limit->overflow_ns += ns - room;
    if (!limit->on) {
        limit->on = true;
        limit->since_ns = now_ns;
    }
}

static void drain(struct cpu_limit *limit, uint64_t ns)
{
    limit->fill_ns -= ns < limit->fill_ns ? ns : limit->fill_ns; /* [cpu_limit.1] */
    limit->on = false;
}

bool cpu_limit_update(struct cpu_limit *limit, uint64_t now_ns, uint64_t gc_ns, uint64_t other_ns)
{
    if (gc_ns > other_ns) {
        fill(limit, now_ns, gc_ns - other_ns);
    } else if (gc_ns < other_ns) { /* [cpu_limit.2]: equal parts change nothing */
        drain(limit, other_ns - gc_ns);
    }
    return limit->on;
}

uint64_t cpu_limit_on_for(const struct cpu_limit *limit, uint64_t now_ns)
{
    /* A clock read before it was switched on by another thread may be a little behind. */
    return limit->on && now_ns > limit->since_ns ? now_ns - limit->since_ns : 0;
}
