/* cycle.pml -- the on-the-fly cycle: two mutators and a collector on a heap of a few objects.
 *
 * What is modelled and why it is enough is told in docs/correctness.md; run.py has the list of
 * configurations. Features (-D): OBJECTS=2|3, ROUNDS=1|2, INSERTION, GLOBALS, ASSISTS, SPANS, WEAK,
 * BLOCKING, ATTACHING, INITIALISING, ONE_ROOT, ONE_ROOT_EACH. Every NO_... takes a rule away, and
 * so do a few that are named by what then happens: BLACK_FROM_ARM, EARLY_ASSIST, GENERATION_FIRST,
 * DISTURBED_PER_ROUND, ROUND_WITH_FULL_POOL.
 * LOSS_ONLY looks for lost objects only, not for grey ones that are left over.
 */

#include "heap.pml"
#include "answer.pml"
#include "mutator.pml"
#include "collector.pml"

/* One object that both mutators know, from which they can build every heap before a cycle. */
init {
    d_step {
        field[0] = NIL;
        field[1] = NIL;
        field[2] = NIL;
        field[GLOBAL] = NIL;
        state[0] = WHITE;
        first[0] = 0;
        second[0] = NIL;
        first[1] = 0;
        second[1] = NIL;
        present[0] = true;
        present[1] = true;
        answered[0] = true;
        answered[1] = true;
#ifdef SPANS
        cached[0] = NIL;
        cached[1] = NIL;
#endif
#ifdef FRESH
        fresh[0] = NIL;
        fresh[1] = NIL;
#endif
#ifdef WEAK
        state[TARGET] = WHITE;
        field[0] = TARGET;
#endif
    }
    atomic {
        run mutator(0);
        run mutator(1);
        run collector()
    }
}
