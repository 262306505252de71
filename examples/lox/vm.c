/* vm.c -- the life of a virtual machine, and its errors. */
#include "vm.h"

#include <stdlib.h>

#include "call.h"
#include "chunk.h"
#include "compiler.h"
#include "intern.h"
#include "interpret.h"
#include "natives.h"
#include "roots.h"
#include "string_object.h"
#include "types.h"

static void reset_stack(struct vm *vm)
{
    vm->top = vm->stack;
    vm->frame_count = 0;
    vm->open_upvalues = NULL;
}

struct vm *vm_create(tri_mutator *mutator, const struct types *types, struct console *console)
{
    struct vm *vm = host_allocate(sizeof(*vm));
    memset(vm, 0, sizeof(*vm));
    vm->mutator = mutator;
    vm->types = types;
    vm->output = (struct output){console, mutator, {NULL, 0, 0}};
    reset_stack(vm);

    /* From here every allocation may call roots_scan: what it reads must be valid, and is, being
     * NULL or empty. */
    tri_roots_set_scanner(mutator, roots_scan, vm);
    intern_table_create(&vm->interned, tri_mutator_heap(mutator));
    vm->module = module_create(vm);
    vm->init_name = intern(vm, "init", strlen("init"));
    natives_define(vm);
    return vm;
}

void vm_destroy(struct vm *vm)
{
    output_flush(&vm->output);
    text_release(&vm->output.lines);
    tri_roots_set_scanner(vm->mutator, NULL, NULL);
    intern_table_destroy(&vm->interned);
    free(vm);
}

enum outcome vm_run(struct vm *vm, const char *source)
{
    struct function *function = compile(vm, source);
    if (function == NULL) {
        return OUTCOME_COMPILE_ERROR;
    }
    /* closure_create is a safepoint: the stack holds the function over it. */
    vm_push(vm, value_of_object(function));
    struct closure *closure = closure_create(vm, function);
    vm->top[-1] = value_of_object(closure);
    bool completed = call_closure(vm, closure, 0) && interpret(vm);
    return completed ? OUTCOME_OK : OUTCOME_RUNTIME_ERROR;
}

static void describe_calls(const struct vm *vm, struct text *text)
{
    for (uint32_t i = vm->frame_count; i > 0; i--) {
        const struct frame *frame = &vm->frames[i - 1];
        const struct function *function = frame->closure->function;
        uint32_t offset = (uint32_t)(frame->ip - function->chunk.code) - 1;
        text_format(text, "[line %u] in ", chunk_line(&function->chunk, offset));
        if (function->name == NULL) {
            text_format(text, "script\n");
        } else {
            text_append(text, function->name->characters, function->name->length);
            text_append(text, "()\n", 3);
        }
    }
}

bool vm_fail(struct vm *vm, const char *format, ...)
{
    struct text text = {NULL, 0, 0};
    va_list arguments;
    va_start(arguments, format);
    text_format_list(&text, format, arguments);
    va_end(arguments);
    text_append(&text, "\n", 1);
    describe_calls(vm, &text);
    output_error(&vm->output, &text);
    text_release(&text);
    reset_stack(vm);
    return false;
}
