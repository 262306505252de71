/* main.c -- a heap for Lox, and a program in it.
 *
 *     lox [--stats] [--isolates N] [path]
 *     lox --version
 *
 * Without a path: a dialogue. --isolates runs the program on N threads, each with a virtual machine
 * of its own, all in one heap. --stats says at the end what the collector did. The collector itself
 * is steered by the environment: GOGC, GCTRACE, ...
 */
#include <stdio.h>
#include <stdlib.h>

#include "machine.h"
#include "options.h"
#include "output.h"
#include "source.h"
#include "store.h"
#include "summary.h"
#include "value.h"

/* The heap, told how Lox values are encoded, and the types of its objects. */
static tri_result create_heap(struct world *world)
{
    tri_heap_options options;
    tri_heap_options_init(&options);
    options.value_encoding = VALUE_ENCODING;
    options.barrier = HEAP_BARRIER;
    tri_result result = tri_heap_create(&world->heap, &options);
    if (result != TRI_OK) {
        return result;
    }
    result = types_define(world->heap, &world->types);
    if (result != TRI_OK) {
        tri_heap_destroy(world->heap);
    }
    return result;
}

static enum exit_code run_in_heap(const struct options *options, const char *source)
{
    struct console console;
    console_init(&console);
    struct world world = {.console = &console, .source = source, .stats = options->stats};
    tri_result result = create_heap(&world);
    if (result != TRI_OK) {
        fprintf(stderr, "lox: cannot create a heap: %s\n", tri_result_text(result));
        return EXIT_CODE_SYSTEM;
    }
    enum exit_code code =
        options->isolates > 0 ? machines_run(&world, options->isolates) : machine_run(&world);
    if (options->stats) {
        summary_print(world.heap);
    }
    tri_heap_destroy(world.heap);
    return code;
}

int main(int count, char **arguments)
{
    struct options options;
    if (!options_parse(&options, count, arguments)) {
        fprintf(stderr, "Usage: lox [--stats] [--isolates N] [path]\n");
        return EXIT_CODE_USAGE;
    }
    if (options.version) {
        printf("Lox on Trillium %s\n", TRI_VERSION);
        return 0;
    }
    char *source = NULL;
    if (options.path != NULL) {
        source = source_read(options.path);
        if (source == NULL) {
            return EXIT_CODE_FILE;
        }
    }
    enum exit_code code = run_in_heap(&options, source);
    free(source);
    return (int)code;
}
