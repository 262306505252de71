/* weak_test.c -- weak references: what a read yields at each moment of a cycle, and what becomes of
 * the target; who must not mark once marking has ended.
 */
#include "gc/weak.h"

#include "gc/barrier.h"
#include "gc/mark.h"
#include "gc/weak_word.h"
#include "tests/unit/weak_unit.h"

static tri_ref weak_new(struct tri_mutator *mutator, tri_ref target)
{
    tri_ref weak = tri_alloc(mutator, weak_reference_type(fixture.heap));
    weak_reference_init(mutator, weak, target);
    return weak;
}

/* A weak reference that is a root, to an object that nothing else refers to. */
static tri_ref kept_weak(tri_ref *target)
{
    *target = tri_alloc(first, type);
    fixture_link(*target, 0, tri_alloc(first, type)); /* what it refers to must be there as well */
    tri_ref weak = weak_new(first, *target);
    fixture_keep(weak);
    return weak;
}

/* ---- Without reads --------------------------------------------------------------------------- */

/* All weak references to what dies are cleared, by the cycle that finds it dead; the others are
 * not, and an object that is dead keeps nothing by them. */
START_TEST(clears_the_dead)
{
    begin(ways[_i].barrier, ways[_i].held);
    tri_ref dead;
    tri_ref weak = kept_weak(&dead);
    tri_ref again = weak_new(first, dead);
    tri_ref inside = weak_new(first, (char *)dead + 24);
    tri_ref live = tri_alloc(first, type);
    tri_ref to_live = weak_new(first, live);
    tri_ref to_nothing = weak_new(first, NULL);
    tri_ref to_weak = weak_new(first, weak_new(first, live)); /* which itself dies */
    const tri_ref kept[] = {again, inside, live, to_live, to_nothing, to_weak};
    for (size_t i = 0; i < ARRAY_LENGTH(kept); i++) {
        fixture_keep(kept[i]);
    }
    ck_assert_ptr_eq(weak_reference_get(first, inside), (char *)dead + 24);
    fixture_collect();
    ck_assert_ptr_null(weak_reference_get(first, weak));
    ck_assert_ptr_null(weak_reference_get(first, again));
    ck_assert_ptr_null(weak_reference_get(first, inside));
    ck_assert_ptr_null(weak_reference_get(first, to_nothing));
    ck_assert_ptr_null(weak_reference_get(first, to_weak));
    ck_assert_ptr_eq(weak_reference_get(first, to_live), live);
    ck_assert(!fixture_is_allocated(dead) && fixture_is_allocated(live));
    fixture_collect();
    ck_assert_ptr_eq(weak_reference_get(first, to_live), live);
    destroy();
}
END_TEST

/* A cycle that frees nothing clears nothing, and has no weak phase in which reads yield nothing. */
START_TEST(clears_nothing_where_nothing_is_freed)
{
    tri_ref target;
    tri_ref weak = kept_weak(&target);
    fixture_step_to(CYCLE_FLUSH);
    store_relaxed(&fixture.heap->mark.is_void, 1U);
    while (cycle_phase(fixture.heap) == CYCLE_FLUSH) {
        (void)cycle_advance(first, 0);
    }
    ck_assert_uint_eq(cycle_phase(fixture.heap), CYCLE_DISARM);
    ck_assert_ptr_eq(weak_reference_get(first, weak), target);
    end_cycle();
    ck_assert_ptr_eq(weak_reference_get(first, weak), target);
    ck_assert(is_whole(target));
    fixture_collect();
    ck_assert_ptr_null(weak_reference_get(first, weak));
}
END_TEST

/* Where a container cannot be noted, the cycle must not free what it may refer to. */
START_TEST(cannot_be_noted)
{
    tri_ref target;
    tri_ref weak = kept_weak(&target);
    fixture_step_to(CYCLE_ROOTS);
    fixture_answer_all();
    fixture_starve(1); /* for the grey stack */
    fixture_step_to(CYCLE_FLUSH);
    fixture_feed();
    ck_assert_uint_eq(load_relaxed(&fixture.heap->mark.is_void), 1);
    end_cycle();
    ck_assert_ptr_eq(weak_reference_get(first, weak), target);
    ck_assert(is_whole(target));
}
END_TEST

/* More than a step looks at. */
START_TEST(clears_in_steps)
{
    tri_ref weak[200];
    for (size_t i = 0; i < ARRAY_LENGTH(weak); i++) {
        tri_ref target;
        weak[i] = kept_weak(&target);
    }
    fixture_step_to(CYCLE_WEAK);
    (void)cycle_advance(first, 800);
    ck_assert_uint_eq(cycle_phase(fixture.heap), CYCLE_WEAK);
    size_t cleared = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(weak); i++) {
        cleared += *fixture_slot(weak[i], 0) == 0;
        ck_assert_ptr_null(weak_reference_get(first, weak[i])); /* by whom ever */
    }
    ck_assert_uint_eq(cleared, 100);
    fixture_step_to(CYCLE_DISARM);
    for (size_t i = 0; i < ARRAY_LENGTH(weak); i++) {
        ck_assert_uint_eq(*fixture_slot(weak[i], 0), 0);
    }
    end_cycle();
}
END_TEST

/* ---- Reads at each moment -------------------------------------------------------------------- */

static const enum cycle_phase phases[] = {CYCLE_IDLE,   CYCLE_SWEEP, CYCLE_ARM,
                                          CYCLE_SETTLE, CYCLE_ROOTS, CYCLE_MARK,
                                          CYCLE_FLUSH,  CYCLE_WEAK,  CYCLE_DISARM};

/* What a read yields before marking has ended is there after the cycle, with all it refers to,
 * whatever the stack that has it now; afterwards it yields nothing. */
static void read_in_phase(tri_barrier barrier, enum cycle_phase phase, bool answered)
{
    begin(barrier, false);
    tri_ref target;
    tri_ref weak = kept_weak(&target);
    fixture.late[1] = true;
    if (phase != CYCLE_IDLE) {
        step_to(phase);
    }
    if (answered) {
        fixture_answer(1);
    }
    stacks[1][0] = (uintptr_t)weak_reference_get(second, weak);
    bool ended = phase >= CYCLE_WEAK;
    ck_assert_uint_eq(stacks[1][0], ended ? 0 : (uintptr_t)target);
    end_cycle();
    ck_assert(ended ? !fixture_is_allocated(target) : is_whole(target));
    ck_assert_ptr_eq(weak_reference_get(second, weak), ended ? NULL : target);
    stacks[1][0] = 0;
    fixture_collect();
    ck_assert_ptr_null(weak_reference_get(second, weak));
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

/* Step to the round of flush that is the last if nobody disturbs. */
static void step_to_last_round(void)
{
    step_to(CYCLE_FLUSH);
    while (fixture.heap->cycle.quiet_rounds == 0) {
        fixture_answer_all();
        (void)cycle_advance(first, 0);
    }
    ck_assert_uint_eq(cycle_phase(fixture.heap), CYCLE_FLUSH);
}

/* In the last round, after the answer: what is read is seen by nobody but for the disturbance. */
START_TEST(disturbs_the_end)
{
    tri_ref target;
    tri_ref weak = kept_weak(&target);
    fixture.late[0] = fixture.late[1] = true;
    step_to_last_round();
    fixture_answer_all();
    ck_assert_ptr_eq(weak_reference_get(second, weak), target);
    ck_assert(!fixture_is_marked(target));
    (void)cycle_advance(first, 0);
    ck_assert_uint_eq(cycle_phase(fixture.heap), CYCLE_FLUSH);
    ck_assert_uint_eq(fixture.heap->cycle.quiet_rounds, 0);
    fixture_answer_all();
    ck_assert(fixture_is_marked(target));
    end_cycle();
    ck_assert(is_whole(target));
}
END_TEST

/* A disturbance between the two rounds counts as well; one before them does not make more. */
START_TEST(disturbs_between_the_rounds)
{
    tri_ref target;
    tri_ref weak = kept_weak(&target);
    fixture.late[0] = fixture.late[1] = true;
    step_to_last_round();
    ck_assert_ptr_eq(weak_reference_get(second, weak), target);
    fixture_answer_all();
    ck_assert(fixture_is_marked(target));
    (void)cycle_advance(first, 0);
    ck_assert_uint_ne(cycle_phase(fixture.heap), CYCLE_WEAK);
    end_cycle();
    ck_assert(is_whole(target));
}
END_TEST

START_TEST(marked_targets_do_not_disturb)
{
    tri_ref target;
    tri_ref weak = kept_weak(&target);
    stacks[0][0] = (uintptr_t)target;
    fixture.late[0] = fixture.late[1] = true;
    step_to_last_round();
    fixture_answer_all();
    ck_assert_ptr_eq(weak_reference_get(second, weak), target);
    (void)cycle_advance(first, 0);
    ck_assert_uint_eq(cycle_phase(fixture.heap), CYCLE_WEAK);
    ck_assert_ptr_eq(weak_reference_get(second, weak), target);
    end_cycle();
    ck_assert_ptr_eq(weak_reference_get(second, weak), target);
}
END_TEST

/* [weak.2] [weak.3] by what a read finds when it looks again. */
START_TEST(ended_means_marked_or_dead)
{
    tri_ref target;
    tri_ref weak = kept_weak(&target);
    tri_ref live = tri_alloc(first, type);
    tri_ref to_live = weak_new(first, live);
    fixture_keep(live);
    fixture_keep(to_live);
    fixture_step_to(CYCLE_WEAK);
    ck_assert(weak_has_ended(fixture.heap));
    ck_assert_ptr_null(weak_reference_get(first, weak));
    ck_assert_ptr_eq(weak_reference_get(first, to_live), live);
    ck_assert_uint_eq(*fixture_slot(weak, 0), (uintptr_t)target); /* the phase clears it */
    fixture_step_to(CYCLE_DISARM);
    ck_assert_uint_eq(*fixture_slot(weak, 0), 0);
    fixture_answer_all();
    ck_assert(weak_has_ended(fixture.heap)); /* until nobody can act on it any more */
    fixture_step_to(CYCLE_RELEASE);
    ck_assert_uint_eq(load_relaxed(&fixture.heap->weak.word), WEAK_DISTURBED);
    end_cycle();
}
END_TEST

/* Who attaches in the weak phase has its barrier on, and is told the same as all. */
START_TEST(attaches_after_the_end)
{
    tri_ref target;
    tri_ref weak = kept_weak(&target);
    fixture_step_to(CYCLE_WEAK);
    struct tri_mutator *third = fixture_attach();
    ck_assert(barrier_is_on(third));
    ck_assert_ptr_null(weak_reference_get(third, weak));
    end_cycle();
    ck_assert_ptr_null(weak_reference_get(third, weak));
}
END_TEST

/* What is read, and handed over by who detaches at once. */
START_TEST(detaches_after_a_read)
{
    tri_ref target;
    tri_ref weak = kept_weak(&target);
    fixture.late[0] = true;
    step_to_last_round();
    fixture_answer_all();
    fixture_keep(weak_reference_get(second, weak)); /* by a global slot */
    fixture_detach();
    end_cycle();
    ck_assert(is_whole(target));
}
END_TEST

/* ---- Weak references made meanwhile ---------------------------------------------------------- */

/* It is black, so nobody looks at it: its target must be there after the cycle, or it be
 * cleared. */
START_TEST(made_in_each_phase)
{
    enum cycle_phase phase = phases[_i];
    for (unsigned answered = 0; answered < 2; answered++) {
        create();
        tri_ref target = tri_alloc(second, type);
        fixture_link(target, 0, tri_alloc(second, type));
        stacks[1][0] = (uintptr_t)target;
        fixture.late[1] = true;
        if (phase != CYCLE_IDLE) {
            step_to(phase);
        }
        if (answered) {
            fixture_answer(1);
        }
        stacks[1][1] = (uintptr_t)weak_new(second, target);
        stacks[1][0] = 0; /* popped, before it is scanned or after */
        tri_ref weak = (tri_ref)stacks[1][1];
        end_cycle();
        fixture_keep(weak);
        tri_ref yielded = weak_reference_get(second, weak);
        ck_assert(yielded == NULL || is_whole(yielded));
        fixture_collect();
        ck_assert_ptr_null(weak_reference_get(second, weak));
        ck_assert(!fixture_is_allocated(target));
        destroy();
    }
}
END_TEST

/* ---- Who marks, and who must not ------------------------------------------------------------- */

/* A word that looks like a reference, in a mutator's buffer when that is full, in a safepoint or a
 * blocking region, leads to a piece of garbage. */
static void guess_by_stores(tri_ref target)
{
    store_relaxed(&fixture.heap->mark.recorded_count, RECORDED_SEGMENTS_MAX);
    for (unsigned i = 0; i < 2 * MARK_SEGMENT_ENTRIES; i++) {
        barrier_record(second, (uintptr_t)target);
    }
    store_relaxed(&fixture.heap->mark.recorded_count, 0);
}

static void guess_by_remembering(tri_ref target)
{
    tri_type *candidates = fixture_type(64, TRI_LAYOUT_CONSERVATIVE);
    tri_ref fresh = tri_alloc(second, candidates);
    fixture_link(fresh, 0, target);
    barrier_remember(second, fresh);
    barrier_before_block(second);
}

static void guess_by_detaching(tri_ref target)
{
    tri_type *candidates = fixture_type(64, TRI_LAYOUT_CONSERVATIVE);
    tri_ref fresh = tri_alloc(second, candidates);
    fixture_link(fresh, 0, target);
    barrier_remember(second, fresh);
    barrier_record(second, (uintptr_t)target);
    fixture_detach();
}

static void (*const guesses[])(tri_ref target) = {guess_by_stores, guess_by_remembering,
                                                  guess_by_detaching};

/* Before the end it disturbs; what is marked then is whole when a read yields it. */
START_TEST(guesses_before_the_end)
{
    tri_ref target;
    tri_ref weak = kept_weak(&target);
    fixture.late[0] = fixture.late[1] = true;
    step_to_last_round();
    fixture_answer_all();
    guesses[_i](target);
    (void)cycle_advance(first, 0);
    ck_assert_uint_ne(cycle_phase(fixture.heap), CYCLE_WEAK);
    ck_assert_ptr_eq(weak_reference_get(first, weak), target);
    end_cycle();
    ck_assert_ptr_eq(weak_reference_get(first, weak), target);
    ck_assert(is_whole(target));
}
END_TEST

/* After it nothing is marked [weak.4], and a read takes no guess for life. */
START_TEST(guesses_after_the_end)
{
    fixture.heap->options.verify = false; /* which takes a candidate in the heap for a reference */
    tri_ref target;
    tri_ref weak = kept_weak(&target);
    fixture_step_to(CYCLE_WEAK);
    guesses[_i](target);
    ck_assert(!fixture_is_marked(target));
    ck_assert_ptr_null(weak_reference_get(first, weak));
    end_cycle();
    ck_assert_ptr_null(weak_reference_get(first, weak));
}
END_TEST

/* ---- Rescue ---------------------------------------------------------------------------------- */

/* Take the weak phase on to stage, in the smallest parts. */
static void take_stages(enum weak_stage stage)
{
    while (fixture.heap->weak.stage != stage) {
        (void)weak_take_part(fixture.heap, 1);
    }
}

/* What finalization gets back is whole, and weak references to it are cleared all the same; those
 * in containers that only it reaches are right as well. */
START_TEST(rescues)
{
    tri_ref target;
    tri_ref weak = kept_weak(&target);
    tri_ref dead = tri_alloc(first, type);
    tri_ref inner[3] = {weak_new(first, target), weak_new(first, dead), weak_new(first, weak)};
    for (size_t i = 0; i < ARRAY_LENGTH(inner); i++) {
        fixture_link(target, 1 + i, inner[i]);
    }
    fixture_step_to(CYCLE_WEAK);
    take_stages(WEAK_RESCUE);
    ck_assert(mark_rescue(fixture.heap, (uintptr_t)target));
    ck_assert(!mark_rescue(fixture.heap, (uintptr_t)target));
    ck_assert(!mark_rescue(fixture.heap, (uintptr_t)weak));
    drain_rescued();
    ck_assert(fixture_is_marked((void *)*fixture_slot(target, 0)));
    ck_assert_ptr_null(weak_reference_get(first, weak));
    take_stages(WEAK_OVER);
    ck_assert_ptr_null(weak_reference_get(first, weak));
    ck_assert_ptr_eq(weak_reference_get(first, inner[0]), target);
    ck_assert_ptr_null(weak_reference_get(first, inner[1]));
    ck_assert_ptr_eq(weak_reference_get(first, inner[2]), weak);
    end_cycle();
    ck_assert(is_whole(target) && !fixture_is_allocated(dead));
}
END_TEST

/* ---- Ephemerons ------------------------------------------------------------------------------ */

static tri_ref ephemeron_new(struct tri_mutator *mutator, tri_ref key, tri_ref value)
{
    tri_ref ephemeron = tri_alloc(mutator, ephemeron_type(fixture.heap));
    ephemeron_init(mutator, ephemeron, key, (uintptr_t)value);
    return ephemeron;
}

/* An entry is there with its value, or is gone and the value with it. */
static void expect_entry(tri_ref ephemeron, tri_ref key, tri_ref value, bool there)
{
    EXPECT(ephemeron_key(first, ephemeron) == (there ? key : NULL));
    EXPECT(ephemeron_value(first, ephemeron) == (there ? (uintptr_t)value : 0));
    EXPECT(fixture_is_allocated(value) == there);
}

/* All orders of discovery: the ephemeron before its key and after it; leaf keys, which nobody
 * scans; large ones. */
START_TEST(values_live_with_their_keys)
{
    static const size_t sizes[] = {16, 24, 64, 512, 4096, 40000};
    begin(ways[_i].barrier, ways[_i].held);
    for (size_t i = 0; i < 2 * ARRAY_LENGTH(sizes); i++) {
        tri_type *leaf = fixture_type(sizes[i / 2], TRI_LAYOUT_LEAF);
        fixture_promote(leaf);
        tri_ref live = tri_alloc(first, leaf);
        tri_ref dead = tri_alloc(first, leaf);
        tri_ref values[2] = {tri_alloc(first, type), tri_alloc(first, type)};
        tri_ref ephemerons[2] = {ephemeron_new(first, live, values[0]),
                                 ephemeron_new(first, dead, values[1])};
        fixture_keep(i % 2 == 0 ? live : ephemerons[0]);
        fixture_keep(i % 2 == 0 ? ephemerons[0] : live);
        fixture_keep(ephemerons[1]);
        for (unsigned k = 0; k < 2; k++) {
            fixture_collect();
            expect_entry(ephemerons[0], live, values[0], true);
            expect_entry(ephemerons[1], dead, values[1], false);
            ck_assert(!fixture_is_allocated(dead));
        }
        fixture_drop_roots();
        fixture_collect();
        ck_assert(!fixture_is_allocated(values[0]) && !fixture_is_allocated(ephemerons[0]));
    }
    destroy();
}
END_TEST

/* The key is reached from within its own span, where it is marked together with others
 * ([scan_span.4]); from the slot before it and from the one behind. */
START_TEST(keys_in_the_referrers_span)
{
    begin(ways[_i].barrier, ways[_i].held);
    for (unsigned behind = 0; behind < 2; behind++) {
        tri_ref ends[2] = {tri_alloc(first, type), tri_alloc(first, type)};
        tri_ref key = ends[1 - behind];
        tri_ref value = tri_alloc(first, type);
        tri_ref ephemeron = ephemeron_new(first, key, value);
        ck_assert_ptr_eq(fixture_span(ends[0]), fixture_span(ends[1]));
        fixture_link(ends[behind], 0, key);
        fixture_keep(ephemeron);
        fixture_keep(ends[behind]);
        fixture_collect();
        expect_entry(ephemeron, key, value, true);
        fixture_link(ends[behind], 0, NULL);
        fixture_collect();
        expect_entry(ephemeron, key, value, false);
        fixture_drop_roots();
    }
    destroy();
}
END_TEST

/* Values that are reached in no other way make no key live, however they hang on each other. */
START_TEST(cycles_of_ephemerons)
{
    tri_ref keys[3];
    tri_ref ephemerons[3];
    for (unsigned i = 0; i < 3; i++) {
        keys[i] = tri_alloc(first, type);
    }
    for (unsigned i = 0; i < 3; i++) {
        ephemerons[i] = ephemeron_new(first, keys[i], keys[(i + 1) % 3]);
        fixture_keep(ephemerons[i]);
    }
    tri_ref own = tri_alloc(first, type);
    tri_ref to_itself = ephemeron_new(first, own, own);
    fixture_keep(to_itself);
    fixture_keep(keys[1]);
    fixture_collect();
    for (unsigned i = 0; i < 3; i++) {
        expect_entry(ephemerons[i], keys[i], keys[(i + 1) % 3], true);
    }
    expect_entry(to_itself, own, own, false);
    fixture_drop_roots();
    for (unsigned i = 0; i < 3; i++) {
        fixture_keep(ephemerons[i]);
    }
    fixture_collect();
    for (unsigned i = 0; i < 3; i++) {
        expect_entry(ephemerons[i], keys[i], keys[(i + 1) % 3], false);
    }
}
END_TEST

enum {
    CHAIN = 20000
};

/* Each value is the next one's key; the worst order for who looks at all of them again and again.
 * What is scanned stays in proportion. */
START_TEST(chains_are_linear)
{
    begin(ways[_i].barrier, ways[_i].held);
    tri_type *leaf = fixture_type(16, TRI_LAYOUT_LEAF);
    fixture_promote(leaf);
    static tri_ref keys[CHAIN + 1];
    static tri_ref ephemerons[CHAIN];
    for (size_t i = 0; i <= CHAIN; i++) {
        keys[i] = tri_alloc(first, leaf);
    }
    for (size_t i = CHAIN; i-- > 0;) {
        ephemerons[i] = ephemeron_new(first, keys[i], keys[i + 1]);
        fixture_keep(ephemerons[i]);
    }
    fixture_keep(keys[0]);
    fixture_collect();
    uint64_t scanned = fixture.heap->cycle.last.scanned_bytes;
    ck_assert_uint_le(scanned, CHAIN * UINT64_C(200));
    for (size_t i = 0; i < CHAIN; i++) {
        expect_entry(ephemerons[i], keys[i], keys[i + 1], true);
    }
    fixture_drop_roots();
    for (size_t i = CHAIN; i-- > 0;) {
        fixture_keep(ephemerons[i]);
    }
    fixture_keep(keys[CHAIN / 2]);
    fixture_collect();
    for (size_t i = 0; i < CHAIN; i++) {
        EXPECT((ephemeron_key(first, ephemerons[i]) != NULL) == (i >= CHAIN / 2));
    }
    destroy();
}
END_TEST

/* Many wait for one key, and for others whose slots share its head. */
START_TEST(many_wait_for_one)
{
    enum {
        KEYS = 512,
        EACH = 40
    };
    tri_type *leaf = fixture_type(16, TRI_LAYOUT_LEAF);
    fixture_promote(leaf);
    static tri_ref keys[KEYS];
    static tri_ref ephemerons[KEYS * EACH];
    for (size_t i = 0; i < KEYS; i++) {
        keys[i] = tri_alloc(first, leaf);
    }
    for (size_t i = 0; i < KEYS * EACH; i++) {
        ephemerons[i] = ephemeron_new(first, keys[i % KEYS], tri_alloc(first, type));
        fixture_keep(ephemerons[i]);
    }
    for (size_t i = 0; i < KEYS; i++) {
        if (i % 3 != 0) {
            fixture_keep(keys[i]);
        }
    }
    fixture_collect();
    for (size_t i = 0; i < KEYS * EACH; i++) {
        bool live = i % KEYS % 3 != 0;
        EXPECT((ephemeron_key(first, ephemerons[i]) != NULL) == live);
        EXPECT(!live || fixture_is_allocated((void *)ephemeron_value(first, ephemerons[i])));
    }
    for (size_t i = 0; i < ARRAY_LENGTH(fixture.heap->weak.keys); i++) {
        EXPECT(fixture.heap->weak.keys[i] == 0); /* [ephemeron.3] */
    }
    EXPECT(fixture.heap->weak.waiting == NULL);
    EXPECT(fixture_span(keys[1])->flags == 0);
}
END_TEST

/* Keys and values come and go while the cycle is in phase. */
START_TEST(ephemerons_in_each_phase)
{
    for (unsigned answered = 0; answered < 2; answered++) {
        create();
        tri_ref key = tri_alloc(first, type);
        tri_ref value = tri_alloc(first, type);
        tri_ref ephemeron = ephemeron_new(first, key, value);
        fixture_keep(ephemeron);
        fixture.late[1] = true;
        if (phases[_i] != CYCLE_IDLE) {
            step_to(phases[_i]);
        }
        if (answered) {
            fixture_answer(1);
        }
        bool ended = phases[_i] >= CYCLE_WEAK;
        ck_assert_uint_eq(ephemeron_value(second, ephemeron), ended ? 0 : (uintptr_t)value);
        stacks[1][0] = (uintptr_t)ephemeron_key(second, ephemeron);
        ck_assert_uint_eq(stacks[1][0], ended ? 0 : (uintptr_t)key);
        tri_ref made = ephemeron_new(second, tri_alloc(second, type), tri_alloc(second, type));
        stacks[1][1] = (uintptr_t)made;
        end_cycle();
        expect_entry(ephemeron, key, value, !ended);
        ck_assert(ephemeron_key(second, made) == NULL ||
                  fixture_is_allocated((void *)ephemeron_value(second, made)));
        stacks[1][0] = 0;
        fixture_collect();
        expect_entry(ephemeron, key, value, false);
        fixture_collect();
        ck_assert_ptr_null(ephemeron_key(second, made));
        destroy();
    }
}
END_TEST

/* Entries whose key finalization gets back are hidden until all of it is there, and come back then;
 * the others do not. */
START_TEST(keys_come_back)
{
    tri_ref key = tri_alloc(first, type);
    tri_ref value = tri_alloc(first, type);
    tri_ref dead = tri_alloc(first, type);
    tri_ref kept = ephemeron_new(first, key, value);
    tri_ref other = ephemeron_new(first, dead, value);
    fixture_keep(kept);
    fixture_keep(other);
    tri_ref inner = ephemeron_new(first, value, tri_alloc(first, type)); /* reached by the key
                                                                            only */
    fixture_link(key, 0, inner);
    fixture_link(key, 1, ephemeron_new(first, dead, dead));
    fixture_step_to(CYCLE_WEAK);
    ck_assert_ptr_null(ephemeron_key(first, kept));
    take_stages(WEAK_RESCUE);
    ck_assert(mark_rescue(fixture.heap, (uintptr_t)key));
    ck_assert_ptr_null(ephemeron_key(first, kept)); /* [weak.7] */
    ck_assert_uint_eq(ephemeron_value(first, kept), 0);
    drain_rescued();
    ck_assert_ptr_null(ephemeron_key(first, kept));
    ck_assert(fixture_is_marked(value));
    take_stages(WEAK_OVER);
    ck_assert_ptr_eq(ephemeron_key(first, kept), key);
    end_cycle();
    expect_entry(kept, key, value, true);
    ck_assert_ptr_null(ephemeron_key(first, other));
    ck_assert_ptr_eq(ephemeron_key(first, inner), value);
    ck_assert(fixture_is_allocated((void *)ephemeron_value(first, inner)));
    ck_assert_ptr_null(ephemeron_key(first, (tri_ref)*fixture_slot(key, 1)));
    fixture_collect();
    expect_entry(kept, key, value, false);
}
END_TEST

/* Without memory to wait the cycle frees nothing; without memory for the grey key it is found again
 * by the rescan. */
START_TEST(no_memory_to_wait)
{
    tri_ref keys[400];
    tri_ref ephemerons[400];
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
        keys[i] = tri_alloc(first, type);
        ephemerons[i] = ephemeron_new(first, keys[i], tri_alloc(first, type));
        fixture_keep(ephemerons[i]);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i += 2) {
        fixture_keep(keys[i]);
    }
    step_to(CYCLE_ROOTS);
    fixture_answer_all();
    fixture_starve((size_t)_i);
    step_to(CYCLE_FLUSH);
    fixture_feed();
    bool is_void = load_relaxed(&fixture.heap->mark.is_void) != 0;
    ck_assert(is_void || _i >= 6); /* three for the tree, two for entries, one for grey objects */
    end_cycle();
    for (size_t i = 0; i < ARRAY_LENGTH(keys); i++) {
        bool there = i % 2 == 0 || is_void;
        ck_assert_ptr_eq(ephemeron_key(first, ephemerons[i]), there ? keys[i] : NULL);
        ck_assert(!there || fixture_is_allocated((void *)ephemeron_value(first, ephemerons[i])));
    }
}
END_TEST

/* Several markers, and mutators that mark, at a time. */
START_TEST(on_several_threads)
{
    enum {
        COUNT = 3000
    };
    tri_heap_options options;
    fake_port_reset();
    fixture_options(&options);
    options.gc_percent = TRI_GC_PERCENT_OFF;
    options.markers = 4;
    fixture_begin(&options, 1);
    fake_port_hooks()->run_parallel = fixture_run_parallel;
    first = fixture.mutators[0];
    type = fixture_type(64, TRI_LAYOUT_ALL_WORDS);
    fixture_promote(type);
    static tri_ref keys[COUNT + 1];
    static tri_ref ephemerons[COUNT];
    for (unsigned round = 0; round < 20; round++) {
        for (size_t i = 0; i <= COUNT; i++) {
            keys[i] = tri_alloc(first, type);
        }
        for (size_t i = 0; i < COUNT; i++) {
            size_t at = (i * 1000003 + round) % COUNT; /* in some order */
            ephemerons[at] = ephemeron_new(first, keys[at], keys[at + 1]);
            fixture_keep(ephemerons[at]);
        }
        fixture_keep(keys[COUNT / 3]);
        fixture.heap->cycle.last.number = 1;
        fixture.heap->cycle.last.marked_bytes = 64 * MIB; /* worth four markers */
        fixture_collect();
        for (size_t i = 0; i < COUNT; i++) {
            EXPECT((ephemeron_key(first, ephemerons[i]) != NULL) == (i >= COUNT / 3));
            EXPECT(i < COUNT / 3 || fixture_is_allocated(keys[i + 1]));
        }
        fixture_drop_roots();
    }
    fixture_end();
    fake_port_finish();
}
END_TEST

/* ---- The suite ------------------------------------------------------------------------------- */

int main(void)
{
    Suite *suite = suite_create("weak");
    TCase *own = tcase_create("each makes its heaps");
    tcase_add_loop_test(own, clears_the_dead, 0, (int)ARRAY_LENGTH(ways));
    tcase_add_loop_test(own, reads_in_each_phase, 0, (int)ARRAY_LENGTH(phases));
    tcase_add_loop_test(own, made_in_each_phase, 0, (int)ARRAY_LENGTH(phases));
    tcase_add_loop_test(own, values_live_with_their_keys, 0, (int)ARRAY_LENGTH(ways));
    tcase_add_loop_test(own, keys_in_the_referrers_span, 0, (int)ARRAY_LENGTH(ways));
    tcase_add_loop_test(own, chains_are_linear, 0, (int)ARRAY_LENGTH(ways));
    tcase_add_loop_test(own, ephemerons_in_each_phase, 0, (int)ARRAY_LENGTH(phases));
    tcase_add_test(own, on_several_threads);
    suite_add_tcase(suite, own);
    TCase *one = tcase_create("hybrid");
    tcase_add_checked_fixture(one, create, destroy);
    tcase_add_test(one, clears_nothing_where_nothing_is_freed);
    tcase_add_test(one, cannot_be_noted);
    tcase_add_test(one, clears_in_steps);
    tcase_add_test(one, disturbs_the_end);
    tcase_add_test(one, disturbs_between_the_rounds);
    tcase_add_test(one, marked_targets_do_not_disturb);
    tcase_add_test(one, ended_means_marked_or_dead);
    tcase_add_test(one, attaches_after_the_end);
    tcase_add_test(one, detaches_after_a_read);
    tcase_add_loop_test(one, guesses_before_the_end, 0, (int)ARRAY_LENGTH(guesses));
    tcase_add_loop_test(one, guesses_after_the_end, 0, (int)ARRAY_LENGTH(guesses));
    tcase_add_test(one, rescues);
    tcase_add_test(one, cycles_of_ephemerons);
    tcase_add_test(one, many_wait_for_one);
    tcase_add_test(one, keys_come_back);
    tcase_add_loop_test(one, no_memory_to_wait, 0, 12);
    suite_add_tcase(suite, one);
    return unit_run(suite);
}
