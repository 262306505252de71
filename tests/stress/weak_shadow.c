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

/* Reach the value of an ephemeron whose key was reached. */
static void reach_value(struct player *player, const struct thing *thing, uint64_t number)
{
    if (thing->target != NULL && thing->target->reached == number) {
        reach(player, thing->value.thing, number);
    }
}

/* Whether table holds strongly what belongs to the entry, as far as was marked. */
static bool holds(const struct thing *thing, struct entry *entry, uint64_t number, enum bound bound)
{
    const struct thing *weak = entry_weak(thing->table, entry)->thing;
    bool alive = weak == NULL || weak->reached == number;
    if (thing->table->kind == TRI_WEAK_EPHEMERONS) {
        return alive;
    }
    return bound == BOUND_MOST || (alive && !entry_is_uncertain(thing, entry));
}

static void reach_entries(struct player *player, const struct thing *thing, uint64_t number,
                          enum bound bound)
{
    struct table *table = thing->table;
    for (size_t i = 0; i < table->count; i++) {
        if (holds(thing, &table->entries[i], number, bound)) {
            reach(player, entry_strong(table, &table->entries[i])->thing, number);
        }
    }
}

/* Reach what hangs on what was reached, once. Whether there was any. */
static bool reach_values(struct player *player, uint64_t number, enum bound bound)
{
    size_t before = player->grey.count;
    for (size_t i = 0; i < before; i++) {
        const struct thing *thing = player->grey.things[i];
        if (thing->kind == THING_EPHEMERON) {
            reach_value(player, thing, number);
        } else if (thing->kind == THING_TABLE) {
            reach_entries(player, thing, number, bound);
        }
    }
    return player->grey.count != before;
}

static void reach_all(struct player *player, uint64_t number, enum bound bound)
{
    size_t done = 0;
    do {
        for (; done < player->grey.count; done++) {
            for (size_t i = 0; i < STRONG_SLOTS; i++) {
                reach(player, player->grey.things[done]->strong[i], number);
            }
        }
    } while (bound != BOUND_NODES && reach_values(player, number, bound));
}

static void reach_roots(struct player *player, uint64_t number)
{
    for (size_t i = 0; i < ROOTS; i++) {
        reach(player, player->stack_things[i], number);
        reach(player, player->global_things[i], number);
    }
    for (size_t i = 0; i < FIXED_ROOTS; i++) {
        reach(player, player->fixed_things[i], number);
    }
    for (size_t i = 0; i <= TABLE_FAULT; i++) {
        reach(player, player->table_things[i], number);
    }
}

static uint64_t begin_marking(struct player *player)
{
    player->grey.count = 0;
    return ++player->markings * PLAYERS_MAX + (uint64_t)player->index;
}

uint64_t mark_both(struct player *player, struct thing *thing, bool roots, enum bound bound)
{
    uint64_t number = begin_marking(player);
    reach(player, thing, number);
    if (roots) {
        reach_roots(player, number);
    }
    reach_all(player, number, bound);
    return number;
}

uint64_t mark_from_roots(struct player *player)
{
    return mark_both(player, NULL, true, BOUND_LEAST);
}

bool is_reachable(struct thing *thing)
{
    return mark_from_roots(thing->player) == thing->reached;
}

void lead_to(struct thing *from, struct thing *to)
{
    for (size_t i = 0; from != NULL && to != NULL; i++) {
        if (i == from->led_to.count) {
            list_add(&from->led_to, to);
        }
        if (from->led_to.things[i] == to) {
            return;
        }
    }
}

static void reach_led_to(struct player *player, uint64_t number)
{
    for (size_t done = 0; done < player->grey.count; done++) {
        const struct thing_list *led_to = &player->grey.things[done]->led_to;
        for (size_t i = 0; i < led_to->count; i++) {
            reach(player, led_to->things[i], number);
        }
    }
}

void mark_led_to(struct thing *thing)
{
    uint64_t number = begin_marking(thing->player);
    reach(thing->player, thing, number);
    reach_led_to(thing->player, number);
}

bool is_kept_by_finalizers(struct thing *thing)
{
    struct player *player = thing->player;
    uint64_t number = begin_marking(player);
    for (size_t i = 0; i < player->things.count; i++) {
        if (player->things.things[i]->may_be_finalized) {
            reach(player, player->things.things[i], number);
        }
    }
    reach_led_to(player, number);
    return thing->reached == number;
}

/* ---- What comes back --------------------------------------------------------------------------*/

#define MARK_FOLLOWS 2U /* by slots of nodes, from what is brought back */

static void add_mark(struct player *player, unsigned mark)
{
    for (size_t i = 0; i < player->grey.count; i++) {
        player->grey.things[i]->marks |= mark;
    }
}

/* What could not be reached for sure, and now can be, perhaps. */
static void begin_life(struct thing *thing, const struct thing *by, enum bringing bringing)
{
    bool follows = (thing->marks & MARK_FOLLOWS) != 0;
    if (thing->marks & MARK_LEAST) {
        return;
    }
    /* All that an object leads to without ephemerons waits until its finalizer has run. */
    if (thing != by || bringing == BY_EPHEMERON) {
        thing->may_wait |= !follows || bringing == BY_EPHEMERON;
    }
    if (bringing != BY_WEAK || !follows || thing->is_gone) {
        thing->life++;
        thing->is_gone = false;
    }
}

void bring_back(struct player *player, tri_mutator *mutator, struct thing *thing,
                enum bringing bringing)
{
    for (size_t i = 0; i < player->things.count; i++) {
        player->things.things[i]->marks = 0;
    }
    (void)mark_from_roots(player);
    add_mark(player, MARK_LEAST);
    (void)mark_both(player, thing, false, BOUND_NODES);
    add_mark(player, MARK_FOLLOWS);
    (void)mark_both(player, thing, true, BOUND_MOST);
    for (size_t i = 0; i < player->grey.count; i++) {
        begin_life(player->grey.things[i], thing, bringing);
    }
    if (thing->kind == THING_TABLE) {
        table_check(thing, mutator);
    }
    tables_resolve(player, mutator);
    (void)mark_both(player, thing, true, BOUND_LEAST);
    for (size_t i = 0; i < player->grey.count; i++) {
        thing_check(player->grey.things[i]);
    }
}

const void *yielded_by(tri_mutator *mutator, const struct thing *holder)
{
    return holder->kind == THING_WEAK ? tri_weak_get(mutator, holder->address)
                                      : tri_ephemeron_key(mutator, holder->address);
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

/* Whether the target has had one life since holder began to hold it, and so has holder. */
static bool has_same_life(const struct hold *hold)
{
    return hold->target_life == hold->target->life && hold->holder_life == hold->holder->life;
}

/* What the target is, and what holds it, or shall hold it. */
static void fail_hold(const struct hold *hold, const char *what)
{
    report_thing(hold->holder);
    fail(hold->target, hold->holder->player, what);
}

void check_absence(const struct hold *hold)
{
    struct thing *target = hold->target;
    bool known = target != NULL && (hold->ephemeral || has_same_life(hold));
    if (known && !target->is_gone) {
        if (is_reachable(target)) {
            fail_hold(hold, "is reachable, and was cleared from what holds it weakly");
        }
        target->is_gone = true;
        take_note(target->player, "gone", target, hold->holder);
    }
}

void check_presence(const struct hold *hold)
{
    const struct thing *target = hold->target;
    if (target->is_buried) {
        fail_hold(hold, "is gone, and was cleaned up, and is yielded");
    }
    if (hold->ephemeral) {
        if (target->is_gone && !is_kept_by_finalizers(hold->target)) {
            fail_hold(hold, "is gone, no finalizer keeps it, and an ephemeron yields it");
        }
        return;
    }
    if (target->is_gone && has_same_life(hold)) {
        fail_hold(hold, "is gone, and yielded by a weak reference");
    }
    if (hold->holder_life == hold->holder->life && hold->target_life < target->finalized_life) {
        fail_hold(hold, "was finalized, and is yielded by an older weak reference");
    }
}

bool check_yield(struct thing *holder, struct thing *target, const void *found)
{
    const struct hold hold = {.holder = holder,
                              .target = target,
                              .target_life = holder->target_life,
                              .ephemeral = holder->kind == THING_EPHEMERON};
    fetch_add_relaxed(&holder->player->stress->counts.reads, UINT64_C(1));
    if (found == NULL) {
        fetch_add_relaxed(&holder->player->stress->counts.cleared, UINT64_C(1));
        holder->cleared = true;
        check_absence(&hold);
        return false;
    }
    if (holder->cleared && !hold.ephemeral) {
        fail(holder, holder->player, "yields something after it had yielded nothing");
    }
    if (target == NULL || found != target->address) {
        fail(holder, holder->player, "yields another object");
    }
    check_presence(&hold);
    thing_check(target);
    return true;
}

/* ---- The whole heap ---------------------------------------------------------------------------*/

static uint64_t heap_objects(const struct stress *stress)
{
    tri_stats stats = {.size = sizeof stats};
    if (tri_stats_read(stress->heap, &stats) != TRI_OK) {
        fail(NULL, &stress->players[0], "there are no statistics");
    }
    return stats.heap_objects;
}

/* Collect and finalize until nothing is pending. What refers to itself takes a collection more, and
 * so does what a table holds strongly for an entry that has died. */
static void drain(struct player *leader)
{
    struct stress *stress = leader->stress;
    uint64_t before = 0;
    stress->draining = true;
    for (unsigned idle = 0; idle < 3;) {
        tri_collect(leader->mutator);
        size_t ran = tri_finalizers_run(leader->mutator, SIZE_MAX);
        uint64_t objects = heap_objects(stress);
        idle = ran == 0 && objects == before ? idle + 1 : 0;
        before = objects;
    }
    stress->draining = false;
}

/* The value of an ephemeron is there exactly if the key is. */
static void check_value(struct player *leader, const struct thing *holder, bool alive)
{
    tri_word value = tri_ephemeron_value(leader->mutator, holder->address);
    if (value != (alive ? word_of(&holder->value) : 0)) {
        fail(holder, holder->player, "has another value");
    }
}

/* A weak reference that can be reached leads to its target exactly if that can be reached. */
static void check_holder(struct player *leader, struct thing *holder, uint64_t number)
{
    const struct thing *target = holder->target;
    bool is_weak = holder->kind == THING_WEAK;
    bool alive = !(is_weak && holder->cleared) && target != NULL && target->reached == number;
    bool old =
        is_weak && target != NULL && (holder->life != 0 || holder->target_life != target->life);
    const void *found = yielded_by(leader->mutator, holder);
    if (old && found == NULL) {
        return; /* a finalizer has brought the target back after it was cleared */
    }
    if ((found != NULL) != alive || (alive && found != target->address)) {
        fail(holder, holder->player,
             alive ? "was cleared, and its target is reachable"
                   : "was not cleared, and its target is unreachable");
    }
    if (!is_weak) {
        check_value(leader, holder, alive);
    }
}

static size_t check_player(struct player *leader, struct player *player)
{
    struct thing_list *things = &player->things;
    size_t reached = tables_settle(player, leader->mutator);
    uint64_t number = mark_both(player, NULL, true, BOUND_MOST); /* exact, now */
    reached += player->grey.count;
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
        if (thing->kind == THING_WEAK || thing->kind == THING_EPHEMERON) {
            check_holder(leader, thing, number);
        }
    }
    slots_settle(player, leader->mutator, number);
    fetch_add_relaxed(&player->stress->counts.checked, (uint64_t)reached);
    return reached;
}

/* A holder forgets a target that is about to be forgotten. */
static void let_go(struct thing *holder, uint64_t number)
{
    if (holder->target != NULL && holder->target->reached != number) {
        holder->target = NULL;
        holder->value = (struct word){NULL, 0};
        holder->cleared = true;
    }
}

void thing_free(struct thing *thing)
{
    free(thing->led_to.things);
    if (thing->table != NULL) {
        free(thing->table->entries);
        free(thing->table);
    }
    free(thing);
}

/* What is dead has left everything: only what is so now may keep something alive. */
static void forget_ways(struct thing *thing)
{
    thing->may_be_finalized = thing->finalizer == PENDING_ATTACHED;
    thing->led_to.count = 0;
    for (size_t i = 0; i < STRONG_SLOTS; i++) {
        lead_to(thing, thing->strong[i]);
    }
}

/* The same, after all are rid of their ways. */
static void note_ways(struct thing *thing)
{
    lead_to(thing, thing->value.thing);
    lead_to(thing->target, thing->value.thing);
    for (size_t i = 0; thing->table != NULL && i < thing->table->count; i++) {
        entry_lead(thing, &thing->table->entries[i]);
    }
}

/* Forget what is dead. */
static void forget_dead(struct player *player)
{
    uint64_t number = mark_both(player, NULL, true, BOUND_MOST);
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
            thing_free(things->things[i]);
        }
    }
    things->count = kept;
    for (size_t i = 0; i < kept; i++) {
        forget_ways(things->things[i]);
    }
    for (size_t i = 0; i < kept; i++) {
        note_ways(things->things[i]);
    }
}

static void check_count(const struct player *leader, size_t reached)
{
    if (heap_objects(leader->stress) != reached) {
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
