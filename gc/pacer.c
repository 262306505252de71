/* pacer.c -- goal, trigger, and the price of an allocation.
 *
 * Owns:       struct pacer.
 * Idea:       Go's pacer since 1.18, with its constants. A cycle should end when the heap has grown
 *             by GOGC percent of what is live and of the roots; it begins earlier by the runway,
 *             which is what mutators allocate while it marks: cons/mark, how much faster a
 *             processor allocates than one scans, is measured in each cycle. Of the last five
 *             measurements the largest counts, so that an error begins cycles too early rather
 *             than make mutators assist. Where the guess was wrong all the same, assists make the
 *             goal hold.
 * Invariants:
 *   [pacer.1] trigger <= goal MUST hold, and both MUST be at least what is marked; otherwise the
 *             heap collects at every allocation although there is room.
 *   [pacer.2] A goal by the memory limit MUST NOT be raised by anything but what is marked;
 *             otherwise the process is killed for the sake of a comfortable sweep.
 *   [pacer.3] What is owed MUST be finite and positive while a cycle marks; otherwise the heap
 *             grows past its goal without end.
 *   [pacer.4] Empty places in weak tables MUST count for less than what they can hold, whatever
 *             GOGC is; otherwise what dies between two cycles makes a table grow, the table the
 *             next goal, and that what dies before it, without end.
 * Locks:      none. The caller lets one thread at a time write.
 * Callers:    cycle, assist; tests/pacer.
 */
#include "gc/pacer.h"

#include "gc/tuning.h"

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

static uint64_t total(const struct pacer_work *work)
{
    return saturating_add(work->heap, saturating_add(work->stacks, work->globals));
}

/* A double that may be too large for the integer. */
static uint64_t to_bytes(double value)
{
    return value >= 18e18 ? PACER_OFF : value > 0.0 ? (uint64_t)value : 0;
}

/* Distances that Go fixes for its least heap of 4 MiB, smaller where heap_minimum is: a heap of 200
 * KiB must not jump by them. */
static uint64_t scaled_distance(const struct pacer *pacer, uint64_t bytes)
{
    return size_min(bytes, pacer->heap_minimum / (HEAP_MINIMUM_BYTES / bytes));
}

void pacer_init(struct pacer *pacer, int32_t percent, uint64_t limit, uint64_t heap_minimum)
{
    *pacer = (struct pacer){
        .percent = percent,
        .memory_limit = limit,
        .heap_minimum = heap_minimum,
        .triggered = PACER_OFF,
    };
    pacer_commit(pacer, 0, true);
}

/* ---- Between cycles -------------------------------------------------------------------------- */

/* What empty places in weak tables let the heap grow by [pacer.4]. */
static uint64_t empty_growth(const struct pacer *pacer, uint64_t percent)
{
    return scale(pacer->empty / PACER_EMPTY_PART, size_min(percent, 100));
}

static uint64_t percent_goal(const struct pacer *pacer)
{
    if (pacer->percent < 0) {
        return PACER_OFF;
    }
    uint64_t percent = (uint64_t)pacer->percent;
    uint64_t full = pacer->marked - pacer->empty;
    uint64_t roots = saturating_add(pacer->last.stacks, pacer->last.globals);
    uint64_t growth = scale(saturating_add(full, roots), percent);
    uint64_t goal = size_max(scale(pacer->heap_minimum, percent), saturating_add(full, growth));
    return saturating_add(goal, saturating_add(pacer->empty, empty_growth(pacer, percent)));
}

void pacer_commit(struct pacer *pacer, uint64_t live, bool sweep_is_done)
{
    const double mutators_share = (1.0 - MARKER_SHARE) / MARKER_SHARE;
    pacer->percent_goal = percent_goal(pacer);
    pacer->runway = to_bytes(pacer->cons_mark * mutators_share * (double)total(&pacer->last));
    pacer->sweep_end = 0;
    if (!sweep_is_done) {
        pacer->sweep_end = saturating_add(live, scaled_distance(pacer, PACER_SWEEP_DISTANCE_BYTES));
    }
}

/* The live size at which the memory limit is reached. */
static uint64_t limit_goal(const struct pacer *pacer, const struct pacer_memory *memory)
{
    uint64_t limit = pacer->memory_limit;
    if (limit == PACER_OFF) {
        return PACER_OFF;
    }
    uint64_t heap = saturating_add(memory->free, memory->objects);
    uint64_t other = memory->mapped > heap ? memory->mapped - heap : 0;
    uint64_t overage = memory->mapped > limit ? memory->mapped - limit : 0;
    uint64_t taken = saturating_add(other, overage);
    if (taken >= limit) {
        return pacer->marked; /* hopeless: collect all the time; the CPU limiter keeps it
                                 bearable */
    }
    uint64_t goal = limit - taken;
    uint64_t headroom = size_max(goal / 100 * LIMIT_HEADROOM_PERCENT, LIMIT_HEADROOM_MIN_BYTES);
    goal = goal < 2 * headroom ? headroom : goal - headroom;
    return size_max(goal, pacer->marked); /* [pacer.1] */
}

/* The goal, and below which live size no cycle shall begin. */
static struct pacer_target goal_of(const struct pacer *pacer, const struct pacer_memory *memory)
{
    uint64_t by_limit = limit_goal(pacer, memory);
    if (by_limit < pacer->percent_goal) {
        return (struct pacer_target){.goal = by_limit, .by_limit = true}; /* [pacer.2] */
    }
    uint64_t goal = size_max(pacer->percent_goal, pacer->sweep_end);
    if (pacer->triggered != PACER_OFF) {
        uint64_t runway = scaled_distance(pacer, PACER_MIN_RUNWAY_BYTES);
        goal = size_max(goal, saturating_add(pacer->triggered, runway));
    }
    return (struct pacer_target){.goal = goal, .trigger = pacer->sweep_end};
}

static uint64_t part_of_way(uint64_t from, uint64_t to, uint64_t parts_of_64)
{
    return from + (to - from) / 64 * parts_of_64;
}

struct pacer_target pacer_target(const struct pacer *pacer, const struct pacer_memory *memory)
{
    struct pacer_target target = goal_of(pacer, memory);
    uint64_t goal = target.goal;
    if (pacer->marked >= goal || goal == PACER_OFF) {
        target.trigger = goal;
        return target;
    }
    uint64_t least = part_of_way(pacer->marked, goal, TRIGGER_LEAST_64THS);
    least = size_max(least, target.trigger);
    uint64_t most = part_of_way(pacer->marked, goal, TRIGGER_MOST_64THS);
    if (goal > HEAP_MINIMUM_BYTES) {
        most = size_max(most, goal - HEAP_MINIMUM_BYTES);
    }
    most = size_max(most, least);
    uint64_t trigger = pacer->runway > goal ? least : goal - pacer->runway;
    trigger = trigger < least ? least : size_min(trigger, most);
    target.trigger = size_min(trigger, goal); /* [pacer.1] */
    return target;
}

/* ---- While marking --------------------------------------------------------------------------- */

void pacer_begin(struct pacer *pacer, uint64_t live)
{
    pacer->triggered = live;
}

/* Where more turns up than the last cycle has scanned: the goal that the same growth would have for
 * a heap in which all is live, but no more than GOGC percent above the goal. */
static double extended_goal(const struct pacer *pacer, double goal, double expected, double most)
{
    double percent = pacer->percent < 0 ? 100000.0 : pacer->percent;
    double triggered = pacer->triggered == PACER_OFF ? 0.0 : (double)pacer->triggered;
    double extended = (goal - triggered) / expected * most + triggered;
    double hard = (1.0 + percent / 100.0) * goal;
    return extended < hard ? extended : hard;
}

struct pacer_rate pacer_rate(const struct pacer *pacer, uint64_t goal,
                             const struct pacer_progress *progress)
{
    double work = (double)total(&progress->done);
    double expected =
        (double)pacer->last.heap + (double)pacer->last.stacks + (double)progress->globals;
    double most =
        (double)progress->heap_scan + (double)progress->stack_scan + (double)progress->globals;
    double limit = (double)goal;
    double live = (double)progress->live;
    if (work > expected) {
        limit = extended_goal(pacer, limit, expected > 1.0 ? expected : 1.0, most);
        expected = most;
    }
    if (live > limit) {
        limit *= PACER_PAST_GOAL;
        expected = most;
    }
    double left = expected - work;
    left = left > PACER_LEAST_WORK ? left : PACER_LEAST_WORK; /* [pacer.3] */
    double room = limit - live;
    room = room > 1.0 ? room : 1.0;
    return (struct pacer_rate){.work_per_byte = left / room, .bytes_per_work = room / left};
}

/* Enter a measurement of cons/mark. */
static void measure(struct pacer *pacer, double current)
{
    double *before = pacer->measured;
    pacer->cons_mark = current;
    for (size_t i = 0; i < PACER_MEASURES - 1; i++) {
        pacer->cons_mark = before[i] > pacer->cons_mark ? before[i] : pacer->cons_mark;
    }
    for (size_t i = PACER_MEASURES - 2; i > 0; i--) {
        before[i] = before[i - 1];
    }
    before[0] = current;
}

void pacer_end(struct pacer *pacer, const struct pacer_effort *effort)
{
    double time = (double)effort->elapsed_ns * effort->processors;
    double work = (double)total(&effort->done);
    if (pacer->triggered == PACER_OFF || effort->live <= pacer->triggered || time <= 0.0 ||
        work <= 0.0) {
        return; /* nothing to be learned */
    }
    double marking = (double)(effort->background_ns + effort->assist_ns) / time;
    double idle = (double)effort->idle_ns / time;
    marking = marking < PACER_MOST_MARKING ? marking : PACER_MOST_MARKING;
    double allocated = (double)(effort->live - pacer->triggered);
    measure(pacer, allocated * (marking + idle) / (work * (1.0 - marking)));
}

void pacer_reset(struct pacer *pacer, uint64_t marked, uint64_t empty,
                 const struct pacer_work *done)
{
    pacer->marked = marked;
    pacer->empty = size_min(empty, marked);
    pacer->last = *done;
    pacer->triggered = PACER_OFF;
}
