/* graph_threads.c -- what a mutator can do other than allocate and store: frames, blocking regions,
 * other threads, detaching, ending; and the threads that a player consists of.
 */
#include <sched.h>

#include "gc/atomic.h"
#include "tests/stress/graph.h"

#define DEPTH_MAX 6

/* ---- Frames -----------------------------------------------------------------------------------*/

void run_until(struct player *player, uint64_t operation)
{
    while (player->operations < operation && !player->finished) {
        if (player->operations >= player->round_end) {
            rendezvous(player);
        } else {
            step(player);
        }
    }
}

/* Go on in a frame of its own. */
static void run_in_frame(struct player *player)
{
    TRI_FRAME(player->mutator, FRAME_SLOTS);
    struct frame_view view = {.outer = player->frames, .slots = &TRI_LOCAL(0)};
    player->frames = &view;
    player->depth++;
    note(player, "open frame", NULL, player->depth, 0);
    run_until(player, player->operations + 1 + below(player, 60));
    note(player, "close frame", NULL, player->depth, 0);
    player->depth--;
    player->frames = view.outer;
}

void op_frame(struct player *player)
{
    if (player->depth < DEPTH_MAX) {
        run_in_frame(player);
    }
}

/* What a throw goes back to. */
struct landing {
    jmp_buf here;
    jmp_buf *outer;
    struct tri_frame_ *mark;
    struct frame_view *frames;
    unsigned depth;
};

/* Go on in a frame that op_throw may leave by longjmp. */
void op_catch(struct player *player)
{
    if (player->depth >= DEPTH_MAX) {
        return;
    }
    struct landing landing = {
        .outer = player->catcher,
        .mark = tri_frames_save(player->mutator),
        .frames = player->frames,
        .depth = player->depth,
    };
    player->catcher = &landing.here;
    if (setjmp(landing.here) == 0) {
        run_in_frame(player);
    } else {
        tri_frames_restore(player->mutator, landing.mark);
        player->frames = landing.frames;
        player->depth = landing.depth;
    }
    player->catcher = landing.outer;
}

void op_throw(struct player *player)
{
    if (player->catcher != NULL) {
        note(player, "throw", NULL, player->depth, 0);
        longjmp(*player->catcher, 1);
    }
}

/* ---- Threads ----------------------------------------------------------------------------------*/

static void player_attach(struct player *player)
{
    tri_mutator *second;
    if (tri_mutator_attach(player->stress->heap, &player->mutator) != TRI_OK ||
        tri_mutator_attach(player->stress->heap, &second) != TRI_E_STATE ||
        tri_mutator_current(player->stress->heap) != player->mutator) {
        fail(player, "attaching failed, or succeeded twice");
    }
    tri_roots_set_scanner(player->mutator, scan_stack, player);
    if (player->stress->options.c_stack &&
        tri_mutator_scan_c_stack(player->mutator, true) != TRI_OK) {
        fail(player, "tri_mutator_scan_c_stack failed");
    }
}

void op_blocking(struct player *player)
{
    note(player, "blocking region", NULL, 0, 0);
    tri_blocking_begin(player->mutator);
    if (chance(player, 2)) {
        (void)sched_yield();
    }
    tri_blocking_end(player->mutator);
}

/* A thread that takes a parked mutator on, and parks it again. */
static void *run_elsewhere(void *argument)
{
    struct player *player = argument;
    if (tri_mutator_resume(player->mutator) != TRI_OK ||
        tri_mutator_resume(player->mutator) != TRI_E_STATE) {
        fail(player, "tri_mutator_resume failed, or succeeded twice");
    }
    run_until(player, player->operations + 1 + below(player, 300));
    tri_mutator_park(player->mutator);
    return NULL;
}

/* Go on on another thread, while this one's frames stay open. */
void op_migrate(struct player *player)
{
    if (player->depth >= DEPTH_MAX || player->stress->options.c_stack) {
        return;
    }
    note(player, "go to another thread", NULL, player->depth, 0);
    jmp_buf *catcher = player->catcher;
    player->catcher = NULL;
    player->depth++;
    tri_mutator_park(player->mutator);
    pthread_t thread;
    if (pthread_create(&thread, NULL, run_elsewhere, player) != 0 ||
        pthread_join(thread, NULL) != 0 || tri_mutator_resume(player->mutator) != TRI_OK) {
        fail(player, "a thread or tri_mutator_resume failed");
    }
    player->depth--;
    player->catcher = catcher;
    note(player, "back from another thread", NULL, player->depth, 0);
}

static void *detach_elsewhere(void *mutator)
{
    tri_mutator_detach(mutator);
    return NULL;
}

/* A new mutator in place of the old one. What only the stack held dies. */
void op_detach(struct player *player)
{
    if (player->depth > 0) {
        return;
    }
    note(player, "detach", NULL, 0, 0);
    uint64_t way = player->stress->options.c_stack ? 0 : below(player, 3);
    pthread_t thread;
    stack_truncate(player, 0);
    if (way > 0) {
        tri_mutator_park(player->mutator);
    }
    if (way < 2) {
        tri_mutator_detach(player->mutator);
    } else if (pthread_create(&thread, NULL, detach_elsewhere, player->mutator) != 0 ||
               pthread_join(thread, NULL) != 0) {
        fail(player, "a thread failed");
    }
    (void)sched_yield();
    player_attach(player);
}

void op_abandon(struct player *player)
{
    if (player->depth == 0) {
        player->abandon = true;
        note(player, "end the thread", NULL, 0, 0);
    }
}

/* ---- Threads of a player ----------------------------------------------------------------------*/

static void *player_thread(void *argument);

void player_start(struct player *player)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, player_thread, player) != 0) {
        fail(player, "pthread_create failed");
    }
}

TRI_NORETURN static void exit_with_frame_open(tri_mutator *mutator)
{
    TRI_FRAME(mutator, FRAME_SLOTS);
    TRI_LOCAL(0) = TRI_NULL;
    pthread_exit(NULL);
}

/* End this thread with its mutator attached, running, blocked or with a frame open. The player goes
 * on on another thread, which begins when this one has ended. */
static void abandon(struct player *player)
{
    tri_mutator *mutator = player->mutator;
    uint64_t way = below(player, 3);
    player->abandon = false;
    stack_truncate(player, 0);
    player->has_predecessor = true;
    player->predecessor = pthread_self();
    (void)fetch_add_relaxed(&player->stress->lapses, UINT64_C(1));
    if (way == 1) {
        tri_blocking_begin(mutator);
    }
    player_start(player);
    if (way == 2) {
        exit_with_frame_open(mutator);
    }
}

/* Let go of everything; the last rendezvous must find an empty heap. */
static void finish(struct player *player)
{
    struct stress *stress = player->stress;
    op_receive(player);
    roots_clear(player);
    rendezvous(player);
    tri_mutator_detach(player->mutator);
    (void)pthread_mutex_lock(&stress->lock);
    stress->done++;
    (void)pthread_cond_broadcast(&stress->changed);
    (void)pthread_mutex_unlock(&stress->lock);
}

static void *player_thread(void *argument)
{
    struct player *player = argument;
    if (player->has_predecessor && pthread_join(player->predecessor, NULL) != 0) {
        fail(player, "pthread_join failed");
    }
    (void)pthread_mutex_lock(&player->stress->lock);
    player->thread = pthread_self();
    (void)pthread_mutex_unlock(&player->stress->lock);
    player_attach(player);
    while (!player->finished && !player->abandon) {
        run_until(player, player->operations + 1);
    }
    if (player->finished) {
        finish(player);
    } else {
        abandon(player);
    }
    return NULL;
}
