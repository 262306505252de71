/* threads_test.c -- mutators and heaps among many threads: attaching, ending, blocking, parking;
 * and what the library does to the process around it, which is nothing.
 */
#include <dirent.h>
#include <malloc.h>
#include <signal.h>
#include <trillium/debug.h>
#include <unistd.h>

#include "tests/scenario/child.h"

/* ---- Work for a mutator ---------------------------------------------------------------------- */

#define BUCKETS 16
#define KEYS    200

struct entry {
    struct entry *next;
    struct link *value;
    uint64_t key;
};

static const tri_field entry_fields[] = {TRI_POINTER_AT(struct entry, next),
                                         TRI_POINTER_AT(struct entry, value)};

struct types {
    tri_type *link;
    tri_type *entry;
    tri_type *bucket;
};

static struct types types_new(tri_heap *heap)
{
    struct types types = {.link = link_type_new(heap)};
    tri_type_desc entry = TRI_TYPE_DESC("entry", struct entry);
    entry.layout = TRI_LAYOUT_OF(entry_fields);
    types.entry = type_new(heap, &entry);
    tri_type_desc bucket = TRI_TYPE_DESC("bucket", void *);
    bucket.layout = TRI_LAYOUT(TRI_LAYOUT_ALL_WORDS);
    types.bucket = type_new(heap, &bucket);
    return types;
}

/* A hash table in the heap, and beside it in plain memory what it must hold: for each key 0, or the
 * number of its value. */
struct table {
    tri_mutator *mutator;
    const struct types *types;
    uint64_t expected[KEYS];
    uint64_t random;
};

static struct entry **table_slot(struct entry **buckets, uint64_t key)
{
    struct entry **slot = &buckets[key % BUCKETS];
    while (*slot != NULL && (*slot)->key != key) {
        slot = &(*slot)->next;
    }
    return slot;
}

static void table_insert(struct table *table, struct entry **buckets, uint64_t key)
{
    tri_mutator *mutator = table->mutator;
    uint64_t number = 1 + unit_random_below(&table->random, 1000000);
    TRI_FRAME(mutator, 1);
    TRI_LOCAL(0) = list_new(mutator, table->types->link, number % 4 + 1);
    ((struct link *)TRI_LOCAL(0))->number = number;
    struct entry *entry = *table_slot(buckets, key);
    if (entry == NULL) {
        entry = tri_alloc(mutator, table->types->entry);
        entry->key = key;
        tri_init_ref(mutator, &entry->next, buckets[key % BUCKETS]);
        tri_store_ref(mutator, &buckets[key % BUCKETS], entry);
    }
    tri_store_ref(mutator, &entry->value, TRI_LOCAL(0));
    table->expected[key] = number;
}

static void table_remove(struct table *table, struct entry **buckets, uint64_t key)
{
    struct entry **slot = table_slot(buckets, key);
    if (*slot != NULL) {
        tri_store_ref(table->mutator, slot, (*slot)->next);
    }
    table->expected[key] = 0;
}

static void table_check(const struct table *table, struct entry **buckets, uint64_t key)
{
    const struct entry *entry = *table_slot(buckets, key);
    uint64_t found = entry == NULL ? 0 : entry->value->number;
    MUST(found == table->expected[key]);
    if (entry != NULL && entry->value->next != NULL) {
        MUST(list_is_intact(entry->value->next, found % 4));
    }
}

/* Random operations on a table of the mutator's own, which is garbage afterwards. */
static void work(tri_mutator *mutator, const struct types *types, uint64_t seed, unsigned rounds)
{
    struct table table = {.mutator = mutator, .types = types, .random = seed};
    TRI_FRAME(mutator, 1);
    TRI_LOCAL(0) = tri_alloc_array(mutator, types->bucket, BUCKETS);
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t key = unit_random_below(&table.random, KEYS);
        switch (unit_random_below(&table.random, 4)) {
        case 0:
            table_remove(&table, TRI_LOCAL(0), key);
            break;
        case 1:
            table_check(&table, TRI_LOCAL(0), key);
            break;
        default:
            table_insert(&table, TRI_LOCAL(0), key);
            break;
        }
        tri_safepoint(mutator);
    }
    for (uint64_t key = 0; key < KEYS; key++) {
        table_check(&table, TRI_LOCAL(0), key);
    }
}

/* ---- Many mutators --------------------------------------------------------------------------- */

struct crowd {
    tri_heap *heap;
    struct types types;
    uint64_t seed;
    unsigned rounds;
    atomic_uint ended;
    pthread_mutex_t mutex; /* of what follows */
    tri_word shared[1];    /* a list that all push to and pop from; a global slot */
    uint64_t shared_count;
};

struct member {
    struct crowd *crowd;
    unsigned index;
};

static struct crowd crowd_new(const tri_heap_options *options)
{
    struct crowd crowd = {
        .heap = heap_new(options), .seed = unit_seed(), .mutex = PTHREAD_MUTEX_INITIALIZER};
    crowd.types = types_new(crowd.heap);
    return crowd;
}

/* Take the lock as a host does: it may be held by a mutator that waits at a safepoint. */
static void lock_blocked(tri_mutator *mutator, pthread_mutex_t *mutex)
{
    tri_blocking_begin(mutator);
    MUST(pthread_mutex_lock(mutex) == 0);
    tri_blocking_end(mutator);
}

static void push_shared(tri_mutator *mutator, struct crowd *crowd)
{
    lock_blocked(mutator, &crowd->mutex);
    struct link *link = tri_alloc(mutator, crowd->types.link); /* with the lock held */
    link->number = crowd->shared_count++;
    tri_init_ref(mutator, &link->next, (void *)crowd->shared[0]);
    tri_store_ref(mutator, &crowd->shared[0], link);
    MUST(pthread_mutex_unlock(&crowd->mutex) == 0);
}

static void pop_shared(tri_mutator *mutator, struct crowd *crowd)
{
    lock_blocked(mutator, &crowd->mutex);
    const struct link *link = (const struct link *)crowd->shared[0];
    if (link != NULL) {
        MUST(link->number == --crowd->shared_count);
        tri_store_ref(mutator, &crowd->shared[0], link->next);
    }
    MUST(pthread_mutex_unlock(&crowd->mutex) == 0);
}

static void *member_works(void *argument)
{
    const struct member *member = argument;
    struct crowd *crowd = member->crowd;
    tri_mutator *mutator = attach(crowd->heap);
    for (unsigned i = 0; i < 10; i++) {
        work(mutator, &crowd->types, crowd->seed + member->index * 100 + i, crowd->rounds / 10);
        push_shared(mutator, crowd);
        push_shared(mutator, crowd);
        pop_shared(mutator, crowd);
        if (i % 5 == member->index % 5) {
            tri_collect(mutator);
        }
    }
    tri_mutator_detach(mutator);
    atomic_fetch_add(&crowd->ended, 1);
    return NULL;
}

static void crowd_start(struct crowd *crowd, struct member *members, pthread_t *threads,
                        unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        members[i] = (struct member){crowd, i};
        threads[i] = thread_new(member_works, &members[i]);
    }
}

#define CROWD 16

/* With 1, 2 and 8 markers. */
START_TEST(sixteen_mutators)
{
    static const int32_t markers[] = {1, 2, 8};
    static struct crowd crowd;
    struct member members[CROWD];
    pthread_t threads[CROWD];
    tri_heap_options options = options_new();
    options.markers = markers[_i];
    options.heap_minimum = 256 * 1024; /* more cycles */
    crowd = crowd_new(&options);
    crowd.rounds = times(3000, 300);
    MUST(tri_global_add(crowd.heap, crowd.shared, 1) == TRI_OK);
    crowd_start(&crowd, members, threads, CROWD);
    tri_mutator *mutator = attach(crowd.heap);
    while (atomic_load(&crowd.ended) < CROWD) {
        tri_collect(mutator);
    }
    for (unsigned i = 0; i < CROWD; i++) {
        thread_join(threads[i]);
    }
    ck_assert_uint_ge(crowd.shared_count, 100);
    ck_assert_uint_eq(collect_and_count(mutator), crowd.shared_count);
    ck_assert(list_is_intact((struct link *)crowd.shared[0], crowd.shared_count));
    /* Calls that come together share a cycle that begins after all of them. */
    ck_assert_uint_ge(stats_of(crowd.heap).num_gc, 3);
    tri_heap_destroy(crowd.heap); /* detaches this thread's own */
}
END_TEST

/* A thread pool that is not ours: its threads come and go while others work. */
struct pool {
    struct crowd *crowd;
    unsigned attachments;
};

static void *pool_thread(void *argument)
{
    const struct pool *pool = argument;
    struct crowd *crowd = pool->crowd;
    for (unsigned i = 0; i < pool->attachments; i++) {
        tri_mutator *mutator = attach(crowd->heap);
        MUST(tri_mutator_current(crowd->heap) == mutator);
        {
            TRI_FRAME(mutator, 1);
            TRI_LOCAL(0) = list_new(mutator, crowd->types.link, 40);
            tri_safepoint(mutator);
            MUST(list_is_intact(TRI_LOCAL(0), 40));
        }
        tri_mutator_detach(mutator);
        MUST(tri_mutator_current(crowd->heap) == NULL);
    }
    atomic_fetch_add(&crowd->ended, 1);
    return NULL;
}

START_TEST(threads_come_and_go)
{
    enum {
        WORKERS = 3,
        POOL = 5
    };
    static struct crowd crowd;
    struct member members[WORKERS];
    pthread_t threads[WORKERS + POOL];
    crowd = crowd_new(NULL);
    crowd.rounds = times(3000, 300);
    MUST(tri_global_add(crowd.heap, crowd.shared, 1) == TRI_OK);
    struct pool pool = {&crowd, times(400, 40)};
    crowd_start(&crowd, members, threads, WORKERS);
    for (unsigned i = 0; i < POOL; i++) {
        threads[WORKERS + i] = thread_new(pool_thread, &pool);
    }
    tri_mutator *mutator = attach(crowd.heap);
    while (atomic_load(&crowd.ended) < WORKERS + POOL) {
        tri_collect(mutator);
    }
    for (unsigned i = 0; i < WORKERS + POOL; i++) {
        thread_join(threads[i]);
    }
    ck_assert_uint_eq(stats_of(crowd.heap).mutators, 1);
    ck_assert_uint_eq(collect_and_count(mutator), crowd.shared_count);
    tri_heap_destroy(crowd.heap);
}
END_TEST

static void *collect_often(void *argument)
{
    tri_mutator *mutator = attach(argument);
    for (int i = 0; i < 20; i++) {
        tri_collect(mutator);
    }
    tri_mutator_detach(mutator);
    return NULL;
}

START_TEST(collections_at_once)
{
    enum {
        THREADS = 6
    };
    tri_heap_options options = options_new();
    options.stress = 0; /* whose cycles are forced as well */
    struct host host = host_new(&options);
    pthread_t threads[THREADS];
    {
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = list_new(host.mutator, host.link, 1000);
        for (unsigned i = 0; i < THREADS; i++) {
            threads[i] = thread_new(collect_often, host.heap);
        }
        for (unsigned i = 0; i < THREADS; i++) {
            thread_join_blocked(host.mutator, threads[i]);
        }
        ck_assert(list_is_intact(TRI_LOCAL(0), 1000));
        /* Each thread's calls come one after the other; those of several may share a cycle. */
        ck_assert_uint_ge(stats_of(host.heap).num_gc, 20);
        ck_assert_uint_le(stats_of(host.heap).num_forced_gc, THREADS * 20);
        ck_assert_uint_eq(collect_and_count(host.mutator), 1000);
    }
    host_end(&host);
}
END_TEST

/* ---- Threads that end ------------------------------------------------------------------------ */

enum way_to_end {
    BY_RETURN,
    BY_EXIT_IN_FRAME,
    WHILE_BLOCKED,
    WITH_SCANNER,
    WAYS_TO_END
};

struct leaver {
    struct host *host;
    enum way_to_end way;
};

static void scan_nothing(tri_visitor *visitor, tri_mutator *mutator, void *argument)
{
    (void)mutator;
    tri_visit_ref(visitor, *(void **)argument);
}

static void *leave_without_detaching(void *argument)
{
    const struct leaver *leaver = argument;
    tri_mutator *mutator = attach(leaver->host->heap);
    void *root = list_new(mutator, leaver->host->link, 30);
    if (leaver->way == BY_EXIT_IN_FRAME) {
        TRI_FRAME(mutator, 1);
        TRI_LOCAL(0) = root;
        tri_collect(mutator);
        pthread_exit(NULL);
    }
    if (leaver->way == WITH_SCANNER) {
        tri_roots_set_scanner(mutator, scan_nothing, &root);
        tri_collect(mutator);
    }
    if (leaver->way == WHILE_BLOCKED) {
        tri_blocking_begin(mutator);
    }
    return NULL;
}

START_TEST(threads_that_end_are_detached_and_told)
{
    tri_heap_options options = options_new();
    struct log_lines lines = {0};
    options.log = log_keep;
    options.log_argument = &lines;
    options.trace = 0;
    struct host host = host_new(&options);
    struct leaver leaver = {&host, (enum way_to_end)_i};
    thread_join_blocked(host.mutator, thread_new(leave_without_detaching, &leaver));
    ck_assert_uint_eq(lines.count, 1);
    ck_assert_msg(text_matches(lines.last,
                               "trillium: thread {p} ended without detaching its mutator {p}; "
                               "detached for it. Call tri_mutator_detach before the thread "
                               "returns"),
                  "%s", lines.last);
    ck_assert_uint_eq(stats_of(host.heap).mutators, 1);
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    host_end(&host);
}
END_TEST

static void *leave_several_heaps(void *argument)
{
    struct host *hosts = argument;
    for (int i = 0; i < 3; i++) {
        (void)list_new(attach(hosts[i].heap), hosts[i].link, 10);
    }
    tri_mutator_detach(tri_mutator_current(hosts[1].heap)); /* one it does not forget */
    return NULL;
}

START_TEST(threads_that_end_with_several_mutators)
{
    struct log_lines lines[3] = {{0}};
    struct host hosts[3];
    for (int i = 0; i < 3; i++) {
        tri_heap_options options = options_new();
        options.log = log_keep;
        options.log_argument = &lines[i];
        options.trace = 0;
        hosts[i] = host_new(&options);
        tri_blocking_begin(hosts[i].mutator);
    }
    thread_join(thread_new(leave_several_heaps, hosts));
    for (int i = 0; i < 3; i++) {
        tri_blocking_end(hosts[i].mutator);
        ck_assert_uint_eq(lines[i].count, i == 1 ? 0 : 1);
        ck_assert_uint_eq(collect_and_count(hosts[i].mutator), 0);
        host_end(&hosts[i]);
    }
}
END_TEST

/* A host's own destructor of thread data, which may run after ours: it attaches once more. */
static struct host *destructor_host;

static void attach_in_destructor(void *unused)
{
    (void)unused;
    tri_mutator *mutator = tri_mutator_current(destructor_host->heap);
    if (mutator == NULL) {
        mutator = attach(destructor_host->heap);
    }
    (void)list_new(mutator, destructor_host->link, 5);
}

static void *end_with_destructor(void *argument)
{
    (void)attach(destructor_host->heap);
    MUST(pthread_setspecific(*(pthread_key_t *)argument, argument) == 0);
    return NULL;
}

START_TEST(threads_that_attach_while_they_end)
{
    struct log_lines lines = {0};
    tri_heap_options options = options_new();
    options.log = log_keep;
    options.log_argument = &lines;
    options.trace = 0;
    struct host host = host_new(&options);
    pthread_key_t key;
    destructor_host = &host;
    ck_assert_int_eq(pthread_key_create(&key, attach_in_destructor), 0);
    thread_join_blocked(host.mutator, thread_new(end_with_destructor, &key));
    ck_assert_uint_ge(lines.count, 1);
    ck_assert_uint_eq(stats_of(host.heap).mutators, 1);
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    ck_assert_int_eq(pthread_key_delete(key), 0);
    host_end(&host);
}
END_TEST

/* ---- Blocking, polling, parking -------------------------------------------------------------- */

struct sleeper {
    struct host *host;
    struct gate asleep;
    struct gate wake;
};

static void *sleep_blocked(void *argument)
{
    struct sleeper *sleeper = argument;
    tri_mutator *mutator = attach(sleeper->host->heap);
    {
        TRI_FRAME(mutator, 1);
        TRI_LOCAL(0) = list_new(mutator, sleeper->host->link, 100);
        tri_blocking_begin(mutator);
        gate_step(&sleeper->asleep);
        gate_wait(&sleeper->wake, 1);
        tri_blocking_end(mutator);
        MUST(list_is_intact(TRI_LOCAL(0), 100));
    }
    tri_mutator_detach(mutator);
    return NULL;
}

/* Were it waited for, this would never end. */
START_TEST(blocked_mutators_are_not_waited_for)
{
    enum {
        SLEEPERS = 8
    };
    struct host host = host_new(NULL);
    struct sleeper sleeper = {&host, GATE_INIT, GATE_INIT};
    pthread_t threads[SLEEPERS];
    for (unsigned i = 0; i < SLEEPERS; i++) {
        threads[i] = thread_new(sleep_blocked, &sleeper);
    }
    tri_blocking_begin(host.mutator);
    gate_wait(&sleeper.asleep, SLEEPERS);
    tri_blocking_end(host.mutator);
    for (unsigned i = 0; i < 10; i++) {
        ck_assert_uint_eq(collect_and_count(host.mutator), SLEEPERS * 100);
        (void)list_new(host.mutator, host.link, 1000);
    }
    gate_step(&sleeper.wake);
    for (unsigned i = 0; i < SLEEPERS; i++) {
        thread_join_blocked(host.mutator, threads[i]);
    }
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    host_end(&host);
}
END_TEST

struct poller {
    struct host *host;
    struct gate ready;
    atomic_bool stop;
    uint64_t polls;
};

static void *poll_only(void *argument)
{
    struct poller *poller = argument;
    tri_mutator *mutator = attach(poller->host->heap);
    {
        TRI_FRAME(mutator, 1);
        TRI_LOCAL(0) = list_new(mutator, poller->host->link, 50);
        gate_step(&poller->ready);
        while (!atomic_load_explicit(&poller->stop, memory_order_relaxed)) {
            tri_safepoint(mutator);
            poller->polls++;
        }
        MUST(list_is_intact(TRI_LOCAL(0), 50));
    }
    tri_mutator_detach(mutator);
    return NULL;
}

START_TEST(polling_mutators_answer)
{
    struct host host = host_new(NULL);
    struct poller poller = {.host = &host, .ready = GATE_INIT};
    pthread_t thread = thread_new(poll_only, &poller);
    tri_blocking_begin(host.mutator);
    gate_wait(&poller.ready, 1);
    tri_blocking_end(host.mutator);
    for (int i = 0; i < 50; i++) {
        ck_assert_uint_eq(collect_and_count(host.mutator), 50);
    }
    atomic_store(&poller.stop, true);
    thread_join_blocked(host.mutator, thread);
    ck_assert_uint_gt(poller.polls, 0);
    host_end(&host);
}
END_TEST

struct straggler {
    const struct host *host;
    struct gate begin; /* 1: it is attached; 2: it shall poll */
    uint64_t cycles;   /* completed, when it polls no longer */
};

static uint64_t cycles_of(tri_heap *heap)
{
    tri_stats stats = {.size = sizeof stats};
    MUST(tri_stats_read(heap, &stats) == TRI_OK);
    return stats.num_gc;
}

/* Polls only when the other mutator has left the cycle, and allocates nothing. */
static void *straggle(void *argument)
{
    struct straggler *straggler = argument;
    tri_mutator *mutator = attach(straggler->host->heap);
    gate_step(&straggler->begin);
    gate_wait(&straggler->begin, 2);
    uint64_t before = cycles_of(straggler->host->heap);
    do {
        tri_safepoint(mutator);
    } while ((straggler->cycles = cycles_of(straggler->host->heap)) == before);
    tri_mutator_detach(mutator);
    return NULL;
}

/* A small heap's mutators drive its cycles; one that they all leave is ended all the same. */
START_TEST(a_cycle_that_is_left_is_ended)
{
    tri_heap_options options = options_new();
    options.verify = false; /* a hold would wait for who does not poll, and so would */
    options.stress = 0;     /* a forced cycle */
    struct host host = host_new(&options);
    struct straggler straggler = {.host = &host, .begin = GATE_INIT};
    pthread_t thread = thread_new(straggle, &straggler);
    tri_blocking_begin(host.mutator);
    gate_wait(&straggler.begin, 1);
    tri_blocking_end(host.mutator);
    /* It does not answer, so the cycle does not get far. */
    do {
        (void)list_new(host.mutator, host.link, 100);
    } while (!tri_gc_step(host.mutator, 0));
    tri_blocking_begin(host.mutator);
    gate_step(&straggler.begin);
    tri_blocking_end(host.mutator);
    thread_join_blocked(host.mutator, thread);
    ck_assert_uint_gt(straggler.cycles, 0);
    host_end(&host);
}
END_TEST

/* A coroutine: its values are what its scanner reports; it goes from thread to thread. */
struct coroutine {
    struct host *host;
    tri_mutator *mutator;
    void *values[2];
    unsigned turn;
    struct gate turns;
};

static void scan_coroutine(tri_visitor *visitor, tri_mutator *mutator, void *argument)
{
    struct coroutine *coroutine = argument;
    MUST(mutator == coroutine->mutator);
    tri_visit_ref(visitor, coroutine->values[0]);
    tri_visit_ref(visitor, coroutine->values[1]);
}

#define COROUTINE_THREADS 4

struct carrier {
    struct coroutine *coroutine;
    unsigned index;
};

static void coroutine_run(struct coroutine *coroutine)
{
    unsigned turn = coroutine->turn++;
    MUST(tri_mutator_resume(coroutine->mutator) == TRI_OK);
    MUST(tri_mutator_current(coroutine->host->heap) == coroutine->mutator);
    MUST(list_is_intact(coroutine->values[0], turn));
    struct link *link = link_new(coroutine->mutator, coroutine->host->link, turn);
    tri_init_ref(coroutine->mutator, &link->next, coroutine->values[0]);
    coroutine->values[0] = link;
    coroutine->values[1] = list_new(coroutine->mutator, coroutine->host->link, 20);
    if (turn % 3 == 0) {
        tri_collect(coroutine->mutator);
    }
    MUST(list_is_intact(coroutine->values[1], 20));
    tri_mutator_park(coroutine->mutator);
}

static void *carry(void *argument)
{
    const struct carrier *carrier = argument;
    struct coroutine *coroutine = carrier->coroutine;
    unsigned rounds = times(200, 30);
    for (unsigned i = 0; i < rounds; i++) {
        gate_wait(&coroutine->turns, i * COROUTINE_THREADS + carrier->index);
        coroutine_run(coroutine);
        gate_step(&coroutine->turns);
    }
    return NULL;
}

START_TEST(parked_mutators_go_to_other_threads)
{
    struct host host = host_new(NULL);
    struct coroutine coroutine = {.host = &host, .turns = GATE_INIT};
    struct carrier carriers[COROUTINE_THREADS];
    pthread_t threads[COROUTINE_THREADS];
    tri_mutator_park(host.mutator);
    coroutine.mutator = attach(host.heap);
    tri_roots_set_scanner(coroutine.mutator, scan_coroutine, &coroutine);
    tri_mutator_park(coroutine.mutator);
    ck_assert_int_eq(tri_mutator_resume(host.mutator), TRI_OK);
    for (unsigned i = 0; i < COROUTINE_THREADS; i++) {
        carriers[i] = (struct carrier){&coroutine, i};
        threads[i] = thread_new(carry, &carriers[i]);
    }
    unsigned turns = times(200, 30) * COROUTINE_THREADS;
    for (unsigned i = 0; i < 10; i++) {
        tri_collect(host.mutator); /* wherever it is just now */
    }
    for (unsigned i = 0; i < COROUTINE_THREADS; i++) {
        thread_join_blocked(host.mutator, threads[i]);
    }
    ck_assert_uint_eq(coroutine.turn, turns);
    ck_assert_uint_eq(collect_and_count(host.mutator), turns + 20);
    tri_mutator_detach(coroutine.mutator); /* parked: any thread may */
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    host_end(&host);
}
END_TEST

struct contest {
    tri_mutator *mutator;
    struct gate start;
    atomic_uint winners;
    atomic_uint ended;
};

static void *compete(void *argument)
{
    struct contest *contest = argument;
    gate_wait(&contest->start, 1);
    tri_result result = tri_mutator_resume(contest->mutator);
    MUST(result == TRI_OK || result == TRI_E_STATE);
    atomic_fetch_add(&contest->winners, result == TRI_OK);
    /* Nobody parks it again before all have tried. */
    atomic_fetch_add(&contest->ended, 1);
    while (atomic_load(&contest->ended) < 4) {
        (void)sched_yield();
    }
    if (result == TRI_OK) {
        tri_mutator_park(contest->mutator);
    }
    return NULL;
}

START_TEST(parked_mutator_is_resumed_once)
{
    struct host host = host_new(NULL);
    for (int round = 0; round < 20; round++) {
        struct contest contest = {.mutator = host.mutator, .start = GATE_INIT};
        pthread_t threads[4];
        tri_mutator_park(host.mutator);
        for (unsigned i = 0; i < 4; i++) {
            threads[i] = thread_new(compete, &contest);
        }
        gate_step(&contest.start);
        for (unsigned i = 0; i < 4; i++) {
            thread_join(threads[i]);
        }
        ck_assert_uint_eq(atomic_load(&contest.winners), 1);
        ck_assert_int_eq(tri_mutator_resume(host.mutator), TRI_OK);
    }
    host_end(&host);
}
END_TEST

/* ---- Many heaps ------------------------------------------------------------------------------ */

/* Lines of /proc/self/maps, and the bytes that they cover. */
struct mappings {
    size_t lines;
    size_t bytes;
};

static struct mappings mappings_now(void)
{
    struct mappings mappings = {0};
    char line[1024];
    FILE *maps = fopen("/proc/self/maps", "r");
    MUST(maps != NULL);
    while (fgets(line, sizeof line, maps) != NULL) {
        size_t from;
        size_t to;
        MUST(sscanf(line, "%zx-%zx", &from, &to) == 2);
        mappings.bytes += to - from;
        mappings.lines++;
    }
    (void)fclose(maps);
    return mappings;
}

static size_t resident_bytes(void)
{
    size_t pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    MUST(statm != NULL && fscanf(statm, "%*s %zu", &pages) == 1);
    (void)fclose(statm);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* The life of a heap, from the shortest to one with threads of its own. */
static void heap_lives(unsigned index)
{
    static tri_word slot[1];
    tri_heap_options options = options_new();
    options.max_heap = index % 2 == 0 ? 0 : (size_t)16 << 20;
    options.markers = 2;
    if (index % 4 == 0) {
        tri_heap_destroy(heap_new(&options));
        return;
    }
    struct host host = host_new(&options);
    tri_handle *handle;
    struct link *list = list_new(host.mutator, host.link, 20);
    MUST(tri_handle_create(host.mutator, list, &handle) == TRI_OK);
    MUST(tri_global_add(host.heap, slot, 1) == TRI_OK);
    (void)tri_alloc_array(host.mutator, host.leaf, index % 3 == 0 ? 200000 : 10);
    if (index % 8 == 1) {
        MUST(collect_and_count(host.mutator) == 20);
        MUST(list_is_intact(tri_handle_get(handle), 20));
    }
    host_end(&host);
}

START_TEST(ten_thousand_heaps_leave_nothing)
{
    unsigned count = UNDER_SANITIZER ? 1000 : 10000;
    for (unsigned i = 0; i < 200; i++) { /* what the system keeps: stacks of threads and the like */
        heap_lives(i);
    }
    struct mappings before = mappings_now();
    struct mallinfo2 allocated = mallinfo2();
    size_t resident = resident_bytes();
    for (unsigned i = 0; i < count; i++) {
        heap_lives(i);
    }
    struct mappings after = mappings_now();
    if (!UNDER_SANITIZER) { /* which map and allocate for themselves */
        ck_assert_uint_eq(after.lines, before.lines);
        ck_assert_uint_eq(after.bytes, before.bytes);
        ck_assert_uint_eq(mallinfo2().uordblks, allocated.uordblks);
        ck_assert_uint_lt(resident_bytes(), resident + ((size_t)4 << 20));
    }
    ck_assert_uint_lt(after.lines, before.lines + count / 10);
}
END_TEST

START_TEST(a_thousand_small_heaps_at_once)
{
    enum {
        HEAPS = 1000
    };
    static struct host hosts[HEAPS];
    static tri_handle *handles[HEAPS];
    tri_heap_options options = options_new();
    options.max_heap = (size_t)16 << 20;
    for (unsigned i = 0; i < HEAPS; i++) {
        hosts[i] = host_new(&options);
        struct link *list = list_new(hosts[i].mutator, hosts[i].link, i % 50 + 1);
        ck_assert_int_eq(tri_handle_create(hosts[i].mutator, list, &handles[i]), TRI_OK);
    }
    for (unsigned i = 0; i < HEAPS; i++) {
        ck_assert_ptr_eq(tri_mutator_current(hosts[i].heap), hosts[i].mutator);
        ck_assert(list_is_intact(tri_handle_get(handles[i]), i % 50 + 1));
    }
    for (unsigned i = 0; i < HEAPS; i += 10) {
        ck_assert_uint_eq(collect_and_count(hosts[i].mutator), i % 50 + 1);
    }
    for (unsigned i = HEAPS; i-- > 0;) {
        host_end(&hosts[i * 7 % HEAPS]);
    }
}
END_TEST

/* Every thread has mutators in several heaps, every heap mutators of several threads. A thread's
 * mutators are blocked but for the one it uses: two threads that each collect one heap and run in
 * the other's would wait for each other. */
#define HEAPS_SHARED 5

struct traveller {
    tri_heap **heaps;
    const struct types *types;
    unsigned index;
    uint64_t seed;
};

static void visit_heap(const struct traveller *traveller, unsigned heap, unsigned round)
{
    tri_mutator *mutator = tri_mutator_current(traveller->heaps[heap]);
    tri_blocking_end(mutator);
    work(mutator, &traveller->types[heap], traveller->seed + round, times(200, 50));
    if (round % 3 == 0) {
        tri_collect(mutator);
    }
    tri_blocking_begin(mutator);
}

static void *travel(void *argument)
{
    const struct traveller *traveller = argument;
    for (unsigned i = 0; i < 3; i++) {
        tri_blocking_begin(attach(traveller->heaps[(traveller->index + i) % HEAPS_SHARED]));
    }
    for (unsigned round = 0; round < 30; round++) {
        visit_heap(traveller, (traveller->index + round % 3) % HEAPS_SHARED, round / 3);
    }
    for (unsigned i = 0; i < 3; i++) {
        tri_mutator *mutator =
            tri_mutator_current(traveller->heaps[(traveller->index + i) % HEAPS_SHARED]);
        tri_blocking_end(mutator);
        tri_mutator_detach(mutator);
    }
    return NULL;
}

START_TEST(heaps_side_by_side)
{
    enum {
        THREADS = 8
    };
    tri_heap *heaps[HEAPS_SHARED];
    struct types types[HEAPS_SHARED];
    struct traveller travellers[THREADS];
    pthread_t threads[THREADS];
    uint64_t seed = unit_seed();
    for (unsigned i = 0; i < HEAPS_SHARED; i++) {
        heaps[i] = heap_new(NULL);
        types[i] = types_new(heaps[i]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        travellers[i] = (struct traveller){heaps, types, i, seed + i * 1000};
        threads[i] = thread_new(travel, &travellers[i]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        thread_join(threads[i]);
    }
    for (unsigned i = 0; i < HEAPS_SHARED; i++) {
        tri_mutator *mutator = attach(heaps[i]);
        ck_assert_uint_eq(collect_and_count(mutator), 0);
        tri_heap_destroy(heaps[i]);
    }
}
END_TEST

/* ---- The process around it ------------------------------------------------------------------- */

/* What each signal does, for all that can be asked. */
static void handlers_now(struct sigaction *actions)
{
    for (int number = 1; number < NSIG; number++) {
        memset(&actions[number], 0, sizeof actions[number]);
        (void)sigaction(number, NULL, &actions[number]);
    }
}

/* Objects of several MiB, so that more than one marker is worth while; the mutator's frame holds
 * them by an array of count. */
static tri_ref many_bytes(struct host *host, size_t count)
{
    tri_type_desc desc = TRI_TYPE_DESC("block", char[4096]);
    tri_type *block = type_new(host->heap, &desc);
    tri_type_desc word = TRI_TYPE_DESC("word", void *);
    word.layout = TRI_LAYOUT(TRI_LAYOUT_ALL_WORDS);
    tri_type *array = type_new(host->heap, &word);
    TRI_FRAME(host->mutator, 1);
    TRI_LOCAL(0) = tri_alloc_array(host->mutator, array, count);
    for (size_t i = 0; i < count; i++) {
        uint64_t *object = tri_alloc(host->mutator, block);
        object[0] = i;
        tri_store_ref(host->mutator, (void **)TRI_LOCAL(0) + i, object);
    }
    return TRI_LOCAL(0);
}

START_TEST(no_signal_handler_is_installed)
{
    struct sigaction before[NSIG];
    struct sigaction after[NSIG];
    sigset_t mask_before;
    sigset_t mask_after;
    MUST(pthread_sigmask(SIG_SETMASK, NULL, &mask_before) == 0);
    handlers_now(before);
    tri_heap_options options = options_new();
    options.markers = 3;
    struct host host = host_new(&options);
    {
        TRI_FRAME(host.mutator, 1);
        ck_assert_int_eq(tri_mutator_scan_c_stack(host.mutator, true), TRI_OK);
        TRI_LOCAL(0) = many_bytes(&host, 1000);
        tri_collect(host.mutator);
        handlers_now(after);
        MUST(pthread_sigmask(SIG_SETMASK, NULL, &mask_after) == 0);
    }
    host_end(&host);
    for (int number = 1; number < NSIG; number++) {
        ck_assert_msg(before[number].sa_handler == after[number].sa_handler &&
                          before[number].sa_flags == after[number].sa_flags,
                      "signal %d", number);
        ck_assert_int_eq(sigismember(&mask_before, number), sigismember(&mask_after, number));
    }
}
END_TEST

/* A line of a thread's file in /proc, without its line end. False where there is none. */
static bool thread_line(const char *thread, const char *file, const char *prefix, char line[256])
{
    char path[300];
    (void)snprintf(path, sizeof path, "/proc/self/task/%s/%s", thread, file);
    FILE *lines = fopen(path, "r");
    bool found = false;
    while (lines != NULL && !found && fgets(line, 256, lines) != NULL) {
        found = strncmp(line, prefix, strlen(prefix)) == 0;
    }
    if (lines != NULL) {
        (void)fclose(lines);
    }
    line[found ? strcspn(line, "\n") : 0] = '\0';
    return found;
}

/* The signals that a thread can block: not KILL and STOP, and not the two that the C library keeps
 * for itself. */
static bool all_are_blocked(const char *thread)
{
    char line[256];
    MUST(thread_line(thread, "status", "SigBlk:", line));
    uint64_t blocked = strtoull(line + strlen("SigBlk:"), NULL, 16);
    uint64_t free = UINT64_C(1) << (SIGKILL - 1) | UINT64_C(1) << (SIGSTOP - 1) |
                    UINT64_C(1) << (32 - 1) | UINT64_C(1) << (33 - 1);
    return (blocked | free) == UINT64_MAX;
}

/* How many threads of that name there are. All of them must take no signals. */
static unsigned count_threads(const char *name)
{
    unsigned count = 0;
    DIR *tasks = opendir("/proc/self/task");
    MUST(tasks != NULL);
    const struct dirent *entry;
    while ((entry = readdir(tasks)) != NULL) {
        char line[256];
        if (entry->d_name[0] != '.' && thread_line(entry->d_name, "comm", name, line) &&
            strcmp(line, name) == 0) {
            MUST(all_are_blocked(entry->d_name));
            count++;
        }
    }
    (void)closedir(tasks);
    return count;
}

/* GCMARKERS is obeyed where there is enough to mark; every thread of the library takes no signals,
 * and ends with its heap. */
START_TEST(marker_threads)
{
    static const struct {
        const char *setting;
        unsigned threads;
    } settings[] = {{"1", 0}, {"2", 1}, {"8", 7}};
    MUST(setenv("GCMARKERS", settings[_i].setting, 1) == 0);
    tri_heap_options options = options_new();
    options.stress = 0;
    options.clobber_free = true;
    struct host host = host_new(&options);
    {
        TRI_FRAME(host.mutator, 1);
        ck_assert_uint_eq(count_threads("trillium mark"), 0);
        TRI_LOCAL(0) = many_bytes(&host, 3000);
        tri_collect(host.mutator); /* how many mark follows from what was marked before */
        for (int round = 0; round < 10; round++) {
            ck_assert_uint_eq(collect_and_count(host.mutator), 3001);
            ck_assert_uint_eq(count_threads("trillium mark"), settings[_i].threads);
            ck_assert_uint_le(count_threads("trillium sweep"), 1);
            for (size_t i = 0; i < 3000; i++) {
                MUST(((uint64_t **)TRI_LOCAL(0))[i][0] == i);
            }
        }
    }
    host_end(&host);
    ck_assert_uint_eq(count_threads("trillium mark"), 0);
    ck_assert_uint_eq(count_threads("trillium sweep"), 0);
}
END_TEST

START_TEST(no_thread_before_the_first_cycle)
{
    tri_heap_options options = options_new();
    options.stress = 0;
    struct host host = host_new(&options);
    (void)list_new(host.mutator, host.link, 1000);
    ck_assert_uint_eq(count_threads("trillium mark") + count_threads("trillium sweep"), 0);
    host_end(&host);
}
END_TEST

/* ---- Holding --------------------------------------------------------------------------------- */

struct census {
    uint64_t count;
    uint64_t bytes;
    uintptr_t last;
};

static void take_census(tri_ref object, tri_type *type, size_t bytes, void *argument)
{
    struct census *census = argument;
    MUST((uintptr_t)object > census->last);
    MUST(strcmp(tri_type_name(type), "link") == 0 && bytes >= sizeof(struct link));
    census->last = (uintptr_t)object;
    census->count++;
    census->bytes += bytes;
}

START_TEST(holding_all_others)
{
    struct host host = host_new(NULL);
    struct poller poller = {.host = &host, .ready = GATE_INIT};
    pthread_t thread = thread_new(poll_only, &poller);
    tri_blocking_begin(host.mutator);
    gate_wait(&poller.ready, 1);
    tri_blocking_end(host.mutator);
    {
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = list_new(host.mutator, host.link, 70);
        tri_collect(host.mutator);
        struct census census = {0};
        tri_debug_hold(host.mutator);
        uint64_t polls = poller.polls; /* plain: it stands still, and what it wrote is seen */
        tri_debug_each_object(host.mutator, take_census, &census);
        ck_assert_uint_eq(census.count, 120);
        ck_assert_uint_eq(poller.polls, polls);
        tri_debug_release(host.mutator);
        tri_debug_verify(host.mutator);
    }
    atomic_store(&poller.stop, true);
    thread_join_blocked(host.mutator, thread);
    host_end(&host);
}
END_TEST

int main(void)
{
    const struct test_entry tests[] = {
        {sixteen_mutators, 3},
        {threads_come_and_go, 0},
        {collections_at_once, 0},
        {threads_that_end_are_detached_and_told, WAYS_TO_END},
        {threads_that_end_with_several_mutators, 0},
        {threads_that_attach_while_they_end, 0},
        {blocked_mutators_are_not_waited_for, 0},
        {polling_mutators_answer, 0},
        {a_cycle_that_is_left_is_ended, 0},
        {parked_mutators_go_to_other_threads, 0},
        {parked_mutator_is_resumed_once, 0},
        {ten_thousand_heaps_leave_nothing, 0},
        {a_thousand_small_heaps_at_once, 0},
        {heaps_side_by_side, 0},
        {no_signal_handler_is_installed, 0},
        {marker_threads, 3},
        {no_thread_before_the_first_cycle, 0},
        {holding_all_others, 0},
    };
    return scenario_run("threads", tests, LENGTH(tests));
}
