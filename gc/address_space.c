/* address_space.c -- the reservation that a heap lives in.
 *
 * Owns:       the reservation, and how much of it is committed.
 * Invariants:
 *   [address_space.1] [base, base + grown) MUST be accessible, and each byte of it zero when
 *                     address_space_grow returns it; otherwise the page heap hands out memory that
 *                     faults, or calls memory zero that is not.
 *   [address_space.2] base and bytes MUST NOT change while the heap lives; otherwise "is this word
 *                     in the heap" gives two answers for one word.
 * Locks:      PAGES, held by who grows and shrinks it.
 * Callers:    creation of a heap; the page heap, where it grows on the allocation slow path and
 *             where memory is released. The inline questions: anyone.
 */
#include "gc/address_space.h"

#include "gc/atomic.h"
#include "gc/port.h"

#define PHYSICAL_MEMORY_FACTOR 8
#define RESERVATION_NAME       "trillium heap reservation"

static size_t default_bytes(void)
{
    size_t bytes;
    return size_multiply(port_physical_memory(), PHYSICAL_MEMORY_FACTOR, &bytes)
               ? bytes
               : ADDRESS_SPACE_MAX_BYTES;
}

/* What to try first. */
static size_t wanted_bytes(size_t max_heap_bytes)
{
    size_t bytes = max_heap_bytes != 0 ? max_heap_bytes : default_bytes();
    /* Tables, stacks and the host itself need address space too. */
    size_t allowed = size_max(port_address_space_limit() / 2, ADDRESS_SPACE_MIN_BYTES);
    bytes = size_min(size_min(bytes, allowed), ADDRESS_SPACE_MAX_BYTES);
    return align_up(bytes, CHUNK_BYTES);
}

bool address_space_init(struct address_space *space, size_t max_heap_bytes)
{
    *space = (struct address_space){0};
    size_t bytes = wanted_bytes(max_heap_bytes);
    size_t least = size_min(bytes, ADDRESS_SPACE_MIN_BYTES);
    while (true) {
        void *base = port_reserve(bytes, CHUNK_BYTES, RESERVATION_NAME);
        if (base != NULL) {
            *space = (struct address_space){.base = (uintptr_t)base, .bytes = bytes};
            return true;
        }
        if (bytes == least) {
            return false;
        }
        bytes = size_max(align_up(bytes / 2, CHUNK_BYTES), least);
    }
}

static bool commit_next(struct address_space *space, size_t bytes)
{
    if (!port_commit((void *)(space->base + space->grown), bytes, "trillium heap")) {
        return false;
    }
    store_relaxed(&space->grown, space->grown + bytes); /* [address_space.1] */
    return true;
}

size_t address_space_grow(struct address_space *space, size_t pages_wanted)
{
    TRI_ASSERT(pages_wanted > 0);
    size_t left = space->bytes - space->grown;
    if (left == 0) {
        return 0;
    }
    size_t least = left;
    if (pages_wanted <= left >> PAGE_SHIFT) {
        least = align_up(pages_wanted << PAGE_SHIFT, CHUNK_BYTES);
    }
    size_t step = space->grown >= ADDRESS_SPACE_BIG_FROM_BYTES ? ADDRESS_SPACE_BIG_STEP_BYTES
                                                               : ADDRESS_SPACE_STEP_BYTES;
    size_t bytes = size_min(align_up(least, step), left);
    if (commit_next(space, bytes)) {
        return bytes >> PAGE_SHIFT;
    }
    if (least < bytes && commit_next(space, least)) {
        return least >> PAGE_SHIFT;
    }
    return 0;
}

bool address_space_shrink(struct address_space *space, size_t bytes)
{
    TRI_ASSERT(bytes > 0 && bytes % CHUNK_BYTES == 0 && bytes <= space->grown);
    size_t left = space->grown - bytes;
    if (!port_uncommit((void *)(space->base + left), bytes, RESERVATION_NAME)) {
        return false;
    }
    store_relaxed(&space->grown, left);
    return true;
}

void address_space_destroy(struct address_space *space)
{
    if (space->base != 0) {
        port_release((void *)space->base, space->bytes);
    }
    *space = (struct address_space){0};
}
