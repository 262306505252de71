/* object.h -- the objects of a Lox program, as they lie in Trillium's heap.
 *
 * Each kind is a Trillium type of its own (types.c declares them), so the collector needs nothing
 * from an object: no mark bit, no link to the next object, no size. What the objects that can be
 * values begin with, their kind, is there for the interpreter, which must tell a string from a
 * class.
 *
 * The rules that all code here keeps:
 *   - a field that types.c calls a reference is written by the functions of store.h, never by `=`:
 *     by init_... right after allocation, else by store_...;
 *   - a function that allocates is a safepoint: what it is given must be held by the caller (on the
 *     virtual machine's stack, in a TRI_FRAME, in another object that is held), and what it returns
 *     must be held before the next safepoint.
 */
#ifndef LOX_OBJECT_H
#define LOX_OBJECT_H

#include "value.h"

struct vm;

enum object_kind {
    OBJECT_STRING,
    OBJECT_FUNCTION,
    OBJECT_NATIVE,
    OBJECT_CLOSURE,
    OBJECT_CLASS,
    OBJECT_INSTANCE,
    OBJECT_BOUND_METHOD,
    OBJECT_GLOBAL /* among a function's constants, never a value of the language */
};

struct object {
    uint8_t kind; /* enum object_kind */
};

/* A leaf: never scanned. Immutable once made. No two of a machine have the same characters; see
 * intern.h. */
struct string {
    struct object object;
    uint32_t hash; /* of its characters */
    size_t length;
    char characters[]; /* no NUL at the end */
};

struct entry {
    struct string *key; /* NULL: free */
    value value;
};

/* See table.h. */
struct table {
    struct entry *entries;
    uint32_t capacity; /* a power of two, or 0 */
    uint32_t count;
};

/* From bytecode offset `start` on, the code comes from source line `line`. */
struct line_run {
    uint32_t start;
    uint32_t line;
};

/* The code of one function. Three heap arrays, grown while the compiler writes them (chunk.h). */
struct chunk {
    uint8_t *code;          /* a leaf */
    struct line_run *lines; /* a leaf, in ascending order of `start` */
    value *constants;
    uint32_t code_count, code_capacity;
    uint32_t line_count, line_capacity;
    uint32_t constant_count, constant_capacity;
};

struct function {
    struct object object;
    uint32_t arity;
    uint32_t upvalue_count;
    uint32_t stack_need; /* the most slots that one activation uses, its callee and arguments
                            included */
    struct string *name; /* NULL: top-level code */
    struct chunk chunk;
};

/* `arguments` are on the virtual machine's stack, so they are held; anything else the function must
 * hold itself. */
typedef value native_function(struct vm *vm, uint32_t count, const value *arguments);

/* A leaf: code does not lie in the heap. */
struct native {
    struct object object;
    native_function *function;
};

/* A variable that closures share. While its function runs it is *open*: `location` is the
 * variable's slot on the virtual machine's stack, which is no heap memory and which the root
 * scanner reports. When that slot goes away the variable moves into `closed` and `location` points
 * there. Either way `location` keeps nothing alive that is not alive anyway: types.c leaves it out
 * of the layout. */
struct upvalue {
    value *location;
    value closed;
    struct upvalue *next; /* the open upvalue of the next lower slot; NULL once closed */
};

struct closure {
    struct object object;
    uint32_t upvalue_count;
    struct function *function;
    struct upvalue *upvalues[];
};

struct class
{
    struct object object;
    uint32_t field_capacity; /* what the tables of earlier instances grew to: later ones start
                                there */
    struct string *name;
    struct closure *initializer; /* the method `init`; NULL: none */
    struct table methods;        /* to closures; inherited ones are copied in */
};

struct instance {
    struct object object;
    struct class *class;
    struct table fields;
};

struct bound_method {
    struct object object;
    value receiver;
    struct closure *method;
};

/* A global variable. Code refers to it by a constant, so that reading it is two loads. */
struct global {
    struct object object;
    struct string *name;
    value value; /* VALUE_UNDEFINED until its definition has run */
};

/* The names of a program. */
struct module {
    struct table globals; /* to struct global */
};

static inline enum object_kind object_kind(const void *object)
{
    return (enum object_kind)((const struct object *)object)->kind;
}

static inline bool value_is(value v, enum object_kind kind)
{
    return value_is_object(v) && value_to_object(v)->kind == (uint8_t)kind;
}

/* The structure behind a value whose kind is known. */
#define OBJECT_CAST(structure, v) ((struct structure *)(void *)value_to_object(v))

/* Enter or replace a field. A safepoint: `instance`, `name` and `v` must be held. */
void instance_set_field(struct vm *vm, struct instance *instance, struct string *name, value v);

/* Allocate. Each is a safepoint and holds nothing of what it is given; see above. */
struct function *function_create(struct vm *vm);
struct native *native_create(struct vm *vm, native_function *function);
struct closure *closure_create(struct vm *vm, struct function *function);
struct upvalue *upvalue_create(struct vm *vm, value *location);
struct class *class_create(struct vm *vm, struct string *name);
struct bound_method *bound_method_create(struct vm *vm, value receiver, struct closure *method);
struct module *module_create(struct vm *vm);

/* The global variable called `name`; made, undefined, where there was none. A safepoint; `name`
 * must be held. */
struct global *module_global(struct vm *vm, struct module *module, struct string *name);

#endif
