/* shade.h -- turning white objects grey. */
#ifndef GC_SHADE_H
#define GC_SHADE_H

#include "gc/heap_state.h"
#include "gc/weak_word.h"

/* In an entry of a marker's stack: not an object to scan, but the slot of one that was marked, for
 * which entries of ephemerons may wait. */
#define ENTRY_IS_KEY ((uintptr_t)1)

void shade_key_slow(struct marker *marker, uintptr_t slot);

/* Whether entries may wait for objects of span. Comes after the change of a mark in the order of
 * all that is sequentially consistent; pairs with the change in ephemeron_wait_on [ephemeron.1]. */
static inline bool shade_has_keys(const struct span *span)
{
    return (load_seq_cst(&span->flags) & SPAN_HAS_KEYS) != 0; /* pairs: see above */
}

/* Whether marker may set marks: a mutator may not once marking has ended [shade.5]. */
static inline bool shade_may_mark(const struct marker *marker)
{
    return !marker->of_mutator || weak_disturb(marker->heap);
}

/* Bits of marks, or of what is scanned, that are set in *word from now on. Returns those that were
 * not before. */
static inline uint64_t shade_set_bits(const struct marker *marker, uint64_t *word, uint64_t bits)
{
    if (marker->alone) {
        uint64_t old = load_relaxed(word);
        store_relaxed(word, old | bits);
        return bits & ~old;
    }
    /* release half: pairs with the loads of marks in scan_span.c, see shade_queue_marked, and
     * with the acquire in span_is_seen_marked; and comes before the look at the span's flags, see
     * shade_has_keys */
    return bits & ~fetch_or_seq_cst(word, bits);
}

/* The object in the slot of span that starts at address slot was marked just now. */
static inline void shade_key(struct marker *marker, const struct span *span, uintptr_t slot)
{
    if (TRI_UNLIKELY(shade_has_keys(span))) {
        shade_key_slow(marker, slot);
    }
}

/* The slow half of shade: offset lies in pages that have entries. */
void shade_offset(struct marker *marker, size_t offset);

/* Let the processor fetch what shade_offset needs for what is collected, look at the batch before,
 * and begin to collect anew. */
void shade_batch(struct marker *marker);

/* Collect the reference, to be looked at some time from now. */
static inline void shade_later(struct marker *marker, size_t offset)
{
    struct pending_references *pending = marker->pending;
    uint32_t which = pending->collecting;
    uint32_t count = pending->count[which];
    pending->offsets[which][count] = offset;
    pending->count[which] = count + 1;
    if (TRI_UNLIKELY(count + 1 == MARK_PREFETCH_REFERENCES)) {
        shade_batch(marker);
    }
}

/* Look at the reference: now if what that takes is at hand, else some time from now. */
static inline void shade_soon(struct marker *marker, size_t offset)
{
    if ((page_index)(offset >> PAGE_SHIFT) == marker->pending->near) {
        shade_offset(marker, offset);
    } else {
        shade_later(marker, offset);
    }
}

/* Shade the object that address points to or into. An address in no object is ignored; where the
 * marker was told so and the word is not a conservative candidate, one that lies in a free slot
 * ends the process. Marker's thread only. */
static inline void shade(struct marker *marker, uintptr_t address)
{
    size_t offset = address - marker->base;
    if (offset < marker->bytes) {
        /* A candidate is judged as such while marker->conservative says so. */
        if (marker->pending != NULL && !marker->conservative) {
            shade_soon(marker, offset);
        } else {
            shade_offset(marker, offset);
        }
    }
}

/* Put entry on marker's stack, or note the overflow. Marker's thread only. */
void shade_push(struct marker *marker, uintptr_t entry);

/* An object of span was marked just now: queue the span, unless somebody is about to look at its
 * marks. */
void shade_queue_marked(struct marker *marker, struct span *span);

/* Where the reference in word leads to, as an offset from the heap's base; SIZE_MAX where there is
 * none. Where encoding is NULL, words are plain addresses, else values in it. */
static inline size_t shade_offset_of(const struct marker *marker, const tri_encoding *encoding,
                                     uintptr_t word)
{
    if (encoding != NULL) {
        if (!encoding_is_reference(encoding, word)) {
            return SIZE_MAX;
        }
        word = encoding_address(encoding, word);
    }
    size_t offset = word - marker->base;
    return offset < marker->bytes ? offset : SIZE_MAX;
}

/* Shade what offset leads to, and what those of the count words do that follow it, up to the first
 * one that does not lead into the same span. Returns how many they are. What was allocated in a row
 * is marked with one change of the bits for as much of it as these have in common. Marker's thread
 * only. */
size_t shade_row(struct marker *marker, const tri_encoding *encoding, size_t offset,
                 const void *words, size_t count);

/* Put span, whose grey is SPAN_QUEUED by the caller, into marker's queue, or note the overflow.
 * Marker's thread only. */
void shade_queue_span(struct marker *marker, struct span *span);

/* Whether marker's stacks may take locks. */
void marker_set_lock_free(struct marker *marker, bool lock_free);

/* Let marker's stacks take locks until marker_lower, with the priority for that. False where they
 * may anyhow, or where they still may not. Marker's thread only. */
bool marker_raise(struct marker *marker);
void marker_lower(struct marker *marker);

/* The slow half of marker_push. */
bool marker_push_slow(struct marker *marker, struct mark_stack *stack, uintptr_t entry);

/* Put entry on stack, one of marker's own. False where there is no memory for it. A marker at idle
 * priority raises itself where that takes a lock. Marker's thread only. */
static inline bool marker_push(struct marker *marker, struct mark_stack *stack, uintptr_t entry)
{
    return TRI_LIKELY(mark_stack_push(stack, entry)) || marker_push_slow(marker, stack, entry);
}

static inline void shade_value(struct marker *marker, const tri_encoding *encoding, uintptr_t word)
{
    if (encoding_is_reference(encoding, word)) {
        shade(marker, encoding_address(encoding, word));
    }
}

/* A marker as the host's callbacks know it, and back. */
static inline tri_visitor *visitor_of(struct marker *marker)
{
    return (tri_visitor *)(void *)marker;
}

static inline struct marker *marker_of(tri_visitor *visitor)
{
    return (struct marker *)(void *)visitor;
}

#endif
