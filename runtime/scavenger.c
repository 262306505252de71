/* scavenger.c -- the thread that gives memory back to the system.
 *
 * Owns:       struct scavenger_state.
 * Idea:       it works for a millisecond and sleeps for as long as gc/scavenge_pace.c says, until
 *             the heap keeps no more than its goals or there is nothing to give; then it sleeps
 *             until it is woken, at the end of a cycle or of sweeping. Chunks that were full at the
 *             last cycle's end are left for later; where no later cycle comes, a second is late
 *             enough.
 * Invariants:
 *   [scavenger.1] A wake-up MUST NOT be lost between a look for work and the sleep; otherwise
 *                 memory is kept until the next cycle, which may never come.
 *   [scavenger.2] The thread MUST NOT wake where there is nothing to give; otherwise an idle
 *                 process keeps a processor from its rest.
 * Locks:      SWEEP, not held while it works.
 * Callers:    cycle and sweep through port.h; workers.c.
 */
#include "runtime/scavenger.h"

#include "gc/assert.h"
#include "gc/give_back.h"
#include "gc/port.h"
#include "gc/scavenge_pace.h"
#include "gc/tuning.h"

void scavenger_init(struct scavenger_state *scavenger)
{
    condition_init(&scavenger->changed);
}

void scavenger_forget(struct scavenger_state *scavenger)
{
    condition_init(&scavenger->changed);
    scavenger->started = false;
    scavenger->wanted = false;
    scavenger->resting = false;
}

/* Sleep for ns, or until all shall stop, or there is news, if that counts. Returns how long it
 * was. */
static uint64_t sleep_for(struct process_heap *heap, uint64_t ns, bool until_news)
    LOCK_REQUIRES(heap->workers.sweep_lock)
{
    uint64_t begin = port_now_ns();
    uint64_t slept = 0;
    heap->scavenger.resting = !until_news;
    while (slept < ns && !heap->workers.sweep_stopping && !(until_news && heap->scavenger.wanted)) {
        condition_wait_for(&heap->scavenger.changed, &heap->workers.sweep_lock, ns - slept);
        slept = port_now_ns() - begin;
    }
    heap->scavenger.resting = false;
    return slept;
}

/* Give back for about a millisecond of processor time. Returns that time; *gave: there was
 * something. */
static uint64_t work(struct tri_heap *heap, bool *gave)
{
    uint64_t begin = port_thread_cpu_ns();
    uint64_t worked = 0;
    *gave = false;
    while (worked < SCAVENGE_WORK_NS && give_back_step(heap) > 0) {
        *gave = true;
        worked = port_thread_cpu_ns() - begin;
    }
    return worked;
}

static double processors_of(const struct tri_heap *heap)
{
    return port_processors(heap);
}

/* There was nothing to give, although the heap keeps too much. The next of many cycles would hardly
 * change that. Where none comes for a while, it is as if one had: look again if anything has come
 * free. */
static void ripen(struct process_heap *heap) LOCK_REQUIRES(heap->workers.sweep_lock)
{
    (void)sleep_for(heap, SCAVENGE_REST_NS, false);
    (void)sleep_for(heap, SCAVENGE_RIPE_NS, true);
    if (!heap->scavenger.wanted && !heap->workers.sweep_stopping) {
        heap->scavenger.wanted = page_heap_next_generation(&heap->heap.page_heap);
    }
}

static void *scavenger_thread(void *argument)
{
    struct process_heap *heap = argument;
    struct scavenger_state *scavenger = &heap->scavenger;
    struct scavenge_pace pace;
    scavenge_pace_init(&pace, processors_of(&heap->heap));
    lock_acquire(&heap->workers.sweep_lock);
    while (!heap->workers.sweep_stopping) {
        if (!scavenger->wanted) { /* [scavenger.1]: tested with the lock held */
            condition_wait(&scavenger->changed, &heap->workers.sweep_lock);
            continue;
        }
        scavenger->wanted = false;
        lock_release(&heap->workers.sweep_lock);
        bool gave;
        uint64_t worked = work(&heap->heap, &gave);
        bool excess = give_back_excess(&heap->heap) > 0;
        lock_acquire(&heap->workers.sweep_lock);
        if (gave) {
            uint64_t slept = sleep_for(heap, scavenge_pace_sleep(&pace, worked), false);
            (void)scavenge_pace_update(&pace, worked, slept, processors_of(&heap->heap));
            store_relaxed(&heap->scavenger.resets, pace.resets);
            scavenger->wanted = true;
        } else if (excess) { /* [scavenger.2] */
            ripen(heap);
        }
    }
    lock_release(&heap->workers.sweep_lock);
    return NULL;
}

void port_wake_scavenger(struct tri_heap *heap)
{
    struct process_heap *process = process_heap_of(heap);
    struct scavenger_state *scavenger = &process->scavenger;
    if (!heap->options.background_scavenge || heap->options.markers == 0 ||
        give_back_excess(heap) == 0) {
        return;
    }
    lock_acquire(&process->workers.sweep_lock);
    if (!scavenger->started && !process->workers.sweep_stopping) {
        /* Where the system refuses, the next cycle tries again. */
        scavenger->started =
            thread_start(&scavenger->thread, scavenger_thread, process, "trillium scav");
    }
    bool sleeps = !scavenger->wanted && !scavenger->resting;
    scavenger->wanted = true;
    if (sleeps) {
        condition_broadcast(&scavenger->changed);
    }
    lock_release(&process->workers.sweep_lock);
}

void scavenger_stop(struct process_heap *heap)
{
    struct scavenger_state *scavenger = &heap->scavenger;
    lock_acquire(&heap->workers.sweep_lock);
    TRI_ASSERT(heap->workers.sweep_stopping);
    condition_broadcast(&scavenger->changed);
    bool started = scavenger->started;
    lock_release(&heap->workers.sweep_lock);
    if (started) {
        (void)pthread_join(scavenger->thread, NULL);
    }
    condition_destroy(&scavenger->changed);
}
