/* page_alloc_test.c -- runs of pages, by tables, to exhaustion, against a naive model beside
 * scavenging and shrinking, and with every commit refused in turn.
 */
#include "gc/scavenge.h"

#include <string.h>

#include "tests/fake_port.h"
#include "tests/unit/unit.h"

#define C CHUNK_PAGES

/* ---- A page heap under its lock -------------------------------------------------------------- */

static struct page_alloc heap;

static void expect_sound(void)
{
    const char *problem = page_alloc_check(&heap);
    ck_assert_msg(problem == NULL, "%s", problem);
}

/* A heap of max_pages, with its lock held, and all of it grown. */
static void create(size_t max_pages, size_t grown)
{
    ck_assert(page_alloc_init(&heap, max_pages));
    lock_acquire(&heap.lock);
    if (grown > 0) {
        ck_assert(page_alloc_grow(&heap, 0, grown));
    }
}

static void destroy(void)
{
    expect_sound();
    lock_release(&heap.lock);
    page_alloc_destroy(&heap);
    ck_assert_uint_eq(fake_port_reserved_bytes(), 0);
}

static page_index take(size_t count)
{
    size_t zero_pages;
    return page_alloc_take(&heap, count, &zero_pages);
}

/* ---- Geometry -------------------------------------------------------------------------------- */

static const struct {
    size_t max_pages;
    unsigned levels;
    size_t root_entries;
    size_t committed_most; /* bytes, before anything is grown */
} geometries[] = {
    {1, 1, 1, 0},
    {4 * C, 1, 4, 0}, /* 16 MiB */
    {8 * C, 1, 8, 0},
    {8 * C + 1, 2, 2, 4 * KIB},
    {64 * C, 2, 8, 4 * KIB},
    {65 * C, 3, 2, 4 * KIB},
    {512 * C, 3, 8, 4 * KIB}, /* 2 GiB */
    {513 * C, 4, 2, 4 * KIB},
    {4096 * C, 4, 8, 8 * KIB},
    {4097 * C, 5, 2, 12 * KIB},
    {(size_t)1 << 27, 5, 64, 300 * KIB}, /* 1 TiB */
};

START_TEST(geometry)
{
    create(geometries[_i].max_pages, 0);
    ck_assert_uint_eq(heap.levels, geometries[_i].levels);
    ck_assert_uint_eq(heap.level_entries[0], geometries[_i].root_entries);
    size_t chunks = (geometries[_i].max_pages + C - 1) / C;
    ck_assert_uint_ge(heap.level_entries[heap.levels - 1], chunks);
    ck_assert_uint_le(page_alloc_metadata_bytes(&heap), geometries[_i].committed_most);
    ck_assert_uint_eq(page_alloc_metadata_bytes(&heap), fake_port_committed_bytes());
    ck_assert_uint_eq(take(1), PAGE_NONE);
    uint64_t free;
    uint64_t scavenged;
    ck_assert_uint_eq(page_alloc_take_64(&heap, 1, &free, &scavenged), PAGE_NONE);
    destroy();
}
END_TEST

/* Pages come in pieces, each all free and known to be zero. */
START_TEST(grow)
{
    static const size_t pieces[] = {1, 1, 2, 5, 7, 8, 40, 1};
    create(65 * C, 0);
    size_t grown = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(pieces); i++) {
        ck_assert(page_alloc_grow(&heap, (page_index)grown, pieces[i] * C));
        grown += pieces[i] * C;
        expect_sound();
        ck_assert_uint_eq(page_alloc_free_pages(&heap), grown);
        ck_assert_uint_eq(page_alloc_scavenged_pages(&heap), grown);
    }
    ck_assert_uint_eq(grown, heap.max_pages);
    ck_assert_uint_eq(take(grown + 1), PAGE_NONE);
    ck_assert_uint_eq(take(grown), 0);
    destroy();
}
END_TEST

START_TEST(small_heap_is_cheap)
{
    create(4 * C, 4 * C); /* 16 MiB */
    ck_assert_uint_le(fake_port_committed_bytes(), 12 * KIB);
    ck_assert_uint_le(fake_port_reservations(), 3);
    destroy();
}
END_TEST

/* ---- Taking: tables -------------------------------------------------------------------------- */

/* Pages in use before; a count of 0 ends the list. */
struct run {
    size_t first;
    size_t count;
};

#define RUNS 6

static const struct {
    const char *what;
    size_t chunks;
    struct run in_use[RUNS];
    size_t count;
    size_t times; /* how often it is taken: consecutive results are count apart */
    size_t want;
    size_t then; /* what one more take yields; PAGE_NONE where there is none */
} takes[] = {
    {"all free, 1", 1, {{0}}, 1, 3, 0, 3},
    {"all free, 2", 1, {{0}}, 2, 3, 0, 6},
    {"all free, 5", 1, {{0}}, 5, 3, 0, 15},
    {"all free, 64", 1, {{0}}, 64, 3, 0, 192},
    {"all free, 65", 1, {{0}}, 65, 3, 0, 195},
    {"all free, a chunk", 1, {{0}}, C, 1, 0, PAGE_NONE},
    {"all free, 7 chunks and 5", 8, {{0}}, 7 * C + 5, 1, 0, PAGE_NONE},
    {"first chunks full", 9, {{0, 8 * C}}, 1, 2, 8 * C, 8 * C + 2},
    {"only the last page is free", 9, {{0, 9 * C - 1}}, 1, 1, 9 * C - 1, PAGE_NONE},
    {"not contiguous", 5, {{0, C}, {C + 1, 2 * C}, {3 * C + 2, 2 * C - 2}}, 1, 1, C, 3 * C + 1},
    {"straddle 2", 2, {{0, C - 1}, {C + 1, C - 1}}, 2, 1, C - 1, PAGE_NONE},
    {"straddle a chunk", 2, {{0, C / 2}, {C + C / 2, C / 2}}, C, 1, C / 2, PAGE_NONE},
    {"straddle two chunks", 3, {{0, C / 2}, {2 * C + C / 2, C / 2}}, 2 * C, 1, C / 2, PAGE_NONE},
    {"too small holes first", 3, {{5, 10}, {20, 30}, {60, 2 * C}}, 11, 1, 2 * C + 60, 2 * C + 71},
    {"not quite across a border of the level above",
     16,
     {{0, 8 * C - 5}, {9 * C, C}},
     C + 7,
     1,
     10 * C,
     11 * C + 7},
    {"exactly across such a border", 16, {{0, 8 * C - 7}, {9 * C, C}}, C + 7, 1, 8 * C - 7, 10 * C},
    {"inside the second block", 16, {{3, 10 * C}}, C, 1, 10 * C + 3, 11 * C + 3},
    {"the last fit of all",
     65,
     {{1, 63 * C}, {65 * C - 1, 1}},
     2 * C - 2,
     1,
     63 * C + 1,
     PAGE_NONE},
};

/* A heap in which just the pages of in_use are taken. Nothing of it is known to be zero. */
static void create_used(size_t chunks, const struct run *in_use)
{
    create(chunks * C, chunks * C);
    ck_assert_uint_eq(take(chunks * C), 0);
    size_t free = 0; /* begin of the next free run */
    for (size_t i = 0; i < RUNS && in_use[i].count > 0; i++) {
        if (in_use[i].first > free) {
            page_alloc_give(&heap, (page_index)free, in_use[i].first - free);
        }
        free = in_use[i].first + in_use[i].count;
    }
    if (free < chunks * C) {
        page_alloc_give(&heap, (page_index)free, chunks * C - free);
    }
    expect_sound();
}

START_TEST(take_by_table)
{
    create_used(takes[_i].chunks, takes[_i].in_use);
    for (size_t i = 0; i < takes[_i].times; i++) {
        page_index want = (page_index)(takes[_i].want + i * takes[_i].count);
        size_t zero_pages = 1;
        page_index got = page_alloc_take(&heap, takes[_i].count, &zero_pages);
        ck_assert_msg(got == want, "%s: %u instead of %u", takes[_i].what, got, want);
        ck_assert_uint_eq(zero_pages, 0);
        expect_sound();
    }
    ck_assert_msg(take(takes[_i].count) == takes[_i].then, "%s: once more", takes[_i].what);
    destroy();
}
END_TEST

/* ---- To exhaustion --------------------------------------------------------------------------- */

static const size_t exhausting_counts[] = {1, 2, 3, 4, 5, 8, 16, 64, 1024, 1025, 2048, 2049};

#define EXHAUSTING_COUNTS ((int)ARRAY_LENGTH(exhausting_counts))

/* Runs come out one behind the other until fewer pages than that are left. */
static void exhaust(size_t chunks, size_t count)
{
    create(chunks * C, chunks * C);
    size_t taken = 0;
    for (; taken + count <= chunks * C; taken += count) {
        size_t zero_pages;
        ck_assert_uint_eq(page_alloc_take(&heap, count, &zero_pages), taken);
        ck_assert_uint_eq(zero_pages, count);
    }
    ck_assert_uint_eq(take(count), PAGE_NONE);
    ck_assert_uint_eq(page_alloc_free_pages(&heap), chunks * C - taken);
    for (size_t page = 0; page < chunks * C; page++) {
        if (page_alloc_in_use(&heap, (page_index)page) != (page < taken)) {
            ck_abort_msg("page %zu", page);
        }
    }
    expect_sound();
    for (size_t page = taken; page < chunks * C; page++) {
        ck_assert_uint_eq(take(1), page); /* the rest in single pages */
    }
    ck_assert_uint_eq(take(1), PAGE_NONE);
    ck_assert_uint_eq(page_alloc_scavenged_pages(&heap), 0);
    destroy();
}

START_TEST(exhaust_4_chunks)
{
    exhaust(4, exhausting_counts[_i]);
}
END_TEST

START_TEST(exhaust_65_chunks)
{
    exhaust(65, exhausting_counts[_i]);
}
END_TEST

/* What is given back is taken again: all of it, the even runs, the odd runs. */
START_TEST(give_and_take_again)
{
    const size_t chunks = 8;
    size_t count = exhausting_counts[_i];
    size_t runs = chunks * C / count;
    create(chunks * C, chunks * C);
    for (size_t i = 0; i < runs; i++) {
        ck_assert_uint_eq(take(count), i * count);
    }
    static const size_t steps[] = {1, 2, 3};
    for (size_t s = 0; s < ARRAY_LENGTH(steps); s++) {
        for (size_t first = 0; first < steps[s]; first++) {
            for (size_t i = first; i < runs; i += steps[s]) {
                page_alloc_give(&heap, (page_index)(i * count), count);
            }
            expect_sound();
            for (size_t i = first; i < runs; i += steps[s]) {
                size_t zero_pages = 1;
                ck_assert_uint_eq(page_alloc_take(&heap, count, &zero_pages), i * count);
                ck_assert_uint_eq(zero_pages, 0);
            }
        }
    }
    destroy();
}
END_TEST

START_TEST(give_one_run)
{
    static const size_t counts[] = {1, 2, 5, 64, 65, C, C + 1, 9 * C};
    static const size_t places[] = {0, 1, 63, 64, C - 1, C, 8 * C - 1, 8 * C + 3};
    for (size_t i = 0; i < ARRAY_LENGTH(counts); i++) {
        for (size_t j = 0; j < ARRAY_LENGTH(places); j++) {
            create(18 * C, 18 * C);
            ck_assert_uint_eq(take(18 * C), 0);
            page_alloc_give(&heap, (page_index)places[j], counts[i]);
            expect_sound();
            ck_assert_uint_eq(page_alloc_free_pages(&heap), counts[i]);
            ck_assert_uint_eq(take(counts[i] + 1), PAGE_NONE);
            ck_assert_uint_eq(take(counts[i]), places[j]);
            ck_assert_uint_eq(take(1), PAGE_NONE);
            destroy();
        }
    }
}
END_TEST

/* The hint stands behind the lowest free page once that is taken, however deep the tree is. */
START_TEST(hint)
{
    static const page_index places[] = {64 * C + 511, 64 * C, 60 * C + 17, 9 * C, 8 * C, C + 1, 3};
    create(65 * C, 65 * C);
    ck_assert_uint_eq(take(65 * C), 0);
    ck_assert_uint_eq(heap.search, 65 * C);
    for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
        page_alloc_give(&heap, places[i], 1);
        ck_assert_uint_eq(heap.search, places[i]);
    }
    for (size_t i = ARRAY_LENGTH(places); i-- > 0;) {
        ck_assert_uint_eq(take(2), PAGE_NONE);
        ck_assert_uint_eq(take(1), places[i]);
        ck_assert_uint_eq(heap.search, places[i] + 1);
    }
    destroy();
}
END_TEST

/* ---- Pages known to be zero ------------------------------------------------------------------ */

START_TEST(pages_known_to_be_zero)
{
    create(2 * C, 2 * C);
    size_t zero;
    ck_assert_uint_eq(page_alloc_take(&heap, 10, &zero), 0);
    ck_assert_uint_eq(zero, 10);
    ck_assert_uint_eq(page_alloc_scavenged_pages(&heap), 2 * C - 10);
    page_alloc_give(&heap, 0, 10); /* with contents */
    ck_assert_uint_eq(page_alloc_scavenged_pages(&heap), 2 * C - 10);
    ck_assert_uint_eq(page_alloc_take(&heap, 25, &zero), 0);
    ck_assert_uint_eq(zero, 15);
    page_alloc_give(&heap, 5, 3);
    ck_assert_uint_eq(page_alloc_take(&heap, 3, &zero), 5);
    ck_assert_uint_eq(zero, 0);
    ck_assert_uint_eq(page_alloc_take(&heap, C, &zero), 25); /* into the next chunk */
    ck_assert_uint_eq(zero, C);
    ck_assert_uint_eq(page_alloc_scavenged_pages(&heap), C - 25);
    destroy();
}
END_TEST

static const struct {
    const char *what;
    struct run in_use[RUNS];
    page_index want;
    uint64_t want_free;
} blocks[] = {
    {"all free", {{0}}, 0, ~UINT64_C(0)},
    {"first block full", {{0, 64}}, 64, ~UINT64_C(0)},
    {"one page left", {{0, 63}}, 0, UINT64_C(1) << 63},
    {"the first page only", {{1, 3 * C - 1}}, 0, 1},
    {"the last page only", {{0, 3 * C - 1}}, 3 * C - 64, UINT64_C(1) << 63},
    {"pieces", {{0, 70}, {75, 5}, {90, 100}}, 64, UINT64_C(0x3ff07c0)},
    {"second chunk", {{0, C + 128}, {C + 129, 2}}, C + 128, ~UINT64_C(6)},
};

START_TEST(take_64)
{
    create_used(3, blocks[_i].in_use);
    size_t free_pages = page_alloc_free_pages(&heap);
    uint64_t free;
    uint64_t scavenged;
    page_index first = page_alloc_take_64(&heap, 1, &free, &scavenged);
    ck_assert_msg(first == blocks[_i].want && free == blocks[_i].want_free,
                  "%s: %#" PRIx64 " at %u", blocks[_i].what, free, first);
    ck_assert_uint_eq(scavenged, 0);
    expect_sound();
    ck_assert_uint_eq(page_alloc_free_pages(&heap), free_pages - bit_count(free));
    for (unsigned i = 0; i < 64; i++) {
        ck_assert(page_alloc_in_use(&heap, first + i));
    }
    page_alloc_give_64(&heap, first, free, free & UINT64_C(0x5555555555555555));
    expect_sound();
    ck_assert_uint_eq(page_alloc_free_pages(&heap), free_pages);
    ck_assert_uint_eq(page_alloc_scavenged_pages(&heap),
                      bit_count(free & UINT64_C(0x5555555555555555)));
    /* The same pages again, those known to be zero still so. */
    uint64_t again;
    ck_assert_uint_eq(page_alloc_take_64(&heap, 1, &again, &scavenged), first);
    ck_assert_uint_eq(again, free);
    ck_assert_uint_eq(scavenged, free & UINT64_C(0x5555555555555555));
    page_alloc_give_64(&heap, first, 0, 0); /* nothing */
    destroy();
}
END_TEST

START_TEST(take_64_until_none)
{
    create(9 * C, 9 * C);
    uint64_t free;
    uint64_t scavenged;
    for (size_t first = 0; first < 9 * C; first += 64) {
        ck_assert_uint_eq(page_alloc_take_64(&heap, 1, &free, &scavenged), first);
        ck_assert_uint_eq(free, ~UINT64_C(0));
        ck_assert_uint_eq(scavenged, ~UINT64_C(0));
    }
    ck_assert_uint_eq(page_alloc_take_64(&heap, 1, &free, &scavenged), PAGE_NONE);
    destroy();
}
END_TEST

/* The 64 in which a longer run begins; lower pages that are no such run stay where they are. */
static const struct {
    const char *what;
    struct run in_use[RUNS];
    size_t count;
    page_index want;
    uint64_t want_free;
} long_runs[] = {
    {"the lowest will do", {{0, 8}}, 4, 0, ~UINT64_C(0xff)},
    {"single pages below", {{0, 8}, {9, 1}, {11, 53}, {64, 4}}, 4, 64, ~UINT64_C(15)},
    {"single pages in an earlier chunk", {{1, C - 1}, {C, 64}}, 2, C + 64, ~UINT64_C(0)},
    {"across two of the 64", {{0, 62}, {66, 62}}, 4, 0, UINT64_C(3) << 62},
    {"all 64", {{0, 1}}, 64, 0, ~UINT64_C(1)},
    {"no such run", {{0, 8}, {11, 3 * C - 11}}, 4, PAGE_NONE, 0},
};

START_TEST(take_64_with_a_run)
{
    create_used(3, long_runs[_i].in_use);
    size_t free_pages = page_alloc_free_pages(&heap);
    uint64_t free = 0;
    uint64_t scavenged;
    page_index first = page_alloc_take_64(&heap, long_runs[_i].count, &free, &scavenged);
    ck_assert_msg(first == long_runs[_i].want && free == long_runs[_i].want_free,
                  "%s: %#" PRIx64 " at %u", long_runs[_i].what, free, first);
    ck_assert_uint_eq(page_alloc_free_pages(&heap), free_pages - bit_count(free));
    expect_sound();
    /* What lies lower is still found. */
    size_t lowest = 0;
    while (lowest < 3 * C && page_alloc_in_use(&heap, (page_index)lowest)) {
        lowest++;
    }
    size_t zero_pages;
    ck_assert_uint_eq(page_alloc_take(&heap, 1, &zero_pages), lowest);
    expect_sound();
    destroy();
}
END_TEST

/* ---- The largest heap ------------------------------------------------------------------------ */

/* 1 TiB: runs longer than what an entry of the root level stands for. */
START_TEST(one_tebibyte)
{
    const size_t all = PAGE_ALLOC_MAX_PAGES;
    create(all, all);
    ck_assert_uint_eq(page_alloc_free_pages(&heap), all);
    ck_assert_uint_eq(take(1), 0);
    ck_assert_uint_eq(take(PAGE_SUMMARY_MAX), 1);
    ck_assert_uint_eq(take(3 * PAGE_SUMMARY_MAX + 12345), 1 + PAGE_SUMMARY_MAX);
    size_t used = 1 + 4 * PAGE_SUMMARY_MAX + 12345;
    ck_assert_uint_eq(take(all - used + 1), PAGE_NONE);
    ck_assert_uint_eq(take(all - used), used);
    ck_assert_uint_eq(take(1), PAGE_NONE);
    expect_sound();
    page_alloc_give(&heap, (page_index)(all - 1), 1);
    page_alloc_give(&heap, 7, PAGE_SUMMARY_MAX);
    expect_sound();
    ck_assert_uint_eq(take(PAGE_SUMMARY_MAX + 1), PAGE_NONE);
    ck_assert_uint_eq(take(PAGE_SUMMARY_MAX), 7);
    ck_assert_uint_eq(take(1), all - 1);
    destroy();
}
END_TEST

/* ---- Against a naive model ------------------------------------------------------------------- */

struct model {
    size_t pages;
    size_t max_pages;
    bool *in_use;
    bool *zero;           /* only of free pages */
    struct page_run held; /* in the hands of who scavenges; count 0: nothing is */
};

static struct model model;

static page_index model_find(size_t count)
{
    size_t run = 0;
    for (size_t i = 0; i < model.pages; i++) {
        run = model.in_use[i] ? 0 : run + 1;
        if (run == count) {
            return (page_index)(i + 1 - count);
        }
    }
    return PAGE_NONE;
}

static void model_take(uint64_t *random)
{
    size_t longest = (size_t)1 << unit_random_below(random, 14);
    size_t count = 1 + unit_random_below(random, longest);
    page_index want = model_find(count);
    size_t zero_pages;
    ck_assert_uint_eq(page_alloc_take(&heap, count, &zero_pages), want);
    if (want == PAGE_NONE) {
        return;
    }
    size_t zero = 0;
    for (size_t i = want; i < want + count; i++) {
        zero += model.zero[i];
        model.zero[i] = false;
        model.in_use[i] = true;
    }
    ck_assert_uint_eq(zero_pages, zero);
}

/* In use, and not held. */
static bool model_is_taken(size_t page)
{
    return model.in_use[page] && page - model.held.first >= model.held.count;
}

/* Some run of pages in use, whole or in part, perhaps of several takes. */
static void model_give(uint64_t *random)
{
    size_t first = unit_random_below(random, model.pages);
    size_t longest = (size_t)1 << unit_random_below(random, 14);
    size_t count = 0;
    while (first < model.pages && !model_is_taken(first)) {
        first++;
    }
    while (count < longest && first + count < model.pages && model_is_taken(first + count)) {
        model.in_use[first + count] = false;
        count++;
    }
    if (count > 0) {
        page_alloc_give(&heap, (page_index)first, count);
    }
}

/* A page cache is filled and flushed, some of its pages used in between. */
static void model_take_and_give_64(uint64_t *random)
{
    page_index want = model_find(1);
    uint64_t free;
    uint64_t scavenged;
    page_index first = page_alloc_take_64(&heap, 1, &free, &scavenged);
    if (want == PAGE_NONE) {
        ck_assert_uint_eq(first, PAGE_NONE);
        return;
    }
    ck_assert_uint_eq(first, want / 64 * 64);
    for (unsigned i = 0; i < 64; i++) {
        ck_assert(model.in_use[first + i] == !(free >> i & 1));
        ck_assert(model.zero[first + i] == (scavenged >> i & 1));
    }
    uint64_t back = free & (unit_random(random) | unit_random(random));
    uint64_t zero = back & (scavenged | unit_random(random)); /* a scavenger adds some */
    page_alloc_give_64(&heap, first, back, zero);
    for (unsigned i = 0; i < 64; i++) {
        if (free >> i & 1) {
            model.in_use[first + i] = !(back >> i & 1);
            model.zero[first + i] = zero >> i & 1;
        }
    }
}

static void model_grow(uint64_t *random)
{
    size_t left = (model.max_pages - model.pages) / C;
    if (left == 0) {
        return;
    }
    size_t count = (1 + unit_random_below(random, size_min(left, 20))) * C;
    ck_assert(page_alloc_grow(&heap, (page_index)model.pages, count));
    for (size_t i = model.pages; i < model.pages + count; i++) {
        model.zero[i] = true;
    }
    model.pages += count;
}

/* What the system is asked to take is the highest run of the highest chunk that has something to
 * give; it is held while other things happen. */
static void model_hold(uint64_t *random)
{
    size_t most = 1 + unit_random_below(random, C);
    struct page_run run;
    enum scavenge_found found;
    while ((found = scavenge_find(&heap, most, true, &run)) == SCAVENGE_MORE) {
    }
    size_t highest = model.pages;
    while (highest > 0 && (model.in_use[highest - 1] || model.zero[highest - 1])) {
        highest--;
    }
    if (found == SCAVENGE_NONE) {
        ck_assert_uint_eq(highest, 0);
        return;
    }
    size_t with_contents = 0;
    ck_assert(highest > run.first && highest <= run.first + run.count);
    for (size_t i = run.first; i < run.first + run.count; i++) {
        ck_assert(!model.in_use[i] && (!model.zero[i] || run.count == C));
        with_contents += !model.zero[i];
        model.in_use[i] = true;
        model.zero[i] = false;
    }
    ck_assert_uint_eq(page_alloc_hold(&heap, run.first, run.count), with_contents);
    model.held = run;
}

static void model_let_go(bool scavenged)
{
    struct page_run run = model.held;
    model.held.count = 0;
    page_alloc_let_go(&heap, run.first, run.count, scavenged);
    for (size_t i = run.first; i < run.first + run.count; i++) {
        model.in_use[i] = false;
        model.zero[i] = scavenged;
    }
    if (run.count == C && scavenged) {
        scavenge_index_set_dormant(&heap.index, run.first / C);
    }
}

static void model_scavenge(uint64_t *random)
{
    if (model.held.count > 0) {
        model_let_go(unit_random_below(random, 10) != 0);
    } else if (model.pages > 0) {
        model_hold(random);
    }
    if (unit_random_below(random, 20) == 0) {
        scavenge_index_next_generation(&heap.index);
    }
}

static void model_shrink(void)
{
    size_t end = model.pages;
    while (end > 0 && !model.in_use[end - 1]) {
        end--;
    }
    end = align_up(end, C);
    ck_assert_uint_eq(align_down(page_alloc_free_end(&heap), C), model.pages - end);
    if (end < model.pages) {
        page_alloc_shrink(&heap, model.pages - end);
    }
    for (; model.pages > end; model.pages--) {
        model.zero[model.pages - 1] = false;
    }
}

static void model_compare(void)
{
    size_t free = 0;
    size_t zero = 0;
    for (size_t i = 0; i < model.pages; i++) {
        if (page_alloc_in_use(&heap, (page_index)i) != model.in_use[i]) {
            ck_abort_msg("page %zu should be %s", i, model.in_use[i] ? "in use" : "free");
        }
        free += !model.in_use[i];
        zero += model.zero[i];
    }
    ck_assert_uint_eq(page_alloc_free_pages(&heap), free);
    ck_assert_uint_eq(page_alloc_scavenged_pages(&heap), zero);
    expect_sound();
}

static const struct {
    size_t chunks;
    size_t operations;
} model_heaps[] = {
    {1, 20000}, {4, 20000}, {9, 15000}, {65, 6000}, {600, 1500}, {4200, 400},
};

START_TEST(against_a_model)
{
    uint64_t random = unit_seed();
    size_t max_pages = model_heaps[_i].chunks * C;
    model = (struct model){.max_pages = max_pages,
                           .in_use = calloc(max_pages, sizeof(bool)),
                           .zero = calloc(max_pages, sizeof(bool))};
    create(max_pages, 0);
    size_t takes_of_10 = 5;
    for (size_t i = 0; i < model_heaps[_i].operations; i++) {
        if (i % 500 == 0) {
            takes_of_10 = 2 + unit_random_below(&random, 6); /* the heap fills and empties */
            model_compare();
        }
        size_t operation = unit_random_below(&random, 100);
        if (model.pages == 0 || operation < 2) {
            model_grow(&random);
        } else if (operation < 10) {
            model_take_and_give_64(&random);
        } else if (operation < 20) {
            model_scavenge(&random);
        } else if (operation == 20) {
            model_shrink();
        } else if (operation % 10 < takes_of_10) {
            model_take(&random);
        } else {
            model_give(&random);
        }
    }
    model_compare();
    destroy();
    free(model.in_use);
    free(model.zero);
}
END_TEST

/* ---- Every call that can fail ---------------------------------------------------------------- */

/* Creation and three growths, with the call after the first n refused. Returns how many calls there
 * were, the repeated ones too. */
static size_t survive(size_t n)
{
    size_t calls = fake_port_memory_calls();
    if (n != FAKE_PORT_NEVER) {
        fake_port_fail_memory_once_after(n);
    }
    if (!page_alloc_init(&heap, 8192 * C)) {
        ck_assert_uint_eq(fake_port_reservations(), 0);
        ck_assert(page_alloc_init(&heap, 8192 * C));
    }
    lock_acquire(&heap.lock);
    static const size_t growths[] = {1, 60, 8000};
    for (size_t i = 0; i < ARRAY_LENGTH(growths); i++) {
        page_index first = (page_index)heap.grown_pages;
        size_t free_pages = page_alloc_free_pages(&heap);
        if (!page_alloc_grow(&heap, first, growths[i] * C)) {
            ck_assert_uint_eq(heap.grown_pages, first);
            ck_assert_uint_eq(page_alloc_free_pages(&heap), free_pages);
            expect_sound();
            ck_assert(page_alloc_grow(&heap, first, growths[i] * C));
        }
        expect_sound();
        ck_assert_uint_eq(take(growths[i] * C), first);
    }
    destroy();
    return fake_port_memory_calls() - calls;
}

START_TEST(each_call_refused)
{
    size_t calls = survive(FAKE_PORT_NEVER);
    ck_assert_uint_ge(calls, 5 + 2 + 1 + 2); /* 4 tables, the inner levels, and the growths */
    for (size_t n = 0; n < calls; n++) {
        ck_assert_uint_gt(survive(n), calls);
    }
}
END_TEST

/* ---- The checker finds what is wrong --------------------------------------------------------- */

static void expect_problem(const char *invariant)
{
    const char *problem = page_alloc_check(&heap);
    ck_assert_ptr_nonnull(problem);
    ck_assert_msg(strstr(problem, invariant) != NULL, "%s", problem);
}

START_TEST(check_finds)
{
    create(20 * C, 10 * C);
    ck_assert_uint_eq(take(100), 0);
    page_alloc_give(&heap, 50, 10);
    expect_sound();
    struct page_bits *bits = side_table_at(&heap.chunks, 0);

    bits->scavenged[0] |= 1; /* a page in use */
    expect_problem("[page_bits.1]");
    bits->scavenged[0] &= ~UINT64_C(1);

    bits->in_use[3] |= 2; /* behind the summary's back */
    bits->scavenged[3] &= ~UINT64_C(2);
    expect_problem("[page_alloc.1]");
    bits->in_use[3] &= ~UINT64_C(2);
    bits->scavenged[3] |= 2;

    heap.level[0][1] ^= 1;
    expect_problem("[page_alloc.1]");
    heap.level[0][1] ^= 1;

    heap.level[1][12] = 1; /* a chunk that does not exist */
    expect_problem("[page_alloc");
    heap.level[1][12] = 0;

    heap.level[0][2] = 1;
    expect_problem("[page_alloc.1]");
    heap.level[0][2] = 0;

    heap.free_pages++;
    expect_problem("[page_alloc.4]");
    heap.free_pages--;
    heap.scavenged_pages--;
    expect_problem("[page_alloc.4]");
    heap.scavenged_pages++;

    page_index search = heap.search;
    heap.search = 51;
    expect_problem("[page_alloc.2]");
    heap.search = search;

    struct page_bits *beyond = side_table_at(&heap.chunks, 10);
    beyond->scavenged[1] = 1;
    expect_problem("[page_alloc.5]");
    beyond->scavenged[1] = 0;

    struct chunk_record *record = scavenge_index_record(&heap.index, 0);
    record->in_use++;
    expect_problem("[scavenge_index.1]");
    record->in_use--;
    record->may_give = false;
    expect_problem("[scavenge_index.2]");
    record->may_give = true;
    size_t cursor = heap.index.cursor[true];
    heap.index.cursor[true] = 0;
    expect_problem("[scavenge_index.2]");
    heap.index.cursor[true] = cursor;
    record->dormant = true;
    expect_problem("[scavenge_index.3]");
    record->dormant = false;
    heap.index.dormant++;
    expect_problem("[scavenge_index.3]");
    heap.index.dormant--;
    destroy();
}
END_TEST

#if TRI_CHECKS >= 1

static void take_one(void *unused)
{
    (void)unused;
    (void)take(1);
}

static void give_one(void *page)
{
    page_alloc_give(&heap, *(page_index *)page, 1);
}

static void grow_chunk(void *first)
{
    (void)page_alloc_grow(&heap, *(page_index *)first, C);
}

static void give_64(void *first)
{
    page_alloc_give_64(&heap, *(page_index *)first, 2, 0);
}

static void shrink(void *count)
{
    page_alloc_shrink(&heap, *(page_index *)count);
}

static void hold(void *first)
{
    (void)page_alloc_hold(&heap, *(page_index *)first, 2);
}

static void expect_death(void (*function)(void *), page_index page)
{
    ck_assert_ptr_nonnull(fake_port_death_of(function, &page));
}

START_TEST(misuse)
{
    create(4 * C, 2 * C);
    ck_assert_uint_eq(take(2), 0);
    expect_death(give_one, 2);       /* is free */
    expect_death(give_one, 2 * C);   /* does not exist */
    expect_death(give_64, 64);       /* is free */
    expect_death(give_64, 1);        /* not aligned */
    expect_death(grow_chunk, C);     /* exists */
    expect_death(grow_chunk, 3 * C); /* leaves a gap */
    expect_death(grow_chunk, 2 * C + 1);
    ck_assert_ptr_null(fake_port_death_of(grow_chunk, &(page_index){2 * C}));
    expect_death(shrink, 1);     /* no chunk */
    expect_death(shrink, 3 * C); /* pages are in use */
    expect_death(hold, 1);       /* is in use */
    expect_death(hold, C - 1);   /* two chunks */
    lock_release(&heap.lock);
    expect_death(take_one, 0);
    expect_death(give_one, 0);
    lock_acquire(&heap.lock);
    destroy();
}
END_TEST

#endif

int main(void)
{
    Suite *suite = suite_create("page_alloc");
    TCase *cases = tcase_create("page_alloc");
    tcase_add_checked_fixture(cases, fake_port_reset, fake_port_finish);
    tcase_add_loop_test(cases, geometry, 0, (int)ARRAY_LENGTH(geometries));
    tcase_add_test(cases, grow);
    tcase_add_test(cases, small_heap_is_cheap);
    tcase_add_loop_test(cases, take_by_table, 0, (int)ARRAY_LENGTH(takes));
    tcase_add_loop_test(cases, exhaust_4_chunks, 0, EXHAUSTING_COUNTS);
    tcase_add_loop_test(cases, exhaust_65_chunks, 0, EXHAUSTING_COUNTS);
    tcase_add_loop_test(cases, give_and_take_again, 0, EXHAUSTING_COUNTS);
    tcase_add_test(cases, give_one_run);
    tcase_add_test(cases, hint);
    tcase_add_test(cases, pages_known_to_be_zero);
    tcase_add_loop_test(cases, take_64, 0, (int)ARRAY_LENGTH(blocks));
    tcase_add_test(cases, take_64_until_none);
    tcase_add_loop_test(cases, take_64_with_a_run, 0, (int)ARRAY_LENGTH(long_runs));
    tcase_add_test(cases, one_tebibyte);
    tcase_add_loop_test(cases, against_a_model, 0, (int)ARRAY_LENGTH(model_heaps));
    tcase_add_test(cases, each_call_refused);
    tcase_add_test(cases, check_finds);
#if TRI_CHECKS >= 1
    tcase_add_test(cases, misuse);
#endif
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
