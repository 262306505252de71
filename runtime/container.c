/* container.c -- what the container allows this heap, and following it.
 *
 * Owns:       struct container_state; tri_heap_options.memory_limit where it follows the
 *             container's limit (cycle_follow_memory_limit says whether it does).
 * Idea:       limits and quotas may change while the process runs, and nothing tells. So they are
 *             read again at the end of a cycle, and now and then by the collector's thread where
 *             nothing else happens; everybody else goes by what was read last.
 * Invariants:
 *   [container.1] Where the heap has a thread of its own, an allocation MUST NOT read again;
 *                 otherwise it stalls for some hundred microseconds that the thread has to spare.
 *   [container.2] A heap that follows no limit MUST NOT wake its thread for the container's sake;
 *                 otherwise an idle process keeps its processor from sleeping.
 * Locks:      CONTAINER while reading, under it GOAL.
 * Callers:    creation and destruction of heaps; the collector's thread; tri_collect; the end of a
 *             cycle; gc/ through port.h.
 */
#include "runtime/container.h"

#include "gc/cycle.h"
#include "gc/port.h"
#include "runtime/cgroup_linux.h"

/* A double cannot be read and written in one piece by the names of atomic.h. */
#define THOUSANDTHS 1000

/* The affinity mask and the quota, whichever allows less. */
static double allowed_processors(const struct cgroup_limits *limits)
{
    double processors = port_cpu_count();
    return limits->processors > 0.0 && limits->processors < processors ? limits->processors
                                                                       : processors;
}

/* CONTAINER held. */
static bool read_again(struct process_heap *heap)
{
    struct container_state *container = &heap->container;
    store_relaxed(&container->read_ns, port_now_ns());
    struct cgroup_limits limits = cgroup_read(container->root);
    double processors = allowed_processors(&limits);
    store_relaxed(&container->processors_thousandths, (uint32_t)(processors * THOUSANDTHS + 0.5));
    int64_t bytes = limits.memory_bytes == CGROUP_NO_LIMIT ? TRI_MEMORY_LIMIT_OFF
                                                           : (int64_t)limits.memory_bytes;
    return cycle_follow_memory_limit(&heap->heap, bytes);
}

void container_init(struct process_heap *heap)
{
    struct container_state *container = &heap->container;
    lock_init(&container->lock, LOCK_CONTAINER);
    container->root = "";
    lock_acquire(&container->lock);
    (void)read_again(heap);
    lock_release(&container->lock);
}

void container_destroy(struct process_heap *heap)
{
    lock_destroy(&heap->container.lock);
}

bool container_refresh(struct process_heap *heap)
{
    struct container_state *container = &heap->container;
    bool changed = false;
    if (port_now_ns() >= load_relaxed(&container->read_ns) + CONTAINER_READ_NS &&
        lock_try_acquire(&container->lock)) {
        changed = read_again(heap);
        lock_release(&container->lock);
    }
    return changed;
}

void container_cycle_ended(struct process_heap *heap)
{
    if (load_relaxed(&heap->workers.collector_started) == 0) { /* [container.1] */
        (void)container_refresh(heap);
    }
}

uint64_t container_due_ns(const struct process_heap *heap)
{
    if (load_relaxed(&heap->heap.options.memory_limit_percent) == 0) {
        return UINT64_MAX; /* [container.2] */
    }
    return load_relaxed(&heap->container.read_ns) + CONTAINER_FOLLOW_NS;
}

double port_processors(const struct tri_heap *heap)
{
    if (heap == NULL) {
        struct cgroup_limits limits = cgroup_read("");
        return allowed_processors(&limits);
    }
    if (heap->options.processors > 0.0) {
        return heap->options.processors;
    }
    const struct container_state *container = &process_heap_of(heap)->container;
    uint32_t thousandths = load_relaxed(&container->processors_thousandths);
    /* Nothing has been read while the heap is being made. */
    return thousandths == 0 ? (double)port_cpu_count() : (double)thousandths / THOUSANDTHS;
}
