/* answer_test.c -- a mutator's part in a cycle: what each answer does, and what becomes of a
 * mutator that comes, goes or parks at any moment of it.
 */
#include "gc/answer.h"

#include "gc/assist.h"
#include "gc/barrier.h"
#include "gc/cycle.h"
#include "gc/mark.h"
#include "gc/sweep.h"
#include "gc/verify.h"
#include "tests/unit/pair.h"

static const struct cycle_figures *last;

static void begin(tri_barrier barrier, bool verify)
{
    tri_heap_options options = pair_options();
    options.barrier = barrier;
    options.verify = verify;
    options.clobber_free = true;
    pair_begin(&options);
    last = &fixture.heap->cycle.last;
}

static void create(void)
{
    begin(TRI_BARRIER_HYBRID, false);
}

/* The cycle under way ends, and all is swept. */
static void end_cycle(void)
{
    if (cycle_phase(fixture.heap) != CYCLE_IDLE) {
        fixture_step_to(CYCLE_IDLE);
    }
    sweep_finish(fixture.heap);
}

static bool grey_was_reported(void)
{
    return load_relaxed(&fixture.heap->cycle.round_grey) != 0;
}

/* ---- What each answer does ------------------------------------------------------------------- */

/* The barrier is on; what is allocated is still white. */
START_TEST(arm)
{
    char *object = tri_alloc(first, type);
    uint64_t live = counters_live(&fixture.heap->counters);
    first->assist_debt = 5000;
    first->made_grey = true;
    fixture_step_to(CYCLE_ARM);
    fixture_answer(0);
    ck_assert_uint_eq(barrier_mode_of(first), BARRIER_GREY);
    ck_assert(!first->cache.black && !first->cache.one_by_one); /* [answer.2] */
    ck_assert_int_eq(first->assist_debt, 0);
    ck_assert(!first->made_grey);
    ck_assert_uint_eq(counters_live(&fixture.heap->counters), live); /* it keeps its run */
    char *next = tri_alloc(first, type);
    ck_assert_ptr_eq(next, object + 64);
    ck_assert(!fixture_is_marked(object) && !fixture_is_marked(next));
    ck_assert(!barrier_is_on(second)); /* each by itself */
}
END_TEST

/* The cache goes back, what is allocated is black; what is remembered is looked at, and nothing
 * shaded. */
START_TEST(settle)
{
    fixture.heap->counters.charge_bytes = PAGE_BYTES; /* a span's slots are charged at once */
    char *root = tri_alloc(first, type);
    char *old = tri_alloc(first, type);
    char *white = tri_alloc(second, type);
    uintptr_t stack[1] = {(uintptr_t)root};
    fixture.stacks[0] = (struct fixture_stack){stack, 1};
    fixture_step_to(CYCLE_SETTLE);
    barrier_store(first, (uintptr_t)old, 0);
    ck_assert(!first->cache.black);
    uint64_t live = counters_live(&fixture.heap->counters);
    fixture_answer(0);
    ck_assert_uint_eq(counters_live(&fixture.heap->counters), live - PAGE_BYTES + 2 * (size_t)64);
    ck_assert_uint_eq(first->cache.first_held, 0);
    ck_assert_uint_eq(fixture_span(root)->search, 2);
    ck_assert(first->cache.black);
    ck_assert_uint_eq(first->cache.black_generation, sweep_generation(fixture.heap));
    ck_assert_uint_eq(barrier_mode_of(first), BARRIER_GREY);        /* [answer.1] */
    ck_assert(!fixture_is_marked(root) && !fixture_is_marked(old)); /* [barrier.6] */
    ck_assert(!mark_stack_is_empty(&first->recorded));
    ck_assert(!second->cache.black);
    char *black = tri_alloc(first, type);
    ck_assert_ptr_eq(fixture_span(black), fixture_span(root));
    ck_assert(fixture_is_marked(black)); /* [answer.2] */
    fixture_link(black, 0,
                 white); /* in a second answer, which never comes so, it would be recorded */
    barrier_remember(first, black);
    barrier_scan_remembered(first);
    ck_assert(!fixture_is_marked(white));
    fixture_step_to(CYCLE_MARK);
    ck_assert(fixture_is_marked(white) && fixture_is_marked(root) && fixture_is_marked(old));
}
END_TEST

/* [answer.1]: the mutator's own roots, and nobody else's. */
START_TEST(roots)
{
    char *mine = tri_alloc(first, type);
    char *others = tri_alloc(first, type);
    char *global = tri_alloc(first, type);
    char *recorded = tri_alloc(first, type);
    uintptr_t stacks[2][1] = {{(uintptr_t)mine}, {(uintptr_t)others}};
    fixture.stacks[0] = (struct fixture_stack){stacks[0], 1};
    fixture.stacks[1] = (struct fixture_stack){stacks[1], 1};
    fixture_keep(global);
    fixture_step_to(CYCLE_ROOTS);
    barrier_store(first, (uintptr_t)recorded, 0);
    ck_assert(!grey_was_reported());
    fixture_answer(0);
    ck_assert(fixture_is_marked(mine) && fixture_is_marked(recorded));
    ck_assert(!fixture_is_marked(others) && !fixture_is_marked(global));
    ck_assert_uint_eq(barrier_mode_of(first), BARRIER_BLACK);
    ck_assert_uint_eq(barrier_mode_of(second), BARRIER_GREY);
    ck_assert(grey_was_reported() && !first->made_grey);
    ck_assert(mark_has_work(fixture.heap)); /* given up, for all to take */
    ck_assert_uint_eq(fixture.heap->mark.stack_bytes, WORD_BYTES);
    fixture_step_to(CYCLE_MARK);
    ck_assert(fixture_is_marked(others) && fixture_is_marked(global));
    end_cycle();
    ck_assert_uint_eq(last->marked_objects, 4);
    ck_assert_uint_eq(last->stack_bytes, 2 * WORD_BYTES);
    ck_assert_uint_eq(last->global_bytes, WORD_BYTES);
}
END_TEST

/* [answer.3]: the answer tells of what it made grey, and of what was made since the last one;
 * once. */
START_TEST(flush)
{
    char *object = tri_alloc(first, type);
    fixture_step_to(CYCLE_FLUSH);
    fixture_answer(0);
    ck_assert(!grey_was_reported());
    barrier_store(first, (uintptr_t)object, 0); /* after its answer: it counts for the next */
    fixture_answer_all();
    fixture_step_to(CYCLE_FLUSH);
    ck_assert_uint_eq(fixture.heap->cycle.quiet_rounds, 1);
    ck_assert(!fixture_is_marked(object));
    fixture_answer(0);
    ck_assert(fixture_is_marked(object));
    ck_assert(grey_was_reported() && !first->made_grey);
    fixture_step_to(CYCLE_MARK);
    ck_assert_uint_eq(fixture.heap->cycle.quiet_rounds, 0);
    first->made_grey = true; /* by an assist, say, of which nothing is left */
    fixture_step_to(CYCLE_FLUSH);
    fixture_answer_all();
    ck_assert(grey_was_reported());
    fixture_step_to(CYCLE_DISARM);
    ck_assert_uint_eq(fixture.heap->cycle.now.rounds, 5);
}
END_TEST

START_TEST(disarm)
{
    char *object = tri_alloc(first, type);
    fixture_step_to(CYCLE_DISARM);
    barrier_store(first, (uintptr_t)object, 0);
    first->assist_debt = 100;
    fixture_answer(0);
    ck_assert_uint_eq(barrier_mode_of(first), BARRIER_OFF);
    ck_assert(mark_stack_is_empty(&first->recorded));
    ck_assert_int_eq(first->assist_debt, 0);
    ck_assert(first->cache.black); /* [answer.2] */
    ck_assert(fixture_is_marked(tri_alloc(first, type)));
}
END_TEST

START_TEST(release)
{
    fixture_step_to(CYCLE_DISARM);
    char *object = tri_alloc(first, type);
    fixture_step_to(CYCLE_RELEASE);
    ck_assert_uint_ne(first->cache.first_held, 0);
    fixture_answer(0);
    ck_assert_uint_eq(first->cache.first_held, 0);
    ck_assert(!first->cache.black);
    ck_assert(fixture_is_marked(object));
    ck_assert_uint_eq(span_count_allocated(fixture_span(object)), 1); /* the rest is free again */
    ck_assert_uint_eq(span_count_marked(fixture_span(object)), 1);
}
END_TEST

/* In insertion mode the stack stays grey: it is scanned in each round, and objects are allocated
 * one by one, each scanned at the next answer. */
START_TEST(insertion)
{
    destroy();
    begin(TRI_BARRIER_INSERTION, false);
    char *white = tri_alloc(first, type);
    char *later = tri_alloc(first, type);
    uintptr_t stack[1] = {0};
    fixture.stacks[0] = (struct fixture_stack){stack, 1};
    fixture_step_to(CYCLE_ROOTS);
    ck_assert_uint_eq(barrier_mode_of(first), BARRIER_INSERTION);
    fixture_answer(0);
    ck_assert_uint_eq(barrier_mode_of(first), BARRIER_INSERTION);
    ck_assert(first->cache.one_by_one);
    fixture_step_to(CYCLE_FLUSH);
    char *fresh = tri_alloc(first, type);
    ck_assert(fixture_is_marked(fresh));
    fixture_link(fresh, 2, white); /* nobody reports it */
    stack[0] = (uintptr_t)later;   /* nor this */
    char *other = tri_alloc(first, type);
    ck_assert(other != fresh && !mark_stack_is_empty(&first->remembered));
    fixture_answer(0);
    ck_assert(fixture_is_marked(white) && fixture_is_marked(later));
    ck_assert(grey_was_reported());
    end_cycle();
    ck_assert(fixture_is_allocated(white) && fixture_is_allocated(later));
    ck_assert(!first->cache.one_by_one);
    ck_assert_uint_ge(last->stack_bytes, 3 * WORD_BYTES); /* by each scan */
}
END_TEST

/* The stalls of each kind are counted apart, and the longest of both ends of the cycle are kept. */
START_TEST(stalls)
{
    static const enum stall_cause causes[] = {
        [HANDSHAKE_ARM] = STALL_ARM,       [HANDSHAKE_SETTLE] = STALL_SETTLE,
        [HANDSHAKE_ROOTS] = STALL_ROOTS,   [HANDSHAKE_FLUSH] = STALL_FLUSH,
        [HANDSHAKE_DISARM] = STALL_DISARM, [HANDSHAKE_RELEASE] = STALL_RELEASE,
    };
    struct cycle_state *cycle = &fixture.heap->cycle;
    for (int kind = HANDSHAKE_ARM; kind <= HANDSHAKE_RELEASE; kind++) {
        for (uint64_t i = 3; i > 0; i--) {
            struct stall_times start = stall_begin();
            fake_port_advance_ns(1000 * (uint64_t)kind + i);
            answer_count_stall(fixture.heap, (enum handshake_kind)kind, start);
        }
        ck_assert_uint_eq(stall_count(&fixture.heap->stalls.causes[causes[kind]].wall), 3);
        ck_assert_uint_eq(fixture.heap->stalls.causes[causes[kind]].wall.max_ns,
                          1000 * (uint64_t)kind + 3);
    }
    ck_assert_uint_eq(cycle->begin_stall_ns, 1000 * HANDSHAKE_ROOTS + 3);
    ck_assert_uint_eq(cycle->end_stall_ns, 1000 * HANDSHAKE_RELEASE + 3);
}
END_TEST

/* ---- Attaching at any moment ----------------------------------------------------------------- */

static const struct {
    enum cycle_phase phase;
    enum barrier_mode barrier; /* of one that attaches then */
    bool black;
} moments[] = {
    {CYCLE_IDLE, BARRIER_OFF, false},    {CYCLE_SWEEP, BARRIER_OFF, false},
    {CYCLE_ARM, BARRIER_GREY, false},    {CYCLE_SETTLE, BARRIER_GREY, true},
    {CYCLE_ROOTS, BARRIER_BLACK, true},  {CYCLE_MARK, BARRIER_BLACK, true},
    {CYCLE_FLUSH, BARRIER_BLACK, true},  {CYCLE_DISARM, BARRIER_OFF, true},
    {CYCLE_RELEASE, BARRIER_OFF, false},
};
#define MOMENTS (int)ARRAY_LENGTH(moments)

static void come_to_moment(int moment)
{
    if (moments[moment].phase != CYCLE_IDLE) {
        fixture_step_to(moments[moment].phase);
    }
}

/* [answer.4] */
START_TEST(attach)
{
    come_to_moment(_i);
    struct tri_mutator *third = fixture_attach();
    ck_assert_uint_eq(barrier_mode_of(third), moments[_i].barrier);
    ck_assert(third->cache.black == moments[_i].black);
    uintptr_t stack[2] = {0, 0};
    fixture.stacks[2] = (struct fixture_stack){stack, 2};
    stack[0] = (uintptr_t)tri_alloc(third, type);
    ck_assert(fixture_is_marked((void *)stack[0]) == moments[_i].black);
    if (cycle_phase(fixture.heap) == CYCLE_RELEASE) {
        fixture_answer_all();
    }
    end_cycle();
    ck_assert_uint_eq(barrier_mode_of(third), BARRIER_OFF);
    ck_assert(!third->cache.black);
    ck_assert(fixture_is_allocated((void *)stack[0]));
    stack[1] = (uintptr_t)tri_alloc(third, type);
    fixture_collect();
    ck_assert(fixture_is_allocated((void *)stack[0]) && fixture_is_allocated((void *)stack[1]));
    ck_assert_uint_eq(last->marked_objects, 2);
    fixture_verify();
}
END_TEST

/* [answer.4]: while roots is not asked for, others may have no barrier yet, or a grey stack still.
 * What the new one loads, and they overwrite, is found on its stack. */
START_TEST(attach_and_load)
{
    char *object = tri_alloc(first, type);
    fixture_keep(object);
    fixture.late[1] = true;
    fixture_step_to(CYCLE_ARM);
    (void)cycle_advance(first, 0);
    ck_assert(!barrier_is_on(second));
    (void)fixture_attach();
    uintptr_t stack[1] = {fixture.roots[0]}; /* loaded */
    fixture.stacks[2] = (struct fixture_stack){stack, 1};
    fixture_store(second, &fixture.roots[0], NULL); /* without barrier */
    fixture.late[1] = false;
    end_cycle();
    ck_assert(fixture_is_allocated(object));
}
END_TEST

/* ---- Detaching at any moment ----------------------------------------------------------------- */

/* What a mutator has recorded, remembered and assisted is not lost with it; it has allocated what
 * others hold. _i: the moment, and whether the mutator has answered there. */
START_TEST(detach)
{
    int moment = _i / 2;
    fixture_keep(NULL);
    fixture_keep(tri_alloc(first, type));
    char *kept = tri_alloc(first, type);
    char *child = tri_alloc(first, type);
    uintptr_t stack[1] = {0};
    fixture.stacks[0] = (struct fixture_stack){stack, 1};
    fixture_link(kept, 0, child);
    fixture_link((char *)fixture.roots[1], 0, kept);
    fixture.late[1] = true;
    for (unsigned steps = 0; cycle_phase(fixture.heap) != moments[moment].phase; steps++) {
        ck_assert_uint_lt(steps, 100);
        if (steps == 0) {
            store_relaxed(&fixture.heap->counters.trigger_bytes, UINT64_C(0));
        }
        if (cycle_phase(fixture.heap) == CYCLE_MARK) {
            fixture_drain();
        }
        (void)cycle_advance(first, 0);
        if (cycle_phase(fixture.heap) != moments[moment].phase) {
            fixture_answer(1);
        }
    }
    if (_i % 2 == 1) {
        fixture_answer(1);
    }
    /* It moves the reference from one place of the heap to the other's stack, by way of its own;
     * and it parks an object of its own in a global slot. */
    stack[0] = (uintptr_t)kept;
    fixture_store(second, fixture_slot((char *)fixture.roots[1], 0), NULL);
    fixture_store(second, &fixture.roots[0], tri_alloc(second, type));
    uintptr_t fresh = fixture.roots[0];
    fixture_detach();
    ck_assert_uint_eq(fixture.mutator_count, 1);
    end_cycle();
    ck_assert(fixture_is_allocated(kept) && fixture_is_allocated(child));
    ck_assert(fixture_is_allocated((void *)fresh));
    ck_assert_uint_eq(*fixture_slot(kept, 0), (uintptr_t)child);
    fixture_collect();
    fixture_collect();
    ck_assert_uint_eq(last->marked_objects, 4);
    ck_assert_uint_eq(last->marked_bytes, UINT64_C(4) * 64);
    fixture_verify();
}
END_TEST

/* ---- Black by generation --------------------------------------------------------------------- */

/* Between the end of marking and its answer to release a mutator allocates black from spans that
 * are still to be swept with this cycle's marks, and white from those that have been swept: their
 * marks are the next cycle's. */
START_TEST(black_by_generation)
{
    fixture_step_to(CYCLE_FLUSH);
    char *old = tri_alloc(first, type); /* its span stays in the cache */
    fixture_step_to(CYCLE_RELEASE);
    ck_assert(first->cache.black);
    uint32_t generation = sweep_generation(fixture.heap);
    struct span *span = fixture_span(old);
    ck_assert_uint_eq(span->sweep_gen, generation - 1);
    char *black = tri_alloc(first, type);
    ck_assert_ptr_eq(fixture_span(black), span);
    ck_assert(fixture_is_marked(black));
    tri_type *other = fixture_type(128, TRI_LAYOUT_ALL_WORDS);
    fixture_promote(other);
    char *white = tri_alloc(first, other); /* a fresh span */
    ck_assert_uint_eq(fixture_span(white)->sweep_gen, generation);
    ck_assert(!fixture_is_marked(white));
    tri_type *large = fixture_type(100000, TRI_LAYOUT_ALL_WORDS);
    char *white_large = tri_alloc(first, large);
    ck_assert_uint_eq(fixture_span(white_large)->sweep_gen, generation);
    ck_assert(!fixture_is_marked(white_large));
    end_cycle();
    ck_assert(fixture_is_allocated(old) && fixture_is_allocated(black)); /* floating */
    ck_assert(fixture_is_allocated(white) && fixture_is_allocated(white_large));
    ck_assert(!fixture_is_marked(white) && !fixture_is_marked(old));
    fixture_collect();
    ck_assert(!fixture_is_allocated(old) && !fixture_is_allocated(black));
    ck_assert(!fixture_is_allocated(white) && !fixture_is_allocated(white_large));
    ck_assert_uint_eq(counters_live(&fixture.heap->counters), 0);
    fixture_verify();
}
END_TEST

/* A span that another has swept for the next generation already. */
START_TEST(swept_for_the_next_generation)
{
    char *kept = tri_alloc(first, type);
    fixture_keep(kept);
    fixture_collect();
    fixture_step_to(CYCLE_RELEASE);
    fixture.late[1] = true;
    ck_assert(second->cache.black);
    ck_assert(fixture_is_marked(kept));
    (void)cycle_advance(first, 0); /* the first one has answered */
    (void)sweep_up_to(fixture.heap, SIZE_MAX);
    struct span *span = fixture_span(kept);
    ck_assert_uint_eq(span->sweep_gen, sweep_generation(fixture.heap));
    char *object = tri_alloc(second, type);
    ck_assert_ptr_eq(fixture_span(object), span);
    ck_assert_uint_eq(span_count_marked(span), 0); /* a mark would be the next cycle's */
    fixture.late[1] = false;
    end_cycle();
    fixture_verify();
    fixture_collect();
    ck_assert(!fixture_is_allocated(object) && fixture_is_allocated(kept));
}
END_TEST

/* ---- Parking while marking ------------------------------------------------------------------- */

/* [thread_cache.3]: the rest of a black run stays taken while markers are at work, for a candidate
 * may have led one there; the next cycle frees it. */
START_TEST(parked)
{
    fixture_step_to((enum cycle_phase)_i);
    fixture_answer_all();
    uint64_t live = counters_live(&fixture.heap->counters);
    char *object = tri_alloc(first, type);
    struct span *span = fixture_span(object);
    answer_flush_cache(first);
    ck_assert_uint_eq(first->cache.first_held, 0);
    ck_assert_uint_eq(span_count_allocated(span), span->slots);
    ck_assert_uint_eq(span_count_marked(span), span->slots);
    ck_assert_uint_eq(counters_live(&fixture.heap->counters), live + PAGE_BYTES);
    ck_assert_uint_eq(fixture.heap->counters.allocated_objects, span->slots);
    char *other = tri_alloc(first, type); /* not from there */
    ck_assert(fixture_span(other) != span);
    end_cycle();
    ck_assert_uint_eq(span_count_allocated(span), span->slots);
    ck_assert_uint_eq(span_count_marked(span), 0);
    ck_assert_uint_eq(last->marked_objects, 0);
    fixture_verify();
    fixture_collect();
    ck_assert(!fixture_is_allocated(object));
    ck_assert_uint_eq(counters_live(&fixture.heap->counters), 0);
    ck_assert_uint_eq(fixture.heap->counters.allocated_objects,
                      fixture.heap->counters.freed_objects);
    fixture_verify();
}
END_TEST

/* A candidate that leads to the rest of a parked run finds it black, and scans nothing. */
START_TEST(candidate_in_a_parked_run)
{
    tri_type *mixed =
        fixture_type(40, TRI_LAYOUT_ALL_WORDS); /* not promoted: no header, no object */
    fixture_step_to(CYCLE_FLUSH);
    char *object = tri_alloc(first, mixed);
    answer_flush_cache(first);
    barrier_store(second, (uintptr_t)object + 48, 0);
    barrier_store(second, (uintptr_t)object + 96, 0);
    fixture_answer_all();
    ck_assert(!grey_was_reported());
    ck_assert(!mark_has_work(fixture.heap));
    end_cycle();
    fixture_verify();
}
END_TEST

/* At other times the rest is free at once. */
START_TEST(parked_at_rest)
{
    char *object = tri_alloc(first, type);
    struct span *span = fixture_span(object);
    answer_flush_cache(first);
    ck_assert_uint_eq(span_count_allocated(span), 1);
    ck_assert_uint_eq(counters_live(&fixture.heap->counters), 64);
    ck_assert_uint_eq(fixture.heap->counters.allocated_objects, 1);
}
END_TEST

/* Who rests keeps nothing that could be fetched again, at any time; what it has to answer for stays
 * with it. */
START_TEST(rest)
{
    char *white = tri_alloc(second, type);
    if (_i != CYCLE_IDLE) {
        fixture_step_to((enum cycle_phase)_i);
    }
    (void)tri_alloc(first, type);
    ck_assert(answer_keeps(first));
    ck_assert(mark_queue_push(&first->marker.queue, fixture_span(white))); /* as an assist does */
    (void)mark_queue_pop(&first->marker.queue);
    ck_assert(mark_stack_push(&first->marker.weak, (uintptr_t)white));
    mark_stack_clear(&first->marker.weak);
    bool records = barrier_is_on(first);
    if (records) {
        barrier_store(first, (uintptr_t)white, 0);
    }
    answer_rest(first);
    ck_assert(!answer_keeps(first));
    ck_assert_ptr_null(first->marker.stack.current);
    ck_assert_ptr_null(first->marker.weak.current);
    ck_assert_ptr_null(first->marker.queue.filling);
    ck_assert_ptr_null(first->marker.queue.draining);
    ck_assert_ptr_null(first->remembered.current);
    ck_assert(records == !mark_stack_is_empty(&first->recorded));
    ck_assert(records || first->recorded.current == NULL);
    end_cycle();
    if (_i != CYCLE_IDLE && _i != CYCLE_RELEASE) { /* its slot may be another object's there */
        ck_assert(fixture_is_allocated(white) == (records && _i <= CYCLE_FLUSH));
    }
    answer_rest(first);
    ck_assert_ptr_null(first->recorded.current);
    fixture_verify();
}
END_TEST

/* gcverify's holds flush the caches of running mutators in the middle of a cycle: the same. */
START_TEST(verified_while_marking)
{
    destroy();
    begin(TRI_BARRIER_HYBRID, true);
    fixture_step_to(CYCLE_FLUSH);
    char *object = tri_alloc(first, type);
    fixture_keep(object);
    end_cycle();
    ck_assert(fixture_is_allocated(object));
    fixture_collect();
    ck_assert(fixture_is_allocated(object));
    ck_assert_uint_eq(counters_live(&fixture.heap->counters), 64);
    fixture_verify();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("answer");
    TCase *cases = tcase_create("answer");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_test(cases, arm);
    tcase_add_test(cases, settle);
    tcase_add_test(cases, roots);
    tcase_add_test(cases, flush);
    tcase_add_test(cases, disarm);
    tcase_add_test(cases, release);
    tcase_add_test(cases, insertion);
    tcase_add_test(cases, stalls);
    tcase_add_loop_test(cases, attach, 0, MOMENTS);
    tcase_add_test(cases, attach_and_load);
    tcase_add_loop_test(cases, detach, 0, 2 * MOMENTS);
    tcase_add_test(cases, black_by_generation);
    tcase_add_test(cases, swept_for_the_next_generation);
    tcase_add_loop_test(cases, parked, CYCLE_SETTLE, CYCLE_DISARM + 1);
    tcase_add_test(cases, candidate_in_a_parked_run);
    tcase_add_test(cases, parked_at_rest);
    tcase_add_loop_test(cases, rest, CYCLE_IDLE, CYCLE_RELEASE + 1);
    tcase_add_test(cases, verified_while_marking);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
