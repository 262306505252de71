/* thread_cache.c -- runs and cursors.
 *
 * Owns:       the cursors and bins of a mutator, and the spans in them.
 * Invariants:
 *   [thread_cache.1] Memory between a cursor's free and limit MUST be zero (unless its type asked
 *                    otherwise); otherwise a new object holds a stale reference, and the marker
 *                    keeps or follows garbage.
 *   [thread_cache.2] limit MUST NOT pass run_end; otherwise the fast path hands out a slot that
 *                    holds a live object.
 *   [thread_cache.3] A flush MUST give the unused rest of each run back before marking; otherwise a
 *                    conservative candidate finds a slot that was never initialised. While markers
 *                    are at work, the rest of a black run MUST NOT be given back; otherwise one
 *                    that a candidate has just led there sets a mark on a free slot.
 *   [thread_cache.4] The public layout MUST be what the inline fast paths in include/ compute with;
 *                    otherwise they write anywhere.
 *   [thread_cache.5] All of a run that is taken black MUST be zero before its marks are set;
 *                    otherwise a rescan after an overflow ([mark.4]) follows what lay there.
 *   [thread_cache.6] Slots of a run that stay taken without having become objects MUST be known for
 *                    that where the type has a finalizer; otherwise it is called for them when they
 *                    are white.
 * Locks:      none of its own; the flush takes PAGES.
 * Callers:    alloc by the owner; cycle for its handshakes; detaching, parking.
 */
#include "gc/thread_cache.h"

#include <string.h>

#include "gc/assert.h"

/* [thread_cache.4] */
_Static_assert(sizeof(struct tri_cursor_) == 16, "cursors are 16 bytes apart");
_Static_assert(offsetof(struct tri_mutator_head_, poll) == 0, "poll is first");
_Static_assert(offsetof(struct tri_mutator_head_, barrier) == 4, "then barrier");
_Static_assert(offsetof(struct tri_mutator_head_, frames) == 8, "then frames");
_Static_assert(offsetof(struct tri_type, head) == 0, "a type begins with its head");

void thread_cache_init(struct thread_cache *cache, struct tri_cursor_ *cursors,
                       struct cache_bin *bins, uint32_t shard)
{
    *cache = (struct thread_cache){.cursors = cursors, .bins = bins, .shard = shard};
}

static void count_handed(struct thread_cache *cache, const struct span *span, size_t bytes)
{
    cache->handed += bytes;
    cache->handed_scannable += span->scannable ? bytes : 0;
}

/* Let the processor fetch what is zeroed next, which was used long ago: by eight lines, since a
 * turn of a loop for each of them costs as much as zeroing it. */
static void prefetch_next(const char *from, const char *end)
{
    const char *stop = (size_t)(end - from) > RUN_ZERO_BYTES ? from + RUN_ZERO_BYTES : end;
    const size_t lines = 8;
    for (; (size_t)(stop - from) >= lines * CACHE_LINE; from += lines * CACHE_LINE) {
        for (size_t i = 0; i < lines; i++) {
            prefetch_write(from + i * CACHE_LINE);
        }
    }
    for (; from < stop; from += CACHE_LINE) {
        prefetch_write(from);
    }
}

/* Move the cursor's limit on over slots that are or become zero. False at the end of the run. */
static bool extend(struct thread_cache *cache, uint32_t list, size_t slot_bytes, bool zero)
{
    struct tri_cursor_ *cursor = &cache->cursors[list];
    const struct cache_bin *bin = &cache->bins[list];
    size_t rest = (size_t)(bin->run_end - cursor->limit);
    if (rest == 0) {
        return false;
    }
    if (TRI_UNLIKELY(cache->one_by_one)) {
        rest = slot_bytes;
    } else if (cache->window != 0) {
        rest = size_min(rest, size_max(cache->window / slot_bytes, 1) * slot_bytes);
    }
    if (zero && bin->span->needs_zero && !bin->zeroed) {
        size_t step = RUN_ZERO_BYTES / slot_bytes * slot_bytes;
        rest = size_min(rest, size_max(step, slot_bytes));
        memset(cursor->limit, 0, rest); /* [thread_cache.1] */
        prefetch_next(cursor->limit + rest, bin->run_end);
    }
    cursor->limit += rest;
    TRI_ASSERT(cursor->limit <= bin->run_end); /* [thread_cache.2] */
    count_handed(cache, bin->span, rest);
    return true;
}

/* Count the slots of the current run that became objects. */
static void count_run(struct thread_cache *cache, const struct cache_bin *bin, const char *free)
{
    size_t bytes = (size_t)(free - bin->run_start);
    cache->bytes += bytes;
    cache->objects += bin->span == NULL ? 0 : bytes / bin->span->slot_bytes;
}

static bool takes_black(const struct thread_cache *cache, const struct span *span)
{
    return cache->black && span->sweep_gen == cache->black_generation;
}

/* Begin the span's next run. False if it has no free slot any more. */
static bool next_run(struct thread_cache *cache, const struct span_table *table, uint32_t list,
                     bool zero)
{
    struct cache_bin *bin = &cache->bins[list];
    struct tri_cursor_ *cursor = &cache->cursors[list];
    struct span *span = bin->span;
    count_run(cache, bin, cursor->free);
    uint32_t first;
    uint32_t count;
    if (!span_find_run(span, &first, &count)) {
        span_close_run(span);
        bin->run_start = bin->run_end = cursor->free = cursor->limit = NULL;
        return false;
    }
    bool black = takes_black(cache, span);
    bin->run_start = span_slot_address(table, span, first);
    bin->run_end = bin->run_start + (size_t)count * span->slot_bytes;
    bin->zeroed = black && zero && span->needs_zero;
    if (bin->zeroed) {
        memset(bin->run_start, 0, (size_t)(bin->run_end - bin->run_start)); /* [thread_cache.5] */
    }
    span_enter_run(span, first, count, black);
    cursor->free = cursor->limit = bin->run_start;
    return true;
}

char *thread_cache_take(struct thread_cache *cache, const struct span_table *table, uint32_t list,
                        bool zero)
{
    struct tri_cursor_ *cursor = &cache->cursors[list];
    const struct cache_bin *bin = &cache->bins[list];
    if (bin->span == NULL) {
        return NULL;
    }
    size_t slot_bytes = bin->span->slot_bytes;
    while ((size_t)(cursor->limit - cursor->free) < slot_bytes) {
        if (!extend(cache, list, slot_bytes, zero) && !next_run(cache, table, list, zero)) {
            return NULL;
        }
    }
    char *slot = cursor->free;
    cursor->free += slot_bytes;
    return slot;
}

char *thread_cache_take_ahead(struct thread_cache *cache, uint32_t list, bool zero)
{
    struct tri_cursor_ *cursor = &cache->cursors[list];
    const struct cache_bin *bin = &cache->bins[list];
    if (bin->span == NULL) {
        return NULL;
    }
    size_t slot_bytes = bin->span->slot_bytes;
    if ((size_t)(cursor->limit - cursor->free) < slot_bytes &&
        (cache->handed >= cache->ahead || !extend(cache, list, slot_bytes, zero))) {
        return NULL;
    }
    char *slot = cursor->free;
    cursor->free += slot_bytes;
    return slot;
}

struct span *thread_cache_drop_span(struct thread_cache *cache, uint32_t list)
{
    struct cache_bin *bin = &cache->bins[list];
    struct span *span = bin->span;
    if (span != NULL) {
        TRI_ASSERT(bin->run_start == NULL); /* next_run has counted and closed it */
        bin->span = NULL;
    }
    return span;
}

/* The next flush looks at the bin. */
static void hold(struct thread_cache *cache, uint32_t list)
{
    struct cache_bin *bin = &cache->bins[list];
    if (!bin->held) {
        bin->held = true;
        bin->next_held = cache->first_held;
        cache->first_held = list + 1;
    }
}

void thread_cache_set_span(struct thread_cache *cache, uint32_t list, struct span *span)
{
    struct cache_bin *bin = &cache->bins[list];
    TRI_ASSERT(bin->span == NULL && span->list == list);
    uint8_t home = (uint8_t)(cache->shard + 1);
    if (load_relaxed(&span->home) != home) {
        store_relaxed(&span->home, home);
    }
    bin->span = span;
    bin->run_start = bin->run_end = NULL;
    hold(cache, list);
}

void thread_cache_add_spare(struct thread_cache *cache, const struct span_table *table,
                            uint32_t list, struct span *span)
{
    TRI_ASSERT(span->list == list);
    span_chain_put(&cache->bins[list].spares, table, span);
    hold(cache, list);
}

struct span *thread_cache_take_spare(struct thread_cache *cache, const struct span_table *table,
                                     uint32_t list)
{
    return span_chain_take(&cache->bins[list].spares, table);
}

void thread_cache_give_used_up(struct thread_cache *cache, const struct span_table *table,
                               struct central_list *central)
{
    struct span_chain *used_up = &cache->bins[central->index].used_up;
    if (used_up->count > 0) {
        uint32_t generation = span_at(table, used_up->first)->sweep_gen;
        central_list_push_full_chain(central, cache->shard, table, used_up, generation);
    }
}

void thread_cache_add_used_up(struct thread_cache *cache, const struct span_table *table,
                              struct central_list *central, struct span *span)
{
    struct span_chain *used_up = &cache->bins[central->index].used_up;
    TRI_ASSERT(span->list == central->index);
    if (used_up->count > 0 && span_at(table, used_up->first)->sweep_gen != span->sweep_gen) {
        thread_cache_give_used_up(cache, table, central); /* [central_list.1] */
    }
    span_chain_put(used_up, table, span);
    hold(cache, central->index);
}

static uint32_t slot_at_address(const struct span_table *table, const struct span *span,
                                const char *address)
{
    return span_slot(span, (uint32_t)(address - span_base(table, span)));
}

/* Give the rest of the current run back, or count it as taken [thread_cache.3]. Returns the bytes
 * that the cursor was given and that are not taken. */
static size_t close_run(struct thread_cache *cache, uint32_t list, const struct cache_home *home)
{
    const struct cache_bin *bin = &cache->bins[list];
    const struct tri_cursor_ *cursor = &cache->cursors[list];
    const char *free = cursor->free;
    struct span *span = bin->span;
    size_t rest = (size_t)(bin->run_end - free);
    bool keep = home->marking && takes_black(cache, span);
    count_run(cache, bin, keep ? bin->run_end : free);
    uint32_t count = (uint32_t)(rest / span->slot_bytes);
    uint32_t first = count == 0 ? 0 : slot_at_address(&home->page_heap->spans, span, free);
    if (keep) {
        count_handed(cache, span, (size_t)(bin->run_end - cursor->limit));
        if (TRI_UNLIKELY(type_is_finalized(span->type))) {
            finalized_bits_skip(home->finalized, span, first, count); /* [thread_cache.6] */
        }
        return 0;
    }
    if (rest > 0) {
        span_give_run(span, first, count);
    }
    return (size_t)(cursor->limit - free);
}

/* Give the span that is allocated from back. Returns what close_run does. */
static size_t flush_span(struct thread_cache *cache, struct central_list *central,
                         const struct cache_home *home)
{
    const struct span_table *table = &home->page_heap->spans;
    uint32_t list = central->index;
    struct tri_cursor_ *cursor = &cache->cursors[list];
    struct span *span = cache->bins[list].span;
    size_t unused = close_run(cache, list, home);
    span_close_run(span);
    if (span->search < span->slots) {
        central_list_push_partial(central, cache->shard, table, span, span->sweep_gen);
    } else {
        central_list_push_full(central, cache->shard, table, span, span->sweep_gen);
    }
    cursor->free = cursor->limit = NULL;
    return unused;
}

/* Give all that the bin has back. Returns what close_run does. */
static size_t flush_bin(struct thread_cache *cache, uint32_t list, const struct cache_home *home)
{
    const struct span_table *table = &home->page_heap->spans;
    struct central_list *central = type_table_list(home->types, list);
    struct cache_bin *bin = &cache->bins[list];
    struct span *spare;
    while ((spare = span_chain_take(&bin->spares, table)) != NULL) {
        central_list_push_partial(central, cache->shard, table, spare, spare->sweep_gen);
    }
    thread_cache_give_used_up(cache, table, central);
    return bin->span == NULL ? 0 : flush_span(cache, central, home);
}

size_t thread_cache_flush(struct thread_cache *cache, const struct cache_home *home)
{
    size_t unused = 0;
    while (cache->first_held != 0) {
        uint32_t list = cache->first_held - 1;
        struct cache_bin *bin = &cache->bins[list];
        cache->first_held = bin->next_held;
        unused += flush_bin(cache, list, home);
        *bin = (struct cache_bin){.span = NULL};
    }
    page_heap_flush_cache(home->page_heap, &cache->pages);
    return unused;
}
