/* mark_queue.h -- the spans with grey objects that one marker has met, first in, first out, and how
 * another takes some of them.
 *
 * First in, first out, so that a span waits for long and many of its objects are grey when it is
 * scanned. Made of the segments of mark_stack.h: a private one is filled and a private one is
 * drained; full ones lie on two stacks where anyone may take them, the newest on top of the one,
 * the oldest on top of the other.
 */
#ifndef GC_MARK_QUEUE_H
#define GC_MARK_QUEUE_H

#include "gc/mark_stack.h"
#include "gc/span.h"

struct mark_queue {
    struct segment_pool *pool;     /* written once */
    struct mark_segment *filling;  /* owner only; NULL: no segment yet */
    struct mark_segment *draining; /* owner only; NULL: no segment yet */
    size_t head;                   /* owner only: of draining, the first entry that is left */
    struct segment_stack incoming; /* the newest on top */
    struct segment_stack outgoing; /* older than what is incoming; the oldest on top */
    bool lock_free; /* owner only: new segments are unused ones of the pool's, or none */
};

void mark_queue_init(struct mark_queue *queue, struct segment_pool *pool);
/* The queue is empty. */
void mark_queue_destroy(struct mark_queue *queue);

/* Put span at the end. False where there is no memory for another segment, or, on a queue that is
 * lock_free, none unused: the span is not in the queue. Owner only. */
bool mark_queue_push(struct mark_queue *queue, struct span *span);

/* The slow half of mark_queue_pop: find a segment to drain. False if there is none. */
bool mark_queue_refill(struct mark_queue *queue);

/* Take the span at the front; NULL if there is none. Owner only. */
static inline struct span *mark_queue_pop(struct mark_queue *queue)
{
    if ((queue->draining == NULL || queue->head == queue->draining->count) &&
        !mark_queue_refill(queue)) {
        return NULL;
    }
    return (struct span *)queue->draining->entries[queue->head++];
}

/* The span that will be popped after `after` others, as far as that is at hand; else NULL. Owner
 * only. */
static inline struct span *mark_queue_peek(const struct mark_queue *queue, size_t after)
{
    const struct mark_segment *segment = queue->draining;
    if (segment == NULL || queue->head + after >= segment->count) {
        return NULL;
    }
    return (struct span *)segment->entries[queue->head + after];
}

/* Let others have some of what is private. Owner only. */
void mark_queue_share(struct mark_queue *queue);

/* Give all that is in queue to target, for anyone to take. Owner of queue only; target is another
 * one, anybody's. */
void mark_queue_publish(struct mark_queue *queue, struct mark_queue *target);

/* Give all that is in queue but its private segments to target. */
void mark_queue_publish_full(struct mark_queue *queue, struct mark_queue *target);

/* Move one shared segment of victim to queue, whose owner calls and which is empty. False if victim
 * has none. */
bool mark_queue_steal(struct mark_queue *queue, struct mark_queue *victim);

static inline bool mark_queue_has_shared(const struct mark_queue *queue)
{
    return !segment_stack_is_empty(&queue->outgoing) || !segment_stack_is_empty(&queue->incoming);
}

/* Whether fewer than spans are in it. Owner only. */
static inline bool mark_queue_is_short(const struct mark_queue *queue, size_t spans)
{
    size_t filling = queue->filling == NULL ? 0 : queue->filling->count;
    size_t draining = queue->draining == NULL ? 0 : queue->draining->count - queue->head;
    return filling + draining < spans && !mark_queue_has_shared(queue);
}

/* Whether the owner has nothing at all. Owner only. */
static inline bool mark_queue_is_empty(const struct mark_queue *queue)
{
    return (queue->draining == NULL || queue->head == queue->draining->count) &&
           (queue->filling == NULL || queue->filling->count == 0) && !mark_queue_has_shared(queue);
}

#endif
