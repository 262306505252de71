/* types_test.c -- every layout in every encoding, as single objects, arrays and trailing elements:
 * what it names is kept, the rest is not; and where objects lie, how large, how zero they are.
 */
#include "tests/scenario/scenario.h"

/* ---- Layouts and encodings ------------------------------------------------------------------- */

/* What a word of an object means to the collector. */
enum word_kind {
    WORD_DATA,    /* nothing */
    WORD_POINTER, /* an address */
    WORD_VALUE,   /* a word in the layout's encoding */
    WORD_ANY      /* whatever looks like an address */
};

#define ELEMENT_WORDS_MAX 150

/* The layout of an element, by its words. */
struct form {
    const char *name;
    tri_layout_kind kind;
    size_t words;
    const char *kinds; /* one character a word: . p v ?, repeated to the end */
};

static const struct form forms[] = {
    {"leaf", TRI_LAYOUT_LEAF, 2, "."},
    {"pointer", TRI_LAYOUT_FIELDS, 1, "p"},
    {"value", TRI_LAYOUT_FIELDS, 1, "v"},
    {"mixed fields", TRI_LAYOUT_FIELDS, 7, ".pv.pvv"},
    {"no field at the ends", TRI_LAYOUT_FIELDS, 5, "..pv."},
    {"fields of one mask", TRI_LAYOUT_FIELDS, 64, "pv"},
    {"fields of two masks", TRI_LAYOUT_FIELDS, 65, "vp"},
    {"sparse fields", TRI_LAYOUT_FIELDS, ELEMENT_WORDS_MAX, "p......v..."},
    {"fields without any", TRI_LAYOUT_FIELDS, 3, "..."},
    {"all words", TRI_LAYOUT_ALL_WORDS, 3, "v"},
    {"conservative", TRI_LAYOUT_CONSERVATIVE, 5, "?"},
};

struct code {
    const char *name;
    tri_encoding encoding;
};

#define CODES 6

static struct code code_at(size_t index)
{
    const struct code codes[CODES] = {
        {"raw", TRI_ENCODING_RAW},
        {"tag 1 of 3", TRI_ENCODING_LOW_TAG(3, 1)},
        {"tag 5 of 7", TRI_ENCODING_LOW_TAG(7, 5)},
        {"tag 0 of 1", TRI_ENCODING_LOW_TAG(1, 0)},
        {"boxed high", TRI_ENCODING_NAN_BOX(UINT64_C(0xfffc000000000000), //
                                            UINT64_C(0xfffc000000000000))},
        {"boxed low", TRI_ENCODING_NAN_BOX(UINT64_C(0xffff000000000000), 0)},
    };
    return codes[index];
}

static tri_word encode(const struct code *code, const void *address)
{
    return ((tri_word)address & code->encoding.address) | code->encoding.pattern;
}

/* A word that has the object's address, but does not say that it is one; where every word says so,
 * an address outside the heap. */
static tri_word encode_wrongly(const struct code *code, const void *address)
{
    tri_word lowest = code->encoding.mask & (~code->encoding.mask + 1);
    return lowest == 0 ? (tri_word)&forms : encode(code, address) ^ lowest;
}

static enum word_kind form_kind(const struct form *form, size_t word)
{
    switch (form->kinds[word % strlen(form->kinds)]) {
    case 'p':
        return WORD_POINTER;
    case 'v':
        return WORD_VALUE;
    case '?':
        return WORD_ANY;
    default:
        return WORD_DATA;
    }
}

/* The layout of form; fields has room for ELEMENT_WORDS_MAX. */
static tri_layout form_layout(const struct form *form, const tri_encoding *encoding,
                              tri_field *fields)
{
    tri_layout layout = TRI_LAYOUT(form->kind);
    layout.encoding = encoding;
    layout.fields = fields;
    for (size_t i = 0; i < form->words && form->kind == TRI_LAYOUT_FIELDS; i++) {
        enum word_kind kind = form_kind(form, i);
        if (kind != WORD_DATA) {
            fields[layout.field_count++] = (tri_field){
                (uint32_t)(i * sizeof(tri_word)),
                kind == WORD_POINTER ? TRI_FIELD_POINTER : TRI_FIELD_VALUE,
            };
        }
    }
    return layout;
}

/* One object of the test: a head, and count elements behind it; or an array of count elements; or
 * the head alone. */
struct container {
    struct host *host;
    const struct code *code;
    const struct form *head;    /* NULL: none */
    const struct form *element; /* NULL: none */
    size_t count;
    tri_type *type;
    uintptr_t *targets; /* what each word refers to, hidden; 0: nothing that it keeps */
};

static size_t container_words(const struct container *container)
{
    size_t head = container->head == NULL ? 0 : container->head->words;
    return head + (container->element == NULL ? 0 : container->count * container->element->words);
}

static enum word_kind container_kind(const struct container *container, size_t word)
{
    size_t head = container->head == NULL ? 0 : container->head->words;
    return word < head ? form_kind(container->head, word)
                       : form_kind(container->element, (word - head) % container->element->words);
}

/* explicit_code: the layouts name their encoding; else it is the heap's. */
static void container_define(struct container *container, bool explicit_code)
{
    tri_field head_fields[ELEMENT_WORDS_MAX];
    tri_field element_fields[ELEMENT_WORDS_MAX];
    const tri_encoding *encoding = explicit_code ? &container->code->encoding : NULL;
    const struct form *first = container->head != NULL ? container->head : container->element;
    tri_type_desc desc = TRI_TYPE_DESC("container", char);
    desc.size = first->words * sizeof(tri_word);
    desc.layout = form_layout(first, encoding, head_fields);
    if (container->head != NULL && container->element != NULL) {
        desc.trailing_size = container->element->words * sizeof(tri_word);
        desc.trailing_layout = form_layout(container->element, encoding, element_fields);
    }
    container->type = type_new(container->host->heap, &desc);
}

static tri_ref container_new(const struct container *container)
{
    tri_mutator *mutator = container->host->mutator;
    if (container->element == NULL) {
        return tri_alloc(mutator, container->type);
    }
    return container->head == NULL ? tri_alloc_array(mutator, container->type, container->count)
                                   : tri_alloc_trailing(mutator, container->type, container->count);
}

/* What to put into a word, with a new object. *kept: whether the word keeps it alive. */
static tri_word word_for(const struct container *container, size_t index, bool *kept)
{
    const struct host *host = container->host;
    struct link *target = link_new(host->mutator, host->leaf, index);
    char *inside = (char *)target + (index % 3 == 1 ? 8 : 0); /* interior references too */
    *kept = true;
    container->targets[index] = hide(target);
    switch (container_kind(container, index)) {
    case WORD_POINTER:
        return (tri_word)inside;
    case WORD_ANY:
        return (tri_word)inside + index % 8;
    case WORD_VALUE:
        if (index % 5 != 4) {
            return encode(container->code, inside);
        }
        *kept = false;
        return encode_wrongly(container->code, inside);
    default:
        *kept = false;
        return (tri_word)inside;
    }
}

/* Fill the container with references and with words that only look like some. Returns how many
 * objects it keeps. The caller holds it. */
static uint64_t container_fill(const struct container *container, tri_word *words)
{
    uint64_t count = 0;
    for (size_t i = 0; i < container_words(container); i++) {
        bool kept;
        MUST(words[i] == 0);
        tri_word word = word_for(container, i, &kept);
        if (kept) {
            tri_store(container->host->mutator, &words[i], word);
            count++;
        } else {
            words[i] = word; /* plain data: no barrier */
            container->targets[i] = 0;
        }
    }
    return count;
}

static void check_targets(const struct container *container)
{
    for (size_t i = 0; i < container_words(container); i++) {
        const struct link *target = reveal(container->targets[i]);
        MUST(container->targets[i] == 0 || target->number == i);
    }
}

/* The test: a container keeps exactly what its layout names, and nothing once it is cleared. */
static void check_container(const struct container *container)
{
    tri_mutator *mutator = container->host->mutator;
    size_t words = container_words(container);
    TRI_FRAME(mutator, 1);
    TRI_LOCAL(0) = container_new(container);
    uint64_t kept = container_fill(container, TRI_LOCAL(0));
    MUST(collect_and_count(mutator) == 1 + kept);
    check_targets(container);
    tri_word *first = TRI_LOCAL(0);
    for (size_t i = 0; i < words / 2; i++) {
        kept -= container->targets[i] != 0;
        container->targets[i] = 0;
        tri_store(mutator, &first[i], 0);
    }
    MUST(collect_and_count(mutator) == 1 + kept);
    check_targets(container);
    tri_fill_range(mutator, first, 0, words);
    MUST(collect_and_count(mutator) == 1);
}

/* As many objects of the type as it takes to leave the spans that rare types share. */
static void make_common(const struct container *container)
{
    for (int i = 0; i < 100; i++) {
        (void)container_new(container);
    }
}

static void check_form(struct host *host, const struct code *code, const struct form *head,
                       const struct form *element, size_t count)
{
    for (int round = 0; round < 2; round++) {
        struct container container = {host, code, head, element, count, NULL, NULL};
        container_define(&container, round == 1);
        container.targets = calloc(container_words(&container) + 1, sizeof(uintptr_t));
        check_container(&container);
        if (container_words(&container) < 100) {
            make_common(&container);
            check_container(&container);
        }
        free(container.targets);
    }
}

static struct host host_of_code(const struct code *code)
{
    tri_heap_options options = options_new();
    options.value_encoding = code->encoding;
    return host_new(&options);
}

START_TEST(single_objects)
{
    struct code code = code_at((size_t)_i);
    struct host host = host_of_code(&code);
    for (size_t i = 0; i < LENGTH(forms); i++) {
        check_form(&host, &code, &forms[i], NULL, 0);
    }
    host_end(&host);
}
END_TEST

START_TEST(arrays)
{
    struct code code = code_at((size_t)_i);
    struct host host = host_of_code(&code);
    for (size_t i = 0; i < LENGTH(forms); i++) {
        check_form(&host, &code, NULL, &forms[i], 1);
        check_form(&host, &code, NULL, &forms[i], 6);
        check_form(&host, &code, NULL, &forms[i], 600 / forms[i].words);
    }
    host_end(&host);
}
END_TEST

START_TEST(trailing_elements)
{
    struct code code = code_at((size_t)_i);
    struct host host = host_of_code(&code);
    size_t step = slowness() < 100 ? times(2, 6) : 11; /* each pair in some of the codes */
    for (size_t i = 0; i < LENGTH(forms); i++) {
        for (size_t j = (i + (size_t)_i) % step; j < LENGTH(forms); j += step) {
            check_form(&host, &code, &forms[i], &forms[j], 0);
            check_form(&host, &code, &forms[i], &forms[j], 5);
        }
    }
    host_end(&host);
}
END_TEST

/* Over 32 KiB: a span each, and marked in several pieces, whose borders no element
 * respects. */
START_TEST(large_objects)
{
    struct code code = code_at((size_t)_i);
    struct host host = host_of_code(&code);
    size_t step = slowness() < 100 ? times(2, CODES) : LENGTH(forms);
    size_t most = slowness() < 100 ? 40000 : 17000; /* words */
    for (size_t i = (size_t)_i % step; i < LENGTH(forms); i += step) {
        check_form(&host, &code, NULL, &forms[i], 5000 / forms[i].words);
        check_form(&host, &code, &forms[3], &forms[i], 5000 / forms[i].words);
        check_form(&host, &code, NULL, &forms[i], most / forms[i].words);
        check_form(&host, &code, &forms[7], &forms[i], most / forms[i].words);
    }
    host_end(&host);
}
END_TEST

/* ---- Trace functions ------------------------------------------------------------------------- */

struct traced {
    tri_word data;
    void *pointer;
    tri_word value;
    tri_word values[2];
    void *candidates[2];
};

static atomic_uint trace_calls;

static void trace(tri_visitor *visitor, tri_ref object, size_t bytes)
{
    const struct traced *traced = object;
    MUST(bytes >= sizeof *traced);
    atomic_fetch_add(&trace_calls, 1);
    tri_visit_ref(visitor, traced->pointer);
    tri_visit_value(visitor, traced->value);
    tri_visit_values(visitor, traced->values, 2);
    tri_visit_conservatively(visitor, traced->candidates, 2);
}

static const struct form traced_form = {"traced", TRI_LAYOUT_TRACE, 7, ".pvvv??"};

START_TEST(trace_functions)
{
    struct code code = code_at((size_t)_i);
    struct host host = host_of_code(&code);
    tri_type_desc desc = TRI_TYPE_DESC("traced", struct traced);
    desc.layout = TRI_LAYOUT_TRACED_BY(trace);
    uintptr_t targets[32] = {0};
    struct container container = {&host, &code, &traced_form, NULL, 0, NULL, targets};
    container.type = type_new(host.heap, &desc);
    check_container(&container);
    make_common(&container);
    check_container(&container);
    ck_assert_uint_gt(atomic_load(&trace_calls), 0);

    /* With trailing elements, which are none of the function's business. */
    tri_field fields[ELEMENT_WORDS_MAX];
    desc.trailing_size = forms[3].words * sizeof(tri_word);
    desc.trailing_layout = form_layout(&forms[3], NULL, fields);
    container.type = type_new(host.heap, &desc);
    container.element = &forms[3];
    container.count = 3;
    check_container(&container);
    host_end(&host);
}
END_TEST

/* Each trailing element traced by itself; in large objects by several markers. */
START_TEST(trace_functions_of_elements)
{
    const size_t counts[] = {0, 1, 2, 10, 700, slowness() < 100 ? times(6000, 2500) : 800};
    struct code code = code_at((size_t)_i);
    struct host host = host_of_code(&code);
    for (size_t i = 0; i < LENGTH(counts); i++) {
        tri_field fields[ELEMENT_WORDS_MAX];
        tri_type_desc desc = TRI_TYPE_DESC("traced elements", char);
        uintptr_t *targets = calloc(7 + counts[i] * 7, sizeof *targets);
        struct container container = {&host,     &code, &forms[3], &traced_form,
                                      counts[i], NULL,  targets};
        desc.size = forms[3].words * sizeof(tri_word);
        desc.layout = form_layout(&forms[3], NULL, fields);
        desc.trailing_size = sizeof(struct traced);
        desc.trailing_layout = TRI_LAYOUT_TRACED_BY(trace);
        container.type = type_new(host.heap, &desc);
        check_container(&container);
        free(targets);
    }
    host_end(&host);
}
END_TEST

/* ---- Interior references --------------------------------------------------------------------- */

START_TEST(every_byte_of_an_object_keeps_it)
{
    static const size_t sizes[] = {1, 16, 24, 100, 1000, 32768, 32769, 300000};
    struct host host = host_new(NULL);
    tri_type_desc desc = TRI_TYPE_DESC("bytes", char);
    tri_type *byte = type_new(host.heap, &desc);
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = tri_alloc_array(host.mutator, byte, sizes[i]);
        uintptr_t hidden = hide(TRI_LOCAL(0));
        size_t step = sizes[i] < 50 ? 1 : sizes[i] / 7;
        for (size_t offset = 0; offset < sizes[i]; offset += step) {
            TRI_LOCAL(0) = (char *)reveal(hidden) + offset;
            ck_assert_uint_eq(collect_and_count(host.mutator), 1);
            ck_assert(is_there(host.heap, hidden));
        }
        TRI_LOCAL(0) = TRI_NULL;
        ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    }
    host_end(&host);
}
END_TEST

/* ---- Alignment ------------------------------------------------------------------------------- */

static tri_type *sized_type_new(tri_heap *heap, size_t size, uint32_t flags)
{
    tri_type_desc desc = TRI_TYPE_DESC("sized", char);
    desc.size = size;
    desc.flags = flags;
    desc.trailing_size = 0;
    return type_new(heap, &desc);
}

static void check_aligned(tri_ref object, uintptr_t alignment)
{
    MUST(object != TRI_NULL && (uintptr_t)object % alignment == 0);
}

START_TEST(alignment)
{
    struct host host = host_new(NULL);
    for (size_t size = 1; size <= 40000; size += size / 5 + 1) {
        tri_type *wide = sized_type_new(host.heap, size, TRI_TYPE_ALIGN_16);
        tri_type *narrow = sized_type_new(host.heap, size, 0);
        for (size_t i = 0; i < 80; i++) {
            check_aligned(tri_alloc(host.mutator, wide), 16);
            check_aligned(tri_alloc(host.mutator, narrow), 8);
        }
        check_aligned(tri_alloc_array(host.mutator, wide, 0), 16);
        check_aligned(tri_alloc_array(host.mutator, wide, 3), 16);
        check_aligned(tri_alloc_array(host.mutator, narrow, 3), 8);
        check_aligned(tri_alloc_array(host.mutator, wide, 500), 16);
    }
    tri_type_desc desc = TRI_TYPE_DESC("wide with a tail", char);
    desc.size = 24;
    desc.flags = TRI_TYPE_ALIGN_16;
    desc.trailing_size = 8;
    desc.trailing_layout = TRI_LAYOUT(TRI_LAYOUT_ALL_WORDS);
    tri_type *tailed = type_new(host.heap, &desc);
    for (size_t i = 0; i < 200; i++) {
        check_aligned(tri_alloc_trailing(host.mutator, tailed, i), 16);
    }
    host_end(&host);
}
END_TEST

/* ---- Zeroed memory --------------------------------------------------------------------------- */

static bool all_bytes_are(const void *memory, size_t count, unsigned char byte)
{
    const unsigned char *bytes = memory;
    return count == 0 || (bytes[0] == byte && memcmp(bytes, bytes + 1, count - 1) == 0);
}

/* A new object of any kind: a single one, an array or one with trailing elements. */
static tri_ref any_object(const struct host *host, tri_type *types[3], uint64_t *random)
{
    uint64_t limit = unit_random_below(random, 40) == 0 ? 60000 : 200;
    switch (unit_random_below(random, 4)) {
    case 0:
        return tri_alloc(host->mutator, types[unit_random_below(random, 2)]);
    case 1:
        return tri_alloc_array(host->mutator, types[1], unit_random_below(random, limit / 8));
    case 2:
        return tri_alloc_array(host->mutator, types[0], unit_random_below(random, limit));
    default:
        return tri_alloc_trailing(host->mutator, types[2], unit_random_below(random, limit / 8));
    }
}

START_TEST(new_objects_are_zero)
{
    uint64_t random = unit_seed();
    tri_heap_options options = options_new();
    options.clobber_free = _i % 2 == 0;
    options.max_heap = (size_t)64 << 20;
    struct host host = host_new(&options);
    tri_type_desc desc = TRI_TYPE_DESC("words", uint64_t);
    desc.layout = TRI_LAYOUT(TRI_LAYOUT_CONSERVATIVE);
    tri_type *types[3] = {sized_type_new(host.heap, 3, 0), type_new(host.heap, &desc), NULL};
    desc.trailing_size = 8;
    desc.trailing_layout = TRI_LAYOUT(TRI_LAYOUT_CONSERVATIVE);
    types[2] = type_new(host.heap, &desc);
    unsigned count = times(200000, 20000);
    for (unsigned i = 0; i < count; i++) {
        tri_ref object = any_object(&host, types, &random);
        size_t bytes = tri_object_size(host.heap, object);
        MUST(bytes > 0 && all_bytes_are(object, bytes, 0));
        memset(object, 0xa5, bytes);
        if (i % 20000 == 0) {
            tri_collect(host.mutator);
        }
    }
    host_end(&host);
}
END_TEST

START_TEST(uninitialized_objects_are_not_zeroed)
{
    tri_heap_options options = options_new();
    options.clobber_free = true;
    struct host host = host_new(&options);
    tri_type *raw = sized_type_new(host.heap, 64, TRI_TYPE_UNINITIALIZED);
    unsigned rubbish = 0;
    for (int i = 0; i < 20000; i++) {
        const uint64_t *object = tri_alloc(host.mutator, raw);
        rubbish += object[1] == UINT64_C(0xdeadbeefdeadbeef);
        if (i % 1000 == 0) {
            tri_collect(host.mutator);
        }
    }
    ck_assert_uint_gt(rubbish, 1000);
    (void)tri_alloc_array(host.mutator, raw, 10000);
    host_end(&host);
}
END_TEST

/* ---- Resizing -------------------------------------------------------------------------------- */

/* A vector of references as a host has one: its memory is larger than what is in use. */
static void grow_vector(struct host *host, tri_type *element, size_t from, size_t to)
{
    TRI_FRAME(host->mutator, 1);
    TRI_LOCAL(0) = tri_resize_array(host->mutator, element, TRI_NULL, 0, from);
    for (size_t count = from; count < to; count++) {
        TRI_LOCAL(0) = tri_resize_array(host->mutator, element, TRI_LOCAL(0), count, count + 1);
        struct link *link = link_new(host->mutator, host->leaf, count);
        tri_word *words = TRI_LOCAL(0);
        MUST(words[count] == 0);
        tri_store_ref(host->mutator, &words[count], link);
    }
    tri_word *words = TRI_LOCAL(0);
    MUST(tri_object_size(host->heap, words) >= to * sizeof *words);
    MUST(collect_and_count(host->mutator) == 1 + (to - from));
    for (size_t i = from; i < to; i++) {
        MUST(((struct link *)words[i])->number == i);
    }
}

static tri_type *word_type_new(tri_heap *heap)
{
    tri_type_desc desc = TRI_TYPE_DESC("word", uint64_t);
    desc.layout = TRI_LAYOUT(TRI_LAYOUT_ALL_WORDS);
    return type_new(heap, &desc);
}

START_TEST(resize_grows)
{
    struct host host = host_new(NULL);
    tri_type *word = word_type_new(host.heap);
    grow_vector(&host, word, 0, 3000);
    grow_vector(&host, word, 0, 10);
    grow_vector(&host, word, 4090, 4200); /* over the border to large arrays */
    grow_vector(&host, word, 16380, 16400);
    host_end(&host);
}
END_TEST

START_TEST(resize_in_place_where_there_is_room)
{
    struct host host = host_new(NULL);
    tri_type *word = word_type_new(host.heap);
    {
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = tri_alloc_array(host.mutator, word, 33);
        size_t room = tri_object_size(host.heap, TRI_LOCAL(0)) / sizeof(tri_word);
        ck_assert_uint_ge(room, 33);
        tri_ref same = tri_resize_array(host.mutator, word, TRI_LOCAL(0), 33, room);
        ck_assert_ptr_eq(same, TRI_LOCAL(0));
        tri_ref other = tri_resize_array(host.mutator, word, TRI_LOCAL(0), room, room + 1);
        ck_assert_ptr_ne(other, TRI_LOCAL(0));
    }
    host_end(&host);
}
END_TEST

START_TEST(resize_shrinks_and_grows_again)
{
    static const size_t counts[] = {10, 500, 10000};
    struct host host = host_new(NULL);
    tri_type *word = word_type_new(host.heap);
    for (size_t c = 0; c < LENGTH(counts); c++) {
        size_t count = counts[c];
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = tri_alloc_array(host.mutator, word, count);
        for (size_t i = 0; i < count; i++) {
            struct link *link = link_new(host.mutator, host.leaf, i);
            tri_store_ref(host.mutator, (tri_word *)TRI_LOCAL(0) + i, link);
        }
        ck_assert_uint_eq(collect_and_count(host.mutator), 1 + count);
        TRI_LOCAL(0) = tri_resize_array(host.mutator, word, TRI_LOCAL(0), count, count / 2);
        ck_assert_uint_eq(collect_and_count(host.mutator), 1 + count / 2);
        TRI_LOCAL(0) = tri_resize_array(host.mutator, word, TRI_LOCAL(0), count / 2, count);
        const tri_word *words = TRI_LOCAL(0);
        ck_assert(all_bytes_are(words + count / 2, (count - count / 2) * sizeof *words, 0));
        for (size_t i = 0; i < count / 2; i++) {
            MUST(((struct link *)words[i])->number == i);
        }
        TRI_LOCAL(0) = tri_resize_array(host.mutator, word, TRI_LOCAL(0), count, 0);
        ck_assert_uint_eq(collect_and_count(host.mutator), 1);
    }
    ck_assert_uint_eq(collect_and_count(host.mutator), 0);
    host_end(&host);
}
END_TEST

/* Leaf elements of odd sizes: nothing rounds them up. */
START_TEST(resize_of_leaf_arrays)
{
    static const size_t sizes[] = {1, 3, 8, 13};
    struct host host = host_new(NULL);
    for (size_t s = 0; s < LENGTH(sizes); s++) {
        TRI_FRAME(host.mutator, 1);
        tri_type *type = sized_type_new(host.heap, sizes[s], 0);
        ck_assert_uint_eq(tri_type_stride(type), sizes[s]);
        TRI_LOCAL(0) = tri_alloc_array(host.mutator, type, 0);
        for (size_t count = 0; count < 5000; count = count * 3 + 1) {
            size_t next = count * 3 + 1;
            TRI_LOCAL(0) = tri_resize_array(host.mutator, type, TRI_LOCAL(0), count, next);
            unsigned char *bytes = TRI_LOCAL(0);
            MUST(all_bytes_are(bytes, count * sizes[s], 0x5a));
            MUST(all_bytes_are(bytes + count * sizes[s], (next - count) * sizes[s], 0));
            memset(bytes, 0x5a, next * sizes[s]);
        }
    }
    host_end(&host);
}
END_TEST

/* ---- Looking objects up ---------------------------------------------------------------------- */

/* What the three look-ups say of an address. */
static void check_lookup(tri_heap *heap, const void *address, tri_ref base, const tri_type *type,
                         size_t least_bytes)
{
    MUST(tri_object_base(heap, address) == base);
    MUST(tri_object_type(heap, address) == type);
    MUST(base == TRI_NULL ? tri_object_size(heap, address) == 0
                          : tri_object_size(heap, address) >= least_bytes);
}

static void check_nothing(tri_heap *heap, const void *address)
{
    check_lookup(heap, address, TRI_NULL, NULL, 0);
}

START_TEST(lookups_of_objects)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 48, 1000, 20000, 32760, 32768, 40000, 1000000};
    struct host host = host_new(NULL);
    for (size_t i = 0; i < LENGTH(sizes); i++) {
        tri_type *type = sized_type_new(host.heap, sizes[i], 0);
        for (int round = 0; round < 70; round++) { /* shared spans first, then the type's own */
            TRI_FRAME(host.mutator, 1);
            TRI_LOCAL(0) = tri_alloc(host.mutator, type);
            char *object = TRI_LOCAL(0);
            size_t bytes = tri_object_size(host.heap, object);
            MUST(bytes >= sizes[i] && bytes % 8 == 0);
            for (size_t at = 0; at < bytes; at += at / 3 + 1) {
                check_lookup(host.heap, object + at, object, type, sizes[i]);
            }
            check_lookup(host.heap, object + bytes - 1, object, type, sizes[i]);
            MUST(tri_object_base(host.heap, object + bytes) != object);
            MUST(tri_heap_contains(host.heap, (tri_word)object));
        }
    }
    host_end(&host);
}
END_TEST

START_TEST(lookups_of_nothing)
{
    struct host host = host_new(NULL);
    struct host other = host_new(NULL);
    char *memory = malloc(100);
    check_nothing(host.heap, NULL);
    check_nothing(host.heap, &host);
    check_nothing(host.heap, memory);
    check_nothing(host.heap, forms);
    check_nothing(host.heap, (void *)UINTPTR_MAX);
    check_nothing(host.heap, (void *)UINT64_C(0xfffc000000000010));
    const char *foreign = (const char *)link_new(other.mutator, other.leaf, 1);
    check_nothing(host.heap, foreign);
    ck_assert(!tri_heap_contains(host.heap, (tri_word)foreign));
    ck_assert(!tri_heap_contains(host.heap, (tri_word)memory));

    /* Where nothing was allocated yet. */
    const char *mine = (const char *)link_new(host.mutator, host.leaf, 1);
    size_t page = 8192;
    const char *far = mine - (uintptr_t)mine % page + 300 * page;
    ck_assert(tri_heap_contains(host.heap, (tri_word)far));
    check_nothing(host.heap, far);
    check_nothing(host.heap, far + ((size_t)32 << 20)); /* not even grown so far */
    free(memory);
    host_end(&other);
    host_end(&host);
}
END_TEST

START_TEST(lookups_of_what_was_freed)
{
    struct host host = host_new(NULL);
    tri_type *large = sized_type_new(host.heap, 100000, 0);
    uintptr_t hidden[3];
    hidden[0] = hide(link_new(host.mutator, host.leaf, 1));
    hidden[1] = hide(tri_alloc(host.mutator, large));
    hidden[2] = hide(list_new(host.mutator, host.link, 100));
    tri_collect(host.mutator);
    for (size_t i = 0; i < LENGTH(hidden); i++) {
        check_nothing(host.heap, reveal(hidden[i]));
        check_nothing(host.heap, (char *)reveal(hidden[i]) + 8);
    }
    host_end(&host);
}
END_TEST

/* Rare types share spans, in which each object has 8 bytes before it that say its type. They are
 * not part of the object, nor of its neighbour. */
START_TEST(lookups_of_headers)
{
    struct host host = host_new(NULL);
    tri_type *rare = sized_type_new(host.heap, 40, 0); /* with the header a slot of 48 */
    {
        TRI_FRAME(host.mutator, 2);
        TRI_LOCAL(0) = tri_alloc(host.mutator, rare);
        TRI_LOCAL(1) = tri_alloc(host.mutator, rare);
        char *first = TRI_LOCAL(0);
        char *second = TRI_LOCAL(1);
        ck_assert_uint_eq(tri_object_size(host.heap, first), 40);
        check_nothing(host.heap, first - 8);
        check_nothing(host.heap, first - 1);
        check_lookup(host.heap, first, first, rare, 40);
        if (second == first + 48) { /* unless a collection came between */
            check_nothing(host.heap, first + 40);
        }
    }
    host_end(&host);
}
END_TEST

/* Slots of 48 bytes leave 32 bytes at the end of their page. */
START_TEST(lookups_of_tails)
{
    struct host host = host_new(NULL);
    tri_type *type = sized_type_new(host.heap, 48, 0);
    size_t page = 8192;
    bool found = false;
    {
        TRI_FRAME(host.mutator, 1);
        for (int i = 0; i < 1000; i++) {
            TRI_LOCAL(0) = tri_alloc(host.mutator, type);
            char *object = TRI_LOCAL(0);
            char *start = object - (uintptr_t)object % page;
            if (tri_object_size(host.heap, object) == 48 && object == start + 169 * 48) {
                found = true;
                check_lookup(host.heap, object + 47, object, type, 48);
                check_nothing(host.heap, object + 48);
                check_nothing(host.heap, start + page - 1);
            }
        }
        ck_assert(found);
    }
    host_end(&host);
}
END_TEST

/* ---- Types ----------------------------------------------------------------------------------- */

START_TEST(types_say_what_was_declared)
{
    struct host host = host_new(NULL);
    char name[] = "a name";
    tri_type_desc desc = TRI_TYPE_DESC(name, char[20]);
    tri_type *leaf = type_new(host.heap, &desc);
    desc.layout = TRI_LAYOUT(TRI_LAYOUT_CONSERVATIVE);
    tri_type *scanned = type_new(host.heap, &desc);
    name[0] = 'A'; /* the name was copied */
    ck_assert_str_eq(tri_type_name(leaf), "a name");
    ck_assert_uint_eq(tri_type_size(leaf), 20);
    ck_assert_uint_eq(tri_type_stride(leaf), 20);
    ck_assert_uint_eq(tri_type_size(scanned), 20);
    ck_assert_uint_eq(tri_type_stride(scanned), 24);
    host_end(&host);
}
END_TEST

/* Every object of more types than there are spans. */
START_TEST(types_by_the_thousand)
{
    enum {
        COUNT = 3000
    };
    static tri_type *types[COUNT];
    static tri_word slots[COUNT];
    struct host host = host_new(NULL);
    for (size_t i = 0; i < COUNT; i++) {
        types[i] = sized_type_new(host.heap, 8 + i % 500, 0);
    }
    ck_assert_int_eq(tri_global_add(host.heap, slots, COUNT), TRI_OK);
    for (size_t i = 0; i < COUNT; i++) {
        uint64_t *object = tri_alloc(host.mutator, types[i]);
        *object = i;
        tri_store_ref(host.mutator, &slots[i], object);
    }
    ck_assert_uint_eq(collect_and_count(host.mutator), COUNT);
    /* Rare types share pages. */
    ck_assert_uint_lt(stats_of(host.heap).heap_in_use, (uint64_t)COUNT * 2048);
    for (size_t i = 0; i < COUNT; i++) {
        ck_assert_ptr_eq(tri_object_type(host.heap, (void *)slots[i]), types[i]);
        ck_assert_uint_eq(*(uint64_t *)slots[i], i);
    }
    host_end(&host);
}
END_TEST

START_TEST(types_up_to_the_limit)
{
    tri_heap_options options = options_new();
    struct log_lines lines = {0};
    options.log = log_keep;
    options.log_argument = &lines;
    struct host host = host_new(&options);
    tri_type_desc desc = TRI_TYPE_DESC("one of many", struct link);
    desc.layout = TRI_LAYOUT_OF(link_fields);
    tri_type *type = NULL;
    tri_type *last = NULL;
    size_t count = 2; /* the host's own */
    tri_result result;
    while ((result = tri_type_define(host.heap, &desc, &type)) == TRI_OK) {
        count++;
        last = type;
    }
    ck_assert_int_eq(result, TRI_E_LIMIT);
    ck_assert_uint_eq(count, TRI_TYPES_MAX);
    ck_assert_ptr_eq(type, last); /* untouched */
    ck_assert_uint_eq(lines.count, 1);
    ck_assert_str_eq(lines.last, "trillium: tri_type_define: one of many: the heap has "
                                 "TRI_TYPES_MAX types already");
    {
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = list_new(host.mutator, last, 1000);
        ck_assert_uint_eq(collect_and_count(host.mutator), 1000);
        ck_assert(list_is_intact(TRI_LOCAL(0), 1000));
    }
    host_end(&host);
}
END_TEST

/* So many types in so many sizes that not each pair of them can have spans of its own. */
START_TEST(types_in_more_sizes_than_there_is_room_for)
{
    enum {
        TYPES = 1000,
        ARRAYS = 70
    };
    tri_heap_options options = options_new();
    options.stress = 0; /* it would take minutes */
    struct host host = host_new(&options);
    tri_type *word = word_type_new(host.heap);
    {
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = tri_alloc_array(host.mutator, word, (size_t)TYPES * ARRAYS);
        for (size_t i = 0; i < (size_t)TYPES * ARRAYS; i++) {
            static tri_type *type;
            if (i % ARRAYS == 0) {
                type = i / ARRAYS == TYPES - 1 ? sized_type_new(host.heap, 8, TRI_TYPE_ALIGN_16)
                                               : word_type_new(host.heap);
            }
            tri_word *array = tri_alloc_array(host.mutator, type, 1 + i % 5);
            array[0] = i * 16 + 1; /* no address */
            tri_store_ref(host.mutator, (tri_word *)TRI_LOCAL(0) + i, array);
        }
        ck_assert_uint_eq(collect_and_count(host.mutator), 1 + (uint64_t)TYPES * ARRAYS);
        for (size_t i = 0; i < (size_t)TYPES * ARRAYS; i++) {
            const tri_word *array = ((tri_word **)TRI_LOCAL(0))[i];
            MUST(array[0] == i * 16 + 1 && array[i % 5] == (i % 5 == 0 ? array[0] : 0));
        }
    }
    host_end(&host);
}
END_TEST

int main(void)
{
    const struct test_entry tests[] = {
        {single_objects, CODES},
        {arrays, CODES},
        {trailing_elements, CODES},
        {large_objects, CODES},
        {trace_functions, CODES},
        {trace_functions_of_elements, CODES},
        {every_byte_of_an_object_keeps_it, 0},
        {alignment, 0},
        {new_objects_are_zero, 2},
        {uninitialized_objects_are_not_zeroed, 0},
        {resize_grows, 0},
        {resize_in_place_where_there_is_room, 0},
        {resize_shrinks_and_grows_again, 0},
        {resize_of_leaf_arrays, 0},
        {lookups_of_objects, 0},
        {lookups_of_nothing, 0},
        {lookups_of_what_was_freed, 0},
        {lookups_of_headers, 0},
        {lookups_of_tails, 0},
        {types_say_what_was_declared, 0},
        {types_by_the_thousand, 0},
        {types_up_to_the_limit, 0},
        {types_in_more_sizes_than_there_is_room_for, 0},
    };
    return scenario_run("types", tests, LENGTH(tests));
}
