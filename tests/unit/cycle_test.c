/* cycle_test.c -- whole collections on the fake port: random graphs against a shadow, the order of
 * the steps, the figures; and heaps that come and go.
 */
#include "gc/cycle.h"

#include <string.h>

#include "gc/object.h"
#include "gc/pacer.h"
#include "gc/sweep.h"
#include "gc/verify.h"
#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

static void default_begin(void)
{
    fake_port_reset();
    fixture_begin(NULL, 2);
}

static void default_end(void)
{
    fixture_end();
    fake_port_finish();
}

/* ---- Random graphs against a shadow ---------------------------------------------------------- */

#define NODES  600
#define EDGES  4
#define ROOTS  12
#define NOBODY NODES

/* What the test knows of each object: word 0 holds its number, words 1 to EDGES its edges. */
struct node {
    char *object; /* NULL: there is none */
    size_t edges[EDGES];
    bool live;
};

static struct {
    uint64_t random;
    struct node nodes[NODES];
    size_t roots[ROOTS];
    size_t candidates[ROOTS];
    const void *candidate_words[ROOTS];
    tri_type *types[8];
    unsigned checked; /* cycles */
} shadow;

static uint64_t below(uint64_t limit)
{
    return unit_random_below(&shadow.random, limit);
}

static void visit_node(size_t start, size_t *count)
{
    size_t stack[NODES];
    size_t depth = 0;
    if (start == NOBODY || shadow.nodes[start].live) {
        return;
    }
    shadow.nodes[start].live = true;
    stack[depth++] = start;
    while (depth > 0) {
        const struct node *node = &shadow.nodes[stack[--depth]];
        ++*count;
        for (size_t i = 0; i < EDGES; i++) {
            if (node->edges[i] != NOBODY && !shadow.nodes[node->edges[i]].live) {
                shadow.nodes[node->edges[i]].live = true;
                stack[depth++] = node->edges[i];
            }
        }
    }
}

/* Who can be reached, and how many. */
static size_t find_live(void)
{
    size_t count = 0;
    for (size_t i = 0; i < NODES; i++) {
        shadow.nodes[i].live = false;
    }
    for (size_t i = 0; i < ROOTS; i++) {
        visit_node(shadow.roots[i], &count);
        visit_node(shadow.candidates[i], &count);
    }
    return count;
}

/* A cycle has marked, and nothing is swept yet: the marks are the shadow's judgement. What is dead
 * is forgotten. */
static void check_marks(struct tri_heap *heap)
{
    size_t live = find_live();
    EXPECT(heap->cycle.last.marked_objects == live);
    for (size_t i = 0; i < NODES; i++) {
        struct node *node = &shadow.nodes[i];
        if (node->object != NULL) {
            EXPECT(fixture_is_marked(node->object) == node->live);
            node->object = node->live ? node->object : NULL;
        }
    }
    shadow.checked++;
}

/* Every live object is there and holds what was stored into it. */
static void check_contents(void)
{
    for (size_t i = 0; i < NODES; i++) {
        const struct node *node = &shadow.nodes[i];
        if (node->object == NULL) {
            continue;
        }
        EXPECT(*fixture_slot(node->object, 0) == i + 1);
        for (size_t k = 0; k < EDGES; k++) {
            uintptr_t word = *fixture_slot(node->object, k + 1);
            size_t to = node->edges[k];
            EXPECT((word == 0) == (to == NOBODY));
            EXPECT(to == NOBODY || word - (uintptr_t)shadow.nodes[to].object < 40);
        }
    }
}

/* Some object that can be reached, or NOBODY. */
static size_t pick_live(void)
{
    (void)find_live();
    size_t start = below(NODES);
    for (size_t i = 0; i < NODES; i++) {
        size_t at = (start + i) % NODES;
        if (shadow.nodes[at].live) {
            return at;
        }
    }
    return NOBODY;
}

static void set_root(size_t index, size_t node)
{
    shadow.roots[index] = node;
    fixture.roots[index] = node == NOBODY ? 0 : (uintptr_t)shadow.nodes[node].object + below(40);
}

static void set_candidate(size_t index, size_t node)
{
    shadow.candidates[index] = node;
    shadow.candidate_words[index] =
        node == NOBODY ? (const void *)&shadow : shadow.nodes[node].object + below(40);
}

static void set_edge(size_t from, size_t edge, size_t to)
{
    shadow.nodes[from].edges[edge] = to;
    fixture_link(shadow.nodes[from].object, edge + 1,
                 to == NOBODY ? NULL : shadow.nodes[to].object + below(40));
}

/* A new object, by any of the mutators, held by a root or by another object. */
static void make_node(void)
{
    size_t at = 0;
    while (at < NODES && shadow.nodes[at].object != NULL) {
        at++;
    }
    if (at == NODES) {
        return;
    }
    tri_type *type = shadow.types[below(ARRAY_LENGTH(shadow.types))];
    struct tri_mutator *mutator = fixture.mutators[below(fixture.mutator_count)];
    bool array = below(5) == 0;
    char *object = array ? alloc_object(mutator, type, 2 * type->stride, false, ALLOC_OR_HANDLER)
                         : tri_alloc(mutator, type);
    struct node *node = &shadow.nodes[at];
    *fixture_slot(object, 0) = at + 1;
    node->object = object;
    for (size_t i = 0; i < EDGES; i++) {
        node->edges[i] = NOBODY;
    }
    size_t holder = pick_live();
    if (holder != NOBODY && below(3) != 0) {
        set_edge(holder, below(EDGES), at);
    } else {
        set_root(below(ROOTS), at);
    }
}

static void mutate_once(void)
{
    size_t from;
    switch (below(12)) {
    case 0:
    case 1:
        from = pick_live();
        if (from != NOBODY) {
            set_edge(from, below(EDGES), below(4) == 0 ? NOBODY : pick_live());
        }
        break;
    case 2:
        set_root(below(ROOTS), below(2) ? NOBODY : pick_live());
        break;
    case 3:
        set_candidate(below(ROOTS), below(2) ? NOBODY : pick_live());
        break;
    case 4:
        if (below(10) == 0) {
            cycle_run(fixture.mutators[below(fixture.mutator_count)], CYCLE_FORCED);
        } else if (below(10) == 0) {
            (void)sweep_some(fixture.heap, below(10));
        }
        break;
    default:
        make_node();
    }
}

static void count_object(tri_ref object, tri_type *type, size_t bytes, void *count)
{
    (void)object;
    (void)bytes;
    EXPECT(type->signature == TYPE_SIGNATURE);
    ++*(size_t *)count;
}

/* After a full collection there is nothing in the heap but what is live. */
static void check_all(void)
{
    fixture_collect();
    size_t live = find_live();
    size_t count = 0;
    verify_each_object(fixture.heap, count_object, &count);
    EXPECT(count == live);
    check_contents();
    fixture_verify();
    EXPECT(fixture.heap->counters.live_bytes == fixture.heap->cycle.last.marked_bytes);
}

static void make_types(void)
{
    for (unsigned i = 0; i < ARRAY_LENGTH(shadow.types); i++) {
        static const tri_field fields[] = {{8, TRI_FIELD_POINTER},
                                           {16, TRI_FIELD_VALUE},
                                           {24, TRI_FIELD_VALUE},
                                           {32, TRI_FIELD_POINTER}};
        tri_type_desc desc = TRI_TYPE_DESC("node", char);
        desc.size = i == 7 ? 33000 : 40 + below(i < 5 ? 100 : 3000);
        desc.layout = i % 2 ? (tri_layout)TRI_LAYOUT_OF(fields) : TRI_LAYOUT(TRI_LAYOUT_ALL_WORDS);
        shadow.types[i] = fixture_define(&desc);
    }
}

/* A heap with several mutators that collects often, because it is small. */
static void begin_shadow(uint64_t seed, int32_t markers, size_t max_heap, uint32_t stress)
{
    tri_heap_options options;
    fake_port_reset();
    fixture_options(&options);
    options.heap_minimum = 100 * KIB;
    options.markers = markers;
    options.max_heap = max_heap;
    options.stress = stress;
    options.clobber_free = seed % 2;
    memset(&shadow, 0, sizeof shadow);
    shadow.random = seed;
    fixture_begin(&options, 1 + (unsigned)below(FIXTURE_MUTATORS_MAX));
    fake_port_hooks()->cycle_ended = check_marks;
    make_types();
    for (size_t i = 0; i < ROOTS; i++) {
        fixture_keep(NULL);
        shadow.roots[i] = shadow.candidates[i] = NOBODY;
        shadow.candidate_words[i] = NULL;
    }
    fixture.candidates = shadow.candidate_words;
    fixture.candidate_count = ROOTS;
}

static void run_shadow(unsigned steps)
{
    for (unsigned i = 0; i < steps; i++) {
        mutate_once();
        if (i % 500 == 0) {
            check_contents();
        }
    }
    check_all();
    EXPECT(shadow.checked >= 2);
    default_end();
}

START_TEST(random_heaps)
{
    uint64_t seed = unit_seed();
    for (unsigned i = 0; i < (FIXTURE_SANITIZED ? 10 : 60); i++) {
        begin_shadow(unit_random(&seed), 1, 256 * MIB, 0);
        run_shadow(3000);
    }
}
END_TEST

/* A cycle at every other slow path. */
START_TEST(random_heaps_under_stress)
{
    uint64_t seed = unit_seed();
    for (unsigned i = 0; i < 5; i++) {
        begin_shadow(unit_random(&seed), 1, 256 * MIB, 2);
        run_shadow(2000);
    }
}
END_TEST

/* Marking by several threads; the fake port's processors and the pretence of a large heap let them
 * be used. */
static void pretend_large_heap(struct tri_heap *heap)
{
    check_marks(heap);
    store_relaxed(&heap->cycle.last.marked_bytes, UINT64_C(4) * MARKER_WORTH_BYTES);
}

START_TEST(random_heaps_by_several_markers)
{
    uint64_t seed = unit_seed();
    for (unsigned i = 0; i < (FIXTURE_SANITIZED ? 4 : 20); i++) {
        begin_shadow(unit_random(&seed), 4, 256 * MIB, 0);
        fake_port_hooks()->run_parallel = fixture_run_parallel;
        fake_port_hooks()->cycle_ended = pretend_large_heap;
        for (unsigned step = 0; step < 2000; step++) {
            mutate_once();
        }
        EXPECT(fixture.heap->mark.count == 4);
        fake_port_hooks()->cycle_ended = check_marks;
        check_all();
        default_end();
    }
}
END_TEST

/* Calls for memory fail by chance, the mark stack's too. */
START_TEST(random_heaps_with_faults)
{
    uint64_t seed = unit_seed();
    for (unsigned i = 0; i < 10; i++) {
        begin_shadow(unit_random(&seed), 1, 16 * MIB, 0);
        for (unsigned step = 0; step < 3000; step++) {
            if (step % 100 == 0) {
                fake_port_fail_memory_once_after(below(4));
            }
            mutate_once();
        }
        fake_port_fail_memory_after(FAKE_PORT_NEVER);
        fixture_starve(below(2));
        check_all();
        fixture_feed();
        default_end();
    }
}
END_TEST

/* ---- The order of the steps ------------------------------------------------------------------ */

static struct fake_port_hooks usual;
static struct {
    uint32_t generation; /* at the begin of the hold */
    unsigned step;
} order;

static void order_hold_begin(struct tri_heap *heap)
{
    EXPECT(order.step++ == 0);
    EXPECT(sweep_is_done(heap)); /* [cycle.1] */
    EXPECT(heap->sweep.visitors == SWEEP_CLOSED);
    lock_assert_held(&heap->cycle.lock);
    order.generation = sweep_generation(heap);
    usual.hold_begin(heap); /* expects the mutator blocked: [cycle.3] */
}

static void order_scan_roots(struct tri_heap *heap, struct marker *marker, size_t *stack_bytes,
                             size_t *global_bytes)
{
    EXPECT(order.step++ == 1);
    EXPECT(fixture.held);
    EXPECT(sweep_generation(heap) == order.generation);
    for (unsigned i = 0; i < fixture.mutator_count; i++) { /* [cycle.2], [thread_cache.3] */
        EXPECT(fixture.mutators[i]->cache.first_held == 0);
        EXPECT(page_cache_is_empty(&fixture.mutators[i]->cache.pages));
        EXPECT(fixture.mutators[i]->cache.bytes == 0);
    }
    usual.scan_roots(heap, marker, stack_bytes, global_bytes);
}

static void order_hold_end(struct tri_heap *heap)
{
    EXPECT(order.step++ == 2);
    EXPECT(fixture.held);
    EXPECT(sweep_generation(heap) == order.generation + 1); /* [cycle.2] */
    EXPECT(heap->sweep.visitors == 0);
    EXPECT(heap->sweep.unswept == heap->counters.spans);
    EXPECT(heap->counters.live_bytes == heap->cycle.last.marked_bytes);
    usual.hold_end(heap);
}

static void order_ended(struct tri_heap *heap)
{
    EXPECT(order.step++ == 3);
    EXPECT(!fixture.held && fixture.blocked == 1);
    lock_assert_held(&heap->cycle.lock); /* nobody changes the figures while they are logged */
    EXPECT(heap->cycle.last.number == heap->cycle.count);
    usual.cycle_ended(heap);
}

static void order_wake(struct tri_heap *heap)
{
    EXPECT(order.step == 4);
    order.step = 0; /* of the next cycle */
    EXPECT(fixture.blocked == 0);
    usual.wake_sweeper(heap);
}

START_TEST(steps_in_order)
{
    struct fake_port_hooks *hooks = fake_port_hooks();
    usual = *hooks;
    hooks->hold_begin = order_hold_begin;
    hooks->scan_roots = order_scan_roots;
    hooks->hold_end = order_hold_end;
    hooks->cycle_ended = order_ended;
    hooks->wake_sweeper = order_wake;
    tri_type *types[3] = {fixture_type(64, TRI_LAYOUT_LEAF), fixture_type(500, TRI_LAYOUT_LEAF),
                          fixture_type(50000, TRI_LAYOUT_LEAF)};
    for (unsigned i = 0; i < 10; i++) {
        for (unsigned k = 0; k < 300; k++) {
            struct tri_mutator *mutator = fixture.mutators[k % 2];
            const void *object = tri_alloc(mutator, types[k % 3]);
            if (k % 10 == 0) {
                fixture_keep(object);
            }
        }
        cycle_run(fixture.mutators[i % 2], CYCLE_FORCED);
        if (i % 3 == 0) {
            fixture_drop_roots();
        }
    }
    ck_assert_uint_ge(fixture.wakes, 15); /* some of them forced, some triggered */
    ck_assert_uint_eq(fixture.wakes, fixture.ended);
    ck_assert_uint_eq(fixture.heap->cycle.forced_count, 10);
}
END_TEST

/* A cycle that is not due is none, however often it is asked for. */
START_TEST(due_or_not)
{
    struct heap_counters *counters = &fixture.heap->counters;
    counters->live_bytes = counters->trigger_bytes - 1;
    ck_assert(!cycle_is_due(fixture.heap));
    cycle_run(fixture.mutators[0], CYCLE_TRIGGERED);
    ck_assert_uint_eq(fixture.holds, 0);
    ck_assert_uint_eq(fixture.wakes, 0);
    ck_assert_uint_eq(fixture.blocked, 0);
    cycle_run(fixture.mutators[0], CYCLE_FORCED);
    ck_assert_uint_eq(fixture.holds, 1);
    counters->live_bytes = counters->trigger_bytes;
    ck_assert(cycle_is_due(fixture.heap));
    cycle_run(fixture.mutators[0], CYCLE_TRIGGERED);
    ck_assert_uint_eq(fixture.holds, 2);
    ck_assert_uint_eq(fixture.ended, 2);
    ck_assert_uint_eq(fixture.wakes, 2);
    cycle_run(fixture.mutators[1], CYCLE_TRIGGERED); /* the first to come has done it */
    ck_assert_uint_eq(fixture.holds, 2);
    ck_assert_uint_eq(fixture.heap->cycle.count, 2);
    ck_assert_uint_eq(fixture.heap->cycle.forced_count, 1);
}
END_TEST

/* ---- Figures --------------------------------------------------------------------------------- */

#define MS UINT64_C(1000000)

static uint64_t marking_ns;

static void slow_hold_begin(struct tri_heap *heap)
{
    usual.hold_begin(heap);
    fake_port_advance_ns(5 * MS);
}

static void slow_scan_roots(struct tri_heap *heap, struct marker *marker, size_t *stack_bytes,
                            size_t *global_bytes)
{
    usual.scan_roots(heap, marker, stack_bytes, global_bytes);
    fake_port_advance_ns(marking_ns);
}

static void slow_hold_end(struct tri_heap *heap)
{
    fake_port_advance_ns(3 * MS);
    usual.hold_end(heap);
}

START_TEST(figures)
{
    struct fake_port_hooks *hooks = fake_port_hooks();
    usual = *hooks;
    hooks->hold_begin = slow_hold_begin;
    hooks->scan_roots = slow_scan_roots;
    hooks->hold_end = slow_hold_end;
    const struct cycle_state *cycle = &fixture.heap->cycle;
    const struct cycle_figures *last = &cycle->last;
    tri_type *type = fixture_type(MIB, TRI_LAYOUT_LEAF);
    for (unsigned i = 0; i < 3; i++) {
        void *object = fixture_new(type);
        if (i < 2) {
            fixture_keep(object);
        }
    }
    fixture.candidates = &type;
    fixture.candidate_count = 1;
    fake_port_advance_ns(100 * MS);
    marking_ns = 20 * MS;
    uint64_t goal = fixture.heap->counters.goal_bytes;
    cycle_run(fixture.mutators[0], CYCLE_FORCED);
    ck_assert_uint_eq(last->number, 1);
    ck_assert(last->forced);
    ck_assert_uint_eq(last->start_ns, 100 * MS);
    ck_assert_uint_eq(last->to_hold_ns, 5 * MS);
    ck_assert_uint_eq(last->mark_ns, 20 * MS);
    ck_assert_uint_eq(last->to_release_ns, 3 * MS);
    ck_assert_uint_eq(last->mark_cpu_ns, 20 * MS);
    ck_assert_uint_eq(last->heap_before, 3 * MIB);
    ck_assert_uint_eq(last->heap_after, 3 * MIB);
    ck_assert_uint_eq(last->marked_bytes, 2 * MIB);
    ck_assert_uint_eq(last->marked_objects, 2);
    ck_assert_uint_eq(last->goal, goal);
    ck_assert_uint_eq(last->stack_bytes, 8);
    ck_assert_uint_eq(last->global_bytes, 16);
    ck_assert_uint_eq(last->processors, 4);
    ck_assert_double_eq_tol(last->utilization, 20.0 / (128.0 * 4), 1e-9);
    ck_assert_uint_eq(cycle->cpu_ns, 20 * MS);
    ck_assert_uint_eq(cycle->pause_total_ns, 28 * MS);
    ck_assert_uint_eq(cycle->pause_max_ns, 28 * MS);
    ck_assert_uint_eq(cycle->last_end_ns, 128 * MS);

    marking_ns = 2 * MS;
    fixture.heap->counters.live_bytes = fixture.heap->counters.trigger_bytes;
    cycle_run(fixture.mutators[0], CYCLE_TRIGGERED);
    ck_assert_uint_eq(last->number, 2);
    ck_assert(!last->forced);
    ck_assert_uint_eq(last->start_ns, 128 * MS);
    ck_assert_uint_eq(last->mark_ns, 2 * MS);
    ck_assert_uint_eq(last->marked_bytes, 2 * MIB);
    ck_assert_uint_eq(cycle->cpu_ns, 22 * MS);
    ck_assert_uint_eq(cycle->pause_total_ns, 38 * MS);
    ck_assert_uint_eq(cycle->pause_max_ns, 28 * MS);
    ck_assert_uint_eq(cycle->forced_count, 1);
}
END_TEST

/* ---- The goal -------------------------------------------------------------------------------- */

static uint64_t goal_with(int32_t percent, int64_t limit)
{
    fixture.heap->options.gc_percent = percent;
    fixture.heap->options.memory_limit = limit;
    cycle_commit_goal(fixture.heap);
    ck_assert_uint_eq(fixture.heap->counters.goal_bytes, fixture.heap->counters.trigger_bytes);
    return fixture.heap->counters.goal_bytes;
}

START_TEST(goals)
{
    ck_assert_uint_eq(fixture.heap->counters.goal_bytes, 4 * MIB); /* from the first moment on */
    tri_type *type = fixture_type(MIB, TRI_LAYOUT_LEAF);
    for (unsigned i = 0; i < 20; i++) {
        fixture_keep(fixture_new(type));
    }
    fixture_collect();
    uint64_t roots = 20 * WORD_BYTES;
    ck_assert_uint_eq(fixture.heap->counters.goal_bytes, 40 * MIB + roots);
    ck_assert_uint_eq(goal_with(50, TRI_MEMORY_LIMIT_OFF), 30 * MIB + roots / 2);
    ck_assert_uint_eq(goal_with(TRI_GC_PERCENT_OFF, TRI_MEMORY_LIMIT_OFF), UINT64_MAX);
    /* What is no object counts against the limit: metadata, and of the spans what they do not use,
     * nothing here. */
    uint64_t overhead = page_heap_metadata_bytes(&fixture.heap->page_heap) +
                        meta_alloc_mapped_bytes(&fixture.heap->meta);
    ck_assert_uint_eq(goal_with(TRI_GC_PERCENT_OFF, 100 * MIB), 100 * MIB - overhead);
    ck_assert_uint_eq(goal_with(100, 30 * MIB), 30 * MIB - overhead);
    ck_assert_uint_eq(goal_with(100, 100 * MIB), 40 * MIB + roots);
    ck_assert_uint_eq(goal_with(100, MIB), 20 * MIB + 20 * MIB / 16); /* [pacer.1] */
    /* A span with one small object, and its free slots. */
    tri_type *small = fixture_type(64, TRI_LAYOUT_LEAF);
    fixture_promote(small);
    fixture_keep(fixture_new(small));
    fixture_collect();
    overhead = page_heap_metadata_bytes(&fixture.heap->page_heap) +
               meta_alloc_mapped_bytes(&fixture.heap->meta) + PAGE_BYTES - 64;
    ck_assert_uint_eq(goal_with(TRI_GC_PERCENT_OFF, 100 * MIB), 100 * MIB - overhead);
}
END_TEST

/* ---- Flushing a mutator ---------------------------------------------------------------------- */

START_TEST(flush_of_a_mutator)
{
    tri_type *type = fixture_type(64, TRI_LAYOUT_LEAF);
    fixture_promote(type);
    struct heap_counters *counters = &fixture.heap->counters;
    for (unsigned i = 0; i < 10; i++) {
        (void)tri_alloc(fixture.mutators[0], type);
        (void)tri_alloc(fixture.mutators[1], type);
    }
    ck_assert_uint_eq(counters->live_bytes, 2 * PAGE_BYTES);
    ck_assert_uint_eq(counters->allocated_objects, 0);
    cycle_flush_mutator(fixture.mutators[0]);
    ck_assert_uint_eq(counters->live_bytes, PAGE_BYTES + 640);
    ck_assert_uint_eq(counters->allocated_objects, 10);
    ck_assert_uint_eq(counters->allocated_bytes, 640);
    cycle_flush_mutator(fixture.mutators[0]);
    ck_assert_uint_eq(counters->allocated_objects, 10);
    fixture_detach(); /* the other one */
    ck_assert_uint_eq(counters->live_bytes, 2 * 640);
    ck_assert_uint_eq(counters->allocated_objects, 20);
    fixture_verify();
}
END_TEST

/* A mutator can be made where one was before. */
START_TEST(mutator_again)
{
    tri_type *type = fixture_type(64, TRI_LAYOUT_LEAF);
    fixture_promote(type);
    for (unsigned i = 0; i < 5; i++) {
        ck_assert_ptr_nonnull(tri_alloc(fixture.mutators[1], type));
        cycle_flush_mutator(fixture.mutators[1]);
        fixture.mutators[1]->signature = MUTATOR_DETACHED;
        mutator_init(fixture.mutators[1], fixture.heap);
        ck_assert_uint_eq(fixture.mutators[1]->signature, MUTATOR_SIGNATURE);
        ck_assert_ptr_eq(fixture.mutators[1]->heap, fixture.heap);
        ck_assert_uint_eq(fixture.mutators[1]->head.poll, 0);
        ck_assert_uint_eq(fixture.mutators[1]->head.barrier, 0);
        ck_assert_ptr_null(fixture.mutators[1]->head.frames);
    }
    fixture_verify();
}
END_TEST

/* ---- Heaps that come and go ------------------------------------------------------------------ */

/* [heap.1]: a thousand heaps leave nothing; the fake port would tell. */
START_TEST(many_heaps)
{
    fake_port_reset();
    for (unsigned i = 0; i < 1000; i++) {
        fixture_begin(NULL, i % 3);
        if (i % 3 > 0) {
            tri_type *type = fixture_type(100, TRI_LAYOUT_ALL_WORDS);
            for (unsigned k = 0; k < 100; k++) {
                fixture_keep(fixture_new(type));
            }
            fixture_collect();
        }
        fixture_end();
        ck_assert_uint_eq(fake_port_reservations(), 0);
        ck_assert_uint_eq(fake_port_committed_bytes(), 0);
    }
    fake_port_finish();
}
END_TEST

/* [heap.1], [heap.2]: each call for memory fails while a heap is made; then there is none, and
 * nothing of it is left. */
START_TEST(heap_without_memory)
{
    fake_port_reset();
    tri_heap_options options;
    fixture_options(&options);
    options.max_heap = 16 * MIB; /* no smaller one is tried */
    static struct tri_heap heap;
    static const struct tri_heap zero;
    bool made = false;
    for (size_t n = 0; !made; n++) {
        fake_port_fail_memory_after(n);
        made = heap_init(&heap, &options);
        if (!made) {
            ck_assert_int_eq(memcmp(&heap, &zero, sizeof heap), 0);
            ck_assert_uint_eq(fake_port_reservations(), 0);
        }
    }
    ck_assert_uint_eq(heap.signature, HEAP_SIGNATURE);
    heap_destroy(&heap);
    ck_assert_uint_eq(heap.signature, 0);
    fake_port_finish();
}
END_TEST

#if TRI_CHECKS >= 1
static void destroy_heap(void *heap)
{
    heap_destroy(heap);
}

/* [heap.2] */
START_TEST(destroyed_twice)
{
    static struct tri_heap heap;
    tri_heap_options options;
    fixture_options(&options);
    fake_port_reset();
    ck_assert(heap_init(&heap, &options));
    heap_destroy(&heap);
    ck_assert_ptr_nonnull(fake_port_death_of(destroy_heap, &heap));
    fake_port_finish();
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("cycle");
    TCase *cases = tcase_create("cycle");
    tcase_add_checked_fixture(cases, default_begin, default_end);
    tcase_add_test(cases, steps_in_order);
    tcase_add_test(cases, due_or_not);
    tcase_add_test(cases, figures);
    tcase_add_test(cases, goals);
    tcase_add_test(cases, flush_of_a_mutator);
    tcase_add_test(cases, mutator_again);
    suite_add_tcase(suite, cases);
    TCase *others = tcase_create("cycle, other heaps");
    tcase_add_test(others, random_heaps);
    tcase_add_test(others, random_heaps_under_stress);
    tcase_add_test(others, random_heaps_by_several_markers);
    tcase_add_test(others, random_heaps_with_faults);
    tcase_add_test(others, many_heaps);
    tcase_add_test(others, heap_without_memory);
#if TRI_CHECKS >= 1
    tcase_add_test(others, destroyed_twice);
#endif
    suite_add_tcase(suite, others);
    return unit_run(suite);
}
