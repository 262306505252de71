/* pool.c -- buffers of 1 KiB, each new or out of a pool.
 *
 * `count` times: a buffer, which is an object that refers to its bytes, is taken, reset, 1 KiB is
 * written into it, and
 *     buffers=fresh   it is dropped;
 *     buffers=pooled  it is put back, for the next time.
 * A new buffer has no bytes: they are allocated when it is first written to, as those of Go's
 * bytes.Buffer are. The check sums up what stands in the buffers.
 *
 *     bench_pool_trillium buffers=fresh|pooled count=1000000 bytes=1024
 *
 * How many bytes are written is not known to the compiler, as it is not where buffers are used:
 * gcc copies a constant number of so many by an instruction that is slow to begin.
 */
#include BENCH_IMPL

enum {
    BUFFER_BYTES = 1024,
    LAST_BYTE = 7
};

struct buffer {
    unsigned char *bytes; /* BUFFER_BYTES; NULL: not yet */
    uint64_t length;
};

struct run {
    tri_mutator *mutator;
    tri_type *buffer_type, *bytes_type;
    uint64_t count;
    size_t text_bytes;
    unsigned char text[BUFFER_BYTES];
};

/* The caller keeps the buffer: this may allocate its bytes. */
static void buffer_write(const struct run *run, struct buffer *buffer)
{
    if (buffer->bytes == NULL) {
        unsigned char *bytes = tri_alloc(run->mutator, run->bytes_type);
        tri_store_ref(run->mutator, (tri_ref *)(void *)&buffer->bytes, bytes);
    }
    memcpy(buffer->bytes + buffer->length, run->text, run->text_bytes);
    buffer->length += run->text_bytes;
}

/* Writes the text, which begins with `number`; gives what the check sums up. */
static uint64_t fill(struct run *run, struct buffer *buffer, uint64_t number)
{
    memcpy(run->text, &number, sizeof(number));
    buffer->length = 0;
    buffer_write(run, buffer);
    uint64_t first;
    memcpy(&first, buffer->bytes, sizeof(first));
    return first + 3 * (uint64_t)buffer->bytes[buffer->length - 1];
}

static __attribute__((noinline)) uint64_t use_fresh(struct run *run)
{
    uint64_t check = 0;
    TRI_FRAME(run->mutator, 1);
    for (uint64_t i = 0; i < run->count; i++) {
        TRI_LOCAL(0) = tri_alloc(run->mutator, run->buffer_type);
        check += fill(run, TRI_LOCAL(0), i);
    }
    return check;
}

static tri_ref new_buffer(tri_mutator *mutator, void *argument)
{
    return tri_alloc(mutator, argument);
}

static __attribute__((noinline)) uint64_t use_pooled(struct run *run)
{
    uint64_t check = 0;
    tri_pool *pool;
    impl_require(tri_pool_create(impl_heap, new_buffer, run->buffer_type, &pool));
    TRI_FRAME(run->mutator, 1);
    for (uint64_t i = 0; i < run->count; i++) {
        struct buffer *buffer = tri_pool_get(run->mutator, pool);
        TRI_LOCAL(0) = buffer;
        check += fill(run, buffer, i);
        tri_pool_put(run->mutator, pool, buffer);
    }
    tri_pool_destroy(pool);
    return check;
}

/* Objects allocated so far. What mutators have not accounted for yet they do in a collection. */
static uint64_t objects(struct impl_thread *thread)
{
    impl_collect(thread);
    return impl_stats().mallocs;
}

static void measure(struct impl_thread *thread, struct run *run, bool pooled)
{
    uint64_t before = objects(thread);
    int64_t collections = impl_collections(thread);
    uint64_t cpu_ns = bench_cpu_ns(), wall_ns = bench_wall_ns();
    uint64_t check = pooled ? use_pooled(run) : use_fresh(run);
    wall_ns = bench_wall_ns() - wall_ns;
    cpu_ns = bench_cpu_ns() - cpu_ns;
    collections = impl_collections(thread) - collections;

    bench_report("ns_op", (double)wall_ns / (double)run->count);
    bench_report("cpu_ns_op", (double)cpu_ns / (double)run->count);
    bench_report("objects", (double)(objects(thread) - before));
    bench_report("collections", (double)collections);
    bench_report_check(check);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "version") == 0) {
        impl_print_version();
        return 0;
    }
    const char *buffers = bench_option(argc, argv, "buffers");
    bool pooled = buffers != NULL && strcmp(buffers, "pooled") == 0;
    struct run run = {
        .count = bench_number(argc, argv, "count", 1000000),
        .text_bytes = bench_number(argc, argv, "bytes", BUFFER_BYTES),
    };
    if (buffers == NULL || (!pooled && strcmp(buffers, "fresh") != 0) || run.count == 0) {
        bench_die("buffers must be fresh or pooled, count at least 1");
    }
    if (run.text_bytes < sizeof(uint64_t) || run.text_bytes > BUFFER_BYTES) {
        bench_die("bytes must be 8 to 1024");
    }
    memset(run.text, LAST_BYTE, sizeof(run.text));

    struct bench_setup setup = {.object_size = sizeof(struct buffer), .pointer_words = 1};
    impl_start(&setup);
    struct impl_thread thread;
    impl_thread_begin(&thread, 1);
    run.mutator = thread.mutator;
    run.buffer_type = impl_object_type;
    run.bytes_type = impl_define("bytes", BUFFER_BYTES, 0, false);
    measure(&thread, &run, pooled);
    impl_thread_end(&thread);
    return 0;
}
