/* compile_state.h -- what the compiler knows while it is in the middle of a function. Private to
 * the compiler's files. */
#ifndef LOX_COMPILE_STATE_H
#define LOX_COMPILE_STATE_H

#include "object.h"
#include "parser.h"

/* What one-byte operands can name. */
#define LOCALS_MAX    256
#define CAPTURES_MAX  256
#define ARGUMENTS_MAX 255

enum function_kind {
    FUNCTION_PLAIN,
    FUNCTION_METHOD,
    FUNCTION_INITIALIZER,
    FUNCTION_SCRIPT
};

/* A local variable. Its number is its slot in the frame. */
struct local {
    struct token name;
    int depth; /* of its block, from 1; LOCAL_UNINITIALIZED until its initializer was compiled */
    bool captured;
};

#define LOCAL_UNINITIALIZED (-1)

/* A variable of an enclosing function that this one uses. */
struct capture {
    uint8_t index; /* of a local of the enclosing function, or of one of its captures */
    bool is_local;
};

/* One function being compiled; on the C stack, linked to those around it. */
struct compiler {
    struct compiler *enclosing;
    struct function *function; /* in the heap; held by compiler_visit_roots */
    enum function_kind kind;
    int scope_depth;  /* 0: not in any block */
    int stack_height; /* slots that are in use at this point of the code */
    int local_count;
    struct local locals[LOCALS_MAX];
    struct capture captures[CAPTURES_MAX];
};

/* One class being compiled; on the C stack, linked to those around it. */
struct class_scope {
    struct class_scope *enclosing;
    bool has_superclass;
};

/* Begin a function, which is called as the previous token (not for a script) and becomes the
 * innermost. A safepoint. */
void compiler_begin(struct parser *parser, struct compiler *compiler, enum function_kind kind);

/* End the innermost function. A safepoint; the result is not held. */
struct function *compiler_end(struct parser *parser);

/* The grammar. Each takes tokens, emits code, reports errors: a safepoint. */
void compile_expression(struct parser *parser);  /* expression.c */
void compile_statement(struct parser *parser);   /* statement.c */
void compile_declaration(struct parser *parser); /* declaration.c */
void compile_block(struct parser *parser);       /* statement.c; up to and with the closing brace */
void compile_variable_declaration(struct parser *parser); /* declaration.c; after `var` */

/* Code that reads, or where `can_assign` and an = follows assigns, the variable called `name`. In
 * expression.c. */
void compile_variable(struct parser *parser, const struct token *name, bool can_assign);

#endif
