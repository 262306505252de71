/* page_heap_test.c -- pages come, go and grow together with the table of spans. */
#include "gc/page_heap.h"

#include <string.h>

#include "gc/tuning.h"
#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

#define HEAP_BYTES (16 * MIB)
#define HEAP_PAGES (HEAP_BYTES / PAGE_BYTES)

static struct page_heap heap;

/* Whose pages are whose: 0: nobody's. */
static uint8_t owners[HEAP_PAGES];

/* Pages that were written, and whose memory was not given back since. */
static bool written[HEAP_PAGES];

/* The system is asked to take memory back: nobody has pages there. [page_heap.4] */
static void note_decommit(void *address, size_t bytes)
{
    if (!address_space_contains(&heap.space, (uintptr_t)address)) {
        return; /* entries of spans */
    }
    page_index first = address_space_page(&heap.space, (uintptr_t)address);
    for (size_t i = first; i < first + bytes / PAGE_BYTES; i++) {
        EXPECT(owners[i] == 0);
        written[i] = false;
    }
}

static void create(void)
{
    fake_port_reset();
    fake_port_hooks()->decommit = note_decommit;
    memset(owners, 0, sizeof owners);
    memset(written, 0, sizeof written);
    ck_assert(page_heap_init(&heap, HEAP_BYTES));
}

static void destroy(void)
{
    page_heap_destroy(&heap);
    fake_port_finish();
}

static char *address_of(page_index page)
{
    return address_space_address(&heap.space, page);
}

static void expect_sound(void)
{
    size_t in_spans;
    const char *problem = page_heap_check(&heap, &in_spans);
    ck_assert_msg(problem == NULL, "%s", problem);
}

/* The accounts are exact: what is owned, in a span; what was written, costs memory. */
static void expect_exact(void)
{
    size_t owned = 0;
    size_t ready = 0;
    for (size_t i = 0; i < HEAP_PAGES; i++) {
        owned += owners[i] != 0;
        ready += written[i];
    }
    struct page_heap_bytes bytes = page_heap_bytes(&heap);
    ck_assert_uint_eq(bytes.grown, heap.space.grown);
    ck_assert_uint_eq(bytes.free, bytes.grown - owned * PAGE_BYTES);
    ck_assert_uint_eq(bytes.released, bytes.grown - ready * PAGE_BYTES);
    ck_assert_uint_eq(page_heap_in_use(&heap), owned * PAGE_BYTES);
    ck_assert_uint_eq(page_heap_retained(&heap), ready * PAGE_BYTES);
}

/* Pages [first, first + count) were taken: they are nobody else's, there is memory behind them,
 * zero if zero says so, and the span table has their entries [page_heap.1]. */
static void own(page_index first, size_t count, bool zero, uint8_t owner)
{
    EXPECT(first + count <= HEAP_PAGES);
    EXPECT(first + count <= heap.spans.pages);
    EXPECT(fake_port_is_committed(span_at(&heap.spans, first), count * sizeof(struct span)));
    EXPECT(fake_port_is_committed(address_of(first), count * PAGE_BYTES));
    bool untouched = true;
    for (size_t i = first; i < first + count; i++) {
        EXPECT(owners[i] == 0);
        EXPECT(span_at(&heap.spans, (page_index)i)->state == SPAN_FREE);
        char *memory = address_of((page_index)i);
        untouched = untouched && !written[i];
        if (zero) {
            EXPECT(!written[i]);
            EXPECT(memory[0] == 0 && memory[PAGE_BYTES - 1] == 0);
        }
        memory[0] = memory[PAGE_BYTES - 1] = (char)owner;
        owners[i] = owner;
        written[i] = true;
    }
    EXPECT(zero == untouched || heap.lazily); /* what is zero is known to be */
}

static void disown(page_index first, size_t count)
{
    for (size_t i = first; i < first + count; i++) {
        EXPECT(owners[i] != 0);
        EXPECT(*address_of((page_index)i) == (char)owners[i]);
        owners[i] = 0;
    }
    page_heap_give(&heap, first, count);
}

START_TEST(first_page)
{
    bool zero = false;
    ck_assert_uint_eq(page_heap_bytes(&heap).grown, 0);
    page_index page = page_heap_take(&heap, NULL, 1, &zero);
    ck_assert_uint_eq(page, 0);
    ck_assert(zero);
    own(page, 1, zero, 1);
    ck_assert_uint_eq(page_heap_bytes(&heap).grown, CHUNK_BYTES);
    ck_assert_uint_eq(heap.spans.pages, CHUNK_PAGES);
    ck_assert_uint_ge(page_heap_bytes(&heap).metadata, CHUNK_PAGES * sizeof(struct span));
    ck_assert_uint_eq(page_heap_bytes(&heap).metadata + CHUNK_BYTES, fake_port_committed_bytes());
    disown(page, 1);
    expect_sound();
}
END_TEST

/* Lengths around the limit of what a cache serves, and around a chunk. */
static const struct {
    size_t count;
    bool by_cache;
} lengths[] = {
    {1, true},
    {PAGE_CACHE_RUN_LIMIT - 1, true},
    {PAGE_CACHE_RUN_LIMIT, false},
    {64, false},
    {CHUNK_PAGES - 1, false},
    {CHUNK_PAGES, false},
    {CHUNK_PAGES + 1, false},
    {HEAP_PAGES - 1, false},
};

START_TEST(lengths_by_cache_and_not)
{
    struct page_cache cache = {0};
    bool zero;
    ck_assert_uint_eq(page_heap_take(&heap, NULL, 1, &zero), 0); /* so that there are free ones */
    page_index page = page_heap_take(&heap, &cache, lengths[_i].count, &zero);
    ck_assert_uint_eq(page, 1);
    own(page, lengths[_i].count, zero, 1);
    ck_assert(page_cache_is_empty(&cache) == !lengths[_i].by_cache);
    page_heap_flush_cache(&heap, &cache);
    ck_assert(page_cache_is_empty(&cache));
    page_heap_flush_cache(&heap, &cache);
    disown(page, lengths[_i].count);
    lock_acquire(&heap.pages.lock);
    ck_assert_uint_eq(page_alloc_free_pages(&heap.pages), heap.pages.grown_pages - 1);
    lock_release(&heap.pages.lock);
    /* Their contents are known no more. */
    ck_assert_uint_eq(page_heap_take(&heap, &cache, lengths[_i].count, &zero), 1);
    ck_assert(!zero);
    page_heap_flush_cache(&heap, &cache);
    expect_sound();
}
END_TEST

/* Pages that lie about alone, below all others, do not send each longer run to the lock. */
START_TEST(cache_of_runs)
{
    enum {
        ALONE = 64,
        RUN = 4
    };
    bool zero;
    ck_assert_uint_eq(page_heap_take(&heap, NULL, ALONE, &zero), 0);
    for (page_index page = 0; page < ALONE; page += 2) {
        page_heap_give(&heap, page, 1);
    }
    struct page_cache cache = {0};
    ck_assert_uint_eq(page_heap_take(&heap, &cache, RUN, &zero), ALONE);
    for (page_index page = ALONE + RUN; page < 2 * ALONE; page += RUN) {
        ck_assert(page_cache_has(&cache, RUN)); /* so the lock is not taken */
        ck_assert_uint_eq(page_heap_take(&heap, &cache, RUN, &zero), page);
    }
    ck_assert_uint_eq(page_heap_take(&heap, &cache, 1, &zero), 0); /* they are not forgotten */
    ck_assert_uint_eq(cache.base, 0);
    page_heap_flush_cache(&heap, &cache);
    expect_sound();
}
END_TEST

/* zero means all of them. */
START_TEST(half_zero)
{
    bool zero;
    ck_assert_uint_eq(page_heap_take(&heap, NULL, 2, &zero), 0);
    page_heap_give(&heap, 1, 1);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, 3, &zero), 1);
    ck_assert(!zero);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, 3, &zero), 4);
    ck_assert(zero);
    page_heap_give(&heap, 0, 1);
    struct page_cache cache = {0};
    ck_assert_uint_eq(page_heap_take(&heap, &cache, 1, &zero), 0);
    ck_assert(!zero);
    ck_assert_uint_eq(page_heap_take(&heap, &cache, 1, &zero), 7);
    ck_assert(zero);
    page_heap_flush_cache(&heap, &cache);
}
END_TEST

/* What remains in a cache is free to others only after a flush; the heap's last run goes to those
 * who want it long. */
START_TEST(exhaust)
{
    struct page_cache cache = {0};
    bool zero;
    ck_assert_uint_eq(page_heap_take(&heap, NULL, 1, &zero), 0);
    ck_assert_uint_eq(page_heap_take(&heap, &cache, 1, &zero), 1);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, HEAP_PAGES - 64, &zero), 64);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, 1, &zero), PAGE_NONE);
    ck_assert_uint_eq(page_heap_take(&heap, &cache, 1, &zero), 2);
    ck_assert_uint_eq(page_heap_take(&heap, &cache, HEAP_PAGES + 1, &zero), PAGE_NONE);
    page_heap_flush_cache(&heap, &cache);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, 61, &zero), 3);
    ck_assert_uint_eq(page_heap_take(&heap, &cache, 1, &zero), PAGE_NONE);
    ck_assert_uint_eq(page_heap_bytes(&heap).grown, HEAP_BYTES);
    page_heap_give(&heap, 100, 10);
    ck_assert_uint_eq(page_heap_take(&heap, &cache, 10, &zero), 100);
    expect_sound();
}
END_TEST

/* A cache whose pages are no run long enough does not keep the heap from finding one. */
START_TEST(fragmented)
{
    struct page_cache cache = {0};
    bool zero;
    ck_assert_uint_eq(page_heap_take(&heap, NULL, HEAP_PAGES, &zero), 0);
    for (page_index page = 0; page < 64; page += 2) {
        page_heap_give(&heap, page, 1);
    }
    page_heap_give(&heap, 1000, 3);
    ck_assert_uint_eq(page_heap_take(&heap, &cache, 3, &zero), 1000);
    for (page_index page = 0; page < 64; page += 2) {
        ck_assert_uint_eq(page_heap_take(&heap, &cache, 1, &zero), page);
    }
    ck_assert_uint_eq(page_heap_take(&heap, &cache, 1, &zero), PAGE_NONE);
    expect_sound();
}
END_TEST

/* What cannot be had leaves the heap as small as it was; a run that reaches from free pages to the
 * end of the reservation can be had [page_heap.3]. */
START_TEST(too_long)
{
    const page_index taken = 1000; /* in the second chunk */
    bool zero;
    for (page_index page = 0; page <= taken; page++) {
        ck_assert_uint_eq(page_heap_take(&heap, NULL, 1, &zero), page);
    }
    page_heap_give(&heap, 0, taken);
    size_t grown = page_heap_bytes(&heap).grown;
    size_t rest = HEAP_PAGES - taken - 1;
    ck_assert_uint_lt(grown, HEAP_BYTES);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, rest + 1, &zero), PAGE_NONE);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, HEAP_PAGES, &zero), PAGE_NONE);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, SIZE_MAX, &zero), PAGE_NONE);
    ck_assert_uint_eq(page_heap_bytes(&heap).grown, grown);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, rest, &zero), taken + 1);
    ck_assert_uint_eq(page_heap_bytes(&heap).grown, HEAP_BYTES);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, taken + 1, &zero), PAGE_NONE);
    page_heap_give(&heap, taken, HEAP_PAGES - taken);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, HEAP_PAGES, &zero), 0);
    expect_sound();
}
END_TEST

/* A chunk is taken, of which the pages [from, to) are given back. Then count are wanted, as many as
 * growth can make with the free end of the chunk, or one more [page_heap.3]. */
static const struct {
    page_index from;
    page_index to;
    size_t count;
    page_index want;
} growths[] = {{500, 512, HEAP_PAGES - 500, 500},
               {500, 512, HEAP_PAGES - 499, PAGE_NONE},
               {511, 512, HEAP_PAGES - 511, 511},
               {511, 512, HEAP_PAGES - 510, PAGE_NONE},
               {400, 500, HEAP_PAGES - 512, 512},
               {400, 500, HEAP_PAGES - 511, PAGE_NONE},
               {0, 512, HEAP_PAGES, 0},
               {0, 512, HEAP_PAGES + 1, PAGE_NONE},
               {0, 1, HEAP_PAGES - 512, 512},
               {0, 1, HEAP_PAGES - 511, PAGE_NONE},
               {500, 512, 13, 500},
               {400, 450, 51, 512},
               {400, 450, HEAP_PAGES * 1000, PAGE_NONE}};

START_TEST(growth_in_vain)
{
    bool zero;
    ck_assert_uint_eq(page_heap_take(&heap, NULL, CHUNK_PAGES, &zero), 0);
    page_heap_give(&heap, growths[_i].from, growths[_i].to - growths[_i].from);
    ck_assert_uint_eq(page_heap_take(&heap, NULL, growths[_i].count, &zero), growths[_i].want);
    if (growths[_i].want == PAGE_NONE) {
        ck_assert_uint_eq(page_heap_bytes(&heap).grown, CHUNK_BYTES);
    }
    expect_sound();
}
END_TEST

/* ---- Faults ---------------------------------------------------------------------------------- */

/* All pages can be had, one by one and each once, whatever has failed before [page_heap.2], and
 * although a call for memory fails meanwhile. */
static void take_all(void)
{
    for (unsigned refusals = 0; refusals < 2;) {
        bool zero;
        page_index page = page_heap_take(&heap, NULL, 1, &zero);
        if (page != PAGE_NONE) {
            own(page, 1, zero, 1);
        } else {
            refusals++;
        }
    }
    for (size_t i = 0; i < HEAP_PAGES; i++) {
        EXPECT(owners[i] != 0);
    }
}

/* [page_heap.1], [page_heap.2]: each call for memory fails once, wherever it stands. */
START_TEST(every_fault_once)
{
    destroy();
    bool failed = true;
    for (size_t n = 0; failed; n++) {
        fake_port_reset();
        memset(owners, 0, sizeof owners);
        memset(written, 0, sizeof written);
        fake_port_fail_memory_once_after(n);
        while (!page_heap_init(&heap, HEAP_BYTES)) {
            ck_assert_uint_eq(fake_port_reservations(), 0); /* it left nothing */
        }
        for (size_t count = 700; count > 0;) { /* more than a chunk, then the rest of it */
            bool zero;
            page_index page = page_heap_take(&heap, NULL, count, &zero);
            if (page != PAGE_NONE) {
                own(page, count, zero, 2);
                count -= 350;
            }
            expect_sound();
        }
        take_all();
        expect_sound();
        failed = n < fake_port_memory_calls();
        destroy();
    }
    create();
}
END_TEST

/* Memory runs out for good, after any number of calls: no page is lost that was there. */
START_TEST(no_more_memory)
{
    for (size_t n = 0; n < 20; n++) {
        page_heap_destroy(&heap);
        memset(owners, 0, sizeof owners);
        memset(written, 0, sizeof written);
        ck_assert(page_heap_init(&heap, HEAP_BYTES));
        fake_port_fail_memory_after(n);
        bool zero;
        page_index page;
        size_t taken = 0;
        while ((page = page_heap_take(&heap, NULL, 1, &zero)) != PAGE_NONE) {
            own(page, 1, zero, 1);
            taken++;
        }
        ck_assert_uint_eq(taken, heap.pages.grown_pages);
        expect_sound();
        fake_port_fail_memory_after(FAKE_PORT_NEVER);
        take_all();
    }
}
END_TEST

/* ---- Memory for the system ------------------------------------------------------------------- */

static page_index take(size_t count)
{
    bool zero;
    page_index first = page_heap_take(&heap, NULL, count, &zero);
    if (first != PAGE_NONE) {
        own(first, count, zero, 1);
    }
    return first;
}

static size_t release_all(void)
{
    return page_heap_scavenge(&heap, SIZE_MAX, SCAVENGE_RELEASE, true);
}

START_TEST(give_to_the_system)
{
    ck_assert_uint_eq(release_all(), 0); /* of nothing */
    ck_assert_uint_eq(take(3 * CHUNK_PAGES), 0);
    ck_assert_uint_eq(release_all(), 0);
    disown(10, 5);
    disown(2 * CHUNK_PAGES, CHUNK_PAGES);
    expect_exact();
    ck_assert_uint_eq(page_heap_scavenge(&heap, 1, SCAVENGE_EAGER, true), 2 * MIB); /* huge */
    expect_exact();
    ck_assert_uint_eq(page_heap_scavenge(&heap, 2 * MIB, SCAVENGE_BACKGROUND, true), 2 * MIB);
    ck_assert_uint_eq(release_all(), 5 * PAGE_BYTES);
    ck_assert_uint_eq(release_all(), 0);
    expect_exact();
    ck_assert_uint_eq(heap.scavenged.bytes[SCAVENGE_EAGER], 2 * MIB);
    ck_assert_uint_eq(heap.scavenged.bytes[SCAVENGE_BACKGROUND], 2 * MIB);
    ck_assert_uint_eq(heap.scavenged.bytes[SCAVENGE_RELEASE], 5 * PAGE_BYTES);
    ck_assert_uint_eq(fake_port_decommitted_bytes(), 4 * MIB + 5 * PAGE_BYTES);
    ck_assert_uint_eq(take(CHUNK_PAGES), 2 * CHUNK_PAGES); /* zero, as own sees */
    expect_exact();
    expect_sound();
}
END_TEST

/* A whole chunk gives the entries of its spans back, too; they count again when a page is taken. */
START_TEST(metadata_goes_along)
{
    const size_t entries = CHUNK_PAGES * sizeof(struct span);
    ck_assert_uint_eq(take(2 * CHUNK_PAGES), 0);
    size_t metadata = page_heap_bytes(&heap).metadata;
    span_at(&heap.spans, CHUNK_PAGES + 7)->slots = 1;
    disown(CHUNK_PAGES, CHUNK_PAGES);
    ck_assert_uint_eq(release_all(), CHUNK_BYTES);
    ck_assert_uint_eq(page_heap_bytes(&heap).metadata, metadata - entries);
    ck_assert_uint_eq(span_at(&heap.spans, CHUNK_PAGES + 7)->slots, 0); /* it is gone */
    ck_assert_ptr_null(span_of_page(&heap.spans, CHUNK_PAGES + 7));
    ck_assert_uint_eq(take(1), CHUNK_PAGES);
    ck_assert_uint_eq(page_heap_bytes(&heap).metadata, metadata);
    expect_exact();
    expect_sound();
}
END_TEST

/* The first call that asks the system for the memory of a run, or of its spans, is refused. */
START_TEST(refused)
{
    fake_port_set_tick_ns(1);
    fake_port_advance_ns(10 * SCAVENGE_REFUSED_NS);
    ck_assert_uint_eq(take(2 * CHUNK_PAGES), 0);
    disown(0, 2 * CHUNK_PAGES);
    memset(written, true, 2 * CHUNK_PAGES);
    fake_port_fail_memory_after(0);
    ck_assert_uint_eq(release_all(), 0);
    memset(written, true, 2 * CHUNK_PAGES); /* what the hook took for given */
    expect_exact();
    expect_sound();
    fake_port_fail_memory_after(FAKE_PORT_NEVER);
    size_t calls = fake_port_memory_calls();
    ck_assert_uint_eq(release_all(), 0); /* not tried again so soon */
    ck_assert_uint_eq(fake_port_memory_calls(), calls);
    fake_port_advance_ns(SCAVENGE_REFUSED_NS);
    ck_assert_uint_eq(release_all(), 2 * CHUNK_BYTES);
    expect_exact();
    expect_sound();
    ck_assert_uint_eq(take(2 * CHUNK_PAGES), 0);
    disown(0, 2 * CHUNK_PAGES);
    size_t metadata = page_heap_bytes(&heap).metadata;
    fake_port_fail_memory_once_after(1); /* the spans of the first chunk */
    ck_assert_uint_eq(release_all(), 2 * CHUNK_BYTES);
    ck_assert_uint_eq(page_heap_bytes(&heap).metadata,
                      metadata - CHUNK_PAGES * sizeof(struct span));
    expect_exact();
    expect_sound();
}
END_TEST

/* A whole chunk of which a part is scavenged already is refused: nothing is known of that part any
 * more. */
START_TEST(refused_in_part)
{
    ck_assert_uint_eq(take(CHUNK_PAGES), 0);
    disown(0, CHUNK_PAGES / 2);
    ck_assert_uint_eq(release_all(), CHUNK_BYTES / 2);
    disown(CHUNK_PAGES / 2, CHUNK_PAGES / 2);
    fake_port_fail_memory_once_after(0);
    ck_assert_uint_eq(release_all(), 0);
    memset(written, true, CHUNK_PAGES);
    expect_exact();
    expect_sound();
    ck_assert_uint_eq(take(CHUNK_PAGES), 0); /* not zero, as own sees */
    expect_exact();
}
END_TEST

/* What comes free is taken from full chunks only after the next generation. */
START_TEST(generations)
{
    ck_assert_uint_eq(take(2 * CHUNK_PAGES), 0);
    ck_assert(!page_heap_next_generation(&heap));
    disown(CHUNK_PAGES, CHUNK_PAGES / 2);
    ck_assert_uint_eq(page_heap_scavenge(&heap, SIZE_MAX, SCAVENGE_BACKGROUND, false), 0);
    ck_assert(page_heap_next_generation(&heap));
    ck_assert_uint_eq(page_heap_scavenge(&heap, SIZE_MAX, SCAVENGE_BACKGROUND, false),
                      CHUNK_BYTES / 2);
    ck_assert(!page_heap_next_generation(&heap));
    expect_exact();
}
END_TEST

/* ---- Shrinking ------------------------------------------------------------------------------- */

START_TEST(shrink)
{
    ck_assert_uint_eq(page_heap_shrink(&heap), 0); /* an empty heap */
    ck_assert_uint_eq(take(CHUNK_PAGES + 1), 0);
    ck_assert_uint_eq(take(CHUNK_PAGES), CHUNK_PAGES + 1);
    ck_assert_uint_eq(heap.space.grown, 3 * CHUNK_BYTES);
    ck_assert_uint_eq(page_heap_shrink(&heap), 0); /* its last chunk is in use */
    disown(CHUNK_PAGES + 1, CHUNK_PAGES);
    size_t committed = fake_port_committed_bytes();
    size_t metadata = page_heap_bytes(&heap).metadata;
    ck_assert_uint_eq(page_heap_shrink(&heap), CHUNK_BYTES);
    memset(written + 2 * CHUNK_PAGES, false, CHUNK_PAGES);
    ck_assert_uint_eq(fake_port_committed_bytes(), committed - CHUNK_BYTES);
    ck_assert(!fake_port_is_committed(address_of(2 * CHUNK_PAGES), PAGE_BYTES));
    ck_assert_uint_eq(page_heap_bytes(&heap).metadata,
                      metadata - CHUNK_PAGES * sizeof(struct span));
    expect_exact();
    expect_sound();
    /* Look-ups go on as before: a marker may know the heap as it was. [page_heap.8] */
    ck_assert_uint_eq(heap.spans.pages, 3 * CHUNK_PAGES);
    for (page_index page = 2 * CHUNK_PAGES; page < HEAP_PAGES; page++) {
        EXPECT(span_of_page(&heap.spans, page) == NULL);
    }
    /* It grows again, zero. */
    ck_assert_uint_eq(take(2 * CHUNK_PAGES), CHUNK_PAGES + 1);
    ck_assert_uint_eq(heap.space.grown, 4 * CHUNK_BYTES);
    expect_exact();
    expect_sound();
    disown(CHUNK_PAGES + 1, 2 * CHUNK_PAGES);
    disown(0, CHUNK_PAGES + 1);
    ck_assert_uint_eq(page_heap_shrink(&heap), 4 * CHUNK_BYTES);
    memset(written, false, sizeof written);
    ck_assert_uint_eq(page_heap_bytes(&heap).grown, 0);
    expect_exact();
    expect_sound();
    take_all();
}
END_TEST

/* Refused: nothing has changed. Not in step, since a growth failed half way: nothing happens. */
START_TEST(shrink_fails)
{
    ck_assert_uint_eq(take(2 * CHUNK_PAGES), 0);
    disown(CHUNK_PAGES, CHUNK_PAGES);
    fake_port_fail_memory_after(0);
    ck_assert_uint_eq(page_heap_shrink(&heap), 0);
    fake_port_fail_memory_after(FAKE_PORT_NEVER);
    expect_exact();
    expect_sound();
    ck_assert_uint_eq(take(CHUNK_PAGES), CHUNK_PAGES);
    fake_port_fail_memory_once_after(1); /* the memory of the next chunk is there, not its spans */
    bool zero;
    ck_assert_uint_eq(page_heap_take(&heap, NULL, 1, &zero), PAGE_NONE);
    ck_assert_uint_eq(heap.space.grown, 3 * CHUNK_BYTES);
    disown(CHUNK_PAGES, CHUNK_PAGES);
    ck_assert_uint_eq(page_heap_shrink(&heap), 0);
    ck_assert_uint_eq(take(2 * CHUNK_PAGES), CHUNK_PAGES);
    expect_exact();
    expect_sound();
}
END_TEST

/* ---- Pages that are held --------------------------------------------------------------------- */

static struct meeting meeting;
static uint32_t forking; /* atomic */
static bool looked;

/* While the run is held, who wants it waits; and so does fork(). */
static void look_while_held(void *address, size_t bytes)
{
    note_decommit(address, bytes);
    if (looked || !address_space_contains(&heap.space, (uintptr_t)address)) {
        return;
    }
    looked = true;
    struct page_heap_bytes now = page_heap_bytes(&heap);
    EXPECT(heap.pages.free_pages == 0);
    EXPECT(now.free == bytes && now.released == 0); /* [page_heap.6]: not yet */
    fixture_meet(&meeting, 2);
    for (unsigned i = 0; i < 1000; i++) {
        port_yield();
    }
    EXPECT(load_relaxed(&forking) == 0);
}

static void scavenge_or_take(void *unused, unsigned index)
{
    (void)unused;
    bool zero;
    if (index == 0) {
        EXPECT(page_heap_scavenge(&heap, HEAP_BYTES, SCAVENGE_BACKGROUND, true) == CHUNK_BYTES);
        return;
    }
    fixture_meet(&meeting, 2);
    page_index first = page_heap_take(&heap, NULL, CHUNK_PAGES, &zero); /* [page_heap.5] */
    EXPECT(first == 0 && zero);
}

static void scavenge_or_fork(void *unused, unsigned index)
{
    (void)unused;
    if (index == 0) {
        size_t bytes = page_heap_scavenge(&heap, HEAP_BYTES, SCAVENGE_BACKGROUND, true);
        EXPECT(bytes == CHUNK_BYTES / 2 || bytes == CHUNK_BYTES / 2 + PAGE_BYTES);
        return;
    }
    fixture_meet(&meeting, 2);
    page_heap_pause_scavenging(&heap);
    store_relaxed(&forking, 1U);
    disown(0, 1); /* the other one may find it, and waits */
    for (unsigned i = 0; i < 1000; i++) {
        EXPECT(load_relaxed(&heap.held_pages) == 0); /* [page_heap.9] */
        port_yield();
    }
    page_heap_resume_scavenging(&heap);
}

START_TEST(wait_for_who_holds)
{
    bool forks = _i == 1;
    fake_port_allow_threads();
    page_heap_destroy(&heap);
    ck_assert(page_heap_init(&heap, CHUNK_BYTES)); /* it cannot grow */
    memset(&meeting, 0, sizeof meeting);
    store_relaxed(&forking, 0U);
    looked = false;
    ck_assert_uint_eq(take(CHUNK_PAGES), 0);
    disown(forks ? CHUNK_PAGES / 2 : 0, forks ? CHUNK_PAGES / 2 : CHUNK_PAGES);
    fake_port_hooks()->decommit = look_while_held;
    fixture_run_threads(2, forks ? scavenge_or_fork : scavenge_or_take, NULL);
    expect_sound();
    ck_assert(looked);
    ck_assert_uint_eq(page_heap_in_use(&heap), forks ? CHUNK_BYTES / 2 - PAGE_BYTES : CHUNK_BYTES);
}
END_TEST

/* ---- Random owners --------------------------------------------------------------------------- */

#define CACHES 3

static page_index random_run(uint64_t *random, size_t *count)
{
    page_index first = (page_index)unit_random_below(random, HEAP_PAGES);
    size_t longest = 1 + unit_random_below(random, 300);
    *count = 0;
    while (*count < longest && first + *count < HEAP_PAGES && owners[first + *count] != 0) {
        ++*count;
    }
    return first;
}

static void scavenge_some(uint64_t *random)
{
    size_t bytes = (size_t)1 << unit_random_below(random, 25);
    switch (unit_random_below(random, 8)) {
    case 0:
        (void)page_heap_next_generation(&heap);
        break;
    case 1:
        (void)page_heap_shrink(&heap);
        memset(written + heap.pages.grown_pages, false, HEAP_PAGES - heap.pages.grown_pages);
        break;
    default:
        (void)page_heap_scavenge(&heap, bytes, SCAVENGE_EAGER, unit_random(random) & 1);
    }
}

/* By both ways of giving memory back, and both sizes of the system's page. */
START_TEST(random_owners)
{
    uint64_t random = unit_seed();
    heap.lazily = _i & 1;
    if (_i & 2) {
        fake_port_set_os_page_bytes(64 * KIB);
        page_heap_destroy(&heap);
        ck_assert(page_heap_init(&heap, HEAP_BYTES));
        heap.lazily = _i & 1;
    }
    struct page_cache caches[CACHES] = {{0}};
    for (unsigned i = 0; i < 30000; i++) {
        struct page_cache *cache = &caches[unit_random_below(&random, CACHES)];
        size_t count;
        page_index page;
        bool zero;
        switch (unit_random_below(&random, 5)) {
        case 4:
            scavenge_some(&random);
            break;
        case 0:
            page = random_run(&random, &count);
            if (count > 0) {
                disown(page, count);
            }
            break;
        case 1:
            if (unit_random_below(&random, 10) == 0) {
                page_heap_flush_cache(&heap, cache);
            }
            break;
        default:
            count = 1 + unit_random_below(&random, 2 * PAGE_CACHE_RUN_LIMIT);
            page = page_heap_take(&heap, unit_random(&random) & 1 ? cache : NULL, count, &zero);
            if (page != PAGE_NONE) {
                own(page, count, zero, 3);
            }
        }
        if (i % 100 == 0) {
            expect_exact();
            expect_sound();
        }
    }
    ck_assert_uint_gt(heap.scavenged.bytes[SCAVENGE_EAGER], HEAP_BYTES); /* it was something */
    for (size_t i = 0; i < CACHES; i++) {
        page_heap_flush_cache(&heap, &caches[i]);
    }
    take_all();
    expect_sound();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("page_heap");
    TCase *cases = tcase_create("page_heap");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_test(cases, first_page);
    tcase_add_loop_test(cases, lengths_by_cache_and_not, 0, (int)ARRAY_LENGTH(lengths));
    tcase_add_test(cases, half_zero);
    tcase_add_test(cases, cache_of_runs);
    tcase_add_test(cases, exhaust);
    tcase_add_test(cases, too_long);
    tcase_add_test(cases, fragmented);
    tcase_add_loop_test(cases, growth_in_vain, 0, (int)ARRAY_LENGTH(growths));
    tcase_add_test(cases, every_fault_once);
    tcase_add_test(cases, no_more_memory);
    tcase_add_test(cases, give_to_the_system);
    tcase_add_test(cases, metadata_goes_along);
    tcase_add_test(cases, refused);
    tcase_add_test(cases, refused_in_part);
    tcase_add_test(cases, generations);
    tcase_add_test(cases, shrink);
    tcase_add_test(cases, shrink_fails);
    tcase_add_loop_test(cases, wait_for_who_holds, 0, 2);
    tcase_add_loop_test(cases, random_owners, 0, 4);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
