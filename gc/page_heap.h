/* page_heap.h -- the lowest storey of the allocator: pages of the heap's address space, growing as
 * they are wanted.
 *
 * Ties together the address space, the page allocator and the table of spans, which grow in step.
 */
#ifndef GC_PAGE_HEAP_H
#define GC_PAGE_HEAP_H

#include "gc/page_cache.h"
#include "gc/span.h"

struct page_heap {
    struct address_space space;
    struct page_alloc pages; /* holds the lock PAGES */
    struct span_table spans;
};

/* Reserve address space for at most max_heap_bytes (0: the default). False where the system refuses
 * even the smallest. */
bool page_heap_init(struct page_heap *heap, size_t max_heap_bytes);
void page_heap_destroy(struct page_heap *heap);

/* Take count pages, by way of cache (may be NULL) where they are few; grows the heap where no run
 * is free. *zero says whether all of them are known to be zero. PAGE_NONE where there is no memory.
 * Takes PAGES. */
page_index page_heap_take(struct page_heap *heap, struct page_cache *cache, size_t count,
                          bool *zero);

/* Give pages back. Takes PAGES. */
void page_heap_give(struct page_heap *heap, page_index first, size_t count);

/* Give the pages of a mutator's cache back. Takes PAGES. */
void page_heap_flush_cache(struct page_heap *heap, struct page_cache *cache);

/* A reading of what the page heap consists of, in bytes. */
struct page_heap_bytes {
    size_t grown;    /* made accessible for objects so far */
    size_t free;     /* of them, in no span: in page caches, too */
    size_t released; /* of the free ones, what costs no memory: never touched, or given back */
    size_t metadata; /* of page allocator and spans */
};

/* Takes PAGES. */
struct page_heap_bytes page_heap_bytes(struct page_heap *heap);

#endif
