/* stream.h -- how a quantity changes from cycle to cycle: a sum of terms, each of them a function
 * of the cycle's number alone, so that any cycle can be asked for, and each run is the same.
 */
#ifndef TESTS_STREAM_H
#define TESTS_STREAM_H

#include <stdint.h>

#define STREAM_TERMS 4

enum stream_kind {
    STREAM_NONE,
    STREAM_CONSTANT,  /* amount */
    STREAM_UNIT,      /* amount once, then 0 */
    STREAM_RAMP,      /* from 0 to amount in length cycles */
    STREAM_OSCILLATE, /* a sine of that amount; length is the period in cycles */
    STREAM_RANDOM,    /* evenly from -amount to amount, by the seed */
};

struct stream_term {
    enum stream_kind kind;
    double amount;
    unsigned length;
    unsigned delay; /* cycles in which the term is 0, before it begins */
    uint64_t seed;
};

struct stream {
    struct stream_term terms[STREAM_TERMS];
};

struct stream stream_constant(double amount);

/* The streams to be added to another one, which has room for them. */
void stream_add_unit(struct stream *stream, double amount, unsigned delay);
void stream_add_ramp(struct stream *stream, double amount, unsigned length, unsigned delay);
void stream_add_oscillation(struct stream *stream, double amount, unsigned period);
void stream_add_random(struct stream *stream, double amount, uint64_t seed);

/* The value in a cycle; the first is 0. */
double stream_at(const struct stream *stream, unsigned cycle);

#endif
