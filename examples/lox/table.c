/* table.c -- growth of and stores into hash tables. The barriers of all fields, methods and globals
 * are here. */
#include "table.h"

#include "store.h"
#include "types.h"
#include "vm.h"

#define CAPACITY_FIRST 4

/* Entries may be occupied up to three quarters, so that a search for an absent key ends soon. */
static bool table_is_full(const struct table *table)
{
    return (table->count + 1) * 4 > table->capacity * 3;
}

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

void table_reserve(struct vm *vm, struct table *table, uint32_t capacity)
{
    tri_mutator *mutator = vm->mutator;
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

void table_set(struct vm *vm, struct table *table, struct string *key, value v)
{
    struct entry *entry = table_find(table, key);
    if (entry == NULL) {
        if (table_is_full(table)) {
            uint32_t capacity = table->capacity == 0 ? CAPACITY_FIRST : table->capacity * 2;
            table_reserve(vm, table, capacity);
        }
        entry = entry_for(table->entries, table->capacity, key);
        store_reference(vm->mutator, &entry->key, key);
        table->count++;
    }
    store_value(vm->mutator, &entry->value, v);
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
