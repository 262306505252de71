/* compiler.h -- source text to a function, in one pass. */
#ifndef LOX_COMPILER_H
#define LOX_COMPILER_H

#include "object.h"

struct parser;

/* The top-level code of `source`; NULL where errors were found, which are reported. A safepoint;
 * the result is not held. */
struct function *compile(struct vm *vm, const char *source);

/* Report what the compiler holds: the functions that are not yet finished, from the innermost
 * outwards. For roots.c. */
void compiler_visit_roots(const struct parser *parser, tri_visitor *visitor);

#endif
