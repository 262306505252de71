/* simulator.c -- one cycle after the other. */
#include "tests/pacer/simulator.h"

#include "gc/tuning.h"

#define STEP_MS        0.5
#define LEAST_RATE     0.0001
#define STACK_QUANTUM  2048
#define TRIGGER_LOOKS  8
#define NS_IN_MS       1e6
#define ONE_PERCENT(x) ((x) / 100)

/* What the streams say for one cycle. */
struct rates {
    double alloc;
    double scan;
    double growth;
    double scannable;
    uint64_t stacks;
    uint64_t external;
    uint64_t burst;
};

/* A cycle that marks. */
struct marking {
    struct rates rates;
    struct pacer_work left;
    struct pacer_work done;
    struct pacer_rate rate;
    uint64_t all_work;
    uint64_t next_marked; /* of the heap, without what is allocated while marking */
    uint64_t allocated_black;
    double elapsed_ms;
    double assist_ms; /* of processors */
    bool halfway;     /* half is marked, and what happens then has happened */
    struct cycle_record record;
};

uint64_t limit_less_headroom(uint64_t limit)
{
    uint64_t headroom = size_max(ONE_PERCENT(limit) * 3, MIB);
    return limit < 2 * headroom ? headroom : limit - headroom;
}

static double at_least(double value, double least)
{
    return value > least ? value : least;
}

static double clamp(double value, double least, double most)
{
    return value < least ? least : value > most ? most : value;
}

void simulation_init(struct simulation *simulation, const struct scenario *scenario)
{
    *simulation = (struct simulation){.scenario = scenario};
    pacer_init(&simulation->pacer, scenario->percent, scenario->memory_limit,
               scenario->heap_minimum);
    cpu_limit_init(&simulation->limiter, scenario->processors);
}

static struct rates draw(const struct simulation *simulation)
{
    const struct scenario *scenario = simulation->scenario;
    unsigned cycle = simulation->cycle;
    uint64_t stacks = (uint64_t)at_least(stream_at(&scenario->stacks, cycle), 0.0);
    return (struct rates){
        .alloc = at_least(stream_at(&scenario->alloc, cycle), LEAST_RATE),
        .scan = at_least(stream_at(&scenario->scan, cycle), LEAST_RATE),
        .growth = at_least(stream_at(&scenario->growth, cycle), LEAST_RATE),
        .scannable = clamp(stream_at(&scenario->scannable, cycle), 0.0, 1.0),
        .stacks = stacks / STACK_QUANTUM * STACK_QUANTUM,
        .external = (uint64_t)at_least(stream_at(&scenario->external, cycle), 0.0),
        .burst = (uint64_t)at_least(stream_at(&scenario->burst, cycle), 0.0),
    };
}

/* ---- Memory ---------------------------------------------------------------------------------- */

/* What the process has mapped. Pages that were in use once stay, but those that are free go back to
 * the system where the limit would be passed. */
static struct pacer_memory memory_of(struct simulation *simulation)
{
    if (!simulation->scenario->maps) {
        return (struct pacer_memory){0};
    }
    uint64_t heap = simulation->live - simulation->external;
    uint64_t in_use = heap + heap / FRAGMENT_PART;
    simulation->pages = size_max(simulation->pages, in_use);
    simulation->metadata = size_max(simulation->metadata, simulation->pages / METADATA_PART);
    uint64_t limit = simulation->pacer.memory_limit;
    uint64_t mapped = simulation->pages + simulation->metadata + simulation->external;
    bool returns = mapped > limit && !simulation->scenario->keeps_pages;
    uint64_t excess = returns ? mapped - limit : 0;
    uint64_t given_back = size_min(excess, simulation->pages - in_use);
    simulation->pages -= given_back;
    return (struct pacer_memory){
        .mapped = mapped - given_back,
        .free = simulation->pages - in_use,
        .objects = simulation->live,
    };
}

static struct pacer_target target_now(struct simulation *simulation)
{
    struct pacer_memory memory = memory_of(simulation);
    return pacer_target(&simulation->pacer, &memory);
}

/* ---- Settings -------------------------------------------------------------------------------- */

/* The change of settings that is due, if there is one. */
static const struct scenario_change *change_due(const struct simulation *simulation, bool marking)
{
    for (unsigned i = 0; i < SCENARIO_CHANGES; i++) {
        const struct scenario_change *change = &simulation->scenario->changes[i];
        if (change->cycle != 0 && change->cycle == simulation->cycle &&
            change->marking == marking) {
            return change;
        }
    }
    return NULL;
}

static void change_settings(struct simulation *simulation, const struct scenario_change *change)
{
    simulation->pacer.percent = change->percent;
    simulation->pacer.memory_limit = change->memory_limit;
    pacer_commit(&simulation->pacer, simulation->live, change->marking);
}

/* ---- The beginning --------------------------------------------------------------------------- */

/* Allocate from a live size of `before` on until a cycle is due. The trigger is asked for anew as
 * the heap grows, since with it grows what the process maps beside the heap. */
static void allocate_to_trigger(struct simulation *simulation, uint64_t before)
{
    for (unsigned i = 0; i < TRIGGER_LOOKS; i++) {
        simulation->live = size_max(target_now(simulation).trigger, before);
    }
}

/* The program runs until a cycle is due. */
static void run_to_trigger(struct simulation *simulation, struct marking *marking)
{
    const struct rates *rates = &marking->rates;
    uint64_t before = simulation->live - simulation->external + rates->external;
    simulation->live = before;
    simulation->external = rates->external;
    const struct scenario_change *change = change_due(simulation, false);
    if (change != NULL) {
        uint64_t trigger = target_now(simulation).trigger;
        simulation->live += trigger > before ? (trigger - before) / 2 : 0;
        change_settings(simulation, change);
    }
    allocate_to_trigger(simulation, simulation->live);
    uint64_t allocated = simulation->live - before;
    simulation->heap_scan += (uint64_t)((double)allocated * rates->scannable);
    unsigned processors = simulation->scenario->processors;
    double ms = (double)allocated / (rates->alloc * (double)KIB * processors);
    marking->record.all_ns = ms * NS_IN_MS * processors;
    simulation->now_ns += (uint64_t)(ms * NS_IN_MS);
    (void)cpu_limit_update(&simulation->limiter, simulation->now_ns, 0,
                           (uint64_t)marking->record.all_ns);
}

/* Ask for the rate anew, since figures have changed. */
static void revise(struct simulation *simulation, struct marking *marking)
{
    struct pacer_memory memory = memory_of(simulation);
    struct pacer_target target = pacer_target(&simulation->pacer, &memory);
    struct pacer_progress progress = {
        .live = simulation->live,
        .done = marking->done,
        .heap_scan = simulation->heap_scan,
        .stack_scan = marking->rates.stacks,
        .globals = simulation->scenario->globals,
    };
    marking->rate = pacer_rate(&simulation->pacer, target.goal, &progress);
    marking->record.goal = target.goal;
    marking->record.by_limit = target.by_limit;
    marking->record.mapped = size_max(marking->record.mapped, memory.mapped);
}

static void start_cycle(struct simulation *simulation, struct marking *marking)
{
    const struct scenario *scenario = simulation->scenario;
    const struct pacer *pacer = &simulation->pacer;
    uint64_t old = pacer->marked - simulation->allocated_black - simulation->external;
    marking->rates = draw(simulation);
    marking->record.live = pacer->marked;
    marking->record.roots = pacer->last.stacks + pacer->last.globals;
    marking->record.scannable = (double)old * marking->rates.scannable;
    run_to_trigger(simulation, marking);
    marking->next_marked = simulation->cycle == 0 ? scenario->first_live
                                                  : (uint64_t)((double)old * marking->rates.growth);
    marking->left = (struct pacer_work){
        .globals = scenario->globals,
        .stacks = marking->rates.stacks,
        .heap = (uint64_t)((double)marking->next_marked * marking->rates.scannable),
    };
    marking->all_work = marking->left.globals + marking->left.stacks + marking->left.heap;
    pacer_begin(&simulation->pacer, simulation->live);
    marking->record.trigger = simulation->live;
    revise(simulation, marking);
    marking->record.first_goal = marking->record.goal;
}

/* ---- Marking --------------------------------------------------------------------------------- */

static uint64_t consume_one(uint64_t *left, uint64_t *done, uint64_t bytes)
{
    uint64_t part = size_min(*left, bytes);
    *left -= part;
    *done += part;
    return bytes - part;
}

/* Scan as much of these bytes as there is to be scanned; return how much that was. */
static uint64_t consume(struct marking *marking, uint64_t bytes)
{
    uint64_t rest = consume_one(&marking->left.globals, &marking->done.globals, bytes);
    rest = consume_one(&marking->left.stacks, &marking->done.stacks, rest);
    rest = consume_one(&marking->left.heap, &marking->done.heap, rest);
    return bytes - rest;
}

static void allocate(struct simulation *simulation, struct marking *marking, uint64_t bytes)
{
    simulation->live += bytes;
    simulation->heap_scan += (uint64_t)((double)bytes * marking->rates.scannable);
    marking->allocated_black += bytes;
}

/* The share of the processors that collecting has: what the rate asks for. */
static double share_of(const struct simulation *simulation, const struct marking *marking)
{
    if (simulation->scenario->cpu_limit && simulation->limiter.on) {
        return MARKER_SHARE;
    }
    double owed = marking->rate.work_per_byte * marking->rates.alloc;
    return at_least(owed / (owed + marking->rates.scan), MARKER_SHARE);
}

static void pass_time(struct simulation *simulation, struct marking *marking, double ms,
                      double share)
{
    double ns = ms * NS_IN_MS;
    double all_ns = ns * simulation->scenario->processors;
    marking->record.most_utilization = at_least(marking->record.most_utilization, share);
    marking->elapsed_ms += ms;
    marking->assist_ms += ms * simulation->scenario->processors * (share - MARKER_SHARE);
    marking->record.all_ns += all_ns;
    marking->record.gc_ns += all_ns * share;
    simulation->now_ns += (uint64_t)ns;
    bool limited = cpu_limit_update(&simulation->limiter, simulation->now_ns,
                                    (uint64_t)(all_ns * share), (uint64_t)(all_ns * (1.0 - share)));
    marking->record.limited = marking->record.limited || limited;
}

static void step(struct simulation *simulation, struct marking *marking)
{
    const double bytes_per_ms = (double)KIB * simulation->scenario->processors;
    double share = share_of(simulation, marking);
    double ms = STEP_MS;
    double scan_per_ms = marking->rates.scan * bytes_per_ms * share;
    double alloc_per_ms = marking->rates.alloc * bytes_per_ms * (1.0 - share);
    uint64_t could = size_max((uint64_t)(scan_per_ms * ms), 1);
    uint64_t scanned = consume(marking, could);
    if (scanned < could) {
        ms = (double)scanned / scan_per_ms; /* marking ends within the step */
    }
    allocate(simulation, marking, (uint64_t)(alloc_per_ms * ms));
    pass_time(simulation, marking, ms, share);
    revise(simulation, marking);
}

/* What happens when half is marked: a burst, new settings. */
static void pass_half(struct simulation *simulation, struct marking *marking)
{
    uint64_t left = marking->left.globals + marking->left.stacks + marking->left.heap;
    if (marking->halfway || left > marking->all_work / 2) {
        return;
    }
    marking->halfway = true;
    if (marking->rates.burst != 0) {
        allocate(simulation, marking, marking->rates.burst);
        marking->record.after_burst = simulation->live;
        revise(simulation, marking);
    }
    const struct scenario_change *change = change_due(simulation, true);
    if (change != NULL) {
        change_settings(simulation, change);
        revise(simulation, marking);
    }
}

static void mark(struct simulation *simulation, struct marking *marking)
{
    while (marking->left.globals + marking->left.stacks + marking->left.heap > 0) {
        step(simulation, marking);
        pass_half(simulation, marking);
    }
}

/* ---- The end --------------------------------------------------------------------------------- */

static void complete_record(const struct simulation *simulation, struct marking *marking)
{
    struct cycle_record *record = &marking->record;
    unsigned processors = simulation->scenario->processors;
    record->peak = simulation->live;
    record->work = marking->all_work;
    record->external = simulation->external;
    record->utilization = marking->assist_ms / (marking->elapsed_ms * processors) + MARKER_SHARE;
    record->step_bytes = (uint64_t)(marking->rates.alloc * STEP_MS * (double)KIB * processors);
    record->percent = simulation->pacer.percent;
    record->memory_limit = simulation->pacer.memory_limit;
}

static void end_cycle(struct simulation *simulation, struct marking *marking)
{
    struct pacer *pacer = &simulation->pacer;
    double all_ms = marking->elapsed_ms * simulation->scenario->processors;
    struct pacer_effort effort = {
        .elapsed_ns = (uint64_t)(marking->elapsed_ms * NS_IN_MS),
        .processors = simulation->scenario->processors,
        .background_ns = (uint64_t)(all_ms * NS_IN_MS * MARKER_SHARE),
        .assist_ns = (uint64_t)(marking->assist_ms * NS_IN_MS),
        .live = simulation->live,
        .done = marking->done,
    };
    uint64_t marked = marking->next_marked + marking->allocated_black + simulation->external;
    pacer_end(pacer, &effort);
    cpu_limit_resize(&simulation->limiter, simulation->scenario->processors,
                     (uint64_t)marking->record.gc_ns);
    pacer_reset(pacer, marked, 0, &marking->done);
    simulation->live = marked;
    simulation->heap_scan = marking->done.heap;
    simulation->allocated_black = marking->allocated_black;
    simulation->cycle++;
    pacer_commit(pacer, marked, false);
}

struct cycle_record simulation_cycle(struct simulation *simulation)
{
    struct marking marking = {0};
    start_cycle(simulation, &marking);
    mark(simulation, &marking);
    complete_record(simulation, &marking);
    end_cycle(simulation, &marking);
    return marking.record;
}
