/* string_object.c -- making strings, and their hash.
 *
 * The hash is the value of a polynomial whose coefficients are the characters, modulo a prime. So
 * that of two strings joined follows from those of the two, without a look at the characters: a
 * program that builds a long string piece by piece does not read all of it again for each piece.
 */
#include "string_object.h"

#include "types.h"
#include "vm.h"

#define HASH_PRIME UINT32_C(0x7fffffff) /* 2 to the 31st less 1: easy to divide by */
#define HASH_BASE  UINT32_C(0x2f0b4c47) /* where the polynomial is evaluated; any will do */

struct string *string_create(struct vm *vm, size_t length)
{
    struct string *string = tri_alloc_trailing(vm->mutator, vm->types->string, length);
    /* The type is declared TRI_TYPE_UNINITIALIZED: every field must be written. */
    string->object.kind = OBJECT_STRING;
    string->length = length;
    return string;
}

/* a * b + c modulo the prime, of numbers below it. */
static uint32_t multiply_add(uint32_t a, uint32_t b, uint32_t c)
{
    uint64_t result = (uint64_t)a * b + c;
    result = (result & HASH_PRIME) + (result >> 31);
    return (uint32_t)(result >= HASH_PRIME ? result - HASH_PRIME : result);
}

/* The base to the power of exponent. */
static uint32_t hash_power(size_t exponent)
{
    uint32_t result = 1;
    for (uint32_t square = HASH_BASE; exponent != 0; exponent /= 2) {
        if (exponent % 2 != 0) {
            result = multiply_add(result, square, 0);
        }
        square = multiply_add(square, square, 0);
    }
    return result;
}

uint32_t string_hash(const char *characters, size_t length)
{
    uint32_t hash = 0;
    for (size_t i = 0; i < length; i++) {
        hash = multiply_add(hash, HASH_BASE, (uint8_t)characters[i]);
    }
    return hash;
}

uint32_t string_hash_joined(const struct string *left, const struct string *right)
{
    return multiply_add(left->hash, hash_power(right->length), right->hash);
}
