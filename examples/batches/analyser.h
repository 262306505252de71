/* analyser.h -- what both programs share: a web server's log that comes in batches, and totals over
 * its requests.
 */
#ifndef BATCHES_ANALYSER_H
#define BATCHES_ANALYSER_H

#include <inttypes.h>
#include <trillium/trillium.h>

#define BATCHES     100  /* in the log */
#define BATCH_LINES 2000 /* in each of them */

/* A piece of text. */
struct text {
    size_t length;
    char characters[]; /* and a terminating zero */
};

/* An array of references: the lines of a batch, the fields of a line. */
struct list {
    size_t count;
    void *items[];
};

/* What was asked of one path of the server. */
struct path_totals {
    struct text *path;
    uint64_t requests;
    uint64_t milliseconds;
};

/* Totals over any number of batches: of all requests, and of each path in a hash table. */
#define TOTALS_PATHS 64

struct totals {
    uint64_t requests;
    uint64_t failures;
    uint64_t bytes;
    struct path_totals *paths[TOTALS_PATHS];
};

struct analyser {
    tri_heap *heap;
    tri_mutator *mutator;
    tri_type *text_type;
    tri_type *list_type;
    tri_type *path_type;
    tri_type *totals_type;
    uint64_t random; /* where the log comes from */
};

/* Create the heap, its types and the program's mutator; end them all. */
void analyser_begin(struct analyser *analyser);
void analyser_end(struct analyser *analyser);

/* All that allocate: what the caller wants to keep, it must hold in a frame meanwhile. */
struct list *list_new(struct analyser *analyser, size_t count);

/* Read the next batch of the log: a list of BATCH_LINES texts. */
struct list *batch_read(struct analyser *analyser);

/* Totals of nothing yet; and add each line of a batch to them. */
struct totals *totals_new(struct analyser *analyser);
void totals_add(struct analyser *analyser, struct totals *totals, const struct list *batch);

/* Print the totals, after so many batches. */
void report(const struct totals *totals, int batches);

/* Print what the program has cost. */
void report_costs(struct analyser *analyser);

#endif
