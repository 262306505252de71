/* bits.h -- finding, counting and setting ranges of bits in arrays of 64-bit words. Bit i is bit
 * i%64 of word i/64.
 *
 * Plain memory unless the name says otherwise: the caller owns the bitmap, or holds what protects
 * it.
 */
#ifndef GC_BITS_H
#define GC_BITS_H

#include "gc/atomic.h"

static inline unsigned bit_count(uint64_t word)
{
    return (unsigned)__builtin_popcountll(word);
}

/* The number of zero bits below the lowest set one; 64 for 0. */
static inline unsigned trailing_zeros(uint64_t word)
{
    return word == 0 ? 64U : (unsigned)__builtin_ctzll(word);
}

/* The number of zero bits above the highest set one; 64 for 0. */
static inline unsigned leading_zeros(uint64_t word)
{
    return word == 0 ? 64U : (unsigned)__builtin_clzll(word);
}

/* count ones from bit first on; first + count is at most 64. */
static inline uint64_t bit_range(unsigned first, unsigned count)
{
    return count == 0 ? 0 : (~UINT64_C(0) >> (64 - count)) << first;
}

static inline size_t bitmap_words(size_t bits)
{
    return (bits + 63) / 64;
}

static inline bool bitmap_get(const uint64_t *map, size_t index)
{
    return (map[index / 64] >> (index % 64)) & 1;
}

static inline void bitmap_set(uint64_t *map, size_t index)
{
    map[index / 64] |= UINT64_C(1) << (index % 64);
}

static inline void bitmap_clear(uint64_t *map, size_t index)
{
    map[index / 64] &= ~(UINT64_C(1) << (index % 64));
}

/* The part of [first, first + count) that lies in the word which holds bit first, as a mask; *taken
 * says how many. */
static inline uint64_t bitmap_word_part(size_t first, size_t count, size_t *taken)
{
    unsigned start = (unsigned)(first % 64);
    unsigned n = (unsigned)size_min(count, 64 - start);
    *taken = n;
    return bit_range(start, n);
}

static inline void bitmap_set_range(uint64_t *map, size_t first, size_t count)
{
    while (count > 0) {
        size_t taken;
        uint64_t mask = bitmap_word_part(first, count, &taken);
        map[first / 64] |= mask;
        first += taken;
        count -= taken;
    }
}

static inline void bitmap_clear_range(uint64_t *map, size_t first, size_t count)
{
    while (count > 0) {
        size_t taken;
        uint64_t mask = bitmap_word_part(first, count, &taken);
        map[first / 64] &= ~mask;
        first += taken;
        count -= taken;
    }
}

static inline size_t bitmap_count_range(const uint64_t *map, size_t first, size_t count)
{
    size_t ones = 0;
    while (count > 0) {
        size_t taken;
        uint64_t mask = bitmap_word_part(first, count, &taken);
        ones += bit_count(map[first / 64] & mask);
        first += taken;
        count -= taken;
    }
    return ones;
}

/* The first index in [from, limit) whose bit is set; limit if there is none. */
static inline size_t bitmap_find_set(const uint64_t *map, size_t from, size_t limit)
{
    while (from < limit) {
        uint64_t word = map[from / 64] >> (from % 64);
        if (word != 0) {
            return size_min(from + trailing_zeros(word), limit);
        }
        from = (from / 64 + 1) * 64;
    }
    return limit;
}

/* The first index in [from, limit) whose bit is clear; limit if there is none. */
static inline size_t bitmap_find_clear(const uint64_t *map, size_t from, size_t limit)
{
    while (from < limit) {
        uint64_t word = ~map[from / 64] >> (from % 64);
        if (word != 0) {
            return size_min(from + trailing_zeros(word), limit);
        }
        from = (from / 64 + 1) * 64;
    }
    return limit;
}

/* Test and set by several threads at once: true for exactly the one that turned the bit on. The
 * load before the atomic operation spares the bus when the bit is already there. Relaxed: whoever
 * acts on the bit orders what it needs. */
static inline bool bitmap_test_and_set_atomic(uint64_t *map, size_t index)
{
    uint64_t *word = &map[index / 64];
    uint64_t mask = UINT64_C(1) << (index % 64);
    if (load_relaxed(word) & mask) {
        return false;
    }
    return (fetch_or_relaxed(word, mask) & mask) == 0;
}

#endif
