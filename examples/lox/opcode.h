/* opcode.h -- the instructions: one byte, then operands. Two-byte operands have the high byte
 * first. */
#ifndef LOX_OPCODE_H
#define LOX_OPCODE_H

/* name, what it adds to the height of the stack (calls: to be reduced by the number of arguments)
 *
 * The operands are named behind: k, a constant; s, a stack slot of the frame; u, a captured
 * variable; n, a number of arguments; o, a two-byte offset. */
#define OPCODES(OP)                                                                                \
    OP(CONSTANT, 1) /* k */                                                                        \
    OP(NIL, 1)                                                                                     \
    OP(TRUE, 1)                                                                                    \
    OP(FALSE, 1)                                                                                   \
    OP(POP, -1)                                                                                    \
    OP(GET_LOCAL, 1)      /* s */                                                                  \
    OP(SET_LOCAL, 0)      /* s */                                                                  \
    OP(GET_GLOBAL, 1)     /* k: a struct global */                                                 \
    OP(DEFINE_GLOBAL, -1) /* k: a struct global */                                                 \
    OP(SET_GLOBAL, 0)     /* k: a struct global */                                                 \
    OP(GET_UPVALUE, 1)    /* u */                                                                  \
    OP(SET_UPVALUE, 0)    /* u */                                                                  \
    OP(GET_PROPERTY, 0)   /* k: its name */                                                        \
    OP(SET_PROPERTY, -1)  /* k: its name */                                                        \
    OP(GET_SUPER, -1)     /* k: the method's name */                                               \
    OP(EQUAL, -1)                                                                                  \
    OP(NOT_EQUAL, -1)                                                                              \
    OP(GREATER, -1)                                                                                \
    OP(GREATER_EQUAL, -1)                                                                          \
    OP(LESS, -1)                                                                                   \
    OP(LESS_EQUAL, -1)                                                                             \
    OP(ADD, -1)                                                                                    \
    OP(SUBTRACT, -1)                                                                               \
    OP(MULTIPLY, -1)                                                                               \
    OP(DIVIDE, -1)                                                                                 \
    OP(NOT, 0)                                                                                     \
    OP(NEGATE, 0)                                                                                  \
    OP(PRINT, -1)                                                                                  \
    OP(JUMP, 0)               /* o forwards */                                                     \
    OP(JUMP_IF_FALSE, 0)      /* o forwards; the condition stays */                                \
    OP(JUMP_IF_TRUE, 0)       /* o forwards; the condition stays */                                \
    OP(POP_JUMP_IF_FALSE, -1) /* o forwards */                                                     \
    OP(LOOP, 0)               /* o backwards */                                                    \
    OP(CALL, 0)               /* n */                                                              \
    OP(INVOKE, 0)             /* k: the method's name, n */                                        \
    OP(SUPER_INVOKE, -1)      /* k: the method's name, n */                                        \
    OP(CLOSURE, 1)            /* k: a function; for each captured variable: 1 if it is a local */  \
                              /* of the enclosing function, else 0; its index */                   \
    OP(CLOSE_UPVALUE, -1)                                                                          \
    OP(RETURN, -1)                                                                                 \
    OP(CLASS, 1) /* k: its name, or the struct global that it defines */                           \
    OP(INHERIT, -1)                                                                                \
    OP(METHOD, -1) /* k: its name */

#define OPCODE_ENUMERATOR(name, effect) OP_##name,

enum opcode {
    OPCODES(OPCODE_ENUMERATOR) OPCODE_COUNT
};

#undef OPCODE_ENUMERATOR

#endif
