/* address_map_test.c -- records that never move, and finding them by an address. */
#include "gc/address_map.h"

#include <string.h>

#include "tests/fake_port.h"
#include "tests/unit/unit.h"

#define KEYS 5000

struct record {
    struct map_link link;
    uint64_t value;
};

static struct meta_alloc meta;
static struct growing_array records;
static struct address_map map;

static void create(void)
{
    fake_port_reset();
    meta_alloc_init(&meta);
    growing_array_init(&records, &meta, sizeof(struct record));
    address_map_init(&map, &meta, &records);
}

static void destroy(void)
{
    meta_alloc_destroy(&meta);
    fake_port_finish();
}

static struct record *record_at(uint32_t index)
{
    return growing_array_at(&records, index);
}

START_TEST(records_stay_where_they_are)
{
    static struct record *places[KEYS];
    for (uint32_t i = 0; i < KEYS; i++) {
        ck_assert_uint_eq(growing_array_count(&records), i);
        ck_assert(growing_array_extend(&records));
        places[i] = record_at(i);
        ck_assert_uint_eq(places[i]->value, 0);
        places[i]->value = i + 1;
    }
    for (uint32_t i = 0; i < KEYS; i++) {
        ck_assert_ptr_eq(record_at(i), places[i]);
        ck_assert_uint_eq(places[i]->value, i + 1); /* none lies over another */
    }
}
END_TEST

START_TEST(no_memory_for_a_record)
{
    while (growing_array_count(&records) < GROWING_ARRAY_FIRST) {
        ck_assert(growing_array_extend(&records));
    }
    while (meta_alloc_take(&meta, 64, 1) != NULL && meta_alloc_mapped_bytes(&meta) < 200 * KIB) {
    }
    fake_port_fail_memory_after(0);
    while (meta_alloc_take(&meta, 64, 1) != NULL) {
    }
    ck_assert(!growing_array_extend(&records));
    ck_assert_uint_eq(growing_array_count(&records), GROWING_ARRAY_FIRST);
    fake_port_fail_memory_after(FAKE_PORT_NEVER);
    ck_assert(growing_array_extend(&records));
    ck_assert_uint_eq(growing_array_count(&records), GROWING_ARRAY_FIRST + 1);
}
END_TEST

/* Against a plain array of what should be found. */
START_TEST(finds_what_was_added)
{
    static uint32_t expected[KEYS]; /* the record of key i * 16, plus 1 */
    static uint32_t unused[KEYS];
    uint32_t unused_count = 0;
    uint32_t present = 0;
    uint64_t random = unit_seed();
    memset(expected, 0, sizeof expected);
    for (unsigned turn = 0; turn < 40000; turn++) {
        uint32_t key = (uint32_t)unit_random_below(&random, KEYS);
        uint32_t found = address_map_find(&map, (uintptr_t)key * 16);
        ck_assert_uint_eq(found, expected[key]);
        if (found != 0) {
            address_map_remove(&map, found - 1);
            unused[unused_count++] = found - 1;
            expected[key] = 0;
            present--;
        } else {
            if (unused_count == 0) {
                ck_assert(growing_array_extend(&records));
                unused[unused_count++] = growing_array_count(&records) - 1;
            }
            ck_assert(address_map_add(&map, unused[--unused_count], (uintptr_t)key * 16));
            expected[key] = unused[unused_count] + 1;
            present++;
        }
        ck_assert_uint_eq(map.count, present);
    }
    address_map_clear(&map);
    for (uint32_t key = 0; key < KEYS; key++) {
        ck_assert_uint_eq(address_map_find(&map, (uintptr_t)key * 16), 0);
    }
}
END_TEST

/* Without room for another bucket those that there are will do; without any, nothing is added. */
START_TEST(no_memory_for_a_bucket)
{
    for (uint32_t i = 0; i < 300; i++) {
        ck_assert(growing_array_extend(&records));
    }
    fake_port_fail_memory_after(0);
    while (meta_alloc_take(&meta, 8, 1) != NULL) {
    }
    ck_assert(!address_map_add(&map, 0, 16));
    ck_assert_uint_eq(address_map_find(&map, 16), 0);
    fake_port_fail_memory_after(FAKE_PORT_NEVER);
    ck_assert(address_map_add(&map, 0, 16));
    fake_port_fail_memory_after(0);
    while (meta_alloc_take(&meta, 8, 1) != NULL) {
    }
    for (uint32_t i = 1; i < 300; i++) {
        ck_assert(address_map_add(&map, i, 16 * (uintptr_t)(i + 1)));
    }
    for (uint32_t i = 0; i < 300; i++) {
        ck_assert_uint_eq(address_map_find(&map, 16 * (uintptr_t)(i + 1)), i + 1);
    }
    ck_assert_uint_lt(growing_array_count(&map.buckets), 300);
    fake_port_fail_memory_after(FAKE_PORT_NEVER);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("address_map");
    TCase *tests = tcase_create("all");
    tcase_add_checked_fixture(tests, create, destroy);
    tcase_add_test(tests, records_stay_where_they_are);
    tcase_add_test(tests, no_memory_for_a_record);
    tcase_add_test(tests, finds_what_was_added);
    tcase_add_test(tests, no_memory_for_a_bucket);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
