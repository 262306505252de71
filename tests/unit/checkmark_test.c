/* checkmark_test.c -- what marking has missed is found and named, and what it has not is not. */
#include "gc/checkmark.h"

#include <stdlib.h>
#include <string.h>

#include "gc/mark.h"
#include "gc/port.h"
#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

#define BOX (UINT64_C(0xfffc) << 48)
static const tri_encoding boxed = TRI_ENCODING_NAN_BOX(BOX, BOX);

static tri_type *node; /* 8 pointers */
static tri_type *leaf;

static void create(void)
{
    tri_heap_options options;
    fake_port_reset();
    fixture_options(&options);
    options.gc_percent = TRI_GC_PERCENT_OFF;
    options.verify = false;
    fixture_begin(&options, 2);
    tri_type_desc desc = TRI_TYPE_DESC("node", char);
    desc.size = 64;
    desc.layout.kind = TRI_LAYOUT_ALL_WORDS;
    node = fixture_define(&desc);
    fixture_promote(node);
    desc = TRI_TYPE_DESC("leaf", char);
    desc.size = 32;
    leaf = fixture_define(&desc);
    fixture_promote(leaf);
}

static void destroy(void)
{
    fixture_end();
    fake_port_finish();
}

/* After checkmark has ended the process, as it would be: the heap is not to be ended, it is in the
 * middle of that. */
static void abandon(void)
{
    for (unsigned i = 0; i < fixture.mutator_count; i++) {
        free(fixture.mutator_memory[i]);
    }
    free(fixture.heap);
    free(fixture.roots);
    memset(&fixture, 0, sizeof fixture);
    create(); /* for destroy */
}

/* ---- Marking, then something that it does not see -------------------------------------------- */

static void begin_hold(void)
{
    fixture.blocked++;
    lock_acquire(&fixture.heap->cycle.lock);
    port_hold_begin(fixture.heap);
}

static void end_hold(void)
{
    port_hold_end(fixture.heap);
    lock_release(&fixture.heap->cycle.lock);
    fixture.blocked--;
}

static void check(void *unused)
{
    (void)unused;
    checkmark(fixture.heap);
}

/* What checkmark says of the heap as it is, whose marking is over; NULL: nothing. */
static const char *verdict(void)
{
    begin_hold();
    const char *message = fake_port_death_of(check, NULL);
    end_hold();
    return message;
}

static void expect_nothing(void)
{
    const char *message = verdict();
    ck_assert_msg(message == NULL, "%s", message);
}

static void expect_message(const char *want)
{
    const char *message = verdict();
    ck_assert_msg(message != NULL, "nothing instead of \"%s\"", want);
    ck_assert_msg(strstr(message, want) != NULL, "\"%s\" instead of \"%s\"", message, want);
    abandon();
}

/* A copy of all mark words. */
static uint64_t *copy_marks(size_t *count)
{
    const struct span_table *spans = &fixture.heap->page_heap.spans;
    *count = (size_t)spans->pages * SPAN_BIT_WORDS;
    uint64_t *marks = calloc(*count, sizeof *marks);
    EXPECT(marks != NULL);
    for (size_t i = 0; i < *count; i++) {
        marks[i] = span_at(spans, (page_index)(i / SPAN_BIT_WORDS))->bits[i % SPAN_BIT_WORDS].mark;
    }
    return marks;
}

/* ---- In order -------------------------------------------------------------------------------- */

/* [checkmark.1]: the marks are afterwards as they were, also those of what nothing leads to any
 * more. */
START_TEST(nothing_is_missed)
{
    char *root = fixture_new(node);
    char *dropped = fixture_new(node);
    fixture_keep(root);
    fixture_link(root, 0, dropped);
    fixture_link(dropped, 3, fixture_new(leaf));
    (void)fixture_new(node); /* garbage */
    fixture_mark();
    fixture_link(root, 0, NULL); /* died after it was marked */
    size_t count;
    size_t count_after;
    uint64_t *before = copy_marks(&count);
    uint64_t marked = fixture.heap->mark.marked_objects;
    size_t reservations = fake_port_reservations();
    expect_nothing();
    uint64_t *after = copy_marks(&count_after);
    ck_assert_uint_eq(count, count_after);
    ck_assert_int_eq(memcmp(before, after, count * sizeof *before), 0);
    ck_assert(fixture_is_marked(dropped));
    ck_assert_uint_eq(fixture.heap->mark.marked_objects, marked); /* the cycle's figures */
    ck_assert_uint_eq(fake_port_reservations(), reservations);
    free(before);
    free(after);
    fixture_unmark();
}
END_TEST

START_TEST(empty_heap)
{
    fixture_mark();
    expect_nothing();
}
END_TEST

/* ---- Missed ---------------------------------------------------------------------------------- */

enum holder_kind {
    HOLDER_SMALL, /* in a span of its type's own */
    HOLDER_MIXED,
    HOLDER_ARRAY,
    HOLDER_LARGE,
    HOLDER_ENCODED,
    HOLDER_CONSERVATIVE,
    HOLDER_COUNT
};

static char *make_holder(enum holder_kind kind, size_t *index)
{
    tri_type_desc desc = TRI_TYPE_DESC("holder", char);
    desc.size = 48;
    desc.layout.kind = kind == HOLDER_CONSERVATIVE ? TRI_LAYOUT_CONSERVATIVE : TRI_LAYOUT_ALL_WORDS;
    desc.layout.encoding = kind == HOLDER_ENCODED ? &boxed : NULL;
    tri_type *type = fixture_define(&desc);
    if (kind != HOLDER_MIXED) {
        fixture_promote(type);
    }
    *index = kind == HOLDER_ARRAY ? 6 * 6 + 2 : kind == HOLDER_LARGE ? 6 * 5000 + 2 : 5;
    return kind == HOLDER_ARRAY   ? fixture_new_array(type, 7)
           : kind == HOLDER_LARGE ? fixture_new_array(type, 6000)
                                  : fixture_new(type);
}

/* An object whose only reference was stored where marking had been: it is named, and so is what
 * refers to it. */
START_TEST(missed_by_a_slot)
{
    char want[300];
    size_t index;
    char *holder = make_holder((enum holder_kind)_i, &index);
    char *missed = fixture_new(leaf);
    fixture_keep(fixture_new(node));
    fixture_keep(holder);
    fixture_mark();
    store_relaxed(fixture_slot(holder, index),
                  (uintptr_t)missed | (_i == HOLDER_ENCODED ? BOX : 0));
    (void)snprintf(want, sizeof want,
                   "gccheckmark: marking has missed the object of type leaf at %p, which is "
                   "reachable from the object of type holder at %p by its slot at offset %zu.",
                   (void *)missed, (void *)holder, index * WORD_BYTES);
    expect_message(want);
}
END_TEST

/* Of a chain the first one: it is what the cycle should have come to. */
START_TEST(first_of_a_chain)
{
    char want[300];
    char *root = fixture_new(node);
    char *chain[3];
    for (size_t i = 0; i < ARRAY_LENGTH(chain); i++) {
        chain[i] = fixture_new(node);
    }
    fixture_link(chain[1], 7, chain[2]);
    fixture_link(chain[2], 7, chain[0]);
    fixture_keep(root);
    fixture_mark();
    fixture_link(root, 1, chain[1]);
    (void)snprintf(want, sizeof want,
                   "the object of type node at %p, which is reachable from the object of type node "
                   "at %p by its slot at offset 8.",
                   (void *)chain[1], (void *)root);
    expect_message(want);
}
END_TEST

/* What only garbage refers to is garbage, whenever it was stored. */
START_TEST(referred_to_by_garbage)
{
    char *garbage = fixture_new(node);
    char *other = fixture_new(leaf);
    fixture_keep(fixture_new(node));
    fixture_mark();
    fixture_link(garbage, 0, other);
    expect_nothing();
    ck_assert(!fixture_is_marked(garbage) && !fixture_is_marked(other));
    fixture_unmark();
}
END_TEST

/* ---- Roots ----------------------------------------------------------------------------------- */

START_TEST(missed_by_a_global)
{
    char want[300];
    char *missed = fixture_new(leaf);
    fixture_keep(fixture_new(node));
    fixture_mark();
    fixture_keep(missed);
    (void)snprintf(want, sizeof want,
                   "missed the object of type leaf at %p, which is reachable from a global slot or "
                   "a handle.",
                   (void *)missed);
    expect_message(want);
}
END_TEST

/* The mutator that holds it is named. */
START_TEST(missed_by_a_mutator)
{
    char want[300];
    char *missed = fixture_new(leaf);
    const uintptr_t stack[] = {0, (uintptr_t)missed};
    fixture_keep(fixture_new(node));
    fixture_mark();
    fixture.stacks[1] = (struct fixture_stack){stack, ARRAY_LENGTH(stack)};
    (void)snprintf(want, sizeof want,
                   "missed the object of type leaf at %p, which is reachable from a root of the "
                   "mutator %p:",
                   (void *)missed, (void *)fixture.mutators[1]);
    expect_message(want);
}
END_TEST

/* [checkmark.2]: a candidate is no evidence, and leads on only through what the cycle had marked.
 */
START_TEST(candidates)
{
    char want[300];
    char *stale = fixture_new(node);
    char *kept = fixture_new(node);
    char *missed = fixture_new(leaf);
    const uintptr_t words[] = {(uintptr_t)stale, (uintptr_t)kept};
    fixture_link(stale, 0, fixture_new(leaf));
    fixture.candidates = &words[1];
    fixture.candidate_count = 1;
    fixture_mark();
    fixture.candidates = words; /* a frame that was left uncovers it */
    fixture.candidate_count = 2;
    expect_nothing();

    fixture_link(kept, 2, missed);
    (void)snprintf(want, sizeof want,
                   "missed the object of type leaf at %p, which is reachable from the object of "
                   "type node at %p by its slot at offset 16.",
                   (void *)missed, (void *)kept);
    expect_message(want);
}
END_TEST

/* ---- Where it cannot tell -------------------------------------------------------------------- */

/* A cycle that frees nothing may have missed anything. */
START_TEST(void_cycle)
{
    fixture_keep(fixture_new(node));
    fixture_mark();
    fixture_keep(fixture_new(leaf));
    fixture.heap->mark.is_void = 1;
    expect_nothing();
    fixture_unmark();
}
END_TEST

/* Without memory for its tables, reserved or committed, it says so and changes nothing. */
START_TEST(no_memory_for_tables)
{
    char *root = fixture_new(node);
    fixture_keep(root);
    fixture_mark();
    fixture_keep(fixture_new(leaf));
    size_t reservations = fake_port_reservations();
    fake_port_fail_memory_after((size_t)_i);
    expect_nothing();
    fake_port_fail_memory_after(FAKE_PORT_NEVER);
    ck_assert_ptr_nonnull(strstr(fake_port_log_text(), "no memory for a second marking"));
    ck_assert(fixture_is_marked(root));
    ck_assert_uint_eq(fake_port_reservations(), reservations);
    fixture_unmark();
}
END_TEST

#define WIDE 4000

/* Where its queue cannot grow it still finds all: nothing is accused, and what is missed is not
 * overlooked. */
START_TEST(no_memory_for_the_queue)
{
    char want[300];
    char *deep = NULL;
    tri_type *wide = fixture_type(WIDE * WORD_BYTES, TRI_LAYOUT_ALL_WORDS);
    char *root = fixture_new(wide);
    fixture_keep(root);
    for (size_t i = 0; i < WIDE; i++) {
        deep = fixture_new(node);
        fixture_link(root, i, deep);
        fixture_link(deep, 0, fixture_new(node));
    }
    char *missed = fixture_new(leaf);
    fixture_mark();
    fixture_starve(1);
    fake_port_fail_memory_after(2); /* the tables */
    expect_nothing();
    char *holder = (char *)*fixture_slot(deep, 0);
    fixture_link(holder, 0, missed);
    fake_port_fail_memory_after(2);
    (void)snprintf(want, sizeof want,
                   "missed the object of type leaf at %p, which is reachable from the object of "
                   "type node at %p by its slot at offset 0.",
                   (void *)missed, (void *)holder);
    expect_message(want);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checkmark");
    TCase *cases = tcase_create("checkmark");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_test(cases, nothing_is_missed);
    tcase_add_test(cases, empty_heap);
    tcase_add_loop_test(cases, missed_by_a_slot, 0, HOLDER_COUNT);
    tcase_add_test(cases, first_of_a_chain);
    tcase_add_test(cases, referred_to_by_garbage);
    tcase_add_test(cases, missed_by_a_global);
    tcase_add_test(cases, missed_by_a_mutator);
    tcase_add_test(cases, candidates);
    tcase_add_test(cases, void_cycle);
    tcase_add_loop_test(cases, no_memory_for_tables, 0, 2);
    tcase_add_test(cases, no_memory_for_the_queue);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
