/* weak_test.c -- weak references, ephemerons and weak tables as a host uses them, on several
 * threads beside the collector.
 */
#include "tests/scenario/scenario.h"

/* ---- An intern table that threads share ------------------------------------------------------ */

enum {
    NUMBERS = 2000,
    THREADS = 4
};

struct shared {
    struct host host;
    pthread_mutex_t lock;
    tri_handle *names; /* the table: links by number, each there once */
    tri_handle *notes; /* a link for each of some names, which it refers to */
};

/* A thread that waits must not keep the collector waiting. */
static void enter(struct shared *shared, tri_mutator *mutator)
{
    tri_blocking_begin(mutator);
    pthread_mutex_lock(&shared->lock);
    tri_blocking_end(mutator);
}

static bool is_numbered(void *argument, tri_word key, tri_word value)
{
    MUST(value == 0);
    return ((const struct link *)key)->number == *(const uint64_t *)argument;
}

/* The only link with that number. */
static struct link *intern(struct shared *shared, tri_mutator *mutator, uint64_t number)
{
    tri_ref names = tri_handle_get(shared->names);
    tri_word key;
    if (tri_weak_table_find(mutator, names, number / 2, is_numbered, &number, &key, NULL)) {
        return (struct link *)key;
    }
    TRI_FRAME(mutator, 2);
    TRI_LOCAL(0) = link_new(mutator, shared->host.link, number);
    tri_init_ref(mutator, &((struct link *)TRI_LOCAL(0))->next,
                 TRI_LOCAL(1) = link_new(mutator, shared->host.link, number));
    MUST(tri_weak_table_insert(mutator, names, number / 2, (tri_word)TRI_LOCAL(0), 0));
    return TRI_LOCAL(0);
}

static void check(const struct link *link, uint64_t number)
{
    MUST(link->number == number && link->next->number == number);
}

static void work(struct shared *shared, tri_mutator *mutator, unsigned seed, unsigned rounds)
{
    TRI_FRAME(mutator, 8); /* what it keeps */
    uint64_t random = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    for (unsigned i = 0; i < rounds; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407U;
        uint64_t number = (random >> 33) % NUMBERS;
        enter(shared, mutator);
        struct link *link = intern(shared, mutator, number);
        check(link, number);
        tri_ref kept = TRI_LOCAL(i % 8);
        if (kept != TRI_NULL) { /* it is still the one */
            struct link *old = kept;
            MUST(intern(shared, mutator, old->number) == old);
        }
        link = intern(shared, mutator, number); /* there was a safepoint */
        TRI_LOCAL(i % 8) = link;
        tri_ref notes = tri_handle_get(shared->notes);
        tri_word note;
        if (tri_weak_table_get(mutator, notes, (tri_word)link, &note)) {
            MUST(((struct link *)note)->next == link);
            if (i % 16 == 0) {
                MUST(tri_weak_table_remove(mutator, notes, (tri_word)link));
            }
        } else {
            struct link *made = link_new(mutator, shared->host.link, number);
            tri_init_ref(mutator, &made->next, TRI_LOCAL(i % 8));
            MUST(tri_weak_table_set(mutator, notes, (tri_word)TRI_LOCAL(i % 8), (tri_word)made));
        }
        pthread_mutex_unlock(&shared->lock);
        tri_safepoint(mutator);
    }
}

struct worker {
    struct shared *shared;
    unsigned index;
};

static void *run(void *argument)
{
    const struct worker *worker = argument;
    tri_mutator *mutator = attach(worker->shared->host.heap);
    work(worker->shared, mutator, worker->index, times(100000, 4000));
    tri_mutator_detach(mutator);
    return NULL;
}

/* However threads and collector interleave: of each number there is one link while somebody has it,
 * and none is left when nobody has; the notes go with them, though they refer to them. */
START_TEST(threads_intern)
{
    tri_heap_options options = options_new();
    options.barrier = _i == 0 ? TRI_BARRIER_HYBRID : TRI_BARRIER_INSERTION;
    options.heap_minimum = 65536; /* many cycles */
    struct shared shared = {.host = host_new(&options)};
    tri_mutator *mutator = shared.host.mutator;
    pthread_mutex_init(&shared.lock, NULL);
    MUST(tri_handle_create(mutator, tri_weak_table_new(mutator, TRI_WEAK_KEYS), &shared.names) ==
         TRI_OK);
    MUST(tri_handle_create(mutator, tri_weak_table_new(mutator, TRI_WEAK_EPHEMERONS),
                           &shared.notes) == TRI_OK);
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){&shared, i};
        MUST(pthread_create(&threads[i], NULL, run, &workers[i]) == 0);
    }
    tri_blocking_begin(mutator);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    tri_blocking_end(mutator);
    ck_assert_uint_gt(stats_of(shared.host.heap).num_gc, 0);
    tri_collect(mutator);
    tri_collect(mutator);
    ck_assert_uint_eq(tri_weak_table_count(mutator, tri_handle_get(shared.names)), 0);
    ck_assert_uint_eq(tri_weak_table_count(mutator, tri_handle_get(shared.notes)), 0);
    pthread_mutex_destroy(&shared.lock);
    host_end(&shared.host);
}
END_TEST

/* ---- On one thread --------------------------------------------------------------------------- */

START_TEST(references_and_ephemerons)
{
    struct host host = host_new(NULL);
    tri_mutator *m = host.mutator;
    TRI_FRAME(m, 4);
    TRI_LOCAL(0) = link_new(m, host.link, 1);
    TRI_LOCAL(1) = tri_weak_new(m, TRI_LOCAL(0));
    TRI_LOCAL(2) = link_new(m, host.link, 2);
    TRI_LOCAL(3) = tri_ephemeron_new(m, TRI_LOCAL(0), (tri_word)TRI_LOCAL(2));
    TRI_LOCAL(2) = TRI_NULL;
    tri_collect(m);
    ck_assert_ptr_eq(tri_weak_get(m, TRI_LOCAL(1)), TRI_LOCAL(0));
    ck_assert_ptr_eq(tri_ephemeron_key(m, TRI_LOCAL(3)), TRI_LOCAL(0));
    ck_assert_uint_eq(((struct link *)tri_ephemeron_value(m, TRI_LOCAL(3)))->number, 2);
    TRI_LOCAL(0) = TRI_NULL;
    tri_collect(m);
    ck_assert_ptr_eq(tri_weak_get(m, TRI_LOCAL(1)), TRI_NULL);
    ck_assert_ptr_eq(tri_ephemeron_key(m, TRI_LOCAL(3)), TRI_NULL);
    ck_assert_uint_eq(tri_ephemeron_value(m, TRI_LOCAL(3)), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("weak");
    TCase *own = tcase_create("weak");
    tcase_add_loop_test(own, threads_intern, 0, 2);
    tcase_add_test(own, references_and_ephemerons);
    suite_add_tcase(suite, own);
    return unit_run(suite);
}
