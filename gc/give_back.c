/* give_back.c -- when a heap gives memory back.
 *
 * Owns:       struct give_back_state.
 * Idea:       Go's. After each cycle it is known how much the heap needs until the next; what it
 *             keeps beyond that and a tenth goes back in the background, slowly. An allocation that
 *             makes the heap grow past that, or past the memory limit, gives back as much at once,
 *             since the background may be too slow for it.
 * Invariants:
 *   [give_back.1] What an allocation gives back for the sake of the goal MUST be bounded; otherwise
 *                 it stalls for as long as a whole heap takes.
 *   [give_back.2] With a memory limit, what an allocation has taken beyond it MUST be given back at
 *                 once where there is anything to give; otherwise the process is killed with memory
 *                 in hand that nobody uses.
 * Locks:      takes PAGES; GOAL is held by who calls give_back_commit.
 * Callers:    cycle; alloc and large on the allocation slow path; the scavenging thread;
 *             tri_release_memory.
 */
#include "gc/give_back.h"

#include "gc/port.h"
#include "gc/scavenge_pace.h"
#include "gc/trace_figures.h"
#include "gc/tuning.h"

void give_back_init(struct tri_heap *heap)
{
    heap->give_back = (struct give_back_state){
        .percent_goal = SCAVENGE_NO_GOAL,
        .limit_goal = SCAVENGE_NO_GOAL,
    };
}

uint64_t give_back_memory(const struct tri_heap *heap)
{
    struct page_heap_bytes pages = page_heap_bytes(&heap->page_heap);
    return pages.grown - pages.released + pages.metadata + meta_alloc_mapped_bytes(&heap->meta) +
           load_relaxed(&heap->counters.external_bytes);
}

static uint64_t memory_limit(const struct tri_heap *heap)
{
    int64_t limit = load_relaxed(&heap->options.memory_limit);
    return limit == TRI_MEMORY_LIMIT_OFF ? UINT64_MAX : (uint64_t)limit;
}

void give_back_end_cycle(struct tri_heap *heap)
{
    struct give_back_state *state = &heap->give_back;
    uint64_t in_use = page_heap_in_use(&heap->page_heap);
    uint64_t goal = load_relaxed(&heap->counters.goal_bytes);
    uint64_t usual = in_use / 2 < goal ? in_use : 2 * goal;
    scavenge_peak_enter(&state->peak, port_now_ns(), usual);
    store_relaxed(&state->recent, scavenge_peak_bytes(&state->peak));
    store_relaxed(&state->last_in_use, in_use);
    store_relaxed(&state->last_goal, goal);
    (void)page_heap_next_generation(&heap->page_heap);
}

/* A goal that is met already is none: the heap may grow as it needs until the next cycle. */
static uint64_t if_exceeded(uint64_t goal, uint64_t bytes)
{
    return bytes > goal ? goal : SCAVENGE_NO_GOAL;
}

void give_back_commit(struct tri_heap *heap)
{
    struct give_back_state *state = &heap->give_back;
    struct scavenge_demand demand = {
        .last_in_use = load_relaxed(&state->last_in_use),
        .last_goal = load_relaxed(&state->last_goal),
        .goal = load_relaxed(&heap->counters.goal_bytes),
        .metadata =
            page_heap_bytes(&heap->page_heap).metadata + meta_alloc_mapped_bytes(&heap->meta),
        .recent = load_relaxed(&state->recent),
    };
    uint64_t percent_goal = scavenge_percent_goal(&demand, port_os_page_bytes());
    uint64_t limit_goal = scavenge_limit_goal(memory_limit(heap));
    store_relaxed(&state->percent_goal,
                  if_exceeded(percent_goal, page_heap_retained(&heap->page_heap)));
    store_relaxed(&state->limit_goal, if_exceeded(limit_goal, give_back_memory(heap)));
}

static uint64_t beyond(uint64_t bytes, uint64_t goal)
{
    return bytes > goal ? bytes - goal : 0;
}

static uint64_t beyond_percent_goal(const struct tri_heap *heap)
{
    return beyond(page_heap_retained(&heap->page_heap),
                  load_relaxed(&heap->give_back.percent_goal));
}

uint64_t give_back_excess(const struct tri_heap *heap)
{
    uint64_t by_limit = beyond(give_back_memory(heap), load_relaxed(&heap->give_back.limit_goal));
    return size_max(beyond_percent_goal(heap), by_limit);
}

size_t give_back_step(struct tri_heap *heap)
{
    uint64_t excess = give_back_excess(heap);
    if (excess == 0) {
        return 0;
    }
    return page_heap_scavenge(&heap->page_heap, size_min(excess, SCAVENGE_STEP_BYTES),
                              SCAVENGE_BACKGROUND, false);
}

void give_back_at_allocation(struct tri_heap *heap, size_t growth, bool limiter_is_on)
{
    uint64_t limit = memory_limit(heap);
    if (limit != UINT64_MAX && !limiter_is_on) { /* [give_back.2] */
        uint64_t over = beyond(give_back_memory(heap), limit);
        if (over > 0) {
            (void)page_heap_scavenge(&heap->page_heap, size_max(over, SCAVENGE_EAGER_BYTES),
                                     SCAVENGE_EAGER, true);
        }
    }
    if (growth > 0) {
        uint64_t over = size_min(beyond_percent_goal(heap), size_min(growth, SCAVENGE_STEP_BYTES));
        if (over > 0) { /* [give_back.1] */
            (void)page_heap_scavenge(&heap->page_heap, over, SCAVENGE_EAGER, false);
        }
    }
}

page_index give_back_take(struct tri_heap *heap, struct page_cache *cache, size_t count, bool *zero)
{
    size_t before = load_relaxed(&heap->page_heap.space.grown);
    page_index first = page_heap_take(&heap->page_heap, cache, count, zero);
    size_t after = load_relaxed(&heap->page_heap.space.grown);
    /* Where another thread has made it grow meanwhile, both give a little back. */
    give_back_at_allocation(heap, after > before ? after - before : 0,
                            load_relaxed(&heap->cycle.limited) != 0);
    return first;
}

size_t give_back_all(struct tri_heap *heap)
{
    size_t bytes = page_heap_scavenge(&heap->page_heap, SIZE_MAX, SCAVENGE_RELEASE, true);
    (void)page_heap_shrink(&heap->page_heap);
    give_back_report(heap, true);
    return bytes;
}

/* What was given back for reason since the last report. One thread at a time reports: who has swept
 * the last span of a cycle, or collects on request. */
static uint64_t since_report(struct tri_heap *heap, enum scavenge_reason reason)
{
    uint64_t *reported = &heap->give_back.reported[reason];
    uint64_t bytes = load_relaxed(&heap->page_heap.scavenged.bytes[reason]);
    uint64_t before = load_relaxed(reported);
    store_relaxed(reported, bytes);
    return bytes > before ? bytes - before : 0;
}

void give_back_report(struct tri_heap *heap, bool forced)
{
    if (!heap->options.scavenge_trace) {
        return;
    }
    uint64_t background = since_report(heap, SCAVENGE_BACKGROUND);
    uint64_t eager = since_report(heap, SCAVENGE_EAGER) + since_report(heap, SCAVENGE_RELEASE);
    struct scavenge_figures figures = {
        .background_bytes = background,
        .eager_bytes = eager,
        .released_now_bytes = page_heap_bytes(&heap->page_heap).released,
        .in_use = page_heap_in_use(&heap->page_heap),
        .retained = page_heap_retained(&heap->page_heap),
        .forced = forced,
    };
    port_gave_back(heap, &figures);
}
