/* parser.h -- the stream of tokens and the reporting of errors, below the compiler. */
#ifndef LOX_PARSER_H
#define LOX_PARSER_H

#include <stdbool.h>

#include "lexer.h"

struct vm;
struct compiler;
struct class_scope;

struct parser {
    struct vm *vm;
    struct lexer lexer;
    struct token current;
    struct token previous;
    bool failed;    /* an error was reported */
    bool panicking; /* and the parser has not found its feet since: further errors are not
                       reported */

    uint32_t nesting; /* how deep in functions, blocks and parentheses; see parser_enter */

    struct compiler *compiler; /* of the innermost function being compiled. Roots:
                                  compiler_visit_roots */
    struct class_scope *class; /* innermost class being compiled, or NULL */
};

/* Reading begins with the first token current. All functions here may report an error, which is a
 * safepoint. */
void parser_init(struct parser *parser, struct vm *vm, const char *source);

/* Go to the next token that is not an error. */
void parser_advance(struct parser *parser);

static inline bool parser_at(const struct parser *parser, enum token_type type)
{
    return parser->current.type == type;
}

/* Take a token of this type where there is one. */
bool parser_match(struct parser *parser, enum token_type type);

/* Take a token of this type, or report `message`. */
void parser_expect(struct parser *parser, enum token_type type, const char *message);

/* Report an error at the previous token; at the current one. */
void parser_error(struct parser *parser, const char *message);
void parser_error_at_current(struct parser *parser, const char *message);

/* After an error: skip to what is likely the start of a statement. */
void parser_synchronize(struct parser *parser);

/* The compiler recurses as the source nests, so source that nests without end would overflow the C
 * stack. Go `levels` deeper, to be taken back by parser_leave; or report that it is too deep, skip
 * a token, so that the compiler gets on, and give false. */
bool parser_enter(struct parser *parser, uint32_t levels);
void parser_leave(struct parser *parser, uint32_t levels);

#endif
