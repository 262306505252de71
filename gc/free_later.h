/* free_later.h -- blocks of the host's that a trace function may still be reading. */
#ifndef GC_FREE_LATER_H
#define GC_FREE_LATER_H

#include "gc/heap_state.h"

/* A block on the list. */
struct free_later_block {
    struct free_later_block *next;
    void *block;
    void (*release)(void *block, void *argument);
    void *argument;
};

void free_later_init(struct tri_heap *heap);

/* Release what is left. Nobody uses the heap. */
void free_later_destroy(struct tri_heap *heap);

/* Let release(block, argument) be called once no marker can be reading block, on any thread; at
 * once where none can now. The count words at words are what block referred to. False where there
 * is no memory to remember it: then nothing has happened. Owner of mutator only, running. */
bool free_later(struct tri_mutator *mutator, const struct free_later_block *block,
                const uintptr_t *words, size_t count);

/* Release what is on the list. CYCLE held, no marker at work, and none will be in this cycle. */
void free_later_run(struct tri_heap *heap);

#endif
