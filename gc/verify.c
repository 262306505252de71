/* verify.c -- the invariants of the heap's structures, walked.
 *
 * Owns:       nothing.
 * Invariants:
 *   [verify.1] Every span in use MUST be in exactly one set once all caches are flushed; otherwise
 *              it is swept twice or never.
 *   [verify.2] Each page MUST be free or part of one span once all caches are flushed; otherwise it
 *              is handed out twice or lost.
 *   [verify.3] Every span of a region MUST be on the list of one; otherwise it is never freed, or
 *              its objects are not scanned.
 * Locks:      takes PAGES, REGIONS. All mutators are held, or there is no other thread.
 * Callers:    cycle where gcverify=1; tri_debug_verify; tests.
 */
#include "gc/verify.h"

#include "gc/assert.h"
#include "gc/finalized_span.h"
#include "gc/object.h"
#include "gc/region.h"
#include "gc/sweep.h"

struct walk {
    struct tri_heap *heap;
    enum verify_moment moment;
    uint64_t spans;
    uint64_t pages;
    uint64_t region_spans;
    uint64_t region_slot_bytes; /* of those that live */
};

/* Call function for each span of the heap. */
static void each_span(struct tri_heap *heap, void (*function)(struct span *span, void *argument),
                      void *argument)
{
    struct span_table *table = &heap->page_heap.spans;
    page_index pages = load_relaxed(&table->pages);
    for (page_index page = 0; page < pages;) {
        struct span *span = span_at(table, page);
        bool begins = span->state != SPAN_FREE && span->first == page;
        page += begins ? span->pages : 1;
        if (begins) {
            function(span, argument);
        }
    }
}

static void check_generation(const struct walk *walk, const struct span *span)
{
    uint32_t behind = sweep_generation(walk->heap) - span->sweep_gen;
    TRI_REQUIRE(behind == 0, "gcverify: the span at page %u is %u generations behind", span->first,
                behind);
}

/* [finalized_span.1] */
static void check_record(const struct tri_heap *heap, const struct span *span)
{
    if (type_is_finalized(span->type)) {
        uint32_t number = *finalized_span_number(&heap->finalizers.spans, span);
        bool there = number != 0 &&
                     finalized_span_of(heap, finalized_span_at(&heap->finalizers, number)) == span;
        TRI_REQUIRE(there, "gcverify: the span at page %u lacks a record of what is finalized",
                    span->first);
    }
}

/* A span of a region: in no set, unmarked, and what is listed is what there is [verify.3]. */
static void check_region_span(struct walk *walk, const struct span *span)
{
    span_check(&walk->heap->page_heap.spans, span);
    TRI_REQUIRE(span_count_marked(span) == 0,
                "gcverify: marks in the span at page %u, which belongs to a region", span->first);
    TRI_REQUIRE(region_of(walk->heap, span) != NULL,
                "gcverify: the span at page %u names no region", span->first);
    walk->region_spans++;
    TRI_REQUIRE(!span_is_queued_whole(span), /* [region.8] */
                "gcverify: the span at page %u, which belongs to a region, is queued as a whole",
                span->first);
    if (region_is_alive(walk->heap, span)) {
        walk->region_slot_bytes += (uint64_t)span->slots * span_object_bytes(span);
    }
}

static void check_span(struct span *span, void *argument)
{
    struct walk *walk = argument;
    walk->pages += span->pages;
    if (span->state == SPAN_REGION) {
        check_region_span(walk, span);
        return;
    }
    if (span->state != SPAN_IN_USE) {
        return; /* fenced, or a large object that its mutator is still zeroing: in no set, not
                   counted */
    }
    walk->spans++;
    span_check(&walk->heap->page_heap.spans, span);
    check_generation(walk, span);
    check_record(walk->heap, span);
    TRI_REQUIRE(walk->moment != VERIFY_BEFORE_MARK || span_count_marked(span) == 0,
                "gcverify: marks before marking in the span at page %u", span->first);
    TRI_REQUIRE(span->list < load_relaxed(&walk->heap->types.list_count),
                "gcverify: the span at page %u names list %u", span->first, span->list);
}

/* Spans in one set, each of which must belong to the list. */
static uint64_t count_set(const struct walk *walk, const struct central_list *list,
                          const struct span_set *set)
{
    const struct span_table *table = &walk->heap->page_heap.spans;
    uint64_t count = 0;
    for (const struct span *span = span_set_next(set, table, NULL); span != NULL;
         span = span_set_next(set, table, span)) {
        TRI_REQUIRE(span->state == SPAN_IN_USE && span->list == list->index,
                    "gcverify: list %u has the span at page %u, which is not one of its own",
                    list->index, span->first);
        TRI_REQUIRE(span_run_end(span->run) == 0, /* [span.7] */
                    "gcverify: the span at page %u in a set of list %u is handing out a run",
                    span->first, list->index);
        TRI_REQUIRE(++count <= walk->spans, "gcverify: a set of list %u has no end", list->index);
    }
    return count;
}

static uint64_t count_list(const struct walk *walk, const struct central_list *list)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < CENTRAL_SHARDS; i++) {
        const struct central_shard *shard = &list->shards[i];
        for (unsigned half = 0; half < 2; half++) {
            count += count_set(walk, list, &shard->partial[half]);
            count += count_set(walk, list, &shard->full[half]);
        }
    }
    return count;
}

static void check_sets(const struct walk *walk)
{
    uint64_t in_sets = 0;
    const struct type_table *types = &walk->heap->types;
    for (uint32_t i = 0; i < load_relaxed(&types->list_count); i++) {
        in_sets += count_list(walk, type_table_list(types, i));
    }
    uint64_t counted = load_relaxed(&walk->heap->counters.spans);
    TRI_REQUIRE(walk->spans == counted, "gcverify: %ju spans are in use, %ju are counted",
                (uintmax_t)walk->spans, (uintmax_t)counted);
    TRI_REQUIRE(in_sets == counted, "gcverify: of %ju spans %ju are in the sets", /* [verify.1] */
                (uintmax_t)counted, (uintmax_t)in_sets);
}

static void check_regions(const struct walk *walk)
{
    uint64_t charged = load_relaxed(&walk->heap->counters.region_bytes);
    uint64_t listed = region_count_spans(walk->heap);
    TRI_REQUIRE(walk->region_slot_bytes == charged,
                "gcverify: spans of regions have %ju bytes, %ju are counted",
                (uintmax_t)walk->region_slot_bytes, (uintmax_t)charged);
    TRI_REQUIRE(walk->region_spans == listed, /* [verify.3] */
                "gcverify: there are %ju spans of regions, their lists have %ju",
                (uintmax_t)walk->region_spans, (uintmax_t)listed);
}

static void check_pages(const struct walk *walk)
{
    size_t taken;
    const char *problem = page_heap_check(&walk->heap->page_heap, &taken);
    TRI_REQUIRE(problem == NULL, "gcverify: page heap: %s", problem);
    TRI_REQUIRE(walk->pages == taken,
                "gcverify: spans have %ju pages, %zu are taken", /* [verify.2] */
                (uintmax_t)walk->pages, taken);
}

void verify_heap(struct tri_heap *heap, enum verify_moment moment)
{
    struct walk walk = {.heap = heap, .moment = moment};
    each_span(heap, check_span, &walk);
    check_sets(&walk);
    check_regions(&walk);
    check_pages(&walk);
}

struct object_walk {
    struct tri_heap *heap;
    void (*function)(tri_ref object, tri_type *type, size_t bytes, void *argument);
    void *argument;
};

/* Slots that may be objects are below this. */
static uint32_t object_slots(const struct tri_heap *heap, const struct span *span)
{
    if (span->state == SPAN_REGION) {
        return region_is_alive(heap, span) ? region_object_slots(span) : 0;
    }
    return span->state == SPAN_IN_USE ? span->slots : 0;
}

static void visit_objects(struct span *span, void *argument)
{
    const struct object_walk *walk = argument;
    uint32_t slots = object_slots(walk->heap, span);
    for (uint32_t slot = 0; slot < slots; slot++) {
        if (span_is_allocated(span, slot)) {
            struct object_place place;
            object_at_slot(&walk->heap->page_heap.spans, span, slot, &place);
            if (place.type != NULL) { /* else the rest of a run that was taken black */
                walk->function(place.object, place.type, place.bytes, walk->argument);
            }
        }
    }
}

void verify_each_object(struct tri_heap *heap,
                        void (*function)(tri_ref object, tri_type *type, size_t bytes,
                                         void *argument),
                        void *argument)
{
    struct object_walk walk = {heap, function, argument};
    each_span(heap, visit_objects, &walk);
}
