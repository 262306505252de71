/* page_alloc.c -- runs of pages of the heap's address space.
 *
 * Owns:       the bitmaps of all chunks, their summaries, the search hint. Nobody else writes them.
 * Idea:       address-ordered first fit over a radix tree of (start, max, end) free-run lengths.
 *             Freed runs coalesce by construction, since a run is nothing but neighbouring zero
 *             bits.
 * Invariants:
 *   [page_alloc.1] A summary MUST equal the summary of what it covers; otherwise a free run is
 *                  never found again (memory grows), or the search descends to a run that is not
 *                  there.
 *   [page_alloc.2] No page below `search` MUST be free; otherwise first fit skips it, and
 *                  page_alloc_take_64 misses it.
 *   [page_alloc.3] The summaries of what lies beyond grown_pages MUST be 0, which is "in use";
 *                  otherwise memory that was never committed is handed out.
 *   [page_alloc.4] free_pages and scavenged_pages MUST equal the bits they count; otherwise runs
 *                  are searched for in vain, or not found.
 *   [page_alloc.5] The bits of what lies beyond grown_pages MUST be clear; otherwise pages that
 *                  come into being once more are in use for ever.
 * Locks:      everything here needs PAGES.
 * Callers:    mutators on the allocation slow path, the sweeper, who scavenges. Never a trace
 *             callback.
 * Units:      pages of 8 KiB; a chunk is 512 pages.
 * Sources:    the runtime of Go for the idea; the tree has as many levels as the heap needs, so
 *             that a small heap pays little.
 */
#include "gc/page_alloc.h"

#include "gc/port.h"

_Static_assert(sizeof(struct page_bits) == 128, "two cache lines a chunk");
_Static_assert(CHUNK_PAGES << (PAGE_ALLOC_FANOUT_BITS * (PAGE_ALLOC_LEVELS - 1)) ==
                   PAGE_SUMMARY_MAX,
               "an entry of the root level fits into a summary");

/* Entries a root level may have before another level is worth its place. */
#define ROOT_ENTRIES PAGE_ALLOC_FANOUT

/* ---- Geometry -------------------------------------------------------------------------------- */

/* Pages that an entry of level stands for, as a shift. */
static unsigned level_shift(const struct page_alloc *pages, unsigned level)
{
    const unsigned chunk_shift = 9;
    _Static_assert(CHUNK_PAGES == 1 << 9, "chunk_shift");
    return chunk_shift + PAGE_ALLOC_FANOUT_BITS * (pages->levels - 1 - level);
}

static struct page_bits *chunk_bits(const struct page_alloc *pages, size_t chunk)
{
    return side_table_at(&pages->chunks, chunk);
}

static struct page_bits *bits_of_page(const struct page_alloc *pages, page_index page)
{
    return chunk_bits(pages, page / CHUNK_PAGES);
}

/* The part of [first, first + count) that lies in the chunk of first. */
static size_t part_in_chunk(size_t first, size_t count)
{
    return size_min(count, CHUNK_PAGES - first % CHUNK_PAGES);
}

/* The children of entry index of level, PAGE_ALLOC_FANOUT of them. */
static const page_summary *children(const struct page_alloc *pages, unsigned level, size_t index)
{
    return &pages->level[level + 1][index << PAGE_ALLOC_FANOUT_BITS];
}

/* ---- Creation -------------------------------------------------------------------------------- */

/* Sets levels and level_entries. Below the root, levels have whole groups of siblings. Returns
 * entries above the leaves. */
static size_t choose_levels(struct page_alloc *pages, size_t chunks)
{
    size_t root = chunks;
    pages->levels = 1;
    while (root > ROOT_ENTRIES && pages->levels < PAGE_ALLOC_LEVELS) {
        root = (root + PAGE_ALLOC_FANOUT - 1) >> PAGE_ALLOC_FANOUT_BITS;
        pages->levels++;
    }
    size_t inner = 0;
    size_t entries = root;
    for (unsigned level = 0; level < pages->levels; level++) {
        pages->level_entries[level] = entries;
        if (level + 1 < pages->levels) {
            inner += entries;
        }
        entries <<= PAGE_ALLOC_FANOUT_BITS;
    }
    return inner;
}

static bool create_tables(struct page_alloc *pages)
{
    size_t chunks = (pages->max_pages + CHUNK_PAGES - 1) / CHUNK_PAGES;
    size_t inner = choose_levels(pages, chunks);
    if (!side_table_init(&pages->chunks, sizeof(struct page_bits), chunks,
                         "trillium metadata: page bits") ||
        !side_table_init(&pages->leaves, sizeof(page_summary),
                         pages->level_entries[pages->levels - 1],
                         "trillium metadata: page summaries") ||
        !scavenge_index_init(&pages->index, chunks)) {
        return false;
    }
    if (inner > 0 && (!side_table_init(&pages->inner, sizeof(page_summary), inner,
                                       "trillium metadata: page summaries") ||
                      !side_table_extend(&pages->inner, inner))) {
        return false;
    }
    page_summary *next = (page_summary *)(void *)pages->inner.base;
    for (unsigned level = 0; level + 1 < pages->levels; level++) {
        pages->level[level] = next;
        next += pages->level_entries[level];
    }
    pages->level[pages->levels - 1] = (page_summary *)(void *)pages->leaves.base;
    return true;
}

bool page_alloc_init(struct page_alloc *pages, size_t max_pages)
{
    TRI_ASSERT(max_pages >= 1 && max_pages <= PAGE_ALLOC_MAX_PAGES);
    *pages = (struct page_alloc){.max_pages = max_pages};
    lock_init(&pages->lock, LOCK_PAGES);
    if (!create_tables(pages)) {
        page_alloc_destroy(pages);
        return false;
    }
    return true;
}

void page_alloc_destroy(struct page_alloc *pages)
{
    scavenge_index_destroy(&pages->index);
    side_table_destroy(&pages->inner);
    side_table_destroy(&pages->leaves);
    side_table_destroy(&pages->chunks);
    lock_destroy(&pages->lock);
    *pages = (struct page_alloc){0};
}

/* ---- Summaries ------------------------------------------------------------------------------- */

/* Recompute the leaves of [first, first + count), none of which is empty. */
static void update_leaves(struct page_alloc *pages, size_t first, size_t count)
{
    page_summary *leaves = pages->level[pages->levels - 1];
    for (size_t i = first / CHUNK_PAGES; i <= (first + count - 1) / CHUNK_PAGES; i++) {
        leaves[i] = page_bits_summarize(chunk_bits(pages, i));
    }
}

/* Make [page_alloc.1] hold again after leaves of [first, first + count) have changed. */
static void update_inner(struct page_alloc *pages, size_t first, size_t count)
{
    for (unsigned level = pages->levels - 1; level-- > 0;) {
        unsigned shift = level_shift(pages, level);
        size_t child_pages = (size_t)1 << level_shift(pages, level + 1);
        bool changed = false;
        for (size_t i = first >> shift; i <= (first + count - 1) >> shift; i++) {
            page_summary summary =
                page_summary_merge(children(pages, level, i), PAGE_ALLOC_FANOUT, child_pages);
            changed |= summary != pages->level[level][i];
            pages->level[level][i] = summary;
        }
        if (!changed) {
            return;
        }
    }
}

/* The same after bits of [first, first + count) have changed. */
static void update_summaries(struct page_alloc *pages, size_t first, size_t count)
{
    update_leaves(pages, first, count);
    update_inner(pages, first, count);
}

/* Tell the index of [first, first + count), which are in use now. */
static void note_taken(struct page_alloc *pages, size_t first, size_t count)
{
    for (size_t at = first; at < first + count;) {
        size_t part = part_in_chunk(at, first + count - at);
        scavenge_index_take(&pages->index, at / CHUNK_PAGES, part);
        at += part;
    }
}

bool page_alloc_grow(struct page_alloc *pages, page_index first, size_t count)
{
    lock_assert_held(&pages->lock);
    TRI_ASSERT(first == pages->grown_pages && first % CHUNK_PAGES == 0);
    TRI_ASSERT(count > 0 && count % CHUNK_PAGES == 0);
    TRI_ASSERT(count <= align_up(pages->max_pages, CHUNK_PAGES) - first);
    size_t chunks = (first + count) / CHUNK_PAGES;
    /* Summaries are read by whole groups of siblings. */
    if (!side_table_extend(&pages->chunks, chunks) ||
        !side_table_extend(&pages->index.records, chunks) ||
        !side_table_extend(&pages->leaves,
                           size_min(align_up(chunks, PAGE_ALLOC_FANOUT), pages->leaves.capacity))) {
        return false;
    }
    for (size_t i = first / CHUNK_PAGES; i < chunks; i++) {
        bitmap_set_range(chunk_bits(pages, i)->scavenged, 0, CHUNK_PAGES);
    }
    pages->grown_pages += count;
    pages->free_pages += count;
    pages->scavenged_pages += count;
    update_summaries(pages, first, count);
    /* [page_alloc.2] needs nothing: search is at most `first`. */
    return true;
}

void page_alloc_shrink(struct page_alloc *pages, size_t count)
{
    lock_assert_held(&pages->lock);
    TRI_ASSERT(count > 0 && count % CHUNK_PAGES == 0 && count <= page_alloc_free_end(pages));
    size_t first = pages->grown_pages - count;
    for (size_t i = first / CHUNK_PAGES; i < pages->grown_pages / CHUNK_PAGES; i++) {
        struct page_bits *bits = chunk_bits(pages, i);
        pages->scavenged_pages -= bitmap_count_range(bits->scavenged, 0, CHUNK_PAGES);
        bitmap_clear_range(bits->scavenged, 0, CHUNK_PAGES); /* [page_alloc.5] */
        scavenge_index_record(&pages->index, i)->may_give = false;
        pages->level[pages->levels - 1][i] = 0; /* [page_alloc.3] */
    }
    update_inner(pages, first, count);
    pages->grown_pages -= count;
    pages->free_pages -= count;
    TRI_ASSERT(pages->search <= pages->grown_pages); /* [page_alloc.2]: all from there on was
                                                        free */
}

/* ---- Finding --------------------------------------------------------------------------------- */

/* What a search has found out. */
struct search {
    size_t count;   /* pages wanted */
    size_t found;   /* the first page of the run; PAGE_NONE where there is none */
    size_t lowest;  /* no page below this one is free */
    bool may_raise; /* the block being searched has the first free page: it can raise `lowest` */
};

static void search_chunk(const struct page_alloc *pages, struct search *search, size_t chunk)
{
    const struct page_bits *bits = chunk_bits(pages, chunk);
    size_t first = chunk * CHUNK_PAGES;
    if (search->may_raise) {
        search->lowest = first + bitmap_find_clear(bits->in_use, 0, CHUNK_PAGES);
    }
    size_t found = page_bits_find(bits, search->count, 0);
    if (!TRI_NEVER(found == PAGE_BITS_NONE)) { /* [page_alloc.1] */
        search->found = first + found;
    }
}

/* Search entries [from, to) of level for a run. Sets found where one crosses the border between two
 * of them. Otherwise returns the entry that has one inside; `to` where there is none at all. */
static size_t search_level(const struct page_alloc *pages, struct search *search, unsigned level,
                           size_t from, size_t to)
{
    unsigned shift = level_shift(pages, level);
    size_t block_pages = (size_t)1 << shift;
    size_t run = 0; /* free pages just below the entry looked at */
    size_t first_free = to;
    for (size_t i = from; i < to; i++) {
        page_summary summary = pages->level[level][i];
        if (summary == 0) {
            run = 0;
            continue;
        }
        if (first_free == to) {
            first_free = i;
            if (search->may_raise) {
                search->lowest = size_max(search->lowest, i << shift);
            }
        }
        size_t start = page_summary_start(summary);
        if (run + start >= search->count) {
            search->found = (i << shift) - run;
            return i;
        }
        if (page_summary_max(summary) >= search->count) {
            search->may_raise = search->may_raise && i == first_free;
            return i;
        }
        run = start == block_pages ? run + block_pages : page_summary_end(summary);
    }
    return to;
}

/* Search the whole tree, from the hint on. */
static struct search search_tree(const struct page_alloc *pages, size_t count)
{
    struct search search = {
        .count = count, .found = PAGE_NONE, .lowest = pages->search, .may_raise = true};
    size_t hint_chunk = pages->search / CHUNK_PAGES;
    unsigned leaf_level = pages->levels - 1;
    if (pages->search < pages->grown_pages &&
        page_summary_max(pages->level[leaf_level][hint_chunk]) >= count) {
        /* All below the hint is in use, so no run that begins earlier reaches into this chunk. */
        search_chunk(pages, &search, hint_chunk);
        return search;
    }
    size_t from = pages->search >> level_shift(pages, 0);
    size_t to = pages->level_entries[0];
    for (unsigned level = 0; level < pages->levels; level++) {
        size_t entry = search_level(pages, &search, level, from, to);
        if (search.found != PAGE_NONE) {
            return search;
        }
        if (entry == to) {
            (void)TRI_NEVER(level > 0); /* [page_alloc.1] */
            return search;
        }
        from = entry << PAGE_ALLOC_FANOUT_BITS;
        to = from + PAGE_ALLOC_FANOUT;
    }
    search_chunk(pages, &search, from >> PAGE_ALLOC_FANOUT_BITS);
    return search;
}

/* ---- Taking and giving ----------------------------------------------------------------------- */

/* Mark [first, first + count), all free, as in use. Returns how many were scavenged. */
static size_t mark_taken(struct page_alloc *pages, size_t first, size_t count)
{
    size_t scavenged = 0;
    for (size_t at = first; at < first + count;) {
        size_t part = part_in_chunk(at, first + count - at);
        scavenged += page_bits_take(chunk_bits(pages, at / CHUNK_PAGES), at % CHUNK_PAGES, part);
        at += part;
    }
    pages->free_pages -= count;
    pages->scavenged_pages -= scavenged;
    update_summaries(pages, first, count);
    return scavenged;
}

page_index page_alloc_take(struct page_alloc *pages, size_t count, size_t *scavenged)
{
    lock_assert_held(&pages->lock);
    TRI_ASSERT(count > 0);
    if (count > pages->free_pages) {
        return PAGE_NONE;
    }
    struct search search = search_tree(pages, count);
    pages->search = (page_index)search.lowest;
    if (search.found == PAGE_NONE) {
        return PAGE_NONE;
    }
    *scavenged = mark_taken(pages, search.found, count);
    note_taken(pages, search.found, count);
    if (search.lowest == search.found) {
        pages->search = (page_index)(search.found + count);
    }
    return (page_index)search.found;
}

/* Pages [first, first + count), whose bits say so, are free now. */
static void enter_free(struct page_alloc *pages, page_index first, size_t count)
{
    pages->free_pages += count;
    update_summaries(pages, first, count);
    if (first < pages->search) {
        pages->search = first; /* [page_alloc.2] */
    }
}

void page_alloc_give(struct page_alloc *pages, page_index first, size_t count)
{
    lock_assert_held(&pages->lock);
    TRI_ASSERT(count > 0 && first < pages->grown_pages && count <= pages->grown_pages - first);
    size_t end = first + count;
    for (size_t at = first; at < end;) {
        size_t part = part_in_chunk(at, end - at);
        page_bits_give(chunk_bits(pages, at / CHUNK_PAGES), at % CHUNK_PAGES, part);
        scavenge_index_give(&pages->index, at / CHUNK_PAGES, part, true);
        at += part;
    }
    enter_free(pages, first, count);
}

size_t page_alloc_hold(struct page_alloc *pages, page_index first, size_t count)
{
    lock_assert_held(&pages->lock);
    TRI_ASSERT(count > 0 && part_in_chunk(first, count) == count);
    size_t scavenged = mark_taken(pages, first, count);
    scavenge_index_hold(&pages->index, first / CHUNK_PAGES, count);
    return count - scavenged;
}

void page_alloc_let_go(struct page_alloc *pages, page_index first, size_t count, bool scavenged)
{
    lock_assert_held(&pages->lock);
    struct page_bits *bits = bits_of_page(pages, first);
    page_bits_give(bits, first % CHUNK_PAGES, count);
    if (scavenged) {
        bitmap_set_range(bits->scavenged, first % CHUNK_PAGES, count);
        pages->scavenged_pages += count;
    }
    scavenge_index_let_go(&pages->index, first / CHUNK_PAGES, count, !scavenged);
    enter_free(pages, first, count);
}

page_index page_alloc_take_64(struct page_alloc *pages, size_t count, uint64_t *free,
                              uint64_t *scavenged)
{
    lock_assert_held(&pages->lock);
    TRI_ASSERT(count >= 1 && count <= 64);
    if (count > pages->free_pages) {
        return PAGE_NONE;
    }
    struct search search = search_tree(pages, count);
    pages->search = (page_index)search.lowest;
    if (search.found == PAGE_NONE) {
        (void)TRI_NEVER(count == 1); /* [page_alloc.4] */
        return PAGE_NONE;
    }
    page_index first = (page_index)align_down(search.found, 64);
    struct page_bits *bits = bits_of_page(pages, first);
    size_t word = first % CHUNK_PAGES / 64;
    *free = ~bits->in_use[word];
    *scavenged = bits->scavenged[word];
    bits->in_use[word] = ~UINT64_C(0);
    bits->scavenged[word] = 0;
    pages->free_pages -= bit_count(*free);
    pages->scavenged_pages -= bit_count(*scavenged);
    update_summaries(pages, first, 64);
    scavenge_index_take(&pages->index, first / CHUNK_PAGES, bit_count(*free));
    if (search.lowest >= first) {
        pages->search = first + 64; /* [page_alloc.2]: the lowest free page was among them */
    }
    return first;
}

void page_alloc_give_64(struct page_alloc *pages, page_index first, uint64_t free,
                        uint64_t scavenged)
{
    lock_assert_held(&pages->lock);
    TRI_ASSERT((scavenged & ~free) == 0);
    if (free == 0) {
        return;
    }
    TRI_ASSERT(first % 64 == 0 && first < pages->grown_pages);
    struct page_bits *bits = bits_of_page(pages, first);
    size_t word = first % CHUNK_PAGES / 64;
    TRI_ASSERT((bits->in_use[word] & free) == free);
    bits->in_use[word] &= ~free;
    bits->scavenged[word] |= scavenged;
    pages->free_pages += bit_count(free);
    pages->scavenged_pages += bit_count(scavenged);
    update_summaries(pages, first, 64);
    scavenge_index_give(&pages->index, first / CHUNK_PAGES, bit_count(free), scavenged != free);
    pages->search = (page_index)size_min(pages->search, first + trailing_zeros(free));
}

/* ---- Questions ------------------------------------------------------------------------------- */

bool page_alloc_in_use(const struct page_alloc *pages, page_index page)
{
    lock_assert_held(&pages->lock);
    TRI_ASSERT(page < pages->grown_pages);
    return bitmap_get(bits_of_page(pages, page)->in_use, page % CHUNK_PAGES);
}

size_t page_alloc_free_pages(const struct page_alloc *pages)
{
    lock_assert_held(&pages->lock);
    return pages->free_pages;
}

size_t page_alloc_free_end(const struct page_alloc *pages)
{
    lock_assert_held(&pages->lock);
    size_t free = 0;
    for (size_t chunk = pages->grown_pages / CHUNK_PAGES; chunk-- > 0;) {
        size_t end = page_summary_end(pages->level[pages->levels - 1][chunk]);
        free += end;
        if (end < CHUNK_PAGES) {
            break;
        }
    }
    return free;
}

size_t page_alloc_scavenged_pages(const struct page_alloc *pages)
{
    lock_assert_held(&pages->lock);
    return pages->scavenged_pages;
}

size_t page_alloc_metadata_bytes(const struct page_alloc *pages)
{
    return side_table_bytes(&pages->chunks) + side_table_bytes(&pages->leaves) +
           side_table_bytes(&pages->inner) + side_table_bytes(&pages->index.records);
}

/* ---- Checking -------------------------------------------------------------------------------- */

/* What the index says of chunk i, and what its bits say. */
static const char *check_record(const struct page_alloc *pages, size_t i)
{
    const struct page_bits *bits = chunk_bits(pages, i);
    const struct chunk_record *record = scavenge_index_record(&pages->index, i);
    size_t scavenged = bitmap_count_range(bits->scavenged, 0, CHUNK_PAGES);
    if (record->in_use !=
        bitmap_count_range(bits->in_use, 0, CHUNK_PAGES)) { /* [scavenge_index.1] */
        return "the pages in use of a chunk are miscounted [scavenge_index.1]";
    }
    if (!record->may_give && record->in_use + scavenged != CHUNK_PAGES &&
        port_os_page_bytes() <= PAGE_BYTES) {
        return "a chunk has pages to give back that nobody will look for [scavenge_index.2]";
    }
    if (record->may_give && pages->index.cursor[true] <= i) {
        return "a chunk that may give pages back lies behind the search [scavenge_index.2]";
    }
    if (record->dormant && scavenged != CHUNK_PAGES) {
        return "a chunk is dormant that is in use [scavenge_index.3]";
    }
    return NULL;
}

/* The chunks that are committed and do not exist. */
static const char *check_unborn(const struct page_alloc *pages)
{
    for (size_t i = pages->grown_pages / CHUNK_PAGES; i < pages->chunks.committed; i++) {
        const struct page_bits *bits = chunk_bits(pages, i);
        if (bitmap_find_set(bits->in_use, 0, CHUNK_PAGES) != CHUNK_PAGES ||
            bitmap_find_set(bits->scavenged, 0, CHUNK_PAGES) != CHUNK_PAGES) {
            return "pages that do not exist have bits [page_alloc.5]";
        }
    }
    size_t dormant = 0;
    for (size_t i = 0; i < pages->index.records.committed; i++) {
        dormant += scavenge_index_record(&pages->index, i)->dormant;
    }
    if (dormant != load_relaxed(&pages->index.dormant)) {
        return "the dormant chunks are miscounted [scavenge_index.3]";
    }
    return NULL;
}

static const char *check_chunks(const struct page_alloc *pages)
{
    size_t free = 0;
    size_t scavenged = 0;
    for (size_t i = 0; i < pages->grown_pages / CHUNK_PAGES; i++) {
        const struct page_bits *bits = chunk_bits(pages, i);
        for (size_t word = 0; word < PAGE_BITS_WORDS; word++) {
            if (bits->in_use[word] & bits->scavenged[word]) {
                return "a page is in use and scavenged [page_bits.1]";
            }
            free += bit_count(~bits->in_use[word]);
            scavenged += bit_count(bits->scavenged[word]);
        }
        if (pages->level[pages->levels - 1][i] != page_bits_summarize(bits)) {
            return "the summary of a chunk is wrong [page_alloc.1]";
        }
        const char *problem = check_record(pages, i);
        if (problem != NULL) {
            return problem;
        }
    }
    if (free != pages->free_pages || scavenged != pages->scavenged_pages) {
        return "free or scavenged pages are miscounted [page_alloc.4]";
    }
    return NULL;
}

static const char *check_inner(const struct page_alloc *pages)
{
    for (unsigned level = 0; level + 1 < pages->levels; level++) {
        unsigned shift = level_shift(pages, level);
        size_t child_pages = (size_t)1 << level_shift(pages, level + 1);
        for (size_t i = 0; i < pages->level_entries[level]; i++) {
            page_summary want = 0; /* [page_alloc.3] */
            if (i << shift < pages->grown_pages) {
                want =
                    page_summary_merge(children(pages, level, i), PAGE_ALLOC_FANOUT, child_pages);
            }
            if (pages->level[level][i] != want) {
                return "a summary differs from that of its children [page_alloc.1]";
            }
        }
    }
    return NULL;
}

/* The leaves that are committed and stand for chunks which do not exist. */
static const char *check_beyond(const struct page_alloc *pages)
{
    for (size_t i = pages->grown_pages / CHUNK_PAGES; i < pages->leaves.committed; i++) {
        if (pages->level[pages->levels - 1][i] != 0) {
            return "pages that do not exist are free [page_alloc.3]";
        }
    }
    return NULL;
}

static const char *check_search(const struct page_alloc *pages)
{
    if (pages->search > pages->grown_pages) {
        return "the search hint lies beyond the heap";
    }
    for (size_t at = 0; at < pages->search;) {
        size_t part = part_in_chunk(at, pages->search - at);
        const struct page_bits *bits = chunk_bits(pages, at / CHUNK_PAGES);
        if (bitmap_count_range(bits->in_use, at % CHUNK_PAGES, part) != part) {
            return "a page below the search hint is free [page_alloc.2]";
        }
        at += part;
    }
    return NULL;
}

const char *page_alloc_check(const struct page_alloc *pages)
{
    lock_assert_held(&pages->lock);
    const char *problem = check_chunks(pages);
    problem = problem != NULL ? problem : check_inner(pages);
    problem = problem != NULL ? problem : check_beyond(pages);
    problem = problem != NULL ? problem : check_unborn(pages);
    return problem != NULL ? problem : check_search(pages);
}
