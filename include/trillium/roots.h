/**
 * @file roots.h
 * Roots: where marking begins. Six kinds, to be mixed at will:
 *
 *   - frames: scoped local variables on a shadow stack (::TRI_FRAME);
 *   - a scanner: a callback that reports the host's own value stack (::tri_roots_set_scanner);
 *   - the C stack, conservatively, per mutator, where asked for (tri_mutator_scan_c_stack in
 *     mutator.h);
 *   - global slots: words outside the heap, written by tri_store (::tri_global_add);
 *   - handles: strong roots with a life of their own (::tri_handle_create);
 *   - coroutines' stacks, of which a mutator runs on one at a time (stack.h).
 */
#ifndef TRILLIUM_ROOTS_H
#define TRILLIUM_ROOTS_H

#include <trillium/detail/mutator_layout.h>
#include <trillium/type.h>

TRI_BEGIN_DECLS

/* ---- Reporting references, inside a scanner or a trace function ---- */

/** Report one address: the start or the inside of an object, NULL, or something outside the heap,
 * which is ignored. */
TRI_API void tri_visit_ref(tri_visitor *visitor, const void *reference);

/** Report one word in the heap's value_encoding. */
TRI_API void tri_visit_value(tri_visitor *visitor, tri_word word);

/** Report @p count words in the heap's value_encoding, from @p words on. */
TRI_API void tri_visit_values(tri_visitor *visitor, const tri_word *words, size_t count);

/** Report @p count words of which any that could be the address of an object is taken for one. */
TRI_API void tri_visit_conservatively(tri_visitor *visitor, const void *words, size_t count);

/* ---- The host's own stack ---- */

/**
 * Reports the roots of one mutator. Called at a safepoint of the mutator, on its own thread or,
 * while it is blocked or parked, on another. The rules of ::tri_trace_function hold.
 */
typedef void tri_roots_function(tri_visitor *visitor, tri_mutator *mutator, void *argument);

/**
 * Let @p function report the roots of @p mutator that only the host knows: the value stack of its
 * virtual machine. NULL: none.
 *
 * Threads: the mutator's own, running.
 */
TRI_API void tri_roots_set_scanner(tri_mutator *mutator, tri_roots_function *function,
                                   void *argument);

/* ---- Frames ---- */

/** The halves of ::TRI_FRAME. @{ */
TRI_INLINE void tri_frame_push_(struct tri_frame_ *frame, tri_mutator *mutator, size_t count)
{
    struct tri_mutator_head_ *head = (struct tri_mutator_head_ *)(void *)mutator;
    frame->previous = head->frames;
    frame->mutator = mutator;
    frame->count = count;
    TRI_STORE_RELAXED(&head->frames,
                      frame); /* atomic, or gcc 12 takes it for a pointer left behind */
}

TRI_INLINE void tri_frame_pop_(void *frame)
{
    struct tri_frame_ *innermost = (struct tri_frame_ *)frame;
    ((struct tri_mutator_head_ *)(void *)innermost->mutator)->frames = innermost->previous;
}
/** @} */

/**
 * Open a frame of @p n local roots, all ::TRI_NULL, until the end of the enclosing block;
 * TRI_LOCAL(0) to TRI_LOCAL(n - 1) are lvalues of type ::tri_ref. At most one a block. Plain
 * assignment: locals need no barrier. @p n is a constant, at least 1.
 *
 *     TRI_FRAME(m, 2);
 *     TRI_LOCAL(0) = tri_alloc(m, pair_type);
 *     TRI_LOCAL(1) = tri_alloc(m, pair_type);      // cannot lose the first
 *
 * No goto or case label may lead into the block from before the frame: its end would pop what was
 * never opened (clang refuses that, gcc does not). Within a switch, give the case a block of its
 * own. Leaving the block by longjmp() is allowed where the frame is popped first: save and restore
 * with ::tri_frames_save.
 * Threads: the mutator's own.  Cost: four stores and the clearing of the slots.
 */
#define TRI_FRAME(mutator, n)                                                                      \
    TRI_HIDING_BEGIN                                                                               \
    TRI_CLEANUP(tri_frame_pop_)                                                                    \
    struct {                                                                                       \
        struct tri_frame_ head;                                                                    \
        tri_ref slots[n];                                                                          \
    } tri_frame_here_;                                                                             \
    TRI_HIDING_END                                                                                 \
    for (size_t tri_i_ = 0; tri_i_ < (n); tri_i_++) {                                              \
        tri_frame_here_.slots[tri_i_] = TRI_NULL;                                                  \
    }                                                                                              \
    tri_frame_push_(&tri_frame_here_.head, (mutator), (n))

/** The @p i th local root of the innermost ::TRI_FRAME in scope. */
#define TRI_LOCAL(i) (tri_frame_here_.slots[i])

/** A mark in the mutator's frames, for ::tri_frames_restore. Threads: the mutator's own. */
TRI_INLINE struct tri_frame_ *tri_frames_save(const tri_mutator *mutator)
{
    return ((const struct tri_mutator_head_ *)(const void *)mutator)->frames;
}

/** Pop every frame that was opened since @p mark was saved: after a longjmp(). Threads: the
 * mutator's own. */
TRI_INLINE void tri_frames_restore(tri_mutator *mutator, struct tri_frame_ *mark)
{
    ((struct tri_mutator_head_ *)(void *)mutator)->frames = mark;
}

/* ---- Global slots ---- */

/**
 * Make @p count words from @p slots on, which lie outside the heap, roots in the heap's
 * value_encoding, until ::tri_global_remove or the end of the heap. They hold valid words from now
 * on and are written by tri_store.
 *
 * @return ::TRI_OK; ::TRI_E_INVALID for NULL, unaligned or in-heap addresses; ::TRI_E_NOMEM.
 * Threads: any that is not blocked with a mutator of this heap.
 */
TRI_API tri_result tri_global_add(tri_heap *heap, tri_word *slots, size_t count);

/** End the role of @p slots, as it was given to ::tri_global_add. False where there was none.
 * Threads: as there. */
TRI_API bool tri_global_remove(tri_heap *heap, tri_word *slots);

/* ---- Handles ---- */

/**
 * A strong root for @p reference, which may be ::TRI_NULL.
 *
 * @param handle  receives the handle; untouched on failure
 * @return ::TRI_OK; ::TRI_E_NOMEM.
 * Threads: the mutator's own, running; the handle may then be used by any thread with a mutator of
 *          the heap.
 * Cost:    one lock, and 24 bytes that the heap keeps for handles; a cycle reads all handles in the
 *          background, some nanoseconds each, and nobody waits for that.
 */
TRI_API tri_result tri_handle_create(tri_mutator *mutator, tri_ref reference, tri_handle **handle);

/** What the handle holds. Threads: any with a running mutator of the heap. Cost: a load. */
TRI_API tri_ref tri_handle_get(const tri_handle *handle);

/** Let the handle hold @p reference instead. Threads: the mutator's own, running. */
TRI_API void tri_handle_set(tri_mutator *mutator, tri_handle *handle, tri_ref reference);

/** End the handle. Its address is invalid afterwards. Threads: the mutator's own, running. */
TRI_API void tri_handle_destroy(tri_mutator *mutator, tri_handle *handle);

TRI_END_DECLS

#endif
