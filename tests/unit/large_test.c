/* large_test.c -- objects over 32 KiB: zeroed before anybody sees them, in steps. */
#include "gc/large.h"

#include <string.h>

#include "gc/cycle.h"
#include "gc/object.h"
#include "gc/sweep.h"
#include "gc/verify.h"
#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

#define BYTES (5 * LARGE_ZERO_BYTES + 3 * PAGE_BYTES)

static struct tri_mutator *mutator;

static void create(void)
{
    tri_heap_options options;
    fake_port_reset();
    fixture_options(&options);
    options.gc_percent = TRI_GC_PERCENT_OFF;
    fixture_begin(&options, 2);
    mutator = fixture.mutators[0];
}

static void destroy(void)
{
    fixture.at_safepoint = NULL;
    fixture_end();
    fake_port_finish();
}

static bool is_zero(const char *memory, size_t bytes)
{
    for (size_t i = 0; i < bytes / 8; i++) {
        if (*fixture_slot((tri_ref)(uintptr_t)memory, i) != 0) {
            return false;
        }
    }
    return true;
}

/* Leave free pages behind that are full of old contents. */
static void make_stale_pages(size_t bytes)
{
    char *object = large_alloc(mutator, fixture_type(bytes, TRI_LAYOUT_LEAF), bytes);
    memset(object, 0xab, align_up(bytes, PAGE_BYTES));
    fixture_collect();
    ck_assert(!fixture_is_allocated(object));
}

/* ---- What it is when it is there ------------------------------------------------------------- */

static const size_t sizes[] = {SMALL_SIZE_MAX + 1,
                               5 * PAGE_BYTES,
                               5 * PAGE_BYTES + 1,
                               LARGE_ZERO_BYTES - 1,
                               LARGE_ZERO_BYTES,
                               LARGE_ZERO_BYTES + 1,
                               BYTES,
                               20 * MIB + 7};

START_TEST(whole)
{
    size_t bytes = sizes[_i];
    size_t all = align_up(bytes, PAGE_BYTES);
    const struct heap_counters *counters = &fixture.heap->counters;
    tri_type *type = fixture_type(bytes, _i % 2 ? TRI_LAYOUT_LEAF : TRI_LAYOUT_ALL_WORDS);
    for (unsigned fresh = 2; fresh-- > 0;) {
        uint64_t live = counters->live_bytes;
        uint64_t allocated = counters->allocated_bytes;
        unsigned safepoints = fixture.safepoints;
        char *object = large_alloc(mutator, type, bytes);
        ck_assert_ptr_nonnull(object);
        ck_assert(is_zero(object, all));
        ck_assert_uint_eq((uintptr_t)object % PAGE_BYTES, 0);
        /* Fresh pages need no zeroing; stale ones are zeroed in steps with a safepoint each. */
        size_t steps = (all + LARGE_ZERO_BYTES - 1) / LARGE_ZERO_BYTES;
        ck_assert_uint_eq(fixture.safepoints - safepoints, fresh ? 0 : steps);
        struct span *span = fixture_span(object);
        ck_assert_ptr_eq(span->type, type);
        ck_assert_uint_eq(span->scannable, type->scannable);
        ck_assert_uint_eq(span->sweep_gen, sweep_generation(fixture.heap)); /* [large.2] */
        ck_assert_uint_eq(counters->live_bytes - live, all);
        ck_assert_uint_eq(counters->allocated_bytes - allocated, all);
        ck_assert_uint_eq(counters->spans, 1);
        ck_assert_uint_eq(page_heap_in_use(&fixture.heap->page_heap) / PAGE_BYTES,
                          all / PAGE_BYTES);
        fixture_verify();
        memset(object, 0xab, all);
        fixture_collect();
        ck_assert_uint_eq(counters->spans, 0);
        ck_assert_uint_eq(page_heap_in_use(&fixture.heap->page_heap) / PAGE_BYTES, 0);
        ck_assert_uint_eq(counters->live_bytes, 0);
    }
    ck_assert_uint_eq(counters->allocated_objects, 2);
}
END_TEST

/* TRI_TYPE_UNINITIALIZED: no zeroing, no safepoint. */
START_TEST(uninitialized)
{
    make_stale_pages(BYTES);
    tri_type_desc desc = TRI_TYPE_DESC("bytes", char);
    desc.size = BYTES;
    desc.flags = TRI_TYPE_UNINITIALIZED;
    tri_type *type = fixture_define(&desc);
    unsigned safepoints = fixture.safepoints;
    char *object = large_alloc(mutator, type, BYTES);
    ck_assert_uint_eq(fixture.safepoints, safepoints);
    ck_assert_int_eq((unsigned char)object[BYTES / 2], 0xab);
}
END_TEST

/* ---- While it is being zeroed ---------------------------------------------------------------- */

static char *coming; /* where the object will be: the only free stale run */

/* [large.1]: it is found by no look-up, is in no set, and its memory is not scanned; the heap is in
 * order without it. */
static void look_at_it(struct tri_mutator *self)
{
    (void)self;
    struct object_place place;
    for (size_t offset = 0; offset < BYTES; offset += PAGE_BYTES) {
        EXPECT(!object_find(fixture.heap, (uintptr_t)coming + offset, &place));
    }
    EXPECT(fixture_list_is_empty(type_table_list(&fixture.heap->types, LIST_LARGE)));
    fixture_flush();
    verify_heap(fixture.heap, VERIFY_BEFORE_MARK);
}

START_TEST(invisible_while_zeroed)
{
    make_stale_pages(BYTES);
    coming = address_space_address(&fixture.heap->page_heap.space, 0);
    fixture.at_safepoint = look_at_it;
    tri_type *type = fixture_type(BYTES, TRI_LAYOUT_ALL_WORDS);
    unsigned safepoints = fixture.safepoints;
    ck_assert_ptr_eq(large_alloc(mutator, type, BYTES), coming);
    ck_assert_uint_eq(fixture.safepoints - safepoints, 6);
    fixture.at_safepoint = NULL;
    ck_assert(fixture_is_allocated(coming));
}
END_TEST

/* Another mutator collects. */
static void collect(struct tri_mutator *self)
{
    ck_assert_ptr_eq(self, mutator);
    cycle_run(fixture.mutators[1], CYCLE_FORCED);
    if (fixture.ended % 2 == 0) {
        sweep_finish(fixture.heap);
    }
}

/* [large.1], [large.2]: cycles begin and end meanwhile, and words on the stack point to it: it is
 * neither marked nor freed, and comes swept into the generation of that moment. */
START_TEST(cycles_while_zeroed)
{
    make_stale_pages(BYTES);
    coming = address_space_address(&fixture.heap->page_heap.space, 0);
    const void *candidates[] = {coming, coming + BYTES / 2, coming + BYTES - 1};
    fixture.candidates = candidates;
    fixture.candidate_count = ARRAY_LENGTH(candidates);
    fixture.at_safepoint = collect;
    tri_type *type = fixture_type(BYTES, TRI_LAYOUT_ALL_WORDS);
    unsigned ended = fixture.ended;
    char *object = large_alloc(mutator, type, BYTES);
    fixture.at_safepoint = NULL;
    ck_assert_ptr_eq(object, coming);
    ck_assert_uint_eq(fixture.ended - ended, 6);
    ck_assert(is_zero(object, align_up(BYTES, PAGE_BYTES)));
    ck_assert(fixture_is_allocated(object));
    ck_assert_uint_eq(fixture_span(object)->sweep_gen, sweep_generation(fixture.heap));
    ck_assert_uint_eq(span_count_marked(fixture_span(object)), 0);
    fixture_verify();
    fixture_collect(); /* now the words keep it */
    ck_assert(fixture_is_allocated(object));
    ck_assert_uint_eq(fixture.heap->cycle.last.marked_objects, 1);
    fixture.candidate_count = 0;
    fixture_collect();
    ck_assert(!fixture_is_allocated(object));
    fixture_verify();
}
END_TEST

/* [large.3]: what is garbage is swept before the heap grows, as much as is needed. */
START_TEST(garbage_makes_room)
{
    tri_type *types[2] = {fixture_type(3 * MIB, TRI_LAYOUT_LEAF),
                          fixture_type(8000, TRI_LAYOUT_LEAF)};
    fixture_promote(types[1]);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_ptr_nonnull(fixture_new(types[0]));
        for (unsigned k = 0; k < 500; k++) {
            ck_assert_ptr_nonnull(fixture_new(types[1]));
        }
    }
    size_t grown = page_heap_bytes(&fixture.heap->page_heap).grown;
    for (unsigned round = 0; round < 5; round++) {
        cycle_run(mutator, CYCLE_FORCED);
        ck_assert_uint_gt(fixture_unswept(), 4);
        for (unsigned i = 0; i < 4; i++) {
            ck_assert_ptr_nonnull(large_alloc(mutator, types[0], 3 * MIB));
            ck_assert(!sweep_is_done(fixture.heap));
        }
        for (unsigned k = 0; k < 2000; k++) {
            ck_assert_ptr_nonnull(fixture_new(types[1]));
        }
        ck_assert_uint_eq(page_heap_bytes(&fixture.heap->page_heap).grown, grown);
    }
}
END_TEST

/* ---- No memory ------------------------------------------------------------------------------- */

START_TEST(too_large)
{
    size_t space = fixture.heap->page_heap.space.bytes;
    tri_type *type = fixture_type(8, TRI_LAYOUT_ALL_WORDS);
    ck_assert_ptr_null(large_alloc(mutator, type, space + 1));
    ck_assert_ptr_null(large_alloc(mutator, type, TRI_OBJECT_SIZE_MAX));
    ck_assert_uint_eq(fixture.heap->page_heap.space.grown, 0); /* it was not even tried */
    char *object = large_alloc(mutator, type, space);
    ck_assert_ptr_nonnull(object);
    ck_assert_ptr_null(large_alloc(mutator, type, SMALL_SIZE_MAX + 1));
    fixture_verify();
}
END_TEST

START_TEST(refused)
{
    tri_type *type = fixture_type(8, TRI_LAYOUT_ALL_WORDS);
    fake_port_fail_memory_after(0);
    ck_assert_ptr_null(large_alloc(mutator, type, MIB));
    ck_assert_uint_eq(fixture.heap->counters.live_bytes, 0);
    ck_assert_uint_eq(fixture.heap->counters.spans, 0);
    fixture_verify();
    fake_port_fail_memory_after(FAKE_PORT_NEVER);
    ck_assert_ptr_nonnull(large_alloc(mutator, type, MIB));
    fixture_verify();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("large");
    TCase *cases = tcase_create("large");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_loop_test(cases, whole, 0, (int)ARRAY_LENGTH(sizes));
    tcase_add_test(cases, uninitialized);
    tcase_add_test(cases, invisible_while_zeroed);
    tcase_add_test(cases, cycles_while_zeroed);
    tcase_add_test(cases, garbage_makes_room);
    tcase_add_test(cases, too_large);
    tcase_add_test(cases, refused);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
