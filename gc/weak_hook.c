/* weak_hook.c -- functions of the host's that take what has died out of its own tables.
 *
 * Owns:       struct weak_hook_state and the hooks. Slots are the host's.
 * Idea:       a table of the host's is a weak container that is always marked and always noted, so
 *             nothing is asked of the host while a cycle marks. When marking has ended the host
 *             clears its slots itself, a piece at a time, and a mutator that comes to a slot before
 *             that reads it as a weak reference (weak_read), by the mark. docs/correctness.md.
 * Invariants:
 *   [weak_hook.1] All hooks MUST have been through before anything dead is marked, and so before
 *                 disarm; otherwise a mutator whose barrier is off reads a slot that refers to what
 *                 is freed, or takes what finalization gets back for live ([weak.4]).
 *   [weak_hook.2] A hook MUST NOT be called but with HOOKS held; otherwise it is called after it
 *                 was removed, when its table is gone.
 *   [weak_hook.3] A slot MUST be cleared by one exchange of what was found dead; otherwise a word
 *                 that a mutator enters meanwhile is lost.
 * Locks:      HOOKS, and under it, outside of all ranks, what the host's function takes: hence no
 *             mutator may ask for HOOKS, or answer anybody, with a lock of that kind in hand. META
 *             inside the pool.
 * Callers:    weak, in the weak phase; cycle, in a hold; the public functions on any thread.
 */
#include "gc/weak_hook.h"

#include "gc/assert.h"
#include "gc/tuning.h"
#include "gc/weak_scan.h"

void weak_hook_state_init(struct tri_heap *heap)
{
    struct weak_hook_state *state = &heap->weak_hooks;
    lock_init(&state->lock, LOCK_HOOKS);
    fixed_pool_init(&state->pool, &heap->meta, sizeof(struct tri_weak_hook));
}

void weak_hook_state_destroy(struct tri_heap *heap)
{
    lock_destroy(&heap->weak_hooks.lock);
}

struct tri_weak_hook *weak_hook_add(struct tri_heap *heap, const tri_encoding *encoding,
                                    tri_weak_hook_function *function, void *argument)
{
    struct weak_hook_state *state = &heap->weak_hooks;
    struct tri_weak_hook *hook = fixed_pool_take(&state->pool);
    if (hook == NULL) {
        return NULL;
    }
    *hook = (struct tri_weak_hook){
        .heap = heap, .encoding = *encoding, .function = function, .argument = argument};
    lock_acquire(&state->lock);
    hook->next = state->first;
    state->first = hook;
    lock_release(&state->lock);
    return hook;
}

void weak_hook_remove(struct tri_weak_hook *hook)
{
    struct weak_hook_state *state = &hook->heap->weak_hooks;
    lock_acquire(&state->lock); /* [weak_hook.2] */
    struct tri_weak_hook **link = &state->first;
    while (*link != NULL && *link != hook) {
        link = &(*link)->next;
    }
    TRI_REQUIRE(*link != NULL, "tri_weak_hook_remove: %p is not a hook, or was removed",
                (void *)hook);
    *link = hook->next;
    lock_release(&state->lock);
    fixed_pool_give(&state->pool, hook);
}

/* ---- Inside a call --------------------------------------------------------------------------- */

static void require_running(const struct tri_weak_hook *hook, const char *call)
{
    TRI_REQUIRE(load_relaxed(&hook->is_running) != 0,
                "%s: outside of a call of the hook's function nobody knows what is dead; use "
                "tri_weak_slot_get",
                call);
}

static bool is_dead(const struct tri_weak_hook *hook, uintptr_t word)
{
    bool is_dead = weak_is_dead(hook->heap, &hook->encoding, word);
    TRI_REQUIRE(
        !is_dead || !hook->heap->weak_hooks.checks,
        "gcverify: the word %p of a slot refers to an object that is about to be freed, and "
        "the weak hook had said that it was through",
        (void *)word);
    return is_dead;
}

bool weak_hook_is_dead(const struct tri_weak_hook *hook, uintptr_t word)
{
    require_running(hook, "tri_weak_is_dead");
    return is_dead(hook, word);
}

bool weak_hook_clear(struct tri_weak_hook *hook, void *slot, uintptr_t by)
{
    require_running(hook, "tri_weak_slot_clear");
    tri_aliased_word *at = slot;
    /* acquire: pairs with the release of tri_weak_slot_set, so that a new object's mark is seen */
    uintptr_t word = load_acquire(at);
    /* [weak_hook.3] release half: comes before the marks of WEAK_RESCUE, as in weak.c */
    return is_dead(hook, word) && cas_seq_cst(at, &word, by);
}

/* ---- The weak phase -------------------------------------------------------------------------- */

/* HOOKS held. */
static bool call(struct tri_weak_hook *hook, size_t budget)
{
    store_relaxed(&hook->is_running, 1U);
    bool is_over = hook->function(hook, budget, hook->argument);
    store_relaxed(&hook->is_running, 0U);
    return is_over;
}

void weak_hooks_begin(struct tri_heap *heap)
{
    struct weak_hook_state *state = &heap->weak_hooks;
    lock_acquire(&state->lock);
    for (struct tri_weak_hook *hook = state->first; hook != NULL; hook = hook->next) {
        hook->is_over = false;
    }
    lock_release(&state->lock);
}

bool weak_hooks_run(struct tri_heap *heap, size_t budget)
{
    struct weak_hook_state *state = &heap->weak_hooks;
    lock_acquire(&state->lock); /* [weak_hook.2] */
    struct tri_weak_hook *hook = state->first;
    while (hook != NULL && hook->is_over) {
        hook = hook->next;
    }
    size_t slots = budget / WEAK_HOOK_SLOT_COST + 1;
    while (hook != NULL && !hook->is_over && slots > 0) {
        size_t piece = size_min(slots, WEAK_HOOK_SLOTS);
        hook->is_over = call(hook, piece);
        slots -= piece;
    }
    lock_release(&state->lock);
    return hook != NULL;
}

void weak_hooks_check(struct tri_heap *heap)
{
    struct weak_hook_state *state = &heap->weak_hooks;
    lock_acquire(&state->lock);
    state->checks = true;
    for (struct tri_weak_hook *hook = state->first; hook != NULL; hook = hook->next) {
        while (!call(hook, WEAK_HOOK_SLOTS)) {
        }
    }
    state->checks = false;
    lock_release(&state->lock);
}
