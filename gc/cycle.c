/* cycle.c -- the steps of a collection.
 *
 *   finish sweep -> hold -> flush caches -> roots, mark -> begin sweep, new goal -> release
 *
 * Owns:       struct cycle_state; the trigger and the goal.
 * Invariants:
 *   [cycle.1] Marking MUST begin only when every span is swept; otherwise it adds to marks of the
 *             last cycle, and garbage survives for ever.
 *   [cycle.2] The generation MUST change only while all mutators are held and their caches are
 *             flushed; otherwise a cached span is never swept, or a mutator pushes a span to the
 *             sets of the wrong generation.
 *   [cycle.3] The mutator that collects MUST be blocked meanwhile; otherwise the hold waits for it
 *             for ever.
 *   [cycle.4] Goals MUST be computed and stored one at a time; otherwise one that was computed from
 *             an older GOGC is stored last, and no cycle may ever begin.
 * Locks:      CYCLE throughout; GOAL while the goal is computed.
 * Callers:    alloc, tri_collect. On a mutator's thread.
 */
#include "gc/cycle.h"

#include "gc/assert.h"
#include "gc/mark.h"
#include "gc/pacer.h"
#include "gc/port.h"
#include "gc/sweep.h"
#include "gc/verify.h"

void cycle_state_init(struct tri_heap *heap)
{
    lock_init(&heap->cycle.lock, LOCK_CYCLE);
    lock_init(&heap->cycle.goal_lock, LOCK_GOAL);
    heap->cycle.created_ns = port_now_ns();
    cycle_commit_goal(heap);
}

void cycle_state_destroy(struct tri_heap *heap)
{
    lock_destroy(&heap->cycle.goal_lock);
    lock_destroy(&heap->cycle.lock);
}

void cycle_flush_mutator(struct tri_mutator *mutator)
{
    struct tri_heap *heap = mutator->heap;
    struct thread_cache *cache = &mutator->cache;
    struct cache_home home = {&heap->page_heap, &heap->types, sweep_generation(heap)};
    size_t rest = thread_cache_flush(cache, &home);
    fetch_sub_relaxed(&heap->counters.live_bytes, (uint64_t)rest);
    fetch_add_relaxed(&heap->counters.allocated_bytes, cache->bytes);
    fetch_add_relaxed(&heap->counters.allocated_objects, cache->objects);
    cache->bytes = 0;
    cache->objects = 0;
}

static void flush_one(struct tri_mutator *mutator, void *unused)
{
    (void)unused;
    cycle_flush_mutator(mutator);
}

/* Memory that counts toward MEMLIMIT and is not objects: free slots and tails of spans, and
 * metadata. Objects that are not yet swept are none of it: at the end of a cycle they are most of
 * the heap, and their memory is about to be used again. */
static uint64_t memory_overhead(struct tri_heap *heap)
{
    const struct heap_counters *counters = &heap->counters;
    uint64_t mapped =
        page_heap_metadata_bytes(&heap->page_heap) + meta_alloc_mapped_bytes(&heap->meta);
    uint64_t freed = load_relaxed(&counters->freed_bytes); /* first, see fill_objects in stats.c */
    uint64_t objects = load_relaxed(&counters->allocated_bytes) - freed;
    uint64_t in_use = load_relaxed(&counters->in_use_pages) * PAGE_BYTES;
    return mapped + (in_use > objects ? in_use - objects : 0);
}

void cycle_commit_goal(struct tri_heap *heap)
{
    const struct cycle_figures *last = &heap->cycle.last;
    lock_acquire(&heap->cycle.goal_lock); /* [cycle.4] */
    struct pacer_inputs inputs = {
        .percent = load_relaxed(&heap->options.gc_percent),
        .memory_limit = load_relaxed(&heap->options.memory_limit),
        .heap_minimum = heap->options.heap_minimum,
        .marked = load_relaxed(&last->marked_bytes),
        .roots = load_relaxed(&last->stack_bytes) + load_relaxed(&last->global_bytes),
    };
    inputs.overhead = memory_overhead(heap);
    uint64_t goal = pacer_goal(&inputs);
    store_relaxed(&heap->counters.goal_bytes, goal);
    /* While mutators are held during marking, nothing is allocated meanwhile: the cycle may start
     * at its goal. */
    store_relaxed(&heap->counters.trigger_bytes, goal);
    lock_release(&heap->cycle.goal_lock);
}

/* The part of the cycle in which all mutators are held. */
static void collect_held(struct tri_heap *heap, struct cycle_figures *figures)
{
    port_each_mutator(heap, flush_one, NULL);
    if (heap->options.verify) {
        verify_heap(heap, VERIFY_BEFORE_MARK);
    }
    struct mark_figures marked;
    mark_heap(heap, &marked);
    if (heap->options.verify) {
        verify_heap(heap, VERIFY_AFTER_MARK);
        mark_check_complete(heap);
    }
    figures->heap_after = load_relaxed(&heap->counters.live_bytes);
    figures->mark_cpu_ns = marked.cpu_ns;
    store_relaxed(&figures->marked_objects, marked.objects);
    store_relaxed(&figures->marked_bytes, marked.bytes);
    store_relaxed(&figures->stack_bytes, marked.stack_bytes);
    store_relaxed(&figures->global_bytes, marked.global_bytes);
    store_relaxed(&heap->counters.live_bytes, marked.bytes);
    sweep_begin(heap); /* [cycle.2] */
}

static void count_pause(struct cycle_state *cycle, uint64_t pause_ns)
{
    fetch_add_relaxed(&cycle->pause_total_ns, pause_ns);
    if (pause_ns > load_relaxed(&cycle->pause_max_ns)) {
        store_relaxed(&cycle->pause_max_ns, pause_ns);
    }
}

static double utilization(const struct cycle_state *cycle, uint64_t now_ns, unsigned processors)
{
    uint64_t elapsed = now_ns - cycle->created_ns;
    return elapsed == 0 ? 0.0
                        : (double)load_relaxed(&cycle->cpu_ns) / ((double)elapsed * processors);
}

/* Steps with clocks between them. CYCLE held, the calling mutator blocked. */
static void collect_locked(struct tri_heap *heap, enum cycle_reason reason)
{
    struct cycle_state *cycle = &heap->cycle;
    struct cycle_figures *figures = &cycle->last;
    sweep_finish(heap); /* [cycle.1] */
    sweep_close(heap);
    uint64_t asked_ns = port_now_ns();
    figures->goal = load_relaxed(&heap->counters.goal_bytes);
    figures->heap_before = load_relaxed(&heap->counters.live_bytes);
    figures->processors = port_cpu_count();
    figures->forced = reason == CYCLE_FORCED;
    figures->start_ns = asked_ns - cycle->created_ns;
    port_hold_begin(heap);
    uint64_t held_ns = port_now_ns();
    collect_held(heap, figures);
    uint64_t marked_ns = port_now_ns();
    cycle_commit_goal(heap);
    figures->number = load_relaxed(&cycle->count) + 1;
    figures->to_hold_ns = held_ns - asked_ns;
    figures->mark_ns = marked_ns - held_ns;
    port_hold_end(heap);
    uint64_t released_ns = port_now_ns();
    figures->to_release_ns = released_ns - marked_ns;
    count_pause(cycle, released_ns - asked_ns);
    fetch_add_relaxed(&cycle->cpu_ns, figures->mark_cpu_ns);
    figures->utilization = utilization(cycle, released_ns, figures->processors);
    fetch_add_relaxed(&cycle->forced_count, figures->forced ? UINT64_C(1) : UINT64_C(0));
    store_relaxed(&cycle->last_end_ns, released_ns);
    store_relaxed(&cycle->count, figures->number);
    port_cycle_ended(heap);
}

void cycle_run(struct tri_mutator *mutator, enum cycle_reason reason)
{
    struct tri_heap *heap = mutator->heap;
    port_blocking_begin(mutator); /* [cycle.3] */
    lock_acquire(&heap->cycle.lock);
    bool collected = reason == CYCLE_FORCED || cycle_is_due(heap);
    if (collected) {
        collect_locked(heap, reason);
    }
    lock_release(&heap->cycle.lock);
    port_blocking_end(mutator);
    if (collected) {
        port_wake_sweeper(heap);
    }
}
