/* span.c -- the life of a span and of its slots.
 *
 * Owns:       the entries of the span table.
 * Invariants:
 *   [span.1] A slot's allocated bit MUST be set before a pointer to it can exist; otherwise a
 *            conservative candidate for a live object is thrown away and the object is lost.
 *   [span.2] A mark bit MUST NOT be set where the allocated bit is clear; otherwise the sweep would
 *            turn a free slot, perhaps one that a run is handing out, into an object.
 *   [span.3] first MUST name the span in the entries of all its pages while it is in use; otherwise
 *            an interior pointer finds no object and what it keeps alive is freed.
 *   [span.4] state MUST become SPAN_IN_USE last, released (Note [N4 publication of spans]);
 *            otherwise a look-up on another thread computes slots from stale fields.
 *   [span.5] A run that is taken black MUST have its mark bits before its allocated bits; otherwise
 *            a conservative candidate makes a marker scan a slot that is no object yet.
 *   [span.6] An entry of zeros MUST mean "no span here"; otherwise look-ups believe in what is left
 *            when the memory of entries was given back.
 *   [span.7] run MUST name a run before its allocated bits are set, and until all of it is handed
 *            out or given back; otherwise a walk beside the mutators takes a slot that is no object
 *            yet for one.
 *   [span.8] A slot that is black from the start MUST be scanned before it is marked, for whoever
 *            looks; otherwise a marker scans, and counts, a slot that is no object yet.
 * Locks:      none. A span that is in no set belongs to one thread; look-ups read only what
 *             span_publish released.
 * Callers:    alloc, large, sweep (owners); mark and the object look-up (readers).
 */
#include "gc/span.h"

#include <string.h>

#include "gc/assert.h"
#include "gc/port.h"

bool span_table_init(struct span_table *table, const struct address_space *space)
{
    table->space = space;
    table->pages = 0;
    return side_table_init(&table->entries, sizeof(struct span), address_space_pages(space),
                           "trillium metadata: spans");
}

void span_table_destroy(struct span_table *table)
{
    side_table_destroy(&table->entries);
}

bool span_table_extend(struct span_table *table, page_index pages)
{
    if (!side_table_extend(&table->entries, pages)) {
        return false;
    }
    if (pages > table->pages) { /* else they have been there before the heap shrank */
        /* release: pairs with the acquire in span_of_page, which reads no entry before it is
         * committed */
        store_release(&table->pages, pages);
    }
    return true;
}

_Static_assert(SPAN_FREE == 0, "an entry of zeros is no span"); /* [span.6] */

bool span_table_decommit(const struct span_table *table, page_index first, size_t count)
{
    char *start = (char *)span_at(table, first);
    size_t bytes = count * sizeof(struct span);
    size_t os_page = port_os_page_bytes();
    return is_aligned((uintptr_t)start, os_page) && is_aligned(bytes, os_page) &&
           port_decommit(start, bytes);
}

struct span *span_init(const struct span_table *table, const struct span_shape *shape)
{
    struct span *span = span_at(table, shape->first);
    TRI_ASSERT(span->state == SPAN_FREE && shape->pages > 0);
    for (uint32_t i = 0; i < shape->pages; i++) { /* [span.3] */
        struct span *entry = span_at(table, shape->first + i);
        TRI_ASSERT(entry->state == SPAN_FREE);
        store_relaxed(&entry->first, shape->first);
    }
    span->size_class = (uint8_t)shape->size_class;
    span->scannable = shape->scannable;
    store_relaxed(&span->flags, (uint8_t)0);
    span->needs_zero = shape->needs_zero;
    span->slot_bytes = shape->size_class == 0 ? 0 : (uint16_t)size_class_bytes[shape->size_class];
    span->reciprocal = shape->size_class == 0 ? 0 : size_class_reciprocal[shape->size_class];
    span->slots = shape->size_class == 0 ? 1 : (uint16_t)size_class_slots[shape->size_class];
    span->pages = shape->pages;
    span->list = (uint16_t)shape->list;
    store_relaxed(&span->home, (uint8_t)0);
    /* Atomic: a thread that is late in span_set_pop may still read it as a word of the span that
     * was here before. Its exchange then fails ([span_set.1]). */
    store_relaxed(&span->next, (uint32_t)PAGE_NONE);
    span->sweep_gen = shape->sweep_gen;
    span->search = 0;
    store_relaxed(&span->run, 0U);
    span->type = shape->type;
    memset(span->bits, 0, sizeof span->bits);
    memset(span->scanned, 0, sizeof span->scanned);
    span->pointers = shape->pointers;
    span->values = shape->values;
    bool whole = (shape->pointers | shape->values) != 0;
    store_relaxed(&span->grey, (uint8_t)(whole ? SPAN_IDLE : SPAN_BY_OBJECT));
    store_relaxed(&span->state, SPAN_ZEROING);
    return span;
}

void span_publish(struct span *span)
{
    /* [span.4] release: pairs with the acquire in span_of_page */
    store_release(&span->state, SPAN_IN_USE);
}

void span_publish_in_region(struct span *span, uint32_t number)
{
    store_relaxed(&span->run, number);
    /* [span.4] release: pairs with the acquire in span_of_page */
    store_release(&span->state, SPAN_REGION);
}

void span_retire(struct span *span)
{
    TRI_ASSERT(span->state != SPAN_FREE);
    store_relaxed(&span->state, SPAN_FREE);
}

struct span *span_of_page(const struct span_table *table, page_index page)
{
    /* acquire: pairs with the release in span_table_extend */
    if (page >= load_acquire(&table->pages)) {
        return NULL;
    }
    page_index first = load_relaxed(&span_at(table, page)->first);
    struct span *span = span_at(table, first);
    /* acquire: pairs with the release in span_publish [span.4] */
    if (!span_state_is_in_use(load_acquire(&span->state)) || page - first >= span->pages) {
        return NULL;
    }
    return span;
}

/* The first slot at or after from whose allocated bit is (set == 1) or is not set; slots if there
 * is none. */
static uint32_t find_slot(const struct span *span, uint32_t from, bool set)
{
    while (from < span->slots) {
        uint64_t word = span->bits[from / 64].allocated;
        word = (set ? word : ~word) >> (from % 64);
        if (word != 0) {
            from += trailing_zeros(word);
            return from < span->slots ? from : span->slots;
        }
        from = (from / 64 + 1) * 64;
    }
    return span->slots;
}

bool span_find_run(const struct span *span, uint32_t *first, uint32_t *count)
{
    *first = find_slot(span, span->search, false);
    *count = find_slot(span, *first, true) - *first;
    return *count > 0;
}

static void set_run(struct span *span, uint32_t first, uint32_t end)
{
    uint32_t changes = (load_relaxed(&span->run) >> 2 * SPAN_RUN_BITS) + 1;
    /* release: pairs with the first acquire in span_find_objects */
    store_release(&span->run, (changes << SPAN_RUN_BITS | first) << SPAN_RUN_BITS | end);
}

/* Markers set other bits meanwhile. */
static void mark_black(struct span *span, size_t word, uint64_t mask)
{
    if (span_is_queued_whole(span)) {
        fetch_or_relaxed(&span->scanned[word], mask);
    }
    /* release: pairs with the loads of marks in scan_span.c [span.8] */
    fetch_or_release(&span->bits[word].mark, mask);
}

void span_enter_run(struct span *span, uint32_t first, uint32_t count, bool black)
{
    uint32_t end = first + count;
    TRI_ASSERT(end <= span->slots);
    set_run(span, first, end);                 /* [span.7] */
    for (uint32_t slot = first; slot < end;) { /* [span.1] */
        size_t taken;
        uint64_t mask = bitmap_word_part(slot, end - slot, &taken);
        struct span_bits *bits = &span->bits[slot / 64];
        if (black) {
            mark_black(span, slot / 64, mask); /* [span.5] */
        }
        /* release: pairs with the acquires in span_is_allocated and shade_offset, so that a look-up
         * does not see what a header was before [alloc.4], nor a marker a black slot as white
         * [span.5] */
        store_release(&bits->allocated, bits->allocated | mask);
        slot += (uint32_t)taken;
    }
    span->search = (uint16_t)end;
}

bool span_take_run(struct span *span, uint32_t *first, uint32_t *count)
{
    bool found = span_find_run(span, first, count);
    span_enter_run(span, *first, *count, false);
    return found;
}

void span_give_run(struct span *span, uint32_t first, uint32_t count)
{
    uint32_t end = first + count;
    TRI_ASSERT(end <= span->slots);
    for (uint32_t slot = first; slot < end;) {
        size_t taken;
        uint64_t mask = bitmap_word_part(slot, end - slot, &taken);
        struct span_bits *bits = &span->bits[slot / 64];
        TRI_ASSERT((bits->allocated & mask) == mask);
        if (load_relaxed(&bits->mark) & mask) {
            fetch_and_relaxed(&bits->mark, ~mask); /* [span.2]: it was taken black */
            fetch_and_relaxed(&span->scanned[slot / 64], ~mask);
        }
        store_relaxed(&bits->allocated, bits->allocated & ~mask);
        slot += (uint32_t)taken;
    }
    if (count > 0 && first < span->search) {
        span->search = (uint16_t)first;
    }
}

void span_close_run(struct span *span)
{
    set_run(span, 0, 0);
}

/* Which of the slots 64 * index ... belong to run. */
static uint64_t run_part(uint32_t run, size_t index)
{
    size_t start = index * 64;
    size_t first = size_max(span_run_first(run), start);
    size_t end = size_min(span_run_end(run), start + 64);
    return first < end ? bit_range((unsigned)(first - start), (unsigned)(end - first)) : 0;
}

/* What was allocated before a run was closed was handed out, or its bit was cleared before that; so
 * bits that are read while run does not change, and are not of it, are objects. */
void span_find_objects(const struct span *span, uint64_t words[SPAN_BIT_WORDS])
{
    uint32_t before;
    uint32_t run;
    do {
        before = load_acquire(&span->run); /* pairs with the release in set_run */
        for (size_t i = 0; i < span_bit_words(span); i++) {
            /* acquire: pairs with the release in span_enter_run [span.7] */
            words[i] = load_acquire(&span->bits[i].allocated);
        }
        run = load_relaxed(&span->run);
    } while (run != before);
    for (size_t i = 0; i < span_bit_words(span); i++) {
        words[i] &= ~run_part(run, i);
    }
}

uint32_t span_count_allocated(const struct span *span)
{
    uint32_t count = 0;
    for (size_t i = 0; i < span_bit_words(span); i++) {
        count += bit_count(span->bits[i].allocated);
    }
    return count;
}

uint32_t span_count_marked(const struct span *span)
{
    uint32_t count = 0;
    for (size_t i = 0; i < span_bit_words(span); i++) {
        count += bit_count(span->bits[i].mark);
    }
    return count;
}

static void check_shape(const struct span *span)
{
    TRI_REQUIRE(span->size_class < SIZE_CLASS_COUNT, "span_check: size class %u of span at page %u",
                span->size_class, span->first);
    if (span_is_large(span)) {
        TRI_REQUIRE(span->slots == 1 && span->slot_bytes == 0 && span->type != NULL,
                    "span_check: a large span at page %u has %u slots", span->first, span->slots);
    } else {
        TRI_REQUIRE(span->slot_bytes == size_class_bytes[span->size_class] &&
                        span->slots == size_class_slots[span->size_class] &&
                        span->pages == size_class_pages[span->size_class],
                    "span_check: the span at page %u does not have its class's shape", span->first);
    }
    TRI_REQUIRE(span->search <= span->slots, "span_check: search %u of %u slots at page %u",
                span->search, span->slots, span->first);
}

void span_check(const struct span_table *table, const struct span *span)
{
    check_shape(span);
    for (uint32_t i = 0; i < span->pages; i++) { /* [span.3] */
        TRI_REQUIRE(span_at(table, span->first + i)->first == span->first,
                    "span_check: page %u of the span at page %u names page %u", i, span->first,
                    span_at(table, span->first + i)->first);
    }
    for (uint32_t i = 0; i < SPAN_BIT_WORDS; i++) {
        uint64_t inside =
            i * 64 >= span->slots ? 0 : bit_range(0, (unsigned)size_min(64, span->slots - i * 64));
        const struct span_bits *bits = &span->bits[i];
        TRI_REQUIRE((bits->mark & ~bits->allocated) == 0, /* [span.2] */
                    "span_check: marks of free slots in word %u of the span at page %u", i,
                    span->first);
        TRI_REQUIRE((bits->allocated & ~inside) == 0,
                    "span_check: bits beyond the slots in word %u of the span at page %u", i,
                    span->first);
        TRI_REQUIRE((span->scanned[i] & ~bits->mark) == 0,
                    "span_check: scanned slots without a mark in word %u of the span at page %u", i,
                    span->first);
    }
}
