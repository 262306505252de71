/* workers.c -- the heap's own threads: markers, the sweeper, the collector.
 *
 * Owns:       struct workers_state.
 * Idea:       marking has a quarter of the processors' time by right, and all that would idle. Of
 *             the markers the first few take the former: the collector's thread, marker 0, in small
 *             slices where less than a whole processor is due, and where more is, as many whole
 *             ones as that is. The others run at the system's idle priority. Where somebody waits
 *             for the cycle, or marker 0 for the others to end, they are raised to the priority of
 *             any thread.
 * Invariants:
 *   [workers.1] port_run_parallel MUST NOT return before each thread that began its part has ended
 *               it; otherwise a marker works on when marking is over. It MUST NOT wait for one that
 *               has not begun; otherwise the cycle waits until a processor would idle.
 *   [workers.2] A wake-up MUST NOT be lost between a look for work and the sleep; otherwise spans
 *               stay unswept until somebody needs them, or a cycle is late.
 *   [workers.3] A marker that others wait for MUST NOT stay at idle priority; otherwise busy
 *               mutators keep the cycle from ending.
 *   [workers.4] A thread at idle priority MUST NOT take a lock, neither of the heap's nor of the C
 *               library's; otherwise the collector, or a mutator in its barrier, waits for it until
 *               a processor would idle. Where a marker needs one, it raises itself first
 *               (port_raise_marker). Checked builds die where it does not ([lock.3]). Priorities
 *               are changed by the system call: pthread_setschedparam has a lock of the thread's,
 *               and would be interrupted with it just when it has lowered its own thread, while
 *               whoever is to raise that waits for it.
 *   [workers.5] Threads MUST be lowered only where they can be raised again, which takes a
 *               privilege or a resource limit; otherwise a marker stays at idle priority for ever,
 *               whoever waits for it.
 *   [workers.6] The collector's thread MUST NOT wake up while there is nothing for it to do;
 *               otherwise an idle process keeps its processor from sleeping.
 *   [workers.7] The collector's thread MUST NOT stop watching cycles that mutators drive while one
 *             is under way, and who begins one MUST find out with SWEEP held whether it watches;
 *             otherwise one that the mutators leave is never ended ([cycle.9]).
 *   [workers.8] The child of a fork MUST NOT change the priority of threads that it has a copy of
 *               only; otherwise it raises its parent's markers, or whatever thread of another
 *               process has got the number.
 * Locks:      MARK for markers, SWEEP for the sweeper and the collector; neither is held while they
 *             work.
 * Callers:    cycle through port.h; the first mutator; destruction of the heap.
 */
#include "runtime/workers.h"

#include <sched.h>
#include <unistd.h>

#include "gc/assert.h"
#include "gc/cycle.h"
#include "gc/port.h"
#include "gc/sweep.h"
#include "runtime/container.h"
#include "runtime/idle.h"
#include "runtime/scavenger.h"

void workers_init(struct workers_state *workers)
{
    lock_init(&workers->lock, LOCK_MARK);
    condition_init(&workers->changed);
    lock_init(&workers->sweep_lock, LOCK_SWEEP);
    condition_init(&workers->sweep_changed);
    workers->process_id = getpid();
}

void workers_forget(struct workers_state *workers)
{
    condition_init(&workers->changed);
    condition_init(&workers->sweep_changed);
    workers->thread_count = 0;
    workers->job_open = false;
    workers->job_running = 0;
    workers->sweeper_started = false;
    store_relaxed(&workers->collector_started, 0U);
    workers->sweep_wanted = false;
    workers->watching = false;
    store_relaxed(&workers->cycle_wanted, 0U);
    store_relaxed(&workers->urgent, 0U);
    store_relaxed(&workers->ending, 0U);
    workers->process_id = getpid();
}

/* ---- Markers --------------------------------------------------------------------------------- */

/* The calling thread, for set_idle_priority. */
#define THIS_THREAD ((pid_t)0)

/* False where the system refuses; the thread has the priority then that it had. */
static bool set_idle_priority(pid_t thread_id, bool idle)
{
    struct sched_param none = {.sched_priority = 0};
    return sched_setscheduler(thread_id, idle ? SCHED_IDLE : SCHED_OTHER, &none) == 0;
}

/* On a thread of its own, which may not come back from idle priority. */
static void *try_idle_priority(void *works)
{
    *(bool *)works = set_idle_priority(THIS_THREAD, true) && set_idle_priority(THIS_THREAD, false);
    return NULL;
}

/* Whether threads can be lowered to idle priority and raised again [workers.5]. */
static bool idle_priority_works(struct workers_state *workers)
{
    if (workers->idle == IDLE_UNKNOWN) {
        bool works = false;
        pthread_t thread;
        if (thread_start(&thread, try_idle_priority, &works, "trillium probe")) {
            (void)pthread_join(thread, NULL);
        }
        workers->idle = works ? IDLE_WORKS : IDLE_IS_FOR_EVER;
    }
    return workers->idle == IDLE_WORKS;
}

/* Wait for a job after number last in which index may begin a part. False: stop. MARK held. */
static bool wait_for_job(struct workers_state *workers, unsigned index, uint64_t last)
    LOCK_REQUIRES(workers->lock)
{
    while (!workers->stopping &&
           (workers->job == last || !workers->job_open || index >= workers->job_count)) {
        condition_wait(&workers->changed, &workers->lock);
    }
    return !workers->stopping;
}

static void begin_part(struct workers_state *workers, unsigned index) LOCK_REQUIRES(workers->lock)
{
    workers->job_begun++;
    workers->job_running++;
    workers->job_working[index] = true;
}

static void end_part(struct workers_state *workers, unsigned index) LOCK_REQUIRES(workers->lock)
{
    workers->job_working[index] = false;
    workers->job_running--;
}

/* Whether marker index has no processor by right, and nobody is in a hurry. */
static bool may_be_lowered(const struct process_heap *heap, unsigned index)
{
    const struct workers_state *workers = &heap->workers;
    return index >= heap->heap.mark.by_right && workers->idle == IDLE_WORKS &&
           load_relaxed(&workers->urgent) == 0 && load_relaxed(&workers->ending) == 0;
}

/* One part of the job, at idle priority where that may be; but without a lock then [workers.4]. */
static void do_part(const struct worker_start *start)
{
    struct workers_state *workers = &start->heap->workers;
    unsigned index = start->index;
    bool lowered = may_be_lowered(start->heap, index);
    workers->job_lowered[index] = lowered;
    locks_forbid();
    if (lowered) {
        (void)set_idle_priority(THIS_THREAD, true);
    }
    workers->job_function(workers->job_argument, index);
    if (lowered) {
        (void)set_idle_priority(THIS_THREAD, false);
    }
    locks_allow();
}

bool port_raise_marker(struct tri_heap *heap, unsigned index)
{
    const struct workers_state *workers = &process_heap_of(heap)->workers;
    if (workers->job_lowered[index] && !set_idle_priority(THIS_THREAD, false)) {
        return false;
    }
    locks_allow();
    return true;
}

void port_lower_marker(struct tri_heap *heap, unsigned index)
{
    const struct process_heap *process = process_heap_of(heap);
    locks_forbid();
    if (process->workers.job_lowered[index] && may_be_lowered(process, index)) {
        (void)set_idle_priority(THIS_THREAD, true);
    }
}

static void *marker_thread(void *argument)
{
    const struct worker_start *start = argument;
    struct workers_state *workers = &start->heap->workers;
    uint64_t last = 0;
    lock_acquire(&workers->lock);
    workers->thread_ids[start->index] = gettid();
    while (wait_for_job(workers, start->index, last)) {
        last = workers->job;
        begin_part(workers, start->index);
        lock_release(&workers->lock);
        do_part(start);
        lock_acquire(&workers->lock);
        end_part(workers, start->index);
    }
    lock_release(&workers->lock);
    return NULL;
}

/* Have count - 1 threads if the system lets us; they are numbered from 1. Only whoever runs jobs
 * changes their number; others read it with MARK held. */
static void start_threads(struct process_heap *heap, unsigned count)
{
    struct workers_state *workers = &heap->workers;
    while (workers->thread_count + 1 < count) {
        unsigned number = workers->thread_count;
        struct worker_start *start = &workers->starts[number];
        *start = (struct worker_start){heap, number + 1};
        pthread_t thread;
        if (!thread_start(&thread, marker_thread, start, "trillium mark")) {
            return;
        }
        lock_acquire(&workers->lock);
        workers->threads[number] = thread;
        workers->thread_count = number + 1;
        lock_release(&workers->lock);
    }
}

static void open_job(struct workers_state *workers, unsigned count,
                     void (*function)(void *argument, unsigned index), void *argument)
{
    lock_acquire(&workers->lock);
    workers->job_function = function;
    workers->job_argument = argument;
    workers->job_count = count;
    workers->job_open = true;
    workers->job_begun = 0;
    workers->job++;
    condition_broadcast(&workers->changed);
    lock_release(&workers->lock);
}

/* Raise those that have begun and not ended [workers.3]. One may be about to lower itself: whoever
 * waits calls this again now and then. MARK held. */
static void raise_workers(struct workers_state *workers) LOCK_REQUIRES(workers->lock)
{
    store_relaxed(&workers->urgent, 1U);
    for (unsigned i = 0; i < workers->thread_count; i++) {
        if (workers->job_working[i + 1]) {
            (void)set_idle_priority(workers->thread_ids[i + 1], false);
        }
    }
}

/* Nobody begins a part any more; wait for those who have [workers.1]. Returns how many have. */
static unsigned close_job(struct workers_state *workers)
{
    lock_acquire(&workers->lock);
    workers->job_open = false;
    while (workers->job_running > 0) {
        raise_workers(workers);
        lock_release(&workers->lock);
        port_nap(MARK_IDLE_NAP_NS);
        lock_acquire(&workers->lock);
    }
    unsigned begun = workers->job_begun;
    lock_release(&workers->lock);
    return begun;
}

unsigned port_run_parallel(struct tri_heap *heap, unsigned count,
                           void (*function)(void *argument, unsigned index), void *argument)
{
    struct process_heap *process = process_heap_of(heap);
    struct workers_state *workers = &process->workers;
    count = count < MARKERS_MAX ? count : MARKERS_MAX;
    workers->paced_ns = port_thread_cpu_ns();
    if (count > 1 && !idle_priority_works(workers) && load_relaxed(&workers->urgent) == 0) {
        count = heap->mark.by_right; /* none but those that have a processor by right */
    }
    if (count > 1) {
        start_threads(process, count);
        open_job(workers, count, function, argument);
    }
    function(argument, 0);
    unsigned others = count > 1 ? close_job(workers) : 0;
    store_relaxed(&workers->urgent, 0U);
    return others + 1;
}

void port_hurry_markers(struct tri_heap *heap)
{
    struct workers_state *workers = &process_heap_of(heap)->workers;
    lock_acquire(&workers->lock);
    raise_workers(workers);
    lock_release(&workers->lock);
}

/* By its mutex: the host may call exit() with whatever locks held, which is not what
 * lock_try_acquire is to be asked about. */
LOCK_UNCHECKED void workers_raise_to_end(struct workers_state *workers)
{
    store_relaxed(&workers->ending, 1U);   /* first: others go on until the process has ended */
    if (workers->process_id == getpid() && /* [workers.8] */
        port_mutex_try_lock(&workers->lock.mutex)) {
        raise_workers(workers);
        port_mutex_unlock(&workers->lock.mutex);
    }
}

/* Whether the heap has come to its goal before the cycle's end, and may take more than its share of
 * the processors for that. */
static bool is_late(const struct tri_heap *heap)
{
    return counters_live(&heap->counters) >= load_relaxed(&heap->counters.goal_bytes) &&
           load_relaxed(&heap->cycle.limited) == 0;
}

/* Whether marker 0 has to take more than its share: somebody waits for it, or it shall stop. */
static bool is_pressed(struct process_heap *heap)
{
    return load_relaxed(&heap->workers.urgent) != 0 || load_relaxed(&heap->heap.mark.stop) != 0 ||
           is_late(&heap->heap);
}

/* A share of a small quota may mean a long sleep, during which the marker looks around. */
static void nap_unless_pressed(struct process_heap *heap, uint64_t ns)
{
    while (ns > 0 && !is_pressed(heap)) {
        uint64_t nap_ns = ns < PACE_NAP_MAX_NS ? ns : PACE_NAP_MAX_NS;
        port_nap(nap_ns);
        ns -= nap_ns;
    }
}

void port_pace_marker(struct tri_heap *heap, unsigned index)
{
    struct process_heap *process = process_heap_of(heap);
    struct workers_state *workers = &process->workers;
    double share = MARKER_SHARE * port_processors(heap);
    if (index != 0 || share >= 1.0 || is_pressed(process)) {
        return;
    }
    uint64_t worked_ns = port_thread_cpu_ns() - workers->paced_ns;
    if (worked_ns >= PACE_SLICE_NS) {
        nap_unless_pressed(process, (uint64_t)((double)worked_ns * (1.0 / share - 1.0)));
        workers->paced_ns = port_thread_cpu_ns();
    }
}

/* ---- The sweeper and the collector ----------------------------------------------------------- */

/* When the collector's thread has something to do although nothing happens; UINT64_MAX: never, and
 * then it does not wake up [workers.6]. */
static uint64_t periodic_due_ns(const struct process_heap *heap)
{
    uint64_t due_ns = size_min(container_due_ns(heap), cycle_period_end_ns(&heap->heap));
    return size_min(due_ns, idle_due_ns(heap));
}

/* The same, and when it has to look at a cycle that mutators drive. SWEEP held. */
static uint64_t collector_due_ns(const struct process_heap *heap)
{
    const struct workers_state *workers = &heap->workers;
    uint64_t due_ns = periodic_due_ns(heap);
    return workers->watching ? size_min(due_ns, workers->watch_due_ns) : due_ns;
}

enum watch_outcome {
    WATCH_ON,   /* look again later */
    WATCH_ENDS, /* none has begun since the last look, and none is under way */
    WATCH_STUCK /* the one that was under way then still is */
};

/* Look at the cycles that mutators drive; the next look is due in a while. SWEEP held. */
static enum watch_outcome look(struct process_heap *heap) LOCK_REQUIRES(heap->workers.sweep_lock)
{
    struct workers_state *workers = &heap->workers;
    uint64_t count = load_relaxed(&heap->heap.cycle.count);
    bool under_way = cycle_phase(&heap->heap) != CYCLE_IDLE;
    bool same = count == workers->watched_count;
    bool stuck = same && under_way && workers->watched_cycle;
    workers->watched_count = count;
    workers->watched_cycle = under_way;
    workers->watch_due_ns = port_now_ns() + CYCLE_WATCH_NS;
    return stuck ? WATCH_STUCK : same && !under_way ? WATCH_ENDS : WATCH_ON;
}

/* Where a look is due: true where mutators have left their cycle to this thread. What the last one
 * has freed, they have swept as they allocate, or not; nobody allocates now. */
static bool watch(struct process_heap *heap)
{
    struct workers_state *workers = &heap->workers;
    enum watch_outcome outcome = WATCH_ON;
    lock_acquire(&heap->workers.sweep_lock);
    if (workers->watching && port_now_ns() >= workers->watch_due_ns) {
        outcome = look(heap);
        workers->watching = outcome != WATCH_ENDS; /* [workers.7] */
    }
    lock_release(&heap->workers.sweep_lock);
    if (outcome == WATCH_ENDS) {
        port_wake_sweeper(&heap->heap);
    }
    return outcome == WATCH_STUCK;
}

/* What the collector's thread does without being asked. */
static void look_after(struct process_heap *heap)
{
    idle_look(heap);
    bool limit_changed = container_refresh(heap);
    bool is_left = watch(heap);
    if (port_now_ns() >= cycle_period_end_ns(&heap->heap)) {
        cycle_collect(&heap->heap, CYCLE_PERIODIC);
    } else if (limit_changed || is_left) {
        cycle_collect(&heap->heap, CYCLE_TRIGGERED);
    }
}

/* What the collector's thread does next: true where that is a cycle, false where it is
 * look_after. SWEEP held. */
static bool wait_for_collecting(struct process_heap *heap) LOCK_REQUIRES(heap->workers.sweep_lock)
{
    struct workers_state *workers = &heap->workers;
    while (!workers->sweep_stopping && load_relaxed(&workers->cycle_wanted) == 0) {
        uint64_t due_ns = collector_due_ns(heap);
        uint64_t now_ns = port_now_ns();
        if (due_ns == UINT64_MAX) {
            condition_wait(&workers->sweep_changed, &heap->workers.sweep_lock);
        } else if (now_ns < due_ns) {
            condition_wait_for(&workers->sweep_changed, &heap->workers.sweep_lock, due_ns - now_ns);
        } else {
            return false;
        }
    }
    bool wanted = load_relaxed(&workers->cycle_wanted) != 0;
    store_relaxed(&workers->cycle_wanted, 0U); /* who wants one from now on is heard [workers.2] */
    return wanted;
}

static void *collector_thread(void *argument)
{
    struct process_heap *heap = argument;
    struct workers_state *workers = &heap->workers;
    lock_acquire(&heap->workers.sweep_lock);
    while (!workers->sweep_stopping) {
        bool wanted = wait_for_collecting(heap);
        if (workers->sweep_stopping) {
            break;
        }
        lock_release(&heap->workers.sweep_lock);
        if (wanted) {
            cycle_collect(&heap->heap, CYCLE_TRIGGERED);
        }
        look_after(heap);
        lock_acquire(&heap->workers.sweep_lock);
    }
    lock_release(&heap->workers.sweep_lock);
    return NULL;
}

/* False where the system refuses. SWEEP held. */
static bool start_collector(struct process_heap *heap) LOCK_REQUIRES(heap->workers.sweep_lock)
{
    struct workers_state *workers = &heap->workers;
    if (load_relaxed(&workers->collector_started) == 0 &&
        thread_start(&workers->collector, collector_thread, heap, "trillium gc")) {
        store_relaxed(&workers->collector_started, 1U);
    }
    return load_relaxed(&workers->collector_started) != 0;
}

void workers_look_after(struct process_heap *heap)
{
    struct workers_state *workers = &heap->workers;
    if (heap->heap.options.markers == 0 || periodic_due_ns(heap) == UINT64_MAX) {
        return;
    }
    lock_acquire(&heap->workers.sweep_lock);
    if (start_collector(heap)) {
        condition_broadcast(&workers->sweep_changed);
    }
    lock_release(&heap->workers.sweep_lock);
}

void workers_watch_idle(struct process_heap *heap)
{
    struct workers_state *workers = &heap->workers;
    lock_acquire(&heap->workers.sweep_lock);
    if (!workers->sweep_stopping && idle_is_unwatched(heap)) {
        idle_watch(heap);
        if (start_collector(heap)) {
            condition_broadcast(&workers->sweep_changed);
        }
    }
    lock_release(&heap->workers.sweep_lock);
}

bool port_wake_collector(struct tri_heap *heap)
{
    struct process_heap *process = process_heap_of(heap);
    struct workers_state *workers = &process->workers;
    if (load_relaxed(&workers->cycle_wanted) != 0) {
        return true;
    }
    lock_acquire(&process->workers.sweep_lock);
    bool started = start_collector(process);
    if (started) {
        store_relaxed(&workers->cycle_wanted, 1U);
        condition_broadcast(&workers->sweep_changed);
    }
    lock_release(&process->workers.sweep_lock);
    return started;
}

void port_watch_cycle(struct tri_heap *heap)
{
    struct process_heap *process = process_heap_of(heap);
    struct workers_state *workers = &process->workers;
    if (heap->options.markers == 0) {
        return;
    }
    lock_acquire(&process->workers.sweep_lock);
    if (!workers->watching && start_collector(process)) {
        workers->watching = true; /* [workers.7] */
        (void)look(process);
        condition_broadcast(&workers->sweep_changed);
    }
    lock_release(&process->workers.sweep_lock);
}

static void *sweeper_thread(void *argument)
{
    struct process_heap *heap = argument;
    struct workers_state *workers = &heap->workers;
    lock_acquire(&workers->sweep_lock);
    while (!workers->sweep_stopping) {
        if (!workers->sweep_wanted) { /* [workers.2]: tested with the lock held */
            condition_wait(&workers->sweep_changed, &workers->sweep_lock);
            continue;
        }
        workers->sweep_wanted = false;
        lock_release(&workers->sweep_lock);
        while (sweep_some(&heap->heap, SWEEP_BATCH_SPANS)) {
            port_yield();
        }
        lock_acquire(&workers->sweep_lock);
    }
    lock_release(&workers->sweep_lock);
    return NULL;
}

void port_wake_sweeper(struct tri_heap *heap)
{
    struct process_heap *process = process_heap_of(heap);
    struct workers_state *workers = &process->workers;
    if (!heap->options.background_sweep || heap->options.markers == 0 || sweep_is_done(heap)) {
        return;
    }
    lock_acquire(&workers->sweep_lock);
    if (!workers->sweeper_started) {
        /* Where the system refuses, allocation and the next cycle sweep alone. */
        workers->sweeper_started =
            thread_start(&workers->sweeper, sweeper_thread, process, "trillium sweep");
    }
    workers->sweep_wanted = true;
    condition_broadcast(&workers->sweep_changed);
    lock_release(&workers->sweep_lock);
}

void workers_stop(struct process_heap *heap)
{
    struct workers_state *workers = &heap->workers;
    int before = thread_cancel_disable(); /* [thread.3] */
    cycle_abandon(&heap->heap);
    lock_acquire(&workers->sweep_lock);
    workers->sweep_stopping = true;
    condition_broadcast(&workers->sweep_changed);
    lock_release(&workers->sweep_lock);
    if (load_relaxed(&workers->collector_started) != 0) {
        (void)pthread_join(workers->collector, NULL);
    }
    if (workers->sweeper_started) {
        (void)pthread_join(workers->sweeper, NULL);
    }
    scavenger_stop(heap);
    lock_acquire(&workers->lock);
    workers->stopping = true;
    condition_broadcast(&workers->changed);
    lock_release(&workers->lock);
    for (unsigned i = 0; i < workers->thread_count; i++) {
        (void)pthread_join(workers->threads[i], NULL);
    }
    thread_cancel_restore(before);
    condition_destroy(&workers->sweep_changed);
    lock_destroy(&workers->sweep_lock);
    condition_destroy(&workers->changed);
    lock_destroy(&workers->lock);
}
