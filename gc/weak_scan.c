/* weak_scan.c -- what a marker does with a weak container: it notes it, shades what it holds
 * strongly, and leaves alone what it holds weakly.
 *
 * Owns:       nothing.
 * Invariants:
 *   [weak_scan.1] A container that is scanned in a cycle MUST be noted before its mutator's answer,
 *                 or the marker's return; otherwise the weak phase does not know of it, and it goes
 *                 on referring to what is freed.
 *   [weak_scan.2] The weak word of an entry MUST be read before the strong one, and be written
 *                 after it, released; otherwise a value is missed that was stored together with its
 *                 key.
 *   [weak_scan.3] What an entry holds besides a weak word that is gone MUST NOT be looked at;
 *                 otherwise a marker follows what may have been freed in an earlier cycle.
 *   [weak_scan.4] The value of an ephemeron's entry MUST be shaded once both the container is
 *                 scanned and the key is marked; otherwise a live value is freed.
 * Locks:      META inside the pool of segments.
 * Callers:    scan.
 */
#include "gc/weak_scan.h"

#include "gc/ephemeron.h"

const struct weak_shape weak_shapes[WEAK_KIND_COUNT] = {
    [WEAK_NONE] = {1, 0, WEAK_NO_WORD, false}, [WEAK_REFERENCE] = {1, 0, WEAK_NO_WORD, false},
    [WEAK_EPHEMERON] = {2, 0, 1, true},        [WEAK_KEYS] = {3, 0, 1, false},
    [WEAK_VALUES] = {3, 1, 0, false},          [WEAK_EPHEMERONS] = {3, 0, 1, true},
};

/* [weak_scan.1] */
static void note(struct marker *marker, const struct object_place *place)
{
    uintptr_t entry = (uintptr_t)span_slot_address(marker->spans, place->span, place->slot);
    if (!marker_push(marker, &marker->weak, entry)) {
        store_relaxed(&marker->heap->mark.is_void, 1U); /* this cycle frees nothing */
    }
}

/* Whether the value of an entry with this key is to be shaded now; if not, it waits. */
static bool has_value(struct marker *marker, const tri_encoding *encoding,
                      const tri_aliased_word *slot, uintptr_t key)
{
    struct object_place place;
    if (!marker->discovers) {
        /* Who checks: in a cycle that frees nothing some keys were marked and their values not. */
        return load_relaxed(&marker->heap->mark.is_void) == 0;
    }
    return !encoding_is_reference(encoding, key) ||
           !object_find(marker->heap, encoding_address(encoding, key), &place) ||
           object_is_reached(marker->heap, place.span, place.slot) ||
           !ephemeron_wait(marker, &place, slot, key, encoding);
}

static void scan_one(struct marker *marker, const struct weak_shape *shape,
                     const tri_encoding *encoding, const tri_aliased_word *entry)
{
    /* acquire: pairs with the release of the store that put it there [weak_scan.2] */
    uintptr_t weak = load_acquire(&entry[shape->weak]);
    if (weak_is_gone(marker->heap, encoding, weak)) {
        return; /* [weak_scan.3] */
    }
    if (!shape->ephemeral || has_value(marker, encoding, entry, weak)) {
        shade_value(marker, encoding, load_relaxed(&entry[shape->strong])); /* [weak_scan.4] */
    }
}

void weak_scan(struct marker *marker, const struct object_place *place, size_t from, size_t to)
{
    const tri_type *type = place->type;
    const struct weak_shape *shape = &weak_shapes[type->weak];
    if (from == 0 && marker->discovers && type->weak != WEAK_EPHEMERON) {
        note(marker, place);
    }
    if (shape->strong == WEAK_NO_WORD) {
        return;
    }
    size_t bytes = shape->words * WORD_BYTES;
    size_t offset = (from + bytes - 1) / bytes * bytes;
    for (; offset < to && offset + bytes <= place->bytes; offset += bytes) {
        scan_one(marker, shape, &type->layout.encoding,
                 (const tri_aliased_word *)(void *)(place->object + offset));
    }
}

/* The key of waiting was marked. */
static void shade_waiting(struct marker *marker, const struct waiting_entry *waiting)
{
    const tri_aliased_word *entry = waiting_slot(waiting);
    /* acquire: pairs with the release of the store that put it there [weak_scan.2] */
    uintptr_t key = load_acquire(&entry[0]);
    if (key == waiting->key || key == weak_hidden_word(marker->heap, waiting->encoding)) {
        shade_value(marker, waiting->encoding, load_relaxed(&entry[1])); /* [weak_scan.4] */
    }
}

size_t weak_scan_key(struct marker *marker, uintptr_t entry)
{
    size_t done = WORD_BYTES;
    struct object_place place;
    object_at_entry(marker->spans, entry, &place);
    struct waiting_entry *waiting = ephemeron_take(marker->heap, &place);
    while (waiting != NULL) {
        struct waiting_entry *next = waiting->next;
        if (!object_find(marker->heap, waiting_key(waiting), &place) ||
            object_is_reached(marker->heap, place.span, place.slot) ||
            !ephemeron_wait_on(marker, &place, waiting)) {
            shade_waiting(marker, waiting);
        }
        done += sizeof *waiting;
        waiting = next;
    }
    return done;
}

void weak_scan_waiting(struct marker *marker, uintptr_t entry)
{
    struct object_place place;
    object_at_entry(marker->spans, entry, &place);
    const struct waiting_entry *waiting = ephemeron_first(marker->heap, &place);
    for (; waiting != NULL; waiting = waiting->next) {
        struct object_place key;
        if (object_find(marker->heap, waiting_key(waiting), &key) && key.object == place.object) {
            shade_waiting(marker, waiting);
        }
    }
}
