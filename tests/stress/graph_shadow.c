/* graph_shadow.c -- what is reachable, and whether the heap agrees.
 */
#include <stdlib.h>
#include <string.h>
#include <trillium/debug.h>

#include "gc/atomic.h"
#include "tests/stress/graph.h"

/* ---- Nodes ------------------------------------------------------------------------------------*/

void list_add(struct node_list *list, struct node *node)
{
    if (list->count == list->room) {
        list->room = list->room == 0 ? 64 : list->room * 2;
        list->nodes = realloc(list->nodes, list->room * sizeof *list->nodes);
        if (list->nodes == NULL) {
            abort();
        }
    }
    list->nodes[list->count++] = node;
}

void list_clear(struct node_list *list)
{
    free(list->nodes);
    *list = (struct node_list){.nodes = NULL};
}

void node_free(struct node *node)
{
    free(node->cells);
    free(node);
}

char node_role(const struct node *node, size_t index)
{
    const struct kind *kind = node->kind;
    if (index < kind->head_words || node->form == FORM_ARRAY) {
        return kind->head[index % kind->head_words % kind->head_roles];
    }
    return kind->tail[(index - kind->head_words) % kind->tail_roles];
}

uint64_t leaf_word(const struct node *node, size_t index)
{
    return index == 0 ? node->id : mix(node->salt + index);
}

/* So many words are written and compared at a time. */
#define LEAF_PIECE 64

/* The words of a leaf from first on, as many as a piece has. Returns the bytes of them that are the
 * leaf's. */
static size_t leaf_piece(const struct node *node, size_t first, uint64_t words[LEAF_PIECE])
{
    size_t rest = node->bytes - first * 8;
    size_t bytes = rest < LEAF_PIECE * 8 ? rest : LEAF_PIECE * 8;
    for (size_t i = 0; i * 8 < bytes; i++) {
        words[i] = leaf_word(node, first + i);
    }
    return bytes;
}

void leaf_write(struct node *node)
{
    uint64_t words[LEAF_PIECE];
    for (size_t i = 0; i * 8 < node->bytes; i += LEAF_PIECE) {
        size_t bytes = leaf_piece(node, i, words);
        memcpy(node->address + i * 8, words, bytes);
    }
}

/* ---- Comparing --------------------------------------------------------------------------------*/

/* Name the word of a piece that differs. */
TRI_NORETURN static void fail_in_leaf(const struct player *player, const struct node *node,
                                      size_t first, const uint64_t *words)
{
    for (size_t i = first;; i++) {
        size_t part = node->bytes - i * 8 < 8 ? node->bytes - i * 8 : 8;
        uint64_t expected = 0;
        uint64_t found = 0;
        memcpy(&expected, &words[i - first], part);
        memcpy(&found, node->address + i * 8, part);
        if (found != expected) {
            fail_at(player, node, i, expected, found, "contents of a leaf differ");
        }
    }
}

static void check_leaf(const struct player *player, const struct node *node)
{
    uint64_t words[LEAF_PIECE];
    for (size_t i = 0; i * 8 < node->bytes; i += LEAF_PIECE) {
        size_t bytes = leaf_piece(node, i, words);
        if (memcmp(node->address + i * 8, words, bytes) != 0) {
            fail_in_leaf(player, node, i, words);
        }
    }
}

/* The object that the cell leads to says its number. Of a shared one that is all that may be read
 * while others write. */
static void check_target(const struct player *player, const struct node *node, size_t index)
{
    const struct node *target = node->cells[index].target;
    if (target->words == 0 || kind_is_leaf(target->kind)) {
        return;
    }
    uint64_t found = load_relaxed((const uint64_t *)(const void *)target->address);
    if (found != target->cells[0].word) {
        fail_at(player, target, 0, target->cells[0].word, found,
                "a slot leads to an object that is not the one");
    }
}

static void check_cells(const struct player *player, const struct node *node)
{
    const uint64_t *words = (const uint64_t *)(const void *)node->address;
    for (size_t i = 0; i < node->words; i++) {
        uint64_t found = load_relaxed(&words[i]);
        if (found != node->cells[i].word) {
            fail_at(player, node, i, node->cells[i].word, found, "a word differs");
        }
        if (node->cells[i].target != NULL) {
            check_target(player, node, i);
        }
    }
}

void shadow_check_node(struct player *player, const struct node *node)
{
    tri_heap *heap = player->stress->heap;
    if (tri_object_base(heap, node->address) != node->address) {
        fail_at(player, node, 0, (uint64_t)(uintptr_t)node->address,
                (uint64_t)(uintptr_t)tri_object_base(heap, node->address),
                "the shadow reaches the object; the heap has none at its address");
    }
    if (tri_object_type(heap, node->address) != node->kind->type ||
        tri_object_size(heap, node->address) < node->bytes) {
        fail_at(player, node, 0, node->bytes, tri_object_size(heap, node->address),
                "the type or size of the object is another one's");
    }
    if (kind_is_leaf(node->kind)) {
        check_leaf(player, node);
    } else {
        check_cells(player, node);
    }
    player->checked++;
}

void shadow_check_roots(struct player *player)
{
    for (size_t i = 0; i < HANDLES_MAX; i++) {
        const struct handle_view *view = &player->handles[i];
        uint64_t held =
            view->handle == NULL ? 0 : (uint64_t)(uintptr_t)tri_handle_get(view->handle);
        if (view->handle != NULL && held != view->cell.word) {
            fail(player, "handle %zu holds %#jx, not %#jx", i, (uintmax_t)held,
                 (uintmax_t)view->cell.word);
        }
    }
    for (const struct frame_view *f = player->frames; f != NULL; f = f->outer) {
        for (size_t i = 0; i < FRAME_SLOTS; i++) {
            if ((uint64_t)(uintptr_t)f->slots[i] != f->cells[i].word) {
                fail(player, "local %zu of a frame holds %p, not %#jx", i, f->slots[i],
                     (uintmax_t)f->cells[i].word);
            }
        }
    }
}

/* ---- Marking ----------------------------------------------------------------------------------*/

struct marking {
    struct node_list *grey; /* every node reached, in the order of reaching */
    uint64_t number;
    bool shared_too;
};

static void reach(void *argument, struct cell *cell)
{
    const struct marking *marking = argument;
    struct node *node = cell->target;
    if (node != NULL && (node->owner != OWNER_SHARED || marking->shared_too) &&
        node->reached != marking->number) {
        node->reached = marking->number;
        list_add(marking->grey, node);
    }
}

/* Reach what the nodes on the list refer to. */
static void reach_all(struct marking *marking)
{
    for (size_t i = 0; i < marking->grey->count; i++) {
        struct node *node = marking->grey->nodes[i];
        for (size_t k = 0; node->cells != NULL && k < node->words; k++) {
            reach(marking, &node->cells[k]);
        }
    }
}

/* Markings of all players have different numbers, since nodes move between players. */
static uint64_t next_marking(struct player *player)
{
    return ++player->markings * (PLAYERS_MAX + 1) + (uint64_t)player->index;
}

uint64_t shadow_closure(struct player *player, struct node *node, struct node_list *list)
{
    struct marking marking = {list, next_marking(player), false};
    reach(&marking, &(struct cell){0, node});
    reach_all(&marking);
    return marking.number;
}

static void forget_unreached(struct node_list *list, uint64_t marking)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (list->nodes[i]->reached == marking) {
            list->nodes[kept++] = list->nodes[i];
        } else {
            node_free(list->nodes[i]);
        }
    }
    list->count = kept;
}

static void count_live(struct player *player)
{
    player->live_nodes = player->own.count;
    player->live_words = 0;
    for (size_t i = 0; i < player->own.count; i++) {
        player->live_words += (player->own.nodes[i]->bytes + 7) / 8;
    }
    player->new_nodes = 0;
    player->new_words = 0;
}

void shadow_collect(struct player *player, bool check)
{
    struct marking marking = {&player->marking, next_marking(player), false};
    marking.grey->count = 0;
    each_root(player, reach, &marking);
    reach_all(&marking);
    forget_unreached(&player->own, marking.number);
    count_live(player);
    if (!check) {
        return;
    }
    shadow_check_roots(player);
    for (size_t i = 0; i < player->own.count; i++) {
        shadow_check_node(player, player->own.nodes[i]);
    }
}

/* ---- The whole heap ---------------------------------------------------------------------------*/

/* Nodes by address, in open addressing. */
struct address_map {
    struct node **nodes;
    size_t mask;
};

static struct node **map_place(const struct address_map *map, const char *address)
{
    size_t place = (size_t)mix((uint64_t)(uintptr_t)address) & map->mask;
    while (map->nodes[place] != NULL && map->nodes[place]->address != address) {
        place = (place + 1) & map->mask;
    }
    return &map->nodes[place];
}

struct comparison {
    struct player *leader;
    struct address_map map;
    uint64_t number;
    size_t found;
    size_t extra; /* objects that the shadow does not reach */
};

static void map_nodes(struct comparison *comparison, const struct node_list *list)
{
    size_t room = 1024;
    while (room < list->count * 2) {
        room *= 2;
    }
    comparison->map = (struct address_map){calloc(room, sizeof(struct node *)), room - 1};
    if (comparison->map.nodes == NULL) {
        abort();
    }
    for (size_t i = 0; i < list->count; i++) {
        struct node **place = map_place(&comparison->map, list->nodes[i]->address);
        if (*place != NULL) {
            fail(comparison->leader, "objects %#jx and %#jx, both reachable, are both at %p",
                 (uintmax_t)(*place)->id, (uintmax_t)list->nodes[i]->id,
                 (void *)list->nodes[i]->address);
        }
        *place = list->nodes[i];
    }
}

/* Each reachable object must be there once; no other may be, unless the C stack is scanned. */
static void compare_object(tri_ref object, tri_type *type, size_t bytes, void *argument)
{
    struct comparison *comparison = argument;
    struct node *node = *map_place(&comparison->map, object);
    if (node == NULL) {
        comparison->extra++;
        if (!comparison->leader->stress->options.c_stack) {
            fail(comparison->leader,
                 "the object at %p (type %s, %zu bytes, first word %#jx) is on the heap after a "
                 "collection, but nothing refers to it",
                 object, tri_type_name(type), bytes,
                 bytes < 8 ? 0 : (uintmax_t)load_relaxed((const uint64_t *)object));
        }
        return;
    }
    if (node->seen == comparison->number || type != node->kind->type || bytes < node->bytes) {
        fail_at(comparison->leader, node, 0, node->bytes, bytes,
                "the heap has the object twice, or with another type or size");
    }
    node->seen = comparison->number;
    comparison->found++;
}

static void check_counts(const struct comparison *comparison, size_t reachable)
{
    tri_stats stats = {.size = sizeof stats};
    const struct player *leader = comparison->leader;
    if (tri_stats_read(leader->stress->heap, &stats) != TRI_OK) {
        fail(leader, "tri_stats_read failed");
    }
    bool exact = !leader->stress->options.c_stack;
    if (stats.heap_objects != comparison->found + comparison->extra ||
        stats.heap_objects < reachable || (exact && stats.heap_objects != reachable) ||
        (exact && stats.last_marked_objects != reachable)) {
        fail(leader,
             "%zu objects are reachable, the heap has %zu; heap_objects is %ju, "
             "last_marked_objects %ju",
             reachable, comparison->found + comparison->extra, (uintmax_t)stats.heap_objects,
             (uintmax_t)stats.last_marked_objects);
    }
}

static void mark_everything(struct stress *stress, struct marking *marking)
{
    for (int i = 0; i < stress->options.players; i++) {
        each_root(&stress->players[i], reach, marking);
        reach(marking, &stress->meeting.mails[0][i].cell);
        reach(marking, &stress->meeting.mails[1][i].cell);
    }
    struct node *const arrays[] = {stress->meeting.board, stress->meeting.swap,
                                   stress->meeting.letters};
    for (size_t i = 0; i < ARRAY_LENGTH(arrays); i++) {
        reach(marking, &(struct cell){0, arrays[i]});
    }
    reach_all(marking);
}

/* Walk the held heap and compare it with the nodes that were reached. */
static void compare_heap(struct comparison *comparison, const struct node_list *reached)
{
    struct player *leader = comparison->leader;
    tri_collect(leader->mutator);
    tri_debug_hold(leader->mutator);
    for (size_t i = 0; i < reached->count; i++) {
        shadow_check_node(leader, reached->nodes[i]);
    }
    map_nodes(comparison, reached);
    tri_debug_each_object(leader->mutator, compare_object, comparison);
    for (size_t i = 0; i < reached->count; i++) {
        if (reached->nodes[i]->seen != comparison->number) {
            fail_at(leader, reached->nodes[i], 0, 1, 0,
                    "the walk over the heap has passed the object over");
        }
    }
    tri_debug_release(leader->mutator);
    check_counts(comparison, reached->count);
    free(comparison->map.nodes);
}

void shadow_check_all(struct player *leader)
{
    struct stress *stress = leader->stress;
    struct node_list reached = {.nodes = NULL};
    struct marking marking = {&reached, next_marking(leader), true};
    mark_everything(stress, &marking);
    struct comparison comparison = {.leader = leader, .number = marking.number};
    compare_heap(&comparison, &reached);
    for (int i = 0; i < stress->options.players; i++) {
        forget_unreached(&stress->players[i].own, marking.number);
        count_live(&stress->players[i]);
        shadow_check_roots(&stress->players[i]);
    }
    forget_unreached(&stress->meeting.shared, marking.number);
    list_clear(&reached);
    stress->checks++;
}
