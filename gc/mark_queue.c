/* mark_queue.c -- segments of spans with grey objects.
 *
 * Owns:       the segments that are in a queue.
 * Invariants:
 *   [mark_queue.1] An entry MUST be in exactly one queue until it is popped; otherwise a span is
 *                  scanned by nobody, and its grey objects are lost, or two markers scan it at a
 *                  time ([scan_span.1]).
 *   [mark_queue.2] A queue that is lock_free MUST NOT take META; otherwise a marker at idle
 *                  priority is interrupted with it ([mark_stack.4]).
 * Locks:      META inside meta_alloc, where a segment is fresh.
 * Callers:    markers; mutators for their own.
 *
 * The order between segments that others have stolen, and those that several owners publish to the
 * same target, is any.
 */
#include "gc/mark_queue.h"

#include <string.h>

#include "gc/assert.h"

void mark_queue_init(struct mark_queue *queue, struct segment_pool *pool)
{
    *queue = (struct mark_queue){.pool = pool};
}

/* Replace the used-up segment that is drained by segment, which may be NULL. */
static void replace_draining(struct mark_queue *queue, struct mark_segment *segment)
{
    if (queue->draining != NULL) {
        TRI_ASSERT(queue->head == queue->draining->count); /* [mark_queue.1] */
        segment_pool_give(queue->pool, queue->draining);
    }
    queue->draining = segment;
    queue->head = 0;
}

void mark_queue_destroy(struct mark_queue *queue)
{
    TRI_ASSERT(mark_queue_is_empty(queue));
    replace_draining(queue, NULL);
    if (queue->filling != NULL) {
        segment_pool_give(queue->pool, queue->filling);
        queue->filling = NULL;
    }
}

/* A segment for queue; NULL where it can have none. */
static struct mark_segment *take_segment(const struct mark_queue *queue)
{
    return queue->lock_free ? segment_pool_take_unused(queue->pool) /* [mark_queue.2] */
                            : segment_pool_take(queue->pool);
}

bool mark_queue_push(struct mark_queue *queue, struct span *span)
{
    struct mark_segment *segment = queue->filling;
    if (TRI_UNLIKELY(segment == NULL || segment->count == MARK_SEGMENT_ENTRIES)) {
        struct mark_segment *fresh = take_segment(queue);
        if (fresh == NULL) {
            return false;
        }
        if (segment != NULL) {
            segment_stack_put(&queue->incoming, segment);
        }
        queue->filling = segment = fresh;
    }
    segment->entries[segment->count++] = (uintptr_t)span;
    return true;
}

/* Turn what is incoming round, so that its oldest segment is the top of what is outgoing. */
static void turn_round(struct mark_queue *queue)
{
    struct mark_segment *segment = segment_stack_take_all(&queue->incoming);
    while (segment != NULL) {
        struct mark_segment *older = mark_segment_next(segment);
        segment_stack_put(&queue->outgoing, segment);
        segment = older;
    }
}

bool mark_queue_refill(struct mark_queue *queue)
{
    struct mark_segment *segment = segment_stack_take(&queue->outgoing);
    if (segment == NULL && !segment_stack_is_empty(&queue->incoming)) {
        turn_round(queue);
        segment = segment_stack_take(&queue->outgoing);
    }
    if (segment == NULL) {
        segment = queue->filling;
        if (segment == NULL || segment->count == 0) {
            return false;
        }
        queue->filling = NULL;
    }
    replace_draining(queue, segment);
    return true;
}

/* Move the latter half of what is left to drain to a segment for others. False where there is no
 * segment for it. */
static bool share_half(struct mark_queue *queue, size_t left)
{
    struct mark_segment *half = take_segment(queue);
    if (half == NULL) {
        return false;
    }
    half->count = left / 2;
    queue->draining->count -= half->count;
    memcpy(half->entries, queue->draining->entries + queue->draining->count,
           half->count * sizeof half->entries[0]);
    segment_stack_put(&queue->outgoing, half);
    return true;
}

void mark_queue_share(struct mark_queue *queue)
{
    size_t left = queue->draining == NULL ? 0 : queue->draining->count - queue->head;
    if (left == 0 && mark_queue_refill(queue)) {
        left = queue->draining->count;
    }
    if (left >= 2 && share_half(queue, left)) {
        return;
    }
    if (left > 0 && queue->filling != NULL && queue->filling->count > 0) {
        segment_stack_put(&queue->incoming, queue->filling);
        queue->filling = NULL;
    }
}

void mark_queue_publish(struct mark_queue *queue, struct mark_queue *target)
{
    struct mark_segment *draining = queue->draining;
    if (draining != NULL && queue->head < draining->count) {
        draining->count -= queue->head;
        memmove(draining->entries, draining->entries + queue->head,
                draining->count * sizeof draining->entries[0]);
        segment_stack_put(&target->incoming, draining);
        queue->draining = NULL;
        queue->head = 0;
    }
    if (queue->filling != NULL && queue->filling->count > 0) {
        segment_stack_put(&target->incoming, queue->filling);
        queue->filling = NULL;
    }
    mark_queue_publish_full(queue, target);
}

void mark_queue_publish_full(struct mark_queue *queue, struct mark_queue *target)
{
    struct mark_segment *segment;
    TRI_ASSERT(queue != target);
    while ((segment = segment_stack_take(&queue->outgoing)) != NULL ||
           (segment = segment_stack_take(&queue->incoming)) != NULL) {
        segment_stack_put(&target->incoming, segment);
    }
}

bool mark_queue_steal(struct mark_queue *queue, struct mark_queue *victim)
{
    struct mark_segment *segment = segment_stack_take(&victim->outgoing);
    if (segment == NULL) {
        segment = segment_stack_take(&victim->incoming);
    }
    if (segment == NULL) {
        return false;
    }
    replace_draining(queue, segment);
    return true;
}
