/* machine.h -- running a program: on this thread, or on several at a time in one heap. */
#ifndef LOX_MACHINE_H
#define LOX_MACHINE_H

#include "types.h"

struct console;

/* Exit codes of the process; of several the highest counts. */
enum exit_code {
    EXIT_CODE_OK = 0,
    EXIT_CODE_USAGE = 64,
    EXIT_CODE_COMPILE_ERROR = 65,
    EXIT_CODE_RUNTIME_ERROR = 70,
    EXIT_CODE_SYSTEM = 71,
    EXIT_CODE_FILE = 74
};

#define ISOLATES_MAX 1024

/* What all machines of the process share. */
struct world {
    tri_heap *heap;
    struct types types;
    struct console *console;
    const char *source; /* NULL: a dialogue */
    bool stats;         /* each machine says at its end how many strings it has */
};

/* Run the program on the calling thread. */
enum exit_code machine_run(const struct world *world);

/* Run it on `count` threads, 1 to ISOLATES_MAX, each with a machine of its own. The calling thread
 * has no mutator meanwhile. */
enum exit_code machines_run(const struct world *world, int count);

#endif
