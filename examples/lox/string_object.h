/* string_object.h -- strings. Their characters are in the object itself, behind its fixed part. */
#ifndef LOX_STRING_OBJECT_H
#define LOX_STRING_OBJECT_H

#include "object.h"

/* A string of `length` characters that no other one has, see intern.c. The caller must write them
 * and the hash before the next safepoint. A safepoint. */
struct string *string_create(struct vm *vm, size_t length);

uint32_t string_hash(const char *characters, size_t length);

/* That of the characters of `left` followed by those of `right`. Cost: grows with the logarithm of
 * the length of `right`. */
uint32_t string_hash_joined(const struct string *left, const struct string *right);

/* The length of `string` as printf's %.*s wants it. */
static inline int string_print_length(const struct string *string)
{
    return string->length > INT32_MAX ? INT32_MAX : (int)string->length;
}

#endif
