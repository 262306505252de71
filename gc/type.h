/* type.h -- declared types, and the central lists that their objects' spans belong to.
 *
 * Lists and cursors are numbered alike: a mutator's cursor i allocates from spans of list i. Lists
 * 0 to 67 belong to no type: list 0 has all large objects, lists 1 to 67 the mixed spans by size
 * class. A type has one list for single objects from its definition on, and 68 more, by size class,
 * once it is allocated as an array or with trailing elements.
 */
#ifndef GC_TYPE_H
#define GC_TYPE_H

#include <trillium/detail/mutator_layout.h>
#include <trillium/type.h>

#include "gc/central_list.h"
#include "gc/layout.h"
#include "gc/lock.h"
#include "gc/tuning.h"

#define TYPE_SIGNATURE UINT32_C(0x54595045) /* "TYPE" */

/* The list of large objects; mixed spans of class c have list c. */
#define LIST_LARGE 0

/* Where in a mutator's mapping its cursors begin. */
#define MUTATOR_CURSORS_OFFSET ((size_t)8192)

/* What a type of the library's own holds weakly. */
enum weak_kind {
    WEAK_NONE = 0,   /* the host's types */
    WEAK_REFERENCE,  /* one word, the address of the target; 0 where that is gone */
    WEAK_EPHEMERON,  /* {key, value}: the address of a key, held weakly, and a value that lives
                        while key and container do */
    WEAK_KEYS,       /* {key, value, hash}, many: values; keys are held weakly, values strongly */
    WEAK_VALUES,     /* the same: values are held weakly, keys strongly */
    WEAK_EPHEMERONS, /* the same: each as an ephemeron */
    WEAK_KIND_COUNT
};

struct tri_type {
    struct tri_type_head_ head; /* what the inline fast path reads; first */

    /* Written once by type_define. */
    uint32_t signature;
    uint32_t flags;
    uint32_t list;       /* of single objects; 0: there was no cursor for it, and cursor 0, of large
                            objects, is always empty */
    uint32_t size_class; /* of single objects; 0: they are large */
    size_t size;
    size_t stride;
    size_t trailing_size;
    bool scannable; /* objects may hold references */
    uint8_t weak;   /* enum weak_kind */
    struct layout layout;
    struct layout trailing;
    tri_finalizer_function *finalizer; /* NULL: none */
    void *finalizer_argument;
    const struct tri_heap *heap;
    const char *name;

    /* Atomic. */
    uint32_t sized_lists;   /* the first of its lists by size class; 0: none yet. Released under
                               TYPES */
    uint32_t mixed_objects; /* objects allocated in mixed spans; from TYPE_PROMOTION_OBJECTS on it
                               has spans of its own */
};

/* One of the encodings that some type's values have; the barrier does not know which type a slot
 * belongs to. Written before it is linked. */
struct encoding_entry {
    tri_encoding encoding;
    const struct encoding_entry *next;
};

struct type_table {
    struct lock lock;        /* TYPES */
    struct side_table lists; /* struct central_list; committed under TYPES */
    uint32_t list_count;     /* atomic; grows under TYPES, released when the lists can be used */
    uint32_t type_count;     /* guarded by TYPES */
    uint32_t safepoint_only; /* atomic: types of TRI_TYPE_SAFEPOINT_ONLY; written under HANDSHAKE */
    const struct encoding_entry *encodings; /* atomic: all different; grows at the front under
                                               TYPES, released */
    struct meta_alloc *meta;
};

/* A table with the lists that belong to no type. False where the system refuses. */
bool type_table_init(struct type_table *table, struct meta_alloc *meta);
void type_table_destroy(struct type_table *table);

/* Let type_table_encodings know encoding. False where there is no memory. */
bool type_table_add_encoding(struct type_table *table, const tri_encoding *encoding);

/* All encodings that values in the heap may have. */
static inline const struct encoding_entry *type_table_encodings(const struct type_table *table)
{
    /* acquire: pairs with the release in type_table_add_encoding */
    return load_acquire(&table->encodings);
}

/* See tri_type_define. *problem is a sentence where the result is not TRI_OK. */
tri_result type_define(struct type_table *table, const struct tri_heap *heap,
                       const tri_encoding *default_encoding, const tri_type_desc *desc,
                       tri_type **type, const char **problem);

/* A type of the library's own, of weak containers of size bytes each, or of arrays of such
 * elements; values of theirs are in encoding. NULL where there is no memory, or no room for another
 * type. */
tri_type *type_define_weak(struct type_table *table, const struct tri_heap *heap, const char *name,
                           enum weak_kind kind, size_t size, const tri_encoding *encoding);

/* The list for objects of type that take size_class, not being single; 0 where there are no more
 * cursors or no memory, and the objects must go to mixed spans. */
uint32_t type_sized_list(struct type_table *table, tri_type *type, unsigned size_class);

static inline struct central_list *type_table_list(const struct type_table *table, uint32_t index)
{
    return (struct central_list *)(void *)table->lists.base + index;
}

/* Whether objects of type, which may be NULL, are finalized by it. */
static inline bool type_is_finalized(const tri_type *type)
{
    return type != NULL && type->finalizer != NULL;
}

/* Whether objects of type may lie in mixed spans at all [type.3]. */
static inline bool type_may_be_mixed(const tri_type *type)
{
    return !(type->flags & TRI_TYPE_ALIGN_16) && type->finalizer == NULL;
}

/* Whether objects of type have spans of their own by now. */
static inline bool type_is_promoted(const tri_type *type)
{
    return load_relaxed(&type->mixed_objects) >= TYPE_PROMOTION_OBJECTS;
}

/* Which words of a slot of slot_bytes, which holds one or several elements of type, are references:
 * bit i of *pointers, where word i is a plain address; bit i of *values, where it is a value in
 * type->layout.encoding. False, and none, where two words of bits do not say it all: slots of more
 * than 64 words, candidates, functions, objects of safepoint-only types. */
bool type_slot_masks(const tri_type *type, size_t slot_bytes, uint64_t *pointers, uint64_t *values);

/* The size class of an object of bytes bytes of type, in spans of its own; 0: it is large. */
unsigned type_size_class(const tri_type *type, size_t bytes);

#endif
