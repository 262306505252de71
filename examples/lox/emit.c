/* emit.c -- writing instructions. */
#include "emit.h"

#include "chunk.h"
#include "intern.h"
#include "vm.h"

#define OPCODE_EFFECT(name, effect) effect,

static const int8_t effects[OPCODE_COUNT] = {OPCODES(OPCODE_EFFECT)};

#undef OPCODE_EFFECT

static void change_height(struct compiler *compiler, int change)
{
    compiler->stack_height += change;
    if (compiler->stack_height > (int)compiler->function->stack_need) {
        compiler->function->stack_need = (uint32_t)compiler->stack_height;
    }
}

void emit_byte(struct parser *parser, uint8_t byte)
{
    chunk_write(parser->vm, parser->compiler->function, byte, parser->previous.line);
}

void emit_op(struct parser *parser, enum opcode op)
{
    emit_byte(parser, (uint8_t)op);
    change_height(parser->compiler, effects[op]);
}

void emit_op_byte(struct parser *parser, enum opcode op, uint8_t operand)
{
    emit_op(parser, op);
    emit_byte(parser, operand);
}

void emit_arguments_popped(struct parser *parser, uint8_t count)
{
    change_height(parser->compiler, -(int)count);
}

void emit_slot_occupied(struct parser *parser)
{
    change_height(parser->compiler, 1);
}

uint32_t emit_position(const struct parser *parser)
{
    return parser->compiler->function->chunk.code_count;
}

uint32_t emit_jump(struct parser *parser, enum opcode op)
{
    emit_op(parser, op);
    uint32_t jump = emit_position(parser);
    emit_byte(parser, 0xff);
    emit_byte(parser, 0xff);
    return jump;
}

void emit_jump_target(struct parser *parser, uint32_t jump)
{
    uint32_t distance = emit_position(parser) - jump - 2;
    if (distance > UINT16_MAX) {
        parser_error(parser, "Too much code to jump over.");
    }
    uint8_t *code = parser->compiler->function->chunk.code;
    code[jump] = (uint8_t)(distance >> 8);
    code[jump + 1] = (uint8_t)distance;
}

void emit_loop(struct parser *parser, uint32_t start)
{
    emit_op(parser, OP_LOOP);
    uint32_t distance = emit_position(parser) - start + 2;
    if (distance > UINT16_MAX) {
        parser_error(parser, "Loop body too large.");
    }
    emit_byte(parser, (uint8_t)(distance >> 8));
    emit_byte(parser, (uint8_t)distance);
}

void emit_return(struct parser *parser)
{
    if (parser->compiler->kind == FUNCTION_INITIALIZER) {
        emit_op_byte(parser, OP_GET_LOCAL, 0); /* `this` */
    } else {
        emit_op(parser, OP_NIL);
    }
    emit_op(parser, OP_RETURN);
}

uint8_t emit_constant_index(struct parser *parser, value v)
{
    struct function *function = parser->compiler->function;
    if (function->chunk.constant_count == CHUNK_CONSTANTS_MAX) {
        parser_error(parser, "Too many constants in one chunk.");
        return 0;
    }
    return chunk_add_constant(parser->vm, function, v);
}

uint8_t emit_name_index(struct parser *parser, const struct token *name)
{
    return emit_constant_index(parser,
                               value_of_object(intern(parser->vm, name->start, name->length)));
}

uint8_t emit_global_index(struct parser *parser, const struct token *name)
{
    struct vm *vm = parser->vm;
    TRI_FRAME(vm->mutator, 1);
    TRI_LOCAL(0) = intern(vm, name->start, name->length);
    struct global *global = module_global(vm, vm->module, TRI_LOCAL(0));
    return emit_constant_index(parser, value_of_object(global));
}
