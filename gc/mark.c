/* mark.c -- markers at work: drain, share, steal, end.
 *
 * Owns:       struct mark_state.
 * Invariants:
 *   [mark.1] A marker MUST count itself idle only when its stack is empty and it scans nothing;
 *            otherwise all may leave while grey objects are left, and what these refer to is lost.
 *   [mark.2] A marker that steals MUST stop counting itself idle before it takes a segment;
 *            otherwise the others see all idle while it holds grey objects, and leave it to mark
 *            the rest alone.
 *   [mark.3] Marking MUST NOT use more C stack for a longer chain of objects; otherwise a long list
 *            ends the process.
 *   [mark.4] After an overflow every marked object, and every region, MUST be scanned again;
 *            otherwise the one that was not queued stays grey for ever.
 *   [mark.5] After marking, whatever a marked object refers to MUST be marked; otherwise a live
 *            object is about to be freed.
 *   [mark.6] A marker that stops MUST give up what it has made grey; otherwise nobody scans it.
 *   [mark.7] An object of a safepoint-only type MUST be traced only where no mutator runs: held, or
 *            in an answer of the heap's only mutator; otherwise it is read while it changes.
 *   [mark.8] In each answer to flush all of them that are grey or have been traced in this cycle
 *            MUST be traced, together with the scan of the mutator's own stack; otherwise an object
 *            that moves between two of them, or between one and the stack, without a barrier, is in
 *            none of them when it is looked at.
 *   [mark.9] All that was handed over before a verdict MUST be shaded for it; otherwise an address
 *            stays below what is handed over meanwhile, marking ends, and the object that only a
 *            black stack still holds is lost. So the whole list is taken at once, not so many as
 *            were counted.
 *   [mark.10] A marker other than number 0 MUST take no lock but where it has raised itself;
 *             otherwise it is interrupted with the lock at idle priority, and mutators wait.
 *   [mark.11] No more markers MUST run than mark_begin has counted; otherwise one that was not made
 *             ready follows the pointers of another cycle, and nobody takes what it has made grey.
 * Locks:      META inside the pool of segments; CYCLE is held by the caller of what only one thread
 *             may do.
 * Callers:    cycle; mutators that assist, and that give up what they have made grey.
 *
 * Why the end of mark_drain is an end for the markers: work appears only where a marker that is not
 * idle scans, or where a mutator gives some up. If all markers count as idle, then by [mark.1]
 * every stack was empty when its owner began to idle, and none of them has pushed since. A marker
 * that begins only now, having been late to start, brings no work with it, finds none, and leaves.
 * What mutators still have, or have given up meanwhile, is found by handshake flush; see cycle.c.
 *
 * Objects of safepoint-only types are to a cycle what its mutator's stack is in insertion mode:
 * grey until it ends. A marker that meets one puts it on mark_state.later, where it counts as grey
 * work. The mutator's answer to flush traces what is there, and what has been traced before: at one
 * safepoint of the only mutator, so that no reference can hop from what is still to be looked at to
 * what has been [mark.8]. If that marks nothing, and nothing else is grey, then the stack and all
 * objects of such types that are reached refer to marked objects only, and nothing white can come
 * to be where it is missed.
 */
#include "gc/mark.h"

#include "gc/assert.h"
#include "gc/finalizer_roots.h"
#include "gc/mark_home.h"
#include "gc/object.h"
#include "gc/port.h"
#include "gc/region.h"
#include "gc/scan_chain.h"

void mark_state_init(struct tri_heap *heap)
{
    struct mark_state *mark = &heap->mark;
    mark->kernel = scan_kernel_best();
    segment_pool_init(&mark->segments, &heap->meta);
    mark_stack_init(&mark->pool, &mark->segments);
    mark_queue_init(&mark->queue, &mark->segments);
    mark_home_init(heap);
    mark_stack_init(&mark->recorded, &mark->segments);
    mark_stack_init(&mark->later, &mark->segments);
    mark_stack_init(&mark->traced, &mark->segments);
    mark_home_enter(heap, &mark->markers[0], mark->away, 0);
    for (unsigned i = 0; i < MARKERS_MAX; i++) {
        marker_init(heap, &mark->markers[i]);
    }
}

void marker_init(struct tri_heap *heap, struct marker *marker)
{
    struct segment_pool *segments = &heap->mark.segments;
    marker->discovers = true;
    mark_refresh(heap, marker);
    mark_stack_init(&marker->stack, segments);
    mark_stack_init(&marker->later, segments);
    mark_stack_init(&marker->weak, segments);
    mark_queue_init(&marker->queue, segments);
}

void marker_destroy(struct marker *marker)
{
    mark_stack_destroy(&marker->stack);
    mark_stack_destroy(&marker->later);
    mark_stack_destroy(&marker->weak);
    mark_queue_destroy(&marker->queue);
    mark_home_leave(marker);
}

void mark_refresh(struct tri_heap *heap, struct marker *marker)
{
    const struct span_table *spans = &heap->page_heap.spans;
    marker->heap = heap;
    marker->spans = spans;
    marker->base = heap->page_heap.space.base;
    /* acquire: pairs with the release in span_table_extend. What is white was allocated before
     * all had answered settle, hence in pages that exist by the time anything is shaded. */
    marker->bytes = (size_t)load_acquire(&spans->pages) * PAGE_BYTES;
    marker->kernel = heap->mark.kernel;
    marker->check_dead = heap->options.verify;
    marker->chain_work = heap_is_self_driven(heap) ? MARK_CHAIN_WORK_SMALL : MARK_CHAIN_WORK;
    marker->conservative = false;
    mark_home_refresh(marker);
}

/* Objects on their way from the stack to their scan, while the processor fetches them. */
struct prefetch_ring {
    uintptr_t entries[MARK_PREFETCH_OBJECTS];
    uint32_t head;
    uint32_t tail;
};
_Static_assert((MARK_PREFETCH_OBJECTS & (MARK_PREFETCH_OBJECTS - 1)) == 0, "a ring by masking");

static void fill_ring(struct prefetch_ring *ring, struct mark_stack *stack)
{
    uintptr_t entry;
    if (ring->tail - ring->head > MARK_PREFETCH_OBJECTS / 2) {
        return; /* in one go, see shade_batch */
    }
    while (ring->tail - ring->head < MARK_PREFETCH_OBJECTS && mark_stack_pop(stack, &entry)) {
        prefetch_read((const void *)entry);
        ring->entries[ring->tail++ % MARK_PREFETCH_OBJECTS] = entry;
    }
}

/* Put what is on its way back on the stack. */
static void empty_ring(struct prefetch_ring *ring, struct marker *marker)
{
    while (ring->head != ring->tail) {
        uintptr_t entry = ring->entries[--ring->tail % MARK_PREFETCH_OBJECTS];
        if (!marker_push(marker, &marker->stack, entry)) {
            marker->scanned_bytes += scan_entry(marker, entry); /* no memory to queue it */
        }
    }
}

static bool others_are_hungry(const struct marker *marker)
{
    return !marker->alone && load_relaxed(&marker->heap->mark.idle) > 0 &&
           !mark_stack_has_shared(&marker->stack) && !mark_queue_has_shared(&marker->queue);
}

/* Add what the marker has counted to the figures of the cycle. */
static void add_counts(struct mark_state *mark, struct marker *marker)
{
    fetch_add_relaxed(&mark->marked_bytes, marker->marked_bytes);
    fetch_add_relaxed(&mark->marked_objects, marker->marked_objects);
    fetch_add_relaxed(&mark->scanned_bytes, marker->scanned_bytes);
    marker->marked_bytes = 0;
    marker->marked_objects = 0;
    marker->scanned_bytes = 0;
}

/* Begin to count the processor time that the marker takes. */
static void start_clock(struct marker *marker)
{
    marker->clock_ns = port_thread_cpu_ns();
}

/* Add the processor time that marker has taken to the figures. */
static void count_time(struct tri_heap *heap, const struct marker *marker, uint64_t cpu_ns)
{
    struct mark_state *mark = &heap->mark;
    bool by_right = marker < &mark->markers[mark->by_right];
    fetch_add_relaxed(&mark->cpu_ns, cpu_ns);
    fetch_add_relaxed(&mark->idle_cpu_ns, by_right ? UINT64_C(0) : cpu_ns);
    fetch_add_relaxed(by_right ? &heap->cycle.gc_cpu_ns : &heap->cycle.gc_idle_cpu_ns, cpu_ns);
}

/* Add what it has taken since its clock was read last. */
static void read_clock(struct tri_heap *heap, struct marker *marker)
{
    uint64_t now_ns = port_thread_cpu_ns();
    uint64_t cpu_ns = now_ns - marker->clock_ns;
    marker->clock_ns = now_ns;
    count_time(heap, marker, cpu_ns);
}

/* Look at all that is pending. False where nothing is. */
static bool look_at_pending(struct marker *marker)
{
    const struct pending_references *pending = marker->pending;
    bool any = false;
    while (pending->count[0] + pending->count[1] > 0) {
        shade_batch(marker);
        any = true;
    }
    return any;
}

/* Scan the next object. False where the marker has none that is queued singly. */
static bool drain_object(struct marker *marker, struct prefetch_ring *ring)
{
    fill_ring(ring, &marker->stack);
    if (ring->head == ring->tail) {
        return false;
    }
    uintptr_t entry = ring->entries[ring->head++ % MARK_PREFETCH_OBJECTS];
    marker->pending->near = (page_index)((entry - marker->base) >> PAGE_SHIFT);
    marker->scanned_bytes += scan_entry(marker, entry);
    return true;
}

/* Scan the next span. False where the marker has none. */
static bool drain_span(struct marker *marker, size_t budget)
{
    struct span *span = mark_queue_pop(&marker->queue);
    if (span == NULL) {
        return false;
    }
    const struct span *soon = mark_queue_peek(&marker->queue, MARK_PREFETCH_SPAN_BITS);
    const struct span *next = mark_queue_peek(&marker->queue, MARK_PREFETCH_SPAN_OBJECTS);
    if (soon != NULL) {
        scan_span_prefetch(soon);
    }
    if (next != NULL) {
        scan_span_prefetch_objects(marker, next);
    }
    marker->scanned_bytes += scan_span(marker, span, budget);
    return true;
}

/* Scan what the marker has until there is nothing [mark.3], or budget bytes are scanned; spans as a
 * whole, or no further than the budget. Objects first: spans are the better for waiting. What is
 * left is on its stack, and in its queue. */
static void drain(struct marker *marker, size_t budget, bool whole)
{
    struct prefetch_ring ring = {.head = 0};
    struct pending_references pending;
    size_t limit = marker->scanned_bytes + budget;
    pending.count[0] = 0;
    pending.count[1] = 0;
    pending.collecting = 0;
    pending.near = PAGE_NONE;
    marker->pending = &pending;
    while (marker->scanned_bytes < limit) {
        size_t span_budget = whole ? SIZE_MAX / 2 : limit - marker->scanned_bytes;
        if (ring.head == ring.tail && scan_chain_is_worthwhile(marker)) {
            scan_chain(marker, limit);
        } else if (!drain_object(marker, &ring) && !drain_span(marker, span_budget) &&
                   !look_at_pending(marker)) {
            break;
        }
    }
    (void)look_at_pending(marker);
    marker->pending = NULL;
    empty_ring(&ring, marker);
}

void marker_exhaust(struct marker *marker)
{
    drain(marker, SIZE_MAX / 2, true);
}

static bool steal(struct mark_state *mark, struct marker *thief)
{
    if (mark_home_take(mark, thief) || mark_stack_steal(&thief->stack, &mark->pool) ||
        mark_queue_steal(&thief->queue, &mark->queue)) {
        return true;
    }
    uint32_t count = load_relaxed(&mark->count);
    for (uint32_t i = 0; i < count; i++) {
        struct marker *victim = &mark->markers[i];
        if (victim != thief && (mark_stack_steal(&thief->stack, &victim->stack) ||
                                mark_queue_steal(&thief->queue, &victim->queue))) {
            return true;
        }
    }
    return mark_home_take_any(mark, thief);
}

static bool somebody_shares(const struct mark_state *mark)
{
    uint32_t count = load_relaxed(&mark->count);
    bool shares = mark_stack_has_shared(&mark->pool) || mark_queue_has_shared(&mark->queue) ||
                  mark_home_has_work(mark); /* [mark_home.3] */
    for (uint32_t i = 0; i < count && !shares; i++) {
        const struct marker *marker = &mark->markers[i];
        shares = mark_stack_has_shared(&marker->stack) || mark_queue_has_shared(&marker->queue);
    }
    return shares;
}

static bool is_stopping(const struct mark_state *mark)
{
    return load_relaxed(&mark->stop) != 0;
}

/* Wait for work of others. False when there is none anywhere, or markers shall stop. [mark.1]: this
 * marker's stack is empty. */
static bool find_work(struct mark_state *mark, struct marker *marker)
{
    TRI_ASSERT(!marker_has_grey(marker));
    /* Both counters are sequentially consistent: each pairs with the loads below, so that whoever
     * reads idle == started has seen every marker that began, and none of them at work. */
    fetch_add_seq_cst(&mark->idle, 1U);
    for (uint32_t spins = 0; !is_stopping(mark); spins++) {
        if (somebody_shares(mark)) {
            fetch_sub_seq_cst(&mark->idle, 1U); /* [mark.2]; pairs with the load below */
            if (steal(mark, marker)) {
                return true;
            }
            fetch_add_seq_cst(&mark->idle, 1U); /* pairs with the load below */
        }
        uint32_t idle = load_seq_cst(&mark->idle);  /* pairs with the changes in this function */
        if (idle == load_seq_cst(&mark->started)) { /* pairs with the one in mark_worker */
            return false;
        }
        if (spins >= MARK_IDLE_SPINS) {
            if (marker == &mark->markers[0]) {
                port_hurry_markers(marker->heap); /* one of them may wait for a processor */
            }
            port_nap(MARK_IDLE_NAP_NS);
        } else {
            cpu_relax();
        }
    }
    return false;
}

/* Shade what is in a segment that mutators have handed over, and give the segment back. */
static void shade_segment(struct mark_state *mark, struct marker *marker,
                          struct mark_segment *segment)
{
    marker->conservative = true;
    for (size_t i = 0; i < segment->count; i++) {
        shade(marker, segment->entries[i]);
    }
    marker->conservative = false;
    fetch_sub_relaxed(&mark->recorded_count, 1);
    segment_pool_give(&mark->segments, segment);
}

/* Shade one segment of those, if there is any. */
static void shade_some(struct mark_state *mark, struct marker *marker)
{
    struct mark_segment *segment = mark_stack_take(&mark->recorded);
    if (segment != NULL) {
        shade_segment(mark, marker, segment);
    }
}

/* Let others have some of what marker has. */
static void share(struct marker *marker)
{
    bool raised = !segment_pool_has_unused(marker->stack.pool) && marker_raise(marker);
    mark_stack_share(&marker->stack);
    mark_queue_share(&marker->queue);
    if (raised) {
        marker_lower(marker);
    }
}

/* Drain, with looks around between. False where markers shall stop. */
static bool drain_and_look(struct mark_state *mark, struct marker *marker, unsigned index)
{
    for (unsigned looks = 0; marker_has_grey(marker); looks++) {
        if (looks % MARK_CLOCK_LOOKS == MARK_CLOCK_LOOKS - 1) {
            read_clock(marker->heap, marker);
        }
        drain(marker, MARK_LOOK_BYTES, true);
        shade_some(mark, marker);
        fetch_add_relaxed(&mark->credit, (int64_t)marker->scanned_bytes);
        add_counts(mark, marker);
        if (others_are_hungry(marker) || load_relaxed(&mark->hungry) != 0) {
            store_relaxed(&mark->hungry, 0U);
            share(marker);
        }
        if (is_stopping(mark)) {
            return false;
        }
        if (!marker->alone) {
            port_pace_marker(marker->heap, index);
        }
    }
    return true;
}

/* What one thread does. */
static void mark_worker(void *argument, unsigned index)
{
    struct tri_heap *heap = argument;
    struct mark_state *mark = &heap->mark;
    struct marker *marker = &mark->markers[index];
    TRI_ASSERT(index < mark->count); /* [mark.11] */
    start_clock(marker);
    /* All but marker 0, whose thread drives the cycle, may be at idle priority [mark.10]. */
    marker_set_lock_free(marker, index != 0);
    fetch_add_seq_cst(&mark->started, 1U); /* pairs with the load in find_work */
    while (drain_and_look(mark, marker, index) && find_work(mark, marker)) {
    }
    read_clock(heap, marker);
    marker_set_lock_free(marker, false);
    (void)mark_publish(heap, marker); /* [mark.6] */
}

/* As many as the options or the processors allow, but no more than there is work for: waking a
 * thread costs as much as marking some hundred KiB. Where nobody is in a hurry, one. */
static unsigned wanted_markers(const struct tri_heap *heap)
{
    const struct cycle_figures *last = &heap->cycle.last;
    int32_t option = heap->options.markers;
    unsigned allowed = option > 0    ? (unsigned)option
                       : option == 0 ? 1
                                     : port_processor_threads(heap);
    if (heap->cycle.unhurried || load_relaxed(&heap->cycle.by_mutators) != 0) {
        return 1;
    }
    uint64_t expected =
        last->number == 0 ? counters_live(&heap->counters) : load_relaxed(&last->marked_bytes);
    uint64_t useful = 1 + expected / MARKER_WORTH_BYTES;
    unsigned wanted = useful < allowed ? (unsigned)useful : allowed;
    return wanted < MARKERS_MAX ? wanted : MARKERS_MAX;
}

/* Of count markers those that a processor is due to, at least one, which may have a part of it. */
static uint32_t markers_by_right(const struct tri_heap *heap, uint32_t count)
{
    uint32_t due = (uint32_t)(MARKER_SHARE * port_processors(heap));
    return due < 1 ? 1 : due < count ? due : count;
}

void mark_begin(struct tri_heap *heap, bool alone)
{
    struct mark_state *mark = &heap->mark;
    TRI_ASSERT(!mark_has_work(heap));
    mark->generation = load_relaxed(&heap->sweep.generation);
    store_relaxed(&mark->count, wanted_markers(heap));
    mark->by_right = markers_by_right(heap, mark->count); /* [mark.11] */
    store_relaxed(&mark->overflow, 0U);
    store_relaxed(&mark->is_void, 0U);
    store_relaxed(&mark->stop, 0U);
    store_relaxed(&mark->marked_bytes, UINT64_C(0));
    store_relaxed(&mark->marked_objects, UINT64_C(0));
    store_relaxed(&mark->scanned_bytes, UINT64_C(0));
    store_relaxed(&mark->cpu_ns, UINT64_C(0));
    store_relaxed(&mark->assist_cpu_ns, UINT64_C(0));
    store_relaxed(&mark->idle_cpu_ns, UINT64_C(0));
    store_relaxed(&mark->stack_bytes, UINT64_C(0));
    store_relaxed(&mark->global_bytes, UINT64_C(0));
    store_relaxed(&mark->hungry, 0U);
    store_relaxed(&mark->waits, 0U);
    store_relaxed(&mark->credit, INT64_C(0));
    for (uint32_t i = 0; i < mark->count; i++) {
        mark->markers[i].alone = alone && mark->count == 1;
        mark->markers[i].at_safepoint = alone;
        mark_refresh(heap, &mark->markers[i]);
    }
}

void mark_end(struct tri_heap *heap)
{
    struct mark_state *mark = &heap->mark;
    TRI_ASSERT(!mark_has_work(heap));
    mark_stack_clear(&mark->recorded);
    mark_stack_destroy(&mark->recorded);
    store_relaxed(&mark->recorded_count, 0);
    TRI_ASSERT(!mark_has_later(heap));
    mark_stack_destroy(&mark->later);
    mark_stack_clear(&mark->traced);
    mark_stack_destroy(&mark->traced);
    for (uint32_t i = 0; i < mark->count; i++) {
        add_counts(mark, &mark->markers[i]);
        marker_destroy(&mark->markers[i]);
    }
}

bool mark_publish(struct tri_heap *heap, struct marker *marker)
{
    /* Pieces of a large object are grey work without a mark of their own. */
    bool marked = marker->marked_objects > 0 || marker_has_grey(marker);
    marked |= mark_home_deliver(&heap->mark, marker); /* [mark_home.1] */
    mark_home_publish(&heap->mark, marker);
    mark_stack_publish(&marker->later, &heap->mark.later);
    mark_stack_publish(&marker->weak, &heap->weak.found);
    add_counts(&heap->mark, marker);
    return marked;
}

bool mark_has_later(const struct tri_heap *heap)
{
    return mark_stack_has_shared(&heap->mark.later);
}

void mark_trace_later(struct tri_heap *heap, struct marker *marker)
{
    struct mark_state *mark = &heap->mark;
    uintptr_t entry;
    marker->at_safepoint = true;
    mark_stack_publish(&marker->later, &mark->later);
    mark_stack_publish(&mark->traced, &mark->later); /* [mark.8] */
    while (mark_stack_pop(&mark->later, &entry)) {
        marker->scanned_bytes += scan_entry(marker, entry);
        if (!mark_stack_push(&mark->traced, entry)) {
            store_relaxed(&mark->is_void, 1U); /* this cycle frees nothing */
        }
    }
    marker->at_safepoint = false;
}

void mark_hand_over(struct tri_heap *heap, struct mark_stack *recorded)
{
    if (!mark_stack_is_empty(recorded)) {
        mark_stack_publish(recorded, &heap->mark.recorded);
        fetch_add_relaxed(&heap->mark.recorded_count, 1);
    }
}

bool mark_shade_handed_over(struct tri_heap *heap)
{
    struct mark_state *mark = &heap->mark;
    struct marker *marker = &mark->markers[0];
    mark_refresh(heap, marker);
    /* [mark.9]: those that come meanwhile stay, and mutators cannot keep this going. */
    struct mark_segment *segment = mark_stack_take_all(&mark->recorded);
    while (segment != NULL) {
        struct mark_segment *next = mark_segment_next(segment);
        shade_segment(mark, marker, segment);
        segment = next;
    }
    return mark_publish(heap, marker);
}

bool mark_has_work(const struct tri_heap *heap)
{
    return somebody_shares(&heap->mark) || load_relaxed(&heap->mark.overflow) != 0;
}

void mark_interrupt(struct tri_heap *heap)
{
    store_relaxed(&heap->mark.stop, 1U);
}

size_t mark_some(struct tri_heap *heap, struct marker *marker, size_t budget)
{
    size_t before = marker->scanned_bytes;
    size_t done = 0;
    while (done < budget && (marker_has_grey(marker) || steal(&heap->mark, marker))) {
        drain(marker, budget - done, false);
        done = marker->scanned_bytes - before;
    }
    (void)mark_publish(heap, marker);
    return done;
}

size_t mark_step(struct tri_heap *heap, size_t budget)
{
    struct marker *marker = &heap->mark.markers[0];
    uint64_t start_ns = port_now_ns();
    size_t done = mark_some(heap, marker, budget);
    uint64_t ns = port_now_ns() - start_ns;
    count_time(heap, marker, size_min(ns, mark_most_ns(done)));
    return done;
}

/* Of what an assist that has scanned done bytes has left, let others have what they can do more
 * with. */
static void give_some(struct mark_state *mark, struct marker *marker, size_t done)
{
    if (mark_home_deliver(mark, marker) && done < HOME_WORTH_BYTES) {
        mark_home_wait(mark, 1); /* a chain that goes from one's objects to another's and back */
    }
    if (marker->sends) {
        mark_home_publish(mark, marker);
        return;
    }
    mark_stack_publish_full(&marker->stack, &mark->pool);
    mark_queue_publish_full(&marker->queue, &mark->queue);
    if (!mark_stack_has_shared(&mark->pool) && !mark_queue_has_shared(&mark->queue)) {
        /* Long chains make little work at a time; who keeps it keeps the markers waiting. */
        mark_stack_publish(&marker->stack, &mark->pool);
        mark_queue_publish(&marker->queue, &mark->queue);
    }
}

size_t mark_assist(struct tri_heap *heap, struct marker *marker, size_t budget)
{
    struct mark_state *mark = &heap->mark;
    size_t before = marker->scanned_bytes;
    size_t done = 0;
    while (done < budget && (marker_has_grey(marker) || steal(mark, marker))) {
        drain(marker, budget - done, false);
        done = marker->scanned_bytes - before;
    }
    give_some(mark, marker, done);
    mark_stack_publish(&marker->later, &mark->later);
    mark_stack_publish(&marker->weak, &heap->weak.found);
    if (marker->scanned_bytes >= MARK_LOOK_BYTES) {
        add_counts(mark, marker);
    }
    return done;
}

/* Let all markers drain what is grey. */
static void run_markers(struct tri_heap *heap)
{
    struct mark_state *mark = &heap->mark;
    store_relaxed(&mark->idle, 0U);
    store_relaxed(&mark->started, 0U);
    bool limited = load_relaxed(&heap->cycle.limited) != 0;
    port_run_parallel(heap, limited ? mark->by_right : mark->count, mark_worker, heap);
}

/* Shade what the marked objects of span refer to, again. */
static void rescan_span(struct marker *marker, struct span *span)
{
    if (span_is_queued_whole(span)) {
        marker->scanned_bytes += scan_span_idle(marker, span);
    }
    for (uint32_t slot = 0; slot < span->slots; slot++) {
        struct object_place place;
        if (span_is_marked(span, slot)) {
            object_at_slot(marker->spans, span, slot, &place);
            /* Without a type it is the rest of a run, all zero [thread_cache.5]. */
            if (place.type != NULL) {
                marker->scanned_bytes +=
                    scan_entry(marker, (uintptr_t)span_slot_address(marker->spans, span, slot));
            }
        }
    }
    marker_exhaust(marker);
}

/* What a marker scans of a region's span: an entry; 0: nothing. */
static uintptr_t region_entry(const struct marker *marker, const struct span *span)
{
    uintptr_t base = (uintptr_t)span_base(marker->spans, span);
    if (!span->scannable || region_object_slots(span) == 0) {
        return 0;
    }
    return span_is_large(span) ? base : base | SCAN_WHOLE_SPAN;
}

/* Scan the objects of a region's span once more, as all that is marked. */
static void rescan_region_span(struct span *span, void *argument)
{
    struct marker *marker = argument;
    uintptr_t entry = region_entry(marker, span);
    if (entry != 0) {
        marker->scanned_bytes += scan_entry(marker, entry);
        marker_exhaust(marker);
    }
}

static void queue_region_span(struct span *span, void *argument)
{
    struct marker *marker = argument;
    uintptr_t entry = region_entry(marker, span);
    if (entry != 0 && !marker_push(marker, &marker->stack, entry)) {
        /* release: pairs with the exchange in mark_drain [mark.4] */
        store_release(&marker->heap->mark.overflow, 1U);
    }
}

void mark_scan_regions(struct tri_heap *heap, struct marker *marker)
{
    region_each_span(heap, queue_region_span, marker);
}

void mark_rescan_regions(struct tri_heap *heap, struct marker *marker)
{
    region_each_span(heap, rescan_region_span, marker);
}

/* Call function for each span in use that is scanned. */
static void each_scannable(struct marker *marker,
                           void (*function)(struct marker *marker, struct span *span))
{
    page_index pages = (page_index)(marker->bytes >> PAGE_SHIFT);
    for (page_index page = 0; page < pages;) {
        struct span *span = span_at(marker->spans, page);
        /* acquire: pairs with the release in span_publish */
        if (load_acquire(&span->state) != SPAN_IN_USE || load_relaxed(&span->first) != page) {
            page++;
            continue;
        }
        if (span->scannable) {
            function(marker, span);
        }
        page += span->pages;
    }
}

/* The queue could not grow: find the grey objects among the marked ones by scanning all of these
 * again [mark.4]. Mutators may be making spans meanwhile; what is in those is black. */
static void rescan_heap(struct tri_heap *heap, struct marker *marker)
{
    each_scannable(marker, rescan_span);
    mark_rescan_regions(heap, marker);
    (void)mark_publish(heap, marker);
}

bool mark_drain(struct tri_heap *heap)
{
    struct mark_state *mark = &heap->mark;
    mark_home_open_all(mark); /* who drains takes everything */
    for (uint32_t i = 0; i < mark->count; i++) {
        mark_refresh(heap, &mark->markers[i]);
    }
    run_markers(heap);
    /* acquire half: pairs with the release in shade_push */
    while (!is_stopping(mark) && exchange_acq_rel(&mark->overflow, 0U) != 0) {
        rescan_heap(heap, &mark->markers[0]);
    }
    bool all = !is_stopping(mark);
    store_relaxed(&mark->stop, 0U);
    return all;
}

bool mark_rescue(struct tri_heap *heap, uintptr_t address)
{
    struct marker *marker = &heap->weak.rescuer;
    uint64_t before = marker->marked_objects;
    shade(marker, address);
    return marker->marked_objects > before;
}

void mark_rescue_referents(struct tri_heap *heap, uintptr_t entry)
{
    struct marker *marker = &heap->weak.rescuer;
    marker->scanned_bytes += scan_entry(marker, entry);
}

bool mark_drain_rescued(struct tri_heap *heap, size_t *budget)
{
    struct marker *marker = &heap->weak.rescuer;
    size_t before = marker->scanned_bytes;
    drain(marker, size_max(size_min(*budget, SIZE_MAX / 2), 1), false); /* something, always */
    *budget -= size_min(*budget, marker->scanned_bytes - before);
    if (marker_has_grey(marker)) {
        return false;
    }
    /* acquire half: pairs with the release in shade_push */
    while (exchange_acq_rel(&heap->mark.overflow, 0U) != 0) {
        marker->at_safepoint = false; /* among what is marked are objects that mutators use */
        rescan_heap(heap, marker);
        marker->at_safepoint = true;
    }
    (void)mark_publish(heap, marker);
    return true;
}

void mark_scan_globals(struct tri_heap *heap, struct marker *marker)
{
    start_clock(marker);
    mark_refresh(heap, marker);
    size_t bytes = port_scan_globals(heap, marker) + finalizer_scan_roots(heap, marker);
    store_relaxed(&heap->mark.global_bytes, (uint64_t)bytes);
    mark_scan_regions(heap, marker);
    read_clock(heap, marker);
}

static void scan_held(struct tri_mutator *mutator, void *marker)
{
    fetch_add_relaxed(&mutator->heap->mark.stack_bytes,
                      (uint64_t)port_scan_mutator(mutator, marker));
}

void mark_held(struct tri_heap *heap)
{
    struct marker *first = &heap->mark.markers[0];
    mark_begin(heap, true);
    start_clock(first);
    port_each_mutator(heap, scan_held, first);
    read_clock(heap, first);
    mark_scan_globals(heap, first);
    port_hurry_markers(heap);
    while (!mark_drain(heap)) {
    }
    mark_end(heap);
}

/* What is marked is scanned, and nobody is about to. */
static void require_scanned(struct marker *marker, struct span *span)
{
    (void)marker;
    bool whole = span_is_queued_whole(span);
    TRI_REQUIRE(!whole || load_relaxed(&span->grey) == SPAN_IDLE,
                "gcverify: after marking, the span at page %u is queued or held", span->first);
    for (size_t i = 0; whole && i < span_bit_words(span); i++) {
        uint64_t marked = load_relaxed(&span->bits[i].mark);
        uint64_t scanned = load_relaxed(&span->scanned[i]);
        TRI_REQUIRE((marked & ~scanned) == 0,
                    "gcverify: word %zu of the span at page %u is marked %jx and scanned %jx", i,
                    span->first, (uintmax_t)marked, (uintmax_t)scanned);
    }
}

void mark_check_complete(struct tri_heap *heap)
{
    struct marker marker = {.alone = true, .at_safepoint = true};
    marker_init(heap, &marker);
    marker.discovers = false;
    uint64_t before = load_relaxed(&heap->mark.marked_objects);
    uint64_t scanned = load_relaxed(&heap->mark.scanned_bytes);
    each_scannable(&marker, require_scanned); /* [scan_span.4] */
    rescan_heap(heap, &marker);
    store_relaxed(&heap->mark.scanned_bytes, scanned);
    uint64_t missed = load_relaxed(&heap->mark.marked_objects) - before;
    TRI_REQUIRE(missed == 0, /* [mark.5] */
                "gcverify: marking missed %ju objects that marked objects refer to",
                (uintmax_t)missed);
    marker_destroy(&marker);
}
