/* types.c -- the layouts: where the references are in each structure of object.h.
 *
 * This is the one place that a forgotten field must be looked for when an object disappears too
 * early. A field listed here MUST be written by the functions of store.h; a field that is not
 * listed MUST NOT be the only thing that keeps an object alive.
 */
#include "types.h"

#include "object.h"

static const tri_field function_fields[] = {
    TRI_POINTER_AT(struct function, name),
    TRI_POINTER_AT(struct function, chunk.code),
    TRI_POINTER_AT(struct function, chunk.lines),
    TRI_POINTER_AT(struct function, chunk.constants),
};

static const tri_field closure_fields[] = {TRI_POINTER_AT(struct closure, function)};

static const tri_field plain_pointer[] = {{0, TRI_FIELD_POINTER}};

/* Not `location`: see object.h. */
static const tri_field upvalue_fields[] = {
    TRI_VALUE_AT(struct upvalue, closed),
    TRI_POINTER_AT(struct upvalue, next),
};

static const tri_field class_fields[] = {
    TRI_POINTER_AT(struct class, name),
    TRI_POINTER_AT(struct class, initializer),
    TRI_POINTER_AT(struct class, methods.entries),
};

static const tri_field instance_fields[] = {
    TRI_POINTER_AT(struct instance, class),
    TRI_POINTER_AT(struct instance, fields.entries),
};

static const tri_field bound_method_fields[] = {
    TRI_VALUE_AT(struct bound_method, receiver),
    TRI_POINTER_AT(struct bound_method, method),
};

static const tri_field global_fields[] = {
    TRI_POINTER_AT(struct global, name),
    TRI_VALUE_AT(struct global, value),
};

static const tri_field module_fields[] = {TRI_POINTER_AT(struct module, globals.entries)};

static const tri_field entry_fields[] = {
    TRI_POINTER_AT(struct entry, key),
    TRI_VALUE_AT(struct entry, value),
};

struct declaration {
    tri_type **type;
    tri_type_desc desc;
};

#define TYPE(member, ...)                                                                          \
    {                                                                                              \
        &types->member,                                                                            \
        {                                                                                          \
            .desc_size = sizeof(tri_type_desc), __VA_ARGS__                                        \
        }                                                                                          \
    }

/* An object without references. */
#define LEAF(member, text, structure) TYPE(member, .name = (text), .size = sizeof(structure))

/* An object whose references are at `fields`. */
#define RECORD(member, text, structure, fields)                                                    \
    TYPE(member, .name = (text), .size = sizeof(structure), .layout = TRI_LAYOUT_OF(fields))

tri_result types_define(tri_heap *heap, struct types *types)
{
    const struct declaration declarations[] = {
        /* The characters follow the fixed part. string_object.c writes every byte of a new
         * string. */
        TYPE(string, .name = "string", .size = offsetof(struct string, characters),
             .flags = TRI_TYPE_UNINITIALIZED, .trailing_size = sizeof(char)),
        RECORD(function, "function", struct function, function_fields),
        LEAF(native, "native", struct native),
        /* The captured variables follow the fixed part. */
        TYPE(closure, .name = "closure", .size = sizeof(struct closure),
             .layout = TRI_LAYOUT_OF(closure_fields), .trailing_size = sizeof(struct upvalue *),
             .trailing_layout = TRI_LAYOUT_OF(plain_pointer)),
        RECORD(upvalue, "upvalue", struct upvalue, upvalue_fields),
        RECORD(class, "class", struct class, class_fields),
        RECORD(instance, "instance", struct instance, instance_fields),
        RECORD(bound_method, "bound method", struct bound_method, bound_method_fields),
        RECORD(global, "global", struct global, global_fields),
        RECORD(module, "module", struct module, module_fields),
        LEAF(code_byte, "code", uint8_t),
        LEAF(line_run, "line run", struct line_run),
        TYPE(constant, .name = "constant", .size = sizeof(value),
             .layout = TRI_LAYOUT(TRI_LAYOUT_ALL_WORDS)),
        RECORD(entry, "table entry", struct entry, entry_fields),
    };
    for (size_t i = 0; i < sizeof(declarations) / sizeof(declarations[0]); i++) {
        tri_result result = tri_type_define(heap, &declarations[i].desc, declarations[i].type);
        if (result != TRI_OK) {
            return result;
        }
    }
    return TRI_OK;
}
