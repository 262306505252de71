/* home.pml -- grey work is sent to the mutators whose objects it is, and marking ends.
 *
 * Objects are a chain: 0 leads to 1, and so on, and is grey when marking begins. Object o is at home
 * with mutator o % 2. Each mutator assists and answers the rounds of flush; mutator 1 may block for
 * good, and is answered for then. A driver waits for what lies at home while homes are not open,
 * for as long as it likes, and opens them. What a mutator knows of that is as old as its last look
 * at it. Switches: NO_DELIVERY, HOMES_NOT_COUNTED, CLOSED_WHEN_OPEN, NO_TAKE_COUNTS, ONE_ROUND,
 * NEVER_OPEN.
 */

#define OBJECTS 4

#define WHITE 0
#define AT_HOME 1
#define POOL 2
#define BLACK 3
#define PRIVATE(i) (4 + i)
#define AWAY(i) (6 + i) /* with mutator i, to be sent home */
byte state[OBJECTS];

#define HOME(o) ((o) % 2)
#define NONE_IS(s) (state[0] != s && state[1] != s && state[2] != s && state[3] != s)
#define EACH(option) :: option(0) :: option(1) :: option(2) :: option(3)

bool open;      /* homes are: nothing is sent, and anyone takes what waits there */
bool ended;
bool sends[2];  /* as mutator i has seen open last */
bool told[2];   /* made grey or took some since its last answer */
bool answered[2];
bool blocked;   /* mutator 1 */
bool grey_told;

#ifdef NO_TAKE_COUNTS
#define COUNT_TAKE(i) skip
#else
#define COUNT_TAKE(i) told[i] = true
#endif

/* What is at home there, or with open homes anything. */
#define TAKE(o)                                                                                   \
    atomic { state[o] == POOL || (state[o] == AT_HOME && (HOME(o) == i || open)) ->               \
        state[o] = PRIVATE(i); COUNT_TAKE(i) }
#define SCAN(o)                                                                                   \
    atomic { state[o] == PRIVATE(i) ->                                                            \
        state[o] = BLACK;                                                                         \
        if                                                                                        \
        :: o + 1 < OBJECTS && state[(o + 1) % OBJECTS] == WHITE ->                                \
            told[i] = true;                                                                       \
            if                                                                                    \
            :: sends[i] && HOME(o + 1) != i -> state[o + 1] = AWAY(i)                             \
            :: else -> state[o + 1] = PRIVATE(i)                                                  \
            fi                                                                                    \
        :: else                                                                                   \
        fi }
#define DELIVER(o) atomic { state[o] == AWAY(i) -> state[o] = AT_HOME }
/* Its own goes to its home, or to all. */
#define PUBLISH(o)                                                                                \
    atomic { state[o] == PRIVATE(i) ->                                                            \
        if                                                                                        \
        :: sends[i] && HOME(o) == i -> state[o] = AT_HOME                                         \
        :: else -> state[o] = POOL                                                                \
        fi }

#ifdef NO_DELIVERY
#define HAS_GIVEN_UP(i) NONE_IS(PRIVATE(i))
#else
#define HAS_GIVEN_UP(i) (NONE_IS(PRIVATE(i)) && NONE_IS(AWAY(i)))
#endif
inline answer(i)
{
    grey_told = grey_told || told[i];
    told[i] = false;
    answered[i] = true
}

proctype mutator(bit i)
{
end:
    do
    :: atomic { ended -> break }
    :: atomic { !ended && sends[i] == open -> sends[i] = !open }
    EACH(TAKE)
    EACH(SCAN)
    EACH(DELIVER)
    EACH(PUBLISH)
    :: atomic { !answered[i] && HAS_GIVEN_UP(i) -> answer(i) }
    :: atomic { i == 1 && HAS_GIVEN_UP(i) -> blocked = true } break
    od
}

#if defined(HOMES_NOT_COUNTED)
#define HAS_WORK (!NONE_IS(POOL))
#elif defined(CLOSED_WHEN_OPEN)
#define HAS_WORK (!NONE_IS(POOL) || (!open && !NONE_IS(AT_HOME)))
#else
#define HAS_WORK (!NONE_IS(POOL) || !NONE_IS(AT_HOME))
#endif

/* The driver takes what it may, and leaves what it finds to all. */
#define DRIVE(o)                                                                                  \
    atomic { state[o] == POOL || (state[o] == AT_HOME && open) ->                                 \
        state[o] = BLACK;                                                                         \
        if                                                                                        \
        :: o + 1 < OBJECTS && state[(o + 1) % OBJECTS] == WHITE -> state[o + 1] = POOL            \
        :: else                                                                                   \
        fi }

#ifdef ONE_ROUND
#define ROUNDS 1
#else
#define ROUNDS 2
#endif

proctype driver()
{
    byte quiet = 0;
    do
    :: atomic { timeout -> assert(false) } /* nobody can do anything, and marking goes on */
    EACH(DRIVE)
#ifndef NEVER_OPEN
    :: atomic { !open && !NONE_IS(AT_HOME) -> open = true }
#endif
    :: atomic { !HAS_WORK -> grey_told = false; answered[0] = false; answered[1] = false };
round:
       do
       :: atomic { answered[0] && answered[1] -> break }
       :: atomic { blocked && !answered[1] -> answer(1) }
       od;
       if
       :: atomic { grey_told -> quiet = 0; grey_told = false }
       :: atomic { !grey_told -> skip }
          if
          :: atomic { HAS_WORK -> quiet = 0 }
          :: atomic { !HAS_WORK -> quiet++ }
             if
             :: atomic { quiet == ROUNDS -> break }
             :: atomic { quiet < ROUNDS ->
                    grey_told = false; answered[0] = false; answered[1] = false } goto round
             fi
          fi
       fi
    od;
    atomic {
        assert(state[0] == BLACK && state[1] == BLACK && state[2] == BLACK && state[3] == BLACK);
        ended = true
    }
}

init {
    atomic {
        if
        :: true -> state[0] = POOL
        :: true -> state[0] = PRIVATE(0)
        :: true -> state[0] = AT_HOME
        fi;
        answered[0] = true;
        answered[1] = true;
        run mutator(0);
        run mutator(1);
        run driver()
    }
}
