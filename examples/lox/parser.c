/* parser.c -- tokens and errors. */
#include "parser.h"

#include "vm.h"

/* Some 3 MiB of C stack: a function takes 10 KiB and counts for FUNCTION_LEVELS, anything else
 * some 200 bytes for one. */
#define NESTING_MAX 8000

void parser_init(struct parser *parser, struct vm *vm, const char *source)
{
    memset(parser, 0, sizeof(*parser));
    parser->vm = vm;
    lexer_init(&parser->lexer, source);
}

static void error_at(struct parser *parser, const struct token *token, const char *message)
{
    if (parser->panicking) {
        return;
    }
    parser->panicking = true;
    parser->failed = true;

    struct text text = {NULL, 0, 0};
    text_format(&text, "[line %u] Error", token->line);
    if (token->type == TOKEN_END) {
        text_format(&text, " at end");
    } else if (token->type != TOKEN_ERROR) {
        text_format(&text, " at '");
        text_append(&text, token->start, token->length);
        text_format(&text, "'");
    }
    text_format(&text, ": %s\n", message);
    output_error(&parser->vm->output, &text);
    text_release(&text);
}

void parser_error(struct parser *parser, const char *message)
{
    error_at(parser, &parser->previous, message);
}

void parser_error_at_current(struct parser *parser, const char *message)
{
    error_at(parser, &parser->current, message);
}

void parser_advance(struct parser *parser)
{
    parser->previous = parser->current;
    for (;;) {
        parser->current = lexer_next(&parser->lexer);
        if (parser->current.type != TOKEN_ERROR) {
            return;
        }
        parser_error_at_current(parser, parser->current.start);
    }
}

bool parser_match(struct parser *parser, enum token_type type)
{
    if (!parser_at(parser, type)) {
        return false;
    }
    parser_advance(parser);
    return true;
}

void parser_expect(struct parser *parser, enum token_type type, const char *message)
{
    if (!parser_match(parser, type)) {
        parser_error_at_current(parser, message);
    }
}

void parser_synchronize(struct parser *parser)
{
    parser->panicking = false;
    while (parser->current.type != TOKEN_END && parser->previous.type != TOKEN_SEMICOLON) {
        switch (parser->current.type) {
        case TOKEN_CLASS:
        case TOKEN_FUN:
        case TOKEN_VAR:
        case TOKEN_FOR:
        case TOKEN_IF:
        case TOKEN_WHILE:
        case TOKEN_PRINT:
        case TOKEN_RETURN:
            return;
        default:
            parser_advance(parser);
        }
    }
}

bool parser_enter(struct parser *parser, uint32_t levels)
{
    if (parser->nesting + levels > NESTING_MAX) {
        parser_error_at_current(parser, "Code is nested too deeply.");
        parser_advance(parser);
        return false;
    }
    parser->nesting += levels;
    return true;
}

void parser_leave(struct parser *parser, uint32_t levels)
{
    parser->nesting -= levels;
}
