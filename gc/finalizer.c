/* finalizer.c -- what is attached to objects, and the queue of what waits.
 *
 *     attached --dead: finalizer_phase.c--> chosen --marked to the end--> waiting --taken--> free
 *        |  ^________________________________|                              |
 *        |         (no memory to know what is dead)                         |
 *        '------detached, stopped------------------------> free <--popped-- stopped
 *
 * Owns:       struct finalizer_state, but for its records of spans.
 * Idea:       one record is what is attached, then what waits. So nothing has to be allocated when
 *             an object is found dead. Records never move: the cycle looks at them one after the
 *             other without a lock, while mutators attach and detach. It judges them by their
 *             object alone: mutators touch the records of objects that they can reach, and of what
 *             waits; the cycle those of objects that nobody can reach.
 * Invariants:
 *   [finalizer.1] A record's state MUST be released after its other fields; otherwise the cycle
 *                 takes the object of the one before it for dead.
 *   [finalizer.2] What waits MUST be marked, with all that it refers to, before it can be taken;
 *                 otherwise a mutator has a white object when no barrier saves it any more.
 *   [finalizer.3] The queue is a set of global slots (rule 9 of the cycle): what is taken from it
 *                 MUST pass the barrier as an old value, and the reference of a cleanup that is
 *                 attached as a new one; otherwise the scan, which comes when stacks are black,
 *                 misses what has moved to one before, or came later. What a stopped cleanup
 *                 referred to has moved nowhere.
 *   [finalizer.4] What is taken MUST be among the mutator's roots before its next safepoint;
 *                 otherwise a mutator whose stack is still to be scanned loses it.
 *   [finalizer.5] Each dead object with a finalizer MUST be found in the cycle in which it is swept
 *                 otherwise; that is, be in a record here, or in a span that is in one of
 *                 finalized_span.c; otherwise it is freed and never finalized.
 * Locks:      FINALIZER; META under it.
 * Callers:    the public entry points; finalizer_phase.
 */
#include "gc/finalizer.h"

#include "gc/assert.h"
#include "gc/barrier.h"
#include "gc/dead_graph.h"
#include "gc/finalized_span.h"

void finalizer_state_init(struct tri_heap *heap)
{
    struct finalizer_state *state = &heap->finalizers;
    lock_init(&state->lock, LOCK_FINALIZER);
    growing_array_init(&state->attachments, &heap->meta, sizeof(struct attachment));
    growing_array_init(&state->spans.records, &heap->meta, sizeof(struct finalized_span));
    growing_array_init(&state->spans.by_page, &heap->meta, sizeof(uint32_t));
    address_map_init(&state->by_object, &heap->meta, &state->attachments);
    dead_graph_init(&state->graph, &heap->meta);
}

void finalizer_state_destroy(struct tri_heap *heap)
{
    lock_destroy(&heap->finalizers.lock);
}

/* ---- Records --------------------------------------------------------------------------------- */

/* A free record's number; 0 where there is no memory. */
static uint32_t take_record(struct finalizer_state *state) LOCK_REQUIRES(state->lock)
{
    uint32_t number = state->free_attachment;
    if (number != 0) {
        state->free_attachment = attachment_at(state, number)->next;
    } else if (growing_array_extend(&state->attachments)) {
        number = growing_array_count(&state->attachments);
    }
    return number;
}

/* FINALIZER held. */
static void give_record(struct finalizer_state *state, uint32_t number)
{
    struct attachment *attachment = attachment_at(state, number);
    store_relaxed(&attachment->state, (uint32_t)ATTACHMENT_FREE);
    attachment->next = state->free_attachment;
    state->free_attachment = number;
}

static void set_state(struct attachment *attachment, enum attachment_state to)
{
    /* release: pairs with the acquire in attachment_state_of [finalizer.1] */
    store_release(&attachment->state, (uint32_t)to);
}

/* ---- Attaching ------------------------------------------------------------------------------- */

/* A record for object; 0 where there is no memory. Its function is still to be written. */
static uint32_t begin_record(struct finalizer_state *state, uintptr_t object, void *argument)
    LOCK_REQUIRES(state->lock)
{
    uint32_t number = take_record(state);
    if (number != 0) {
        struct attachment *attachment = attachment_at(state, number);
        fetch_add_relaxed(&attachment->serial, 1U);
        /* releases: pair with the acquires in attachment_root, so that who has seen one of these
         * sees the new serial */
        store_release(&attachment->object, object);
        store_release(&attachment->argument, (uintptr_t)argument);
        attachment->order = state->order++;
        attachment->suspect = 0;
        attachment->is_reported = false;
        fetch_add_relaxed(&state->attached, UINT64_C(1));
    }
    return number;
}

/* The record of a finalizer for object, which had none; 0 where there is no memory. */
static uint32_t begin_finalizer(struct finalizer_state *state, uintptr_t object)
    LOCK_REQUIRES(state->lock)
{
    uint32_t number = begin_record(state, object, NULL);
    if (number != 0 && !address_map_add(&state->by_object, number - 1, object)) {
        give_record(state, number);
        fetch_sub_relaxed(&state->attached, UINT64_C(1));
        number = 0;
    }
    return number;
}

tri_result finalizer_attach(struct tri_mutator *mutator, const struct object_place *place,
                            tri_finalizer_function *function, void *argument, uint32_t flags)
{
    struct finalizer_state *state = &mutator->heap->finalizers;
    uintptr_t object = (uintptr_t)place->object;
    if (place->type->finalizer != NULL) {
        return TRI_E_STATE;
    }
    lock_acquire(&state->lock);
    uint32_t number = address_map_find(&state->by_object, object);
    if (number == 0) {
        number = begin_finalizer(state, object);
    }
    if (number != 0) {
        struct attachment *attachment = attachment_at(state, number);
        attachment->function.finalizer = function;
        /* release: pairs as in begin_record */
        store_release(&attachment->argument, (uintptr_t)argument);
        set_state(attachment,
                  flags & TRI_FINALIZER_UNORDERED ? ATTACHMENT_UNORDERED : ATTACHMENT_ORDERED);
    }
    lock_release(&state->lock);
    return number != 0 ? TRI_OK : TRI_E_NOMEM;
}

bool finalizer_detach(struct tri_mutator *mutator, const struct object_place *place)
{
    struct finalizer_state *state = &mutator->heap->finalizers;
    lock_acquire(&state->lock);
    uint32_t number = address_map_find(&state->by_object, (uintptr_t)place->object);
    if (number != 0) {
        address_map_remove(&state->by_object, number - 1);
        give_record(state, number);
        fetch_sub_relaxed(&state->attached, UINT64_C(1));
    }
    lock_release(&state->lock);
    return number != 0;
}

static tri_cleanup name_cleanup(const struct attachment *attachment, uint32_t number)
{
    return (tri_cleanup){(uint64_t)load_relaxed(&attachment->serial) << 32 | number};
}

tri_result cleanup_attach(struct tri_mutator *mutator, const struct object_place *place,
                          const struct cleanup_call *call, tri_cleanup *cleanup)
{
    struct finalizer_state *state = &mutator->heap->finalizers;
    lock_acquire(&state->lock);
    uint32_t number = begin_record(state, (uintptr_t)place->object, call->argument);
    if (number != 0) {
        struct attachment *attachment = attachment_at(state, number);
        if (call->is_reference && barrier_is_on(mutator)) {
            barrier_store(mutator, 0, (uintptr_t)call->argument); /* [finalizer.3] */
        }
        attachment->function.cleanup = call->function;
        *cleanup = name_cleanup(attachment, number);
        set_state(attachment, call->is_reference ? ATTACHMENT_REF_CLEANUP : ATTACHMENT_CLEANUP);
    }
    lock_release(&state->lock);
    return number != 0 ? TRI_OK : TRI_E_NOMEM;
}

/* The record of cleanup; 0 where that is over. */
static uint32_t find_cleanup(const struct finalizer_state *state, tri_cleanup cleanup)
{
    uint32_t number = (uint32_t)cleanup.id;
    if (number == 0 || number > growing_array_count(&state->attachments) ||
        name_cleanup(attachment_at(state, number), number).id != cleanup.id) {
        return 0;
    }
    return number;
}

/* Reference is no root any more [finalizer.3]. */
static void drop_reference(struct tri_mutator *mutator, uintptr_t reference)
{
    if (reference != 0 && barrier_is_on(mutator)) {
        barrier_store(mutator, reference, 0);
    }
}

/* A cleanup that is attached. */
static bool stop_attached(struct finalizer_state *state, uint32_t number) LOCK_REQUIRES(state->lock)
{
    enum attachment_state was = attachment_state_of(attachment_at(state, number));
    if (was != ATTACHMENT_CLEANUP && was != ATTACHMENT_REF_CLEANUP) {
        return false;
    }
    give_record(state, number);
    fetch_sub_relaxed(&state->attached, UINT64_C(1));
    return true;
}

/* One that waits, and stays on the queue. */
static bool stop_waiting(struct finalizer_state *state, uint32_t number) LOCK_REQUIRES(state->lock)
{
    struct attachment *attachment = attachment_at(state, number);
    enum attachment_state was = attachment_state_of(attachment);
    if (was != ATTACHMENT_WAITING_CLEANUP && was != ATTACHMENT_WAITING_REF_CLEANUP) {
        return false;
    }
    set_state(attachment, ATTACHMENT_STOPPED);
    fetch_sub_relaxed(&state->waiting, UINT64_C(1));
    return true;
}

bool cleanup_stop(struct tri_mutator *mutator, tri_cleanup cleanup)
{
    struct finalizer_state *state = &mutator->heap->finalizers;
    lock_acquire(&state->lock);
    uint32_t number = find_cleanup(state, cleanup);
    bool stopped = false;
    if (number != 0) {
        stopped = stop_attached(state, number) || stop_waiting(state, number);
    }
    lock_release(&state->lock);
    return stopped;
}

/* ---- The queue ------------------------------------------------------------------------------- */

void finalizer_queue(struct tri_heap *heap, uint32_t number) /* [finalizer.2] */
{
    struct finalizer_state *state = &heap->finalizers;
    struct attachment *attachment = attachment_at(state, number);
    lock_assert_held(&state->lock);
    if (attachment_state_of(attachment) == ATTACHMENT_CHOSEN) {
        address_map_remove(&state->by_object, number - 1);
        set_state(attachment, ATTACHMENT_WAITING);
        fetch_add_relaxed(&state->finalizers_queued, UINT64_C(1));
    } else {
        bool is_reference = attachment_state_of(attachment) == ATTACHMENT_REF_CLEANUP;
        set_state(attachment,
                  is_reference ? ATTACHMENT_WAITING_REF_CLEANUP : ATTACHMENT_WAITING_CLEANUP);
        fetch_add_relaxed(&state->cleanups_queued, UINT64_C(1));
    }
    attachment->next = 0;
    if (state->last_waiting != 0) {
        attachment_at(state, state->last_waiting)->next = number;
    } else {
        state->first_waiting = number;
    }
    state->last_waiting = number;
    fetch_add_relaxed(&state->waiting, UINT64_C(1));
    fetch_sub_relaxed(&state->attached, UINT64_C(1));
}

/* The call that attachment stands for. False where it was stopped. */
static bool read_call(const struct attachment *attachment, struct finalizer_call *call)
{
    enum attachment_state state = attachment_state_of(attachment);
    *call = (struct finalizer_call){
        .argument = (void *)load_relaxed(&attachment->argument),
        .reference = (tri_ref)attachment_root(attachment, state),
    };
    if (state == ATTACHMENT_WAITING) {
        call->finalizer = attachment->function.finalizer;
    } else {
        call->cleanup = attachment->function.cleanup;
    }
    return state != ATTACHMENT_STOPPED;
}

/* Pop the first one that was not stopped. */
static bool pop_call(struct tri_heap *heap, struct finalizer_call *call)
    LOCK_REQUIRES(heap->finalizers.lock)
{
    struct finalizer_state *state = &heap->finalizers;
    bool found = false;
    while (!found && state->first_waiting != 0) {
        uint32_t number = state->first_waiting;
        const struct attachment *attachment = attachment_at(state, number);
        found = read_call(attachment, call);
        state->first_waiting = attachment->next;
        if (state->first_waiting == 0) {
            state->last_waiting = 0;
        }
        give_record(state, number);
    }
    return found;
}

bool finalizer_take(struct tri_mutator *mutator, struct finalizer_call *call, tri_ref *root)
{
    struct tri_heap *heap = mutator->heap;
    struct finalizer_state *state = &heap->finalizers;
    if (TRI_LIKELY(finalizer_waiting(heap) == 0)) {
        return false;
    }
    lock_acquire(&heap->finalizers.lock);
    bool found = pop_call(heap, call) || finalized_span_take(heap, call);
    if (found) {
        *root = call->reference; /* [finalizer.4] */
        drop_reference(mutator, (uintptr_t)call->reference);
        fetch_sub_relaxed(&state->waiting, UINT64_C(1));
        fetch_add_relaxed(call->finalizer != NULL ? &state->finalizers_run : &state->cleanups_run,
                          UINT64_C(1));
    }
    lock_release(&heap->finalizers.lock);
    return found;
}
