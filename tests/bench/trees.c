/* trees.c -- binary trees: many that die young beside one that stays.
 *
 * The benchmark game's: a tree of depth + 1 levels below its root is made, counted and dropped; one
 * of `depth` levels is kept to the end; beside it, for each of the depths 4, 6, ... to `depth`,
 * 2^(depth + 4 - d) trees of d levels are made, counted and dropped. A node has two pointers. Each
 * of `mutators` threads does all of this for itself. The check is the number of all nodes counted.
 *
 *     bench_trees_... depth=20 mutators=1
 *
 * A tree is made from its leaves upwards, so that a node gets its children while nobody else knows
 * it. Where memory is freed, a tree is when it is dropped, node by node.
 */
#include BENCH_IMPL
#include "crew.h"

enum {
    DEPTH_LEAST = 4,
    DEPTH_MAX = 26,
    /* Of the stack: a level of depth d uses 2 d and 2 d + 1; the tree that stays has this. */
    LONG_LIVED_SLOT = 2 * (DEPTH_MAX + 2)
};

struct tree {
    struct tree *left, *right;
};

_Static_assert(sizeof(struct tree) == 16, "the node of the workload's definition");

static struct tree *grow(struct impl_thread *thread, unsigned depth)
{
    if (depth == 0) {
        return impl_alloc(thread, true, sizeof(struct tree));
    }
    size_t slot = 2 * (size_t)depth;
    struct tree *left = grow(thread, depth - 1);
    impl_keep(thread, slot, left);
    struct tree *right = grow(thread, depth - 1);
    impl_keep(thread, slot + 1, right);
    struct tree *tree = impl_alloc(thread, true, sizeof(*tree));
    impl_init(thread, &tree->left, left);
    impl_init(thread, &tree->right, right);
    impl_keep(thread, slot, NULL);
    impl_keep(thread, slot + 1, NULL);
    return tree;
}

/* The tree must be kept: this answers the collector. */
static uint64_t count_nodes(struct impl_thread *thread, const struct tree *tree)
{
    impl_poll(thread);
    if (tree->left == NULL) {
        return 1;
    }
    return 1 + count_nodes(thread, tree->left) + count_nodes(thread, tree->right);
}

static void drop(struct impl_thread *thread, struct tree *tree)
{
    if (IMPL_FREES && tree != NULL) {
        drop(thread, tree->left);
        drop(thread, tree->right);
        impl_free(thread, tree);
    }
}

/* Makes a tree, counts its nodes, and drops it. */
static uint64_t use_tree(struct impl_thread *thread, unsigned depth)
{
    struct tree *tree = grow(thread, depth);
    impl_keep(thread, 0, tree);
    uint64_t nodes = count_nodes(thread, tree);
    impl_keep(thread, 0, NULL);
    drop(thread, tree);
    return nodes;
}

static uint64_t use_trees(struct impl_thread *thread, unsigned depth)
{
    uint64_t nodes = use_tree(thread, depth + 1);
    struct tree *long_lived = grow(thread, depth);
    impl_keep(thread, LONG_LIVED_SLOT, long_lived);
    for (unsigned d = DEPTH_LEAST; d <= depth; d += 2) {
        uint64_t trees = UINT64_C(1) << (depth + DEPTH_LEAST - d);
        for (uint64_t i = 0; i < trees; i++) {
            nodes += use_tree(thread, d);
        }
    }
    nodes += count_nodes(thread, long_lived);
    impl_keep(thread, LONG_LIVED_SLOT, NULL);
    drop(thread, long_lived);
    return nodes;
}

static void work(struct member *member, struct impl_thread *thread)
{
    const unsigned *depth = member->crew->run;
    impl_stack_begin(thread);
    crew_start(member, thread);
    member->result = use_trees(thread, *depth);
    times_end(&member->times);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        impl_print_version();
        return 0;
    }
    unsigned depth = (unsigned)bench_number(argc, argv, "depth", 20);
    struct crew crew = {
        .count = (unsigned)bench_number(argc, argv, "mutators", 1),
        .work = work,
        .run = &depth,
    };
    if (depth < DEPTH_LEAST || depth > DEPTH_MAX || depth % 2 != 0) {
        bench_die("depth must be even, 4 to 26");
    }
    if (crew.count < 1 || crew.count > CREW_MAX) {
        bench_die("mutators must be 1 to 64");
    }
    struct bench_setup setup = {
        .object_size = sizeof(struct tree),
        .pointer_words = 3,
        /* As Go and Trillium have by themselves; Boehm has one where nobody starts a thread. */
        .markers = bench_processors(),
        .interior = bench_number(argc, argv, "interior", 0) != 0,
    };
    impl_start(&setup);
    crew_run(&crew);
    struct times times = crew_times(&crew);
    bench_report("run_s", (double)times_wall_ns(&times) / 1e9);
    bench_report("run_cpu_s", (double)times_cpu_ns(&times) / 1e9);
    crew_report(&crew);
    return 0;
}
