/* value.h -- a Lox value in 64 bits.
 *
 * NaN-boxing: a double is itself. Everything else hides among the quiet NaNs that arithmetic never
 * produces, namely those with the bits of VALUE_BOX set:
 *
 *     0 11111111111 11 00 ............ small number    nil, false, true, undefined
 *     1 11111111111 11 00 ............ 48-bit address  an object of the heap
 *
 * The collector is told the second line once, as VALUE_ENCODING, when the heap is created; from
 * then on it finds the references among the words of stacks, arrays and fields by itself.
 *
 * The zero word, which is what fresh heap memory holds, is the number 0: harmless for the collector
 * and a valid value.
 */
#ifndef LOX_VALUE_H
#define LOX_VALUE_H

#include <stdbool.h>
#include <string.h>
#include <trillium/trillium.h>

typedef tri_word value;

struct object;

/* The exponent, the quiet bit, and one more: a processor's own NaN has that one clear. */
#define VALUE_BOX       ((value)0x7ffc000000000000)
#define VALUE_REFERENCE (VALUE_BOX | (value)1 << 63)

#define VALUE_ENCODING TRI_ENCODING_NAN_BOX(VALUE_REFERENCE, VALUE_REFERENCE)

#define VALUE_NIL   (VALUE_BOX | 1)
#define VALUE_FALSE (VALUE_BOX | 2)
#define VALUE_TRUE  (VALUE_BOX | 3)

/* No value of the language: what a global variable holds before its definition. */
#define VALUE_UNDEFINED (VALUE_BOX | 4)

static inline bool value_is_number(value v)
{
    return (v & VALUE_BOX) != VALUE_BOX;
}

static inline bool value_is_object(value v)
{
    return (v & VALUE_REFERENCE) == VALUE_REFERENCE;
}

static inline double value_to_number(value v)
{
    double number;
    memcpy(&number, &v, sizeof(number));
    return number;
}

static inline value value_of_number(double number)
{
    value v;
    memcpy(&v, &number, sizeof(v));
    return v;
}

static inline value value_of_bool(bool truth)
{
    return truth ? VALUE_TRUE : VALUE_FALSE;
}

static inline struct object *value_to_object(value v)
{
    return (struct object *)(v & ~VALUE_REFERENCE);
}

/* `object` is the address of any of the structures of object.h. */
static inline value value_of_object(const void *object)
{
    return VALUE_REFERENCE | (value)object;
}

static inline bool value_is_falsey(value v)
{
    return v == VALUE_NIL || v == VALUE_FALSE;
}

/* Lox's ==. Numbers compare as doubles do, all else by identity: equal strings are the same object,
 * see intern.h. */
static inline bool values_equal(value a, value b)
{
    if (value_is_number(a) && value_is_number(b)) {
        return value_to_number(a) == value_to_number(b);
    }
    return a == b;
}

#endif
