/* upvalue.c -- the list of open upvalues, sorted by their slots, and their closing. */
#include "upvalue.h"

#include "store.h"
#include "vm.h"

TRI_COLD static struct upvalue *link_seen(struct vm *vm, struct upvalue *created,
                                          struct upvalue *above, struct upvalue *next)
{
    init_reference(vm->mutator, &created->next, next);
    store_reference(vm->mutator, &above->next, created);
    return created;
}

/* Enter `created` between two in the list. */
static struct upvalue *link(struct vm *vm, struct upvalue *created, struct upvalue *above,
                            struct upvalue *next)
{
    if (stores_are_seen(vm->mutator)) {
        return link_seen(vm, created, above, next);
    }
    store_unseen(vm->mutator, &created->next, (tri_word)next);
    store_unseen(vm->mutator, &above->next, (tri_word)created);
    return created;
}

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
    if (above != NULL) {
        return link(vm, created, above, next);
    }
    vm->open_upvalues = created; /* a root, not a heap slot: no barrier */
    if (next == NULL) {
        return created; /* as fresh memory is */
    }
    return init_last(vm->mutator, created, &created->next, next);
}

/* Whether the highest open upvalue is to be closed. */
static bool is_due(const struct vm *vm, const value *lowest)
{
    return vm->open_upvalues != NULL && vm->open_upvalues->location >= lowest;
}

/* Take the highest open upvalue off the list. */
static struct upvalue *take_first(struct vm *vm)
{
    struct upvalue *upvalue = vm->open_upvalues;
    vm->open_upvalues = upvalue->next;
    return upvalue;
}

/* As upvalue_close, which it is the other half of. */
TRI_COLD static void close_seen(struct vm *vm, const value *lowest)
{
    while (is_due(vm, lowest)) {
        struct upvalue *upvalue = take_first(vm);
        store_value(vm->mutator, &upvalue->closed, *upvalue->location);
        upvalue->location = &upvalue->closed;
        store_reference(vm->mutator, &upvalue->next, NULL);
    }
}

void upvalue_close(struct vm *vm, const value *lowest)
{
    if (!is_due(vm, lowest)) {
        return;
    }
    if (stores_are_seen(vm->mutator)) {
        close_seen(vm, lowest);
        return;
    }
    do {
        struct upvalue *upvalue = take_first(vm);
        store_unseen(vm->mutator, &upvalue->closed, *upvalue->location);
        upvalue->location = &upvalue->closed;
        /* Else a long-lived closure would keep alive whatever happened to be open below it. */
        store_unseen(vm->mutator, &upvalue->next, 0);
    } while (is_due(vm, lowest));
}

void upvalue_set(struct vm *vm, struct upvalue *upvalue, value v)
{
    if (upvalue->location == &upvalue->closed) {
        store_value(vm->mutator, &upvalue->closed, v);
    } else {
        *upvalue->location = v; /* the machine's own stack: no barrier */
    }
}
