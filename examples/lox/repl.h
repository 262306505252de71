/* repl.h -- the dialogue: a line is read, compiled, run. */
#ifndef LOX_REPL_H
#define LOX_REPL_H

struct vm;

/* Until the end of standard input. */
void repl_run(struct vm *vm);

#endif
