/* alloc_test.c -- where new objects come from, what they cost, and what happens when there is no
 * memory.
 */
#include "gc/alloc.h"

#include <string.h>

#include "gc/cycle.h"
#include "gc/object.h"
#include "gc/sweep.h"
#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

static struct heap_counters *counters;

static void begin(const tri_heap_options *options)
{
    fake_port_reset();
    fixture_begin(options, 2);
    counters = &fixture.heap->counters;
}

/* No cycle but those that allocation cannot do without. */
static void begin_without_cycles(size_t max_heap)
{
    tri_heap_options options;
    fixture_options(&options);
    options.gc_percent = TRI_GC_PERCENT_OFF;
    options.max_heap = max_heap;
    begin(&options);
}

static void create(void)
{
    begin_without_cycles(256 * MIB);
}

static void destroy(void)
{
    fixture.at_safepoint = NULL;
    fixture_end();
    fake_port_finish();
}

static tri_ref try_alloc(tri_type *type, size_t bytes)
{
    return alloc_object(fixture.mutators[0], type, bytes, bytes == type->size, ALLOC_OR_NULL);
}

static size_t object_bytes(const void *object)
{
    struct object_place place;
    EXPECT(object_find(fixture.heap, (uintptr_t)object, &place));
    return place.bytes;
}

static bool is_zero(const char *object, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (object[i] != 0) {
            return false;
        }
    }
    return true;
}

/* ---- Which span ------------------------------------------------------------------------------ */

/* Objects of a type share spans with those of others until there were 64, arrays counted. */
START_TEST(promotion)
{
    tri_type *types[2] = {fixture_type(40, TRI_LAYOUT_ALL_WORDS),
                          fixture_type(40, TRI_LAYOUT_LEAF)};
    const struct span *mixed = NULL;
    for (unsigned i = 0; i < 2 * TYPE_PROMOTION_OBJECTS; i++) {
        tri_type *type = types[i % 2];
        char *object = i % 8 < 2 ? fixture_new_array(type, 1) : fixture_new(type);
        struct object_place place;
        ck_assert(object_find(fixture.heap, (uintptr_t)object, &place));
        mixed = mixed == NULL ? place.span : mixed;
        ck_assert_ptr_eq(place.span, mixed);
        ck_assert(span_is_mixed(mixed) && mixed->scannable);
        ck_assert_ptr_eq(place.type, type); /* [alloc.3] */
        ck_assert_ptr_eq(place.object, object);
        ck_assert_ptr_eq(*(tri_type **)(void *)(object - MIXED_HEADER_BYTES), type);
    }
    for (unsigned i = 0; i < 2; i++) {
        const struct span *own = fixture_span(fixture_new(types[i]));
        ck_assert_ptr_eq(own->type, types[i]);
        ck_assert_uint_eq(own->list, types[i]->list);
        ck_assert_uint_eq(own->scannable, i == 0);
        const struct span *array = fixture_span(fixture_new_array(types[i], 1));
        ck_assert_ptr_eq(array->type, types[i]);
        ck_assert_uint_eq(array->list, types[i]->sized_lists + array->size_class);
        ck_assert_ptr_ne(array, own);
        ck_assert_uint_eq(types[i]->mixed_objects, TYPE_PROMOTION_OBJECTS);
    }
}
END_TEST

enum where {
    MIXED,
    OWN,
    LARGE
};

static const struct {
    size_t size;
    uint32_t flags;
    bool promoted;
    enum where want;
    size_t want_bytes; /* from the object to the end of its slot */
} edges[] = {
    {0, 0, false, MIXED, 8},
    {8, 0, false, MIXED, 8},
    {9, 0, false, MIXED, 16},
    {0, 0, true, OWN, 16},
    {SMALL_SIZE_MAX - MIXED_HEADER_BYTES, 0, false, MIXED, SMALL_SIZE_MAX - MIXED_HEADER_BYTES},
    {SMALL_SIZE_MAX - MIXED_HEADER_BYTES + 1, 0, false, LARGE, SMALL_SIZE_MAX},
    {SMALL_SIZE_MAX - MIXED_HEADER_BYTES + 1, 0, true, OWN, SMALL_SIZE_MAX},
    {SMALL_SIZE_MAX, 0, true, OWN, SMALL_SIZE_MAX},
    {SMALL_SIZE_MAX + 1, 0, true, LARGE, SMALL_SIZE_MAX + PAGE_BYTES},
    {SMALL_SIZE_MAX + 1, 0, false, LARGE, SMALL_SIZE_MAX + PAGE_BYTES},
    {24, TRI_TYPE_ALIGN_16, false, OWN, 32},
    {24, TRI_TYPE_UNINITIALIZED, false, MIXED, 24},
};

START_TEST(which_span)
{
    tri_type_desc desc = TRI_TYPE_DESC("edge", char);
    desc.size = edges[_i].size;
    desc.flags = edges[_i].flags;
    tri_type *type = fixture_define(&desc);
    if (edges[_i].promoted) {
        fixture_promote(type);
    }
    char *object = fixture_new(type);
    const struct span *span = fixture_span(object);
    ck_assert(span_is_large(span) == (edges[_i].want == LARGE));
    ck_assert(span_is_mixed(span) == (edges[_i].want == MIXED));
    ck_assert_uint_eq(object_bytes(object), edges[_i].want_bytes);
    ck_assert(is_zero(object, edges[_i].want_bytes));
}
END_TEST

/* [type.3]: every object of a type that asks for it starts at a multiple of 16, be it single, an
 * array, or one with trailing elements. */
START_TEST(alignment)
{
    uint64_t random = unit_seed();
    for (unsigned i = 0; i < 60; i++) {
        tri_type_desc desc = TRI_TYPE_DESC("aligned", char);
        desc.size = unit_random_below(&random, i % 10 == 0 ? 50000 : 300);
        desc.flags = i % 2 ? TRI_TYPE_ALIGN_16 : 0;
        tri_type *plain = fixture_define(&desc);
        desc.trailing_size = 1 + unit_random_below(&random, 40);
        tri_type *trailing = fixture_define(&desc);
        uintptr_t mask = i % 2 ? 15 : 7;
        for (unsigned k = 0; k < 100; k++) {
            size_t count = unit_random_below(&random, 100);
            EXPECT(((uintptr_t)fixture_new(plain) & mask) == 0);
            EXPECT(((uintptr_t)fixture_new_array(plain, count) & mask) == 0);
            EXPECT(((uintptr_t)fixture_new_trailing(trailing, count) & mask) == 0);
        }
    }
}
END_TEST

/* Where no cursor is left for a type's sizes, its arrays go to mixed spans. */
START_TEST(no_cursor_left)
{
    tri_type *type;
    do {
        type = fixture_type(24, TRI_LAYOUT_LEAF);
        fixture_promote(type);
    } while (!span_is_mixed(fixture_span(fixture_new_array(type, 3))));
    ck_assert_uint_eq(type->sized_lists, 0);
    ck_assert_uint_eq(object_bytes(fixture_new_array(type, 3)), 72);
    ck_assert_ptr_eq(fixture_span(fixture_new(type))->type, type);
    fixture_verify();
}
END_TEST

/* ---- What it costs --------------------------------------------------------------------------- */

/* [alloc.2]: what a cursor is given is settled at once, and charged when it has come to
 * charge_bytes; a flush charges the rest and takes back what was not used, to the byte. */
START_TEST(charges)
{
    tri_type *type = fixture_type(100, TRI_LAYOUT_LEAF);
    fixture_promote(type);
    char *object = fixture_new(type);
    const struct span *span = fixture_span(object);
    uint64_t all = (uint64_t)span->slots * span->slot_bytes;
    const struct tri_mutator *mutator = fixture.mutators[0];
    ck_assert_uint_eq(counters->charge_bytes, CHARGE_BYTES_MAX);
    ck_assert_uint_lt(all, CHARGE_BYTES_MAX);
    ck_assert_uint_eq(counters->live_bytes + mutator->uncharged, all);
    for (uint32_t i = 1; i < span->slots; i++) {
        (void)fixture_new(type);
        ck_assert_uint_eq(counters->live_bytes + mutator->uncharged, all);
    }
    (void)fixture_new(type); /* the next span */
    ck_assert_uint_eq(counters->live_bytes + mutator->uncharged, 2 * all);
    ck_assert_uint_lt(mutator->uncharged, CHARGE_BYTES_MAX);
    fixture_flush();
    ck_assert_uint_eq(mutator->uncharged, 0);
    ck_assert_uint_eq(counters->live_bytes, all + span->slot_bytes);
    ck_assert_uint_eq(counters->allocated_objects, span->slots + 1);
    ck_assert_uint_eq(counters->allocated_bytes, all + span->slot_bytes);
    (void)fixture_new(type); /* the same span again: what is free of it */
    ck_assert_uint_eq(counters->live_bytes + mutator->uncharged, 2 * all);
    ck_assert_uint_eq(counters->spans, 2);
}
END_TEST

START_TEST(accounts)
{
    uint64_t random = unit_seed();
    tri_type *types[8];
    for (unsigned i = 0; i < 8; i++) {
        types[i] =
            fixture_type(unit_random_below(&random, i == 7 ? 100000 : 3000), TRI_LAYOUT_LEAF);
    }
    uint64_t bytes = 0;
    uint64_t garbage = 0; /* allocated before the last cycle, all of it dead */
    uint64_t objects = 0;
    for (unsigned i = 0; i < 30000; i++) {
        const void *object = fixture_new(types[unit_random_below(&random, i % 100 == 0 ? 8 : 7)]);
        bytes += span_object_bytes(fixture_span(object));
        objects++;
        if (unit_random_below(&random, 3000) == 0) {
            fixture_flush();
            EXPECT(counters->live_bytes == bytes - garbage);
            EXPECT(counters->allocated_bytes == bytes && counters->allocated_objects == objects);
        }
        if (unit_random_below(&random, 3000) == 0) {
            fixture_collect();
            garbage = bytes;
            EXPECT(counters->live_bytes == 0);
            EXPECT(counters->freed_bytes == bytes && counters->freed_objects == objects);
        }
    }
}
END_TEST

/* Slots of a type that a fresh object's cursor has been given, and whose memory is not zero. */
static const struct tri_cursor_ *begin_dirty_run(tri_type *type, size_t count)
{
    fixture_promote(type);
    for (size_t i = 0; i < count; i++) {
        memset(fixture_new(type), 0xff, type->size);
    }
    fixture_collect();
    (void)fixture_new(type);
    return (const struct tri_cursor_ *)(void *)((char *)fixture.mutators[0] + type->head.cursor);
}

/* Slow paths of the rest of a span: how many of them are a safepoint. */
static unsigned safepoints_of_a_span(tri_type *type, const struct tri_cursor_ *cursor)
{
    unsigned before = fixture.safepoints;
    unsigned slow = 0;
    const struct span *span = fixture_span(fixture_new(type));
    for (const char *object = NULL; object == NULL || fixture_span(object) == span; slow++) {
        while (cursor->free < cursor->limit) {
            (void)fixture_new(type);
        }
        ck_assert_uint_lt(slow, 1000);
        object = fixture_new(type);
    }
    ck_assert_uint_ge(slow, PAGE_BYTES / RUN_ZERO_BYTES - 1);
    return fixture.safepoints - before;
}

/* A run is zeroed ahead without a look around, but at whether somebody wants something. */
START_TEST(ahead)
{
    static const unsigned modes = 5;
    for (unsigned mode = 0; mode < modes; mode++) {
        struct tri_heap *heap = fixture.heap;
        struct tri_mutator *mutator = fixture.mutators[0];
        tri_type *type = fixture_type(64, TRI_LAYOUT_ALL_WORDS);
        const struct tri_cursor_ *cursor = begin_dirty_run(type, 1000);
        while (cursor->free < cursor->limit) {
            (void)fixture_new(type);
        }
        unsigned before = fixture.safepoints;
        store_relaxed(&mutator->head.poll, 1U);
        (void)fixture_new(type);
        ck_assert_uint_eq(fixture.safepoints, before + 1);
        store_relaxed(&mutator->head.poll, 0U);
        uint64_t charge = counters->charge_bytes;
        if (mode == 1) {
            heap->options.memory_limit = (int64_t)GIB;
        } else if (mode == 2) {
            heap->options.stress = 1000000;
        } else if (mode == 3) {
            store_relaxed(&counters->charge_bytes, UINT64_C(512)); /* a small heap's */
        } else if (mode == 4) {
            store_relaxed(&counters->trigger_bytes, UINT64_C(0));
            fixture.late[1] = true;
            fixture.collector = COLLECTOR_LATER;
            (void)cycle_advance(mutator, 0); /* a cycle is under way */
        }
        (void)safepoints_of_a_span(type, cursor); /* the settings are read at a safepoint */
        unsigned safepoints = safepoints_of_a_span(type, cursor);
        if (mode == 0) {
            ck_assert_uint_le(safepoints, 2); /* [alloc.2] */
        } else {
            ck_assert_uint_ge(safepoints, PAGE_BYTES / RUN_ZERO_BYTES - 1);
        }
        heap->options.memory_limit = TRI_MEMORY_LIMIT_OFF;
        heap->options.stress = 0;
        store_relaxed(&counters->charge_bytes, charge);
    }
    fixture.late[1] = false;
    cycle_run(fixture.mutators[0], CYCLE_FORCED);
}
END_TEST

/* A call takes what the cursor has without a look around, also while a cycle is under way; with
 * gcstress each call looks. */
START_TEST(calls_take_what_is_at_hand)
{
    struct tri_heap *heap = fixture.heap;
    tri_type *type = fixture_type(64, TRI_LAYOUT_ALL_WORDS);
    fixture_promote(type);
    fixture.collector = COLLECTOR_LATER;
    fixture_step_to(CYCLE_ROOTS);
    fixture.late[1] = true; /* the cycle does not get on */
    ck_assert(fixture.mutators[0]->cache.black);
    (void)fixture_new_array(type, 1);
    unsigned before = fixture.safepoints;
    for (unsigned i = 0; i < 10; i++) {
        (void)fixture_new_array(type, 1);
    }
    ck_assert_uint_eq(fixture.safepoints, before);
    heap->options.stress = 1000000;
    for (unsigned i = 0; i < 10; i++) {
        (void)fixture_new_array(type, 1);
    }
    ck_assert_uint_eq(fixture.safepoints, before + 10);
    heap->options.stress = 0;
    fixture.late[1] = false;
    cycle_run(fixture.mutators[0], CYCLE_FORCED);
}
END_TEST

/* ---- Safepoints ------------------------------------------------------------------------------ */

static void collect_beside(struct tri_mutator *self)
{
    (void)self;
    cycle_run(fixture.mutators[1], CYCLE_FORCED);
    sweep_finish(fixture.heap);
}

/* [alloc.1]: another mutator collects at every safepoint, and nothing is a root. What allocation
 * returns is an object nevertheless: there was no safepoint since its slot was taken. */
START_TEST(collected_at_every_safepoint)
{
    uint64_t random = unit_seed();
    tri_type *types[6];
    for (unsigned i = 0; i < 6; i++) {
        types[i] = fixture_type(i == 5 ? 3 * LARGE_ZERO_BYTES : 16U << i, TRI_LAYOUT_ALL_WORDS);
    }
    fixture.at_safepoint = collect_beside;
    for (unsigned i = 0; i < 3000; i++) {
        tri_type *type = types[unit_random_below(&random, i % 20 == 0 ? 6 : 5)];
        size_t count = 1 + unit_random_below(&random, 10);
        store_relaxed(&fixture.mutators[0]->head.poll, 1U); /* each slow path is a safepoint */
        char *object = i % 3 == 0 && type != types[5]
                           ? alloc_object(fixture.mutators[0], type, count * type->stride, false,
                                          ALLOC_OR_HANDLER)
                           : try_alloc(type, type->size);
        struct object_place place;
        EXPECT(object_find(fixture.heap, (uintptr_t)object, &place));
        EXPECT(place.object == object && place.type == type);
        EXPECT(is_zero(object, place.bytes)); /* [thread_cache.1] */
        memset(object, 0xab, place.bytes);
    }
    ck_assert_uint_ge(fixture.ended, 3000);
}
END_TEST

/* ---- Zero ------------------------------------------------------------------------------------ */

/* Whatever was at its place before, a new object is zero to the end of its slot. */
START_TEST(new_objects_are_zero)
{
    enum {
        OBJECTS = 300
    };
    uint64_t random = unit_seed();
    tri_heap_options options;
    fixture_options(&options);
    options.heap_minimum = 512 * KIB;
    options.clobber_free = _i == 1;
    begin(&options);
    tri_type *types[10];
    for (unsigned i = 0; i < 10; i++) {
        types[i] =
            fixture_type(1 + unit_random_below(&random, i == 9 ? 60000 : 500), TRI_LAYOUT_LEAF);
    }
    for (unsigned i = 0; i < OBJECTS; i++) {
        fixture_keep(NULL);
    }
    for (unsigned i = 0; i < 50000; i++) {
        tri_type *type = types[unit_random_below(&random, i % 50 == 0 ? 10 : 9)];
        char *object =
            unit_random(&random) & 1 ? fixture_new(type) : fixture_new_array(type, i % 5);
        size_t bytes = object_bytes(object);
        EXPECT(is_zero(object, bytes));
        memset(object, 0xab, bytes);
        fixture.roots[unit_random_below(&random, OBJECTS)] = (uintptr_t)object;
    }
    ck_assert_uint_gt(fixture.ended, 3);
    destroy();
}
END_TEST

/* ---- Sweeping for a span, and growing -------------------------------------------------------- */

/* What a cycle has left unswept is used before the heap grows. */
START_TEST(garbage_is_used_first)
{
    tri_type *type = fixture_type(200, TRI_LAYOUT_LEAF);
    fixture_promote(type);
    for (unsigned i = 0; i < 10000; i++) {
        (void)fixture_new(type);
    }
    uint64_t pages = page_heap_in_use(&fixture.heap->page_heap) / PAGE_BYTES;
    cycle_run(fixture.mutators[0], CYCLE_FORCED);
    uint64_t unswept = fixture_unswept();
    for (unsigned i = 0; i < 5000; i++) {
        (void)fixture_new(type);
    }
    ck_assert_uint_eq(page_heap_in_use(&fixture.heap->page_heap) / PAGE_BYTES, pages);
    ck_assert_uint_gt(fixture_unswept(), 0); /* no more than needed was swept */
    ck_assert_uint_lt(fixture_unswept(), unswept);
    for (unsigned i = 0; i < 5000; i++) {
        (void)fixture_new(type);
    }
    ck_assert_uint_eq(page_heap_in_use(&fixture.heap->page_heap) / PAGE_BYTES, pages);
    fixture_verify();
}
END_TEST

/* Full spans are looked at within a budget. */
START_TEST(sweep_budget)
{
    enum {
        SPANS = 250
    };
    tri_type *type = fixture_type(SMALL_SIZE_MAX, TRI_LAYOUT_LEAF); /* a slot is a span */
    fixture_promote(type);
    for (unsigned i = 0; i < SPANS; i++) {
        fixture_keep(fixture_new(type));
    }
    cycle_run(fixture.mutators[0], CYCLE_FORCED);
    ck_assert_uint_eq(fixture_unswept(), SPANS);
    fixture_keep(fixture_new(type));
    ck_assert_uint_eq(fixture_unswept(), SPANS - SWEEP_BUDGET_SPANS);
    ck_assert_uint_eq(counters->spans, SPANS + 1);
    fixture.roots[0] = 0; /* in the next cycle one of them is garbage; it is found */
    sweep_finish(fixture.heap);
    cycle_run(fixture.mutators[0], CYCLE_FORCED);
    for (unsigned i = 0; i < SPANS / SWEEP_BUDGET_SPANS + 1; i++) {
        fixture_keep(fixture_new(type));
    }
    ck_assert_uint_eq(counters->spans, SPANS + 1 + SPANS / SWEEP_BUDGET_SPANS);
    fixture_verify();
}
END_TEST

/* ---- Triggers -------------------------------------------------------------------------------- */

/* A cycle starts where the trigger is reached, not before, and not much later. */
START_TEST(trigger)
{
    tri_heap_options options;
    fixture_options(&options);
    options.heap_minimum = MIB;
    options.stop_the_world = _i == 1;
    begin(&options);
    tri_type *type = fixture_type(64, TRI_LAYOUT_LEAF);
    fixture_promote(type);
    unsigned ended = 0;
    while (fixture.ended < 20) {
        uint64_t live = counters->live_bytes;
        uint64_t trigger = counters->trigger_bytes;
        EXPECT(counters->goal_bytes >= MIB);
        EXPECT(options.stop_the_world ? trigger == counters->goal_bytes
                                      : trigger > MIB / 64 * TRIGGER_LEAST_64THS);
        fixture_new(type);
        if (fixture.ended != ended) {
            EXPECT(live >= trigger);
            ended = fixture.ended;
        }
        EXPECT(counters->live_bytes < trigger + PAGE_BYTES);
    }
    ck_assert_uint_eq(fixture.heap->cycle.forced_count, 0);
    destroy();
}
END_TEST

/* gcstress=N: a cycle at every Nth slow path, counted from the first. */
START_TEST(stress)
{
    tri_heap_options options;
    fixture_options(&options);
    options.stress = (uint32_t)_i;
    begin(&options);
    tri_type *type = fixture_type(MIB, TRI_LAYOUT_LEAF); /* every allocation is a slow path */
    for (unsigned i = 1; i <= 50; i++) {
        (void)fixture_new(type);
        ck_assert_uint_eq(fixture.ended, i / (unsigned)_i);
    }
    ck_assert_uint_eq(counters->slow_paths, 50);
    destroy();
}
END_TEST

/* ---- No memory ------------------------------------------------------------------------------- */

#define SMALL_HEAP (16 * MIB)

/* Cycles before an allocation is given up: what dies while the first one marks is freed by the
 * second. */
#define TRIES 2

/* The heap is full of garbage: it is collected, once, as soon as there is no room. */
START_TEST(garbage_makes_room)
{
    begin_without_cycles(SMALL_HEAP);
    tri_type *large_type = fixture_type(MIB, TRI_LAYOUT_LEAF);
    tri_type *small_type = fixture_type(1000, TRI_LAYOUT_LEAF);
    for (unsigned i = 0; i < 200; i++) {
        ck_assert_ptr_nonnull(try_alloc(large_type, MIB));
        for (unsigned k = 0; k < 200; k++) {
            EXPECT(try_alloc(small_type, 1000) != NULL);
        }
    }
    ck_assert_uint_ge(fixture.ended, 200 / 16);
    ck_assert_uint_le(fixture.ended, 30);
    ck_assert_uint_eq(fixture.heap->cycle.forced_count, fixture.ended);
    fixture_verify();
    destroy();
}
END_TEST

/* Fill the heap with live objects of bytes bytes until no more can be had. */
static unsigned fill(tri_type *type, size_t bytes)
{
    unsigned count = 0;
    char *object;
    while ((object = try_alloc(type, bytes)) != NULL) {
        fixture_keep(object);
        count++;
    }
    return count;
}

START_TEST(full_of_live_objects)
{
    static const size_t sizes[] = {16, 200, 9000, 50000, MIB, 5 * MIB};
    size_t bytes = sizes[_i];
    begin_without_cycles(SMALL_HEAP);
    tri_type *type = fixture_type(bytes, TRI_LAYOUT_LEAF);
    fixture_promote(type);
    unsigned count = fill(type, bytes);
    size_t slot = span_object_bytes(fixture_span((void *)fixture.roots[0]));
    size_t span = span_bytes(fixture_span((void *)fixture.roots[0]));
    ck_assert_uint_gt((size_t)count * slot, SMALL_HEAP - SMALL_HEAP / 8 - span);
    ck_assert_uint_eq(fixture.ended, TRIES); /* for the one that failed */
    ck_assert_ptr_null(try_alloc(type, bytes));
    ck_assert_uint_eq(fixture.ended, 2 * TRIES);
    ck_assert_uint_eq(fixture.heap->cycle.last.marked_objects, count);
    fixture_verify();
    fixture.root_count--; /* one less: there is room for one more */
    ck_assert_ptr_nonnull(try_alloc(type, bytes));
    ck_assert_uint_eq(fixture.ended, 2 * TRIES + 1);
    fixture_drop_roots();
    ck_assert_uint_eq(fill(type, bytes), count);
    fixture_verify();
    destroy();
}
END_TEST

static struct {
    tri_oom_action actions[5]; /* by call */
    size_t drop[5];            /* roots to drop */
    unsigned calls;
    tri_oom_info info;
} handler;

static tri_oom_action handle(tri_heap *heap, const tri_oom_info *info, void *argument)
{
    ck_assert_ptr_eq(heap, fixture.heap);
    ck_assert_ptr_eq(argument, &handler);
    ck_assert_uint_eq(fixture.ended, TRIES * (2 + handler.calls)); /* after a collection */
    handler.info = *info;
    fixture.root_count -= handler.drop[handler.calls];
    return handler.actions[handler.calls++];
}

static tri_type *begin_full(bool with_handler)
{
    tri_heap_options options;
    fixture_options(&options);
    options.gc_percent = TRI_GC_PERCENT_OFF;
    options.max_heap = SMALL_HEAP;
    options.oom_handler = with_handler ? handle : NULL;
    options.oom_argument = &handler;
    begin(&options);
    tri_type_desc desc = TRI_TYPE_DESC("hog", char);
    desc.size = 100000;
    tri_type *type = fixture_define(&desc);
    ck_assert_uint_gt(fill(type, desc.size), 100);
    ck_assert_uint_eq(fixture.ended, TRIES);
    return type;
}

static void alloc_one(void *type)
{
    (void)fixture_new(type);
}

static void expect_exhaustion(tri_type *type)
{
    uint64_t in_use = page_heap_in_use(&fixture.heap->page_heap) / PAGE_BYTES * PAGE_BYTES;
    uint64_t live = counters->live_bytes;
    const char *message = fake_port_death_of(alloc_one, type);
    char want[500];
    (void)snprintf(want, sizeof want,
                   "out of memory: %u bytes for an object of type hog.\n"
                   "The heap has %" PRIu64 " bytes live and %" PRIu64
                   " in use; its limit is %zu. A collection has just been made. Raise max_heap, "
                   "hold less, or install an oom_handler; tri_try_alloc gives TRI_NULL instead.",
                   13 * 8192, live, in_use, (size_t)SMALL_HEAP);
    ck_assert_ptr_nonnull(message);
    ck_assert_str_eq(message, want);
}

START_TEST(no_handler)
{
    expect_exhaustion(begin_full(false));
    destroy();
}
END_TEST

START_TEST(handler_aborts)
{
    handler.actions[0] = TRI_OOM_ABORT;
    expect_exhaustion(begin_full(true));
    ck_assert_uint_eq(handler.calls, 1);
    ck_assert_uint_eq(handler.info.requested, 13 * PAGE_BYTES);
    ck_assert_uint_eq(handler.info.heap_live, counters->live_bytes);
    ck_assert_uint_eq(handler.info.heap_in_use,
                      page_heap_in_use(&fixture.heap->page_heap) / PAGE_BYTES * PAGE_BYTES);
    ck_assert_uint_eq(handler.info.heap_limit, SMALL_HEAP);
    ck_assert_str_eq(handler.info.type_name, "hog");
    destroy();
}
END_TEST

START_TEST(handler_fails)
{
    tri_type *type = begin_full(true);
    handler.actions[0] = TRI_OOM_FAIL;
    ck_assert_ptr_null(fixture_new(type));
    ck_assert_uint_eq(handler.calls, 1);
    ck_assert_uint_eq(fixture.ended, 2 * TRIES);
    destroy();
}
END_TEST

/* It says twice that there is more room now; the third time it is true. */
START_TEST(handler_retries)
{
    tri_type *type = begin_full(true);
    handler.actions[0] = handler.actions[1] = handler.actions[2] = TRI_OOM_RETRY;
    handler.drop[2] = 1;
    uintptr_t dropped = fixture.roots[fixture.root_count - 1];
    ck_assert_uint_eq((uintptr_t)fixture_new(type), dropped);
    ck_assert_uint_eq(handler.calls, 3);
    ck_assert_uint_eq(fixture.ended, 4 * TRIES + 1);
    fixture_verify();
    destroy();
}
END_TEST

START_TEST(handler_gives_up)
{
    tri_type *type = begin_full(true);
    handler.actions[0] = handler.actions[1] = TRI_OOM_RETRY;
    handler.actions[2] = TRI_OOM_FAIL;
    ck_assert_ptr_null(fixture_new(type));
    ck_assert_uint_eq(handler.calls, 3);
    ck_assert_uint_eq(fixture.ended, 4 * TRIES);
    destroy();
}
END_TEST

/* Whoever can do with NULL is not asked. */
START_TEST(handler_is_not_asked)
{
    tri_type *type = begin_full(true);
    ck_assert_ptr_null(try_alloc(type, type->size));
    ck_assert_ptr_null(try_alloc(type, TRI_OBJECT_SIZE_MAX));
    ck_assert_uint_eq(handler.calls, 0);
    destroy();
}
END_TEST

/* ---- Faults ---------------------------------------------------------------------------------- */

#define STAMPS 400

static struct {
    char *object;
    uint64_t stamp;
} stamps[STAMPS];
static size_t stamp_count;

static void stamp(char *object)
{
    if (object != NULL) {
        EXPECT(*fixture_slot(object, 0) == 0 && stamp_count < STAMPS);
        stamps[stamp_count].object = object;
        stamps[stamp_count].stamp = stamp_count + 1; /* no address */
        *fixture_slot(object, 0) = stamps[stamp_count].stamp;
        stamp_count++;
        fixture_keep(object);
    }
}

/* A type, although a call for memory fails meanwhile; NULL where all fail. */
static tri_type *define(size_t size)
{
    tri_type_desc desc = TRI_TYPE_DESC("faulty", char);
    desc.size = size;
    desc.layout.kind = TRI_LAYOUT_CONSERVATIVE;
    tri_type *type = NULL;
    for (unsigned i = 0; i < 2 && type == NULL; i++) {
        const char *problem;
        (void)type_define(&fixture.heap->types, fixture.heap, &fixture.heap->options.value_encoding,
                          &desc, &type, &problem);
    }
    return type;
}

/* Some of everything. Returns how many objects could not be had. */
static unsigned allocate_of_all(void)
{
    unsigned refused = 0;
    for (unsigned round = 0; round < 3; round++) {
        tri_type *small = define(40);
        tri_type *large = define(700000);
        if (small == NULL || large == NULL) {
            return 1;
        }
        if (round == 1) {
            fixture_promote(small);
        }
        for (unsigned i = 0; i < 120; i++) {
            size_t bytes = i % 40 == 0 ? 700000 : i % 3 == 0 ? 40 * (i + 1) : 40;
            tri_type *type = bytes == 700000 ? large : small;
            char *object = try_alloc(type, bytes);
            refused += object == NULL;
            if (i % 2 == 0) {
                stamp(object);
            }
        }
        if (round == 1) {
            fixture_collect();
        }
    }
    return refused;
}

/* All that was kept is there and intact; the heap is in order, can be used, and leaves nothing. */
static void check_and_end(void)
{
    for (size_t i = 0; i < stamp_count; i++) {
        EXPECT(fixture_is_allocated(stamps[i].object));
        EXPECT(*fixture_slot(stamps[i].object, 0) == stamps[i].stamp);
    }
    fixture_verify();
    stamp_count = 0;
    fixture_drop_roots();
    fixture_collect();
    ck_assert_uint_eq(counters->spans, 0);
    ck_assert_uint_eq(counters->live_bytes, 0);
    ck_assert_uint_eq(allocate_of_all(), 0);
    fixture_verify();
    stamp_count = 0;
    destroy();
}

/* Each call for memory fails in turn, once: allocation collects and tries again. */
START_TEST(every_fault_once)
{
    bool failed = true;
    for (size_t n = 0; failed; n++) {
        begin_without_cycles(64 * MIB);
        size_t before = fake_port_memory_calls();
        fake_port_fail_memory_once_after(n);
        ck_assert_uint_eq(allocate_of_all(), 0);
        failed = fake_port_memory_calls() - before > n;
        fake_port_fail_memory_after(FAKE_PORT_NEVER);
        check_and_end();
    }
}
END_TEST

/* From some call on, no memory is to be had any more: some objects are refused, and nothing
 * breaks. */
START_TEST(no_memory_from_then_on)
{
    bool failed = true;
    unsigned refused = 0;
    for (size_t n = 0; failed; n++) {
        begin_without_cycles(64 * MIB);
        size_t before = fake_port_memory_calls();
        fake_port_fail_memory_after(n);
        refused += allocate_of_all();
        failed = fake_port_memory_calls() - before > n;
        fake_port_fail_memory_after(FAKE_PORT_NEVER);
        check_and_end();
    }
    ck_assert_uint_gt(refused, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("alloc");
    TCase *cases = tcase_create("alloc");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_test(cases, promotion);
    tcase_add_loop_test(cases, which_span, 0, (int)ARRAY_LENGTH(edges));
    tcase_add_test(cases, alignment);
    tcase_add_test(cases, no_cursor_left);
    tcase_add_test(cases, charges);
    tcase_add_test(cases, accounts);
    tcase_add_test(cases, ahead);
    tcase_add_test(cases, calls_take_what_is_at_hand);
    tcase_add_test(cases, collected_at_every_safepoint);
    tcase_add_test(cases, garbage_is_used_first);
    tcase_add_test(cases, sweep_budget);
    suite_add_tcase(suite, cases);
    TCase *others = tcase_create("alloc, other heaps");
    tcase_add_loop_test(others, new_objects_are_zero, 0, 2);
    tcase_add_loop_test(others, trigger, 0, 2); /* on the fly, held */
    tcase_add_loop_test(others, stress, 1, 5);
    tcase_add_test(others, garbage_makes_room);
    tcase_add_loop_test(others, full_of_live_objects, 0, 6);
    tcase_add_test(others, no_handler);
    tcase_add_test(others, handler_aborts);
    tcase_add_test(others, handler_fails);
    tcase_add_test(others, handler_retries);
    tcase_add_test(others, handler_gives_up);
    tcase_add_test(others, handler_is_not_asked);
    tcase_add_test(others, every_fault_once);
    tcase_add_test(others, no_memory_from_then_on);
    suite_add_tcase(suite, others);
    return unit_run(suite);
}
