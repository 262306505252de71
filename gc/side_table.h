/* side_table.h -- an array beside the heap, indexed by page or by chunk: address space for all
 * entries is reserved at creation, memory is committed front to back as the heap grows. Entries
 * never move, so readers need no lock; a reader asks only for entries that were committed before it
 * learned of them.
 */
#ifndef GC_SIDE_TABLE_H
#define GC_SIDE_TABLE_H

#include "gc/assert.h"
#include "gc/atomic.h"
#include "gc/base.h"

struct side_table {
    /* Written once at creation. */
    char *base;            /* NULL: not created */
    size_t entry_bytes;    /* size of one entry */
    size_t capacity;       /* entries that the reservation has room for */
    size_t reserved_bytes; /* address space */
    const char *name;      /* of the mapping */

    /* Written by side_table_extend, under the lock of whoever owns the table. */
    size_t committed;       /* entries that can be accessed, from 0 on; at most capacity */
    size_t committed_bytes; /* atomic, any thread reads: of memory, whole pages of the system */
};

/* Bytes of memory that the table takes. Any thread. */
static inline size_t side_table_bytes(const struct side_table *table)
{
    return load_relaxed(&table->committed_bytes);
}

/* Reserve address space for capacity entries (at least one) of entry_bytes each; none is accessible
 * yet. The table starts at a multiple of the system's page. name must outlive the table. False
 * where there is no address space: the table is then all zero, and side_table_destroy does
 * nothing. */
bool side_table_init(struct side_table *table, size_t entry_bytes, size_t capacity,
                     const char *name);

/* Make entries [0, entries) accessible; those that were not before are zero. entries is at most
 * capacity. False where the system refuses: the table is as it was, and the call may be repeated.
 * One caller at a time. */
bool side_table_extend(struct side_table *table, size_t entries);

/* Release all of it. Nothing to do for a table that is all zero. */
void side_table_destroy(struct side_table *table);

/* The address of entry index, which has been committed. Any thread. */
static inline void *side_table_at(const struct side_table *table, size_t index)
{
    /* Not compared with committed: that is written by others. */
    TRI_ASSERT(index < table->capacity);
    return table->base + index * table->entry_bytes;
}

#endif
