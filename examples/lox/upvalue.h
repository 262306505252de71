/* upvalue.h -- variables that outlive the call that made them. */
#ifndef LOX_UPVALUE_H
#define LOX_UPVALUE_H

#include "object.h"

/* The upvalue of the stack slot `location`; one slot has one, however many closures share it. A
 * safepoint. */
struct upvalue *upvalue_capture(struct vm *vm, value *location);

/* Close every open upvalue of `lowest` and the slots above it: they are about to be popped. No
 * safepoint. */
void upvalue_close(struct vm *vm, const value *lowest);

/* Assign to the variable. */
void upvalue_set(struct vm *vm, struct upvalue *upvalue, value v);

#endif
