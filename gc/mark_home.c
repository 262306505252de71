/* mark_home.c -- where grey work is sent, and how long it waits there.
 *
 * Owns:       mark_state.homes, away and waits; marker.sends, home and away.
 * Invariants:
 *   [mark_home.1] What was sent MUST be delivered before its sender answers a handshake or lets go
 *                 of CYCLE; otherwise marking ends with a grey object that nobody knows of.
 *   [mark_home.2] What waits at a home MUST be there for anyone to take after a bounded number of
 *                 looks, and for who drains at once, and nothing be sent from then on; otherwise
 *                 the cycle waits for a mutator that is not coming, or what is taken goes back.
 *   [mark_home.3] What waits at a home MUST count as grey work; otherwise marking ends without it.
 * Locks:      META inside the pool of segments.
 * Callers:    shade, mark, answer, cycle, heap.
 *
 * Which home an object has is a hint: two mutators may share a shard, and one may have handed the
 * object to another. Nobody's is what a mutator has allocated that is blocked, as far as it was
 * blocked when roots were asked for; it would wait in vain.
 */
#include "gc/mark_home.h"

#include "gc/assert.h"

static void init_work(struct grey_work *work, struct segment_pool *segments)
{
    mark_stack_init(&work->stack, segments);
    mark_queue_init(&work->queue, segments);
}

void mark_home_init(struct tri_heap *heap)
{
    struct mark_state *mark = &heap->mark;
    for (unsigned i = 0; i < CENTRAL_SHARDS; i++) {
        init_work(&mark->homes[i].grey, &mark->segments);
    }
}

void mark_home_enter(struct tri_heap *heap, struct marker *marker, struct grey_work *away,
                     uint32_t home)
{
    for (unsigned i = 0; i < CENTRAL_SHARDS; i++) {
        init_work(&away[i], &heap->mark.segments);
    }
    marker->away = away;
    marker->home = home;
}

void mark_home_leave(struct marker *marker)
{
    for (unsigned i = 0; marker->away != NULL && i < CENTRAL_SHARDS; i++) {
        mark_stack_destroy(&marker->away[i].stack);
        mark_queue_destroy(&marker->away[i].queue);
    }
}

/* Whether it has been waited for those who are at home for long enough. */
static bool homes_are_open(const struct mark_state *mark)
{
    return load_relaxed(&mark->waits) >= HOME_WAITS;
}

void mark_home_open_all(struct mark_state *mark)
{
    store_relaxed(&mark->waits, (uint32_t)HOME_WAITS);
}

void mark_home_wait(struct mark_state *mark, uint32_t times)
{
    fetch_add_relaxed(&mark->waits, times);
}

/* The cycle under way, as mark_home.present says it; not 0, which says none. */
static uint32_t cycle_mark(const struct tri_heap *heap)
{
    return (uint32_t)load_relaxed(&heap->cycle.count) * 2 + 1;
}

void mark_home_refresh(struct marker *marker)
{
    const struct tri_heap *heap = marker->heap;
    marker->sends = marker->away != NULL && heap_is_self_driven(heap) &&
                    load_relaxed(&heap->attached) > 1 && !homes_are_open(&heap->mark);
}

void mark_home_arrive(struct tri_mutator *mutator)
{
    struct tri_heap *heap = mutator->heap;
    store_relaxed(&heap->mark.homes[mutator->cache.shard].present, cycle_mark(heap));
}

/* Where what is grey in span goes; NULL: it stays. */
static struct grey_work *destination(struct marker *marker, const struct span *span)
{
    uint32_t home = load_relaxed(&span->home);
    if (!marker->sends || home == 0 || home == marker->home) {
        return NULL;
    }
    const struct mark_home *other = &marker->heap->mark.homes[home - 1];
    return load_relaxed(&other->present) == cycle_mark(marker->heap) ? &marker->away[home - 1]
                                                                     : NULL;
}

bool mark_home_send_object(struct marker *marker, const struct span *span, uintptr_t address)
{
    struct grey_work *away = destination(marker, span);
    return away != NULL && mark_stack_push(&away->stack, address);
}

bool mark_home_send_span(struct marker *marker, struct span *span)
{
    struct grey_work *away = destination(marker, span);
    return away != NULL && mark_queue_push(&away->queue, span);
}

static bool is_empty(const struct grey_work *work)
{
    return mark_stack_is_empty(&work->stack) && mark_queue_is_empty(&work->queue);
}

bool mark_home_deliver(struct mark_state *mark, struct marker *marker)
{
    bool any = false;
    for (unsigned i = 0; marker->away != NULL && i < CENTRAL_SHARDS; i++) {
        if (!is_empty(&marker->away[i])) {
            mark_stack_publish(&marker->away[i].stack, &mark->homes[i].grey.stack);
            mark_queue_publish(&marker->away[i].queue, &mark->homes[i].grey.queue);
            any = true;
        }
    }
    return any;
}

void mark_home_publish(struct mark_state *mark, struct marker *marker)
{
    bool home = marker->sends && marker->home != 0;
    struct grey_work *work = home ? &mark->homes[marker->home - 1].grey : NULL;
    mark_stack_publish(&marker->stack, home ? &work->stack : &mark->pool);
    mark_queue_publish(&marker->queue, home ? &work->queue : &mark->queue);
}

static bool take_from(struct grey_work *home, struct marker *thief)
{
    return mark_stack_steal(&thief->stack, &home->stack) ||
           mark_queue_steal(&thief->queue, &home->queue);
}

bool mark_home_take(struct mark_state *mark, struct marker *thief)
{
    return thief->home != 0 && take_from(&mark->homes[thief->home - 1].grey, thief);
}

bool mark_home_take_any(struct mark_state *mark, struct marker *thief)
{
    if (heap_is_self_driven(thief->heap) && !homes_are_open(mark)) {
        return false;
    }
    for (unsigned i = 0; i < CENTRAL_SHARDS; i++) {
        if (take_from(&mark->homes[i].grey, thief)) {
            return true;
        }
    }
    return false;
}

bool mark_home_has_work(const struct mark_state *mark)
{
    for (unsigned i = 0; i < CENTRAL_SHARDS; i++) {
        const struct grey_work *home = &mark->homes[i].grey;
        if (mark_stack_has_shared(&home->stack) || mark_queue_has_shared(&home->queue)) {
            return true;
        }
    }
    return false;
}

bool mark_home_waits(struct mark_state *mark, size_t budget)
{
    if (!mark_home_has_work(mark) || homes_are_open(mark)) {
        return false;
    }
    /* Who allocates much at a time waits fewer times. */
    mark_home_wait(mark, (uint32_t)size_max(budget / STEP_SCAN_BYTES, 1)); /* [mark_home.2] */
    return true;
}
