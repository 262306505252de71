/* heap_fixture.h -- a heap with mutators on the fake port, whose roots a test chooses.
 *
 * One heap at a time. The fixture answers what gc/ asks of the process (gc/port.h): it lists its
 * mutators, answers handshakes for them, reports the roots that the test has named, and checks that
 * a hold finds the collecting mutator blocked. With it the inline tri_alloc works, too, although
 * there is no runtime/.
 *
 * All happens on the test's thread, at places that the test chooses. A mutator that is called late
 * answers a handshake only when the test says so, or when the cycle can do nothing but wait for it;
 * the others are as good as blocked, and answered for when the collector looks for the first time.
 *
 * A test calls fake_port_reset, fixture_begin, ..., fixture_end, fake_port_finish.
 */
#ifndef TESTS_HEAP_FIXTURE_H
#define TESTS_HEAP_FIXTURE_H

#include <check.h>
#include <trillium/alloc.h>

#include "gc/alloc.h"
#include "gc/heap.h"
#include "tests/fake_port.h"

#define FIXTURE_MUTATORS_MAX 4

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FIXTURE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define FIXTURE_SANITIZED 1
#endif
#endif
#ifndef FIXTURE_SANITIZED
#define FIXTURE_SANITIZED 0
#endif

/* As ck_assert, which talks to the test runner each time: this one only where it fails, so it may
 * stand in hot loops and on threads. */
#define EXPECT(condition)                                                                          \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            ck_abort_msg("expected %s", #condition);                                               \
        }                                                                                          \
    } while (0)

/* What becomes of the wish for a cycle, port_wake_collector. */
enum fixture_collector {
    COLLECTOR_NONE = 0, /* there is none: the mutator runs the cycle itself */
    COLLECTOR_AT_ONCE,  /* the whole cycle before the wish returns */
    COLLECTOR_LATER     /* the wish is counted */
};

/* The roots of a mutator's own: its stack. */
struct fixture_stack {
    const uintptr_t *words; /* addresses of objects, into them, or 0 */
    size_t count;
};

struct heap_fixture {
    struct tri_heap *heap; /* NULL: none */
    struct tri_mutator *mutators[FIXTURE_MUTATORS_MAX];
    void *mutator_memory[FIXTURE_MUTATORS_MAX]; /* what each of them lies in */
    unsigned mutator_count;

    /* What the next cycle finds as roots: addresses in global slots; and on the stack of mutator 0
     * words of which any may be one. */
    uintptr_t *roots;
    size_t root_count;
    size_t root_room;
    const void *candidates;
    size_t candidate_count;
    struct fixture_stack stacks[FIXTURE_MUTATORS_MAX];

    /* Handshakes. */
    enum handshake_kind kind;            /* the last one */
    bool answered[FIXTURE_MUTATORS_MAX]; /* it, by this mutator */
    bool late[FIXTURE_MUTATORS_MAX];     /* written by the test: see fixture_answer */
    enum fixture_collector collector;    /* written by the test */

    /* Called at every safepoint that is not inside such a call; NULL: nothing is. */
    void (*at_safepoint)(struct tri_mutator *mutator);

    /* What has happened since fixture_begin. */
    unsigned safepoints;
    unsigned holds;
    unsigned ended;  /* cycles */
    unsigned wakes;  /* of the sweeper */
    unsigned wishes; /* for a cycle, COLLECTOR_LATER */
    unsigned handshakes;
    unsigned waits; /* for late mutators */

    struct mark_segment *withheld; /* that fixture_starve took away, linked */
    size_t withheld_count;
    bool held;
    unsigned blocked; /* mutators inside a blocking region */
    bool in_safepoint;
};

extern struct heap_fixture fixture;

/* The default options: 256 MiB of address space, one marker, GOGC=100, no limit, raw values, and
 * the verifier on. */
void fixture_options(tri_heap_options *options);

/* Make the heap and this many mutators. options may be NULL. False where the heap could not be
 * made. */
bool fixture_try_begin(const tri_heap_options *options, unsigned mutators);
void fixture_begin(const tri_heap_options *options, unsigned mutators);

/* Detach all mutators and destroy the heap. */
void fixture_end(void);

/* Attach one more mutator; detach the last one. */
struct tri_mutator *fixture_attach(void);
void fixture_detach(void);

/* The late mutator number index has come to its safepoint: it answers, if it has not yet. */
void fixture_answer(unsigned index);

/* Whether all have answered the last handshake. */
bool fixture_all_answered(void);

/* ---- Types ----------------------------------------------------------------------------------- */

tri_type *fixture_define(const tri_type_desc *desc);

/* A type of size bytes with a layout that needs no fields: leaf, all words, conservative. */
tri_type *fixture_type(size_t size, tri_layout_kind kind);

/* Let the type have spans of its own at once. */
void fixture_promote(tri_type *type);

/* ---- Objects. What these return is no root. -------------------------------------------------- */

/* Mutator 0 allocates; NULL only where memory is exhausted and the handler allows that. */
tri_ref fixture_new(tri_type *type);
tri_ref fixture_new_array(tri_type *element, size_t count);
tri_ref fixture_new_trailing(tri_type *type, size_t count);

/* The word number index of object. */
static inline uintptr_t *fixture_slot(tri_ref object, size_t index)
{
    return (uintptr_t *)object + index;
}

/* object's word number index leads to target. */
static inline void fixture_link(tri_ref object, size_t index, const void *target)
{
    store_relaxed(fixture_slot(object, index), (uintptr_t)target);
}

/* Store target with the barrier as tri_store and tri_init do; in insertion mode it comes after the
 * store. */
void fixture_store(struct tri_mutator *mutator, uintptr_t *slot, const void *target);
void fixture_init(struct tri_mutator *mutator, uintptr_t *slot, const void *target);

/* The span that address lies in, published or not. */
struct span *fixture_span(const void *address);

/* Whether address lies in an allocated slot; in one that is marked. */
bool fixture_is_allocated(const void *address);
bool fixture_is_marked(const void *address);

/* Clear all mark bits. */
void fixture_unmark(void);

/* ---- Roots and cycles ------------------------------------------------------------------------ */

/* Make object a root, after those that are. */
void fixture_keep(const void *object);
void fixture_drop_roots(void);

/* Give all caches back, as a hold does. */
void fixture_flush(void);

/* A forced cycle of mutator 0, and all of its sweep. */
void fixture_collect(void);

/* mark_held, as a held cycle of mutator 0 would; then, where verify is on, what that checks. All
 * spans are swept, and the caches given back. */
void fixture_mark(void);

/* Begin a cycle where none is under way, and take it on, by mutator 0, to phase: to the begin of
 * its handshake, which nobody has answered yet, if it has one. No mutator that is late is waited
 * for. */
void fixture_step_to(enum cycle_phase phase);

/* While a cycle marks: scan all that has been given up. */
void fixture_drain(void);

/* All answer the handshake under way, the late ones as well. */
void fixture_answer_all(void);

/* verify_heap as before marking, after a flush; all spans are swept. */
void fixture_verify(void);

/* Spans that are to be swept. */
uint64_t fixture_unswept(void);

/* Mark stack segments of pool that nobody uses; and make this many. */
size_t fixture_spare_segments(struct segment_pool *pool);
void fixture_make_segments(struct segment_pool *pool, size_t count);

/* From now on the collector gets no memory of its own, but for this many segments of mark stacks;
 * fixture_feed ends that. */
void fixture_starve(size_t segments);
void fixture_feed(void);

/* A marker that works alone, and its end; its stack is emptied. */
void fixture_begin_marker(struct marker *marker);
void fixture_end_marker(struct marker *marker);

/* ---- Threads --------------------------------------------------------------------------------- */

/* Call function(argument, i) for i in 0 ... count - 1 on a thread each, 0 included, and wait for
 * all. */
void fixture_run_threads(unsigned count, void (*function)(void *argument, unsigned index),
                         void *argument);

/* Call function(argument, 0) on a thread with a C stack of stack_bytes. */
void fixture_run_on_stack(size_t stack_bytes, void (*function)(void *argument, unsigned index),
                          void *argument);

/* Where threads wait for each other: all zero at first. */
struct meeting {
    uint32_t arrived; /* atomic: how often somebody has */
};

/* Returns once all count threads have come here as often as the caller. */
void fixture_meet(struct meeting *meeting, uint32_t count);

/* For fake_port_hooks()->run_parallel: 0 on the calling thread, the others on threads. */
unsigned fixture_run_parallel(struct tri_heap *heap, unsigned count,
                              void (*function)(void *argument, unsigned index), void *argument);

/* Whether no shard of list has a span. */
bool fixture_list_is_empty(const struct central_list *list);

#endif
