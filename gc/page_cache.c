/* page_cache.c -- up to 64 neighbouring pages that a mutator owns.
 *
 * Owns:       nothing; a cache belongs to a mutator.
 * Invariants:
 *   [page_cache.1] The pages of a cache MUST be in use for the page heap; otherwise two owners hand
 *                  them out.
 *   [page_cache.2] A scavenged bit MUST be restored when the page goes back; otherwise memory that
 *                  costs nothing is given back once more, and zeroed before it is used.
 * Locks:      filling and flushing need PAGES; taking none, the cache is its owner's.
 * Callers:    the mutator that owns the cache, or who acts for it while it is blocked.
 */
#include "gc/page_cache.h"

bool page_cache_fill(struct page_cache *cache, struct page_alloc *pages, size_t count)
{
    TRI_ASSERT(page_cache_is_empty(cache));
    /* [page_cache.1] That marks them in use. */
    page_index base = page_alloc_take_64(pages, count, &cache->free, &cache->scavenged);
    if (base == PAGE_NONE) {
        return false;
    }
    cache->base = base;
    return true;
}

page_index page_cache_take(struct page_cache *cache, size_t count, size_t *scavenged)
{
    TRI_ASSERT(count >= 1 && count < PAGE_CACHE_RUN_LIMIT);
    unsigned first = bits_find_run(cache->free, (unsigned)count);
    if (first == 64) {
        return PAGE_NONE;
    }
    uint64_t mask = bit_range(first, (unsigned)count);
    *scavenged = bit_count(cache->scavenged & mask);
    cache->free &= ~mask;
    cache->scavenged &= ~mask;
    return cache->base + first;
}

void page_cache_flush(struct page_cache *cache, struct page_alloc *pages)
{
    page_alloc_give_64(pages, cache->base, cache->free, cache->scavenged); /* [page_cache.2] */
    *cache = (struct page_cache){0};
}
