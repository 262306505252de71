/* call.h -- calls, and the ways to methods. Arguments are on top of the stack, the callee or
 * receiver below them.
 *
 * All functions here need `top` and the frame's `ip` up to date, and leave them so. Those that
 * return bool give false after reporting an error.
 */
#ifndef LOX_CALL_H
#define LOX_CALL_H

#include "vm.h"

/* Report why call_closure cannot. */
TRI_COLD bool call_refuse(struct vm *vm, const struct function *function, uint32_t count);

/* Push a frame for `closure`. No safepoint unless it fails. */
static inline bool call_closure(struct vm *vm, struct closure *closure, uint32_t count)
{
    const struct function *function = closure->function;
    value *slots = vm->top - count - 1;
    size_t room = STACK_MAX - (size_t)(slots - vm->stack);
    if (TRI_UNLIKELY(count != function->arity || vm->frame_count == FRAMES_MAX ||
                     room < function->stack_need)) {
        return call_refuse(vm, function, count);
    }
    vm->frames[vm->frame_count++] = (struct frame){
        .closure = closure,
        .ip = function->chunk.code,
        .constants = function->chunk.constants,
        .slots = slots,
    };
    return true;
}

/* Call whatever `callee` is: it pushes a frame, or leaves the result in place of the callee. A
 * safepoint. */
bool call_value(struct vm *vm, value callee, uint32_t count);

/* Call the property `name` of the receiver. A safepoint. */
bool call_property(struct vm *vm, struct string *name, uint32_t count);

/* Call the method `name` of `class` on the receiver. A safepoint. */
bool call_method(struct vm *vm, const struct class *class, const struct string *name,
                 uint32_t count);

/* Replace the receiver on top of the stack by its method `name` of `class`, bound to it. A
 * safepoint. */
bool bind_method(struct vm *vm, const struct class *class, const struct string *name);

/* The method `name` of `class`; NULL where there is none. */
struct closure *find_method(const struct class *class, const struct string *name);

/* Give `class` all methods of `superclass`. A safepoint; both must be held. */
void class_inherit(struct vm *vm, struct class *class, const struct class *superclass);

/* Give `class` a method. A safepoint; all must be held. */
void class_add_method(struct vm *vm, struct class *class, struct string *name,
                      struct closure *method);

#endif
