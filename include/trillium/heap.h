/**
 * @file heap.h
 * Heaps: create, destroy, collect, limits.
 *
 *     tri_heap_options options;
 *     tri_heap_options_init(&options);        // defaults, then the environment: GOGC, GCTRACE, ...
 *     tri_heap *heap;
 *     if (tri_heap_create(&heap, &options) != TRI_OK) { ... }
 *     ...                                      // attach mutators, declare types, allocate
 *     tri_heap_destroy(heap);
 */
#ifndef TRILLIUM_HEAP_H
#define TRILLIUM_HEAP_H

#include <trillium/type.h>

TRI_BEGIN_DECLS

/** What an out-of-memory handler decides. */
typedef enum tri_oom_action {
    TRI_OOM_ABORT = 0, /**< print the sizes and abort the process */
    TRI_OOM_FAIL = 1,  /**< the allocation returns ::TRI_NULL */
    TRI_OOM_RETRY = 2  /**< the handler has dropped references: collect once more and try again */
} tri_oom_action;

/** What is known when memory is exhausted. All sizes in bytes. */
typedef struct tri_oom_info {
    size_t requested;   /**< what the allocation needed, rounded up as the heap would have */
    size_t heap_live;   /**< live after the collection that came before this call, plus allocated
                             since */
    size_t heap_in_use; /**< in spans that hold at least one object */
    size_t heap_limit;  /**< the heap's address space: the options' max_heap or what the system
                             allowed */
    const char *type_name;
} tri_oom_info;

/**
 * Called when a collection did not free enough for an allocation. It runs on the allocating thread,
 * whose mutator it may use to drop references, not to allocate.
 */
typedef tri_oom_action tri_oom_handler(tri_heap *heap, const tri_oom_info *info, void *argument);

/** Receives one line of the log, without a line end. Called on any thread, never two at a time for
 * one heap. It may run within a collection or with locks of the heap held: it must not call
 * Trillium, nor wait for a thread that does. */
typedef void tri_log_function(const char *line, void *argument);

/** GOGC's "off" for tri_heap_options.gc_percent and ::tri_set_gc_percent. */
#define TRI_GC_PERCENT_OFF (-1)

/** For tri_heap_options.markers. */
#define TRI_MARKERS_AUTO (-1)

/** Which stores the host reports, and when. Chosen per heap; see docs/embedding.md. */
typedef enum tri_barrier {
    /** Every store goes through tri_store or its kin, which record the old value before it is
     * replaced, and the new one while the mutator's stack is not scanned. The default. */
    TRI_BARRIER_HYBRID = 0,
    /** For existing virtual machines that report (object, new value) after the store, by
     * tri_stored or tri_remember, and neither deletions nor stores into fresh objects. Stacks
     * are scanned once in each round of the end of marking instead of once a cycle. */
    TRI_BARRIER_INSERTION = 1
} tri_barrier;

/** The form of GCTRACE's line. */
typedef enum tri_trace_form {
    TRI_TRACE_GO = 0,     /**< that of Go since 1.19. The default */
    TRI_TRACE_GO_1_6 = 1, /**< that of Go 1.6 to 1.18, without stacks and globals, for older
                               tools */
    TRI_TRACE_JSON = 2    /**< a JSON object a line */
} tri_trace_form;

/** What a pressure function is told. */
typedef enum tri_pressure_kind {
    /** A cycle has found more live than the memory limit leaves room for. */
    TRI_PRESSURE_LIMIT_REACHED = 0,
    /** Collecting has taken more than half of the processor time for a while; the limiter lets the
     * heap run past its limit instead of letting the program crawl. */
    TRI_PRESSURE_LIMITER_ON = 1,
    /** The limiter has been switched off again. */
    TRI_PRESSURE_LIMITER_OFF = 2
} tri_pressure_kind;

/** The state of memory at such a moment. Sizes in bytes. */
typedef struct tri_pressure_info {
    tri_pressure_kind kind;
    uint64_t heap_live;   /**< live by the last cycle, plus allocated since */
    uint64_t memory;      /**< what counts toward the limit: heap, metadata, external memory */
    int64_t memory_limit; /**< the limit in force */
    uint64_t limiter_ns;  /**< how long the program has been at work with the limiter on, moments
                               without it included; 0: it is off */
} tri_pressure_info;

/**
 * Told that memory is short, so that a host can drop caches or refuse work. It runs on an
 * allocating thread, at a slow path of allocation, whose mutator it may use to drop references, not
 * to allocate.
 */
typedef void tri_pressure_function(tri_heap *heap, const tri_pressure_info *info, void *argument);

/** What a child of fork() may do with a heap. */
typedef enum tri_fork {
    /** All that its parent could; mutators of threads that the child does not have are detached in
     * it. fork() holds the heap's mutators for a moment. The default. */
    TRI_FORK_FULL = 0,
    /** Nothing but exec or _exit. fork() costs nothing then. */
    TRI_FORK_EXEC = 1
} tri_fork;

/** MEMLIMIT's "off" for tri_heap_options.memory_limit and ::tri_set_memory_limit. */
#define TRI_MEMORY_LIMIT_OFF INT64_MAX

/**
 * How a heap behaves. Always begin with ::tri_heap_options_init; later versions append fields, and
 * `size` tells the library which of them a host knows. Each field that an environment variable also
 * sets is listed in docs/tuning.md.
 */
typedef struct tri_heap_options {
    size_t size;          /**< sizeof(tri_heap_options), set by ::tri_heap_options_init */
    int32_t gc_percent;   /**< GOGC: how much may be allocated before the next cycle, in percent of
                               what is live; 100 */
    int64_t memory_limit; /**< MEMLIMIT: bytes the heap should stay under; ::TRI_MEMORY_LIMIT_OFF */
    int32_t memory_limit_percent; /**< MEMLIMIT=80% or auto, which is 90%: the limit is that part
                                       of the container's, and follows it; 0: memory_limit is the
                                       limit */
    size_t max_heap;       /**< address space for objects; 0: the smaller of 1 TiB and 8 times
                               physical memory */
    size_t heap_minimum;   /**< no cycle begins below this many live bytes times GOGC/100, for each
                               mutator that has allocated since the last cycle, as far as they can
                               run side by side (at most 16); 4 MiB; less than 64 KiB counts as
                               that */
    int32_t markers;       /**< GCMARKERS: threads that mark; ::TRI_MARKERS_AUTO: as many as
                               processors; 0: the library starts no thread at all, and mutators take
                               the cycle on at their allocations and in tri_gc_step */
    double processors;     /**< GCPROCS: processors that the host may use, such as 0.5 or 4; marking
                               has a quarter of their time by right. 0: as many as the affinity
                               mask and the container's quota allow */
    bool background_sweep; /**< sweep on a thread of the library's own, beside allocation;
                                       true */
    bool background_scavenge;     /**< give free memory back to the system on a thread of the
                                       library's own; true */
    bool finalizer_thread;        /**< GCDEBUG=finalizerthread=1: run finalizers and cleanups on a
                                       thread of the library's own, with a mutator of its own;
                                       false: the host calls ::tri_finalizers_run. Not where markers
                                       is 0 */
    uint32_t period_s;            /**< GCPERIOD: a cycle where there was none for so many seconds;
                                       0: an idle process does not collect */
    uint32_t give_up_s;           /**< GCGIVEUP: seconds of work with the CPU limiter on, after
                                       which allocation goes to oom_handler as if memory were
                                       exhausted; and so it does as soon as memory is past the limit
                                       by a 50th while the limiter is on. 0: never */
    int32_t trace;                /**< GCTRACE: 1 prints a line a cycle; 2 adds the stalls of
                                       mutators; 0 */
    tri_trace_form trace_form;    /**< GCTRACE=json, GCDEBUG=gctraceold=1; ::TRI_TRACE_GO */
    bool scavenge_trace;          /**< GCDEBUG=scavtrace=1: a line a cycle on memory given back */
    bool pacer_trace;             /**< GCDEBUG=gcpacertrace=1: the pacer's figures for each cycle */
    bool free_lazily;             /**< GCDEBUG=madvdontneed=0: let the system take given back memory
                                       when it needs it (MADV_FREE), instead of at once; false */
    uint32_t slow_safepoint_us;   /**< GCDEBUG=slowsafepoint=N: with GCTRACE=2, a mutator that takes
                                       longer to come to its safepoint is named; 10000; 0: none
                                       is */
    tri_barrier barrier;          /**< ::TRI_BARRIER_HYBRID */
    tri_encoding value_encoding;  /**< how the host's values are encoded; ::TRI_ENCODING_RAW */
    bool stop_the_world;          /**< GCDEBUG=gcstoptheworld=1: hold all mutators while marking.
                                       See docs/tuning.md */
    bool verify;                  /**< GCDEBUG=gcverify=1: check every structure before and after
                                       each cycle; slow */
    bool clobber_free;            /**< GCDEBUG=clobberfree=1: fill what is freed with 0xdeadbeef
                                       words */
    uint32_t stress;              /**< GCDEBUG=gcstress=N: a cycle at every Nth allocation slow
                                       path; 0: never */
    bool check_mark;              /**< GCDEBUG=gccheckmark=1: mark a second time, with all mutators
                                       held, and compare. See docs/debugging.md */
    bool barrier_verify;          /**< GCDEBUG=barrierverify=1: find stores made without the
                                       barrier; not where barrier is ::TRI_BARRIER_INSERTION */
    bool check_finalizers;        /**< GCDEBUG=checkfinalizers=1: report cleanups that can never
                                       run, and finalizers of objects that refer to themselves */
    uint32_t handshake_delay_us;  /**< GCDEBUG=handshakedelay=N: delay handshakes, and the answers
                                       to them, by random times to that; 0 */
    tri_fork fork;                /**< ::TRI_FORK_FULL */
    tri_oom_handler *oom_handler; /**< NULL: print the sizes and abort */
    void *oom_argument;
    tri_pressure_function *pressure; /**< NULL: nobody is told */
    void *pressure_argument;
    tri_log_function *log; /**< NULL: stderr */
    void *log_argument;
} tri_heap_options;

/**
 * Fill @p options with the defaults, then with what the environment says (GOGC, MEMLIMIT or
 * GOMEMLIMIT, GCMARKERS, GCPROCS, GCPERIOD, GCGIVEUP, GCTRACE, GODEBUG, GCDEBUG). A value that
 * cannot be understood is reported on stderr, with what was expected, and the default holds.
 *
 * Threads: any; reads the environment, so not beside setenv().
 */
TRI_API void tri_heap_options_init(tri_heap_options *options);

/**
 * Create a heap: reserve its address space and start no thread yet (marker and sweeper threads
 * start with the first cycle; with a period_s or a memory_limit_percent, one starts with the first
 * mutator).
 *
 * @param heap     receives the heap; untouched on failure
 * @param options  NULL: as ::tri_heap_options_init fills them. Copied.
 *
 * @return ::TRI_OK; ::TRI_E_INVALID for options outside their range; ::TRI_E_NOMEM where not even
 *         the smallest reservation (16 MiB) was to be had.
 *
 * Threads:   any.
 * Safepoint: of the mutators that the calling thread has in other heaps.
 * Cost:      a few mmap calls, and reading what the container allows, together less than a
 *            millisecond; some 100 KiB of memory until objects are allocated.
 */
TRI_API tri_result tri_heap_create(tri_heap **heap, const tri_heap_options *options);

/**
 * Destroy a heap with all its objects, types, handles and threads. Every address it ever gave out
 * is invalid afterwards.
 *
 * All mutators must be detached: a mutator that is still attached is a misuse that ends the process
 * with a message, unless it is the calling thread's own, which is detached.
 *
 * Threads:   any one, while no other uses the heap.
 * Safepoint: of the mutators that the calling thread has in other heaps.
 */
TRI_API void tri_heap_destroy(tri_heap *heap);

/**
 * Collect now, completely: returns when everything that was unreachable at the call is swept and
 * its memory can be reused. The caller helps marking. Counted as a forced cycle.
 *
 * @param mutator  attached to the calling thread, running
 *
 * Threads:   the mutator's own. Waits for a cycle that already runs, then makes its own.
 * Safepoint: yes.
 * Cost:      proportional to what is live (marking) and to the heap's size (sweeping).
 */
TRI_API void tri_collect(tri_mutator *mutator);

/**
 * Take the cycle that is under way on by some @p budget bytes of scanning, or begin one where one
 * is due. For hosts that want no threads of the library's (options.markers 0), at a time when they
 * have nothing better to do; allocation takes steps of its own where these do not suffice. With
 * marker threads it helps them.
 *
 * @return whether a cycle is under way afterwards.
 * Threads:   the mutator's own, running.
 * Safepoint: yes.
 * Cost:      proportional to the budget; the largest object is scanned in pieces of 16 KiB.
 */
TRI_API bool tri_gc_step(tri_mutator *mutator, size_t budget);

/**
 * Set GOGC while running: the percentage by which the heap may grow over what is live before the
 * next cycle. ::TRI_GC_PERCENT_OFF (any negative number) switches collection by growth off.
 *
 * @return the old value.
 * Threads: any. Takes effect at once.
 */
TRI_API int32_t tri_set_gc_percent(tri_heap *heap, int32_t percent);

/**
 * Set MEMLIMIT while running, in bytes. ::TRI_MEMORY_LIMIT_OFF for none; a negative number changes
 * nothing. A limit that followed the container's does so no longer.
 *
 * @return the old value.
 * Threads: any. Takes effect at once.
 */
TRI_API int64_t tri_set_memory_limit(tri_heap *heap, int64_t bytes);

/**
 * Say that @p delta bytes more, or fewer, are held outside of the heap by what is in it: buffers
 * of malloc, mapped files, memory of another device. They count like bytes of objects that live as
 * long as the host says: cycles come as often as if they were in the heap, and the memory limit
 * includes them. The sum is never less than 0.
 *
 * @return the sum before.
 * Threads: any. Cost: a few atomic operations.
 */
TRI_API uint64_t tri_external_adjust(tri_heap *heap, int64_t delta);

/**
 * Collect completely and give all memory that is free afterwards back to the system, at once, as
 * Go's FreeOSMemory does.
 *
 * @param mutator  attached to the calling thread, running
 *
 * Threads, Safepoint, Cost: as ::tri_collect, and a system call for each run of free pages.
 */
TRI_API void tri_release_memory(tri_mutator *mutator);

/**
 * Whether @p word lies in the address space that @p heap has reserved. A true result does not mean
 * that there is an object; ::tri_object_base tells.
 *
 * Threads: any.  Cost: one subtraction, one compare.
 */
TRI_API bool tri_heap_contains(const tri_heap *heap, tri_word word);

/**
 * The start of the object that @p address points to or into; ::TRI_NULL where it points to no
 * allocated object of this heap.
 *
 * Any address may be asked for at any time. The answer is exact for objects that the caller keeps
 * alive, which include those of a region that is not freed meanwhile, and for addresses outside of
 * the heap. For other words it is a hint, which was true at some moment of the call: it may name an
 * object that is dead but not yet swept, or a free slot that a mutator has set aside to allocate
 * from. What is only a hint must not be stored, held or read through.
 *
 * Threads: any mutator's thread, running.
 * Cost:    a few loads; for an object of a rare type, which shares its span, two locks.
 */
TRI_API tri_ref tri_object_base(tri_heap *heap, const void *address);

/** The type of the object that @p address points to or into; NULL as for ::tri_object_base. Same
 * rules. */
TRI_API tri_type *tri_object_type(tri_heap *heap, const void *address);

/**
 * Bytes from the start of the object that @p address points to or into, to the end of its slot:
 * what was asked for, rounded up to the size class. 0 as for ::tri_object_base. Same rules.
 */
TRI_API size_t tri_object_size(tri_heap *heap, const void *address);

/** Called for one object by ::tri_heap_each and tri_debug_each_object. @p bytes is what
 * ::tri_object_size says of it. */
typedef void tri_object_function(tri_ref object, tri_type *type, size_t bytes, void *argument);

/**
 * Collect, and call @p function for each object of @p type that is left, in the order of their
 * addresses: the instances of a class, or a listing of the heap by types.
 *
 * The program goes on meanwhile, and @p function may do what it likes with the mutator: load,
 * store, allocate, collect, keep the object in a handle. Nobody is held, and no lock is. What is
 * reachable when the call begins, and until it ends, is met exactly once. What was garbage when the
 * call began is not met. What becomes garbage meanwhile may be met or not; then it lives on as
 * long as it is held, like any other object. What is allocated meanwhile may be met, too, if it is
 * of another mutator perhaps before that has initialised it: its fields are zero then. Where other
 * mutators are blocked for the time of the call, the listing is exact. Of regions those are met in
 * which the mutator allocates; others may be freed at any moment.
 *
 * @param type      of the same heap; NULL: all types
 * @param function  must neither detach nor park the mutator, nor free a region, and return as a
 *                  function does
 *
 * @return how many objects @p function was called for.
 * Threads:   the mutator's own, running.
 * Safepoint: yes, as ::tri_collect.
 * Cost:      a collection, then some 10 nanoseconds an object; 4 KiB of C stack.
 */
TRI_API size_t tri_heap_each(tri_mutator *mutator, tri_type *type, tri_object_function *function,
                             void *argument);

TRI_END_DECLS

#endif
