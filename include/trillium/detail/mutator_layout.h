/**
 * @file mutator_layout.h
 * The few words of a mutator and of a type that the inline fast paths read. Not API: hosts and code
 * generators go through alloc.h, store.h, safepoint.h and roots.h. The offsets are pinned by static
 * assertions in gc/thread_cache.c.
 */
#ifndef TRILLIUM_DETAIL_MUTATOR_LAYOUT_H
#define TRILLIUM_DETAIL_MUTATOR_LAYOUT_H

#include <trillium/types.h>

TRI_BEGIN_DECLS

/** A scope of precise local roots; see roots.h. It lies on the C stack, its slots directly behind
 * it. */
struct tri_frame_ {
    struct tri_frame_ *previous;
    tri_mutator *mutator;
    size_t count;
};

/** Where the next object of a type comes from: [free, limit) is zeroed memory of consecutive free
 * slots. */
struct tri_cursor_ {
    char *free;
    char *limit;
};

/** What every mutator begins with. Its cursors follow at the offsets that its heap's types name. */
struct tri_mutator_head_ {
    uint32_t poll;             /**< not 0: the slow path is wanted at the next safepoint. Written by
                                    any thread */
    uint32_t barrier;          /**< not 0: stores go through the barrier's slow path. Written by the
                                    owner or for it */
    struct tri_frame_ *frames; /**< innermost scope of local roots. Owner only */
};

/** References that a mutator has of one pool. */
#define TRI_POOL_SLOTS_ 12

/** What a mutator has of one pool; see pool.h. All zero: nothing, and no room. */
struct tri_pool_slots_ {
    uint32_t count; /**< references in slots */
    uint32_t old;   /**< the lowest of them, that lie there since before the last cycle began */
    uint32_t room;  /**< 0, or TRI_POOL_SLOTS_: then it is on the mutator's list */
    uint32_t unused;
    tri_pool *pool;
    struct tri_pool_slots_ *next;
    tri_ref slots[TRI_POOL_SLOTS_];
};

/** What every pool begins with. Written once, before the pool is known to any mutator. */
struct tri_pool_head_ {
    uint32_t slots; /**< offset in bytes of this pool's slots from the mutator's address */
};

/** What every type begins with. Written once, before the type is known to any mutator. */
struct tri_type_head_ {
    uint32_t cursor; /**< offset in bytes of this type's cursor from the mutator's address */
    uint32_t slot;   /**< bytes from one object to the next in a run; UINT32_MAX: never by the fast
                          path */
};

TRI_END_DECLS

#endif
