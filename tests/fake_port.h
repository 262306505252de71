/* fake_port.h -- gc/port.h without a process: deterministic, strict, and failing on demand.
 *
 * Everything that a contract of gc/port.h forbids ends the program with a line on stderr: memory
 * released twice or not wholly, committed outside a reservation or twice, a mutex taken twice or
 * released by nobody. One thread only, but for what runs after fake_port_allow_threads.
 *
 * A test calls fake_port_reset first and fake_port_finish last; with Check, as the fixture of a
 * test case.
 */
#ifndef TESTS_FAKE_PORT_H
#define TESTS_FAKE_PORT_H

#include "gc/port.h"

/* Forget all, and set what the functions below change to its default: 4 KiB pages (or the
 * system's, where that is more), 16 GiB of memory, no limit of address space, 4 processors, time
 * 0, nothing fails. */
void fake_port_reset(void);

/* Dies unless every reservation was released, and every mutex and condition destroyed. */
void fake_port_finish(void);

/* From now on, until fake_port_reset, several threads of the test may call the port at a time: who
 * finds a mutex held waits for it, and port_yield lets another thread run. Everything declared in
 * this file is still for the test's first thread, and called while the others do not run. */
void fake_port_allow_threads(void);

/* ---- Memory ---------------------------------------------------------------------------------- */

/* A power of two, and a multiple of the real system's page. */
void fake_port_set_os_page_bytes(size_t bytes);
void fake_port_set_physical_memory(size_t bytes);

/* What port_address_space_limit says. */
void fake_port_set_address_space_limit(size_t bytes);

/* Reservations over this size fail, whatever the limit says. SIZE_MAX: none does. */
void fake_port_refuse_reservations_over(size_t bytes);

/* The next n calls of port_reserve, port_commit, port_uncommit, port_decommit and its lazy kind do
 * their work, and all later ones fail, until this is called again. FAKE_PORT_NEVER: none fails. */
#define FAKE_PORT_NEVER SIZE_MAX
void fake_port_fail_memory_after(size_t n);

/* As above, but only the one call after the n fails. */
void fake_port_fail_memory_once_after(size_t n);

/* Calls of those functions since fake_port_reset, failed ones too. */
size_t fake_port_memory_calls(void);

/* What is reserved and committed at the moment. */
size_t fake_port_reservations(void);
size_t fake_port_reserved_bytes(void);
size_t fake_port_committed_bytes(void);

/* Bytes given back by port_decommit and its lazy kind since fake_port_reset, by calls that did not
 * fail. What is given back lazily keeps its contents in every second page. */
size_t fake_port_decommitted_bytes(void);

/* Is all of [address, address + bytes) committed? */
bool fake_port_is_committed(const void *address, size_t bytes);

/* ---- Time and processors --------------------------------------------------------------------- */

/* Moves both clocks. Any thread. */
void fake_port_advance_ns(uint64_t ns);

/* What each look at a clock adds to it; 0 at first. */
void fake_port_set_tick_ns(uint64_t ns);
void fake_port_set_cpu_count(unsigned count);

/* What port_processors says, of whatever heap; 0 at first: as many as fake_port_set_cpu_count. */
void fake_port_set_processors(double processors);

/* ---- What others do: functions a test sets. NULL stands for the default ---------------------- */

struct fake_port_hooks {
    /* What happens while the caller sleeps; the mutex is free. Default: dies, nobody would wake. */
    void (*cond_wait)(port_cond *cond, port_mutex *mutex);
    void (*cond_broadcast)(port_cond *cond);
    void (*yield)(void);
    /* Default: moves the clock, and lets another thread run where there are threads. */
    void (*nap)(uint64_t ns);
    /* Default: function(argument, 0), and 1 is returned. */
    unsigned (*run_parallel)(struct tri_heap *heap, unsigned count,
                             void (*function)(void *argument, unsigned index), void *argument);
    void (*hurry_markers)(struct tri_heap *heap);
    /* Default: nothing happens, and true is returned. */
    bool (*raise_marker)(struct tri_heap *heap, unsigned index);
    void (*lower_marker)(struct tri_heap *heap, unsigned index);
    void (*pace_marker)(struct tri_heap *heap, unsigned index);
    void (*wake_sweeper)(struct tri_heap *heap);
    void (*wake_scavenger)(struct tri_heap *heap);
    void (*wake_finalizers)(struct tri_heap *heap);
    /* Before memory is given back, lazily or not; the caller holds no lock of the port's. */
    void (*decommit)(void *address, size_t bytes);
    /* Default: there is none to be had. */
    bool (*wake_collector)(struct tri_heap *heap);
    void (*watch_cycle)(struct tri_heap *heap);
    /* Default: no mutators, hence all have answered; no roots, nothing. To wait dies: nobody would
     * answer. */
    void (*handshake_begin)(struct tri_heap *heap, enum handshake_kind kind);
    bool (*handshake_is_done)(struct tri_heap *heap);
    void (*handshake_wait)(struct tri_heap *heap);
    void (*hold_begin)(struct tri_heap *heap);
    void (*hold_end)(struct tri_heap *heap);
    void (*each_mutator)(struct tri_heap *heap,
                         void (*function)(struct tri_mutator *mutator, void *argument),
                         void *argument);
    size_t (*scan_mutator)(struct tri_mutator *mutator, struct marker *marker);
    size_t (*scan_globals)(struct tri_heap *heap, struct marker *marker);
    void (*blocking_begin)(struct tri_mutator *mutator);
    void (*blocking_end)(struct tri_mutator *mutator);
    void (*safepoint)(struct tri_mutator *mutator);
    void (*cycle_ended)(struct tri_heap *heap);
};

/* To be written by the test; cleared by fake_port_reset. */
struct fake_port_hooks *fake_port_hooks(void);

/* ---- Words ----------------------------------------------------------------------------------- */

/* All lines logged since fake_port_reset, by whatever heap, each with a line end. */
const char *fake_port_log_text(void);
void fake_port_clear_log(void);

/* Call function(argument) and return the message that it died with through port_fatal; NULL where
 * it returned. What it held when it died stays held. The text is valid until the next call. */
const char *fake_port_death_of(void (*function)(void *argument), void *argument);

#endif
