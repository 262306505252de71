/* barrier_verify.c -- the shadow of the heap, and the comparison with it.
 *
 * Owns:       struct barrier_verify_state.
 * Idea:       only what makes a difference to the collector is reported: a slot that its type's
 *             layout calls a reference, where the word there, or the one that should be, refers
 *             into the heap. So a host may write numbers into its values as it likes.
 * Invariants:
 *   [barrier_verify.1] The shadow of a slot MUST be written together with the slot, under the
 *                      slot's stripe; otherwise two threads that store into one slot leave the
 *                      value of one there and that of the other in the shadow, and are accused.
 *   [barrier_verify.2] The shadow of a slot of memory MUST be zero when it becomes an object;
 *                      otherwise the words of the object before count as this one's.
 *   [barrier_verify.3] No store MUST be half done while slots are compared; otherwise its slot and
 *                      its shadow differ for a moment. So the heap is held, and a store has no
 *                      safepoint in it.
 * Locks:      SHADOW for a store; PAGES where the shadow grows.
 * Callers:    barrier; alloc and large for fresh memory; cycle for the check.
 */
#include "gc/barrier_verify.h"

#include <string.h>

#include "gc/assert.h"
#include "gc/port.h"
#include "gc/slot.h"

bool barrier_verify_init(struct tri_heap *heap)
{
    struct barrier_verify_state *state = &heap->barrier_verify;
    if (!barrier_verify_is_on(heap)) {
        return true;
    }
    if (!side_table_init(&state->shadow, PAGE_BYTES, address_space_pages(&heap->page_heap.space),
                         "trillium metadata: shadow")) {
        return false;
    }
    for (size_t i = 0; i < SHADOW_STRIPES; i++) {
        lock_init(&state->stripes[i], LOCK_SHADOW);
    }
    mark_stack_init(&state->written, &heap->mark.segments);
    return true;
}

void barrier_verify_destroy(struct tri_heap *heap)
{
    struct barrier_verify_state *state = &heap->barrier_verify;
    if (barrier_verify_is_on(heap)) {
        for (size_t i = 0; i < SHADOW_STRIPES; i++) {
            lock_destroy(&state->stripes[i]);
        }
        side_table_destroy(&state->shadow);
    }
}

/* ---- The shadow ------------------------------------------------------------------------------ */

/* Let the shadow reach as far as the heap has grown. Where the system gives no memory for that, it
 * is of no use any more: what is stored meanwhile would be missing later on. */
static void grow(struct tri_heap *heap)
{
    struct barrier_verify_state *state = &heap->barrier_verify;
    struct lock *lock = &heap->page_heap.pages.lock;
    lock_acquire(lock);
    size_t bytes = heap->page_heap.space.grown;
    bool grown = side_table_extend(&state->shadow, bytes / PAGE_BYTES);
    if (grown) {
        /* release: pairs with the acquire in shadow_of */
        store_release(&state->bytes, bytes);
    }
    lock_release(lock);
    if (!grown && exchange_acq_rel(&state->is_void, 1U) == 0) { /* pairs with nothing: a flag */
        port_log(heap, "trillium: barrierverify: no memory for the shadow of the heap; stores go "
                       "unchecked from now on");
    }
}

/* Where the shadow of the heap's memory at address is; NULL where that is no object's. */
static uintptr_t *shadow_of(const struct tri_heap *heap, const void *address)
{
    const struct barrier_verify_state *state = &heap->barrier_verify;
    size_t offset = (uintptr_t)address - heap->page_heap.space.base;
    /* acquire: pairs with the release in grow */
    if (offset >= load_acquire(&state->bytes) || !is_aligned(offset, WORD_BYTES)) {
        return NULL;
    }
    return (uintptr_t *)(void *)(state->shadow.base + offset);
}

void barrier_verify_fresh(struct tri_heap *heap, const char *memory, size_t bytes)
{
    const char *last = memory + bytes - WORD_BYTES;
    if (shadow_of(heap, last) == NULL) {
        grow(heap);
    }
    if (shadow_of(heap, last) != NULL) {
        memset(shadow_of(heap, memory), 0, bytes); /* [barrier_verify.2] */
    }
}

void barrier_verify_span(struct tri_heap *heap, const struct span *span)
{
    for (uint32_t slot = 0; slot < span->slots; slot++) {
        if (!span_is_allocated(span, slot)) {
            barrier_verify_fresh(heap, span_slot_address(&heap->page_heap.spans, span, slot),
                                 span->slot_bytes);
        }
    }
}

/* ---- Stores ---------------------------------------------------------------------------------- */

static struct lock *stripe_of(struct tri_heap *heap, const void *slot)
{
    return &heap->barrier_verify.stripes[(uintptr_t)slot / WORD_BYTES % SHADOW_STRIPES];
}

void barrier_verify_store(struct tri_heap *heap, void *slot, uintptr_t word)
{
    uintptr_t *shadow = shadow_of(heap, slot);
    struct lock *stripe = stripe_of(heap, slot);
    lock_acquire(stripe); /* [barrier_verify.1] */
    if (shadow != NULL) {
        *shadow = word;
    }
    /* release: pairs with the dependent load of a marker that follows the word */
    store_release((tri_aliased_word *)slot, word);
    lock_release(stripe);
}

bool barrier_verify_cas(struct tri_heap *heap, void *slot, uintptr_t *expected, uintptr_t desired)
{
    uintptr_t *shadow = shadow_of(heap, slot);
    struct lock *stripe = stripe_of(heap, slot);
    lock_acquire(stripe); /* [barrier_verify.1] */
    /* pairs with other threads' stores to and loads of the slot */
    bool replaced = cas_seq_cst((tri_aliased_word *)slot, expected, desired);
    if (replaced && shadow != NULL) {
        *shadow = desired;
    }
    lock_release(stripe);
    return replaced;
}

void barrier_verify_written(struct tri_heap *heap, const void *object)
{
    struct barrier_verify_state *state = &heap->barrier_verify;
    struct lock *lock = &state->stripes[0];
    lock_acquire(lock);
    if (!mark_stack_push(&state->written, (uintptr_t)object)) {
        state->forgot = true;
    }
    lock_release(lock);
}

/* ---- The check ------------------------------------------------------------------------------- */

/* What is in the object now is right. */
static void accept(const struct tri_heap *heap, const char *object, size_t bytes)
{
    memcpy(shadow_of(heap, object), object, bytes / WORD_BYTES * WORD_BYTES);
}

void barrier_verify_begin(struct tri_heap *heap)
{
    struct barrier_verify_state *state = &heap->barrier_verify;
    struct object_place place;
    uintptr_t address;
    state->accepting = state->forgot;
    state->forgot = false;
    while (mark_stack_pop(&state->written, &address)) {
        bool is_void = load_relaxed(&state->is_void) != 0;
        if (!is_void && object_find(heap, address, &place)) {
            accept(heap, place.object, place.bytes);
        }
    }
}

TRI_COLD TRI_NORETURN static void found_store(const char *object, const tri_type *type,
                                              size_t offset, uintptr_t old, uintptr_t now)
{
    fatal("barrierverify: a store without barrier into an object of type %s at %p: its slot at "
          "offset "
          "%zu holds %#jx, and %#jx was the last word stored there with the barrier.\n"
          "Store references by tri_store or its kin (tri_init where it is the first store into a "
          "fresh object), or call tri_written before the store.",
          type->name, (const void *)object, offset, (uintmax_t)now, (uintmax_t)old);
}

void barrier_verify_object(tri_ref object, tri_type *type, size_t bytes, void *argument)
{
    const struct tri_heap *heap = argument;
    if (!type->scannable || load_relaxed(&heap->barrier_verify.is_void) != 0) {
        return;
    }
    if (heap->barrier_verify.accepting) {
        accept(heap, object, bytes);
        return;
    }
    const tri_aliased_word *words = (const tri_aliased_word *)object;
    const uintptr_t *shadow = shadow_of(heap, object);
    for (size_t i = 0; i < bytes / WORD_BYTES; i++) {
        uintptr_t now = load_relaxed(&words[i]); /* [barrier_verify.3] */
        if (TRI_LIKELY(now == shadow[i])) {
            continue;
        }
        struct slot slot = slot_at(type, bytes, i * WORD_BYTES);
        if (slot_target(heap, slot, now) != 0 || slot_target(heap, slot, shadow[i]) != 0) {
            found_store(object, type, i * WORD_BYTES, shadow[i], now);
        }
    }
}
