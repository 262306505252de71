/* heap_state.h -- struct tri_heap and struct tri_mutator: one of each part. */
#ifndef GC_HEAP_STATE_H
#define GC_HEAP_STATE_H

#include <trillium/finalize.h>
#include <trillium/heap.h>

#include "gc/address_map.h"
#include "gc/cpu_limit.h"
#include "gc/finalized_bits.h"
#include "gc/mark_queue.h"
#include "gc/pacer.h"
#include "gc/page_heap.h"
#include "gc/scan_kernel.h"
#include "gc/scavenge_pace.h"
#include "gc/stall.h"
#include "gc/thread_cache.h"
#include "gc/type.h"

#define HEAP_SIGNATURE    UINT32_C(0x48454150) /* "HEAP" */
#define MUTATOR_SIGNATURE UINT32_C(0x4d555441) /* "MUTA" */
#define MUTATOR_DETACHED  UINT32_C(0x64656164) /* "dead" */

/* References that a marker has met and not looked at yet, as offsets from the heap's base: those
 * that are being collected, and a batch that came before, for which the processor fetches what it
 * takes to look at them. */
struct pending_references {
    size_t offsets[2][MARK_PREFETCH_REFERENCES];
    uint32_t count[2];
    uint32_t collecting; /* 0 or 1: the other one is the batch before */
    page_index near;     /* the page of the object that is being scanned: what lies there is at
                            hand */
};

/* Grey objects: those that are queued singly, and spans. */
struct grey_work {
    struct mark_stack stack;
    struct mark_queue queue;
};

/* What one thread marks with, a marker thread or a mutator. Also what the host knows as a
 * tri_visitor. */
struct CACHE_APART marker {
    /* Written before marking, read by its thread: copies that spare the marker a walk through the
     * heap. */
    struct tri_heap *heap;
    const struct span_table *spans;
    uintptr_t base;          /* of the address space */
    size_t bytes;            /* of it that are in use: addresses beyond are in no span */
    enum scan_kernel kernel; /* what it scans objects of many words with */
    uint32_t chain_work;     /* objects, and spans, below which it follows chains */
    bool alone;              /* no other thread marks: bits are set without atomic operations */
    bool check_dead;         /* a precise reference to a free slot ends the process (gcverify=1) */
    bool conservative;       /* the words just looked at are candidates, not references */
    bool at_safepoint;       /* no mutator runs beside it: objects of safepoint-only types may be
                          traced */
    bool of_mutator;         /* it is a mutator's, which shades nothing once marking has ended; see
                          weak_word.h */
    bool discovers; /* it notes the weak containers that it meets; the others, which check and
                          record, do not, and take what a container holds for strong */
    /* Written by its thread: in the last span many objects were reached, from its end to its begin.
     * The processor fetches nothing ahead by itself there; see scan_span.c. */
    bool goes_back;
    uint32_t dense_looks; /* so many more are not worth a kernel, see SCAN_DENSE_LOOKS */
    /* NULL, or called with the address of each object that is found, instead of shading it. */
    void (*found)(struct marker *marker, uintptr_t address);
    /* NULL, or for one that marks alone (gccheckmark=1): whether that bit of a span's mark word
     * shall stay clear. */
    bool (*refuses)(const struct marker *marker, const uint64_t *word, uint64_t mask);

    struct pending_references *pending; /* NULL: each reference is looked at when it is met */

    /* Written by its thread. Added to mark_state now and then, and zero again. */
    uint64_t marked_bytes;
    uint64_t marked_objects;
    uint64_t scanned_bytes;
    uint64_t clock_ns; /* its thread's processor time when that was last counted */
    uint64_t waits;    /* entries of ephemerons that it has let wait for their keys; not added */

    /* Others look at these. */
    struct mark_stack stack CACHE_APART; /* grey objects that are queued singly */
    struct mark_stack later;             /* grey objects of safepoint-only types that it has met */
    struct mark_stack weak;              /* weak containers that it has scanned */
    struct mark_queue queue;             /* spans with grey objects */

    /* See mark_home.c. Its thread's. */
    struct grey_work *away; /* CENTRAL_SHARDS of them: what goes to others' homes with the next
                               publish; NULL: it never sends any */
    bool sends;             /* what is at home elsewhere goes there */
    uint32_t home;          /* its mutator's, as span.home; 0: it is no mutator's */
};

/* Grey work for the mutators of one shard of central lists, who have allocated it; of stack and
 * queue the shared halves only. Anyone may put and take. */
struct CACHE_APART mark_home {
    struct grey_work grey;
    uint32_t present; /* atomic: of the cycle in which one of them has answered roots itself, the
                         lower half of the number */
};

struct mark_state {
    enum scan_kernel kernel; /* written at creation */
    struct segment_pool segments;
    struct mark_stack pool;  /* grey objects that mutators, and markers that were told to stop, have
                               given up; its shared half only */
    struct mark_queue queue; /* as pool: spans with grey objects */
    struct mark_home homes[CENTRAL_SHARDS];
    struct grey_work away[CENTRAL_SHARDS]; /* marker 0's */
    struct mark_stack recorded; /* addresses that mutators' barriers have recorded and handed over;
                                   its shared half only */
    int32_t recorded_count;     /* atomic: segments on it */
    struct mark_stack later;    /* grey objects of safepoint-only types, for the heap's mutator to
                                 trace; pushed by all, its shared half only, popped by who answers
                                 for it */
    struct mark_stack traced;   /* those that it has traced in this cycle. Who answers for it */
    uint32_t generation;        /* that of the spans whose marks are being set. Written before
                               marking */
    uint32_t count;             /* markers that take part; written before marking */
    uint32_t idle;              /* atomic: markers without work */
    uint32_t started;           /* atomic: markers that have begun */
    uint32_t overflow; /* atomic: a grey object could not be queued and must be found in its
                               span again */
    uint32_t is_void;  /* atomic: something that should have been shaded is not known any more:
                               this cycle frees nothing */
    uint32_t hungry;   /* atomic: an assist has found nothing to take */
    uint32_t waits;    /* atomic: how often, in this cycle, a step has left homes to their
                          mutators */
    uint32_t stop;     /* atomic: markers shall give up their work and return */

    /* Of this cycle. Atomic. */
    uint64_t marked_bytes;
    uint64_t marked_objects;
    uint64_t scanned_bytes;
    uint64_t cpu_ns;        /* of marker threads */
    uint64_t assist_cpu_ns; /* of mutators */
    uint64_t idle_cpu_ns;   /* of marker threads, those that work on processors that would idle */
    uint64_t stack_bytes;   /* looked at on mutators' stacks */
    uint64_t global_bytes;  /* looked at in global slots and handles */
    int64_t credit;         /* scanned bytes that assists may take as done by the markers */
    uint64_t work_per_kib;  /* bytes of scanning that are owed for each KiB of allocation; written
                               under GOAL */
    uint32_t by_right;      /* markers below this number have a processor's time by right, the
                               others what would idle. Written before marking */
    struct marker markers[MARKERS_MAX];
};

/* What all read lies apart from what sweepers write. */
struct sweep_state {
    CACHE_APART uint32_t generation; /* atomic; written with CYCLE held, while no marker is at work.
                                        A span whose sweep_gen differs is unswept */
    bool keep_all;       /* what is white was not proven to be garbage: it stays. Written with the
                            generation */
    uint64_t due_kib;    /* atomic: spans to be swept for each KiB that is allocated, in units of
                            1 / SWEEP_PACE_ONE. Written under GOAL */
    uint64_t pace_live;  /* atomic: live and spans[] of the unswept generation when due_kib was
                            computed. Written under GOAL */
    uint64_t pace_spans; /* atomic */
    uint64_t pace_pages; /* atomic: pages in spans then. For the log */

    CACHE_APART uint64_t cursor; /* atomic: a generation, and below it the number of the list below
                                    which no list has an unswept span of that generation any more */
    uint64_t spans[2]; /* atomic: spans by the lowest bit of their sweep_gen; those being swept
                          count as unswept */
    uint32_t visitors; /* atomic: threads without a mutator that are sweeping; SWEEP_CLOSED: none
                          may begin */
};

/* Figures of one cycle; see docs/reading-the-log.md. Times in nanoseconds. */
struct cycle_figures {
    uint64_t number;
    bool forced;
    uint64_t start_ns;       /* since the heap was created */
    uint64_t begin_stall_ns; /* the longest stall that handshakes arm, settle and roots put on one
                                mutator; held: from asking to all mutators held */
    uint64_t mark_ns;        /* from the begin of handshake arm to the end of marking */
    uint64_t end_stall_ns;   /* as begin_stall_ns, of flush, disarm and release; held: from the end
                                of marking to the release */
    uint64_t mark_cpu_ns;    /* processor time of all markers */
    uint64_t assist_cpu_ns;  /* of which in assists */
    uint64_t idle_cpu_ns;    /* of which on processors that would have been idle */
    uint64_t heap_before;    /* heap_live at the start */
    uint64_t heap_after;     /* heap_live at the end of marking */
    uint64_t marked_bytes;   /* what was allocated while marking included */
    uint64_t marked_objects; /* reached by markers */
    uint64_t scanned_bytes;
    uint64_t goal;
    uint64_t stack_bytes;
    uint64_t global_bytes;
    uint64_t external_bytes; /* at the end of marking; in heap_before, heap_after and goal */
    uint32_t rounds;         /* of handshake flush */
    uint32_t processors;
    double utilization; /* the collector's share of all processors' time since the heap was
                           created */
};

/* Clocks that the CPU limiter goes by. */
struct cpu_readings {
    uint64_t process_ns; /* processor time of the process */
    uint64_t gc_ns;      /* see cycle_state */
    uint64_t idle_ns;
    uint64_t waited_ns;
};

/* CYCLE_IDLE -> SWEEP -> ARM -> SETTLE -> ROOTS -> MARK -> FLUSH -> WEAK -> DISARM -> RELEASE ->
 * IDLE, and from FLUSH back to MARK where grey was found. */
enum cycle_phase {
    CYCLE_IDLE = 0,
    CYCLE_SWEEP, /* what the last cycle has left unswept is swept */
    CYCLE_ARM,   /* these are under way: handshakes of the same names */
    CYCLE_SETTLE,
    CYCLE_ROOTS,
    CYCLE_MARK, /* grey work is drained */
    CYCLE_FLUSH,
    CYCLE_WEAK, /* marking has ended; weak references to what is white are cleared */
    CYCLE_DISARM,
    CYCLE_RELEASE, /* sweeping has begun */
};

/* Guarded by CYCLE, but for what is marked atomic. */
struct cycle_state {
    struct lock lock;      /* CYCLE: one thread at a time takes a step */
    struct lock goal_lock; /* GOAL: one thread at a time computes the goal; guards pacer */
    struct pacer pacer;
    struct cycle_figures last;
    struct cycle_figures now; /* of the cycle under way */
    uint32_t phase;           /* atomic; written with CYCLE held */
    uint32_t quiet_rounds;    /* of handshake flush, in succession */
    uint64_t phase_ns;        /* when handshake arm began */
    uint64_t created_ns;      /* written at creation */
    bool unhurried;           /* the cycle under way was begun for its time only */
    uint32_t urgent;          /* atomic: threads that wait for a forced cycle */
    uint32_t drivers;         /* atomic: threads in cycle_collect */
    uint32_t by_mutators;     /* atomic: mutators drive the cycle under way, at their slow paths,
                                 unless a thread does; written with CYCLE held */
    uint32_t pauses;          /* atomic: threads that want CYCLE between two steps */
    uint32_t abandoned;       /* atomic: the heap is about to end */
    uint32_t round_grey; /* atomic: since the last verdict a mutator has answered, or left, that had
                            made grey */
    struct cpu_limit cpu_limit;         /* guarded by GOAL */
    struct cpu_readings limit_readings; /* at its last update; guarded by GOAL */
    uint64_t limit_now_ns;              /* when that was; guarded by GOAL */
    uint32_t limited;                   /* atomic: the limiter is on; written under GOAL */
    uint32_t is_short;       /* atomic: processor time is short, see cpu_limit.h; written under
                                  GOAL */
    uint64_t limited_ns;     /* atomic: for how long; written under GOAL */
    uint32_t pressure;       /* atomic: bits of tri_pressure_kind that the host is to be told */
    uint64_t gc_cpu_ns;      /* atomic: processor time of markers by right and of assists, ever */
    uint64_t gc_idle_cpu_ns; /* atomic: of markers on processors that would have idled */
    uint64_t waited_ns;      /* atomic: for how long mutators have slept for want of memory */
    uint64_t begin_stall_ns; /* atomic: see cycle_figures */
    uint64_t end_stall_ns;   /* atomic */
    uint64_t count;          /* atomic: cycles completed */
    uint64_t forced_count;   /* atomic */
    uint64_t cpu_ns;         /* atomic: processor time spent in cycles */
    uint64_t pause_total_ns; /* atomic */
    uint64_t pause_max_ns;   /* atomic */
    uint64_t last_end_ns;    /* atomic */
};

/* Segments at the root of the tree of keys, enough for the largest heap. */
#define KEY_TREE_ROOTS                                                                             \
    (ADDRESS_SPACE_MAX_BYTES / PAGE_BYTES / MARK_SEGMENT_ENTRIES / MARK_SEGMENT_ENTRIES + 1)

/* Weak references: see weak_word.h and weak.c. */
struct weak_state {
    /* What a cleared slot, and one that the weak phase hides for a while, refer to: words that no
     * host stores, since they refer into the collector's own memory. Nobody reads these. */
    CACHE_ALIGNED uint64_t gone[8];
    uint64_t hidden[8];
    uint32_t word;           /* atomic: WEAK_DISTURBED, WEAK_ENDED */
    struct mark_stack found; /* weak containers that were scanned in this cycle, for the weak phase
                                to look through; its shared half only */
    struct marker rescuer;   /* marks in the weak phase, when nobody else does. Its stacks are empty
                                at other times. CYCLE held */
    uintptr_t keys[KEY_TREE_ROOTS]; /* atomic: see ephemeron.c. All 0 between cycles */
    struct mark_segment *waiting;   /* atomic: segments of waiting entries, the newest first */
    uint64_t empty_bytes; /* of entries of weak tables that hold nothing, by the weak phase. CYCLE
                             held */
    uint32_t stage;       /* enum weak_stage: what the weak phase is at. CYCLE held */
    struct mark_segment *cursor;      /* in waiting. CYCLE held */
    tri_type *types[WEAK_KIND_COUNT]; /* atomic: the types of weak containers; NULL: none was made
                                         yet */
    tri_type *table_type;             /* atomic: that of weak tables; as above */
};

/* See weak_hook.c. Guarded by HOOKS. */
struct weak_hook_state {
    struct lock lock;
    struct fixed_pool pool; /* of struct tri_weak_hook */
    struct tri_weak_hook *first;
    bool checks; /* hooks are called to see that they have left nothing: written and read in a hold,
                    by one thread */
};

/* For barrierverify=1. A slot and its shadow are guarded by the slot's stripe, other fields by
 * stripes[0], or they belong to the check of the held heap. */
struct barrier_verify_state {
    struct side_table shadow; /* its entries are pages; extended under PAGES */
    size_t bytes;             /* atomic: those of it that can be accessed; written under PAGES */
    struct lock stripes[SHADOW_STRIPES];
    struct mark_stack written; /* objects whose stores the host has announced or reported */
    bool forgot;               /* one of these could not be noted */
    uint32_t is_void;          /* atomic: the shadow could not grow with the heap */
    bool accepting;            /* the check under way takes what it finds for right */
};

/* See free_later.c. */
struct free_later_state {
    struct fixed_pool pool;
    struct free_later_block *blocks; /* atomic: the newest first */
};

/* See pool.c. Guarded by POOLS. */
struct pool_state {
    struct lock lock;
    struct fixed_pool records;        /* of struct tri_pool */
    struct fixed_pool batches;        /* of struct pool_batch */
    struct tri_pool *first;           /* all that were not destroyed */
    uint64_t numbers[POOLS_MAX / 64]; /* those that are taken */
};

/* What a finalizer or cleanup that is attached, or waits to be run, is at the moment. */
enum attachment_state {
    ATTACHMENT_FREE = 0,
    ATTACHMENT_ORDERED,   /* a finalizer, attached */
    ATTACHMENT_UNORDERED, /* the same, without regard to others */
    ATTACHMENT_CHOSEN,    /* a finalizer that waits as soon as all it leads to is marked */
    ATTACHMENT_CLEANUP,
    ATTACHMENT_REF_CLEANUP, /* its argument is a reference */
    ATTACHMENT_WAITING,     /* a finalizer, to be run */
    ATTACHMENT_WAITING_CLEANUP,
    ATTACHMENT_WAITING_REF_CLEANUP,
    ATTACHMENT_STOPPED /* a cleanup that would wait, had the host not stopped it */
};

/* One of them. Guarded by FINALIZER, but for what is marked atomic; those of dead objects belong to
 * who drives the cycle. */
struct attachment {
    struct map_link link; /* finalizers are found by their object */
    uint32_t state;       /* atomic; enum attachment_state. Released when the others are written */
    uintptr_t object;     /* atomic */
    uintptr_t argument;   /* atomic: it may be a root */
    union {
        tri_finalizer_function *finalizer;
        tri_cleanup_function *cleanup;
    } function;
    uint32_t serial;  /* atomic: changes with each use of the record */
    uint32_t next;    /* the next one that is free, or waits, or that the cycle looks at, plus 1 */
    uint64_t order;   /* what was attached earlier has a lower one */
    uint32_t suspect; /* the lower half of the number of the cycle that found its object to be on a
                         circle; the cycle's, as those below */
    uint32_t component; /* of the dead graph; 0: none */
    bool is_reported;   /* checkfinalizers=1 has told of it */
    bool is_apart;      /* its object is on a circle, which those that suspects lead to do not
                         reach */
    bool has_left;      /* its turn has let ephemerons wait for their keys, which may be marked
                         later */
};

/* See dead_graph.c. Of the arrays as much is in use as the counts say. */
struct dead_graph {
    struct growing_array nodes; /* struct dead_node */
    struct address_map by_entry;
    struct growing_array edges;  /* uintptr_t: slots that are still to be looked at */
    struct growing_array path;   /* struct dead_step: from a root to where the search has come */
    struct growing_array open;   /* uint32_t: nodes whose component is not known yet */
    struct growing_array order;  /* uint32_t: the others, component by component */
    struct growing_array firsts; /* uint32_t: of each component the node that was found first */
    uint32_t node_count;
    uint32_t edge_count;
    uint32_t path_count;
    uint32_t open_count;
    uint32_t order_count;
    uint32_t component_count;
    bool living; /* living objects are looked at, too */
};

/* See finalizer.c. Guarded by FINALIZER, but for what is marked atomic. */
struct finalizer_state {
    struct lock lock;
    struct growing_array attachments; /* struct attachment */
    struct finalized_spans spans;
    struct address_map by_object; /* attachments that are finalizers, and do not wait */
    uint32_t free_attachment;     /* plus 1, as all below; 0: none */
    uint32_t free_span;
    uint32_t first_waiting; /* attachments, in the order in which they are run */
    uint32_t last_waiting;
    uint32_t first_ready; /* spans with objects that wait */
    uint64_t order;       /* of the next attachment */

    /* The cycle's. */
    uint32_t first_dead; /* ordered finalizers whose objects it has found dead */
    uint32_t first_dead_unordered;
    uint32_t step;       /* of finalizer_resolve, or of finalizer_sweep */
    uint32_t next;       /* the record that is next in it */
    bool step_has_begun; /* else next is to be set */
    bool has_turn;       /* next is in the middle of its turn */
    uint64_t turn_waits; /* how many entries had waited for keys before that */
    struct dead_graph graph;

    /* Atomic. */
    uint64_t waiting;           /* calls that wait to be made */
    uint64_t finalizers_queued; /* ever */
    uint64_t finalizers_run;
    uint64_t cleanups_queued;
    uint64_t cleanups_run;
    uint64_t attached; /* finalizers and cleanups of objects that are not known to be dead */
};

/* The cold half of a region's cursor. All zero: no span. */
struct region_bin {
    struct span *span;  /* NULL: none */
    char *end;          /* of its slots; the cursor's limit may lie before it, see region.c */
    uint32_t next_open; /* the next bin that has a span, plus 1; 0: none */
};

/* Cursors follow at MUTATOR_CURSORS_OFFSET, then bins. Its mapping lasts as long as the heap. */
struct tri_region {
    uint32_t signature;          /* written once */
    uint32_t is_freed;           /* atomic: the host has freed it; its spans may still be there */
    uint32_t number;             /* written once: its place in the table, not 0 */
    struct tri_heap *heap;       /* written once */
    struct tri_mutator *mutator; /* atomic: the one that allocates, or NULL. Written under
                                    REGIONS */

    /* Guarded by REGIONS. */
    struct tri_region *next; /* on the list that has it */
    struct tri_region *previous;
    struct tri_region *next_own; /* among those of its mutator */
    struct tri_region *previous_own;
    page_index spans; /* the newest, the others follow by span.next; PAGE_NONE: none */

    /* Of who allocates, of who acts for that one, of who frees the region. */
    uint32_t first_open; /* number of a bin that has a span, plus 1; 0: none */
    uint64_t objects;    /* that were counted as allocated */
    uint64_t bytes;      /* of them */
    uint64_t charged;    /* of its spans' slots: what counts as live */
};

struct region_queue {
    struct tri_region *first; /* atomic */
    struct tri_region *last;
};

/* See region.c. Guarded by REGIONS, but for what is marked atomic. */
struct region_state {
    struct lock lock;           /* REGIONS */
    struct side_table table;    /* pointers to all regions, by number; [0] is NULL */
    uint32_t numbers;           /* atomic: entries that it has; 0: it is not created */
    struct tri_region *live;    /* those whose objects a cycle scans */
    size_t freed;               /* of them, those that the host has freed meanwhile */
    struct region_queue ending; /* those that have spans to be given back */
    struct region_queue unused; /* those without anything, for later ones */
    size_t unused_count;
    uint64_t count;        /* atomic: regions that the host has */
    page_index fenced;     /* the oldest span of SPAN_FENCED, the others follow by next; PAGE_NONE:
                              none */
    page_index fenced_end; /* the newest */
    size_t fenced_bytes;
};

/* See give_back.c. Atomic; in bytes. */
struct give_back_state {
    uint64_t last_in_use;  /* in spans when the last cycle's marking ended; written with CYCLE
                              held, as last_goal */
    uint64_t last_goal;    /* the goal of that cycle; 0: there was none */
    uint64_t recent;       /* what cycles of late had in use, of peak; written as last_in_use */
    uint64_t percent_goal; /* of heap memory to be kept; written with GOAL held, as limit_goal */
    uint64_t limit_goal;   /* of all memory to be kept */
    uint64_t reported[SCAVENGE_REASONS]; /* atomic: bytes given back by the last report */
    struct scavenge_peak peak;           /* guarded by CYCLE */
};

/* Atomic counters. What allocation writes, what it only reads, and what sweeping writes lie apart,
 * so that none takes the others' line from a processor that is about to use it. */
struct heap_counters {
    /* Written by all who allocate. */
    CACHE_APART uint64_t live_bytes; /* marked by the last cycle plus handed to runs since, but for
                                        black_bytes */
    uint64_t black_bytes;     /* handed to runs by mutators that allocate black; added to live_bytes
                                 when all have answered release */
    uint64_t scannable_bytes; /* scanned by the last cycle, plus allocated since in spans that are
                                 scanned; stands still while a cycle marks */
    uint64_t allocated_bytes; /* by runs that were closed, and large objects, ever */
    uint64_t allocated_objects;
    int32_t allocating; /* mutators that were charged something since a cycle last ended, and have
                           not detached. A hint: it may miss some */

    /* Written rarely, and those without a remark under GOAL; read by all. */
    CACHE_APART uint64_t trigger_bytes; /* a cycle starts when counters_live reaches it */
    uint64_t goal_bytes;
    uint64_t external_bytes; /* held outside of the heap by what is in it; see
                                tri_external_adjust. Part of what the pacer calls live. By any
                                thread */
    uint64_t region_bytes;   /* of slots in spans of regions, which all live. Part of that, too. By
                                who allocates in one, a span at a time, or frees one */
    uint64_t charge_bytes;   /* a mutator charges what it has allocated when it comes to this */
    uint32_t goal_by_limit;  /* the memory limit is what sets the goal */
    uint32_t far_over_limit; /* memory_bytes is past the limit by more than LIMIT_OVERSHOOT_PART */
    uint64_t memory_bytes;   /* what counts toward the memory limit, when the goal was last
                                computed */

    /* Written by all who sweep. */
    CACHE_APART uint64_t spans; /* published and not retired */
    uint64_t freed_bytes;       /* by sweeps */
    uint64_t freed_objects;

    uint64_t slow_paths; /* of allocations, for gcstress */
};

/* Live by the last cycle, plus allocated since, plus regions and external memory: what the pacer
 * goes by. */
static inline uint64_t counters_live(const struct heap_counters *counters)
{
    return load_relaxed(&counters->live_bytes) + load_relaxed(&counters->black_bytes) +
           load_relaxed(&counters->region_bytes) + load_relaxed(&counters->external_bytes);
}

struct tri_heap {
    uint32_t signature;
    tri_heap_options options; /* written at creation; gc_percent is atomic, memory_limit and its
                                 percentage as well, and written under GOAL */
    struct meta_alloc meta;
    struct page_heap page_heap;
    struct type_table types;
    struct mark_state mark;
    struct sweep_state sweep;
    struct cycle_state cycle;
    struct heap_counters counters;
    struct give_back_state give_back;
    struct stall_state stalls;
    struct barrier_verify_state barrier_verify;
    struct free_later_state free_later;
    struct pool_state pools;
    struct weak_state weak;
    struct weak_hook_state weak_hooks;
    struct finalizer_state finalizers;
    struct region_state regions;
    uint32_t attached;      /* atomic: mutators that have attached, and not begun to detach */
    uint32_t mutators_ever; /* atomic: mutators that were made */
};

/* Whether mutators take the cycle that is under way on by themselves, at their slow paths. */
static inline bool heap_is_self_driven(const struct tri_heap *heap)
{
    return load_relaxed(&heap->cycle.by_mutators) != 0 && load_relaxed(&heap->cycle.drivers) == 0;
}

/* Slots of a region's span below this are objects, or headers that say there is none. Any
 * thread. */
static inline uint32_t region_object_slots(const struct span *span)
{
    /* acquire: pairs with the release in count_objects of region.c */
    return load_acquire(&span->search);
}

/* The region of span, whose state was SPAN_REGION a moment ago; NULL where it has left that. If it
 * is another span by now, any region. Any thread. */
static inline struct tri_region *region_of(const struct tri_heap *heap, const struct span *span)
{
    const struct region_state *state = &heap->regions;
    uint32_t number = load_relaxed(&span->run);
    /* acquire: pairs with the release in enter_region of region.c [region.7] */
    if (number >= load_acquire(&state->numbers)) {
        return NULL;
    }
    return *(struct tri_region *const *)side_table_at(&state->table, number);
}

/* Whether span, as in region_of, belongs to a region that was not freed. Any thread. */
static inline bool region_is_alive(const struct tri_heap *heap, const struct span *span)
{
    const struct tri_region *region = region_of(heap, span);
    /* acquire: pairs with the release in region_free */
    return region != NULL && load_acquire(&region->is_freed) == 0;
}

struct tri_mutator {
    struct tri_mutator_head_ head; /* what the inline fast paths read; first */
    uint32_t signature;            /* MUTATOR_SIGNATURE while attached, then MUTATOR_DETACHED */
    struct tri_heap *heap;         /* written at creation */

    /* The owner's; the collector's while it acts for a blocked one. */
    struct thread_cache cache;
    struct marker marker;                  /* what it shades and assists with */
    struct grey_work away[CENTRAL_SHARDS]; /* its marker's */
    struct mark_stack recorded;   /* addresses: what its barrier has seen since it handed over or
                                     answered */
    struct mark_stack remembered; /* objects to be scanned, or scanned again, at its next answer */
    size_t remembered_count;
    int64_t assist_debt;           /* bytes it has to scan for what it has allocated */
    size_t uncharged;              /* bytes that its cache has handed out and that the heap has not
                                   been charged for */
    size_t uncharged_scannable;    /* of them, those of spans that are scanned */
    uint64_t seen_live;            /* live_bytes and black_bytes when the heap was charged last */
    uint32_t allocated_in;         /* the cycles that had ended when it was last charged something,
                                      the lower half of their number; UINT32_MAX: never */
    bool made_grey;                /* it has, since its last answer */
    struct tri_pool_slots_ *pools; /* those in which it has room */
    struct tri_region *regions;    /* atomic: those that it allocates in. Written under REGIONS */
};

#endif
