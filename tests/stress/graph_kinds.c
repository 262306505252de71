/* graph_kinds.c -- the types of the random graph, every kind of layout among them, and how words
 * of each role are written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gc/atomic.h"
#include "tests/stress/graph.h"

static const tri_encoding raw_encoding = {0, 0, ~(tri_word)0};
static const tri_encoding tag_encoding = {TAG_MASK, TAG, ~(tri_word)TAG_MASK};

/* ---- Trace functions --------------------------------------------------------------------------*/

static const void *slot_at(const uint64_t *words, size_t index)
{
    return (const void *)load_relaxed(&words[index]);
}

/* Roles dpvvcdp: one of each way to report. */
static void trace_each_way(tri_visitor *visitor, tri_ref object, size_t bytes)
{
    const uint64_t *words = object;
    if (bytes < 7 * sizeof words[0]) {
        abort();
    }
    tri_visit_ref(visitor, slot_at(words, 1));
    tri_visit_value(visitor, load_relaxed(&words[2]));
    tri_visit_values(visitor, &words[3], 1);
    tri_visit_conservatively(visitor, &words[4], 1);
    tri_visit_ref(visitor, slot_at(words, 6));
}

/* Roles dn, then as many p as n says. */
static void trace_counted(tri_visitor *visitor, tri_ref object, size_t bytes)
{
    const uint64_t *words = object;
    uint64_t count = load_relaxed(&words[1]);
    if (count * sizeof words[0] > bytes) {
        abort();
    }
    for (uint64_t i = 0; i < count; i++) {
        tri_visit_ref(visitor, slot_at(words, 2 + i));
    }
}

/* Roles dp; the trailing values are the collector's. */
static void trace_head(tri_visitor *visitor, tri_ref object, size_t bytes)
{
    (void)bytes;
    tri_visit_ref(visitor, slot_at(object, 1));
}

/* ---- The table --------------------------------------------------------------------------------*/

#define LEAF         TRI_LAYOUT_LEAF
#define FIELDS       TRI_LAYOUT_FIELDS
#define WORDS        TRI_LAYOUT_ALL_WORDS
#define CONSERVATIVE TRI_LAYOUT_CONSERVATIVE
#define TRACE        TRI_LAYOUT_TRACE
#define ALIGNED      TRI_TYPE_ALIGN_16

/* What shared code asks for by name comes first: see graph_shared.c. The fields are in the order of
 * struct kind. */
const struct kind kind_table[] = {
    {"slots", WORDS, "v", 0, "", 0, LEAF, 0, NULL, 30, NULL, 0, 0, 0},
    {"gift", FIELDS, "dnnpp", 0, "", 0, LEAF, 0, NULL, 0, NULL, 0, 0, 0},

    {"pair", FIELDS, "dpp", 0, "", 0, LEAF, 0, NULL, 80, NULL, 0, 0, 0},
    {"link", FIELDS, "dp", 0, "", 0, LEAF, 0, NULL, 60, NULL, 0, 0, 0},
    {"record", FIELDS, "dpdvpddv", 0, "", 0, LEAF, 0, NULL, 60, NULL, 0, 0, 0},
    {"tagged record", FIELDS, "dtpdtt", 0, "", 0, LEAF, 0, NULL, 30, NULL, 0, 0, 0},
    {"odd record", FIELDS, "dpvd", 27, "", 0, LEAF, 0, NULL, 20, NULL, 0, 0, 0},
    {"wide record", FIELDS, "dppdvddp", 130 * 8, "", 0, LEAF, 0, NULL, 6, NULL, 0, 0, 0},
    {"boxed", WORDS, "v", 6 * 8, "", 0, LEAF, 0, NULL, 40, NULL, 0, 0, 0},
    {"tagged", WORDS, "t", 5 * 8, "", 0, LEAF, 0, NULL, 30, NULL, 0, 0, 0},
    {"addresses", WORDS, "p", 4 * 8, "", 0, LEAF, 0, NULL, 30, NULL, 0, 0, 0},
    {"guessed", CONSERVATIVE, "c", 6 * 8, "", 0, LEAF, 0, NULL, 30, NULL, 0, 0, 0},
    {"aligned", FIELDS, "dpv", 0, "", 0, LEAF, ALIGNED, NULL, 30, NULL, 0, 0, 0},
    {"vast", FIELDS, "dpddvddddd", 6000 * 8, "", 0, LEAF, 0, NULL, 0, NULL, 0, 0, 0},

    {"traced", TRACE, "dpvvcdp", 0, "", 0, LEAF, 0, trace_each_way, 30, NULL, 0, 0, 0},
    {"traced counted", TRACE, "dn", 0, "p", 8, LEAF, 0, trace_counted, 20, NULL, 0, 0, 0},
    {"traced head", TRACE, "dp", 0, "v", 8, WORDS, 0, trace_head, 20, NULL, 0, 0, 0},

    {"vector", FIELDS, "ddp", 0, "p", 8, FIELDS, 0, NULL, 30, NULL, 0, 0, 0},
    {"rows", FIELDS, "dv", 0, "pdv", 24, FIELDS, 0, NULL, 20, NULL, 0, 0, 0},
    {"tagged tail", FIELDS, "dp", 0, "t", 8, WORDS, 0, NULL, 20, NULL, 0, 0, 0},
    {"guessed tail", LEAF, "d", 0, "c", 16, CONSERVATIVE, 0, NULL, 15, NULL, 0, 0, 0},
    {"aligned tail", FIELDS, "dp", 0, "v", 8, WORDS, ALIGNED, NULL, 15, NULL, 0, 0, 0},

    {"named", FIELDS, "dp", 0, "d", 1, LEAF, 0, NULL, 20, NULL, 0, 0, 0},

    {"pointers", FIELDS, "p", 0, "", 0, LEAF, 0, NULL, 30, NULL, 0, 0, 0},
    {"tags", WORDS, "t", 8, "", 0, LEAF, 0, NULL, 20, NULL, 0, 0, 0},
    {"guesses", CONSERVATIVE, "c", 8, "", 0, LEAF, 0, NULL, 15, NULL, 0, 0, 0},
    {"structs", FIELDS, "dpvd", 0, "", 0, LEAF, 0, NULL, 20, NULL, 0, 0, 0},
    {"wide structs", FIELDS, "dpddv", 70 * 8, "", 0, LEAF, 0, NULL, 3, NULL, 0, 0, 0},
    {"aligned structs", FIELDS, "dpv", 0, "", 0, LEAF, ALIGNED, NULL, 10, NULL, 0, 0, 0},

    {"bytes", LEAF, "", 16, "", 1, LEAF, 0, NULL, 30, NULL, 0, 0, 0},
    {"text", LEAF, "", 8, "", 1, LEAF, TRI_TYPE_UNINITIALIZED, NULL, 30, NULL, 0, 0, 0},
    {"octets", LEAF, "", 1, "", 0, LEAF, 0, NULL, 15, NULL, 0, 0, 0},
    {"triples", LEAF, "", 3, "", 0, LEAF, 0, NULL, 10, NULL, 0, 0, 0},
    {"blocks", LEAF, "", 40, "", 0, LEAF, ALIGNED, NULL, 10, NULL, 0, 0, 0},
    {"nothing", LEAF, "", 0, "", 0, LEAF, 0, NULL, 5, NULL, 0, 0, 0},
};
const size_t kind_table_length = ARRAY_LENGTH(kind_table);

/* ---- Declaring them ---------------------------------------------------------------------------*/

static char role_at(const char *roles, size_t length, size_t word)
{
    return roles[word % length];
}

static const tri_encoding *encoding_for(tri_layout_kind layout, const char *roles)
{
    if (strchr(roles, 't') != NULL) {
        return &tag_encoding;
    }
    return layout == TRI_LAYOUT_ALL_WORDS && roles[0] == 'p' ? &raw_encoding : NULL;
}

/* The layout of a part of words words. The caller frees its fields. */
static tri_layout layout_for(tri_layout_kind layout, const char *roles, size_t words,
                             tri_trace_function *trace)
{
    tri_layout made = {.kind = layout, .encoding = encoding_for(layout, roles), .trace = trace};
    if (layout != TRI_LAYOUT_FIELDS) {
        return made;
    }
    tri_field *fields = calloc(words, sizeof *fields);
    if (fields == NULL) {
        abort();
    }
    for (size_t i = 0; i < words; i++) {
        char role = role_at(roles, strlen(roles), i);
        if (role == 'p' || role == 'v' || role == 't') {
            fields[made.field_count++] = (tri_field){
                .offset = (uint32_t)(i * 8),
                .kind = role == 'p' ? TRI_FIELD_POINTER : TRI_FIELD_VALUE,
            };
        }
    }
    made.fields = fields;
    return made;
}

void kind_define(tri_heap *heap, struct kind *kind)
{
    kind->head_roles = strlen(kind->head);
    kind->tail_roles = strlen(kind->tail);
    if (kind->size == 0) {
        kind->size = (uint32_t)kind->head_roles * 8;
    }
    kind->head_words = (kind->size + 7) / 8;
    tri_type_desc desc = {
        .desc_size = sizeof desc,
        .name = kind->name,
        .size = kind->size,
        .flags = kind->flags,
        .layout = layout_for(kind->layout, kind->head, kind->size / 8, kind->trace),
        .trailing_size = kind->tail_size,
        .trailing_layout = layout_for(kind->tail_layout, kind->tail, kind->tail_size / 8, NULL),
    };
    tri_result result = tri_type_define(heap, &desc, &kind->type);
    if (result != TRI_OK) {
        (void)fprintf(stderr, "graph_stress: type %s: %s\n", kind->name, tri_result_text(result));
        abort();
    }
    free((void *)(uintptr_t)desc.layout.fields);
    free((void *)(uintptr_t)desc.trailing_layout.fields);
}

void kind_random_roles(uint64_t random, char text[24])
{
    size_t length = 2 + random % 20;
    text[0] = 'd';
    for (size_t i = 1; i < length; i++) {
        text[i] = "dpvp"[mix(random + i) % 4];
    }
    text[length] = '\0';
}

/* ---- Words ------------------------------------------------------------------------------------*/

uint64_t word_encode(char role, uint64_t address)
{
    switch (role) {
    case 'v':
        return BOX_MASK | address;
    case 't':
        return address | TAG;
    default:
        return address;
    }
}

uint64_t word_decode(char role, uint64_t word)
{
    switch (role) {
    case 'v':
        return (word & BOX_MASK) == BOX_MASK ? word & ~BOX_MASK : 0;
    case 't':
        return (word & TAG_MASK) == TAG ? word & ~TAG_MASK : 0;
    case 'p':
    case 'c':
        return word;
    default:
        return 0;
    }
}

/* Not an address of any heap. */
#define NO_ADDRESS (UINT64_C(1) << 63)

uint64_t word_number(char role, uint64_t number)
{
    switch (role) {
    case 't':
        return number << 3;
    case 'p':
    case 'c':
        return number | NO_ADDRESS;
    default:
        return number;
    }
}

uint64_t word_immediate(char role, uint64_t random)
{
    uint64_t number = mix(random) & ~(UINT64_C(1) << 50); /* never like BOX_MASK */
    switch (role) {
    case 't':
        return (number & TAG_MASK) == TAG ? number & ~TAG_MASK : number;
    case 'p':
    case 'c':
        switch (random % 3) {
        case 0:
            return 0;
        case 1:
            return (uint64_t)(uintptr_t)&raw_encoding; /* outside the heap */
        default:
            return number | NO_ADDRESS;
        }
    default:
        return number;
    }
}

uint64_t word_decoy(char role, uint64_t address)
{
    return role == 't' ? address | 2 : UINT64_C(0x7ff8) << 48 | address;
}
