/* ephemeron.c -- which entries wait for which key, so that marking a key finds its values at once,
 * and all of marking is linear, however ephemerons hang on each other.
 *
 *   page of the key's span  ->  tree of segments  ->  heads, one for a slot  ->  waiting entries
 *
 * Owns:       SPAN_HAS_KEYS, the tree, the segments of waiting entries; all of it is empty between
 *             cycles.
 * Idea:       everything is made of segments of mark stacks and grows by compare-and-swap, so that
 *             markers of any priority and mutators take no lock here. A tree of three levels of
 *             segments leads from a page to the heads of its span. A segment has 510 heads, a span
 *             up to 512 slots: a few slots share a head, and an entry says its key.
 * Invariants:
 *   [ephemeron.1] Who lets an entry wait MUST look at the key's mark after the entry is linked and
 *                 the span's flag is set; otherwise one who has marked the key just before has seen
 *                 neither, and the value of a live key is lost (Note [N7 waiting entries]).
 *   [ephemeron.2] A chain MUST be taken as a whole by one exchange; otherwise two who find the key
 *                 marked divide it, and a third entry falls between.
 *   [ephemeron.3] Segments MUST be given back only when nobody marks; otherwise a late marker
 *                 follows links into another's grey work.
 *   [ephemeron.4] Where there is no memory to wait, the cycle MUST free nothing; otherwise the
 *                 value of a key that is marked later is freed.
 * Locks:      META where a segment is fresh; a marker at idle priority raises itself for it.
 * Callers:    weak_scan; weak.
 */
#include "gc/ephemeron.h"

#include <string.h>

#include "gc/assert.h"

#define FANOUT ((size_t)MARK_SEGMENT_ENTRIES)

/* Waiting entries in a segment. */
#define WAITING_WORDS (sizeof(struct waiting_entry) / WORD_BYTES)
#define WAITING_MAX   (FANOUT / WAITING_WORDS)

/* A segment, all its entries zero; NULL where there is no memory. */
static struct mark_segment *take_segment(struct marker *marker)
{
    struct segment_pool *pool = &marker->heap->mark.segments;
    struct mark_segment *segment = segment_pool_take_unused(pool);
    if (segment == NULL) {
        bool raised = marker_raise(marker);
        segment = marker->stack.lock_free ? NULL : segment_pool_take(pool);
        if (raised) {
            marker_lower(marker);
        }
    }
    if (segment != NULL) {
        memset(segment->entries, 0, sizeof segment->entries);
        segment->count = 0;
    }
    return segment;
}

/* ---- The tree -------------------------------------------------------------------------------- */

/* The segment that slot leads to, made where there is none; NULL where there is no memory. */
static struct mark_segment *descend(struct marker *marker, uintptr_t *slot)
{
    /* acquire: pairs with the release half below */
    struct mark_segment *segment = (struct mark_segment *)load_acquire(slot);
    if (segment != NULL) {
        return segment;
    }
    struct mark_segment *made = take_segment(marker);
    if (made == NULL) {
        return NULL;
    }
    uintptr_t found = 0;
    /* release half: pairs with the acquires here and in find_heads; acquire half, where another one
     * was faster, with its release half */
    if (cas_acq_rel(slot, &found, (uintptr_t)made)) {
        return made;
    }
    segment_pool_give(&marker->heap->mark.segments, made);
    return (struct mark_segment *)found;
}

static uintptr_t *root_slot(struct tri_heap *heap, page_index page)
{
    size_t index = page / (FANOUT * FANOUT);
    TRI_ASSERT(index < ARRAY_LENGTH(heap->weak.keys));
    return &heap->weak.keys[index];
}

/* The heads of the span that begins at page, made where there are none. */
static struct mark_segment *make_heads(struct marker *marker, page_index page)
{
    struct mark_segment *upper = descend(marker, root_slot(marker->heap, page));
    struct mark_segment *lower =
        upper == NULL ? NULL : descend(marker, &upper->entries[page / FANOUT % FANOUT]);
    return lower == NULL ? NULL : descend(marker, &lower->entries[page % FANOUT]);
}

/* The same; NULL where there are none. */
static struct mark_segment *find_heads(struct tri_heap *heap, page_index page)
{
    /* acquires: pair with the release half in descend */
    struct mark_segment *at = (struct mark_segment *)load_acquire(root_slot(heap, page));
    if (at != NULL) {
        at = (struct mark_segment *)load_acquire(&at->entries[page / FANOUT % FANOUT]);
    }
    /* acquire: pairs as above */
    return at == NULL ? NULL : (struct mark_segment *)load_acquire(&at->entries[page % FANOUT]);
}

/* ---- Entries --------------------------------------------------------------------------------- */

/* Room for an entry in the newest segment, or a new one. NULL where there is no memory. */
static struct waiting_entry *make_entry(struct marker *marker)
{
    struct mark_segment **newest = &marker->heap->weak.waiting;
    /* acquire: pairs with the release half below */
    struct mark_segment *segment = load_acquire(newest);
    for (;;) {
        /* A number that only grows: pairs with nothing. */
        size_t index = segment == NULL ? WAITING_MAX : fetch_add_relaxed(&segment->count, 1);
        if (index < WAITING_MAX) {
            return (struct waiting_entry *)(void *)&segment->entries[index * WAITING_WORDS];
        }
        struct mark_segment *made = take_segment(marker);
        if (made == NULL) {
            return NULL;
        }
        store_relaxed(&made->next, segment);
        made->count = 1;
        /* release half: pairs with the acquires here and above */
        if (cas_acq_rel(newest, &segment, made)) {
            return (struct waiting_entry *)(void *)made->entries;
        }
        segment_pool_give(&marker->heap->mark.segments, made);
    }
}

/* Put waiting on the chain of its head. */
static void link_entry(struct mark_segment *heads, uint32_t slot, struct waiting_entry *waiting)
{
    uintptr_t *head = &heads->entries[slot % FANOUT];
    uintptr_t first = load_relaxed(head);
    do {
        waiting->next = (struct waiting_entry *)first;
        /* Pairs with the exchange in ephemeron_take; and comes before the look at the mark, see
         * ephemeron_wait_on. */
    } while (!cas_seq_cst(head, &first, (uintptr_t)waiting));
}

/* [ephemeron.4] */
static void give_up(const struct marker *marker)
{
    store_relaxed(&marker->heap->mark.is_void, 1U);
}

bool ephemeron_wait_on(struct marker *marker, const struct object_place *place,
                       struct waiting_entry *waiting)
{
    struct span *span = place->span;
    struct mark_segment *heads = make_heads(marker, load_relaxed(&span->first));
    if (heads == NULL) {
        give_up(marker);
        return true;
    }
    link_entry(heads, place->slot, waiting);
    if (!(load_relaxed(&span->flags) & SPAN_HAS_KEYS)) {
        /* pairs with the load in shade_has_keys */
        fetch_or_seq_cst(&span->flags, (uint8_t)SPAN_HAS_KEYS);
    }
    /* [ephemeron.1] pairs with the change of the mark in reach_set_mark */
    uint64_t marks = load_seq_cst(&span->bits[place->slot / 64].mark);
    return !((marks >> (place->slot % 64)) & 1);
}

bool ephemeron_wait(struct marker *marker, const struct object_place *place, const void *slot,
                    uintptr_t key, const tri_encoding *encoding)
{
    struct waiting_entry *waiting = make_entry(marker);
    if (waiting == NULL) {
        give_up(marker);
        return true;
    }
    waiting->key = key;
    waiting->entry = (uintptr_t)slot;
    waiting->encoding = encoding;
    marker->waits++;
    return ephemeron_wait_on(marker, place, waiting);
}

struct waiting_entry *ephemeron_take(struct tri_heap *heap, const struct object_place *place)
{
    struct mark_segment *heads = find_heads(heap, load_relaxed(&place->span->first));
    if (heads == NULL) {
        return NULL;
    }
    /* [ephemeron.2] acquire half: pairs with the exchange in link_entry */
    return (struct waiting_entry *)exchange_acq_rel(&heads->entries[place->slot % FANOUT],
                                                    (uintptr_t)0);
}

const struct waiting_entry *ephemeron_first(struct tri_heap *heap, const struct object_place *place)
{
    if (!(load_relaxed(&place->span->flags) & SPAN_HAS_KEYS)) {
        return NULL;
    }
    const struct mark_segment *heads = find_heads(heap, load_relaxed(&place->span->first));
    return heads == NULL
               ? NULL
               : (const struct waiting_entry *)load_relaxed(&heads->entries[place->slot % FANOUT]);
}

bool ephemeron_each(struct tri_heap *heap, struct mark_segment **cursor,
                    void (*function)(struct tri_heap *heap, struct waiting_entry *waiting))
{
    /* acquire: pairs with the release half in make_entry */
    struct mark_segment *segment =
        *cursor == NULL ? load_acquire(&heap->weak.waiting) : load_relaxed(&(*cursor)->next);
    if (segment == NULL) {
        return false;
    }
    size_t count = size_min(load_relaxed(&segment->count), WAITING_MAX);
    for (size_t i = 0; i < count; i++) {
        function(heap, (struct waiting_entry *)(void *)&segment->entries[i * WAITING_WORDS]);
    }
    *cursor = segment;
    return true;
}

/* ---- The end --------------------------------------------------------------------------------- */

/* Give the heads of the span at page back. */
static void drop_heads(struct tri_heap *heap, page_index page, struct mark_segment *heads)
{
    fetch_and_relaxed(&span_at(&heap->page_heap.spans, page)->flags, (uint8_t)~SPAN_HAS_KEYS);
    segment_pool_give(&heap->mark.segments, heads);
}

static void drop_lower(struct tri_heap *heap, size_t first, struct mark_segment *lower)
{
    for (size_t i = 0; i < FANOUT; i++) {
        if (lower->entries[i] != 0) {
            drop_heads(heap, (page_index)(first + i), (struct mark_segment *)lower->entries[i]);
        }
    }
    segment_pool_give(&heap->mark.segments, lower);
}

static void drop_upper(struct tri_heap *heap, size_t first, struct mark_segment *upper)
{
    for (size_t i = 0; i < FANOUT; i++) {
        if (upper->entries[i] != 0) {
            drop_lower(heap, first + i * FANOUT, (struct mark_segment *)upper->entries[i]);
        }
    }
    segment_pool_give(&heap->mark.segments, upper);
}

void ephemeron_end_cycle(struct tri_heap *heap) /* [ephemeron.3] */
{
    struct weak_state *weak = &heap->weak;
    struct mark_segment *segment = weak->waiting;
    if (segment == NULL) {
        return;
    }
    weak->waiting = NULL;
    while (segment != NULL) {
        struct mark_segment *next = mark_segment_next(segment);
        segment_pool_give(&heap->mark.segments, segment);
        segment = next;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(weak->keys); i++) {
        if (weak->keys[i] != 0) {
            drop_upper(heap, i * FANOUT * FANOUT, (struct mark_segment *)weak->keys[i]);
            weak->keys[i] = 0;
        }
    }
}
