/* unit.h -- what all unit tests share: random numbers that can be repeated, and a main. */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <check.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

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

/* The next of a sequence of numbers without apparent order (splitmix64). */
static inline uint64_t unit_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* One of 0 ... limit - 1. */
static inline uint64_t unit_random_below(uint64_t *state, uint64_t limit)
{
    return unit_random(state) % limit;
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
