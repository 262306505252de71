/* finalizer_check.c -- telling a host of finalizers that come late, or never.
 *
 * Owns:       is_reported of attachments.
 * Invariants:
 *   [finalizer_check.1] Nothing MUST be reported twice; otherwise the log of a program with many
 *                       cycles hides what is new.
 * Locks:      META; LOG inside port_log. All mutators are held.
 * Callers:    cycle, where checkfinalizers=1.
 */
#include "gc/finalizer_check.h"

#include <inttypes.h>
#include <stdio.h>

#include "gc/dead_graph.h"
#include "gc/finalizer_roots.h"
#include "gc/object.h"
#include "gc/port.h"

/* Into text: the type and the address of the object that address lies in. */
static void describe(const struct tri_heap *heap, uintptr_t address, char *text, size_t size)
{
    struct object_place place;
    bool found = object_find(heap, address, &place);
    (void)snprintf(text, size, "%s at %#" PRIxPTR, found ? place.type->name : "(no object)",
                   found ? (uintptr_t)place.object : address);
}

static void report_cleanup(struct tri_heap *heap, struct attachment *attachment)
{
    char object[128];
    char argument[128];
    char line[400];
    describe(heap, load_relaxed(&attachment->object), object, sizeof object);
    describe(heap, load_relaxed(&attachment->argument), argument, sizeof argument);
    (void)snprintf(line, sizeof line,
                   "checkfinalizers: a cleanup of %s can never run: its argument, %s, leads to it",
                   object, argument);
    port_log(heap, line);
    attachment->is_reported = true; /* [finalizer_check.1] */
}

static void report_circle(struct tri_heap *heap, struct attachment *attachment)
{
    char object[128];
    char line[400];
    describe(heap, load_relaxed(&attachment->object), object, sizeof object);
    (void)snprintf(
        line, sizeof line,
        "checkfinalizers: the finalizer of %s will be late: the object refers to itself, "
        "so it runs a collection later than others",
        object);
    port_log(heap, line);
    attachment->is_reported = true; /* [finalizer_check.1] */
}

/* Whether from leads to object, or is it. */
static bool leads_to(struct tri_heap *heap, uintptr_t from, uintptr_t object)
{
    dead_graph_clear(&heap->finalizers.graph, true);
    return dead_graph_explore(heap, from) && dead_graph_component(heap, object) != 0;
}

typedef void attachment_function(struct tri_heap *heap, struct attachment *attachment);

/* Call function for what is attached with state and has not been reported. */
static void each_attached(struct tri_heap *heap, enum attachment_state state,
                          attachment_function *function)
{
    const struct finalizer_state *finalizers = &heap->finalizers;
    uint32_t count = growing_array_count(&finalizers->attachments);
    for (uint32_t number = 1; number <= count; number++) {
        struct attachment *attachment = attachment_at(finalizers, number);
        if (attachment_state_of(attachment) == state && !attachment->is_reported) {
            function(heap, attachment);
        }
    }
}

static void check_cleanup(struct tri_heap *heap, struct attachment *attachment)
{
    if (leads_to(heap, load_relaxed(&attachment->argument), load_relaxed(&attachment->object))) {
        report_cleanup(heap, attachment);
    }
}

/* Where there is no memory the object is not found in the graph, or no circle is. */
static void explore(struct tri_heap *heap, struct attachment *attachment)
{
    struct dead_graph *graph = &heap->finalizers.graph;
    if (!dead_graph_explore(heap, load_relaxed(&attachment->object))) {
        dead_graph_clear(graph, true);
    }
}

static void check_circle(struct tri_heap *heap, struct attachment *attachment)
{
    uint32_t component = dead_graph_component(heap, load_relaxed(&attachment->object));
    if (component != 0 && dead_graph_is_circular(heap, component)) {
        report_circle(heap, attachment);
    }
}

static void report_queue(struct tri_heap *heap)
{
    const struct finalizer_state *state = &heap->finalizers;
    uint64_t waiting = load_relaxed(&state->waiting);
    uint64_t finalizers =
        load_relaxed(&state->finalizers_queued) - load_relaxed(&state->finalizers_run);
    char line[128];
    (void)snprintf(line, sizeof line, /* as Go says */
                   "checkfinalizers: queue: %" PRIu64 " finalizers + %" PRIu64 " cleanups",
                   finalizers, waiting - finalizers);
    port_log(heap, line);
}

void finalizer_check(struct tri_heap *heap)
{
    report_queue(heap);
    each_attached(heap, ATTACHMENT_REF_CLEANUP, check_cleanup);
    dead_graph_clear(&heap->finalizers.graph, true);
    each_attached(heap, ATTACHMENT_ORDERED, explore);
    each_attached(heap, ATTACHMENT_ORDERED, check_circle);
    dead_graph_clear(&heap->finalizers.graph, false);
}
