/* scenarios_own.c -- the scenarios that Go's leave open. */
#include "tests/pacer/scenario_tables.h"

#include "gc/base.h"

static const struct scenario_entry own_scenarios[1];

unsigned own_scenario_count(void)
{
    return 0;
}

const struct scenario_entry *own_scenario_at(unsigned index)
{
    return &own_scenarios[index];
}
