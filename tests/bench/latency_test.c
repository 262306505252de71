/* latency_test.c -- the histogram's buckets and percentiles, on values that are known. */
#include "latency.h"

static unsigned passed, failed;

static void expect(const char *what, uint64_t found, uint64_t expected)
{
    if (found == expected) {
        passed++;
        return;
    }
    failed++;
    printf("%s: %llu, not %llu\n", what, (unsigned long long)found, (unsigned long long)expected);
}

/* Every bucket begins where the one before ends, and is narrower than a 32nd of its values. */
static void test_buckets(void)
{
    size_t gaps = 0, wide = 0;
    for (size_t i = 1; i < LATENCY_BUCKETS; i++) {
        uint64_t first = latency_bucket_end(i - 1) + 1, last = latency_bucket_end(i);
        gaps += latency_bucket(first) != i || latency_bucket(last) != i;
        wide += last - first > first / 32;
    }
    expect("buckets with gaps", gaps, 0);
    expect("buckets that are too wide", wide, 0);
    expect("the first bucket", latency_bucket(0), 0);
    expect("the last bucket", latency_bucket(UINT64_MAX), LATENCY_BUCKETS - 1);
    expect("its end", latency_bucket_end(LATENCY_BUCKETS - 1), UINT64_MAX);
}

static void test_percentiles(void)
{
    struct latency *latency = latency_new();
    expect("p50 of nothing", latency_percentile(latency, 5000), 0);
    for (uint64_t i = 0; i < 9899; i++) {
        latency_record(latency, 20);
    }
    for (uint64_t i = 0; i < 100; i++) {
        latency_record(latency, 1000);
    }
    latency_record(latency, 5000000);
    expect("count", latency->count, 10000);
    expect("sum", latency->sum_ns, UINT64_C(9899) * 20 + 100000 + 5000000);
    expect("max", latency->max_ns, 5000000);
    expect("p50", latency_percentile(latency, 5000), 20);
    expect("p98.99", latency_percentile(latency, 9899), 20);
    expect("p99", latency_percentile(latency, 9900), 1007);
    expect("p99.99", latency_percentile(latency, 9999), 1007);
    expect("p100", latency_percentile(latency, 10000), 5000000);
    free(latency);
}

static void test_sum_of_threads(void)
{
    struct latency *sum = latency_new(), *part = latency_new();
    latency_record(sum, 10);
    latency_record(part, 30);
    latency_record(part, 7);
    latency_add(sum, part);
    expect("count of the sum", sum->count, 3);
    expect("sum of the sum", sum->sum_ns, 47);
    expect("max of the sum", sum->max_ns, 30);
    expect("p50 of the sum", latency_percentile(sum, 5000), 10);
    latency_record(sum, 1000);
    expect("no percentile exceeds the largest value", latency_percentile(sum, 10000), 1000);
    free(sum);
    free(part);
}

int main(void)
{
    test_buckets();
    test_percentiles();
    test_sum_of_threads();
    printf("%u passed, %u failed\n", passed, failed);
    return failed != 0;
}
