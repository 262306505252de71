/* options.h -- the command line. */
#ifndef LOX_OPTIONS_H
#define LOX_OPTIONS_H

#include <stdbool.h>

struct options {
    const char *path; /* NULL: a dialogue */
    int isolates;     /* 0: run on the main thread */
    bool stats;
    bool version; /* say what this is, and end */
};

/* False where the command line cannot be understood. */
bool options_parse(struct options *options, int count, char **arguments);

#endif
