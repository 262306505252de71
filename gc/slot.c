/* slot.c -- from an offset to the part of a layout that describes it.
 *
 * Owns:       nothing.
 * Invariants:
 *   [slot.1] A word MUST be a reference here exactly where scan.c takes it for one (in traced
 *            objects: where it may); otherwise a debugging mode accuses a host of what is no
 *            mistake, or is blind to one.
 * Locks:      none.
 * Callers:    barrier_verify, checkmark.
 */
#include "gc/slot.h"

static const struct slot plain_slot = {SLOT_PLAIN, NULL};

static bool has_bit(const uint64_t *mask, size_t word)
{
    return (mask[word / 64] >> (word % 64)) & 1;
}

static struct slot masked_slot(const struct layout *layout, const uint64_t *pointers,
                               const uint64_t *values, size_t word)
{
    if (has_bit(pointers, word)) {
        return (struct slot){SLOT_POINTER, NULL};
    }
    return has_bit(values, word) ? (struct slot){SLOT_VALUE, &layout->encoding} : plain_slot;
}

/* Word number word of an element that layout describes. */
static struct slot element_slot(const struct layout *layout, size_t word)
{
    if (layout->kind == LAYOUT_TRACE) {
        return (struct slot){SLOT_TRACED, NULL};
    }
    if (word >= layout->words) {
        return plain_slot;
    }
    switch (layout->kind) {
    case LAYOUT_SMALL_MASKS:
        return masked_slot(layout, &layout->pointers, &layout->values, word);
    case LAYOUT_MASKS:
        return masked_slot(layout, layout->pointer_mask, layout->value_mask, word);
    case LAYOUT_VALUES:
        return (struct slot){SLOT_VALUE, &layout->encoding};
    case LAYOUT_CONSERVATIVE:
        return (struct slot){SLOT_CANDIDATE, NULL};
    case LAYOUT_TRACE:
    case LAYOUT_WEAK: /* the library writes it, and knows what it does */
    case LAYOUT_LEAF:
        break;
    }
    return plain_slot;
}

/* The word at offset of bytes bytes of elements, stride bytes apart. */
static struct slot repeated_slot(const struct layout *layout, size_t stride, size_t bytes,
                                 size_t offset)
{
    if (layout->kind == LAYOUT_LEAF || stride == 0) {
        return plain_slot;
    }
    size_t begin = offset - offset % stride;
    size_t needed = layout->kind == LAYOUT_TRACE ? stride : layout->words * WORD_BYTES;
    if (needed > bytes - begin) {
        return plain_slot; /* the tail of the slot */
    }
    return element_slot(layout, (offset - begin) / WORD_BYTES);
}

struct slot slot_at(const tri_type *type, size_t bytes, size_t offset) /* [slot.1] */
{
    if (type->layout.kind == LAYOUT_TRACE) {
        return (struct slot){SLOT_TRACED, NULL};
    }
    if (type->trailing_size == 0) {
        return repeated_slot(&type->layout, type->stride, bytes, offset);
    }
    if (offset < type->size) {
        return element_slot(&type->layout, offset / WORD_BYTES);
    }
    return repeated_slot(&type->trailing, type->trailing_size, bytes - type->size,
                         offset - type->size);
}

static uintptr_t object_target(const struct tri_heap *heap, uintptr_t address)
{
    struct object_place place;
    return object_find(heap, address, &place) ? address : 0;
}

static uintptr_t traced_target(const struct tri_heap *heap, uintptr_t word)
{
    uintptr_t address = object_target(heap, word);
    const struct encoding_entry *e = type_table_encodings(&heap->types);
    for (; e != NULL && address == 0; e = e->next) {
        if (encoding_is_reference(&e->encoding, word)) {
            address = object_target(heap, encoding_address(&e->encoding, word));
        }
    }
    return address;
}

/* Whether there is an object or not: a slot that is declared to hold references holds no others. */
static uintptr_t declared_target(const struct tri_heap *heap, uintptr_t address)
{
    return address_space_contains(&heap->page_heap.space, address) ? address : 0;
}

uintptr_t slot_target(const struct tri_heap *heap, struct slot slot, uintptr_t word)
{
    switch (slot.kind) {
    case SLOT_PLAIN:
        break;
    case SLOT_POINTER:
        return declared_target(heap, word);
    case SLOT_VALUE:
        return encoding_is_reference(slot.encoding, word)
                   ? declared_target(heap, encoding_address(slot.encoding, word))
                   : 0;
    case SLOT_CANDIDATE:
        return object_target(heap, word);
    case SLOT_TRACED:
        return traced_target(heap, word);
    }
    return 0;
}
