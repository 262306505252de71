/**
 * @file stats.h
 * Counters of a heap, by the names of Go's MemStats in C spelling.
 */
#ifndef TRILLIUM_STATS_H
#define TRILLIUM_STATS_H

#include <trillium/types.h>

TRI_BEGIN_DECLS

/**
 * A reading of a heap's counters. Sizes in bytes, times in nanoseconds. Counts of objects and bytes
 * allocated are exact for memory that mutators have finished with; a mutator's current runs are
 * counted when they end, at the latest in a cycle.
 */
typedef struct tri_stats {
    size_t size;             /**< sizeof(tri_stats), set by the caller */
    uint64_t total_alloc;    /**< bytes ever allocated, rounded up to size classes */
    uint64_t mallocs;        /**< objects ever allocated */
    uint64_t frees;          /**< objects ever freed */
    uint64_t heap_alloc;     /**< bytes of objects that are reachable or not yet swept */
    uint64_t heap_objects;   /**< objects that are reachable or not yet swept: mallocs - frees */
    uint64_t heap_live;      /**< bytes marked by the last cycle, plus allocated since, plus
                                    external: what the pacer goes by */
    uint64_t heap_sys;       /**< bytes of address space made accessible for objects */
    uint64_t heap_in_use;    /**< bytes in spans */
    uint64_t heap_idle;      /**< bytes in no span: heap_sys - heap_in_use */
    uint64_t gc_sys;         /**< bytes of the collector's own memory, without what was given
                                  back */
    uint64_t sys;            /**< heap_sys + gc_sys */
    uint64_t next_gc;        /**< the heap_live at which the next cycle should be over */
    uint64_t last_gc_ns;     /**< end of the last cycle on the monotonic clock; 0: none yet */
    uint64_t pause_total_ns; /**< of each cycle the longest stall that a handshake put on a mutator,
                                    added up; with stop_the_world the holds */
    uint64_t pause_max_ns;   /**< the longest of these */
    uint64_t num_gc;         /**< cycles completed */
    uint64_t num_forced_gc;  /**< of them, asked for by tri_collect */
    uint64_t gc_cpu_ns;      /**< processor time spent marking */
    uint64_t last_marked;    /**< bytes found live by the last cycle */
    uint64_t last_marked_objects;     /**< objects found live by the last cycle */
    uint64_t mutators;                /**< attached now */
    uint64_t handles;                 /**< strong handles now */
    uint64_t heap_released;           /**< bytes of heap_idle that cost no memory: never touched, or
                                       given back to the system */
    uint64_t scavenged_background;    /**< bytes ever given back by the library's own thread */
    uint64_t scavenged_at_allocation; /**< at allocations: the memory limit was near, or the heap
                                           had grown past what it should keep */
    uint64_t scavenged_on_request;    /**< by ::tri_release_memory */
    uint64_t external;                /**< bytes outside of the heap, by ::tri_external_adjust */
    uint64_t finalizers_attached;     /**< finalizers by ::tri_finalizer_attach, and cleanups, of
                                           objects that are not known to be dead */
    uint64_t finalizers_waiting;      /**< finalizers and cleanups to be run */
    uint64_t finalizers_queued;       /**< finalizers of objects that were found dead, ever */
    uint64_t finalizers_run;          /**< of them, those that were called */
    uint64_t cleanups_queued;         /**< the same of cleanups */
    uint64_t cleanups_run;
    uint64_t regions;      /**< regions now */
    uint64_t region_bytes; /**< bytes of spans' slots that regions have, used or not; part of
                                heap_live */
} tri_stats;

/**
 * Read the counters. @p stats->size must be set.
 *
 * @return ::TRI_OK; ::TRI_E_INVALID where size is not that of a known version.
 * Threads: any.  Cost: a few hundred nanoseconds.
 */
TRI_API tri_result tri_stats_read(tri_heap *heap, tri_stats *stats);

/**
 * How long mutators were kept from their work by one cause, since the heap was created. Each
 * duration is known to within a quarter of its octave; the longest is exact. Of processor time are
 * those that leave out what the system's scheduler did to the thread meanwhile.
 */
typedef struct tri_stall {
    const char *cause; /**< "arm", "settle", "roots", "flush", "disarm", "release": answering the
                            handshake of that name; "barrier": shading what a full barrier buffer
                            held; "assist"; "step": driving the cycle, in a small heap or one that
                            has no threads; "sweep" at allocation; "grow": taking pages; "stack":
                            scanning a coroutine's stack, or waiting for its scan, to switch to it;
                            "unblock": waiting to leave a blocking region; "hold": for debugging.
                            Last comes "to-safepoint", which is no stall: the time from a request to
                            the safepoint that answered it */
    uint64_t count;
    uint64_t total_ns;
    uint64_t p50_ns;
    uint64_t p99_ns;
    uint64_t p999_ns;
    uint64_t p9999_ns;
    uint64_t max_ns;
    uint64_t cpu_total_ns; /**< processor time */
    uint64_t cpu_p50_ns;
    uint64_t cpu_p99_ns;
    uint64_t cpu_p999_ns;
    uint64_t cpu_p9999_ns;
    uint64_t cpu_max_ns;
} tri_stall;

/**
 * Read the stalls, one entry for each cause.
 *
 * @param stalls  room for @p room entries; may be NULL where that is 0
 * @return the number of causes, which may be more than @p room.
 * Threads: any.  Cost: some 20 microseconds.
 */
TRI_API size_t tri_stalls_read(tri_heap *heap, tri_stall *stalls, size_t room);

TRI_END_DECLS

#endif
