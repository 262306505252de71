/* expression.c -- expressions, by precedence: each token type knows how it begins an expression,
 * how it continues one, and how strongly it binds what stands to its left. */
#include <stdlib.h>

#include "emit.h"
#include "intern.h"
#include "scope.h"
#include "vm.h"

enum precedence {
    BIND_NONE,
    BIND_ASSIGNMENT,
    BIND_OR,
    BIND_AND,
    BIND_EQUALITY,
    BIND_COMPARISON,
    BIND_TERM,
    BIND_FACTOR,
    BIND_UNARY,
    BIND_CALL
};

/* `can_assign`: an = that follows makes what was compiled the target of an assignment. */
typedef void compile_function(struct parser *parser, bool can_assign);

struct rule {
    compile_function *begin;
    compile_function *proceed;
    enum precedence precedence; /* of `proceed` */
};

static const struct rule rules[TOKEN_TYPES];

static void compile_operators(struct parser *parser, enum precedence precedence)
{
    parser_advance(parser);
    compile_function *begin = rules[parser->previous.type].begin;
    if (begin == NULL) {
        parser_error(parser, "Expect expression.");
        return;
    }
    bool can_assign = precedence <= BIND_ASSIGNMENT;
    begin(parser, can_assign);
    while (rules[parser->current.type].precedence >= precedence) {
        parser_advance(parser);
        rules[parser->previous.type].proceed(parser, can_assign);
    }
    if (can_assign && parser_match(parser, TOKEN_EQUAL)) {
        parser_error(parser, "Invalid assignment target.");
    }
}

/* An expression of operators that bind at least as strongly as `precedence`. */
static void compile_precedence(struct parser *parser, enum precedence precedence)
{
    if (parser_enter(parser, 1)) {
        compile_operators(parser, precedence);
        parser_leave(parser, 1);
    }
}

void compile_expression(struct parser *parser)
{
    compile_precedence(parser, BIND_ASSIGNMENT);
}

static void number(struct parser *parser, bool can_assign)
{
    (void)can_assign;
    double parsed = strtod(parser->previous.start, NULL);
    emit_op_byte(parser, OP_CONSTANT, emit_constant_index(parser, value_of_number(parsed)));
}

static void string(struct parser *parser, bool can_assign)
{
    (void)can_assign;
    const struct token *token = &parser->previous;
    struct string *interned = intern(parser->vm, token->start + 1, token->length - 2);
    emit_op_byte(parser, OP_CONSTANT, emit_constant_index(parser, value_of_object(interned)));
}

static void literal(struct parser *parser, bool can_assign)
{
    (void)can_assign;
    switch (parser->previous.type) {
    case TOKEN_NIL:
        emit_op(parser, OP_NIL);
        break;
    case TOKEN_TRUE:
        emit_op(parser, OP_TRUE);
        break;
    default:
        emit_op(parser, OP_FALSE);
    }
}

static void grouping(struct parser *parser, bool can_assign)
{
    (void)can_assign;
    compile_expression(parser);
    parser_expect(parser, TOKEN_RIGHT_PAREN, "Expect ')' after expression.");
}

static void unary(struct parser *parser, bool can_assign)
{
    (void)can_assign;
    enum token_type symbol = parser->previous.type;
    compile_precedence(parser, BIND_UNARY);
    emit_op(parser, symbol == TOKEN_BANG ? OP_NOT : OP_NEGATE);
}

static enum opcode binary_opcode(enum token_type symbol)
{
    switch (symbol) {
    case TOKEN_BANG_EQUAL:
        return OP_NOT_EQUAL;
    case TOKEN_EQUAL_EQUAL:
        return OP_EQUAL;
    case TOKEN_GREATER:
        return OP_GREATER;
    case TOKEN_GREATER_EQUAL:
        return OP_GREATER_EQUAL;
    case TOKEN_LESS:
        return OP_LESS;
    case TOKEN_LESS_EQUAL:
        return OP_LESS_EQUAL;
    case TOKEN_PLUS:
        return OP_ADD;
    case TOKEN_MINUS:
        return OP_SUBTRACT;
    case TOKEN_STAR:
        return OP_MULTIPLY;
    default:
        return OP_DIVIDE;
    }
}

/* Left-associative: the right operand binds more strongly. */
static void binary(struct parser *parser, bool can_assign)
{
    (void)can_assign;
    enum token_type symbol = parser->previous.type;
    compile_precedence(parser, rules[symbol].precedence + 1);
    emit_op(parser, binary_opcode(symbol));
}

static void logical_and(struct parser *parser, bool can_assign)
{
    (void)can_assign;
    uint32_t end = emit_jump(parser, OP_JUMP_IF_FALSE);
    emit_op(parser, OP_POP);
    compile_precedence(parser, BIND_AND);
    emit_jump_target(parser, end);
}

static void logical_or(struct parser *parser, bool can_assign)
{
    (void)can_assign;
    uint32_t end = emit_jump(parser, OP_JUMP_IF_TRUE);
    emit_op(parser, OP_POP);
    compile_precedence(parser, BIND_OR);
    emit_jump_target(parser, end);
}

void compile_variable(struct parser *parser, const struct token *name, bool can_assign)
{
    struct variable variable = scope_resolve(parser, name);
    if (can_assign && parser_match(parser, TOKEN_EQUAL)) {
        compile_expression(parser);
        emit_op_byte(parser, variable.set, variable.operand);
    } else {
        emit_op_byte(parser, variable.get, variable.operand);
    }
}

static void variable(struct parser *parser, bool can_assign)
{
    struct token name = parser->previous;
    compile_variable(parser, &name, can_assign);
}

/* The arguments and the closing parenthesis; gives their number. */
static uint8_t arguments(struct parser *parser)
{
    uint8_t count = 0;
    if (!parser_at(parser, TOKEN_RIGHT_PAREN)) {
        do {
            compile_expression(parser);
            if (count == ARGUMENTS_MAX) {
                parser_error(parser, "Can't have more than 255 arguments.");
            }
            count++;
        } while (parser_match(parser, TOKEN_COMMA));
    }
    parser_expect(parser, TOKEN_RIGHT_PAREN, "Expect ')' after arguments.");
    return count;
}

static void call(struct parser *parser, bool can_assign)
{
    (void)can_assign;
    uint8_t count = arguments(parser);
    emit_op_byte(parser, OP_CALL, count);
    emit_arguments_popped(parser, count);
}

static void emit_invoke(struct parser *parser, enum opcode op, uint8_t name, uint8_t count)
{
    emit_op_byte(parser, op, name);
    emit_byte(parser, count);
    emit_arguments_popped(parser, count);
}

static void property(struct parser *parser, bool can_assign)
{
    parser_expect(parser, TOKEN_IDENTIFIER, "Expect property name after '.'.");
    uint8_t name = emit_name_index(parser, &parser->previous);
    if (can_assign && parser_match(parser, TOKEN_EQUAL)) {
        compile_expression(parser);
        emit_op_byte(parser, OP_SET_PROPERTY, name);
    } else if (parser_match(parser, TOKEN_LEFT_PAREN)) {
        emit_invoke(parser, OP_INVOKE, name, arguments(parser));
    } else {
        emit_op_byte(parser, OP_GET_PROPERTY, name);
    }
}

static void this(struct parser *parser, bool can_assign)
{
    (void)can_assign;
    if (parser->class == NULL) {
        parser_error(parser, "Can't use 'this' outside of a class.");
        return;
    }
    variable(parser, false);
}

static void super(struct parser *parser, bool can_assign)
{
    (void)can_assign;
    if (parser->class == NULL) {
        parser_error(parser, "Can't use 'super' outside of a class.");
    } else if (!parser->class->has_superclass) {
        parser_error(parser, "Can't use 'super' in a class with no superclass.");
    }
    parser_expect(parser, TOKEN_DOT, "Expect '.' after 'super'.");
    parser_expect(parser, TOKEN_IDENTIFIER, "Expect superclass method name.");
    uint8_t name = emit_name_index(parser, &parser->previous);

    struct token receiver = token_of_name("this");
    struct token superclass = token_of_name("super");
    compile_variable(parser, &receiver, false);
    if (parser_match(parser, TOKEN_LEFT_PAREN)) {
        uint8_t count = arguments(parser);
        compile_variable(parser, &superclass, false);
        emit_invoke(parser, OP_SUPER_INVOKE, name, count);
    } else {
        compile_variable(parser, &superclass, false);
        emit_op_byte(parser, OP_GET_SUPER, name);
    }
}

/* Token types that are not listed can neither begin nor continue an expression. */
static const struct rule rules[TOKEN_TYPES] = {
    [TOKEN_LEFT_PAREN] = {grouping, call, BIND_CALL},
    [TOKEN_DOT] = {NULL, property, BIND_CALL},
    [TOKEN_MINUS] = {unary, binary, BIND_TERM},
    [TOKEN_PLUS] = {NULL, binary, BIND_TERM},
    [TOKEN_SLASH] = {NULL, binary, BIND_FACTOR},
    [TOKEN_STAR] = {NULL, binary, BIND_FACTOR},
    [TOKEN_BANG] = {unary, NULL, BIND_NONE},
    [TOKEN_BANG_EQUAL] = {NULL, binary, BIND_EQUALITY},
    [TOKEN_EQUAL_EQUAL] = {NULL, binary, BIND_EQUALITY},
    [TOKEN_GREATER] = {NULL, binary, BIND_COMPARISON},
    [TOKEN_GREATER_EQUAL] = {NULL, binary, BIND_COMPARISON},
    [TOKEN_LESS] = {NULL, binary, BIND_COMPARISON},
    [TOKEN_LESS_EQUAL] = {NULL, binary, BIND_COMPARISON},
    [TOKEN_IDENTIFIER] = {variable, NULL, BIND_NONE},
    [TOKEN_STRING] = {string, NULL, BIND_NONE},
    [TOKEN_NUMBER] = {number, NULL, BIND_NONE},
    [TOKEN_AND] = {NULL, logical_and, BIND_AND},
    [TOKEN_OR] = {NULL, logical_or, BIND_OR},
    [TOKEN_NIL] = {literal, NULL, BIND_NONE},
    [TOKEN_TRUE] = {literal, NULL, BIND_NONE},
    [TOKEN_FALSE] = {literal, NULL, BIND_NONE},
    [TOKEN_SUPER] = {super, NULL, BIND_NONE},
    [TOKEN_THIS] = {this, NULL, BIND_NONE},
};
