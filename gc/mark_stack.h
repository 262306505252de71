/* mark_stack.h -- the grey objects of one marker, and how another takes some of them.
 *
 * A stack of segments. The topmost is private; full ones are put where other threads may take them,
 * a segment at a time, without a lock: a thread of low priority that is interrupted here must not
 * make a mutator wait. (Go's work buffers; docs/decisions.md, "Grey work".)
 */
#ifndef GC_MARK_STACK_H
#define GC_MARK_STACK_H

#include "gc/atomic.h"
#include "gc/meta_alloc.h"
#include "gc/tuning.h"

struct mark_segment {
    struct mark_segment *next; /* atomic: below it on a segment_stack */
    size_t count;
    uintptr_t entries[MARK_SEGMENT_ENTRIES];
};

/* Segments that any thread may push and pop. Lock-free. */
struct segment_stack {
    uint64_t head; /* atomic: a segment's address and a tag, see mark_stack.c; 0 without its tag:
                      empty */
};

void segment_stack_put(struct segment_stack *stack, struct mark_segment *segment);
/* The topmost segment; NULL if there is none. */
struct mark_segment *segment_stack_take(struct segment_stack *stack);
/* All of them, linked by mark_segment_next; NULL if there are none. */
struct mark_segment *segment_stack_take_all(struct segment_stack *stack);
bool segment_stack_is_empty(const struct segment_stack *stack);

/* Where segments come from and go to; shared by all markers of a heap. */
struct segment_pool {
    struct meta_alloc *meta; /* written once */
    struct segment_stack unused;
};

void segment_pool_init(struct segment_pool *pool, struct meta_alloc *meta);

/* An empty segment, the caller's; NULL where the system gives no memory. Takes META where none is
 * unused. */
struct mark_segment *segment_pool_take(struct segment_pool *pool);
/* An empty segment that is unused; NULL if there is none. Lock-free. */
struct mark_segment *segment_pool_take_unused(struct segment_pool *pool);
bool segment_pool_has_unused(const struct segment_pool *pool);
void segment_pool_give(struct segment_pool *pool, struct mark_segment *segment);

struct mark_stack {
    struct segment_pool *pool;    /* written once */
    struct mark_segment *current; /* owner only; NULL: no segment yet */
    struct segment_stack shared;  /* segments that anyone may take */
    bool lock_free; /* owner only: new segments are unused ones of the pool's, or none */
};

void mark_stack_init(struct mark_stack *stack, struct segment_pool *pool);
/* The stack is empty. */
void mark_stack_destroy(struct mark_stack *stack);

/* Put entry on top. False where there is no memory for another segment, or, on a stack that is
 * lock_free, none unused: the entry is not on the stack. Owner only. */
bool mark_stack_push(struct mark_stack *stack, uintptr_t entry);

/* Take the topmost entry, from the shared segments where the private one is used up. False if there
 * is none. Owner only. */
bool mark_stack_pop(struct mark_stack *stack, uintptr_t *entry);

/* Drop all that is on it. Owner only. */
void mark_stack_clear(struct mark_stack *stack);

/* Whether the next push begins a segment. Owner only. */
static inline bool mark_stack_is_full(const struct mark_stack *stack)
{
    return stack->current != NULL && stack->current->count == MARK_SEGMENT_ENTRIES;
}

/* Whether fewer than entries are on it. Owner only. */
static inline bool mark_stack_is_short(const struct mark_stack *stack, size_t entries)
{
    return (stack->current == NULL || stack->current->count < entries) &&
           segment_stack_is_empty(&stack->shared);
}

/* Let others have half of the private segment, as far as there is a segment for it. Owner only. */
void mark_stack_share(struct mark_stack *stack);

/* Give all that is on stack to target, for anyone to take. Owner of stack only; target may be
 * anybody's. */
void mark_stack_publish(struct mark_stack *stack, struct mark_stack *target);

/* Give all that is on stack but its private segment to target. Owner of stack only; target is
 * another one. */
void mark_stack_publish_full(struct mark_stack *stack, struct mark_stack *target);

/* Move one shared segment of victim to stack, whose owner calls and which is empty. False if victim
 * has none. */
bool mark_stack_steal(struct mark_stack *stack, struct mark_stack *victim);

/* Take one shared segment of victim, the caller's from now on; NULL if there is none. */
struct mark_segment *mark_stack_take(struct mark_stack *victim);

/* Take all shared segments of victim at once, the caller's from now on, linked by
 * mark_segment_next; NULL if there are none. */
struct mark_segment *mark_stack_take_all(struct mark_stack *victim);

static inline struct mark_segment *mark_segment_next(const struct mark_segment *segment)
{
    return load_relaxed(&segment->next);
}

bool mark_stack_has_shared(const struct mark_stack *stack);

/* Whether the owner has nothing at all. Owner only. */
static inline bool mark_stack_is_empty(const struct mark_stack *stack)
{
    return (stack->current == NULL || stack->current->count == 0) && !mark_stack_has_shared(stack);
}

#endif
