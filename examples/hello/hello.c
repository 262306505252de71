/* hello.c -- the smallest complete host: a heap, a type, a mutator, roots, a list, a collection. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <trillium/trillium.h>

struct link {
    struct link *next;
    uint64_t number;
};

/* Where the references of a link are: the collector asks for no more. */
static const tri_field link_fields[] = {TRI_POINTER_AT(struct link, next)};

static void check(tri_result result, const char *what)
{
    if (result != TRI_OK) {
        fprintf(stderr, "hello: %s: %s\n", what, tri_result_text(result));
        exit(1);
    }
}

/* A list of `count` links, the last number first. The caller must hold it before it allocates. */
static struct link *make_list(tri_mutator *mutator, tri_type *link_type, uint64_t count)
{
    TRI_FRAME(mutator, 1); /* what hangs on TRI_LOCAL(0) survives the collections below */
    for (uint64_t i = 0; i < count; i++) {
        struct link *link = tri_alloc(mutator, link_type); /* may collect; comes zeroed */
        link->number = i;
        tri_init_ref(mutator, &link->next, TRI_LOCAL(0)); /* the first store into a new object */
        TRI_LOCAL(0) = link;
    }
    return TRI_LOCAL(0);
}

static void report(tri_heap *heap, const char *when)
{
    tri_stats stats = {.size = sizeof(stats)};
    check(tri_stats_read(heap, &stats), "stats");
    printf("%s: %" PRIu64 " objects live, %" PRIu64 " freed so far\n", when,
           stats.last_marked_objects, stats.frees);
}

int main(void)
{
    tri_heap *heap;
    check(tri_heap_create(&heap, NULL), "heap"); /* NULL: defaults, and GOGC, GCTRACE, ... */

    tri_type *link_type;
    tri_type_desc desc = TRI_TYPE_DESC("link", struct link);
    desc.layout = TRI_LAYOUT_OF(link_fields);
    check(tri_type_define(heap, &desc, &link_type), "type");

    tri_mutator *mutator;
    check(tri_mutator_attach(heap, &mutator), "mutator");
    {
        TRI_FRAME(mutator, 1);
        TRI_LOCAL(0) = make_list(mutator, link_type, 1000);
        make_list(mutator, link_type, 5000); /* nobody holds this one */
        tri_collect(mutator);
        report(heap, "with the list");

        struct link *first = TRI_LOCAL(0);
        tri_store_ref(mutator, &first->next, NULL); /* every later store: with the barrier */
        tri_collect(mutator);
        report(heap, "with its first link");
    }
    tri_collect(mutator); /* the frame has ended with its block */
    report(heap, "with nothing");

    tri_mutator_detach(mutator);
    tri_heap_destroy(heap);
    return 0;
}
