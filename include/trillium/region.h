/**
 * @file region.h
 * Regions: objects that live together and are freed together, when the host says so.
 *
 *     tri_region *region;
 *     if (tri_region_new(m, &region) == TRI_OK) {
 *         struct node *tree = parse(m, region, text);   // tri_region_alloc inside
 *         tri_ref result = evaluate(m, tree);           // in the heap, by tri_alloc
 *         tri_region_free(m, region);                   // all nodes, at once
 *     }
 *
 * As long as a region lives all of its objects do, reached or not, and keep alive what they refer
 * to. They are objects like any other: other objects may refer to them, they may refer to any,
 * tri_store and its kin write them, look-ups find them. With the region they are gone, and nothing
 * that lives on may refer to them: no object, no root, no local.
 *
 * A region takes memory by whole spans, 8 to 32 KiB for each type and size of objects in it; it is
 * for some hundred KiB or more.
 */
#ifndef TRILLIUM_REGION_H
#define TRILLIUM_REGION_H

#include <trillium/detail/mutator_layout.h>

TRI_BEGIN_DECLS

/** The slow half of ::tri_region_alloc, and its checks. @{ */
TRI_API TRI_NOINLINE tri_ref tri_region_alloc_slow_(tri_mutator *mutator, tri_region *region,
                                                    tri_type *type);
TRI_API TRI_NOINLINE void tri_check_region_alloc_(tri_mutator *mutator, tri_region *region,
                                                  tri_type *type);
/** @} */

/**
 * Make an empty region, in which @p mutator allocates.
 *
 * @param region  receives the region; untouched on failure
 *
 * @return ::TRI_OK; ::TRI_E_NOMEM, also where the heap has a million regions.
 * Threads: the mutator's own, running.
 * Cost:    2 MiB of address space, of which some 16 KiB become memory; those of freed regions are
 *          used again.
 * Source:  Go's arenas, and their lesson that the objects of a region must be ordinary ones.
 */
TRI_API tri_result tri_region_new(tri_mutator *mutator, tri_region **region);

/**
 * As ::tri_alloc, but the object belongs to @p region.
 *
 * @param region  made or adopted by @p mutator
 * @param type    without a finalizer
 *
 * @return, Threads, Safepoint, Cost: as ::tri_alloc.
 */
TRI_INLINE tri_ref tri_region_alloc(tri_mutator *mutator, tri_region *region, tri_type *type)
{
    const struct tri_type_head_ *head = (const struct tri_type_head_ *)(const void *)type;
    if (TRI_CHECKED) {
        tri_check_region_alloc_(mutator, region, type);
    }
    struct tri_cursor_ *cursor = (struct tri_cursor_ *)(void *)((char *)region + head->cursor);
    char *object = cursor->free;
    if (TRI_UNLIKELY((uintptr_t)object + head->slot > (uintptr_t)cursor->limit)) {
        return tri_region_alloc_slow_(mutator, region, type);
    }
    cursor->free = object + head->slot;
    return object;
}

/** As ::tri_alloc_array, but the array belongs to @p region. Where tri_resize_array has to make a
 * new one of it, that lies in the heap. */
TRI_API tri_ref tri_region_alloc_array(tri_mutator *mutator, tri_region *region, tri_type *element,
                                       size_t count);

/** As ::tri_alloc_trailing, but the object belongs to @p region. */
TRI_API tri_ref tri_region_alloc_trailing(tri_mutator *mutator, tri_region *region, tri_type *type,
                                          size_t count);

/**
 * From now on @p mutator allocates in @p region, and no other one. Whoever did must have stopped,
 * in a way that this thread knows of (a lock, a queue). A mutator that is detached leaves its
 * regions to whoever adopts them.
 *
 * Threads: the mutator's own, running.
 */
TRI_API void tri_region_adopt(tri_mutator *mutator, tri_region *region);

/**
 * Free the region and all of its objects. Where a cycle is marking, their memory is used again when
 * that has ended, else at once.
 *
 * Nothing may refer to them any more. With GCDEBUG=gcverify=1 or clobberfree=1 their memory becomes
 * inaccessible and stays so for a while, so that a use ends the process there and then; gcverify=1
 * also names, in the next cycle, a reference that is left in the heap. An allocation in a region
 * that was freed, or freeing it again, ends the process with a message in every build, unless its
 * address has been given to a new region since.
 *
 * Threads:   any mutator's of the heap, running, whoever allocated; the host sees to it that nobody
 *            uses the region meanwhile.
 * Safepoint: yes, where the region is large.
 * Cost:      some 20 nanoseconds a span, that is, for 8 to 32 KiB of small objects.
 */
TRI_API void tri_region_free(tri_mutator *mutator, tri_region *region);

TRI_END_DECLS

#endif
