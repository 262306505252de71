/* collector.pml -- the cycle, over and over. Nothing counts cycles: what one leaves behind is where
 * the next one begins, so every number of cycles is explored.
 */

#ifndef ROUNDS
#define ROUNDS 2 /* consecutive quiet rounds that end marking */
#endif

inline begin(p)
{
    atomic {
        phase = p;
        answered[0] = !present[0];
        answered[1] = !present[1]
    }
}

#define ALL_ANSWERED (answered[0] && answered[1])

/* Waits for all answers, and does meanwhile what the options say. */
#ifdef BLOCKING
#define AWAIT(options)                                                                            \
    do                                                                                            \
    :: atomic { ALL_ANSWERED -> break }                                                           \
    ACT_FOR(0)                                                                                    \
    ACT_FOR(1)                                                                                    \
    options                                                                                       \
    od
/* All that a mutator does for its answer, done for it. */
#define ACT_FOR(m)                                                                                \
    :: atomic { m == 1 && blocked[m] && !answered[m] && IS_ASKED(m, phase) -> acting[m] = true }  \
       do                                                                                         \
       :: shade_entry(m, value)                                                                   \
       EACH_OBJECT(PUBLISH_FOR_1)                                                                 \
       :: atomic { IS_ASKED(m, ARM) -> answer_arm(m); acting[m] = false; break }                  \
       :: atomic { IS_ASKED(m, SETTLE) -> answer_settle(m); acting[m] = false; break }          \
       :: atomic { IS_ASKED_WITHOUT_ROOTS(m) && FLUSHED(m) && GAVE_UP_GREY(m) ->                  \
              report(m); answered[m] = true; acting[m] = false; break }                           \
       :: atomic { IS_ASKED(m, DISARM) && GAVE_UP_GREY(m) ->                                       \
              answer_disarm(m); acting[m] = false; break }                                        \
       :: atomic { IS_ASKED(m, RELEASE) -> answer_release(m); acting[m] = false; break }          \
       :: atomic { IS_ASKED_WITH_ROOTS(m) && FLUSHED(m) && GAVE_UP_GREY(m) ->                     \
              shade_root(m, first[m]) }                                                           \
          answer_with_roots(m, value);                                                            \
          break                                                                                   \
       od
#define PUBLISH_FOR_1(o) atomic { state[o] == PRIVATE(1) -> state[o] = POOL }
#else
#define AWAIT(options)                                                                            \
    do                                                                                            \
    :: atomic { ALL_ANSWERED -> break }                                                           \
    options                                                                                       \
    od
#endif

#define NOTHING

#define SCAN_GREY(o)                                                                                   \
    d_step { state[o] == POOL -> state[o] = BLACK; read_field(o, value) }                         \
    do                                                                                            \
    :: d_step { value != NIL -> to_pool(value); value = NIL }                                     \
    :: atomic { value == NIL -> break }                                                           \
    od

#ifdef SPANS
#ifdef NO_SWEEP_CLAIM
#define COLLECTOR_CLAIMS(o) skip
#else
#define COLLECTOR_CLAIMS(o) span[o] = BUSY
#endif
#define SWEEP_SPAN(o)                                                                             \
    atomic { span[o] == UNSWEPT && !IS_CACHED(o) -> COLLECTOR_CLAIMS(o); value = o }              \
    atomic { finish_sweep_of(value); value = NIL }
#if OBJECTS == 2
#define ALL_SWEPT (span[0] == SWEPT && span[1] == SWEPT)
#else
#define ALL_SWEPT (span[0] == SWEPT && span[1] == SWEPT && span[2] == SWEPT)
#endif
#else
inline sweep_object(o)
{
    if
    :: state[o] == WHITE -> free(o)
    :: IS_MARKED(o) -> state[o] = WHITE
    :: else
    fi
}
#endif

/* What no assertion may look for where only losses count. */
#ifdef LOSS_ONLY
#define CHECK_END skip
#elif defined(GUESSES) && !defined(WEAK)
#define CHECK_END check_reachable_is_marked(value); value = NIL
#else
#define CHECK_END                                                                                 \
    check_reachable_is_marked(value);                                                             \
    value = NIL;                                                                                  \
    assert(NO_OBJECT_IS(PRIVATE(0)) && NO_OBJECT_IS(PRIVATE(1)))
#endif

/* ---- What mutators have handed over ---- */

/* `taken` is a set of objects in the collector's hands. */
#ifdef SEGMENTS
inline take_segment()
{
    if
    :: handed != 0 -> handed--; taken = recorded[handed]; recorded[handed] = 0
    :: else
    fi
}
inline take_all()
{
    taken = recorded[0] | recorded[1];
    recorded[0] = 0;
    recorded[1] = 0;
    handed = 0
}
#define IS_SOME_HANDED_OVER (handed != 0)
#else
inline take_segment()
{
    taken = recorded;
    recorded = 0
}
inline take_all()
{
    take_segment()
}
#define IS_SOME_HANDED_OVER (recorded != 0)
#endif

inline shade_one_taken(o)
{
    if
    :: taken & BIT(o) ->
        USE_RECORDED(o);
        if
        :: state[o] == WHITE -> set_mark(o, POOL); grey = true
        :: else
        fi
    :: else
    fi
}

inline shade_taken()
{
    d_step {
        shade_one_taken(0);
        shade_one_taken(1);
#if OBJECTS > 2
        shade_one_taken(2);
#endif
        taken = 0
    }
}

/* All that was handed over before this began is shaded. */
inline shade_handed_over()
{
#ifdef NO_HANDED_OVER
    skip
#elif defined(AS_MANY_AS_COUNTED)
    count = handed;
    do
    :: count != 0 ->
        atomic { count--; take_segment() }
        shade_taken()
    :: atomic { count == 0 -> break }
    od
#else
    d_step { take_all() }
    shade_taken()
#endif
}

/* The generation's change: every span is unswept at once. Where spans are not modelled, they are
 * also swept at once. What is still handed over is dropped. */
inline flip()
{
    flipped = true;
    take_all();
    taken = 0;
#ifdef SPANS
    span[0] = UNSWEPT;
    span[1] = UNSWEPT;
#if OBJECTS > 2
    span[2] = UNSWEPT
#endif
#else
    sweep_object(0);
    sweep_object(1);
#if OBJECTS > 2
    sweep_object(2)
#endif
#endif
}

proctype collector()
{
    byte value = NIL;
    byte quiet = 0;
    byte taken = 0;
    bool grey = false; /* somebody made some since the last verdict */
#ifdef AS_MANY_AS_COUNTED
    byte count = 0;
#endif

cycle:
    /* Finish sweep. */
#if defined(SPANS) && !defined(NO_FINISH_SWEEP)
    do
    :: atomic { ALL_SWEPT -> break }
    EACH_OBJECT(SWEEP_SPAN)
    od;
#endif
    atomic {
        assert(NO_OBJECT_IS(BLACK) && POOL_IS_EMPTY);
        assert(NO_OBJECT_IS(PRIVATE(0)) && NO_OBJECT_IS(PRIVATE(1)))
    }

#ifndef NO_ARM
    begin(ARM);
    AWAIT(NOTHING);
#endif
#ifndef NO_SETTLE
    begin(SETTLE);
    AWAIT(NOTHING);
#endif
    begin(ROOTS);
    AWAIT(NOTHING);

#if defined(GLOBALS) && !defined(NO_GLOBAL_SCAN)
    value = field[GLOBAL];
    atomic { to_pool(value); value = NIL }
#endif
#ifdef FINALIZER
    value = queue;
    atomic { to_pool(value); value = NIL }
#endif

    atomic { grey_reported = false; quiet = 0 }

mark:
    atomic { phase = MARK; grey = false; quiet = 0 }
    do
    EACH_OBJECT(SCAN_GREY)
    :: d_step { IS_SOME_HANDED_OVER -> take_segment() } shade_taken()
    :: atomic { POOL_IS_EMPTY -> grey = false; break }
    od;

round:
#ifndef NO_ROUND
    FORGET_DISTURBANCE_BEFORE
    begin(FLUSH);
    AWAIT(NOTHING);
    FORGET_DISTURBANCE_AFTER
#endif
    /* The verdict. What is reported from its first step on counts in the next. */
    atomic { grey = grey_reported; grey_reported = false }
    shade_handed_over();
    if
    :: atomic { !POOL_IS_EMPTY -> goto mark }
    :: atomic { POOL_IS_EMPTY && grey -> grey = false; quiet = 0; goto round }
    :: atomic { POOL_IS_EMPTY && !grey && quiet + 1 < ROUNDS -> quiet = quiet + 1; goto round }
    :: atomic { POOL_IS_EMPTY && !grey && quiet + 1 >= ROUNDS -> quiet = 0; END_AT_VERDICT }
    fi;
    END_UNLESS_DISTURBED
    CLEAR_WEAK
    RESOLVE_FINALIZER
    FORGET_END_EARLY

    begin(DISARM);
#ifndef TURN_BEFORE_DISARM
    AWAIT(NOTHING);
#endif
#ifdef MAY_GUESS_AFTER_END
    /* What a guess has made grey since the verdict is garbage that stays for this once; and so does
     * what it refers to. */
    do
    EACH_OBJECT(SCAN_GREY)
    :: atomic { POOL_IS_EMPTY -> break }
    od;
#endif
    atomic {
        FORGET_END
        check_reachable_is_marked(value);
        check_marked_is_closed();
        value = NIL;
        flip()
    }
#ifdef TURN_BEFORE_DISARM
    AWAIT(NOTHING);
#endif
    begin(RELEASE);
#ifndef NO_RELEASE_WAIT
#ifdef SPANS
    AWAIT(EACH_OBJECT(SWEEP_SPAN));
#else
    AWAIT(NOTHING);
#endif
#endif
    flipped = false;
    goto cycle
}
