/* weak_ephemerons.c -- what players do with ephemerons: single ones with any key and value, chains
 * of them in which each value is the next one's key, and circles.
 */
#include "gc/atomic.h"
#include "tests/stress/weak_graph.h"

#define CHAIN_MAX 12

struct thing *ephemeron_new(struct player *player, struct thing *key, const struct word *value)
{
    tri_ref address = tri_ephemeron_new(player->mutator, key->address, word_of(value));
    struct thing *thing = thing_new(player, THING_EPHEMERON, address);
    thing->target = key;
    thing->target_life = key->life;
    thing->value = *value;
    lead_to(thing, value->thing);
    lead_to(key, value->thing);
    take_note(player, "ephemeron", thing, key);
    return thing;
}

/* A value for key: something, or a number, or what nothing else holds. */
static struct word make_value(struct player *player, struct thing *key)
{
    struct thing *thing = below(player, 2) == 0 ? pick(player) : NULL;
    if (thing == NULL && below(player, 6) == 0) {
        return (struct word){NULL, below(player, 1000) << 3 | 1};
    }
    if (thing == NULL) {
        thing = node_new(player, player->mutator);
        set_slot(player, thing, 0, below(player, 2) == 0 ? key : NULL);
    }
    return (struct word){thing, 0};
}

void op_ephemeron(struct player *player)
{
    struct thing *key = pick(player);
    if (key == NULL) {
        return;
    }
    const struct word value = make_value(player, key);
    struct thing *thing = ephemeron_new(player, key, &value);
    struct thing *holder = below(player, 2) == 0 ? pick_kind(player, THING_NODE) : NULL;
    if (holder != NULL) {
        set_slot(player, holder, below(player, STRONG_SLOTS), thing);
    } else if (below(player, 6) == 0) {
        set_fixed(player, FIXED_SHOWN, thing);
    } else {
        set_root(player, thing);
    }
}

/* Let the spine of nodes hold one more ephemeron. */
static void lengthen(struct player *player, struct thing *ephemeron)
{
    set_fixed(player, FIXED_LINK, ephemeron);
    struct thing *vertebra = node_new(player, player->mutator);
    set_slot(player, vertebra, 0, ephemeron);
    set_slot(player, vertebra, 1, player->fixed_things[FIXED_SPINE]);
    set_fixed(player, FIXED_SPINE, vertebra);
}

/* Ephemerons that hold each other's keys: the first one's key is in a root for a while, or in none;
 * the last one's value may lead back to it. */
void op_chain(struct player *player)
{
    struct thing *first = node_new(player, player->mutator);
    set_fixed(player, FIXED_FIRST, first);
    struct thing *key = first;
    for (uint64_t i = 2 + below(player, CHAIN_MAX); i > 0; i--) {
        const struct word value = {node_new(player, player->mutator), 0};
        lengthen(player, ephemeron_new(player, key, &value));
        key = value.thing;
        if (below(player, 6) == 0) {
            attach(key, player->mutator);
        }
    }
    if (below(player, 2) == 0) {
        set_slot(player, key, 0, first);
    }
    set_root(player, player->fixed_things[FIXED_SPINE]);
    if (below(player, 3) != 0) {
        set_root(player, first);
    }
    set_fixed(player, FIXED_SPINE, NULL);
    set_fixed(player, FIXED_LINK, NULL);
    set_fixed(player, FIXED_FIRST, NULL);
}

/* Who has the key has the value: there is no safepoint between. */
static void check_key_first(tri_mutator *mutator, struct thing *holder)
{
    if (check_yield(holder, holder->target, yielded_by(mutator, holder)) &&
        tri_ephemeron_value(mutator, holder->address) != word_of(&holder->value)) {
        fail(holder, holder->player, "has its key, and another value");
    }
}

static void check_value_first(tri_mutator *mutator, struct thing *holder)
{
    tri_word value = tri_ephemeron_value(mutator, holder->address);
    bool there = check_yield(holder, holder->target, yielded_by(mutator, holder));
    if (value != 0 && (!there || value != word_of(&holder->value))) {
        fail(holder, holder->player, "had a value that was not its own, or has lost the key since");
    }
}

void read_ephemeron(struct player *player, tri_mutator *mutator, struct thing *holder)
{
    take_note(player, "read ephemeron", holder, holder->target);
    if (below(player, 4) == 0) {
        check_value_first(mutator, holder);
    } else {
        check_key_first(mutator, holder);
    }
    if (tri_ephemeron_key(mutator, holder->address) == TRI_NULL) {
        return;
    }
    fetch_add_relaxed(&player->stress->counts.values, UINT64_C(1));
    if (holder->value.thing != NULL) {
        thing_check(holder->value.thing);
    }
    if (holder->life == 0 && below(player, 4) == 0) { /* else it may lead to what waits */
        struct thing *value = holder->value.thing;
        keep(player, mutator, value != NULL && below(player, 2) == 0 ? value : holder->target,
             true);
    }
}

void op_read_ephemeron(struct player *player)
{
    struct thing *holder = pick_kind(player, THING_EPHEMERON);
    if (holder != NULL) {
        read_ephemeron(player, player->mutator, holder);
    }
}
