/* weak_hook.h -- functions of the host's that take what has died out of its own tables. */
#ifndef GC_WEAK_HOOK_H
#define GC_WEAK_HOOK_H

#include <trillium/weak_hook.h>

#include "gc/heap_state.h"

struct tri_weak_hook {
    struct tri_weak_hook *next; /* Guarded by HOOKS. First, so that heap stands in a record that was
                                   given back */

    /* Written once. */
    struct tri_heap *heap;
    tri_encoding encoding;
    tri_weak_hook_function *function;
    void *argument;

    /* Guarded by HOOKS. */
    bool is_over;        /* it has looked at everything in this weak phase */
    uint32_t is_running; /* atomic: its function is being called; read inside of that */
};

void weak_hook_state_init(struct tri_heap *heap);
void weak_hook_state_destroy(struct tri_heap *heap);

/* See the public functions. NULL where there is no memory. Takes HOOKS and META, as the next
 * one. */
struct tri_weak_hook *weak_hook_add(struct tri_heap *heap, const tri_encoding *encoding,
                                    tri_weak_hook_function *function, void *argument);
void weak_hook_remove(struct tri_weak_hook *hook);

/* Inside a call of the hook's function. */
bool weak_hook_is_dead(const struct tri_weak_hook *hook, uintptr_t word);
bool weak_hook_clear(struct tri_weak_hook *hook, void *slot, uintptr_t by);

/* A weak phase begins: all hooks have everything before them. CYCLE held. Takes HOOKS, as below. */
void weak_hooks_begin(struct tri_heap *heap);

/* Let one of those that have more to look at look at about so many bytes of slots. False where none
 * has. CYCLE held. */
bool weak_hooks_run(struct tri_heap *heap, size_t budget);

/* After the phase, during a hold: call all of them to their ends once more; ends the process where
 * one finds something dead. */
void weak_hooks_check(struct tri_heap *heap);

#endif
