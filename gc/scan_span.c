/* scan_span.c -- a span is scanned for all its grey objects together, and for those of the same
 * span that they lead to.
 *
 * Owns:       span.grey once it is SPAN_HELD, and span.scanned while it is, but for the bits of
 *             objects that shade.c lets a marker scan by themselves.
 * Idea:       an object is grey while it is marked and not scanned. Who marks one queues its span,
 *             once; by the time the span comes to the front of the queue, more of its objects are
 *             grey (Go's Green Tea). References into the span that is being scanned do not leave
 *             the loop below: a list or a tree that was allocated in order is followed from object
 *             to object, without a queue and without atomic operations. That is where Go's marker
 *             is slow and ours is not. What is followed towards lower addresses is fetched ahead, a
 *             span at a time: the processor does that by itself only towards higher ones.
 * Invariants:
 *   [scan_span.1] One marker at a time MUST hold a span; otherwise each of its objects is scanned
 *                 twice.
 *   [scan_span.2] After a span is let go, its marks MUST be read again; otherwise an object that
 *                 was marked by somebody who saw it held is lost (Note [N6 queued or held]).
 *   [scan_span.3] A mark MUST be read before the scanned bit of the same slot; otherwise a slot
 *                 that becomes black between is taken for grey ([span.8]).
 *   [scan_span.4] An object that was reached here MUST be marked when the span is let go, and be
 *                 scanned, or grey and the span queued; otherwise it is lost.
 *   [scan_span.5] Who scans an object MUST have turned its scanned bit on, after its mark, or do so
 *                 when it is scanned, and only who turns it on counts it; otherwise it is counted
 *                 twice, or one who finds the bit set leaves it to nobody.
 * Locks:      none.
 * Callers:    mark.
 */
#include "gc/scan_span.h"

#include "gc/assert.h"
#include "gc/scan_kernel.h"

#define NO_SLOT UINT32_MAX

/* A look at a span that is held. */
struct look {
    struct marker *marker;
    struct span *span;
    uint32_t left;                     /* words of grey that are not 0: a bit each */
    uint32_t tried;                    /* words that a kernel has looked at, of the first */
    uint32_t found;                    /* of those, references */
    uint64_t objects[SPAN_BIT_WORDS];  /* allocated when the look began */
    uint64_t white[SPAN_BIT_WORDS];    /* of those, not marked then */
    uint64_t open[SPAN_BIT_WORDS];     /* nor reached by now */
    uint64_t was_grey[SPAN_BIT_WORDS]; /* when the look began */
    uint64_t grey[SPAN_BIT_WORDS];     /* to be scanned */
};

/* What the loop goes by and nobody changes, apart from what it writes, so that it stays in
 * registers. */
struct frame {
    uintptr_t base; /* of the span */
    size_t bytes;   /* of its slots */
    uint64_t reciprocal;
    bool has_kernel;    /* of vectors */
    bool many_pointers; /* a kernel looks through these words of an object, and these */
    bool many_values;
};

/* ---- The loop -------------------------------------------------------------------------------- */

/* A word that leads out of the span, or nowhere. */
static void meet_outside(const struct look *look, uintptr_t address)
{
    struct marker *marker = look->marker;
    size_t offset = address - marker->base;
    if (offset >= marker->bytes) {
        return;
    }
    if (marker->pending != NULL) {
        shade_later(marker, offset);
    } else {
        shade_offset(marker, offset);
    }
}

/* A word that leads into the span, but to no object that was there when the look began: to one that
 * is allocated meanwhile, black, or to none. */
TRI_COLD static void meet_stranger(const struct look *look, uintptr_t address)
{
    shade_offset(look->marker, address - look->marker->base); /* knows what to do with it */
}

/* Returns the slot to go on with: next, or that which address leads to where there is none yet. */
TRI_INLINE uint32_t meet(struct look *look, const struct frame frame, uintptr_t address,
                         uint32_t next)
{
    size_t inside = address - frame.base;
    if (inside >= frame.bytes) {
        if (address != 0) {
            meet_outside(look, address);
        }
        return next;
    }
    uint64_t product = inside * frame.reciprocal;
    uint32_t slot = (uint32_t)(product >> 32);
    uint32_t i = (uint32_t)(product >> 38);
    uint64_t mask = UINT64_C(1) << (slot % 64);
    uint64_t open = look->open[i];
    if (!(open & mask)) {
        if (TRI_UNLIKELY(!(look->objects[i] & mask))) {
            meet_stranger(look, address);
        }
        return next;
    }
    look->open[i] = open & ~mask;
    if (next == NO_SLOT) {
        return slot;
    }
    look->grey[i] |= mask;
    look->left |= 1U << i;
    return next;
}

/* The references of one object, of the words that the masks name. Each word is read by one load
 * ([scan.1]). Returns the slot of one that it led to, which is grey and not in look->grey; or
 * NO_SLOT. */
static inline uint32_t scan_masked(struct look *look, const struct frame frame, const char *object,
                                   uint64_t pointers, uint64_t values)
{
    const tri_aliased_word *words = (const tri_aliased_word *)(const void *)object;
    uint32_t next = NO_SLOT;
    for (; pointers != 0; pointers &= pointers - 1) {
        next = meet(look, frame, load_relaxed(&words[trailing_zeros(pointers)]), next);
    }
    if (values != 0) {
        const tri_encoding *encoding = &look->span->type->layout.encoding;
        for (; values != 0; values &= values - 1) {
            uintptr_t word = load_relaxed(&words[trailing_zeros(values)]);
            if (encoding_is_reference(encoding, word)) {
                next = meet(look, frame, encoding_address(encoding, word), next);
            }
        }
    }
    return next;
}

/* The same for an object of many words, of which few are references. */
static uint32_t scan_filtered(struct look *look, const struct frame frame, const char *object,
                              uint32_t words)
{
    const struct span *span = look->span;
    const struct marker *marker = look->marker;
    const struct scan_bounds bounds = {marker->base, marker->bytes};
    uint64_t pointers = span->pointers;
    uint64_t values = span->values;
    size_t bytes = span->slot_bytes;
    bool counts = look->tried < SCAN_DENSE_SAMPLE;
    look->tried += counts ? words : 0;
    if (frame.many_pointers) {
        pointers = scan_kernel_find(marker->kernel, object, bytes, pointers, NULL, &bounds);
        look->found += counts ? bit_count(pointers) : 0;
    }
    if (frame.many_values) {
        const tri_encoding *encoding = &span->type->layout.encoding;
        values = scan_kernel_find(marker->kernel, object, bytes, values, encoding, &bounds);
        look->found += counts ? bit_count(values) : 0;
    }
    return scan_masked(look, frame, object, pointers, values);
}

/* The same for an object of some words, plain addresses, of which many are 0: those that are in its
 * first groups of SCAN_GROUP_WORDS words, which lie in the slot, are not looked at by
 * themselves. */
FOR_VECTORS static inline uint32_t scan_sparse(struct look *look, const struct frame frame,
                                               const char *object, uint64_t pointers,
                                               uint32_t groups)
{
    uint64_t zero = 0;
    for (uint32_t i = 0; i < groups; i++) {
        const char *words = object + i * SCAN_GROUP_WORDS * WORD_BYTES;
        zero |= scan_kernel_zero(words) << i * SCAN_GROUP_WORDS;
    }
    return scan_masked(look, frame, object, pointers & ~zero, 0);
}

/* The same for an object with ROW_WORDS_MAX plain addresses at the most, which lie side by side:
 * words are the first of count. */
TRI_INLINE uint32_t scan_row(struct look *look, const struct frame frame, const char *row,
                             uint32_t count)
{
    const tri_aliased_word *words = (const tri_aliased_word *)(const void *)row;
    uint32_t next = meet(look, frame, load_relaxed(&words[0]), NO_SLOT);
    if (count > 1) {
        next = meet(look, frame, load_relaxed(&words[1]), next);
    }
    if (count > 2) {
        next = meet(look, frame, load_relaxed(&words[2]), next);
    }
    if (count > 3) {
        next = meet(look, frame, load_relaxed(&words[3]), next);
    }
    return next;
}

/* How the objects of a span are scanned. */
enum manner {
    SCAN_MASKED,
    SCAN_ROW_1, /* and so on: scan_row with that many words */
    SCAN_ROW_2,
    SCAN_ROW_3,
    SCAN_ROW_4,
    SCAN_SPARSE,
    SCAN_FILTERED
};
#define ROW_WORDS_MAX ((uint32_t)SCAN_ROW_4)

/* Groups of words up to the last that may hold a reference, as far as they lie in the slot. */
static uint32_t word_groups(const struct span *span)
{
    uint64_t wanted = span->pointers | span->values;
    size_t words = WORD_BITS - leading_zeros(wanted);
    size_t groups = (words + SCAN_GROUP_WORDS - 1) / SCAN_GROUP_WORDS;
    return (uint32_t)size_min(groups, span->slot_bytes / (SCAN_GROUP_WORDS * WORD_BYTES));
}

/* Of objects of many words. A kernel only pays if most of them are no references: whether that is
 * so, the last look by one says for some that follow. */
static enum manner manner_of_many(struct marker *marker)
{
    if (marker->dense_looks == 0) {
        return SCAN_FILTERED;
    }
    marker->dense_looks--;
    return SCAN_MASKED;
}

/* Where the first word of pointers is a row, *skip is what lies before it in the object. */
static enum manner manner_of(struct marker *marker, const struct span *span,
                             const struct frame frame, size_t *skip)
{
    uint64_t wanted = span->pointers | span->values;
    bool plain = span->values == 0;
    uint32_t first = trailing_zeros(wanted);
    uint64_t row = wanted >> (first % 64);
    uint32_t count = trailing_zeros(~row);
    uint32_t groups = word_groups(span);
    *skip = 0;
    if (plain && row == bit_range(0, count) && count <= ROW_WORDS_MAX) {
        *skip = first * WORD_BYTES;
        return (enum manner)count;
    }
    if (frame.has_kernel && plain && groups > 0 && groups <= SCAN_SPARSE_GROUPS) {
        return SCAN_SPARSE;
    }
    return frame.many_pointers || frame.many_values ? manner_of_many(marker) : SCAN_MASKED;
}

/* The lowest grey slot; there is one. */
static inline uint32_t take_lowest(struct look *look)
{
    uint32_t i = trailing_zeros(look->left);
    uint32_t slot = i * 64 + trailing_zeros(look->grey[i]);
    look->grey[i] &= look->grey[i] - 1;
    look->left ^= look->grey[i] == 0 ? 1U << i : 0;
    return slot;
}

/* Scan until no slot is grey, or `most` are scanned. base is that of the slots, but for what is
 * skipped. The manner is a constant where this is inlined. */
TRI_INLINE void scan_slots_by(struct look *look, const struct frame frame, const char *base,
                              size_t most, enum manner manner)
{
    const uint64_t pointers = look->span->pointers;
    const uint64_t values = look->span->values;
    const size_t slot_bytes = look->span->slot_bytes;
    const uint32_t groups = word_groups(look->span);
    const uint32_t words = manner != SCAN_FILTERED
                               ? 0
                               : (frame.many_pointers ? bit_count(pointers) : 0) +
                                     (frame.many_values ? bit_count(values) : 0);
    uint32_t slot = NO_SLOT;
    while (look->left != 0 && most > 0) {
        slot = take_lowest(look);
        do { /* along a chain */
            const char *object = base + slot * slot_bytes;
            if (manner == SCAN_MASKED) {
                slot = scan_masked(look, frame, object, pointers, values);
            } else if (manner == SCAN_FILTERED) {
                slot = scan_filtered(look, frame, object, words);
            } else if (manner == SCAN_SPARSE) {
                slot = scan_sparse(look, frame, object, pointers, groups);
            } else {
                slot = scan_row(look, frame, object, (uint32_t)manner);
            }
        } while (--most > 0 && slot != NO_SLOT);
    }
    if (slot != NO_SLOT) {
        look->grey[slot / 64] |= UINT64_C(1) << (slot % 64); /* too many */
    }
}

FOR_VECTORS TRI_NOINLINE static void scan_sparse_slots(struct look *look, const struct frame frame,
                                                       const char *base, size_t most)
{
    scan_slots_by(look, frame, base, most, SCAN_SPARSE);
}

/* A loop of its own for each manner: a test for each object, and words that are found by a mask,
 * cost a fifth of the time (docs/decisions.md). */
static void scan_slots(struct look *look, size_t most)
{
    struct marker *marker = look->marker;
    const struct span *span = look->span;
    bool has_kernel = marker->kernel != SCAN_KERNEL_PORTABLE;
    const struct frame frame = {
        .base = marker->base + ((size_t)span->first << PAGE_SHIFT),
        .bytes = (size_t)span->slots * span->slot_bytes,
        .reciprocal = span->reciprocal,
        .has_kernel = has_kernel,
        .many_pointers = has_kernel && bit_count(span->pointers) >= SCAN_KERNEL_WORDS,
        .many_values = has_kernel && bit_count(span->values) >= SCAN_KERNEL_WORDS,
    };
    size_t skip;
    enum manner manner = manner_of(marker, span, frame, &skip);
    const char *base = (const char *)frame.base + skip;
    switch (manner) {
    case SCAN_ROW_1:
        scan_slots_by(look, frame, base, most, SCAN_ROW_1);
        break;
    case SCAN_ROW_2:
        scan_slots_by(look, frame, base, most, SCAN_ROW_2);
        break;
    case SCAN_ROW_3:
        scan_slots_by(look, frame, base, most, SCAN_ROW_3);
        break;
    case SCAN_ROW_4:
        scan_slots_by(look, frame, base, most, SCAN_ROW_4);
        break;
    case SCAN_SPARSE:
        scan_sparse_slots(look, frame, base, most);
        break;
    case SCAN_MASKED:
        scan_slots_by(look, frame, base, most, SCAN_MASKED);
        break;
    case SCAN_FILTERED:
        scan_slots_by(look, frame, base, most, SCAN_FILTERED);
        marker->dense_looks = look->found > look->tried / 2 ? SCAN_DENSE_LOOKS : 0;
        break;
    }
}

/* ---- Its begin and its end ------------------------------------------------------------------- */

/* Read the bits. False where nothing is grey. */
static bool begin_look(struct look *look, struct marker *marker, struct span *span)
{
    look->marker = marker;
    look->span = span;
    look->left = 0;
    look->tried = 0;
    look->found = 0;
    for (uint32_t i = 0; i < span_bit_words(span); i++) {
        /* Before the marks: what is seen allocated is seen black, too. acquire: pairs with the
         * release in span_enter_run [span.5] */
        uint64_t objects = load_acquire(&span->bits[i].allocated);
        /* After the change of span.grey that made us its holder, in the order of all that is
         * sequentially consistent; pairs with the change in reach_set_mark [scan_span.2] */
        uint64_t known = load_seq_cst(&span->bits[i].mark);
        uint64_t grey = known & ~load_relaxed(&span->scanned[i]); /* [scan_span.3] */
        look->objects[i] = objects;
        look->white[i] = look->open[i] = objects & ~known;
        look->was_grey[i] = look->grey[i] = grey;
        look->left |= (grey != 0 ? 1U : 0U) << i;
    }
    return look->left != 0;
}

/* The objects of look's span in word number index of its bits that marks says were marked just
 * now. */
static void shade_keys(const struct look *look, uint32_t index, uint64_t marks)
{
    struct marker *marker = look->marker;
    if (TRI_LIKELY(!shade_has_keys(look->span))) {
        return;
    }
    for (; marks != 0; marks &= marks - 1) {
        uint32_t slot = index * 64 + trailing_zeros(marks);
        shade_key_slow(marker, (uintptr_t)span_slot_address(marker->spans, look->span, slot));
    }
}

/* Write the bits [scan_span.4]. Returns how many objects were scanned. */
static uint32_t end_look(const struct look *look)
{
    struct marker *marker = look->marker;
    struct span *span = look->span;
    uint32_t scanned = 0;
    uint32_t marked = 0;
    for (uint32_t i = 0; i < span_bit_words(span); i++) {
        uint64_t fresh = look->white[i] & ~look->open[i];
        uint64_t done = (look->was_grey[i] | fresh) & ~look->grey[i];
        if (fresh != 0 && !shade_may_mark(marker)) {
            fresh = 0; /* marking has ended: this is garbage [shade.5] */
            done = look->was_grey[i] & ~look->grey[i];
        }
        if (fresh != 0) {
            fresh = shade_set_bits(marker, &span->bits[i].mark, fresh); /* [shade.1] */
            marked += bit_count(fresh);
            shade_keys(look, i, fresh);
        }
        if (done != 0) {
            scanned +=
                bit_count(shade_set_bits(marker, &span->scanned[i], done)); /* [scan_span.5] */
        }
    }
    marker->marked_objects += marked;
    marker->marked_bytes += (uint64_t)marked * span->slot_bytes;
    return scanned;
}

static bool is_grey(const struct span *span)
{
    uint64_t grey = 0;
    for (uint32_t i = 0; i < span_bit_words(span); i++) {
        uint64_t mark = load_seq_cst(&span->bits[i].mark); /* pairs as in begin_look */
        grey |= mark & ~load_relaxed(&span->scanned[i]);   /* [scan_span.3] */
    }
    return grey != 0;
}

/* Hold the span, where its grey is expected [scan_span.1]. */
static bool take(const struct marker *marker, struct span *span, uint8_t expected)
{
    if (marker->alone) {
        bool as_expected = load_relaxed(&span->grey) == expected;
        store_relaxed(&span->grey, as_expected ? (uint8_t)SPAN_HELD : load_relaxed(&span->grey));
        return as_expected;
    }
    /* Pairs with shade_queue_marked (Note [N6 queued or held]). */
    return cas_seq_cst(&span->grey, &expected, (uint8_t)SPAN_HELD);
}

/* True where the span is not held any more; false where there are new grey objects and it is. */
static bool let_go(const struct marker *marker, struct span *span)
{
    if (marker->alone) {
        store_relaxed(&span->grey, (uint8_t)SPAN_IDLE);
    } else {
        /* Before the loads of marks in is_grey; pairs with shade_queue_marked. */
        (void)exchange_seq_cst(&span->grey, (uint8_t)SPAN_IDLE);
    }
    return !is_grey(span) || !take(marker, span, SPAN_IDLE); /* [scan_span.2] */
}

/* Let the processor fetch the lines of an object in which references may be. */
static inline void prefetch_object(const char *object, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += CACHE_LINE) {
        prefetch_read(object + i);
    }
}

/* The same for those of the span's objects that are grey, or for all. */
static void prefetch_slots(const struct marker *marker, const struct span *span, bool all)
{
    const char *base = (const char *)marker->base + ((size_t)span->first << PAGE_SHIFT);
    size_t slot_bytes = span->slot_bytes;
    if (all && slot_bytes < CACHE_LINE) {
        prefetch_object(base, span->slots * slot_bytes);
        return;
    }
    uint64_t wanted = span->pointers | span->values;
    size_t bytes = wanted == 0 ? 1 : (WORD_BITS - leading_zeros(wanted)) * WORD_BYTES;
    for (uint32_t i = 0; i < span_bit_words(span); i++) {
        const struct span_bits *bits = &span->bits[i];
        uint64_t slots = all ? load_relaxed(&bits->allocated)
                             : load_relaxed(&bits->mark) & ~load_relaxed(&span->scanned[i]);
        for (; slots != 0; slots &= slots - 1) {
            prefetch_object(base + (i * 64 + trailing_zeros(slots)) * slot_bytes, bytes);
        }
    }
}

void scan_span_prefetch_objects(const struct marker *marker, const struct span *span)
{
    prefetch_slots(marker, span, marker->goes_back);
}

/* Whether scanned, the objects of a look, are many, and were reached from the end of the span to
 * its begin. */
static bool went_back(const struct look *look, size_t scanned)
{
    size_t slots = look->span->slots;
    if (scanned < MARK_BACK_OBJECTS) {
        return false;
    }
    size_t from = bitmap_find_set(look->was_grey, 0, slots);
    for (size_t i = 0; i <= from / 64; i++) {
        uint64_t reached = look->white[i] & ~look->open[i];
        if (reached != 0) {
            return i * 64 + trailing_zeros(reached) < from;
        }
    }
    return false;
}

/* The span is held. */
static size_t scan_held(struct marker *marker, struct span *span, size_t budget)
{
    struct look look;
    size_t scanned = 0;
    size_t slot_bytes = span->slot_bytes;
    do {
        if (!begin_look(&look, marker, span)) {
            continue;
        }
        if (marker->goes_back) {
            prefetch_slots(marker, span, true);
        }
        size_t left = scanned < budget ? budget - scanned : 0;
        scan_slots(&look, (left + slot_bytes - 1) / slot_bytes);
        size_t count = end_look(&look);
        marker->goes_back = went_back(&look, count);
        scanned += count * slot_bytes;
        if (scanned >= budget && is_grey(span)) {
            store_release(&span->grey, (uint8_t)SPAN_QUEUED); /* pairs as in take */
            shade_queue_span(marker, span);                   /* [scan_span.4] */
            break;
        }
    } while (!let_go(marker, span));
    return scanned;
}

size_t scan_span(struct marker *marker, struct span *span, size_t budget)
{
    bool taken = take(marker, span, SPAN_QUEUED);
    TRI_ASSERT(taken); /* [mark_queue.1] */
    (void)taken;
    return scan_held(marker, span, budget);
}

size_t scan_span_idle(struct marker *marker, struct span *span)
{
    return take(marker, span, SPAN_IDLE) ? scan_held(marker, span, SIZE_MAX / 2) : 0;
}
