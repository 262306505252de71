/* slot.h -- what one word of an object is, by the layout of the object's type. For debugging modes,
 * which ask about single words; the marker has kernels of its own in scan.c. */
#ifndef GC_SLOT_H
#define GC_SLOT_H

#include "gc/object.h"

enum slot_kind {
    SLOT_PLAIN,     /* no reference, whatever it holds */
    SLOT_POINTER,   /* an address */
    SLOT_VALUE,     /* a value in an encoding */
    SLOT_CANDIDATE, /* any word: a reference where it leads to an object */
    SLOT_TRACED     /* known to the host's trace function only: as a candidate, in any encoding */
};

struct slot {
    enum slot_kind kind;
    const tri_encoding *encoding; /* of a SLOT_VALUE */
};

/* What the word at offset, a multiple of 8, of an object of type is that has bytes bytes. */
struct slot slot_at(const tri_type *type, size_t bytes, size_t offset);

/* The address in heap that word refers to as the contents of slot; 0 where it refers to none. Exact
 * during a hold. */
uintptr_t slot_target(const struct tri_heap *heap, struct slot slot, uintptr_t word);

#endif
