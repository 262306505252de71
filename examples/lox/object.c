/* object.c -- allocation of the objects of object.h. Fresh memory is zero, so only what is not zero
 * is written. */
#include "object.h"

#include "store.h"
#include "table.h"
#include "types.h"
#include "vm.h"

void *init_last_seen(tri_mutator *mutator, void *object, void *slot, tri_word word)
{
    init_value(mutator, slot, word);
    return object;
}

struct function *function_create(struct vm *vm)
{
    struct function *function = tri_alloc(vm->mutator, vm->types->function);
    function->object.kind = OBJECT_FUNCTION;
    return function;
}

struct native *native_create(struct vm *vm, native_function *function)
{
    struct native *native = tri_alloc(vm->mutator, vm->types->native);
    native->object.kind = OBJECT_NATIVE;
    native->function = function;
    return native;
}

struct closure *closure_create(struct vm *vm, struct function *function)
{
    uint32_t count = function->upvalue_count;
    struct closure *closure = tri_alloc_trailing(vm->mutator, vm->types->closure, count);
    closure->object.kind = OBJECT_CLOSURE;
    closure->upvalue_count = count;
    return init_last(vm->mutator, closure, &closure->function, function);
}

struct upvalue *upvalue_create(struct vm *vm, value *location)
{
    struct upvalue *upvalue = tri_alloc(vm->mutator, vm->types->upvalue);
    upvalue->location = location;
    return upvalue;
}

struct class *class_create(struct vm *vm, struct string *name)
{
    struct class *class = tri_alloc(vm->mutator, vm->types->class);
    class->object.kind = OBJECT_CLASS;
    init_reference(vm->mutator, &class->name, name);
    return class;
}

/* What the tables of later instances begin with is what this one grows to. */
TRI_NOINLINE static void grow_fields(struct vm *vm, struct instance *instance, struct string *name,
                                     value v)
{
    struct class *class = instance->class;
    table_set(vm, &instance->fields, name, v);
    if (instance->fields.capacity > class->field_capacity) {
        class->field_capacity = instance->fields.capacity;
    }
}

void instance_set_field(struct vm *vm, struct instance *instance, struct string *name, value v)
{
    uint32_t capacity = instance->class->field_capacity;
    if (instance->fields.capacity == 0 && capacity != 0) {
        table_begin(vm, &instance->fields, capacity, name, v);
    } else if (table_is_full(&instance->fields)) {
        grow_fields(vm, instance, name, v);
    } else {
        table_set(vm, &instance->fields, name, v);
    }
}

struct bound_method *bound_method_create(struct vm *vm, value receiver, struct closure *method)
{
    struct bound_method *bound = tri_alloc(vm->mutator, vm->types->bound_method);
    bound->object.kind = OBJECT_BOUND_METHOD;
    init_value(vm->mutator, &bound->receiver, receiver);
    return init_last(vm->mutator, bound, &bound->method, method);
}

struct module *module_create(struct vm *vm)
{
    return tri_alloc(vm->mutator, vm->types->module);
}

struct global *module_global(struct vm *vm, struct module *module, struct string *name)
{
    struct entry *entry = table_find(&module->globals, name);
    if (entry != NULL) {
        return OBJECT_CAST(global, entry->value);
    }
    struct global *global = tri_alloc(vm->mutator, vm->types->global);
    global->object.kind = OBJECT_GLOBAL;
    init_reference(vm->mutator, &global->name, name);
    init_value(vm->mutator, &global->value, VALUE_UNDEFINED);

    /* table_set may grow the table, which allocates: until the table holds the new object, this
     * frame does. */
    TRI_FRAME(vm->mutator, 1);
    TRI_LOCAL(0) = global;
    table_set(vm, &module->globals, name, value_of_object(global));
    return global;
}
