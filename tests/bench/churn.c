/* churn.c -- short-lived objects, allocated as fast as can be while 10 000 live.
 *
 * Each thread allocates `count` objects of one size and puts each into a ring of 10 000 slots, in
 * place of the object of 10 000 allocations ago. An object with pointers gets one of them set: to
 * the object before it if its number is odd, else to itself, so that no chain keeps anything alive.
 * Every object gets its number.
 *
 *     bench_churn_... kind=p|a size=16|32|64|128|512 threads=1 count=40000000
 *
 * kind p: zeroed; every word but the second (the number) is a pointer. kind a: a leaf, not zeroed.
 * ns_op is the time from the common start to the end of the slowest thread, by the allocations of
 * one thread.
 */
#include BENCH_IMPL
#include "crew.h"

enum {
    RING_SLOTS = 10000
};

/* What an object with pointers begins with. A leaf begins with the number. */
struct object {
    struct object *link;
    uint64_t number;
};

struct run {
    bool pointers;
    size_t size;
    uint64_t count;
};

/* Always inlined with constants for `pointers` and `size`, as a host's allocations are. */
BENCH_INLINE void churn(struct impl_thread *caller, void **ring, uint64_t count, bool pointers,
                        size_t size)
{
    struct impl_thread thread = *caller;
    struct object *previous = NULL;
    size_t slot = 0;
    for (uint64_t i = 0; i < count; i++) {
        void *allocated = impl_alloc(&thread, pointers, size);
        if (pointers) {
            struct object *object = allocated;
            impl_init(&thread, &object->link, i & 1 ? previous : object);
            object->number = i;
            previous = object;
        } else {
            *(uint64_t *)allocated = i;
        }
        impl_replace(&thread, &ring[slot], allocated);
        slot = slot + 1 == RING_SLOTS ? 0 : slot + 1;
    }
}

#define CHURN(kind, pointers, size)                                                                \
    static __attribute__((noinline)) void churn_##kind##size(struct impl_thread *thread,           \
                                                             void **ring, uint64_t count)          \
    {                                                                                              \
        churn(thread, ring, count, pointers, size);                                                \
    }

CHURN(p, true, 16)
CHURN(p, true, 32)
CHURN(p, true, 64)
CHURN(p, true, 128)
CHURN(p, true, 512)
CHURN(a, false, 16)
CHURN(a, false, 32)
CHURN(a, false, 64)
CHURN(a, false, 128)
CHURN(a, false, 512)

typedef void churn_function(struct impl_thread *thread, void **ring, uint64_t count);

static churn_function *choose(bool pointers, size_t size)
{
    static const struct {
        size_t size;
        churn_function *with_pointers, *leaf;
    } choices[] = {
        {16, churn_p16, churn_a16},    {32, churn_p32, churn_a32},    {64, churn_p64, churn_a64},
        {128, churn_p128, churn_a128}, {512, churn_p512, churn_a512},
    };
    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        if (choices[i].size == size) {
            return pointers ? choices[i].with_pointers : choices[i].leaf;
        }
    }
    bench_die("size must be 16, 32, 64, 128 or 512");
}

/* The sum of the numbers found in the ring; with pointers also of those that the links lead to.
 * Words of an object with pointers that nobody wrote must be zero. */
static uint64_t check_ring(void **ring, bool pointers, size_t size)
{
    uint64_t sum = 0;
    for (size_t slot = 0; slot < RING_SLOTS; slot++) {
        if (!pointers) {
            sum += *(uint64_t *)ring[slot];
            continue;
        }
        const struct object *object = ring[slot];
        sum += object->number + 3 * object->link->number;
        const uint64_t *words = ring[slot];
        for (size_t word = 2; word < size / sizeof(*words); word++) {
            if (words[word] != 0) {
                bench_die("an object was not zeroed");
            }
        }
    }
    return sum;
}

static void work(struct member *member, struct impl_thread *thread)
{
    const struct run *run = member->crew->run;
    churn_function *function = choose(run->pointers, run->size);
    void **ring = impl_array(thread, RING_SLOTS);
    crew_start(member, thread);
    function(thread, ring, run->count);
    times_end(&member->times);
    member->result = check_ring(ring, run->pointers, run->size);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        impl_print_version();
        return 0;
    }
    const char *kind = bench_option(argc, argv, "kind");
    struct run run = {
        .pointers = kind == NULL || strcmp(kind, "a") != 0,
        .size = bench_number(argc, argv, "size", 32),
        .count = bench_number(argc, argv, "count", 40000000),
    };
    struct crew crew = {
        .count = (unsigned)bench_number(argc, argv, "threads", 1),
        .work = work,
        .run = &run,
        .live_objects = RING_SLOTS,
    };
    if (crew.count < 1 || crew.count > CREW_MAX || run.count % (2 * RING_SLOTS) != 0) {
        bench_die("threads must be 1 to 64, count a multiple of 20000");
    }
    choose(run.pointers, run.size);

    struct bench_setup setup = {
        .object_size = run.size,
        .interior = bench_number(argc, argv, "interior", 0) != 0,
    };
    if (run.pointers) {
        setup.pointer_words = run.size == 512 ? UINT64_MAX : (UINT64_C(1) << run.size / 8) - 1;
        setup.pointer_words &= ~UINT64_C(2);
    }
    impl_start(&setup);

    crew_run(&crew);
    struct times times = crew_times(&crew);
    bench_report("ns_op", (double)times_wall_ns(&times) / (double)run.count);
    bench_report("cpu_ns_op",
                 (double)times_cpu_ns(&times) / (double)run.count / (double)crew.count);
    crew_report(&crew);
    return 0;
}
