/* statement.c -- statements. */
#include "emit.h"
#include "scope.h"

static void expression_statement(struct parser *parser)
{
    compile_expression(parser);
    parser_expect(parser, TOKEN_SEMICOLON, "Expect ';' after expression.");
    emit_op(parser, OP_POP);
}

static void print_statement(struct parser *parser)
{
    compile_expression(parser);
    parser_expect(parser, TOKEN_SEMICOLON, "Expect ';' after value.");
    emit_op(parser, OP_PRINT);
}

static void return_statement(struct parser *parser)
{
    if (parser->compiler->kind == FUNCTION_SCRIPT) {
        parser_error(parser, "Can't return from top-level code.");
    }
    if (parser_match(parser, TOKEN_SEMICOLON)) {
        emit_return(parser);
        return;
    }
    if (parser->compiler->kind == FUNCTION_INITIALIZER) {
        parser_error(parser, "Can't return a value from an initializer.");
    }
    compile_expression(parser);
    parser_expect(parser, TOKEN_SEMICOLON, "Expect ';' after return value.");
    emit_op(parser, OP_RETURN);
}

static void if_statement(struct parser *parser)
{
    parser_expect(parser, TOKEN_LEFT_PAREN, "Expect '(' after 'if'.");
    compile_expression(parser);
    parser_expect(parser, TOKEN_RIGHT_PAREN, "Expect ')' after condition.");
    uint32_t otherwise = emit_jump(parser, OP_POP_JUMP_IF_FALSE);
    compile_statement(parser);
    if (!parser_match(parser, TOKEN_ELSE)) {
        emit_jump_target(parser, otherwise);
        return;
    }
    uint32_t end = emit_jump(parser, OP_JUMP);
    emit_jump_target(parser, otherwise);
    compile_statement(parser);
    emit_jump_target(parser, end);
}

static void while_statement(struct parser *parser)
{
    uint32_t start = emit_position(parser);
    parser_expect(parser, TOKEN_LEFT_PAREN, "Expect '(' after 'while'.");
    compile_expression(parser);
    parser_expect(parser, TOKEN_RIGHT_PAREN, "Expect ')' after condition.");
    uint32_t end = emit_jump(parser, OP_POP_JUMP_IF_FALSE);
    compile_statement(parser);
    emit_loop(parser, start);
    emit_jump_target(parser, end);
}

static void for_initializer(struct parser *parser)
{
    if (parser_match(parser, TOKEN_SEMICOLON)) {
        return;
    }
    if (parser_match(parser, TOKEN_VAR)) {
        compile_variable_declaration(parser);
    } else {
        expression_statement(parser);
    }
}

/* The increment stands before the body and runs after it: the body jumps back to it, and it to the
 * condition at `start`. Gives where the body's end has to jump to. */
static uint32_t for_increment(struct parser *parser, uint32_t start)
{
    if (parser_match(parser, TOKEN_RIGHT_PAREN)) {
        return start;
    }
    uint32_t body = emit_jump(parser, OP_JUMP);
    uint32_t increment = emit_position(parser);
    compile_expression(parser);
    emit_op(parser, OP_POP);
    parser_expect(parser, TOKEN_RIGHT_PAREN, "Expect ')' after for clauses.");
    emit_loop(parser, start);
    emit_jump_target(parser, body);
    return increment;
}

static void for_statement(struct parser *parser)
{
    scope_begin(parser);
    parser_expect(parser, TOKEN_LEFT_PAREN, "Expect '(' after 'for'.");
    for_initializer(parser);
    uint32_t start = emit_position(parser);
    bool has_condition = !parser_match(parser, TOKEN_SEMICOLON);
    uint32_t end = 0;
    if (has_condition) {
        compile_expression(parser);
        parser_expect(parser, TOKEN_SEMICOLON, "Expect ';' after loop condition.");
        end = emit_jump(parser, OP_POP_JUMP_IF_FALSE);
    }
    uint32_t next = for_increment(parser, start);
    compile_statement(parser);
    emit_loop(parser, next);
    if (has_condition) {
        emit_jump_target(parser, end);
    }
    scope_end(parser);
}

void compile_block(struct parser *parser)
{
    while (!parser_at(parser, TOKEN_RIGHT_BRACE) && !parser_at(parser, TOKEN_END)) {
        compile_declaration(parser);
    }
    parser_expect(parser, TOKEN_RIGHT_BRACE, "Expect '}' after block.");
}

static void statement(struct parser *parser)
{
    if (parser_match(parser, TOKEN_PRINT)) {
        print_statement(parser);
    } else if (parser_match(parser, TOKEN_FOR)) {
        for_statement(parser);
    } else if (parser_match(parser, TOKEN_IF)) {
        if_statement(parser);
    } else if (parser_match(parser, TOKEN_RETURN)) {
        return_statement(parser);
    } else if (parser_match(parser, TOKEN_WHILE)) {
        while_statement(parser);
    } else if (parser_match(parser, TOKEN_LEFT_BRACE)) {
        scope_begin(parser);
        compile_block(parser);
        scope_end(parser);
    } else {
        expression_statement(parser);
    }
}

void compile_statement(struct parser *parser)
{
    if (parser_enter(parser, 1)) {
        statement(parser);
        parser_leave(parser, 1);
    }
}
