/* graph.h -- the large live graphs of mark, stall and rss: nodes, lists, the random one, the check.
 *
 * A graph is reachable from an array of GRAPH_ROOTS slots. Edges are stored into nodes that are
 * reachable already, by impl_store: impl_init is for objects that nobody knows yet.
 *
 * To be included after the implementation's header.
 */
#ifndef TRILLIUM_BENCH_GRAPH_H
#define TRILLIUM_BENCH_GRAPH_H

#include "bench.h"

enum {
    GRAPH_ROOTS = 1024,
    GRAPH_PENDING_MAX = 4096,
    GRAPH_PREFETCHES = 16
};

struct node {
    struct node *next[4];
    uint64_t numbers[4]; /* the first: the order of allocation */
};

_Static_assert(sizeof(struct node) == 64, "the node of the workload's definition");

/* Starts the implementation for nodes. */
static inline void graph_start(int argc, char **argv, unsigned markers)
{
    struct bench_setup setup = {
        .object_size = sizeof(struct node),
        .pointer_words = 0xf,
        .markers = markers,
        .interior = bench_number(argc, argv, "interior", 0) != 0,
    };
    impl_start(&setup);
}

static inline struct node *new_node(struct impl_thread *thread, uint64_t number)
{
    struct node *node = impl_alloc(thread, true, sizeof(struct node));
    node->numbers[0] = number;
    return node;
}

/* GRAPH_ROOTS linked lists, one after the other, each allocated from head to tail. */
static inline void build_list(struct impl_thread *thread, void **roots, uint64_t count)
{
    uint64_t number = 0;
    for (size_t i = 0; i < GRAPH_ROOTS; i++) {
        struct node *last = new_node(thread, number++);
        impl_store(thread, &roots[i], last);
        for (uint64_t j = 1; j < count / GRAPH_ROOTS; j++) {
            struct node *node = new_node(thread, number++);
            impl_store(thread, &last->next[0], node);
            last = node;
        }
    }
}

/* A binary tree over `count` nodes in random order, and two edges from every node to nodes chosen
 * at random. */
static inline void build_random(struct impl_thread *thread, void **roots, uint64_t count)
{
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15);
    void **nodes = impl_array(thread, count);
    for (uint64_t i = 0; i < count; i++) {
        impl_store(thread, &nodes[i], new_node(thread, i));
    }
    for (uint64_t i = count - 1; i > 0; i--) {
        uint64_t j = bench_random_below(&state, i + 1);
        void *exchanged = nodes[i];
        impl_store(thread, &nodes[i], nodes[j]);
        impl_store(thread, &nodes[j], exchanged);
    }
    for (uint64_t i = 0; i < count; i++) {
        struct node *node = nodes[i];
        for (uint64_t child = 2 * i + 1; child <= 2 * i + 2 && child < count; child++) {
            impl_store(thread, &node->next[child - 2 * i - 1], nodes[child]);
        }
        impl_store(thread, &node->next[2], nodes[bench_random_below(&state, count)]);
        impl_store(thread, &node->next[3], nodes[bench_random_below(&state, count)]);
    }
    impl_store(thread, &roots[0], nodes[0]);
    impl_array_drop(thread, nodes);
}

/* ---- The check: a walk along next[0] and next[1], which never lead to one node twice ---- */

static inline uint64_t node_sum(const struct node *node)
{
    uint64_t sum = node->numbers[0] * 2 + 1;
    if (node->numbers[0] % 64 == 0 && node->next[2] != NULL) {
        sum += 3 * node->next[2]->numbers[0] + 5 * node->next[3]->numbers[0];
    }
    return sum;
}

/* Adds the nodes below `root` to the sum and to their number. */
static inline uint64_t walk(const struct node *root, uint64_t *nodes)
{
    const struct node *pending[GRAPH_PENDING_MAX], *prefetched[GRAPH_PREFETCHES] = {NULL};
    size_t pending_count = 0, in_flight = 0;
    uint64_t sum = 0;
    pending[pending_count++] = root;
    for (size_t turn = 0; pending_count > 0 || in_flight > 0;
         turn = (turn + 1) % GRAPH_PREFETCHES) {
        const struct node *node = prefetched[turn];
        prefetched[turn] = NULL;
        if (pending_count > 0) {
            prefetched[turn] = pending[--pending_count];
            __builtin_prefetch(prefetched[turn]);
            in_flight++;
        }
        if (node == NULL) {
            continue;
        }
        in_flight--;
        ++*nodes;
        sum += node_sum(node);
        for (size_t i = 0; i < 2; i++) {
            if (node->next[i] != NULL && pending_count == GRAPH_PENDING_MAX) {
                bench_die("the graph is deeper than it was built");
            }
            if (node->next[i] != NULL) {
                pending[pending_count++] = node->next[i];
            }
        }
    }
    return sum;
}

static inline uint64_t check_graph(void **roots, uint64_t count)
{
    uint64_t sum = 0, nodes = 0;
    for (size_t i = 0; i < GRAPH_ROOTS; i++) {
        if (roots[i] != NULL) {
            sum += walk(roots[i], &nodes);
        }
    }
    if (nodes != count) {
        bench_die("nodes of the graph are missing");
    }
    return sum;
}

#endif
