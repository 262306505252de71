/* lock_rank.h -- the order in which the collector's locks are taken: from the top of this list
 * downward, never upward, and never two of one rank. One table gives the enum, the names in
 * messages and what gc/lock.c checks.
 *
 * A heap has one lock of most ranks. Ranks say nothing about heaps: no thread takes a lock of one
 * heap while it holds one of another.
 */
#ifndef GC_LOCK_RANK_H
#define GC_LOCK_RANK_H

/* X(NAME, "what it protects") */
#define LOCK_RANKS(X)                                                                              \
    X(CYCLE, "the step a collection is in: one thread at a time drives a cycle")                   \
    X(HOOKS, "the list of weak hooks, and the call of one")                                        \
    X(HANDSHAKE, "the list of mutators, and the handshake under way")                              \
    X(ROOTS, "global slots, handles")                                                              \
    X(POOLS, "pools, and what mutators share of them")                                             \
    X(REGIONS, "the lists of regions, and of their spans")                                         \
    X(TYPES, "the table of declared types")                                                        \
    X(FINALIZER, "finalizers and cleanups, attached and waiting")                                  \
    X(MARK, "shared grey work, and the sleep of marker threads")                                   \
    X(SWEEP, "span sets that grow, and the sleep of the sweeper")                                  \
    X(CONTAINER, "reading what the container allows")                                              \
    X(GOAL, "the goal and the trigger of the next cycle")                                          \
    X(SHADOW, "a slot and its shadow: barrierverify=1")                                            \
    X(PAGES, "free pages: bitmaps, summaries, growth of the heap")                                 \
    X(META, "the collector's own memory")                                                          \
    X(LOG, "the order of lines on the log")

#define LOCK_RANK_ENUM_(name, protects) LOCK_##name,
enum lock_rank {
    LOCK_RANKS(LOCK_RANK_ENUM_) LOCK_RANK_COUNT
};
#undef LOCK_RANK_ENUM_

#endif
