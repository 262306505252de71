/* handshake.c -- numbered handshakes, and the hold, which is one whose answer lasts.
 *
 * Owns:       struct handshake_state; the states of mutators.
 * Idea:       the collector asks each mutator by itself: it sets the mutator's poll word, and takes
 *             it as soon as it is blocked. A running mutator that sees the word becomes blocked at
 *             its safepoint, is taken, and runs on when it is let go. No mutator waits for another
 *             one's answer.
 * Invariants:
 *   [handshake.1] A mutator that becomes blocked after it was asked MUST tell the collector;
 *                 otherwise both sleep for ever. The mutator writes its state and then reads the
 *                 poll word, the collector writes the poll word and then reads the state, all
 *                 sequentially consistent: at least one sees the other's write (Note [N2 state and
 *                 poll]).
 *   [handshake.2] A mutator MUST leave MUTATOR_BLOCKED by compare-and-swap; otherwise it runs while
 *                 the collector acts for it.
 *   [handshake.3] What the mutator wrote before it became blocked MUST be visible to whoever takes
 *                 it, and back; otherwise its roots are read half written. The compare-and-swaps of
 *                 the state order both.
 *   [handshake.4] Attaching MUST wait while the heap is held; otherwise a mutator runs that the
 *                 hold has not counted.
 *   [handshake.5] A blocked mutator of which an answer is wanted MUST stay blocked until it was
 *                 taken and let go; otherwise the hold may never catch it.
 *   [handshake.6] The end of a hold MUST let every thread run that waits for it, before another
 *                 hold begins; otherwise a thread that collects all the time starves the others,
 *                 which wake up to find the next hold begun.
 * Locks:      HANDSHAKE.
 * Callers:    mutators at safepoints, blocking regions, attach and detach; cycle through port.h.
 */
#include "runtime/handshake.h"

#include "gc/assert.h"
#include "gc/port.h"

void handshake_state_init(struct handshake_state *handshake)
{
    lock_init(&handshake->lock, LOCK_HANDSHAKE);
    condition_init(&handshake->changed);
}

void handshake_state_destroy(struct handshake_state *handshake)
{
    condition_destroy(&handshake->changed);
    lock_destroy(&handshake->lock);
}

void handshake_add(struct process_heap *heap, struct process_mutator *mutator)
{
    struct handshake_state *handshake = &heap->handshake;
    lock_acquire(&handshake->lock);
    if (handshake->holding) { /* [handshake.4] */
        handshake->attaching++;
        while (handshake->holding) {
            condition_wait(&handshake->changed, &handshake->lock);
        }
        handshake->attaching--;
        condition_broadcast(&handshake->changed); /* [handshake.6] */
    }
    mutator->waiting = false;
    mutator->answered = handshake->number;
    mutator->previous = NULL;
    mutator->next = handshake->mutators;
    if (mutator->next != NULL) {
        mutator->next->previous = mutator;
    }
    handshake->mutators = mutator;
    handshake->mutator_count++;
    lock_release(&handshake->lock);
}

void handshake_remove(struct process_heap *heap, struct process_mutator *mutator)
{
    struct handshake_state *handshake = &heap->handshake;
    lock_acquire(&handshake->lock);
    TRI_ASSERT(handshake_is_running(mutator));
    if (mutator->previous != NULL) {
        mutator->previous->next = mutator->next;
    } else {
        handshake->mutators = mutator->next;
    }
    if (mutator->next != NULL) {
        mutator->next->previous = mutator->previous;
    }
    handshake->mutator_count--;
    mutator->next = NULL;
    mutator->previous = NULL;
    condition_broadcast(&handshake->changed);
    lock_release(&handshake->lock);
}

/* Wake whoever waits for a change of this mutator's state. */
static void tell(struct process_mutator *mutator)
{
    struct handshake_state *handshake = &process_heap_of(mutator->mutator.heap)->handshake;
    lock_acquire(&handshake->lock);
    condition_broadcast(&handshake->changed);
    lock_release(&handshake->lock);
}

void handshake_block(struct process_mutator *mutator)
{
    TRI_ASSERT(handshake_is_running(mutator));
    /* [handshake.1]; its release half pairs with the acquire half of the exchange in take
     * [handshake.3] */
    store_seq_cst(&mutator->state, (uint32_t)MUTATOR_BLOCKED);
    if (load_seq_cst(&mutator->mutator.head.poll) != 0) { /* pairs with the store in ask */
        tell(mutator);
    }
}

/* True where the mutator is running again. Not while an answer is wanted of it: else a mutator that
 * is blocked for a moment only slips through each time, and the collector waits for ever
 * [handshake.5]. */
static bool try_unblock(struct process_mutator *mutator)
{
    if (load_seq_cst(&mutator->mutator.head.poll) != 0) { /* pairs with the store in ask */
        return false;
    }
    uint32_t expected = MUTATOR_BLOCKED;
    /* [handshake.2]; acquire half: pairs with the release in let_go [handshake.3] */
    return cas_seq_cst(&mutator->state, &expected, (uint32_t)MUTATOR_RUNNING);
}

void handshake_unblock(struct process_mutator *mutator)
{
    if (try_unblock(mutator)) {
        return;
    }
    struct handshake_state *handshake = &process_heap_of(mutator->mutator.heap)->handshake;
    lock_acquire(&handshake->lock);
    /* let_go may have done it already [handshake.6]; the lock orders what it wrote. */
    while (!handshake_is_running(mutator) && !try_unblock(mutator)) {
        mutator->waiting = true;
        condition_wait(&handshake->changed, &handshake->lock);
    }
    mutator->waiting = false;
    lock_release(&handshake->lock);
}

/* Want an answer of the mutator. HANDSHAKE held. */
static void ask(struct process_mutator *mutator)
{
    /* [handshake.1]: pairs with the load in handshake_block */
    store_seq_cst(&mutator->mutator.head.poll, 1U);
}

/* Take a mutator that is blocked. False where it is running. HANDSHAKE held. */
static bool take(struct process_mutator *mutator)
{
    uint32_t expected = MUTATOR_BLOCKED;
    /* acquire half: pairs with the store in handshake_block [handshake.3] */
    return cas_seq_cst(&mutator->state, &expected, (uint32_t)MUTATOR_TAKEN);
}

/* HANDSHAKE held. */
static void let_go(struct process_mutator *mutator)
{
    TRI_ASSERT(load_relaxed(&mutator->state) == MUTATOR_TAKEN);
    store_relaxed(&mutator->mutator.head.poll, 0U);
    /* [handshake.6] A thread that waits runs from here on, as far as the next hold is concerned. */
    uint32_t state = mutator->waiting ? MUTATOR_RUNNING : MUTATOR_BLOCKED;
    /* release: pairs with the acquire half in try_unblock [handshake.3] */
    store_release(&mutator->state, state);
}

/* Take every mutator that is blocked and has not answered. True where all have answered. HANDSHAKE
 * held. */
static bool collect_answers(struct handshake_state *handshake) LOCK_REQUIRES(handshake->lock)
{
    bool all = true;
    for (struct process_mutator *m = handshake->mutators; m != NULL; m = m->next) {
        if (m->answered != handshake->number) {
            if (take(m)) {
                m->answered = handshake->number;
            } else {
                all = false;
            }
        }
    }
    return all;
}

void port_hold_begin(struct tri_heap *heap)
{
    struct handshake_state *handshake = &process_heap_of(heap)->handshake;
    lock_acquire(&handshake->lock);
    TRI_ASSERT(!handshake->holding);
    while (handshake->attaching > 0) { /* [handshake.6] */
        condition_wait(&handshake->changed, &handshake->lock);
    }
    handshake->holding = true;
    handshake->number++;
    for (struct process_mutator *m = handshake->mutators; m != NULL; m = m->next) {
        ask(m);
    }
    while (!collect_answers(handshake)) {
        condition_wait(&handshake->changed, &handshake->lock);
    }
    lock_release(&handshake->lock);
}

void port_hold_end(struct tri_heap *heap)
{
    struct handshake_state *handshake = &process_heap_of(heap)->handshake;
    lock_acquire(&handshake->lock);
    TRI_ASSERT(handshake->holding);
    handshake->holding = false;
    for (struct process_mutator *m = handshake->mutators; m != NULL; m = m->next) {
        let_go(m);
    }
    condition_broadcast(&handshake->changed);
    lock_release(&handshake->lock);
}

void port_each_mutator(struct tri_heap *heap,
                       void (*function)(struct tri_mutator *mutator, void *argument),
                       void *argument)
{
    /* Plain: during a hold the list does not change. */
    struct handshake_state *handshake = &process_heap_of(heap)->handshake;
    for (struct process_mutator *m = handshake->mutators; m != NULL; m = m->next) {
        function(&m->mutator, argument);
    }
}
