/* weak_scan.h -- weak containers as a marker sees them. */
#ifndef GC_WEAK_SCAN_H
#define GC_WEAK_SCAN_H

#include "gc/object.h"
#include "gc/shade.h"

/* Scan the entries of the weak container at place that begin at offsets in [from, to) of it: note
 * the container, shade what it holds strongly. */
void weak_scan(struct marker *marker, const struct object_place *place, size_t from, size_t to);

#endif
