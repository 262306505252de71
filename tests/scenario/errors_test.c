/* errors_test.c -- each misuse that can be seen ends the process, and says which call it was, what
 * was wrong and what to do instead; each error that a host can handle comes back as a result.
 *
 * Built twice: as a host's release build, and with TRI_CHECKED, where the inline fast paths look
 * too.
 */
#include <math.h>
#include <trillium/debug.h>

#include "tests/scenario/child.h"

/* ---- Misuse ---------------------------------------------------------------------------------- */

static void trace_nothing(tri_visitor *visitor, tri_ref object, size_t bytes)
{
    (void)visitor;
    (void)object;
    (void)bytes;
}

static tri_type *traced_type_new(tri_heap *heap)
{
    tri_type_desc desc = TRI_TYPE_DESC("traced", struct link);
    desc.layout = TRI_LAYOUT_TRACED_BY(trace_nothing);
    return type_new(heap, &desc);
}

static tri_type *tailed_type_new(tri_heap *heap)
{
    tri_type_desc desc = TRI_TYPE_DESC("tailed", struct link);
    desc.trailing_size = 24;
    return type_new(heap, &desc);
}

/* A mutator that is another thread's. It stays attached; the process ends soon. */
static void *attach_elsewhere(void *argument)
{
    tri_mutator **mutator = argument;
    *mutator = attach(tri_mutator_heap(*mutator));
    tri_mutator_park(*mutator);
    return NULL;
}

static tri_mutator *mutator_elsewhere(const struct host *host)
{
    tri_mutator *mutator = host->mutator;
    thread_join(thread_new(attach_elsewhere, &mutator));
    return mutator;
}

static void *call_on_thread(void *argument)
{
    tri_collect(argument);
    return NULL;
}

static void *alloc_on_thread(void *argument)
{
    struct host *host = argument;
    (void)tri_alloc(host->mutator, host->leaf);
    return NULL;
}

/* What follows are the bodies: each breaks one rule. */

static void array_too_large(struct host *host)
{
    (void)tri_alloc_array(host->mutator, host->leaf, SIZE_MAX);
}

static void array_just_too_large(struct host *host)
{
    (void)tri_alloc_array(host->mutator, host->leaf, TRI_OBJECT_SIZE_MAX / 16 + 1);
}

static void trailing_too_large(struct host *host)
{
    (void)tri_alloc_trailing(host->mutator, tailed_type_new(host->heap),
                             TRI_OBJECT_SIZE_MAX / 24 + 1);
}

static void trailing_of_none(struct host *host)
{
    (void)tri_alloc_trailing(host->mutator, host->leaf, 1);
}

static void array_of_traced(struct host *host)
{
    (void)tri_alloc_array(host->mutator, traced_type_new(host->heap), 1);
}

static void array_of_tailed(struct host *host)
{
    (void)tri_try_alloc_array(host->mutator, tailed_type_new(host->heap), 1);
}

static void array_of_foreign_type(struct host *host)
{
    struct host other = host_new(NULL);
    (void)tri_alloc_array(host->mutator, other.leaf, 1);
}

static void object_of_foreign_type(struct host *host)
{
    struct host other = host_new(NULL);
    (void)tri_alloc(host->mutator, other.leaf);
}

static void array_of_no_type(struct host *host)
{
    (void)tri_alloc_array(host->mutator, NULL, 1);
}

static void try_of_no_type(struct host *host)
{
    static max_align_t memory[64];
    (void)tri_try_alloc(host->mutator, (tri_type *)memory);
}

static void resize_of_interior(struct host *host)
{
    char *array = tri_alloc_array(host->mutator, host->leaf, 10);
    (void)tri_resize_array(host->mutator, host->leaf, array + 16, 1, 20);
}

static void resize_of_foreign(struct host *host)
{
    struct link local = {0};
    (void)tri_resize_array(host->mutator, host->leaf, &local, 1, 20);
}

static void resize_of_another_type(struct host *host)
{
    tri_ref array = tri_alloc_array(host->mutator, host->link, 10);
    (void)tri_resize_array(host->mutator, host->leaf, array, 10, 20);
}

static void resize_of_more_than_there_is(struct host *host)
{
    tri_ref array = tri_alloc_array(host->mutator, host->leaf, 10);
    (void)tri_resize_array(host->mutator, host->leaf, array, 1000, 20);
}

static void resize_to_too_large(struct host *host)
{
    tri_ref array = tri_alloc_array(host->mutator, host->leaf, 10);
    (void)tri_resize_array(host->mutator, host->leaf, array, 10, SIZE_MAX / 8);
}

static void alloc_after_detach(struct host *host)
{
    (void)tri_alloc(host->mutator, host->leaf);
    tri_mutator_detach(host->mutator);
    (void)tri_alloc(host->mutator, host->leaf);
}

static void safepoint_after_detach(struct host *host)
{
    tri_mutator_detach(host->mutator);
    tri_safepoint(host->mutator);
}

static void collect_after_detach(struct host *host)
{
    tri_mutator_detach(host->mutator);
    tri_collect(host->mutator);
}

static void run_finalizers_after_detach(struct host *host)
{
    tri_mutator_detach(host->mutator);
    (void)tri_finalizers_run(host->mutator, 1);
}

static void stop_cleanup_after_detach(struct host *host)
{
    tri_mutator_detach(host->mutator);
    (void)tri_cleanup_stop(host->mutator, (tri_cleanup){1});
}

static void do_nothing(tri_mutator *mutator, tri_ref object, void *argument)
{
    (void)mutator;
    (void)object;
    (void)argument;
}

static void attach_finalizer_while_blocked(struct host *host)
{
    void *object = tri_alloc(host->mutator, host->leaf);
    tri_blocking_begin(host->mutator);
    (void)tri_finalizer_attach(host->mutator, object, do_nothing, NULL, 0);
}

static void detach_after_detach(struct host *host)
{
    tri_mutator_detach(host->mutator);
    tri_mutator_detach(host->mutator);
}

static void resume_after_detach(struct host *host)
{
    tri_mutator_detach(host->mutator);
    (void)tri_mutator_resume(host->mutator);
}

static void unblock_after_detach(struct host *host)
{
    tri_mutator_detach(host->mutator);
    tri_blocking_end(host->mutator);
}

static void collect_on_wrong_thread(struct host *host)
{
    thread_join(thread_new(call_on_thread, host->mutator));
}

static void alloc_on_wrong_thread(struct host *host)
{
    thread_join(thread_new(alloc_on_thread, host));
}

static void collect_while_parked(struct host *host)
{
    tri_mutator_park(host->mutator);
    tri_collect(host->mutator);
}

static void park_while_scanning(struct host *host)
{
    (void)tri_mutator_scan_c_stack(host->mutator, true);
    tri_mutator_park(host->mutator);
}

static void collect_while_blocked(struct host *host)
{
    tri_blocking_begin(host->mutator);
    tri_collect(host->mutator);
}

static void alloc_while_blocked(struct host *host)
{
    tri_blocking_begin(host->mutator);
    (void)tri_alloc(host->mutator, host->leaf);
}

static void block_while_blocked(struct host *host)
{
    tri_blocking_begin(host->mutator);
    tri_blocking_begin(host->mutator);
}

static void detach_while_blocked(struct host *host)
{
    tri_blocking_begin(host->mutator);
    tri_mutator_detach(host->mutator);
}

static void unblock_while_running(struct host *host)
{
    tri_blocking_end(host->mutator);
}

static void collect_without_mutator(struct host *host)
{
    (void)host;
    tri_collect(NULL);
}

static void try_alloc_without_mutator(struct host *host)
{
    (void)tri_try_alloc(NULL, host->leaf);
}

static void unblock_without_mutator(struct host *host)
{
    (void)host;
    tri_blocking_end(NULL);
}

static void detach_without_mutator(struct host *host)
{
    (void)host;
    tri_mutator_detach(NULL);
}

static void collect_with_rubbish(struct host *host)
{
    static max_align_t memory[64];
    (void)host;
    tri_collect((tri_mutator *)memory);
}

static void destroy_without_heap(struct host *host)
{
    (void)host;
    tri_heap_destroy(NULL);
}

static void attach_to_rubbish(struct host *host)
{
    static max_align_t memory[64];
    tri_mutator *mutator = host->mutator;
    (void)tri_mutator_attach((tri_heap *)memory, &mutator);
}

static void destroy_with_mutators(struct host *host)
{
    (void)mutator_elsewhere(host);
    (void)mutator_elsewhere(host);
    tri_heap_destroy(host->heap);
}

static void destroy_while_parked(struct host *host)
{
    tri_mutator_park(host->mutator);
    tri_heap_destroy(host->heap);
}

static void destroy_while_blocked(struct host *host)
{
    tri_blocking_begin(host->mutator);
    tri_heap_destroy(host->heap);
}

static void detach_with_frame(struct host *host)
{
    TRI_FRAME(host->mutator, 1);
    tri_mutator_detach(host->mutator);
}

static void destroy_with_frame(struct host *host)
{
    TRI_FRAME(host->mutator, 1);
    tri_heap_destroy(host->heap);
}

static tri_handle *dead_handle(struct host *host)
{
    tri_handle *handle;
    MUST(tri_handle_create(host->mutator, TRI_NULL, &handle) == TRI_OK);
    tri_handle_destroy(host->mutator, handle);
    return handle;
}

static void get_dead_handle(struct host *host)
{
    (void)tri_handle_get(dead_handle(host));
}

static void set_dead_handle(struct host *host)
{
    tri_handle_set(host->mutator, dead_handle(host), TRI_NULL);
}

static void destroy_dead_handle(struct host *host)
{
    tri_handle_destroy(host->mutator, dead_handle(host));
}

static void get_no_handle(struct host *host)
{
    (void)host;
    (void)tri_handle_get(NULL);
}

static tri_pool *pool_new(const struct host *host)
{
    tri_pool *pool;
    MUST(tri_pool_create(host->heap, NULL, NULL, &pool) == TRI_OK);
    return pool;
}

static tri_pool *dead_pool(const struct host *host)
{
    tri_pool *pool = pool_new(host);
    tri_pool_destroy(pool);
    return pool;
}

static void destroy_dead_pool(struct host *host)
{
    tri_pool_destroy(dead_pool(host));
}

static void get_from_dead_pool(struct host *host)
{
    (void)tri_pool_get(host->mutator, dead_pool(host));
}

static void put_into_dead_pool(struct host *host)
{
    tri_pool *pool = dead_pool(host);
    tri_pool_put(host->mutator, pool, tri_alloc(host->mutator, host->leaf));
}

static void put_into_foreign_pool(struct host *host)
{
    struct host other = host_new(NULL);
    tri_pool_put(host->mutator, pool_new(&other), tri_alloc(host->mutator, host->leaf));
}

static void get_from_pool_after_detach(struct host *host)
{
    tri_pool *pool = pool_new(host);
    tri_pool_put(host->mutator, pool, tri_alloc(host->mutator, host->leaf));
    tri_mutator_detach(host->mutator);
    (void)tri_pool_get(host->mutator, pool);
}

static void put_into_pool_while_parked(struct host *host)
{
    tri_pool *pool = pool_new(host);
    tri_ref object = tri_alloc(host->mutator, host->leaf);
    tri_pool_put(host->mutator, pool, tri_alloc(host->mutator, host->leaf));
    tri_mutator_park(host->mutator);
    tri_pool_put(host->mutator, pool, object);
}

static void walk_without_hold(struct host *host)
{
    tri_debug_each_object(host->mutator, NULL, NULL);
}

static void release_without_hold(struct host *host)
{
    tri_debug_release(host->mutator);
}

static void unblock_while_holding(struct host *host)
{
    tri_debug_hold(host->mutator);
    tri_blocking_end(host->mutator);
}

static tri_region *region_of(const struct host *host)
{
    tri_region *region;
    MUST(tri_region_new(host->mutator, &region) == TRI_OK);
    return region;
}

static tri_region *freed_region(const struct host *host)
{
    tri_region *region = region_of(host);
    (void)tri_region_alloc(host->mutator, region, host->link);
    tri_region_free(host->mutator, region);
    return region;
}

static void free_region_twice(struct host *host)
{
    tri_region_free(host->mutator, freed_region(host));
}

static void alloc_in_freed_region(struct host *host)
{
    (void)tri_region_alloc(host->mutator, freed_region(host), host->link);
}

static void alloc_array_in_freed_region(struct host *host)
{
    (void)tri_region_alloc_array(host->mutator, freed_region(host), host->link, 5);
}

static void adopt_freed_region(struct host *host)
{
    tri_region_adopt(host->mutator, freed_region(host));
}

static void alloc_in_no_region(struct host *host)
{
    (void)tri_region_alloc_trailing(host->mutator, NULL, tailed_type_new(host->heap), 1);
}

static void free_foreign_region(struct host *host)
{
    struct host other = host_new(NULL);
    tri_region_free(host->mutator, region_of(&other));
}

static void alloc_foreign_type_in_region(struct host *host)
{
    struct host other = host_new(NULL);
    (void)tri_region_alloc_array(host->mutator, region_of(host), other.leaf, 1);
}

static void alloc_traced_array_in_region(struct host *host)
{
    (void)tri_region_alloc_array(host->mutator, region_of(host), traced_type_new(host->heap), 1);
}

static void ignore_finalized(tri_mutator *mutator, tri_ref object, void *argument)
{
    (void)mutator;
    (void)object;
    (void)argument;
}

static void alloc_finalized_in_region(struct host *host)
{
    tri_type_desc desc = TRI_TYPE_DESC("finalized", uint64_t);
    tri_type *type;
    desc.finalizer = ignore_finalized;
    MUST(tri_type_define(host->heap, &desc, &type) == TRI_OK);
    (void)tri_region_alloc(host->mutator, region_of(host), type);
}

static void alloc_too_large_in_region(struct host *host)
{
    (void)tri_region_alloc_array(host->mutator, region_of(host), host->leaf, SIZE_MAX);
}

static void *adopt_elsewhere(void *argument)
{
    const struct host *host = argument;
    tri_mutator *mutator = attach(host->heap);
    tri_region_adopt(mutator, (tri_region *)host->leaf); /* see below */
    tri_mutator_park(mutator);
    return NULL;
}

static void alloc_in_adopted_region(struct host *host)
{
    tri_region *region = region_of(host);
    struct host start = {.heap = host->heap, .leaf = (tri_type *)(void *)region};
    thread_join_blocked(host->mutator, thread_new(adopt_elsewhere, &start));
    (void)tri_region_alloc(host->mutator, region, host->link);
}

static void region_of_no_mutator(struct host *host)
{
    tri_region *region;
    (void)host;
    (void)tri_region_new(NULL, &region);
}

static void ephemeron_of_region(struct host *host)
{
    tri_region *region = region_of(host);
    (void)tri_ephemeron_new(host->mutator, tri_region_alloc(host->mutator, region, host->link), 0);
}

static void weak_to_region(struct host *host)
{
    (void)tri_weak_new(host->mutator, tri_region_alloc(host->mutator, region_of(host), host->link));
}

static void table_of_region(struct host *host)
{
    tri_ref table = tri_weak_table_new(host->mutator, TRI_WEAK_VALUES);
    tri_ref value = tri_region_alloc(host->mutator, region_of(host), host->link);
    (void)tri_weak_table_set(host->mutator, table, 1, (tri_word)value);
}

static void get_from_no_table(struct host *host)
{
    (void)tri_weak_table_get(host->mutator, tri_alloc(host->mutator, host->link), 1, NULL);
}

static void table_of_no_kind(struct host *host)
{
    (void)tri_weak_table_new(host->mutator, (tri_weak_kind)3);
}

static bool leave_all(tri_weak_hook *hook, size_t budget, void *argument)
{
    (void)hook, (void)budget, (void)argument;
    return true;
}

static void hook_without_heap(struct host *host)
{
    tri_weak_hook *hook;
    (void)host;
    (void)tri_weak_hook_add(NULL, NULL, leave_all, NULL, &hook);
}

static void clear_outside_of_hook(struct host *host)
{
    tri_weak_hook *hook;
    tri_word slot = 0;
    MUST(tri_weak_hook_add(host->heap, NULL, leave_all, NULL, &hook) == TRI_OK);
    (void)tri_weak_slot_clear(hook, &slot, 1);
}

static void remove_hook_twice(struct host *host)
{
    tri_weak_hook *hooks[2];
    for (size_t i = 0; i < 2; i++) {
        MUST(tri_weak_hook_add(host->heap, NULL, leave_all, NULL, &hooks[i]) == TRI_OK);
    }
    tri_weak_hook_remove(hooks[0]);
    tri_weak_hook_remove(hooks[0]);
}

static void ask_outside_of_hook(struct host *host)
{
    tri_weak_hook *hook;
    MUST(tri_weak_hook_add(host->heap, NULL, leave_all, NULL, &hook) == TRI_OK);
    (void)tri_weak_is_dead(hook, 0);
}

static void each_of_foreign_type(struct host *host)
{
    struct host other = host_new(NULL);
    (void)tri_heap_each(host->mutator, other.leaf, NULL, NULL);
}

static void each_without_function(struct host *host)
{
    (void)tri_heap_each(host->mutator, NULL, NULL, NULL);
}

struct misuse {
    void (*body)(struct host *host);
    const char *message; /* behind "trillium: fatal: " */
};

#define DETACHED     "the mutator {p} was detached; attach another with tri_mutator_attach"
#define BLOCKED      "the mutator {p} is inside a blocking region; call tri_blocking_end first"
#define IS_NULL      "the mutator is NULL; attach one with tri_mutator_attach"
#define FREED_REGION "the region {p} was freed; make another with tri_region_new"
#define STRANGER     "the mutator {p} is bound to another thread; each thread attaches its own"

static const struct misuse misuses[] = {
    {array_too_large, "tri_alloc_array: 18446744073709551615 elements of 16 bytes of type leaf are "
                      "over TRI_OBJECT_SIZE_MAX (1099511627776 bytes)"},
    {array_just_too_large, "tri_alloc_array: 68719476737 elements of 16 bytes of type leaf are "
                           "over TRI_OBJECT_SIZE_MAX (1099511627776 bytes)"},
    {trailing_too_large, "tri_alloc_trailing: 45812984491 elements of 24 bytes of type tailed are "
                         "over TRI_OBJECT_SIZE_MAX (1099511627776 bytes)"},
    {trailing_of_none, "tri_alloc_trailing: type leaf has no trailing elements"},
    {array_of_traced, "tri_alloc_array: type traced has trailing elements or a trace function, so "
                      "that it cannot be an element"},
    {array_of_tailed, "tri_try_alloc_array: type tailed has trailing elements or a trace function, "
                      "so that it cannot be an element"},
    {array_of_foreign_type, "tri_alloc_array: the type leaf belongs to another heap"},
    {object_of_foreign_type, "tri_alloc: the type leaf belongs to another heap"},
    {array_of_no_type, "tri_alloc_array: {p} is not a type"},
    {try_of_no_type, "tri_try_alloc: {p} is not a type"},
    {resize_of_interior,
     "tri_resize_array: {p} is not the start of an array of the mutator's heap"},
    {resize_of_foreign, "tri_resize_array: {p} is not the start of an array of the mutator's heap"},
    {resize_of_another_type, "tri_resize_array: the array at {p} is of type link, not leaf"},
    {resize_of_more_than_there_is,
     "tri_resize_array: the array at {p} has no room for old_count = 1000 elements"},
    {resize_to_too_large, "tri_alloc_array: 2305843009213693951 elements of 16 bytes of type leaf "
                          "are over TRI_OBJECT_SIZE_MAX (1099511627776 bytes)"},
    {alloc_after_detach, "tri_alloc: " DETACHED},
    {safepoint_after_detach, "tri_safepoint: " DETACHED},
    {collect_after_detach, "tri_collect: " DETACHED},
    {run_finalizers_after_detach, "tri_finalizers_run: " DETACHED},
    {stop_cleanup_after_detach, "tri_cleanup_stop: " DETACHED},
    {attach_finalizer_while_blocked, "tri_finalizer_attach: " BLOCKED},
    {detach_after_detach, "tri_mutator_detach: " DETACHED},
    {resume_after_detach, "tri_mutator_resume: {p} is not a mutator, or was detached"},
    {unblock_after_detach, "tri_blocking_end: {p} is not a mutator, or was detached"},
    {collect_on_wrong_thread, "tri_collect: " STRANGER},
    {alloc_on_wrong_thread, "tri_alloc: " STRANGER},
    {collect_while_parked, "tri_collect: the mutator {p} is parked; call tri_mutator_resume first"},
    {park_while_scanning, "tri_mutator_park: a mutator that scans the C stack conservatively "
                          "cannot leave its thread"},
    {collect_while_blocked, "tri_collect: " BLOCKED},
    {alloc_while_blocked, "tri_alloc: " BLOCKED},
    {block_while_blocked, "tri_blocking_begin: " BLOCKED},
    {detach_while_blocked, "tri_mutator_detach: " BLOCKED},
    {unblock_while_running, "tri_blocking_end: the mutator {p} is not inside a blocking region"},
    {collect_without_mutator, "tri_collect: " IS_NULL},
    {try_alloc_without_mutator, "tri_try_alloc: " IS_NULL},
    {unblock_without_mutator, "tri_blocking_end: {p} is not a mutator, or was detached"},
    {detach_without_mutator, "tri_mutator_detach: the mutator is NULL"},
    {collect_with_rubbish, "tri_collect: {p} is not a mutator"},
    {destroy_without_heap, "tri_heap_destroy: {p} is not a heap, or was destroyed"},
    {attach_to_rubbish, "tri_mutator_attach: {p} is not a heap, or was destroyed"},
    {destroy_with_mutators, "tri_heap_destroy: 2 mutators are still attached; detach them first"},
    {destroy_while_parked, "tri_heap_destroy: 1 mutators are still attached; detach them first"},
    {destroy_while_blocked, "tri_heap_destroy: " BLOCKED},
    {detach_with_frame, "tri_mutator_detach: a TRI_FRAME of the mutator is still open; leave its "
                        "block first"},
    {destroy_with_frame, "tri_mutator_detach: a TRI_FRAME of the mutator is still open; leave its "
                         "block first"},
    {get_dead_handle, "tri_handle_get: {p} is not a handle, or was destroyed"},
    {set_dead_handle, "tri_handle_set: {p} is not a handle, or was destroyed"},
    {destroy_dead_handle, "tri_handle_destroy: {p} is not a handle, or was destroyed"},
    {get_no_handle, "tri_handle_get: {p} is not a handle, or was destroyed"},
    {destroy_dead_pool, "tri_pool_destroy: {p} is not a pool, or was destroyed"},
    {get_from_dead_pool, "tri_pool_get: {p} is not a pool, or was destroyed"},
    {put_into_dead_pool, "tri_pool_put: {p} is not a pool, or was destroyed"},
    {put_into_foreign_pool, "tri_pool_put: the pool {p} belongs to another heap"},
    {get_from_pool_after_detach, "tri_pool_get: " DETACHED},
    {put_into_pool_while_parked,
     "tri_pool_put: the mutator {p} is parked; call tri_mutator_resume first"},
    {free_region_twice, "tri_region_free: " FREED_REGION},
    {alloc_in_freed_region, "tri_region_alloc: " FREED_REGION},
    {alloc_array_in_freed_region, "tri_region_alloc_array: " FREED_REGION},
    {adopt_freed_region, "tri_region_adopt: " FREED_REGION},
    {alloc_in_no_region, "tri_region_alloc_trailing: {p} is not a region"},
    {free_foreign_region, "tri_region_free: the region {p} belongs to another heap"},
    {alloc_foreign_type_in_region, "tri_region_alloc_array: the type leaf belongs to another heap"},
    {alloc_traced_array_in_region, "tri_region_alloc_array: type traced has trailing elements or a "
                                   "trace function, so that it cannot be an element"},
    {alloc_finalized_in_region,
     "tri_region_alloc: objects of type finalized have a finalizer, which the end of a region does "
     "not call; allocate them by tri_alloc"},
    {alloc_too_large_in_region,
     "tri_region_alloc_array: 18446744073709551615 elements of 16 bytes of type leaf are "
     "over TRI_OBJECT_SIZE_MAX (1099511627776 bytes)"},
    {alloc_in_adopted_region, "tri_region_alloc: another mutator allocates in the region {p}; call "
                              "tri_region_adopt first"},
    {region_of_no_mutator, "tri_region_new: " IS_NULL},
    {ephemeron_of_region,
     "tri_ephemeron_new: the target {p} belongs to a region, whose end no weak reference hears of; "
     "allocate it by tri_alloc"},
    {weak_to_region,
     "tri_weak_new: the target {p} belongs to a region, whose end no weak reference "
     "hears of; allocate it by tri_alloc"},
    {table_of_region, "tri_weak_table_set: the target {p} belongs to a region, whose end no weak "
                      "reference hears of; allocate it by tri_alloc"},
    {get_from_no_table, "tri_weak_table_get: {p} is not a weak table of the mutator's heap"},
    {table_of_no_kind, "tri_weak_table_new: 3 is not a kind of weak tables"},
    {hook_without_heap, "tri_weak_hook_add: {p} is not a heap, or was destroyed"},
    {remove_hook_twice, "tri_weak_hook_remove: {p} is not a hook, or was removed"},
    {clear_outside_of_hook, "tri_weak_slot_clear: outside of a call of the hook's function nobody "
                            "knows what is dead; use tri_weak_slot_get"},
    {ask_outside_of_hook, "tri_weak_is_dead: outside of a call of the hook's function nobody knows "
                          "what is dead; use tri_weak_slot_get"},
    {each_of_foreign_type, "tri_heap_each: the type leaf belongs to another heap"},
    {each_without_function, "tri_heap_each: there is no function to call"},
    {walk_without_hold, "tri_debug_each_object: call tri_debug_hold first"},
    {release_without_hold, "tri_debug_release: the mutator {p} does not hold the heap; the one "
                           "that called tri_debug_hold releases it"},
    {unblock_while_holding, "tri_blocking_end: the mutator {p} holds the heap; call "
                            "tri_debug_release"},
};

static void commit(const void *argument)
{
    const struct misuse *misuse = argument;
    struct host host = host_new(NULL);
    misuse->body(&host);
}

static void check_misuse(const struct misuse *misuse)
{
    char pattern[512];
    (void)snprintf(pattern, sizeof pattern, "trillium: fatal: %s\n", misuse->message);
    expect_death(commit, misuse, pattern);
}

START_TEST(misuse_is_named)
{
    check_misuse(&misuses[_i]);
}
END_TEST

/* ---- Misuse that only checked hosts can see -------------------------------------------------- */

#if TRI_CHECKED
static struct link *rooted(struct host *host)
{
    tri_handle *handle;
    struct link *link = link_new(host->mutator, host->link, 1);
    MUST(tri_handle_create(host->mutator, link, &handle) == TRI_OK);
    return link;
}

static void store_by_foreign_mutator(struct host *host)
{
    struct host other = host_new(NULL);
    struct link *link = rooted(&other);
    tri_store_ref(host->mutator, &link->next, NULL);
}

static void init_by_foreign_mutator(struct host *host)
{
    struct host other = host_new(NULL);
    struct link *link = rooted(&other);
    tri_init_ref(host->mutator, &link->next, NULL);
}

static void store_unrecorded_while_on(struct host *host)
{
    tri_heap_options options = options_new();
    options.barrier_verify = true; /* the barrier is on at any time */
    struct host other = host_new(&options);
    struct link *link = rooted(&other);
    (void)host;
    tri_store_unrecorded(other.mutator, &link->next, 0);
}

static void store_into_local(struct host *host)
{
    struct link local = {0};
    tri_store_ref(host->mutator, &local.next, NULL);
}

static void store_into_header(struct host *host)
{
    struct link *link = rooted(host);
    tri_store_ref(host->mutator, (char *)link - 8, NULL);
}

static void store_unaligned(struct host *host)
{
    struct link *link = rooted(host);
    tri_store_ref(host->mutator, (char *)link + 4, NULL);
}

static void store_dead_reference(struct host *host)
{
    struct link *link = rooted(host);
    struct link *dead = link_new(host->mutator, host->link, 2);
    tri_collect(host->mutator);
    tri_store_ref(host->mutator, &link->next, dead);
}

static void store_after_detach(struct host *host)
{
    struct link *link = rooted(host);
    tri_mutator_detach(host->mutator);
    tri_store_ref(host->mutator, &link->next, NULL);
}

static void store_while_blocked(struct host *host)
{
    struct link *link = rooted(host);
    tri_blocking_begin(host->mutator);
    tri_store_ref(host->mutator, &link->next, NULL);
}

static void alloc_without_mutator(struct host *host)
{
    (void)tri_alloc(NULL, host->leaf);
}

static void alloc_without_type(struct host *host)
{
    (void)tri_alloc(host->mutator, NULL);
}

/* Such that the fast path would have had memory. */
static void quick_alloc_while_blocked(struct host *host)
{
    for (int i = 0; i < 100; i++) {
        (void)tri_alloc(host->mutator, host->leaf);
    }
    tri_blocking_begin(host->mutator);
    (void)tri_alloc(host->mutator, host->leaf);
}

static void quick_alloc_on_wrong_thread(struct host *host)
{
    for (int i = 0; i < 100; i++) {
        (void)tri_alloc(host->mutator, host->leaf);
    }
    thread_join(thread_new(alloc_on_thread, host));
}

static void put_into_pool_twice(struct host *host)
{
    tri_pool *pool = pool_new(host);
    tri_ref object = rooted(host);
    tri_pool_put(host->mutator, pool, object);
    tri_pool_put(host->mutator, pool, tri_alloc(host->mutator, host->leaf));
    tri_pool_put(host->mutator, pool, object);
}

static void put_what_is_no_object(struct host *host)
{
    tri_pool_put(host->mutator, pool_new(host), (char *)rooted(host) + 8);
}

static void quick_get_while_blocked(struct host *host)
{
    tri_pool *pool = pool_new(host);
    tri_pool_put(host->mutator, pool, rooted(host));
    tri_blocking_begin(host->mutator);
    (void)tri_pool_get(host->mutator, pool);
}

static void slot_of_region(struct host *host)
{
    tri_weak_hook *hook;
    tri_word slot;
    MUST(tri_weak_hook_add(host->heap, NULL, leave_all, NULL, &hook) == TRI_OK);
    tri_ref object = tri_region_alloc(host->mutator, region_of(host), host->link);
    tri_weak_slot_set(host->mutator, hook, &slot, (tri_word)object);
}

static void slot_of_foreign_hook(struct host *host)
{
    struct host other = host_new(NULL);
    tri_weak_hook *hook;
    const tri_word slot = 0;
    MUST(tri_weak_hook_add(other.heap, NULL, leave_all, NULL, &hook) == TRI_OK);
    (void)tri_weak_slot_get(host->mutator, hook, &slot);
}

#define NOWHERE                                                                                    \
    "tri_store: the slot {p} lies neither in an object of the mutator's heap nor in a global "     \
    "slot. Use a mutator of the heap that the object belongs to; a local needs no tri_store"

static const struct misuse checked_misuses[] = {
    {store_by_foreign_mutator, NOWHERE},
    {init_by_foreign_mutator, NOWHERE},
    {store_unrecorded_while_on,
     "tri_store_unrecorded: the barrier is on. Ask tri_barrier_is_on after the last call that is a "
     "safepoint, and use tri_store where it is true"},
    {store_into_local, NOWHERE},
    {store_into_header, NOWHERE},
    {store_unaligned, "tri_store: the slot {p} is not aligned to 8"},
    {store_dead_reference, "tri_store: the reference {p} leads to no object; it was collected "
                           "because no root held it, or its region was freed"},
    {store_after_detach, "tri_store: " DETACHED},
    {store_while_blocked, "tri_store: " BLOCKED},
    {alloc_without_mutator, "tri_alloc: " IS_NULL},
    {alloc_without_type, "tri_alloc: {p} is not a type"},
    {quick_alloc_while_blocked, "tri_alloc: " BLOCKED},
    {quick_alloc_on_wrong_thread, "tri_alloc: " STRANGER},
    {put_into_pool_twice, "tri_pool_put: the object {p} is in the pool already: it was put twice"},
    {put_what_is_no_object,
     "tri_pool_put: {p} is not the start of an object of the mutator's heap"},
    {quick_get_while_blocked, "tri_pool_get: " BLOCKED},
    {slot_of_region,
     "tri_weak_slot_set: the target {p} belongs to a region, whose end no weak reference hears of; "
     "allocate it by tri_alloc"},
    {slot_of_foreign_hook, "tri_weak_slot_get: the hook {p} is not one of the mutator's heap"},
};

START_TEST(checked_misuse_is_named)
{
    check_misuse(&checked_misuses[_i]);
}
END_TEST
#endif

/* ---- Right use says nothing ------------------------------------------------------------------ */

static void use_rightly(const void *argument)
{
    static tri_word slot[1];
    (void)argument;
    struct host host = host_new(NULL);
    MUST(tri_global_add(host.heap, slot, 1) == TRI_OK);
    {
        TRI_FRAME(host.mutator, 2);
        TRI_LOCAL(0) = list_new(host.mutator, host.link, 1000);
        TRI_LOCAL(1) = tri_alloc_array(host.mutator, host.link, 100);
        struct link *array = TRI_LOCAL(1);
        tri_store_ref(host.mutator, &array[99].next, TRI_LOCAL(0));
        tri_store_ref(host.mutator, &slot[0], &array[50]); /* an interior reference */
        tri_store_ref(host.mutator, &array[1].next, "a constant outside the heap");
        tri_store(host.mutator, &array[2].next, 42);
    }
    MUST(collect_and_count(host.mutator) == 1001);
    tri_blocking_begin(host.mutator);
    tri_blocking_end(host.mutator);
    tri_mutator_park(host.mutator);
    MUST(tri_mutator_resume(host.mutator) == TRI_OK);
    tri_safepoint(host.mutator);
    host_end(&host);
}

START_TEST(right_use_is_silent)
{
    expect_life(use_rightly, NULL, "");
}
END_TEST

/* ---- Results --------------------------------------------------------------------------------- */

START_TEST(results_have_texts)
{
    for (int result = TRI_OK; result <= TRI_E_STATE; result++) {
        const char *text = tri_result_text((tri_result)result);
        ck_assert_uint_gt(strlen(text), 5);
        ck_assert_str_ne(text, tri_result_text((tri_result)99));
        ck_assert(text[strlen(text) - 1] != '.');
    }
    ck_assert_str_eq(tri_result_text((tri_result)99), "an unknown result");
}
END_TEST

START_TEST(options_outside_their_range)
{
    tri_heap *const before = (tri_heap *)&before;
    tri_heap *heap = before;
    tri_heap_options options = options_new();
    ck_assert_int_eq(tri_heap_create(NULL, &options), TRI_E_INVALID);
    options.size--;
    ck_assert_int_eq(tri_heap_create(&heap, &options), TRI_E_INVALID);
    options = options_new();
    options.markers = -2;
    ck_assert_int_eq(tri_heap_create(&heap, &options), TRI_E_INVALID);
    options = options_new();
    options.memory_limit = -1;
    ck_assert_int_eq(tri_heap_create(&heap, &options), TRI_E_INVALID);
    options = options_new();
    options.trace_form = (tri_trace_form)(TRI_TRACE_JSON + 1);
    ck_assert_int_eq(tri_heap_create(&heap, &options), TRI_E_INVALID);
    options = options_new();
    options.value_encoding.pattern = 1;
    ck_assert_int_eq(tri_heap_create(&heap, &options), TRI_E_INVALID);
    options = options_new();
    options.value_encoding.address = 0;
    ck_assert_int_eq(tri_heap_create(&heap, &options), TRI_E_INVALID);
    options = options_new();
    options.memory_limit_percent = 101;
    ck_assert_int_eq(tri_heap_create(&heap, &options), TRI_E_INVALID);
    options = options_new();
    options.memory_limit_percent = -1;
    ck_assert_int_eq(tri_heap_create(&heap, &options), TRI_E_INVALID);
    options = options_new();
    options.trace_form = (tri_trace_form)3;
    ck_assert_int_eq(tri_heap_create(&heap, &options), TRI_E_INVALID);
    ck_assert_ptr_eq(heap, before); /* untouched */
}
END_TEST

START_TEST(processors_outside_their_range)
{
    static const double bad[] = {-1.0, 0.009, 65537.0, 1e300, HUGE_VAL, -HUGE_VAL, NAN};
    static const double good[] = {0.0, 0.01, 0.5, 1.0, 65536.0};
    for (size_t i = 0; i < LENGTH(bad); i++) {
        tri_heap *heap = NULL;
        tri_heap_options options = options_new();
        options.processors = bad[i];
        ck_assert_int_eq(tri_heap_create(&heap, &options), TRI_E_INVALID);
        ck_assert_ptr_null(heap);
    }
    for (size_t i = 0; i < LENGTH(good); i++) {
        tri_heap_options options = options_new();
        options.processors = good[i];
        struct host host = host_new(&options);
        ck_assert_uint_eq(collect_and_count(host.mutator), 0);
        host_end(&host);
    }
}
END_TEST

START_TEST(states_that_do_not_allow_a_call)
{
    struct host host = host_new(NULL);
    struct host other = host_new(NULL);
    tri_mutator *mutator = NULL;
    ck_assert_int_eq(tri_mutator_attach(host.heap, &mutator), TRI_E_STATE);
    ck_assert_ptr_null(mutator);
    ck_assert_ptr_eq(tri_mutator_current(host.heap), host.mutator);
    ck_assert_ptr_eq(tri_mutator_current(other.heap), other.mutator);
    ck_assert_ptr_eq(tri_mutator_heap(host.mutator), host.heap);

    ck_assert_int_eq(tri_mutator_resume(host.mutator), TRI_E_STATE); /* not parked */
    tri_mutator_park(host.mutator);
    ck_assert_ptr_null(tri_mutator_current(host.heap));
    mutator = attach(host.heap);
    ck_assert_int_eq(tri_mutator_resume(host.mutator), TRI_E_STATE); /* this thread has one */
    tri_mutator_detach(mutator);
    tri_mutator_detach(host.mutator); /* parked: any thread may */
    ck_assert_uint_eq(stats_of(host.heap).mutators, 0);
    ck_assert_int_eq(tri_mutator_attach(host.heap, &host.mutator), TRI_OK);

    tri_stats stats = {.size = 8};
    ck_assert_int_eq(tri_stats_read(host.heap, &stats), TRI_E_INVALID);
    ck_assert_int_eq(tri_stats_read(host.heap, NULL), TRI_E_INVALID);
    host_end(&other);
    host_end(&host);
}
END_TEST

START_TEST(limits_are_returned_as_they_were)
{
    tri_heap_options options = options_new();
    options.gc_percent = 150;
    options.memory_limit = 1000000000;
    struct host host = host_new(&options);
    ck_assert_int_eq(tri_set_gc_percent(host.heap, -5), 150);
    ck_assert_int_eq(tri_set_gc_percent(host.heap, 0), TRI_GC_PERCENT_OFF);
    ck_assert_int_eq(tri_set_gc_percent(host.heap, 77), 0);
    ck_assert_int_eq(tri_set_memory_limit(host.heap, -1), 1000000000); /* changes nothing */
    ck_assert_int_eq(tri_set_memory_limit(host.heap, TRI_MEMORY_LIMIT_OFF), 1000000000);
    ck_assert_int_eq(tri_set_memory_limit(host.heap, 0), TRI_MEMORY_LIMIT_OFF);
    host_end(&host);
}
END_TEST

/* ---- Types that contradict themselves -------------------------------------------------------- */

static const tri_field good_field[] = {{0, TRI_FIELD_POINTER}};
static const tri_field outside_field[] = {{0, TRI_FIELD_POINTER}, {16, TRI_FIELD_VALUE}};
static const tri_field straddling_field[] = {{8, TRI_FIELD_POINTER}};
static const tri_field unaligned_field[] = {{4, TRI_FIELD_POINTER}};
static const tri_field strange_field[] = {{0, 7}};
static const tri_field far_field[] = {{UINT32_MAX - 7, TRI_FIELD_POINTER}};
static const tri_encoding bad_encoding = {1, 3, ~(tri_word)7};

#define WITH_FIELDS(array)                                                                         \
    {                                                                                              \
        TRI_LAYOUT_FIELDS, LENGTH(array), (array), NULL, NULL                                      \
    }
#define OF_KIND(kind)                                                                              \
    {                                                                                              \
        (kind), 0, NULL, NULL, NULL                                                                \
    }
#define DESC      sizeof(tri_type_desc), "bad"
#define LEAF_TAIL 0, OF_KIND(TRI_LAYOUT_LEAF)

#define NO_FINALIZER NULL, NULL

struct bad_type {
    tri_type_desc desc;
    tri_result result;
    const char *problem;
};

static const struct bad_type bad_types[] = {
    {{DESC, 16, 0, WITH_FIELDS(outside_field), LEAF_TAIL, NO_FINALIZER},
     TRI_E_INVALID,
     "a field lies outside the size"},
    {{DESC, 15, 0, WITH_FIELDS(straddling_field), LEAF_TAIL, NO_FINALIZER},
     TRI_E_INVALID,
     "a field lies outside the size"},
    {{DESC, 0, 0, WITH_FIELDS(good_field), LEAF_TAIL, NO_FINALIZER},
     TRI_E_INVALID,
     "a field lies outside the size"},
    {{DESC, 16, 0, WITH_FIELDS(far_field), LEAF_TAIL, NO_FINALIZER},
     TRI_E_INVALID,
     "a field lies outside the size"},
    {{DESC, 16, 0, WITH_FIELDS(unaligned_field), LEAF_TAIL, NO_FINALIZER},
     TRI_E_INVALID,
     "a field's offset is not a multiple of 8"},
    {{DESC, 16, 0, WITH_FIELDS(strange_field), LEAF_TAIL, NO_FINALIZER},
     TRI_E_INVALID,
     "a field's kind is neither TRI_FIELD_POINTER nor TRI_FIELD_VALUE"},
    {{DESC, 16, 0, OF_KIND(TRI_LAYOUT_LEAF), 16, WITH_FIELDS(outside_field), NO_FINALIZER},
     TRI_E_INVALID,
     "a field lies outside the size"},
    {{DESC, 16, 0, {TRI_LAYOUT_FIELDS, 1, NULL, NULL, NULL}, LEAF_TAIL, NO_FINALIZER},
     TRI_E_INVALID,
     "the layout has a field_count but no fields"},
    {{DESC, 16, 0, OF_KIND(TRI_LAYOUT_TRACE), LEAF_TAIL, NO_FINALIZER},
     TRI_E_INVALID,
     "a traced layout needs a trace function"},
    {{DESC, 16, 0, OF_KIND((tri_layout_kind)9), LEAF_TAIL, NO_FINALIZER},
     TRI_E_INVALID,
     "the layout's kind is none of tri_layout_kind"},
    {{DESC, 16, 0, {TRI_LAYOUT_ALL_WORDS, 0, NULL, &bad_encoding, NULL}, LEAF_TAIL, NO_FINALIZER},
     TRI_E_INVALID,
     "the encoding's pattern has bits outside its mask, or its address has no bits"},
    {{DESC, 16, TRI_TYPE_UNINITIALIZED, WITH_FIELDS(good_field), LEAF_TAIL, NO_FINALIZER},
     TRI_E_INVALID,
     "TRI_TYPE_UNINITIALIZED is for leaf types only"},
    {{DESC, 16, TRI_TYPE_UNINITIALIZED, OF_KIND(TRI_LAYOUT_LEAF), 8, WITH_FIELDS(good_field),
      NO_FINALIZER},
     TRI_E_INVALID,
     "TRI_TYPE_UNINITIALIZED is for leaf types only"},
    {{DESC, 16, 8, OF_KIND(TRI_LAYOUT_LEAF), LEAF_TAIL, NO_FINALIZER},
     TRI_E_INVALID,
     "a bit of flags is none of TRI_TYPE_..."},
    {{DESC, 12, 0, OF_KIND(TRI_LAYOUT_LEAF), 8, WITH_FIELDS(good_field), NO_FINALIZER},
     TRI_E_INVALID,
     "size and trailing_size must be multiples of 8 where trailing elements hold references"},
    {{sizeof(tri_type_desc), "", 16, 0, OF_KIND(TRI_LAYOUT_LEAF), LEAF_TAIL, NO_FINALIZER},
     TRI_E_INVALID,
     "a type needs a name"},
    {{sizeof(tri_type_desc), NULL, 16, 0, OF_KIND(TRI_LAYOUT_LEAF), LEAF_TAIL, NO_FINALIZER},
     TRI_E_INVALID,
     "a type needs a name"},
    {{8, "bad", 16, 0, OF_KIND(TRI_LAYOUT_LEAF), LEAF_TAIL, NO_FINALIZER},
     TRI_E_INVALID,
     "desc_size is not sizeof(tri_type_desc): begin with TRI_TYPE_DESC"},
    {{DESC, TRI_TYPE_SIZE_MAX + 1, 0, OF_KIND(TRI_LAYOUT_LEAF), LEAF_TAIL, NO_FINALIZER},
     TRI_E_TOO_LARGE,
     "size or trailing_size is over TRI_TYPE_SIZE_MAX"},
    {{DESC, 16, 0, OF_KIND(TRI_LAYOUT_LEAF), TRI_TYPE_SIZE_MAX + 1, OF_KIND(TRI_LAYOUT_LEAF),
      NO_FINALIZER},
     TRI_E_TOO_LARGE,
     "size or trailing_size is over TRI_TYPE_SIZE_MAX"},
};

START_TEST(bad_types_are_told)
{
    const struct bad_type *bad = &bad_types[_i];
    tri_heap_options options = options_new();
    struct log_lines lines = {0};
    options.log = log_keep;
    options.log_argument = &lines;
    struct host host = host_new(&options);
    tri_type *type = host.leaf;
    char expected[256];
    const char *name = bad->desc.name == NULL ? "(no name)" : bad->desc.name;
    ck_assert_int_eq(tri_type_define(host.heap, &bad->desc, &type), bad->result);
    ck_assert_ptr_eq(type, host.leaf); /* untouched */
    (void)snprintf(expected, sizeof expected, "trillium: tri_type_define: %s: %s", name,
                   bad->problem);
    ck_assert_str_eq(lines.last, expected);
    ck_assert_uint_eq(lines.count, 1);
    ck_assert_int_eq(tri_type_define(host.heap, NULL, &type), TRI_E_INVALID);
    ck_assert_int_eq(tri_type_define(host.heap, &bad->desc, NULL), TRI_E_INVALID);
    host_end(&host);
}
END_TEST

/* ---- Out of memory --------------------------------------------------------------------------- */

#define SMALL_HEAP ((size_t)4 << 20)
#define BLOCK_HEAP ((size_t)16 << 20)

static tri_heap_options small_heap(size_t bytes)
{
    tri_heap_options options = options_new();
    options.max_heap = bytes;
    options.stress = 0; /* a list that fills the heap: too slow otherwise */
    return options;
}

static void exhaust(const void *argument)
{
    const tri_heap_options *options = argument;
    struct host host = host_new(options);
    (void)list_new(host.mutator, host.link, UINT64_MAX);
}

#define OOM_SIZES(limit)                                                                           \
    "The heap has {n} bytes live and {n} in use; its limit is " limit ". A collection has just "   \
    "been made. Raise max_heap, hold less, or install an oom_handler; tri_try_alloc gives "        \
    "TRI_NULL instead.\n"

START_TEST(exhaustion_prints_the_sizes_and_aborts)
{
    tri_heap_options options = small_heap(SMALL_HEAP);
    expect_death(exhaust, &options,
                 "trillium: fatal: out of memory: 16 bytes for an object of type link.\n" OOM_SIZES(
                     "4194304"));
}
END_TEST

static void exhaust_by_one(const void *argument)
{
    const tri_heap_options *options = argument;
    struct host host = host_new(options);
    (void)tri_alloc_array(host.mutator, host.leaf, SMALL_HEAP / 16 + 1);
}

START_TEST(exhaustion_by_one_object)
{
    tri_heap_options options = small_heap(SMALL_HEAP);
    expect_death(exhaust_by_one, &options,
                 "trillium: fatal: out of memory: 4202496 bytes for an object of type "
                 "leaf.\n" OOM_SIZES("4194304"));
}
END_TEST

struct handler {
    tri_oom_action action;
    unsigned calls;
    tri_oom_info info;
    tri_heap *heap;
    tri_mutator *mutator;
    tri_handle *handles[64];
    unsigned count;
};

/* A host's handler: remembers what it was told, and drops the oldest handle where it shall. */
static tri_oom_action handle_exhaustion(tri_heap *heap, const tri_oom_info *info, void *argument)
{
    struct handler *handler = argument;
    handler->calls++;
    handler->info = *info;
    MUST(handler->heap == NULL || heap == handler->heap);
    if (handler->action == TRI_OOM_RETRY) {
        MUST(handler->count > 0);
        handler->count--;
        tri_handle_destroy(handler->mutator, handler->handles[handler->count]);
    }
    return handler->action;
}

START_TEST(exhaustion_asks_a_handler_that_aborts)
{
    struct handler handler = {.action = TRI_OOM_ABORT};
    tri_heap_options options = small_heap(SMALL_HEAP);
    options.oom_handler = handle_exhaustion;
    options.oom_argument = &handler;
    expect_death(exhaust, &options,
                 "trillium: fatal: out of memory: 16 bytes for an object of type link.\n" OOM_SIZES(
                     "4194304"));
}
END_TEST

/* Arrays of 1 MB less a little, held by handles, until there is no room. */
static void fill_with_handles(struct host *host, struct handler *handler)
{
    tri_ref array;
    while ((array = tri_try_alloc_array(host->mutator, host->leaf, 60000)) != TRI_NULL) {
        MUST(handler->count < LENGTH(handler->handles));
        MUST(tri_handle_create(host->mutator, array, &handler->handles[handler->count++]) ==
             TRI_OK);
    }
}

static struct host host_with_handler(struct handler *handler)
{
    tri_heap_options options = small_heap(BLOCK_HEAP);
    options.oom_handler = handle_exhaustion;
    options.oom_argument = handler;
    struct host host = host_new(&options);
    handler->heap = host.heap;
    handler->mutator = host.mutator;
    return host;
}

START_TEST(handler_may_fail_the_allocation)
{
    struct handler handler = {.action = TRI_OOM_FAIL};
    struct host host = host_with_handler(&handler);
    fill_with_handles(&host, &handler);
    ck_assert_uint_ge(handler.count, 12);
    ck_assert_uint_eq(handler.calls, 0); /* tri_try_... never asks */
    uint64_t live = collect_and_count(host.mutator);
    ck_assert_uint_eq(live, handler.count);

    ck_assert_ptr_null(tri_alloc_array(host.mutator, host.leaf, 60001));
    ck_assert_uint_eq(handler.calls, 1);
    ck_assert_uint_eq(handler.info.requested, 966656); /* 960016 bytes in pages of 8 KiB */
    ck_assert_uint_eq(handler.info.heap_limit, BLOCK_HEAP);
    ck_assert_uint_ge(handler.info.heap_live, handler.count * UINT64_C(960000));
    ck_assert_uint_ge(handler.info.heap_in_use, handler.info.heap_live);
    ck_assert_uint_le(handler.info.heap_in_use, BLOCK_HEAP);
    ck_assert_str_eq(handler.info.type_name, "leaf");

    ck_assert_ptr_null(tri_alloc_array(host.mutator, host.leaf, BLOCK_HEAP));
    ck_assert_ptr_null(tri_try_alloc_array(host.mutator, host.leaf, SIZE_MAX));
    ck_assert_ptr_null(tri_try_alloc_array(host.mutator, host.leaf, TRI_OBJECT_SIZE_MAX / 16));
    ck_assert_uint_eq(handler.calls, 2);
    /* What is there is as good as before. */
    ck_assert_uint_eq(collect_and_count(host.mutator), live);
    tri_handle_destroy(host.mutator, handler.handles[--handler.count]);
    ck_assert_ptr_nonnull(tri_alloc_array(host.mutator, host.leaf, 60000));
    ck_assert_uint_eq(handler.calls, 2);
    host_end(&host);
}
END_TEST

START_TEST(handler_may_drop_references_and_retry)
{
    struct handler handler = {.action = TRI_OOM_RETRY};
    struct host host = host_with_handler(&handler);
    fill_with_handles(&host, &handler);
    unsigned held = handler.count;
    ck_assert_ptr_nonnull(tri_alloc_array(host.mutator, host.leaf, 60000));
    ck_assert_uint_eq(handler.calls, 1);
    ck_assert_uint_eq(handler.count, held - 1);
    /* As often as it takes. */
    ck_assert_ptr_nonnull(tri_alloc_array(host.mutator, host.leaf, 60000 * 5));
    ck_assert_uint_ge(handler.calls, 4);
    ck_assert_uint_eq(handler.count, held - handler.calls);
    ck_assert_uint_eq(collect_and_count(host.mutator), handler.count);
    host_end(&host);
}
END_TEST

static uint64_t fill_with_links(struct host *host, tri_type *type)
{
    uint64_t count = 0;
    struct link *link;
    TRI_FRAME(host->mutator, 1);
    while ((link = tri_try_alloc(host->mutator, type)) != NULL) {
        tri_init_ref(host->mutator, &link->next, TRI_LOCAL(0));
        TRI_LOCAL(0) = link;
        count++;
    }
    MUST(collect_and_count(host->mutator) == count);
    return count;
}

START_TEST(exhaustion_by_small_objects_and_back)
{
    tri_heap_options options = small_heap(SMALL_HEAP);
    struct host host = host_new(&options);
    for (int round = 0; round < 3; round++) {
        uint64_t count = fill_with_links(&host, host.link);
        ck_assert_uint_gt(count, SMALL_HEAP / 16 * 9 / 10);
        ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    }
    host_end(&host);
}
END_TEST

/* ---- References to what is not there --------------------------------------------------------- */

static tri_word dangling_slot[1];

static void report_dangling(tri_visitor *visitor, tri_mutator *mutator, void *argument)
{
    (void)mutator;
    tri_visit_ref(visitor, *(void **)argument);
}

/* Ways in which a host keeps an address whose object is gone. */
enum dangling {
    BY_FRAME,
    BY_FIELD,
    BY_GLOBAL_SLOT,
    BY_SCANNER,
    BY_HANDLE,
    DANGLINGS
};

struct dangler {
    enum dangling way;
    bool verify;
};

static void dangle(const void *argument)
{
    const struct dangler *dangler = argument;
    tri_heap_options options = options_new();
    options.verify = dangler->verify;
    options.stress = 0;
    struct host host = host_new(&options);
    tri_handle *handle;
    TRI_FRAME(host.mutator, 2);
    TRI_LOCAL(0) = link_new(host.mutator, host.link, 1);
    MUST(tri_handle_create(host.mutator, TRI_NULL, &handle) == TRI_OK);
    MUST(tri_global_add(host.heap, dangling_slot, 1) == TRI_OK);
    void *dead = link_new(host.mutator, host.leaf, 2);
    tri_collect(host.mutator);
    switch (dangler->way) {
    case BY_FRAME:
        TRI_LOCAL(1) = dead;
        break;
    case BY_FIELD:
        ((struct link *)TRI_LOCAL(0))->next = dead;
        break;
    case BY_GLOBAL_SLOT:
        dangling_slot[0] = (tri_word)dead;
        break;
    case BY_SCANNER:
        tri_roots_set_scanner(host.mutator, report_dangling, &dead);
        break;
    default:
        tri_handle_set(host.mutator, handle, dead);
        break;
    }
    tri_collect(host.mutator);
    MUST(stats_of(host.heap).heap_objects == 1);
}

START_TEST(verifier_finds_dangling_references)
{
    struct dangler dangler = {(enum dangling)_i, true};
    expect_death(dangle, &dangler,
                 "trillium: fatal: gcverify: the reference {p}, found while marking, points to "
                 "memory that is not an object.\n"
                 "The object it meant was collected earlier, because no root or slot held it then, "
                 "or was never there. Look for a store without tri_store and for a local that no "
                 "frame or scanner shows.\n");
    dangler.verify = false;
    expect_life(dangle, &dangler, "");
}
END_TEST

static void scan_rubbish(tri_visitor *visitor, tri_mutator *mutator, void *argument)
{
    (void)mutator;
    tri_visit_conservatively(visitor, argument, 1);
}

static void doubt(const void *argument)
{
    tri_heap_options options = options_new();
    (void)argument;
    options.verify = true;
    options.stress = 0;
    struct host host = host_new(&options);
    void *dead = link_new(host.mutator, host.leaf, 2);
    tri_roots_set_scanner(host.mutator, scan_rubbish, NULL);
    tri_roots_set_scanner(host.mutator, NULL, NULL);
    tri_collect(host.mutator);
    tri_roots_set_scanner(host.mutator, scan_rubbish, &dead);
    tri_collect(host.mutator);
    MUST(stats_of(host.heap).heap_objects == 0);
}

START_TEST(verifier_does_not_mind_candidates)
{
    expect_life(doubt, NULL, "");
}
END_TEST

/* ---- The environment ------------------------------------------------------------------------- */

struct setting {
    const char *name;
    const char *value;
    const char *complaint; /* between "trillium: " and " is not understood"; NULL: none */
    const char *expected;
    tri_heap_options options; /* the fields that an environment variable sets */
};

static void environment_clear(void)
{
    static const char *const names[] = {"GOGC",    "GOMEMLIMIT", "MEMLIMIT", "GCMARKERS",
                                        "GCPROCS", "GCPERIOD",   "GCGIVEUP", "GCTRACE",
                                        "GODEBUG", "GCDEBUG"};
    for (size_t i = 0; i < LENGTH(names); i++) {
        MUST(unsetenv(names[i]) == 0);
    }
}

static bool options_are_equal(const tri_heap_options *a, const tri_heap_options *b)
{
    return a->gc_percent == b->gc_percent && a->memory_limit == b->memory_limit &&
           a->markers == b->markers && a->trace == b->trace &&
           a->stop_the_world == b->stop_the_world && a->verify == b->verify &&
           a->clobber_free == b->clobber_free && a->stress == b->stress &&
           a->check_mark == b->check_mark && a->memory_limit_percent == b->memory_limit_percent &&
           a->processors == b->processors && a->period_s == b->period_s &&
           a->give_up_s == b->give_up_s && a->trace_form == b->trace_form &&
           a->scavenge_trace == b->scavenge_trace && a->pacer_trace == b->pacer_trace &&
           a->free_lazily == b->free_lazily;
}

static void read_environment(const void *argument)
{
    const struct setting *setting = argument;
    tri_heap_options options;
    environment_clear();
    MUST(setenv(setting->name, setting->value, 1) == 0);
    tri_heap_options_init(&options);
    MUST(options.size == sizeof options && options.max_heap == 0);
    MUST(options.heap_minimum == (size_t)4 << 20 && options.background_sweep);
    MUST(options.background_scavenge && options.pressure == NULL);
    MUST(options_are_equal(&options, &setting->options));
}

#define PACED    .gc_percent = 100, .memory_limit = TRI_MEMORY_LIMIT_OFF
#define DEFAULTS PACED, .markers = TRI_MARKERS_AUTO
#define PERCENT  "a percentage such as 100, or off"
#define SIZE                                                                                       \
    "a size such as 2G, 2GiB, 512MiB or 1073741824, a part of the container's limit such as 80%, " \
    "auto for 90% of it, or off"
#define THREADS "a number of threads from 1 to 1024, 0 for none, or auto for as many as processors"
#define BIT     "0 or 1"
#define LEVEL   "0, 1 or 2"
#define FORM    "0, 1, 2 or json"
#define SECONDS "a number of seconds, or off"
#define PROCS   "a number of processors such as 2 or 0.5, or auto"
#define NUMBER  "a number: a cycle at every so many slow paths, or 0"
#define KEYS    "one of the keys in docs/tuning.md"

/* A value of a variable of its own that cannot be understood. */
#define BAD(name, value, expected)                                                                 \
    {                                                                                              \
        name, value, name "=" value, expected,                                                     \
        {                                                                                          \
            DEFAULTS                                                                               \
        }                                                                                          \
    }
/* A key among those of a variable. */
#define BAD_KEY(name, value, key, expected)                                                        \
    {                                                                                              \
        name, value, name ": " key, expected,                                                      \
        {                                                                                          \
            DEFAULTS                                                                               \
        }                                                                                          \
    }
#define GOOD(name, value, ...)                                                                     \
    {                                                                                              \
        name, value, NULL, NULL,                                                                   \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
#define GOOD_LIMIT(value, bytes)                                                                   \
    GOOD("MEMLIMIT", value, .gc_percent = 100, .memory_limit = (bytes),                            \
         .markers = TRI_MARKERS_AUTO),                                                             \
        GOOD("GOMEMLIMIT", value, .gc_percent = 100, .memory_limit = (bytes),                      \
             .markers = TRI_MARKERS_AUTO)
#define GOOD_PART(value, percent)                                                                  \
    GOOD("MEMLIMIT", value, DEFAULTS, .memory_limit_percent = (percent)),                          \
        GOOD("GOMEMLIMIT", value, DEFAULTS, .memory_limit_percent = (percent))
#define GOOD_PERCENT(value, percent)                                                               \
    GOOD("GOGC", value, .gc_percent = (percent), .memory_limit = TRI_MEMORY_LIMIT_OFF,             \
         .markers = TRI_MARKERS_AUTO)

static const struct setting settings[] = {
    BAD("GOGC", "abc", PERCENT),
    BAD("GOGC", "-1", PERCENT),
    BAD("GOGC", "100%", PERCENT),
    BAD("GOGC", " 100", PERCENT),
    BAD("GOGC", "100 ", PERCENT),
    BAD("GOGC", "1e2", PERCENT),
    BAD("GOGC", "OFF", PERCENT),
    BAD("GOGC", "2147483648", PERCENT),
    BAD("GOGC", "99999999999999999999999", PERCENT),
    BAD("MEMLIMIT", "much", SIZE),
    BAD("MEMLIMIT", "1.5GiB", SIZE),
    BAD("MEMLIMIT", "-1", SIZE),
    BAD("MEMLIMIT", "10 MiB", SIZE),
    BAD("MEMLIMIT", "10XB", SIZE),
    BAD("MEMLIMIT", "10gib", SIZE),
    BAD("MEMLIMIT", "MiB", SIZE),
    BAD("MEMLIMIT", "9223372036854775808", SIZE),
    BAD("MEMLIMIT", "8388608TiB", SIZE),
    BAD("MEMLIMIT", "0%", SIZE),
    BAD("MEMLIMIT", "101%", SIZE),
    BAD("MEMLIMIT", "-5%", SIZE),
    BAD("MEMLIMIT", "%", SIZE),
    BAD("MEMLIMIT", "80 %", SIZE),
    BAD("MEMLIMIT", "80%%", SIZE),
    BAD("MEMLIMIT", "80.5%", SIZE),
    BAD("MEMLIMIT", "99999999999999999999999%", SIZE),
    BAD("MEMLIMIT", "Auto", SIZE),
    BAD("GOMEMLIMIT", "twoGiB", SIZE),
    BAD("GOMEMLIMIT", "1PiB", SIZE),
    BAD("GCMARKERS", "two", THREADS),
    BAD("GCMARKERS", "1025", THREADS),
    BAD("GCMARKERS", "-2", THREADS),
    BAD("GCPROCS", "0", PROCS),
    BAD("GCPROCS", "0.009", PROCS),
    BAD("GCPROCS", "65537", PROCS),
    BAD("GCPROCS", "1e2", PROCS),
    BAD("GCPROCS", "0,5", PROCS),
    BAD("GCPROCS", ".5", PROCS),
    BAD("GCPROCS", "1.", PROCS),
    BAD("GCPROCS", ".", PROCS),
    BAD("GCPROCS", "1.5.2", PROCS),
    BAD("GCPROCS", "-1", PROCS),
    BAD("GCPROCS", "inf", PROCS),
    BAD("GCPROCS", "nan", PROCS),
    BAD("GCPROCS", "2 ", PROCS),
    BAD("GCPERIOD", "-1", SECONDS),
    BAD("GCPERIOD", "2m", SECONDS),
    BAD("GCPERIOD", "1.5", SECONDS),
    BAD("GCPERIOD", "4294967296", SECONDS),
    BAD("GCGIVEUP", "never", SECONDS),
    BAD("GCTRACE", "yes", FORM),
    BAD("GCTRACE", "3", FORM),
    BAD("GCTRACE", "JSON", FORM),
    BAD("GCTRACE", "json,1", FORM),
    BAD_KEY("GODEBUG", "gctrace=x", "gctrace=x", LEVEL),
    BAD_KEY("GODEBUG", "gctrace=json", "gctrace=json", LEVEL),
    BAD_KEY("GODEBUG", "scavtrace=2", "scavtrace=2", BIT),
    BAD_KEY("GODEBUG", "gcpacertrace=on", "gcpacertrace=on", BIT),
    BAD_KEY("GODEBUG", "madvdontneed=2", "madvdontneed=2", BIT),
    BAD_KEY("GODEBUG", "gcstoptheworld=2", "gcstoptheworld=2", BIT),
    BAD_KEY("GODEBUG", "clobberfree=", "clobberfree=", BIT),
    BAD_KEY("GODEBUG", "gccheckmark=x", "gccheckmark=x", BIT),
    BAD_KEY("GODEBUG", "inittrace=1,gctrace=,x=1", "gctrace=", LEVEL),
    BAD_KEY("GCDEBUG", "gcverify=2", "gcverify=2", BIT),
    BAD_KEY("GCDEBUG", "gcverify=-1", "gcverify=-1", BIT),
    BAD_KEY("GCDEBUG", "clobberfree=x", "clobberfree=x", BIT),
    BAD_KEY("GCDEBUG", "gcstoptheworld=", "gcstoptheworld=", BIT),
    BAD_KEY("GCDEBUG", "gcstress=often", "gcstress=often", NUMBER),
    BAD_KEY("GCDEBUG", "gcstress=4294967296", "gcstress=4294967296", NUMBER),
    BAD_KEY("GCDEBUG", "scavtrace=x", "scavtrace=x", BIT),
    BAD_KEY("GCDEBUG", "gcpacertrace=2", "gcpacertrace=2", BIT),
    BAD_KEY("GCDEBUG", "madvdontneed=-1", "madvdontneed=-1", BIT),
    BAD_KEY("GCDEBUG", "gctraceold=yes", "gctraceold=yes", BIT),
    BAD_KEY("GCDEBUG", "verify=1", "verify=1", KEYS),
    BAD_KEY("GCDEBUG", "=1", "=1", KEYS),

    GOOD_PERCENT("100", 100),
    GOOD_PERCENT("0", 0),
    GOOD_PERCENT("50", 50),
    GOOD_PERCENT("007", 7),
    GOOD_PERCENT("2147483647", INT32_MAX),
    GOOD_PERCENT("off", TRI_GC_PERCENT_OFF),
    GOOD_PERCENT("", 100), /* as not set */
    GOOD_LIMIT("off", TRI_MEMORY_LIMIT_OFF),
    GOOD_LIMIT("0", 0),
    GOOD_LIMIT("1073741824", INT64_C(1) << 30),
    GOOD_LIMIT("123B", 123),
    GOOD_LIMIT("3KiB", 3 << 10),
    GOOD_LIMIT("512MiB", INT64_C(512) << 20),
    GOOD_LIMIT("2GiB", INT64_C(2) << 30),
    GOOD_LIMIT("1TiB", INT64_C(1) << 40),
    GOOD("MEMLIMIT", "2G", .gc_percent = 100, .memory_limit = INT64_C(2) << 30,
         .markers = TRI_MARKERS_AUTO),
    GOOD("MEMLIMIT", "5K", .gc_percent = 100, .memory_limit = 5 << 10, .markers = TRI_MARKERS_AUTO),
    GOOD("MEMLIMIT", "6MB", .gc_percent = 100, .memory_limit = 6 << 20,
         .markers = TRI_MARKERS_AUTO),
    GOOD_LIMIT("9223372036854775807", INT64_MAX),
    GOOD_PART("1%", 1),
    GOOD_PART("80%", 80),
    GOOD_PART("100%", 100),
    GOOD_PART("auto", 90),
    GOOD("GCPROCS", "auto", DEFAULTS),
    GOOD("GCPROCS", "2", DEFAULTS, .processors = 2.0),
    GOOD("GCPROCS", "0.5", DEFAULTS, .processors = 0.5),
    GOOD("GCPROCS", "0.25000000000000000000", DEFAULTS, .processors = 0.25),
    GOOD("GCPROCS", "12.75", DEFAULTS, .processors = 12.75),
    GOOD("GCPROCS", "65536", DEFAULTS, .processors = 65536.0),
    GOOD("GCPERIOD", "off", DEFAULTS),
    GOOD("GCPERIOD", "0", DEFAULTS),
    GOOD("GCPERIOD", "120", DEFAULTS, .period_s = 120),
    GOOD("GCPERIOD", "4294967295", DEFAULTS, .period_s = UINT32_MAX),
    GOOD("GCGIVEUP", "30", DEFAULTS, .give_up_s = 30),
    GOOD("GCGIVEUP", "off", DEFAULTS),
    GOOD("GCMARKERS", "0", PACED, .markers = 0),
    GOOD("GCMARKERS", "auto", DEFAULTS),
    GOOD("GCMARKERS", "1", PACED, .markers = 1),
    GOOD("GCMARKERS", "1024", PACED, .markers = 1024),
    GOOD("GCTRACE", "0", DEFAULTS),
    GOOD("GCTRACE", "1", DEFAULTS, .trace = 1),
    GOOD("GCTRACE", "2", DEFAULTS, .trace = 2),
    GOOD("GCTRACE", "json", DEFAULTS, .trace = 1, .trace_form = TRI_TRACE_JSON),
    GOOD("GODEBUG", "gctrace=1", DEFAULTS, .trace = 1),
    GOOD("GODEBUG", "schedtrace=1000,gctrace=1,madvdontneed=1", DEFAULTS, .trace = 1),
    GOOD("GODEBUG", "madvdontneed=0", DEFAULTS, .free_lazily = true),
    GOOD("GODEBUG", "scavtrace=1,gcpacertrace=1", DEFAULTS, .scavenge_trace = true,
         .pacer_trace = true),
    GOOD("GODEBUG", "gcstoptheworld=1,clobberfree=1,gccheckmark=1", DEFAULTS,
         .stop_the_world = true, .clobber_free = true, .check_mark = true),
    GOOD("GODEBUG", "gcverify=1,gcstress=2,gctraceold=1", DEFAULTS), /* keys of GCDEBUG only */
    GOOD("GODEBUG", ",,gctrace=0,", DEFAULTS),
    GOOD("GODEBUG", "gctracer=1", DEFAULTS),
    GOOD("GCDEBUG", "gcverify=1", DEFAULTS, .verify = true),
    GOOD("GCDEBUG", "gcverify=1,gcverify=0", DEFAULTS),
    GOOD("GCDEBUG", "clobberfree=1,gcstress=7,gcstoptheworld=1,gcverify=1", DEFAULTS,
         .clobber_free = true, .stress = 7, .stop_the_world = true, .verify = true),
    GOOD("GCDEBUG", "gcstress=4294967295", DEFAULTS, .stress = UINT32_MAX),
    GOOD("GCDEBUG", "scavtrace=1,gcpacertrace=1", DEFAULTS, .scavenge_trace = true,
         .pacer_trace = true),
    GOOD("GCDEBUG", "madvdontneed=0", DEFAULTS, .free_lazily = true),
    GOOD("GCDEBUG", "madvdontneed=0,madvdontneed=1", DEFAULTS),
    GOOD("GCDEBUG", "gctraceold=1", DEFAULTS, .trace_form = TRI_TRACE_GO_1_6),
    GOOD("GCDEBUG", "gctraceold=1,gctraceold=0", DEFAULTS),
};

START_TEST(environment_is_understood_or_named)
{
    const struct setting *setting = &settings[_i];
    char said[512] = "";
    if (setting->complaint != NULL) {
        (void)snprintf(said, sizeof said,
                       "trillium: %s is not understood: expected %s; the default holds\n",
                       setting->complaint, setting->expected);
    }
    expect_life(read_environment, setting, said);
}
END_TEST

static void read_crowded_environment(const void *argument)
{
    tri_heap_options options;
    (void)argument;
    environment_clear();
    MUST(setenv("GOGC", "x", 1) == 0);
    MUST(setenv("GOMEMLIMIT", "1GiB", 1) == 0);
    MUST(setenv("MEMLIMIT", "2G", 1) == 0); /* ours wins over Go's */
    MUST(setenv("GODEBUG", "gctrace=1", 1) == 0);
    MUST(setenv("GCTRACE", "0", 1) == 0);
    MUST(setenv("GCDEBUG", "gcstress=x,nothing=1,clobberfree=1", 1) == 0);
    tri_heap_options_init(&options);
    MUST(options.gc_percent == 100 && options.memory_limit == INT64_C(2) << 30);
    MUST(options.trace == 0 && options.clobber_free && options.stress == 0);
}

START_TEST(environment_with_several_errors)
{
    expect_life(
        read_crowded_environment, NULL,
        "trillium: GOGC=x is not understood: expected " PERCENT "; the default holds\n"
        "trillium: GCDEBUG: gcstress=x is not understood: expected " NUMBER "; the default holds\n"
        "trillium: GCDEBUG: nothing=1 is not understood: expected " KEYS "; the default holds\n");
}
END_TEST

/* What sets one option twice. */
static void read_twofold_environment(const void *argument)
{
    tri_heap_options options;
    (void)argument;
    environment_clear();
    MUST(setenv("GOMEMLIMIT", "80%", 1) == 0);
    MUST(setenv("MEMLIMIT", "2G", 1) == 0);
    MUST(setenv("GODEBUG", "madvdontneed=0,scavtrace=1", 1) == 0);
    MUST(setenv("GCDEBUG", "madvdontneed=1,gctraceold=1", 1) == 0);
    MUST(setenv("GCTRACE", "json", 1) == 0);
    tri_heap_options_init(&options);
    MUST(options.memory_limit == INT64_C(2) << 30 && options.memory_limit_percent == 0);
    MUST(!options.free_lazily && options.scavenge_trace);
    MUST(options.trace == 1 && options.trace_form == TRI_TRACE_GO_1_6);
    MUST(setenv("GOMEMLIMIT", "2G", 1) == 0);
    MUST(setenv("MEMLIMIT", "auto", 1) == 0);
    MUST(setenv("GCDEBUG", "gctraceold=0", 1) == 0);
    tri_heap_options_init(&options);
    MUST(options.memory_limit == TRI_MEMORY_LIMIT_OFF && options.memory_limit_percent == 90);
    MUST(options.free_lazily && options.trace_form == TRI_TRACE_JSON);
}

START_TEST(environment_that_sets_an_option_twice)
{
    expect_life(read_twofold_environment, NULL, "");
}
END_TEST

/* A program says what is wrong at its first heap, and runs. */
static void run_with_bad_environment(const void *argument)
{
    (void)argument;
    environment_clear();
    MUST(setenv("GOGC", "lots", 1) == 0);
    struct host host = host_new(NULL);
    MUST(collect_and_count(host.mutator) == 0);
    host_end(&host);
}

START_TEST(environment_does_not_stop_a_program)
{
    expect_life(run_with_bad_environment, NULL,
                "trillium: GOGC=lots is not understood: expected " PERCENT "; the default holds\n");
}
END_TEST

int main(void)
{
    const struct test_entry tests[] = {
        {misuse_is_named, LENGTH(misuses)},
#if TRI_CHECKED
        {checked_misuse_is_named, LENGTH(checked_misuses)},
#endif
        {right_use_is_silent, 0},
        {results_have_texts, 0},
        {options_outside_their_range, 0},
        {processors_outside_their_range, 0},
        {states_that_do_not_allow_a_call, 0},
        {limits_are_returned_as_they_were, 0},
        {bad_types_are_told, LENGTH(bad_types)},
        {exhaustion_prints_the_sizes_and_aborts, 0},
        {exhaustion_by_one_object, 0},
        {exhaustion_asks_a_handler_that_aborts, 0},
        {handler_may_fail_the_allocation, 0},
        {handler_may_drop_references_and_retry, 0},
        {exhaustion_by_small_objects_and_back, 0},
        {verifier_finds_dangling_references, DANGLINGS},
        {verifier_does_not_mind_candidates, 0},
        {environment_is_understood_or_named, LENGTH(settings)},
        {environment_with_several_errors, 0},
        {environment_that_sets_an_option_twice, 0},
        {environment_does_not_stop_a_program, 0},
    };
    return scenario_run(TRI_CHECKED ? "errors, checked" : "errors", tests, LENGTH(tests));
}
