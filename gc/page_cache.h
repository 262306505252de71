/* page_cache.h -- up to 64 neighbouring pages that a mutator owns and takes small runs from without
 * a lock. */
#ifndef GC_PAGE_CACHE_H
#define GC_PAGE_CACHE_H

#include "gc/page_alloc.h"

/* Only runs below this length are worth looking for in a cache. */
#define PAGE_CACHE_RUN_LIMIT ((size_t)16)

/* All zero: empty. Owner only. */
struct page_cache {
    page_index base;    /* the page of bit 0; a multiple of 64 */
    uint64_t free;      /* pages this cache owns */
    uint64_t scavenged; /* those of them that cost no memory */
};

static inline bool page_cache_is_empty(const struct page_cache *cache)
{
    return cache->free == 0;
}

/* Whether page_cache_take finds a run of count pages. */
static inline bool page_cache_has(const struct page_cache *cache, size_t count)
{
    return count < PAGE_CACHE_RUN_LIMIT && bits_find_run(cache->free, (unsigned)count) < 64;
}

/* Take all free pages of the 64 in which the lowest run of count (1..PAGE_CACHE_RUN_LIMIT - 1) free
 * pages begins. The cache is empty. False where there is no such run. */
bool page_cache_fill(struct page_cache *cache, struct page_alloc *pages, size_t count)
    LOCK_REQUIRES(pages->lock);

/* Take the lowest run of count (1..PAGE_CACHE_RUN_LIMIT - 1) pages of the cache. *scavenged
 * receives how many of them were scavenged. PAGE_NONE where the cache has no such run. No lock. */
page_index page_cache_take(struct page_cache *cache, size_t count, size_t *scavenged);

/* Give all pages back; the cache is empty afterwards. */
void page_cache_flush(struct page_cache *cache, struct page_alloc *pages)
    LOCK_REQUIRES(pages->lock);

#endif
