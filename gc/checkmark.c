/* checkmark.c -- the second marking, and how what it found is explained.
 *
 * Owns:       the mark bits while the heap is held for it.
 * Idea:       the cycle marks beside mutators, many threads at once, with barriers and rounds; this
 *             marks what stands still, alone, and needs none of that. What it reaches is live, so
 *             the cycle must have marked it (and may have marked more: what died meanwhile).
 * Invariants:
 *   [checkmark.1] The marks of the cycle MUST be back in place at the end; otherwise what it marked
 *                 beyond this, above all what was allocated black, is freed while mutators still
 *                 have it in their runs.
 *   [checkmark.2] A candidate among the roots MUST lead on only where the cycle had marked its
 *                 object; otherwise what an earlier call has left on a C stack, and a later frame
 *                 uncovers, is taken for an object that was lost.
 * Locks:      ROOTS inside the scan of the roots.
 * Callers:    cycle, with all mutators held.
 */
#include "gc/checkmark.h"

#include <inttypes.h>
#include <stdio.h>

#include "gc/assert.h"
#include "gc/finalizer_roots.h"
#include "gc/mark.h"
#include "gc/port.h"
#include "gc/region.h"
#include "gc/slot.h"

struct checkmark {
    struct tri_heap *heap;
    struct marker marker;
    const struct span_table *spans;
    page_index pages;
    size_t bytes;     /* of the two tables together */
    uint64_t *first;  /* the cycle's marks: SPAN_BIT_WORDS for each page */
    uint64_t *second; /* this marking's */
};

/* ---- Spans ----------------------------------------------------------------------------------- */

typedef void span_function(struct checkmark *check, struct span *span);

static void each_span(struct checkmark *check, span_function *function)
{
    for (page_index page = 0; page < check->pages;) {
        struct span *span = span_at(check->spans, page);
        bool begins = load_relaxed(&span->state) == SPAN_IN_USE && span->first == page;
        page += begins ? span->pages : 1;
        if (begins) {
            function(check, span);
        }
    }
}

/* Where the tables have what belongs to word number index of span's bits. */
static size_t place_in_tables(const struct checkmark *check, const struct span *span, size_t index)
{
    return (size_t)span_page(check->spans, span) * SPAN_BIT_WORDS + index;
}

static void put_marks_aside(struct checkmark *check, struct span *span)
{
    for (size_t i = 0; i < span_bit_words(span); i++) {
        check->first[place_in_tables(check, span, i)] = load_relaxed(&span->bits[i].mark);
        store_relaxed(&span->bits[i].mark, UINT64_C(0));
        store_relaxed(&span->scanned[i], UINT64_C(0));
    }
}

static void put_marks_back(struct checkmark *check, struct span *span) /* [checkmark.1] */
{
    for (size_t i = 0; i < span_bit_words(span); i++) {
        size_t at = place_in_tables(check, span, i);
        check->second[at] = load_relaxed(&span->bits[i].mark);
        store_relaxed(&span->bits[i].mark, check->first[at]);
        store_relaxed(&span->scanned[i], span_is_queued_whole(span) ? check->first[at] : 0);
    }
}

static bool was_marked(const struct checkmark *check, const struct span *span, uint32_t slot)
{
    return (check->first[place_in_tables(check, span, slot / 64)] >> (slot % 64)) & 1;
}

/* Reached, but not marked by the cycle. */
static bool was_missed(const struct checkmark *check, const struct span *span, uint32_t slot)
{
    bool reached = (check->second[place_in_tables(check, span, slot / 64)] >> (slot % 64)) & 1;
    return reached && !was_marked(check, span, slot);
}

/* ---- The second marking ---------------------------------------------------------------------- */

/* [checkmark.2] word is one of a span's mark words. */
static bool refuse_candidate(const struct marker *marker, const uint64_t *word, uint64_t mask)
{
    const struct checkmark *check = CONTAINER_OF((uintptr_t)marker, struct checkmark, marker);
    size_t offset = (uintptr_t)word - (uintptr_t)check->spans->entries.base;
    size_t index =
        (offset % sizeof(struct span) - offsetof(struct span, bits)) / sizeof(struct span_bits);
    return marker->conservative &&
           !(check->first[offset / sizeof(struct span) * SPAN_BIT_WORDS + index] & mask);
}

static void rescan(struct checkmark *check, struct span *span)
{
    for (uint32_t slot = 0; span->scannable && slot < span->slots; slot++) {
        if (span_is_marked(span, slot)) {
            (void)scan_entry(&check->marker,
                             (uintptr_t)span_slot_address(check->spans, span, slot));
            marker_exhaust(&check->marker);
        }
    }
}

static void scan_roots(struct tri_mutator *mutator, void *marker)
{
    (void)port_scan_mutator(mutator, marker);
}

static void mark_again(struct checkmark *check)
{
    struct tri_heap *heap = check->heap;
    struct marker *marker = &check->marker;
    marker->refuses = refuse_candidate;
    port_each_mutator(heap, scan_roots, marker);
    (void)port_scan_globals(heap, marker);
    (void)finalizer_scan_roots(heap, marker);
    marker->refuses = NULL;
    mark_scan_regions(heap, marker);
    marker_exhaust(marker);
    /* acquire half: pairs with the release in shade_push */
    while (exchange_acq_rel(&heap->mark.overflow, 0U) != 0) {
        each_span(check, rescan);
        mark_rescan_regions(heap, marker);
    }
}

/* ---- Telling what was missed ----------------------------------------------------------------- */

/* Into text: which object the slot of span is. */
static void describe(const struct checkmark *check, struct span *span, uint32_t slot, char *text,
                     size_t size)
{
    struct object_place place;
    object_at_slot(check->spans, span, slot, &place);
    (void)snprintf(text, size, "the object of type %s at %p",
                   place.type == NULL ? "(none)" : place.type->name, (void *)place.object);
}

TRI_COLD TRI_NORETURN static void die(const char *missed, const char *from)
{
    fatal("gccheckmark: marking has missed %s, which is reachable from %s.\n"
          "The cycle would have freed it. Look for a store without tri_store "
          "(GCDEBUG=barrierverify=1 "
          "finds it) and for roots that no frame or scanner shows at every safepoint; if there is "
          "none, this is a defect of Trillium.",
          missed, from);
}

/* Word number index of the object at place, if it leads to one that was missed. */
static void try_word(const struct checkmark *check, const struct object_place *place, size_t index)
{
    const tri_aliased_word *words = (const tri_aliased_word *)(void *)place->object;
    size_t offset = index * WORD_BYTES;
    uintptr_t address = slot_target(check->heap, slot_at(place->type, place->bytes, offset),
                                    load_relaxed(&words[index]));
    struct object_place target;
    if (address == 0 || !object_find(check->heap, address, &target) ||
        !was_missed(check, target.span, target.slot)) {
        return;
    }
    char missed[256];
    char holder[256];
    char from[320];
    describe(check, target.span, target.slot, missed, sizeof missed);
    describe(check, place->span, place->slot, holder, sizeof holder);
    (void)snprintf(from, sizeof from, "%s by its slot at offset %zu", holder, offset);
    die(missed, from);
}

/* The references of the span's objects that the cycle had marked. */
static void try_objects(struct checkmark *check, struct span *span)
{
    for (uint32_t slot = 0; span->scannable && slot < span->slots; slot++) {
        struct object_place place;
        if (!was_marked(check, span, slot)) {
            continue;
        }
        object_at_slot(check->spans, span, slot, &place);
        for (size_t i = 0; place.type != NULL && i < place.bytes / WORD_BYTES; i++) {
            try_word(check, &place, i);
        }
    }
}

/* The references of the objects of a region's span. */
static void try_region(struct span *span, void *argument)
{
    const struct checkmark *check = argument;
    for (uint32_t slot = 0; span->scannable && slot < region_object_slots(span); slot++) {
        struct object_place place;
        object_at_slot(check->spans, span, slot, &place);
        for (size_t i = 0; place.type != NULL && i < place.bytes / WORD_BYTES; i++) {
            try_word(check, &place, i);
        }
    }
}

/* Describe an object of span that the marks have beyond the cycle's. */
struct newly_marked {
    bool found;
    char text[256];
};

static void find_newly_marked(const struct checkmark *check, struct newly_marked *newly)
{
    newly->found = false;
    for (page_index page = 0; page < check->pages && !newly->found; page++) {
        struct span *span = span_at(check->spans, page);
        if (load_relaxed(&span->state) != SPAN_IN_USE || span->first != page) {
            continue;
        }
        for (uint32_t slot = 0; slot < span->slots && !newly->found; slot++) {
            newly->found = span_is_marked(span, slot) && !was_marked(check, span, slot);
            if (newly->found) {
                describe(check, span, slot, newly->text, sizeof newly->text);
            }
        }
    }
}

/* The roots just scanned over the marks of the cycle; from says which. */
static void try_roots(const struct checkmark *check, const char *from)
{
    struct newly_marked newly;
    find_newly_marked(check, &newly);
    if (newly.found) {
        die(newly.text, from);
    }
}

static void try_mutator(struct tri_mutator *mutator, void *argument)
{
    struct checkmark *check = argument;
    char from[128];
    (void)port_scan_mutator(mutator, &check->marker);
    (void)snprintf(from, sizeof from,
                   "a root of the mutator %p: a frame, or what its scanner reports",
                   (void *)mutator);
    try_roots(check, from);
}

static void explain_span(struct checkmark *check, struct span *span)
{
    for (uint32_t slot = 0; slot < span->slots; slot++) {
        if (was_missed(check, span, slot)) {
            char missed[256];
            describe(check, span, slot, missed, sizeof missed);
            die(missed, "somewhere (its holder was not found)");
        }
    }
}

/* Ends the process where anything was missed. The marks of the cycle are in place. */
static void explain(struct checkmark *check)
{
    each_span(check, try_objects);
    region_each_span(check->heap, try_region, check);
    check->marker.refuses = refuse_candidate;
    (void)port_scan_globals(check->heap, &check->marker);
    try_roots(check, "a global slot or a handle");
    (void)finalizer_scan_roots(check->heap, &check->marker);
    try_roots(check, "a finalizer that waits, or a cleanup");
    port_each_mutator(check->heap, try_mutator, check);
    each_span(check, explain_span);
}

/* ---- All of it ------------------------------------------------------------------------------- */

static bool take_tables(struct checkmark *check)
{
    size_t words = (size_t)check->pages * SPAN_BIT_WORDS;
    check->bytes = align_up(2 * words * sizeof(uint64_t), port_os_page_bytes());
    check->first = port_reserve(check->bytes, port_os_page_bytes(), "trillium metadata: checkmark");
    if (check->first == NULL) {
        return false;
    }
    if (!port_commit(check->first, check->bytes, "trillium metadata: checkmark")) {
        port_release(check->first, check->bytes);
        return false;
    }
    check->second = check->first + words;
    return true;
}

static bool something_was_missed(const struct checkmark *check)
{
    uint64_t missed = 0;
    for (size_t i = 0; i < (size_t)check->pages * SPAN_BIT_WORDS; i++) {
        missed |= check->second[i] & ~check->first[i];
    }
    return missed != 0;
}

void checkmark(struct tri_heap *heap)
{
    struct checkmark check = {
        .heap = heap,
        .marker = {.alone = true, .at_safepoint = true},
        .spans = &heap->page_heap.spans,
        .pages = load_relaxed(&heap->page_heap.spans.pages),
    };
    if (load_relaxed(&heap->mark.is_void) != 0 || check.pages == 0) {
        return; /* this cycle frees nothing */
    }
    if (!take_tables(&check)) {
        port_log(heap, "trillium: gccheckmark: no memory for a second marking; this cycle goes "
                       "unchecked");
        return;
    }
    marker_init(heap, &check.marker);
    check.marker.discovers = false;
    each_span(&check, put_marks_aside);
    mark_again(&check);
    each_span(&check, put_marks_back);
    if (something_was_missed(&check)) {
        explain(&check);
    }
    marker_destroy(&check.marker);
    port_release(check.first, check.bytes);
}
