/* meta_alloc_test.c -- the collector's own memory: aligned, zero, never shared, all given back. */
#include "gc/meta_alloc.h"

#include <string.h>

#include "tests/fake_port.h"
#include "tests/unit/unit.h"

static bool all_bytes(const void *memory, int value, size_t bytes)
{
    const unsigned char *byte = memory;
    for (size_t i = 0; i < bytes; i++) {
        if (byte[i] != value) {
            return false;
        }
    }
    return true;
}

START_TEST(nothing_is_mapped_before_it_is_needed)
{
    struct meta_alloc meta;
    meta_alloc_init(&meta);
    ck_assert_uint_eq(meta_alloc_mapped_bytes(&meta), 0);
    ck_assert_uint_eq(fake_port_reservations(), 0);
    meta_alloc_destroy(&meta);
}
END_TEST

START_TEST(blocks)
{
    struct meta_alloc meta;
    meta_alloc_init(&meta);
    ck_assert_ptr_nonnull(meta_alloc_take(&meta, 100, 8));
    ck_assert_uint_eq(meta_alloc_mapped_bytes(&meta), 16 * KIB); /* a heap that needs little */
    ck_assert_ptr_nonnull(meta_alloc_take(&meta, 15 * KIB, 8));
    ck_assert_uint_eq(meta_alloc_mapped_bytes(&meta), 16 * KIB);
    ck_assert_ptr_nonnull(meta_alloc_take(&meta, 15 * KIB, 8));
    ck_assert_uint_eq(meta_alloc_mapped_bytes(&meta), 80 * KIB);
    /* Large requests get their own mapping, and the block goes on afterwards. */
    ck_assert_ptr_nonnull(meta_alloc_take(&meta, 256 * KIB, 64));
    ck_assert_uint_eq(meta_alloc_mapped_bytes(&meta), (80 + 260) * KIB);
    ck_assert_ptr_nonnull(meta_alloc_take(&meta, 15 * KIB, 8));
    ck_assert_uint_eq(meta_alloc_mapped_bytes(&meta), (80 + 260) * KIB);
    ck_assert_uint_eq(fake_port_committed_bytes(), meta_alloc_mapped_bytes(&meta));
    meta_alloc_destroy(&meta);
    ck_assert_uint_eq(fake_port_reserved_bytes(), 0);
}
END_TEST

START_TEST(first_request_too_large_for_the_first_block)
{
    struct meta_alloc meta;
    meta_alloc_init(&meta);
    ck_assert_ptr_nonnull(meta_alloc_take(&meta, 16 * KIB, 8));
    ck_assert_uint_eq(meta_alloc_mapped_bytes(&meta), 64 * KIB);
    meta_alloc_destroy(&meta);
}
END_TEST

#define PIECES 2000

/* Random sizes and alignments: each piece is aligned, zero, and keeps what is written into it. */
START_TEST(pieces_are_apart)
{
    uint64_t random = unit_seed();
    static const size_t os_pages[] = {4096, 16384, 65536};
    fake_port_set_os_page_bytes(os_pages[_i]);
    struct meta_alloc meta;
    meta_alloc_init(&meta);
    static char *pieces[PIECES];
    static size_t sizes[PIECES];
    for (size_t i = 0; i < PIECES; i++) {
        size_t alignment = (size_t)1 << unit_random_below(&random, 8);
        size_t bytes = unit_random_below(&random, 300);
        if (unit_random_below(&random, 50) == 0) {
            alignment = (size_t)1 << unit_random_below(&random, 18);
            bytes = unit_random_below(&random, 100000);
        }
        pieces[i] = meta_alloc_take(&meta, bytes, alignment);
        sizes[i] = bytes;
        ck_assert_ptr_nonnull(pieces[i]);
        ck_assert(is_aligned((uintptr_t)pieces[i], alignment));
        ck_assert(all_bytes(pieces[i], 0, bytes));
        memset(pieces[i], (int)(i % 255 + 1), bytes);
    }
    for (size_t i = 0; i < PIECES; i++) {
        ck_assert(all_bytes(pieces[i], (int)(i % 255 + 1), sizes[i]));
    }
    ck_assert_uint_eq(fake_port_committed_bytes(), meta_alloc_mapped_bytes(&meta));
    meta_alloc_destroy(&meta);
}
END_TEST

/* 40 requests, one in eight of them large. Returns how many had to be repeated. */
static size_t take_forty(struct meta_alloc *meta)
{
    size_t repeated = 0;
    for (size_t i = 0; i < 40; i++) {
        size_t bytes = i % 8 == 7 ? 100 * KIB : 3 * KIB;
        size_t mapped = meta_alloc_mapped_bytes(meta);
        void *memory = meta_alloc_take(meta, bytes, 64);
        if (memory == NULL) {
            repeated++;
            ck_assert_uint_eq(meta_alloc_mapped_bytes(meta), mapped);
            memory = meta_alloc_take(meta, bytes, 64);
        }
        ck_assert_ptr_nonnull(memory);
        ck_assert(all_bytes(memory, 0, bytes));
    }
    return repeated;
}

/* Whichever call fails: NULL, nothing is lost, and the next request is served. */
START_TEST(refused)
{
    struct meta_alloc meta;
    meta_alloc_init(&meta);
    ck_assert_uint_eq(take_forty(&meta), 0);
    meta_alloc_destroy(&meta);
    size_t calls = fake_port_memory_calls();
    ck_assert_uint_ge(calls, 2 * (5 + 2));
    for (size_t n = 0; n < calls; n++) {
        meta_alloc_init(&meta);
        fake_port_fail_memory_once_after(n);
        ck_assert_uint_eq(take_forty(&meta), 1);
        meta_alloc_destroy(&meta);
        ck_assert_uint_eq(fake_port_reservations(), 0);
    }
}
END_TEST

START_TEST(too_large)
{
    struct meta_alloc meta;
    meta_alloc_init(&meta);
    ck_assert_ptr_null(meta_alloc_take(&meta, SIZE_MAX, 8));
    ck_assert_ptr_null(meta_alloc_take(&meta, SIZE_MAX - 64, 8));
    ck_assert_ptr_null(meta_alloc_take(&meta, SIZE_MAX - 4200, 8));
    ck_assert_uint_eq(meta_alloc_mapped_bytes(&meta), 0);
    ck_assert_ptr_nonnull(meta_alloc_take(&meta, 0, 1));
    meta_alloc_destroy(&meta);
}
END_TEST

static const struct {
    size_t bytes;
    size_t record;
    size_t alignment;
} pools[] = {
    {1, 8, 8},    {8, 8, 8},     {9, 16, 16},    {24, 24, 8},    {48, 48, 16},   {64, 64, 64},
    {96, 96, 32}, {100, 104, 8}, {192, 192, 64}, {256, 256, 64}, {576, 576, 64}, {5000, 5000, 8},
};

#define RECORDS 300

START_TEST(records)
{
    struct meta_alloc meta;
    struct fixed_pool pool;
    meta_alloc_init(&meta);
    fixed_pool_init(&pool, &meta, pools[_i].bytes);
    ck_assert_uint_eq(pool.bytes, pools[_i].record);
    static char *record[RECORDS];
    for (size_t i = 0; i < RECORDS; i++) {
        record[i] = fixed_pool_take(&pool);
        ck_assert_ptr_nonnull(record[i]);
        ck_assert(is_aligned((uintptr_t)record[i], pools[_i].alignment));
        ck_assert(all_bytes(record[i], 0, pools[_i].bytes));
        memset(record[i], (int)(i % 255 + 1), pools[_i].bytes);
    }
    size_t mapped = meta_alloc_mapped_bytes(&meta);
    for (size_t i = 0; i < RECORDS; i += 3) {
        ck_assert(all_bytes(record[i], (int)(i % 255 + 1), pools[_i].bytes));
        fixed_pool_give(&pool, record[i]);
    }
    ck_assert_uint_eq(pool.taken, RECORDS - RECORDS / 3);
    /* The same ones come back, the last first, zero again; nothing new is mapped. */
    for (size_t i = RECORDS; i-- > 0;) {
        if (i % 3 == 0) {
            ck_assert_ptr_eq(fixed_pool_take(&pool), record[i]);
            ck_assert(all_bytes(record[i], 0, pools[_i].bytes));
        } else {
            ck_assert(all_bytes(record[i], (int)(i % 255 + 1), pools[_i].bytes));
        }
    }
    ck_assert_uint_eq(pool.taken, RECORDS);
    ck_assert_uint_eq(meta_alloc_mapped_bytes(&meta), mapped);
    meta_alloc_destroy(&meta);
}
END_TEST

START_TEST(pool_refused)
{
    struct meta_alloc meta;
    struct fixed_pool pool;
    meta_alloc_init(&meta);
    fixed_pool_init(&pool, &meta, 192);
    fake_port_fail_memory_after(0);
    ck_assert_ptr_null(fixed_pool_take(&pool));
    ck_assert_uint_eq(pool.taken, 0);
    fake_port_fail_memory_after(FAKE_PORT_NEVER);
    void *record = fixed_pool_take(&pool);
    ck_assert_ptr_nonnull(record);
    fixed_pool_give(&pool, record);
    fake_port_fail_memory_after(0);
    ck_assert_ptr_eq(fixed_pool_take(&pool), record); /* needs no new memory */
    meta_alloc_destroy(&meta);
}
END_TEST

#if TRI_CHECKS >= 2
static struct fixed_pool *given_pool;

static void give(void *record)
{
    fixed_pool_give(given_pool, record);
}

START_TEST(given_twice)
{
    struct meta_alloc meta;
    struct fixed_pool pool;
    meta_alloc_init(&meta);
    fixed_pool_init(&pool, &meta, 64);
    void *a = fixed_pool_take(&pool);
    void *b = fixed_pool_take(&pool);
    ck_assert_ptr_nonnull(fixed_pool_take(&pool));
    fixed_pool_give(&pool, a);
    fixed_pool_give(&pool, b);
    given_pool = &pool;
    ck_assert_ptr_nonnull(fake_port_death_of(give, a));
    lock_release(&meta.lock);
    meta_alloc_destroy(&meta);
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("meta_alloc");
    TCase *cases = tcase_create("meta_alloc");
    tcase_add_checked_fixture(cases, fake_port_reset, fake_port_finish);
    tcase_add_test(cases, nothing_is_mapped_before_it_is_needed);
    tcase_add_test(cases, blocks);
    tcase_add_test(cases, first_request_too_large_for_the_first_block);
    tcase_add_loop_test(cases, pieces_are_apart, 0, 3);
    tcase_add_test(cases, refused);
    tcase_add_test(cases, too_large);
    tcase_add_loop_test(cases, records, 0, (int)ARRAY_LENGTH(pools));
    tcase_add_test(cases, pool_refused);
#if TRI_CHECKS >= 2
    tcase_add_test(cases, given_twice);
#endif
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
