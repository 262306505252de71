/* finalizers_test.c -- finalizers and cleanups as a host uses them: what it may do inside them, on
 * several threads, on the library's own thread, in the child of a fork, at the end of the heap.
 */
#include <setjmp.h>
#include <sys/wait.h>
#include <time.h>
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

/* What is counted for each number. */
#define NUMBERS 200000
static atomic_uint finalized[NUMBERS];
static atomic_uint cleaned[NUMBERS];
static atomic_uint finalized_count;
static atomic_uint cleaned_count;

static void reset_counts(void)
{
    memset(finalized, 0, sizeof finalized);
    memset(cleaned, 0, sizeof cleaned);
    finalized_count = 0;
    cleaned_count = 0;
}

static void finalize(tri_mutator *mutator, tri_ref object, void *argument)
{
    const struct link *link = object;
    MUST(tri_mutator_current(tri_mutator_heap(mutator)) == mutator);
    MUST(argument == &finalized_count && link->number < NUMBERS);
    MUST(atomic_fetch_add(&finalized[link->number], 1) == 0);
    atomic_fetch_add(&finalized_count, 1);
}

static void clean(tri_mutator *mutator, void *argument)
{
    size_t number = (size_t)((char *)argument - (char *)cleaned);
    MUST(tri_mutator_current(tri_mutator_heap(mutator)) == mutator);
    MUST(number < NUMBERS && atomic_fetch_add(&cleaned[number], 1) == 0);
    atomic_fetch_add(&cleaned_count, 1);
}

static void clean_reference(tri_mutator *mutator, void *argument)
{
    const struct link *link = argument;
    clean(mutator, (char *)cleaned + link->number);
}

static struct link *attached(struct host *host, uint64_t number)
{
    struct link *link = link_new(host->mutator, host->link, number);
    MUST(tri_finalizer_attach(host->mutator, link, finalize, &finalized_count, 0) == TRI_OK);
    return link;
}

static tri_type *finalized_type(tri_heap *heap)
{
    tri_type_desc desc = TRI_TYPE_DESC("finalized", struct link);
    desc.layout = TRI_LAYOUT_OF(link_fields);
    desc.finalizer = finalize;
    desc.finalizer_argument = &finalized_count;
    return type_new(heap, &desc);
}

/* ---- On the host's thread -------------------------------------------------------------------- */

START_TEST(run_by_the_host)
{
    struct host host = host_new(NULL);
    tri_type *type = finalized_type(host.heap);
    reset_counts();
    for (uint64_t i = 0; i < 10; i++) {
        (void)attached(&host, i);
        (void)link_new(host.mutator, type, 10 + i);
        struct link *link = link_new(host.mutator, host.link, 20 + i);
        MUST(tri_cleanup_attach(host.mutator, link, clean, (char *)cleaned + i, NULL) == TRI_OK);
    }
    tri_collect(host.mutator);
    tri_stats stats = stats_of(host.heap);
    ck_assert_uint_eq(finalized_count + cleaned_count, 0); /* not by itself */
    ck_assert_uint_eq(stats.finalizers_waiting, 30);
    ck_assert_uint_eq(stats.finalizers_queued, 20);
    ck_assert_uint_eq(stats.cleanups_queued, 10);
    ck_assert_uint_eq(stats.finalizers_attached, 0);
    ck_assert_uint_eq(tri_finalizers_run(host.mutator, 0), 0);
    ck_assert_uint_eq(tri_finalizers_run(host.mutator, 7), 7);
    ck_assert_uint_eq(stats_of(host.heap).finalizers_waiting, 23);
    ck_assert_uint_eq(tri_finalizers_run(host.mutator, SIZE_MAX), 23);
    ck_assert_uint_eq(tri_finalizers_run(host.mutator, SIZE_MAX), 0);
    stats = stats_of(host.heap);
    ck_assert_uint_eq(stats.finalizers_run, 20);
    ck_assert_uint_eq(stats.cleanups_run, 10);
    ck_assert(finalized_count == 20 && cleaned_count == 10);
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    host_end(&host);
}
END_TEST

/* A finalizer may do anything: here it makes garbage, collects, has others run, brings its object
 * back and attaches to it again. */
struct busy {
    tri_word revived; /* a global slot */
    tri_type *link;
    unsigned calls;
};

static void be_busy(tri_mutator *mutator, tri_ref object, void *argument)
{
    struct busy *busy = argument;
    struct link *link = object;
    busy->calls++;
    for (unsigned i = 0; i < 2000; i++) {
        (void)link_new(mutator, busy->link, i);
    }
    tri_collect(mutator);
    MUST(link->number == 77 && list_is_intact(link->next, 100));
    (void)tri_finalizers_run(mutator, SIZE_MAX);
    tri_collect(mutator);
    MUST(link->number == 77 && list_is_intact(link->next, 100));
    tri_store_ref(mutator, &busy->revived, link);
    MUST(tri_finalizer_attach(mutator, link, be_busy, busy, 0) == TRI_OK);
}

START_TEST(may_do_anything)
{
    struct host host = host_new(NULL);
    struct busy busy = {.link = host.link};
    reset_counts();
    MUST(tri_global_add(host.heap, &busy.revived, 1) == TRI_OK);
    {
        TRI_FRAME(host.mutator, 2);
        TRI_LOCAL(0) = list_new(host.mutator, host.link, 100);
        struct link *link = link_new(host.mutator, host.link, 77);
        tri_init_ref(host.mutator, &link->next, TRI_LOCAL(0));
        TRI_LOCAL(1) = link;
        MUST(tri_finalizer_attach(host.mutator, link, be_busy, &busy, 0) == TRI_OK);
        (void)attached(&host, 5); /* for the call inside */
    }
    for (unsigned i = 1; i <= 3; i++) {
        tri_collect(host.mutator);
        ck_assert_uint_ge(tri_finalizers_run(host.mutator, 1), 1);
        (void)tri_finalizers_run(host.mutator, SIZE_MAX);
        ck_assert_uint_eq(busy.calls, i);
        ck_assert(busy.revived != 0);
        tri_store(host.mutator, &busy.revived, 0);
    }
    ck_assert_uint_eq(finalized[5], 1);
    MUST(tri_global_remove(host.heap, &busy.revived));
    host_end(&host);
}
END_TEST

/* An error of the host's that leaves a finalizer by longjmp(). */
static jmp_buf escape;

static void give_up(tri_mutator *mutator, tri_ref object, void *argument)
{
    (void)object;
    (void)argument;
    TRI_FRAME(mutator, 1);
    TRI_LOCAL(0) = object;
    longjmp(escape, 1);
}

START_TEST(left_by_longjmp)
{
    struct host host = host_new(NULL);
    reset_counts();
    struct link *link = link_new(host.mutator, host.link, 1);
    MUST(tri_finalizer_attach(host.mutator, link, give_up, NULL, 0) == TRI_OK);
    tri_collect(host.mutator);
    (void)attached(&host, 2);
    tri_collect(host.mutator);
    struct tri_frame_ *mark = tri_frames_save(host.mutator);
    if (setjmp(escape) == 0) {
        (void)tri_finalizers_run(host.mutator, SIZE_MAX);
        ck_abort();
    }
    tri_frames_restore(host.mutator, mark);
    ck_assert_uint_eq(stats_of(host.heap).finalizers_run, 1); /* it counts as made */
    ck_assert_uint_eq(tri_finalizers_run(host.mutator, SIZE_MAX), 1);
    ck_assert_uint_eq(finalized[2], 1);
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    host_end(&host);
}
END_TEST

/* Calls in the order in which they were made: numbers of objects, and 100 + number of cleanups. */
static uint64_t calls[16];
static size_t call_count;

static void note_object(tri_mutator *mutator, tri_ref object, void *argument)
{
    (void)mutator;
    (void)argument;
    calls[call_count++] = ((const struct link *)object)->number;
}

static void note_cleanup(tri_mutator *mutator, void *argument)
{
    (void)mutator;
    calls[call_count++] = 100 + (uint64_t)(uintptr_t)argument;
}

/* Who was queued by an earlier cycle comes first, and finalizers of types last. */
START_TEST(in_the_order_of_the_queue)
{
    struct host host = host_new(NULL);
    tri_mutator *m = host.mutator;
    tri_type_desc desc = TRI_TYPE_DESC("noted", struct link);
    desc.finalizer = note_object;
    tri_type *noted = type_new(host.heap, &desc);
    call_count = 0;
    (void)link_new(m, noted, 50);
    for (uint64_t i = 0; i < 3; i++) {
        struct link *link = link_new(m, host.link, i);
        MUST(tri_finalizer_attach(m, link, note_object, NULL, 0) == TRI_OK);
        tri_collect(m);
        MUST(tri_cleanup_attach(m, link_new(m, host.link, i), note_cleanup, (void *)(uintptr_t)i,
                                NULL) == TRI_OK);
        tri_collect(m);
    }
    ck_assert_uint_eq(tri_finalizers_run(m, SIZE_MAX), 7);
    static const uint64_t wanted[] = {0, 100, 1, 101, 2, 102, 50};
    ck_assert_mem_eq(calls, wanted, sizeof wanted);
    host_end(&host);
}
END_TEST

/* What is attached stays with the object that an array was. */
START_TEST(arrays_that_grow)
{
    struct host host = host_new(NULL);
    tri_mutator *m = host.mutator;
    {
        TRI_FRAME(m, 1);
        struct link *array = tri_alloc_array(m, host.link, 4);
        TRI_LOCAL(0) = array;
        array->number = 5;
        call_count = 0;
        MUST(tri_finalizer_attach(m, array, note_object, NULL, 0) == TRI_OK);
        MUST(tri_cleanup_attach(m, array, note_cleanup, (void *)6, NULL) == TRI_OK);
        struct link *longer = tri_resize_array(m, host.link, array, 4, 4000);
        ck_assert_ptr_ne(longer, array);
        TRI_LOCAL(0) = longer;
        tri_collect(m);
        ck_assert(!tri_finalizer_detach(m, longer));
        ck_assert_uint_eq(tri_finalizers_run(m, SIZE_MAX), 1);
        tri_collect(m);
        ck_assert_uint_eq(tri_finalizers_run(m, SIZE_MAX), 1);
        ck_assert(call_count == 2 && calls[0] == 5 && calls[1] == 106);
    }
    ck_assert_uint_eq(collect_and_count(m), 0);
    host_end(&host);
}
END_TEST

static void try_errors(struct host *host)
{
    tri_mutator *m = host->mutator;
    TRI_FRAME(m, 1);
    struct link *link = link_new(m, host->link, 1);
    TRI_LOCAL(0) = link;
    struct link *typed = link_new(m, finalized_type(host->heap), 2);
    tri_init_ref(m, &link->next, typed);
    tri_cleanup cleanup = {5};
    int local;
    ck_assert_int_eq(tri_finalizer_attach(m, link, NULL, NULL, 0), TRI_E_INVALID);
    ck_assert_int_eq(tri_finalizer_attach(m, &local, finalize, NULL, 0), TRI_E_INVALID);
    ck_assert_int_eq(tri_finalizer_attach(m, TRI_NULL, finalize, NULL, 0), TRI_E_INVALID);
    ck_assert_int_eq(tri_finalizer_attach(m, link, finalize, NULL, 2), TRI_E_INVALID);
    ck_assert_int_eq(tri_finalizer_attach(m, typed, finalize, NULL, 0), TRI_E_STATE);
    ck_assert(!tri_finalizer_detach(m, link));
    ck_assert(!tri_finalizer_detach(m, &local));
    ck_assert_int_eq(tri_cleanup_attach(m, link, NULL, NULL, &cleanup), TRI_E_INVALID);
    ck_assert_int_eq(tri_cleanup_attach(m, &local, clean, NULL, &cleanup), TRI_E_INVALID);
    ck_assert_int_eq(tri_cleanup_attach_ref(m, link, clean, link, &cleanup), TRI_E_INVALID);
    ck_assert_int_eq(tri_cleanup_attach_ref(m, link, clean, &link->number, &cleanup),
                     TRI_E_INVALID); /* a part of it */
    ck_assert_int_eq(tri_cleanup_attach_ref(m, link, clean, TRI_NULL, &cleanup), TRI_E_INVALID);
    ck_assert_uint_eq(cleanup.id, 5);
    ck_assert(!tri_cleanup_stop(m, cleanup));
    /* An address in the object will do. */
    ck_assert_int_eq(tri_finalizer_attach(m, &link->number, finalize, &finalized_count, 0), TRI_OK);
    ck_assert(tri_finalizer_detach(m, link));
}

START_TEST(errors)
{
    struct host host = host_new(NULL);
    try_errors(&host);
    host_end(&host);
}
END_TEST

/* Weak references are cleared before the finalizer runs, whatever that does; also those to what
 * only the object refers to, and those that only it refers to. */
static void check_weak(struct host *host)
{
    tri_mutator *m = host->mutator;
    TRI_FRAME(m, 3); /* weak references to the object and to what it refers to; the object, later */
    struct link *link = attached(host, 1);
    TRI_LOCAL(2) = link;
    TRI_LOCAL(0) = tri_weak_new(m, link);
    struct link *inner = link_new(m, host->link, 2);
    tri_init_ref(m, &link->next, inner);
    TRI_LOCAL(1) = tri_weak_new(m, inner);
    tri_init_ref(m, &inner->next, tri_weak_new(m, link_new(m, host->link, 3)));
    TRI_LOCAL(2) = TRI_NULL;
    scrub_stack();
    tri_collect(m);
    ck_assert_uint_eq(stats_of(host->heap).finalizers_waiting, 1);
    ck_assert_ptr_null(tri_weak_get(m, TRI_LOCAL(0)));
    ck_assert_ptr_null(tri_weak_get(m, TRI_LOCAL(1)));
    ck_assert_uint_eq(stats_of(host->heap).heap_objects, 5); /* 3 is gone */
    ck_assert_uint_eq(tri_finalizers_run(m, 1), 1);
    TRI_LOCAL(2) = link; /* as its finalizer would */
    tri_collect(m);
    ck_assert_ptr_null(tri_weak_get(m, TRI_LOCAL(0)));
    ck_assert_ptr_null(tri_weak_get(m, TRI_LOCAL(1)));
    inner = link->next;
    ck_assert_uint_eq(inner->number, 2);
    ck_assert_ptr_null(tri_weak_get(m, inner->next));
}

START_TEST(weak_references)
{
    tri_heap_options options = options_new();
    options.stress = 0; /* nothing is collected behind its back: link is not always in a frame */
    options.stop_the_world = _i == 1;
    struct host host = host_new(&options);
    reset_counts();
    check_weak(&host);
    host_end(&host);
}
END_TEST

/* What is attached, or waits, is dropped with the heap. */
START_TEST(end_of_the_heap)
{
    struct host host = host_new(NULL);
    reset_counts();
    (void)attached(&host, 1);
    tri_collect(host.mutator);
    ck_assert_uint_eq(stats_of(host.heap).finalizers_waiting, 1);
    (void)attached(&host, 2);
    host_end(&host);
    ck_assert_uint_eq(finalized_count, 0);
}
END_TEST

/* ---- Several threads ------------------------------------------------------------------------- */

struct team {
    tri_heap *heap;
    tri_type *link;
    tri_type *typed;
    tri_word revived; /* a global slot: objects that finalizers have brought back */
    pthread_mutex_t lock;
    unsigned revivals;
    unsigned each; /* objects of a thread, of each kind */
};

/* Every other object comes back to life, once. */
static void bring_back(tri_mutator *mutator, tri_ref object, void *argument)
{
    struct team *team = argument;
    struct link *link = object;
    MUST(atomic_fetch_add(&finalized[link->number], 1) == 0);
    atomic_fetch_add(&finalized_count, 1);
    if (link->number % 2 == 0) {
        MUST(pthread_mutex_lock(&team->lock) == 0);
        tri_store_ref(mutator, &link->next, (tri_ref)team->revived);
        tri_store_ref(mutator, &team->revived, link);
        team->revivals++;
        MUST(pthread_mutex_unlock(&team->lock) == 0);
    }
}

struct player {
    struct team *team;
    uint64_t first; /* its numbers begin here */
};

static void make_some(struct player *player, tri_mutator *mutator, uint64_t number)
{
    struct team *team = player->team;
    TRI_FRAME(mutator, 2);
    struct link *link = link_new(mutator, team->link, number);
    TRI_LOCAL(0) = link;
    MUST(tri_finalizer_attach(mutator, link, bring_back, team,
                              number % 3 == 0 ? TRI_FINALIZER_UNORDERED : 0) == TRI_OK);
    MUST(tri_cleanup_attach(mutator, link, clean, (char *)cleaned + number, NULL) == TRI_OK);
    struct link *typed = link_new(mutator, team->typed, number + team->each);
    tri_init_ref(mutator, &typed->next, TRI_LOCAL(0));
    struct link *other = link_new(mutator, team->link, 0);
    TRI_LOCAL(0) = other;
    TRI_LOCAL(1) = link_new(mutator, team->link, number + team->each);
    tri_cleanup stopped;
    MUST(tri_cleanup_attach_ref(mutator, other, clean_reference, TRI_LOCAL(1), NULL) == TRI_OK);
    MUST(tri_cleanup_attach(mutator, other, clean, NULL, &stopped) == TRI_OK);
    MUST(tri_cleanup_stop(mutator, stopped));
}

static void *play(void *argument)
{
    struct player *player = argument;
    tri_mutator *mutator = attach(player->team->heap);
    for (unsigned i = 0; i < player->team->each; i++) {
        make_some(player, mutator, player->first + i);
        if (i % 64 == 0) {
            (void)tri_finalizers_run(mutator, 50);
        }
        if (i % 1024 == 512) {
            tri_collect(mutator);
        }
    }
    tri_mutator_detach(mutator);
    return NULL;
}

/* Run and collect until nothing is found any more. */
static void finish(tri_mutator *mutator)
{
    for (unsigned i = 0; i < 8; i++) {
        tri_collect(mutator);
        (void)tri_finalizers_run(mutator, SIZE_MAX);
    }
}

static void check_revived(const struct team *team)
{
    unsigned count = 0;
    for (const struct link *link = (const struct link *)team->revived; link != NULL;
         link = link->next) {
        MUST(link->number % 2 == 0 && finalized[link->number] == 1 && cleaned[link->number] == 0);
        count++;
    }
    ck_assert_uint_eq(count, team->revivals);
}

#define PLAYERS 4

static void play_together(const tri_heap_options *options)
{
    struct host host = host_new(options);
    struct team team = {.heap = host.heap, .link = host.link, .each = times(8000, 600)};
    struct player players[PLAYERS];
    pthread_t threads[PLAYERS];
    team.typed = finalized_type(host.heap);
    MUST(pthread_mutex_init(&team.lock, NULL) == 0);
    MUST(tri_global_add(host.heap, &team.revived, 1) == TRI_OK);
    reset_counts();
    for (unsigned i = 0; i < PLAYERS; i++) {
        players[i] = (struct player){&team, (uint64_t)i * 2 * team.each};
        threads[i] = thread_new(play, &players[i]);
    }
    for (unsigned i = 0; i < PLAYERS; i++) {
        thread_join_blocked(host.mutator, threads[i]);
    }
    finish(host.mutator);
    ck_assert_uint_eq(finalized_count, PLAYERS * team.each * 2);
    check_revived(&team);
    tri_store(host.mutator, &team.revived, 0);
    finish(host.mutator);
    ck_assert_uint_eq(finalized_count, PLAYERS * team.each * 2); /* once */
    ck_assert_uint_eq(cleaned_count, PLAYERS * team.each * 2);
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    MUST(tri_global_remove(host.heap, &team.revived));
    MUST(pthread_mutex_destroy(&team.lock) == 0);
    host_end(&host);
}

START_TEST(on_several_threads)
{
    tri_heap_options options = options_new();
    options.heap_minimum = 200000;
    switch (_i) {
    case 1:
        options.markers = 0;
        break;
    case 2:
        options.stop_the_world = true;
        break;
    case 3:
        options.barrier = TRI_BARRIER_INSERTION;
        break;
    case 4:
        options.finalizer_thread = true; /* which takes its share */
        break;
    case 5:
        options.check_mark = true;
        options.clobber_free = true;
        options.handshake_delay_us = 200;
        break;
    default:
        break;
    }
    play_together(&options);
}
END_TEST

/* ---- The library's thread -------------------------------------------------------------------- */

static void nap(tri_mutator *mutator)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    tri_blocking_begin(mutator);
    (void)nanosleep(&moment, NULL);
    tri_blocking_end(mutator);
}

static void wait_for(tri_mutator *mutator, const atomic_uint *count, unsigned number)
{
    while (*count < number) {
        nap(mutator);
    }
}

START_TEST(run_by_the_library)
{
    tri_heap_options options = options_new();
    options.finalizer_thread = true;
    struct host host = host_new(&options);
    reset_counts();
    for (unsigned turn = 1; turn <= 3; turn++) {
        for (uint64_t i = 0; i < 100; i++) {
            (void)attached(&host, turn * 1000 + i);
            struct link *link = link_new(host.mutator, host.link, 0);
            MUST(tri_cleanup_attach(host.mutator, link, clean, (char *)cleaned + turn * 1000 + i,
                                    NULL) == TRI_OK);
        }
        tri_collect(host.mutator);
        wait_for(host.mutator, &finalized_count, turn * 100);
        wait_for(host.mutator, &cleaned_count, turn * 100);
    }
    tri_stats stats = stats_of(host.heap);
    ck_assert(stats.finalizers_run == 300 && stats.cleanups_run == 300);
    host_end(&host); /* while the thread has, or has not, detached its mutator */
}
END_TEST

static struct gate inside = GATE_INIT;

static void take_long(tri_mutator *mutator, tri_ref object, void *argument)
{
    (void)object;
    (void)argument;
    gate_step(&inside);
    for (unsigned i = 0; i < 20; i++) {
        nap(mutator);
    }
    atomic_fetch_add(&finalized_count, 1);
}

/* The end of the heap waits for the call that is being made, and drops the others. */
START_TEST(end_during_a_call)
{
    tri_heap_options options = options_new();
    options.finalizer_thread = true;
    struct host host = host_new(&options);
    reset_counts();
    inside.count = 0;
    for (unsigned i = 0; i < 3; i++) {
        struct link *link = link_new(host.mutator, host.link, i);
        MUST(tri_finalizer_attach(host.mutator, link, take_long, NULL, 0) == TRI_OK);
    }
    tri_collect(host.mutator);
    tri_blocking_begin(host.mutator);
    gate_wait(&inside, 1);
    tri_blocking_end(host.mutator);
    host_end(&host);
    ck_assert_uint_ge(finalized_count, 1);
    ck_assert_uint_eq(finalized_count, inside.count);
}
END_TEST

/* A heap of one mutator has none for the thread: the host runs what waits. */
START_TEST(no_mutator_for_the_thread)
{
    tri_heap_options options = options_new();
    struct log_lines lines = {0};
    options.finalizer_thread = true;
    options.log = log_keep;
    options.log_argument = &lines;
    struct host host = host_new(&options);
    tri_type_desc desc = TRI_TYPE_DESC("single", struct link);
    desc.flags = TRI_TYPE_SAFEPOINT_ONLY;
    (void)type_new(host.heap, &desc);
    reset_counts();
    (void)attached(&host, 1);
    tri_collect(host.mutator);
    ck_assert_uint_eq(tri_finalizers_run(host.mutator, SIZE_MAX), 1);
    host_end(&host); /* joins the thread: its line is there */
    ck_assert_uint_eq(finalized[1], 1);
    ck_assert(lines.count == 0 || strstr(lines.last, "finalizer_thread") != NULL);
}
END_TEST

/* ---- fork ------------------------------------------------------------------------------------ */

static void run_in_child(struct host *host, bool by_thread)
{
    (void)attached(host, 2);
    tri_collect(host->mutator);
    if (by_thread) {
        wait_for(host->mutator, &finalized_count, 2); /* a new thread's */
    } else {
        MUST(tri_finalizers_run(host->mutator, SIZE_MAX) == 2);
    }
    MUST(finalized[1] == 1 && finalized[2] == 1);
    MUST(stats_of(host->heap).finalizers_waiting == 0);
}

START_TEST(in_a_child)
{
    tri_heap_options options = options_new();
    bool by_thread = _i == 1 && CHILD_MAY_START_THREADS;
    options.finalizer_thread = by_thread;
    options.markers = CHILD_MAY_START_THREADS ? options.markers : 0;
    struct host host = host_new(&options);
    reset_counts();
    (void)attached(&host, 1);
    tri_collect(host.mutator);
    if (by_thread) {
        wait_for(host.mutator, &finalized_count, 1);
    }
    (void)fflush(NULL);
    pid_t child = fork();
    MUST(child >= 0);
    if (child == 0) {
        alarm(60);
        run_in_child(&host, by_thread);
        _exit(0);
    }
    int status = 0;
    tri_blocking_begin(host.mutator);
    MUST(waitpid(child, &status, 0) == child);
    tri_blocking_end(host.mutator);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ck_assert_uint_eq(finalized_count, by_thread); /* the parent's are its own */
    ck_assert_uint_eq(tri_finalizers_run(host.mutator, SIZE_MAX), !by_thread);
    host_end(&host);
}
END_TEST

int main(void)
{
    const struct test_entry tests[] = {
        {run_by_the_host, 0},
        {may_do_anything, 0},
        {weak_references, 2},
        {left_by_longjmp, 0},
        {in_the_order_of_the_queue, 0},
        {arrays_that_grow, 0},
        {errors, 0},
        {end_of_the_heap, 0},
        {on_several_threads, 6},
        {run_by_the_library, 0},
        {end_during_a_call, 0},
        {in_a_child, 2},
        {no_mutator_for_the_thread, 0},
    };
    return scenario_run("finalizers", tests, LENGTH(tests));
}
