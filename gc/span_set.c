/* span_set.c -- the tagged stack of spans.
 *
 * Owns:       the next field of every span that is in a set or a chain.
 * Invariants:
 *   [span_set.1] Each change of the head MUST change its tag; otherwise a thread that read (A, next
 *                B) and slept while A was taken, B was taken, and A was put back, installs B, which
 *                somebody owns: one span, two owners.
 *   [span_set.2] A span MUST be in at most one set or chain; otherwise its next field leads from
 *                one into another.
 * Locks:      none.
 * Callers:    central_list; thread_cache and alloc, for chains.
 */
#include "gc/span_set.h"

#include "gc/assert.h"

#define TAG_STEP (UINT64_C(1) << 32)

void span_set_init(struct span_set *set)
{
    store_relaxed(&set->head, (uint64_t)PAGE_NONE);
}

/* The head that replaces old and has page on top. */
static uint64_t next_head(uint64_t old, page_index page)
{
    return ((old & ~(TAG_STEP - 1)) + TAG_STEP) | page; /* [span_set.1] */
}

void span_chain_put(struct span_chain *chain, const struct span_table *table, struct span *span)
{
    page_index page = span_page(table, span);
    TRI_ASSERT(span->first == page);
    TRI_ASSERT(load_relaxed(&span->next) == PAGE_NONE); /* [span_set.2] */
    if (chain->count == 0) {
        chain->last = page;
    } else {
        store_relaxed(&span->next, chain->first);
    }
    chain->first = page;
    chain->count++;
}

struct span *span_chain_take(struct span_chain *chain, const struct span_table *table)
{
    if (chain->count == 0) {
        return NULL;
    }
    struct span *span = span_at(table, chain->first);
    chain->first = load_relaxed(&span->next);
    chain->count--;
    store_relaxed(&span->next, (uint32_t)PAGE_NONE);
    return span;
}

void span_set_push_chain(struct span_set *set, const struct span_table *table,
                         struct span_chain *chain)
{
    if (chain->count == 0) {
        return;
    }
    struct span *last = span_at(table, chain->last);
    uint64_t head = load_relaxed(&set->head);
    uint64_t desired;
    do {
        store_relaxed(&last->next, (uint32_t)head);
        desired = next_head(head, chain->first);
        /* release half: pairs with the acquire half in span_set_pop_chain, which takes over the
         * spans' owner fields */
    } while (!cas_weak_acq_rel(&set->head, &head, desired));
    *chain = (struct span_chain){.count = 0};
}

/* The first spans, up to most of them, of what lies below head; *next is what follows. Others may
 * take them meanwhile: the numbers are good where head is still the set's. */
static struct span_chain find_chain(const struct span_table *table, uint64_t head, uint32_t most,
                                    page_index *next)
{
    struct span_chain chain = {.first = (page_index)head};
    *next = chain.first;
    while (*next != PAGE_NONE && chain.count < most) {
        chain.last = *next;
        chain.count++;
        *next = load_relaxed(&span_at(table, chain.last)->next);
    }
    return chain;
}

struct span_chain span_set_pop_chain(struct span_set *set, const struct span_table *table,
                                     uint32_t most)
{
    /* acquire: pairs with the release half of the exchange in span_set_push_chain, so that the next
     * fields are those pushed with this head */
    uint64_t head = load_acquire(&set->head);
    struct span_chain chain;
    page_index next;
    do {
        chain = find_chain(table, head, most, &next);
        if (chain.count == 0) {
            return chain;
        }
        /* acquire half: pairs with the release half in span_set_push_chain */
    } while (!cas_weak_acq_rel(&set->head, &head, next_head(head, next)));
    store_relaxed(&span_at(table, chain.last)->next, (uint32_t)PAGE_NONE);
    return chain;
}

void span_set_push(struct span_set *set, const struct span_table *table, struct span *span)
{
    struct span_chain chain = {.count = 0};
    span_chain_put(&chain, table, span);
    span_set_push_chain(set, table, &chain);
}

struct span *span_set_pop(struct span_set *set, const struct span_table *table)
{
    struct span_chain chain = span_set_pop_chain(set, table, 1);
    return span_chain_take(&chain, table);
}

struct span *span_set_next(const struct span_set *set, const struct span_table *table,
                           const struct span *span)
{
    uint32_t page = span == NULL ? (uint32_t)load_relaxed(&set->head) : load_relaxed(&span->next);
    return page == PAGE_NONE ? NULL : span_at(table, page);
}
