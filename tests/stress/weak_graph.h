/* weak_graph.h -- the random test of weak references, ephemerons, weak tables, weak slots of the
 * host's, finalizers and cleanups: what the program knows about the objects it has on the heap.
 *
 * Each player is a mutator with a graph of its own. For every object on the heap there is a thing
 * in plain memory that knows what the object must contain. A thing stays until a check finds its
 * object unreachable with nothing pending, so that whatever a weak reference or a finalizer brings
 * back is known. A thing belongs to one player and is guarded by that one's lock; others read its
 * weak references, work on its tables, and run its finalizers, under that lock.
 *
 * Only what can be reached is stored, so that what is reachable grows in three ways: by what is
 * made, by a finalizer, and by what something weak yields and is kept (keep, below).
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
#define TABLES       4  /* global slots for these; nothing else refers to one */
#define TABLE_FAULT  TABLES
#define SLOTS        200 /* weak slots in plain memory */
#define SLOT_FAULT   SLOTS
#define NAMES        64 /* nodes have one of so many */
#define HISTORY      1000
#define RECENT       24 /* of them are reported, and all that concern a thing */

enum thing_kind {
    THING_NODE,
    THING_WEAK,
    THING_EPHEMERON,
    THING_TABLE,
    THING_SLOTS /* no object: stands for the weak slots of a player where these are reported */
};

enum pending {
    PENDING_NONE,
    PENDING_ATTACHED,
    PENDING_RAN
};

/* A reference to a thing, or a word that is none. */
struct word {
    struct thing *thing; /* NULL: value is no reference */
    tri_word value;
};

/* An entry of a weak table. */
struct entry {
    struct word key;
    struct word value;
    uint32_t weak_life; /* of what is held weakly, when the entry was made or seen last */
    uint32_t holder_life;
    bool seen; /* scratch */
};

struct table {
    tri_weak_kind kind;
    bool by_name; /* entries are made by tri_weak_table_insert, and found by their names */
    bool has_storage;
    struct entry *entries;
    size_t count;
    size_t room;
};

struct thing_list {
    struct thing **things;
    size_t count;
    size_t room;
};

struct thing {
    uint64_t id;
    enum thing_kind kind;
    struct player *player;
    char *address;
    struct thing *strong[STRONG_SLOTS]; /* THING_NODE */
    struct thing *target;               /* of a weak reference; the key of an ephemeron */
    struct word value;                  /* of an ephemeron */
    struct table *table;                /* THING_TABLE */
    uint32_t target_life;               /* the target's, when this came to be */
    bool cleared;                       /* has yielded nothing: and must, from then on */

    uint32_t life;           /* how often finalizers have brought back what leads here. A holder
                                that was dead, too, may lead weakly to what else was, or waits */
    uint32_t attached_life;  /* its life when its finalizer was attached */
    uint32_t finalized_life; /* and when its ordered finalizer ran last */
    unsigned marks;          /* scratch of bring_back */
    bool may_wait;    /* what brought it back is the key of an ephemeron, or was found by one: its
                      finalizer may have been chosen together with that one's */
    bool shares_fate; /* it was on a circle, perhaps, with what is finalized at the same time */
    bool is_gone;     /* in this life somebody was told so */
    bool is_buried;   /* a cleanup was told so: nothing may yield it again */
    bool is_ordered;  /* its finalizer */
    enum pending finalizer;
    enum pending cleanup;
    bool may_be_finalized;    /* has had a finalizer since all was compared last */
    struct thing_list led_to; /* all that it has kept alive since then, by itself or as a key */
    uint64_t reached;         /* number of the last marking that reached it */
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
    FAULT_LOSE_CLEANUP,
    FAULT_CLEAR_KEY,
    FAULT_LOSE_VALUE,
    FAULT_LOSE_ENTRY,
    FAULT_KEEP_ENTRY,
    FAULT_CLEAR_SLOT,
    FAULT_KEEP_SLOT
};

/* Global slots that are not chosen at random. */
enum fixed_root {
    FIXED_SHOWN, /* a weak reference, or an ephemeron, that others may read */
    FIXED_SPINE, /* of a chain that is being made */
    FIXED_LINK,
    FIXED_FIRST,
    FIXED_FAULT,
    FIXED_FAULT_WEAK,
    FIXED_ROOTS
};

struct options {
    uint64_t seed;
    uint64_t operations; /* of all players */
    double seconds;      /* 0: no limit */
    int players;         /* 0: several configurations, one after the other */
    bool insertion;
    uint32_t stress;          /* a cycle at each so many slow paths; 0: as GCDEBUG says */
    uint32_t handshake_delay; /* in microseconds; as above */
    enum fault fault;
};

/* Whether some finalizers have no order; by the seed. What one of those brings back may lead to an
 * object whose ordered finalizer is in the queue already. */
static inline bool options_mix_orders(const struct options *options)
{
    return options->seed % 2 == 0;
}

/* A player's weak slots, and their hook. */
struct slots {
    tri_weak_hook *hook;
    struct thing holder;
    bool is_locked;       /* words and cursor are guarded by lock */
    pthread_mutex_t lock; /* taken by the hook; never held at a safepoint */
    size_t cursor;        /* where the hook goes on; its own, where there is no lock */
    tri_word words[SLOTS + 1];
    struct thing *targets[SLOTS + 1]; /* their shadows: NULL where a word is known to be gone */
    uint32_t lives[SLOTS + 1];        /* the targets', when these were set */
};

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
    struct thing *table_things[TABLE_FAULT + 1];
    tri_word tables[TABLE_FAULT + 1];
    struct slots slots;

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
    uint64_t values;      /* of ephemerons that were read */
    uint64_t entries;     /* of tables that were found */
    uint64_t lost;        /* that died */
    uint64_t slots;       /* weak ones that yielded something */
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
void report_thing(const struct thing *thing);
void take_note(struct player *player, const char *what, const struct thing *thing,
               const struct thing *other);

/* ---- The shadow: weak_shadow.c ----------------------------------------------------------------*/

void list_add(struct thing_list *list, struct thing *thing);

/* Forget a thing that is dead. */
void thing_free(struct thing *thing);

/* What a node holds in its first words. */
uint64_t node_word(const struct thing *thing);

/* The name of the node whose first word is word. */
static inline uint64_t name_in(uint64_t word)
{
    return word >> 8 & (NAMES - 1);
}

/* Compare a thing with its object, weakly held words excepted. */
void thing_check(struct thing *thing);

/* What is followed. */
enum bound {
    BOUND_NODES, /* slots of nodes */
    BOUND_LEAST, /* and ephemerons, and what tables hold for entries that are alive: it is there */
    BOUND_MOST   /* what tables hold for others, too, until a cycle has found these dead */
};

/* Mark what the player's roots reach, by BOUND_LEAST. Returns the number of the marking, which is
 * in reached of each; what was reached is on the list grey. */
uint64_t mark_from_roots(struct player *player);

/* The same from the roots, if roots, and thing, if that is not NULL. */
uint64_t mark_both(struct player *player, struct thing *thing, bool roots, enum bound bound);

bool is_reachable(struct thing *thing);

/* Marks that bring_back leaves: reached from the roots before. */
#define MARK_LEAST 1U

/* The finalizer of thing is about to run, or something weak has yielded it, and it is kept: check
 * all that can be reached only now. What may have been dead meanwhile, so that it was chosen for
 * its finalizer or left weak references, begins a new life. */
enum bringing {
    BY_FINALIZER,
    BY_EPHEMERON, /* thing may wait for its finalizer */
    BY_WEAK       /* thing was never dead, nor was what its slots lead to */
};
void bring_back(struct player *player, tri_mutator *mutator, struct thing *thing,
                enum bringing bringing);

/* From leads to to, or an ephemeron that from has, or is the key of, does. This is not forgotten
 * when it is not so any more: who is dead is found out by cycles, and it counts what was so
 * then. */
void lead_to(struct thing *from, struct thing *to);

/* Mark all that thing has led to, and itself: the list grey has it. */
void mark_led_to(struct thing *thing);

/* Whether a finalizer may keep thing: one that waits, or has run. */
bool is_kept_by_finalizers(struct thing *thing);

/* A weak reference, holder, has yielded found for target. True where it is there. */
bool check_yield(struct thing *holder, struct thing *target, const void *found);

/* What a weak reference, or the key of an ephemeron, is now. */
const void *yielded_by(tri_mutator *mutator, const struct thing *holder);

/* What a holder that had the given life when it began to hold target, of target_life, says of it.
 * ephemeral: what has died may come back by its finalizer. @{ */
struct hold {
    struct thing *holder;
    struct thing *target;
    uint32_t holder_life;
    uint32_t target_life;
    bool ephemeral;
};
void check_absence(const struct hold *hold);
void check_presence(const struct hold *hold);
/* @} */

/* With all others waiting: run what is pending to the end, and compare heap and shadow. */
void check_all(struct player *leader);

/* ---- The shadow of tables: weak_tables.c ------------------------------------------------------*/

tri_word word_of(const struct word *word);

struct word *entry_weak(const struct table *table, struct entry *entry);
struct word *entry_strong(const struct table *table, struct entry *entry);

/* Whether nobody knows if the entry has been cleared, since a finalizer has brought back what it
 * holds. */
bool entry_is_uncertain(const struct thing *table, struct entry *entry);

/* Note what table keeps alive for the entry. */
void entry_lead(struct thing *table, struct entry *entry);

/* The shadow of the entry of key; NULL where there is none. */
struct entry *entry_find(struct table *table, const struct word *key);
void entry_put(struct thing *table, const struct word *key, const struct word *value);
void entry_drop(struct table *table, struct entry *entry);

/* The table has an entry of these words. Returns its shadow. */
struct entry *entry_seen(struct thing *table, tri_word key, tri_word value);

/* The table does not have the entry now. It is dropped where it is gone for good. */
void entry_missed(struct thing *table, struct entry *entry);

/* Read all of the table, and compare. */
void table_check(struct thing *table, tri_mutator *mutator);

/* After the things of the player were brought back: whatever is uncertain of its tables is looked
 * up. */
void tables_resolve(struct player *player, tri_mutator *mutator);

/* Nothing is pending: drop the entries of the player's tables that are dead, and compare the rest.
 * Returns how many objects of the heap belong to the tables besides themselves. */
size_t tables_settle(struct player *player, tri_mutator *mutator);

/* ---- Operations: weak_ops.c -------------------------------------------------------------------*/

/* Lock another one's graph, or one's own, from the thread of mutator. */
void player_lock(struct player *player, tri_mutator *mutator);
void player_unlock(struct player *player);

void scan_stack(tri_visitor *visitor, tri_mutator *mutator, void *argument);

/* A random number for who has not locked itself. */
uint64_t draw(struct player *player, uint64_t limit);

/* Store thing, or nothing, into a slot of container. */
void put(struct player *player, tri_mutator *mutator, const void *container, void *slot,
         const struct thing *thing);

/* Hold thing, or nothing, in some root of the player's, or one that is chosen. Another one's
 * mutator must leave the stack alone: it uses set_global. */
void set_root(struct player *player, struct thing *thing);
void set_global(struct player *player, tri_mutator *mutator, size_t index, struct thing *thing);
void set_fixed(struct player *player, enum fixed_root root, struct thing *thing);
void set_slot(struct player *player, struct thing *node, size_t index, struct thing *thing);

/* Something that is reachable; NULL where the roots drawn hold nothing. For another one's mutator:
 * from global slots. */
struct thing *pick(struct player *player);
struct thing *pick_kind(struct player *player, enum thing_kind kind);
struct thing *pick_global(struct player *player);

struct thing *thing_new(struct player *player, enum thing_kind kind, tri_ref address);

/* A node that refers to nothing, and that nothing holds but what the caller does next. */
struct thing *node_new(struct player *player, tri_mutator *mutator);
struct thing *node_new_named(struct player *player, tri_mutator *mutator, uint64_t name);

/* What something weak has yielded is kept from now on, if it is drawn; by the player's own mutator
 * or another one's. ephemeral: it was found by an ephemeron. */
void keep(struct player *player, tri_mutator *mutator, struct thing *thing, bool ephemeral);

/* Something, or a table, that nothing shall refer to but weakly. */
struct thing *pick_target(struct player *player);

/* One operation of the player's. */
void step(struct player *player);

void roots_clear(struct player *player);

/* ---- Operations: weak_finalizers.c ------------------------------------------------------------*/

/* Attach a finalizer to what the caller holds. */
void attach(struct thing *thing, tri_mutator *mutator);

void op_attach(struct player *player);
void op_detach(struct player *player);
void op_clean(struct player *player);
void op_run(struct player *player);

/* ---- Operations: weak_ephemerons.c ------------------------------------------------------------*/

struct thing *ephemeron_new(struct player *player, struct thing *key, const struct word *value);

void op_ephemeron(struct player *player);
void op_chain(struct player *player);
void op_read_ephemeron(struct player *player);

/* Look at an ephemeron of the player's by mutator. */
void read_ephemeron(struct player *player, tri_mutator *mutator, struct thing *holder);

/* ---- Operations: weak_table_ops.c -------------------------------------------------------------*/

void set_table(struct player *player, tri_mutator *mutator, size_t index, struct thing *table);

struct thing *table_new(struct player *player, tri_weak_kind kind);

void op_table(struct player *player);
void op_table_work(struct player *player);
void op_table_shown(struct player *player);

/* ---- Weak slots: weak_slots.c -----------------------------------------------------------------*/

/* Before the players' threads begin, and after they have ended. @{ */
void slots_begin(struct player *player);
void slots_end(struct player *player);
/* @} */

/* The slot refers to target, which mutator can reach, or to nothing. */
void slot_set(struct player *player, tri_mutator *mutator, size_t index, struct thing *target);

/* Nothing is pending, and marking number has reached all that is alive: compare. */
void slots_settle(struct player *player, tri_mutator *mutator, uint64_t number);

void op_slots(struct player *player);
void op_slots_shown(struct player *player);
void op_slots_renew(struct player *player);

/* ---- Faults: weak_faults.c --------------------------------------------------------------------*/

/* Spoil something. */
void make_fault(struct player *player, enum fault fault);

#endif
