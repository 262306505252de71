/* type.c -- declaring types and numbering their lists.
 *
 * Owns:       struct tri_type, the numbering of lists and cursors.
 * Invariants:
 *   [type.1] A type's head MUST be written before the type is returned, and never after; otherwise
 *            a fast path allocates slots of a wrong size.
 *   [type.2] A list MUST be initialised before its number can be read from list_count or
 *            sized_lists; otherwise a sweeper walks sets that are not there.
 *   [type.3] Objects that have to lie at multiples of 16 MUST NOT go to mixed spans; otherwise the
 *            header there shifts them by 8.
 *   [type.4] The encodings of a type MUST be in the table before the type is returned; otherwise
 *            the barrier takes a reference for a number, and the object is lost.
 * Locks:      takes TYPES, under it META.
 * Callers:    the public entry points, alloc.
 */
#include "gc/type.h"

#include <string.h>

#include "gc/assert.h"

/* Append count lists, that of class first_class first. 0 where there are no more cursors or no
 * memory. TYPES held. */
static uint32_t append_lists(struct type_table *table, uint32_t count, uint32_t first_class,
                             tri_type *type) LOCK_REQUIRES(table->lock)
{
    lock_assert_held(&table->lock);
    uint32_t first = load_relaxed(&table->list_count);
    if (count > CURSORS_MAX - first || !side_table_extend(&table->lists, first + count)) {
        return 0;
    }
    for (uint32_t i = 0; i < count; i++) {
        central_list_init(type_table_list(table, first + i), first + i, first_class + i, type);
    }
    /* release: pairs with the acquire in take_unswept of sweep.c [type.2] */
    store_release(&table->list_count, first + count);
    return first;
}

bool type_table_init(struct type_table *table, struct meta_alloc *meta)
{
    *table = (struct type_table){.meta = meta};
    if (!side_table_init(&table->lists, sizeof(struct central_list), CURSORS_MAX,
                         "trillium metadata: central lists")) {
        return false;
    }
    lock_init(&table->lock, LOCK_TYPES);
    lock_acquire(&table->lock);
    (void)append_lists(table, SIZE_CLASS_COUNT, 0, NULL);
    bool done = table->list_count == SIZE_CLASS_COUNT;
    lock_release(&table->lock);
    if (!done) {
        type_table_destroy(table);
    }
    return done;
}

void type_table_destroy(struct type_table *table)
{
    lock_destroy(&table->lock);
    side_table_destroy(&table->lists);
}

unsigned type_size_class(const tri_type *type, size_t bytes)
{
    size_t rounded = size_max(bytes, SLOT_BYTES_MIN);
    if (type->flags & TRI_TYPE_ALIGN_16) {
        rounded = align_up(rounded, 16);
    }
    return rounded <= SMALL_SIZE_MAX ? size_class_of(rounded) : 0;
}

/* Add the references of elements of stride words, which begin at word first and end before
 * limit. */
static void add_elements(const struct layout *layout, size_t first, size_t stride, size_t limit,
                         uint64_t *pointers, uint64_t *values)
{
    uint64_t all = bit_range(0, layout->words);
    bool masks = layout->kind == LAYOUT_SMALL_MASKS;
    for (size_t at = first; stride != 0 && at + layout->words <= limit; at += stride) {
        *pointers |= (masks ? layout->pointers : 0) << at;
        *values |= (masks ? layout->values : all) << at;
    }
}

/* Whether two words of bits say where its references are, if there are any. */
static bool has_small_masks(const struct layout *layout)
{
    return layout->kind == LAYOUT_SMALL_MASKS ||
           (layout->kind == LAYOUT_VALUES && layout->words <= WORD_BITS);
}

static bool same_encoding(const struct layout *a, const struct layout *b)
{
    return memcmp(&a->encoding, &b->encoding, sizeof a->encoding) == 0;
}

bool type_slot_masks(const tri_type *type, size_t slot_bytes, uint64_t *pointers, uint64_t *values)
{
    const struct layout *own = &type->layout;
    const struct layout *trailing = &type->trailing;
    size_t words = slot_bytes / WORD_BYTES;
    bool has_own = layout_has_references(own);
    bool has_trailing = layout_has_references(trailing);
    *pointers = *values = 0;
    if (words > WORD_BITS || (type->flags & TRI_TYPE_SAFEPOINT_ONLY) ||
        (has_own && !has_small_masks(own)) || (has_trailing && !has_small_masks(trailing)) ||
        (has_trailing && !same_encoding(own, trailing))) {
        return false;
    }
    if (has_own) { /* once, where other elements follow */
        bool once = type->trailing_size != 0;
        add_elements(own, 0, once ? words : type->stride / WORD_BYTES, words, pointers, values);
    }
    if (has_trailing) {
        add_elements(trailing, type->size / WORD_BYTES, type->trailing_size / WORD_BYTES, words,
                     pointers, values);
    }
    if (own->encoding.mask == 0 && own->encoding.address == UINTPTR_MAX) { /* plain addresses */
        *pointers |= *values;
        *values = 0;
    }
    return (*pointers | *values) != 0;
}

/* What is wrong with a description, apart from its layouts; NULL if nothing is. */
static const char *desc_problem(const tri_type_desc *desc)
{
    if (desc->desc_size != sizeof(tri_type_desc)) {
        return "desc_size is not sizeof(tri_type_desc): begin with TRI_TYPE_DESC";
    }
    if (desc->name == NULL || desc->name[0] == '\0') {
        return "a type needs a name";
    }
    if (desc->flags & ~(TRI_TYPE_ALIGN_16 | TRI_TYPE_UNINITIALIZED | TRI_TYPE_SAFEPOINT_ONLY)) {
        return "a bit of flags is none of TRI_TYPE_...";
    }
    bool trailing_scanned = desc->trailing_layout.kind != TRI_LAYOUT_LEAF;
    if (trailing_scanned &&
        !(is_aligned(desc->size, WORD_BYTES) && is_aligned(desc->trailing_size, WORD_BYTES))) {
        return "size and trailing_size must be multiples of 8 where trailing elements hold "
               "references";
    }
    if ((desc->flags & TRI_TYPE_UNINITIALIZED) &&
        (trailing_scanned || desc->layout.kind != TRI_LAYOUT_LEAF)) {
        return "TRI_TYPE_UNINITIALIZED is for leaf types only";
    }
    return NULL;
}

static const struct encoding_entry *find_encoding(const struct type_table *table,
                                                  const tri_encoding *encoding)
{
    const struct encoding_entry *entry = type_table_encodings(table);
    while (entry != NULL && memcmp(&entry->encoding, encoding, sizeof *encoding) != 0) {
        entry = entry->next;
    }
    return entry;
}

bool type_table_add_encoding(struct type_table *table, const tri_encoding *encoding)
{
    lock_acquire(&table->lock);
    bool known = find_encoding(table, encoding) != NULL;
    if (!known) {
        struct encoding_entry *entry = meta_alloc_take(table->meta, sizeof *entry, WORD_BYTES);
        if (entry != NULL) {
            *entry = (struct encoding_entry){*encoding, load_relaxed(&table->encodings)};
            /* release: pairs with the acquire in type_table_encodings */
            store_release(&table->encodings, entry);
            known = true;
        }
    }
    lock_release(&table->lock);
    return known;
}

static tri_result compile_layouts(tri_type *type, const tri_type_desc *desc,
                                  const tri_encoding *default_encoding, struct meta_alloc *meta,
                                  const char **problem)
{
    tri_result result =
        layout_compile(&type->layout, &desc->layout, desc->size, default_encoding, meta, problem);
    if (result == TRI_OK) {
        result = layout_compile(&type->trailing, &desc->trailing_layout, desc->trailing_size,
                                default_encoding, meta, problem);
    }
    type->scannable =
        layout_has_references(&type->layout) || layout_has_references(&type->trailing);
    return result;
}

static const char *copy_name(struct meta_alloc *meta, const char *name)
{
    size_t bytes = strlen(name) + 1;
    char *copy = meta_alloc_take(meta, bytes, 1);
    return copy == NULL ? NULL : memcpy(copy, name, bytes);
}

static void fill_type(tri_type *type, const struct tri_heap *heap, const tri_type_desc *desc,
                      enum weak_kind kind)
{
    if (kind != WEAK_NONE) {
        type->layout.kind = LAYOUT_WEAK;
        type->scannable = true;
        type->mixed_objects = TYPE_PROMOTION_OBJECTS; /* there will be many */
    }
    type->weak = (uint8_t)kind;
    type->signature = TYPE_SIGNATURE;
    type->heap = heap;
    type->flags = desc->flags;
    type->size = desc->size;
    type->trailing_size = desc->trailing_size;
    bool leaf = !layout_has_references(&type->layout);
    type->stride = leaf ? desc->size : align_up(desc->size, WORD_BYTES);
    type->size_class = type_size_class(type, desc->size);
    type->finalizer = desc->finalizer;
    type->finalizer_argument = desc->finalizer_argument;
    if (!type_may_be_mixed(type)) {
        type->mixed_objects = TYPE_PROMOTION_OBJECTS; /* [type.3] */
    }
}

/* Give the type its number and its list. TYPES held. */
static tri_result enter(struct type_table *table, tri_type *type, const char **problem)
    LOCK_REQUIRES(table->lock)
{
    if (table->type_count >= TRI_TYPES_MAX) {
        *problem = "the heap has TRI_TYPES_MAX types already";
        return TRI_E_LIMIT;
    }
    /* Without a list, for want of a cursor, its objects go to mixed spans for ever. */
    if (load_relaxed(&table->list_count) < CURSORS_MAX) {
        type->list = append_lists(table, 1, type->size_class, type);
        if (type->list == 0) {
            *problem = "no memory for the type";
            return TRI_E_NOMEM;
        }
    }
    table->type_count++;
    type->head.cursor = /* [type.1] */
        (uint32_t)(MUTATOR_CURSORS_OFFSET + type->list * sizeof(struct tri_cursor_));
    type->head.slot = type->size_class == 0 ? UINT32_MAX : size_class_bytes[type->size_class];
    return TRI_OK;
}

/* The type that desc, which is valid, and kind describe. */
static tri_result define(struct type_table *table, const struct tri_heap *heap,
                         const tri_encoding *default_encoding, const tri_type_desc *desc,
                         enum weak_kind kind, tri_type **type, const char **problem)
{
    *problem = "no memory for the type";
    tri_type *made = meta_alloc_take(table->meta, sizeof *made, CACHE_LINE);
    if (made == NULL || (made->name = copy_name(table->meta, desc->name)) == NULL) {
        return TRI_E_NOMEM;
    }
    tri_result result = compile_layouts(made, desc, default_encoding, table->meta, problem);
    if (result != TRI_OK) {
        return result;
    }
    if (!type_table_add_encoding(table, &made->layout.encoding) || /* [type.4] */
        !type_table_add_encoding(table, &made->trailing.encoding)) {
        return TRI_E_NOMEM;
    }
    fill_type(made, heap, desc, kind);
    lock_acquire(&table->lock);
    result = enter(table, made, problem);
    lock_release(&table->lock);
    if (result == TRI_OK) {
        *type = made;
    }
    return result;
}

tri_result type_define(struct type_table *table, const struct tri_heap *heap,
                       const tri_encoding *default_encoding, const tri_type_desc *desc,
                       tri_type **type, const char **problem)
{
    *problem = desc_problem(desc);
    if (*problem != NULL) {
        return TRI_E_INVALID;
    }
    if (desc->size > TRI_TYPE_SIZE_MAX || desc->trailing_size > TRI_TYPE_SIZE_MAX) {
        *problem = "size or trailing_size is over TRI_TYPE_SIZE_MAX";
        return TRI_E_TOO_LARGE;
    }
    return define(table, heap, default_encoding, desc, WEAK_NONE, type, problem);
}

tri_type *type_define_weak(struct type_table *table, const struct tri_heap *heap, const char *name,
                           enum weak_kind kind, size_t size, const tri_encoding *encoding)
{
    tri_type_desc desc = {.desc_size = sizeof desc, .name = name, .size = size};
    tri_type *type = NULL;
    const char *problem;
    (void)define(table, heap, encoding, &desc, kind, &type, &problem);
    return type;
}

uint32_t type_sized_list(struct type_table *table, tri_type *type, unsigned size_class)
{
    /* acquire: pairs with the release below [type.2] */
    uint32_t first = load_acquire(&type->sized_lists);
    if (first == 0) {
        lock_acquire(&table->lock);
        first = load_relaxed(&type->sized_lists);
        if (first == 0) {
            first = append_lists(table, SIZE_CLASS_COUNT, 0, type);
            /* release: pairs with the acquire above */
            store_release(&type->sized_lists, first);
        }
        lock_release(&table->lock);
    }
    return first == 0 ? 0 : first + size_class;
}
