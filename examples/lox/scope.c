/* scope.c -- local and captured variables of the functions being compiled. */
#include "scope.h"

#include "emit.h"

#define NOT_FOUND (-1)

bool token_is_same_name(const struct token *a, const struct token *b)
{
    return a->length == b->length && memcmp(a->start, b->start, a->length) == 0;
}

struct token token_of_name(const char *name)
{
    return (struct token){TOKEN_IDENTIFIER, 0, name, strlen(name)};
}

void scope_begin(struct parser *parser)
{
    parser->compiler->scope_depth++;
}

void scope_end(struct parser *parser)
{
    struct compiler *compiler = parser->compiler;
    compiler->scope_depth--;
    while (compiler->local_count > 0 &&
           compiler->locals[compiler->local_count - 1].depth > compiler->scope_depth) {
        bool captured = compiler->locals[compiler->local_count - 1].captured;
        emit_op(parser, captured ? OP_CLOSE_UPVALUE : OP_POP);
        compiler->local_count--;
    }
}

void scope_add_local(struct parser *parser, struct token name)
{
    struct compiler *compiler = parser->compiler;
    if (compiler->local_count == LOCALS_MAX) {
        parser_error(parser, "Too many local variables in function.");
        return;
    }
    compiler->locals[compiler->local_count++] =
        (struct local){.name = name, .depth = LOCAL_UNINITIALIZED, .captured = false};
}

void scope_declare(struct parser *parser)
{
    struct compiler *compiler = parser->compiler;
    if (compiler->scope_depth == 0) {
        return;
    }
    for (int i = compiler->local_count - 1; i >= 0; i--) {
        const struct local *local = &compiler->locals[i];
        if (local->depth != LOCAL_UNINITIALIZED && local->depth < compiler->scope_depth) {
            break;
        }
        if (token_is_same_name(&parser->previous, &local->name)) {
            parser_error(parser, "Already a variable with this name in this scope.");
        }
    }
    scope_add_local(parser, parser->previous);
}

void scope_initialize(struct parser *parser)
{
    struct compiler *compiler = parser->compiler;
    if (compiler->scope_depth > 0) {
        compiler->locals[compiler->local_count - 1].depth = compiler->scope_depth;
    }
}

uint8_t scope_declare_name(struct parser *parser, const char *message)
{
    parser_expect(parser, TOKEN_IDENTIFIER, message);
    scope_declare(parser);
    if (parser->compiler->scope_depth > 0) {
        return 0;
    }
    return emit_global_index(parser, &parser->previous);
}

void scope_define(struct parser *parser, uint8_t global)
{
    if (parser->compiler->scope_depth > 0) {
        scope_initialize(parser); /* its slot is where its value was computed */
    } else {
        emit_op_byte(parser, OP_DEFINE_GLOBAL, global);
    }
}

static int find_local(struct parser *parser, const struct compiler *compiler,
                      const struct token *name)
{
    for (int i = compiler->local_count - 1; i >= 0; i--) {
        const struct local *local = &compiler->locals[i];
        if (token_is_same_name(name, &local->name)) {
            if (local->depth == LOCAL_UNINITIALIZED) {
                parser_error(parser, "Can't read local variable in its own initializer.");
            }
            return i;
        }
    }
    return NOT_FOUND;
}

static int add_capture(struct parser *parser, struct compiler *compiler, uint8_t index,
                       bool is_local)
{
    uint32_t count = compiler->function->upvalue_count;
    for (uint32_t i = 0; i < count; i++) {
        const struct capture *capture = &compiler->captures[i];
        if (capture->index == index && capture->is_local == is_local) {
            return (int)i;
        }
    }
    if (count == CAPTURES_MAX) {
        parser_error(parser, "Too many closure variables in function.");
        return 0;
    }
    compiler->captures[count] = (struct capture){index, is_local};
    compiler->function->upvalue_count++;
    return (int)count;
}

/* A variable of an enclosing function is handed inwards through all the functions between. */
static int find_capture(struct parser *parser, struct compiler *compiler, const struct token *name)
{
    if (compiler->enclosing == NULL) {
        return NOT_FOUND;
    }
    int local = find_local(parser, compiler->enclosing, name);
    if (local != NOT_FOUND) {
        compiler->enclosing->locals[local].captured = true;
        return add_capture(parser, compiler, (uint8_t)local, true);
    }
    int capture = find_capture(parser, compiler->enclosing, name);
    if (capture != NOT_FOUND) {
        return add_capture(parser, compiler, (uint8_t)capture, false);
    }
    return NOT_FOUND;
}

struct variable scope_resolve(struct parser *parser, const struct token *name)
{
    int index = find_local(parser, parser->compiler, name);
    if (index != NOT_FOUND) {
        return (struct variable){OP_GET_LOCAL, OP_SET_LOCAL, (uint8_t)index};
    }
    index = find_capture(parser, parser->compiler, name);
    if (index != NOT_FOUND) {
        return (struct variable){OP_GET_UPVALUE, OP_SET_UPVALUE, (uint8_t)index};
    }
    return (struct variable){OP_GET_GLOBAL, OP_SET_GLOBAL, emit_global_index(parser, name)};
}
