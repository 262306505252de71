/* mark_stack.c -- segments of grey objects.
 *
 * Owns:       the segments that are on a stack or unused.
 * Invariants:
 *   [mark_stack.1] An entry MUST be on exactly one stack until it is popped; otherwise an object is
 *                  scanned by nobody, and what only it refers to is lost, or twice, and scan work
 *                  is counted twice.
 *   [mark_stack.2] The head's tag MUST change with every change of a segment_stack; otherwise a
 *                  thread that was interrupted while popping puts a segment that is somebody's
 *                  private one on the stack (Note [N1 tagged head]).
 *   [mark_stack.3] Segments MUST stay mapped until the heap ends; otherwise such a thread reads the
 *                  next field of one that is gone.
 *   [mark_stack.4] A stack that is lock_free MUST NOT take META; otherwise a marker at idle
 *                  priority is interrupted with it, and a mutator whose barrier wants a segment
 *                  waits until some processor is idle.
 * Locks:      META inside meta_alloc, where a segment is fresh.
 * Callers:    markers; mutators for their own.
 */
#include "gc/mark_stack.h"

#include <string.h>

#include "gc/assert.h"

/* A segment begins a page of its own size, and addresses have 48 bits: of the head's 64, the upper
 * 36 are the address and the lower 28 the tag. */
#define SEGMENT_BYTES ((size_t)4096)
#define TAG_BITS      28
#define TAG_MASK      ((UINT64_C(1) << TAG_BITS) - 1)
_Static_assert(sizeof(struct mark_segment) == SEGMENT_BYTES, "a segment is a page");

static struct mark_segment *head_segment(uint64_t head)
{
    return (struct mark_segment *)(uintptr_t)((head >> TAG_BITS) * SEGMENT_BYTES);
}

static uint64_t make_head(const struct mark_segment *segment, uint64_t before)
{
    uint64_t page = (uint64_t)(uintptr_t)segment / SEGMENT_BYTES;
    return page << TAG_BITS | ((before + 1) & TAG_MASK); /* [mark_stack.2] */
}

void segment_stack_put(struct segment_stack *stack, struct mark_segment *segment)
{
    uint64_t head = load_relaxed(&stack->head);
    do {
        store_relaxed(&segment->next, head_segment(head));
        /* release half: pairs with the acquire half in segment_stack_take */
    } while (!cas_weak_acq_rel(&stack->head, &head, make_head(segment, head)));
}

struct mark_segment *segment_stack_take(struct segment_stack *stack)
{
    /* acquire: pairs with the release half in segment_stack_put */
    uint64_t head = load_acquire(&stack->head);
    for (;;) {
        struct mark_segment *segment = head_segment(head);
        if (segment == NULL) {
            return NULL;
        }
        /* Stale where somebody else has just taken it; then the exchange fails [mark_stack.3]. */
        const struct mark_segment *next = load_relaxed(&segment->next);
        /* acquire half: pairs as above */
        if (cas_weak_acq_rel(&stack->head, &head, make_head(next, head))) {
            return segment;
        }
    }
}

struct mark_segment *segment_stack_take_all(struct segment_stack *stack)
{
    uint64_t head = load_relaxed(&stack->head);
    /* acquire half: pairs with the release halves of all the changes in segment_stack_put that lead
     * to this head */
    while (!cas_weak_acq_rel(&stack->head, &head, make_head(NULL, head))) {
    }
    return head_segment(head);
}

bool segment_stack_is_empty(const struct segment_stack *stack)
{
    return head_segment(load_relaxed(&stack->head)) == NULL;
}

void segment_pool_init(struct segment_pool *pool, struct meta_alloc *meta)
{
    *pool = (struct segment_pool){.meta = meta};
}

struct mark_segment *segment_pool_take_unused(struct segment_pool *pool)
{
    struct mark_segment *segment = segment_stack_take(&pool->unused);
    if (segment != NULL) {
        segment->count = 0;
    }
    return segment;
}

struct mark_segment *segment_pool_take(struct segment_pool *pool)
{
    struct mark_segment *segment = segment_pool_take_unused(pool);
    if (segment == NULL) {
        segment = meta_alloc_take(pool->meta, SEGMENT_BYTES, SEGMENT_BYTES); /* zeroed */
        TRI_ASSERT((uint64_t)(uintptr_t)segment >> 48 == 0);
    }
    return segment;
}

bool segment_pool_has_unused(const struct segment_pool *pool)
{
    return !segment_stack_is_empty(&pool->unused);
}

void segment_pool_give(struct segment_pool *pool, struct mark_segment *segment)
{
    segment_stack_put(&pool->unused, segment);
}

void mark_stack_init(struct mark_stack *stack, struct segment_pool *pool)
{
    *stack = (struct mark_stack){.pool = pool};
}

void mark_stack_destroy(struct mark_stack *stack)
{
    TRI_ASSERT(mark_stack_is_empty(stack));
    if (stack->current != NULL) {
        segment_pool_give(stack->pool, stack->current);
        stack->current = NULL;
    }
}

bool mark_stack_has_shared(const struct mark_stack *stack)
{
    return !segment_stack_is_empty(&stack->shared);
}

/* A segment for stack; NULL where it can have none. */
static struct mark_segment *take_segment(struct mark_stack *stack)
{
    return stack->lock_free ? segment_pool_take_unused(stack->pool) /* [mark_stack.4] */
                            : segment_pool_take(stack->pool);
}

/* Make a new private segment after the full one was shared. False where there is none; then nothing
 * has changed. */
static bool begin_segment(struct mark_stack *stack)
{
    struct mark_segment *fresh = take_segment(stack);
    if (fresh == NULL) {
        return false;
    }
    if (stack->current != NULL) {
        segment_stack_put(&stack->shared, stack->current);
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
        segment_pool_give(stack->pool, stack->current);
    }
    stack->current = segment;
}

bool mark_stack_pop(struct mark_stack *stack, uintptr_t *entry)
{
    if ((stack->current == NULL || stack->current->count == 0) && !mark_stack_steal(stack, stack)) {
        return false;
    }
    *entry = stack->current->entries[--stack->current->count];
    return true;
}

void mark_stack_clear(struct mark_stack *stack)
{
    uintptr_t entry;
    while (mark_stack_pop(stack, &entry)) {
        stack->current->count = 0;
    }
}

void mark_stack_share(struct mark_stack *stack)
{
    struct mark_segment *segment = stack->current;
    if (segment == NULL || segment->count < 2) {
        return;
    }
    struct mark_segment *half = take_segment(stack);
    if (half == NULL) {
        return;
    }
    /* The older half: what lies deeper in the stack leads to more. */
    half->count = segment->count / 2;
    segment->count -= half->count;
    memcpy(half->entries, segment->entries, half->count * sizeof half->entries[0]);
    memmove(segment->entries, segment->entries + half->count,
            segment->count * sizeof segment->entries[0]);
    segment_stack_put(&stack->shared, half);
}

void mark_stack_publish(struct mark_stack *stack, struct mark_stack *target)
{
    if (stack->current != NULL && stack->current->count > 0) {
        segment_stack_put(&target->shared, stack->current);
        stack->current = NULL;
    }
    if (stack != target) {
        mark_stack_publish_full(stack, target);
    }
}

void mark_stack_publish_full(struct mark_stack *stack, struct mark_stack *target)
{
    struct mark_segment *segment;
    TRI_ASSERT(stack != target);
    while ((segment = segment_stack_take(&stack->shared)) != NULL) {
        segment_stack_put(&target->shared, segment);
    }
}

struct mark_segment *mark_stack_take(struct mark_stack *victim)
{
    return segment_stack_take(&victim->shared);
}

struct mark_segment *mark_stack_take_all(struct mark_stack *victim)
{
    return segment_stack_take_all(&victim->shared);
}

bool mark_stack_steal(struct mark_stack *stack, struct mark_stack *victim)
{
    struct mark_segment *segment = segment_stack_take(&victim->shared);
    if (segment == NULL) {
        return false;
    }
    replace_current(stack, segment);
    return true;
}
