/* cycle_test.c -- whole collections on the fake port: random graphs against a shadow, the order of
 * the steps, the figures; and heaps that come and go.
 */
#include "gc/cycle.h"

#include <string.h>

#include "gc/answer.h"
#include "gc/assist.h"
#include "gc/barrier.h"
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

static void held_begin(void)
{
    tri_heap_options options;
    fake_port_reset();
    fixture_options(&options);
    options.stop_the_world = true;
    fixture_begin(&options, 2);
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
static void begin_shadow(uint64_t seed, bool held, int32_t markers, size_t max_heap,
                         uint32_t stress)
{
    tri_heap_options options;
    fake_port_reset();
    fixture_options(&options);
    options.heap_minimum = 100 * KIB;
    options.markers = markers;
    options.max_heap = max_heap;
    options.stress = stress;
    options.clobber_free = seed % 2;
    options.stop_the_world = held;
    options.barrier = seed % 3 == 0 ? TRI_BARRIER_INSERTION : TRI_BARRIER_HYBRID;
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

/* The cycles of the tests up to the next heading run from begin to end while no mutator does
 * anything: on the fly (0), and held (1). */

START_TEST(random_heaps)
{
    uint64_t seed = unit_seed();
    for (unsigned i = 0; i < (FIXTURE_SANITIZED ? 10 : 60); i++) {
        begin_shadow(unit_random(&seed), _i == 1, 1, 256 * MIB, 0);
        run_shadow(3000);
    }
}
END_TEST

/* A cycle at every other slow path. */
START_TEST(random_heaps_under_stress)
{
    uint64_t seed = unit_seed();
    for (unsigned i = 0; i < 5; i++) {
        begin_shadow(unit_random(&seed), _i == 1, 1, 256 * MIB, 2);
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
        begin_shadow(unit_random(&seed), _i == 1, 4, 256 * MIB, 0);
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
        begin_shadow(unit_random(&seed), _i == 1, 1, 16 * MIB, 0);
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

/* ---- On the fly, between the steps ----------------------------------------------------------- */

/* Several mutators change a graph while a cycle is taken on step by step, in any order. Each does
 * only what a host may do: it reaches what its own stack and the global slots lead to, and stores
 * with the barrier. */

#define FLY_NODES   250
#define FLY_GLOBALS 6
#define FLY_STACK   8
#define FLY_NOBODY  FLY_NODES

struct fly_node {
    char *object;  /* NULL: there is none */
    size_t spread; /* words from edge to edge */
    size_t edges[EDGES];
    uint64_t born;
    bool live;
    bool doomed; /* it was dead when the cycle began */
};

static struct {
    uint64_t random;
    struct fly_node nodes[FLY_NODES];
    size_t globals[FLY_GLOBALS];
    size_t stacks[FIXTURE_MUTATORS_MAX][FLY_STACK];
    uintptr_t words[FIXTURE_MUTATORS_MAX][FLY_STACK]; /* the same, as the collector reads them */
    tri_type *types[6];
    size_t spreads[6];
    uint64_t births;
    unsigned doomed; /* of which this many were found to be freed */
    unsigned checked;
    bool insertion;
    unsigned most; /* mutators, at a time */
} fly;

static uint64_t fly_below(uint64_t limit)
{
    return unit_random_below(&fly.random, limit);
}

static uintptr_t *fly_slot(size_t node, size_t edge)
{
    return fixture_slot(fly.nodes[node].object, 1 + edge * fly.nodes[node].spread);
}

static void fly_visit(size_t start)
{
    size_t stack[FLY_NODES];
    size_t depth = 0;
    if (start != FLY_NOBODY && !fly.nodes[start].live) {
        fly.nodes[start].live = true;
        stack[depth++] = start;
    }
    while (depth > 0) {
        const struct fly_node *node = &fly.nodes[stack[--depth]];
        for (size_t i = 0; i < EDGES; i++) {
            if (node->edges[i] != FLY_NOBODY && !fly.nodes[node->edges[i]].live) {
                fly.nodes[node->edges[i]].live = true;
                stack[depth++] = node->edges[i];
            }
        }
    }
}

static void fly_find_live(void)
{
    for (size_t i = 0; i < FLY_NODES; i++) {
        fly.nodes[i].live = false;
    }
    for (size_t i = 0; i < FLY_GLOBALS; i++) {
        fly_visit(fly.globals[i]);
    }
    for (unsigned m = 0; m < fixture.mutator_count; m++) {
        for (size_t i = 0; i < FLY_STACK; i++) {
            fly_visit(fly.stacks[m][i]);
        }
    }
}

/* Everything that can be reached is there, and holds what was stored into it. */
static void fly_check_live(void)
{
    fly_find_live();
    for (size_t i = 0; i < FLY_NODES; i++) {
        const struct fly_node *node = &fly.nodes[i];
        if (!node->live) {
            continue;
        }
        EXPECT(fixture_is_allocated(node->object));
        EXPECT(*fixture_slot(node->object, 0) == i + 1);
        for (size_t k = 0; k < EDGES; k++) {
            size_t to = node->edges[k];
            EXPECT(*fly_slot(i, k) == (to == FLY_NOBODY ? 0 : (uintptr_t)fly.nodes[to].object));
        }
    }
}

/* A cycle is about to begin. */
static void fly_doom(void)
{
    fly_find_live();
    for (size_t i = 0; i < FLY_NODES; i++) {
        fly.nodes[i].doomed = fly.nodes[i].object != NULL && !fly.nodes[i].live;
    }
}

/* Whether node's object is free, or one that is younger has its place. */
static bool fly_is_gone(const struct fly_node *node)
{
    struct object_place place;
    if (!object_find(fixture.heap, (uintptr_t)node->object, &place)) {
        return true;
    }
    for (size_t i = 0; i < FLY_NODES; i++) {
        if (fly.nodes[i].object == place.object && fly.nodes[i].born > node->born) {
            return true;
        }
    }
    return false;
}

/* The cycle has ended, and no other has begun: what was dead when it began is free. */
static void fly_check_doomed(void)
{
    EXPECT(cycle_phase(fixture.heap) == CYCLE_IDLE);
    fixture_flush();
    sweep_finish(fixture.heap);
    for (size_t i = 0; i < FLY_NODES; i++) {
        struct fly_node *node = &fly.nodes[i];
        if (node->doomed) {
            EXPECT(fly_is_gone(node));
            fly.doomed++;
        }
    }
    fly_find_live();
    for (size_t i = 0; i < FLY_NODES; i++) {
        struct fly_node *node = &fly.nodes[i];
        /* Those that died since may have gone, or not. */
        if (node->doomed || (node->object != NULL && !node->live && fly_is_gone(node))) {
            node->object = NULL;
        }
        node->doomed = false;
    }
    fly.checked++;
}

/* Mutator m's stack gets another word. No barrier. */
static void fly_push(unsigned m, size_t node)
{
    size_t at = fly_below(FLY_STACK);
    fly.stacks[m][at] = node;
    fly.words[m][at] = node == FLY_NOBODY ? 0 : (uintptr_t)fly.nodes[node].object;
}

/* What mutator m has at hand. */
static size_t fly_pick(unsigned m)
{
    size_t start = fly_below(FLY_STACK);
    for (size_t i = 0; i < FLY_STACK; i++) {
        size_t node = fly.stacks[m][(start + i) % FLY_STACK];
        if (node != FLY_NOBODY) {
            return node;
        }
    }
    return FLY_NOBODY;
}

static size_t fly_pick_or_nil(unsigned m)
{
    return fly_below(4) == 0 ? FLY_NOBODY : fly_pick(m);
}

static const void *fly_object(size_t node)
{
    return node == FLY_NOBODY ? NULL : fly.nodes[node].object;
}

static void fly_load(unsigned m)
{
    size_t from = fly_below(3) == 0 ? fly.globals[fly_below(FLY_GLOBALS)] : fly_pick(m);
    if (from != FLY_NOBODY) {
        size_t to = fly.nodes[from].edges[fly_below(EDGES)];
        fly_push(m, to == FLY_NOBODY || fly_below(4) == 0 ? from : to);
    }
}

static void fly_store(unsigned m)
{
    size_t from = fly_pick(m);
    size_t to = fly_pick_or_nil(m);
    size_t edge = fly_below(EDGES);
    if (from != FLY_NOBODY) {
        fixture_store(fixture.mutators[m], fly_slot(from, edge), fly_object(to));
        fly.nodes[from].edges[edge] = to;
    }
}

static void fly_store_global(unsigned m)
{
    size_t at = fly_below(FLY_GLOBALS);
    size_t to = fly_pick_or_nil(m);
    fixture_store(fixture.mutators[m], &fixture.roots[at], fly_object(to));
    fly.globals[at] = to;
}

/* Stores that are announced, or reported after the fact, instead of passing the barrier each. */
static void fly_store_plainly(unsigned m)
{
    struct tri_mutator *mutator = fixture.mutators[m];
    size_t from = fly_pick(m);
    if (from == FLY_NOBODY) {
        return;
    }
    if (fly.insertion && fly.most > 1) {
        return; /* others may find the object: each store must be reported */
    }
    if (!fly.insertion) {
        barrier_written(mutator, fly.nodes[from].object);
    }
    for (unsigned i = 0; i < 3; i++) {
        size_t to = fly_pick_or_nil(m);
        size_t edge = fly_below(EDGES);
        fixture_link(fly_slot(from, edge), 0, fly_object(to));
        fly.nodes[from].edges[edge] = to;
    }
    if (fly.insertion) {
        barrier_remember(mutator, fly.nodes[from].object);
    }
}

/* All edges of one object to another's, where they lie side by side. Not in insertion mode, where a
 * host has ways of its own. */
static void fly_copy(unsigned m)
{
    size_t from = fly_pick(m);
    size_t to = fly_pick(m);
    if (from == FLY_NOBODY || fly.insertion || fly.nodes[from].spread != 1 ||
        fly.nodes[to].spread != 1) {
        return;
    }
    barrier_copy_words(fixture.mutators[m], fly_slot(to, 0), fly_slot(from, 0), EDGES);
    memcpy(fly.nodes[to].edges, fly.nodes[from].edges, sizeof fly.nodes[to].edges);
}

static void fly_make(unsigned m)
{
    size_t at = fly_below(FLY_NODES);
    struct fly_node *node = &fly.nodes[at];
    if (node->object != NULL) {
        return;
    }
    struct tri_mutator *mutator = fixture.mutators[m];
    size_t kind = fly_below(ARRAY_LENGTH(fly.types));
    kind = kind >= 4 && fly_below(4) != 0 ? 0 : kind;
    node->object = tri_alloc(mutator, fly.types[kind]);
    node->spread = fly.spreads[kind];
    node->born = ++fly.births;
    *fixture_slot(node->object, 0) = at + 1;
    for (size_t i = 0; i < EDGES; i++) {
        EXPECT(*fly_slot(at, i) == 0);
        size_t to = fly_pick_or_nil(m);
        node->edges[i] = to;
        if (fly.insertion) {
            fixture_link(fly_slot(at, i), 0, fly_object(to)); /* nobody reports it */
        } else {
            fixture_init(mutator, fly_slot(at, i), fly_object(to));
        }
    }
    if (fly.insertion && fly.most > 1) {
        barrier_written(mutator, node->object); /* [barrier.7]: others may find it soon */
    }
    fly_push(m, at);
}

static void fly_come_or_go(void)
{
    if (fixture.mutator_count > 1 && fly_below(2) == 0) {
        fixture_detach();
    } else if (fixture.mutator_count < fly.most) {
        unsigned m = fixture.mutator_count;
        (void)fixture_attach();
        for (size_t i = 0; i < FLY_STACK; i++) {
            fly.stacks[m][i] = FLY_NOBODY;
            fly.words[m][i] = 0;
        }
        fixture.stacks[m] = (struct fixture_stack){fly.words[m], FLY_STACK};
        fixture.late[m] = fly_below(2) == 0;
    }
}

/* Take the cycle on, or begin one. */
static void fly_advance(unsigned m)
{
    static const size_t budgets[] = {0, 1, 1, 200, 3000};
    unsigned ended = fixture.ended;
    if (cycle_phase(fixture.heap) == CYCLE_IDLE) {
        if (fly_below(4) != 0) {
            return;
        }
        fly_doom();
        store_relaxed(&fixture.heap->counters.trigger_bytes, UINT64_C(0));
    }
    (void)cycle_advance(fixture.mutators[m], budgets[fly_below(ARRAY_LENGTH(budgets))]);
    if (fixture.ended != ended) {
        fly_check_doomed();
    }
}

static void fly_run_whole(unsigned m)
{
    fly_doom();
    cycle_run(fixture.mutators[m], CYCLE_FORCED);
    fly_check_doomed();
}

static void fly_assist(unsigned m)
{
    fixture.mutators[m]->assist_debt = (int64_t)fly_below(2000);
    assist_pay(fixture.mutators[m], fly_below(1000));
}

/* What is not about the graph. */
static void fly_rare(unsigned m)
{
    switch (fly_below(7)) {
    case 0:
        fly_come_or_go();
        break;
    case 1:
        fixture.late[m] = !fixture.late[m];
        break;
    case 2:
        answer_flush_cache(fixture.mutators[m]); /* as one that parks */
        break;
    case 3:
        (void)sweep_some(fixture.heap, fly_below(5));
        break;
    case 4:
        if (fly_below(20) == 0) {
            fly_run_whole(m);
        }
        break;
    default:
        fly_check_live();
    }
}

static void fly_step(void)
{
    unsigned m = (unsigned)fly_below(fixture.mutator_count);
    unsigned ended = fixture.ended;
    switch (fly_below(21)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
        fly_load(m);
        break;
    case 5:
    case 6:
        fly_push(m, FLY_NOBODY);
        break;
    case 7:
    case 8:
    case 9:
        fly_store(m);
        break;
    case 10:
        fly_store_global(m);
        break;
    case 11:
        fly_store_plainly(m);
        break;
    case 12:
        fly_copy(m);
        break;
    case 13:
    case 14:
    case 15:
        fly_make(m);
        break;
    case 16:
        fixture_answer(m);
        break;
    case 17:
        fly_rare(m);
        break;
    case 18:
        fly_assist(m);
        break;
    default:
        fly_advance(m);
        return;
    }
    if (fixture.ended != ended && cycle_phase(fixture.heap) == CYCLE_IDLE) {
        fly_check_doomed(); /* allocation has taken it on to its end */
    }
}

static void fly_make_types(void)
{
    static const size_t sizes[] = {40, 48, 200, 600, 33000, 300000};
    for (unsigned i = 0; i < ARRAY_LENGTH(fly.types); i++) {
        tri_type_desc desc = TRI_TYPE_DESC("node", char);
        desc.size = sizes[i];
        desc.layout = TRI_LAYOUT(TRI_LAYOUT_ALL_WORDS);
        fly.types[i] = fixture_define(&desc);
        fly.spreads[i] = sizes[i] == 300000 ? sizes[i] / WORD_BYTES / EDGES - 1 : 1;
        if (i % 2) {
            fixture_promote(fly.types[i]);
        }
    }
}

static void fly_begin(uint64_t seed, tri_barrier barrier)
{
    tri_heap_options options;
    fake_port_reset();
    fixture_options(&options);
    memset(&fly, 0, sizeof fly);
    fly.random = seed;
    fly.insertion = barrier == TRI_BARRIER_INSERTION;
    options.gc_percent = TRI_GC_PERCENT_OFF;
    options.markers = (int32_t)fly_below(2);
    options.barrier = barrier;
    options.clobber_free = true;
    options.verify = fly_below(2);
    fixture_begin(&options, 0);
    fixture.collector = COLLECTOR_LATER; /* only what the test does takes a cycle on */
    fly_make_types();
    for (size_t i = 0; i < FLY_GLOBALS; i++) {
        fixture_keep(NULL);
        fly.globals[i] = FLY_NOBODY;
    }
    fly.most = 1 + (unsigned)fly_below(FIXTURE_MUTATORS_MAX);
    while (fixture.mutator_count < size_min(2, fly.most)) {
        fly_come_or_go();
    }
}

static void fly_count(tri_ref object, tri_type *type, size_t bytes, void *count)
{
    (void)object;
    (void)type;
    (void)bytes;
    ++*(size_t *)count;
}

/* When all has come to rest, two cycles leave what is live and nothing else: the first one may have
 * been under way. */
static void fly_end(void)
{
    fly_check_live();
    fly_run_whole(0);
    fly_run_whole(0);
    fly_check_live();
    size_t live = 0;
    size_t count = 0;
    for (size_t i = 0; i < FLY_NODES; i++) {
        live += fly.nodes[i].live;
    }
    fixture_verify();
    verify_each_object(fixture.heap, fly_count, &count);
    EXPECT(count == live);
    EXPECT(fixture.heap->counters.live_bytes == fixture.heap->cycle.last.marked_bytes);
    default_end();
}

/* _i: the barrier. */
START_TEST(random_heaps_between_steps)
{
    uint64_t seed = unit_seed();
    unsigned doomed = 0;
    unsigned checked = 0;
    for (unsigned i = 0; i < (FIXTURE_SANITIZED ? 10 : 100); i++) {
        fly_begin(unit_random(&seed), (tri_barrier)_i);
        for (unsigned step = 0; step < 4000; step++) {
            fly_step();
        }
        fly_end();
        doomed += fly.doomed;
        checked += fly.checked;
    }
    ck_assert_uint_gt(checked, 10);
    ck_assert_uint_gt(doomed, 100);
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

static size_t order_scan_globals(struct tri_heap *heap, struct marker *marker)
{
    EXPECT(order.step++ == 1);
    EXPECT(fixture.held);
    EXPECT(sweep_generation(heap) == order.generation);
    for (unsigned i = 0; i < fixture.mutator_count; i++) { /* [cycle.2], [thread_cache.3] */
        EXPECT(fixture.mutators[i]->cache.first_held == 0);
        EXPECT(page_cache_is_empty(&fixture.mutators[i]->cache.pages));
        EXPECT(fixture.mutators[i]->cache.bytes == 0);
    }
    return usual.scan_globals(heap, marker);
}

static void order_hold_end(struct tri_heap *heap)
{
    EXPECT(order.step++ == 2);
    EXPECT(fixture.held);
    EXPECT(sweep_generation(heap) == order.generation + 1); /* [cycle.2] */
    EXPECT(heap->sweep.visitors == 0);
    EXPECT(fixture_unswept() == heap->counters.spans);
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
    usual.wake_sweeper(heap);
}

static void cycles_with_garbage(void)
{
    tri_type *types[3] = {fixture_type(64, TRI_LAYOUT_LEAF), fixture_type(500, TRI_LAYOUT_LEAF),
                          fixture_type(50000, TRI_LAYOUT_LEAF)};
    for (unsigned i = 0; i < 10; i++) {
        for (unsigned k = 0; k < 600; k++) {
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
    ck_assert_uint_ge(fixture.ended, 15); /* some of them forced, some triggered */
    ck_assert_uint_eq(fixture.heap->cycle.forced_count, 10);
}

START_TEST(steps_in_order_held)
{
    struct fake_port_hooks *hooks = fake_port_hooks();
    usual = *hooks;
    hooks->hold_begin = order_hold_begin;
    hooks->scan_globals = order_scan_globals;
    hooks->hold_end = order_hold_end;
    hooks->cycle_ended = order_ended;
    hooks->wake_sweeper = order_wake;
    cycles_with_garbage();
    ck_assert_uint_eq(fixture.wakes, fixture.ended);
    ck_assert_uint_eq(fixture.holds, fixture.ended);
    ck_assert_uint_eq(fixture.handshakes, 0);
}
END_TEST

/* ---- The order of the steps, on the fly ------------------------------------------------------ */

/* One letter for each thing that happens. */
static struct {
    char seen[64];
    size_t length;
    uint32_t generation; /* when the cycle began */
} flight;

static void saw(char letter)
{
    EXPECT(flight.length + 1 < sizeof flight.seen);
    flight.seen[flight.length++] = letter;
    flight.seen[flight.length] = '\0';
}

/* What all mutators are when the next handshake begins, or the cycle goes on without one. */
static void expect_all(enum barrier_mode barrier, bool black)
{
    for (unsigned i = 0; i < fixture.mutator_count; i++) {
        EXPECT(barrier_mode_of(fixture.mutators[i]) == barrier);
        EXPECT(fixture.mutators[i]->cache.black == black);
    }
}

static void flight_handshake_begin(struct tri_heap *heap, enum handshake_kind kind)
{
    static const struct {
        char letter;
        enum cycle_phase phase;
        enum barrier_mode barrier; /* before */
        bool black;
    } steps[] = {
        [HANDSHAKE_ARM] = {'a', CYCLE_ARM, BARRIER_OFF, false},
        [HANDSHAKE_SETTLE] = {'s', CYCLE_SETTLE, BARRIER_GREY, false},
        [HANDSHAKE_ROOTS] = {'r', CYCLE_ROOTS, BARRIER_GREY, true},
        [HANDSHAKE_FLUSH] = {'f', CYCLE_FLUSH, BARRIER_BLACK, true},
        [HANDSHAKE_DISARM] = {'d', CYCLE_DISARM, BARRIER_BLACK, true},
        [HANDSHAKE_RELEASE] = {'l', CYCLE_RELEASE, BARRIER_OFF, true},
    };
    saw(steps[kind].letter);
    EXPECT(cycle_phase(heap) == steps[kind].phase);
    expect_all(steps[kind].barrier, steps[kind].black);
    if (kind == HANDSHAKE_ARM) {
        EXPECT(sweep_is_done(heap)); /* [cycle.1] */
        EXPECT(heap->sweep.visitors == SWEEP_CLOSED);
        flight.generation = sweep_generation(heap);
    }
    /* [cycle.2] */
    EXPECT(sweep_generation(heap) == flight.generation + (kind == HANDSHAKE_RELEASE));
    usual.handshake_begin(heap, kind);
}

static size_t flight_scan_globals(struct tri_heap *heap, struct marker *marker)
{
    saw('g');
    expect_all(BARRIER_BLACK, true);
    return usual.scan_globals(heap, marker);
}

static size_t flight_scan_mutator(struct tri_mutator *mutator, struct marker *marker)
{
    saw('m');
    EXPECT(barrier_mode_of(mutator) == BARRIER_GREY); /* black from the end of the scan on */
    return usual.scan_mutator(mutator, marker);
}

static void flight_wake(struct tri_heap *heap)
{
    saw('w');
    EXPECT(sweep_generation(heap) == flight.generation + 1);
    EXPECT(heap->sweep.visitors == 0);
    usual.wake_sweeper(heap);
}

static void flight_ended(struct tri_heap *heap)
{
    saw('e');
    expect_all(BARRIER_OFF, false);
    EXPECT(fixture.blocked == 1);
    lock_assert_held(&heap->cycle.lock); /* nobody changes the figures while they are logged */
    EXPECT(heap->cycle.last.number == heap->cycle.count);
    EXPECT(heap->counters.live_bytes == heap->cycle.last.marked_bytes);
    usual.cycle_ended(heap);
    /* Nothing is grey after the scan of the roots, but what they lead to; two quiet rounds. */
    ck_assert_str_eq(flight.seen, "asrmmgffdlwe");
    flight.length = 0;
}

static void flight_wake_after(struct tri_heap *heap)
{
    if (flight.length > 0) {
        flight_wake(heap);
    } else {
        usual.wake_sweeper(heap); /* all mutators have given back what they had: look again */
        EXPECT(cycle_phase(heap) == CYCLE_IDLE);
    }
}

START_TEST(steps_in_order)
{
    struct fake_port_hooks *hooks = fake_port_hooks();
    usual = *hooks;
    memset(&flight, 0, sizeof flight);
    fixture.heap->options.verify = false;
    hooks->handshake_begin = flight_handshake_begin;
    hooks->scan_globals = flight_scan_globals;
    hooks->scan_mutator = flight_scan_mutator;
    hooks->cycle_ended = flight_ended;
    hooks->wake_sweeper = flight_wake_after;
    cycles_with_garbage();
    ck_assert_uint_eq(fixture.wakes, 2 * fixture.ended);
    ck_assert_uint_eq(fixture.holds, 0);
    ck_assert_uint_eq(fixture.heap->cycle.last.rounds, 2);
}
END_TEST

/* A mutator that answers late holds nobody up but the cycle. */
START_TEST(late_answers)
{
    fixture.heap->options.verify = false;
    fixture.late[1] = true;
    cycle_run(fixture.mutators[0], CYCLE_FORCED);
    ck_assert_uint_eq(fixture.waits, 7); /* each handshake waits for it, once */
    ck_assert_uint_eq(fixture.handshakes, 7);
    ck_assert_uint_eq(fixture.ended, 1);
    /* Step by step: nothing goes on until it has answered. */
    store_relaxed(&fixture.heap->counters.trigger_bytes, UINT64_C(0));
    static const enum cycle_phase phases[] = {CYCLE_ARM,   CYCLE_SETTLE, CYCLE_ROOTS,  CYCLE_FLUSH,
                                              CYCLE_FLUSH, CYCLE_DISARM, CYCLE_RELEASE};
    ck_assert(cycle_advance(fixture.mutators[0], 1000)); /* to look for what is unswept */
    ck_assert_int_eq(cycle_phase(fixture.heap), CYCLE_SWEEP);
    for (unsigned i = 0; i < ARRAY_LENGTH(phases); i++) {
        if (phases[i] == CYCLE_DISARM) {
            ck_assert(cycle_advance(fixture.mutators[0], 1000)); /* the weak phase waits for
                                                                    nobody */
            ck_assert_int_eq(cycle_phase(fixture.heap), CYCLE_WEAK);
        }
        for (unsigned k = 0; k < 3; k++) {
            ck_assert(cycle_advance(fixture.mutators[0], 1000));
            ck_assert_int_eq(cycle_phase(fixture.heap), phases[i]);
        }
        fixture_answer(1);
    }
    ck_assert(!cycle_advance(fixture.mutators[0], 1000));
    ck_assert_uint_eq(fixture.ended, 2);
    ck_assert_uint_eq(fixture.waits, 7); /* a step never waits */
}
END_TEST

/* Who wants the cycle run: the mutator itself, or a thread of the heap's. */
START_TEST(collectors)
{
    struct heap_counters *counters = &fixture.heap->counters;
    struct tri_mutator *mutator = fixture.mutators[0];
    fixture.heap->options.markers = 1; /* so it is not for mutators, however small it is */
    fixture.collector = (enum fixture_collector)_i;
    mutator->seen_live = counters->trigger_bytes; /* others' cycle has ended since */
    counters->live_bytes = counters->trigger_bytes - 1;
    cycle_poll(mutator, 0);
    ck_assert_uint_eq(fixture.ended + fixture.wishes, 0);
    mutator->seen_live = counters->trigger_bytes - 1; /* others have allocated since, and know */
    counters->live_bytes = counters->trigger_bytes;
    cycle_poll(mutator, 0);
    ck_assert_uint_eq(fixture.ended + fixture.wishes, 0);
    mutator->seen_live = counters->trigger_bytes;
    cycle_poll(mutator, 0);
    ck_assert_uint_eq(fixture.wishes, _i == COLLECTOR_LATER);
    ck_assert_uint_eq(fixture.ended, _i != COLLECTOR_LATER);
    ck_assert_uint_eq(fixture.heap->cycle.forced_count, 0);
    /* One that is under way and driven by nobody is wished for as well. */
    counters->live_bytes = counters->trigger_bytes;
    fixture.late[1] = true;
    (void)cycle_advance(mutator, 0);
    unsigned ended = fixture.ended;
    ck_assert_int_ne(cycle_phase(fixture.heap), CYCLE_IDLE);
    cycle_poll(mutator, 0);
    ck_assert_uint_eq(fixture.wishes, _i == COLLECTOR_LATER ? 2 : 0);
    ck_assert_uint_eq(fixture.ended, ended + (_i != COLLECTOR_LATER));
}
END_TEST

static unsigned watched;

static void count_watch(struct tri_heap *heap)
{
    lock_assert_held(&heap->cycle.lock);
    ck_assert_int_ne(cycle_phase(heap), CYCLE_IDLE);
    watched++;
}

/* A small heap: the mutators take a cycle on by themselves, and nobody is asked to but to watch. */
START_TEST(driven_by_mutators)
{
    struct tri_heap *heap = fixture.heap;
    heap->options.verify = false;
    heap->options.markers = TRI_MARKERS_AUTO;
    fixture.collector = COLLECTOR_LATER;
    fake_port_hooks()->watch_cycle = count_watch;
    watched = 0;
    fixture.wakes = 0;
    cycle_poll(fixture.mutators[0], 0);
    ck_assert_uint_eq(watched, 0); /* none is due */
    fixture.late[1] = true;
    store_relaxed(&heap->counters.trigger_bytes, UINT64_C(0));
    for (unsigned asked = 1; asked <= 7; asked++) {
        while (fixture.handshakes < asked) {
            cycle_poll(fixture.mutators[0], 0);
        }
        cycle_poll(fixture.mutators[0], 0);
        ck_assert_uint_eq(fixture.handshakes, asked); /* until the late one has answered */
        fixture_answer(1);
    }
    ck_assert_int_eq(fixture.kind, HANDSHAKE_RELEASE);
    store_relaxed(&heap->counters.trigger_bytes, UINT64_MAX);
    cycle_poll(fixture.mutators[1], 0); /* the last to answer can take the next step */
    ck_assert_uint_eq(fixture.ended, 1);
    ck_assert_int_eq(cycle_phase(heap), CYCLE_IDLE);
    ck_assert_uint_eq(watched, 1);
    ck_assert_uint_eq(fixture.wishes + fixture.waits + fixture.wakes, 0);
    ck_assert_uint_eq(heap->mark.count, 1);
}
END_TEST

static unsigned yields;

static void count_yield(void)
{
    yields++;
}

/* Who finds that the cycle waits for another one yields, where that one may wait for a
 * processor. */
START_TEST(waits_and_yields)
{
    bool too_many = _i == 1;
    fixture.heap->options.markers = TRI_MARKERS_AUTO;
    fixture.collector = COLLECTOR_LATER;
    fake_port_hooks()->yield = count_yield;
    fake_port_set_processors(too_many ? 1 : 2);
    fixture.late[1] = true;
    store_relaxed(&fixture.heap->counters.trigger_bytes, UINT64_C(0));
    while (fixture.kind != HANDSHAKE_ARM) {
        cycle_poll(fixture.mutators[0], 0);
    }
    yields = 0;
    for (unsigned i = 0; i < 10; i++) {
        cycle_poll(fixture.mutators[0], 0);
    }
    ck_assert_uint_eq(yields, too_many ? 10 : 0);
    fixture.late[1] = false;
    store_relaxed(&fixture.heap->counters.trigger_bytes, UINT64_MAX);
    cycle_run(fixture.mutators[0], CYCLE_FORCED);
}
END_TEST

/* They do not while a thread drives it; nor begin one that is not theirs. */
START_TEST(not_driven_by_mutators)
{
    struct tri_heap *heap = fixture.heap;
    heap->options.verify = false;
    heap->options.markers = TRI_MARKERS_AUTO;
    fixture.collector = COLLECTOR_LATER;
    fixture.late[1] = true;
    store_relaxed(&heap->counters.trigger_bytes, UINT64_C(0));
    while (fixture.kind != HANDSHAKE_ARM) {
        cycle_poll(fixture.mutators[0], 0);
    }
    fixture_answer(1);
    heap->cycle.drivers = 1;
    cycle_poll(fixture.mutators[0], 0);
    ck_assert_int_eq(fixture.kind, HANDSHAKE_ARM);
    ck_assert(!heap_is_self_driven(heap));
    heap->cycle.drivers = 0;
    cycle_poll(fixture.mutators[0], 0);
    ck_assert_int_eq(fixture.kind, HANDSHAKE_SETTLE);
    fixture.late[1] = false;
    cycle_collect(heap, CYCLE_TRIGGERED); /* any thread can take it over */
    ck_assert_uint_eq(fixture.ended, 1);
    ck_assert_uint_eq(fixture.wishes, 0);
    /* Where much is expected to be live, a thread is asked for. */
    heap->cycle.last.marked_bytes = SELF_DRIVEN_BYTES + 1;
    store_relaxed(&heap->counters.trigger_bytes, UINT64_C(0));
    cycle_poll(fixture.mutators[0], 0);
    ck_assert_uint_eq(fixture.wishes, 1);
    ck_assert_int_eq(cycle_phase(heap), CYCLE_IDLE);
    heap->cycle.last.marked_bytes = SELF_DRIVEN_BYTES;
    cycle_poll(fixture.mutators[0], 0);
    ck_assert_uint_eq(fixture.wishes, 1);
    ck_assert_int_ne(cycle_phase(heap), CYCLE_IDLE);
    store_relaxed(&heap->counters.trigger_bytes, UINT64_MAX);
    cycle_collect(heap, CYCLE_TRIGGERED);
}
END_TEST

/* The scan of roots is no step of bounded length: where there is much of them, which the cycle
 * before has found, no mutator does it for others. */
START_TEST(many_roots)
{
    struct tri_heap *heap = fixture.heap;
    static uintptr_t words[SELF_DRIVEN_ROOT_BYTES / WORD_BYTES + 1]; /* which lead nowhere */
    heap->options.verify = false;
    heap->options.markers = TRI_MARKERS_AUTO;
    fixture.collector = COLLECTOR_LATER;
    for (unsigned i = 0; i < 2; i++) {
        fixture.stacks[1].words = words;
        fixture.stacks[1].count = i == 0 ? ARRAY_LENGTH(words) : 0;
        cycle_run(fixture.mutators[0], CYCLE_FORCED);
        store_relaxed(&heap->counters.trigger_bytes, UINT64_C(0));
        cycle_poll(fixture.mutators[0], 0);
        ck_assert_uint_eq(fixture.wishes, 1); /* the first time */
    }
    ck_assert(heap_is_self_driven(heap));
    store_relaxed(&heap->counters.trigger_bytes, UINT64_MAX);
    cycle_collect(heap, CYCLE_TRIGGERED);
}
END_TEST

/* Nor does one answer for very many others. */
START_TEST(many_mutators)
{
    struct tri_heap *heap = fixture.heap;
    uint32_t attached = heap->attached;
    heap->options.verify = false;
    heap->options.markers = TRI_MARKERS_AUTO;
    fixture.collector = COLLECTOR_LATER;
    store_relaxed(&heap->counters.trigger_bytes, UINT64_C(0));
    store_relaxed(&heap->attached, UINT32_C(1) + SELF_DRIVEN_MUTATORS);
    cycle_poll(fixture.mutators[0], 0);
    ck_assert_uint_eq(fixture.wishes, 1);
    ck_assert_int_eq(cycle_phase(heap), CYCLE_IDLE);
    store_relaxed(&heap->attached, UINT32_C(0) + SELF_DRIVEN_MUTATORS);
    cycle_poll(fixture.mutators[0], 0);
    ck_assert_uint_eq(fixture.wishes, 1);
    ck_assert_int_ne(cycle_phase(heap), CYCLE_IDLE);
    store_relaxed(&heap->attached, attached);
    store_relaxed(&heap->counters.trigger_bytes, UINT64_MAX);
    cycle_collect(heap, CYCLE_TRIGGERED);
}
END_TEST

/* Nor does one find out which of very many objects are to be finalized, or mark what a heap has
 * grown by since the last cycle. */
START_TEST(much_to_finalize_or_grown)
{
    struct tri_heap *heap = fixture.heap;
    const uint64_t most = SELF_DRIVEN_LIVE_PART * SELF_DRIVEN_BYTES;
    uint32_t *attachments = &heap->finalizers.attachments.count;
    uint64_t *live = &heap->counters.live_bytes;
    uint32_t old_attachments = *attachments;
    uint64_t old_live = *live;
    heap->options.verify = false;
    heap->options.markers = TRI_MARKERS_AUTO;
    heap->cycle.last.marked_bytes = 0;
    store_relaxed(&heap->cycle.count, UINT64_C(1)); /* there was one */
    fixture.collector = COLLECTOR_LATER;
    store_relaxed(&heap->counters.trigger_bytes, UINT64_C(0));
    *attachments = SELF_DRIVEN_FINALIZABLE + 1;
    cycle_poll(fixture.mutators[0], 0);
    ck_assert_uint_eq(fixture.wishes, 1);
    *attachments = old_attachments;
    *live = most + 1;
    cycle_poll(fixture.mutators[0], 0);
    ck_assert_uint_eq(fixture.wishes, 2);
    ck_assert_int_eq(cycle_phase(heap), CYCLE_IDLE);
    *live = most - load_relaxed(&heap->counters.external_bytes);
    cycle_poll(fixture.mutators[0], 0);
    ck_assert_uint_eq(fixture.wishes, 2);
    ck_assert_int_ne(cycle_phase(heap), CYCLE_IDLE);
    *live = old_live;
    store_relaxed(&heap->counters.trigger_bytes, UINT64_MAX);
    cycle_collect(heap, CYCLE_TRIGGERED);
}
END_TEST

/* A host's step begins a cycle of a heap whose marking is for threads, and does not come back. */
START_TEST(begun_and_left)
{
    struct tri_heap *heap = fixture.heap;
    heap->options.verify = false;
    heap->options.markers = 1;
    fake_port_hooks()->watch_cycle = count_watch;
    watched = 0;
    store_relaxed(&heap->counters.trigger_bytes, UINT64_C(0));
    ck_assert(cycle_advance(fixture.mutators[0], 1000));
    ck_assert(!heap_is_self_driven(heap));
    ck_assert_uint_eq(watched, 1);
    store_relaxed(&heap->counters.trigger_bytes, UINT64_MAX);
    cycle_collect(heap, CYCLE_TRIGGERED);
    ck_assert_uint_eq(watched, 1);
}
END_TEST

/* Mutators were driving when the process forked; nobody watches in the child, so a thread shall. */
START_TEST(driven_by_mutators_and_forked)
{
    struct tri_heap *heap = fixture.heap;
    heap->options.verify = false;
    heap->options.markers = _i == 0 ? TRI_MARKERS_AUTO : 0;
    fixture.collector = COLLECTOR_LATER;
    fixture.late[1] = true;
    store_relaxed(&heap->counters.trigger_bytes, UINT64_C(0));
    while (fixture.kind != HANDSHAKE_ARM) {
        cycle_poll(fixture.mutators[0], 0);
    }
    cycle_pause(heap);
    cycle_forget_threads(heap);
    cycle_resume(heap);
    cycle_poll(fixture.mutators[0], 0);
    ck_assert_uint_eq(fixture.wishes, _i == 0);
    ck_assert(heap_is_self_driven(heap) == (_i != 0));
    fixture_answer(1);
    store_relaxed(&heap->counters.trigger_bytes, UINT64_MAX);
    cycle_collect(heap, CYCLE_TRIGGERED);
    ck_assert_uint_eq(fixture.ended, 1);
}
END_TEST

/* A forced cycle is one that begins after the call. */
START_TEST(forced_during_one)
{
    store_relaxed(&fixture.heap->counters.trigger_bytes, UINT64_C(0));
    fixture.late[1] = true;
    ck_assert(cycle_advance(fixture.mutators[0], 1000));
    cycle_run(fixture.mutators[0], CYCLE_FORCED);
    ck_assert_uint_eq(fixture.ended, 2);
    ck_assert_uint_eq(fixture.heap->cycle.forced_count, 1);
    ck_assert_int_eq(cycle_phase(fixture.heap), CYCLE_IDLE);
}
END_TEST

/* Whoever drives leaves; a cycle that nobody ends is no harm to the heap's end. */
START_TEST(abandoned)
{
    store_relaxed(&fixture.heap->counters.trigger_bytes, UINT64_C(0));
    fixture.late[1] = true;
    ck_assert(cycle_advance(fixture.mutators[0], 1000));
    cycle_abandon(fixture.heap);
    cycle_run(fixture.mutators[0], CYCLE_FORCED);
    ck_assert_uint_eq(fixture.ended, 0);
    ck_assert_uint_eq(fixture.waits, 0);
}
END_TEST

/* A cycle that is not due is none, however often it is asked for. */
START_TEST(due_or_not)
{
    struct heap_counters *counters = &fixture.heap->counters;
    unsigned wakes = fixture.heap->options.stop_the_world ? 1 : 2; /* a cycle */
    counters->live_bytes = counters->trigger_bytes - 1;
    ck_assert(!cycle_is_due(fixture.heap));
    cycle_run(fixture.mutators[0], CYCLE_TRIGGERED);
    ck_assert_uint_eq(fixture.ended, 0);
    ck_assert_uint_eq(fixture.wakes, 0);
    ck_assert_uint_eq(fixture.blocked, 0);
    cycle_run(fixture.mutators[0], CYCLE_FORCED);
    ck_assert_uint_eq(fixture.ended, 1);
    counters->live_bytes = counters->trigger_bytes;
    ck_assert(cycle_is_due(fixture.heap));
    cycle_run(fixture.mutators[0], CYCLE_TRIGGERED);
    ck_assert_uint_eq(fixture.ended, 2);
    ck_assert_uint_eq(fixture.wakes, 2 * wakes);
    cycle_run(fixture.mutators[1], CYCLE_TRIGGERED); /* the first to come has done it */
    ck_assert_uint_eq(fixture.ended, 2);
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

static size_t slow_scan_globals(struct tri_heap *heap, struct marker *marker)
{
    fake_port_advance_ns(marking_ns);
    return usual.scan_globals(heap, marker);
}

static void slow_hold_end(struct tri_heap *heap)
{
    fake_port_advance_ns(3 * MS);
    usual.hold_end(heap);
}

START_TEST(figures_held)
{
    struct fake_port_hooks *hooks = fake_port_hooks();
    usual = *hooks;
    hooks->hold_begin = slow_hold_begin;
    hooks->scan_globals = slow_scan_globals;
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
    ck_assert_uint_eq(last->begin_stall_ns, 5 * MS);
    ck_assert_uint_eq(last->mark_ns, 20 * MS);
    ck_assert_uint_eq(last->end_stall_ns, 3 * MS);
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

static size_t slow_scan_mutator(struct tri_mutator *mutator, struct marker *marker)
{
    struct stall_times start = stall_begin();
    size_t bytes = usual.scan_mutator(mutator, marker);
    fake_port_advance_ns((mutator == fixture.mutators[1] ? 2 : 1) * MS);
    answer_count_stall(mutator->heap, HANDSHAKE_ROOTS, start); /* as its own thread would */
    return bytes;
}

START_TEST(figures)
{
    struct fake_port_hooks *hooks = fake_port_hooks();
    usual = *hooks;
    hooks->scan_globals = slow_scan_globals;
    hooks->scan_mutator = slow_scan_mutator;
    fixture.heap->options.verify = false;
    const struct cycle_state *cycle = &fixture.heap->cycle;
    const struct cycle_figures *last = &cycle->last;
    tri_type *type = fixture_type(MIB, TRI_LAYOUT_ALL_WORDS);
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
    ck_assert_uint_eq(last->begin_stall_ns, 2 * MS); /* the longest of one mutator */
    ck_assert_uint_eq(last->mark_ns, 23 * MS);
    ck_assert_uint_eq(last->end_stall_ns, 0);
    ck_assert_uint_eq(last->mark_cpu_ns, 20 * MS);
    ck_assert_uint_eq(last->assist_cpu_ns, 0);
    ck_assert_uint_eq(last->heap_before, 3 * MIB);
    ck_assert_uint_eq(last->heap_after, 3 * MIB);
    ck_assert_uint_eq(last->marked_bytes, 2 * MIB);
    ck_assert_uint_eq(last->marked_objects, 2);
    ck_assert_uint_eq(last->scanned_bytes, 2 * MIB);
    ck_assert_uint_eq(last->rounds, 2);
    ck_assert_uint_eq(last->goal, goal);
    ck_assert_uint_eq(last->stack_bytes, 8);
    ck_assert_uint_eq(last->global_bytes, 16);
    ck_assert_uint_eq(last->processors, 4);
    ck_assert_double_eq_tol(last->utilization, 20.0 / (123.0 * 4), 1e-9);
    ck_assert_uint_eq(cycle->cpu_ns, 20 * MS);
    ck_assert_uint_eq(cycle->pause_total_ns, 2 * MS);
    ck_assert_uint_eq(cycle->pause_max_ns, 2 * MS);
    ck_assert_uint_eq(cycle->last_end_ns, 123 * MS);
    ck_assert_uint_eq(stall_count(&fixture.heap->stalls.causes[STALL_ROOTS].wall), 2);
}
END_TEST

/* ---- The goal -------------------------------------------------------------------------------- */

static uint64_t goal_with(int32_t percent, int64_t limit)
{
    fixture.heap->options.gc_percent = percent;
    fixture.heap->options.memory_limit = limit;
    cycle_commit_goal(fixture.heap);
    uint64_t goal = fixture.heap->counters.goal_bytes;
    uint64_t marked = fixture.heap->cycle.last.marked_bytes;
    uint64_t trigger = fixture.heap->counters.trigger_bytes;
    if (fixture.heap->options.stop_the_world || goal == UINT64_MAX || goal <= marked) {
        ck_assert_uint_eq(trigger, goal);
    } else { /* where is the pacer's to choose, within bounds */
        ck_assert_uint_ge(trigger, marked + (goal - marked) / 64 * TRIGGER_LEAST_64THS);
        ck_assert_uint_le(trigger, goal);
    }
    return goal;
}

/* What a limit leaves to live objects. */
static uint64_t below_limit(uint64_t limit, uint64_t overhead)
{
    uint64_t goal = limit - overhead;
    return goal - size_max(goal / 100 * LIMIT_HEADROOM_PERCENT, LIMIT_HEADROOM_MIN_BYTES);
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
    uint64_t overhead = page_heap_bytes(&fixture.heap->page_heap).metadata +
                        meta_alloc_mapped_bytes(&fixture.heap->meta);
    ck_assert_uint_eq(goal_with(TRI_GC_PERCENT_OFF, 100 * MIB), below_limit(100 * MIB, overhead));
    ck_assert(fixture.heap->counters.goal_by_limit);
    ck_assert_uint_eq(goal_with(100, 30 * MIB), below_limit(30 * MIB, overhead));
    ck_assert_uint_eq(goal_with(100, 100 * MIB), 40 * MIB + roots);
    ck_assert(!fixture.heap->counters.goal_by_limit);
    ck_assert_uint_eq(goal_with(100, MIB), 20 * MIB); /* what is live */
    /* A span with one small object, and its free slots. */
    tri_type *small = fixture_type(64, TRI_LAYOUT_LEAF);
    fixture_promote(small);
    fixture_keep(fixture_new(small));
    fixture_collect();
    overhead = page_heap_bytes(&fixture.heap->page_heap).metadata +
               meta_alloc_mapped_bytes(&fixture.heap->meta) + PAGE_BYTES - 64;
    ck_assert_uint_eq(goal_with(TRI_GC_PERCENT_OFF, 100 * MIB), below_limit(100 * MIB, overhead));
}
END_TEST

/* ---- The least goal -------------------------------------------------------------------------- */

/* A cycle that is due is begun by whoever comes first, who has seen what there is when it attached;
 * what regions and memory outside of the heap make of it is seen at once. */
START_TEST(due_by_others)
{
    struct heap_counters *counters = &fixture.heap->counters;
    fixture.heap->options.markers = 1;
    fixture.collector = COLLECTOR_LATER;
    uint64_t trigger = counters->trigger_bytes;
    counters->live_bytes = trigger;
    if (_i == 0) {
        cycle_poll(fixture_attach(), 0);
    } else {
        counters->live_bytes = 0;
        (_i == 1 ? &counters->region_bytes : &counters->external_bytes)[0] = trigger;
        cycle_poll(fixture.mutators[0], 0);
    }
    ck_assert_uint_eq(fixture.wishes, 1);
    counters->live_bytes = counters->region_bytes = counters->external_bytes = 0;
}
END_TEST

/* Who has left allocates beside nobody, however many came and went. */
START_TEST(least_goal_by_those_who_stay)
{
    tri_type *type = fixture_type(64, TRI_LAYOUT_LEAF);
    for (unsigned i = 0; i < 10; i++) {
        struct tri_mutator *mutator = fixture_attach();
        (void)tri_alloc(mutator, type);
        fixture_detach();
    }
    fixture_collect();
    ck_assert_uint_eq(fixture.heap->counters.goal_bytes, HEAP_MINIMUM_BYTES);
    fixture_detach(); /* they were charged before the last cycle */
    fixture_collect();
    ck_assert_uint_eq(fixture.heap->counters.goal_bytes, HEAP_MINIMUM_BYTES);
}
END_TEST

/* One heap_minimum for each mutator that has allocated since the last cycle, as far as there are
 * processors. */
START_TEST(least_goal_by_mutators)
{
    static const struct {
        double processors;
        unsigned allocating;
        unsigned want;
    } cases[] = {{4, 0, 1}, {4, 1, 1}, {4, 2, 2}, {4, 3, 3}, {2, 3, 2}, {0.5, 3, 1}, {1.9, 2, 1}};
    struct tri_heap *heap = fixture.heap;
    tri_type *type = fixture_type(64, TRI_LAYOUT_LEAF);
    while (fixture.mutator_count < 3) {
        fixture_attach();
    }
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        fake_port_set_processors(cases[i].processors);
        for (unsigned k = 0; k < cases[i].allocating; k++) {
            (void)tri_alloc(fixture.mutators[k], type);
        }
        fixture_collect();
        ck_assert_uint_eq(heap->counters.goal_bytes, cases[i].want * HEAP_MINIMUM_BYTES);
        cycle_commit_goal(heap); /* a setting has changed: nobody has allocated, but that holds */
        ck_assert_uint_eq(heap->counters.goal_bytes, cases[i].want * HEAP_MINIMUM_BYTES);
    }
}
END_TEST

/* ---- Flushing a mutator ---------------------------------------------------------------------- */

START_TEST(flush_of_a_mutator)
{
    fixture.heap->counters.charge_bytes = PAGE_BYTES; /* a span's slots are charged at once */
    tri_type *type = fixture_type(64, TRI_LAYOUT_LEAF);
    fixture_promote(type);
    struct heap_counters *counters = &fixture.heap->counters;
    for (unsigned i = 0; i < 10; i++) {
        (void)tri_alloc(fixture.mutators[0], type);
        (void)tri_alloc(fixture.mutators[1], type);
    }
    ck_assert_uint_eq(counters->live_bytes, 2 * PAGE_BYTES);
    ck_assert_uint_eq(counters->allocated_objects, 0);
    answer_flush_cache(fixture.mutators[0]);
    ck_assert_uint_eq(counters->live_bytes, PAGE_BYTES + 640);
    ck_assert_uint_eq(counters->allocated_objects, 10);
    ck_assert_uint_eq(counters->allocated_bytes, 640);
    answer_flush_cache(fixture.mutators[0]);
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
        answer_flush_cache(fixture.mutators[1]);
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

/* ---- What a heap does without a mutator ------------------------------------------------------ */

START_TEST(limit_follows_until_it_is_set)
{
    struct tri_heap *heap = fixture.heap;
    int64_t mib = MIB;
    heap->options.gc_percent = TRI_GC_PERCENT_OFF;
    ck_assert(!cycle_follow_memory_limit(heap, 100 * mib)); /* it follows nothing */
    ck_assert_int_eq(heap->options.memory_limit, TRI_MEMORY_LIMIT_OFF);
    heap->options.memory_limit_percent = 80;
    ck_assert(cycle_follow_memory_limit(heap, 100 * mib));
    ck_assert_int_eq(heap->options.memory_limit, 80 * mib);
    uint64_t goal = heap->counters.goal_bytes;
    ck_assert_uint_lt(goal, 80 * MIB);
    ck_assert(!cycle_follow_memory_limit(heap, 100 * mib)); /* no change */
    ck_assert(cycle_follow_memory_limit(heap, 50 * mib));
    ck_assert_int_eq(heap->options.memory_limit, 40 * mib);
    ck_assert_uint_lt(heap->counters.goal_bytes, goal);
    ck_assert(cycle_follow_memory_limit(heap, TRI_MEMORY_LIMIT_OFF));
    ck_assert_int_eq(heap->options.memory_limit, TRI_MEMORY_LIMIT_OFF);
    ck_assert_uint_eq(heap->counters.goal_bytes, UINT64_MAX);
    ck_assert(cycle_follow_memory_limit(heap, (INT64_C(1) << 60) - 1)); /* no overflow */
    ck_assert_int_eq(heap->options.memory_limit, ((INT64_C(1) << 60) - 1) / 5 * 4);
    ck_assert_int_eq(cycle_set_memory_limit(heap, 30 * mib), ((INT64_C(1) << 60) - 1) / 5 * 4);
    ck_assert_uint_lt(heap->counters.goal_bytes, 30 * MIB);
    ck_assert(!cycle_follow_memory_limit(heap, 100 * mib));
    ck_assert_int_eq(heap->options.memory_limit, 30 * mib);
}
END_TEST

START_TEST(periodic_cycles)
{
    struct tri_heap *heap = fixture.heap;
    const uint64_t second_ns = 1000 * MS;
    ck_assert_uint_eq(cycle_period_end_ns(heap), UINT64_MAX); /* there are none */
    heap->options.period_s = 10;
    heap->options.trace = 1;
    ck_assert_uint_eq(cycle_period_end_ns(heap), heap->cycle.created_ns + 10 * second_ns);
    fake_port_advance_ns(10 * second_ns - 1);
    cycle_run(fixture.mutators[0], CYCLE_PERIODIC);
    ck_assert_uint_eq(heap->cycle.count, 0);
    ck_assert_str_eq(fake_port_log_text(), "");
    fake_port_advance_ns(1);
    ck_assert_uint_eq(port_now_ns(), cycle_period_end_ns(heap));
    cycle_run(fixture.mutators[0], CYCLE_PERIODIC);
    ck_assert_uint_eq(heap->cycle.count, 1);
    ck_assert_uint_eq(heap->cycle.forced_count, 0); /* nobody has asked */
    ck_assert(heap->cycle.unhurried && !heap->cycle.last.forced);
    ck_assert_str_eq(fake_port_log_text(), "GC forced\n");
    cycle_run(fixture.mutators[0], CYCLE_PERIODIC); /* one has just ended */
    ck_assert_uint_eq(heap->cycle.count, 1);
    ck_assert_uint_eq(cycle_period_end_ns(heap), heap->cycle.last_end_ns + 10 * second_ns);
    fake_port_advance_ns(5 * second_ns);
    fixture_collect();
    ck_assert(!heap->cycle.unhurried);
    ck_assert_uint_eq(cycle_period_end_ns(heap), heap->cycle.last_end_ns + 10 * second_ns);
    heap->options.gc_percent = TRI_GC_PERCENT_OFF;
    ck_assert_uint_eq(cycle_period_end_ns(heap), UINT64_MAX);
}
END_TEST

static unsigned wakes;

static bool count_wake(struct tri_heap *heap)
{
    (void)heap;
    wakes++;
    return true;
}

START_TEST(wake_where_one_is_due)
{
    struct tri_heap *heap = fixture.heap;
    wakes = 0;
    fake_port_hooks()->wake_collector = count_wake;
    cycle_wake(heap);
    ck_assert_uint_eq(wakes, 0); /* none is due */
    heap->counters.external_bytes = heap->counters.trigger_bytes;
    cycle_wake(heap);
    bool held = heap->options.stop_the_world;
    ck_assert_uint_eq(wakes, held ? 0 : 1); /* held: by the next slow path */
    heap->options.markers = 0;
    cycle_wake(heap);
    ck_assert_uint_eq(wakes, held ? 0 : 1); /* no thread */
    heap->options.markers = 1;
    heap->cycle.drivers = 1;
    cycle_wake(heap);
    ck_assert_uint_eq(wakes, held ? 0 : 2); /* who drives may have set the goal already */
    heap->cycle.drivers = 0;
    heap->counters.external_bytes = 0;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cycle");
    TCase *cases = tcase_create("cycle");
    tcase_add_checked_fixture(cases, default_begin, default_end);
    tcase_add_test(cases, steps_in_order);
    tcase_add_test(cases, late_answers);
    tcase_add_loop_test(cases, collectors, COLLECTOR_NONE, COLLECTOR_LATER + 1);
    tcase_add_test(cases, driven_by_mutators);
    tcase_add_loop_test(cases, waits_and_yields, 0, 2);
    tcase_add_test(cases, not_driven_by_mutators);
    tcase_add_test(cases, many_roots);
    tcase_add_test(cases, many_mutators);
    tcase_add_test(cases, much_to_finalize_or_grown);
    tcase_add_test(cases, begun_and_left);
    tcase_add_loop_test(cases, driven_by_mutators_and_forked, 0, 2);
    tcase_add_test(cases, forced_during_one);
    tcase_add_test(cases, abandoned);
    tcase_add_test(cases, due_or_not);
    tcase_add_test(cases, figures);
    tcase_add_test(cases, goals);
    tcase_add_loop_test(cases, due_by_others, 0, 3);
    tcase_add_test(cases, least_goal_by_those_who_stay);
    tcase_add_test(cases, least_goal_by_mutators);
    tcase_add_test(cases, flush_of_a_mutator);
    tcase_add_test(cases, mutator_again);
    tcase_add_test(cases, limit_follows_until_it_is_set);
    tcase_add_test(cases, periodic_cycles);
    tcase_add_test(cases, wake_where_one_is_due);
    suite_add_tcase(suite, cases);
    TCase *held = tcase_create("cycle, held");
    tcase_add_checked_fixture(held, held_begin, default_end);
    tcase_add_test(held, steps_in_order_held);
    tcase_add_test(held, due_or_not);
    tcase_add_test(held, figures_held);
    tcase_add_test(held, goals);
    tcase_add_test(held, periodic_cycles);
    tcase_add_test(held, wake_where_one_is_due);
    suite_add_tcase(suite, held);
    TCase *others = tcase_create("cycle, other heaps");
    tcase_add_loop_test(others, random_heaps, 0, 2);
    tcase_add_loop_test(others, random_heaps_under_stress, 0, 2);
    tcase_add_loop_test(others, random_heaps_by_several_markers, 0, 2);
    tcase_add_loop_test(others, random_heaps_with_faults, 0, 2);
    tcase_add_loop_test(others, random_heaps_between_steps, TRI_BARRIER_HYBRID,
                        TRI_BARRIER_INSERTION + 1);
    tcase_add_test(others, many_heaps);
    tcase_add_test(others, heap_without_memory);
#if TRI_CHECKS >= 1
    tcase_add_test(others, destroyed_twice);
#endif
    suite_add_tcase(suite, others);
    return unit_run(suite);
}
