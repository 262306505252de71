/* address_space_test.c -- how much is reserved, how it grows, and which words lie inside. */
#include "gc/address_space.h"

#include <string.h>

#include "gc/port.h"
#include "tests/fake_port.h"
#include "tests/unit/unit.h"

static const struct {
    const char *what;
    size_t physical;
    size_t limit;        /* what the process may expect */
    size_t refused_over; /* what the system really does */
    size_t max_heap;
    size_t want; /* 0: fails */
} sizes[] = {
    {"8 times the memory", 2 * GIB, SIZE_MAX, SIZE_MAX, 0, 16 * GIB},
    {"at most 1 TiB", 512 * GIB, SIZE_MAX, SIZE_MAX, 0, TIB},
    {"no overflow", SIZE_MAX, SIZE_MAX, SIZE_MAX, 0, TIB},
    {"half of the limit", 2 * GIB, 4 * GIB, SIZE_MAX, 0, 2 * GIB},
    {"limit rounded up to a chunk", 2 * GIB, GIB + 2 * MIB, SIZE_MAX, 0, 516 * MIB},
    {"tiny limit", 2 * GIB, 1, SIZE_MAX, 0, 16 * MIB},
    {"falls by halves", 2 * GIB, SIZE_MAX, 5 * GIB, 0, 4 * GIB},
    {"falls to the least", 2 * GIB, SIZE_MAX, 16 * MIB, 0, 16 * MIB},
    {"not below the least", 2 * GIB, SIZE_MAX, 16 * MIB - 4096, 0, 0},
    {"odd sizes fall in chunks", 2 * GIB, SIZE_MAX, 50 * MIB, 100 * MIB, 28 * MIB},
    {"given", 2 * GIB, SIZE_MAX, SIZE_MAX, 100 * MIB, 100 * MIB},
    {"given, rounded up", 2 * GIB, SIZE_MAX, SIZE_MAX, 100 * MIB + 1, 104 * MIB},
    {"given, one byte", 2 * GIB, SIZE_MAX, SIZE_MAX, 1, 4 * MIB},
    {"given, small and refused", 2 * GIB, SIZE_MAX, 2 * MIB, 1, 0},
    {"given, more than memory allows", 2 * GIB, SIZE_MAX, SIZE_MAX, 64 * GIB, 64 * GIB},
    {"given, too much", 2 * GIB, SIZE_MAX, SIZE_MAX, SIZE_MAX, TIB},
    {"given, limited", 2 * GIB, 256 * MIB, SIZE_MAX, GIB, 128 * MIB},
};

START_TEST(reserves)
{
    fake_port_set_physical_memory(sizes[_i].physical);
    fake_port_set_address_space_limit(sizes[_i].limit);
    fake_port_refuse_reservations_over(sizes[_i].refused_over);
    struct address_space space;
    bool reserved = address_space_init(&space, sizes[_i].max_heap);
    ck_assert_msg(space.bytes == sizes[_i].want, "%s: %zu MiB instead of %zu MiB", sizes[_i].what,
                  space.bytes / MIB, sizes[_i].want / MIB);
    ck_assert(reserved == (sizes[_i].want != 0));
    ck_assert_uint_eq(fake_port_reserved_bytes(), space.bytes);
    ck_assert_uint_eq(fake_port_committed_bytes(), 0);
    ck_assert(is_aligned(space.base, CHUNK_BYTES));
    address_space_destroy(&space);
    ck_assert_uint_eq(space.base, 0);
    address_space_destroy(&space); /* nothing to do */
}
END_TEST

START_TEST(contains)
{
    struct address_space space;
    ck_assert(address_space_init(&space, 16 * MIB));
    uintptr_t end = space.base + space.bytes;
    ck_assert(address_space_contains(&space, space.base));
    ck_assert(address_space_contains(&space, space.base + 1));
    ck_assert(address_space_contains(&space, end - 1));
    ck_assert(!address_space_contains(&space, space.base - 1));
    ck_assert(!address_space_contains(&space, end));
    ck_assert(!address_space_contains(&space, 0));
    ck_assert(!address_space_contains(&space, UINTPTR_MAX));
    ck_assert(!address_space_contains(&space, space.base | (uintptr_t)1 << 63));
    address_space_destroy(&space);
    ck_assert(!address_space_contains(&space, 0));
    ck_assert(!address_space_contains(&space, end));
}
END_TEST

START_TEST(pages)
{
    struct address_space space;
    ck_assert(address_space_init(&space, TIB));
    ck_assert_uint_eq(address_space_pages(&space), (size_t)1 << 27);
    static const page_index some[] = {0, 1, 511, 512, 513, 65536, (1U << 27) - 1};
    for (size_t i = 0; i < ARRAY_LENGTH(some); i++) {
        uintptr_t address = (uintptr_t)address_space_address(&space, some[i]);
        ck_assert_uint_eq(address, space.base + some[i] * PAGE_BYTES);
        ck_assert_uint_eq(address_space_page(&space, address), some[i]);
        ck_assert_uint_eq(address_space_page(&space, address + PAGE_BYTES - 1), some[i]);
    }
    ck_assert_uint_eq((uintptr_t)address_space_address(&space, 1U << 27), space.base + TIB);
    address_space_destroy(&space);
}
END_TEST

/* Grow by pages_wanted; want pages are added behind what was there. */
static void grow(struct address_space *space, size_t pages_wanted, size_t want)
{
    size_t before = space->grown;
    ck_assert_uint_eq(address_space_grow(space, pages_wanted), want);
    ck_assert_uint_eq(space->grown, before + want * PAGE_BYTES);
    ck_assert_uint_eq(fake_port_committed_bytes(), space->grown);
    if (space->grown > 0) {
        ck_assert(fake_port_is_committed((void *)space->base, space->grown));
    }
}

START_TEST(grows_by_steps)
{
    const size_t chunk = CHUNK_PAGES;
    struct address_space space;
    ck_assert(address_space_init(&space, 4 * GIB));
    grow(&space, 1, chunk);
    grow(&space, chunk, chunk);
    grow(&space, chunk + 1, 2 * chunk);
    grow(&space, 10 * chunk - 3, 10 * chunk);
    grow(&space, (GIB - 56 * MIB) / PAGE_BYTES, (GIB - 56 * MIB) / PAGE_BYTES); /* 1 GiB is
                                                                                   reached */
    ck_assert_uint_eq(space.grown, GIB);
    grow(&space, 1, 16 * chunk); /* 64 MiB */
    grow(&space, 16 * chunk + 1, 32 * chunk);
    /* The first and the last byte can be written and were zero. */
    char *first = address_space_address(&space, 0);
    char *last = first + space.grown - 1;
    ck_assert_int_eq(*first, 0);
    ck_assert_int_eq(*last, 0);
    *first = 1;
    *last = 1;
    address_space_destroy(&space);
}
END_TEST

START_TEST(grows_to_the_end)
{
    struct address_space space;
    ck_assert(address_space_init(&space, 20 * MIB)); /* 5 chunks */
    grow(&space, 3 * CHUNK_PAGES, 3 * CHUNK_PAGES);
    grow(&space, 100 * CHUNK_PAGES, 2 * CHUNK_PAGES); /* all that is left */
    grow(&space, 1, 0);
    grow(&space, SIZE_MAX, 0);
    address_space_destroy(&space);

    ck_assert(address_space_init(&space, GIB + 40 * MIB));
    grow(&space, GIB / PAGE_BYTES, GIB / PAGE_BYTES);
    grow(&space, 1, 40 * MIB / PAGE_BYTES); /* not the whole step */
    grow(&space, 1, 0);
    address_space_destroy(&space);

    ck_assert(address_space_init(&space, 16 * MIB));
    grow(&space, SIZE_MAX, 16 * MIB / PAGE_BYTES); /* no overflow */
    address_space_destroy(&space);
}
END_TEST

START_TEST(commit_refused)
{
    struct address_space space;
    ck_assert(address_space_init(&space, 2 * GIB));
    grow(&space, GIB / PAGE_BYTES, GIB / PAGE_BYTES);
    fake_port_fail_memory_once_after(0);
    grow(&space, 1, CHUNK_PAGES); /* the step is refused, the chunk is not */
    fake_port_fail_memory_after(0);
    grow(&space, 1, 0);
    grow(&space, SIZE_MAX, 0);
    fake_port_fail_memory_after(FAKE_PORT_NEVER);
    grow(&space, 1, 64 * MIB / PAGE_BYTES);
    address_space_destroy(&space);

    ck_assert(address_space_init(&space, 16 * MIB));
    fake_port_fail_memory_once_after(0);
    size_t calls = fake_port_memory_calls();
    grow(&space, 1, 0); /* step and chunk are the same: not tried twice */
    ck_assert_uint_eq(fake_port_memory_calls(), calls + 1);
    grow(&space, 1, CHUNK_PAGES);
    address_space_destroy(&space);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("address_space");
    TCase *cases = tcase_create("address_space");
    tcase_add_checked_fixture(cases, fake_port_reset, fake_port_finish);
    tcase_add_loop_test(cases, reserves, 0, (int)ARRAY_LENGTH(sizes));
    tcase_add_test(cases, contains);
    tcase_add_test(cases, pages);
    tcase_add_test(cases, grows_by_steps);
    tcase_add_test(cases, grows_to_the_end);
    tcase_add_test(cases, commit_refused);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
