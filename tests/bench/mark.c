/* mark.c -- forced collections of a large heap in which everything is live.
 *
 * A node has 64 bytes: 4 pointers, 4 numbers. `count` of them make
 *     graph=list    1024 linked lists, one after the other, each allocated from head to tail;
 *     graph=tree    a binary tree, allocated depth first, parents before children;
 *     graph=random  a binary tree over the nodes in random order, and two edges from every node to
 *                   nodes chosen at random: nearly every pointer leads to a cache and a TLB miss.
 * Then it collects `collections` times (5); full_ms is the median. At the end a walk over the graph
 * counts the nodes and sums up what they hold.
 *
 *     bench_mark_... graph=list|tree|random markers=1 count=16777216
 */
#include BENCH_IMPL
#include "graph.h"

enum {
    COLLECTIONS_MAX = 99
};

/* ---- The tree; the other graphs are graph.h's ---- */

/* Hangs complete trees of `depth` levels below `parent`, at next[0] and next[1]. Each node is
 * stored into its parent before the next is allocated, so that it is reachable. */
static void build_below(struct impl_thread *thread, struct node *parent, unsigned depth,
                        uint64_t *number)
{
    for (size_t i = 0; i < 2 && depth > 0; i++) {
        struct node *child = new_node(thread, (*number)++);
        impl_store(thread, &parent->next[i], child);
        build_below(thread, child, depth - 1, number);
    }
}

/* `count` is a power of two: a complete tree has one node less, the last stands beside it. */
static void build_tree(struct impl_thread *thread, void **roots, uint64_t count)
{
    unsigned depth = (unsigned)__builtin_ctzll(count);
    uint64_t number = 0;
    struct node *top = new_node(thread, number++);
    impl_store(thread, &roots[0], top);
    build_below(thread, top, depth - 1, &number);
    impl_store(thread, &roots[1], new_node(thread, number));
}

/* ---- The program ---- */

static void collect(struct impl_thread *thread, size_t collections)
{
    double wall_ms[COLLECTIONS_MAX], cpu_ms[COLLECTIONS_MAX];
    for (size_t i = 0; i < collections; i++) {
        uint64_t cpu = bench_cpu_ns();
        uint64_t wall = bench_wall_ns();
        impl_collect(thread);
        wall_ms[i] = (double)(bench_wall_ns() - wall) / 1e6;
        cpu_ms[i] = (double)(bench_cpu_ns() - cpu) / 1e6;
    }
    bench_report("full_ms", bench_median(wall_ms, collections));
    bench_report("full_cpu_ms", bench_median(cpu_ms, collections));
}

static void build(struct impl_thread *thread, const char *graph, void **roots, uint64_t count)
{
    if (strcmp(graph, "list") == 0) {
        build_list(thread, roots, count);
    } else if (strcmp(graph, "tree") == 0) {
        build_tree(thread, roots, count);
    } else if (strcmp(graph, "random") == 0) {
        build_random(thread, roots, count);
    } else {
        bench_die("graph must be list, tree or random");
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        impl_print_version();
        return 0;
    }
    const char *graph = bench_option(argc, argv, "graph");
    uint64_t count = bench_number(argc, argv, "count", 1 << 24);
    uint64_t collections = bench_number(argc, argv, "collections", 5);
    if (count < 2 * GRAPH_ROOTS || (count & (count - 1)) != 0 || count > UINT32_MAX) {
        bench_die("count must be a power of two from 2048 to 2^31");
    }
    if (collections < 1 || collections > COLLECTIONS_MAX) {
        bench_die("collections must be 1 to 99");
    }
    graph_start(argc, argv, (unsigned)bench_number(argc, argv, "markers", 1));
    struct impl_thread thread;
    impl_thread_begin(&thread, count);
    void **roots = impl_array(&thread, GRAPH_ROOTS);

    uint64_t start = bench_wall_ns();
    build(&thread, graph == NULL ? "list" : graph, roots, count);
    bench_report("build_s", (double)(bench_wall_ns() - start) / 1e9);
    collect(&thread, collections);
    bench_report_check(check_graph(roots, count));
    impl_thread_end(&thread);
    return 0;
}
