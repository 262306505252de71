/* scenario_tables.h -- the two lists of scenarios, and the bounds that both use. */
#ifndef TESTS_SCENARIO_TABLES_H
#define TESTS_SCENARIO_TABLES_H

#include "tests/pacer/scenarios.h"

/* Those of Go's TestGcPacer, with its bounds. */
unsigned go_scenario_count(void);
const struct scenario_entry *go_scenario_at(unsigned index);

/* Those for what Go's leave open. */
unsigned own_scenario_count(void);
const struct scenario_entry *own_scenario_at(unsigned index);

/* The latest cycle's peak as a part of its goal. */
void check_goal_ratio(struct judge *judge, const struct cycle_record *records, unsigned n,
                      double low, double high);

/* The utilization of the latest cycle differs by so much from that of cycle other (the first is 1)
 * at the most. */
void check_change(struct judge *judge, const struct cycle_record *records, unsigned n,
                  unsigned other, double most);

/* Once things have settled, a quarter of the processors collects, evenly, and the goal is met. */
void check_steady(struct judge *judge, const struct cycle_record *records, unsigned n);

#endif
