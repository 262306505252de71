/* bits_test.c -- gc/bits.h against loops over single bits. */
#include "gc/bits.h"

#include <string.h>

#include "tests/unit/unit.h"

#define WORDS 5
#define BITS  (WORDS * 64)

START_TEST(words)
{
    ck_assert_uint_eq(bit_count(0), 0);
    ck_assert_uint_eq(bit_count(~UINT64_C(0)), 64);
    ck_assert_uint_eq(bit_count(UINT64_C(0x8000000000000001)), 2);
    ck_assert_uint_eq(trailing_zeros(0), 64);
    ck_assert_uint_eq(leading_zeros(0), 64);
    for (unsigned i = 0; i < 64; i++) {
        ck_assert_uint_eq(trailing_zeros(~UINT64_C(0) << i), i);
        ck_assert_uint_eq(leading_zeros(~UINT64_C(0) >> i), i);
    }
    ck_assert_uint_eq(bitmap_words(0), 0);
    ck_assert_uint_eq(bitmap_words(1), 1);
    ck_assert_uint_eq(bitmap_words(64), 1);
    ck_assert_uint_eq(bitmap_words(65), 2);
}
END_TEST

START_TEST(ranges_of_a_word)
{
    for (unsigned first = 0; first < 64; first++) {
        for (unsigned count = 0; first + count <= 64; count++) {
            uint64_t want = 0;
            for (unsigned i = first; i < first + count; i++) {
                want |= UINT64_C(1) << i;
            }
            ck_assert_uint_eq(bit_range(first, count), want);
        }
    }
}
END_TEST

static void fill_random(uint64_t *map, uint64_t *random)
{
    for (size_t i = 0; i < WORDS; i++) {
        uint64_t word = unit_random(random);
        uint64_t other = unit_random(random);
        switch (unit_random_below(random, 5)) {
        case 0:
            map[i] = 0;
            break;
        case 1:
            map[i] = ~UINT64_C(0);
            break;
        case 2:
            map[i] = word & other & unit_random(random);
            break;
        case 3:
            map[i] = word | other | unit_random(random);
            break;
        default:
            map[i] = word;
            break;
        }
    }
}

START_TEST(single_bits)
{
    uint64_t map[WORDS] = {0};
    for (size_t i = 0; i < BITS; i++) {
        ck_assert(!bitmap_get(map, i));
        bitmap_set(map, i);
        ck_assert(bitmap_get(map, i));
        ck_assert_uint_eq(bitmap_count_range(map, 0, BITS), 1);
        bitmap_clear(map, i);
        ck_assert_uint_eq(bitmap_count_range(map, 0, BITS), 0);
        ck_assert(bitmap_test_and_set_atomic(map, i));
        ck_assert(!bitmap_test_and_set_atomic(map, i));
        ck_assert(bitmap_get(map, i));
        bitmap_clear(map, i);
    }
}
END_TEST

/* Every range of a random map is set, cleared, counted as bit by bit; nothing else changes. */
START_TEST(ranges)
{
    uint64_t random = unit_seed();
    for (size_t first = 0; first <= BITS; first++) {
        for (size_t count = 0; first + count <= BITS; count++) {
            uint64_t map[WORDS];
            fill_random(map, &random);
            uint64_t set[WORDS];
            uint64_t cleared[WORDS];
            memcpy(set, map, sizeof map);
            memcpy(cleared, map, sizeof map);
            size_t ones = 0;
            for (size_t i = first; i < first + count; i++) {
                ones += bitmap_get(map, i);
                bitmap_set(set, i);
                bitmap_clear(cleared, i);
            }
            ck_assert_uint_eq(bitmap_count_range(map, first, count), ones);
            uint64_t work[WORDS];
            memcpy(work, map, sizeof map);
            bitmap_set_range(work, first, count);
            ck_assert_mem_eq(work, set, sizeof set);
            memcpy(work, map, sizeof map);
            bitmap_clear_range(work, first, count);
            ck_assert_mem_eq(work, cleared, sizeof cleared);
        }
    }
}
END_TEST

START_TEST(finding)
{
    uint64_t random = unit_seed();
    for (unsigned turn = 0; turn < 300; turn++) {
        uint64_t map[WORDS];
        fill_random(map, &random);
        size_t limit = unit_random_below(&random, BITS + 1);
        for (size_t from = 0; from <= limit; from++) {
            size_t set = from;
            while (set < limit && !bitmap_get(map, set)) {
                set++;
            }
            size_t clear = from;
            while (clear < limit && bitmap_get(map, clear)) {
                clear++;
            }
            ck_assert_uint_eq(bitmap_find_set(map, from, limit), set);
            ck_assert_uint_eq(bitmap_find_clear(map, from, limit), clear);
        }
    }
}
END_TEST

START_TEST(ground)
{
    ck_assert_uint_eq(align_up(0, 8), 0);
    ck_assert_uint_eq(align_up(1, 8), 8);
    ck_assert_uint_eq(align_up(8, 8), 8);
    ck_assert_uint_eq(align_down(15, 8), 8);
    ck_assert(is_aligned(64, 64) && !is_aligned(65, 64));
    ck_assert(is_power_of_two(1) && is_power_of_two(TIB));
    ck_assert(!is_power_of_two(0) && !is_power_of_two(6));
    size_t result;
    ck_assert(size_add(SIZE_MAX - 1, 1, &result) && result == SIZE_MAX);
    ck_assert(!size_add(SIZE_MAX, 1, &result));
    ck_assert(size_multiply((size_t)1 << 31, (size_t)1 << 31, &result) && result == (size_t)1
                                                                                        << 62);
    ck_assert(!size_multiply((size_t)1 << 32, (size_t)1 << 32, &result));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bits");
    TCase *cases = tcase_create("bits");
    tcase_add_test(cases, words);
    tcase_add_test(cases, ranges_of_a_word);
    tcase_add_test(cases, single_bits);
    tcase_add_test(cases, ranges);
    tcase_add_test(cases, finding);
    tcase_add_test(cases, ground);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
