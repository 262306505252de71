/* stacks_test.c -- coroutines' stacks: what keeps an object that moves between them while a cycle
 * runs.
 *
 * Most tests take a cycle on step by step, without threads of the library's, so that what they move
 * is moved at a known moment of it. Where two mutators are needed, the second one's thread does
 * what the first one's orders, one order after the other.
 */
#include <sched.h>
#include <trillium/debug.h>

#include "tests/scenario/child.h"

/* ---- A host with coroutines ------------------------------------------------------------------ */

#define DEPTH_MAX 8

/* The value stack of a coroutine, or of a mutator. */
struct values {
    size_t depth;
    tri_word words[DEPTH_MAX];
    unsigned scans;
};

static void scan_values(tri_visitor *visitor, tri_stack *stack, void *argument)
{
    struct values *values = argument;
    (void)stack;
    tri_visit_values(visitor, values->words, values->depth);
    values->scans++;
}

static void scan_own(tri_visitor *visitor, tri_mutator *mutator, void *argument)
{
    (void)mutator;
    scan_values(visitor, NULL, argument);
}

static void push(struct values *values, const void *reference)
{
    MUST(values->depth < DEPTH_MAX);
    values->words[values->depth++] = (tri_word)reference;
}

static void *pop(struct values *values)
{
    MUST(values->depth > 0);
    void *reference = (void *)values->words[--values->depth];
    values->words[values->depth] = 0;
    return reference;
}

static const void *top(const struct values *values)
{
    MUST(values->depth > 0);
    return (const void *)values->words[values->depth - 1];
}

static tri_stack *stack_new(tri_mutator *mutator, struct values *values)
{
    tri_stack *stack = NULL;
    MUST(tri_stack_create(mutator, scan_values, values, &stack) == TRI_OK);
    return stack;
}

static void push_on(tri_mutator *mutator, tri_stack *stack, struct values *values,
                    const void *reference)
{
    tri_stack_switch(mutator, stack);
    push(values, reference);
    tri_stack_switch(mutator, NULL);
}

static void *pop_from(tri_mutator *mutator, tri_stack *stack, struct values *values)
{
    tri_stack_switch(mutator, stack);
    void *reference = pop(values);
    tri_stack_switch(mutator, NULL);
    return reference;
}

/* How a heap of these tests marks. */
enum marking {
    HYBRID,
    INSERTION,
    HELD,
    MARKINGS
};

static tri_heap_options options_of(enum marking marking)
{
    tri_heap_options options = options_new();
    options.markers = 0;
    options.background_sweep = false;
    options.clobber_free = true;
    options.gc_percent = TRI_GC_PERCENT_OFF;
    options.barrier = marking == INSERTION ? TRI_BARRIER_INSERTION : TRI_BARRIER_HYBRID;
    options.stop_the_world = marking == HELD;
    return options;
}

static struct host stepped_host(enum marking marking)
{
    tri_heap_options options = options_of(marking);
    return host_new(&options);
}

/* ---- A cycle, step by step ------------------------------------------------------------------- */

/* A mutator is armed where its stores are reported, and black where no new values are. */
static uint32_t barrier_of(const tri_mutator *mutator)
{
    return ((const struct tri_mutator_head_ *)(const void *)mutator)->barrier & 3;
}
#define GREY  1U
#define BLACK 2U

static void finish_cycle(tri_mutator *mutator)
{
    while (tri_gc_step(mutator, SIZE_MAX / 2)) {
    }
}

/* One step of the cycle, and nothing marked. */
static void step(tri_mutator *mutator)
{
    (void)tri_gc_step(mutator, 0);
}

/* Begin a cycle: all objects there are will be white in it, and no other cycle begins by itself.
 * Under gcstress one may come in between; then once more. */
static void begin_cycle(const struct host *host)
{
    bool begun = false;
    while (!begun) {
        finish_cycle(host->mutator);
        (void)tri_alloc_array(host->mutator, host->leaf, 16384); /* enough to be worth a cycle */
        if (!tri_gc_step(host->mutator, 0)) {
            (void)tri_set_gc_percent(host->heap, 0);
            begun = tri_gc_step(host->mutator, 0);
            (void)tri_set_gc_percent(host->heap, TRI_GC_PERCENT_OFF);
        }
    }
}

/* Whether link is still what it was, after all that is garbage has been swept and filled. */
static bool survives(const struct host *host, uintptr_t hidden, uint64_t number)
{
    tri_collect(host->mutator);
    const struct link *link = reveal(hidden);
    return is_there(host->heap, hidden) && link->number == number;
}

/* ---- Stacks as roots ------------------------------------------------------------------------- */

START_TEST(parked_stack_is_a_root)
{
    struct host host = stepped_host((enum marking)_i);
    struct values values = {0};
    tri_stack *stack = stack_new(host.mutator, &values);
    for (uint64_t round = 0; round < 3; round++) {
        push_on(host.mutator, stack, &values, list_new(host.mutator, host.link, 10));
        ck_assert_uint_eq(collect_and_count(host.mutator), 10);
        ck_assert(list_is_intact(top(&values), 10));
        tri_stack_switch(host.mutator, stack);
        ck_assert_uint_eq(collect_and_count(host.mutator), 10); /* current */
        tri_debug_verify(host.mutator);
        (void)pop(&values);
        tri_stack_switch(host.mutator, NULL);
        ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    }
    tri_stack_destroy(host.mutator, stack);
    host_end(&host);
}
END_TEST

START_TEST(destroyed_stack_is_no_root)
{
    struct host host = stepped_host((enum marking)_i);
    struct values values[5] = {{0}};
    tri_stack *stacks[5];
    for (size_t i = 0; i < LENGTH(stacks); i++) {
        push(&values[i], link_new(host.mutator, host.leaf, i));
        stacks[i] = stack_new(host.mutator, &values[i]); /* there before the stack */
    }
    ck_assert_uint_eq(collect_and_count(host.mutator), 5);
    static const size_t order[] = {2, 0, 4, 1, 3};
    for (size_t i = 0; i < LENGTH(order); i++) {
        tri_stack_destroy(host.mutator, stacks[order[i]]);
        ck_assert_uint_eq(collect_and_count(host.mutator), 4 - i);
    }
    host_end(&host);
}
END_TEST

/* Inside a frame of the mutator's own, run on first and, inside a frame there, on second. */
static void open_frames(const struct host *host, tri_stack *first, tri_stack *second)
{
    tri_mutator *mutator = host->mutator;
    TRI_FRAME(mutator, 1);
    TRI_LOCAL(0) = link_new(mutator, host->leaf, 0);
    struct tri_frame_ *outer = tri_frames_save(mutator);
    tri_stack_switch(mutator, first);
    ck_assert_ptr_null(tri_frames_save(mutator));
    {
        TRI_FRAME(mutator, 1);
        TRI_LOCAL(0) = link_new(mutator, host->leaf, 1);
        tri_stack_switch(mutator, second);
        ck_assert_ptr_null(tri_frames_save(mutator));
        {
            TRI_FRAME(mutator, 1);
            TRI_LOCAL(0) = link_new(mutator, host->leaf, 2);
            ck_assert_uint_eq(collect_and_count(mutator), 3);
            tri_stack_switch(mutator, NULL);
            ck_assert_ptr_eq(tri_frames_save(mutator), outer);
            ck_assert_uint_eq(collect_and_count(mutator), 3);
            tri_stack_switch(mutator, second);
        }
        ck_assert_uint_eq(collect_and_count(mutator), 2);
        tri_stack_switch(mutator, first);
    }
    tri_stack_switch(mutator, NULL);
    ck_assert_uint_eq(collect_and_count(mutator), 1);
    ck_assert_uint_eq(((struct link *)TRI_LOCAL(0))->number, 0);
}

/* Stacks without a function, which hold frames only. Each frame is found, whatever is current. */
START_TEST(frames_belong_to_stacks)
{
    struct host host = stepped_host((enum marking)_i);
    tri_stack *first;
    tri_stack *second;
    ck_assert_int_eq(tri_stack_create(host.mutator, NULL, NULL, &first), TRI_OK);
    ck_assert_int_eq(tri_stack_create(host.mutator, NULL, NULL, &second), TRI_OK);
    open_frames(&host, first, second);
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    tri_stack_destroy(host.mutator, first);
    tri_stack_destroy(host.mutator, second);
    host_end(&host);
}
END_TEST

/* Detach leaves the current stack parked, with its frames; park keeps it current. */
START_TEST(stacks_outlive_their_mutators)
{
    struct host host = stepped_host((enum marking)_i);
    struct values values = {0};
    struct {
        struct tri_frame_ head;
        tri_ref slot;
    } frame;
    tri_stack *stack = stack_new(host.mutator, &values);
    tri_stack_switch(host.mutator, stack);
    push(&values, link_new(host.mutator, host.leaf, 1));
    tri_frame_push_(&frame.head, host.mutator, 1);
    frame.slot = TRI_NULL;
    frame.slot = link_new(host.mutator, host.leaf, 2);
    tri_mutator_park(host.mutator);
    tri_mutator *other = attach(host.heap);
    ck_assert_uint_eq(collect_and_count(other), 2);
    tri_mutator_detach(host.mutator); /* by a thread that is not its own any more */
    ck_assert_uint_eq(collect_and_count(other), 2);
    tri_stack_switch(other, stack);
    ck_assert_ptr_eq(frame.head.mutator, other);
    ck_assert_uint_eq(collect_and_count(other), 2);
    tri_frame_pop_(&frame.head);
    ck_assert_ptr_null(tri_frames_save(other));
    ck_assert_uint_eq(collect_and_count(other), 1);
    (void)pop(&values);
    ck_assert_uint_eq(collect_and_count(other), 0);
    host.mutator = other; /* which is detached with the stack as its current one */
    host_end(&host);
}
END_TEST

/* ---- One mutator, moving things at each moment of a cycle ------------------------------------ */

struct moving {
    struct host host;
    struct values own;
    struct values a;
    struct values b;
    tri_stack *stack_a;
    tri_stack *stack_b;
};

/* The object is on stack a only; there is a box on the mutator's own stack. Afterwards the object
 * is held by something else only. */
typedef void move_function(struct moving *moving);

static void move_to_the_other_stack(struct moving *moving)
{
    tri_mutator *mutator = moving->host.mutator;
    push_on(mutator, moving->stack_b, &moving->b, pop_from(mutator, moving->stack_a, &moving->a));
}

static void move_without_a_stop(struct moving *moving)
{
    tri_mutator *mutator = moving->host.mutator;
    tri_stack_switch(mutator, moving->stack_a);
    const void *reference = pop(&moving->a);
    tri_stack_switch(mutator, moving->stack_b);
    push(&moving->b, reference);
}

static void move_to_the_own_stack(struct moving *moving)
{
    push(&moving->own, pop_from(moving->host.mutator, moving->stack_a, &moving->a));
}

static void move_to_a_new_stack(struct moving *moving)
{
    tri_mutator *mutator = moving->host.mutator;
    push(&moving->b, pop_from(mutator, moving->stack_a, &moving->a));
    tri_stack_destroy(mutator, moving->stack_b);
    moving->stack_b = stack_new(mutator, &moving->b);
}

static void move_to_the_heap(struct moving *moving)
{
    tri_mutator *mutator = moving->host.mutator;
    struct link *box = (struct link *)moving->own.words[0];
    tri_store_ref(mutator, &box->next, pop_from(mutator, moving->stack_a, &moving->a));
}

static void read_and_destroy(struct moving *moving)
{
    push(&moving->own, top(&moving->a)); /* parked: it may be read */
    tri_stack_destroy(moving->host.mutator, moving->stack_a);
    (void)pop(&moving->a);
    moving->stack_a = stack_new(moving->host.mutator, &moving->a);
}

static move_function *const moves[] = {
    move_to_the_other_stack, move_without_a_stop, move_to_the_own_stack,
    move_to_a_new_stack,     move_to_the_heap,    read_and_destroy,
};

static struct moving *moving_new(enum marking marking)
{
    struct moving *moving = calloc(1, sizeof *moving);
    MUST(moving != NULL);
    moving->host = stepped_host(marking);
    tri_mutator *mutator = moving->host.mutator;
    tri_roots_set_scanner(mutator, scan_own, &moving->own);
    moving->stack_a = stack_new(mutator, &moving->a);
    moving->stack_b = stack_new(mutator, &moving->b);
    push(&moving->own, link_new(mutator, moving->host.link, 0));
    return moving;
}

static void moving_end(struct moving *moving)
{
    host_end(&moving->host);
    free(moving);
}

/* How far a cycle of such a small heap can be taken, one step at a time. */
#define STEPS 16

START_TEST(moved_in_mid_cycle)
{
    move_function *move = moves[(size_t)_i / 2];
    for (unsigned steps = 0; steps < STEPS; steps++) {
        struct moving *moving = moving_new(_i % 2 == 0 ? HYBRID : INSERTION);
        const struct host *host = &moving->host;
        push_on(host->mutator, moving->stack_a, &moving->a,
                link_new(host->mutator, host->leaf, 42));
        uintptr_t hidden = hide(top(&moving->a));
        begin_cycle(host);
        for (unsigned i = 0; i < steps; i++) {
            step(host->mutator);
        }
        move(moving);
        finish_cycle(host->mutator);
        ck_assert_msg(survives(host, hidden, 42), "lost after %u steps", steps);
        moving_end(moving);
    }
}
END_TEST

/* From an object that is not scanned yet onto a stack that is not current afterwards. In insertion
 * mode nothing but the scan of that stack shows it. */
START_TEST(moved_from_the_heap)
{
    for (unsigned steps = 0; steps < 2 * STEPS; steps++) {
        struct moving *moving = moving_new(_i % 2 == 0 ? HYBRID : INSERTION);
        const struct host *host = &moving->host;
        struct link *box = (struct link *)moving->own.words[0];
        tri_init_ref(host->mutator, &box->next, link_new(host->mutator, host->leaf, 42));
        uintptr_t hidden = hide(box->next);
        begin_cycle(host);
        for (unsigned i = 0; i < steps % STEPS; i++) {
            step(host->mutator);
        }
        struct link *link = box->next;
        tri_store_ref(host->mutator, &box->next, NULL);
        if (steps < STEPS) {
            push_on(host->mutator, moving->stack_b, &moving->b, link);
        } else {
            tri_stack_destroy(host->mutator, moving->stack_b);
            push(&moving->b, link);
            moving->stack_b = stack_new(host->mutator, &moving->b);
        }
        finish_cycle(host->mutator);
        ck_assert_msg(survives(host, hidden, 42), "lost after %u steps", steps);
        moving_end(moving);
    }
}
END_TEST

/* Back and forth at every step: it is never where the collector looks, if it looks only once. */
START_TEST(moved_at_every_step)
{
    struct moving *moving = moving_new(_i % 2 == 0 ? HYBRID : INSERTION);
    const struct host *host = &moving->host;
    struct values *values[] = {&moving->a, &moving->b};
    tri_stack *stacks[] = {moving->stack_a, moving->stack_b};
    push_on(host->mutator, stacks[0], values[0], link_new(host->mutator, host->leaf, 42));
    uintptr_t hidden = hide(top(values[0]));
    begin_cycle(host);
    unsigned at = 0;
    bool more = true;
    while (more) {
        more = tri_gc_step(host->mutator, 1);
        void *link = pop_from(host->mutator, stacks[at], values[at]);
        at = 1 - at;
        push_on(host->mutator, stacks[at], values[at], link);
    }
    ck_assert(survives(host, hidden, 42));
    moving_end(moving);
}
END_TEST

/* A stack that nobody touches is scanned once a cycle; one that is taken and parked again in
 * mid-cycle, by a mutator that is black, is not scanned again. */
START_TEST(scanned_once_a_cycle)
{
    struct moving *moving = moving_new(HYBRID);
    const struct host *host = &moving->host;
    begin_cycle(host);
    finish_cycle(host->mutator);
    unsigned before = moving->a.scans;
    begin_cycle(host);
    while (barrier_of(host->mutator) != BLACK) {
        step(host->mutator);
        ck_assert_uint_eq(moving->a.scans, before);
    }
    for (unsigned i = 0; i < 10; i++) {
        tri_stack_switch(host->mutator, moving->stack_a);
        tri_stack_switch(host->mutator, moving->stack_b);
        ck_assert_uint_eq(moving->a.scans, before + 1);
    }
    for (unsigned i = 0; i < STEPS; i++) {
        step(host->mutator); /* the collector passes the parked stacks, and nothing is marked */
    }
    ck_assert_uint_eq(moving->a.scans, before + 1);
    finish_cycle(host->mutator); /* gccheckmark looks at all of them once more */
    moving_end(moving);
}
END_TEST

/* ---- Two mutators, one black and one grey ---------------------------------------------------- */

struct pair;
typedef void order_function(struct pair *pair);

/* The first thread's mutator, and a second one, whose thread carries out orders. Between them it is
 * running, and does not poll; asleep, it is in a blocking region. */
struct pair {
    struct host host;
    tri_mutator *other;
    struct values own;       /* of the first mutator */
    struct values other_own; /* of the second */
    struct values values;    /* of stack */
    tri_stack *stack;
    struct link *box; /* black, and on the first one's own stack */

    struct gate given;
    struct gate done;
    unsigned orders;
    order_function *order; /* NULL: end */
    bool asleep;
    pthread_t thread;
};

static void *obey(void *argument)
{
    struct pair *pair = argument;
    pair->other = attach(pair->host.heap);
    tri_roots_set_scanner(pair->other, scan_own, &pair->other_own);
    for (unsigned count = 1;; count++) {
        bool asleep = pair->asleep;
        if (asleep) {
            tri_blocking_begin(pair->other);
        }
        gate_wait(&pair->given, count);
        if (asleep) {
            tri_blocking_end(pair->other);
        }
        if (pair->order == NULL) {
            break;
        }
        pair->order(pair);
        gate_step(&pair->done);
    }
    tri_mutator_detach(pair->other);
    return NULL;
}

static void give_order(struct pair *pair, order_function *order)
{
    pair->order = order;
    pair->orders++;
    gate_step(&pair->given);
    if (order != NULL) {
        gate_wait(&pair->done, pair->orders);
    }
}

static void fall_asleep(struct pair *pair)
{
    pair->asleep = true;
}

static void wake_up(struct pair *pair)
{
    pair->asleep = false;
}

static void poll(struct pair *pair)
{
    tri_safepoint(pair->other);
}

static struct pair *pair_new(enum marking marking)
{
    static const struct gate gate = GATE_INIT;
    struct pair *pair = calloc(1, sizeof *pair);
    MUST(pair != NULL);
    pair->host = stepped_host(marking);
    pair->given = gate;
    pair->done = gate;
    pair->asleep = true;
    tri_roots_set_scanner(pair->host.mutator, scan_own, &pair->own);
    pair->stack = stack_new(pair->host.mutator, &pair->values);
    pair->thread = thread_new(obey, pair);
    give_order(pair, fall_asleep); /* it has attached */
    return pair;
}

static void pair_end(struct pair *pair)
{
    give_order(pair, NULL);
    thread_join_blocked(pair->host.mutator, pair->thread);
    host_end(&pair->host);
    free(pair);
}

/* Until the first mutator has answered handshake roots and the second has not. */
static void turn_first_black(struct pair *pair)
{
    tri_mutator *first = pair->host.mutator;
    begin_cycle(&pair->host);
    unsigned scans = pair->own.scans;
    unsigned other_scans = pair->other_own.scans;
    while (barrier_of(first) == 0) {
        step(first);
    }
    give_order(pair, wake_up);
    while (pair->own.scans == scans) {
        give_order(pair, poll);
        step(first);
    }
    MUST(pair->other_own.scans == other_scans && barrier_of(pair->other) != 0);
    MUST(barrier_of(first) != GREY && barrier_of(pair->other) != BLACK);
    pair->box = link_new(first, pair->host.link, 0);
    push(&pair->own, pair->box);
}

static bool survives_the_cycle(struct pair *pair, uintptr_t hidden)
{
    give_order(pair, poll); /* turns the second one black */
    give_order(pair, fall_asleep);
    finish_cycle(pair->host.mutator);
    return survives(&pair->host, hidden, 42);
}

static void other_takes_stack(struct pair *pair)
{
    tri_stack_switch(pair->other, pair->stack);
}

static void other_leaves_stack(struct pair *pair)
{
    tri_stack_switch(pair->other, NULL);
}

static void other_moves_to_stack(struct pair *pair)
{
    tri_stack_switch(pair->other, pair->stack);
    push(&pair->values, pop(&pair->other_own));
}

static void other_moves_and_leaves(struct pair *pair)
{
    other_moves_to_stack(pair);
    other_leaves_stack(pair);
}

static void other_drops_what_it_held(struct pair *pair)
{
    (void)pop_from(pair->other, pair->stack, &pair->values);
}

static void other_destroys_stack(struct pair *pair)
{
    tri_stack_destroy(pair->other, pair->stack);
    (void)pop(&pair->values);
}

static void other_creates_stack(struct pair *pair)
{
    struct values *values = &pair->values;
    tri_stack_destroy(pair->other, pair->stack);
    push(values, pop(&pair->other_own));
    pair->stack = stack_new(pair->other, values);
}

/* The first one moves what is on the stack into its black box. */
static void first_moves_to_box(struct pair *pair)
{
    tri_mutator *first = pair->host.mutator;
    tri_init_ref(first, &pair->box->next, pop_from(first, pair->stack, &pair->values));
}

/* The first one looks at the parked stack. */
static void first_reads_stack(struct pair *pair)
{
    push(&pair->own, top(&pair->values));
}

/* Where the object is when the cycle begins, and what happens once the first mutator is black:
 * orders to the second one and what the first one does itself, in turn. */
static const struct migration {
    const char *name;
    enum {
        ON_STACK,
        ON_STACK_OF_OTHER,
        ON_OTHER
    } where;
    struct {
        order_function *other;
        order_function *first;
    } acts[4];
} migrations[] = {
    {"a grey mutator parks, a black one takes",
     ON_STACK_OF_OTHER,
     {{other_leaves_stack, first_moves_to_box}}},
    {"a grey one takes and parks, a black one takes",
     ON_STACK,
     {{other_takes_stack, NULL}, {other_leaves_stack, first_moves_to_box}}},
    {"a grey one moves a white object onto a stack that was black, and parks it",
     ON_OTHER,
     {{other_moves_and_leaves, NULL}}},
    {"the same, and stays on it", ON_OTHER, {{other_moves_to_stack, NULL}}},
    {"the same, and a black one takes it",
     ON_OTHER,
     {{other_moves_and_leaves, first_moves_to_box}}},
    {"the same, to and fro",
     ON_OTHER,
     {{other_moves_and_leaves, NULL},
      {other_takes_stack, NULL},
      {other_leaves_stack, first_moves_to_box}}},
    {"a black one reads a parked stack, a grey one pops it",
     ON_STACK,
     {{NULL, first_reads_stack}, {other_drops_what_it_held, NULL}}},
    {"a black one reads a parked stack, a grey one ends it",
     ON_STACK,
     {{NULL, first_reads_stack}, {other_destroys_stack, NULL}}},
    {"a grey one makes a stack that holds something, a black one takes it",
     ON_OTHER,
     {{other_creates_stack, first_moves_to_box}}},
    {"a grey one makes a stack that holds something", ON_OTHER, {{other_creates_stack, NULL}}},
};

static void place(struct pair *pair, const struct migration *migration)
{
    struct link *link = link_new(pair->host.mutator, pair->host.leaf, 42);
    if (migration->where == ON_OTHER) {
        push(&pair->other_own, link); /* it sleeps, and sees it when it wakes up */
    } else {
        push_on(pair->host.mutator, pair->stack, &pair->values, link);
    }
    if (migration->where == ON_STACK_OF_OTHER) {
        give_order(pair, other_takes_stack);
    }
}

START_TEST(migrates_between_black_and_grey)
{
    const struct migration *migration = &migrations[(size_t)_i / 2];
    struct pair *pair = pair_new(_i % 2 == 0 ? HYBRID : INSERTION);
    place(pair, migration);
    uintptr_t hidden = hide(top(migration->where == ON_OTHER ? &pair->other_own : &pair->values));
    if (migration->where == ON_OTHER) {
        tri_stack_switch(pair->host.mutator, pair->stack); /* it turns black with the first one */
    }
    turn_first_black(pair);
    tri_stack_switch(pair->host.mutator, NULL);
    for (size_t i = 0; i < LENGTH(migration->acts); i++) {
        if (migration->acts[i].other != NULL) {
            give_order(pair, migration->acts[i].other);
        }
        if (migration->acts[i].first != NULL) {
            migration->acts[i].first(pair);
        }
    }
    ck_assert_msg(survives_the_cycle(pair, hidden), "lost: %s", migration->name);
    pair_end(pair);
}
END_TEST

/* ---- While the collector scans it ------------------------------------------------------------ */

struct watched {
    struct pair *pair;
    tri_stack *stack;
    order_function *order; /* for the second mutator, once the scan has begun */
    _Atomic bool scanning;
    _Atomic bool about;   /* to be taken */
    _Atomic bool ordered; /* in this cycle */
};

static struct watched watched; /* of the one test of a process */

static void other_takes_watched(struct pair *pair)
{
    atomic_store(&watched.about, true);
    tri_stack_switch(pair->other, watched.stack);
    MUST(!atomic_load(&watched.scanning));
    tri_stack_switch(pair->other, NULL);
}

/* The stack that comes next: pair->stack is older. */
static void other_destroys_next(struct pair *pair)
{
    tri_stack_destroy(pair->other, pair->stack);
    atomic_store(&watched.about, true);
}

/* Has the second mutator do something while this scan is under way, and gives it time to. */
static void scan_watched(tri_visitor *visitor, tri_stack *stack, void *argument)
{
    (void)visitor;
    (void)stack;
    (void)argument;
    if (atomic_exchange(&watched.ordered, true)) {
        return;
    }
    atomic_store(&watched.scanning, true);
    watched.pair->order = watched.order;
    watched.pair->orders++;
    gate_step(&watched.pair->given);
    while (!atomic_load(&watched.about)) {
        (void)sched_yield();
    }
    for (unsigned i = 0; i < 1000; i++) {
        (void)sched_yield();
    }
    atomic_store(&watched.scanning, false);
}

START_TEST(changes_beside_the_scan)
{
    struct pair *pair = pair_new(_i % 2 == 0 ? HYBRID : INSERTION);
    watched.pair = pair;
    watched.order = _i < 2 ? other_takes_watched : other_destroys_next;
    atomic_store(&watched.ordered, true);
    MUST(tri_stack_create(pair->host.mutator, scan_watched, NULL, &watched.stack) == TRI_OK);
    turn_first_black(pair);
    atomic_store(&watched.ordered, false);
    give_order(pair, poll);
    step(pair->host.mutator); /* all have answered: the parked stacks are scanned */
    ck_assert(atomic_load(&watched.ordered));
    gate_wait(&pair->done, pair->orders);
    give_order(pair, fall_asleep);
    finish_cycle(pair->host.mutator);
    pair_end(pair);
}
END_TEST

/* ---- A fork ---------------------------------------------------------------------------------- */

/* In the child the thread of the second mutator is not there, and what it ran on is parked. */
START_TEST(parked_in_the_child_of_a_fork)
{
    struct pair *pair = pair_new((enum marking)_i);
    tri_mutator *first = pair->host.mutator;
    push_on(first, pair->stack, &pair->values, link_new(first, pair->host.leaf, 42));
    uintptr_t hidden = hide(top(&pair->values));
    give_order(pair, other_takes_stack);
    give_order(pair, fall_asleep);
    pid_t child = fork();
    MUST(child >= 0);
    if (child == 0) {
        MUST(survives(&pair->host, hidden, 42));
        MUST(pop_from(first, pair->stack, &pair->values) == reveal(hidden));
        MUST(collect_and_count(first) == 0);
        tri_stack_destroy(first, pair->stack);
        _exit(0);
    }
    int status = 0;
    MUST(waitpid(child, &status, 0) == child);
    ck_assert_int_eq(status, 0);
    ck_assert(survives(&pair->host, hidden, 42));
    pair_end(pair);
}
END_TEST

/* ---- A thousand coroutines on several threads ------------------------------------------------ */

#define COROUTINES 1000
#define CELLS      64
#define WORKERS    3

struct coroutine {
    tri_stack *stack;
    bool taken; /* guarded by the crowd's lock */
    struct values values;
    uint64_t shadow[DEPTH_MAX]; /* the number of each object of values */
};

/* A word of the heap and the number of the object it refers to, 0: none. */
struct cell {
    pthread_mutex_t lock;
    uint64_t shadow;
};

struct crowd {
    struct host host;
    tri_type *word;
    pthread_mutex_t lock;
    _Atomic uint64_t numbers;
    tri_word *words; /* an array of CELLS, held by a handle */
    struct cell cells[CELLS];
    struct coroutine coroutines[COROUTINES];
};

struct worker {
    struct crowd *crowd;
    tri_mutator *mutator;
    uint64_t random;
    unsigned rounds;
};

/* A pair of objects that say the number: the first, and the second in other words. */
static struct link *object_new(const struct worker *worker, uint64_t number)
{
    const struct host *host = &worker->crowd->host;
    TRI_FRAME(worker->mutator, 1);
    TRI_LOCAL(0) = link_new(worker->mutator, host->leaf, ~number);
    struct link *object = link_new(worker->mutator, host->link, number);
    tri_init_ref(worker->mutator, &object->next, TRI_LOCAL(0));
    return object;
}

static void check_object(tri_word word, uint64_t number)
{
    const struct link *object = (const struct link *)word;
    MUST(object->number == number);
    MUST(object->next->number == ~number);
}

static void check_coroutine(const struct coroutine *coroutine)
{
    for (size_t i = 0; i < coroutine->values.depth; i++) {
        check_object(coroutine->values.words[i], coroutine->shadow[i]);
    }
}

/* One that no other worker has. */
static struct coroutine *take_coroutine(struct worker *worker)
{
    struct crowd *crowd = worker->crowd;
    struct coroutine *taken = NULL;
    MUST(pthread_mutex_lock(&crowd->lock) == 0);
    while (taken == NULL) {
        struct coroutine *c = &crowd->coroutines[unit_random_below(&worker->random, COROUTINES)];
        if (!c->taken) {
            c->taken = true;
            taken = c;
        }
    }
    MUST(pthread_mutex_unlock(&crowd->lock) == 0);
    return taken;
}

static void release_coroutine(struct worker *worker, struct coroutine *coroutine)
{
    MUST(pthread_mutex_lock(&worker->crowd->lock) == 0);
    coroutine->taken = false;
    MUST(pthread_mutex_unlock(&worker->crowd->lock) == 0);
}

static void push_object(struct coroutine *coroutine, const void *object, uint64_t number)
{
    if (coroutine->values.depth < DEPTH_MAX) {
        coroutine->shadow[coroutine->values.depth] = number;
        push(&coroutine->values, object);
    }
}

/* Read what is on another coroutine's parked stack. */
static void read_parked(struct worker *worker, struct coroutine *current)
{
    struct coroutine *parked = take_coroutine(worker);
    size_t depth = parked->values.depth;
    if (depth > 0) {
        size_t i = unit_random_below(&worker->random, depth);
        push_object(current, (const void *)parked->values.words[i], parked->shadow[i]);
    }
    release_coroutine(worker, parked);
}

/* Exchange the top of the current stack and a word of the heap. */
static void exchange_with_heap(struct worker *worker, struct coroutine *current)
{
    size_t i = unit_random_below(&worker->random, CELLS);
    struct cell *cell = &worker->crowd->cells[i];
    tri_word *slot = &worker->crowd->words[i];
    MUST(pthread_mutex_lock(&cell->lock) == 0); /* no safepoint while it is held */
    uint64_t number = cell->shadow;
    tri_word word = TRI_LOAD_RELAXED(slot);
    if (current->values.depth > 0) {
        cell->shadow = current->shadow[current->values.depth - 1];
        tri_store_ref(worker->mutator, slot, pop(&current->values));
    } else {
        cell->shadow = 0;
        tri_store(worker->mutator, slot, 0);
    }
    if (number != 0) {
        push_object(current, (const void *)word, number);
    }
    MUST(pthread_mutex_unlock(&cell->lock) == 0);
}

/* Move the top of the current stack to another one, by way of neither heap nor frame. */
static struct coroutine *move_on(struct worker *worker, struct coroutine *current)
{
    struct coroutine *next = take_coroutine(worker);
    const void *object = NULL;
    uint64_t number = 0;
    if (current->values.depth > 0) {
        number = current->shadow[current->values.depth - 1];
        object = pop(&current->values);
    }
    tri_stack_switch(worker->mutator, next->stack);
    release_coroutine(worker, current);
    if (object != NULL) {
        push_object(next, object, number);
    }
    return next;
}

/* End the current stack and begin another one with what it held. */
static void renew(struct worker *worker, struct coroutine *current)
{
    tri_stack_switch(worker->mutator, NULL);
    tri_stack *old = current->stack;
    current->stack = stack_new(worker->mutator, &current->values);
    tri_stack_destroy(worker->mutator, old);
    tri_stack_switch(worker->mutator, current->stack);
}

static void push_new(struct worker *worker, struct coroutine *current)
{
    uint64_t number = atomic_fetch_add(&worker->crowd->numbers, 1) + 1;
    push_object(current, object_new(worker, number), number);
}

static struct coroutine *act(struct worker *worker, struct coroutine *current)
{
    switch (unit_random_below(&worker->random, 12)) {
    case 0:
    case 1:
    case 2:
        push_new(worker, current);
        break;
    case 3:
    case 4:
        if (current->values.depth > 0) {
            (void)pop(&current->values);
        }
        break;
    case 5:
        exchange_with_heap(worker, current);
        break;
    case 6:
        read_parked(worker, current);
        break;
    case 7:
        renew(worker, current);
        break;
    case 8:
        tri_blocking_begin(worker->mutator);
        tri_blocking_end(worker->mutator);
        break;
    case 9:
        tri_safepoint(worker->mutator);
        break;
    default:
        current = move_on(worker, current);
        break;
    }
    check_coroutine(current);
    return current;
}

static void run_coroutines(struct worker *worker)
{
    struct coroutine *current = take_coroutine(worker);
    tri_stack_switch(worker->mutator, current->stack);
    for (unsigned i = 0; i < worker->rounds; i++) {
        current = act(worker, current);
        if (i % 2048 == 2047) {
            tri_collect(worker->mutator);
        }
    }
    tri_stack_switch(worker->mutator, NULL);
    release_coroutine(worker, current);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    worker->mutator = attach(worker->crowd->host.heap);
    run_coroutines(worker);
    tri_mutator_detach(worker->mutator);
    return NULL;
}

static const struct {
    tri_barrier barrier;
    int32_t markers;
    bool stop_the_world;
} crowds[] = {
    {TRI_BARRIER_HYBRID, 1, false},    {TRI_BARRIER_HYBRID, 0, false},
    {TRI_BARRIER_INSERTION, 1, false}, {TRI_BARRIER_INSERTION, 0, false},
    {TRI_BARRIER_HYBRID, 1, true},
};

static struct crowd *crowd_new(int number)
{
    struct crowd *crowd = calloc(1, sizeof *crowd);
    MUST(crowd != NULL);
    tri_heap_options options = options_new();
    options.heap_minimum = 1 << 16;
    options.clobber_free = true;
    options.barrier = crowds[number].barrier;
    options.markers = crowds[number].markers;
    options.stop_the_world = crowds[number].stop_the_world;
    crowd->host = host_new(&options);
    tri_type_desc desc = TRI_TYPE_DESC("word", tri_word);
    desc.layout = TRI_LAYOUT(TRI_LAYOUT_ALL_WORDS);
    crowd->word = type_new(crowd->host.heap, &desc);
    crowd->words = tri_alloc_array(crowd->host.mutator, crowd->word, CELLS);
    tri_handle *handle;
    MUST(tri_handle_create(crowd->host.mutator, crowd->words, &handle) == TRI_OK);
    MUST(pthread_mutex_init(&crowd->lock, NULL) == 0);
    for (size_t i = 0; i < CELLS; i++) {
        MUST(pthread_mutex_init(&crowd->cells[i].lock, NULL) == 0);
    }
    for (size_t i = 0; i < COROUTINES; i++) {
        struct coroutine *coroutine = &crowd->coroutines[i];
        coroutine->stack = stack_new(crowd->host.mutator, &coroutine->values);
    }
    return crowd;
}

static void check_crowd(const struct crowd *crowd)
{
    for (size_t i = 0; i < COROUTINES; i++) {
        check_coroutine(&crowd->coroutines[i]);
    }
    for (size_t i = 0; i < CELLS; i++) {
        if (crowd->cells[i].shadow != 0) {
            check_object(crowd->words[i], crowd->cells[i].shadow);
        }
    }
}

START_TEST(a_thousand_coroutines)
{
    struct crowd *crowd = crowd_new(_i);
    struct worker workers[WORKERS];
    pthread_t threads[WORKERS];
    uint64_t random = unit_seed();
    for (unsigned i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){crowd, NULL, unit_random(&random), times(60000, 8000)};
        threads[i] = thread_new(work, &workers[i]);
    }
    tri_blocking_begin(crowd->host.mutator);
    for (unsigned i = 0; i < WORKERS; i++) {
        thread_join(threads[i]);
    }
    tri_blocking_end(crowd->host.mutator);
    check_crowd(crowd);
    tri_collect(crowd->host.mutator);
    check_crowd(crowd);
    ck_assert_uint_gt(stats_of(crowd->host.heap).num_gc, WORKERS);
    for (size_t i = 0; i < COROUTINES; i++) {
        tri_stack_destroy(crowd->host.mutator, crowd->coroutines[i].stack);
    }
    tri_fill_range(crowd->host.mutator, crowd->words, 0, CELLS);
    ck_assert_uint_eq(collect_and_count(crowd->host.mutator), 1); /* the array */
    host_end(&crowd->host);
    free(crowd);
}
END_TEST

/* ---- Misuse ---------------------------------------------------------------------------------- */

static void take_twice(const void *argument)
{
    (void)argument;
    struct host host = stepped_host(HYBRID);
    tri_stack *stack = NULL;
    MUST(tri_stack_create(host.mutator, NULL, NULL, &stack) == TRI_OK);
    tri_stack_switch(host.mutator, stack);
    tri_mutator_park(host.mutator);
    tri_stack_switch(attach(host.heap), stack);
}

static void destroy_current(const void *argument)
{
    (void)argument;
    struct host host = stepped_host(HYBRID);
    tri_stack *stack = NULL;
    MUST(tri_stack_create(host.mutator, NULL, NULL, &stack) == TRI_OK);
    tri_stack_switch(host.mutator, stack);
    tri_stack_destroy(host.mutator, stack);
}

static void use_destroyed(const void *argument)
{
    (void)argument;
    struct host host = stepped_host(HYBRID);
    tri_stack *stack = NULL;
    MUST(tri_stack_create(host.mutator, NULL, NULL, &stack) == TRI_OK);
    tri_stack_destroy(host.mutator, stack);
    tri_stack_switch(host.mutator, stack);
}

static void use_in_another_heap(const void *argument)
{
    (void)argument;
    struct host host = stepped_host(HYBRID);
    struct host other = stepped_host(HYBRID);
    tri_stack *stack = NULL;
    MUST(tri_stack_create(host.mutator, NULL, NULL, &stack) == TRI_OK);
    tri_stack_switch(other.mutator, stack);
}

static void destroy_nothing(const void *argument)
{
    (void)argument;
    struct host host = stepped_host(HYBRID);
    tri_stack_destroy(host.mutator, NULL);
}

static const struct {
    child_function *commit;
    const char *said;
} misuses[] = {
    {take_twice,
     "tri_stack_switch: the stack {p} is current for a mutator; let that one switch away "
     "from it first"},
    {destroy_current,
     "tri_stack_destroy: the stack {p} is current for a mutator; let that one switch "
     "away from it first"},
    {use_destroyed, "tri_stack_switch: {p} is not a stack, or was destroyed"},
    {use_in_another_heap, "tri_stack_switch: the stack {p} belongs to another heap"},
    {destroy_nothing, "tri_stack_destroy: {p} is not a stack, or was destroyed"},
};

START_TEST(misuse)
{
    char pattern[256];
    (void)snprintf(pattern, sizeof pattern, "trillium: fatal: %s\n", misuses[_i].said);
    expect_death(misuses[_i].commit, NULL, pattern);
}
END_TEST

START_TEST(refusals)
{
    struct host host = stepped_host(HYBRID);
    ck_assert_int_eq(tri_stack_create(host.mutator, NULL, NULL, NULL), TRI_E_INVALID);
    tri_stack *stack;
    ck_assert_int_eq(tri_stack_create(host.mutator, NULL, NULL, &stack), TRI_OK);
    tri_stack_switch(host.mutator, NULL); /* none is current already */
    tri_stack_switch(host.mutator, stack);
    tri_stack_switch(host.mutator, stack);
    host_end(&host); /* with a stack that is left */
}
END_TEST

int main(void)
{
    const struct test_entry tests[] = {
        {parked_stack_is_a_root, MARKINGS},
        {destroyed_stack_is_no_root, MARKINGS},
        {frames_belong_to_stacks, MARKINGS},
        {stacks_outlive_their_mutators, MARKINGS},
        {moved_in_mid_cycle, 2 * LENGTH(moves)},
        {moved_from_the_heap, 2},
        {moved_at_every_step, 2},
        {scanned_once_a_cycle, 0},
        {migrates_between_black_and_grey, 2 * LENGTH(migrations)},
        {changes_beside_the_scan, 4},
        {parked_in_the_child_of_a_fork, MARKINGS},
        {a_thousand_coroutines, LENGTH(crowds)},
        {misuse, LENGTH(misuses)},
        {refusals, 0},
    };
    return scenario_run("stacks", tests, LENGTH(tests));
}
