/* assist.c -- mark assists and their credit.
 *
 * Owns:       tri_mutator.assist_debt, mark_state.credit, the sums in heap_counters.live_bytes and
 *             heap_counters.black_bytes.
 * Idea:       a cycle must have scanned all that there is to scan when the heap reaches its goal.
 *             So each byte that is allocated meanwhile owes (bytes left to scan) / (bytes left to
 *             the goal) bytes of scanning. What marker threads scan goes to a common account, from
 *             which mutators pay first; what it lacks they scan themselves. (Go's gcAssistAlloc and
 *             bgScanCredit; in contrast to Go nobody waits for others where nothing is to be had.)
 * Invariants:
 *   [assist.1] A mutator MUST NOT wait for work that others have; otherwise it stalls for as long
 *              as they are off the processor. Past the goal it sleeps for a bounded moment instead.
 *   [assist.2] What a mutator has scanned MUST make it report grey at its next answer; otherwise
 *              the round of handshakes after which marking ends does not know of it.
 * Locks:      none.
 * Callers:    alloc, large; cycle; answer.
 */
#include "gc/assist.h"

#include "gc/barrier.h"
#include "gc/mark.h"

void assist_begin(struct tri_heap *heap)
{
    const struct cycle_figures *last = &heap->cycle.last;
    uint64_t live = counters_live(&heap->counters);
    uint64_t expected = last->number == 0 ? live : last->scanned_bytes;
    store_relaxed(&heap->mark.expected, expected < live ? expected : live);
}

/* Bytes to scan for each byte allocated. */
static double assist_ratio(const struct tri_heap *heap)
{
    uint64_t expected = load_relaxed(&heap->mark.expected);
    uint64_t done = load_relaxed(&heap->mark.scanned_bytes);
    uint64_t goal = load_relaxed(&heap->counters.goal_bytes);
    uint64_t live = counters_live(&heap->counters);
    /* Where the guess was too low, or the goal is passed, what is left is a tenth more. */
    uint64_t left = expected - (done < expected ? done : expected);
    left = left > expected / 10 ? left : expected / 10;
    uint64_t hard_goal = goal < UINT64_MAX / 2 ? goal + goal / 10 : goal;
    uint64_t room = (live < goal ? goal : hard_goal);
    room = live < room ? room - live : 0;
    uint64_t least = goal / 64 + PAGE_BYTES;
    return (double)left / (double)(room > least ? room : least);
}

void assist_charge(struct tri_mutator *mutator, size_t bytes)
{
    struct tri_heap *heap = mutator->heap;
    bool black = mutator->cache.black;
    fetch_add_relaxed(black ? &heap->counters.black_bytes : &heap->counters.live_bytes,
                      (uint64_t)bytes);
    if (black && barrier_is_on(mutator)) {
        mutator->assist_debt += (int64_t)((double)bytes * assist_ratio(heap));
    }
}

void assist_refund(struct tri_mutator *mutator, size_t bytes)
{
    struct tri_heap *heap = mutator->heap;
    fetch_sub_relaxed(mutator->cache.black ? &heap->counters.black_bytes
                                           : &heap->counters.live_bytes,
                      (uint64_t)bytes);
}

/* Take up to wanted from the common account. */
static int64_t take_credit(struct mark_state *mark, int64_t wanted)
{
    int64_t credit = load_relaxed(&mark->credit);
    while (credit > 0) {
        int64_t taken = credit < wanted ? credit : wanted;
        /* A number by itself: pairs with nothing. */
        if (cas_relaxed(&mark->credit, &credit, credit - taken)) {
            return taken;
        }
    }
    return 0;
}

/* All stacks are black. Nothing is scanned before; see [barrier.6]. */
static bool is_marking(const struct tri_heap *heap)
{
    uint32_t phase = load_relaxed(&heap->cycle.phase);
    return phase == CYCLE_MARK || phase == CYCLE_FLUSH;
}

/* How much to scan now of a debt. */
static size_t step_bytes(int64_t debt)
{
    int64_t step = debt / 4;
    step = step < ASSIST_STEP_MAX ? step : ASSIST_STEP_MAX;
    return (size_t)(step > ASSIST_STEP_MIN ? step : ASSIST_STEP_MIN);
}

void assist_pay(struct tri_mutator *mutator)
{
    struct tri_heap *heap = mutator->heap;
    if (mutator->assist_debt <= 0 || !barrier_is_on(mutator) || !is_marking(heap)) {
        return;
    }
    mutator->assist_debt -= take_credit(&heap->mark, mutator->assist_debt);
    if (mutator->assist_debt <= 0) {
        return;
    }
    struct stall_times start = stall_begin();
    mark_refresh(heap, &mutator->marker);
    size_t done = mark_some(heap, &mutator->marker, step_bytes(mutator->assist_debt));
    if (done == 0) {
        mutator->assist_debt = 0; /* [assist.1] */
        store_relaxed(&heap->mark.hungry, 1U);
    } else {
        mutator->assist_debt -= (int64_t)done;
        mutator->made_grey = true; /* [assist.2] */
    }
    struct stall_times length = stall_end(&heap->stalls, STALL_ASSIST, start);
    fetch_add_relaxed(&heap->mark.assist_cpu_ns, length.cpu_ns);
}
