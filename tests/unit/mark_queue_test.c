/* mark_queue_test.c -- spans with grey objects: each in one queue, popped once, the oldest
 * first. */
#include "gc/mark_queue.h"

#include <string.h>

#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

#define SEGMENT  MARK_SEGMENT_ENTRIES
#define SEGMENTS 300 /* more than any test needs at a time */
#define SPANS    100000

static struct meta_alloc meta;
static struct segment_pool pool;
static struct mark_queue queue;
static struct mark_queue other;
static uint8_t seen[SPANS];

static void create(void)
{
    fake_port_reset();
    meta_alloc_init(&meta);
    segment_pool_init(&pool, &meta);
    fixture_make_segments(&pool, SEGMENTS);
    mark_queue_init(&queue, &pool);
    mark_queue_init(&other, &pool);
    memset(seen, 0, sizeof seen);
}

/* Every segment finds its way back to the pool. */
static void destroy(void)
{
    mark_queue_destroy(&queue);
    mark_queue_destroy(&other);
    ck_assert_uint_eq(fixture_spare_segments(&pool), SEGMENTS);
    meta_alloc_destroy(&meta);
    fake_port_finish();
}

/* A span's address stands for its number: nobody looks at it. */
static struct span *span_number(size_t number)
{
    return (struct span *)((number + 1) * sizeof(struct span));
}

static size_t number_of(const struct span *span)
{
    return (uintptr_t)span / sizeof(struct span) - 1;
}

static void push_range(struct mark_queue *target, size_t first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        EXPECT(mark_queue_push(target, span_number(i)));
    }
}

/* Pop all; each is seen once altogether. */
static size_t pop_all(struct mark_queue *source)
{
    struct span *span;
    size_t popped = 0;
    while ((span = mark_queue_pop(source)) != NULL) {
        EXPECT(seen[number_of(span)]++ == 0); /* [mark_queue.1] */
        popped++;
    }
    EXPECT(mark_queue_is_empty(source));
    return popped;
}

/* ---- One owner ------------------------------------------------------------------------------- */

static const size_t counts[] = {0,           1,           SEGMENT - 1,     SEGMENT,
                                SEGMENT + 1, 2 * SEGMENT, 2 * SEGMENT + 1, SPANS};

START_TEST(first_in_first_out)
{
    size_t count = counts[_i];
    ck_assert(mark_queue_is_empty(&queue));
    push_range(&queue, 0, count);
    ck_assert(mark_queue_is_empty(&queue) == (count == 0));
    ck_assert(mark_queue_has_shared(&queue) == (count > SEGMENT));
    for (size_t i = 0; i < count; i++) {
        EXPECT(mark_queue_pop(&queue) == span_number(i));
        const struct span *next = mark_queue_peek(&queue, 0);
        EXPECT(next == NULL || next == span_number(i + 1));
        const struct span *third = mark_queue_peek(&queue, 2);
        EXPECT(third == NULL || third == span_number(i + 3));
    }
    ck_assert_ptr_null(mark_queue_pop(&queue));
    ck_assert(mark_queue_is_empty(&queue));
}
END_TEST

/* As a marker does it: some spans go in while others come out. Whatever the tides, the order stays
 * within what lies in the private segments. */
START_TEST(random_pushes)
{
    uint64_t random = unit_seed();
    size_t in = 0;
    size_t out = 0;
    while (in < SPANS) {
        uint64_t up = (in / 5000) % 2; /* tides */
        if (unit_random_below(&random, 10) < 5 + 2 * up) {
            push_range(&queue, in++, 1);
        } else {
            const struct span *span = mark_queue_pop(&queue);
            EXPECT((span == NULL) == (in == out));
            if (span != NULL) {
                EXPECT(number_of(span) == out++);
            }
        }
    }
    while (out < in) {
        EXPECT(mark_queue_pop(&queue) == span_number(out++));
    }
}
END_TEST

/* Without memory for a segment it says so, and what is in it stays. */
START_TEST(no_memory)
{
    struct mark_segment *kept[SEGMENTS];
    for (size_t i = 0; i < SEGMENTS - 1; i++) {
        kept[i] = segment_pool_take(&pool);
    }
    queue.lock_free = true; /* [mark_queue.2] */
    push_range(&queue, 0, SEGMENT);
    ck_assert(!mark_queue_push(&queue, span_number(SEGMENT)));
    mark_queue_share(&queue); /* no segment for it: it keeps all */
    ck_assert_uint_eq(pop_all(&queue), SEGMENT);
    for (size_t i = 0; i < SEGMENTS - 1; i++) {
        segment_pool_give(&pool, kept[i]);
    }
}
END_TEST

/* ---- Others ---------------------------------------------------------------------------------- */

START_TEST(steal)
{
    push_range(&queue, 0, 3 * SEGMENT + 5);
    ck_assert(mark_queue_pop(&queue) == span_number(0)); /* two are outgoing, or being drained */
    seen[0] = 1;
    ck_assert(mark_queue_steal(&other, &queue));
    ck_assert_uint_eq(pop_all(&other), SEGMENT);
    ck_assert(mark_queue_steal(&other, &queue));
    ck_assert(!mark_queue_has_shared(&queue));
    ck_assert_uint_eq(pop_all(&other), SEGMENT);
    ck_assert(!mark_queue_steal(&other, &queue));
    ck_assert_uint_eq(pop_all(&queue), SEGMENT + 4);
}
END_TEST

/* What is shared is about a half, whether it was just pushed or is being drained. */
START_TEST(share)
{
    size_t count = (size_t)_i;
    push_range(&queue, 0, count);
    if (count > 3) {
        seen[number_of(mark_queue_pop(&queue))] = 1;
        push_range(&queue, count, 1);
    }
    mark_queue_share(&queue);
    ck_assert(mark_queue_has_shared(&queue) == (count > 1));
    if (count > 1) {
        ck_assert(mark_queue_steal(&other, &queue));
    }
    size_t stolen = pop_all(&other);
    size_t kept = pop_all(&queue);
    ck_assert_uint_eq(stolen + kept, count);
    ck_assert(count < 2 || (stolen > 0 && kept > 0));
}
END_TEST

START_TEST(publish)
{
    size_t count = counts[_i];
    push_range(&queue, 0, count);
    size_t popped = 0;
    for (; popped < count / 3; popped++) {
        seen[number_of(mark_queue_pop(&queue))] = 1;
    }
    mark_queue_publish(&queue, &other);
    ck_assert(mark_queue_is_empty(&queue));
    ck_assert_uint_eq(pop_all(&other), count - popped);
}
END_TEST

START_TEST(publish_full)
{
    push_range(&queue, 0, 3 * SEGMENT);
    seen[number_of(mark_queue_pop(&queue))] = 1;
    mark_queue_publish_full(&queue, &other);
    ck_assert(!mark_queue_has_shared(&queue));
    ck_assert_uint_eq(pop_all(&other), SEGMENT);
    ck_assert_uint_eq(pop_all(&queue), 2 * SEGMENT - 1);
}
END_TEST

/* ---- Threads --------------------------------------------------------------------------------- */

#define THREADS    4
#define PER_THREAD (SPANS / THREADS)

static struct mark_queue queues[THREADS];

/* Push, pop, share and steal, until a thread has pushed all of its own and finds no more. */
static void push_and_steal(void *seed, unsigned index)
{
    struct mark_queue *own = &queues[index];
    uint64_t random = *(const uint64_t *)seed + index;
    size_t pushed = 0;
    for (;;) {
        struct span *span = mark_queue_pop(own);
        if (span != NULL) {
            fetch_add_relaxed(&seen[number_of(span)], (uint8_t)1);
        } else if (mark_queue_steal(own, &queues[unit_random_below(&random, THREADS)])) {
            continue;
        } else if (pushed == PER_THREAD) {
            break;
        }
        for (unsigned i = 0; i < 3 && pushed < PER_THREAD; i++) {
            EXPECT(mark_queue_push(own, span_number(index * PER_THREAD + pushed++)));
        }
        if (unit_random_below(&random, 64) == 0) {
            mark_queue_share(own);
        }
    }
}

START_TEST(threads)
{
    uint64_t seed = unit_seed();
    for (unsigned i = 0; i < THREADS; i++) {
        mark_queue_init(&queues[i], &pool);
    }
    fixture_run_threads(THREADS, push_and_steal, &seed);
    for (unsigned i = 0; i < THREADS; i++) {
        (void)pop_all(&queues[i]);
        mark_queue_destroy(&queues[i]);
    }
    for (size_t i = 0; i < SPANS; i++) {
        EXPECT(seen[i] == 1); /* [mark_queue.1] */
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mark_queue");
    TCase *cases = tcase_create("mark_queue");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_loop_test(cases, first_in_first_out, 0, (int)ARRAY_LENGTH(counts));
    tcase_add_test(cases, random_pushes);
    tcase_add_test(cases, no_memory);
    tcase_add_test(cases, steal);
    tcase_add_loop_test(cases, share, 0, 8);
    tcase_add_loop_test(cases, publish, 0, (int)ARRAY_LENGTH(counts));
    tcase_add_test(cases, publish_full);
    tcase_add_test(cases, threads);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
