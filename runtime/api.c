/* api.c -- the door: every public function checks its arguments and calls inward; nothing else.
 *
 * Owns:       nothing.
 * Invariants:
 *   [api.1] Misuse that can be seen MUST end the process with the name of the call and the cure,
 *           before anything is changed; otherwise it shows as damage somewhere else.
 * Locks:      none of its own.
 * Callers:    hosts.
 */
#include <stdio.h>
#include <string.h>
#include <trillium/debug.h>
#include <trillium/trillium.h>

#include "gc/alloc.h"
#include "gc/answer.h"
#include "gc/assert.h"
#include "gc/barrier.h"
#include "gc/barrier_verify.h"
#include "gc/cycle.h"
#include "gc/finalizer.h"
#include "gc/free_later.h"
#include "gc/give_back.h"
#include "gc/heap.h"
#include "gc/heap_walk.h"
#include "gc/object.h"
#include "gc/pool.h"
#include "gc/port.h"
#include "gc/region.h"
#include "gc/scan.h"
#include "gc/sweep.h"
#include "gc/verify.h"
#include "gc/weak.h"
#include "gc/weak_hook.h"
#include "gc/weak_table.h"
#include "runtime/container.h"
#include "runtime/env.h"
#include "runtime/finalizers.h"
#include "runtime/fork.h"
#include "runtime/heap_list.h"
#include "runtime/idle.h"
#include "runtime/mutator.h"
#include "runtime/roots.h"
#include "runtime/safepoint.h"
#include "runtime/scavenger.h"
#include "runtime/stack.h"
#include "runtime/stack_scan.h"
#include "runtime/stall_log.h"
#include "runtime/stats.h"
#include "runtime/workers.h"

const char *tri_result_text(tri_result result)
{
    switch (result) {
    case TRI_OK:
        return "success";
    case TRI_E_INVALID:
        return "an argument is outside its range";
    case TRI_E_NOMEM:
        return "out of memory";
    case TRI_E_TOO_LARGE:
        return "a size is over its maximum";
    case TRI_E_THREAD:
        return "a thread could not be started, or this thread may not do that";
    case TRI_E_LIMIT:
        return "a number of things is at its maximum";
    case TRI_E_STATE:
        return "the heap or the mutator is not in a state that allows the call";
    }
    return "an unknown result";
}

/* ---- Heaps ----------------------------------------------------------------------------------- */

/* [api.1] for all calls on a heap; mutator_require for those on a mutator. */
static void heap_require(const tri_heap *heap, const char *call)
{
    bool may_be = heap != NULL && is_aligned((uintptr_t)heap, _Alignof(struct tri_heap));
    TRI_REQUIRE(may_be && heap->signature == HEAP_SIGNATURE,
                "%s: %p is not a heap, or was destroyed", call, (const void *)heap);
}

void tri_heap_options_init(tri_heap_options *options)
{
    *options = (tri_heap_options){
        .size = sizeof(tri_heap_options),
        .gc_percent = 100,
        .memory_limit = TRI_MEMORY_LIMIT_OFF,
        .heap_minimum = HEAP_MINIMUM_BYTES,
        .markers = TRI_MARKERS_AUTO,
        .background_sweep = true,
        .background_scavenge = true,
        .slow_safepoint_us = SLOW_SAFEPOINT_US,
        .barrier = TRI_BARRIER_HYBRID,
        .value_encoding = TRI_ENCODING_RAW,
    };
    env_read(options);
}

/* 0, or a number that a processor's time can be divided by; no NaN. */
static bool processors_are_valid(double processors)
{
    return processors == 0.0 ||
           (processors >= PROCESSORS_LEAST && processors <= (double)PROCESSORS_MOST);
}

static bool options_are_valid(const tri_heap_options *options)
{
    return options->size == sizeof(tri_heap_options) && options->memory_limit >= 0 &&
           options->memory_limit_percent >= 0 && options->memory_limit_percent <= 100 &&
           options->markers >= TRI_MARKERS_AUTO && processors_are_valid(options->processors) &&
           options->trace_form >= TRI_TRACE_GO && options->trace_form <= TRI_TRACE_JSON &&
           (options->barrier == TRI_BARRIER_HYBRID || options->barrier == TRI_BARRIER_INSERTION) &&
           (options->fork == TRI_FORK_FULL || options->fork == TRI_FORK_EXEC) &&
           (unsigned)options->trace_form <= (unsigned)TRI_TRACE_JSON &&
           encoding_is_valid(&options->value_encoding);
}

static size_t process_heap_mapping_bytes(void)
{
    return align_up(sizeof(struct process_heap), port_os_page_bytes());
}

/* A zeroed mapping for a heap; NULL where the system refuses. */
static struct process_heap *map_process_heap(void)
{
    size_t bytes = process_heap_mapping_bytes();
    struct process_heap *heap =
        port_reserve(bytes, port_os_page_bytes(), "trillium metadata: heap state");
    if (heap != NULL && !port_commit(heap, bytes, "trillium metadata: heap state")) {
        port_release(heap, bytes);
        heap = NULL;
    }
    return heap;
}

tri_result tri_heap_create(tri_heap **heap, const tri_heap_options *options)
{
    tri_heap_options defaults;
    if (options == NULL) {
        tri_heap_options_init(&defaults);
        options = &defaults;
    }
    if (heap == NULL || !options_are_valid(options)) {
        return TRI_E_INVALID;
    }
    struct process_heap *made = map_process_heap();
    if (made == NULL) {
        return TRI_E_NOMEM;
    }
    if (!heap_init(&made->heap, options)) {
        port_release(made, process_heap_mapping_bytes());
        return TRI_E_NOMEM;
    }
    handshake_state_init(&made->handshake);
    roots_state_init(made);
    workers_init(&made->workers);
    container_init(made);
    scavenger_init(&made->scavenger);
    idle_init(made);
    finalizers_init(&made->finalizers);
    lock_init(&made->log_lock, LOCK_LOG);
    if (options->fork == TRI_FORK_FULL && !fork_register(made)) {
        tri_heap_destroy(&made->heap);
        return TRI_E_NOMEM;
    }
    heap_list_add(made);
    if (made->heap.options.barrier_verify && !barrier_verify_is_on(&made->heap)) {
        port_log(&made->heap, "trillium: barrierverify=1 does nothing in a heap of "
                              "TRI_BARRIER_INSERTION");
    }
    *heap = &made->heap;
    return TRI_OK;
}

void tri_heap_destroy(tri_heap *heap)
{
    heap_require(heap, "tri_heap_destroy");
    struct process_heap *process = process_heap_of(heap);
    struct process_mutator *own = mutator_current(process);
    if (own != NULL) {
        mutator_require(&own->mutator, "tri_heap_destroy");
        mutator_detach(own);
    }
    finalizers_stop(process);
    TRI_REQUIRE(process->handshake.mutator_count == 0,
                "tri_heap_destroy: %zu mutators are still attached; detach them first",
                process->handshake.mutator_count);
    heap_list_remove(process);
    workers_stop(process);
    finalizers_destroy(&process->finalizers);
    if (heap->options.trace > 1) {
        stall_log_end(heap);
    }
    heap_destroy(heap);
    mutator_release_all(process);
    handshake_state_destroy(&process->handshake);
    roots_state_destroy(process);
    container_destroy(process);
    lock_destroy(&process->log_lock);
    port_release(process, process_heap_mapping_bytes());
}

void tri_collect(tri_mutator *mutator)
{
    mutator_require(mutator, "tri_collect");
    cycle_run(mutator, CYCLE_FORCED);
    cycle_sweep(mutator);
    port_blocking_begin(mutator);
    (void)container_refresh(process_heap_of(mutator->heap));
    port_blocking_end(mutator);
}

void tri_release_memory(tri_mutator *mutator)
{
    mutator_require(mutator, "tri_release_memory");
    struct tri_heap *heap = mutator->heap;
    cycle_run(mutator, CYCLE_FORCED);
    cycle_sweep(mutator);
    page_heap_flush_cache(&heap->page_heap, &mutator->cache.pages);
    port_blocking_begin(mutator);
    (void)give_back_all(heap);
    port_blocking_end(mutator);
}

bool tri_gc_step(tri_mutator *mutator, size_t budget)
{
    mutator_require(mutator, "tri_gc_step");
    return !mutator->heap->options.stop_the_world && cycle_advance(mutator, budget);
}

int32_t tri_set_gc_percent(tri_heap *heap, int32_t percent)
{
    heap_require(heap, "tri_set_gc_percent");
    /* A number by itself: pairs with the relaxed load in cycle_commit_goal. */
    int32_t old =
        exchange_acq_rel(&heap->options.gc_percent, percent < 0 ? TRI_GC_PERCENT_OFF : percent);
    cycle_commit_goal(heap);
    workers_look_after(process_heap_of(heap)); /* periodic cycles are off where GOGC is */
    port_wake_scavenger(heap);
    return old;
}

int64_t tri_set_memory_limit(tri_heap *heap, int64_t bytes)
{
    heap_require(heap, "tri_set_memory_limit");
    if (bytes < 0) {
        return load_relaxed(&heap->options.memory_limit);
    }
    int64_t old = cycle_set_memory_limit(heap, bytes);
    port_wake_scavenger(heap);
    return old;
}

/* sum + delta within 0 ... INT64_MAX, so that what the pacer adds to it cannot overflow. */
static uint64_t adjusted(uint64_t sum, int64_t delta)
{
    if (delta < 0) {
        uint64_t less = UINT64_C(0) - (uint64_t)delta; /* also of INT64_MIN */
        return sum > less ? sum - less : 0;
    }
    uint64_t room = (uint64_t)INT64_MAX - sum;
    return (uint64_t)delta < room ? sum + (uint64_t)delta : (uint64_t)INT64_MAX;
}

uint64_t tri_external_adjust(tri_heap *heap, int64_t delta)
{
    heap_require(heap, "tri_external_adjust");
    uint64_t *sum = &heap->counters.external_bytes;
    uint64_t old = load_relaxed(sum);
    /* A number by itself: pairs with nothing. */
    while (!cas_relaxed(sum, &old, adjusted(old, delta))) {
    }
    if (delta > 0) {
        cycle_wake(heap);
    }
    return old;
}

bool tri_heap_contains(const tri_heap *heap, tri_word word)
{
    return address_space_contains(&heap->page_heap.space, word);
}

tri_ref tri_object_base(tri_heap *heap, const void *address)
{
    struct object_place place;
    heap_require(heap, "tri_object_base");
    return object_look_up(heap, (uintptr_t)address, &place) ? place.object : TRI_NULL;
}

tri_type *tri_object_type(tri_heap *heap, const void *address)
{
    struct object_place place;
    heap_require(heap, "tri_object_type");
    return object_look_up(heap, (uintptr_t)address, &place) ? place.type : NULL;
}

size_t tri_object_size(tri_heap *heap, const void *address)
{
    struct object_place place;
    heap_require(heap, "tri_object_size");
    return object_look_up(heap, (uintptr_t)address, &place) ? place.bytes : 0;
}

static void type_require(const tri_mutator *mutator, const tri_type *type, const char *call)
{
    TRI_REQUIRE(type != NULL && type->signature == TYPE_SIGNATURE, "%s: %p is not a type", call,
                (const void *)type);
    TRI_REQUIRE(type->heap == mutator->heap, "%s: the type %s belongs to another heap", call,
                type->name);
}

size_t tri_heap_each(tri_mutator *mutator, tri_type *type, tri_object_function *function,
                     void *argument)
{
    mutator_require(mutator, "tri_heap_each");
    if (type != NULL) {
        type_require(mutator, type, "tri_heap_each");
    }
    TRI_REQUIRE(function != NULL, "tri_heap_each: there is no function to call");
    return heap_walk(mutator, type, function, argument);
}

/* ---- Types ----------------------------------------------------------------------------------- */

tri_result tri_type_define(tri_heap *heap, const tri_type_desc *desc, tri_type **type)
{
    heap_require(heap, "tri_type_define");
    if (desc == NULL || type == NULL) {
        return TRI_E_INVALID;
    }
    const char *problem = NULL;
    bool single = (desc->flags & TRI_TYPE_SAFEPOINT_ONLY) != 0;
    if (single && !handshake_begin_single(process_heap_of(heap))) {
        return TRI_E_STATE;
    }
    tri_result result =
        type_define(&heap->types, heap, &heap->options.value_encoding, desc, type, &problem);
    if (single && result != TRI_OK) {
        handshake_end_single(process_heap_of(heap));
    }
    if (result != TRI_OK && problem != NULL) {
        char line[256];
        (void)snprintf(line, sizeof line, "trillium: tri_type_define: %s: %s",
                       desc->name == NULL ? "(no name)" : desc->name, problem);
        port_log(heap, line);
    }
    return result;
}

const char *tri_type_name(const tri_type *type)
{
    return type->name;
}

size_t tri_type_size(const tri_type *type)
{
    return type->size;
}

size_t tri_type_stride(const tri_type *type)
{
    return type->stride;
}

/* ---- Mutators -------------------------------------------------------------------------------- */

tri_result tri_mutator_attach(tri_heap *heap, tri_mutator **mutator)
{
    heap_require(heap, "tri_mutator_attach");
    struct process_mutator *made;
    tri_result result = mutator_attach(process_heap_of(heap), &made);
    if (result == TRI_OK) {
        workers_look_after(process_heap_of(heap));
        *mutator = &made->mutator;
    }
    return result;
}

void tri_mutator_detach(tri_mutator *mutator)
{
    TRI_REQUIRE(mutator != NULL, "tri_mutator_detach: the mutator is NULL");
    struct process_mutator *process = process_mutator_of(mutator);
    bool parked = mutator->signature == MUTATOR_SIGNATURE && load_relaxed(&process->thread) == 0;
    if (!parked) {
        mutator_require(mutator, "tri_mutator_detach");
    }
    mutator_detach(process);
}

void tri_mutator_park(tri_mutator *mutator)
{
    mutator_require(mutator, "tri_mutator_park");
    mutator_park(process_mutator_of(mutator));
}

tri_result tri_mutator_resume(tri_mutator *mutator)
{
    TRI_REQUIRE(mutator != NULL && mutator->signature == MUTATOR_SIGNATURE,
                "tri_mutator_resume: %p is not a mutator, or was detached", (const void *)mutator);
    return mutator_resume(process_mutator_of(mutator));
}

tri_heap *tri_mutator_heap(const tri_mutator *mutator)
{
    return mutator->heap;
}

tri_mutator *tri_mutator_current(tri_heap *heap)
{
    heap_require(heap, "tri_mutator_current");
    struct process_mutator *mutator = mutator_current(process_heap_of(heap));
    return mutator == NULL ? NULL : &mutator->mutator;
}

tri_result tri_mutator_scan_c_stack(tri_mutator *mutator, bool on)
{
    mutator_require(mutator, "tri_mutator_scan_c_stack");
    struct process_mutator *process = process_mutator_of(mutator);
    const char *top = on ? stack_scan_top() : NULL;
    if (on && top == NULL) {
        return TRI_E_THREAD;
    }
    process->stack.top = top;
    process->scan_c_stack = on;
    return TRI_OK;
}

/* ---- Safepoints ------------------------------------------------------------------------------ */

void tri_safepoint_slow_(tri_mutator *mutator)
{
    mutator_require(mutator, "tri_safepoint");
    port_safepoint(mutator);
}

TRI_NOINLINE void tri_blocking_begin(tri_mutator *mutator) /* [stack_scan.1] */
{
    mutator_require(mutator, "tri_blocking_begin");
    safepoint_block(process_mutator_of(mutator), FRAME_ADDRESS());
}

void tri_blocking_end(tri_mutator *mutator)
{
    TRI_REQUIRE(mutator != NULL && mutator->signature == MUTATOR_SIGNATURE,
                "tri_blocking_end: %p is not a mutator, or was detached", (const void *)mutator);
    struct process_mutator *process = process_mutator_of(mutator);
    TRI_REQUIRE(load_relaxed(&process->thread) == port_thread_id(),
                "tri_blocking_end: the mutator %p is bound to another thread or parked",
                (const void *)mutator);
    TRI_REQUIRE(!handshake_is_running(process),
                "tri_blocking_end: the mutator %p is not inside a blocking region",
                (const void *)mutator);
    TRI_REQUIRE(!process->holds,
                "tri_blocking_end: the mutator %p holds the heap; call tri_debug_release",
                (const void *)mutator);
    handshake_unblock(process);
}

/* ---- Allocation ------------------------------------------------------------------------------ */

static tri_ref alloc_single(tri_mutator *mutator, tri_type *type, enum alloc_policy policy,
                            const char *call)
{
    mutator_require(mutator, call);
    type_require(mutator, type, call);
    return alloc_object(mutator, type, type->size, true, policy);
}

tri_ref tri_alloc_slow_(tri_mutator *mutator, tri_type *type)
{
    return alloc_single(mutator, type, ALLOC_OR_HANDLER, "tri_alloc");
}

void tri_check_alloc_(tri_mutator *mutator, tri_type *type)
{
    mutator_require(mutator, "tri_alloc");
    type_require(mutator, type, "tri_alloc");
}

tri_ref tri_try_alloc(tri_mutator *mutator, tri_type *type)
{
    return alloc_single(mutator, type, ALLOC_OR_NULL, "tri_try_alloc");
}

/* *bytes = head + count * each, if that is no more than TRI_OBJECT_SIZE_MAX. */
static bool object_bytes(size_t head, size_t count, size_t each, size_t *bytes)
{
    return size_multiply(count, each, bytes) && size_add(*bytes, head, bytes) &&
           *bytes <= TRI_OBJECT_SIZE_MAX;
}

/* count elements of each bytes behind head bytes, in region, NULL: in the heap. What does not fit
 * the policy ends the process. */
static tri_ref alloc_sized(tri_mutator *mutator, tri_region *region, tri_type *type, size_t head,
                           size_t count, size_t each, enum alloc_policy policy, const char *call)
{
    size_t bytes;
    if (!object_bytes(head, count, each, &bytes)) {
        TRI_REQUIRE(
            policy == ALLOC_OR_NULL,
            "%s: %zu elements of %zu bytes of type %s are over TRI_OBJECT_SIZE_MAX (%zu bytes)",
            call, count, each, type->name, TRI_OBJECT_SIZE_MAX);
        return TRI_NULL;
    }
    const struct alloc_request request = {type, bytes, false, region};
    return alloc_requested(mutator, &request, policy);
}

static void array_require(const tri_mutator *mutator, const tri_type *element, const char *call)
{
    mutator_require(mutator, call);
    type_require(mutator, element, call);
    TRI_REQUIRE(
        element->trailing_size == 0 && element->layout.kind != LAYOUT_TRACE,
        "%s: type %s has trailing elements or a trace function, so that it cannot be an element",
        call, element->name);
}

tri_ref tri_alloc_array(tri_mutator *mutator, tri_type *element, size_t count)
{
    array_require(mutator, element, "tri_alloc_array");
    return alloc_sized(mutator, NULL, element, 0, count, element->stride, ALLOC_OR_HANDLER,
                       "tri_alloc_array");
}

tri_ref tri_try_alloc_array(tri_mutator *mutator, tri_type *element, size_t count)
{
    array_require(mutator, element, "tri_try_alloc_array");
    return alloc_sized(mutator, NULL, element, 0, count, element->stride, ALLOC_OR_NULL,
                       "tri_try_alloc_array");
}

static tri_ref alloc_trailing(tri_mutator *mutator, tri_region *region, tri_type *type,
                              size_t count, enum alloc_policy policy, const char *call)
{
    mutator_require(mutator, call);
    type_require(mutator, type, call);
    TRI_REQUIRE(type->trailing_size != 0, "%s: type %s has no trailing elements", call, type->name);
    return alloc_sized(mutator, region, type, type->size, count, type->trailing_size, policy, call);
}

tri_ref tri_alloc_trailing(tri_mutator *mutator, tri_type *type, size_t count)
{
    return alloc_trailing(mutator, NULL, type, count, ALLOC_OR_HANDLER, "tri_alloc_trailing");
}

tri_ref tri_try_alloc_trailing(tri_mutator *mutator, tri_type *type, size_t count)
{
    return alloc_trailing(mutator, NULL, type, count, ALLOC_OR_NULL, "tri_try_alloc_trailing");
}

/* ---- Regions --------------------------------------------------------------------------------- */

static void region_require(const tri_mutator *mutator, const tri_region *region, const char *call)
{
    mutator_require(mutator, call);
    TRI_REQUIRE(region != NULL && region->signature == REGION_SIGNATURE, "%s: %p is not a region",
                call, (const void *)region);
    TRI_REQUIRE(load_relaxed(&region->is_freed) == 0,
                "%s: the region %p was freed; make another with tri_region_new", call,
                (const void *)region);
    TRI_REQUIRE(region->heap == mutator->heap, "%s: the region %p belongs to another heap", call,
                (const void *)region);
}

/* The region, and that the mutator may allocate in it. */
static void own_region_require(const tri_mutator *mutator, const tri_region *region,
                               const char *call)
{
    region_require(mutator, region, call);
    TRI_REQUIRE(load_relaxed(&region->mutator) == mutator,
                "%s: another mutator allocates in the region %p; call tri_region_adopt first", call,
                (const void *)region);
}

tri_result tri_region_new(tri_mutator *mutator, tri_region **region)
{
    mutator_require(mutator, "tri_region_new");
    if (region == NULL) {
        return TRI_E_INVALID;
    }
    tri_region *made = region_new(mutator);
    if (made == NULL) {
        return TRI_E_NOMEM;
    }
    *region = made;
    return TRI_OK;
}

static void region_type_require(const tri_type *type, const char *call)
{
    TRI_REQUIRE(!type_is_finalized(type),
                "%s: objects of type %s have a finalizer, which the end of a region does not call; "
                "allocate them by tri_alloc",
                call, type->name);
}

void tri_check_region_alloc_(tri_mutator *mutator, tri_region *region, tri_type *type)
{
    own_region_require(mutator, region, "tri_region_alloc");
    type_require(mutator, type, "tri_region_alloc");
    region_type_require(type, "tri_region_alloc");
}

tri_ref tri_region_alloc_slow_(tri_mutator *mutator, tri_region *region, tri_type *type)
{
    tri_check_region_alloc_(mutator, region, type);
    const struct alloc_request request = {type, type->size, true, region};
    return alloc_requested(mutator, &request, ALLOC_OR_HANDLER);
}

tri_ref tri_region_alloc_array(tri_mutator *mutator, tri_region *region, tri_type *element,
                               size_t count)
{
    own_region_require(mutator, region, "tri_region_alloc_array");
    array_require(mutator, element, "tri_region_alloc_array");
    region_type_require(element, "tri_region_alloc_array");
    return alloc_sized(mutator, region, element, 0, count, element->stride, ALLOC_OR_HANDLER,
                       "tri_region_alloc_array");
}

tri_ref tri_region_alloc_trailing(tri_mutator *mutator, tri_region *region, tri_type *type,
                                  size_t count)
{
    own_region_require(mutator, region, "tri_region_alloc_trailing");
    type_require(mutator, type, "tri_region_alloc_trailing");
    region_type_require(type, "tri_region_alloc_trailing");
    return alloc_trailing(mutator, region, type, count, ALLOC_OR_HANDLER,
                          "tri_region_alloc_trailing");
}

void tri_region_adopt(tri_mutator *mutator, tri_region *region)
{
    region_require(mutator, region, "tri_region_adopt");
    region_adopt(mutator, region);
}

void tri_region_free(tri_mutator *mutator, tri_region *region)
{
    region_require(mutator, region, "tri_region_free");
    region_free(mutator, region);
}

/* ---- Arrays that grow ------------------------------------------------------------------------ */

/* Copy bytes, a multiple of 8 where the type has references. */
static void copy_elements(tri_mutator *mutator, const tri_type *element, void *target,
                          const void *source, size_t bytes)
{
    if (element->scannable) {
        tri_store_range(mutator, target, source, bytes / WORD_BYTES);
    } else {
        memcpy(target, source, bytes);
    }
}

static void clear_elements(tri_mutator *mutator, const tri_type *element, char *from, size_t bytes)
{
    if (element->scannable) {
        tri_fill_range(mutator, from, 0, bytes / WORD_BYTES);
    } else {
        memset(from, 0, bytes);
    }
}

/* Elements that the slot of an array has room for; elements without bytes need none. */
static size_t array_room(const struct object_place *place, const tri_type *element)
{
    return element->stride == 0 ? SIZE_MAX : place->bytes / element->stride;
}

tri_ref tri_resize_array(tri_mutator *mutator, tri_type *element, tri_ref array, size_t old_count,
                         size_t count)
{
    array_require(mutator, element, "tri_resize_array");
    if (array == TRI_NULL) {
        return tri_alloc_array(mutator, element, count);
    }
    struct object_place place;
    TRI_REQUIRE(object_find(mutator->heap, (uintptr_t)array, &place) && place.object == array,
                "tri_resize_array: %p is not the start of an array of the mutator's heap", array);
    TRI_REQUIRE(place.type == element, "tri_resize_array: the array at %p is of type %s, not %s",
                array, place.type->name, element->name);
    TRI_REQUIRE(old_count <= array_room(&place, element),
                "tri_resize_array: the array at %p has no room for old_count = %zu elements", array,
                old_count);
    if (count < old_count) {
        clear_elements(mutator, element, (char *)array + count * element->stride,
                       (old_count - count) * element->stride);
    }
    if (count <= array_room(&place, element)) {
        return array;
    }
    tri_ref grown = tri_alloc_array(mutator, element, count);
    if (grown != TRI_NULL) {
        copy_elements(mutator, element, grown, array, old_count * element->stride);
    }
    return grown;
}

/* ---- Stores ---------------------------------------------------------------------------------- */

void tri_store_slow_(tri_mutator *mutator, void *slot, tri_word word)
{
    barrier_put(mutator, slot, word);
}

void tri_init_slow_(tri_mutator *mutator, void *slot, tri_word word)
{
    barrier_put_first(mutator, slot, word);
}

/* Where word is a reference of the heap's encoding into the heap, it must lead to an object. */
static void reference_require(const tri_heap *heap, tri_word word, const char *call)
{
    struct object_place place;
    const tri_encoding *encoding = &heap->options.value_encoding;
    if (encoding_is_reference(encoding, word)) {
        uintptr_t address = encoding_address(encoding, word);
        TRI_REQUIRE(
            !address_space_contains(&heap->page_heap.space, address) ||
                object_find(heap, address, &place),
            "%s: the reference %p leads to no object; it was collected because no root held it, or "
            "its region was freed",
            call, (void *)address);
    }
}

void tri_check_unrecorded_(tri_mutator *mutator, const void *slot, tri_word word)
{
    tri_check_store_(mutator, slot, word);
    TRI_REQUIRE(
        !barrier_is_slow(mutator),
        "tri_store_unrecorded: the barrier is on. Ask tri_barrier_is_on after the last call "
        "that is a safepoint, and use tri_store where it is true");
}

void tri_check_store_(tri_mutator *mutator, const void *slot, tri_word word)
{
    mutator_require(mutator, "tri_store");
    struct object_place place;
    bool in_object = object_find(mutator->heap, (uintptr_t)slot, &place);
    TRI_REQUIRE(in_object || roots_has_global(process_heap_of(mutator->heap), slot),
                "tri_store: the slot %p lies neither in an object of the mutator's heap nor in a "
                "global slot. "
                "Use a mutator of the heap that the object belongs to; a local needs no tri_store",
                slot);
    TRI_REQUIRE(is_aligned((uintptr_t)slot, WORD_BYTES),
                "tri_store: the slot %p is not aligned to 8", slot);
    reference_require(mutator->heap, word, "tri_store");
}

void tri_stored_slow_(tri_mutator *mutator, tri_word word)
{
    barrier_stored(mutator, word);
}

void tri_check_stored_(tri_mutator *mutator, const void *container, tri_word word)
{
    mutator_require(mutator, "tri_stored");
    tri_heap *heap = mutator->heap;
    struct object_place place;
    TRI_REQUIRE(
        heap->options.barrier == TRI_BARRIER_INSERTION,
        "tri_stored: the heap's barrier is TRI_BARRIER_HYBRID, which must see the old value "
        "before the store: use tri_store, or create the heap with TRI_BARRIER_INSERTION");
    TRI_REQUIRE(
        object_find(heap, (uintptr_t)container, &place) ||
            roots_has_global(process_heap_of(heap), container),
        "tri_stored: the container %p is neither an object of the mutator's heap nor a global "
        "slot",
        container);
    reference_require(heap, word, "tri_stored");
}

void tri_store_range(tri_mutator *mutator, void *target, const void *source, size_t count)
{
    barrier_copy_words(mutator, target, source, count);
}

void tri_fill_range(tri_mutator *mutator, void *target, tri_word word, size_t count)
{
    barrier_fill_words(mutator, target, word, count);
}

bool tri_cas(tri_mutator *mutator, void *slot, tri_word *expected, tri_word desired)
{
    if (TRI_UNLIKELY(barrier_is_slow(mutator))) {
        return barrier_put_cas(mutator, slot, expected, desired);
    }
    /* pairs with other threads' stores to and loads of the slot */
    return cas_seq_cst((tri_aliased_word *)slot, expected, desired);
}

void tri_written(tri_mutator *mutator, tri_ref reference)
{
    if (TRI_UNLIKELY(barrier_is_slow(mutator))) {
        barrier_written(mutator, reference);
    }
}

void tri_remember(tri_mutator *mutator, tri_ref container)
{
    if (TRI_UNLIKELY(barrier_is_slow(mutator))) {
        barrier_remember(mutator, container);
    }
}

tri_result tri_free_later(tri_mutator *mutator, void *block, const tri_word *words, size_t count,
                          tri_release_function *release, void *argument)
{
    mutator_require(mutator, "tri_free_later");
    if (release == NULL || (words == NULL && count > 0)) {
        return TRI_E_INVALID;
    }
    const struct free_later_block entry = {
        .block = block, .release = release, .argument = argument};
    return free_later(mutator, &entry, words, count) ? TRI_OK : TRI_E_NOMEM;
}

/* ---- Weak references ------------------------------------------------------------------------- */

/* Whether address lies in an object of a region. */
static bool is_in_region(const tri_heap *heap, const void *address)
{
    struct object_place place;
    return object_find(heap, (uintptr_t)address, &place) &&
           load_relaxed(&place.span->state) == SPAN_REGION;
}

static void weakly_held_require(const tri_heap *heap, const void *target, const char *call)
{
    TRI_REQUIRE(!is_in_region(heap, target),
                "%s: the target %p belongs to a region, whose end no weak reference hears of; "
                "allocate it by tri_alloc",
                call, target);
}

tri_ref tri_weak_new(tri_mutator *mutator, tri_ref target)
{
    mutator_require(mutator, "tri_weak_new");
    weakly_held_require(mutator->heap, target, "tri_weak_new");
    tri_type *type = weak_reference_type(mutator->heap);
    if (type == NULL) {
        return TRI_NULL;
    }
    TRI_FRAME(mutator, 1);
    TRI_LOCAL(0) = target;
    tri_ref weak = tri_alloc(mutator, type);
    if (weak != TRI_NULL) {
        weak_reference_init(mutator, weak, target);
    }
    return weak;
}

tri_ref tri_ephemeron_new(tri_mutator *mutator, tri_ref key, tri_word value)
{
    mutator_require(mutator, "tri_ephemeron_new");
    weakly_held_require(mutator->heap, key, "tri_ephemeron_new");
    const tri_encoding *encoding = &mutator->heap->options.value_encoding;
    tri_type *type = ephemeron_type(mutator->heap);
    if (type == NULL) {
        return TRI_NULL;
    }
    TRI_FRAME(mutator, 2);
    TRI_LOCAL(0) = key;
    if (encoding_is_reference(encoding, value)) {
        TRI_LOCAL(1) = (tri_ref)encoding_address(encoding, value);
    }
    tri_ref ephemeron = tri_alloc(mutator, type);
    if (ephemeron != TRI_NULL) {
        ephemeron_init(mutator, ephemeron, key, value);
    }
    return ephemeron;
}

static void ephemeron_require(const tri_mutator *mutator, tri_ref ephemeron, const char *call)
{
    struct object_place place;
    mutator_require(mutator, call);
    TRI_REQUIRE(object_find(mutator->heap, (uintptr_t)ephemeron, &place) &&
                    place.object == ephemeron && place.type->weak == WEAK_EPHEMERON,
                "%s: %p is not an ephemeron of the mutator's heap", call, ephemeron);
}

tri_ref tri_ephemeron_key(tri_mutator *mutator, tri_ref ephemeron)
{
    ephemeron_require(mutator, ephemeron, "tri_ephemeron_key");
    return ephemeron_key(mutator, ephemeron);
}

tri_word tri_ephemeron_value(tri_mutator *mutator, tri_ref ephemeron)
{
    ephemeron_require(mutator, ephemeron, "tri_ephemeron_value");
    return ephemeron_value(mutator, ephemeron);
}

tri_ref tri_weak_get_slow_(tri_mutator *mutator, tri_ref weak)
{
    return weak_reference_get(mutator, weak);
}

void tri_check_weak_(tri_mutator *mutator, tri_ref weak)
{
    struct object_place place;
    mutator_require(mutator, "tri_weak_get");
    TRI_REQUIRE(object_find(mutator->heap, (uintptr_t)weak, &place) && place.object == weak &&
                    place.type->weak == WEAK_REFERENCE,
                "tri_weak_get: %p is not a weak reference of the mutator's heap", weak);
}

/* ---- Weak hooks ------------------------------------------------------------------------------ */

tri_result tri_weak_hook_add(tri_heap *heap, const tri_encoding *encoding,
                             tri_weak_hook_function *function, void *argument, tri_weak_hook **hook)
{
    static const tri_encoding raw = TRI_ENCODING_RAW;
    heap_require(heap, "tri_weak_hook_add");
    if (function == NULL || hook == NULL) {
        return TRI_E_INVALID;
    }
    tri_weak_hook *made =
        weak_hook_add(heap, encoding == NULL ? &raw : encoding, function, argument);
    if (made == NULL) {
        return TRI_E_NOMEM;
    }
    *hook = made;
    return TRI_OK;
}

void tri_weak_hook_remove(tri_weak_hook *hook)
{
    weak_hook_remove(hook);
}

tri_word tri_weak_slot_get_slow_(tri_mutator *mutator, const tri_weak_hook *hook, const void *slot)
{
    tri_word word;
    return weak_read(mutator, slot, &hook->encoding, &word) ? word : 0;
}

void tri_check_weak_slot_(tri_mutator *mutator, const tri_weak_hook *hook, tri_word word,
                          const char *call)
{
    mutator_require(mutator, call);
    TRI_REQUIRE(mutator->heap == hook->heap, "%s: the hook %p is not one of the mutator's heap",
                call, (const void *)hook);
    if (encoding_is_reference(&hook->encoding, word)) {
        weakly_held_require(mutator->heap, (tri_ref)encoding_address(&hook->encoding, word), call);
    }
}

bool tri_weak_is_dead(const tri_weak_hook *hook, tri_word word)
{
    return weak_hook_is_dead(hook, word);
}

bool tri_weak_slot_clear(tri_weak_hook *hook, void *slot, tri_word by)
{
    return weak_hook_clear(hook, slot, by);
}

/* ---- Weak tables ----------------------------------------------------------------------------- */

static void table_require(tri_mutator *mutator, tri_ref table, const char *call)
{
    struct object_place place;
    mutator_require(mutator, call);
    TRI_REQUIRE(object_find(mutator->heap, (uintptr_t)table, &place) && place.object == table &&
                    place.type == weak_table_type(mutator->heap),
                "%s: %p is not a weak table of the mutator's heap", call, table);
}

tri_ref tri_weak_table_new(tri_mutator *mutator, tri_weak_kind kind)
{
    mutator_require(mutator, "tri_weak_table_new");
    TRI_REQUIRE((unsigned)kind <= TRI_WEAK_EPHEMERONS,
                "tri_weak_table_new: %u is not a kind of weak tables", (unsigned)kind);
    tri_type *type = weak_table_type(mutator->heap);
    tri_ref table = type == NULL ? TRI_NULL : tri_alloc(mutator, type);
    if (table != TRI_NULL) {
        weak_table_init(table, (enum weak_kind)(WEAK_KEYS + (unsigned)kind));
    }
    return table;
}

bool tri_weak_table_get(tri_mutator *mutator, tri_ref table, tri_word key, tri_word *value)
{
    table_require(mutator, table, "tri_weak_table_get");
    return weak_table_get(mutator, table, key, value);
}

/* What table is to hold weakly of key and value must be able to die by itself. */
static void entry_require(const tri_mutator *mutator, tri_ref table, tri_word key, tri_word value,
                          const char *call)
{
    const tri_encoding *encoding = &mutator->heap->options.value_encoding;
    tri_word word = weak_table_kind(table) == WEAK_VALUES ? value : key;
    if (encoding_is_reference(encoding, word)) {
        weakly_held_require(mutator->heap, (tri_ref)encoding_address(encoding, word), call);
    }
}

/* Enter what is not there yet. A safepoint. */
static bool enter(tri_mutator *mutator, tri_ref table, uint64_t hash, tri_word key, tri_word value)
{
    const tri_encoding *encoding = &mutator->heap->options.value_encoding;
    const tri_word words[2] = {key, value};
    TRI_FRAME(mutator, 3);
    TRI_LOCAL(2) = table;
    for (unsigned i = 0; i < 2; i++) {
        if (encoding_is_reference(encoding, words[i])) {
            TRI_LOCAL(i) = (tri_ref)encoding_address(encoding, words[i]);
        }
    }
    bool has_room = weak_table_make_room(mutator, table);
    if (has_room) {
        weak_table_enter(mutator, table, hash, key, value);
    }
    return has_room;
}

bool tri_weak_table_set(tri_mutator *mutator, tri_ref table, tri_word key, tri_word value)
{
    table_require(mutator, table, "tri_weak_table_set");
    entry_require(mutator, table, key, value, "tri_weak_table_set");
    return weak_table_replace(mutator, table, key, value) ||
           enter(mutator, table, weak_table_identity(key), key, value);
}

bool tri_weak_table_remove(tri_mutator *mutator, tri_ref table, tri_word key)
{
    table_require(mutator, table, "tri_weak_table_remove");
    return weak_table_remove(mutator, table, key);
}

size_t tri_weak_table_count(tri_mutator *mutator, tri_ref table)
{
    table_require(mutator, table, "tri_weak_table_count");
    return weak_table_count(mutator, table);
}

bool tri_weak_table_next(tri_mutator *mutator, tri_ref table, size_t *position, tri_word *key,
                         tri_word *value)
{
    table_require(mutator, table, "tri_weak_table_next");
    return weak_table_next(mutator, table, position, key, value);
}

bool tri_weak_table_find(tri_mutator *mutator, tri_ref table, uint64_t hash,
                         tri_weak_match_function *match, void *argument, tri_word *key,
                         tri_word *value)
{
    table_require(mutator, table, "tri_weak_table_find");
    return weak_table_find(mutator, table, hash, match, argument, key, value);
}

bool tri_weak_table_take(tri_mutator *mutator, tri_ref table, uint64_t hash,
                         tri_weak_match_function *match, void *argument, tri_word *key,
                         tri_word *value)
{
    table_require(mutator, table, "tri_weak_table_take");
    return weak_table_take(mutator, table, hash, match, argument, key, value);
}

bool tri_weak_table_insert(tri_mutator *mutator, tri_ref table, uint64_t hash, tri_word key,
                           tri_word value)
{
    table_require(mutator, table, "tri_weak_table_insert");
    entry_require(mutator, table, key, value, "tri_weak_table_insert");
    return enter(mutator, table, hash, key, value);
}

/* ---- Roots ----------------------------------------------------------------------------------- */

void tri_visit_ref(tri_visitor *visitor, const void *reference)
{
    shade(marker_of(visitor), (uintptr_t)reference);
}

void tri_visit_value(tri_visitor *visitor, tri_word word)
{
    struct marker *marker = marker_of(visitor);
    shade_value(marker, &marker->heap->options.value_encoding, word);
}

void tri_visit_values(tri_visitor *visitor, const tri_word *words, size_t count)
{
    struct marker *marker = marker_of(visitor);
    scan_values(marker, &marker->heap->options.value_encoding, words, count);
}

void tri_visit_conservatively(tri_visitor *visitor, const void *words, size_t count)
{
    scan_conservatively(marker_of(visitor), words, count);
}

void tri_roots_set_scanner(tri_mutator *mutator, tri_roots_function *function, void *argument)
{
    mutator_require(mutator, "tri_roots_set_scanner");
    struct process_mutator *process = process_mutator_of(mutator);
    process->scanner = function;
    process->scanner_argument = argument;
}

tri_result tri_global_add(tri_heap *heap, tri_word *slots, size_t count)
{
    heap_require(heap, "tri_global_add");
    return roots_add_global(process_heap_of(heap), slots, count);
}

bool tri_global_remove(tri_heap *heap, tri_word *slots)
{
    heap_require(heap, "tri_global_remove");
    return roots_remove_global(process_heap_of(heap), slots);
}

static void handle_require(const tri_handle *handle, const char *call)
{
    TRI_REQUIRE(handle != NULL && handle->signature == HANDLE_SIGNATURE,
                "%s: %p is not a handle, or was destroyed", call, (const void *)handle);
}

tri_result tri_handle_create(tri_mutator *mutator, tri_ref reference, tri_handle **handle)
{
    mutator_require(mutator, "tri_handle_create");
    tri_handle *made = roots_create_handle(process_heap_of(mutator->heap));
    if (made == NULL) {
        return TRI_E_NOMEM;
    }
    tri_store_ref(mutator, &made->reference, reference);
    *handle = made;
    return TRI_OK;
}

tri_ref tri_handle_get(const tri_handle *handle)
{
    handle_require(handle, "tri_handle_get");
    /* acquire: pairs with the release in tri_store, by which the handle was set */
    return (tri_ref)load_acquire(&handle->reference);
}

void tri_handle_set(tri_mutator *mutator, tri_handle *handle, tri_ref reference)
{
    mutator_require(mutator, "tri_handle_set");
    handle_require(handle, "tri_handle_set");
    tri_store_ref(mutator, &handle->reference, reference);
}

void tri_handle_destroy(tri_mutator *mutator, tri_handle *handle)
{
    mutator_require(mutator, "tri_handle_destroy");
    handle_require(handle, "tri_handle_destroy");
    tri_store_ref(mutator, &handle->reference, TRI_NULL);
    roots_destroy_handle(process_heap_of(mutator->heap), handle);
}

/* ---- Finalizers ------------------------------------------------------------------------------ */

/* Find the object at address, which is one that a collection frees: of no region. */
static bool find_collected(const tri_heap *heap, const void *address, struct object_place *place)
{
    return object_find(heap, (uintptr_t)address, place) && !is_in_region(heap, address);
}

tri_result tri_finalizer_attach(tri_mutator *mutator, tri_ref object,
                                tri_finalizer_function *function, void *argument, uint32_t flags)
{
    struct object_place place;
    mutator_require(mutator, "tri_finalizer_attach");
    if (function == NULL || (flags & ~TRI_FINALIZER_UNORDERED) != 0 ||
        !find_collected(mutator->heap, object, &place)) {
        return TRI_E_INVALID;
    }
    return finalizer_attach(mutator, &place, function, argument, flags);
}

bool tri_finalizer_detach(tri_mutator *mutator, tri_ref object)
{
    struct object_place place;
    mutator_require(mutator, "tri_finalizer_detach");
    return object_find(mutator->heap, (uintptr_t)object, &place) &&
           finalizer_detach(mutator, &place);
}

static tri_result attach_cleanup(tri_mutator *mutator, const struct object_place *place,
                                 const struct cleanup_call *call, tri_cleanup *cleanup)
{
    tri_cleanup made;
    tri_result result = cleanup_attach(mutator, place, call, &made);
    if (result == TRI_OK && cleanup != NULL) {
        *cleanup = made;
    }
    return result;
}

tri_result tri_cleanup_attach(tri_mutator *mutator, tri_ref object, tri_cleanup_function *function,
                              void *argument, tri_cleanup *cleanup)
{
    struct object_place place;
    const struct cleanup_call call = {function, argument, false};
    mutator_require(mutator, "tri_cleanup_attach");
    if (function == NULL || !find_collected(mutator->heap, object, &place)) {
        return TRI_E_INVALID;
    }
    return attach_cleanup(mutator, &place, &call, cleanup);
}

tri_result tri_cleanup_attach_ref(tri_mutator *mutator, tri_ref object,
                                  tri_cleanup_function *function, tri_ref argument,
                                  tri_cleanup *cleanup)
{
    struct object_place place;
    struct object_place other;
    const struct cleanup_call call = {function, argument, true};
    mutator_require(mutator, "tri_cleanup_attach_ref");
    if (function == NULL || !find_collected(mutator->heap, object, &place) ||
        !object_find(mutator->heap, (uintptr_t)argument, &other) || other.object == place.object) {
        return TRI_E_INVALID;
    }
    return attach_cleanup(mutator, &place, &call, cleanup);
}

bool tri_cleanup_stop(tri_mutator *mutator, tri_cleanup cleanup)
{
    mutator_require(mutator, "tri_cleanup_stop");
    return cleanup_stop(mutator, cleanup);
}

size_t tri_finalizers_run(tri_mutator *mutator, size_t budget)
{
    mutator_require(mutator, "tri_finalizers_run");
    return finalizers_run(mutator, budget);
}

static void stack_require(const tri_mutator *mutator, const tri_stack *stack, const char *call)
{
    TRI_REQUIRE(stack != NULL && stack->signature == STACK_SIGNATURE,
                "%s: %p is not a stack, or was destroyed", call, (const void *)stack);
    TRI_REQUIRE(stack->heap == mutator->heap, "%s: the stack %p belongs to another heap", call,
                (const void *)stack);
}

tri_result tri_stack_create(tri_mutator *mutator, tri_stack_function *scan, void *argument,
                            tri_stack **stack)
{
    mutator_require(mutator, "tri_stack_create");
    if (stack == NULL) {
        return TRI_E_INVALID;
    }
    tri_stack *made = stack_create(process_mutator_of(mutator), scan, argument);
    if (made == NULL) {
        return TRI_E_NOMEM;
    }
    *stack = made;
    return TRI_OK;
}

void tri_stack_switch(tri_mutator *mutator, tri_stack *stack)
{
    mutator_require(mutator, "tri_stack_switch");
    if (stack != NULL) {
        stack_require(mutator, stack, "tri_stack_switch");
    }
    stack_switch(process_mutator_of(mutator), stack);
}

void tri_stack_destroy(tri_mutator *mutator, tri_stack *stack)
{
    mutator_require(mutator, "tri_stack_destroy");
    stack_require(mutator, stack, "tri_stack_destroy");
    stack_destroy(process_mutator_of(mutator), stack);
}

/* ---- Pools ----------------------------------------------------------------------------------- */

static void pool_require(const tri_pool *pool, const char *call)
{
    TRI_REQUIRE(pool != NULL && pool->signature == POOL_SIGNATURE,
                "%s: %p is not a pool, or was destroyed", call, (const void *)pool);
}

static void pool_use_require(const tri_mutator *mutator, const tri_pool *pool, const char *call)
{
    mutator_require(mutator, call);
    pool_require(pool, call);
    TRI_REQUIRE(pool->heap == mutator->heap, "%s: the pool %p belongs to another heap", call,
                (const void *)pool);
}

tri_result tri_pool_create(tri_heap *heap, tri_pool_new_function *new_function, void *argument,
                           tri_pool **pool)
{
    heap_require(heap, "tri_pool_create");
    return pool == NULL ? TRI_E_INVALID : pool_create(heap, new_function, argument, pool);
}

void tri_pool_destroy(tri_pool *pool)
{
    pool_require(pool, "tri_pool_destroy");
    pool_destroy(pool);
}

tri_ref tri_pool_get_slow_(tri_mutator *mutator, tri_pool *pool)
{
    pool_use_require(mutator, pool, "tri_pool_get");
    return pool_get(mutator, pool);
}

void tri_pool_put_slow_(tri_mutator *mutator, tri_pool *pool, tri_ref reference)
{
    pool_use_require(mutator, pool, "tri_pool_put");
    pool_put(mutator, pool, reference);
}

void tri_check_pool_get_(tri_mutator *mutator, tri_pool *pool)
{
    pool_use_require(mutator, pool, "tri_pool_get");
}

void tri_check_pool_put_(tri_mutator *mutator, tri_pool *pool, tri_ref reference)
{
    struct object_place place;
    pool_use_require(mutator, pool, "tri_pool_put");
    if (reference != TRI_NULL) {
        TRI_REQUIRE(
            object_find(mutator->heap, (uintptr_t)reference, &place) && place.object == reference,
            "tri_pool_put: %p is not the start of an object of the mutator's heap", reference);
        TRI_REQUIRE(!pool_has(mutator, pool, reference),
                    "tri_pool_put: the object %p is in the pool already: it was put twice",
                    reference);
    }
}

/* ---- Observation ----------------------------------------------------------------------------- */

tri_result tri_stats_read(tri_heap *heap, tri_stats *stats)
{
    heap_require(heap, "tri_stats_read");
    if (stats == NULL || stats->size != sizeof(tri_stats)) {
        return TRI_E_INVALID;
    }
    stats_fill(process_heap_of(heap), stats);
    return TRI_OK;
}

size_t tri_stalls_read(tri_heap *heap, tri_stall *stalls, size_t room)
{
    heap_require(heap, "tri_stalls_read");
    return stats_stalls(heap, stalls, room);
}

/* The lock is kept from one call to the other, which clang's analysis does not follow. */
LOCK_UNCHECKED void tri_debug_hold(tri_mutator *mutator)
{
    mutator_require(mutator, "tri_debug_hold");
    port_blocking_begin(mutator);
    cycle_lock_idle(mutator->heap);
    port_hold_begin(mutator->heap);
    process_mutator_of(mutator)->holds = true;
}

LOCK_UNCHECKED void tri_debug_release(tri_mutator *mutator)
{
    TRI_REQUIRE(mutator != NULL && mutator->signature == MUTATOR_SIGNATURE,
                "tri_debug_release: %p is not a mutator, or was detached", (const void *)mutator);
    TRI_REQUIRE(process_mutator_of(mutator)->holds,
                "tri_debug_release: the mutator %p does not hold the heap; the one that called "
                "tri_debug_hold releases it",
                (const void *)mutator);
    process_mutator_of(mutator)->holds = false;
    port_hold_end(mutator->heap);
    lock_release(&mutator->heap->cycle.lock);
    port_blocking_end(mutator);
}

static void flush_one(struct tri_mutator *mutator, void *unused)
{
    (void)unused;
    answer_flush_cache(mutator);
}

/* Bring the held heap into the state that a cycle begins with: all spans swept (the background
 * sweeper is no mutator, and a hold does not stop it), all caches flushed. */
static void settle_held(tri_heap *heap)
{
    sweep_settle(heap);
    port_each_mutator(heap, flush_one, NULL);
}

void tri_debug_verify(tri_mutator *mutator)
{
    tri_debug_hold(mutator);
    settle_held(mutator->heap);
    verify_heap(mutator->heap, VERIFY_BEFORE_MARK);
    tri_debug_release(mutator);
}

void tri_debug_each_object(tri_mutator *mutator, tri_object_function *function, void *argument)
{
    TRI_REQUIRE(mutator != NULL && mutator->signature == MUTATOR_SIGNATURE &&
                    process_mutator_of(mutator)->holds,
                "tri_debug_each_object: call tri_debug_hold first");
    settle_held(mutator->heap);
    verify_each_object(mutator->heap, function, argument);
}
