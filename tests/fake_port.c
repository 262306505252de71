/* fake_port.c -- gc/port.h without a process. See fake_port.h. */
#include "tests/fake_port.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gc/atomic.h"
#include "gc/bits.h"

struct reservation {
    char *base;
    size_t bytes;
    uint64_t *committed; /* a bit for each page */
};

static struct {
    size_t os_page_bytes;
    size_t physical_memory;
    size_t address_space_limit;
    size_t refuse_over;

    struct reservation *reservations;
    size_t reservation_count;
    size_t reservation_room;
    size_t reserved_bytes;
    size_t committed_bytes;
    size_t decommitted_bytes;

    size_t memory_calls;
    size_t fail_from; /* the call with this number fails, ... */
    size_t fail_to;   /* ... and all before this one */

    uint64_t now_ns;
    uint64_t tick_ns;
    unsigned cpu_count;
    double processors;

    size_t live_mutexes; /* atomic */
    size_t live_conds;   /* atomic */
    bool threads;

    struct fake_port_hooks hooks;

    char *log;
    size_t log_bytes;

    bool fatal_expected;
    jmp_buf fatal_jump;
    char fatal_message[2048];
    pthread_t first_thread; /* whose death may be expected */
} port;

/* Guards reservations and their counters, and the log, where there are threads. */
static pthread_mutex_t memory_guard = PTHREAD_MUTEX_INITIALIZER;

static void guard(void)
{
    (void)pthread_mutex_lock(&memory_guard);
}

static void unguard(void)
{
    (void)pthread_mutex_unlock(&memory_guard);
}

/* The test, or the collector, broke a contract. */
TRI_NORETURN TRI_PRINTF(1, 2) static void broken(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fflush(stdout);
    (void)fprintf(stderr, "fake port: ");
    (void)vfprintf(stderr, format, arguments);
    (void)fprintf(stderr, "\n");
    va_end(arguments);
    abort();
}

static void *or_die(void *memory)
{
    if (memory == NULL) {
        broken("the test itself has no memory");
    }
    return memory;
}

/* ---- Life ------------------------------------------------------------------------------------ */

static void forget_reservation(struct reservation *reservation)
{
    (void)munmap(reservation->base, reservation->bytes);
    free(reservation->committed);
    *reservation = port.reservations[--port.reservation_count];
}

void fake_port_reset(void)
{
    while (port.reservation_count > 0) {
        forget_reservation(&port.reservations[0]);
    }
    free(port.reservations);
    free(port.log);
    memset(&port, 0, sizeof port);
    port.os_page_bytes = size_max(4 * KIB, (size_t)sysconf(_SC_PAGESIZE));
    port.physical_memory = 16 * GIB;
    port.address_space_limit = SIZE_MAX;
    port.refuse_over = SIZE_MAX;
    port.fail_from = FAKE_PORT_NEVER;
    port.fail_to = FAKE_PORT_NEVER;
    port.cpu_count = 4;
    port.first_thread = pthread_self();
}

void fake_port_allow_threads(void)
{
    port.threads = true;
}

void fake_port_finish(void)
{
    if (port.reservation_count > 0) {
        broken("%zu reservations leaked, the first of %zu bytes", port.reservation_count,
               port.reservations[0].bytes);
    }
    if (port.live_mutexes > 0 || port.live_conds > 0) {
        broken("%zu mutexes and %zu conditions leaked", port.live_mutexes, port.live_conds);
    }
    fake_port_reset();
}

/* ---- Memory ---------------------------------------------------------------------------------- */

void fake_port_set_os_page_bytes(size_t bytes)
{
    if (!is_power_of_two(bytes) || bytes % (size_t)sysconf(_SC_PAGESIZE) != 0) {
        broken("%zu is no multiple of this system's page", bytes);
    }
    port.os_page_bytes = bytes;
}

void fake_port_set_physical_memory(size_t bytes)
{
    port.physical_memory = bytes;
}

void fake_port_set_address_space_limit(size_t bytes)
{
    port.address_space_limit = bytes;
}

void fake_port_refuse_reservations_over(size_t bytes)
{
    port.refuse_over = bytes;
}

void fake_port_fail_memory_after(size_t n)
{
    port.fail_from = n == FAKE_PORT_NEVER ? n : port.memory_calls + n;
    port.fail_to = FAKE_PORT_NEVER;
}

void fake_port_fail_memory_once_after(size_t n)
{
    port.fail_from = port.memory_calls + n;
    port.fail_to = port.fail_from + 1;
}

size_t fake_port_memory_calls(void)
{
    return port.memory_calls;
}

size_t fake_port_reservations(void)
{
    return port.reservation_count;
}

size_t fake_port_reserved_bytes(void)
{
    return port.reserved_bytes;
}

size_t fake_port_committed_bytes(void)
{
    return port.committed_bytes;
}

size_t fake_port_decommitted_bytes(void)
{
    return port.decommitted_bytes;
}

/* Counts the call; is it to fail? */
static bool fails(void)
{
    size_t call = port.memory_calls++;
    return call >= port.fail_from && call < port.fail_to;
}

static struct reservation *find_reservation(const void *address)
{
    for (size_t i = 0; i < port.reservation_count; i++) {
        struct reservation *reservation = &port.reservations[i];
        if ((uintptr_t)address - (uintptr_t)reservation->base < reservation->bytes) {
            return reservation;
        }
    }
    return NULL;
}

/* The reservation that all of [address, address + bytes) lies in, and where; dies if there is
 * none, or if the range is no whole number of pages. */
static struct reservation *find_range(const char *function, const void *address, size_t bytes,
                                      size_t *first_page, size_t *pages)
{
    struct reservation *reservation = find_reservation(address);
    if (reservation == NULL) {
        broken("%s: %p is not reserved", function, address);
    }
    size_t offset = (size_t)((const char *)address - reservation->base);
    if (bytes == 0 || bytes > reservation->bytes - offset) {
        broken("%s: %zu bytes from %p on are not in one reservation", function, bytes, address);
    }
    if (offset % port.os_page_bytes != 0 || bytes % port.os_page_bytes != 0) {
        broken("%s: %p and %zu bytes are no whole pages", function, address, bytes);
    }
    *first_page = offset / port.os_page_bytes;
    *pages = bytes / port.os_page_bytes;
    return reservation;
}

bool fake_port_is_committed(const void *address, size_t bytes)
{
    struct reservation *reservation = find_reservation(address);
    if (reservation == NULL) {
        return false;
    }
    size_t offset = (size_t)((const char *)address - reservation->base);
    if (bytes == 0 || bytes > reservation->bytes - offset) {
        return false;
    }
    size_t limit = (offset + bytes - 1) / port.os_page_bytes + 1;
    return bitmap_find_clear(reservation->committed, offset / port.os_page_bytes, limit) == limit;
}

size_t port_os_page_bytes(void)
{
    return port.os_page_bytes;
}

size_t port_physical_memory(void)
{
    return port.physical_memory;
}

size_t port_address_space_limit(void)
{
    return port.address_space_limit;
}

/* Memory without access at a multiple of alignment. */
static char *map_aligned(size_t bytes, size_t alignment)
{
    size_t all = bytes + alignment;
    char *start = mmap(NULL, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED) {
        return NULL;
    }
    char *base = start + (align_up((uintptr_t)start, alignment) - (uintptr_t)start);
    size_t before = (size_t)(base - start);
    if (before > 0) {
        (void)munmap(start, before);
    }
    if (alignment > before) {
        (void)munmap(base + bytes, alignment - before);
    }
    return base;
}

static void *reserve_guarded(size_t bytes, size_t alignment, const char *name)
{
    if (bytes == 0 || bytes % port.os_page_bytes != 0 || !is_power_of_two(alignment)) {
        broken("port_reserve: %zu bytes at %zu for %s", bytes, alignment, name);
    }
    if (fails() || bytes > port.refuse_over) {
        return NULL;
    }
    char *base = map_aligned(bytes, size_max(alignment, port.os_page_bytes));
    if (base == NULL) {
        return NULL;
    }
    if (port.reservation_count == port.reservation_room) {
        port.reservation_room = port.reservation_room * 2 + 16;
        port.reservations =
            or_die(realloc(port.reservations, port.reservation_room * sizeof *port.reservations));
    }
    size_t words = bitmap_words(bytes / port.os_page_bytes);
    port.reservations[port.reservation_count++] =
        (struct reservation){base, bytes, or_die(calloc(words, sizeof(uint64_t)))};
    port.reserved_bytes += bytes;
    return base;
}

void *port_reserve(size_t bytes, size_t alignment, const char *name)
{
    guard();
    void *result = reserve_guarded(bytes, alignment, name);
    unguard();
    return result;
}

static bool commit_guarded(void *address, size_t bytes, const char *name)
{
    size_t first;
    size_t pages;
    struct reservation *reservation = find_range("port_commit", address, bytes, &first, &pages);
    if (name == NULL ||
        bitmap_find_set(reservation->committed, first, first + pages) != first + pages) {
        broken("port_commit: part of %p and %zu bytes is committed already", address, bytes);
    }
    if (fails()) {
        return false;
    }
    if (mprotect(address, bytes, PROT_READ | PROT_WRITE) != 0) {
        return false;
    }
    bitmap_set_range(reservation->committed, first, pages);
    port.committed_bytes += bytes;
    return true;
}

bool port_commit(void *address, size_t bytes, const char *name)
{
    guard();
    bool result = commit_guarded(address, bytes, name);
    unguard();
    return result;
}

/* step: every how many-th page is really given back. */
static bool decommit_guarded(void *address, size_t bytes, size_t step)
{
    size_t first;
    size_t pages;
    (void)find_range("port_decommit", address, bytes, &first, &pages);
    if (!fake_port_is_committed(address, bytes)) {
        broken("port_decommit: %p and %zu bytes are not all committed", address, bytes);
    }
    if (fails()) {
        return false;
    }
    port.decommitted_bytes += bytes;
    for (size_t i = 0; step > 1 && i < pages; i += step) {
        if (madvise((char *)address + i * port.os_page_bytes, port.os_page_bytes, MADV_DONTNEED) !=
            0) {
            return false;
        }
    }
    return step > 1 || madvise(address, bytes, MADV_DONTNEED) == 0;
}

static bool decommit(void *address, size_t bytes, size_t step)
{
    if (port.hooks.decommit != NULL) {
        port.hooks.decommit(address, bytes);
    }
    guard();
    bool result = decommit_guarded(address, bytes, step);
    unguard();
    return result;
}

bool port_decommit(void *address, size_t bytes)
{
    return decommit(address, bytes, 1);
}

bool port_decommit_lazily(void *address, size_t bytes)
{
    return decommit(address, bytes, 2);
}

static bool uncommit_guarded(void *address, size_t bytes)
{
    size_t first;
    size_t pages;
    struct reservation *reservation = find_range("port_uncommit", address, bytes, &first, &pages);
    if (!fake_port_is_committed(address, bytes)) {
        broken("port_uncommit: %p and %zu bytes are not all committed", address, bytes);
    }
    if (fails()) {
        return false;
    }
    bitmap_clear_range(reservation->committed, first, pages);
    port.committed_bytes -= bytes;
    return mmap(address, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
                -1, 0) == address;
}

bool port_uncommit(void *address, size_t bytes, const char *name)
{
    guard();
    if (name == NULL) {
        broken("port_uncommit: without a name");
    }
    bool result = uncommit_guarded(address, bytes);
    unguard();
    return result;
}

static void release_guarded(void *address, size_t bytes)
{
    struct reservation *reservation = find_reservation(address);
    if (reservation == NULL || reservation->base != address || reservation->bytes != bytes) {
        broken("port_release: %p and %zu bytes are no reservation", address, bytes);
    }
    size_t pages = bytes / port.os_page_bytes;
    port.committed_bytes -=
        bitmap_count_range(reservation->committed, 0, pages) * port.os_page_bytes;
    port.reserved_bytes -= bytes;
    forget_reservation(reservation);
}

void port_release(void *address, size_t bytes)
{
    guard();
    release_guarded(address, bytes);
    unguard();
}

/* ---- Time and processors --------------------------------------------------------------------- */

void fake_port_advance_ns(uint64_t ns)
{
    fetch_add_relaxed(&port.now_ns, ns);
}

void fake_port_set_tick_ns(uint64_t ns)
{
    port.tick_ns = ns;
}

void fake_port_set_cpu_count(unsigned count)
{
    port.cpu_count = count;
}

void fake_port_set_processors(double processors)
{
    port.processors = processors;
}

uint64_t port_now_ns(void)
{
    return fetch_add_relaxed(&port.now_ns, port.tick_ns) + port.tick_ns;
}

uint64_t port_thread_cpu_ns(void)
{
    return port_now_ns();
}

uint64_t port_process_cpu_ns(void)
{
    return port_now_ns();
}

unsigned port_cpu_count(void)
{
    return port.cpu_count;
}

double port_processors(const struct tri_heap *heap)
{
    (void)heap;
    return port.processors > 0.0 ? port.processors : port.cpu_count;
}

void port_yield(void)
{
    if (port.hooks.yield != NULL) {
        port.hooks.yield();
    } else if (port.threads) {
        (void)sched_yield();
    }
}

void port_nap(uint64_t ns)
{
    if (port.hooks.nap != NULL) {
        port.hooks.nap(ns);
        return;
    }
    fake_port_advance_ns(ns);
    if (port.threads) {
        (void)sched_yield();
    }
}

/* ---- Mutual exclusion ------------------------------------------------------------------------ */

#define MUTEX_SIGNATURE UINT64_C(0x786574756d656b61)
#define COND_SIGNATURE  UINT64_C(0x646e6f63656b6166)

struct fake_mutex {
    uint64_t signature;
    uint64_t held;
};

_Static_assert(sizeof(struct fake_mutex) <= sizeof(port_mutex), "fits");

static struct fake_mutex *mutex_of(const char *function, port_mutex *mutex)
{
    struct fake_mutex *fake = (struct fake_mutex *)(void *)mutex->storage;
    if (fake->signature != MUTEX_SIGNATURE) {
        broken("%s: no mutex, or destroyed", function);
    }
    return fake;
}

void port_mutex_init(port_mutex *mutex)
{
    *(struct fake_mutex *)(void *)mutex->storage = (struct fake_mutex){MUTEX_SIGNATURE, 0};
    fetch_add_relaxed(&port.live_mutexes, (size_t)1);
}

void port_mutex_destroy(port_mutex *mutex)
{
    struct fake_mutex *fake = mutex_of("port_mutex_destroy", mutex);
    if (fake->held) {
        broken("port_mutex_destroy: it is held");
    }
    fake->signature = 0;
    fetch_sub_relaxed(&port.live_mutexes, (size_t)1);
}

void port_mutex_lock(port_mutex *mutex)
{
    while (!port_mutex_try_lock(mutex)) {
        if (!port.threads) {
            broken("port_mutex_lock: it is held, and there is nobody to release it");
        }
        (void)sched_yield();
    }
}

bool port_mutex_try_lock(port_mutex *mutex)
{
    struct fake_mutex *fake = mutex_of("port_mutex_try_lock", mutex);
    uint64_t unheld = 0;
    /* acquire half: pairs with the release in port_mutex_unlock */
    return cas_acq_rel(&fake->held, &unheld, UINT64_C(1));
}

void port_mutex_unlock(port_mutex *mutex)
{
    struct fake_mutex *fake = mutex_of("port_mutex_unlock", mutex);
    if (!load_relaxed(&fake->held)) {
        broken("port_mutex_unlock: it is not held");
    }
    /* release: pairs with the acquire half in port_mutex_try_lock */
    store_release(&fake->held, UINT64_C(0));
}

static void check_cond(const char *function, port_cond *cond)
{
    if (*(uint64_t *)(void *)cond->storage != COND_SIGNATURE) {
        broken("%s: no condition, or destroyed", function);
    }
}

void port_cond_init(port_cond *cond)
{
    *(uint64_t *)(void *)cond->storage = COND_SIGNATURE;
    fetch_add_relaxed(&port.live_conds, (size_t)1);
}

void port_cond_destroy(port_cond *cond)
{
    check_cond("port_cond_destroy", cond);
    *(uint64_t *)(void *)cond->storage = 0;
    fetch_sub_relaxed(&port.live_conds, (size_t)1);
}

void port_cond_wait(port_cond *cond, port_mutex *mutex)
{
    check_cond("port_cond_wait", cond);
    port_mutex_unlock(mutex);
    if (port.hooks.cond_wait != NULL) {
        port.hooks.cond_wait(cond, mutex);
    } else if (port.threads) {
        (void)sched_yield(); /* wakes without cause */
    } else {
        broken("port_cond_wait: nobody would wake the caller");
    }
    port_mutex_lock(mutex);
}

void port_cond_wait_for(port_cond *cond, port_mutex *mutex, uint64_t ns)
{
    check_cond("port_cond_wait_for", cond);
    port_mutex_unlock(mutex);
    port_nap(ns);
    port_mutex_lock(mutex);
}

void port_cond_broadcast(port_cond *cond)
{
    check_cond("port_cond_broadcast", cond);
    if (port.hooks.cond_broadcast != NULL) {
        port.hooks.cond_broadcast(cond);
    }
}

/* ---- Threads, mutators, roots ---------------------------------------------------------------- */

struct fake_port_hooks *fake_port_hooks(void)
{
    return &port.hooks;
}

uintptr_t port_thread_id(void)
{
    return (uintptr_t)pthread_self();
}

unsigned port_run_parallel(struct tri_heap *heap, unsigned count,
                           void (*function)(void *argument, unsigned index), void *argument)
{
    if (count == 0) {
        broken("port_run_parallel: for nobody");
    }
    if (port.hooks.run_parallel != NULL) {
        return port.hooks.run_parallel(heap, count, function, argument);
    }
    function(argument, 0);
    return 1;
}

void port_hurry_markers(struct tri_heap *heap)
{
    if (port.hooks.hurry_markers != NULL) {
        port.hooks.hurry_markers(heap);
    }
}

bool port_raise_marker(struct tri_heap *heap, unsigned index)
{
    return port.hooks.raise_marker == NULL || port.hooks.raise_marker(heap, index);
}

void port_lower_marker(struct tri_heap *heap, unsigned index)
{
    if (port.hooks.lower_marker != NULL) {
        port.hooks.lower_marker(heap, index);
    }
}

void port_pace_marker(struct tri_heap *heap, unsigned index)
{
    if (port.hooks.pace_marker != NULL) {
        port.hooks.pace_marker(heap, index);
    }
}

void port_wake_finalizers(struct tri_heap *heap)
{
    if (port.hooks.wake_finalizers != NULL) {
        port.hooks.wake_finalizers(heap);
    }
}

void port_wake_scavenger(struct tri_heap *heap)
{
    if (port.hooks.wake_scavenger != NULL) {
        port.hooks.wake_scavenger(heap);
    }
}

void port_wake_sweeper(struct tri_heap *heap)
{
    if (port.hooks.wake_sweeper != NULL) {
        port.hooks.wake_sweeper(heap);
    }
}

bool port_wake_collector(struct tri_heap *heap)
{
    return port.hooks.wake_collector != NULL && port.hooks.wake_collector(heap);
}

void port_watch_cycle(struct tri_heap *heap)
{
    if (port.hooks.watch_cycle != NULL) {
        port.hooks.watch_cycle(heap);
    }
}

void port_handshake_begin(struct tri_heap *heap, enum handshake_kind kind)
{
    if (port.hooks.handshake_begin != NULL) {
        port.hooks.handshake_begin(heap, kind);
    }
}

bool port_handshake_is_done(struct tri_heap *heap)
{
    return port.hooks.handshake_is_done == NULL || port.hooks.handshake_is_done(heap);
}

void port_handshake_wait(struct tri_heap *heap)
{
    if (port.hooks.handshake_wait == NULL) {
        broken("port_handshake_wait: nobody would answer");
    }
    port.hooks.handshake_wait(heap);
}

void port_hold_begin(struct tri_heap *heap)
{
    if (port.hooks.hold_begin != NULL) {
        port.hooks.hold_begin(heap);
    }
}

void port_hold_end(struct tri_heap *heap)
{
    if (port.hooks.hold_end != NULL) {
        port.hooks.hold_end(heap);
    }
}

void port_each_mutator(struct tri_heap *heap,
                       void (*function)(struct tri_mutator *mutator, void *argument),
                       void *argument)
{
    if (port.hooks.each_mutator != NULL) {
        port.hooks.each_mutator(heap, function, argument);
    }
}

size_t port_scan_mutator(struct tri_mutator *mutator, struct marker *marker)
{
    return port.hooks.scan_mutator == NULL ? 0 : port.hooks.scan_mutator(mutator, marker);
}

size_t port_scan_globals(struct tri_heap *heap, struct marker *marker)
{
    return port.hooks.scan_globals == NULL ? 0 : port.hooks.scan_globals(heap, marker);
}

void port_blocking_begin(struct tri_mutator *mutator)
{
    if (port.hooks.blocking_begin != NULL) {
        port.hooks.blocking_begin(mutator);
    }
}

void port_blocking_end(struct tri_mutator *mutator)
{
    if (port.hooks.blocking_end != NULL) {
        port.hooks.blocking_end(mutator);
    }
}

void port_safepoint(struct tri_mutator *mutator)
{
    if (port.hooks.safepoint != NULL) {
        port.hooks.safepoint(mutator);
    }
}

void port_pacer_begun(struct tri_heap *heap, const struct pacer_begin_figures *figures)
{
    (void)figures;
    port_log(heap, "pacer begun");
}

void port_pacer_ended(struct tri_heap *heap, const struct pacer_end_figures *figures)
{
    (void)figures;
    port_log(heap, "pacer ended");
}

void port_pacer_swept(struct tri_heap *heap, const struct pacer_sweep_figures *figures)
{
    (void)figures;
    port_log(heap, "pacer swept");
}

void port_gave_back(struct tri_heap *heap, const struct scavenge_figures *figures)
{
    (void)figures;
    port_log(heap, "gave back");
}

void port_cycle_ended(struct tri_heap *heap)
{
    if (port.hooks.cycle_ended != NULL) {
        port.hooks.cycle_ended(heap);
    }
}

/* ---- Words ----------------------------------------------------------------------------------- */

void port_log(struct tri_heap *heap, const char *line)
{
    (void)heap;
    size_t bytes = strlen(line);
    guard();
    port.log = or_die(realloc(port.log, port.log_bytes + bytes + 2));
    memcpy(port.log + port.log_bytes, line, bytes);
    memcpy(port.log + port.log_bytes + bytes, "\n", 2);
    port.log_bytes += bytes + 1;
    unguard();
}

const char *fake_port_log_text(void)
{
    return port.log == NULL ? "" : port.log;
}

void fake_port_clear_log(void)
{
    free(port.log);
    port.log = NULL;
    port.log_bytes = 0;
}

const char *fake_port_death_of(void (*function)(void *argument), void *argument)
{
    port.fatal_expected = true;
    if (setjmp(port.fatal_jump) != 0) {
        return port.fatal_message;
    }
    function(argument);
    port.fatal_expected = false;
    return NULL;
}

void port_fatal(const char *message)
{
    if (!port.fatal_expected || !pthread_equal(port.first_thread, pthread_self())) {
        broken("fatal: %s", message);
    }
    port.fatal_expected = false;
    (void)snprintf(port.fatal_message, sizeof port.fatal_message, "%s", message);
    longjmp(port.fatal_jump, 1);
}
