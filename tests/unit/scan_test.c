/* scan_test.c -- the words that a layout names are read, each by one load, and no others.
 *
 * Each word of an object leads to a target of its own. After the scan exactly those targets are
 * marked whose words a naive reading of the declaration calls references.
 */
#include "gc/scan.h"

#include <string.h>

#include "gc/object.h"
#include "gc/scan_span.h"
#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

static struct marker marker;

static const tri_encoding tagged = TRI_ENCODING_LOW_TAG(7, 1);
#define BOX (UINT64_C(0xfffc) << 48)
static const tri_encoding boxed = TRI_ENCODING_NAN_BOX(BOX, BOX);

static void create(void)
{
    fake_port_reset();
    tri_heap_options options;
    fixture_options(&options);
    options.gc_percent = TRI_GC_PERCENT_OFF;
    fixture_begin(&options, 1);
}

static void destroy(void)
{
    fixture_end();
    fake_port_finish();
}

/* ---- Targets --------------------------------------------------------------------------------- */

#define TARGETS_MAX  90000
#define TARGET_BYTES 16

static char *targets[TARGETS_MAX];
static bool wanted[TARGETS_MAX];
static size_t target_count;

static void make_targets(size_t count)
{
    tri_type *type = fixture_type(TARGET_BYTES, TRI_LAYOUT_LEAF);
    EXPECT(count <= TARGETS_MAX);
    fixture_promote(type);
    for (size_t i = 0; i < count; i++) {
        targets[i] = fixture_new(type);
        wanted[i] = false;
    }
    target_count = count;
}

static bool is_marked(size_t target)
{
    const struct span *span = fixture_span(targets[target]);
    const char *base = span_base(&fixture.heap->page_heap.spans, span);
    return span_is_marked(span, (uint32_t)((size_t)(targets[target] - base) / TARGET_BYTES));
}

/* Exactly the wanted targets are marked. */
static void expect_wanted(void)
{
    for (size_t i = 0; i < target_count; i++) {
        if (is_marked(i) != wanted[i]) {
            ck_abort_msg("target %zu of %zu is %s", i, target_count,
                         wanted[i] ? "missed" : "marked and should not be");
        }
    }
}

/* ---- Words ----------------------------------------------------------------------------------- */

enum word_kind {
    WORD_NONE,
    WORD_POINTER,
    WORD_VALUE,
    WORD_CANDIDATE
};

/* Write word number index of object, so that it leads to target; wanted says whether a word of that
 * kind that holds this is a reference. Now and then it is in the wrong form. */
static void write_word(uint64_t *random, char *object, size_t index, enum word_kind kind,
                       const tri_encoding *encoding, size_t target)
{
    uint64_t choice = unit_random(random);
    uintptr_t address = (uintptr_t)targets[target];
    uintptr_t word = address;
    bool reference = kind == WORD_POINTER || kind == WORD_CANDIDATE;
    if (reference) {
        word += choice % TARGET_BYTES; /* anywhere inside */
    } else if (choice & 1) {           /* as a value in the encoding */
        word = encoding->pattern | ((address + (choice & 8)) & encoding->address);
        reference = kind == WORD_VALUE;
    } else if (encoding->mask == 0) {
        reference = kind == WORD_VALUE; /* plain is right */
    } else {
        word ^= choice & 2 ? 0 : encoding->pattern ^ 2; /* plain, or a tag that is another's */
        reference = kind == WORD_VALUE && encoding_is_reference(encoding, word);
    }
    if (choice >> 60 == 0) {
        word = 0;
        reference = false;
    }
    *fixture_slot(object, index) = word;
    wanted[target] = reference;
}

/* What kind of word a layout says is at word number index of the object or element. */
static enum word_kind kind_of_word(const tri_layout *layout, size_t index)
{
    switch (layout->kind) {
    case TRI_LAYOUT_ALL_WORDS:
        return WORD_VALUE;
    case TRI_LAYOUT_CONSERVATIVE:
        return WORD_CANDIDATE;
    case TRI_LAYOUT_FIELDS:
        for (uint32_t i = 0; i < layout->field_count; i++) {
            if (layout->fields[i].offset == index * WORD_BYTES) {
                return layout->fields[i].kind == TRI_FIELD_POINTER ? WORD_POINTER : WORD_VALUE;
            }
        }
        return WORD_NONE;
    case TRI_LAYOUT_LEAF:
    case TRI_LAYOUT_TRACE:
        break;
    }
    return WORD_NONE;
}

static const tri_encoding *encoding_of(const tri_layout *layout)
{
    return layout->encoding != NULL ? layout->encoding : &fixture.heap->options.value_encoding;
}

/* Fill count elements from element on, each of bytes bytes and stride apart. Targets from *next on
 * are used up. */
static void fill_elements(uint64_t *random, char *first, const tri_layout *layout, size_t bytes,
                          size_t stride, size_t count, size_t *next)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t word = 0; word < bytes / WORD_BYTES; word++) {
            write_word(random, first + i * stride, word, kind_of_word(layout, word),
                       encoding_of(layout), (*next)++);
        }
    }
}

/* ---- Whole objects --------------------------------------------------------------------------- */

/* Instead of the object alone, its span with it as the only grey object finds the same. */
static void scan_span_of(const struct object_place *place)
{
    static bool marked[TARGETS_MAX];
    for (size_t i = 0; i < target_count; i++) {
        marked[i] = is_marked(i);
    }
    fixture_unmark();
    fixture_begin_marker(&marker);
    place->span->bits[place->slot / 64].mark = UINT64_C(1) << (place->slot % 64);
    place->span->grey = SPAN_QUEUED;
    EXPECT(scan_span(&marker, place->span, SIZE_MAX / 2) == place->span->slot_bytes);
    EXPECT(place->span->grey == SPAN_IDLE);
    fixture_end_marker(&marker);
    for (size_t i = 0; i < target_count; i++) {
        EXPECT(is_marked(i) == marked[i]);
    }
}

static void scan_object(const char *object)
{
    struct object_place place;
    EXPECT(object_find(fixture.heap, (uintptr_t)object, &place));
    fixture_begin_marker(&marker);
    scan_entry(&marker, (uintptr_t)span_slot_address(&fixture.heap->page_heap.spans, place.span,
                                                     place.slot));
    uintptr_t entry;
    while (mark_stack_pop(&marker.stack, &entry)) { /* the other pieces of a large object */
        scan_entry(&marker, entry);
    }
    EXPECT(!marker.conservative);
    fixture_end_marker(&marker);
    if (span_is_queued_whole(place.span)) {
        scan_span_of(&place);
    }
}

#define FIELDS_MAX 40

/* At most FIELDS_MAX fields within bytes. */
static void random_fields(uint64_t *random, size_t bytes, tri_layout *layout, tri_field *fields)
{
    size_t words = bytes / WORD_BYTES;
    uint32_t count = words == 0 ? 0 : (uint32_t)unit_random_below(random, FIELDS_MAX);
    bool taken[4096 / WORD_BYTES] = {false};
    layout->fields = fields;
    layout->field_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t word = (uint32_t)unit_random_below(random, words);
        if (!taken[word]) {
            taken[word] = true;
            fields[layout->field_count++] = (tri_field){
                word * 8, unit_random(random) & 1 ? TRI_FIELD_VALUE : TRI_FIELD_POINTER};
        }
    }
}

static void random_layout(uint64_t *random, size_t bytes, tri_layout *layout, tri_field *fields)
{
    static const tri_layout_kind kinds[] = {TRI_LAYOUT_LEAF, TRI_LAYOUT_FIELDS, TRI_LAYOUT_FIELDS,
                                            TRI_LAYOUT_ALL_WORDS, TRI_LAYOUT_CONSERVATIVE};
    const tri_encoding *const encodings[] = {NULL, &tagged, &boxed};
    *layout = TRI_LAYOUT(kinds[unit_random_below(random, ARRAY_LENGTH(kinds))]);
    layout->encoding = encodings[unit_random_below(random, ARRAY_LENGTH(encodings))];
    if (layout->kind == TRI_LAYOUT_FIELDS) {
        random_fields(random, bytes, layout, fields);
    }
}

struct sample {
    tri_type_desc desc;
    tri_field fields[FIELDS_MAX];
    tri_field trailing_fields[FIELDS_MAX];
    size_t count; /* of elements, or of trailing elements */
};

static tri_ref new_sample(tri_type *type, const struct sample *sample)
{
    if (sample->desc.trailing_size != 0) {
        return fixture_new_trailing(type, sample->count);
    }
    return sample->count == 1 ? fixture_new(type) : fixture_new_array(type, sample->count);
}

static void fill_sample(uint64_t *random, char *object, const tri_type *type,
                        const struct sample *sample, size_t *next)
{
    const tri_type_desc *desc = &sample->desc;
    if (desc->trailing_size == 0) {
        fill_elements(random, object, &desc->layout, desc->size, type->stride, sample->count, next);
    } else {
        fill_elements(random, object, &desc->layout, desc->size, 0, 1, next);
        fill_elements(random, object + desc->size, &desc->trailing_layout, desc->trailing_size,
                      desc->trailing_size, sample->count, next);
    }
}

/* One type, mixed or promoted. Three objects next to each other, full of references: scanning the
 * middle one marks nothing that only its neighbours, or its other words, hold [scan.3]. */
static void check_sample(uint64_t *random, const struct sample *sample, bool promoted)
{
    tri_type *type = fixture_define(&sample->desc);
    if (promoted) {
        fixture_promote(type);
    }
    char *objects[3];
    size_t next = 0;
    for (unsigned i = 0; i < 3; i++) {
        objects[i] = new_sample(type, sample);
        fill_sample(random, objects[i], type, sample, &next);
    }
    EXPECT(next <= target_count && next % 3 == 0);
    memset(wanted, 0, next / 3 * sizeof wanted[0]);
    memset(wanted + next / 3 * 2, 0, (target_count - next / 3 * 2) * sizeof wanted[0]);
    scan_object(objects[1]);
    expect_wanted();
    fixture_unmark();
}

static void random_sample(uint64_t *random, struct sample *sample)
{
    sample->desc = (tri_type_desc)TRI_TYPE_DESC("sample", char);
    tri_type_desc *desc = &sample->desc;
    desc->size = unit_random_below(random, unit_random(random) & 1 ? 100 : 4000);
    random_layout(random, desc->size, &desc->layout, sample->fields);
    sample->count = unit_random(random) & 1 ? 1 : unit_random_below(random, 8);
    if (unit_random(random) & 1) {
        desc->size &= ~(size_t)7;
        desc->trailing_size = 8 + (unit_random_below(random, 200) & ~UINT64_C(7));
        random_layout(random, desc->size, &desc->layout, sample->fields);
        random_layout(random, desc->trailing_size, &desc->trailing_layout, sample->trailing_fields);
    }
    if (desc->layout.kind == TRI_LAYOUT_LEAF || desc->layout.kind == TRI_LAYOUT_FIELDS) {
        desc->size &= ~(size_t)7; /* so that the words of each element can be written */
    }
}

/* [scan.1], [scan.3]: random types, every kind of layout and encoding, arrays, trailing elements,
 * mixed spans. */
START_TEST(random_objects)
{
    uint64_t random = unit_seed();
    make_targets(20000);
    for (unsigned i = 0; i < 1500; i++) {
        struct sample sample;
        random_sample(&random, &sample);
        check_sample(&random, &sample, unit_random(&random) & 1);
    }
}
END_TEST

/* ---- Words beside objects -------------------------------------------------------------------- */

START_TEST(ranges_of_words)
{
    uintptr_t words[64];
    make_targets(64);
    fixture_begin_marker(&marker);
    marker.check_dead = true; /* what is no object is no breach for candidates */
    for (unsigned i = 0; i < 64; i++) {
        words[i] = (uintptr_t)targets[i] | (i % 3 == 0 ? 1 : 2);
    }
    scan_values(&marker, &tagged, words, 40);
    for (unsigned i = 0; i < 40; i++) {
        wanted[i] = i % 3 == 0;
    }
    expect_wanted();
    words[50] = marker.base + marker.bytes - 1;
    wanted[50] = false;
    scan_conservatively(&marker, words + 40, 24);
    for (unsigned i = 40; i < 64; i++) {
        wanted[i] = i != 50;
    }
    expect_wanted();
    ck_assert(!marker.conservative);
    scan_values(&marker, &tagged, words, 0);
    scan_conservatively(&marker, NULL, 0);
    expect_wanted();
    fixture_end_marker(&marker);
}
END_TEST

/* A precise word after candidates is precise again. */
static void scan_dead_word(void *word)
{
    scan_values(&marker, &fixture.heap->options.value_encoding, word, 1);
}

START_TEST(candidates_end)
{
    make_targets(1);
    fixture_begin_marker(&marker);
    marker.check_dead = true;
    uintptr_t dead = marker.base + marker.bytes - 1;
    scan_conservatively(&marker, &dead, 1);
    ck_assert_ptr_nonnull(fake_port_death_of(scan_dead_word, &dead));
    fixture_end_marker(&marker);
}
END_TEST

/* ---- Trace functions ------------------------------------------------------------------------- */

/* Traced objects write down that they were: word 0 counts calls, word 1 leads to a target. */
static size_t traced_bytes;

static void trace_word_1(tri_visitor *visitor, tri_ref object, size_t bytes)
{
    fetch_add_relaxed(fixture_slot(object, 0), (uintptr_t)1);
    traced_bytes = bytes;
    shade(marker_of(visitor), *fixture_slot(object, 1));
}

START_TEST(traced)
{
    static const size_t sizes[] = {16, 40, 4000, 40000, 3 * OBLET_BYTES + 8};
    make_targets(1);
    tri_type_desc desc = TRI_TYPE_DESC("traced", char);
    desc.size = sizes[_i % 5];
    desc.layout = TRI_LAYOUT_TRACED_BY(trace_word_1);
    tri_type *type = fixture_define(&desc);
    if (_i >= 5) {
        fixture_promote(type);
    }
    char *object = fixture_new(type);
    fixture_link(object, 1, targets[0]);
    scan_object(object);
    ck_assert_uint_eq(*fixture_slot(object, 0), 1); /* also where it has several pieces */
    struct object_place place;
    ck_assert(object_find(fixture.heap, (uintptr_t)object, &place));
    ck_assert_uint_eq(traced_bytes, place.bytes);
    ck_assert_uint_ge(traced_bytes, desc.size);
    wanted[0] = true;
    expect_wanted();
}
END_TEST

/* [scan.2]: each trailing element of a large object is traced exactly once. */
START_TEST(traced_elements)
{
    static const struct {
        size_t head;
        size_t element;
        size_t count;
    } shapes[] = {{0, 16, 10},       {8, 16, 10},          {24, 24, 3000},
                  {8, 16, 40000},    {200000, 24, 20000},  {0, 40, 50000},
                  {1000, 3000, 200}, {OBLET_BYTES, 16, 9}, {OBLET_BYTES - 8, 24, 20000},
                  {16, 140000, 5}};
    tri_type_desc desc = TRI_TYPE_DESC("traced elements", char);
    desc.size = shapes[_i].head;
    desc.trailing_size = shapes[_i].element;
    desc.trailing_layout = TRI_LAYOUT_TRACED_BY(trace_word_1);
    tri_type *type = fixture_define(&desc);
    char *object = fixture_new_trailing(type, shapes[_i].count);
    scan_object(object);
    struct object_place place;
    ck_assert(object_find(fixture.heap, (uintptr_t)object, &place));
    size_t room = (place.bytes - desc.size) / desc.trailing_size;
    for (size_t i = 0; i < room; i++) {
        EXPECT(*fixture_slot(object + desc.size + i * desc.trailing_size, 0) == 1);
    }
    ck_assert_uint_eq(traced_bytes, desc.trailing_size);
}
END_TEST

/* ---- Large objects in pieces ----------------------------------------------------------------- */

/* Queue entries of object: a piece every OBLET_BYTES behind the first. */
static size_t pieces_of(const char *object, uintptr_t *entries)
{
    struct object_place place;
    EXPECT(object_find(fixture.heap, (uintptr_t)object, &place));
    size_t count = 0;
    for (size_t offset = 0; offset < place.bytes; offset += OBLET_BYTES) {
        entries[count++] = (uintptr_t)object + offset;
    }
    return count;
}

static const struct {
    size_t head;    /* bytes before the trailing elements */
    size_t element; /* bytes of an element; 0: one object of all words */
    size_t count;
} arrays[] = {{0, 8, 5000},           {0, 8, 16384},      {0, 8, 16385},     {0, 8, 50001},
              {0, 24, 20000},         {0, 40, 11111},     {0, 1000, 321},    {0, 140000, 3},
              {8, 24, 20000},         {131072, 8, 20000}, {131064, 16, 999}, {140000, 8, 99},
              {3 * 131072, 40, 3333}, {0, 0, 300000 / 8}};

/* [scan.2]: the pieces, scanned one by one, find each element's references once: none is in two
 * pieces, none in no piece. The last round has no memory to queue them, and scans all at once. */
START_TEST(pieces)
{
    uint64_t random = unit_seed();
    tri_type_desc desc = TRI_TYPE_DESC("array", char);
    size_t element = arrays[_i].element;
    size_t count = arrays[_i].count;
    desc.size = arrays[_i].head;
    desc.trailing_size = element;
    desc.layout.kind = desc.trailing_layout.kind = TRI_LAYOUT_ALL_WORDS;
    if (arrays[_i].head == 0) {
        desc.size = element == 0 ? count * 8 : element;
        desc.trailing_size = 0;
    }
    struct sample sample = {.desc = desc, .count = element == 0 ? 1 : count};
    tri_type *type = fixture_define(&desc);
    make_targets((arrays[_i].head + size_max(element, 8) * count) / 8);
    char *object = new_sample(type, &sample);
    size_t next = 0;
    fill_sample(&random, object, type, &sample, &next);
    ck_assert_uint_eq(next, target_count);

    uintptr_t entries[64];
    size_t want_pieces = pieces_of(object, entries);
    static uint8_t times[TARGETS_MAX];
    memset(times, 0, sizeof times);
    for (size_t piece = 0; piece < want_pieces; piece++) {
        fixture_begin_marker(&marker);
        scan_entry(&marker, entries[piece]);
        uintptr_t entry;
        size_t queued = 0;
        while (mark_stack_pop(&marker.stack, &entry)) {
            queued++;
            ck_assert_uint_eq(entry, entries[want_pieces - queued]);
        }
        ck_assert_uint_eq(queued, piece == 0 ? want_pieces - 1 : 0);
        for (size_t i = 0; i < target_count; i++) {
            times[i] = (uint8_t)(times[i] + is_marked(i));
        }
        fixture_end_marker(&marker);
        fixture_unmark();
    }
    for (size_t i = 0; i < target_count; i++) {
        EXPECT(times[i] == wanted[i]);
    }

    fixture_starve(0);
    fixture_begin_marker(&marker);
    scan_entry(&marker, (uintptr_t)object);
    ck_assert(mark_stack_is_empty(&marker.stack));
    fixture_end_marker(&marker);
    fixture_feed();
    expect_wanted();
}
END_TEST

/* Memory for the queue ends in the middle of it: some pieces are queued, the rest is scanned. */
START_TEST(pieces_that_cannot_be_queued)
{
    enum {
        PIECES = MARK_SEGMENT_ENTRIES + 100
    };
    size_t bytes = (size_t)PIECES * OBLET_BYTES;
    char *object = fixture_new_array(fixture_type(8, TRI_LAYOUT_ALL_WORDS), bytes / 8);
    make_targets(PIECES);
    for (size_t i = 0; i < PIECES; i++) {
        fixture_link(object + i * OBLET_BYTES, unit_random_below(&(uint64_t){i}, OBLET_BYTES / 8),
                     targets[i]);
        wanted[i] = true;
    }
    for (size_t segments = 0; segments < 3; segments++) {
        fixture_starve(segments);
        scan_object(object);
        fixture_feed();
        expect_wanted();
        fixture_unmark();
    }
}
END_TEST

/* ---- One load a word ------------------------------------------------------------------------- */

#define WORDS_SCANNED (FIXTURE_SANITIZED ? 100000 : 20000000)

static struct {
    char *object;
    size_t words;
    uintptr_t tag;
    struct meeting meeting;
    uint32_t done; /* atomic */
} shared;

/* Each word leads to one target and to another in turn. Where there are tags it is no reference in
 * between, and its address would lead nowhere. */
static void flip(void)
{
    uintptr_t nowhere = marker.base + marker.bytes - 64;
    for (unsigned i = 0; !load_relaxed(&shared.done); i++) {
        size_t word = i % shared.words;
        unsigned turn = (unsigned)(i / shared.words);
        uintptr_t target = (uintptr_t)targets[2 * word + turn / 2 % 2];
        store_release(fixture_slot(shared.object, word),
                      shared.tag && turn % 2 ? nowhere : target | shared.tag);
    }
}

static void flip_or_scan(void *unused, unsigned index)
{
    (void)unused;
    fixture_meet(&shared.meeting, 2);
    if (index == 0) {
        flip();
        return;
    }
    for (size_t words = 0; words < WORDS_SCANNED; words += shared.words) {
        scan_entry(&marker, (uintptr_t)shared.object);
    }
    store_relaxed(&shared.done, 1U);
}

/* [scan.1]: slots change while they are scanned. A word that were read twice, first with a tag and
 * then without, would lead nowhere, and gcverify's check would die; ThreadSanitizer sees a load
 * that is none of one word. */
START_TEST(words_that_change)
{
    static const struct {
        tri_layout_kind kind;
        size_t words;
        bool tagged;
    } kinds[] = {{TRI_LAYOUT_ALL_WORDS, 6, false},    {TRI_LAYOUT_ALL_WORDS, 6, true},
                 {TRI_LAYOUT_CONSERVATIVE, 6, false}, {TRI_LAYOUT_FIELDS, 6, false},
                 {TRI_LAYOUT_FIELDS, 6, true},        {TRI_LAYOUT_FIELDS, 80, false},
                 {TRI_LAYOUT_FIELDS, 80, true}};
    tri_field fields[80];
    tri_type_desc desc = TRI_TYPE_DESC("changing", char);
    desc.size = kinds[_i].words * 8;
    desc.layout = TRI_LAYOUT(kinds[_i].kind);
    desc.layout.encoding = kinds[_i].tagged ? &tagged : NULL;
    if (kinds[_i].kind == TRI_LAYOUT_FIELDS) {
        for (uint32_t i = 0; i < kinds[_i].words; i++) {
            fields[i] = (tri_field){i * 8, kinds[_i].tagged ? TRI_FIELD_VALUE : TRI_FIELD_POINTER};
        }
        desc.layout.fields = fields;
        desc.layout.field_count = (uint32_t)kinds[_i].words;
    }
    tri_type *type = fixture_define(&desc);
    fixture_promote(type);
    make_targets(2 * kinds[_i].words);
    shared.object = fixture_new(type);
    shared.words = kinds[_i].words;
    shared.tag = kinds[_i].tagged;
    shared.done = 0;
    fixture_begin_marker(&marker);
    marker.check_dead = true;
    fixture_run_threads(2, flip_or_scan, NULL);
    ck_assert_uint_le(marker.marked_objects, target_count);
    fixture_end_marker(&marker);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scan");
    TCase *cases = tcase_create("scan");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_test(cases, random_objects);
    tcase_add_test(cases, ranges_of_words);
    tcase_add_test(cases, candidates_end);
    tcase_add_loop_test(cases, traced, 0, 10);
    tcase_add_loop_test(cases, traced_elements, 0, 10);
    tcase_add_loop_test(cases, pieces, 0, (int)ARRAY_LENGTH(arrays));
    tcase_add_test(cases, pieces_that_cannot_be_queued);
    tcase_add_loop_test(cases, words_that_change, 0, 7);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
