/* stack.c -- coroutines' stacks: which one a mutator runs on, and whether it is grey or black.
 *
 * Owns:       struct tri_stack; which stack is a mutator's current one; the frames of those that
 *             are not.
 * Idea:       a stack is black in the cycle whose number it keeps, and grey in all others, so
 *             nothing is done to it when a cycle begins or ends. Who has a stack has its state
 *             taken from PARKED: the mutator that runs on it, or the collector while it scans it.
 *             All else about a stack is changed by who has it, without a lock; only the list of all
 *             stacks has one.
 * Invariants:
 *   [stack.1] A stack MUST be scanned only by who has it; otherwise its mutator changes it
 *             meanwhile.
 *   [stack.2] The current stack of a mutator whose own roots are black MUST be black; otherwise its
 *             stores, which record no new values any more, hide what they take from that stack.
 *   [stack.3] A stack that a grey mutator takes MUST turn grey; otherwise what that mutator moves
 *             onto it is scanned by nobody.
 *   [stack.4] From the begin of handshake roots on, a grey stack that is parked MUST be scanned
 *             before it changes or ends, whoever takes it; otherwise what a black mutator has read
 *             there is lost when a grey one pops it.
 *   [stack.5] After the scan of the parked stacks none MUST be grey but, in insertion mode, current
 *             ones; otherwise nobody scans it. Hence a stack is scanned when a mutator creates it
 *             that may do so after that scan, and in insertion mode also when it is parked.
 *   [stack.6] Frames MUST name the mutator that their stack is current for; otherwise the end of a
 *             frame pops another mutator's.
 *   [stack.7] Whoever takes a stack off the list MUST move the collector's cursor on; otherwise the
 *             scan goes on from memory that is another stack's.
 *   [stack.8] A scan of the held heap MUST leave colours alone; otherwise one that only checks, and
 *             marks nothing, turns a stack black, in this cycle or in the one about to begin.
 * Locks:      ROOTS for the list. It is not held while a host's function is called.
 * Callers:    the public entry points and detach, on the mutator's thread; roots.c for the
 *             collector.
 *
 * Why no object is lost when coroutines migrate (TRI_BARRIER_HYBRID)
 *
 * Call P the stacks that are parked and grey. What holds from the first answer to handshake roots
 * until marking ends is
 *
 *   (I) a white object that a black mutator's own roots, a black stack or a black object refers to
 *        can be reached by way of white objects from a grey object, from a global slot or handle
 *        not yet scanned, or from a stack in P.
 *
 * Grey mutators and the stacks they run on are not among these sources: they pop without a barrier.
 * It holds when handshake roots begins, because nothing is black but objects whose references all
 * were stored under a barrier that shades new values. What can break it, and why it does not:
 *
 *   - a heap or global slot is overwritten: the old value is shaded (rule 1 of
 *     docs/correctness.md);
 *   - a grey mutator stores: the new value is shaded. A black one does: it had that value from its
 *     own roots or its current stack, which is black [stack.2], from a parked stack, or from the
 *     heap by way of these; so (I) held for the value already;
 *   - a grey mutator parks its stack: it joins P. A black one does: black stays black, since what
 *     is on it came from where (I) holds;
 *   - a black mutator takes a stack in P: it is scanned first and what it held is grey. It leaves
 *     P, and nothing depended on it that is still white. The collector's scan does the same;
 *   - a grey mutator takes a stack in P, which it may then change without a barrier: as before, but
 *     it stays grey [stack.4]. Before handshake roots begins there is no black mutator that could
 *     have read there, so nothing is scanned. That a mutator sees the phase late does not matter:
 *     who relies on having read a parked stack has ordered that before the stack is taken, and its
 *     own answer to handshake roots before that;
 *   - a grey mutator takes a black stack: it is grey from here on [stack.3]. Nothing is required of
 *     a grey stack; when it is parked, it joins P; when it is current, it is scanned in the
 *     mutator's answer to handshake roots, which comes;
 *   - a stack ends: as when it is taken [stack.4].
 *
 * In the end all have answered, so no mutator is grey, and the collector has scanned all of P, to
 * which nothing is added any more: then (I) is the usual invariant.
 *
 * With TRI_BARRIER_INSERTION no stack need ever be black while its mutator runs: what is current is
 * scanned at each handshake flush. An object that moves from stack to stack is in the last one's
 * scan: each of these was scanned when it was parked, since its last change [stack.5], or is
 * current, and its mutator has still to answer twice before marking ends.
 */
#include "runtime/stack.h"

#include "gc/assert.h"
#include "gc/barrier.h"
#include "gc/mark.h"
#include "gc/port.h"

/* ---- Colours --------------------------------------------------------------------------------- */

/* The number of the cycle that is under way: its stores into count come between cycles, and the
 * handshakes order them. */
static uint64_t cycle_number(const struct tri_heap *heap)
{
    return load_relaxed(&heap->cycle.count) + 1;
}

static bool is_black(const struct tri_stack *stack)
{
    return stack->scanned == cycle_number(stack->heap);
}

static void turn_black(struct tri_stack *stack)
{
    stack->scanned = cycle_number(stack->heap);
}

/* Handshake roots has begun and marking is not over, as far as the mutator knows; only between the
 * two is anything shaded here. */
static bool is_marking(const struct tri_mutator *mutator)
{
    /* acquire: pairs with the release in enter_phase of cycle.c. A mutator whose barrier is on does
     * not see a phase of the cycle before. */
    return barrier_is_on(mutator) && load_acquire(&mutator->heap->cycle.phase) >= CYCLE_ROOTS;
}

/* Whether a stack that the mutator runs on is black [stack.2] [stack.3]. */
static bool runs_black(const struct tri_mutator *mutator)
{
    return barrier_mode_of(mutator) == BARRIER_BLACK;
}

static bool is_insertion(const struct tri_mutator *mutator)
{
    return barrier_mode_of(mutator) == BARRIER_INSERTION;
}

/* ---- Scanning -------------------------------------------------------------------------------- */

/* Frames lie on the C stack, their slots behind them: see TRI_FRAME. */
static size_t report_frames(const struct tri_frame_ *frames, struct marker *marker)
{
    size_t bytes = 0;
    for (const struct tri_frame_ *f = frames; f != NULL; f = f->previous) {
        const tri_ref *slots = (const tri_ref *)(const void *)(f + 1);
        for (size_t i = 0; i < f->count; i++) {
            shade(marker, (uintptr_t)slots[i]);
        }
        bytes += sizeof *f + f->count * sizeof slots[0];
    }
    return bytes;
}

static void report_words(struct tri_stack *stack, struct marker *marker)
{
    if (stack->function != NULL) {
        stack->function(visitor_of(marker), stack, stack->argument);
    }
}

/* The stack's frames are its own, not yet or no longer the mutator's. */
static size_t report(struct tri_stack *stack, struct marker *marker)
{
    size_t bytes = report_frames(stack->frames, marker);
    report_words(stack, marker);
    return bytes;
}

/* The mutator, which has the stack, scans it. */
static void scan(struct tri_mutator *mutator, struct tri_stack *stack)
{
    struct tri_heap *heap = mutator->heap;
    struct stall_times start = stall_begin();
    mark_refresh(heap, &mutator->marker);
    size_t bytes = report(stack, &mutator->marker);
    turn_black(stack);
    fetch_add_relaxed(&heap->mark.stack_bytes, (uint64_t)bytes);
    mutator->made_grey |= mark_publish(heap, &mutator->marker);
    (void)stall_end(&heap->stalls, STALL_STACK, start);
}

/* [stack.4] [stack.5] */
static void scan_if_grey(struct tri_mutator *mutator, struct tri_stack *stack)
{
    if (is_marking(mutator) && !is_black(stack)) {
        scan(mutator, stack);
    }
}

size_t stack_report_current(struct process_mutator *mutator, struct marker *marker)
{
    size_t bytes = report_frames(mutator->mutator.head.frames, marker);
    if (mutator->current != NULL) {
        bytes += report_frames(mutator->own_frames, marker);
        report_words(mutator->current, marker);
        if (marker == &mutator->mutator.marker) { /* [stack.8] else the heap is held */
            turn_black(mutator->current);
        }
    }
    return bytes;
}

/* ---- Having a stack -------------------------------------------------------------------------- */

/* From PARKED to next; false where somebody else has the stack. */
static bool try_take(struct tri_stack *stack, enum stack_state next)
{
    uint32_t expected = STACK_PARKED;
    /* acquire half: pairs with the release in give_back: what the last one who had it wrote is
     * seen */
    return cas_acq_rel(&stack->state, &expected, (uint32_t)next);
}

static void give_back(struct tri_stack *stack)
{
    TRI_ASSERT(load_relaxed(&stack->state) != STACK_PARKED);
    /* release: pairs with the acquire half in try_take */
    store_release(&stack->state, (uint32_t)STACK_PARKED);
}

/* Wait while the collector scans the stack. It does not wait for this mutator meanwhile: no
 * handshake is under way. */
TRI_COLD static void wait_to_take(struct tri_heap *heap, struct tri_stack *stack, const char *call)
{
    struct stall_times start = stall_begin();
    for (unsigned spins = 0; !try_take(stack, STACK_CURRENT); spins++) {
        TRI_REQUIRE(
            load_relaxed(&stack->state) != STACK_CURRENT,
            "%s: the stack %p is current for a mutator; let that one switch away from it first",
            call, (void *)stack);
        if (spins < UNBLOCK_SPINS) {
            cpu_relax();
        } else {
            port_yield();
        }
    }
    (void)stall_end(&heap->stalls, STALL_STACK, start);
}

static void take(struct tri_heap *heap, struct tri_stack *stack, const char *call)
{
    if (!try_take(stack, STACK_CURRENT)) {
        wait_to_take(heap, stack, call);
    }
}

/* ---- Switching ------------------------------------------------------------------------------- */

/* [stack.6] */
static void adopt_frames(struct tri_mutator *mutator, struct tri_stack *stack)
{
    if (stack->mutator != mutator) {
        for (struct tri_frame_ *f = stack->frames; f != NULL; f = f->previous) {
            f->mutator = mutator;
        }
        stack->mutator = mutator;
    }
}

/* The mutator is about to run on the stack, which it has. */
static void enter(struct tri_mutator *mutator, struct tri_stack *stack)
{
    scan_if_grey(mutator, stack);
    TRI_ASSERT(!runs_black(mutator) || is_black(stack)); /* [stack.2] */
    if (!runs_black(mutator)) {
        stack->scanned = 0; /* [stack.3] */
    }
    adopt_frames(mutator, stack);
}

/* The mutator has run on the stack, which has its frames back. */
static void leave(struct tri_mutator *mutator, struct tri_stack *stack)
{
    TRI_ASSERT(!runs_black(mutator) || is_black(stack)); /* [stack.2] */
    if (is_insertion(mutator) && is_marking(mutator)) {
        scan(mutator, stack); /* [stack.5] */
    }
    give_back(stack);
}

/* Let the mutator's frames be those of the stack that it runs on, or its own. */
static void save_frames(struct process_mutator *mutator)
{
    struct tri_frame_ *frames = mutator->mutator.head.frames;
    if (mutator->current != NULL) {
        mutator->current->frames = frames;
    } else {
        mutator->own_frames = frames;
    }
}

static void load_frames(struct process_mutator *mutator)
{
    struct tri_stack *current = mutator->current;
    mutator->mutator.head.frames = current != NULL ? current->frames : mutator->own_frames;
}

void stack_switch(struct process_mutator *mutator, struct tri_stack *stack)
{
    struct tri_stack *old = mutator->current;
    if (stack == old) {
        return;
    }
    if (stack != NULL) {
        take(mutator->mutator.heap, stack, "tri_stack_switch");
        enter(&mutator->mutator, stack);
    }
    save_frames(mutator);
    mutator->current = stack;
    load_frames(mutator);
    if (old != NULL) {
        leave(&mutator->mutator, old);
    }
}

void stack_leave(struct process_mutator *mutator)
{
    stack_switch(mutator, NULL);
}

void stack_drop_frames(struct process_mutator *mutator)
{
    mutator->mutator.head.frames = NULL;
    mutator->own_frames = NULL;
}

/* ---- The list -------------------------------------------------------------------------------- */

static void link_stack(struct roots_state *roots, struct tri_stack *stack)
{
    lock_acquire(&roots->lock);
    stack->next = roots->stacks;
    if (stack->next != NULL) {
        stack->next->previous = stack;
    }
    roots->stacks = stack;
    lock_release(&roots->lock);
}

static void unlink_stack(struct roots_state *roots, struct tri_stack *stack)
{
    lock_acquire(&roots->lock);
    if (stack->previous != NULL) {
        stack->previous->next = stack->next;
    } else {
        roots->stacks = stack->next;
    }
    if (stack->next != NULL) {
        stack->next->previous = stack->previous;
    }
    if (roots->next_stack == stack) {
        roots->next_stack = stack->next; /* [stack.7] */
    }
    lock_release(&roots->lock);
}

struct tri_stack *stack_create(struct process_mutator *mutator, tri_stack_function *function,
                               void *argument)
{
    struct tri_heap *heap = mutator->mutator.heap;
    struct roots_state *roots = &process_heap_of(heap)->roots;
    struct tri_stack *stack = fixed_pool_take(&roots->stack_pool);
    if (stack == NULL) {
        return NULL;
    }
    *stack = (struct tri_stack){
        .signature = STACK_SIGNATURE,
        .state = STACK_PARKED,
        .heap = heap,
        .function = function,
        .argument = argument,
        .mutator = &mutator->mutator,
    };
    /* Before anybody else knows it. Where the mutator is not marking yet, the scan of the parked
     * stacks is still to come [stack.5]. */
    scan_if_grey(&mutator->mutator, stack);
    link_stack(roots, stack);
    return stack;
}

void stack_destroy(struct process_mutator *mutator, struct tri_stack *stack)
{
    struct tri_heap *heap = mutator->mutator.heap;
    struct roots_state *roots = &process_heap_of(heap)->roots;
    take(heap, stack, "tri_stack_destroy");
    scan_if_grey(&mutator->mutator, stack);
    unlink_stack(roots, stack);
    stack->signature = 0;
    fixed_pool_give(&roots->stack_pool, stack);
}

/* ---- The collector --------------------------------------------------------------------------- */

/* held: report it even where it is black, and leave its colour alone [stack.8]. */
static size_t report_taken(struct tri_stack *stack, struct marker *marker, bool held)
{
    size_t bytes = 0;
    if (held) {
        bytes = report(stack, marker);
    } else if (!is_black(stack)) {
        bytes = report(stack, marker);
        turn_black(stack);
    }
    give_back(stack);
    return bytes;
}

size_t stack_report_parked(struct process_heap *heap, struct marker *marker)
{
    struct roots_state *roots = &heap->roots;
    bool held = heap->handshake.holding; /* changes with CYCLE held only */
    size_t bytes = 0;
    lock_assert_held(&roots->lock);
    roots->next_stack = roots->stacks;
    while (roots->next_stack != NULL) {
        struct tri_stack *stack = roots->next_stack;
        TRI_ASSERT(stack->signature == STACK_SIGNATURE); /* [stack.7] */
        roots->next_stack = stack->next;
        if (try_take(stack, STACK_SCANNING)) { /* [stack.1] else its mutator scans it [stack.4] */
            lock_release(&roots->lock);
            bytes += report_taken(stack, marker, held);
            lock_acquire(&roots->lock);
        }
    }
    return bytes;
}
