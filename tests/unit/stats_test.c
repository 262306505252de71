/* stats_test.c -- counters that are read while others count. */
#include <check.h>
#include <pthread.h>
#include <trillium/trillium.h>

#include "gc/atomic.h"
#include "tests/unit/unit.h"

struct reader {
    tri_heap *heap;
    uint32_t stop;       /* atomic */
    uint32_t readings;   /* atomic */
    uint32_t impossible; /* of them with a difference below 0 */
};

static void *read_on(void *argument)
{
    struct reader *reader = argument;
    while (load_relaxed(&reader->stop) == 0) {
        tri_stats stats = {.size = sizeof stats};
        bool read = tri_stats_read(reader->heap, &stats) == TRI_OK;
        bool possible = stats.heap_idle <= stats.heap_sys && stats.frees <= stats.mallocs &&
                        stats.heap_alloc <= stats.total_alloc;
        reader->impossible += !read || !possible;
        fetch_add_relaxed(&reader->readings, 1U);
    }
    return NULL;
}

/* Grow a heap by a few MiB, page by page, and let all of it be garbage. */
static void churn(tri_heap *heap)
{
    tri_mutator *mutator;
    tri_type *type;
    tri_type_desc desc = TRI_TYPE_DESC("page", char[8192]);
    ck_assert_int_eq(tri_type_define(heap, &desc, &type), TRI_OK);
    ck_assert_int_eq(tri_mutator_attach(heap, &mutator), TRI_OK);
    for (unsigned i = 0; i < 3000; i++) {
        ck_assert_ptr_nonnull(tri_alloc(mutator, type));
    }
    tri_collect(mutator);
    tri_mutator_detach(mutator);
}

/* [stats.1] */
START_TEST(no_difference_is_negative)
{
    tri_heap_options options;
    tri_heap_options_init(&options);
    options.gc_percent = _i % 2 == 0 ? TRI_GC_PERCENT_OFF : 100;
    struct reader reader = {.stop = 0};
    ck_assert_int_eq(tri_heap_create(&reader.heap, &options), TRI_OK);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, read_on, &reader), 0);
    while (load_relaxed(&reader.readings) == 0) {
        cpu_relax();
    }
    churn(reader.heap);
    store_relaxed(&reader.stop, 1U);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_uint_eq(reader.impossible, 0);
    tri_heap_destroy(reader.heap);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stats");
    TCase *read = tcase_create("read");
    tcase_add_loop_test(read, no_difference_is_negative, 0, 20);
    suite_add_tcase(suite, read);
    return unit_run(suite);
}
