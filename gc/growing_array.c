/* growing_array.c -- records that never move.
 *
 * Owns:       the pieces of an array.
 * Invariants:
 *   [growing_array.1] A piece MUST be there before a count that reaches into it; otherwise a reader
 *                     without a lock follows a pointer that is not written yet.
 * Locks:      META; who extends has a lock of its own against others that do.
 * Callers:    address_map, finalizer, finalized_span, dead_graph.
 */
#include "gc/growing_array.h"

void growing_array_init(struct growing_array *array, struct meta_alloc *meta, size_t bytes)
{
    *array = (struct growing_array){.meta = meta, .bytes = align_up(bytes, sizeof(uint32_t))};
}

/* Have the piece. False where there is no memory. */
static bool have_piece(struct growing_array *array, unsigned piece)
{
    if (array->pieces[piece] == NULL) {
        size_t bytes = ((size_t)GROWING_ARRAY_FIRST << piece) * array->bytes;
        array->pieces[piece] = meta_alloc_take(array->meta, bytes, sizeof(uint64_t));
    }
    return array->pieces[piece] != NULL;
}

bool growing_array_reserve(struct growing_array *array, uint32_t count)
{
    uint64_t room = 0;
    for (unsigned piece = 0; room < count; piece++) {
        if (piece == GROWING_ARRAY_PIECES || !have_piece(array, piece)) {
            return false;
        }
        room += (uint64_t)GROWING_ARRAY_FIRST << piece;
    }
    if (count > load_relaxed(&array->count)) {
        /* release: pairs with the acquire in growing_array_count [growing_array.1] */
        store_release(&array->count, count);
    }
    return true;
}
