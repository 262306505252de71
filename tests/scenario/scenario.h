/* scenario.h -- what the scenario tests share: a small host, and threads that meet at gates.
 *
 * These tests stand where a host stands: they include trillium.h and nothing of the inside.
 */
#ifndef TESTS_SCENARIO_H
#define TESTS_SCENARIO_H

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <trillium/trillium.h>

#include "tests/unit/unit.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#ifndef UNDER_SANITIZER
#define UNDER_SANITIZER 0
#endif

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* What Check's assertions are for the first thread, on any thread and in hot loops, which Check's
 * own messages would slow down. */
#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            must_failed(#condition, __FILE__, __LINE__);                                           \
        }                                                                                          \
    } while (0)

static inline TRI_NORETURN void must_failed(const char *condition, const char *file, int line)
{
    fprintf(stderr, "%s:%d: expected %s\n", file, line, condition);
    abort();
}

/* A sanitizer and gcstress make everything some ten times slower each: 1, 10 or 100. What is
 * repeated, is repeated less then. */
static inline unsigned slowness(void)
{
    tri_heap_options options;
    tri_heap_options_init(&options);
    return (UNDER_SANITIZER ? 10 : 1) * (options.stress != 0 ? 10 : 1);
}

static inline unsigned times(unsigned usual, unsigned slow)
{
    return slowness() > 1 ? slow : usual;
}

/* ---- A small host ---------------------------------------------------------------------------- */

struct link {
    struct link *next;
    uint64_t number;
};

static const tri_field link_fields[] = {TRI_POINTER_AT(struct link, next)};

/* A heap, its first thread's mutator, a type of links and a leaf type of the same size. */
struct host {
    tri_heap *heap;
    tri_mutator *mutator;
    tri_type *link;
    tri_type *leaf;
};

static inline tri_heap *heap_new(const tri_heap_options *options)
{
    tri_heap *heap;
    MUST(tri_heap_create(&heap, options) == TRI_OK);
    return heap;
}

static inline tri_mutator *attach(tri_heap *heap)
{
    tri_mutator *mutator;
    MUST(tri_mutator_attach(heap, &mutator) == TRI_OK);
    return mutator;
}

static inline tri_type *type_new(tri_heap *heap, const tri_type_desc *desc)
{
    tri_type *type;
    MUST(tri_type_define(heap, desc, &type) == TRI_OK);
    return type;
}

static inline tri_type *link_type_new(tri_heap *heap)
{
    tri_type_desc desc = TRI_TYPE_DESC("link", struct link);
    desc.layout = TRI_LAYOUT_OF(link_fields);
    return type_new(heap, &desc);
}

/* options NULL: the defaults and the environment. */
static inline struct host host_new(const tri_heap_options *options)
{
    struct host host = {.heap = heap_new(options)};
    tri_type_desc leaf = TRI_TYPE_DESC("leaf", struct link);
    host.mutator = attach(host.heap);
    host.link = link_type_new(host.heap);
    host.leaf = type_new(host.heap, &leaf);
    return host;
}

static inline void host_end(struct host *host)
{
    tri_mutator_detach(host->mutator);
    tri_heap_destroy(host->heap);
}

static inline tri_heap_options options_new(void)
{
    tri_heap_options options;
    tri_heap_options_init(&options);
    return options;
}

static inline tri_stats stats_of(tri_heap *heap)
{
    tri_stats stats = {.size = sizeof stats};
    MUST(tri_stats_read(heap, &stats) == TRI_OK);
    return stats;
}

/* Objects that are left after a collection. */
static inline uint64_t collect_and_count(tri_mutator *mutator)
{
    tri_collect(mutator);
    return stats_of(tri_mutator_heap(mutator)).heap_objects;
}

/* A new object of 16 bytes that says its number. */
static inline struct link *link_new(tri_mutator *mutator, tri_type *type, uint64_t number)
{
    struct link *link = tri_alloc(mutator, type);
    MUST(link->next == NULL && link->number == 0);
    link->number = number;
    return link;
}

/* count links, numbered down to 0 from the first one, which is returned. */
static inline struct link *list_new(tri_mutator *mutator, tri_type *type, uint64_t count)
{
    TRI_FRAME(mutator, 1);
    for (uint64_t i = 0; i < count; i++) {
        struct link *link = link_new(mutator, type, i);
        tri_init_ref(mutator, &link->next, TRI_LOCAL(0));
        TRI_LOCAL(0) = link;
    }
    return TRI_LOCAL(0);
}

static inline bool list_is_intact(const struct link *first, uint64_t count)
{
    const struct link *link = first;
    for (uint64_t i = count; i > 0; i--) {
        if (link == NULL || link->number != i - 1) {
            return false;
        }
        link = link->next;
    }
    return link == NULL;
}

/* ---- Addresses that no scan can see ---------------------------------------------------------- */

static inline uintptr_t hide(const void *address)
{
    return ~(uintptr_t)address;
}

static inline void *reveal(uintptr_t hidden)
{
    return (void *)~hidden;
}

/* Whether there is an object where one was. Only as good as nothing was allocated since the
 * collection that may have freed it. */
static inline bool is_there(tri_heap *heap, uintptr_t hidden)
{
    return tri_object_base(heap, reveal(hidden)) == reveal(hidden);
}

/* Overwrite what earlier calls have left on the stack below. */
static TRI_NOINLINE __attribute__((unused)) void scrub_stack(void)
{
    volatile char rubbish[16384];
    for (size_t i = 0; i < sizeof rubbish; i++) {
        rubbish[i] = (char)i;
    }
}

/* ---- Threads --------------------------------------------------------------------------------- */

/* Counts up; threads wait until it has reached a number. */
struct gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    unsigned count;
};
#define GATE_INIT                                                                                  \
    {                                                                                              \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0                                     \
    }

static inline void gate_step(struct gate *gate)
{
    MUST(pthread_mutex_lock(&gate->mutex) == 0);
    gate->count++;
    MUST(pthread_cond_broadcast(&gate->changed) == 0);
    MUST(pthread_mutex_unlock(&gate->mutex) == 0);
}

static inline void gate_wait(struct gate *gate, unsigned count)
{
    MUST(pthread_mutex_lock(&gate->mutex) == 0);
    while (gate->count < count) {
        MUST(pthread_cond_wait(&gate->changed, &gate->mutex) == 0);
    }
    MUST(pthread_mutex_unlock(&gate->mutex) == 0);
}

static inline pthread_t thread_new(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    MUST(pthread_create(&thread, NULL, function, argument) == 0);
    return thread;
}

static inline void thread_join(pthread_t thread)
{
    MUST(pthread_join(thread, NULL) == 0);
}

/* Wait for a thread that may need this one's mutator to answer the collector. */
static inline void thread_join_blocked(tri_mutator *mutator, pthread_t thread)
{
    tri_blocking_begin(mutator);
    thread_join(thread);
    tri_blocking_end(mutator);
}

/* ---- The heap's log -------------------------------------------------------------------------- */

struct log_lines {
    unsigned count;
    char last[512];
};

/* A tri_log_function. The library calls it on one thread at a time. */
static inline void log_keep(const char *line, void *argument)
{
    struct log_lines *lines = argument;
    lines->count++;
    (void)snprintf(lines->last, sizeof lines->last, "%s", line);
}

/* ---- Running --------------------------------------------------------------------------------- */

struct test_entry {
    const TTest *test;
    int rounds; /* 0: once; else a loop test of that many */
};

static inline int scenario_run(const char *name, const struct test_entry *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *all = tcase_create("all");
    for (size_t i = 0; i < count; i++) {
        if (tests[i].rounds == 0) {
            tcase_add_test(all, tests[i].test);
        } else {
            tcase_add_loop_test(all, tests[i].test, 0, tests[i].rounds);
        }
    }
    suite_add_tcase(suite, all);
    return unit_run(suite);
}

#endif
