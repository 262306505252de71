/* heap_fixture.c -- a heap with mutators on the fake port. See heap_fixture.h. */
#include "tests/heap_fixture.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "gc/cycle.h"
#include "gc/object.h"
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

static void scan_roots(struct tri_heap *heap, struct marker *marker, size_t *stack_bytes,
                       size_t *global_bytes)
{
    ck_assert_ptr_eq(heap, fixture.heap);
    for (size_t i = 0; i < fixture.root_count; i++) {
        shade(marker, fixture.roots[i]);
    }
    scan_conservatively(marker, fixture.candidates, fixture.candidate_count);
    *global_bytes = fixture.root_count * WORD_BYTES;
    *stack_bytes = fixture.candidate_count * WORD_BYTES;
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
    hooks->scan_roots = scan_roots;
    hooks->blocking_begin = blocking_begin;
    hooks->blocking_end = blocking_end;
    hooks->safepoint = safepoint;
    hooks->wake_sweeper = wake_sweeper;
    hooks->cycle_ended = cycle_ended;
}

/* The slow halves of include/trillium/alloc.h, which runtime/ defines otherwise. */
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
    struct tri_heap *heap = or_abort(aligned_alloc(CACHE_LINE, align_up(sizeof *heap, CACHE_LINE)));
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
    struct tri_mutator *mutator = or_abort(calloc(1, mutator_mapping_bytes()));
    mutator_init(mutator, fixture.heap);
    fixture.mutators[fixture.mutator_count++] = mutator;
    return mutator;
}

void fixture_detach(void)
{
    struct tri_mutator *mutator = fixture.mutators[--fixture.mutator_count];
    cycle_flush_mutator(mutator);
    free(mutator);
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
        cycle_flush_mutator(fixture.mutators[i]);
    }
}

void fixture_collect(void)
{
    cycle_run(fixture.mutators[0], CYCLE_FORCED);
    sweep_finish(fixture.heap);
}

void fixture_verify(void)
{
    sweep_finish(fixture.heap);
    fixture_flush();
    verify_heap(fixture.heap, VERIFY_BEFORE_MARK);
}

void fixture_starve(size_t segments)
{
    struct fixed_pool *pool = &fixture.heap->mark.segments;
    void *kept = NULL; /* linked through their first words */
    void **record;
    for (size_t i = 0; i < segments; i++) {
        record = or_abort(fixed_pool_take(pool));
        *record = kept;
        kept = record;
    }
    fake_port_fail_memory_after(0);
    while ((record = fixed_pool_take(pool)) != NULL) {
        *record = fixture.withheld;
        fixture.withheld = record;
    }
    for (size_t bytes = 4096; bytes > 0; bytes /= 2) {
        while (meta_alloc_take(&fixture.heap->meta, bytes, 1) != NULL) {
        }
    }
    while ((record = kept) != NULL) {
        kept = *record;
        fixed_pool_give(pool, record);
    }
}

void fixture_feed(void)
{
    void **record;
    fake_port_fail_memory_after(FAKE_PORT_NEVER);
    while ((record = fixture.withheld) != NULL) {
        fixture.withheld = *record;
        fixed_pool_give(&fixture.heap->mark.segments, record);
    }
}

void fixture_begin_marker(struct marker *marker)
{
    const struct page_heap *pages = &fixture.heap->page_heap;
    *marker = (struct marker){
        .heap = fixture.heap,
        .spans = &pages->spans,
        .base = pages->space.base,
        .bytes = (size_t)pages->spans.pages * PAGE_BYTES,
        .alone = true,
    };
    mark_stack_init(&marker->stack, &fixture.heap->mark.segments);
}

void fixture_end_marker(struct marker *marker)
{
    uintptr_t entry;
    while (mark_stack_pop(&marker->stack, &entry)) {
    }
    mark_stack_destroy(&marker->stack);
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
