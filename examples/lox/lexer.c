/* lexer.c -- source text to tokens, one at a time. */
#include "lexer.h"

#include <stdbool.h>
#include <string.h>

void lexer_init(struct lexer *lexer, const char *source)
{
    *lexer = (struct lexer){source, source, 1};
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static struct token token_of(const struct lexer *lexer, enum token_type type)
{
    return (struct token){type, lexer->line, lexer->start, (size_t)(lexer->current - lexer->start)};
}

static struct token error_token(const struct lexer *lexer, const char *message)
{
    return (struct token){TOKEN_ERROR, lexer->line, message, strlen(message)};
}

static void skip_space(struct lexer *lexer)
{
    for (;; lexer->current++) {
        switch (*lexer->current) {
        case '\n':
            lexer->line++;
            break;
        case ' ':
        case '\r':
        case '\t':
            break;
        case '/':
            if (lexer->current[1] != '/') {
                return;
            }
            /* The line end is the next character that the loop looks at. */
            lexer->current += strcspn(lexer->current, "\n") - 1;
            break;
        default:
            return;
        }
    }
}

static enum token_type word_type(const char *start, size_t length)
{
    static const struct {
        const char *spelling;
        enum token_type type;
    } keywords[] = {
#define KEYWORD_ROW(name, spelling) {spelling, TOKEN_##name},
        KEYWORDS(KEYWORD_ROW)
#undef KEYWORD_ROW
    };
    for (size_t i = 0; i < sizeof(keywords) / sizeof(keywords[0]); i++) {
        if (strlen(keywords[i].spelling) == length &&
            memcmp(keywords[i].spelling, start, length) == 0) {
            return keywords[i].type;
        }
    }
    return TOKEN_IDENTIFIER;
}

static struct token word(struct lexer *lexer)
{
    while (is_letter(*lexer->current) || is_digit(*lexer->current)) {
        lexer->current++;
    }
    return token_of(lexer, word_type(lexer->start, (size_t)(lexer->current - lexer->start)));
}

static struct token number(struct lexer *lexer)
{
    while (is_digit(*lexer->current)) {
        lexer->current++;
    }
    if (lexer->current[0] == '.' && is_digit(lexer->current[1])) {
        lexer->current++;
        while (is_digit(*lexer->current)) {
            lexer->current++;
        }
    }
    return token_of(lexer, TOKEN_NUMBER);
}

static struct token string(struct lexer *lexer)
{
    for (; *lexer->current != '"'; lexer->current++) {
        if (*lexer->current == '\0') {
            return error_token(lexer, "Unterminated string.");
        }
        if (*lexer->current == '\n') {
            lexer->line++;
        }
    }
    lexer->current++;
    return token_of(lexer, TOKEN_STRING);
}

/* `longer` where an equals sign follows, which is taken, else `type`. */
static struct token with_equal(struct lexer *lexer, enum token_type type, enum token_type longer)
{
    if (*lexer->current != '=') {
        return token_of(lexer, type);
    }
    lexer->current++;
    return token_of(lexer, longer);
}

static struct token symbol(struct lexer *lexer, char c)
{
    switch (c) {
    case '(':
        return token_of(lexer, TOKEN_LEFT_PAREN);
    case ')':
        return token_of(lexer, TOKEN_RIGHT_PAREN);
    case '{':
        return token_of(lexer, TOKEN_LEFT_BRACE);
    case '}':
        return token_of(lexer, TOKEN_RIGHT_BRACE);
    case ',':
        return token_of(lexer, TOKEN_COMMA);
    case '.':
        return token_of(lexer, TOKEN_DOT);
    case '-':
        return token_of(lexer, TOKEN_MINUS);
    case '+':
        return token_of(lexer, TOKEN_PLUS);
    case ';':
        return token_of(lexer, TOKEN_SEMICOLON);
    case '/':
        return token_of(lexer, TOKEN_SLASH);
    case '*':
        return token_of(lexer, TOKEN_STAR);
    case '!':
        return with_equal(lexer, TOKEN_BANG, TOKEN_BANG_EQUAL);
    case '=':
        return with_equal(lexer, TOKEN_EQUAL, TOKEN_EQUAL_EQUAL);
    case '>':
        return with_equal(lexer, TOKEN_GREATER, TOKEN_GREATER_EQUAL);
    case '<':
        return with_equal(lexer, TOKEN_LESS, TOKEN_LESS_EQUAL);
    default:
        return error_token(lexer, "Unexpected character.");
    }
}

struct token lexer_next(struct lexer *lexer)
{
    skip_space(lexer);
    lexer->start = lexer->current;
    char c = *lexer->current;
    if (c == '\0') {
        return token_of(lexer, TOKEN_END);
    }
    lexer->current++;
    if (is_letter(c)) {
        return word(lexer);
    }
    if (is_digit(c)) {
        return number(lexer);
    }
    if (c == '"') {
        return string(lexer);
    }
    return symbol(lexer, c);
}
