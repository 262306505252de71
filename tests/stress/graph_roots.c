/* graph_roots.c -- the roots of a player, and what it reaches from them.
 */
#include <string.h>

#include "gc/atomic.h"
#include "tests/stress/graph.h"

/* ---- The stack --------------------------------------------------------------------------------*/

static char stack_role(size_t index)
{
    return "vvvcvvvp"[index % 8];
}

void scan_stack(tri_visitor *visitor, tri_mutator *mutator, void *argument)
{
    const struct player *player = argument;
    (void)mutator;
    for (size_t i = 0; i < player->stack_depth; i++) {
        switch (stack_role(i)) {
        case 'c':
            tri_visit_conservatively(visitor, &player->stack_words[i], 1);
            break;
        case 'p':
            tri_visit_ref(visitor, (const void *)player->stack_words[i]);
            break;
        default:
            tri_visit_values(visitor, &player->stack_words[i], 1);
            break;
        }
    }
}

void stack_truncate(struct player *player, size_t depth)
{
    if (depth < player->stack_depth) {
        player->stack_depth = depth;
    }
}

void stack_push(struct player *player, struct node *node)
{
    if (player->stack_depth == STACK_MAX) {
        stack_truncate(player, STACK_MAX / 2);
    }
    size_t index = player->stack_depth++;
    player->stack_cells[index] = cell_reference(player, stack_role(index), node);
    player->stack_words[index] = player->stack_cells[index].word;
    note(player, "push", node, index, 0);
}

void op_push(struct player *player)
{
    struct node *node = pick_node(player);
    if (node != NULL) {
        stack_push(player, node);
    }
}

void op_pop(struct player *player)
{
    size_t count = 1 + below(player, 4);
    stack_truncate(player, count < player->stack_depth ? player->stack_depth - count : 0);
    note(player, "pop", NULL, player->stack_depth, 0);
}

/* ---- Setting roots ----------------------------------------------------------------------------*/

static const struct cell no_cell = {0, NULL};

static void global_set(struct player *player, struct global_range *range, size_t index,
                       struct cell cell)
{
    put_word(player, &range->words[index], &range->words[index], cell.word);
    range->cells[index] = cell;
}

static void handle_set(struct player *player, struct handle_view *view, struct cell cell)
{
    tri_handle_set(player->mutator, view->handle, (tri_ref)(uintptr_t)cell.word);
    view->cell = cell;
}

static void local_set(struct frame_view *frame, size_t index, struct cell cell)
{
    frame->slots[index] = (tri_ref)(uintptr_t)cell.word;
    frame->cells[index] = cell;
}

static struct cell reference_or_none(struct player *player, char role, struct node *node)
{
    return node == NULL ? no_cell : cell_reference(player, role, node);
}

/* A slot that is there; node may be NULL. False if the slot drawn is not there. */
static bool root_try(struct player *player, struct node *node)
{
    uint64_t place = draw(player);
    size_t index = place >> 8;
    struct global_range *range = &player->globals[index % GLOBAL_RANGES];
    struct handle_view *view = &player->handles[index % HANDLES_MAX];
    switch (place % 3) {
    case 0:
        if (!range->added) {
            return false;
        }
        note(player, "set global", node, index % GLOBAL_RANGES, place >> 16 & 7);
        global_set(player, range, place >> 16 & 7, reference_or_none(player, 'v', node));
        return true;
    case 1:
        if (view->handle == NULL) {
            return false;
        }
        note(player, "set handle", node, index % HANDLES_MAX, 0);
        handle_set(player, view, reference_or_none(player, 'p', node));
        return true;
    default:
        if (player->frames == NULL) {
            return false;
        }
        note(player, "set local", node, index % FRAME_SLOTS, player->depth);
        local_set(player->frames, index % FRAME_SLOTS, reference_or_none(player, 'p', node));
        return true;
    }
}

void root_set(struct player *player, struct node *node)
{
    if (!root_try(player, node)) {
        stack_push(player, node);
    }
}

void op_root(struct player *player)
{
    struct node *node = chance(player, 3) ? NULL : pick_node(player);
    (void)root_try(player, node);
}

void op_handle(struct player *player)
{
    struct handle_view *view = &player->handles[below(player, HANDLES_MAX)];
    if (view->handle != NULL) {
        note(player, "destroy handle", view->cell.target, (uint64_t)(view - player->handles), 0);
        tri_handle_destroy(player->mutator, view->handle);
        *view = (struct handle_view){.handle = NULL};
        return;
    }
    struct node *node = chance(player, 4) ? NULL : pick_node(player);
    view->cell = reference_or_none(player, 'p', node);
    note(player, "create handle", node, (uint64_t)(view - player->handles), 0);
    if (tri_handle_create(player->mutator, (tri_ref)(uintptr_t)view->cell.word, &view->handle) !=
        TRI_OK) {
        fail(player, "tri_handle_create failed");
    }
}

static void globals_add(struct player *player, struct global_range *range)
{
    memset(range->words, 0, sizeof range->words);
    memset(range->cells, 0, sizeof range->cells);
    if (tri_global_add(player->stress->heap, range->words, GLOBAL_WORDS) != TRI_OK) {
        fail(player, "tri_global_add failed");
    }
    range->added = true;
}

static void globals_remove(struct player *player, struct global_range *range)
{
    if (!tri_global_remove(player->stress->heap, range->words)) {
        fail(player, "tri_global_remove does not know the slots");
    }
    /* The words stay as they are: they are no roots any more. */
    memset(range->cells, 0, sizeof range->cells);
    range->added = false;
}

void op_globals(struct player *player)
{
    struct global_range *range = &player->globals[below(player, GLOBAL_RANGES)];
    note(player, range->added ? "remove globals" : "add globals", NULL,
         (uint64_t)(range - player->globals), 0);
    if (range->added) {
        globals_remove(player, range);
    } else {
        globals_add(player, range);
    }
}

void roots_halve(struct player *player)
{
    stack_truncate(player, player->stack_depth / 2);
    for (size_t i = 0; i < GLOBAL_RANGES * GLOBAL_WORDS; i++) {
        struct global_range *range = &player->globals[i / GLOBAL_WORDS];
        if (range->added && chance(player, 2)) {
            global_set(player, range, i % GLOBAL_WORDS, no_cell);
        }
    }
    for (size_t i = 0; i < HANDLES_MAX; i++) {
        if (player->handles[i].handle != NULL && chance(player, 2)) {
            handle_set(player, &player->handles[i], no_cell);
        }
    }
    for (struct frame_view *f = player->frames; f != NULL; f = f->outer) {
        for (size_t i = 0; i < FRAME_SLOTS; i++) {
            if (chance(player, 2)) {
                local_set(f, i, no_cell);
            }
        }
    }
}

void roots_clear(struct player *player)
{
    stack_truncate(player, 0);
    for (size_t i = 0; i < GLOBAL_RANGES; i++) {
        if (player->globals[i].added) {
            globals_remove(player, &player->globals[i]);
        }
    }
    for (size_t i = 0; i < HANDLES_MAX; i++) {
        if (player->handles[i].handle != NULL) {
            tri_handle_destroy(player->mutator, player->handles[i].handle);
            player->handles[i] = (struct handle_view){.handle = NULL};
        }
    }
    player->hidden = no_cell;
}

static bool leads_into(const struct cell *cell, uint64_t marking)
{
    return cell->target != NULL && cell->target->reached == marking;
}

void roots_cut(struct player *player, uint64_t marking)
{
    for (size_t i = 0; i < player->stack_depth; i++) {
        if (leads_into(&player->stack_cells[i], marking)) {
            player->stack_cells[i] = no_cell;
            player->stack_words[i] = 0;
        }
    }
    for (size_t i = 0; i < GLOBAL_RANGES * GLOBAL_WORDS; i++) {
        struct global_range *range = &player->globals[i / GLOBAL_WORDS];
        if (leads_into(&range->cells[i % GLOBAL_WORDS], marking)) {
            global_set(player, range, i % GLOBAL_WORDS, no_cell);
        }
    }
    for (size_t i = 0; i < HANDLES_MAX; i++) {
        if (leads_into(&player->handles[i].cell, marking)) {
            handle_set(player, &player->handles[i], no_cell);
        }
    }
    for (struct frame_view *f = player->frames; f != NULL; f = f->outer) {
        for (size_t i = 0; i < FRAME_SLOTS; i++) {
            if (leads_into(&f->cells[i], marking)) {
                local_set(f, i, no_cell);
            }
        }
    }
}

void each_root(struct player *player, void (*function)(void *argument, struct cell *cell),
               void *argument)
{
    function(argument, &player->hidden);
    for (size_t i = 0; i < player->stack_depth; i++) {
        function(argument, &player->stack_cells[i]);
    }
    for (size_t i = 0; i < GLOBAL_RANGES * GLOBAL_WORDS; i++) {
        function(argument, &player->globals[i / GLOBAL_WORDS].cells[i % GLOBAL_WORDS]);
    }
    for (size_t i = 0; i < HANDLES_MAX; i++) {
        function(argument, &player->handles[i].cell);
    }
    for (struct frame_view *f = player->frames; f != NULL; f = f->outer) {
        for (size_t i = 0; i < FRAME_SLOTS; i++) {
            function(argument, &f->cells[i]);
        }
    }
}

/* ---- Picking ----------------------------------------------------------------------------------*/

/* The node if it is the player's own. */
static struct node *own_node(struct node *node)
{
    return node != NULL && node->owner != OWNER_SHARED ? node : NULL;
}

struct node *pick_root(struct player *player)
{
    uint64_t place = draw(player);
    size_t index = place >> 8;
    switch (place % 4) {
    case 0:
        return own_node(player->globals[index % GLOBAL_RANGES].cells[place >> 16 & 7].target);
    case 1:
        return own_node(player->handles[index % HANDLES_MAX].cell.target);
    case 2:
        if (player->frames != NULL) {
            return own_node(player->frames->cells[index % FRAME_SLOTS].target);
        }
        break;
    default:
        break;
    }
    return player->stack_depth == 0
               ? NULL
               : own_node(player->stack_cells[index % player->stack_depth].target);
}

/* An object of the player's own that node refers to; leaves only if wanted. */
static struct node *pick_child(struct player *player, const struct node *node, bool leaf)
{
    for (unsigned tries = 0; node->cells != NULL && node->words > 1 && tries < 4; tries++) {
        struct node *child = own_node(node->cells[1 + below(player, node->words - 1)].target);
        if (child != NULL && (!leaf || kind_is_leaf(child->kind))) {
            return child;
        }
    }
    return NULL;
}

struct node *pick_node(struct player *player)
{
    struct node *node = NULL;
    for (unsigned tries = 0; node == NULL && tries < 8; tries++) {
        node = pick_root(player);
    }
    for (size_t steps = below(player, 8); node != NULL && steps > 0; steps--) {
        struct node *child = pick_child(player, node, false);
        node = child == NULL ? node : child;
    }
    return node;
}

struct node *pick_leaf(struct player *player)
{
    const struct node *node = pick_node(player);
    return node == NULL ? NULL : pick_child(player, node, true);
}
