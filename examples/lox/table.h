/* table.h -- hash tables from names to values: the fields of an instance, the methods of a class,
 * the globals of a program.
 *
 * Open addressing with linear probing; keys are interned strings, so that equal keys are the same
 * pointer. A table only grows: Lox cannot delete a field.
 *
 * A struct table is always a part of a heap object. Its entries are a heap array of their own, of
 * the type `entry`, whose layout says {plain pointer, value}. Nothing here is ever freed: a table
 * that grows just drops its old entries.
 */
#ifndef LOX_TABLE_H
#define LOX_TABLE_H

#include "object.h"

struct vm;

/* Entries may be occupied up to three quarters, so that a search for an absent key ends soon. */
static inline bool table_is_full(const struct table *table)
{
    return (table->count + 1) * 4 > table->capacity * 3;
}

/* NULL where there is no such key. No safepoint. The entry is good until the next table_set. */
static inline struct entry *table_find(const struct table *table, const struct string *key)
{
    if (table->count == 0) {
        return NULL;
    }
    uint32_t mask = table->capacity - 1;
    for (uint32_t i = key->hash & mask;; i = (i + 1) & mask) {
        struct entry *entry = &table->entries[i];
        if (entry->key == key) {
            return entry;
        }
        if (entry->key == NULL) {
            return NULL;
        }
    }
}

/* Enter or replace. A safepoint: the object that `table` is a part of, `key` and `v` must be held
 * by the caller. */
void table_set(struct vm *vm, struct table *table, struct string *key, value v);

/* Enter all of `source` into `target`. A safepoint: the objects that they are part of must be held
 * by the caller. */
void table_add_all(struct vm *vm, struct table *target, const struct table *source);

/* Enter the first key of an empty table, whose first growth goes to `capacity`, a power of two, at
 * once. A safepoint, as table_set. */
void table_begin(struct vm *vm, struct table *table, uint32_t capacity, struct string *key,
                 value v);

#endif
