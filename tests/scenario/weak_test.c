/* weak_test.c -- weak references, ephemerons, weak tables and weak hooks as a host uses them, on
 * several threads beside the collector.
 */
#include "tests/scenario/scenario.h"

/* ---- An intern table that threads share ------------------------------------------------------ */

enum {
    NUMBERS = 2000,
    THREADS = 4
};

struct shared {
    struct host host;
    pthread_mutex_t lock;
    tri_handle *names; /* the table: links by number, each there once */
    tri_handle *notes; /* a link for each of some names, which it refers to */
};

/* A thread that waits must not keep the collector waiting. */
static void enter(struct shared *shared, tri_mutator *mutator)
{
    tri_blocking_begin(mutator);
    pthread_mutex_lock(&shared->lock);
    tri_blocking_end(mutator);
}

static bool is_numbered(void *argument, tri_word key, tri_word value)
{
    MUST(value == 0);
    return ((const struct link *)key)->number == *(const uint64_t *)argument;
}

/* The only link with that number. */
static struct link *intern(struct shared *shared, tri_mutator *mutator, uint64_t number)
{
    tri_ref names = tri_handle_get(shared->names);
    tri_word key;
    if (tri_weak_table_find(mutator, names, number / 2, is_numbered, &number, &key, NULL)) {
        return (struct link *)key;
    }
    TRI_FRAME(mutator, 2);
    TRI_LOCAL(0) = link_new(mutator, shared->host.link, number);
    tri_init_ref(mutator, &((struct link *)TRI_LOCAL(0))->next,
                 TRI_LOCAL(1) = link_new(mutator, shared->host.link, number));
    MUST(tri_weak_table_insert(mutator, names, number / 2, (tri_word)TRI_LOCAL(0), 0));
    return TRI_LOCAL(0);
}

static void check(const struct link *link, uint64_t number)
{
    MUST(link->number == number && link->next->number == number);
}

static void work(struct shared *shared, tri_mutator *mutator, unsigned seed, unsigned rounds)
{
    TRI_FRAME(mutator, 8); /* what it keeps */
    uint64_t random = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    for (unsigned i = 0; i < rounds; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407U;
        uint64_t number = (random >> 33) % NUMBERS;
        enter(shared, mutator);
        struct link *link = intern(shared, mutator, number);
        check(link, number);
        tri_ref kept = TRI_LOCAL(i % 8);
        if (kept != TRI_NULL) { /* it is still the one */
            struct link *old = kept;
            MUST(intern(shared, mutator, old->number) == old);
        }
        link = intern(shared, mutator, number); /* there was a safepoint */
        TRI_LOCAL(i % 8) = link;
        tri_ref notes = tri_handle_get(shared->notes);
        tri_word note;
        if (tri_weak_table_get(mutator, notes, (tri_word)link, &note)) {
            MUST(((struct link *)note)->next == link);
            if (i % 16 == 0) {
                MUST(tri_weak_table_remove(mutator, notes, (tri_word)link));
            }
        } else {
            struct link *made = link_new(mutator, shared->host.link, number);
            tri_init_ref(mutator, &made->next, TRI_LOCAL(i % 8));
            MUST(tri_weak_table_set(mutator, notes, (tri_word)TRI_LOCAL(i % 8), (tri_word)made));
        }
        pthread_mutex_unlock(&shared->lock);
        tri_safepoint(mutator);
    }
}

struct worker {
    struct shared *shared;
    unsigned index;
};

static void *run(void *argument)
{
    const struct worker *worker = argument;
    tri_mutator *mutator = attach(worker->shared->host.heap);
    work(worker->shared, mutator, worker->index, times(100000, 4000));
    tri_mutator_detach(mutator);
    return NULL;
}

/* However threads and collector interleave: of each number there is one link while somebody has it,
 * and none is left when nobody has; the notes go with them, though they refer to them. */
START_TEST(threads_intern)
{
    tri_heap_options options = options_new();
    options.barrier = _i == 0 ? TRI_BARRIER_HYBRID : TRI_BARRIER_INSERTION;
    options.heap_minimum = 65536; /* many cycles */
    struct shared shared = {.host = host_new(&options)};
    tri_mutator *mutator = shared.host.mutator;
    pthread_mutex_init(&shared.lock, NULL);
    MUST(tri_handle_create(mutator, tri_weak_table_new(mutator, TRI_WEAK_KEYS), &shared.names) ==
         TRI_OK);
    MUST(tri_handle_create(mutator, tri_weak_table_new(mutator, TRI_WEAK_EPHEMERONS),
                           &shared.notes) == TRI_OK);
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){&shared, i};
        MUST(pthread_create(&threads[i], NULL, run, &workers[i]) == 0);
    }
    tri_blocking_begin(mutator);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    tri_blocking_end(mutator);
    ck_assert_uint_gt(stats_of(shared.host.heap).num_gc, 0);
    tri_collect(mutator);
    tri_collect(mutator);
    ck_assert_uint_eq(tri_weak_table_count(mutator, tri_handle_get(shared.names)), 0);
    ck_assert_uint_eq(tri_weak_table_count(mutator, tri_handle_get(shared.notes)), 0);
    pthread_mutex_destroy(&shared.lock);
    host_end(&shared.host);
}
END_TEST

/* ---- A table of the host's own that threads share -------------------------------------------- */

enum {
    BUCKETS = 128
};

/* Leaves by number, each there once, in chains that go through the leaves themselves. Nothing of
 * the chains is scanned. */
struct chains {
    struct host host;
    tri_weak_hook *hook;
    pthread_mutex_t lock; /* of all below */
    struct link **buckets;
    size_t cursor; /* of the hook */
    size_t entered;
    size_t unlinked;
};

static bool unlink_dead(tri_weak_hook *hook, size_t budget, void *argument)
{
    struct chains *chains = argument;
    pthread_mutex_lock(&chains->lock);
    for (size_t i = 0; i < budget / 32 && chains->cursor < BUCKETS; i++, chains->cursor++) {
        struct link **at = &chains->buckets[chains->cursor];
        while (*at != NULL) {
            if (tri_weak_is_dead(hook, (tri_word)*at)) {
                *at = (*at)->next;
                chains->unlinked++;
            } else {
                at = &(*at)->next;
            }
        }
    }
    bool is_over = chains->cursor == BUCKETS;
    chains->cursor = is_over ? 0 : chains->cursor;
    pthread_mutex_unlock(&chains->lock);
    return is_over;
}

/* The leaf of that number, if there is one, with the lock held. One that has died and was not
 * unlinked yet is passed over. It may be read: it is there as long as it is linked. */
static struct link *look_up(struct chains *chains, tri_mutator *mutator, uint64_t number)
{
    for (struct link *link = chains->buckets[number % BUCKETS]; link != NULL; link = link->next) {
        if (link->number == number && tri_weak_slot_get(mutator, chains->hook, &link) != 0) {
            return link;
        }
    }
    return NULL;
}

/* The lock is never held at a safepoint, so that whoever waits for it keeps nobody waiting. */
static struct link *intern_in_chains(struct chains *chains, tri_mutator *mutator, uint64_t number)
{
    pthread_mutex_lock(&chains->lock);
    struct link *found = look_up(chains, mutator, number);
    pthread_mutex_unlock(&chains->lock);
    if (found != NULL) {
        return found;
    }
    struct link *made = link_new(mutator, chains->host.leaf, number);
    pthread_mutex_lock(&chains->lock);
    found = look_up(chains, mutator, number);
    if (found == NULL) {
        struct link **bucket = &chains->buckets[number % BUCKETS];
        made->next = *bucket;
        tri_weak_slot_set(mutator, chains->hook, bucket, (tri_word)made);
        chains->entered++;
        found = made;
    }
    pthread_mutex_unlock(&chains->lock);
    return found;
}

/* What a host does when its table grows: the hook begins anew. */
static void move_buckets(struct chains *chains)
{
    struct link **moved = malloc(BUCKETS * sizeof *moved);
    MUST(moved != NULL);
    pthread_mutex_lock(&chains->lock);
    memcpy(moved, chains->buckets, BUCKETS * sizeof *moved);
    free(chains->buckets);
    chains->buckets = moved;
    chains->cursor = 0;
    pthread_mutex_unlock(&chains->lock);
}

struct chain_worker {
    struct chains *chains;
    unsigned index;
};

static void *run_chains(void *argument)
{
    const struct chain_worker *worker = argument;
    struct chains *chains = worker->chains;
    tri_mutator *mutator = attach(chains->host.heap);
    {
        TRI_FRAME(mutator, 8); /* what it keeps */
        uint64_t random = worker->index * UINT64_C(0x9E3779B97F4A7C15) + 1;
        unsigned rounds = times(100000, 4000);
        for (unsigned i = 0; i < rounds; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407U;
            struct link *kept = TRI_LOCAL(i % 8);
            MUST(kept == TRI_NULL || intern_in_chains(chains, mutator, kept->number) == kept);
            uint64_t number = (random >> 33) % NUMBERS;
            struct link *link = intern_in_chains(chains, mutator, number);
            MUST(link->number == number);
            TRI_LOCAL(i % 8) = link;
            if (i % 64 == 0) {
                move_buckets(chains);
            }
            (void)link_new(mutator, chains->host.leaf, i); /* garbage, and a safepoint */
        }
    }
    tri_mutator_detach(mutator);
    return NULL;
}

static size_t count_chains(const struct chains *chains)
{
    size_t count = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (const struct link *link = chains->buckets[i]; link != NULL; link = link->next) {
            count++;
        }
    }
    return count;
}

/* However threads, collector and hook interleave: of each number there is one leaf while somebody
 * has it, and none is left when nobody has. */
START_TEST(threads_intern_by_hook)
{
    tri_heap_options options = options_new();
    options.barrier = _i == 0 ? TRI_BARRIER_HYBRID : TRI_BARRIER_INSERTION;
    options.heap_minimum = 65536; /* many cycles */
    struct chains chains = {.host = host_new(&options)};
    tri_mutator *mutator = chains.host.mutator;
    chains.buckets = calloc(BUCKETS, sizeof *chains.buckets);
    MUST(chains.buckets != NULL);
    pthread_mutex_init(&chains.lock, NULL);
    MUST(tri_weak_hook_add(chains.host.heap, NULL, unlink_dead, &chains, &chains.hook) == TRI_OK);
    pthread_t threads[THREADS];
    struct chain_worker workers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct chain_worker){&chains, i};
        MUST(pthread_create(&threads[i], NULL, run_chains, &workers[i]) == 0);
    }
    tri_blocking_begin(mutator);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    tri_blocking_end(mutator);
    ck_assert_uint_gt(stats_of(chains.host.heap).num_gc, 0);
    tri_collect(mutator);
    tri_collect(mutator);
    ck_assert_uint_eq(count_chains(&chains), 0);
    ck_assert_uint_eq(chains.entered, chains.unlinked);
    tri_weak_hook_remove(chains.hook);
    tri_collect(mutator);
    free(chains.buckets);
    pthread_mutex_destroy(&chains.lock);
    host_end(&chains.host);
}
END_TEST

/* A hook is added, used and removed again and again while others collect. */
static bool one_slot(tri_weak_hook *hook, size_t budget, void *argument)
{
    MUST(budget > 0);
    (void)tri_weak_slot_clear(hook, argument, 1);
    return true;
}

static void *add_and_remove(void *argument)
{
    struct host *host = argument;
    tri_mutator *mutator = attach(host->heap);
    unsigned rounds = times(20000, 500);
    for (unsigned i = 0; i < rounds; i++) {
        tri_word slot = 0;
        tri_weak_hook *hook;
        MUST(tri_weak_hook_add(host->heap, NULL, one_slot, &slot, &hook) == TRI_OK);
        tri_weak_slot_set(mutator, hook, &slot, (tri_word)link_new(mutator, host->leaf, i));
        (void)link_new(mutator, host->link, i); /* a safepoint */
        tri_word word = tri_weak_slot_get(mutator, hook, &slot);
        MUST(word <= 1 || ((const struct link *)word)->number == i);
        tri_weak_hook_remove(hook);
    }
    tri_mutator_detach(mutator);
    return NULL;
}

START_TEST(hooks_come_and_go)
{
    tri_heap_options options = options_new();
    options.heap_minimum = 65536;
    struct host host = host_new(&options);
    pthread_t threads[2];
    for (unsigned i = 0; i < 2; i++) {
        MUST(pthread_create(&threads[i], NULL, add_and_remove, &host) == 0);
    }
    tri_blocking_begin(host.mutator);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    tri_blocking_end(host.mutator);
    tri_weak_hook *hook;
    ck_assert_int_eq(tri_weak_hook_add(host.heap, NULL, NULL, NULL, &hook), TRI_E_INVALID);
    ck_assert_int_eq(tri_weak_hook_add(host.heap, NULL, one_slot, NULL, NULL), TRI_E_INVALID);
    host_end(&host);
}
END_TEST

/* ---- On one thread --------------------------------------------------------------------------- */

START_TEST(references_and_ephemerons)
{
    struct host host = host_new(NULL);
    tri_mutator *m = host.mutator;
    TRI_FRAME(m, 4);
    TRI_LOCAL(0) = link_new(m, host.link, 1);
    TRI_LOCAL(1) = tri_weak_new(m, TRI_LOCAL(0));
    TRI_LOCAL(2) = link_new(m, host.link, 2);
    TRI_LOCAL(3) = tri_ephemeron_new(m, TRI_LOCAL(0), (tri_word)TRI_LOCAL(2));
    TRI_LOCAL(2) = TRI_NULL;
    tri_collect(m);
    ck_assert_ptr_eq(tri_weak_get(m, TRI_LOCAL(1)), TRI_LOCAL(0));
    ck_assert_ptr_eq(tri_ephemeron_key(m, TRI_LOCAL(3)), TRI_LOCAL(0));
    ck_assert_uint_eq(((struct link *)tri_ephemeron_value(m, TRI_LOCAL(3)))->number, 2);
    TRI_LOCAL(0) = TRI_NULL;
    tri_collect(m);
    ck_assert_ptr_eq(tri_weak_get(m, TRI_LOCAL(1)), TRI_NULL);
    ck_assert_ptr_eq(tri_ephemeron_key(m, TRI_LOCAL(3)), TRI_NULL);
    ck_assert_uint_eq(tri_ephemeron_value(m, TRI_LOCAL(3)), 0);
}
END_TEST

/* An address in the target will do, and none. */
START_TEST(targets_of_all_kinds)
{
    struct host host = host_new(NULL);
    tri_mutator *m = host.mutator;
    {
        TRI_FRAME(m, 4);
        struct link *link = link_new(m, host.link, 1);
        TRI_LOCAL(0) = link;
        TRI_LOCAL(1) = tri_weak_new(m, &link->number);
        TRI_LOCAL(2) = tri_ephemeron_new(m, &link->number, 8);
        TRI_LOCAL(3) = tri_weak_new(m, TRI_NULL);
        tri_collect(m);
        ck_assert_ptr_eq(tri_weak_get(m, TRI_LOCAL(1)), &link->number);
        ck_assert_ptr_eq(tri_ephemeron_key(m, TRI_LOCAL(2)), &link->number);
        ck_assert_uint_eq(tri_ephemeron_value(m, TRI_LOCAL(2)), 8);
        ck_assert_ptr_eq(tri_weak_get(m, TRI_LOCAL(3)), TRI_NULL);
        TRI_LOCAL(0) = TRI_NULL;
        tri_collect(m);
        ck_assert_ptr_eq(tri_weak_get(m, TRI_LOCAL(1)), TRI_NULL);
        ck_assert_ptr_eq(tri_ephemeron_key(m, TRI_LOCAL(2)), TRI_NULL);
        ck_assert_uint_eq(tri_ephemeron_value(m, TRI_LOCAL(2)), 0);
    }
    ck_assert_uint_eq(collect_and_count(m), 0);
    host_end(&host);
}
END_TEST

/* ---- Words ----------------------------------------------------------------------------------- */

static const tri_encoding encodings[] = {
    TRI_ENCODING_RAW,
    TRI_ENCODING_LOW_TAG(3, 1),
    TRI_ENCODING_LOW_TAG(7, 5),
    TRI_ENCODING_NAN_BOX(UINT64_C(0xfffc000000000000), UINT64_C(0xfffc000000000000)),
    TRI_ENCODING_NAN_BOX(UINT64_C(0xffff000000000000), 0),
};

static tri_word word_to(const tri_encoding *encoding, const void *object)
{
    return encoding->pattern | ((tri_word)(uintptr_t)object & encoding->address);
}

/* A word that is no reference, whatever the encoding: it leads to nothing. */
static tri_word number_word(uint64_t number)
{
    return number << 3 | 2;
}

/* Entries of each kind: one whose weak half lives, one whose dies, and one of numbers. */
static void try_encoding(const tri_encoding *encoding, tri_weak_kind kind)
{
    tri_heap_options options = options_new();
    options.value_encoding = *encoding;
    struct host host = host_new(&options);
    tri_mutator *m = host.mutator;
    {
        TRI_FRAME(m, 3);
        tri_word keys[2];
        tri_word values[2];
        tri_word value = 0;
        size_t position = 0;
        unsigned met = 0;
        TRI_LOCAL(0) = tri_weak_table_new(m, kind);
        for (unsigned i = 0; i < 2; i++) { /* the first stays in its frame */
            TRI_LOCAL(1) = link_new(m, host.link, 1);
            keys[i] = word_to(encoding, TRI_LOCAL(1));
            struct link *link = link_new(m, host.link, 2);
            values[i] = word_to(encoding, link);
            ck_assert(tri_weak_table_set(m, TRI_LOCAL(0), keys[i], values[i]));
            TRI_LOCAL(2) = i > 0 ? TRI_LOCAL(2) : kind == TRI_WEAK_VALUES ? link : TRI_LOCAL(1);
        }
        TRI_LOCAL(1) = TRI_NULL;
        ck_assert(tri_weak_table_set(m, TRI_LOCAL(0), number_word(7), number_word(9)));
        for (unsigned i = 0; i < 3; i++) {
            tri_collect(m);
            ck_assert_uint_eq(tri_weak_table_count(m, TRI_LOCAL(0)), 2);
            ck_assert(tri_weak_table_get(m, TRI_LOCAL(0), keys[0], &value) && value == values[0]);
            ck_assert(tri_weak_table_get(m, TRI_LOCAL(0), number_word(7), &value));
            ck_assert_uint_eq(value, number_word(9));
        }
        while (tri_weak_table_next(m, TRI_LOCAL(0), &position, NULL, &value)) {
            met += value == values[0] ? 1 : value == number_word(9) ? 10 : 100;
        }
        ck_assert_uint_eq(met, 11);
        ck_assert_uint_eq(collect_and_count(m), 4); /* with the table and its storage */
    }
    host_end(&host);
}

START_TEST(words_of_all_encodings)
{
    for (unsigned kind = TRI_WEAK_KEYS; kind <= TRI_WEAK_EPHEMERONS; kind++) {
        try_encoding(&encodings[_i], (tri_weak_kind)kind);
    }
}
END_TEST

START_TEST(ephemerons_of_all_encodings)
{
    const tri_encoding *encoding = &encodings[_i];
    tri_heap_options options = options_new();
    options.value_encoding = *encoding;
    struct host host = host_new(&options);
    tri_mutator *m = host.mutator;
    {
        TRI_FRAME(m, 3);
        TRI_LOCAL(0) = link_new(m, host.link, 1);
        struct link *value = link_new(m, host.link, 2);
        tri_init_ref(m, &value->next, TRI_LOCAL(0));
        TRI_LOCAL(1) = tri_ephemeron_new(m, TRI_LOCAL(0), word_to(encoding, value));
        TRI_LOCAL(2) = tri_ephemeron_new(m, TRI_LOCAL(0), number_word(3));
        ck_assert_uint_eq(collect_and_count(m), 4);
        ck_assert_ptr_eq(tri_ephemeron_key(m, TRI_LOCAL(1)), TRI_LOCAL(0));
        ck_assert_uint_eq(tri_ephemeron_value(m, TRI_LOCAL(1)), word_to(encoding, value));
        ck_assert_uint_eq(tri_ephemeron_value(m, TRI_LOCAL(2)), number_word(3));
        TRI_LOCAL(0) = TRI_NULL;
        ck_assert_uint_eq(collect_and_count(m), 2); /* the value keeps its key not alive */
        ck_assert_ptr_eq(tri_ephemeron_key(m, TRI_LOCAL(1)), TRI_NULL);
        ck_assert_uint_eq(tri_ephemeron_value(m, TRI_LOCAL(1)), 0);
        ck_assert_uint_eq(tri_ephemeron_value(m, TRI_LOCAL(2)), 0);
    }
    host_end(&host);
}
END_TEST

/* Each entry is met once, also where those that were met are removed. */
START_TEST(next_meets_each_once)
{
    enum {
        COUNT = 1000
    };
    static unsigned met[COUNT];
    struct host host = host_new(NULL);
    tri_mutator *m = host.mutator;
    memset(met, 0, sizeof met);
    {
        TRI_FRAME(m, 1);
        tri_word key;
        tri_word value;
        size_t position = 0;
        TRI_LOCAL(0) = tri_weak_table_new(m, TRI_WEAK_KEYS);
        ck_assert(!tri_weak_table_next(m, TRI_LOCAL(0), &position, NULL, NULL));
        for (size_t i = 0; i < COUNT; i++) {
            ck_assert(tri_weak_table_set(m, TRI_LOCAL(0), number_word(i), number_word(i + 1)));
        }
        for (position = 0; tri_weak_table_next(m, TRI_LOCAL(0), &position, &key, &value);) {
            ck_assert(value == number_word((key >> 3) + 1) && met[key >> 3]++ == 0);
            ck_assert((key >> 3) % 2 == 0 || tri_weak_table_remove(m, TRI_LOCAL(0), key));
        }
        ck_assert(!tri_weak_table_next(m, TRI_LOCAL(0), &position, &key, &value)); /* nor again */
        for (size_t i = 0; i < COUNT; i++) {
            ck_assert_uint_eq(met[i], 1);
        }
        ck_assert_uint_eq(tri_weak_table_count(m, TRI_LOCAL(0)), COUNT / 2);
    }
    host_end(&host);
}
END_TEST

/* ---- What cannot be had ---------------------------------------------------------------------- */

static tri_oom_action let_it_fail(tri_heap *heap, const tri_oom_info *info, void *argument)
{
    (void)heap;
    (void)info;
    (void)argument;
    return TRI_OOM_FAIL;
}

/* Where the heap is full they say so, nothing is lost, and all is well when there is room again. */
START_TEST(exhausted)
{
    enum {
        PIECE = 2048,
        KEPT = 2000
    };
    tri_heap_options options = options_new();
    options.max_heap = (size_t)16 << 20;
    options.gc_percent = TRI_GC_PERCENT_OFF;
    options.oom_handler = let_it_fail;
    struct host host = host_new(&options);
    tri_mutator *m = host.mutator;
    {
        TRI_FRAME(m, KEPT + 3);
        tri_word value;
        uint64_t entries = 0;
        size_t kept = 0;
        TRI_LOCAL(0) = tri_weak_table_new(m, TRI_WEAK_EPHEMERONS);
        for (struct link *piece; (piece = tri_try_alloc_array(m, host.link, PIECE)) != NULL;) {
            tri_init_ref(m, &piece->next, TRI_LOCAL(1));
            TRI_LOCAL(1) = piece;
        }
        while (tri_weak_table_set(m, TRI_LOCAL(0), number_word(entries), number_word(1))) {
            entries++;
        }
        ck_assert(!tri_weak_table_insert(m, TRI_LOCAL(0), 5, number_word(1), number_word(1)));
        ck_assert_uint_eq(tri_weak_table_count(m, TRI_LOCAL(0)), entries);
        for (uint64_t i = 0; i < entries; i++) {
            ck_assert(tri_weak_table_get(m, TRI_LOCAL(0), number_word(i), &value));
        }
        ck_assert(tri_weak_table_set(m, TRI_LOCAL(0), number_word(0), number_word(2))); /* is
                                                                                           there */
        for (tri_ref made; kept < KEPT && (made = tri_weak_new(m, TRI_LOCAL(0))) != TRI_NULL;) {
            TRI_LOCAL(3 + kept++) = made;
        }
        for (tri_ref made; kept < KEPT && (made = tri_weak_table_new(m, 0)) != TRI_NULL;) {
            TRI_LOCAL(3 + kept++) = made;
        }
        for (tri_ref made;
             kept < KEPT && (made = tri_ephemeron_new(m, TRI_LOCAL(0), 1)) != TRI_NULL;) {
            TRI_LOCAL(3 + kept++) = made;
        }
        ck_assert_uint_lt(kept, KEPT);
        ck_assert_ptr_null(tri_weak_new(m, TRI_LOCAL(0)));
        TRI_LOCAL(1) = TRI_NULL; /* now there is room */
        ck_assert_ptr_nonnull(tri_weak_new(m, TRI_LOCAL(0)));
        ck_assert_ptr_nonnull(tri_ephemeron_new(m, TRI_LOCAL(0), 1));
        for (uint64_t i = entries; i < 2 * entries + 100; i++) {
            ck_assert(tri_weak_table_set(m, TRI_LOCAL(0), number_word(i), number_word(1)));
        }
        ck_assert_uint_eq(tri_weak_table_count(m, TRI_LOCAL(0)), 2 * entries + 100);
    }
    host_end(&host);
}
END_TEST

/* The heap's own types are types, too. */
START_TEST(no_room_for_types)
{
    tri_heap_options options = options_new();
    options.log = NULL;
    struct host host = host_new(&options);
    tri_type_desc desc = TRI_TYPE_DESC("one of many", struct link);
    tri_type *type;
    TRI_FRAME(host.mutator, 1);
    TRI_LOCAL(0) = link_new(host.mutator, host.link, 1);
    while (tri_type_define(host.heap, &desc, &type) == TRI_OK) {
    }
    ck_assert_ptr_null(tri_weak_new(host.mutator, TRI_LOCAL(0)));
    ck_assert_ptr_null(tri_ephemeron_new(host.mutator, TRI_LOCAL(0), 1));
    ck_assert_ptr_null(tri_weak_table_new(host.mutator, TRI_WEAK_KEYS));
    ck_assert_uint_eq(collect_and_count(host.mutator), 1);
}
END_TEST

/* ---- Tables of garbage ----------------------------------------------------------------------- */

static const struct {
    tri_weak_kind kind;
    int32_t percent;
} garbage[] = {
    {TRI_WEAK_KEYS, 50},    {TRI_WEAK_KEYS, 100},      {TRI_WEAK_VALUES, 50},
    {TRI_WEAK_VALUES, 100}, {TRI_WEAK_EPHEMERONS, 50},
};

/* Entries that nobody keeps, in a table with more memory than they have. How large it becomes
 * follows from how much is allocated between two cycles, and not the other way round: else a cycle
 * that finds a large table lets the next one come later, when the table is larger. (With
 * more percent it may still: docs/decisions.md, on empty places.) */
static void fill_with_garbage(tri_weak_kind kind, int32_t percent)
{
    tri_heap_options options = options_new();
    options.gc_percent = percent;
    options.heap_minimum = 256 * 1024;
    options.markers = 0; /* a thread that gets no processor would let the heap grow, too */
    struct host host = host_new(&options);
    tri_mutator *m = host.mutator;
    unsigned count = times(1000000, 50000);
    {
        TRI_FRAME(m, 2);
        TRI_LOCAL(0) = tri_weak_table_new(m, kind);
        for (unsigned i = 0; i < count; i++) {
            TRI_LOCAL(1) = link_new(m, host.leaf, i);
            tri_word key = kind == TRI_WEAK_VALUES ? 8 * i + 1 : (tri_word)TRI_LOCAL(1);
            tri_word value = kind == TRI_WEAK_VALUES ? (tri_word)TRI_LOCAL(1) : 0;
            MUST(tri_weak_table_set(m, TRI_LOCAL(0), key, value));
        }
        TRI_LOCAL(1) = TRI_NULL;
        tri_collect(m);
        ck_assert_uint_eq(tri_weak_table_count(m, TRI_LOCAL(0)), 0);
        uint64_t least = options.heap_minimum * (uint64_t)percent / 100;
        ck_assert_uint_lt(stats_of(host.heap).last_marked, 8 * least);
    }
    host_end(&host);
}

START_TEST(tables_of_garbage_stay_small)
{
    fill_with_garbage(garbage[_i].kind, garbage[_i].percent);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("weak");
    TCase *own = tcase_create("weak");
    tcase_add_loop_test(own, threads_intern, 0, 2);
    tcase_add_loop_test(own, threads_intern_by_hook, 0, 2);
    tcase_add_test(own, hooks_come_and_go);
    tcase_add_loop_test(own, tables_of_garbage_stay_small, 0, (int)LENGTH(garbage));
    tcase_add_test(own, references_and_ephemerons);
    tcase_add_test(own, targets_of_all_kinds);
    tcase_add_loop_test(own, words_of_all_encodings, 0, LENGTH(encodings));
    tcase_add_loop_test(own, ephemerons_of_all_encodings, 0, LENGTH(encodings));
    tcase_add_test(own, next_meets_each_once);
    tcase_add_test(own, exhausted);
    tcase_add_test(own, no_room_for_types);
    suite_add_tcase(suite, own);
    return unit_run(suite);
}
