/* compare.c -- all kernels that this processor has find the same words, and read nothing outside of
 * the slot. Those that it has not are named.
 */
#include "tests/kernels/compare.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define ROUNDS 20000

static char *map_page(void)
{
    char *pages = mmap(NULL, 3 * COMPARE_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED ||
        mprotect(pages + COMPARE_PAGE, COMPARE_PAGE, PROT_READ | PROT_WRITE) != 0) {
        perror("a page between two that nobody can read");
        exit(EXIT_FAILURE);
    }
    return pages + COMPARE_PAGE;
}

static uint64_t seed(void)
{
    const char *given = getenv("TRI_SEED");
    uint64_t random = given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    printf("TRI_SEED=%" PRIu64 "\n", random);
    return random;
}

/* The best one is one that exists, and the portable one always does. */
static bool choice_is_right(void)
{
    return scan_kernel_exists(SCAN_KERNEL_PORTABLE) && scan_kernel_exists(scan_kernel_best()) &&
           !scan_kernel_exists(SCAN_KERNELS);
}

int main(void)
{
    char *page = map_page();
    uint64_t random = seed();
    unsigned failures = choice_is_right() ? 0 : 1;
    for (unsigned i = 0; i < SCAN_KERNELS; i++) {
        enum scan_kernel kernel = (enum scan_kernel)i;
        if (!scan_kernel_exists(kernel)) {
            printf("%s: not tested, since this processor or build does not have it\n",
                   compare_names[i]);
            continue;
        }
        unsigned different = 0;
        for (unsigned round = 0; round < ROUNDS; round++) {
            different += compare_on_page(kernel, page, &random);
        }
        printf("%s: %u found otherwise\n", compare_names[i], different);
        failures += different;
    }
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
