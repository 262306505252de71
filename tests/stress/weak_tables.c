/* weak_tables.c -- what weak tables must hold, and whether they do.
 */
#include <stdlib.h>
#include <string.h>

#include "gc/atomic.h"
#include "tests/stress/weak_graph.h"

/* ---- Entries ----------------------------------------------------------------------------------*/

tri_word word_of(const struct word *word)
{
    return word->thing == NULL ? word->value : (tri_word)(uintptr_t)word->thing->address;
}

struct word *entry_weak(const struct table *table, struct entry *entry)
{
    return table->kind == TRI_WEAK_VALUES ? &entry->value : &entry->key;
}

struct word *entry_strong(const struct table *table, struct entry *entry)
{
    return table->kind == TRI_WEAK_VALUES ? &entry->key : &entry->value;
}

bool entry_is_uncertain(const struct thing *table, struct entry *entry)
{
    const struct thing *weak = entry_weak(table->table, entry)->thing;
    return table->table->kind != TRI_WEAK_EPHEMERONS && weak != NULL &&
           weak->life != entry->weak_life;
}

void entry_lead(struct thing *table, struct entry *entry)
{
    lead_to(table, entry_strong(table->table, entry)->thing);
    lead_to(entry_weak(table->table, entry)->thing, entry_strong(table->table, entry)->thing);
}

static bool is_same(const struct word *word, const struct word *other)
{
    return word->thing == other->thing && (word->thing != NULL || word->value == other->value);
}

struct entry *entry_find(struct table *table, const struct word *key)
{
    for (size_t i = 0; i < table->count; i++) {
        if (is_same(&table->entries[i].key, key)) {
            return &table->entries[i];
        }
    }
    return NULL;
}

/* The entry is there, as it is now. */
static void renew(struct thing *table, struct entry *entry)
{
    const struct thing *weak = entry_weak(table->table, entry)->thing;
    entry->weak_life = weak == NULL ? 0 : weak->life;
    entry->holder_life = table->life;
}

static struct entry *entry_new(struct table *table)
{
    if (table->count == table->room) {
        table->room = table->room == 0 ? 16 : table->room * 2;
        table->entries = realloc(table->entries, table->room * sizeof *table->entries);
        if (table->entries == NULL) {
            abort();
        }
    }
    return &table->entries[table->count++];
}

void entry_put(struct thing *table, const struct word *key, const struct word *value)
{
    struct entry *entry = table->table->by_name ? NULL : entry_find(table->table, key);
    if (entry == NULL) {
        entry = entry_new(table->table);
    }
    entry->key = *key;
    entry->value = *value;
    renew(table, entry);
    entry_lead(table, entry);
    table->table->has_storage = true;
}

void entry_drop(struct table *table, struct entry *entry)
{
    *entry = table->entries[--table->count];
}

/* ---- Comparing --------------------------------------------------------------------------------*/

static struct hold hold_of(struct thing *table, struct entry *entry)
{
    return (struct hold){.holder = table,
                         .target = entry_weak(table->table, entry)->thing,
                         .holder_life = entry->holder_life,
                         .target_life = entry->weak_life,
                         .ephemeral = table->table->kind == TRI_WEAK_EPHEMERONS};
}

/* Whether the entry may have these words: what it holds weakly may be another object, in the place
 * of one that has died. */
static bool has_words(const struct table *table, struct entry *entry, tri_word key, tri_word value)
{
    const struct thing *weak = entry_weak(table, entry)->thing;
    return word_of(&entry->key) == key && word_of(&entry->value) == value &&
           (weak == NULL ||
            load_relaxed((const uint64_t *)(const void *)weak->address) == node_word(weak));
}

/* A table that had died itself was brought back together with what it holds weakly, or that is kept
 * by something else that waits: others may have seen that as gone, or will. What renew notes is a
 * new life of it. */
static void begin_life_seen(const struct hold *hold)
{
    struct thing *target = hold->target;
    bool was_dead = hold->holder_life != hold->holder->life && !is_reachable(target);
    if (!hold->ephemeral && (target->is_gone || was_dead)) {
        target->life++;
        target->is_gone = false;
    }
}

struct entry *entry_seen(struct thing *table, tri_word key, tri_word value)
{
    struct table *own = table->table;
    struct entry *entry = NULL;
    for (size_t i = 0; i < own->count && entry == NULL; i++) {
        entry = has_words(own, &own->entries[i], key, value) ? &own->entries[i] : NULL;
    }
    if (entry == NULL) {
        fail(table, table->player, "has an entry that it should not have");
    }
    const struct hold hold = hold_of(table, entry);
    fetch_add_relaxed(&table->player->stress->counts.entries, UINT64_C(1));
    if (hold.target != NULL) {
        check_presence(&hold);
        thing_check(hold.target);
        begin_life_seen(&hold);
    }
    struct thing *strong = entry_strong(own, entry)->thing;
    if (strong != NULL) {
        thing_check(strong);
    }
    renew(table, entry);
    entry->seen = true;
    return entry;
}

void entry_missed(struct thing *table, struct entry *entry)
{
    const struct hold hold = hold_of(table, entry);
    if (hold.target == NULL) {
        fail(table, table->player, "has lost an entry that cannot die");
    }
    check_absence(&hold);
    fetch_add_relaxed(&table->player->stress->counts.lost, UINT64_C(1));
    if (!hold.ephemeral) {
        entry_drop(table->table, entry);
    }
}

/* Read all entries, and note which were seen. Returns their number. */
static size_t see_all(struct thing *table, tri_mutator *mutator)
{
    struct table *own = table->table;
    size_t position = 0;
    size_t count = 0;
    tri_word key;
    tri_word value;
    for (size_t i = 0; i < own->count; i++) {
        own->entries[i].seen = false;
    }
    for (; tri_weak_table_next(mutator, table->address, &position, &key, &value); count++) {
        (void)entry_seen(table, key, value);
    }
    return count;
}

void table_check(struct thing *table, tri_mutator *mutator)
{
    struct table *own = table->table;
    (void)see_all(table, mutator);
    for (size_t i = own->count; i-- > 0;) {
        if (!own->entries[i].seen) {
            entry_missed(table, &own->entries[i]);
        }
    }
}

static bool is_uncertain(const struct thing *table)
{
    for (size_t i = 0; i < table->table->count; i++) {
        if (entry_is_uncertain(table, &table->table->entries[i])) {
            return true;
        }
    }
    return false;
}

void tables_resolve(struct player *player, tri_mutator *mutator)
{
    for (size_t i = 0; i <= TABLE_FAULT; i++) {
        struct thing *table = player->table_things[i];
        if (table != NULL && is_uncertain(table)) {
            table_check(table, mutator);
        }
    }
}

/* ---- After all is over ------------------------------------------------------------------------*/

/* Drop the entries that marking number has not reached. Whether there were any. */
static bool drop_dead(struct thing *table, uint64_t number)
{
    struct table *own = table->table;
    size_t before = own->count;
    for (size_t i = own->count; i-- > 0;) {
        const struct thing *weak = entry_weak(own, &own->entries[i])->thing;
        if (weak != NULL && weak->reached != number) {
            entry_drop(own, &own->entries[i]);
        }
    }
    return own->count != before;
}

/* The same of all tables of the player. What was held for one entry may have held another. */
static bool drop_dead_once(struct player *player)
{
    uint64_t number = mark_both(player, NULL, true, BOUND_MOST);
    bool dropped = false;
    for (size_t i = 0; i <= TABLE_FAULT; i++) {
        struct thing *table = player->table_things[i];
        dropped |= table != NULL && drop_dead(table, number);
    }
    return dropped;
}

/* The table holds what its shadow does. */
static void settle(struct thing *table, tri_mutator *mutator)
{
    size_t count = table->table->count;
    if (tri_weak_table_count(mutator, table->address) != count ||
        see_all(table, mutator) != count) {
        fail(table, table->player, "has more or fewer entries than live");
    }
    for (size_t i = 0; i < count; i++) {
        if (!table->table->entries[i].seen) {
            fail(table, table->player, "has lost an entry, and another one is there twice");
        }
    }
}

size_t tables_settle(struct player *player, tri_mutator *mutator)
{
    size_t storages = 0;
    while (drop_dead_once(player)) {
    }
    for (size_t i = 0; i <= TABLE_FAULT; i++) {
        struct thing *table = player->table_things[i];
        /* One table may be in several slots. */
        bool first = table != NULL;
        for (size_t k = 0; k < i; k++) {
            first = first && player->table_things[k] != table;
        }
        if (first) {
            settle(table, mutator);
            storages += table->table->has_storage;
        }
    }
    return storages;
}
