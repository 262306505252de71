/* crew.h -- threads that do the same, and when they began and ended.
 *
 * To be included after the implementation's header.
 */
#ifndef TRILLIUM_BENCH_CREW_H
#define TRILLIUM_BENCH_CREW_H

#include "bench.h"
#include <pthread.h>

enum {
    CREW_MAX = 64
};

/* Wall clock and processor time of all threads, in nanoseconds. */
struct times {
    uint64_t start_wall_ns, start_cpu_ns;
    uint64_t end_wall_ns, end_cpu_ns;
};

static inline void times_begin(struct times *times)
{
    times->start_cpu_ns = bench_cpu_ns();
    times->start_wall_ns = bench_wall_ns();
}

static inline void times_end(struct times *times)
{
    times->end_wall_ns = bench_wall_ns();
    times->end_cpu_ns = bench_cpu_ns();
}

static inline uint64_t times_wall_ns(const struct times *times)
{
    return times->end_wall_ns - times->start_wall_ns;
}

static inline uint64_t times_cpu_ns(const struct times *times)
{
    return times->end_cpu_ns - times->start_cpu_ns;
}

/* Before the first times_add. */
static const struct times times_none = {UINT64_MAX, UINT64_MAX, 0, 0};

/* From the first start to the last end of both. */
static inline void times_add(struct times *sum, const struct times *times)
{
    if (times->start_wall_ns < sum->start_wall_ns) {
        sum->start_wall_ns = times->start_wall_ns;
    }
    if (times->start_cpu_ns < sum->start_cpu_ns) {
        sum->start_cpu_ns = times->start_cpu_ns;
    }
    if (times->end_wall_ns > sum->end_wall_ns) {
        sum->end_wall_ns = times->end_wall_ns;
    }
    if (times->end_cpu_ns > sum->end_cpu_ns) {
        sum->end_cpu_ns = times->end_cpu_ns;
    }
}

static inline void begin_thread(pthread_t *thread, void *(*function)(void *), void *argument)
{
    if (pthread_create(thread, NULL, function, argument) != 0) {
        bench_die("no thread");
    }
}

/* Waits until all who share the barrier are there. */
static inline void start_together(pthread_barrier_t *barrier, struct impl_thread *thread)
{
    impl_wait_begin(thread);
    pthread_barrier_wait(barrier);
    impl_wait_end(thread);
}

struct crew;

/* One of a crew, and what it has done. */
struct member {
    struct crew *crew;
    pthread_t thread;
    struct times times;
    uint64_t result; /* the crew's is the sum */
    int64_t collections;
};

struct crew {
    unsigned count;
    /* The work: between times_begin and times_end of member->times, and sets member->result. */
    void (*work)(struct member *member, struct impl_thread *thread);
    const void *run;     /* what the work is to know */
    size_t live_objects; /* of each member at most */
    pthread_barrier_t start;
    struct member members[CREW_MAX];
};

static inline void *crew_member_work(void *argument)
{
    struct member *member = argument;
    struct impl_thread thread;
    impl_thread_begin(&thread, member->crew->live_objects);
    member->crew->work(member, &thread);
    member->collections = impl_collections(&thread);
    impl_thread_end(&thread);
    return NULL;
}

/* Where the timed part of the work begins. */
static inline void crew_start(struct member *member, struct impl_thread *thread)
{
    if (member->crew->count > 1) {
        start_together(&member->crew->start, thread);
    }
    times_begin(&member->times);
}

/* The work is done by all members at the same time. One alone does it on the first thread: a
 * program without a second thread is a case of its own for some allocators. */
static inline void crew_run(struct crew *crew)
{
    for (unsigned i = 0; i < crew->count; i++) {
        crew->members[i].crew = crew;
    }
    if (crew->count == 1) {
        crew_member_work(&crew->members[0]);
        return;
    }
    pthread_barrier_init(&crew->start, NULL, crew->count);
    for (unsigned i = 0; i < crew->count; i++) {
        begin_thread(&crew->members[i].thread, crew_member_work, &crew->members[i]);
    }
    for (unsigned i = 0; i < crew->count; i++) {
        pthread_join(crew->members[i].thread, NULL);
    }
    pthread_barrier_destroy(&crew->start);
}

static inline struct times crew_times(const struct crew *crew)
{
    struct times times = times_none;
    for (unsigned i = 0; i < crew->count; i++) {
        times_add(&times, &crew->members[i].times);
    }
    return times;
}

/* Reports the collections that anybody has seen, where there is such a thing, and the check. */
static inline void crew_report(const struct crew *crew)
{
    int64_t collections = -1;
    uint64_t result = 0;
    for (unsigned i = 0; i < crew->count; i++) {
        const struct member *member = &crew->members[i];
        collections = member->collections > collections ? member->collections : collections;
        result += member->result;
    }
    if (collections >= 0) {
        bench_report("collections", (double)collections);
    }
    bench_report_check(result);
}

#endif
