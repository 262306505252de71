/* scavenge_pace.c -- how much memory a heap keeps, and how fast it gives the rest back.
 *
 * Owns:       struct scavenge_pace.
 * Idea:       Go's. The next cycle will need what the last one needed, times the change of its
 *             goal; a tenth more is kept, since freed pages are not where the next spans want them;
 *             the collector's own memory is part of that tenth, so that the process is not much
 *             larger than 1.1 times its goal. What is over that goes back at a hundredth of the
 *             processors' time: a controller looks at what share the last stretch of work and sleep
 *             has been, and sets the length of the next sleep.
 *             Go's heaps need about the same from cycle to cycle; in ours of a few MiB, which are
 *             collected hundreds of times a second, a few large objects more or less are half of
 *             it. What such a heap has had in use within a second it keeps: to give 4 KiB back and
 *             fault them in again takes 2.5 microseconds.
 * Invariants:
 *   [scavenge_pace.1] ratio MUST be within SCAVENGE_RATIO_MIN and _MAX; otherwise the thread never
 *                     sleeps, or never works again.
 *   [scavenge_pace.2] The integral MUST NOT grow while the ratio is at a bound; otherwise it takes
 *                     as long to come back from there as it was there ("windup").
 *   [scavenge_pace.3] A goal MUST NOT overflow into a small number; otherwise a heap without bounds
 *                     gives back what it is about to use.
 * Locks:      none. One thread at a time.
 * Callers:    give_back, the scavenging thread; tests.
 */
#include "gc/scavenge_pace.h"

#include "gc/tuning.h"

#define RETAIN_PART 10 /* a tenth */

uint64_t scavenge_percent_goal(const struct scavenge_demand *demand, size_t os_page_bytes)
{
    if (demand->last_goal == 0 || demand->last_goal == UINT64_MAX || demand->goal == UINT64_MAX) {
        return SCAVENGE_NO_GOAL;
    }
    double change = (double)demand->goal / (double)demand->last_goal;
    double bytes = (double)demand->last_in_use * change;
    if (bytes >= 9e18) { /* [scavenge_pace.3] */
        return SCAVENGE_NO_GOAL;
    }
    uint64_t goal = (uint64_t)bytes;
    uint64_t more = goal / RETAIN_PART;
    more -= size_min(more, demand->metadata);
    uint64_t recent = demand->recent / 2 <= demand->goal ? demand->recent : 0; /* a peak */
    return align_up(size_max(goal + more, recent), os_page_bytes);
}

void scavenge_peak_enter(struct scavenge_peak *peak, uint64_t now_ns, uint64_t in_use)
{
    uint64_t passed = now_ns - peak->begin_ns;
    if (passed >= SCAVENGE_PEAK_NS) {
        peak->before = passed < 2 * SCAVENGE_PEAK_NS ? peak->most : 0;
        peak->most = 0;
        peak->begin_ns = now_ns;
    }
    peak->most = size_max(peak->most, in_use);
}

uint64_t scavenge_peak_bytes(const struct scavenge_peak *peak)
{
    return size_min(size_max(peak->most, peak->before), SCAVENGE_PEAK_BYTES);
}

uint64_t scavenge_limit_goal(uint64_t limit)
{
    return limit == UINT64_MAX ? SCAVENGE_NO_GOAL : limit / 100 * SCAVENGE_LIMIT_PERCENT;
}

/* ---- The controller -------------------------------------------------------------------------- */

static double within(double value, double least, double most)
{
    return value < least ? least : value > most ? most : value;
}

void scavenge_pace_init(struct scavenge_pace *pace, double processors)
{
    double work = SCAVENGE_SHARE * processors; /* of one processor's time */
    double ratio = work < 1.0 ? work / (1.0 - work) : SCAVENGE_RATIO_MAX;
    ratio = within(ratio, SCAVENGE_RATIO_MIN, SCAVENGE_RATIO_MAX);
    *pace = (struct scavenge_pace){.ratio = ratio, .integral = ratio};
}

/* Begin anew, as slowly as may be. */
static void reset(struct scavenge_pace *pace)
{
    *pace = (struct scavenge_pace){
        .ratio = SCAVENGE_RATIO_MIN,
        .cooldown_ns = SCAVENGE_COOLDOWN_NS,
        .resets = pace->resets + 1,
    };
}

/* Also false for what is no number. */
static bool is_finite(double value)
{
    return value - value == 0.0;
}

bool scavenge_pace_update(struct scavenge_pace *pace, uint64_t worked_ns, uint64_t slept_ns,
                          double processors)
{
    double period = (double)worked_ns + (double)slept_ns;
    if (pace->cooldown_ns > 0) {
        uint64_t passed = worked_ns + slept_ns;
        pace->cooldown_ns = passed >= pace->cooldown_ns ? 0 : pace->cooldown_ns - passed;
        return true;
    }
    double share = (double)worked_ns / (period * processors);
    double error = SCAVENGE_SHARE - share;
    double raw = SCAVENGE_GAIN * error + pace->integral;
    double ratio = within(raw, SCAVENGE_RATIO_MIN, SCAVENGE_RATIO_MAX); /* [scavenge_pace.1] */
    double integral = pace->integral + SCAVENGE_GAIN * period / SCAVENGE_INTEGRAL_NS * error +
                      period / SCAVENGE_TRACKING_NS * (ratio - raw); /* [scavenge_pace.2] */
    if (!is_finite(integral) || !is_finite(raw)) {
        reset(pace);
        return false;
    }
    pace->ratio = ratio;
    pace->integral = integral;
    return true;
}

uint64_t scavenge_pace_sleep(const struct scavenge_pace *pace, uint64_t worked_ns)
{
    double sleep = (double)worked_ns / pace->ratio;
    return sleep >= (double)SCAVENGE_SLEEP_MAX_NS ? SCAVENGE_SLEEP_MAX_NS : (uint64_t)sleep;
}
