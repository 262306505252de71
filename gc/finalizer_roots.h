/* finalizer_roots.h -- the records of finalizers and cleanups, and what of them are roots. */
#ifndef GC_FINALIZER_ROOTS_H
#define GC_FINALIZER_ROOTS_H

#include "gc/heap_state.h"

/* A call that is to be made: of a finalizer, or of a cleanup. */
struct finalizer_call {
    tri_finalizer_function *finalizer; /* NULL: it is the other one */
    tri_cleanup_function *cleanup;
    void *argument;
    tri_ref reference; /* the object; for a cleanup its argument where that is a reference, else
                          TRI_NULL */
};

/* Attachment number - 1. */
static inline struct attachment *attachment_at(const struct finalizer_state *state, uint32_t number)
{
    return growing_array_at(&state->attachments, number - 1);
}

static inline enum attachment_state attachment_state_of(const struct attachment *attachment)
{
    /* acquire: pairs with the release in set_state of finalizer.c, so that the object and the
     * argument of that state are seen, or later ones */
    return (enum attachment_state)load_acquire(&attachment->state);
}

/* What of attachment is a root in state; 0: nothing. */
uintptr_t attachment_root(const struct attachment *attachment, enum attachment_state state);

/* Record number - 1 of a span whose objects are finalized by their type. */
static inline struct finalized_span *finalized_span_at(const struct finalizer_state *state,
                                                       uint32_t number)
{
    return growing_array_at(&state->spans.records, number - 1);
}

/* The span of record; NULL where that is free. */
static inline struct span *finalized_span_of(const struct tri_heap *heap,
                                             const struct finalized_span *record)
{
    uint32_t page = load_acquire(&record->page); /* pairs with the release in finalized_span_add */
    return page == 0 ? NULL : span_at(&heap->page_heap.spans, page - 1);
}

/* The step of the weak phase that the cycle is at begins, unless it has begun: the record number
 * first is next in it. True where it begins. CYCLE held. */
static inline bool finalizer_begin_step(struct finalizer_state *state, uint32_t first)
{
    if (state->step_has_begun) {
        return false;
    }
    state->step_has_begun = true;
    state->next = first;
    return true;
}

/* Take bytes off *budget. False where nothing is left of that. */
static inline bool finalizer_spend(size_t *budget, size_t bytes)
{
    if (*budget == 0) {
        return false;
    }
    *budget -= size_min(*budget, bytes);
    return true;
}

/* Shade with marker what waits to be run refers to, and the references that cleanups are attached
 * with. Yields the bytes looked at. When all stacks are black, or during a hold. CYCLE held. */
size_t finalizer_scan_roots(struct tri_heap *heap, struct marker *marker);

#endif
