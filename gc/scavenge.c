/* scavenge.c -- which free pages go back to the system.
 *
 * Owns:       nothing: it reads the page allocator's bits and moves the cursors of its index.
 * Idea:       Go's. Pages are taken from the lowest address up and given back from the highest
 *             down, so the two do not meet while there is anything between.
 * Invariants:
 *   [scavenge.1] A run MUST consist of whole pages of the system, all of them free; otherwise
 *                giving it back destroys what a neighbour has there.
 *   [scavenge.2] A chunk MUST lose may_give only where a search has found nothing in it; otherwise
 *                pages with contents stay for ever.
 * Locks:      PAGES, held by the caller, for a bounded number of chunks at a time.
 * Callers:    page_heap.
 */
#include "gc/scavenge.h"

#include "gc/port.h"
#include "gc/tuning.h"

/* Our pages in a page of the system; 1 where that is not larger. */
static size_t pages_of_group(void)
{
    size_t group = port_os_page_bytes() / PAGE_BYTES;
    return group > 1 ? group : 1;
}

/* Bit i of the result: it belongs to an aligned group of bits that are all set in word. */
static uint64_t whole_groups(uint64_t word, size_t group)
{
    for (size_t length = 1; length < group; length *= 2) {
        word &= word >> length;
    }
    if (group == 64) {
        return word == 0 ? 0 : ~UINT64_C(0);
    }
    uint64_t whole = 0;
    for (size_t i = 0; i < 64; i += group) {
        whole |= (word >> i & 1) * bit_range((unsigned)i, (unsigned)group);
    }
    return whole;
}

/* Pages of a word that could be given. [scavenge.1] */
static uint64_t candidates(const struct page_bits *bits, size_t word, size_t group)
{
    uint64_t free = ~(bits->in_use[word] | bits->scavenged[word]);
    return group == 1 ? free : whole_groups(free, group);
}

/* Where the run of candidates that ends at end, exclusive, begins. */
static size_t run_start(const struct page_bits *bits, size_t end, size_t group)
{
    size_t start = end;
    while (start > 0) {
        size_t word = (start - 1) / 64;
        size_t inside = start - word * 64; /* 1..64: bits of this word below start */
        uint64_t free = candidates(bits, word, group) << (64 - inside);
        size_t run = size_min(leading_zeros(~free), inside);
        start -= run;
        if (run < inside) {
            break;
        }
    }
    return start;
}

struct page_run scavenge_find_in_chunk(const struct page_bits *bits, size_t most_pages,
                                       size_t group)
{
    for (size_t word = PAGE_BITS_WORDS; word-- > 0;) {
        uint64_t free = candidates(bits, word, group);
        if (free == 0) {
            continue;
        }
        size_t end = word * 64 + 64 - leading_zeros(free);
        size_t lowest = run_start(bits, end, group);
        size_t count = size_min(align_up(most_pages, group), end - lowest);
        size_t start = end - count;
        size_t huge = align_down(start, SCAVENGE_HUGE_PAGES);
        if (huge >= lowest && align_up(start, SCAVENGE_HUGE_PAGES) <= end) {
            start = huge; /* rather the whole huge page than a part */
        }
        return (struct page_run){(page_index)start, end - start};
    }
    return (struct page_run){0, 0};
}

/* The run in this chunk; count 0 where there is none. */
static struct page_run look_into(const struct page_alloc *pages, size_t chunk, size_t most_pages)
{
    const struct page_bits *bits = page_alloc_chunk(pages, chunk);
    struct page_run run = scavenge_find_in_chunk(bits, most_pages, pages_of_group());
    bool is_empty = scavenge_index_record(&pages->index, chunk)->in_use == 0;
    if (run.count > 0 && is_empty && most_pages >= CHUNK_PAGES) {
        run = (struct page_run){0, CHUNK_PAGES};
    }
    run.first += (page_index)(chunk * CHUNK_PAGES);
    return run;
}

enum scavenge_found scavenge_find(struct page_alloc *pages, size_t most_pages, bool forced,
                                  struct page_run *run)
{
    lock_assert_held(&pages->lock);
    TRI_ASSERT(most_pages > 0);
    struct scavenge_index *index = &pages->index;
    size_t *cursor = &index->cursor[forced];
    *cursor = size_min(*cursor, pages->grown_pages / CHUNK_PAGES);
    for (size_t looked = 0; *cursor > 0; looked++) {
        size_t chunk = *cursor - 1;
        if (looked == SCAVENGE_LOOK_CHUNKS) {
            return SCAVENGE_MORE;
        }
        if (scavenge_index_may_give(index, chunk, forced)) {
            *run = look_into(pages, chunk, most_pages);
            if (run->count > 0) {
                return SCAVENGE_FOUND;
            }
            scavenge_index_record(index, chunk)->may_give = false; /* [scavenge.2] */
        }
        *cursor = chunk;
    }
    return SCAVENGE_NONE;
}
