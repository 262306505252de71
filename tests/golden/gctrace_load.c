/* gctrace_load.c -- a host with cycles of all kinds, for gctrace_check.py. Prints on stdout what
 * the trace lines on stderr must agree with. Its argument, if any, is the form of the lines.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trillium/trillium.h>

struct link {
    struct link *next;
    uint64_t numbers[31];
};

static const tri_field link_fields[] = {TRI_POINTER_AT(struct link, next)};

static void check(tri_result result)
{
    if (result != TRI_OK) {
        fprintf(stderr, "gctrace_load: %s\n", tri_result_text(result));
        exit(1);
    }
}

/* A list of count links, and as much garbage. */
static struct link *make_list(tri_mutator *mutator, tri_type *type, uint64_t count)
{
    TRI_FRAME(mutator, 1);
    for (uint64_t i = 0; i < count; i++) {
        struct link *link = tri_alloc(mutator, type);
        tri_init_ref(mutator, &link->next, TRI_LOCAL(0));
        TRI_LOCAL(0) = link;
        (void)tri_alloc(mutator, type);
    }
    return TRI_LOCAL(0);
}

static tri_trace_form form_by_name(const char *name)
{
    static const char *const names[] = {
        [TRI_TRACE_GO] = "go", [TRI_TRACE_GO_1_6] = "go-1.6", [TRI_TRACE_JSON] = "json"};
    for (int form = TRI_TRACE_GO; form <= TRI_TRACE_JSON; form++) {
        if (strcmp(names[form], name) == 0) {
            return (tri_trace_form)form;
        }
    }
    fprintf(stderr, "gctrace_load: no such form: %s\n", name);
    exit(1);
}

int main(int argc, char **argv)
{
    tri_heap_options options;
    tri_heap_options_init(&options);
    if (argc > 1) {
        options.trace_form = form_by_name(argv[1]);
    }
    tri_heap *heap;
    tri_mutator *mutator;
    tri_type *type;
    tri_type_desc desc = TRI_TYPE_DESC("link", struct link);
    desc.layout = TRI_LAYOUT_OF(link_fields);
    check(tri_heap_create(&heap, &options));
    check(tri_type_define(heap, &desc, &type));
    check(tri_mutator_attach(heap, &mutator));
    {
        TRI_FRAME(mutator, 1);
        TRI_LOCAL(0) = make_list(mutator, type, 31250); /* 8 MB live */
        tri_collect(mutator);
        for (int i = 0; i < 5; i++) {
            (void)make_list(mutator, type, 12500);
        }
        tri_collect(mutator);
    }
    tri_collect(mutator);
    tri_stats stats = {.size = sizeof stats};
    check(tri_stats_read(heap, &stats));
    printf("%" PRIu64 " cycles, %" PRIu64 " forced, %" PRIu64 " bytes live at the last\n",
           stats.num_gc, stats.num_forced_gc, stats.last_marked);
    tri_heap_destroy(heap);
    return 0;
}
