/* stack_scan.c -- conservative roots of a thread.
 *
 * Owns:       nothing.
 * Invariants:
 *   [stack_scan.1] What callee-saved registers held when the host called MUST be in the extent's
 *                  copy or above its bottom; otherwise a reference that the caller keeps in a
 *                  register only is lost. The collector's functions may have pushed such registers
 *                  into their own frames, which are gone once the entry point has returned: hence
 *                  the copy of these frames. A function that gives its frame address as the entry
 *                  point's MUST NOT be inlined: the address would be that of a host's frame, whose
 *                  locals lie below it, where nothing stays.
 *   [stack_scan.2] Under AddressSanitizer, frames on its fake stack MUST be scanned as well;
 *                  otherwise a local that was moved there is lost.
 * Locks:      none.
 * Callers:    mutators before they block (publish), the collector (scan).
 */
#include "runtime/stack_scan.h"

#include "gc/assert.h"
#include "gc/scan.h"

/* The scan reads whole stacks: poisoned red zones between the locals of other functions, and words
 * that the thread, which is inside a blocking region, may be writing. Both are the nature of a
 * conservative scan: any word it sees is only a candidate, and one that changes meanwhile was not a
 * root at the time of blocking, since the promise of a blocking region is not to touch the heap. */
#define SCANS_FOREIGN_STACK NO_SANITIZE("address", "thread", "undefined")

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ADDRESS_SANITIZER 1
#endif
#endif

#ifdef UNDER_ADDRESS_SANITIZER
/* Of the sanitizer's public interface. */
void *__asan_get_current_fake_stack(void);
void *__asan_addr_is_in_fake_stack(void *fake_stack, void *address, void **begin, void **end);

static void *current_fake_stack(void)
{
    return __asan_get_current_fake_stack();
}

/* Where word points into the fake stack, the frame there. */
static bool fake_frame(void *fake_stack, uintptr_t word, const char **begin, const char **end)
{
    void *first;
    void *last;
    if (fake_stack == NULL ||
        __asan_addr_is_in_fake_stack(fake_stack, (void *)word, &first, &last) == NULL) {
        return false;
    }
    *begin = first;
    *end = last;
    return true;
}
#else
static void *current_fake_stack(void)
{
    return NULL;
}

static bool fake_frame(void *fake_stack, uintptr_t word, const char **begin, const char **end)
{
    (void)fake_stack;
    (void)word;
    (void)begin;
    (void)end;
    return false;
}
#endif

const char *stack_scan_top(void)
{
    pthread_attr_t attributes;
    void *lowest = NULL;
    size_t bytes = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
        return NULL;
    }
    bool known = pthread_attr_getstack(&attributes, &lowest, &bytes) == 0;
    (void)pthread_attr_destroy(&attributes);
    return known ? (const char *)lowest + bytes : NULL;
}

/* Bytes above an entry point's frame address that its frame can reach: where frame records lie at
 * the lower end of a frame, saved registers are above them. */
#define ENTRY_FRAME_BYTES 512

/* Copy the words of the stack from below this function's caller to a little above entry_frame, and
 * return how many. Not inlined: its frame lies below. */
SCANS_FOREIGN_STACK TRI_NOINLINE static size_t copy_frames(struct stack_extent *extent,
                                                           const char *entry_frame)
{
    const char *from = (const char *)align_down((uintptr_t)FRAME_ADDRESS(), WORD_BYTES);
    const char *to = entry_frame + ENTRY_FRAME_BYTES;
    to = to < extent->top ? to : extent->top;
    TRI_ASSERT(from < to);
    size_t count = (size_t)(to - from) / WORD_BYTES;
    if (TRI_NEVER(count > STACK_COPY_WORDS)) { /* [stack_scan.1] */
        count = STACK_COPY_WORDS;
    }
    for (size_t i = 0; i < count; i++) {
        extent->copy[i] =
            *(const volatile uintptr_t *)(const volatile void *)(from + i * WORD_BYTES);
    }
    return count;
}

void stack_scan_publish(struct stack_extent *extent, const void *entry_frame)
{
    SPILL_REGISTERS(); /* [stack_scan.1]: every callee-saved register is now in this frame or
                                above it */
    extent->bottom = (const char *)align_down((uintptr_t)entry_frame, WORD_BYTES);
    extent->fake_stack = current_fake_stack();
    /* The result is used after the call: were the call the last thing here, the compiler would take
     * this frame down before it, with the registers in it. */
    extent->copy_count = copy_frames(extent, extent->bottom);
}

/* Candidates in [begin, end), each read once. */
SCANS_FOREIGN_STACK static void scan_words(struct marker *marker, const char *begin,
                                           const char *end)
{
    for (const char *at = begin; at + WORD_BYTES <= end; at += WORD_BYTES) {
        shade(marker, *(const volatile uintptr_t *)(const volatile void *)at);
    }
}

/* The frames of the fake stack that words in [begin, end) point to [stack_scan.2]. */
SCANS_FOREIGN_STACK static void scan_fake_frames(const struct stack_extent *extent,
                                                 struct marker *marker, const char *begin,
                                                 const char *end)
{
    for (const char *at = begin; at + WORD_BYTES <= end; at += WORD_BYTES) {
        const char *first;
        const char *last;
        uintptr_t word = *(const volatile uintptr_t *)(const volatile void *)at;
        if (fake_frame(extent->fake_stack, word, &first, &last)) {
            scan_words(marker, (const char *)align_up((uintptr_t)first, WORD_BYTES), last);
        }
    }
}

size_t stack_scan(const struct stack_extent *extent, struct marker *marker)
{
    if (extent->top == NULL) {
        return 0;
    }
    TRI_ASSERT(extent->bottom != NULL && extent->bottom <= extent->top);
    const char *copy = (const char *)extent->copy;
    const char *copy_end = (const char *)(extent->copy + extent->copy_count);
    marker->conservative = true;
    scan_words(marker, copy, copy_end);
    scan_words(marker, extent->bottom, extent->top);
    if (extent->fake_stack != NULL) {
        scan_fake_frames(extent, marker, copy, copy_end);
        scan_fake_frames(extent, marker, extent->bottom, extent->top);
    }
    marker->conservative = false;
    return (size_t)(extent->top - extent->bottom) + (size_t)(copy_end - copy);
}
