/* page_bits.c -- the pages of one chunk.
 *
 * Owns:       nothing; it works on what the page heap owns.
 * Invariants:
 *   [page_bits.1] A page that is in use MUST NOT be marked scavenged; otherwise it is taken for
 *                 zero, and for memory that costs nothing, when it is free again.
 * Locks:      none of its own; callers hold PAGES.
 * Callers:    page_alloc, scavenge.
 */
#include "gc/page_bits.h"

#include "gc/assert.h"

page_summary page_summary_pack(size_t start, size_t max, size_t end)
{
    if (max == PAGE_SUMMARY_MAX) {
        TRI_ASSERT(start == max && end == max);
        return PAGE_SUMMARY_ALL;
    }
    TRI_ASSERT(start <= max && end <= max && max < PAGE_SUMMARY_MAX);
    return start | max << PAGE_SUMMARY_BITS | end << (2 * PAGE_SUMMARY_BITS);
}

page_summary page_summary_merge(const page_summary *parts, size_t count, size_t block_pages)
{
    size_t start = 0;
    size_t max = 0;
    size_t end = 0; /* free pages up to the end of the parts seen so far */
    for (size_t i = 0; i < count; i++) {
        size_t part_start = page_summary_start(parts[i]);
        if (start == i * block_pages) {
            start += part_start;
        }
        max = size_max(size_max(max, end + part_start), page_summary_max(parts[i]));
        end = part_start == block_pages ? end + block_pages : page_summary_end(parts[i]);
    }
    return page_summary_pack(start, max, end);
}

/* Bit i of the result: the count (1..64) bits from i on are set in word. */
static uint64_t run_starts(uint64_t word, size_t count)
{
    for (size_t length = 1; length < count;) {
        size_t more = size_min(length, count - length);
        word &= word >> more;
        length += more;
    }
    return word;
}

/* The longest run of ones in word; max where there is none longer than that. A word of ones alone
 * has been counted already: max is then at least 64. */
static size_t longest_run(uint64_t word, size_t max)
{
    if (max >= 64) {
        return max;
    }
    TRI_ASSERT(~word != 0);
    uint64_t starts = run_starts(word, max + 1);
    while (starts != 0) {
        max++;
        starts &= word >> max;
    }
    return max;
}

unsigned bits_find_run(uint64_t word, unsigned count)
{
    TRI_ASSERT(count >= 1 && count <= 64);
    return trailing_zeros(run_starts(word, count));
}

size_t page_bits_find(const struct page_bits *bits, size_t pages, size_t from)
{
    TRI_ASSERT(pages >= 1 && pages <= CHUNK_PAGES);
    size_t run = 0; /* free pages just below the word looked at */
    for (size_t i = from / 64; i < PAGE_BITS_WORDS; i++) {
        uint64_t free = ~bits->in_use[i];
        if (i == from / 64) {
            free &= ~UINT64_C(0) << (from % 64);
        }
        size_t low = trailing_zeros(~free);
        if (run + low >= pages) {
            return i * 64 - run;
        }
        if (pages < 64) {
            unsigned inside = bits_find_run(free, (unsigned)pages);
            if (inside < 64) {
                return i * 64 + inside;
            }
        }
        run = low == 64 ? run + 64 : leading_zeros(~free);
    }
    return PAGE_BITS_NONE;
}

size_t page_bits_take(struct page_bits *bits, size_t first, size_t pages)
{
    TRI_ASSERT(first + pages <= CHUNK_PAGES);
    TRI_ASSERT(bitmap_count_range(bits->in_use, first, pages) == 0);
    size_t scavenged = bitmap_count_range(bits->scavenged, first, pages);
    bitmap_set_range(bits->in_use, first, pages);
    bitmap_clear_range(bits->scavenged, first, pages); /* [page_bits.1] */
    return scavenged;
}

void page_bits_give(struct page_bits *bits, size_t first, size_t pages)
{
    TRI_ASSERT(first + pages <= CHUNK_PAGES);
    TRI_ASSERT(bitmap_count_range(bits->in_use, first, pages) == pages);
    bitmap_clear_range(bits->in_use, first, pages);
}

page_summary page_bits_summarize(const struct page_bits *bits)
{
    size_t start = bitmap_find_set(bits->in_use, 0, CHUNK_PAGES);
    if (start == CHUNK_PAGES) {
        return page_summary_pack(CHUNK_PAGES, CHUNK_PAGES, CHUNK_PAGES);
    }
    size_t max = start;
    size_t run = 0; /* free pages just below the word looked at */
    for (size_t i = 0; i < PAGE_BITS_WORDS; i++) {
        size_t low = trailing_zeros(bits->in_use[i]);
        max = size_max(max, run + low);
        run = low == 64 ? run + 64 : leading_zeros(bits->in_use[i]);
    }
    /* What lies inside a word matters only where it is longer, which it seldom is. */
    for (size_t i = 0; i < PAGE_BITS_WORDS; i++) {
        max = longest_run(~bits->in_use[i], max);
    }
    return page_summary_pack(start, max, run);
}
