/* side_table.c -- an array indexed by page or chunk, committed front to back.
 *
 * Owns:       one reservation.
 * Invariants:
 *   [side_table.1] Entries [0, committed) MUST be accessible, and an entry MUST be zero until its
 *                  owner writes it; otherwise a page that nobody uses seems to have a span.
 * Locks:      none; whoever owns the table lets one thread at a time extend it.
 * Callers:    the page heap, and the tables of spans. Reading is for any thread, see the header.
 */
#include "gc/side_table.h"

#include "gc/port.h"

bool side_table_init(struct side_table *table, size_t entry_bytes, size_t capacity,
                     const char *name)
{
    TRI_ASSERT(entry_bytes > 0 && capacity > 0);
    *table = (struct side_table){0};
    size_t bytes;
    size_t os_page = port_os_page_bytes();
    if (!size_multiply(entry_bytes, capacity, &bytes) || bytes > SIZE_MAX - os_page) {
        return false;
    }
    bytes = align_up(bytes, os_page);
    char *base = port_reserve(bytes, os_page, name);
    if (base == NULL) {
        return false;
    }
    *table = (struct side_table){.base = base,
                                 .entry_bytes = entry_bytes,
                                 .capacity = capacity,
                                 .reserved_bytes = bytes,
                                 .name = name};
    return true;
}

bool side_table_extend(struct side_table *table, size_t entries)
{
    TRI_ASSERT(entries <= table->capacity);
    if (entries <= table->committed) {
        return true;
    }
    size_t bytes = align_up(entries * table->entry_bytes, port_os_page_bytes());
    if (!port_commit(table->base + table->committed_bytes, bytes - table->committed_bytes,
                     table->name)) {
        return false;
    }
    store_relaxed(&table->committed_bytes, bytes);
    /* [side_table.1] All that fits into the pages, so that the next few extensions are free. */
    table->committed = size_min(table->committed_bytes / table->entry_bytes, table->capacity);
    return true;
}

void side_table_destroy(struct side_table *table)
{
    if (table->base != NULL) {
        port_release(table->base, table->reserved_bytes);
    }
    *table = (struct side_table){0};
}
