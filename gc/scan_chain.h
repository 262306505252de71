/* scan_chain.h -- scanning objects one by one while there are few. */
#ifndef GC_SCAN_CHAIN_H
#define GC_SCAN_CHAIN_H

#include "gc/shade.h"

/* Whether marker has so few grey objects and spans that scan_chain is for it. Marker's thread
 * only. */
static inline bool scan_chain_is_worthwhile(const struct marker *marker)
{
    const struct mark_segment *segment = marker->stack.current;
    return segment != NULL && segment->count > 0 && segment->count < marker->chain_work &&
           mark_stack_is_short(&marker->stack, marker->chain_work) &&
           mark_queue_is_short(&marker->queue, marker->chain_work) && marker->found == NULL &&
           !marker->sends;
}

/* Scan the objects on marker's stack, and those that they lead to, until there are none, or many,
 * or limit bytes are scanned in all (marker->scanned_bytes). What is left is on its stack and in
 * its queue. Inside drain only, where marker->pending is set. Marker's thread only. */
void scan_chain(struct marker *marker, size_t limit);

#endif
