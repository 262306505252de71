/* weak_table_ops.c -- what players do with weak tables, their own and those of others.
 *
 * A table is found by its own global slots only, and is worked on under its player's lock, by that
 * one's mutator or by another one's. The other one's takes what it stores from global slots: what
 * is on a stack is that mutator's own.
 */
#include <stdlib.h>

#include "gc/atomic.h"
#include "tests/stress/weak_graph.h"

#define BURST 40 /* entries at a time, at most */

/* Who works on whose table. */
struct work {
    struct player *player; /* whose lock is held */
    tri_mutator *mutator;
    struct thing *table;
};

void set_table(struct player *player, tri_mutator *mutator, size_t index, struct thing *table)
{
    put(player, mutator, &player->tables[index], &player->tables[index], table);
    player->table_things[index] = table;
}

struct thing *table_new(struct player *player, tri_weak_kind kind)
{
    struct thing *thing = thing_new(player, THING_TABLE, tri_weak_table_new(player->mutator, kind));
    thing->table = calloc(1, sizeof *thing->table);
    if (thing->table == NULL) {
        abort();
    }
    thing->table->kind = kind;
    take_note(player, "table", thing, NULL);
    return thing;
}

void op_table(struct player *player)
{
    size_t index = below(player, TABLES);
    if (below(player, 4) == 0) {
        set_table(player, player->mutator, index, NULL);
        return;
    }
    struct thing *thing = table_new(player, (tri_weak_kind)below(player, 3));
    thing->table->by_name = below(player, 3) == 0;
    set_table(player, player->mutator, index, thing);
}

/* ---- What is stored ---------------------------------------------------------------------------*/

static struct word number_word(struct player *player)
{
    return (struct word){NULL, below(player, 40) << 3 | 1};
}

static struct word thing_word(struct thing *thing)
{
    return (struct word){thing, 0};
}

static struct thing *pick_any(const struct work *work)
{
    struct player *player = work->player;
    return work->mutator == player->mutator ? pick(player) : pick_global(player);
}

static struct thing *pick_node(const struct work *work)
{
    struct thing *thing = pick_any(work);
    return thing != NULL && thing->kind == THING_NODE ? thing : NULL;
}

/* A node that nothing but a root holds. */
static struct thing *fresh_node(const struct work *work)
{
    struct player *player = work->player;
    struct thing *thing = node_new(player, work->mutator);
    set_global(player, work->mutator, below(player, ROOTS), thing);
    return thing;
}

static struct word weak_word(const struct work *work)
{
    struct thing *thing = below(work->player, 3) == 0 ? NULL : pick_node(work);
    if (thing == NULL && below(work->player, 8) == 0) {
        return number_word(work->player);
    }
    return thing_word(thing == NULL ? fresh_node(work) : thing);
}

/* What belongs to weak: often something that leads there. */
static struct word strong_word(const struct work *work, const struct word *weak)
{
    struct player *player = work->player;
    struct thing *thing = below(player, 3) == 0 ? NULL : pick_any(work);
    if (thing == NULL && below(player, 2) == 0) {
        return number_word(player);
    }
    if (thing == NULL) { /* nothing else holds it: no safepoint before it is in the table */
        thing = node_new(player, work->mutator);
        if (weak->thing != NULL && below(player, 2) == 0) {
            put(player, work->mutator, thing->address, thing->address + 16, weak->thing);
            thing->strong[0] = weak->thing;
            lead_to(thing, weak->thing);
        }
    }
    return thing_word(thing);
}

/* ---- By identity ------------------------------------------------------------------------------*/

/* From here on the table alone holds thing, perhaps: it leaves the stack. */
static void drop_from_stack(struct player *player, const struct thing *thing)
{
    for (size_t i = 0; i < ROOTS; i++) {
        if (player->stack_things[i] == thing) {
            player->stack[i] = TRI_NULL;
            player->stack_things[i] = NULL;
        }
    }
}

/* Let the table have an entry of these. */
static void set_words(const struct work *work, struct word weak, struct word strong)
{
    struct thing *table = work->table;
    bool values = table->table->kind == TRI_WEAK_VALUES;
    const struct word *key = values ? &strong : &weak;
    const struct word *value = values ? &weak : &strong;
    take_note(work->player, "set", table, key->thing);
    if (!tri_weak_table_set(work->mutator, table->address, word_of(key), word_of(value))) {
        fail(table, work->player, "tri_weak_table_set failed");
    }
    entry_put(table, key, value);
    if (work->mutator == work->player->mutator && below(work->player, 4) == 0) {
        drop_from_stack(work->player, strong.thing);
    }
}

static void set(const struct work *work)
{
    struct word weak = weak_word(work);
    set_words(work, weak, strong_word(work, &weak));
}

/* Some key: mostly one that is there. */
static struct word pick_key(const struct work *work)
{
    const struct table *table = work->table->table;
    if (table->count > 0 && below(work->player, 4) != 0) {
        struct word key = table->entries[below(work->player, table->count)].key;
        bool mine = key.thing == NULL ||
                    (work->mutator == work->player->mutator && is_reachable(key.thing));
        if (mine) {
            return key;
        }
    }
    struct thing *thing = pick_any(work);
    return thing == NULL ? number_word(work->player) : thing_word(thing);
}

/* What was found is checked, and kept or not. */
static void found(const struct work *work, tri_word key, tri_word value)
{
    struct player *player = work->player;
    struct thing *table = work->table;
    bool revived = table->life != 0; /* it may lead to what waits: let that wait */
    const struct entry *entry = entry_seen(table, key, value);
    struct thing *thing = below(player, 2) == 0 ? entry->key.thing : entry->value.thing;
    if (!revived && thing != NULL && below(player, 6) == 0) {
        keep(player, work->mutator, thing, table->table->kind == TRI_WEAK_EPHEMERONS);
    }
}

static void get(const struct work *work)
{
    struct table *table = work->table->table;
    const struct word key = pick_key(work);
    struct entry *entry = entry_find(table, &key);
    tri_word value;
    bool there = tri_weak_table_get(work->mutator, work->table->address, word_of(&key), &value);
    take_note(work->player, there ? "get" : "get nothing", work->table, key.thing);
    if (there) {
        found(work, word_of(&key), value);
    } else if (entry != NULL) {
        entry_missed(work->table, entry);
    }
}

static void remove_key(const struct work *work, struct word key)
{
    struct thing *table = work->table;
    struct entry *entry = entry_find(table->table, &key);
    bool there = tri_weak_table_remove(work->mutator, table->address, word_of(&key));
    take_note(work->player, there ? "remove" : "remove nothing", table, key.thing);
    if (there && entry == NULL) {
        fail(table, work->player, "has removed an entry that it should not have had");
    }
    if (there) {
        entry_drop(table->table, entry);
    } else if (entry != NULL) {
        entry_missed(table, entry);
    }
}

/* Keep the value of some key, and let another one take its place, or none. */
static void take(const struct work *work)
{
    struct thing *table = work->table;
    const struct word key = pick_key(work);
    tri_word word;
    if (table->life != 0 || table->table->kind == TRI_WEAK_VALUES ||
        entry_find(table->table, &key) == NULL ||
        !tri_weak_table_get(work->mutator, table->address, word_of(&key), &word)) {
        return;
    }
    const struct entry *entry = entry_seen(table, word_of(&key), word);
    take_note(work->player, "take", table, entry->value.thing);
    if (entry->value.thing != NULL) {
        keep(work->player, work->mutator, entry->value.thing,
             table->table->kind == TRI_WEAK_EPHEMERONS);
    }
    if (below(work->player, 2) == 0) {
        remove_key(work, key);
    } else {
        set_words(work, key, strong_word(work, &key));
    }
}

/* ---- By name ----------------------------------------------------------------------------------*/

struct wanted {
    const struct work *work;
    uint64_t name;
};

/* What such a table holds weakly are nodes. */
static bool match(void *argument, tri_word key, tri_word value)
{
    const struct wanted *wanted = argument;
    const struct thing *table = wanted->work->table;
    const uint64_t *words = (const uint64_t *)(table->table->kind == TRI_WEAK_VALUES ? value : key);
    uint64_t word = load_relaxed(&words[0]);
    if (load_relaxed(&words[1]) != mix(word)) {
        fail(table, table->player, "asks about what is no node");
    }
    return name_in(word) == wanted->name;
}

/* Nothing of that name is there. */
static void miss_name(const struct work *work, uint64_t name)
{
    struct table *table = work->table->table;
    for (size_t i = table->count; i-- > 0;) {
        const struct thing *weak = entry_weak(table, &table->entries[i])->thing;
        if (name_in(node_word(weak)) == name) {
            entry_missed(work->table, &table->entries[i]);
        }
    }
}

static void insert(const struct work *work, uint64_t name)
{
    struct player *player = work->player;
    struct thing *table = work->table;
    struct word weak = thing_word(node_new_named(player, work->mutator, name));
    set_global(player, work->mutator, below(player, ROOTS), weak.thing);
    struct word strong = strong_word(work, &weak);
    bool values = table->table->kind == TRI_WEAK_VALUES;
    const struct word *key = values ? &strong : &weak;
    const struct word *value = values ? &weak : &strong;
    take_note(player, "insert", table, weak.thing);
    if (!tri_weak_table_insert(work->mutator, table->address, name * 16, word_of(key),
                               word_of(value))) {
        fail(table, player, "tri_weak_table_insert failed");
    }
    entry_put(table, key, value);
}

/* Find what has a name, or make it. */
static void intern(const struct work *work)
{
    struct wanted wanted = {work, below(work->player, NAMES)};
    tri_word key;
    tri_word value;
    bool there = tri_weak_table_find(work->mutator, work->table->address, wanted.name * 16, match,
                                     &wanted, &key, &value);
    take_note(work->player, there ? "find" : "find nothing", work->table, NULL);
    if (there) {
        found(work, key, value);
    } else {
        miss_name(work, wanted.name);
        insert(work, wanted.name);
    }
}

/* ---- Both -------------------------------------------------------------------------------------*/

/* Entries that must be there, and those that may be. */
static void count(const struct work *work)
{
    struct table *table = work->table->table;
    size_t found = tri_weak_table_count(work->mutator, work->table->address);
    uint64_t number = mark_from_roots(work->player);
    size_t least = 0;
    for (size_t i = 0; i < table->count; i++) {
        const struct thing *weak = entry_weak(table, &table->entries[i])->thing;
        least += weak == NULL ||
                 (weak->reached == number && !entry_is_uncertain(work->table, &table->entries[i]));
    }
    if (found < least || found > table->count) {
        fail(work->table, work->player,
             found < least ? "has fewer entries than live" : "has more entries than it can have");
    }
}

static void work_on(const struct work *work)
{
    bool by_name = work->table->table->by_name;
    uint64_t what = below(work->player, 100);
    uint64_t times = below(work->player, 6) == 0 ? below(work->player, BURST) : 1;
    if (what < 5) {
        count(work);
    } else if (what < 15) {
        table_check(work->table, work->mutator);
    } else if (by_name) {
        for (; times > 0; times--) {
            intern(work);
        }
    } else if (what < 40) {
        get(work);
    } else if (what < 50) {
        remove_key(work, pick_key(work));
    } else if (what < 60) {
        take(work);
    } else {
        for (; times > 0; times--) {
            set(work);
        }
    }
}

void op_table_work(struct player *player)
{
    struct thing *table = player->table_things[below(player, TABLES)];
    if (table != NULL) {
        const struct work work = {player, player->mutator, table};
        work_on(&work);
    }
}

void op_table_shown(struct player *player)
{
    struct stress *stress = player->stress;
    struct player *other = &stress->players[draw(player, (uint64_t)stress->options.players)];
    player_lock(other, player->mutator);
    struct thing *table = other->table_things[below(other, TABLES)];
    if (table != NULL) {
        const struct work work = {other, player->mutator, table};
        work_on(&work);
    }
    player_unlock(other);
}
