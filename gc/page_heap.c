/* page_heap.c -- taking pages, growing when there are none, giving memory back.
 *
 * Owns:       the order in which the parts of the page heap grow and shrink; how many pages are in
 *             spans and how many cost memory; pages while their memory is given back.
 * Invariants:
 *   [page_heap.1] The span table MUST cover a page before the page allocator can hand it out;
 *                 otherwise a span is described in memory that is not there.
 *   [page_heap.2] A piece that the address space has grown by MUST reach the page allocator even if
 *                 a step between failed once; otherwise it is memory that nobody can use.
 *   [page_heap.3] The heap MUST NOT grow for a run that it could not make; otherwise one request
 *                 that is too large, and fails, commits the whole reservation and its metadata.
 *   [page_heap.4] Pages MUST be taken while the system is asked to take their memory; otherwise a
 *                 mutator's object is wiped out.
 *   [page_heap.5] Who finds no run, and cannot grow, MUST look again while pages are held so;
 *                 otherwise an allocation fails for want of pages that are free in a moment.
 *   [page_heap.6] ready_pages MUST fall only when the memory is gone, and rise before it is used;
 *                 otherwise a memory limit is kept on paper.
 *   [page_heap.7] What was given back lazily MUST NOT count as zero; otherwise an object is born
 *                 with the contents of its predecessor.
 *   [page_heap.8] The span table MUST NOT shrink with the heap; otherwise a marker or a look-up,
 *                 which knows how far the heap reached a moment ago, reads what is not there. It
 *                 says "no span" instead, and nobody touches heap memory without a span.
 *   [page_heap.9] No page MUST be held when the process forks; otherwise it is lost in the child,
 *                 which lacks the thread that held it.
 * Locks:      takes PAGES; not held while the system is asked to take memory back, but for address
 *             space that is let go of, where all memory is gone already.
 * Callers:    mutators on the allocation slow path, the sweeper; the scavenging thread, fork.
 */
#include "gc/page_heap.h"

#include "gc/assert.h"
#include "gc/port.h"
#include "gc/scavenge.h"
#include "gc/tuning.h"

bool page_heap_init(struct page_heap *heap, size_t max_heap_bytes)
{
    if (!address_space_init(&heap->space, max_heap_bytes)) {
        return false;
    }
    if (!page_alloc_init(&heap->pages, address_space_pages(&heap->space))) {
        goto fail_pages;
    }
    if (!span_table_init(&heap->spans, &heap->space)) {
        goto fail_spans;
    }
    return true;

fail_spans:
    page_alloc_destroy(&heap->pages);
fail_pages:
    address_space_destroy(&heap->space);
    return false;
}

void page_heap_destroy(struct page_heap *heap)
{
    span_table_destroy(&heap->spans);
    page_alloc_destroy(&heap->pages);
    address_space_destroy(&heap->space);
}

/* Whether growing to the end of the reservation makes a run of count pages. PAGES held. */
static bool can_make(const struct page_heap *heap, size_t count) LOCK_REQUIRES(heap->pages.lock)
{
    size_t beyond = address_space_pages(&heap->space) - heap->pages.grown_pages;
    return count <= beyond || count - beyond <= page_alloc_free_end(&heap->pages);
}

/* Make more pages free, in the end count in one run. PAGES held. */
static bool grow(struct page_heap *heap, size_t count) LOCK_REQUIRES(heap->pages.lock)
{
    size_t known = heap->pages.grown_pages;
    if (!can_make(heap, count)) { /* [page_heap.3] */
        return false;
    }
    if (known == heap->space.grown / PAGE_BYTES && address_space_grow(&heap->space, count) == 0) {
        return false;
    }
    size_t grown = heap->space.grown / PAGE_BYTES; /* [page_heap.2]: also what an earlier failure
                                                      left */
    return span_table_extend(&heap->spans, (page_index)grown) && /* [page_heap.1] */
           page_alloc_grow(&heap->pages, (page_index)known, grown - known);
}

/* Let who holds pages give them back; true where somebody did. PAGES is released meanwhile. */
static bool wait_for_held(struct page_heap *heap) LOCK_REQUIRES(heap->pages.lock)
{
    if (heap->held_pages == 0) {
        return false;
    }
    lock_release(&heap->pages.lock);
    port_yield();
    lock_acquire(&heap->pages.lock);
    return true;
}

static page_index take_locked(struct page_heap *heap, size_t count, size_t *scavenged)
    LOCK_REQUIRES(heap->pages.lock)
{
    page_index first;
    do {
        first = page_alloc_take(&heap->pages, count, scavenged);
    } while (first == PAGE_NONE && (grow(heap, count) || wait_for_held(heap))); /* [page_heap.5] */
    return first;
}

/* As take_locked, but what is taken comes out of cache, which is refilled if it has no such run. */
static page_index take_through_cache(struct page_heap *heap, struct page_cache *cache, size_t count,
                                     size_t *scavenged) LOCK_REQUIRES(heap->pages.lock)
{
    page_cache_flush(cache, &heap->pages);
    page_index first = PAGE_NONE;
    if (page_cache_fill(cache, &heap->pages, count)) {
        first = page_cache_take(cache, count, scavenged);
    }
    return first != PAGE_NONE ? first : take_locked(heap, count, scavenged);
}

/* Whether pages [first, first + count), just taken, of which so many were scavenged, are zero. */
static bool are_zero(struct page_heap *heap, page_index first, size_t count, size_t scavenged)
{
    if (!heap->lazily) {
        return scavenged == count;
    }
    page_index touched = load_relaxed(&heap->touched); /* [page_heap.7] */
    bool zero = first >= touched;
    page_index end = first + (page_index)count;
    /* Pairs with nothing, a number by itself: who takes and gives pages orders them. */
    while (touched < end && !cas_relaxed(&heap->touched, &touched, end)) {
    }
    return zero;
}

page_index page_heap_take(struct page_heap *heap, struct page_cache *cache, size_t count,
                          bool *zero)
{
    size_t scavenged = 0;
    page_index first = PAGE_NONE;
    bool cached = cache != NULL && count < PAGE_CACHE_RUN_LIMIT;
    if (cached) {
        first = page_cache_take(cache, count, &scavenged);
    }
    if (first == PAGE_NONE) {
        lock_acquire(&heap->pages.lock);
        first = cached ? take_through_cache(heap, cache, count, &scavenged)
                       : take_locked(heap, count, &scavenged);
        lock_release(&heap->pages.lock);
    }
    if (first == PAGE_NONE) {
        return PAGE_NONE;
    }
    if (scavenged > 0) {
        fetch_add_relaxed(&heap->ready_pages, scavenged); /* [page_heap.6] */
    }
    fetch_add_relaxed(&heap->span_pages, count);
    *zero = are_zero(heap, first, count, scavenged);
    return first;
}

void page_heap_give(struct page_heap *heap, page_index first, size_t count)
{
    fetch_sub_relaxed(&heap->span_pages, count);
    lock_acquire(&heap->pages.lock);
    page_alloc_give(&heap->pages, first, count);
    lock_release(&heap->pages.lock);
}

void page_heap_flush_cache(struct page_heap *heap, struct page_cache *cache)
{
    if (!page_cache_is_empty(cache)) {
        lock_acquire(&heap->pages.lock);
        page_cache_flush(cache, &heap->pages);
        lock_release(&heap->pages.lock);
    }
}

/* ---- Memory for the system ------------------------------------------------------------------- */

/* Whether the system has refused a moment ago. */
static bool is_refused(const struct page_heap *heap)
{
    return load_relaxed(&heap->refused) &&
           port_now_ns() - load_relaxed(&heap->refused_ns) < SCAVENGE_REFUSED_NS;
}

/* Wait while a thread wants nobody to give memory back. PAGES is released meanwhile. */
static void wait_for_pauses(struct page_heap *heap) LOCK_REQUIRES(heap->pages.lock)
{
    while (heap->pauses > 0) {
        lock_release(&heap->pages.lock);
        port_yield();
        lock_acquire(&heap->pages.lock);
    }
}

/* Find the next run and hold it [page_heap.4]. *with_contents receives how many of its pages cost
 * memory. False where there is none. */
static bool hold_run(struct page_heap *heap, size_t most_pages, bool forced, struct page_run *run,
                     size_t *with_contents)
{
    enum scavenge_found found;
    lock_acquire(&heap->pages.lock);
    wait_for_pauses(heap); /* [page_heap.9] */
    while ((found = scavenge_find(&heap->pages, most_pages, forced, run)) == SCAVENGE_MORE) {
        lock_release(&heap->pages.lock);
        lock_acquire(&heap->pages.lock);
        wait_for_pauses(heap);
    }
    if (found == SCAVENGE_FOUND) {
        *with_contents = page_alloc_hold(&heap->pages, run->first, run->count);
        heap->held_pages += run->count;
    }
    lock_release(&heap->pages.lock);
    return found == SCAVENGE_FOUND;
}

static void let_go_of_run(struct page_heap *heap, const struct page_run *run, bool scavenged,
                          bool dormant)
{
    lock_acquire(&heap->pages.lock);
    page_alloc_let_go(&heap->pages, run->first, run->count, scavenged);
    heap->held_pages -= run->count;
    if (dormant) {
        scavenge_index_set_dormant(&heap->pages.index, run->first / CHUNK_PAGES);
    }
    lock_release(&heap->pages.lock);
}

/* Give the memory of a run that is held to the system. *dormant: that of the chunk's spans, too. */
static bool decommit_run(struct page_heap *heap, const struct page_run *run, bool *dormant)
{
    void *address = address_space_address(&heap->space, run->first);
    size_t bytes = run->count * PAGE_BYTES;
    bool done = heap->lazily ? port_decommit_lazily(address, bytes) : port_decommit(address, bytes);
    *dormant = done && run->count == CHUNK_PAGES &&
               span_table_decommit(&heap->spans, run->first, run->count);
    return done;
}

/* One step. Returns the pages that cost nothing any more. */
static size_t scavenge_step(struct page_heap *heap, size_t most_pages, bool forced)
{
    struct page_run run;
    size_t with_contents;
    if (!hold_run(heap, most_pages, forced, &run, &with_contents)) {
        return 0;
    }
    bool dormant;
    bool done = decommit_run(heap, &run, &dormant);
    if (done) { /* [page_heap.6] */
        fetch_sub_relaxed(&heap->ready_pages, with_contents);
    } else { /* what was scavenged may not be so any more */
        fetch_add_relaxed(&heap->ready_pages, run.count - with_contents);
        store_relaxed(&heap->refused_ns, port_now_ns());
    }
    store_relaxed(&heap->refused, !done);
    let_go_of_run(heap, &run, done, dormant);
    return done ? with_contents : 0;
}

size_t page_heap_scavenge(struct page_heap *heap, size_t bytes, enum scavenge_reason reason,
                          bool forced)
{
    size_t released = 0;
    while (released < bytes && !is_refused(heap)) {
        size_t most = size_min(bytes - released, SCAVENGE_STEP_BYTES);
        size_t pages = scavenge_step(heap, (most + PAGE_BYTES - 1) / PAGE_BYTES, forced);
        if (pages == 0) {
            break;
        }
        released += pages * PAGE_BYTES;
    }
    fetch_add_relaxed(&heap->scavenged.bytes[reason], (uint64_t)released);
    return released;
}

bool page_heap_next_generation(struct page_heap *heap)
{
    lock_acquire(&heap->pages.lock);
    bool freed = heap->pages.index.freed > 0;
    scavenge_index_next_generation(&heap->pages.index);
    lock_release(&heap->pages.lock);
    return freed;
}

/* Pages from end on are zero when they come back. */
static void lower_touched(struct page_heap *heap, page_index end)
{
    page_index touched = load_relaxed(&heap->touched);
    /* Pairs with nothing, as in are_zero. */
    while (touched > end && !cas_relaxed(&heap->touched, &touched, end)) {
    }
}

/* PAGES held. */
static size_t shrink_locked(struct page_heap *heap) LOCK_REQUIRES(heap->pages.lock)
{
    size_t count = align_down(page_alloc_free_end(&heap->pages), CHUNK_PAGES);
    size_t scavenged_before = page_alloc_scavenged_pages(&heap->pages);
    bool in_step = heap->space.grown == heap->pages.grown_pages * PAGE_BYTES; /* [page_heap.2] */
    if (count == 0 || !in_step || !address_space_shrink(&heap->space, count * PAGE_BYTES)) {
        return 0;
    }
    page_index first = (page_index)(heap->pages.grown_pages - count);
    page_alloc_shrink(&heap->pages, count); /* the span table stays as it is [page_heap.8] */
    if (span_table_decommit(&heap->spans, first, count)) {
        for (size_t i = 0; i < count / CHUNK_PAGES; i++) {
            scavenge_index_set_dormant(&heap->pages.index, first / CHUNK_PAGES + i);
        }
    }
    size_t scavenged = scavenged_before - page_alloc_scavenged_pages(&heap->pages);
    fetch_sub_relaxed(&heap->ready_pages, count - scavenged);
    lower_touched(heap, (page_index)heap->pages.grown_pages);
    return count * PAGE_BYTES;
}

size_t page_heap_shrink(struct page_heap *heap)
{
    lock_acquire(&heap->pages.lock);
    size_t bytes = shrink_locked(heap);
    lock_release(&heap->pages.lock);
    return bytes;
}

void page_heap_pause_scavenging(struct page_heap *heap)
{
    lock_acquire(&heap->pages.lock);
    heap->pauses++;
    while (wait_for_held(heap)) { /* [page_heap.9] */
    }
    lock_release(&heap->pages.lock);
}

void page_heap_resume_scavenging(struct page_heap *heap)
{
    lock_acquire(&heap->pages.lock);
    TRI_ASSERT(heap->pauses > 0);
    heap->pauses--;
    lock_release(&heap->pages.lock);
}

/* ---- Questions ------------------------------------------------------------------------------- */

/* Bytes of metadata that were given back. */
static size_t dormant_bytes(const struct page_heap *heap)
{
    return load_relaxed(&heap->pages.index.dormant) * CHUNK_PAGES * sizeof(struct span);
}

struct page_heap_bytes page_heap_bytes(const struct page_heap *heap)
{
    size_t in_use = page_heap_in_use(heap);
    size_t ready = page_heap_retained(heap);
    size_t grown = load_relaxed(&heap->space.grown);
    ready = size_min(size_max(ready, in_use), grown); /* they are read one after the other */
    in_use = size_min(in_use, ready);
    size_t metadata =
        page_alloc_metadata_bytes(&heap->pages) + side_table_bytes(&heap->spans.entries);
    return (struct page_heap_bytes){
        .grown = grown,
        .free = grown - in_use,
        .released = grown - ready,
        .metadata = metadata - size_min(metadata, dormant_bytes(heap)),
    };
}

const char *page_heap_check(struct page_heap *heap, size_t *in_spans)
{
    lock_acquire(&heap->pages.lock);
    const char *problem = page_alloc_check(&heap->pages);
    *in_spans = heap->pages.grown_pages - page_alloc_free_pages(&heap->pages) - heap->held_pages;
    lock_release(&heap->pages.lock);
    return problem;
}
