/* pool_test.c -- what a pool keeps and for how long, who gets what whom has put, and that nothing
 * is lost at any moment of a cycle.
 */
#include "gc/pool.h"

#include "gc/answer.h"
#include "gc/barrier.h"
#include "gc/cycle.h"
#include "gc/sweep.h"
#include "tests/unit/pair.h"

#define MANY 30

static tri_pool *pool;
static unsigned made; /* by the pool's function */

static tri_ref make(tri_mutator *mutator, void *argument)
{
    EXPECT(argument == &made);
    made++;
    return tri_alloc(mutator, type);
}

static void begin(tri_barrier barrier, bool verify)
{
    tri_heap_options options = pair_options();
    options.barrier = barrier;
    options.verify = verify;
    pair_begin(&options);
    made = 0;
    ck_assert_int_eq(pool_create(fixture.heap, make, &made, &pool), TRI_OK);
}

static void create(void)
{
    begin(TRI_BARRIER_HYBRID, true);
}

/* The cycle under way ends, and all is swept. */
static void end_cycle(void)
{
    if (cycle_phase(fixture.heap) != CYCLE_IDLE) {
        fixture_step_to(CYCLE_IDLE);
    }
    sweep_finish(fixture.heap);
}

static void put_new(struct tri_mutator *mutator, char **objects, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        objects[i] = tri_alloc(mutator, type);
        tri_pool_put(mutator, pool, objects[i]);
    }
}

static unsigned allocated(char *const *objects, unsigned count)
{
    unsigned found = 0;
    for (unsigned i = 0; i < count; i++) {
        found += fixture_is_allocated(objects[i]);
    }
    return found;
}

/* ---- Who gets what --------------------------------------------------------------------------- */

START_TEST(last_in_first_out)
{
    char *objects[3];
    put_new(first, objects, 3);
    ck_assert_ptr_eq(tri_pool_get(first, pool), objects[2]);
    ck_assert_ptr_eq(tri_pool_get(first, pool), objects[1]);
    tri_pool_put(first, pool, objects[2]);
    ck_assert_ptr_eq(tri_pool_get(first, pool), objects[2]);
    ck_assert_ptr_eq(tri_pool_get(first, pool), objects[0]);
    ck_assert_uint_eq(made, 0);
    ck_assert_ptr_nonnull(tri_pool_get(first, pool));
    ck_assert_uint_eq(made, 1);
}
END_TEST

START_TEST(without_a_function)
{
    tri_pool *other;
    ck_assert_int_eq(pool_create(fixture.heap, NULL, NULL, &other), TRI_OK);
    ck_assert_ptr_null(tri_pool_get(first, other));
    tri_pool_put(first, other, TRI_NULL);
    ck_assert_ptr_null(tri_pool_get(first, other));
    char *object = tri_alloc(first, type);
    tri_pool_put(first, other, object);
    tri_pool_put(first, other, TRI_NULL);
    ck_assert_ptr_eq(tri_pool_get(first, other), object);
    ck_assert_ptr_null(tri_pool_get(first, other));
}
END_TEST

/* Each is got once, whatever the number. */
START_TEST(more_than_fit)
{
    char *objects[MANY];
    put_new(first, objects, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        char *got = tri_pool_get(first, pool);
        unsigned which = 0;
        while (which < MANY && objects[which] != got) {
            which++;
        }
        ck_assert_uint_lt(which, MANY);
        objects[which] = NULL;
    }
    ck_assert_uint_eq(made, 0);
}
END_TEST

/* One puts, another one gets: all but what the first has for itself. */
START_TEST(shared)
{
    char *objects[1000];
    put_new(first, objects, 1000);
    unsigned got = 0;
    while (tri_pool_get(second, pool) != NULL && made == 0) {
        got++;
    }
    ck_assert_uint_ge(got, 1000 - TRI_POOL_SLOTS_);
    ck_assert_uint_lt(got, 1000);
}
END_TEST

/* A mutator that goes leaves everything, and nothing is left behind in its mapping. */
START_TEST(leave)
{
    char *objects[5];
    put_new(second, objects, 5);
    struct tri_pool_slots_ *slots = tri_pool_slots_of_(second, pool);
    ck_assert_uint_eq(pool->users, 1);
    pool_leave(second);
    ck_assert_uint_eq(pool->users, 0);
    ck_assert(slots->count == 0 && slots->room == 0 && slots->pool == NULL);
    ck_assert_ptr_null(second->pools);
    for (unsigned i = 0; i < 5; i++) {
        ck_assert(fixture_is_allocated(tri_pool_get(first, pool)));
    }
    ck_assert_uint_eq(made, 0);
    put_new(second, objects, 5);
    fixture_detach();
    (void)tri_pool_get(first, pool);
    ck_assert_uint_eq(made, 0);
}
END_TEST

/* ---- How long -------------------------------------------------------------------------------- */

/* What nobody gets survives one cycle and not the next, wherever it lies. */
START_TEST(unused_for_two_cycles)
{
    char *objects[MANY];
    put_new(first, objects, MANY);
    fixture_collect();
    ck_assert_uint_eq(allocated(objects, MANY), MANY);
    fixture_collect();
    ck_assert_uint_eq(allocated(objects, MANY), 0);
    ck_assert_uint_eq(tri_pool_slots_of_(first, pool)->count, 0);
    (void)tri_pool_get(first, pool);
    ck_assert_uint_eq(made, 1);
}
END_TEST

/* What is used between two cycles stays, and only that. Got are first those that are not old. */
START_TEST(used_between)
{
    char *objects[MANY];
    char *used[10];
    put_new(first, objects, MANY);
    fixture_collect();
    for (unsigned i = 0; i < 10; i++) {
        used[i] = tri_pool_get(first, pool);
    }
    for (unsigned i = 0; i < 10; i++) {
        tri_pool_put(first, pool, used[i]);
    }
    ck_assert_uint_eq(made, 0);
    fixture_collect();
    ck_assert_uint_eq(allocated(used, 10), 10);
    ck_assert_uint_eq(allocated(objects, MANY), 10);
    fixture_collect();
    ck_assert_uint_eq(allocated(objects, MANY), 0);
}
END_TEST

/* Old ones that are shared stay old. */
START_TEST(old_and_shared)
{
    char *objects[TRI_POOL_SLOTS_];
    put_new(first, objects, TRI_POOL_SLOTS_);
    fixture_collect();
    pool_leave(first);
    fixture_collect();
    ck_assert_uint_eq(allocated(objects, TRI_POOL_SLOTS_), 0);
}
END_TEST

/* Old ones that come out of the common part and are put back are as good as new. */
START_TEST(old_and_taken)
{
    char *objects[POOL_BATCH];
    put_new(first, objects, POOL_BATCH);
    pool_leave(first);
    fixture_collect();
    ck_assert_ptr_nonnull(pool->old.first);
    ck_assert_ptr_null(pool->fresh.first);
    char *got = tri_pool_get(second, pool);
    tri_pool_put(second, pool, got);
    fixture_collect();
    ck_assert_uint_eq(allocated(objects, POOL_BATCH), 1);
    ck_assert(fixture_is_allocated(got));
    ck_assert_ptr_eq(tri_pool_get(second, pool), got);
}
END_TEST

/* The same where all mutators are held. */
START_TEST(held)
{
    char *objects[MANY];
    fixture.heap->options.stop_the_world = true;
    put_new(first, objects, MANY);
    fixture_collect();
    ck_assert_uint_eq(allocated(objects, MANY), MANY);
    fixture_collect();
    ck_assert_uint_eq(allocated(objects, MANY), 0);
}
END_TEST

/* ---- Destroyed ------------------------------------------------------------------------------- */

/* What it holds goes with the next cycle, and its number is free only then [pool.6]. */
START_TEST(destroyed)
{
    char *objects[MANY];
    tri_pool *other;
    put_new(first, objects, MANY / 2);
    put_new(second, objects + MANY / 2, MANY / 2);
    uint32_t number = pool->number;
    pool_destroy(pool);
    ck_assert_int_eq(pool_create(fixture.heap, NULL, NULL, &other), TRI_OK);
    ck_assert_uint_ne(other->number, number);
    fixture_collect();
    ck_assert_uint_eq(allocated(objects, MANY), 0);
    ck_assert_ptr_null(first->pools);
    ck_assert_uint_eq(fixture.heap->pools.records.taken, 1);
    ck_assert_uint_eq(fixture.heap->pools.batches.taken, 0);
    ck_assert_int_eq(pool_create(fixture.heap, NULL, NULL, &pool), TRI_OK);
    ck_assert_uint_eq(pool->number, number);
    ck_assert_ptr_null(tri_pool_get(first, pool));
    ck_assert_ptr_null(tri_pool_get(second, pool));
}
END_TEST

/* Where a mutator leaves before that. */
START_TEST(destroyed_then_left)
{
    char *objects[MANY];
    put_new(second, objects, MANY);
    pool_destroy(pool);
    fixture_detach();
    ck_assert_uint_eq(fixture.heap->pools.records.taken, 0);
    ck_assert_uint_eq(fixture.heap->pools.batches.taken, 0);
}
END_TEST

START_TEST(limit)
{
    tri_pool *pools[POOLS_MAX];
    pools[0] = pool;
    for (unsigned i = 1; i < POOLS_MAX; i++) {
        ck_assert_int_eq(pool_create(fixture.heap, NULL, NULL, &pools[i]), TRI_OK);
    }
    tri_pool *none = NULL;
    ck_assert_int_eq(pool_create(fixture.heap, NULL, NULL, &none), TRI_E_LIMIT);
    ck_assert_ptr_null(none);
    char *last = tri_alloc(first, type);
    tri_pool_put(first, pools[POOLS_MAX - 1], last);
    ck_assert_ptr_eq(tri_pool_get(first, pools[POOLS_MAX - 1]), last);
    pool_destroy(pools[77]);
    ck_assert_int_eq(pool_create(fixture.heap, NULL, NULL, &pools[77]), TRI_OK);
    ck_assert_uint_eq(pools[77]->number, 77);
    for (unsigned i = 0; i < POOLS_MAX; i++) {
        pool_destroy(pools[i]);
    }
    ck_assert_ptr_null(fixture.heap->pools.first);
}
END_TEST

/* Without memory to remember what is shared, that is garbage. */
START_TEST(no_memory)
{
    char *objects[MANY];
    tri_pool *other;
    for (unsigned i = 0; i < MANY; i++) {
        objects[i] = tri_alloc(first, type);
    }
    fixture_starve(0);
    while (pool_create(fixture.heap, NULL, NULL, &other) == TRI_OK) {
    }
    for (unsigned i = 0; i < MANY; i++) {
        tri_pool_put(first, pool, objects[i]);
    }
    fixture_feed();
    unsigned left = 0;
    for (char *got; (got = tri_pool_get(first, pool)) != NULL && made == 0;) {
        ck_assert(fixture_is_allocated(got));
        left++;
    }
    ck_assert(left > 0 && left <= MANY);
}
END_TEST

/* ---- At every moment of a cycle -------------------------------------------------------------- */

#define MOMENTS (CYCLE_RELEASE - CYCLE_ARM + 1)

/* The mutators, by bits of answers, have answered the handshake of phase, or not yet. */
static void step_to_moment(enum cycle_phase phase, unsigned answers)
{
    fixture_step_to(phase);
    for (unsigned i = 0; i < 2; i++) {
        if (answers & 1U << i) {
            fixture_answer(i);
        }
    }
}

static const tri_barrier barriers[] = {TRI_BARRIER_HYBRID, TRI_BARRIER_INSERTION};

/* An object comes out of the common part onto the stack of one mutator, or goes from one by way of
 * the pool to the other; what it alone refers to lives on. Every phase, every order of answers,
 * both barriers, all ways. */
enum way {
    WAY_TAKEN,  /* it was there before the cycle, and is got by the first */
    WAY_PUT,    /* from the stack of the second, who keeps it among its own */
    WAY_SHARED, /* and shares it, and nobody gets it */
    WAY_PASSED, /* and the first gets it */
    WAYS
};

static void go(enum way way, char *object, uintptr_t *stacks)
{
    if (way != WAY_TAKEN) {
        stacks[1] = 0;
        tri_pool_put(second, pool, object);
    }
    if (way == WAY_SHARED) {
        answer_rest(second);
        EXPECT(!answer_keeps(second));
    } else if (way == WAY_PASSED) {
        pool_leave(second);
    }
    if (way == WAY_PASSED || way == WAY_TAKEN) {
        stacks[0] = (uintptr_t)tri_pool_get(first, pool);
        EXPECT(stacks[0] == (uintptr_t)object);
    }
}

START_TEST(at_every_moment)
{
    tri_barrier barrier = barriers[_i / (MOMENTS * 4)];
    enum cycle_phase phase = CYCLE_ARM + (enum cycle_phase)(_i / 4 % MOMENTS);
    unsigned answers = (unsigned)_i % 4;
    for (enum way way = WAY_TAKEN; way < WAYS; way++) {
        begin(barrier, false);
        uintptr_t stacks[2] = {0, 0};
        fixture.stacks[0] = (struct fixture_stack){&stacks[0], 1};
        fixture.stacks[1] = (struct fixture_stack){&stacks[1], 1};
        char *object = tri_alloc(second, type);
        char *child = tri_alloc(second, type);
        fixture_link(object, 0, child);
        if (way == WAY_TAKEN) {
            tri_pool_put(second, pool, object);
            pool_leave(second);
        } else {
            stacks[1] = (uintptr_t)object;
        }
        step_to_moment(phase, answers);
        go(way, object, stacks);
        end_cycle();
        ck_assert_msg(fixture_is_allocated(object) && fixture_is_allocated(child),
                      "barrier %d phase %d answers %u way %d", (int)barrier, (int)phase, answers,
                      (int)way);
        fixture_verify();
        destroy();
    }
}
END_TEST

/* Insertion mode, the common part was scanned: a reference that the second mutator has loaded from
 * the heap since its last answer, and that is overwritten there, moves into it [pool.2]. */
START_TEST(shared_after_the_scan)
{
    begin(TRI_BARRIER_INSERTION, false);
    char *holder = tri_alloc(first, type);
    char *object = tri_alloc(first, type);
    fixture_keep(holder);
    fixture_link(holder, 0, object);
    fixture_step_to(CYCLE_MARK);
    ck_assert(fixture_is_marked(holder) && !fixture_is_marked(object)); /* grey */
    fixture_link(holder, 0, NULL);
    tri_pool_put(second, pool, object);
    if (_i == 1) {
        pool_leave(second);
    }
    end_cycle();
    ck_assert(fixture_is_allocated(object));
    destroy();
}
END_TEST

/* From the stack of mutator number from to that of the other one, in a fresh object of which
 * nothing is reported and that goes by way of the pool. */
static void hop(uintptr_t *stacks, unsigned from)
{
    struct tri_mutator *giver = fixture.mutators[from];
    char *fresh = tri_alloc(giver, type);
    fixture_link(fresh, 0, (const void *)stacks[from]);
    stacks[from] = 0;
    tri_pool_put(giver, pool, fresh);
    pool_leave(giver);
    char *got = tri_pool_get(fixture.mutators[1 - from], pool);
    EXPECT(got == fresh);
    stacks[1 - from] = *fixture_slot(got, 0);
    fixture_link(got, 0, NULL);
}

/* Insertion mode: each mutator answers while the object is on the other one's stack [pool.3]. */
START_TEST(fresh_and_shared)
{
    begin(TRI_BARRIER_INSERTION, false);
    uintptr_t stacks[2] = {0, 0};
    char *holder = tri_alloc(first, type);
    char *white = tri_alloc(first, type);
    fixture_keep(holder);
    fixture_link(holder, 0, white);
    fixture.stacks[0] = (struct fixture_stack){&stacks[0], 1};
    fixture.stacks[1] = (struct fixture_stack){&stacks[1], 1};
    fixture_step_to(CYCLE_MARK);
    stacks[1] = (uintptr_t)white;
    fixture_link(holder, 0, NULL); /* nobody reports deletions */
    fixture.late[0] = fixture.late[1] = true;
    fixture_step_to(CYCLE_FLUSH);
    ck_assert(fixture_is_marked(holder) && !fixture_is_marked(white));
    for (unsigned rounds = 0; cycle_phase(fixture.heap) == CYCLE_FLUSH; rounds++) {
        ck_assert_uint_lt(rounds, 100);
        fixture_answer(0);
        hop(stacks, 1);
        fixture_answer(1);
        hop(stacks, 0);
        while (fixture_all_answered() && cycle_phase(fixture.heap) < CYCLE_DISARM) {
            if (cycle_phase(fixture.heap) == CYCLE_MARK) {
                fixture_drain();
            }
            (void)cycle_advance(first, 0);
        }
    }
    ck_assert(fixture_is_marked(white));
    fixture.late[0] = fixture.late[1] = false;
    end_cycle();
    ck_assert(fixture_is_allocated(white));
    destroy();
}
END_TEST

/* ---- The scan of the common part ------------------------------------------------------------- */

#define BATCHES (3 * POOL_SCAN_BATCHES + 10)

static char *scan_objects[BATCHES * POOL_BATCH];
static unsigned naps;
static uintptr_t taken[BATCHES * POOL_BATCH];
static size_t taken_count;

/* While the scan lets others in: the first mutator gets as many objects as it takes to pass where
 * the scan is, and later a few. */
static void get_meanwhile(uint64_t ns)
{
    (void)ns;
    unsigned batches = naps++ == 0 ? POOL_SCAN_BATCHES + 5 : 5;
    for (unsigned i = 0; i < batches * POOL_BATCH; i++) {
        taken[taken_count++] = (uintptr_t)tri_pool_get(first, pool);
    }
    tri_pool_put(first, pool, tri_alloc(first, type));
}

static void fill_common(void)
{
    put_new(second, scan_objects, BATCHES * POOL_BATCH);
    pool_leave(second);
    naps = 0;
    taken_count = 0;
}

/* Nothing is lost of what is taken, nor of what is left. */
START_TEST(scan_in_pieces)
{
    fill_common();
    fixture.stacks[0] = (struct fixture_stack){taken, BATCHES * POOL_BATCH};
    fake_port_hooks()->nap = get_meanwhile;
    memset(taken, 0, sizeof taken);
    fixture_collect();
    fake_port_hooks()->nap = NULL;
    ck_assert_uint_ge(naps, 2);
    ck_assert_uint_eq(allocated(scan_objects, BATCHES * POOL_BATCH), BATCHES * POOL_BATCH);
    ck_assert_uint_eq(made, 0);
    fixture_verify();
}
END_TEST

static void destroy_meanwhile(uint64_t ns)
{
    (void)ns;
    if (naps++ == 0) {
        pool_destroy(pool);
        ck_assert_int_eq(pool_create(fixture.heap, NULL, NULL, &pool), TRI_OK);
        tri_pool_put(first, pool, tri_alloc(first, type));
        pool_leave(first);
    }
}

START_TEST(destroyed_while_scanned)
{
    fill_common();
    fake_port_hooks()->nap = destroy_meanwhile;
    fixture_collect();
    fake_port_hooks()->nap = NULL;
    ck_assert_uint_eq(naps, 1);
    ck_assert_uint_eq(fixture.heap->pools.batches.taken, 1);
    ck_assert(fixture_is_allocated(tri_pool_get(first, pool)));
    fixture_collect();
    ck_assert_uint_eq(allocated(scan_objects, BATCHES * POOL_BATCH), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pool");
    TCase *cases = tcase_create("pool");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_test(cases, last_in_first_out);
    tcase_add_test(cases, without_a_function);
    tcase_add_test(cases, more_than_fit);
    tcase_add_test(cases, shared);
    tcase_add_test(cases, leave);
    tcase_add_test(cases, unused_for_two_cycles);
    tcase_add_test(cases, used_between);
    tcase_add_test(cases, old_and_shared);
    tcase_add_test(cases, old_and_taken);
    tcase_add_test(cases, held);
    tcase_add_test(cases, destroyed);
    tcase_add_test(cases, destroyed_then_left);
    tcase_add_test(cases, limit);
    tcase_add_test(cases, no_memory);
    tcase_add_test(cases, scan_in_pieces);
    tcase_add_test(cases, destroyed_while_scanned);
    suite_add_tcase(suite, cases);
    TCase *moments = tcase_create("moments");
    tcase_add_loop_test(moments, at_every_moment, 0, (int)(2 * MOMENTS * 4));
    tcase_add_loop_test(moments, shared_after_the_scan, 0, 2);
    tcase_add_test(moments, fresh_and_shared);
    suite_add_tcase(suite, moments);
    return unit_run(suite);
}
