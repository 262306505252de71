/* insertion_test.c -- the end of marking in insertion mode beside a second mutator: a reference
 * that hops between two stacks by way of fresh objects whose first stores nobody reports. See
 * barrier.c.
 */
#include "gc/answer.h"
#include "gc/barrier.h"
#include "gc/cycle.h"
#include "gc/sweep.h"
#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

/* What the mutator that makes a fresh object does between filling it and letting the other one see
 * it. */
enum care {
    CARE_NONE,
    CARE_INIT,    /* the first store was reported */
    CARE_WRITTEN, /* tri_written */
    CARE_BLOCKED, /* a host's lock is handed over in a blocking region */
    CARES
};

static uintptr_t stacks[2];
static tri_type *type;
static char *shown; /* black early; its word 0 is where fresh objects are shown */

static void create(void)
{
    tri_heap_options options;
    fake_port_reset();
    fixture_options(&options);
    options.barrier = TRI_BARRIER_INSERTION;
    options.gc_percent = TRI_GC_PERCENT_OFF;
    options.verify = false; /* it would end the process where the test wants to see a loss */
    fixture_begin(&options, 2);
    fixture.collector = COLLECTOR_LATER;
    type = fixture_type(64, TRI_LAYOUT_ALL_WORDS);
    fixture_promote(type);
    for (unsigned i = 0; i < 2; i++) {
        stacks[i] = 0;
        fixture.stacks[i] = (struct fixture_stack){&stacks[i], 1};
        fixture.late[i] = true;
    }
}

static void destroy(void)
{
    fixture_end();
    fake_port_finish();
}

/* From the stack of mutator number from to that of the other one, which overwrites the slot that it
 * came through. */
static void hop(unsigned from, enum care care)
{
    struct tri_mutator *giver = fixture.mutators[from];
    struct tri_mutator *taker = fixture.mutators[1 - from];
    char *fresh = tri_alloc(giver, type);
    EXPECT(fixture_is_marked(fresh));
    fixture_link(fresh, 2, (const void *)stacks[from]);
    if (care == CARE_INIT) {
        barrier_init(giver, stacks[from]);
    } else if (care == CARE_WRITTEN) {
        barrier_written(giver, fresh);
    }
    fixture_link(shown, 0, fresh);
    barrier_stored(giver, (uintptr_t)fresh);
    stacks[from] = 0;
    if (care == CARE_BLOCKED) {
        barrier_before_block(giver);
    }
    const char *seen = (const char *)*fixture_slot(shown, 0);
    stacks[1 - from] = *fixture_slot((tri_ref)(uintptr_t)seen, 2);
    fixture_link((tri_ref)(uintptr_t)seen, 2, NULL);
    barrier_stored(taker, 0);
    fixture_link(shown, 0, NULL);
    barrier_stored(taker, 0);
}

/* An object that only the stack of mutator 1 holds, white, when all is marked. */
static char *white_on_a_stack(void)
{
    shown = tri_alloc(fixture.mutators[0], type);
    char *holder = tri_alloc(fixture.mutators[0], type);
    char *object = tri_alloc(fixture.mutators[0], type);
    fixture_keep(shown);
    fixture_keep(holder);
    fixture_link(holder, 1, object);
    fixture_step_to(CYCLE_ARM);
    fixture_answer_all();
    fixture_step_to(CYCLE_SETTLE);
    fixture_answer_all();
    fixture_step_to(CYCLE_ROOTS);
    fixture_answer_all();
    stacks[1] = *fixture_slot(holder, 1);
    fixture_link(holder, 1, NULL); /* nobody reports deletions */
    fixture_step_to(CYCLE_FLUSH);
    ck_assert(fixture_is_marked(holder) && fixture_is_marked(shown) && !fixture_is_marked(object));
    return object;
}

/* In each round mutator 0 answers while the object is on the stack of mutator 1, and the other way
 * round. */
START_TEST(hops_past_every_answer)
{
    enum care care = (enum care)_i;
    const char *object = white_on_a_stack();
    unsigned rounds = 0;
    while (cycle_phase(fixture.heap) == CYCLE_FLUSH) {
        ck_assert_uint_lt(++rounds, 100);
        fixture_answer(0);
        hop(1, care);
        fixture_answer(1);
        hop(0, care);
        while (fixture_all_answered() && cycle_phase(fixture.heap) < CYCLE_DISARM) {
            if (cycle_phase(fixture.heap) == CYCLE_MARK) {
                fixture_drain();
            }
            (void)cycle_advance(fixture.mutators[0], 0);
        }
    }
    /* Without care it is lost, which shows that the hops come at the right moments. */
    ck_assert(fixture_is_marked(object) == (care != CARE_NONE));
    ck_assert_uint_ge(rounds, care == CARE_NONE ? 2 : 3);
    stacks[0] = stacks[1] = 0;
    fixture.late[0] = fixture.late[1] = false;
    fixture_step_to(CYCLE_IDLE);
    sweep_finish(fixture.heap);
    ck_assert(fixture_is_allocated(object) == (care != CARE_NONE));
}
END_TEST

/* What is remembered does not grow without bounds while marking lasts long, and is looked at
 * although no answer is asked for. */
START_TEST(catches_up)
{
    struct tri_mutator *mutator = fixture.mutators[1];
    char *object = white_on_a_stack();
    char *fresh = tri_alloc(mutator, type);
    fixture_link(fresh, 3, object);
    ck_assert(!fixture_is_marked(object));
    for (unsigned i = 0; i < REMEMBERED_SCAN_OBJECTS + 1; i++) {
        (void)tri_alloc(mutator, type);
        ck_assert_uint_le(mutator->remembered_count, REMEMBERED_SCAN_OBJECTS);
    }
    ck_assert(fixture_is_marked(object));
    ck_assert(mutator->made_grey);
    fixture.late[0] = fixture.late[1] = false;
    stacks[1] = 0;
    fixture_step_to(CYCLE_IDLE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("insertion");
    TCase *cases = tcase_create("insertion");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_loop_test(cases, hops_past_every_answer, 0, CARES);
    tcase_add_test(cases, catches_up);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
