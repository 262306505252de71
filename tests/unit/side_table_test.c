/* side_table_test.c -- tables grow in place, front to back, zero, and give all of it back. */
#include "gc/side_table.h"

#include <string.h>

#include "tests/fake_port.h"
#include "tests/unit/unit.h"

static bool all_zero(const void *memory, size_t bytes)
{
    const unsigned char *byte = memory;
    for (size_t i = 0; i < bytes; i++) {
        if (byte[i] != 0) {
            return false;
        }
    }
    return true;
}

static const struct {
    size_t os_page;
    size_t entry_bytes;
    size_t capacity;
} shapes[] = {
    {4096, 1, 1},     {4096, 1, 4096},   {4096, 1, 4097},   {4096, 8, 512},      {4096, 8, 5000},
    {4096, 24, 1000}, {4096, 128, 3000}, {4096, 5000, 100}, {16384, 24, 1000},   {65536, 8, 5000},
    {65536, 8, 1},    {65536, 24, 9000}, {4096, 4096, 64},  {65536, 70000, 100},
};

/* Entry by entry and in steps: what is asked for is there, zero; what was written stays; and no
 * more than a page beyond what was asked for is committed. */
START_TEST(grows)
{
    size_t entry_bytes = shapes[_i].entry_bytes;
    size_t capacity = shapes[_i].capacity;
    size_t os_page = shapes[_i].os_page;
    fake_port_set_os_page_bytes(os_page);
    struct side_table table;
    ck_assert(side_table_init(&table, entry_bytes, capacity, "a table"));
    ck_assert_uint_eq(fake_port_reserved_bytes(), align_up(entry_bytes * capacity, os_page));
    ck_assert_uint_eq(fake_port_committed_bytes(), 0);
    ck_assert(is_aligned((uintptr_t)table.base, os_page));
    size_t seen = 0; /* entries that were written */
    for (size_t entries = 0; entries <= capacity; entries += capacity > 200 ? 37 : 1) {
        ck_assert(side_table_extend(&table, entries));
        ck_assert_uint_ge(table.committed, entries);
        ck_assert_uint_le(table.committed, capacity);
        ck_assert_uint_eq(table.committed_bytes, fake_port_committed_bytes());
        ck_assert_uint_eq(table.committed_bytes, align_up(entries * entry_bytes, os_page));
        for (; seen < table.committed; seen++) {
            char *entry = side_table_at(&table, seen);
            ck_assert(all_zero(entry, entry_bytes));
            memset(entry, (int)(seen % 255 + 1), entry_bytes);
        }
    }
    for (size_t i = 0; i < seen; i++) {
        const unsigned char *entry = side_table_at(&table, i);
        ck_assert_uint_eq(entry[0], i % 255 + 1);
        ck_assert_uint_eq(entry[entry_bytes - 1], i % 255 + 1);
    }
    ck_assert(side_table_extend(&table, capacity));
    ck_assert_uint_eq(table.committed, capacity);
    side_table_destroy(&table);
    ck_assert_uint_eq(fake_port_reserved_bytes(), 0);
}
END_TEST

START_TEST(asks_the_system_only_for_new_pages)
{
    struct side_table table;
    ck_assert(side_table_init(&table, 8, 10000, "a table"));
    size_t calls = fake_port_memory_calls();
    ck_assert(side_table_extend(&table, 1));
    ck_assert_uint_eq(fake_port_memory_calls(), calls + 1);
    ck_assert(side_table_extend(&table, 512)); /* 4096 / 8 */
    ck_assert(side_table_extend(&table, 100)); /* never shrinks */
    ck_assert_uint_eq(fake_port_memory_calls(), calls + 1);
    ck_assert_uint_eq(table.committed, 512);
    ck_assert(side_table_extend(&table, 513));
    ck_assert_uint_eq(fake_port_memory_calls(), calls + 2);
    side_table_destroy(&table);
}
END_TEST

START_TEST(refused)
{
    struct side_table table;
    fake_port_fail_memory_after(0);
    ck_assert(!side_table_init(&table, 8, 1000, "a table"));
    ck_assert_ptr_null(table.base);
    side_table_destroy(&table); /* nothing to do */

    fake_port_fail_memory_after(2);
    ck_assert(side_table_init(&table, 8, 2000, "a table"));
    ck_assert(side_table_extend(&table, 10));
    *(uint64_t *)side_table_at(&table, 9) = 42;
    struct side_table before = table;
    ck_assert(!side_table_extend(&table, 2000));
    ck_assert_mem_eq(&table, &before, sizeof table);
    ck_assert_uint_eq(*(uint64_t *)side_table_at(&table, 9), 42);
    fake_port_fail_memory_after(FAKE_PORT_NEVER);
    ck_assert(side_table_extend(&table, 2000));
    ck_assert_uint_eq(*(uint64_t *)side_table_at(&table, 9), 42);
    side_table_destroy(&table);
    side_table_destroy(&table); /* nothing to do */
}
END_TEST

START_TEST(too_large)
{
    struct side_table table;
    ck_assert(!side_table_init(&table, SIZE_MAX / 2, 3, "a table"));
    ck_assert(!side_table_init(&table, 1, SIZE_MAX, "a table"));
    ck_assert(!side_table_init(&table, 1, SIZE_MAX - 4096, "a table"));
    ck_assert_ptr_null(table.base);
    ck_assert_uint_eq(fake_port_reservations(), 0);
}
END_TEST

#if TRI_CHECKS >= 1
static void look_beyond(void *table)
{
    (void)side_table_at(table, 1000);
}

static void extend_beyond(void *table)
{
    (void)side_table_extend(table, 1001);
}

START_TEST(beyond_the_end)
{
    struct side_table table;
    ck_assert(side_table_init(&table, 8, 1000, "a table"));
    ck_assert_ptr_nonnull(fake_port_death_of(look_beyond, &table));
    ck_assert_ptr_nonnull(fake_port_death_of(extend_beyond, &table));
    side_table_destroy(&table);
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("side_table");
    TCase *cases = tcase_create("side_table");
    tcase_add_checked_fixture(cases, fake_port_reset, fake_port_finish);
    tcase_add_loop_test(cases, grows, 0, (int)ARRAY_LENGTH(shapes));
    tcase_add_test(cases, asks_the_system_only_for_new_pages);
    tcase_add_test(cases, refused);
    tcase_add_test(cases, too_large);
#if TRI_CHECKS >= 1
    tcase_add_test(cases, beyond_the_end);
#endif
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
