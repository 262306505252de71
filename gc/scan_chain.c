/* scan_chain.c -- objects that lead from one span to the next, scanned one by one.
 *
 * Owns:       the scanned bits of the objects that it lets its marker scan by themselves.
 * Idea:       a list whose links consist of several objects, as those of an interpreter do, never
 *             makes more than a few objects grey at a time. Spans that wait for more of their
 *             objects to be met wait in vain, and so do references that are looked at in batches: a
 *             visit of the queue, and of the batch, for each object costs four times what scanning
 *             it does. So while there is little to do the marker goes from object to object, oldest
 *             first, and the processor fetches each while others are scanned. Whatever more there
 *             is goes to the queue of spans, and when that is not short any more, this is not the
 *             place.
 * Invariants:
 *   [scan_chain.1] An object that was claimed MUST be scanned here, or be on the marker's stack in
 *                  the end; otherwise nobody scans it: its scanned bit says that it was.
 *   [scan_chain.2] What is scanned at once MUST be bounded by the limit; otherwise a mutator's step
 *                  is as long as its list.
 * Locks:      META inside the pool of segments.
 * Callers:    mark.
 */
#include "gc/scan_chain.h"

#include "gc/reach.h"
#include "gc/scan.h"

/* An object that waits for its scan. Its span is queued whole. */
struct waiting {
    const struct span *span;
    uintptr_t address;
};

/* The loop's state. Nobody else knows its address, so that it is in registers, but for the ring. */
struct chain {
    page_index near; /* the page of the object that is being scanned */
    uint32_t head;   /* of the ring below; counts on */
    uint32_t tail;
    bool is_busy; /* there is more to do than a chain makes */
    struct waiting ring[MARK_CHAIN_WORK_SMALL];
};
_Static_assert((MARK_CHAIN_WORK_SMALL & (MARK_CHAIN_WORK_SMALL - 1)) == 0, "a ring by masking");
_Static_assert(MARK_CHAIN_WORK <= MARK_CHAIN_WORK_SMALL, "there is room for either");

TRI_INLINE void put(struct chain *chain, const struct span *span, uintptr_t address)
{
    prefetch_read((const void *)address);
    chain->ring[chain->tail++ % MARK_CHAIN_WORK_SMALL] = (struct waiting){span, address};
}

/* The next two return whether the marker is busy then. */

/* The object of span at address, which was marked just now, is queued by itself anyhow, or is a
 * leaf. */
TRI_NOINLINE static bool meet_single(struct marker *marker, const struct span *span,
                                     uintptr_t address)
{
    if (span->scannable) {
        shade_push(marker, address);
    }
    return !mark_stack_is_short(&marker->stack, marker->chain_work);
}

/* Others of the span's objects are expected to be met, or there is no room. */
TRI_NOINLINE static bool queue(struct marker *marker, struct span *span)
{
    shade_queue_marked(marker, span);
    return !mark_queue_is_short(&marker->queue, marker->chain_work);
}

TRI_INLINE void meet(struct marker *marker, struct chain *chain, const struct reach_view view,
                     uintptr_t address)
{
    size_t offset = address - view.base;
    struct reached reached;
    if (offset >= view.bytes || !reach(marker, view, offset, &reached)) {
        return;
    }
    struct span *span = reached.span;
    marker->marked_objects++;
    marker->marked_bytes += span_object_bytes(span);
    if (!span_is_queued_whole(span)) {
        chain->is_busy |= meet_single(marker, span, reached.slot_address);
    } else if ((page_index)(offset >> PAGE_SHIFT) == chain->near ||
               chain->tail - chain->head >= marker->chain_work) {
        chain->is_busy |= queue(marker, span);
    } else if (reach_claim(marker, &reached)) {
        put(chain, span, reached.slot_address);
    }
    shade_key(marker, span, reached.slot_address);
}

/* Each word is read by one load [scan.1]. */
TRI_INLINE void scan(struct marker *marker, struct chain *chain, const struct reach_view view,
                     const struct waiting object)
{
    const struct span *span = object.span;
    const tri_aliased_word *words = (const tri_aliased_word *)object.address;
    const tri_encoding *encoding = &span->type->layout.encoding;
    uint64_t values = span->values;
    chain->near = (page_index)((object.address - view.base) >> PAGE_SHIFT);
    for (uint64_t left = span->pointers | values; left != 0; left &= left - 1) {
        uint32_t i = trailing_zeros(left);
        uintptr_t word = load_relaxed(&words[i]);
        if ((values >> i) & 1) {
            if (!encoding_is_reference(encoding, word)) {
                continue;
            }
            word = encoding_address(encoding, word);
        }
        meet(marker, chain, view, word);
    }
    marker->scanned_bytes += span->slot_bytes;
}

/* Begin with the object that is topmost on the marker's stack. False if there is none. */
TRI_INLINE bool begin(struct marker *marker, struct chain *chain, const struct reach_view view)
{
    uintptr_t entry;
    if (!mark_stack_pop(&marker->stack, &entry)) {
        return false;
    }
    page_index page = (page_index)((entry - view.base) >> PAGE_SHIFT);
    const struct span *span = view.spans + load_relaxed(&view.spans[page].first);
    if ((entry & (ENTRY_IS_KEY | SCAN_WHOLE_SPAN)) == 0 && span_is_queued_whole(span)) {
        put(chain, span, entry);
    } else {
        marker->scanned_bytes += scan_entry(marker, entry);
        chain->is_busy |= !mark_stack_is_short(&marker->stack, marker->chain_work);
    }
    return true;
}

void scan_chain(struct marker *marker, size_t limit)
{
    const struct reach_view view = reach_view_of(marker);
    struct chain chain;
    chain.near = PAGE_NONE;
    chain.head = 0;
    chain.tail = 0;
    chain.is_busy = false;
    while (marker->scanned_bytes < limit && !chain.is_busy) { /* [scan_chain.2] */
        if (chain.head != chain.tail) {
            scan(marker, &chain, view, chain.ring[chain.head++ % MARK_CHAIN_WORK_SMALL]);
        } else if (!begin(marker, &chain, view)) {
            break;
        }
    }
    for (; chain.head != chain.tail; chain.head++) { /* [scan_chain.1] */
        uintptr_t address = chain.ring[chain.head % MARK_CHAIN_WORK_SMALL].address;
        if (!marker_push(marker, &marker->stack, address)) {
            marker->scanned_bytes += scan_entry(marker, address); /* no memory to queue it */
        }
    }
}
