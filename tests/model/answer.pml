/* answer.pml -- a mutator's answer to a handshake, given by itself, or for it while it is blocked.
 *
 * When it answers, the buffer is empty and grey work is published. That is a condition here: the
 * steps that bring it about are open to a mutator at any time, so also one after the other right
 * before its answer. A condition needs no program counter, hence fewer states.
 */

#ifdef NO_BUFFER_FLUSH
#define FLUSHED(i) true
#else
#define FLUSHED(i) (buffer[i] == 0)
#endif
#ifdef NO_PUBLISH
#define GAVE_UP_GREY(i) true
#else
#define GAVE_UP_GREY(i) NO_OBJECT_IS(PRIVATE(i))
#endif

#define IS_ASKED(i, p) (!answered[i] && phase == p)

/* In which rounds roots are scanned. */
#if defined(INSERTION) && !defined(NO_RESCAN)
#define IS_ASKED_WITH_ROOTS(i) (IS_ASKED(i, ROOTS) || IS_ASKED(i, FLUSH))
#define IS_ASKED_WITHOUT_ROOTS(i) false
#else
#define IS_ASKED_WITH_ROOTS(i) IS_ASKED(i, ROOTS)
#define IS_ASKED_WITHOUT_ROOTS(i) IS_ASKED(i, FLUSH)
#endif

inline report(i)
{
#ifndef NO_MADE_GREY
    /* What ROOTS says is forgotten when marking begins. */
    grey_reported = grey_reported || (made_grey[i] && phase == FLUSH);
#endif
    made_grey[i] = false
}

inline give_cache_back(i)
{
#ifdef SPANS
    cached[i] = NIL
#else
    skip
#endif
}

inline answer_arm(i)
{
    armed[i] = true;
    give_cache_back(i);
#ifdef BLACK_FROM_ARM
    allocates_marked[i] = true;
#endif
    answered[i] = true
}

/* Every barrier is on: from now on an object may be grey, or black. */
inline answer_settle(i)
{
    allocates_marked[i] = true;
    give_cache_back(i);
    answered[i] = true
}

/* It shades nothing from now on. */
inline answer_disarm(i)
{
    buffer[i] = 0;
    made_grey[i] = false;
    armed[i] = false;
    black[i] = false;
    answered[i] = true
}

inline answer_release(i)
{
    allocates_marked[i] = false;
    give_cache_back(i);
    answered[i] = true
}

/* Roots are shaded one after the other; between two, other processes run. In insertion mode the
 * new objects are scanned as well, whose initialising stores nobody saw; from now on stores to
 * them are reported. The first root is shaded by whoever begins this, in one step with the
 * condition; `value` is a variable of the process that answers. */
inline answer_with_roots(i, value)
{
    scan_queued(i, value);
    d_step {
        shade_root(i, second[i]);
        if
        :: phase == ROOTS -> armed[i] = true; allocates_marked[i] = true; black[i] = true
        :: else
        fi;
        report(i);
        answered[i] = true;
        done_acting(i)
    }
}

#ifdef INSERTION
inline scan_queued(i, value)
{
    d_step { fresh[i] = NIL; read_queued(i, 0, value) }
    d_step { shade_root(i, value); value = NIL; read_queued(i, 1, value) }
#if OBJECTS > 2
    d_step { shade_root(i, value); value = NIL; read_queued(i, 2, value) }
#endif
    d_step { shade_root(i, value); value = NIL }
}

inline read_queued(i, o, value)
{
    if
#ifndef NO_NEW_SCAN
    :: state[o] == QUEUED(i) -> state[o] = BLACK; value = field[o]
#endif
    :: else
    fi
}
#else
inline scan_queued(i, value)
{
    skip
}
#endif

inline done_acting(i)
{
#ifdef BLOCKING
    acting[i] = false
#else
    skip
#endif
}

/* Options of the process that answers for mutator i, besides those that scan roots. */
#define QUICK_ANSWERS(i)                                                                          \
    :: d_step { IS_ASKED(i, ARM) -> answer_arm(i) }                                               \
    :: d_step { IS_ASKED(i, SETTLE) -> answer_settle(i) }                                         \
    :: d_step { IS_ASKED_WITHOUT_ROOTS(i) && FLUSHED(i) && GAVE_UP_GREY(i) ->                     \
           report(i); answered[i] = true }                                                        \
    :: d_step { IS_ASKED(i, DISARM) && GAVE_UP_GREY(i) -> answer_disarm(i) }                       \
    :: d_step { IS_ASKED(i, RELEASE) -> answer_release(i) }
