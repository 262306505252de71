/* span.h -- a run of pages that holds objects of one type and size class, one large object, or rare
 * types mixed.
 *
 * The table of spans has one entry a page of the address space. The entry of a span's first page
 * describes the span; the entries of its other pages only say where that is. So "which span does
 * this address lie in" is one load for spans of one page and two for others, and mark and
 * allocation bits lie at a place that is computed, not loaded.
 *
 * The mark word and the allocation word of the same 64 slots are neighbours, and those of the first
 * 128 slots follow what it takes to find a slot: whoever marks an object of 64 bytes or more
 * touches one line.
 */
#ifndef GC_SPAN_H
#define GC_SPAN_H

#include "gc/address_space.h"
#include "gc/bits.h"
#include "gc/side_table.h"
#include "gc/size_class.h"

/* The smallest slot is 16 bytes: 512 slots a page, 8 words of bits. docs/decisions.md, "No 8-byte
 * objects". */
#define SLOT_BYTES_MIN 16
#define SPAN_SLOTS_MAX (PAGE_BYTES / SLOT_BYTES_MIN)
#define SPAN_BIT_WORDS (SPAN_SLOTS_MAX / 64)

/* Objects of mixed spans lie behind a header of this size, which holds their type. */
#define MIXED_HEADER_BYTES ((size_t)8)

enum span_state {
    SPAN_FREE = 0,    /* the entry describes no span */
    SPAN_ZEROING = 1, /* a large object that is not yet zeroed: it is not there for markers and
                         look-ups */
    SPAN_IN_USE = 2,
    SPAN_REGION = 3, /* in use, and its objects belong to a region: they are neither marked nor
                        swept */
    SPAN_FENCED = 4  /* of a region that was freed: its memory cannot be accessed for a while */
};

/* What span.run says: slots [first, end) belong to a run that a cursor is handing out; none where
 * first == end. The bits above count the changes, so that two moments can be told apart. */
#define SPAN_RUN_BITS 10
_Static_assert(SPAN_SLOTS_MAX < 1 << SPAN_RUN_BITS, "a number of slots fits");

static inline uint32_t span_run_end(uint32_t run)
{
    return run & ((1U << SPAN_RUN_BITS) - 1);
}

static inline uint32_t span_run_first(uint32_t run)
{
    return span_run_end(run >> SPAN_RUN_BITS);
}

/* 64 slots. */
struct span_bits {
    uint64_t mark;      /* reached in this cycle. Atomic while marking; clear at all other times */
    uint64_t allocated; /* atomic: handed to a run. Written by the span's owner, read by markers */
};

/* How the grey objects of a span are found, and who is about to scan them. */
enum span_grey {
    SPAN_BY_OBJECT = 0, /* each grey object is queued by itself; for ever */
    SPAN_IDLE = 1,      /* no object is grey, but for what a marker is just about to queue */
    SPAN_QUEUED = 2,    /* the span is in one mark_queue */
    SPAN_HELD = 3       /* one marker scans it */
};

/* Bits of span.flags: what whoever marks an object of the span has to know beyond that. */
#define SPAN_HAS_KEYS 1U /* entries wait for objects of the span: see ephemeron.c */

/* Who may write: "init" fields at span_init, before state becomes SPAN_IN_USE; "owner" fields
 * whoever has the span out of all sets (a thread cache, a sweeper). Nobody else reads those but
 * during a hold. Markers read what is init once they have seen SPAN_IN_USE. */
struct span {
    /* The hot line: all that it takes to mark one of the first 128 slots. */
    page_index first;    /* init: the first page of the span this page belongs to */
    uint8_t state;       /* enum span_state. Released by span_publish; free entries are
                            re-initialised under no reader */
    uint8_t size_class;  /* init: 0 for a large object */
    uint8_t scannable;   /* init: objects may hold references (true for mixed spans) */
    uint8_t flags;       /* atomic: bits, see above; 0 at span_init */
    uint8_t grey;        /* atomic: enum span_grey; see scan_span.c */
    uint8_t needs_zero;  /* owner: free slots may hold old contents */
    uint16_t slot_bytes; /* init: bytes from slot to slot; 0 for a large object */
    uint16_t slots;      /* init: 1 for a large object */
    uint16_t search;     /* owner: slots below it belong to runs already taken */
    uint32_t reciprocal; /* init: of slot_bytes; 0 for a large object, whose only slot is 0 */
    uint32_t pages;      /* init */
    uint16_t list;       /* init: the central list it belongs to */
    uint8_t home;        /* atomic: of the mutator that allocated from it last, the shard of central
                            lists, plus 1; 0: nobody's. Written by the owner; a hint */
    uint32_t next;       /* atomic: the next span of the span_set it is in */
    struct span_bits bits[SPAN_BIT_WORDS];

    /* Marked and scanned, or queued by itself to be so, or allocated black. Atomic while marking,
     * clear at all other times. Only where grey is not SPAN_BY_OBJECT. */
    uint64_t scanned[SPAN_BIT_WORDS];
    tri_type *type;     /* init: NULL in mixed spans, whose objects say it */
    uint64_t pointers;  /* init: bit i: word i of each slot is a plain address. 0 where grey is
                           SPAN_BY_OBJECT, as values */
    uint64_t values;    /* init: the same of values in the type's encoding */
    uint32_t sweep_gen; /* owner: the generation of the last sweep, see sweep.h */
    uint32_t run;       /* atomic: which slots a cursor is handing out, see span_run_first. Written
                           by the owner. In SPAN_REGION the number of the region, see region_of */
};
_Static_assert(sizeof(struct span) == 4 * CACHE_LINE, "a span is four lines");
_Static_assert(offsetof(struct span, bits) + 2 * sizeof(struct span_bits) == CACHE_LINE,
               "the hot line ends with the bits of 128 slots");
_Static_assert(SMALL_SIZE_MAX <= UINT16_MAX, "slot_bytes has 16 bits");

/* The spans of one heap, indexed by page. */
struct span_table {
    struct side_table entries;
    const struct address_space *space;
    page_index pages; /* atomic: entries that exist; grows under PAGES, released after they can be
                         read */
};

static inline struct span *span_at(const struct span_table *table, page_index page)
{
    return (struct span *)(void *)table->entries.base + page;
}

static inline page_index span_page(const struct span_table *table, const struct span *span)
{
    return (page_index)(span - (const struct span *)(const void *)table->entries.base);
}

static inline char *span_base(const struct span_table *table, const struct span *span)
{
    return address_space_address(table->space, span->first);
}

static inline bool span_is_large(const struct span *span)
{
    return span->size_class == 0;
}

static inline bool span_is_mixed(const struct span *span)
{
    return span->type == NULL;
}

static inline size_t span_bytes(const struct span *span)
{
    return (size_t)span->pages * PAGE_BYTES;
}

/* Bytes that one object of the span occupies: what the pacer and the statistics count. */
static inline size_t span_object_bytes(const struct span *span)
{
    return span_is_large(span) ? span_bytes(span) : span->slot_bytes;
}

/* The slot that holds the byte at offset from the span's base; may be >= slots, in the tail. */
static inline uint32_t span_slot(const struct span *span, uint32_t offset)
{
    return (uint32_t)(((uint64_t)offset * span->reciprocal) >> 32);
}

static inline char *span_slot_address(const struct span_table *table, const struct span *span,
                                      uint32_t slot)
{
    return span_base(table, span) + (size_t)slot * span->slot_bytes;
}

static inline bool span_is_allocated(const struct span *span, uint32_t slot)
{
    /* acquire: pairs with the release in span_enter_run */
    return (load_acquire(&span->bits[slot / 64].allocated) >> (slot % 64)) & 1;
}

static inline bool span_is_marked(const struct span *span, uint32_t slot)
{
    return (load_relaxed(&span->bits[slot / 64].mark) >> (slot % 64)) & 1;
}

/* The same for a reader that then decides by what others did before they marked the object. */
static inline bool span_is_seen_marked(const struct span *span, uint32_t slot)
{
    /* acquire: pairs with the release half in reach_set_mark */
    return (load_acquire(&span->bits[slot / 64].mark) >> (slot % 64)) & 1;
}

/* Whether the span is queued for all its grey objects together. */
static inline bool span_is_queued_whole(const struct span *span)
{
    return load_relaxed(&span->grey) != SPAN_BY_OBJECT;
}

/* Words of bits that the span's slots use. */
static inline size_t span_bit_words(const struct span *span)
{
    return bitmap_words(span->slots);
}

/* Room for an entry for each page of space, which outlives the table. False where the system
 * refuses. */
bool span_table_init(struct span_table *table, const struct address_space *space);
void span_table_destroy(struct span_table *table);

/* Entries [0, pages) exist from now on. PAGES held. False where the system refuses. */
bool span_table_extend(struct span_table *table, page_index pages);

/* Pages [first, first + count) are in no span, and nobody can take them meanwhile: give the memory
 * of their entries back. Look-ups go on, and find no span there. False where the system refuses,
 * or where these entries are no whole pages of the system. */
bool span_table_decommit(const struct span_table *table, page_index first, size_t count);

/* What span_init needs to know. */
struct span_shape {
    page_index first;
    uint32_t pages;
    uint32_t size_class; /* 0: a large object */
    uint32_t list;
    tri_type *type; /* NULL: mixed */
    bool scannable;
    bool needs_zero;
    uint32_t sweep_gen;
    uint64_t pointers; /* of a slot, as in struct span; 0 and 0: grey objects are queued singly */
    uint64_t values;
};

/* Describe a fresh span, all slots free. It is in no set, and look-ups do not find it until
 * span_publish. */
struct span *span_init(const struct span_table *table, const struct span_shape *shape);

/* Look-ups find the span from now on. */
void span_publish(struct span *span);

/* The same for a span of the region of that number. */
void span_publish_in_region(struct span *span, uint32_t number);

/* Whether the span's state, as it was read, says that look-ups find it. */
static inline bool span_state_is_in_use(uint8_t state)
{
    return state == SPAN_IN_USE || state == SPAN_REGION;
}

/* The entry describes no span any more. The caller owns the span and gives its pages back
 * afterwards. */
void span_retire(struct span *span);

/* The span that page belongs to; NULL if none is in use there. Any thread; exact during a hold,
 * else see tri_object_base. */
struct span *span_of_page(const struct span_table *table, page_index page);

/* The next run of free slots from span->search on. False if there is none; *count is then 0. Owner
 * only. */
bool span_find_run(const struct span *span, uint32_t *first, uint32_t *count);

/* Enter a run that was found in the allocation bits, where black in the mark bits and as scanned
 * too, and move search behind it. Owner only. */
void span_enter_run(struct span *span, uint32_t first, uint32_t count, bool black);

/* All of the run that was entered last is objects, or was given back. Owner only. */
void span_close_run(struct span *span);

/* The allocated slots of span that are objects by now: not those of a run that a cursor is handing
 * out. Into words, of which span_bit_words are written. Any thread, while nobody sweeps or retires
 * the span. */
void span_find_objects(const struct span *span, uint64_t words[SPAN_BIT_WORDS]);

/* Both, white. */
bool span_take_run(struct span *span, uint32_t *first, uint32_t *count);

/* Undo a part of a taken run: those slots are free again, and search goes back to the first of them
 * if that is before it. No marker is at work if it was taken black: a candidate might just have led
 * one to a slot of it. */
void span_give_run(struct span *span, uint32_t first, uint32_t count);

uint32_t span_count_allocated(const struct span *span);
uint32_t span_count_marked(const struct span *span);

/* Dies naming the breach if the span contradicts itself. */
void span_check(const struct span_table *table, const struct span *span);

#endif
