/* claim.pml -- two markers turn objects of one span grey, and scan them, the span's together or one
 * by itself, while a mutator allocates black in the span (Note [N6 queued or held]).
 *
 * Objects 0 and 1 are there, and 0 refers to 1; BLACK is allocated meanwhile. `mark` and `scanned`
 * are words of the span: a step of each is one atomic operation. Whether a marker that has marked
 * an object queues the span or claims the object is left open. A marker that holds the span may
 * leave off after one object, as if its budget was used up. Switches: CLAIMED_BY_MARK,
 * COUNTED_BY_BOTH, SCANNED_EARLY, NO_LOOK_AFTER, SCANNED_READ_FIRST.
 */

#define BIT(o) (1 << (o))
#define OBJECTS 3 /* 0 and 1: a set */
#define BLACK 2

#define IDLE 0
#define QUEUED 1
#define HELD 2

byte mark;
byte scanned;
byte grey = IDLE;
bool queue;       /* the span is in it */
byte done;        /* objects that somebody has scanned: a set */
byte counted[2];  /* how often */
byte running = 3;

/* The lowest of a set. */
inline take_lowest(set, o)
{
    if
    :: set & 1 -> o = 0
    :: !(set & 1) && (set & 2) -> o = 1
    :: else -> o = BLACK
    fi;
    set = set & (7 - BIT(o))
}

/* The scanned bits of set are turned on, and who turns one on counts it. */
inline turn_on(set)
{
#ifdef COUNTED_BY_BOTH
    counted[0] = counted[0] + (set & 1);
    counted[1] = counted[1] + ((set >> 1) & 1);
#else
    counted[0] = counted[0] + (set & (7 - scanned) & 1);
    counted[1] = counted[1] + (((set & (7 - scanned)) >> 1) & 1);
#endif
    scanned = scanned | set
}

proctype marker()
{
    byte meets = 0; /* what it knows references to, and has not looked at */
    byte own = 0;         /* claimed: a set */
    byte known, white, todo, reached, finished, o;
    if
    :: true -> meets = BIT(0)
    :: true -> meets = BIT(1)
    :: true -> meets = OBJECTS
    :: true
    fi;
running_on:
    do
    :: atomic { meets != 0 -> take_lowest(meets, o) } goto met
    :: atomic { own != 0 ->
           take_lowest(own, o);
           done = done | BIT(o);
           if :: o == 0 -> meets = meets | BIT(1) :: else fi }
    :: atomic { queue -> queue = false; assert(grey == QUEUED); grey = HELD } goto look
    :: atomic { meets == 0 && own == 0 && !queue -> goto stopped }
    od;

met:
    atomic {
        if
        :: mark & BIT(o) -> goto running_on
        :: else -> mark = mark | BIT(o)
        fi
    }
    if
    :: true -> goto queueing
    :: true
    fi;
    atomic {
#ifdef CLAIMED_BY_MARK
        counted[o]++;
        own = own | BIT(o);
#else
        if
        :: scanned & BIT(o)
        :: else -> turn_on(BIT(o)); own = own | BIT(o)
        fi;
#endif
        goto running_on
    }

queueing:
    atomic {
        if
        :: grey != IDLE -> goto running_on
        :: else
        fi
    }
    atomic {
        if
        :: grey != IDLE -> goto running_on
        :: else -> grey = QUEUED
        fi
    }
    atomic { queue = true; goto running_on }

look:
#ifdef SCANNED_READ_FIRST
    atomic { todo = 7 - scanned }
    atomic { known = mark; todo = todo & known; white = OBJECTS & (7 - known) }
#else
    atomic { known = mark; white = OBJECTS & (7 - known) }
    atomic { todo = known & (7 - scanned) }
#endif
#ifdef SCANNED_EARLY
    atomic { turn_on(todo) }
#endif
    atomic {
        reached = 0;
        finished = 0;
        do
        :: todo != 0 ->
            take_lowest(todo, o);
            assert(o != BLACK);
            done = done | BIT(o);
            finished = finished | BIT(o);
            if
            :: o == 0 && (white & BIT(1)) ->
                white = 0;
                todo = todo | BIT(1);
                reached = BIT(1)
            :: else
            fi
        :: todo != 0 && finished != 0 -> break
        :: todo == 0 -> break
        od
    }
    atomic { mark = mark | reached }
#ifndef SCANNED_EARLY
    atomic { turn_on(finished) }
#endif
    if
    :: atomic { todo != 0 -> known = mark }
       if
       :: atomic { (known & (7 - scanned)) != 0 -> grey = QUEUED }
          atomic { queue = true; goto running_on }
       :: atomic { (known & (7 - scanned)) == 0 -> skip }
       fi
    :: atomic { todo == 0 -> skip }
    fi;
    atomic { grey = IDLE }
#ifdef NO_LOOK_AFTER
    goto running_on;
#else
    atomic { known = mark }
    atomic {
        if
        :: (known & (7 - scanned)) == 0 -> goto running_on
        :: else
        fi
    }
    atomic {
        if
        :: grey == IDLE -> grey = HELD; goto look
        :: else -> goto running_on
        fi
    }
#endif

stopped:
    running--
}

proctype allocating()
{
    atomic { scanned = scanned | BIT(BLACK) }
    atomic { mark = mark | BIT(BLACK); running-- }
}

#define IS_DONE_ONCE(o) ((mark & BIT(o)) == 0 || ((done & BIT(o)) != 0 && counted[o] == 1))

init {
    atomic {
        run marker();
        run marker();
        run allocating()
    }
    atomic {
        running == 0 ->
        assert(grey == IDLE && !queue);
        assert(IS_DONE_ONCE(0));
        assert(IS_DONE_ONCE(1));
        assert((done & BIT(0)) == 0 || (mark & BIT(1)) != 0)
    }
}
