/* fixed.c -- leaky.c without its fault: what is kept is the totals, and a batch is dropped when it
 * is in them.
 */
#include "analyser.h"

enum {
    BATCH,  /* the last one */
    TOTALS, /* over all so far */
    LOCALS
};

static void run(struct analyser *analyser)
{
    TRI_FRAME(analyser->mutator, LOCALS);
    TRI_LOCAL(TOTALS) = totals_new(analyser);
    for (int i = 0; i < BATCHES; i++) {
        TRI_LOCAL(BATCH) = batch_read(analyser);
        totals_add(analyser, TRI_LOCAL(TOTALS), TRI_LOCAL(BATCH));
        report(TRI_LOCAL(TOTALS), i + 1);
    }
}

int main(void)
{
    struct analyser analyser;
    analyser_begin(&analyser);
    run(&analyser);
    report_costs(&analyser);
    analyser_end(&analyser);
    return 0;
}
