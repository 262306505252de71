/* sweep.c -- spans from "marked" to "has free slots".
 *
 * Owns:       struct sweep_state; a span while it is being swept.
 * Invariants:
 *   [sweep.1] A span MUST be swept by exactly one party, between the end of one cycle and the begin
 *             of the next; otherwise live objects are freed by the second sweep, which finds their
 *             marks cleared. The party is whoever popped it from an unswept set.
 *   [sweep.2] A mark on a slot that is not allocated MUST end the process; otherwise a dangling
 *             reference of the host becomes an object again after its memory was handed to another.
 *   [sweep.3] The cursor MUST NOT pass a list with an unswept span once all mutators have given
 *             their caches back; otherwise it is swept only when somebody allocates from it, and
 *             the next cycle waits for ever. It carries its generation, so that who was late to
 *             look for spans of the one before cannot move it; and it is set back when the last
 *             mutator has given its cache back, and by who waits for the rest, since a sweeper that
 *             looked into a list before that may move it afterwards.
 *   [sweep.4] The count of unswept spans MUST reach 0 only after the last span's bits are written
 *             (Note [N3 unswept count]); otherwise marking begins over old marks.
 *   [sweep.5] No thread without a mutator MUST be at work when the generation changes: it registers
 *             as a visitor, and the cycle waits for it to leave; otherwise it carries a span while
 *             a hold verifies. Mutators may be: they judge a span by its own sweep_gen.
 *   [sweep.6] Who sweeps MUST have seen the generation change by an acquire; otherwise it does not
 *             see the last marks.
 * Locks:      takes PAGES when it frees a span.
 * Callers:    mutators on the allocation slow path, the background sweeper, cycle, tri_collect.
 */
#include "gc/sweep.h"

#include "gc/assert.h"
#include "gc/finalized_span.h"
#include "gc/give_back.h"
#include "gc/port.h"
#include "gc/region.h"
#include "gc/trace_figures.h"

/* The lists below index have no span of the generation before any more. */
static uint64_t make_cursor(uint32_t generation, uint32_t index)
{
    return (uint64_t)generation << 32 | index;
}

void sweep_add_span(struct tri_heap *heap, const struct span *span)
{
    fetch_add_relaxed(&heap->sweep.spans[span->sweep_gen & 1], UINT64_C(1));
    fetch_add_relaxed(&heap->counters.spans, UINT64_C(1));
}

void sweep_begin(struct tri_heap *heap)
{
    TRI_ASSERT(sweep_is_done(heap));
    lock_assert_held(&heap->cycle.lock);
    TRI_ASSERT(load_relaxed(&heap->sweep.visitors) == SWEEP_CLOSED); /* [sweep.5] */
    uint32_t generation = heap->sweep.generation + 1;
    heap->sweep.keep_all = load_relaxed(&heap->mark.is_void) != 0;
    store_relaxed(&heap->sweep.cursor, make_cursor(generation, 0));
    /* release: pairs with the acquire in sweep_generation [sweep.6] */
    store_release(&heap->sweep.generation, generation);
    /* release: pairs with the acquire half in enter_visitor */
    store_release(&heap->sweep.visitors, 0U);
}

void sweep_close(struct tri_heap *heap)
{
    fetch_or_relaxed(&heap->sweep.visitors, SWEEP_CLOSED);
    /* acquire: pairs with the release half in leave_visitor */
    while (load_acquire(&heap->sweep.visitors) != SWEEP_CLOSED) {
        port_yield();
    }
}

bool sweep_pause(struct tri_heap *heap)
{
    bool open = !(load_relaxed(&heap->sweep.visitors) & SWEEP_CLOSED);
    sweep_close(heap);
    return open;
}

void sweep_resume(struct tri_heap *heap)
{
    /* Pairs with the acquire half in enter_visitor. */
    fetch_and_seq_cst(&heap->sweep.visitors, ~SWEEP_CLOSED);
}

/* False where the doors are closed. */
static bool enter_visitor(struct tri_heap *heap)
{
    uint32_t visitors = load_relaxed(&heap->sweep.visitors);
    while (!(visitors & SWEEP_CLOSED)) {
        /* acquire half: pairs with the release in sweep_begin */
        if (cas_weak_acq_rel(&heap->sweep.visitors, &visitors, visitors + 1)) {
            return true;
        }
    }
    return false;
}

static void leave_visitor(struct tri_heap *heap)
{
    /* release half: pairs with the acquire in sweep_close */
    fetch_sub_acq_rel(&heap->sweep.visitors, 1U);
}

/* Fill what is free in word number index of span with a pattern that no program takes for its
 * data. */
static void clobber_word(const struct tri_heap *heap, const struct span *span, size_t index,
                         uint64_t freed)
{
    for (; freed != 0; freed &= freed - 1) {
        uint32_t slot = (uint32_t)(index * 64 + trailing_zeros(freed));
        char *memory = span_slot_address(&heap->page_heap.spans, span, slot);
        for (size_t i = 0; i < span_object_bytes(span); i += WORD_BYTES) {
            *(uint64_t *)(void *)(memory + i) = UINT64_C(0xdeadbeefdeadbeef);
        }
    }
}

TRI_COLD TRI_NORETURN static void found_zombie(const struct tri_heap *heap, const struct span *span,
                                               size_t index, uint64_t zombies)
{
    uint32_t slot = (uint32_t)(index * 64 + trailing_zeros(zombies));
    fatal("found a reference to a free object: slot %u (%p) of a span of %s, %zu bytes a slot.\n"
          "The object was collected earlier because no root or slot held it then. Look for a store "
          "without tri_store and for a "
          "local that no frame or scanner shows; GCDEBUG=gcverify=1 names the reference.",
          slot, (void *)span_slot_address(&heap->page_heap.spans, span, slot),
          span->type == NULL ? "mixed types" : span->type->name, span_object_bytes(span));
}

/* Marks become the allocation bits. Returns how many slots were freed; *live is how many are
 * left. */
static uint32_t sweep_bits(const struct tri_heap *heap, struct span *span, uint32_t *live)
{
    uint32_t freed_count = 0;
    *live = 0;
    for (size_t i = 0; i < span_bit_words(span); i++) {
        struct span_bits *bits = &span->bits[i];
        uint64_t marked = load_relaxed(&bits->mark);
        if (TRI_UNLIKELY(marked & ~bits->allocated)) { /* [sweep.2] */
            found_zombie(heap, span, i, marked & ~bits->allocated);
        }
        marked = heap->sweep.keep_all ? bits->allocated : marked;
        uint64_t freed = bits->allocated & ~marked;
        freed_count += bit_count(freed);
        *live += bit_count(marked);
        if (heap->options.clobber_free) {
            clobber_word(heap, span, i, freed);
        }
        store_relaxed(&bits->allocated, marked);
        store_relaxed(&bits->mark, UINT64_C(0));
        store_relaxed(&span->scanned[i], UINT64_C(0));
    }
    return freed_count;
}

static void free_span(struct tri_heap *heap, struct span *span)
{
    page_index first = span->first;
    uint32_t pages = span->pages;
    if (TRI_UNLIKELY(type_is_finalized(span->type))) {
        finalized_span_remove(heap, span);
    }
    span_retire(span);
    fetch_sub_relaxed(&heap->counters.spans, UINT64_C(1));
    page_heap_give(&heap->page_heap, first, pages);
}

static void trace_sweep(struct tri_heap *heap)
{
    const struct sweep_state *sweep = &heap->sweep;
    uint64_t live = counters_live(&heap->counters);
    uint64_t before = load_relaxed(&sweep->pace_live);
    uint64_t spans = load_relaxed(&sweep->pace_spans);
    uint64_t pages = load_relaxed(&sweep->pace_pages);
    double spans_per_byte = (double)load_relaxed(&sweep->due_kib) / (double)SWEEP_PACE_ONE / 1024.0;
    struct pacer_sweep_figures figures = {
        .live = live,
        .allocated = live > before ? live - before : 0,
        .swept_pages = pages,
        .pages_per_byte = spans == 0 ? 0 : spans_per_byte * (double)pages / (double)spans,
    };
    port_pacer_swept(heap, &figures);
}

/* The last span of a cycle is swept: all pages that come free by it have. */
static void all_is_swept(struct tri_heap *heap)
{
    port_wake_scavenger(heap);
    give_back_report(heap, false);
    if (heap->options.pacer_trace) {
        trace_sweep(heap);
    }
}

/* Count the objects of tally as freed. */
static void report_freed(struct tri_heap *heap, struct sweep_tally *tally)
{
    if (tally->freed_objects > 0) {
        /* release halves: pair with the acquires in fill_objects of stats.c, for which these
         * objects are allocated */
        fetch_add_acq_rel(&heap->counters.freed_objects, tally->freed_objects);
        fetch_add_acq_rel(&heap->counters.freed_bytes, tally->freed_bytes);
        tally->freed_objects = 0;
        tally->freed_bytes = 0;
    }
}

enum sweep_outcome sweep_span(struct tri_heap *heap, struct span *span, enum sweep_empty empty,
                              struct sweep_tally *tally)
{
    uint32_t generation = sweep_generation(heap);
    TRI_ASSERT(span->sweep_gen + 1 == generation); /* [sweep.1] */
    uint32_t live;
    uint32_t freed = sweep_bits(heap, span, &live);
    if (freed > 0) {
        if (TRI_UNLIKELY(type_is_finalized(span->type))) {
            finalized_span_swept(heap, span);
        }
        tally->freed_objects += freed;
        tally->freed_bytes += (uint64_t)freed * span_object_bytes(span);
        span->needs_zero = true;
    }
    span->search = 0;
    span->sweep_gen = generation;
    tally->swept++;
    bool idle = freed == 0 || span_is_large(span); /* nobody allocates from a large one again */
    bool unused = live == 0 && (empty == SWEEP_FREE || (empty == SWEEP_FREE_IDLE && idle));
    if (unused) {
        report_freed(heap, tally); /* before the pages: no more is allocated than is in use */
        free_span(heap, span);
        return SWEEP_FREED;
    }
    tally->kept++;
    return live == span->slots ? SWEEP_FULL : SWEEP_PARTIAL;
}

void sweep_report(struct tri_heap *heap, struct sweep_tally *tally)
{
    if (tally->swept == 0) {
        return;
    }
    /* The generation cannot have changed since: these spans still count as unswept [cycle.1]. */
    uint32_t generation = sweep_generation(heap);
    uint64_t *counts = heap->sweep.spans;
    report_freed(heap, tally);
    if (tally->kept > 0) {
        fetch_add_relaxed(&counts[generation & 1], tally->kept);
    }
    /* release half: pairs with the acquire in sweep_is_done [sweep.4] */
    uint64_t swept = tally->swept;
    *tally = (struct sweep_tally){.swept = 0};
    if (fetch_sub_acq_rel(&counts[(generation & 1) ^ 1], swept) == swept) {
        all_is_swept(heap);
    }
}

/* A span that was unswept when it was taken out, and where it is to be put back. */
struct taken_span {
    struct span *span; /* NULL: none */
    struct central_list *list;
    uint32_t shard;
};

/* Any span of that shard of list that is to be swept; NULL if there is none. */
static struct span *pop_wanted(struct tri_heap *heap, struct central_list *list, uint32_t shard)
{
    const struct span_table *table = &heap->page_heap.spans;
    struct span *span;
    while ((span = central_list_pop_unswept(list, shard, table, sweep_generation(heap))) != NULL) {
        if (sweep_is_wanted(heap, span)) {
            break;
        }
        /* The generation has changed between, and this set has the swept ones now. */
        central_list_push(list, shard, table, span);
    }
    return span;
}

/* Whose spans somebody sweeps. */
struct sweep_choice {
    uint32_t shard; /* those of this one first */
    bool only;      /* and no others */
};

/* Any span of list that is to be swept. */
static struct taken_span take_wanted(struct tri_heap *heap, struct central_list *list,
                                     struct sweep_choice choice)
{
    for (uint32_t i = 0; i < (choice.only ? 1 : CENTRAL_SHARDS); i++) {
        uint32_t shard = (choice.shard + i) % CENTRAL_SHARDS;
        struct span *span = pop_wanted(heap, list, shard);
        if (span != NULL) {
            return (struct taken_span){span, list, shard};
        }
    }
    return (struct taken_span){.span = NULL};
}

/* Any unswept span [sweep.3]. Where there is a choice of one shard only, of the first list that has
 * unswept ones. */
static struct taken_span take_unswept(struct tri_heap *heap, struct sweep_choice choice)
{
    /* acquire: pairs with the release in append_lists of type.c */
    uint32_t lists = load_acquire(&heap->types.list_count);
    uint64_t cursor = load_relaxed(&heap->sweep.cursor);
    while ((uint32_t)cursor < lists) {
        struct central_list *list = type_table_list(&heap->types, (uint32_t)cursor);
        struct taken_span taken = take_wanted(heap, list, choice);
        if (taken.span != NULL ||
            (choice.only && central_list_has_unswept(list, sweep_generation(heap)))) {
            return taken;
        }
        /* A hint that pairs with nothing: what is in the lists says the sets themselves. */
        if (cas_relaxed(&heap->sweep.cursor, &cursor, cursor + 1)) {
            cursor++;
        }
    }
    return (struct taken_span){.span = NULL};
}

void sweep_rewind(struct tri_heap *heap)
{
    store_relaxed(&heap->sweep.cursor, make_cursor(sweep_generation(heap), 0));
}

/* A sweep of several spans. */
struct sweep_run {
    struct tri_heap *heap;
    struct sweep_choice choice;
    const struct thread_cache *user; /* it allocates soon from what comes free; NULL: nobody */
    struct sweep_tally tally;
    struct taken_span kept[SWEEP_RUN_SPANS]; /* swept, and not put back yet */
    uint32_t count;                          /* of these */
};

/* Report what was swept, then put it back: what is allocated from it counts after what was
 * freed. */
static void put_back(struct sweep_run *run)
{
    sweep_report(run->heap, &run->tally);
    for (uint32_t i = 0; i < run->count; i++) {
        const struct taken_span *kept = &run->kept[i];
        central_list_push(kept->list, kept->shard, &run->heap->page_heap.spans, kept->span);
    }
    run->count = 0;
}

static void keep(struct sweep_run *run, struct taken_span taken)
{
    run->kept[run->count++] = taken;
    if (run->count == SWEEP_RUN_SPANS) {
        put_back(run);
    }
}

/* An empty span of list is worth more there than as free pages while its user takes spans from the
 * list, which are many a cycle where the heap is small. */
static enum sweep_empty fate_of_empty(const struct sweep_run *run, const struct central_list *list)
{
    bool used = run->user != NULL && run->user->bins[list->index].asked > 0;
    return used ? SWEEP_FREE_IDLE : SWEEP_FREE;
}

/* Sweep one more span, or give back some of freed regions; *freed is how many pages came free by
 * that. False where none is left to take. */
static bool sweep_next(struct sweep_run *run, size_t *freed)
{
    struct tri_heap *heap = run->heap;
    *freed = 0;
    if (TRI_UNLIKELY(region_has_freed_spans(heap))) {
        *freed = region_return_some(heap);
        return true;
    }
    struct taken_span taken = take_unswept(heap, run->choice);
    if (taken.span == NULL) {
        return false;
    }
    size_t pages = taken.span->pages;
    if (sweep_span(heap, taken.span, fate_of_empty(run, taken.list), &run->tally) == SWEEP_FREED) {
        *freed = pages;
    } else {
        keep(run, taken);
    }
    return true;
}

static bool sweep_count(struct sweep_run *run, size_t count)
{
    bool more = true;
    size_t freed;
    for (size_t i = 0; i < count && more; i++) {
        more = sweep_next(run, &freed);
    }
    put_back(run);
    return more;
}

bool sweep_up_to(struct tri_heap *heap, size_t count)
{
    struct sweep_run run = {.heap = heap};
    return sweep_count(&run, count);
}

void sweep_reclaim(struct tri_heap *heap, size_t pages)
{
    struct sweep_run run = {.heap = heap};
    size_t freed;
    for (size_t sum = 0; sum < pages && sweep_next(&run, &freed); sum += freed) {
    }
    put_back(&run);
}

/* Spans that are to be swept. */
static uint64_t unswept_spans(const struct tri_heap *heap)
{
    return load_relaxed(&heap->sweep.spans[(sweep_generation(heap) & 1) ^ 1]);
}

void sweep_set_pace(struct tri_heap *heap, uint64_t live, uint64_t trigger)
{
    struct sweep_state *sweep = &heap->sweep;
    uint64_t unswept = unswept_spans(heap);
    uint64_t distance = trigger > live ? trigger - live : 0;
    distance -= size_min(distance, PACER_SWEEP_DISTANCE_BYTES);
    double per_kib = (double)unswept / (double)(distance / KIB + 1);
    store_relaxed(&sweep->pace_live, live);
    store_relaxed(&sweep->pace_spans, unswept);
    store_relaxed(&sweep->pace_pages, (uint64_t)page_heap_in_use(&heap->page_heap) / PAGE_BYTES);
    store_relaxed(&sweep->due_kib, (uint64_t)(per_kib * (double)SWEEP_PACE_ONE));
}

/* Spans that should have been swept since the pace was set, and have not been. */
static uint64_t spans_due(const struct tri_heap *heap)
{
    const struct sweep_state *sweep = &heap->sweep;
    uint64_t live = counters_live(&heap->counters);
    uint64_t before = load_relaxed(&sweep->pace_live);
    double grown_kib = live > before ? (double)(live - before) / (double)KIB : 0.0;
    double due = grown_kib * (double)load_relaxed(&sweep->due_kib) / (double)SWEEP_PACE_ONE;
    uint64_t spans = load_relaxed(&sweep->pace_spans);
    uint64_t left = unswept_spans(heap);
    uint64_t done = left < spans ? spans - left : 0;
    uint64_t wanted = due < (double)spans ? (uint64_t)due : spans;
    return wanted > done ? wanted - done : 0;
}

/* Whether spans that come free may stay where they are for a cycle: not where they make the heap
 * larger than it was to become. */
static bool keeps_empty(const struct tri_heap *heap)
{
    uint64_t goal = load_relaxed(&heap->counters.goal_bytes);
    return heap_is_self_driven(heap) &&
           load_relaxed(&heap->options.memory_limit) == TRI_MEMORY_LIMIT_OFF &&
           page_heap_in_use(&heap->page_heap) / 8 <= goal / 8 + goal / 64;
}

void sweep_keep_up(struct tri_heap *heap, const struct thread_cache *cache, uint32_t taken)
{
    if (TRI_UNLIKELY(region_has_freed_spans(heap))) {
        (void)region_return_some(heap);
    }
    if (TRI_LIKELY(sweep_is_done(heap))) {
        return;
    }
    uint64_t due = spans_due(heap);
    if (due == 0) {
        return;
    }
    struct sweep_run run = {
        .heap = heap,
        .choice = {.shard = cache->shard, .only = due < SWEEP_OTHERS_SPANS},
        .user = keeps_empty(heap) ? cache : NULL,
    };
    struct stall_times start = stall_begin_short();
    (void)sweep_count(&run, size_min(due, SWEEP_KEEP_UP_SPANS * taken));
    (void)stall_end(&heap->stalls, STALL_SWEEP, start);
}

bool sweep_some(struct tri_heap *heap, size_t count)
{
    if (!enter_visitor(heap)) { /* [sweep.5] */
        return false;
    }
    bool more = sweep_up_to(heap, count);
    leave_visitor(heap);
    return more;
}

void sweep_finish(struct tri_heap *heap)
{
    (void)sweep_up_to(heap, SIZE_MAX);
    while (!sweep_is_done(heap)) {
        sweep_rewind(heap); /* a late look may have moved the cursor past a list [sweep.3] */
        port_yield();
        (void)sweep_up_to(heap, SIZE_MAX);
    }
}

void sweep_settle(struct tri_heap *heap)
{
    sweep_finish(heap);
    /* acquire: pairs with the release half in leave_visitor */
    while ((load_acquire(&heap->sweep.visitors) & ~SWEEP_CLOSED) != 0) {
        port_yield();
    }
}
