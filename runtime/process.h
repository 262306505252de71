/* process.h -- what a heap and a mutator are to the process: struct process_heap and struct
 * process_mutator. No functions but the conversions.
 */
#ifndef RUNTIME_PROCESS_H
#define RUNTIME_PROCESS_H

#include <trillium/stack.h>

#include "gc/heap_state.h"
#include "runtime/thread.h"

/* Edges, with who takes them:
 *
 *     RUNNING --blocking_begin, its own thread--------------------> BLOCKED
 *     BLOCKED --blocking_end, a thread it is or becomes bound to--> RUNNING
 *     BLOCKED --handshake, hold: the collector-------------------> TAKEN
 *     TAKEN   --handshake, hold: the collector-------------------> BLOCKED
 *     TAKEN   --hold: the collector, for a thread that waits------> RUNNING
 */
enum mutator_state {
    MUTATOR_RUNNING = 1,
    MUTATOR_BLOCKED = 2, /* promises not to touch the heap; the collector may take it */
    MUTATOR_TAKEN = 3    /* the collector acts for it, or holds it */
};

/* Bits of a mutator's poll word: what is wanted of it. */
#define POLL_HANDSHAKE UINT32_C(1)
#define POLL_HOLD      UINT32_C(2)

/* Bit of a mutator's region: it keeps something that it can give back. Cleared by whoever acts for
 * it. */
#define REGION_KEEPS UINT32_C(1)

/* Words of registers and of the collector's own frames that a blocked thread's extent keeps a copy
 * of. */
#define STACK_COPY_WORDS 320

/* Where a thread's conservative roots are. Written by the mutator's thread before it becomes
 * blocked, read by whoever takes it. */
struct stack_extent {
    const char *top;    /* the end from which the stack grows; NULL: not scanned */
    const char *bottom; /* the frame of the entry point: what lies above stays as it is */
    size_t copy_count;
    uintptr_t copy[STACK_COPY_WORDS]; /* what lay below, and a little above, when it was
                                         published */
    void *fake_stack;                 /* AddressSanitizer's, NULL without one */
};

struct process_mutator {
    struct tri_mutator mutator; /* first */
    struct thread_binding binding;

    /* Guarded by HANDSHAKE. */
    struct process_mutator *next;
    struct process_mutator *previous;
    uint64_t answered;    /* number of the last handshake that it answered, or that was answered for
                          it */
    bool waiting;         /* its thread sleeps in handshake_unblock */
    bool held;            /* taken for the hold under way */
    uint32_t region_seen; /* by the last look of idle.c */

    uint32_t state;   /* atomic; enum mutator_state, see above */
    uintptr_t thread; /* atomic: port_thread_id of the thread it is bound to; 0: parked */

    uint32_t region; /* atomic: the number of its blocking region, and REGION_KEEPS; see idle.c.
                        Written by its own thread before it becomes blocked */

    /* Its own thread; read by the collector while it has taken the mutator. */
    tri_roots_function *scanner;
    void *scanner_argument;
    bool scan_c_stack;
    bool holds;   /* from tri_debug_hold to tri_debug_release, which it called */
    bool listing; /* its thread has the list of heaps, or waits for it: it was blocked for that */
    struct stack_extent stack;
    struct tri_stack *current;     /* NULL: none */
    struct tri_frame_ *own_frames; /* those opened while no stack was current; saved while one is */
};
_Static_assert(sizeof(struct process_mutator) <= MUTATOR_CURSORS_OFFSET, "cursors lie behind");

/* Handshakes; see handshake.c. Guarded by HANDSHAKE. */
struct handshake_state {
    struct lock lock;
    struct condition changed;         /* a mutator was added, removed, blocked, taken or let go, or
                                         all have answered */
    struct process_mutator *mutators; /* all that are attached */
    struct process_mutator *unused;   /* detached ones, whose mappings are used again */
    size_t mutator_count;
    size_t attaching;  /* threads that sleep in handshake_add */
    uint64_t number;   /* of the last handshake */
    uint32_t kind;     /* atomic: enum handshake_kind, of the last handshake. Read by who has not
                         answered it yet */
    size_t pending;    /* mutators that have not answered it */
    uint64_t begun_ns; /* when it began */
    bool holding;      /* from port_hold_begin to port_hold_end */
};

struct tri_handle {
    uintptr_t reference;          /* atomic; a global slot like any other. 0 where it is unused */
    struct tri_handle *next_free; /* guarded by ROOTS */
    uint32_t signature;           /* 0 where it is unused */
};

/* Handles that lie side by side; a page of the system's. Never given back. */
#define HANDLES_OF_BLOCK 170
struct handle_block {
    struct handle_block *next; /* written before others see the block */
    struct tri_handle handles[HANDLES_OF_BLOCK];
};
_Static_assert(sizeof(struct handle_block) <= 4096, "a page");

/* Edges, with who takes them:
 *
 *     PARKED --switch, destroy: a mutator----> CURRENT
 *     CURRENT --switch: its mutator----------> PARKED
 *     PARKED --scan: the collector-----------> SCANNING
 *     SCANNING --scan: the collector---------> PARKED
 */
enum stack_state {
    STACK_PARKED = 1,
    STACK_CURRENT = 2, /* for one mutator */
    STACK_SCANNING = 3
};

/* A coroutine's stack; see stack.c. */
struct tri_stack {
    uint32_t signature;
    uint32_t state; /* atomic; enum stack_state, see above */

    /* Written at creation. */
    struct tri_heap *heap;
    tri_stack_function *function; /* may be NULL */
    void *argument;

    /* Guarded by ROOTS. */
    struct tri_stack *next;
    struct tri_stack *previous;

    /* Of who has it; of whoever acts for its mutator. */
    uint64_t scanned;            /* number of the cycle in which it is black; 0: none */
    struct tri_frame_ *frames;   /* while it is not current */
    struct tri_mutator *mutator; /* the one that they name */
};

/* A range of global slots. */
struct global_range {
    tri_word *slots;
    size_t count;
    struct global_range *next;
};

/* Guarded by ROOTS. */
struct roots_state {
    struct lock lock;
    struct fixed_pool global_pool;
    struct fixed_pool stack_pool;
    struct handle_block *handle_blocks; /* atomic: the newest first */
    struct tri_handle *free_handles;
    struct global_range *globals;
    struct tri_stack *stacks; /* all there are */
    size_t handle_count;

    /* Where the scan of a cycle has come to: it lets go of the lock now and then. Whoever removes
     * what they name moves them on. */
    bool scan_due; /* handshake roots has begun, and the scan has not ended */
    struct global_range *next_range;
    size_t next_slot; /* of next_range */
    struct tri_stack *next_stack;
};

/* What a marker thread needs to find its heap and its number. */
struct worker_start {
    struct process_heap *heap;
    unsigned index;
};

/* Threads of the heap's own. Guarded by MARK (markers) and SWEEP (the other two), but for what is
 * marked atomic. */
struct workers_state {
    struct lock lock;         /* MARK. Mutators never take it: a marker may be off its processor for
                                 long while it has it */
    struct condition changed; /* a job begins, a worker has ended its part, or all shall stop */
    pthread_t threads[MARKERS_MAX];
    pid_t thread_ids[MARKERS_MAX]; /* the system's, by index; each thread enters its own */
    struct worker_start starts[MARKERS_MAX]; /* each written before its thread starts */
    unsigned thread_count;
    bool stopping;
    uint64_t job;  /* its number; 0: none yet */
    bool job_open; /* workers may still begin their part */
    unsigned job_count;
    unsigned job_begun;            /* workers that have begun their part */
    unsigned job_running;          /* workers that have not ended it */
    bool job_working[MARKERS_MAX]; /* which */
    bool job_lowered[MARKERS_MAX]; /* each its own thread's: it is at idle priority while it
                                      marks */
    void (*job_function)(void *argument, unsigned index);
    void *job_argument;
    enum {
        IDLE_UNKNOWN,
        IDLE_WORKS,
        IDLE_IS_FOR_EVER /* a thread may lower itself to idle priority, and then not leave it */
    } idle;              /* whoever runs jobs; what the system allows this process */
    uint32_t urgent;     /* atomic: this job, or the next, is not only for processors that would
                          idle */
    uint32_t ending;     /* atomic: nor is any other job: the process is about to end */
    pid_t process_id;    /* whose threads these are: that of the parent in the child of a fork that
                          the heap does not outlive */
    uint64_t paced_ns;   /* marker 0: its processor time when it last had its share */

    struct lock sweep_lock; /* SWEEP */
    struct condition sweep_changed;
    pthread_t sweeper;
    bool sweeper_started;
    bool sweep_wanted;
    pthread_t collector;
    uint32_t collector_started; /* atomic; written under SWEEP */
    uint32_t cycle_wanted;      /* atomic; written under SWEEP */
    bool watching;              /* the collector's thread watches cycles that mutators drive */
    bool watched_cycle;         /* one was under way at its last look */
    uint64_t watched_count;     /* cycles that had been completed then */
    uint64_t watch_due_ns;      /* when it looks again */
    bool sweep_stopping;        /* both shall stop */
};

/* What the container allows; see container.c. */
struct container_state {
    struct lock lock; /* CONTAINER: one thread at a time reads */
    const char *root; /* where its files are looked for: "", but in tests. Guarded by lock */
    uint64_t read_ns; /* atomic; written under lock: when they were read last */
    uint32_t processors_thousandths; /* atomic; written under lock */
};

/* See scavenger.c. Guarded by SWEEP. */
struct scavenger_state {
    struct condition changed; /* wanted, or all shall stop */
    pthread_t thread;
    bool started;
    bool wanted;       /* there may be something to give back */
    bool resting;      /* news does not wake it: it looks for itself when it has slept */
    uint64_t resets;   /* atomic: how often its controller has begun anew */
    uint64_t reported; /* atomic: of these, those that the log has told of */
};

/* See idle.c. */
struct idle_state {
    uint32_t watching; /* atomic: somebody looks at due_ns */
    uint64_t due_ns;   /* atomic: when that is; UINT64_MAX: never */
};

/* The thread that runs finalizers; see finalizers.c. Guarded by SWEEP. */
struct finalizers_thread {
    struct condition changed; /* wanted, or it shall stop */
    pthread_t thread;
    bool started;
    bool wanted;       /* there is something to run */
    bool told;         /* the log says that it has no mutator. Its own */
    uint32_t stopping; /* atomic; written with the lock held */
};

struct process_heap {
    struct tri_heap heap; /* first */
    struct handshake_state handshake;
    struct roots_state roots;
    struct workers_state workers;
    struct container_state container;
    struct scavenger_state scavenger;
    struct idle_state idle;
    struct finalizers_thread finalizers;
    struct lock log_lock; /* LOG */

    struct process_heap *next_heap; /* guarded by the lock of heap_list.c */

    /* See fork.c. */
    bool outlives_fork;  /* written once */
    bool sweep_was_open; /* guarded by the lock of heap_list.c */
};

static inline struct process_heap *process_heap_of(const struct tri_heap *heap)
{
    return (struct process_heap *)(uintptr_t)heap;
}

static inline struct process_mutator *process_mutator_of(const struct tri_mutator *mutator)
{
    return (struct process_mutator *)(uintptr_t)mutator;
}

#endif
