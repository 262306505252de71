/* graph_ops.c -- operations of one player on its own graph, and the table of all operations.
 */
#include <stdio.h>
#include <string.h>
#include <trillium/debug.h>

#include "gc/atomic.h"
#include "tests/stress/graph.h"

/* A player's graph is cut down when it is larger. */
#define LIVE_NODES_MAX 3000
#define LIVE_WORDS_MAX 120000

#define LARGE_BYTES_MIN ((size_t)33 * 1024)

/* ---- Making -----------------------------------------------------------------------------------*/

/* Mostly few words. */
static size_t random_words(struct player *player)
{
    uint64_t place = below(player, 100);
    return place < 75 ? 12 : place < 96 ? 100 : place < 99 ? 600 : 2500;
}

/* Let the graph hold node, which nothing may hold yet. No safepoint. */
static void place(struct player *player, struct node *node)
{
    struct node *holder = chance(player, 4) ? NULL : pick_node(player);
    size_t index;
    if (holder != NULL && pick_slot(player, holder, true, &index)) {
        node_store(player, holder, index, cell_reference(player, node_role(holder, index), node));
    } else if (chance(player, 2)) {
        root_set(player, node);
    } else {
        stack_push(player, node);
    }
}

/* Keep the graph at its size. */
static void cut_down(struct player *player)
{
    if (player->new_nodes > 600 + player->live_nodes / 2 ||
        player->new_words > 30000 + player->live_words / 2) {
        shadow_collect(player, false);
        while (player->live_nodes > LIVE_NODES_MAX || player->live_words > LIVE_WORDS_MAX) {
            note(player, "halve the roots", NULL, player->live_nodes, 0);
            roots_halve(player);
            shadow_collect(player, false);
        }
    }
}

static void op_new(struct player *player)
{
    cut_down(player);
    const struct kind *kind = choose_kind(player);
    struct node *node = node_random(player, kind, random_words(player), player->index);
    node_fill(player, node, NULL);
    place(player, node);
}

/* A chain whose head alone is held by what was there before. */
static void op_chain(struct player *player)
{
    cut_down(player);
    size_t depth = player->stack_depth < STACK_MAX / 2 ? player->stack_depth : STACK_MAX / 2;
    stack_truncate(player, depth);
    struct node *last = NULL;
    for (size_t i = 2 + below(player, 9); i > 0; i--) {
        struct node *node = node_random(player, choose_kind(player), 12, player->index);
        node_fill(player, node, last);
        stack_truncate(player, depth);
        stack_push(player, node);
        last = node;
    }
    place(player, last);
    stack_truncate(player, depth);
}

/* References in C variables alone survive where the C stack is scanned. */
static void op_on_c_stack(struct player *player)
{
    if (!player->stress->options.c_stack) {
        op_chain(player);
        return;
    }
    cut_down(player);
    char *volatile held[4];
    struct node *nodes[ARRAY_LENGTH(held)];
    for (size_t i = 0; i < ARRAY_LENGTH(held); i++) {
        nodes[i] = node_random(player, choose_kind(player), 12, player->index);
        held[i] = nodes[i]->address;
        node_fill(player, nodes[i], NULL);
    }
    for (size_t i = 0; i < ARRAY_LENGTH(held); i++) {
        if (held[i] != nodes[i]->address) {
            fail(player, "a C variable has changed");
        }
        shadow_check_node(player, nodes[i]);
        stack_push(player, nodes[i]);
    }
}

/* 33 KiB to 300 KiB, rarely to 4 MiB. */
static void op_large(struct player *player)
{
    cut_down(player);
    const struct kind *kind = choose_kind(player);
    size_t bytes = LARGE_BYTES_MIN + below(player, chance(player, 12) ? 4000000 : 270000);
    enum form form = kind->tail_size > 0 ? FORM_TRAILING : FORM_ARRAY;
    size_t each = kind->tail_size > 0 ? kind->tail_size : element_bytes(kind);
    if (each == 0 || (form == FORM_ARRAY && !kind_can_be_array(kind))) {
        kind = &player->stress->kinds[0];
        each = 8;
    }
    struct node *node = node_new(player, kind, form, bytes / each, player->index);
    node_fill(player, node, NULL);
    stack_push(player, node);
    for (unsigned i = 0; i < 6; i++) {
        node_fill_range(player, node);
        node_move_range(player, node, node);
    }
}

/* A large object of a type that is large by itself. */
static void op_vast(struct player *player)
{
    cut_down(player);
    for (size_t i = 0; i < kind_table_length; i++) {
        const struct kind *kind = &player->stress->kinds[i];
        if (kind->size > LARGE_BYTES_MIN) {
            struct node *node = node_new(player, kind, FORM_SINGLE, 0, player->index);
            node_fill(player, node, NULL);
            place(player, node);
        }
    }
}

/* Types of which there are only some objects. */
static const struct kind *choose_rare(struct player *player)
{
    if ((player->rare_count == 0 || player->rare_uses >= 40) &&
        player->rare_count < RARE_TYPES_MAX) {
        struct rare_kind *rare = &player->rare[player->rare_count++];
        (void)snprintf(rare->name, sizeof rare->name, "rare %zu of %d", player->rare_count,
                       player->index);
        kind_random_roles(draw(player), rare->roles);
        rare->kind = (struct kind){.name = rare->name,
                                   .layout = TRI_LAYOUT_FIELDS,
                                   .head = rare->roles,
                                   .tail = chance(player, 3) ? "v" : "",
                                   .tail_layout = TRI_LAYOUT_LEAF};
        if (rare->kind.tail[0] != '\0') {
            rare->kind.tail_layout = TRI_LAYOUT_ALL_WORDS;
            rare->kind.tail_size = 8;
        }
        kind_define(player->stress->heap, &rare->kind);
        player->rare_uses = 0;
    }
    player->rare_uses++;
    size_t newest = player->rare_count - 1;
    return &player->rare[chance(player, 2) ? newest : below(player, player->rare_count)].kind;
}

static void op_rare(struct player *player)
{
    cut_down(player);
    struct node *node = node_random(player, choose_rare(player), 12, player->index);
    node_fill(player, node, NULL);
    place(player, node);
}

/* ---- Resizing ---------------------------------------------------------------------------------*/

/* What the elements that both have must be, and the new ones zero. */
static void check_resized_leaf(struct player *player, const struct node *node, size_t old_bytes)
{
    for (size_t i = 0; i < node->bytes; i++) {
        uint64_t word = leaf_word(node, i / 8);
        unsigned expected = i < old_bytes ? (unsigned)(word >> i % 8 * 8) & 255U : 0;
        if ((unsigned char)node->address[i] != expected) {
            fail_at(player, node, i / 8, expected, (unsigned char)node->address[i],
                    "a resized array differs");
        }
    }
}

/* The node of the array that node, on top of the stack, became. It has another number. */
static struct node *resized(struct player *player, struct node *node, char *address, size_t count)
{
    size_t old_bytes = node->bytes;
    struct node *made = node_blank(player, node->kind, FORM_ARRAY, count, player->index);
    made->address = address;
    made->salt = node->salt;
    list_add(&player->own, made);
    size_t kept = node->words < made->words ? node->words : made->words;
    stack_truncate(player, player->stack_depth - 1);
    stack_push(player, made);
    if (kind_is_leaf(made->kind)) {
        uint64_t id = made->id;
        made->id = node->id;
        check_resized_leaf(player, made, old_bytes);
        made->id = id;
        leaf_write(made);
        return made;
    }
    memcpy(made->cells, node->cells, kept * sizeof(struct cell));
    shadow_check_node(player, made);
    if (made->words > 0) {
        node_store(player, made, 0, (struct cell){word_number(node_role(made, 0), made->id), NULL});
    }
    return made;
}

/* Grow and shrink a new array. Where it is, and so whether the old one stays beside it, depends on
 * what other threads do; so nothing else may hold it meanwhile. */
static void op_resize(struct player *player)
{
    cut_down(player);
    const struct kind *kind = choose_kind(player);
    if (!kind_can_be_array(kind) || kind->size > 64) {
        kind = &player->stress->kinds[0];
    }
    struct node *node = node_new(player, kind, FORM_ARRAY, below(player, 20), player->index);
    node_fill(player, node, NULL);
    stack_push(player, node);
    for (size_t i = below(player, 5); i > 0; i--) {
        size_t count = below(player, chance(player, 50) ? 6000 : 60);
        note(player, "resize", node, node->count, count);
        char *address =
            tri_resize_array(player->mutator, kind->type, node->address, node->count, count);
        node = resized(player, node, address, count);
    }
    place(player, node);
    stack_truncate(player, player->stack_depth - 1);
}

/* ---- Writing ----------------------------------------------------------------------------------*/

static void op_store(struct player *player)
{
    struct node *node = pick_node(player);
    size_t index;
    if (node != NULL && pick_slot(player, node, false, &index)) {
        node_store(player, node, index, cell_random(player, node_role(node, index), node->owner));
    }
}

static void op_clear(struct player *player)
{
    struct node *node = pick_node(player);
    size_t index;
    if (node != NULL && pick_slot(player, node, true, &index)) {
        node_store(player, node, index, (struct cell){0, NULL});
    }
}

static void op_move_range(struct player *player)
{
    struct node *to = pick_node(player);
    struct node *from = chance(player, 2) ? pick_node(player) : to;
    if (to != NULL && from != NULL) {
        node_move_range(player, to, from);
    }
}

static void op_fill_range(struct player *player)
{
    struct node *node = pick_node(player);
    if (node != NULL) {
        node_fill_range(player, node);
    }
}

static void op_cas(struct player *player)
{
    struct node *node = pick_node(player);
    if (node != NULL) {
        node_cas(player, node);
    }
}

/* Stores that only tri_written announces, or tri_remember reports. What is stored is on the stack
 * meanwhile. */
static void op_written(struct player *player)
{
    struct node *node = pick_node(player);
    struct node *target = pick_node(player);
    size_t index;
    if (node == NULL || target == NULL) {
        return;
    }
    bool insertion = player->stress->options.insertion;
    stack_push(player, target);
    if (!insertion) {
        tri_written(player->mutator, node->address);
    }
    for (unsigned i = 0; i < 3; i++) {
        if (pick_slot(player, node, true, &index)) {
            struct cell cell = cell_reference(player, node_role(node, index), target);
            note(player, "write unseen", node, index, cell.word);
            /* release: pairs with the dependent load of a marker */
            store_release((uint64_t *)(void *)(node->address + index * 8), cell.word);
            node->cells[index] = cell;
        }
    }
    if (insertion) {
        tri_remember(player->mutator, node->address);
    }
}

/* Leaves need no barrier. */
static void op_rewrite(struct player *player)
{
    struct node *node = pick_leaf(player);
    if (node != NULL) {
        note(player, "rewrite leaf", node, 0, 0);
        shadow_check_node(player, node);
        node->salt = draw(player);
        leaf_write(node);
    }
}

/* ---- Asking and collecting --------------------------------------------------------------------*/

static void op_look_up(struct player *player)
{
    const struct node *node = pick_node(player);
    tri_heap *heap = player->stress->heap;
    if (node == NULL) {
        return;
    }
    size_t offset = node->bytes == 0 ? 0 : below(player, node->bytes);
    const char *inside = node->address + offset;
    if (tri_object_base(heap, inside) != node->address ||
        tri_object_type(heap, inside) != node->kind->type ||
        tri_object_size(heap, inside) < node->bytes || !tri_heap_contains(heap, (tri_word)inside)) {
        fail_at(player, node, offset / 8, (uint64_t)(uintptr_t)node->address,
                (uint64_t)(uintptr_t)tri_object_base(heap, inside), "a look-up finds another");
    }
    if (tri_object_base(heap, &node) != NULL || tri_heap_contains(heap, (tri_word)(void *)player)) {
        fail(player, "a look-up finds what is not on the heap");
    }
    if (!chance(player, 8)) {
        return;
    }
    shadow_check_node(player, node);
}

static void op_safepoint(struct player *player)
{
    tri_safepoint(player->mutator);
}

static void op_collect(struct player *player)
{
    note(player, "collect", NULL, 0, 0);
    tri_collect(player->mutator);
    player->collections++;
    shadow_collect(player, true);
}

static void op_verify(struct player *player)
{
    note(player, "verify", NULL, 0, 0);
    tri_debug_verify(player->mutator);
    shadow_collect(player, true);
}

static void op_percent(struct player *player)
{
    static const int32_t percents[] = {10, 20, 50, 100, 200, 400};
    int32_t percent = percents[below(player, ARRAY_LENGTH(percents))];
    if (player->stress->options.gc_percent < 0) {
        (void)tri_set_gc_percent(player->stress->heap, percent);
    }
}

static void op_stats(struct player *player)
{
    tri_stats stats = {.size = sizeof stats};
    if (tri_stats_read(player->stress->heap, &stats) != TRI_OK ||
        stats.heap_objects != stats.mallocs - stats.frees ||
        stats.sys != stats.heap_sys + stats.gc_sys ||
        stats.heap_idle != stats.heap_sys - stats.heap_in_use || stats.mutators == 0) {
        fail(player, "statistics contradict each other");
    }
}

/* ---- The table --------------------------------------------------------------------------------*/

struct operation {
    void (*function)(struct player *player);
    unsigned weight; /* of 10000 */
};

static const struct operation operations[] = {
    {op_new, 1700},     {op_chain, 300},   {op_on_c_stack, 50},  {op_large, 6},
    {op_vast, 10},      {op_rare, 100},    {op_resize, 100},     {op_store, 2100},
    {op_clear, 150},    {op_cas, 400},     {op_move_range, 350}, {op_fill_range, 150},
    {op_written, 120},  {op_rewrite, 150}, {op_look_up, 400},    {op_safepoint, 500},
    {op_push, 700},     {op_pop, 350},     {op_root, 500},       {op_handle, 300},
    {op_globals, 40},   {op_frame, 150},   {op_catch, 50},       {op_throw, 60},
    {op_blocking, 100}, {op_migrate, 3},   {op_detach, 1},       {op_abandon, 1},
    {op_board, 250},    {op_swap, 200},    {op_post, 4},         {op_receive, 50},
    {op_collect, 5},    {op_verify, 1},    {op_percent, 3},      {op_stats, 20},
};

static unsigned all_weights(void)
{
    unsigned sum = 0;
    for (size_t i = 0; i < ARRAY_LENGTH(operations); i++) {
        sum += operations[i].weight;
    }
    return sum;
}

void step(struct player *player)
{
    uint64_t place_in_table = below(player, all_weights());
    size_t i = 0;
    while (place_in_table >= operations[i].weight) {
        place_in_table -= operations[i++].weight;
    }
    player->operations++;
    operations[i].function(player);
}
