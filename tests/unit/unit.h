/* unit.h -- what all unit tests share: random numbers that can be repeated, and a main. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <check.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tests/unit/random.h"

/* The seed of this run: TRI_SEED where that is set, else from the clock. Printed, so that a failure
 * can be repeated. */
static inline uint64_t unit_seed(void)
{
    const char *given = getenv("TRI_SEED");
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0)
                                  : (uint64_t)now.tv_sec * 1000003 + (uint64_t)now.tv_nsec;
    printf("TRI_SEED=%" PRIu64 "\n", seed);
    (void)fflush(stdout);
    return seed;
}

/* Run the suite; the result of main. */
static inline int unit_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
