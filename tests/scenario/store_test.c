/* store_test.c -- every way to store: what is stored, what is kept by it, beside others that do the
 * same.
 */
#include "tests/scenario/scenario.h"

#define WORDS 100

/* A heap of tagged values; a word is a reference where its lowest bit is set. */
static tri_word tagged(const void *address)
{
    return (tri_word)address | 1;
}

static struct link *untagged(tri_word word)
{
    return (struct link *)(word & ~(tri_word)1);
}

struct store_host {
    struct host host;
    tri_type *word;
};

static struct store_host store_host_new(void)
{
    tri_heap_options options = options_new();
    options.value_encoding = TRI_ENCODING_LOW_TAG(1, 1);
    struct store_host made = {.host = host_new(&options)};
    tri_type_desc desc = TRI_TYPE_DESC("word", tri_word);
    desc.layout = TRI_LAYOUT(TRI_LAYOUT_ALL_WORDS);
    made.word = type_new(made.host.heap, &desc);
    return made;
}

/* An array of WORDS words that refer to leaves with their numbers. */
static tri_word *words_new(const struct store_host *host)
{
    TRI_FRAME(host->host.mutator, 1);
    TRI_LOCAL(0) = tri_alloc_array(host->host.mutator, host->word, WORDS);
    for (size_t i = 0; i < WORDS; i++) {
        const struct link *leaf = link_new(host->host.mutator, host->host.leaf, i);
        tri_init(host->host.mutator, (tri_word *)TRI_LOCAL(0) + i, tagged(leaf));
    }
    return TRI_LOCAL(0);
}

/* Where each word of a range is copied to, and in what order, when they overlap or do not. */
static const struct {
    size_t from;
    size_t to;
    size_t count;
} copies[] = {
    {0, 50, 50},  {50, 0, 50}, {0, 1, 99}, {1, 0, 99}, {10, 30, 40},
    {30, 10, 40}, {5, 5, 20},  {0, 99, 1}, {7, 3, 0},
};

START_TEST(ranges_are_copied)
{
    struct store_host made = store_host_new();
    tri_mutator *mutator = made.host.mutator;
    size_t from = copies[_i].from;
    size_t to = copies[_i].to;
    size_t count = copies[_i].count;
    {
        TRI_FRAME(mutator, 1);
        TRI_LOCAL(0) = words_new(&made);
        uint64_t expected[WORDS];
        for (size_t i = 0; i < WORDS; i++) {
            expected[i] = i;
        }
        memmove(expected + to, expected + from, count * sizeof expected[0]);
        tri_word *words = TRI_LOCAL(0);
        tri_store_range(mutator, words + to, words + from, count);
        bool held[WORDS] = {false};
        uint64_t live = 0;
        for (size_t i = 0; i < WORDS; i++) {
            live += !held[expected[i]];
            held[expected[i]] = true;
        }
        ck_assert_uint_eq(collect_and_count(mutator), 1 + live);
        for (size_t i = 0; i < WORDS; i++) {
            ck_assert_uint_eq(untagged(words[i])->number, expected[i]);
        }
    }
    host_end(&made.host);
}
END_TEST

/* From memory of the host's own, into the heap and into global slots. */
START_TEST(ranges_come_from_anywhere)
{
    static tri_word globals[WORDS];
    struct store_host made = store_host_new();
    tri_mutator *mutator = made.host.mutator;
    ck_assert_int_eq(tri_global_add(made.host.heap, globals, WORDS), TRI_OK);
    tri_store_range(mutator, globals, words_new(&made), WORDS);
    ck_assert_uint_eq(collect_and_count(mutator), WORDS);
    tri_word *words = tri_alloc_array(mutator, made.word, WORDS);
    tri_store_range(mutator, words, globals, WORDS);
    tri_fill_range(mutator, globals, tagged(words), WORDS);
    ck_assert_uint_eq(collect_and_count(mutator), WORDS + 1);
    tri_fill_range(mutator, globals, (tri_word)words, WORDS); /* no tag, no reference */
    ck_assert_uint_eq(collect_and_count(mutator), 0);
    host_end(&made.host);
}
END_TEST

START_TEST(ranges_are_filled)
{
    struct store_host made = store_host_new();
    tri_mutator *mutator = made.host.mutator;
    {
        TRI_FRAME(mutator, 1);
        TRI_LOCAL(0) = words_new(&made);
        tri_word *words = TRI_LOCAL(0);
        tri_fill_range(mutator, words + 10, words[5], 80);
        tri_fill_range(mutator, words, 7, 0); /* nothing */
        ck_assert_uint_eq(collect_and_count(mutator), 1 + 20);
        for (size_t i = 0; i < WORDS; i++) {
            ck_assert_uint_eq(untagged(words[i])->number, i < 10 || i >= 90 ? i : 5);
        }
    }
    host_end(&made.host);
}
END_TEST

START_TEST(compare_and_swap)
{
    struct store_host made = store_host_new();
    tri_mutator *mutator = made.host.mutator;
    {
        TRI_FRAME(mutator, 1);
        TRI_LOCAL(0) = words_new(&made);
        tri_word *words = TRI_LOCAL(0);
        tri_word expected = words[1];
        ck_assert(!tri_cas(mutator, &words[0], &expected, 42));
        ck_assert_uint_eq(expected, words[0]); /* what was there */
        ck_assert(tri_cas(mutator, &words[0], &expected, words[1]));
        ck_assert_uint_eq(words[0], words[1]);
        ck_assert_uint_eq(collect_and_count(mutator), WORDS); /* the first leaf is gone */
        tri_written(mutator, TRI_LOCAL(0));                   /* and whatever is written then */
        words[2] = words[1];
        ck_assert_uint_eq(collect_and_count(mutator), WORDS - 1);
    }
    host_end(&made.host);
}
END_TEST

/* A stack without a lock: pushed to and popped from by compare-and-swap. Nodes are never used
 * again while somebody may look at them: that is what the collector is for. */
struct lock_free {
    struct store_host *host;
    tri_word head[1]; /* a global slot */
    atomic_ullong pushed;
    atomic_ullong popped;
    atomic_ullong sum;
};

struct cell {
    tri_word next;
    uint64_t number;
};

static const tri_field cell_fields[] = {TRI_VALUE_AT(struct cell, next)};

/* A frame holds addresses, not tagged words. */
static void push(struct lock_free *stack, tri_mutator *mutator, tri_type *type, uint64_t number)
{
    struct cell *cell = tri_alloc(mutator, type);
    cell->number = number;
    tri_word head = __atomic_load_n(&stack->head[0], __ATOMIC_ACQUIRE);
    do {
        tri_init(mutator, &cell->next, head);
    } while (!tri_cas(mutator, &stack->head[0], &head, tagged(cell)));
    atomic_fetch_add(&stack->pushed, 1);
    atomic_fetch_add(&stack->sum, number);
}

static void pop(struct lock_free *stack, tri_mutator *mutator)
{
    tri_word head = __atomic_load_n(&stack->head[0], __ATOMIC_ACQUIRE);
    while (head != 0) {
        const struct cell *cell = (const struct cell *)untagged(head);
        uint64_t number = cell->number;
        if (tri_cas(mutator, &stack->head[0], &head,
                    __atomic_load_n(&cell->next, __ATOMIC_ACQUIRE))) {
            atomic_fetch_add(&stack->popped, 1);
            atomic_fetch_sub(&stack->sum, number);
            return;
        }
    }
}

static tri_type *cell_type;

static void *push_and_pop(void *argument)
{
    struct lock_free *stack = argument;
    tri_mutator *mutator = attach(stack->host->host.heap);
    uint64_t random = (uintptr_t)mutator;
    unsigned count = times(20000, 2000);
    for (unsigned i = 0; i < count; i++) {
        if (unit_random_below(&random, 5) < 3) {
            push(stack, mutator, cell_type, i);
        } else {
            pop(stack, mutator);
        }
        tri_safepoint(mutator);
        if (i % 1000 == 0) {
            tri_collect(mutator);
        }
    }
    tri_mutator_detach(mutator);
    return NULL;
}

START_TEST(compare_and_swap_among_threads)
{
    enum {
        THREADS = 4
    };
    static struct lock_free stack;
    struct store_host made = store_host_new();
    pthread_t threads[THREADS];
    stack.host = &made;
    tri_type_desc desc = TRI_TYPE_DESC("cell", struct cell);
    desc.layout = TRI_LAYOUT_OF(cell_fields);
    cell_type = type_new(made.host.heap, &desc);
    ck_assert_int_eq(tri_global_add(made.host.heap, stack.head, 1), TRI_OK);
    tri_blocking_begin(made.host.mutator);
    for (unsigned i = 0; i < THREADS; i++) {
        threads[i] = thread_new(push_and_pop, &stack);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        thread_join(threads[i]);
    }
    tri_blocking_end(made.host.mutator);
    uint64_t left = atomic_load(&stack.pushed) - atomic_load(&stack.popped);
    ck_assert_uint_gt(left, 0);
    ck_assert_uint_eq(collect_and_count(made.host.mutator), left);
    uint64_t sum = 0;
    for (tri_word word = stack.head[0]; word != 0;) {
        const struct cell *cell = (const struct cell *)untagged(word);
        sum += cell->number;
        word = cell->next;
    }
    ck_assert_uint_eq(sum, atomic_load(&stack.sum));
    host_end(&made.host);
}
END_TEST

/* Both words of a pair after one test, by either way, beside marking. */
struct pair {
    tri_word first;
    tri_word second;
};

static bool pair_set(tri_mutator *mutator, struct pair *pair, tri_word first, tri_word second)
{
    if (tri_barrier_is_on(mutator)) {
        tri_store(mutator, &pair->first, first);
        tri_store(mutator, &pair->second, second);
        return true;
    }
    tri_store_unrecorded(mutator, &pair->first, first);
    tri_store_unrecorded(mutator, &pair->second, second);
    return false;
}

#define PAIRS 64

/* References wander through pairs, out of the slot that held them last, while cycles come and go:
 * none is lost, and both ways were taken. */
START_TEST(one_test_for_several_stores)
{
    tri_heap_options options = options_new();
    options.heap_minimum = (size_t)64 * 1024;
    options.markers = 0; /* cycles go on at this thread's steps ... */
    options.stress = 0;  /* ... and not from begin to end in a slow path */
    options.value_encoding = TRI_ENCODING_LOW_TAG(1, 1);
    struct store_host made = {.host = host_new(&options)};
    tri_mutator *mutator = made.host.mutator;
    tri_type_desc desc = TRI_TYPE_DESC("pair", struct pair);
    desc.layout = TRI_LAYOUT(TRI_LAYOUT_ALL_WORDS);
    tri_type *type = type_new(made.host.heap, &desc);
    uint64_t ways[2] = {0, 0};
    {
        TRI_FRAME(mutator, 1);
        TRI_LOCAL(0) = tri_alloc_array(mutator, type, PAIRS);
        for (uint64_t i = 0; i < 100000; i++) {
            if (i % 16 == 0) {
                (void)tri_gc_step(mutator, 64);
            }
            struct pair *pairs = TRI_LOCAL(0);
            struct pair *from = &pairs[i % PAIRS];
            struct pair *to = &pairs[i * 7 % PAIRS];
            tri_word word = from->second;
            ways[pair_set(mutator, from, 0, 0)]++;
            if (word == 0 || i % 3 == 0) {
                word = tagged(link_new(mutator, made.host.leaf, i));
            }
            ways[pair_set(mutator, to, tagged(pairs), word)]++;
            ck_assert_uint_le(untagged(word)->number, i);
        }
    }
    ck_assert_uint_gt(ways[0], 0);
    ck_assert_uint_gt(ways[1], 0);
    host_end(&made.host);
}
END_TEST

int main(void)
{
    const struct test_entry tests[] = {
        {one_test_for_several_stores, 0},
        {ranges_are_copied, LENGTH(copies)},
        {ranges_come_from_anywhere, 0},
        {ranges_are_filled, 0},
        {compare_and_swap, 0},
        {compare_and_swap_among_threads, 0},
    };
    return scenario_run("store", tests, LENGTH(tests));
}
