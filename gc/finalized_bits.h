/* finalized_bits.h -- bits beside the spans of types that have a finalizer. See
 * finalized_span.c. */
#ifndef GC_FINALIZED_BITS_H
#define GC_FINALIZED_BITS_H

#include "gc/growing_array.h"
#include "gc/span.h"

/* Which objects of a span have been finalized by their type. */
struct finalized_span {
    uint32_t page; /* atomic: the span's first, plus 1; 0: the record is free. Released */
    uint32_t next; /* the next one that is free, or has objects that wait, plus 1. FINALIZER */
    bool is_ready; /* it is on the list of those that have. FINALIZER */
    uint64_t finalized[SPAN_BIT_WORDS]; /* atomic: chosen in this cycle or before, and not swept
                                           since; or never an object */
    uint64_t chosen[SPAN_BIT_WORDS];    /* in this cycle. The cycle's */
    uint64_t waiting[SPAN_BIT_WORDS];   /* atomic: to be run. Written with FINALIZER held */
};

/* All of them. */
struct finalized_spans {
    struct growing_array records; /* struct finalized_span */
    struct growing_array by_page; /* uint32_t: the number of the record of the span that begins
                                     there, plus 1. Valid where there is such a span; its owner */
};

/* The number of the record of span, plus 1. Its type has a finalizer. Owner of the span. */
static inline uint32_t *finalized_span_number(const struct finalized_spans *spans,
                                              const struct span *span)
{
    return growing_array_at(&spans->by_page, span->first);
}

/* The slots [first, first + count) of span, whose type has a finalizer, are taken and will not
 * become objects before they are swept: they are not to be finalized. Owner of the span. */
static inline void finalized_bits_skip(const struct finalized_spans *spans, const struct span *span,
                                       uint32_t first, uint32_t count)
{
    struct finalized_span *record =
        growing_array_at(&spans->records, *finalized_span_number(spans, span) - 1);
    for (uint32_t end = first + count; first < end;) {
        size_t taken;
        uint64_t mask = bitmap_word_part(first, end - first, &taken);
        /* Relaxed: their marks are on until the next cycle, which asks this mutator first. */
        fetch_or_relaxed(&record->finalized[first / 64], mask);
        first += (uint32_t)taken;
    }
}

#endif
