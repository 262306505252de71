/* types.h -- what the collector is told about the objects of object.h. Declared once a heap, before
 * the first object. */
#ifndef LOX_TYPES_H
#define LOX_TYPES_H

#include <trillium/trillium.h>

/* Shared by all virtual machines of a heap; read only once types_define has returned. */
struct types {
    tri_type *string, *function, *native, *closure, *upvalue, *class, *instance, *bound_method,
        *global, *module;

    /* The elements of arrays. */
    tri_type *code_byte, *line_run, *constant, *entry;
};

/* TRI_OK, or the first failure of a declaration. */
tri_result types_define(tri_heap *heap, struct types *types);

#endif
