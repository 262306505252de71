/* mark_stack.c -- segments of grey objects.
 *
 * Owns:       the segments that are on a stack.
 * Invariants:
 *   [mark_stack.1] An entry MUST be on exactly one stack until it is popped; otherwise an object is
 *                  scanned by nobody, and what only it refers to is lost, or twice, and scan work
 *                  is counted twice.
 * Locks:      MARK, one stack's at a time.
 * Callers:    markers.
 */
#include "gc/mark_stack.h"

#include <string.h>

#include "gc/assert.h"

void mark_stack_init(struct mark_stack *stack, struct fixed_pool *pool)
{
    *stack = (struct mark_stack){.pool = pool};
    lock_init(&stack->lock, LOCK_MARK);
}

void mark_stack_destroy(struct mark_stack *stack)
{
    TRI_ASSERT(mark_stack_is_empty(stack));
    if (stack->current != NULL) {
        fixed_pool_give(stack->pool, stack->current);
    }
    lock_destroy(&stack->lock);
}

static void put_shared(struct mark_stack *stack, struct mark_segment *segment)
{
    lock_acquire(&stack->lock);
    segment->next = stack->shared;
    stack->shared = segment;
    store_relaxed(&stack->shared_count, stack->shared_count + 1);
    lock_release(&stack->lock);
}

/* One of victim's shared segments, the caller's from now on; NULL if there is none. */
static struct mark_segment *take_shared(struct mark_stack *victim)
{
    if (!mark_stack_has_shared(victim)) {
        return NULL;
    }
    lock_acquire(&victim->lock);
    struct mark_segment *segment = victim->shared;
    if (segment != NULL) {
        victim->shared = segment->next;
        store_relaxed(&victim->shared_count, victim->shared_count - 1);
    }
    lock_release(&victim->lock);
    return segment;
}

/* Make a new private segment after the full one was shared. False where there is no memory; then
 * nothing has changed. */
static bool begin_segment(struct mark_stack *stack)
{
    struct mark_segment *fresh = fixed_pool_take(stack->pool);
    if (fresh == NULL) {
        return false;
    }
    if (stack->current != NULL) {
        put_shared(stack, stack->current);
    }
    stack->current = fresh;
    return true;
}

bool mark_stack_push(struct mark_stack *stack, uintptr_t entry)
{
    struct mark_segment *segment = stack->current;
    if (TRI_UNLIKELY(segment == NULL || segment->count == MARK_SEGMENT_ENTRIES)) {
        if (!begin_segment(stack)) {
            return false;
        }
        segment = stack->current;
    }
    segment->entries[segment->count++] = entry;
    return true;
}

/* Replace the used-up private segment by segment. */
static void replace_current(struct mark_stack *stack, struct mark_segment *segment)
{
    TRI_ASSERT(stack->current == NULL || stack->current->count == 0); /* [mark_stack.1] */
    if (stack->current != NULL) {
        fixed_pool_give(stack->pool, stack->current);
    }
    stack->current = segment;
}

bool mark_stack_pop(struct mark_stack *stack, uintptr_t *entry)
{
    if (stack->current == NULL || stack->current->count == 0) {
        struct mark_segment *segment = take_shared(stack);
        if (segment == NULL) {
            return false;
        }
        replace_current(stack, segment);
    }
    *entry = stack->current->entries[--stack->current->count];
    return true;
}

void mark_stack_share(struct mark_stack *stack)
{
    struct mark_segment *segment = stack->current;
    if (segment == NULL || segment->count < 2) {
        return;
    }
    struct mark_segment *half = fixed_pool_take(stack->pool);
    if (half == NULL) {
        return;
    }
    /* The older half: what lies deeper in the stack leads to more. */
    half->count = segment->count / 2;
    segment->count -= half->count;
    memcpy(half->entries, segment->entries, half->count * sizeof half->entries[0]);
    memmove(segment->entries, segment->entries + half->count,
            segment->count * sizeof segment->entries[0]);
    put_shared(stack, half);
}

bool mark_stack_steal(struct mark_stack *stack, struct mark_stack *victim)
{
    struct mark_segment *segment = take_shared(victim);
    if (segment == NULL) {
        return false;
    }
    replace_current(stack, segment);
    return true;
}
