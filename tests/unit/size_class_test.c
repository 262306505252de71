/* size_class_test.c -- the classes have the sizes of Go's and spans of as many times the pages, and
 * rounding and division are exact. */
#include "gc/size_class.h"

#include "tests/fake_port.h"
#include "tests/unit/unit.h"

/* The figures of Go 1.27: bytes, pages, slots, bytes left at the end of a span, and the most a span
 * can waste in hundredths of a percent. */
static const struct {
    unsigned bytes;
    unsigned pages;
    unsigned slots;
    unsigned tail;
    unsigned waste;
} figures[SIZE_CLASS_COUNT] = {
    {0, 0, 0, 0, 0},         {8, 1, 1024, 0, 8750},   {16, 1, 512, 0, 4375},
    {24, 1, 341, 8, 2924},   {32, 1, 256, 0, 2188},   {48, 1, 170, 32, 3152},
    {64, 1, 128, 0, 2344},   {80, 1, 102, 32, 1907},  {96, 1, 85, 32, 1595},
    {112, 1, 73, 16, 1356},  {128, 1, 64, 0, 1172},   {144, 1, 56, 128, 1182},
    {160, 1, 51, 32, 973},   {176, 1, 46, 96, 959},   {192, 1, 42, 128, 925},
    {208, 1, 39, 80, 812},   {224, 1, 36, 128, 815},  {240, 1, 34, 32, 662},
    {256, 1, 32, 0, 586},    {288, 1, 28, 128, 1216}, {320, 1, 25, 192, 1180},
    {352, 1, 23, 96, 988},   {384, 1, 21, 128, 951},  {416, 1, 19, 288, 1071},
    {448, 1, 18, 128, 837},  {480, 1, 17, 32, 682},   {512, 1, 16, 0, 605},
    {576, 1, 14, 128, 1233}, {640, 1, 12, 512, 1548}, {704, 1, 11, 448, 1393},
    {768, 1, 10, 512, 1394}, {896, 1, 9, 128, 1552},  {1024, 1, 8, 0, 1240},
    {1152, 1, 7, 128, 1241}, {1280, 1, 6, 512, 1555}, {1408, 2, 11, 896, 1400},
    {1536, 1, 5, 512, 1400}, {1792, 2, 9, 256, 1557}, {2048, 1, 4, 0, 1245},
    {2304, 2, 7, 256, 1246}, {2688, 1, 3, 128, 1559}, {3072, 3, 8, 0, 1247},
    {3200, 2, 5, 384, 622},  {3456, 3, 7, 384, 883},  {4096, 1, 2, 0, 1560},
    {4864, 3, 5, 256, 1665}, {5376, 2, 3, 256, 1092}, {6144, 3, 4, 0, 1248},
    {6528, 4, 5, 128, 623},  {6784, 5, 6, 256, 436},  {6912, 6, 7, 768, 337},
    {8192, 1, 1, 0, 1561},   {9472, 7, 6, 512, 1428}, {9728, 6, 5, 512, 364},
    {10240, 5, 4, 0, 499},   {10880, 4, 3, 128, 624}, {12288, 3, 2, 0, 1145},
    {13568, 5, 3, 256, 999}, {14336, 7, 4, 0, 535},   {16384, 2, 1, 0, 1249},
    {18432, 9, 4, 0, 1111},  {19072, 7, 3, 128, 357}, {20480, 5, 2, 0, 687},
    {21760, 8, 3, 256, 625}, {24576, 3, 1, 0, 1145},  {27264, 10, 3, 128, 1000},
    {28672, 7, 2, 0, 491},   {32768, 4, 1, 0, 1250},
};

/* How many times the pages of Go's span ours has: as many as fit into 4, and make 64 slots at most,
 * where slots have 257 to 8192 bytes. */
static unsigned times(unsigned number)
{
    unsigned by_pages = 4 / figures[number].pages;
    unsigned by_slots = 64 / figures[number].slots;
    unsigned least = by_pages < by_slots ? by_pages : by_slots;
    bool wide = figures[number].bytes > 256 && figures[number].bytes <= 8192;
    return wide && least > 1 ? least : 1;
}

START_TEST(figures_of_go)
{
    for (unsigned number = 1; number < SIZE_CLASS_COUNT; number++) {
        ck_assert_uint_eq(size_class_bytes[number], figures[number].bytes);
        ck_assert_uint_eq(size_class_pages[number], figures[number].pages * times(number));
        unsigned span = figures[number].pages * times(number) * PAGE_BYTES;
        unsigned tail = span - size_class_slots[number] * figures[number].bytes;
        ck_assert_uint_eq(tail, figures[number].tail * times(number) % figures[number].bytes);
        double least = (double)size_class_slots[number] * (figures[number - 1].bytes + 1);
        unsigned waste = (unsigned)(((double)span - least) / (double)span * 10000 + 0.5);
        ck_assert_uint_le(waste, figures[number].waste);
    }
}
END_TEST

START_TEST(class_of_large_objects)
{
    ck_assert_uint_eq(size_class_bytes[0], 0);
    ck_assert_uint_eq(size_class_pages[0], 0);
    ck_assert_uint_eq(size_class_slots[0], 0);
    ck_assert_uint_eq(size_class_divide(0, UINT32_MAX), 0);
}
END_TEST

START_TEST(every_size)
{
    unsigned number = 1;
    for (size_t bytes = 1; bytes <= SMALL_SIZE_MAX; bytes++) {
        while (size_class_bytes[number] < bytes) {
            number++;
        }
        if (size_class_of(bytes) != number) {
            ck_abort_msg("%zu bytes: class %u instead of %u", bytes, size_class_of(bytes), number);
        }
    }
    ck_assert_uint_eq(number, SIZE_CLASS_COUNT - 1);
}
END_TEST

START_TEST(every_offset)
{
    for (unsigned number = 1; number < SIZE_CLASS_COUNT; number++) {
        uint32_t span = (uint32_t)(size_class_pages[number] * PAGE_BYTES);
        for (uint32_t offset = 0; offset < span; offset++) {
            if (size_class_divide(number, offset) != offset / size_class_bytes[number]) {
                ck_abort_msg("class %u, offset %u: slot %u", number, offset,
                             size_class_divide(number, offset));
            }
        }
        ck_assert_uint_eq(size_class_slots[number], span / size_class_bytes[number]);
    }
}
END_TEST

START_TEST(alignment)
{
    for (size_t bytes = 16; bytes <= SMALL_SIZE_MAX; bytes += 16) {
        ck_assert_uint_eq(size_class_bytes[size_class_of(bytes)] % 16, 0);
    }
    for (size_t bytes = 8; bytes <= PAGE_BYTES; bytes *= 2) { /* powers of two have no waste */
        ck_assert_uint_eq(size_class_bytes[size_class_of(bytes)], bytes);
    }
    for (unsigned number = 1; number < SIZE_CLASS_COUNT; number++) {
        ck_assert(size_class_bytes[number] > 256 || size_class_pages[number] == 1);
    }
}
END_TEST

#if TRI_CHECKS >= 1
static void class_of(void *bytes)
{
    (void)size_class_of(*(size_t *)bytes);
}

START_TEST(no_class)
{
    size_t none = 0;
    size_t large = SMALL_SIZE_MAX + 1;
    ck_assert_ptr_nonnull(fake_port_death_of(class_of, &none));
    ck_assert_ptr_nonnull(fake_port_death_of(class_of, &large));
}
END_TEST
#endif

int main(void)
{
    Suite *suite = suite_create("size_class");
    TCase *cases = tcase_create("size_class");
    tcase_add_checked_fixture(cases, fake_port_reset, fake_port_finish);
    tcase_add_test(cases, figures_of_go);
    tcase_add_test(cases, class_of_large_objects);
    tcase_add_test(cases, every_size);
    tcase_add_test(cases, every_offset);
    tcase_add_test(cases, alignment);
#if TRI_CHECKS >= 1
    tcase_add_test(cases, no_class);
#endif
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
