/* address_space.h -- the one piece of address space that a heap lives in. "Is this word in the
 * heap" is one subtraction and one compare, "which page" one shift more. Memory is committed front
 * to back.
 */
#ifndef GC_ADDRESS_SPACE_H
#define GC_ADDRESS_SPACE_H

#include "gc/assert.h"
#include "gc/base.h"

#define ADDRESS_SPACE_MAX_BYTES      TIB         /* the largest reservation */
#define ADDRESS_SPACE_MIN_BYTES      (16 * MIB)  /* falling back ends here */
#define ADDRESS_SPACE_STEP_BYTES     CHUNK_BYTES /* what the heap grows by while it is small ... */
#define ADDRESS_SPACE_BIG_STEP_BYTES (64 * MIB)  /* ... and from ... */
#define ADDRESS_SPACE_BIG_FROM_BYTES GIB         /* ... this size on */

struct address_space {
    /* Written once at creation. [address_space.2] */
    uintptr_t base; /* a multiple of CHUNK_BYTES; 0: not created */
    size_t bytes;   /* a multiple of CHUNK_BYTES */

    /* Written with PAGES held, atomic: anyone may read. */
    size_t grown; /* bytes committed, from base on; a multiple of CHUNK_BYTES */
};

/* Reserve address space for a heap of at most max_heap_bytes; 0 stands for the smaller of 1 TiB and
 * 8 times the physical memory. Never more than 1 TiB nor half of what the process may reserve.
 * Where the system refuses, half is tried, and so on down to 16 MiB (or max_heap_bytes, where that
 * is less). The result is space->bytes, rounded up to a chunk. False where even that is refused;
 * space is then all zero. */
bool address_space_init(struct address_space *space, size_t max_heap_bytes);

/* Commit the next piece: pages_wanted (at least 1) rounded up to a step of growth; just to a chunk
 * where the system refuses the step; less than pages_wanted where the reservation ends, since free
 * pages may stand before it. Returns the number of pages added, a multiple of CHUNK_PAGES, all
 * zero; they begin where space->grown was. 0: no memory. PAGES held, unless the heap is not shared
 * yet. */
size_t address_space_grow(struct address_space *space, size_t pages_wanted);

/* The last bytes committed are reserved only, cost nothing, and cannot be accessed; committed again
 * they are zero. bytes is a multiple of CHUNK_BYTES. False where the system refuses: all is as it
 * was. PAGES held. */
bool address_space_shrink(struct address_space *space, size_t bytes);

/* End the reservation. Nothing to do for one that is all zero. */
void address_space_destroy(struct address_space *space);

/* Is word an address in the reservation? It may lie in a part that is not committed, or in a free
 * page. */
static inline bool address_space_contains(const struct address_space *space, uintptr_t word)
{
    return word - space->base < space->bytes;
}

/* The page that address, which space contains, lies in. */
static inline page_index address_space_page(const struct address_space *space, uintptr_t address)
{
    TRI_ASSERT(address_space_contains(space, address));
    return (page_index)((address - space->base) >> PAGE_SHIFT);
}

/* Where page begins. */
static inline char *address_space_address(const struct address_space *space, page_index page)
{
    return (char *)(space->base + ((uintptr_t)page << PAGE_SHIFT)); /* may be one past the last */
}

/* Pages the reservation has room for. */
static inline size_t address_space_pages(const struct address_space *space)
{
    return space->bytes >> PAGE_SHIFT;
}

#endif
