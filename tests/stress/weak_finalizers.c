/* weak_finalizers.c -- players attach finalizers and cleanups, and run those of all players.
 */
#include "gc/atomic.h"
#include "tests/stress/weak_graph.h"

/* Whether thing was on a circle, perhaps. What it has led to was reached last. */
static bool is_on_circle(const struct thing *thing)
{
    const struct thing_list *reached = &thing->player->grey;
    for (size_t i = 0; i < reached->count; i++) {
        const struct thing_list *led_to = &reached->things[i]->led_to;
        for (size_t k = 0; k < led_to->count; k++) {
            if (led_to->things[k] == thing) {
                return true;
            }
        }
    }
    return false;
}

/* What is on a circle is finalized with what it refers to. */
static void share_fate(struct thing *thing)
{
    struct player *player = thing->player;
    mark_led_to(thing);
    bool circle = is_on_circle(thing);
    for (size_t i = 0; i < player->grey.count; i++) {
        player->grey.things[i]->shares_fate |= circle;
    }
}

static void check_waiting(struct thing *thing, tri_mutator *mutator)
{
    struct player *player = thing->player;
    bring_back(player, mutator, thing, BY_FINALIZER);
    share_fate(thing);
    if (thing->is_ordered && !thing->shares_fate && !thing->may_wait &&
        !options_mix_orders(&player->stress->options)) {
        if (thing->marks & MARK_LEAST) {
            fail(thing, player, "is finalized, and reachable");
        }
        thing->finalized_life = thing->life;
    }
}

static void finalize(tri_mutator *mutator, tri_ref object, void *argument);

void attach(struct thing *thing, tri_mutator *mutator)
{
    struct player *player = thing->player;
    thing->is_ordered = !options_mix_orders(&player->stress->options) || below(player, 3) != 0;
    uint32_t flags = thing->is_ordered ? TRI_FINALIZER_ORDERED : TRI_FINALIZER_UNORDERED;
    if (tri_finalizer_attach(mutator, thing->address, finalize, thing, flags) != TRI_OK) {
        fail(thing, player, "tri_finalizer_attach failed");
    }
    thing->finalizer = PENDING_ATTACHED;
    thing->may_be_finalized = true;
    thing->attached_life = thing->life;
    thing->shares_fate = false;
    thing->may_wait = false;
    take_note(player, "attach", thing, NULL);
}

static void finalize(tri_mutator *mutator, tri_ref object, void *argument)
{
    struct thing *thing = argument;
    struct player *player = thing->player;
    player_lock(player, mutator);
    take_note(player, "finalize", thing, NULL);
    if (thing->finalizer != PENDING_ATTACHED || thing->address != object || thing->is_buried) {
        fail(thing, player, "is finalized without a finalizer, or once more");
    }
    fetch_add_relaxed(&player->stress->counts.finalized, UINT64_C(1));
    check_waiting(thing, mutator);
    thing->finalizer = PENDING_RAN;
    if (!player->stress->draining && below(player, 3) == 0) {
        fetch_add_relaxed(&player->stress->counts.resurrected, UINT64_C(1));
        if (thing->kind == THING_TABLE) {
            set_table(player, mutator, below(player, TABLES), thing);
        } else {
            set_global(player, mutator, below(player, ROOTS), thing);
        }
        if (below(player, 3) == 0) {
            attach(thing, mutator);
        }
    }
    player_unlock(player);
}

static void clean(tri_mutator *mutator, void *argument)
{
    struct thing *thing = argument;
    struct player *player = thing->player;
    player_lock(player, mutator);
    take_note(player, "clean up", thing, NULL);
    if (thing->cleanup != PENDING_ATTACHED || thing->finalizer == PENDING_ATTACHED) {
        fail(thing, player, "is cleaned up once more, or before it was finalized");
    }
    if (is_reachable(thing)) {
        fail(thing, player, "is cleaned up, and reachable");
    }
    fetch_add_relaxed(&player->stress->counts.cleaned, UINT64_C(1));
    thing->cleanup = PENDING_RAN;
    thing->is_buried = true;
    player_unlock(player);
}

void op_attach(struct player *player)
{
    struct thing *thing = pick_target(player);
    if (thing != NULL && thing->finalizer != PENDING_ATTACHED) {
        attach(thing, player->mutator);
    }
}

void op_detach(struct player *player)
{
    struct thing *thing = pick(player);
    if (thing == NULL) {
        return;
    }
    take_note(player, "detach", thing, NULL);
    bool is_attached = thing->finalizer == PENDING_ATTACHED;
    bool was_detached = tri_finalizer_detach(player->mutator, thing->address);
    /* Brought back while it waits: its finalizer runs all the same. */
    bool waits = is_attached && !was_detached && thing->life != thing->attached_life &&
                 (thing->may_wait || options_mix_orders(&player->stress->options));
    if (was_detached != is_attached && !waits) {
        fail(thing, player, "tri_finalizer_detach says otherwise");
    }
    thing->finalizer = waits ? PENDING_ATTACHED : PENDING_NONE;
}

void op_clean(struct player *player)
{
    struct thing *thing = pick_target(player);
    if (thing == NULL || thing->cleanup == PENDING_ATTACHED) {
        return;
    }
    if (tri_cleanup_attach(player->mutator, thing->address, clean, thing, NULL) != TRI_OK) {
        fail(thing, player, "tri_cleanup_attach failed");
    }
    thing->cleanup = PENDING_ATTACHED;
    take_note(player, "attach cleanup", thing, NULL);
}

/* Without a lock of one's own: what is run takes those of others. */
void op_run(struct player *player)
{
    (void)tri_finalizers_run(player->mutator, 1 + draw(player, 20));
}
