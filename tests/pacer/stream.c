/* stream.c -- sums of constants, steps, ramps, waves and noise. */
#include "tests/pacer/stream.h"

#include <math.h>
#include <stdlib.h>

static void add(struct stream *stream, struct stream_term term)
{
    for (unsigned i = 0; i < STREAM_TERMS; i++) {
        if (stream->terms[i].kind == STREAM_NONE) {
            stream->terms[i] = term;
            return;
        }
    }
    abort(); /* a scenario with more terms than STREAM_TERMS */
}

struct stream stream_constant(double amount)
{
    return (struct stream){.terms = {{.kind = STREAM_CONSTANT, .amount = amount}}};
}

void stream_add_unit(struct stream *stream, double amount, unsigned delay)
{
    add(stream, (struct stream_term){.kind = STREAM_UNIT, .amount = amount, .delay = delay});
}

void stream_add_ramp(struct stream *stream, double amount, unsigned length, unsigned delay)
{
    add(stream, (struct stream_term){
                    .kind = STREAM_RAMP, .amount = amount, .length = length, .delay = delay});
}

void stream_add_oscillation(struct stream *stream, double amount, unsigned period)
{
    add(stream, (struct stream_term){.kind = STREAM_OSCILLATE, .amount = amount, .length = period});
}

void stream_add_random(struct stream *stream, double amount, uint64_t seed)
{
    add(stream, (struct stream_term){.kind = STREAM_RANDOM, .amount = amount, .seed = seed});
}

/* The number that belongs to a seed and a place, from 0 to below 1 (splitmix64). */
static double random_at(uint64_t seed, uint64_t place)
{
    uint64_t z = seed * UINT64_C(0xd1342543de82ef95) + (place + 1) * UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    z ^= z >> 31;
    return (double)(z >> 11) * 0x1p-53;
}

static double term_at(const struct stream_term *term, unsigned cycle)
{
    const double pi = 3.14159265358979323846;
    if (cycle < term->delay) {
        return 0.0;
    }
    unsigned place = cycle - term->delay;
    switch (term->kind) {
    case STREAM_NONE:
        return 0.0;
    case STREAM_CONSTANT:
        return term->amount;
    case STREAM_UNIT:
        return place == 0 ? term->amount : 0.0;
    case STREAM_RAMP:
        return place >= term->length ? term->amount : term->amount * place / term->length;
    case STREAM_OSCILLATE:
        return term->amount * sin(2.0 * pi * (place % term->length) / term->length);
    case STREAM_RANDOM:
        return term->amount * (2.0 * random_at(term->seed, place) - 1.0);
    }
    return 0.0;
}

double stream_at(const struct stream *stream, unsigned cycle)
{
    double sum = 0.0;
    for (unsigned i = 0; i < STREAM_TERMS; i++) {
        sum += term_at(&stream->terms[i], cycle);
    }
    return sum;
}
