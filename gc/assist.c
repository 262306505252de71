/* assist.c -- mark assists and their credit.
 *
 * Owns:       tri_mutator.assist_debt, uncharged, seen_live and allocated_in; mark_state.credit and
 *             work_per_kib; the sums in heap_counters.live_bytes, black_bytes and allocating.
 * Idea:       a cycle must have scanned all that there is to scan when the heap reaches its goal.
 *             So each byte that is allocated meanwhile owes some bytes of scanning, at the rate
 *             that pacer_rate gives. What marker threads scan goes to a common account, from which
 *             mutators pay first; what it lacks they scan themselves. (Go's gcAssistAlloc and
 *             bgScanCredit; in contrast to Go nobody waits for others where nothing is to be had,
 *             and what is owed is paid in many small steps: a cache hands out so much at a time as
 *             a step pays for.)
 * Invariants:
 *   [assist.1] A mutator MUST NOT wait for work that others have; otherwise it stalls for as long
 *              as they are off the processor. Past the goal it sleeps for a bounded moment instead.
 *   [assist.2] What a mutator has scanned MUST make it report grey at its next answer; otherwise
 *              the round of handshakes after which marking ends does not know of it.
 *   [assist.3] What is handed out MUST be charged before more than a 128th of the goal, or 32
 *              KiB, has been handed out since; otherwise the pacer of a small heap learns of growth
 *              in jumps, and that of a large one when it is too late.
 *   [assist.4] While the CPU limiter is on nobody MUST assist; otherwise a memory limit that is too
 *              small makes the program crawl.
 * Locks:      tries GOAL.
 * Callers:    alloc, large; answer; cycle.
 */
#include "gc/assist.h"

#include "gc/barrier.h"
#include "gc/mark.h"

/* ---- The rate -------------------------------------------------------------------------------- */

static struct pacer_progress progress_of(const struct tri_heap *heap)
{
    const struct mark_state *mark = &heap->mark;
    struct pacer_work done = {
        .heap = load_relaxed(&mark->scanned_bytes),
        .stacks = load_relaxed(&mark->stack_bytes),
        .globals = load_relaxed(&mark->global_bytes),
    };
    return (struct pacer_progress){
        .live = counters_live(&heap->counters),
        .done = done,
        .heap_scan = load_relaxed(&heap->counters.scannable_bytes),
        .stack_scan = done.stacks,
        .globals = done.globals,
    };
}

void assist_compute_rate(struct tri_heap *heap)
{
    struct pacer_progress progress = progress_of(heap);
    uint64_t goal = load_relaxed(&heap->counters.goal_bytes);
    struct pacer_rate rate = pacer_rate(&heap->cycle.pacer, goal, &progress);
    double per_kib = rate.work_per_byte * (double)KIB;
    store_relaxed(&heap->mark.work_per_kib,
                  per_kib < (double)ASSIST_RATE_MAX ? (uint64_t)per_kib : ASSIST_RATE_MAX);
}

void assist_revise(struct tri_heap *heap)
{
    if (lock_try_acquire(&heap->cycle.goal_lock)) {
        assist_compute_rate(heap);
        lock_release(&heap->cycle.goal_lock);
    }
}

static bool owes(const struct tri_mutator *mutator)
{
    return mutator->cache.black && barrier_is_on(mutator);
}

static void owe(struct tri_mutator *mutator, size_t bytes)
{
    if (owes(mutator)) {
        uint64_t rate = load_relaxed(&mutator->heap->mark.work_per_kib);
        mutator->assist_debt += (int64_t)((double)bytes * (double)rate / (double)KIB);
    }
}

/* ---- What there is --------------------------------------------------------------------------- */

void assist_look(struct tri_mutator *mutator)
{
    const struct heap_counters *counters = &mutator->heap->counters;
    mutator->seen_live = load_relaxed(&counters->live_bytes) + load_relaxed(&counters->black_bytes);
}

void assist_leave(struct tri_mutator *mutator)
{
    struct tri_heap *heap = mutator->heap;
    if (mutator->allocated_in == (uint32_t)load_relaxed(&heap->cycle.count)) {
        fetch_sub_relaxed(&heap->counters.allocating, 1);
    }
}

/* ---- Charges --------------------------------------------------------------------------------- */

static void enter(struct tri_mutator *mutator, size_t bytes, size_t scannable)
{
    struct tri_heap *heap = mutator->heap;
    struct heap_counters *counters = &heap->counters;
    bool black = mutator->cache.black;
    uint32_t cycle = (uint32_t)load_relaxed(&heap->cycle.count);
    if (bytes > 0 && mutator->allocated_in != cycle) {
        mutator->allocated_in = cycle;
        fetch_add_relaxed(&counters->allocating, 1);
    }
    fetch_add_relaxed(black ? &counters->black_bytes : &counters->live_bytes, (uint64_t)bytes);
    if (!black) {
        fetch_add_relaxed(&counters->scannable_bytes, (uint64_t)scannable);
    } else if (barrier_is_on(mutator)) {
        assist_revise(heap);
    }
    assist_look(mutator); /* now, while this processor has the line */
}

void assist_charge(struct tri_mutator *mutator, size_t bytes, size_t scannable)
{
    enter(mutator, bytes, scannable);
    owe(mutator, bytes);
}

void assist_charge_region(struct tri_mutator *mutator, size_t bytes, size_t scannable)
{
    struct tri_heap *heap = mutator->heap;
    fetch_add_relaxed(&heap->counters.region_bytes, (uint64_t)bytes);
    if (!mutator->cache.black) {
        fetch_add_relaxed(&heap->counters.scannable_bytes, (uint64_t)scannable);
    } else if (barrier_is_on(mutator)) {
        assist_revise(heap);
    }
    owe(mutator, bytes);
}

/* Count the objects of runs that were closed. */
static void count_objects(struct tri_mutator *mutator)
{
    struct heap_counters *counters = &mutator->heap->counters;
    struct thread_cache *cache = &mutator->cache;
    fetch_add_relaxed(&counters->allocated_bytes, cache->bytes);
    fetch_add_relaxed(&counters->allocated_objects, cache->objects);
    cache->bytes = 0;
    cache->objects = 0;
}

/* Charge what has been settled and not been charged. */
static void enter_uncharged(struct tri_mutator *mutator)
{
    count_objects(mutator);
    enter(mutator, mutator->uncharged, mutator->uncharged_scannable);
    mutator->uncharged = 0;
    mutator->uncharged_scannable = 0;
}

static void take_over(struct tri_mutator *mutator)
{
    struct thread_cache *cache = &mutator->cache;
    owe(mutator, cache->handed);
    mutator->uncharged += cache->handed;
    mutator->uncharged_scannable += cache->handed_scannable;
    cache->handed = 0;
    cache->handed_scannable = 0;
}

void assist_settle(struct tri_mutator *mutator)
{
    take_over(mutator);
    if (mutator->uncharged >= load_relaxed(&mutator->heap->counters.charge_bytes)) {
        enter_uncharged(mutator); /* [assist.3] */
    }
}

void assist_close(struct tri_mutator *mutator, size_t unused)
{
    struct heap_counters *counters = &mutator->heap->counters;
    take_over(mutator);
    enter_uncharged(mutator);
    fetch_sub_relaxed(mutator->cache.black ? &counters->black_bytes : &counters->live_bytes,
                      (uint64_t)unused);
}

/* ---- Payment --------------------------------------------------------------------------------- */

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

/* How much to scan now of a debt, before an allocation of bytes. */
static size_t step_bytes(int64_t debt, size_t bytes)
{
    size_t owed = (size_t)debt;
    size_t step = size_max(owed / ASSIST_STEP_PART, ASSIST_QUANTUM_BYTES);
    return size_min(size_min(step, owed), ASSIST_STEP_MAX_BYTES + bytes);
}

bool assist_scan(struct tri_mutator *mutator, size_t bytes)
{
    struct tri_heap *heap = mutator->heap;
    struct stall_times start = stall_begin_short();
    mark_refresh(heap, &mutator->marker);
    size_t done = mark_assist(heap, &mutator->marker, bytes);
    if (done == 0) {
        store_relaxed(&heap->mark.hungry, 1U);
    } else {
        mutator->assist_debt -= (int64_t)done;
        mutator->made_grey = true; /* [assist.2] */
    }
    struct stall_times length =
        stall_end_work(&heap->stalls, STALL_ASSIST, start, mark_most_ns(done));
    fetch_add_relaxed(&heap->mark.assist_cpu_ns, length.cpu_ns);
    fetch_add_relaxed(&heap->cycle.gc_cpu_ns, length.cpu_ns);
    return done > 0;
}

/* What the cache may hand out until the next slow path: while marking, what a small step pays for,
 * more where others have paid; in a small heap no more than it is charged for at a time. */
static size_t window_bytes(const struct tri_mutator *mutator)
{
    const struct tri_heap *heap = mutator->heap;
    size_t charge = load_relaxed(&heap->counters.charge_bytes);
    size_t window = charge < PAGE_BYTES ? charge : 0;
    if (owes(mutator)) {
        size_t paid_for = heap_is_self_driven(heap) ? STEP_WINDOW_BYTES : RUN_ZERO_BYTES;
        if (mutator->assist_debt > 0) {
            uint64_t rate = load_relaxed(&heap->mark.work_per_kib);
            paid_for = ASSIST_QUANTUM_BYTES * KIB / (rate + 1);
        }
        window = window == 0 ? paid_for : size_min(window, paid_for);
        window = size_max(window, SLOT_BYTES_MIN);
    }
    return window;
}

void assist_pay(struct tri_mutator *mutator, size_t bytes)
{
    struct tri_heap *heap = mutator->heap;
    if (mutator->assist_debt > 0 && barrier_is_on(mutator)) {
        if (load_relaxed(&heap->cycle.limited) != 0 || heap_is_self_driven(heap)) {
            mutator->assist_debt = 0; /* [assist.4] */
        } else if (assist_is_marking(heap)) {
            mutator->assist_debt -= take_credit(&heap->mark, mutator->assist_debt);
            if (mutator->assist_debt > 0 &&
                !assist_scan(mutator, step_bytes(mutator->assist_debt, bytes))) {
                mutator->assist_debt = 0; /* [assist.1] */
            }
        }
    }
    mutator->cache.window = window_bytes(mutator);
}
