/* roots.c -- where marking begins.
 *
 * Owns:       struct roots_state.
 * Invariants:
 *   [roots.1] Every root of every mutator MUST be reported while the mutator is taken; otherwise
 *             what it stores next is missed.
 * Locks:      ROOTS.
 * Callers:    the public entry points; mark through port.h.
 */
#include "runtime/roots.h"

#include "gc/assert.h"
#include "gc/port.h"
#include "gc/scan.h"
#include "runtime/stack_scan.h"

void roots_state_init(struct process_heap *heap)
{
    struct roots_state *roots = &heap->roots;
    lock_init(&roots->lock, LOCK_ROOTS);
    fixed_pool_init(&roots->handle_pool, &heap->heap.meta, sizeof(struct tri_handle));
    fixed_pool_init(&roots->global_pool, &heap->heap.meta, sizeof(struct global_range));
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

struct tri_handle *roots_create_handle(struct process_heap *heap)
{
    struct roots_state *roots = &heap->roots;
    struct tri_handle *handle = fixed_pool_take(&roots->handle_pool);
    if (handle == NULL) {
        return NULL;
    }
    handle->signature = HANDLE_SIGNATURE;
    lock_acquire(&roots->lock);
    handle->next = roots->handles;
    if (handle->next != NULL) {
        handle->next->previous = handle;
    }
    roots->handles = handle;
    roots->handle_count++;
    lock_release(&roots->lock);
    return handle;
}

void roots_destroy_handle(struct process_heap *heap, struct tri_handle *handle)
{
    struct roots_state *roots = &heap->roots;
    lock_acquire(&roots->lock);
    if (handle->previous != NULL) {
        handle->previous->next = handle->next;
    } else {
        roots->handles = handle->next;
    }
    if (handle->next != NULL) {
        handle->next->previous = handle->previous;
    }
    handle->signature = 0;
    roots->handle_count--;
    lock_release(&roots->lock);
    fixed_pool_give(&roots->handle_pool, handle);
}

size_t roots_handle_count(struct process_heap *heap)
{
    lock_acquire(&heap->roots.lock);
    size_t count = heap->roots.handle_count;
    lock_release(&heap->roots.lock);
    return count;
}

/* Frames lie on the C stack, their slots behind them: see TRI_FRAME. */
static size_t scan_frames(const struct tri_mutator *mutator, struct marker *marker)
{
    size_t bytes = 0;
    for (const struct tri_frame_ *f = mutator->head.frames; f != NULL; f = f->previous) {
        const tri_ref *slots = (const tri_ref *)(const void *)(f + 1);
        for (size_t i = 0; i < f->count; i++) {
            shade(marker, (uintptr_t)slots[i]);
        }
        bytes += sizeof *f + f->count * sizeof slots[0];
    }
    return bytes;
}

struct mutator_scan {
    struct marker *marker;
    size_t bytes;
};

/* [roots.1] */
static void scan_mutator(struct tri_mutator *mutator, void *argument)
{
    struct mutator_scan *scan = argument;
    const struct process_mutator *process = process_mutator_of(mutator);
    scan->bytes += scan_frames(mutator, scan->marker);
    scan->bytes += stack_scan(&process->stack, scan->marker);
    if (process->scanner != NULL) {
        process->scanner(visitor_of(scan->marker), mutator, process->scanner_argument);
    }
}

static size_t scan_globals(struct roots_state *roots, struct marker *marker)
{
    const tri_encoding *encoding = &marker->heap->options.value_encoding;
    size_t bytes = 0;
    lock_acquire(&roots->lock);
    for (const struct global_range *r = roots->globals; r != NULL; r = r->next) {
        scan_values(marker, encoding, r->slots, r->count);
        bytes += r->count * WORD_BYTES;
    }
    for (const struct tri_handle *h = roots->handles; h != NULL; h = h->next) {
        shade(marker, load_relaxed(&h->reference));
        bytes += sizeof h->reference;
    }
    lock_release(&roots->lock);
    return bytes;
}

void port_scan_roots(struct tri_heap *heap, struct marker *marker, size_t *stack_bytes,
                     size_t *global_bytes)
{
    struct mutator_scan scan = {.marker = marker};
    port_each_mutator(heap, scan_mutator, &scan);
    *stack_bytes = scan.bytes;
    *global_bytes = scan_globals(&process_heap_of(heap)->roots, marker);
}
