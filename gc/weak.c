/* weak.c -- weak references: how mutators read them at any time, and how what is dead leaves them.
 *
 *   marking ends          nobody marks any more; what is white is garbage
 *     WEAK_CLEAR          weak references to what is white are cleared
 *     WEAK_HOOKS          hosts clear weak slots of their own (weak_hook.c)
 *     WEAK_HIDE           entries of ephemerons with a white key are hidden
 *     WEAK_RESCUE         finalization marks what it gets back, and all that this refers to
 *     WEAK_CLEAR_RESCUED  as WEAK_CLEAR, in containers that were reached only now
 *     WEAK_SETTLE         hidden entries come back where the key was marked, the others are cleared
 *     WEAK_SWEEP          what is white is private to the collector: cleanups
 *   disarm
 *
 * Owns:       struct weak_state but for its word (weak_word.h) and what waits (ephemeron.c).
 * Idea:       no mutator waits. A read of a weak reference either comes before the end of marking,
 *             and then what it yields is marked by this cycle, or after it, and then what is white
 *             is gone. docs/correctness.md has the argument.
 * Invariants:
 *   [weak.1] A read that yields a white object MUST record it, and disturb the end of marking
 *            before that; otherwise the object is freed in its mutator's hands.
 *   [weak.2] A read that finds marking ended MUST look at the mark again; otherwise it takes an
 *            object for dead that was marked between its look and the end.
 *   [weak.3] A read that finds its target marked MUST look into the slot again; otherwise one that
 *            was interrupted between takes for live what finalization has marked meanwhile: others
 *            have seen that as gone, and what it refers to may be white still.
 *   [weak.4] Between the end of marking and the end of WEAK_HIDE nobody MUST set a mark; otherwise
 *            a reference to garbage stays, and is taken for one to a live object.
 *   [weak.5] Each container that is marked when marking ends MUST have been noted, or hold only
 *            what its mutator could reach when it was stored; otherwise it refers to freed memory.
 *            What is stored into one while a cycle marks is therefore recorded while the stack of
 *            the mutator is grey, and where a white object's word is copied from another container,
 *            the copy disturbs and is remembered.
 *   [weak.6] A slot MUST be cleared by one exchange of what was found dead; otherwise a store of
 *            the host's that comes between is lost.
 *   [weak.7] A hidden entry MUST come back only when all that its key refers to is marked;
 *            otherwise a mutator gets at an object whose references it may overwrite before they
 *            are scanned, when nobody shades any more what its barrier records.
 * Locks:      none. CYCLE is held by the caller of the phase.
 * Callers:    the public functions on the mutator's thread; cycle.
 */
#include "gc/weak.h"

#include "gc/assert.h"
#include "gc/barrier.h"
#include "gc/ephemeron.h"
#include "gc/finalizer_phase.h"
#include "gc/mark.h"
#include "gc/object.h"
#include "gc/weak_hook.h"
#include "gc/weak_scan.h"
#include "gc/weak_word.h"

static const tri_encoding raw_encoding = TRI_ENCODING_RAW;

void weak_state_init(struct tri_heap *heap)
{
    struct weak_state *weak = &heap->weak;
    weak->word = WEAK_DISTURBED;
    mark_stack_init(&weak->found, &heap->mark.segments);
    weak->rescuer = (struct marker){.at_safepoint = true};
    marker_init(heap, &weak->rescuer);
}

/* ---- Reading --------------------------------------------------------------------------------- */

/* Whether mutator, whose barrier is on, may have the object at address, which it found in a weak
 * slot. */
static bool may_have(struct tri_mutator *mutator, uintptr_t address)
{
    struct object_place place;
    if (object_is_seen_marked(mutator->heap, address) ||
        !object_find(mutator->heap, address, &place) ||
        object_is_reached(mutator->heap, place.span, place.slot)) {
        return true;
    }
    if (weak_disturb(mutator->heap)) { /* [weak.1] */
        barrier_record(mutator, address);
        return true;
    }
    return object_is_reached(mutator->heap, place.span, place.slot); /* [weak.2] */
}

bool weak_read(struct tri_mutator *mutator, const void *slot, const tri_encoding *encoding,
               uintptr_t *word)
{
    const tri_aliased_word *at = slot;
    do {
        /* acquire: pairs with the release of the store that put it there */
        *word = load_acquire(at);
        if (weak_is_gone(mutator->heap, encoding, *word)) {
            return false;
        }
        if (!barrier_is_on(mutator) || !encoding_is_reference(encoding, *word)) {
            return true;
        }
        if (!may_have(mutator, encoding_address(encoding, *word))) {
            return false;
        }
    } while (load_relaxed(at) != *word); /* [weak.3] */
    return true;
}

/* Store word, which the mutator can reach, into slot of a container. */
static void put(struct tri_mutator *mutator, void *slot, uintptr_t word)
{
    if (barrier_is_on(mutator)) {
        barrier_init(mutator, word); /* [weak.5] */
    }
    /* release: pairs with the acquires in weak_read and weak_scan.c */
    store_release((tri_aliased_word *)slot, word);
}

/* ---- Weak references and ephemerons ---------------------------------------------------------- */

tri_type *weak_type_of_kind(struct tri_heap *heap, enum weak_kind kind, const char *name,
                            const tri_encoding *encoding)
{
    tri_type **place = &heap->weak.types[kind];
    tri_type *type = load_acquire(place); /* acquire: pairs with the exchange below */
    if (type != NULL) {
        return type;
    }
    tri_type *made = type_define_weak(&heap->types, heap, name, kind,
                                      weak_shapes[kind].words * WORD_BYTES, encoding);
    /* release half: pairs with the acquire above. Of two that are made at a time one stays
     * unused. */
    return made == NULL || cas_acq_rel(place, &type, made) ? made : type;
}

tri_type *weak_reference_type(struct tri_heap *heap)
{
    return weak_type_of_kind(heap, WEAK_REFERENCE, "weak reference", &raw_encoding);
}

void weak_reference_init(struct tri_mutator *mutator, tri_ref reference, tri_ref target)
{
    put(mutator, reference, (uintptr_t)target);
}

tri_ref weak_reference_get(struct tri_mutator *mutator, tri_ref reference)
{
    uintptr_t word;
    return weak_read(mutator, reference, &raw_encoding, &word) ? (tri_ref)word : NULL;
}

tri_type *ephemeron_type(struct tri_heap *heap)
{
    return weak_type_of_kind(heap, WEAK_EPHEMERON, "ephemeron", &heap->options.value_encoding);
}

void ephemeron_init(struct tri_mutator *mutator, tri_ref ephemeron, tri_ref key, uintptr_t value)
{
    const tri_encoding *encoding = &mutator->heap->options.value_encoding;
    tri_aliased_word *words = ephemeron;
    put(mutator, &words[1], value);
    put(mutator, &words[0], encoding->pattern | ((uintptr_t)key & encoding->address));
}

tri_ref ephemeron_key(struct tri_mutator *mutator, tri_ref ephemeron)
{
    const tri_encoding *encoding = &mutator->heap->options.value_encoding;
    uintptr_t word;
    return weak_read(mutator, ephemeron, encoding, &word)
               ? (tri_ref)encoding_address(encoding, word)
               : NULL;
}

/* Where the key is live, so is the value: see [weak_scan.4]. */
uintptr_t ephemeron_value(struct tri_mutator *mutator, tri_ref ephemeron)
{
    const tri_aliased_word *words = ephemeron;
    uintptr_t key;
    return weak_read(mutator, ephemeron, &mutator->heap->options.value_encoding, &key)
               ? load_relaxed(&words[1])
               : 0;
}

/* ---- The weak phase -------------------------------------------------------------------------- */

/* [weak.6] */
static bool replace(tri_aliased_word *slot, uintptr_t word, uintptr_t by)
{
    /* release half: pairs with the acquire in weak_read; and comes before the marks of WEAK_RESCUE,
     * see reach_set_mark. Where it fails, the host has stored something else. */
    return cas_seq_cst(slot, &word, by);
}

static size_t clear_reference(struct tri_heap *heap, const struct object_place *place)
{
    tri_aliased_word *slot = (tri_aliased_word *)(void *)place->object;
    uintptr_t word = load_relaxed(slot);
    if (weak_is_dead(heap, &place->type->layout.encoding, word)) {
        (void)replace(slot, word, 0);
    }
    return WORD_BYTES;
}

/* Those of ephemerons are cleared as they wait, and only counted here. */
static size_t clear_entries(struct tri_heap *heap, const struct object_place *place)
{
    const struct weak_shape *shape = &weak_shapes[place->type->weak];
    const tri_encoding *encoding = &place->type->layout.encoding;
    size_t words = place->bytes / WORD_BYTES / shape->words * shape->words;
    tri_aliased_word *at = (tri_aliased_word *)(void *)place->object;
    size_t empty = 0;
    for (size_t i = shape->weak; i < words; i += shape->words) {
        uintptr_t word = load_relaxed(&at[i]);
        bool is_dead = weak_is_dead(heap, encoding, word);
        if (is_dead && !shape->ephemeral) {
            (void)replace(&at[i], word, weak_gone_word(heap, encoding));
        }
        empty += is_dead || word == 0 || weak_is_gone(heap, encoding, word);
    }
    heap->weak.empty_bytes += empty * shape->words * WORD_BYTES;
    return words * WORD_BYTES;
}

/* Clear what the container in the slot at entry holds of the dead. Returns its bytes. */
static size_t clear_container(struct tri_heap *heap, uintptr_t entry)
{
    struct object_place place;
    object_at_entry(&heap->page_heap.spans, entry, &place);
    return place.type->weak == WEAK_REFERENCE ? clear_reference(heap, &place)
                                              : clear_entries(heap, &place);
}

/* Clear the containers that were noted, about so many bytes of them. False where none is left. */
static bool clear_some(struct tri_heap *heap, size_t budget)
{
    uintptr_t entry;
    size_t done = 0;
    do {
        if (!mark_stack_pop(&heap->weak.found, &entry)) {
            return false;
        }
        done += clear_container(heap, entry);
    } while (done < budget);
    return true;
}

static void hide(struct tri_heap *heap, struct waiting_entry *waiting)
{
    if (weak_is_dead(heap, waiting->encoding, waiting->key) &&
        replace(waiting_slot(waiting), waiting->key, weak_hidden_word(heap, waiting->encoding))) {
        waiting->entry |= WAITING_HIDDEN;
    }
}

/* [weak.7] */
static void settle(struct tri_heap *heap, struct waiting_entry *waiting)
{
    const tri_encoding *encoding = waiting->encoding;
    bool dead = weak_is_dead(heap, encoding, waiting->key);
    uintptr_t by = dead ? weak_gone_word(heap, encoding) : waiting->key;
    if (waiting->entry & WAITING_HIDDEN) {
        (void)replace(waiting_slot(waiting), weak_hidden_word(heap, encoding), by);
    } else if (dead) {
        (void)replace(waiting_slot(waiting), waiting->key, by);
    }
}

/* Do function for the next entries that wait, some bytes of them, a hundred or so at a time. False
 * where none is left. */
static bool some_waiting(struct tri_heap *heap, size_t budget,
                         void (*function)(struct tri_heap *heap, struct waiting_entry *waiting))
{
    size_t done = 0;
    do {
        if (!ephemeron_each(heap, &heap->weak.cursor, function)) {
            heap->weak.cursor = NULL;
            return false;
        }
        done += sizeof(struct mark_segment);
    } while (done < budget);
    return true;
}

/* Nobody marks until WEAK_HIDE is over [weak.4]: mutators do not, and the collector has no grey
 * work. */
void weak_begin(struct tri_heap *heap)
{
    TRI_ASSERT(!mark_has_work(heap) && !mark_has_later(heap));
    mark_refresh(heap, &heap->weak.rescuer);
    weak_hooks_begin(heap);
    heap->weak.stage = WEAK_CLEAR;
    heap->weak.empty_bytes = 0;
    heap->weak.cursor = NULL;
}

/* A part of the stage; true where it has more. */
static bool take_part_of(struct tri_heap *heap, size_t budget)
{
    switch ((enum weak_stage)heap->weak.stage) {
    case WEAK_CLEAR:
    case WEAK_CLEAR_RESCUED:
        return clear_some(heap, budget);
    case WEAK_HOOKS:
        return weak_hooks_run(heap, budget); /* [weak_hook.1] */
    case WEAK_HIDE:
        return some_waiting(heap, budget, hide);
    case WEAK_SETTLE:
        return some_waiting(heap, budget, settle);
    case WEAK_RESCUE:
        return !finalizer_resolve(heap, budget);
    case WEAK_SWEEP:
        return !finalizer_sweep(heap, budget);
    case WEAK_OVER:
        break;
    }
    return false;
}

bool weak_take_part(struct tri_heap *heap, size_t budget)
{
    if (take_part_of(heap, budget)) {
        return false;
    }
    heap->weak.stage += heap->weak.stage < WEAK_OVER;
    return true;
}

bool weak_step(struct tri_heap *heap, size_t budget)
{
    while (heap->weak.stage != WEAK_OVER) {
        if (!weak_take_part(heap, budget)) {
            return false;
        }
    }
    return true;
}

void weak_resolve_held(struct tri_heap *heap)
{
    if (load_relaxed(&heap->mark.is_void) == 0) {
        weak_begin(heap);
        while (!weak_step(heap, SIZE_MAX)) {
        }
    }
}

void weak_end_cycle(struct tri_heap *heap)
{
    struct weak_state *weak = &heap->weak;
    mark_stack_clear(&weak->found);
    mark_stack_destroy(&weak->found);
    marker_destroy(&weak->rescuer);
    ephemeron_end_cycle(heap);
}

/* ---- Checking -------------------------------------------------------------------------------- */

void weak_check_object(tri_ref object, tri_type *type, size_t bytes, void *argument)
{
    struct tri_heap *heap = argument;
    struct object_place place;
    if (type->weak == WEAK_NONE || !object_find(heap, (uintptr_t)object, &place) ||
        !span_is_marked(place.span, place.slot)) {
        return;
    }
    const struct weak_shape *shape = &weak_shapes[type->weak];
    const tri_aliased_word *at = object;
    size_t words =
        type->weak == WEAK_REFERENCE ? 1 : bytes / WORD_BYTES / shape->words * shape->words;
    for (size_t i = shape->weak; i < words; i += shape->words) {
        TRI_REQUIRE(
            !weak_is_dead(heap, &type->layout.encoding, load_relaxed(&at[i])), /* [weak.5] */
            "gcverify: the %s at %p refers to an object that is about to be freed, and was "
            "not cleared",
            type->name, object);
    }
}
