/* scavenge_test.c -- which run of a chunk is given back, and which chunks are looked into. */
#include "gc/scavenge.h"

#include <string.h>

#include "gc/tuning.h"
#include "tests/fake_port.h"
#include "tests/unit/unit.h"

#define C CHUNK_PAGES
#define H SCAVENGE_HUGE_PAGES

/* ---- One chunk: a table ---------------------------------------------------------------------- */

struct part {
    size_t first;
    size_t count;
};

static const struct {
    const char *what;
    struct part in_use[3];
    struct part scavenged[3];
    size_t most;
    size_t group;
    struct part want;
} runs[] = {
    {"all free", {{0, 0}}, {{0, 0}}, C, 1, {0, C}},
    {"all free, one page: a huge page whole", {{0, 0}}, {{0, 0}}, 1, 1, {H, H}},
    {"all in use", {{0, C}}, {{0, 0}}, C, 1, {0, 0}},
    {"all scavenged", {{0, 0}}, {{0, C}}, C, 1, {0, 0}},
    {"half and half", {{0, H}}, {{H, H}}, C, 1, {0, 0}},
    {"the lowest page", {{1, C - 1}}, {{0, 0}}, C, 1, {0, 1}},
    {"the highest page", {{0, C - 1}}, {{0, 0}}, C, 1, {C - 1, 1}},
    {"the highest run first", {{0, 10}, {20, 300}, {330, C - 330}}, {{0, 0}}, C, 1, {320, 10}},
    {"below what is scavenged", {{0, 100}}, {{200, C - 200}}, C, 1, {100, 100}},
    {"cut off at the lower end", {{0, 100}, {200, C - 200}}, {{0, 0}}, 30, 1, {170, 30}},
    {"a cut in the upper huge page", {{0, 10}}, {{0, 0}}, 10, 1, {H, H}},
    {"the upper huge page is broken", {{H, 1}}, {{0, 0}}, 10, 1, {C - 10, 10}},
    {"a cut in the lower huge page", {{H, H}}, {{0, 0}}, 10, 1, {0, H}},
    {"one and a half", {{400, C - 400}}, {{0, 0}}, 200, 1, {0, 400}},
    {"the cut lies below the whole one", {{0, 100}}, {{0, 0}}, H + 20, 1, {H - 20, H + 20}},
    {"whole groups of 2", {{0, 1}, {7, 1}}, {{8, C - 8}}, C, 2, {2, 4}},
    {"whole groups of 8", {{0, 1}, {C - 1, 1}}, {{0, 0}}, C, 8, {8, C - 16}},
    {"groups of 8: rounded up", {{0, C / 2}, {C - 1, 1}}, {{0, 0}}, 1, 8, {C - 16, 8}},
    {"groups of 8: none whole", {{3, 1}, {12, 2}}, {{16, C - 16}}, C, 8, {0, 0}},
    {"groups of 64", {{70, 1}}, {{0, 0}}, C, 64, {128, C - 128}},
};

static void set_bits(struct page_bits *bits, const struct part *in_use,
                     const struct part *scavenged)
{
    memset(bits, 0, sizeof *bits);
    for (size_t i = 0; i < 3; i++) {
        bitmap_set_range(bits->in_use, in_use[i].first, in_use[i].count);
        bitmap_set_range(bits->scavenged, scavenged[i].first, scavenged[i].count);
    }
}

START_TEST(run_by_table)
{
    struct page_bits bits;
    set_bits(&bits, runs[_i].in_use, runs[_i].scavenged);
    struct page_run run = scavenge_find_in_chunk(&bits, runs[_i].most, runs[_i].group);
    ck_assert_msg(run.count == runs[_i].want.count &&
                      (run.count == 0 || run.first == runs[_i].want.first),
                  "%s: %zu pages from %u", runs[_i].what, run.count, run.first);
}
END_TEST

/* ---- One chunk: against a naive search ------------------------------------------------------- */

static bool is_candidate(const struct page_bits *bits, size_t page)
{
    return !bitmap_get(bits->in_use, page) && !bitmap_get(bits->scavenged, page);
}

static bool is_whole_group(const struct page_bits *bits, size_t page, size_t group)
{
    size_t first = align_down(page, group);
    for (size_t i = first; i < first + group; i++) {
        if (!is_candidate(bits, i)) {
            return false;
        }
    }
    return true;
}

static struct page_run naive_run(const struct page_bits *bits, size_t most, size_t group)
{
    size_t end = C;
    while (end > 0 && !is_whole_group(bits, end - 1, group)) {
        end--;
    }
    size_t lowest = end;
    while (lowest > 0 && is_whole_group(bits, lowest - 1, group)) {
        lowest--;
    }
    size_t start = lowest;
    while (end - start > align_up(most, group)) {
        start++;
    }
    for (size_t huge = 0; huge < C; huge += H) {
        if (huge >= lowest && huge + H <= end && start > huge && start < huge + H) {
            start = huge;
        }
    }
    return (struct page_run){(page_index)start, end - start};
}

/* Bits that come in stretches, so that there are long runs and huge pages. */
static void random_bits(uint64_t *random, struct page_bits *bits)
{
    memset(bits, 0, sizeof *bits);
    size_t longest = (size_t)1 << (1 + unit_random_below(random, 10));
    for (size_t page = 0; page < C;) {
        size_t count = size_min(1 + unit_random_below(random, longest), C - page);
        switch (unit_random_below(random, 3)) {
        case 0:
            bitmap_set_range(bits->in_use, page, count);
            break;
        case 1:
            bitmap_set_range(bits->scavenged, page, count);
            break;
        default:
            break;
        }
        page += count;
    }
}

START_TEST(run_as_a_naive_search)
{
    uint64_t random = unit_seed();
    for (unsigned i = 0; i < 20000; i++) {
        struct page_bits bits;
        random_bits(&random, &bits);
        size_t group = (size_t)1 << unit_random_below(&random, 7);
        size_t most = 1 + unit_random_below(&random, C);
        struct page_run run = scavenge_find_in_chunk(&bits, most, group);
        struct page_run want = naive_run(&bits, most, group);
        ck_assert_msg(run.count == want.count && (run.count == 0 || run.first == want.first),
                      "%zu pages from %u instead of %zu from %u; most %zu, group %zu", run.count,
                      run.first, want.count, want.first, most, group);
    }
}
END_TEST

/* ---- Chunks ---------------------------------------------------------------------------------- */

static struct page_alloc heap;

/* Chunks in which all pages are in use, with contents when they are given back. */
static void create(size_t chunks)
{
    size_t scavenged;
    ck_assert(page_alloc_init(&heap, chunks * C));
    lock_acquire(&heap.lock);
    ck_assert(page_alloc_grow(&heap, 0, chunks * C));
    ck_assert_uint_eq(page_alloc_take(&heap, chunks * C, &scavenged), 0);
}

static void destroy(void)
{
    const char *problem = page_alloc_check(&heap);
    ck_assert_msg(problem == NULL, "%s", problem);
    lock_release(&heap.lock);
    page_alloc_destroy(&heap);
}

/* Find the next run and give it back, as the system allows. PAGE_NONE where there is none. */
static page_index scavenge(size_t most, bool forced)
{
    struct page_run run;
    enum scavenge_found found;
    while ((found = scavenge_find(&heap, most, forced, &run)) == SCAVENGE_MORE) {
    }
    if (found == SCAVENGE_NONE) {
        return PAGE_NONE;
    }
    (void)page_alloc_hold(&heap, run.first, run.count);
    page_alloc_let_go(&heap, run.first, run.count, true);
    return run.first;
}

static void next_generation(void)
{
    scavenge_index_next_generation(&heap.index);
}

START_TEST(from_the_top_down)
{
    create(10);
    page_alloc_give(&heap, 1 * C, 20);
    page_alloc_give(&heap, 7 * C + 100, 20);
    page_alloc_give(&heap, 7 * C + 400, 20);
    page_alloc_give(&heap, 4 * C, C);
    ck_assert_uint_eq(scavenge(C, true), 7 * C + 400);
    ck_assert_uint_eq(scavenge(C, true), 7 * C + 100);
    page_alloc_give(&heap, 9 * C, 1); /* raises the search again */
    ck_assert_uint_eq(scavenge(C, true), 9 * C);
    ck_assert_uint_eq(scavenge(C, true), 4 * C);
    ck_assert_uint_eq(scavenge(C, true), 1 * C);
    ck_assert_uint_eq(scavenge(C, true), PAGE_NONE);
    ck_assert_uint_eq(page_alloc_scavenged_pages(&heap), page_alloc_free_pages(&heap));
    destroy();
}
END_TEST

/* Pages that were never touched are not given back; those that were taken and given are. */
START_TEST(only_what_has_contents)
{
    size_t scavenged;
    ck_assert(page_alloc_init(&heap, 2 * C));
    lock_acquire(&heap.lock);
    ck_assert(page_alloc_grow(&heap, 0, 2 * C));
    ck_assert_uint_eq(scavenge(C, true), PAGE_NONE);
    ck_assert_uint_eq(page_alloc_take(&heap, 10, &scavenged), 0);
    page_alloc_give(&heap, 3, 2);
    ck_assert_uint_eq(scavenge(16, true), 3);
    ck_assert_uint_eq(scavenge(16, true), PAGE_NONE);
    /* A cache that gives back what it has not used has nothing to give. */
    uint64_t free;
    uint64_t unused;
    ck_assert_uint_eq(page_alloc_take_64(&heap, 1, &free, &unused), 0);
    page_alloc_give_64(&heap, 0, free, unused);
    ck_assert_uint_eq(scavenge(C, true), PAGE_NONE);
    destroy();
}
END_TEST

/* What was nearly full when the generation changed, or is, is left alone unless forced. */
START_TEST(dense_chunks)
{
    static const struct {
        size_t freed_before; /* the generation changes */
        size_t freed_after;
        bool want;       /* it may give in this generation */
        bool want_later; /* in the next one */
    } cases[] = {
        {0, 16, false, false}, /* 496 in use */
        {0, 17, false, true},  /* 495; but all were when the generation changed */
        {16, 1, false, true},  /* 496 were */
        {17, 1, true, true},   /* 495 were */
        {17, 0, true, true},   /* not touched since */
        {0, C - 1, false, true},  {0, C, true, true}, /* empty */
        {40, C - 40, true, true},
    };
    create(2);
    if (cases[_i].freed_before > 0) {
        page_alloc_give(&heap, C, cases[_i].freed_before);
    }
    next_generation();
    if (cases[_i].freed_after > 0) {
        page_alloc_give(&heap, C + cases[_i].freed_before, cases[_i].freed_after);
    }
    ck_assert(scavenge_index_may_give(&heap.index, 1, false) == cases[_i].want);
    ck_assert((scavenge(1, false) != PAGE_NONE) == cases[_i].want);
    next_generation();
    size_t left = page_alloc_free_pages(&heap) - page_alloc_scavenged_pages(&heap);
    ck_assert((scavenge(1, false) != PAGE_NONE) == (cases[_i].want_later && left > 0));
    while (scavenge(C, true) != PAGE_NONE) {
    }
    ck_assert_uint_eq(page_alloc_scavenged_pages(&heap), page_alloc_free_pages(&heap));
    destroy();
}
END_TEST

/* A chunk that is free is given back whole, the part that is scavenged already included; and not
 * where less was asked for. */
START_TEST(whole_chunk)
{
    struct page_run run;
    create(3);
    page_alloc_give(&heap, C, 100);
    ck_assert_uint_eq(scavenge(100, true), C);
    page_alloc_give(&heap, C + 100, C - 100);
    ck_assert_int_eq(scavenge_find(&heap, C - 1, true, &run), SCAVENGE_FOUND);
    ck_assert_uint_eq(run.first, C + 100);
    ck_assert_uint_eq(run.count, C - 100);
    ck_assert_int_eq(scavenge_find(&heap, C, true, &run), SCAVENGE_FOUND);
    ck_assert_uint_eq(run.first, C);
    ck_assert_uint_eq(run.count, C);
    ck_assert_uint_eq(page_alloc_hold(&heap, run.first, run.count), C - 100);
    ck_assert_uint_eq(page_alloc_free_pages(&heap), 0);
    page_alloc_let_go(&heap, run.first, run.count, false); /* the system has refused */
    ck_assert_uint_eq(page_alloc_scavenged_pages(&heap), 0);
    ck_assert_uint_eq(scavenge(C, true), C);
    ck_assert_uint_eq(page_alloc_scavenged_pages(&heap), C);
    destroy();
}
END_TEST

/* The search stops now and then, so that the lock may be released. */
START_TEST(large_heap)
{
    const size_t chunks = 3 * SCAVENGE_LOOK_CHUNKS;
    struct page_run run;
    create(chunks);
    page_alloc_give(&heap, (page_index)((chunks - 1) * C), 1);
    page_alloc_give(&heap, 5, 1);
    ck_assert_uint_eq(scavenge(1, true), (chunks - 1) * C);
    ck_assert_int_eq(scavenge_find(&heap, 1, true, &run), SCAVENGE_MORE);
    ck_assert_int_eq(scavenge_find(&heap, 1, true, &run), SCAVENGE_MORE);
    ck_assert_int_eq(scavenge_find(&heap, 1, true, &run), SCAVENGE_FOUND);
    ck_assert_uint_eq(run.first, 5);
    destroy();
}
END_TEST

/* 64 KiB pages of the system are 8 of ours. */
START_TEST(large_system_pages)
{
    fake_port_set_os_page_bytes(64 * KIB);
    create(2);
    page_alloc_give(&heap, 0, 7);
    page_alloc_give(&heap, C + 12, 13);
    ck_assert_uint_eq(scavenge(1, true), C + 16);
    ck_assert_uint_eq(page_alloc_scavenged_pages(&heap), 8);
    ck_assert_uint_eq(scavenge(1, true), PAGE_NONE);
    page_alloc_give(&heap, 7, 1); /* now it is whole */
    ck_assert_uint_eq(scavenge(1, true), 0);
    ck_assert_uint_eq(page_alloc_scavenged_pages(&heap), 16);
    destroy();
}
END_TEST

/* A heap that shrank: the search does not look beyond its end. */
START_TEST(after_shrinking)
{
    size_t scavenged;
    create(8);
    page_alloc_give(&heap, 3 * C, 5 * C);
    page_alloc_give(&heap, 0, 1);
    page_alloc_shrink(&heap, 4 * C);
    ck_assert_uint_eq(heap.grown_pages, 4 * C);
    ck_assert_uint_eq(page_alloc_free_pages(&heap), C + 1);
    ck_assert_uint_eq(page_alloc_scavenged_pages(&heap), 0);
    ck_assert_uint_eq(scavenge(C, true), 3 * C);
    ck_assert_uint_eq(scavenge(C, true), 0);
    ck_assert_uint_eq(scavenge(C, true), PAGE_NONE);
    ck_assert(page_alloc_grow(&heap, 4 * C, 2 * C));
    ck_assert_uint_eq(page_alloc_take(&heap, 3 * C, &scavenged), 3 * C);
    ck_assert_uint_eq(scavenged, 3 * C);
    destroy();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scavenge");
    TCase *cases = tcase_create("scavenge");
    tcase_add_checked_fixture(cases, fake_port_reset, fake_port_finish);
    tcase_add_loop_test(cases, run_by_table, 0, (int)ARRAY_LENGTH(runs));
    tcase_add_test(cases, run_as_a_naive_search);
    tcase_add_test(cases, from_the_top_down);
    tcase_add_test(cases, only_what_has_contents);
    tcase_add_loop_test(cases, dense_chunks, 0, 8);
    tcase_add_test(cases, whole_chunk);
    tcase_add_test(cases, large_heap);
    tcase_add_test(cases, large_system_pages);
    tcase_add_test(cases, after_shrinking);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
