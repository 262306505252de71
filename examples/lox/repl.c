/* repl.c -- the dialogue. A person may think for an hour about the next line; the collector must
 * not wait for that. */
#include "repl.h"

#include <stdio.h>
#include <stdlib.h>

#include "vm.h"

static void say(struct output *output, const char *words)
{
    text_append(&output->lines, words, strlen(words));
    output_flush(output);
}

/* One line into *line, or false at the end of the input. Reading may sleep: a blocking region. */
static bool read_line(tri_mutator *mutator, char **line, size_t *capacity)
{
    tri_blocking_begin(mutator);
    bool got_one = getline(line, capacity, stdin) >= 0;
    tri_blocking_end(mutator);
    return got_one;
}

void repl_run(struct vm *vm)
{
    char *line = NULL;
    size_t capacity = 0;
    say(&vm->output, "> ");
    while (read_line(vm->mutator, &line, &capacity)) {
        vm_run(vm, line);
        say(&vm->output, "> ");
    }
    say(&vm->output, "\n");
    free(line);
}
