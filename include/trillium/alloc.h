/**
 * @file alloc.h
 * Allocation.
 *
 * Every function here is a safepoint on its slow path: references held only in C locals may die in
 * the call. Hold what must survive in a frame (roots.h), in what the mutator's scanner reports, or
 * in the heap.
 */
#ifndef TRILLIUM_ALLOC_H
#define TRILLIUM_ALLOC_H

#include <trillium/detail/mutator_layout.h>

TRI_BEGIN_DECLS

/** The slow half of ::tri_alloc, and its checks. @{ */
TRI_API TRI_NOINLINE tri_ref tri_alloc_slow_(tri_mutator *mutator, tri_type *type);
TRI_API TRI_NOINLINE void tri_check_alloc_(tri_mutator *mutator, tri_type *type);
/** @} */

/**
 * Allocate one object of @p type, every byte zero (unless ::TRI_TYPE_UNINITIALIZED), without
 * trailing elements.
 *
 * @param mutator  attached to the calling thread, running
 * @param type     of the same heap
 *
 * @return the object. ::TRI_NULL only where memory is exhausted after a full collection and the
 *         heap's oom_handler said ::TRI_OOM_FAIL; a host without a handler never sees it, the
 *         process ends with a message instead.
 *
 * Threads:   the mutator's own.
 * Safepoint: on the slow path. It may answer the collector, sweep, or run a whole cycle; it never
 *            runs host code other than the out-of-memory handler, root scanners, trace functions
 *            and the log's function.
 * Cost:      four loads, an addition, a compare and a store while the current run of free slots
 *            lasts.
 * Source:    thread caches as in Go's mcache; bump allocation from runs of free slots as in
 *            Immix-like allocators.
 */
TRI_INLINE tri_ref tri_alloc(tri_mutator *mutator, tri_type *type)
{
    const struct tri_type_head_ *head = (const struct tri_type_head_ *)(const void *)type;
    if (TRI_CHECKED) {
        tri_check_alloc_(mutator, type);
    }
    struct tri_cursor_ *cursor = (struct tri_cursor_ *)(void *)((char *)mutator + head->cursor);
    char *object = cursor->free;
    if (TRI_UNLIKELY((uintptr_t)object + head->slot > (uintptr_t)cursor->limit)) {
        return tri_alloc_slow_(mutator, type);
    }
    cursor->free = object + head->slot;
    return object;
}

/** As ::tri_alloc, but gives ::TRI_NULL where memory is exhausted after a full collection; the
 * handler is not called. */
TRI_API tri_ref tri_try_alloc(tri_mutator *mutator, tri_type *type);

/**
 * Allocate an array of @p count elements of @p element, every byte zero (unless
 * ::TRI_TYPE_UNINITIALIZED).
 *
 * Elements lie tri_type_stride(element) bytes apart. The element type's layout says which words of
 * each are scanned; it must not be ::TRI_LAYOUT_TRACE, nor have trailing elements. Interior
 * pointers keep the whole array alive.
 *
 * @param count  0 gives a valid, unique reference of an array without elements
 *
 * @return the array; ::TRI_NULL where memory is exhausted as in ::tri_alloc. A size over
 *         ::TRI_OBJECT_SIZE_MAX is a misuse that ends the process with a message.
 *
 * Threads, Safepoint: as ::tri_alloc.
 * Cost:      as ::tri_alloc plus a call up to 32 KiB; above that proportional to the size, for
 *            zeroing.
 */
TRI_API tri_ref tri_alloc_array(tri_mutator *mutator, tri_type *element, size_t count);

/** As ::tri_alloc_array, but gives ::TRI_NULL where memory is exhausted or the size is over
 * ::TRI_OBJECT_SIZE_MAX. */
TRI_API tri_ref tri_try_alloc_array(tri_mutator *mutator, tri_type *element, size_t count);

/**
 * Allocate one object of @p type followed by @p count of its trailing elements, every byte zero: a
 * string with its characters, a closure with its captured variables. The type must declare a
 * trailing_size.
 *
 * @return, Threads, Safepoint, Cost: as ::tri_alloc_array.
 */
TRI_API tri_ref tri_alloc_trailing(tri_mutator *mutator, tri_type *type, size_t count);

/** As ::tri_alloc_trailing, but gives ::TRI_NULL where memory is exhausted or the size is over
 * ::TRI_OBJECT_SIZE_MAX. */
TRI_API tri_ref tri_try_alloc_trailing(tri_mutator *mutator, tri_type *type, size_t count);

/**
 * Give an array of @p element with room for @p count elements that begins with those of @p array:
 * @p array itself where its slot has the room, else a new one with a copy, @p array being left as
 * it is. Words that the array did not have before are zero.
 *
 * The number of elements is the host's to keep: say in @p old_count how many of them are in use.
 * Shrinking clears the elements from @p count on, through the barrier, so that they keep nothing
 * alive.
 *
 * @param array  ::TRI_NULL: as ::tri_alloc_array. It must be held where a safepoint keeps it alive,
 *               until the result is stored.
 *
 * @return, Threads, Safepoint: as ::tri_alloc_array.
 */
TRI_API tri_ref tri_resize_array(tri_mutator *mutator, tri_type *element, tri_ref array,
                                 size_t old_count, size_t count);

TRI_END_DECLS

#endif
