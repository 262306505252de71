/**
 * @file pool.h
 * Pools: objects that are kept for their next use instead of being allocated anew, such as buffers.
 *
 * What nobody gets out of a pool does not stay there for ever: an object that lies in it while two
 * cycles begin is garbage for the second. So a pool is as large as the program has lately needed,
 * and costs nothing when it is idle.
 *
 *     tri_pool *buffers;
 *     tri_pool_create(heap, new_buffer, NULL, &buffers);
 *     ...
 *     TRI_LOCAL(0) = tri_pool_get(m, buffers);
 *     use(TRI_LOCAL(0));
 *     tri_pool_put(m, buffers, TRI_LOCAL(0));
 *
 * Each mutator has a few objects of a pool for itself, and reaches them without a lock; what it has
 * too much goes to a part that all have in common, a handful at a time, and comes from there where
 * it has none. So one thread may put what another one gets. A mutator that is parked or detached,
 * or stays blocked, leaves all of its own there.
 */
#ifndef TRILLIUM_POOL_H
#define TRILLIUM_POOL_H

#include <trillium/detail/mutator_layout.h>

TRI_BEGIN_DECLS

/** Makes an object where a pool has none. May allocate, and be a safepoint. */
typedef tri_ref tri_pool_new_function(tri_mutator *mutator, void *argument);

/**
 * Create an empty pool.
 *
 * @param new_function  makes an object where there is none; NULL: ::tri_pool_get yields ::TRI_NULL
 * @param argument      for @p new_function
 * @param pool          receives the pool; untouched on failure
 *
 * @return ::TRI_OK; ::TRI_E_INVALID where @p pool is NULL; ::TRI_E_LIMIT where there are 1024
 *         pools; ::TRI_E_NOMEM.
 *
 * Threads: any.  Safepoint: no.  Cost: one lock.
 */
TRI_API tri_result tri_pool_create(tri_heap *heap, tri_pool_new_function *new_function,
                                   void *argument, tri_pool **pool);

/**
 * End @p pool. What it holds is garbage for the next cycle. Its address is invalid afterwards.
 * Pools that are left end with the heap.
 *
 * Threads: any; nobody else uses the pool.  Safepoint: no.  Cost: one lock.
 */
TRI_API void tri_pool_destroy(tri_pool *pool);

/** The slow halves of the functions below. @{ */
TRI_API TRI_NOINLINE tri_ref tri_pool_get_slow_(tri_mutator *mutator, tri_pool *pool);
TRI_API TRI_NOINLINE void tri_pool_put_slow_(tri_mutator *mutator, tri_pool *pool,
                                             tri_ref reference);
TRI_API TRI_NOINLINE void tri_check_pool_get_(tri_mutator *mutator, tri_pool *pool);
TRI_API TRI_NOINLINE void tri_check_pool_put_(tri_mutator *mutator, tri_pool *pool,
                                              tri_ref reference);

TRI_INLINE struct tri_pool_slots_ *tri_pool_slots_of_(tri_mutator *mutator, const tri_pool *pool)
{
    const struct tri_pool_head_ *head = (const struct tri_pool_head_ *)(const void *)pool;
    return (struct tri_pool_slots_ *)(void *)((char *)mutator + head->slots);
}
/** @} */

/**
 * An object out of @p pool, the caller's from now on, as it was when it was put there: it is not
 * cleared. The one that this mutator has put last, if it has any; else one of others'; else a new
 * one.
 *
 * @return the object; what the pool's function returns where the pool is empty, or ::TRI_NULL.
 *
 * Threads:   the mutator's own, running.
 * Safepoint: yes, where the pool has a function that is one.
 * Cost:      two loads, a compare and a store; one lock for each 6 objects where other mutators put
 *            what this one gets.
 * Source:    Go's sync.Pool; the common part is the depot of Bonwick's magazines.
 */
TRI_INLINE tri_ref tri_pool_get(tri_mutator *mutator, tri_pool *pool)
{
    if (TRI_CHECKED) {
        tri_check_pool_get_(mutator, pool);
    }
    /* These are roots of the mutator's own, as its frames are: no barrier. */
    struct tri_pool_slots_ *slots = tri_pool_slots_of_(mutator, pool);
    uint32_t count = slots->count;
    if (TRI_LIKELY(count > slots->old)) {
        slots->count = count - 1;
        return slots->slots[count - 1];
    }
    return tri_pool_get_slow_(mutator, pool);
}

/**
 * Leave @p reference, the start of an object, in @p pool for whoever gets it, perhaps another
 * mutator: the caller must not use it any more. ::TRI_NULL: nothing happens. What the object refers
 * to is kept with it: clear what shall not be.
 *
 * In a heap of ::TRI_BARRIER_INSERTION this is also ::tri_written of the object, where it goes to
 * other mutators.
 *
 * Threads:   the mutator's own, running.  Safepoint: no.
 * Cost:      as ::tri_pool_get.
 * Pitfall:   one that is put twice is got twice. With ::TRI_CHECKED the process ends where that is
 *            seen.
 */
TRI_INLINE void tri_pool_put(tri_mutator *mutator, tri_pool *pool, tri_ref reference)
{
    if (TRI_CHECKED) {
        tri_check_pool_put_(mutator, pool, reference);
    }
    struct tri_pool_slots_ *slots = tri_pool_slots_of_(mutator, pool);
    uint32_t count = slots->count;
    if (TRI_LIKELY(count < slots->room && reference != TRI_NULL)) {
        slots->slots[count] = reference;
        slots->count = count + 1;
        return;
    }
    tri_pool_put_slow_(mutator, pool, reference);
}

TRI_END_DECLS

#endif
