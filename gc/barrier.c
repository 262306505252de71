/* barrier.c -- the write barrier: what a store records, and what becomes of it.
 *
 * Owns:       what each mutator has recorded and remembered.
 * Idea:       a store records addresses in a segment of the mutator's own. A full one goes to the
 *             markers, which shade what is in it; what a mutator has when it answers it shades
 *             itself. A store does not know which type its slot belongs to, so each word is tried
 *             as an address and by each encoding that the heap's types use: a word that happens to
 *             look like a reference keeps an object for one cycle, which is harmless.
 * Invariants:
 *   [barrier.1] Each word MUST be written by exactly one store; otherwise a marker that reads it
 *               meanwhile sees half a reference.
 *   [barrier.2] A store MUST record the old value of its slot before it replaces it; otherwise an
 *               object that a black stack has loaded from there is lost with its last slot (Yuasa).
 *   [barrier.3] While the mutator's stack is grey, a store MUST record the new value, too;
 *               otherwise an object that moves from that stack into a black object, and is popped
 *               before the stack is scanned, is lost (Dijkstra). For fresh objects, which are
 *               black, as well.
 *   [barrier.4] They MUST be shaded before the answer to disarm; otherwise a word that
 *               only looks like a reference sets a mark in a span that is being swept.
 *   [barrier.5] What is remembered MUST be scanned by the next answer, at a safepoint, after the
 *               stores that it is about; otherwise they are missed. Whether it is marked MUST NOT
 *               matter once markers are at work: the mutator may read that before its last stores
 *               can be seen, and a marker that turns the object grey meanwhile need not see them.
 *   [barrier.6] Nothing MUST be shaded before all mutators have answered settle; otherwise a
 *               candidate leads to a slot of a white run that is no object yet, and is given back
 *               with its mark, or becomes an object that is black although its mutator made it
 *               white.
 *   [barrier.7] Where stores into fresh objects go unreported, what a mutator has remembered MUST
 *               be scanned before another one may see it; otherwise a reference moves through such
 *               an object from a mutator that has still to answer to one that has answered, is
 *               overwritten there, moves back the same way before the next round, and is never seen
 *               (see below).
 * Locks:      none.
 * Callers:    the public store functions, on the mutator's thread; answer; safepoints.
 *
 * Why marking ends with nothing lost in insertion mode
 *
 * A white object that is lost is, when the last round of flush is over, on some stack. It was on
 * none when that one's mutator answered, so it came there later, from the heap; that is, from a
 * black object into which somebody stored it. If the store was reported, the one who made it shaded
 * it at the latest in the answer that followed, and the round was not quiet. If it was not
 * reported, it was made into an object that this mutator had remembered, and the scan of that found
 * something else there: another mutator had loaded the reference and overwritten the slot. Two
 * mutators can pass one reference to and fro like that for ever:
 *
 *     A answers round k
 *     B makes object n, n.f = w, publishes n w is white, on B's stack; nothing is reported of n.f A
 *     loads n, then w; n.f = nil w is on A's stack alone B answers round k: n holds nothing a quiet
 *     round A does to B what B did to A; then A answers round k + 1, and so on
 *
 * Hence [barrier.7]. Where one mutator at a time runs, because there is only one or the host has a
 * lock of its own, each scans what it remembers when it becomes blocked. Where several run, the
 * host reports what a fresh object holds before it lets others see it (docs/embedding.md).
 */
#include "gc/barrier.h"

#include "gc/assert.h"
#include "gc/barrier_verify.h"
#include "gc/mark.h"
#include "gc/object.h"
#include "gc/weak_word.h"

/* ---- Recording ------------------------------------------------------------------------------- */

/* Whether all mutators have answered settle [barrier.6]. */
static bool may_shade(const struct tri_heap *heap)
{
    /* acquire: pairs with the release in enter_phase of cycle.c. A mutator whose barrier is on does
     * not see a phase of the cycle before. */
    return load_acquire(&heap->cycle.phase) > CYCLE_SETTLE;
}

/* The mutator's segment is full: let the markers shade it. Where they are behind with that, the
 * mutator does it itself, so that stores cannot outrun them. */
TRI_COLD static void hand_over(struct tri_mutator *mutator)
{
    struct tri_heap *heap = mutator->heap;
    if (weak_has_ended(heap)) {
        mark_stack_clear(&mutator->recorded); /* whatever is in it is marked, or garbage */
        return;
    }
    if (load_relaxed(&heap->mark.recorded_count) < RECORDED_SEGMENTS_MAX || !may_shade(heap)) {
        mark_hand_over(heap, &mutator->recorded);
        return;
    }
    struct stall_times start = stall_begin();
    barrier_flush(mutator);
    (void)stall_end(&heap->stalls, STALL_BARRIER, start);
}

void barrier_record(struct tri_mutator *mutator, uintptr_t address)
{
    if (TRI_UNLIKELY(!mark_stack_push(&mutator->recorded, address))) {
        store_relaxed(&mutator->heap->mark.is_void, 1U); /* this cycle frees nothing */
    } else if (TRI_UNLIKELY(mark_stack_is_full(&mutator->recorded))) {
        hand_over(mutator);
    }
}

/* Record what word may refer to. */
static void record(struct tri_mutator *mutator, uintptr_t word)
{
    const struct tri_heap *heap = mutator->heap;
    const struct address_space *space = &heap->page_heap.space;
    if (address_space_contains(space, word)) {
        barrier_record(mutator, word);
    }
    const struct encoding_entry *e = type_table_encodings(&heap->types);
    for (; e != NULL; e = e->next) {
        uintptr_t address = encoding_address(&e->encoding, word);
        if (address != word && encoding_is_reference(&e->encoding, word) &&
            address_space_contains(space, address)) {
            barrier_record(mutator, address);
        }
    }
}

void barrier_store(struct tri_mutator *mutator, uintptr_t old, uintptr_t word)
{
    enum barrier_mode mode = barrier_mode_of(mutator);
    if (mode != BARRIER_INSERTION) {
        record(mutator, old); /* [barrier.2] */
    }
    if (mode != BARRIER_BLACK) {
        record(mutator, word); /* [barrier.3] */
    }
}

void barrier_init(struct tri_mutator *mutator, uintptr_t word)
{
    if (barrier_mode_of(mutator) != BARRIER_BLACK) {
        record(mutator, word); /* [barrier.3] */
    }
}

void barrier_stored(struct tri_mutator *mutator, uintptr_t word)
{
    if (barrier_is_on(mutator)) {
        record(mutator, word); /* [barrier.3] */
    }
}

void barrier_deleted(struct tri_mutator *mutator, const uintptr_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        record(mutator, load_relaxed(&words[i])); /* [barrier.2] */
    }
}

/* The store itself [barrier.1]. */
static void put(struct tri_mutator *mutator, void *slot, uintptr_t word)
{
    if (barrier_is_verified(mutator)) {
        barrier_verify_store(mutator->heap, slot, word);
    } else {
        /* release: pairs with the dependent load of a marker that follows the word */
        store_release((tri_aliased_word *)slot, word);
    }
}

void barrier_put(struct tri_mutator *mutator, void *slot, uintptr_t word)
{
    if (barrier_is_on(mutator)) {
        barrier_store(mutator, load_relaxed((tri_aliased_word *)slot), word);
    }
    put(mutator, slot, word);
}

void barrier_put_first(struct tri_mutator *mutator, void *slot, uintptr_t word)
{
    if (barrier_is_on(mutator)) {
        barrier_init(mutator, word);
    }
    put(mutator, slot, word);
}

bool barrier_put_cas(struct tri_mutator *mutator, void *slot, uintptr_t *expected,
                     uintptr_t desired)
{
    if (barrier_is_on(mutator)) {
        barrier_store(mutator, *expected, desired); /* what it replaces, if it does */
    }
    if (barrier_is_verified(mutator)) {
        return barrier_verify_cas(mutator->heap, slot, expected, desired);
    }
    /* pairs with other threads' stores to and loads of the slot */
    return cas_seq_cst((tri_aliased_word *)slot, expected, desired);
}

void barrier_remember(struct tri_mutator *mutator, const void *object)
{
    struct object_place place;
    if (barrier_is_verified(mutator)) {
        barrier_verify_written(mutator->heap, object);
    }
    if (barrier_is_on(mutator) && object_find(mutator->heap, (uintptr_t)object, &place)) {
        uintptr_t slot =
            (uintptr_t)span_slot_address(&mutator->heap->page_heap.spans, place.span, place.slot);
        if (!mark_stack_push(&mutator->remembered, slot)) {
            /* release: pairs with the exchange in mark_drain */
            store_release(&mutator->heap->mark.overflow, 1U);
            store_relaxed(&mutator->heap->mark.is_void, 1U); /* stores to come are not known */
            mutator->made_grey = true;
        }
        mutator->remembered_count++;
    }
}

/* A marker that records what it finds. */
struct recorder {
    struct marker marker;
    struct tri_mutator *mutator;
};

static void record_found(struct marker *marker, uintptr_t address)
{
    barrier_record(CONTAINER_OF(marker, struct recorder, marker)->mutator, address);
}

/* Record what object refers to at the moment. */
static void record_references(struct tri_mutator *mutator, const void *object)
{
    struct tri_heap *heap = mutator->heap;
    struct recorder recorder = {
        .marker = {.at_safepoint = true, .found = record_found},
        .mutator = mutator,
    };
    struct marker *recording = &recorder.marker;
    struct object_place place;
    if (!object_find(heap, (uintptr_t)object, &place)) {
        return;
    }
    marker_init(heap, recording);
    recording->discovers = false;
    uintptr_t entry = (uintptr_t)span_slot_address(&heap->page_heap.spans, place.span, place.slot);
    do {
        (void)scan_entry(recording, entry);
    } while (mark_stack_pop(&recording->stack, &entry)); /* the pieces of a large object */
    marker_destroy(recording);
}

void barrier_written(struct tri_mutator *mutator, const void *object)
{
    enum barrier_mode mode = barrier_mode_of(mutator);
    if (barrier_is_verified(mutator)) {
        barrier_verify_written(mutator->heap, object);
    }
    if (mode != BARRIER_OFF) {
        record_references(mutator, object); /* [barrier.2] [barrier.7] */
    }
    if (mode == BARRIER_GREY || mode == BARRIER_INSERTION) {
        barrier_remember(mutator, object); /* [barrier.3] [barrier.5] */
    }
}

/* ---- Shading --------------------------------------------------------------------------------- */

void barrier_flush(struct tri_mutator *mutator)
{
    struct tri_heap *heap = mutator->heap;
    struct marker *marker = &mutator->marker;
    TRI_ASSERT(barrier_is_on(mutator) && may_shade(heap)); /* [barrier.4] [barrier.6] */
    mark_refresh(heap, marker);
    marker->conservative = true;
    uintptr_t address;
    while (mark_stack_pop(&mutator->recorded, &address)) {
        shade(marker, address);
    }
    marker->conservative = false;
    mutator->made_grey |= mark_publish(heap, marker);
}

/* The object in the slot at entry, if there is one. */
static bool find_remembered(const struct tri_heap *heap, uintptr_t entry,
                            struct object_place *place)
{
    object_at_entry(&heap->page_heap.spans, entry, place);
    return place->type != NULL;
}

/* Scan the object in the slot at entry now, or let the markers do that. Before there are any, a
 * white one is left to them: it is scanned when it is reached. */
static void rescan(struct tri_mutator *mutator, uintptr_t entry, bool now)
{
    struct marker *marker = &mutator->marker;
    struct object_place place;
    if (!find_remembered(mutator->heap, entry, &place)) {
        return;
    }
    if (!may_shade(mutator->heap)) {
        if (span_is_marked(place.span, place.slot)) {
            record_references(mutator, place.object);
        }
    } else if (!now && !weak_disturb(mutator->heap)) {
        return; /* marking has ended: what it refers to is marked [weak_word.1] */
    } else if (now || !mark_stack_push(&marker->stack, entry)) {
        marker->scanned_bytes += scan_entry(marker, entry);
    } else {
        mutator->made_grey = true;
    }
}

/* Scan the first so many that are remembered, and leave the others to the markers. */
static void scan_remembered(struct tri_mutator *mutator, unsigned at_once)
{
    uintptr_t entry;
    mark_refresh(mutator->heap, &mutator->marker);
    for (unsigned count = 0; mark_stack_pop(&mutator->remembered, &entry); count++) {
        rescan(mutator, entry, count < at_once);
    }
    mutator->made_grey |= mark_publish(mutator->heap, &mutator->marker);
    mutator->remembered_count = 0;
}

void barrier_scan_remembered(struct tri_mutator *mutator)
{
    scan_remembered(mutator, REMEMBERED_SCAN_OBJECTS);
}

void barrier_catch_up(struct tri_mutator *mutator)
{
    if (TRI_UNLIKELY(mutator->remembered_count >= REMEMBERED_SCAN_OBJECTS) &&
        barrier_is_on(mutator) && may_shade(mutator->heap)) {
        barrier_scan_remembered(mutator);
    }
}

void barrier_before_block(struct tri_mutator *mutator)
{
    if (TRI_UNLIKELY(mutator->remembered_count > 0) && barrier_is_on(mutator) &&
        may_shade(mutator->heap)) {
        barrier_scan_remembered(mutator); /* [barrier.7] */
    }
}

void barrier_leave(struct tri_mutator *mutator)
{
    scan_remembered(mutator, 0);
    mark_hand_over(mutator->heap, &mutator->recorded);
}

void barrier_discard(struct tri_mutator *mutator)
{
    mark_stack_clear(&mutator->recorded);
    mark_stack_clear(&mutator->remembered);
    mutator->remembered_count = 0;
}

/* ---- Many words ------------------------------------------------------------------------------ */

/* One store of a range [barrier.1]. */
static inline void store_one(struct tri_mutator *mutator, bool slow, tri_aliased_word *slot,
                             uintptr_t word)
{
    if (TRI_UNLIKELY(slow)) {
        barrier_put(mutator, slot, word);
    } else {
        /* release: pairs with the dependent load of a marker that follows the word */
        store_release(slot, word);
    }
}

void barrier_copy_words(struct tri_mutator *mutator, void *target, const void *source, size_t count)
{
    tri_aliased_word *to = target;
    const tri_aliased_word *from = source;
    bool slow = barrier_is_slow(mutator);
    if ((uintptr_t)to <= (uintptr_t)from) {
        for (size_t i = 0; i < count; i++) {
            store_one(mutator, slow, &to[i], load_relaxed(&from[i]));
        }
    } else {
        for (size_t i = count; i-- > 0;) {
            store_one(mutator, slow, &to[i], load_relaxed(&from[i]));
        }
    }
}

void barrier_fill_words(struct tri_mutator *mutator, void *target, uintptr_t word, size_t count)
{
    tri_aliased_word *to = target;
    bool slow = barrier_is_slow(mutator);
    for (size_t i = 0; i < count; i++) {
        store_one(mutator, slow, &to[i], word);
    }
}
