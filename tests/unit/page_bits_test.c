/* page_bits_test.c -- the pages of one chunk, by tables and against loops over single pages. */
#include "gc/page_bits.h"

#include <string.h>

#include "tests/fake_port.h"
#include "tests/unit/unit.h"

/* Runs of pages in use; a count of 0 ends the list. */
struct run {
    size_t first;
    size_t count;
};

#define RUNS 8

static struct page_bits make(const struct run *in_use)
{
    struct page_bits bits = {{0}, {0}};
    for (size_t i = 0; i < RUNS && in_use[i].count > 0; i++) {
        bitmap_set_range(bits.in_use, in_use[i].first, in_use[i].count);
    }
    return bits;
}

static void make_random(struct page_bits *bits, uint64_t *random)
{
    memset(bits, 0, sizeof *bits);
    size_t longest = (size_t)1 << unit_random_below(random, 9);
    bool in_use = unit_random(random) & 1;
    for (size_t at = 0; at < CHUNK_PAGES; in_use = !in_use) {
        size_t count = size_min(1 + unit_random_below(random, longest), CHUNK_PAGES - at);
        if (in_use) {
            bitmap_set_range(bits->in_use, at, count);
        } else if (unit_random(random) & 1) {
            bitmap_set_range(bits->scavenged, at, count / 2);
        }
        at += count;
    }
}

/* ---- Finding runs in words ------------------------------------------------------------------- */

static unsigned slow_find_run(uint64_t word, unsigned count)
{
    for (unsigned first = 0; first + count <= 64; first++) {
        uint64_t mask = bit_range(first, count);
        if ((word & mask) == mask) {
            return first;
        }
    }
    return 64;
}

static void expect_run(uint64_t word, unsigned wanted, unsigned want)
{
    unsigned found = bits_find_run(word, wanted);
    if (found != want) {
        ck_abort_msg("%u of %#" PRIx64 ": %u instead of %u", wanted, word, found, want);
    }
}

START_TEST(runs_of_words)
{
    uint64_t random = unit_seed();
    for (unsigned first = 0; first < 64; first++) {
        for (unsigned count = 1; first + count <= 64; count++) {
            uint64_t word = bit_range(first, count);
            for (unsigned wanted = 1; wanted <= 64; wanted++) {
                expect_run(word, wanted, wanted <= count ? first : 64);
                expect_run(~word, wanted, slow_find_run(~word, wanted));
            }
        }
    }
    static const uint64_t patterns[] = {
        0,
        ~UINT64_C(0),
        UINT64_C(0x5555555555555555),
        UINT64_C(0xaaaaaaaaaaaaaaaa),
        UINT64_C(0x7777777777777777),
        UINT64_C(0x8000000000000001),
        UINT64_C(0xff00ff00ff00ff00),
    };
    for (unsigned wanted = 1; wanted <= 64; wanted++) {
        for (size_t i = 0; i < ARRAY_LENGTH(patterns); i++) {
            expect_run(patterns[i], wanted, slow_find_run(patterns[i], wanted));
        }
        for (unsigned turn = 0; turn < 500; turn++) {
            uint64_t word = unit_random(&random);
            for (unsigned i = turn % 4; i > 0; i--) {
                word |= unit_random(&random); /* longer runs */
            }
            expect_run(word, wanted, slow_find_run(word, wanted));
        }
    }
}
END_TEST

/* ---- Finding runs in chunks ------------------------------------------------------------------ */

static const struct {
    const char *what;
    struct run in_use[RUNS];
    size_t pages;
    size_t from;
    size_t want;
} finds[] = {
    {"all free, 1", {{0}}, 1, 0, 0},
    {"all free, 2", {{0}}, 2, 0, 0},
    {"all free, 5", {{0}}, 5, 0, 0},
    {"all free, 64", {{0}}, 64, 0, 0},
    {"all free, 65", {{0}}, 65, 0, 0},
    {"all free, 161", {{0}}, 161, 0, 0},
    {"all free, 512", {{0}}, 512, 0, 0},
    {"all free, from 100", {{0}}, 64, 100, 100},
    {"all free, from the last", {{0}}, 1, 511, 511},
    {"all free, not enough after from", {{0}}, 2, 511, PAGE_BITS_NONE},
    {"all free, all after from", {{0}}, 412, 100, 100},
    {"none free, 1", {{0, 512}}, 1, 0, PAGE_BITS_NONE},
    {"none free, 64", {{0, 512}}, 64, 0, PAGE_BITS_NONE},
    {"none free, 512", {{0, 512}}, 512, 0, PAGE_BITS_NONE},
    {"some free, 1", {{0, 64}, {256, 256}}, 1, 0, 64},
    {"some free, 64", {{0, 64}, {256, 256}}, 64, 0, 64},
    {"some free, 65", {{0, 64}, {256, 256}}, 65, 0, 64},
    {"some free, 192", {{0, 64}, {256, 256}}, 192, 0, 64},
    {"some free, 193", {{0, 64}, {256, 256}}, 193, 0, PAGE_BITS_NONE},
    {"exact fit, 1", {{0, 128}, {129, 383}}, 1, 0, 128},
    {"exact fit, 2", {{0, 191}, {193, 319}}, 2, 0, 191},
    {"exact fit, 5 across words", {{0, 62}, {67, 445}}, 5, 0, 62},
    {"exact fit, 6 too many", {{0, 62}, {67, 445}}, 6, 0, PAGE_BITS_NONE},
    {"exact fit, 64 aligned", {{0, 64}, {128, 384}}, 64, 0, 64},
    {"exact fit, 64 across words", {{0, 96}, {160, 352}}, 64, 0, 96},
    {"exact fit, 65", {{0, 97}, {162, 350}}, 65, 0, 97},
    {"exact fit, 161", {{0, 33}, {194, 318}}, 161, 0, 33},
    {"scattered, 1", {{0, 1}, {2, 1}, {4, 1}, {10, 502}}, 1, 0, 1},
    {"scattered, 2", {{0, 1}, {2, 1}, {4, 1}, {10, 502}}, 2, 0, 5},
    {"scattered, 5", {{0, 1}, {2, 1}, {4, 1}, {10, 502}}, 5, 0, 5},
    {"scattered, 6", {{0, 1}, {2, 1}, {4, 1}, {10, 100}}, 6, 0, 110},
    {"at the end", {{0, 511}}, 1, 0, 511},
    {"65 at the end", {{0, 447}}, 65, 0, 447},
    {"63 at the end", {{0, 449}}, 63, 0, 449},
    {"64 not at the end", {{0, 449}}, 64, 0, PAGE_BITS_NONE},
    {"66 not at the end", {{0, 447}}, 66, 0, PAGE_BITS_NONE},
    {"the earlier of two that fit", {{0, 60}, {70, 58}, {138, 10}}, 10, 0, 60},
};

START_TEST(find)
{
    struct page_bits bits = make(finds[_i].in_use);
    size_t found = page_bits_find(&bits, finds[_i].pages, finds[_i].from);
    ck_assert_msg(found == finds[_i].want, "%s: %zu instead of %zu", finds[_i].what, found,
                  finds[_i].want);
}
END_TEST

static size_t slow_find(const struct page_bits *bits, size_t pages, size_t from)
{
    for (size_t first = from; first + pages <= CHUNK_PAGES; first++) {
        if (bitmap_find_set(bits->in_use, first, first + pages) == first + pages) {
            return first;
        }
    }
    return PAGE_BITS_NONE;
}

START_TEST(find_random)
{
    uint64_t random = unit_seed();
    for (unsigned turn = 0; turn < 400; turn++) {
        struct page_bits bits;
        make_random(&bits, &random);
        for (size_t pages = 1; pages <= CHUNK_PAGES; pages += 1 + pages / 8) {
            ck_assert_uint_eq(page_bits_find(&bits, pages, 0), slow_find(&bits, pages, 0));
            size_t from = unit_random_below(&random, CHUNK_PAGES);
            ck_assert_uint_eq(page_bits_find(&bits, pages, from), slow_find(&bits, pages, from));
        }
    }
}
END_TEST

/* ---- Taking and giving ----------------------------------------------------------------------- */

START_TEST(take_and_give)
{
    static const size_t counts[] = {1, 2, 5, 64, 65, 161, 512};
    uint64_t random = unit_seed();
    for (size_t i = 0; i < ARRAY_LENGTH(counts); i++) {
        size_t count = counts[i];
        for (size_t first = 0; first + count <= CHUNK_PAGES; first++) {
            struct page_bits bits = {{0}, {0}};
            for (size_t word = 0; word < PAGE_BITS_WORDS; word++) {
                bits.scavenged[word] = unit_random(&random);
            }
            struct page_bits want = bits;
            size_t scavenged = 0;
            for (size_t page = first; page < first + count; page++) {
                scavenged += bitmap_get(bits.scavenged, page);
                bitmap_set(want.in_use, page);
                bitmap_clear(want.scavenged, page);
            }
            ck_assert_uint_eq(page_bits_take(&bits, first, count), scavenged);
            ck_assert_mem_eq(&bits, &want, sizeof want);
            page_bits_give(&bits, first, count);
            memset(want.in_use, 0, sizeof want.in_use);
            ck_assert_mem_eq(&bits, &want, sizeof want);
        }
    }
}
END_TEST

#if TRI_CHECKS >= 1
static struct page_bits half; /* pages 256 ... 511 are in use */

static void take_used(void *first)
{
    (void)page_bits_take(&half, *(size_t *)first, 2);
}

static void give_free(void *first)
{
    page_bits_give(&half, *(size_t *)first, 2);
}

START_TEST(taken_or_given_twice)
{
    half = make((struct run[RUNS]){{256, 256}});
    size_t before = 254;
    size_t border = 255;
    size_t after = 256;
    ck_assert_ptr_nonnull(fake_port_death_of(take_used, &border));
    ck_assert_ptr_nonnull(fake_port_death_of(take_used, &after));
    ck_assert_ptr_nonnull(fake_port_death_of(give_free, &border));
    ck_assert_ptr_nonnull(fake_port_death_of(give_free, &before));
    ck_assert_ptr_null(fake_port_death_of(give_free, &after));
    ck_assert_ptr_null(fake_port_death_of(take_used, &before));
}
END_TEST
#endif

/* ---- Summaries ------------------------------------------------------------------------------- */

static const struct {
    const char *what;
    struct run in_use[RUNS];
    size_t start;
    size_t max;
    size_t end;
} summaries[] = {
    {"none free", {{0, 512}}, 0, 0, 0},
    {"only start", {{10, 502}}, 10, 10, 0},
    {"only end", {{0, 502}}, 0, 10, 10},
    {"start and end", {{11, 490}}, 11, 11, 11},
    {"start, max, end", {{50, 1}, {200, 302}}, 50, 149, 10},
    {"only max", {{0, 20}, {55, 457}}, 0, 35, 0},
    {"several maxima", {{0, 2}, {20, 4}, {42, 10}, {70, 442}}, 0, 18, 0},
    {"one at the start", {{1, 511}}, 1, 1, 0},
    {"one at the end", {{0, 511}}, 0, 1, 1},
    {"one in the middle", {{0, 256}, {257, 255}}, 0, 1, 0},
    {"max across words", {{0, 60}, {200, 312}}, 0, 140, 0},
    {"max of a word", {{0, 64}, {128, 384}}, 0, 64, 0},
    {"end across words", {{0, 400}}, 0, 112, 112},
    {"all but one", {{100, 1}}, 100, 411, 411},
    {"all free", {{0}}, 512, 512, 512},
};

static void expect_summary(page_summary summary, size_t start, size_t max, size_t end)
{
    ck_assert_uint_eq(page_summary_start(summary), start);
    ck_assert_uint_eq(page_summary_max(summary), max);
    ck_assert_uint_eq(page_summary_end(summary), end);
}

START_TEST(summarize)
{
    struct page_bits bits = make(summaries[_i].in_use);
    expect_summary(page_bits_summarize(&bits), summaries[_i].start, summaries[_i].max,
                   summaries[_i].end);
}
END_TEST

/* The summary of bits, a page at a time; bit i is page i, set where it is in use. */
static page_summary slow_summarize(const uint64_t *in_use, size_t pages)
{
    size_t start = bitmap_find_set(in_use, 0, pages);
    size_t max = 0;
    size_t run = 0;
    for (size_t i = 0; i < pages; i++) {
        run = bitmap_get(in_use, i) ? 0 : run + 1;
        max = size_max(max, run);
    }
    return page_summary_pack(start, max, run);
}

START_TEST(summarize_random)
{
    uint64_t random = unit_seed();
    for (unsigned turn = 0; turn < 20000; turn++) {
        struct page_bits bits;
        make_random(&bits, &random);
        ck_assert_uint_eq(page_bits_summarize(&bits), slow_summarize(bits.in_use, CHUNK_PAGES));
    }
}
END_TEST

#define MERGED 8

/* The summary of eight chunks is that of their pages in a row. */
START_TEST(merge_random)
{
    uint64_t random = unit_seed();
    for (unsigned turn = 0; turn < 3000; turn++) {
        uint64_t all[MERGED * PAGE_BITS_WORDS];
        page_summary parts[MERGED];
        for (size_t i = 0; i < MERGED; i++) {
            struct page_bits bits = {{0}, {0}};
            uint64_t kind = unit_random_below(&random, 4);
            if (kind == 0) {
                memset(bits.in_use, 0xff, sizeof bits.in_use);
            } else if (kind > 1) {
                make_random(&bits, &random);
            }
            memcpy(&all[i * PAGE_BITS_WORDS], bits.in_use, sizeof bits.in_use);
            parts[i] = page_bits_summarize(&bits);
        }
        size_t count = 1 + unit_random_below(&random, MERGED);
        ck_assert_uint_eq(page_summary_merge(parts, count, CHUNK_PAGES),
                          slow_summarize(all, count * CHUNK_PAGES));
    }
}
END_TEST

START_TEST(largest_summaries)
{
    const size_t most = PAGE_SUMMARY_MAX;
    ck_assert_uint_eq(page_summary_pack(0, 0, 0), 0);
    expect_summary(page_summary_pack(most, most, most), most, most, most);
    expect_summary(page_summary_pack(0, most - 1, most - 1), 0, most - 1, most - 1);
    expect_summary(page_summary_pack(most - 1, most - 1, 0), most - 1, most - 1, 0);
    expect_summary(page_summary_pack(1, most - 2, 3), 1, most - 2, 3);
    page_summary parts[8];
    size_t block = most / 8;
    for (size_t i = 0; i < 8; i++) {
        parts[i] = page_summary_pack(block, block, block);
    }
    expect_summary(page_summary_merge(parts, 8, block), most, most, most);
    parts[0] = page_summary_pack(5, block - 6, block - 6);
    expect_summary(page_summary_merge(parts, 8, block), 5, most - 6, most - 6);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("page_bits");
    TCase *cases = tcase_create("page_bits");
    tcase_add_checked_fixture(cases, fake_port_reset, fake_port_finish);
    tcase_add_test(cases, runs_of_words);
    tcase_add_loop_test(cases, find, 0, (int)ARRAY_LENGTH(finds));
    tcase_add_test(cases, find_random);
    tcase_add_test(cases, take_and_give);
#if TRI_CHECKS >= 1
    tcase_add_test(cases, taken_or_given_twice);
#endif
    tcase_add_loop_test(cases, summarize, 0, (int)ARRAY_LENGTH(summaries));
    tcase_add_test(cases, summarize_random);
    tcase_add_test(cases, merge_random);
    tcase_add_test(cases, largest_summaries);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
