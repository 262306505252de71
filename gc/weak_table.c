/* weak_table.c -- hash tables whose keys, or values, are held weakly.
 *
 *   table {storage, capacity, ...}  ->  array of entries {key, value, hash}
 *
 * Owns:       the words of tables and of their entries; the collector changes weak words, too.
 * Idea:       open addressing with linear probing. The collector takes an entry away by one
 *             exchange of its weak word for "gone" (weak.c) and touches nothing else, so that a
 *             mutator works on the table beside it without a lock. An entry that is gone is passed
 *             over by a search, used again by the next one that is entered, and left out when the
 *             table gets another storage: because it is full, or much too large after a cycle.
 * Invariants:
 *   [weak_table.1] The strong word and the hash MUST be written before the weak word; otherwise a
 *                  marker follows what an earlier entry has left ([weak_scan.2]).
 *   [weak_table.2] An entry that is hidden MUST NOT be used again, nor be left behind; otherwise it
 *                  does not come back with its key ([weak.7]).
 *   [weak_table.3] Where weak words are copied while a cycle marks, their targets MUST be recorded,
 *                  or the end be disturbed and the new storage be remembered, or, once marking has
 *                  ended, only what is marked be copied; otherwise the new storage, which is black,
 *                  refers to what is freed ([weak.5]).
 *   [weak_table.4] A strong word that is overwritten or removed MUST pass the barrier, and one of
 *                  an entry that is gone MUST NOT be looked at; otherwise an object that only a
 *                  black stack has is lost, or one is read that was freed.
 *   [weak_table.5] An entry in four MUST never have been used; otherwise a search does not end.
 * Locks:      none: the host lets one mutator at a time at a table.
 * Callers:    the public functions on the mutator's thread.
 */
#include "gc/weak_table.h"

#include "gc/alloc.h"
#include "gc/assert.h"
#include "gc/barrier.h"
#include "gc/cycle.h"
#include "gc/weak.h"
#include "gc/weak_scan.h"
#include "gc/weak_word.h"

struct weak_entry {
    uintptr_t words[2]; /* key and value, in the heap's encoding */
    uint64_t hash;      /* 0: it has never been used; else odd. The collector does not read it */
};

enum {
    KEY,
    VALUE
};

/* Words of it that are no reference the collector does not read. */
struct weak_table {
    void *storage;   /* its entries; NULL: none yet */
    size_t capacity; /* of them: a power of two, or 0 */
    size_t used;     /* entries with a hash: what is there, hidden or gone */
    size_t entered;  /* how often one was entered since cycle */
    uint32_t cycle;  /* the number of the last cycle when it was last found out whether the storage
                        is too large, in 32 bits */
    uint32_t kind;   /* enum weak_kind */
};

/* A table, and what its operations need to know of it. */
struct view {
    struct tri_mutator *mutator;
    struct weak_table *table;
    struct weak_entry *entries;
    size_t capacity;
    const struct weak_shape *shape;
    const tri_encoding *encoding;
};

/* ---- Types ----------------------------------------------------------------------------------- */

tri_type *weak_table_type(struct tri_heap *heap)
{
    /* acquire: pairs with the exchange below */
    tri_type *type = load_acquire(&heap->weak.table_type);
    if (type != NULL) {
        return type;
    }
    static const tri_field fields[] = {{.offset = 0, .kind = TRI_FIELD_POINTER}};
    tri_type_desc desc = {
        .desc_size = sizeof desc,
        .name = "weak table",
        .size = sizeof(struct weak_table),
        .layout = {.kind = TRI_LAYOUT_FIELDS, .fields = fields, .field_count = 1},
    };
    tri_type *made;
    const char *problem;
    if (type_define(&heap->types, heap, &heap->options.value_encoding, &desc, &made, &problem) !=
        TRI_OK) {
        return NULL;
    }
    /* release half: pairs with the acquire above. Of two that are made at a time one stays
     * unused. */
    return cas_acq_rel(&heap->weak.table_type, &type, made) ? made : type;
}

tri_type *weak_table_entry_type(struct tri_heap *heap, enum weak_kind kind)
{
    static const char *const names[WEAK_KIND_COUNT] = {
        [WEAK_KEYS] = "entries of a weak table, by weak keys",
        [WEAK_VALUES] = "entries of a weak table, by weak values",
        [WEAK_EPHEMERONS] = "entries of a weak table, ephemerons",
    };
    return weak_type_of_kind(heap, kind, names[kind], &heap->options.value_encoding);
}

void weak_table_init(tri_ref table, enum weak_kind kind)
{
    ((struct weak_table *)table)->kind = (uint32_t)kind;
}

enum weak_kind weak_table_kind(tri_ref table)
{
    return (enum weak_kind)((const struct weak_table *)table)->kind;
}

/* ---- Entries --------------------------------------------------------------------------------- */

static struct view view_of(struct tri_mutator *mutator, tri_ref table)
{
    struct weak_table *own = table;
    return (struct view){
        .mutator = mutator,
        .table = own,
        .entries = load_relaxed(&own->storage),
        .capacity = own->capacity,
        .shape = &weak_shapes[own->kind],
        .encoding = &mutator->heap->options.value_encoding,
    };
}

static tri_aliased_word *weak_word_of(const struct view *view, struct weak_entry *entry)
{
    return &entry->words[view->shape->weak];
}

static tri_aliased_word *strong_word_of(const struct view *view, struct weak_entry *entry)
{
    return &entry->words[view->shape->strong];
}

/* Whether entry, which has a hash, holds nothing, now or for a while. */
static bool is_gone(const struct view *view, struct weak_entry *entry)
{
    uintptr_t word = load_relaxed(weak_word_of(view, entry));
    return weak_is_gone(view->mutator->heap, view->encoding, word);
}

/* Whether entry may be used for another key [weak_table.2]. */
static bool is_free(const struct view *view, struct weak_entry *entry)
{
    return entry->hash == 0 || load_relaxed(weak_word_of(view, entry)) ==
                                   weak_gone_word(view->mutator->heap, view->encoding);
}

static size_t first_index(uint64_t hash, size_t capacity)
{
    return (size_t)((hash * UINT64_C(0x9E3779B97F4A7C15)) >> (64 - trailing_zeros(capacity)));
}

/* A host's hash as an entry has it. */
static uint64_t stored_hash(uint64_t hash)
{
    return hash | 1;
}

uint64_t weak_table_identity(tri_word key)
{
    return key >> 3; /* words of references are multiples of 8, and more */
}

/* The entry of key, which the mutator has; NULL where there is none. */
static struct weak_entry *find_key(const struct view *view, tri_word key)
{
    uint64_t hash = stored_hash(weak_table_identity(key));
    size_t mask = view->capacity - 1;
    if (view->capacity == 0) {
        return NULL;
    }
    for (size_t i = first_index(hash, view->capacity);; i = (i + 1) & mask) { /* [weak_table.5] */
        struct weak_entry *entry = &view->entries[i];
        if (entry->hash == 0) {
            return NULL;
        }
        if (entry->hash == hash && load_relaxed(&entry->words[KEY]) == key &&
            !is_gone(view, entry)) {
            return entry;
        }
    }
}

/* What entry, which has a hash, holds; false where it holds nothing any more. */
static bool read_entry(const struct view *view, struct weak_entry *entry, tri_word words[2])
{
    uintptr_t word;
    if (!weak_read(view->mutator, weak_word_of(view, entry), view->encoding, &word)) {
        return false;
    }
    words[view->shape->strong] = load_relaxed(strong_word_of(view, entry));
    words[view->shape->weak] = word;
    return true;
}

/* Write a word of an entry that holds nothing: what is there is not looked at. */
static void put_first(struct tri_mutator *mutator, tri_aliased_word *slot, uintptr_t word)
{
    if (barrier_is_on(mutator)) {
        barrier_init(mutator, word);
    }
    /* release: pairs with the acquires in weak_read and weak_scan.c */
    store_release(slot, word);
}

/* Use the first free entry that a search for hash comes to. True where it was never used. */
static bool fill(const struct view *view, uint64_t hash, const tri_word words[2])
{
    size_t i = first_index(hash, view->capacity);
    while (!is_free(view, &view->entries[i])) {
        i = (i + 1) & (view->capacity - 1);
    }
    struct weak_entry *entry = &view->entries[i];
    bool is_new = entry->hash == 0;
    put_first(view->mutator, strong_word_of(view, entry), words[view->shape->strong]);
    entry->hash = hash;
    put_first(view->mutator, weak_word_of(view, entry), words[view->shape->weak]);
    return is_new; /* [weak_table.1] */
}

/* ---- Room ------------------------------------------------------------------------------------ */

static bool has_room(const struct weak_table *own)
{
    return own->used + 1 <= own->capacity / 4 * 3; /* [weak_table.5] */
}

static size_t capacity_for(size_t entries)
{
    size_t capacity = WEAK_TABLE_ENTRIES_MIN;
    while (capacity < entries) {
        capacity *= 2;
    }
    return capacity;
}

/* How many of each step entries are in use. */
static size_t count_each(const struct view *view, size_t step)
{
    size_t count = 0;
    for (size_t i = 0; i < view->capacity; i += step) {
        count += !is_free(view, &view->entries[i]); /* hidden ones may come back */
    }
    return count;
}

/* How many entries another storage shall have. */
static size_t wanted_capacity(const struct view *view)
{
    return capacity_for(2 * (count_each(view, 1) + 1));
}

/* The capacity of a storage at most a quarter as large that has room for what is in use, and for
 * what was entered between the last two cycles; 0 where that is not enough. Looked at once after
 * each cycle, at some entries, and at all where few of these are in use. */
static size_t smaller_capacity(const struct view *view)
{
    struct weak_table *own = view->table;
    uint32_t cycle = (uint32_t)load_relaxed(&view->mutator->heap->cycle.count);
    if (cycle == own->cycle || view->capacity < 4 * WEAK_TABLE_SAMPLES) {
        return 0;
    }
    size_t needed = capacity_for(own->entered / 2 * 3);
    own->cycle = cycle;
    own->entered = 0;
    if (needed > view->capacity / 4 ||
        count_each(view, view->capacity / WEAK_TABLE_SAMPLES) > WEAK_TABLE_SAMPLES / 8) {
        return 0;
    }
    needed = size_max(needed, wanted_capacity(view));
    return needed > view->capacity / 4 ? 0 : needed;
}

/* Copy entry, if it is still there. Marking has ended, if ended says so. */
static void copy_entry(const struct view *to, const struct view *from, struct weak_entry *entry,
                       bool ended)
{
    tri_word words[2];
    if (entry->hash == 0 || is_gone(from, entry)) {
        return;
    }
    if (!ended) {
        /* acquire: pairs with the release in put_first, by another mutator */
        words[from->shape->weak] = load_acquire(weak_word_of(from, entry));
        words[from->shape->strong] = load_relaxed(strong_word_of(from, entry));
    } else if (!read_entry(from, entry, words)) { /* [weak_table.3] */
        return;
    }
    to->table->used += fill(to, entry->hash, words);
}

/* Move the entries into storage, which is fresh. False, and nothing is done, where the collector is
 * deciding about some of them: not before the mutator's barrier is off. */
static bool move(struct tri_mutator *mutator, tri_ref table, tri_ref storage, size_t capacity)
{
    struct view from = view_of(mutator, table);
    struct view to = from;
    bool ended = barrier_is_on(mutator) && !weak_disturb(mutator->heap); /* [weak_table.3] */
    if (ended && from.shape->ephemeral) {
        return false; /* [weak_table.2] */
    }
    to.entries = storage;
    to.capacity = capacity;
    to.table->used = 0;
    for (size_t i = 0; i < from.capacity; i++) {
        copy_entry(&to, &from, &from.entries[i], ended);
    }
    if (barrier_is_on(mutator)) {
        barrier_remember(mutator, storage); /* [weak_table.3] */
    }
    barrier_put(mutator, &to.table->storage, (uintptr_t)storage);
    to.table->capacity = capacity;
    return true;
}

/* A storage for so many entries; NULL where there is no memory. */
static tri_ref storage_new(struct tri_mutator *mutator, tri_ref table, size_t capacity,
                           enum alloc_policy policy)
{
    tri_type *entry = weak_table_entry_type(mutator->heap, weak_table_kind(table));
    size_t bytes = capacity * sizeof(struct weak_entry);
    return entry == NULL || bytes > TRI_OBJECT_SIZE_MAX
               ? NULL
               : alloc_object(mutator, entry, bytes, false, policy);
}

/* Where it cannot be done now, it is for a later cycle. */
static void shrink(struct tri_mutator *mutator, tri_ref table)
{
    struct view view = view_of(mutator, table);
    size_t capacity = smaller_capacity(&view);
    if (capacity != 0) {
        tri_ref storage = storage_new(mutator, table, capacity, ALLOC_OR_NULL);
        if (storage != NULL) {
            (void)move(mutator, table, storage, capacity);
        }
    }
}

bool weak_table_make_room(struct tri_mutator *mutator, tri_ref table)
{
    shrink(mutator, table);
    while (!has_room(table)) {
        struct view view = view_of(mutator, table);
        size_t capacity = wanted_capacity(&view);
        tri_ref storage = storage_new(mutator, table, capacity, ALLOC_OR_HANDLER);
        if (storage == NULL) {
            return false;
        }
        if (!move(mutator, table, storage, capacity)) {
            cycle_await_disarm(mutator);
        }
    }
    return true;
}

/* ---- Operations ------------------------------------------------------------------------------ */

void weak_table_enter(struct tri_mutator *mutator, tri_ref table, uint64_t hash, tri_word key,
                      tri_word value)
{
    struct view view = view_of(mutator, table);
    const tri_word words[2] = {key, value};
    TRI_ASSERT(has_room(table));
    view.table->entered++;
    view.table->used += fill(&view, stored_hash(hash), words);
}

bool weak_table_replace(struct tri_mutator *mutator, tri_ref table, tri_word key, tri_word value)
{
    struct view view = view_of(mutator, table);
    struct weak_entry *entry = find_key(&view, key);
    if (entry == NULL) {
        return false;
    }
    tri_aliased_word *slot = &entry->words[VALUE];
    if (view.shape->strong == VALUE && barrier_is_on(mutator)) {
        barrier_store(mutator, load_relaxed(slot), value); /* [weak_table.4] */
        /* release: pairs with the dependent load of a marker that follows the word */
        store_release(slot, value);
    } else {
        put_first(mutator, slot, value);
    }
    return true;
}

static void give_words(const tri_word words[2], tri_word *key, tri_word *value)
{
    if (key != NULL) {
        *key = words[KEY];
    }
    if (value != NULL) {
        *value = words[VALUE];
    }
}

/* A weak key is in the mutator's hands, so it lives, and its value, too: see [weak_scan.4]. */
bool weak_table_get(struct tri_mutator *mutator, tri_ref table, tri_word key, tri_word *value)
{
    struct view view = view_of(mutator, table);
    struct weak_entry *entry = find_key(&view, key);
    tri_word words[2];
    if (entry == NULL || !read_entry(&view, entry, words)) {
        return false;
    }
    give_words(words, NULL, value);
    return true;
}

/* Remove entry, which holds words [weak_table.4]. */
static void drop(const struct view *view, struct weak_entry *entry, const tri_word words[2])
{
    struct tri_mutator *mutator = view->mutator;
    if (barrier_is_on(mutator)) {
        barrier_store(mutator, words[view->shape->strong], 0);
    }
    /* release: pairs with the acquire in weak_scan.c */
    store_release(weak_word_of(view, entry), weak_gone_word(mutator->heap, view->encoding));
}

bool weak_table_remove(struct tri_mutator *mutator, tri_ref table, tri_word key)
{
    struct view view = view_of(mutator, table);
    struct weak_entry *entry = find_key(&view, key);
    tri_word words[2];
    if (entry == NULL || !read_entry(&view, entry, words)) {
        return false;
    }
    drop(&view, entry, words);
    return true;
}

/* What the host looks for. */
struct search {
    uint64_t hash;
    tri_weak_match_function *match;
    void *argument;
};

/* The first entry that matches, and what it holds; NULL where there is none. */
static struct weak_entry *find_match(const struct view *view, const struct search *search,
                                     tri_word words[2])
{
    uint64_t hash = stored_hash(search->hash);
    size_t mask = view->capacity - 1;
    if (view->capacity == 0) {
        return NULL;
    }
    for (size_t i = first_index(hash, view->capacity);; i = (i + 1) & mask) { /* [weak_table.5] */
        struct weak_entry *entry = &view->entries[i];
        if (entry->hash == 0) {
            return NULL;
        }
        if (entry->hash == hash && read_entry(view, entry, words) &&
            search->match(search->argument, words[KEY], words[VALUE])) {
            return entry;
        }
    }
}

bool weak_table_find(struct tri_mutator *mutator, tri_ref table, uint64_t hash,
                     tri_weak_match_function *match, void *argument, tri_word *key, tri_word *value)
{
    struct view view = view_of(mutator, table);
    const struct search search = {hash, match, argument};
    tri_word words[2];
    if (find_match(&view, &search, words) == NULL) {
        return false;
    }
    give_words(words, key, value);
    return true;
}

bool weak_table_take(struct tri_mutator *mutator, tri_ref table, uint64_t hash,
                     tri_weak_match_function *match, void *argument, tri_word *key, tri_word *value)
{
    struct view view = view_of(mutator, table);
    const struct search search = {hash, match, argument};
    tri_word words[2];
    struct weak_entry *entry = find_match(&view, &search, words);
    if (entry == NULL) {
        return false;
    }
    drop(&view, entry, words);
    give_words(words, key, value);
    return true;
}

bool weak_table_next(struct tri_mutator *mutator, tri_ref table, size_t *position, tri_word *key,
                     tri_word *value)
{
    struct view view = view_of(mutator, table);
    for (size_t i = *position; i < view.capacity; i++) {
        tri_word words[2];
        if (view.entries[i].hash != 0 && read_entry(&view, &view.entries[i], words)) {
            give_words(words, key, value);
            *position = i + 1;
            return true;
        }
    }
    *position = view.capacity;
    return false;
}

/* Marking ends for all entries at once: what no read yields any more is not counted, though the
 * collector may come to it later. */
size_t weak_table_count(struct tri_mutator *mutator, tri_ref table)
{
    struct view view = view_of(mutator, table);
    struct tri_heap *heap = mutator->heap;
    bool ended = barrier_is_on(mutator) && weak_has_ended(heap);
    size_t count = 0;
    for (size_t i = 0; i < view.capacity; i++) {
        count += view.entries[i].hash != 0 && !is_gone(&view, &view.entries[i]) &&
                 !(ended && weak_is_dead(heap, view.encoding,
                                         load_relaxed(weak_word_of(&view, &view.entries[i]))));
    }
    return count;
}
