/* mutator.pml -- everything that a mutator may do between two answers, in any order.
 *
 * What only its own process can see is one step with what comes before it. Separate are: reading
 * the old value and recording it, and the store; taking grey work, reading its field, and shading
 * what was read; in mutators' sweeping, the claim and the work.
 */

/* The roots as a set: ascending, without doubles. */
inline put_root(i, o)
{
    if
    :: first[i] == NIL || first[i] == o -> first[i] = o
    :: first[i] < o && o != NIL -> second[i] = o
    :: first[i] != NIL && first[i] > o -> second[i] = first[i]; first[i] = o
    :: else
    fi
}

inline drop_first(i)
{
    first[i] = second[i];
    second[i] = NIL
}

/* Load through the root `from`; the value takes the place of the root that `forget` drops, or
 * where there is room, a free place. */
#define LOAD(condition, from, forget)                                                             \
    :: d_step {                                                                                   \
           condition ->                                                                           \
           USE(from);                                                                             \
           value = field[from];                                                                   \
           forget;                                                                                \
           put_root(i, value);                                                                    \
           value = NIL;                                                                           \
           forget_fresh(i)                                                                        \
       }
#define LOADS                                                                                     \
    LOAD(first[i] != NIL, first[i], drop_first(i))                                                \
    LOAD(first[i] != NIL && MAY_HAVE_TWO(i), first[i], second[i] = NIL)                           \
    LOAD(second[i] != NIL, second[i], drop_first(i))                                              \
    LOAD(second[i] != NIL, second[i], second[i] = NIL)

/* Every way to choose a container and a value among the roots. */
#ifdef GLOBALS
#define STORES(store)                                                                             \
    STORES_TO_OBJECTS(store)                                                                      \
    store(true, GLOBAL, NIL)                                                                      \
    store(first[i] != NIL, GLOBAL, first[i])                                                      \
    store(second[i] != NIL, GLOBAL, second[i])
#else
#define STORES(store) STORES_TO_OBJECTS(store)
#endif
#define STORES_TO_OBJECTS(store)                                                                  \
    store(first[i] != NIL, first[i], NIL)                                                         \
    store(first[i] != NIL, first[i], first[i])                                                    \
    store(second[i] != NIL, first[i], second[i])                                                  \
    store(second[i] != NIL, second[i], NIL)                                                       \
    store(second[i] != NIL, second[i], first[i])                                                  \
    store(second[i] != NIL, second[i], second[i])

inline forget_fresh(i)
{
#ifdef FRESH
    if
    :: fresh[i] != first[i] && fresh[i] != second[i] -> fresh[i] = NIL
    :: else
    fi
#else
    skip
#endif
}

/* ---- The barrier ---- */

#ifdef NO_GLOBAL_BARRIER
#define HAS_BARRIER(container) (container != GLOBAL)
#else
#define HAS_BARRIER(container) true
#endif

/* Hybrid mode, before the store: the old value, and the new one while the stack is grey. */
inline record_before_store(i, container, value)
{
    if
    :: HAS_BARRIER(container) ->
#ifndef NO_DELETION
        record(i, field[container]);
#endif
#ifndef NO_INSERTION
        if
        :: !black[i] -> record(i, value)
        :: else
        fi
#else
        skip
#endif
    :: else
    fi
}

/* Insertion mode, after it: the new value. */
inline record_after_store(i, value)
{
#ifndef NO_INSERTION
    record(i, value)
#else
    skip
#endif
}

inline write(container, value)
{
    if
    :: container != GLOBAL -> USE(container)
    :: else
    fi;
    field[container] = value
}

/* Without a barrier a store is one step; with it, two. */
#define STORE_UNARMED(condition, to, what)                                                        \
    :: d_step { !armed[i] && condition -> share(i, what, to); write(to, what) }
#ifdef INSERTION
#define STORE_ARMED(condition, to, what)                                                          \
    :: d_step {                                                                                   \
           armed[i] && condition ->                                                               \
           share(i, what, to);                                                                    \
           write(to, what);                                                                       \
           value = what                                                                           \
       }                                                                                          \
       goto storing
#define FINISH_STORE record_after_store(i, value)
#else
#define STORE_ARMED(condition, to, what)                                                          \
    :: d_step {                                                                                   \
           armed[i] && condition ->                                                               \
           share(i, what, to);                                                                    \
           record_before_store(i, to, what);                                                      \
           container = to;                                                                        \
           value = what                                                                           \
       }                                                                                          \
       goto storing
#define FINISH_STORE write(container, value)
#endif

/* ---- Allocation ---- */

#ifdef NO_ALLOC_BLACK
#define ALLOCATES_MARKED(i, o) false
#elif defined(NO_GENERATION)
#define ALLOCATES_MARKED(i, o) allocates_marked[i]
#else
#define ALLOCATES_MARKED(i, o) (allocates_marked[i] && OF_MARKED_GENERATION(o))
#endif

inline allocate(i, o)
{
    if
    :: ALLOCATES_MARKED(i, o) ->
#ifdef INSERTION
        state[o] = QUEUED(i)
#else
        state[o] = BLACK
#endif
    :: else -> state[o] = WHITE
    fi;
    field[o] = NIL;
    put_root(i, o);
#ifdef FRESH
    fresh[i] = o;
#endif
#ifdef FINALIZER
    if
    :: o == FINALIZED -> attached = true
    :: else
    fi;
#endif
    skip
}

#ifdef SPANS

#define CAN_REFILL(i) (HAS_ROOM(i) && cached[i] == NIL)
#define REFILL(o)                                                                                 \
    d_step {                                                                                      \
        CAN_REFILL(i) && state[o] == FREE && span[o] == SWEPT && !IS_CACHED(o) ->                 \
        cached[i] = o                                                                             \
    }
#ifdef NO_SWEEP_CLAIM
#define CLAIM(o) skip
#define IS_UNCLAIMED(o) (span[o] == UNSWEPT && !IS_CACHED(o))
#else
#define CLAIM(o) span[o] = BUSY
#define IS_UNCLAIMED(o) (span[o] == UNSWEPT && !IS_CACHED(o))
#endif
#define SWEEP(o) d_step { CAN_REFILL(i) && IS_UNCLAIMED(o) -> CLAIM(o); value = o } goto sweeping

#else

#if OBJECTS == 2
#define LOWEST_FREE(o) (state[o] == FREE && (o == 0 || state[0] != FREE))
#else
#define LOWEST_FREE(o)                                                                            \
    (state[o] == FREE && (o == 0 || state[0] != FREE) && (o <= 1 || state[1] != FREE))
#endif
#define ALLOCATE(o) d_step { HAS_ROOM(i) && LOWEST_FREE(o) -> allocate(i, o) }

#endif

/* ---- Grey work ---- */

#define PUBLISH(o) d_step { state[o] == PRIVATE(i) -> state[o] = POOL }

/* Before all have answered SETTLE, a scanned object can still get a white value by a store without
 * barrier, so nothing is shaded, nor scanned. */
#ifdef GREY_FROM_ARM
#define MAY_SHADE(i) armed[i]
#define MAY_ASSIST(i) armed[i]
#else
#ifdef PLAIN_BUFFERS
#define MAY_SHADE(i) (armed[i] && (IS_ASKED(i, ROOTS) || IS_ASKED(i, FLUSH)))
#else
#define MAY_SHADE(i) (armed[i] && phase >= ROOTS)
#endif
#define MAY_ASSIST(i) (armed[i] && (phase == MARK || phase == FLUSH))
#endif

#ifdef ASSISTS
#ifdef NO_TAKE_COUNTS
#define COUNT_TAKE(i) skip
#else
#define COUNT_TAKE(i) made_grey[i] = true
#endif
#define TAKE(o) d_step { MAY_ASSIST(i) && state[o] == POOL -> state[o] = PRIVATE(i); COUNT_TAKE(i) }
#define SCAN(o)                                                                                   \
    atomic {                                                                                      \
        MAY_ASSIST(i) && state[o] == PRIVATE(i) ->                                                \
        state[o] = BLACK;                                                                         \
        read_field(o, value);                                                                     \
        if                                                                                        \
        :: value == NIL -> goto end_running                                                       \
        :: else                                                                                   \
        fi                                                                                        \
    }                                                                                             \
    d_step { USE(value); shade_privately(i, value); value = NIL }
#endif

inline shade_privately(i, o)
{
    if
    :: o != NIL && state[o] == WHITE -> set_mark(o, PRIVATE(i)); made_grey[i] = true
    :: else
    fi
}

/* Where there are weak references, who shades between two answers disturbs the end of marking as a
 * reader does. After the end, what it has recorded is garbage that it only guessed at. */
#if defined(WEAK) && !defined(PLAIN_BUFFERS) && !defined(SHADES_AFTER_END)
#define SHADES_BETWEEN
#define IS_IN_ANSWER(i) (IS_ASKED(i, ROOTS) || IS_ASKED(i, FLUSH))
#ifdef SHADES_AFTER_TEST
#define DISTURB_BY_SHADING skip
#else
#define DISTURB_BY_SHADING disturbed = true
#endif
#define SHADE_BETWEEN(i)                                                                          \
    d_step {                                                                                      \
        MAY_SHADE(i) && !IS_IN_ANSWER(i) && buffer[i] != 0 ->                                     \
        if                                                                                        \
        :: !ended -> DISTURB_BY_SHADING                                                           \
        :: else -> buffer[i] = 0                                                                  \
        fi                                                                                        \
    }
#else
#define IS_IN_ANSWER(i) true
#endif

/* One entry of the buffer: in an answer, or where markers are behind. */
inline shade_entry(i, o)
{
    d_step {
        MAY_SHADE(i) && IS_IN_ANSWER(i) && buffer[i] != 0 ->
        take_entry(i, o);
        shade_privately(i, o);
        o = NIL
    }
}

#define HAND_OVER(i) d_step { CAN_HAND_OVER(i) -> hand_over(i) }

/* A store of, or over, a word that is no reference and looks like one to object o. */
#ifdef GUESSES
#define GUESS(o) d_step { armed[i] && !IS_MARKED(o) -> buffer[i] = buffer[i] | BIT(o) }
#endif

/* ---- Initialising stores ---- */

/* Whoever may know an object now, its stores are no longer initialising. */
inline share(i, o, container)
{
#ifdef FRESH
    if
    :: fresh[i] == o || fresh[i] == container -> fresh[i] = NIL
    :: else
    fi
#else
    skip
#endif
}

#ifdef FRESH
inline initialise(i, o, value)
{
#if !defined(INSERTION) && !defined(NO_INIT_SHADE)
    if
    :: armed[i] && !black[i] -> record(i, value)
    :: else
    fi;
#endif
    field[o] = value
}
#endif

/* ---- Coming and going ---- */

#ifdef ATTACHING
#ifdef NO_DETACH_PUBLISH
#define MAY_DETACH(i) true
#else
#define MAY_DETACH(i) NO_OBJECT_IS(PRIVATE(i))
#endif
inline detach(i)
{
    first[i] = NIL;
    second[i] = NIL;
#ifdef NO_DETACH_FLUSH
    buffer[i] = 0;
#else
    hand_over(i);
#endif
#ifndef NO_DETACH_REPORT
    grey_reported = grey_reported || made_grey[i];
#endif
    made_grey[i] = false;
    armed[i] = false;
    allocates_marked[i] = false;
    black[i] = false;
    present[i] = false;
    answered[i] = true
}

inline attach(i)
{
#ifndef NO_ATTACH_ARMED
    armed[i] = phase < DISARM;
#ifdef ATTACH_BLACK_EARLY
    black[i] = phase < DISARM;
#else
    black[i] = phase == ROOTS || phase == MARK || phase == FLUSH;
#endif
#endif
#ifndef NO_ATTACH_BLACK
    allocates_marked[i] = phase != ARM && phase != RELEASE;
#endif
    present[i] = true
}
#endif

/* ---- The program ---- */

proctype mutator(bit i)
{
    byte container = NIL;
    byte value = NIL;
end_running:
    do
    LOADS
    :: d_step { first[i] != NIL -> drop_first(i); forget_fresh(i) }
    :: d_step { second[i] != NIL -> second[i] = NIL; forget_fresh(i) }
#ifdef GLOBALS
    :: d_step { HAS_ROOM(i) && field[GLOBAL] != NIL -> put_root(i, field[GLOBAL]) }
#endif
#ifdef WEAK
    WEAK_OPTIONS(i)
#endif
#ifdef FINALIZER
    TAKE_QUEUED(i)
#endif

    STORES(STORE_UNARMED)
    STORES(STORE_ARMED)
#ifdef FRESH
    :: d_step { fresh[i] != NIL ->
           if :: fresh[i] == first[i] -> value = second[i] :: else -> value = first[i] fi;
           initialise(i, fresh[i], value);
           fresh[i] = NIL;
           value = NIL }
#endif

#ifdef SPANS
    EACH_OBJECT(REFILL)
    EACH_OBJECT(SWEEP)
    :: d_step { cached[i] != NIL && HAS_ROOM(i) ->
           allocate(i, cached[i]);
           cached[i] = NIL }
#else
    EACH_OBJECT(ALLOCATE)
#endif

    :: shade_entry(i, value)
#ifdef SHADES_BETWEEN
    :: SHADE_BETWEEN(i) goto shading
#endif
#if !defined(PLAIN_BUFFERS) && !defined(OWN_SHADING)
    :: HAND_OVER(i)
#endif
#ifdef GUESSES
    EACH_OBJECT(GUESS)
#endif
    EACH_OBJECT(PUBLISH)
#ifdef ASSISTS
    EACH_OBJECT(TAKE)
    EACH_OBJECT(SCAN)
#endif

    QUICK_ANSWERS(i)
    :: d_step { IS_ASKED_WITH_ROOTS(i) && FLUSHED(i) && GAVE_UP_GREY(i) -> shade_root(i, first[i]) }
       answer_with_roots(i, value)

#ifdef BLOCKING
    :: d_step { i == 1 && phase < DISARM -> blocked[i] = true } goto end_asleep
#endif
#ifdef ATTACHING
    :: d_step { i == 1 && MAY_DETACH(i) -> detach(i) } goto end_away
#endif
    od;

#ifdef BLOCKING
end_asleep:
#ifdef NO_UNBLOCK_WAIT
    atomic { blocked[i] = false }
#else
    atomic { !acting[i] -> blocked[i] = false }
#endif
    goto end_running;
#endif
#ifdef ATTACHING
end_away:
    atomic { attach(i) }
    goto end_running;
#endif

#ifdef SHADES_BETWEEN
shading:
    atomic {
        if
        :: buffer[i] != 0 -> take_entry(i, value); shade_privately(i, value); value = NIL
        :: else
        fi;
        goto end_running
    }
#endif
#ifdef WEAK
reading:
    READ_WEAK(i)
#endif

storing:
    atomic { FINISH_STORE; container = NIL; value = NIL }
    goto end_running;

#ifdef SPANS
sweeping:
    atomic {
        finish_sweep_of(value);
        if
        :: state[value] == FREE && !IS_CACHED(value) -> cached[i] = value
        :: else
        fi;
        value = NIL
    }
    goto end_running;
#endif
}
