/* ring.c -- messages of 1 KiB pushed into a ring of 200 000, every push timed.
 *
 * A push allocates a message, a leaf, fills all of it, and puts it in place of the oldest one. The
 * ring is empty at first. See latency.h for what is timed.
 *
 *     bench_ring_... pushes=5000000 slots=200000
 */
#include BENCH_IMPL
#include "latency.h"

enum {
    MESSAGE_WORDS = 128
};

struct message {
    uint64_t words[MESSAGE_WORDS]; /* the first: its number */
};

_Static_assert(sizeof(struct message) == 1024, "the message of the workload's definition");

static __attribute__((noinline)) void push(struct impl_thread *caller, void **ring, uint64_t slots,
                                           uint64_t pushes, const struct message *pattern,
                                           struct latency *latency)
{
    struct impl_thread thread = *caller;
    uint64_t slot = 0;
    uint64_t last_ns = bench_wall_ns();
    for (uint64_t i = 0; i < pushes; i++) {
        struct message *message = impl_alloc(&thread, false, sizeof(*message));
        *message = *pattern;
        message->words[0] = i;
        impl_replace(&thread, &ring[slot], message);
        slot = slot + 1 == slots ? 0 : slot + 1;
        uint64_t now_ns = bench_wall_ns();
        latency_record(latency, now_ns - last_ns);
        last_ns = now_ns;
    }
}

/* The sum of the numbers in the ring, in which the last pushes must be, each where it belongs. */
static uint64_t check_ring(void **ring, uint64_t slots, uint64_t pushes,
                           const struct message *pattern)
{
    uint64_t sum = 0;
    for (uint64_t i = pushes > slots ? pushes - slots : 0; i < pushes; i++) {
        const struct message *message = ring[i % slots];
        if (message->words[0] != i || memcmp(message->words + 1, pattern->words + 1,
                                             sizeof(*message) - sizeof(message->words[0])) != 0) {
            bench_die("a message is not what was pushed");
        }
        sum += message->words[0] + 3 * message->words[MESSAGE_WORDS - 1];
    }
    return sum;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        impl_print_version();
        return 0;
    }
    uint64_t pushes = bench_number(argc, argv, "pushes", 5000000);
    uint64_t slots = bench_number(argc, argv, "slots", 200000);
    if (pushes == 0 || slots == 0) {
        bench_die("pushes and slots must be at least 1");
    }
    struct bench_setup setup = {
        .object_size = sizeof(struct message),
        .interior = bench_number(argc, argv, "interior", 0) != 0,
    };
    impl_start(&setup);
    struct impl_thread thread;
    impl_thread_begin(&thread, slots);
    void **ring = impl_array(&thread, slots);
    struct latency *latency = latency_new();
    struct message pattern;
    for (uint64_t i = 0; i < MESSAGE_WORDS; i++) {
        pattern.words[i] = i;
    }

    uint64_t cpu_ns = bench_cpu_ns();
    push(&thread, ring, slots, pushes, &pattern, latency);
    cpu_ns = bench_cpu_ns() - cpu_ns;

    latency_report(latency);
    bench_report("cpu_ns_op", (double)cpu_ns / (double)pushes);
    if (impl_collections(&thread) >= 0) {
        bench_report("collections", (double)impl_collections(&thread));
    }
    if (impl_stall_max_ns(&thread) >= 0) {
        bench_report("collector_max_us", (double)impl_stall_max_ns(&thread) / 1e3);
    }
    bench_report_check(check_ring(ring, slots, pushes, &pattern));
    free(latency);
    impl_thread_end(&thread);
    return 0;
}
