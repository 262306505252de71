/* interpret.c -- the interpreter loop.
 *
 * `ip`, `sp` and the frame's slots and constants are kept in C locals, so that they live in
 * registers. The collector knows nothing of registers: before everything that may be a safepoint
 * the loop PUBLISHes ip and sp to where roots.c looks. Operands stay on the stack until the result
 * is made, and that is all it takes to hold them.
 */
#include "interpret.h"

#include "call.h"
#include "opcode.h"
#include "print.h"
#include "store.h"
#include "string_object.h"
#include "table.h"
#include "upvalue.h"

/* Threaded dispatch: each instruction jumps to the next by itself, which processors predict better
 * than one common jump. */
#define INSTRUCTION(name)       label_##name:
#define NEXT()                  goto *labels[READ_BYTE()]
#define LABEL_ROW(name, effect) &&label_##name,

#define READ_BYTE()     (*ip++)
#define READ_OFFSET()   (ip += 2, (size_t)ip[-2] << 8 | ip[-1])
#define READ_CONSTANT() (constants[READ_BYTE()])
#define READ_NAME()     OBJECT_CAST(string, READ_CONSTANT())
#define READ_GLOBAL()   OBJECT_CAST(global, READ_CONSTANT())

#define PUSH(v) (*sp++ = (v))
#define POP()   (*--sp)

/* Make stack and position known: before everything that may be a safepoint or may fail. */
#define PUBLISH()                                                                                  \
    do {                                                                                           \
        frame->ip = ip;                                                                            \
        vm->top = sp;                                                                              \
    } while (0)

/* Take up the innermost frame, as what PUBLISH, a call or a return left. */
#define TAKE_UP_FRAME()                                                                            \
    do {                                                                                           \
        frame = &vm->frames[vm->frame_count - 1];                                                  \
        ip = frame->ip;                                                                            \
        constants = frame->constants;                                                              \
        slots = frame->slots;                                                                      \
        sp = vm->top;                                                                              \
    } while (0)

/* After PUBLISH: `call` pushes a frame or fails. */
#define ENTER(call)                                                                                \
    do {                                                                                           \
        if (TRI_UNLIKELY(!(call))) {                                                               \
            return false;                                                                          \
        }                                                                                          \
        TAKE_UP_FRAME();                                                                           \
        tri_safepoint(mutator);                                                                    \
    } while (0)

#define FAIL(...)                                                                                  \
    do {                                                                                           \
        PUBLISH();                                                                                 \
        return vm_fail(vm, __VA_ARGS__);                                                           \
    } while (0)

/* Replace two numbers a and b by `result`. */
#define NUMBERS(result)                                                                            \
    do {                                                                                           \
        if (TRI_UNLIKELY(!value_is_number(sp[-2]) || !value_is_number(sp[-1]))) {                  \
            FAIL("Operands must be numbers.");                                                     \
        }                                                                                          \
        double a = value_to_number(sp[-2]);                                                        \
        double b = value_to_number(sp[-1]);                                                        \
        sp--;                                                                                      \
        sp[-1] = (result);                                                                         \
    } while (0)

/* Capture the variables that the operands of OP_CLOSURE, from `operands` on, name. `closure` is on
 * the stack. A safepoint. */
static const uint8_t *capture_variables(struct vm *vm, struct closure *closure,
                                        const struct frame *frame, const uint8_t *operands)
{
    for (uint32_t i = 0; i < closure->upvalue_count; i++) {
        bool is_local = *operands++ != 0;
        uint8_t index = *operands++;
        struct upvalue *upvalue =
            is_local ? upvalue_capture(vm, frame->slots + index) : frame->closure->upvalues[index];
        store_reference(vm->mutator, &closure->upvalues[i], upvalue);
    }
    return operands;
}

/* clang-format off */
bool interpret(struct vm *vm)
{
    static const void *const labels[] = {OPCODES(LABEL_ROW)};
    tri_mutator *const mutator = vm->mutator;
    struct frame *frame;
    const uint8_t *ip;
    const value *constants;
    value *slots;
    value *sp;

    TAKE_UP_FRAME();
    NEXT();

    INSTRUCTION(CONSTANT) {
        PUSH(READ_CONSTANT());
        NEXT();
    }

    INSTRUCTION(NIL) {
        PUSH(VALUE_NIL);
        NEXT();
    }

    INSTRUCTION(TRUE) {
        PUSH(VALUE_TRUE);
        NEXT();
    }

    INSTRUCTION(FALSE) {
        PUSH(VALUE_FALSE);
        NEXT();
    }

    INSTRUCTION(POP) {
        sp--;
        NEXT();
    }

    INSTRUCTION(GET_LOCAL) {
        PUSH(slots[READ_BYTE()]);
        NEXT();
    }

    INSTRUCTION(SET_LOCAL) {
        slots[READ_BYTE()] = sp[-1];
        NEXT();
    }

    INSTRUCTION(GET_GLOBAL) {
        const struct global *global = READ_GLOBAL();
        if (TRI_UNLIKELY(global->value == VALUE_UNDEFINED)) {
            FAIL("Undefined variable '%.*s'.", string_print_length(global->name),
                 global->name->characters);
        }
        PUSH(global->value);
        NEXT();
    }

    INSTRUCTION(DEFINE_GLOBAL) {
        struct global *global = READ_GLOBAL();
        store_value(mutator, &global->value, POP());
        NEXT();
    }

    INSTRUCTION(SET_GLOBAL) {
        struct global *global = READ_GLOBAL();
        if (TRI_UNLIKELY(global->value == VALUE_UNDEFINED)) {
            FAIL("Undefined variable '%.*s'.", string_print_length(global->name),
                 global->name->characters);
        }
        store_value(mutator, &global->value, sp[-1]);
        NEXT();
    }

    INSTRUCTION(GET_UPVALUE) {
        PUSH(*frame->closure->upvalues[READ_BYTE()]->location);
        NEXT();
    }

    INSTRUCTION(SET_UPVALUE) {
        upvalue_set(vm, frame->closure->upvalues[READ_BYTE()], sp[-1]);
        NEXT();
    }

    INSTRUCTION(GET_PROPERTY) {
        const struct string *name = READ_NAME();
        if (TRI_UNLIKELY(!value_is(sp[-1], OBJECT_INSTANCE))) {
            FAIL("Only instances have properties.");
        }
        const struct instance *instance = OBJECT_CAST(instance, sp[-1]);
        const struct entry *field = table_find(&instance->fields, name);
        if (TRI_LIKELY(field != NULL)) {
            sp[-1] = field->value;
            NEXT();
        }
        PUBLISH();
        if (!bind_method(vm, instance->class, name)) {
            return false;
        }
        NEXT();
    }

    INSTRUCTION(SET_PROPERTY) {
        struct string *name = READ_NAME();
        if (TRI_UNLIKELY(!value_is(sp[-2], OBJECT_INSTANCE))) {
            FAIL("Only instances have fields.");
        }
        struct instance *instance = OBJECT_CAST(instance, sp[-2]);
        struct entry *field = table_find(&instance->fields, name);
        if (TRI_LIKELY(field != NULL)) {
            store_value(mutator, &field->value, sp[-1]);
        } else {
            PUBLISH();
            instance_set_field(vm, instance, name, sp[-1]);
        }
        sp--;
        sp[-1] = sp[0];
        NEXT();
    }

    INSTRUCTION(GET_SUPER) {
        const struct string *name = READ_NAME();
        const struct class *superclass = OBJECT_CAST(class, POP());
        PUBLISH();
        if (!bind_method(vm, superclass, name)) {
            return false;
        }
        NEXT();
    }

    INSTRUCTION(EQUAL) {
        sp--;
        sp[-1] = value_of_bool(values_equal(sp[-1], sp[0]));
        NEXT();
    }

    INSTRUCTION(NOT_EQUAL) {
        sp--;
        sp[-1] = value_of_bool(!values_equal(sp[-1], sp[0]));
        NEXT();
    }

    INSTRUCTION(GREATER) {
        NUMBERS(value_of_bool(a > b));
        NEXT();
    }

    /* The book compiles a >= b as !(a < b), which is true where one of them is not a number; <=
     * likewise. */
    INSTRUCTION(GREATER_EQUAL) {
        NUMBERS(value_of_bool(!(a < b)));
        NEXT();
    }

    INSTRUCTION(LESS) {
        NUMBERS(value_of_bool(a < b));
        NEXT();
    }

    INSTRUCTION(LESS_EQUAL) {
        NUMBERS(value_of_bool(!(a > b)));
        NEXT();
    }

    INSTRUCTION(ADD) {
        if (value_is_number(sp[-2]) && value_is_number(sp[-1])) {
            sp--;
            sp[-1] = value_of_number(value_to_number(sp[-1]) + value_to_number(sp[0]));
        } else if (value_is(sp[-2], OBJECT_STRING) && value_is(sp[-1], OBJECT_STRING)) {
            PUBLISH();
            struct string *sum =
                intern_joined(vm, OBJECT_CAST(string, sp[-2]), OBJECT_CAST(string, sp[-1]));
            sp--;
            sp[-1] = value_of_object(sum);
        } else {
            FAIL("Operands must be two numbers or two strings.");
        }
        NEXT();
    }

    INSTRUCTION(SUBTRACT) {
        NUMBERS(value_of_number(a - b));
        NEXT();
    }

    INSTRUCTION(MULTIPLY) {
        NUMBERS(value_of_number(a * b));
        NEXT();
    }

    INSTRUCTION(DIVIDE) {
        NUMBERS(value_of_number(a / b));
        NEXT();
    }

    INSTRUCTION(NOT) {
        sp[-1] = value_of_bool(value_is_falsey(sp[-1]));
        NEXT();
    }

    INSTRUCTION(NEGATE) {
        if (TRI_UNLIKELY(!value_is_number(sp[-1]))) {
            FAIL("Operand must be a number.");
        }
        sp[-1] = value_of_number(-value_to_number(sp[-1]));
        NEXT();
    }

    INSTRUCTION(PRINT) {
        print_value(&vm->output.lines, POP());
        PUBLISH();
        output_end_line(&vm->output);
        NEXT();
    }

    INSTRUCTION(JUMP) {
        size_t offset = READ_OFFSET();
        ip += offset;
        NEXT();
    }

    INSTRUCTION(JUMP_IF_FALSE) {
        size_t offset = READ_OFFSET();
        ip += value_is_falsey(sp[-1]) ? offset : 0;
        NEXT();
    }

    INSTRUCTION(JUMP_IF_TRUE) {
        size_t offset = READ_OFFSET();
        ip += value_is_falsey(sp[-1]) ? 0 : offset;
        NEXT();
    }

    INSTRUCTION(POP_JUMP_IF_FALSE) {
        size_t offset = READ_OFFSET();
        ip += value_is_falsey(POP()) ? offset : 0;
        NEXT();
    }

    INSTRUCTION(LOOP) {
        size_t offset = READ_OFFSET();
        ip -= offset;
        PUBLISH();
        tri_safepoint(mutator);
        NEXT();
    }

    INSTRUCTION(CALL) {
        uint8_t count = READ_BYTE();
        value callee = sp[-1 - count];
        PUBLISH();
        if (TRI_LIKELY(value_is(callee, OBJECT_CLOSURE))) {
            ENTER(call_closure(vm, OBJECT_CAST(closure, callee), count));
        } else {
            ENTER(call_value(vm, callee, count));
        }
        NEXT();
    }

    INSTRUCTION(INVOKE) {
        struct string *name = READ_NAME();
        uint8_t count = READ_BYTE();
        PUBLISH();
        ENTER(call_property(vm, name, count));
        NEXT();
    }

    INSTRUCTION(SUPER_INVOKE) {
        const struct string *name = READ_NAME();
        uint8_t count = READ_BYTE();
        const struct class *superclass = OBJECT_CAST(class, POP());
        PUBLISH();
        ENTER(call_method(vm, superclass, name, count));
        NEXT();
    }

    INSTRUCTION(CLOSURE) {
        struct function *function = OBJECT_CAST(function, READ_CONSTANT());
        PUBLISH();
        struct closure *closure = closure_create(vm, function);
        PUSH(value_of_object(closure));
        PUBLISH();
        ip = capture_variables(vm, closure, frame, ip);
        NEXT();
    }

    INSTRUCTION(CLOSE_UPVALUE) {
        upvalue_close(vm, sp - 1);
        sp--;
        NEXT();
    }

    INSTRUCTION(RETURN) {
        value result = POP();
        if (TRI_UNLIKELY(vm->open_upvalues != NULL)) {
            upvalue_close(vm, slots);
        }
        sp = slots;
        vm->top = sp;
        vm->frame_count--;
        if (vm->frame_count == 0) {
            return true;
        }
        TAKE_UP_FRAME();
        PUSH(result);
        NEXT();
    }

    INSTRUCTION(CLASS) {
        value operand = READ_CONSTANT();
        struct string *name = value_is(operand, OBJECT_GLOBAL) ? OBJECT_CAST(global, operand)->name
                                                               : OBJECT_CAST(string, operand);
        PUBLISH();
        PUSH(value_of_object(class_create(vm, name)));
        NEXT();
    }

    INSTRUCTION(INHERIT) {
        if (!value_is(sp[-2], OBJECT_CLASS)) {
            FAIL("Superclass must be a class.");
        }
        PUBLISH();
        class_inherit(vm, OBJECT_CAST(class, sp[-1]), OBJECT_CAST(class, sp[-2]));
        sp--;
        NEXT();
    }

    INSTRUCTION(METHOD) {
        struct string *name = READ_NAME();
        PUBLISH();
        class_add_method(vm, OBJECT_CAST(class, sp[-2]), name, OBJECT_CAST(closure, sp[-1]));
        sp--;
        NEXT();
    }
}
/* clang-format on */
