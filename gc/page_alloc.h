/* page_alloc.h -- the page heap: runs of pages of the heap's address space, the lowest that fits
 * first. */
#ifndef GC_PAGE_ALLOC_H
#define GC_PAGE_ALLOC_H

#include "gc/lock.h"
#include "gc/page_bits.h"
#include "gc/scavenge_index.h"

/* The radix tree: a leaf describes a chunk, a node 8 nodes of the level below it. A heap has as
 * many levels as bring its root level to 8 entries, five at most; then the root level has up to 64,
 * each of 16 GiB. */
#define PAGE_ALLOC_LEVELS      5
#define PAGE_ALLOC_FANOUT_BITS 3
#define PAGE_ALLOC_FANOUT      ((size_t)1 << PAGE_ALLOC_FANOUT_BITS)
#define PAGE_ALLOC_MAX_PAGES   ((size_t)1 << 27)

struct page_alloc {
    struct lock lock; /* PAGES; everything below is guarded by it unless said */

    /* Written once at creation. */
    size_t max_pages;
    unsigned levels;                         /* of the tree, 1..PAGE_ALLOC_LEVELS */
    size_t level_entries[PAGE_ALLOC_LEVELS]; /* level 0 is the root, levels - 1 the leaves */
    page_summary *level[PAGE_ALLOC_LEVELS];  /* into leaves or inner */

    struct side_table chunks; /* struct page_bits of each chunk */
    struct side_table leaves; /* page_summary of each chunk */
    struct side_table inner;  /* page_summary of the levels above, root first; all committed */
    struct scavenge_index index;

    size_t grown_pages;     /* pages [0, grown_pages) exist: page_alloc_grow added them */
    size_t free_pages;      /* of these, neither taken nor in a page cache */
    size_t scavenged_pages; /* of the free ones, those that cost no memory */
    page_index search;      /* no page below this one is free */
};

/* For at most max_pages (1..PAGE_ALLOC_MAX_PAGES) pages; there are none yet. Reserves address
 * space, commits little. False where the system refuses; pages is then destroyed. */
bool page_alloc_init(struct page_alloc *pages, size_t max_pages);

/* Nobody uses it any more. */
void page_alloc_destroy(struct page_alloc *pages);

/* Add the count pages from first on: free and scavenged. Both are multiples of CHUNK_PAGES,
 * first is pages->grown_pages: the heap grows front to back. False where there is no memory for
 * metadata: nothing has changed, the call may be repeated. */
bool page_alloc_grow(struct page_alloc *pages, page_index first, size_t count)
    LOCK_REQUIRES(pages->lock);

/* The last count pages exist no more; all are free, count is a multiple of CHUNK_PAGES. */
void page_alloc_shrink(struct page_alloc *pages, size_t count) LOCK_REQUIRES(pages->lock);

/* Take the lowest run of count (at least 1) free pages. *scavenged (may not be NULL) receives how
 * many of them were scavenged. PAGE_NONE where there is no such run. */
page_index page_alloc_take(struct page_alloc *pages, size_t count, size_t *scavenged)
    LOCK_REQUIRES(pages->lock);

/* Give the count pages from first on back; all are taken. They need not have been taken
 * together. */
void page_alloc_give(struct page_alloc *pages, page_index first, size_t count)
    LOCK_REQUIRES(pages->lock);

/* Take all free pages of the aligned 64 in which the lowest run of count (1..64) free pages begins.
 * Returns the first of the 64; bit i of *free and *scavenged stands for page first + i. PAGE_NONE
 * where there is no such run. For gc/page_cache.c. */
page_index page_alloc_take_64(struct page_alloc *pages, size_t count, uint64_t *free,
                              uint64_t *scavenged) LOCK_REQUIRES(pages->lock);

/* Give the pages of free, all taken, back; those of scavenged, a subset, are scavenged still.
 * first is a multiple of 64. */
void page_alloc_give_64(struct page_alloc *pages, page_index first, uint64_t free,
                        uint64_t scavenged) LOCK_REQUIRES(pages->lock);

/* Take the count pages from first on, all free, to give their memory back to the system. Returns
 * how many of them had contents. */
size_t page_alloc_hold(struct page_alloc *pages, page_index first, size_t count)
    LOCK_REQUIRES(pages->lock);

/* They are free again; scavenged or with contents. */
void page_alloc_let_go(struct page_alloc *pages, page_index first, size_t count, bool scavenged)
    LOCK_REQUIRES(pages->lock);

/* The bits of one chunk. */
static inline const struct page_bits *page_alloc_chunk(const struct page_alloc *pages, size_t chunk)
{
    return (const struct page_bits *)(const void *)pages->chunks.base + chunk;
}

/* Is page taken (part of a span, or in a page cache)? page < pages->grown_pages. */
bool page_alloc_in_use(const struct page_alloc *pages, page_index page) LOCK_REQUIRES(pages->lock);

/* Free pages, without those in page caches. */
size_t page_alloc_free_pages(const struct page_alloc *pages) LOCK_REQUIRES(pages->lock);

/* Free pages at the end of those that exist: what growing would lengthen. */
size_t page_alloc_free_end(const struct page_alloc *pages) LOCK_REQUIRES(pages->lock);

/* Free pages that cost no memory, without those in page caches. */
size_t page_alloc_scavenged_pages(const struct page_alloc *pages) LOCK_REQUIRES(pages->lock);

/* Bytes of memory that the metadata takes. Any thread. */
size_t page_alloc_metadata_bytes(const struct page_alloc *pages);

/* Count and summarize everything anew and compare. NULL where all is well, else a sentence that
 * says what is wrong. Slow: all bitmaps are read. */
const char *page_alloc_check(const struct page_alloc *pages) LOCK_REQUIRES(pages->lock);

#endif
