/* heap.pml -- what collector and mutators share: objects, their spans, roots, the handshake.
 *
 * An object has one field and a span of its own. `state` says where the object stands: free,
 * white, grey (in the pool, or private to a mutator), black. Grey and black have the mark bit.
 */

#ifndef OBJECTS
#define OBJECTS 3
#endif
#define NIL OBJECTS
#define GLOBAL OBJECTS /* the index of the global slot in field[]; as a value, it is nil */

#define FREE 0
#define WHITE 1
#define POOL 2           /* grey, where every party finds it */
#define PRIVATE(i) (3 + i) /* grey, in the hands of mutator i */
#define BLACK 5
#define QUEUED(i) (6 + i) /* insertion mode: new, to be scanned at mutator i's next answer */
#define IS_MARKED(o) (state[o] >= POOL)

byte state[OBJECTS];
byte field[OBJECTS + 1];

/* The roots of a mutator: a set of at most two objects, in ascending order, nil last. */
byte first[2];
byte second[2];

/* A mutator as the collector sees it. */
bool armed[2];    /* barrier on */
bool allocates_marked[2];
bool black[2];    /* its roots were scanned */
bool made_grey[2]; /* since its last answer */
byte buffer[2];   /* what the barrier recorded: a set of objects */

/* What mutators have handed over to be shaded: a set of objects, or two segments, each a set, of
 * which the newest is taken first. */
#ifdef SEGMENTS
byte recorded[2];
byte handed; /* segments */
#else
byte recorded;
#endif

/* The handshake that was begun last, and who has answered it. While the collector marks there is
 * none. RELEASE also stands for idle. */
#define ARM 0
#define SETTLE 1
#define ROOTS 2
#define MARK 3
#define FLUSH 4
#define DISARM 5
#define RELEASE 6
byte phase = RELEASE;
bool answered[2];
bool present[2];

bool grey_reported; /* by a mutator's answer, or left behind by one that detached */
bool flipped;       /* the generation is the next cycle's, and not all have answered release */

#ifdef SPANS
#define SWEPT 0
#define UNSWEPT 1
#define BUSY 2 /* one party is sweeping it */
byte span[OBJECTS];
byte cached[2]; /* the span with a free slot in a mutator's cache */
#define IS_CACHED(o) (cached[0] == o || cached[1] == o)
#endif

#ifdef WEAK
byte weak;      /* what the one weak reference leads to, or nil */
bool disturbed; /* since the first of two quiet rounds began, or there is no round */
bool ended;     /* marking is over; what is white yields nothing */
byte buried;    /* those of which somebody has learnt that they are dead: a set of objects */
#endif

#ifdef FINALIZER
#define FINALIZED 1 /* the one object that has a finalizer */
bool attached;      /* and it has not been queued yet */
byte queue;         /* what a mutator may take to run its finalizer, or nil */
#endif

#ifdef BLOCKING
bool blocked[2];
bool acting[2]; /* the collector acts for this mutator */
#endif

#if defined(INSERTION) || defined(INITIALISING)
#define FRESH
/* The object that mutator i has made, not yet initialised, and shown to nobody. */
byte fresh[2];
#endif

#define BIT(o) (1 << (o))

/* Room for one more root. Where two each take too many states, one mutator has
 * one, or both have. */
#if defined(ONE_ROOT_EACH)
#define HAS_ROOM(i) (first[i] == NIL)
#define MAY_HAVE_TWO(i) false
#elif defined(ONE_ROOT)
#ifdef BLOCKING
#define TWO_ROOTED 1 /* the one that blocks */
#else
#define TWO_ROOTED 0
#endif
#define HAS_ROOM(i) (second[i] == NIL && (i == TWO_ROOTED || first[i] == NIL))
#define MAY_HAVE_TWO(i) (i == TWO_ROOTED)
#else
#define HAS_ROOM(i) (second[i] == NIL)
#define MAY_HAVE_TWO(i) true
#endif

/* One option of an `if` or `do` for each object. */
#if OBJECTS == 2
#define EACH_OBJECT(option) :: option(0) :: option(1)
#define NO_OBJECT_IS(s) (state[0] != s && state[1] != s)
#else
#define EACH_OBJECT(option) :: option(0) :: option(1) :: option(2)
#define NO_OBJECT_IS(s) (state[0] != s && state[1] != s && state[2] != s)
#endif
#define POOL_IS_EMPTY NO_OBJECT_IS(POOL)

/* Whether object o is of the generation that was marked last. */
#ifdef SPANS
#define OF_MARKED_GENERATION(o) (!flipped || span[o] == UNSWEPT)
#else
#define OF_MARKED_GENERATION(o) (!flipped)
#endif

/* A reference that is followed, stored or shaded leads to an object that was not freed. */
#define USE(o) assert(state[o] != FREE)

/* A word that only looks like a reference may lead to a free slot, which is not shaded. */
#ifdef GUESSES
#define USE_RECORDED(o) skip
#else
#define USE_RECORDED(o) USE(o)
#endif

/* Shading what is marked does nothing, so what the buffers hold of marked objects need not be
 * told apart: fewer states. No mark goes away while a barrier is on, where the rules are kept. */
#ifdef TURN_BEFORE_DISARM
#define IS_WORTH_RECORDING(o) (state[o] == WHITE || flipped)
#else
#define IS_WORTH_RECORDING(o) (state[o] == WHITE)
#endif

inline set_mark(o, s)
{
    state[o] = s;
    buffer[0] = buffer[0] & (7 - BIT(o));
    buffer[1] = buffer[1] & (7 - BIT(o));
#ifdef SEGMENTS
    recorded[0] = recorded[0] & (7 - BIT(o));
    recorded[1] = recorded[1] & (7 - BIT(o))
#else
    recorded = recorded & (7 - BIT(o))
#endif
}

/* What was read from a field, in a variable of its own until it is shaded. */
inline read_field(o, value)
{
    value = field[o];
    if
    :: value != NIL && IS_MARKED(value) -> value = NIL
    :: else
    fi
}

inline to_pool(o)
{
    if
    :: o != NIL ->
        USE(o);
        if
        :: state[o] == WHITE -> set_mark(o, POOL)
        :: else
        fi
    :: else
    fi
}

/* The same by mutator i, as a part of its answer. */
inline shade_root(i, o)
{
    if
    :: o != NIL ->
        USE(o);
        if
        :: state[o] == WHITE -> set_mark(o, POOL); made_grey[i] = true
        :: else
        fi
    :: else
    fi
}

/* Mutator i leaves what it has recorded to the markers. With PLAIN_BUFFERS only who detaches does
 * so, and others shade theirs in their answers only, as if segments were never full. */
#ifdef SEGMENTS
#define CAN_HAND_OVER(i) (armed[i] && handed < 2)
inline hand_over(i)
{
    recorded[handed] = buffer[i];
    handed++;
    buffer[i] = 0
}
#else
#define CAN_HAND_OVER(i) (buffer[i] != 0)
inline hand_over(i)
{
    recorded = recorded | buffer[i];
    buffer[i] = 0
}
#endif

inline record(i, o)
{
    if
    :: o != NIL && IS_WORTH_RECORDING(o) -> buffer[i] = buffer[i] | BIT(o)
    :: else
    fi
}

/* The lowest object in mutator i's buffer leaves it. */
inline take_entry(i, o)
{
    if
    :: buffer[i] & 1 -> o = 0
    :: !(buffer[i] & 1) && (buffer[i] & 2) -> o = 1
    :: else -> o = 2
    fi;
    buffer[i] = buffer[i] & (7 - BIT(o));
    USE_RECORDED(o)
}

inline free(o)
{
#ifdef WEAK
    buried = buried & (7 - BIT(o));
#endif
#ifdef FINALIZER
    if
    :: o == FINALIZED -> attached = false
    :: else
    fi;
#endif
    state[o] = FREE;
    field[o] = NIL
}

#ifdef SPANS
inline finish_sweep_of(o)
{
    assert(state[o] != POOL && state[o] != PRIVATE(0) && state[o] != PRIVATE(1));
    if
    :: state[o] == WHITE -> free(o)
    :: IS_MARKED(o) -> state[o] = WHITE
    :: else
    fi;
    span[o] = SWEPT
}
#endif

/* What the whole protocol is for: nothing that a mutator can reach is white. `seen` is a set of
 * objects. */
inline check_reachable_is_marked(seen)
{
    mark_reachable(seen);
    assert(!(seen & 1) || IS_MARKED(0));
    assert(!(seen & 2) || IS_MARKED(1));
#if OBJECTS > 2
    assert(!(seen & 4) || IS_MARKED(2));
#endif
    seen = 0
}

inline mark_reachable(seen)
{
    seen = 0;
    if :: first[0] != NIL -> seen = seen | BIT(first[0]) :: else fi;
    if :: second[0] != NIL -> seen = seen | BIT(second[0]) :: else fi;
    if :: first[1] != NIL -> seen = seen | BIT(first[1]) :: else fi;
    if :: second[1] != NIL -> seen = seen | BIT(second[1]) :: else fi;
    if :: field[GLOBAL] != NIL -> seen = seen | BIT(field[GLOBAL]) :: else fi;
#ifdef FINALIZER
    if :: queue != NIL -> seen = seen | BIT(queue) :: else fi;
#endif
    follow(seen, 0); follow(seen, 1); follow_last(seen);
    follow(seen, 0); follow(seen, 1); follow_last(seen)
}

/* What is going to survive refers to nothing that is going to be freed. */
#define REFERS_TO_MARKED(o) (!IS_MARKED(o) || field[o] == NIL || IS_MARKED(field[o]))
inline check_marked_is_closed()
{
    assert(REFERS_TO_MARKED(0));
    assert(REFERS_TO_MARKED(1));
#if OBJECTS > 2
    assert(REFERS_TO_MARKED(2))
#endif
}

inline follow(seen, o)
{
    if :: (seen & BIT(o)) && field[o] != NIL -> seen = seen | BIT(field[o]) :: else fi
}

inline follow_last(seen)
{
#if OBJECTS > 2
    follow(seen, 2)
#else
    skip
#endif
}
