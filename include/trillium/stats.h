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
    uint64_t heap_live;      /**< bytes marked by the last cycle, plus allocated since: what the
                                    pacer goes by */
    uint64_t heap_sys;       /**< bytes of address space made accessible for objects */
    uint64_t heap_in_use;    /**< bytes in spans */
    uint64_t heap_idle;      /**< bytes in no span: heap_sys - heap_in_use */
    uint64_t gc_sys;         /**< bytes of the collector's own memory */
    uint64_t sys;            /**< heap_sys + gc_sys */
    uint64_t next_gc;        /**< the heap_live at which the next cycle should be over */
    uint64_t last_gc_ns;     /**< end of the last cycle on the monotonic clock; 0: none yet */
    uint64_t pause_total_ns; /**< time in which mutators were held */
    uint64_t pause_max_ns;   /**< the longest hold */
    uint64_t num_gc;         /**< cycles completed */
    uint64_t num_forced_gc;  /**< of them, asked for by tri_collect */
    uint64_t gc_cpu_ns;      /**< processor time spent marking */
    uint64_t last_marked;    /**< bytes found live by the last cycle */
    uint64_t last_marked_objects; /**< objects found live by the last cycle */
    uint64_t mutators;            /**< attached now */
    uint64_t handles;             /**< strong handles now */
} tri_stats;

/**
 * Read the counters. @p stats->size must be set.
 *
 * @return ::TRI_OK; ::TRI_E_INVALID where size is not that of a known version.
 * Threads: any.  Cost: a few hundred nanoseconds.
 */
TRI_API tri_result tri_stats_read(tri_heap *heap, tri_stats *stats);

TRI_END_DECLS

#endif
