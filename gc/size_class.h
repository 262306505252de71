/* size_class.h -- the sizes that small objects are rounded up to, and how a span is divided into
 * slots of one size.
 *
 * The tables are computed by tools/mksizeclass.py, which states the rules; gc/size_class_table.h is
 * made while building.
 */
#ifndef GC_SIZE_CLASS_H
#define GC_SIZE_CLASS_H

#include "gc/assert.h"
#include "gc/base.h"

#define SIZE_CLASS_COUNT 68              /* class 0 stands for large objects */
#define SMALL_SIZE_MAX   ((size_t)32768) /* bytes of the largest small object */

/* By class; the figures of class 0 are all 0. Slots of all classes but those of 8 and 24 bytes
 * start at multiples of 16, so a size that is a multiple of 16 always gets a slot that does. */
extern const uint16_t size_class_bytes[SIZE_CLASS_COUNT];      /* of a slot */
extern const uint8_t size_class_pages[SIZE_CLASS_COUNT];       /* of a span */
extern const uint16_t size_class_slots[SIZE_CLASS_COUNT];      /* of a span: as many as fit */
extern const uint32_t size_class_reciprocal[SIZE_CLASS_COUNT]; /* ceil(2^32 / slot bytes) */

/* Class of a size: by steps of 8 bytes up to SIZE_CLASS_FINE_MAX, by steps of 128 above. */
#define SIZE_CLASS_FINE_MAX ((size_t)1024)
extern const uint8_t size_class_by_8[SIZE_CLASS_FINE_MAX / 8 + 1];
extern const uint8_t size_class_by_128[(SMALL_SIZE_MAX - SIZE_CLASS_FINE_MAX) / 128 + 1];

/* The class of the smallest slot that holds bytes, 1..SMALL_SIZE_MAX. [size_class.2] */
static inline unsigned size_class_of(size_t bytes)
{
    TRI_ASSERT(bytes >= 1 && bytes <= SMALL_SIZE_MAX);
    if (TRI_LIKELY(bytes <= SIZE_CLASS_FINE_MAX)) {
        return size_class_by_8[(bytes + 7) / 8];
    }
    return size_class_by_128[(bytes - SIZE_CLASS_FINE_MAX + 127) / 128];
}

/* The slot that the byte at offset from the start of a span lies in: offset / slot bytes without a
 * division, exact for every offset within the span. May be size_class_slots[class], for the waste
 * at the end. 0 for class 0. [size_class.1] */
static inline uint32_t size_class_divide(unsigned size_class, uint32_t offset)
{
    return (uint32_t)((uint64_t)offset * size_class_reciprocal[size_class] >> 32);
}

#endif
