/* scan.c -- one kernel for each kind of layout.
 *
 * Owns:       nothing: it reads objects and calls shade.
 * Invariants:
 *   [scan.1] A word that the layout names MUST be read exactly by one load; otherwise a reference
 *            that is stored meanwhile is seen torn.
 *   [scan.2] The pieces of a large object MUST cover each of its elements exactly once; otherwise
 *            references in the gap are lost.
 *   [scan.3] Nothing outside the slot MUST be read; otherwise the next object's words count as this
 *            one's.
 * Locks:      none.
 * Callers:    markers.
 */
#include "gc/scan.h"

#include "gc/assert.h"
#include "gc/object.h"
#include "gc/weak_scan.h"

/* A slot as the marker reads it: any object's memory, by one relaxed load [scan.1]. */
static inline uintptr_t word_at(const char *address)
{
    return load_relaxed((const tri_aliased_word *)(const void *)address);
}

static bool is_same_page(size_t offset, size_t other)
{
    return offset >> PAGE_SHIFT == other >> PAGE_SHIFT;
}

/* References side by side: plain addresses where encoding is NULL, else values in it. Two that lead
 * to the same page, one after the other, begin a row. */
TRI_INLINE void scan_side_by_side(struct marker *marker, const tri_encoding *encoding,
                                  const char *words, size_t count)
{
    size_t next = count == 0 ? SIZE_MAX : shade_offset_of(marker, encoding, word_at(words));
    for (size_t i = 0; i < count;) {
        size_t offset = next;
        const char *rest = words + ++i * WORD_BYTES;
        next = i == count ? SIZE_MAX : shade_offset_of(marker, encoding, word_at(rest));
        if (offset == SIZE_MAX) {
            continue;
        }
        if (!is_same_page(offset, next)) {
            shade(marker, marker->base + offset);
            continue;
        }
        i += shade_row(marker, encoding, offset, rest, count - i);
        next = i == count ? SIZE_MAX
                          : shade_offset_of(marker, encoding, word_at(words + i * WORD_BYTES));
    }
}

void scan_values(struct marker *marker, const tri_encoding *encoding, const void *words,
                 size_t count)
{
    scan_side_by_side(marker, encoding, words, count);
}

void scan_conservatively(struct marker *marker, const void *words, size_t count)
{
    const char *at = words;
    marker->conservative = true;
    for (size_t i = 0; i < count; i++) {
        shade(marker, word_at(at + i * WORD_BYTES));
    }
    marker->conservative = false;
}

/* The words at base that the two masks name. */
static inline void scan_mask_word(struct marker *marker, const tri_encoding *encoding,
                                  const char *base, uint64_t pointers, uint64_t values)
{
    for (; pointers != 0; pointers &= pointers - 1) {
        shade(marker, word_at(base + trailing_zeros(pointers) * WORD_BYTES));
    }
    for (; values != 0; values &= values - 1) {
        shade_value(marker, encoding, word_at(base + trailing_zeros(values) * WORD_BYTES));
    }
}

static void scan_masks(struct marker *marker, const struct layout *layout, const char *base)
{
    for (size_t i = 0; i < bitmap_words(layout->words); i++) {
        scan_mask_word(marker, &layout->encoding, base + i * 64 * WORD_BYTES,
                       layout->pointer_mask[i], layout->value_mask[i]);
    }
}

/* One object or element of bytes bytes that begins at base. */
static void scan_element(struct marker *marker, const struct layout *layout, char *base,
                         size_t bytes)
{
    switch (layout->kind) {
    case LAYOUT_SMALL_MASKS:
        scan_mask_word(marker, &layout->encoding, base, layout->pointers, layout->values);
        break;
    case LAYOUT_MASKS:
        scan_masks(marker, layout, base);
        break;
    case LAYOUT_VALUES:
        scan_values(marker, &layout->encoding, base, layout->words);
        break;
    case LAYOUT_CONSERVATIVE:
        scan_conservatively(marker, base, layout->words);
        break;
    case LAYOUT_TRACE:
        layout->trace(visitor_of(marker), base, bytes);
        break;
    case LAYOUT_WEAK: /* not by elements: see scan_range */
    case LAYOUT_LEAF:
        break;
    }
}

/* Whether elements of stride bytes are nothing but references, plain addresses or values. */
static bool is_side_by_side(const struct layout *layout, size_t stride)
{
    return layout->words * WORD_BYTES == stride &&
           (layout->kind == LAYOUT_VALUES || (layout->kind == LAYOUT_SMALL_MASKS &&
                                              (layout->pointers == bit_range(0, layout->words) ||
                                               layout->values == bit_range(0, layout->words))));
}

/* The elements of stride bytes from base on that begin at offsets in [from, to). The memory ends at
 * limit: an element that does not fit before it is the zero tail of the slot. */
static void scan_elements(struct marker *marker, const struct layout *layout, char *base,
                          size_t stride, size_t from, size_t to, size_t limit)
{
    if (layout->kind == LAYOUT_LEAF || stride == 0) {
        return;
    }
    size_t needed = layout->kind == LAYOUT_TRACE ? stride : layout->words * WORD_BYTES;
    size_t offset = from == 0 ? 0 : (from + stride - 1) / stride * stride; /* [scan.2] */
    if (is_side_by_side(layout, stride)) {
        size_t end = size_min((to + stride - 1) / stride * stride, limit / stride * stride);
        size_t count = end > offset ? (end - offset) / WORD_BYTES : 0;
        if (layout->kind == LAYOUT_SMALL_MASKS && layout->values == 0) {
            scan_side_by_side(marker, NULL, base + offset, count);
        } else {
            scan_side_by_side(marker, &layout->encoding, base + offset, count);
        }
        return;
    }
    for (; offset < to && offset + needed <= limit; offset += stride) { /* [scan.3] */
        scan_element(marker, layout, base + offset, stride);
    }
}

/* What of the object does not repeat: its own layout, where trailing elements follow or a function
 * traces it. */
static void scan_head(struct marker *marker, const struct object_place *place)
{
    const struct layout *layout = &place->type->layout;
    if (layout->kind == LAYOUT_TRACE || place->type->trailing_size != 0) {
        scan_element(marker, layout, place->object, place->bytes);
    }
}

/* The part of the object's references whose elements begin at offsets in [from, to) of it. */
static void scan_range(struct marker *marker, const struct object_place *place, size_t from,
                       size_t to)
{
    const tri_type *type = place->type;
    if (TRI_UNLIKELY(type->layout.kind == LAYOUT_WEAK)) {
        weak_scan(marker, place, from, to);
        return;
    }
    if (from == 0) {
        scan_head(marker, place);
    }
    if (type->trailing_size == 0 && type->layout.kind != LAYOUT_TRACE) {
        scan_elements(marker, &type->layout, place->object, type->stride, from, to, place->bytes);
    } else if (type->trailing_size != 0 && to > type->size) {
        size_t first = from > type->size ? from - type->size : 0;
        scan_elements(marker, &type->trailing, place->object + type->size, type->trailing_size,
                      first, to - type->size, place->bytes - type->size);
    }
}

/* Queue the other pieces of a large object, whose first one is about to be scanned. */
static void queue_oblets(struct marker *marker, const struct object_place *place)
{
    for (size_t offset = OBLET_BYTES; offset < place->bytes; offset += OBLET_BYTES) {
        if (!marker_push(marker, &marker->stack, (uintptr_t)place->object + offset)) {
            /* No memory for the queue: scan the rest here. */
            scan_range(marker, place, offset, place->bytes);
            return;
        }
    }
}

static size_t scan_large(struct marker *marker, const struct object_place *place, uintptr_t entry)
{
    size_t from = entry - (uintptr_t)place->object;
    if (from == 0) {
        queue_oblets(marker, place);
    }
    size_t to = size_min(from + OBLET_BYTES, place->bytes);
    scan_range(marker, place, from, to);
    return to - from;
}

/* An object of a safepoint-only type: all of it at once, or later [mark.7]. */
static size_t scan_unshared(struct marker *marker, const struct object_place *place,
                            uintptr_t entry)
{
    if (marker->at_safepoint) {
        scan_range(marker, place, 0, place->bytes);
        return place->bytes;
    }
    if (!marker_push(marker, &marker->later, entry)) {
        store_relaxed(&marker->heap->mark.is_void, 1U); /* this cycle frees nothing */
    }
    return 0;
}

/* All objects of a region's span. */
static size_t scan_region_span(struct marker *marker, struct span *span)
{
    uint32_t slots = region_object_slots(span);
    for (uint32_t slot = 0; slot < slots; slot++) {
        struct object_place place;
        object_at_slot(marker->spans, span, slot, &place);
        if (place.type == NULL) {
            continue; /* never, but in a mixed span: its slot came after the last safepoint */
        }
        if (place.type->flags & TRI_TYPE_SAFEPOINT_ONLY) {
            (void)scan_unshared(marker, &place,
                                (uintptr_t)span_slot_address(marker->spans, span, slot));
        } else {
            scan_range(marker, &place, 0, place.bytes);
        }
    }
    return (size_t)slots * span->slot_bytes;
}

size_t scan_entry(struct marker *marker, uintptr_t entry)
{
    if (TRI_UNLIKELY(entry & ENTRY_IS_KEY)) {
        return weak_scan_key(marker, entry & ~ENTRY_IS_KEY);
    }
    const struct span_table *table = marker->spans;
    page_index page = (page_index)((entry - marker->base) >> PAGE_SHIFT);
    struct span *span = span_at(table, load_relaxed(&span_at(table, page)->first));
    if (TRI_UNLIKELY(entry & SCAN_WHOLE_SPAN)) {
        return scan_region_span(marker, span);
    }
    if (span_is_queued_whole(span)) {
        scan_mask_word(marker, &span->type->layout.encoding, (const char *)entry, span->pointers,
                       span->values);
        return span->slot_bytes;
    }
    uint32_t slot = span_slot(span, (uint32_t)(entry - (uintptr_t)span_base(table, span)));
    struct object_place place;
    object_at_slot(table, span, slot, &place);
    if (TRI_UNLIKELY(place.type == NULL)) {
        return 0; /* a candidate led to the rest of a run that was kept, see [thread_cache.3] */
    }
    TRI_ASSERT(place.type->signature == TYPE_SIGNATURE);
    if (TRI_UNLIKELY(place.type->flags & TRI_TYPE_SAFEPOINT_ONLY)) {
        return scan_unshared(marker, &place, entry);
    }
    if (span_is_large(span)) {
        return scan_large(marker, &place, entry);
    }
    scan_range(marker, &place, 0, place.bytes);
    return place.bytes;
}
