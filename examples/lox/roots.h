/* roots.h -- where the collector begins in a virtual machine. */
#ifndef LOX_ROOTS_H
#define LOX_ROOTS_H

#include <trillium/trillium.h>

/* A tri_roots_function; `argument` is the struct vm. */
void roots_scan(tri_visitor *visitor, tri_mutator *mutator, void *argument);

#endif
