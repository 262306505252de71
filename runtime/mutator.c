/* mutator.c -- a mutator's life: attached, bound, parked, detached.
 *
 * Owns:       the mappings of mutators. They are used again for later mutators and unmapped only
 *             with the heap, so that a use after detach finds a dead signature, not a hole.
 * Invariants:
 *   [mutator.1] A mutator MUST give its cache back before it leaves the list; otherwise its spans
 *               are in no set and never swept.
 *   [mutator.2] A mutator's thread that ends MUST detach it; otherwise the next hold waits for ever
 *               ([thread.2]).
 *   [mutator.3] Cursors of a mutator that is not attached MUST be empty and its poll word set;
 *               otherwise a use after detach allocates by the inline fast path, or passes a
 *               safepoint unseen.
 * Locks:      HANDSHAKE.
 * Callers:    the public entry points; the end of a thread.
 */
#include "runtime/mutator.h"

#include <stdio.h>

#include "gc/answer.h"
#include "gc/assert.h"
#include "gc/heap.h"
#include "gc/port.h"
#include "runtime/stack.h"

struct process_mutator *mutator_current(const struct process_heap *heap)
{
    for (struct thread_binding *b = thread_binding_first(); b != NULL; b = b->next) {
        struct process_mutator *mutator = CONTAINER_OF(b, struct process_mutator, binding);
        if (mutator->mutator.heap == &heap->heap) {
            return mutator;
        }
    }
    return NULL;
}

/* A mapping, from those used before or fresh; NULL where there is no memory. */
static struct process_mutator *take_mapping(struct process_heap *heap)
{
    struct handshake_state *handshake = &heap->handshake;
    lock_acquire(&handshake->lock);
    struct process_mutator *mutator = handshake->unused;
    if (mutator != NULL) {
        handshake->unused = mutator->next;
    }
    lock_release(&handshake->lock);
    if (mutator != NULL) {
        return mutator;
    }
    size_t bytes = align_up(mutator_mapping_bytes(), port_os_page_bytes());
    mutator = port_reserve(bytes, port_os_page_bytes(), "trillium metadata: mutator");
    if (mutator != NULL && !port_commit(mutator, bytes, "trillium metadata: mutator")) {
        port_release(mutator, bytes);
        mutator = NULL;
    }
    return mutator;
}

static void give_mapping(struct process_heap *heap, struct process_mutator *mutator)
{
    struct handshake_state *handshake = &heap->handshake;
    lock_acquire(&handshake->lock);
    mutator->next = handshake->unused;
    handshake->unused = mutator;
    lock_release(&handshake->lock);
}

/* The thread ends without having detached [mutator.2]. */
static void thread_ends(struct thread_binding *binding)
{
    struct process_mutator *mutator = CONTAINER_OF(binding, struct process_mutator, binding);
    char line[160];
    (void)snprintf(line, sizeof line,
                   "trillium: thread %#jx ended without detaching its mutator %p; detached for it. "
                   "Call tri_mutator_detach before the thread returns",
                   (uintmax_t)port_thread_id(), (void *)mutator);
    port_log(mutator->mutator.heap, line);
    if (!handshake_is_running(mutator)) {
        handshake_unblock(mutator);
    }
    /* Frames lay on the stack that is going away; the scanner may look at what the host has
     * freed. */
    stack_drop_frames(mutator);
    mutator_detach(mutator);
}

static bool bind(struct process_mutator *mutator)
{
    mutator->binding.thread_ends = thread_ends;
    return thread_binding_add(&mutator->binding);
}

tri_result mutator_attach(struct process_heap *heap, struct process_mutator **mutator)
{
    if (mutator_current(heap) != NULL) {
        return TRI_E_STATE;
    }
    struct process_mutator *made = take_mapping(heap);
    if (made == NULL) {
        return TRI_E_NOMEM;
    }
    mutator_init(&made->mutator, &heap->heap);
    made->scanner = NULL;
    made->scan_c_stack = false;
    made->holds = false;
    store_relaxed(&made->region, 0U);
    made->stack = (struct stack_extent){.top = NULL};
    made->current = NULL;
    made->own_frames = NULL;
    store_relaxed(&made->state, (uint32_t)MUTATOR_RUNNING);
    store_relaxed(&made->thread, port_thread_id());
    if (!bind(made)) {
        give_mapping(heap, made);
        return TRI_E_NOMEM;
    }
    if (!handshake_add(heap, made)) {
        thread_binding_remove(&made->binding);
        made->mutator.signature = MUTATOR_DETACHED;
        give_mapping(heap, made);
        return TRI_E_STATE;
    }
    *mutator = made;
    return TRI_OK;
}

/* Give up all that the mutator has, and itself. */
static void retire(struct process_heap *heap, struct process_mutator *mutator)
{
    answer_detach(&mutator->mutator); /* [mutator.1] [mutator.3] */
    handshake_remove(heap, mutator);
    store_relaxed(&mutator->thread, (uintptr_t)0);
    store_relaxed(&mutator->mutator.head.poll, POLL_HANDSHAKE); /* [mutator.3] */
    mutator->mutator.signature = MUTATOR_DETACHED;
    give_mapping(heap, mutator);
}

void mutator_detach(struct process_mutator *mutator)
{
    struct process_heap *heap = process_heap_of(mutator->mutator.heap);
    if (load_relaxed(&mutator->thread) == 0) {
        handshake_unblock(mutator); /* parked: nobody's thread, so this one may */
    } else {
        thread_binding_remove(&mutator->binding);
    }
    stack_leave(mutator);
    TRI_REQUIRE(
        mutator->mutator.head.frames == NULL,
        "tri_mutator_detach: a TRI_FRAME of the mutator is still open; leave its block first");
    retire(heap, mutator);
}

void mutator_forget(struct process_mutator *mutator)
{
    store_relaxed(&mutator->state, (uint32_t)MUTATOR_RUNNING);
    stack_drop_frames(mutator);
    stack_leave(mutator);
    retire(process_heap_of(mutator->mutator.heap), mutator);
}

void mutator_park(struct process_mutator *mutator)
{
    TRI_REQUIRE(!mutator->scan_c_stack, "tri_mutator_park: a mutator that scans the C stack "
                                        "conservatively cannot leave its thread");
    answer_rest(&mutator->mutator);
    store_relaxed(&mutator->region, load_relaxed(&mutator->region) & ~REGION_KEEPS);
    thread_binding_remove(&mutator->binding);
    handshake_block(mutator);
    /* release: pairs with the exchange in mutator_resume, by way of the state */
    store_release(&mutator->thread, (uintptr_t)0);
}

tri_result mutator_resume(struct process_mutator *mutator)
{
    struct process_heap *heap = process_heap_of(mutator->mutator.heap);
    uintptr_t parked = 0;
    /* Only claims the mutator; what orders its fields pairs in handshake_unblock. */
    if (mutator_current(heap) != NULL ||
        !cas_relaxed(&mutator->thread, &parked, port_thread_id())) {
        return TRI_E_STATE;
    }
    handshake_unblock(mutator);
    if (!bind(mutator)) {
        handshake_block(mutator);
        /* release: pairs as in mutator_park */
        store_release(&mutator->thread, (uintptr_t)0);
        return TRI_E_NOMEM;
    }
    return TRI_OK;
}

void mutator_require(const tri_mutator *mutator, const char *call)
{
    TRI_REQUIRE(mutator != NULL, "%s: the mutator is NULL; attach one with tri_mutator_attach",
                call);
    TRI_REQUIRE(is_aligned((uintptr_t)mutator, _Alignof(struct tri_mutator)),
                "%s: %p is not a mutator", call, (const void *)mutator);
    TRI_REQUIRE(mutator->signature != MUTATOR_DETACHED,
                "%s: the mutator %p was detached; attach another with tri_mutator_attach", call,
                (const void *)mutator);
    TRI_REQUIRE(mutator->signature == MUTATOR_SIGNATURE, "%s: %p is not a mutator", call,
                (const void *)mutator);
    const struct process_mutator *process = process_mutator_of(mutator);
    uintptr_t thread = load_relaxed(&process->thread);
    TRI_REQUIRE(thread != 0, "%s: the mutator %p is parked; call tri_mutator_resume first", call,
                (const void *)mutator);
    TRI_REQUIRE(thread == port_thread_id(),
                "%s: the mutator %p is bound to another thread; each thread attaches its own", call,
                (const void *)mutator);
    TRI_REQUIRE(handshake_is_running(process),
                "%s: the mutator %p is inside a blocking region; call tri_blocking_end first", call,
                (const void *)mutator);
}

void mutator_release_all(struct process_heap *heap)
{
    size_t bytes = align_up(mutator_mapping_bytes(), port_os_page_bytes());
    struct process_mutator *mutator = heap->handshake.unused;
    while (mutator != NULL) {
        struct process_mutator *next = mutator->next;
        port_release(mutator, bytes);
        mutator = next;
    }
    heap->handshake.unused = NULL;
}
