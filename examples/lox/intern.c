/* intern.c -- the intern table: open addressing with linear probing, a hash and a weak slot for
 * each string.
 *
 * Hashes are the machine's own. Slots are weak, and what the machine's thread does with one and
 * what the hook does never meet: the one writes slots that were never used, the other those whose
 * string has died. So looking up and entering need no lock. Only while the slots move elsewhere the
 * hook must wait.
 */
#include "intern.h"

#include <stdlib.h>

#include "string_object.h"
#include "vm.h"

#define BITS_FIRST 6

/* Set in the hash of each slot that was ever used. */
#define USED UINT32_C(0x80000000)

/* The characters that are looked for lie in two pieces. */
struct wanted {
    const char *left;
    size_t left_length;
    const char *right;
    size_t right_length;
    uint32_t hash;
};

size_t intern_table_capacity(const struct intern_table *table)
{
    return (size_t)1 << table->bits;
}

/* Where the search for a hash begins. */
static inline size_t first_index(const struct intern_table *table, uint32_t hash)
{
    return (size_t)((hash * UINT64_C(0x9E3779B97F4A7C15)) >> (64 - table->bits));
}

static inline size_t next_index(const struct intern_table *table, size_t i)
{
    return (i + 1) & (intern_table_capacity(table) - 1);
}

/* ---- The hook -------------------------------------------------------------------------------- */

/* Whether there is a string in `slot`, dead or alive. */
static bool is_there(const tri_word *slot)
{
    return TRI_LOAD_RELAXED((const tri_aliased_word *)slot) != 0;
}

static bool take_out_dead(tri_weak_hook *hook, size_t budget, void *argument)
{
    struct intern_table *table = argument;
    pthread_mutex_lock(&table->lock);
    size_t capacity = intern_table_capacity(table);
    size_t end = capacity - table->cursor < budget ? capacity : table->cursor + budget;
    tri_word *slots = table->slots;
    size_t cleared = 0;
    for (size_t i = table->cursor; i < end; i++) {
        cleared += is_there(&slots[i]) && tri_weak_slot_clear(hook, &slots[i], 0);
    }
    table->dying += cleared;
    bool is_over = end == capacity;
    table->cursor = is_over ? 0 : end;
    if (is_over) {
        TRI_STORE_RELEASE(&table->died, table->dying);
        TRI_STORE_RELEASE(&table->passes, table->passes + 1);
    }
    pthread_mutex_unlock(&table->lock);
    return is_over;
}

/* ---- Room ------------------------------------------------------------------------------------ */

static void *zeroes_new(size_t bytes)
{
    return memset(host_allocate(bytes), 0, bytes);
}

/* Unused slots. */
static void make_slots(struct intern_table *table, uint32_t bits)
{
    table->bits = bits;
    table->hashes = zeroes_new(sizeof(uint32_t) << bits);
    table->slots = zeroes_new(sizeof(tri_word) << bits);
    table->used = 0;
    table->used_before = 0;
    table->dying = 0;
    table->died = 0;
    table->cursor = 0; /* the hook begins anew */
}

size_t intern_table_count(const struct intern_table *table)
{
    size_t count = 0;
    for (size_t i = 0; i < intern_table_capacity(table); i++) {
        count += is_there(&table->slots[i]);
    }
    return count;
}

/* The unused slot where a string of that hash belongs. */
static size_t place_of(const struct intern_table *table, uint32_t hash)
{
    size_t i = first_index(table, hash);
    while (table->hashes[i] != 0) {
        i = next_index(table, i);
    }
    return i;
}

/* Have at least `capacity` slots, and leave behind those whose string is gone. Strings are not
 * looked at, so that it does not matter whether one of them is dead by now: then the hook comes to
 * it where it is put. No safepoint. */
static void rebuild(struct intern_table *table, size_t capacity)
{
    uint32_t *hashes = table->hashes;
    tri_word *slots = table->slots;
    size_t old_capacity = intern_table_capacity(table);
    uint32_t bits = BITS_FIRST;
    while ((size_t)1 << bits < capacity) {
        bits++;
    }
    pthread_mutex_lock(&table->lock);
    make_slots(table, bits);
    for (size_t i = 0; i < old_capacity; i++) {
        if (is_there(&slots[i])) {
            size_t place = place_of(table, hashes[i]);
            table->hashes[place] = hashes[i];
            table->slots[place] = slots[i];
            table->used++;
        }
    }
    table->used_before = table->used;
    pthread_mutex_unlock(&table->lock);
    free(hashes);
    free(slots);
}

/* Where the hook has been through again, make a table smaller that is large for what is alive and
 * for as many as came since the time before: each cycle looks at all slots. */
static void fit(struct intern_table *table)
{
    uint32_t passes = TRI_LOAD_RELAXED(&table->passes);
    if (passes == table->passes_before) {
        return;
    }
    size_t died = TRI_LOAD_RELAXED(&table->died);
    size_t came = table->used - table->used_before;
    size_t wanted = table->used - died + came;
    if (wanted < intern_table_capacity(table) / 8) {
        rebuild(table, 2 * wanted);
    }
    table->passes_before = passes;
    table->used_before = table->used;
}

/* See to it that a string can be entered. Where most of what is there has died, the slots are made
 * anew, for as much as came since the last time: then searches are short, and a table that was
 * large once does not stay so. */
static void make_room(struct intern_table *table)
{
    fit(table);
    size_t capacity = intern_table_capacity(table);
    if (TRI_LOAD_RELAXED(&table->died) > table->used / 2) {
        size_t wanted = table->used + table->used / 2;
        rebuild(table, wanted < capacity ? wanted : capacity);
    }
    if (table->used + 1 > intern_table_capacity(table) / 4 * 3) {
        rebuild(table, 2 * (intern_table_count(table) + 1));
    }
}

/* ---- Looking up and entering ----------------------------------------------------------------- */

static bool is_wanted(const struct string *string, const struct wanted *wanted)
{
    return string->hash == wanted->hash &&
           string->length == wanted->left_length + wanted->right_length &&
           memcmp(string->characters, wanted->left, wanted->left_length) == 0 &&
           memcmp(string->characters + wanted->left_length, wanted->right, wanted->right_length) ==
               0;
}

/* The string, which the machine has from here on; NULL where there is none. */
static struct string *find(struct vm *vm, const struct wanted *wanted)
{
    const struct intern_table *table = &vm->interned;
    uint32_t hash = wanted->hash | USED;
    for (size_t i = first_index(table, hash); table->hashes[i] != 0; i = next_index(table, i)) {
        if (table->hashes[i] == hash) {
            /* A string is not touched before the collector has said that it is alive. */
            struct string *string =
                (struct string *)tri_weak_slot_get(vm->mutator, table->hook, &table->slots[i]);
            if (string != NULL && is_wanted(string, wanted)) {
                return string;
            }
        }
    }
    return NULL;
}

/* What is not there. */
static struct string *enter(struct vm *vm, const struct wanted *wanted)
{
    struct intern_table *table = &vm->interned;
    struct string *string = string_create(vm, wanted->left_length + wanted->right_length);
    string->hash = wanted->hash;
    memcpy(string->characters, wanted->left, wanted->left_length);
    memcpy(string->characters + wanted->left_length, wanted->right, wanted->right_length);
    make_room(table);
    size_t place = place_of(table, wanted->hash | USED);
    table->hashes[place] = wanted->hash | USED;
    tri_weak_slot_set(vm->mutator, table->hook, &table->slots[place], (tri_word)string);
    table->used++;
    return string;
}

static struct string *find_or_enter(struct vm *vm, const struct wanted *wanted)
{
    struct string *string = find(vm, wanted);
    return string != NULL ? string : enter(vm, wanted);
}

struct string *intern(struct vm *vm, const char *characters, size_t length)
{
    const struct wanted wanted = {characters, length, characters, 0,
                                  string_hash(characters, length)};
    return find_or_enter(vm, &wanted);
}

struct string *intern_joined(struct vm *vm, const struct string *left, const struct string *right)
{
    const struct wanted wanted = {left->characters, left->length, right->characters, right->length,
                                  string_hash_joined(left, right)};
    return find_or_enter(vm, &wanted);
}

/* ---- Life ------------------------------------------------------------------------------------ */

void intern_table_create(struct intern_table *table, tri_heap *heap)
{
    make_slots(table, BITS_FIRST);
    pthread_mutex_init(&table->lock, NULL);
    if (tri_weak_hook_add(heap, NULL, take_out_dead, table, &table->hook) != TRI_OK) {
        host_out_of_memory();
    }
}

void intern_table_destroy(struct intern_table *table)
{
    tri_weak_hook_remove(table->hook);
    pthread_mutex_destroy(&table->lock);
    free(table->hashes);
    free(table->slots);
}
