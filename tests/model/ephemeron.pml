/* ephemeron.pml -- two markers note ephemerons of one white key while another turns the key grey.
 *
 * Who scans an ephemeron whose key is white enters it in the chain of the key, sets a flag of the
 * key's span, and looks at the mark once more. Who turns an object grey looks at the flag
 * afterwards, and where it is set, takes the object's chain and shades the values. Both take the
 * chain under a lock, so that is one step.
 *
 * It is a model of its own because what matters here is the order of single loads and stores: one
 * that is not ordered before the load after it waits in a store buffer. Switches: NO_SECOND_LOOK,
 * ENTERED_LATE, FLAG_NOT_ORDERED, MARK_NOT_ORDERED.
 */

#define BIT(e) (1 << (e))
#define BOTH 3

bool key_is_marked;
bool flag;
byte chain;  /* ephemerons that wait for the key: a set */
byte shaded; /* those whose values are marked: a set */
byte running = 3;

/* In a store buffer, not yet seen by others. */
bool flag_is_under_way[2];
bool mark_is_under_way;

inline take_chain()
{
    shaded = shaded | chain;
    chain = 0
}

proctype noting(bit e)
{
    if
    :: atomic { key_is_marked -> shaded = shaded | BIT(e); goto done }
    :: atomic { !key_is_marked -> skip }
    fi;
#ifndef ENTERED_LATE
    chain = chain | BIT(e);
#endif
#ifdef FLAG_NOT_ORDERED
    flag_is_under_way[e] = true;
#else
    flag = true;
#endif
#ifndef NO_SECOND_LOOK
    if
    :: atomic { key_is_marked -> take_chain() }
    :: atomic { !key_is_marked -> skip }
    fi;
#endif
#ifdef ENTERED_LATE
    chain = chain | BIT(e);
#endif
done:
    running--
}

/* The key is reached, or it is not. */
proctype marking()
{
    if
    :: true -> goto done
    :: true
    fi;
#ifdef MARK_NOT_ORDERED
    mark_is_under_way = true;
#else
    key_is_marked = true;
#endif
    if
    :: atomic { flag -> skip } atomic { take_chain() }
    :: atomic { !flag -> skip }
    fi;
done:
    running--
}

proctype store_buffers()
{
end:
    do
    :: atomic { flag_is_under_way[0] -> flag = true; flag_is_under_way[0] = false }
    :: atomic { flag_is_under_way[1] -> flag = true; flag_is_under_way[1] = false }
    :: atomic { mark_is_under_way -> key_is_marked = true; mark_is_under_way = false }
    od
}

#define ARE_STORES_DONE (!flag_is_under_way[0] && !flag_is_under_way[1] && !mark_is_under_way)

/* The flag may be set already, for the sake of another object of the span. */
init {
    if
    :: true -> flag = true
    :: true
    fi;
    atomic {
        run noting(0);
        run noting(1);
        run marking();
        run store_buffers()
    }
    atomic {
        running == 0 && ARE_STORES_DONE ->
        assert(!key_is_marked || shaded == BOTH);
        assert(key_is_marked || shaded == 0)
    }
}
