/* pool.h -- objects kept for their next use: what each mutator has of a pool, and what all have in
 * common. */
#ifndef GC_POOL_H
#define GC_POOL_H

#include <trillium/pool.h>

#include "gc/heap_state.h"

#define POOL_SIGNATURE UINT32_C(0x504f4f4c) /* "POOL" */

/* References that are shared, a cache line of them. */
struct pool_batch {
    struct pool_batch *next;
    size_t count;
    tri_ref references[POOL_BATCH];
};

/* Batches, the newest first. Guarded by POOLS, but for what is marked atomic. */
struct pool_list {
    struct pool_batch *first; /* atomic: others look whether there is any */
    struct pool_batch *last;
    struct pool_batch *next_scan; /* the first that the scan under way has not seen; NULL: none */
};

struct tri_pool {
    struct tri_pool_head_ head; /* first */
    uint32_t signature;         /* POOL_SIGNATURE until it is destroyed */
    uint32_t number;            /* of those below POOLS_MAX that no other pool has */
    uint32_t destroyed;         /* atomic: mutators shall let go of what they have of it */
    struct tri_heap *heap;
    tri_pool_new_function *function;
    void *argument;

    /* Guarded by POOLS. */
    struct tri_pool *next;
    struct tri_pool *previous;
    size_t users;           /* mutators that have room for it */
    struct pool_list fresh; /* shared since the last cycle began */
    struct pool_list old;   /* before that */
};

void pool_state_init(struct tri_heap *heap);
void pool_state_destroy(struct tri_heap *heap);

/* See the public functions of the same names. */
tri_result pool_create(struct tri_heap *heap, tri_pool_new_function *function, void *argument,
                       struct tri_pool **pool);
void pool_destroy(struct tri_pool *pool);

/* The slow halves of tri_pool_get and tri_pool_put. Owner only. */
tri_ref pool_get(struct tri_mutator *mutator, struct tri_pool *pool);
void pool_put(struct tri_mutator *mutator, struct tri_pool *pool, tri_ref reference);

/* Whether mutator has reference among its own of pool. Owner only. */
bool pool_has(struct tri_mutator *mutator, const struct tri_pool *pool, const void *reference);

/* A cycle begins: let go of what has lain unused since the last one did, in what mutators have in
 * common. CYCLE held, before handshake roots is asked for. */
void pool_age_common(struct tri_heap *heap);

/* The same of what the mutator has. Owner, or whoever acts for it, before its roots are scanned. */
void pool_age_mutator(struct tri_mutator *mutator);

/* Share all that the mutator has, as if it had put it there now. Owner, or whoever acts for it. */
void pool_leave(struct tri_mutator *mutator);

/* Report to marker what the mutator has. As port_scan_mutator. */
size_t pool_scan_mutator(const struct tri_mutator *mutator, struct marker *marker);

/* Report to marker what mutators have in common. As port_scan_globals. */
size_t pool_scan_common(struct tri_heap *heap, struct marker *marker);

#endif
