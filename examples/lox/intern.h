/* intern.h -- one string object for each sequence of characters in the source text.
 *
 * The table holds its strings strongly: each lives as long as its virtual machine. That is bounded
 * by the source text, because strings that a program computes are not entered.
 */
#ifndef LOX_INTERN_H
#define LOX_INTERN_H

#include "object.h"

/* An empty table. A safepoint. */
struct intern_table *intern_table_create(struct vm *vm);

/* The interned string of these characters, which lie outside the heap. A safepoint where it was not
 * there yet. */
struct string *intern(struct vm *vm, const char *characters, size_t length);

#endif
