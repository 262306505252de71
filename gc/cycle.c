/* cycle.c -- a collection, step by step, beside the mutators.
 *
 *   sweep -> arm -> settle -> roots -> mark -> flush -> weak -> disarm ->
 *                                       ^_______|      (the generation changes) -> release
 *
 * Owns:       struct cycle_state; the trigger and the goal.
 * Idea:       a state machine. A step never waits for a mutator: it begins a handshake, or finds
 *             that one has been answered, or marks. So any thread can drive a cycle, several can
 *             take turns, and a host without threads takes a step now and then at its allocations.
 *             What a step is, is guarded by CYCLE; between steps nobody holds it. The marking of a
 *             small heap costs a mutator less than it costs to wake a thread for it, and to have
 *             objects back that were taken to another processor's cache: such a cycle is driven by
 *             the mutators, at their slow paths, and a thread only watches over it.
 * Invariants:
 *   [cycle.1] Marking MUST begin only when every span is swept; otherwise it adds to marks of the
 *             last cycle, and garbage survives for ever.
 *   [cycle.2] The generation MUST change only when all mutators have answered disarm; otherwise a
 *             mutator shades while the marks are swept ([answer.5]).
 *   [cycle.3] A mutator whose thread drives a cycle MUST be blocked meanwhile; otherwise the cycle
 *             waits for its answer for ever.
 *   [cycle.4] Goals MUST be computed and stored one at a time; otherwise one that was computed from
 *             an older GOGC is stored last, and no cycle may ever begin.
 *   [cycle.5] A handshake MUST begin only when all have answered the one before; otherwise arm,
 *             settle and roots are no steps in a row, and a stack turns black too early
 *             ([answer.1]).
 *   [cycle.6] Marking MUST end only after two quiet rounds of flush in succession: nobody has made
 *             grey since his last answer, and there is no grey work; otherwise a grey object is
 *             taken for garbage's neighbour. Why two: docs/correctness.md.
 *   [cycle.7] The next cycle MUST begin only when all have answered release; otherwise a mutator
 *             has a span of the generation before the last.
 *   [cycle.8] The end of marking MUST be one exchange of weak_state.word, and what is dead MUST be
 *             cleared from weak references before disarm is asked for; otherwise a mutator reads a
 *             reference to what is freed. See weak.c.
 *   [cycle.9] A cycle that is under way MUST have somebody who takes its next step: a thread that
 *             drives it; or mutators, at their slow paths, and one that watches whether they come
 *             there; otherwise it never ends, and all barriers stay on.
 *   [cycle.10] A mutator MUST NOT drive a cycle of which one step is expected to take long: of
 *             many mutators, with much of roots, or with many finalizers; otherwise it stalls for
 *             the scan of others' stacks, or for the fate of others' objects.
 * Locks:      CYCLE for a step; GOAL while the goal is computed.
 * Callers:    the collector's thread; alloc, tri_collect, tri_gc_step on a mutator's thread.
 */
#include "gc/cycle.h"

#include "gc/answer.h"
#include "gc/assert.h"
#include "gc/assist.h"
#include "gc/barrier.h"
#include "gc/barrier_verify.h"
#include "gc/checkmark.h"
#include "gc/finalizer_check.h"
#include "gc/free_later.h"
#include "gc/give_back.h"
#include "gc/mark.h"
#include "gc/mark_home.h"
#include "gc/pool.h"
#include "gc/port.h"
#include "gc/region.h"
#include "gc/sweep.h"
#include "gc/trace_figures.h"
#include "gc/verify.h"
#include "gc/weak.h"
#include "gc/weak_hook.h"
#include "gc/weak_word.h"

/* ---- The CPU limiter ------------------------------------------------------------------------- */

/* Let everybody know the limiter's state. GOAL held. */
static void publish_limit(struct tri_heap *heap)
{
    struct cycle_state *cycle = &heap->cycle;
    const struct cpu_limit *limit = &cycle->cpu_limit;
    bool was_short = load_relaxed(&cycle->is_short) != 0;
    store_relaxed(&cycle->limited, (uint32_t)limit->on);
    store_relaxed(&cycle->is_short, (uint32_t)limit->is_short);
    store_relaxed(&cycle->limited_ns, cpu_limit_on_for(limit));
    if (limit->is_short != was_short) {
        enum tri_pressure_kind kind =
            limit->is_short ? TRI_PRESSURE_LIMITER_ON : TRI_PRESSURE_LIMITER_OFF;
        fetch_or_relaxed(&cycle->pressure, UINT32_C(1) << kind);
    }
}

static struct cpu_readings read_processors(const struct tri_heap *heap)
{
    const struct cycle_state *cycle = &heap->cycle;
    return (struct cpu_readings){
        .gc_ns = load_relaxed(&cycle->gc_cpu_ns), /* first: it is part of the process's */
        .idle_ns = load_relaxed(&cycle->gc_idle_cpu_ns),
        .waited_ns = load_relaxed(&cycle->waited_ns),
        .process_ns = port_process_cpu_ns(),
    };
}

/* Tell the limiter what has been used since the last time. Time that collecting had on processors
 * which would have idled is nobody's loss; time that mutators have waited for it is. GOAL held. */
static void update_limit(struct tri_heap *heap, uint64_t now_ns)
{
    struct cycle_state *cycle = &heap->cycle;
    struct cpu_readings *last = &cycle->limit_readings;
    struct cpu_readings now = read_processors(heap);
    uint64_t used_ns = now.process_ns - last->process_ns;
    /* Markers count what they have used some time after they have used it. */
    uint64_t idle_ns = size_min(now.idle_ns - last->idle_ns, used_ns);
    uint64_t gc_ns = size_min(now.gc_ns - last->gc_ns, used_ns - idle_ns);
    uint64_t waited_ns = now.waited_ns - last->waited_ns;
    now.idle_ns = last->idle_ns + idle_ns;
    now.gc_ns = last->gc_ns + gc_ns;
    *last = now;
    (void)cpu_limit_update(&cycle->cpu_limit, now_ns, gc_ns + waited_ns, used_ns - idle_ns - gc_ns);
    publish_limit(heap);
}

/* Begin anew: there was no limit, or there is none any more. GOAL held. */
static void reset_limit(struct tri_heap *heap)
{
    struct cycle_state *cycle = &heap->cycle;
    cycle->limit_readings = read_processors(heap);
    cycle->limit_now_ns = port_now_ns();
    cpu_limit_init(&cycle->cpu_limit, port_processors(heap));
    publish_limit(heap);
}

/* ---- Create and destroy ---------------------------------------------------------------------- */

void cycle_state_init(struct tri_heap *heap)
{
    lock_init(&heap->cycle.lock, LOCK_CYCLE);
    lock_init(&heap->cycle.goal_lock, LOCK_GOAL);
    heap->cycle.created_ns = port_now_ns();
    reset_limit(heap);
    pacer_init(&heap->cycle.pacer, heap->options.gc_percent, PACER_OFF,
               size_max(heap->options.heap_minimum, HEAP_MINIMUM_LEAST_BYTES));
    cycle_commit_goal(heap);
}

void cycle_state_destroy(struct tri_heap *heap)
{
    lock_destroy(&heap->cycle.goal_lock);
    lock_destroy(&heap->cycle.lock);
}

/* ---- The goal -------------------------------------------------------------------------------- */

/* What counts toward MEMLIMIT. */
static struct pacer_memory memory_state(struct tri_heap *heap)
{
    const struct heap_counters *counters = &heap->counters;
    struct page_heap_bytes pages = page_heap_bytes(&heap->page_heap);
    uint64_t external = load_relaxed(&counters->external_bytes);
    uint64_t freed = load_relaxed(&counters->freed_bytes); /* first, see fill_objects in stats.c */
    return (struct pacer_memory){
        .mapped = pages.grown - pages.released + pages.metadata +
                  meta_alloc_mapped_bytes(&heap->meta) + external,
        .free = pages.free - pages.released,
        .objects = load_relaxed(&counters->allocated_bytes) - freed + external,
    };
}

/* What a mutator charges at a time. */
static uint64_t charge_bytes(const struct tri_heap *heap, uint64_t goal)
{
    uint64_t mutators = size_max(load_relaxed(&heap->attached), 1);
    uint64_t least = size_min(goal / CHARGE_GOAL_PART, CHARGE_BYTES_ALWAYS);
    uint64_t together = goal / CHARGE_ALL_GOAL_PART / mutators;
    uint64_t most = size_min(together, CHARGE_BYTES_MAX);
    return size_max(size_max(least, most), CHARGE_BYTES_MIN);
}

/* Store trigger and goal, and what follows from them, for everybody to read. GOAL held. */
static struct pacer_target publish_target(struct tri_heap *heap)
{
    struct heap_counters *counters = &heap->counters;
    struct pacer_memory memory = memory_state(heap);
    struct pacer_target target = pacer_target(&heap->cycle.pacer, &memory);
    /* Where mutators are held while marking, nothing is allocated meanwhile. */
    uint64_t trigger = heap->options.stop_the_world ? target.goal : target.trigger;
    store_relaxed(&counters->goal_bytes, target.goal);
    store_relaxed(&counters->goal_by_limit, (uint32_t)target.by_limit);
    store_relaxed(&counters->charge_bytes, charge_bytes(heap, target.goal));
    store_relaxed(&counters->trigger_bytes, trigger);
    store_relaxed(&counters->memory_bytes, memory.mapped);
    uint64_t limit = heap->cycle.pacer.memory_limit;
    store_relaxed(
        &counters->far_over_limit,
        (uint32_t)(memory.mapped > limit && memory.mapped - limit > limit / LIMIT_OVERSHOOT_PART));
    return target;
}

/* The least goal before it is scaled by GOGC: heap_minimum for each mutator that has allocated
 * since the last cycle, as far as they can run side by side. With less, the same allocation by two
 * takes twice as many cycles as by one, each of which marks what both hold and interrupts both. */
static uint64_t least_goal(const struct tri_heap *heap, int32_t allocating)
{
    uint64_t minimum = size_max(heap->options.heap_minimum, HEAP_MINIMUM_LEAST_BYTES);
    uint64_t most = UINT64_MAX / MUTATORS_SIDE_BY_SIDE_MOST;
    double processors = port_processors(heap);
    uint32_t at_once = processors < (double)MUTATORS_SIDE_BY_SIDE_MOST ? (uint32_t)processors
                                                                       : MUTATORS_SIDE_BY_SIDE_MOST;
    uint64_t factor = allocating < 1 ? 1 : size_max(size_min((size_t)allocating, at_once), 1);
    return size_min(minimum, most) * factor;
}

/* Compute trigger and goal. ended: by a cycle that has just ended; what it has freed is to be swept
 * before the next one begins. Where a setting has changed, that shall have its effect at once. */
static void commit(struct tri_heap *heap, bool ended)
{
    struct pacer *pacer = &heap->cycle.pacer;
    lock_acquire(&heap->cycle.goal_lock); /* [cycle.4] */
    int64_t bytes = load_relaxed(&heap->options.memory_limit);
    uint64_t limit = bytes == TRI_MEMORY_LIMIT_OFF ? PACER_OFF : (uint64_t)bytes;
    if ((limit == PACER_OFF) != (pacer->memory_limit == PACER_OFF)) {
        reset_limit(heap);
    }
    pacer->percent = load_relaxed(&heap->options.gc_percent);
    pacer->memory_limit = limit;
    if (ended) {
        /* A hint that pairs with nothing: who is charged meanwhile counts for this cycle or not. */
        int32_t allocating = exchange_acq_rel(&heap->counters.allocating, 0);
        pacer->heap_minimum = least_goal(heap, allocating);
    }
    uint64_t live = counters_live(&heap->counters);
    pacer_commit(pacer, live, !ended);
    struct pacer_target target = publish_target(heap);
    sweep_set_pace(heap, live, target.trigger);
    give_back_commit(heap);
    lock_release(&heap->cycle.goal_lock);
}

void cycle_commit_goal(struct tri_heap *heap)
{
    commit(heap, false);
}

void cycle_watch_memory(struct tri_heap *heap)
{
    struct cycle_state *cycle = &heap->cycle;
    if (load_relaxed(&heap->options.memory_limit) == TRI_MEMORY_LIMIT_OFF ||
        !lock_try_acquire(&cycle->goal_lock)) {
        return;
    }
    uint64_t now_ns = port_now_ns();
    if (now_ns - cycle->limit_now_ns >= CPU_LIMIT_UPDATE_NS) {
        cycle->limit_now_ns = now_ns;
        update_limit(heap, now_ns);
    }
    (void)publish_target(heap); /* as memory is mapped and freed, the limit leaves less, or more */
    lock_release(&cycle->goal_lock);
}

/* Where what is live leaves no room below the limit, the host shall know. */
static void note_limit(struct tri_heap *heap)
{
    const struct heap_counters *counters = &heap->counters;
    if (load_relaxed(&counters->goal_by_limit) != 0 && cycle_is_due(heap)) {
        fetch_or_relaxed(&heap->cycle.pressure, UINT32_C(1) << TRI_PRESSURE_LIMIT_REACHED);
    }
}

/* ---- The pacer's view of a cycle ------------------------------------------------------------- */

static void trace_begin(struct tri_heap *heap)
{
    double processors = port_processors(heap);
    double due = MARKER_SHARE * processors;
    uint32_t whole = (uint32_t)due;
    struct pacer_begin_figures figures = {
        .rate.work_per_byte = (double)load_relaxed(&heap->mark.work_per_kib) / (double)KIB,
        .heap_scan = load_relaxed(&heap->counters.scannable_bytes),
        .live = counters_live(&heap->counters),
        .goal = load_relaxed(&heap->counters.goal_bytes),
        .markers = whole,
        .fractional_share = (due - whole) / processors,
    };
    port_pacer_begun(heap, &figures);
}

/* Marking is about to begin. */
static void begin_pacing(struct tri_heap *heap)
{
    lock_acquire(&heap->cycle.goal_lock); /* [cycle.4] */
    pacer_begin(&heap->cycle.pacer, counters_live(&heap->counters));
    (void)publish_target(heap); /* a cycle that begins late has some way to go all the same */
    assist_compute_rate(heap);
    lock_release(&heap->cycle.goal_lock);
    if (heap->options.pacer_trace) {
        trace_begin(heap);
    }
}

/* GOAL held. */
static void trace_end(struct tri_heap *heap, const struct pacer_effort *effort)
{
    const struct pacer *pacer = &heap->cycle.pacer;
    double time = (double)effort->elapsed_ns * effort->processors;
    struct pacer_end_figures figures = {
        .utilization = (double)(effort->background_ns + effort->assist_ns) / (time > 0 ? time : 1),
        .done = effort->done,
        .expected = pacer->last,
        .triggered = pacer->triggered,
        .live = effort->live,
        .goal = heap->cycle.now.goal,
        .cons_mark = pacer->cons_mark,
    };
    port_pacer_ended(heap, &figures);
}

/* Marking is over: learn from it. marked bytes are live, external ones included. */
static void end_pacing(struct tri_heap *heap, uint64_t marked)
{
    struct cycle_figures *now = &heap->cycle.now;
    struct pacer *pacer = &heap->cycle.pacer;
    bool is_void = load_relaxed(&heap->mark.is_void) != 0;
    struct pacer_effort effort = {
        .elapsed_ns = port_now_ns() - heap->cycle.phase_ns,
        .processors = port_processors(heap),
        .background_ns = now->mark_cpu_ns - now->assist_cpu_ns - now->idle_cpu_ns,
        .assist_ns = now->assist_cpu_ns,
        .idle_ns = now->idle_cpu_ns,
        .live = now->heap_after,
        .done = {now->scanned_bytes, now->stack_bytes, now->global_bytes},
    };
    lock_acquire(&heap->cycle.goal_lock); /* [cycle.4] */
    if (heap->options.pacer_trace) {
        trace_end(heap, &effort);
    }
    pacer_end(pacer, &effort);
    cpu_limit_resize(&heap->cycle.cpu_limit, effort.processors, now->mark_cpu_ns);
    pacer_reset(pacer, marked, is_void ? 0 : heap->weak.empty_bytes, &effort.done);
    store_relaxed(&heap->counters.scannable_bytes, effort.done.heap);
    lock_release(&heap->cycle.goal_lock);
}

int64_t cycle_set_memory_limit(struct tri_heap *heap, int64_t bytes)
{
    tri_heap_options *options = &heap->options;
    lock_acquire(&heap->cycle.goal_lock);
    int64_t old = load_relaxed(&options->memory_limit);
    store_relaxed(&options->memory_limit_percent, 0);
    store_relaxed(&options->memory_limit, bytes);
    lock_release(&heap->cycle.goal_lock);
    cycle_commit_goal(heap);
    return old;
}

static int64_t percent_of(int64_t bytes, int64_t percent)
{
    return bytes == TRI_MEMORY_LIMIT_OFF ? bytes
                                         : bytes / 100 * percent + bytes % 100 * percent / 100;
}

bool cycle_follow_memory_limit(struct tri_heap *heap, int64_t bytes)
{
    tri_heap_options *options = &heap->options;
    lock_acquire(&heap->cycle.goal_lock);
    int32_t percent = load_relaxed(&options->memory_limit_percent);
    int64_t limit = percent_of(bytes, percent);
    bool changed = percent > 0 && limit != load_relaxed(&options->memory_limit);
    if (changed) {
        store_relaxed(&options->memory_limit, limit);
    }
    lock_release(&heap->cycle.goal_lock);
    if (changed) {
        cycle_commit_goal(heap);
    }
    return changed;
}

/* ---- Figures --------------------------------------------------------------------------------- */

static void begin_figures(struct tri_heap *heap, enum cycle_reason reason)
{
    struct cycle_state *cycle = &heap->cycle;
    cycle->phase_ns = port_now_ns();
    cycle->unhurried = reason == CYCLE_PERIODIC;
    cycle->now = (struct cycle_figures){
        .number = load_relaxed(&cycle->count) + 1,
        .forced = reason == CYCLE_FORCED,
        .start_ns = cycle->phase_ns - cycle->created_ns,
        .heap_before = counters_live(&heap->counters),
        .goal = load_relaxed(&heap->counters.goal_bytes),
        .processors = port_processor_threads(heap),
    };
    store_relaxed(&cycle->begin_stall_ns, UINT64_C(0));
    store_relaxed(&cycle->end_stall_ns, UINT64_C(0));
}

/* What marking found, and what is live from here on. */
static void take_mark_figures(struct tri_heap *heap)
{
    struct mark_state *mark = &heap->mark;
    struct cycle_figures *now = &heap->cycle.now;
    mark_end(heap);
    weak_end_cycle(heap);
    give_back_end_cycle(heap);
    uint64_t marked = load_relaxed(&mark->marked_bytes);
    now->heap_after = counters_live(&heap->counters);
    now->external_bytes = load_relaxed(&heap->counters.external_bytes);
    now->marked_bytes = marked + load_relaxed(&heap->counters.black_bytes) +
                        load_relaxed(&heap->counters.region_bytes);
    now->marked_objects = load_relaxed(&mark->marked_objects);
    now->scanned_bytes = load_relaxed(&mark->scanned_bytes);
    now->stack_bytes = load_relaxed(&mark->stack_bytes);
    now->global_bytes = load_relaxed(&mark->global_bytes);
    now->assist_cpu_ns = load_relaxed(&mark->assist_cpu_ns);
    now->idle_cpu_ns = load_relaxed(&mark->idle_cpu_ns);
    now->mark_cpu_ns = load_relaxed(&mark->cpu_ns) + now->assist_cpu_ns;
    now->goal = load_relaxed(&heap->counters.goal_bytes);
    /* All mutators charge to black_bytes by now, or are held. */
    store_relaxed(&heap->counters.live_bytes, marked);
    end_pacing(heap, now->marked_bytes + now->external_bytes);
}

static double utilization(const struct cycle_state *cycle, uint64_t now_ns, unsigned processors)
{
    uint64_t elapsed = now_ns - cycle->created_ns;
    return elapsed == 0 ? 0.0
                        : (double)load_relaxed(&cycle->cpu_ns) / ((double)elapsed * processors);
}

/* Others may read single fields of the last cycle's figures at any time. */
static void publish_figures(struct cycle_state *cycle)
{
    struct cycle_figures *last = &cycle->last;
    const struct cycle_figures *now = &cycle->now;
    store_relaxed(&last->marked_objects, now->marked_objects);
    store_relaxed(&last->marked_bytes, now->marked_bytes);
    store_relaxed(&last->stack_bytes, now->stack_bytes);
    store_relaxed(&last->global_bytes, now->global_bytes);
}

/* The cycle is over but for its line on the log. */
static void end_figures(struct tri_heap *heap)
{
    struct cycle_state *cycle = &heap->cycle;
    struct cycle_figures *now = &cycle->now;
    uint64_t end_ns = port_now_ns();
    uint64_t stall_ns =
        now->begin_stall_ns > now->end_stall_ns ? now->begin_stall_ns : now->end_stall_ns;
    fetch_add_relaxed(&cycle->pause_total_ns, stall_ns);
    if (stall_ns > load_relaxed(&cycle->pause_max_ns)) {
        store_relaxed(&cycle->pause_max_ns, stall_ns);
    }
    fetch_add_relaxed(&cycle->cpu_ns, now->mark_cpu_ns);
    now->utilization = utilization(cycle, end_ns, now->processors);
    fetch_add_relaxed(&cycle->forced_count, now->forced ? UINT64_C(1) : UINT64_C(0));
    store_relaxed(&cycle->last_end_ns, end_ns);
    uint64_t bytes = cycle->last.marked_bytes;
    TRI_ASSERT(bytes == now->marked_bytes);
    cycle->last.number = now->number;
    cycle->last.forced = now->forced;
    cycle->last.start_ns = now->start_ns;
    cycle->last.begin_stall_ns = now->begin_stall_ns;
    cycle->last.mark_ns = now->mark_ns;
    cycle->last.end_stall_ns = now->end_stall_ns;
    cycle->last.mark_cpu_ns = now->mark_cpu_ns;
    cycle->last.heap_before = now->heap_before;
    cycle->last.heap_after = now->heap_after;
    cycle->last.scanned_bytes = now->scanned_bytes;
    cycle->last.goal = now->goal;
    cycle->last.rounds = now->rounds;
    cycle->last.processors = now->processors;
    cycle->last.utilization = now->utilization;
    cycle->last.assist_cpu_ns = now->assist_cpu_ns;
    cycle->last.idle_cpu_ns = now->idle_cpu_ns;
    cycle->last.external_bytes = now->external_bytes;
    store_relaxed(&cycle->count, now->number);
    port_cycle_ended(heap);
}

/* ---- Held ------------------------------------------------------------------------------------ */

static void flush_one(struct tri_mutator *mutator, void *unused)
{
    (void)unused;
    answer_flush_cache(mutator);
    (void)mark_publish(mutator->heap, &mutator->marker); /* what an assist has kept */
}

static void age_pools(struct tri_mutator *mutator, void *unused)
{
    (void)unused;
    pool_age_mutator(mutator);
}

static bool is_inspected(const struct tri_heap *heap, enum verify_moment moment)
{
    const tri_heap_options *options = &heap->options;
    return options->verify || barrier_verify_is_on(heap) ||
           ((options->check_mark || options->check_finalizers) && moment == VERIFY_AFTER_MARK);
}

/* What debugging modes look at. The heap is held, its caches are flushed. */
static void inspect(struct tri_heap *heap, enum verify_moment moment)
{
    bool after_mark = moment == VERIFY_AFTER_MARK;
    /* A word that only looks like a reference may have made a piece of garbage grey since the last
     * round; see turn. */
    while (after_mark && mark_has_work(heap)) {
        (void)mark_drain(heap);
    }
    if (heap->options.verify) {
        verify_heap(heap, moment);
    }
    if (barrier_verify_is_on(heap)) {
        barrier_verify_begin(heap);
        verify_each_object(heap, barrier_verify_object, heap);
    }
    if (heap->options.check_mark && after_mark) {
        checkmark(heap);
    }
    if (heap->options.verify && after_mark) {
        mark_check_complete(heap);
        if (load_relaxed(&heap->mark.is_void) == 0) {
            verify_each_object(heap, weak_check_object, heap);
            weak_hooks_check(heap);
        }
    }
    if (heap->options.check_finalizers && after_mark) {
        finalizer_check(heap);
    }
}

/* The part of a held cycle in which all mutators are held. */
static void mark_and_turn_held(struct tri_heap *heap)
{
    port_each_mutator(heap, flush_one, NULL);
    pool_age_common(heap);
    port_each_mutator(heap, age_pools, NULL);
    inspect(heap, VERIFY_BEFORE_MARK);
    mark_held(heap);
    weak_resolve_held(heap);
    inspect(heap, VERIFY_AFTER_MARK);
    take_mark_figures(heap);
    publish_figures(&heap->cycle);
    sweep_begin(heap); /* [cycle.2] */
}

/* A whole cycle with all mutators held: gcstoptheworld=1. CYCLE held. */
static void collect_held(struct tri_heap *heap, enum cycle_reason reason)
{
    struct cycle_state *cycle = &heap->cycle;
    sweep_finish(heap); /* [cycle.1] */
    sweep_close(heap);
    begin_figures(heap, reason);
    port_hold_begin(heap);
    uint64_t held_ns = port_now_ns();
    begin_pacing(heap);
    mark_and_turn_held(heap);
    uint64_t marked_ns = port_now_ns();
    commit(heap, true);
    cycle->now.begin_stall_ns = held_ns - cycle->phase_ns;
    cycle->now.mark_ns = marked_ns - held_ns;
    port_hold_end(heap);
    uint64_t released_ns = port_now_ns();
    cycle->now.end_stall_ns = released_ns - marked_ns;
    uint64_t pause_ns = released_ns - cycle->phase_ns;
    fetch_add_relaxed(&cycle->pause_total_ns,
                      pause_ns - (cycle->now.begin_stall_ns > cycle->now.end_stall_ns
                                      ? cycle->now.begin_stall_ns
                                      : cycle->now.end_stall_ns));
    if (pause_ns > load_relaxed(&cycle->pause_max_ns)) {
        store_relaxed(&cycle->pause_max_ns, pause_ns);
    }
    end_figures(heap);
    port_wake_sweeper(heap);
    port_wake_scavenger(heap);
}

/* ---- On the fly: the steps ------------------------------------------------------------------- */

enum progress {
    STEP_OVER, /* the cycle has ended */
    STEP_MORE, /* take the next step */
    STEP_WAIT  /* for mutators to answer, or for others to finish sweeping */
};

/* How far a step of marking or sweeping goes. */
struct step_limits {
    size_t scan_bytes; /* SIZE_MAX: to the end, by all markers */
    size_t sweep_spans;
};

static const struct step_limits no_limits = {SIZE_MAX, SIZE_MAX};

static void enter_phase(struct tri_heap *heap, enum cycle_phase phase)
{
    /* release: pairs with the acquire in all_are_armed of barrier.c */
    store_release(&heap->cycle.phase, (uint32_t)phase);
}

/* Ask all mutators. [cycle.5]: called only when the handshake before is done. */
static enum progress ask(struct tri_heap *heap, enum cycle_phase phase, enum handshake_kind kind)
{
    enter_phase(heap, phase);
    port_handshake_begin(heap, kind);
    return STEP_MORE;
}

/* Hold the heap for what debugging modes look at. */
static void inspect_held(struct tri_heap *heap, enum verify_moment moment)
{
    port_hold_begin(heap);
    port_each_mutator(heap, flush_one, NULL);
    inspect(heap, moment);
    port_hold_end(heap);
}

/* Whether marking is expected to be so little that a thread which is woken for it, and fetches what
 * mutators have in their caches, costs more than it does for them: as much as the last time, unless
 * the heap has grown a lot since. */
static bool is_small(const struct tri_heap *heap)
{
    const struct cycle_state *cycle = &heap->cycle;
    uint64_t expected = load_relaxed(&cycle->count) == 0 ? counters_live(&heap->counters)
                                                         : load_relaxed(&cycle->last.marked_bytes);
    return expected <= SELF_DRIVEN_BYTES &&
           counters_live(&heap->counters) <= SELF_DRIVEN_LIVE_PART * SELF_DRIVEN_BYTES;
}

/* What one step of the weak phase looks at: records of finalizers and cleanups, and those of spans
 * of types with a finalizer, for 64 objects each. */
static uint64_t finalizable(const struct tri_heap *heap)
{
    const struct finalizer_state *state = &heap->finalizers;
    return (uint64_t)growing_array_count(&state->attachments) +
           (uint64_t)growing_array_count(&state->spans.records) * 64;
}

/* Whether the longest steps are expected to be short: those that answer a handshake for all
 * mutators that are blocked and scan their roots, or those of nobody; and that which finds out who
 * is to be finalized [cycle.10]. */
static bool has_short_steps(const struct tri_heap *heap)
{
    const struct cycle_figures *last = &heap->cycle.last;
    uint64_t roots = load_relaxed(&last->stack_bytes) + load_relaxed(&last->global_bytes);
    return roots <= SELF_DRIVEN_ROOT_BYTES &&
           load_relaxed(&heap->attached) <= SELF_DRIVEN_MUTATORS &&
           finalizable(heap) <= SELF_DRIVEN_FINALIZABLE;
}

/* Whether a cycle that a mutator's step begins is for mutators to end. */
static bool is_for_mutators(const struct tri_heap *heap)
{
    int32_t markers = heap->options.markers;
    return markers == 0 || (markers == TRI_MARKERS_AUTO && is_small(heap) && has_short_steps(heap));
}

static enum progress step_idle(struct tri_heap *heap, enum cycle_reason reason,
                               const struct step_limits *limits)
{
    bool begun_by_mutator = limits != &no_limits;
    bool by_mutators = begun_by_mutator && is_for_mutators(heap);
    store_relaxed(&heap->cycle.by_mutators, (uint32_t)by_mutators);
    begin_figures(heap, reason);
    enter_phase(heap, CYCLE_SWEEP);
    if (begun_by_mutator) { /* which need not come back, also where it is for threads [cycle.9] */
        port_watch_cycle(heap);
    }
    return STEP_MORE;
}

static enum progress step_sweep(struct tri_heap *heap, const struct step_limits *limits)
{
    if (sweep_up_to(heap, limits->sweep_spans)) {
        return STEP_MORE;
    }
    if (!sweep_is_done(heap)) { /* [cycle.1] */
        sweep_rewind(heap);
        port_yield();
        return STEP_MORE;
    }
    sweep_close(heap);
    if (is_inspected(heap, VERIFY_BEFORE_MARK)) {
        inspect_held(heap, VERIFY_BEFORE_MARK);
    }
    pool_age_common(heap); /* [pool.4] */
    heap->cycle.phase_ns = port_now_ns();
    mark_begin(heap, false);
    begin_pacing(heap);
    return ask(heap, CYCLE_ARM, HANDSHAKE_ARM);
}

/* All stacks are black: on to the roots that belong to nobody. */
static enum progress begin_mark(struct tri_heap *heap)
{
    struct marker *marker = &heap->mark.markers[0];
    mark_scan_globals(heap, marker);
    (void)mark_publish(heap, marker);
    store_relaxed(&heap->cycle.round_grey, 0U);
    heap->cycle.quiet_rounds = 0;
    enter_phase(heap, CYCLE_MARK);
    return STEP_MORE;
}

static enum progress next_round(struct tri_heap *heap)
{
    if (heap->cycle.quiet_rounds == 0) {
        weak_begin_rounds(heap); /* [weak_word.2] */
    }
    heap->cycle.now.rounds++;
    return ask(heap, CYCLE_FLUSH, HANDSHAKE_FLUSH);
}

static enum progress step_mark(struct tri_heap *heap, const struct step_limits *limits)
{
    if (load_relaxed(&heap->cycle.urgent) != 0) {
        port_hurry_markers(heap);
    }
    if (limits->scan_bytes == SIZE_MAX || load_relaxed(&heap->mark.overflow) != 0) {
        if (!mark_drain(heap)) {
            return STEP_MORE;
        }
    } else if (mark_step(heap, limits->scan_bytes) > 0) {
        return STEP_MORE;
    }
    if (mark_shade_handed_over(heap)) {
        return STEP_MORE;
    }
    /* A thread that drives takes what mutators have; mutators leave it to each other for a
     * while. */
    bool waits = limits->scan_bytes != SIZE_MAX && mark_home_waits(&heap->mark, limits->scan_bytes);
    return waits ? STEP_WAIT : next_round(heap);
}

/* [cycle.6]: true where the round that all have answered was the second quiet one. */
static bool is_over(struct tri_heap *heap)
{
    struct cycle_state *cycle = &heap->cycle;
    /* Read and cleared in one, so that who detaches between two rounds is heard in the second.
     * acquire half: pairs with the store in report_grey by way of the answers */
    bool grey = exchange_acq_rel(&cycle->round_grey, 0U) != 0;
    grey |= mark_shade_handed_over(heap);
    grey |= mark_has_work(heap) || mark_has_later(heap);
    cycle->quiet_rounds = grey ? 0 : cycle->quiet_rounds + 1;
    return cycle->quiet_rounds == 2;
}

/* Trace objects of safepoint-only types where there is no mutator that could answer. */
static void trace_unattended(struct tri_heap *heap)
{
    struct marker *marker = &heap->mark.markers[0];
    if (!mark_has_later(heap) || load_relaxed(&heap->attached) != 0) {
        return;
    }
    port_hold_begin(heap); /* nobody attaches meanwhile */
    if (load_relaxed(&heap->attached) == 0) {
        mark_refresh(heap, marker);
        mark_trace_later(heap, marker);
        (void)mark_publish(heap, marker);
    }
    port_hold_end(heap);
}

static enum progress end_marking(struct tri_heap *heap)
{
    if (is_inspected(heap, VERIFY_AFTER_MARK)) {
        inspect_held(heap, VERIFY_AFTER_MARK);
    }
    return ask(heap, CYCLE_DISARM, HANDSHAKE_DISARM);
}

/* The second round in succession was quiet. Where the cycle will free nothing, nothing is dead, and
 * there is no weak phase. */
static enum progress try_end_marking(struct tri_heap *heap)
{
    if (load_relaxed(&heap->mark.is_void) != 0) {
        return end_marking(heap);
    }
    if (!weak_try_end(heap)) { /* [cycle.8] */
        heap->cycle.quiet_rounds = 0;
        return next_round(heap);
    }
    enter_phase(heap, CYCLE_WEAK);
    weak_begin(heap);
    return STEP_MORE;
}

static enum progress step_weak(struct tri_heap *heap, const struct step_limits *limits)
{
    return weak_step(heap, limits->scan_bytes) ? end_marking(heap) : STEP_MORE;
}

static enum progress step_flush(struct tri_heap *heap)
{
    trace_unattended(heap);
    if (is_over(heap)) {
        return try_end_marking(heap);
    }
    if (mark_has_work(heap)) {
        heap->cycle.quiet_rounds = 0; /* it may have come since the verdict [cycle.6] */
        enter_phase(heap, CYCLE_MARK);
        return STEP_MORE;
    }
    return next_round(heap);
}

/* What a small cycle leaves to be swept, mutators sweep as they allocate, or whoever watches it
 * when it has become quiet. */
static void wake_sweeper(struct tri_heap *heap)
{
    if (!heap_is_self_driven(heap)) {
        port_wake_sweeper(heap);
    }
}

/* No barrier is on: what is white is garbage. A word that only looks like a reference may have made
 * a piece of garbage grey since the last round: what it refers to lives as long as it does. Where
 * that is of a safepoint-only type, the mutator is asked once more. */
static enum progress turn(struct tri_heap *heap)
{
    struct cycle_state *cycle = &heap->cycle;
    weak_reopen(heap); /* [weak_word.3] */
    trace_unattended(heap);
    if (mark_has_work(heap)) {
        (void)mark_drain(heap);
        return STEP_MORE;
    }
    if (mark_has_later(heap)) {
        return ask(heap, CYCLE_DISARM, HANDSHAKE_DISARM);
    }
    take_mark_figures(heap);
    free_later_run(heap);
    region_end_marking(heap);
    cycle->now.mark_ns = port_now_ns() - cycle->phase_ns;
    publish_figures(cycle);
    sweep_begin(heap); /* [cycle.2] */
    commit(heap, true);
    note_limit(heap);
    (void)ask(heap, CYCLE_RELEASE, HANDSHAKE_RELEASE);
    wake_sweeper(heap);
    return STEP_MORE;
}

static enum progress finish(struct tri_heap *heap)
{
    struct cycle_state *cycle = &heap->cycle;
    struct heap_counters *counters = &heap->counters;
    sweep_rewind(heap); /* [cycle.7] [sweep.3] */
    /* Nobody allocates black any more. The exchange pairs with nothing: a number by itself. */
    fetch_add_relaxed(&counters->live_bytes, exchange_acq_rel(&counters->black_bytes, UINT64_C(0)));
    free_later_run(heap); /* what came after turn, from who had not seen its end */
    region_end_marking(heap);
    cycle->now.begin_stall_ns = load_relaxed(&cycle->begin_stall_ns);
    cycle->now.end_stall_ns = load_relaxed(&cycle->end_stall_ns);
    end_figures(heap);
    enter_phase(heap, CYCLE_IDLE);
    wake_sweeper(heap);
    port_wake_scavenger(heap);
    return STEP_OVER;
}

/* What comes after the handshake of phase. */
static enum progress step_handshake(struct tri_heap *heap, enum cycle_phase phase)
{
    if (!port_handshake_is_done(heap)) {
        return STEP_WAIT;
    }
    switch (phase) {
    case CYCLE_ARM:
        return ask(heap, CYCLE_SETTLE, HANDSHAKE_SETTLE);
    case CYCLE_SETTLE:
        return ask(heap, CYCLE_ROOTS, HANDSHAKE_ROOTS);
    case CYCLE_ROOTS:
        return begin_mark(heap);
    case CYCLE_FLUSH:
        return step_flush(heap);
    case CYCLE_DISARM:
        return turn(heap);
    case CYCLE_RELEASE:
        return finish(heap);
    case CYCLE_IDLE:
    case CYCLE_SWEEP:
    case CYCLE_MARK:
    case CYCLE_WEAK:
        break;
    }
    TRI_ASSERT(false);
    return STEP_OVER;
}

/* The next step, of a cycle for reason where one is to begin. CYCLE held; the calling thread's
 * mutator, if it has one, is blocked [cycle.3]. */
static enum progress step(struct tri_heap *heap, enum cycle_reason reason,
                          const struct step_limits *limits)
{
    enum cycle_phase phase = cycle_phase(heap);
    switch (phase) {
    case CYCLE_IDLE:
        return step_idle(heap, reason, limits);
    case CYCLE_SWEEP:
        return step_sweep(heap, limits);
    case CYCLE_MARK:
        return step_mark(heap, limits);
    case CYCLE_WEAK:
        return step_weak(heap, limits);
    default:
        return step_handshake(heap, phase);
    }
}

/* ---- On the fly: who drives ------------------------------------------------------------------ */

static bool is_abandoned(const struct tri_heap *heap)
{
    return load_relaxed(&heap->cycle.abandoned) != 0;
}

void cycle_abandon(struct tri_heap *heap)
{
    store_relaxed(&heap->cycle.abandoned, 1U);
    mark_interrupt(heap);
}

/* Take steps until the cycle that is under way, or one that begins now, has ended. CYCLE held, and
 * free while there is nothing to do but wait. */
static void drive(struct tri_heap *heap, enum cycle_reason reason) LOCK_REQUIRES(heap->cycle.lock)
{
    uint64_t number = load_relaxed(&heap->cycle.count);
    while (load_relaxed(&heap->cycle.count) == number && !is_abandoned(heap)) {
        enum progress progress = step(heap, reason, &no_limits);
        if (progress == STEP_WAIT) {
            lock_release(&heap->cycle.lock);
            port_handshake_wait(heap);
            lock_acquire(&heap->cycle.lock);
        } else if (load_relaxed(&heap->cycle.pauses) != 0) {
            lock_release(&heap->cycle.lock);
            port_nap(PAUSE_NAP_NS);
            lock_acquire(&heap->cycle.lock);
        }
    }
}

/* CYCLE held. */
static void collect_forced(struct tri_heap *heap) LOCK_REQUIRES(heap->cycle.lock)
{
    if (heap->options.stop_the_world) {
        collect_held(heap, CYCLE_FORCED);
        return;
    }
    /* One that is under way may have passed what has become garbage since. */
    uint64_t wanted = load_relaxed(&heap->cycle.count) + 1 + (cycle_phase(heap) != CYCLE_IDLE);
    while (load_relaxed(&heap->cycle.count) < wanted && !is_abandoned(heap)) {
        drive(heap, CYCLE_FORCED);
    }
}

/* CYCLE held. */
static void collect_triggered(struct tri_heap *heap) LOCK_REQUIRES(heap->cycle.lock)
{
    if (cycle_phase(heap) == CYCLE_IDLE && !cycle_is_due(heap)) {
        return;
    }
    if (heap->options.stop_the_world) {
        collect_held(heap, CYCLE_TRIGGERED);
    } else {
        drive(heap, CYCLE_TRIGGERED);
    }
}

uint64_t cycle_period_end_ns(const struct tri_heap *heap)
{
    uint64_t period_ns = heap->options.period_s * UINT64_C(1000000000);
    uint64_t last_ns = load_relaxed(&heap->cycle.last_end_ns);
    if (period_ns == 0 || load_relaxed(&heap->options.gc_percent) < 0) {
        return UINT64_MAX;
    }
    return (last_ns != 0 ? last_ns : heap->cycle.created_ns) + period_ns;
}

/* CYCLE held. */
static void collect_periodic(struct tri_heap *heap) LOCK_REQUIRES(heap->cycle.lock)
{
    if (cycle_phase(heap) == CYCLE_IDLE) {
        if (port_now_ns() < cycle_period_end_ns(heap)) {
            return;
        }
        if (heap->options.trace > 0) {
            port_log(heap, "GC forced"); /* as Go says */
        }
    }
    if (heap->options.stop_the_world) {
        collect_held(heap, CYCLE_PERIODIC);
    } else {
        drive(heap, CYCLE_PERIODIC);
    }
}

void cycle_pause(struct tri_heap *heap)
{
    fetch_add_relaxed(&heap->cycle.pauses, 1U);
    while (!port_mutex_try_lock(&heap->cycle.lock.mutex)) {
        mark_interrupt(heap);
        port_nap(PAUSE_NAP_NS);
    }
}

void cycle_resume(struct tri_heap *heap)
{
    fetch_sub_relaxed(&heap->cycle.pauses, 1U);
    port_mutex_unlock(&heap->cycle.lock.mutex);
}

void cycle_forget_threads(struct tri_heap *heap)
{
    store_relaxed(&heap->cycle.pauses, 1U); /* this thread's */
    store_relaxed(&heap->cycle.drivers, 0U);
    store_relaxed(&heap->cycle.urgent, 0U);
    if (heap->options.markers != 0) {
        store_relaxed(&heap->cycle.by_mutators, 0U); /* nobody watches any more [cycle.9] */
    }
    /* The child's clock of processor time begins at 0. Nobody else has GOAL. */
    heap->cycle.limit_readings = read_processors(heap);
}

void cycle_collect(struct tri_heap *heap, enum cycle_reason reason)
{
    fetch_add_relaxed(&heap->cycle.drivers, 1U);
    bool forced = reason == CYCLE_FORCED;
    if (forced) {
        fetch_add_relaxed(&heap->cycle.urgent, 1U);
        port_hurry_markers(heap);
    }
    lock_acquire(&heap->cycle.lock);
    if (forced) {
        collect_forced(heap);
        fetch_sub_relaxed(&heap->cycle.urgent, 1U);
    } else if (reason == CYCLE_PERIODIC) {
        collect_periodic(heap);
    } else {
        collect_triggered(heap);
    }
    lock_release(&heap->cycle.lock);
    fetch_sub_relaxed(&heap->cycle.drivers, 1U);
}

void cycle_run(struct tri_mutator *mutator, enum cycle_reason reason)
{
    port_blocking_begin(mutator); /* [cycle.3] */
    cycle_collect(mutator->heap, reason);
    port_blocking_end(mutator);
}

/* Take steps until one has to wait, or about budget bytes are scanned, or there is much to sweep.
 * CYCLE held. */
static enum progress take_steps(struct tri_heap *heap, size_t budget)
{
    const struct step_limits limits = {budget, STEP_SWEEP_SPANS};
    uint64_t before = load_relaxed(&heap->mark.scanned_bytes);
    enum progress progress;
    do {
        progress = step(heap, CYCLE_TRIGGERED, &limits);
    } while (progress == STEP_MORE && cycle_phase(heap) != CYCLE_SWEEP &&
             cycle_phase(heap) != CYCLE_WEAK &&
             load_relaxed(&heap->mark.scanned_bytes) - before < budget);
    return progress;
}

/* The same by mutator's thread: what is at home there is at home where the steps are taken. */
static enum progress take_steps_for(struct tri_mutator *mutator, size_t budget)
{
    struct marker *marker = &mutator->heap->mark.markers[0];
    marker->home = mutator->marker.home;
    enum progress progress = take_steps(mutator->heap, budget);
    marker->home = 0;
    return progress;
}

/* Whether mutators may have to wait for a processor. */
static bool runs_too_many(const struct tri_heap *heap)
{
    return load_relaxed(&heap->attached) > port_processors(heap);
}

/* False where there was nothing to do but wait for others. A safepoint. */
static bool advance(struct tri_mutator *mutator, size_t budget)
{
    struct tri_heap *heap = mutator->heap;
    enum progress progress = STEP_WAIT;
    struct stall_times start = stall_begin_short();
    port_blocking_begin(mutator); /* [cycle.3] */
    if (lock_try_acquire(&heap->cycle.lock)) {
        progress = STEP_OVER;
        if (cycle_phase(heap) != CYCLE_IDLE || cycle_is_due(heap)) {
            progress = take_steps_for(mutator, budget);
        }
        lock_release(&heap->cycle.lock);
    }
    if (progress == STEP_WAIT && runs_too_many(heap)) {
        port_yield(); /* to one that is to answer and waits for a processor */
    }
    port_blocking_end(mutator);
    (void)stall_end(&heap->stalls, STALL_STEP, start);
    return progress != STEP_WAIT;
}

/* Scan up to budget bytes of what the mutator has, or others share, or take the cycle on otherwise.
 * False as above. A safepoint. */
static bool help_by(struct tri_mutator *mutator, size_t budget)
{
    if (assist_is_marking(mutator->heap) && assist_scan(mutator, budget)) {
        return true;
    }
    return advance(mutator, budget);
}

bool cycle_advance(struct tri_mutator *mutator, size_t budget)
{
    if (load_relaxed(&mutator->heap->cycle.limited) != 0) { /* [assist.4] */
        (void)advance(mutator, budget);
    } else {
        (void)help_by(mutator, budget);
    }
    return cycle_phase(mutator->heap) != CYCLE_IDLE;
}

/* Before an allocation of bytes: mark a little, or take the cycle on otherwise. False as above. A
 * safepoint. */
static bool help_along(struct tri_mutator *mutator, size_t bytes)
{
    return help_by(mutator, STEP_SCAN_BYTES + size_min(bytes, STEP_SCAN_MOST_BYTES));
}

/* Whether a cycle is due, or under way, and nobody drives it: in the child of a fork. */
static bool wants_driver(const struct tri_heap *heap, bool is_due)
{
    return (is_due || cycle_phase(heap) != CYCLE_IDLE) && load_relaxed(&heap->cycle.drivers) == 0;
}

void cycle_wake(struct tri_heap *heap)
{
    /* Also while a cycle is under way: it may have set its goal already, and who calls need not
     * come again. */
    if (!heap->options.stop_the_world && heap->options.markers != 0 && cycle_is_due(heap)) {
        (void)port_wake_collector(heap);
    }
}

/* Whether the cycle that is under way, or due, is for mutators to take on. */
static bool is_self_driven(const struct tri_heap *heap)
{
    if (heap->options.markers != 0 && load_relaxed(&heap->cycle.limited) != 0) {
        return false;
    }
    return cycle_phase(heap) != CYCLE_IDLE ? load_relaxed(&heap->cycle.by_mutators) != 0
                                           : is_for_mutators(heap);
}

/* A cycle is due, or under way. */
static void poll_cycle(struct tri_mutator *mutator, size_t bytes, bool is_due)
{
    struct tri_heap *heap = mutator->heap;
    bool limited = load_relaxed(&heap->cycle.limited) != 0;
    if (heap->options.stop_the_world) {
        if (!limited) {
            cycle_run(mutator, CYCLE_TRIGGERED);
        }
    } else if (!wants_driver(heap, is_due)) {
        return;
    } else if (is_self_driven(heap)) {
        if (!limited) {
            (void)help_along(mutator, bytes);
        } else if (cycle_phase(heap) != CYCLE_IDLE) {
            (void)advance(mutator, STEP_SCAN_BYTES / 8);
        }
    } else if (!port_wake_collector(heap)) {
        cycle_run(mutator, CYCLE_TRIGGERED);
    }
}

/* counters_live, but for what others have allocated since this mutator was charged last: they know
 * of it themselves. What it looks at is written rarely, or by its own thread. */
static uint64_t live_as_seen(const struct tri_mutator *mutator)
{
    const struct heap_counters *counters = &mutator->heap->counters;
    return mutator->seen_live + load_relaxed(&counters->region_bytes) +
           load_relaxed(&counters->external_bytes);
}

void cycle_poll(struct tri_mutator *mutator, size_t bytes)
{
    const struct tri_heap *heap = mutator->heap;
    bool is_due =
        live_as_seen(mutator) >= load_relaxed(&heap->counters.trigger_bytes) && cycle_is_due(heap);
    if (TRI_UNLIKELY(is_due || cycle_phase(heap) != CYCLE_IDLE)) {
        poll_cycle(mutator, bytes, is_due);
    }
}

/* How far the heap is past its goal, in 64ths of it; 0 up to a tenth. Where the memory limit sets
 * the goal there is no such margin. */
static uint64_t excess(const struct tri_heap *heap)
{
    uint64_t goal = load_relaxed(&heap->counters.goal_bytes);
    uint64_t live = counters_live(&heap->counters);
    uint64_t margin = load_relaxed(&heap->counters.goal_by_limit) != 0 ? 0 : goal / 10;
    if (goal > UINT64_MAX / 2 || live <= goal + margin) {
        return 0;
    }
    return (live - goal) / (goal / 64 + 1) + 1;
}

/* Where mutators drive the cycle, this one may have the next step to take: it is not away for
 * long. */
static void sleep_a_moment(struct tri_mutator *mutator, uint64_t excess_64ths)
{
    struct stall_times start = stall_begin();
    uint64_t most_ns = heap_is_self_driven(mutator->heap) ? MARK_IDLE_NAP_NS : BRAKE_MAX_NS;
    uint64_t ns = BRAKE_MAX_NS * excess_64ths / BRAKE_FULL_64THS;
    port_hurry_markers(mutator->heap);
    port_blocking_begin(mutator);
    port_nap(size_min(ns, most_ns));
    port_blocking_end(mutator);
    (void)stall_end(&mutator->heap->stalls, STALL_BRAKE, start);
}

/* Help a cycle on a little, or sleep where there is nothing to do for a mutator. A safepoint. */
static void help_a_little(struct tri_mutator *mutator)
{
    struct tri_heap *heap = mutator->heap;
    if (!assist_is_marking(heap) || !assist_scan(mutator, LIMIT_WAIT_SCAN_BYTES)) {
        uint64_t start_ns = port_now_ns();
        port_hurry_markers(heap);
        port_blocking_begin(mutator);
        port_nap(LIMIT_WAIT_NAP_NS);
        port_blocking_end(mutator);
        fetch_add_relaxed(&heap->cycle.waited_ns, port_now_ns() - start_ns);
    }
    port_safepoint(mutator);
}

void cycle_await_disarm(struct tri_mutator *mutator)
{
    while (barrier_is_on(mutator) && weak_has_ended(mutator->heap)) {
        if (!advance(mutator, STEP_SCAN_BYTES)) {
            sleep_a_moment(mutator, 1);
        }
        port_safepoint(mutator);
    }
}

/* The heap is at its memory limit: wait for the end of a cycle, which may make room, and help it;
 * but no longer than the CPU limiter allows. A safepoint. */
static void wait_for_memory(struct tri_mutator *mutator)
{
    struct tri_heap *heap = mutator->heap;
    uint64_t count = load_relaxed(&heap->cycle.count);
    struct stall_times start = stall_begin();
    while (excess(heap) != 0 && load_relaxed(&heap->cycle.limited) == 0 &&
           load_relaxed(&heap->cycle.count) == count) {
        cycle_poll(mutator, 0);
        help_a_little(mutator);
        cycle_watch_memory(heap);
    }
    (void)stall_end(&heap->stalls, STALL_BRAKE, start);
}

void cycle_brake(struct tri_mutator *mutator, size_t bytes)
{
    struct tri_heap *heap = mutator->heap;
    uint64_t by = 0;
    if (live_as_seen(mutator) > load_relaxed(&heap->counters.goal_bytes)) {
        by = excess(heap);
    }
    if (TRI_LIKELY(by == 0) || heap->options.stop_the_world || heap->options.markers == 0 ||
        load_relaxed(&heap->cycle.limited) != 0) {
        return;
    }
    if (load_relaxed(&heap->counters.goal_by_limit) != 0) {
        wait_for_memory(mutator);
        return;
    }
    for (size_t paid = 0; by != 0 && paid <= bytes; paid += BRAKE_BYTES) {
        if (!heap_is_self_driven(heap) || !help_along(mutator, 0)) {
            sleep_a_moment(mutator, by);
        }
        by = excess(heap);
    }
}

void cycle_sweep(struct tri_mutator *mutator)
{
    struct tri_heap *heap = mutator->heap;
    port_blocking_begin(mutator);
    lock_acquire(&heap->cycle.lock);
    if (cycle_phase(heap) == CYCLE_IDLE) {
        sweep_finish(heap);
    }
    lock_release(&heap->cycle.lock);
    port_blocking_end(mutator);
}

LOCK_UNCHECKED void cycle_lock_idle(struct tri_heap *heap)
{
    lock_acquire(&heap->cycle.lock);
    /* While this thread waits for answers, another one may end the cycle and begin the next. */
    while (cycle_phase(heap) != CYCLE_IDLE) {
        drive(heap, CYCLE_TRIGGERED);
    }
}
