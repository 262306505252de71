/* string_object.h -- strings. Their characters are in the object itself, behind its fixed part. */
#ifndef LOX_STRING_OBJECT_H
#define LOX_STRING_OBJECT_H

#include "object.h"

/* A string of `length` characters, which the caller must write, all of them, before the next
 * safepoint. A safepoint. */
struct string *string_create(struct vm *vm, size_t length);

/* `left` followed by `right`. A safepoint; both must be held by the caller. */
struct string *string_concatenate(struct vm *vm, const struct string *left,
                                  const struct string *right);

uint32_t string_hash(const char *characters, size_t length);

/* The length of `string` as printf's %.*s wants it. */
static inline int string_print_length(const struct string *string)
{
    return string->length > INT32_MAX ? INT32_MAX : (int)string->length;
}

#endif
