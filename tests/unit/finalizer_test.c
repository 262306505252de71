/* finalizer_test.c -- who is finalized, when, in which order, and how often; cleanups. */
#include "gc/finalizer.h"

#include <string.h>

#include "gc/alloc.h"
#include "gc/barrier.h"
#include "gc/cycle.h"
#include "gc/dead_graph.h"
#include "gc/mark.h"
#include "gc/sweep.h"
#include "gc/weak.h"
#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

/* A node is 64 bytes: its number in word 0, then edges. */
#define EDGES 7

static struct tri_mutator *first;
static tri_type *node_type;
static tri_type *typed; /* the same, with a finalizer by its type */

/* What was called, by number, since the last look. */
static size_t called[200000];
static size_t called_count;

/* See collect. */
static size_t parts;

static int the_argument;

static void finalize(tri_mutator *mutator, tri_ref object, void *argument)
{
    EXPECT(mutator == first && argument == &the_argument);
    called[called_count++] = *(const size_t *)object;
}

static void clean(tri_mutator *mutator, void *argument)
{
    EXPECT(mutator == first);
    called[called_count++] = 1000 + (size_t)((char *)argument - (char *)&the_argument);
}

static tri_type *define(tri_finalizer_function *function)
{
    tri_type_desc desc = TRI_TYPE_DESC("node", char[64]);
    desc.layout.kind = TRI_LAYOUT_ALL_WORDS;
    desc.finalizer = function;
    desc.finalizer_argument = &the_argument;
    return fixture_define(&desc);
}

static void begin(const tri_heap_options *options)
{
    fixture_begin(options, 2);
    fixture.collector = COLLECTOR_LATER;
    first = fixture.mutators[0];
    node_type = define(NULL);
    fixture_promote(node_type);
    typed = define(finalize);
    called_count = 0;
    parts = 0;
}

static tri_heap_options plain_options(void)
{
    tri_heap_options options;
    fixture_options(&options);
    options.gc_percent = TRI_GC_PERCENT_OFF;
    return options;
}

static void create(void)
{
    tri_heap_options options = plain_options();
    fake_port_reset();
    begin(&options);
}

static void destroy(void)
{
    fixture_end();
    fake_port_finish();
}

/* Words that an object of raw words may hold as a number: no addresses. */
static size_t *node(tri_type *type, size_t number)
{
    size_t *object = fixture_new(type);
    object[0] = number;
    return object;
}

static struct object_place place_of(const void *object)
{
    struct object_place place;
    ck_assert(object_find(fixture.heap, (uintptr_t)object, &place));
    return place;
}

static tri_result attach_with(const void *object, uint32_t flags)
{
    struct object_place place = place_of(object);
    return finalizer_attach(first, &place, finalize, &the_argument, flags);
}

static size_t *attached(size_t number, uint32_t flags)
{
    size_t *object = node(node_type, number);
    ck_assert_int_eq(attach_with(object, flags), TRI_OK);
    return object;
}

static bool detach(const void *object)
{
    struct object_place place = place_of(object);
    return finalizer_detach(first, &place);
}

static tri_cleanup add_cleanup(const void *object, size_t number)
{
    struct object_place place = place_of(object);
    const struct cleanup_call call = {clean, (char *)&the_argument + number, false};
    tri_cleanup cleanup;
    ck_assert_int_eq(cleanup_attach(first, &place, &call, &cleanup), TRI_OK);
    return cleanup;
}

static void keep_argument(tri_mutator *mutator, void *argument)
{
    EXPECT(mutator == first);
    called[called_count++] = 2000 + *(const size_t *)argument;
}

static tri_cleanup add_ref_cleanup(const void *object, void *argument)
{
    struct object_place place = place_of(object);
    const struct cleanup_call call = {keep_argument, argument, true};
    tri_cleanup cleanup;
    ck_assert_int_eq(cleanup_attach(first, &place, &call, &cleanup), TRI_OK);
    return cleanup;
}

/* Make one call, as runtime/finalizers.c does. */
static bool run_one(void)
{
    struct finalizer_call call;
    tri_ref root = TRI_NULL;
    if (!finalizer_take(first, &call, &root)) {
        return false;
    }
    EXPECT(root == call.reference);
    EXPECT((call.finalizer == NULL) != (call.cleanup == NULL));
    if (call.finalizer != NULL) {
        EXPECT(fixture_is_allocated(root));
        call.finalizer(first, root, call.argument);
    } else {
        call.cleanup(first, call.argument);
    }
    return true;
}

static size_t run_all(void)
{
    size_t count = 0;
    while (run_one()) {
        count++;
    }
    ck_assert_uint_eq(finalizer_waiting(fixture.heap), 0);
    return count;
}

/* A whole cycle; if parts is not 0, with a weak phase in parts of so many bytes. Returns how many
 * parts that had. */
static size_t collect(void)
{
    size_t count = 0;
    if (parts != 0) {
        fixture_step_to(CYCLE_WEAK);
        while (fixture.heap->weak.stage != WEAK_OVER) {
            (void)weak_take_part(fixture.heap, parts);
            count++;
        }
        fixture_step_to(CYCLE_IDLE);
        sweep_finish(fixture.heap);
    } else {
        fixture_collect();
    }
    return count;
}

/* A cycle, and what it queues: exactly these numbers, in any order. */
static void expect_sorted(size_t count, const size_t *numbers)
{
    called_count = 0;
    (void)collect();
    (void)run_all();
    ck_assert_uint_eq(called_count, count);
    for (size_t i = 0; i < count; i++) {
        size_t times = 0;
        for (size_t k = 0; k < called_count; k++) {
            times += called[k] == numbers[i];
        }
        ck_assert_msg(times == 1, "%zu was called %zu times", numbers[i], times);
    }
}

#define EXPECT_CYCLE(...)                                                                          \
    do {                                                                                           \
        const size_t numbers_[] = {__VA_ARGS__};                                                   \
        expect_sorted(sizeof numbers_ / sizeof numbers_[0], numbers_);                             \
    } while (0)

static void expect_quiet_cycle(void)
{
    expect_sorted(0, NULL);
}

static uint64_t live_objects(void)
{
    const struct heap_counters *counters = &fixture.heap->counters;
    fixture_flush();
    return counters->allocated_objects - counters->freed_objects;
}

/* ---- One object ------------------------------------------------------------------------------ */

START_TEST(once_and_then_freed)
{
    size_t *object = attached(7, _i == 0 ? TRI_FINALIZER_ORDERED : TRI_FINALIZER_UNORDERED);
    fixture_link(object, 1, node(node_type, 8));
    fixture_keep(object);
    expect_quiet_cycle(); /* it is alive */
    ck_assert_uint_eq(fixture.heap->finalizers.attached, 1);
    fixture_drop_roots();
    fixture_collect();
    ck_assert_uint_eq(finalizer_waiting(fixture.heap), 1);
    ck_assert_uint_eq(fixture.heap->finalizers.attached, 0);
    ck_assert_uint_eq(live_objects(), 2);
    fixture_collect(); /* what waits is kept, with what it refers to, and queued once */
    ck_assert_uint_eq(finalizer_waiting(fixture.heap), 1);
    ck_assert_uint_eq(live_objects(), 2);
    ck_assert_uint_eq(run_all(), 1);
    ck_assert_uint_eq(called[0], 7);
    expect_quiet_cycle();
    ck_assert_uint_eq(live_objects(), 0);
    ck_assert_uint_eq(fixture.heap->finalizers.finalizers_queued, 1);
    ck_assert_uint_eq(fixture.heap->finalizers.finalizers_run, 1);
}
END_TEST

START_TEST(back_to_life)
{
    size_t *object = attached(7, TRI_FINALIZER_ORDERED);
    EXPECT_CYCLE(7);
    fixture_keep(object); /* as its finalizer would */
    expect_quiet_cycle();
    ck_assert_uint_eq(live_objects(), 1);
    ck_assert_int_eq(attach_with(object, TRI_FINALIZER_ORDERED), TRI_OK); /* anew */
    fixture_drop_roots();
    EXPECT_CYCLE(7);
    fixture_keep(object);
    expect_quiet_cycle();
    fixture_drop_roots();
    expect_quiet_cycle(); /* not attached again, not called again */
    ck_assert_uint_eq(live_objects(), 0);
}
END_TEST

static void finalize_otherwise(tri_mutator *mutator, tri_ref object, void *argument)
{
    EXPECT(mutator == first && argument == NULL);
    called[called_count++] = 500 + *(const size_t *)object;
}

START_TEST(replaced_and_detached)
{
    size_t *a = attached(1, TRI_FINALIZER_ORDERED);
    size_t *b = attached(2, TRI_FINALIZER_ORDERED);
    struct object_place place = place_of(b);
    ck_assert_int_eq(finalizer_attach(first, &place, finalize_otherwise, NULL, 0), TRI_OK);
    ck_assert(detach(a));
    ck_assert(!detach(a));
    ck_assert_uint_eq(fixture.heap->finalizers.attached, 1);
    EXPECT_CYCLE(502);
    expect_quiet_cycle();
    ck_assert_uint_eq(live_objects(), 0);
}
END_TEST

/* Its record is used again, by whatever comes next. */
START_TEST(records_are_used_again)
{
    for (size_t i = 0; i < 1000; i++) {
        (void)attached(i, TRI_FINALIZER_ORDERED);
        size_t *object = node(node_type, 0);
        (void)add_cleanup(object, 1);
        EXPECT_CYCLE(i, 1001);
    }
    ck_assert_uint_le(growing_array_count(&fixture.heap->finalizers.attachments), 4);
}
END_TEST

/* ---- Order ----------------------------------------------------------------------------------- */

START_TEST(chain)
{
    size_t *nodes[3];
    for (size_t i = 0; i < 3; i++) { /* attached in one order or the other */
        size_t number = _i == 0 ? i : 2 - i;
        nodes[number] = attached(number, TRI_FINALIZER_ORDERED);
    }
    size_t *between = node(node_type, 99); /* without a finalizer */
    fixture_link(nodes[0], 1, between);
    fixture_link(between, 3, nodes[1]);
    fixture_link(nodes[1], 1, nodes[2]);
    EXPECT_CYCLE(0);
    EXPECT_CYCLE(1);
    EXPECT_CYCLE(2);
    expect_quiet_cycle();
    ck_assert_uint_eq(live_objects(), 0);
}
END_TEST

START_TEST(diamond)
{
    size_t *top = attached(1, TRI_FINALIZER_ORDERED);
    size_t *left = attached(2, TRI_FINALIZER_ORDERED);
    size_t *right = attached(3, TRI_FINALIZER_ORDERED);
    size_t *bottom = attached(4, TRI_FINALIZER_ORDERED);
    fixture_link(top, 1, left);
    fixture_link(top, 2, right);
    fixture_link(left, 1, bottom);
    fixture_link(right, 1, bottom);
    EXPECT_CYCLE(1);
    EXPECT_CYCLE(2, 3);
    EXPECT_CYCLE(4);
    expect_quiet_cycle();
}
END_TEST

/* While the first one waits, or has been brought back, the next one is not dead. */
START_TEST(chain_waits_for_its_begin)
{
    size_t *a = attached(1, TRI_FINALIZER_ORDERED);
    size_t *b = attached(2, TRI_FINALIZER_ORDERED);
    fixture_link(a, 1, b);
    fixture_collect();
    fixture_collect();
    ck_assert_uint_eq(finalizer_waiting(fixture.heap), 1);
    ck_assert_uint_eq(run_all(), 1);
    fixture_keep(a);
    expect_quiet_cycle();
    fixture_drop_roots();
    EXPECT_CYCLE(2);
}
END_TEST

START_TEST(without_order)
{
    size_t *a = attached(1, TRI_FINALIZER_UNORDERED);
    size_t *b = attached(2, TRI_FINALIZER_UNORDERED);
    size_t *c = attached(3, TRI_FINALIZER_UNORDERED);
    fixture_link(a, 1, b);
    fixture_link(b, 1, c);
    fixture_link(c, 1, a);
    EXPECT_CYCLE(1, 2, 3);
    expect_quiet_cycle();
    ck_assert_uint_eq(live_objects(), 0);
}
END_TEST

/* What an ordered one refers to waits for it, whatever it is. */
START_TEST(order_wins)
{
    size_t *a = attached(1, TRI_FINALIZER_ORDERED);
    size_t *b = attached(2, TRI_FINALIZER_UNORDERED);
    size_t *c = node(typed, 3);
    fixture_link(a, 1, b);
    fixture_link(a, 2, c);
    EXPECT_CYCLE(1);
    EXPECT_CYCLE(2, 3);
    expect_quiet_cycle();
}
END_TEST

/* ---- Circles --------------------------------------------------------------------------------- */

START_TEST(refers_to_itself)
{
    size_t *a = attached(1, TRI_FINALIZER_ORDERED);
    fixture_link(a, 1, a);
    expect_quiet_cycle();
    EXPECT_CYCLE(1); /* one later */
    expect_quiet_cycle();
    ck_assert_uint_eq(live_objects(), 0);
}
END_TEST

/* One of them at a time, the one that was attached first. */
START_TEST(circle_of_three)
{
    size_t *nodes[3];
    for (size_t i = 0; i < 3; i++) {
        nodes[i] = attached(i, TRI_FINALIZER_ORDERED);
    }
    for (size_t i = 0; i < 3; i++) {
        fixture_link(nodes[i], 1, nodes[(i + 1) % 3]);
    }
    expect_quiet_cycle();
    EXPECT_CYCLE(0);
    EXPECT_CYCLE(1);
    EXPECT_CYCLE(2);
    expect_quiet_cycle();
    ck_assert_uint_eq(live_objects(), 0);
}
END_TEST

/* The head's finalizer brings it back: the others can be reached then. */
START_TEST(circle_brought_back)
{
    size_t *a = attached(1, TRI_FINALIZER_ORDERED);
    size_t *b = attached(2, TRI_FINALIZER_ORDERED);
    fixture_link(a, 1, b);
    fixture_link(b, 1, a);
    expect_quiet_cycle();
    EXPECT_CYCLE(1);
    fixture_keep(a);
    expect_quiet_cycle();
    expect_quiet_cycle();
    fixture_drop_roots();
    expect_quiet_cycle(); /* b is found to be on a circle again */
    EXPECT_CYCLE(2);
    expect_quiet_cycle();
    ck_assert_uint_eq(live_objects(), 0);
}
END_TEST

/* One that attaches itself again and again does not keep others from their turn. */
START_TEST(circle_with_a_greedy_one)
{
    size_t *a = attached(1, TRI_FINALIZER_ORDERED);
    size_t *b = attached(2, TRI_FINALIZER_ORDERED);
    fixture_link(a, 1, b);
    fixture_link(b, 1, a);
    expect_quiet_cycle();
    EXPECT_CYCLE(1);
    ck_assert_int_eq(attach_with(a, TRI_FINALIZER_ORDERED), TRI_OK);
    EXPECT_CYCLE(2);
    EXPECT_CYCLE(1);
    expect_quiet_cycle();
    ck_assert_uint_eq(live_objects(), 0);
}
END_TEST

START_TEST(circle_below_a_top)
{
    size_t *top = attached(1, TRI_FINALIZER_ORDERED);
    size_t *a = attached(2, TRI_FINALIZER_ORDERED);
    size_t *b = attached(3, TRI_FINALIZER_ORDERED);
    fixture_link(top, 1, b);
    fixture_link(a, 1, b);
    fixture_link(b, 1, a);
    EXPECT_CYCLE(1);
    expect_quiet_cycle();
    EXPECT_CYCLE(2);
    EXPECT_CYCLE(3);
    expect_quiet_cycle();
}
END_TEST

/* The other way round: the top comes into being when the circle is suspected already. */
START_TEST(top_above_a_suspect)
{
    size_t *a = attached(2, TRI_FINALIZER_ORDERED);
    size_t *late = attached(1, TRI_FINALIZER_ORDERED);
    fixture_link(a, 1, a);
    fixture_link(late, 1, a);
    fixture_keep(late); /* a is reachable */
    expect_quiet_cycle();
    fixture_drop_roots();
    EXPECT_CYCLE(1);
    fixture_keep(late); /* back; and it becomes a top again when a was suspected */
    expect_quiet_cycle();
    fixture_link(late, 1, NULL);
    expect_quiet_cycle(); /* a is a suspect now */
    fixture_drop_roots();
    EXPECT_CYCLE(2);
}
END_TEST

static tri_ref ephemeron_of(const void *key, const void *value)
{
    tri_ref ephemeron = fixture_new(ephemeron_type(fixture.heap));
    ephemeron_init(first, ephemeron, (tri_ref)key, (uintptr_t)value);
    return ephemeron;
}

/* a -> b -> key => value -> a: a living ephemeron is a part of it [dead_graph.3]. */
START_TEST(circle_through_an_ephemeron)
{
    size_t *a = attached(1, TRI_FINALIZER_ORDERED);
    size_t *b = attached(2, TRI_FINALIZER_ORDERED);
    size_t *key = node(node_type, 98);
    size_t *value = node(node_type, 99);
    tri_ref ephemeron = ephemeron_of(key, value);
    fixture_link(a, 1, b);
    fixture_link(b, 1, key);
    fixture_link(value, 1, a);
    fixture_keep(ephemeron);
    expect_quiet_cycle();
    EXPECT_CYCLE(1);
    EXPECT_CYCLE(2);
    expect_quiet_cycle();
    ck_assert_ptr_null(ephemeron_key(first, ephemeron));
    ck_assert_uint_eq(live_objects(), 1);
}
END_TEST

/* Values have no place in the order, and are there again before the finalizer of their key has
 * run. */
START_TEST(key_and_value)
{
    size_t *key = attached(1, TRI_FINALIZER_ORDERED);
    size_t *value = attached(2, TRI_FINALIZER_ORDERED);
    tri_ref ephemeron = ephemeron_of(key, value);
    fixture_keep(ephemeron);
    fixture_collect();
    ck_assert_uint_eq(finalizer_waiting(fixture.heap), 2);
    ck_assert_ptr_eq(ephemeron_key(first, ephemeron), key);
    ck_assert_uint_eq(ephemeron_value(first, ephemeron), (uintptr_t)value);
    ck_assert_uint_eq(run_all(), 2);
    fixture_keep(key); /* as its finalizer would */
    expect_quiet_cycle();
    ck_assert_uint_eq(ephemeron_value(first, ephemeron), (uintptr_t)value);
    fixture_drop_roots();
    expect_quiet_cycle();
    ck_assert_uint_eq(live_objects(), 0);
}
END_TEST

static void finalize_ephemeron(tri_mutator *mutator, tri_ref object, void *argument)
{
    EXPECT(mutator == first && ephemeron_key(first, object) != NULL && argument == NULL);
    called[called_count++] = 1;
}

/* An ephemeron on a circle with its value is marked not by its own turn, but by that of others that
 * lead to its key, a -> b -> key, and which its value leads to [finalizer_phase.6]. */
START_TEST(circle_marked_by_others)
{
    size_t *key = node(node_type, 98);
    size_t *value = node(node_type, 99);
    tri_ref ephemeron = ephemeron_of(key, value);
    struct object_place place = place_of(ephemeron);
    ck_assert_int_eq(finalizer_attach(first, &place, finalize_ephemeron, NULL, 0), TRI_OK);
    size_t *a = attached(2, TRI_FINALIZER_ORDERED);
    size_t *b = attached(3, TRI_FINALIZER_ORDERED);
    fixture_link(a, 1, b);
    fixture_link(b, 1, key);
    fixture_link(value, 1, ephemeron);
    fixture_link(value, 2, a);
    expect_quiet_cycle();
    EXPECT_CYCLE(1);
    EXPECT_CYCLE(2);
    EXPECT_CYCLE(3);
    expect_quiet_cycle();
    ck_assert_uint_eq(live_objects(), 0);
}
END_TEST

/* a -> a, a -> ephemeron => b -> a, where the key is dead: not all of the circle is marked by a,
 * and b waits all the same [finalizer_phase.4]. */
START_TEST(circle_with_a_dead_key)
{
    size_t *a = attached(1, TRI_FINALIZER_ORDERED);
    size_t *b = attached(2, TRI_FINALIZER_ORDERED);
    size_t *top = attached(3, TRI_FINALIZER_ORDERED); /* until it is gone b is not chosen */
    size_t *key = attached(4, TRI_FINALIZER_ORDERED); /* dead in the next cycle only */
    fixture_link(a, 1, a);
    fixture_link(a, 2, ephemeron_of(key, b));
    fixture_link(b, 1, a);
    fixture_link(top, 1, b);
    EXPECT_CYCLE(3, 4);
    EXPECT_CYCLE(1);
    EXPECT_CYCLE(2);
    expect_quiet_cycle();
    ck_assert_uint_eq(live_objects(), 0);
}
END_TEST

/* a <-> b -> c <-> d: the second circle waits for the first. */
START_TEST(circle_below_a_circle)
{
    size_t *nodes[4];
    for (size_t i = 0; i < 4; i++) {
        size_t number = _i == 0 ? i : 3 - i;
        nodes[number] = attached(number, TRI_FINALIZER_ORDERED);
    }
    size_t order[4];
    size_t count = 0;
    fixture_link(nodes[0], 1, nodes[1]);
    fixture_link(nodes[1], 1, nodes[0]);
    fixture_link(nodes[1], 2, nodes[2]);
    fixture_link(nodes[2], 1, nodes[3]);
    fixture_link(nodes[3], 1, nodes[2]);
    for (unsigned cycle = 0; cycle < 20; cycle++) {
        called_count = 0;
        fixture_collect();
        (void)run_all();
        ck_assert_uint_le(called_count, 1);
        if (called_count == 1) {
            ck_assert_uint_lt(count, 4);
            order[count++] = called[0];
        }
    }
    ck_assert_uint_eq(count, 4);
    ck_assert(order[0] + order[1] == 1 && order[2] + order[3] == 5);
    ck_assert_uint_eq(live_objects(), 0);
}
END_TEST

/* Many circles are finalized together, each one of its own. */
START_TEST(many_circles)
{
    for (size_t i = 0; i < 1000; i++) {
        size_t *a = attached(i, TRI_FINALIZER_ORDERED);
        size_t *b = node(node_type, 0);
        fixture_link(a, 1, b);
        fixture_link(b, 1, a);
    }
    expect_quiet_cycle();
    called_count = 0;
    fixture_collect();
    ck_assert_uint_eq(run_all(), 1000);
    expect_quiet_cycle();
    ck_assert_uint_eq(live_objects(), 0);
}
END_TEST

/* [dead_graph.2], and a long chain of turns. */
START_TEST(long_ones)
{
    enum {
        LENGTH = 100000
    };
    size_t *begin = attached(1, TRI_FINALIZER_ORDERED);
    size_t *last = begin;
    for (size_t i = 0; i < LENGTH; i++) {
        size_t *next = i % 2 == 0 ? node(node_type, 0) : attached(2, TRI_FINALIZER_ORDERED);
        fixture_link(last, 1, next);
        last = next;
    }
    if (_i == 1) {
        fixture_link(last, 1, begin);
        expect_quiet_cycle();
    }
    EXPECT_CYCLE(1);
    EXPECT_CYCLE(2);
    EXPECT_CYCLE(2);
}
END_TEST

/* ---- Types ----------------------------------------------------------------------------------- */

START_TEST(by_type)
{
    size_t *kept = node(typed, 1);
    (void)node(typed, 2);
    ck_assert(!span_is_mixed(fixture_span(kept))); /* from the first one on */
    fixture_keep(kept);
    EXPECT_CYCLE(2);
    expect_quiet_cycle();
    ck_assert_uint_eq(live_objects(), 1);
    fixture_drop_roots();
    EXPECT_CYCLE(1);
    fixture_keep(kept); /* back to life, for good */
    expect_quiet_cycle();
    fixture_drop_roots();
    expect_quiet_cycle();
    ck_assert_uint_eq(live_objects(), 0);
}
END_TEST

/* [finalized_span.2]: the next object in the same slot is another one. */
START_TEST(slot_used_again)
{
    for (size_t i = 0; i < 5; i++) {
        (void)node(typed, i);
        fixture_keep(node(typed, 100)); /* so that the span stays */
        EXPECT_CYCLE(i);
        expect_quiet_cycle();
    }
    ck_assert_uint_eq(growing_array_count(&fixture.heap->finalizers.spans.records), 1);
}
END_TEST

/* Records of spans come and go with them. */
START_TEST(spans_come_and_go)
{
    for (unsigned turn = 0; turn < 3; turn++) {
        called_count = 0;
        for (size_t i = 0; i < 5000; i++) {
            (void)node(typed, i);
        }
        fixture_collect();
        ck_assert_uint_eq(run_all(), 5000);
        expect_quiet_cycle();
        ck_assert_uint_eq(live_objects(), 0);
    }
    ck_assert_uint_le(growing_array_count(&fixture.heap->finalizers.spans.records), 5000 / 128 + 2);
}
END_TEST

START_TEST(arrays_and_large_ones)
{
    size_t *array = fixture_new_array(typed, 3);
    size_t *large = fixture_new_array(typed, 10000);
    array[0] = 1;
    large[0] = 2;
    array[8] = 3; /* the second element: finalized once, as a whole */
    EXPECT_CYCLE(1, 2);
    fixture_keep(large);
    expect_quiet_cycle();
    ck_assert_uint_eq(live_objects(), 1);
    fixture_drop_roots();
    expect_quiet_cycle();
    ck_assert_uint_eq(live_objects(), 0);
}
END_TEST

START_TEST(type_and_object)
{
    size_t *object = node(typed, 1);
    ck_assert_int_eq(attach_with(object, 0), TRI_E_STATE);
    (void)add_cleanup(object, 5);
    EXPECT_CYCLE(1);
    EXPECT_CYCLE(1005);
}
END_TEST

/* ---- Cleanups -------------------------------------------------------------------------------- */

START_TEST(cleanups)
{
    size_t *object = node(node_type, 0);
    for (size_t i = 0; i < 5; i++) {
        (void)add_cleanup(object, i);
    }
    fixture_link(object, 1, object); /* circles are no matter */
    fixture_keep(object);
    expect_quiet_cycle();
    fixture_drop_roots();
    fixture_collect();
    ck_assert_uint_eq(live_objects(), 0); /* gone before they run */
    ck_assert_uint_eq(run_all(), 5);
    ck_assert_uint_eq(fixture.heap->finalizers.cleanups_queued, 5);
    ck_assert_uint_eq(fixture.heap->finalizers.cleanups_run, 5);
    expect_quiet_cycle();
}
END_TEST

START_TEST(cleanup_after_finalizer)
{
    size_t *object = attached(1, TRI_FINALIZER_ORDERED);
    (void)add_cleanup(object, 9);
    EXPECT_CYCLE(1);
    fixture_keep(object);
    expect_quiet_cycle(); /* it came back */
    fixture_drop_roots();
    EXPECT_CYCLE(1009);
}
END_TEST

START_TEST(cleanup_stopped)
{
    size_t *object = node(node_type, 0);
    tri_cleanup early = add_cleanup(object, 1);
    tri_cleanup late = add_cleanup(object, 2);
    tri_cleanup never = add_cleanup(object, 3);
    ck_assert(cleanup_stop(first, early));
    ck_assert(!cleanup_stop(first, early));
    fixture_collect();
    ck_assert_uint_eq(finalizer_waiting(fixture.heap), 2);
    ck_assert(cleanup_stop(first, late)); /* on the queue */
    ck_assert(!cleanup_stop(first, late));
    ck_assert_uint_eq(finalizer_waiting(fixture.heap), 1);
    ck_assert_uint_eq(run_all(), 1);
    ck_assert_uint_eq(called[0], 1003);
    ck_assert(!cleanup_stop(first, never));
    ck_assert(!cleanup_stop(first, (tri_cleanup){0}));
    ck_assert(!cleanup_stop(first, (tri_cleanup){UINT64_MAX}));
    /* The records are others' now. */
    object = node(node_type, 0);
    fixture_keep(object);
    (void)add_cleanup(object, 4);
    (void)add_cleanup(object, 5);
    ck_assert_int_eq(attach_with(object, 0), TRI_OK);
    ck_assert(!cleanup_stop(first, early) && !cleanup_stop(first, late) &&
              !cleanup_stop(first, never));
}
END_TEST

/* A reference is a root until the cleanup has run, or is stopped. */
START_TEST(cleanup_with_a_reference)
{
    size_t *object = node(node_type, 0);
    size_t *argument = node(node_type, 5);
    fixture_link(argument, 1, node(node_type, 6));
    tri_cleanup cleanup = add_ref_cleanup(object, argument);
    fixture_keep(object);
    expect_quiet_cycle();
    ck_assert_uint_eq(live_objects(), 3);
    if (_i == 0) {
        ck_assert(cleanup_stop(first, cleanup));
        expect_quiet_cycle();
        ck_assert_uint_eq(live_objects(), 1);
        return;
    }
    fixture_drop_roots();
    fixture_collect();
    ck_assert_uint_eq(live_objects(), 2);
    fixture_collect(); /* it waits, and is a root still */
    ck_assert_uint_eq(live_objects(), 2);
    if (_i == 1) {
        ck_assert_uint_eq(run_all(), 1);
        ck_assert_uint_eq(called[0], 2005);
    } else {
        ck_assert(cleanup_stop(first, cleanup));
    }
    expect_quiet_cycle();
    ck_assert_uint_eq(live_objects(), 0);
}
END_TEST

/* ---- Beside a cycle -------------------------------------------------------------------------- */

static const enum cycle_phase phases[] = {CYCLE_SWEEP, CYCLE_ARM,   CYCLE_SETTLE, CYCLE_ROOTS,
                                          CYCLE_MARK,  CYCLE_FLUSH, CYCLE_DISARM, CYCLE_RELEASE};
#define PHASES ((int)(sizeof phases / sizeof phases[0]))

static void end_cycle(void)
{
    fixture_step_to(CYCLE_IDLE);
    sweep_finish(fixture.heap);
}

/* What is made and attached then is alive in this cycle, and dead in the next. */
START_TEST(attached_in_each_phase)
{
    static uintptr_t stack[1];
    fixture_keep(node(node_type, 0));
    fixture_step_to(phases[_i]);
    size_t *object = attached(3, TRI_FINALIZER_ORDERED);
    size_t *by_type = node(typed, 4);
    (void)add_cleanup(object, 5);
    stack[0] = (uintptr_t)object;
    fixture.stacks[0] = (struct fixture_stack){stack, 1};
    end_cycle();
    fixture.stacks[0].count = 0;
    called_count = 0;
    (void)run_all();
    if (called_count > 0) { /* nothing refers to this one: it was made before it would be black */
        ck_assert(called_count == 1 && called[0] == 4 && phases[_i] <= CYCLE_SETTLE);
        ck_assert(fixture_is_allocated(by_type));
        EXPECT_CYCLE(3);
    } else {
        EXPECT_CYCLE(3, 4);
    }
    EXPECT_CYCLE(1005);
}
END_TEST

/* [finalizer.3] [finalizer.4]: an object is taken off the queue in each phase, and what it refers
 * to moves to a stack that is black by then. */
START_TEST(taken_in_each_phase)
{
    static uintptr_t stack[1];
    size_t *object = attached(3, TRI_FINALIZER_ORDERED);
    size_t *inner = node(node_type, 4);
    fixture_link(object, 1, inner);
    fixture_collect();
    ck_assert_uint_eq(finalizer_waiting(fixture.heap), 1);
    fixture_step_to(phases[_i % PHASES]);
    if (_i >= PHASES) { /* its stack may be black, and the queue not yet scanned */
        fixture.late[1] = true;
        fixture_answer(0);
    }
    struct finalizer_call call;
    tri_ref root = TRI_NULL;
    ck_assert(finalizer_take(first, &call, &root) && root == object);
    stack[0] = (uintptr_t)root; /* a frame */
    fixture.stacks[0] = (struct fixture_stack){stack, 1};
    if (_i % 2 == 0) {
        fixture_store(first, (uintptr_t *)&object[1], NULL);
        stack[0] = (uintptr_t)inner;
    }
    fixture.late[1] = false;
    end_cycle();
    ck_assert(fixture_is_allocated(inner));
    fixture_collect();
    ck_assert(fixture_is_allocated(inner) && inner[0] == 4);
}
END_TEST

/* A reference that was white in a slot becomes the argument of a cleanup when global slots have
 * been scanned, and is nowhere else. */
START_TEST(reference_attached_late)
{
    size_t *object = node(node_type, 0);
    size_t *holder = node(node_type, 1);
    size_t *other = node(node_type, 5);
    fixture_link(holder, 1, other);
    fixture_keep(object);
    fixture_keep(holder);
    fixture_step_to(CYCLE_MARK);
    ck_assert(!fixture_is_marked(other));
    (void)add_ref_cleanup(object, other);
    fixture_store(first, (uintptr_t *)&holder[1], NULL);
    end_cycle();
    ck_assert(fixture_is_allocated(other) && other[0] == 5);
    fixture_collect();
    ck_assert(fixture_is_allocated(other) && other[0] == 5);
}
END_TEST

/* The reference of a cleanup that is attached is kept, that of one that is stopped is not. */
START_TEST(references_in_each_phase)
{
    static uintptr_t stack[2];
    size_t *object = node(node_type, 0);
    size_t *argument = node(node_type, 4);
    size_t *other = node(node_type, 5);
    tri_cleanup cleanup = add_ref_cleanup(object, argument);
    stack[0] = (uintptr_t)object;
    stack[1] = (uintptr_t)other;
    fixture.stacks[0] = (struct fixture_stack){stack, 2};
    fixture_step_to(phases[_i]);
    (void)add_ref_cleanup(object, other);
    stack[1] = 0;
    ck_assert(cleanup_stop(first, cleanup));
    end_cycle();
    ck_assert(fixture_is_allocated(other));
    fixture_collect();
    ck_assert(fixture_is_allocated(other) && other[0] == 5);
    ck_assert(!fixture_is_allocated(argument));
}
END_TEST

/* ---- Memory ---------------------------------------------------------------------------------- */

START_TEST(no_memory_to_attach)
{
    size_t *a = node(node_type, 1);
    size_t *b = node(node_type, 2);
    struct object_place place = place_of(a);
    const struct cleanup_call call = {clean, &the_argument, false};
    tri_cleanup cleanup = {77};
    fixture_keep(a);
    fixture_keep(b);
    fixture_starve(16);
    ck_assert_int_eq(attach_with(a, 0), TRI_E_NOMEM);
    ck_assert_int_eq(cleanup_attach(first, &place, &call, &cleanup), TRI_E_NOMEM);
    ck_assert_uint_eq(cleanup.id, 77);
    ck_assert_uint_eq(fixture.heap->finalizers.attached, 0);
    fixture_feed();
    ck_assert_int_eq(attach_with(a, 0), TRI_OK);
    ck_assert_int_eq(attach_with(b, 0), TRI_OK);
    fixture_drop_roots();
    EXPECT_CYCLE(1, 2);
}
END_TEST

/* A span of a type with a finalizer cannot be made without a record. */
START_TEST(no_memory_for_a_span)
{
    fixture_starve(16);
    ck_assert_ptr_null(alloc_object(first, typed, 64, true, ALLOC_OR_NULL));
    ck_assert_ptr_null(alloc_object(first, typed, 100000, false, ALLOC_OR_NULL));
    fixture_feed();
    fixture_verify();
    ck_assert_ptr_nonnull(alloc_object(first, typed, 64, true, ALLOC_OR_NULL));
    ck_assert_ptr_nonnull(alloc_object(first, typed, 100000, false, ALLOC_OR_NULL));
}
END_TEST

/* A cycle that does not know what is dead queues nothing. */
START_TEST(void_cycle)
{
    size_t *object = attached(1, TRI_FINALIZER_ORDERED);
    (void)add_cleanup(object, 2);
    (void)node(typed, 3);
    fixture_step_to(CYCLE_MARK);
    store_relaxed(&fixture.heap->mark.is_void, 1U);
    end_cycle();
    ck_assert_uint_eq(run_all(), 0);
    EXPECT_CYCLE(1, 3);
    EXPECT_CYCLE(1002);
}
END_TEST

/* Without memory for the search of circles they wait, and others do not. */
START_TEST(no_memory_for_circles)
{
    size_t *a = attached(1, TRI_FINALIZER_ORDERED);
    size_t *b = attached(2, TRI_FINALIZER_ORDERED);
    fixture_link(a, 1, a);
    fixture_link(b, 1, node(node_type, 0));
    fixture_keep(b);
    expect_quiet_cycle();
    fixture_drop_roots();
    fixture_starve(64);
    EXPECT_CYCLE(2);
    expect_quiet_cycle();
    fixture_feed();
    EXPECT_CYCLE(1);
}
END_TEST

/* ---- What checkfinalizers=1 says ------------------------------------------------------------- */

static void create_linted(void)
{
    tri_heap_options options = plain_options();
    fake_port_reset();
    options.check_finalizers = true;
    begin(&options);
}

static void expect_log(const char *lines)
{
    fixture_collect();
    ck_assert_str_eq(fake_port_log_text(), lines);
    fake_port_clear_log();
}

/* Each is told once, while its object is still alive. */
START_TEST(lint_says)
{
    char expected[1000];
    size_t *a = attached(1, TRI_FINALIZER_ORDERED);
    size_t *b = node(node_type, 2);
    size_t *c = node(node_type, 3);
    size_t *alone = attached(4, TRI_FINALIZER_ORDERED);
    size_t *unordered = attached(5, TRI_FINALIZER_UNORDERED);
    fixture_keep(a);
    fixture_keep(alone);
    fixture_keep(unordered);
    fixture_link(a, 1, b);
    fixture_link(b, 1, a);
    fixture_link(unordered, 1, unordered);
    (void)add_ref_cleanup(c, b);
    (void)add_ref_cleanup(b, a);
    (void)add_ref_cleanup(alone, b);
    (void)snprintf(expected, sizeof expected,
                   "checkfinalizers: queue: 0 finalizers + 1 cleanups\n"
                   "checkfinalizers: a cleanup of node at %#" PRIxPTR
                   " can never run: its argument, node at %#" PRIxPTR ", leads to it\n"
                   "checkfinalizers: the finalizer of node at %#" PRIxPTR
                   " will be late: the object refers to itself, so it runs a collection later than "
                   "others\n",
                   (uintptr_t)b, (uintptr_t)a, (uintptr_t)a);
    expect_log(expected);
    expect_log("checkfinalizers: queue: 0 finalizers + 1 cleanups\n");
    fixture_drop_roots();
    expect_log("checkfinalizers: queue: 2 finalizers + 1 cleanups\n");
    ck_assert_uint_eq(run_all(), 3);
}
END_TEST

/* ---- Random graphs --------------------------------------------------------------------------- */

#define NODES 24

/* What should be: node i refers to those in edges[i], and is ... */
static struct {
    size_t *objects[NODES];
    bool edges[NODES][NODES];
    bool reaches[NODES][NODES];
    bool ordered[NODES];
    bool waits[NODES]; /* has a finalizer that has not been called */
    bool root[NODES];
} shadow;

static void close_reaches(void)
{
    memcpy(shadow.reaches, shadow.edges, sizeof shadow.edges);
    for (size_t k = 0; k < NODES; k++) {
        for (size_t i = 0; i < NODES; i++) {
            for (size_t j = 0; shadow.reaches[i][k] && j < NODES; j++) {
                shadow.reaches[i][j] = shadow.reaches[i][j] || shadow.reaches[k][j];
            }
        }
    }
}

static bool is_reachable(size_t node_number)
{
    bool reachable = shadow.root[node_number];
    for (size_t i = 0; i < NODES; i++) {
        reachable = reachable || (shadow.root[i] && shadow.reaches[i][node_number]);
    }
    return reachable;
}

/* Node x has just been called, when before says who waited. */
static void judge(size_t x, const bool *before)
{
    EXPECT(before[x]);
    EXPECT(!is_reachable(x));
    for (size_t p = 0; p < NODES; p++) {
        if (before[p] && p != x && shadow.ordered[p] && shadow.reaches[p][x]) {
            EXPECT(shadow.ordered[x] && shadow.reaches[x][p]); /* a circle */
        }
    }
}

static void make_graph(uint64_t *random)
{
    memset(&shadow, 0, sizeof shadow);
    uint64_t density = 1 + unit_random_below(random, 3);
    for (size_t i = 0; i < NODES; i++) {
        shadow.objects[i] = node(node_type, i);
        shadow.ordered[i] = unit_random_below(random, 4) != 0;
        shadow.waits[i] = unit_random_below(random, 3) != 0;
        shadow.root[i] = unit_random_below(random, 8) == 0;
        if (shadow.waits[i]) {
            ck_assert_int_eq(
                attach_with(shadow.objects[i], shadow.ordered[i] ? 0 : TRI_FINALIZER_UNORDERED),
                TRI_OK);
        }
        shadow.ordered[i] = shadow.ordered[i] && shadow.waits[i];
    }
    for (size_t i = 0; i < NODES; i++) {
        for (size_t e = 0; e < density; e++) {
            size_t to = unit_random_below(random, NODES);
            shadow.edges[i][to] = true;
            fixture_link(shadow.objects[i], e + 1, shadow.objects[to]);
        }
    }
    close_reaches();
}

/* Those that a cycle has queued are judged by what was before any of them was called. */
static void run_and_judge(void)
{
    bool before[NODES];
    memcpy(before, shadow.waits, sizeof before);
    called_count = 0;
    (void)run_all();
    for (size_t i = 0; i < called_count; i++) {
        judge(called[i], before);
        EXPECT(shadow.waits[called[i]]); /* not twice */
        shadow.waits[called[i]] = false;
    }
    for (size_t i = 0; i < called_count; i++) {
        shadow.ordered[called[i]] = false;
    }
}

static void keep_roots(void)
{
    fixture_drop_roots();
    for (size_t i = 0; i < NODES; i++) {
        if (shadow.root[i]) {
            fixture_keep(shadow.objects[i]);
        }
    }
}

START_TEST(random_graphs)
{
    uint64_t random = unit_seed();
    for (unsigned turn = 0; turn < 60; turn++) {
        make_graph(&random);
        for (unsigned cycle = 0; cycle < 2 * NODES + 4; cycle++) {
            if (cycle >= 3 && unit_random_below(&random, 2) == 0) { /* roots go */
                shadow.root[unit_random_below(&random, NODES)] = false;
            }
            if (cycle == NODES) {
                memset(shadow.root, 0, sizeof shadow.root);
            }
            keep_roots();
            (void)collect();
            run_and_judge();
        }
        for (size_t i = 0; i < NODES; i++) {
            EXPECT(!shadow.waits[i]);
        }
        (void)collect();
        ck_assert_uint_eq(live_objects(), 0);
    }
}
END_TEST

/* ---- Other cycles ---------------------------------------------------------------------------- */

static void create_held(void)
{
    tri_heap_options options = plain_options();
    fake_port_reset();
    options.stop_the_world = true;
    begin(&options);
}

static void create_insertion(void)
{
    tri_heap_options options = plain_options();
    fake_port_reset();
    options.barrier = TRI_BARRIER_INSERTION;
    begin(&options);
}

static void create_checked(void)
{
    tri_heap_options options = plain_options();
    fake_port_reset();
    options.check_mark = true;
    options.clobber_free = true;
    begin(&options);
}

static void create_in_parts(void)
{
    create();
    parts = 1;
}

/* What a finalizer keeps is marked in parts, none of which does all of it; and so are many
 * finalizers, and cleanups, found, chosen and queued. */
START_TEST(parts_are_small)
{
    enum {
        COUNT = 20000,
        LIST_BYTES = COUNT * 64
    };
    size_t *begin = attached(1, TRI_FINALIZER_ORDERED);
    size_t *last = begin;
    for (size_t i = 0; i < COUNT; i++) {
        size_t *next = node(node_type, 0);
        fixture_link(last, 1, next);
        last = next;
    }
    for (size_t i = 0; i < COUNT; i++) {
        (void)attached(2, i % 2 == 0 ? TRI_FINALIZER_ORDERED : TRI_FINALIZER_UNORDERED);
    }
    parts = 4096;
    size_t count = collect();
    size_t steps = 3; /* at least, for each record */
    ck_assert_uint_ge(count, (LIST_BYTES + steps * COUNT * sizeof(struct attachment)) / parts / 2);
    ck_assert_uint_eq(run_all(), COUNT + 1);
}
END_TEST

static void add_common(Suite *suite, const char *name, void (*setup)(void))
{
    TCase *tests = tcase_create(name);
    tcase_add_checked_fixture(tests, setup, destroy);
    tcase_add_loop_test(tests, once_and_then_freed, 0, 2);
    tcase_add_test(tests, back_to_life);
    tcase_add_loop_test(tests, chain, 0, 2);
    tcase_add_test(tests, diamond);
    tcase_add_test(tests, order_wins);
    tcase_add_test(tests, circle_of_three);
    tcase_add_test(tests, circle_through_an_ephemeron);
    tcase_add_test(tests, circle_marked_by_others);
    tcase_add_test(tests, key_and_value);
    tcase_add_test(tests, circle_with_a_dead_key);
    tcase_add_test(tests, circle_below_a_top);
    tcase_add_test(tests, by_type);
    tcase_add_test(tests, arrays_and_large_ones);
    tcase_add_test(tests, cleanups);
    tcase_add_loop_test(tests, cleanup_with_a_reference, 0, 3);
    tcase_add_test(tests, random_graphs);
    suite_add_tcase(suite, tests);
}

int main(void)
{
    Suite *suite = suite_create("finalizer");
    add_common(suite, "on the fly", create);
    add_common(suite, "held", create_held);
    add_common(suite, "insertion", create_insertion);
    add_common(suite, "checked", create_checked);
    add_common(suite, "in parts", create_in_parts);
    TCase *tests = tcase_create("more");
    tcase_add_checked_fixture(tests, create, destroy);
    tcase_add_test(tests, replaced_and_detached);
    tcase_add_test(tests, records_are_used_again);
    tcase_add_test(tests, chain_waits_for_its_begin);
    tcase_add_test(tests, without_order);
    tcase_add_test(tests, refers_to_itself);
    tcase_add_test(tests, circle_brought_back);
    tcase_add_test(tests, circle_with_a_greedy_one);
    tcase_add_test(tests, top_above_a_suspect);
    tcase_add_loop_test(tests, circle_below_a_circle, 0, 2);
    tcase_add_test(tests, many_circles);
    tcase_add_loop_test(tests, long_ones, 0, 2);
    tcase_add_test(tests, parts_are_small);
    tcase_add_test(tests, slot_used_again);
    tcase_add_test(tests, spans_come_and_go);
    tcase_add_test(tests, type_and_object);
    tcase_add_test(tests, cleanup_after_finalizer);
    tcase_add_test(tests, cleanup_stopped);
    tcase_add_test(tests, no_memory_to_attach);
    tcase_add_test(tests, no_memory_for_a_span);
    tcase_add_test(tests, void_cycle);
    tcase_add_test(tests, no_memory_for_circles);
    suite_add_tcase(suite, tests);
    TCase *linted = tcase_create("checkfinalizers=1");
    tcase_add_checked_fixture(linted, create_linted, destroy);
    tcase_add_test(linted, lint_says);
    suite_add_tcase(suite, linted);
    TCase *beside = tcase_create("beside a cycle");
    tcase_add_checked_fixture(beside, create, destroy);
    tcase_add_loop_test(beside, attached_in_each_phase, 0, PHASES);
    tcase_add_loop_test(beside, taken_in_each_phase, 0, 2 * PHASES);
    tcase_add_test(beside, reference_attached_late);
    tcase_add_loop_test(beside, references_in_each_phase, 0, PHASES);
    suite_add_tcase(suite, beside);
    TCase *insertion = tcase_create("beside a cycle, insertion");
    tcase_add_checked_fixture(insertion, create_insertion, destroy);
    tcase_add_loop_test(insertion, taken_in_each_phase, 0, 2 * PHASES);
    tcase_add_test(insertion, reference_attached_late);
    tcase_add_loop_test(insertion, references_in_each_phase, 0, PHASES);
    suite_add_tcase(suite, insertion);
    return unit_run(suite);
}
