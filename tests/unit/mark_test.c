/* mark_test.c -- exactly what is reachable gets marked: any shape, any depth, with one marker or
 * several, with and without memory for the queue.
 */
#include "gc/mark.h"

#include <string.h>

#include "gc/object.h"
#include "gc/verify.h"
#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

/* What the last marking found. */
static struct {
    uint64_t objects;
    uint64_t bytes;
    uint64_t stack_bytes;
    uint64_t global_bytes;
    uint64_t cpu_ns;
} figures;

#define SEGMENTS 64

static void begin(int32_t markers, size_t max_heap)
{
    tri_heap_options options;
    fake_port_reset();
    fixture_options(&options);
    options.gc_percent = TRI_GC_PERCENT_OFF;
    options.markers = markers;
    options.max_heap = max_heap;
    fixture_begin(&options, 1);
    fixture_make_segments(&fixture.heap->mark.segments, SEGMENTS);
}

static void take_figures(void)
{
    const struct mark_state *state = &fixture.heap->mark;
    figures.objects = state->marked_objects;
    figures.bytes = state->marked_bytes;
    figures.stack_bytes = state->stack_bytes;
    figures.global_bytes = fixture.heap->mark.global_bytes;
    figures.cpu_ns = state->cpu_ns;
}

static void create(void)
{
    begin(1, 256 * MIB);
}

static void destroy(void)
{
    fixture_end();
    fake_port_finish();
}

/* Mark as a cycle would, and check the result as gcverify=1 would. */
static void mark(void)
{
    fixture_mark();
    take_figures();
    /* every segment went back */
    size_t spare = fixture_spare_segments(&fixture.heap->mark.segments);
    ck_assert_uint_ge(spare + fixture.withheld_count, SEGMENTS);
}

/* Let the next marking believe that so much is live, which is how it chooses the number of
 * markers. */
static void pretend_live(uint64_t bytes)
{
    store_relaxed(&fixture.heap->counters.live_bytes, bytes);
}

/* ---- Depth ----------------------------------------------------------------------------------- */

#define CHAIN (FIXTURE_SANITIZED ? 1000000 : 10000000)

/* The C stack that marking gets: the sanitizers' frames are larger. */
#define SMALL_STACK (FIXTURE_SANITIZED ? 256 * KIB : 64 * KIB)

static void mark_on_this_stack(void *unused, unsigned index)
{
    (void)unused;
    (void)index;
    mark();
}

/* [mark.3]: a chain of ten million objects, on a C stack of 64 KiB. */
START_TEST(long_chain)
{
    begin(1, GIB);
    tri_type *type = fixture_type(16, TRI_LAYOUT_ALL_WORDS);
    fixture_promote(type);
    char *first = fixture_new(type);
    char *last = first;
    for (unsigned i = 1; i < CHAIN; i++) {
        char *next = fixture_new(type);
        fixture_link(last, i % 2, next);
        last = next;
    }
    fixture_keep(first);
    fixture_run_on_stack(SMALL_STACK, mark_on_this_stack, NULL);
    ck_assert_uint_eq(figures.objects, CHAIN);
    ck_assert_uint_eq(figures.bytes, UINT64_C(16) * CHAIN);
    ck_assert(fixture_is_marked(last));
    fixture_unmark();
    destroy();
}
END_TEST

/* ---- Random graphs --------------------------------------------------------------------------- */

#define NODES_MAX 3000

static struct {
    char *address;
    size_t words;
    bool live;
} nodes[NODES_MAX];
static size_t node_count;

/* The node that word leads to or into; node_count for none. */
static size_t node_of(uintptr_t word)
{
    for (size_t i = 0; i < node_count; i++) {
        if (word - (uintptr_t)nodes[i].address < nodes[i].words * WORD_BYTES) {
            return i;
        }
    }
    return node_count;
}

static size_t edges[NODES_MAX][4];

/* The naive judgement: who can be reached from the roots. */
static uint64_t find_live(void)
{
    static size_t stack[NODES_MAX];
    size_t depth = 0;
    uint64_t live = 0;
    for (size_t i = 0; i < node_count; i++) {
        nodes[i].live = false;
    }
    for (size_t i = 0; i < fixture.root_count; i++) {
        size_t node = node_of(fixture.roots[i]);
        if (node < node_count && !nodes[node].live) {
            nodes[node].live = true;
            stack[depth++] = node;
        }
    }
    while (depth > 0) {
        size_t from = stack[--depth];
        live++;
        for (size_t k = 0; k < 4; k++) {
            size_t to = edges[from][k];
            if (to < node_count && !nodes[to].live) {
                nodes[to].live = true;
                stack[depth++] = to;
            }
        }
    }
    return live;
}

/* Objects of many sizes, of own types and mixed, with up to four edges each, to objects or into
 * them, and some roots. */
static void make_graph(uint64_t *random, size_t count)
{
    tri_type *types[8];
    for (unsigned i = 0; i < ARRAY_LENGTH(types); i++) {
        size_t words = 4 + unit_random_below(random, i == 7 ? 30000 : 60);
        types[i] = fixture_type(words * 8, i % 2 ? TRI_LAYOUT_ALL_WORDS : TRI_LAYOUT_CONSERVATIVE);
    }
    node_count = count;
    for (size_t i = 0; i < count; i++) {
        size_t kind = unit_random_below(random, 7) + (i % 500 == 0);
        nodes[i].address = fixture_new(types[kind]);
        nodes[i].words = types[kind]->size / 8;
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < 4; k++) {
            size_t to = unit_random_below(random, count + count / 2);
            size_t word = k * (nodes[i].words / 4); /* over all of the object */
            edges[i][k] = to;
            if (to < count) {
                size_t inside = unit_random_below(random, nodes[to].words * WORD_BYTES);
                fixture_link(nodes[i].address, word, nodes[to].address + (k == 3 ? inside : 0));
            }
        }
    }
    for (size_t i = unit_random_below(random, 5); i > 0; i--) {
        fixture_keep(nodes[unit_random_below(random, count)].address +
                     unit_random_below(random, 9));
    }
}

static void check_marked(uint64_t live)
{
    ck_assert_uint_eq(figures.objects, live);
    uint64_t bytes = 0;
    for (size_t i = 0; i < node_count; i++) {
        EXPECT(fixture_is_marked(nodes[i].address) == nodes[i].live);
        bytes += nodes[i].live ? span_object_bytes(fixture_span(nodes[i].address)) : 0;
    }
    ck_assert_uint_eq(figures.bytes, bytes);
}

START_TEST(random_graphs)
{
    uint64_t random = unit_seed();
    for (unsigned i = 0; i < 40; i++) {
        create();
        make_graph(&random, 1 + unit_random_below(&random, NODES_MAX));
        uint64_t live = find_live();
        mark();
        check_marked(live);
        destroy();
    }
}
END_TEST

/* ---- Shapes ---------------------------------------------------------------------------------- */

static tri_type *node_type(size_t words)
{
    tri_type *type = fixture_type(words * 8, TRI_LAYOUT_ALL_WORDS);
    fixture_promote(type);
    return type;
}

static char *make_chain(unsigned count, bool backward)
{
    tri_type *type = node_type(2);
    char **chain = malloc(count * sizeof *chain);
    EXPECT(chain != NULL);
    for (unsigned i = 0; i < count; i++) {
        chain[i] = fixture_new(type);
    }
    for (unsigned i = 0; i + 1 < count; i++) {
        fixture_link(chain[backward ? i + 1 : i], 1, chain[backward ? i : i + 1]);
    }
    char *root = chain[backward ? count - 1 : 0];
    free(chain);
    return root;
}

/* A large array, each of whose words leads to a pair that leads to another. */
static char *make_wide(unsigned count)
{
    tri_type *type = node_type(2);
    char *array = fixture_new_array(node_type(1), count);
    for (unsigned i = 0; i < count; i++) {
        char *pair = fixture_new(type);
        fixture_link(array, i, pair);
        fixture_link(pair, 0, fixture_new(type));
        fixture_link(pair, 1, array); /* and back */
    }
    return array;
}

static char *make_tree(unsigned depth, tri_type *type)
{
    char *node = fixture_new(type);
    if (depth > 0) {
        fixture_link(node, 0, make_tree(depth - 1, type));
        fixture_link(node, 1, make_tree(depth - 1, type));
    }
    return node;
}

static char *make_ring(unsigned count)
{
    char *first = make_chain(count, false);
    char *last = first;
    while (*fixture_slot(last, 1) != 0) {
        last = (char *)*fixture_slot(last, 1);
    }
    fixture_link(last, 1, first);
    fixture_link(first, 0, first); /* and to itself */
    return first;
}

enum shape {
    SHAPE_CHAIN,
    SHAPE_CHAIN_BACKWARD,
    SHAPE_WIDE,
    SHAPE_TREE,
    SHAPE_RING,
    SHAPE_COUNT
};

/* Make a root of the shape, and as much again that is garbage. Returns the objects it holds. */
static uint64_t make_shape(enum shape shape)
{
    uint64_t objects = 0;
    for (unsigned copy = 0; copy < 2; copy++) {
        char *root = NULL;
        switch (shape) {
        case SHAPE_CHAIN:
        case SHAPE_CHAIN_BACKWARD:
            root = make_chain(3000, shape == SHAPE_CHAIN_BACKWARD);
            objects = 3000;
            break;
        case SHAPE_WIDE:
            root = make_wide(60000);
            objects = 120001;
            break;
        case SHAPE_TREE:
            root = make_tree(14, node_type(2));
            objects = (1U << 15) - 1;
            break;
        case SHAPE_RING:
        case SHAPE_COUNT:
            root = make_ring(5000);
            objects = 5000;
            break;
        }
        if (copy == 0) {
            fixture_keep(root);
        }
    }
    return objects;
}

START_TEST(shapes)
{
    uint64_t objects = make_shape((enum shape)_i);
    mark();
    ck_assert_uint_eq(figures.objects, objects);
    fixture_unmark();
    mark(); /* again: nothing was left over from the first time */
    ck_assert_uint_eq(figures.objects, objects);
}
END_TEST

START_TEST(nothing)
{
    (void)make_chain(100, false);
    mark();
    ck_assert_uint_eq(figures.objects, 0);
    ck_assert_uint_eq(figures.bytes, 0);
}
END_TEST

/* ---- Overflow -------------------------------------------------------------------------------- */

/* [mark.4]: the queue cannot grow, from its 1st, 2nd, ... segment on: everything reachable is
 * marked all the same, and nothing else. */
START_TEST(no_memory_for_the_queue)
{
    uint64_t objects = make_shape((enum shape)(_i / 4));
    fixture_starve((size_t)(_i % 4));
    mark();
    fixture_feed();
    ck_assert_uint_eq(figures.objects, objects);
}
END_TEST

START_TEST(random_graphs_without_memory)
{
    uint64_t random = unit_seed();
    for (unsigned i = 0; i < 40; i++) {
        create();
        make_graph(&random, 1 + unit_random_below(&random, NODES_MAX));
        uint64_t live = find_live();
        fixture_starve(i % 3);
        mark();
        fixture_feed();
        check_marked(live);
        destroy();
    }
}
END_TEST

/* ---- Candidates ------------------------------------------------------------------------------ */

/* Of the words that may be addresses, those in free slots, tails, free pages and large objects
 * that are not there yet keep nothing alive, and do no harm. */
START_TEST(candidates)
{
    tri_type *type = node_type(6);
    tri_type *big = node_type(40000);
    char *objects[400];
    for (unsigned i = 0; i < 400; i++) {
        objects[i] = fixture_new(type);
        if (i % 2 == 0) {
            fixture_keep(objects[i]);
        }
    }
    char *gone = fixture_new(big);
    fixture_collect(); /* frees the odd ones, and the large one */
    fixture_drop_roots();
    bool zero;
    struct span_shape shape = {.pages = 50, .type = big, .scannable = true};
    shape.first = page_heap_take(&fixture.heap->page_heap, NULL, shape.pages, &zero);
    struct span *unpublished = span_init(&fixture.heap->page_heap.spans, &shape);
    unpublished->bits[0].allocated = 1;
    struct span *span = fixture_span(objects[0]);
    char *base = span_base(&fixture.heap->page_heap.spans, span);
    const void *words[410];
    size_t count = 0;
    for (unsigned i = 0; i < 400; i++) {
        words[count++] = objects[i] + i % 48;
    }
    words[count++] = gone + 100000;
    words[count++] = base + (size_t)span->slots * span->slot_bytes; /* the tail */
    words[count++] = span_base(&fixture.heap->page_heap.spans, unpublished) + 9 * PAGE_BYTES;
    words[count++] = base + CHUNK_BYTES - 1;
    words[count++] = NULL;
    words[count++] = words;
    fixture.candidates = words;
    fixture.candidate_count = count;
    mark();
    ck_assert_uint_eq(figures.objects, 200);
    ck_assert_uint_eq(figures.stack_bytes, count * WORD_BYTES);
    for (unsigned i = 0; i < 400; i += 2) {
        ck_assert(fixture_is_marked(objects[i]));
    }
    ck_assert_uint_eq(span_count_marked(unpublished), 0);
    fixture_unmark();
}
END_TEST

static void mark_it(void *unused)
{
    (void)unused;
    mark_held(fixture.heap);
}

/* A precise reference to what was freed is the host's mistake: gcverify=1 names it. */
START_TEST(dead_reference)
{
    tri_type *type = node_type(6);
    char *object = fixture_new(type);
    char *dead = fixture_new(type);
    fixture_keep(object);
    fixture_collect();
    fixture_link(object, 3, dead);
    fixture.held = true;
    const char *message = fake_port_death_of(mark_it, NULL);
    ck_assert_ptr_nonnull(message);
    ck_assert_ptr_nonnull(strstr(message, "found while marking, points to memory that is not an"));
    fixture_end_marker(&fixture.heap->mark.markers[0]);
}
END_TEST

/* [mark.5]: a mark that is missing is missed. */
static void check_complete(void *unused)
{
    (void)unused;
    mark_check_complete(fixture.heap);
}

START_TEST(missing_mark)
{
    char *root = make_chain(1000, false);
    fixture_keep(root);
    mark();
    ck_assert_ptr_null(fake_port_death_of(check_complete, NULL));
    char *object = root;
    for (unsigned i = 0; i < 700; i++) {
        object = (char *)*fixture_slot(object, 1);
    }
    struct object_place place;
    ck_assert(object_find(fixture.heap, (uintptr_t)object, &place));
    place.span->bits[place.slot / 64].mark &= ~(UINT64_C(1) << place.slot % 64);
    const char *message = fake_port_death_of(check_complete, NULL);
    ck_assert_ptr_nonnull(message);
    ck_assert_ptr_nonnull(strstr(message, "marking missed 1 objects"));
    fixture_end_marker(&fixture.heap->mark.markers[0]);
    fixture_unmark();
}
END_TEST

/* [scan_span.4]: what is marked and not scanned, or still queued, is found. */
START_TEST(not_scanned)
{
    char *root = make_chain(1000, false);
    fixture_keep(root);
    mark();
    struct span *span = fixture_span(root);
    span->scanned[0] ^= 4;
    const char *message = fake_port_death_of(check_complete, NULL);
    ck_assert_ptr_nonnull(message);
    ck_assert_ptr_nonnull(strstr(message, "gcverify: word 0 of the span at page"));
    span->scanned[0] ^= 4;
    span->grey = SPAN_QUEUED;
    message = fake_port_death_of(check_complete, NULL);
    ck_assert_ptr_nonnull(message);
    ck_assert_ptr_nonnull(strstr(message, "is queued or held"));
    span->grey = SPAN_IDLE;
    ck_assert_ptr_null(fake_port_death_of(check_complete, NULL));
    fixture_unmark();
}
END_TEST

/* ---- Several markers ------------------------------------------------------------------------- */

#define THREADS 4

static void begin_parallel(void)
{
    begin(THREADS, 256 * MIB);
    fake_port_hooks()->run_parallel = fixture_run_parallel;
}

/* [mark.1], [mark.2], [shade.1]: the shapes again, by several threads, many times; each object is
 * counted by one of them. */
START_TEST(threads)
{
    begin_parallel();
    uint64_t objects = make_shape((enum shape)_i);
    for (unsigned round = 0; round < (FIXTURE_SANITIZED ? 10 : 100); round++) {
        pretend_live(THREADS * MARKER_WORTH_BYTES);
        mark();
        ck_assert_uint_eq(fixture.heap->mark.count, THREADS);
        ck_assert_uint_eq(figures.objects, objects);
        fixture_unmark();
    }
    destroy();
}
END_TEST

/* [mark.4] by several threads. */
START_TEST(threads_without_memory)
{
    begin_parallel();
    uint64_t objects = make_shape((enum shape)_i);
    for (unsigned round = 0; round < 12; round++) {
        fixture_starve(round);
        pretend_live(THREADS * MARKER_WORTH_BYTES);
        mark();
        fixture_feed();
        ck_assert_uint_eq(figures.objects, objects);
        fixture_unmark();
    }
    destroy();
}
END_TEST

START_TEST(random_graphs_by_threads)
{
    uint64_t random = unit_seed();
    for (unsigned i = 0; i < 20; i++) {
        begin_parallel();
        make_graph(&random, 1 + unit_random_below(&random, NODES_MAX));
        uint64_t live = find_live();
        pretend_live(THREADS * MARKER_WORTH_BYTES);
        mark();
        check_marked(live);
        destroy();
    }
}
END_TEST

/* The markers come one after the other, in an order, or do not come at all: none waits for one that
 * has not begun, none that begins late does harm. */
static const unsigned *order;

static unsigned run_in_order(struct tri_heap *heap, unsigned count,
                             void (*function)(void *argument, unsigned index), void *argument)
{
    (void)heap;
    unsigned called = 0;
    for (const unsigned *next = order; *next < count; next++) {
        function(argument, *next);
        called++;
    }
    return called;
}

START_TEST(late_and_absent_markers)
{
    static const unsigned orders[][5] = {
        {0, 9}, {0, 1, 2, 3, 9}, {3, 2, 1, 0, 9}, {2, 0, 3, 9}, {1, 0, 9}};
    order = orders[_i];
    begin(4, 256 * MIB);
    fake_port_hooks()->run_parallel = run_in_order;
    uint64_t objects = make_shape(SHAPE_WIDE);
    pretend_live(64 * MIB);
    mark();
    ck_assert_uint_eq(fixture.heap->mark.count, 4);
    ck_assert_uint_eq(figures.objects, objects);
    destroy();
}
END_TEST

/* Two markers on one thread. Marker 0, which has work for both, scans an object whose trace
 * function runs marker 1. */
static struct {
    void (*function)(void *argument, unsigned index);
    void *argument;
    unsigned naps;
    unsigned traced_by[2];
    uint32_t idle_while_stolen; /* the largest seen */
} nested;

static unsigned run_marker_0(struct tri_heap *heap, unsigned count,
                             void (*function)(void *argument, unsigned index), void *argument)
{
    (void)heap;
    ck_assert_uint_eq(count, 2);
    nested.function = function;
    nested.argument = argument;
    function(argument, 0);
    return 1;
}

static void trace_and_run_marker_1(tri_visitor *visitor, tri_ref object, size_t bytes)
{
    (void)visitor;
    (void)object;
    (void)bytes;
    nested.function(nested.argument, 1);
    fetch_sub_seq_cst(&fixture.heap->mark.idle, 1U); /* what nap_of_marker_1 added */
}

static void trace_and_look(tri_visitor *visitor, tri_ref object, size_t bytes)
{
    (void)object;
    (void)bytes;
    unsigned self = (unsigned)(marker_of(visitor) - fixture.heap->mark.markers);
    nested.traced_by[self]++;
    uint32_t idle = fixture.heap->mark.idle;
    if (self == 1 && idle > nested.idle_while_stolen) {
        nested.idle_while_stolen = idle;
    }
}

/* Marker 1 has looked for work in vain for a while. Now marker 0 counts as idle, too. */
static void nap_of_marker_1(uint64_t ns)
{
    EXPECT(ns == MARK_IDLE_NAP_NS);
    if (++nested.naps == 10) {
        fetch_add_seq_cst(&fixture.heap->mark.idle, 1U);
    }
}

/* [mark.1]: a marker does not leave while another one scans; [mark.2]: and counts as busy while it
 * works on what it stole. */
START_TEST(marker_beside_a_busy_one)
{
    enum {
        OBJECTS = 3 * MARK_SEGMENT_ENTRIES
    };
    begin(2, 256 * MIB);
    memset(&nested, 0, sizeof nested);
    fake_port_hooks()->run_parallel = run_marker_0;
    fake_port_hooks()->nap = nap_of_marker_1;
    tri_type_desc desc = TRI_TYPE_DESC("looks", char);
    desc.size = 16;
    desc.layout = TRI_LAYOUT_TRACED_BY(trace_and_look);
    tri_type *looks = fixture_define(&desc);
    desc.layout = TRI_LAYOUT_TRACED_BY(trace_and_run_marker_1);
    tri_type *runs = fixture_define(&desc);
    for (unsigned i = 0; i < OBJECTS; i++) {
        fixture_keep(fixture_new(looks));
    }
    fixture_keep(fixture_new(runs)); /* on top of the stack: scanned first */
    pretend_live(64 * MIB);
    fixture.heap->options.verify = false; /* its second scan would run the marker again */
    mark();
    ck_assert_uint_eq(figures.objects, OBJECTS + 1);
    ck_assert_uint_eq(nested.naps, 10); /* it stayed until all were idle, and no longer */
    ck_assert_uint_ge(nested.traced_by[1], MARK_SEGMENT_ENTRIES);
    ck_assert_uint_ge(nested.traced_by[0], 1);
    ck_assert_uint_eq(nested.traced_by[0] + nested.traced_by[1], OBJECTS);
    ck_assert_uint_eq(nested.idle_while_stolen, 0);
    destroy();
}
END_TEST

/* ---- Markers at idle priority ---------------------------------------------------------------- */

static struct {
    unsigned raises;
    bool raised;
    bool refuse;
} idle;

static bool raise_marker(struct tri_heap *heap, unsigned index)
{
    EXPECT(heap == fixture.heap && index == 1 && !idle.raised);
    idle.raises++;
    if (idle.refuse) {
        return false;
    }
    idle.raised = true;
    locks_allow();
    return true;
}

static void lower_marker(struct tri_heap *heap, unsigned index)
{
    EXPECT(heap == fixture.heap && index == 1 && idle.raised);
    idle.raised = false;
    locks_forbid();
}

struct part {
    void (*function)(void *argument, unsigned index);
    void *argument;
};

/* On a thread of its own: this one has CYCLE. */
static void run_part(void *argument, unsigned index)
{
    const struct part *part = argument;
    (void)index;
    locks_forbid();
    part->function(part->argument, 1);
    locks_allow();
}

/* Marker 1, at idle priority, has the heap for itself; then marker 0 comes. */
static unsigned run_idle_marker(struct tri_heap *heap, unsigned count,
                                void (*function)(void *argument, unsigned index), void *argument)
{
    struct part part = {function, argument};
    (void)heap;
    EXPECT(count == 2);
    fixture_run_threads(1, run_part, &part);
    function(argument, 0);
    return 2;
}

/* Children of one parent, on top of the other parents: more than a segment, and not. */
#define MANY 32
#define FEW  1

#define FAMILIES (3 * MARK_SEGMENT_ENTRIES) /* their parents, as roots, fill three segments */

static uint64_t make_families(size_t children)
{
    tri_type *type = fixture_type(MANY * WORD_BYTES, TRI_LAYOUT_CONSERVATIVE); /* queued singly */
    for (size_t i = 0; i < FAMILIES; i++) {
        char *parent = fixture_new(type);
        fixture_keep(parent);
        for (size_t k = 0; k < children; k++) {
            fixture_link(parent, k, fixture_new(type));
        }
    }
    return FAMILIES * (1 + children);
}

static uint64_t begin_idle_marker(size_t children)
{
    begin(2, 256 * MIB);
    memset(&idle, 0, sizeof idle);
    fake_port_hooks()->run_parallel = run_idle_marker;
    fake_port_hooks()->raise_marker = raise_marker;
    fake_port_hooks()->lower_marker = lower_marker;
    uint64_t objects = make_families(children);
    pretend_live(64 * MIB);
    return objects;
}

/* The pool has just so many unused segments; memory for more there is. */
static void leave_segments(size_t count)
{
    fixture_starve(count);
    fake_port_fail_memory_after(FAKE_PORT_NEVER);
}

/* [mark.10], [shade.4]: a marker at idle priority takes no lock, in checked builds dies where it
 * does; where the pool has no segment for it, it raises itself, and else it does not. */
START_TEST(idle_marker_raises_itself)
{
    uint64_t objects = begin_idle_marker(MANY);
    mark();
    ck_assert_uint_eq(figures.objects, objects);
    ck_assert_uint_eq(idle.raises, 0);
    fixture_unmark();

    pretend_live(64 * MIB);
    leave_segments(3); /* for the roots */
    mark();
    fixture_feed();
    ck_assert_uint_eq(figures.objects, objects);
    ck_assert_uint_gt(idle.raises, 0);
    ck_assert(!idle.raised);
    destroy();
}
END_TEST

/* Where it cannot be raised, the slower way is as right: marker 0 finds what was not queued. */
START_TEST(idle_marker_stays_low)
{
    uint64_t objects = begin_idle_marker(MANY);
    idle.refuse = true;
    leave_segments(3);
    mark();
    fixture_feed();
    ck_assert_uint_eq(figures.objects, objects);
    ck_assert_uint_gt(idle.raises, 0);
    destroy();
}
END_TEST

/* Somebody is hungry: it shares what it has, though there is no segment for the half; for nothing
 * else does it need one. */
static unsigned run_idle_marker_hungrily(struct tri_heap *heap, unsigned count,
                                         void (*function)(void *argument, unsigned index),
                                         void *argument)
{
    store_relaxed(&heap->mark.hungry, 1U);
    return run_idle_marker(heap, count, function, argument);
}

START_TEST(idle_marker_shares)
{
    uint64_t objects = begin_idle_marker(FEW);
    fake_port_hooks()->run_parallel = run_idle_marker_hungrily;
    leave_segments(3);
    mark();
    fixture_feed();
    ck_assert_uint_eq(figures.objects, objects);
    ck_assert_uint_eq(fixture.heap->mark.hungry, 0);
    ck_assert_uint_gt(idle.raises, 0);
    destroy();
}
END_TEST

/* ---- How many markers, and what they report -------------------------------------------------- */

static unsigned asked_for;

static unsigned count_markers(struct tri_heap *heap, unsigned count,
                              void (*function)(void *argument, unsigned index), void *argument)
{
    (void)heap;
    asked_for = count;
    function(argument, 0);
    return 1;
}

static const struct {
    int32_t markers;
    double processors;
    uint64_t live;
    unsigned want;
} numbers[] = {
    {TRI_MARKERS_AUTO, 0.25, 100 * MARKER_WORTH_BYTES, 1},
    {TRI_MARKERS_AUTO, 2.0, 100 * MARKER_WORTH_BYTES, 2},
    {TRI_MARKERS_AUTO, 2.01, 100 * MARKER_WORTH_BYTES, 3},
    {TRI_MARKERS_AUTO, 4, 0, 1},
    {TRI_MARKERS_AUTO, 4, MARKER_WORTH_BYTES - 1, 1},
    {TRI_MARKERS_AUTO, 4, MARKER_WORTH_BYTES, 2},
    {TRI_MARKERS_AUTO, 4, 100 * MARKER_WORTH_BYTES, 4},
    {TRI_MARKERS_AUTO, 1, 100 * MARKER_WORTH_BYTES, 1},
    {0, 4, 100 * MARKER_WORTH_BYTES, 1}, /* no thread of the library's */
    {1, 8, 100 * MARKER_WORTH_BYTES, 1},
    {3, 2, 100 * MARKER_WORTH_BYTES, 3}, /* the host knows */
    {3, 8, 0, 1},
    {TRI_MARKERS_AUTO, 1000, 1000 * MARKER_WORTH_BYTES, MARKERS_MAX},
    {INT32_MAX, 2, UINT64_MAX, MARKERS_MAX},
};

START_TEST(number_of_markers)
{
    begin(numbers[_i].markers, 256 * MIB);
    fake_port_hooks()->run_parallel = count_markers;
    fake_port_set_processors(numbers[_i].processors);
    pretend_live(numbers[_i].live);
    mark();
    ck_assert_uint_eq(asked_for, numbers[_i].want);
    destroy();
}
END_TEST

/* A cycle that nobody waits for: one marker, however much there is to mark. */
START_TEST(number_of_markers_without_hurry)
{
    begin(4, 256 * MIB);
    fake_port_hooks()->run_parallel = count_markers;
    pretend_live(64 * MIB);
    fixture.heap->cycle.unhurried = true;
    mark();
    ck_assert_uint_eq(asked_for, 1);
    destroy();
}
END_TEST

/* After the first cycle the last one's figure counts. */
START_TEST(number_of_markers_later)
{
    begin(4, 256 * MIB);
    fake_port_hooks()->run_parallel = count_markers;
    pretend_live(64 * MIB);
    fixture.heap->cycle.last.number = 1;
    fixture.heap->cycle.last.marked_bytes = MARKER_WORTH_BYTES;
    mark();
    ck_assert_uint_eq(asked_for, 2);
    destroy();
}
END_TEST

/* [mark.11]: markers with a processor by right are never more than there are, whatever the number
 * of processors; and at least one is. */
START_TEST(number_by_right)
{
    static const struct {
        unsigned processors;
        int32_t markers;
        uint32_t by_right;
    } numbers[] = {{1, 4, 1}, {4, 4, 1}, {8, 4, 2}, {32, 2, 2}, {256, 4, 4}};
    begin(numbers[_i].markers, 256 * MIB);
    fake_port_set_cpu_count(numbers[_i].processors);
    pretend_live(64 * MIB);
    mark_begin(fixture.heap, false);
    ck_assert_uint_eq(fixture.heap->mark.count, (unsigned)numbers[_i].markers);
    ck_assert_uint_eq(fixture.heap->mark.by_right, numbers[_i].by_right);
    mark_end(fixture.heap);
    destroy();
}
END_TEST

/* A step by who drives the cycle is processor time of collecting, too. */
START_TEST(steps_are_counted)
{
    fake_port_set_tick_ns(1000);
    uint64_t before = fixture.heap->cycle.gc_cpu_ns;
    mark_begin(fixture.heap, false);
    (void)mark_step(fixture.heap, 1000);
    ck_assert_uint_eq(fixture.heap->mark.cpu_ns, 1000);
    ck_assert_uint_eq(fixture.heap->mark.idle_cpu_ns, 0);
    ck_assert_uint_eq(fixture.heap->cycle.gc_cpu_ns, before + 1000);
    mark_end(fixture.heap);
}
END_TEST

START_TEST(what_is_reported)
{
    fake_port_set_tick_ns(1000);
    fixture_keep(make_chain(10, false));
    fixture_keep(NULL);
    mark();
    ck_assert_uint_eq(figures.objects, 10);
    ck_assert_uint_eq(figures.bytes, 160);
    ck_assert_uint_eq(figures.global_bytes, 2 * WORD_BYTES);
    ck_assert_uint_eq(figures.stack_bytes, 0);
    ck_assert_uint_eq(figures.cpu_ns, 3000); /* the roots, and marking */
}
END_TEST

/* What a mutator hands over while the collector shades lies above what is there already; all of
 * that is shaded, whatever the count says. */
START_TEST(handed_over_below_others)
{
    struct mark_state *mark = &fixture.heap->mark;
    tri_type *type = fixture_type(64, TRI_LAYOUT_LEAF);
    const void *objects[3];
    struct mark_stack recorded;
    mark_begin(fixture.heap, false);
    mark_stack_init(&recorded, &mark->segments);
    for (size_t i = 0; i < ARRAY_LENGTH(objects); i++) {
        objects[i] = fixture_new(type);
        ck_assert(mark_stack_push(&recorded, (uintptr_t)objects[i]));
        mark_hand_over(fixture.heap, &recorded);
    }
    mark->recorded_count = 1;
    ck_assert(mark_shade_handed_over(fixture.heap));
    for (size_t i = 0; i < ARRAY_LENGTH(objects); i++) {
        ck_assert(fixture_is_marked(objects[i]));
    }
    mark_stack_destroy(&recorded);
    ck_assert(mark_drain(fixture.heap));
    mark_end(fixture.heap);
    fixture_unmark();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mark");
    TCase *cases = tcase_create("mark");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_loop_test(cases, shapes, 0, SHAPE_COUNT);
    tcase_add_test(cases, nothing);
    tcase_add_loop_test(cases, no_memory_for_the_queue, 0, 4 * SHAPE_COUNT);
    tcase_add_test(cases, candidates);
    tcase_add_test(cases, dead_reference);
    tcase_add_test(cases, missing_mark);
    tcase_add_test(cases, not_scanned);
    tcase_add_test(cases, steps_are_counted);
    tcase_add_test(cases, what_is_reported);
    tcase_add_test(cases, handed_over_below_others);
    suite_add_tcase(suite, cases);
    TCase *others = tcase_create("mark, other heaps");
    tcase_add_test(others, long_chain);
    tcase_add_test(others, random_graphs);
    tcase_add_test(others, random_graphs_without_memory);
    tcase_add_loop_test(others, threads, 0, SHAPE_COUNT);
    tcase_add_loop_test(others, threads_without_memory, 0, SHAPE_COUNT);
    tcase_add_test(others, random_graphs_by_threads);
    tcase_add_loop_test(others, late_and_absent_markers, 0, 5);
    tcase_add_test(others, marker_beside_a_busy_one);
    tcase_add_test(others, idle_marker_raises_itself);
    tcase_add_test(others, idle_marker_stays_low);
    tcase_add_test(others, idle_marker_shares);
    tcase_add_loop_test(others, number_of_markers, 0, (int)ARRAY_LENGTH(numbers));
    tcase_add_test(others, number_of_markers_later);
    tcase_add_loop_test(others, number_by_right, 0, 5);
    tcase_add_test(others, number_of_markers_without_hurry);
    suite_add_tcase(suite, others);
    return unit_run(suite);
}
