/* page_heap_test.c -- pages come, go and grow together with the table of spans. */
#include "gc/page_heap.h"

#include <string.h>

#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

#define HEAP_BYTES (16 * MIB)
#define HEAP_PAGES (HEAP_BYTES / PAGE_BYTES)

static struct page_heap heap;

/* Whose pages are whose: 0: nobody's. */
static uint8_t owners[HEAP_PAGES];

/* Pages that were written once. */
static bool written[HEAP_PAGES];

static void create(void)
{
    fake_port_reset();
    memset(owners, 0, sizeof owners);
    memset(written, 0, sizeof written);
    ck_assert(page_heap_init(&heap, HEAP_BYTES));
}

static void destroy(void)
{
    page_heap_destroy(&heap);
    fake_port_finish();
}

static char *address_of(page_index page)
{
    return address_space_address(&heap.space, page);
}

static void expect_sound(void)
{
    lock_acquire(&heap.pages.lock);
    const char *problem = page_alloc_check(&heap.pages);
    lock_release(&heap.pages.lock);
    ck_assert_msg(problem == NULL, "%s", problem);
}

/* Pages [first, first + count) were taken: they are nobody else's, there is memory behind them,
 * zero if zero says so, and the span table has their entries [page_heap.1]. */
static void own(page_index first, size_t count, bool zero, uint8_t owner)
{
    EXPECT(first + count <= HEAP_PAGES);
    EXPECT(first + count <= heap.spans.pages);
    EXPECT(fake_port_is_committed(span_at(&heap.spans, first), count * sizeof(struct span)));
    EXPECT(fake_port_is_committed(address_of(first), count * PAGE_BYTES));
    for (size_t i = first; i < first + count; i++) {
        EXPECT(owners[i] == 0);
        EXPECT(span_at(&heap.spans, (page_index)i)->state == SPAN_FREE);
        char *memory = address_of((page_index)i);
        if (zero) {
            EXPECT(!written[i]);
            EXPECT(memory[0] == 0 && memory[PAGE_BYTES - 1] == 0);
        }
        memory[0] = memory[PAGE_BYTES - 1] = (char)owner;
        owners[i] = owner;
        written[i] = true;
    }
}

static void disown(page_index first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        EXPECT(owners[i] != 0);
        EXPECT(*address_of((page_index)i) == (char)owners[i]);
        owners[i] = 0;
    }
    page_heap_give(&heap, first, count);
}

START_TEST(first_page)
{
    bool zero = false;
    ck_assert_uint_eq(page_heap_bytes(&heap).grown, 0);
    page_index page = page_heap_take(&heap, NULL, 1, &zero);
    ck_assert_uint_eq(page, 0);
    ck_assert(zero);
    own(page, 1, zero, 1);
    ck_assert_uint_eq(page_heap_bytes(&heap).grown, CHUNK_BYTES);
    ck_assert_uint_eq(heap.spans.pages, CHUNK_PAGES);
    ck_assert_uint_ge(page_heap_bytes(&heap).metadata, CHUNK_PAGES * sizeof(struct span));
    ck_assert_uint_eq(page_heap_bytes(&heap).metadata + CHUNK_BYTES, fake_port_committed_bytes());
    disown(page, 1);
    expect_sound();
}
END_TEST

/* Lengths around the limit of what a cache serves, and around a chunk. */
static const struct {
    size_t count;
    bool by_cache;
} lengths[] = {
    {1, true},
    {PAGE_CACHE_RUN_LIMIT - 1, true},
    {PAGE_CACHE_RUN_LIMIT, false},
    {64, false},
    {CHUNK_PAGES - 1, false},
    {CHUNK_PAGES, false},
    {CHUNK_PAGES + 1, false},
    {HEAP_PAGES - 1, false},
};

START_TEST(lengths_by_cache_and_not)
{
    struct page_cache cache = {0};
    bool zero;
    ck_assert_uint_eq(page_heap_take(&heap, NULL, 1, &zero), 0); /* so that there are free ones */
    page_index page = page_heap_take(&heap, &cache, lengths[_i].count, &zero);
    ck_assert_uint_eq(page, 1);
    own(page, lengths[_i].count, zero, 1);
    ck_assert(page_cache_is_empty(&cache) == !lengths[_i].by_cache);
    page_heap_flush_cache(&heap, &cache);
    ck_assert(page_cache_is_empty(&cache));
    page_heap_flush_cache(&heap, &cache);
    disown(page, lengths[_i].count);
    lock_acquire(&heap.pages.lock);
    ck_assert_uint_eq(page_alloc_free_pages(&heap.pages), heap.pages.grown_pages - 1);
    lock_release(&heap.pages.lock);
    /* Their contents are known no more. */
    ck_assert_uint_eq(page_heap_take(&heap, &cache, lengths[_i].count, &zero), 1);
    ck_assert(!zero);
    page_heap_flush_cache(&heap, &cache);
    expect_sound();
}
END_TEST

/* zero means all of them. */
START_TEST(half_zero)
{
    bool zero;
    ck_assert_uint_eq(page_heap_take(&heap, NULL, 2, &zero), 0);
    page_heap_give(&heap, 1, 1);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, 3, &zero), 1);
    ck_assert(!zero);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, 3, &zero), 4);
    ck_assert(zero);
    page_heap_give(&heap, 0, 1);
    struct page_cache cache = {0};
    ck_assert_uint_eq(page_heap_take(&heap, &cache, 1, &zero), 0);
    ck_assert(!zero);
    ck_assert_uint_eq(page_heap_take(&heap, &cache, 1, &zero), 7);
    ck_assert(zero);
    page_heap_flush_cache(&heap, &cache);
}
END_TEST

/* What remains in a cache is free to others only after a flush; the heap's last run goes to those
 * who want it long. */
START_TEST(exhaust)
{
    struct page_cache cache = {0};
    bool zero;
    ck_assert_uint_eq(page_heap_take(&heap, NULL, 1, &zero), 0);
    ck_assert_uint_eq(page_heap_take(&heap, &cache, 1, &zero), 1);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, HEAP_PAGES - 64, &zero), 64);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, 1, &zero), PAGE_NONE);
    ck_assert_uint_eq(page_heap_take(&heap, &cache, 1, &zero), 2);
    ck_assert_uint_eq(page_heap_take(&heap, &cache, HEAP_PAGES + 1, &zero), PAGE_NONE);
    page_heap_flush_cache(&heap, &cache);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, 61, &zero), 3);
    ck_assert_uint_eq(page_heap_take(&heap, &cache, 1, &zero), PAGE_NONE);
    ck_assert_uint_eq(page_heap_bytes(&heap).grown, HEAP_BYTES);
    page_heap_give(&heap, 100, 10);
    ck_assert_uint_eq(page_heap_take(&heap, &cache, 10, &zero), 100);
    expect_sound();
}
END_TEST

/* A cache whose pages are no run long enough does not keep the heap from finding one. */
START_TEST(fragmented)
{
    struct page_cache cache = {0};
    bool zero;
    ck_assert_uint_eq(page_heap_take(&heap, NULL, HEAP_PAGES, &zero), 0);
    for (page_index page = 0; page < 64; page += 2) {
        page_heap_give(&heap, page, 1);
    }
    page_heap_give(&heap, 1000, 3);
    ck_assert_uint_eq(page_heap_take(&heap, &cache, 3, &zero), 1000);
    for (page_index page = 0; page < 64; page += 2) {
        ck_assert_uint_eq(page_heap_take(&heap, &cache, 1, &zero), page);
    }
    ck_assert_uint_eq(page_heap_take(&heap, &cache, 1, &zero), PAGE_NONE);
    expect_sound();
}
END_TEST

/* What cannot be had leaves the heap as small as it was; a run that reaches from free pages to the
 * end of the reservation can be had [page_heap.3]. */
START_TEST(too_long)
{
    const page_index taken = 1000; /* in the second chunk */
    bool zero;
    for (page_index page = 0; page <= taken; page++) {
        ck_assert_uint_eq(page_heap_take(&heap, NULL, 1, &zero), page);
    }
    page_heap_give(&heap, 0, taken);
    size_t grown = page_heap_bytes(&heap).grown;
    size_t rest = HEAP_PAGES - taken - 1;
    ck_assert_uint_lt(grown, HEAP_BYTES);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, rest + 1, &zero), PAGE_NONE);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, HEAP_PAGES, &zero), PAGE_NONE);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, SIZE_MAX, &zero), PAGE_NONE);
    ck_assert_uint_eq(page_heap_bytes(&heap).grown, grown);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, rest, &zero), taken + 1);
    ck_assert_uint_eq(page_heap_bytes(&heap).grown, HEAP_BYTES);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, taken + 1, &zero), PAGE_NONE);
    page_heap_give(&heap, taken, HEAP_PAGES - taken);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, HEAP_PAGES, &zero), 0);
    expect_sound();
}
END_TEST

/* A chunk is taken, of which the pages [from, to) are given back. Then count are wanted, as many as
 * growth can make with the free end of the chunk, or one more [page_heap.3]. */
static const struct {
    page_index from;
    page_index to;
    size_t count;
    page_index want;
} growths[] = {{500, 512, HEAP_PAGES - 500, 500},
               {500, 512, HEAP_PAGES - 499, PAGE_NONE},
               {511, 512, HEAP_PAGES - 511, 511},
               {511, 512, HEAP_PAGES - 510, PAGE_NONE},
               {400, 500, HEAP_PAGES - 512, 512},
               {400, 500, HEAP_PAGES - 511, PAGE_NONE},
               {0, 512, HEAP_PAGES, 0},
               {0, 512, HEAP_PAGES + 1, PAGE_NONE},
               {0, 1, HEAP_PAGES - 512, 512},
               {0, 1, HEAP_PAGES - 511, PAGE_NONE},
               {500, 512, 13, 500},
               {400, 450, 51, 512},
               {400, 450, HEAP_PAGES * 1000, PAGE_NONE}};

START_TEST(growth_in_vain)
{
    bool zero;
    ck_assert_uint_eq(page_heap_take(&heap, NULL, CHUNK_PAGES, &zero), 0);
    page_heap_give(&heap, growths[_i].from, growths[_i].to - growths[_i].from);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, growths[_i].count, &zero), growths[_i].want);
    if (growths[_i].want == PAGE_NONE) {
        ck_assert_uint_eq(page_heap_bytes(&heap).grown, CHUNK_BYTES);
    }
    expect_sound();
}
END_TEST

/* ---- Faults ---------------------------------------------------------------------------------- */

/* All pages can be had, one by one and each once, whatever has failed before [page_heap.2], and
 * although a call for memory fails meanwhile. */
static void take_all(void)
{
    for (unsigned refusals = 0; refusals < 2;) {
        bool zero;
        page_index page = page_heap_take(&heap, NULL, 1, &zero);
        if (page != PAGE_NONE) {
            own(page, 1, zero, 1);
        } else {
            refusals++;
        }
    }
    for (size_t i = 0; i < HEAP_PAGES; i++) {
        EXPECT(owners[i] != 0);
    }
}

/* [page_heap.1], [page_heap.2]: each call for memory fails once, wherever it stands. */
START_TEST(every_fault_once)
{
    destroy();
    bool failed = true;
    for (size_t n = 0; failed; n++) {
        fake_port_reset();
        memset(owners, 0, sizeof owners);
        memset(written, 0, sizeof written);
        fake_port_fail_memory_once_after(n);
        while (!page_heap_init(&heap, HEAP_BYTES)) {
            ck_assert_uint_eq(fake_port_reservations(), 0); /* it left nothing */
        }
        for (size_t count = 700; count > 0;) { /* more than a chunk, then the rest of it */
            bool zero;
            page_index page = page_heap_take(&heap, NULL, count, &zero);
            if (page != PAGE_NONE) {
                own(page, count, zero, 2);
                count -= 350;
            }
            expect_sound();
        }
        take_all();
        expect_sound();
        failed = n < fake_port_memory_calls();
        destroy();
    }
    create();
}
END_TEST

/* Memory runs out for good, after any number of calls: no page is lost that was there. */
START_TEST(no_more_memory)
{
    for (size_t n = 0; n < 20; n++) {
        page_heap_destroy(&heap);
        memset(owners, 0, sizeof owners);
        memset(written, 0, sizeof written);
        ck_assert(page_heap_init(&heap, HEAP_BYTES));
        fake_port_fail_memory_after(n);
        bool zero;
        page_index page;
        size_t taken = 0;
        while ((page = page_heap_take(&heap, NULL, 1, &zero)) != PAGE_NONE) {
            own(page, 1, zero, 1);
            taken++;
        }
        ck_assert_uint_eq(taken, heap.pages.grown_pages);
        expect_sound();
        fake_port_fail_memory_after(FAKE_PORT_NEVER);
        take_all();
    }
}
END_TEST

/* ---- Random owners --------------------------------------------------------------------------- */

#define CACHES 3

static page_index random_run(uint64_t *random, size_t *count)
{
    page_index first = (page_index)unit_random_below(random, HEAP_PAGES);
    size_t longest = 1 + unit_random_below(random, 300);
    *count = 0;
    while (*count < longest && first + *count < HEAP_PAGES && owners[first + *count] != 0) {
        ++*count;
    }
    return first;
}

START_TEST(random_owners)
{
    uint64_t random = unit_seed();
    struct page_cache caches[CACHES] = {{0}};
    for (unsigned i = 0; i < 30000; i++) {
        struct page_cache *cache = &caches[unit_random_below(&random, CACHES)];
        size_t count;
        page_index page;
        bool zero;
        switch (unit_random_below(&random, 4)) {
        case 0:
            page = random_run(&random, &count);
            if (count > 0) {
                disown(page, count);
            }
            break;
        case 1:
            if (unit_random_below(&random, 10) == 0) {
                page_heap_flush_cache(&heap, cache);
            }
            break;
        default:
            count = 1 + unit_random_below(&random, 2 * PAGE_CACHE_RUN_LIMIT);
            page = page_heap_take(&heap, unit_random(&random) & 1 ? cache : NULL, count, &zero);
            if (page != PAGE_NONE) {
                own(page, count, zero, 3);
            }
        }
        if (i % 1000 == 0) {
            expect_sound();
        }
    }
    for (size_t i = 0; i < CACHES; i++) {
        page_heap_flush_cache(&heap, &caches[i]);
    }
    take_all();
    expect_sound();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("page_heap");
    TCase *cases = tcase_create("page_heap");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_test(cases, first_page);
    tcase_add_loop_test(cases, lengths_by_cache_and_not, 0, (int)ARRAY_LENGTH(lengths));
    tcase_add_test(cases, half_zero);
    tcase_add_test(cases, exhaust);
    tcase_add_test(cases, too_long);
    tcase_add_test(cases, fragmented);
    tcase_add_loop_test(cases, growth_in_vain, 0, (int)ARRAY_LENGTH(growths));
    tcase_add_test(cases, every_fault_once);
    tcase_add_test(cases, no_more_memory);
    tcase_add_test(cases, random_owners);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
