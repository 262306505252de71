/* memory_test.c -- what happens when the system gives no memory and no threads: the n-th call of
 * mmap, mprotect, madvise or pthread_create fails, for every n; little address space; limits of a
 * heap.
 *
 * The linker puts the functions below before the system's: --wrap in meson.build.
 */
#include <errno.h>
#include <sys/mman.h>
#include <trillium/debug.h>

#include "tests/scenario/child.h"

/* ---- Faults ---------------------------------------------------------------------------------- */

/* Of the whole process, since the wrapped functions know no more. */
static struct {
    atomic_uint calls;   /* that could have failed */
    atomic_uint failed;  /* of them, that did */
    unsigned first;      /* number of the first one that fails, from 1; 0: none */
    bool all;            /* and all after it; else only that one */
    bool no_threads;     /* no thread can be started */
    atomic_llong mapped; /* bytes mapped and not unmapped */
} system_calls;

static void faults_begin(unsigned first, bool all)
{
    atomic_store(&system_calls.calls, 0);
    atomic_store(&system_calls.failed, 0);
    system_calls.first = first;
    system_calls.all = all;
}

static unsigned faults_end(void)
{
    system_calls.first = 0;
    return atomic_load(&system_calls.failed);
}

static bool fails(void)
{
    unsigned number = atomic_fetch_add(&system_calls.calls, 1) + 1;
    unsigned first = system_calls.first;
    bool failing = first != 0 && (system_calls.all ? number >= first : number == first);
    atomic_fetch_add(&system_calls.failed, failing);
    return failing;
}

/* mmap64 is what mmap is called where file offsets are asked to be of 64 bits. */
void *__real_mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset);
void *__real_mmap64(void *address, size_t bytes, int protection, int flags, int file, off_t offset);
int __real_munmap(void *address, size_t bytes);
int __real_mprotect(void *address, size_t bytes, int protection);
int __real_madvise(void *address, size_t bytes, int advice);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*function)(void *), void *argument);

void *__wrap_mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset);
void *__wrap_mmap64(void *address, size_t bytes, int protection, int flags, int file, off_t offset);
int __wrap_munmap(void *address, size_t bytes);
int __wrap_mprotect(void *address, size_t bytes, int protection);
int __wrap_madvise(void *address, size_t bytes, int advice);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*function)(void *), void *argument);

/* What is mapped in place of something else, and what it replaces, are the same bytes. */
static void *count_mapped(void *mapping, size_t bytes, int flags)
{
    if (mapping != MAP_FAILED && !(flags & MAP_FIXED)) {
        atomic_fetch_add(&system_calls.mapped, (long long)bytes);
    }
    return mapping;
}

void *__wrap_mmap(void *address, size_t bytes, int protection, int flags, int file, off_t offset)
{
    if (fails()) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return count_mapped(__real_mmap(address, bytes, protection, flags, file, offset), bytes, flags);
}

void *__wrap_mmap64(void *address, size_t bytes, int protection, int flags, int file, off_t offset)
{
    if (fails()) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return count_mapped(__real_mmap64(address, bytes, protection, flags, file, offset), bytes,
                        flags);
}

int __wrap_munmap(void *address, size_t bytes)
{
    int result = __real_munmap(address, bytes);
    if (result == 0) {
        atomic_fetch_sub(&system_calls.mapped, (long long)bytes);
    }
    return result;
}

int __wrap_mprotect(void *address, size_t bytes, int protection)
{
    if (fails()) {
        errno = ENOMEM;
        return -1;
    }
    return __real_mprotect(address, bytes, protection);
}

int __wrap_madvise(void *address, size_t bytes, int advice)
{
    if (fails()) {
        errno = EINVAL;
        return -1;
    }
    return __real_madvise(address, bytes, advice);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*function)(void *), void *argument)
{
    if (system_calls.no_threads) {
        atomic_fetch_add(&system_calls.failed, 1);
        return EAGAIN;
    }
    return fails() ? EAGAIN : __real_pthread_create(thread, attributes, function, argument);
}

/* ---- A host that takes no for an answer ------------------------------------------------------ */

struct thrifty {
    struct log_lines lines;
    tri_heap *heap;
    tri_mutator *mutator;
    tri_type *link;
    tri_type *bytes;
    tri_type *word;
    uint64_t exhausted; /* calls of the handler */
};

static tri_oom_action let_it_fail(tri_heap *heap, const tri_oom_info *info, void *argument)
{
    (void)heap;
    MUST(info->requested > 0);
    ((struct thrifty *)argument)->exhausted++;
    return TRI_OOM_FAIL;
}

/* Either there is a type or there is no memory. */
static tri_type *try_type(const struct thrifty *thrifty, const tri_type_desc *desc)
{
    tri_type *type = NULL;
    tri_result result = tri_type_define(thrifty->heap, desc, &type);
    MUST(result == TRI_OK ? type != NULL : result == TRI_E_NOMEM && type == NULL);
    MUST(result == TRI_OK || strstr(thrifty->lines.last, "no memory") != NULL);
    return type;
}

static bool define_types(struct thrifty *thrifty)
{
    tri_type_desc link = TRI_TYPE_DESC("link", struct link);
    tri_type_desc bytes = TRI_TYPE_DESC("bytes", char);
    tri_type_desc word = TRI_TYPE_DESC("word", void *);
    link.layout = TRI_LAYOUT_OF(link_fields);
    word.layout = TRI_LAYOUT(TRI_LAYOUT_ALL_WORDS);
    thrifty->link = try_type(thrifty, &link);
    thrifty->bytes = try_type(thrifty, &bytes);
    thrifty->word = try_type(thrifty, &word);
    return thrifty->link != NULL && thrifty->bytes != NULL && thrifty->word != NULL;
}

/* An array of count lists of two links, as many of them as there is memory for. Their first links
 * are all grey at a time when the array is marked: more than the first part of a mark stack holds,
 * and whoever forgets one loses its second link. */
static uint64_t fill_wide(const struct thrifty *thrifty, void **array, uint64_t count)
{
    tri_mutator *mutator = thrifty->mutator;
    for (uint64_t i = 0; i < count; i++) {
        struct link *second = tri_try_alloc(mutator, thrifty->link);
        if (second == NULL) {
            return i;
        }
        tri_store_ref(mutator, &array[i], second); /* holds it meanwhile */
        struct link *first = tri_alloc(mutator, thrifty->link);
        if (first == NULL) {
            tri_store_ref(mutator, &array[i], NULL);
            return i;
        }
        first->number = 1;
        tri_init_ref(mutator, &first->next, second);
        tri_store_ref(mutator, &array[i], first);
    }
    return count;
}

static void check_wide(void **array, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        MUST(list_is_intact(array[i], 2));
    }
}

/* Handles to objects of many bytes, as many as there is memory for. */
static uint64_t hold_blocks(const struct thrifty *thrifty, tri_handle **handles, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        char *block = tri_try_alloc_array(thrifty->mutator, thrifty->bytes, 20000 + i * 500);
        if (block == NULL) {
            return i;
        }
        block[19999] = (char)i;
        tri_result result = tri_handle_create(thrifty->mutator, block, &handles[i]);
        if (result != TRI_OK) {
            MUST(result == TRI_E_NOMEM);
            return i;
        }
    }
    return count;
}

#define WIDE    20000
#define BLOCKS  100
#define GLOBALS 1000

/* Everything that asks the system for something. What could be had must be there at the end.
 * Returns whether all of it could be had. */
static bool use_mutator(struct thrifty *thrifty)
{
    static tri_word globals[GLOBALS];
    tri_handle *handles[BLOCKS];
    unsigned added = 0;
    while (added < GLOBALS && tri_global_add(thrifty->heap, &globals[added], 1) == TRI_OK) {
        added++;
    }
    uint64_t blocks = hold_blocks(thrifty, handles, BLOCKS);
    bool complete = added == GLOBALS && blocks == BLOCKS;
    {
        TRI_FRAME(thrifty->mutator, 1);
        TRI_LOCAL(0) = tri_try_alloc_array(thrifty->mutator, thrifty->word, WIDE);
        uint64_t arrays = TRI_LOCAL(0) != TRI_NULL;
        uint64_t wide = arrays == 0 ? 0 : fill_wide(thrifty, TRI_LOCAL(0), WIDE);
        complete = complete && wide == WIDE;
        for (int i = 0; i < 2; i++) {
            MUST(collect_and_count(thrifty->mutator) == arrays + wide * 2 + blocks);
            check_wide(TRI_LOCAL(0), wide);
        }
    }
    for (uint64_t i = 0; i < blocks; i++) {
        MUST(((char *)tri_handle_get(handles[i]))[19999] == (char)i);
        tri_handle_destroy(thrifty->mutator, handles[i]);
    }
    tri_release_memory(thrifty->mutator);
    MUST(stats_of(thrifty->heap).heap_objects == 0);
    tri_debug_verify(thrifty->mutator);
    /* What was given back, and let go of, can be had again. */
    return tri_try_alloc_array(thrifty->mutator, thrifty->bytes, 20000) != NULL && complete;
}

/* The life of a heap in which anything may be refused. Returns whether it lacked nothing. */
static bool live_thriftily(void)
{
    struct thrifty thrifty = {.heap = NULL};
    tri_heap_options options = options_new();
    options.markers = 2;
    options.max_heap = (size_t)64 << 20;
    options.heap_minimum = 1 << 20; /* cycles that allocation begins */
    options.stress = 0;             /* thousands of cycles, some hundred times */
    options.oom_handler = let_it_fail;
    options.oom_argument = &thrifty;
    options.log = log_keep;
    options.log_argument = &thrifty.lines;
    tri_result result = tri_heap_create(&thrifty.heap, &options);
    if (result != TRI_OK) {
        MUST(result == TRI_E_NOMEM && thrifty.heap == NULL);
        return false;
    }
    bool complete = false;
    errno = 77; /* nobody's: what the library does between a host's call and its look at errno */
    if (define_types(&thrifty)) {
        result = tri_mutator_attach(thrifty.heap, &thrifty.mutator);
        if (result == TRI_OK) {
            complete = use_mutator(&thrifty);
        } else {
            MUST(result == TRI_E_NOMEM && thrifty.mutator == NULL);
        }
    }
    tri_heap_destroy(thrifty.heap);
    MUST(errno == 77);
    return complete;
}

START_TEST(every_refusal_is_survived)
{
    bool all = _i == 1;
    long long mapped = atomic_load(&system_calls.mapped);
    unsigned failures = 1;
    unsigned first;
    for (first = 1; failures > 0; first++) {
        faults_begin(first, all);
        bool complete = live_thriftily();
        failures = faults_end();
        ck_assert(complete || failures > 0);
        ck_assert(all || failures <= 1);
        ck_assert_msg(atomic_load(&system_calls.mapped) == mapped,
                      "%lld bytes are still mapped after call %u failed",
                      atomic_load(&system_calls.mapped) - mapped, first);
    }
    printf("%u calls could be refused\n", first - 2);
    ck_assert_uint_gt(first, 20); /* so the calls were seen */
}
END_TEST

/* A system that has no threads to give: the caller marks and sweeps alone, and lacks nothing. */
START_TEST(no_thread_is_needed)
{
    faults_begin(0, false);
    system_calls.no_threads = true;
    ck_assert(live_thriftily());
    system_calls.no_threads = false;
    ck_assert_uint_gt(faults_end(), 1);
}
END_TEST

/* ---- Limits of a heap ------------------------------------------------------------------------ */

/* The address space of a heap as its handler is told it. */
static tri_oom_action keep_limit(tri_heap *heap, const tri_oom_info *info, void *argument)
{
    (void)heap;
    *(size_t *)argument = info->heap_limit;
    return TRI_OOM_FAIL;
}

static tri_heap_options limited_options(size_t max_heap, size_t *limit)
{
    tri_heap_options options = options_new();
    options.max_heap = max_heap;
    options.oom_handler = keep_limit;
    options.oom_argument = limit;
    options.stress = 0;
    return options;
}

/* Fill the heap with blocks of 4 KiB that are all held; returns the bytes of them. */
static size_t fill_heap(struct host *host)
{
    tri_type_desc desc = TRI_TYPE_DESC("block", char[4096]);
    desc.layout = TRI_LAYOUT_OF(link_fields);
    tri_type *block = type_new(host->heap, &desc);
    size_t count = 0;
    struct link *link;
    TRI_FRAME(host->mutator, 1);
    while ((link = tri_alloc(host->mutator, block)) != NULL) {
        tri_init_ref(host->mutator, &link->next, TRI_LOCAL(0));
        link->number = count++;
        TRI_LOCAL(0) = link;
    }
    MUST(collect_and_count(host->mutator) == count);
    MUST(list_is_intact(TRI_LOCAL(0), count));
    return count * 4096;
}

START_TEST(max_heap_is_honoured)
{
    static const struct {
        size_t max_heap;
        size_t limit; /* in whole steps of 4 MiB */
    } cases[] = {
        {1, (size_t)4 << 20},
        {(size_t)4 << 20, (size_t)4 << 20},
        {(size_t)16 << 20, (size_t)16 << 20},
        {((size_t)16 << 20) + 1, (size_t)20 << 20},
        {(size_t)100 << 20, (size_t)100 << 20},
    };
    size_t limit = 0;
    tri_heap_options options = limited_options(cases[_i].max_heap, &limit);
    struct host host = host_new(&options);
    size_t filled = fill_heap(&host);
    ck_assert_uint_eq(limit, cases[_i].limit);
    ck_assert_uint_gt(filled, limit / 10 * 9);
    tri_stats stats = stats_of(host.heap);
    ck_assert_uint_eq(stats.heap_sys, limit);
    ck_assert_uint_le(stats.heap_in_use, limit);
    host_end(&host);
}
END_TEST

/* Drop 160 MB in arrays of count links; returns the most memory that it took at a time. */
static uint64_t drop_arrays(struct host *host, size_t count)
{
    uint64_t most = 0;
    for (size_t bytes = 0; bytes < (size_t)160 << 20; bytes += count * sizeof(struct link)) {
        (void)tri_alloc_array(host->mutator, host->leaf, count);
        tri_stats stats = stats_of(host->heap);
        uint64_t taken = stats.heap_in_use + stats.gc_sys;
        most = taken > most ? taken : most;
    }
    return most;
}

/* Each size with all mutators held while marking, and on the fly: there, what is allocated while
 * the cycle runs comes on top, up to half of the goal (BRAKE_FULL_64THS in gc/tuning.h). */
static bool is_held(int index)
{
    return index % 2 == 0;
}

/* Without growth by percent, the limit alone makes cycles, and no more than it must. */
START_TEST(memory_limit_is_honoured)
{
    static const size_t counts[] = {10, 500, 2500, 20000, 100000};
    size_t count = counts[_i / 2];
    uint64_t bound = is_held(_i) ? 28 : 24 + 12;
    tri_heap_options options = options_new();
    options.stop_the_world = is_held(_i);
    options.gc_percent = TRI_GC_PERCENT_OFF;
    options.memory_limit = (int64_t)24 << 20;
    options.stress = 0;
    struct host host = host_new(&options);
    {
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = list_new(host.mutator, host.link, 10000);
        uint64_t most = drop_arrays(&host, count);
        uint64_t cycles = stats_of(host.heap).num_gc;
        ck_assert_uint_le(most, bound << 20);
        ck_assert_uint_ge(cycles, 160 / bound);
        ck_assert_uint_le(cycles, is_held(_i) ? 160 / 16 : 160 / 12);
        /* Off: grows as far as is asked for, once the cycle is over that may be under way. That
         * frees what is made until it marks, which may be much where its threads get no
         * processor. */
        ck_assert_int_eq(tri_set_memory_limit(host.heap, TRI_MEMORY_LIMIT_OFF), 24 << 20);
        tri_collect(host.mutator);
        cycles = stats_of(host.heap).num_gc;
        ck_assert_uint_gt(drop_arrays(&host, count), (uint64_t)140 << 20);
        ck_assert_uint_eq(stats_of(host.heap).num_gc, cycles);
        ck_assert(list_is_intact(TRI_LOCAL(0), 10000));
    }
    host_end(&host);
}
END_TEST

/* The heap stays near its goal whatever the size of the objects. */
START_TEST(percentage_is_honoured)
{
    static const size_t counts[] = {10, 500, 2500, 20000};
    size_t count = counts[_i / 2];
    uint64_t bound = is_held(_i) ? 18 : 18 + 6;
    tri_heap_options options = options_new();
    options.stop_the_world = is_held(_i);
    options.gc_percent = 50;
    options.heap_minimum = 0;
    options.stress = 0;
    struct host host = host_new(&options);
    {
        TRI_FRAME(host.mutator, 1);
        TRI_LOCAL(0) = tri_alloc_array(host.mutator, host.leaf, 500000); /* 8 MB */
        tri_collect(host.mutator);
        ck_assert_uint_ge(stats_of(host.heap).next_gc, 12000000);
        ck_assert_uint_le(stats_of(host.heap).next_gc, 12100000);
        uint64_t cycles = stats_of(host.heap).num_gc;
        ck_assert_uint_le(drop_arrays(&host, count), bound << 20);
        cycles = stats_of(host.heap).num_gc - cycles;
        ck_assert_uint_ge(cycles, is_held(_i) ? 160 / 5 : 160 / 11);
        ck_assert_uint_le(cycles, 160 / 2);
    }
    host_end(&host);
}
END_TEST

/* ---- Little address space -------------------------------------------------------------------- */

#if !UNDER_SANITIZER /* whose shadow memory takes all of it */
static size_t address_space_in_use(void)
{
    size_t pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    MUST(statm != NULL && fscanf(statm, "%zu", &pages) == 1);
    (void)fclose(statm);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Says on stderr how it went: no heap, or the limit of the one there was. */
static void live_in_little_space(const void *argument)
{
    size_t limit = 0;
    struct host host = {.heap = NULL};
    size_t room = *(const size_t *)argument + address_space_in_use();
    tri_heap_options options = limited_options(0, &limit);
    options.markers = 1;
    options.background_sweep = false; /* a thread's stack is large */
    struct rlimit space = {room, room};
    MUST(setrlimit(RLIMIT_AS, &space) == 0);
    tri_result result = tri_heap_create(&host.heap, &options);
    if (result != TRI_OK) {
        MUST(result == TRI_E_NOMEM && host.heap == NULL);
        fprintf(stderr, "no heap");
        return;
    }
    result = tri_mutator_attach(host.heap, &host.mutator);
    if (result == TRI_OK) {
        host.link = link_type_new(host.heap);
        size_t filled = fill_heap(&host);
        MUST(limit < room && filled <= limit && filled > limit / 10 * 9);
        fprintf(stderr, "%zu", limit >> 20);
    } else {
        MUST(result == TRI_E_NOMEM);
        fprintf(stderr, "no mutator");
    }
    tri_heap_destroy(host.heap);
}

START_TEST(little_address_space)
{
    size_t before = 0;
    for (size_t mib = 8; mib <= 256; mib += mib < 64 ? 4 : 48) {
        size_t room = mib << 20;
        struct outcome outcome = child_run(live_in_little_space, &room);
        ck_assert_msg(outcome.status == 0, "%zu MiB: %s", mib, outcome.said);
        size_t limit = strtoul(outcome.said, NULL, 10);
        ck_assert_msg(limit >= before, "%zu MiB: a heap of %zu MiB, with less there were %zu", mib,
                      limit, before);
        ck_assert_msg(limit >= 16 || mib < 48, "%zu MiB: %s", mib, outcome.said);
        before = limit;
    }
    ck_assert_uint_ge(before, 64); /* much room is made use of */
}
END_TEST
#endif

int main(void)
{
    const struct test_entry tests[] = {
        {every_refusal_is_survived, 2},
        {no_thread_is_needed, 0},
        {max_heap_is_honoured, 5},
        {memory_limit_is_honoured, 10},
        {percentage_is_honoured, 8},
#if !UNDER_SANITIZER
        {little_address_space, 0},
#endif
    };
    return scenario_run("memory", tests, LENGTH(tests));
}
