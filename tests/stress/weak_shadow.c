/* weak_shadow.c -- what is reachable, what must be gone, and whether the heap agrees.
 */
#include <stdlib.h>
#include <string.h>
#include <trillium/debug.h>

#include "gc/atomic.h"
#include "tests/stress/weak_graph.h"

void list_add(struct thing_list *list, struct thing *thing)
{
    if (list->count == list->room) {
        list->room = list->room == 0 ? 64 : list->room * 2;
        list->things = realloc(list->things, list->room * sizeof *list->things);
        if (list->things == NULL) {
            abort();
        }
    }
    list->things[list->count++] = thing;
}

/* ---- Marking ----------------------------------------------------------------------------------*/

static void reach(struct player *player, struct thing *thing, uint64_t number)
{
    if (thing != NULL && thing->reached != number) {
        thing->reached = number;
        list_add(&player->grey, thing);
    }
}

/* Reach values until no key that was reached has one that was not. */
static bool reach_values(struct player *player, uint64_t number)
{
    size_t before = player->grey.count;
    for (size_t i = 0; i < before; i++) {
        struct thing *thing = player->grey.things[i];
        if (thing->kind == THING_EPHEMERON && !thing->cleared && thing->target != NULL &&
            thing->target->reached == number) {
            reach(player, thing->value, number);
        }
    }
    return player->grey.count != before;
}

static void reach_all(struct player *player, uint64_t number)
{
    size_t done = 0;
    do {
        for (; done < player->grey.count; done++) {
            for (size_t i = 0; i < STRONG_SLOTS; i++) {
                reach(player, player->grey.things[done]->strong[i], number);
            }
        }
    } while (reach_values(player, number));
}

static uint64_t begin_marking(struct player *player)
{
    player->grey.count = 0;
    return ++player->markings * PLAYERS_MAX + (uint64_t)player->index;
}

uint64_t mark_from_roots(struct player *player)
{
    uint64_t number = begin_marking(player);
    for (size_t i = 0; i < ROOTS; i++) {
        reach(player, player->stack_things[i], number);
        reach(player, player->global_things[i], number);
    }
    for (size_t i = 0; i < FIXED_ROOTS; i++) {
        reach(player, player->fixed_things[i], number);
    }
    reach_all(player, number);
    return number;
}

uint64_t mark_from(struct thing *thing)
{
    uint64_t number = begin_marking(thing->player);
    reach(thing->player, thing, number);
    reach_all(thing->player, number);
    return number;
}

bool is_reachable(struct thing *thing)
{
    return mark_from_roots(thing->player) == thing->reached;
}

const void *yielded_by(tri_mutator *mutator, const struct thing *holder)
{
    return tri_weak_get(mutator, holder->address);
}

/* ---- Comparing --------------------------------------------------------------------------------*/

uint64_t node_word(const struct thing *thing)
{
    return thing->id << 8 | 5;
}

void thing_check(struct thing *thing)
{
    const struct stress *stress = thing->player->stress;
    if (tri_object_base(stress->heap, thing->address) != thing->address) {
        fail(thing, thing->player, "the heap has no object at its address");
    }
    if (thing->kind != THING_NODE) {
        return;
    }
    const uint64_t *words = (const uint64_t *)(const void *)thing->address;
    if (load_relaxed(&words[0]) != node_word(thing) ||
        load_relaxed(&words[1]) != mix(node_word(thing))) {
        fail(thing, thing->player, "the object at its address is another one");
    }
    for (size_t i = 0; i < STRONG_SLOTS; i++) {
        const struct thing *to = thing->strong[i];
        if (load_relaxed(&words[2 + i]) != (to == NULL ? 0 : (uint64_t)(uintptr_t)to->address)) {
            fail(thing, thing->player, "a slot differs");
        }
    }
}

/* Nothing was found where target had been. */
static void check_absence(struct thing *holder, struct thing *target)
{
    bool known = target != NULL && holder->target_life == target->life && !holder->is_revived;
    holder->cleared = true;
    if (known && !target->is_gone) {
        if (is_reachable(target)) {
            fail(target, holder->player, "is reachable, and was cleared from a weak reference");
        }
        target->is_gone = true;
    }
}

bool check_yield(struct thing *holder, struct thing *target, const void *found)
{
    fetch_add_relaxed(&holder->player->stress->counts.reads, UINT64_C(1));
    if (found == NULL) {
        fetch_add_relaxed(&holder->player->stress->counts.cleared, UINT64_C(1));
        check_absence(holder, target);
        return false;
    }
    if (holder->cleared) {
        fail(holder, holder->player, "yields something after it had yielded nothing");
    }
    if (target == NULL || found != target->address) {
        fail(holder, holder->player, "yields another object");
    }
    bool is_weak = holder->kind == THING_WEAK && !holder->is_revived;
    if (target->is_buried || (is_weak && target->is_gone && holder->target_life == target->life)) {
        fail(target, holder->player, "is gone, and yielded by a weak reference");
    }
    if (is_weak && holder->target_life < target->finalized_life) {
        fail(target, holder->player, "was finalized, and is yielded by an older weak reference");
    }
    thing_check(target);
    return true;
}

/* ---- The whole heap ---------------------------------------------------------------------------*/

/* Collect and finalize until nothing is pending. What refers to itself takes a collection more. */
static void drain(struct player *leader)
{
    struct stress *stress = leader->stress;
    stress->draining = true;
    for (unsigned idle = 0; idle < 3;) {
        tri_collect(leader->mutator);
        idle = tri_finalizers_run(leader->mutator, SIZE_MAX) == 0 ? idle + 1 : 0;
    }
    stress->draining = false;
}

/* A weak reference that can be reached leads to its target exactly if that can be reached. */
static void check_holder(struct player *leader, struct thing *holder, uint64_t number)
{
    const struct thing *target = holder->target;
    bool alive = !holder->cleared && target != NULL && target->reached == number;
    bool old = target != NULL && (holder->is_revived || holder->target_life != target->life);
    const void *found = yielded_by(leader->mutator, holder);
    if (old && found == NULL) {
        return; /* a finalizer has brought the target back after it was cleared */
    }
    if ((found != NULL) != alive || (alive && found != target->address)) {
        fail(holder, holder->player,
             alive ? "was cleared, and its target is reachable"
                   : "was not cleared, and its target is unreachable");
    }
}

static size_t check_player(struct player *leader, struct player *player)
{
    struct thing_list *things = &player->things;
    uint64_t number = mark_from_roots(player);
    size_t reached = player->grey.count;
    for (size_t i = 0; i < things->count; i++) {
        struct thing *thing = things->things[i];
        if (thing->reached != number) {
            if (thing->finalizer == PENDING_ATTACHED) {
                fail(thing, player, "is unreachable, and was not finalized");
            }
            if (thing->cleanup == PENDING_ATTACHED) {
                fail(thing, player, "is unreachable, and its cleanup has not run");
            }
            continue;
        }
        thing_check(thing);
        if (thing->kind != THING_NODE) {
            check_holder(leader, thing, number);
        }
    }
    fetch_add_relaxed(&player->stress->counts.checked, (uint64_t)reached);
    return reached;
}

/* A holder forgets a target that is about to be forgotten. */
static void let_go(struct thing *holder, uint64_t number)
{
    if (holder->target != NULL && holder->target->reached != number) {
        holder->target = NULL;
        holder->value = NULL;
        holder->cleared = true;
    }
}

/* Forget what is dead. */
static void forget_dead(struct player *player)
{
    uint64_t number = mark_from_roots(player);
    struct thing_list *things = &player->things;
    size_t kept = 0;
    for (size_t i = 0; i < things->count; i++) {
        if (things->things[i]->reached == number) {
            let_go(things->things[i], number);
        }
    }
    for (size_t i = 0; i < things->count; i++) {
        if (things->things[i]->reached == number) {
            things->things[kept++] = things->things[i];
        } else {
            free(things->things[i]);
        }
    }
    things->count = kept;
}

static void check_count(const struct player *leader, size_t reached)
{
    tri_stats stats = {.size = sizeof stats};
    if (tri_stats_read(leader->stress->heap, &stats) != TRI_OK || stats.heap_objects != reached) {
        fail(NULL, leader, "the heap has more or fewer objects than are reachable");
    }
}

void check_all(struct player *leader)
{
    struct stress *stress = leader->stress;
    size_t reached = 0;
    drain(leader);
    for (int i = 0; i < stress->options.players; i++) {
        reached += check_player(leader, &stress->players[i]);
    }
    check_count(leader, reached);
    for (int i = 0; i < stress->options.players; i++) {
        forget_dead(&stress->players[i]);
    }
    stress->checks++;
}
