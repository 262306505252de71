/* sweep_test.c -- what is not marked is freed, by one party, between two cycles. */
#include "gc/sweep.h"

#include <string.h>

#include "gc/object.h"
#include "gc/verify.h"
#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

/* No cycle but those that the tests make. */
static void begin(bool clobber_free)
{
    tri_heap_options options;
    fake_port_reset();
    fixture_options(&options);
    options.gc_percent = TRI_GC_PERCENT_OFF;
    options.clobber_free = clobber_free;
    fixture_begin(&options, 1);
}

static void create(void)
{
    begin(false);
}

static void destroy(void)
{
    fixture_end();
    fake_port_finish();
}

static struct span_table *table(void)
{
    return &fixture.heap->page_heap.spans;
}

/* What marking does to an object. */
static void set_mark(const void *object)
{
    struct object_place place;
    EXPECT(object_find(fixture.heap, (uintptr_t)object, &place));
    place.span->bits[place.slot / 64].mark |= UINT64_C(1) << place.slot % 64;
}

/* From the end of marking to the begin of sweeping. */
static void open_sweep(void)
{
    lock_acquire(&fixture.heap->cycle.lock);
    sweep_begin(fixture.heap);
    lock_release(&fixture.heap->cycle.lock);
}

/* Everything that comes before marking. */
static void prepare_marking(void)
{
    sweep_finish(fixture.heap);
    sweep_close(fixture.heap);
    fixture_flush();
}

static size_t free_pages(void)
{
    struct page_alloc *pages = &fixture.heap->page_heap.pages;
    lock_acquire(&pages->lock);
    size_t count = page_alloc_free_pages(pages);
    lock_release(&pages->lock);
    return count;
}

/* ---- Exactly the unmarked -------------------------------------------------------------------- */

#define OBJECTS 4000
#define TYPES   12

static struct {
    char *address;
    size_t bytes; /* that it occupies */
    uint64_t stamp;
    bool live;
} objects[OBJECTS];

static void make_object(size_t index, tri_type *type)
{
    objects[index].address = fixture_new(type);
    objects[index].bytes = span_object_bytes(fixture_span(objects[index].address));
    objects[index].stamp = (uint64_t)index * UINT64_C(0x9e3779b97f4a7c15);
    objects[index].live = true;
    *fixture_slot(objects[index].address, 0) = objects[index].stamp;
}

/* One cycle with marks by chance: objects that are not marked are gone, all others are as they
 * were, and the counters say so. */
static void sweep_by_chance(uint64_t *random, unsigned one_in)
{
    uint64_t dead = 0;
    uint64_t dead_bytes = 0;
    const struct heap_counters *counters = &fixture.heap->counters;
    prepare_marking();
    uint64_t freed_objects = counters->freed_objects;
    uint64_t freed_bytes = counters->freed_bytes;
    for (size_t i = 0; i < OBJECTS; i++) {
        objects[i].live = unit_random_below(random, one_in) != 0;
        if (objects[i].live) {
            set_mark(objects[i].address);
        } else {
            dead++;
            dead_bytes += objects[i].bytes;
        }
    }
    open_sweep();
    ck_assert(!sweep_is_done(fixture.heap));
    sweep_finish(fixture.heap);
    ck_assert(sweep_is_done(fixture.heap));
    ck_assert_uint_eq(counters->freed_objects - freed_objects, dead);
    ck_assert_uint_eq(counters->freed_bytes - freed_bytes, dead_bytes);
    for (size_t i = 0; i < OBJECTS; i++) {
        EXPECT(fixture_is_allocated(objects[i].address) == objects[i].live);
        EXPECT(!objects[i].live || *fixture_slot(objects[i].address, 0) == objects[i].stamp);
    }
    verify_heap(fixture.heap, VERIFY_BEFORE_MARK); /* no mark is left, every page accounted for */
}

START_TEST(exactly_the_unmarked)
{
    uint64_t random = unit_seed();
    tri_type *types[TYPES];
    for (unsigned i = 0; i < TYPES; i++) {
        size_t size = i == 0 ? 50000 : 8 + unit_random_below(&random, i < 8 ? 200 : 9000);
        types[i] = fixture_type(size, TRI_LAYOUT_LEAF);
    }
    for (size_t i = 0; i < OBJECTS; i++) {
        make_object(
            i, types[unit_random_below(&random, i % 50 == 0 ? TYPES : TYPES - 1) + (i % 50 != 0)]);
    }
    static const unsigned one_in[] = {3, 2, 100, 1, 2, 5, 1000000};
    for (size_t round = 0; round < ARRAY_LENGTH(one_in); round++) {
        sweep_by_chance(&random, one_in[round]);
        for (size_t i = 0; i < OBJECTS; i++) {
            if (!objects[i].live) { /* into the gaps */
                make_object(i, types[1 + i % (TYPES - 1)]);
            }
        }
    }
}
END_TEST

/* ---- One span -------------------------------------------------------------------------------- */

enum {
    ALL_DEAD,
    SOME_LIVE,
    ALL_LIVE
};

static const struct {
    size_t size; /* of objects; over 32 KiB: large */
    int live;
    enum sweep_empty empty;
    enum sweep_outcome want;
} outcomes[] = {
    {32, ALL_DEAD, SWEEP_FREE, SWEEP_FREED},     {32, ALL_DEAD, SWEEP_FREE_IDLE, SWEEP_PARTIAL},
    {32, ALL_DEAD, SWEEP_KEEP, SWEEP_PARTIAL},   {32, SOME_LIVE, SWEEP_FREE, SWEEP_PARTIAL},
    {32, SOME_LIVE, SWEEP_KEEP, SWEEP_PARTIAL},  {32, ALL_LIVE, SWEEP_FREE, SWEEP_FULL},
    {32, ALL_LIVE, SWEEP_FREE_IDLE, SWEEP_FULL}, {32, ALL_LIVE, SWEEP_KEEP, SWEEP_FULL},
    {9000, ALL_DEAD, SWEEP_FREE, SWEEP_FREED},   {9000, SOME_LIVE, SWEEP_FREE, SWEEP_PARTIAL},
    {100000, ALL_DEAD, SWEEP_FREE, SWEEP_FREED}, {100000, ALL_LIVE, SWEEP_FREE, SWEEP_FULL},
};

/* The span that is to be swept next, of any shard of list. */
static struct span *pop_unswept(struct central_list *list)
{
    struct span *span = NULL;
    for (unsigned i = 0; i < CENTRAL_SHARDS && span == NULL; i++) {
        span = central_list_pop_unswept(list, i, table(), sweep_generation(fixture.heap));
    }
    return span;
}

static enum sweep_outcome sweep(struct span *span, enum sweep_empty empty)
{
    struct sweep_tally tally = {.swept = 0};
    enum sweep_outcome outcome = sweep_span(fixture.heap, span, empty, &tally);
    sweep_report(fixture.heap, &tally);
    EXPECT(tally.swept == 0);
    return outcome;
}

/* A span all of whose slots are objects, of which as many are marked; it is in no set. */
static struct span *make_marked_span(size_t size, int live)
{
    tri_type *type = fixture_type(size, TRI_LAYOUT_LEAF);
    fixture_promote(type);
    char *object = fixture_new(type);
    struct span *span = fixture_span(object);
    for (uint32_t i = 1; i < span->slots; i++) {
        (void)fixture_new(type);
    }
    prepare_marking();
    for (uint32_t i = 0; i < span->slots; i++) {
        if (live == ALL_LIVE || (live == SOME_LIVE && i == span->slots / 2)) {
            set_mark(span_is_large(span) ? object : span_slot_address(table(), span, i));
        }
    }
    open_sweep();
    EXPECT(pop_unswept(type_table_list(&fixture.heap->types, span->list)) == span);
    return span;
}

START_TEST(one_span)
{
    struct span *span = make_marked_span(outcomes[_i].size, outcomes[_i].live);
    page_index first = span->first;
    uint32_t pages = span->pages;
    uint32_t slots = span->slots;
    size_t free_before = free_pages();
    uint64_t in_use = page_heap_in_use(&fixture.heap->page_heap) / PAGE_BYTES;
    span->needs_zero = false;
    span->search = slots;
    enum sweep_outcome outcome = sweep(span, outcomes[_i].empty);
    ck_assert_int_eq(outcome, outcomes[_i].want);
    ck_assert(sweep_is_done(fixture.heap));
    bool freed = outcome == SWEEP_FREED;
    ck_assert_uint_eq(free_pages(), free_before + (freed ? pages : 0));
    ck_assert_uint_eq(page_heap_in_use(&fixture.heap->page_heap) / PAGE_BYTES,
                      in_use - (freed ? pages : 0));
    ck_assert_uint_eq(fixture.heap->counters.spans, freed ? 0 : 1);
    for (page_index page = first; page < first + pages; page++) {
        ck_assert_ptr_eq(span_of_page(table(), page), freed ? NULL : span);
    }
    if (!freed) {
        ck_assert_uint_eq(span_count_marked(span), 0);
        ck_assert_uint_eq(span->search, 0);
        ck_assert_uint_eq(span->sweep_gen, sweep_generation(fixture.heap));
        uint32_t live = outcomes[_i].live == ALL_LIVE ? slots : outcomes[_i].live == SOME_LIVE;
        ck_assert_uint_eq(span_count_allocated(span), live);
        ck_assert_uint_eq(span->needs_zero, live < slots); /* freed slots hold old contents */
        span_check(table(), span);
    }
}
END_TEST

/* One that was kept empty, and that nobody has taken a slot of, is freed by the next sweep; it is
 * not where all empty ones are kept. */
START_TEST(idle_span)
{
    enum sweep_empty empty = _i == 0 ? SWEEP_FREE_IDLE : SWEEP_KEEP;
    struct span *span = make_marked_span(32, ALL_DEAD);
    struct central_list *list = type_table_list(&fixture.heap->types, span->list);
    ck_assert_int_eq(sweep(span, SWEEP_FREE_IDLE), SWEEP_PARTIAL);
    central_list_push(list, 0, table(), span);
    prepare_marking();
    open_sweep();
    ck_assert_ptr_eq(pop_unswept(list), span);
    ck_assert_int_eq(sweep(span, empty), _i == 0 ? SWEEP_FREED : SWEEP_PARTIAL);
    ck_assert_uint_eq(fixture.heap->counters.spans, _i);
}
END_TEST

/* ---- Generations, lists, counts -------------------------------------------------------------- */

/* Cycle after cycle, with even and odd generations: each span is swept once in each, and goes from
 * set to set. */
START_TEST(generations)
{
    tri_type *types[5];
    char *kept[5];
    for (unsigned i = 0; i < 5; i++) {
        types[i] = fixture_type(64U << i, TRI_LAYOUT_LEAF);
        fixture_promote(types[i]);
        kept[i] = fixture_new(types[i]);
    }
    for (uint32_t generation = 1; generation < 10; generation++) {
        prepare_marking();
        for (unsigned i = 0; i < 5; i++) {
            set_mark(kept[i]);
        }
        open_sweep();
        ck_assert_uint_eq(sweep_generation(fixture.heap), generation);
        ck_assert_uint_eq(fixture_unswept(), 5);
        for (unsigned i = 0; i < 5; i++) {
            ck_assert(!sweep_is_done(fixture.heap));
            ck_assert(sweep_up_to(fixture.heap, 1));
        }
        ck_assert(!sweep_up_to(fixture.heap, 1));
        ck_assert(sweep_is_done(fixture.heap));
        for (unsigned i = 0; i < 5; i++) {
            ck_assert(fixture_is_allocated(kept[i]));
            ck_assert_uint_eq(fixture_span(kept[i])->sweep_gen, generation);
        }
        verify_heap(fixture.heap, VERIFY_BEFORE_MARK);
    }
}
END_TEST

/* [sweep.3]: whatever list a span is in, the first or the last of many, it is found, also after
 * some were swept by those who allocate. */
START_TEST(every_list)
{
    enum {
        LISTS = 200
    };
    tri_type *types[LISTS];
    for (unsigned i = 0; i < LISTS; i++) {
        types[i] = fixture_type(100, TRI_LAYOUT_LEAF);
        if (i % 7 == 0) {
            fixture_promote(types[i]);
            (void)fixture_new(types[i]);
        }
    }
    fixture_promote(types[LISTS - 1]);
    (void)fixture_new(types[LISTS - 1]);
    (void)fixture_new(types[1]);                           /* mixed */
    (void)fixture_new(fixture_type(MIB, TRI_LAYOUT_LEAF)); /* large */
    (void)fixture_new_array(types[7], 10);                 /* by size */
    uint64_t spans = fixture.heap->counters.spans;
    prepare_marking();
    open_sweep();
    (void)fixture_new(types[14]); /* sweeps its own span, and keeps it */
    tri_type *late = fixture_type(100, TRI_LAYOUT_LEAF);
    fixture_promote(late);
    (void)fixture_new(late); /* a new span, swept by birth */
    ck_assert_uint_eq(fixture_unswept(), spans - 1);
    for (uint64_t i = 1; i < spans; i++) {
        ck_assert(sweep_up_to(fixture.heap, 1));
    }
    ck_assert(!sweep_up_to(fixture.heap, 1));
    ck_assert(sweep_is_done(fixture.heap));
    ck_assert_uint_eq(fixture.heap->counters.spans, 2);
    fixture_verify();
}
END_TEST

static struct span *borrowed;

static void sweep_borrowed(void)
{
    ck_assert(!sweep_is_done(fixture.heap));
    if (borrowed != NULL) {
        struct span *span = borrowed;
        borrowed = NULL;
        ck_assert_int_eq(sweep(span, SWEEP_FREE), SWEEP_FREED);
    }
}

static const struct {
    size_t size;
    bool by_mutators;
    bool used; /* the mutator takes spans from the list */
    bool limit;
    bool kept;
} keeping[] = {
    {64, true, true, false, true},      {64, false, true, false, false},
    {64, true, false, false, false},    {64, true, true, true, false},
    {100000, true, true, false, false}, /* nobody allocates from it again */
};

/* Where mutators drive cycles, what they sweep to keep up stays in its list, for the next ones to
 * allocate, as far as they do; elsewhere it is freed. */
START_TEST(kept_for_the_list)
{
    tri_type *type = fixture_type(keeping[_i].size, TRI_LAYOUT_LEAF);
    fixture_promote(type);
    uint32_t list = fixture_span(fixture_new(type))->list;
    struct tri_heap *heap = fixture.heap;
    heap->cycle.by_mutators = keeping[_i].by_mutators;
    heap->options.memory_limit = keeping[_i].limit ? GIB : TRI_MEMORY_LIMIT_OFF;
    prepare_marking();
    open_sweep();
    fixture.mutators[0]->cache.bins[list].asked = keeping[_i].used;
    heap->sweep.due_kib = UINT64_MAX / 2; /* all of it is due */
    heap->sweep.pace_spans = 1;
    heap->counters.live_bytes = heap->sweep.pace_live + MIB;
    sweep_keep_up(heap, &fixture.mutators[0]->cache, 1);
    ck_assert(sweep_is_done(heap));
    ck_assert_uint_eq(heap->counters.spans, keeping[_i].kept);
}
END_TEST

/* What is swept and not reported yet counts as unswept [sweep.4]; a report tells it all at once. */
START_TEST(tally)
{
    struct heap_counters *counters = &fixture.heap->counters;
    struct span *span = make_marked_span(32, SOME_LIVE);
    uint32_t freed = span->slots - 1;
    struct sweep_tally tally = {.swept = 0};
    sweep_report(fixture.heap, &tally); /* nothing */
    ck_assert_int_eq(sweep_span(fixture.heap, span, SWEEP_FREE, &tally), SWEEP_PARTIAL);
    ck_assert(!sweep_is_done(fixture.heap));
    ck_assert_uint_eq(counters->freed_objects, 0);
    sweep_report(fixture.heap, &tally);
    ck_assert(sweep_is_done(fixture.heap));
    ck_assert_uint_eq(counters->freed_objects, freed);
    ck_assert_uint_eq(counters->freed_bytes, freed * 32);
    ck_assert_uint_eq(fixture.heap->sweep.spans[sweep_generation(fixture.heap) & 1], 1);
    sweep_report(fixture.heap, &tally); /* it is empty again */
    ck_assert_uint_eq(counters->freed_objects, freed);
}
END_TEST

/* [sweep.4]: sweeping is not done while somebody still sweeps a span; sweep_finish waits. */
START_TEST(somebody_still_sweeps)
{
    borrowed = make_marked_span(64, ALL_DEAD);
    ck_assert(!sweep_up_to(fixture.heap, 1)); /* nothing left to take ... */
    ck_assert(!sweep_is_done(fixture.heap));
    fake_port_hooks()->yield = sweep_borrowed;
    sweep_finish(fixture.heap);
    ck_assert_ptr_null(borrowed);
    ck_assert(sweep_is_done(fixture.heap));
}
END_TEST

/* ---- Visitors -------------------------------------------------------------------------------- */

static unsigned yields;

static void visitor_leaves(void)
{
    yields++;
    ck_assert_uint_eq(fixture.heap->sweep.visitors & SWEEP_CLOSED, SWEEP_CLOSED);
    ck_assert(!sweep_some(fixture.heap, 1)); /* nobody comes in meanwhile, ... */
    ck_assert_uint_eq(fixture_unswept(), 1); /* ... although there would be work */
    fetch_sub_acq_rel(&fixture.heap->sweep.visitors, 1U);
}

/* [sweep.5]: threads without a mutator get in between the begin of sweeping and the next cycle;
 * that cycle waits for those who are in. */
START_TEST(visitors)
{
    ck_assert(!sweep_some(fixture.heap, 10)); /* before the first cycle there is nothing to do */
    tri_type *type = fixture_type(64, TRI_LAYOUT_LEAF);
    fixture_promote(type);
    char *object = fixture_new(type);
    prepare_marking();
    set_mark(object);
    open_sweep();
    ck_assert(sweep_some(fixture.heap, 0));
    ck_assert_uint_eq(fixture.heap->sweep.visitors, 0);
    fixture.heap->sweep.visitors = 3;
    fake_port_hooks()->yield = visitor_leaves;
    sweep_close(fixture.heap);
    ck_assert_uint_eq(yields, 3);
    ck_assert(!sweep_some(fixture.heap, 1));
    prepare_marking(); /* closes once more, which does no harm */
    open_sweep();
    ck_assert_uint_eq(fixture.heap->sweep.visitors, 0);
    ck_assert(sweep_some(fixture.heap, 1)); /* there was one */
    ck_assert(!sweep_some(fixture.heap, 1));
    ck_assert_uint_eq(fixture.heap->sweep.visitors, 0);
}
END_TEST

static struct span *carried;

/* The visitor puts its span, which it has counted as swept, where it belongs, and leaves. */
static void visitor_puts_back(void)
{
    struct central_list *list = type_table_list(&fixture.heap->types, carried->list);
    central_list_push_full(list, 0, table(), carried, sweep_generation(fixture.heap));
    carried = NULL;
    fetch_sub_acq_rel(&fixture.heap->sweep.visitors, 1U);
}

/* Between the last sweep and the last push every span is swept, but one is in no set. */
START_TEST(visitor_carries_a_span)
{
    tri_type *type = fixture_type(64, TRI_LAYOUT_LEAF);
    fixture_promote(type);
    char *object = fixture_new(type);
    struct span *span = fixture_span(object);
    prepare_marking();
    for (uint32_t slot = 0; slot < span->slots; slot++) {
        span->bits[slot / 64].allocated |= UINT64_C(1) << slot % 64;
        span->bits[slot / 64].mark |= UINT64_C(1) << slot % 64;
    }
    open_sweep();
    carried = pop_unswept(type_table_list(&fixture.heap->types, span->list));
    ck_assert_ptr_eq(carried, span);
    fixture.heap->sweep.visitors = 1;
    ck_assert_int_eq(sweep(carried, SWEEP_FREE), SWEEP_FULL);
    sweep_finish(fixture.heap); /* does not care */
    ck_assert_ptr_eq(carried, span);
    fake_port_hooks()->yield = visitor_puts_back;
    sweep_settle(fixture.heap);
    ck_assert_ptr_null(carried);
    verify_heap(fixture.heap, VERIFY_BEFORE_MARK);
}
END_TEST

START_TEST(some_at_a_time)
{
    enum {
        SPANS = 10
    };
    for (unsigned i = 0; i < SPANS; i++) {
        tri_type *type = fixture_type(100, TRI_LAYOUT_LEAF);
        fixture_promote(type);
        (void)fixture_new(type);
    }
    prepare_marking();
    open_sweep();
    ck_assert(sweep_some(fixture.heap, 0));
    ck_assert_uint_eq(fixture_unswept(), SPANS);
    ck_assert(sweep_some(fixture.heap, 4));
    ck_assert_uint_eq(fixture_unswept(), SPANS - 4);
    ck_assert(sweep_some(fixture.heap, 6));
    ck_assert_uint_eq(fixture_unswept(), 0);
    ck_assert(!sweep_some(fixture.heap, 1));
}
END_TEST

/* Sweeping goes on until as many pages came free by it, and no further. */
START_TEST(reclaim)
{
    enum {
        SPANS = 12
    };
    char *kept[SPANS];
    for (unsigned i = 0; i < SPANS; i++) {
        kept[i] = fixture_new(fixture_type(5 * PAGE_BYTES, TRI_LAYOUT_LEAF));
    }
    prepare_marking();
    for (unsigned i = 0; i < SPANS; i += 2) {
        set_mark(kept[i]);
    }
    open_sweep();
    sweep_reclaim(fixture.heap, 0);
    ck_assert_uint_eq(fixture_unswept(), SPANS);
    static const struct {
        size_t pages;
        unsigned want_spans;
    } steps[] = {{1, 1}, {5, 2}, {6, 4}, {1000, 6}, {1000, 6}};
    for (size_t i = 0; i < ARRAY_LENGTH(steps); i++) {
        sweep_reclaim(fixture.heap, steps[i].pages);
        ck_assert_uint_eq(fixture.heap->counters.spans, SPANS - steps[i].want_spans);
        ck_assert(sweep_is_done(fixture.heap) == (steps[i].pages == 1000));
    }
    fixture_verify();
}
END_TEST

/* ---- clobberfree=1 --------------------------------------------------------------------------- */

START_TEST(clobber)
{
    static const size_t sizes[] = {16, 24, 1000, 9000, 40000};
    begin(true);
    for (size_t i = 0; i < ARRAY_LENGTH(sizes); i++) {
        tri_type *type = fixture_type(sizes[i], TRI_LAYOUT_LEAF);
        fixture_promote(type);
        char *live = fixture_new(type);
        char *dead = fixture_new(type);
        size_t bytes = span_object_bytes(fixture_span(dead));
        memset(live, 0x5a, sizes[i]);
        memset(dead, 0x5a, sizes[i]);
        prepare_marking();
        set_mark(live);
        open_sweep();
        sweep_finish(fixture.heap);
        for (size_t k = 0; k < bytes / 8; k++) {
            EXPECT(*fixture_slot(dead, k) == UINT64_C(0xdeadbeefdeadbeef));
        }
        for (size_t k = 0; k < sizes[i]; k++) {
            EXPECT(live[k] == 0x5a);
        }
        char *again = fixture_new(type); /* and whoever gets the memory finds it zero */
        for (size_t k = 0; k < sizes[i]; k++) {
            EXPECT(again[k] == 0);
        }
    }
    destroy();
}
END_TEST

/* ---- Breaches -------------------------------------------------------------------------------- */

static void sweep_it(void *span)
{
    (void)sweep(span, SWEEP_FREE);
}

/* [sweep.2]: a mark where no object is, in the span of a type and in a mixed one. */
START_TEST(zombie)
{
    bool mixed = _i == 1;
    tri_type_desc desc = TRI_TYPE_DESC("undead", char);
    desc.size = 40;
    tri_type *type = fixture_define(&desc);
    if (!mixed) {
        fixture_promote(type);
    }
    char *object = fixture_new(type);
    prepare_marking();
    set_mark(object);
    struct span *span = fixture_span(object);
    span->bits[1].mark = 4; /* slot 66 */
    open_sweep();
    const char *message = fake_port_death_of(sweep_it, span);
    ck_assert_ptr_nonnull(message);
    char want[200];
    (void)snprintf(
        want, sizeof want,
        "found a reference to a free object: slot 66 (%p) of a span of %s, 48 bytes a slot",
        (void *)span_slot_address(table(), span, 66), mixed ? "mixed types" : "undead");
    ck_assert_msg(strncmp(message, want, strlen(want)) == 0, "%s", message);
}
END_TEST

#if TRI_CHECKS >= 1
static void begin_sweep(void *unused)
{
    (void)unused;
    sweep_begin(fixture.heap);
}

/* [sweep.1]: not twice, [sweep.5]: not with the doors open. */
START_TEST(misuse)
{
    struct span *span = make_marked_span(64, SOME_LIVE);
    ck_assert_int_eq(sweep(span, SWEEP_FREE), SWEEP_PARTIAL);
    ck_assert_ptr_nonnull(fake_port_death_of(sweep_it, span));
    span->sweep_gen -= 2;
    ck_assert_ptr_nonnull(fake_port_death_of(sweep_it, span));
    ck_assert_ptr_nonnull(fake_port_death_of(begin_sweep, NULL)); /* CYCLE is not held */
    lock_acquire(&fixture.heap->cycle.lock);
    ck_assert_ptr_nonnull(fake_port_death_of(begin_sweep, NULL)); /* visitors may come */
    fixture.heap->sweep.spans[(sweep_generation(fixture.heap) & 1) ^ 1] =
        0; /* it had got that far */
    sweep_close(fixture.heap);
    ck_assert_ptr_null(fake_port_death_of(begin_sweep, NULL));
    ck_assert_ptr_nonnull(fake_port_death_of(begin_sweep, NULL)); /* a span is not swept */
    lock_release(&fixture.heap->cycle.lock);
}
END_TEST
#endif

/* ---- Several threads ------------------------------------------------------------------------- */

#define THREADS 4
#define CYCLES  (FIXTURE_SANITIZED ? 15 : 60)

static struct {
    tri_type *types[TYPES];
    uint64_t seed;
    uint32_t over; /* atomic */
} shared;

/* Thread 0 is the only mutator: it allocates, and runs the cycles. It keeps about half. */
static void mutate(void)
{
    uint64_t random = shared.seed;
    for (unsigned cycle = 0; cycle < CYCLES; cycle++) {
        for (size_t i = 0; i < OBJECTS; i++) {
            if (!objects[i].live) {
                make_object(i, shared.types[unit_random_below(&random, TYPES)]);
            }
        }
        prepare_marking();
        uint64_t dead = 0;
        uint64_t freed = load_relaxed(&fixture.heap->counters.freed_objects);
        for (size_t i = 0; i < OBJECTS; i++) {
            objects[i].live = unit_random(&random) & 1;
            dead += !objects[i].live;
            if (objects[i].live) {
                set_mark(objects[i].address);
            }
        }
        open_sweep();
        sweep_finish(fixture.heap);
        EXPECT(load_relaxed(&fixture.heap->counters.freed_objects) - freed == dead);
        for (size_t i = 0; i < OBJECTS; i++) {
            EXPECT(fixture_is_allocated(objects[i].address) == objects[i].live);
            EXPECT(!objects[i].live || *fixture_slot(objects[i].address, 0) == objects[i].stamp);
        }
    }
    store_relaxed(&shared.over, 1U);
}

static void mutate_or_sweep(void *unused, unsigned index)
{
    (void)unused;
    if (index == 0) {
        mutate();
        return;
    }
    while (!load_relaxed(&shared.over)) {
        if (!sweep_some(fixture.heap, index)) {
            port_yield();
        }
    }
}

/* [sweep.1], [sweep.4], [sweep.5]: background sweepers beside the mutator and its cycles. */
START_TEST(threads)
{
    shared.seed = unit_seed();
    for (unsigned i = 0; i < TYPES; i++) {
        shared.types[i] = fixture_type(i == 0 ? 40000 : 24U + 150 * i, TRI_LAYOUT_LEAF);
        if (i % 2 == 0) {
            fixture_promote(shared.types[i]);
        }
    }
    fixture_run_threads(THREADS, mutate_or_sweep, NULL);
    fixture_verify();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sweep");
    TCase *cases = tcase_create("sweep");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_test(cases, exactly_the_unmarked);
    tcase_add_loop_test(cases, idle_span, 0, 2);
    tcase_add_loop_test(cases, kept_for_the_list, 0, (int)ARRAY_LENGTH(keeping));
    tcase_add_test(cases, tally);
    tcase_add_loop_test(cases, one_span, 0, (int)ARRAY_LENGTH(outcomes));
    tcase_add_test(cases, generations);
    tcase_add_test(cases, every_list);
    tcase_add_test(cases, somebody_still_sweeps);
    tcase_add_test(cases, visitors);
    tcase_add_test(cases, visitor_carries_a_span);
    tcase_add_test(cases, some_at_a_time);
    tcase_add_test(cases, reclaim);
    tcase_add_loop_test(cases, zombie, 0, 2);
#if TRI_CHECKS >= 1
    tcase_add_test(cases, misuse);
#endif
    tcase_add_test(cases, threads);
    suite_add_tcase(suite, cases);
    TCase *others = tcase_create("sweep, other heaps");
    tcase_add_test(others, clobber);
    suite_add_tcase(suite, others);
    return unit_run(suite);
}
