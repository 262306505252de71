/* machine.c -- a mutator and a virtual machine for a thread, and threads for machines. */
#include "machine.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "repl.h"
#include "summary.h"
#include "vm.h"

static enum exit_code code_of(enum outcome outcome)
{
    switch (outcome) {
    case OUTCOME_COMPILE_ERROR:
        return EXIT_CODE_COMPILE_ERROR;
    case OUTCOME_RUNTIME_ERROR:
        return EXIT_CODE_RUNTIME_ERROR;
    default:
        return EXIT_CODE_OK;
    }
}

static enum exit_code run(const struct world *world, struct vm *vm)
{
    if (world->source == NULL) {
        repl_run(vm);
        return EXIT_CODE_OK;
    }
    return code_of(vm_run(vm, world->source));
}

enum exit_code machine_run(const struct world *world)
{
    tri_mutator *mutator;
    tri_result result = tri_mutator_attach(world->heap, &mutator);
    if (result != TRI_OK) {
        fprintf(stderr, "lox: cannot attach to the heap: %s\n", tri_result_text(result));
        return EXIT_CODE_SYSTEM;
    }
    struct vm *vm = vm_create(mutator, &world->types, world->console);
    enum exit_code code = run(world, vm);
    if (world->stats) {
        summary_print_strings(&vm->interned);
    }
    vm_destroy(vm);
    tri_mutator_detach(mutator);
    return code;
}

struct isolate {
    pthread_t thread;
    const struct world *world;
    enum exit_code code;
};

static void *isolate_main(void *argument)
{
    struct isolate *isolate = argument;
    isolate->code = machine_run(isolate->world);
    return NULL;
}

enum exit_code machines_run(const struct world *world, int count)
{
    struct isolate *isolates = host_allocate((size_t)count * sizeof(*isolates));
    enum exit_code worst = EXIT_CODE_OK;
    int started = 0;
    for (; started < count; started++) {
        isolates[started] = (struct isolate){.world = world, .code = EXIT_CODE_OK};
        int error =
            pthread_create(&isolates[started].thread, NULL, isolate_main, &isolates[started]);
        if (error != 0) {
            fprintf(stderr, "lox: cannot start a thread: %s\n", strerror(error));
            worst = EXIT_CODE_SYSTEM;
            break;
        }
    }
    for (int i = 0; i < started; i++) {
        pthread_join(isolates[i].thread, NULL);
        worst = isolates[i].code > worst ? isolates[i].code : worst;
    }
    free(isolates);
    return worst;
}
