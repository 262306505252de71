/* reach.h -- from a reference to its object's mark: what all have in common that mark objects one
 * by one. The invariants are those of shade.c.
 */
#ifndef GC_REACH_H
#define GC_REACH_H

#include "gc/heap_state.h"
#include "gc/weak_word.h"

/* What a loop that marks has in registers: copies of a marker's. */
struct reach_view {
    uintptr_t base;
    size_t bytes;
    struct span *spans; /* the entry of page 0 */
};

/* An object that was marked just now. */
struct reached {
    struct span *span;
    uintptr_t slot_address;
    uint64_t mask;  /* its bit */
    uint32_t index; /* of the word of bits that has it */
};

static inline struct reach_view reach_view_of(const struct marker *marker)
{
    return (struct reach_view){marker->base, marker->bytes, span_at(marker->spans, 0)};
}

/* The word that marker has met leads to no object, but to memory of this state. Where it is known
 * to be a reference that ends the process, with gcverify=1. */
void reach_none(const struct marker *marker, size_t offset, uint8_t state);

/* True for exactly one marker, the one that turned the bit on. */
static inline bool reach_set_mark(const struct marker *marker, uint64_t *word, uint64_t mask)
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
    /* Sequentially consistent: pairs with the loads of marks in scan_span.c, see
     * shade_queue_marked. Its release half pairs with the acquire in span_is_seen_marked, so that
     * who finds an object marked that was brought back to life finds weak references to it
     * cleared. */
    return (fetch_or_seq_cst(word, mask) & mask) == 0; /* [shade.1] */
}

/* Mark the object that offset, which lies in pages that have entries, leads to or into. False where
 * there is none, or it is marked already. The caller counts it. */
TRI_INLINE bool reach(const struct marker *marker, const struct reach_view view, size_t offset,
                      struct reached *reached)
{
    page_index page = (page_index)(offset >> PAGE_SHIFT);
    struct span *span = view.spans + page;
    page_index first = load_relaxed(&span->first);
    if (first != page) {
        span = view.spans + first;
    }
    /* acquire: pairs with the release in span_publish; before the span is looked at. No span in
     * which objects are marked is retired while a cycle marks. */
    uint8_t state = load_acquire(&span->state);
    if (TRI_UNLIKELY(state != SPAN_IN_USE || page - first >= span->pages)) {
        reach_none(marker, offset, state);
        return false;
    }
    size_t start = (size_t)first << PAGE_SHIFT;
    /* A large object has reciprocal 0, hence slot 0 whatever the offset. */
    uint32_t slot = span_slot(span, (uint32_t)(offset - start));
    uint32_t index = slot / 64 % SPAN_BIT_WORDS;
    struct span_bits *bits = &span->bits[index];
    if ((load_relaxed(&bits->mark) >> (slot % 64)) & 1) {
        return false; /* what is marked is allocated */
    }
    uint64_t mask = UINT64_C(1) << (slot % 64);
    /* acquire: pairs with the release in span_enter_run [span.5] */
    if (TRI_UNLIKELY(slot >= span->slots || !(load_acquire(&bits->allocated) & mask))) {
        reach_none(marker, offset, state); /* [shade.3] */
        return false;
    }
    if (!reach_set_mark(marker, &bits->mark, mask)) {
        return false;
    }
    *reached = (struct reached){
        .span = span,
        .slot_address = view.base + start + (size_t)slot * span->slot_bytes,
        .mask = mask,
        .index = index,
    };
    return true;
}

/* The object, whose span is queued whole, was marked just now: let this marker scan it by itself.
 * False where whoever has the span has scanned it since. */
static inline bool reach_claim(const struct marker *marker, const struct reached *reached)
{
    uint64_t *scanned = &reached->span->scanned[reached->index];
    if (marker->alone) {
        store_relaxed(scanned, load_relaxed(scanned) | reached->mask);
        return true;
    }
    /* Pairs with the change in shade_set_bits by scan_span.c [scan_span.5]. */
    return (fetch_or_seq_cst(scanned, reached->mask) & reached->mask) == 0;
}

#endif
