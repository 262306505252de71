/**
 * @file types.h
 * The names that all other headers share: opaque handles, words and references, results.
 */
#ifndef TRILLIUM_TYPES_H
#define TRILLIUM_TYPES_H

#include <stdbool.h>
#include <trillium/config.h>

TRI_BEGIN_DECLS

/** One collected universe. A process may have many; they share nothing. */
typedef struct tri_heap tri_heap;

/** A context that allocates and stores; bound to one OS thread at a time. */
typedef struct tri_mutator tri_mutator;

/** What a host declares about a kind of object; belongs to one heap, lives as long as it. */
typedef struct tri_type tri_type;

/** Objects that are kept for their next use, see pool.h. */
typedef struct tri_pool tri_pool;

/** A strong root with a life of its own. */
typedef struct tri_handle tri_handle;

/** Objects that live together and are freed together. */
typedef struct tri_region tri_region;

/** What a scanner or a trace callback reports references to. */
typedef struct tri_visitor tri_visitor;

/** The address of a heap object, or of a byte inside it. Objects never move. */
typedef void *tri_ref;

/** No object. */
#define TRI_NULL ((tri_ref)0)

/**
 * A word as the host stores it in a slot: an address, a tagged address, a NaN-boxed value, a small
 * integer. What of it is a reference is said by a ::tri_encoding.
 */
typedef uintptr_t tri_word;

/** How a call ended. 0 is success, everything else an error; ::tri_result_text names it. */
typedef enum tri_result {
    TRI_OK = 0,
    TRI_E_INVALID = 1,   /**< an argument is outside its range, or two contradict each other */
    TRI_E_NOMEM = 2,     /**< the operating system gave no memory, or the heap's limit is reached */
    TRI_E_TOO_LARGE = 3, /**< a size is over the maximum that its comment names */
    TRI_E_THREAD = 4,    /**< a thread could not be started, or this thread may not do that */
    TRI_E_LIMIT = 5,     /**< a number of things is at the maximum that its comment names */
    TRI_E_STATE = 6      /**< the heap or the mutator is not in a state that allows the call */
} tri_result;

/**
 * A sentence in English for @p result, without a full stop. Never NULL; valid for ever.
 *
 * Threads: any.
 */
TRI_API const char *tri_result_text(tri_result result);

TRI_END_DECLS

#endif
