/* port.h -- what the collector asks of the process it lives in.
 *
 * The edge that would run upward is turned round here: gc/ declares these primitives, runtime/
 * implements them for a real process, tests/fake_port.c implements them deterministically and can
 * make each of them fail. gc/ calls nothing else.
 *
 * For all functions: sizes are in bytes, times in nanoseconds; pointer arguments are not NULL
 * unless said; a false or NULL result is a failure that the caller must handle; nothing here is
 * called with PAGES held except the memory functions.
 */
#ifndef GC_PORT_H
#define GC_PORT_H

#include "gc/base.h"

/* ---- Memory. Addresses and sizes are multiples of port_os_page_bytes(). ---------------------- */

/* The granule of the functions below: 4 KiB to 64 KiB. */
size_t port_os_page_bytes(void);

/* Bytes of physical memory of the machine. */
size_t port_physical_memory(void);

/* Bytes of address space that this process can expect to reserve in one piece (resource limits,
 * sanitizers); SIZE_MAX if nothing restricts it. */
size_t port_address_space_limit(void);

/* Reserve address space that costs no memory and cannot be accessed; aligned to alignment, a power
 * of two. NULL if there is no such range. Name appears in the process's map where the system
 * supports that. */
void *port_reserve(size_t bytes, size_t alignment, const char *name);

/* Make a part of a reservation readable and writable. It reads as zero. False where the system
 * refuses. */
bool port_commit(void *address, size_t bytes, const char *name);

/* Give the memory behind a committed part back. It stays accessible and reads as zero afterwards.
 * False if unsupported, then the contents are unspecified. */
bool port_decommit(void *address, size_t bytes);

/* Let the system take the memory behind a committed part when it needs some. It stays accessible;
 * until it is written it reads as it was or as zero, at any moment. False as above. */
bool port_decommit_lazily(void *address, size_t bytes);

/* Undo port_commit: the part is reserved only, as it was. False where the system refuses: nothing
 * has changed. */
bool port_uncommit(void *address, size_t bytes, const char *name);

/* End a reservation, all of it, committed or not. */
void port_release(void *address, size_t bytes);

/* ---- Time and processors --------------------------------------------------------------------- */

/* Monotonic clock. */
uint64_t port_now_ns(void);

/* Processor time used by the calling thread. */
uint64_t port_thread_cpu_ns(void);

/* Processor time used by all threads of the process. */
uint64_t port_process_cpu_ns(void);

struct tri_heap;

/* Processors that this process may run on by its affinity mask, at least 1. */
unsigned port_cpu_count(void);

/* Processors that the heap may use, such as 0.5 or 4, at least PROCESSORS_LEAST: what its options
 * say, else the smaller of the affinity mask and the container's quota as they were when last read,
 * so that this costs no system call. heap may be NULL: as they are now. */
double port_processors(const struct tri_heap *heap);

/* Threads that port_processors(heap) are enough for: rounded up. */
static inline unsigned port_processor_threads(const struct tri_heap *heap)
{
    double processors = port_processors(heap);
    unsigned whole = (unsigned)processors;
    return (double)whole < processors ? whole + 1 : whole;
}

/* Let another thread run. */
void port_yield(void);

/* Sleep for about so long. */
void port_nap(uint64_t ns);

/* ---- Mutual exclusion. gc/lock.h wraps this in a rank; use that. ----------------------------- */

#define PORT_MUTEX_BYTES 64
#define PORT_COND_BYTES  64

typedef struct port_mutex {
    _Alignas(8) unsigned char storage[PORT_MUTEX_BYTES];
} port_mutex;

typedef struct port_cond {
    _Alignas(8) unsigned char storage[PORT_COND_BYTES];
} port_cond;

void port_mutex_init(port_mutex *mutex);
void port_mutex_destroy(port_mutex *mutex);
void port_mutex_lock(port_mutex *mutex);
bool port_mutex_try_lock(port_mutex *mutex);
void port_mutex_unlock(port_mutex *mutex);

void port_cond_init(port_cond *cond);
void port_cond_destroy(port_cond *cond);
/* May wake without cause; the caller holds mutex and tests its condition again. */
void port_cond_wait(port_cond *cond, port_mutex *mutex);
/* The same, but not for much longer than ns. */
void port_cond_wait_for(port_cond *cond, port_mutex *mutex, uint64_t ns);
void port_cond_broadcast(port_cond *cond);

/* ---- Threads --------------------------------------------------------------------------------- */

/* A number for the calling thread, unique among those alive, never 0. */
uintptr_t port_thread_id(void);

struct tri_mutator;
struct marker;

/* Call function(argument, i) for i in 0 ... count-1 at the same time as far as threads are to be
 * had: 0 on the calling thread, the others on threads of the heap's own, which run on processors
 * that would idle unless port_hurry_markers was called. Returns how many were called, at least 1,
 * once the call with 0 and all others that were begun have returned. The function must not rely on
 * being called count times. */
unsigned port_run_parallel(struct tri_heap *heap, unsigned count,
                           void (*function)(void *argument, unsigned index), void *argument);

/* Let the calls of port_run_parallel, those under way and those of the next one, have processors
 * like any other thread. */
void port_hurry_markers(struct tri_heap *heap);

/* The caller, which marks as number index inside port_run_parallel, is about to take a lock that
 * mutators take as well: let it have a processor like any other thread, until port_lower_marker.
 * False where the system refuses: then it must not take the lock. */
bool port_raise_marker(struct tri_heap *heap, unsigned index);
void port_lower_marker(struct tri_heap *heap, unsigned index);

/* Marker index has worked a little while since the last call: let others have the processor as far
 * as that is due to them. */
void port_pace_marker(struct tri_heap *heap, unsigned index);

/* There are spans to sweep: let the heap's background sweeper, if it has one, call sweep_some until
 * none is left. */
void port_wake_sweeper(struct tri_heap *heap);

/* Pages came free, or a cycle has ended: let the heap's scavenging thread, if it has one, give back
 * what is too much, if there is any. */
void port_wake_scavenger(struct tri_heap *heap);

/* There are finalizers or cleanups to be run: let the heap's thread for that, if it has one, run
 * them. */
void port_wake_finalizers(struct tri_heap *heap);

/* A cycle is due: let a thread of the heap's own call cycle_collect. False where there is none to
 * be had. */
bool port_wake_collector(struct tri_heap *heap);

/* A cycle has begun that mutators take on at their slow paths: let a thread of the heap's own look
 * now and then whether they do, and call cycle_collect where they do not. CYCLE held. */
void port_watch_cycle(struct tri_heap *heap);

/* ---- Handshakes: implemented by runtime/handshake.c ------------------------------------------ */

/* What is asked of every mutator. The kinds in the order of a cycle; see gc/answer.c. */
enum handshake_kind {
    HANDSHAKE_NONE = 0,
    HANDSHAKE_ARM,
    HANDSHAKE_SETTLE,
    HANDSHAKE_ROOTS,
    HANDSHAKE_FLUSH,
    HANDSHAKE_DISARM,
    HANDSHAKE_RELEASE,
};

/* Ask every attached mutator to call answer_handshake with kind once, at its own safepoint. The
 * last one has been answered by all. A mutator that attaches from now on is told of kind by
 * answer_attach, and counts as having answered. CYCLE held. */
void port_handshake_begin(struct tri_heap *heap, enum handshake_kind kind);

/* Answer for the mutators that are blocked, on the calling thread, whose own mutator, if it has
 * one, is blocked as well. True where all have answered. What a mutator wrote before its answer is
 * then seen by the caller. CYCLE held. */
bool port_handshake_is_done(struct tri_heap *heap);

/* Sleep until port_handshake_is_done may find more than it did. No lock held. */
void port_handshake_wait(struct tri_heap *heap);

/* ---- Mutators and roots: implemented by runtime/handshake.c and runtime/roots.c -------------- */

/* Bring every mutator of the heap to a safepoint and keep it there until port_hold_end; a mutator
 * that is blocked stays so. The caller is blocked or no mutator at all, and holds CYCLE. A
 * handshake may be under way, which some then answer later. Attaching waits as well. For debugging,
 * and for fork(). */
void port_hold_begin(struct tri_heap *heap);
void port_hold_end(struct tri_heap *heap);

/* Call function for each attached mutator, during a hold. */
void port_each_mutator(struct tri_heap *heap,
                       void (*function)(struct tri_mutator *mutator, void *argument),
                       void *argument);

/* Report the mutator's own roots to marker, which yields the bytes looked at. By the mutator's
 * thread at a safepoint, or by whoever acts for it. */
size_t port_scan_mutator(struct tri_mutator *mutator, struct marker *marker);

/* Report the roots that belong to no mutator: global slots, handles, parked stacks. Mutators are
 * running; what they change meanwhile passes the barrier. Yields the bytes looked at. */
size_t port_scan_globals(struct tri_heap *heap, struct marker *marker);

/* The calling mutator does not touch the heap until the end: the collector may act for it. They do
 * not nest. */
void port_blocking_begin(struct tri_mutator *mutator);
void port_blocking_end(struct tri_mutator *mutator);

/* Answer the collector if it asked. */
void port_safepoint(struct tri_mutator *mutator);

/* A cycle has ended: its figures are in heap->cycle.last. For the log. */
void port_cycle_ended(struct tri_heap *heap);

struct pacer_begin_figures;
struct pacer_end_figures;
struct pacer_sweep_figures;
struct scavenge_figures;

/* A cycle begins to mark, has marked; what it has freed is swept. For the log, where
 * options.pacer_trace asks for it; any lock may be held. */
void port_pacer_begun(struct tri_heap *heap, const struct pacer_begin_figures *figures);
void port_pacer_ended(struct tri_heap *heap, const struct pacer_end_figures *figures);
void port_pacer_swept(struct tri_heap *heap, const struct pacer_sweep_figures *figures);

/* Memory was given back, or might have been. For the log, where options.scavenge_trace asks for
 * it. */
void port_gave_back(struct tri_heap *heap, const struct scavenge_figures *figures);

/* ---- Words to people ------------------------------------------------------------------------- */

/* One line without a line end, to where the heap's log goes. */
void port_log(struct tri_heap *heap, const char *line);

/* Says message and ends the process. */
TRI_NORETURN void port_fatal(const char *message);

#endif
