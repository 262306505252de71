/* scan_kernel_test.c -- all kernels find the same words, and read nothing outside of the slot. */
#include "gc/scan_kernel.h"

#include <sys/mman.h>

#include "tests/unit/unit.h"

#define PAGE  ((size_t)4096)
#define HEAP  UINT64_C(0x7a0000000000)
#define BYTES (UINT64_C(3) << 13)
#define WORDS 64

static const struct scan_bounds bounds = {HEAP, BYTES};

static const tri_encoding encodings[] = {
    {.mask = 0, .pattern = 0, .address = UINT64_MAX},
    {.mask = 7, .pattern = 0, .address = ~UINT64_C(7)},
    {.mask = 3, .pattern = 1, .address = ~UINT64_C(3)},
    {.mask = UINT64_C(0xffff) << 48,
     .pattern = UINT64_C(0xfffc) << 48,
     .address = (UINT64_C(1) << 48) - 1},
};
#define ENCODINGS (sizeof encodings / sizeof encodings[0])

static char *page; /* between two that nobody can read */

static void map_page(void)
{
    char *pages = mmap(NULL, 3 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert(pages != MAP_FAILED);
    page = pages + PAGE;
    ck_assert_int_eq(mprotect(page, PAGE, PROT_READ | PROT_WRITE), 0);
}

static void unmap_page(void)
{
    ck_assert_int_eq(munmap(page - PAGE, 3 * PAGE), 0);
}

/* What kernels shall find, told as plainly as can be. */
static bool is_reference(uint64_t word, const tri_encoding *encoding)
{
    if (encoding != NULL) {
        if ((word & encoding->mask) != encoding->pattern) {
            return false;
        }
        word &= encoding->address;
    }
    return word >= HEAP && word < HEAP + BYTES;
}

static uint64_t expected(const uint64_t *words, uint64_t wanted, const tri_encoding *encoding)
{
    uint64_t found = 0;
    for (unsigned i = 0; i < WORDS; i++) {
        if ((wanted >> i & 1) != 0 && is_reference(words[i], encoding)) {
            found |= UINT64_C(1) << i;
        }
    }
    return found;
}

/* Now and then a reference, a near miss, 0, or anything. */
static uint64_t random_word(uint64_t *random, uint64_t density)
{
    static const uint64_t edges[] = {HEAP - 1, HEAP, HEAP + BYTES - 1, HEAP + BYTES, UINT64_MAX};
    const tri_encoding *encoding = &encodings[unit_random_below(random, ENCODINGS)];
    if (unit_random_below(random, 100) >= density) {
        return 0;
    }
    switch (unit_random_below(random, 4)) {
    case 0:
        return unit_random(random);
    case 1:
        return edges[unit_random_below(random, 5)];
    default:
        return ((HEAP + unit_random_below(random, BYTES)) & encoding->address) | encoding->pattern;
    }
}

/* Random slots of every size, at either end of the page, for every mask and encoding. */
static void compare(enum scan_kernel kernel, uint64_t *random)
{
    size_t slot_bytes = 16 * (1 + unit_random_below(random, 32));
    uint64_t density = unit_random_below(random, 101);
    uint64_t inside = slot_bytes == 512 ? UINT64_MAX : (UINT64_C(1) << slot_bytes / 8) - 1;
    bool at_end = unit_random_below(random, 2) == 1;
    uint64_t *words = (uint64_t *)(void *)(at_end ? page + PAGE - slot_bytes : page);
    for (size_t i = 0; i < slot_bytes / 8; i++) {
        words[i] = random_word(random, density);
    }
    for (size_t i = 0; i <= ENCODINGS; i++) {
        const tri_encoding *encoding = i == ENCODINGS ? NULL : &encodings[i];
        uint64_t some = unit_random(random) & unit_random(random);
        uint64_t wanted[] = {inside, inside & unit_random(random), inside & some, 0};
        for (size_t k = 0; k < 4; k++) {
            uint64_t found =
                scan_kernel_find(kernel, words, slot_bytes, wanted[k], encoding, &bounds);
            uint64_t want = expected(words, wanted[k], encoding);
            ck_assert_uint_eq(found, want);
        }
    }
}

START_TEST(finds_the_same)
{
    enum scan_kernel kernel = (enum scan_kernel)_i;
    if (!scan_kernel_exists(kernel)) {
        printf("kernel %d is not tested: this processor or build does not have it\n", _i);
        return;
    }
    uint64_t random = unit_seed();
    map_page();
    for (int i = 0; i < 20000; i++) {
        compare(kernel, &random);
    }
    unmap_page();
}
END_TEST

/* Every word is told by itself, whichever half of it is not 0; groups may begin at any word. */
FOR_VECTORS static void compare_groups(uint64_t *random)
{
    uint64_t *words = (uint64_t *)(void *)page + unit_random_below(random, PAGE / 8 - 3);
    for (unsigned zeros = 0; zeros < 1U << SCAN_GROUP_WORDS; zeros++) {
        for (unsigned i = 0; i < SCAN_GROUP_WORDS; i++) {
            uint64_t bit = UINT64_C(1) << unit_random_below(random, 64);
            words[i] = zeros >> i & 1 ? 0 : bit;
        }
        ck_assert_uint_eq(scan_kernel_zero(words), zeros);
    }
}

START_TEST(zero_words)
{
    if (!scan_kernel_exists(SCAN_KERNEL_AVX2)) {
        printf("vectors are not tested: this processor or build does not have them\n");
        return;
    }
    uint64_t random = unit_seed();
    map_page();
    for (int i = 0; i < 2000; i++) {
        compare_groups(&random);
    }
    unmap_page();
}
END_TEST

/* The best one is one that exists, and the portable one always does. */
START_TEST(best)
{
    ck_assert(scan_kernel_exists(SCAN_KERNEL_PORTABLE));
    ck_assert(scan_kernel_exists(scan_kernel_best()));
    ck_assert(!scan_kernel_exists(SCAN_KERNELS));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scan_kernel");
    TCase *tests = tcase_create("all");
    tcase_add_loop_test(tests, finds_the_same, 0, SCAN_KERNELS);
    tcase_add_test(tests, zero_words);
    tcase_add_test(tests, best);
    suite_add_tcase(suite, tests);
    return unit_run(suite);
}
