/* stats_test.c -- the counters: identities that always hold, what only grows, and exact numbers for
 * graphs that are known.
 */
#include "tests/scenario/scenario.h"

/* ---- Identities ------------------------------------------------------------------------------ */

static void check_identities(const tri_stats *stats)
{
    MUST(stats->mallocs - stats->frees == stats->heap_objects);
    MUST(stats->mallocs >= stats->frees);
    MUST(stats->total_alloc >= stats->heap_alloc);
    MUST(stats->heap_sys == stats->heap_in_use + stats->heap_idle);
    MUST(stats->sys == stats->heap_sys + stats->gc_sys);
    MUST(stats->heap_alloc <= stats->heap_in_use);
    MUST(stats->gc_sys > 0);
    MUST(stats->heap_released <= stats->heap_idle);
    MUST(stats->num_forced_gc <= stats->num_gc);
    MUST(stats->pause_max_ns <= stats->pause_total_ns);
    MUST((stats->num_gc == 0) == (stats->last_gc_ns == 0));
    MUST(stats->last_marked_objects == 0 || stats->last_marked >= stats->last_marked_objects * 16);
}

static void check_only_grew(const tri_stats *before, const tri_stats *after)
{
    MUST(after->total_alloc >= before->total_alloc);
    MUST(after->mallocs >= before->mallocs);
    MUST(after->frees >= before->frees);
    MUST(after->heap_sys >= before->heap_sys);
    /* not gc_sys: the span entries of chunks that were given back are given back, too */
    MUST(after->last_gc_ns >= before->last_gc_ns);
    MUST(after->pause_total_ns >= before->pause_total_ns);
    MUST(after->pause_max_ns >= before->pause_max_ns);
    MUST(after->num_gc >= before->num_gc);
    MUST(after->num_forced_gc >= before->num_forced_gc);
    MUST(after->gc_cpu_ns >= before->gc_cpu_ns);
    MUST(after->scavenged_background >= before->scavenged_background);
    MUST(after->scavenged_at_allocation >= before->scavenged_at_allocation);
    MUST(after->scavenged_on_request >= before->scavenged_on_request);
}

START_TEST(a_new_heap_is_empty)
{
    tri_heap *heap = heap_new(NULL);
    tri_stats stats = stats_of(heap);
    check_identities(&stats);
    ck_assert_uint_eq(stats.mallocs, 0);
    ck_assert_uint_eq(stats.frees, 0);
    ck_assert_uint_eq(stats.total_alloc, 0);
    ck_assert_uint_eq(stats.heap_alloc, 0);
    ck_assert_uint_eq(stats.heap_live, 0);
    ck_assert_uint_eq(stats.heap_sys, 0);
    ck_assert_uint_eq(stats.num_gc, 0);
    ck_assert_uint_eq(stats.pause_total_ns, 0);
    ck_assert_uint_eq(stats.mutators, 0);
    ck_assert_uint_eq(stats.handles, 0);
    ck_assert_uint_lt(stats.gc_sys, 512 * 1024);
    tri_heap_destroy(heap);
}
END_TEST

/* A new object of any size, large ones among them. */
static tri_ref any_array(struct host *host, uint64_t *random)
{
    uint64_t most = unit_random_below(random, 50) == 0 ? 10000 : 60;
    return tri_alloc_array(host->mutator, host->link, unit_random_below(random, most));
}

START_TEST(identities_hold_at_any_time)
{
    enum {
        KEPT = 300
    };
    static tri_word slots[KEPT];
    uint64_t random = unit_seed();
    struct host host = host_new(NULL);
    MUST(tri_global_add(host.heap, slots, KEPT) == TRI_OK);
    tri_stats before = stats_of(host.heap);
    unsigned count = times(100000, 10000);
    for (unsigned i = 0; i < count; i++) {
        tri_store_ref(host.mutator, &slots[unit_random_below(&random, KEPT)],
                      any_array(&host, &random));
        if (i % 7 == 0) {
            tri_stats after = stats_of(host.heap);
            check_identities(&after);
            check_only_grew(&before, &after);
            before = after;
        }
    }
    ck_assert_uint_gt(stats_of(host.heap).num_gc, 3);
    host_end(&host);
}
END_TEST

struct watched {
    struct host *host;
    uint64_t seed;
    atomic_bool ended;
};

static void *allocate_and_collect(void *argument)
{
    struct watched *watched = argument;
    uint64_t random = watched->seed;
    struct host host = *watched->host;
    host.mutator = attach(host.heap);
    unsigned count = times(30000, 3000);
    for (unsigned i = 0; i < count; i++) {
        (void)any_array(&host, &random);
        if (i % 1000 == 0) {
            tri_collect(host.mutator);
        }
    }
    tri_mutator_detach(host.mutator);
    atomic_store(&watched->ended, true);
    return NULL;
}

/* A reading beside running mutators, sweepers and cycles is not of one moment; but differences do
 * not go below zero, and what only grows does. */
START_TEST(readings_beside_others)
{
    struct host host = host_new(NULL);
    struct watched watched[2] = {{&host, unit_seed(), false}, {&host, 1, false}};
    pthread_t threads[2];
    tri_blocking_begin(host.mutator);
    for (int i = 0; i < 2; i++) {
        threads[i] = thread_new(allocate_and_collect, &watched[i]);
    }
    tri_stats before = stats_of(host.heap);
    while (!atomic_load(&watched[0].ended) || !atomic_load(&watched[1].ended)) {
        tri_stats after = stats_of(host.heap);
        check_only_grew(&before, &after);
        MUST(after.mallocs - after.frees == after.heap_objects);
        MUST(after.mallocs >= after.frees && after.total_alloc >= after.heap_alloc);
        MUST(after.sys == after.heap_sys + after.gc_sys);
        MUST(after.mutators >= 1 && after.mutators <= 3);
        before = after;
    }
    for (int i = 0; i < 2; i++) {
        thread_join(threads[i]);
    }
    tri_blocking_end(host.mutator);
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    host_end(&host);
}
END_TEST

/* ---- Exact counts ---------------------------------------------------------------------------- */

/* A heap in which only what the test does makes cycles, and every object has a slot of its own
 * size: the types are in use already. */
static struct host quiet_host(void)
{
    tri_heap_options options = options_new();
    options.stress = 0;
    options.gc_percent = TRI_GC_PERCENT_OFF;
    options.stop_the_world = true; /* cycles begin at the goal, and end before the allocation */
    struct host host = host_new(&options);
    for (int i = 0; i < 100; i++) {
        (void)link_new(host.mutator, host.link, 0);
        (void)link_new(host.mutator, host.leaf, 0);
    }
    tri_collect(host.mutator);
    return host;
}

START_TEST(lists_are_counted)
{
    struct host host = quiet_host();
    tri_stats before = stats_of(host.heap);
    {
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = list_new(host.mutator, host.link, 1000);
        (void)list_new(host.mutator, host.link, 234);
        tri_collect(host.mutator);
        tri_stats after = stats_of(host.heap);
        check_identities(&after);
        ck_assert_uint_eq(after.mallocs, before.mallocs + 1234);
        ck_assert_uint_eq(after.frees, before.frees + 234);
        ck_assert_uint_eq(after.total_alloc, before.total_alloc + 1234 * 16);
        ck_assert_uint_eq(after.heap_objects, 1000);
        ck_assert_uint_eq(after.heap_alloc, 16000);
        ck_assert_uint_eq(after.heap_live, 16000);
        ck_assert_uint_eq(after.last_marked, 16000);
        ck_assert_uint_eq(after.last_marked_objects, 1000);
        ck_assert_uint_eq(after.num_gc, before.num_gc + 1);
        ck_assert_uint_eq(after.num_forced_gc, before.num_forced_gc + 1);
    }
    tri_collect(host.mutator);
    tri_stats after = stats_of(host.heap);
    check_identities(&after);
    ck_assert_uint_eq(after.heap_objects, 0);
    ck_assert_uint_eq(after.heap_alloc, 0);
    ck_assert_uint_eq(after.heap_live, 0);
    ck_assert_uint_eq(after.heap_in_use, 0); /* empty spans go back */
    host_end(&host);
}
END_TEST

struct node {
    struct node *left;
    struct node *right;
    uint64_t number;
};

static const tri_field node_fields[] = {TRI_POINTER_AT(struct node, left),
                                        TRI_POINTER_AT(struct node, right)};

static tri_type *node_type_new(tri_heap *heap)
{
    tri_type_desc desc = TRI_TYPE_DESC("node", struct node);
    desc.layout = TRI_LAYOUT_OF(node_fields);
    return type_new(heap, &desc);
}

static struct node *tree_new(tri_mutator *mutator, tri_type *type, unsigned depth)
{
    TRI_FRAME(mutator, 2);
    if (depth > 0) {
        TRI_LOCAL(0) = tree_new(mutator, type, depth - 1);
        TRI_LOCAL(1) = tree_new(mutator, type, depth - 1);
    }
    struct node *node = tri_alloc(mutator, type);
    tri_init_ref(mutator, &node->left, TRI_LOCAL(0));
    tri_init_ref(mutator, &node->right, TRI_LOCAL(1));
    node->number = depth;
    return node;
}

static uint64_t tree_count(const struct node *node, unsigned depth)
{
    if (node == NULL) {
        return 0;
    }
    MUST(node->number == depth);
    return 1 + tree_count(node->left, depth - 1) + tree_count(node->right, depth - 1);
}

START_TEST(trees_are_counted)
{
    unsigned depth = times(14, 10);
    struct host host = host_new(NULL);
    tri_type *type = node_type_new(host.heap);
    {
        TRI_FRAME(host.mutator, 2);
        TRI_LOCAL(0) = tree_new(host.mutator, type, depth);
        ck_assert_uint_eq(collect_and_count(host.mutator), (UINT64_C(2) << depth) - 1);
        struct node *root = TRI_LOCAL(0);
        TRI_LOCAL(1) = root->left->right; /* a quarter of it */
        ck_assert_uint_eq(tree_count(root, depth), (UINT64_C(2) << depth) - 1);
        TRI_LOCAL(0) = TRI_NULL;
        ck_assert_uint_eq(collect_and_count(host.mutator), (UINT64_C(2) << (depth - 2)) - 1);
        ck_assert_uint_eq(tree_count(TRI_LOCAL(1), depth - 2), (UINT64_C(2) << (depth - 2)) - 1);
    }
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    host_end(&host);
}
END_TEST

/* A ring in which each also refers across: nothing but cycles, and all of it one. */
START_TEST(rings_are_counted)
{
    enum {
        COUNT = 1000
    };
    struct host host = host_new(NULL);
    tri_type *type = node_type_new(host.heap);
    tri_type_desc desc = TRI_TYPE_DESC("word", void *);
    desc.layout = TRI_LAYOUT(TRI_LAYOUT_ALL_WORDS);
    tri_type *word = type_new(host.heap, &desc);
    {
        TRI_FRAME(host.mutator, 2);
        TRI_LOCAL(0) = tri_alloc_array(host.mutator, word, COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            struct node *node = tri_alloc(host.mutator, type);
            tri_store_ref(host.mutator, (struct node **)TRI_LOCAL(0) + i, node);
        }
        struct node **nodes = TRI_LOCAL(0);
        for (size_t i = 0; i < COUNT; i++) {
            tri_store_ref(host.mutator, &nodes[i]->left, nodes[(i + 1) % COUNT]);
            tri_store_ref(host.mutator, &nodes[i]->right, nodes[i * 7 % COUNT]);
        }
        ck_assert_uint_eq(collect_and_count(host.mutator), COUNT + 1);
        TRI_LOCAL(1) = nodes[500];
        TRI_LOCAL(0) = TRI_NULL;
        ck_assert_uint_eq(collect_and_count(host.mutator), COUNT);
        /* Cut: 500 is left with what it reaches going round to the cut, and across. */
        struct node *node = TRI_LOCAL(1);
        tri_store_ref(host.mutator, &node->left, NULL);
        tri_store_ref(host.mutator, &node->right, NULL);
        ck_assert_uint_eq(collect_and_count(host.mutator), 1);
        TRI_LOCAL(1) = TRI_NULL;
        ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    }
    host_end(&host);
}
END_TEST

START_TEST(sizes_are_counted_as_slots)
{
    static const struct {
        size_t asked;
        size_t slot;
    } sizes[] = {{0, 16},          {1, 16},           {16, 16},       {17, 24},
                 {33, 48},         {1000, 1024},      {32768, 32768}, {32769, 40960},
                 {100000, 106496}, {1 << 20, 1 << 20}};
    struct host host = quiet_host();
    tri_type_desc desc = TRI_TYPE_DESC("bytes", char);
    tri_type *bytes = type_new(host.heap, &desc);
    for (int i = 0; i < 100; i++) {
        (void)tri_alloc_array(host.mutator, bytes, 1);
    }
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        TRI_FRAME(host.mutator, 1);
        tri_collect(host.mutator);
        tri_stats before = stats_of(host.heap);
        TRI_LOCAL(0) = tri_alloc_array(host.mutator, bytes, sizes[i].asked);
        ck_assert_uint_eq(tri_object_size(host.heap, TRI_LOCAL(0)), sizes[i].slot);
        tri_collect(host.mutator);
        tri_stats after = stats_of(host.heap);
        check_identities(&after);
        ck_assert_uint_eq(after.mallocs - before.mallocs, 1);
        ck_assert_uint_eq(after.total_alloc - before.total_alloc, sizes[i].slot);
        ck_assert_uint_eq(after.heap_alloc, sizes[i].slot);
        ck_assert_uint_eq(after.last_marked, sizes[i].slot);
    }
    host_end(&host);
}
END_TEST

/* ---- Goals ----------------------------------------------------------------------------------- */

START_TEST(goals_follow_the_percentage)
{
    struct host host = quiet_host();
    {
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = tri_alloc_array(host.mutator, host.leaf, 655360); /* 10 MiB */
        tri_collect(host.mutator);
        uint64_t live = stats_of(host.heap).heap_live;
        ck_assert_uint_eq(live, 10 << 20);
        ck_assert_uint_eq(stats_of(host.heap).next_gc, UINT64_MAX);
        /* Roots count as well: a few words here. */
        (void)tri_set_gc_percent(host.heap, 100);
        ck_assert_uint_ge(stats_of(host.heap).next_gc, live * 2);
        ck_assert_uint_le(stats_of(host.heap).next_gc, live * 2 + 1000);
        (void)tri_set_gc_percent(host.heap, 10);
        ck_assert_uint_ge(stats_of(host.heap).next_gc, live * 11 / 10);
        ck_assert_uint_le(stats_of(host.heap).next_gc, live * 11 / 10 + 1000);
        (void)tri_set_memory_limit(host.heap, 32 << 20);
        (void)tri_set_gc_percent(host.heap, 1000);
        ck_assert_uint_le(stats_of(host.heap).next_gc, 32 << 20);
        ck_assert_uint_ge(stats_of(host.heap).next_gc, 28 << 20);
    }
    host_end(&host);
}
END_TEST

/* Less than 4 MiB live: the goal is 4 MiB times GOGC/100. */
START_TEST(goals_have_a_minimum)
{
    struct host host = quiet_host();
    (void)tri_set_gc_percent(host.heap, 100);
    ck_assert_uint_eq(stats_of(host.heap).next_gc, 4 << 20);
    (void)tri_set_gc_percent(host.heap, 200);
    ck_assert_uint_eq(stats_of(host.heap).next_gc, 8 << 20);
    (void)tri_set_gc_percent(host.heap, 100);
    uint64_t cycles = stats_of(host.heap).num_gc;
    (void)list_new(host.mutator, host.link, (3 << 20) / 16);
    ck_assert_uint_eq(stats_of(host.heap).num_gc, cycles);
    (void)list_new(host.mutator, host.link, (2 << 20) / 16);
    ck_assert_uint_eq(stats_of(host.heap).num_gc, cycles + 1);
    ck_assert_uint_eq(stats_of(host.heap).num_forced_gc, cycles);
    host_end(&host);
}
END_TEST

int main(void)
{
    const struct test_entry tests[] = {
        {a_new_heap_is_empty, 0},        {identities_hold_at_any_time, 0},
        {readings_beside_others, 0},     {lists_are_counted, 0},
        {trees_are_counted, 0},          {rings_are_counted, 0},
        {sizes_are_counted_as_slots, 0}, {goals_follow_the_percentage, 0},
        {goals_have_a_minimum, 0},
    };
    return scenario_run("stats", tests, LENGTH(tests));
}
