/* meta_alloc.c -- the collector's own memory: a bump pointer through blocks that are never given
 * back one by one.
 *
 * Owns:       the blocks, and what is in them as far as nobody took it; the free lists of the
 *             pools.
 * Invariants:
 *   [meta_alloc.1] Every mapping MUST be in the list of blocks; otherwise meta_alloc_destroy leaks
 *                  it.
 *   [meta_alloc.2] A record MUST be in the free list at most once, and only of the pool it came
 *                  from; otherwise two owners write to it.
 * Locks:      takes META; calls only the port's memory functions with it.
 * Callers:    any thread, also with other locks held.
 *
 * The first block is small because many heaps may stand side by side in one process, most of them
 * small.
 */
#include "gc/meta_alloc.h"

#include <string.h>

#include "gc/atomic.h"

#define FIRST_BLOCK_BYTES (16 * KIB)
#define BLOCK_BYTES       (64 * KIB)

/* What would waste more than a quarter of a block at its change gets a mapping of its own. */
#define BIG_BYTES (BLOCK_BYTES / 4)

/* At the start of each mapping. */
struct meta_block {
    struct meta_block *older;
    size_t bytes; /* of the mapping */
};

void meta_alloc_init(struct meta_alloc *meta)
{
    *meta = (struct meta_alloc){0};
    lock_init(&meta->lock, LOCK_META);
}

void meta_alloc_destroy(struct meta_alloc *meta)
{
    for (struct meta_block *block = meta->blocks; block != NULL;) {
        struct meta_block *older = block->older;
        port_release(block, block->bytes);
        block = older;
    }
    lock_destroy(&meta->lock);
    *meta = (struct meta_alloc){0};
}

size_t meta_alloc_mapped_bytes(const struct meta_alloc *meta)
{
    return load_relaxed(&meta->mapped_bytes);
}

/* Map bytes, rounded up, and enter the mapping in the list [meta_alloc.1]. NULL where the system
 * refuses. */
static struct meta_block *map_block(struct meta_alloc *meta, size_t bytes)
{
    size_t os_page = port_os_page_bytes();
    bytes = align_up(bytes, os_page);
    struct meta_block *block = port_reserve(bytes, os_page, "trillium metadata");
    if (block == NULL) {
        return NULL;
    }
    if (!port_commit(block, bytes, "trillium metadata")) {
        port_release(block, bytes);
        return NULL;
    }
    block->older = meta->blocks;
    block->bytes = bytes;
    meta->blocks = block;
    store_relaxed(&meta->mapped_bytes, meta->mapped_bytes + bytes);
    return block;
}

static char *align_pointer(char *pointer, size_t alignment)
{
    return pointer + (align_up((uintptr_t)pointer, alignment) - (uintptr_t)pointer);
}

/* A mapping for this request alone. */
static void *take_big(struct meta_alloc *meta, size_t bytes, size_t alignment)
{
    size_t total;
    if (!size_add(bytes, sizeof(struct meta_block) + alignment, &total) ||
        total > SIZE_MAX - port_os_page_bytes()) {
        return NULL;
    }
    struct meta_block *block = map_block(meta, total);
    return block == NULL ? NULL : align_pointer((char *)(block + 1), alignment);
}

/* From the block being carved; NULL where it is too full. */
static void *take_carved(struct meta_alloc *meta, size_t bytes, size_t alignment)
{
    if (meta->next == NULL) {
        return NULL;
    }
    char *start = align_pointer(meta->next, alignment);
    if (start > meta->limit || bytes > (size_t)(meta->limit - start)) {
        return NULL;
    }
    meta->next = start + bytes;
    return start;
}

static void *take_locked(struct meta_alloc *meta, size_t bytes, size_t alignment)
    LOCK_REQUIRES(meta->lock)
{
    void *memory = take_carved(meta, bytes, alignment);
    if (memory != NULL) {
        return memory;
    }
    if (bytes > BIG_BYTES || alignment > BIG_BYTES) {
        return take_big(meta, bytes, alignment);
    }
    bool fits_first = bytes + alignment + sizeof(struct meta_block) <= FIRST_BLOCK_BYTES;
    struct meta_block *block =
        map_block(meta, meta->next == NULL && fits_first ? FIRST_BLOCK_BYTES : BLOCK_BYTES);
    if (block == NULL) {
        return NULL;
    }
    /* The rest of the block before is left; less than was asked for, hence less than a quarter of a
     * block. */
    meta->next = (char *)(block + 1);
    meta->limit = (char *)block + block->bytes;
    return take_carved(meta, bytes, alignment);
}

void *meta_alloc_take(struct meta_alloc *meta, size_t bytes, size_t alignment)
{
    TRI_ASSERT(is_power_of_two(alignment));
    lock_acquire(&meta->lock);
    void *memory = take_locked(meta, bytes, alignment);
    lock_release(&meta->lock);
    return memory;
}

void fixed_pool_init(struct fixed_pool *pool, struct meta_alloc *meta, size_t bytes)
{
    TRI_ASSERT(bytes > 0);
    bytes = align_up(bytes, sizeof(void *)); /* the link of the free list fits */
    size_t alignment = size_min(bytes & (~bytes + 1), CACHE_LINE);
    *pool = (struct fixed_pool){.meta = meta, .bytes = bytes, .alignment = alignment};
}

void *fixed_pool_take(struct fixed_pool *pool)
{
    struct meta_alloc *meta = pool->meta;
    lock_acquire(&meta->lock);
    void *record = pool->free;
    bool fresh = record == NULL;
    if (fresh) {
        record = take_locked(meta, pool->bytes, pool->alignment);
    } else {
        memcpy(&pool->free, record, sizeof pool->free);
    }
    pool->taken += record != NULL;
    lock_release(&meta->lock);
    if (!fresh) {
        memset(record, 0, pool->bytes);
    }
    return record;
}

#if TRI_CHECKS >= 2
/* Is record among the latest records given back? Bounded, so that checking stays linear. */
static bool is_free(const struct fixed_pool *pool, const void *record)
{
    const void *free = pool->free;
    for (unsigned i = 0; i < 64 && free != NULL; i++) {
        if (free == record) {
            return true;
        }
        memcpy(&free, free, sizeof free);
    }
    return false;
}
#else
#define is_free(pool, record) false
#endif

void fixed_pool_give(struct fixed_pool *pool, void *record)
{
    struct meta_alloc *meta = pool->meta;
    lock_acquire(&meta->lock);
    TRI_ASSERT(pool->taken > 0);
    TRI_ASSERT_SLOW(!is_free(pool, record)); /* [meta_alloc.2] */
    memcpy(record, &pool->free, sizeof pool->free);
    pool->free = record;
    pool->taken--;
    lock_release(&meta->lock);
}
