/* fork_test.c -- a child of fork() uses the heap of its parent: at every step of a cycle, from a
 * thread with and without a mutator, beside threads that allocate.
 */
#include <sys/wait.h>
#include <unistd.h>

#include "tests/scenario/scenario.h"

/* Starting a thread in the child of a process with several is not something that ThreadSanitizer
 * knows. */
#if defined(__SANITIZE_THREAD__)
#define CHILD_MAY_START_THREADS 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CHILD_MAY_START_THREADS 0
#endif
#endif
#ifndef CHILD_MAY_START_THREADS
#define CHILD_MAY_START_THREADS 1
#endif

#define LIST 2000

/* The list is whole; allocate, collect twice, and look again. What fails aborts. */
static void use_heap(tri_mutator *mutator, tri_type *type, struct link **list, uint64_t count)
{
    MUST(list_is_intact(*list, count));
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 5000; i++) {
            (void)link_new(mutator, type, i);
        }
        tri_collect(mutator);
        MUST(list_is_intact(*list, count));
    }
}

/* Fork; in the child call function(argument) and end. True where it ended well. mutator: the
 * calling thread's; NULL: it has none. */
static bool child_does(tri_mutator *mutator, void (*function)(void *argument), void *argument)
{
    (void)fflush(NULL);
    pid_t child = fork();
    MUST(child >= 0);
    if (child == 0) {
        alarm(60);
        function(argument);
        _exit(0);
    }
    int status = 0;
    if (mutator != NULL) {
        tri_blocking_begin(mutator);
    }
    MUST(waitpid(child, &status, 0) == child);
    if (mutator != NULL) {
        tri_blocking_end(mutator);
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void nothing(void *argument)
{
    (void)argument;
}

struct scene {
    struct host host;
    struct link *list;
};

static void use_own(void *argument)
{
    struct scene *scene = argument;
    TRI_FRAME(scene->host.mutator, 1);
    TRI_LOCAL(0) = scene->list;
    use_heap(scene->host.mutator, scene->host.link, (struct link **)&TRI_LOCAL(0), LIST);
}

/* Without threads a cycle is at the step to which this thread has taken it. */
START_TEST(at_every_step)
{
    tri_heap_options options = options_new();
    options.markers = 0;
    options.stress = 0; /* else no cycle is ever due */
    options.heap_minimum = 100000;
    struct scene scene = {.host = host_new(&options)};
    tri_mutator *mutator = scene.host.mutator;
    TRI_FRAME(mutator, 1);
    TRI_LOCAL(0) = list_new(mutator, scene.host.link, LIST);
    unsigned forks = 0;
    unsigned cycles = 0;
    while (cycles < 2) {
        for (unsigned i = 0; i < 300; i++) {
            (void)link_new(mutator, scene.host.link, i);
        }
        scene.list = TRI_LOCAL(0);
        bool before = tri_gc_step(mutator, 0);
        for (bool more = before; more && forks < times(100, 40); more = tri_gc_step(mutator, 512)) {
            scene.list = TRI_LOCAL(0);
            ck_assert(child_does(mutator, use_own, &scene));
            forks++;
        }
        cycles += before;
    }
    ck_assert_uint_gt(forks, 10);
    use_heap(mutator, scene.host.link, (struct link **)&TRI_LOCAL(0), LIST);
}
END_TEST

/* ---- Beside other threads -------------------------------------------------------------------- */

#define PLAYERS 4

struct players {
    struct host host;
    tri_handle *list;
    atomic_bool stop;
    atomic_uint ready;
};

static void *player(void *argument)
{
    struct players *players = argument;
    tri_mutator *mutator = attach(players->host.heap);
    {
        TRI_FRAME(mutator, 2);
        while (!players->stop) {
            TRI_LOCAL(0) = list_new(mutator, players->host.link, 200);
            TRI_LOCAL(1) = link_new(mutator, players->host.link, 1);
            tri_store_ref(mutator, TRI_LOCAL(1), TRI_LOCAL(0));
            MUST(list_is_intact(TRI_LOCAL(0), 200));
            players->ready++;
        }
    }
    tri_mutator_detach(mutator);
    return NULL;
}

static void check_in_child(tri_mutator *mutator, struct players *players)
{
    TRI_FRAME(mutator, 1);
    TRI_LOCAL(0) = tri_handle_get(players->list);
    use_heap(mutator, players->host.link, (struct link **)&TRI_LOCAL(0), LIST);
    MUST(stats_of(players->host.heap).mutators == 1);
}

static void use_with_own(void *argument)
{
    struct players *players = argument;
    check_in_child(players->host.mutator, players);
}

static void use_attached(void *argument)
{
    struct players *players = argument;
    tri_mutator *mutator = attach(players->host.heap);
    check_in_child(mutator, players);
    tri_mutator_detach(mutator);
}

/* With: the thread that forks has a mutator. */
static void fork_beside_players(bool with, int32_t markers)
{
    tri_heap_options options = options_new();
    options.markers = CHILD_MAY_START_THREADS ? markers : 0;
    options.background_sweep = CHILD_MAY_START_THREADS;
    options.heap_minimum = 500000;
    struct players players = {.host = host_new(&options)};
    pthread_t threads[PLAYERS];
    MUST(tri_handle_create(players.host.mutator,
                           list_new(players.host.mutator, players.host.link, LIST),
                           &players.list) == TRI_OK);
    if (!with) {
        tri_mutator_detach(players.host.mutator);
    }
    for (unsigned i = 0; i < PLAYERS; i++) {
        MUST(pthread_create(&threads[i], NULL, player, &players) == 0);
    }
    for (unsigned i = 0; i < times(12, 4); i++) {
        unsigned seen = players.ready;
        while (players.ready - seen < 20) {
            if (with) {
                tri_safepoint(players.host.mutator);
            }
        }
        ck_assert(with ? child_does(players.host.mutator, use_with_own, &players)
                       : child_does(NULL, use_attached, &players));
    }
    players.stop = true;
    for (unsigned i = 0; i < PLAYERS; i++) {
        if (with) {
            tri_blocking_begin(players.host.mutator);
        }
        MUST(pthread_join(threads[i], NULL) == 0);
        if (with) {
            tri_blocking_end(players.host.mutator);
        }
    }
    if (!with) {
        players.host.mutator = attach(players.host.heap);
    }
    use_heap(players.host.mutator, players.host.link,
             &(struct link *){tri_handle_get(players.list)}, LIST);
    host_end(&players.host);
}

static const int32_t markers[] = {TRI_MARKERS_AUTO, 0, 2};

START_TEST(with_a_mutator)
{
    fork_beside_players(true, markers[_i]);
}
END_TEST

START_TEST(without_a_mutator)
{
    fork_beside_players(false, markers[_i]);
}
END_TEST

/* Several threads that fork at a time, each with a mutator of its own. */
static void *forker(void *argument)
{
    struct players *players = argument;
    tri_mutator *mutator = attach(players->host.heap);
    {
        TRI_FRAME(mutator, 1);
        for (unsigned i = 0; i < times(10, 3); i++) {
            TRI_LOCAL(0) = list_new(mutator, players->host.link, 300);
            pid_t child = fork();
            MUST(child >= 0);
            MUST(list_is_intact(TRI_LOCAL(0), 300));
            if (child == 0) {
                tri_collect(mutator);
                MUST(list_is_intact(TRI_LOCAL(0), 300));
                _exit(0);
            }
            int status = 0;
            tri_blocking_begin(mutator);
            MUST(waitpid(child, &status, 0) == child);
            tri_blocking_end(mutator);
            MUST(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        }
    }
    tri_mutator_detach(mutator);
    return NULL;
}

START_TEST(several_at_a_time)
{
    tri_heap_options options = options_new();
    options.markers = CHILD_MAY_START_THREADS ? TRI_MARKERS_AUTO : 0;
    options.heap_minimum = 100000;
    struct players players = {.host = host_new(&options)};
    pthread_t threads[PLAYERS];
    for (unsigned i = 0; i < PLAYERS; i++) {
        MUST(pthread_create(&threads[i], NULL, forker, &players) == 0);
    }
    tri_blocking_begin(players.host.mutator);
    for (unsigned i = 0; i < PLAYERS; i++) {
        MUST(pthread_join(threads[i], NULL) == 0);
    }
    tri_blocking_end(players.host.mutator);
    host_end(&players.host);
}
END_TEST

/* A thread with a mutator makes and ends other heaps while another thread forks and holds that
 * mutator. */
struct maker {
    tri_heap *heap;
    tri_fork fork; /* of the other heaps */
    atomic_bool is_ready;
};

static void *maker(void *argument)
{
    struct maker *maker = argument;
    tri_heap_options options = options_new();
    options.fork = maker->fork;
    tri_mutator *mutator = attach(maker->heap);
    const struct tri_mutator_head_ *head = (const struct tri_mutator_head_ *)(const void *)mutator;
    atomic_store(&maker->is_ready, true);
    while (TRI_LOAD_RELAXED(&head->poll) == 0) { /* until it is asked for */
    }
    tri_heap_destroy(heap_new(&options));
    tri_mutator_detach(mutator);
    return NULL;
}

static const tri_fork forks[] = {TRI_FORK_FULL, TRI_FORK_EXEC};

START_TEST(beside_new_heaps)
{
    tri_heap_options options = options_new();
    options.gc_percent = TRI_GC_PERCENT_OFF; /* nobody else asks */
    options.stress = 0;
    struct maker it = {.heap = heap_new(&options), .fork = forks[_i]};
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, maker, &it) == 0);
    while (!atomic_load(&it.is_ready)) {
    }
    ck_assert(child_does(NULL, nothing, NULL));
    MUST(pthread_join(thread, NULL) == 0);
    tri_heap_destroy(it.heap);
}
END_TEST

/* A mutator that is parked belongs to no thread: the child still has it. */
static void resume_in_child(void *argument)
{
    struct scene *scene = argument;
    MUST(tri_mutator_resume(scene->host.mutator) == TRI_OK);
    use_own(scene);
}

START_TEST(parked_stays)
{
    tri_heap_options options = options_new();
    options.markers = CHILD_MAY_START_THREADS ? TRI_MARKERS_AUTO : 0;
    struct scene scene = {.host = host_new(&options)};
    tri_handle *handle;
    scene.list = list_new(scene.host.mutator, scene.host.link, LIST);
    MUST(tri_handle_create(scene.host.mutator, scene.list, &handle) == TRI_OK);
    tri_mutator_park(scene.host.mutator);
    ck_assert(child_does(NULL, resume_in_child, &scene));
    MUST(tri_mutator_resume(scene.host.mutator) == TRI_OK);
    host_end(&scene.host);
}
END_TEST

/* A heap that is not for the child costs nothing, and its mutators stay where they are. */
START_TEST(exec_only)
{
    tri_heap_options options = options_new();
    options.fork = TRI_FORK_EXEC;
    struct host host = host_new(&options);
    ck_assert(child_does(host.mutator, nothing, NULL));
    ck_assert_uint_eq(stats_of(host.heap).mutators, 1);
    host_end(&host);
}
END_TEST

int main(void)
{
    const struct test_entry tests[] = {
        {at_every_step, 0},
        {with_a_mutator, LENGTH(markers)},
        {without_a_mutator, LENGTH(markers)},
        {several_at_a_time, 0},
        {beside_new_heaps, LENGTH(forks)},
        {parked_stays, 0},
        {exec_only, 0},
    };
    return scenario_run("fork", tests, LENGTH(tests));
}
