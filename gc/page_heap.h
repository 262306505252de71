/* page_heap.h -- the lowest storey of the allocator: pages of the heap's address space, growing as
 * they are wanted, and given back to the system when they are not.
 *
 * Ties together the address space, the page allocator and the table of spans, which grow in step.
 */
#ifndef GC_PAGE_HEAP_H
#define GC_PAGE_HEAP_H

#include "gc/page_cache.h"
#include "gc/span.h"

/* Who gives memory back. */
enum scavenge_reason {
    SCAVENGE_BACKGROUND, /* the scavenging thread: what is over the goals */
    SCAVENGE_EAGER,      /* an allocation: the heap has grown past its goal, or its limit is near */
    SCAVENGE_RELEASE,    /* the host: everything */
    SCAVENGE_REASONS
};

/* Bytes given back for each reason, ever. Atomic. */
struct scavenge_counters {
    uint64_t bytes[SCAVENGE_REASONS];
};

struct page_heap {
    struct address_space space;
    struct page_alloc pages; /* holds the lock PAGES */
    struct span_table spans;
    bool lazily; /* written at creation: what is given back goes only when the system needs it, and
                    need not be zero afterwards */

    /* Atomic: exact where nothing is taken or given at the moment. */
    size_t span_pages;  /* taken, for spans */
    size_t ready_pages; /* of those that exist, what costs memory: taken, or with contents */
    struct scavenge_counters scavenged;
    page_index touched; /* no page from here on was ever taken. Kept where lazily */

    /* Guarded by PAGES. */
    size_t held_pages;   /* in the hands of who gives them back: neither free nor of a span */
    unsigned pauses;     /* threads that want nobody to give memory back */
    bool refused;        /* the system has refused the last time, ... */
    uint64_t refused_ns; /* ... at this moment; atomic */
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

/* ---- Memory for the system ------------------------------------------------------------------- */

/* Give some bytes of free memory back to the system, in steps of SCAVENGE_STEP_BYTES at the most,
 * between which others have the pages; see gc/scavenge.h. forced: from chunks that are nearly full,
 * too. Returns how many bytes cost nothing any more, perhaps a little more than was asked for; less
 * where there is no more, or the system refuses. Takes PAGES. Any thread. */
size_t page_heap_scavenge(struct page_heap *heap, size_t bytes, enum scavenge_reason reason,
                          bool forced);

/* A cycle has ended, or as much time has passed: what was nearly full then may be given back once
 * this has been called again. False where nothing has come free since the last call. */
bool page_heap_next_generation(struct page_heap *heap);

/* Where the pages at the end of the heap are free, let go of their address space, by whole chunks:
 * they are reserved only, and exist again when the heap grows. Returns the bytes. Takes PAGES. */
size_t page_heap_shrink(struct page_heap *heap);

/* From the return of the first to the call of the second nobody is giving memory back; who wants to
 * waits. For fork(). No lock of the heap held. */
void page_heap_pause_scavenging(struct page_heap *heap);
void page_heap_resume_scavenging(struct page_heap *heap);

/* ---- Questions ------------------------------------------------------------------------------- */

/* A reading of what the page heap consists of, in bytes. */
struct page_heap_bytes {
    size_t grown;    /* made accessible for objects, and not let go of since */
    size_t free;     /* of them, in no span: in page caches, too */
    size_t released; /* of the free ones, what costs no memory: never touched, or given back */
    size_t metadata; /* of page allocator and spans, without what was given back */
};

/* Any thread, no lock. Exact where nobody takes or gives pages at the moment; else each number was
 * true at some moment, and released <= free <= grown. */
struct page_heap_bytes page_heap_bytes(const struct page_heap *heap);

/* Heap memory that costs memory: in spans, or free with contents. Any thread. */
static inline size_t page_heap_retained(const struct page_heap *heap)
{
    return load_relaxed(&heap->ready_pages) * PAGE_BYTES;
}

/* In spans. Any thread. */
static inline size_t page_heap_in_use(const struct page_heap *heap)
{
    return load_relaxed(&heap->span_pages) * PAGE_BYTES;
}

/* Check all structures. NULL where all is well, else what is wrong. *in_spans receives how many
 * pages are in spans or page caches. Takes PAGES. */
const char *page_heap_check(struct page_heap *heap, size_t *in_spans);

#endif
