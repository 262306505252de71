/* layout.h -- where the references of an object are, compiled from what the host declared. */
#ifndef GC_LAYOUT_H
#define GC_LAYOUT_H

#include <trillium/type.h>

#include "gc/base.h"
#include "gc/meta_alloc.h"

enum layout_kind {
    LAYOUT_LEAF,         /* never scanned */
    LAYOUT_SMALL_MASKS,  /* references by two masks of one word each: elements to 64 words */
    LAYOUT_MASKS,        /* references by two masks of several words */
    LAYOUT_VALUES,       /* every word is a value */
    LAYOUT_CONSERVATIVE, /* every word is a candidate */
    LAYOUT_TRACE,        /* the host's function reports them */
    LAYOUT_WEAK          /* a weak container of the library's own: weak_scan.c */
};

/* Written once by layout_compile, read by anyone. */
struct layout {
    enum layout_kind kind;
    uint32_t words;         /* words up to and including the last that may hold a reference */
    uint64_t pointers;      /* LAYOUT_SMALL_MASKS: bit i: word i is a plain address */
    uint64_t values;        /* LAYOUT_SMALL_MASKS: bit i: word i is a value in the encoding */
    uint64_t *pointer_mask; /* LAYOUT_MASKS: the same for `words` words */
    uint64_t *value_mask;
    tri_encoding encoding; /* of values */
    tri_trace_function *trace;
};

/* Check declared, the layout of bytes bytes, and compile it into *layout. On failure *problem is a
 * sentence for people, and the result is TRI_E_INVALID or TRI_E_NOMEM. Masks live in meta. */
tri_result layout_compile(struct layout *layout, const tri_layout *declared, size_t bytes,
                          const tri_encoding *default_encoding, struct meta_alloc *meta,
                          const char **problem);

/* Whether every bit that encoding compares lies in its mask, and some bits make an address. */
bool encoding_is_valid(const tri_encoding *encoding);

static inline bool layout_has_references(const struct layout *layout)
{
    return layout->kind != LAYOUT_LEAF;
}

static inline bool encoding_is_reference(const tri_encoding *encoding, uintptr_t word)
{
    return (word & encoding->mask) == encoding->pattern;
}

static inline uintptr_t encoding_address(const tri_encoding *encoding, uintptr_t word)
{
    return word & encoding->address;
}

#endif
