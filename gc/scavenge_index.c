/* scavenge_index.c -- which chunks may have pages to give back.
 *
 * Owns:       the records of all chunks, and where a search for one begins.
 * Idea:       Go's. What is nearly full, or was when the last cycle ended, will be full again soon,
 *             and is better left whole: its huge pages stay, and it is not faulted in once more.
 *             But a chunk that is empty now tears up nothing, and how much is needed again the goal
 *             says; it need not wait (docs/decisions.md, "Empty chunks go at once").
 * Invariants:
 *   [scavenge_index.1] in_use MUST be the number of pages in use in the chunk; otherwise full
 *                      chunks are torn up, or empty ones kept for ever.
 *   [scavenge_index.2] may_give MUST be set, and the chunk lie below cursor[1], while it has a free
 *                      page with contents that was not looked at; otherwise even a forced search
 *                      does not find it. cursor[0] follows when the generation changes.
 *   [scavenge_index.3] A chunk in which a page is in use MUST NOT be dormant; otherwise metadata is
 *                      counted as given back that costs memory.
 * Locks:      PAGES, held by the caller. `dormant` is read without it.
 * Callers:    page_alloc, scavenge.
 */
#include "gc/scavenge_index.h"

#include "gc/atomic.h"
#include "gc/tuning.h"

bool scavenge_index_init(struct scavenge_index *index, size_t chunks)
{
    *index = (struct scavenge_index){.generation = 0};
    return side_table_init(&index->records, sizeof(struct chunk_record), chunks,
                           "trillium metadata: scavenge index");
}

void scavenge_index_destroy(struct scavenge_index *index)
{
    side_table_destroy(&index->records);
}

/* The record, in which in_use is about to change. */
static struct chunk_record *touch(const struct scavenge_index *index, size_t chunk)
{
    struct chunk_record *record = scavenge_index_record(index, chunk);
    if (record->generation != index->generation) {
        record->last_in_use = record->in_use;
        record->generation = index->generation;
    }
    return record;
}

void scavenge_index_take(struct scavenge_index *index, size_t chunk, size_t count)
{
    struct chunk_record *record = touch(index, chunk);
    TRI_ASSERT(record->in_use + count <= CHUNK_PAGES);
    record->in_use = (uint16_t)(record->in_use + count);
    if (record->dormant) { /* [scavenge_index.3] */
        record->dormant = false;
        fetch_sub_relaxed(&index->dormant, (size_t)1);
    }
}

/* The chunk has free pages with contents. [scavenge_index.2] */
static void enter(struct scavenge_index *index, size_t chunk)
{
    scavenge_index_record(index, chunk)->may_give = true;
    index->cursor[true] = size_max(index->cursor[true], chunk + 1);
}

void scavenge_index_give(struct scavenge_index *index, size_t chunk, size_t count,
                         bool with_contents)
{
    struct chunk_record *record = touch(index, chunk);
    TRI_ASSERT(record->in_use >= count);
    record->in_use = (uint16_t)(record->in_use - count);
    if (with_contents) {
        enter(index, chunk);
        index->freed = size_max(index->freed, chunk + 1);
    }
    if (record->in_use == 0 && record->may_give) { /* it need not wait */
        index->cursor[false] = size_max(index->cursor[false], chunk + 1);
    }
}

void scavenge_index_hold(struct scavenge_index *index, size_t chunk, size_t count)
{
    struct chunk_record *record = scavenge_index_record(index, chunk);
    record->in_use = (uint16_t)(record->in_use + count);
}

void scavenge_index_let_go(struct scavenge_index *index, size_t chunk, size_t count,
                           bool with_contents)
{
    struct chunk_record *record = scavenge_index_record(index, chunk);
    TRI_ASSERT(record->in_use >= count);
    record->in_use = (uint16_t)(record->in_use - count);
    if (with_contents) {
        enter(index, chunk);
    }
}

void scavenge_index_set_dormant(struct scavenge_index *index, size_t chunk)
{
    struct chunk_record *record = scavenge_index_record(index, chunk);
    TRI_ASSERT(record->in_use == 0);
    if (!record->dormant) {
        record->dormant = true;
        fetch_add_relaxed(&index->dormant, (size_t)1);
    }
}

void scavenge_index_next_generation(struct scavenge_index *index)
{
    index->generation++;
    index->cursor[false] = size_max(index->cursor[false], index->freed);
    index->freed = 0;
}

bool scavenge_index_may_give(const struct scavenge_index *index, size_t chunk, bool forced)
{
    const struct chunk_record *record = scavenge_index_record(index, chunk);
    if (!record->may_give || forced) {
        return record->may_give;
    }
    if (record->in_use == 0) {
        return true;
    }
    bool was_dense =
        record->generation == index->generation && record->last_in_use >= SCAVENGE_DENSE_PAGES;
    return record->in_use < SCAVENGE_DENSE_PAGES && !was_dense;
}
