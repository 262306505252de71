/**
 * @file weak_hook.h
 * Weak tables of the host's own: any structure, in any memory that is not scanned, from which the
 * host itself takes out what has died. For intern tables that a virtual machine has already, or
 * that are to be smaller or faster than those of weak_table.h.
 *
 *     static bool look_through(tri_weak_hook *hook, size_t budget, void *argument)
 *     {
 *         struct names *names = argument;
 *         pthread_mutex_lock(&names->lock);        // against a mutator that replaces the slots
 *         size_t end = min(names->cursor + budget, names->count);
 *         for (; names->cursor < end; names->cursor++) {
 *             (void)tri_weak_slot_clear(hook, &names->slots[names->cursor], NAME_WAS_HERE);
 *         }
 *         bool is_over = end == names->count;
 *         names->cursor = is_over ? 0 : end;       // where it begins in the next cycle
 *         pthread_mutex_unlock(&names->lock);
 *         return is_over;
 *     }
 *
 * In each cycle, when it is known what has died and nothing is freed yet, the collector calls the
 * function again and again until it says that it has looked at all slots. Mutators go on meanwhile.
 * Whether a slot was looked at already makes no difference to them: ::tri_weak_slot_get yields
 * nothing that is dead from the very moment on at which that is decided.
 *
 * What the host must keep to:
 *   1. A slot is read by ::tri_weak_slot_get and written by ::tri_weak_slot_set. What a plain load
 *      of it yields may be compared, and stored into another slot of the table. It may be followed
 *      only while a lock is held that the function takes as well, and not be kept beyond that.
 *   2. Before the function returns true, each slot has been looked at since its first call in this
 *      cycle. Where slots move meanwhile (the table grows), it begins anew, or the host sees to it
 *      that none is missed. What ::tri_weak_slot_set enters meanwhile is live.
 *   3. A lock that the function takes is never held at a safepoint (an allocation), nor in a
 *      blocking region, nor while ::tri_weak_hook_add or ::tri_weak_hook_remove is called.
 *
 * The simplest table has a lock around all look-ups and entries, and the function takes it, too:
 * then what is dead may be taken out however the table does that, chains that go through the
 * objects themselves are no trouble, and ::tri_weak_slot_get may read a copy of a slot in a local
 * variable. Without that lock the function takes things out by ::tri_weak_slot_clear, and slots are
 * read where they are. See docs/embedding.md.
 */
#ifndef TRILLIUM_WEAK_HOOK_H
#define TRILLIUM_WEAK_HOOK_H

#include <trillium/store.h>
#include <trillium/type.h>

TRI_BEGIN_DECLS

/** A function that looks for the dead in tables of the host's, and how their slots are encoded. */
typedef struct tri_weak_hook tri_weak_hook;

/**
 * Look at about @p budget further slots (a few hundred; more let a cycle's step, and who waits for
 * a lock of the table, take longer), and take out what ::tri_weak_is_dead says is dead, or let
 * ::tri_weak_slot_clear do both. The objects are still there, and may be read.
 *
 * Called by the thread that takes the cycle's next step, one call at a time in a heap: a thread of
 * the library's, or one whose mutator is at a safepoint. It may wait for locks that are held for a
 * short time (rule 3), and call nothing of Trillium but the two functions named. With gcverify=1
 * it is called once more, while all mutators are held, and must find nothing dead.
 *
 * @return true when all slots have been looked at in this cycle; the next call begins another one.
 */
typedef bool tri_weak_hook_function(tri_weak_hook *hook, size_t budget, void *argument);

/**
 * Let @p function be called in each cycle that frees something, with @p argument.
 *
 * @param encoding  how slots refer to objects; NULL: as plain addresses. Bits that its address mask
 *                  leaves out are the host's, for a part of the hash for example
 *
 * @return ::TRI_OK; ::TRI_E_INVALID where a pointer is NULL; ::TRI_E_NOMEM. The hook belongs to the
 *         heap and goes with it.
 * Threads:   any, not inside the function of a hook.
 * Safepoint: no.
 */
TRI_API tri_result tri_weak_hook_add(tri_heap *heap, const tri_encoding *encoding,
                                     tri_weak_hook_function *function, void *argument,
                                     tri_weak_hook **hook);

/**
 * The function is not called again after this returns, and its slots must not be read any more.
 *
 * Threads, Safepoint: as ::tri_weak_hook_add. Waits for a call that is being made.
 */
TRI_API void tri_weak_hook_remove(tri_weak_hook *hook);

/** The slow halves of the functions below. @{ */
TRI_API TRI_NOINLINE tri_word tri_weak_slot_get_slow_(tri_mutator *mutator,
                                                      const tri_weak_hook *hook, const void *slot);
TRI_API TRI_NOINLINE void tri_check_weak_slot_(tri_mutator *mutator, const tri_weak_hook *hook,
                                               tri_word word, const char *call);
/** @} */

/**
 * The word in @p slot; 0 where it refers to an object that is dead. Once an object has been found
 * dead nobody is given it again. What the word refers to is an ordinary reference from here on: it
 * keeps its object alive where a safepoint can find it.
 *
 * Threads:   the mutator's own, running.
 * Safepoint: no.
 * Cost:      as ::tri_weak_get.
 */
TRI_INLINE tri_word tri_weak_slot_get(tri_mutator *mutator, const tri_weak_hook *hook,
                                      const void *slot)
{
    if (TRI_CHECKED) {
        tri_check_weak_slot_(mutator, hook, 0, "tri_weak_slot_get");
    }
    if (TRI_UNLIKELY(tri_barrier_is_on(mutator))) {
        return tri_weak_slot_get_slow_(mutator, hook, slot);
    }
    return TRI_LOAD_RELAXED((const tri_aliased_word *)slot);
}

/**
 * Store @p word, which the mutator can reach, into @p slot; not an object of a region. Keeps
 * nothing alive.
 *
 * Threads, Safepoint: as ::tri_weak_slot_get. Cost: a store.
 */
TRI_INLINE void tri_weak_slot_set(tri_mutator *mutator, const tri_weak_hook *hook, void *slot,
                                  tri_word word)
{
    if (TRI_CHECKED) {
        tri_check_weak_slot_(mutator, hook, word, "tri_weak_slot_set");
    }
    (void)mutator, (void)hook;
    /* release: pairs with the acquires of who reads it or looks for the dead, and with the
     * dependent load of a mutator that follows it */
    TRI_STORE_RELEASE((tri_aliased_word *)slot, word);
}

/**
 * Whether the object that @p word refers to by the hook's encoding is dead; false where it refers
 * to none. Only inside a call of the hook's function.
 *
 * Cost: finds the object and looks at its mark, two misses of the cache mostly.
 */
TRI_API bool tri_weak_is_dead(const tri_weak_hook *hook, tri_word word);

/**
 * Where what @p slot refers to is dead, put @p by in its place, a word that refers to nothing, in
 * one step: a store of a mutator that comes between stands. Only inside a call of the hook's
 * function.
 *
 * @return whether that was done. Cost: as ::tri_weak_is_dead.
 */
TRI_API bool tri_weak_slot_clear(tri_weak_hook *hook, void *slot, tri_word by);

TRI_END_DECLS

#endif
