/* dead_graph.h -- which dead objects refer to each other in circles.
 *
 * The strongly connected components of what is dead and reachable from given objects, and which of
 * these components can be reached from another one in which something waits.
 * Source: Tarjan 1972.
 */
#ifndef GC_DEAD_GRAPH_H
#define GC_DEAD_GRAPH_H

#include "gc/heap_state.h"

/* A dead object that was found. */
struct dead_node {
    struct map_link link; /* by the address of its slot */
    uint32_t low;         /* a node of its component that was found earlier, or itself */
    uint32_t component;   /* 0: not known yet. The higher a number, the nearer to the roots */
    uint32_t note;        /* of the first node of a component: the caller's, see below */
    bool circular;        /* the same: it has several nodes, or one that refers to itself */
    bool reached;         /* the same: it can be reached from another one that has a note */
};

/* A step on the way from a root to the node that is being looked at. */
struct dead_step {
    uint32_t node;
    uint32_t edges; /* edges above this one are those of node */
};

void dead_graph_init(struct dead_graph *graph, struct meta_alloc *meta);

/* Begin anew: forget all that was found. living: for what is alive, too; during a hold. */
void dead_graph_clear(struct dead_graph *graph, bool living);

/* Look at all dead objects that can be reached from object, and at that. An ephemeron refers to its
 * value here, and the key of a living one does. False where there is no memory: then the graph must
 * be cleared. CYCLE held, in the weak phase. */
bool dead_graph_explore(struct tri_heap *heap, uintptr_t object);

/* The component of object; 0 where it was not found. */
uint32_t dead_graph_component(const struct tri_heap *heap, uintptr_t object);

/* A number that the caller keeps for component, 0 at first. */
uint32_t *dead_graph_note(const struct tri_heap *heap, uint32_t component);

/* Find which components can be reached from others that have a note. False where there is no
 * memory. */
bool dead_graph_find_reached(struct tri_heap *heap);

/* Whether component is. */
bool dead_graph_is_reached(const struct tri_heap *heap, uint32_t component);

/* Whether the objects of component refer to each other, or the one to itself. */
bool dead_graph_is_circular(const struct tri_heap *heap, uint32_t component);

#endif
