/* weak_slots.c -- weak slots of the players' own, in memory that no cycle scans, each player's with
 * a hook that takes out what has died.
 *
 * The lock of a player is held at safepoints, so no hook may take it. What guards the shadow is
 * that lock; a hook looks at the words alone. Players of even number let theirs clear the words
 * where they are; those of odd number have a lock for hook and words, under which slots change
 * places, too.
 */
#include <sched.h>

#include "gc/atomic.h"
#include "tests/stress/weak_graph.h"

#define PIECE 30 /* slots that a hook looks at in a call, at most */

/* What a hook leaves: no object is there. */
#define WAS_HERE 1

/* The upper bits are the host's. */
static const tri_encoding encoding = {.mask = 0, .pattern = 0, .address = UINT64_C(0xffffffffffff)};

static tri_word slot_word(const struct thing *thing)
{
    return thing == NULL ? 0 : (tri_word)(uintptr_t)thing->address | (thing->id & 0xffff) << 48;
}

static void words_lock(struct slots *slots)
{
    if (slots->is_locked) {
        (void)pthread_mutex_lock(&slots->lock);
    }
}

static void words_unlock(struct slots *slots)
{
    if (slots->is_locked) {
        (void)pthread_mutex_unlock(&slots->lock);
    }
}

/* ---- The hook ---------------------------------------------------------------------------------*/

static void take_out(struct slots *slots, tri_weak_hook *hook, tri_word *word)
{
    if (!slots->is_locked) {
        (void)tri_weak_slot_clear(hook, word, WAS_HERE);
    } else if (tri_weak_is_dead(hook, load_relaxed(word))) {
        store_relaxed(word, (tri_word)WAS_HERE);
    }
}

static bool look_through(tri_weak_hook *hook, size_t budget, void *argument)
{
    struct slots *slots = argument;
    words_lock(slots);
    (void)sched_yield(); /* tables are at work between two stages of the weak phase */
    size_t end = slots->cursor + (budget < PIECE ? budget : PIECE);
    end = end < ARRAY_LENGTH(slots->words) ? end : ARRAY_LENGTH(slots->words);
    for (; slots->cursor < end; slots->cursor++) {
        take_out(slots, hook, &slots->words[slots->cursor]);
    }
    bool is_over = end == ARRAY_LENGTH(slots->words);
    slots->cursor = is_over ? 0 : end;
    words_unlock(slots);
    return is_over;
}

static void add_hook(struct player *player)
{
    struct slots *slots = &player->slots;
    slots->cursor = 0;
    if (tri_weak_hook_add(player->stress->heap, &encoding, look_through, slots, &slots->hook) !=
        TRI_OK) {
        fail(NULL, player, "tri_weak_hook_add failed");
    }
}

void slots_begin(struct player *player)
{
    struct slots *slots = &player->slots;
    slots->is_locked = player->index % 2 == 1;
    slots->holder.kind = THING_SLOTS;
    slots->holder.player = player;
    slots->holder.address = (char *)slots->words;
    if (pthread_mutex_init(&slots->lock, NULL) != 0) {
        fail(NULL, player, "pthread_mutex_init failed");
    }
    add_hook(player);
}

void slots_end(struct player *player)
{
    tri_weak_hook_remove(player->slots.hook);
    (void)pthread_mutex_destroy(&player->slots.lock);
}

/* ---- The shadow -------------------------------------------------------------------------------*/

static tri_word read_word(struct player *player, tri_mutator *mutator, size_t index)
{
    struct slots *slots = &player->slots;
    words_lock(slots);
    tri_word word = load_relaxed(&slots->words[index]);
    /* Under the lock a copy is as good as the slot. */
    word = tri_weak_slot_get(mutator, slots->hook, slots->is_locked ? &word : &slots->words[index]);
    words_unlock(slots);
    return word == WAS_HERE ? 0 : word;
}

void slot_set(struct player *player, tri_mutator *mutator, size_t index, struct thing *target)
{
    struct slots *slots = &player->slots;
    words_lock(slots);
    tri_weak_slot_set(mutator, slots->hook, &slots->words[index], slot_word(target));
    words_unlock(slots);
    slots->targets[index] = target;
    slots->lives[index] = target == NULL ? 0 : target->life;
}

static struct hold hold_of(struct slots *slots, size_t index)
{
    return (struct hold){.holder = &slots->holder,
                         .target = slots->targets[index],
                         .target_life = slots->lives[index]};
}

/* A read has yielded word. Returns what is there; NULL where it is gone, and is from now on. */
static struct thing *check_word(struct player *player, size_t index, tri_word word)
{
    struct slots *slots = &player->slots;
    const struct hold hold = hold_of(slots, index);
    if (word == 0) {
        check_absence(&hold);
        slots->targets[index] = NULL;
        return NULL;
    }
    if (hold.target == NULL) {
        fail(&slots->holder, player, "yields something after it had yielded nothing");
    }
    if (word != slot_word(hold.target)) {
        fail(hold.target, player, "should have been in a weak slot, and another word was");
    }
    check_presence(&hold);
    thing_check(hold.target);
    fetch_add_relaxed(&player->stress->counts.slots, UINT64_C(1));
    return hold.target;
}

/* With nothing pending: what is in the slot is what can be reached. */
static void settle(struct player *player, tri_mutator *mutator, size_t index, uint64_t number)
{
    struct slots *slots = &player->slots;
    struct thing *target = slots->targets[index];
    bool alive = target != NULL && target->reached == number;
    bool old = target != NULL && slots->lives[index] != target->life;
    tri_word word = read_word(player, mutator, index);
    if (word == 0 && (old || !alive)) {
        slots->targets[index] = NULL;
    } else if (!alive || word != slot_word(target)) {
        fail(target, player,
             alive ? "was cleared, and its target is reachable"
                   : "was not cleared, and its target is unreachable");
    }
}

void slots_settle(struct player *player, tri_mutator *mutator, uint64_t number)
{
    for (size_t i = 0; i <= SLOT_FAULT; i++) {
        settle(player, mutator, i, number);
    }
}

/* ---- Operations -------------------------------------------------------------------------------*/

static struct thing *pick_for(struct player *player, tri_mutator *mutator)
{
    return mutator == player->mutator ? pick_target(player) : pick_global(player);
}

/* Two slots change places: the hook begins anew. */
static void swap(struct player *player, size_t one, size_t other)
{
    struct slots *slots = &player->slots;
    words_lock(slots);
    tri_word word = load_relaxed(&slots->words[one]);
    store_relaxed(&slots->words[one], load_relaxed(&slots->words[other]));
    store_relaxed(&slots->words[other], word);
    slots->cursor = 0;
    words_unlock(slots);
    const struct hold hold = hold_of(slots, one);
    slots->targets[one] = slots->targets[other];
    slots->lives[one] = slots->lives[other];
    slots->targets[other] = hold.target;
    slots->lives[other] = hold.target_life;
}

static void read_slot(struct player *player, tri_mutator *mutator, size_t index)
{
    struct thing *target = player->slots.targets[index];
    tri_word word = read_word(player, mutator, index);
    take_note(player, word == 0 ? "slot has nothing" : "slot", target, NULL);
    if (check_word(player, index, word) != NULL && below(player, 3) == 0) {
        keep(player, mutator, target, false);
    }
}

static void work_on(struct player *player, tri_mutator *mutator)
{
    size_t index = below(player, SLOTS);
    uint64_t what = below(player, 10);
    if (what < 4) {
        struct thing *target = below(player, 8) == 0 ? NULL : pick_for(player, mutator);
        take_note(player, "set slot", target, NULL);
        slot_set(player, mutator, index, target);
    } else if (what < 5 && player->slots.is_locked) {
        swap(player, index, below(player, SLOTS));
    } else {
        for (unsigned i = 0; i < 12; i++) {
            read_slot(player, mutator, below(player, SLOTS));
        }
    }
}

void op_slots(struct player *player)
{
    work_on(player, player->mutator);
}

void op_slots_shown(struct player *player)
{
    struct stress *stress = player->stress;
    struct player *other = &stress->players[draw(player, (uint64_t)stress->options.players)];
    player_lock(other, player->mutator);
    work_on(other, player->mutator);
    player_unlock(other);
}

/* All are emptied, and another hook serves them. */
void op_slots_renew(struct player *player)
{
    for (size_t i = 0; i < SLOTS; i++) {
        slot_set(player, player->mutator, i, NULL);
    }
    tri_weak_hook_remove(player->slots.hook);
    add_hook(player);
}
