/* span_set_test.c -- spans go in and come out, each to one owner at a time. */
#include "gc/span_set.h"

#include <string.h>

#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

#define SPANS 64

static struct address_space space;
static struct span_table table;
static struct span_set set;

/* Page numbers have all their bits in use somewhere, 0 included. */
static page_index page_of(unsigned index)
{
    return index * 32;
}

static struct span *span_number(unsigned index)
{
    return span_at(&table, page_of(index));
}

static void begin_span(unsigned index)
{
    struct span_shape shape = {.first = page_of(index), .pages = 1, .size_class = 2};
    span_publish(span_init(&table, &shape));
}

static void create(void)
{
    fake_port_reset();
    ck_assert(address_space_init(&space, SPANS * 32 * PAGE_BYTES));
    ck_assert(span_table_init(&table, &space));
    ck_assert(span_table_extend(&table, SPANS * 32));
    for (unsigned i = 0; i < SPANS; i++) {
        begin_span(i);
    }
    span_set_init(&set);
}

static void destroy(void)
{
    span_table_destroy(&table);
    address_space_destroy(&space);
    fake_port_finish();
}

START_TEST(empty)
{
    ck_assert(span_set_is_empty(&set));
    ck_assert_ptr_null(span_set_pop(&set, &table));
    ck_assert_ptr_null(span_set_next(&set, &table, NULL));
}
END_TEST

/* The span of page 0 is a span like others, and the last one pushed comes first. */
START_TEST(one_after_the_other)
{
    for (unsigned i = 0; i < SPANS; i++) {
        span_set_push(&set, &table, span_number(i));
        ck_assert(!span_set_is_empty(&set));
    }
    const struct span *span = NULL;
    for (unsigned i = SPANS; i-- > 0;) {
        span = span_set_next(&set, &table, span);
        ck_assert_ptr_eq(span, span_number(i));
    }
    ck_assert_ptr_null(span_set_next(&set, &table, span));
    for (unsigned i = SPANS; i-- > 0;) {
        span = span_set_pop(&set, &table);
        ck_assert_ptr_eq(span, span_number(i));
        ck_assert_uint_eq(span->next, PAGE_NONE);
    }
    ck_assert(span_set_is_empty(&set));
    ck_assert_ptr_null(span_set_pop(&set, &table));
}
END_TEST

/* [span_set.1]: the head that was read before A and B were taken and A put back is not the head
 * afterwards, although A is on top again. */
START_TEST(tag_changes)
{
    span_set_push(&set, &table, span_number(1));
    span_set_push(&set, &table, span_number(0));
    uint64_t head = set.head;
    ck_assert_ptr_eq(span_set_pop(&set, &table), span_number(0));
    ck_assert_ptr_eq(span_set_pop(&set, &table), span_number(1));
    span_set_push(&set, &table, span_number(0));
    ck_assert_uint_eq((uint32_t)set.head, (uint32_t)head);
    ck_assert_uint_ne(set.head, head);
    /* Each change counts, pops and pushes alike. */
    uint64_t tag = set.head >> 32;
    for (unsigned i = 1; i < SPANS; i++) {
        span_set_push(&set, &table, span_number(i));
        ck_assert_uint_eq(set.head >> 32, ++tag);
    }
    while (span_set_pop(&set, &table) != NULL) {
        ck_assert_uint_eq(set.head >> 32, ++tag);
    }
    ck_assert_uint_eq(set.head >> 32, tag); /* a look at an empty set changes nothing */
}
END_TEST

/* The tag's end is no end: it begins anew, and the page numbers beside it stay. */
START_TEST(tag_wraps)
{
    set.head |= UINT64_C(0xfffffffe) << 32;
    for (unsigned i = 0; i < 4; i++) {
        span_set_push(&set, &table, span_number(i));
    }
    ck_assert_uint_eq(set.head >> 32, 2);
    for (unsigned i = 4; i-- > 0;) {
        ck_assert_ptr_eq(span_set_pop(&set, &table), span_number(i));
    }
    ck_assert(span_set_is_empty(&set));
}
END_TEST

/* ---- Against a naive model ------------------------------------------------------------------- */

#define SETS 3

START_TEST(random_sets)
{
    uint64_t random = unit_seed();
    struct span_set sets[SETS];
    unsigned model[SETS][SPANS];
    unsigned counts[SETS] = {0};
    unsigned outside[SPANS];
    unsigned outside_count = 0;
    for (unsigned i = 0; i < SETS; i++) {
        span_set_init(&sets[i]);
    }
    for (unsigned i = 0; i < SPANS; i++) {
        outside[outside_count++] = i;
    }
    for (unsigned i = 0; i < 100000; i++) {
        unsigned k = (unsigned)unit_random_below(&random, SETS);
        if (unit_random(&random) & 1) {
            struct span *span = span_set_pop(&sets[k], &table);
            EXPECT((span == NULL) == (counts[k] == 0));
            if (span != NULL) {
                unsigned index = model[k][--counts[k]];
                EXPECT(span == span_number(index));
                outside[outside_count++] = index;
            }
        } else if (outside_count > 0) {
            unsigned at = (unsigned)unit_random_below(&random, outside_count);
            unsigned index = outside[at];
            outside[at] = outside[--outside_count];
            span_set_push(&sets[k], &table, span_number(index));
            model[k][counts[k]++] = index;
        }
        EXPECT(span_set_is_empty(&sets[k]) == (counts[k] == 0));
    }
    for (unsigned k = 0; k < SETS; k++) {
        const struct span *span = NULL;
        while ((span = span_set_next(&sets[k], &table, span)) != NULL) {
            EXPECT(span == span_number(model[k][--counts[k]]));
        }
        EXPECT(counts[k] == 0);
    }
}
END_TEST

/* ---- Several threads ------------------------------------------------------------------------- */

#define THREADS 4

static struct {
    struct span_set sets[2];
    uint32_t owner[SPANS];   /* atomic: 0: in a set */
    unsigned moments[SPANS]; /* the owner's */
    unsigned spans;
    unsigned steps;
    unsigned popped[THREADS];
} stress;

/* The span is this thread's alone: it marks it as such, writes without atomic operations, now and
 * then ends the span and begins another one there, and unmarks it. Others may still be reading its
 * link. */
static void own_for_a_moment(struct span *span, uint32_t self, unsigned moment)
{
    unsigned index = span->first / 32;
    EXPECT(fetch_add_relaxed(&stress.owner[index], self) == 0); /* [span_set.1], [span_set.2] */
    stress.moments[index]++; /* a race unless push releases what pop acquires */
    for (unsigned i = 0; i < moment; i++) {
        cpu_relax();
    }
    if (moment % 4 == 0) {
        span_retire(span);
        begin_span(index);
    }
    EXPECT(load_relaxed(&stress.owner[index]) == self);
    store_relaxed(&stress.owner[index], 0U);
}

static void push_and_pop(void *seed, unsigned index)
{
    uint64_t random = *(const uint64_t *)seed + index;
    for (unsigned i = 0; i < stress.steps; i++) {
        struct span *held[3 * 3 + 1]; /* NULL behind them */
        unsigned count = 0;
        for (unsigned take = 0; take < 1 + i % 3; take++) {
            struct span_chain chain =
                span_set_pop_chain(&stress.sets[unit_random(&random) & 1], &table,
                                   1 + (uint32_t)unit_random_below(&random, 3));
            while ((held[count] = span_chain_take(&chain, &table)) != NULL) {
                own_for_a_moment(held[count], index + 1, (unsigned)unit_random_below(&random, 20));
                count++;
            }
        }
        stress.popped[index] += count;
        if (i % 2 == 0) {
            struct span_chain chain = {.count = 0};
            while (count > 0) {
                span_chain_put(&chain, &table, held[--count]);
            }
            span_set_push_chain(&stress.sets[unit_random(&random) & 1], &table, &chain);
        }
        /* Put back in the order of taking: what was on top is now below. */
        for (unsigned j = 0; j < count; j++) {
            span_set_push(&stress.sets[unit_random(&random) & 1], &table, held[j]);
        }
    }
}

/* With few spans the threads meet at the head, with many they follow stale links. */
static const unsigned stress_spans[] = {1, 2, 3, 5, 16, SPANS};

START_TEST(threads)
{
    uint64_t seed = unit_seed();
    memset(&stress, 0, sizeof stress);
    stress.spans = stress_spans[_i];
    stress.steps = FIXTURE_SANITIZED ? 20000 : 100000;
    span_set_init(&stress.sets[0]);
    span_set_init(&stress.sets[1]);
    for (unsigned i = 0; i < stress.spans; i++) {
        span_set_push(&stress.sets[i % 2], &table, span_number(i));
    }
    fixture_run_threads(THREADS, push_and_pop, &seed);
    bool seen[SPANS] = {false};
    unsigned count = 0;
    unsigned moments = 0;
    for (unsigned k = 0; k < 2; k++) {
        struct span *span;
        while ((span = span_set_pop(&stress.sets[k], &table)) != NULL) {
            ck_assert(!seen[span->first / 32]);
            seen[span->first / 32] = true;
            moments += stress.moments[span->first / 32];
            count++;
        }
    }
    ck_assert_uint_eq(count, stress.spans);
    for (unsigned i = 0; i < THREADS; i++) {
        moments -= stress.popped[i];
    }
    ck_assert_uint_eq(moments, 0);
}
END_TEST

/* What was put last into a chain comes first, also by way of a set; most bounds what is taken. */
START_TEST(chains)
{
    struct span_chain chain = {.count = 0};
    ck_assert_ptr_null(span_chain_take(&chain, &table));
    span_set_push_chain(&set, &table, &chain);
    ck_assert(span_set_is_empty(&set));
    ck_assert_uint_eq(span_set_pop_chain(&set, &table, 5).count, 0);
    for (unsigned i = 0; i < 6; i++) {
        span_chain_put(&chain, &table, span_number(i));
        ck_assert_uint_eq(chain.count, i + 1);
    }
    span_set_push(&set, &table, span_number(6)); /* below the others */
    span_set_push_chain(&set, &table, &chain);
    ck_assert_uint_eq(chain.count, 0);
    static const unsigned takes[] = {1, 4, 9, 9};
    static const unsigned counts[] = {1, 4, 2, 0};
    static const unsigned order[] = {5, 4, 3, 2, 1, 0, 6};
    unsigned next = 0;
    for (unsigned i = 0; i < ARRAY_LENGTH(takes); i++) {
        chain = span_set_pop_chain(&set, &table, takes[i]);
        ck_assert_uint_eq(chain.count, counts[i]);
        struct span *span;
        while ((span = span_chain_take(&chain, &table)) != NULL) {
            ck_assert_ptr_eq(span, span_number(order[next]));
            ck_assert_uint_eq(span->next, PAGE_NONE);
            next++;
        }
    }
    ck_assert_uint_eq(next, ARRAY_LENGTH(order));
}
END_TEST

#if TRI_CHECKS >= 1
static void push(void *span)
{
    span_set_push(&set, &table, span);
}

/* [span_set.2] */
START_TEST(misuse)
{
    span_set_push(&set, &table, span_number(0));
    span_set_push(&set, &table, span_number(1));
    ck_assert_ptr_nonnull(fake_port_death_of(push, span_number(1)));
    /* No span begins at page 33. */
    span_at(&table, 33)->first = 32;
    ck_assert_ptr_nonnull(fake_port_death_of(push, span_at(&table, 33)));
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("span_set");
    TCase *cases = tcase_create("span_set");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_test(cases, empty);
    tcase_add_test(cases, one_after_the_other);
    tcase_add_test(cases, chains);
    tcase_add_test(cases, tag_changes);
    tcase_add_test(cases, tag_wraps);
    tcase_add_test(cases, random_sets);
    tcase_add_loop_test(cases, threads, 0, (int)ARRAY_LENGTH(stress_spans));
#if TRI_CHECKS >= 1
    tcase_add_test(cases, misuse);
#endif
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
