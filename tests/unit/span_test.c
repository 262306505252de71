/* span_test.c -- addresses to slots and back, runs, and who finds a span when. */
#include "gc/span.h"

#include <string.h>

#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

/* A span table of its own, over address space in which nothing else happens. */
static struct address_space space;
static struct span_table table;

#define TABLE_PAGES ((page_index)(4 * CHUNK_PAGES))

/* Classes of slots that spans have; the 8-byte class has none. */
#define CLASS_FIRST 2

static void create(void)
{
    fake_port_reset();
    ck_assert(address_space_init(&space, TABLE_PAGES * PAGE_BYTES));
    ck_assert(span_table_init(&table, &space));
    ck_assert(span_table_extend(&table, TABLE_PAGES));
}

static void destroy(void)
{
    span_table_destroy(&table);
    address_space_destroy(&space);
    fake_port_finish();
}

static tri_type some_type;

static struct span *make_span(page_index first, uint32_t pages, uint32_t size_class)
{
    struct span_shape shape = {
        .first = first,
        .pages = pages,
        .size_class = size_class,
        .list = 70,
        .type = &some_type,
        .scannable = true,
        .needs_zero = true,
        .sweep_gen = 5,
    };
    return span_init(&table, &shape);
}

static struct span *make_small(page_index first, uint32_t size_class)
{
    return make_span(first, size_class_pages[size_class], size_class);
}

/* Let exactly those slots be allocated whose bit is set in pattern, 64 after 64. */
static void allocate(struct span *span, const uint64_t *pattern)
{
    for (size_t i = 0; i < span_bit_words(span); i++) {
        uint64_t inside = bit_range(0, (unsigned)size_min(64, span->slots - i * 64));
        span->bits[i].allocated = pattern[i] & inside;
    }
}

/* ---- Addresses ------------------------------------------------------------------------------- */

/* [span.3]: of every class, every byte leads to its slot, and every page to the span. */
START_TEST(every_offset)
{
    unsigned size_class = (unsigned)_i;
    struct span *span = make_small(7, size_class);
    size_t slot_bytes = size_class_bytes[size_class];
    span_publish(span);
    ck_assert_uint_eq(span_bytes(span), size_class_pages[size_class] * PAGE_BYTES);
    ck_assert_uint_eq(span_object_bytes(span), slot_bytes);
    for (uint32_t offset = 0; offset < span_bytes(span); offset++) {
        EXPECT(span_slot(span, offset) == offset / slot_bytes);
        page_index page = address_space_page(&space, (uintptr_t)span_base(&table, span) + offset);
        EXPECT(span_of_page(&table, page) == span);
    }
    for (uint32_t slot = 0; slot < span->slots; slot++) {
        EXPECT(span_slot_address(&table, span, slot) ==
               span_base(&table, span) + slot * slot_bytes);
    }
    /* What is left behind the last slot is less than a slot, and counts as none. */
    size_t used = span->slots * slot_bytes;
    ck_assert_uint_le(used, span_bytes(span));
    ck_assert_uint_lt(span_bytes(span) - used, slot_bytes);
    if (used < span_bytes(span)) {
        ck_assert_uint_ge(span_slot(span, (uint32_t)used), span->slots);
    }
    ck_assert_uint_le(span->slots, SPAN_SLOTS_MAX);
    ck_assert_ptr_null(span_of_page(&table, 6));
    ck_assert_ptr_null(span_of_page(&table, 7 + span->pages));
    span_check(&table, span);
}
END_TEST

START_TEST(large_object)
{
    struct span *span = make_span(3, 700, 0);
    span_publish(span);
    ck_assert(span_is_large(span));
    ck_assert_uint_eq(span->slots, 1);
    ck_assert_uint_eq(span_object_bytes(span), 700 * PAGE_BYTES);
    for (page_index page = 3; page < 703; page++) {
        EXPECT(span_of_page(&table, page) == span);
    }
    ck_assert_uint_eq(span_slot(span, UINT32_MAX), 0);
    ck_assert_ptr_null(span_of_page(&table, 703));
    ck_assert_ptr_eq(span_base(&table, span), (char *)space.base + 3 * PAGE_BYTES);
    span_check(&table, span);
}
END_TEST

START_TEST(mixed)
{
    struct span_shape shape = {.first = 1, .pages = 1, .size_class = CLASS_FIRST};
    ck_assert(span_is_mixed(span_init(&table, &shape)));
    ck_assert(!span_is_mixed(make_small(2, CLASS_FIRST)));
}
END_TEST

/* ---- The life of a span ---------------------------------------------------------------------- */

/* [span.4]: found from span_publish to span_retire, neither before nor after. */
START_TEST(found_while_published)
{
    ck_assert_ptr_null(span_of_page(&table, 0));
    struct span *span = make_span(10, 4, 0);
    for (page_index page = 8; page < 16; page++) {
        ck_assert_ptr_null(span_of_page(&table, page));
    }
    span_publish(span);
    for (page_index page = 10; page < 14; page++) {
        ck_assert_ptr_eq(span_of_page(&table, page), span);
        ck_assert_uint_eq(span_page(&table, span), 10);
    }
    ck_assert_ptr_null(span_of_page(&table, 9));
    ck_assert_ptr_null(span_of_page(&table, 14));
    span_retire(span);
    for (page_index page = 8; page < 16; page++) {
        ck_assert_ptr_null(span_of_page(&table, page));
    }
}
END_TEST

/* [span.3]: entries that still name a span which is no more mislead nobody. */
START_TEST(old_entries)
{
    struct span *old = make_span(10, 6, 0);
    span_publish(old);
    span_retire(old);
    struct span *small = make_span(10, 1, CLASS_FIRST); /* where the old one began, but shorter */
    span_publish(small);
    ck_assert_ptr_eq(span_of_page(&table, 10), small);
    for (page_index page = 11; page < 16; page++) {
        ck_assert_ptr_null(span_of_page(&table, page));
    }
    struct span *inside = make_span(13, 3, 0);
    span_publish(inside);
    ck_assert_ptr_null(span_of_page(&table, 12));
    for (page_index page = 13; page < 16; page++) {
        ck_assert_ptr_eq(span_of_page(&table, page), inside);
    }
    span_retire(small);
    struct span *all = make_span(8, 5, 0);
    span_publish(all);
    for (page_index page = 8; page < 13; page++) {
        ck_assert_ptr_eq(span_of_page(&table, page), all);
    }
    span_check(&table, all);
    span_check(&table, inside);
}
END_TEST

START_TEST(fresh_span)
{
    struct span *span = make_span(20, 1, CLASS_FIRST);
    memset(span->bits, 0xff, sizeof span->bits);
    span->search = 3;
    span_retire(span);
    span = make_span(20, 1, CLASS_FIRST);
    ck_assert_uint_eq(span->search, 0);
    ck_assert_uint_eq(span->next, PAGE_NONE);
    ck_assert_uint_eq(span->sweep_gen, 5);
    ck_assert_uint_eq(span->list, 70);
    ck_assert_uint_eq(span->needs_zero, 1);
    ck_assert_uint_eq(span->scannable, 1);
    ck_assert_ptr_eq(span->type, &some_type);
    ck_assert_uint_eq(span_count_allocated(span), 0);
    ck_assert_uint_eq(span_count_marked(span), 0);
}
END_TEST

START_TEST(table_grows)
{
    struct span_table small;
    ck_assert(span_table_init(&small, &space));
    ck_assert_ptr_null(span_of_page(&small, 0));
    ck_assert(span_table_extend(&small, 100));
    ck_assert_ptr_null(span_of_page(&small, 99));
    ck_assert_ptr_null(span_of_page(&small, 100));
    fake_port_fail_memory_after(0);
    ck_assert(!span_table_extend(&small, CHUNK_PAGES));
    ck_assert_uint_eq(small.pages, 100);
    fake_port_fail_memory_after(FAKE_PORT_NEVER);
    ck_assert(span_table_extend(&small, CHUNK_PAGES));
    ck_assert_uint_eq(small.pages, CHUNK_PAGES);
    ck_assert_uint_eq(span_at(&small, CHUNK_PAGES - 1)->state, SPAN_FREE);
    span_table_destroy(&small);
    fake_port_fail_memory_after(0);
    ck_assert(!span_table_init(&small, &space));
    fake_port_fail_memory_after(FAKE_PORT_NEVER);
}
END_TEST

/* ---- Runs: tables ---------------------------------------------------------------------------- */

#define ALL (~UINT64_C(0))

/* Spans of 16-byte slots: 512, eight words. Words that are not given are 0. */
static const struct {
    const char *what;
    uint64_t allocated[SPAN_BIT_WORDS];
    uint32_t search;
    uint32_t want_first;
    uint32_t want_count; /* 0: there is none */
} runs[] = {
    {"empty", {0}, 0, 0, 512},
    {"first taken", {1}, 0, 1, 511},
    {"last of a word", {ALL >> 1, ALL}, 0, 63, 1},
    {"over an edge", {ALL >> 1, ALL << 1}, 0, 63, 2},
    {"a word", {ALL, 0, ALL}, 0, 64, 64},
    {"a word and a bit", {ALL, 0, ALL << 1}, 0, 64, 65},
    {"three words", {ALL, ALL, 0, 0, 0, ALL}, 0, 128, 192},
    {"from search on", {0}, 100, 100, 412},
    {"search inside a hole", {~UINT64_C(0xff00)}, 12, 12, 4},
    {"search behind a hole", {~UINT64_C(0xff00), ALL, ~UINT64_C(2)}, 16, 129, 1},
    {"search at an edge", {0, 1}, 64, 65, 447},
    {"search at the end", {0}, 512, 512, 0},
    {"full", {ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL}, 0, 512, 0},
    {"the last one", {ALL, ALL, ALL, ALL, ALL, ALL, ALL, ALL >> 1}, 0, 511, 1},
    {"full from search on", {0, ALL, ALL, ALL, ALL, ALL, ALL, ALL}, 64, 512, 0},
};

START_TEST(take_run)
{
    struct span *span = make_small(0, CLASS_FIRST);
    uint32_t first;
    uint32_t count;
    ck_assert_uint_eq(span->slots, SPAN_SLOTS_MAX);
    allocate(span, runs[_i].allocated);
    span->search = runs[_i].search;
    uint32_t before = span_count_allocated(span);
    bool taken = span_take_run(span, &first, &count);
    ck_assert_msg(taken == (runs[_i].want_count > 0), "%s", runs[_i].what);
    ck_assert_msg(first == runs[_i].want_first && count == runs[_i].want_count, "%s: %u, %u",
                  runs[_i].what, first, count);
    ck_assert_uint_eq(span->search, first + count);
    ck_assert_uint_eq(span_count_allocated(span), before + count);
    for (uint32_t slot = first; slot < first + count; slot++) {
        EXPECT(span_is_allocated(span, slot)); /* [span.1] */
    }
    span_check(&table, span);
}
END_TEST

/* Give the slots [first, first + count) of a full span back; search stands at the end. */
static const struct {
    uint32_t first;
    uint32_t count;
} gifts[] = {{0, 1}, {0, 512}, {63, 1},  {63, 2},   {64, 64},  {64, 65}, {63, 130},
             {1, 0}, {511, 1}, {0, 511}, {448, 64}, {447, 65}, {512, 0}};

START_TEST(give_run)
{
    struct span *span = make_small(0, CLASS_FIRST);
    uint32_t first;
    uint32_t count;
    ck_assert(span_take_run(span, &first, &count));
    span_give_run(span, gifts[_i].first, gifts[_i].count);
    for (uint32_t slot = 0; slot < span->slots; slot++) {
        EXPECT(span_is_allocated(span, slot) != (slot - gifts[_i].first < gifts[_i].count));
    }
    ck_assert_uint_eq(span->search, gifts[_i].count > 0 ? gifts[_i].first : 512);
    ck_assert(span_take_run(span, &first, &count) == (gifts[_i].count > 0));
    if (count > 0) {
        ck_assert_uint_eq(first, gifts[_i].first);
        ck_assert_uint_eq(count, gifts[_i].count);
    }
    ck_assert_uint_eq(span_count_allocated(span), 512);
}
END_TEST

START_TEST(give_run_keeps_an_earlier_search)
{
    struct span *span = make_small(0, CLASS_FIRST);
    uint32_t first;
    uint32_t count;
    ck_assert(span_take_run(span, &first, &count));
    span->search = 10;
    span_give_run(span, 20, 5);
    ck_assert_uint_eq(span->search, 10);
}
END_TEST

/* Every class, random slots taken: the runs are what a look at each slot by itself finds. */
START_TEST(runs_of_random_spans)
{
    uint64_t random = unit_seed();
    for (unsigned round = 0; round < 10000; round++) {
        struct span *span = make_small(0, CLASS_FIRST + round % (SIZE_CLASS_COUNT - CLASS_FIRST));
        uint64_t pattern[SPAN_BIT_WORDS];
        for (size_t i = 0; i < SPAN_BIT_WORDS; i++) {
            pattern[i] = unit_random(&random) & unit_random(&random);
            pattern[i] |= round % 3 == 0 ? unit_random(&random) << (round % 64) : 0;
        }
        allocate(span, pattern);
        uint32_t slot = 0;
        uint32_t first;
        uint32_t count;
        while (span_take_run(span, &first, &count)) {
            for (; slot < first; slot++) {
                EXPECT(bitmap_get(pattern, slot));
            }
            for (; slot < first + count; slot++) {
                EXPECT(!bitmap_get(pattern, slot));
            }
            EXPECT(slot == span->slots || bitmap_get(pattern, slot));
        }
        for (; slot < span->slots; slot++) {
            EXPECT(bitmap_get(pattern, slot));
        }
        EXPECT(span_count_allocated(span) == span->slots);
        span_check(&table, span);
        span_retire(span);
    }
}
END_TEST

START_TEST(counts)
{
    struct span *span = make_small(0, CLASS_FIRST);
    span->bits[0].allocated = 0xff;
    span->bits[7].allocated = ALL;
    span->bits[0].mark = 0x11;
    span->bits[7].mark = UINT64_C(1) << 63;
    ck_assert_uint_eq(span_count_allocated(span), 72);
    ck_assert_uint_eq(span_count_marked(span), 3);
    ck_assert(span_is_marked(span, 4) && span_is_marked(span, 511) && !span_is_marked(span, 3));
    span_check(&table, span);
}
END_TEST

/* ---- Several threads ------------------------------------------------------------------------- */

#define PUBLISHED 400

static struct {
    uint32_t order[PUBLISHED]; /* the pages of span i, from i * 4 on */
    unsigned writers;
} shared;

static void publish_some(unsigned index)
{
    for (unsigned i = index; i < PUBLISHED; i += shared.writers) {
        struct span *span = make_span(i * 4, shared.order[i], 0);
        span->search = i;
        span_publish(span);
    }
}

/* All spans are found in the end, and what is found is complete. */
static void look_up_all(void)
{
    for (unsigned found = 0; found < PUBLISHED;) {
        found = 0;
        for (unsigned i = 0; i < PUBLISHED; i++) {
            const struct span *span = span_of_page(&table, i * 4 + shared.order[i] - 1);
            if (span != NULL) {
                EXPECT(span->first == i * 4 && span->pages == shared.order[i]);
                EXPECT(span->search == i && span->type == &some_type);
                found++;
            }
        }
        cpu_relax();
    }
}

static void publish_or_look_up(void *unused, unsigned index)
{
    (void)unused;
    if (index < shared.writers) {
        publish_some(index);
    } else {
        look_up_all();
    }
}

/* [span.4]: under ThreadSanitizer this fails as soon as span_publish no longer releases. */
START_TEST(publication)
{
    uint64_t random = unit_seed();
    shared.writers = 2;
    for (unsigned i = 0; i < PUBLISHED; i++) {
        shared.order[i] = 1 + (uint32_t)unit_random_below(&random, 4);
    }
    fixture_run_threads(4, publish_or_look_up, NULL);
}
END_TEST

/* ---- Breaches -------------------------------------------------------------------------------- */

static void check_span(void *span)
{
    span_check(&table, span);
}

static void expect_breach(struct span *span, const char *words)
{
    const char *message = fake_port_death_of(check_span, span);
    ck_assert_msg(message != NULL && strstr(message, words) != NULL, "%s instead of %s", message,
                  words);
}

START_TEST(check_finds)
{
    unsigned size_class = CLASS_FIRST;
    while (size_class_pages[size_class] < 2 || size_class_slots[size_class] % 64 == 0) {
        size_class++;
    }
    struct span *span = make_small(4, size_class);
    span_check(&table, span);
    span_at(&table, 5)->first = 3; /* [span.3] */
    expect_breach(span, "page 1 of the span at page 4 names page 3");
    span_at(&table, 5)->first = 4;
    span->bits[0].mark = 8; /* [span.2] */
    expect_breach(span, "marks of free slots in word 0 of the span at page 4");
    span->bits[0].allocated = 8;
    span_check(&table, span);
    span->bits[span->slots / 64].allocated |= UINT64_C(1) << (span->slots % 64);
    expect_breach(span, "bits beyond the slots");
    span->bits[span->slots / 64].allocated &= ~(UINT64_C(1) << (span->slots % 64));
    span->bits[SPAN_BIT_WORDS - 1].allocated = 1;
    expect_breach(span, "bits beyond the slots in word 7");
    span->bits[SPAN_BIT_WORDS - 1].allocated = 0;
    span->search = span->slots + 1;
    expect_breach(span, "search");
    span->search = 0;
    span->slots--;
    expect_breach(span, "does not have its class's shape");
    span->slots++;
    span->slot_bytes += 8;
    expect_breach(span, "does not have its class's shape");
    span->slot_bytes -= 8;
    span->size_class = SIZE_CLASS_COUNT;
    expect_breach(span, "size class 68");
    span->size_class = (uint8_t)size_class;
    span_check(&table, span);
    struct span *large = make_span(100, 5, 0);
    large->slots = 2;
    expect_breach(large, "a large span at page 100 has 2 slots");
}
END_TEST

/* A black run has its marks at once; what is given back of it loses them [span.2]. */
START_TEST(black_runs)
{
    struct span *span = make_small(4, CLASS_FIRST);
    uint32_t first;
    uint32_t count;
    span->bits[0].allocated = 0x0f;
    span->bits[1].allocated = UINT64_C(1) << 10; /* the first free run is slots 4 to 73 */
    span->bits[0].mark = 0x05;
    ck_assert(span_find_run(span, &first, &count));
    ck_assert_uint_eq(first, 4);
    ck_assert_uint_eq(count, 70);
    ck_assert_uint_eq(span->search, 0);
    ck_assert_uint_eq(span->bits[0].allocated, 0x0f); /* to find changes nothing */
    span_enter_run(span, first, count, true);
    ck_assert_uint_eq(span->search, 74);
    ck_assert_uint_eq(span->bits[0].allocated, UINT64_MAX);
    ck_assert_uint_eq(span->bits[0].mark, UINT64_MAX & ~UINT64_C(0x0a));
    ck_assert_uint_eq(span->bits[1].allocated, 0x7ff);
    ck_assert_uint_eq(span->bits[1].mark, 0x3ff);
    span_give_run(span, 60, 14);
    ck_assert_uint_eq(span->search, 60);
    ck_assert_uint_eq(span->bits[0].allocated, (UINT64_C(1) << 60) - 1);
    ck_assert_uint_eq(span->bits[0].mark, ((UINT64_C(1) << 60) - 1) & ~UINT64_C(0x0a));
    ck_assert_uint_eq(span->bits[1].allocated, 0x400);
    ck_assert_uint_eq(span->bits[1].mark, 0);
    span_check(&table, span);
    span_enter_run(span, 60, 4, false);
    ck_assert_uint_eq(span->bits[0].mark >> 60, 0); /* white */
}
END_TEST

/* Of a run that is being handed out nothing is an object yet; of one that is closed, all that was
 * not given back [span.7]. */
START_TEST(objects_are_those_of_closed_runs)
{
    struct span *span = make_small(4, CLASS_FIRST);
    uint64_t words[SPAN_BIT_WORDS];
    span->bits[0].allocated = 0x0f;
    span->bits[1].allocated = UINT64_C(1) << 10;
    span_find_objects(span, words);
    ck_assert_uint_eq(words[0], 0x0f);
    ck_assert_uint_eq(words[1], 0x400);
    ck_assert_uint_eq(words[2], 0);
    span_enter_run(span, 4, 70, false); /* up to slot 73 */
    span_find_objects(span, words);
    ck_assert_uint_eq(words[0], 0x0f);
    ck_assert_uint_eq(words[1], 0x400);
    span_enter_run(span, 75, 200, false); /* the one before was used up */
    span_find_objects(span, words);
    ck_assert_uint_eq(words[0], UINT64_MAX);
    ck_assert_uint_eq(words[1], 0x7ff);
    ck_assert_uint_eq(words[2], 0);
    span_give_run(span, 100, 175);
    span_close_run(span);
    span_find_objects(span, words);
    ck_assert_uint_eq(words[1], (UINT64_C(1) << 36) - 1); /* up to slot 99 */
    ck_assert_uint_eq(words[2], 0);
    span_enter_run(span, 100, 412, false); /* to the end */
    span_find_objects(span, words);
    ck_assert_uint_eq(words[1], (UINT64_C(1) << 36) - 1);
    ck_assert_uint_eq(words[7], 0);
    span_close_run(span);
    span_find_objects(span, words);
    ck_assert_uint_eq(words[7], UINT64_MAX);
}
END_TEST

#if TRI_CHECKS >= 1
static void give_free(void *span)
{
    span_give_run(span, 100, 2);
}

static void make_over(void *span)
{
    (void)span;
    (void)make_span(2, 4, 0);
}

static void retire(void *span)
{
    span_retire(span);
}

START_TEST(misuse)
{
    struct span *span = make_small(4, CLASS_FIRST);
    span->bits[0].allocated = 0x3ff;
    ck_assert_ptr_nonnull(fake_port_death_of(give_free, span));
    ck_assert_ptr_nonnull(fake_port_death_of(make_over, span));
    span_retire(span);
    ck_assert_ptr_nonnull(fake_port_death_of(retire, span));
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("span");
    TCase *cases = tcase_create("span");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_loop_test(cases, every_offset, CLASS_FIRST, SIZE_CLASS_COUNT);
    tcase_add_test(cases, black_runs);
    tcase_add_test(cases, objects_are_those_of_closed_runs);
    tcase_add_test(cases, large_object);
    tcase_add_test(cases, mixed);
    tcase_add_test(cases, found_while_published);
    tcase_add_test(cases, old_entries);
    tcase_add_test(cases, fresh_span);
    tcase_add_test(cases, table_grows);
    tcase_add_loop_test(cases, take_run, 0, (int)ARRAY_LENGTH(runs));
    tcase_add_loop_test(cases, give_run, 0, (int)ARRAY_LENGTH(gifts));
    tcase_add_test(cases, give_run_keeps_an_earlier_search);
    tcase_add_test(cases, runs_of_random_spans);
    tcase_add_test(cases, counts);
    tcase_add_test(cases, publication);
    tcase_add_test(cases, check_finds);
#if TRI_CHECKS >= 1
    tcase_add_test(cases, misuse);
#endif
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
