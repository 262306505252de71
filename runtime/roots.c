/* roots.c -- where marking begins.
 *
 * Owns:       struct roots_state.
 * Invariants:
 *   [roots.1] Every root of a mutator MUST be reported at one safepoint of it; otherwise what it
 *             moves from one to another meanwhile is missed.
 *   [roots.2] What is removed between handshake roots and the end of the scan MUST be shaded;
 *             otherwise an object that a black stack has loaded from there is lost. Afterwards it
 *             has been scanned, before that all stacks are still to be.
 *   [roots.3] The scan MUST let others have the lock between pieces; otherwise a mutator that adds
 *             a slot waits for the scan of all others. What is added meanwhile need not be scanned:
 *             all stacks are black by then, and what comes out of a black stack is safe.
 *   [roots.4] A handle that is unused MUST hold 0, and what it held before MUST have passed the
 *             barrier; a block of handles MUST stay for ever; otherwise the scan, which takes no
 *             lock, follows what is none, or misses what a black stack has loaded.
 * Locks:      ROOTS.
 * Callers:    the public entry points; mark through port.h.
 */
#include "runtime/roots.h"

#include "gc/assert.h"
#include "gc/mark.h"
#include "gc/pool.h"
#include "gc/port.h"
#include "runtime/stack.h"
#include "runtime/stack_scan.h"

void roots_state_init(struct process_heap *heap)
{
    struct roots_state *roots = &heap->roots;
    lock_init(&roots->lock, LOCK_ROOTS);
    fixed_pool_init(&roots->global_pool, &heap->heap.meta, sizeof(struct global_range));
    fixed_pool_init(&roots->stack_pool, &heap->heap.meta, sizeof(struct tri_stack));
}

void roots_state_destroy(struct process_heap *heap)
{
    lock_destroy(&heap->roots.lock);
}

tri_result roots_add_global(struct process_heap *heap, tri_word *slots, size_t count)
{
    struct roots_state *roots = &heap->roots;
    if (slots == NULL || !is_aligned((uintptr_t)slots, WORD_BYTES) ||
        address_space_contains(&heap->heap.page_heap.space, (uintptr_t)slots)) {
        return TRI_E_INVALID;
    }
    struct global_range *range = fixed_pool_take(&roots->global_pool);
    if (range == NULL) {
        return TRI_E_NOMEM;
    }
    lock_acquire(&roots->lock);
    *range = (struct global_range){slots, count, roots->globals};
    roots->globals = range;
    lock_release(&roots->lock);
    return TRI_OK;
}

/* Shade what the slots of range hold [roots.2]. */
static void shade_range(struct process_heap *heap, const struct global_range *range)
{
    struct marker marker = {.alone = false};
    marker_init(&heap->heap, &marker);
    scan_values(&marker, &heap->heap.options.value_encoding, range->slots, range->count);
    (void)mark_publish(&heap->heap, &marker);
    marker_destroy(&marker);
}

/* Range is about to go. ROOTS held. */
static void forget_range(struct process_heap *heap, const struct global_range *range)
{
    struct roots_state *roots = &heap->roots;
    if (roots->scan_due) {
        shade_range(heap, range);
    }
    if (roots->next_range == range) {
        roots->next_range = range->next;
        roots->next_slot = 0;
    }
}

bool roots_remove_global(struct process_heap *heap, const tri_word *slots)
{
    struct roots_state *roots = &heap->roots;
    lock_acquire(&roots->lock);
    struct global_range **link = &roots->globals;
    while (*link != NULL && (*link)->slots != slots) {
        link = &(*link)->next;
    }
    struct global_range *range = *link;
    if (range != NULL) {
        *link = range->next;
        forget_range(heap, range);
    }
    lock_release(&roots->lock);
    if (range != NULL) {
        fixed_pool_give(&roots->global_pool, range);
    }
    return range != NULL;
}

bool roots_has_global(struct process_heap *heap, const void *slot)
{
    struct roots_state *roots = &heap->roots;
    bool found = false;
    lock_acquire(&roots->lock);
    for (const struct global_range *r = roots->globals; r != NULL && !found; r = r->next) {
        found = (uintptr_t)slot - (uintptr_t)r->slots < r->count * WORD_BYTES;
    }
    lock_release(&roots->lock);
    return found;
}

/* More handles, in meta. False where there is no memory for them. ROOTS held. */
static bool add_handles(struct roots_state *roots, struct meta_alloc *meta)
    LOCK_REQUIRES(roots->lock)
{
    struct handle_block *block = meta_alloc_take(meta, sizeof *block, CACHE_LINE);
    if (block == NULL) {
        return false;
    }
    for (unsigned i = HANDLES_OF_BLOCK; i-- > 0;) {
        block->handles[i].next_free = roots->free_handles;
        roots->free_handles = &block->handles[i];
    }
    block->next = roots->handle_blocks;
    /* release: pairs with the acquire in scan_handles */
    store_release(&roots->handle_blocks, block);
    return true;
}

struct tri_handle *roots_create_handle(struct process_heap *heap)
{
    struct roots_state *roots = &heap->roots;
    struct tri_handle *handle = NULL;
    lock_acquire(&roots->lock);
    if (roots->free_handles != NULL || add_handles(roots, &heap->heap.meta)) {
        handle = roots->free_handles;
        roots->free_handles = handle->next_free;
        handle->signature = HANDLE_SIGNATURE;
        roots->handle_count++;
    }
    lock_release(&roots->lock);
    return handle;
}

void roots_destroy_handle(struct process_heap *heap, struct tri_handle *handle)
{
    struct roots_state *roots = &heap->roots;
    TRI_ASSERT(load_relaxed(&handle->reference) == 0); /* [roots.4] */
    lock_acquire(&roots->lock);
    handle->signature = 0;
    handle->next_free = roots->free_handles;
    roots->free_handles = handle;
    roots->handle_count--;
    lock_release(&roots->lock);
}

size_t roots_handle_count(struct process_heap *heap)
{
    lock_acquire(&heap->roots.lock);
    size_t count = heap->roots.handle_count;
    lock_release(&heap->roots.lock);
    return count;
}

size_t port_scan_mutator(struct tri_mutator *mutator, struct marker *marker) /* [roots.1] */
{
    struct process_mutator *process = process_mutator_of(mutator);
    size_t bytes = stack_report_current(process, marker);
    bytes += stack_scan(&process->stack, marker);
    bytes += pool_scan_mutator(mutator, marker); /* [pool.1] */
    if (process->scanner != NULL) {
        process->scanner(visitor_of(marker), mutator, process->scanner_argument);
    }
    return bytes;
}

void roots_expect_scan(struct process_heap *heap)
{
    lock_acquire(&heap->roots.lock);
    heap->roots.scan_due = true;
    lock_release(&heap->roots.lock);
}

/* Words that are scanned before others may have the lock. */
#define SCAN_PIECE ((size_t)4096)

/* Let others have the lock [roots.3]. */
static void let_others_in(struct roots_state *roots) LOCK_REQUIRES(roots->lock)
{
    lock_release(&roots->lock);
    port_nap(1000); /* else this thread would have it again at once */
    lock_acquire(&roots->lock);
}

static size_t scan_ranges(struct roots_state *roots, struct marker *marker)
    LOCK_REQUIRES(roots->lock)
{
    const tri_encoding *encoding = &marker->heap->options.value_encoding;
    size_t bytes = 0;
    size_t piece = 0;
    roots->next_range = roots->globals;
    roots->next_slot = 0;
    while (roots->next_range != NULL) {
        struct global_range *range = roots->next_range;
        size_t count = size_min(range->count - roots->next_slot, SCAN_PIECE);
        scan_values(marker, encoding, range->slots + roots->next_slot, count);
        bytes += count * WORD_BYTES;
        roots->next_slot += count;
        if (roots->next_slot == range->count) {
            roots->next_range = range->next;
            roots->next_slot = 0;
        }
        piece += count + 1;
        if (piece >= SCAN_PIECE) {
            piece = 0;
            let_others_in(roots);
        }
    }
    return bytes;
}

/* Without the lock [roots.4]. */
static size_t scan_handles(const struct roots_state *roots, struct marker *marker)
{
    size_t count = 0;
    /* acquire: pairs with the release in add_handles */
    const struct handle_block *block = load_acquire(&roots->handle_blocks);
    for (; block != NULL; block = block->next) {
        for (unsigned i = 0; i < HANDLES_OF_BLOCK; i++) {
            uintptr_t reference = load_relaxed(&block->handles[i].reference);
            if (reference != 0) {
                shade(marker, reference);
                count++;
            }
        }
    }
    return count * WORD_BYTES;
}

size_t port_scan_globals(struct tri_heap *heap, struct marker *marker)
{
    struct process_heap *process = process_heap_of(heap);
    size_t bytes = scan_handles(&process->roots, marker);
    lock_acquire(&process->roots.lock);
    bytes += scan_ranges(&process->roots, marker);
    bytes += stack_report_parked(process, marker);
    process->roots.scan_due = false;
    lock_release(&process->roots.lock);
    return bytes + pool_scan_common(heap, marker);
}
