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
#include "gc/cycle.h"
#include "gc/mark.h"
#include "gc/sweep.h"

#define CURSORS_BYTES (CURSORS_MAX * sizeof(struct tri_cursor_))
#define BINS_BYTES    (CURSORS_MAX * sizeof(struct cache_bin))

bool heap_init(struct tri_heap *heap, const tri_heap_options *options)
{
    heap->options = *options;
    meta_alloc_init(&heap->meta);
    if (!page_heap_init(&heap->page_heap, options->max_heap)) {
        goto fail_pages;
    }
    if (!type_table_init(&heap->types, &heap->meta)) {
        goto fail_types;
    }
    mark_state_init(&heap->mark, &heap->meta);
    heap->sweep.visitors = SWEEP_CLOSED;
    cycle_state_init(heap);
    heap->signature = HEAP_SIGNATURE; /* [heap.2] */
    return true;

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
    cycle_state_destroy(heap);
    type_table_destroy(&heap->types); /* [heap.1] */
    page_heap_destroy(&heap->page_heap);
    meta_alloc_destroy(&heap->meta);
}

size_t mutator_mapping_bytes(void)
{
    return MUTATOR_CURSORS_OFFSET + CURSORS_BYTES + BINS_BYTES;
}

void mutator_init(struct tri_mutator *mutator, struct tri_heap *heap)
{
    char *mapping = (char *)mutator;
    void *cursors = mapping + MUTATOR_CURSORS_OFFSET;
    void *bins = mapping + MUTATOR_CURSORS_OFFSET + CURSORS_BYTES;
    mutator->head = (struct tri_mutator_head_){.poll = 0};
    mutator->heap = heap;
    thread_cache_init(&mutator->cache, cursors, bins);
    mutator->signature = MUTATOR_SIGNATURE;
}
