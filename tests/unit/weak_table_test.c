/* weak_table_test.c -- weak tables: what an entry does when its key or value dies, at each moment
 * of a cycle, and while the table grows.
 */
#include "gc/weak_table.h"

#include "gc/barrier.h"
#include "gc/mark.h"
#include "gc/weak.h"
#include "gc/weak_word.h"
#include "tests/unit/weak_unit.h"

static const enum weak_kind kinds[] = {WEAK_KEYS, WEAK_VALUES, WEAK_EPHEMERONS};

static const enum cycle_phase phases[] = {CYCLE_IDLE,   CYCLE_SWEEP, CYCLE_ARM,
                                          CYCLE_SETTLE, CYCLE_ROOTS, CYCLE_MARK,
                                          CYCLE_FLUSH,  CYCLE_WEAK,  CYCLE_DISARM};

static tri_ref table_new(enum weak_kind kind)
{
    tri_ref table = tri_alloc(first, weak_table_type(fixture.heap));
    weak_table_init(table, kind);
    fixture_keep(table);
    return table;
}

static void insert(struct tri_mutator *mutator, tri_ref table, uint64_t hash, const void *key,
                   const void *value)
{
    ck_assert(weak_table_make_room(mutator, table));
    weak_table_enter(mutator, table, hash, (tri_word)key, (tri_word)value);
}

static void set(struct tri_mutator *mutator, tri_ref table, const void *key, const void *value)
{
    if (!weak_table_replace(mutator, table, (tri_word)key, (tri_word)value)) {
        insert(mutator, table, weak_table_identity((tri_word)key), key, value);
    }
}

/* The value of key; NULL where it is not there. */
static tri_ref get(struct tri_mutator *mutator, tri_ref table, const void *key)
{
    tri_word value = 0;
    return weak_table_get(mutator, table, (tri_word)key, &value) ? (tri_ref)value : NULL;
}

static size_t count(tri_ref table)
{
    return weak_table_count(first, table);
}

/* An object with one that it refers to. */
static tri_ref object_new(struct tri_mutator *mutator)
{
    tri_ref object = tri_alloc(mutator, type);
    tri_ref inner = tri_alloc(mutator, type);
    fixture_init(mutator, fixture_slot(object, 0), inner);
    return object;
}

static void take_stages(enum weak_stage stage)
{
    while (fixture.heap->weak.stage != stage) {
        (void)weak_take_part(fixture.heap, 1);
    }
}

/* ---- What lives, and what dies --------------------------------------------------------------- */

/* Of a pair: what is held weakly decides, the other one lives as long as it does. */
START_TEST(pairs_live_and_die)
{
    for (size_t k = 0; k < ARRAY_LENGTH(kinds); k++) {
        begin(ways[_i].barrier, ways[_i].held);
        tri_ref table = table_new(kinds[k]);
        bool by_key = kinds[k] != WEAK_VALUES;
        tri_ref keys[2] = {object_new(first), object_new(first)};
        tri_ref values[2] = {object_new(first), object_new(first)};
        for (unsigned i = 0; i < 2; i++) {
            set(first, table, keys[i], values[i]);
        }
        fixture_keep(by_key ? keys[0] : values[0]);
        for (unsigned i = 0; i < 3; i++) {
            fixture_collect();
            ck_assert_ptr_eq(get(first, table, keys[0]), values[0]);
            ck_assert(is_whole(keys[0]) && is_whole(values[0]));
            ck_assert_uint_eq(count(table), 1);
            ck_assert(!fixture_is_allocated(by_key ? keys[1] : values[1]));
        }
        ck_assert(!fixture_is_allocated(keys[1]) && !fixture_is_allocated(values[1]));
        fixture_drop_roots();
        fixture_collect();
        ck_assert(!fixture_is_allocated(table) && !fixture_is_allocated(values[0]));
        ck_assert(!fixture_is_allocated(keys[0]));
        destroy();
    }
}
END_TEST

/* A value that refers to its key keeps it in a table of weak keys, and not in one of ephemerons. */
START_TEST(values_that_lead_to_keys)
{
    begin(ways[_i].barrier, ways[_i].held);
    tri_ref keys = table_new(WEAK_KEYS);
    tri_ref ephemerons = table_new(WEAK_EPHEMERONS);
    tri_ref kept = object_new(first);
    tri_ref dead = object_new(first);
    tri_ref value = object_new(first);
    fixture_link(value, 1, dead);
    set(first, keys, kept, kept);
    set(first, ephemerons, dead, value);
    set(first, ephemerons, value, dead);
    for (unsigned i = 0; i < 2; i++) {
        fixture_collect();
        ck_assert_ptr_eq(get(first, keys, kept), kept);
        ck_assert(is_whole(kept));
        ck_assert_uint_eq(count(ephemerons), 0);
        ck_assert(!fixture_is_allocated(dead) && !fixture_is_allocated(value));
    }
    destroy();
}
END_TEST

/* Words that are no references stay. */
START_TEST(numbers_do_not_die)
{
    tri_ref table = table_new(kinds[_i]);
    for (uintptr_t i = 0; i < 100; i++) {
        set(first, table, (void *)i, (void *)(i * 2 + 1));
    }
    fixture_collect();
    for (uintptr_t i = 0; i < 100; i++) {
        ck_assert_uint_eq((uintptr_t)get(first, table, (void *)i), i * 2 + 1);
    }
    ck_assert_uint_eq(count(table), 100);
}
END_TEST

/* ---- Operations ------------------------------------------------------------------------------ */

START_TEST(by_identity)
{
    enum {
        COUNT = 1000
    };
    tri_ref table = table_new(kinds[_i]);
    static tri_ref keys[COUNT];
    ck_assert_ptr_null(get(first, table, table));
    ck_assert(!weak_table_remove(first, table, (tri_word)table));
    for (size_t i = 0; i < COUNT; i++) {
        keys[i] = object_new(first);
        set(first, table, keys[i], table);
        set(first, table, keys[i], keys[i]);
        ck_assert_uint_eq(count(table), i + 1);
    }
    for (size_t i = 0; i < COUNT; i += 2) {
        ck_assert(weak_table_remove(first, table, (tri_word)keys[i]));
        ck_assert(!weak_table_remove(first, table, (tri_word)keys[i]));
    }
    size_t position = 0;
    size_t met = 0;
    tri_word key;
    tri_word value;
    while (weak_table_next(first, table, &position, &key, &value)) {
        ck_assert_uint_eq(key, value);
        met++;
    }
    ck_assert(!weak_table_next(first, table, &position, NULL, NULL));
    ck_assert_uint_eq(met, COUNT / 2);
    for (size_t i = 0; i < COUNT; i++) {
        ck_assert_ptr_eq(get(first, table, keys[i]), i % 2 == 0 ? NULL : keys[i]);
    }
}
END_TEST

static bool is_numbered(void *argument, tri_word key, tri_word value)
{
    (void)value;
    return *fixture_slot((tri_ref)key, 1) == *(const uintptr_t *)argument;
}

static tri_ref find(tri_ref table, uint64_t hash, uintptr_t number)
{
    tri_word key = 0;
    return weak_table_find(first, table, hash, is_numbered, &number, &key, NULL) ? (tri_ref)key
                                                                                 : NULL;
}

/* An intern table: objects by their number, whose hash is one of three; each is there once while it
 * lives, and those behind the dead ones of a chain are found. */
START_TEST(by_hash)
{
    enum {
        COUNT = 300
    };
    begin(ways[_i].barrier, ways[_i].held);
    tri_ref table = table_new(WEAK_KEYS);
    static tri_ref strings[COUNT];
    ck_assert_ptr_null(find(table, 0, 0));
    for (uintptr_t i = 0; i < COUNT; i++) {
        strings[i] = object_new(first);
        fixture_link(strings[i], 1, (void *)i);
        ck_assert_ptr_null(find(table, i % 3 * 2, i));
        insert(first, table, i % 3 * 2, strings[i], NULL);
        if (i % 5 == 0) {
            fixture_keep(strings[i]);
        }
    }
    fixture_collect();
    for (uintptr_t i = 0; i < COUNT; i++) {
        ck_assert_ptr_eq(find(table, i % 3 * 2, i), i % 5 == 0 ? strings[i] : NULL);
        ck_assert_ptr_null(find(table, 6, i));
    }
    ck_assert_uint_eq(count(table), COUNT / 5);
    destroy();
}
END_TEST

/* Of equal ones the first is taken, then the other, and those behind them are found. */
START_TEST(taken_by_hash)
{
    begin(ways[_i].barrier, ways[_i].held);
    tri_ref table = table_new(WEAK_KEYS);
    tri_ref objects[3];
    tri_word key = 0;
    tri_word value = 0;
    uintptr_t number = 7;
    ck_assert(!weak_table_take(first, table, 0, is_numbered, &number, NULL, NULL));
    for (unsigned i = 0; i < 3; i++) {
        objects[i] = object_new(first);
        fixture_keep(objects[i]);
        fixture_link(objects[i], 1, (void *)(uintptr_t)(i < 2 ? 7 : 8));
        insert(first, table, 0, objects[i], (tri_ref)(uintptr_t)(i * 2 + 1));
    }
    for (unsigned i = 0; i < 2; i++) {
        ck_assert(weak_table_take(first, table, 0, is_numbered, &number, &key, &value));
        ck_assert_ptr_eq((tri_ref)key, objects[i]);
        ck_assert_uint_eq(value, i * 2 + 1);
    }
    ck_assert(!weak_table_take(first, table, 0, is_numbered, &number, NULL, NULL));
    ck_assert(!weak_table_take(first, table, 2, is_numbered, &number, NULL, NULL));
    ck_assert_ptr_eq(find(table, 0, 8), objects[2]);
    ck_assert_uint_eq(count(table), 1);
    fixture_collect();
    ck_assert_ptr_eq(find(table, 0, 8), objects[2]);
    destroy();
}
END_TEST

static size_t capacity_of(tri_ref table)
{
    return fixture_slot(table, 1)[0];
}

/* The space of what has died is used again: where entries come and go, the table stays as it is. */
START_TEST(stays_small)
{
    tri_ref table = table_new(kinds[_i]);
    size_t most = 0;
    for (unsigned round = 0; round < 50; round++) {
        for (unsigned i = 0; i < 100; i++) {
            tri_ref key = object_new(first);
            set(first, table, key, object_new(first));
        }
        most = size_max(most, capacity_of(table));
        fixture_collect();
        ck_assert_uint_eq(count(table), 0);
    }
    ck_assert_uint_le(most, 512);
}
END_TEST

/* Enter so many pairs that die at once. */
static void enter_garbage(tri_ref table, unsigned pairs)
{
    for (unsigned i = 0; i < pairs; i++) {
        tri_ref key = object_new(first);
        set(first, table, key, object_new(first));
    }
}

/* Once most has died, what is entered makes the table smaller, but for as much as was entered
 * between two cycles: one that fills and empties again and again stays as it is. */
START_TEST(shrinks)
{
    tri_ref table = table_new(kinds[_i]);
    tri_ref live = object_new(first);
    fixture_keep(live);
    set(first, table, live, live);
    enter_garbage(table, 12000);
    ck_assert_uint_eq(capacity_of(table), 16384);
    fixture_collect();
    enter_garbage(table, 700);
    ck_assert_uint_eq(capacity_of(table), 16384); /* 12000 were needed lately */
    fixture_collect();
    enter_garbage(table, 1);
    ck_assert_uint_eq(capacity_of(table), 2048);
    for (unsigned round = 0; round < 10; round++) {
        enter_garbage(table, 700);
        ck_assert_uint_ge(capacity_of(table), 1024);
        ck_assert_uint_le(capacity_of(table), 2048);
        fixture_collect();
    }
    for (unsigned round = 0; round < 2; round++) {
        enter_garbage(table, 1);
        fixture_collect();
    }
    ck_assert_uint_eq(capacity_of(table), 8);
    ck_assert_ptr_eq(get(first, table, live), live);
    ck_assert_uint_eq(count(table), 1);
}
END_TEST

/* Not while most of it lives, however few are entered. */
START_TEST(does_not_shrink)
{
    enum {
        COUNT = 2000
    };
    static tri_ref kept[COUNT];
    tri_ref table = table_new(kinds[_i]);
    for (unsigned i = 0; i < COUNT; i++) {
        kept[i] = object_new(first);
        fixture_keep(kept[i]);
        set(first, table, kept[i], kept[i]);
    }
    size_t capacity = capacity_of(table);
    for (unsigned round = 0; round < 4; round++) {
        enter_garbage(table, 1);
        ck_assert_uint_eq(capacity_of(table), capacity);
        fixture_collect();
    }
}
END_TEST

/* What was never used, what died before, and what is dead now; not what lives. */
START_TEST(empty_places_are_counted)
{
    tri_ref table = table_new(kinds[_i]);
    tri_ref keys[4];
    for (unsigned i = 0; i < ARRAY_LENGTH(keys); i++) {
        keys[i] = object_new(first);
        set(first, table, keys[i], keys[i]);
    }
    ck_assert_uint_eq(capacity_of(table), 8);
    uint64_t bytes = 8 * 3 * WORD_BYTES; /* its size class has no more */
    for (unsigned live = 0; live < ARRAY_LENGTH(keys); live++) {
        fixture_keep(keys[live]);
    }
    fixture_collect();
    ck_assert_uint_eq(fixture.heap->weak.empty_bytes, bytes / 2);
    fixture_drop_roots();
    fixture_keep(table);
    if (kinds[_i] != WEAK_EPHEMERONS) {
        fixture_keep(keys[0]); /* a value that is its own key keeps it */
    }
    (void)weak_table_remove(first, table, (tri_word)keys[3]);
    fixture_collect();
    size_t left = count(table);
    ck_assert_uint_eq(fixture.heap->weak.empty_bytes, bytes - left * 3 * WORD_BYTES);
    ck_assert_uint_eq(fixture.heap->cycle.pacer.empty, fixture.heap->weak.empty_bytes);
}
END_TEST

/* Entries of a storage that is scanned in pieces, none of which begins with an entry. */
START_TEST(large_tables)
{
    enum {
        COUNT = 40000
    };
    tri_ref table = table_new(kinds[_i]);
    tri_type *leaf = fixture_type(16, TRI_LAYOUT_LEAF);
    fixture_promote(leaf);
    static tri_ref keys[COUNT];
    bool by_key = kinds[_i] != WEAK_VALUES;
    for (size_t i = 0; i < COUNT; i++) {
        keys[i] = tri_alloc(first, leaf);
        tri_ref value = tri_alloc(first, leaf);
        set(first, table, keys[i], value);
        if (i % 2 == 0) {
            fixture_keep(by_key ? keys[i] : value);
        }
    }
    fixture_collect();
    for (size_t i = 0; i < COUNT; i += 2) {
        tri_ref value = get(first, table, keys[i]);
        EXPECT(value != NULL && fixture_is_allocated(value) && fixture_is_allocated(keys[i]));
    }
    EXPECT(count(table) == COUNT / 2);
}
END_TEST

/* ---- At each moment -------------------------------------------------------------------------- */

/* Call function for all phases and kinds, with the mutator that is late having answered or not. */
static void in_phase(enum cycle_phase phase,
                     void (*function)(enum weak_kind kind, bool ended, unsigned variant),
                     unsigned variants)
{
    for (unsigned i = 0; i < 12 * variants; i++) {
        enum weak_kind kind = kinds[i % 3];
        begin(i / 3 % 2 == 0 ? TRI_BARRIER_HYBRID : TRI_BARRIER_INSERTION, false);
        function(kind, phase >= CYCLE_WEAK, i / 12);
        fixture.late[1] = true;
        step_to(phase);
        if (i / 6 % 2 == 1) {
            fixture_answer(1);
        }
        function(kind, phase >= CYCLE_WEAK, i / 12);
        destroy();
    }
}

static struct {
    tri_ref table;
    tri_ref keys[40];
    tri_ref values[40];
    bool is_made;
} state;

/* Count pairs; those of even number have what is held weakly among the roots. */
static void make_pairs(enum weak_kind kind, size_t pairs)
{
    state.table = table_new(kind);
    for (size_t i = 0; i < pairs; i++) {
        state.keys[i] = object_new(first);
        state.values[i] = object_new(first);
        set(first, state.table, state.keys[i], state.values[i]);
        if (i % 2 == 0) {
            fixture_keep(kind == WEAK_VALUES ? state.values[i] : state.keys[i]);
        }
    }
}

static void expect_pairs(size_t pairs)
{
    for (size_t i = 0; i < pairs; i += 2) {
        ck_assert_ptr_eq(get(first, state.table, state.keys[i]), state.values[i]);
        ck_assert(is_whole(state.keys[i]) && is_whole(state.values[i]));
    }
}

/* All that is in the table is there. */
static void expect_whole(tri_ref table)
{
    size_t position = 0;
    tri_word key;
    tri_word value;
    while (weak_table_next(first, table, &position, &key, &value)) {
        ck_assert(is_whole((tri_ref)key) && is_whole((tri_ref)value));
    }
}

/* An entry that is read by who does not have the key: it lives on, or is gone. */
static void read_by_next(enum weak_kind kind, bool ended, unsigned variant)
{
    if (!state.is_made) {
        make_pairs(kind, 2);
        state.is_made = true;
        return;
    }
    state.is_made = false;
    size_t position = 0;
    size_t met = 0;
    tri_word key;
    tri_word value;
    ck_assert_uint_eq(weak_table_count(second, state.table), ended ? 1 : 2);
    while (weak_table_next(second, state.table, &position, &key, &value)) {
        if (key == (tri_word)state.keys[1]) {
            stacks[1][0] = variant == 1 ? value : key;
            stacks[1][1] = variant == 2 ? key : value;
        }
        met++;
    }
    ck_assert_uint_eq(met, ended ? 1 : 2);
    end_cycle();
    expect_pairs(2);
    expect_whole(state.table);
    ck_assert(variant != 0 || count(state.table) == (ended ? 1 : 2));
    ck_assert(ended || is_whole((tri_ref)stacks[1][0]));
    ck_assert(ended || is_whole((tri_ref)stacks[1][1]));
    stacks[1][0] = stacks[1][1] = 0;
    fixture_collect();
    ck_assert_uint_eq(count(state.table), 1);
}

START_TEST(reads_in_each_phase)
{
    in_phase(phases[_i], read_by_next, 3);
}
END_TEST

/* Who waits for the end of the weak phase answers meanwhile. */
static void answer_when_ended(struct tri_mutator *mutator)
{
    if (mutator == second && weak_has_ended(fixture.heap)) {
        fixture_answer(1);
    }
}

/* The table grows: what lives is there afterwards, what is dead goes in this cycle or the next. */
static void grow(enum weak_kind kind, bool ended, unsigned variant)
{
    if (!state.is_made) {
        make_pairs(kind, 24);
        state.is_made = true;
        return;
    }
    (void)ended;
    state.is_made = false;
    size_t before = capacity_of(state.table);
    fixture.at_safepoint = answer_when_ended;
    for (size_t i = 24; capacity_of(state.table) == before; i++) {
        ck_assert_uint_lt(i, 40);
        state.keys[i] = object_new(second);
        state.values[i] = object_new(second);
        stacks[1][0] = (uintptr_t)state.keys[i];
        stacks[1][1] = (uintptr_t)state.values[i];
        set(second, state.table, state.keys[i], state.values[i]);
    }
    if (variant == 1) {
        fixture_detach(); /* with what it has remembered */
        fixture_attach();
    }
    end_cycle();
    expect_pairs(24);
    expect_whole(state.table);
    stacks[1][0] = stacks[1][1] = 0;
    fixture_collect();
    expect_pairs(24);
    ck_assert_uint_eq(count(state.table), 12);
}

START_TEST(grows_in_each_phase)
{
    in_phase(phases[_i], grow, 2);
}
END_TEST

/* A value that is taken from the table and removed there, or overwritten, is only on a stack. */
static void take_away(enum weak_kind kind, bool ended, unsigned variant)
{
    if (!state.is_made) {
        make_pairs(kind, 1);
        state.is_made = true;
        return;
    }
    (void)ended;
    state.is_made = false;
    tri_ref value = get(second, state.table, state.keys[0]);
    ck_assert_ptr_eq(value, state.values[0]);
    stacks[1][0] = (uintptr_t)value;
    stacks[1][1] = (uintptr_t)state.keys[0];
    if (variant == 0) {
        ck_assert(weak_table_remove(second, state.table, (tri_word)state.keys[0]));
    } else {
        set(second, state.table, state.keys[0], state.keys[0]);
    }
    end_cycle();
    ck_assert(is_whole(value) && is_whole(state.keys[0]));
    ck_assert_ptr_eq(get(first, state.table, state.keys[0]), variant == 0 ? NULL : state.keys[0]);
}

START_TEST(removes_in_each_phase)
{
    in_phase(phases[_i], take_away, 2);
}
END_TEST

/* Entries are made of what comes from a grey stack, and pops off it. */
static void make(enum weak_kind kind, bool ended, unsigned variant)
{
    if (!state.is_made) {
        make_pairs(kind, 2);
        stacks[1][0] = (uintptr_t)object_new(first);
        stacks[1][1] = (uintptr_t)object_new(first);
        state.is_made = true;
        return;
    }
    (void)ended;
    state.is_made = false;
    tri_ref key = (tri_ref)stacks[1][0];
    tri_ref value = (tri_ref)stacks[1][1];
    if (variant == 1) { /* in the place of one that was removed */
        ck_assert(weak_table_remove(second, state.table, (tri_word)state.keys[0]));
    }
    set(second, state.table, key, value);
    stacks[1][kind == WEAK_VALUES ? 0 : 1] = 0;
    end_cycle();
    ck_assert_ptr_eq(get(first, state.table, key), value);
    expect_whole(state.table);
    fixture_collect();
    ck_assert_ptr_eq(get(first, state.table, key), value);
    ck_assert(is_whole(key) && is_whole(value));
}

START_TEST(enters_in_each_phase)
{
    in_phase(phases[_i], make, 2);
}
END_TEST

/* ---- Finalization ---------------------------------------------------------------------------- */

/* Entries that are hidden are not seen, are not used again, and come back where their key does, in
 * the same table, though it has to grow: who lets it grow waits. */
START_TEST(keys_come_back)
{
    bool grows = _i == 1;
    tri_ref table = table_new(WEAK_EPHEMERONS);
    tri_ref key = object_new(first);
    tri_ref value = object_new(first);
    tri_ref dead = object_new(first);
    set(first, table, key, value);
    set(first, table, dead, value);
    ck_assert_uint_eq(capacity_of(table), 8);
    fixture_step_to(CYCLE_WEAK);
    take_stages(WEAK_RESCUE);
    ck_assert_uint_eq(count(table), 0);
    ck_assert_ptr_null(get(first, table, key));
    for (unsigned i = 0; i < 4; i++) {
        tri_ref made = object_new(second);
        fixture_keep(made);
        set(second, table, made, made);
    }
    ck_assert_uint_eq(capacity_of(table), 8);
    ck_assert_uint_eq(count(table), 4);
    ck_assert(mark_rescue(fixture.heap, (uintptr_t)key));
    drain_rescued();
    if (grows) {
        tri_ref made = object_new(second);
        stacks[1][0] = (uintptr_t)made;
        set(second, table, made, made);
        ck_assert_uint_gt(capacity_of(table), 8);
        ck_assert(!barrier_is_on(second)); /* it has waited */
        ck_assert_ptr_eq(get(second, table, key), value);
    }
    end_cycle();
    ck_assert_ptr_eq(get(first, table, key), value);
    ck_assert(is_whole(key) && is_whole(value));
    ck_assert_uint_eq(count(table), grows ? 6 : 5);
    ck_assert(!fixture_is_allocated(dead));
    fixture_collect();
    ck_assert_uint_eq(count(table), grows ? 5 : 4);
}
END_TEST

/* ---- The suite ------------------------------------------------------------------------------- */

int main(void)
{
    Suite *suite = suite_create("weak_table");
    TCase *own = tcase_create("each makes its heaps");
    tcase_add_loop_test(own, pairs_live_and_die, 0, (int)ARRAY_LENGTH(ways));
    tcase_add_loop_test(own, values_that_lead_to_keys, 0, (int)ARRAY_LENGTH(ways));
    tcase_add_loop_test(own, by_hash, 0, (int)ARRAY_LENGTH(ways));
    tcase_add_loop_test(own, taken_by_hash, 0, (int)ARRAY_LENGTH(ways));
    tcase_add_loop_test(own, reads_in_each_phase, 0, (int)ARRAY_LENGTH(phases));
    tcase_add_loop_test(own, grows_in_each_phase, 0, (int)ARRAY_LENGTH(phases));
    tcase_add_loop_test(own, removes_in_each_phase, 0, (int)ARRAY_LENGTH(phases));
    tcase_add_loop_test(own, enters_in_each_phase, 0, (int)ARRAY_LENGTH(phases));
    suite_add_tcase(suite, own);
    TCase *one = tcase_create("hybrid");
    tcase_add_checked_fixture(one, create, destroy);
    tcase_add_loop_test(one, numbers_do_not_die, 0, (int)ARRAY_LENGTH(kinds));
    tcase_add_loop_test(one, by_identity, 0, (int)ARRAY_LENGTH(kinds));
    tcase_add_loop_test(one, stays_small, 0, (int)ARRAY_LENGTH(kinds));
    tcase_add_loop_test(one, shrinks, 0, (int)ARRAY_LENGTH(kinds));
    tcase_add_loop_test(one, does_not_shrink, 0, (int)ARRAY_LENGTH(kinds));
    tcase_add_loop_test(one, empty_places_are_counted, 0, (int)ARRAY_LENGTH(kinds));
    tcase_add_loop_test(one, large_tables, 0, (int)ARRAY_LENGTH(kinds));
    tcase_add_loop_test(one, keys_come_back, 0, 2);
    suite_add_tcase(suite, one);
    return unit_run(suite);
}
