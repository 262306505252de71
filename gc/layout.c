/* layout.c -- compiling the layout that a host declared into masks.
 *
 * Owns:       nothing; the masks live in the heap's metadata until the heap ends.
 * Invariants:
 *   [layout.1] A set bit of a mask MUST name a word that lies wholly inside the declared size;
 *              otherwise the marker reads the next object's memory as this one's.
 *   [layout.2] A layout without a reference MUST become LAYOUT_LEAF; otherwise its objects are
 *              queued and scanned for nothing.
 * Locks:      none.
 * Callers:    type_define.
 */
#include "gc/layout.h"

#include "gc/bits.h"

bool encoding_is_valid(const tri_encoding *encoding)
{
    return (encoding->pattern & ~encoding->mask) == 0 && encoding->address != 0;
}

/* What is wrong with one declared field of an object of bytes bytes; NULL if nothing is. */
static const char *field_problem(const tri_field *field, size_t bytes)
{
    if (!is_aligned(field->offset, WORD_BYTES)) {
        return "a field's offset is not a multiple of 8";
    }
    if (field->offset + WORD_BYTES > bytes) { /* [layout.1] */
        return "a field lies outside the size";
    }
    if (field->kind != TRI_FIELD_POINTER && field->kind != TRI_FIELD_VALUE) {
        return "a field's kind is neither TRI_FIELD_POINTER nor TRI_FIELD_VALUE";
    }
    return NULL;
}

static const char *fields_problem(const tri_layout *declared, size_t bytes)
{
    if (declared->fields == NULL && declared->field_count > 0) {
        return "the layout has a field_count but no fields";
    }
    for (uint32_t i = 0; i < declared->field_count; i++) {
        const char *problem = field_problem(&declared->fields[i], bytes);
        if (problem != NULL) {
            return problem;
        }
    }
    return NULL;
}

static const char *layout_problem(const tri_layout *declared, size_t bytes,
                                  const tri_encoding *encoding)
{
    if (!encoding_is_valid(encoding)) {
        return "the encoding's pattern has bits outside its mask, or its address has no bits";
    }
    switch (declared->kind) {
    case TRI_LAYOUT_FIELDS:
        return fields_problem(declared, bytes);
    case TRI_LAYOUT_TRACE:
        return declared->trace == NULL ? "a traced layout needs a trace function" : NULL;
    case TRI_LAYOUT_LEAF:
    case TRI_LAYOUT_ALL_WORDS:
    case TRI_LAYOUT_CONSERVATIVE:
        return NULL;
    }
    return "the layout's kind is none of tri_layout_kind";
}

static void set_field(struct layout *layout, const tri_field *field)
{
    size_t word = field->offset / WORD_BYTES;
    bool pointer = field->kind == TRI_FIELD_POINTER;
    if (layout->kind == LAYOUT_SMALL_MASKS) {
        *(pointer ? &layout->pointers : &layout->values) |= UINT64_C(1) << word;
    } else {
        bitmap_set(pointer ? layout->pointer_mask : layout->value_mask, word);
    }
}

static tri_result compile_fields(struct layout *layout, const tri_layout *declared,
                                 struct meta_alloc *meta)
{
    for (uint32_t i = 0; i < declared->field_count; i++) {
        uint32_t word = declared->fields[i].offset / (uint32_t)WORD_BYTES;
        layout->words = layout->words > word + 1 ? layout->words : word + 1;
    }
    if (layout->words == 0) {
        layout->kind = LAYOUT_LEAF; /* [layout.2] */
        return TRI_OK;
    }
    layout->kind = LAYOUT_SMALL_MASKS;
    if (layout->words > WORD_BITS) {
        size_t mask_bytes = bitmap_words(layout->words) * sizeof(uint64_t);
        layout->kind = LAYOUT_MASKS;
        layout->pointer_mask = meta_alloc_take(meta, mask_bytes, sizeof(uint64_t));
        layout->value_mask = meta_alloc_take(meta, mask_bytes, sizeof(uint64_t));
        if (layout->pointer_mask == NULL || layout->value_mask == NULL) {
            return TRI_E_NOMEM;
        }
    }
    for (uint32_t i = 0; i < declared->field_count; i++) {
        set_field(layout, &declared->fields[i]);
    }
    return TRI_OK;
}

tri_result layout_compile(struct layout *layout, const tri_layout *declared, size_t bytes,
                          const tri_encoding *default_encoding, struct meta_alloc *meta,
                          const char **problem)
{
    *layout = (struct layout){.kind = LAYOUT_LEAF};
    layout->encoding = declared->encoding != NULL ? *declared->encoding : *default_encoding;
    *problem = layout_problem(declared, bytes, &layout->encoding);
    if (*problem != NULL) {
        return TRI_E_INVALID;
    }
    size_t words = bytes / WORD_BYTES;
    switch (declared->kind) {
    case TRI_LAYOUT_LEAF:
        return TRI_OK;
    case TRI_LAYOUT_FIELDS:
        return compile_fields(layout, declared, meta);
    case TRI_LAYOUT_ALL_WORDS:
    case TRI_LAYOUT_CONSERVATIVE:
        if (words > 0) { /* [layout.2] */
            layout->kind =
                declared->kind == TRI_LAYOUT_ALL_WORDS ? LAYOUT_VALUES : LAYOUT_CONSERVATIVE;
            layout->words = (uint32_t)words;
        }
        return TRI_OK;
    case TRI_LAYOUT_TRACE:
        layout->kind = LAYOUT_TRACE;
        layout->trace = declared->trace;
        return TRI_OK;
    }
    return TRI_E_INVALID;
}
