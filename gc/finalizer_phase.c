/* finalizer_phase.c -- who is finalized, and in which order.
 *
 * Owns:       which attachments are chosen, suspected, set apart.
 * Idea:       no object may be finalized before another one that refers to it and has an ordered
 *             finalizer. So, one after the other, whatever a dead object with such a finalizer
 *             refers to is marked, but not the object itself. Which of them are still white in the
 *             end are referred to by no other one: these are chosen. One that is marked by its own
 *             turn is on a circle; nobody would ever choose it, and others like it. It is a
 *             *suspect*: the next cycle looks for the circles on which suspects are, before it does
 *             the above, with a search of its own that needs no marks (dead_graph.c). A circle to
 *             which no other finalizable object leads is set *apart*: nothing on it has its turn.
 *             If it is still white when all others have had theirs, one object on it, the *head*,
 *             is chosen, the one whose finalizer was attached first. The others wait for a later
 *             cycle, since the head's finalizer may bring them back to life.
 *
 *   example      a -> b -> c -> b, a -> d, each with a finalizer: cycle 1 marks b, c and d by a's
 *                turn, and chooses a. When a is gone, a cycle marks b and c by b's turn and finds
 *                that b is on a circle; d is chosen. The next one sets {b, c} apart, and chooses b,
 *                and the one after b's end c.
 *
 * Why it is exact. Let o be chosen, and p another dead object with an ordered finalizer that leads
 * to o. (1) o is no head: it was white when all turns were over and heads were marked through. Had
 * p its turn, o would be marked by it, or by the turn that marked p. Else p was apart, and is
 * marked through before o is chosen: with its circle's head, or by what had marked that, or as what
 * is kept of the circle. (2) o is the head of a circle that was apart. p is not on another such
 * circle, which would have a way to o's, whereas that is reached from no other one that has a
 * finalizer ([finalizer_phase.3]). If p had its turn o is marked by it, and not chosen. So p is on
 * the circle of o: they refer to each other, and there is no order. Marks suffice, because what
 * they say of reachability is of this cycle: suspects of the last one only choose where to search.
 *
 * Why it ends. Of what waits for others some is always chosen: consider the circles, and objects on
 * none, to which no other one of them leads. An object on none is chosen at once. Of a circle one
 * object has its turn while it is white, and is a suspect; the next cycle finds it apart. The
 * values of ephemerons are referred to by these, for that, and by their keys where they live; what
 * a turn has left waiting may mark an object in another's turn ([finalizer_phase.6]). The cost is
 * linear in the records, in what is marked, and for circles in what can be reached from them.
 *
 * Invariants:
 *   [finalizer_phase.1] An object MUST be judged dead only while no object that was brought back to
 *                       life is grey; otherwise it is chosen before one that refers to it.
 *   [finalizer_phase.2] What is chosen MUST NOT be queued before all of it is marked through, and
 *                       what is dead has left weak references and ephemerons; otherwise a mutator
 *                       gets a white object by it ([finalizer.2]). Hence resolve and sweep.
 *   [finalizer_phase.3] A circle MUST be apart only where no other component that can be reached
 *                       from suspects and has a finalizer leads to it; otherwise its head is
 *                       chosen before an object that refers to it and had no turn.
 *   [finalizer_phase.4] Of a circle one object at a time MUST be chosen; otherwise its finalizer
 *                       brings another one back to life, which is finalized all the same.
 *   [finalizer_phase.5] The record of a cleanup MUST be judged again with FINALIZER held; otherwise
 *                       one that is stopped meanwhile is queued, or what has taken its place.
 *   [finalizer_phase.6] An object MUST be a suspect, too, where ephemerons that it leads to waited
 *                       for their keys after its turn, and it is marked in the end; otherwise those
 *                       that are marked by another's turn hide a circle for ever: d, an ephemeron,
 *                       has its turn; a's turn marks d's key, hence d's value, which leads to d and
 *                       to a. d is on a circle and a is not.
 *   [finalizer_phase.7] What an attachment's turn has marked MUST be scanned to the end before
 *                       the next one has its turn; otherwise one that it leads to has a turn, too,
 *                       and is taken for the begin of a circle.
 * Locks:      FINALIZER for a moment, not while anything is marked.
 * Callers:    weak.
 *
 * All of it is done in parts, beside mutators. Between two of them nothing changes that the next
 * one looks at: no mutator marks, what is dead refers to what it did, and stays dead but for what
 * the collector itself brings back, and its records are nobody else's.
 */
#include "gc/finalizer_phase.h"

#include "gc/dead_graph.h"
#include "gc/finalized_span.h"
#include "gc/finalizer.h"
#include "gc/mark.h"
#include "gc/port.h"

/* ---- The dead -------------------------------------------------------------------------------- */

static struct object_place place_of(const struct tri_heap *heap,
                                    const struct attachment *attachment)
{
    struct object_place place;
    object_at_entry(&heap->page_heap.spans, load_relaxed(&attachment->object), &place);
    return place;
}

/* Without a look at the object itself: there may be many. */
static bool is_dead(const struct tri_heap *heap, const struct attachment *attachment)
{
    const struct span_table *spans = &heap->page_heap.spans;
    uintptr_t object = load_relaxed(&attachment->object);
    const struct span *span = span_at(spans, address_space_page(spans->space, object));
    span = span_at(spans, load_relaxed(&span->first));
    return !span_is_marked(span,
                           span_slot(span, (uint32_t)(object - (uintptr_t)span_base(spans, span))));
}

static void push(struct tri_heap *heap, uint32_t *first, uint32_t number)
{
    attachment_at(&heap->finalizers, number)->next = *first;
    *first = number;
}

/* Put attachment number on the list that it belongs to, if its object is dead. */
static void find_one_dead(struct tri_heap *heap, uint32_t number)
{
    struct finalizer_state *state = &heap->finalizers;
    struct attachment *attachment = attachment_at(state, number);
    enum attachment_state is = attachment_state_of(attachment);
    if ((is == ATTACHMENT_ORDERED || is == ATTACHMENT_UNORDERED) && is_dead(heap, attachment)) {
        attachment->is_apart = false;
        attachment->has_left = false;
        push(heap, is == ATTACHMENT_ORDERED ? &state->first_dead : &state->first_dead_unordered,
             number);
    }
}

/* Fill the two lists [finalizer.5]. From the last record to the first, so that they are in their
 * order. Who gets one meanwhile is alive. */
static bool find_dead(struct tri_heap *heap, size_t *budget)
{
    struct finalizer_state *state = &heap->finalizers;
    if (finalizer_begin_step(state, growing_array_count(&state->attachments))) {
        state->first_dead = 0;
        state->first_dead_unordered = 0;
    }
    for (; state->next > 0; state->next--) {
        if (!finalizer_spend(budget, sizeof(struct attachment))) {
            return false;
        }
        find_one_dead(heap, state->next);
    }
    return true;
}

/* Attachment number - 1 of a list of the dead; NULL at its end. */
static struct attachment *dead_at(const struct tri_heap *heap, uint32_t number)
{
    return number == 0 ? NULL : attachment_at(&heap->finalizers, number);
}

typedef void dead_function(struct tri_heap *heap, struct attachment *attachment);

/* Call function for each attachment of the list that begins with number first. */
static void each_dead(struct tri_heap *heap, uint32_t first, dead_function *function)
{
    for (struct attachment *a = dead_at(heap, first); a != NULL; a = dead_at(heap, a->next)) {
        function(heap, a);
    }
}

/* The same, as a step. */
static bool some_dead(struct tri_heap *heap, uint32_t first, dead_function *function,
                      size_t *budget)
{
    struct finalizer_state *state = &heap->finalizers;
    (void)finalizer_begin_step(state, first);
    while (state->next != 0) {
        if (!finalizer_spend(budget, sizeof(struct attachment))) {
            return false;
        }
        struct attachment *attachment = dead_at(heap, state->next);
        state->next = attachment->next;
        function(heap, attachment);
    }
    return true;
}

/* ---- Circles --------------------------------------------------------------------------------- */

static uint32_t this_cycle(const struct tri_heap *heap)
{
    return (uint32_t)heap->cycle.now.number;
}

static bool is_suspect(const struct tri_heap *heap, const struct attachment *attachment)
{
    return attachment->suspect != 0 && attachment->suspect + 1 == this_cycle(heap);
}

/* Find all that suspects lead to. False where there is no memory. */
static bool explore(struct tri_heap *heap)
{
    const struct attachment *a = dead_at(heap, heap->finalizers.first_dead);
    bool done = true;
    for (; done && a != NULL; a = dead_at(heap, a->next)) {
        done = !is_suspect(heap, a) || dead_graph_explore(heap, load_relaxed(&a->object));
    }
    return done;
}

/* Note for each component the attachment that came first of those whose objects are in it. */
static void note_first(struct tri_heap *heap)
{
    const struct finalizer_state *state = &heap->finalizers;
    struct attachment *a;
    for (uint32_t number = state->first_dead; number != 0; number = a->next) {
        a = dead_at(heap, number);
        a->component = dead_graph_component(heap, load_relaxed(&a->object));
        if (a->component != 0) {
            uint32_t *note = dead_graph_note(heap, a->component);
            if (*note == 0 || a->order < attachment_at(state, *note)->order) {
                *note = number;
            }
        }
    }
}

static void judge_apart(struct tri_heap *heap, struct attachment *attachment)
{
    attachment->is_apart = /* [finalizer_phase.3] */
        attachment->component != 0 && !dead_graph_is_reached(heap, attachment->component);
}

/* Where there is no memory for that, suspects have their turns like all others, and are suspects
 * again. All in one part, whatever the budget: only what circles lead to is looked at. */
static bool set_apart(struct tri_heap *heap, size_t *budget)
{
    struct finalizer_state *state = &heap->finalizers;
    (void)budget;
    dead_graph_clear(&state->graph, false);
    if (!explore(heap) || state->graph.node_count == 0) {
        return true;
    }
    note_first(heap);
    if (dead_graph_find_reached(heap)) {
        each_dead(heap, state->first_dead, judge_apart);
    }
    return true;
}

static bool is_head(const struct tri_heap *heap, const struct attachment *attachment)
{
    uint32_t number = *dead_graph_note(heap, attachment->component);
    return attachment_at(&heap->finalizers, number) == attachment;
}

/* ---- Order ----------------------------------------------------------------------------------- */

/* Mark what the dead object refers to. */
static void begin_turn(struct tri_heap *heap, const struct attachment *attachment)
{
    struct finalizer_state *state = &heap->finalizers;
    if (attachment->is_apart || !is_dead(heap, attachment)) {
        return;
    }
    struct object_place place = place_of(heap, attachment);
    if (place.span->scannable) {
        state->has_turn = true;
        state->turn_waits = heap->weak.rescuer.waits;
        mark_rescue_referents(
            heap, (uintptr_t)span_slot_address(&heap->page_heap.spans, place.span, place.slot));
    }
}

/* All that it leads to is marked. It is a suspect if it is marked by that. */
static void end_turn(struct tri_heap *heap, struct attachment *attachment)
{
    struct finalizer_state *state = &heap->finalizers;
    state->has_turn = false;
    attachment->has_left = heap->weak.rescuer.waits != state->turn_waits;
    if (!is_dead(heap, attachment)) {
        attachment->suspect = this_cycle(heap);
    }
}

/* A part of the turn; true where it is over. */
static bool have_turn(struct tri_heap *heap, struct attachment *attachment, size_t *budget)
{
    const struct finalizer_state *state = &heap->finalizers;
    if (!state->has_turn) {
        begin_turn(heap, attachment);
    }
    if (state->has_turn) {
        if (!mark_drain_rescued(heap, budget)) { /* [finalizer_phase.1] [finalizer_phase.7] */
            return false;
        }
        end_turn(heap, attachment);
    }
    return true;
}

static bool have_turns(struct tri_heap *heap, size_t *budget)
{
    struct finalizer_state *state = &heap->finalizers;
    (void)finalizer_begin_step(state, state->first_dead);
    while (state->next != 0) {
        struct attachment *attachment = dead_at(heap, state->next);
        if (!finalizer_spend(budget, sizeof *attachment) || !have_turn(heap, attachment, budget)) {
            return false;
        }
        state->next = attachment->next;
    }
    return true;
}

/* It is marked by what its own turn has left. [finalizer_phase.6] */
static void suspect_late(struct tri_heap *heap, struct attachment *attachment)
{
    if (attachment->has_left && !is_dead(heap, attachment)) {
        attachment->suspect = this_cycle(heap);
    }
}

static void choose(struct tri_heap *heap, struct attachment *attachment)
{
    if (is_dead(heap, attachment)) {
        /* Relaxed: nobody else looks at it. */
        store_relaxed(&attachment->state, (uint32_t)ATTACHMENT_CHOSEN);
        (void)mark_rescue(heap, load_relaxed(&attachment->object));
    }
}

/* All others have had their turns: what leads to a head now is on its circle. */
static void choose_head(struct tri_heap *heap, struct attachment *attachment)
{
    if (!attachment->is_apart || !is_dead(heap, attachment)) {
        return;
    }
    if (is_head(heap, attachment)) { /* [finalizer_phase.4] */
        choose(heap, attachment);
    } else {
        attachment->suspect = this_cycle(heap);
    }
}

/* Not all of a circle need be marked by its head: an ephemeron of the dead has no value while its
 * key is dead. The rest is kept, and waits for another cycle. [finalizer_phase.4] */
static void keep_apart(struct tri_heap *heap, struct attachment *attachment)
{
    if (attachment->is_apart && is_dead(heap, attachment)) {
        (void)mark_rescue(heap, load_relaxed(&attachment->object));
    }
}

static bool choose_heads(struct tri_heap *heap, size_t *budget)
{
    return some_dead(heap, heap->finalizers.first_dead, choose_head, budget);
}

static bool keep_all_apart(struct tri_heap *heap, size_t *budget)
{
    return some_dead(heap, heap->finalizers.first_dead, keep_apart, budget);
}

static bool suspect_all_late(struct tri_heap *heap, size_t *budget)
{
    return some_dead(heap, heap->finalizers.first_dead, suspect_late, budget);
}

static bool choose_ordered(struct tri_heap *heap, size_t *budget)
{
    return some_dead(heap, heap->finalizers.first_dead, choose, budget);
}

static bool choose_unordered(struct tri_heap *heap, size_t *budget)
{
    return some_dead(heap, heap->finalizers.first_dead_unordered, choose, budget);
}

/* ---- Steps ----------------------------------------------------------------------------------- */

/* A part of a step, as far as the budget goes; true where the step is over. */
typedef bool step_function(struct tri_heap *heap, size_t *budget);

/* Go on with the steps, of which there are count. True where they are over. */
static bool take_steps(struct tri_heap *heap, step_function *const *steps, size_t count,
                       size_t budget)
{
    struct finalizer_state *state = &heap->finalizers;
    budget = size_max(budget, 1); /* a record, at least */
    while (state->step < count) {
        if (!steps[state->step](heap, &budget)) {
            return false;
        }
        state->step++;
        state->step_has_begun = false;
    }
    state->step = 0;
    return true;
}

bool finalizer_resolve(struct tri_heap *heap, size_t budget)
{
    static step_function *const steps[] = {
        find_dead,          set_apart,
        have_turns,         choose_heads,
        mark_drain_rescued, keep_all_apart,
        mark_drain_rescued, /* [finalizer_phase.1] */
        suspect_all_late,   choose_ordered,
        mark_drain_rescued, /* [finalizer_phase.1] */
        choose_unordered,   finalized_span_choose,
        mark_drain_rescued, /* [finalizer_phase.2] */
    };
    return take_steps(heap, steps, ARRAY_LENGTH(steps), budget);
}

/* ---- What waits ------------------------------------------------------------------------------ */

/* Whether attachment is to wait. */
static bool is_due(const struct tri_heap *heap, const struct attachment *attachment)
{
    switch (attachment_state_of(attachment)) {
    case ATTACHMENT_CHOSEN:
        return true;
    case ATTACHMENT_CLEANUP:
    case ATTACHMENT_REF_CLEANUP:
        return is_dead(heap, attachment);
    default:
        return false;
    }
}

static void queue_if_due(struct tri_heap *heap, uint32_t number)
{
    const struct finalizer_state *state = &heap->finalizers;
    lock_acquire(&heap->finalizers.lock);
    if (is_due(heap, attachment_at(state, number))) { /* [finalizer_phase.5] */
        finalizer_queue(heap, number);
    }
    lock_release(&heap->finalizers.lock);
}

static bool queue_attachments(struct tri_heap *heap, size_t *budget)
{
    struct finalizer_state *state = &heap->finalizers;
    (void)finalizer_begin_step(state, 1);
    for (; state->next <= growing_array_count(&state->attachments); state->next++) {
        if (!finalizer_spend(budget, sizeof(struct attachment))) {
            return false;
        }
        if (is_due(heap, attachment_at(state, state->next))) {
            queue_if_due(heap, state->next);
        }
    }
    return true;
}

bool finalizer_sweep(struct tri_heap *heap, size_t budget) /* [finalizer_phase.2] */
{
    static step_function *const steps[] = {queue_attachments, finalized_span_queue};
    bool is_over = take_steps(heap, steps, ARRAY_LENGTH(steps), budget);
    if (is_over && finalizer_waiting(heap) > 0) {
        port_wake_finalizers(heap);
    }
    return is_over;
}
