/* heap_state.h -- struct tri_heap and struct tri_mutator: one of each part. No functions. */
#ifndef GC_HEAP_STATE_H
#define GC_HEAP_STATE_H

#include <trillium/heap.h>

#include "gc/mark_stack.h"
#include "gc/page_heap.h"
#include "gc/thread_cache.h"
#include "gc/type.h"

#define HEAP_SIGNATURE    UINT32_C(0x48454150) /* "HEAP" */
#define MUTATOR_SIGNATURE UINT32_C(0x4d555441) /* "MUTA" */
#define MUTATOR_DETACHED  UINT32_C(0x64656164) /* "dead" */

/* What one thread marks with. Also what the host knows as a tri_visitor. */
struct marker {
    /* Written before marking, read by its thread: copies that spare the marker a walk through the
     * heap. */
    struct tri_heap *heap;
    const struct span_table *spans;
    uintptr_t base;    /* of the address space */
    size_t bytes;      /* of it that are in use: addresses beyond are in no span */
    bool alone;        /* no other thread marks: bits are set without atomic operations */
    bool check_dead;   /* a precise reference to a free slot ends the process (gcverify=1) */
    bool conservative; /* the words just looked at are candidates, not references */

    struct mark_stack stack;

    /* Written by its thread. */
    uint64_t marked_bytes;
    uint64_t marked_objects;
    uint64_t cpu_ns;
};

struct mark_state {
    struct fixed_pool segments;
    uint32_t count;    /* markers that take part in this cycle; written before marking */
    uint32_t idle;     /* atomic: markers without work */
    uint32_t started;  /* atomic: markers that have begun */
    uint32_t overflow; /* atomic: a grey object could not be queued and must be found in its span
                          again */
    struct marker markers[MARKERS_MAX];
};

struct sweep_state {
    uint32_t generation; /* atomic; changes during a hold only. A span whose sweep_gen differs is
                            unswept */
    uint32_t cursor;     /* atomic: the lists below it have no unswept span any more */
    uint32_t visitors;   /* atomic: threads without a mutator that are sweeping; SWEEP_CLOSED: none
                            may begin */
    uint64_t unswept;    /* atomic: spans not yet swept, those being swept included */
};

/* Figures of one cycle; see docs/reading-the-log.md. Times in nanoseconds. */
struct cycle_figures {
    uint64_t number;
    bool forced;
    uint64_t start_ns;      /* since the heap was created */
    uint64_t to_hold_ns;    /* from asking to all mutators held */
    uint64_t mark_ns;       /* marking */
    uint64_t to_release_ns; /* from the end of marking to the release */
    uint64_t mark_cpu_ns;   /* processor time of all markers */
    uint64_t heap_before;   /* heap_live at the start */
    uint64_t heap_after;    /* heap_live at the end of marking */
    uint64_t marked_bytes;
    uint64_t marked_objects;
    uint64_t goal;
    uint64_t stack_bytes;
    uint64_t global_bytes;
    uint32_t processors;
    double utilization; /* the collector's share of all processors' time since the heap was
                           created */
};

/* Guarded by CYCLE, but for what is marked atomic. */
struct cycle_state {
    struct lock lock;      /* CYCLE: one thread at a time collects */
    struct lock goal_lock; /* GOAL: one thread at a time computes the goal */
    struct cycle_figures last;
    uint64_t created_ns;
    uint64_t count;          /* atomic: cycles completed */
    uint64_t forced_count;   /* atomic */
    uint64_t cpu_ns;         /* atomic: processor time spent in cycles */
    uint64_t pause_total_ns; /* atomic */
    uint64_t pause_max_ns;   /* atomic */
    uint64_t last_end_ns;    /* atomic */
};

/* Atomic counters, written by many. */
struct heap_counters {
    uint64_t live_bytes;      /* marked by the last cycle plus handed to runs since */
    uint64_t trigger_bytes;   /* a cycle starts when live_bytes reaches it. Written under GOAL */
    uint64_t goal_bytes;      /* written under GOAL */
    uint64_t spans;           /* published and not retired */
    uint64_t in_use_pages;    /* in spans */
    uint64_t allocated_bytes; /* by runs that were closed, and large objects, ever */
    uint64_t allocated_objects;
    uint64_t freed_bytes; /* by sweeps */
    uint64_t freed_objects;
    uint64_t slow_paths; /* for gcstress */
};

struct tri_heap {
    uint32_t signature;
    tri_heap_options options; /* written at creation; gc_percent and memory_limit are atomic */
    struct meta_alloc meta;
    struct page_heap page_heap;
    struct type_table types;
    struct mark_state mark;
    struct sweep_state sweep;
    struct cycle_state cycle;
    struct heap_counters counters;
};

struct tri_mutator {
    struct tri_mutator_head_ head; /* what the inline fast paths read; first */
    uint32_t signature;            /* MUTATOR_SIGNATURE while attached, then MUTATOR_DETACHED */
    struct tri_heap *heap;         /* written at creation */
    struct thread_cache cache;     /* owner; the collector during a hold */
};

#endif
