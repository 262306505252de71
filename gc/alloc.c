/* alloc.c -- from "the run is used up" to the next object.
 *
 * Owns:       nothing: it moves spans from lists and pages to the mutator's cache.
 * Invariants:
 *   [alloc.1] No safepoint MUST lie between taking a slot and returning it; otherwise a cycle in
 *             between frees the object.
 *   [alloc.2] What the cache hands out MUST be settled in the same slow path, or, where that takes
 *             no more than what is at hand, before more than is charged at a time has been handed
 *             out; otherwise the pacer learns of it when it is too late, and nothing is owed for
 *             it. While a cycle is under way, each slow path counts.
 *   [alloc.3] A mixed object's header MUST be released after the object's memory is zero and before
 *             the object is returned; otherwise the marker scans it by no layout.
 *   [alloc.4] A slot of a mixed span that is not an object yet MUST have no header before its
 *             allocated bit is set; otherwise a look-up takes what lay there for a type.
 *   [alloc.5] In insertion mode an object that is allocated while a cycle marks MUST be remembered;
 *             otherwise its initialising stores, which nobody reports, are missed.
 * Locks:      takes PAGES; CYCLE inside cycle_run and cycle_poll.
 * Callers:    the public allocation functions, on the mutator's thread.
 */
#include "gc/alloc.h"

#include <inttypes.h>
#include <string.h>

#include "gc/assert.h"
#include "gc/assist.h"
#include "gc/barrier.h"
#include "gc/barrier_verify.h"
#include "gc/cycle.h"
#include "gc/finalized_span.h"
#include "gc/give_back.h"
#include "gc/large.h"
#include "gc/port.h"
#include "gc/region.h"
#include "gc/sweep.h"

/* Tell the host what it has not been told yet. */
TRI_COLD static void tell_pressure(struct tri_mutator *mutator)
{
    struct tri_heap *heap = mutator->heap;
    const tri_heap_options *options = &heap->options;
    /* Bits by themselves: pairs with nothing. */
    uint32_t kinds = exchange_acq_rel(&heap->cycle.pressure, 0U);
    for (; kinds != 0 && options->pressure != NULL; kinds &= kinds - 1) {
        tri_pressure_info info = {
            .kind = (tri_pressure_kind)trailing_zeros(kinds),
            .heap_live = counters_live(&heap->counters),
            .memory = load_relaxed(&heap->counters.memory_bytes),
            .memory_limit = load_relaxed(&options->memory_limit),
            .limiter_ns = load_relaxed(&heap->cycle.limited_ns),
        };
        options->pressure(heap, &info, options->pressure_argument);
    }
}

/* What the cache may hand out from now on before the next such look around: nothing where each slow
 * path counts, else what is left to the next charge [alloc.2]. */
static size_t bytes_ahead(const struct tri_mutator *mutator)
{
    const struct tri_heap *heap = mutator->heap;
    size_t charge = load_relaxed(&heap->counters.charge_bytes);
    bool counts = heap->options.stress != 0 || mutator->cache.window != 0 ||
                  mutator->cache.one_by_one || cycle_phase(heap) != CYCLE_IDLE ||
                  load_relaxed(&heap->options.memory_limit) != TRI_MEMORY_LIMIT_OFF;
    return counts ? 0 : charge - size_min(charge, mutator->uncharged);
}

/* Everything that a mutator owes the collector before it takes memory. A safepoint. */
static void before_allocation(struct tri_mutator *mutator, size_t bytes)
{
    struct tri_heap *heap = mutator->heap;
    port_safepoint(mutator);
    barrier_catch_up(mutator);
    uint32_t stress = heap->options.stress;
    if (TRI_UNLIKELY(stress != 0)) {
        if (fetch_add_relaxed(&heap->counters.slow_paths, UINT64_C(1)) % stress == stress - 1) {
            cycle_run(mutator, CYCLE_FORCED);
        }
        return;
    }
    assist_pay(mutator, bytes);
    cycle_watch_memory(heap);
    if (TRI_UNLIKELY(load_relaxed(&heap->cycle.pressure) != 0)) {
        tell_pressure(mutator);
    }
    cycle_poll(mutator, bytes);
    cycle_brake(mutator, bytes);
}

/* Pages out of the mutator's own, or, which may take its time, the heap's. */
static page_index take_pages(struct tri_mutator *mutator, uint32_t pages, bool *zero)
{
    struct tri_heap *heap = mutator->heap;
    struct page_cache *cache = &mutator->cache.pages;
    if (page_cache_has(cache, pages)) {
        return give_back_take(heap, cache, pages, zero);
    }
    struct stall_times start = stall_begin_short();
    page_index first = give_back_take(heap, cache, pages, zero);
    (void)stall_end(&heap->stalls, STALL_GROW, start);
    return first;
}

/* A span for list out of fresh pages, not published; NULL where there is no memory. In a region its
 * objects are queued singly [region.8]. */
static struct span *make_span(struct tri_mutator *mutator, const struct central_list *list,
                              bool in_region)
{
    struct tri_heap *heap = mutator->heap;
    uint32_t pages = size_class_pages[list->size_class];
    bool zero;
    page_index first = take_pages(mutator, pages, &zero);
    if (first == PAGE_NONE) {
        return NULL;
    }
    struct span_shape shape = {
        .first = first,
        .pages = pages,
        .size_class = list->size_class,
        .list = list->index,
        .type = list->type,
        .scannable = list->type == NULL || list->type->scannable,
        .needs_zero = !zero,
        .sweep_gen = sweep_generation(heap),
    };
    if (list->type != NULL && !in_region) {
        (void)type_slot_masks(list->type, size_class_bytes[list->size_class], &shape.pointers,
                              &shape.values);
    }
    return span_init(&heap->page_heap.spans, &shape);
}

/* The pages of span, which is not published, are free again. */
static void unmake_span(struct tri_heap *heap, struct span *span)
{
    page_index first = span->first;
    uint32_t pages = span->pages;
    span_retire(span);
    page_heap_give(&heap->page_heap, first, pages);
}

/* As make_span, where everybody finds it. */
static struct span *grow_list(struct tri_mutator *mutator, const struct central_list *list)
{
    struct tri_heap *heap = mutator->heap;
    struct span *span = make_span(mutator, list, false);
    if (span == NULL) {
        return NULL;
    }
    if (type_is_finalized(list->type) && !finalized_span_add(heap, span)) {
        unmake_span(heap, span);
        return NULL;
    }
    span_publish(span);
    sweep_add_span(heap, span);
    return span;
}

/* The spans that a refill has found. */
struct refill {
    struct tri_mutator *mutator;
    struct central_list *list;
    struct sweep_tally tally;
    struct span *first; /* NULL: none yet. The others are spares of the mutator's cache */
};

/* Sweep the spans of chain, which came out of a set, where that is still to be done, and keep those
 * with free slots. */
static void make_ready(struct refill *refill, struct span_chain chain)
{
    struct tri_heap *heap = refill->mutator->heap;
    struct thread_cache *cache = &refill->mutator->cache;
    const struct span_table *table = &heap->page_heap.spans;
    struct span *span;
    while ((span = span_chain_take(&chain, table)) != NULL) {
        if (sweep_is_wanted(heap, span) &&
            sweep_span(heap, span, SWEEP_KEEP, &refill->tally) == SWEEP_FULL) {
            thread_cache_add_used_up(cache, table, refill->list, span);
        } else if (refill->first == NULL) {
            refill->first = span;
        } else {
            thread_cache_add_spare(cache, table, refill->list->index, span);
        }
    }
}

static struct span_chain take_unswept(const struct refill *refill, uint32_t shard, uint32_t most)
{
    const struct tri_heap *heap = refill->mutator->heap;
    struct central_list *list = refill->list;
    const struct span_table *table = &heap->page_heap.spans;
    uint32_t generation = sweep_generation(heap);
    struct span_chain chain =
        central_list_take_partial_unswept(list, shard, table, generation, most);
    return chain.count > 0 ? chain
                           : central_list_take_full_unswept(list, shard, table, generation, most);
}

/* Take swept spans with free slots out of shard, so many at a time. */
static void take_swept(struct refill *refill, uint32_t shard, uint32_t asked)
{
    const struct tri_heap *heap = refill->mutator->heap;
    const struct span_table *table = &heap->page_heap.spans;
    struct span_chain chain;
    do {
        chain = central_list_take_partial_swept(refill->list, shard, table, sweep_generation(heap),
                                                asked);
        make_ready(refill, chain);
    } while (refill->first == NULL && chain.count > 0);
}

/* Sweep unswept spans of shard, so many at a time, until one has a free slot: partial ones first,
 * then full ones within a budget. */
static void sweep_for_spans(struct refill *refill, uint32_t shard, uint32_t asked)
{
    struct tri_heap *heap = refill->mutator->heap;
    struct span_chain chain = take_unswept(refill, shard, asked);
    make_ready(refill, chain);
    if (refill->first != NULL || chain.count == 0) {
        return; /* a few take less time than two clocks */
    }
    struct stall_times start = stall_begin_short();
    while (refill->first == NULL && chain.count > 0 && refill->tally.swept < SWEEP_BUDGET_SPANS) {
        chain = take_unswept(refill, shard, asked);
        make_ready(refill, chain);
    }
    (void)stall_end(&heap->stalls, STALL_SWEEP, start);
}

/* [alloc.4] The free slots of a mixed span that a cache is about to have. */
static void clear_headers(const struct span_table *table, const struct span *span)
{
    for (uint32_t slot = 0; slot < span->slots; slot++) {
        if (!span_is_allocated(span, slot)) {
            store_relaxed((tri_type **)(void *)span_slot_address(table, span, slot), NULL);
        }
    }
}

/* How many spans to ask list for: each time twice as many, since where a few are used up soon, a
 * few more will be. */
static uint32_t ask_for(struct cache_bin *bin, const struct central_list *list)
{
    size_t bytes = (size_t)size_class_pages[list->size_class] * PAGE_BYTES;
    size_t most = size_max(size_min(REFILL_BYTES_MAX / bytes, REFILL_SPANS_MAX), 1);
    bin->asked = (uint16_t)size_max(size_min(2 * (size_t)bin->asked, most), 1);
    return bin->asked;
}

/* A span with free slots for list, and maybe some spares: swept before, or now, or new; of the
 * mutator's own shard rather than of others. NULL where there is no memory. */
static struct span *find_spans(struct tri_mutator *mutator, struct central_list *list)
{
    struct tri_heap *heap = mutator->heap;
    struct thread_cache *cache = &mutator->cache;
    struct refill refill = {.mutator = mutator, .list = list};
    uint32_t asked = ask_for(&cache->bins[list->index], list);
    thread_cache_give_used_up(cache, &heap->page_heap.spans, list);
    sweep_keep_up(heap, cache, asked);
    for (uint32_t i = 0; i < CENTRAL_SHARDS && refill.first == NULL; i++) {
        uint32_t shard = (cache->shard + i) % CENTRAL_SHARDS;
        take_swept(&refill, shard, asked);
        if (refill.first == NULL) {
            sweep_for_spans(&refill, shard, asked);
        }
    }
    sweep_report(heap, &refill.tally);
    return refill.first != NULL ? refill.first : grow_list(mutator, list);
}

/* Give the cursor of list another span. False where there is no memory. */
static bool refill(struct tri_mutator *mutator, struct central_list *list)
{
    struct tri_heap *heap = mutator->heap;
    struct thread_cache *cache = &mutator->cache;
    const struct span_table *table = &heap->page_heap.spans;
    struct span *used_up = thread_cache_drop_span(cache, list->index);
    if (used_up != NULL) {
        thread_cache_add_used_up(cache, table, list, used_up);
    }
    struct span *span = thread_cache_take_spare(cache, table, list->index);
    if (span == NULL) {
        span = find_spans(mutator, list);
    }
    if (span == NULL) {
        return false;
    }
    if (span_is_mixed(span) && span->needs_zero) {
        clear_headers(table, span);
    }
    if (barrier_verify_is_on(heap)) {
        barrier_verify_span(heap, span);
    }
    thread_cache_set_span(cache, list->index, span);
    return true;
}

/* A slot of list; NULL where there is no memory. No safepoint [alloc.1]. */
static char *take_slot(struct tri_mutator *mutator, uint32_t list, bool zero)
{
    struct tri_heap *heap = mutator->heap;
    const struct span_table *table = &heap->page_heap.spans;
    char *slot;
    while ((slot = thread_cache_take(&mutator->cache, table, list, zero)) == NULL) {
        if (!refill(mutator, type_table_list(&heap->types, list))) {
            return NULL;
        }
    }
    return slot;
}

/* Give the region's cursor of list a span. False where there is no memory. */
static bool refill_region(struct tri_mutator *mutator, struct tri_region *region, uint32_t list,
                          bool zero)
{
    struct tri_heap *heap = mutator->heap;
    sweep_keep_up(heap, &mutator->cache, 1);
    struct span *span = make_span(mutator, type_table_list(&heap->types, list), true);
    if (span == NULL) {
        return false;
    }
    if (zero && span->needs_zero) {
        memset(span_base(&heap->page_heap.spans, span), 0, span_bytes(span)); /* [region.4] */
    }
    if (barrier_verify_is_on(heap)) {
        barrier_verify_span(heap, span);
    }
    size_t bytes = (size_t)span->slots * span->slot_bytes;
    assist_charge_region(mutator, bytes, span->scannable ? bytes : 0);
    region_add_span(region, span);
    return true;
}

/* As take_slot, from a region. */
static char *take_region_slot(struct tri_mutator *mutator, struct tri_region *region, uint32_t list,
                              bool zero)
{
    char *slot;
    while ((slot = region_take(region, list)) == NULL) {
        if (!refill_region(mutator, region, list, zero)) {
            return NULL;
        }
    }
    return slot;
}

static char *take_from(struct tri_mutator *mutator, const struct alloc_request *request,
                       uint32_t list, bool zero)
{
    return request->region == NULL ? take_slot(mutator, list, zero)
                                   : take_region_slot(mutator, request->region, list, zero);
}

/* An object that shares a span with objects of other types, behind a header that says its own. */
static tri_ref alloc_mixed(struct tri_mutator *mutator, const struct alloc_request *request)
{
    unsigned size_class =
        size_class_of(size_max(request->bytes + MIXED_HEADER_BYTES, SLOT_BYTES_MIN));
    char *slot = take_from(mutator, request, size_class, true);
    if (slot == NULL) {
        return NULL;
    }
    fetch_add_relaxed(&request->type->mixed_objects, 1U);
    /* release: pairs with the acquire in object_at_slot [alloc.3] */
    store_release((tri_type **)(void *)slot, request->type);
    return slot + MIXED_HEADER_BYTES;
}

/* The list that an object of that size class comes from; 0: a mixed span. */
static uint32_t choose_list(struct tri_heap *heap, const struct alloc_request *request,
                            unsigned size_class)
{
    if (!type_is_promoted(request->type)) {
        return 0;
    }
    return request->single ? request->type->list
                           : type_sized_list(&heap->types, request->type, size_class);
}

/* The object; NULL where there is no memory without a collection. */
static tri_ref try_once(struct tri_mutator *mutator, const struct alloc_request *request)
{
    tri_type *type = request->type;
    unsigned size_class = type_size_class(type, request->bytes);
    if (size_class == 0) {
        return large_alloc_in(mutator, request->region, type, request->bytes);
    }
    uint32_t list = choose_list(mutator->heap, request, size_class);
    if (list != 0) {
        return take_from(mutator, request, list, !(type->flags & TRI_TYPE_UNINITIALIZED));
    }
    if (request->bytes + MIXED_HEADER_BYTES <= SMALL_SIZE_MAX && type_may_be_mixed(type)) {
        return alloc_mixed(mutator, request);
    }
    return large_alloc_in(mutator, request->region, type, request->bytes);
}

/* Collect and sweep everything, then try again. Twice where need be: what was allocated, and died,
 * while the first cycle marked is freed by the second. */
static tri_ref collect_and_retry(struct tri_mutator *mutator, const struct alloc_request *request)
{
    tri_ref object = NULL;
    for (unsigned i = 0; object == NULL && i < 2; i++) {
        cycle_run(mutator, CYCLE_FORCED);
        (void)sweep_up_to(mutator->heap, SIZE_MAX);
        object = try_once(mutator, request);
    }
    return object;
}

/* Whether the host prefers to hear of exhausted memory to going on like this: see
 * tri_heap_options.give_up_s. */
static bool gives_up(const struct tri_heap *heap)
{
    uint64_t after_s = heap->options.give_up_s;
    return TRI_UNLIKELY(after_s != 0 && load_relaxed(&heap->cycle.limited) != 0) &&
           (load_relaxed(&heap->cycle.limited_ns) >= after_s * UINT64_C(1000000000) ||
            load_relaxed(&heap->counters.far_over_limit) != 0);
}

/* The object; NULL where there is no memory, or the host would rather know than wait. */
static tri_ref try_hard(struct tri_mutator *mutator, const struct alloc_request *request)
{
    if (gives_up(mutator->heap)) {
        return NULL;
    }
    tri_ref object = try_once(mutator, request);
    return TRI_LIKELY(object != NULL) ? object : collect_and_retry(mutator, request);
}

TRI_COLD TRI_NORETURN static void die_at_limit(const struct tri_heap *heap,
                                               const tri_oom_info *info)
{
    fatal("out of memory: %zu bytes for an object of type %s.\n"
          "The memory limit is %jd bytes, %ju are taken, %zu of them are live, and collecting has "
          "had half of the processors' time for %ju ms.\n"
          "Raise MEMLIMIT, hold less, or install an oom_handler; GCGIVEUP=off lets the program go "
          "on past its limit.",
          info->requested, info->type_name, (intmax_t)load_relaxed(&heap->options.memory_limit),
          (uintmax_t)load_relaxed(&heap->counters.memory_bytes), info->heap_live,
          (uintmax_t)(load_relaxed(&heap->cycle.limited_ns) / UINT64_C(1000000)));
}

TRI_COLD TRI_NORETURN static void die_of_exhaustion(const tri_oom_info *info)
{
    fatal("out of memory: %zu bytes for an object of type %s.\n"
          "The heap has %zu bytes live and %zu in use; its limit is %zu. A collection has just "
          "been made. "
          "Raise max_heap, hold less, or install an oom_handler; tri_try_alloc gives TRI_NULL "
          "instead.",
          info->requested, info->type_name, info->heap_live, info->heap_in_use, info->heap_limit);
}

/* What an object of bytes bytes occupies in a span of its own type, or as a span. */
static size_t occupied_bytes(const tri_type *type, size_t bytes)
{
    unsigned size_class = type_size_class(type, bytes);
    return size_class == 0 ? align_up(bytes, PAGE_BYTES) : size_class_bytes[size_class];
}

/* Ask the host. False: the allocation shall fail. */
static bool ask_handler(struct tri_mutator *mutator, const tri_type *type, size_t bytes)
{
    struct tri_heap *heap = mutator->heap;
    tri_oom_info info = {
        .requested = occupied_bytes(type, bytes),
        .heap_live = counters_live(&heap->counters),
        .heap_in_use = page_heap_in_use(&heap->page_heap),
        .heap_limit = heap->page_heap.space.bytes,
        .type_name = type->name,
    };
    tri_oom_action action = TRI_OOM_ABORT;
    if (heap->options.oom_handler != NULL) {
        action = heap->options.oom_handler(heap, &info, heap->options.oom_argument);
    }
    if (action == TRI_OOM_ABORT && gives_up(heap)) {
        die_at_limit(heap, &info);
    } else if (action == TRI_OOM_ABORT) {
        die_of_exhaustion(&info);
    }
    return action == TRI_OOM_RETRY;
}

/* The object where it takes no more than what the cache has at hand, and nobody wants anything of
 * the mutator; else NULL. What a cursor has was paid for when it was given that, so while a cycle
 * is under way only the rest of the run waits for the slow path; with gcstress each call counts. */
static tri_ref alloc_quickly(struct tri_mutator *mutator, const struct alloc_request *request)
{
    tri_type *type = request->type;
    if (load_relaxed(&mutator->head.poll) != 0 || mutator->heap->options.stress != 0 ||
        !type_is_promoted(type) || request->region != NULL) {
        return NULL;
    }
    uint32_t list = type->list;
    if (!request->single) {
        unsigned size_class = type_size_class(type, request->bytes);
        list = size_class == 0 ? 0 : type_sized_list(&mutator->heap->types, type, size_class);
    }
    return thread_cache_take_ahead(&mutator->cache, list, !(type->flags & TRI_TYPE_UNINITIALIZED));
}

tri_ref alloc_requested(struct tri_mutator *mutator, const struct alloc_request *request,
                        enum alloc_policy policy)
{
    tri_ref quick = alloc_quickly(mutator, request);
    if (TRI_LIKELY(quick != NULL)) {
        return quick;
    }
    before_allocation(mutator, request->bytes);
    mutator->cache.ahead = bytes_ahead(mutator);
    tri_ref object = try_hard(mutator, request);
    while (TRI_UNLIKELY(object == NULL && policy == ALLOC_OR_HANDLER) &&
           ask_handler(mutator, request->type, request->bytes)) {
        object = collect_and_retry(mutator, request);
    }
    assist_settle(mutator); /* [alloc.2] */
    if (TRI_UNLIKELY(mutator->cache.one_by_one) && object != NULL && request->type->scannable) {
        barrier_remember(mutator, object); /* [alloc.5] */
    }
    return object;
}

tri_ref alloc_object(struct tri_mutator *mutator, tri_type *type, size_t bytes, bool single,
                     enum alloc_policy policy)
{
    const struct alloc_request request = {.type = type, .bytes = bytes, .single = single};
    return alloc_requested(mutator, &request, policy);
}
