/* weak_scan.c -- what a marker does with a weak container: it notes it, and leaves alone what it
 * holds weakly.
 *
 * Owns:       nothing.
 * Invariants:
 *   [weak_scan.1] A container that is scanned in a cycle MUST be noted before its mutator's answer,
 *                 or the marker's return; otherwise the weak phase does not know of it, and it goes
 *                 on referring to what is freed.
 * Locks:      META inside the pool of segments.
 * Callers:    scan.
 */
#include "gc/weak_scan.h"

/* [weak_scan.1] */
static void note(struct marker *marker, const struct object_place *place)
{
    uintptr_t entry = (uintptr_t)span_slot_address(marker->spans, place->span, place->slot);
    if (!marker_push(marker, &marker->weak, entry)) {
        store_relaxed(&marker->heap->mark.is_void, 1U); /* this cycle frees nothing */
    }
}

void weak_scan(struct marker *marker, const struct object_place *place, size_t from, size_t to)
{
    (void)to;
    if (from == 0 && marker->discovers) {
        note(marker, place);
    }
}
