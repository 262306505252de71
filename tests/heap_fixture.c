/* heap_fixture.c -- a heap with mutators on the fake port. See heap_fixture.h. */
#include "tests/heap_fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "gc/answer.h"
#include "gc/barrier.h"
#include "gc/cycle.h"
#include "gc/mark.h"
#include "gc/object.h"
#include "gc/pool.h"
#include "gc/port.h"
#include "gc/scan.h"
#include "gc/sweep.h"
#include "gc/verify.h"

struct heap_fixture fixture;

/* ---- What gc/ asks of the process ------------------------------------------------------------ */

static void hold_begin(struct tri_heap *heap)
{
    ck_assert_ptr_eq(heap, fixture.heap);
    ck_assert_msg(!fixture.held, "a hold inside a hold");
    ck_assert_msg(fixture.blocked > 0, "the mutator that collects is not blocked");
    fixture.held = true;
    fixture.holds++;
}

static void hold_end(struct tri_heap *heap)
{
    ck_assert_ptr_eq(heap, fixture.heap);
    ck_assert(fixture.held);
    fixture.held = false;
}

static void each_mutator(struct tri_heap *heap,
                         void (*function)(struct tri_mutator *mutator, void *argument),
                         void *argument)
{
    ck_assert_ptr_eq(heap, fixture.heap);
    ck_assert_msg(fixture.held, "mutators are acted for outside a hold");
    for (unsigned i = 0; i < fixture.mutator_count; i++) {
        function(fixture.mutators[i], argument);
    }
}

static unsigned index_of(const struct tri_mutator *mutator)
{
    unsigned index = 0;
    while (index < fixture.mutator_count && fixture.mutators[index] != mutator) {
        index++;
    }
    EXPECT(index < fixture.mutator_count);
    return index;
}

static size_t scan_mutator(struct tri_mutator *mutator, struct marker *marker)
{
    unsigned index = index_of(mutator);
    const struct fixture_stack *stack = &fixture.stacks[index];
    for (size_t i = 0; i < stack->count; i++) {
        shade(marker, stack->words[i]);
    }
    size_t candidates = index == 0 ? fixture.candidate_count : 0;
    scan_conservatively(marker, fixture.candidates, candidates);
    return (stack->count + candidates) * WORD_BYTES + pool_scan_mutator(mutator, marker);
}

static size_t scan_globals(struct tri_heap *heap, struct marker *marker)
{
    ck_assert_ptr_eq(heap, fixture.heap);
    for (size_t i = 0; i < fixture.root_count; i++) {
        shade(marker, load_relaxed(&fixture.roots[i]));
    }
    return fixture.root_count * WORD_BYTES + pool_scan_common(heap, marker);
}

bool fixture_all_answered(void)
{
    bool all = true;
    for (unsigned i = 0; i < fixture.mutator_count; i++) {
        all = all && fixture.answered[i];
    }
    return all;
}

void fixture_answer(unsigned index)
{
    EXPECT(index < fixture.mutator_count);
    if (!fixture.answered[index]) {
        answer_handshake(fixture.mutators[index], fixture.kind, true);
        fixture.answered[index] = true;
    }
}

static void handshake_begin(struct tri_heap *heap, enum handshake_kind kind)
{
    EXPECT(heap == fixture.heap);
    lock_assert_held(&heap->cycle.lock);
    EXPECT(fixture_all_answered()); /* [cycle.5] */
    fixture.kind = kind;
    fixture.handshakes++;
    memset(fixture.answered, 0, sizeof fixture.answered);
}

static bool handshake_is_done(struct tri_heap *heap)
{
    EXPECT(heap == fixture.heap);
    lock_assert_held(&heap->cycle.lock);
    for (unsigned i = 0; i < fixture.mutator_count; i++) {
        if (!fixture.late[i]) {
            fixture_answer(i);
        }
    }
    return fixture_all_answered();
}

static void handshake_wait(struct tri_heap *heap)
{
    EXPECT(heap == fixture.heap);
    fixture.waits++;
    for (unsigned i = 0; i < fixture.mutator_count; i++) {
        fixture_answer(i);
    }
}

static bool wake_collector(struct tri_heap *heap)
{
    EXPECT(heap == fixture.heap);
    if (fixture.collector == COLLECTOR_AT_ONCE) {
        fetch_add_relaxed(&fixture.blocked, 1U); /* the mutator that wishes is at a safepoint */
        cycle_collect(heap, CYCLE_TRIGGERED);
        fetch_sub_relaxed(&fixture.blocked, 1U);
    }
    fixture.wishes += fixture.collector == COLLECTOR_LATER;
    return fixture.collector != COLLECTOR_NONE;
}

static void blocking_begin(struct tri_mutator *mutator)
{
    EXPECT(mutator->signature == MUTATOR_SIGNATURE);
    fetch_add_relaxed(&fixture.blocked, 1U);
}

static void blocking_end(struct tri_mutator *mutator)
{
    EXPECT(mutator->signature == MUTATOR_SIGNATURE);
    fetch_sub_relaxed(&fixture.blocked, 1U);
}

static void safepoint(struct tri_mutator *mutator)
{
    fetch_add_relaxed(&fixture.safepoints, 1U);
    if (fixture.at_safepoint != NULL && !fixture.in_safepoint) {
        fixture.in_safepoint = true;
        fixture.at_safepoint(mutator);
        fixture.in_safepoint = false;
    }
}

static void wake_sweeper(struct tri_heap *heap)
{
    ck_assert_ptr_eq(heap, fixture.heap);
    fixture.wakes++;
}

static void cycle_ended(struct tri_heap *heap)
{
    ck_assert_ptr_eq(heap, fixture.heap);
    fixture.ended++;
}

static void install_hooks(void)
{
    struct fake_port_hooks *hooks = fake_port_hooks();
    hooks->hold_begin = hold_begin;
    hooks->hold_end = hold_end;
    hooks->each_mutator = each_mutator;
    hooks->scan_mutator = scan_mutator;
    hooks->scan_globals = scan_globals;
    hooks->handshake_begin = handshake_begin;
    hooks->handshake_is_done = handshake_is_done;
    hooks->handshake_wait = handshake_wait;
    hooks->wake_collector = wake_collector;
    hooks->blocking_begin = blocking_begin;
    hooks->blocking_end = blocking_end;
    hooks->safepoint = safepoint;
    hooks->wake_sweeper = wake_sweeper;
    hooks->cycle_ended = cycle_ended;
}

/* The slow halves of include/trillium/pool.h and alloc.h, which runtime/ defines otherwise. */
tri_ref tri_pool_get_slow_(tri_mutator *mutator, tri_pool *pool)
{
    EXPECT(pool->signature == POOL_SIGNATURE && mutator->signature == MUTATOR_SIGNATURE);
    return pool_get(mutator, pool);
}

void tri_pool_put_slow_(tri_mutator *mutator, tri_pool *pool, tri_ref reference)
{
    EXPECT(pool->signature == POOL_SIGNATURE && mutator->signature == MUTATOR_SIGNATURE);
    pool_put(mutator, pool, reference);
}

tri_ref tri_alloc_slow_(tri_mutator *mutator, tri_type *type)
{
    return alloc_object(mutator, type, type->size, true, ALLOC_OR_HANDLER);
}

void tri_check_alloc_(tri_mutator *mutator, tri_type *type)
{
    EXPECT(mutator->signature == MUTATOR_SIGNATURE);
    EXPECT(type->signature == TYPE_SIGNATURE);
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void *or_abort(void *memory)
{
    EXPECT(memory != NULL);
    return memory;
}

void fixture_options(tri_heap_options *options)
{
    *options = (tri_heap_options){
        .size = sizeof *options,
        .gc_percent = 100,
        .memory_limit = TRI_MEMORY_LIMIT_OFF,
        .max_heap = 256 * MIB,
        .heap_minimum = HEAP_MINIMUM_BYTES,
        .markers = 1,
        .value_encoding = TRI_ENCODING_RAW,
        .verify = true,
    };
}

bool fixture_try_begin(const tri_heap_options *options, unsigned mutators)
{
    tri_heap_options defaults;
    fixture_options(&defaults);
    ck_assert_ptr_null(fixture.heap);
    memset(&fixture, 0, sizeof fixture);
    install_hooks();
    struct tri_heap *heap = or_abort(aligned_alloc(_Alignof(struct tri_heap), sizeof *heap));
    memset(heap, 0, sizeof *heap);
    if (!heap_init(heap, options != NULL ? options : &defaults)) {
        free(heap);
        return false;
    }
    fixture.heap = heap;
    for (unsigned i = 0; i < mutators; i++) {
        (void)fixture_attach();
    }
    return true;
}

void fixture_begin(const tri_heap_options *options, unsigned mutators)
{
    ck_assert(fixture_try_begin(options, mutators));
}

struct tri_mutator *fixture_attach(void)
{
    EXPECT(fixture.mutator_count < FIXTURE_MUTATORS_MAX);
    size_t alignment = _Alignof(struct tri_mutator);
    void *memory = or_abort(calloc(1, mutator_mapping_bytes() + alignment));
    struct tri_mutator *mutator = (void *)align_up((uintptr_t)memory, alignment);
    mutator_init(mutator, fixture.heap);
    answer_attach(mutator, fixture.kind);
    fixture.answered[fixture.mutator_count] = true;
    fixture.late[fixture.mutator_count] = false;
    fixture.stacks[fixture.mutator_count] = (struct fixture_stack){.count = 0};
    fixture.mutator_memory[fixture.mutator_count] = memory;
    fixture.mutators[fixture.mutator_count++] = mutator;
    return mutator;
}

void fixture_detach(void)
{
    struct tri_mutator *mutator = fixture.mutators[fixture.mutator_count - 1];
    answer_detach(mutator);
    free(fixture.mutator_memory[--fixture.mutator_count]);
}

void fixture_end(void)
{
    while (fixture.mutator_count > 0) {
        fixture_detach();
    }
    heap_destroy(fixture.heap);
    free(fixture.heap);
    free(fixture.roots);
    memset(&fixture, 0, sizeof fixture);
}

/* ---- Types ----------------------------------------------------------------------------------- */

tri_type *fixture_define(const tri_type_desc *desc)
{
    tri_type *type = NULL;
    const char *problem = NULL;
    tri_result result = type_define(&fixture.heap->types, fixture.heap,
                                    &fixture.heap->options.value_encoding, desc, &type, &problem);
    ck_assert_msg(result == TRI_OK, "%s", problem);
    return type;
}

tri_type *fixture_type(size_t size, tri_layout_kind kind)
{
    tri_type_desc desc = TRI_TYPE_DESC("test", char);
    desc.size = size;
    desc.layout.kind = kind;
    return fixture_define(&desc);
}

void fixture_promote(tri_type *type)
{
    store_relaxed(&type->mixed_objects, (uint32_t)TYPE_PROMOTION_OBJECTS);
}

/* ---- Objects --------------------------------------------------------------------------------- */

tri_ref fixture_new(tri_type *type)
{
    return tri_alloc(fixture.mutators[0], type);
}

tri_ref fixture_new_array(tri_type *element, size_t count)
{
    return alloc_object(fixture.mutators[0], element, count * element->stride, false,
                        ALLOC_OR_HANDLER);
}

tri_ref fixture_new_trailing(tri_type *type, size_t count)
{
    return alloc_object(fixture.mutators[0], type, type->size + count * type->trailing_size, false,
                        ALLOC_OR_HANDLER);
}

void fixture_store(struct tri_mutator *mutator, uintptr_t *slot, const void *target)
{
    uintptr_t word = (uintptr_t)target;
    uintptr_t old = load_relaxed(slot);
    bool after = mutator->heap->options.barrier == TRI_BARRIER_INSERTION;
    if (barrier_is_on(mutator) && !after) {
        barrier_store(mutator, old, word);
    }
    store_release(slot, word); /* pairs with the dependent load of a marker that follows the word */
    if (barrier_is_on(mutator) && after) {
        barrier_store(mutator, old, word);
    }
}

void fixture_init(struct tri_mutator *mutator, uintptr_t *slot, const void *target)
{
    uintptr_t word = (uintptr_t)target;
    if (barrier_is_on(mutator)) {
        barrier_init(mutator, word);
    }
    store_release(slot, word); /* pairs as above */
}

struct span *fixture_span(const void *address)
{
    const struct page_heap *pages = &fixture.heap->page_heap;
    EXPECT(address_space_contains(&pages->space, (uintptr_t)address));
    page_index page = address_space_page(&pages->space, (uintptr_t)address);
    return span_at(&pages->spans, span_at(&pages->spans, page)->first);
}

bool fixture_is_allocated(const void *address)
{
    struct object_place place;
    return object_find(fixture.heap, (uintptr_t)address, &place);
}

bool fixture_is_marked(const void *address)
{
    struct object_place place;
    EXPECT(object_find(fixture.heap, (uintptr_t)address, &place));
    return span_is_marked(place.span, place.slot);
}

void fixture_unmark(void)
{
    const struct span_table *spans = &fixture.heap->page_heap.spans;
    for (page_index page = 0; page < spans->pages; page++) {
        for (size_t i = 0; i < SPAN_BIT_WORDS; i++) {
            span_at(spans, page)->bits[i].mark = 0;
            span_at(spans, page)->scanned[i] = 0;
        }
    }
}

/* ---- Roots and cycles ------------------------------------------------------------------------ */

void fixture_keep(const void *object)
{
    if (fixture.root_count == fixture.root_room) {
        fixture.root_room = fixture.root_room * 2 + 64;
        fixture.roots = or_abort(realloc(fixture.roots, fixture.root_room * sizeof *fixture.roots));
    }
    fixture.roots[fixture.root_count++] = (uintptr_t)object;
}

void fixture_drop_roots(void)
{
    fixture.root_count = 0;
    fixture.candidate_count = 0;
}

void fixture_flush(void)
{
    for (unsigned i = 0; i < fixture.mutator_count; i++) {
        answer_flush_cache(fixture.mutators[i]);
    }
}

void fixture_collect(void)
{
    cycle_run(fixture.mutators[0], CYCLE_FORCED);
    sweep_finish(fixture.heap);
}

void fixture_mark(void)
{
    fixture_flush();
    fetch_add_relaxed(&fixture.blocked, 1U);
    lock_acquire(&fixture.heap->cycle.lock);
    port_hold_begin(fixture.heap);
    mark_held(fixture.heap);
    if (fixture.heap->options.verify) {
        verify_heap(fixture.heap, VERIFY_AFTER_MARK);
        mark_check_complete(fixture.heap);
    }
    port_hold_end(fixture.heap);
    lock_release(&fixture.heap->cycle.lock);
    fetch_sub_relaxed(&fixture.blocked, 1U);
}

void fixture_drain(void)
{
    lock_acquire(&fixture.heap->cycle.lock);
    (void)mark_some(fixture.heap, &fixture.heap->mark.markers[0], SIZE_MAX / 2);
    lock_release(&fixture.heap->cycle.lock);
}

void fixture_step_to(enum cycle_phase phase)
{
    if (cycle_phase(fixture.heap) == CYCLE_IDLE) {
        store_relaxed(&fixture.heap->counters.trigger_bytes, UINT64_C(0));
    }
    unsigned steps = 0;
    do {
        EXPECT(++steps < 1000);
        if (cycle_phase(fixture.heap) == CYCLE_MARK) {
            fixture_drain();
        }
        (void)cycle_advance(fixture.mutators[0], 0); /* a single step, which scans nothing */
    } while (cycle_phase(fixture.heap) != phase);
}

void fixture_answer_all(void)
{
    for (unsigned i = 0; i < fixture.mutator_count; i++) {
        fixture_answer(i);
    }
}

void fixture_verify(void)
{
    sweep_finish(fixture.heap);
    fixture_flush();
    verify_heap(fixture.heap, VERIFY_BEFORE_MARK);
}

uint64_t fixture_unswept(void)
{
    const struct sweep_state *sweep = &fixture.heap->sweep;
    return sweep->spans[(sweep->generation & 1) ^ 1];
}

/* A segment that is unused and was used before; NULL if there is none. */
static struct mark_segment *take_spare(struct segment_pool *pool)
{
    struct mark_stack probe = {.shared = pool->unused};
    return mark_stack_has_shared(&probe) ? segment_pool_take(pool) : NULL;
}

/* Take up to limit spare segments, linked. */
static struct mark_segment *take_spares(struct segment_pool *pool, size_t limit, size_t *count)
{
    struct mark_segment *taken = NULL;
    struct mark_segment *segment;
    for (*count = 0; *count < limit && (segment = take_spare(pool)) != NULL; ++*count) {
        segment->next = taken;
        taken = segment;
    }
    return taken;
}

static void give_all(struct segment_pool *pool, struct mark_segment *segments)
{
    while (segments != NULL) {
        struct mark_segment *next = segments->next;
        segment_pool_give(pool, segments);
        segments = next;
    }
}

size_t fixture_spare_segments(struct segment_pool *pool)
{
    size_t count;
    give_all(pool, take_spares(pool, SIZE_MAX, &count));
    return count;
}

void fixture_make_segments(struct segment_pool *pool, size_t count)
{
    struct mark_segment *made = NULL;
    for (size_t i = 0; i < count; i++) {
        struct mark_segment *segment = or_abort(segment_pool_take(pool));
        segment->next = made;
        made = segment;
    }
    give_all(pool, made);
}

void fixture_starve(size_t segments)
{
    struct segment_pool *pool = &fixture.heap->mark.segments;
    size_t count;
    EXPECT(fixture.withheld == NULL);
    if (fixture_spare_segments(pool) < segments) {
        fixture_make_segments(pool, segments);
    }
    struct mark_segment *kept = take_spares(pool, segments, &count);
    fixture.withheld = take_spares(pool, SIZE_MAX, &fixture.withheld_count);
    fake_port_fail_memory_after(0);
    for (size_t bytes = 4096; bytes > 0; bytes /= 2) {
        while (meta_alloc_take(&fixture.heap->meta, bytes, 1) != NULL) {
        }
    }
    give_all(pool, kept);
}

void fixture_feed(void)
{
    fake_port_fail_memory_after(FAKE_PORT_NEVER);
    give_all(&fixture.heap->mark.segments, fixture.withheld);
    fixture.withheld = NULL;
    fixture.withheld_count = 0;
}

void fixture_begin_marker(struct marker *marker)
{
    *marker = (struct marker){.alone = true};
    marker_init(fixture.heap, marker);
    marker->check_dead = false;
    marker->discovers = false;
}

void fixture_end_marker(struct marker *marker)
{
    uintptr_t entry;
    struct span *span;
    while (mark_stack_pop(&marker->stack, &entry)) {
    }
    while ((span = mark_queue_pop(&marker->queue)) != NULL) {
        span->grey = SPAN_IDLE;
    }
    marker_destroy(marker);
}

/* ---- Threads --------------------------------------------------------------------------------- */

struct call {
    void (*function)(void *argument, unsigned index);
    void *argument;
    unsigned index;
    pthread_t thread;
};

static void *run_call(void *argument)
{
    const struct call *call = argument;
    call->function(call->argument, call->index);
    return NULL;
}

#define THREADS_MAX 16

/* The calls from number first on get a thread each. */
static void start(struct call *calls, unsigned first, unsigned count)
{
    for (unsigned i = first; i < count; i++) {
        EXPECT(pthread_create(&calls[i].thread, NULL, run_call, &calls[i]) == 0);
    }
}

static void join(struct call *calls, unsigned first, unsigned count)
{
    for (unsigned i = first; i < count; i++) {
        EXPECT(pthread_join(calls[i].thread, NULL) == 0);
    }
}

static void run_calls(unsigned first, unsigned count,
                      void (*function)(void *argument, unsigned index), void *argument)
{
    struct call calls[THREADS_MAX];
    EXPECT(count <= THREADS_MAX);
    for (unsigned i = 0; i < count; i++) {
        calls[i] = (struct call){.function = function, .argument = argument, .index = i};
    }
    start(calls, first, count);
    for (unsigned i = 0; i < first; i++) {
        function(argument, i);
    }
    join(calls, first, count);
}

void fixture_run_threads(unsigned count, void (*function)(void *argument, unsigned index),
                         void *argument)
{
    fake_port_allow_threads();
    run_calls(0, count, function, argument);
}

void fixture_run_on_stack(size_t stack_bytes, void (*function)(void *argument, unsigned index),
                          void *argument)
{
    struct call call = {.function = function, .argument = argument};
    pthread_attr_t attributes;
    fake_port_allow_threads();
    ck_assert_int_eq(pthread_attr_init(&attributes), 0);
    ck_assert_int_eq(pthread_attr_setstacksize(&attributes, stack_bytes), 0);
    ck_assert_int_eq(pthread_create(&call.thread, &attributes, run_call, &call), 0);
    ck_assert_int_eq(pthread_attr_destroy(&attributes), 0);
    join(&call, 0, 1);
}

void fixture_meet(struct meeting *meeting, uint32_t count)
{
    /* acquire and release: what anyone did before the meeting is seen by all after it */
    uint32_t all = fetch_add_acq_rel(&meeting->arrived, 1U) / count * count + count;
    for (unsigned spins = 0; (int32_t)(load_acquire(&meeting->arrived) - all) < 0; spins++) {
        if (spins % 256 == 255) {
            port_yield();
        } else {
            cpu_relax();
        }
    }
}

unsigned fixture_run_parallel(struct tri_heap *heap, unsigned count,
                              void (*function)(void *argument, unsigned index), void *argument)
{
    (void)heap;
    count = count < THREADS_MAX ? count : THREADS_MAX;
    fake_port_allow_threads();
    run_calls(1, count, function, argument);
    return count;
}

bool fixture_list_is_empty(const struct central_list *list)
{
    bool empty = true;
    for (unsigned i = 0; i < CENTRAL_SHARDS; i++) {
        const struct central_shard *shard = &list->shards[i];
        for (unsigned half = 0; half < 2; half++) {
            empty &= span_set_is_empty(&shard->partial[half]);
            empty &= span_set_is_empty(&shard->full[half]);
        }
    }
    return empty;
}
