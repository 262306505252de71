/* thread_cache_test.c -- runs: zeroed, never beyond their end, and given back to the slot. */
#include "gc/thread_cache.h"

#include <string.h>

#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

#define STALE 0xab /* what freed memory holds */
#define LIVE  0x5a /* what objects hold that were there before */

static struct thread_cache *cache;
static struct span_table *table;

static void create(void)
{
    fake_port_reset();
    fixture_begin(NULL, 1);
    cache = &fixture.mutators[0]->cache;
    table = &fixture.heap->page_heap.spans;
}

static void destroy(void)
{
    fixture_end();
    fake_port_finish();
}

static tri_type *type_of_class(unsigned size_class)
{
    return fixture_type(size_class_bytes[size_class], TRI_LAYOUT_ALL_WORDS);
}

/* A span for list, full of old contents; the slots whose bit in pattern is set hold objects. */
static struct span *make_span(uint32_t list, const uint64_t *pattern, bool needs_zero)
{
    const struct central_list *central = type_table_list(&fixture.heap->types, list);
    bool zero;
    struct span_shape shape = {
        .pages = size_class_pages[central->size_class],
        .size_class = central->size_class,
        .list = list,
        .type = central->type,
        .scannable = true,
        .needs_zero = needs_zero,
    };
    shape.first = page_heap_take(&fixture.heap->page_heap, NULL, shape.pages, &zero);
    ck_assert_uint_ne(shape.first, PAGE_NONE);
    struct span *span = span_init(table, &shape);
    memset(span_base(table, span), STALE, span_bytes(span));
    for (uint32_t slot = 0; slot < span->slots; slot++) {
        if (bitmap_get(pattern, slot)) {
            bitmap_set(&span->bits[slot / 64].allocated, slot % 64);
            memset(span_slot_address(table, span, slot), LIVE, span->slot_bytes);
        }
    }
    span_publish(span);
    return span;
}

static struct span *pop_partial_swept(struct central_list *central, uint32_t generation)
{
    struct span_chain chain =
        central_list_take_partial_swept(central, cache->shard, table, generation, 1);
    return span_chain_take(&chain, table);
}

static struct span *pop_full_unswept(struct central_list *central, uint32_t generation)
{
    struct span_chain chain =
        central_list_take_full_unswept(central, cache->shard, table, generation, 1);
    return span_chain_take(&chain, table);
}

static bool is_filled(const char *memory, size_t bytes, uint8_t with)
{
    for (size_t i = 0; i < bytes; i++) {
        if ((uint8_t)memory[i] != with) {
            return false;
        }
    }
    return true;
}

static void random_pattern(uint64_t *random, uint64_t *pattern)
{
    unsigned density = (unsigned)unit_random_below(random, 4);
    for (size_t i = 0; i < SPAN_BIT_WORDS; i++) {
        pattern[i] = unit_random(random);
        pattern[i] &= density > 0 ? unit_random(random) : 0;
        pattern[i] |= density > 1 ? unit_random(random) : 0;
        pattern[i] |= density > 2 ? unit_random(random) : 0;
    }
}

/* ---- Runs ------------------------------------------------------------------------------------ */

/* What must hold of cursor list after each take, where slots have to be zeroed. */
static void check_cursor(uint32_t list, bool zeroed)
{
    const struct tri_cursor_ *cursor = &cache->cursors[list];
    const struct cache_bin *bin = &cache->bins[list];
    EXPECT(bin->run_start <= cursor->free && cursor->free <= cursor->limit);
    EXPECT(cursor->limit <= bin->run_end); /* [thread_cache.2] */
    size_t ahead = (size_t)(cursor->limit - cursor->free);
    if (zeroed) {
        EXPECT(is_filled(cursor->free, ahead, 0)); /* [thread_cache.1] */
        EXPECT(ahead < size_max(RUN_ZERO_BYTES, bin->span->slot_bytes));
    }
}

static struct span *exhaust(struct span *span, bool zero, uint8_t want)
{
    uint32_t list = span->list;
    uint32_t free = span->slots - span_count_allocated(span);
    struct span_bits before[SPAN_BIT_WORDS];
    memcpy(before, span->bits, sizeof before);
    uint64_t seen[SPAN_BIT_WORDS] = {0};
    uint32_t taken = 0;
    char *slot;
    while ((slot = thread_cache_take(cache, table, list, zero)) != NULL) {
        uint32_t number = span_slot(span, (uint32_t)(slot - span_base(table, span)));
        EXPECT(slot == span_slot_address(table, span, number));
        EXPECT(number < span->slots && !bitmap_get(seen, number));
        EXPECT(((before[number / 64].allocated >> number % 64) & 1) == 0);
        EXPECT(span_is_allocated(span, number)); /* [span.1] */
        EXPECT(is_filled(slot, span->slot_bytes, want));
        check_cursor(list, zero && span->needs_zero);
        bitmap_set(seen, number);
        memset(slot, 0xcd, span->slot_bytes);
        taken++;
    }
    EXPECT(taken == free);
    for (uint32_t number = 0; number < span->slots; number++) { /* [thread_cache.2] */
        bool was_live = (before[number / 64].allocated >> number % 64) & 1;
        EXPECT(is_filled(span_slot_address(table, span, number), span->slot_bytes,
                         was_live ? LIVE : 0xcd));
    }
    EXPECT(thread_cache_take(cache, table, list, zero) == NULL);
    struct span *dropped = thread_cache_drop_span(cache, list);
    uint32_t first;
    uint32_t count;
    EXPECT(dropped == span && !span_find_run(span, &first, &count));
    EXPECT(cache->objects == taken && cache->bytes == (uint64_t)taken * span->slot_bytes);
    cache->objects = 0;
    cache->bytes = 0;
    return dropped;
}

/* [thread_cache.1], [thread_cache.2]: every class, spans from empty to nearly full. */
START_TEST(runs_of_every_class)
{
    uint64_t random = unit_seed();
    for (unsigned size_class = 2; size_class < SIZE_CLASS_COUNT; size_class++) {
        uint32_t list = type_of_class(size_class)->list;
        for (unsigned round = 0; round < 4; round++) {
            uint64_t pattern[SPAN_BIT_WORDS] = {0};
            if (round > 0) {
                random_pattern(&random, pattern);
            }
            struct span *span = make_span(list, pattern, true);
            thread_cache_set_span(cache, list, span);
            (void)exhaust(span, true, 0);
        }
    }
}
END_TEST

/* TRI_TYPE_UNINITIALIZED: nobody zeroes. */
START_TEST(runs_that_are_not_zeroed)
{
    uint64_t random = unit_seed();
    uint64_t pattern[SPAN_BIT_WORDS];
    random_pattern(&random, pattern);
    uint32_t list = type_of_class(5)->list;
    struct span *span = make_span(list, pattern, true);
    thread_cache_set_span(cache, list, span);
    (void)exhaust(span, false, STALE);
}
END_TEST

/* Of a span that is known to be zero nothing is written, and a run is one stretch. */
START_TEST(runs_of_zero_spans)
{
    uint64_t pattern[SPAN_BIT_WORDS] = {0xff};
    uint32_t list = type_of_class(4)->list;
    struct span *span = make_span(list, pattern, false);
    thread_cache_set_span(cache, list, span);
    ck_assert_ptr_nonnull(thread_cache_take(cache, table, list, true));
    ck_assert_ptr_eq(cache->cursors[list].limit, span_slot_address(table, span, span->slots));
    ck_assert(is_filled(span_slot_address(table, span, 8), span->slot_bytes, STALE));
}
END_TEST

START_TEST(no_span)
{
    uint32_t list = type_of_class(4)->list;
    ck_assert_ptr_null(thread_cache_take(cache, table, list, true));
    ck_assert_ptr_null(thread_cache_drop_span(cache, list));
    const uint64_t full[SPAN_BIT_WORDS] = {~UINT64_C(0), ~UINT64_C(0), ~UINT64_C(0), ~UINT64_C(0),
                                           ~UINT64_C(0), ~UINT64_C(0), ~UINT64_C(0), ~UINT64_C(0)};
    struct span *span = make_span(list, full, true);
    thread_cache_set_span(cache, list, span);
    ck_assert_ptr_null(thread_cache_take(cache, table, list, true));
    ck_assert_ptr_eq(thread_cache_drop_span(cache, list), span);
}
END_TEST

/* The rest of a run, zeroed step by step, as far as that is allowed; never the next run. */
START_TEST(takes_ahead)
{
    tri_type *type = type_of_class(5);
    uint64_t pattern[SPAN_BIT_WORDS] = {0};
    bitmap_set(pattern, 100); /* two runs */
    struct span *span = make_span(type->list, pattern, true);
    const struct tri_cursor_ *cursor = &cache->cursors[type->list];
    ck_assert_ptr_null(thread_cache_take_ahead(cache, type->list, true)); /* no span */
    thread_cache_set_span(cache, type->list, span);
    cache->ahead = PAGE_BYTES;
    ck_assert_ptr_null(thread_cache_take_ahead(cache, type->list, true)); /* no run */
    char *slot = thread_cache_take(cache, table, type->list, true);
    cache->ahead = 0;
    for (uint32_t number = 1; number < 100; number++) {
        size_t handed = cache->handed;
        if (cursor->free == cursor->limit) {
            ck_assert_ptr_null(thread_cache_take_ahead(cache, type->list, true));
            cache->ahead = handed;
            ck_assert_ptr_null(thread_cache_take_ahead(cache, type->list, true));
            cache->ahead = handed + 1;
        }
        char *next = thread_cache_take_ahead(cache, type->list, true);
        ck_assert_ptr_eq(next, slot + span->slot_bytes);
        ck_assert(is_filled(next, span->slot_bytes, 0)); /* [thread_cache.1] */
        check_cursor(type->list, true);
        cache->ahead = 0;
        slot = next;
    }
    cache->ahead = SIZE_MAX;
    ck_assert_ptr_null(thread_cache_take_ahead(cache, type->list, true)); /* [thread_cache.2] */
    ck_assert_ptr_eq(thread_cache_take(cache, table, type->list, true),
                     span_slot_address(table, span, 101));
}
END_TEST

/* ---- The inline fast path -------------------------------------------------------------------- */

/* [thread_cache.4]: tri_alloc finds the cursor by the type's offset, and goes exactly to its
 * limit. */
START_TEST(inline_path)
{
    static const size_t sizes[] = {1, 16, 24, 40, 1000, 9000};
    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
        tri_type *type = fixture_type(sizes[i], TRI_LAYOUT_ALL_WORDS);
        uint64_t pattern[SPAN_BIT_WORDS] = {0};
        struct span *span = make_span(type->list, pattern, true);
        fixture_promote(type);
        thread_cache_set_span(cache, type->list, span);
        char *first = thread_cache_take(cache, table, type->list, true);
        const struct tri_cursor_ *cursor = &cache->cursors[type->list];
        ck_assert_ptr_eq(cursor, (char *)fixture.mutators[0] + type->head.cursor);
        char *next = first + span->slot_bytes;
        unsigned safepoints = fixture.safepoints;
        while (cursor->free < cursor->limit) {
            ck_assert_ptr_eq(fixture_new(type), next);
            next += span->slot_bytes;
        }
        ck_assert_uint_eq(fixture.safepoints, safepoints); /* never left the fast path */
        cache->ahead = 0;
        ck_assert_ptr_eq(fixture_new(type), next);
        ck_assert_uint_eq(fixture.safepoints, safepoints + 1);
    }
}
END_TEST

/* ---- Flush ----------------------------------------------------------------------------------- */

static size_t flush(uint32_t generation)
{
    struct cache_home home = {&fixture.heap->page_heap, &fixture.heap->types,
                              &fixture.heap->finalizers.spans, generation};
    size_t rest = thread_cache_flush(cache, &home);
    ck_assert_uint_eq(cache->first_held, 0);
    ck_assert(page_cache_is_empty(&cache->pages));
    return rest;
}

/* [thread_cache.3]: after any number of takes the flush gives back what was not handed out, all of
 * it and nothing more; the next owner of the span gets exactly that. */
START_TEST(flush_after_each_take)
{
    uint64_t random = unit_seed();
    uint32_t list = type_of_class(7)->list;
    struct central_list *central = type_table_list(&fixture.heap->types, list);
    uint64_t pattern[SPAN_BIT_WORDS];
    random_pattern(&random, pattern);
    pattern[0] |= 1;
    for (uint32_t takes = 0;; takes++) {
        struct span *span = make_span(list, pattern, true);
        uint32_t live = span_count_allocated(span);
        uint32_t free = span->slots - live;
        if (takes > free) {
            break;
        }
        cache->handed = 0;
        cache->handed_scannable = 0;
        thread_cache_set_span(cache, list, span);
        for (uint32_t i = 0; i < takes; i++) {
            EXPECT(thread_cache_take(cache, table, list, true) != NULL);
        }
        size_t handed = cache->handed;
        EXPECT(handed >= (size_t)takes * span->slot_bytes);
        EXPECT(handed <= (size_t)free * span->slot_bytes);
        EXPECT(cache->handed_scannable == (span->scannable ? handed : 0));
        EXPECT(flush(0) == handed - (size_t)takes * span->slot_bytes);
        EXPECT(cache->objects == takes && cache->bytes == (uint64_t)takes * span->slot_bytes);
        EXPECT(span_count_allocated(span) == live + takes);
        EXPECT(cache->bins[list].span == NULL && !cache->bins[list].held);
        EXPECT(cache->cursors[list].free == NULL && cache->cursors[list].limit == NULL);
        span_check(table, span);
        cache->objects = 0;
        cache->bytes = 0;
        struct span *again = pop_partial_swept(central, 0);
        if (takes < free) { /* else it may be in either set */
            EXPECT(again == span);
            thread_cache_set_span(cache, list, span);
            for (uint32_t i = takes; i < free; i++) {
                char *slot = thread_cache_take(cache, table, list, true);
                EXPECT(slot != NULL && is_filled(slot, span->slot_bytes, 0));
            }
            EXPECT(thread_cache_take(cache, table, list, true) == NULL);
            EXPECT(thread_cache_drop_span(cache, list) == span);
            cache->objects = 0;
            cache->bytes = 0;
        }
    }
}
END_TEST

/* Which set it goes to: partial where slots from search on are left, else full. */
START_TEST(partial_or_full)
{
    uint32_t list = type_of_class(20)->list;
    struct central_list *central = type_table_list(&fixture.heap->types, list);
    uint64_t none[SPAN_BIT_WORDS] = {0};
    for (uint32_t generation = 0; generation < 2; generation++) {
        struct span *span = make_span(list, none, true);
        span->sweep_gen = generation;
        thread_cache_set_span(cache, list, span);
        (void)flush(generation);
        ck_assert_ptr_eq(pop_partial_swept(central, generation), span);
        thread_cache_set_span(cache, list, span);
        for (uint32_t i = 0; i < span->slots; i++) {
            ck_assert_ptr_nonnull(thread_cache_take(cache, table, list, true));
        }
        ck_assert_uint_eq(flush(generation), 0);
        ck_assert_ptr_null(pop_partial_swept(central, generation));
        ck_assert_ptr_eq(pop_full_unswept(central, generation + 1), span);
    }
}
END_TEST

/* A bin that got several spans since the last flush is flushed once. */
START_TEST(flush_of_many)
{
    enum {
        TYPES = 10
    };
    uint32_t lists[TYPES];
    uint64_t none[SPAN_BIT_WORDS] = {0};
    uint64_t objects = 0;
    for (unsigned i = 0; i < TYPES; i++) {
        lists[i] = type_of_class(30 + i)->list;
        for (unsigned round = 0; round <= i % 3; round++) {
            struct span *span = make_span(lists[i], none, true);
            thread_cache_set_span(cache, lists[i], span);
            uint32_t takes = round < i % 3 ? (uint32_t)span->slots + 1 : 1 + i % 2;
            for (uint32_t k = 0; k < takes && k < span->slots; k++) {
                ck_assert_ptr_nonnull(thread_cache_take(cache, table, lists[i], true));
                objects++;
            }
            if (round < i % 3) {
                ck_assert_ptr_null(thread_cache_take(cache, table, lists[i], true));
                ck_assert_ptr_eq(thread_cache_drop_span(cache, lists[i]), span);
            }
        }
    }
    bool zero;
    ck_assert_uint_ne(page_heap_take(&fixture.heap->page_heap, &cache->pages, 1, &zero), PAGE_NONE);
    size_t unused = flush(0);
    ck_assert_uint_gt(unused, 0);
    ck_assert_uint_eq(cache->bytes + unused, cache->handed);
    ck_assert_uint_eq(cache->objects, objects);
    ck_assert_uint_eq(flush(0), 0);
    ck_assert_uint_eq(cache->objects, objects);
    for (unsigned i = 0; i < TYPES; i++) {
        ck_assert(!cache->bins[lists[i]].held);
    }
}
END_TEST

/* Spares are taken one after the other, and go back to the central list with a flush, as do those
 * that are used up; each to the set of its own generation [central_list.1]. */
START_TEST(spares_and_used_up)
{
    uint32_t list = type_of_class(20)->list;
    struct central_list *central = type_table_list(&fixture.heap->types, list);
    uint64_t none[SPAN_BIT_WORDS] = {0};
    struct span *spans[6];
    for (uint32_t i = 0; i < 6; i++) {
        spans[i] = make_span(list, none, true);
        spans[i]->sweep_gen = i % 2;
    }
    ck_assert_ptr_null(thread_cache_take_spare(cache, table, list));
    for (unsigned i = 0; i < 3; i++) {
        thread_cache_add_spare(cache, table, list, spans[i]);
    }
    struct span *spare = thread_cache_take_spare(cache, table, list);
    ck_assert(spare == spans[0] || spare == spans[1] || spare == spans[2]);
    thread_cache_add_spare(cache, table, list, spare);
    thread_cache_give_used_up(cache, table, central); /* none */
    for (unsigned i = 3; i < 6; i++) {
        thread_cache_add_used_up(cache, table, central, spans[i]);
    }
    ck_assert_ptr_eq(pop_full_unswept(central, 0), spans[3]); /* another generation came then */
    ck_assert_ptr_eq(pop_full_unswept(central, 1), spans[4]);
    ck_assert_ptr_null(pop_full_unswept(central, 0));
    thread_cache_give_used_up(cache, table, central);
    ck_assert_ptr_eq(pop_full_unswept(central, 0), spans[5]);
    thread_cache_add_used_up(cache, table, central, spans[5]);
    ck_assert_uint_eq(flush(0), 0);
    ck_assert(!cache->bins[list].held);
    ck_assert_ptr_null(thread_cache_take_spare(cache, table, list));
    ck_assert_ptr_eq(pop_full_unswept(central, 0), spans[5]);
    struct span *even[2] = {pop_partial_swept(central, 0), pop_partial_swept(central, 0)};
    ck_assert((even[0] == spans[0] && even[1] == spans[2]) ||
              (even[0] == spans[2] && even[1] == spans[0]));
    ck_assert_ptr_eq(pop_partial_swept(central, 1), spans[1]);
    ck_assert_ptr_null(pop_partial_swept(central, 0));
    ck_assert_ptr_null(pop_partial_swept(central, 1));
}
END_TEST

/* Several lists, spans, takes and flushes at random: each slot is handed out once, and what was
 * taken and not handed out comes back. */
START_TEST(random_takes)
{
    enum {
        TYPES = 6
    };
    uint64_t random = unit_seed();
    uint32_t lists[TYPES];
    uint64_t bytes = 0;
    uint64_t objects = 0;
    for (unsigned i = 0; i < TYPES; i++) {
        lists[i] = type_of_class(2 + 9 * i)->list;
    }
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t list = lists[unit_random_below(&random, TYPES)];
        if (unit_random_below(&random, 200) == 0) {
            (void)flush(0);
            EXPECT(cache->objects == objects && cache->bytes == bytes);
            continue;
        }
        char *slot = thread_cache_take(cache, table, list, true);
        while (slot == NULL) {
            (void)thread_cache_drop_span(cache, list);
            struct central_list *central = type_table_list(&fixture.heap->types, list);
            struct span *span = pop_partial_swept(central, 0);
            uint64_t pattern[SPAN_BIT_WORDS];
            random_pattern(&random, pattern);
            thread_cache_set_span(cache, list, span ? span : make_span(list, pattern, true));
            slot = thread_cache_take(cache, table, list, true);
        }
        size_t slot_bytes = fixture_span(slot)->slot_bytes;
        EXPECT(is_filled(slot, slot_bytes, 0));
        memset(slot, 0xcd, slot_bytes); /* who gets it again does not find it zero */
        objects++;
        bytes += slot_bytes;
    }
    (void)flush(0);
    ck_assert_uint_eq(cache->objects, objects);
    ck_assert_uint_eq(cache->bytes, bytes);
}
END_TEST

#if TRI_CHECKS >= 1
static void set_span(void *span)
{
    thread_cache_set_span(cache, ((struct span *)span)->list, span);
}

static void set_at_other_list(void *span)
{
    thread_cache_set_span(cache, ((struct span *)span)->list - 1, span);
}

static void drop(void *span)
{
    (void)thread_cache_drop_span(cache, ((struct span *)span)->list);
}

START_TEST(misuse)
{
    uint64_t none[SPAN_BIT_WORDS] = {0};
    (void)type_of_class(4);
    uint32_t list = type_of_class(4)->list;
    struct span *span = make_span(list, none, true);
    ck_assert_ptr_nonnull(fake_port_death_of(set_at_other_list, span));
    thread_cache_set_span(cache, list, span);
    ck_assert_ptr_nonnull(fake_port_death_of(set_span, make_span(list, none, true)));
    ck_assert_ptr_nonnull(thread_cache_take(cache, table, list, true));
    ck_assert_ptr_nonnull(fake_port_death_of(drop, span)); /* its run is open */
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("thread_cache");
    TCase *cases = tcase_create("thread_cache");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_test(cases, runs_of_every_class);
    tcase_add_test(cases, runs_that_are_not_zeroed);
    tcase_add_test(cases, runs_of_zero_spans);
    tcase_add_test(cases, no_span);
    tcase_add_test(cases, takes_ahead);
    tcase_add_test(cases, inline_path);
    tcase_add_test(cases, flush_after_each_take);
    tcase_add_test(cases, partial_or_full);
    tcase_add_test(cases, flush_of_many);
    tcase_add_test(cases, spares_and_used_up);
    tcase_add_test(cases, random_takes);
#if TRI_CHECKS >= 1
    tcase_add_test(cases, misuse);
#endif
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
