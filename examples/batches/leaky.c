/* leaky.c -- totals over a log that comes in batches. It gives the right answers, and needs more
 * memory with every batch: find out why from its GCTRACE before you read on.
 */
#include "analyser.h"

enum {
    BUFFER, /* every batch so far */
    TOTALS, /* over all of them */
    LOCALS
};

/* The totals are over the whole log, so they are computed from the whole log. */
static struct totals *add_up(struct analyser *analyser, const struct list *buffer, size_t batches)
{
    TRI_FRAME(analyser->mutator, 1);
    TRI_LOCAL(0) = totals_new(analyser);
    for (size_t i = 0; i < batches; i++) {
        totals_add(analyser, TRI_LOCAL(0), buffer->items[i]);
    }
    return TRI_LOCAL(0);
}

static void run(struct analyser *analyser)
{
    TRI_FRAME(analyser->mutator, LOCALS);
    TRI_LOCAL(BUFFER) = list_new(analyser, BATCHES);
    for (int i = 0; i < BATCHES; i++) {
        struct list *batch = batch_read(analyser);
        struct list *buffer = TRI_LOCAL(BUFFER);
        tri_store_ref(analyser->mutator, &buffer->items[i], batch);
        TRI_LOCAL(TOTALS) = add_up(analyser, buffer, (size_t)i + 1);
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
