/* intern.c -- the intern table: a set of strings, open addressing with linear probing, in a heap
 * array of plain pointers. */
#include "intern.h"

#include "store.h"
#include "string_object.h"
#include "types.h"
#include "vm.h"

#define CAPACITY_FIRST 64

struct intern_table *intern_table_create(struct vm *vm)
{
    return tri_alloc(vm->mutator, vm->types->intern_table);
}

/* The slot that holds these characters, or the free one where they belong. */
static struct string **slot_for(struct string **slots, uint32_t capacity, const char *characters,
                                size_t length, uint32_t hash)
{
    uint32_t mask = capacity - 1;
    uint32_t i = hash & mask;
    for (;; i = (i + 1) & mask) {
        const struct string *string = slots[i];
        if (string == NULL || (string->hash == hash && string->length == length &&
                               memcmp(string->characters, characters, length) == 0)) {
            return &slots[i];
        }
    }
}

static void grow(struct vm *vm, struct intern_table *table)
{
    uint32_t capacity = table->capacity == 0 ? CAPACITY_FIRST : table->capacity * 2;
    struct string **slots = tri_alloc_array(vm->mutator, vm->types->intern_slot, capacity);
    for (uint32_t i = 0; i < table->capacity; i++) {
        struct string *string = table->slots[i];
        if (string != NULL) {
            struct string **slot =
                slot_for(slots, capacity, string->characters, string->length, string->hash);
            init_reference(vm->mutator, slot, string);
        }
    }
    store_reference(vm->mutator, &table->slots, slots);
    table->capacity = capacity;
}

struct string *intern(struct vm *vm, const char *characters, size_t length)
{
    struct intern_table *table = vm->interned;
    uint32_t hash = string_hash(characters, length);
    if (table->capacity != 0) {
        struct string *found = *slot_for(table->slots, table->capacity, characters, length, hash);
        if (found != NULL) {
            return found;
        }
    }
    /* First the room, then the string: so there is no safepoint between making the string and
     * entering it. */
    if ((table->count + 1) * 2 > table->capacity) {
        grow(vm, table);
    }
    struct string *string = string_create(vm, length);
    string->interned = true;
    string->hash = hash;
    memcpy(string->characters, characters, length);
    store_reference(vm->mutator, slot_for(table->slots, table->capacity, characters, length, hash),
                    string);
    table->count++;
    return string;
}
