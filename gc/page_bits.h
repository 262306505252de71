/* page_bits.h -- the pages of one chunk: which are in use, which of the free ones are scavenged,
 * and what runs of free pages there are. Plain memory without a lock of its own: the caller holds
 * PAGES.
 */
#ifndef GC_PAGE_BITS_H
#define GC_PAGE_BITS_H

#include "gc/bits.h"

#define PAGE_BITS_WORDS (CHUNK_PAGES / WORD_BITS)

/* No such page in a chunk. */
#define PAGE_BITS_NONE CHUNK_PAGES

/* 512 pages. All zero: free, with contents. */
struct page_bits {
    uint64_t in_use[PAGE_BITS_WORDS];    /* part of a span, or in a page cache */
    uint64_t scavenged[PAGE_BITS_WORDS]; /* free, and costs no memory: never touched, or given
                                            back */
};

/* The free runs of a block of pages, packed into a word: how many pages are free at its start, in
 * its longest run, at its end.
 *
 *     bits 0..20   start
 *     bits 21..41  max
 *     bits 42..62  end
 *     bit 63       all three are PAGE_SUMMARY_MAX, which 21 bits cannot say
 *
 * The block is a chunk or a power of 8 of them. 0 says that no page is free. */
typedef uint64_t page_summary;

#define PAGE_SUMMARY_BITS 21
#define PAGE_SUMMARY_MAX  ((size_t)1 << PAGE_SUMMARY_BITS)
#define PAGE_SUMMARY_ALL  (UINT64_C(1) << 63)

/* Each at most PAGE_SUMMARY_MAX; where one is PAGE_SUMMARY_MAX, all are. */
page_summary page_summary_pack(size_t start, size_t max, size_t end);

static inline size_t page_summary_start(page_summary summary)
{
    return summary & PAGE_SUMMARY_ALL ? PAGE_SUMMARY_MAX : summary & (PAGE_SUMMARY_MAX - 1);
}

static inline size_t page_summary_max(page_summary summary)
{
    return summary & PAGE_SUMMARY_ALL ? PAGE_SUMMARY_MAX
                                      : summary >> PAGE_SUMMARY_BITS & (PAGE_SUMMARY_MAX - 1);
}

static inline size_t page_summary_end(page_summary summary)
{
    return summary & PAGE_SUMMARY_ALL ? PAGE_SUMMARY_MAX
                                      : summary >> (2 * PAGE_SUMMARY_BITS) & (PAGE_SUMMARY_MAX - 1);
}

/* The summary of count adjacent blocks of block_pages each, given theirs. */
page_summary page_summary_merge(const page_summary *parts, size_t count, size_t block_pages);

/* The lowest position in word from which on count (1..64) bits are set; 64 if there is none. */
unsigned bits_find_run(uint64_t word, unsigned count);

/* The first page, at or after from, of the first run of pages (1..512) free pages; PAGE_BITS_NONE
 * if there is none. A run that begins before from counts from there only. */
size_t page_bits_find(const struct page_bits *bits, size_t pages, size_t from);

/* Mark [first, first + pages), all free, as in use. Returns how many were scavenged; they no longer
 * are. */
size_t page_bits_take(struct page_bits *bits, size_t first, size_t pages);

/* Mark [first, first + pages), all in use, as free, with contents. */
void page_bits_give(struct page_bits *bits, size_t first, size_t pages);

/* Compute the summary of the chunk. */
page_summary page_bits_summarize(const struct page_bits *bits);

#endif
