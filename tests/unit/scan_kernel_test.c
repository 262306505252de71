/* scan_kernel_test.c -- words that are 0 are told from others, by groups. tests/kernels compares
 * what kernels find.
 */
#include "gc/scan_kernel.h"

#include <sys/mman.h>

#include "tests/unit/unit.h"

#define PAGE ((size_t)4096)

/* Every word of a group that begins at words is told by itself, whichever half of it is not 0. */
FOR_VECTORS static void compare_groups(uint64_t *words, uint64_t *random)
{
    for (unsigned zeros = 0; zeros < 1U << SCAN_GROUP_WORDS; zeros++) {
        for (unsigned i = 0; i < SCAN_GROUP_WORDS; i++) {
            uint64_t bit = UINT64_C(1) << unit_random_below(random, 64);
            words[i] = zeros >> i & 1 ? 0 : bit;
        }
        ck_assert_uint_eq(scan_kernel_zero(words), zeros);
    }
}

/* Groups may begin at any word of a page, the last one at its end; nobody can read the next
 * page. */
START_TEST(zero_words)
{
    if (!scan_kernel_exists(SCAN_KERNEL_AVX2)) {
        printf("vectors are not tested: this processor or build does not have them\n");
        return;
    }
    uint64_t random = unit_seed();
    char *page = mmap(NULL, 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(page != MAP_FAILED);
    ck_assert_int_eq(mprotect(page, PAGE, PROT_READ | PROT_WRITE), 0);
    for (size_t last = PAGE / 8 - SCAN_GROUP_WORDS, i = 0; i <= last; i++) {
        compare_groups((uint64_t *)(void *)page + i, &random);
    }
    ck_assert_int_eq(munmap(page, 2 * PAGE), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scan_kernel");
    TCase *tests = tcase_create("all");
    tcase_add_test(tests, zero_words);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
