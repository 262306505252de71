/* scavenge_index.h -- which chunks may have pages to give back to the system: how full each is, and
 * has been. Kept by gc/page_alloc.c where pages are taken and given; PAGES guards it.
 */
#ifndef GC_SCAVENGE_INDEX_H
#define GC_SCAVENGE_INDEX_H

#include "gc/side_table.h"

/* One chunk. All zero: nothing in use, nothing to give. */
struct chunk_record {
    uint16_t in_use;      /* pages in use now */
    uint16_t last_in_use; /* at the end of the generation before `generation` */
    uint16_t generation;  /* the index's when in_use changed for the last time; it wraps, which
                             makes a chunk look as it was 65536 cycles ago */
    uint8_t may_give;     /* there may be free pages with contents */
    uint8_t dormant;      /* all of it is scavenged, and what is kept beside it for its spans,
                             too */
};

struct scavenge_index {
    struct side_table records;
    uint16_t generation; /* cycles, and what counts as one */
    size_t cursor[2];    /* by whether forced: no chunk from here on has anything to give */
    size_t freed;        /* above the highest chunk that has got pages with contents back in this
                            generation; 0: none has */
    size_t dormant;      /* atomic: dormant chunks */
};

/* For at most chunks chunks. False where the system refuses. */
bool scavenge_index_init(struct scavenge_index *index, size_t chunks);
void scavenge_index_destroy(struct scavenge_index *index);

static inline struct chunk_record *scavenge_index_record(const struct scavenge_index *index,
                                                         size_t chunk)
{
    return (struct chunk_record *)(void *)index->records.base + chunk;
}

/* count pages of chunk are in use now. */
void scavenge_index_take(struct scavenge_index *index, size_t chunk, size_t count);

/* They are not any more; with_contents: not all of them are scavenged. */
void scavenge_index_give(struct scavenge_index *index, size_t chunk, size_t count,
                         bool with_contents);

/* count pages of chunk are in the hands of who gives them back to the system; they are not any
 * more, with contents where the system has refused. Neither says anything about the program. */
void scavenge_index_hold(struct scavenge_index *index, size_t chunk, size_t count);
void scavenge_index_let_go(struct scavenge_index *index, size_t chunk, size_t count,
                           bool with_contents);

/* The chunk sleeps, with all that belongs to it. */
void scavenge_index_set_dormant(struct scavenge_index *index, size_t chunk);

/* A cycle has ended, or so much time has passed that it is as if one had. */
void scavenge_index_next_generation(struct scavenge_index *index);

/* Whether chunk shall be looked at for pages to give. Chunks that are nearly full, or were at the
 * end of the last cycle, are left alone unless forced, or empty. */
bool scavenge_index_may_give(const struct scavenge_index *index, size_t chunk, bool forced);

#endif
