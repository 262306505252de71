/* vm.h -- a virtual machine: its stack, its frames, its roots.
 *
 * A process may have many, each on a thread of its own with a mutator of its own; they may share a
 * heap but no object. Everything hangs on a struct vm: there are no global variables.
 */
#ifndef LOX_VM_H
#define LOX_VM_H

#include "intern.h"
#include "object.h"
#include "output.h"

struct parser;
struct types;

/* Calls nest this deep. */
#define FRAMES_MAX 64
#define STACK_MAX  ((size_t)FRAMES_MAX * 256)

/* The activation of a closure. */
struct frame {
    struct closure *closure;
    const uint8_t *ip;      /* next instruction. While the frame is innermost: as of the last
                               safepoint */
    const value *constants; /* of its function */
    value *slots;           /* its part of the stack; slot 0 is the callee, or the receiver of a
                               method */
};

struct vm {
    tri_mutator *mutator;
    const struct types *types;
    struct output output;
    struct intern_table interned; /* not a root */

    /* Roots: what roots.c reports. All of it is as the collector wants it at every safepoint;
     * between safepoints the interpreter keeps `top` in a register. */
    value *top;                    /* of the stack: the next free slot */
    uint32_t frame_count;          /* of `frames` */
    struct upvalue *open_upvalues; /* highest slot first */
    struct module *module;
    struct string *init_name; /* "init" */
    struct parser *parser;    /* while source is being compiled, else NULL */
    struct frame frames[FRAMES_MAX];
    value stack[STACK_MAX];
};

/* How a program ended. */
enum outcome {
    OUTCOME_OK,
    OUTCOME_COMPILE_ERROR,
    OUTCOME_RUNTIME_ERROR
};

/* A machine for the calling thread, whose mutator it makes use of and whose root scanner it
 * becomes. `types` and `console` must outlive it. */
struct vm *vm_create(tri_mutator *mutator, const struct types *types, struct console *console);

/* Output is flushed. What the program left in the heap is the collector's. */
void vm_destroy(struct vm *vm);

/* Compile and run. Errors are reported; globals stay for the next call. */
enum outcome vm_run(struct vm *vm, const char *source);

/* Report an error of the running program, with the calls that led to it, and unwind the stack.
 * Always false, so that failing functions can return it. `top` and the frame's `ip` must be up to
 * date. A safepoint. */
TRI_COLD TRI_PRINTF(2, 3) bool vm_fail(struct vm *vm, const char *format, ...);

static inline void vm_push(struct vm *vm, value v)
{
    *vm->top++ = v;
}

static inline value vm_pop(struct vm *vm)
{
    return *--vm->top;
}

static inline value vm_peek(const struct vm *vm, uint32_t distance)
{
    return vm->top[-1 - (ptrdiff_t)distance];
}

#endif
