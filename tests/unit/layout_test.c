/* layout_test.c -- what hosts declare becomes masks, or a sentence; which words are references. */
#include "gc/layout.h"

#include <math.h>
#include <string.h>

#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

static struct meta_alloc meta;
static const tri_encoding raw = TRI_ENCODING_RAW;

static void create(void)
{
    fake_port_reset();
    meta_alloc_init(&meta);
}

static void destroy(void)
{
    meta_alloc_destroy(&meta);
    fake_port_finish();
}

static void trace_nothing(tri_visitor *visitor, tri_ref object, size_t bytes)
{
    (void)visitor;
    (void)object;
    (void)bytes;
}

static void compile(struct layout *layout, const tri_layout *declared, size_t bytes)
{
    const char *problem = "untouched";
    tri_result result = layout_compile(layout, declared, bytes, &raw, &meta, &problem);
    ck_assert_msg(result == TRI_OK, "%s", problem);
}

/* ---- Kinds without fields -------------------------------------------------------------------- */

static const struct {
    const char *what;
    tri_layout_kind declared;
    size_t bytes;
    enum layout_kind want;
    uint32_t want_words;
} kinds[] = {
    {"leaf", TRI_LAYOUT_LEAF, 100, LAYOUT_LEAF, 0},
    {"leaf of nothing", TRI_LAYOUT_LEAF, 0, LAYOUT_LEAF, 0},
    {"values", TRI_LAYOUT_ALL_WORDS, 40, LAYOUT_VALUES, 5},
    {"values, and part of a word", TRI_LAYOUT_ALL_WORDS, 47, LAYOUT_VALUES, 5},
    {"one value", TRI_LAYOUT_ALL_WORDS, 8, LAYOUT_VALUES, 1},
    {"values, but no whole word", TRI_LAYOUT_ALL_WORDS, 7, LAYOUT_LEAF, 0},
    {"values of nothing", TRI_LAYOUT_ALL_WORDS, 0, LAYOUT_LEAF, 0},
    {"candidates", TRI_LAYOUT_CONSERVATIVE, 24, LAYOUT_CONSERVATIVE, 3},
    {"candidates of nothing", TRI_LAYOUT_CONSERVATIVE, 0, LAYOUT_LEAF, 0},
    {"the largest", TRI_LAYOUT_ALL_WORDS, TRI_TYPE_SIZE_MAX, LAYOUT_VALUES,
     TRI_TYPE_SIZE_MAX / WORD_BYTES},
};

/* [layout.1]: no word that lies partly outside; [layout.2]: what has no reference is a leaf. */
START_TEST(without_fields)
{
    struct layout layout;
    tri_layout declared = TRI_LAYOUT(kinds[_i].declared);
    compile(&layout, &declared, kinds[_i].bytes);
    ck_assert_msg(layout.kind == kinds[_i].want, "%s: %d", kinds[_i].what, (int)layout.kind);
    ck_assert_msg(layout.words == kinds[_i].want_words, "%s: %u", kinds[_i].what, layout.words);
    ck_assert(layout_has_references(&layout) == (kinds[_i].want != LAYOUT_LEAF));
}
END_TEST

START_TEST(traced)
{
    struct layout layout;
    tri_layout declared = TRI_LAYOUT_TRACED_BY(trace_nothing);
    compile(&layout, &declared, 0);
    ck_assert_int_eq(layout.kind, LAYOUT_TRACE);
    ck_assert(layout.trace == trace_nothing);
    ck_assert(layout_has_references(&layout));
}
END_TEST

/* ---- Fields ---------------------------------------------------------------------------------- */

#define P TRI_FIELD_POINTER
#define V TRI_FIELD_VALUE

static const struct {
    size_t bytes;
    tri_field fields[4];
    uint32_t count;
    enum layout_kind want;
    uint32_t want_words;
    uint64_t want_pointers;
    uint64_t want_values;
} small[] = {
    {24, {{0, P}}, 0, LAYOUT_LEAF, 0, 0, 0}, /* [layout.2] */
    {8, {{0, P}}, 1, LAYOUT_SMALL_MASKS, 1, 1, 0},
    {8, {{0, V}}, 1, LAYOUT_SMALL_MASKS, 1, 0, 1},
    {16, {{0, P}, {8, V}}, 2, LAYOUT_SMALL_MASKS, 2, 1, 2},
    {16, {{8, V}, {0, P}}, 2, LAYOUT_SMALL_MASKS, 2, 1, 2}, /* in any order */
    {13, {{0, P}}, 1, LAYOUT_SMALL_MASKS, 1, 1, 0},
    {64, {{16, P}, {16, P}}, 2, LAYOUT_SMALL_MASKS, 3, 4, 0},           /* said twice */
    {64, {{56, V}}, 1, LAYOUT_SMALL_MASKS, 8, 0, UINT64_C(1) << 7},     /* the last */
    {512, {{504, P}}, 1, LAYOUT_SMALL_MASKS, 64, UINT64_C(1) << 63, 0}, /* of 64 */
    {4096, {{504, V}, {0, V}}, 2, LAYOUT_SMALL_MASKS, 64, 0, UINT64_C(1) << 63 | 1},
};

START_TEST(small_masks)
{
    struct layout layout;
    tri_layout declared = {TRI_LAYOUT_FIELDS, small[_i].count, small[_i].fields, NULL, NULL};
    compile(&layout, &declared, small[_i].bytes);
    ck_assert_int_eq(layout.kind, small[_i].want);
    ck_assert_uint_eq(layout.words, small[_i].want_words);
    ck_assert_uint_eq(layout.pointers, small[_i].want_pointers);
    ck_assert_uint_eq(layout.values, small[_i].want_values);
    ck_assert_uint_eq(meta_alloc_mapped_bytes(&meta), 0);
}
END_TEST

/* Over 64 words: every bit of both masks is that of exactly the declared fields. */
START_TEST(long_masks)
{
    uint64_t random = unit_seed();
    for (unsigned round = 0; round < 300; round++) {
        enum {
            WORDS = 300
        };
        tri_field fields[WORDS];
        unsigned kind_of[WORDS] = {0}; /* bit 0: pointer, bit 1: value */
        uint32_t count = 1 + (uint32_t)unit_random_below(&random, 40);
        uint32_t last = 0;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t word = (uint32_t)unit_random_below(&random, WORDS);
            word = i == 0 && word < 64 ? word + 64 : word; /* at least one beyond a word */
            fields[i] = (tri_field){word * 8, unit_random(&random) & 1 ? P : V};
            kind_of[word] |= fields[i].kind == P ? 1 : 2;
            last = word > last ? word : last;
        }
        struct layout layout;
        tri_layout declared = {TRI_LAYOUT_FIELDS, count, fields, NULL, NULL};
        compile(&layout, &declared, (size_t)(last + 1) * 8);
        memset(fields, 0xff, sizeof fields); /* they were copied */
        EXPECT(layout.kind == LAYOUT_MASKS);
        EXPECT(layout.words == last + 1);
        for (uint32_t word = 0; word < bitmap_words(layout.words) * 64; word++) {
            unsigned want = word < WORDS ? kind_of[word] : 0; /* [layout.1] */
            EXPECT(bitmap_get(layout.pointer_mask, word) == (want & 1));
            EXPECT(bitmap_get(layout.value_mask, word) == (want >> 1));
        }
    }
}
END_TEST

/* ---- Problems -------------------------------------------------------------------------------- */

static const tri_encoding outside_mask = {1, 2, ~(tri_word)1};
static const tri_encoding no_address = {7, 1, 0};

#define FIELDS(n, ...) .fields = (const tri_field[]){__VA_ARGS__}, .field_count = (n)

static const struct {
    tri_layout declared;
    size_t bytes;
    const char *want;
} problems[] = {
    {{.kind = (tri_layout_kind)5}, 8, "kind is none of tri_layout_kind"},
    {{.kind = (tri_layout_kind)-1}, 8, "kind is none of tri_layout_kind"},
    {{.kind = TRI_LAYOUT_TRACE}, 8, "a traced layout needs a trace function"},
    {{.kind = TRI_LAYOUT_FIELDS, .field_count = 1}, 8, "a field_count but no fields"},
    {{.kind = TRI_LAYOUT_FIELDS, FIELDS(1, {4, P})}, 64, "offset is not a multiple of 8"},
    {{.kind = TRI_LAYOUT_FIELDS, FIELDS(2, {0, P}, {9, V})}, 64, "offset is not a multiple of 8"},
    {{.kind = TRI_LAYOUT_FIELDS, FIELDS(1, {0, P})}, 0, "outside the size"},
    {{.kind = TRI_LAYOUT_FIELDS, FIELDS(1, {0, P})}, 7, "outside the size"},
    {{.kind = TRI_LAYOUT_FIELDS, FIELDS(1, {8, V})}, 15, "outside the size"},
    {{.kind = TRI_LAYOUT_FIELDS, FIELDS(3, {0, P}, {8, P}, {16, P})}, 16, "outside the size"},
    {{.kind = TRI_LAYOUT_FIELDS, FIELDS(1, {UINT32_MAX - 7, P})}, 4096, "outside the size"},
    {{.kind = TRI_LAYOUT_FIELDS, FIELDS(1, {0, 2})}, 8, "neither TRI_FIELD_POINTER nor"},
    {{.kind = TRI_LAYOUT_FIELDS, FIELDS(1, {0, UINT32_MAX})}, 8, "neither TRI_FIELD_POINTER nor"},
    {{.kind = TRI_LAYOUT_ALL_WORDS, .encoding = &outside_mask}, 8, "bits outside its mask"},
    {{.kind = TRI_LAYOUT_LEAF, .encoding = &no_address}, 8, "its address has no bits"},
};

/* [layout.1] and the rest: what contradicts itself is refused with words. */
START_TEST(refused)
{
    struct layout layout;
    const char *problem = NULL;
    tri_result result =
        layout_compile(&layout, &problems[_i].declared, problems[_i].bytes, &raw, &meta, &problem);
    ck_assert_int_eq(result, TRI_E_INVALID);
    ck_assert_ptr_nonnull(problem);
    ck_assert_msg(strstr(problem, problems[_i].want) != NULL, "%s", problem);
}
END_TEST

START_TEST(no_memory_for_masks)
{
    const tri_field far[] = {{64 * 8, P}, {0, V}};
    tri_layout declared = TRI_LAYOUT_OF(far);
    struct layout layout;
    const char *problem;
    fake_port_fail_memory_after(0);
    ck_assert_int_eq(layout_compile(&layout, &declared, 520, &raw, &meta, &problem), TRI_E_NOMEM);
    fake_port_fail_memory_after(FAKE_PORT_NEVER);
    ck_assert_int_eq(layout_compile(&layout, &declared, 520, &raw, &meta, &problem), TRI_OK);
    ck_assert_int_eq(layout.kind, LAYOUT_MASKS);
    ck_assert_uint_eq(layout.words, 65);
    ck_assert_uint_eq(layout.pointer_mask[1], 1);
    ck_assert_uint_eq(layout.value_mask[0], 1);
}
END_TEST

/* ---- Encodings ------------------------------------------------------------------------------- */

START_TEST(encoding_of_a_layout)
{
    const tri_encoding tagged = TRI_ENCODING_LOW_TAG(7, 1);
    const tri_encoding heaps = TRI_ENCODING_LOW_TAG(3, 2);
    struct layout layout;
    const char *problem;
    tri_layout declared = TRI_LAYOUT(TRI_LAYOUT_ALL_WORDS);
    ck_assert_int_eq(layout_compile(&layout, &declared, 8, &heaps, &meta, &problem), TRI_OK);
    ck_assert_uint_eq(layout.encoding.pattern, 2);
    declared.encoding = &tagged;
    ck_assert_int_eq(layout_compile(&layout, &declared, 8, &heaps, &meta, &problem), TRI_OK);
    ck_assert_uint_eq(layout.encoding.mask, 7);
    ck_assert_uint_eq(layout.encoding.pattern, 1);
}
END_TEST

static const struct {
    tri_encoding encoding;
    bool want;
} encodings[] = {
    {{0, 0, ~(tri_word)0}, true},
    {{7, 1, ~(tri_word)7}, true},
    {{7, 7, 8}, true},
    {{7, 8, ~(tri_word)7}, false},
    {{0, 1, ~(tri_word)0}, false},
    {{0, 0, 0}, false},
    {{~(tri_word)0, ~(tri_word)0, 1}, true},
    {{(tri_word)1 << 63, (tri_word)1 << 62, 1}, false},
};

START_TEST(valid_encodings)
{
    ck_assert(encoding_is_valid(&encodings[_i].encoding) == encodings[_i].want);
}
END_TEST

/* A NaN-boxing host: numbers are doubles; sign and quiet bits together say reference, the quiet
 * bit alone says nil, true, false or a real NaN. */
#define SIGN    (UINT64_C(1) << 63)
#define QUIET   UINT64_C(0x7ffc000000000000)
#define ADDRESS UINT64_C(0x0000ffffffffffff)

static uint64_t bits_of(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static void expect_number(const tri_encoding *encoding, double number)
{
    ck_assert_msg(!encoding_is_reference(encoding, bits_of(number)), "%a is a reference", number);
    ck_assert_msg(!encoding_is_reference(encoding, bits_of(-number)), "%a is a reference", -number);
}

START_TEST(nan_boxed_numbers)
{
    const tri_encoding encoding = TRI_ENCODING_NAN_BOX(SIGN | QUIET, SIGN | QUIET);
    ck_assert(encoding_is_valid(&encoding));
    static const double numbers[] = {0.0,
                                     1.0,
                                     0.5,
                                     3.14159,
                                     1e-320, /* subnormal */
                                     4.9406564584124654e-324,
                                     2.2250738585072014e-308,
                                     1.7976931348623157e308,
                                     4503599627370496.0,
                                     9007199254740993.0};
    for (size_t i = 0; i < ARRAY_LENGTH(numbers); i++) {
        expect_number(&encoding, numbers[i]);
    }
    expect_number(&encoding, (double)INFINITY);
    for (unsigned exponent = 0; exponent < 2047; exponent++) { /* all but NaN and infinity */
        static const uint64_t mantissas[] = {0, 1, UINT64_C(0xfffffffffffff), UINT64_C(1) << 51,
                                             UINT64_C(3) << 50};
        for (size_t i = 0; i < ARRAY_LENGTH(mantissas); i++) {
            uint64_t word = (uint64_t)exponent << 52 | mantissas[i];
            EXPECT(!encoding_is_reference(&encoding, word));
            EXPECT(!encoding_is_reference(&encoding, word | SIGN));
        }
    }
    /* NaNs: the one that arithmetic makes (on x86 with its sign set), quiet and signalling ones. */
    static const uint64_t nans[] = {UINT64_C(0x7ff8000000000000), UINT64_C(0xfff8000000000000),
                                    UINT64_C(0x7ff0000000000001), UINT64_C(0xfff0000000000001),
                                    UINT64_C(0x7ff8000000000001), UINT64_C(0xfffbffffffffffff),
                                    UINT64_C(0x7fffffffffffffff)};
    for (size_t i = 0; i < ARRAY_LENGTH(nans); i++) {
        ck_assert_msg(!encoding_is_reference(&encoding, nans[i]), "%#" PRIx64, nans[i]);
    }
    for (uint64_t singleton = 0; singleton < 8; singleton++) { /* nil, false, true, ... */
        ck_assert(!encoding_is_reference(&encoding, QUIET | singleton));
    }
}
END_TEST

START_TEST(nan_boxed_references)
{
    const tri_encoding encoding = TRI_ENCODING_NAN_BOX(SIGN | QUIET, SIGN | QUIET);
    uint64_t random = unit_seed();
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t address = unit_random(&random) >> (16 + i % 48);
        uint64_t word = SIGN | QUIET | address;
        EXPECT(encoding_is_reference(&encoding, word));
        EXPECT(encoding_address(&encoding, word) == address);
    }
    for (unsigned bit = 0; bit < 48; bit++) { /* each bit of an address, alone */
        uint64_t word = SIGN | QUIET | UINT64_C(1) << bit;
        ck_assert(encoding_is_reference(&encoding, word));
        ck_assert_uint_eq(encoding_address(&encoding, word), UINT64_C(1) << bit);
    }
    for (unsigned bit = 50; bit < 64; bit++) { /* each bit of the pattern matters */
        uint64_t word = (SIGN | QUIET | UINT64_C(0x1234567890)) & ~(UINT64_C(1) << bit);
        ck_assert_msg(!encoding_is_reference(&encoding, word), "bit %u", bit);
    }
    ck_assert_uint_eq(encoding_address(&encoding, ~UINT64_C(0)), ADDRESS);
}
END_TEST

START_TEST(low_tags)
{
    for (uintptr_t mask = 0; mask < 16; mask = mask * 2 + 1) {
        for (uintptr_t tag = 0; tag <= mask; tag++) {
            const tri_encoding encoding = TRI_ENCODING_LOW_TAG(mask, tag);
            ck_assert(encoding_is_valid(&encoding));
            for (uintptr_t low = 0; low < 64; low++) {
                uintptr_t word = UINT64_C(0x7f0000001000) + low;
                bool want = (low & mask) == tag;
                EXPECT(encoding_is_reference(&encoding, word) == want);
                EXPECT(encoding_address(&encoding, word) == word - (word & mask));
            }
        }
    }
}
END_TEST

START_TEST(raw_words)
{
    static const uintptr_t words[] = {0, 1, 7, 8, UINTPTR_MAX, SIGN, QUIET, 0x7f0000001234};
    for (size_t i = 0; i < ARRAY_LENGTH(words); i++) {
        ck_assert(encoding_is_reference(&raw, words[i]));
        ck_assert_uint_eq(encoding_address(&raw, words[i]), words[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("layout");
    TCase *cases = tcase_create("layout");
    tcase_add_checked_fixture(cases, create, destroy);
    tcase_add_loop_test(cases, without_fields, 0, (int)ARRAY_LENGTH(kinds));
    tcase_add_test(cases, traced);
    tcase_add_loop_test(cases, small_masks, 0, (int)ARRAY_LENGTH(small));
    tcase_add_test(cases, long_masks);
    tcase_add_loop_test(cases, refused, 0, (int)ARRAY_LENGTH(problems));
    tcase_add_test(cases, no_memory_for_masks);
    tcase_add_test(cases, encoding_of_a_layout);
    tcase_add_loop_test(cases, valid_encodings, 0, (int)ARRAY_LENGTH(encodings));
    tcase_add_test(cases, nan_boxed_numbers);
    tcase_add_test(cases, nan_boxed_references);
    tcase_add_test(cases, low_tags);
    tcase_add_test(cases, raw_words);
    suite_add_tcase(suite, cases);
    return unit_run(suite);
}
