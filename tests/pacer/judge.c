/* judge.c -- a small table of bounds. */
#include "tests/pacer/judge.h"

#include <stdlib.h>
#include <string.h>

static struct bound *find(struct judge *judge, const char *what, double low, double high)
{
    for (unsigned i = 0; i < judge->count; i++) {
        struct bound *bound = &judge->bounds[i];
        if (strcmp(bound->what, what) == 0 && bound->low == low && bound->high == high) {
            return bound;
        }
    }
    if (judge->count == JUDGE_BOUNDS) {
        abort(); /* a bound that changes from cycle to cycle should be one on a ratio */
    }
    struct bound *bound = &judge->bounds[judge->count++];
    *bound = (struct bound){.what = what, .low = low, .high = high};
    return bound;
}

void judge_within(struct judge *judge, const char *what, double value, double low, double high)
{
    struct bound *bound = find(judge, what, low, high);
    bound->least = bound->looks == 0 || value < bound->least ? value : bound->least;
    bound->most = bound->looks == 0 || value > bound->most ? value : bound->most;
    bound->looks++;
    if (!(value >= low && value <= high)) { /* so that a NaN breaks it */
        bound->first = bound->broken == 0 ? judge->cycle : bound->first;
        bound->broken++;
    }
}

bool judge_is_content(const struct judge *judge)
{
    unsigned broken = 0;
    for (unsigned i = 0; i < judge->count; i++) {
        broken += judge->bounds[i].broken;
    }
    return judge->count > 0 && broken == 0;
}
