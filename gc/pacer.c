/* pacer.c -- the goal.
 *
 * Owns:       nothing.
 * Invariants:
 *   [pacer.1] The goal MUST be above what is marked by a margin; otherwise a heap whose live bytes
 *             exceed the limit collects at every allocation.
 * Locks:      none.
 * Callers:    cycle, the setters of GOGC and MEMLIMIT.
 */
#include "gc/pacer.h"

static uint64_t saturating_add(uint64_t a, uint64_t b)
{
    size_t sum;
    return size_add(a, b, &sum) ? sum : UINT64_MAX;
}

/* value * percent / 100 without overflow on the way. */
static uint64_t scale(uint64_t value, uint64_t percent)
{
    size_t whole;
    if (!size_multiply(value / 100, percent, &whole)) {
        return UINT64_MAX;
    }
    return saturating_add(whole, value % 100 * percent / 100);
}

static uint64_t percent_goal(const struct pacer_inputs *inputs)
{
    if (inputs->percent < 0) {
        return UINT64_MAX;
    }
    uint64_t percent = (uint64_t)inputs->percent;
    uint64_t growth = scale(saturating_add(inputs->marked, inputs->roots), percent);
    uint64_t goal = saturating_add(inputs->marked, growth);
    uint64_t minimum = scale(inputs->heap_minimum, percent);
    return goal > minimum ? goal : minimum;
}

/* What the limit leaves for live objects, never less than what is marked plus a sixteenth
 * [pacer.1]. */
static uint64_t limit_goal(const struct pacer_inputs *inputs)
{
    if (inputs->memory_limit == INT64_MAX) {
        return UINT64_MAX;
    }
    uint64_t limit = (uint64_t)inputs->memory_limit;
    uint64_t goal = limit > inputs->overhead ? limit - inputs->overhead : 0;
    uint64_t least = saturating_add(inputs->marked, size_max(inputs->marked / 16, 64 * KIB));
    return goal > least ? goal : least;
}

uint64_t pacer_goal(const struct pacer_inputs *inputs)
{
    uint64_t by_percent = percent_goal(inputs);
    uint64_t by_limit = limit_goal(inputs);
    uint64_t goal = by_percent < by_limit ? by_percent : by_limit;
    uint64_t least = saturating_add(inputs->marked, 64 * KIB); /* [pacer.1] */
    return goal > least ? goal : least;
}
