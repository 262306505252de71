/* verify_test.c -- each structure, broken on purpose, is found broken; in order, it is not. */
#include "gc/verify.h"

#include <string.h>

#include "gc/mark.h"
#include "gc/object.h"
#include "gc/sweep.h"
#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

#define KEPT 300

static tri_type *small_type;
static tri_type *mixed_type;
static tri_type *large_type;
static char *kept[KEPT];
static char *large;

/* A heap with spans of one type, partial and full, mixed ones, and a large object; after a cycle
 * or two, flushed. */
static void create(void)
{
    fake_port_reset();
    fixture_begin(NULL, 1);
    small_type = fixture_type(64, TRI_LAYOUT_ALL_WORDS);
    mixed_type = fixture_type(40, TRI_LAYOUT_ALL_WORDS);
    large_type = fixture_type(20 * PAGE_BYTES, TRI_LAYOUT_LEAF);
    fixture_promote(small_type);
    for (unsigned i = 0; i < KEPT; i++) {
        kept[i] = fixture_new(i % 10 == 0 && i < 600 ? mixed_type : small_type);
        fixture_keep(kept[i]);
        (void)fixture_new(small_type); /* garbage */
    }
    large = fixture_new(large_type);
    fixture_keep(large);
    fixture_collect();
    fixture_flush();
}

static void destroy(void)
{
    fixture_end();
    fake_port_finish();
}

static struct span_table *table(void)
{
    return &fixture.heap->page_heap.spans;
}

/* ---- In order -------------------------------------------------------------------------------- */

START_TEST(in_order)
{
    verify_heap(fixture.heap, VERIFY_BEFORE_MARK);
    fixture_mark();
    ck_assert_uint_eq(fixture.heap->mark.marked_objects, KEPT + 1);
    verify_heap(fixture.heap, VERIFY_AFTER_MARK);
    fixture_unmark();
    verify_heap(fixture.heap, VERIFY_BEFORE_MARK);
    fixture_drop_roots();
    fixture_collect();
    verify_heap(fixture.heap, VERIFY_BEFORE_MARK);
    ck_assert_uint_eq(fixture.heap->counters.spans, 0);
}
END_TEST

START_TEST(empty_heap)
{
    fixture_end();
    fixture_begin(NULL, 1);
    verify_heap(fixture.heap, VERIFY_BEFORE_MARK);
    verify_heap(fixture.heap, VERIFY_AFTER_MARK);
}
END_TEST

/* A large object that is being zeroed has pages and is in no set. */
START_TEST(unpublished)
{
    bool zero;
    struct span_shape shape = {.pages = 30, .type = large_type, .sweep_gen = 77};
    shape.first = page_heap_take(&fixture.heap->page_heap, NULL, shape.pages, &zero);
    (void)span_init(table(), &shape);
    verify_heap(fixture.heap, VERIFY_BEFORE_MARK);
}
END_TEST

/* ---- Broken ---------------------------------------------------------------------------------- */

static enum verify_moment moment;

static void verify(void *unused)
{
    (void)unused;
    verify_heap(fixture.heap, moment);
}

/* The messages name what is broken, and the place. */
static void expect_breach(const char *words)
{
    const char *message = fake_port_death_of(verify, NULL);
    ck_assert_msg(message != NULL, "nothing found instead of \"%s\"", words);
    ck_assert_msg(strstr(message, words) != NULL, "\"%s\" instead of \"%s\"", message, words);
}

static void expect_order(void)
{
    const char *message = fake_port_death_of(verify, NULL);
    ck_assert_msg(message == NULL, "%s", message);
}

START_TEST(broken_spans)
{
    char words[100];
    struct span *span = fixture_span(kept[1]);
    moment = VERIFY_BEFORE_MARK;
    expect_order();

    span->sweep_gen--;
    (void)snprintf(words, sizeof words, "the span at page %u is 1 generations behind", span->first);
    expect_breach(words);
    moment = VERIFY_AFTER_MARK; /* then as well */
    expect_breach(words);
    moment = VERIFY_BEFORE_MARK;
    span->sweep_gen++;

    span->bits[0].mark = span->bits[0].allocated & -span->bits[0].allocated;
    (void)snprintf(words, sizeof words, "marks before marking in the span at page %u", span->first);
    expect_breach(words);
    moment = VERIFY_AFTER_MARK;
    expect_order();
    span->bits[0].mark = ~span->bits[0].allocated; /* [span.2] */
    ck_assert_uint_ne(span->bits[0].mark, 0);
    expect_breach("marks of free slots in word 0");
    span->bits[0].mark = 0;
    moment = VERIFY_BEFORE_MARK;

    span->search = span->slots + 1;
    expect_breach("search");
    span->search = 0;

    uint32_t list = span->list;
    span->list = fixture.heap->types.list_count;
    (void)snprintf(words, sizeof words, "names list %u", span->list);
    expect_breach(words);
    span->list = list;

    struct span *big = fixture_span(large);
    span_at(table(), big->first + 7)->first++; /* [span.3] */
    expect_breach("page 7 of the span");
    span_at(table(), big->first + 7)->first--;
    expect_order();
}
END_TEST

/* A set with a span in it, by whatever name. */
static struct span_set *set_with_spans(struct central_list *list)
{
    for (unsigned i = 0; i < 2 * CENTRAL_SHARDS; i++) {
        struct central_shard *shard = &list->shards[i / 2];
        if (!span_set_is_empty(&shard->partial[i % 2])) {
            return &shard->partial[i % 2];
        }
        if (!span_set_is_empty(&shard->full[i % 2])) {
            return &shard->full[i % 2];
        }
    }
    ck_abort_msg("no span in the list");
    return NULL;
}

/* [verify.1] */
START_TEST(broken_sets)
{
    char words[100];
    struct central_list *list = type_table_list(&fixture.heap->types, small_type->list);
    struct span_set *set = set_with_spans(list);
    moment = VERIFY_BEFORE_MARK;

    struct span *span = span_set_pop(set, table()); /* in none */
    uint64_t spans = fixture.heap->counters.spans;
    (void)snprintf(words, sizeof words, "of %u spans %u are in the sets", (unsigned)spans,
                   (unsigned)spans - 1);
    expect_breach(words);

    struct central_list *other = type_table_list(&fixture.heap->types, mixed_type->list);
    span_set_push(&other->shards[0].full[0], table(), span); /* in that of another list */
    (void)snprintf(words, sizeof words,
                   "list %u has the span at page %u, which is not one of its own", other->index,
                   span->first);
    expect_breach(words);
    (void)span_set_pop(&other->shards[0].full[0], table());

    span_set_push(set, table(), span);
    expect_order();
    page_index behind = span->next;
    span->next = span->first; /* in one for ever */
    (void)snprintf(words, sizeof words, "a set of list %u has no end", list->index);
    expect_breach(words);
    span->next = behind;

    fixture.heap->counters.spans++;
    (void)snprintf(words, sizeof words, "%u spans are in use, %u are counted", (unsigned)spans,
                   (unsigned)spans + 1);
    expect_breach(words);
    fixture.heap->counters.spans--;
    expect_order();
}
END_TEST

/* One span in two sets: the links say so, or the sum does. */
START_TEST(span_in_two_sets)
{
    struct central_list *list = type_table_list(&fixture.heap->types, LIST_LARGE);
    struct span_set *set = set_with_spans(list);
    moment = VERIFY_BEFORE_MARK;
    expect_order();
    struct span_set *partial = list->shards[0].partial;
    partial[0] = *set;
    partial[1] = *set;
    uint64_t spans = fixture.heap->counters.spans;
    char words[100];
    (void)snprintf(words, sizeof words, "of %u spans %u are in the sets", (unsigned)spans,
                   (unsigned)spans + (set == &partial[0] || set == &partial[1] ? 1 : 2));
    expect_breach(words);
    for (unsigned half = 0; half < 2; half++) {
        if (set != &partial[half]) {
            span_set_init(&partial[half]);
        }
    }
    expect_order();
}
END_TEST

/* [verify.2] */
START_TEST(broken_pages)
{
    moment = VERIFY_BEFORE_MARK;
    bool zero;
    page_index page = page_heap_take(&fixture.heap->page_heap, NULL, 3, &zero);
    expect_breach("pages, "); /* taken, but of no span */
    page_heap_give(&fixture.heap->page_heap, page, 3);
    expect_order();
    ck_assert_ptr_nonnull(span_of_page(table(), 0));
    page_heap_give(&fixture.heap->page_heap, 0, 1); /* free, but of a span */
    expect_breach("pages, ");
    ck_assert_uint_eq(page_heap_take(&fixture.heap->page_heap, NULL, 1, &zero), 0);
    expect_order();
    fixture.heap->page_heap.pages.free_pages++;
    expect_breach("gcverify: page heap: ");
    fixture.heap->page_heap.pages.free_pages--;
    expect_order();
}
END_TEST

/* A cache that was not flushed has a span that is in no set, and pages. */
START_TEST(not_flushed)
{
    moment = VERIFY_BEFORE_MARK;
    (void)fixture_new(small_type);
    expect_breach("are in the sets");
    fixture_flush();
    expect_order();
}
END_TEST

START_TEST(not_swept)
{
    moment = VERIFY_BEFORE_MARK;
    sweep_close(fixture.heap);
    lock_acquire(&fixture.heap->cycle.lock);
    sweep_begin(fixture.heap);
    lock_release(&fixture.heap->cycle.lock);
    expect_breach("generations behind");
}
END_TEST

/* ---- Every object ---------------------------------------------------------------------------- */

static struct {
    uintptr_t last;
    unsigned kept;
    unsigned others;
} visited;

static void visit(tri_ref object, tri_type *type, size_t bytes, void *argument)
{
    EXPECT(argument == &visited);
    EXPECT((uintptr_t)object > visited.last); /* in the order of addresses */
    visited.last = (uintptr_t)object;
    struct object_place place;
    EXPECT(object_find(fixture.heap, (uintptr_t)object, &place));
    EXPECT(place.object == object && place.type == type && place.bytes == bytes);
    bool found = object == large && type == large_type;
    for (unsigned i = 0; i < KEPT; i++) {
        found |= object == kept[i] && type == (i % 10 == 0 ? mixed_type : small_type);
    }
    visited.kept += found;
    visited.others += !found;
}

START_TEST(each_object)
{
    verify_each_object(fixture.heap, visit, &visited);
    ck_assert_uint_eq(visited.kept, KEPT + 1);
    ck_assert_uint_eq(visited.others, 0);
    for (unsigned i = 0; i < 10; i++) {
        (void)fixture_new(i % 2 ? small_type : mixed_type);
    }
    fixture_flush();
    memset(&visited, 0, sizeof visited);
    verify_each_object(fixture.heap, visit, &visited);
    ck_assert_uint_eq(visited.kept, KEPT + 1);
    ck_assert_uint_eq(visited.others, 10);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verify");
    TCase *cases = tcase_create("verify");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_test(cases, in_order);
    tcase_add_test(cases, empty_heap);
    tcase_add_test(cases, unpublished);
    tcase_add_test(cases, broken_spans);
    tcase_add_test(cases, broken_sets);
    tcase_add_test(cases, span_in_two_sets);
    tcase_add_test(cases, broken_pages);
    tcase_add_test(cases, not_flushed);
    tcase_add_test(cases, not_swept);
    tcase_add_test(cases, each_object);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
