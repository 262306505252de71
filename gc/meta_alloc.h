/* meta_alloc.h -- the collector's own memory, outside the heap: what lives as long as the heap, and
 * pools of records of one size. (Go: persistentalloc and fixalloc.)
 *
 * All functions may be called by any thread, with PAGES or a higher lock held: they take META.
 */
#ifndef GC_META_ALLOC_H
#define GC_META_ALLOC_H

#include "gc/lock.h"

struct meta_block;

struct meta_alloc {
    struct lock lock; /* META; guards all below and the free lists of the pools */

    struct meta_block *blocks; /* all mappings, the newest first */
    char *next;                /* first free byte of the block being carved */
    char *limit;               /* end of that block */
    size_t mapped_bytes;       /* sum over blocks; read by anyone, atomic */
};

/* Maps nothing yet. */
void meta_alloc_init(struct meta_alloc *meta);

/* bytes of zeroed memory at a multiple of alignment, a power of two. They stay until
 * meta_alloc_destroy. NULL where the system gives no memory. bytes may be 0: some valid address. */
void *meta_alloc_take(struct meta_alloc *meta, size_t bytes, size_t alignment);

/* Bytes that were mapped so far. No lock needed. */
size_t meta_alloc_mapped_bytes(const struct meta_alloc *meta);

/* Unmaps everything that was ever taken. */
void meta_alloc_destroy(struct meta_alloc *meta);

/* Records of one size. A record that is given back is used again for the same pool only, never for
 * other things: a stale pointer to one still finds a record of its type. */
struct fixed_pool {
    /* Written once at creation. */
    struct meta_alloc *meta;
    size_t bytes;     /* of a record, a multiple of 8 */
    size_t alignment; /* the largest power of two that divides bytes, at most a cache line */

    /* Guarded by META. */
    void *free;   /* records given back, linked through their first word */
    size_t taken; /* records that are out */
};

/* Maps nothing yet. A pool has no destroy: its memory is meta's. */
void fixed_pool_init(struct fixed_pool *pool, struct meta_alloc *meta, size_t bytes);

/* A zeroed record. NULL where the system gives no memory. */
void *fixed_pool_take(struct fixed_pool *pool);

/* record came from fixed_pool_take of this pool. */
void fixed_pool_give(struct fixed_pool *pool, void *record);

#endif
