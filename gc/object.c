/* object.c -- looking objects up.
 *
 * Owns:       nothing.
 * Invariants:
 *   [object.1] An address in a span's tail, in a free slot, in the header of a mixed object, or in
 *              a free page MUST find nothing; otherwise a stale word names an object that is not
 *              there, and a checked store into a header passes.
 *   [object.2] A header MUST be read only in memory that cannot go meanwhile; otherwise a look-up
 *              of a word that nobody vouches for faults. Pages are given back, and the heap
 *              shrinks, with PAGES held; spans leave their region with REGIONS held.
 * Locks:      none; reads what span_publish released and allocation bits. object_look_up takes
 *             REGIONS and PAGES for an object in a mixed span.
 * Callers:    the public look-ups, barrier checks, verify. The marker has a faster way of its own
 *             in reach.h.
 */
#include "gc/object.h"

void object_at_slot(const struct span_table *table, struct span *span, uint32_t slot,
                    struct object_place *place)
{
    char *start = span_slot_address(table, span, slot);
    place->span = span;
    place->slot = slot;
    place->object = start;
    place->bytes = span_object_bytes(span);
    place->type = span->type;
    if (span_is_mixed(span)) {
        /* acquire: pairs with the release in alloc_mixed, which writes the header of a new
         * object */
        place->type = load_acquire((tri_type **)(void *)start);
        place->object = start + MIXED_HEADER_BYTES;
        place->bytes -= MIXED_HEADER_BYTES;
    }
}

void object_at_entry(const struct span_table *table, uintptr_t entry, struct object_place *place)
{
    struct span *span = span_at(table, address_space_page(table->space, entry));
    span = span_at(table, load_relaxed(&span->first));
    uint32_t slot = span_slot(span, (uint32_t)(entry - (uintptr_t)span_base(table, span)));
    object_at_slot(table, span, slot, place);
}

/* The allocated slot that address lies in; NULL where there is none. Reads no object's memory. */
static struct span *find_slot(const struct tri_heap *heap, uintptr_t address, uint32_t *slot)
{
    const struct span_table *table = &heap->page_heap.spans;
    if (!address_space_contains(table->space, address)) {
        return NULL;
    }
    struct span *span = span_of_page(table, address_space_page(table->space, address));
    if (span == NULL) {
        return NULL;
    }
    if (load_relaxed(&span->state) == SPAN_REGION && !region_is_alive(heap, span)) {
        return NULL;
    }
    *slot = 0;
    if (!span_is_large(span)) {
        *slot = span_slot(span, (uint32_t)(address - (uintptr_t)span_base(table, span)));
    }
    bool found = *slot < span->slots && span_is_allocated(span, *slot); /* [object.1] */
    return found ? span : NULL;
}

bool object_find(const struct tri_heap *heap, uintptr_t address, struct object_place *place)
{
    uint32_t slot;
    struct span *span = find_slot(heap, address, &slot);
    if (span == NULL) {
        return false;
    }
    object_at_slot(&heap->page_heap.spans, span, slot, place);
    return place->type != NULL && address >= (uintptr_t)place->object; /* [object.1] */
}

/* As object_find, while no span's memory can go. */
static bool find_locked(struct tri_heap *heap, uintptr_t address, struct object_place *place)
{
    lock_acquire(&heap->regions.lock);
    lock_acquire(&heap->page_heap.pages.lock);
    bool found = object_find(heap, address, place);
    lock_release(&heap->page_heap.pages.lock);
    lock_release(&heap->regions.lock);
    return found;
}

bool object_look_up(struct tri_heap *heap, uintptr_t address, struct object_place *place)
{
    uint32_t slot;
    struct span *span = find_slot(heap, address, &slot);
    if (span == NULL) {
        return false;
    }
    tri_type *type = span->type;
    if (type == NULL) {
        return find_locked(heap, address, place); /* [object.2] */
    }
    *place = (struct object_place){
        .span = span,
        .slot = slot,
        .object = span_slot_address(&heap->page_heap.spans, span, slot),
        .bytes = span_object_bytes(span),
        .type = type,
    };
    return true;
}
