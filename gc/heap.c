/* heap.c -- creation and destruction.
 *
 * Owns:       struct tri_heap as a whole.
 * Invariants:
 *   [heap.1] What was mapped for a heap MUST be unmapped when it ends; otherwise a host that
 *            creates heaps by the thousand runs out of address space.
 *   [heap.2] The signature MUST be set last and cleared first; otherwise a half-made heap passes
 *            for one.
 * Locks:      none: nobody else knows the heap yet, or any more.
 * Callers:    runtime.
 */
#include "gc/heap.h"

#include "gc/assert.h"
#include "gc/assist.h"
#include "gc/barrier.h"
#include "gc/barrier_verify.h"
#include "gc/cycle.h"
#include "gc/finalizer.h"
#include "gc/free_later.h"
#include "gc/give_back.h"
#include "gc/mark.h"
#include "gc/mark_home.h"
#include "gc/pool.h"
#include "gc/region.h"
#include "gc/sweep.h"
#include "gc/weak.h"
#include "gc/weak_hook.h"

bool heap_init(struct tri_heap *heap, const tri_heap_options *options)
{
    heap->options = *options;
    meta_alloc_init(&heap->meta);
    if (!page_heap_init(&heap->page_heap, options->max_heap)) {
        goto fail_pages;
    }
    heap->page_heap.lazily = options->free_lazily;
    give_back_init(heap);
    if (!type_table_init(&heap->types, &heap->meta)) {
        goto fail_types;
    }
    if (!type_table_add_encoding(&heap->types, &options->value_encoding)) {
        goto fail_encoding;
    }
    mark_state_init(heap);
    weak_state_init(heap);
    weak_hook_state_init(heap);
    if (!barrier_verify_init(heap)) {
        goto fail_encoding;
    }
    free_later_init(heap);
    pool_state_init(heap);
    finalizer_state_init(heap);
    region_state_init(heap);
    heap->sweep.visitors = SWEEP_CLOSED;
    cycle_state_init(heap);
    heap->signature = HEAP_SIGNATURE; /* [heap.2] */
    return true;

fail_encoding:
    type_table_destroy(&heap->types);
fail_types:
    page_heap_destroy(&heap->page_heap);
fail_pages:
    meta_alloc_destroy(&heap->meta);
    *heap = (struct tri_heap){.signature = 0};
    return false;
}

void heap_destroy(struct tri_heap *heap)
{
    TRI_ASSERT(heap->signature == HEAP_SIGNATURE);
    heap->signature = 0; /* [heap.2] */
    free_later_destroy(heap);
    pool_state_destroy(heap);
    finalizer_state_destroy(heap);
    weak_hook_state_destroy(heap);
    region_state_destroy(heap);
    cycle_state_destroy(heap);
    barrier_verify_destroy(heap);
    type_table_destroy(&heap->types); /* [heap.1] */
    page_heap_destroy(&heap->page_heap);
    meta_alloc_destroy(&heap->meta);
}

size_t mutator_mapping_bytes(void)
{
    return MUTATOR_POOLS_OFFSET + POOLS_MAX * sizeof(struct tri_pool_slots_);
}

void mutator_init(struct tri_mutator *mutator, struct tri_heap *heap)
{
    char *mapping = (char *)mutator;
    void *cursors = mapping + MUTATOR_CURSORS_OFFSET;
    void *bins = mapping + MUTATOR_BINS_OFFSET;
    mutator->head = (struct tri_mutator_head_){
        .poll = 0,
        .barrier = barrier_verify_is_on(heap) ? BARRIER_VERIFY : 0,
    };
    mutator->heap = heap;
    uint32_t number = fetch_add_relaxed(&heap->mutators_ever, 1U);
    thread_cache_init(&mutator->cache, cursors, bins, number % CENTRAL_SHARDS);
    mutator->marker = (struct marker){.of_mutator = true};
    mark_home_enter(heap, &mutator->marker, mutator->away, number % CENTRAL_SHARDS + 1);
    marker_init(heap, &mutator->marker);
    mark_stack_init(&mutator->recorded, &heap->mark.segments);
    mark_stack_init(&mutator->remembered, &heap->mark.segments);
    mutator->remembered_count = 0;
    mutator->assist_debt = 0;
    mutator->uncharged = 0;
    mutator->uncharged_scannable = 0;
    assist_look(mutator);
    mutator->allocated_in = UINT32_MAX;
    mutator->regions = NULL;
    mutator->made_grey = false;
    mutator->pools = NULL;
    mutator->signature = MUTATOR_SIGNATURE;
}
