/* judge.h -- bounds that a scenario's cycles have to keep, and how close they came. */
#ifndef TESTS_JUDGE_H
#define TESTS_JUDGE_H

#include <stdbool.h>

#define JUDGE_BOUNDS 24

/* A quantity that has to stay between two values in each cycle in which it is looked at. */
struct bound {
    const char *what; /* with its unit */
    double low;       /* -INFINITY: none */
    double high;      /* INFINITY: none */
    double least;     /* seen */
    double most;      /* seen */
    unsigned looks;
    unsigned broken; /* looks at which it was outside */
    unsigned first;  /* cycle in which it was so for the first time */
};

struct judge {
    unsigned cycle; /* the first is 1 */
    unsigned count;
    struct bound bounds[JUDGE_BOUNDS];
};

/* Look at the value of a quantity in judge->cycle. */
void judge_within(struct judge *judge, const char *what, double value, double low, double high);

/* Whether no bound is broken, and there is one. */
bool judge_is_content(const struct judge *judge);

#endif
