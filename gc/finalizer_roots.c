/* finalizer_roots.c -- finalizers and cleanups as roots.
 *
 * Owns:       nothing.
 * Invariants:
 *   [finalizer_roots.1] What a record holds MUST be taken for a reference only where the record has
 *                       not been used anew since its state was read; otherwise a pointer of the
 *                       host's is. Its serial number tells. What was a root before passed the
 *                       barrier when it was taken ([finalizer.3]).
 * Locks:      none: mutators take, attach and stop meanwhile.
 * Callers:    mark, checkmark; finalizer.
 */
#include "gc/finalizer_roots.h"

#include "gc/shade.h"

uintptr_t attachment_root(const struct attachment *attachment, enum attachment_state state)
{
    switch (state) {
    case ATTACHMENT_WAITING:
        return load_acquire(&attachment->object); /* pairs with the release in begin_record */
    case ATTACHMENT_REF_CLEANUP:
    case ATTACHMENT_WAITING_REF_CLEANUP:
        return load_acquire(&attachment->argument); /* as above */
    default:
        return 0;
    }
}

static size_t scan_attachment(struct marker *marker, const struct attachment *attachment)
{
    uint32_t serial = load_relaxed(&attachment->serial);
    uintptr_t root = attachment_root(attachment, attachment_state_of(attachment));
    if (root == 0) {
        return 0;
    }
    if (load_relaxed(&attachment->serial) == serial) { /* [finalizer_roots.1] */
        shade(marker, root);
    }
    return WORD_BYTES;
}

static size_t scan_slots(struct marker *marker, const struct span *span, size_t word,
                         uint64_t slots)
{
    size_t bytes = bit_count(slots) * WORD_BYTES;
    for (; slots != 0; slots &= slots - 1) {
        uint32_t slot = (uint32_t)(word * 64 + trailing_zeros(slots));
        shade(marker, (uintptr_t)span_slot_address(marker->spans, span, slot));
    }
    return bytes;
}

static size_t scan_span(struct marker *marker, const struct finalized_span *record)
{
    const struct span *span = finalized_span_of(marker->heap, record);
    size_t words = span == NULL ? 0 : span_bit_words(span);
    size_t bytes = 0;
    for (size_t i = 0; i < words; i++) {
        bytes += scan_slots(marker, span, i, load_relaxed(&record->waiting[i]));
    }
    return bytes;
}

size_t finalizer_scan_roots(struct tri_heap *heap, struct marker *marker)
{
    const struct finalizer_state *state = &heap->finalizers;
    uint32_t attachments = growing_array_count(&state->attachments);
    uint32_t spans = growing_array_count(&state->spans.records);
    size_t bytes = 0;
    for (uint32_t number = 1; number <= attachments; number++) {
        bytes += scan_attachment(marker, attachment_at(state, number));
    }
    for (uint32_t number = 1; number <= spans; number++) {
        bytes += scan_span(marker, finalized_span_at(state, number));
    }
    return bytes;
}
