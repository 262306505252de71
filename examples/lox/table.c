/* table.c -- growth of and stores into hash tables. The barriers of all fields, methods and globals
 * are here. */
#include "table.h"

#include "store.h"
#include "types.h"
#include "vm.h"

#define CAPACITY_FIRST 4

/* The entry of `key`, or the free one where it belongs. There is one: tables are never full. */
static struct entry *entry_for(struct entry *entries, uint32_t capacity, const struct string *key)
{
    uint32_t mask = capacity - 1;
    uint32_t i = key->hash & mask;
    while (entries[i].key != NULL && entries[i].key != key) {
        i = (i + 1) & mask;
    }
    return &entries[i];
}

/* Twice as many entries, with what is in `table`. A safepoint. */
static void grow(struct vm *vm, struct table *table)
{
    tri_mutator *mutator = vm->mutator;
    uint32_t capacity = table->capacity * 2;
    struct entry *entries = tri_alloc_array(mutator, vm->types->entry, capacity);
    /* From here to the end there is no safepoint: nobody knows `entries` yet, so init_value will
     * do. */
    for (uint32_t i = 0; i < table->capacity; i++) {
        const struct entry *old = &table->entries[i];
        if (old->key != NULL) {
            struct entry *entry = entry_for(entries, capacity, old->key);
            init_reference(mutator, &entry->key, old->key);
            init_value(mutator, &entry->value, old->value);
        }
    }
    store_reference(mutator, &table->entries, entries);
    table->capacity = capacity;
}

TRI_COLD static void begin_seen(tri_mutator *mutator, struct table *table, struct entry *entries,
                                struct string *key, value v)
{
    struct entry *entry = entry_for(entries, table->capacity, key);
    init_reference(mutator, &entry->key, key);
    init_value(mutator, &entry->value, v);
    store_reference(mutator, &table->entries, entries);
}

TRI_NOINLINE void table_begin(struct vm *vm, struct table *table, uint32_t capacity,
                              struct string *key, value v)
{
    struct entry *entries = tri_alloc_array(vm->mutator, vm->types->entry, capacity);
    table->capacity = capacity;
    table->count = 1;
    if (stores_are_seen(vm->mutator)) {
        begin_seen(vm->mutator, table, entries, key, v);
        return;
    }
    struct entry *entry = &entries[key->hash & (capacity - 1)];
    store_unseen(vm->mutator, &entry->key, (tri_word)key);
    store_unseen(vm->mutator, &entry->value, v);
    store_unseen(vm->mutator, &table->entries, (tri_word)entries);
}

TRI_COLD static void enter_seen(tri_mutator *mutator, struct entry *entry, struct string *key,
                                value v)
{
    store_reference(mutator, &entry->key, key);
    store_value(mutator, &entry->value, v);
}

/* Enter a key that is not there where there is room for it. */
static void enter(tri_mutator *mutator, struct table *table, struct string *key, value v)
{
    struct entry *entry = entry_for(table->entries, table->capacity, key);
    table->count++;
    if (stores_are_seen(mutator)) {
        enter_seen(mutator, entry, key, v);
        return;
    }
    store_unseen(mutator, &entry->key, (tri_word)key);
    store_unseen(mutator, &entry->value, v);
}

TRI_NOINLINE static void grow_and_enter(struct vm *vm, struct table *table, struct string *key,
                                        value v)
{
    grow(vm, table);
    enter(vm->mutator, table, key, v);
}

void table_set(struct vm *vm, struct table *table, struct string *key, value v)
{
    struct entry *entry = table_find(table, key);
    if (entry != NULL) {
        store_value(vm->mutator, &entry->value, v);
    } else if (!table_is_full(table)) {
        enter(vm->mutator, table, key, v);
    } else if (table->capacity != 0) {
        grow_and_enter(vm, table, key, v);
    } else {
        table_begin(vm, table, CAPACITY_FIRST, key, v);
    }
}

void table_add_all(struct vm *vm, struct table *target, const struct table *source)
{
    for (uint32_t i = 0; i < source->capacity; i++) {
        const struct entry *entry = &source->entries[i];
        if (entry->key != NULL) {
            table_set(vm, target, entry->key, entry->value);
        }
    }
}
