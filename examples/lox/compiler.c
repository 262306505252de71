/* compiler.c -- from source text to a function; beginning and ending functions; the compiler's
 * roots.
 *
 * Functions that are being compiled are heap objects that nothing in the heap refers to yet. They
 * hang on the chain of struct compiler on the C stack, and the root scanner of the virtual machine
 * walks that chain.
 */
#include "compiler.h"

#include "compile_state.h"
#include "emit.h"
#include "intern.h"
#include "scope.h"
#include "store.h"
#include "vm.h"

void compiler_begin(struct parser *parser, struct compiler *compiler, enum function_kind kind)
{
    struct vm *vm = parser->vm;
    compiler->enclosing = parser->compiler;
    compiler->kind = kind;
    compiler->scope_depth = 0;
    compiler->local_count = 0;
    compiler->stack_height = 0;
    compiler->function = function_create(vm);
    parser->compiler = compiler; /* from here the function is held */

    if (kind != FUNCTION_SCRIPT) {
        struct string *name = intern(vm, parser->previous.start, parser->previous.length);
        store_reference(vm->mutator, &compiler->function->name, name);
    }
    /* Slot 0 is the callee's; methods see their receiver in it. */
    compiler->locals[compiler->local_count++] =
        (struct local){.name = token_of_name(kind == FUNCTION_PLAIN ? "" : "this"), .depth = 0};
    emit_slot_occupied(parser);
}

struct function *compiler_end(struct parser *parser)
{
    emit_return(parser);
    struct function *function = parser->compiler->function;
    parser->compiler = parser->compiler->enclosing;
    return function;
}

struct function *compile(struct vm *vm, const char *source)
{
    struct parser parser;
    struct compiler compiler;
    parser_init(&parser, vm, source);
    vm->parser = &parser;
    compiler_begin(&parser, &compiler, FUNCTION_SCRIPT);
    parser_advance(&parser);
    while (!parser_match(&parser, TOKEN_END)) {
        compile_declaration(&parser);
    }
    struct function *function = compiler_end(&parser);
    vm->parser = NULL;
    return parser.failed ? NULL : function;
}

void compiler_visit_roots(const struct parser *parser, tri_visitor *visitor)
{
    const struct compiler *compiler = parser == NULL ? NULL : parser->compiler;
    for (; compiler != NULL; compiler = compiler->enclosing) {
        tri_visit_ref(visitor, compiler->function);
    }
}
