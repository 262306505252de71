/* walk_test.c -- tri_heap_each: every live object once, no garbage, while the program goes on. */
#include <stdlib.h>
#include <trillium/debug.h>

#include "tests/scenario/scenario.h"

/* ---- A host's listing ------------------------------------------------------------------------ */

/* What a walk has met. */
struct listing {
    struct host *host;
    unsigned objects;
    size_t bytes;
    uint64_t numbers; /* of links and leaves: the sum */
    unsigned seen[4096];
};

static void list(tri_ref object, tri_type *type, size_t bytes, void *argument)
{
    struct listing *listing = argument;
    tri_heap *heap = listing->host->heap;
    MUST(tri_object_base(heap, object) == object);
    MUST(tri_object_type(heap, object) == type && tri_object_size(heap, object) == bytes);
    listing->objects++;
    listing->bytes += bytes;
}

static void list_links(tri_ref object, tri_type *type, size_t bytes, void *argument)
{
    struct listing *listing = argument;
    const struct link *link = object;
    list(object, type, bytes, argument);
    MUST(type == listing->host->link && link->number < LENGTH(listing->seen));
    listing->numbers += link->number;
    listing->seen[link->number]++;
}

static bool saw_each_once(const struct listing *listing, unsigned count)
{
    for (unsigned i = 0; i < LENGTH(listing->seen); i++) {
        if (listing->seen[i] != (i < count ? 1U : 0U)) {
            return false;
        }
    }
    return true;
}

/* ---- Alone ----------------------------------------------------------------------------------- */

START_TEST(an_empty_heap_has_nothing)
{
    struct host host = host_new(NULL);
    struct listing listing = {.host = &host};
    ck_assert_uint_eq(tri_heap_each(host.mutator, NULL, list, &listing), 0);
    ck_assert_uint_eq(listing.objects, 0);
    host_end(&host);
}
END_TEST

START_TEST(each_live_link_once_and_no_garbage)
{
    struct host host = host_new(NULL);
    struct listing *listing = calloc(1, sizeof *listing);
    listing->host = &host;
    {
        TRI_FRAME(host.mutator, 1);
        for (unsigned i = 0; i < 3000; i++) {
            (void)list_new(host.mutator, host.link, 2); /* garbage between */
            struct link *link = link_new(host.mutator, host.link, i);
            tri_init_ref(host.mutator, &link->next, TRI_LOCAL(0));
            TRI_LOCAL(0) = link;
            (void)tri_alloc(host.mutator, host.leaf);
        }
        ck_assert_uint_eq(tri_heap_each(host.mutator, host.link, list_links, listing), 3000);
        ck_assert_uint_eq(listing->objects, 3000);
        ck_assert(saw_each_once(listing, 3000));
        ck_assert_uint_eq(tri_heap_each(host.mutator, host.leaf, list, listing), 0);
    }
    free(listing);
    host_end(&host);
}
END_TEST

/* Few of a type, which share spans; many; arrays; large ones; the one and the other with trailing
 * elements. */
START_TEST(all_kinds_of_objects)
{
    struct host host = host_new(NULL);
    struct listing listing = {.host = &host};
    tri_type_desc rare = TRI_TYPE_DESC("rare", struct link);
    tri_type_desc tailed = TRI_TYPE_DESC("tailed", struct link);
    tailed.trailing_size = 8;
    tri_type *rare_type = type_new(host.heap, &rare);
    tri_type *tailed_type = type_new(host.heap, &tailed);
    {
        TRI_FRAME(host.mutator, 5);
        TRI_LOCAL(0) = tri_alloc(host.mutator, rare_type);
        TRI_LOCAL(1) = list_new(host.mutator, host.link, 100);
        TRI_LOCAL(2) = tri_alloc_array(host.mutator, host.leaf, 20);
        TRI_LOCAL(3) = tri_alloc_array(host.mutator, host.leaf, 10000);
        TRI_LOCAL(4) = tri_alloc_trailing(host.mutator, tailed_type, 3);
        ck_assert_uint_eq(tri_heap_each(host.mutator, NULL, list, &listing), 104);
        ck_assert_uint_ge(listing.bytes, 16 + 100 * 16 + 320 + 160000 + 40);
        ck_assert_uint_eq(tri_heap_each(host.mutator, rare_type, list, &listing), 1);
        ck_assert_uint_eq(tri_heap_each(host.mutator, host.leaf, list, &listing), 2);
        ck_assert_uint_eq(tri_heap_each(host.mutator, tailed_type, list, &listing), 1);
    }
    ck_assert_uint_eq(tri_heap_each(host.mutator, NULL, list, &listing), 0);
    host_end(&host);
}
END_TEST

/* ---- What the function may do ---------------------------------------------------------------- */

static void store_and_collect(tri_ref object, tri_type *type, size_t bytes, void *argument)
{
    struct listing *listing = argument;
    tri_mutator *mutator = listing->host->mutator;
    struct link *link = object;
    (void)type;
    (void)bytes;
    listing->objects++;
    (void)list_new(mutator, listing->host->link, 10);
    if (listing->objects % 256 == 1) {
        tri_collect(mutator);
    }
    tri_store_ref(mutator, &link->next, TRI_NULL); /* the rest of the list may die now */
    link->number = 7;
}

/* What dies meanwhile may be met or not, but what is met is an object as long as it is looked
 * at. */
START_TEST(the_function_may_change_everything)
{
    struct host host = host_new(NULL);
    struct listing listing = {.host = &host};
    {
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = list_new(host.mutator, host.link, 2000);
        size_t met = tri_heap_each(host.mutator, host.link, store_and_collect, &listing);
        ck_assert_uint_eq(met, listing.objects);
        ck_assert_uint_ge(met, 1);
        ck_assert_uint_eq(((struct link *)TRI_LOCAL(0))->number, 7);
    }
    host_end(&host);
}
END_TEST

static void list_within(tri_ref object, tri_type *type, size_t bytes, void *argument)
{
    struct listing *listing = argument;
    struct listing inner = {.host = listing->host};
    (void)object;
    (void)bytes;
    (void)tri_heap_each(listing->host->mutator, type, list, &inner);
    MUST(inner.objects == 3);
    listing->objects++;
}

START_TEST(a_walk_within_a_walk)
{
    struct host host = host_new(NULL);
    struct listing listing = {.host = &host};
    {
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = list_new(host.mutator, host.link, 3);
        ck_assert_uint_eq(tri_heap_each(host.mutator, NULL, list_within, &listing), 3);
    }
    host_end(&host);
}
END_TEST

/* ---- Beside others --------------------------------------------------------------------------- */

struct neighbour {
    struct host *host;
    struct gate *gate;
    atomic_bool *stop;
};

/* Allocates, keeps some, drops some, and parks its mutator now and then. Its links have numbers
 * beyond those of the listing. */
static void *neighbour_main(void *argument)
{
    const struct neighbour *neighbour = argument;
    struct host *host = neighbour->host;
    tri_mutator *mutator = attach(host->heap);
    {
        TRI_FRAME(mutator, 1);
        TRI_LOCAL(0) = list_new(mutator, host->leaf, 50);
        gate_step(neighbour->gate);
        for (unsigned round = 0; !atomic_load(neighbour->stop); round++) {
            TRI_LOCAL(0) = list_new(mutator, host->leaf, round % 700);
            if (round % 8 == 0) {
                tri_mutator_park(mutator);
                MUST(tri_mutator_resume(mutator) == TRI_OK);
            }
        }
    }
    tri_mutator_detach(mutator);
    return NULL;
}

static void count_only(tri_ref object, tri_type *type, size_t bytes, void *argument)
{
    struct listing *listing = argument;
    MUST(tri_object_base(listing->host->heap, object) == object);
    MUST(type == listing->host->leaf && bytes == 16);
    listing->objects++;
}

START_TEST(beside_mutators_that_allocate)
{
    struct host host = host_new(NULL);
    struct listing *listing = calloc(1, sizeof *listing);
    struct gate gate = GATE_INIT;
    atomic_bool stop = false;
    struct neighbour neighbour = {&host, &gate, &stop};
    pthread_t threads[2];
    for (unsigned i = 0; i < 2; i++) {
        threads[i] = thread_new(neighbour_main, &neighbour);
    }
    tri_blocking_begin(host.mutator);
    gate_wait(&gate, 2);
    tri_blocking_end(host.mutator);
    {
        TRI_FRAME(host.mutator, 1);
        unsigned count = times(4000, 700);
        TRI_LOCAL(0) = list_new(host.mutator, host.link, count);
        for (unsigned i = 0; i < times(20, 3); i++) {
            *listing = (struct listing){.host = &host};
            ck_assert_uint_eq(tri_heap_each(host.mutator, host.link, list_links, listing), count);
            ck_assert(saw_each_once(listing, count));
            *listing = (struct listing){.host = &host};
            (void)tri_heap_each(host.mutator, host.leaf, count_only, listing);
        }
        ck_assert(list_is_intact(TRI_LOCAL(0), count));
    }
    atomic_store(&stop, true);
    for (unsigned i = 0; i < 2; i++) {
        thread_join_blocked(host.mutator, threads[i]);
    }
    free(listing);
    host_end(&host);
}
END_TEST

/* Others are blocked, with runs that they have begun: none of the slots there is an object. */
static void *begin_runs(void *argument)
{
    const struct neighbour *neighbour = argument;
    struct host *host = neighbour->host;
    tri_mutator *mutator = attach(host->heap);
    {
        TRI_FRAME(mutator, 1);
        TRI_LOCAL(0) = list_new(mutator, host->link, 100);
        tri_blocking_begin(mutator);
        gate_step(neighbour->gate);
        gate_wait(neighbour->gate, 2);
        tri_blocking_end(mutator);
    }
    tri_mutator_detach(mutator);
    return NULL;
}

START_TEST(exact_where_others_are_blocked)
{
    struct host host = host_new(NULL);
    struct listing listing = {.host = &host};
    struct gate gate = GATE_INIT;
    struct neighbour neighbour = {&host, &gate, NULL};
    pthread_t thread = thread_new(begin_runs, &neighbour);
    tri_blocking_begin(host.mutator);
    gate_wait(&gate, 1);
    tri_blocking_end(host.mutator);
    ck_assert_uint_eq(tri_heap_each(host.mutator, host.link, list, &listing), 100);
    (void)list_new(host.mutator, host.leaf, 5);
    ck_assert_uint_eq(tri_heap_each(host.mutator, NULL, list, &listing), 100);
    gate_step(&gate);
    thread_join_blocked(host.mutator, thread);
    ck_assert_uint_eq(tri_heap_each(host.mutator, NULL, list, &listing), 0);
    host_end(&host);
}
END_TEST

/* ---- Without threads, and held --------------------------------------------------------------- */

START_TEST(in_other_modes)
{
    tri_heap_options options = options_new();
    options.markers = _i == 0 ? 0 : options.markers;
    options.stop_the_world = _i == 1;
    options.barrier = _i == 2 ? TRI_BARRIER_INSERTION : TRI_BARRIER_HYBRID;
    struct host host = host_new(&options);
    struct listing *listing = calloc(1, sizeof *listing);
    listing->host = &host;
    {
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = list_new(host.mutator, host.link, 1000);
        ck_assert_uint_eq(tri_heap_each(host.mutator, NULL, list_links, listing), 1000);
        ck_assert(saw_each_once(listing, 1000));
        listing->objects = 0;
        ck_assert_uint_ge(tri_heap_each(host.mutator, host.link, store_and_collect, listing), 1);
    }
    free(listing);
    host_end(&host);
}
END_TEST

int main(void)
{
    const struct test_entry tests[] = {
        {an_empty_heap_has_nothing, 0},      {each_live_link_once_and_no_garbage, 0},
        {all_kinds_of_objects, 0},           {the_function_may_change_everything, 0},
        {a_walk_within_a_walk, 0},           {beside_mutators_that_allocate, 0},
        {exact_where_others_are_blocked, 0}, {in_other_modes, 3},
    };
    return scenario_run("walk", tests, LENGTH(tests));
}
