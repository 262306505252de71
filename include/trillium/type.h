/**
 * @file type.h
 * Types: where the references of an object are and how the host's values are encoded, declared
 * once, so that the marker scans without calling back.
 *
 *     struct pair { tri_word head, tail; };    // two values in the heap's encoding
 *
 *     static const tri_field pair_fields[] = {TRI_VALUE_AT(struct pair, head),
 *                                             TRI_VALUE_AT(struct pair, tail)};
 *
 *     tri_type_desc desc = TRI_TYPE_DESC("pair", struct pair);
 *     desc.layout = TRI_LAYOUT_OF(pair_fields);
 *     tri_type_define(heap, &desc, &pair_type);
 */
#ifndef TRILLIUM_TYPE_H
#define TRILLIUM_TYPE_H

#include <trillium/types.h>

TRI_BEGIN_DECLS

/**
 * How a reference is told from other words of a value, and its address taken: a word is a reference
 * where `(word & mask) == pattern`, and then its address is `word & address`. An address outside
 * the heap is no reference.
 */
typedef struct tri_encoding {
    tri_word mask;
    tri_word pattern;
    tri_word address;
} tri_encoding;

/** Every word is an address (or NULL, or an address outside the heap, which is ignored). */
#define TRI_ENCODING_RAW (TRI_STRUCT_(tri_encoding, 0, 0, ~(tri_word)0))

/** A reference is a word whose bits under @p tag_mask, low bits, equal @p tag; the others are its
 * address. */
#define TRI_ENCODING_LOW_TAG(tag_mask, tag)                                                        \
    (TRI_STRUCT_(tri_encoding, (tri_word)(tag_mask), (tri_word)(tag), ~(tri_word)(tag_mask)))

/** A reference is a word whose bits under @p mask equal @p pattern; its low 48 bits are its
 * address. */
#define TRI_ENCODING_NAN_BOX(mask, pattern)                                                        \
    (TRI_STRUCT_(tri_encoding, (tri_word)(mask), (tri_word)(pattern), (((tri_word)1 << 48) - 1)))

#ifdef __cplusplus
#define TRI_STRUCT_(type, ...) (type{__VA_ARGS__})
#else
#define TRI_STRUCT_(type, ...) ((type){__VA_ARGS__})
#endif

/** How the word of a field is read. */
typedef enum tri_field_kind {
    TRI_FIELD_POINTER = 0, /**< a plain address, or NULL; interior addresses and addresses outside
                                the heap are fine */
    TRI_FIELD_VALUE = 1    /**< a word in the layout's encoding */
} tri_field_kind;

/** One word of an object that may hold a reference. */
typedef struct tri_field {
    uint32_t offset; /**< bytes from the start of the object (or of the element); a multiple of 8 */
    uint32_t kind;   /**< ::tri_field_kind */
} tri_field;

#define TRI_POINTER_AT(structure, member)                                                          \
    {                                                                                              \
        (uint32_t) offsetof(structure, member), TRI_FIELD_POINTER                                  \
    }
#define TRI_VALUE_AT(structure, member)                                                            \
    {                                                                                              \
        (uint32_t) offsetof(structure, member), TRI_FIELD_VALUE                                    \
    }

/** What a layout says. */
typedef enum tri_layout_kind {
    TRI_LAYOUT_LEAF = 0,         /**< no references: never scanned */
    TRI_LAYOUT_FIELDS = 1,       /**< references at the offsets of `fields` */
    TRI_LAYOUT_ALL_WORDS = 2,    /**< every word is a value in the layout's encoding */
    TRI_LAYOUT_CONSERVATIVE = 3, /**< every word that could be the address of an object keeps that
                                      object alive */
    TRI_LAYOUT_TRACE = 4         /**< `trace` reports them */
} tri_layout_kind;

/**
 * Reports the references of one object to @p visitor by the functions of roots.h (::tri_visit_ref
 * and its kin).
 *
 * It runs on any of the collector's threads, on several at a time, beside the host's mutators once
 * marking is concurrent. It must not allocate, store into the heap, take a lock that a mutator may
 * hold at a safepoint, or call any other function of Trillium. It must read slots that mutators
 * write by one load a word. Some of these threads run at the system's idle priority: a mutator that
 * wants a lock which such a function holds may wait until some processor would idle.
 *
 * @p bytes is the size of the object's slot. For a trailing layout, @p object is one element, and
 * @p bytes the trailing_size; it is called for each element that the slot has room for, those
 * beyond the count asked for being all zero.
 */
typedef void tri_trace_function(tri_visitor *visitor, tri_ref object, size_t bytes);

/** Where the references of an object, or of one trailing element, are. */
typedef struct tri_layout {
    tri_layout_kind kind;
    uint32_t field_count;
    const tri_field *fields;      /**< for ::TRI_LAYOUT_FIELDS; copied */
    const tri_encoding *encoding; /**< of values; NULL: the heap's value_encoding. Copied */
    tri_trace_function *trace;    /**< for ::TRI_LAYOUT_TRACE */
} tri_layout;

/** The layout whose references are at @p fields, an array. */
#define TRI_LAYOUT_OF(fields)                                                                      \
    (TRI_STRUCT_(tri_layout, TRI_LAYOUT_FIELDS, (uint32_t)(sizeof(fields) / sizeof((fields)[0])),  \
                 (fields), NULL, NULL))

/** The layout of @p kind, which needs neither fields nor a function. */
#define TRI_LAYOUT(kind) (TRI_STRUCT_(tri_layout, (kind), 0, NULL, NULL, NULL))

/** The layout whose references @p function reports. */
#define TRI_LAYOUT_TRACED_BY(function)                                                             \
    (TRI_STRUCT_(tri_layout, TRI_LAYOUT_TRACE, 0, NULL, NULL, (function)))

/** Flags of tri_type_desc. @{ */
#define TRI_TYPE_ALIGN_16      1U /**< objects start at multiples of 16 bytes, else of 8 */
#define TRI_TYPE_UNINITIALIZED 2U /**< leaf only: the memory of a new object is not zeroed */
#define TRI_TYPE_SAFEPOINT_ONLY                                                                    \
    4U /**< objects are never scanned or traced beside the running mutator, but at its safepoints,
            in each round of the end of marking: for what changes in ways that nobody may watch,
            such as the stacks of coroutines. In a heap of ::TRI_BARRIER_INSERTION they are written
            without any report. Only in heaps that have one mutator at a time, see
            ::tri_type_define */
/** @} */

/** The largest fixed part of a type, in bytes. */
#define TRI_TYPE_SIZE_MAX ((size_t)1 << 30)

/** The largest object, in bytes: one array or one object with trailing elements. */
#define TRI_OBJECT_SIZE_MAX ((size_t)1 << 40)

/** The number of types a heap can have. */
#define TRI_TYPES_MAX 32768

/**
 * Called with an object that is dead, to which nothing refers any more; see finalize.h. It may
 * store the object somewhere, which brings it back to life. Runs inside ::tri_finalizers_run, on
 * the thread of @p mutator, and may do what that may.
 */
typedef void tri_finalizer_function(tri_mutator *mutator, tri_ref object, void *argument);

/** What a host declares about a kind of object. Begin with ::TRI_TYPE_DESC; copied by
 * ::tri_type_define. */
typedef struct tri_type_desc {
    size_t desc_size;     /**< sizeof(tri_type_desc) */
    const char *name;     /**< for logs, profiles and messages; copied */
    size_t size;          /**< bytes of the object without its trailing elements; a multiple of
                              nothing */
    uint32_t flags;       /**< TRI_TYPE_... */
    tri_layout layout;    /**< of the object without its trailing elements */
    size_t trailing_size; /**< bytes of one trailing element; 0: the type has none. Their
                                     start is `size`, which must then be a multiple of 8 if the
                                     elements are not leaf */
    tri_layout trailing_layout;        /**< of one trailing element */
    tri_finalizer_function *finalizer; /**< for each object of the type once, after it has died; for
                                            an array once. NULL: none. See finalize.h */
    void *finalizer_argument;          /**< what it is called with */
} tri_type_desc;

/** A leaf type called @p name with the size of the C type @p structure; set its layout next. */
#define TRI_TYPE_DESC(name, structure)                                                             \
    (TRI_STRUCT_(tri_type_desc, sizeof(tri_type_desc), (name), sizeof(structure), 0,               \
                 TRI_LAYOUT(TRI_LAYOUT_LEAF), 0, TRI_LAYOUT(TRI_LAYOUT_LEAF), NULL, NULL))

/**
 * Declare a type.
 *
 * @param type  receives the type, which lives as long as the heap; untouched on failure
 *
 * @return ::TRI_OK; ::TRI_E_INVALID for a description that contradicts itself: no name, a field
 *         that is not aligned or lies outside the size, a layout that lacks its fields or function,
 *         ::TRI_TYPE_UNINITIALIZED on a type with references, an encoding whose pattern has bits
 *         outside its mask (a line on the heap's log says what); ::TRI_E_TOO_LARGE for a size over
 *         ::TRI_TYPE_SIZE_MAX; ::TRI_E_LIMIT for more than ::TRI_TYPES_MAX types; ::TRI_E_STATE for
 *         ::TRI_TYPE_SAFEPOINT_ONLY where several mutators are attached (from then on
 *         ::tri_mutator_attach refuses a second one); ::TRI_E_NOMEM.
 *
 * Threads: any. The type may be used by all mutators of the heap once the call has returned.
 * Cost:    a type costs some 300 bytes; it gets pages of its own only once 64 objects of it were
 *          allocated, before that its objects share spans with those of other rare types, at 8
 *          bytes more an object; with a finalizer it has its own from the first one on.
 */
TRI_API tri_result tri_type_define(tri_heap *heap, const tri_type_desc *desc, tri_type **type);

/** The name that was declared. Threads: any. */
TRI_API const char *tri_type_name(const tri_type *type);

/** The size that was declared: bytes without trailing elements. Threads: any. */
TRI_API size_t tri_type_size(const tri_type *type);

/** Bytes from one element of an array of this type to the next: the size rounded up to 8, for a
 * leaf type the size itself. */
TRI_API size_t tri_type_stride(const tri_type *type);

TRI_END_DECLS

#endif
