/* object.h -- from an address to the object that it points to or into. */
#ifndef GC_OBJECT_H
#define GC_OBJECT_H

#include "gc/heap_state.h"

/* Where an object is. */
struct object_place {
    struct span *span;
    uint32_t slot;
    char *object;   /* what tri_alloc returned */
    size_t bytes;   /* from there to the end of the slot */
    tri_type *type; /* NULL: a slot of a mixed span that is taken but not yet an object */
};

/* Find the allocated slot that address lies in. False where there is none. Exact during a hold, and
 * for what cannot be freed meanwhile; the address is of such. */
bool object_find(const struct tri_heap *heap, uintptr_t address, struct object_place *place);

/* Describe the object in the slot at entry, which is allocated. */
void object_at_entry(const struct span_table *table, uintptr_t entry, struct object_place *place);

/* The same for any address, beside anything: what is found may be gone at the next moment. */
bool object_look_up(struct tri_heap *heap, uintptr_t address, struct object_place *place);

/* Whether slot of span, which is allocated, has been reached in this cycle: it is marked, or all of
 * its region lives. After marking, before the sweep. */
static inline bool object_is_reached(const struct tri_heap *heap, const struct span *span,
                                     uint32_t slot)
{
    return load_relaxed(&span->state) == SPAN_REGION ? region_is_alive(heap, span)
                                                     : span_is_seen_marked(span, slot);
}

/* Whether address lies in a marked slot: then its object has been reached, and nothing more need be
 * known of it. An object of a region has no mark. When as above. */
static inline bool object_is_seen_marked(const struct tri_heap *heap, uintptr_t address)
{
    const struct span_table *table = &heap->page_heap.spans;
    size_t offset = address - table->space->base;
    page_index page = (page_index)(offset >> PAGE_SHIFT);
    /* acquire: pairs with the release in span_table_extend */
    if (offset >= (size_t)load_acquire(&table->pages) * PAGE_BYTES) {
        return false;
    }
    page_index first = load_relaxed(&span_at(table, page)->first);
    const struct span *span = span_at(table, first);
    /* acquire: pairs with the release in span_publish [span.4] */
    if (load_acquire(&span->state) != SPAN_IN_USE || page - first >= span->pages) {
        return false;
    }
    /* A large object has reciprocal 0, hence slot 0 whatever the offset. */
    uint32_t slot = span_slot(span, (uint32_t)(offset - ((size_t)first << PAGE_SHIFT)));
    return slot < span->slots && span_is_seen_marked(span, slot);
}

/* Describe slot of span, which is allocated. */
void object_at_slot(const struct span_table *table, struct span *span, uint32_t slot,
                    struct object_place *place);

#endif
