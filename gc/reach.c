/* reach.c -- where a reference leads that leads nowhere.
 *
 * Owns:       nothing.
 * Invariants: [shade.1], [shade.3] and [shade.5], which reach.h keeps.
 * Locks:      none.
 * Callers:    whoever marks.
 */
#include "gc/reach.h"

#include "gc/assert.h"

TRI_COLD void reach_none(const struct marker *marker, size_t offset, uint8_t state)
{
    if (TRI_LIKELY(!marker->check_dead || marker->conservative || state == SPAN_REGION)) {
        return; /* what lies in a region is live anyway, and scanned with it */
    }
    if (state == SPAN_FENCED) {
        fatal("gcverify: the reference %p, found while marking, points into a region that was "
              "freed.\n"
              "Nothing that lives on may refer to objects of a region when tri_region_free is "
              "called: clear the slot before, or allocate the object by tri_alloc.",
              (void *)(marker->base + offset));
    } else {
        fatal("gcverify: the reference %p, found while marking, points to memory that is not an "
              "object.\n"
              "The object it meant was collected earlier, because no root or slot held it then, or "
              "was never there. "
              "Look for a store without tri_store and for a local that no frame or scanner shows.",
              (void *)(marker->base + offset));
    }
}
