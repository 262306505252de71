/* stats.c -- counters as a host sees them.
 *
 * Owns:       nothing.
 * Invariants:
 *   [stats.1] mallocs - frees MUST be heap_objects, heap_sys - heap_in_use heap_idle, of which
 *             heap_released is a part, sys the sum of its parts, and no difference negative;
 *             otherwise nobody trusts any of them.
 * Locks:      takes HANDSHAKE, ROOTS, one after the other.
 * Callers:    tri_stats_read.
 */
#include "runtime/stats.h"

#include "gc/cycle.h"
#include "gc/heap.h"
#include "gc/port.h"
#include "runtime/roots.h"

static void fill_objects(const struct heap_counters *counters, tri_stats *stats)
{
    /* Frees first: an object is counted as allocated before it is counted as freed, so the
     * difference is not negative. acquire: pairs with the release halves in sweep_span. */
    stats->frees = load_acquire(&counters->freed_objects);
    uint64_t freed_bytes = load_acquire(&counters->freed_bytes); /* pairs as above */
    stats->mallocs = load_relaxed(&counters->allocated_objects);
    stats->total_alloc = load_relaxed(&counters->allocated_bytes);
    stats->heap_objects = stats->mallocs - stats->frees; /* [stats.1] */
    stats->heap_alloc = stats->total_alloc - freed_bytes;
    stats->heap_live = counters_live(counters);
    stats->next_gc = load_relaxed(&counters->goal_bytes);
    stats->region_bytes = load_relaxed(&counters->region_bytes);
    stats->external = load_relaxed(&counters->external_bytes);
}

static void fill_memory(struct process_heap *heap, tri_stats *stats)
{
    struct tri_heap *gc = &heap->heap;
    struct page_heap_bytes pages = page_heap_bytes(&gc->page_heap);
    stats->heap_sys = pages.grown;
    stats->heap_idle = pages.free;
    stats->heap_in_use = stats->heap_sys - stats->heap_idle; /* [stats.1] */
    stats->heap_released = pages.released;
    stats->gc_sys = pages.metadata + meta_alloc_mapped_bytes(&gc->meta);
    stats->sys = stats->heap_sys + stats->gc_sys;
}

static void fill_scavenged(const struct scavenge_counters *scavenged, tri_stats *stats)
{
    stats->scavenged_background = load_relaxed(&scavenged->bytes[SCAVENGE_BACKGROUND]);
    stats->scavenged_at_allocation = load_relaxed(&scavenged->bytes[SCAVENGE_EAGER]);
    stats->scavenged_on_request = load_relaxed(&scavenged->bytes[SCAVENGE_RELEASE]);
}

static void fill_cycles(const struct cycle_state *cycle, tri_stats *stats)
{
    stats->num_gc = load_relaxed(&cycle->count);
    stats->num_forced_gc = load_relaxed(&cycle->forced_count);
    stats->last_gc_ns = load_relaxed(&cycle->last_end_ns);
    stats->pause_total_ns = load_relaxed(&cycle->pause_total_ns);
    stats->pause_max_ns = load_relaxed(&cycle->pause_max_ns);
    stats->gc_cpu_ns = load_relaxed(&cycle->cpu_ns);
    stats->last_marked = load_relaxed(&cycle->last.marked_bytes);
    stats->last_marked_objects = load_relaxed(&cycle->last.marked_objects);
}

/* Runs first, so that no more were run than queued. */
static void fill_finalizers(const struct finalizer_state *finalizers, tri_stats *stats)
{
    stats->finalizers_run = load_relaxed(&finalizers->finalizers_run);
    stats->cleanups_run = load_relaxed(&finalizers->cleanups_run);
    stats->finalizers_queued = load_relaxed(&finalizers->finalizers_queued);
    stats->cleanups_queued = load_relaxed(&finalizers->cleanups_queued);
    stats->finalizers_waiting = load_relaxed(&finalizers->waiting);
    stats->finalizers_attached = load_relaxed(&finalizers->attached);
}

void stats_fill(struct process_heap *heap, tri_stats *stats)
{
    fill_objects(&heap->heap.counters, stats);
    fill_memory(heap, stats);
    fill_scavenged(&heap->heap.page_heap.scavenged, stats);
    fill_cycles(&heap->heap.cycle, stats);
    fill_finalizers(&heap->heap.finalizers, stats);
    lock_acquire(&heap->handshake.lock);
    stats->mutators = heap->handshake.mutator_count;
    lock_release(&heap->handshake.lock);
    stats->handles = roots_handle_count(heap);
    stats->regions = load_relaxed(&heap->heap.regions.count);
}

static void fill_stall(tri_stall *stall, const char *cause, const struct stall_histogram *wall)
{
    *stall = (tri_stall){
        .cause = cause,
        .count = stall_count(wall),
        .total_ns = load_relaxed(&wall->total_ns),
        .p50_ns = stall_quantile(wall, 0.5),
        .p99_ns = stall_quantile(wall, 0.99),
        .p999_ns = stall_quantile(wall, 0.999),
        .p9999_ns = stall_quantile(wall, 0.9999),
        .max_ns = load_relaxed(&wall->max_ns),
    };
}

static void fill_stall_cpu(tri_stall *stall, const struct stall_histogram *cpu)
{
    stall->cpu_total_ns = load_relaxed(&cpu->total_ns);
    stall->cpu_p50_ns = stall_quantile(cpu, 0.5);
    stall->cpu_p99_ns = stall_quantile(cpu, 0.99);
    stall->cpu_p999_ns = stall_quantile(cpu, 0.999);
    stall->cpu_p9999_ns = stall_quantile(cpu, 0.9999);
    stall->cpu_max_ns = load_relaxed(&cpu->max_ns);
}

size_t stats_stalls(const struct tri_heap *heap, tri_stall *stalls, size_t room)
{
    const struct stall_state *state = &heap->stalls;
    for (size_t i = 0; i < STALL_CAUSE_COUNT && i < room; i++) {
        fill_stall(&stalls[i], stall_cause_name((enum stall_cause)i), &state->causes[i].wall);
        fill_stall_cpu(&stalls[i], &state->causes[i].cpu);
    }
    if (room > STALL_CAUSE_COUNT) {
        fill_stall(&stalls[STALL_CAUSE_COUNT], "to-safepoint", &state->to_safepoint);
    }
    return STALL_CAUSE_COUNT + 1;
}
