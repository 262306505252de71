/* roots_test.c -- each kind of root keeps its objects, and nothing else does. */
#include <setjmp.h>

#include "tests/scenario/scenario.h"

/* ---- Frames ---------------------------------------------------------------------------------- */

START_TEST(frame_holds_until_its_block_ends)
{
    struct host host = host_new(NULL);
    uintptr_t hidden[3];
    {
        TRI_FRAME(host.mutator, 3);
        for (size_t i = 0; i < 3; i++) {
            TRI_LOCAL(i) = link_new(host.mutator, host.leaf, 100 + i);
            hidden[i] = hide(TRI_LOCAL(i));
        }
        (void)link_new(host.mutator, host.leaf, 0); /* held by nobody */
        ck_assert_uint_eq(collect_and_count(host.mutator), 3);
        for (size_t i = 0; i < 3; i++) {
            ck_assert(is_there(host.heap, hidden[i]));
            ck_assert_uint_eq(((struct link *)TRI_LOCAL(i))->number, 100 + i);
        }
        TRI_LOCAL(1) = TRI_NULL;
        ck_assert_uint_eq(collect_and_count(host.mutator), 2);
        ck_assert(!is_there(host.heap, hidden[1]));
    }
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    ck_assert(!is_there(host.heap, hidden[0]) && !is_there(host.heap, hidden[2]));
    host_end(&host);
}
END_TEST

/* Opens depth frames, each with a list of its own, and checks all of them innermost and on the way
 * back. others is what is held elsewhere. */
static void nest(struct host *host, uint64_t depth, uint64_t of, uint64_t others)
{
    if (depth == 0) {
        ck_assert_uint_eq(collect_and_count(host->mutator), others + of * 3);
        return;
    }
    TRI_FRAME(host->mutator, 1);
    TRI_LOCAL(0) = list_new(host->mutator, host->link, 3);
    nest(host, depth - 1, of, others);
    ck_assert_uint_eq(collect_and_count(host->mutator), others + (of - depth + 1) * 3);
    ck_assert(list_is_intact(TRI_LOCAL(0), 3));
}

START_TEST(frames_nest)
{
    struct host host = host_new(NULL);
    nest(&host, 20, 20, 0);
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    host_end(&host);
}
END_TEST

static int leave(struct host *host, int way)
{
    for (int i = 0; i < 2; i++) {
        TRI_FRAME(host->mutator, 1);
        TRI_LOCAL(0) = link_new(host->mutator, host->leaf, 1);
        if (way == 0) {
            return 0;
        }
        if (way == 1) {
            break;
        }
        if (way == 2) {
            continue;
        }
        goto out;
    }
out:
    return way;
}

START_TEST(frame_ends_however_its_block_is_left)
{
    struct host host = host_new(NULL);
    {
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = link_new(host.mutator, host.leaf, 1);
        ck_assert_int_eq(leave(&host, _i), _i);
        ck_assert_uint_eq(collect_and_count(host.mutator), 1);
    }
    host_end(&host);
}
END_TEST

static jmp_buf error_exit;

static TRI_NORETURN void raise_error(struct host *host, unsigned depth)
{
    TRI_FRAME(host->mutator, 2);
    TRI_LOCAL(0) = list_new(host->mutator, host->link, 10);
    TRI_LOCAL(1) = list_new(host->mutator, host->link, 10);
    if (depth == 0) {
        longjmp(error_exit, 1);
    }
    raise_error(host, depth - 1);
}

/* As a virtual machine does on an error. In a function of its own, so that no local changes between
 * setjmp and longjmp. */
static void catch_error(struct host *host)
{
    struct tri_frame_ *mark = tri_frames_save(host->mutator);
    if (setjmp(error_exit) == 0) {
        raise_error(host, 5);
    }
    tri_frames_restore(host->mutator, mark);
}

START_TEST(frames_are_restored_after_longjmp)
{
    struct host host = host_new(NULL);
    {
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = list_new(host.mutator, host.link, 7);
        catch_error(&host);
        ck_assert_uint_eq(collect_and_count(host.mutator), 7);
        ck_assert(list_is_intact(TRI_LOCAL(0), 7));
        TRI_LOCAL(0) = list_new(host.mutator, host.link, 5); /* as good as before */
        nest(&host, 3, 3, 5);
    }
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    host_end(&host); /* dies if a frame were still open */
}
END_TEST

/* ---- The host's own stack -------------------------------------------------------------------- */

#define BOX_MASK    UINT64_C(0xfffc000000000000)
#define BOX_PATTERN UINT64_C(0xfffc000000000000)

static tri_word box(const void *address)
{
    return BOX_PATTERN | (tri_word)address;
}

/* A virtual machine's stacks, one for each function that reports references. */
struct machine {
    tri_word values[4]; /* the last one is reported alone */
    void *references[2];
    void *candidates[2];
    tri_mutator *mutator;
    unsigned calls;
};

static void scan_machine(tri_visitor *visitor, tri_mutator *mutator, void *argument)
{
    struct machine *machine = argument;
    MUST(mutator == machine->mutator);
    tri_visit_values(visitor, machine->values, 3);
    tri_visit_value(visitor, machine->values[3]);
    tri_visit_ref(visitor, machine->references[0]);
    tri_visit_ref(visitor, machine->references[1]);
    tri_visit_conservatively(visitor, machine->candidates, 2);
    machine->calls++;
}

static void fill_machine(struct host *host, struct machine *machine)
{
    for (size_t i = 0; i < 4; i++) {
        machine->values[i] = box(link_new(host->mutator, host->leaf, i));
    }
    for (size_t i = 0; i < 2; i++) {
        machine->references[i] = link_new(host->mutator, host->leaf, 4 + i);
        machine->candidates[i] = link_new(host->mutator, host->leaf, 6 + i);
    }
}

static void check_machine(const struct machine *machine)
{
    for (size_t i = 0; i < 4; i++) {
        ck_assert_uint_eq(((struct link *)(machine->values[i] & ~BOX_MASK))->number, i);
    }
    for (size_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(((struct link *)machine->references[i])->number, 4 + i);
        ck_assert_uint_eq(((struct link *)machine->candidates[i])->number, 6 + i);
    }
}

static struct host boxing_host(void)
{
    tri_heap_options options = options_new();
    options.value_encoding = TRI_ENCODING_NAN_BOX(BOX_MASK, BOX_PATTERN);
    return host_new(&options);
}

START_TEST(scanner_reports_in_every_way)
{
    struct host host = boxing_host();
    struct machine machine = {.mutator = host.mutator};
    tri_roots_set_scanner(host.mutator, scan_machine, &machine);
    fill_machine(&host, &machine);
    ck_assert_uint_eq(collect_and_count(host.mutator), 8);
    ck_assert_uint_ge(machine.calls, 1);
    check_machine(&machine);

    machine.values[1] = 0x3ff0000000000000;              /* a number */
    machine.values[3] = (tri_word)machine.references[0]; /* not boxed: no reference */
    machine.references[0] = NULL;
    machine.candidates[1] = &machine; /* not in the heap */
    ck_assert_uint_eq(collect_and_count(host.mutator), 4);

    tri_roots_set_scanner(host.mutator, NULL, NULL);
    unsigned calls = machine.calls;
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    ck_assert_uint_eq(machine.calls, calls);
    host_end(&host);
}
END_TEST

static void *collect_on_thread(void *argument)
{
    tri_mutator *mutator = attach(argument);
    tri_collect(mutator);
    tri_mutator_detach(mutator);
    return NULL;
}

/* Collect on another thread while this one's mutator is blocked. */
static void collect_elsewhere(tri_mutator *mutator)
{
    pthread_t thread = thread_new(collect_on_thread, tri_mutator_heap(mutator));
    thread_join_blocked(mutator, thread);
}

START_TEST(blocked_and_parked_mutators_keep_their_roots)
{
    struct host host = boxing_host();
    {
        struct machine machine = {.mutator = host.mutator};
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = list_new(host.mutator, host.link, 11);
        tri_roots_set_scanner(host.mutator, scan_machine, &machine);
        fill_machine(&host, &machine);
        collect_elsewhere(host.mutator);
        check_machine(&machine);

        tri_mutator_park(host.mutator);
        (void)collect_on_thread(host.heap); /* this very thread, with a mutator of its own */
        ck_assert_int_eq(tri_mutator_resume(host.mutator), TRI_OK);
        check_machine(&machine);
        ck_assert(list_is_intact(TRI_LOCAL(0), 11));
        ck_assert_uint_eq(collect_and_count(host.mutator), 19);
        tri_roots_set_scanner(host.mutator, NULL, NULL);
    }
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    host_end(&host);
}
END_TEST

/* ---- The C stack ----------------------------------------------------------------------------- */

#define LOCALS 200

/* How the collection comes about while the only references are locals of a C function. */
enum way_to_collect {
    COLLECT_HERE,
    COLLECT_AT_SAFEPOINT,
    COLLECT_WHILE_BLOCKED,
    WAYS_TO_COLLECT
};

struct collector_thread {
    tri_heap *heap;
    atomic_bool done;
};

static void *collect_and_tell(void *argument)
{
    struct collector_thread *collector = argument;
    (void)collect_on_thread(collector->heap);
    atomic_store(&collector->done, true);
    return NULL;
}

static void collect_in_way(tri_mutator *mutator, enum way_to_collect way)
{
    struct collector_thread collector = {.heap = tri_mutator_heap(mutator)};
    pthread_t thread;
    switch (way) {
    case COLLECT_HERE:
        tri_collect(mutator);
        break;
    case COLLECT_AT_SAFEPOINT:
        thread = thread_new(collect_and_tell, &collector);
        while (!atomic_load(&collector.done)) {
            tri_safepoint(mutator);
        }
        thread_join(thread);
        break;
    default:
        collect_elsewhere(mutator);
        break;
    }
}

/* As seen by the compiler, the locals are read and written elsewhere: they stay in memory, under
 * AddressSanitizer on its fake stack where that is on. */
static struct link **volatile escaped;

/* How many of LOCALS objects, held by an array among the locals only, outlive a collection. */
static TRI_NOINLINE unsigned surviving_locals(struct host *host, enum way_to_collect way)
{
    struct link *locals[LOCALS];
    uintptr_t hidden[LOCALS];
    unsigned surviving = 0;
    memset(locals, 0, sizeof locals);
    escaped = locals;
    for (unsigned i = 0; i < LOCALS; i++) {
        locals[i] = link_new(host->mutator, host->leaf, 1000 + i);
        hidden[i] = hide(locals[i]);
    }
    collect_in_way(host->mutator, way);
    for (unsigned i = 0; i < LOCALS; i++) {
        if (is_there(host->heap, hidden[i])) {
            surviving++;
            MUST(escaped[i] == reveal(hidden[i]) && escaped[i]->number == 1000 + i);
        }
    }
    memset(locals, 0, sizeof locals);
    return surviving;
}

START_TEST(c_stack_keeps_locals_where_asked_for)
{
    struct host host = host_new(NULL);
    ck_assert_int_eq(tri_mutator_scan_c_stack(host.mutator, true), TRI_OK);
    ck_assert_uint_eq(surviving_locals(&host, (enum way_to_collect)_i), LOCALS);
    ck_assert_int_eq(tri_mutator_scan_c_stack(host.mutator, false), TRI_OK);
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    host_end(&host);
}
END_TEST

START_TEST(c_stack_is_not_scanned_unless_asked_for)
{
    tri_heap_options options = options_new();
    options.stress = 0; /* nothing may die before the collection at which we look */
    options.gc_percent = TRI_GC_PERCENT_OFF;
    struct host host = host_new(&options);
    ck_assert_uint_eq(surviving_locals(&host, (enum way_to_collect)_i), 0);
    ck_assert_uint_eq(stats_of(host.heap).heap_objects, 0);
    host_end(&host);
}
END_TEST

static TRI_NOINLINE void drop_garbage(struct host *host, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        (void)link_new(host->mutator, host->leaf, i);
    }
}

START_TEST(c_stack_keeps_little_else)
{
    struct host host = host_new(NULL);
    ck_assert_int_eq(tri_mutator_scan_c_stack(host.mutator, true), TRI_OK);
    drop_garbage(&host, 5000);
    scrub_stack();
    ck_assert_uint_lt(collect_and_count(host.mutator), 100);
    host_end(&host);
}
END_TEST

/* In hold_in_registers.S. */
void hold_in_registers(uintptr_t words[5], void (*const steps[3])(void *), void *argument);

static void step_begin(void *argument)
{
    tri_blocking_begin(((struct host *)argument)->mutator);
}

static void step_collect(void *argument)
{
    struct host *host = argument;
    scrub_stack(); /* what tri_blocking_begin had pushed is gone */
    thread_join(thread_new(collect_on_thread, host->heap));
}

static void step_end(void *argument)
{
    tri_blocking_end(((struct host *)argument)->mutator);
}

static void step_safepoint(void *argument)
{
    collect_in_way(((struct host *)argument)->mutator, COLLECT_AT_SAFEPOINT);
}

static void step_collect_here(void *argument)
{
    tri_collect(((struct host *)argument)->mutator);
}

static void step_nothing(void *argument)
{
    (void)argument;
}

/* Five objects whose addresses are nowhere. */
static TRI_NOINLINE void hidden_objects(struct host *host, uintptr_t words[5])
{
    TRI_FRAME(host->mutator, 5);
    for (size_t i = 0; i < 5; i++) {
        TRI_LOCAL(i) = link_new(host->mutator, host->leaf, 77 + i);
        words[i] = hide(TRI_LOCAL(i));
        ((struct link *)TRI_LOCAL(i))->next = NULL;
    }
    for (size_t i = 0; i < 5; i++) {
        TRI_LOCAL(i) = TRI_NULL;
    }
}

/* Run the steps with the words turned over in registers, or as they are, and count what is there
 * afterwards. */
static TRI_NOINLINE unsigned surviving_registers(struct host *host, void (*const steps[3])(void *),
                                                 bool revealed)
{
    uintptr_t words[5];
    uintptr_t before[5];
    unsigned surviving = 0;
    hidden_objects(host, words);
    memcpy(before, words, sizeof before);
    for (size_t i = 0; i < 5 && !revealed; i++) {
        words[i] ^= UINT64_C(1) << 63; /* turned over, an address of nothing */
    }
    scrub_stack();
    hold_in_registers(words, steps, host);
    for (size_t i = 0; i < 5; i++) {
        MUST(!revealed || words[i] == before[i]);
        if (is_there(host->heap, before[i])) {
            surviving++;
            MUST(((struct link *)reveal(before[i]))->number == 77 + i);
        }
    }
    return surviving;
}

static void (*const register_steps[3][3])(void *) = {
    {step_begin, step_collect, step_end},
    {step_nothing, step_safepoint, step_nothing},
    {step_nothing, step_collect_here, step_nothing},
};

START_TEST(c_stack_keeps_callee_saved_registers)
{
    tri_heap_options options = options_new();
    options.stress = 0; /* until the steps nothing holds the objects */
    options.gc_percent = TRI_GC_PERCENT_OFF;
    struct host host = host_new(&options);
    ck_assert_int_eq(tri_mutator_scan_c_stack(host.mutator, true), TRI_OK);
    unsigned held = 0;
    unsigned stale = 0;
    for (int round = 0; round < 20; round++) {
        held += surviving_registers(&host, register_steps[_i], true);
        stale += surviving_registers(&host, register_steps[_i], false);
    }
    ck_assert_uint_eq(held, 100);
    ck_assert_uint_lt(stale, 50); /* so it was the registers that held them */
    host_end(&host);
}
END_TEST

/* ---- Global slots ---------------------------------------------------------------------------- */

START_TEST(global_slots)
{
    static tri_word slots[3];
    static tri_word other[1];
    struct host host = boxing_host();
    ck_assert_int_eq(tri_global_add(host.heap, slots, LENGTH(slots)), TRI_OK);
    ck_assert_int_eq(tri_global_add(host.heap, other, LENGTH(other)), TRI_OK);
    for (size_t i = 0; i < LENGTH(slots); i++) {
        tri_store(host.mutator, &slots[i], box(link_new(host.mutator, host.leaf, i)));
    }
    tri_store(host.mutator, &other[0], box(list_new(host.mutator, host.link, 10)));
    ck_assert_uint_eq(collect_and_count(host.mutator), 13);
    ck_assert(list_is_intact((struct link *)(other[0] & ~BOX_MASK), 10));
    ck_assert_uint_eq(((struct link *)(slots[2] & ~BOX_MASK))->number, 2);

    tri_store(host.mutator, &slots[1], 42); /* no reference in this encoding */
    ck_assert_uint_eq(collect_and_count(host.mutator), 12);
    ck_assert(tri_global_remove(host.heap, other));
    ck_assert_uint_eq(collect_and_count(host.mutator), 2);
    ck_assert(!tri_global_remove(host.heap, other));
    ck_assert(!tri_global_remove(host.heap, slots + 1)); /* not as it was given */
    ck_assert(tri_global_remove(host.heap, slots));
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    host_end(&host);
}
END_TEST

START_TEST(global_slots_that_cannot_be)
{
    static tri_word slots[2];
    struct host host = host_new(NULL);
    {
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = link_new(host.mutator, host.link, 1);
        ck_assert_int_eq(tri_global_add(host.heap, NULL, 1), TRI_E_INVALID);
        ck_assert_int_eq(tri_global_add(host.heap, (tri_word *)((char *)slots + 4), 1),
                         TRI_E_INVALID);
        ck_assert_int_eq(tri_global_add(host.heap, TRI_LOCAL(0), 1), TRI_E_INVALID);
    }
    host_end(&host);
}
END_TEST

START_TEST(global_slots_of_several_heaps)
{
    static tri_word slots[2];
    struct host first = host_new(NULL);
    struct host second = host_new(NULL);
    /* The same words may be roots of both; each finds what is its own. */
    ck_assert_int_eq(tri_global_add(first.heap, slots, 2), TRI_OK);
    ck_assert_int_eq(tri_global_add(second.heap, slots, 2), TRI_OK);
    tri_store_ref(first.mutator, &slots[0], list_new(first.mutator, first.link, 3));
    tri_store_ref(second.mutator, &slots[1], list_new(second.mutator, second.link, 4));
    ck_assert_uint_eq(collect_and_count(first.mutator), 3);
    ck_assert_uint_eq(collect_and_count(second.mutator), 4);
    host_end(&first);
    ck_assert_uint_eq(collect_and_count(second.mutator), 4);
    host_end(&second);
}
END_TEST

START_TEST(global_slots_by_the_thousand)
{
    static tri_word slots[3000];
    uint64_t random = unit_seed();
    struct host host = host_new(NULL);
    bool added[LENGTH(slots)] = {false};
    uint64_t count = 0;
    for (size_t i = 0; i < LENGTH(slots); i++) {
        tri_store_ref(host.mutator, &slots[i], NULL);
    }
    for (int step = 0; step < 10000; step++) {
        size_t i = unit_random_below(&random, LENGTH(slots));
        if (added[i]) {
            ck_assert(tri_global_remove(host.heap, &slots[i]));
            tri_store_ref(host.mutator, &slots[i], NULL);
        } else {
            ck_assert_int_eq(tri_global_add(host.heap, &slots[i], 1), TRI_OK);
            tri_store_ref(host.mutator, &slots[i], link_new(host.mutator, host.leaf, i));
        }
        added[i] = !added[i];
    }
    for (size_t i = 0; i < LENGTH(slots); i++) {
        count += added[i];
    }
    ck_assert_uint_eq(collect_and_count(host.mutator), count);
    for (size_t i = 0; i < LENGTH(slots); i++) {
        ck_assert(!added[i] || ((struct link *)slots[i])->number == i);
    }
    host_end(&host); /* with the rest of them still added */
}
END_TEST

/* ---- Handles --------------------------------------------------------------------------------- */

START_TEST(handles)
{
    struct host host = host_new(NULL);
    tri_handle *handle;
    tri_handle *empty;
    ck_assert_int_eq(tri_handle_create(host.mutator, list_new(host.mutator, host.link, 9), &handle),
                     TRI_OK);
    ck_assert_int_eq(tri_handle_create(host.mutator, TRI_NULL, &empty), TRI_OK);
    ck_assert_uint_eq(stats_of(host.heap).handles, 2);
    ck_assert_uint_eq(collect_and_count(host.mutator), 9);
    ck_assert(list_is_intact(tri_handle_get(handle), 9));
    ck_assert_ptr_null(tri_handle_get(empty));

    tri_handle_set(host.mutator, handle, list_new(host.mutator, host.link, 4));
    ck_assert_uint_eq(collect_and_count(host.mutator), 4);
    ck_assert(list_is_intact(tri_handle_get(handle), 4));
    tri_handle_set(host.mutator, handle, TRI_NULL);
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    tri_handle_set(host.mutator, handle, list_new(host.mutator, host.link, 2));
    ck_assert_uint_eq(collect_and_count(host.mutator), 2);
    tri_handle_destroy(host.mutator, handle);
    ck_assert_uint_eq(stats_of(host.heap).handles, 1);
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    host_end(&host); /* with the other one */
}
END_TEST

START_TEST(handles_by_the_thousand)
{
    enum {
        COUNT = 2000
    };
    static tri_handle *handles[COUNT];
    uint64_t random = unit_seed();
    struct host host = host_new(NULL);
    uint64_t count = 0;
    for (int step = 0; step < 10000; step++) {
        size_t i = unit_random_below(&random, COUNT);
        if (handles[i] != NULL) {
            MUST(((struct link *)tri_handle_get(handles[i]))->number == i);
            tri_handle_destroy(host.mutator, handles[i]);
            handles[i] = NULL;
            count--;
        } else {
            struct link *link = link_new(host.mutator, host.leaf, i);
            MUST(tri_handle_create(host.mutator, link, &handles[i]) == TRI_OK);
            count++;
        }
    }
    ck_assert_uint_eq(stats_of(host.heap).handles, count);
    ck_assert_uint_eq(collect_and_count(host.mutator), count);
    host_end(&host);
}
END_TEST

struct handed_over {
    tri_heap *heap;
    tri_type *link;
    tri_handle *to_destroy;
    tri_handle *to_set;
    tri_handle *made;
};

static void *use_handles(void *argument)
{
    struct handed_over *handed = argument;
    tri_mutator *mutator = attach(handed->heap);
    MUST(list_is_intact(tri_handle_get(handed->to_destroy), 5));
    tri_handle_destroy(mutator, handed->to_destroy);
    tri_collect(mutator);
    MUST(list_is_intact(tri_handle_get(handed->to_set), 6));
    tri_handle_set(mutator, handed->to_set, list_new(mutator, handed->link, 7));
    struct link *list = list_new(mutator, handed->link, 8);
    MUST(tri_handle_create(mutator, list, &handed->made) == TRI_OK);
    tri_mutator_detach(mutator);
    return NULL;
}

START_TEST(handles_belong_to_no_thread)
{
    struct host host = host_new(NULL);
    struct handed_over handed = {.heap = host.heap, .link = host.link};
    ck_assert_int_eq(
        tri_handle_create(host.mutator, list_new(host.mutator, host.link, 5), &handed.to_destroy),
        TRI_OK);
    ck_assert_int_eq(
        tri_handle_create(host.mutator, list_new(host.mutator, host.link, 6), &handed.to_set),
        TRI_OK);
    thread_join_blocked(host.mutator, thread_new(use_handles, &handed));
    ck_assert_uint_eq(collect_and_count(host.mutator), 15);
    ck_assert(list_is_intact(tri_handle_get(handed.to_set), 7));
    ck_assert(list_is_intact(tri_handle_get(handed.made), 8));
    tri_handle_destroy(host.mutator, handed.made);
    ck_assert_uint_eq(collect_and_count(host.mutator), 7);
    tri_handle_destroy(host.mutator, handed.to_set);
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    host_end(&host);
}
END_TEST

/* ---- All at once ----------------------------------------------------------------------------- */

/* Lists that only handles hold, of which one always ends and another one begins. */
struct juggler {
    tri_heap *heap;
    tri_type *link;
    unsigned moves;
    atomic_bool done;
};

static void *juggle(void *argument)
{
    struct juggler *juggler = argument;
    tri_mutator *mutator = attach(juggler->heap);
    tri_handle *handles[1000];
    uint64_t state = 1;
    for (size_t i = 0; i < LENGTH(handles); i++) {
        tri_ref list = list_new(mutator, juggler->link, i % 5);
        MUST(tri_handle_create(mutator, list, &handles[i]) == TRI_OK);
    }
    for (unsigned i = 0; i < juggler->moves; i++) {
        size_t which = unit_random_below(&state, LENGTH(handles));
        TRI_FRAME(mutator, 1);
        TRI_LOCAL(0) = tri_handle_get(handles[which]);
        tri_handle_destroy(mutator, handles[which]);
        MUST(list_is_intact(TRI_LOCAL(0), which % 5));
        (void)list_new(mutator, juggler->link, 3);
        MUST(tri_handle_create(mutator, TRI_LOCAL(0), &handles[which]) == TRI_OK);
    }
    for (size_t i = 0; i < LENGTH(handles); i++) {
        MUST(list_is_intact(tri_handle_get(handles[i]), i % 5));
        tri_handle_destroy(mutator, handles[i]);
    }
    atomic_store(&juggler->done, true);
    tri_mutator_detach(mutator);
    return NULL;
}

/* The scan of handles takes no lock: they come and go beside it. */
START_TEST(handles_beside_the_collector)
{
    struct host host = host_new(NULL);
    struct juggler juggler = {host.heap, host.link, times(200000, 5000), false};
    pthread_t thread = thread_new(juggle, &juggler);
    while (!atomic_load(&juggler.done)) {
        tri_collect(host.mutator);
    }
    thread_join_blocked(host.mutator, thread);
    ck_assert_uint_eq(stats_of(host.heap).handles, 0);
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    host_end(&host);
}
END_TEST

START_TEST(one_object_by_many_roots)
{
    static tri_word slot[1];
    struct host host = host_new(NULL);
    struct machine machine = {.mutator = host.mutator};
    tri_handle *handle;
    tri_roots_set_scanner(host.mutator, scan_machine, &machine);
    ck_assert_int_eq(tri_global_add(host.heap, slot, 1), TRI_OK);
    {
        TRI_FRAME(host.mutator, 2);
        TRI_LOCAL(0) = list_new(host.mutator, host.link, 10);
        TRI_LOCAL(1) = TRI_LOCAL(0);
        machine.references[0] = TRI_LOCAL(0);
        tri_store_ref(host.mutator, &slot[0], TRI_LOCAL(0));
        ck_assert_int_eq(tri_handle_create(host.mutator, TRI_LOCAL(0), &handle), TRI_OK);
        ck_assert_uint_eq(collect_and_count(host.mutator), 10);
    }
    /* One root after the other goes; the last one holds as well as all. */
    ck_assert_uint_eq(collect_and_count(host.mutator), 10);
    machine.references[0] = NULL;
    ck_assert_uint_eq(collect_and_count(host.mutator), 10);
    tri_store_ref(host.mutator, &slot[0], NULL);
    ck_assert_uint_eq(collect_and_count(host.mutator), 10);
    ck_assert(list_is_intact(tri_handle_get(handle), 10));
    tri_handle_destroy(host.mutator, handle);
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    host_end(&host);
}
END_TEST

int main(void)
{
    const struct test_entry tests[] = {
        {frame_holds_until_its_block_ends, 0},
        {frames_nest, 0},
        {frame_ends_however_its_block_is_left, 4},
        {frames_are_restored_after_longjmp, 0},
        {scanner_reports_in_every_way, 0},
        {blocked_and_parked_mutators_keep_their_roots, 0},
        {c_stack_keeps_locals_where_asked_for, WAYS_TO_COLLECT},
        {c_stack_is_not_scanned_unless_asked_for, WAYS_TO_COLLECT},
        {c_stack_keeps_little_else, 0},
        {c_stack_keeps_callee_saved_registers, LENGTH(register_steps)},
        {global_slots, 0},
        {global_slots_that_cannot_be, 0},
        {global_slots_of_several_heaps, 0},
        {global_slots_by_the_thousand, 0},
        {handles, 0},
        {handles_by_the_thousand, 0},
        {handles_belong_to_no_thread, 0},
        {handles_beside_the_collector, 0},
        {one_object_by_many_roots, 0},
    };
    return scenario_run("roots", tests, LENGTH(tests));
}
