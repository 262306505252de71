/* intern.h -- the intern table of a machine: all its strings, each sequence of characters once, so
 * that equal strings are the same object.
 *
 * The table does not keep its strings alive: one that the program has no more is collected as any
 * other object, and leaves the table. That lies in the host's own memory, and its hook
 * takes out what has died (trillium/weak_hook.h). It belongs to one machine, and only that one's
 * thread looks strings up and enters them; the hook is called on any thread, at the same time.
 */
#ifndef LOX_INTERN_H
#define LOX_INTERN_H

#include <pthread.h>

#include "object.h"

struct intern_table {
    uint32_t *hashes; /* of the slots; 0: never used. The machine's thread alone has these */

    /* Written by the machine's thread, with the lock held; read by it without. */
    tri_word *slots; /* weak: strings. 0: never used, or the string has died */
    uint32_t bits;   /* of the capacity of both, which is a power of two */

    size_t used;        /* hashes that are not 0: at most three in four, so that a search ends */
    size_t used_before; /* when the hook was last seen to be through */
    uint32_t passes_before; /* which time that was */

    pthread_mutex_t lock; /* held while slots is replaced, and while the hook goes over it */
    tri_weak_hook *hook;  /* written once */
    size_t cursor;        /* where the hook goes on. Guarded by the lock, as the next */
    size_t dying;         /* strings that it has taken out, since slots was replaced */
    size_t died;          /* the same when it was last through. Written with the lock held, read by
                             the machine's thread without, as the next */
    uint32_t passes;      /* how often it has been through */
};

/* Make an empty table for strings of `heap`. No safepoint. */
void intern_table_create(struct intern_table *table, tri_heap *heap);

/* Nobody uses it any more. */
void intern_table_destroy(struct intern_table *table);

/* Slots there are, and those with a string, be it one that no cycle has found dead yet. The
 * machine's thread only. */
size_t intern_table_capacity(const struct intern_table *table);
size_t intern_table_count(const struct intern_table *table);

/* The string of these characters, which lie outside the heap. A safepoint where it was not there
 * yet. */
struct string *intern(struct vm *vm, const char *characters, size_t length);

/* The string of the characters of `left` followed by those of `right`. A safepoint; both must be
 * held by the caller. */
struct string *intern_joined(struct vm *vm, const struct string *left, const struct string *right);

#endif
