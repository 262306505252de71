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

/* Describe slot of span, which is allocated. */
void object_at_slot(const struct span_table *table, struct span *span, uint32_t slot,
                    struct object_place *place);

#endif
