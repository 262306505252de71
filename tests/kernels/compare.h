/* compare.h -- a kernel against what it shall find, told as plainly as can be, on random slots.
 *
 * Needs no library, so that it also runs on an emulated processor without a system: bare.c.
 */
#ifndef TESTS_KERNELS_COMPARE_H
#define TESTS_KERNELS_COMPARE_H

#include "gc/scan_kernel.h"
#include "tests/unit/random.h"

#define COMPARE_PAGE  ((size_t)4096)
#define COMPARE_WORDS 64

static const char *const compare_names[SCAN_KERNELS] = {
    [SCAN_KERNEL_PORTABLE] = "portable",
    [SCAN_KERNEL_AVX2] = "avx2",
    [SCAN_KERNEL_AVX512] = "avx512",
};

static const tri_encoding compare_encodings[] = {
    {.mask = 0, .pattern = 0, .address = UINT64_MAX},
    {.mask = 7, .pattern = 0, .address = ~UINT64_C(7)},
    {.mask = 3, .pattern = 1, .address = ~UINT64_C(3)},
    {.mask = UINT64_C(0xffff) << 48,
     .pattern = UINT64_C(0xfffc) << 48,
     .address = (UINT64_C(1) << 48) - 1},
};
#define COMPARE_ENCODINGS ARRAY_LENGTH(compare_encodings)

static inline bool compare_is_reference(uint64_t word, const tri_encoding *encoding,
                                        const struct scan_bounds *bounds)
{
    if (encoding != NULL) {
        if ((word & encoding->mask) != encoding->pattern) {
            return false;
        }
        word &= encoding->address;
    }
    return word >= bounds->heap && word < bounds->heap + bounds->bytes;
}

static inline uint64_t compare_expected(const uint64_t *words, uint64_t wanted,
                                        const tri_encoding *encoding,
                                        const struct scan_bounds *bounds)
{
    uint64_t found = 0;
    for (unsigned i = 0; i < COMPARE_WORDS; i++) {
        if ((wanted >> i & 1) != 0 && compare_is_reference(words[i], encoding, bounds)) {
            found |= UINT64_C(1) << i;
        }
    }
    return found;
}

/* A heap of 8 KiB to 16 TiB, anywhere below 2^47. */
static inline struct scan_bounds compare_random_bounds(uint64_t *random)
{
    uint64_t bytes = (uint64_t)(1 + unit_random_below(random, 3))
                     << (13 + unit_random_below(random, 30));
    uint64_t places = ((UINT64_C(1) << 47) - bytes) / PAGE_BYTES;
    return (struct scan_bounds){(1 + unit_random_below(random, places)) * PAGE_BYTES, bytes};
}

/* Now and then a reference, a near miss, 0, or anything. */
static inline uint64_t compare_random_word(uint64_t *random, uint64_t density,
                                           const struct scan_bounds *bounds)
{
    const uint64_t edges[] = {bounds->heap - 1, bounds->heap, bounds->heap + bounds->bytes - 1,
                              bounds->heap + bounds->bytes, UINT64_MAX};
    const tri_encoding *encoding = &compare_encodings[unit_random_below(random, COMPARE_ENCODINGS)];
    if (unit_random_below(random, 100) >= density) {
        return 0;
    }
    switch (unit_random_below(random, 4)) {
    case 0:
        return unit_random(random);
    case 1:
        return (edges[unit_random_below(random, 5)] & encoding->address) | encoding->pattern;
    default:
        return ((bounds->heap + unit_random_below(random, bounds->bytes)) & encoding->address) |
               encoding->pattern;
    }
}

/* Compare kernel on a random slot at either end of the page, which lies between two that nobody can
 * read: for every encoding and several masks. The number of what was found otherwise. */
static inline unsigned compare_on_page(enum scan_kernel kernel, char *page, uint64_t *random)
{
    size_t slot_bytes = 16 * (1 + unit_random_below(random, 32));
    size_t count = slot_bytes / WORD_BYTES;
    uint64_t density = unit_random_below(random, 101);
    struct scan_bounds bounds = compare_random_bounds(random);
    bool at_end = unit_random_below(random, 2) == 1;
    uint64_t *words = (uint64_t *)(void *)(at_end ? page + COMPARE_PAGE - slot_bytes : page);
    unsigned different = 0;
    for (size_t i = 0; i < count; i++) {
        words[i] = compare_random_word(random, density, &bounds);
    }
    for (size_t i = 0; i <= COMPARE_ENCODINGS; i++) {
        const tri_encoding *encoding = i == COMPARE_ENCODINGS ? NULL : &compare_encodings[i];
        uint64_t inside = UINT64_MAX >> (COMPARE_WORDS - count);
        uint64_t few = inside >> unit_random_below(random, count);
        uint64_t wanted[] = {
            inside,                                              /* all */
            few,                                                 /* the first */
            few & (UINT64_MAX << unit_random_below(random, 64)), /* some in the middle, or none */
            inside & unit_random(random),                        /* any half */
            inside & unit_random(random) & unit_random(random),  /* any quarter */
            UINT64_C(1) << unit_random_below(random, count),     /* one */
            0,
        };
        for (size_t k = 0; k < ARRAY_LENGTH(wanted); k++) {
            uint64_t found =
                scan_kernel_find(kernel, words, slot_bytes, wanted[k], encoding, &bounds);
            different += found != compare_expected(words, wanted[k], encoding, &bounds);
        }
    }
    return different;
}

#endif
