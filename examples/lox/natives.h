/* natives.h -- the functions that Lox programs have without defining them. */
#ifndef LOX_NATIVES_H
#define LOX_NATIVES_H

struct vm;

/* Make them globals of `vm`. A safepoint. */
void natives_define(struct vm *vm);

#endif
