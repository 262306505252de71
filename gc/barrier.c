/* barrier.c -- stores of many words.
 *
 * Owns:       nothing.
 * Invariants:
 *   [barrier.1] Each word MUST be written by exactly one store; otherwise a marker that reads it
 *               meanwhile sees half a reference.
 * Locks:      none.
 * Callers:    the public store functions, on the mutator's thread.
 */
#include "gc/barrier.h"

void barrier_copy_words(void *target, const void *source, size_t count)
{
    tri_aliased_word *to = target;
    const tri_aliased_word *from = source;
    if ((uintptr_t)to <= (uintptr_t)from) {
        for (size_t i = 0; i < count; i++) {
            /* [barrier.1]; release: pairs with the dependent load of a marker that follows the
             * word */
            store_release(&to[i], load_relaxed(&from[i]));
        }
    } else {
        for (size_t i = count; i-- > 0;) {
            /* [barrier.1]; release: pairs as above */
            store_release(&to[i], load_relaxed(&from[i]));
        }
    }
}

void barrier_fill_words(void *target, uintptr_t word, size_t count)
{
    tri_aliased_word *to = target;
    for (size_t i = 0; i < count; i++) {
        /* [barrier.1]; release: pairs with the dependent load of a marker that follows the word */
        store_release(&to[i], word);
    }
}
