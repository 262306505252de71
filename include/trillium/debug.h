/**
 * @file debug.h
 * Costly and sharp tools: for tests of Trillium and of hosts. Not included by trillium.h.
 */
#ifndef TRILLIUM_DEBUG_H
#define TRILLIUM_DEBUG_H

#include <trillium/heap.h>

TRI_BEGIN_DECLS

/**
 * Hold all mutators and check every structure of the heap: spans, bitmaps, counts, page heap,
 * central lists. The first breach ends the process with a message that says which invariant, where,
 * and what was found.
 *
 * Threads: the mutator's own, running.  Cost: a walk over the heap's metadata.
 */
TRI_API void tri_debug_verify(tri_mutator *mutator);

/**
 * Hold all other mutators at their safepoints until ::tri_debug_release. The caller must not
 * allocate or collect meanwhile, in no heap.
 *
 * Threads: the mutator's own, running.
 */
TRI_API void tri_debug_hold(tri_mutator *mutator);

/** End the hold. Threads: the one that began it. */
TRI_API void tri_debug_release(tri_mutator *mutator);

/**
 * Call @p function for every object that was allocated and not yet swept, in address order, during
 * a hold. Objects that became unreachable since the last cycle are among them: collect first to see
 * only the live.
 *
 * Threads: the one that holds.
 */
TRI_API void tri_debug_each_object(tri_mutator *mutator, tri_object_function *function,
                                   void *argument);

TRI_END_DECLS

#endif
