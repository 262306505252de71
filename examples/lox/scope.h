/* scope.h -- which variable a name means: locals, captured variables, globals. */
#ifndef LOX_SCOPE_H
#define LOX_SCOPE_H

#include "compile_state.h"
#include "opcode.h"

void scope_begin(struct parser *parser);

/* End the innermost block; emits the pops of its variables. */
void scope_end(struct parser *parser);

/* Add a local variable, which cannot be read before scope_initialize. */
void scope_add_local(struct parser *parser, struct token name);

/* The previous token is the name of a variable of the innermost block; nothing where that is no
 * block. */
void scope_declare(struct parser *parser);

/* The variable that was declared last can be read from now on. */
void scope_initialize(struct parser *parser);

/* Take and declare a name; the operand of scope_define. */
uint8_t scope_declare_name(struct parser *parser, const char *message);

/* Its value is on top of the stack: make it the variable's. `global` counts outside of blocks
 * only. */
void scope_define(struct parser *parser, uint8_t global);

/* How code gets at a variable. */
struct variable {
    enum opcode get;
    enum opcode set;
    uint8_t operand;
};

struct variable scope_resolve(struct parser *parser, const struct token *name);

bool token_is_same_name(const struct token *a, const struct token *b);

/* A name that does not stand in the source. */
struct token token_of_name(const char *name);

#endif
