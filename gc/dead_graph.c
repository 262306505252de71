/* dead_graph.c -- components of the dead.
 *
 * Owns:       struct dead_graph.
 * Idea:       nobody but the collector has references to what is dead, so it stands still while
 *             mutators run, and can be walked by one thread without marks: what was found is in a
 *             hash table of the collector's own. That is slower than marking, and done for circles
 *             with finalizers only. The way from a root is kept in memory, not on the C stack.
 * Invariants:
 *   [dead_graph.1] Where mutators run, only objects that were not reached MUST be looked at;
 *                  otherwise the search walks through the living, which are many and change
 *                  meanwhile, among them all that is in regions. No living
 *                  object refers to a dead one, so nothing is missed.
 *   [dead_graph.2] The search MUST NOT use more C stack for a longer chain of objects; otherwise a
 *                  long list ends the process.
 *   [dead_graph.3] A key MUST have an edge to the values that living ephemerons hold for it;
 *                  otherwise a circle that leads through one of these is not found, and nothing on
 *                  it is ever finalized.
 * Locks:      META.
 * Callers:    finalizer_phase, finalizer_check.
 */
#include "gc/dead_graph.h"

#include "gc/assert.h"
#include "gc/mark.h"
#include "gc/object.h"
#include "gc/weak_scan.h"

void dead_graph_init(struct dead_graph *graph, struct meta_alloc *meta)
{
    growing_array_init(&graph->nodes, meta, sizeof(struct dead_node));
    growing_array_init(&graph->edges, meta, sizeof(uintptr_t));
    growing_array_init(&graph->path, meta, sizeof(struct dead_step));
    growing_array_init(&graph->open, meta, sizeof(uint32_t));
    growing_array_init(&graph->order, meta, sizeof(uint32_t));
    growing_array_init(&graph->firsts, meta, sizeof(uint32_t));
    address_map_init(&graph->by_entry, meta, &graph->nodes);
}

void dead_graph_clear(struct dead_graph *graph, bool living)
{
    graph->living = living;
    if (graph->node_count > 0) {
        address_map_clear(&graph->by_entry);
    }
    graph->node_count = 0;
    graph->edge_count = 0;
    graph->path_count = 0;
    graph->open_count = 0;
    graph->order_count = 0;
    graph->component_count = 0;
}

/* Room for one more entry after count. False where there is no memory. */
static bool has_room(struct growing_array *array, uint32_t count)
{
    return count < load_relaxed(&array->count) || growing_array_extend(array);
}

static struct dead_node *node_at(const struct dead_graph *graph, uint32_t index)
{
    return growing_array_at(&graph->nodes, index);
}

static uint32_t *open_at(const struct dead_graph *graph, uint32_t index)
{
    return growing_array_at(&graph->open, index);
}

static uint32_t *order_at(const struct dead_graph *graph, uint32_t index)
{
    return growing_array_at(&graph->order, index);
}

static uint32_t *first_at(const struct dead_graph *graph, uint32_t component)
{
    return growing_array_at(&graph->firsts, component - 1);
}

/* ---- Edges ----------------------------------------------------------------------------------- */

/* A marker that only tells what it has found. */
struct edge_finder {
    struct marker marker;
    struct dead_graph *graph;
    bool is_full; /* there was no memory for an edge */
};

/* The slot that offset from the heap's base lies in, if there is a dead object in it; else 0
 * [dead_graph.1]. */
static uintptr_t dead_entry(const struct tri_heap *heap, uintptr_t address)
{
    struct object_place place;
    if (!object_find(heap, address, &place) ||
        (object_is_reached(heap, place.span, place.slot) && !heap->finalizers.graph.living)) {
        return 0;
    }
    return (uintptr_t)span_slot_address(&heap->page_heap.spans, place.span, place.slot);
}

static void add_edge(struct marker *marker, uintptr_t address)
{
    struct edge_finder *finder = CONTAINER_OF(marker, struct edge_finder, marker);
    struct dead_graph *graph = finder->graph;
    uintptr_t entry = dead_entry(marker->heap, address);
    if (entry == 0 || finder->is_full) {
        return;
    }
    if (!has_room(&graph->edges, graph->edge_count)) {
        finder->is_full = true;
        return;
    }
    *(uintptr_t *)growing_array_at(&graph->edges, graph->edge_count++) = entry;
}

/* Append the edges of the object in the slot at entry. */
static bool add_edges(struct tri_heap *heap, uintptr_t entry)
{
    struct edge_finder finder = {
        .marker = {.at_safepoint = true, .found = add_edge},
        .graph = &heap->finalizers.graph,
    };
    struct marker *marker = &finder.marker;
    marker_init(heap, marker);
    marker->discovers = false;
    uintptr_t object = entry;
    do {
        (void)scan_entry(marker, entry);
    } while (mark_stack_pop(&marker->stack, &entry)); /* the pieces of a large object */
    if (!heap->finalizers.graph.living) {
        weak_scan_waiting(marker, object); /* [dead_graph.3] */
    }
    marker_destroy(marker);
    return !finder.is_full;
}

static uintptr_t pop_edge(struct dead_graph *graph)
{
    return *(uintptr_t *)growing_array_at(&graph->edges, --graph->edge_count);
}

/* ---- The search ------------------------------------------------------------------------------ */

/* The object in the slot at entry is found for the first time: look at it next. */
static bool enter(struct tri_heap *heap, uintptr_t entry)
{
    struct dead_graph *graph = &heap->finalizers.graph;
    uint32_t index = graph->node_count;
    if (!has_room(&graph->nodes, index) || !has_room(&graph->path, graph->path_count) ||
        !has_room(&graph->open, graph->open_count) || !has_room(&graph->order, index) ||
        !address_map_add(&graph->by_entry, index, entry)) {
        return false;
    }
    struct dead_node *node = node_at(graph, index);
    node->low = index;
    node->component = 0;
    node->note = 0;
    node->reached = false;
    node->circular = false;
    graph->node_count++;
    *(struct dead_step *)growing_array_at(&graph->path, graph->path_count++) =
        (struct dead_step){index, graph->edge_count};
    *open_at(graph, graph->open_count++) = index;
    return add_edges(heap, entry);
}

static void lower(struct dead_node *node, uint32_t low)
{
    node->low = low < node->low ? low : node->low;
}

/* All edges of node number index are looked at, and none leads to before it: those that were opened
 * since are a component. */
static bool close_component(struct dead_graph *graph, uint32_t index)
{
    uint32_t component = graph->component_count + 1;
    uint32_t last;
    if (!has_room(&graph->firsts, graph->component_count)) {
        return false;
    }
    node_at(graph, index)->circular |= *open_at(graph, graph->open_count - 1) != index;
    do {
        last = *open_at(graph, --graph->open_count);
        node_at(graph, last)->component = component;
        *order_at(graph, graph->order_count++) = last;
    } while (last != index);
    *first_at(graph, component) = index;
    graph->component_count = component;
    return true;
}

/* The node at the end of the path is done. */
static bool leave(struct dead_graph *graph)
{
    const struct dead_step *step = growing_array_at(&graph->path, --graph->path_count);
    const struct dead_node *node = node_at(graph, step->node);
    if (node->low == step->node && !close_component(graph, step->node)) {
        return false;
    }
    if (graph->path_count > 0) {
        const struct dead_step *before = growing_array_at(&graph->path, graph->path_count - 1);
        lower(node_at(graph, before->node), node->low);
    }
    return true;
}

/* Look at one edge of the node at the end of the path, or leave that. */
static bool step(struct tri_heap *heap)
{
    struct dead_graph *graph = &heap->finalizers.graph;
    const struct dead_step *last = growing_array_at(&graph->path, graph->path_count - 1);
    if (graph->edge_count == last->edges) {
        return leave(graph);
    }
    uintptr_t entry = pop_edge(graph);
    uint32_t number = address_map_find(&graph->by_entry, entry);
    if (number == 0) {
        return enter(heap, entry);
    }
    if (node_at(graph, number - 1)->component == 0) {
        lower(node_at(graph, last->node), number - 1);
        node_at(graph, last->node)->circular |= last->node == number - 1;
    }
    return true;
}

bool dead_graph_explore(struct tri_heap *heap, uintptr_t object)
{
    struct dead_graph *graph = &heap->finalizers.graph;
    uintptr_t entry = dead_entry(heap, object);
    if (entry == 0 || address_map_find(&graph->by_entry, entry) != 0) {
        return true;
    }
    bool done = enter(heap, entry);
    while (done && graph->path_count > 0) { /* [dead_graph.2] */
        done = step(heap);
    }
    return done;
}

uint32_t dead_graph_component(const struct tri_heap *heap, uintptr_t object)
{
    const struct dead_graph *graph = &heap->finalizers.graph;
    uintptr_t entry = graph->node_count == 0 ? 0 : dead_entry(heap, object);
    uint32_t number = entry == 0 ? 0 : address_map_find(&graph->by_entry, entry);
    return number == 0 ? 0 : node_at(graph, number - 1)->component;
}

/* ---- Who is reached -------------------------------------------------------------------------- */

static struct dead_node *first_of(const struct dead_graph *graph, uint32_t component)
{
    return node_at(graph, *first_at(graph, component));
}

uint32_t *dead_graph_note(const struct tri_heap *heap, uint32_t component)
{
    return &first_of(&heap->finalizers.graph, component)->note;
}

bool dead_graph_is_circular(const struct tri_heap *heap, uint32_t component)
{
    return first_of(&heap->finalizers.graph, component)->circular;
}

bool dead_graph_is_reached(const struct tri_heap *heap, uint32_t component)
{
    return first_of(&heap->finalizers.graph, component)->reached;
}

/* What the edges of node lead to, outside of its component, is reached. */
static bool pass_on(struct tri_heap *heap, const struct dead_node *node)
{
    struct dead_graph *graph = &heap->finalizers.graph;
    if (!add_edges(heap, node->link.key)) {
        return false;
    }
    while (graph->edge_count > 0) {
        uint32_t number = address_map_find(&graph->by_entry, pop_edge(graph));
        uint32_t component = number == 0 ? 0 : node_at(graph, number - 1)->component;
        if (component != 0 && component != node->component) {
            first_of(graph, component)->reached = true;
        }
    }
    return true;
}

/* Edges between components lead from a higher number to a lower one, so whether one is reached is
 * known when its turn comes. */
bool dead_graph_find_reached(struct tri_heap *heap)
{
    struct dead_graph *graph = &heap->finalizers.graph;
    bool done = true;
    for (uint32_t i = graph->order_count; done && i-- > 0;) {
        const struct dead_node *node = node_at(graph, *order_at(graph, i));
        const struct dead_node *first = first_of(graph, node->component);
        if (first->note != 0 || first->reached) {
            done = pass_on(heap, node);
        }
    }
    return done;
}
