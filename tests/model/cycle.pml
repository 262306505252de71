/* cycle.pml -- the on-the-fly cycle: two mutators and a collector on a heap of a few objects.
 *
 * What is modelled and why it is enough is told in docs/correctness.md; configurations.py has the
 * list of what is run. Features (-D): OBJECTS=2|3, ROUNDS=1|2, INSERTION, GLOBALS, ASSISTS, SPANS,
 * WEAK, RETARGETED, READER_CLEARS, FINALIZER, BLOCKING, ATTACHING, INITIALISING, SEGMENTS, GUESSES,
 * PLAIN_BUFFERS, OWN_SHADING, ONE_ROOT, ONE_ROOT_EACH. Every NO_... takes a rule away, and so do a
 * few that are named by what then happens: BLACK_FROM_ARM, GREY_FROM_ARM, TURN_BEFORE_DISARM,
 * AS_MANY_AS_COUNTED, ATTACH_BLACK_EARLY, DISTURBED_LATE, END_IN_TWO_STEPS, WORD_RESET_EARLY,
 * CLEARED_BY_STORE, SHADES_AFTER_END, SHADES_AFTER_TEST, QUEUED_EARLY. LOSS_ONLY looks for lost
 * objects only, when the generation changes, not for grey ones that are left over.
 */

#include "heap.pml"
#include "answer.pml"
#include "weak.pml"
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
        weak = NIL;
        disturbed = true;
#endif
#ifdef FINALIZER
        queue = NIL;
#endif
    }
    atomic {
        run mutator(0);
        run mutator(1);
        run collector()
    }
}
