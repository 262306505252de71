/* debug_modes_test.c -- the modes of docs/debugging.md: each lets a correct program pass, alone and
 * with all others, and each that looks for a mistake finds it and says what it is.
 */
#include <trillium/debug.h>

#include "tests/scenario/child.h"

/* ---- Options --------------------------------------------------------------------------------- */

/* No debugging mode, whatever the environment says. */
static tri_heap_options plain_options(void)
{
    tri_heap_options options = options_new();
    options.verify = false;
    options.clobber_free = false;
    options.stop_the_world = false;
    options.check_mark = false;
    options.barrier_verify = false;
    options.handshake_delay_us = 0;
    options.stress = 0;
    options.gc_percent = 100;
    options.memory_limit = TRI_MEMORY_LIMIT_OFF;
    options.heap_minimum = 64 * 1024;
    return options;
}

enum mode_bits {
    VERIFY = 1,
    CLOBBER = 2,
    HELD = 4,
    STRESS = 8,
    CHECKMARK = 16,
    BARRIER = 32,
    DELAY = 64,
    ALL_MODES = 128
};

static tri_heap_options options_of(unsigned modes)
{
    tri_heap_options options = plain_options();
    options.verify = modes & VERIFY;
    options.clobber_free = modes & CLOBBER;
    options.stop_the_world = modes & HELD;
    options.stress = modes & STRESS ? 40 : 0;
    options.check_mark = modes & CHECKMARK;
    options.barrier_verify = modes & BARRIER;
    options.handshake_delay_us = modes & DELAY ? 100 : 0;
    return options;
}

/* ---- A correct program ----------------------------------------------------------------------- */

#define WORDS 9000 /* of the shared table: a large object */

/* Types of every layout, and a table that all threads store into. */
struct program {
    struct host host;
    tri_type *word;    /* tagged values, for arrays */
    tri_type *tailed;  /* a reference, and trailing links */
    tri_type *traced;  /* two references that a function knows */
    tri_type *guess;   /* conservative */
    tri_handle *table; /* WORDS tagged words */
};

static tri_word tagged(const void *reference)
{
    return (tri_word)reference | 1;
}

static const struct link *untagged(tri_word word)
{
    return (const struct link *)(word & ~(tri_word)7);
}

static bool is_reference(tri_word word)
{
    return (word & 7) == 1;
}

/* What a program that has no plain access to a word that others write uses instead. */
static tri_word load_word(const tri_word *slot)
{
    return __atomic_load_n(slot, __ATOMIC_ACQUIRE);
}

struct two {
    tri_word counter; /* the host's own, written by plain stores */
    struct link *first;
    struct link *second;
};

static void trace_two(tri_visitor *visitor, tri_ref object, size_t bytes)
{
    const struct two *two = object;
    (void)bytes;
    tri_visit_ref(visitor, __atomic_load_n(&two->first, __ATOMIC_RELAXED));
    tri_visit_ref(visitor, __atomic_load_n(&two->second, __ATOMIC_RELAXED));
}

static struct program program_new(tri_heap_options options)
{
    options.value_encoding = TRI_ENCODING_LOW_TAG(7, 1);
    struct program made = {.host = host_new(&options)};
    tri_heap *heap = made.host.heap;
    tri_type_desc word = TRI_TYPE_DESC("word", tri_word);
    word.layout = TRI_LAYOUT(TRI_LAYOUT_ALL_WORDS);
    made.word = type_new(heap, &word);
    tri_type_desc tailed = TRI_TYPE_DESC("tailed", struct link);
    tailed.layout = TRI_LAYOUT_OF(link_fields);
    tailed.trailing_size = sizeof(struct link);
    tailed.trailing_layout = TRI_LAYOUT_OF(link_fields);
    made.tailed = type_new(heap, &tailed);
    tri_type_desc traced = TRI_TYPE_DESC("traced", struct two);
    traced.layout = TRI_LAYOUT_TRACED_BY(trace_two);
    made.traced = type_new(heap, &traced);
    tri_type_desc guess = TRI_TYPE_DESC("guess", struct two);
    guess.layout = TRI_LAYOUT(TRI_LAYOUT_CONSERVATIVE);
    made.guess = type_new(heap, &guess);
    tri_ref table = tri_alloc_array(made.host.mutator, made.word, WORDS);
    MUST(tri_handle_create(made.host.mutator, table, &made.table) == TRI_OK);
    return made;
}

static tri_word *table_of(const struct program *program)
{
    return tri_handle_get(program->table);
}

#define LIST 10 /* links that hang on a word of the table */

/* Stores of every kind into the few words of the table that all threads fight for. */
static void fight(const struct program *program, tri_mutator *mutator, const struct link *list,
                  unsigned round)
{
    tri_word *slot = table_of(program) + round * 7 % 16;
    tri_word old = load_word(slot);
    switch (round % 4) {
    case 0:
        tri_store(mutator, slot, tagged(list));
        break;
    case 1:
        (void)tri_cas(mutator, slot, &old, tagged(list));
        break;
    case 2:
        tri_store_range(mutator, table_of(program) + 16, table_of(program), 16);
        break;
    default:
        tri_fill_range(mutator, slot, round % 8 == 3 ? tagged(list) : 0, 3);
        break;
    }
    MUST(!is_reference(old) || list_is_intact(untagged(old), LIST));
}

/* Stores that the barrier learns of beforehand, and numbers, of which it need not. */
static void write_plainly(tri_mutator *mutator, tri_ref object, struct link *list, tri_word number)
{
    struct two *two = object;
    tri_written(mutator, two);
    __atomic_store_n(&two->first, list, __ATOMIC_RELEASE);
    __atomic_store_n(&two->second, two->first, __ATOMIC_RELEASE);
    __atomic_store_n(&two->counter, number, __ATOMIC_RELAXED);
}

static void play(const struct program *program, tri_mutator *mutator, unsigned round)
{
    TRI_FRAME(mutator, 2);
    TRI_LOCAL(0) = list_new(mutator, program->host.link, LIST);
    fight(program, mutator, TRI_LOCAL(0), round);
    struct link *tailed = tri_alloc_trailing(mutator, program->tailed, 5);
    TRI_LOCAL(1) = tailed;
    for (size_t i = 0; i < 6; i++) {
        tri_init_ref(mutator, &tailed[i].next, TRI_LOCAL(0));
        tailed[i].number = round;
    }
    tri_store_ref(mutator, &tailed[5].next, tailed);
    tri_store_ref(mutator, &tailed[0].next, TRI_NULL);
    TRI_LOCAL(1) = tri_alloc(mutator, round % 2 == 0 ? program->traced : program->guess);
    write_plainly(mutator, TRI_LOCAL(1), TRI_LOCAL(0), round);
    tri_safepoint(mutator);
    struct two *two = TRI_LOCAL(1);
    MUST(list_is_intact(two->second, LIST));
    tri_store_ref(mutator, &two->first, two);
}

static void *player(void *argument)
{
    const struct program *program = argument;
    tri_mutator *mutator = attach(program->host.heap);
    for (unsigned round = 0; round < times(2000, 400); round++) {
        play(program, mutator, round);
    }
    tri_mutator_detach(mutator);
    return NULL;
}

static void run_program(const void *argument)
{
    struct program program = program_new(*(const tri_heap_options *)argument);
    tri_mutator *mutator = program.host.mutator;
    pthread_t threads[2];
    for (size_t i = 0; i < LENGTH(threads); i++) {
        threads[i] = thread_new(player, &program);
    }
    for (unsigned round = 0; round < times(2000, 400); round++) {
        play(&program, mutator, round + 1);
    }
    for (size_t i = 0; i < LENGTH(threads); i++) {
        thread_join_blocked(mutator, threads[i]);
    }
    tri_collect(mutator);
    for (size_t i = 0; i < WORDS; i++) {
        tri_word word = table_of(&program)[i];
        MUST(!is_reference(word) || list_is_intact(untagged(word), LIST));
    }
    MUST(stats_of(program.host.heap).num_gc > 1);
    host_end(&program.host);
}

static const unsigned mode_sets[] = {
    0,
    VERIFY,
    CLOBBER,
    HELD,
    STRESS,
    CHECKMARK,
    BARRIER,
    DELAY,
    DELAY | STRESS,
    CHECKMARK | HELD,
    BARRIER | HELD,
    ALL_MODES - 1 - HELD,
    ALL_MODES - 1,
};

START_TEST(modes_let_a_correct_program_pass)
{
    tri_heap_options options = options_of(mode_sets[_i]);
    expect_life(run_program, &options, "");
}
END_TEST

START_TEST(modes_let_a_program_without_threads_pass)
{
    tri_heap_options options = options_of(mode_sets[_i]);
    options.markers = 0;
    options.background_sweep = false;
    expect_life(run_program, &options, "");
}
END_TEST

/* ---- barrierverify --------------------------------------------------------------------------- */

enum plain_what {
    PUT, /* a reference where none was */
    REPLACE,
    REMOVE
};

/* A store that should have had a barrier, into the object or array that is made for it, and
 * where. */
struct plain_store {
    const char *type;
    tri_ref (*make)(const struct program *program);
    size_t offset;
    bool held;   /* with gcstoptheworld */
    bool tagged; /* the slot holds tagged words */
    enum plain_what what;
};

static tri_ref make_link(const struct program *program)
{
    return tri_alloc(program->host.mutator, program->host.link);
}

static tri_ref make_links(const struct program *program)
{
    return tri_alloc_array(program->host.mutator, program->host.link, 7);
}

static tri_ref make_words(const struct program *program)
{
    return tri_alloc_array(program->host.mutator, program->word, WORDS);
}

static tri_ref make_tailed(const struct program *program)
{
    return tri_alloc_trailing(program->host.mutator, program->tailed, 3);
}

static tri_ref make_traced(const struct program *program)
{
    return tri_alloc(program->host.mutator, program->traced);
}

static tri_ref make_guess(const struct program *program)
{
    return tri_alloc(program->host.mutator, program->guess);
}

static const struct plain_store plain_stores[] = {
    {"link", make_link, 0, false, false, PUT},
    {"link", make_link, 0, true, false, PUT},
    {"link", make_link, 0, false, false, REPLACE},
    {"link", make_link, 0, false, false, REMOVE},
    {"link", make_links, 32, false, false, PUT},
    {"word", make_words, 40000, false, true, PUT},
    {"word", make_words, 8, false, true, REPLACE},
    {"word", make_words, 71992, false, true, REMOVE},
    {"tailed", make_tailed, 0, false, false, REPLACE},
    {"tailed", make_tailed, 48, false, false, REMOVE},
    {"traced", make_traced, 8, false, false, PUT},
    {"traced", make_traced, 16, false, false, REMOVE},
    {"guess", make_guess, 16, false, false, REPLACE},
};

static void store_plainly(const void *argument)
{
    const struct plain_store *store = argument;
    struct program program = program_new(options_of(store->held ? BARRIER | HELD : BARRIER));
    tri_mutator *mutator = program.host.mutator;
    TRI_FRAME(mutator, 3);
    for (size_t i = 0; i < 2; i++) {
        TRI_LOCAL(i) = link_new(mutator, program.host.link, i);
    }
    TRI_LOCAL(2) = store->make(&program);
    tri_word *slot = (tri_word *)((char *)TRI_LOCAL(2) + store->offset);
    tri_word first = (tri_word)TRI_LOCAL(0) | store->tagged;
    tri_word second = (tri_word)TRI_LOCAL(1) | store->tagged;
    tri_store(mutator, slot, store->what == PUT ? 0 : first);
    tri_collect(mutator);
    *slot = store->what == REMOVE ? 0 : second;
    tri_collect(mutator);
}

START_TEST(barrierverify_names_the_store)
{
    const struct plain_store *store = &plain_stores[_i];
    char pattern[640];
    (void)snprintf(
        pattern, sizeof pattern,
        "trillium: fatal: barrierverify: a store without barrier into an object of type %s at {p}: "
        "its "
        "slot at offset %zu holds %s, and %s was the last word stored there with the barrier.\n"
        "Store references by tri_store or its kin (tri_init where it is the first store into a "
        "fresh "
        "object), or call tri_written before the store.\n",
        store->type, store->offset, store->what == REMOVE ? "0" : "{p}",
        store->what == PUT ? "0" : "{p}");
    expect_death(store_plainly, store, pattern);
}
END_TEST

/* What is no reference before and after makes no difference to the collector. */
START_TEST(barrierverify_lets_numbers_be)
{
    struct program made = program_new(options_of(BARRIER));
    tri_word *table = table_of(&made);
    table[0] = 6;
    table[1] = (tri_word)table; /* has no tag */
    tri_collect(made.host.mutator);
    table[0] = 16;
    tri_store(made.host.mutator, &table[1], tagged(table));
    tri_collect(made.host.mutator);
    table[1] = tagged(table); /* nothing new */
    tri_collect(made.host.mutator);
    ck_assert_uint_eq(table[1], tagged(table));
    host_end(&made.host);
}
END_TEST

/* A compare-and-swap that replaces nothing stores nothing. */
START_TEST(barrierverify_knows_what_was_swapped)
{
    struct program made = program_new(options_of(BARRIER));
    tri_word *table = table_of(&made);
    tri_word expected = 8;
    ck_assert(!tri_cas(made.host.mutator, table, &expected, tagged(table)));
    ck_assert_uint_eq(expected, 0);
    tri_collect(made.host.mutator);
    ck_assert(tri_cas(made.host.mutator, table, &expected, tagged(table)));
    tri_collect(made.host.mutator);
    ck_assert_uint_eq(table[0], tagged(table));
    host_end(&made.host);
}
END_TEST

#define MANY 3000

/* References in many small objects and in a large one, and nothing that holds them. */
static void leave_references(const struct program *program)
{
    tri_mutator *mutator = program->host.mutator;
    TRI_FRAME(mutator, 2);
    TRI_LOCAL(0) = list_new(mutator, program->host.link, MANY);
    TRI_LOCAL(1) = tri_alloc_array(mutator, program->word, WORDS);
    tri_fill_range(mutator, TRI_LOCAL(1), tagged(TRI_LOCAL(0)), WORDS);
    tri_collect(mutator);
}

/* As many objects, into which nothing is stored. */
static void keep_fresh_objects(const struct program *program)
{
    tri_mutator *mutator = program->host.mutator;
    TRI_FRAME(mutator, 2);
    TRI_LOCAL(0) = tri_alloc_array(mutator, program->word, MANY);
    TRI_LOCAL(1) = tri_alloc_array(mutator, program->word, WORDS);
    for (size_t i = 0; i < MANY; i++) {
        const struct link *fresh = link_new(mutator, program->host.link, i);
        tri_store(mutator, (tri_word *)TRI_LOCAL(0) + i, tagged(fresh));
    }
    tri_collect(mutator);
}

/* Memory that is used again does not remember what was there. */
START_TEST(barrierverify_forgets_what_was_freed)
{
    struct program made = program_new(options_of(BARRIER));
    for (unsigned round = 0; round < 5; round++) {
        leave_references(&made);
        tri_collect(made.host.mutator);
        keep_fresh_objects(&made);
    }
    ck_assert_uint_ge(stats_of(made.host.heap).frees, 5 * MANY);
    host_end(&made.host);
}
END_TEST

static void make_insertion_heap(const void *unused)
{
    (void)unused;
    tri_heap_options options = options_of(BARRIER);
    options.barrier = TRI_BARRIER_INSERTION;
    struct program made = program_new(options);
    table_of(&made)[3] = tagged(table_of(&made));
    tri_collect(made.host.mutator);
    host_end(&made.host);
}

START_TEST(barrierverify_says_where_it_does_nothing)
{
    expect_life(make_insertion_heap, NULL,
                "trillium: barrierverify=1 does nothing in a heap of TRI_BARRIER_INSERTION\n");
}
END_TEST

/* ---- gccheckmark ----------------------------------------------------------------------------- */

#define FAR 20000 /* links to the object that will be hidden: many steps of marking */

/* Begin a cycle without threads and go as far as some links are scanned, but not FAR. */
static void step_into_marking(tri_mutator *mutator)
{
    (void)tri_set_gc_percent(tri_mutator_heap(mutator), 100);
    for (unsigned i = 0; i < 30; i++) {
        MUST(tri_gc_step(mutator, 1024));
    }
}

/* An object moves, while marking is between them, from the end of a long list into one that is
 * black already. */
struct move {
    bool check_mark;
    bool by_barrier;
};

/* True where the object is still there. */
static bool move_while_marking(const struct move *move)
{
    tri_heap_options options = options_of(move->check_mark ? CHECKMARK : 0);
    options.markers = 0;
    options.background_sweep = false;
    options.gc_percent = TRI_GC_PERCENT_OFF;
    struct host host = host_new(&options);
    tri_mutator *mutator = host.mutator;
    TRI_FRAME(mutator, 2);
    TRI_LOCAL(0) = link_new(mutator, host.link, 0);
    TRI_LOCAL(1) = list_new(mutator, host.link, FAR);
    struct link *black = TRI_LOCAL(0);
    struct link *last = TRI_LOCAL(1);
    while (last->next != NULL) {
        last = last->next;
    }
    tri_store_ref(mutator, &last->next, link_new(mutator, host.leaf, 1));
    uintptr_t hidden = hide(last->next);
    step_into_marking(mutator);
    if (move->by_barrier) {
        tri_store_ref(mutator, &black->next, last->next);
        tri_store_ref(mutator, &last->next, TRI_NULL);
    } else {
        black->next = last->next;
        last->next = NULL;
    }
    while (tri_gc_step(mutator, 1 << 20)) {
    }
    tri_collect(mutator); /* it is swept now, if it was not marked */
    return is_there(host.heap, hidden);
}

static void move_in_a_child(const void *argument)
{
    _exit(move_while_marking(argument) ? 0 : 3);
}

START_TEST(gccheckmark_names_what_was_hidden)
{
    struct move move = {true, false};
    expect_death(
        move_in_a_child, &move,
        "trillium: fatal: gccheckmark: marking has missed the object of type leaf at {p}, which is "
        "reachable from the object of type link at {p} by its slot at offset 0.\n"
        "The cycle would have freed it. Look for a store without tri_store "
        "(GCDEBUG=barrierverify=1 "
        "finds it) and for roots that no frame or scanner shows at every safepoint; if there is "
        "none, "
        "this is a defect of Trillium.\n");
}
END_TEST

START_TEST(gccheckmark_lets_the_barrier_hide_nothing)
{
    struct move move = {true, true};
    expect_life(move_in_a_child, &move, "");
}
END_TEST

/* What the mode is for: without it the loss goes unseen. */
START_TEST(what_is_hidden_is_lost)
{
    struct move move = {false, false};
    struct outcome outcome = child_run(move_in_a_child, &move);
    ck_assert_msg(WIFEXITED(outcome.status) && WEXITSTATUS(outcome.status) == 3, "status %#x: %s",
                  (unsigned)outcome.status, outcome.said);
}
END_TEST

/* A scanner that forgets its root at one safepoint and shows it at the next. */
static void show_later(tri_visitor *visitor, tri_mutator *mutator, void *argument)
{
    (void)mutator;
    tri_visit_ref(visitor, *(tri_ref *)argument);
}

static void forget_a_root(const void *unused)
{
    (void)unused;
    tri_heap_options options = options_of(CHECKMARK);
    options.markers = 0;
    options.gc_percent = TRI_GC_PERCENT_OFF;
    struct host host = host_new(&options);
    tri_mutator *mutator = host.mutator;
    tri_ref shown = TRI_NULL;
    tri_roots_set_scanner(mutator, show_later, &shown);
    TRI_FRAME(mutator, 1);
    TRI_LOCAL(0) = list_new(mutator, host.link, FAR);
    tri_ref forgotten = link_new(mutator, host.leaf, 1);
    step_into_marking(mutator);
    shown = forgotten;
    while (tri_gc_step(mutator, 1 << 20)) {
    }
}

START_TEST(gccheckmark_names_roots)
{
    expect_death(
        forget_a_root, NULL,
        "trillium: fatal: gccheckmark: marking has missed the object of type leaf at {p}, which is "
        "reachable from a root of the mutator {p}: a frame, or what its scanner reports.\n"
        "The cycle would have freed it. Look for a store without tri_store "
        "(GCDEBUG=barrierverify=1 "
        "finds it) and for roots that no frame or scanner shows at every safepoint; if there is "
        "none, "
        "this is a defect of Trillium.\n");
}
END_TEST

static void forget_a_global(const void *unused)
{
    (void)unused;
    static tri_word global;
    tri_heap_options options = options_of(CHECKMARK);
    options.markers = 0;
    options.gc_percent = TRI_GC_PERCENT_OFF;
    struct host host = host_new(&options);
    tri_mutator *mutator = host.mutator;
    MUST(tri_global_add(host.heap, &global, 1) == TRI_OK);
    TRI_FRAME(mutator, 1);
    TRI_LOCAL(0) = list_new(mutator, host.link, FAR);
    tri_ref lost = link_new(mutator, host.leaf, 1);
    step_into_marking(mutator);
    global = (tri_word)lost;
    while (tri_gc_step(mutator, 1 << 20)) {
    }
}

START_TEST(gccheckmark_names_globals)
{
    expect_death(
        forget_a_global, NULL,
        "trillium: fatal: gccheckmark: marking has missed the object of type leaf at {p}, which is "
        "reachable from a global slot or a handle.\n"
        "The cycle would have freed it. Look for a store without tri_store "
        "(GCDEBUG=barrierverify=1 "
        "finds it) and for roots that no frame or scanner shows at every safepoint; if there is "
        "none, "
        "this is a defect of Trillium.\n");
}
END_TEST

static TRI_NOINLINE uintptr_t garbage_new(const struct host *host)
{
    return hide(link_new(host->mutator, host->leaf, 1));
}

/* A word on the C stack that leads to what is garbage is no loss. */
START_TEST(gccheckmark_takes_old_words_on_the_stack_for_what_they_are)
{
    tri_heap_options options = options_of(CHECKMARK);
    options.markers = 0;
    options.gc_percent = TRI_GC_PERCENT_OFF;
    struct host host = host_new(&options);
    tri_mutator *mutator = host.mutator;
    ck_assert_int_eq(tri_mutator_scan_c_stack(mutator, true), TRI_OK);
    {
        TRI_FRAME(mutator, 1);
        TRI_LOCAL(0) = list_new(mutator, host.link, FAR);
        volatile uintptr_t hidden = garbage_new(&host);
        scrub_stack();
        step_into_marking(mutator);
        void *volatile uncovered = reveal(hidden);
        while (tri_gc_step(mutator, 1 << 20)) {
        }
        tri_collect(mutator);
        ck_assert_ptr_eq(uncovered, reveal(hidden));
        ck_assert(!is_there(host.heap, hidden)); /* marking had not seen it */
    }
    host_end(&host);
}
END_TEST

/* ---- Weak hooks ------------------------------------------------------------------------------ */

static bool looks_at_all_but_one(tri_weak_hook *hook, size_t budget, void *argument)
{
    tri_word *slots = argument;
    static bool begins; /* anew: only the later calls look at slot 1 */
    (void)budget;
    (void)tri_weak_slot_clear(hook, &slots[0], 0);
    if (begins) {
        (void)tri_weak_slot_clear(hook, &slots[1], 0);
    }
    begins = true;
    return true;
}

static void forget_a_slot(const void *argument)
{
    tri_word slots[2];
    tri_weak_hook *hook;
    (void)argument;
    tri_heap_options options = options_of(VERIFY);
    struct host host = host_new(&options);
    MUST(tri_weak_hook_add(host.heap, NULL, looks_at_all_but_one, slots, &hook) == TRI_OK);
    for (unsigned i = 0; i < 2; i++) {
        tri_ref link = link_new(host.mutator, host.link, i);
        tri_weak_slot_set(host.mutator, hook, &slots[i], (tri_word)link);
    }
    tri_collect(host.mutator);
}

START_TEST(gcverify_names_what_a_hook_has_left)
{
    expect_death(forget_a_slot, NULL,
                 "trillium: fatal: gcverify: the word {p} of a slot refers to an object that is "
                 "about to be freed, and the weak hook had said that it was through\n");
}
END_TEST

/* ---- The environment ------------------------------------------------------------------------- */

START_TEST(keys_set_options)
{
    ck_assert_int_eq(
        setenv("GCDEBUG", "gccheckmark=1,barrierverify=1,handshakedelay=250,gcverify=0", 1), 0);
    tri_heap_options options = options_new();
    ck_assert(options.check_mark && options.barrier_verify && !options.verify);
    ck_assert_uint_eq(options.handshake_delay_us, 250);
    ck_assert_int_eq(setenv("GCDEBUG", "gccheckmark=0,barrierverify=0,handshakedelay=0", 1), 0);
    options = options_new();
    ck_assert(!options.check_mark && !options.barrier_verify);
    ck_assert_uint_eq(options.handshake_delay_us, 0);
}
END_TEST

/* Delays change when things happen, and nothing else. */
START_TEST(handshakes_are_delayed)
{
    tri_heap_options options = options_of(DELAY | VERIFY);
    options.handshake_delay_us = 2000;
    options.markers = 1;
    struct host host = host_new(&options);
    {
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = list_new(host.mutator, host.link, 1000);
        ck_assert_uint_eq(collect_and_count(host.mutator), 1000);
        ck_assert(list_is_intact(TRI_LOCAL(0), 1000));
    }
    host_end(&host);
}
END_TEST

int main(void)
{
    const struct test_entry tests[] = {
        {modes_let_a_correct_program_pass, LENGTH(mode_sets)},
        {modes_let_a_program_without_threads_pass, LENGTH(mode_sets)},
        {barrierverify_names_the_store, LENGTH(plain_stores)},
        {barrierverify_lets_numbers_be, 0},
        {barrierverify_knows_what_was_swapped, 0},
        {barrierverify_forgets_what_was_freed, 0},
        {barrierverify_says_where_it_does_nothing, 0},
        {gccheckmark_names_what_was_hidden, 0},
        {gccheckmark_lets_the_barrier_hide_nothing, 0},
        {what_is_hidden_is_lost, 0},
        {gccheckmark_names_roots, 0},
        {gccheckmark_names_globals, 0},
        {gccheckmark_takes_old_words_on_the_stack_for_what_they_are, 0},
        {gcverify_names_what_a_hook_has_left, 0},
        {keys_set_options, 0},
        {handshakes_are_delayed, 0},
    };
    return scenario_run("debug_modes", tests, LENGTH(tests));
}
