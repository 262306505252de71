/* weak_ops.c -- what a player does: makes things, links and drops them, reads what is weak,
 * attaches finalizers and cleanups and runs those of all players.
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

static void put(struct player *player, tri_mutator *mutator, const void *container, void *slot,
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

static void set_global(struct player *player, tri_mutator *mutator, size_t index,
                       struct thing *thing)
{
    put(player, mutator, &player->globals[index], &player->globals[index], thing);
    player->global_things[index] = thing;
}

/* Hold thing, or nothing, in some root of the player's own. */
static void set_root(struct player *player, struct thing *thing)
{
    size_t index = below(player, ROOTS);
    if (below(player, 2) == 0) {
        player->stack[index] = thing == NULL ? TRI_NULL : thing->address;
        player->stack_things[index] = thing;
    } else {
        set_global(player, player->mutator, index, thing);
    }
}

static void set_fixed(struct player *player, enum fixed_root root, struct thing *thing)
{
    put(player, player->mutator, &player->fixed[root], &player->fixed[root], thing);
    player->fixed_things[root] = thing;
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
}

/* ---- Picking ----------------------------------------------------------------------------------*/

static struct thing *pick_root(struct player *player)
{
    size_t index = below(player, ROOTS);
    return below(player, 2) == 0 ? player->stack_things[index] : player->global_things[index];
}

/* Something that is reachable; NULL where the roots drawn hold nothing. */
static struct thing *pick(struct player *player)
{
    struct thing *thing = NULL;
    for (unsigned tries = 0; thing == NULL && tries < 6; tries++) {
        thing = pick_root(player);
    }
    for (uint64_t steps = below(player, 7); thing != NULL && steps > 0; steps--) {
        struct thing *next = thing->strong[below(player, STRONG_SLOTS)];
        thing = next == NULL ? thing : next;
    }
    return thing;
}

static struct thing *pick_kind(struct player *player, enum thing_kind kind)
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

static struct thing *thing_new(struct player *player, enum thing_kind kind, tri_ref address)
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

static void op_node(struct player *player)
{
    struct thing *thing =
        thing_new(player, THING_NODE, tri_alloc(player->mutator, player->stress->node_type));
    uint64_t *words = (uint64_t *)(void *)thing->address;
    words[0] = node_word(thing);
    words[1] = mix(node_word(thing));
    for (size_t i = 0; i < STRONG_SLOTS; i++) {
        struct thing *to = below(player, 3) == 0 ? NULL : pick(player);
        put(player, player->mutator, thing->address, &words[2 + i], to);
        thing->strong[i] = to;
    }
    struct thing *holder = below(player, 2) == 0 ? pick_kind(player, THING_NODE) : NULL;
    if (holder != NULL) {
        size_t index = below(player, STRONG_SLOTS);
        put(player, player->mutator, holder->address, holder->address + 16 + index * 8, thing);
        holder->strong[index] = thing;
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
        size_t index = below(player, STRONG_SLOTS);
        take_note(player, "store", holder, thing);
        put(player, player->mutator, holder->address, holder->address + 16 + index * 8, thing);
        holder->strong[index] = thing;
    }
}

static void op_root(struct player *player)
{
    struct thing *thing = below(player, 2) == 0 ? NULL : pick(player);
    take_note(player, "root", thing, NULL);
    set_root(player, thing);
}

static void op_weak(struct player *player)
{
    struct thing *target = pick(player);
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

/* A target that nothing else referred to may be kept: then it lives on, and all it refers to. */
static void keep(struct player *player, struct thing *target)
{
    if (!is_reachable(target)) {
        fetch_add_relaxed(&player->stress->counts.revived, UINT64_C(1));
    }
    set_root(player, target);
    (void)mark_from(target);
    for (size_t i = 0; i < player->grey.count; i++) {
        thing_check(player->grey.things[i]);
    }
}

static void read_holder(struct player *player, struct thing *holder)
{
    bool was_dead = holder->is_revived; /* it may lead to what waits: let that wait */
    const void *found = yielded_by(player->mutator, holder);
    take_note(player, found == NULL ? "read nothing" : "read", holder, holder->target);
    if (check_yield(holder, holder->target, found) && !was_dead && below(player, 3) == 0) {
        keep(player, holder->target);
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

/* The weak reference that another one shows. What it yields is looked at, and let go. */
/* A random number for who has not locked itself; finalizers on other threads draw some as well. */
static uint64_t draw(struct player *player, uint64_t limit)
{
    player_lock(player, player->mutator);
    uint64_t number = below(player, limit);
    player_unlock(player);
    return number;
}

static void op_read_shown(struct player *player)
{
    struct stress *stress = player->stress;
    struct player *other = &stress->players[draw(player, (uint64_t)stress->options.players)];
    player_lock(other, player->mutator);
    struct thing *holder = other->fixed_things[FIXED_SHOWN];
    if (holder != NULL) {
        (void)check_yield(holder, holder->target, yielded_by(player->mutator, holder));
    }
    player_unlock(other);
}

/* ---- Finalizers and cleanups ------------------------------------------------------------------*/

/* Whether thing is on a circle. What it reaches was marked last. */
static bool is_on_circle(const struct thing *thing)
{
    const struct thing_list *reached = &thing->player->grey;
    for (size_t i = 0; i < reached->count; i++) {
        for (size_t k = 0; k < STRONG_SLOTS; k++) {
            if (reached->things[i]->strong[k] == thing) {
                return true;
            }
        }
    }
    return false;
}

/* What only the finalizer of something has kept is as it was, and begins a new life. */
static void revive(struct thing *thing, bool shares_fate)
{
    thing_check(thing);
    thing->shares_fate |= shares_fate;
    if (!thing->was_reached) {
        thing->life++;
        thing->is_gone = false;
        thing->is_revived = thing->kind != THING_NODE;
    }
}

static void check_waiting(struct thing *thing)
{
    struct player *player = thing->player;
    uint64_t roots = mark_from_roots(player);
    for (size_t i = 0; i < player->things.count; i++) {
        player->things.things[i]->was_reached = player->things.things[i]->reached == roots;
    }
    (void)mark_from(thing);
    bool circle = is_on_circle(thing);
    for (size_t i = 0; i < player->grey.count; i++) {
        revive(player->grey.things[i], circle);
    }
    if (thing->is_ordered && !thing->shares_fate && !options_mix_orders(&player->stress->options)) {
        if (thing->was_reached) {
            fail(thing, player, "is finalized, and reachable");
        }
        thing->finalized_life = thing->life;
    }
}

static void finalize(tri_mutator *mutator, tri_ref object, void *argument);

/* Attach to what the caller holds. */
static void attach(struct thing *thing, tri_mutator *mutator)
{
    struct player *player = thing->player;
    thing->is_ordered = !options_mix_orders(&player->stress->options) || below(player, 3) != 0;
    uint32_t flags = thing->is_ordered ? TRI_FINALIZER_ORDERED : TRI_FINALIZER_UNORDERED;
    if (tri_finalizer_attach(mutator, thing->address, finalize, thing, flags) != TRI_OK) {
        fail(thing, player, "tri_finalizer_attach failed");
    }
    thing->finalizer = PENDING_ATTACHED;
    thing->attached_life = thing->life;
    thing->shares_fate = false;
    take_note(player, "attach", thing, NULL);
}

static void finalize(tri_mutator *mutator, tri_ref object, void *argument)
{
    struct thing *thing = argument;
    struct player *player = thing->player;
    player_lock(player, mutator);
    take_note(player, "finalize", thing, NULL);
    if (thing->finalizer != PENDING_ATTACHED || thing->address != object || thing->is_buried) {
        fail(thing, player, "is finalized without a finalizer, or once more");
    }
    fetch_add_relaxed(&player->stress->counts.finalized, UINT64_C(1));
    check_waiting(thing);
    thing->finalizer = PENDING_RAN;
    if (!player->stress->draining && below(player, 3) == 0) {
        fetch_add_relaxed(&player->stress->counts.resurrected, UINT64_C(1));
        set_global(player, mutator, below(player, ROOTS), thing);
        if (below(player, 3) == 0) {
            attach(thing, mutator);
        }
    }
    player_unlock(player);
}

static void clean(tri_mutator *mutator, void *argument)
{
    struct thing *thing = argument;
    struct player *player = thing->player;
    player_lock(player, mutator);
    take_note(player, "clean up", thing, NULL);
    if (thing->cleanup != PENDING_ATTACHED || thing->finalizer == PENDING_ATTACHED) {
        fail(thing, player, "is cleaned up once more, or before it was finalized");
    }
    if (is_reachable(thing)) {
        fail(thing, player, "is cleaned up, and reachable");
    }
    fetch_add_relaxed(&player->stress->counts.cleaned, UINT64_C(1));
    thing->cleanup = PENDING_RAN;
    thing->is_buried = true;
    player_unlock(player);
}

static void op_attach(struct player *player)
{
    struct thing *thing = pick(player);
    if (thing != NULL && thing->finalizer != PENDING_ATTACHED) {
        attach(thing, player->mutator);
    }
}

static void op_detach(struct player *player)
{
    struct thing *thing = pick(player);
    if (thing == NULL) {
        return;
    }
    take_note(player, "detach", thing, NULL);
    bool is_attached = thing->finalizer == PENDING_ATTACHED;
    bool was_detached = tri_finalizer_detach(player->mutator, thing->address);
    /* Brought back while it waits: its finalizer runs all the same. */
    bool waits = is_attached && !was_detached && thing->life != thing->attached_life &&
                 options_mix_orders(&player->stress->options);
    if (was_detached != is_attached && !waits) {
        fail(thing, player, "tri_finalizer_detach says otherwise");
    }
    thing->finalizer = waits ? PENDING_ATTACHED : PENDING_NONE;
}

static void op_clean(struct player *player)
{
    struct thing *thing = pick(player);
    if (thing == NULL || thing->cleanup == PENDING_ATTACHED) {
        return;
    }
    if (tri_cleanup_attach(player->mutator, thing->address, clean, thing, NULL) != TRI_OK) {
        fail(thing, player, "tri_cleanup_attach failed");
    }
    thing->cleanup = PENDING_ATTACHED;
    take_note(player, "attach cleanup", thing, NULL);
}

/* Without a lock of one's own: what is run takes those of others. */
static void op_run(struct player *player)
{
    (void)tri_finalizers_run(player->mutator, 1 + draw(player, 20));
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
    {op_node, 330, false},     {op_store, 160, false}, {op_root, 120, false},
    {op_weak, 90, false},      {op_read, 120, false},  {op_read_many, 8, false},
    {op_read_shown, 30, true}, {op_attach, 45, false}, {op_detach, 10, false},
    {op_clean, 25, false},     {op_run, 20, true},     {op_safepoint, 30, false},
    {op_blocking, 10, false},  {op_collect, 2, false},
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

/* ---- Faults -----------------------------------------------------------------------------------*/

/* A thing that nothing holds but what the caller does next. */
static struct thing *lone_node(struct player *player)
{
    struct thing *thing =
        thing_new(player, THING_NODE, tri_alloc(player->mutator, player->stress->node_type));
    uint64_t *words = (uint64_t *)(void *)thing->address;
    words[0] = node_word(thing);
    words[1] = mix(node_word(thing));
    return thing;
}

/* Clear a weak reference to what can be reached. */
static void clear_weak(struct player *player, struct thing *target)
{
    set_fixed(player, FIXED_FAULT, target);
    struct thing *weak =
        thing_new(player, THING_WEAK, tri_weak_new(player->mutator, target->address));
    weak->target = target;
    set_fixed(player, FIXED_FAULT_WEAK, weak);
    store_relaxed((tri_aliased_word *)(void *)weak->address, 0);
}

void make_fault(struct player *player, enum fault fault)
{
    tri_handle *handle;
    struct thing *thing = lone_node(player);
    bool made = true;
    switch (fault) {
    case FAULT_DROP_ROOT:
        player->fixed_things[FIXED_FAULT] = thing;
        break;
    case FAULT_KEEP_ROOT:
        made = tri_handle_create(player->mutator, thing->address, &handle) == TRI_OK;
        break;
    case FAULT_CLEAR_WEAK:
        clear_weak(player, thing);
        break;
    case FAULT_LOSE_FINALIZER:
        attach(thing, player->mutator);
        made = tri_finalizer_detach(player->mutator, thing->address);
        break;
    case FAULT_REPEAT_FINALIZER:
        attach(thing, player->mutator);
        thing->finalizer = PENDING_RAN;
        break;
    case FAULT_LOSE_CLEANUP:
        thing->cleanup = PENDING_ATTACHED;
        break;
    case FAULT_NONE:
        break;
    }
    if (!made) {
        fail(thing, player, "the fault could not be made");
    }
}
