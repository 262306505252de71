/* weak_scan.h -- weak containers: what their entries are, and how a marker sees them. */
#ifndef GC_WEAK_SCAN_H
#define GC_WEAK_SCAN_H

#include "gc/object.h"
#include "gc/shade.h"

/* The words of an entry, by kind of the container. */
struct weak_shape {
    uint8_t words;
    uint8_t weak;   /* the number of the word that is held weakly */
    uint8_t strong; /* of the one that is held as long as the weak one is there; WEAK_NO_WORD:
                       none */
    bool ephemeral; /* the strong one is held only while the weak one lives */
};
#define WEAK_NO_WORD UINT8_MAX

extern const struct weak_shape weak_shapes[WEAK_KIND_COUNT];

/* What stands in a slot of an entry that has died, by the encoding of the container; and in one
 * whose key finalization may get back. */
static inline uintptr_t weak_gone_word(const struct tri_heap *heap, const tri_encoding *encoding)
{
    return encoding->pattern | ((uintptr_t)heap->weak.gone & encoding->address);
}

static inline uintptr_t weak_hidden_word(const struct tri_heap *heap, const tri_encoding *encoding)
{
    return encoding->pattern | ((uintptr_t)heap->weak.hidden & encoding->address);
}

/* Whether word, of a weak slot, is either. */
static inline bool weak_is_gone(const struct tri_heap *heap, const tri_encoding *encoding,
                                uintptr_t word)
{
    return word == weak_gone_word(heap, encoding) || word == weak_hidden_word(heap, encoding);
}

/* Whether word, by encoding, refers to an object that is white. Marking has ended. */
static inline bool weak_is_dead(const struct tri_heap *heap, const tri_encoding *encoding,
                                uintptr_t word)
{
    struct object_place place;
    uintptr_t address = encoding_address(encoding, word);
    return encoding_is_reference(encoding, word) && !object_is_seen_marked(heap, address) &&
           object_find(heap, address, &place) && !object_is_reached(heap, place.span, place.slot);
}

/* Scan the entries of the weak container at place that begin at offsets in [from, to) of it: note
 * the container, shade what it holds strongly, let values of white keys wait. */
void weak_scan(struct marker *marker, const struct object_place *place, size_t from, size_t to);

/* The object in the slot at entry was marked: shade the values that have waited for it. Returns the
 * bytes of what was looked at. */
size_t weak_scan_key(struct marker *marker, uintptr_t entry);

/* The same, but nobody has marked the object, and nobody marks: the values go on waiting. */
void weak_scan_waiting(struct marker *marker, uintptr_t entry);

#endif
