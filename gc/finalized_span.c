/* finalized_span.c -- the bits of objects that are finalized by their type.
 *
 * Owns:       the records of spans in struct finalizer_state.
 * Idea:       objects of such a type lie in spans of that type alone, and each of these spans has a
 *             record. So the dead are found by a few operations on words: allocated, not marked,
 *             not finalized before. What is found needs no memory to wait in: it is a bit, too.
 * Invariants:
 *   [finalized_span.1] A span of such a type MUST have a record before it is published; otherwise
 *                      its dead are swept and never finalized ([finalizer.5]).
 *   [finalized_span.2] A bit of finalized MUST be cleared when its slot is freed, and not earlier;
 *                      otherwise the next object there is not finalized, or this one is twice.
 *   [finalized_span.3] A slot MUST be tested for being allocated before it is tested for its mark;
 *                      otherwise one that a run has just taken, black, is an object that is dead.
 *   [finalized_span.4] A record's page MUST be released after its bits; otherwise the cycle finds
 *                      the bits of the span that had the record before.
 * Locks:      FINALIZER; META under it.
 * Callers:    alloc and large for new spans, sweep; finalizer and finalizer_phase.
 */
#include "gc/finalized_span.h"

#include "gc/assert.h"
#include "gc/mark.h"

static struct finalized_span *record_at(const struct tri_heap *heap, uint32_t number)
{
    return finalized_span_at(&heap->finalizers, number);
}

static struct finalized_span *record_of(const struct tri_heap *heap, const struct span *span)
{
    return record_at(heap, *finalized_span_number(&heap->finalizers.spans, span));
}

/* A free record's number; 0 where there is no memory. */
static uint32_t take_record(struct tri_heap *heap) LOCK_REQUIRES(heap->finalizers.lock)
{
    struct finalizer_state *state = &heap->finalizers;
    uint32_t number = state->free_span;
    if (number != 0) {
        state->free_span = record_at(heap, number)->next;
    } else if (growing_array_extend(&state->spans.records)) {
        number = growing_array_count(&state->spans.records);
    }
    return number;
}

bool finalized_span_add(struct tri_heap *heap, const struct span *span) /* [finalized_span.1] */
{
    lock_acquire(&heap->finalizers.lock);
    bool has_place =
        growing_array_reserve(&heap->finalizers.spans.by_page, (uint32_t)span->first + 1);
    uint32_t number = has_place ? take_record(heap) : 0;
    if (number != 0) {
        struct finalized_span *record = record_at(heap, number);
        for (size_t i = 0; i < SPAN_BIT_WORDS; i++) {
            store_relaxed(&record->finalized[i], UINT64_C(0));
            store_relaxed(&record->waiting[i], UINT64_C(0));
            record->chosen[i] = 0;
        }
        record->is_ready = false;
        *finalized_span_number(&heap->finalizers.spans, span) = number;
        /* release: pairs with the acquire in finalized_span_of [finalized_span.4] */
        store_release(&record->page, span->first + 1);
    }
    lock_release(&heap->finalizers.lock);
    return number != 0;
}

void finalized_span_swept(const struct tri_heap *heap, const struct span *span)
{
    struct finalized_span *record = record_of(heap, span);
    for (size_t i = 0; i < span_bit_words(span); i++) { /* [finalized_span.2] */
        uint64_t allocated = load_relaxed(&span->bits[i].allocated);
        TRI_ASSERT((load_relaxed(&record->waiting[i]) & ~allocated) == 0);
        store_relaxed(&record->finalized[i], load_relaxed(&record->finalized[i]) & allocated);
    }
}

void finalized_span_remove(struct tri_heap *heap, const struct span *span)
{
    struct finalizer_state *state = &heap->finalizers;
    uint32_t number = *finalized_span_number(&state->spans, span);
    struct finalized_span *record = record_at(heap, number);
    lock_acquire(&state->lock);
    TRI_ASSERT(!record->is_ready); /* what waits is marked */
    store_relaxed(&record->page, 0U);
    record->next = state->free_span;
    state->free_span = number;
    lock_release(&state->lock);
}

static void rescue_slots(struct tri_heap *heap, const struct span *span, size_t word,
                         uint64_t slots)
{
    for (; slots != 0; slots &= slots - 1) {
        uint32_t slot = (uint32_t)(word * 64 + trailing_zeros(slots));
        const char *object = span_slot_address(&heap->page_heap.spans, span, slot);
        (void)mark_rescue(heap, (uintptr_t)object);
    }
}

/* Of word number i of span those that are dead and have not been finalized. */
static uint64_t dead_in(const struct finalized_span *record, const struct span *span, size_t i)
{
    /* acquire: pairs with the release in span_enter_run [finalized_span.3] */
    uint64_t allocated = load_acquire(&span->bits[i].allocated);
    return allocated & ~load_relaxed(&span->bits[i].mark) & ~load_relaxed(&record->finalized[i]);
}

static void choose_in(struct tri_heap *heap, struct finalized_span *record)
{
    const struct span *span = finalized_span_of(heap, record);
    size_t words = span == NULL ? 0 : span_bit_words(span);
    for (size_t i = 0; i < words; i++) {
        uint64_t dead = dead_in(record, span, i);
        if (dead != 0) {
            record->chosen[i] |= dead;
            fetch_or_relaxed(&record->finalized[i], dead); /* beside finalized_bits_skip */
            rescue_slots(heap, span, i, dead);
        }
    }
}

/* Call function for each record, as a step. */
static bool some_records(struct tri_heap *heap, size_t *budget,
                         void (*function)(struct tri_heap *heap, struct finalized_span *record))
{
    struct finalizer_state *state = &heap->finalizers;
    (void)finalizer_begin_step(state, 1);
    for (; state->next <= growing_array_count(&state->spans.records); state->next++) {
        if (!finalizer_spend(budget, sizeof(struct finalized_span))) {
            return false;
        }
        function(heap, record_at(heap, state->next));
    }
    return true;
}

bool finalized_span_choose(struct tri_heap *heap, size_t *budget)
{
    return some_records(heap, budget, choose_in);
}

/* Returns how many objects of record number wait from now on. FINALIZER held. */
static uint64_t queue_chosen(struct tri_heap *heap, uint32_t number)
    LOCK_REQUIRES(heap->finalizers.lock)
{
    struct finalizer_state *state = &heap->finalizers;
    struct finalized_span *record = record_at(heap, number);
    uint64_t count = 0;
    for (size_t i = 0; i < SPAN_BIT_WORDS; i++) {
        count += bit_count(record->chosen[i]);
        store_relaxed(&record->waiting[i], load_relaxed(&record->waiting[i]) | record->chosen[i]);
        record->chosen[i] = 0;
    }
    if (count > 0 && !record->is_ready) {
        record->is_ready = true;
        record->next = state->first_ready;
        state->first_ready = number;
    }
    return count;
}

static bool has_chosen(const struct finalized_span *record)
{
    uint64_t any = 0;
    for (size_t i = 0; i < SPAN_BIT_WORDS; i++) {
        any |= record->chosen[i];
    }
    return any != 0;
}

/* The record is the one that is next in the step. */
static void queue_in(struct tri_heap *heap, struct finalized_span *record)
{
    struct finalizer_state *state = &heap->finalizers;
    if (finalized_span_of(heap, record) != NULL && has_chosen(record)) {
        lock_acquire(&heap->finalizers.lock);
        uint64_t queued = queue_chosen(heap, state->next);
        fetch_add_relaxed(&state->waiting, queued);
        fetch_add_relaxed(&state->finalizers_queued, queued);
        lock_release(&heap->finalizers.lock);
    }
}

bool finalized_span_queue(struct tri_heap *heap, size_t *budget)
{
    return some_records(heap, budget, queue_in);
}

/* Take one bit of those that wait in record; its slot. There is one. */
static uint32_t take_slot(struct finalized_span *record)
{
    size_t i = 0;
    while (load_relaxed(&record->waiting[i]) == 0) {
        i++;
    }
    uint64_t waiting = load_relaxed(&record->waiting[i]);
    store_relaxed(&record->waiting[i], waiting & (waiting - 1));
    return (uint32_t)(i * 64 + trailing_zeros(waiting));
}

static bool is_used_up(const struct finalized_span *record)
{
    uint64_t any = 0;
    for (size_t i = 0; i < SPAN_BIT_WORDS; i++) {
        any |= load_relaxed(&record->waiting[i]);
    }
    return any == 0;
}

bool finalized_span_take(struct tri_heap *heap, struct finalizer_call *call)
{
    struct finalizer_state *state = &heap->finalizers;
    lock_assert_held(&state->lock);
    if (state->first_ready == 0) {
        return false;
    }
    struct finalized_span *record = record_at(heap, state->first_ready);
    const struct span *span = finalized_span_of(heap, record);
    uint32_t slot = take_slot(record);
    *call = (struct finalizer_call){
        .finalizer = span->type->finalizer,
        .argument = span->type->finalizer_argument,
        .reference = span_slot_address(&heap->page_heap.spans, span, slot),
    };
    if (is_used_up(record)) {
        record->is_ready = false;
        state->first_ready = record->next;
    }
    return true;
}
