/* weak_graph.h -- the random test of weak references, finalizers and cleanups: what the program
 * knows about the objects it has on the heap.
 *
 * Each player is a mutator with a graph of its own. For every object on the heap there is a thing
 * in plain memory that knows what the object must contain. A thing stays until a check finds its
 * object unreachable with nothing pending, so that whatever a weak reference or a finalizer brings
 * back is known. A thing belongs to one player and is guarded by that one's lock; others read its
 * weak references, and run its finalizers, under that lock.
 */
#ifndef TESTS_STRESS_WEAK_GRAPH_H
#define TESTS_STRESS_WEAK_GRAPH_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <trillium/trillium.h>

#define PLAYERS_MAX  16
#define STRONG_SLOTS 4
#define ROOTS        24 /* of each of two kinds */
#define HISTORY      24

enum thing_kind {
    THING_NODE,
    THING_WEAK,
    THING_EPHEMERON
};

enum pending {
    PENDING_NONE,
    PENDING_ATTACHED,
    PENDING_RAN
};

struct thing {
    uint64_t id;
    enum thing_kind kind;
    struct player *player;
    char *address;
    struct thing *strong[STRONG_SLOTS]; /* THING_NODE */
    struct thing *target;               /* of a weak reference; the key of an ephemeron */
    struct thing *value;                /* of an ephemeron; NULL: none */
    uint32_t target_life;               /* the target's, when this came to be */
    bool cleared;                       /* has yielded nothing: and must, from then on */

    uint32_t life;           /* how often finalizers have brought back what leads here */
    uint32_t attached_life;  /* its life when its finalizer was attached */
    uint32_t finalized_life; /* and when its ordered finalizer ran last */
    bool was_reached;        /* scratch */
    bool is_revived;  /* a holder that was dead, too: what only a finalizer leads to may lead weakly
                         to what else was brought back, or waits */
    bool shares_fate; /* it is on a circle, or may be, with what is finalized at the same time */
    bool is_gone;     /* in this life somebody was told so */
    bool is_buried;   /* a cleanup was told so: nothing may yield it again */
    bool is_ordered;  /* its finalizer */
    enum pending finalizer;
    enum pending cleanup;
    uint64_t reached; /* number of the last marking that reached it */
};

struct thing_list {
    struct thing **things;
    size_t count;
    size_t room;
};

struct note {
    const char *what;
    uint64_t operation;
    uint64_t thing;
    uint64_t other;
};

enum fault {
    FAULT_NONE,
    FAULT_DROP_ROOT,
    FAULT_KEEP_ROOT,
    FAULT_CLEAR_WEAK,
    FAULT_LOSE_FINALIZER,
    FAULT_REPEAT_FINALIZER,
    FAULT_LOSE_CLEANUP
};

/* Global slots that are not chosen at random. */
enum fixed_root {
    FIXED_SHOWN, /* a weak reference that others may read */
    FIXED_FAULT,
    FIXED_FAULT_WEAK,
    FIXED_ROOTS
};

struct options {
    uint64_t seed;
    uint64_t operations; /* of all players */
    double seconds;      /* 0: no limit */
    int players;
    bool insertion;
    enum fault fault;
};

/* Whether some finalizers have no order; by the seed. What one of those brings back may lead to an
 * object whose ordered finalizer is in the queue already. */
static inline bool options_mix_orders(const struct options *options)
{
    return options->seed % 2 == 0;
}

struct player {
    struct stress *stress;
    int index;
    tri_mutator *mutator;
    pthread_mutex_t lock; /* what follows, and the things */
    uint64_t random;
    uint64_t operations;
    uint64_t next_id;
    uint64_t markings;
    struct thing_list things;
    struct thing_list grey; /* scratch */

    /* Roots and their shadows: the stack's are scanned by a callback, the others are global slots,
     * which finalizers on other mutators' threads store into as well. */
    tri_ref stack[ROOTS];
    struct thing *stack_things[ROOTS];
    tri_word globals[ROOTS];
    struct thing *global_things[ROOTS];
    struct thing *fixed_things[FIXED_ROOTS];
    tri_word fixed[FIXED_ROOTS];

    struct note notes[HISTORY];
    uint64_t note_count;
    pthread_t thread;
};

struct counts {
    uint64_t reads;     /* of weak references and ephemerons */
    uint64_t cleared;   /* that yielded nothing */
    uint64_t revived;   /* that yielded what nothing else referred to, and it was kept */
    uint64_t finalized; /* finalizers that ran */
    uint64_t cleaned;
    uint64_t resurrected; /* by finalizers */
    uint64_t checked;     /* objects compared */
};

struct stress {
    struct options options;
    tri_heap *heap;
    tri_type *node_type;
    struct player players[PLAYERS_MAX];
    struct counts counts; /* relaxed */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    int arrived;
    uint64_t round;
    bool stopping;
    bool draining; /* finalizers bring nothing back, and attach nothing */
    uint64_t started_ns;
    uint64_t checks;
};

static inline uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static inline uint64_t below(struct player *player, uint64_t limit)
{
    return mix(player->random += UINT64_C(0x9e3779b97f4a7c15)) % limit;
}

/* ---- Reports: weak_stress.c -------------------------------------------------------------------*/

TRI_NORETURN void fail(const struct thing *thing, const struct player *player, const char *what);
void take_note(struct player *player, const char *what, const struct thing *thing,
               const struct thing *other);

/* ---- The shadow: weak_shadow.c ----------------------------------------------------------------*/

void list_add(struct thing_list *list, struct thing *thing);

/* What a node holds in its first words. */
uint64_t node_word(const struct thing *thing);

/* Compare a thing with its object, weakly held words excepted. */
void thing_check(struct thing *thing);

/* Mark what the player's roots reach. Returns the number of the marking, which is in reached of
 * each. */
uint64_t mark_from_roots(struct player *player);

/* The same from one thing, as its finalizer sees it. What was reached is on the list grey. */
uint64_t mark_from(struct thing *thing);

bool is_reachable(struct thing *thing);

/* A weak reference, holder, has yielded found for target. True where it is there. */
bool check_yield(struct thing *holder, struct thing *target, const void *found);

/* What a weak reference, or the key of an ephemeron, is now. */
const void *yielded_by(tri_mutator *mutator, const struct thing *holder);

/* With all others waiting: run what is pending to the end, and compare heap and shadow. */
void check_all(struct player *leader);

/* ---- Operations: weak_ops.c -------------------------------------------------------------------*/

/* Lock another one's graph, or one's own, from the thread of mutator. */
void player_lock(struct player *player, tri_mutator *mutator);
void player_unlock(struct player *player);

void scan_stack(tri_visitor *visitor, tri_mutator *mutator, void *argument);

/* One operation of the player's. */
void step(struct player *player);

/* Spoil something. */
void make_fault(struct player *player, enum fault fault);

void roots_clear(struct player *player);

#endif
