/* memory_limit_test.c -- what a memory limit and the CPU limiter do where memory is allocated: who
 * waits and for how long, who is told, and when the host is asked. Also the brake of heaps that
 * have run past a goal by percentage. */
#include "gc/answer.h"
#include "gc/assist.h"
#include "gc/barrier.h"
#include "gc/cycle.h"
#include "gc/sweep.h"
#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

#define MS     UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)
#define LIMIT  (32 * MIB)

static struct tri_mutator *mutator;
static struct heap_counters *counters;
static struct cycle_state *cycle;
static tri_type *type;

static tri_pressure_info told[16];
static unsigned told_count;
static unsigned naps;
static unsigned asked;
static tri_oom_action answer;

/* So much is live, and the mutator has seen it. */
static void set_live(uint64_t bytes)
{
    store_relaxed(&counters->live_bytes, bytes);
    mutator->seen_live = bytes;
}

static void note_pressure(tri_heap *heap, const tri_pressure_info *info, void *argument)
{
    EXPECT(heap == fixture.heap && argument == &told);
    EXPECT(told_count < ARRAY_LENGTH(told));
    told[told_count++] = *info;
}

static tri_oom_action note_exhaustion(tri_heap *heap, const tri_oom_info *info, void *argument)
{
    (void)info;
    (void)argument;
    asked++;
    if (asked > 1 || answer == TRI_OOM_RETRY) { /* the host has made room */
        store_relaxed(&heap->cycle.limited, 0U);
    }
    return answer;
}

static void begin(int64_t limit)
{
    tri_heap_options options;
    fake_port_reset();
    fixture_options(&options);
    options.memory_limit = limit;
    options.verify = false;
    options.pressure = note_pressure;
    options.pressure_argument = &told;
    options.oom_handler = note_exhaustion;
    options.give_up_s = 3;
    fixture_begin(&options, 2);
    fixture.collector = COLLECTOR_LATER;
    mutator = fixture.mutators[0];
    counters = &fixture.heap->counters;
    cycle = &fixture.heap->cycle;
    type = fixture_type(1024, TRI_LAYOUT_LEAF);
    fixture_promote(type);
    told_count = 0;
    naps = 0;
    asked = 0;
    answer = TRI_OOM_FAIL;
}

static void create(void)
{
    begin(LIMIT);
}

static void create_unlimited(void)
{
    begin(TRI_MEMORY_LIMIT_OFF);
}

static void destroy(void)
{
    fixture_end();
    fake_port_finish();
}

/* Collecting takes gc_ns of ns that pass on one processor. */
static void pass(uint64_t ns, uint64_t gc_ns)
{
    fake_port_advance_ns(ns);
    fetch_add_relaxed(&cycle->gc_cpu_ns, gc_ns);
    cycle_watch_memory(fixture.heap);
}

static void slow_path(void)
{
    answer_flush_cache(mutator); /* else what the cursor has would do */
    ck_assert_ptr_nonnull(alloc_object(mutator, type, 1024, true, ALLOC_OR_HANDLER));
}

static uint64_t brakes(void)
{
    return stall_count(&fixture.heap->stalls.causes[STALL_BRAKE].wall);
}

/* ---- The limiter ----------------------------------------------------------------------------- */

/* On where collecting had more than the bucket's worth over half; off again below; the host is told
 * once of each. */
START_TEST(switches)
{
    unsigned passes = 0;
    while (!cycle->limited) {
        pass(10 * MS, 10 * MS);
        ck_assert_uint_lt(++passes, 1000);
    }
    ck_assert_uint_eq(passes, cycle->cpu_limit.capacity_ns / (10 * MS));
    ck_assert_uint_ne(cycle->is_short, 0);
    slow_path();
    ck_assert_uint_eq(told_count, 1);
    ck_assert_int_eq(told[0].kind, TRI_PRESSURE_LIMITER_ON);
    ck_assert_int_eq(told[0].memory_limit, LIMIT);
    pass(10 * MS, 0);
    ck_assert_uint_eq(cycle->limited, 0);
    ck_assert_uint_ne(cycle->is_short, 0); /* that alone does not mean that all is well */
    pass(10 * MS, 10 * MS);
    ck_assert_uint_eq(cycle->limited, 1);
    slow_path();
    ck_assert_uint_eq(told_count, 1);
    pass(SECOND, 0);
    ck_assert_uint_eq(cycle->limited, 0);
    ck_assert_uint_eq(cycle->is_short, 0);
    slow_path();
    ck_assert_uint_eq(told_count, 2);
    ck_assert_int_eq(told[1].kind, TRI_PRESSURE_LIMITER_OFF);
    ck_assert_uint_eq(told[1].limiter_ns, 0);
}
END_TEST

START_TEST(not_without_a_limit)
{
    for (unsigned i = 0; i < 100; i++) {
        pass(SECOND, SECOND);
    }
    ck_assert_uint_eq(cycle->limited, 0);
    ck_assert_uint_eq(cycle->cpu_limit.fill_ns, 0);
}
END_TEST

/* It is no time that nothing has used: a process that sleeps has neither. */
START_TEST(not_more_than_was_used)
{
    fetch_add_relaxed(&cycle->gc_cpu_ns, 100 * SECOND); /* of which the clock knows nothing yet */
    pass(10 * MS, 0);
    ck_assert_uint_eq(cycle->cpu_limit.fill_ns, 10 * MS);
    ck_assert_uint_eq(cycle->limit_readings.gc_ns, 10 * MS);
}
END_TEST

/* Processors that would have idled are nobody's loss: what collecting has on them counts for
 * neither side. */
START_TEST(idle_processors_do_not_count)
{
    for (unsigned i = 0; i < 1000; i++) {
        fetch_add_relaxed(&cycle->gc_idle_cpu_ns, 9 * MS);
        fetch_add_relaxed(&cycle->gc_cpu_ns, MS / 2);
        fake_port_advance_ns(10 * MS); /* half a ms by right, half the program's */
        cycle_watch_memory(fixture.heap);
    }
    ck_assert_uint_eq(cycle->cpu_limit.fill_ns, 0);
    ck_assert_uint_eq(cycle->limited, 0);
}
END_TEST

/* A mutator that has slept for want of memory has lost that time, also where it is other heaps that
 * collect. */
START_TEST(waiting_counts)
{
    unsigned passes = 0;
    while (!cycle->limited) {
        fetch_add_relaxed(&cycle->waited_ns, 10 * MS);
        pass(2 * MS, 0); /* of others */
        ck_assert_uint_lt(++passes, 1000);
    }
    ck_assert_uint_eq(passes, (cycle->cpu_limit.capacity_ns + 8 * MS - 1) / (8 * MS));
}
END_TEST

/* Without a limit there is none to be over; with one again, what was before does not count. */
START_TEST(ends_with_the_limit)
{
    while (!cycle->limited) {
        pass(10 * MS, 10 * MS);
    }
    (void)cycle_set_memory_limit(fixture.heap, TRI_MEMORY_LIMIT_OFF);
    ck_assert_uint_eq(cycle->limited, 0);
    ck_assert_uint_eq(cycle->is_short, 0);
    ck_assert_uint_eq(cycle->limited_ns, 0);
    slow_path();
    ck_assert_uint_eq(told_count, 2);
    ck_assert_int_eq(told[1].kind, TRI_PRESSURE_LIMITER_OFF);
    for (unsigned i = 0; i < 100; i++) {
        pass(SECOND, SECOND);
    }
    (void)cycle_set_memory_limit(fixture.heap, LIMIT);
    pass(10 * MS, 10 * MS);
    ck_assert_uint_eq(cycle->limited, 0);
    ck_assert_uint_eq(cycle->cpu_limit.fill_ns, 10 * MS);
}
END_TEST

/* The goal is computed anew as memory is mapped. */
START_TEST(goal_follows_memory)
{
    fixture.heap->options.gc_percent = TRI_GC_PERCENT_OFF;
    cycle_commit_goal(fixture.heap);
    uint64_t goal = counters->goal_bytes;
    ck_assert_uint_eq(counters->goal_by_limit, 1);
    ck_assert_ptr_nonnull(meta_alloc_take(&fixture.heap->meta, 4 * MIB, 4096));
    ck_assert_uint_eq(counters->goal_bytes, goal);
    cycle_watch_memory(fixture.heap);
    ck_assert_uint_le(counters->goal_bytes, goal - 3 * MIB);
    ck_assert_uint_ge(counters->memory_bytes, 4 * MIB);
    fetch_add_relaxed(&counters->external_bytes, 2 * MIB);
    uint64_t before = counters->memory_bytes;
    cycle_watch_memory(fixture.heap);
    ck_assert_uint_eq(counters->memory_bytes, before + 2 * MIB);
}
END_TEST

/* ---- Waiting for memory ---------------------------------------------------------------------- */

static void nap_and_use(uint64_t ns)
{
    naps++;
    fetch_add_relaxed(&cycle->gc_cpu_ns, ns);
    fake_port_advance_ns(ns);
}

static void nap_and_finish(uint64_t ns)
{
    fake_port_advance_ns(ns);
    if (++naps == 5) {
        fetch_add_relaxed(&cycle->count, UINT64_C(1));
    }
}

static void nap_and_free(uint64_t ns)
{
    fake_port_advance_ns(ns);
    if (++naps == 7) {
        store_relaxed(&counters->live_bytes, UINT64_C(0));
    }
}

static void at_limit(void (*nap)(uint64_t ns))
{
    fake_port_hooks()->nap = nap;
    fixture.heap->options.gc_percent = TRI_GC_PERCENT_OFF;
    cycle_commit_goal(fixture.heap);
    set_live(counters->goal_bytes + 1);
}

/* Until the limiter says that it has been enough. */
START_TEST(waits_for_the_limiter)
{
    at_limit(nap_and_use);
    cycle_brake(mutator, 100);
    ck_assert_uint_eq(cycle->limited, 1);
    /* Each nap counts twice: as the mutator's, and as what collecting used meanwhile. */
    ck_assert_uint_ge(2 * naps * LIMIT_WAIT_NAP_NS, cycle->cpu_limit.capacity_ns);
    ck_assert_uint_le(2 * naps * LIMIT_WAIT_NAP_NS,
                      cycle->cpu_limit.capacity_ns + 4 * CPU_LIMIT_UPDATE_NS);
    ck_assert_uint_eq(brakes(), 1);
    ck_assert_uint_gt(fixture.wishes, 0); /* for a cycle */
    naps = 0;
    cycle_brake(mutator, 100); /* from then on it does not wait */
    ck_assert_uint_eq(naps, 0);
    ck_assert_uint_eq(brakes(), 1);
}
END_TEST

/* For one cycle only: that one has freed what there is. */
START_TEST(waits_for_a_cycle)
{
    at_limit(nap_and_finish);
    cycle_brake(mutator, 100);
    ck_assert_uint_eq(naps, 5);
}
END_TEST

START_TEST(waits_for_room)
{
    at_limit(nap_and_free);
    cycle_brake(mutator, 100);
    ck_assert_uint_eq(naps, 7);
}
END_TEST

/* While there is something to scan, it scans instead of sleeping. */
START_TEST(helps_meanwhile)
{
    tri_type *link = fixture_type(64, TRI_LAYOUT_ALL_WORDS);
    fixture_promote(link);
    char *first = fixture_new(link);
    fixture_keep(first);
    for (unsigned i = 1; i < 3000; i++) {
        char *next = fixture_new(link);
        fixture_link(first, 0, next);
        first = next;
    }
    fixture_step_to(CYCLE_MARK);
    at_limit(nap_and_free);
    cycle_brake(mutator, 100);
    ck_assert_uint_eq(fixture.heap->mark.scanned_bytes + mutator->marker.scanned_bytes, 3000 * 64);
    ck_assert(mutator->made_grey);
    ck_assert_uint_eq(naps, 7); /* when all is scanned */
    set_live(UINT64_C(3000) * 64);
}
END_TEST

/* Where the percentage sets the goal, a heap past it by more than a tenth sleeps, the longer the
 * further it is; never for a cycle's end. */
START_TEST(brake_by_percentage)
{
    static const struct {
        uint64_t percent_past;
        size_t bytes;
        unsigned naps;
        uint64_t ns;
    } brakes_by[] = {
        {0, 100, 0, 0},
        {10, 100, 0, 0},
        {25, 100, 1, BRAKE_MAX_NS / 2},
        {50, 100, 1, BRAKE_MAX_NS},
        {300, 100, 1, BRAKE_MAX_NS},
        {300, 3 * BRAKE_BYTES, 4, 4 * BRAKE_MAX_NS},
    };
    fake_port_hooks()->nap = nap_and_use;
    uint64_t goal = counters->goal_bytes;
    set_live(goal + goal / 100 * brakes_by[_i].percent_past);
    uint64_t start_ns = port_now_ns();
    cycle_brake(mutator, brakes_by[_i].bytes);
    uint64_t took_ns = port_now_ns() - start_ns;
    ck_assert_uint_eq(naps, brakes_by[_i].naps);
    ck_assert_uint_ge(took_ns, brakes_by[_i].ns);
    ck_assert_uint_le(took_ns, brakes_by[_i].ns + BRAKE_MAX_NS / 10);
    naps = 0;
    store_relaxed(&cycle->limited, 1U); /* never while the limiter is on */
    cycle_brake(mutator, brakes_by[_i].bytes);
    ck_assert_uint_eq(naps, 0);
}
END_TEST

/* ---- Who is told, and asked ------------------------------------------------------------------ */

/* A cycle that finds more live than the limit leaves room for says so, once. */
START_TEST(limit_reached)
{
    fixture.heap->options.give_up_s = 0;
    for (unsigned i = 0; i < 34 * KIB; i++) {
        store_relaxed(&cycle->limited, 1U); /* nobody waits */
        fixture_keep(tri_alloc(mutator, type));
    }
    cycle->cpu_limit.fill_ns = cycle->cpu_limit.capacity_ns;
    fixture_collect();
    ck_assert_uint_ge(fixture.heap->cycle.last.marked_bytes, LIMIT);
    told_count = 0;
    slow_path();
    ck_assert_uint_eq(told_count, 1);
    ck_assert_int_eq(told[0].kind, TRI_PRESSURE_LIMIT_REACHED);
    ck_assert_uint_ge(told[0].heap_live, LIMIT);
    ck_assert_uint_ge(told[0].memory, told[0].heap_live);
    slow_path();
    ck_assert_uint_eq(told_count, 1);
}
END_TEST

/* With give_up_s the handler is asked after so many seconds on the limiter, not before, or where
 * memory is past the limit by more than a 50th. */
START_TEST(gives_up)
{
    static const struct {
        uint64_t on_for_s;
        bool far_over;
        uint32_t give_up_s;
        unsigned asked;
    } when[] = {
        {2, false, 3, 0}, {3, false, 3, 1}, {9, false, 3, 1}, {0, true, 3, 1}, {9, true, 0, 0},
    };
    fixture.heap->options.give_up_s = when[_i].give_up_s;
    fake_port_advance_ns(100 * SECOND);
    store_relaxed(&cycle->limited, 1U);
    store_relaxed(&cycle->limited_ns, when[_i].on_for_s * SECOND);
    store_relaxed(&counters->far_over_limit, (uint32_t)when[_i].far_over);
    cycle->limit_now_ns = port_now_ns(); /* the limiter is not to be updated meanwhile */
    fixture.heap->options.memory_limit = TRI_MEMORY_LIMIT_OFF; /* nor the goal computed */
    tri_ref object = alloc_object(mutator, type, 1024, true, ALLOC_OR_HANDLER);
    ck_assert_uint_eq(asked, when[_i].asked);
    ck_assert_int_eq(object == NULL, when[_i].asked == 1); /* it said TRI_OOM_FAIL */
    ck_assert_int_eq(alloc_object(mutator, type, 1024, true, ALLOC_OR_NULL) == NULL,
                     when[_i].asked == 1);
    ck_assert_uint_eq(asked, when[_i].asked);
}
END_TEST

/* A handler that has made room, and says TRI_OOM_RETRY, gets its object. */
START_TEST(handler_makes_room)
{
    answer = TRI_OOM_RETRY;
    fake_port_advance_ns(100 * SECOND);
    store_relaxed(&cycle->limited, 1U);
    store_relaxed(&cycle->limited_ns, 100 * SECOND);
    fixture.heap->options.memory_limit = TRI_MEMORY_LIMIT_OFF;
    ck_assert_ptr_nonnull(alloc_object(mutator, type, 1024, true, ALLOC_OR_HANDLER));
    ck_assert_uint_eq(asked, 1);
}
END_TEST

static void alloc_one(void *unused)
{
    (void)unused;
    (void)alloc_object(mutator, type, 1024, true, ALLOC_OR_HANDLER);
}

/* Without a handler the message names the limit, not the address space. */
START_TEST(message)
{
    fixture.heap->options.oom_handler = NULL;
    fixture.heap->options.memory_limit = TRI_MEMORY_LIMIT_OFF;
    fake_port_advance_ns(100 * SECOND);
    store_relaxed(&cycle->limited, 1U);
    store_relaxed(&cycle->limited_ns, 7 * SECOND);
    const char *message = fake_port_death_of(alloc_one, NULL);
    ck_assert_ptr_nonnull(message);
    ck_assert_ptr_nonnull(strstr(message, "MEMLIMIT"));
    ck_assert_ptr_nonnull(strstr(message, "for 7000 ms"));
}
END_TEST

/* ---- Sweeping in step ------------------------------------------------------------------------ */

/* Nobody sweeps in the background: allocation has swept all when the next cycle is due, and not
 * all at once. */
START_TEST(sweeping_keeps_up)
{
    enum {
        SPANS = 2000
    };
    tri_type *whole = fixture_type(16384, TRI_LAYOUT_LEAF); /* a slot is a span */
    fixture_promote(whole);
    for (unsigned i = 0; i < SPANS; i++) {
        fixture_keep(tri_alloc(mutator, whole));
    }
    cycle_run(mutator, CYCLE_FORCED);
    ck_assert_uint_eq(fixture_unswept(), SPANS);
    uint64_t live = counters_live(counters);
    uint64_t trigger = counters->trigger_bytes;
    uint64_t half = 0;
    while (!cycle_is_due(fixture.heap)) {
        (void)tri_alloc(mutator, type);
        if (half == 0 && counters_live(counters) > live + (trigger - live) / 2) {
            half = fixture_unswept();
        }
    }
    ck_assert_uint_eq(fixture_unswept(), 0);
    ck_assert_uint_gt(half, SPANS / 4);
    ck_assert_uint_lt(half, SPANS * 3 / 4);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory_limit");
    TCase *cases = tcase_create("memory_limit");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_test(cases, switches);
    tcase_add_test(cases, not_more_than_was_used);
    tcase_add_test(cases, idle_processors_do_not_count);
    tcase_add_test(cases, waiting_counts);
    tcase_add_test(cases, ends_with_the_limit);
    tcase_add_test(cases, goal_follows_memory);
    tcase_add_test(cases, waits_for_the_limiter);
    tcase_add_test(cases, waits_for_a_cycle);
    tcase_add_test(cases, waits_for_room);
    tcase_add_test(cases, helps_meanwhile);
    tcase_add_test(cases, limit_reached);
    tcase_add_loop_test(cases, gives_up, 0, 5);
    tcase_add_test(cases, handler_makes_room);
    tcase_add_test(cases, message);
    suite_add_tcase(suite, cases);
    TCase *unlimited = tcase_create("memory_limit, none");
    tcase_add_checked_fixture(unlimited, create_unlimited, destroy);
    tcase_add_test(unlimited, not_without_a_limit);
    tcase_add_loop_test(unlimited, brake_by_percentage, 0, 6);
    tcase_add_test(unlimited, sweeping_keeps_up);
    suite_add_tcase(suite, unlimited);
    return unit_run(suite);
}
