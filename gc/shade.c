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
#include "gc/weak_word.h"

/* True for exactly one marker, the one that turned the bit on. */
static inline bool set_mark(const struct marker *marker, uint64_t *word, uint64_t mask)
{
    uint64_t old = load_relaxed(word);
    if (old & mask) {
        return false;
    }
    if (marker->alone) {
        if (TRI_UNLIKELY(marker->refuses != NULL) && marker->refuses(marker, word, mask)) {
            return false;
        }
        store_relaxed(word, old | mask);
        return true;
    }
    if (TRI_UNLIKELY(marker->of_mutator) && !weak_disturb(marker->heap)) {
        return false; /* [shade.5] */
    }
    /* Sequentially consistent: pairs with the loads of marks in scan_span.c, see queue_span. Its
     * release half pairs with the acquire in span_is_seen_marked, so that who finds an object
     * marked that was brought back to life finds weak references to it cleared. */
    return (fetch_or_seq_cst(word, mask) & mask) == 0; /* [shade.1] */
}

/* A reference that is known to be one leads to no object, but into a span of this state. */
static void found_dead(const struct marker *marker, size_t offset, uint8_t state)
{
    if (TRI_LIKELY(!marker->check_dead || marker->conservative)) {
        return;
    }
    if (state == SPAN_FENCED) {
        fatal("gcverify: the reference %p, found while marking, points into a region that was "
              "freed.\n"
              "Nothing that lives on may refer to objects of a region when tri_region_free is "
              "called: clear the slot before, or allocate the object by tri_alloc.",
              (void *)(marker->base + offset));
    } else {
        fatal("gcverify: the reference %p, found while marking, points to memory that is not an "
              "object.\n"
              "The object it meant was collected earlier, because no root or slot held it then, or "
              "was never there. "
              "Look for a store without tri_store and for a local that no frame or scanner shows.",
              (void *)(marker->base + offset));
    }
}

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

static void enqueue_here(struct marker *marker, uintptr_t entry)
{
    if (TRI_UNLIKELY(!marker_push(marker, &marker->stack, entry))) {
        /* release: pairs with the exchange in mark_drain [shade.2] */
        store_release(&marker->heap->mark.overflow, 1U);
    }
}

static void enqueue(struct marker *marker, const struct span *span, uintptr_t address)
{
    if (TRI_LIKELY(!marker->sends) || !mark_home_send_object(marker, span, address)) {
        enqueue_here(marker, address);
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
        store_seq_cst(&span->grey, (uint8_t)SPAN_IDLE); /* pairs with the load in queue_span */
        /* release: pairs with the exchange in mark_drain [shade.2] */
        store_release(&marker->heap->mark.overflow, 1U);
    }
}

/* An object of span was marked just now: queue the span, unless somebody is about to look at its
 * marks [scan_span.2]. */
static void queue_span(struct marker *marker, struct span *span)
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
 * objects to be met; and the object was not met from one beside it, in which case there are
 * more. */
static bool is_on_a_chain(const struct marker *marker, page_index page)
{
    return marker->pending != NULL && marker->pending->near != page &&
           mark_stack_is_short(&marker->stack, MARK_CHAIN_WORK) &&
           mark_queue_is_short(&marker->queue, MARK_CHAIN_WORK);
}

/* The object of span whose bit is mask in word i was marked just now: let this marker scan it by
 * itself. False where whoever has the span has scanned it since. */
static bool claim(const struct marker *marker, struct span *span, uint32_t i, uint64_t mask)
{
    if (marker->alone) {
        store_relaxed(&span->scanned[i], load_relaxed(&span->scanned[i]) | mask);
        return true;
    }
    /* Pairs with the change in set_bits of scan_span.c [scan_span.5]. */
    return (fetch_or_seq_cst(&span->scanned[i], mask) & mask) == 0;
}

void shade_key_slow(struct marker *marker, uintptr_t slot)
{
    if (marker->discovers) {
        enqueue_here(marker, slot | ENTRY_IS_KEY);
    }
}

void shade_offset(struct marker *marker, size_t offset)
{
    if (TRI_UNLIKELY(marker->found != NULL)) {
        marker->found(marker, marker->base + offset);
        return;
    }
    page_index page = (page_index)(offset >> PAGE_SHIFT);
    struct span *span = span_at(marker->spans, page);
    page_index first = load_relaxed(&span->first);
    if (first != page) {
        span = span_at(marker->spans, first);
    }
    /* acquire: pairs with the release in span_publish. No span in which objects are marked is
     * retired while a cycle marks. */
    uint8_t state = load_acquire(&span->state);
    if (TRI_UNLIKELY(state != SPAN_IN_USE || page - first >= span->pages)) {
        if (state != SPAN_REGION) { /* else it is live anyway, and scanned with its region */
            found_dead(marker, offset, state);
        }
        return;
    }
    /* A large object has reciprocal 0, hence slot 0 whatever the offset. */
    uint32_t slot = span_slot(span, (uint32_t)(offset - ((size_t)first << PAGE_SHIFT)));
    struct span_bits *bits = &span->bits[slot / 64 % SPAN_BIT_WORDS];
    uint64_t mask = UINT64_C(1) << (slot % 64);
    /* acquire: pairs with the release in span_enter_run [span.5] */
    if (TRI_UNLIKELY(slot >= span->slots || !(load_acquire(&bits->allocated) & mask))) {
        found_dead(marker, offset, state); /* [shade.3] */
        return;
    }
    if (!set_mark(marker, &bits->mark, mask)) {
        return;
    }
    marker->marked_objects++;
    marker->marked_bytes += span_object_bytes(span);
    uintptr_t address =
        marker->base + ((size_t)first << PAGE_SHIFT) + (size_t)slot * span->slot_bytes;
    if (span_is_queued_whole(span)) {
        if (!is_on_a_chain(marker, page)) {
            queue_span(marker, span);
        } else if (claim(marker, span, slot / 64 % SPAN_BIT_WORDS, mask)) {
            enqueue(marker, span, address);
        }
    } else if (span->scannable) {
        enqueue(marker, span, address);
    }
    shade_key(marker, span, address);
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
    for (uint32_t i = 0; i < pending->count[before]; i++) {
        shade_offset(marker, pending->offsets[before][i]);
    }
    pending->count[before] = 0;
    pending->collecting = before;
}
