/* scavenge.h -- which free pages go back to the system. Policy only: who asks the system, and when,
 * is not known here.
 */
#ifndef GC_SCAVENGE_H
#define GC_SCAVENGE_H

#include "gc/page_alloc.h"

struct page_run {
    page_index first;
    size_t count;
};

/* The answer of one look. */
enum scavenge_found {
    SCAVENGE_FOUND,
    SCAVENGE_MORE, /* not found yet: call again; PAGES may be released meanwhile */
    SCAVENGE_NONE  /* there is nothing to give */
};

/* Look for the next run of free pages with contents, from the highest address down: at most
 * most_pages, rounded up to whole pages of the system, and to a whole huge page where one would be
 * torn up. Where a whole chunk is free and most_pages allows it, the run is the chunk, and may
 * contain pages that are scavenged. Without forced, chunks that are nearly full are passed over. */
enum scavenge_found scavenge_find(struct page_alloc *pages, size_t most_pages, bool forced,
                                  struct page_run *run) LOCK_REQUIRES(pages->lock);

/* The highest run in one chunk, of the pages whose bits are clear in both bitmaps; by pages of the
 * chunk. count 0: there is none. group is the system's page in ours, a power of two up to 64. */
struct page_run scavenge_find_in_chunk(const struct page_bits *bits, size_t most_pages,
                                       size_t group);

#endif
