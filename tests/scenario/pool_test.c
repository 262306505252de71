/* pool_test.c -- pools as a host uses them: what they spare it, beside cycles, between threads, and
 * when threads go.
 */
#include <trillium/debug.h>

#include "tests/scenario/child.h"

#define BUFFER_BYTES 1024

static tri_type *buffer_type_new(tri_heap *heap)
{
    tri_type_desc desc = TRI_TYPE_DESC("buffer", unsigned char[BUFFER_BYTES]);
    return type_new(heap, &desc);
}

/* ---- What it is for -------------------------------------------------------------------------- */

struct buffers {
    tri_type *type;
    uint64_t made;
};

static tri_ref buffer_new(tri_mutator *mutator, void *argument)
{
    struct buffers *buffers = argument;
    buffers->made++;
    return tri_alloc(mutator, buffers->type);
}

static void use(tri_ref buffer, unsigned byte)
{
    memset(buffer, (int)byte, BUFFER_BYTES);
    MUST(((volatile unsigned char *)buffer)[BUFFER_BYTES / 2] == byte % 256);
}

static uint64_t cycles_without(struct host *host, const struct buffers *buffers, unsigned count)
{
    uint64_t before = stats_of(host->heap).num_gc;
    for (unsigned i = 0; i < count; i++) {
        use(tri_alloc(host->mutator, buffers->type), i);
    }
    return stats_of(host->heap).num_gc - before;
}

static uint64_t cycles_with(struct host *host, tri_pool *pool, unsigned count)
{
    uint64_t before = stats_of(host->heap).num_gc;
    for (unsigned i = 0; i < count; i++) {
        TRI_FRAME(host->mutator, 1);
        TRI_LOCAL(0) = tri_pool_get(host->mutator, pool);
        use(TRI_LOCAL(0), i);
        tri_pool_put(host->mutator, pool, TRI_LOCAL(0));
    }
    return stats_of(host->heap).num_gc - before;
}

/* A million uses take fewer than a thousand buffers, and less than a hundredth of the cycles. */
START_TEST(spares_objects_and_cycles)
{
    struct host host = host_new(NULL);
    struct buffers buffers = {buffer_type_new(host.heap), 0};
    unsigned count = times(1000000, 10000);
    tri_pool *pool;
    ck_assert_int_eq(tri_pool_create(host.heap, buffer_new, &buffers, &pool), TRI_OK);
    uint64_t without = cycles_without(&host, &buffers, count);
    uint64_t with = cycles_with(&host, pool, count);
    ck_assert_uint_lt(buffers.made, 1000);
    if (slowness() == 1) {
        ck_assert_uint_gt(without, 100);
        ck_assert_uint_lt(with * 100, without);
    }
    tri_pool_destroy(pool);
    host_end(&host);
}
END_TEST

START_TEST(wants_a_place_for_the_pool)
{
    struct host host = host_new(NULL);
    ck_assert_int_eq(tri_pool_create(host.heap, NULL, NULL, NULL), TRI_E_INVALID);
    host_end(&host);
}
END_TEST

/* Two collections: what is not used goes, with what it refers to. */
START_TEST(lets_go_of_the_unused)
{
    struct host host = host_new(NULL);
    tri_pool *pool;
    ck_assert_int_eq(tri_pool_create(host.heap, NULL, NULL, &pool), TRI_OK);
    tri_collect(host.mutator); /* else that of gcstress would come between */
    uintptr_t hidden = hide(list_new(host.mutator, host.link, 10));
    tri_pool_put(host.mutator, pool, reveal(hidden));
    ck_assert_uint_eq(collect_and_count(host.mutator), 10);
    ck_assert(list_is_intact(reveal(hidden), 10));
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    ck_assert_ptr_null(tri_pool_get(host.mutator, pool));
    tri_pool_put(host.mutator, pool, list_new(host.mutator, host.link, 10));
    tri_pool_destroy(pool);
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    host_end(&host);
}
END_TEST

/* ---- Threads --------------------------------------------------------------------------------- */

/* An object with one owner at a time, and a list that nobody else refers to. */
struct item {
    struct link *list;
    uint64_t length;
    atomic_uint owners;
};

static const tri_field item_fields[] = {TRI_POINTER_AT(struct item, list)};

struct workshop {
    struct host host;
    tri_type *item;
    tri_pool *pool;
    unsigned rounds;
    atomic_uint made;
    atomic_uint running; /* threads that still put or get */
    atomic_uint got;
};

static tri_ref item_new(tri_mutator *mutator, void *argument)
{
    struct workshop *workshop = argument;
    (void)atomic_fetch_add(&workshop->made, 1);
    return tri_alloc(mutator, workshop->item);
}

static void workshop_begin(struct workshop *workshop, tri_barrier barrier, bool with_function)
{
    tri_heap_options options = options_new();
    options.barrier = barrier;
    *workshop = (struct workshop){.host = host_new(&options), .rounds = times(20000, 2000)};
    tri_type_desc desc = TRI_TYPE_DESC("item", struct item);
    desc.layout = TRI_LAYOUT_OF(item_fields);
    workshop->item = type_new(workshop->host.heap, &desc);
    MUST(tri_pool_create(workshop->host.heap, with_function ? item_new : NULL, workshop,
                         &workshop->pool) == TRI_OK);
}

static void workshop_end(struct workshop *workshop)
{
    tri_pool_destroy(workshop->pool);
    host_end(&workshop->host);
}

/* Give the item, which a frame holds, another list. */
static void work_on(tri_mutator *mutator, const struct workshop *workshop, struct item *item,
                    uint64_t length)
{
    MUST(atomic_fetch_add(&item->owners, 1) == 0);
    MUST(list_is_intact(item->list, item->length));
    struct link *list = list_new(mutator, workshop->host.link, length);
    item->length = length;
    tri_store_ref(mutator, &item->list, list);
    MUST(atomic_fetch_sub(&item->owners, 1) == 1);
}

static void *use_items(void *argument)
{
    struct workshop *workshop = argument;
    tri_mutator *mutator = attach(workshop->host.heap);
    for (unsigned i = 0; i < workshop->rounds; i++) {
        TRI_FRAME(mutator, 3);
        for (unsigned k = 0; k <= i % 3; k++) {
            TRI_LOCAL(k) = tri_pool_get(mutator, workshop->pool);
            work_on(mutator, workshop, TRI_LOCAL(k), i % 10);
        }
        for (unsigned k = 0; k <= i % 3; k++) {
            tri_pool_put(mutator, workshop->pool, TRI_LOCAL(k));
            TRI_LOCAL(k) = TRI_NULL;
        }
        if (i % 1000 == 0) {
            tri_collect(mutator);
        } else if (i % 1000 == 500) {
            tri_mutator_park(mutator);
            MUST(tri_mutator_resume(mutator) == TRI_OK);
        }
    }
    tri_mutator_detach(mutator);
    return NULL;
}

static const tri_barrier barriers[] = {TRI_BARRIER_HYBRID, TRI_BARRIER_INSERTION};

/* Several threads, which collect all the time. */
START_TEST(used_by_many)
{
    struct workshop workshop;
    pthread_t threads[4];
    workshop_begin(&workshop, barriers[_i], true);
    for (size_t i = 0; i < LENGTH(threads); i++) {
        threads[i] = thread_new(use_items, &workshop);
    }
    for (size_t i = 0; i < LENGTH(threads); i++) {
        thread_join_blocked(workshop.host.mutator, threads[i]);
    }
    workshop_end(&workshop);
}
END_TEST

static void *put_items(void *argument)
{
    struct workshop *workshop = argument;
    tri_mutator *mutator = attach(workshop->host.heap);
    for (unsigned i = 0; i < workshop->rounds; i++) {
        TRI_FRAME(mutator, 1);
        TRI_LOCAL(0) = tri_alloc(mutator, workshop->item);
        work_on(mutator, workshop, TRI_LOCAL(0), i % 10);
        tri_pool_put(mutator, workshop->pool, TRI_LOCAL(0));
    }
    (void)atomic_fetch_sub(&workshop->running, 1);
    tri_mutator_detach(mutator);
    return NULL;
}

static void *get_items(void *argument)
{
    struct workshop *workshop = argument;
    tri_mutator *mutator = attach(workshop->host.heap);
    bool last = false;
    while (!last) {
        last = atomic_load(&workshop->running) == 0;
        for (struct item *item; (item = tri_pool_get(mutator, workshop->pool)) != NULL;) {
            TRI_FRAME(mutator, 1);
            TRI_LOCAL(0) = item;
            (void)atomic_fetch_add(&workshop->got, 1);
            work_on(mutator, workshop, item, 3);
        }
        tri_safepoint(mutator);
    }
    tri_mutator_detach(mutator);
    return NULL;
}

/* One only puts, another one only gets. */
START_TEST(from_one_to_another)
{
    struct workshop workshop;
    workshop_begin(&workshop, barriers[_i], false);
    workshop.running = 1;
    pthread_t giver = thread_new(put_items, &workshop);
    pthread_t taker = thread_new(get_items, &workshop);
    thread_join_blocked(workshop.host.mutator, giver);
    thread_join_blocked(workshop.host.mutator, taker);
    ck_assert_uint_gt(workshop.got, 0);
    ck_assert_uint_le(workshop.got, workshop.rounds);
    workshop_end(&workshop);
}
END_TEST

/* ---- Threads that go ------------------------------------------------------------------------- */

enum leaving {
    LEAVING_DETACHED,
    LEAVING_PARKED,
    LEAVING_FORGOTTEN, /* its thread ends without having detached it */
    LEAVINGS
};

struct leaver {
    struct host *host;
    tri_pool *pool;
    uintptr_t hidden;
    enum leaving how;
};

static void *leave(void *argument)
{
    struct leaver *leaver = argument;
    tri_mutator *mutator = attach(leaver->host->heap);
    tri_ref list = list_new(mutator, leaver->host->link, 10);
    leaver->hidden = hide(list);
    tri_pool_put(mutator, leaver->pool, list);
    if (leaver->how == LEAVING_DETACHED) {
        tri_mutator_detach(mutator);
    } else if (leaver->how == LEAVING_PARKED) {
        tri_mutator_park(mutator);
    }
    return NULL;
}

/* Others get what it had. */
START_TEST(left_by_a_thread)
{
    struct log_lines lines = {0};
    tri_heap_options options = options_new();
    options.stress = 0; /* two cycles would empty the pool */
    options.log = log_keep;
    options.log_argument = &lines;
    struct host host = host_new(&options);
    struct leaver leaver = {.host = &host, .how = (enum leaving)_i};
    ck_assert_int_eq(tri_pool_create(host.heap, NULL, NULL, &leaver.pool), TRI_OK);
    thread_join_blocked(host.mutator, thread_new(leave, &leaver));
    ck_assert_ptr_eq(tri_pool_get(host.mutator, leaver.pool), reveal(leaver.hidden));
    ck_assert(list_is_intact(reveal(leaver.hidden), 10));
    ck_assert_ptr_null(tri_pool_get(host.mutator, leaver.pool));
    ck_assert_uint_eq(lines.count, leaver.how == LEAVING_FORGOTTEN ? 1 : 0);
    if (leaver.how != LEAVING_PARKED) {
        host_end(&host);
    }
}
END_TEST

/* The child has what its thread had, and what all had in common. */
static void use_in_child(const void *argument)
{
    const struct leaver *leaver = argument;
    tri_mutator *mutator = leaver->host->mutator;
    MUST(tri_pool_get(mutator, leaver->pool) == reveal(leaver->hidden));
    MUST(list_is_intact(reveal(leaver->hidden), 10));
    unsigned count = 0;
    for (struct link *list; (list = tri_pool_get(mutator, leaver->pool)) != NULL; count++) {
        MUST(list_is_intact(list, 3));
    }
    MUST(count == 100);
    tri_pool_put(mutator, leaver->pool, list_new(mutator, leaver->host->link, 5));
    tri_collect(mutator);
    MUST(list_is_intact(tri_pool_get(mutator, leaver->pool), 5));
    tri_pool_destroy(leaver->pool);
    host_end(leaver->host);
}

START_TEST(forked)
{
    tri_heap_options options = options_new();
    options.stress = 0;
    struct host host = host_new(&options);
    struct leaver leaver = {.host = &host};
    ck_assert_int_eq(tri_pool_create(host.heap, NULL, NULL, &leaver.pool), TRI_OK);
    for (unsigned i = 0; i < 100; i++) {
        tri_pool_put(host.mutator, leaver.pool, list_new(host.mutator, host.link, 3));
    }
    leaver.hidden = hide(list_new(host.mutator, host.link, 10));
    tri_pool_put(host.mutator, leaver.pool, reveal(leaver.hidden));
    struct outcome outcome = child_run(use_in_child, &leaver);
    ck_assert_str_eq(outcome.said, "");
    ck_assert_int_eq(outcome.status, 0);
    host_end(&host);
}
END_TEST

int main(void)
{
    const struct test_entry tests[] = {
        {spares_objects_and_cycles, 0},
        {wants_a_place_for_the_pool, 0},
        {lets_go_of_the_unused, 0},
        {used_by_many, LENGTH(barriers)},
        {from_one_to_another, LENGTH(barriers)},
        {left_by_a_thread, LEAVINGS},
        {forked, 0},
    };
    return scenario_run("pool", tests, LENGTH(tests));
}
