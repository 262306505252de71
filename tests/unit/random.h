/* random.h -- random numbers that can be repeated. */
#ifndef TESTS_UNIT_RANDOM_H
#define TESTS_UNIT_RANDOM_H

#include <stdint.h>

/* The next of a sequence of numbers without apparent order (splitmix64). */
static inline uint64_t unit_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* One of 0 ... limit - 1. */
static inline uint64_t unit_random_below(uint64_t *state, uint64_t limit)
{
    return unit_random(state) % limit;
}

#endif
