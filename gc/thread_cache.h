/* thread_cache.h -- the spans, runs and cursors of one mutator. No locks: it belongs to the
 * mutator, or to the collector while it acts for it.
 *
 * A cursor is a range of zeroed free slots that the inline fast path bumps through. Behind it
 * stands a bin: the span, and the rest of the run that is not zeroed yet. Cursors and bins are
 * numbered like the heap's central lists.
 */
#ifndef GC_THREAD_CACHE_H
#define GC_THREAD_CACHE_H

#include "gc/finalized_bits.h"
#include "gc/page_heap.h"
#include "gc/type.h"

/* Where in a mutator's mapping its bins begin, and behind them what it has of pools. */
#define MUTATOR_BINS_OFFSET  (MUTATOR_CURSORS_OFFSET + CURSORS_MAX * sizeof(struct tri_cursor_))
#define MUTATOR_POOLS_OFFSET (MUTATOR_BINS_OFFSET + CURSORS_MAX * sizeof(struct cache_bin))

/* The cold half of a cursor. All zero: no span. */
struct cache_bin {
    struct span *span;  /* NULL: none; then the cursor is empty */
    char *run_start;    /* the current run is [run_start, run_end); its slots up to cursor->limit
                           are zeroed */
    char *run_end;      /* run_start == run_end: the span's free slots are used up */
    uint32_t next_held; /* the next bin that has a span, plus 1; 0: none. Valid while this bin is on
                           that list */
    bool held;          /* this bin is on the list of bins that have a span */
    bool zeroed;        /* all of the run is zero already */
    uint16_t asked;     /* how many spans the last refill asked for; 0: none since the last flush */
    struct span_chain spares;  /* spans with free slots that are allocated from next */
    struct span_chain used_up; /* spans without, all of one generation, that the central list is to
                                  have when more of them have come together */
};

struct thread_cache {
    struct tri_cursor_ *cursors; /* CURSORS_MAX of them, beside the mutator where the inline fast
                                    path finds them */
    struct cache_bin *bins;      /* CURSORS_MAX */
    uint32_t first_held;         /* number of a bin that has or had a span since the last flush,
                                    plus 1; 0: none */
    uint32_t shard;              /* written once: of central lists, the one it gives to */
    struct page_cache pages;

    /* While a cycle marks: runs of spans that were swept for this generation are taken black. Those
     * of spans swept for the next one stay white for the next one. */
    bool black;
    uint32_t black_generation;
    bool one_by_one; /* each object by the slow path, which remembers it: in insertion mode */

    size_t window; /* bytes that a cursor is given at most before the next slow path, but at least a
                      slot; 0: no such bound */

    size_t ahead; /* while so many bytes have not been handed out since the owner has taken them
                      over, thread_cache_take_ahead may extend cursors */

    /* Bytes given to cursors since the owner has taken these over; and of them, those of spans that
     * are scanned. */
    size_t handed;
    size_t handed_scannable;

    /* Of runs that were closed and that the heap has not counted yet. */
    uint64_t objects;
    uint64_t bytes;
};

/* What the cache takes from and gives to. */
struct cache_home {
    struct page_heap *page_heap;
    struct type_table *types;
    const struct finalized_spans *finalized;
    bool marking; /* markers may be at work: the rest of black runs must stay taken */
};

/* A cache over memory that is all zero, which gives spans to that shard of central lists. */
void thread_cache_init(struct thread_cache *cache, struct tri_cursor_ *cursors,
                       struct cache_bin *bins, uint32_t shard);

/* The next slot of cursor list, of slot_bytes, zeroed if the span's slots need that and zero is
 * true; NULL if the span, or the lack of one, has no free slot: then give it another by
 * thread_cache_set_span. */
char *thread_cache_take(struct thread_cache *cache, const struct span_table *table, uint32_t list,
                        bool zero);

/* The same where it takes no more than what the cursor has, or the rest of the current run while
 * cache->ahead allows that; else NULL. */
char *thread_cache_take_ahead(struct thread_cache *cache, uint32_t list, bool zero);

/* Close the current run of cursor list; the span, if it had one, is full and the caller's again. */
struct span *thread_cache_drop_span(struct thread_cache *cache, uint32_t list);

/* Let cursor list, which has no span, allocate from span, which the caller owned. */
void thread_cache_set_span(struct thread_cache *cache, uint32_t list, struct span *span);

/* Keep span, which the caller owned and which has free slots, for later. */
void thread_cache_add_spare(struct thread_cache *cache, const struct span_table *table,
                            uint32_t list, struct span *span);

/* One of those, which is the caller's then; NULL if there is none. */
struct span *thread_cache_take_spare(struct thread_cache *cache, const struct span_table *table,
                                     uint32_t list);

/* Keep span, which has no free slots and belongs to central, for it. */
void thread_cache_add_used_up(struct thread_cache *cache, const struct span_table *table,
                              struct central_list *central, struct span *span);

/* Give the central list those that are kept for it. */
void thread_cache_give_used_up(struct thread_cache *cache, const struct span_table *table,
                               struct central_list *central);

/* Give everything back to where it came from: the unused rest of runs, spans, pages. Where home
 * says that markers may be at work, the rest of a black run counts as objects and lives until the
 * next cycle, and as given to a cursor. Returns the bytes that cursors were given and did not
 * use. */
size_t thread_cache_flush(struct thread_cache *cache, const struct cache_home *home);

#endif
