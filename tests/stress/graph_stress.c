/* graph_stress.c -- the random-graph test: several mutators build, rewire and drop random graphs on
 * one heap, against a shadow copy in plain memory, with collections at random points.
 *
 *     graph_stress                     several configurations, 10 million operations
 *     graph_stress --mutators 4 ...    one configuration; see usage below
 *
 * All randomness comes from the seed. What a player does with its own graph depends on nothing
 * else, so one mutator repeats a run exactly, and several repeat all but what they do to the shared
 * objects; the fingerprint in the last line is of what repeats.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gc/atomic.h"
#include "tests/stress/graph.h"

#define CAMPAIGN_OPERATIONS UINT64_C(10500000)
#define ROUND_OPERATIONS    2000
#define FAULT_ROUND         5

static uint64_t now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* ---- Rendezvous -------------------------------------------------------------------------------*/

/* Spoil something, so that the next check must fail. */
static void make_fault(struct player *leader)
{
    const struct kind *kind = &leader->stress->kinds[2];
    tri_handle *handle;
    if (leader->stress->options.fault == FAULT_LOSE_STORE) {
        leader->lose_stores = 50;
        return;
    }
    struct node *node = node_new(leader, kind, FORM_SINGLE, 0, leader->index);
    node_fill(leader, node, NULL);
    if (leader->stress->options.fault == FAULT_DROP_ROOT) {
        leader->hidden = cell_reference(leader, 'p', node);
    } else if (tri_handle_create(leader->mutator, node->address, &handle) != TRI_OK) {
        fail(leader, "tri_handle_create failed");
    }
}

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
    leader->which = 1;
    if (stress->round == 0) {
        meeting_begin(leader);
    } else if (stress->stopping) {
        meeting_end(leader);
    }
    meeting_gather(leader);
    shadow_check_all(leader);
    if (!stress->stopping) {
        meeting_cut(leader);
    }
    if (stress->options.fault != FAULT_NONE && stress->round == FAULT_ROUND) {
        make_fault(leader);
    }
    leader->which = 0;
    return is_over(leader);
}

/* Wait without the heap until everybody is here. True for the one who came last, and shall lead the
 * others into the next round. */
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

void rendezvous(struct player *player)
{
    bool park = !player->stress->options.c_stack && chance(player, 3);
    op_receive(player);
    note(player, "rendezvous", NULL, player->stress->round, 0);
    if (park) {
        tri_mutator_park(player->mutator);
    } else {
        tri_blocking_begin(player->mutator);
    }
    bool last = gather(player->stress);
    if (!park) {
        tri_blocking_end(player->mutator);
    } else if (tri_mutator_resume(player->mutator) != TRI_OK) {
        fail(player, "tri_mutator_resume failed");
    }
    if (last) {
        begin_round(player->stress, lead(player));
    }
    player->round_end = player->operations + player->stress->round_length;
    player->finished = player->stress->stopping;
}

/* ---- One run ----------------------------------------------------------------------------------*/

/* The heap's log: lapses are counted, all else goes to stderr. */
static void log_line(const char *line, void *argument)
{
    struct stress *stress = argument;
    if (strstr(line, "ended without detaching") != NULL) {
        stress->reported++;
    } else {
        (void)fprintf(stderr, "%s\n", line);
    }
}

/* TRI_MARKERS_AUTO, so that mutators drive the cycles of a heap that is small, or 1 to 4 threads,
 * however small it is. */
static int32_t markers_by(uint64_t random)
{
    int32_t number = (int32_t)(random % 6);
    return number > 4 || number == 0 ? TRI_MARKERS_AUTO : number;
}

static void create_heap(struct stress *stress)
{
    static const int percents[] = {10, 50, 100};
    const struct options *options = &stress->options;
    uint64_t random = mix(options->seed);
    tri_heap_options heap;
    tri_heap_options_init(&heap);
    heap.value_encoding = TRI_ENCODING_NAN_BOX(BOX_MASK, BOX_MASK);
    heap.gc_percent = options->gc_percent >= 0 ? options->gc_percent : percents[random % 3];
    heap.markers = options->markers >= 0 ? options->markers : markers_by(random >> 8);
    heap.background_sweep = (random >> 16) % 4 != 0;
    heap.heap_minimum = (size_t)64 * 1024 << (random >> 20) % 5;
    heap.stress = options->stress > 0 ? options->stress : heap.stress;
    heap.barrier = options->insertion ? TRI_BARRIER_INSERTION : TRI_BARRIER_HYBRID;
    heap.log = log_line;
    heap.log_argument = stress;
    if (tri_heap_create(&stress->heap, &heap) != TRI_OK) {
        (void)fprintf(stderr, "graph_stress: tri_heap_create failed\n");
        abort();
    }
    (void)printf("graph_stress: seed %" PRIu64 ": %d mutators, %" PRIu64
                 " operations, GOGC %d, %d markers, gcstress %u, heap minimum %zu KiB%s%s%s\n",
                 options->seed, options->players, options->operations, heap.gc_percent,
                 heap.markers, heap.stress, heap.heap_minimum / 1024,
                 heap.background_sweep ? "" : ", no background sweeping",
                 options->c_stack ? ", C stack scanned" : "",
                 options->insertion ? ", insertion barrier" : "");
    (void)fflush(stdout);
}

static void define_kinds(struct stress *stress)
{
    for (size_t i = 0; i < kind_table_length; i++) {
        stress->kinds[i] = kind_table[i];
        if (stress->options.insertion && stress->options.players == 1 && i % 4 == 2) {
            stress->kinds[i].flags |= TRI_TYPE_SAFEPOINT_ONLY;
        }
        kind_define(stress->heap, &stress->kinds[i]);
        stress->weights += kind_table[i].weight;
    }
}

static struct stress *stress_new(const struct options *options)
{
    struct stress *stress = calloc(1, sizeof *stress);
    if (stress == NULL) {
        abort();
    }
    stress->options = *options;
    stress->round_length = ROUND_OPERATIONS;
    stress->started_ns = now_ns();
    if (pthread_mutex_init(&stress->lock, NULL) != 0 ||
        pthread_cond_init(&stress->changed, NULL) != 0 ||
        pthread_mutex_init(&stress->meeting.lock, NULL) != 0) {
        abort();
    }
    for (int i = 0; i < options->players; i++) {
        struct player *player = &stress->players[i];
        player->stress = stress;
        player->index = i;
        player->states[0] = mix(options->seed * 1000003 + (uint64_t)i);
        player->states[1] = mix(player->states[0] ^ 1);
        player->rare = calloc(RARE_TYPES_MAX, sizeof *player->rare);
        if (player->rare == NULL) {
            abort();
        }
    }
    return stress;
}

static void free_nodes(struct node_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        node_free(list->nodes[i]);
    }
    list_clear(list);
}

static void stress_free(struct stress *stress)
{
    for (int i = 0; i < stress->options.players; i++) {
        free_nodes(&stress->players[i].own);
        free_nodes(&stress->players[i].made_shared);
        list_clear(&stress->players[i].marking);
        list_clear(&stress->meeting.mails[0][i].nodes);
        list_clear(&stress->meeting.mails[1][i].nodes);
        free(stress->players[i].rare);
    }
    free_nodes(&stress->meeting.shared);
    (void)pthread_mutex_destroy(&stress->meeting.lock);
    (void)pthread_cond_destroy(&stress->changed);
    (void)pthread_mutex_destroy(&stress->lock);
    free(stress);
}

/* The current run, for the report when the library itself ends the process. */
static struct stress *current;

static void on_abort(int signal)
{
    (void)signal;
    struct stress *stress = current;
    if (stress != NULL && !stress->failed) {
        (void)fprintf(stderr, "graph_stress: the process ends in round %" PRIu64 "\n",
                      stress->round);
        report_histories(stress);
        report_replay(&stress->options);
    }
}

static void wait_for_players(struct stress *stress)
{
    (void)pthread_mutex_lock(&stress->lock);
    while (stress->done < stress->options.players) {
        (void)pthread_cond_wait(&stress->changed, &stress->lock);
    }
    (void)pthread_mutex_unlock(&stress->lock);
    for (int i = 0; i < stress->options.players; i++) {
        (void)pthread_join(stress->players[i].thread, NULL);
    }
}

static void print_summary(const struct stress *stress, const tri_stats *stats)
{
    uint64_t operations = 0;
    uint64_t checked = 0;
    uint64_t fingerprint = 0;
    for (int i = 0; i < stress->options.players; i++) {
        operations += stress->players[i].operations;
        checked += stress->players[i].checked;
        fingerprint = mix(fingerprint + stress->players[i].fingerprint);
    }
    (void)printf("graph_stress: seed %" PRIu64 " mutators %d operations %" PRIu64 " cycles %" PRIu64
                 " checks %" PRIu64 " objects-allocated %" PRIu64 " objects-checked %" PRIu64
                 " lapses %" PRIu64 " fingerprint %016" PRIx64 " seconds %.1f failures 0\n",
                 stress->options.seed, stress->options.players, operations, stats->num_gc,
                 stress->checks, stats->mallocs, checked, stress->lapses, fingerprint,
                 (double)(now_ns() - stress->started_ns) / 1e9);
    (void)fflush(stdout);
}

/* What is left when all is over. */
static void check_end(const struct stress *stress, const tri_stats *stats)
{
    const struct player *player = &stress->players[0];
    if (stress->lapses != stress->reported) {
        fail(player, "%ju threads ended without detaching, %ju were reported",
             (uintmax_t)stress->lapses, (uintmax_t)stress->reported);
    }
    if (stats->mutators != 0 || stats->handles != 0 ||
        (!stress->options.c_stack && (stats->heap_objects != 0 || stats->heap_in_use != 0))) {
        fail(player,
             "at the end there are %ju mutators, %ju handles, %ju objects, %ju bytes in spans",
             (uintmax_t)stats->mutators, (uintmax_t)stats->handles, (uintmax_t)stats->heap_objects,
             (uintmax_t)stats->heap_in_use);
    }
}

static uint64_t run(const struct options *options)
{
    struct stress *stress = stress_new(options);
    tri_stats stats = {.size = sizeof stats};
    current = stress;
    create_heap(stress);
    define_kinds(stress);
    for (int i = 0; i < options->players; i++) {
        player_start(&stress->players[i]);
    }
    wait_for_players(stress);
    if (tri_stats_read(stress->heap, &stats) != TRI_OK) {
        fail(&stress->players[0], "tri_stats_read failed");
    }
    check_end(stress, &stats);
    tri_heap_destroy(stress->heap);
    print_summary(stress, &stats);
    uint64_t operations = 0;
    for (int i = 0; i < options->players; i++) {
        operations += stress->players[i].operations;
    }
    current = NULL;
    stress_free(stress);
    return operations;
}

/* ---- The command line -------------------------------------------------------------------------*/

/* Configurations of a campaign, and what part of its operations each has. */
static const struct {
    int players;
    unsigned stress;
    bool c_stack;
    bool insertion;
    unsigned share;
} campaign[] = {
    {1, 0, false, false, 15},  {2, 0, false, false, 15},  {4, 0, false, false, 15},
    {16, 0, false, false, 15}, {3, 200, false, false, 8}, {1, 50, false, false, 4},
    {4, 0, true, false, 8},    {1, 0, false, true, 10},   {3, 0, false, true, 10},
};

static int run_campaign(struct options options)
{
    uint64_t operations = 0;
    uint64_t total = options.operations == 0 ? CAMPAIGN_OPERATIONS : options.operations;
    double seconds = options.seconds;
    for (size_t i = 0; i < ARRAY_LENGTH(campaign); i++) {
        options.players = campaign[i].players;
        options.stress = campaign[i].stress;
        options.c_stack = campaign[i].c_stack;
        options.insertion = campaign[i].insertion;
        options.operations = total * campaign[i].share / 100;
        options.seconds = seconds * campaign[i].share / 100;
        operations += run(&options);
        options.seed++;
    }
    (void)printf("graph_stress: campaign of %zu runs: operations %" PRIu64 " failures 0\n",
                 ARRAY_LENGTH(campaign), operations);
    return EXIT_SUCCESS;
}

static int usage(const char *program)
{
    (void)fprintf(stderr,
                  "usage: %s [--seed N] [--ops N] [--seconds S] [--mutators N] [--gcstress N]\n"
                  "       [--gogc N] [--markers N] [--c-stack] [--insertion]\n"
                  "       [--fault drop-root | keep-root | lose-store]\n"
                  "Without --mutators: several configurations, one after the other.\n"
                  "  --seed       of all random numbers; else TRI_SEED, or from the clock\n"
                  "  --ops        operations of all mutators together\n"
                  "  --seconds    stop after that time, if that is earlier\n"
                  "  --mutators   1 to %d\n"
                  "  --gcstress   a collection at every Nth slow path of an allocation\n"
                  "  --c-stack    the C stack is a root; then garbage may stay\n"
                  "  --insertion  stores are reported after the fact, first ones not at all\n"
                  "  --fault      spoil something on purpose: the run must fail\n",
                  program, PLAYERS_MAX);
    return 2;
}

static bool parse_number(const char *text, uint64_t least, uint64_t most, uint64_t *number)
{
    char *end;
    *number = strtoull(text, &end, 0);
    return text[0] != '\0' && *end == '\0' && *number >= least && *number <= most;
}

static bool parse_fault(const char *text, enum fault *fault)
{
    static const char *const names[] = {"drop-root", "keep-root", "lose-store"};
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *fault = (enum fault)(i + 1);
            return true;
        }
    }
    return false;
}

/* One option with its value. */
static bool parse_option(struct options *options, const char *name, const char *value)
{
    uint64_t number = 0;
    bool good = false;
    if (strcmp(name, "--fault") == 0) {
        return parse_fault(value, &options->fault);
    }
    if (strcmp(name, "--seed") == 0) {
        return parse_number(value, 0, UINT64_MAX, &options->seed);
    }
    if (strcmp(name, "--ops") == 0) {
        return parse_number(value, 1, UINT64_MAX, &options->operations);
    }
    if (strcmp(name, "--seconds") == 0) {
        char *end;
        options->seconds = strtod(value, &end);
        return *end == '\0' && options->seconds > 0;
    }
    if (strcmp(name, "--mutators") == 0) {
        good = parse_number(value, 1, PLAYERS_MAX, &number);
        options->players = (int)number;
    } else if (strcmp(name, "--gcstress") == 0) {
        good = parse_number(value, 1, UINT32_MAX, &number);
        options->stress = (unsigned)number;
    } else if (strcmp(name, "--gogc") == 0) {
        good = parse_number(value, 0, 100000, &number);
        options->gc_percent = (int)number;
    } else if (strcmp(name, "--markers") == 0) {
        good = parse_number(value, 0, 64, &number);
        options->markers = (int)number;
    }
    return good;
}

/* TRI_SEED's; else from the clock. */
static uint64_t default_seed(void)
{
    const char *given = getenv("TRI_SEED");
    return given != NULL ? strtoull(given, NULL, 0) : now_ns() % 1000000000;
}

int main(int argc, char **argv)
{
    struct options options = {.seed = default_seed(), .gc_percent = -1, .markers = -1};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--c-stack") == 0) {
            options.c_stack = true;
        } else if (strcmp(argv[i], "--insertion") == 0) {
            options.insertion = true;
        } else if (i + 1 == argc || !parse_option(&options, argv[i], argv[i + 1])) {
            return usage(argv[0]);
        } else {
            i++;
        }
    }
    (void)signal(SIGABRT, on_abort);
    if (options.players == 0) {
        return run_campaign(options);
    }
    if (options.operations == 0) {
        options.operations = options.seconds > 0 ? UINT64_MAX : CAMPAIGN_OPERATIONS;
    }
    (void)run(&options);
    return EXIT_SUCCESS;
}
