/* lexer.h -- source text to tokens. Tokens point into the source, which is in the host's memory. */
#ifndef LOX_LEXER_H
#define LOX_LEXER_H

#include <stddef.h>
#include <stdint.h>

/* name, its spelling where that is a reserved word */
#define KEYWORDS(KEYWORD)                                                                          \
    KEYWORD(AND, "and")                                                                            \
    KEYWORD(CLASS, "class")                                                                        \
    KEYWORD(ELSE, "else")                                                                          \
    KEYWORD(FALSE, "false")                                                                        \
    KEYWORD(FOR, "for")                                                                            \
    KEYWORD(FUN, "fun")                                                                            \
    KEYWORD(IF, "if")                                                                              \
    KEYWORD(NIL, "nil")                                                                            \
    KEYWORD(OR, "or")                                                                              \
    KEYWORD(PRINT, "print")                                                                        \
    KEYWORD(RETURN, "return")                                                                      \
    KEYWORD(SUPER, "super")                                                                        \
    KEYWORD(THIS, "this")                                                                          \
    KEYWORD(TRUE, "true")                                                                          \
    KEYWORD(VAR, "var")                                                                            \
    KEYWORD(WHILE, "while")

#define KEYWORD_ENUMERATOR(name, spelling) TOKEN_##name,

enum token_type {
    TOKEN_LEFT_PAREN,
    TOKEN_RIGHT_PAREN,
    TOKEN_LEFT_BRACE,
    TOKEN_RIGHT_BRACE,
    TOKEN_COMMA,
    TOKEN_DOT,
    TOKEN_MINUS,
    TOKEN_PLUS,
    TOKEN_SEMICOLON,
    TOKEN_SLASH,
    TOKEN_STAR,
    TOKEN_BANG,
    TOKEN_BANG_EQUAL,
    TOKEN_EQUAL,
    TOKEN_EQUAL_EQUAL,
    TOKEN_GREATER,
    TOKEN_GREATER_EQUAL,
    TOKEN_LESS,
    TOKEN_LESS_EQUAL,
    TOKEN_IDENTIFIER,
    TOKEN_STRING,
    TOKEN_NUMBER,
    KEYWORDS(KEYWORD_ENUMERATOR) /* */
    TOKEN_ERROR,                 /* `start` is the message */
    TOKEN_END,
    TOKEN_TYPES
};

#undef KEYWORD_ENUMERATOR

struct token {
    enum token_type type;
    uint32_t line; /* where the token ends */
    const char *start;
    size_t length;
};

struct lexer {
    const char *start; /* of the token being read */
    const char *current;
    uint32_t line;
};

/* `source` ends with a NUL and outlives every token. */
void lexer_init(struct lexer *lexer, const char *source);

struct token lexer_next(struct lexer *lexer);

#endif
