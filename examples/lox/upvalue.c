/* upvalue.c -- the list of open upvalues, sorted by their slots, and their closing. */
#include "upvalue.h"

#include "store.h"
#include "vm.h"

struct upvalue *upvalue_capture(struct vm *vm, value *location)
{
    struct upvalue *above = NULL;
    struct upvalue *next = vm->open_upvalues;
    while (next != NULL && next->location > location) {
        above = next;
        next = next->next;
    }
    if (next != NULL && next->location == location) {
        return next;
    }
    /* A safepoint, and `above` and `next` are mere C locals: the list itself, a root, holds
     * them. */
    struct upvalue *created = upvalue_create(vm, location);
    init_reference(vm->mutator, &created->next, next);
    if (above == NULL) {
        vm->open_upvalues = created; /* a root, not a heap slot: no barrier */
    } else {
        store_reference(vm->mutator, &above->next, created);
    }
    return created;
}

void upvalue_close(struct vm *vm, const value *lowest)
{
    while (vm->open_upvalues != NULL && vm->open_upvalues->location >= lowest) {
        struct upvalue *upvalue = vm->open_upvalues;
        vm->open_upvalues = upvalue->next;
        store_value(vm->mutator, &upvalue->closed, *upvalue->location);
        upvalue->location = &upvalue->closed;
        /* Else a long-lived closure would keep alive whatever happened to be open below it. */
        store_reference(vm->mutator, &upvalue->next, NULL);
    }
}

void upvalue_set(struct vm *vm, struct upvalue *upvalue, value v)
{
    if (upvalue->location == &upvalue->closed) {
        store_value(vm->mutator, &upvalue->closed, v);
    } else {
        *upvalue->location = v; /* the machine's own stack: no barrier */
    }
}
