/* handshake.c -- numbered handshakes, and the hold.
 *
 * Owns:       struct handshake_state; the states of mutators.
 * Idea:       the collector asks each mutator by itself: it sets a bit of the mutator's poll word.
 *             A running mutator that sees it answers at its safepoint, on its own thread, and goes
 *             on; for one that is blocked the collector answers, having taken it for as long. No
 *             mutator waits for another one's answer. A hold takes every mutator and keeps it: for
 *             debugging.
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
 *   [handshake.5] A blocked mutator that a hold wants MUST stay blocked until it was taken and let
 *                 go; otherwise the hold may never catch it. One of which an answer is wanted MUST
 *                 give it when it leaves; otherwise one that is blocked for moments only, and never
 *                 polls, never answers.
 *   [handshake.6] The end of a hold MUST let every thread run that waits for it, before another
 *                 hold begins; otherwise a thread that collects all the time starves the others,
 *                 which wake up to find the next hold begun.
 *   [handshake.7] Each mutator MUST be counted in pending exactly until it has answered or is
 *                 removed, and its poll bit be cleared before that; otherwise the next handshake
 *                 begins without it, or its bit is cleared by the answer to this one.
 *   [handshake.8] HANDSHAKE MUST NOT be held while an answer is given; otherwise a mutator waits
 *                 for the scan of another one's stack.
 * Locks:      HANDSHAKE.
 * Callers:    mutators at safepoints, blocking regions, attach and detach; cycle through port.h.
 */
#include "runtime/handshake.h"

#include "gc/answer.h"
#include "gc/assert.h"
#include "gc/port.h"
#include "runtime/roots.h"
#include "runtime/stall_log.h"

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

bool handshake_begin_single(struct process_heap *heap)
{
    struct handshake_state *handshake = &heap->handshake;
    uint32_t *types = &heap->heap.types.safepoint_only;
    lock_acquire(&handshake->lock);
    bool single = handshake->mutator_count <= 1;
    if (single) {
        store_relaxed(types, load_relaxed(types) + 1);
    }
    lock_release(&handshake->lock);
    return single;
}

void handshake_end_single(struct process_heap *heap)
{
    uint32_t *types = &heap->heap.types.safepoint_only;
    lock_acquire(&heap->handshake.lock);
    store_relaxed(types, load_relaxed(types) - 1);
    lock_release(&heap->handshake.lock);
}

bool handshake_add(struct process_heap *heap, struct process_mutator *mutator)
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
    if (load_relaxed(&heap->heap.types.safepoint_only) != 0 && handshake->mutator_count > 0) {
        lock_release(&handshake->lock);
        return false;
    }
    mutator->waiting = false;
    mutator->held = false;
    mutator->region_seen = 0;
    mutator->answered = handshake->number;
    answer_attach(&mutator->mutator, (enum handshake_kind)handshake->kind);
    mutator->previous = NULL;
    mutator->next = handshake->mutators;
    if (mutator->next != NULL) {
        mutator->next->previous = mutator;
    }
    handshake->mutators = mutator;
    handshake->mutator_count++;
    lock_release(&handshake->lock);
    return true;
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
    if (mutator->answered != handshake->number) {
        handshake->pending--; /* [handshake.7] */
    }
    condition_broadcast(&handshake->changed);
    lock_release(&handshake->lock);
}

/* For handshakedelay=N: sleep for a random time up to that, to give others time for what they
 * should not do between. */
static void delay(const struct tri_heap *heap, uint64_t number)
{
    uint64_t maximum_ns = heap->options.handshake_delay_us * UINT64_C(1000);
    if (TRI_LIKELY(maximum_ns == 0)) {
        return;
    }
    uint64_t x = (uint64_t)port_thread_id() ^ (number * UINT64_C(0x9e3779b97f4a7c15));
    for (unsigned i = 0; i < 3; i++) { /* a xorshift from this thread and this handshake on */
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    port_nap(x % maximum_ns);
}

/* ---- The mutator's side ---------------------------------------------------------------------- */

/* The mutator has answered the handshake [handshake.7]. HANDSHAKE held. */
static void post_answer(struct handshake_state *handshake, struct process_mutator *mutator)
    LOCK_REQUIRES(handshake->lock)
{
    TRI_ASSERT(mutator->answered != handshake->number && handshake->pending > 0);
    /* Pairs with the loads of the poll word in handshake_block and try_unblock. */
    fetch_and_seq_cst(&mutator->mutator.head.poll, ~POLL_HANDSHAKE);
    mutator->answered = handshake->number;
    handshake->pending--;
    if (handshake->pending == 0) {
        condition_broadcast(&handshake->changed);
    }
}

void handshake_answer(struct process_mutator *mutator)
{
    struct tri_heap *heap = mutator->mutator.heap;
    struct handshake_state *handshake = &process_heap_of(heap)->handshake;
    delay(heap, mutator->answered + 1);
    struct stall_times start = stall_begin();
    /* It cannot change before this answer; the poll word's acquire orders it. */
    enum handshake_kind kind = (enum handshake_kind)load_relaxed(&handshake->kind);
    uint64_t waited_ns = start.wall_ns - load_relaxed(&handshake->begun_ns);
    stall_count_to_safepoint(&heap->stalls, waited_ns);
    stall_log_safepoint(heap, kind, waited_ns);
    answer_handshake(&mutator->mutator, kind, true);
    lock_acquire(&handshake->lock);
    post_answer(handshake, mutator);
    lock_release(&handshake->lock);
    answer_count_stall(heap, kind, start);
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

/* True where the mutator is running again. Not while a hold wants it: else a mutator that is
 * blocked for a moment only slips through each time, and the hold waits for ever [handshake.5]. */
static bool try_unblock(struct process_mutator *mutator)
{
    /* Pairs with the exchange in ask. */
    if (load_seq_cst(&mutator->mutator.head.poll) & POLL_HOLD) {
        return false;
    }
    uint32_t expected = MUTATOR_BLOCKED;
    /* [handshake.2]; acquire half: pairs with the release in let_go [handshake.3] */
    return cas_seq_cst(&mutator->state, &expected, (uint32_t)MUTATOR_RUNNING);
}

/* The collector mostly acts for a moment only. */
static bool try_unblock_for_a_while(struct process_mutator *mutator)
{
    for (unsigned spins = 0; spins < UNBLOCK_SPINS; spins++) {
        if (try_unblock(mutator)) {
            return true;
        }
        cpu_relax();
    }
    return false;
}

static void wait_to_unblock(struct process_mutator *mutator)
{
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

void handshake_unblock(struct process_mutator *mutator)
{
    if (!try_unblock(mutator)) {
        struct tri_heap *heap = mutator->mutator.heap;
        struct stall_times start = stall_begin();
        bool held = load_relaxed(&mutator->mutator.head.poll) & POLL_HOLD;
        if (held || !try_unblock_for_a_while(mutator)) {
            wait_to_unblock(mutator);
        }
        (void)stall_end(&heap->stalls, held ? STALL_HOLD : STALL_UNBLOCK, start);
    }
    /* acquire: pairs with the exchange in ask. What its thread published when it became blocked is
     * still there. */
    if (TRI_UNLIKELY(load_acquire(&mutator->mutator.head.poll) & POLL_HANDSHAKE)) {
        handshake_answer(mutator); /* [handshake.5] */
    }
}

/* ---- The collector's side -------------------------------------------------------------------- */

/* Want something of the mutator. HANDSHAKE held. */
static void ask(struct process_mutator *mutator, uint32_t poll)
{
    /* [handshake.1]: pairs with the load in handshake_block; and with the acquires of those who
     * answer, who read the kind. */
    fetch_or_seq_cst(&mutator->mutator.head.poll, poll);
}

/* Take a mutator that is blocked. False where it is running. HANDSHAKE held. */
static bool take(struct process_mutator *mutator)
{
    uint32_t expected = MUTATOR_BLOCKED;
    /* acquire half: pairs with the store in handshake_block [handshake.3] */
    return cas_seq_cst(&mutator->state, &expected, (uint32_t)MUTATOR_TAKEN);
}

/* End what take began. next is MUTATOR_BLOCKED, or MUTATOR_RUNNING for a thread that waits.
 * HANDSHAKE held. */
static void let_go(struct process_mutator *mutator, enum mutator_state next)
{
    TRI_ASSERT(load_relaxed(&mutator->state) == MUTATOR_TAKEN);
    /* release: pairs with the acquire half in try_unblock [handshake.3] */
    store_release(&mutator->state, (uint32_t)next);
}

void port_handshake_begin(struct tri_heap *heap, enum handshake_kind kind)
{
    struct handshake_state *handshake = &process_heap_of(heap)->handshake;
    delay(heap, handshake->number); /* which is written with CYCLE held */
    uint64_t now_ns = port_now_ns();
    if (kind == HANDSHAKE_ROOTS) {
        roots_expect_scan(process_heap_of(heap));
    }
    lock_acquire(&handshake->lock);
    TRI_ASSERT(handshake->pending == 0 && !handshake->holding);
    handshake->number++;
    store_relaxed(&handshake->kind, (uint32_t)kind);
    store_relaxed(&handshake->begun_ns, now_ns);
    handshake->pending = handshake->mutator_count;
    for (struct process_mutator *m = handshake->mutators; m != NULL; m = m->next) {
        ask(m, POLL_HANDSHAKE);
    }
    lock_release(&handshake->lock);
}

/* Answer for a mutator that was taken. HANDSHAKE held, but not meanwhile [handshake.8]. Where it is
 * the calling thread's own, which drives the cycle a step, it is kept from its work by that. */
static void answer_for(struct handshake_state *handshake, struct process_mutator *mutator)
    LOCK_REQUIRES(handshake->lock)
{
    enum handshake_kind kind = (enum handshake_kind)handshake->kind;
    lock_release(&handshake->lock);
    uint64_t start_ns = port_now_ns();
    bool is_own = load_relaxed(&mutator->thread) == port_thread_id();
    answer_handshake(&mutator->mutator, kind, is_own);
    if (is_own) {
        answer_note_stall(mutator->mutator.heap, kind, port_now_ns() - start_ns);
    }
    lock_acquire(&handshake->lock);
    post_answer(handshake, mutator);
    let_go(mutator, MUTATOR_BLOCKED);
    if (mutator->waiting) {
        condition_broadcast(&handshake->changed);
    }
}

bool port_handshake_is_done(struct tri_heap *heap)
{
    struct handshake_state *handshake = &process_heap_of(heap)->handshake;
    lock_acquire(&handshake->lock);
    /* A mutator that is taken stays on the list, so the walk goes on from it. */
    for (struct process_mutator *m = handshake->mutators; m != NULL && handshake->pending > 0;
         m = m->next) {
        if (m->answered != handshake->number && take(m)) {
            answer_for(handshake, m);
        }
    }
    bool done = handshake->pending == 0;
    lock_release(&handshake->lock);
    return done;
}

/* Whether there is a mutator to be answered for. HANDSHAKE held. */
static bool somebody_is_blocked(const struct handshake_state *handshake)
{
    for (const struct process_mutator *m = handshake->mutators; m != NULL; m = m->next) {
        /* Pairs with the store in handshake_block [handshake.1]. */
        if (m->answered != handshake->number && load_seq_cst(&m->state) == MUTATOR_BLOCKED) {
            return true;
        }
    }
    return false;
}

void port_handshake_wait(struct tri_heap *heap)
{
    struct handshake_state *handshake = &process_heap_of(heap)->handshake;
    lock_acquire(&handshake->lock);
    if (handshake->pending > 0 && !somebody_is_blocked(handshake)) {
        condition_wait(&handshake->changed, &handshake->lock);
    }
    lock_release(&handshake->lock);
}

/* ---- Mutators that stay blocked -------------------------------------------------------------- */

/* Mutator was taken. HANDSHAKE held, but not meanwhile [handshake.8]. */
static void rest(struct handshake_state *handshake, struct process_mutator *mutator)
    LOCK_REQUIRES(handshake->lock)
{
    lock_release(&handshake->lock);
    answer_rest(&mutator->mutator);
    store_relaxed(&mutator->region, load_relaxed(&mutator->region) & ~REGION_KEEPS);
    lock_acquire(&handshake->lock);
    let_go(mutator, MUTATOR_BLOCKED);
    /* Its own thread may wait for this, or whoever wants an answer of it, or a hold. */
    if (mutator->waiting || handshake->pending > 0 || handshake->holding) {
        condition_broadcast(&handshake->changed);
    }
}

bool handshake_rest_idle(struct process_heap *heap)
{
    struct handshake_state *handshake = &heap->handshake;
    bool others = false;
    lock_acquire(&handshake->lock);
    /* A mutator that is taken stays on the list, so the walk goes on from it. */
    for (struct process_mutator *m = handshake->mutators; m != NULL; m = m->next) {
        /* Pairs with the store in handshake_block [idle.1]. */
        bool is_blocked = load_seq_cst(&m->state) != MUTATOR_RUNNING;
        uint32_t region = load_relaxed(&m->region);
        if (!is_blocked || !(region & REGION_KEEPS)) {
            continue;
        }
        if (m->region_seen == region && take(m)) {
            rest(handshake, m);
        } else {
            m->region_seen = region;
            others = true;
        }
    }
    lock_release(&handshake->lock);
    return others;
}

/* ---- The hold -------------------------------------------------------------------------------- */

/* Take every mutator that is blocked and not held yet. True where all are held. HANDSHAKE held. */
static bool take_all(struct handshake_state *handshake) LOCK_REQUIRES(handshake->lock)
{
    bool all = true;
    for (struct process_mutator *m = handshake->mutators; m != NULL; m = m->next) {
        if (!m->held) {
            m->held = take(m);
            all = all && m->held;
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
    for (struct process_mutator *m = handshake->mutators; m != NULL; m = m->next) {
        ask(m, POLL_HOLD);
    }
    while (!take_all(handshake)) {
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
        m->held = false;
        /* Pairs with the loads of the poll word in handshake_block and try_unblock. */
        fetch_and_seq_cst(&m->mutator.head.poll, ~POLL_HOLD);
        /* [handshake.6] A thread that waits runs from here on, as far as the next hold is
         * concerned. */
        let_go(m, m->waiting ? MUTATOR_RUNNING : MUTATOR_BLOCKED);
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
