/* weak_unit.h -- what the tests of weak references and of weak tables share: a heap with two
 * mutators whose stacks have two words each.
 */
#ifndef TESTS_WEAK_UNIT_H
#define TESTS_WEAK_UNIT_H

#include <string.h>

#include "gc/cycle.h"
#include "gc/sweep.h"
#include "tests/unit/pair.h"

static uintptr_t stacks[2][2]; /* of the mutators */

static void begin(tri_barrier barrier, bool held)
{
    tri_heap_options options = pair_options();
    options.barrier = barrier;
    options.verify = true;
    options.clobber_free = true;
    options.stop_the_world = held;
    pair_begin(&options);
    memset(stacks, 0, sizeof stacks);
    fixture.stacks[0] = (struct fixture_stack){stacks[0], 2};
    fixture.stacks[1] = (struct fixture_stack){stacks[1], 2};
}

static void create(void)
{
    begin(TRI_BARRIER_HYBRID, false);
}

/* What a rule must hold in. */
static const struct {
    tri_barrier barrier;
    bool held;
} ways[] = {
    {TRI_BARRIER_HYBRID, false}, {TRI_BARRIER_INSERTION, false}, {TRI_BARRIER_HYBRID, true}};

/* As fixture_step_to, but those that are late answer what comes before phase. */
static void step_to(enum cycle_phase phase)
{
    if (phase == CYCLE_IDLE) {
        return;
    }
    if (cycle_phase(fixture.heap) == CYCLE_IDLE) {
        store_relaxed(&fixture.heap->counters.trigger_bytes, UINT64_C(0));
    }
    do {
        fixture_answer_all();
        if (cycle_phase(fixture.heap) == CYCLE_MARK) {
            fixture_drain();
        }
        (void)cycle_advance(first, 0);
    } while (cycle_phase(fixture.heap) != phase);
}

/* Scan what was brought back, to the end. */
static inline void drain_rescued(void)
{
    size_t budget = SIZE_MAX;
    EXPECT(mark_drain_rescued(fixture.heap, &budget));
}

static void end_cycle(void)
{
    memset(fixture.late, 0, sizeof fixture.late);
    if (cycle_phase(fixture.heap) != CYCLE_IDLE) {
        fixture_step_to(CYCLE_IDLE);
    }
    sweep_finish(fixture.heap);
}

static bool is_whole(tri_ref object)
{
    return fixture_is_allocated(object) && fixture_is_allocated((void *)*fixture_slot(object, 0));
}

#endif
