/* region_test.c -- regions: their objects live without a root and keep others alive, are gone when
 * the host says so, at any moment of a cycle; and what a host may do wrong with them.
 */
#include <stdlib.h>
#include <trillium/debug.h>

#include "tests/scenario/child.h"

static tri_region *region_of(tri_mutator *mutator)
{
    tri_region *region;
    MUST(tri_region_new(mutator, &region) == TRI_OK);
    return region;
}

/* A link of region that says its number. */
static struct link *region_link(tri_mutator *mutator, tri_region *region, tri_type *type,
                                uint64_t number)
{
    struct link *link = tri_region_alloc(mutator, region, type);
    MUST(link->next == NULL && link->number == 0);
    link->number = number;
    return link;
}

/* count links of region, numbered down to 0, which no root holds. */
static struct link *region_list(tri_mutator *mutator, tri_region *region, tri_type *type,
                                uint64_t count)
{
    struct link *first = NULL;
    for (uint64_t i = 0; i < count; i++) {
        struct link *link = region_link(mutator, region, type, i);
        tri_init_ref(mutator, &link->next, first);
        first = link;
    }
    return first;
}

/* ---- Life ------------------------------------------------------------------------------------ */

START_TEST(objects_live_without_roots)
{
    struct host host = host_new(NULL);
    tri_region *region = region_of(host.mutator);
    struct link *first = region_list(host.mutator, region, host.link, 5000);
    for (unsigned i = 0; i < 3; i++) {
        tri_collect(host.mutator);
        (void)list_new(host.mutator, host.link, 1000);
        ck_assert(list_is_intact(first, 5000));
    }
    ck_assert_ptr_eq(tri_object_base(host.heap, (char *)first + 9), first);
    ck_assert_ptr_eq(tri_object_type(host.heap, first), host.link);
    ck_assert_uint_eq(tri_object_size(host.heap, first), 16);
    tri_region_free(host.mutator, region);
    ck_assert_ptr_null(tri_object_base(host.heap, first));
    ck_assert_ptr_null(tri_object_type(host.heap, first));
    ck_assert_uint_eq(tri_object_size(host.heap, first), 0);
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    host_end(&host);
}
END_TEST

/* What they refer to lives, and dies with the region; what refers to them finds them. */
START_TEST(references_both_ways)
{
    struct host host = host_new(NULL);
    tri_region *region = region_of(host.mutator);
    struct link *inside = region_link(host.mutator, region, host.link, 1);
    struct link *outside = list_new(host.mutator, host.link, 300);
    tri_init_ref(host.mutator, &inside->next, outside);
    {
        TRI_FRAME(host.mutator, 1);
        struct link *holder = link_new(host.mutator, host.link, 2);
        tri_init_ref(host.mutator, &holder->next, inside);
        TRI_LOCAL(0) = holder;
        ck_assert_uint_eq(collect_and_count(host.mutator), 302);
        ck_assert(list_is_intact(outside, 300));
        ck_assert_ptr_eq(((struct link *)TRI_LOCAL(0))->next, inside);
        tri_store_ref(host.mutator, &inside->next, outside->next); /* shorter by one */
        ck_assert_uint_eq(collect_and_count(host.mutator), 301);
        tri_store_ref(host.mutator, &((struct link *)TRI_LOCAL(0))->next, NULL);
        tri_region_free(host.mutator, region);
        ck_assert_uint_eq(collect_and_count(host.mutator), 1);
    }
    host_end(&host);
}
END_TEST

static void trace_link(tri_visitor *visitor, tri_ref object, size_t bytes)
{
    (void)bytes;
    tri_visit_ref(visitor, (void *)__atomic_load_n((tri_word *)object, __ATOMIC_RELAXED));
}

/* Rare and frequent types, arrays, trailing elements, a trace function, large ones. */
START_TEST(all_kinds_of_objects)
{
    struct host host = host_new(NULL);
    tri_region *region = region_of(host.mutator);
    tri_type_desc word = TRI_TYPE_DESC("word", tri_word);
    tri_type_desc traced = TRI_TYPE_DESC("traced", struct link);
    tri_type_desc tailed = TRI_TYPE_DESC("tailed", struct link);
    word.layout = TRI_LAYOUT(TRI_LAYOUT_ALL_WORDS);
    traced.layout = TRI_LAYOUT_TRACED_BY(trace_link);
    tailed.trailing_size = 8;
    tailed.trailing_layout = TRI_LAYOUT(TRI_LAYOUT_ALL_WORDS);
    tri_type *word_type = type_new(host.heap, &word);
    tri_type *traced_type = type_new(host.heap, &traced);
    tri_type *tailed_type = type_new(host.heap, &tailed);
    tri_word *slots[200];
    size_t count = 0;
    for (unsigned i = 0; i < 100; i++) { /* in mixed spans first, then in ones of their own */
        slots[count++] = tri_region_alloc(host.mutator, region, traced_type);
    }
    for (unsigned i = 0; i < 90; i++) {
        tri_word *words = tri_region_alloc_trailing(host.mutator, region, tailed_type, i + 1);
        slots[count++] = words + 2 + i; /* the last element */
    }
    for (unsigned i = 0; i < 8; i++) { /* up to 400 KB */
        tri_word *words =
            tri_region_alloc_array(host.mutator, region, word_type, (size_t)50000 / (i + 1));
        slots[count++] = words + 50000 / (i + 1) - 1;
    }
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(*slots[i], 0);
        tri_store_ref(host.mutator, slots[i], link_new(host.mutator, host.link, i));
    }
    ck_assert_uint_eq(collect_and_count(host.mutator), 2 * count);
    tri_debug_verify(host.mutator);
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(((struct link *)*slots[i])->number, i);
    }
    tri_region_free(host.mutator, region);
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    tri_debug_verify(host.mutator);
    host_end(&host);
}
END_TEST

static void count_object(tri_ref object, tri_type *type, size_t bytes, void *argument)
{
    (void)object;
    (void)type;
    *(size_t *)argument += bytes;
}

START_TEST(walks_meet_them)
{
    struct host host = host_new(NULL);
    tri_region *region = region_of(host.mutator);
    tri_region *other = region_of(host.mutator);
    size_t bytes = 0;
    (void)region_list(host.mutator, region, host.link, 1000);
    (void)region_list(host.mutator, other, host.link, 300);
    (void)tri_region_alloc_array(host.mutator, region, host.leaf, 10000);
    ck_assert_uint_eq(tri_heap_each(host.mutator, NULL, count_object, &bytes), 1301);
    ck_assert_uint_eq(tri_heap_each(host.mutator, host.link, count_object, &bytes), 1300);
    bytes = 0;
    tri_debug_hold(host.mutator);
    tri_debug_each_object(host.mutator, count_object, &bytes);
    tri_debug_release(host.mutator);
    ck_assert_uint_ge(bytes, 1300 * 16 + 160000);
    tri_region_free(host.mutator, region);
    ck_assert_uint_eq(tri_heap_each(host.mutator, NULL, count_object, &bytes), 300);
    tri_region_free(host.mutator, other);
    ck_assert_uint_eq(tri_heap_each(host.mutator, NULL, count_object, &bytes), 0);
    host_end(&host);
}
END_TEST

/* ---- Memory ---------------------------------------------------------------------------------- */

START_TEST(memory_is_counted_and_comes_back)
{
    tri_heap_options options = options_new();
    struct host host = host_new(&options);
    tri_stats before = stats_of(host.heap);
    for (unsigned i = 0; i < times(50, 8); i++) {
        tri_region *region = region_of(host.mutator);
        (void)region_list(host.mutator, region, host.link, 20000);
        (void)tri_region_alloc_array(host.mutator, region, host.leaf, 20000);
        tri_stats stats = stats_of(host.heap);
        ck_assert_uint_eq(stats.regions, 1);
        ck_assert_uint_ge(stats.region_bytes, 640000);
        ck_assert_uint_le(stats.region_bytes, 640000 + 4 * 8192);
        ck_assert_uint_ge(stats.heap_live, stats.region_bytes);
        ck_assert_uint_ge(stats.heap_in_use, stats.region_bytes);
        tri_region_free(host.mutator, region);
    }
    tri_collect(host.mutator);
    tri_stats after = stats_of(host.heap);
    ck_assert_uint_eq(after.regions, 0);
    ck_assert_uint_eq(after.region_bytes, 0);
    ck_assert_uint_eq(after.mallocs - before.mallocs, times(50, 8) * 20001U);
    ck_assert_uint_eq(after.heap_objects, 0);
    ck_assert_uint_eq(after.heap_alloc, 0);
    if (!options.verify && !options.clobber_free) { /* else it is fenced for a while */
        ck_assert_uint_lt(after.heap_sys, 16 << 20);
    }
    host_end(&host);
}
END_TEST

/* What is in a region counts as live: a goal of twice as much leaves room for garbage. */
START_TEST(regions_count_for_the_goal)
{
    tri_heap_options options = options_new();
    options.gc_percent = 100;
    struct host host = host_new(&options);
    tri_region *region = region_of(host.mutator);
    (void)region_list(host.mutator, region, host.link, 1000000 / slowness());
    tri_collect(host.mutator);
    tri_stats stats = stats_of(host.heap);
    ck_assert_uint_ge(stats.last_marked, 16000000 / slowness());
    ck_assert_uint_ge(stats.next_gc, 2 * (16000000 / slowness()));
    tri_region_free(host.mutator, region);
    tri_collect(host.mutator);
    stats = stats_of(host.heap);
    ck_assert_uint_lt(stats.last_marked, 1000000);
    host_end(&host);
}
END_TEST

/* Too much for the heap: the host is told, and what there was is not harmed. */
START_TEST(exhausted)
{
    tri_heap_options options = options_new();
    options.max_heap = (size_t)64 << 20;
    options.gc_percent = TRI_GC_PERCENT_OFF;
    struct host host = host_new(&options);
    tri_region *region = region_of(host.mutator);
    struct link *first = region_list(host.mutator, region, host.link, 100);
    ck_assert_ptr_nonnull(tri_region_alloc_array(host.mutator, region, host.leaf, 1 << 20));
    for (unsigned i = 0; i < 20; i++) { /* garbage gives way */
        (void)tri_alloc_array(host.mutator, host.leaf, 1 << 20);
    }
    ck_assert_ptr_nonnull(tri_region_alloc_array(host.mutator, region, host.leaf, 1 << 20));
    ck_assert_ptr_null(tri_try_alloc_array(host.mutator, host.leaf, 3 << 20));
    ck_assert(list_is_intact(first, 100));
    tri_region_free(host.mutator, region);
    host_end(&host);
}
END_TEST

static void never_call(tri_mutator *mutator, tri_ref object, void *argument)
{
    (void)mutator;
    (void)object;
    (void)argument;
    MUST(false);
}

static void never_clean(tri_mutator *mutator, void *argument)
{
    never_call(mutator, NULL, argument);
}

/* No collection frees them, so nothing would ever be called. */
START_TEST(nothing_is_attached_to_them)
{
    struct host host = host_new(NULL);
    tri_region *region = region_of(host.mutator);
    struct link *link = region_link(host.mutator, region, host.link, 1);
    tri_cleanup cleanup;
    ck_assert_int_eq(tri_finalizer_attach(host.mutator, link, never_call, NULL, 0), TRI_E_INVALID);
    ck_assert_int_eq(tri_cleanup_attach(host.mutator, link, never_clean, NULL, &cleanup),
                     TRI_E_INVALID);
    {
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = link_new(host.mutator, host.link, 2);
        ck_assert_int_eq(
            tri_cleanup_attach_ref(host.mutator, link, never_clean, TRI_LOCAL(0), &cleanup),
            TRI_E_INVALID);
    }
    ck_assert(!tri_finalizer_detach(host.mutator, link));
    tri_region_free(host.mutator, region);
    tri_collect(host.mutator);
    ck_assert_uint_eq(tri_finalizers_run(host.mutator, 10), 0);
    host_end(&host);
}
END_TEST

/* ---- At any moment of a cycle ---------------------------------------------------------------- */

enum {
    REGIONS = 6,
    SLOTS = 64,
    ROOTS = 16
};

/* A program that does at random what it may, and knows what must be there. */
struct juggler {
    struct host *host;
    tri_mutator *mutator;
    uint64_t random;
    tri_region *regions[REGIONS];
    struct link *links[REGIONS][SLOTS]; /* of regions */
    uint64_t numbers[REGIONS][SLOTS];   /* of what they refer to; 0: nothing */
    uint64_t held[ROOTS];               /* numbers of what its frame holds */
    uint64_t next;
    bool insertion;
};

static unsigned draw(struct juggler *juggler, unsigned count)
{
    juggler->random = juggler->random * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return (unsigned)(juggler->random >> 33) % count;
}

static void juggle_store(const struct juggler *juggler, struct link *link, void *reference)
{
    if (juggler->insertion) {
        __atomic_store_n(&link->next, reference, __ATOMIC_RELEASE);
        tri_stored(juggler->mutator, link, (tri_word)reference);
    } else {
        tri_store_ref(juggler->mutator, &link->next, reference);
    }
}

/* A new link of the heap, in no region, that a new link of a region alone refers to. */
static void juggle_new(struct juggler *juggler, unsigned region, unsigned slot)
{
    tri_mutator *mutator = juggler->mutator;
    TRI_FRAME(mutator, 1);
    (void)list_new(mutator, juggler->host->link, draw(juggler, 50)); /* garbage */
    struct link *outside = link_new(mutator, juggler->host->link, ++juggler->next);
    TRI_LOCAL(0) = outside;
    if (juggler->regions[region] == NULL) {
        juggler->regions[region] = region_of(mutator);
    }
    struct link *link = region_link(mutator, juggler->regions[region], juggler->host->link, slot);
    if (juggler->insertion) {
        link->next = TRI_LOCAL(0); /* fresh: unreported */
    } else {
        tri_init_ref(mutator, &link->next, TRI_LOCAL(0));
    }
    juggler->links[region][slot] = link;
    juggler->numbers[region][slot] = juggler->next;
}

static void juggle_free(struct juggler *juggler, unsigned region)
{
    if (juggler->regions[region] != NULL) {
        tri_region_free(juggler->mutator, juggler->regions[region]);
        juggler->regions[region] = NULL;
        memset(juggler->links[region], 0, sizeof juggler->links[region]);
        memset(juggler->numbers[region], 0, sizeof juggler->numbers[region]);
    }
}

static void juggle_once(struct juggler *juggler, tri_ref *roots)
{
    unsigned region = draw(juggler, REGIONS);
    unsigned slot = draw(juggler, SLOTS);
    unsigned root = draw(juggler, ROOTS);
    struct link *link = juggler->links[region][slot];
    unsigned what = draw(juggler, 100);
    if (link == NULL || what < 30) {
        juggle_new(juggler, region, slot);
    } else if (what < 60) { /* from the region to the stack, and out of the region */
        roots[root] = link->next;
        juggler->held[root] = juggler->numbers[region][slot];
        juggle_store(juggler, link, NULL);
        juggler->numbers[region][slot] = 0;
    } else if (what < 80) { /* from the stack into the region */
        juggle_store(juggler, link, roots[root]);
        juggler->numbers[region][slot] = juggler->held[root];
    } else if (what < 83) {
        juggle_free(juggler, region);
    } else {
        (void)tri_gc_step(juggler->mutator, 1 + draw(juggler, 2000));
    }
}

static bool is_number(const struct link *link, uint64_t number)
{
    return number == 0 ? link == NULL : link != NULL && link->number == number;
}

static bool all_is_there(const struct juggler *juggler, tri_ref *roots)
{
    for (unsigned i = 0; i < ROOTS; i++) {
        if (!is_number(roots[i], juggler->held[i])) {
            return false;
        }
    }
    for (unsigned i = 0; i < REGIONS * SLOTS; i++) {
        const struct link *link = juggler->links[i / SLOTS][i % SLOTS];
        if (link != NULL && (link->number != i % SLOTS ||
                             !is_number(link->next, juggler->numbers[i / SLOTS][i % SLOTS]))) {
            return false;
        }
    }
    return true;
}

static void juggle(struct host *host, tri_mutator *mutator, uint64_t seed, unsigned rounds)
{
    struct juggler *juggler = calloc(1, sizeof *juggler);
    tri_heap_options options = options_new();
    juggler->host = host;
    juggler->mutator = mutator;
    juggler->random = seed;
    juggler->insertion = options.barrier == TRI_BARRIER_INSERTION;
    {
        TRI_FRAME(mutator, ROOTS);
        for (unsigned i = 0; i < rounds; i++) {
            juggle_once(juggler, &TRI_LOCAL(0));
            MUST(i % 64 != 0 || all_is_there(juggler, &TRI_LOCAL(0)));
        }
        MUST(all_is_there(juggler, &TRI_LOCAL(0)));
        for (unsigned i = 0; i < REGIONS; i++) {
            juggle_free(juggler, i);
        }
    }
    free(juggler);
}

/* What the modes of a heap are, by number. */
static tri_heap_options mode(int number)
{
    tri_heap_options options = options_new();
    options.heap_minimum = 64 << 10; /* cycles all the time */
    options.markers = number == 0 || number == 3 ? 0 : 2;
    options.stop_the_world = number == 2;
    options.verify = options.verify || number >= 4;
    options.check_mark = number == 4;
    options.barrier_verify = number == 5;
    return options;
}

START_TEST(juggling)
{
    tri_heap_options options = mode(_i);
    struct host host = host_new(&options);
    juggle(&host, host.mutator, unit_seed(), times(40000, 4000));
    ck_assert_uint_ge(stats_of(host.heap).num_gc, 10); /* else it has not shown anything */
    tri_debug_verify(host.mutator);
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    host_end(&host);
}
END_TEST

struct thread_juggler {
    struct host *host;
    uint64_t seed;
};

static void *juggle_on_thread(void *argument)
{
    const struct thread_juggler *start = argument;
    tri_mutator *mutator = attach(start->host->heap);
    juggle(start->host, mutator, start->seed, times(20000, 2000));
    tri_mutator_detach(mutator);
    return NULL;
}

START_TEST(juggling_side_by_side)
{
    tri_heap_options options = mode(_i);
    struct host host = host_new(&options);
    pthread_t threads[3];
    struct thread_juggler starts[3];
    uint64_t seed = unit_seed();
    for (unsigned i = 0; i < 3; i++) {
        starts[i] = (struct thread_juggler){&host, seed + i};
        threads[i] = thread_new(juggle_on_thread, &starts[i]);
    }
    size_t bytes = 0;
    for (unsigned i = 0; i < times(10, 2); i++) {
        (void)tri_heap_each(host.mutator, NULL, count_object, &bytes);
    }
    for (unsigned i = 0; i < 3; i++) {
        thread_join_blocked(host.mutator, threads[i]);
    }
    tri_debug_verify(host.mutator);
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    host_end(&host);
}
END_TEST

/* ---- Virtual machines that report afterwards ------------------------------------------------- */

START_TEST(unreported_initialising_stores)
{
    tri_heap_options options = mode(_i);
    options.barrier = TRI_BARRIER_INSERTION;
    options.barrier_verify = false;
    struct host host = host_new(&options);
    tri_region *region = region_of(host.mutator);
    unsigned count = times(20000, 2000);
    struct link *first = NULL;
    for (unsigned i = 0; i < count; i++) {
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = link_new(host.mutator, host.link, i);
        struct link *link = tri_region_alloc(host.mutator, region, host.link);
        struct link *holder = tri_region_alloc(host.mutator, region, host.link);
        link->next = TRI_LOCAL(0); /* a safepoint may lie between: reported */
        tri_stored(host.mutator, link, (tri_word)link->next);
        holder->next = link; /* fresh */
        holder->number = (uint64_t)(uintptr_t)first;
        first = holder;
        if (i % 128 == 0) {
            (void)tri_gc_step(host.mutator, 1000);
        }
    }
    tri_collect(host.mutator);
    for (unsigned i = count; i-- > 0;) {
        ck_assert_uint_eq(first->next->next->number, i);
        first = (struct link *)(uintptr_t)first->number;
    }
    tri_region_free(host.mutator, region);
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    host_end(&host);
}
END_TEST

/* ---- From hand to hand ----------------------------------------------------------------------- */

struct relay {
    struct host *host;
    tri_region *region;
    struct link *first;
    uint64_t count;
    bool frees;
};

static void *take_over(void *argument)
{
    struct relay *relay = argument;
    tri_mutator *mutator = attach(relay->host->heap);
    if (relay->frees) {
        tri_region_free(mutator, relay->region);
    } else {
        tri_region_adopt(mutator, relay->region);
        struct link *link = region_link(mutator, relay->region, relay->host->link, relay->count++);
        tri_init_ref(mutator, &link->next, relay->first);
        relay->first = link;
    }
    tri_mutator_detach(mutator);
    return NULL;
}

START_TEST(regions_move_between_mutators)
{
    struct host host = host_new(NULL);
    struct relay relay = {.host = &host, .region = region_of(host.mutator)};
    relay.first = region_list(host.mutator, relay.region, host.link, 700);
    relay.count = 700;
    for (unsigned i = 0; i < 20; i++) {
        thread_join_blocked(host.mutator, thread_new(take_over, &relay));
        tri_collect(host.mutator);
    }
    ck_assert(list_is_intact(relay.first, 720));
    tri_region_adopt(host.mutator, relay.region); /* its mutator has gone */
    (void)region_link(host.mutator, relay.region, host.link, 1);
    relay.frees = true;
    thread_join_blocked(host.mutator, thread_new(take_over, &relay));
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    tri_debug_verify(host.mutator);
    host_end(&host);
}
END_TEST

START_TEST(many_regions)
{
    struct host host = host_new(NULL);
    tri_region *regions[100];
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < LENGTH(regions); i++) {
            regions[i] = region_of(host.mutator);
            for (unsigned k = 0; k < i; k++) {
                ck_assert_ptr_ne(regions[k], regions[i]);
            }
            (void)region_list(host.mutator, regions[i], host.link, i);
        }
        ck_assert_uint_eq(collect_and_count(host.mutator), 4950);
        for (unsigned i = 0; i < LENGTH(regions); i++) {
            tri_region_free(host.mutator, regions[(i * 37) % LENGTH(regions)]);
        }
    }
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    (void)region_list(host.mutator, region_of(host.mutator), host.link, 10); /* the heap ends
                                                                                first */
    host_end(&host);
}
END_TEST

#if !UNDER_SANITIZER
static void go_on_in_child(const void *argument)
{
    const struct relay *relay = argument;
    tri_mutator *mutator = relay->host->mutator;
    MUST(list_is_intact(relay->first, 1000));
    (void)region_list(mutator, relay->region, relay->host->link, 1000);
    tri_collect(mutator);
    tri_debug_verify(mutator);
    MUST(list_is_intact(relay->first, 1000));
    tri_region_free(mutator, relay->region);
    MUST(collect_and_count(mutator) == 0);
}

START_TEST(a_child_has_them_too)
{
    struct host host = host_new(NULL);
    struct relay relay = {.host = &host, .region = region_of(host.mutator)};
    relay.first = region_list(host.mutator, relay.region, host.link, 1000);
    expect_life(go_on_in_child, &relay, "");
    ck_assert(list_is_intact(relay.first, 1000));
    host_end(&host);
}
END_TEST
#endif

/* ---- Mistakes -------------------------------------------------------------------------------- */

static struct host verified_host(void)
{
    tri_heap_options options = options_new();
    options.verify = true;
    return host_new(&options);
}

static void keep_in_heap(const void *unused)
{
    struct host host = verified_host();
    tri_region *region = region_of(host.mutator);
    TRI_FRAME(host.mutator, 1);
    struct link *holder = link_new(host.mutator, host.link, 1);
    TRI_LOCAL(0) = holder;
    tri_store_ref(host.mutator, &holder->next, region_link(host.mutator, region, host.link, 2));
    (void)unused;
    tri_region_free(host.mutator, region);
    tri_collect(host.mutator);
}

START_TEST(a_reference_that_is_left_is_named)
{
    expect_death(keep_in_heap, NULL,
                 "trillium: fatal: gcverify: the reference {p}, found while marking, points into a "
                 "region that was freed.\nNothing that lives on may refer to objects of a region "
                 "when tri_region_free is called: clear the slot before, or allocate the object by "
                 "tri_alloc.\n");
}
END_TEST

#if !UNDER_SANITIZER
static void use_after_free(const void *large)
{
    struct host host = verified_host();
    tri_region *region = region_of(host.mutator);
    struct link *link = *(const bool *)large
                            ? tri_region_alloc_array(host.mutator, region, host.link, 10000)
                            : region_link(host.mutator, region, host.link, 2);
    tri_region_free(host.mutator, region);
    for (unsigned i = 0; i < 100; i++) { /* nobody has the memory meanwhile */
        (void)list_new(host.mutator, host.link, 100);
    }
    *(volatile uint64_t *)&link->number = 3;
}

START_TEST(a_use_of_what_was_freed_ends_the_process)
{
    bool large = _i == 1;
    struct outcome outcome = child_run(use_after_free, &large);
    ck_assert(WIFSIGNALED(outcome.status));
    ck_assert_int_eq(WTERMSIG(outcome.status), SIGSEGV);
}
END_TEST
#endif

int main(void)
{
    const struct test_entry tests[] = {
        {objects_live_without_roots, 0},
        {references_both_ways, 0},
        {all_kinds_of_objects, 0},
        {walks_meet_them, 0},
        {memory_is_counted_and_comes_back, 0},
        {nothing_is_attached_to_them, 0},
        {regions_count_for_the_goal, 0},
        {exhausted, 0},
        {juggling, 6},
        {juggling_side_by_side, 6},
        {unreported_initialising_stores, 5},
        {regions_move_between_mutators, 0},
        {many_regions, 0},
#if !UNDER_SANITIZER
        {a_child_has_them_too, 0},
        {a_use_of_what_was_freed_ends_the_process, 2},
#endif
        {a_reference_that_is_left_is_named, 0},
    };
    return scenario_run("region", tests, LENGTH(tests));
}
