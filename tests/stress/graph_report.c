/* graph_report.c -- what is printed when the heap and the shadow disagree. Then the process ends.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "gc/atomic.h"
#include "tests/stress/graph.h"

void note(struct player *player, const char *what, const struct node *node, uint64_t index,
          uint64_t word)
{
    player->history[player->history_count++ % HISTORY_LENGTH] = (struct history_entry){
        .what = what,
        .operation = player->operations,
        .object = node == NULL ? 0 : node->id,
        .index = index,
        .word = word,
    };
    if (player->which == 0) {
        uint64_t id = node == NULL || node->owner == OWNER_SHARED ? 0 : node->id;
        player->fingerprint = mix(player->fingerprint + id * 31 + index + (unsigned char)what[0]);
    }
}

void report_replay(const struct options *options)
{
    static const char *const faults[] = {"", " --fault drop-root", " --fault keep-root",
                                         " --fault lose-store"};
    (void)fprintf(stderr, "graph_stress: replay: --seed %" PRIu64 " --mutators %d --ops %" PRIu64,
                  options->seed, options->players, options->operations);
    if (options->seconds > 0) {
        (void)fprintf(stderr, " --seconds %g", options->seconds);
    }
    if (options->stress > 0) {
        (void)fprintf(stderr, " --gcstress %u", options->stress);
    }
    if (options->gc_percent >= 0) {
        (void)fprintf(stderr, " --gogc %d", options->gc_percent);
    }
    if (options->markers >= 0) {
        (void)fprintf(stderr, " --markers %d", options->markers);
    }
    (void)fprintf(stderr, "%s%s%s\n", options->c_stack ? " --c-stack" : "",
                  options->insertion ? " --insertion" : "", faults[options->fault]);
}

static void report_history(const struct player *player)
{
    uint64_t count = player->history_count;
    uint64_t first = count > HISTORY_LENGTH ? count - HISTORY_LENGTH : 0;
    (void)fprintf(stderr, "  mutator %d, after %" PRIu64 " operations, last ones:\n", player->index,
                  player->operations);
    for (uint64_t i = first; i < count; i++) {
        const struct history_entry *entry = &player->history[i % HISTORY_LENGTH];
        (void)fprintf(stderr,
                      "    %8" PRIu64 "  %-18s object 0x%" PRIx64 " index %" PRIu64
                      " word 0x%" PRIx64 "\n",
                      entry->operation, entry->what, entry->object, entry->index, entry->word);
    }
}

void report_histories(const struct stress *stress)
{
    for (int i = 0; i < stress->options.players; i++) {
        report_history(&stress->players[i]);
    }
}

static void begin_report(const struct player *player)
{
    player->stress->failed = true;
    (void)fprintf(stderr, "graph_stress: MISMATCH found by mutator %d in round %" PRIu64 "\n",
                  player->index, player->stress->round);
}

TRI_NORETURN static void end_report(const struct player *player)
{
    report_history(player);
    report_replay(&player->stress->options);
    abort();
}

void fail(const struct player *player, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    begin_report(player);
    (void)fprintf(stderr, "  ");
    (void)vfprintf(stderr, format, arguments);
    (void)fprintf(stderr, "\n");
    va_end(arguments);
    end_report(player);
}

/* What a word means in a slot of that role. */
static void describe_word(const struct player *player, char role, uint64_t word)
{
    tri_heap *heap = player->stress->heap;
    uint64_t address = word_decode(role, word);
    if (word == CLOBBERED) {
        (void)fprintf(stderr, "   (freed memory)");
    } else if (tri_heap_contains(heap, (tri_word)address)) {
        const void *object = (const void *)(uintptr_t)address;
        const tri_type *type = tri_object_type(heap, object);
        (void)fprintf(stderr, "   (%s)", type == NULL ? "no object" : tri_type_name(type));
    }
}

void fail_at(const struct player *player, const struct node *node, size_t index, uint64_t expected,
             uint64_t found, const char *what)
{
    bool leaf = kind_is_leaf(node->kind);
    char role = leaf || index >= node->words ? 'd' : node_role(node, index);
    const struct node *target =
        node->cells == NULL || index >= node->words ? NULL : node->cells[index].target;
    begin_report(player);
    (void)fprintf(stderr, "  %s\n", what);
    (void)fprintf(stderr,
                  "  object:   0x%" PRIx64 " at %p, type %s, %zu bytes, made by mutator %" PRIu64
                  " at its operation %" PRIu64 ", owner %d\n",
                  node->id, (void *)node->address, node->kind->name, node->bytes, node->id >> 40,
                  node->birth, node->owner);
    (void)fprintf(stderr, "  slot:     word %zu, role %c\n", index, role);
    (void)fprintf(stderr, "  expected: 0x%" PRIx64, expected);
    if (target != NULL) {
        (void)fprintf(stderr, "   (object 0x%" PRIx64 ", type %s, at %p)", target->id,
                      target->kind->name, (void *)target->address);
    }
    (void)fprintf(stderr, "\n  found:    0x%" PRIx64, found);
    describe_word(player, role, found);
    (void)fprintf(stderr, "\n");
    if (node->owner >= 0 && node->owner != player->index) {
        report_history(&player->stress->players[node->owner]);
    }
    end_report(player);
}
