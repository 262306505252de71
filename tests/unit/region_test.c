/* region_test.c -- what a region has is scanned once a cycle, up to where its mutator last stopped;
 * it goes back when nobody can have it in hand.
 */
#include "gc/region.h"

#include <string.h>
#include <trillium/alloc.h>
#include <trillium/roots.h>

#include "gc/alloc.h"
#include "gc/cycle.h"
#include "gc/dead_graph.h"
#include "gc/mark.h"
#include "gc/sweep.h"
#include "gc/verify.h"
#include "gc/weak.h"
#include "tests/unit/pair.h"

static void create_with(bool verify)
{
    tri_heap_options options = pair_options();
    options.verify = verify;
    pair_begin(&options);
}

static void create(void)
{
    create_with(false);
}

static void create_verified(void)
{
    create_with(true);
}

static struct tri_region *make(struct tri_mutator *mutator)
{
    struct tri_region *region = region_new(mutator);
    EXPECT(region != NULL);
    return region;
}

static tri_ref put(struct tri_region *region, tri_type *of_type)
{
    const struct alloc_request request = {of_type, of_type->size, true, region};
    return alloc_requested(region->mutator, &request, ALLOC_OR_NULL);
}

static tri_ref put_array(struct tri_region *region, tri_type *element, size_t count)
{
    const struct alloc_request request = {element, count * element->stride, false, region};
    return alloc_requested(region->mutator, &request, ALLOC_OR_NULL);
}

static enum span_state state_at(const void *address)
{
    return (enum span_state)fixture_span(address)->state;
}

static void end_cycle(void)
{
    memset(fixture.late, 0, sizeof fixture.late);
    fixture_step_to(CYCLE_IDLE);
    sweep_finish(fixture.heap);
}

/* ---- When a region is freed ------------------------------------------------------------------ */

/* [region.2] [region.3]: in each phase, before and after the mutator's answer. */
static const struct {
    enum cycle_phase phase;
    bool answered;
    bool kept;
} moments[] = {
    {CYCLE_IDLE, false, false}, {CYCLE_SWEEP, false, false},   {CYCLE_ARM, false, true},
    {CYCLE_ARM, true, true},    {CYCLE_SETTLE, false, true},   {CYCLE_SETTLE, true, true},
    {CYCLE_ROOTS, false, true}, {CYCLE_ROOTS, true, true},     {CYCLE_MARK, false, true},
    {CYCLE_FLUSH, false, true}, {CYCLE_FLUSH, true, true},     {CYCLE_DISARM, false, true},
    {CYCLE_DISARM, true, true}, {CYCLE_RELEASE, false, false}, {CYCLE_RELEASE, true, false},
};

START_TEST(freed_at_any_moment)
{
    struct tri_region *region = make(first);
    char *object = put(region, type);
    char *large = put_array(region, type, 10000);
    char *only = fixture_new(type);
    fixture_link(object, 0, only);
    (void)fixture_new(type); /* something to sweep */
    if (moments[_i].phase != CYCLE_IDLE) {
        fixture_step_to(moments[_i].phase);
    }
    if (moments[_i].answered) {
        fixture_answer(0);
    }
    region_free(first, region);
    enum span_state expected = moments[_i].kept ? SPAN_REGION : SPAN_FREE;
    ck_assert_uint_eq(state_at(object), expected);
    ck_assert_uint_eq(state_at(large), expected);
    ck_assert_uint_eq(fixture.heap->counters.region_bytes, 0);
    if (moments[_i].kept) {
        if (moments[_i].phase != CYCLE_DISARM) {
            fixture_step_to(CYCLE_DISARM);
        }
        ck_assert(fixture_is_marked(only)); /* a black stack may have loaded it from there */
        fixture_answer_all();
        ck_assert_uint_eq(state_at(object), SPAN_REGION);
    }
    end_cycle();
    ck_assert_uint_eq(state_at(object), SPAN_FREE);
    ck_assert_uint_eq(state_at(large), SPAN_FREE);
    fixture_verify();
    fixture_collect();
    ck_assert(!fixture_is_allocated(only));
}
END_TEST

/* ---- What is scanned ------------------------------------------------------------------------- */

static unsigned traced;

static void count_trace(tri_visitor *visitor, tri_ref object, size_t bytes)
{
    (void)visitor;
    (void)object;
    (void)bytes;
    traced++;
}

static tri_type *traced_type(size_t size)
{
    tri_type_desc desc = TRI_TYPE_DESC("traced", uint64_t);
    desc.size = size;
    desc.layout = TRI_LAYOUT_TRACED_BY(count_trace);
    tri_type *made = fixture_define(&desc);
    fixture_promote(made);
    return made;
}

/* [region.1]: those before the answer to settle once, those after it not at all. */
START_TEST(scanned_up_to_settle)
{
    tri_type *counted = traced_type(_i == 0 ? 64 : SMALL_SIZE_MAX + 1);
    struct tri_region *region = make(first);
    for (unsigned i = 0; i < 5; i++) {
        (void)put(region, counted);
    }
    fixture_step_to(CYCLE_SETTLE);
    (void)put(region, counted);
    fixture_answer_all();
    (void)put(region, counted);
    fixture_step_to(CYCLE_ROOTS);
    fixture_answer_all();
    (void)put(region, counted);
    traced = 0;
    fixture_step_to(CYCLE_FLUSH);
    /* A large one may be scanned from the next allocation on, which is a safepoint. */
    ck_assert_uint_eq(traced, _i == 0 ? 6 : 7);
    end_cycle();
    traced = 0;
    fixture_collect();
    ck_assert_uint_eq(traced, 8);
    region_free(first, region);
    traced = 0;
    fixture_collect();
    ck_assert_uint_eq(traced, 0);
}
END_TEST

/* What lives because of its region is no part of the dead, though it has no marks
 * [dead_graph.1]. */
START_TEST(not_among_the_dead)
{
    struct dead_graph *graph = &fixture.heap->finalizers.graph;
    char *dead = fixture_new(type);
    char *living = put(make(first), type);
    fixture_link(dead, 0, living);
    fixture_flush();
    dead_graph_clear(graph, false);
    ck_assert(dead_graph_explore(fixture.heap, (uintptr_t)dead));
    ck_assert_uint_ne(dead_graph_component(fixture.heap, (uintptr_t)dead), 0);
    ck_assert_uint_eq(dead_graph_component(fixture.heap, (uintptr_t)living), 0);
    ck_assert_uint_eq(graph->node_count, 1);
    dead_graph_clear(graph, false);
}
END_TEST

/* A key that lives because of its region has no mark to wait for, and is never dead. */
START_TEST(holds_values_as_a_key)
{
    char *key = put(make(first), type);
    char *holder = put(make(first), type);
    char *value = fixture_new(type);
    tri_ref ephemeron = tri_alloc(first, ephemeron_type(fixture.heap));
    ephemeron_init(first, ephemeron, key, (uintptr_t)value);
    fixture_link(holder, 0, ephemeron);
    fixture_collect();
    ck_assert(fixture_is_allocated(value));
    ck_assert_ptr_eq(ephemeron_key(first, ephemeron), key);
    ck_assert_uint_eq(ephemeron_value(first, ephemeron), (uintptr_t)value);
}
END_TEST

/* The next mutator goes on where the one before stopped. */
START_TEST(adopted_and_left)
{
    tri_type *counted = traced_type(64);
    struct tri_region *region = make(second);
    (void)put(region, counted);
    region_adopt(first, region);
    ck_assert_ptr_null(second->regions);
    (void)put(region, counted);
    traced = 0;
    fixture_collect();
    ck_assert_uint_eq(traced, 2);
    region_adopt(second, region);
    (void)put(region, counted);
    fixture_detach(); /* the second one */
    ck_assert_ptr_null(region->mutator);
    traced = 0;
    fixture_collect();
    ck_assert_uint_eq(traced, 3);
    region_free(first, region);
    fixture_verify();
}
END_TEST

/* No memory for grey work: all of a region is found all the same [mark.4]. */
START_TEST(scanned_without_memory)
{
    enum {
        COUNT = 2000
    };
    static char *targets[COUNT];
    struct tri_region *region = make(first);
    for (unsigned i = 0; i < COUNT; i++) {
        targets[i] = fixture_new(type);
        fixture_link(put(region, type), 3, targets[i]);
    }
    fixture_flush();
    fixture_starve(0);
    fixture_mark();
    fixture_feed();
    for (unsigned i = 0; i < COUNT; i++) {
        EXPECT(fixture_is_marked(targets[i]));
    }
    fixture_unmark();
}
END_TEST

/* ---- Memory ---------------------------------------------------------------------------------- */

/* What has the address of a region that was freed does not meet another one at once. */
START_TEST(addresses_are_used_again_late)
{
    struct tri_region *freed = make(first);
    unsigned others = 0;
    region_free(first, freed);
    for (struct tri_region *region = NULL; region != freed; others++) {
        ck_assert_uint_ne(freed->is_freed, 0);
        region = make(first);
        region_free(first, region);
        ck_assert_uint_lt(others, 1000);
    }
    ck_assert_uint_ge(others, REGIONS_UNUSED_MIN);
    char *object = put(make(first), type);
    ck_assert_uint_eq(object[0], 0);
}
END_TEST

START_TEST(no_memory_for_a_region)
{
    for (size_t after = 0; after < 4; after++) { /* the region, then the table of them */
        fake_port_fail_memory_after(after);
        ck_assert_ptr_null(region_new(first));
        fake_port_fail_memory_after(FAKE_PORT_NEVER);
    }
    ck_assert_ptr_null(first->regions);
    ck_assert_ptr_nonnull(put(make(first), type));
}
END_TEST

/* Spans that had other contents before. */
START_TEST(memory_is_zero)
{
    tri_type *leaf = fixture_type(64, TRI_LAYOUT_LEAF);
    fixture_promote(leaf);
    for (unsigned round = 0; round < 2; round++) {
        struct tri_region *region = make(first);
        for (unsigned i = 0; i < 1000; i++) {
            char *object = put(region, _i == 0 ? type : leaf);
            for (size_t k = 0; k < 64; k++) {
                EXPECT(object[k] == 0);
            }
            memset(object, 0x77, 64);
        }
        region_free(first, region); /* nothing is marking that would take this for references */
    }
}
END_TEST

/* ---- The fence ------------------------------------------------------------------------------- */

START_TEST(fenced_for_a_while)
{
    enum {
        COUNT = 4
    };
    char *objects[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        struct tri_region *region = make(first);
        objects[i] = put_array(region, type, 10 * MIB / 64);
        region_free(first, region);
        ck_assert_uint_eq(state_at(objects[i]), SPAN_FENCED);
        for (unsigned k = 0; k < i; k++) { /* [fence.1] */
            ck_assert_ptr_ne(objects[k], objects[i]);
        }
        fixture_verify();
    }
    ck_assert_uint_eq(state_at(objects[0]), SPAN_FREE); /* 32 MiB is an eighth of the heap */
    ck_assert_uint_eq(state_at(objects[1]), SPAN_FENCED);
    ck_assert_uint_le(fixture.heap->regions.fenced_bytes, 32 * MIB);
}
END_TEST

/* Where the system refuses, the memory is given back as ever, and what was there cannot be taken
 * for data. */
START_TEST(no_fence)
{
    struct tri_region *region = make(first);
    uint64_t *object = put(region, type);
    fake_port_fail_memory_after(0);
    region_free(first, region);
    fake_port_fail_memory_after(FAKE_PORT_NEVER);
    ck_assert_uint_eq(state_at(object), SPAN_FREE);
    ck_assert_uint_eq(*object, UINT64_C(0xdeadbeefdeadbeef));
    fixture_verify();
}
END_TEST

/* The oldest cannot be made accessible: it stays where it is, and is tried again. */
START_TEST(fence_that_cannot_be_opened)
{
    char *objects[6];
    for (unsigned i = 0; i < 6; i++) {
        struct tri_region *region = make(first);
        objects[i] = put_array(region, type, 10 * MIB / 64);
        if (i == 3) {
            fake_port_fail_memory_after(1); /* the fence itself succeeds */
        }
        region_free(first, region);
        fake_port_fail_memory_after(FAKE_PORT_NEVER);
        ck_assert(i != 3 || state_at(objects[0]) == SPAN_FENCED);
        fixture_verify();
    }
    ck_assert_uint_le(fixture.heap->regions.fenced_bytes, 32 * MIB);
}
END_TEST

/* ---- The verifier ---------------------------------------------------------------------------- */

static struct span *broken;

static void verify(void *unused)
{
    (void)unused;
    verify_heap(fixture.heap, VERIFY_BEFORE_MARK);
}

static void expect_breach(const char *message)
{
    const char *said = fake_port_death_of(verify, NULL);
    ck_assert_msg(said != NULL && strstr(said, message) != NULL, "\"%s\" instead of \"%s\"",
                  said == NULL ? "nothing" : said, message);
}

START_TEST(breaches_are_seen)
{
    struct tri_region *region = make(first);
    broken = fixture_span(put(region, type));
    fixture_verify();
    broken->bits[0].mark = 1;
    expect_breach("marks in the span");
    broken->bits[0].mark = 0;
    uint32_t number = broken->run;
    for (unsigned i = 0; i < 2; i++) {
        broken->run = i == 0 ? 0 : fixture.heap->regions.numbers;
        expect_breach("names no region");
    }
    broken->run = number;
    broken->grey = SPAN_IDLE;
    expect_breach("is queued as a whole"); /* [region.8] */
    broken->grey = SPAN_BY_OBJECT;
    page_index spans = region->spans;
    region->spans = PAGE_NONE;
    expect_breach("their lists have 0");
    region->spans = spans;
    fixture.heap->counters.region_bytes += 64;
    expect_breach("are counted");
    fixture.heap->counters.region_bytes -= 64;
    fixture_verify();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("region");
    TCase *cases = tcase_create("region");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_loop_test(cases, freed_at_any_moment, 0, ARRAY_LENGTH(moments));
    tcase_add_loop_test(cases, scanned_up_to_settle, 0, 2);
    tcase_add_test(cases, not_among_the_dead);
    tcase_add_test(cases, holds_values_as_a_key);
    tcase_add_test(cases, adopted_and_left);
    tcase_add_test(cases, scanned_without_memory);
    tcase_add_test(cases, addresses_are_used_again_late);
    tcase_add_test(cases, no_memory_for_a_region);
    tcase_add_loop_test(cases, memory_is_zero, 0, 2);
    suite_add_tcase(suite, cases);
    TCase *fence = tcase_create("fence");
    tcase_add_checked_fixture(fence, create_verified, destroy);
    tcase_add_test(fence, fenced_for_a_while);
    tcase_add_test(fence, no_fence);
    tcase_add_test(fence, fence_that_cannot_be_opened);
    tcase_add_test(fence, breaches_are_seen);
    suite_add_tcase(suite, fence);
    return unit_run(suite);
}
