/* mark_stack_test.c -- grey objects: each on one stack, and popped once. */
#include "gc/mark_stack.h"

#include <string.h>

#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

#define SEGMENT  MARK_SEGMENT_ENTRIES
#define SEGMENTS 1000 /* more than any test needs at a time */

static struct meta_alloc meta;
static struct segment_pool pool;
static struct mark_stack stack;
static struct mark_stack other;

static void create(void)
{
    fake_port_reset();
    meta_alloc_init(&meta);
    segment_pool_init(&pool, &meta);
    fixture_make_segments(&pool, SEGMENTS);
    mark_stack_init(&stack, &pool);
    mark_stack_init(&other, &pool);
}

/* Every segment finds its way back to the pool. */
static void destroy(void)
{
    mark_stack_destroy(&stack);
    mark_stack_destroy(&other);
    ck_assert_uint_eq(fixture_spare_segments(&pool), SEGMENTS);
    meta_alloc_destroy(&meta);
    fake_port_finish();
}

static void push_range(struct mark_stack *target, uintptr_t first, uintptr_t count)
{
    for (uintptr_t i = first; i < first + count; i++) {
        EXPECT(mark_stack_push(target, i));
    }
}

/* Pop all of source; each value of [0, count) is seen once altogether. */
static size_t pop_into(struct mark_stack *source, uint8_t *seen, size_t count)
{
    uintptr_t entry;
    size_t popped = 0;
    while (mark_stack_pop(source, &entry)) {
        EXPECT(entry < count && seen[entry]++ == 0); /* [mark_stack.1] */
        popped++;
    }
    EXPECT(mark_stack_is_empty(source));
    return popped;
}

/* ---- One owner ------------------------------------------------------------------------------- */

static const size_t counts[] = {0,           1,           SEGMENT - 1,     SEGMENT,
                                SEGMENT + 1, 2 * SEGMENT, 2 * SEGMENT + 1, 100000};

START_TEST(last_in_first_out)
{
    size_t count = counts[_i];
    uintptr_t entry;
    ck_assert(mark_stack_is_empty(&stack));
    push_range(&stack, 0, count);
    ck_assert(mark_stack_is_empty(&stack) == (count == 0));
    ck_assert(mark_stack_has_shared(&stack) == (count > SEGMENT));
    for (size_t i = count; i-- > 0;) {
        EXPECT(mark_stack_pop(&stack, &entry) && entry == i);
    }
    ck_assert(!mark_stack_pop(&stack, &entry));
    ck_assert(mark_stack_is_empty(&stack));
}
END_TEST

/* Popping and pushing around the edge of a segment does not take a segment each time. */
START_TEST(edge)
{
    uintptr_t entry;
    push_range(&stack, 0, SEGMENT);
    for (unsigned i = 0; i < 1000; i++) {
        ck_assert(mark_stack_push(&stack, 1000));
        ck_assert(mark_stack_pop(&stack, &entry) && entry == 1000);
        ck_assert_uint_ge(fixture_spare_segments(&pool), SEGMENTS - 2);
    }
    ck_assert(mark_stack_pop(&stack, &entry) && entry == SEGMENT - 1);
    uint8_t seen[SEGMENT] = {0};
    ck_assert_uint_eq(pop_into(&stack, seen, SEGMENT - 1), SEGMENT - 1);
}
END_TEST

START_TEST(random_pushes)
{
    uint64_t random = unit_seed();
    enum {
        DEPTH = 4000
    };
    static uintptr_t model[DEPTH];
    size_t depth = 0;
    for (unsigned i = 0; i < 300000; i++) {
        uint64_t up = (i / 10000) % 2; /* tides */
        if (depth < DEPTH && unit_random_below(&random, 10) < 4 + 2 * up) {
            model[depth] = unit_random(&random);
            EXPECT(mark_stack_push(&stack, model[depth++]));
        } else {
            uintptr_t entry;
            bool popped = mark_stack_pop(&stack, &entry);
            EXPECT(popped == (depth > 0));
            EXPECT(!popped || entry == model[--depth]);
        }
        EXPECT(mark_stack_is_empty(&stack) == (depth == 0));
    }
    uintptr_t entry;
    while (mark_stack_pop(&stack, &entry)) {
        EXPECT(entry == model[--depth]);
    }
    ck_assert_uint_eq(depth, 0);
}
END_TEST

/* ---- Sharing and stealing -------------------------------------------------------------------- */

/* Half of the private segment, the older half, is there for others. */
START_TEST(share)
{
    static const size_t private[] = {0, 1, 2, 3, 100, SEGMENT};
    for (size_t i = 0; i < ARRAY_LENGTH(private); i++) {
        size_t count = private[i];
        uint8_t seen[SEGMENT] = {0};
        push_range(&stack, 0, count);
        mark_stack_share(&stack);
        ck_assert(mark_stack_has_shared(&stack) == (count >= 2));
        ck_assert(mark_stack_steal(&other, &stack) == (count >= 2));
        ck_assert(!mark_stack_steal(&other, &stack));
        for (size_t k = 0; k < count / 2; k++) {
            uintptr_t entry;
            ck_assert(mark_stack_pop(&other, &entry));
            ck_assert_uint_lt(entry, count / 2);
            seen[entry]++;
        }
        ck_assert(mark_stack_is_empty(&other));
        ck_assert_uint_eq(pop_into(&stack, seen, count), count - count / 2);
    }
}
END_TEST

/* What was shared and stolen by nobody is the owner's to pop. */
START_TEST(share_with_nobody)
{
    uint8_t seen[100] = {0};
    push_range(&stack, 0, 100);
    mark_stack_share(&stack);
    mark_stack_share(&stack);
    ck_assert_uint_eq(fixture_spare_segments(&pool), SEGMENTS - 3); /* two halves are shared */
    ck_assert(!mark_stack_is_empty(&stack));
    ck_assert_uint_eq(pop_into(&stack, seen, 100), 100);
}
END_TEST

/* A segment goes over whole. */
START_TEST(steal)
{
    ck_assert(!mark_stack_steal(&other, &stack));
    push_range(&stack, 0, 3 * SEGMENT);
    uint8_t seen[3 * SEGMENT] = {0};
    for (unsigned i = 0; i < 2; i++) {
        ck_assert(mark_stack_steal(&other, &stack));
        ck_assert_uint_eq(pop_into(&other, seen, 3 * SEGMENT), SEGMENT);
    }
    ck_assert(!mark_stack_steal(&other, &stack)); /* the private segment is nobody else's */
    ck_assert_uint_eq(pop_into(&stack, seen, 3 * SEGMENT), SEGMENT);
    ck_assert(!mark_stack_steal(&stack, &other));
}
END_TEST

/* ---- Giving up ------------------------------------------------------------------------------- */

static const size_t given[] = {0, 1, SEGMENT, SEGMENT + 1, 3 * SEGMENT + 7};

/* All goes over to target, for anyone; target's own stays there. */
START_TEST(publish)
{
    size_t count = given[_i % 5];
    size_t own = given[_i / 5];
    static uint8_t seen[8 * SEGMENT];
    memset(seen, 0, sizeof seen);
    push_range(&other, 0, own);
    push_range(&stack, own, count);
    mark_stack_publish(&stack, &other);
    ck_assert(mark_stack_is_empty(&stack));
    ck_assert(mark_stack_has_shared(&other) == (count > 0 || own > SEGMENT));
    mark_stack_publish(&other, &other); /* its private part, too */
    ck_assert(mark_stack_has_shared(&other) == (count + own > 0));
    size_t popped = 0;
    while (mark_stack_steal(&stack, &other)) {
        popped += pop_into(&stack, seen, count + own);
    }
    ck_assert_uint_eq(popped, count + own);
    ck_assert(mark_stack_is_empty(&other));
}
END_TEST

/* ---- No memory ------------------------------------------------------------------------------- */

/* Let the pool have no more than its first count segments, and nobody any memory. */
static struct mark_segment *starve(size_t count)
{
    struct mark_segment *withheld = NULL;
    for (size_t i = count; i < SEGMENTS; i++) {
        struct mark_segment *segment = segment_pool_take(&pool);
        segment->next = withheld;
        withheld = segment;
    }
    fake_port_fail_memory_after(0);
    while (meta_alloc_take(&meta, 16, 1) != NULL) {
    }
    return withheld;
}

static void feed(struct mark_segment *withheld)
{
    while (withheld != NULL) {
        struct mark_segment *next = withheld->next;
        segment_pool_give(&pool, withheld);
        withheld = next;
    }
    fake_port_fail_memory_after(FAKE_PORT_NEVER);
}

/* Where no segment is to be had the entry is not on the stack, and nothing else has changed. */
START_TEST(push_without_memory)
{
    static uint8_t seen[100 * SEGMENT];
    size_t count = (size_t)_i;
    struct mark_segment *withheld = starve(count);
    size_t pushed = 0;
    while (mark_stack_push(&stack, pushed)) {
        pushed++;
    }
    ck_assert_uint_eq(pushed, count * SEGMENT);
    ck_assert(!mark_stack_push(&stack, pushed));
    mark_stack_share(&stack); /* does nothing */
    ck_assert(mark_stack_has_shared(&stack) == (count > 1));
    memset(seen, 0, sizeof seen);
    ck_assert_uint_eq(pop_into(&stack, seen, pushed), pushed);
    /* The segments that were popped empty serve again. */
    push_range(&stack, 0, pushed);
    ck_assert(!mark_stack_push(&stack, pushed));
    memset(seen, 0, sizeof seen);
    ck_assert_uint_eq(pop_into(&stack, seen, pushed), pushed);
    feed(withheld);
}
END_TEST

/* ---- Without a lock -------------------------------------------------------------------------- */

/* [mark_stack.4]: a stack that is lock_free has unused segments, and where there are none, none: it
 * does not ask for memory, which is there. */
START_TEST(lock_free)
{
    static uint8_t seen[SEGMENT];
    struct mark_segment *withheld = NULL;
    struct mark_segment *segment;
    while (segment_pool_has_unused(&pool)) {
        segment = segment_pool_take_unused(&pool);
        segment->next = withheld;
        withheld = segment;
    }
    ck_assert_ptr_null(segment_pool_take_unused(&pool));
    stack.lock_free = true;
    locks_forbid();
    ck_assert(!mark_stack_push(&stack, 0));
    segment = withheld;
    withheld = withheld->next;
    segment_pool_give(&pool, segment);
    push_range(&stack, 0, SEGMENT);
    ck_assert(!mark_stack_push(&stack, SEGMENT));
    mark_stack_share(&stack); /* does nothing */
    ck_assert(!mark_stack_has_shared(&stack));
    locks_allow();
    memset(seen, 0, sizeof seen);
    ck_assert_uint_eq(pop_into(&stack, seen, SEGMENT), SEGMENT);
    feed(withheld);
    stack.lock_free = false;
}
END_TEST

/* ---- Several threads ------------------------------------------------------------------------- */

#define THREADS 4
#define ENTRIES 200000

static struct {
    struct mark_stack stacks[THREADS];
    struct mark_stack pool; /* what they give up; nobody's */
    uint8_t seen[ENTRIES];  /* atomic */
    uint32_t popped;        /* atomic */
} shared;

static void pop_some(struct mark_stack *from, uint64_t count)
{
    uintptr_t entry;
    while (count-- > 0 && mark_stack_pop(from, &entry)) {
        EXPECT(fetch_add_relaxed(&shared.seen[entry], (uint8_t)1) == 0); /* [mark_stack.1] */
        fetch_add_relaxed(&shared.popped, 1U);
    }
}

/* Each pushes its part, pops, shares, gives up, and steals where it has nothing. */
static void work(void *seed, unsigned index)
{
    uint64_t random = *(const uint64_t *)seed + index;
    struct mark_stack *own = &shared.stacks[index];
    uintptr_t next = index * (ENTRIES / THREADS);
    uintptr_t end = next + ENTRIES / THREADS;
    while (load_relaxed(&shared.popped) < ENTRIES) {
        for (uint64_t n = unit_random_below(&random, 1500); n > 0 && next < end; n--) {
            EXPECT(mark_stack_push(own, next++));
        }
        if (unit_random(&random) & 1) {
            mark_stack_share(own);
        }
        pop_some(own, unit_random_below(&random, 1200));
        if (unit_random_below(&random, 8) == 0) {
            mark_stack_publish(own, &shared.pool);
        }
        if (mark_stack_is_empty(own) && !mark_stack_steal(own, &shared.pool)) {
            (void)mark_stack_steal(own, &shared.stacks[unit_random_below(&random, THREADS)]);
        }
    }
}

START_TEST(threads)
{
    uint64_t seed = unit_seed();
    memset(&shared, 0, sizeof shared);
    mark_stack_init(&shared.pool, &pool);
    for (unsigned i = 0; i < THREADS; i++) {
        mark_stack_init(&shared.stacks[i], &pool);
    }
    fixture_run_threads(THREADS, work, &seed);
    for (size_t i = 0; i < ENTRIES; i++) {
        EXPECT(shared.seen[i] == 1);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        mark_stack_destroy(&shared.stacks[i]);
    }
}
END_TEST

#if TRI_CHECKS >= 1
static void destroy_stack(void *unused)
{
    (void)unused;
    mark_stack_destroy(&stack);
}

static void steal_from_other(void *unused)
{
    (void)unused;
    (void)mark_stack_steal(&stack, &other);
}

/* [mark_stack.1]: what would forget entries dies instead. */
START_TEST(misuse)
{
    push_range(&stack, 0, 3);
    push_range(&other, 3, SEGMENT + 1);
    ck_assert_ptr_nonnull(fake_port_death_of(destroy_stack, NULL));
    ck_assert_ptr_nonnull(fake_port_death_of(steal_from_other, NULL)); /* the thief is not empty */
    fake_port_reset();
    create();
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("mark_stack");
    TCase *cases = tcase_create("mark_stack");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_loop_test(cases, last_in_first_out, 0, (int)ARRAY_LENGTH(counts));
    tcase_add_test(cases, edge);
    tcase_add_test(cases, random_pushes);
    tcase_add_test(cases, share);
    tcase_add_test(cases, share_with_nobody);
    tcase_add_test(cases, steal);
    tcase_add_loop_test(cases, publish, 0, 25);
    tcase_add_loop_test(cases, push_without_memory, 0, 4);
    tcase_add_test(cases, lock_free);
    tcase_add_test(cases, threads);
#if TRI_CHECKS >= 1
    tcase_add_test(cases, misuse);
#endif
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
