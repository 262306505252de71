/* weak_hook_test.c -- weak slots of the host's: what a read yields at each moment of a cycle, when
 * the host's function is called, and what may change under it.
 */
#include "gc/weak_hook.h"

#include "gc/barrier.h"
#include "gc/mark.h"
#include "gc/weak.h"
#include "gc/weak_word.h"
#include "tests/unit/weak_unit.h"

enum {
    SLOTS = 200,
    WAS_HERE = 1 /* what a cleared slot says */
};

static const tri_encoding plain = TRI_ENCODING_RAW;

/* The upper 16 bits are the host's. */
static const tri_encoding tagged = {.mask = 0, .pattern = 0, .address = UINT64_C(0xffffffffffff)};
#define TAG (UINT64_C(0xabcd) << 48)

/* A table of the host's. */
struct slots {
    struct tri_weak_hook *hook;
    uintptr_t words[SLOTS];
    size_t count;
    size_t cursor;
    size_t most;    /* no call looks at more */
    unsigned calls; /* of the function, but for those that only check */
    size_t cleared; /* slots */
};

static struct slots table;

static bool look_through(struct tri_weak_hook *hook, size_t budget, void *argument)
{
    struct slots *slots = argument;
    ck_assert_ptr_eq(hook, slots->hook);
    ck_assert_uint_gt(budget, 0);
    size_t end = size_min(slots->cursor + size_min(budget, slots->most), slots->count);
    slots->calls += !fixture.heap->weak_hooks.checks;
    for (; slots->cursor < end; slots->cursor++) {
        slots->cleared += weak_hook_clear(hook, &slots->words[slots->cursor], WAS_HERE);
    }
    bool is_over = end == slots->count;
    slots->cursor = is_over ? 0 : end;
    return is_over;
}

static void add(struct slots *slots, const tri_encoding *encoding)
{
    *slots = (struct slots){.count = SLOTS, .most = SLOTS};
    slots->hook = weak_hook_add(fixture.heap, encoding, look_through, slots);
    ck_assert_ptr_nonnull(slots->hook);
}

static uintptr_t read(struct tri_mutator *mutator, const struct slots *slots, size_t i)
{
    uintptr_t word;
    return weak_read(mutator, &slots->words[i], &slots->hook->encoding, &word) ? word : 0;
}

/* An object with one that it refers to, which must be there as long. */
static tri_ref object_new(struct tri_mutator *mutator)
{
    tri_ref object = tri_alloc(mutator, type);
    fixture_init(mutator, fixture_slot(object, 0), tri_alloc(mutator, type));
    return object;
}

/* Slot 0 refers to what nothing else refers to. */
static tri_ref enter_dead(void)
{
    add(&table, &plain);
    tri_ref target = object_new(first);
    store_release(&table.words[0], (uintptr_t)target);
    return target;
}

/* ---- Without reads --------------------------------------------------------------------------- */

START_TEST(clears_the_dead)
{
    begin(ways[_i].barrier, ways[_i].held);
    add(&table, &tagged);
    tri_ref dead = object_new(first);
    tri_ref live = object_new(first);
    fixture_keep(live);
    store_release(&table.words[0], (uintptr_t)dead);
    store_release(&table.words[1], (uintptr_t)dead | TAG);
    store_release(&table.words[2], (uintptr_t)dead + 24);
    store_release(&table.words[3], (uintptr_t)live | TAG);
    store_release(&table.words[4], (uintptr_t)live + 24);
    store_release(&table.words[5], WAS_HERE);
    store_release(&table.words[6], (uintptr_t)&table); /* no object of the heap */
    fixture_collect();
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(table.words[i], WAS_HERE);
    }
    ck_assert_uint_eq(read(first, &table, 3), (uintptr_t)live | TAG);
    ck_assert_uint_eq(read(first, &table, 4), (uintptr_t)live + 24);
    ck_assert_uint_eq(read(first, &table, 5), WAS_HERE);
    ck_assert_uint_eq(read(first, &table, 6), (uintptr_t)&table);
    ck_assert_uint_eq(table.cleared, 3);
    ck_assert_uint_eq(table.calls, 1);
    ck_assert(!fixture_is_allocated(dead) && is_whole(live));
    fixture_collect();
    ck_assert_uint_eq(table.calls, 2);
    destroy();
}
END_TEST

/* Several hooks, each with its own table, each called to its end; not one that was removed. */
START_TEST(several)
{
    static struct slots other;
    static struct slots third;
    tri_ref dead = enter_dead();
    add(&other, &plain);
    add(&third, &plain);
    other.most = 7;
    other.words[SLOTS - 1] = third.words[3] = (uintptr_t)dead;
    weak_hook_remove(other.hook);
    add(&other, &plain); /* in the record of that one */
    other.most = 7;
    other.words[SLOTS - 1] = (uintptr_t)dead;
    weak_hook_remove(third.hook);
    fixture_collect();
    ck_assert_uint_eq(table.words[0], WAS_HERE);
    ck_assert_uint_eq(table.calls, 1);
    ck_assert_uint_eq(other.words[SLOTS - 1], WAS_HERE);
    ck_assert_uint_eq(other.calls, (SLOTS + 6) / 7);
    ck_assert_uint_eq(third.calls, 0);
}
END_TEST

/* A step looks at as many slots as its budget says, in calls of a few hundred each. */
START_TEST(step_of_many_slots)
{
    (void)enter_dead();
    table.most = 1; /* the function looks at one a call, and is called until nothing is left */
    weak_hooks_begin(fixture.heap);
    ck_assert(weak_hooks_run(fixture.heap, 3 * WEAK_HOOK_SLOTS * WEAK_HOOK_SLOT_COST));
    ck_assert_uint_eq(table.calls, 4); /* three whole ones, and the slot that there always is */
    ck_assert(weak_hooks_run(fixture.heap, 0));
    ck_assert_uint_eq(table.calls, 5);
    table.most = SLOTS;
    ck_assert(weak_hooks_run(fixture.heap, SIZE_MAX / 2));
    ck_assert_uint_eq(table.calls, 6);
    ck_assert(!weak_hooks_run(fixture.heap, SIZE_MAX / 2)); /* it is over */
    ck_assert_uint_eq(table.calls, 6);
}
END_TEST

START_TEST(no_memory)
{
    fake_port_fail_memory_after(0);
    size_t made = 0;
    while (weak_hook_add(fixture.heap, &plain, look_through, &table) != NULL) {
        made++; /* what was mapped already is used up */
    }
    fake_port_fail_memory_after(FAKE_PORT_NEVER);
    ck_assert_uint_lt(made, 100000);
    while (fixture.heap->weak_hooks.first != NULL) {
        weak_hook_remove(fixture.heap->weak_hooks.first);
    }
    tri_ref dead = enter_dead();
    fixture_collect();
    ck_assert_uint_eq(table.words[0], WAS_HERE);
    ck_assert(!fixture_is_allocated(dead));
}
END_TEST

/* A cycle that frees nothing asks for nothing, and clears nothing. */
START_TEST(not_called_where_nothing_is_freed)
{
    tri_ref target = enter_dead();
    fixture_step_to(CYCLE_FLUSH);
    store_relaxed(&fixture.heap->mark.is_void, 1U);
    end_cycle();
    ck_assert_uint_eq(table.calls, 0);
    ck_assert_uint_eq(read(first, &table, 0), (uintptr_t)target);
    ck_assert(is_whole(target));
    fixture_collect();
    ck_assert_uint_eq(read(first, &table, 0), WAS_HERE);
}
END_TEST

/* More than a call looks at, and than a step of the cycle: nothing dead is read meanwhile, and no
 * barrier goes off, nor is anything marked, before all is done. */
START_TEST(clears_in_steps)
{
    add(&table, &plain);
    for (size_t i = 0; i < SLOTS; i++) {
        store_release(&table.words[i], (uintptr_t)object_new(first));
    }
    fixture_step_to(CYCLE_WEAK);
    unsigned steps = 0;
    while (fixture.heap->weak.stage <= WEAK_HOOKS) {
        ck_assert_uint_eq(cycle_phase(fixture.heap), CYCLE_WEAK);
        for (size_t i = 0; i < SLOTS; i++) {
            ck_assert_uint_eq(read(first, &table, i), i < table.cleared ? WAS_HERE : 0);
        }
        size_t before = table.cleared;
        (void)weak_take_part(fixture.heap, 80);
        ck_assert_uint_le(table.cleared - before, 11);
        steps++;
    }
    ck_assert_uint_gt(steps, SLOTS / 11);
    ck_assert_uint_eq(table.cleared, SLOTS);
    end_cycle();
}
END_TEST

/* A table that grows under the hook: what was copied before it was cleared is cleared where it is
 * now. */
START_TEST(moves_meanwhile)
{
    add(&table, &plain);
    for (size_t i = 0; i < SLOTS / 2; i++) {
        store_release(&table.words[i], (uintptr_t)object_new(first));
    }
    fixture_step_to(CYCLE_WEAK);
    while (fixture.heap->weak.stage < WEAK_HOOKS) {
        (void)weak_take_part(fixture.heap, 8);
    }
    (void)weak_take_part(fixture.heap, 8 * (SLOTS / 4));
    ck_assert_uint_gt(table.cleared, 0);
    for (size_t i = 0; i < SLOTS / 2; i++) { /* to where the hook has been, too */
        table.words[SLOTS - 1 - i] = table.words[i];
        table.words[i] = 0;
    }
    tri_ref made = object_new(second);
    stacks[1][0] = (uintptr_t)made;
    store_release(&table.words[0], (uintptr_t)made);
    table.cursor = 0;
    end_cycle();
    ck_assert_uint_eq(read(first, &table, 0), (uintptr_t)made);
    for (size_t i = SLOTS / 2; i < SLOTS; i++) {
        ck_assert_uint_eq(table.words[i], WAS_HERE);
    }
}
END_TEST

/* ---- At each moment -------------------------------------------------------------------------- */

static const enum cycle_phase phases[] = {CYCLE_IDLE,   CYCLE_SWEEP, CYCLE_ARM,
                                          CYCLE_SETTLE, CYCLE_ROOTS, CYCLE_MARK,
                                          CYCLE_FLUSH,  CYCLE_WEAK,  CYCLE_DISARM};

/* What a read yields before marking has ended is there after the cycle, with all it refers to,
 * whatever the stack that has it now; afterwards it yields nothing. */
static void read_in_phase(tri_barrier barrier, enum cycle_phase phase, bool answered)
{
    begin(barrier, false);
    tri_ref target = enter_dead();
    fixture.late[1] = true;
    step_to(phase);
    if (answered) {
        fixture_answer(1);
    }
    stacks[1][0] = read(second, &table, 0);
    bool ended = phase >= CYCLE_WEAK;
    if (ended) {
        ck_assert_uint_eq(stacks[1][0], phase == CYCLE_WEAK ? 0 : WAS_HERE);
        stacks[1][0] = 0;
    } else {
        ck_assert_uint_eq(stacks[1][0], (uintptr_t)target);
    }
    end_cycle();
    ck_assert(ended ? !fixture_is_allocated(target) : is_whole(target));
    ck_assert_uint_eq(read(second, &table, 0), ended ? WAS_HERE : (uintptr_t)target);
    stacks[1][0] = 0;
    fixture_collect();
    ck_assert_uint_eq(read(second, &table, 0), WAS_HERE);
    ck_assert(!fixture_is_allocated(target));
    destroy();
}

START_TEST(reads_in_each_phase)
{
    read_in_phase(TRI_BARRIER_HYBRID, phases[_i], false);
    read_in_phase(TRI_BARRIER_HYBRID, phases[_i], true);
    read_in_phase(TRI_BARRIER_INSERTION, phases[_i], false);
    read_in_phase(TRI_BARRIER_INSERTION, phases[_i], true);
}
END_TEST

/* In the last round of flush, after the answer: nobody sees what is read but for the
 * disturbance. */
START_TEST(disturbs_the_end)
{
    tri_ref target = enter_dead();
    fixture.late[0] = fixture.late[1] = true;
    step_to(CYCLE_FLUSH);
    while (fixture.heap->cycle.quiet_rounds == 0) {
        fixture_answer_all();
        (void)cycle_advance(first, 0);
    }
    fixture_answer_all();
    ck_assert_uint_eq(read(second, &table, 0), (uintptr_t)target);
    (void)cycle_advance(first, 0);
    ck_assert_uint_eq(cycle_phase(fixture.heap), CYCLE_FLUSH);
    ck_assert_uint_eq(fixture.heap->cycle.quiet_rounds, 0);
    end_cycle();
    ck_assert_uint_eq(table.words[0], (uintptr_t)target);
    ck_assert(is_whole(target));
}
END_TEST

/* What is entered, and popped from a grey or a black stack, is there after the cycle or is cleared;
 * and it is kept for no other one. */
static void enter_in_phase(tri_barrier barrier, enum cycle_phase phase, bool answered)
{
    begin(barrier, false);
    add(&table, &plain);
    tri_ref target = object_new(second);
    stacks[1][0] = (uintptr_t)target;
    fixture.late[1] = true;
    step_to(phase);
    if (answered) {
        fixture_answer(1);
    }
    tri_ref fresh = object_new(second);
    store_release(&table.words[0], (uintptr_t)target);
    store_release(&table.words[1], (uintptr_t)fresh);
    stacks[1][0] = 0;
    end_cycle();
    const tri_ref entered[] = {target, fresh};
    for (size_t i = 0; i < 2; i++) {
        uintptr_t word = read(second, &table, i);
        ck_assert(word == (uintptr_t)entered[i] ? is_whole(entered[i]) : word == WAS_HERE);
    }
    fixture_collect();
    ck_assert_uint_eq(read(second, &table, 0), WAS_HERE);
    ck_assert_uint_eq(read(second, &table, 1), WAS_HERE);
    ck_assert(!fixture_is_allocated(target) && !fixture_is_allocated(fresh));
    destroy();
}

START_TEST(enters_in_each_phase)
{
    enter_in_phase(TRI_BARRIER_HYBRID, phases[_i], false);
    enter_in_phase(TRI_BARRIER_HYBRID, phases[_i], true);
    enter_in_phase(TRI_BARRIER_INSERTION, phases[_i], false);
    enter_in_phase(TRI_BARRIER_INSERTION, phases[_i], true);
}
END_TEST

/* A hook that comes when the phase is under way, or over. */
START_TEST(added_in_each_phase)
{
    tri_ref target = object_new(second);
    stacks[1][0] = (uintptr_t)target;
    fixture.late[1] = true;
    step_to(phases[_i]);
    add(&table, &plain);
    store_release(&table.words[0], (uintptr_t)target);
    end_cycle();
    ck_assert_uint_eq(read(second, &table, 0), (uintptr_t)target);
    stacks[1][0] = 0;
    fixture_collect();
    ck_assert_uint_eq(read(second, &table, 0), WAS_HERE);
}
END_TEST

/* ---- Finalization ---------------------------------------------------------------------------- */

/* What is got back has left all slots before: nobody who reads one later takes it for live. */
START_TEST(gone_before_it_is_got_back)
{
    tri_ref target = enter_dead();
    fixture_step_to(CYCLE_WEAK);
    while (fixture.heap->weak.stage != WEAK_RESCUE) {
        (void)weak_take_part(fixture.heap, 8);
    }
    ck_assert_uint_eq(table.words[0], WAS_HERE);
    ck_assert(mark_rescue(fixture.heap, (uintptr_t)target));
    drain_rescued();
    ck_assert_uint_eq(read(second, &table, 0), WAS_HERE);
    store_release(&table.words[1], (uintptr_t)target); /* its finalizer enters it again */
    end_cycle();
    ck_assert_uint_eq(read(second, &table, 0), WAS_HERE);
    ck_assert_uint_eq(read(second, &table, 1), (uintptr_t)target);
    ck_assert(is_whole(target));
}
END_TEST

/* ---- The suite ------------------------------------------------------------------------------- */

int main(void)
{
    Suite *suite = suite_create("weak_hook");
    TCase *own = tcase_create("each makes its heaps");
    tcase_add_loop_test(own, clears_the_dead, 0, (int)ARRAY_LENGTH(ways));
    tcase_add_loop_test(own, reads_in_each_phase, 0, (int)ARRAY_LENGTH(phases));
    tcase_add_loop_test(own, enters_in_each_phase, 0, (int)ARRAY_LENGTH(phases));
    suite_add_tcase(suite, own);
    TCase *one = tcase_create("hybrid");
    tcase_add_checked_fixture(one, create, destroy);
    tcase_add_test(one, several);
    tcase_add_test(one, step_of_many_slots);
    tcase_add_test(one, no_memory);
    tcase_add_test(one, not_called_where_nothing_is_freed);
    tcase_add_test(one, clears_in_steps);
    tcase_add_test(one, moves_meanwhile);
    tcase_add_test(one, disturbs_the_end);
    tcase_add_loop_test(one, added_in_each_phase, 0, (int)ARRAY_LENGTH(phases));
    tcase_add_test(one, gone_before_it_is_got_back);
    suite_add_tcase(suite, one);
    return unit_run(suite);
}
