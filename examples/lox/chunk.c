/* chunk.c -- growing the arrays of a chunk. The arrays are reached through the function, which the
 * caller holds, so tri_resize_array may be a safepoint; its result is stored into the function at
 * once, with the barrier. */
#include "chunk.h"

#include "store.h"
#include "types.h"
#include "vm.h"

static uint32_t grown(uint32_t capacity)
{
    return capacity < 8 ? 8 : capacity * 2;
}

static void add_line(struct vm *vm, struct chunk *chunk, uint32_t line)
{
    if (chunk->line_count > 0 && chunk->lines[chunk->line_count - 1].line == line) {
        return;
    }
    if (chunk->line_count == chunk->line_capacity) {
        uint32_t capacity = grown(chunk->line_capacity);
        tri_ref lines = tri_resize_array(vm->mutator, vm->types->line_run, chunk->lines,
                                         chunk->line_count, capacity);
        store_reference(vm->mutator, &chunk->lines, lines);
        chunk->line_capacity = capacity;
    }
    chunk->lines[chunk->line_count++] = (struct line_run){chunk->code_count, line};
}

void chunk_write(struct vm *vm, struct function *function, uint8_t byte, uint32_t line)
{
    struct chunk *chunk = &function->chunk;
    add_line(vm, chunk, line);
    if (chunk->code_count == chunk->code_capacity) {
        uint32_t capacity = grown(chunk->code_capacity);
        tri_ref code = tri_resize_array(vm->mutator, vm->types->code_byte, chunk->code,
                                        chunk->code_count, capacity);
        store_reference(vm->mutator, &chunk->code, code);
        chunk->code_capacity = capacity;
    }
    chunk->code[chunk->code_count++] = byte;
}

uint8_t chunk_add_constant(struct vm *vm, struct function *function, value constant)
{
    struct chunk *chunk = &function->chunk;
    if (chunk->constant_count == chunk->constant_capacity) {
        /* The constant is likely new and in nobody's hands but ours. */
        TRI_FRAME(vm->mutator, 1);
        TRI_LOCAL(0) = value_is_object(constant) ? value_to_object(constant) : TRI_NULL;
        uint32_t capacity = grown(chunk->constant_capacity);
        tri_ref constants = tri_resize_array(vm->mutator, vm->types->constant, chunk->constants,
                                             chunk->constant_count, capacity);
        store_reference(vm->mutator, &chunk->constants, constants);
        chunk->constant_capacity = capacity;
    }
    store_value(vm->mutator, &chunk->constants[chunk->constant_count], constant);
    return (uint8_t)chunk->constant_count++;
}

uint32_t chunk_line(const struct chunk *chunk, uint32_t offset)
{
    uint32_t low = 0;
    uint32_t high = chunk->line_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (chunk->lines[middle].start <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return chunk->lines[low].line;
}
