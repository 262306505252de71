/* free_later.c -- blocks of the host's that a trace function may still be reading.
 *
 * Owns:       struct free_later_state.
 * Idea:       a trace function reads the address of a block from its object and then the block,
 *             while a mutator replaces both. So a block that is replaced while a cycle marks goes
 *             onto a list, and is released when marking has ended: whoever traces afterwards reads
 *             the new address.
 * Invariants:
 *   [free_later.1] A block MUST NOT be released between the first answer to handshake settle and
 *                  the end of marking; otherwise a marker, or another mutator in its own answer,
 *                  reads memory that is gone. That this mutator's barrier is off is not enough:
 *                  after its answer to disarm others may still be tracing.
 *   [free_later.2] While the mutator's barrier is on, what the block referred to MUST pass the
 *                  barrier as deleted values; otherwise an object that a black stack has loaded
 *                  from there is lost with the block ([barrier.2]).
 *   [free_later.3] Nothing MUST be recorded or released where the list has no room; otherwise the
 *                  host, which keeps the block, has it released.
 * Locks:      none but META inside the pool: mutators push, and who drives the cycle takes all at
 *             once, so that no entry is ever popped beside another.
 * Callers:    tri_free_later on a mutator's thread; cycle; the end of the heap.
 */
#include "gc/free_later.h"

#include "gc/assert.h"
#include "gc/barrier.h"

void free_later_init(struct tri_heap *heap)
{
    fixed_pool_init(&heap->free_later.pool, &heap->meta, sizeof(struct free_later_block));
}

/* Whether somebody may be tracing, or about to: [free_later.1]. The mutator may see the phase late,
 * but never one from before its own last answer: that was ordered by what it was asked with. So
 * where its barrier is off it has either not yet been armed in this cycle, and nobody traces before
 * it is; or it has answered disarm, and sees that phase or a later one. */
static bool may_be_traced(const struct tri_mutator *mutator)
{
    /* acquire: pairs with the release in enter_phase of cycle.c, which the markers' last loads come
     * before */
    uint32_t phase = load_acquire(&mutator->heap->cycle.phase);
    return barrier_is_on(mutator) || (phase > CYCLE_ARM && phase < CYCLE_RELEASE);
}

static void push(struct free_later_state *state, struct free_later_block *block)
{
    struct free_later_block *first = load_relaxed(&state->blocks);
    do {
        block->next = first;
        /* release half: pairs with the exchange in free_later_run */
    } while (!cas_weak_acq_rel(&state->blocks, &first, block));
}

bool free_later(struct tri_mutator *mutator, const struct free_later_block *block,
                const uintptr_t *words, size_t count)
{
    struct free_later_state *state = &mutator->heap->free_later;
    if (!may_be_traced(mutator)) {
        block->release(block->block, block->argument);
        return true;
    }
    struct free_later_block *kept = fixed_pool_take(&state->pool);
    if (kept == NULL) {
        return false; /* [free_later.3] */
    }
    *kept = *block;
    if (barrier_is_on(mutator)) {
        barrier_deleted(mutator, words, count); /* [free_later.2] */
    }
    push(state, kept);
    return true;
}

void free_later_run(struct tri_heap *heap)
{
    struct free_later_state *state = &heap->free_later;
    /* acquire half: pairs with the exchange in push */
    struct free_later_block *block =
        exchange_acq_rel(&state->blocks, (struct free_later_block *)NULL);
    while (block != NULL) {
        struct free_later_block *next = block->next;
        block->release(block->block, block->argument);
        fixed_pool_give(&state->pool, block);
        block = next;
    }
}

void free_later_destroy(struct tri_heap *heap)
{
    free_later_run(heap);
}
