/* natives.c -- functions in C: only clock(), as in the book. */
#include "natives.h"

#include <time.h>

#include "intern.h"
#include "store.h"
#include "vm.h"

/* Seconds of processor time that the process has used. */
static value native_clock(struct vm *vm, uint32_t count, const value *arguments)
{
    (void)vm;
    (void)count;
    (void)arguments;
    return value_of_number((double)clock() / CLOCKS_PER_SEC);
}

static void define(struct vm *vm, const char *name, native_function *function)
{
    TRI_FRAME(vm->mutator, 2);
    TRI_LOCAL(0) = intern(vm, name, strlen(name));
    TRI_LOCAL(1) = native_create(vm, function);
    struct global *global = module_global(vm, vm->module, TRI_LOCAL(0));
    store_value(vm->mutator, &global->value, value_of_object(TRI_LOCAL(1)));
}

void natives_define(struct vm *vm)
{
    define(vm, "clock", native_clock);
}
