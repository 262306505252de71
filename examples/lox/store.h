/* store.h -- the four ways in which this machine stores into the heap. Roots (the machine's stack,
 * frames, struct vm) are written by `=`.
 *
 * The same sources are built twice. As `lox`, every store goes through Trillium's barrier, which
 * sees the old value of a slot before it is replaced. As `lox-insertion`, with LOX_INSERTION set,
 * it is a virtual machine as most are that exist already: it stores first and says so afterwards,
 * and says nothing of the stores by which it initialises a new object. Its heap is told that by
 * HEAP_BARRIER. See docs/embedding.md.
 */
#ifndef LOX_STORE_H
#define LOX_STORE_H

#include <trillium/trillium.h>

/* Whether stores must be seen by the collector at all. Until the next safepoint, store_unseen may
 * stand for all others where this is false: one test for several stores, and what comes where it is
 * true is a function of its own, called last, so that the usual way saves no register for it. */
static inline bool stores_are_seen(const tri_mutator *mutator)
{
#ifdef LOX_PLAIN
    (void)mutator;
    return false;
#else
    return TRI_UNLIKELY(tri_barrier_is_on(mutator));
#endif
}

static inline void store_unseen(tri_mutator *mutator, void *slot, tri_word word)
{
    tri_store_unrecorded(mutator, slot, word);
}

#ifdef LOX_PLAIN

/* No barrier at all: wrong as soon as a cycle marks. With GOGC=off it is what the barrier's cost is
 * measured against, see docs/benchmarks.md. */
#define HEAP_BARRIER TRI_BARRIER_HYBRID

static inline void store_value(tri_mutator *mutator, void *slot, tri_word word)
{
    store_unseen(mutator, slot, word);
}

static inline void init_value(tri_mutator *mutator, void *slot, tri_word word)
{
    store_unseen(mutator, slot, word);
}

#elif defined(LOX_INSERTION)

#define HEAP_BARRIER TRI_BARRIER_INSERTION

/* Into a field of any object. A marker may be reading it: one store, and what the word refers to is
 * seen by whoever sees the word. The slot's own address names the object well enough. */
static inline void store_value(tri_mutator *mutator, void *slot, tri_word word)
{
    TRI_STORE_RELEASE((tri_aliased_word *)slot, word);
    tri_stored(mutator, slot, word);
}

/* Into a field of an object that was allocated since the last safepoint: no machine but this one
 * can find it, and no marker looks at it before that. */
static inline void init_value(tri_mutator *mutator, void *slot, tri_word word)
{
    (void)mutator;
    *(tri_aliased_word *)slot = word;
}

#else

#define HEAP_BARRIER TRI_BARRIER_HYBRID

/* Into a field of any object. */
static inline void store_value(tri_mutator *mutator, void *slot, tri_word word)
{
    tri_store(mutator, slot, word);
}

/* Into a field, for the first time, of an object that nobody else knows yet. */
static inline void init_value(tri_mutator *mutator, void *slot, tri_word word)
{
    tri_init(mutator, slot, word);
}

#endif

/* init_value of the one field, or the last, of `object`, and give that back. */
TRI_COLD void *init_last_seen(tri_mutator *mutator, void *object, void *slot, tri_word word);

static inline void *init_last(tri_mutator *mutator, void *object, void *slot, const void *reference)
{
    if (stores_are_seen(mutator)) {
        return init_last_seen(mutator, object, slot, (tri_word)reference);
    }
    store_unseen(mutator, slot, (tri_word)reference);
    return object;
}

/* The same for plain addresses. */
static inline void store_reference(tri_mutator *mutator, void *slot, const void *reference)
{
    store_value(mutator, slot, (tri_word)reference);
}

static inline void init_reference(tri_mutator *mutator, void *slot, const void *reference)
{
    init_value(mutator, slot, (tri_word)reference);
}

#endif
