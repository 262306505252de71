/* pool.c -- objects kept for their next use.
 *
 * Owns:       pools; what mutators have of them, and what they have in common.
 * Idea:       a mutator's own part of a pool is a few slots, a stack, that its inline paths push
 *             and pop. They are roots of its own like the locals in its frames: a cycle scans them
 *             in the mutator's answer to handshake roots, and putting and getting need no barrier.
 *             What is too much for them goes to the pool's common part in batches, and comes from
 *             there. That is a global root: what goes in and out passes the barrier. What lies at
 *             the bottom of a stack was put there first. When a cycle begins, what is there is old;
 *             what is still old when the next one begins has not been used between and is let go
 *             of. A get takes old ones last. So does the common part with two lists that change
 *             places.
 * Invariants:
 *   [pool.1] A mutator's slots MUST be scanned where its frames are, at one safepoint; otherwise a
 *            reference moves between the two unseen ([roots.1]).
 *   [pool.2] What a mutator shares MUST be recorded as stored, and what it takes of the common part
 *            as deleted, before its next safepoint; otherwise an object moves from a grey stack
 *            into a list that was scanned, or from one that was not onto a black stack, and is lost
 *            ([barrier.2], [barrier.3]).
 *   [pool.3] In insertion mode the references in an object that is shared MUST be recorded as well;
 *            otherwise those of a fresh object, which nobody has reported, reach another mutator
 *            first ([barrier.7]).
 *   [pool.4] Unused objects MUST be let go of before the roots that they are among are scanned;
 *            otherwise they live a cycle longer than is promised. The common part is aged before
 *            handshake arm, a mutator's in its answer to that: no barrier need see it, as no stack
 *            is black yet.
 *   [pool.5] A batch MUST be taken off a list under the lock, with the scan moved on; otherwise the
 *            scan reads a record that is another list's.
 *   [pool.6] A pool's number and its record MUST stay its own until no mutator has room for it;
 *            otherwise a mutator finds what it has of an old pool in a new one.
 *   [pool.7] old <= count <= room MUST hold for a mutator's slots; otherwise the inline paths write
 *            beside them.
 * Locks:      POOLS, under it META. Not held while the host's function runs, nor while anything is
 *             recorded.
 * Callers:    the public entry points; answer and cycle; roots.c.
 */
#include "gc/pool.h"

#include <string.h>

#include "gc/assert.h"
#include "gc/barrier.h"
#include "gc/port.h"
#include "gc/shade.h"

_Static_assert(sizeof(struct tri_pool_slots_) == 128, "two cache lines");
_Static_assert(sizeof(struct pool_batch) == 64, "a cache line");
_Static_assert(offsetof(struct tri_pool, head) == 0, "a pool begins with its head");
_Static_assert(2 * POOL_BATCH <= TRI_POOL_SLOTS_, "a batch fits into what another one leaves");

void pool_state_init(struct tri_heap *heap)
{
    struct pool_state *state = &heap->pools;
    lock_init(&state->lock, LOCK_POOLS);
    fixed_pool_init(&state->records, &heap->meta, sizeof(struct tri_pool));
    fixed_pool_init(&state->batches, &heap->meta, sizeof(struct pool_batch));
}

void pool_state_destroy(struct tri_heap *heap)
{
    lock_destroy(&heap->pools.lock);
}

/* ---- Lists of batches ------------------------------------------------------------------------ */

/* POOLS held, as for all on lists. */
static void list_push(struct pool_list *list, struct pool_batch *batch)
{
    batch->next = list->first;
    if (batch->next == NULL) {
        list->last = batch;
    }
    store_relaxed(&list->first, batch);
}

static struct pool_batch *list_pop(struct pool_list *list)
{
    struct pool_batch *batch = list->first;
    if (batch == NULL) {
        return NULL;
    }
    if (list->next_scan == batch) {
        list->next_scan = batch->next; /* [pool.5] */
    }
    if (batch->next == NULL) {
        list->last = NULL;
    }
    store_relaxed(&list->first, batch->next);
    return batch;
}

/* Put all of list before what is on target; list is empty afterwards. No scan is under way, or list
 * is of a pool that it does not come to any more. */
static void list_move(struct pool_list *target, struct pool_list *list)
{
    if (list->first != NULL) {
        list->last->next = target->first;
        target->last = target->first == NULL ? list->last : target->last;
        store_relaxed(&target->first, list->first);
        list->last = NULL;
        store_relaxed(&list->first, (struct pool_batch *)NULL);
    }
}

/* Anybody, without the lock: a hint. */
static bool list_seems_empty(const struct pool_list *list)
{
    return load_relaxed(&list->first) == NULL;
}

/* Nobody else knows of dropped. Without the lock, which others wait for. */
static void give_back(struct tri_heap *heap, struct pool_list *dropped)
{
    struct pool_batch *batch;
    while ((batch = list_pop(dropped)) != NULL) {
        fixed_pool_give(&heap->pools.batches, batch);
    }
}

/* ---- Pools ----------------------------------------------------------------------------------- */

/* The lowest number that no pool has, taken now; POOLS_MAX: none. */
static uint32_t take_number(struct pool_state *state) LOCK_REQUIRES(state->lock)
{
    for (uint32_t i = 0; i < POOLS_MAX / 64; i++) {
        if (~state->numbers[i] != 0) {
            uint32_t bit = trailing_zeros(~state->numbers[i]);
            state->numbers[i] |= UINT64_C(1) << bit;
            return i * 64 + bit;
        }
    }
    return POOLS_MAX;
}

static void give_number(struct pool_state *state, uint32_t number) LOCK_REQUIRES(state->lock)
{
    state->numbers[number / 64] &= ~(UINT64_C(1) << (number % 64));
}

/* False where no number is left. */
static bool enter(struct pool_state *state, struct tri_pool *pool)
{
    lock_acquire(&state->lock);
    pool->number = take_number(state);
    bool entered = pool->number < POOLS_MAX;
    if (entered) {
        pool->next = state->first;
        if (pool->next != NULL) {
            pool->next->previous = pool;
        }
        state->first = pool;
    }
    lock_release(&state->lock);
    return entered;
}

tri_result pool_create(struct tri_heap *heap, tri_pool_new_function *function, void *argument,
                       struct tri_pool **pool)
{
    struct pool_state *state = &heap->pools;
    struct tri_pool *made = fixed_pool_take(&state->records);
    if (made == NULL) {
        return TRI_E_NOMEM;
    }
    made->heap = heap;
    made->function = function;
    made->argument = argument;
    if (!enter(state, made)) {
        fixed_pool_give(&state->records, made);
        return TRI_E_LIMIT;
    }
    made->head.slots =
        (uint32_t)(MUTATOR_POOLS_OFFSET + made->number * sizeof(struct tri_pool_slots_));
    made->signature = POOL_SIGNATURE;
    *pool = made;
    return TRI_OK;
}

/* Where the pool was destroyed and no mutator has room for it, it is gone [pool.6]. */
static void forget_if_unused(struct pool_state *state, struct tri_pool *pool)
    LOCK_REQUIRES(state->lock)
{
    if (pool->users == 0 && load_relaxed(&pool->destroyed) != 0) {
        give_number(state, pool->number);
        fixed_pool_give(&state->records, pool);
    }
}

void pool_destroy(struct tri_pool *pool)
{
    struct tri_heap *heap = pool->heap;
    struct pool_state *state = &heap->pools;
    struct pool_list dropped = {NULL, NULL, NULL};
    lock_acquire(&state->lock);
    if (pool->previous != NULL) {
        pool->previous->next = pool->next;
    } else {
        state->first = pool->next;
    }
    if (pool->next != NULL) {
        pool->next->previous = pool->previous;
    }
    list_move(&dropped, &pool->old);
    list_move(&dropped, &pool->fresh);
    pool->signature = 0;
    store_relaxed(&pool->destroyed, 1U);
    forget_if_unused(state, pool);
    lock_release(&state->lock);
    give_back(heap, &dropped);
}

/* ---- What a mutator has ---------------------------------------------------------------------- */

/* Let the mutator have room. */
static void make_room(struct tri_mutator *mutator, struct tri_pool *pool,
                      struct tri_pool_slots_ *slots)
{
    struct pool_state *state = &mutator->heap->pools;
    lock_acquire(&state->lock);
    pool->users++;
    lock_release(&state->lock);
    slots->pool = pool;
    slots->next = mutator->pools;
    slots->room = TRI_POOL_SLOTS_;
    mutator->pools = slots;
}

/* The mutator has none any more; slots is on no list. */
static void end_room(struct tri_mutator *mutator, struct tri_pool_slots_ *slots)
{
    struct pool_state *state = &mutator->heap->pools;
    struct tri_pool *pool = slots->pool;
    *slots = (struct tri_pool_slots_){.pool = NULL};
    lock_acquire(&state->lock);
    pool->users--;
    forget_if_unused(state, pool);
    lock_release(&state->lock);
}

bool pool_has(struct tri_mutator *mutator, const struct tri_pool *pool, const void *reference)
{
    const struct tri_pool_slots_ *slots = tri_pool_slots_of_(mutator, pool);
    bool found = false;
    for (uint32_t i = 0; i < slots->count && !found; i++) {
        found = slots->slots[i] == reference;
    }
    return found;
}

/* ---- Sharing --------------------------------------------------------------------------------- */

/* Reference leaves the mutator's own roots [pool.2] [pool.3]. */
static void record_shared(struct tri_mutator *mutator, tri_ref reference)
{
    if (barrier_is_on(mutator)) {
        barrier_store(mutator, 0, (uintptr_t)reference);
        if (barrier_mode_of(mutator) == BARRIER_INSERTION) {
            barrier_written(mutator, reference);
        }
    }
}

/* Reference has left the common part [pool.2]. */
static void record_taken(struct tri_mutator *mutator, tri_ref reference)
{
    if (barrier_is_on(mutator)) {
        barrier_store(mutator, (uintptr_t)reference, 0);
    }
}

/* Put the batch on a list of the pool's. False where that was destroyed, by now: then nobody looks
 * at its lists. */
static bool enter_batch(struct pool_state *state, struct tri_pool *pool, bool old,
                        struct pool_batch *batch)
{
    lock_acquire(&state->lock);
    bool entered = load_relaxed(&pool->destroyed) == 0;
    if (entered) {
        list_push(old ? &pool->old : &pool->fresh, batch);
    }
    lock_release(&state->lock);
    return entered;
}

/* Share up to a batch of the uppermost references: either those that are old or others. There are
 * some. Where there is no memory to remember them, or no pool any more, they are let go of. */
static void share(struct tri_mutator *mutator, struct tri_pool_slots_ *slots)
{
    struct pool_state *state = &mutator->heap->pools;
    struct tri_pool *pool = slots->pool;
    bool old = slots->count == slots->old;
    uint32_t count = old ? slots->count : slots->count - slots->old;
    count = count < POOL_BATCH ? count : POOL_BATCH;
    slots->count -= count;
    slots->old -= old ? count : 0; /* [pool.7] */
    struct pool_batch *batch = fixed_pool_take(&state->batches);
    if (batch == NULL) {
        return;
    }
    batch->count = count;
    for (uint32_t i = 0; i < count; i++) {
        batch->references[i] = slots->slots[slots->count + i];
        record_shared(mutator, batch->references[i]);
    }
    if (!enter_batch(state, pool, old, batch)) {
        fixed_pool_give(&state->batches, batch);
    }
}

/* Let the mutator, which has nothing of the pool, have a batch of the common part. False if there
 * is none. */
static bool take_batch(struct tri_mutator *mutator, struct tri_pool *pool,
                       struct tri_pool_slots_ *slots)
{
    struct pool_state *state = &mutator->heap->pools;
    if (list_seems_empty(&pool->fresh) && list_seems_empty(&pool->old)) {
        return false;
    }
    lock_acquire(&state->lock);
    struct pool_batch *batch = list_pop(&pool->fresh);
    bool old = batch == NULL;
    if (old) {
        batch = list_pop(&pool->old);
    }
    lock_release(&state->lock);
    if (batch == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        slots->slots[i] = batch->references[i];
        record_taken(mutator, batch->references[i]);
    }
    slots->count = (uint32_t)batch->count;
    slots->old = old ? slots->count : 0;
    fixed_pool_give(&state->batches, batch);
    return true;
}

tri_ref pool_get(struct tri_mutator *mutator, struct tri_pool *pool)
{
    struct tri_pool_slots_ *slots = tri_pool_slots_of_(mutator, pool);
    if (slots->room == 0) {
        make_room(mutator, pool, slots);
    }
    if (slots->count == 0 && !take_batch(mutator, pool, slots)) {
        return pool->function == NULL ? TRI_NULL : pool->function(mutator, pool->argument);
    }
    slots->count--;
    slots->old = slots->old < slots->count ? slots->old : slots->count; /* [pool.7] */
    return slots->slots[slots->count];
}

void pool_put(struct tri_mutator *mutator, struct tri_pool *pool, tri_ref reference)
{
    struct tri_pool_slots_ *slots = tri_pool_slots_of_(mutator, pool);
    if (reference == TRI_NULL) {
        return;
    }
    if (slots->room == 0) {
        make_room(mutator, pool, slots);
    } else if (slots->count == slots->room) {
        share(mutator, slots);
    }
    slots->slots[slots->count++] = reference;
}

void pool_leave(struct tri_mutator *mutator)
{
    struct tri_pool_slots_ *slots;
    while ((slots = mutator->pools) != NULL) {
        mutator->pools = slots->next;
        while (slots->count > 0) {
            share(mutator, slots);
        }
        end_room(mutator, slots);
    }
}

/* ---- Cycles ---------------------------------------------------------------------------------- */

void pool_age_common(struct tri_heap *heap)
{
    struct pool_state *state = &heap->pools;
    struct pool_list dropped = {NULL, NULL, NULL};
    lock_acquire(&state->lock);
    for (struct tri_pool *pool = state->first; pool != NULL; pool = pool->next) {
        list_move(&dropped, &pool->old);
        list_move(&pool->old, &pool->fresh);
    }
    lock_release(&state->lock);
    give_back(heap, &dropped);
}

static void age(struct tri_pool_slots_ *slots)
{
    uint32_t used = slots->count - slots->old;
    memmove(&slots->slots[0], &slots->slots[slots->old], used * sizeof slots->slots[0]);
    slots->count = used;
    slots->old = used; /* [pool.7] */
}

void pool_age_mutator(struct tri_mutator *mutator)
{
    struct tri_pool_slots_ **link = &mutator->pools;
    while (*link != NULL) {
        struct tri_pool_slots_ *slots = *link;
        if (load_relaxed(&slots->pool->destroyed) != 0) {
            *link = slots->next;
            end_room(mutator, slots);
        } else {
            age(slots);
            link = &slots->next;
        }
    }
}

size_t pool_scan_mutator(const struct tri_mutator *mutator, struct marker *marker)
{
    size_t count = 0;
    for (const struct tri_pool_slots_ *s = mutator->pools; s != NULL; s = s->next) {
        TRI_ASSERT(s->old <= s->count && s->count <= s->room); /* [pool.7] */
        for (uint32_t i = 0; i < s->count; i++) {
            shade(marker, (uintptr_t)s->slots[i]);
        }
        count += s->count;
    }
    return count * sizeof(tri_ref);
}

/* Report up to budget batches of what the scan of list has still to see. Returns how many. */
static size_t scan_list(struct pool_list *list, struct marker *marker, size_t budget)
{
    size_t scanned = 0;
    for (; list->next_scan != NULL && scanned < budget; scanned++) {
        const struct pool_batch *batch = list->next_scan;
        for (size_t i = 0; i < batch->count; i++) {
            shade(marker, (uintptr_t)batch->references[i]);
        }
        list->next_scan = batch->next;
    }
    return scanned;
}

/* The same of all lists. */
static size_t scan_piece(struct pool_state *state, struct marker *marker) LOCK_REQUIRES(state->lock)
{
    size_t scanned = 0;
    for (struct tri_pool *pool = state->first; pool != NULL; pool = pool->next) {
        scanned += scan_list(&pool->fresh, marker, POOL_SCAN_BATCHES - scanned);
        scanned += scan_list(&pool->old, marker, POOL_SCAN_BATCHES - scanned);
    }
    return scanned;
}

static void begin_scan(struct pool_state *state) LOCK_REQUIRES(state->lock)
{
    for (struct tri_pool *pool = state->first; pool != NULL; pool = pool->next) {
        pool->fresh.next_scan = pool->fresh.first;
        pool->old.next_scan = pool->old.first;
    }
}

size_t pool_scan_common(struct tri_heap *heap, struct marker *marker)
{
    struct pool_state *state = &heap->pools;
    lock_acquire(&state->lock);
    begin_scan(state);
    size_t scanned = scan_piece(state, marker);
    size_t all = scanned;
    while (scanned == POOL_SCAN_BATCHES) { /* let others have the lock between [roots.3] */
        lock_release(&state->lock);
        port_nap(1000); /* else this thread would have it again at once */
        lock_acquire(&state->lock);
        scanned = scan_piece(state, marker);
        all += scanned;
    }
    lock_release(&state->lock);
    return all * sizeof(struct pool_batch);
}
