/* pair.h -- what tests share that go through a cycle step by step: a heap with two mutators, which
 * answer when the test says so, and a type of 64 bytes, all of whose words may be references.
 */
#ifndef TESTS_UNIT_PAIR_H
#define TESTS_UNIT_PAIR_H

#include "tests/heap_fixture.h"
#include "tests/unit/unit.h"

static struct tri_mutator *first;
static struct tri_mutator *second;
static tri_type *type;

/* Of a heap whose cycles begin when the test says so. */
static inline tri_heap_options pair_options(void)
{
    tri_heap_options options;
    fake_port_reset();
    fixture_options(&options);
    options.gc_percent = TRI_GC_PERCENT_OFF;
    options.verify = false;
    return options;
}

static inline void pair_begin(const tri_heap_options *options)
{
    fixture_begin(options, 2);
    fixture.collector = COLLECTOR_LATER;
    first = fixture.mutators[0];
    second = fixture.mutators[1];
    type = fixture_type(64, TRI_LAYOUT_ALL_WORDS);
    fixture_promote(type);
}

static inline void destroy(void)
{
    fixture_end();
    fake_port_finish();
}

#endif
