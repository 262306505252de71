/* size_class.c -- the tables of size classes.
 *
 * Owns:       constants.
 * Invariants:
 *   [size_class.1] offset * reciprocal >> 32 MUST equal offset / bytes for every offset within a
 *                  span; otherwise an interior pointer marks its neighbour, and its own object is
 *                  freed.
 *   [size_class.2] size_class_of(n) MUST be the smallest class with bytes >= n; otherwise an object
 *                  overruns its slot.
 * Locks:      none.
 * Callers:    anyone.
 */
#include "gc/size_class.h"

#include "gc/size_class_table.h"

#define BYTES(bytes, pages, slots, reciprocal)      bytes,
#define PAGES(bytes, pages, slots, reciprocal)      pages,
#define SLOTS(bytes, pages, slots, reciprocal)      slots,
#define RECIPROCAL(bytes, pages, slots, reciprocal) reciprocal,
#define ONE(bytes, pages, slots, reciprocal)        +1

_Static_assert(1 SIZE_CLASS_TABLE(ONE) == SIZE_CLASS_COUNT, "one row for each class but 0");

const uint16_t size_class_bytes[SIZE_CLASS_COUNT] = {0, SIZE_CLASS_TABLE(BYTES)};
const uint8_t size_class_pages[SIZE_CLASS_COUNT] = {0, SIZE_CLASS_TABLE(PAGES)};
const uint16_t size_class_slots[SIZE_CLASS_COUNT] = {0, SIZE_CLASS_TABLE(SLOTS)};
const uint32_t size_class_reciprocal[SIZE_CLASS_COUNT] = {0, SIZE_CLASS_TABLE(RECIPROCAL)};

const uint8_t size_class_by_8[SIZE_CLASS_FINE_MAX / 8 + 1] = SIZE_CLASS_BY_8;
const uint8_t size_class_by_128[(SMALL_SIZE_MAX - SIZE_CLASS_FINE_MAX) / 128 + 1] =
    SIZE_CLASS_BY_128;
