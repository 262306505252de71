/* decimal.c -- numbers with a fraction as text, the same in every locale.
 *
 * Owns:       nothing.
 * Idea:       the C library finds the digits; where the point stands is decided here. The library's
 *             own point is the locale's, and a host may have set one with a comma.
 * Invariants:
 *   [decimal.1] No character of the locale MUST come into the text; otherwise lines of JSON are
 *               none, and "0,5" is two fields to a parser.
 * Locks:      none.
 * Callers:    json_line, pacer_trace.
 */
#include "runtime/decimal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 17 digits tell any two doubles apart. */
#define DIGITS_MAX 17

/* Exponents of the first digit for which the number is written without one. */
#define PLAIN_LEAST (-4)
#define PLAIN_MOST  5

struct digits {
    char text[DIGITS_MAX + 1];
    int count;
    int exponent; /* of ten, of the first digit */
};

/* Take apart what "%.*e" has written: a digit, perhaps the locale's point and more digits, and the
 * exponent. */
static struct digits take_apart(const char *scientific)
{
    struct digits digits = {.count = 0};
    const char *at = scientific;
    for (; *at != '\0' && *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9' && digits.count < DIGITS_MAX) { /* [decimal.1] */
            digits.text[digits.count++] = *at;
        }
    }
    digits.exponent = *at == 'e' ? (int)strtol(at + 1, NULL, 10) : 0;
    return digits;
}

/* The fewest digits that read back as magnitude, which is finite and not negative. */
static struct digits shortest(double magnitude)
{
    char scientific[64];
    for (int precision = 0; precision < DIGITS_MAX; precision++) {
        (void)snprintf(scientific, sizeof scientific, "%.*e", precision, magnitude);
        if (strtod(scientific, NULL) == magnitude) {
            break;
        }
    }
    return take_apart(scientific);
}

static void write_scientific(const struct digits *digits, char *text, size_t bytes)
{
    (void)snprintf(text, bytes, "%c%s%.*se%c%02d", digits->text[0], digits->count > 1 ? "." : "",
                   digits->count - 1, digits->text + 1, digits->exponent < 0 ? '-' : '+',
                   abs(digits->exponent));
}

static void write_plain(const struct digits *digits, char *text, size_t bytes)
{
    int before = digits->exponent + 1; /* digits before the point */
    if (before <= 0) {
        (void)snprintf(text, bytes, "0.%.*s%.*s", -before, "0000", digits->count, digits->text);
    } else if (before >= digits->count) {
        (void)snprintf(text, bytes, "%.*s%.*s", digits->count, digits->text, before - digits->count,
                       "000000");
    } else {
        (void)snprintf(text, bytes, "%.*s.%.*s", before, digits->text, digits->count - before,
                       digits->text + before);
    }
}

void decimal_format(double value, char text[DECIMAL_BYTES])
{
    if (!isfinite(value)) {
        (void)snprintf(text, DECIMAL_BYTES, "%s",
                       isnan(value) ? "NaN"
                       : value > 0  ? "+Inf"
                                    : "-Inf");
        return;
    }
    struct digits digits = shortest(fabs(value));
    size_t sign = signbit(value) != 0 ? 1 : 0;
    text[0] = '-';
    if (digits.exponent < PLAIN_LEAST || digits.exponent > PLAIN_MOST) {
        write_scientific(&digits, text + sign, DECIMAL_BYTES - sign);
    } else {
        write_plain(&digits, text + sign, DECIMAL_BYTES - sign);
    }
}
