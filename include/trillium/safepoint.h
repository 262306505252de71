/**
 * @file safepoint.h
 * Where the collector may reach a mutator: safepoints, and regions in which it need not wait for
 * it.
 */
#ifndef TRILLIUM_SAFEPOINT_H
#define TRILLIUM_SAFEPOINT_H

#include <trillium/detail/mutator_layout.h>

TRI_BEGIN_DECLS

/** The slow half of ::tri_safepoint. */
TRI_API TRI_NOINLINE void tri_safepoint_slow_(tri_mutator *mutator);

/**
 * Answer the collector if it asked. Call it in loops that do not allocate: at backward jumps and at
 * calls of a virtual machine. All references of this mutator must be findable here: in frames, in
 * what its scanner reports, in the heap.
 *
 * Threads: the mutator's own, running.
 * Cost:    one load and one branch when nobody asked.
 */
TRI_INLINE void tri_safepoint(tri_mutator *mutator)
{
    const struct tri_mutator_head_ *head = (const struct tri_mutator_head_ *)(const void *)mutator;
    if (TRI_UNLIKELY(TRI_LOAD_RELAXED(&head->poll) != 0)) {
        tri_safepoint_slow_(mutator);
    }
}

/**
 * From here to ::tri_blocking_end this thread does not touch the heap: no allocation, no store, no
 * load of a slot, no other call on this mutator. Put it around everything that may sleep: read(), a
 * lock that another mutator may hold, a call of unknown length. The collector acts for the mutator
 * meanwhile and never waits for it. Regions do not nest.
 *
 * Where it lasts, some 50 to 100 ms, and the heap has other mutators, the memory that this one
 * keeps to allocate from goes back to the heap; so threads that wait cost little more than their
 * stacks.
 *
 * Threads:   the mutator's own, running.
 * Safepoint: yes. All references must be findable, as at ::tri_safepoint.
 * Cost:      two atomic operations a pair.
 */
TRI_API void tri_blocking_begin(tri_mutator *mutator);

/** End the region. Waits only while the collector is acting for just this mutator, or the heap is
 * held. */
TRI_API void tri_blocking_end(tri_mutator *mutator);

TRI_END_DECLS

#endif
