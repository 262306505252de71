/* answer.c -- arm, settle, roots, flush, disarm, release: what each asks of a mutator.
 *
 *   arm      let go of what lies unused in pools, turn the barrier on
 *   settle   give the cache back, allocate black from now on
 *   roots    shade what the barrier has recorded and the mutator's own roots; its stack is black
 *            now
 *   flush    shade what the barrier has recorded since; say whether that, or an assist, made grey
 *   disarm   turn the barrier off and forget what it has recorded
 *   release  give the cache back, allocate white from now on
 *
 * Owns:       the barrier's mode of each mutator, and whether it allocates black.
 * Invariants:
 *   [answer.1] A mutator's stack MUST turn black only in its answer to roots, which is asked for
 *              when all have answered settle; otherwise a store that began before some barrier was
 *              on takes a white object out of sight (docs/correctness.md).
 *   [answer.2] A mutator MUST NOT allocate black before all barriers are on, that is, before its
 *              answer to settle; otherwise a mutator without barrier stores its only reference to a
 *              white object into a black one. It MUST do so from then on until sweeping has begun;
 *              otherwise what it allocates after its stack turned black is swept.
 *   [answer.3] What a mutator shaded since its last answer MUST be reported in the next, or when it
 *              detaches; otherwise marking ends while that is grey.
 *   [answer.4] A mutator that attaches before roots is asked for MUST start with a grey stack, and
 *              answer roots like all others; otherwise it loads an object that a mutator without
 *              barrier then makes unreachable for all but that black stack.
 *   [answer.5] The barrier MUST be off everywhere before the generation changes; otherwise a word
 *              that looks like a reference sets a mark in a span that is being swept. Hence disarm
 *              and release are two handshakes.
 *   [answer.6] Grey objects that an assist has kept MUST be given up in each answer to flush, in
 *              that to disarm, and when the mutator detaches; otherwise marking ends with a grey
 *              object that nobody scans. (In disarm it can only be a piece of garbage that a word
 *              which looks like a reference has led to; but that lives on, and what it refers to
 *              must, too.)
 * Locks:      none of its own; PAGES inside the flush of a cache.
 * Callers:    the mutator's thread at safepoints, the collector for blocked ones, by way of
 *             runtime/.
 */
#include "gc/answer.h"

#include "gc/assert.h"
#include "gc/assist.h"
#include "gc/barrier.h"
#include "gc/mark.h"
#include "gc/mark_home.h"
#include "gc/pool.h"
#include "gc/region.h"

static void flush_cache(struct tri_mutator *mutator, bool marking)
{
    struct tri_heap *heap = mutator->heap;
    struct thread_cache *cache = &mutator->cache;
    struct cache_home home = {&heap->page_heap, &heap->types, &heap->finalizers.spans, marking};
    assist_close(mutator, thread_cache_flush(cache, &home));
    region_settle(mutator); /* [region.1] */
}

void answer_flush_cache(struct tri_mutator *mutator)
{
    flush_cache(mutator, mutator->cache.black);
}

static bool is_insertion(const struct tri_mutator *mutator)
{
    return mutator->heap->options.barrier == TRI_BARRIER_INSERTION;
}

static void set_barrier(struct tri_mutator *mutator, enum barrier_mode mode)
{
    barrier_set_mode(mutator, mode);
}

static void allocate_black(struct tri_mutator *mutator)
{
    mutator->cache.black = true;
    mutator->cache.black_generation = mutator->heap->mark.generation;
    mutator->cache.one_by_one = is_insertion(mutator);
}

static void allocate_white(struct tri_mutator *mutator)
{
    mutator->cache.black = false;
    mutator->cache.one_by_one = false;
}

static void arm(struct tri_mutator *mutator, enum barrier_mode mode)
{
    mutator->made_grey = false;
    mutator->assist_debt = 0;
    set_barrier(mutator, is_insertion(mutator) ? BARRIER_INSERTION : mode);
}

static void settle(struct tri_mutator *mutator)
{
    barrier_scan_remembered(mutator); /* [barrier.5] */
    flush_cache(mutator, false);
    allocate_black(mutator); /* [answer.2] */
}

static void scan_roots(struct tri_mutator *mutator)
{
    struct tri_heap *heap = mutator->heap;
    mark_refresh(heap, &mutator->marker);
    size_t bytes = port_scan_mutator(mutator, &mutator->marker);
    fetch_add_relaxed(&heap->mark.stack_bytes, (uint64_t)bytes);
    mutator->made_grey |= mark_publish(heap, &mutator->marker);
}

/* [answer.3] */
static void report_grey(struct tri_mutator *mutator)
{
    if (mutator->made_grey) {
        store_relaxed(&mutator->heap->cycle.round_grey, 1U);
        mutator->made_grey = false;
    }
}

/* Trace the objects of safepoint-only types [mark.8]. The heap has no other mutator then. */
static void trace_later(struct tri_mutator *mutator)
{
    struct tri_heap *heap = mutator->heap;
    if (heap->types.safepoint_only != 0) {
        mark_refresh(heap, &mutator->marker);
        mark_trace_later(heap, &mutator->marker);
        mutator->made_grey |= mark_publish(heap, &mutator->marker);
    }
}

static void answer_roots(struct tri_mutator *mutator)
{
    barrier_flush(mutator);
    barrier_scan_remembered(mutator);
    scan_roots(mutator);
    if (!is_insertion(mutator)) {
        set_barrier(mutator, BARRIER_BLACK); /* [answer.1] */
    }
    report_grey(mutator);
}

static void answer_flush(struct tri_mutator *mutator)
{
    barrier_flush(mutator);
    barrier_scan_remembered(mutator);
    if (is_insertion(mutator)) {
        scan_roots(mutator); /* its stack has stayed grey */
    }
    trace_later(mutator);
    report_grey(mutator);
}

static void disarm(struct tri_mutator *mutator)
{
    (void)mark_publish(mutator->heap, &mutator->marker); /* [answer.6] */
    set_barrier(mutator, BARRIER_OFF);
    barrier_discard(mutator);
    mutator->assist_debt = 0;
}

void answer_handshake(struct tri_mutator *mutator, enum handshake_kind kind, bool returns)
{
    switch (kind) {
    case HANDSHAKE_ARM:
        pool_age_mutator(mutator);
        arm(mutator, BARRIER_GREY);
        break;
    case HANDSHAKE_SETTLE:
        settle(mutator);
        break;
    case HANDSHAKE_NONE:
        break;
    case HANDSHAKE_ROOTS:
        if (returns) {
            mark_home_arrive(mutator);
        }
        answer_roots(mutator);
        break;
    case HANDSHAKE_FLUSH:
        answer_flush(mutator);
        break;
    case HANDSHAKE_DISARM:
        disarm(mutator); /* [answer.5] */
        if (mark_has_later(mutator->heap)) {
            trace_later(mutator); /* what a candidate has led to, see turn in cycle.c */
        }
        break;
    case HANDSHAKE_RELEASE:
        flush_cache(mutator, false);
        allocate_white(mutator);
        break;
    }
}

void answer_attach(struct tri_mutator *mutator, enum handshake_kind kind)
{
    fetch_add_relaxed(&mutator->heap->attached, 1U);
    switch (kind) {
    case HANDSHAKE_ARM:
        arm(mutator, BARRIER_GREY); /* [answer.4] */
        break;
    case HANDSHAKE_SETTLE:
        arm(mutator, BARRIER_GREY); /* [answer.4] */
        allocate_black(mutator);
        break;
    case HANDSHAKE_ROOTS:
    case HANDSHAKE_FLUSH:
        arm(mutator, BARRIER_BLACK);
        allocate_black(mutator);
        break;
    case HANDSHAKE_DISARM:
        allocate_black(mutator); /* [answer.2] */
        break;
    case HANDSHAKE_RELEASE:
    case HANDSHAKE_NONE:
        break;
    }
}

void answer_detach(struct tri_mutator *mutator)
{
    pool_leave(mutator);
    if (barrier_is_on(mutator)) {
        barrier_leave(mutator);
        (void)mark_publish(mutator->heap, &mutator->marker); /* [answer.6] */
        report_grey(mutator);
    }
    answer_flush_cache(mutator);
    assist_leave(mutator);
    region_leave(mutator);
    disarm(mutator);
    allocate_white(mutator);
    marker_destroy(&mutator->marker);
    fetch_sub_relaxed(&mutator->heap->attached, 1U);
    mark_stack_destroy(&mutator->recorded);
    mark_stack_destroy(&mutator->remembered);
}

static void give_segment(struct mark_stack *stack)
{
    if (mark_stack_is_empty(stack)) {
        mark_stack_destroy(stack);
    }
}

void answer_rest(struct tri_mutator *mutator)
{
    answer_flush_cache(mutator);
    pool_leave(mutator);
    barrier_before_block(mutator); /* what that has remembered */
    give_segment(&mutator->marker.stack);
    give_segment(&mutator->marker.later);
    give_segment(&mutator->marker.weak);
    if (mark_queue_is_empty(&mutator->marker.queue)) {
        mark_queue_destroy(&mutator->marker.queue);
    }
    give_segment(&mutator->recorded);
    give_segment(&mutator->remembered);
}

static void raise_maximum(uint64_t *maximum, uint64_t value)
{
    uint64_t seen = load_relaxed(maximum);
    /* A number by itself: pairs with nothing. */
    while (value > seen && !cas_relaxed(maximum, &seen, value)) {
    }
}

void answer_note_stall(struct tri_heap *heap, enum handshake_kind kind, uint64_t ns)
{
    struct cycle_state *cycle = &heap->cycle;
    raise_maximum(kind <= HANDSHAKE_ROOTS ? &cycle->begin_stall_ns : &cycle->end_stall_ns, ns);
}

void answer_count_stall(struct tri_heap *heap, enum handshake_kind kind, struct stall_times start)
{
    static const enum stall_cause causes[] = {
        [HANDSHAKE_ARM] = STALL_ARM,       [HANDSHAKE_SETTLE] = STALL_SETTLE,
        [HANDSHAKE_ROOTS] = STALL_ROOTS,   [HANDSHAKE_FLUSH] = STALL_FLUSH,
        [HANDSHAKE_DISARM] = STALL_DISARM, [HANDSHAKE_RELEASE] = STALL_RELEASE,
    };
    answer_note_stall(heap, kind, stall_end(&heap->stalls, causes[kind], start).wall_ns);
}
