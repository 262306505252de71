/* weak_table.h -- hash tables whose keys, or values, are held weakly. */
#ifndef GC_WEAK_TABLE_H
#define GC_WEAK_TABLE_H

#include <trillium/weak_table.h>

#include "gc/heap_state.h"

/* The type of tables, and that of their entries; NULL where there is no memory for it, or no room
 * for another type. kind is WEAK_KEYS, WEAK_VALUES or WEAK_EPHEMERONS. */
tri_type *weak_table_type(struct tri_heap *heap);
tri_type *weak_table_entry_type(struct tri_heap *heap, enum weak_kind kind);

/* Table is fresh. */
void weak_table_init(tri_ref table, enum weak_kind kind);

enum weak_kind weak_table_kind(tri_ref table);

/* The hash by which a key is found by identity. */
uint64_t weak_table_identity(tri_word key);

/* See to it that one more entry fits: where there is no room, let the table grow, and wait for the
 * end of the weak phase where that is deciding about ephemerons. The caller holds the table. False
 * where memory is exhausted as in alloc_object. A safepoint. Owner only, as all below: the mutator
 * that the host lets at the table. */
bool weak_table_make_room(struct tri_mutator *mutator, tri_ref table);

/* Enter what is not there yet. There is room. */
void weak_table_enter(struct tri_mutator *mutator, tri_ref table, uint64_t hash, tri_word key,
                      tri_word value);

/* The value of key, which the mutator has, is value from now on. False where key is not there. */
bool weak_table_replace(struct tri_mutator *mutator, tri_ref table, tri_word key, tri_word value);

/* See the public functions; key and value may be NULL. */
bool weak_table_get(struct tri_mutator *mutator, tri_ref table, tri_word key, tri_word *value);
bool weak_table_remove(struct tri_mutator *mutator, tri_ref table, tri_word key);
bool weak_table_find(struct tri_mutator *mutator, tri_ref table, uint64_t hash,
                     tri_weak_match_function *match, void *argument, tri_word *key,
                     tri_word *value);
bool weak_table_take(struct tri_mutator *mutator, tri_ref table, uint64_t hash,
                     tri_weak_match_function *match, void *argument, tri_word *key,
                     tri_word *value);
bool weak_table_next(struct tri_mutator *mutator, tri_ref table, size_t *position, tri_word *key,
                     tri_word *value);
size_t weak_table_count(struct tri_mutator *mutator, tri_ref table);

#endif
