/* central_list_test.c -- which of four sets a span goes to and comes from. */
#include "gc/central_list.h"

#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

#define SPANS 8

static struct address_space space;
static struct span_table table;
static struct central_list list;

static struct span *span_number(unsigned index)
{
    return span_at(&table, index);
}

#define SHARD 1 /* any of them */

static struct span *only_span(struct span_chain chain)
{
    EXPECT(chain.count < 2);
    return span_chain_take(&chain, &table);
}

static struct span *take_partial_swept(struct central_list *owner, uint32_t generation)
{
    return only_span(central_list_take_partial_swept(owner, SHARD, &table, generation, 1));
}

static struct span *take_partial_unswept(struct central_list *owner, uint32_t generation)
{
    return only_span(central_list_take_partial_unswept(owner, SHARD, &table, generation, 1));
}

static struct span *take_full_unswept(struct central_list *owner, uint32_t generation)
{
    return only_span(central_list_take_full_unswept(owner, SHARD, &table, generation, 1));
}

static void create(void)
{
    fake_port_reset();
    ck_assert(address_space_init(&space, CHUNK_BYTES));
    ck_assert(span_table_init(&table, &space));
    ck_assert(span_table_extend(&table, CHUNK_PAGES));
    central_list_init(&list, 9, 2, NULL);
    for (page_index i = 0; i < SPANS; i++) {
        struct span_shape shape = {.first = i, .pages = 1, .size_class = 2, .list = 9};
        span_publish(span_init(&table, &shape));
    }
}

static void destroy(void)
{
    span_table_destroy(&table);
    address_space_destroy(&space);
    fake_port_finish();
}

START_TEST(made_empty)
{
    tri_type *type = (tri_type *)(void *)&table; /* any address */
    struct central_list other;
    central_list_init(&other, 77, 12, type);
    ck_assert_uint_eq(other.index, 77);
    ck_assert_uint_eq(other.size_class, 12);
    ck_assert_ptr_eq(other.type, type);
    for (uint32_t generation = 0; generation < 3; generation++) {
        ck_assert_ptr_null(take_partial_swept(&other, generation));
        ck_assert_ptr_null(take_partial_unswept(&other, generation));
        ck_assert_ptr_null(take_full_unswept(&other, generation));
        ck_assert_ptr_null(central_list_pop_unswept(&other, SHARD, &table, generation));
    }
}
END_TEST

/* Generations of both parities, and the two between which the number begins anew. */
static const uint32_t generations[] = {0, 1, 2, 1000001, UINT32_MAX - 1, UINT32_MAX};

/* What was pushed in a generation is swept in it, unswept in the next. */
START_TEST(swept_and_unswept)
{
    uint32_t now = generations[_i];
    uint32_t next = now + 1;
    struct span *partial = span_number(0);
    struct span *full = span_number(1);
    partial->sweep_gen = full->sweep_gen = now;
    central_list_push_partial(&list, SHARD, &table, partial, now);
    central_list_push_full(&list, SHARD, &table, full, now);
    ck_assert_ptr_null(take_partial_unswept(&list, now));
    ck_assert_ptr_null(take_full_unswept(&list, now));
    ck_assert_ptr_null(central_list_pop_unswept(&list, SHARD, &table, now));
    ck_assert_ptr_null(take_partial_swept(&list, next));
    ck_assert_ptr_eq(take_partial_unswept(&list, next), partial);
    ck_assert_ptr_eq(take_full_unswept(&list, next), full);
    ck_assert_ptr_null(central_list_pop_unswept(&list, SHARD, &table, next));
    central_list_push_partial(&list, SHARD, &table, partial, now);
    ck_assert_ptr_eq(take_partial_swept(&list, now), partial);
    ck_assert_ptr_null(take_partial_swept(&list, now));
    /* Full spans are of no use to who looks for free slots. */
    central_list_push_full(&list, SHARD, &table, full, now);
    ck_assert_ptr_null(take_partial_swept(&list, now));
    ck_assert_ptr_eq(central_list_pop_unswept(&list, SHARD, &table, next), full);
}
END_TEST

/* Whoever sweeps gets each span exactly once, whichever set it is in. */
START_TEST(any_unswept)
{
    for (unsigned i = 0; i < SPANS; i++) {
        span_number(i)->sweep_gen = 4;
        if (i % 3 == 0) {
            central_list_push_full(&list, SHARD, &table, span_number(i), 4);
        } else {
            central_list_push_partial(&list, SHARD, &table, span_number(i), 4);
        }
    }
    unsigned seen = 0;
    struct span *span;
    while ((span = central_list_pop_unswept(&list, SHARD, &table, 5)) != NULL) {
        unsigned bit = 1U << span_page(&table, span);
        ck_assert_uint_eq(seen & bit, 0);
        seen |= bit;
        span->sweep_gen = 5;
        central_list_push_partial(&list, SHARD, &table, span, 5);
    }
    ck_assert_uint_eq(seen, (1U << SPANS) - 1);
    for (unsigned i = 0; i < SPANS; i++) {
        ck_assert_ptr_nonnull(take_partial_swept(&list, 5));
    }
}
END_TEST

/* Several at a time; a chain goes where single spans would. */
START_TEST(chains)
{
    struct span_chain chain = {.count = 0};
    central_list_push_full_chain(&list, SHARD, &table, &chain, 4); /* none */
    for (unsigned i = 0; i < SPANS; i++) {
        span_number(i)->sweep_gen = 4;
        span_chain_put(&chain, &table, span_number(i));
    }
    central_list_push_full_chain(&list, SHARD, &table, &chain, 4);
    ck_assert_uint_eq(chain.count, 0);
    ck_assert_ptr_null(take_partial_swept(&list, 4));
    chain = central_list_take_full_unswept(&list, SHARD, &table, 5, 3);
    ck_assert_uint_eq(chain.count, 3);
    chain = central_list_take_full_unswept(&list, SHARD, &table, 5, SPANS);
    ck_assert_uint_eq(chain.count, SPANS - 3);
    ck_assert_ptr_null(take_full_unswept(&list, 5));
}
END_TEST

/* What is in one shard is in no other. */
START_TEST(shards)
{
    for (unsigned i = 0; i < CENTRAL_SHARDS; i++) {
        central_list_push_partial(&list, i, &table, span_number(i), 0);
    }
    for (unsigned i = 0; i < CENTRAL_SHARDS; i++) {
        struct span_chain chain = central_list_take_partial_swept(&list, i, &table, 0, SPANS);
        ck_assert_uint_eq(chain.count, 1);
        ck_assert_ptr_eq(span_chain_take(&chain, &table), span_number(i));
    }
}
END_TEST

#if TRI_CHECKS >= 1
static void push_partial(void *span)
{
    central_list_push_partial(&list, SHARD, &table, span, 6);
}

static void push_full(void *span)
{
    central_list_push_full(&list, SHARD, &table, span, 6);
}

/* [central_list.1]: what was not swept in this generation goes to no swept set; nor does the span
 * of another list. */
START_TEST(misuse)
{
    static const uint32_t wrong[] = {5, 7, 4, 0};
    for (size_t i = 0; i < ARRAY_LENGTH(wrong); i++) {
        span_number(0)->sweep_gen = wrong[i];
        ck_assert_ptr_nonnull(fake_port_death_of(push_partial, span_number(0)));
        ck_assert_ptr_nonnull(fake_port_death_of(push_full, span_number(0)));
    }
    span_number(0)->sweep_gen = 6;
    span_number(0)->list = 8;
    ck_assert_ptr_nonnull(fake_port_death_of(push_partial, span_number(0)));
    ck_assert_ptr_nonnull(fake_port_death_of(push_full, span_number(0)));
    span_number(0)->list = 9;
    ck_assert_ptr_null(fake_port_death_of(push_partial, span_number(0)));
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("central_list");
    TCase *cases = tcase_create("central_list");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_test(cases, made_empty);
    tcase_add_loop_test(cases, swept_and_unswept, 0, (int)ARRAY_LENGTH(generations));
    tcase_add_test(cases, any_unswept);
    tcase_add_test(cases, chains);
    tcase_add_test(cases, shards);
#if TRI_CHECKS >= 1
    tcase_add_test(cases, misuse);
#endif
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
