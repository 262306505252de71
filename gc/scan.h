/* scan.h -- finding the references of an object and shading what they lead to. */
#ifndef GC_SCAN_H
#define GC_SCAN_H

#include "gc/shade.h"

/* Scan the object in the slot that starts at entry, or, where entry lies inside a large object, the
 * piece of it that starts there (an oblet). The first visit of a large object queues its other
 * pieces. Returns the bytes of what it scanned. */
size_t scan_entry(struct marker *marker, uintptr_t entry);

/* Scan count words from words on: values in encoding, or candidates. The words may be written by
 * others meanwhile. */
void scan_values(struct marker *marker, const tri_encoding *encoding, const void *words,
                 size_t count);
void scan_conservatively(struct marker *marker, const void *words, size_t count);

#endif
