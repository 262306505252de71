/* ephemeron.h -- ephemerons whose keys are white: they wait until somebody marks the key. */
#ifndef GC_EPHEMERON_H
#define GC_EPHEMERON_H

#include "gc/object.h"
#include "gc/shade.h"

/* An entry {key, value, ...} of a container that was scanned while its key was white. Belongs to
 * who has made or taken it. */
struct waiting_entry {
    struct waiting_entry *next; /* whose keys share a head with its own */
    uintptr_t key;              /* the word that is in the entry */
    uintptr_t entry;            /* where that is; and WAITING_HIDDEN. Written by the weak phase */
    const tri_encoding *encoding;
};
#define WAITING_HIDDEN ((uintptr_t)1)

static inline tri_aliased_word *waiting_slot(const struct waiting_entry *waiting)
{
    return (tri_aliased_word *)(waiting->entry & ~WAITING_HIDDEN);
}

static inline uintptr_t waiting_key(const struct waiting_entry *waiting)
{
    return encoding_address(waiting->encoding, waiting->key);
}

/* Let the entry at slot wait, which holds the word key, by encoding the reference to the object at
 * place. False where somebody has marked that meanwhile, so that the caller may not wait. */
bool ephemeron_wait(struct marker *marker, const struct object_place *place, const void *slot,
                    uintptr_t key, const tri_encoding *encoding);

/* The object at place was marked: the entries that waited for it, and perhaps some that wait for
 * others, linked; they are the caller's, who must give back the latter by ephemeron_wait_on. NULL
 * where there are none. */
struct waiting_entry *ephemeron_take(struct tri_heap *heap, const struct object_place *place);

/* The first entry that waits for the object at place, or for another one whose head is the same;
 * the next ones are linked. They stay where they are. NULL where there are none. Nobody marks. */
const struct waiting_entry *ephemeron_first(struct tri_heap *heap,
                                            const struct object_place *place);

/* As ephemeron_wait, for an entry that was taken and whose key is not that object. */
bool ephemeron_wait_on(struct marker *marker, const struct object_place *place,
                       struct waiting_entry *waiting);

/* Call function for the waiting entries of this cycle, taken or not, those of one segment; *cursor
 * is NULL before the first call. False where there are no more. Nobody else marks. */
bool ephemeron_each(struct tri_heap *heap, struct mark_segment **cursor,
                    void (*function)(struct tri_heap *heap, struct waiting_entry *waiting));

/* Nobody marks any more: forget all. CYCLE held. */
void ephemeron_end_cycle(struct tri_heap *heap);

#endif
