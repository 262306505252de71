/* idle.c -- mutators that stay blocked give back what they keep.
 *
 * Owns:       struct idle_state.
 * Idea:       a mutator keeps spans, pages and pooled objects so as to be quick. A thread that
 *             waits for work for long has no use of them; a thousand of them keep memory for a
 *             thousand. A mutator that becomes blocked only counts its region, and looks whether it
 *             is watched. The collector's thread looks some time later, and once more, and acts for
 *             those that are still in the region that it saw. It looks again only where somebody is
 *             left whom it may have to act for.
 * Invariants:
 *   [idle.1] A mutator that is blocked and keeps something MUST be watched; otherwise it keeps that
 *            until the next cycle, which may never come. The looker says that nobody watches and
 *            then reads the mutators' states, a mutator writes its state and then reads whether it
 *            is watched, all sequentially consistent: at least one sees the other's write.
 *   [idle.2] Nobody MUST be watched where there is nothing to give; otherwise the process does not
 *            rest ([workers.6]).
 * Locks:      HANDSHAKE inside handshake.c.
 * Callers:    safepoints; the collector's thread.
 *
 * A heap with a single mutator is left alone: what one thread keeps is little, and a program with
 * one thread shall not have another for that. A heap without threads of its own has nobody to look;
 * there the collector acts for blocked mutators in its cycles only.
 */
#include "runtime/idle.h"

#include "gc/port.h"
#include "gc/tuning.h"
#include "runtime/handshake.h"

void idle_init(struct process_heap *heap)
{
    store_relaxed(&heap->idle.watching, heap->heap.options.markers == 0 ? 1U : 0U);
    store_relaxed(&heap->idle.due_ns, UINT64_MAX);
}

void idle_watch(struct process_heap *heap)
{
    store_relaxed(&heap->idle.due_ns, port_now_ns() + IDLE_LOOK_NS);
    store_relaxed(&heap->idle.watching, 1U);
}

uint64_t idle_due_ns(const struct process_heap *heap)
{
    return load_relaxed(&heap->idle.due_ns);
}

void idle_look(struct process_heap *heap)
{
    if (port_now_ns() < idle_due_ns(heap)) {
        return;
    }
    store_relaxed(&heap->idle.due_ns, UINT64_MAX);
    /* pairs with the load in idle_is_unwatched [idle.1] */
    store_seq_cst(&heap->idle.watching, 0U);
    if (handshake_rest_idle(heap)) { /* [idle.2] */
        idle_watch(heap);
    }
}
