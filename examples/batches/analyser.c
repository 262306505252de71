/* analyser.c -- reading the log, taking its lines apart, adding up. */
#include "analyser.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(tri_result result, const char *what)
{
    if (result != TRI_OK) {
        fprintf(stderr, "batches: %s: %s\n", what, tri_result_text(result));
        exit(1);
    }
}

/* ---- The heap and its types ------------------------------------------------------------------ */

static const tri_field list_fields[] = {{0, TRI_FIELD_POINTER}};
static const tri_field path_fields[] = {TRI_POINTER_AT(struct path_totals, path)};

static void define_types(struct analyser *analyser)
{
    tri_type_desc text = TRI_TYPE_DESC("text", struct text);
    text.trailing_size = 1;
    check(tri_type_define(analyser->heap, &text, &analyser->text_type), "type text");

    tri_type_desc list = TRI_TYPE_DESC("list", struct list);
    list.trailing_size = sizeof(void *);
    list.trailing_layout = TRI_LAYOUT_OF(list_fields);
    check(tri_type_define(analyser->heap, &list, &analyser->list_type), "type list");

    tri_type_desc path = TRI_TYPE_DESC("path totals", struct path_totals);
    path.layout = TRI_LAYOUT_OF(path_fields);
    check(tri_type_define(analyser->heap, &path, &analyser->path_type), "type path totals");

    /* The numbers, and behind them the table. */
    tri_type_desc totals = TRI_TYPE_DESC("totals", struct totals);
    totals.size = offsetof(struct totals, paths);
    totals.trailing_size = sizeof(void *);
    totals.trailing_layout = TRI_LAYOUT_OF(list_fields);
    check(tri_type_define(analyser->heap, &totals, &analyser->totals_type), "type totals");
}

void analyser_begin(struct analyser *analyser)
{
    *analyser = (struct analyser){.random = 1};
    check(tri_heap_create(&analyser->heap, NULL), "heap");
    define_types(analyser);
    check(tri_mutator_attach(analyser->heap, &analyser->mutator), "mutator");
}

void analyser_end(struct analyser *analyser)
{
    tri_mutator_detach(analyser->mutator);
    tri_heap_destroy(analyser->heap);
}

static struct text *text_new(struct analyser *analyser, const char *characters, size_t length)
{
    struct text *text = tri_alloc_trailing(analyser->mutator, analyser->text_type, length + 1);
    text->length = length;
    memcpy(text->characters, characters, length);
    return text;
}

struct list *list_new(struct analyser *analyser, size_t count)
{
    struct list *list = tri_alloc_trailing(analyser->mutator, analyser->list_type, count);
    list->count = count;
    return list;
}

/* ---- The log --------------------------------------------------------------------------------- */

/* The next of a sequence of numbers without apparent order, the same in every run. */
static unsigned next(struct analyser *analyser, unsigned limit)
{
    analyser->random = analyser->random * UINT64_C(6364136223846793005) + 1442695040888963407U;
    return (unsigned)(analyser->random >> 33) % limit;
}

/* As a server writes it: who has asked, for what, how it went, and with which browser. */
static struct text *read_line(struct analyser *analyser)
{
    static const char *const pages[] = {"articles", "basket", "images", "search", "users"};
    static const char *const browsers[] = {"Chrome/139.0 (Windows NT 10)",
                                           "Firefox/141.0 (X11 Linux)", "Safari/18.5 (Macintosh)"};
    char line[128];
    unsigned page = next(analyser, 5);
    unsigned client = next(analyser, 250);
    unsigned number = next(analyser, 8);
    unsigned status = next(analyser, 50) == 0 ? 500 : 200;
    unsigned bytes = next(analyser, 50000);
    unsigned milliseconds = 1 + next(analyser, 20 * (page + 1));
    int length =
        snprintf(line, sizeof line, "203.0.113.%u /shop/%s/%u %u %u %u %s", client, pages[page],
                 number, status, bytes, milliseconds, browsers[next(analyser, 3)]);
    return text_new(analyser, line, (size_t)length);
}

struct list *batch_read(struct analyser *analyser)
{
    TRI_FRAME(analyser->mutator, 1);
    TRI_LOCAL(0) = list_new(analyser, BATCH_LINES);
    for (size_t i = 0; i < BATCH_LINES; i++) {
        struct text *line = read_line(analyser);
        struct list *batch = TRI_LOCAL(0);
        tri_store_ref(analyser->mutator, &batch->items[i], line);
    }
    return TRI_LOCAL(0);
}

/* ---- A line's fields ------------------------------------------------------------------------- */

enum field {
    CLIENT,
    PATH,
    STATUS,
    BYTES,
    MILLISECONDS,
    FIELDS /* the browser interests nobody here */
};

/* A list of the texts between blanks, as the split() of a scripting language makes one. The caller
 * holds line. */
static struct list *split(struct analyser *analyser, const struct text *line)
{
    TRI_FRAME(analyser->mutator, 1);
    TRI_LOCAL(0) = list_new(analyser, FIELDS);
    const char *at = line->characters;
    for (size_t i = 0; i < FIELDS; i++) {
        size_t length = strcspn(at, " ");
        struct text *field = text_new(analyser, at, length);
        tri_store_ref(analyser->mutator, &((struct list *)TRI_LOCAL(0))->items[i], field);
        at += length + (at[length] == ' ');
    }
    return TRI_LOCAL(0);
}

static uint64_t number_at(const struct list *fields, enum field field)
{
    return strtoull(((const struct text *)fields->items[field])->characters, NULL, 10);
}

/* ---- Totals ---------------------------------------------------------------------------------- */

struct totals *totals_new(struct analyser *analyser)
{
    return tri_alloc_trailing(analyser->mutator, analyser->totals_type, TOTALS_PATHS);
}

/* Where path is in the table, or belongs. */
static size_t place_of(const struct totals *totals, const struct text *path)
{
    size_t place = 0;
    for (size_t i = 0; i < path->length; i++) {
        place = (place * 31 + (unsigned char)path->characters[i]) % TOTALS_PATHS;
    }
    while (totals->paths[place] != NULL &&
           strcmp(totals->paths[place]->path->characters, path->characters) != 0) {
        place = (place + 1) % TOTALS_PATHS;
    }
    return place;
}

/* The caller holds both. */
static struct path_totals *path_totals_of(struct analyser *analyser, struct totals *totals,
                                          struct text *path)
{
    size_t place = place_of(totals, path);
    if (totals->paths[place] == NULL) {
        struct path_totals *fresh = tri_alloc(analyser->mutator, analyser->path_type);
        tri_init_ref(analyser->mutator, &fresh->path, path);
        tri_store_ref(analyser->mutator, &totals->paths[place], fresh);
    }
    return totals->paths[place];
}

static void add_line(struct analyser *analyser, struct totals *totals, const struct text *line)
{
    TRI_FRAME(analyser->mutator, 1);
    struct list *fields = split(analyser, line);
    TRI_LOCAL(0) = fields;
    totals->requests++;
    totals->failures += number_at(fields, STATUS) >= 500;
    totals->bytes += number_at(fields, BYTES);
    struct path_totals *path = path_totals_of(analyser, totals, fields->items[PATH]);
    path->requests++;
    path->milliseconds += number_at(fields, MILLISECONDS);
}

void totals_add(struct analyser *analyser, struct totals *totals, const struct list *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        add_line(analyser, totals, batch->items[i]);
    }
}
