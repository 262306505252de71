/* call.c -- calls of what is not simply a closure, methods, classes. */
#include "call.h"

#include "store.h"
#include "string_object.h"
#include "table.h"
#include "types.h"

bool call_refuse(struct vm *vm, const struct function *function, uint32_t count)
{
    if (count != function->arity) {
        return vm_fail(vm, "Expected %u arguments but got %u.", function->arity, count);
    }
    return vm_fail(vm, "Stack overflow.");
}

/* The slot of the callee, or receiver, of a call with `count` arguments. */
static value *callee_slot(struct vm *vm, uint32_t count)
{
    return vm->top - count - 1;
}

static bool call_native(struct vm *vm, const struct native *native, uint32_t count)
{
    value result = native->function(vm, count, vm->top - count);
    vm->top -= count + 1;
    vm_push(vm, result);
    return true;
}

/* The instance takes the callee's place, and is initialized by the class's `init`. */
static inline bool construct(struct vm *vm, const struct class *class, struct instance *instance,
                             uint32_t count)
{
    *callee_slot(vm, count) = value_of_object(instance);
    if (class->initializer != NULL) {
        return call_closure(vm, class->initializer, count);
    }
    if (count != 0) {
        return vm_fail(vm, "Expected 0 arguments but got %u.", count);
    }
    return true;
}

TRI_COLD static bool construct_seen(struct vm *vm, struct class *class, struct instance *instance,
                                    uint32_t count)
{
    init_reference(vm->mutator, &instance->class, class);
    return construct(vm, class, instance, count);
}

static bool call_class(struct vm *vm, struct class *class, uint32_t count)
{
    /* The class is in the callee's slot, and so held. */
    struct instance *instance = tri_alloc(vm->mutator, vm->types->instance);
    instance->object.kind = OBJECT_INSTANCE;
    if (stores_are_seen(vm->mutator)) {
        return construct_seen(vm, class, instance, count);
    }
    store_unseen(vm->mutator, &instance->class, (tri_word) class);
    return construct(vm, class, instance, count);
}

bool call_value(struct vm *vm, value callee, uint32_t count)
{
    if (value_is_object(callee)) {
        switch (object_kind(value_to_object(callee))) {
        case OBJECT_CLOSURE:
            return call_closure(vm, OBJECT_CAST(closure, callee), count);
        case OBJECT_NATIVE:
            return call_native(vm, OBJECT_CAST(native, callee), count);
        case OBJECT_CLASS:
            return call_class(vm, OBJECT_CAST(class, callee), count);
        case OBJECT_BOUND_METHOD: {
            const struct bound_method *bound = OBJECT_CAST(bound_method, callee);
            *callee_slot(vm, count) = bound->receiver;
            return call_closure(vm, bound->method, count);
        }
        default:
            break;
        }
    }
    return vm_fail(vm, "Can only call functions and classes.");
}

struct closure *find_method(const struct class *class, const struct string *name)
{
    const struct entry *entry = table_find(&class->methods, name);
    return entry == NULL ? NULL : OBJECT_CAST(closure, entry->value);
}

static bool fail_undefined(struct vm *vm, const struct string *name)
{
    return vm_fail(vm, "Undefined property '%.*s'.", string_print_length(name), name->characters);
}

bool call_method(struct vm *vm, const struct class *class, const struct string *name,
                 uint32_t count)
{
    struct closure *method = find_method(class, name);
    if (method == NULL) {
        return fail_undefined(vm, name);
    }
    return call_closure(vm, method, count);
}

bool call_property(struct vm *vm, struct string *name, uint32_t count)
{
    value receiver = vm_peek(vm, count);
    if (!value_is(receiver, OBJECT_INSTANCE)) {
        return vm_fail(vm, "Only instances have methods.");
    }
    const struct instance *instance = OBJECT_CAST(instance, receiver);
    const struct entry *field = table_find(&instance->fields, name);
    if (field != NULL) {
        *callee_slot(vm, count) = field->value;
        return call_value(vm, field->value, count);
    }
    return call_method(vm, instance->class, name, count);
}

bool bind_method(struct vm *vm, const struct class *class, const struct string *name)
{
    struct closure *method = find_method(class, name);
    if (method == NULL) {
        return fail_undefined(vm, name);
    }
    TRI_FRAME(vm->mutator, 1);
    TRI_LOCAL(0) = method;
    struct bound_method *bound = bound_method_create(vm, vm_peek(vm, 0), method);
    vm->top[-1] = value_of_object(bound);
    return true;
}

void class_add_method(struct vm *vm, struct class *class, struct string *name,
                      struct closure *method)
{
    table_set(vm, &class->methods, name, value_of_object(method));
    if (name == vm->init_name) {
        store_reference(vm->mutator, &class->initializer, method);
    }
}

void class_inherit(struct vm *vm, struct class *class, const struct class *superclass)
{
    table_add_all(vm, &class->methods, &superclass->methods);
    store_reference(vm->mutator, &class->initializer, superclass->initializer);
}
