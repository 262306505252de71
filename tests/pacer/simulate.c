/* simulate.c -- runs scenarios and writes down what happened, one JSON object a line: a scenario,
 * its cycles, its bounds. Ends with 1 where a bound is broken.
 */
#include "tests/pacer/scenarios.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_bytes(const char *key, uint64_t bytes)
{
    if (bytes == PACER_OFF) {
        printf(", \"%s\": null", key);
    } else {
        printf(", \"%s\": %" PRIu64, key, bytes);
    }
}

static void print_number(const char *key, double value)
{
    if (isfinite(value)) {
        printf(", \"%s\": %.12g", key, value);
    } else {
        printf(", \"%s\": null", key);
    }
}

static void print_scenario(const struct scenario_entry *entry, const struct scenario_run *run)
{
    const struct scenario *scenario = &run->scenario;
    printf("{\"kind\": \"scenario\", \"name\": \"%s\", \"what\": \"%s\"", entry->name, entry->what);
    printf(", \"cycles\": %u, \"processors\": %u, \"percent\": %" PRId32, scenario->cycles,
           scenario->processors, scenario->percent);
    print_bytes("memory_limit", scenario->memory_limit);
    printf("}\n");
}

static void print_cycle(unsigned number, const struct cycle_record *record)
{
    printf("{\"kind\": \"cycle\", \"number\": %u", number);
    print_bytes("live", record->live);
    print_bytes("trigger", record->trigger);
    print_bytes("goal", record->goal);
    print_bytes("peak", record->peak);
    print_bytes("limit", record->memory_limit);
    print_number("utilization", record->utilization);
    print_number("share", record->gc_ns / record->all_ns);
    printf("}\n");
}

static void print_bound(const struct bound *bound)
{
    printf("{\"kind\": \"bound\", \"what\": \"%s\"", bound->what);
    print_number("low", bound->low);
    print_number("high", bound->high);
    print_number("least", bound->least);
    print_number("most", bound->most);
    printf(", \"looks\": %u, \"broken\": %u, \"first\": %u}\n", bound->looks, bound->broken,
           bound->first);
}

static bool run_one(const struct scenario_entry *entry, struct scenario_run *run)
{
    scenario_run(entry, run);
    print_scenario(entry, run);
    for (unsigned i = 0; i < run->scenario.cycles; i++) {
        print_cycle(i + 1, &run->records[i]);
    }
    for (unsigned i = 0; i < run->judge.count; i++) {
        print_bound(&run->judge.bounds[i]);
    }
    return judge_is_content(&run->judge);
}

/* Without an argument all scenarios; with one, that of this name. */
int main(int argc, char **argv)
{
    struct scenario_run *run = malloc(sizeof *run);
    unsigned ran = 0;
    unsigned content = 0;
    for (unsigned i = 0; run != NULL && i < scenario_count(); i++) {
        const struct scenario_entry *entry = scenario_at(i);
        if (argc < 2 || strcmp(argv[1], entry->name) == 0) {
            ran++;
            content += run_one(entry, run) ? 1 : 0;
        }
    }
    free(run);
    return ran > 0 && ran == content ? EXIT_SUCCESS : EXIT_FAILURE;
}
