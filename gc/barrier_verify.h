/* barrier_verify.h -- barrierverify=1: stores that were made without the barrier.
 *
 * A shadow of the heap, word for word, has what was last stored with the barrier. In this mode the
 * barrier flag of every mutator is never 0, so that every store takes the slow path, which writes
 * the shadow too. A slot that differs from its shadow was written by something else.
 */
#ifndef GC_BARRIER_VERIFY_H
#define GC_BARRIER_VERIFY_H

#include "gc/heap_state.h"

/* In a heap of TRI_BARRIER_INSERTION most stores have no barrier, and need none. */
static inline bool barrier_verify_is_on(const struct tri_heap *heap)
{
    return heap->options.barrier_verify && heap->options.barrier == TRI_BARRIER_HYBRID;
}

/* Where the mode is on: reserve the shadow. False where there is no address space for it. */
bool barrier_verify_init(struct tri_heap *heap);
void barrier_verify_destroy(struct tri_heap *heap);

/* Memory of the heap, or the free slots of span, which the caller owns, are about to become
 * objects, all zero. */
void barrier_verify_fresh(struct tri_heap *heap, const char *memory, size_t bytes);
void barrier_verify_span(struct tri_heap *heap, const struct span *span);

/* Store word, or compare and store it, into slot and its shadow; slot may be a global one, which
 * has none. For the other threads it is one step. */
void barrier_verify_store(struct tri_heap *heap, void *slot, uintptr_t word);
bool barrier_verify_cas(struct tri_heap *heap, void *slot, uintptr_t *expected, uintptr_t desired);

/* The host says that it writes object without naming its slots: until the next check anything is
 * right. */
void barrier_verify_written(struct tri_heap *heap, const void *object);

/* Begin a check of the held heap. Then call the other, which is for verify_each_object, for each of
 * its objects: the first slot that differs ends the process. */
void barrier_verify_begin(struct tri_heap *heap);
void barrier_verify_object(tri_ref object, tri_type *type, size_t bytes, void *heap);

#endif
