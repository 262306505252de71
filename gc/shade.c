/* shade.c -- where objects are marked, but for those that scan_span.c meets in the span it scans.
 *
 * Owns:       mark bits while a cycle marks.
 * Invariants:
 *   [shade.1] Exactly one marker MUST see itself turn an object from white to grey; otherwise its
 *             scan is done twice or by nobody.
 *   [shade.2] An object that was shaded MUST be queued, or its span be queued or held, or it be a
 *             leaf, or the overflow be noted; otherwise what it refers to is lost.
 *   [shade.3] Only a slot whose allocated bit is set MUST be shaded; otherwise the sweep makes an
 *             object out of free memory ([span.2]).
 *   [shade.4] A marker MUST NOT take META while its stacks are lock_free; otherwise a mutator waits
 *             until some processor is idle ([mark_stack.4]).
 *   [shade.5] A mutator MUST NOT set a mark once marking has ended; otherwise a read of a weak
 *             reference takes a piece of garbage for live ([weak_word.1]).
 * Locks:      META inside the pool of segments.
 * Callers:    markers; root scanners and trace functions by way of tri_visit_ref and its kin.
 */
#include "gc/shade.h"

#include "gc/assert.h"
#include "gc/mark_home.h"
#include "gc/port.h"
#include "gc/reach.h"

static unsigned index_of(const struct marker *marker)
{
    return (unsigned)(marker - marker->heap->mark.markers);
}

void marker_set_lock_free(struct marker *marker, bool lock_free)
{
    marker->stack.lock_free = lock_free;
    marker->later.lock_free = lock_free;
    marker->weak.lock_free = lock_free;
    marker->queue.lock_free = lock_free;
}

bool marker_raise(struct marker *marker)
{
    if (!marker->stack.lock_free || !port_raise_marker(marker->heap, index_of(marker))) {
        return false;
    }
    marker_set_lock_free(marker, false); /* [shade.4] */
    return true;
}

void marker_lower(struct marker *marker)
{
    marker_set_lock_free(marker, true);
    port_lower_marker(marker->heap, index_of(marker));
}

TRI_COLD bool marker_push_slow(struct marker *marker, struct mark_stack *stack, uintptr_t entry)
{
    if (!marker_raise(marker)) {
        return false;
    }
    bool pushed = mark_stack_push(stack, entry);
    marker_lower(marker);
    return pushed;
}

void shade_push(struct marker *marker, uintptr_t entry)
{
    if (TRI_UNLIKELY(!marker_push(marker, &marker->stack, entry))) {
        /* release: pairs with the exchange in mark_drain [shade.2] */
        store_release(&marker->heap->mark.overflow, 1U);
    }
}

static void enqueue(struct marker *marker, const struct span *span, uintptr_t address)
{
    if (TRI_LIKELY(!marker->sends) || !mark_home_send_object(marker, span, address)) {
        shade_push(marker, address);
    }
}

static bool push_span_slow(struct marker *marker, struct span *span)
{
    if (!marker_raise(marker)) {
        return false;
    }
    bool pushed = mark_queue_push(&marker->queue, span);
    marker_lower(marker);
    return pushed;
}

void shade_queue_span(struct marker *marker, struct span *span)
{
    if (TRI_UNLIKELY(marker->sends) && mark_home_send_span(marker, span)) {
        return;
    }
    if (TRI_UNLIKELY(!mark_queue_push(&marker->queue, span)) && !push_span_slow(marker, span)) {
        store_seq_cst(&span->grey, (uint8_t)SPAN_IDLE); /* pairs with the load in
                                                           shade_queue_marked */
        /* release: pairs with the exchange in mark_drain [shade.2] */
        store_release(&marker->heap->mark.overflow, 1U);
    }
}

/* [scan_span.2] */
void shade_queue_marked(struct marker *marker, struct span *span)
{
    /* Comes after the change of the mark in the order of all that is sequentially consistent; pairs
     * with the changes in scan_span.c (Note [N6 queued or held]). */
    uint8_t grey = load_seq_cst(&span->grey);
    if (grey != SPAN_IDLE) {
        return;
    }
    if (marker->alone) {
        store_relaxed(&span->grey, (uint8_t)SPAN_QUEUED);
    } else if (!cas_seq_cst(&span->grey, &grey, (uint8_t)SPAN_QUEUED)) { /* pairs as above */
        return;
    }
    shade_queue_span(marker, span);
}

/* Whether the marker has so little to do that a span on its queue would not wait for others of its
 * objects to be met: what it meets is on a chain, but for what lies in the same page as the object
 * from which it was met, where there are more. */
static bool has_little(const struct marker *marker)
{
    return marker->pending != NULL && mark_queue_is_short(&marker->queue, marker->chain_work) &&
           mark_stack_is_short(&marker->stack, marker->chain_work);
}

void shade_key_slow(struct marker *marker, uintptr_t slot)
{
    if (marker->discovers) {
        shade_push(marker, slot | ENTRY_IS_KEY);
    }
}

/* The object was marked just now: see to it that it is scanned. chains: it may be on one. */
TRI_INLINE void go_on(struct marker *marker, const struct reached *reached, bool chains)
{
    struct span *span = reached->span;
    marker->marked_objects++;
    marker->marked_bytes += span_object_bytes(span);
    if (span_is_queued_whole(span)) {
        if (!chains) {
            shade_queue_marked(marker, span);
        } else if (reach_claim(marker, reached)) {
            enqueue(marker, span, reached->slot_address);
        }
    } else if (span->scannable) {
        enqueue(marker, span, reached->slot_address);
    }
    shade_key(marker, span, reached->slot_address);
}

void shade_offset(struct marker *marker, size_t offset)
{
    struct reached reached;
    if (TRI_UNLIKELY(marker->found != NULL)) {
        marker->found(marker, marker->base + offset);
    } else if (reach(marker, reach_view_of(marker), offset, &reached)) {
        go_on(marker, &reached,
              has_little(marker) && marker->pending->near != (page_index)(offset >> PAGE_SHIFT));
    }
}

/* Whether each reference is judged by itself: what is done with it is somebody else's choice, or it
 * shall be named where it is no good. */
static bool shades_singly(const struct marker *marker)
{
    return marker->found != NULL || marker->refuses != NULL || marker->check_dead ||
           marker->conservative;
}

/* The objects of span in word number i of its bits that fresh names were marked just now. */
static void enqueue_marked(struct marker *marker, struct span *span, uint32_t i, uint64_t fresh)
{
    uintptr_t base = marker->base + ((size_t)span->first << PAGE_SHIFT);
    bool whole = span_is_queued_whole(span);
    bool has_keys = shade_has_keys(span);
    if (whole) {
        shade_queue_marked(marker, span);
    }
    if (TRI_LIKELY(!has_keys) && (whole || !span->scannable)) {
        return;
    }
    for (; fresh != 0; fresh &= fresh - 1) {
        uintptr_t address = base + (i * 64 + trailing_zeros(fresh)) * (size_t)span->slot_bytes;
        if (!whole && span->scannable) {
            enqueue(marker, span, address);
        }
        if (TRI_UNLIKELY(has_keys)) {
            shade_key_slow(marker, address);
        }
    }
}

/* Shade the objects of span in word number i of its bits that wanted names, as far as there are
 * any. */
static void shade_slots(struct marker *marker, struct span *span, uint32_t i, uint64_t wanted)
{
    struct span_bits *bits = &span->bits[i];
    /* acquire: pairs with the release in span_enter_run [span.5] [shade.3] */
    wanted &= load_acquire(&bits->allocated);
    wanted &= ~load_relaxed(&bits->mark);
    if (wanted == 0 || !shade_may_mark(marker)) {
        return;
    }
    uint64_t fresh = shade_set_bits(marker, &bits->mark, wanted); /* [shade.1] */
    if (fresh == 0) {
        return;
    }
    uint32_t count = bit_count(fresh);
    marker->marked_objects += count;
    marker->marked_bytes += (uint64_t)count * span->slot_bytes;
    enqueue_marked(marker, span, i, fresh);
}

size_t shade_row(struct marker *marker, const tri_encoding *encoding, size_t offset,
                 const void *words, size_t count)
{
    const tri_aliased_word *at = words;
    page_index page = (page_index)(offset >> PAGE_SHIFT);
    page_index first = load_relaxed(&span_at(marker->spans, page)->first);
    struct span *span = span_at(marker->spans, first);
    /* acquire: pairs with the release in span_publish, as in shade_offset */
    if (TRI_UNLIKELY(load_acquire(&span->state) != SPAN_IN_USE || shades_singly(marker))) {
        shade_offset(marker, offset);
        return 0;
    }
    const uintptr_t base = marker->base + ((size_t)first << PAGE_SHIFT);
    const size_t bytes = (size_t)span->slots * span->slot_bytes; /* 0: a large object */
    size_t inside = marker->base + offset - base;
    if (inside >= bytes) {
        shade_offset(marker, offset);
        return 0;
    }
    const uint64_t reciprocal = span->reciprocal;
    uint32_t i = (uint32_t)(inside * reciprocal >> 38);
    uint64_t wanted = 0;
    size_t done = 0;
    for (;;) {
        uint64_t product = inside * reciprocal;
        if (TRI_UNLIKELY((uint32_t)(product >> 38) != i)) {
            shade_slots(marker, span, i, wanted);
            i = (uint32_t)(product >> 38);
            wanted = 0;
        }
        wanted |= UINT64_C(1) << (product >> 32 & 63);
        if (done == count) {
            break;
        }
        uintptr_t word = load_relaxed(&at[done]);
        if (encoding != NULL) {
            if (!encoding_is_reference(encoding, word)) {
                break;
            }
            word = encoding_address(encoding, word);
        }
        inside = word - base;
        if (inside >= bytes) {
            break;
        }
        done++;
    }
    shade_slots(marker, span, i, wanted);
    return done;
}

void shade_batch(struct marker *marker)
{
    struct pending_references *pending = marker->pending;
    uint32_t collected = pending->collecting;
    uint32_t before = collected ^ 1;
    /* One after the other, with nothing between: a processor waits for the translation of an
     * address that it does not know, and can look up several of them at a time only where they are
     * close together in its queue. */
    for (uint32_t i = 0; i < pending->count[collected]; i++) {
        size_t page = pending->offsets[collected][i] >> PAGE_SHIFT;
        prefetch_write(span_at(marker->spans, (page_index)page));
    }
    const struct reach_view view = reach_view_of(marker);
    TRI_ASSERT(marker->found == NULL); /* who looks for something else collects nothing */
    bool chains = has_little(marker);  /* what is met makes it no less */
    for (uint32_t i = 0; i < pending->count[before]; i++) {
        size_t offset = pending->offsets[before][i];
        struct reached reached;
        if (reach(marker, view, offset, &reached)) {
            chains = chains && has_little(marker);
            go_on(marker, &reached, chains && pending->near != (page_index)(offset >> PAGE_SHIFT));
        }
    }
    pending->count[before] = 0;
    pending->collecting = before;
}
