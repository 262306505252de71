/* chunk.h -- the code of a function while the compiler writes it: bytes, source lines,
 * constants. */
#ifndef LOX_CHUNK_H
#define LOX_CHUNK_H

#include "object.h"

/* What one-byte operands can name. */
#define CHUNK_CONSTANTS_MAX 256

/* Append one byte that comes from `line`. A safepoint; `function` must be held. */
void chunk_write(struct vm *vm, struct function *function, uint8_t byte, uint32_t line);

/* Append a constant and give its index; there must be less than CHUNK_CONSTANTS_MAX. A safepoint;
 * `function` must be held, `constant` need not. */
uint8_t chunk_add_constant(struct vm *vm, struct function *function, value constant);

/* The source line of the byte at `offset`. */
uint32_t chunk_line(const struct chunk *chunk, uint32_t offset);

#endif
