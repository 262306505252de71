/* weak.pml -- the weak reference: how mutators read it, and the phase in which it is cleared.
 *
 * There is one, which mutators may let refer to any object that they hold. A reader whose barrier is
 * on is at several steps, all between two of its answers; `value` is what it has read.
 *
 * The two bits that readers and the collector share are one word in the library. A reader sets
 * `disturbed` and learns in the same step whether marking has ended. The collector ends marking in
 * one step that finds the word clear.
 */

#ifdef WEAK

#ifdef NO_DISTURB
#define DISTURB skip
#else
#define DISTURB disturbed = true
#endif
#ifdef NO_WEAK_SHADE
#define SHADE_YIELDED(i, o) skip
#else
#define SHADE_YIELDED(i, o) record(i, o)
#endif

/* ---- Properties ---- */

/* Nobody has learnt that what a weak reference yields is dead. */
#define IS_BURIED(o) ((buried & BIT(o)) != 0)

inline yield(i, o)
{
    USE(o);
    assert(!IS_BURIED(o));
    put_root(i, o)
}

/* A reader has learnt that o is dead. It may learn so after a finalizer has brought o back. */
inline bury(o)
{
    if
    :: state[o] == WHITE -> buried = buried | BIT(o)
    :: else ->
#ifndef FINALIZER
        assert(false);
#endif
        skip
    fi
}

/* What is cleared cannot be reached. `seen` is a variable of the process that clears. */
inline check_unreachable(seen, o)
{
    mark_reachable(seen);
    assert(!(seen & BIT(o)))
}

/* ---- A reader whose barrier is on ---- */

#ifdef NO_WEAK_END
#define HAS_ENDED false
#else
#define HAS_ENDED ended
#endif

#ifdef NO_SECOND_TEST
#define IS_ALIVE_AFTER_END(o) false
#else
#define IS_ALIVE_AFTER_END(o) IS_MARKED(o)
#endif

#ifdef NO_SECOND_LOAD
#define IS_STILL(o) true
#else
#define IS_STILL(o) (weak == o)
#endif

/* Whoever finds it dead may clear the reference at once, but need not. */
inline clear_if_still(seen, o)
{
    if
    :: weak == o ->
        check_unreachable(seen, o);
        seen = NIL;
        weak = NIL
    :: else
    fi
}

#ifdef READER_CLEARS
#define FOUND_DEAD(i, o) clear_if_still(container, o)
#else
#define FOUND_DEAD(i, o) skip
#endif

/* The steps from the label `reading` on; each ends with a jump or goes on with the next. */
#define READ_WEAK(i)                                                                              \
    atomic {                                                                                      \
        if                                                                                        \
        :: IS_MARKED(value) -> goto confirming                                                    \
        :: else                                                                                   \
        fi                                                                                        \
    }                                                                                             \
    atomic {                                                                                      \
        if                                                                                        \
        :: !HAS_ENDED ->                                                                          \
            DISTURB;                                                                              \
            SHADE_YIELDED(i, value);                                                              \
            yield(i, value);                                                                      \
            value = NIL;                                                                          \
            goto end_running                                                                      \
        :: else                                                                                   \
        fi                                                                                        \
    }                                                                                             \
    atomic {                                                                                      \
        if                                                                                        \
        :: IS_ALIVE_AFTER_END(value) -> goto confirming                                           \
        :: else                                                                                   \
        fi                                                                                        \
    }                                                                                             \
    atomic {                                                                                      \
        FOUND_DEAD(i, value);                                                                     \
        bury(value);                                                                              \
        value = NIL;                                                                              \
        goto end_running                                                                          \
    }                                                                                             \
confirming:                                                                                       \
    atomic {                                                                                      \
        if                                                                                        \
        :: IS_STILL(value) -> yield(i, value); value = NIL; goto end_running                      \
        :: else                                                                                   \
        fi;                                                                                       \
        value = weak;                                                                             \
        if                                                                                        \
        :: value == NIL -> goto end_running                                                       \
        :: else -> goto reading                                                                   \
        fi                                                                                        \
    }

/* Options of a mutator. With RETARGETED the reference changes while it leads to something. */
#ifdef RETARGETED
#define MAY_RETARGET true
#else
#define MAY_RETARGET (weak == NIL)
#endif
#define WEAK_OPTIONS(i)                                                                           \
    :: d_step { HAS_ROOM(i) && weak != NIL && !armed[i] -> yield(i, weak) }                       \
    :: d_step { HAS_ROOM(i) && weak != NIL && armed[i] -> value = weak } goto reading             \
    :: d_step { first[i] != NIL && MAY_RETARGET && weak != first[i] -> weak = first[i] }          \
    :: d_step { second[i] != NIL && MAY_RETARGET && weak != second[i] -> weak = second[i] }

/* ---- The collector ---- */

/* What was yielded between two quiet rounds counts too. */
#define FORGET_DISTURBANCE_BEFORE                                                                 \
    atomic {                                                                                      \
        if                                                                                        \
        :: quiet == 0 -> disturbed = false                                                        \
        :: else                                                                                   \
        fi                                                                                        \
    };
#ifdef DISTURBED_LATE
#define FORGET_DISTURBANCE_AFTER atomic { disturbed = false };
#else
#define FORGET_DISTURBANCE_AFTER
#endif

#define END_AT_VERDICT skip
#ifdef END_IN_TWO_STEPS
#define END atomic { !disturbed -> skip } atomic { ended = true; CHECK_END }
#else
#define END atomic { !disturbed -> ended = true; CHECK_END }
#endif
#define END_UNLESS_DISTURBED                                                                      \
    if                                                                                            \
    :: END                                                                                        \
    :: atomic { disturbed -> goto round }                                                         \
    fi;

#ifdef CLEARED_BY_STORE
#define IS_TO_BE_CLEARED(o) true
#else
#define IS_TO_BE_CLEARED(o) (weak == o)
#endif

/* From the end of marking until all have answered disarm nobody marks but the collector, and that
 * only after this. */
#ifdef NO_CLEAR_PASS
#define CLEAR_WEAK
#else
#define CLEAR_WEAK                                                                                \
    if                                                                                            \
    :: atomic { weak == NIL || IS_MARKED(weak) -> skip }                                          \
    :: atomic { weak != NIL && !IS_MARKED(weak) -> value = weak }                                 \
       atomic {                                                                                   \
           if                                                                                     \
           :: IS_TO_BE_CLEARED(value) ->                                                          \
               if                                                                                 \
               :: weak != NIL -> check_unreachable(taken, weak); taken = 0                        \
               :: else                                                                            \
               fi;                                                                                \
               weak = NIL;                                                                        \
               buried = buried | BIT(value)                                                       \
           :: else                                                                                \
           fi;                                                                                    \
           value = NIL                                                                            \
       }                                                                                          \
    fi;
#endif

/* No barrier is on, so nobody reads the word. */
#define FORGET_END                                                                                \
    CHECK_NO_GREY                                                                                 \
    assert(weak == NIL || IS_MARKED(weak));                                                       \
    ended = false;                                                                                \
    disturbed = true;
#ifdef WORD_RESET_EARLY
#define FORGET_END_EARLY atomic { ended = false; disturbed = true };
#else
#define FORGET_END_EARLY
#endif

#ifdef SHADES_AFTER_END
#define MAY_GUESS_AFTER_END
#define CHECK_NO_GREY
#else
#define CHECK_NO_GREY                                                                             \
    assert(POOL_IS_EMPTY && NO_OBJECT_IS(PRIVATE(0)) && NO_OBJECT_IS(PRIVATE(1)));
#endif

#else

#define MAY_GUESS_AFTER_END
#define FORGET_DISTURBANCE_BEFORE
#define FORGET_DISTURBANCE_AFTER
#define END_AT_VERDICT CHECK_END
#define END_UNLESS_DISTURBED
#define CLEAR_WEAK
#define FORGET_END
#define FORGET_END_EARLY

#endif

/* ---- Finalizers ---- */

#ifdef FINALIZER

/* One option of a mutator: it takes what it shall finalize, as it would read a handle that it
 * then destroys. */
#define TAKE_QUEUED(i)                                                                            \
    :: d_step { HAS_ROOM(i) && queue != NIL ->                                                    \
           if                                                                                     \
           :: armed[i] -> record(i, queue)                                                        \
           :: else                                                                                \
           fi;                                                                                    \
           buried = buried & (7 - BIT(queue));                                                    \
           put_root(i, queue);                                                                    \
           queue = NIL }

/* What is dead and has a finalizer lives on for it, and so does what it reaches. Mutators may take
 * it when all of that is marked. */
#ifdef QUEUED_EARLY
#define QUEUE_BEFORE_DRAIN queue = FINALIZED
#define QUEUE_AFTER_DRAIN skip
#else
#define QUEUE_BEFORE_DRAIN skip
#define QUEUE_AFTER_DRAIN queue = FINALIZED
#endif
#define RESOLVE_FINALIZER                                                                         \
    if                                                                                            \
    :: atomic { attached && state[FINALIZED] == WHITE ->                                          \
           check_unreachable(value, FINALIZED);                                                   \
           value = NIL;                                                                           \
           attached = false;                                                                      \
           set_mark(FINALIZED, POOL);                                                             \
           QUEUE_BEFORE_DRAIN }                                                                   \
       do                                                                                         \
       EACH_OBJECT(SCAN_GREY)                                                                     \
       :: atomic { POOL_IS_EMPTY -> break }                                                       \
       od;                                                                                        \
       QUEUE_AFTER_DRAIN                                                                          \
    :: atomic { !(attached && state[FINALIZED] == WHITE) -> skip }                                \
    fi;

#else
#define RESOLVE_FINALIZER
#endif
