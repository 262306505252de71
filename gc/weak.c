/* weak.c -- weak references: how mutators read them at any time, and how what is dead leaves them.
 *
 *   marking ends                  nobody marks any more; what is white is garbage
 *     1  clear                    weak references to what is white
 *     2  rescue                   finalization marks what it gets back, to the end
 *     3  clear again              in containers that were reached only by 2
 *     4  over                     what is white is private to the collector from here on
 *   disarm
 *
 * Owns:       struct weak_state but for its word (weak_word.h).
 * Idea:       no mutator waits. A read of a weak reference either comes before the end of marking,
 *             and then what it yields is marked by this cycle, or after it, and then what is white
 *             is gone. docs/correctness.md has the argument.
 * Invariants:
 *   [weak.1] A read that yields a white object MUST record it, and disturb the end of marking
 *            before that; otherwise the object is freed in its mutator's hands.
 *   [weak.2] A read that finds marking ended MUST look at the mark again; otherwise it takes an
 *            object for dead that was marked between its look and the end.
 *   [weak.3] A read that finds its target marked MUST look into the slot again; otherwise one that
 *            was interrupted between takes for live what step 2 has marked meanwhile: others have
 *            seen that as gone, and what it refers to may be white still.
 *   [weak.4] Between the end of marking and the end of step 1 nobody MUST set a mark; otherwise a
 *            reference to garbage stays, and is taken for one to a live object.
 *   [weak.5] Each container that is marked when marking ends MUST have been noted, or hold only
 *            what its mutator could reach when it was stored; otherwise it refers to freed memory.
 *            What is stored into one while a cycle marks is therefore recorded while the stack of
 *            the mutator is grey, and where it is a white object's word copied from another
 *            container, the copy disturbs and is noted.
 *   [weak.6] A slot MUST be cleared by one exchange of what was found dead; otherwise a store of
 *            the host's that comes between is lost.
 * Locks:      none. CYCLE is held by the caller of the phase.
 * Callers:    the public functions on the mutator's thread; cycle.
 */
#include "gc/weak.h"

#include "gc/assert.h"
#include "gc/barrier.h"
#include "gc/finalizer_phase.h"
#include "gc/mark.h"
#include "gc/object.h"
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
    if (!object_find(mutator->heap, address, &place) ||
        span_is_seen_marked(place.span, place.slot)) {
        return true;
    }
    if (weak_disturb(mutator->heap)) { /* [weak.1] */
        barrier_record(mutator, address);
        return true;
    }
    return span_is_seen_marked(place.span, place.slot); /* [weak.2] */
}

uintptr_t weak_read(struct tri_mutator *mutator, const void *slot, const tri_encoding *encoding,
                    uintptr_t gone)
{
    const tri_aliased_word *at = slot;
    uintptr_t word;
    do {
        /* acquire: pairs with the release of the store that put it there */
        word = load_acquire(at);
        if (word == gone || !barrier_is_on(mutator) || !encoding_is_reference(encoding, word)) {
            return word;
        }
        if (!may_have(mutator, encoding_address(encoding, word))) {
            return gone;
        }
    } while (load_relaxed(at) != word); /* [weak.3] */
    return word;
}

/* ---- Weak references ------------------------------------------------------------------------- */

/* The heap's own type of that kind; NULL where there is no memory for it. */
static tri_type *type_of_kind(struct tri_heap *heap, enum weak_kind kind, const char *name,
                              size_t bytes, const tri_encoding *encoding)
{
    tri_type **place = &heap->weak.types[kind];
    tri_type *type = load_acquire(place); /* acquire: pairs with the exchange below */
    if (type != NULL) {
        return type;
    }
    tri_type *made = type_define_weak(&heap->types, heap, name, kind, bytes, encoding);
    /* release half: pairs with the acquire above. Of two that are made at a time one stays
     * unused. */
    return made == NULL || cas_acq_rel(place, &type, made) ? made : type;
}

tri_type *weak_reference_type(struct tri_heap *heap)
{
    return type_of_kind(heap, WEAK_REFERENCE, "weak reference", sizeof(uintptr_t), &raw_encoding);
}

void weak_reference_init(struct tri_mutator *mutator, tri_ref reference, tri_ref target)
{
    if (barrier_is_on(mutator)) {
        barrier_init(mutator, (uintptr_t)target); /* [weak.5] */
    }
    /* release: pairs with the acquire in weak_read */
    store_release((tri_aliased_word *)reference, (uintptr_t)target);
}

tri_ref weak_reference_get(struct tri_mutator *mutator, tri_ref reference)
{
    return (tri_ref)weak_read(mutator, reference, &raw_encoding, 0);
}

/* ---- The weak phase -------------------------------------------------------------------------- */

/* Whether word, by encoding, refers to an object that is white. Marking has ended. */
static bool is_dead(const struct tri_heap *heap, const tri_encoding *encoding, uintptr_t word)
{
    struct object_place place;
    return encoding_is_reference(encoding, word) &&
           object_find(heap, encoding_address(encoding, word), &place) &&
           !span_is_marked(place.span, place.slot);
}

/* [weak.6] */
static void clear_if_dead(const struct tri_heap *heap, void *slot, const tri_encoding *encoding,
                          uintptr_t gone)
{
    tri_aliased_word *at = slot;
    uintptr_t word = load_relaxed(at);
    if (is_dead(heap, encoding, word)) {
        /* release half: pairs with the acquire in weak_read; and comes before the marks of step 2,
         * see set_mark in shade.c. Where it fails, the host has stored something else. */
        (void)cas_seq_cst(at, &word, gone);
    }
}

/* Clear what the container in the slot at entry holds of the dead. Returns its bytes. */
static size_t clear_container(struct tri_heap *heap, uintptr_t entry)
{
    struct object_place place;
    object_at_entry(&heap->page_heap.spans, entry, &place);
    clear_if_dead(heap, place.object, &raw_encoding, 0);
    return place.bytes;
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

/* Nobody marks until step 1 is over [weak.4]: mutators do not, and the collector has no grey
 * work. */
void weak_begin(struct tri_heap *heap)
{
    TRI_ASSERT(!mark_has_work(heap) && !mark_has_later(heap));
    mark_refresh(heap, &heap->weak.rescuer);
}

bool weak_step(struct tri_heap *heap, size_t budget)
{
    if (clear_some(heap, budget)) {
        return false;
    }
    finalizer_resolve(heap);
    while (clear_some(heap, SIZE_MAX)) {
    }
    finalizer_sweep(heap);
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
}
