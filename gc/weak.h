/* weak.h -- reading weak references at any time, and the weak phase of a cycle. */
#ifndef GC_WEAK_H
#define GC_WEAK_H

#include "gc/heap_state.h"

void weak_state_init(struct tri_heap *heap);

/* Read slot, which refers weakly to an object by encoding, or holds gone. What it yields mutator,
 * whose thread this is, may have; gone where the object is dead. No safepoint. */
uintptr_t weak_read(struct tri_mutator *mutator, const void *slot, const tri_encoding *encoding,
                    uintptr_t gone);

/* The type of weak references; NULL where there is no memory for it, or no room for another
 * type. */
tri_type *weak_reference_type(struct tri_heap *heap);

/* The fresh object at reference, of that type, refers to target from now on. Owner only, as
 * below. */
void weak_reference_init(struct tri_mutator *mutator, tri_ref reference, tri_ref target);

/* The target; NULL where it is gone. */
tri_ref weak_reference_get(struct tri_mutator *mutator, tri_ref reference);

/* Marking has ended: the weak phase begins. CYCLE held. */
void weak_begin(struct tri_heap *heap);

/* The weak phase, a part of it of about so many bytes of containers: true when it is over. CYCLE
 * held. */
bool weak_step(struct tri_heap *heap, size_t budget);

/* The same to its end, with all mutators held. */
void weak_resolve_held(struct tri_heap *heap);

/* The cycle's marks are about to be taken for the truth: forget what was noted. CYCLE held. */
void weak_end_cycle(struct tri_heap *heap);

#endif
