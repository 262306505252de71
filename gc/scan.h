/* scan.h -- finding the references of an object and shading what they lead to. */
#ifndef GC_SCAN_H
#define GC_SCAN_H

#include "gc/shade.h"

/* Added to the address of a region's span of small objects: all of them. */
#define SCAN_WHOLE_SPAN ((uintptr_t)2)
_Static_assert((SCAN_WHOLE_SPAN & ENTRY_IS_KEY) == 0, "entries can be told apart");

/* Scan the object in the slot that starts at entry, or, where entry lies inside a large object, the
 * piece of it that starts there (an oblet). The first visit of a large object queues its other
 * pieces. Where entry has SCAN_WHOLE_SPAN, see there. Returns the bytes of what it scanned. */
size_t scan_entry(struct marker *marker, uintptr_t entry);

/* Scan count words from words on: values in encoding, or candidates. The words may be written by
 * others meanwhile. */
void scan_values(struct marker *marker, const tri_encoding *encoding, const void *words,
                 size_t count);
void scan_conservatively(struct marker *marker, const void *words, size_t count);

#endif
