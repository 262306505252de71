/* scan_span.h -- scanning all grey objects of a span together. */
#ifndef GC_SCAN_SPAN_H
#define GC_SCAN_SPAN_H

#include "gc/shade.h"

/* Scan the grey objects of span, which marker has popped from its queue, and those of the same span
 * that they lead to; the span is queued again where that comes to budget bytes before. Returns the
 * bytes scanned. Marker's thread only. */
size_t scan_span(struct marker *marker, struct span *span, size_t budget);

/* The same for a span that may be in no queue, after an overflow. Nothing where it is queued. */
size_t scan_span_idle(struct marker *marker, struct span *span);

/* Let the processor fetch what it takes to look at span's bits. */
static inline void scan_span_prefetch(const struct span *span)
{
    prefetch_write(span);
    prefetch_read(&span->bits[6]);
    prefetch_write(&span->scanned[0]);
    prefetch_read(&span->type);
}

/* Let it fetch the grey objects, when that has come. */
void scan_span_prefetch_objects(const struct marker *marker, const struct span *span);

#endif
