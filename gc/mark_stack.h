/* mark_stack.h -- the grey objects of one marker, and how another takes some of them.
 *
 * A stack of segments. The topmost is private; full ones are put where other markers may take them,
 * a segment at a time, under a lock that is taken once in some 500 objects. (Go's work buffers; a
 * lock in place of a lock-free list because it is never hot, see docs/decisions.md, "Grey work".)
 */
#ifndef GC_MARK_STACK_H
#define GC_MARK_STACK_H

#include "gc/atomic.h"
#include "gc/meta_alloc.h"
#include "gc/tuning.h"

struct mark_segment {
    struct mark_segment *next;
    size_t count;
    uintptr_t entries[MARK_SEGMENT_ENTRIES];
};

struct mark_stack {
    struct fixed_pool *pool;      /* where segments come from; shared by all markers */
    struct mark_segment *current; /* owner only; NULL: no segment yet */

    struct lock lock;            /* MARK; guards shared */
    struct mark_segment *shared; /* segments that anyone may take */
    uint32_t shared_count;       /* atomic; written under the lock, read as a hint without */
};

void mark_stack_init(struct mark_stack *stack, struct fixed_pool *pool);
/* The stack is empty. */
void mark_stack_destroy(struct mark_stack *stack);

/* Put entry on top. False where there is no memory for another segment: the entry is not on the
 * stack. Owner only. */
bool mark_stack_push(struct mark_stack *stack, uintptr_t entry);

/* Take the topmost entry, from the shared segments where the private one is used up. False if there
 * is none. Owner only. */
bool mark_stack_pop(struct mark_stack *stack, uintptr_t *entry);

/* Let others have half of the private segment. Owner only. */
void mark_stack_share(struct mark_stack *stack);

/* Move one shared segment of victim to stack, whose owner calls and which is empty. False if victim
 * has none. */
bool mark_stack_steal(struct mark_stack *stack, struct mark_stack *victim);

static inline bool mark_stack_has_shared(const struct mark_stack *stack)
{
    return load_relaxed(&stack->shared_count) != 0;
}

/* Whether the owner has nothing at all. Owner only. */
static inline bool mark_stack_is_empty(const struct mark_stack *stack)
{
    return (stack->current == NULL || stack->current->count == 0) && !mark_stack_has_shared(stack);
}

#endif
