/* graph_shared.c -- where players meet: a board that is written under a lock, slots that are
 * exchanged without one, and mails by which subgraphs change hands.
 *
 * Shared objects refer to shared objects only; players' own objects may refer to them. What a
 * player does with its own graph here is decided by its first sequence of random numbers, all else
 * by its second, so that its own operations do not depend on the others.
 */
#include <string.h>

#include "gc/atomic.h"
#include "tests/stress/graph.h"

/* Words and nodes that may be shared before references between them are cut. */
#define SHARED_NODES_MAX 4000

#define MAIL_NODES_MAX 400

static const struct kind *slots_kind(const struct player *player)
{
    return &player->stress->kinds[0];
}

static const struct kind *gift_kind(const struct player *player)
{
    return &player->stress->kinds[1];
}

/* Where in the player's own graph a shared object shall be entered. */
struct pin {
    struct node *node; /* NULL: nowhere */
    size_t index;
};

static struct pin pick_pin(struct player *player)
{
    struct pin pin = {.node = chance(player, 3) ? pick_node(player) : NULL};
    if (pin.node != NULL && !pick_slot(player, pin.node, true, &pin.index)) {
        pin.node = NULL;
    }
    return pin;
}

/* No safepoint may lie between what kept target alive until now and this. */
static void pin_to(struct player *player, const struct pin *pin, struct node *target)
{
    if (pin->node != NULL) {
        node_store(player, pin->node, pin->index,
                   cell_reference(player, node_role(pin->node, pin->index), target));
    }
}

/* ---- The board --------------------------------------------------------------------------------*/

static void board_lock(struct player *player)
{
    pthread_mutex_t *lock = &player->stress->meeting.lock;
    if (pthread_mutex_trylock(lock) != 0) {
        tri_blocking_begin(player->mutator);
        (void)pthread_mutex_lock(lock);
        tri_blocking_end(player->mutator); /* may wait for a collection, with the lock */
    }
}

/* A new object in that slot, which refers to what is in the other one. */
static void board_renew(struct player *player, size_t slot, struct node *other)
{
    struct node *board = player->stress->meeting.board;
    struct node *node = node_random(player, choose_kind(player), 12, OWNER_SHARED);
    node_fill(player, node, other);
    node_store(player, board, slot, cell_reference(player, 'v', node));
}

static void board_write(struct player *player, struct node *node, struct node *other)
{
    size_t index;
    switch (below(player, 5)) {
    case 0:
        if (pick_slot(player, node, true, &index)) {
            node_store(player, node, index, cell_reference(player, node_role(node, index), other));
        }
        break;
    case 1:
        if (pick_slot(player, node, true, &index)) {
            node_store(player, node, index, (struct cell){0, NULL});
        }
        break;
    case 2:
        node_move_range(player, node, chance(player, 2) ? node : other);
        break;
    case 3:
        node_fill_range(player, node);
        break;
    default:
        node_cas(player, node);
        break;
    }
}

void op_board(struct player *player)
{
    struct meeting *meeting = &player->stress->meeting;
    struct pin pin = pick_pin(player);
    player->which = 1;
    board_lock(player);
    size_t slot = 1 + below(player, BOARD_SLOTS);
    struct node *node = meeting->board->cells[slot].target;
    struct node *other = meeting->board->cells[1 + below(player, BOARD_SLOTS)].target;
    if (chance(player, 3)) {
        board_renew(player, slot, other);
    } else {
        board_write(player, node, other);
    }
    /* Others may throw other off the board now, but cannot collect before this thread's next
     * safepoint. */
    (void)pthread_mutex_unlock(&meeting->lock);
    pin_to(player, &pin, other);
    player->which = 0;
}

/* ---- Exchanging -------------------------------------------------------------------------------*/

/* A new gift, which knows its node, and a new object in it. Nothing holds it. */
static struct node *gift_new(struct player *player)
{
    struct node *content = node_random(player, choose_kind(player), 12, OWNER_SHARED);
    node_fill(player, content, NULL);
    stack_push(player, content);
    struct node *gift = node_new(player, gift_kind(player), FORM_SINGLE, 0, OWNER_SHARED);
    node_fill(player, gift, content);
    gift->cells[1].word = (uint64_t)(uintptr_t)gift;
    gift->cells[2].word = mix(gift->cells[1].word ^ gift->id);
    for (size_t i = 1; i <= 2; i++) {
        tri_init(player->mutator, gift->address + i * 8, (tri_word)gift->cells[i].word);
    }
    stack_truncate(player, player->stack_depth - 1);
    return gift;
}

/* The node of the gift at address, as the gift itself says. */
static struct node *gift_at(const struct player *player, uint64_t address)
{
    const uint64_t *words = (const uint64_t *)(uintptr_t)address;
    uint64_t id = load_relaxed(&words[0]);
    uint64_t known = load_relaxed(&words[1]);
    if (load_relaxed(&words[2]) != mix(known ^ id)) {
        fail(player, "the gift %#jx at %#jx says it is of node %#jx", (uintmax_t)id,
             (uintmax_t)address, (uintmax_t)known);
    }
    return (struct node *)(uintptr_t)known;
}

/* Put gift into the slot and take what was there. */
static struct node *exchange(struct player *player, size_t slot, struct node *gift)
{
    char *place = player->stress->meeting.swap->address + slot * 8;
    uint64_t word = word_encode('v', (uint64_t)(uintptr_t)gift->address);
    tri_word expected = load_relaxed((const tri_aliased_word *)(const void *)place);
    gift->swap_slot = (int)slot;
    note(player, "exchange", gift, slot, word);
    while (!put_word_if(player, player->stress->meeting.swap->address, place, &expected, word)) {
    }
    struct node *taken = gift_at(player, word_decode('v', (uint64_t)expected));
    if (taken->swap_slot != (int)slot) {
        fail(player, "slot %zu held the gift %#jx, which belongs into slot %d", slot,
             (uintmax_t)taken->id, taken->swap_slot);
    }
    taken->swap_slot = NOT_SWAPPED;
    return taken;
}

void op_swap(struct player *player)
{
    if (player->stack_depth == STACK_MAX) {
        stack_truncate(player, STACK_MAX / 2); /* room for gift_new, which must drop nothing */
    }
    struct pin pin = pick_pin(player);
    player->which = 1;
    struct node *taken = gift_new(player);
    for (size_t i = 1 + below(player, 16); i > 0; i--) {
        taken = exchange(player, 1 + below(player, SWAP_SLOTS), taken);
    }
    shadow_check_node(player, taken);
    pin_to(player, &pin, taken);
    player->which = 0;
}

/* ---- Mails ------------------------------------------------------------------------------------*/

/* What giver posts in a round is for another player each time, who reads it in the next round. */
static int giver_of(const struct player *receiver, uint64_t round)
{
    uint64_t players = (uint64_t)receiver->stress->options.players;
    return (int)(((uint64_t)receiver->index + players * 2 - 1 - round % players) % players);
}

static int receiver_of(const struct player *giver, uint64_t round)
{
    return (int)(((uint64_t)giver->index + 1 + round) % (uint64_t)giver->stress->options.players);
}

/* The slot of a mail is a global one and a word of a heap array by turns. */
static void mail_set(struct player *player, uint64_t round, int giver, struct cell cell)
{
    struct meeting *meeting = &player->stress->meeting;
    meeting->mails[round % 2][giver].cell = cell;
    if (round % 2 == 0) {
        put_word(player, &meeting->letter_words[giver], &meeting->letter_words[giver], cell.word);
    } else {
        node_store(player, meeting->letters, 1 + (size_t)giver, cell);
    }
}

/* Let nothing but the mail lead to what the marking has reached, and give it away. */
static void hand_over(struct player *player, uint64_t marking, struct mail *mail, int receiver)
{
    size_t kept = 0;
    roots_cut(player, marking);
    for (size_t i = 0; i < player->own.count; i++) {
        struct node *node = player->own.nodes[i];
        if (node->reached == marking) {
            node->owner = receiver;
            list_add(&mail->nodes, node);
            continue;
        }
        player->own.nodes[kept++] = node;
        for (size_t k = 0; node->cells != NULL && k < node->words; k++) {
            if (node->cells[k].target != NULL && node->cells[k].target->reached == marking) {
                node_store(player, node, k, (struct cell){0, NULL});
            }
        }
    }
    player->own.count = kept;
}

void op_post(struct player *player)
{
    uint64_t round = player->stress->round;
    struct mail *mail = &player->stress->meeting.mails[round % 2][player->index];
    struct node *node = pick_node(player);
    if (node == NULL || mail->cell.target != NULL) {
        return;
    }
    shadow_collect(player, false); /* all nodes that are left have an object */
    player->marking.count = 0;
    uint64_t marking = shadow_closure(player, node, &player->marking);
    if (player->marking.count <= MAIL_NODES_MAX) {
        note(player, "post", node, player->marking.count, 0);
        mail_set(player, round, player->index, cell_reference(player, 'v', node));
        hand_over(player, marking, mail, receiver_of(player, round));
    }
}

void op_receive(struct player *player)
{
    uint64_t round = player->stress->round - 1; /* nothing is posted in round 0 */
    int giver = giver_of(player, round);
    struct mail *mail = &player->stress->meeting.mails[round % 2][giver];
    if (mail->cell.target == NULL) {
        return;
    }
    note(player, "receive", mail->cell.target, mail->nodes.count, 0);
    stack_push(player, mail->cell.target);
    mail_set(player, round, giver, (struct cell){0, NULL});
    for (size_t i = 0; i < mail->nodes.count; i++) {
        list_add(&player->own, mail->nodes.nodes[i]);
    }
    player->new_nodes += mail->nodes.count;
    mail->nodes.count = 0;
}

/* ---- Begin, rendezvous, end -------------------------------------------------------------------*/

static struct node *array_new(struct player *leader, size_t slots, tri_handle **handle)
{
    struct node *node = node_new(leader, slots_kind(leader), FORM_ARRAY, slots + 1, OWNER_SHARED);
    if (tri_handle_create(leader->mutator, node->address, handle) != TRI_OK) {
        fail(leader, "tri_handle_create failed");
    }
    node_store(leader, node, 0, (struct cell){word_number('v', node->id), NULL});
    return node;
}

void meeting_begin(struct player *leader)
{
    struct meeting *meeting = &leader->stress->meeting;
    meeting->board = array_new(leader, BOARD_SLOTS, &meeting->handles[0]);
    meeting->swap = array_new(leader, SWAP_SLOTS, &meeting->handles[1]);
    meeting->letters = array_new(leader, PLAYERS_MAX, &meeting->handles[2]);
    for (size_t i = 1; i <= BOARD_SLOTS; i++) {
        board_renew(leader, i, NULL);
    }
    for (size_t i = 1; i <= SWAP_SLOTS; i++) {
        struct node *gift = gift_new(leader);
        gift->swap_slot = (int)i;
        node_store(leader, meeting->swap, i,
                   (struct cell){word_encode('v', (uint64_t)(uintptr_t)gift->address), gift});
    }
    if (tri_global_add(leader->stress->heap, meeting->letter_words, PLAYERS_MAX) != TRI_OK) {
        fail(leader, "tri_global_add failed");
    }
}

/* What the slots must hold is what the gifts say of themselves. */
static void gather_swap(struct player *leader)
{
    struct meeting *meeting = &leader->stress->meeting;
    struct cell *cells = meeting->swap->cells;
    memset(&cells[1], 0, SWAP_SLOTS * sizeof cells[0]);
    for (size_t i = 0; i < meeting->shared.count; i++) {
        struct node *node = meeting->shared.nodes[i];
        if (node->swap_slot == NOT_SWAPPED) {
            continue;
        }
        if (cells[node->swap_slot].target != NULL) {
            fail(leader, "gifts %#jx and %#jx are both in slot %d", (uintmax_t)node->id,
                 (uintmax_t)cells[node->swap_slot].target->id, node->swap_slot);
        }
        cells[node->swap_slot] =
            (struct cell){word_encode('v', (uint64_t)(uintptr_t)node->address), node};
    }
}

void meeting_gather(struct player *leader)
{
    struct stress *stress = leader->stress;
    for (int i = 0; i < stress->options.players; i++) {
        struct player *player = &stress->players[i];
        for (size_t k = 0; k < player->made_shared.count; k++) {
            list_add(&stress->meeting.shared, player->made_shared.nodes[k]);
        }
        player->made_shared.count = 0;
        if (stress->meeting.letter_words[i] != stress->meeting.mails[0][i].cell.word) {
            fail(leader, "the global slot of mail %d has changed", i);
        }
    }
    if (stress->meeting.swap != NULL) {
        gather_swap(leader);
    }
}

void meeting_cut(struct player *leader)
{
    const struct meeting *meeting = &leader->stress->meeting;
    for (size_t i = 0; meeting->shared.count > SHARED_NODES_MAX && i < meeting->shared.count; i++) {
        struct node *node = meeting->shared.nodes[i];
        bool array = node == meeting->board || node == meeting->swap || node == meeting->letters;
        for (size_t k = 0; !array && node->cells != NULL && k < node->words; k++) {
            if (node->cells[k].target != NULL) {
                node_store(leader, node, k, (struct cell){0, NULL});
            }
        }
    }
}

void meeting_end(struct player *leader)
{
    struct meeting *meeting = &leader->stress->meeting;
    for (uint64_t round = 0; round < 2; round++) {
        for (int i = 0; i < leader->stress->options.players; i++) {
            struct mail *mail = &meeting->mails[round][i];
            mail_set(leader, round, i, (struct cell){0, NULL});
            for (size_t k = 0; k < mail->nodes.count; k++) {
                list_add(&leader->own, mail->nodes.nodes[k]);
            }
            list_clear(&mail->nodes);
        }
    }
    for (size_t i = 0; i < ARRAY_LENGTH(meeting->handles); i++) {
        tri_handle_destroy(leader->mutator, meeting->handles[i]);
    }
    for (size_t i = 0; i < meeting->shared.count; i++) {
        meeting->shared.nodes[i]->swap_slot = NOT_SWAPPED;
    }
    meeting->board = NULL;
    meeting->swap = NULL;
    meeting->letters = NULL;
    if (!tri_global_remove(leader->stress->heap, meeting->letter_words)) {
        fail(leader, "tri_global_remove does not know the slots");
    }
}
