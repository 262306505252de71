/* weak_stress.c -- the random test of weak references, ephemerons, weak tables, weak slots of the
 * host's, finalizers and cleanups: several mutators build and drop random graphs on one heap, read
 * what is weak at any time, and keep what it yields or not. Now and then all wait while one
 * compares the heap with the shadow.
 *
 *     weak_stress --mutators 4 ...       see usage below
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gc/atomic.h"
#include "tests/stress/weak_graph.h"

#define ROUND_OPERATIONS 3000
#define FAULT_ROUND      3

#define RUN_OPERATIONS      300000
#define CAMPAIGN_OPERATIONS 3000000

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* ---- Reports ----------------------------------------------------------------------------------*/

static const char *const fault_names[] = {"",
                                          "drop-root",
                                          "keep-root",
                                          "clear-weak",
                                          "lose-finalizer",
                                          "repeat-finalizer",
                                          "lose-cleanup",
                                          "clear-key",
                                          "lose-value",
                                          "lose-entry",
                                          "keep-entry",
                                          "clear-slot",
                                          "keep-slot"};

void take_note(struct player *player, const char *what, const struct thing *thing,
               const struct thing *other)
{
    player->notes[player->note_count++ % HISTORY] = (struct note){
        what, player->operations, thing == NULL ? 0 : thing->id, other == NULL ? 0 : other->id};
}

static void report_notes(const struct player *player, uint64_t thing)
{
    uint64_t first = player->note_count > HISTORY ? player->note_count - HISTORY : 0;
    for (uint64_t i = first; i < player->note_count; i++) {
        const struct note *note = &player->notes[i % HISTORY];
        if (i + RECENT >= player->note_count || note->thing == thing || note->other == thing) {
            (void)fprintf(stderr, "    %8" PRIu64 "  %-16s 0x%" PRIx64 " 0x%" PRIx64 "\n",
                          note->operation, note->what, note->thing, note->other);
        }
    }
}

void report_thing(const struct thing *thing)
{
    static const char *const kinds[] = {"node", "weak reference", "ephemeron", "table",
                                        "weak slots"};
    (void)fprintf(stderr,
                  "  %s 0x%" PRIx64 " at %p of mutator %d, life %u, gone %d, finalizer %d (%s), "
                  "cleanup %d\n",
                  kinds[thing->kind], thing->id, (void *)thing->address, thing->player->index,
                  thing->life, thing->is_gone, thing->finalizer,
                  thing->is_ordered ? "ordered" : "unordered", thing->cleanup);
    if (thing->target != NULL) {
        (void)fprintf(stderr, "  its target: ");
        report_thing(thing->target);
    }
}

void fail(const struct thing *thing, const struct player *player, const char *what)
{
    const struct options *options = &player->stress->options;
    (void)fprintf(stderr, "weak_stress: MISMATCH found by mutator %d in round %" PRIu64 ": %s\n",
                  player->index, player->stress->round, what);
    if (thing != NULL) {
        report_thing(thing);
        report_notes(thing->player, thing->id);
    }
    (void)fprintf(stderr,
                  "weak_stress: replay: --seed %" PRIu64 " --mutators %d --ops %" PRIu64 "%s%s%s",
                  options->seed, options->players, options->operations,
                  options->insertion ? " --insertion" : "",
                  options->fault == FAULT_NONE ? "" : " --fault ", fault_names[options->fault]);
    if (options->stress != 0) {
        (void)fprintf(stderr, " --gcstress %" PRIu32 " --delay %" PRIu32, options->stress,
                      options->handshake_delay);
    }
    (void)fprintf(stderr, "\n");
    abort();
}

/* ---- Rendezvous -------------------------------------------------------------------------------*/

static bool is_over(const struct player *leader)
{
    const struct stress *stress = leader->stress;
    uint64_t each = stress->options.operations / (uint64_t)stress->options.players;
    double seconds = (double)(now_ns() - stress->started_ns) / 1e9;
    return leader->operations >= each ||
           (stress->options.seconds > 0 && seconds >= stress->options.seconds);
}

/* Everybody else waits. True if this was the last round. */
static bool lead(struct player *leader)
{
    struct stress *stress = leader->stress;
    check_all(leader);
    if (stress->round == FAULT_ROUND && stress->options.fault != FAULT_NONE) {
        make_fault(leader, stress->options.fault);
    }
    return is_over(leader);
}

/* True for the one who came last, and shall lead the others into the next round. */
static bool gather(struct stress *stress)
{
    (void)pthread_mutex_lock(&stress->lock);
    uint64_t round = stress->round;
    bool last = ++stress->arrived == stress->options.players;
    while (!last && stress->round == round) {
        (void)pthread_cond_wait(&stress->changed, &stress->lock);
    }
    (void)pthread_mutex_unlock(&stress->lock);
    return last;
}

static void begin_round(struct stress *stress, bool stopping)
{
    (void)pthread_mutex_lock(&stress->lock);
    stress->arrived = 0;
    stress->stopping = stopping;
    stress->round++;
    (void)pthread_cond_broadcast(&stress->changed);
    (void)pthread_mutex_unlock(&stress->lock);
}

static void rendezvous(struct player *player)
{
    tri_blocking_begin(player->mutator);
    bool last = gather(player->stress);
    tri_blocking_end(player->mutator);
    if (last) {
        begin_round(player->stress, lead(player));
    }
}

/* ---- Threads ----------------------------------------------------------------------------------*/

static void enter(struct player *player)
{
    tri_heap *heap = player->stress->heap;
    tri_mutator *mutator;
    if (tri_mutator_attach(heap, &mutator) != TRI_OK ||
        tri_global_add(heap, player->globals, ROOTS) != TRI_OK ||
        tri_global_add(heap, player->fixed, FIXED_ROOTS) != TRI_OK ||
        tri_global_add(heap, player->tables, TABLE_FAULT + 1) != TRI_OK) {
        fail(NULL, player, "attaching failed");
    }
    tri_roots_set_scanner(mutator, scan_stack, player);
    player_lock(player, mutator); /* others may have begun, and ask who this is */
    player->mutator = mutator;
    player_unlock(player);
}

static void leave(struct player *player)
{
    player_lock(player, player->mutator);
    roots_clear(player);
    player_unlock(player);
    rendezvous(player);
    tri_heap *heap = player->stress->heap;
    if (!tri_global_remove(heap, player->globals) || !tri_global_remove(heap, player->fixed) ||
        !tri_global_remove(heap, player->tables)) {
        fail(NULL, player, "the heap does not know the global slots");
    }
    tri_mutator_detach(player->mutator);
}

static void *player_thread(void *argument)
{
    struct player *player = argument;
    enter(player);
    while (!player->stress->stopping) {
        for (unsigned i = 0; i < ROUND_OPERATIONS; i++) {
            step(player);
        }
        rendezvous(player);
    }
    leave(player);
    return NULL;
}

/* ---- One run ----------------------------------------------------------------------------------*/

/* TRI_MARKERS_AUTO, so that mutators drive the cycles, or 1 to 3 threads. */
static int32_t markers_by(uint64_t random)
{
    int32_t number = (int32_t)(random % 6);
    return number > 3 || number == 0 ? TRI_MARKERS_AUTO : number;
}

static void create_heap(struct stress *stress)
{
    tri_heap_options options;
    uint64_t random = mix(stress->options.seed);
    tri_heap_options_init(&options);
    options.markers = markers_by(random >> 16);
    options.background_sweep = (random >> 24) % 4 != 0;
    options.heap_minimum = (size_t)64 * 1024 << random % 3;
    options.gc_percent = (int32_t)(20 + random / 8 % 100);
    if (stress->options.stress != 0) {
        options.stress = stress->options.stress;
        options.handshake_delay_us = stress->options.handshake_delay;
    }
    options.barrier = stress->options.insertion ? TRI_BARRIER_INSERTION : TRI_BARRIER_HYBRID;
    tri_field fields[STRONG_SLOTS];
    for (uint32_t i = 0; i < STRONG_SLOTS; i++) {
        fields[i] = (tri_field){.offset = 16 + i * 8, .kind = TRI_FIELD_POINTER};
    }
    tri_type_desc desc = {
        .desc_size = sizeof desc,
        .name = "node",
        .size = 16 + STRONG_SLOTS * 8,
        .layout = {.kind = TRI_LAYOUT_FIELDS, .fields = fields, .field_count = STRONG_SLOTS},
    };
    if (tri_heap_create(&stress->heap, &options) != TRI_OK ||
        tri_type_define(stress->heap, &desc, &stress->node_type) != TRI_OK) {
        (void)fprintf(stderr, "weak_stress: there is no heap\n");
        abort();
    }
}

static struct stress *stress_new(const struct options *options)
{
    struct stress *stress = calloc(1, sizeof *stress);
    if (stress == NULL || pthread_mutex_init(&stress->lock, NULL) != 0 ||
        pthread_cond_init(&stress->changed, NULL) != 0) {
        abort();
    }
    stress->options = *options;
    stress->started_ns = now_ns();
    for (int i = 0; i < options->players; i++) {
        struct player *player = &stress->players[i];
        player->stress = stress;
        player->index = i;
        player->random = mix(options->seed * 1000003 + (uint64_t)i);
        if (pthread_mutex_init(&player->lock, NULL) != 0) {
            abort();
        }
    }
    return stress;
}

static void stress_free(struct stress *stress)
{
    for (int i = 0; i < stress->options.players; i++) {
        struct player *player = &stress->players[i];
        for (size_t k = 0; k < player->things.count; k++) {
            thing_free(player->things.things[k]);
        }
        free(player->things.things);
        free(player->grey.things);
        (void)pthread_mutex_destroy(&player->lock);
    }
    (void)pthread_cond_destroy(&stress->changed);
    (void)pthread_mutex_destroy(&stress->lock);
    free(stress);
}

/* Returns how many operations there were. */
static uint64_t print_summary(const struct stress *stress)
{
    const struct counts *counts = &stress->counts;
    tri_stats stats = {.size = sizeof stats};
    uint64_t operations = 0;
    for (int i = 0; i < stress->options.players; i++) {
        operations += stress->players[i].operations;
    }
    if (tri_stats_read(stress->heap, &stats) != TRI_OK || stats.heap_objects != 0) {
        fail(NULL, &stress->players[0], "at the end the heap is not empty");
    }
    (void)printf("weak_stress: seed %" PRIu64 " mutators %d operations %" PRIu64 " cycles %" PRIu64
                 " checks %" PRIu64 " reads %" PRIu64 " cleared %" PRIu64 " revived %" PRIu64
                 " finalized %" PRIu64 " resurrected %" PRIu64 " cleaned %" PRIu64
                 " values %" PRIu64 " entries %" PRIu64 " lost %" PRIu64 " slots %" PRIu64
                 " checked %" PRIu64 " seconds %.1f failures 0\n",
                 stress->options.seed, stress->options.players, operations, stats.num_gc,
                 stress->checks, counts->reads, counts->cleared, counts->revived, counts->finalized,
                 counts->resurrected, counts->cleaned, counts->values, counts->entries,
                 counts->lost, counts->slots, counts->checked,
                 (double)(now_ns() - stress->started_ns) / 1e9);
    (void)fflush(stdout);
    return operations;
}

/* Returns how many operations there were. */
static uint64_t run(const struct options *options)
{
    struct stress *stress = stress_new(options);
    create_heap(stress);
    for (int i = 0; i < options->players; i++) {
        slots_begin(&stress->players[i]);
    }
    for (int i = 0; i < options->players; i++) {
        struct player *player = &stress->players[i];
        if (pthread_create(&player->thread, NULL, player_thread, player) != 0) {
            fail(NULL, player, "pthread_create failed");
        }
    }
    for (int i = 0; i < options->players; i++) {
        (void)pthread_join(stress->players[i].thread, NULL);
    }
    for (int i = 0; i < options->players; i++) {
        slots_end(&stress->players[i]);
    }
    uint64_t operations = print_summary(stress);
    tri_heap_destroy(stress->heap);
    stress_free(stress);
    return operations;
}

/* ---- The command line -------------------------------------------------------------------------*/

/* Configurations of a campaign, and what part of its operations each has. */
static const struct {
    int players;
    bool insertion;
    uint32_t stress;
    uint32_t handshake_delay;
    unsigned share;
} campaign[] = {
    {1, false, 0, 0, 10},  {2, false, 0, 0, 20},   {3, false, 0, 0, 15}, {5, false, 0, 0, 10},
    {16, false, 0, 0, 15}, {3, false, 60, 50, 10}, {2, true, 0, 0, 10},  {4, true, 60, 50, 10},
};

static int run_campaign(struct options options)
{
    uint64_t operations = 0;
    uint64_t total = options.operations;
    double seconds = options.seconds;
    for (size_t i = 0; i < ARRAY_LENGTH(campaign); i++) {
        options.players = campaign[i].players;
        options.insertion = campaign[i].insertion;
        options.stress = campaign[i].stress;
        options.handshake_delay = campaign[i].handshake_delay;
        options.operations = total / 100 * campaign[i].share;
        options.seconds = seconds * campaign[i].share / 100;
        operations += run(&options);
        options.seed++;
    }
    (void)printf("weak_stress: campaign of %zu runs: operations %" PRIu64 " failures 0\n",
                 ARRAY_LENGTH(campaign), operations);
    return EXIT_SUCCESS;
}

static int usage(const char *program)
{
    (void)fprintf(stderr,
                  "usage: %s [--seed N] [--ops N] [--seconds S] [--mutators N] [--insertion]\n"
                  "       [--gcstress N] [--delay N]\n"
                  "       [--fault drop-root | keep-root | clear-weak | lose-finalizer |\n"
                  "                repeat-finalizer | lose-cleanup | clear-key | lose-value |\n"
                  "                lose-entry | keep-entry | clear-slot | keep-slot]\n"
                  "Without --mutators: several configurations, one after the other.\n"
                  "  --seed       of all random numbers; else TRI_SEED, or from the clock\n"
                  "  --ops        operations of all mutators together\n"
                  "  --seconds    stop after that time, if that is earlier\n"
                  "  --mutators   1 to %d\n"
                  "  --insertion  stores are reported after the fact\n"
                  "  --gcstress   a collection at every Nth slow path of an allocation\n"
                  "  --delay      with that: handshakes and answers are late, by N microseconds\n"
                  "  --fault      spoil something on purpose: the run must fail\n",
                  program, PLAYERS_MAX);
    return 2;
}

static bool parse_fault(const char *text, enum fault *fault)
{
    for (size_t i = 1; i < ARRAY_LENGTH(fault_names); i++) {
        if (strcmp(text, fault_names[i]) == 0) {
            *fault = (enum fault)i;
            return true;
        }
    }
    return false;
}

static bool parse_option(struct options *options, const char *name, const char *value)
{
    char *end;
    if (strcmp(name, "--fault") == 0) {
        return parse_fault(value, &options->fault);
    }
    if (strcmp(name, "--seconds") == 0) {
        options->seconds = strtod(value, &end);
        return *end == '\0' && options->seconds > 0;
    }
    uint64_t number = strtoull(value, &end, 0);
    bool good = value[0] != '\0' && *end == '\0';
    if (strcmp(name, "--seed") == 0) {
        options->seed = number;
    } else if (strcmp(name, "--ops") == 0) {
        options->operations = number;
    } else if (strcmp(name, "--gcstress") == 0) {
        options->stress = (uint32_t)number;
    } else if (strcmp(name, "--delay") == 0) {
        options->handshake_delay = (uint32_t)number;
    } else if (strcmp(name, "--mutators") == 0) {
        good = good && number >= 1 && number <= PLAYERS_MAX;
        options->players = (int)number;
    } else {
        good = false;
    }
    return good;
}

int main(int argc, char **argv)
{
    const char *seed = getenv("TRI_SEED");
    struct options options = {
        .seed = seed != NULL ? strtoull(seed, NULL, 0) : now_ns() % 1000000000,
    };
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--insertion") == 0) {
            options.insertion = true;
        } else if (i + 1 == argc || !parse_option(&options, argv[i], argv[i + 1])) {
            return usage(argv[0]);
        } else {
            i++;
        }
    }
    bool is_campaign = options.players == 0;
    if (options.operations == 0) {
        options.operations = options.seconds > 0 ? UINT64_MAX
                             : is_campaign       ? CAMPAIGN_OPERATIONS
                                                 : RUN_OPERATIONS;
    }
    if (is_campaign) {
        return run_campaign(options);
    }
    (void)run(&options);
    return EXIT_SUCCESS;
}
