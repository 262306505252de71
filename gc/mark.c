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
 *   [mark.4] After an overflow every marked object MUST be scanned again; otherwise the one that
 *            was not queued stays grey for ever.
 *   [mark.5] After marking, whatever a marked object refers to MUST be marked; otherwise a live
 *            object is about to be freed.
 * Locks:      MARK inside mark_stack; CYCLE is held by the caller.
 * Callers:    cycle.
 *
 * Why the end is the end: work appears only where a marker that is not idle scans. If all count as
 * idle, then by [mark.1] every stack was empty when its owner began to idle, and nobody has pushed
 * since. So there is no grey object. A marker that begins only now, having been late to start,
 * brings no work with it, finds none, and leaves.
 */
#include "gc/mark.h"

#include "gc/assert.h"
#include "gc/object.h"
#include "gc/port.h"

void mark_state_init(struct mark_state *mark, struct meta_alloc *meta)
{
    fixed_pool_init(&mark->segments, meta, sizeof(struct mark_segment));
    mark->count = 0;
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
    while (ring->tail - ring->head < MARK_PREFETCH_OBJECTS && mark_stack_pop(stack, &entry)) {
        prefetch_read((const void *)entry);
        ring->entries[ring->tail++ % MARK_PREFETCH_OBJECTS] = entry;
    }
}

static bool others_are_hungry(const struct marker *marker)
{
    return !marker->alone && load_relaxed(&marker->heap->mark.idle) > 0 &&
           !mark_stack_has_shared(&marker->stack);
}

/* Scan until this marker's stack is empty [mark.3]. */
static void drain(struct marker *marker)
{
    struct prefetch_ring ring = {.head = 0};
    for (uint32_t scanned = 0;; scanned++) {
        fill_ring(&ring, &marker->stack);
        if (ring.head == ring.tail) {
            return;
        }
        scan_entry(marker, ring.entries[ring.head++ % MARK_PREFETCH_OBJECTS]);
        if (scanned % MARK_SHARE_INTERVAL == 0 && others_are_hungry(marker)) {
            mark_stack_share(&marker->stack);
        }
    }
}

static bool steal(struct mark_state *mark, struct marker *thief)
{
    uint32_t self = (uint32_t)(thief - mark->markers);
    for (uint32_t i = 1; i < mark->count; i++) {
        struct marker *victim = &mark->markers[(self + i) % mark->count];
        if (mark_stack_steal(&thief->stack, &victim->stack)) {
            return true;
        }
    }
    return false;
}

static bool somebody_shares(const struct mark_state *mark)
{
    for (uint32_t i = 0; i < mark->count; i++) {
        if (mark_stack_has_shared(&mark->markers[i].stack)) {
            return true;
        }
    }
    return false;
}

/* Wait for work of others. False when there is none anywhere. [mark.1]: this marker's stack is
 * empty. */
static bool find_work(struct mark_state *mark, struct marker *marker)
{
    TRI_ASSERT(mark_stack_is_empty(&marker->stack));
    /* Both counters are sequentially consistent: each pairs with the loads below, so that whoever
     * reads idle == started has seen every marker that began, and none of them at work. */
    fetch_add_seq_cst(&mark->idle, 1U);
    for (uint32_t spins = 0;; spins++) {
        uint32_t idle = load_seq_cst(&mark->idle);  /* pairs with the changes in this function */
        if (idle == load_seq_cst(&mark->started)) { /* pairs with the one in mark_worker */
            return false;
        }
        if (somebody_shares(mark)) {
            fetch_sub_seq_cst(&mark->idle, 1U); /* [mark.2]; pairs with the load above */
            if (steal(mark, marker)) {
                return true;
            }
            fetch_add_seq_cst(&mark->idle, 1U); /* pairs with the load above */
        }
        if (spins % 64 == 63) {
            port_yield();
        } else {
            cpu_relax();
        }
    }
}

/* What one thread does. */
static void mark_worker(void *argument, unsigned index)
{
    struct tri_heap *heap = argument;
    struct marker *marker = &heap->mark.markers[index];
    uint64_t start_ns = port_thread_cpu_ns();
    fetch_add_seq_cst(&heap->mark.started, 1U); /* pairs with the load in find_work */
    do {
        drain(marker);
    } while (find_work(&heap->mark, marker));
    marker->cpu_ns += port_thread_cpu_ns() - start_ns;
}

/* As many as the options or the processors allow, but no more than there is work for: waking a
 * thread costs as much as marking some hundred KiB. */
static unsigned wanted_markers(const struct tri_heap *heap)
{
    const struct cycle_figures *last = &heap->cycle.last;
    unsigned allowed =
        heap->options.markers > 0 ? (unsigned)heap->options.markers : port_cpu_count();
    uint64_t expected = last->number == 0 ? load_relaxed(&heap->counters.live_bytes)
                                          : load_relaxed(&last->marked_bytes);
    uint64_t useful = 1 + expected / MARKER_WORTH_BYTES;
    unsigned wanted = useful < allowed ? (unsigned)useful : allowed;
    return wanted < MARKERS_MAX ? wanted : MARKERS_MAX;
}

static void begin_marker(struct tri_heap *heap, struct marker *marker, bool alone)
{
    const struct span_table *spans = &heap->page_heap.spans;
    *marker = (struct marker){
        .heap = heap,
        .spans = spans,
        .base = heap->page_heap.space.base,
        /* acquire: pairs with the release in span_table_extend */
        .bytes = (size_t)load_acquire(&spans->pages) * PAGE_BYTES,
        .alone = alone,
        .check_dead = heap->options.verify,
    };
    mark_stack_init(&marker->stack, &heap->mark.segments);
}

static void begin_markers(struct tri_heap *heap)
{
    struct mark_state *mark = &heap->mark;
    mark->count = wanted_markers(heap);
    store_relaxed(&mark->overflow, 0U);
    for (uint32_t i = 0; i < mark->count; i++) {
        begin_marker(heap, &mark->markers[i], mark->count == 1);
    }
}

static void end_markers(struct tri_heap *heap, struct mark_figures *figures)
{
    for (uint32_t i = 0; i < heap->mark.count; i++) {
        struct marker *marker = &heap->mark.markers[i];
        figures->bytes += marker->marked_bytes;
        figures->objects += marker->marked_objects;
        figures->cpu_ns += marker->cpu_ns;
        mark_stack_destroy(&marker->stack);
    }
}

/* Let all markers drain what is grey. */
static void run_markers(struct tri_heap *heap)
{
    struct mark_state *mark = &heap->mark;
    store_relaxed(&mark->idle, 0U);
    store_relaxed(&mark->started, 0U);
    port_run_parallel(heap, mark->count, mark_worker, heap);
}

/* Shade what the marked objects of span refer to, again. */
static void rescan_span(struct marker *marker, const struct span *span)
{
    for (uint32_t slot = 0; slot < span->slots; slot++) {
        if (span_is_marked(span, slot)) {
            scan_entry(marker, (uintptr_t)span_slot_address(marker->spans, span, slot));
        }
    }
}

/* The queue could not grow: find the grey objects among the marked ones by scanning all of these
 * again [mark.4]. */
static void rescan_heap(struct tri_heap *heap)
{
    struct marker *marker = &heap->mark.markers[0];
    page_index pages = (page_index)(marker->bytes >> PAGE_SHIFT);
    for (page_index page = 0; page < pages;) {
        const struct span *span = span_at(marker->spans, page);
        if (span->state != SPAN_IN_USE || span->first != page) {
            page++;
            continue;
        }
        if (span->scannable) {
            rescan_span(marker, span);
            drain(marker);
        }
        page += span->pages;
    }
}

void mark_heap(struct tri_heap *heap, struct mark_figures *figures)
{
    *figures = (struct mark_figures){.bytes = 0};
    begin_markers(heap);
    struct marker *first = &heap->mark.markers[0];
    uint64_t start_ns = port_thread_cpu_ns();
    port_scan_roots(heap, first, &figures->stack_bytes, &figures->global_bytes);
    first->cpu_ns += port_thread_cpu_ns() - start_ns;
    run_markers(heap);
    /* acquire half: pairs with the release in enqueue of shade.c */
    while (exchange_acq_rel(&heap->mark.overflow, 0U) != 0) {
        rescan_heap(heap);
    }
    end_markers(heap, figures);
}

void mark_check_complete(struct tri_heap *heap)
{
    struct marker *marker = &heap->mark.markers[0];
    begin_marker(heap, marker, true);
    rescan_heap(heap);
    TRI_REQUIRE(marker->marked_objects == 0, /* [mark.5] */
                "gcverify: marking missed %ju objects that marked objects refer to",
                (uintmax_t)marker->marked_objects);
    mark_stack_destroy(&marker->stack);
}
