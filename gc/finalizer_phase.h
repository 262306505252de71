/* finalizer_phase.h -- what the weak phase of a cycle does about finalizers and cleanups. CYCLE
 * held; all that mutators can get at is marked, and nobody but the collector marks.
 */
#ifndef GC_FINALIZER_PHASE_H
#define GC_FINALIZER_PHASE_H

#include "gc/heap_state.h"

/* Choose those of the dead whose finalizers are to run, and bring them back to life, with all that
 * they refer to: a part of that, of about so many bytes of objects and records. True where it is
 * over. */
bool finalizer_resolve(struct tri_heap *heap, size_t budget);

/* What is not marked now is garbage. Let what was chosen wait to be run, and the cleanups of what
 * is garbage: a part of that, as above. */
bool finalizer_sweep(struct tri_heap *heap, size_t budget);

#endif
