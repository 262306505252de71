/* scan_span.c -- a span is scanned for all its grey objects together, and for those of the same
 * span that they lead to.
 *
 * Owns:       span.grey once it is SPAN_HELD, and span.scanned while it is.
 * Idea:       an object is grey while it is marked and not scanned. Who marks one queues its span,
 *             once; by the time the span comes to the front of the queue, more of its objects are
 *             grey (Go's Green Tea). References into the span that is being scanned do not leave
 *             the loop below: a list or a tree that was allocated in order is followed from object
 *             to object, without a queue and without atomic operations. That is where Go's marker
 *             is slow and ours is not.
 * Invariants:
 *   [scan_span.1] One marker at a time MUST hold a span; otherwise an object is scanned, and
 *                 counted, twice.
 *   [scan_span.2] After a span is let go, its marks MUST be read again; otherwise an object that
 *                 was marked by somebody who saw it held is lost (Note [N6 queued or held]).
 *   [scan_span.3] A mark MUST be read before the scanned bit of the same slot; otherwise a slot
 *                 that becomes black between is taken for grey ([span.8]).
 *   [scan_span.4] An object that was reached here MUST be marked when the span is let go, and be
 *                 scanned, or grey and the span queued; otherwise it is lost.
 * Locks:      none.
 * Callers:    mark.
 */
#include "gc/scan_span.h"

#include "gc/assert.h"
#include "gc/scan_kernel.h"
#include "gc/weak_word.h"

#define NO_SLOT UINT32_MAX

/* A look at a span that is held. */
struct look {
    struct marker *marker;
    struct span *span;
    uint32_t next;                    /* the slot that is grey and to be scanned next; or NO_SLOT */
    uint32_t left;                    /* words of bits with other grey slots: a bit each */
    uint64_t known[SPAN_BIT_WORDS];   /* marks when the look began */
    uint64_t reached[SPAN_BIT_WORDS]; /* and by now */
    uint64_t was_grey[SPAN_BIT_WORDS];
    uint64_t grey[SPAN_BIT_WORDS];
};

/* What the loop goes by and nobody changes, apart from what it writes, so that it stays in
 * registers. */
struct frame {
    uintptr_t heap; /* where it begins */
    size_t heap_bytes;
    size_t offset; /* of the span in it */
    size_t bytes;  /* of the span's slots */
    uint64_t reciprocal;
};

/* ---- The loop -------------------------------------------------------------------------------- */

/* A reference to the byte `inside` of the span. */
static inline void reach(struct look *look, const struct frame frame, size_t inside)
{
    uint32_t slot = (uint32_t)((inside * frame.reciprocal) >> 32);
    uint32_t i = slot / 64 % SPAN_BIT_WORDS;
    uint64_t mask = UINT64_C(1) << (slot % 64);
    if (look->reached[i] & mask) {
        return;
    }
    /* acquire: pairs with the release in span_enter_run [span.5] */
    if (TRI_UNLIKELY(!(load_acquire(&look->span->bits[i].allocated) & mask))) {
        shade_offset(look->marker, frame.offset + inside); /* knows what to do with it */
        return;
    }
    look->reached[i] |= mask;
    if (look->next == NO_SLOT) {
        look->next = slot;
    } else {
        look->grey[i] |= mask;
        look->left |= 1U << i;
    }
}

static inline void meet(struct look *look, const struct frame frame, uintptr_t address)
{
    size_t offset = address - frame.heap;
    if (offset >= frame.heap_bytes) {
        return;
    }
    if (offset - frame.offset < frame.bytes) {
        reach(look, frame, offset - frame.offset);
    } else if (look->marker->pending != NULL) {
        shade_later(look->marker, offset);
    } else {
        shade_offset(look->marker, offset);
    }
}

/* The references of one object. Each word is read by one load ([scan.1]). */
static inline void scan_object(struct look *look, const struct frame frame, const char *object,
                               uint64_t pointers, uint64_t values)
{
    const tri_aliased_word *words = (const tri_aliased_word *)(const void *)object;
    for (; pointers != 0; pointers &= pointers - 1) {
        meet(look, frame, load_relaxed(&words[trailing_zeros(pointers)]));
    }
    if (values != 0) {
        const tri_encoding *encoding = &look->span->type->layout.encoding;
        for (; values != 0; values &= values - 1) {
            uintptr_t word = load_relaxed(&words[trailing_zeros(values)]);
            if (encoding_is_reference(encoding, word)) {
                meet(look, frame, encoding_address(encoding, word));
            }
        }
    }
}

/* The same for an object of many words, of which few are references. */
static void scan_filtered(struct look *look, const struct frame frame, const char *object)
{
    const struct span *span = look->span;
    enum scan_kernel kernel = look->marker->kernel;
    const struct scan_bounds bounds = {frame.heap, frame.heap_bytes};
    uint64_t pointers = span->pointers;
    uint64_t values = span->values;
    size_t bytes = span->slot_bytes;
    if (pointers != 0) {
        pointers = scan_kernel_find(kernel, object, bytes, pointers, NULL, &bounds);
    }
    if (values != 0) {
        const tri_encoding *encoding = &span->type->layout.encoding;
        values = scan_kernel_find(kernel, object, bytes, values, encoding, &bounds);
    }
    scan_object(look, frame, object, pointers, values);
}

/* Whether a kernel is worth its call. */
static bool has_many_words(const struct marker *marker, const struct span *span)
{
    return marker->kernel != SCAN_KERNEL_PORTABLE &&
           bit_count(span->pointers | span->values) >= SCAN_KERNEL_WORDS;
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

/* Scan until no slot is grey, or `most` are scanned. */
static void scan_slots(struct look *look, size_t most)
{
    const struct marker *marker = look->marker;
    const struct span *span = look->span;
    size_t slot_bytes = span->slot_bytes;
    const struct frame frame = {
        .heap = marker->base,
        .heap_bytes = marker->bytes,
        .offset = (size_t)span->first << PAGE_SHIFT,
        .bytes = span->slots * slot_bytes,
        .reciprocal = span->reciprocal,
    };
    const char *base = (const char *)frame.heap + frame.offset;
    bool filters = has_many_words(marker, span);
    while (look->left != 0 && most > 0) {
        uint32_t slot = take_lowest(look);
        for (;;) { /* along a chain */
            const char *object = base + slot * slot_bytes;
            if (filters) {
                scan_filtered(look, frame, object);
            } else {
                scan_object(look, frame, object, span->pointers, span->values);
            }
            slot = look->next;
            if (--most == 0 || slot == NO_SLOT) {
                break;
            }
            look->next = NO_SLOT;
        }
    }
    if (look->next != NO_SLOT) {
        look->grey[look->next / 64] |= UINT64_C(1) << (look->next % 64); /* too many */
    }
}

/* ---- Its begin and its end ------------------------------------------------------------------- */

/* Read the bits. False where nothing is grey. */
static bool begin_look(struct look *look, struct marker *marker, struct span *span)
{
    look->marker = marker;
    look->span = span;
    look->next = NO_SLOT;
    look->left = 0;
    for (uint32_t i = 0; i < span_bit_words(span); i++) {
        /* After the change of span.grey that made us its holder, in the order of all that is
         * sequentially consistent; pairs with the change in set_mark of shade.c [scan_span.2] */
        uint64_t known = load_seq_cst(&span->bits[i].mark);
        uint64_t grey = known & ~load_relaxed(&span->scanned[i]); /* [scan_span.3] */
        look->known[i] = look->reached[i] = known;
        look->was_grey[i] = look->grey[i] = grey;
        look->left |= (grey != 0 ? 1U : 0U) << i;
    }
    return look->left != 0;
}

/* Bits that are set in *word from now on. Returns those that were not before. */
static uint64_t set_bits(const struct marker *marker, uint64_t *word, uint64_t bits)
{
    if (marker->alone) {
        uint64_t old = load_relaxed(word);
        store_relaxed(word, old | bits);
        return bits & ~old;
    }
    /* release half: pairs with the loads of marks above, and with the acquire in
     * span_is_seen_marked; and comes before the look at the span's flags, see shade_has_keys */
    return bits & ~fetch_or_seq_cst(word, bits);
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

static bool may_mark(const struct marker *marker)
{
    return !marker->of_mutator || weak_disturb(marker->heap);
}

/* Write the bits [scan_span.4]. Returns how many objects were scanned. */
static uint32_t end_look(const struct look *look)
{
    struct marker *marker = look->marker;
    struct span *span = look->span;
    uint32_t scanned = 0;
    uint32_t marked = 0;
    for (uint32_t i = 0; i < span_bit_words(span); i++) {
        uint64_t fresh = look->reached[i] & ~look->known[i];
        uint64_t done = (look->was_grey[i] | fresh) & ~look->grey[i];
        if (fresh != 0 && !may_mark(marker)) {
            fresh = 0; /* marking has ended: this is garbage [shade.5] */
            done = look->was_grey[i] & ~look->grey[i];
        }
        if (fresh != 0) {
            fresh = set_bits(marker, &span->bits[i].mark, fresh); /* [shade.1] */
            marked += bit_count(fresh);
            shade_keys(look, i, fresh);
        }
        if (done != 0) {
            (void)set_bits(marker, &span->scanned[i], done);
            scanned += bit_count(done);
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
    /* Pairs with queue_span of shade.c (Note [N6 queued or held]). */
    return cas_seq_cst(&span->grey, &expected, (uint8_t)SPAN_HELD);
}

/* True where the span is not held any more; false where there are new grey objects and it is. */
static bool let_go(const struct marker *marker, struct span *span)
{
    if (marker->alone) {
        store_relaxed(&span->grey, (uint8_t)SPAN_IDLE);
    } else {
        /* Before the loads of marks in is_grey; pairs with queue_span of shade.c. */
        (void)exchange_seq_cst(&span->grey, (uint8_t)SPAN_IDLE);
    }
    return !is_grey(span) || !take(marker, span, SPAN_IDLE); /* [scan_span.2] */
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
        size_t left = scanned < budget ? budget - scanned : 0;
        scan_slots(&look, (left + slot_bytes - 1) / slot_bytes);
        scanned += end_look(&look) * slot_bytes;
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

/* The lines of an object in which references may be. */
static inline void prefetch_object(const char *object, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += CACHE_LINE) {
        prefetch_read(object + i);
    }
}

void scan_span_prefetch_objects(const struct marker *marker, const struct span *span)
{
    const char *base = (const char *)marker->base + ((size_t)span->first << PAGE_SHIFT);
    size_t slot_bytes = span->slot_bytes;
    uint64_t wanted = span->pointers | span->values;
    size_t bytes = wanted == 0 ? 1 : (WORD_BITS - leading_zeros(wanted)) * WORD_BYTES;
    for (uint32_t i = 0; i < span_bit_words(span); i++) {
        uint64_t grey = load_relaxed(&span->bits[i].mark) & ~load_relaxed(&span->scanned[i]);
        for (; grey != 0; grey &= grey - 1) {
            prefetch_object(base + (i * 64 + trailing_zeros(grey)) * slot_bytes, bytes);
        }
    }
}
