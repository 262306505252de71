/* string_object.c -- making, joining and comparing strings.
 *
 * Only what stands in the source text is interned (intern.h): names must be, for the tables' sake,
 * and literals are cheap to. A string that the program computes is compared by its characters and
 * dies as any other object does.
 */
#include "string_object.h"

#include "types.h"
#include "vm.h"

struct string *string_create(struct vm *vm, size_t length)
{
    struct string *string = tri_alloc_trailing(vm->mutator, vm->types->string, length);
    /* The type is declared TRI_TYPE_UNINITIALIZED: every field must be written. */
    string->object.kind = OBJECT_STRING;
    string->interned = false;
    string->hash = 0;
    string->length = length;
    return string;
}

struct string *string_concatenate(struct vm *vm, const struct string *left,
                                  const struct string *right)
{
    struct string *string = string_create(vm, left->length + right->length);
    memcpy(string->characters, left->characters, left->length);
    memcpy(string->characters + left->length, right->characters, right->length);
    return string;
}

/* FNV-1a, 32 bits. */
uint32_t string_hash(const char *characters, size_t length)
{
    uint32_t hash = 2166136261U;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ (uint8_t)characters[i]) * 16777619U;
    }
    return hash;
}

bool values_equal_slow(value a, value b)
{
    if (!value_is(a, OBJECT_STRING) || !value_is(b, OBJECT_STRING)) {
        return false;
    }
    const struct string *left = OBJECT_CAST(string, a);
    const struct string *right = OBJECT_CAST(string, b);
    return left->length == right->length && !(left->interned && right->interned) &&
           memcmp(left->characters, right->characters, left->length) == 0;
}
