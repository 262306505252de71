/* barrier_test.c -- what stores record in each mode, what becomes of it, and that a cycle which has
 * lost some of it frees nothing.
 */
#include "gc/barrier.h"

#include <string.h>
#include <trillium/store.h>

#include "gc/answer.h"
#include "gc/cycle.h"
#include "gc/mark.h"
#include "gc/sweep.h"
#include "tests/unit/pair.h"

static void begin(tri_barrier barrier)
{
    tri_heap_options options = pair_options();
    options.barrier = barrier;
    pair_begin(&options);
}

static void create(void)
{
    begin(TRI_BARRIER_HYBRID);
}

static void create_insertion(void)
{
    begin(TRI_BARRIER_INSERTION);
}

static size_t recorded_count(const struct tri_mutator *mutator)
{
    ck_assert(!mark_stack_has_shared(&mutator->recorded));
    return mutator->recorded.current == NULL ? 0 : mutator->recorded.current->count;
}

static uintptr_t recorded_at(const struct tri_mutator *mutator, size_t index)
{
    return mutator->recorded.current->entries[index];
}

/* The mutator has recorded exactly these addresses since it was asked last. */
static void expect_recorded(struct tri_mutator *mutator, size_t count, const void *const *addresses)
{
    ck_assert_uint_eq(recorded_count(mutator), count);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(recorded_at(mutator, i), (uintptr_t)addresses[i]);
    }
    mark_stack_clear(&mutator->recorded);
}

static void expect_nothing(struct tri_mutator *mutator)
{
    expect_recorded(mutator, 0, NULL);
}

/* ---- What is recorded ------------------------------------------------------------------------ */

START_TEST(while_off)
{
    char *object = fixture_new(type);
    ck_assert(!barrier_is_on(first));
    fixture_store(first, fixture_slot(object, 0), object);
    fixture_init(first, fixture_slot(object, 1), object);
    expect_nothing(first);
}
END_TEST

/* The answer changes at the mutator's own answers to arm and disarm, and at no other time. */
START_TEST(is_on)
{
    static const enum cycle_phase phases[] = {CYCLE_ARM,   CYCLE_SETTLE, CYCLE_ROOTS,
                                              CYCLE_FLUSH, CYCLE_DISARM, CYCLE_RELEASE};
    ck_assert(!tri_barrier_is_on(first));
    for (size_t i = 0; i < ARRAY_LENGTH(phases); i++) {
        bool before = phases[i] > CYCLE_ARM && phases[i] <= CYCLE_DISARM;
        bool after = phases[i] >= CYCLE_ARM && phases[i] < CYCLE_DISARM;
        fixture_step_to(phases[i]);
        ck_assert_int_eq(tri_barrier_is_on(first), before);
        fixture_answer(1);
        ck_assert_int_eq(tri_barrier_is_on(first), before);
        fixture_answer(0);
        ck_assert_int_eq(tri_barrier_is_on(first), after);
    }
}
END_TEST

/* [barrier.2], [barrier.3] */
START_TEST(grey_stack)
{
    char *holder = fixture_new(type);
    char *old = fixture_new(type);
    char *new = fixture_new(type);
    fixture_step_to((enum cycle_phase)_i);
    fixture_answer_all();
    ck_assert_uint_eq(barrier_mode_of(first), BARRIER_GREY);
    fixture_link(holder, 0, old);
    fixture_store(first, fixture_slot(holder, 0), new);
    expect_recorded(first, 2, (const void *[]){old, new});
    fixture_store(first, fixture_slot(holder, 0), NULL);
    expect_recorded(first, 1, (const void *[]){new});
    fixture_store(first, fixture_slot(holder, 0), old + 17); /* interior */
    expect_recorded(first, 1, (const void *[]){old + 17});
    fixture_init(first, fixture_slot(holder, 1), new);
    expect_recorded(first, 1, (const void *[]){new});
    fixture_init(first, fixture_slot(holder, 2), NULL);
    expect_nothing(first);
    ck_assert(!fixture_is_marked(old) && !fixture_is_marked(new)); /* nobody has looked at it yet */
}
END_TEST

START_TEST(black_stack)
{
    char *holder = fixture_new(type);
    char *old = fixture_new(type);
    char *new = fixture_new(type);
    fixture_step_to(CYCLE_FLUSH);
    ck_assert_uint_eq(barrier_mode_of(first), BARRIER_BLACK);
    fixture_link(holder, 0, old);
    fixture_store(first, fixture_slot(holder, 0), new);
    expect_recorded(first, 1, (const void *[]){old});
    fixture_store(first, fixture_slot(holder, 1), new);
    expect_nothing(first);
    fixture_init(first, fixture_slot(holder, 2), new);
    expect_nothing(first);
}
END_TEST

START_TEST(insertion)
{
    char *holder = fixture_new(type);
    char *old = fixture_new(type);
    char *new = fixture_new(type);
    fixture_step_to((enum cycle_phase)_i);
    fixture_answer_all();
    ck_assert_uint_eq(barrier_mode_of(first), BARRIER_INSERTION);
    fixture_link(holder, 0, old);
    fixture_store(first, fixture_slot(holder, 0), new);
    expect_recorded(first, 1, (const void *[]){new});
    fixture_store(first, fixture_slot(holder, 0), NULL);
    expect_nothing(first);
    fixture_init(first, fixture_slot(holder, 2), old);
    expect_recorded(first, 1, (const void *[]){old});
}
END_TEST

/* What does not look like a reference is not recorded. */
START_TEST(other_words)
{
    const struct address_space *space = &fixture.heap->page_heap.space;
    char *holder = fixture_new(type);
    uintptr_t words[] = {0,
                         1,
                         12345,
                         UINTPTR_MAX,
                         space->base - 1,
                         space->base + space->bytes,
                         (uintptr_t)&space,
                         (uintptr_t)first};
    fixture_step_to(CYCLE_SETTLE);
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
        fixture_store(first, fixture_slot(holder, 0), (void *)words[i]);
        fixture_init(first, fixture_slot(holder, 1), (void *)words[i]);
    }
    fixture_store(first, fixture_slot(holder, 0), NULL);
    expect_nothing(first);
}
END_TEST

/* A word is tried by each encoding that any type of the heap has. */
START_TEST(encodings)
{
    static const tri_encoding tag = TRI_ENCODING_LOW_TAG(7, 3);
    static const tri_encoding box =
        TRI_ENCODING_NAN_BOX(UINT64_C(0xffff000000000000), UINT64_C(0xfffc000000000000));
    static const tri_field fields[] = {{0, TRI_FIELD_VALUE}};
    tri_type_desc desc = TRI_TYPE_DESC("encoded", char);
    desc.size = 64;
    desc.layout = (tri_layout)TRI_LAYOUT_OF(fields);
    desc.layout.encoding = &tag;
    (void)fixture_define(&desc);
    (void)fixture_define(&desc); /* an encoding counts once */
    char *holder = fixture_new(type);
    char *object = fixture_new(type);
    fixture_step_to(CYCLE_SETTLE);
    uintptr_t boxed = (uintptr_t)object | UINT64_C(0xfffc000000000000);
    fixture_init(first, fixture_slot(holder, 0), (void *)boxed);
    expect_nothing(first); /* no type has it yet */
    desc.layout.encoding = &box;
    (void)fixture_define(&desc); /* now one has */
    fixture_init(first, fixture_slot(holder, 0), (void *)boxed);
    expect_recorded(first, 1, (const void *[]){object});
    /* as it stands it may be an interior pointer; tagged it is the object */
    fixture_init(first, fixture_slot(holder, 0), object + 3);
    expect_recorded(first, 2, (const void *[]){object + 3, object});
    fixture_init(first, fixture_slot(holder, 0), object + 4);
    expect_recorded(first, 1, (const void *[]){object + 4});
    fixture_init(first, fixture_slot(holder, 0),
                 (void *)(boxed | 3)); /* low bits are not its tag */
    expect_recorded(first, 1, (const void *[]){object + 3});
}
END_TEST

/* ---- Ranges ---------------------------------------------------------------------------------- */

enum {
    WORDS = 40
};

/* Copies of every overlap, against memmove; with the barrier on, each old value of the target is
 * recorded, in the order of the stores, and while the stack is grey each new one. */
START_TEST(copies)
{
    static const enum cycle_phase phases[] = {CYCLE_IDLE, CYCLE_SETTLE, CYCLE_FLUSH};
    tri_type *array = fixture_type(WORDS * WORD_BYTES, TRI_LAYOUT_ALL_WORDS);
    uintptr_t *words = (uintptr_t *)fixture_new(array);
    char *targets = fixture_new_array(type, 100);
    if (phases[_i] != CYCLE_IDLE) {
        fixture_step_to(phases[_i]);
    }
    size_t old_and_new = phases[_i] == CYCLE_IDLE ? 0 : phases[_i] == CYCLE_SETTLE ? 2 : 1;
    for (size_t from = 0; from < 12; from++) {
        for (size_t to = 0; to < 12; to++) {
            size_t count = (from * to) % (WORDS - 12);
            uintptr_t want[WORDS];
            for (size_t i = 0; i < WORDS; i++) {
                words[i] = want[i] = (uintptr_t)targets + 8 * i;
            }
            memmove(want + to, want + from, count * WORD_BYTES);
            barrier_copy_words(first, words + to, words + from, count);
            ck_assert_int_eq(memcmp(words, want, sizeof want), 0);
            EXPECT(recorded_count(first) == old_and_new * count);
            for (size_t i = 0; old_and_new > 0 && i < count; i++) {
                size_t at = to <= from ? i : count - 1 - i;
                size_t entry = i * old_and_new;
                EXPECT(recorded_at(first, entry) == (uintptr_t)targets + 8 * (to + at));
                EXPECT(old_and_new == 1 ||
                       recorded_at(first, entry + 1) == (uintptr_t)targets + 8 * (from + at));
            }
            mark_stack_clear(&first->recorded);
        }
    }
}
END_TEST

START_TEST(fills)
{
    tri_type *array = fixture_type(WORDS * WORD_BYTES, TRI_LAYOUT_ALL_WORDS);
    uintptr_t *words = (uintptr_t *)fixture_new(array);
    char *old = fixture_new(type);
    char *new = fixture_new(type);
    barrier_fill_words(first, words, (uintptr_t)old, WORDS);
    expect_nothing(first);
    fixture_step_to(CYCLE_SETTLE);
    barrier_fill_words(first, words + 1, (uintptr_t) new, 3);
    expect_recorded(first, 6, (const void *[]){old, new, old, new, old, new});
    fixture_step_to(CYCLE_FLUSH);
    mark_stack_clear(&first->recorded);
    barrier_fill_words(first, words + 3, 0, 2);
    expect_recorded(first, 2, (const void *[]){new, old});
    for (size_t i = 0; i < WORDS; i++) {
        ck_assert_uint_eq(words[i], i == 0 || i > 4 ? (uintptr_t)old : i < 3 ? (uintptr_t) new : 0);
    }
    barrier_fill_words(first, words, 1, 0);
    ck_assert_uint_eq(words[0], (uintptr_t)old);
}
END_TEST

/* ---- Full segments --------------------------------------------------------------------------- */

enum {
    SEGMENT = MARK_SEGMENT_ENTRIES,
    MANY = 5 * SEGMENT / 2
};

/* Each of these is recorded by mutator's barrier as an old value. */
static void record_many(struct tri_mutator *mutator, char **objects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        barrier_store(mutator, (uintptr_t)objects[i], 0);
    }
}

/* So many objects that nothing refers to. */
static void make_many(char **objects)
{
    for (size_t i = 0; i < MANY; i++) {
        objects[i] = fixture_new(type);
    }
}

static size_t count_marked(char **objects)
{
    size_t marked = 0;
    for (size_t i = 0; i < MANY; i++) {
        marked += fixture_is_marked(objects[i]);
    }
    return marked;
}

static uint64_t barrier_stalls(void)
{
    return stall_count(&fixture.heap->stalls.causes[STALL_BARRIER].wall);
}

/* To the begin of phase, and all but the late mutator number late have answered. */
static void wait_for_late(enum cycle_phase phase, unsigned late)
{
    fixture_step_to(phase);
    fixture.late[late] = true;
    (void)cycle_advance(first, 0);
    ck_assert_int_eq(cycle_phase(fixture.heap), phase);
    ck_assert(!fixture_all_answered());
}

/* [barrier.6]: before all mutators have settled nothing is shaded, however much is recorded;
 * nothing of it is lost either. */
START_TEST(full_before_all_have_settled)
{
    static char *objects[MANY];
    make_many(objects);
    wait_for_late((enum cycle_phase)_i, 1);
    ck_assert(barrier_is_on(first));
    for (unsigned i = 0; i <= RECORDED_SEGMENTS_MAX; i++) {
        record_many(first, objects, SEGMENT);
    }
    record_many(first, objects, MANY);
    ck_assert_int_eq(fixture.heap->mark.recorded_count, RECORDED_SEGMENTS_MAX + 3);
    ck_assert_uint_eq(recorded_count(first), MANY - 2 * SEGMENT);
    ck_assert_uint_eq(barrier_stalls(), 0);
    ck_assert_uint_eq(count_marked(objects), 0);
    ck_assert(!mark_has_work(fixture.heap));
    fixture.late[1] = false;
    fixture_step_to(CYCLE_ROOTS);
    ck_assert_uint_eq(count_marked(objects), 0);
    fixture_answer(0); /* what it still has it shades itself */
    ck_assert_uint_eq(count_marked(objects), MANY - 2 * SEGMENT);
    fixture_step_to(CYCLE_DISARM);
    ck_assert_uint_eq(count_marked(objects), MANY);
    ck_assert_int_eq(fixture.heap->mark.recorded_count, 0);
    fixture_step_to(CYCLE_IDLE);
    ck_assert_uint_eq(fixture.heap->cycle.last.marked_objects, MANY);
}
END_TEST

/* Afterwards a full segment goes to the markers. Where these are behind with many, the mutator
 * shades it at once, and its next answer tells. */
START_TEST(full_after)
{
    static char *objects[MANY];
    make_many(objects);
    fixture_step_to((enum cycle_phase)_i);
    record_many(first, objects, SEGMENT - 1);
    ck_assert_int_eq(fixture.heap->mark.recorded_count, 0);
    record_many(first, objects, 1);
    ck_assert_int_eq(fixture.heap->mark.recorded_count, 1);
    ck_assert_uint_eq(recorded_count(first), 0);
    for (int32_t i = 2; i <= RECORDED_SEGMENTS_MAX; i++) {
        record_many(first, objects, SEGMENT);
        ck_assert_int_eq(fixture.heap->mark.recorded_count, i);
    }
    ck_assert_uint_eq(count_marked(objects), 0);
    ck_assert_uint_eq(barrier_stalls(), 0);
    ck_assert(!first->made_grey);
    record_many(first, objects + SEGMENT, SEGMENT);
    ck_assert_int_eq(fixture.heap->mark.recorded_count, RECORDED_SEGMENTS_MAX);
    ck_assert_uint_eq(count_marked(objects), SEGMENT);
    ck_assert_uint_eq(recorded_count(first), 0);
    ck_assert_uint_eq(barrier_stalls(), 1);
    ck_assert(first->made_grey);
    ck_assert(mark_has_work(fixture.heap));
    first->made_grey = false;
    record_many(first, objects + SEGMENT, SEGMENT); /* they are marked already: no news */
    ck_assert_uint_eq(barrier_stalls(), 2);
    ck_assert(!first->made_grey);
    fixture_step_to(CYCLE_DISARM);
    ck_assert_uint_eq(count_marked(objects), 2 * SEGMENT);
}
END_TEST

/* What is handed over while the last rounds are under way begins the rounds anew. */
START_TEST(handed_over_late)
{
    static char *objects[MANY];
    make_many(objects);
    fixture_step_to(CYCLE_FLUSH);
    fixture_answer_all();
    fixture_step_to(CYCLE_FLUSH);
    ck_assert_uint_eq(fixture.heap->cycle.quiet_rounds, 1);
    record_many(first, objects, SEGMENT);
    fixture_step_to(CYCLE_DISARM);
    ck_assert_uint_eq(fixture.heap->cycle.now.rounds, 4);
    ck_assert_uint_eq(count_marked(objects), SEGMENT);
}
END_TEST

/* Who detaches leaves what it has recorded to the markers. */
START_TEST(left_behind)
{
    static const enum cycle_phase phases[] = {CYCLE_ARM, CYCLE_SETTLE, CYCLE_ROOTS, CYCLE_FLUSH};
    static char *objects[MANY];
    make_many(objects);
    wait_for_late(phases[_i], 0);
    ck_assert(barrier_is_on(second));
    record_many(second, objects, MANY);
    fixture_detach();
    ck_assert_int_eq(fixture.heap->mark.recorded_count, 3);
    ck_assert_uint_eq(count_marked(objects), 0);
    fixture.late[0] = false;
    fixture_step_to(CYCLE_DISARM);
    ck_assert_uint_eq(count_marked(objects), MANY);
    fixture_step_to(CYCLE_IDLE);
    sweep_finish(fixture.heap);
    for (size_t i = 0; i < MANY; i++) {
        EXPECT(fixture_is_allocated(objects[i]));
    }
    fixture_collect();
    ck_assert_uint_eq(fixture.heap->cycle.last.marked_objects, 0);
    ck_assert(!fixture_is_allocated(objects[0]));
}
END_TEST

/* Where there is no memory to record in, the cycle frees nothing at all; the next one is as any
 * other. */
START_TEST(no_memory_to_record)
{
    static char *objects[MANY];
    make_many(objects);
    char *garbage = fixture_new_array(type, 10000);
    fixture_step_to((enum cycle_phase)_i);
    fixture_answer_all();
    fixture_starve(1);
    record_many(first, objects, SEGMENT); /* the one segment is the markers' now */
    ck_assert_uint_eq(fixture.heap->mark.is_void, 0);
    record_many(first, objects + SEGMENT, MANY - SEGMENT);
    ck_assert_uint_ne(fixture.heap->mark.is_void, 0);
    fixture_feed();
    fixture_step_to(CYCLE_IDLE);
    sweep_finish(fixture.heap);
    ck_assert_uint_eq(fixture.heap->counters.freed_objects, 0);
    ck_assert(fixture_is_allocated(garbage));
    for (size_t i = 0; i < MANY; i++) {
        EXPECT(fixture_is_allocated(objects[i]));
    }
    fixture_verify();
    fixture_collect();
    ck_assert_uint_eq(fixture.heap->mark.is_void, 0);
    ck_assert_uint_eq(fixture.heap->counters.freed_objects, MANY + 1);
    fixture_verify();
}
END_TEST

/* A candidate that leads to the rest of a run of a mutator that has not settled: see [barrier.6].
 * The object that it makes there is white, and scanned; the rest that it gives back has no
 * marks. */
START_TEST(candidate_in_a_white_run)
{
    char *made = tri_alloc(second, type);
    wait_for_late((enum cycle_phase)_i, 1);
    barrier_store(first, (uintptr_t)made, 0);
    barrier_store(first, (uintptr_t)made + 64, 0);
    barrier_store(first, (uintptr_t)made + 128, 0);
    char *object = tri_alloc(second, type);
    ck_assert_ptr_eq(object, made + 64);
    char *target = tri_alloc(second, type);
    fixture_link(object, 0, target);
    fixture_keep(object);
    ck_assert(!fixture_is_marked(object) && !fixture_is_marked(target));
    barrier_store(first, (uintptr_t)made + 192, 0); /* nothing is made there */
    fixture.late[1] = false;
    fixture_step_to(CYCLE_DISARM);
    ck_assert(fixture_is_marked(object) && fixture_is_marked(target));
    ck_assert_uint_eq(span_count_marked(fixture_span(made)), 3);
    ck_assert_uint_eq(span_count_allocated(fixture_span(made)), 3);
    fixture_step_to(CYCLE_IDLE);
    sweep_finish(fixture.heap);
    ck_assert_uint_eq(fixture.heap->cycle.last.marked_objects, 3);
    fixture_verify();
}
END_TEST

/* [barrier.4]: what is recorded when marking is over is forgotten. */
START_TEST(discarded)
{
    char *object = fixture_new(type);
    fixture_step_to(CYCLE_DISARM);
    barrier_store(first, (uintptr_t)object, 0);
    barrier_remember(first, object);
    fixture_answer(0);
    ck_assert_uint_eq(recorded_count(first), 0);
    ck_assert(mark_stack_is_empty(&first->remembered));
    ck_assert(!fixture_is_marked(object));
}
END_TEST

/* ---- Remembered objects ---------------------------------------------------------------------- */

/* A black object into which something white was stored after it had been scanned. */
static char *black_with_white(char **white)
{
    char *black = fixture_new(type);
    *white = fixture_new(type);
    fixture_keep(black);
    return black;
}

/* [barrier.5]: a black object is scanned again at the next answer, not before. */
START_TEST(remember)
{
    char *white;
    char *black = black_with_white(&white);
    fixture_step_to(CYCLE_MARK);
    fixture_drain();
    ck_assert(fixture_is_marked(black));
    fixture_link(black, 3, white); /* past the barrier */
    barrier_remember(first, black + 20);
    ck_assert(!fixture_is_marked(white));
    ck_assert(!first->made_grey);
    fixture_step_to(CYCLE_FLUSH);
    ck_assert(!fixture_is_marked(white));
    fixture_answer(0);
    ck_assert(fixture_is_marked(white));
    ck_assert(load_relaxed(&fixture.heap->cycle.round_grey) != 0);
    fixture_step_to(CYCLE_IDLE);
    ck_assert_uint_eq(fixture.heap->cycle.last.rounds, 3);
}
END_TEST

/* A white one, too, once markers are at work, for one of them may just be about to scan it; before
 * that it is left alone. No address is no object. */
START_TEST(remember_white)
{
    enum cycle_phase phase = (enum cycle_phase)_i;
    char *white = fixture_new(type);
    char *whiter = fixture_new(type);
    fixture_step_to(phase);
    fixture_link(white, 0, whiter);
    barrier_remember(first, white);
    barrier_remember(first, &white);
    barrier_remember(first, NULL);
    ck_assert(!fixture_is_marked(whiter));
    fixture_answer(0);
    ck_assert(!fixture_is_marked(white));
    ck_assert_int_eq(fixture_is_marked(whiter), phase > CYCLE_SETTLE);
    ck_assert(mark_stack_is_empty(&first->remembered) && mark_stack_is_empty(&first->recorded));
    fixture_step_to(CYCLE_DISARM);
    ck_assert_int_eq(fixture_is_marked(whiter), phase > CYCLE_SETTLE);
}
END_TEST

/* Of very many the mutator scans some itself and leaves the others to the markers, and says so. */
START_TEST(remember_many)
{
    enum {
        COUNT = REMEMBERED_SCAN_OBJECTS + 100
    };
    static char *whites[COUNT];
    static char *blacks[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        blacks[i] = black_with_white(&whites[i]);
    }
    fixture_step_to(CYCLE_FLUSH);
    for (size_t i = 0; i < COUNT; i++) {
        fixture_link(blacks[i], 0, whites[i]);
        barrier_remember(first, blacks[i]);
    }
    fixture_answer(0);
    size_t marked = 0;
    for (size_t i = 0; i < COUNT; i++) {
        marked += fixture_is_marked(whites[i]);
    }
    ck_assert_uint_eq(marked, REMEMBERED_SCAN_OBJECTS);
    ck_assert(mark_has_work(fixture.heap));
    ck_assert(load_relaxed(&fixture.heap->cycle.round_grey) != 0);
    fixture_step_to(CYCLE_IDLE);
    ck_assert_uint_eq(fixture.heap->cycle.last.marked_objects, 2 * COUNT);
}
END_TEST

/* Who leaves has its objects scanned by the markers. */
START_TEST(remembered_by_one_that_detaches)
{
    char *white;
    char *black = black_with_white(&white);
    fixture_step_to(CYCLE_FLUSH);
    fixture_answer_all();
    fixture_link(black, 0, white);
    barrier_remember(second, black);
    fixture_detach();
    ck_assert(load_relaxed(&fixture.heap->cycle.round_grey) != 0); /* [answer.3] */
    ck_assert(mark_has_work(fixture.heap));
    fixture_step_to(CYCLE_IDLE);
    ck_assert_uint_eq(fixture.heap->cycle.last.marked_objects, 2);
}
END_TEST

/* Without memory for the list all marked objects are scanned again. */
START_TEST(remember_without_memory)
{
    char *white;
    char *black = black_with_white(&white);
    fixture_step_to(CYCLE_FLUSH);
    fixture_link(black, 0, white);
    fixture_starve(0);
    barrier_remember(first, black);
    ck_assert(first->made_grey);
    ck_assert_uint_ne(fixture.heap->mark.overflow, 0);
    fixture_feed();
    fixture_step_to(CYCLE_IDLE);
    ck_assert_uint_eq(fixture.heap->cycle.last.marked_objects, 2);
    sweep_finish(fixture.heap);
    ck_assert(fixture_is_allocated(white));
}
END_TEST

/* ---- Large objects --------------------------------------------------------------------------- */

#define LARGE_WORDS (3 * OBLET_BYTES / WORD_BYTES + 100)

/* Slots in every piece of a large object, at its ends too. */
static const size_t places[] = {0,
                                1,
                                OBLET_BYTES / WORD_BYTES - 1,
                                OBLET_BYTES / WORD_BYTES,
                                2 * OBLET_BYTES / WORD_BYTES + 500,
                                3 * OBLET_BYTES / WORD_BYTES,
                                LARGE_WORDS - 1};

static char *make_large(char **objects)
{
    tri_type *large = fixture_type(LARGE_WORDS * WORD_BYTES, TRI_LAYOUT_ALL_WORDS);
    char *object = fixture_new(large);
    for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
        objects[i] = fixture_new(type);
    }
    return object;
}

/* All of its references are recorded, of each piece. */
START_TEST(written_large)
{
    char *objects[ARRAY_LENGTH(places)];
    char *large = make_large(objects);
    for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
        fixture_link(large, places[i], objects[i]);
    }
    fixture_step_to(CYCLE_FLUSH);
    barrier_written(first, large + 12345);
    ck_assert_uint_eq(recorded_count(first), ARRAY_LENGTH(places));
    for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
        size_t found = 0;
        for (size_t k = 0; k < ARRAY_LENGTH(places); k++) {
            found += recorded_at(first, k) == (uintptr_t)objects[i];
        }
        ck_assert_uint_eq(found, 1);
    }
    ck_assert(mark_stack_is_empty(&first->remembered)); /* the stack is black */
}
END_TEST

/* More than a buffer's worth. */
START_TEST(written_much)
{
    static char *objects[MANY];
    make_many(objects);
    tri_type *large = fixture_type(MANY * WORD_BYTES, TRI_LAYOUT_ALL_WORDS);
    char *object = fixture_new(large);
    for (size_t i = 0; i < MANY; i++) {
        fixture_link(object, i, objects[i]);
    }
    fixture_step_to(CYCLE_FLUSH);
    barrier_written(first, object);
    memset(object, 0, MANY * WORD_BYTES);
    fixture_step_to(CYCLE_DISARM);
    ck_assert_uint_eq(count_marked(objects), MANY);
}
END_TEST

/* It is scanned again in pieces, by the markers but for the first. */
START_TEST(remember_large)
{
    char *objects[ARRAY_LENGTH(places)];
    char *large = make_large(objects);
    fixture_keep(large);
    fixture_step_to(CYCLE_FLUSH);
    ck_assert(fixture_is_marked(large));
    for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
        fixture_link(large, places[i], objects[i]);
    }
    barrier_remember(first, large + 2 * OBLET_BYTES + 5000);
    fixture_answer(0);
    ck_assert(mark_has_work(fixture.heap));
    fixture_step_to(CYCLE_DISARM);
    for (size_t i = 0; i < ARRAY_LENGTH(places); i++) {
        ck_assert(fixture_is_marked(objects[i]));
    }
}
END_TEST

/* ---- Objects announced ----------------------------------------------------------------------- */

/* By mode: what it refers to now, and whether it is scanned again at the next answer. */
START_TEST(written)
{
    char *object = fixture_new(type);
    char *old = fixture_new(type);
    fixture_link(object, 5, old);
    fixture_step_to(CYCLE_SETTLE);
    barrier_written(first, object);
    expect_recorded(first, 1, (const void *[]){old}); /* nil is nothing */
    ck_assert(!mark_stack_is_empty(&first->remembered));
    fixture_step_to(CYCLE_FLUSH);
    barrier_written(first, object);
    expect_recorded(first, 1, (const void *[]){old});
    ck_assert(mark_stack_is_empty(&first->remembered));
    barrier_written(first, &object); /* no object */
    expect_nothing(first);
}
END_TEST

START_TEST(written_insertion)
{
    char *object = fixture_new(type);
    char *held = fixture_new(type);
    fixture_link(object, 5, held);
    fixture_step_to(CYCLE_SETTLE);
    barrier_written(first, object);
    expect_recorded(first, 1, (const void *[]){held}); /* [barrier.7] */
    ck_assert(!mark_stack_is_empty(&first->remembered));
}
END_TEST

/* While the stack is grey: what is stored into a black object, past the barrier, and dropped from
 * the stack, is found at the answer; what was there before, too. */
START_TEST(written_and_moved)
{
    char *old = fixture_new(type);
    char *new = fixture_new(type);
    uintptr_t stack[1] = {(uintptr_t) new};
    fixture.stacks[0] = (struct fixture_stack){stack, 1};
    fixture_step_to(CYCLE_ROOTS);
    char *fresh = fixture_new(type); /* black from the start */
    ck_assert(fixture_is_marked(fresh));
    fixture_link(fresh, 0, old);
    barrier_written(first, fresh);
    fixture_link(fresh, 0, new);
    stack[0] = 0;
    fixture_step_to(CYCLE_MARK);
    ck_assert(fixture_is_marked(old) && fixture_is_marked(new));
}
END_TEST

/* ---- Between answers ------------------------------------------------------------------------- */

/* [barrier.7]: at a safepoint what has become much is scanned, before a mutator blocks all of it;
 * before all have settled nothing is. */
START_TEST(catch_up_and_block)
{
    char *white;
    char *black = black_with_white(&white);
    fixture_step_to(CYCLE_SETTLE);
    fixture_link(black, 0, white);
    barrier_remember(first, black);
    barrier_before_block(first);
    ck_assert(!mark_stack_is_empty(&first->remembered));
    fixture_step_to(CYCLE_FLUSH);
    fixture_answer_all();
    char *others[2];
    others[0] = black_with_white(&others[1]);
    fixture_link(others[0], 0, others[1]);
    barrier_remember(first, black);
    for (unsigned i = 2; i < REMEMBERED_SCAN_OBJECTS; i++) {
        barrier_remember(first, black);
    }
    barrier_catch_up(first);
    ck_assert(!mark_stack_is_empty(&first->remembered));
    barrier_remember(first, others[0]);
    barrier_catch_up(first);
    ck_assert(mark_stack_is_empty(&first->remembered));
    ck_assert(fixture_is_marked(white) && fixture_is_marked(others[1]));
    barrier_remember(first, black);
    barrier_catch_up(first); /* one is not much */
    ck_assert(!mark_stack_is_empty(&first->remembered));
    barrier_before_block(first);
    ck_assert(mark_stack_is_empty(&first->remembered));
}
END_TEST

/* Words that are about to be gone. */
START_TEST(deleted)
{
    char *old = fixture_new(type);
    uintptr_t words[3] = {(uintptr_t)old, 1, (uintptr_t)old + 8};
    fixture_step_to(CYCLE_FLUSH);
    barrier_deleted(first, words, 3);
    expect_recorded(first, 2, (const void *[]){old, old + 8});
    barrier_deleted(first, words, 0);
    expect_nothing(first);
}
END_TEST

START_TEST(stored_insertion)
{
    char *new = fixture_new(type);
    barrier_stored(first, (uintptr_t) new); /* no cycle marks */
    expect_nothing(first);
    fixture_step_to(CYCLE_FLUSH);
    barrier_stored(first, (uintptr_t) new);
    barrier_stored(first, 0);
    expect_recorded(first, 1, (const void *[]){new});
}
END_TEST

#if TRI_CHECKS >= 1
static void flush_first(void *unused)
{
    (void)unused;
    barrier_flush(first);
}

/* [barrier.4], [barrier.6]: nothing is shaded at other times. */
START_TEST(misuse)
{
    static const enum cycle_phase wrong[] = {CYCLE_IDLE, CYCLE_ARM, CYCLE_SETTLE, CYCLE_RELEASE};
    if (wrong[_i] != CYCLE_IDLE) {
        fixture_step_to(wrong[_i]);
        fixture_answer(0);
    }
    ck_assert_ptr_nonnull(fake_port_death_of(flush_first, NULL));
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("barrier");
    TCase *cases = tcase_create("barrier");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_test(cases, while_off);
    tcase_add_test(cases, is_on);
    tcase_add_loop_test(cases, grey_stack, CYCLE_ARM, CYCLE_SETTLE + 1);
    tcase_add_test(cases, black_stack);
    tcase_add_test(cases, other_words);
    tcase_add_test(cases, encodings);
    tcase_add_loop_test(cases, copies, 0, 3);
    tcase_add_test(cases, fills);
    tcase_add_loop_test(cases, full_before_all_have_settled, CYCLE_ARM, CYCLE_SETTLE + 1);
    tcase_add_loop_test(cases, full_after, CYCLE_ROOTS, CYCLE_FLUSH + 1);
    tcase_add_test(cases, handed_over_late);
    tcase_add_loop_test(cases, left_behind, 0, 4);
    tcase_add_loop_test(cases, no_memory_to_record, CYCLE_ARM, CYCLE_FLUSH + 1);
    tcase_add_loop_test(cases, candidate_in_a_white_run, CYCLE_ARM, CYCLE_SETTLE + 1);
    tcase_add_test(cases, discarded);
    tcase_add_test(cases, remember);
    tcase_add_loop_test(cases, remember_white, CYCLE_SETTLE, CYCLE_ROOTS + 1);
    tcase_add_test(cases, remember_many);
    tcase_add_test(cases, remembered_by_one_that_detaches);
    tcase_add_test(cases, remember_without_memory);
    tcase_add_test(cases, written_large);
    tcase_add_test(cases, written_much);
    tcase_add_test(cases, remember_large);
    tcase_add_test(cases, written);
    tcase_add_test(cases, catch_up_and_block);
    tcase_add_test(cases, deleted);
    tcase_add_test(cases, written_and_moved);
#if TRI_CHECKS >= 1
    tcase_add_loop_test(cases, misuse, 0, 4);
#endif
    suite_add_tcase(suite, cases);
    TCase *others = tcase_create("barrier, insertion");
    tcase_add_checked_fixture(others, create_insertion, destroy);
    tcase_add_loop_test(others, insertion, CYCLE_ARM, CYCLE_FLUSH + 1);
    tcase_add_test(others, written_insertion);
    tcase_add_test(others, stored_insertion);
    suite_add_tcase(suite, others);
    return unit_run(suite);
}
