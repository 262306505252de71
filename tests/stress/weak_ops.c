/* weak_ops.c -- what a player does: makes things, links and drops them, and reads what is weak.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "gc/atomic.h"
#include "tests/stress/weak_graph.h"

#define THINGS_MAX 1500 /* that are reachable */

void player_lock(struct player *player, tri_mutator *mutator)
{
    if (pthread_mutex_trylock(&player->lock) != 0) {
        tri_blocking_begin(mutator);
        (void)pthread_mutex_lock(&player->lock);
        tri_blocking_end(mutator); /* may wait for the collector, with the lock */
    }
}

void player_unlock(struct player *player)
{
    (void)pthread_mutex_unlock(&player->lock);
}

/* ---- Roots ------------------------------------------------------------------------------------*/

void scan_stack(tri_visitor *visitor, tri_mutator *mutator, void *argument)
{
    const struct player *player = argument;
    (void)mutator;
    for (size_t i = 0; i < ROOTS; i++) {
        tri_visit_ref(visitor, player->stack[i]);
    }
}

void put(struct player *player, tri_mutator *mutator, const void *container, void *slot,
         const struct thing *thing)
{
    tri_word word = thing == NULL ? 0 : (tri_word)(uintptr_t)thing->address;
    if (player->stress->options.insertion) {
        /* release: pairs with the dependent load of a marker */
        store_release((tri_aliased_word *)slot, word);
        tri_stored(mutator, container, word);
    } else {
        tri_store(mutator, slot, word);
    }
}

void set_global(struct player *player, tri_mutator *mutator, size_t index, struct thing *thing)
{
    put(player, mutator, &player->globals[index], &player->globals[index], thing);
    player->global_things[index] = thing;
}

void set_root(struct player *player, struct thing *thing)
{
    size_t index = below(player, ROOTS);
    if (below(player, 2) == 0) {
        player->stack[index] = thing == NULL ? TRI_NULL : thing->address;
        player->stack_things[index] = thing;
    } else {
        set_global(player, player->mutator, index, thing);
    }
}

void set_fixed(struct player *player, enum fixed_root root, struct thing *thing)
{
    put(player, player->mutator, &player->fixed[root], &player->fixed[root], thing);
    player->fixed_things[root] = thing;
}

void set_slot(struct player *player, struct thing *node, size_t index, struct thing *thing)
{
    put(player, player->mutator, node->address, node->address + 16 + index * 8, thing);
    node->strong[index] = thing;
    lead_to(node, thing);
}

void roots_clear(struct player *player)
{
    for (size_t i = 0; i < ROOTS; i++) {
        player->stack[i] = TRI_NULL;
        player->stack_things[i] = NULL;
        set_global(player, player->mutator, i, NULL);
    }
    for (unsigned i = 0; i < FIXED_ROOTS; i++) {
        set_fixed(player, (enum fixed_root)i, NULL);
    }
    for (size_t i = 0; i <= TABLE_FAULT; i++) {
        set_table(player, player->mutator, i, NULL);
    }
}

/* ---- Picking ----------------------------------------------------------------------------------*/

static struct thing *pick_root(struct player *player)
{
    size_t index = below(player, ROOTS);
    return below(player, 2) == 0 ? player->stack_things[index] : player->global_things[index];
}

static struct thing *follow(struct player *player, struct thing *thing)
{
    for (uint64_t steps = below(player, 7); thing != NULL && steps > 0; steps--) {
        struct thing *next = thing->strong[below(player, STRONG_SLOTS)];
        thing = next == NULL ? thing : next;
    }
    return thing;
}

struct thing *pick(struct player *player)
{
    struct thing *thing = NULL;
    for (unsigned tries = 0; thing == NULL && tries < 6; tries++) {
        thing = pick_root(player);
    }
    return follow(player, thing);
}

struct thing *pick_global(struct player *player)
{
    return follow(player, player->global_things[below(player, ROOTS)]);
}

struct thing *pick_kind(struct player *player, enum thing_kind kind)
{
    for (unsigned tries = 0; tries < 6; tries++) {
        struct thing *thing = pick(player);
        if (thing != NULL && thing->kind == kind) {
            return thing;
        }
    }
    return NULL;
}

/* ---- Making -----------------------------------------------------------------------------------*/

struct thing *thing_new(struct player *player, enum thing_kind kind, tri_ref address)
{
    struct thing *thing = calloc(1, sizeof *thing);
    if (thing == NULL || address == TRI_NULL) {
        abort();
    }
    thing->id = (uint64_t)player->index << 40 | ++player->next_id;
    thing->kind = kind;
    thing->player = player;
    thing->address = address;
    list_add(&player->things, thing);
    return thing;
}

/* Drop roots where there is too much. */
static void cut_down(struct player *player)
{
    while (below(player, 64) == 0) {
        (void)mark_from_roots(player);
        if (player->grey.count <= THINGS_MAX) {
            return;
        }
        for (size_t i = 0; i < ROOTS; i++) {
            set_root(player, NULL);
        }
    }
}

struct thing *node_new(struct player *player, tri_mutator *mutator)
{
    struct thing *thing =
        thing_new(player, THING_NODE, tri_alloc(mutator, player->stress->node_type));
    uint64_t *words = (uint64_t *)(void *)thing->address;
    words[0] = node_word(thing);
    words[1] = mix(node_word(thing));
    return thing;
}

struct thing *node_new_named(struct player *player, tri_mutator *mutator, uint64_t name)
{
    player->next_id = (player->next_id / NAMES + 1) * NAMES + name - 1; /* the last one's */
    return node_new(player, mutator);
}

static void op_node(struct player *player)
{
    struct thing *thing = node_new(player, player->mutator);
    for (size_t i = 0; i < STRONG_SLOTS; i++) {
        set_slot(player, thing, i, below(player, 3) == 0 ? NULL : pick(player));
    }
    struct thing *holder = below(player, 2) == 0 ? pick_kind(player, THING_NODE) : NULL;
    if (holder != NULL) {
        set_slot(player, holder, below(player, STRONG_SLOTS), thing);
    } else {
        set_root(player, thing);
    }
    cut_down(player);
}

static void op_store(struct player *player)
{
    struct thing *holder = pick_kind(player, THING_NODE);
    struct thing *thing = below(player, 3) == 0 ? NULL : pick(player);
    if (holder != NULL) {
        take_note(player, "store", holder, thing);
        set_slot(player, holder, below(player, STRONG_SLOTS), thing);
    }
}

static void op_root(struct player *player)
{
    struct thing *thing = below(player, 2) == 0 ? NULL : pick(player);
    take_note(player, "root", thing, NULL);
    set_root(player, thing);
}

struct thing *pick_target(struct player *player)
{
    struct thing *table = player->table_things[below(player, TABLES)];
    return table != NULL && below(player, 12) == 0 ? table : pick(player);
}

static void op_weak(struct player *player)
{
    struct thing *target = pick_target(player);
    if (target == NULL) {
        return;
    }
    struct thing *thing =
        thing_new(player, THING_WEAK, tri_weak_new(player->mutator, target->address));
    thing->target = target;
    thing->target_life = target->life;
    take_note(player, "weak", thing, target);
    if (below(player, 8) == 0) {
        set_fixed(player, FIXED_SHOWN, thing);
    } else {
        set_root(player, thing);
    }
}

/* ---- Reading ----------------------------------------------------------------------------------*/

/* Hold it in a root, by the player's own mutator or another one's. */
static void hold_in_root(struct player *player, tri_mutator *mutator, struct thing *thing)
{
    if (thing->kind == THING_TABLE) {
        set_table(player, mutator, below(player, TABLES), thing);
    } else if (mutator == player->mutator) {
        set_root(player, thing);
    } else {
        set_global(player, mutator, below(player, ROOTS), thing);
    }
}

/* What nothing else referred to lives on, and all it refers to. */
void keep(struct player *player, tri_mutator *mutator, struct thing *thing, bool ephemeral)
{
    if (!is_reachable(thing)) {
        fetch_add_relaxed(&player->stress->counts.revived, UINT64_C(1));
        bool waits = ephemeral && is_kept_by_finalizers(thing);
        bring_back(player, mutator, thing, waits ? BY_EPHEMERON : BY_WEAK);
    }
    hold_in_root(player, mutator, thing);
}

static void read_holder(struct player *player, struct thing *holder)
{
    bool was_dead = holder->life != 0; /* it may lead to what waits: let that wait */
    const void *found = yielded_by(player->mutator, holder);
    take_note(player, found == NULL ? "read nothing" : "read", holder, holder->target);
    if (check_yield(holder, holder->target, found) && !was_dead && below(player, 3) == 0) {
        keep(player, player->mutator, holder->target, false);
    }
}

static void op_read(struct player *player)
{
    struct thing *holder = pick_kind(player, THING_WEAK);
    if (holder != NULL) {
        read_holder(player, holder);
    }
}

/* Weak references that cannot be reached either may be read as long as they are known to live:
 * which is what their targets are for, mostly. So read many at once. */
static void op_read_many(struct player *player)
{
    for (unsigned i = 0; i < 20; i++) {
        op_read(player);
    }
}

/* Finalizers on other threads draw numbers as well. */
uint64_t draw(struct player *player, uint64_t limit)
{
    player_lock(player, player->mutator);
    uint64_t number = below(player, limit);
    player_unlock(player);
    return number;
}

/* What another one shows. What a weak reference yields is looked at, and let go. */
static void op_read_shown(struct player *player)
{
    struct stress *stress = player->stress;
    struct player *other = &stress->players[draw(player, (uint64_t)stress->options.players)];
    player_lock(other, player->mutator);
    struct thing *holder = other->fixed_things[FIXED_SHOWN];
    if (holder != NULL && holder->kind == THING_EPHEMERON) {
        read_ephemeron(other, player->mutator, holder);
    } else if (holder != NULL) {
        (void)check_yield(holder, holder->target, yielded_by(player->mutator, holder));
    }
    player_unlock(other);
}

/* ---- Other ------------------------------------------------------------------------------------*/

static void op_safepoint(struct player *player)
{
    tri_safepoint(player->mutator);
}

static void op_blocking(struct player *player)
{
    tri_blocking_begin(player->mutator);
    (void)sched_yield();
    tri_blocking_end(player->mutator);
}

static void op_collect(struct player *player)
{
    take_note(player, "collect", NULL, NULL);
    tri_collect(player->mutator);
    (void)mark_from_roots(player);
    for (size_t i = 0; i < player->grey.count; i++) {
        thing_check(player->grey.things[i]);
    }
}

/* ---- The table --------------------------------------------------------------------------------*/

struct operation {
    void (*function)(struct player *player);
    unsigned weight; /* of 1000 */
    bool unlocked;
};

static const struct operation operations[] = {
    {op_node, 250, false},
    {op_store, 140, false},
    {op_root, 100, false},
    {op_weak, 70, false},
    {op_read, 84, false},
    {op_read_many, 8, false},
    {op_read_shown, 30, true},
    {op_attach, 40, false},
    {op_detach, 10, false},
    {op_clean, 20, false},
    {op_run, 20, true},
    {op_safepoint, 30, false},
    {op_blocking, 10, false},
    {op_collect, 2, false},
    {op_ephemeron, 40, false},
    {op_chain, 6, false},
    {op_read_ephemeron, 40, false},
    {op_table, 4, false},
    {op_table_work, 40, false},
    {op_table_shown, 10, true},
    {op_slots, 35, false},
    {op_slots_shown, 10, true},
    {op_slots_renew, 1, false},
};

void step(struct player *player)
{
    player_lock(player, player->mutator); /* finalizers on other threads draw numbers, too */
    uint64_t place = below(player, 1000);
    size_t i = 0;
    while (place >= operations[i].weight) {
        place -= operations[i++].weight;
    }
    player->operations++;
    if (operations[i].unlocked) {
        player_unlock(player);
        operations[i].function(player);
    } else {
        operations[i].function(player);
        player_unlock(player);
    }
}
