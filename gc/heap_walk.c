/* heap_walk.c -- the live objects in batches, span by span, while the program goes on.
 *
 * Owns:       nothing.
 * Idea:       a batch is taken while no cycle is under way and all is swept: what is allocated then
 *             is no garbage that a cycle has found, and nobody frees anything. Its objects are put
 *             into a frame, which keeps them whatever happens until the next batch. So no lock is
 *             held while the host looks at them, and it may do anything meanwhile. Objects do not
 *             move, so one that lives from begin to end is met exactly once.
 * Invariants:
 *   [heap_walk.1] What is handed out MUST be allocated in a span that is swept, at a moment when no
 *                 cycle is under way; otherwise an object that is about to be freed becomes
 *                 reachable again.
 *   [heap_walk.2] It MUST be in the frame before a cycle can begin; otherwise that frees it while
 *                 the host looks at it.
 *   [heap_walk.3] All mutators MUST have given their runs back between the call and the first
 *                 batch; otherwise what one has allocated before the call, from a run that it has
 *                 not used up, is missed ([span.7]). The cycle at the beginning sees to that.
 *   [heap_walk.4] An object of a region MUST be met only where the region is the mutator's own;
 *                 otherwise another one frees it while it is in the batch, which is a root.
 * Locks:      CYCLE for a batch, REGIONS for a span.
 * Callers:    tri_heap_each.
 */
#include "gc/heap_walk.h"

#include <string.h>
#include <trillium/roots.h>

#include "gc/cycle.h"
#include "gc/object.h"
#include "gc/port.h"
#include "gc/sweep.h"

_Static_assert(HEAP_WALK_OBJECTS >= SPAN_SLOTS_MAX, "the objects of a span fit");

struct heap_walk {
    struct tri_heap *heap;
    const struct tri_mutator *mutator;
    const tri_type *type; /* NULL: all */
    page_index page;      /* where the next batch begins */
    tri_ref *objects;     /* HEAP_WALK_OBJECTS: the batch */
    size_t found;         /* of them */
};

static bool is_wanted(const struct heap_walk *walk, const tri_type *type)
{
    return type != NULL && (walk->type == NULL || walk->type == type);
}

static void find_objects(const struct span *span, uint64_t words[SPAN_BIT_WORDS])
{
    if (load_relaxed(&span->state) != SPAN_REGION) {
        span_find_objects(span, words);
        return;
    }
    memset(words, 0, SPAN_BIT_WORDS * sizeof *words);
    bitmap_set_range(words, 0, region_object_slots(span));
}

/* Add the objects of span to the batch. Returns the pages to go on by; 0: they may not fit. */
static size_t add_span(struct heap_walk *walk, struct span *span)
{
    const struct span_table *table = &walk->heap->page_heap.spans;
    uint64_t words[SPAN_BIT_WORDS];
    if (walk->found + span->slots > HEAP_WALK_OBJECTS) {
        return 0;
    }
    if (!span_is_mixed(span) && !is_wanted(walk, span->type)) {
        return span->pages;
    }
    find_objects(span, words);
    for (size_t i = 0; i < span_bit_words(span); i++) {
        for (uint64_t word = words[i]; word != 0; word &= word - 1) {
            struct object_place place;
            object_at_slot(table, span, (uint32_t)(i * 64 + trailing_zeros(word)), &place);
            if (is_wanted(walk, place.type)) {
                walk->objects[walk->found++] = place.object; /* [heap_walk.2] */
            }
        }
    }
    return span->pages;
}

/* Whether span is of a region of the walking mutator, which nobody frees meanwhile
 * [heap_walk.4]. */
static bool is_own(const struct heap_walk *walk, const struct span *span)
{
    return load_relaxed(&span->state) == SPAN_REGION && region_is_alive(walk->heap, span) &&
           load_relaxed(&region_of(walk->heap, span)->mutator) == walk->mutator;
}

/* As add_span, for one of a region's. Those of others may just be freed. */
static size_t add_region_span(struct heap_walk *walk, struct span *span)
{
    struct lock *lock = &walk->heap->regions.lock;
    lock_acquire(lock); /* a region that lives now, lives until it is released */
    size_t pages = is_own(walk, span) ? add_span(walk, span) : 1;
    lock_release(lock);
    return pages;
}

/* As add_span, for what begins at page. */
static size_t add_page(struct heap_walk *walk, page_index page)
{
    struct span *span = span_at(&walk->heap->page_heap.spans, page);
    uint8_t state = load_acquire(&span->state); /* pairs with the release in span_publish */
    if (load_relaxed(&span->first) != page || !span_state_is_in_use(state)) {
        return 1;
    }
    return state == SPAN_REGION ? add_region_span(walk, span) : add_span(walk, span);
}

/* Fill the batch as far as whole spans fit. */
static void add_spans(struct heap_walk *walk)
{
    page_index pages = load_relaxed(&walk->heap->page_heap.spans.pages);
    size_t step = 1;
    while (walk->page < pages && step != 0) {
        step = add_page(walk, walk->page);
        walk->page += (page_index)step;
    }
}

/* False where there are no more. A safepoint. */
LOCK_UNCHECKED static bool next_batch(struct tri_mutator *mutator, struct heap_walk *walk)
{
    struct tri_heap *heap = walk->heap;
    walk->found = 0;
    port_blocking_begin(mutator);
    cycle_lock_idle(heap); /* [heap_walk.1] */
    sweep_finish(heap);
    add_spans(walk);
    lock_release(&heap->cycle.lock);
    port_blocking_end(mutator);
    for (size_t i = walk->found; i < HEAP_WALK_OBJECTS; i++) {
        walk->objects[i] = TRI_NULL; /* of the batch before */
    }
    return walk->found > 0;
}

size_t heap_walk(struct tri_mutator *mutator, const tri_type *type,
                 void (*function)(tri_ref object, tri_type *type, size_t bytes, void *argument),
                 void *argument)
{
    TRI_FRAME(mutator, HEAP_WALK_OBJECTS);
    struct heap_walk walk = {
        .heap = mutator->heap, .mutator = mutator, .type = type, .objects = &TRI_LOCAL(0)};
    size_t count = 0;
    cycle_run(mutator, CYCLE_FORCED); /* [heap_walk.3] */
    while (next_batch(mutator, &walk)) {
        for (size_t i = 0; i < walk.found; i++) {
            struct object_place place;
            if (object_find(walk.heap, (uintptr_t)walk.objects[i], &place)) {
                function(place.object, place.type, place.bytes, argument);
                count++;
            }
        }
    }
    return count;
}
