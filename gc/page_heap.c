/* page_heap.c -- taking pages, and growing when there are none.
 *
 * Owns:       the order in which the parts of the page heap grow.
 * Invariants:
 *   [page_heap.1] The span table MUST cover a page before the page allocator can hand it out;
 *                 otherwise a span is described in memory that is not there.
 *   [page_heap.2] A piece that the address space has grown by MUST reach the page allocator even if
 *                 a step between failed once; otherwise it is memory that nobody can use.
 *   [page_heap.3] The heap MUST NOT grow for a run that it could not make; otherwise one request
 *                 that is too large, and fails, commits the whole reservation and its metadata.
 * Locks:      takes PAGES.
 * Callers:    mutators on the allocation slow path, the sweeper.
 */
#include "gc/page_heap.h"

#include "gc/assert.h"

bool page_heap_init(struct page_heap *heap, size_t max_heap_bytes)
{
    if (!address_space_init(&heap->space, max_heap_bytes)) {
        return false;
    }
    if (!page_alloc_init(&heap->pages, address_space_pages(&heap->space))) {
        goto fail_pages;
    }
    if (!span_table_init(&heap->spans, &heap->space)) {
        goto fail_spans;
    }
    return true;

fail_spans:
    page_alloc_destroy(&heap->pages);
fail_pages:
    address_space_destroy(&heap->space);
    return false;
}

void page_heap_destroy(struct page_heap *heap)
{
    span_table_destroy(&heap->spans);
    page_alloc_destroy(&heap->pages);
    address_space_destroy(&heap->space);
}

/* Whether growing to the end of the reservation makes a run of count pages. PAGES held. */
static bool can_make(const struct page_heap *heap, size_t count) LOCK_REQUIRES(heap->pages.lock)
{
    size_t beyond = address_space_pages(&heap->space) - heap->pages.grown_pages;
    return count <= beyond || count - beyond <= page_alloc_free_end(&heap->pages);
}

/* Make more pages free, in the end count in one run. PAGES held. */
static bool grow(struct page_heap *heap, size_t count) LOCK_REQUIRES(heap->pages.lock)
{
    size_t known = heap->pages.grown_pages;
    if (!can_make(heap, count)) { /* [page_heap.3] */
        return false;
    }
    if (known == heap->space.grown / PAGE_BYTES && address_space_grow(&heap->space, count) == 0) {
        return false;
    }
    size_t grown = heap->space.grown / PAGE_BYTES; /* [page_heap.2]: also what an earlier failure
                                                      left */
    return span_table_extend(&heap->spans, (page_index)grown) && /* [page_heap.1] */
           page_alloc_grow(&heap->pages, (page_index)known, grown - known);
}

static page_index take_locked(struct page_heap *heap, size_t count, size_t *zero_pages)
    LOCK_REQUIRES(heap->pages.lock)
{
    page_index first;
    do {
        first = page_alloc_take(&heap->pages, count, zero_pages);
    } while (first == PAGE_NONE && grow(heap, count));
    return first;
}

/* As take_locked, but what is taken comes out of cache, which is refilled if it has no such run. */
static page_index take_through_cache(struct page_heap *heap, struct page_cache *cache, size_t count,
                                     size_t *zero_pages) LOCK_REQUIRES(heap->pages.lock)
{
    page_cache_flush(cache, &heap->pages);
    page_index first = PAGE_NONE;
    if (page_cache_fill(cache, &heap->pages)) {
        first = page_cache_take(cache, count, zero_pages);
    }
    return first != PAGE_NONE ? first : take_locked(heap, count, zero_pages);
}

page_index page_heap_take(struct page_heap *heap, struct page_cache *cache, size_t count,
                          bool *zero)
{
    size_t zero_pages = 0;
    page_index first = PAGE_NONE;
    bool cached = cache != NULL && count < PAGE_CACHE_RUN_LIMIT;
    if (cached) {
        first = page_cache_take(cache, count, &zero_pages);
    }
    if (first == PAGE_NONE) {
        lock_acquire(&heap->pages.lock);
        first = cached ? take_through_cache(heap, cache, count, &zero_pages)
                       : take_locked(heap, count, &zero_pages);
        lock_release(&heap->pages.lock);
    }
    *zero = zero_pages == count;
    return first;
}

void page_heap_give(struct page_heap *heap, page_index first, size_t count)
{
    lock_acquire(&heap->pages.lock);
    page_alloc_give(&heap->pages, first, count);
    lock_release(&heap->pages.lock);
}

void page_heap_flush_cache(struct page_heap *heap, struct page_cache *cache)
{
    if (!page_cache_is_empty(cache)) {
        lock_acquire(&heap->pages.lock);
        page_cache_flush(cache, &heap->pages);
        lock_release(&heap->pages.lock);
    }
}

struct page_heap_bytes page_heap_bytes(struct page_heap *heap)
{
    lock_acquire(&heap->pages.lock);
    struct page_heap_bytes bytes = {
        .grown = heap->space.grown,
        .free = page_alloc_free_pages(&heap->pages) * PAGE_BYTES,
        .released = page_alloc_scavenged_pages(&heap->pages) * PAGE_BYTES,
        .metadata = page_alloc_metadata_bytes(&heap->pages) + heap->spans.entries.committed_bytes,
    };
    lock_release(&heap->pages.lock);
    return bytes;
}
