/* weak.h -- reading weak references at any time, and the weak phase of a cycle. */
#ifndef GC_WEAK_H
#define GC_WEAK_H

#include "gc/heap_state.h"

/* What the weak phase does, in this order; see weak.c. */
enum weak_stage {
    WEAK_CLEAR,
    WEAK_HOOKS,
    WEAK_HIDE,
    WEAK_RESCUE,
    WEAK_CLEAR_RESCUED,
    WEAK_SETTLE,
    WEAK_SWEEP,
    WEAK_OVER
};

void weak_state_init(struct tri_heap *heap);

/* Read slot, which refers weakly to an object by encoding. False where that is dead, or was
 * cleared; else *word is what the slot holds, and mutator, whose thread this is, may have it. No
 * safepoint. */
bool weak_read(struct tri_mutator *mutator, const void *slot, const tri_encoding *encoding,
               uintptr_t *word);

/* The heap's own type of containers of kind, made where there is none yet; NULL where there is no
 * memory for it, or no room for another type. */
tri_type *weak_type_of_kind(struct tri_heap *heap, enum weak_kind kind, const char *name,
                            const tri_encoding *encoding);

/* The type of weak references; NULL where there is no memory for it, or no room for another
 * type. */
tri_type *weak_reference_type(struct tri_heap *heap);

/* The fresh object at reference, of that type, refers to target from now on. Owner only, as
 * below. */
void weak_reference_init(struct tri_mutator *mutator, tri_ref reference, tri_ref target);

/* The target; NULL where it is gone. */
tri_ref weak_reference_get(struct tri_mutator *mutator, tri_ref reference);

/* The same for ephemerons, whose value is in the heap's encoding; 0 where the key is gone. */
tri_type *ephemeron_type(struct tri_heap *heap);
void ephemeron_init(struct tri_mutator *mutator, tri_ref ephemeron, tri_ref key, uintptr_t value);
tri_ref ephemeron_key(struct tri_mutator *mutator, tri_ref ephemeron);
uintptr_t ephemeron_value(struct tri_mutator *mutator, tri_ref ephemeron);

/* Marking has ended: the weak phase begins. CYCLE held. */
void weak_begin(struct tri_heap *heap);

/* A part of the stage that the phase is at; true when that stage is over, and the next one has
 * come. */
bool weak_take_part(struct tri_heap *heap, size_t budget);

/* The weak phase, a part of it of about so many bytes of containers: true when it is over. CYCLE
 * held. */
bool weak_step(struct tri_heap *heap, size_t budget);

/* The same to its end, with all mutators held. */
void weak_resolve_held(struct tri_heap *heap);

/* For verify_each_object, after the phase, during a hold: no container that is marked refers to
 * what is about to be freed; ends the process where one does. argument is the heap. */
void weak_check_object(tri_ref object, tri_type *type, size_t bytes, void *argument);

/* The cycle's marks are about to be taken for the truth: forget what was noted. CYCLE held. */
void weak_end_cycle(struct tri_heap *heap);

#endif
