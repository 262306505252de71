/* graph_objects.c -- making objects and writing their words, on the heap and in the shadow at once.
 */
#include <stdlib.h>
#include <string.h>

#include "gc/atomic.h"
#include "tests/stress/graph.h"

/* ---- Making objects ---------------------------------------------------------------------------*/

size_t element_bytes(const struct kind *kind)
{
    return kind_is_leaf(kind) ? kind->size : kind->head_words * 8;
}

static size_t object_bytes(const struct kind *kind, enum form form, size_t count)
{
    switch (form) {
    case FORM_ARRAY:
        return count * element_bytes(kind);
    case FORM_TRAILING:
        return kind->size + count * kind->tail_size;
    case FORM_SINGLE:
        break;
    }
    return kind->size;
}

/* Each form of allocation by one of its two functions. */
static char *allocate(struct player *player, const struct kind *kind, enum form form, size_t count)
{
    tri_mutator *mutator = player->mutator;
    bool try = chance(player, 16);
    switch (form) {
    case FORM_ARRAY:
        return try ? tri_try_alloc_array(mutator, kind->type, count)
                   : tri_alloc_array(mutator, kind->type, count);
    case FORM_TRAILING:
        return try ? tri_try_alloc_trailing(mutator, kind->type, count)
                   : tri_alloc_trailing(mutator, kind->type, count);
    case FORM_SINGLE:
        break;
    }
    return try ? tri_try_alloc(mutator, kind->type) : tri_alloc(mutator, kind->type);
}

/* What the heap owes of a new object. */
static void check_fresh(const struct player *player, const struct node *node)
{
    if (node->address == NULL ||
        (uintptr_t)node->address % (node->kind->flags & TRI_TYPE_ALIGN_16 ? 16 : 8) != 0) {
        fail(player, "a new object of type %s and %zu bytes is at %p", node->kind->name,
             node->bytes, (void *)node->address);
    }
    /* Zero is what begins with a zero and is equal to its own rest. */
    if (node->bytes == 0 || node->kind->flags & TRI_TYPE_UNINITIALIZED ||
        (node->address[0] == 0 && memcmp(node->address, node->address + 1, node->bytes - 1) == 0)) {
        return;
    }
    size_t first = 0;
    while (node->address[first] == 0) {
        first++;
    }
    fail_at(player, node, first / 8, 0, (unsigned char)node->address[first],
            "a new object is not zero");
}

static uint64_t new_id(struct player *player)
{
    return (uint64_t)player->index << 40 | (uint64_t)player->which << 39 |
           ++player->next_ids[player->which];
}

struct node *node_blank(struct player *player, const struct kind *kind, enum form form,
                        size_t count, int owner)
{
    struct node *node = calloc(1, sizeof *node);
    if (node == NULL) {
        abort();
    }
    *node = (struct node){
        .id = new_id(player),
        .kind = kind,
        .form = form,
        .count = count,
        .bytes = object_bytes(kind, form, count),
        .birth = player->operations,
        .owner = owner,
        .swap_slot = NOT_SWAPPED,
    };
    node->words = node->bytes / 8;
    if (!kind_is_leaf(kind)) {
        node->cells = calloc(node->words + 1, sizeof *node->cells);
        if (node->cells == NULL) {
            abort();
        }
    }
    return node;
}

struct node *node_new(struct player *player, const struct kind *kind, enum form form, size_t count,
                      int owner)
{
    struct node *node = node_blank(player, kind, form, count, owner);
    node->address = allocate(player, kind, form, count);
    check_fresh(player, node);
    if (owner == OWNER_SHARED) {
        list_add(&player->made_shared, node);
    } else {
        list_add(&player->own, node);
        player->new_nodes++;
        player->new_words += (node->bytes + 7) / 8;
    }
    note(player, "new", node, node->bytes, 0);
    return node;
}

const struct kind *choose_kind(struct player *player)
{
    struct kind *kinds = player->stress->kinds;
    uint64_t place = below(player, player->stress->weights);
    size_t i = 0;
    while (place >= kinds[i].weight) {
        place -= kinds[i++].weight;
    }
    return &kinds[i];
}

struct node *node_random(struct player *player, const struct kind *kind, size_t words, int owner)
{
    if (kind->tail_size > 0) {
        bool bare = chance(player, 10);
        size_t count = below(player, words * 8 / kind->tail_size + 1);
        return node_new(player, kind, bare ? FORM_SINGLE : FORM_TRAILING, bare ? 0 : count, owner);
    }
    if (kind_can_be_array(kind) && chance(player, kind->size <= 8 ? 1 : 4)) {
        size_t each = element_bytes(kind);
        size_t count = below(player, words * 8 / (each == 0 ? 1 : each) + 2);
        return node_new(player, kind, FORM_ARRAY, count, owner);
    }
    return node_new(player, kind, FORM_SINGLE, 0, owner);
}

/* ---- Writing objects --------------------------------------------------------------------------*/

struct cell cell_reference(struct player *player, char role, struct node *target)
{
    uint64_t offset = target->bytes > 0 && chance(player, 4) ? below(player, target->bytes) : 0;
    if (role == 't') {
        offset &= ~TAG_MASK;
    }
    return (struct cell){word_encode(role, (uint64_t)(uintptr_t)target->address + offset), target};
}

/* The address of some object of the player's, dead or alive; 0 if there is none. */
static uint64_t some_address(struct player *player)
{
    uint64_t place = draw(player);
    return player->own.count == 0
               ? 0
               : (uint64_t)(uintptr_t)player->own.nodes[place % player->own.count]->address;
}

/* No reference; often one but for the bits that say so. */
static struct cell cell_immediate(struct player *player, char role)
{
    uint64_t random = draw(player);
    if ((role == 'v' || role == 't') && random % 3 == 0) {
        return (struct cell){word_decoy(role, some_address(player)), NULL};
    }
    return (struct cell){word_immediate(role, random), NULL};
}

/* Data; often the address of an object, which must keep nothing alive. */
static struct cell cell_data(struct player *player)
{
    uint64_t random = draw(player);
    uint64_t address = some_address(player);
    return (struct cell){random % 2 == 0 ? address : word_immediate('d', random), NULL};
}

struct cell cell_random(struct player *player, char role, int owner)
{
    if (role == 'd') {
        return cell_data(player);
    }
    uint64_t place = below(player, 10);
    struct node *target = place < 6 && owner != OWNER_SHARED ? pick_node(player) : NULL;
    if (target != NULL) {
        return cell_reference(player, role, target);
    }
    return place < 8 ? cell_immediate(player, role) : (struct cell){0, NULL};
}

/* With --insertion the first store into a new object of the player's own is no more than that.
 * Others than this player find shared ones, and before its next safepoint. */
static void node_init(struct player *player, struct node *node, size_t index, struct cell cell)
{
    char *slot = node->address + index * 8;
    if (player->stress->options.insertion && node->owner != OWNER_SHARED) {
        *(tri_aliased_word *)(void *)slot = (tri_word)cell.word;
    } else {
        tri_init(player->mutator, slot, (tri_word)cell.word);
    }
    node->cells[index] = cell;
}

void put_word(struct player *player, const void *container, void *slot, uint64_t word)
{
    if (player->stress->options.insertion) {
        /* release: pairs with the dependent load of a marker */
        store_release((tri_aliased_word *)slot, (tri_word)word);
        tri_stored(player->mutator, container, (tri_word)word);
    } else {
        tri_store(player->mutator, slot, (tri_word)word);
    }
}

bool put_word_if(struct player *player, const void *container, void *slot, tri_word *expected,
                 uint64_t word)
{
    if (!player->stress->options.insertion) {
        return tri_cas(player->mutator, slot, expected, (tri_word)word);
    }
    /* pairs with other players' exchanges */
    bool done = cas_seq_cst((tri_aliased_word *)slot, expected, (tri_word)word);
    if (done) {
        tri_stored(player->mutator, container, (tri_word)word);
    }
    return done;
}

/* Whether stores into node are not reported one by one: only the player sees it, before its next
 * safepoint, and this time tri_remember is to say it all. */
static bool is_silent(const struct player *player, const struct node *node)
{
    return player->stress->options.insertion && node->owner != OWNER_SHARED &&
           player->operations % 2 == 0;
}

void node_store(struct player *player, struct node *node, size_t index, struct cell cell)
{
    note(player, cell.target == NULL ? "store" : "store reference", node, index, cell.word);
    bool changes = node->cells[index].word != cell.word;
    node->cells[index] = cell;
    if (player->lose_stores > 0 && changes) {
        player->lose_stores--;
        return;
    }
    char *slot = node->address + index * 8;
    if (player->stress->options.insertion && node->kind->flags & TRI_TYPE_SAFEPOINT_ONLY) {
        *(tri_aliased_word *)(void *)slot = (tri_word)cell.word; /* nobody wants to hear of it */
    } else {
        put_word(player, node->address, slot, cell.word);
    }
}

bool pick_slot(struct player *player, const struct node *node, bool reference, size_t *index)
{
    bool found = false;
    for (unsigned tries = 0; node->cells != NULL && node->words > 1 && tries < 8; tries++) {
        size_t word = 1 + below(player, node->words - 1);
        char role = node_role(node, word);
        if (role != 'n' && !(reference && role == 'd')) {
            *index = word;
            found = true;
            if (node->cells[word].target == NULL || chance(player, 6)) {
                break;
            }
        }
    }
    return found;
}

/* Word 0 tells the number; a part of the others gets something. */
static void fill_words(struct player *player, struct node *node)
{
    node_init(player, node, 0, (struct cell){word_number(node_role(node, 0), node->id), NULL});
    if (node->form == FORM_TRAILING && node_role(node, 1) == 'n') {
        node_init(player, node, 1, (struct cell){node->count, NULL});
    }
    size_t writes = node->words < 8 ? node->words : 8;
    for (size_t i = 0; i < writes; i++) {
        size_t index;
        if (pick_slot(player, node, false, &index)) {
            node_init(player, node, index,
                      cell_random(player, node_role(node, index), node->owner));
        }
    }
}

void node_fill(struct player *player, struct node *node, struct node *target)
{
    size_t index;
    if (kind_is_leaf(node->kind)) {
        node->salt = draw(player);
        leaf_write(node);
    } else if (node->words > 0) {
        fill_words(player, node);
        if (target != NULL && pick_slot(player, node, true, &index)) {
            node_init(player, node, index, cell_reference(player, node_role(node, index), target));
        }
    }
}

/* ---- Ranges -----------------------------------------------------------------------------------*/

/* Elements of the same roles, one behind the other. */
struct region {
    size_t first; /* word */
    size_t count; /* elements */
    size_t words; /* of one */
    const char *roles;
};

static struct region region_of(const struct node *node)
{
    const struct kind *kind = node->kind;
    if (kind_is_leaf(kind) || node->words == 0) {
        return (struct region){.count = 0};
    }
    if (node->form == FORM_TRAILING) {
        if (kind->tail_size % 8 != 0) {
            return (struct region){.count = 0};
        }
        return (struct region){kind->head_words, node->count, kind->tail_size / 8, kind->tail};
    }
    if (node->form == FORM_ARRAY) {
        return (struct region){kind->head_words, node->count - 1, kind->head_words, kind->head};
    }
    return (struct region){1, kind->head_roles == 1 ? node->words - 1 : 0, 1, kind->head};
}

/* Move count words from source to word number at of node; they may overlap. */
static void move_words(struct player *player, struct node *node, size_t at, const char *source,
                       size_t count)
{
    char *target = node->address + at * 8;
    if (!is_silent(player, node)) {
        tri_store_range(player->mutator, target, source, count);
        return;
    }
    bool up = target <= source;
    for (size_t k = 0; k < count; k++) {
        size_t i = up ? k : count - 1 - k;
        store_release((tri_aliased_word *)(void *)(target + i * 8),
                      load_relaxed((const tri_aliased_word *)(const void *)(source + i * 8)));
    }
    tri_remember(player->mutator, node->address);
}

void node_move_range(struct player *player, struct node *to, const struct node *from)
{
    struct region target = region_of(to);
    struct region source = region_of(from);
    if (target.count == 0 || source.count == 0 || target.words != source.words ||
        strcmp(target.roles, source.roles) != 0) {
        return;
    }
    size_t most = target.count < source.count ? target.count : source.count;
    size_t count = 1 + below(player, most);
    size_t at = target.first + below(player, target.count - count + 1) * target.words;
    size_t of = source.first + below(player, source.count - count + 1) * source.words;
    note(player, "store range from", from, of, count);
    note(player, "store range to", to, at, count);
    move_words(player, to, at, from->address + of * 8, count * target.words);
    memmove(&to->cells[at], &from->cells[of], count * target.words * sizeof(struct cell));
}

void node_fill_range(struct player *player, struct node *node)
{
    struct region region = region_of(node);
    if (region.count == 0) {
        return;
    }
    size_t count = 1 + below(player, region.count);
    size_t at = region.first + below(player, region.count - count + 1) * region.words;
    struct cell cell = {0, NULL};
    if (region.words == 1) {
        cell = cell_random(player, region.roles[0], node->owner);
    }
    note(player, "fill range", node, at, cell.word);
    if (is_silent(player, node)) {
        for (size_t i = 0; i < count * region.words; i++) {
            store_relaxed((tri_aliased_word *)(void *)(node->address + (at + i) * 8),
                          (tri_word)cell.word);
        }
        tri_remember(player->mutator, node->address);
    } else {
        tri_fill_range(player->mutator, node->address + at * 8, (tri_word)cell.word,
                       count * region.words);
    }
    for (size_t i = 0; i < count * region.words; i++) {
        node->cells[at + i] = cell;
    }
}

void node_cas(struct player *player, struct node *node)
{
    size_t index;
    if (!pick_slot(player, node, false, &index)) {
        return;
    }
    struct cell cell = cell_random(player, node_role(node, index), node->owner);
    char *slot = node->address + index * 8;
    uint64_t held = node->cells[index].word;
    tri_word expected = (tri_word)held ^ 1;
    note(player, "compare and swap", node, index, cell.word);
    if (put_word_if(player, node->address, slot, &expected, cell.word) || expected != held) {
        fail_at(player, node, index, held, expected, "tri_cas took a word that is not there");
    }
    if (!put_word_if(player, node->address, slot, &expected, cell.word)) {
        fail_at(player, node, index, held, expected, "tri_cas did not take the word that is there");
    }
    node->cells[index] = cell;
}
