/* emit.h -- writing instructions into the innermost function. Each of these is a safepoint and may
 * report an error. */
#ifndef LOX_EMIT_H
#define LOX_EMIT_H

#include "compile_state.h"
#include "opcode.h"

void emit_byte(struct parser *parser, uint8_t byte);

/* An instruction, and what it does to the height of the stack. */
void emit_op(struct parser *parser, enum opcode op);
void emit_op_byte(struct parser *parser, enum opcode op, uint8_t operand);

/* After an instruction that calls with `count` arguments: they are gone from the stack. */
void emit_arguments_popped(struct parser *parser, uint8_t count);

/* A slot more is in use without an instruction: a parameter. */
void emit_slot_occupied(struct parser *parser);

/* A forward jump whose target is not known; gives what emit_jump_target needs when it is. */
uint32_t emit_jump(struct parser *parser, enum opcode op);
void emit_jump_target(struct parser *parser, uint32_t jump);

/* The offset of the next instruction; a backward jump to such an offset. */
uint32_t emit_position(const struct parser *parser);
void emit_loop(struct parser *parser, uint32_t start);

/* The return that ends every function. */
void emit_return(struct parser *parser);

/* Constants. `v` need not be held. */
uint8_t emit_constant_index(struct parser *parser, value v);
uint8_t emit_name_index(struct parser *parser, const struct token *name);
uint8_t emit_global_index(struct parser *parser, const struct token *name);

#endif
