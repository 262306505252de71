/* weak_faults.c -- something goes wrong on purpose, and must be noticed.
 */
#include <stdlib.h>

#include "gc/atomic.h"
#include "tests/stress/weak_graph.h"

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

/* Make an ephemeron that holds a value for key, which can be reached, and clear one of its
 * words. */
static void spoil_ephemeron(struct player *player, struct thing *key, size_t index)
{
    set_fixed(player, FIXED_FAULT, key);
    const struct word value = {node_new(player, player->mutator), 0};
    struct thing *ephemeron = ephemeron_new(player, key, &value);
    set_fixed(player, FIXED_FAULT_WEAK, ephemeron);
    store_relaxed((tri_aliased_word *)(void *)ephemeron->address + index, 0);
}

/* Make a table that shall have an entry for key, which can be reached, and has not; or the other
 * way round. */
static bool spoil_table(struct player *player, struct thing *key, bool shall_have)
{
    set_fixed(player, FIXED_FAULT, key);
    struct thing *table = table_new(player, TRI_WEAK_EPHEMERONS);
    set_table(player, player->mutator, TABLE_FAULT, table);
    const struct word words[2] = {{key, 0}, {NULL, 1}};
    bool made =
        tri_weak_table_set(player->mutator, table->address, word_of(&words[0]), word_of(&words[1]));
    table->table->has_storage = true;
    if (shall_have) {
        entry_put(table, &words[0], &words[1]);
        return made && tri_weak_table_remove(player->mutator, table->address, word_of(&words[0]));
    }
    return made;
}

/* A weak slot has lost what can be reached, or has it back. */
static void spoil_slot(struct player *player, struct thing *target, bool shall_have)
{
    set_fixed(player, FIXED_FAULT, target);
    slot_set(player, player->mutator, SLOT_FAULT, target);
    if (shall_have) {
        store_relaxed(&player->slots.words[SLOT_FAULT], (tri_word)0);
    } else {
        player->slots.targets[SLOT_FAULT] = NULL;
    }
}

void make_fault(struct player *player, enum fault fault)
{
    tri_handle *handle;
    struct thing *thing = node_new(player, player->mutator);
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
    case FAULT_CLEAR_KEY:
        spoil_ephemeron(player, thing, 0);
        break;
    case FAULT_LOSE_VALUE:
        spoil_ephemeron(player, thing, 1);
        break;
    case FAULT_LOSE_ENTRY:
        made = spoil_table(player, thing, true);
        break;
    case FAULT_KEEP_ENTRY:
        made = spoil_table(player, thing, false);
        break;
    case FAULT_CLEAR_SLOT:
        spoil_slot(player, thing, true);
        break;
    case FAULT_KEEP_SLOT:
        spoil_slot(player, thing, false);
        break;
    case FAULT_NONE:
        break;
    }
    if (!made) {
        fail(thing, player, "the fault could not be made");
    }
}
