/* region.c -- regions: their spans, their owners, their end.
 *
 * Owns:       struct region_state, struct tri_region; spans of SPAN_REGION.
 * Idea:       what is in a region is a root as a whole. So its objects need no marks: a marker that
 *             meets one goes on, and once a cycle, when all stacks are black, all of them are
 *             scanned, span by span, by all markers. Nor are they swept; the region's spans are in
 *             no set, and go back to the page heap when it is freed. While a cycle marks they are
 *             kept until that has ended, since markers may have them in hand.
 * Invariants:
 *   [region.1] What was allocated in a region before its mutator's answer to settle MUST be scanned
 *              in that cycle; otherwise what only it refers to is lost. What comes later is black,
 *              like all new objects, and MUST NOT be scanned before its mutator's next safepoint;
 *              otherwise a trace function sees it half initialised. Hence region_settle, at
 *              safepoints, says how far a scan may look: span.search.
 *   [region.2] A region that is freed while a cycle may mark MUST stay on the list that is scanned,
 *              and keep its spans, until marking has ended; otherwise an object that a black stack
 *              has loaded from it is lost (Yuasa), or a marker reads memory that is gone.
 *   [region.3] One that is freed at another time MUST leave that list before the mutator's next
 *              safepoint; otherwise the next cycle scans what is going away.
 *   [region.4] All memory of a span whose objects are scanned MUST be zero before it is published;
 *              otherwise a header of a mixed span says a type that is not there.
 *   [region.5] The mapping of a region MUST NOT be used again while a span names it; otherwise a
 *              dead object is taken for a live one.
 *   [region.6] In insertion mode each object MUST come by the slow path; otherwise a cycle begins
 *              while the inline path has slots in hand, and what is stored there goes unreported
 *              ([alloc.5]).
 *   [region.7] What a span says of its region MUST be a number that is compared with how many there
 *              are; otherwise a look-up that read its state just before it became another span
 *              follows what is no pointer.
 *   [region.8] Objects of a region MUST be queued one by one, or by their whole span as an entry of
 *              the stack, never in a mark_queue; otherwise scan_span looks for marks that they do
 *              not have.
 * Locks:      REGIONS; PAGES after it.
 * Callers:    the public entry points, alloc and large on the mutator's thread; answer; mark,
 *             sweep, cycle; the checks of a held heap.
 */
#include "gc/region.h"

#include "gc/assert.h"
#include "gc/fence.h"
#include "gc/port.h"

/* Bins lie where a mutator has its own. */
#define REGION_MAPPING_BYTES (MUTATOR_BINS_OFFSET + CURSORS_MAX * sizeof(struct region_bin))

_Static_assert(sizeof(struct tri_region) <= MUTATOR_CURSORS_OFFSET, "cursors lie behind");

static struct tri_cursor_ *cursor_of(struct tri_region *region, uint32_t list)
{
    return (struct tri_cursor_ *)(void *)((char *)region + MUTATOR_CURSORS_OFFSET) + list;
}

static struct region_bin *bin_of(struct tri_region *region, uint32_t list)
{
    return (struct region_bin *)(void *)((char *)region + MUTATOR_BINS_OFFSET) + list;
}

/* ---- Lists ----------------------------------------------------------------------------------- */

static void queue_push(struct region_queue *queue, struct tri_region *region)
{
    region->next = NULL;
    if (queue->first == NULL) {
        store_relaxed(&queue->first, region);
    } else {
        queue->last->next = region;
    }
    queue->last = region;
}

static struct tri_region *queue_pop(struct region_queue *queue)
{
    struct tri_region *region = queue->first;
    store_relaxed(&queue->first, region->next);
    return region;
}

static void link_live(struct region_state *state, struct tri_region *region)
{
    region->previous = NULL;
    region->next = state->live;
    if (region->next != NULL) {
        region->next->previous = region;
    }
    state->live = region;
}

static void unlink_live(struct region_state *state, const struct tri_region *region)
{
    if (region->previous != NULL) {
        region->previous->next = region->next;
    } else {
        state->live = region->next;
    }
    if (region->next != NULL) {
        region->next->previous = region->previous;
    }
}

/* REGIONS held. */
static void link_own(struct tri_mutator *mutator, struct tri_region *region)
{
    region->previous_own = NULL;
    region->next_own = mutator->regions;
    if (region->next_own != NULL) {
        region->next_own->previous_own = region;
    }
    store_relaxed(&mutator->regions, region);
    store_relaxed(&region->mutator, mutator);
}

/* REGIONS held. */
static void unlink_own(struct tri_region *region)
{
    struct tri_mutator *mutator = region->mutator;
    if (mutator == NULL) {
        return;
    }
    if (region->previous_own != NULL) {
        region->previous_own->next_own = region->next_own;
    } else {
        store_relaxed(&mutator->regions, region->next_own);
    }
    if (region->next_own != NULL) {
        region->next_own->previous_own = region->previous_own;
    }
    store_relaxed(&region->mutator, (struct tri_mutator *)NULL);
}

/* ---- Create and destroy ---------------------------------------------------------------------- */

void region_state_init(struct tri_heap *heap)
{
    struct region_state *state = &heap->regions;
    lock_init(&state->lock, LOCK_REGIONS);
    state->fenced = PAGE_NONE;
    state->fenced_end = PAGE_NONE;
}

static void release_all(struct tri_region *region)
{
    while (region != NULL) {
        struct tri_region *next = region->next;
        port_release(region, align_up(REGION_MAPPING_BYTES, port_os_page_bytes()));
        region = next;
    }
}

void region_state_destroy(struct tri_heap *heap)
{
    struct region_state *state = &heap->regions;
    release_all(state->live);
    release_all(state->ending.first);
    release_all(state->unused.first);
    side_table_destroy(&state->table);
    lock_destroy(&state->lock);
}

/* Room in the table for one more number. REGIONS held. False where there is no memory, or no number
 * is left. */
static bool extend_table(struct region_state *state, uint32_t number)
{
    struct side_table *table = &state->table;
    if (table->base == NULL && !side_table_init(table, sizeof(struct tri_region *), REGIONS_MAX,
                                                "trillium metadata: regions")) {
        return false;
    }
    return number < REGIONS_MAX && side_table_extend(table, number + 1);
}

/* Give region, which is new, a number. False where there is none for it. */
static bool enter_region(struct region_state *state, struct tri_region *region)
{
    lock_acquire(&state->lock);
    uint32_t number = state->numbers == 0 ? 1 : state->numbers; /* the entry of 0 stays NULL */
    bool entered = extend_table(state, number);
    if (entered) {
        region->number = number;
        *(struct tri_region **)side_table_at(&state->table, number) = region;
        /* release: pairs with the acquire in region_of [region.7] */
        store_release(&state->numbers, number + 1);
    }
    lock_release(&state->lock);
    return entered;
}

static struct tri_region *map_region(struct region_state *state)
{
    size_t bytes = align_up(REGION_MAPPING_BYTES, port_os_page_bytes());
    struct tri_region *region =
        port_reserve(bytes, port_os_page_bytes(), "trillium metadata: region");
    if (region != NULL && (!port_commit(region, bytes, "trillium metadata: region") ||
                           !enter_region(state, region))) {
        port_release(region, bytes);
        region = NULL;
    }
    return region;
}

/* One that was freed long ago, so that what still has its address is seen to be late. */
static struct tri_region *reuse_region(struct region_state *state)
{
    struct tri_region *region = NULL;
    lock_acquire(&state->lock);
    if (state->unused_count > REGIONS_UNUSED_MIN) {
        region = queue_pop(&state->unused);
        state->unused_count--;
    }
    lock_release(&state->lock);
    return region;
}

struct tri_region *region_new(struct tri_mutator *mutator)
{
    struct tri_heap *heap = mutator->heap;
    struct region_state *state = &heap->regions;
    struct tri_region *region = reuse_region(state);
    if (region == NULL && (region = map_region(state)) == NULL) {
        return NULL;
    }
    region->heap = heap;
    region->spans = PAGE_NONE;
    region->objects = 0;
    region->bytes = 0;
    region->charged = 0;
    region->signature = REGION_SIGNATURE;
    store_relaxed(&region->is_freed, 0U);
    lock_acquire(&state->lock);
    link_live(state, region);
    link_own(mutator, region);
    lock_release(&state->lock);
    fetch_add_relaxed(&state->count, UINT64_C(1));
    return region;
}

/* ---- Allocation ------------------------------------------------------------------------------ */

/* Slots of bin's span that its cursor has handed out. */
static uint32_t slots_handed_out(struct tri_region *region, uint32_t list)
{
    const struct span *span = bin_of(region, list)->span;
    if (span_is_large(span)) {
        return 1;
    }
    const char *base = span_base(&region->heap->page_heap.spans, span);
    return (uint32_t)((size_t)(cursor_of(region, list)->free - base) / span->slot_bytes);
}

/* What has come from the span of list is objects, to be counted and scanned. */
static void count_objects(struct tri_region *region, uint32_t list)
{
    struct heap_counters *counters = &region->heap->counters;
    struct span *span = bin_of(region, list)->span;
    uint32_t slots = slots_handed_out(region, list);
    uint64_t objects = slots - load_relaxed(&span->search);
    uint64_t bytes = objects * span_object_bytes(span);
    fetch_add_relaxed(&counters->allocated_objects, objects);
    fetch_add_relaxed(&counters->allocated_bytes, bytes);
    region->objects += objects;
    region->bytes += bytes;
    /* release: pairs with the acquire in region_object_slots [region.1] */
    store_release(&span->search, (uint16_t)slots);
}

char *region_take(struct tri_region *region, uint32_t list)
{
    struct tri_cursor_ *cursor = cursor_of(region, list);
    const struct region_bin *bin = bin_of(region, list);
    if (bin->span == NULL || (size_t)(bin->end - cursor->free) < bin->span->slot_bytes) {
        return NULL;
    }
    char *slot = cursor->free;
    cursor->free += bin->span->slot_bytes;
    bool one_by_one = region->heap->options.barrier == TRI_BARRIER_INSERTION; /* [region.6] */
    cursor->limit = one_by_one ? cursor->free : bin->end;
    return slot;
}

/* Let the cursor of list begin with span. */
static void open_span(struct tri_region *region, uint32_t list, struct span *span)
{
    struct region_bin *bin = bin_of(region, list);
    struct tri_cursor_ *cursor = cursor_of(region, list);
    if (bin->span == NULL) {
        bin->next_open = region->first_open;
        region->first_open = list + 1;
    } else {
        count_objects(region, list); /* of the one before */
    }
    bin->span = span;
    if (!span_is_large(span)) {
        cursor->free = cursor->limit = span_base(&region->heap->page_heap.spans, span);
        bin->end = cursor->free + (size_t)span->slots * span->slot_bytes;
    }
}

void region_add_span(struct tri_region *region, struct span *span)
{
    struct region_state *state = &region->heap->regions;
    uint64_t bytes = (uint64_t)span->slots * span_object_bytes(span);
    open_span(region, span->list, span);
    TRI_ASSERT(!span_is_queued_whole(span)); /* [region.8] */
    span_enter_run(span, 0, span->slots, false);
    span->search = 0; /* [region.1] */
    span_publish_in_region(span, region->number);
    lock_acquire(&state->lock);
    store_relaxed(&span->next, (uint32_t)region->spans);
    region->spans = span->first;
    region->charged += bytes;
    lock_release(&state->lock);
}

/* ---- Who allocates --------------------------------------------------------------------------- */

/* REGIONS held. */
static void settle_region(struct tri_region *region)
{
    for (uint32_t at = region->first_open; at != 0; at = bin_of(region, at - 1)->next_open) {
        count_objects(region, at - 1);
    }
}

void region_settle(struct tri_mutator *mutator)
{
    struct region_state *state = &mutator->heap->regions;
    if (TRI_LIKELY(load_relaxed(&mutator->regions) == NULL)) {
        return;
    }
    lock_acquire(&state->lock);
    for (struct tri_region *r = mutator->regions; r != NULL; r = r->next_own) {
        settle_region(r);
    }
    lock_release(&state->lock);
}

void region_adopt(struct tri_mutator *mutator, struct tri_region *region)
{
    struct region_state *state = &mutator->heap->regions;
    lock_acquire(&state->lock);
    unlink_own(region);
    link_own(mutator, region);
    lock_release(&state->lock);
}

void region_leave(struct tri_mutator *mutator)
{
    struct region_state *state = &mutator->heap->regions;
    region_settle(mutator); /* nobody does it for them until they are adopted [region.1] */
    lock_acquire(&state->lock);
    while (mutator->regions != NULL) {
        unlink_own(mutator->regions);
    }
    lock_release(&state->lock);
}

/* ---- The end --------------------------------------------------------------------------------- */

/* Whether nobody scans, or will before the mutator's next safepoint. It may see the phase late, but
 * never one from before its own last answer; so where a cycle is under way it has not been armed
 * yet. */
static bool is_quiet(const struct tri_heap *heap)
{
    /* acquire: pairs with the release in enter_phase of cycle.c, which the markers' last loads come
     * before */
    uint32_t phase = load_acquire(&heap->cycle.phase);
    return phase <= CYCLE_SWEEP || phase == CYCLE_RELEASE;
}

/* Nothing is open any more, so that an allocation sees that the region was freed. */
static void close_cursors(struct tri_region *region)
{
    while (region->first_open != 0) {
        uint32_t list = region->first_open - 1;
        struct region_bin *bin = bin_of(region, list);
        region->first_open = bin->next_open;
        *bin = (struct region_bin){.span = NULL};
        *cursor_of(region, list) = (struct tri_cursor_){NULL, NULL};
    }
}

/* The region, which is off the list of those that are scanned, is to give its spans back. REGIONS
 * held. */
static void begin_ending(struct region_state *state, struct tri_region *region)
{
    queue_push(&state->ending, region);
}

static void count_freed(struct tri_heap *heap, const struct tri_region *region)
{
    struct heap_counters *counters = &heap->counters;
    fetch_sub_relaxed(&counters->region_bytes, region->charged);
    /* release halves: pair with the acquires in fill_objects of stats.c */
    fetch_add_acq_rel(&counters->freed_objects, region->objects);
    fetch_add_acq_rel(&counters->freed_bytes, region->bytes);
    fetch_sub_relaxed(&heap->regions.count, UINT64_C(1));
}

void region_free(struct tri_mutator *mutator, struct tri_region *region)
{
    struct tri_heap *heap = mutator->heap;
    struct region_state *state = &heap->regions;
    lock_acquire(&state->lock);
    settle_region(region);
    close_cursors(region);
    unlink_own(region);
    /* release: pairs with the acquire in region_is_alive */
    store_release(&region->is_freed, 1U);
    count_freed(heap, region);
    bool quiet = is_quiet(heap);
    if (quiet) {
        unlink_live(state, region); /* [region.3] */
        begin_ending(state, region);
    } else {
        state->freed++; /* [region.2] */
    }
    lock_release(&state->lock);
    if (quiet) {
        while (region_return_some(heap) > 0) {
            port_safepoint(mutator);
        }
        port_wake_scavenger(heap);
    }
}

void region_end_marking(struct tri_heap *heap)
{
    struct region_state *state = &heap->regions;
    struct tri_region *next;
    lock_acquire(&state->lock);
    for (struct tri_region *r = state->live; r != NULL && state->freed > 0; r = next) {
        next = r->next;
        if (load_relaxed(&r->is_freed) != 0) {
            unlink_live(state, r);
            begin_ending(state, r);
            state->freed--;
        }
    }
    lock_release(&state->lock);
}

void region_each_span(struct tri_heap *heap, void (*function)(struct span *span, void *argument),
                      void *argument)
{
    struct region_state *state = &heap->regions;
    const struct span_table *table = &heap->page_heap.spans;
    lock_acquire(&state->lock);
    struct tri_region *region = state->live;
    lock_release(&state->lock);
    while (region != NULL) { /* nothing leaves the lists meanwhile [region.2] */
        lock_acquire(&state->lock);
        page_index page = region->spans;
        lock_release(&state->lock);
        while (page != PAGE_NONE) {
            struct span *span = span_at(table, page);
            page = load_relaxed(&span->next);
            function(span, argument);
        }
        region = region->next;
    }
}

static uint64_t count_spans(const struct span_table *table, const struct tri_region *region)
{
    uint64_t count = 0;
    for (; region != NULL; region = region->next) {
        page_index page = region->spans;
        for (; page != PAGE_NONE; page = load_relaxed(&span_at(table, page)->next)) {
            count++;
        }
    }
    return count;
}

uint64_t region_count_spans(struct tri_heap *heap)
{
    const struct span_table *table = &heap->page_heap.spans;
    lock_acquire(&heap->regions.lock);
    uint64_t count = count_spans(table, heap->regions.live);
    count += count_spans(table, heap->regions.ending.first);
    lock_release(&heap->regions.lock);
    return count;
}

/* ---- Spans on their way back ----------------------------------------------------------------- */

/* Take up to REGION_RETURN_SPANS spans off the region's list; they follow each other by next.
 * REGIONS held. */
static page_index take_spans(struct tri_region *region)
{
    const struct span_table *table = &region->heap->page_heap.spans;
    page_index first = region->spans;
    struct span *last = NULL;
    for (unsigned i = 0; i < REGION_RETURN_SPANS && region->spans != PAGE_NONE; i++) {
        last = span_at(table, region->spans);
        region->spans = load_relaxed(&last->next);
        store_relaxed(&last->run, 0U); /* [region.5] */
    }
    if (last != NULL) {
        store_relaxed(&last->next, (uint32_t)PAGE_NONE);
    }
    return first;
}

/* The same from whichever region comes first; PAGE_NONE where none has any. Those that have none
 * left are unused from now on. */
static page_index take_some(struct region_state *state)
{
    page_index first = PAGE_NONE;
    lock_acquire(&state->lock);
    while (state->ending.first != NULL && first == PAGE_NONE) {
        struct tri_region *region = state->ending.first;
        first = take_spans(region);
        if (region->spans == PAGE_NONE) {
            queue_push(&state->unused, queue_pop(&state->ending));
            state->unused_count++;
        }
    }
    lock_release(&state->lock);
    return first;
}

/* A run of pages that grows at either end. */
struct page_range {
    page_index first;
    size_t count;
};

/* Give pages back: with those of range where they adjoin it, else after them. */
static void give(struct tri_heap *heap, struct page_range *range, page_index first, size_t count)
{
    if (first + count == range->first) {
        range->first = first;
        range->count += count;
    } else if (range->first + range->count == first) {
        range->count += count;
    } else {
        if (range->count > 0) {
            page_heap_give(&heap->page_heap, range->first, range->count);
        }
        *range = (struct page_range){first, count};
    }
}

size_t region_return_some(struct tri_heap *heap)
{
    const struct span_table *table = &heap->page_heap.spans;
    struct page_range range = {0, 0};
    size_t pages = 0;
    page_index page = take_some(&heap->regions);
    while (page != PAGE_NONE) {
        struct span *span = span_at(table, page);
        size_t count = span->pages;
        page_index first = page;
        page = load_relaxed(&span->next);
        pages += count;
        if (!fence_span(heap, span)) {
            span_retire(span);
            give(heap, &range, first, count);
        }
    }
    if (range.count > 0) {
        page_heap_give(&heap->page_heap, range.first, range.count);
    }
    return pages;
}
