/* fence.c -- a use of what was freed ends the process there and then.
 *
 * Owns:       spans of SPAN_FENCED, and their queue.
 * Invariants:
 *   [fence.1] A fenced span MUST keep its pages; otherwise another span has them, and a use of what
 *             was freed shows as damage there.
 *   [fence.2] Its memory MUST be accessible again before its pages are given back; otherwise
 *             whoever takes them dies of it.
 * Locks:      REGIONS; PAGES after it.
 * Callers:    region.
 */
#include "gc/fence.h"

#include "gc/assert.h"
#include "gc/port.h"

static bool is_wanted(const struct tri_heap *heap)
{
    return heap->options.verify || heap->options.clobber_free;
}

/* As much as is fenced at a time: no more than a part of a small heap. */
static size_t limit_bytes(const struct tri_heap *heap)
{
    return size_min(FENCE_BYTES, heap->page_heap.space.bytes / FENCE_HEAP_PART);
}

static bool has_whole_pages(const void *memory, size_t bytes)
{
    size_t os_page = port_os_page_bytes();
    return is_aligned((uintptr_t)memory, os_page) && is_aligned(bytes, os_page);
}

/* REGIONS held. */
static void append(struct tri_heap *heap, struct span *span)
{
    struct region_state *state = &heap->regions;
    store_relaxed(&span->next, (uint32_t)PAGE_NONE);
    if (state->fenced == PAGE_NONE) {
        state->fenced = span->first;
    } else {
        store_relaxed(&span_at(&heap->page_heap.spans, state->fenced_end)->next, span->first);
    }
    state->fenced_end = span->first;
    state->fenced_bytes += span_bytes(span);
}

/* The oldest span, where more is fenced than should be, off the queue; else NULL. */
static struct span *take_oldest(struct tri_heap *heap)
{
    struct region_state *state = &heap->regions;
    struct span *span = NULL;
    lock_acquire(&state->lock);
    if (state->fenced_bytes > limit_bytes(heap) && state->fenced != state->fenced_end) {
        span = span_at(&heap->page_heap.spans, state->fenced);
        state->fenced = load_relaxed(&span->next);
        state->fenced_bytes -= span_bytes(span);
    }
    lock_release(&state->lock);
    return span;
}

static void put_back(struct tri_heap *heap, struct span *span)
{
    lock_acquire(&heap->regions.lock);
    append(heap, span);
    lock_release(&heap->regions.lock);
}

/* Let others have the pages of the oldest spans. */
static void open_oldest(struct tri_heap *heap)
{
    struct span *span;
    while ((span = take_oldest(heap)) != NULL) {
        page_index first = span->first;
        size_t pages = span->pages;
        void *memory = span_base(&heap->page_heap.spans, span);
        if (!port_commit(memory, span_bytes(span), "trillium heap")) { /* [fence.2] */
            put_back(heap, span);
            return;
        }
        span_retire(span);
        page_heap_give(&heap->page_heap, first, pages);
    }
}

/* A pattern that no program takes for its data, where memory cannot be made inaccessible. */
static void clobber(char *memory, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += WORD_BYTES) {
        *(uint64_t *)(void *)(memory + i) = UINT64_C(0xdeadbeefdeadbeef);
    }
}

bool fence_span(struct tri_heap *heap, struct span *span)
{
    if (TRI_LIKELY(!is_wanted(heap))) {
        return false;
    }
    char *memory = span_base(&heap->page_heap.spans, span);
    size_t bytes = span_bytes(span);
    if (!has_whole_pages(memory, bytes) || !port_uncommit(memory, bytes, "trillium heap: fence")) {
        clobber(memory, bytes);
        return false;
    }
    store_relaxed(&span->state, SPAN_FENCED); /* [fence.1] */
    put_back(heap, span);
    open_oldest(heap);
    return true;
}
