/* interpret.h -- the interpreter loop. */
#ifndef LOX_INTERPRET_H
#define LOX_INTERPRET_H

#include <stdbool.h>

struct vm;

/* Run the innermost frame, the only one, until it returns; its result is dropped. False after an
 * error. */
bool interpret(struct vm *vm);

#endif
