/**
 * @file weak_table.h
 * Hash tables that do not keep their keys alive, or not their values: caches, properties of objects
 * that belong to others, sets of strings of which each is there once.
 *
 *     static bool is_same(void *argument, tri_word key, tri_word value)
 *     {
 *         return strcmp(((struct name *)key)->characters, argument) == 0;
 *     }
 *     ...
 *     if (tri_weak_table_find(m, names, hash, is_same, characters, &name, NULL)) {
 *         return (struct name *)name;              // it is there
 *     }
 *     TRI_LOCAL(0) = make_name(m, characters);     // else there is no other one
 *     tri_weak_table_insert(m, names, hash, (tri_word)TRI_LOCAL(0), 0);
 *
 * A table is an object of the heap like any other, and is collected itself when nothing refers to
 * it. Its keys and values are words in the heap's value_encoding: references, or whatever else the
 * host's words are; what is no reference does not die. A table grows by itself, and shrinks when
 * something is entered after most has died; the space of what has died is used again.
 *
 * Threads, for all functions here: the mutator's own, running; the host sees to it that one mutator
 * at a time works on a table, also while that is inside of a call of one that is a safepoint. The
 * collector works on it at the same time, and nobody waits for it, but where is said so.
 */
#ifndef TRILLIUM_WEAK_TABLE_H
#define TRILLIUM_WEAK_TABLE_H

#include <trillium/types.h>

TRI_BEGIN_DECLS

/** What a table holds weakly. */
typedef enum tri_weak_kind {
    TRI_WEAK_KEYS = 0,      /**< keys; a value lives as long as its key and the table do. A value
                                 that refers to its key keeps the entry for ever */
    TRI_WEAK_VALUES = 1,    /**< values; a key lives as long as its value and the table do */
    TRI_WEAK_EPHEMERONS = 2 /**< keys; and what a value refers to, its key for instance, is held by
                                 the table only as long as the key lives otherwise: see
                                 ::tri_ephemeron_new */
} tri_weak_kind;

/**
 * Make an empty table.
 *
 * @return the table; ::TRI_NULL where memory is exhausted as in ::tri_alloc, or the heap has
 *         ::TRI_TYPES_MAX types.
 * Safepoint: yes.
 * Cost:      the allocation of 48 bytes. An entry takes 24, and between a fourth and all but a
 *            fourth of the entries are in use; a cycle looks at each entry twice or three times.
 *            Empty entries count for GOGC as an eighth of their bytes.
 */
TRI_API tri_ref tri_weak_table_new(tri_mutator *mutator, tri_weak_kind kind);

/**
 * Look for the entry whose key is the word @p key itself.
 *
 * @param value  where its value goes; may be NULL. What it yields is an ordinary reference
 *
 * @return whether there is one.
 * Safepoint: no.
 * Cost:      a few loads; while a cycle is marking, as ::tri_weak_get.
 */
TRI_API bool tri_weak_table_get(tri_mutator *mutator, tri_ref table, tri_word key, tri_word *value);

/**
 * Let the entry of @p key hold @p value, and make it where there is none. All three are kept alive
 * during the call. What the table holds weakly must not belong to a region.
 *
 * @return false, where memory is exhausted as in ::tri_alloc: then nothing has changed.
 * Safepoint: yes.
 * Cost:      as ::tri_weak_table_get, and the barrier; now and then the table grows or shrinks, in
 *            proportion to its size. A table of ::TRI_WEAK_EPHEMERONS that must grow in the short
 *            phase of a cycle in which the collector decides about its entries waits for the end of
 *            that.
 */
TRI_API bool tri_weak_table_set(tri_mutator *mutator, tri_ref table, tri_word key, tri_word value);

/**
 * Remove the entry of @p key.
 *
 * @return whether there was one. Safepoint, Cost: as ::tri_weak_table_get.
 */
TRI_API bool tri_weak_table_remove(tri_mutator *mutator, tri_ref table, tri_word key);

/**
 * How many entries there are, including those that have died and that no cycle has found dead yet.
 *
 * Safepoint: no. Cost: a look at every entry.
 */
TRI_API size_t tri_weak_table_count(tri_mutator *mutator, tri_ref table);

/**
 * The next entry, in no order. Begin with *@p position 0. Entries may be removed meanwhile; where
 * one is made, the table may grow, and entries be left out or come again.
 *
 * @param key, value  where these go; may be NULL
 *
 * @return false, where there is no other one. Safepoint: no. Cost: as ::tri_weak_table_get.
 */
TRI_API bool tri_weak_table_next(tri_mutator *mutator, tri_ref table, size_t *position,
                                 tri_word *key, tri_word *value);

/** Whether an entry is the one that is looked for. Must not call Trillium. */
typedef bool tri_weak_match_function(void *argument, tri_word key, tri_word value);

/**
 * Look for an entry by what the host takes for equal: the first one that was inserted with @p hash
 * and for which @p match(@p argument, key, value) is true. Now and then it is asked about one with
 * another hash.
 *
 * A table whose entries are made by ::tri_weak_table_insert is not one for ::tri_weak_table_set,
 * and for what looks a key up by itself.
 *
 * @param key, value  where these go; may be NULL. What they yield are ordinary references
 *
 * @return whether there is one. Safepoint: no. Cost: as ::tri_weak_table_get, and the calls.
 */
TRI_API bool tri_weak_table_find(tri_mutator *mutator, tri_ref table, uint64_t hash,
                                 tri_weak_match_function *match, void *argument, tri_word *key,
                                 tri_word *value);

/**
 * Make an entry, whatever else is there: ::tri_weak_table_find has found none. A call in between
 * that is a safepoint may let other mutators insert an equal one; to make room is none for them,
 * since the host keeps the table to itself.
 *
 * @return, Safepoint, Cost: as ::tri_weak_table_set.
 */
TRI_API bool tri_weak_table_insert(tri_mutator *mutator, tri_ref table, uint64_t hash, tri_word key,
                                   tri_word value);

/**
 * Look for an entry as ::tri_weak_table_find does, and remove it.
 *
 * @param key, value  where what it held goes; may be NULL
 *
 * @return whether there was one. Safepoint, Cost: as ::tri_weak_table_find.
 */
TRI_API bool tri_weak_table_take(tri_mutator *mutator, tri_ref table, uint64_t hash,
                                 tri_weak_match_function *match, void *argument, tri_word *key,
                                 tri_word *value);

TRI_END_DECLS

#endif
