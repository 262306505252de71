/* graph.h -- the random-graph test: what the program knows about the objects it has on the heap.
 *
 * Each player is a mutator with a graph of its own, which nobody else touches. For every object on
 * the heap there is a node in plain memory that knows, word by word, what the object must contain:
 * the shadow. Objects never move, so an expected word is a number. What is reachable is computed on
 * the shadow alone and compared with what the heap says after a collection.
 *
 * Words have roles, one letter each:
 *   d  data: never a reference, though often the address of an object, dead or alive
 *   n  data that stays as it was set when the object was made
 *   p  an address       v  a value in the heap's encoding (NaN-boxed)
 *   t  a value with low-bit tags, the encoding of some types alone
 *   c  a word that is scanned conservatively
 * Word 0 of every object is its number, written as a word of its role that is no reference.
 */
#ifndef TESTS_STRESS_GRAPH_H
#define TESTS_STRESS_GRAPH_H

#include <pthread.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <trillium/trillium.h>

#define PLAYERS_MAX    16
#define KINDS_MAX      64
#define RARE_TYPES_MAX 120
#define STACK_MAX      64
#define FRAME_SLOTS    6
#define GLOBAL_RANGES  4
#define GLOBAL_WORDS   8
#define HANDLES_MAX    16
#define HISTORY_LENGTH 32
#define BOARD_SLOTS    48
#define SWAP_SLOTS     12
#define OWNER_SHARED   (-1)
#define NOT_SWAPPED    (-1)

/* References of role v have all of these bits, role t has TAG in its low bits. */
#define BOX_MASK  (UINT64_C(0xfffc) << 48)
#define TAG_MASK  UINT64_C(7)
#define TAG       UINT64_C(1)
#define CLOBBERED UINT64_C(0xdeadbeefdeadbeef)

/* ---- Kinds of objects: graph_kinds.c ----------------------------------------------------------*/

/* A type as the tables declare it. Roles repeat where a part has more words than letters. */
struct kind {
    const char *name;
    tri_layout_kind layout;
    const char *head; /* roles of the fixed part; "": leaf */
    uint32_t size;    /* bytes of the fixed part; 0: eight a role (for leaves: none) */
    const char *tail; /* roles of one trailing element; "": leaf or none */
    uint32_t tail_size;
    tri_layout_kind tail_layout;
    uint32_t flags; /* TRI_TYPE_... */
    tri_trace_function *trace;
    uint32_t weight; /* how often it is chosen */

    /* Of one run. */
    tri_type *type;
    size_t head_roles; /* letters */
    size_t tail_roles;
    size_t head_words; /* of an element of an array: stride / 8 */
};

enum form {
    FORM_SINGLE,
    FORM_ARRAY,
    FORM_TRAILING
};

static inline bool kind_is_leaf(const struct kind *kind)
{
    return kind->head[0] == '\0' && kind->tail[0] == '\0';
}

static inline bool kind_can_be_array(const struct kind *kind)
{
    return kind->tail_size == 0 && kind->layout != TRI_LAYOUT_TRACE;
}

extern const struct kind kind_table[];
extern const size_t kind_table_length;

/* Let the heap know a kind; dies where the heap does not take it. */
void kind_define(tri_heap *heap, struct kind *kind);

/* Roles for a rare type from random numbers; text has room for 24. */
void kind_random_roles(uint64_t random, char text[24]);

/* The word that refers to address in a slot of that role; the address that a word refers to, 0 if
 * it is no reference. */
uint64_t word_encode(char role, uint64_t address);
uint64_t word_decode(char role, uint64_t word);

/* A word of that role that is no reference and tells number. */
uint64_t word_number(char role, uint64_t number);

/* Some word of that role that is no reference. */
uint64_t word_immediate(char role, uint64_t random);

/* A word of role v or t that is no reference, but has the address of an object in it. */
uint64_t word_decoy(char role, uint64_t address);

/* A number without apparent order. */
static inline uint64_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* ---- Nodes ------------------------------------------------------------------------------------*/

/* One word as it must be, and the object it refers to. */
struct cell {
    uint64_t word;
    struct node *target; /* NULL: no reference */
};

struct node {
    uint64_t id;
    const struct kind *kind;
    char *address;
    enum form form;
    size_t count;       /* elements of an array or trailing ones */
    size_t bytes;       /* asked for */
    size_t words;       /* whole words of bytes */
    struct cell *cells; /* words of them; NULL for leaves */
    uint64_t salt;      /* what a leaf contains */
    uint64_t birth;     /* number of the operation that made it */
    uint64_t reached;   /* number of the last marking that reached it */
    uint64_t seen;      /* number of the last check that found it on the heap */
    int owner;          /* index of the player whose graph it is in, or OWNER_SHARED */
    int swap_slot;      /* where in the swap array it lies, or NOT_SWAPPED */
};

struct node_list {
    struct node **nodes;
    size_t count;
    size_t room;
};

void list_add(struct node_list *list, struct node *node);
void list_clear(struct node_list *list);

/* The role of word index of a node that is no leaf. */
char node_role(const struct node *node, size_t index);

/* Word index of a leaf; the last one may be cut off by the object's end. */
uint64_t leaf_word(const struct node *node, size_t index);
void leaf_write(struct node *node);

/* ---- Players and the run ----------------------------------------------------------------------*/

struct history_entry {
    const char *what;
    uint64_t operation;
    uint64_t object;
    uint64_t index;
    uint64_t word;
};

/* A TRI_FRAME of a player, innermost first. */
struct frame_view {
    struct frame_view *outer;
    tri_ref *slots;
    struct cell cells[FRAME_SLOTS];
};

struct global_range {
    bool added;
    tri_word words[GLOBAL_WORDS];
    struct cell cells[GLOBAL_WORDS];
};

struct handle_view {
    tri_handle *handle; /* NULL: none */
    struct cell cell;
};

enum fault {
    FAULT_NONE,
    FAULT_DROP_ROOT,
    FAULT_KEEP_ROOT,
    FAULT_LOSE_STORE
};

struct options {
    uint64_t seed;
    uint64_t operations; /* of all players */
    double seconds;      /* 0: no limit */
    int players;
    int gc_percent; /* -1: by the seed */
    int markers;    /* -1: by the seed */
    unsigned stress;
    bool c_stack;   /* the C stack is scanned; then what is unreachable may be there */
    bool insertion; /* TRI_BARRIER_INSERTION: stores are reported after the fact, or not at all */
    enum fault fault;
};

/* A type of one player's, of which there are few objects. */
struct rare_kind {
    struct kind kind;
    char name[40];
    char roles[24];
};

struct player {
    struct stress *stress;
    int index;
    tri_mutator *mutator;

    /* Random numbers: the first sequence decides what happens in the player's own graph, and does
     * not depend on other threads; the second what happens where all players meet. */
    uint64_t states[2];
    unsigned which;

    uint64_t operations;
    uint64_t round_end;
    uint64_t fingerprint; /* of the player's own operations */
    uint64_t next_ids[2];
    bool finished;
    bool abandon; /* this thread shall end without detaching */
    unsigned depth;
    jmp_buf *catcher; /* NULL: nowhere to throw to */

    struct node_list own;
    size_t live_nodes; /* at the last marking */
    size_t live_words;
    size_t new_nodes; /* made since */
    size_t new_words;
    struct node_list made_shared; /* since the last rendezvous */
    struct node_list marking;     /* scratch */
    uint64_t markings;

    /* Roots; cells are their shadows. */
    size_t stack_depth;
    uint64_t stack_words[STACK_MAX];
    struct cell stack_cells[STACK_MAX];
    struct frame_view *frames;
    struct global_range globals[GLOBAL_RANGES];
    struct handle_view handles[HANDLES_MAX];
    struct cell hidden;   /* a root in the shadow alone: FAULT_DROP_ROOT */
    unsigned lose_stores; /* FAULT_LOSE_STORE: so many stores do not happen */

    struct rare_kind *rare; /* RARE_TYPES_MAX */
    size_t rare_count;
    unsigned rare_uses; /* of the newest */

    uint64_t collections;
    uint64_t checked;
    struct history_entry history[HISTORY_LENGTH];
    uint64_t history_count;
    pthread_t thread; /* under the lock */
    bool has_predecessor;
    pthread_t predecessor;
};

/* A subgraph on its way from one player to the next. Written in one round, read in the next. */
struct mail {
    struct cell cell;
    struct node_list nodes;
};

/* Objects that all players use. */
struct meeting {
    pthread_mutex_t lock; /* the board, and the cells of shared nodes */
    struct node *board;   /* an array; its objects are written by whoever has the lock */
    struct node *swap;    /* an array of slots that players exchange by tri_cas, without a lock */
    struct node *letters; /* an array that holds every other round's mails */
    tri_handle *handles[3];
    tri_word letter_words[PLAYERS_MAX]; /* global slots that hold those of the rounds between */
    struct mail mails[2][PLAYERS_MAX];
    struct node_list shared; /* every shared node; changes during a rendezvous only */
};

struct stress {
    struct options options;
    tri_heap *heap;
    struct kind kinds[KINDS_MAX];
    uint32_t weights; /* of all kinds */
    struct player players[PLAYERS_MAX];
    struct meeting meeting;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    int arrived; /* players at the rendezvous */
    uint64_t round;
    bool stopping;
    bool failed; /* a report was printed */
    int done;    /* players whose last thread has ended its work */

    uint64_t round_length; /* operations of a player */
    uint64_t started_ns;
    uint64_t checks; /* rendezvous */
    uint64_t checked;
    uint64_t lapses;   /* threads that ended without detaching */
    uint64_t reported; /* of them on the log; under the lock */
};

/* The next random number of the player's current sequence; one of 0 ... limit - 1. */
static inline uint64_t draw(struct player *player)
{
    return mix(player->states[player->which] += UINT64_C(0x9e3779b97f4a7c15));
}

static inline uint64_t below(struct player *player, uint64_t limit)
{
    return draw(player) % limit;
}

static inline bool chance(struct player *player, uint64_t in)
{
    return draw(player) % in == 0;
}

/* Remember an operation for the report of a failure. */
void note(struct player *player, const char *what, const struct node *node, uint64_t index,
          uint64_t word);

/* ---- The shadow: graph_shadow.c ---------------------------------------------------------------*/

/* Mark the player's own graph on the shadow, forget the nodes that were not reached, and if check
 * compare the others with the heap. */
void shadow_collect(struct player *player, bool check);

/* As the only thread at work: collect, compare the heap with the whole shadow, forget what is
 * unreachable. */
void shadow_check_all(struct player *leader);

/* What node reaches of the player's own graph, onto list. Returns the number of the marking, which
 * is in reached of each. */
uint64_t shadow_closure(struct player *player, struct node *node, struct node_list *list);

/* Compare one object with its node. */
void shadow_check_node(struct player *player, const struct node *node);

/* The root words that the program itself keeps must be what the library gives. */
void shadow_check_roots(struct player *player);

void node_free(struct node *node);

/* ---- Reports: graph_report.c ------------------------------------------------------------------*/

TRI_NORETURN void fail(const struct player *player, const char *format, ...) TRI_PRINTF(2, 3);
TRI_NORETURN void fail_at(const struct player *player, const struct node *node, size_t index,
                          uint64_t expected, uint64_t found, const char *what);
void report_histories(const struct stress *stress);
void report_replay(const struct options *options);

/* ---- Objects: graph_objects.c -----------------------------------------------------------------*/

/* Bytes from one element of an array to the next. */
size_t element_bytes(const struct kind *kind);

/* A node without an object. */
struct node *node_blank(struct player *player, const struct kind *kind, enum form form,
                        size_t count, int owner);

/* Make an object. Not yet held by anything: hold it before the next safepoint. */
struct node *node_new(struct player *player, const struct kind *kind, enum form form, size_t count,
                      int owner);

/* Let it refer to what the player has. With a target: to this one too, if it can. */
void node_fill(struct player *player, struct node *node, struct node *target);

/* A kind by weight; an object of a kind in some form, of about words at the most. */
const struct kind *choose_kind(struct player *player);
struct node *node_random(struct player *player, const struct kind *kind, size_t words, int owner);

/* Something for a slot of that role: data, a reference to what the player has, something else.
 * Shared objects do not refer to players' own ones. */
struct cell cell_random(struct player *player, char role, int owner);

/* A reference to target for a slot of that role, often to its inside. */
struct cell cell_reference(struct player *player, char role, struct node *target);

/* Store into a slot of the object at container, or the global slot there, as the heap's barrier
 * wants it. */
void put_word(struct player *player, const void *container, void *slot, uint64_t word);
bool put_word_if(struct player *player, const void *container, void *slot, tri_word *expected,
                 uint64_t word);

/* Store with the barrier, on the heap and in the shadow. */
void node_store(struct player *player, struct node *node, size_t index, struct cell cell);

/* A word of node that may be overwritten; a reference if wanted; rather one that refers to nothing
 * yet, so that graphs grow. False if there was none. */
bool pick_slot(struct player *player, const struct node *node, bool reference, size_t *index);

/* An object of the player's own graph that is reachable; NULL if there is none. A leaf next to
 * one; NULL if it has none. */
struct node *pick_node(struct player *player);
struct node *pick_leaf(struct player *player);

/* Move, fill or compare-and-swap words of node. */
void node_move_range(struct player *player, struct node *to, const struct node *from);
void node_fill_range(struct player *player, struct node *node);
void node_cas(struct player *player, struct node *node);

/* ---- Operations: graph_ops.c, graph_roots.c, graph_threads.c ----------------------------------*/

/* One operation of the player's. */
void step(struct player *player);

/* Operations as the table in graph_ops.c has them. */
void op_push(struct player *player);
void op_pop(struct player *player);
void op_root(struct player *player);
void op_handle(struct player *player);
void op_globals(struct player *player);
void op_frame(struct player *player);
void op_catch(struct player *player);
void op_throw(struct player *player);
void op_blocking(struct player *player);
void op_migrate(struct player *player);
void op_detach(struct player *player);
void op_abandon(struct player *player);
void op_board(struct player *player);
void op_swap(struct player *player);
void op_post(struct player *player);
void op_receive(struct player *player);

/* What the collector is told of a player's stack; the argument is the player. */
void scan_stack(tri_visitor *visitor, tri_mutator *mutator, void *argument);

/* Start a thread for the player, or the next one. */
void player_start(struct player *player);

/* Hold node on the player's stack; pop what lies above depth. */
void stack_push(struct player *player, struct node *node);
void stack_truncate(struct player *player, size_t depth);

/* A root, other than the stack's, that holds node from now on. */
void root_set(struct player *player, struct node *node);

/* An object that a root holds; NULL if the root drawn holds none of the player's own. */
struct node *pick_root(struct player *player);

/* Clear about half of the roots. */
void roots_halve(struct player *player);

/* Clear all roots that are not in frames; those that lead to what that marking has reached. */
void roots_clear(struct player *player);
void roots_cut(struct player *player, uint64_t marking);

/* Operations of the player's until that number is reached or all is over. */
void run_until(struct player *player, uint64_t operation);

/* Call function for each root's cell. */
void each_root(struct player *player, void (*function)(void *argument, struct cell *cell),
               void *argument);

/* ---- Where players meet: graph_shared.c, graph_stress.c ---------------------------------------*/

/* By the leader before the first operation and after the last. */
void meeting_begin(struct player *leader);
void meeting_end(struct player *leader);

/* By the leader at a rendezvous: bring the shadow up to date; cut what has become too much. */
void meeting_gather(struct player *leader);
void meeting_cut(struct player *leader);

/* Wait for all players; the last to come checks everything. */
void rendezvous(struct player *player);

#endif
