/* large.c -- objects with a span each.
 *
 * Owns:       a large span from span_init until it is in a set.
 * Invariants:
 *   [large.1] A large object MUST be in no set and not SPAN_IN_USE before its memory is zero;
 *             otherwise a cycle that runs meanwhile scans old contents, or frees what its mutator
 *             is about to return.
 *   [large.2] Its sweep_gen MUST be that of the moment it enters a set; otherwise it is swept with
 *             the marks of no cycle.
 *   [large.3] While there is garbage not yet swept, as many pages as the object needs MUST be freed
 *             by sweeping first; otherwise the heap grows by it beside that garbage, to twice its
 *             goal.
 * Locks:      takes PAGES.
 * Callers:    alloc.
 */
#include "gc/large.h"

#include <string.h>

#include "gc/assert.h"
#include "gc/assist.h"
#include "gc/barrier_verify.h"
#include "gc/finalized_span.h"
#include "gc/give_back.h"
#include "gc/port.h"
#include "gc/region.h"
#include "gc/sweep.h"

static void zero_in_steps(struct tri_mutator *mutator, char *memory, size_t bytes)
{
    for (size_t done = 0; done < bytes; done += LARGE_ZERO_BYTES) {
        memset(memory + done, 0, size_min(LARGE_ZERO_BYTES, bytes - done));
        port_safepoint(mutator);
    }
}

static struct span *begin_span(struct tri_heap *heap, tri_type *type, size_t pages, bool *zero)
{
    page_index first = give_back_take(heap, NULL, pages, zero);
    if (first == PAGE_NONE) {
        return NULL;
    }
    struct span_shape shape = {
        .first = first,
        .pages = (uint32_t)pages,
        .size_class = 0,
        .list = LIST_LARGE,
        .type = type,
        .scannable = type->scannable,
        .needs_zero = !*zero,
    };
    struct span *span = span_init(&heap->page_heap.spans, &shape);
    if (type_is_finalized(type) && !finalized_span_add(heap, span)) {
        span_retire(span);
        page_heap_give(&heap->page_heap, first, pages);
        return NULL;
    }
    return span;
}

/* Make the object known: to look-ups, to the sweeper, to the pacer. */
static void enter(struct tri_mutator *mutator, struct span *span)
{
    struct tri_heap *heap = mutator->heap;
    const struct thread_cache *cache = &mutator->cache;
    span->sweep_gen = sweep_generation(heap); /* [large.2] */
    store_relaxed(&span->home, (uint8_t)(cache->shard + 1));
    span_enter_run(span, 0, 1, cache->black && span->sweep_gen == cache->black_generation);
    span_close_run(span);
    span_publish(span);
    sweep_add_span(heap, span);
    fetch_add_relaxed(&heap->counters.allocated_objects, UINT64_C(1));
    fetch_add_relaxed(&heap->counters.allocated_bytes, (uint64_t)span_bytes(span));
    assist_charge(mutator, span_bytes(span), span->scannable ? span_bytes(span) : 0);
    struct central_list *list = type_table_list(&heap->types, LIST_LARGE);
    central_list_push_full(list, cache->shard, &heap->page_heap.spans, span, span->sweep_gen);
}

/* The same for one of a region's. */
static void enter_region(struct tri_mutator *mutator, struct tri_region *region, struct span *span)
{
    assist_charge_region(mutator, span_bytes(span), span->scannable ? span_bytes(span) : 0);
    region_add_span(region, span);
}

char *large_alloc_in(struct tri_mutator *mutator, struct tri_region *region, tri_type *type,
                     size_t bytes)
{
    struct tri_heap *heap = mutator->heap;
    size_t pages = align_up(bytes, PAGE_BYTES) / PAGE_BYTES;
    if (pages > address_space_pages(&heap->page_heap.space)) {
        return NULL;
    }
    bool zero;
    struct stall_times start = stall_begin_short();
    sweep_keep_up(heap, &mutator->cache, 1);
    sweep_reclaim(heap, pages); /* [large.3] */
    (void)stall_end(&heap->stalls, STALL_SWEEP, start);
    start = stall_begin_short();
    struct span *span = begin_span(heap, type, pages, &zero);
    (void)stall_end(&heap->stalls, STALL_GROW, start);
    if (span == NULL) {
        return NULL;
    }
    char *object = span_base(&heap->page_heap.spans, span);
    if (!zero && !(type->flags & TRI_TYPE_UNINITIALIZED)) {
        zero_in_steps(mutator, object, pages * PAGE_BYTES); /* [large.1] */
    }
    if (barrier_verify_is_on(heap)) {
        barrier_verify_fresh(heap, object, pages * PAGE_BYTES);
    }
    if (region == NULL) {
        enter(mutator, span);
    } else {
        enter_region(mutator, region, span);
    }
    return object;
}

char *large_alloc(struct tri_mutator *mutator, tri_type *type, size_t bytes)
{
    return large_alloc_in(mutator, NULL, type, bytes);
}
