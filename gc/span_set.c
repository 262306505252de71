/* span_set.c -- the tagged stack of spans.
 *
 * Owns:       the next field of every span that is in a set.
 * Invariants:
 *   [span_set.1] Each change of the head MUST change its tag; otherwise a thread that read (A, next
 *                B) and slept while A was taken, B was taken, and A was put back, installs B, which
 *                somebody owns: one span, two owners.
 *   [span_set.2] A span MUST be in at most one set; otherwise its next field leads from one set
 *                into another.
 * Locks:      none.
 * Callers:    central_list.
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

void span_set_push(struct span_set *set, const struct span_table *table, struct span *span)
{
    uint64_t head = load_relaxed(&set->head);
    page_index page = span_page(table, span);
    TRI_ASSERT(span->first == page);
    TRI_ASSERT(load_relaxed(&span->next) == PAGE_NONE); /* [span_set.2] */
    uint64_t desired;
    do {
        store_relaxed(&span->next, (uint32_t)head);
        desired = next_head(head, page);
        /* release half: pairs with the acquire half in span_set_pop, which takes over the span's
         * owner fields */
    } while (!cas_weak_acq_rel(&set->head, &head, desired));
}

struct span *span_set_pop(struct span_set *set, const struct span_table *table)
{
    /* acquire: pairs with the release half of the exchange in span_set_push, so that next is the
     * one pushed with this head */
    uint64_t head = load_acquire(&set->head);
    struct span *span;
    do {
        if ((uint32_t)head == PAGE_NONE) {
            return NULL;
        }
        span = span_at(table, (page_index)head);
        /* acquire half: pairs with the release half in span_set_push */
    } while (!cas_weak_acq_rel(&set->head, &head, next_head(head, load_relaxed(&span->next))));
    store_relaxed(&span->next, PAGE_NONE);
    return span;
}

struct span *span_set_next(const struct span_set *set, const struct span_table *table,
                           const struct span *span)
{
    uint32_t page = span == NULL ? (uint32_t)load_relaxed(&set->head) : load_relaxed(&span->next);
    return page == PAGE_NONE ? NULL : span_at(table, page);
}
