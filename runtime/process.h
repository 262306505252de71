/* process.h -- what a heap and a mutator are to the process: struct process_heap and struct
 * process_mutator. No functions but the conversions.
 */
#ifndef RUNTIME_PROCESS_H
#define RUNTIME_PROCESS_H

#include <trillium/roots.h>

#include "gc/heap_state.h"
#include "runtime/thread.h"

/* Edges, with who takes them:
 *
 *     RUNNING --blocking_begin, its own thread--------------------> BLOCKED
 *     BLOCKED --blocking_end, a thread it is or becomes bound to--> RUNNING
 *     BLOCKED --handshake, the collector-------------------------> TAKEN
 *     TAKEN   --handshake, the collector-------------------------> BLOCKED
 *     TAKEN   --handshake, the collector, for a thread that waits-> RUNNING
 */
enum mutator_state {
    MUTATOR_RUNNING = 1,
    MUTATOR_BLOCKED = 2, /* promises not to touch the heap; the collector may take it */
    MUTATOR_TAKEN = 3    /* the collector acts for it, or holds it */
};

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
    uint64_t answered; /* number of the last handshake that it answered, or that was answered for
                          it */
    bool waiting;      /* its thread sleeps in handshake_unblock */

    uint32_t state;   /* atomic; enum mutator_state, see above */
    uintptr_t thread; /* atomic: port_thread_id of the thread it is bound to; 0: parked */

    /* Its own thread; read by the collector while it has taken the mutator. */
    tri_roots_function *scanner;
    void *scanner_argument;
    bool scan_c_stack;
    bool holds; /* from tri_debug_hold to tri_debug_release, which it called */
    struct stack_extent stack;
};
_Static_assert(sizeof(struct process_mutator) <= MUTATOR_CURSORS_OFFSET, "cursors lie behind");

/* Handshakes; see handshake.c. Guarded by HANDSHAKE. */
struct handshake_state {
    struct lock lock;
    struct condition changed;         /* a mutator was added, removed, blocked, taken or let go */
    struct process_mutator *mutators; /* all that are attached */
    struct process_mutator *unused;   /* detached ones, whose mappings are used again */
    size_t mutator_count;
    size_t attaching; /* threads that sleep in handshake_add */
    uint64_t number;  /* of the last handshake */
    bool holding;     /* from port_hold_begin to port_hold_end */
};

struct tri_handle {
    uint32_t signature;
    struct tri_handle *next;
    struct tri_handle *previous;
    uintptr_t reference; /* atomic; a global slot like any other */
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
    struct fixed_pool handle_pool;
    struct fixed_pool global_pool;
    struct tri_handle *handles;
    struct global_range *globals;
    size_t handle_count;
};

/* What a marker thread needs to find its heap and its number. */
struct worker_start {
    struct process_heap *heap;
    unsigned index;
};

/* Threads of the heap's own. Guarded by MARK (markers) and SWEEP (sweeper). */
struct workers_state {
    struct lock lock;         /* MARK */
    struct condition changed; /* a job begins, a worker has ended its part, or all shall stop */
    pthread_t threads[MARKERS_MAX];
    struct worker_start starts[MARKERS_MAX]; /* each written before its thread starts */
    unsigned thread_count;
    bool stopping;
    uint64_t job; /* its number; 0: none yet */
    unsigned job_count;
    unsigned job_running; /* workers that have not ended their part */
    void (*job_function)(void *argument, unsigned index);
    void *job_argument;

    struct lock sweep_lock; /* SWEEP */
    struct condition sweep_changed;
    pthread_t sweeper;
    bool sweeper_started;
    bool sweep_wanted;
    bool sweep_stopping;
};

struct process_heap {
    struct tri_heap heap; /* first */
    struct handshake_state handshake;
    struct roots_state roots;
    struct workers_state workers;
    struct lock log_lock; /* LOG */
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
