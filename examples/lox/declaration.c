/* declaration.c -- variables, functions, classes. */
#include "emit.h"
#include "scope.h"

void compile_variable_declaration(struct parser *parser)
{
    uint8_t global = scope_declare_name(parser, "Expect variable name.");
    if (parser_match(parser, TOKEN_EQUAL)) {
        compile_expression(parser);
    } else {
        emit_op(parser, OP_NIL);
    }
    parser_expect(parser, TOKEN_SEMICOLON, "Expect ';' after variable declaration.");
    scope_define(parser, global);
}

static void parameters(struct parser *parser)
{
    struct function *function = parser->compiler->function;
    if (!parser_at(parser, TOKEN_RIGHT_PAREN)) {
        do {
            function->arity++;
            if (function->arity > ARGUMENTS_MAX) {
                parser_error_at_current(parser, "Can't have more than 255 parameters.");
            }
            uint8_t unused = scope_declare_name(parser, "Expect parameter name.");
            scope_define(parser, unused);
            emit_slot_occupied(parser);
        } while (parser_match(parser, TOKEN_COMMA));
    }
    parser_expect(parser, TOKEN_RIGHT_PAREN, "Expect ')' after parameters.");
}

/* What a function counts for in parser_enter: its struct compiler is on the C stack. */
#define FUNCTION_LEVELS 32

/* From the parameters to the end of the body; then, in the enclosing function, the code that makes
 * a closure of it. The previous token is its name. */
static void function(struct parser *parser, enum function_kind kind)
{
    if (!parser_enter(parser, FUNCTION_LEVELS)) {
        return;
    }
    struct compiler compiler;
    compiler_begin(parser, &compiler, kind);
    scope_begin(parser);
    parser_expect(parser, TOKEN_LEFT_PAREN, "Expect '(' after function name.");
    parameters(parser);
    parser_expect(parser, TOKEN_LEFT_BRACE, "Expect '{' before function body.");
    compile_block(parser);

    struct function *function = compiler_end(parser);
    uint32_t captures = function->upvalue_count;
    /* From here the constants of the enclosing function hold it. */
    emit_op_byte(parser, OP_CLOSURE, emit_constant_index(parser, value_of_object(function)));
    for (uint32_t i = 0; i < captures; i++) {
        emit_byte(parser, compiler.captures[i].is_local ? 1 : 0);
        emit_byte(parser, compiler.captures[i].index);
    }
    parser_leave(parser, FUNCTION_LEVELS);
}

static void function_declaration(struct parser *parser)
{
    uint8_t global = scope_declare_name(parser, "Expect function name.");
    scope_initialize(parser); /* it may call itself */
    function(parser, FUNCTION_PLAIN);
    scope_define(parser, global);
}

static void method(struct parser *parser)
{
    parser_expect(parser, TOKEN_IDENTIFIER, "Expect method name.");
    uint8_t name = emit_name_index(parser, &parser->previous);
    struct token init = token_of_name("init");
    bool is_initializer = token_is_same_name(&parser->previous, &init);
    function(parser, is_initializer ? FUNCTION_INITIALIZER : FUNCTION_METHOD);
    emit_op_byte(parser, OP_METHOD, name);
}

/* After the < of a class. A block around the methods has the superclass as its variable `super`. */
static void superclass(struct parser *parser, const struct token *class_name)
{
    parser_expect(parser, TOKEN_IDENTIFIER, "Expect superclass name.");
    struct token name = parser->previous;
    compile_variable(parser, &name, false);
    if (token_is_same_name(class_name, &name)) {
        parser_error(parser, "A class can't inherit from itself.");
    }
    scope_begin(parser);
    scope_add_local(parser, token_of_name("super"));
    scope_initialize(parser);
    compile_variable(parser, class_name, false);
    emit_op(parser, OP_INHERIT);
    parser->class->has_superclass = true;
}

static void class_declaration(struct parser *parser)
{
    parser_expect(parser, TOKEN_IDENTIFIER, "Expect class name.");
    struct token name = parser->previous;
    bool is_global = parser->compiler->scope_depth == 0;
    uint8_t operand = is_global ? emit_global_index(parser, &name) : emit_name_index(parser, &name);
    scope_declare(parser);
    emit_op_byte(parser, OP_CLASS, operand);
    scope_define(parser, operand);

    struct class_scope class = {parser->class, false};
    parser->class = &class;
    if (parser_match(parser, TOKEN_LESS)) {
        superclass(parser, &name);
    }
    compile_variable(parser, &name, false);
    parser_expect(parser, TOKEN_LEFT_BRACE, "Expect '{' before class body.");
    while (!parser_at(parser, TOKEN_RIGHT_BRACE) && !parser_at(parser, TOKEN_END)) {
        method(parser);
    }
    parser_expect(parser, TOKEN_RIGHT_BRACE, "Expect '}' after class body.");
    emit_op(parser, OP_POP);
    if (class.has_superclass) {
        scope_end(parser);
    }
    parser->class = class.enclosing;
}

void compile_declaration(struct parser *parser)
{
    if (parser_match(parser, TOKEN_CLASS)) {
        class_declaration(parser);
    } else if (parser_match(parser, TOKEN_FUN)) {
        function_declaration(parser);
    } else if (parser_match(parser, TOKEN_VAR)) {
        compile_variable_declaration(parser);
    } else {
        compile_statement(parser);
    }
    if (parser->panicking) {
        parser_synchronize(parser);
    }
}
