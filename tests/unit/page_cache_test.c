/* page_cache_test.c -- a cache hands out each of its pages once, and gives the others back as they
 * were.
 */
#include "gc/page_cache.h"

#include <string.h>

#include "tests/fake_port.h"
#include "tests/unit/unit.h"

#define C    CHUNK_PAGES
#define ALL  (~UINT64_C(0))
#define NONE UINT32_MAX

/* ---- Taking: tables -------------------------------------------------------------------------- */

static const struct {
    const char *what;
    uint64_t free;
    uint64_t scavenged;
    size_t count;
    unsigned want; /* position in the cache; NONE where nothing fits */
    size_t want_zero;
} takes[] = {
    {"empty", 0, 0, 1, NONE, 0},
    {"lowest", 1, 0, 1, 0, 0},
    {"lowest, zero", 1, 1, 1, 0, 1},
    {"lowest 2", 3, 2, 2, 0, 1},
    {"highest", UINT64_C(1) << 63, 0, 1, 63, 0},
    {"highest 2", UINT64_C(3) << 62, UINT64_C(3) << 62, 2, 62, 2},
    {"3 do not fit into 2", UINT64_C(3) << 62, 0, 3, NONE, 0},
    {"53 high ones", ALL << 11, 0, 1, 11, 0},
    {"many holes, 1", UINT64_C(0x5555555555555555), 0, 1, 0, 0},
    {"many holes, 2", UINT64_C(0x5555555555555555), 0, 2, NONE, 0},
    {"many holes of 2, 2", UINT64_C(0x6666666666666666), ALL &UINT64_C(0x2222222222222222), 2, 1,
     1},
    {"full, 15", ALL, 0, 15, 0, 0},
    {"full, 15, zero", ALL, ALL, 15, 0, 15},
    {"full, 15, mixed", ALL, UINT64_C(0x5555555555555555), 15, 0, 8},
    {"exact hole of 15", UINT64_C(0x7fff) << 40, UINT64_C(1) << 40, 15, 40, 1},
    {"14 before 15", UINT64_C(0x3fff) | UINT64_C(0x7fff) << 16, 0, 15, 16, 0},
};

START_TEST(take)
{
    const page_index base = 640;
    struct page_cache cache = {base, takes[_i].free, takes[_i].scavenged};
    size_t zero_pages = 99;
    page_index page = page_cache_take(&cache, takes[_i].count, &zero_pages);
    if (takes[_i].want == NONE) {
        ck_assert_msg(page == PAGE_NONE, "%s", takes[_i].what);
        ck_assert_uint_eq(cache.free, takes[_i].free);
        ck_assert_uint_eq(cache.scavenged, takes[_i].scavenged);
        return;
    }
    ck_assert_msg(page == base + takes[_i].want, "%s: %u", takes[_i].what, page);
    ck_assert_uint_eq(zero_pages, takes[_i].want_zero);
    uint64_t mask = bit_range(takes[_i].want, (unsigned)takes[_i].count);
    ck_assert_uint_eq(cache.base, base);
    ck_assert_uint_eq(cache.free, takes[_i].free & ~mask);
    ck_assert_uint_eq(cache.scavenged, takes[_i].scavenged & ~mask);
}
END_TEST

/* Every length, until nothing fits: runs come in the order of addresses and do not overlap. */
START_TEST(exhaust)
{
    for (size_t count = 1; count < PAGE_CACHE_RUN_LIMIT; count++) {
        struct page_cache cache = {128, ALL, ALL};
        for (size_t i = 0; i < 64 / count; i++) {
            size_t zero_pages;
            ck_assert_uint_eq(page_cache_take(&cache, count, &zero_pages), 128 + i * count);
            ck_assert_uint_eq(zero_pages, count);
        }
        size_t zero_pages;
        ck_assert_uint_eq(page_cache_take(&cache, count, &zero_pages), PAGE_NONE);
        ck_assert(page_cache_is_empty(&cache) == (64 % count == 0));
    }
}
END_TEST

/* ---- Filling and flushing -------------------------------------------------------------------- */

static struct page_alloc heap;

static void expect_sound(void)
{
    const char *problem = page_alloc_check(&heap);
    ck_assert_msg(problem == NULL, "%s", problem);
}

static void create(size_t chunks)
{
    ck_assert(page_alloc_init(&heap, chunks * C));
    lock_acquire(&heap.lock);
    ck_assert(page_alloc_grow(&heap, 0, chunks * C));
}

static void destroy(void)
{
    expect_sound();
    lock_release(&heap.lock);
    page_alloc_destroy(&heap);
}

START_TEST(fill_and_flush)
{
    struct page_cache cache = {0};
    size_t zero_pages;
    create(2);
    ck_assert_uint_eq(page_alloc_take(&heap, 70, &zero_pages), 0);
    page_alloc_give(&heap, 66, 2); /* with contents */
    ck_assert(page_cache_fill(&cache, &heap, 1));
    ck_assert_uint_eq(cache.base, 64);
    ck_assert_uint_eq(cache.free, ALL << 6 | 12);
    ck_assert_uint_eq(cache.scavenged, ALL << 6);
    ck_assert_uint_eq(page_alloc_free_pages(&heap), 2 * C - 128);
    expect_sound();
    ck_assert_uint_eq(page_cache_take(&cache, 3, &zero_pages), 70);
    ck_assert_uint_eq(zero_pages, 3);
    page_cache_flush(&cache, &heap);
    ck_assert(page_cache_is_empty(&cache));
    expect_sound();
    ck_assert_uint_eq(page_alloc_free_pages(&heap), 2 * C - 71);
    ck_assert_uint_eq(page_alloc_scavenged_pages(&heap), 2 * C - 73);
    /* What was scavenged still is. */
    ck_assert_uint_eq(page_alloc_take(&heap, 2, &zero_pages), 66);
    ck_assert_uint_eq(zero_pages, 0);
    ck_assert_uint_eq(page_alloc_take(&heap, 3, &zero_pages), 73);
    ck_assert_uint_eq(zero_pages, 3);
    destroy();
}
END_TEST

START_TEST(nothing_to_fill)
{
    struct page_cache cache = {0};
    size_t zero_pages;
    ck_assert(page_alloc_init(&heap, 4 * C));
    lock_acquire(&heap.lock);
    ck_assert(!page_cache_fill(&cache, &heap, 1)); /* no page yet */
    page_cache_flush(&cache, &heap);               /* an empty cache, an empty heap */
    ck_assert(page_alloc_grow(&heap, 0, C));
    ck_assert_uint_eq(page_alloc_take(&heap, C, &zero_pages), 0);
    ck_assert(!page_cache_fill(&cache, &heap, 1));
    ck_assert(page_cache_is_empty(&cache));
    page_alloc_give(&heap, C - 1, 1);
    ck_assert(page_cache_fill(&cache, &heap, 1));
    ck_assert_uint_eq(page_cache_take(&cache, 1, &zero_pages), C - 1);
    destroy();
}
END_TEST

/* ---- Several caches over one heap ------------------------------------------------------------ */

#define CACHES     5
#define CHUNKS     12
#define OPERATIONS 20000

/* Which pages are handed out; nobody gets one twice. */
static bool owned[CHUNKS * C];

/* Which pages ever were. Only the others are zero: nobody scavenges here. */
static bool written[CHUNKS * C];

static void own(page_index first, size_t count, size_t zero_pages)
{
    size_t zero = 0;
    for (size_t i = first; i < first + count; i++) {
        if (owned[i] || !page_alloc_in_use(&heap, (page_index)i)) {
            ck_abort_msg("page %zu is handed out twice or not in use", i);
        }
        zero += !written[i];
        owned[i] = true;
        written[i] = true;
    }
    ck_assert_uint_eq(zero_pages, zero);
}

static void give_some(uint64_t *random)
{
    size_t first = unit_random_below(random, CHUNKS * C);
    size_t longest = 1 + unit_random_below(random, 200);
    size_t count = 0;
    while (count < longest && first + count < CHUNKS * C && owned[first + count]) {
        owned[first + count] = false;
        count++;
    }
    if (count > 0) {
        page_alloc_give(&heap, (page_index)first, count);
    }
}

/* Free pages of the heap, those in caches, and those handed out are all the pages there are. */
static void count_all(const struct page_cache *caches)
{
    size_t sum = page_alloc_free_pages(&heap);
    for (size_t i = 0; i < CACHES; i++) {
        ck_assert_uint_eq(caches[i].scavenged & ~caches[i].free, 0);
        sum += bit_count(caches[i].free);
    }
    for (size_t i = 0; i < CHUNKS * C; i++) {
        sum += owned[i];
    }
    ck_assert_uint_eq(sum, CHUNKS * C);
    expect_sound();
}

START_TEST(random_owners)
{
    uint64_t random = unit_seed();
    struct page_cache caches[CACHES] = {{0}};
    create(CHUNKS);
    for (unsigned i = 0; i < OPERATIONS; i++) {
        struct page_cache *cache = &caches[unit_random_below(&random, CACHES)];
        size_t zero_pages = 0;
        page_index page;
        size_t count;
        switch (unit_random_below(&random, 8)) {
        case 0:
            page_cache_flush(cache, &heap);
            break;
        case 1:
            count = 1 + unit_random_below(&random, 100);
            page = page_alloc_take(&heap, count, &zero_pages);
            if (page != PAGE_NONE) {
                own(page, count, zero_pages);
            }
            break;
        case 2:
        case 3:
        case 4:
            give_some(&random);
            break;
        default:
            count = 1 + unit_random_below(&random, PAGE_CACHE_RUN_LIMIT - 1);
            if (page_cache_is_empty(cache) && !page_cache_fill(cache, &heap, count)) {
                break;
            }
            page = page_cache_take(cache, count, &zero_pages);
            if (page != PAGE_NONE) {
                own(page, count, zero_pages);
            }
            break;
        }
        if (i % 100 == 0) {
            count_all(caches);
        }
    }
    for (size_t i = 0; i < CACHES; i++) {
        page_cache_flush(&caches[i], &heap);
    }
    count_all(caches);
    destroy();
}
END_TEST

#if TRI_CHECKS >= 1
static void fill(void *cache)
{
    (void)page_cache_fill(cache, &heap, 1);
}

static void take_too_long(void *cache)
{
    size_t zero_pages;
    (void)page_cache_take(cache, PAGE_CACHE_RUN_LIMIT, &zero_pages);
}

static void flush(void *cache)
{
    page_cache_flush(cache, &heap);
}

START_TEST(misuse)
{
    struct page_cache cache = {0};
    create(1);
    ck_assert(page_cache_fill(&cache, &heap, 1));
    ck_assert_ptr_nonnull(fake_port_death_of(fill, &cache)); /* is not empty */
    ck_assert_ptr_nonnull(fake_port_death_of(take_too_long, &cache));
    struct page_cache copy = cache;
    page_cache_flush(&cache, &heap);
    ck_assert_ptr_nonnull(fake_port_death_of(flush, &copy)); /* given back already */
    lock_release(&heap.lock);
    ck_assert_ptr_nonnull(fake_port_death_of(fill, &cache)); /* PAGES is not held */
    lock_acquire(&heap.lock);
    destroy();
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("page_cache");
    TCase *cases = tcase_create("page_cache");
    tcase_add_checked_fixture(cases, fake_port_reset, fake_port_finish);
    tcase_add_loop_test(cases, take, 0, (int)ARRAY_LENGTH(takes));
    tcase_add_test(cases, exhaust);
    tcase_add_test(cases, fill_and_flush);
    tcase_add_test(cases, nothing_to_fill);
    tcase_add_test(cases, random_owners);
#if TRI_CHECKS >= 1
    tcase_add_test(cases, misuse);
#endif
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
