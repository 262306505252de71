/* decimal.h -- numbers with a fraction as text, the same in every locale. */
#ifndef RUNTIME_DECIMAL_H
#define RUNTIME_DECIMAL_H

#define DECIMAL_BYTES 32

/* Write value with the fewest digits that read back as value, as Go's print does: with an exponent
 * below 0.0001 and from 1000000 on, which has at least two digits; "NaN", "+Inf", "-Inf". */
void decimal_format(double value, char text[DECIMAL_BYTES]);

#endif
