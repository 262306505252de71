/* idle_test.c -- threads that wait: what they keep of a heap, and that they work on afterwards.
 *
 * What is waited for here comes from a thread of the library's some time after a mutator became
 * blocked. The tests try again until it has come; how long that takes decides nothing.
 */
#include <time.h>
#include <unistd.h>

#include "tests/scenario/scenario.h"

#define CELL_BYTES     256
#define CELLS_OF_SPAN  (8192 / CELL_BYTES) /* spans of such cells are single pages */
#define THREADS_MAX    1000
#define TRIES_MAX      6000
#define TYPES          8
#define EACH_BYTES_MAX ((size_t)64 * 1024) /* with the thread's own stack */

struct waiter {
    struct crowd *crowd;
    pthread_t thread;
};

/* Threads that allocate a little, wait in a blocking region, and allocate again. */
struct crowd {
    struct host host;
    tri_type *types[TYPES];
    tri_pool *pool;
    unsigned count;
    struct gate allocated; /* each steps, and waits for all: else some have what others left */
    struct gate waiting;   /* each steps when it is blocked */
    struct gate go;
    struct waiter waiters[THREADS_MAX];
};

static void nap_for(long ns)
{
    const struct timespec time = {0, ns};
    (void)nanosleep(&time, NULL);
}

static void nap(void)
{
    nap_for(10000000);
}

/* Objects that nobody holds, of each type, some of which end in the pool. */
static void allocate_a_little(struct crowd *crowd, tri_mutator *mutator)
{
    for (unsigned i = 0; i < TYPES; i++) {
        tri_pool_put(mutator, crowd->pool, tri_alloc(mutator, crowd->types[i]));
    }
    for (unsigned i = 0; i < TYPES; i++) {
        (void)tri_pool_get(mutator, crowd->pool);
    }
    tri_pool_put(mutator, crowd->pool, tri_alloc(mutator, crowd->types[0]));
}

static void *wait_in_region(void *argument)
{
    struct crowd *crowd = ((struct waiter *)argument)->crowd;
    tri_mutator *mutator = attach(crowd->host.heap);
    allocate_a_little(crowd, mutator);
    gate_step(&crowd->allocated);
    gate_wait(&crowd->allocated, crowd->count); /* no cycle wants an answer meanwhile */
    tri_blocking_begin(mutator);
    gate_step(&crowd->waiting);
    gate_wait(&crowd->go, 1);
    tri_blocking_end(mutator);
    {
        TRI_FRAME(mutator, 1);
        TRI_LOCAL(0) = list_new(mutator, crowd->host.link, 100);
        allocate_a_little(crowd, mutator);
        MUST(list_is_intact(TRI_LOCAL(0), 100));
    }
    tri_mutator_detach(mutator);
    return NULL;
}

static tri_type *cell_type_new(tri_heap *heap)
{
    tri_type_desc desc = TRI_TYPE_DESC("cell", char[CELL_BYTES]);
    return type_new(heap, &desc);
}

/* A type has spans of its own when it has proved itself. */
static void promote(struct host *host, tri_type *type)
{
    for (unsigned i = 0; i < 100; i++) {
        (void)tri_alloc(host->mutator, type);
    }
}

static struct crowd *crowd_begin(unsigned count)
{
    static struct crowd crowd;
    tri_heap_options options = options_new();
    options.gc_percent = TRI_GC_PERCENT_OFF; /* a cycle would flush all caches */
    options.stress = 0;
    options.period_s = 0;
    crowd = (struct crowd){
        .count = count, .allocated = GATE_INIT, .waiting = GATE_INIT, .go = GATE_INIT};
    crowd.host = host_new(&options);
    for (unsigned i = 0; i < TYPES; i++) {
        crowd.types[i] = cell_type_new(crowd.host.heap);
        promote(&crowd.host, crowd.types[i]);
    }
    MUST(tri_pool_create(crowd.host.heap, NULL, NULL, &crowd.pool) == TRI_OK);
    return &crowd;
}

static void crowd_wait(struct crowd *crowd)
{
    pthread_attr_t attributes;
    MUST(pthread_attr_init(&attributes) == 0);
    MUST(pthread_attr_setstacksize(&attributes, (size_t)256 * 1024) == 0);
    for (unsigned i = 0; i < crowd->count; i++) {
        struct waiter *waiter = &crowd->waiters[i];
        waiter->crowd = crowd;
        MUST(pthread_create(&waiter->thread, &attributes, wait_in_region, waiter) == 0);
    }
    MUST(pthread_attr_destroy(&attributes) == 0);
    gate_wait(&crowd->waiting, crowd->count);
}

static void crowd_end(struct crowd *crowd)
{
    gate_step(&crowd->go);
    for (unsigned i = 0; i < crowd->count; i++) {
        thread_join_blocked(crowd->host.mutator, crowd->waiters[i].thread);
    }
    MUST(stats_of(crowd->host.heap).num_gc == 0);
    tri_collect(crowd->host.mutator);
    host_end(&crowd->host);
}

/* Bytes by which the heap's spans grow while so many cells of each type are allocated. */
static uint64_t growth(struct crowd *crowd, unsigned cells)
{
    uint64_t before = stats_of(crowd->host.heap).heap_in_use;
    for (unsigned i = 0; i < TYPES; i++) {
        for (unsigned k = 0; k < cells; k++) {
            (void)tri_alloc(crowd->host.mutator, crowd->types[i]);
        }
    }
    return stats_of(crowd->host.heap).heap_in_use - before;
}

/* Get what each has left in the pool: then all of them have given back what they kept. */
static void await_all(struct crowd *crowd)
{
    unsigned tries = 0;
    for (unsigned got = 0; got < crowd->count;) {
        if (tri_pool_get(crowd->host.mutator, crowd->pool) != NULL) {
            got++;
        } else {
            ck_assert_uint_lt(++tries, TRIES_MAX);
            nap();
        }
    }
}

static size_t resident_bytes(void)
{
    unsigned long pages = 0;
    unsigned long resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    MUST(file != NULL);
    MUST(fscanf(file, "%lu %lu", &pages, &resident) == 2);
    (void)fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* Without any cycle: a thousand threads that wait keep nothing but what a mutator is, and the free
 * slots of their spans are others' to use: the heap does not grow for as many objects. */
START_TEST(the_blocked_keep_nothing)
{
    struct crowd *crowd = crowd_begin(times(THREADS_MAX, 50));
    size_t before = resident_bytes();
    crowd_wait(crowd);
    await_all(crowd);
    size_t each = (resident_bytes() - before) / crowd->count;
    if (!UNDER_SANITIZER) { /* which has memory of its own for each thread */
        ck_assert_uint_le(each, EACH_BYTES_MAX);
    }
    ck_assert_uint_eq(growth(crowd, crowd->count * (CELLS_OF_SPAN - 3)), 0);
    ck_assert_uint_ne(growth(crowd, crowd->count * 3), 0); /* else this has shown nothing */
    crowd_end(crowd);
}
END_TEST

/* The same threads again and again: regions that end before, while and after it is acted for them,
 * with collections between. */
static void *come_and_go(void *argument)
{
    struct crowd *crowd = ((struct waiter *)argument)->crowd;
    tri_mutator *mutator = attach(crowd->host.heap);
    for (unsigned i = 0; i < 50; i++) {
        TRI_FRAME(mutator, 1);
        TRI_LOCAL(0) = list_new(mutator, crowd->host.link, 20);
        allocate_a_little(crowd, mutator);
        tri_blocking_begin(mutator);
        nap_for(i % 7 == 6 ? 60000000 : 1000000);
        tri_blocking_end(mutator);
        MUST(list_is_intact(TRI_LOCAL(0), 20));
        if (i % 10 == 0) {
            tri_collect(mutator);
        }
    }
    tri_mutator_detach(mutator);
    return NULL;
}

START_TEST(come_back_at_any_time)
{
    struct crowd *crowd = crowd_begin(8);
    for (unsigned i = 0; i < crowd->count; i++) {
        crowd->waiters[i].crowd = crowd;
        crowd->waiters[i].thread = thread_new(come_and_go, &crowd->waiters[i]);
    }
    for (unsigned i = 0; i < crowd->count; i++) {
        thread_join_blocked(crowd->host.mutator, crowd->waiters[i].thread);
    }
    host_end(&crowd->host);
}
END_TEST

int main(void)
{
    const struct test_entry tests[] = {
        {the_blocked_keep_nothing, 0},
        {come_back_at_any_time, 0},
    };
    return scenario_run("idle", tests, LENGTH(tests));
}
