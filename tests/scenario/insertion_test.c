/* insertion_test.c -- hosts without a barrier before the store: heaps of TRI_BARRIER_INSERTION,
 * types of TRI_TYPE_SAFEPOINT_ONLY, and blocks that are released later.
 *
 * A cycle is taken on step by step, without threads of the library's. What a test does to its
 * objects it does after so many steps, once for each number of steps that a cycle has.
 */
#include <sched.h>
#include <stdlib.h>

#include "tests/scenario/child.h"

/* Links of a chain at whose far end the object lies that is moved while the marker is on its way:
 * so many that the marking which an allocation does by itself goes only a part of it. */
#define CHAIN 6000

/* What a step scans, every other time; between, it is one step from phase to phase. */
#define STEP_BYTES ((size_t)8 * 1024)

/* A cycle has at least so many steps. */
#define STEPS_MIN 12

static tri_heap_options stepped_options(tri_barrier barrier)
{
    tri_heap_options options = options_new();
    options.markers = 0;
    options.stress = 0;
    options.barrier_verify = false;
    options.clobber_free = true;
    options.gc_percent = TRI_GC_PERCENT_OFF;
    options.heap_minimum = 0; /* with GOGC=0 a cycle is due at once, though sweeping goes on */
    options.barrier = barrier;
    return options;
}

static struct host stepped_host(tri_barrier barrier)
{
    tri_heap_options options = stepped_options(barrier);
    return host_new(&options);
}

static bool is_marking(const tri_mutator *mutator)
{
    return (((const struct tri_mutator_head_ *)(const void *)mutator)->barrier & 3) != 0;
}

static void finish_cycle(tri_mutator *mutator)
{
    while (tri_gc_step(mutator, SIZE_MAX / 2)) {
    }
}

/* Begin a cycle in which all that there is is white. */
static void begin_cycle(const struct host *host)
{
    finish_cycle(host->mutator);
    (void)tri_alloc_array(host->mutator, host->leaf, 16384); /* enough to be worth a cycle */
    (void)tri_set_gc_percent(host->heap, 0);
    ck_assert(tri_gc_step(host->mutator, 0));
    (void)tri_set_gc_percent(host->heap, TRI_GC_PERCENT_OFF);
}

/* One small step. False where the cycle has ended. */
static bool take_step(tri_mutator *mutator)
{
    static unsigned count;
    return tri_gc_step(mutator, count++ % 2 == 0 ? 0 : STEP_BYTES);
}

/* Take a cycle on by count small steps. False where it ended before. */
static bool take_steps(const struct host *host, unsigned count)
{
    bool more = true;
    begin_cycle(host);
    for (unsigned i = 0; i < count && more; i++) {
        more = take_step(host->mutator);
    }
    return more;
}

/* A plain store, but visible at once to whoever sees what it refers to. */
static void plain_store(void *slot, const void *reference)
{
    TRI_STORE_RELEASE((tri_aliased_word *)slot, (tri_word)reference);
}

/* Take the last link off the chain; no word of it to anybody. */
static struct link *take_last(struct link *first)
{
    struct link *before = first;
    while (before->next->next != NULL) {
        before = before->next;
    }
    struct link *last = before->next;
    plain_store(&before->next, NULL);
    return last;
}

/* ---- Moves in mid-cycle ---------------------------------------------------------------------- */

/* Roots of a test, in frame slots. */
enum slot {
    SLOT_CHAIN,  /* the first of CHAIN links, the last of which is moved */
    SLOT_HOLDER, /* a link that is reached early, and is black soon */
    SLOT_STACK,  /* what the host's stack is here */
    SLOT_COUNT
};

typedef void move(const struct host *host, tri_ref *slots);

static void store_and_report(const struct host *host, tri_ref *slots)
{
    struct link *holder = slots[SLOT_HOLDER];
    struct link *last = take_last(slots[SLOT_CHAIN]);
    plain_store(&holder->next, last);
    tri_stored(host->mutator, holder, (tri_word)last);
}

static void store_and_remember(const struct host *host, tri_ref *slots)
{
    struct link *holder = slots[SLOT_HOLDER];
    plain_store(&holder->next, take_last(slots[SLOT_CHAIN]));
    tri_remember(host->mutator, holder);
}

static void store_by_the_barrier(const struct host *host, tri_ref *slots)
{
    struct link *holder = slots[SLOT_HOLDER];
    tri_store_ref(host->mutator, &holder->next, take_last(slots[SLOT_CHAIN]));
}

static void into_a_fresh_object_on_the_stack(const struct host *host, tri_ref *slots)
{
    struct link *fresh = tri_alloc(host->mutator, host->link);
    fresh->next = take_last(slots[SLOT_CHAIN]); /* neither release nor report */
    slots[SLOT_STACK] = fresh;
}

static void into_a_fresh_object_in_a_black_one(const struct host *host, tri_ref *slots)
{
    struct link *holder = slots[SLOT_HOLDER];
    struct link *fresh = tri_alloc(host->mutator, host->link);
    fresh->next = take_last(slots[SLOT_CHAIN]);
    plain_store(&holder->next, fresh);
    tri_stored(host->mutator, holder, (tri_word)fresh);
}

/* More than a mutator scans at once, the first of them the one that counts. */
static void into_the_first_of_many(const struct host *host, tri_ref *slots)
{
    into_a_fresh_object_on_the_stack(host, slots);
    for (unsigned i = 0; i < 1500; i++) {
        struct link *fresh = tri_alloc(host->mutator, host->link);
        fresh->next = ((struct link *)slots[SLOT_STACK])->next; /* and each holds it */
    }
}

/* Large enough to be scanned in pieces; the reference is in the last one. */
static void into_a_large_object(const struct host *host, tri_ref *slots)
{
    const size_t count = 40000;
    struct link *fresh = tri_alloc_array(host->mutator, host->link, count);
    fresh[count - 1].next = take_last(slots[SLOT_CHAIN]);
    slots[SLOT_STACK] = fresh;
}

static void onto_the_stack(const struct host *host, tri_ref *slots)
{
    (void)host;
    slots[SLOT_STACK] = take_last(slots[SLOT_CHAIN]);
}

static void into_a_global_slot(const struct host *host, tri_ref *slots)
{
    static tri_word global;
    (void)tri_global_remove(host->heap, &global); /* of the heap before: it had another address */
    global = 0;
    ck_assert_int_eq(tri_global_add(host->heap, &global, 1), TRI_OK);
    plain_store(&global, take_last(slots[SLOT_CHAIN]));
    tri_stored(host->mutator, &global, global);
}

static move *const moves[] = {
    store_and_report,
    store_and_remember,
    store_by_the_barrier,
    into_a_fresh_object_on_the_stack,
    into_a_fresh_object_in_a_black_one,
    into_the_first_of_many,
    into_a_large_object,
    onto_the_stack,
    into_a_global_slot,
};

/* The object that was moved in mid-cycle is there after its end. False where the cycle had ended
 * before that many steps. */
static bool survives_move(const struct host *host, move *function, unsigned steps)
{
    TRI_FRAME(host->mutator, SLOT_COUNT);
    TRI_LOCAL(SLOT_HOLDER) = link_new(host->mutator, host->link, 1000);
    TRI_LOCAL(SLOT_CHAIN) = list_new(host->mutator, host->link, CHAIN);
    struct link *last = TRI_LOCAL(SLOT_CHAIN);
    while (last->next != NULL) {
        last = last->next;
    }
    last->number = 4711;
    uintptr_t hidden = hide(last);
    bool in_time = take_steps(host, steps);
    function(host, &TRI_LOCAL(0));
    finish_cycle(host->mutator);
    tri_collect(host->mutator);
    ck_assert_msg(is_there(host->heap, hidden) &&
                      ((const struct link *)reveal(hidden))->number == 4711,
                  "what was moved after %u steps was freed", steps);
    return in_time;
}

START_TEST(moved_at_every_step)
{
    struct host host = stepped_host(TRI_BARRIER_INSERTION);
    unsigned steps = 0;
    while (survives_move(&host, moves[_i], steps)) {
        steps++;
    }
    ck_assert_uint_gt(steps, STEPS_MIN);
    host_end(&host);
}
END_TEST

/* From the stack into a fresh object, from there back onto the stack, and so on: once a step. */
static bool survives_hops(const struct host *host, unsigned steps)
{
    TRI_FRAME(host->mutator, SLOT_COUNT);
    TRI_LOCAL(SLOT_HOLDER) = link_new(host->mutator, host->link, 0);
    TRI_LOCAL(SLOT_CHAIN) = list_new(host->mutator, host->link, CHAIN);
    bool in_time = take_steps(host, steps);
    uintptr_t hidden = hide(take_last(TRI_LOCAL(SLOT_CHAIN)));
    TRI_LOCAL(SLOT_STACK) = reveal(hidden);
    bool more = true;
    for (unsigned hop = 0; more; hop++) {
        struct link *holder = TRI_LOCAL(SLOT_HOLDER);
        if (hop % 2 == 0) {
            struct link *fresh = tri_alloc(host->mutator, host->link);
            fresh->next = reveal(hidden);
            plain_store(&holder->next, fresh);
            tri_stored(host->mutator, holder, (tri_word)fresh);
            TRI_LOCAL(SLOT_STACK) = NULL;
        } else {
            TRI_LOCAL(SLOT_STACK) = holder->next->next;
            plain_store(&holder->next->next, NULL);
            plain_store(&holder->next, NULL);
        }
        more = take_step(host->mutator);
    }
    tri_collect(host->mutator);
    ck_assert(is_there(host->heap, hidden));
    return in_time;
}

START_TEST(hops_at_every_step)
{
    struct host host = stepped_host(TRI_BARRIER_INSERTION);
    unsigned steps = 0;
    while (survives_hops(&host, steps)) {
        steps++;
    }
    ck_assert_uint_gt(steps, STEPS_MIN);
    host_end(&host);
}
END_TEST

/* Two mutators of which one runs at a time, as under a lock of the host's; the words are their
 * stacks. Each makes an object that holds what is on its own stack and shows it to the other, which
 * takes it out again. */
static void hand_over(const struct host *host, tri_mutator *const mutators[2], tri_ref *stacks[2],
                      tri_word *shown)
{
    bool more = true;
    for (unsigned turn = 0; more || turn % 2 != 0; turn++) {
        tri_mutator *mutator = mutators[turn % 2];
        tri_ref *stack = stacks[turn % 2];
        struct link *seen = (struct link *)*shown;
        if (seen != NULL) {
            *stack = seen->next;
            plain_store(&seen->next, NULL);
        }
        more = take_step(mutator);
        struct link *fresh = tri_alloc(mutator, host->link);
        fresh->next = *stack;
        plain_store(shown, fresh);
        tri_stored(mutator, shown, *shown);
        *stack = NULL;
        tri_mutator_park(mutator);
        MUST(tri_mutator_resume(mutators[1 - turn % 2]) == TRI_OK);
    }
}

static bool survives_handing_over(const struct host *host, tri_mutator *second, unsigned steps)
{
    static tri_word shown[1];
    bool in_time;
    TRI_FRAME(host->mutator, 2);
    tri_ref *first_stack = &TRI_LOCAL(1);
    TRI_LOCAL(0) = list_new(host->mutator, host->link, CHAIN);
    ck_assert_int_eq(tri_global_add(host->heap, shown, 1), TRI_OK);
    in_time = take_steps(host, steps);
    uintptr_t hidden = hide(take_last(TRI_LOCAL(0)));
    *first_stack = reveal(hidden);
    {
        TRI_FRAME(second, 1);
        tri_mutator *const mutators[2] = {host->mutator, second};
        tri_ref *stacks[2] = {first_stack, &TRI_LOCAL(0)};
        hand_over(host, mutators, stacks, shown);
    }
    tri_collect(host->mutator);
    ck_assert(is_there(host->heap, hidden));
    ck_assert(tri_global_remove(host->heap, shown));
    shown[0] = 0;
    return in_time;
}

START_TEST(handed_over_at_every_step)
{
    struct host host = stepped_host(TRI_BARRIER_INSERTION);
    tri_mutator_park(host.mutator);
    tri_mutator *second = attach(host.heap);
    tri_mutator_park(second);
    ck_assert_int_eq(tri_mutator_resume(host.mutator), TRI_OK);
    unsigned steps = 0;
    while (survives_handing_over(&host, second, steps)) {
        steps++;
    }
    ck_assert_uint_gt(steps, STEPS_MIN);
    tri_mutator_detach(second);
    host_end(&host);
}
END_TEST

/* ---- Types that are traced at safepoints only ------------------------------------------------ */

/* A coroutine's stack in the heap. */
struct coroutine {
    uint64_t traces; /* written by its trace function, so never beside another */
    uint64_t depth;
    const struct link *words[4];
};

static void trace_coroutine(tri_visitor *visitor, tri_ref object, size_t bytes)
{
    struct coroutine *coroutine = object;
    MUST(bytes >= sizeof *coroutine && coroutine->depth <= 4);
    coroutine->traces++;
    for (uint64_t i = 0; i < coroutine->depth; i++) {
        tri_visit_ref(visitor, coroutine->words[i]);
    }
}

static tri_result define_coroutine(tri_heap *heap, tri_type **type)
{
    tri_type_desc desc = TRI_TYPE_DESC("coroutine", struct coroutine);
    desc.flags = TRI_TYPE_SAFEPOINT_ONLY;
    desc.layout = TRI_LAYOUT_TRACED_BY(trace_coroutine);
    return tri_type_define(heap, &desc, type);
}

static struct coroutine *coroutine_new(const struct host *host, tri_type *type)
{
    return tri_alloc(host->mutator, type);
}

/* The last link hops between coroutines, and the stack, at each step; nothing is ever reported. One
 * coroutine is known early, one is at the end of the chain, and one is new. */
static bool survives_coroutines(const struct host *host, tri_type *type, unsigned steps)
{
    TRI_FRAME(host->mutator, SLOT_COUNT + 2);
    TRI_LOCAL(SLOT_HOLDER) = coroutine_new(host, type);
    TRI_LOCAL(SLOT_CHAIN) = list_new(host->mutator, host->link, CHAIN);
    struct coroutine *far = coroutine_new(host, type);
    struct link *last = TRI_LOCAL(SLOT_CHAIN);
    while (last->next->next != NULL) {
        last = last->next;
    }
    uintptr_t hidden = hide(last->next);
    tri_init_ref(host->mutator, &last->next->next, far);
    bool in_time = take_steps(host, steps);
    TRI_LOCAL(SLOT_STACK) = coroutine_new(host, type);
    struct coroutine *places[3] = {TRI_LOCAL(SLOT_HOLDER), TRI_LOCAL(SLOT_STACK), far};
    bool more = true;
    plain_store(&last->next, far); /* in place of what hops from here on */
    tri_stored(host->mutator, last, (tri_word)far);
    struct coroutine *place = NULL;
    for (unsigned hop = 0; more; hop++) {
        if (place != NULL) {
            place->words[--place->depth] = NULL;
        }
        place = places[hop % 3];
        place->words[place->depth++] = reveal(hidden);
        more = take_step(host->mutator);
    }
    tri_collect(host->mutator);
    ck_assert(is_there(host->heap, hidden));
    ck_assert_uint_gt(places[0]->traces, 0);
    ck_assert(is_there(host->heap, hide(far)));
    return in_time;
}

START_TEST(coroutines_at_every_step)
{
    struct host host = stepped_host(TRI_BARRIER_INSERTION);
    tri_type *type;
    ck_assert_int_eq(define_coroutine(host.heap, &type), TRI_OK);
    unsigned steps = 0;
    while (survives_coroutines(&host, type, steps)) {
        steps++;
    }
    ck_assert_uint_gt(steps, STEPS_MIN);
    host_end(&host);
}
END_TEST

/* In a heap of the other kind they are written with the barrier; they wait for a safepoint all the
 * same. Marker threads run beside. */
START_TEST(coroutines_with_the_barrier)
{
    tri_heap_options options = options_new();
    options.barrier = _i == 0 ? TRI_BARRIER_HYBRID : TRI_BARRIER_INSERTION;
    options.stop_the_world = _i == 2;
    struct host host = host_new(&options);
    tri_type *type;
    ck_assert_int_eq(define_coroutine(host.heap, &type), TRI_OK);
    {
        TRI_FRAME(host.mutator, 1);
        struct coroutine *coroutine = coroutine_new(&host, type);
        TRI_LOCAL(0) = coroutine;
        for (unsigned i = 0; i < 20; i++) {
            struct link *link = link_new(host.mutator, host.link, i);
            tri_store_ref(host.mutator, &coroutine->words[0], link);
            coroutine->depth = 1;
            ck_assert_uint_eq(collect_and_count(host.mutator), 2);
            ck_assert_uint_eq(coroutine->words[0]->number, i);
        }
        ck_assert_uint_ge(coroutine->traces, 20);
    }
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    host_end(&host);
}
END_TEST

/* The heap's only mutator is gone in mid-cycle, and another one finishes the cycle. */
START_TEST(coroutines_unattended)
{
    struct host host = stepped_host(TRI_BARRIER_INSERTION);
    tri_type *type;
    tri_handle *handle;
    ck_assert_int_eq(define_coroutine(host.heap, &type), TRI_OK);
    ck_assert_int_eq(tri_handle_create(host.mutator, coroutine_new(&host, type), &handle), TRI_OK);
    for (unsigned steps = 0; steps < 30; steps++) {
        struct coroutine *coroutine = tri_handle_get(handle);
        coroutine->depth = 1;
        coroutine->words[0] = link_new(host.mutator, host.link, steps);
        (void)take_steps(&host, steps);
        tri_mutator_detach(host.mutator);
        host.mutator = attach(host.heap);
        finish_cycle(host.mutator);
        ck_assert_uint_eq(collect_and_count(host.mutator), 2);
        ck_assert_uint_eq(coroutine->words[0]->number, steps);
    }
    tri_handle_destroy(host.mutator, handle);
    host_end(&host);
}
END_TEST

/* The same, where no other one comes until the collector's thread has finished the cycle alone. */
START_TEST(coroutines_left_to_the_collector)
{
    tri_heap_options options = options_new();
    options.barrier = TRI_BARRIER_INSERTION;
    options.markers = 2;
    options.stress = 0;
    options.heap_minimum = (size_t)64 * 1024;
    struct host host = host_new(&options);
    tri_type *type;
    tri_handle *handle;
    ck_assert_int_eq(define_coroutine(host.heap, &type), TRI_OK);
    ck_assert_int_eq(tri_handle_create(host.mutator, coroutine_new(&host, type), &handle), TRI_OK);
    for (unsigned round = 0; round < 50; round++) {
        struct coroutine *coroutine = tri_handle_get(handle);
        coroutine->words[0] = list_new(host.mutator, host.link, CHAIN);
        coroutine->depth = 1;
        uint64_t cycles = stats_of(host.heap).num_gc;
        do {
            (void)tri_alloc_array(host.mutator, host.leaf, 8192);
        } while (!is_marking(host.mutator) && stats_of(host.heap).num_gc == cycles);
        tri_mutator_detach(host.mutator);
        while (stats_of(host.heap).num_gc == cycles) {
            (void)sched_yield();
        }
        host.mutator = attach(host.heap);
        ck_assert_uint_eq(collect_and_count(host.mutator), 1 + CHAIN);
        ck_assert(list_is_intact(coroutine->words[0], CHAIN));
    }
    tri_handle_destroy(host.mutator, handle);
    host_end(&host);
}
END_TEST

static void *attach_second(void *heap)
{
    tri_mutator *mutator;
    tri_result result = tri_mutator_attach(heap, &mutator);
    if (result == TRI_OK) {
        tri_mutator_detach(mutator);
    }
    return (void *)(uintptr_t)result;
}

static tri_result result_of_second(const struct host *host)
{
    void *result;
    pthread_t thread = thread_new(attach_second, host->heap);
    tri_blocking_begin(host->mutator);
    MUST(pthread_join(thread, &result) == 0);
    tri_blocking_end(host->mutator);
    return (tri_result)(uintptr_t)result;
}

START_TEST(one_mutator_at_a_time)
{
    struct host host = stepped_host(TRI_BARRIER_INSERTION);
    tri_type *type;
    tri_type_desc bad = TRI_TYPE_DESC("", struct coroutine);
    bad.flags = TRI_TYPE_SAFEPOINT_ONLY;
    ck_assert_int_eq(tri_type_define(host.heap, &bad, &type), TRI_E_INVALID);
    ck_assert_int_eq(result_of_second(&host), TRI_OK);
    tri_mutator_park(host.mutator);
    tri_mutator *second = attach(host.heap);
    ck_assert_int_eq(define_coroutine(host.heap, &type), TRI_E_STATE);
    tri_mutator_detach(second);
    ck_assert_int_eq(define_coroutine(host.heap, &type), TRI_OK);
    ck_assert_int_eq(tri_mutator_attach(host.heap, &second), TRI_E_STATE);
    ck_assert_int_eq(tri_mutator_resume(host.mutator), TRI_OK);
    ck_assert_int_eq(result_of_second(&host), TRI_E_STATE);
    tri_mutator_detach(host.mutator);
    host.mutator = attach(host.heap);
    ck_assert_int_eq(define_coroutine(host.heap, &type), TRI_OK); /* another one */
    host_end(&host);
}
END_TEST

/* ---- Blocks that are released later ---------------------------------------------------------- */

#define BLOCK_WORDS 3
#define BLOCK_MAGIC UINT64_C(0x626c6f636b)

/* A block of the host's own, outside the heap. */
struct block {
    uint64_t magic;
    tri_word words[BLOCK_WORDS];
};

struct vector {
    struct block *block;
};

static atomic_uint released; /* by two threads, where a cycle ends beside its mutator */

static struct block *block_new(void)
{
    struct block *block = calloc(1, sizeof *block);
    MUST(block != NULL);
    block->magic = BLOCK_MAGIC;
    return block;
}

static void release_block(void *memory, void *argument)
{
    struct block *block = memory;
    MUST(block->magic == BLOCK_MAGIC);
    block->magic = 0;
    free(block);
    atomic_fetch_add((atomic_uint *)argument, 1);
}

static void trace_vector(tri_visitor *visitor, tri_ref object, size_t bytes)
{
    const struct block *block =
        __atomic_load_n(&((struct vector *)object)->block, __ATOMIC_ACQUIRE);
    MUST(bytes >= sizeof(struct vector));
    if (block != NULL) {
        MUST(block->magic == BLOCK_MAGIC);
        for (size_t i = 0; i < BLOCK_WORDS; i++) {
            tri_visit_ref(visitor, (const void *)TRI_LOAD_RELAXED(&block->words[i]));
        }
    }
}

static tri_type *vector_type_new(tri_heap *heap)
{
    tri_type_desc desc = TRI_TYPE_DESC("vector", struct vector);
    desc.layout = TRI_LAYOUT_TRACED_BY(trace_vector);
    return type_new(heap, &desc);
}

/* Replace the block by an empty one. What it referred to is on the stack alone. */
static bool survives_release(const struct host *host, tri_type *type, unsigned steps)
{
    TRI_FRAME(host->mutator, 1 + BLOCK_WORDS);
    struct vector *vector = tri_alloc(host->mutator, type);
    TRI_LOCAL(1) = vector;
    vector->block = block_new();
    for (size_t i = 0; i < BLOCK_WORDS; i++) {
        const struct link *link = link_new(host->mutator, host->link, i);
        vector->block->words[i] = (tri_word)link;
    }
    TRI_LOCAL(0) = list_new(host->mutator, host->link, CHAIN);
    struct link *last = TRI_LOCAL(0);
    while (last->next != NULL) {
        last = last->next;
    }
    tri_store_ref(host->mutator, &last->next, vector);
    TRI_LOCAL(1) = NULL;
    bool in_time = take_steps(host, steps);
    struct block *old = vector->block;
    uintptr_t hidden[BLOCK_WORDS];
    for (size_t i = 0; i < BLOCK_WORDS; i++) {
        TRI_LOCAL(1 + i) = (tri_ref)old->words[i];
        hidden[i] = hide(TRI_LOCAL(1 + i));
    }
    released = 0;
    bool marking = is_marking(host->mutator);
    __atomic_store_n(&vector->block, block_new(), __ATOMIC_RELEASE);
    ck_assert_int_eq(
        tri_free_later(host->mutator, old, old->words, BLOCK_WORDS, release_block, &released),
        TRI_OK);
    ck_assert(!marking || released == 0);
    finish_cycle(host->mutator);
    ck_assert_uint_eq(released, 1);
    tri_collect(host->mutator);
    for (size_t i = 0; i < BLOCK_WORDS; i++) {
        ck_assert_msg(is_there(host->heap, hidden[i]) &&
                          ((const struct link *)reveal(hidden[i]))->number == i,
                      "what the block of step %u held was freed", steps);
    }
    free(vector->block);
    vector->block = NULL;
    return in_time;
}

START_TEST(released_at_every_step)
{
    struct host host = stepped_host(_i == 0 ? TRI_BARRIER_HYBRID : TRI_BARRIER_INSERTION);
    tri_type *type = vector_type_new(host.heap);
    unsigned steps = 0;
    while (survives_release(&host, type, steps)) {
        steps++;
    }
    ck_assert_uint_gt(steps, STEPS_MIN);
    host_end(&host);
}
END_TEST

/* Not in a cycle: at once. In one that never ends: with the heap. */
START_TEST(released_at_once_or_at_the_end)
{
    struct host host = stepped_host(TRI_BARRIER_HYBRID);
    released = 0;
    struct block *kept = block_new();
    ck_assert_int_eq(tri_free_later(host.mutator, kept, NULL, 0, NULL, NULL), TRI_E_INVALID);
    ck_assert_int_eq(tri_free_later(host.mutator, kept, NULL, 1, release_block, &released),
                     TRI_E_INVALID);
    free(kept); /* what is refused stays the caller's */
    ck_assert_uint_eq(released, 0);
    ck_assert_int_eq(tri_free_later(host.mutator, block_new(), NULL, 0, release_block, &released),
                     TRI_OK);
    ck_assert_uint_eq(released, 1);
    {
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = list_new(host.mutator, host.link, CHAIN);
        for (unsigned steps = 0; !is_marking(host.mutator); steps++) {
            ck_assert(take_steps(&host, steps));
        }
    }
    for (unsigned i = 0; i < 100; i++) {
        ck_assert_int_eq(
            tri_free_later(host.mutator, block_new(), NULL, 0, release_block, &released), TRI_OK);
    }
    ck_assert_uint_eq(released, 1);
    host_end(&host);
    ck_assert_uint_eq(released, 101);
}
END_TEST

/* Blocks are replaced all the time beside marker threads; whoever reads one that is gone dies. */
START_TEST(released_beside_markers)
{
    tri_heap_options options = options_new();
    options.barrier = _i == 0 ? TRI_BARRIER_HYBRID : TRI_BARRIER_INSERTION;
    options.heap_minimum = (size_t)64 * 1024;
    options.markers = 3;
    struct host host = host_new(&options);
    tri_type *type = vector_type_new(host.heap);
    unsigned count = 0;
    released = 0;
    {
        TRI_FRAME(host.mutator, 1);
        struct vector *vector = tri_alloc(host.mutator, type);
        TRI_LOCAL(0) = vector;
        for (; count < times(40000, 4000); count++) {
            struct block *block = block_new();
            struct block *old = vector->block;
            const struct link *link = link_new(host.mutator, host.link, count);
            block->words[0] = (tri_word)link;
            block->words[1] = old == NULL ? 0 : old->words[0];
            tri_written(host.mutator, vector);
            __atomic_store_n(&vector->block, block, __ATOMIC_RELEASE);
            tri_remember(host.mutator, vector);
            if (old != NULL) {
                ck_assert_int_eq(tri_free_later(host.mutator, old, old->words, BLOCK_WORDS,
                                                release_block, &released),
                                 TRI_OK);
            }
            MUST(((const struct link *)block->words[0])->number == count);
            MUST(count == 0 || ((const struct link *)block->words[1])->number == count - 1);
        }
        ck_assert_int_eq(
            tri_free_later(host.mutator, vector->block, NULL, 0, release_block, &released), TRI_OK);
        vector->block = NULL;
    }
    host_end(&host);
    ck_assert_uint_eq(released, count);
}
END_TEST

/* ---- Misuse ---------------------------------------------------------------------------------- */

#if TRI_CHECKED
static void report_in_a_hybrid_heap(const void *unused)
{
    (void)unused;
    struct host host = stepped_host(TRI_BARRIER_HYBRID);
    struct link *link = link_new(host.mutator, host.link, 0);
    tri_stored(host.mutator, link, 0);
}

static void report_of_no_object(const void *unused)
{
    static tri_word nothing;
    (void)unused;
    struct host host = stepped_host(TRI_BARRIER_INSERTION);
    tri_stored(host.mutator, &nothing, 0);
}

START_TEST(misuse)
{
    expect_death(
        report_in_a_hybrid_heap, NULL,
        "trillium: fatal: tri_stored: the heap's barrier is TRI_BARRIER_HYBRID, which must "
        "see the old value before the store: use tri_store, or create the heap with "
        "TRI_BARRIER_INSERTION\n");
    expect_death(report_of_no_object, NULL,
                 "trillium: fatal: tri_stored: the container {p} is neither an object of the "
                 "mutator's heap nor a global slot\n");
}
END_TEST
#endif

int main(void)
{
    const struct test_entry tests[] = {
        {moved_at_every_step, LENGTH(moves)},
        {hops_at_every_step, 0},
        {handed_over_at_every_step, 0},
        {coroutines_at_every_step, 0},
        {coroutines_with_the_barrier, 3},
        {coroutines_unattended, 0},
        {coroutines_left_to_the_collector, 0},
        {one_mutator_at_a_time, 0},
        {released_at_every_step, 2},
        {released_at_once_or_at_the_end, 0},
        {released_beside_markers, 2},
#if TRI_CHECKED
        {misuse, 0},
#endif
    };
    return scenario_run("insertion", tests, LENGTH(tests));
}
