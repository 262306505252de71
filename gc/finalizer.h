/* finalizer.h -- finalizers and cleanups that are attached to objects, and what waits to be run.
 *
 * Who is dead, and in which order the dead are finalized, is finalizer_phase.c's; objects that are
 * finalized by their type are finalized_span.c's; who runs what waits is runtime/finalizers.c.
 */
#ifndef GC_FINALIZER_H
#define GC_FINALIZER_H

#include "gc/finalizer_roots.h"
#include "gc/object.h"

void finalizer_state_init(struct tri_heap *heap);
/* What is attached or waits is dropped. */
void finalizer_state_destroy(struct tri_heap *heap);

/* ---- The host's side: owner of a running mutator only ---------------------------------------- */

/* See the public functions of the same names. place is the object, which the caller holds. */
tri_result finalizer_attach(struct tri_mutator *mutator, const struct object_place *place,
                            tri_finalizer_function *function, void *argument, uint32_t flags);
bool finalizer_detach(struct tri_mutator *mutator, const struct object_place *place);

/* What is to be called for an object when it is gone. */
struct cleanup_call {
    tri_cleanup_function *function;
    void *argument;
    bool is_reference; /* the argument is */
};

/* As tri_cleanup_attach; *cleanup receives what cleanup_stop takes. */
tri_result cleanup_attach(struct tri_mutator *mutator, const struct object_place *place,
                          const struct cleanup_call *call, tri_cleanup *cleanup);
bool cleanup_stop(struct tri_mutator *mutator, tri_cleanup cleanup);

/* Take the next call from those that wait; it is the mutator's from now on. Its reference is also
 * stored into *root, one of the mutator's own roots. False where none waits. No safepoint. */
bool finalizer_take(struct tri_mutator *mutator, struct finalizer_call *call, tri_ref *root);

/* Calls that wait. Any thread. */
static inline uint64_t finalizer_waiting(const struct tri_heap *heap)
{
    return load_relaxed(&heap->finalizers.waiting);
}

/* Let attachment number, of a dead object, wait to be run: a finalizer that was chosen, or a
 * cleanup that is attached. CYCLE held, and FINALIZER. */
void finalizer_queue(struct tri_heap *heap, uint32_t number) LOCK_REQUIRES(heap->finalizers.lock);

#endif
