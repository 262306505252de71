/* atomic.h -- every access to memory that several threads share, by the name of its order.
 *
 * No function here takes an order as an argument, so `grep acquire` lists every acquire we own, and
 * each of them says in a comment with which release it pairs (tools/check_barriers.py holds us to
 * that). The operands are plain integers and pointers of any size, also bytes inside packed
 * metadata, which is why these are the compiler's builtins rather than C11's _Atomic, whose types
 * C++ and packed bitmaps cannot share (docs/decisions.md, "Atomics").
 */
#ifndef GC_ATOMIC_H
#define GC_ATOMIC_H

#include "gc/base.h"

#define load_relaxed(address) __atomic_load_n((address), __ATOMIC_RELAXED)
#define load_acquire(address) __atomic_load_n((address), __ATOMIC_ACQUIRE)
#define load_seq_cst(address) __atomic_load_n((address), __ATOMIC_SEQ_CST)

#define store_relaxed(address, value) __atomic_store_n((address), (value), __ATOMIC_RELAXED)
#define store_release(address, value) __atomic_store_n((address), (value), __ATOMIC_RELEASE)
#define store_seq_cst(address, value) __atomic_store_n((address), (value), __ATOMIC_SEQ_CST)

/* All of these yield the value before the operation. */
#define fetch_add_relaxed(address, value) __atomic_fetch_add((address), (value), __ATOMIC_RELAXED)
#define fetch_sub_relaxed(address, value) __atomic_fetch_sub((address), (value), __ATOMIC_RELAXED)
#define fetch_or_relaxed(address, value)  __atomic_fetch_or((address), (value), __ATOMIC_RELAXED)
#define fetch_or_release(address, value)  __atomic_fetch_or((address), (value), __ATOMIC_RELEASE)
#define fetch_and_relaxed(address, value) __atomic_fetch_and((address), (value), __ATOMIC_RELAXED)
#define fetch_add_acq_rel(address, value) __atomic_fetch_add((address), (value), __ATOMIC_ACQ_REL)
#define fetch_sub_acq_rel(address, value) __atomic_fetch_sub((address), (value), __ATOMIC_ACQ_REL)
#define fetch_add_seq_cst(address, value) __atomic_fetch_add((address), (value), __ATOMIC_SEQ_CST)
#define fetch_sub_seq_cst(address, value) __atomic_fetch_sub((address), (value), __ATOMIC_SEQ_CST)
#define fetch_or_seq_cst(address, value)  __atomic_fetch_or((address), (value), __ATOMIC_SEQ_CST)
#define fetch_and_seq_cst(address, value) __atomic_fetch_and((address), (value), __ATOMIC_SEQ_CST)
#define exchange_acq_rel(address, value)  __atomic_exchange_n((address), (value), __ATOMIC_ACQ_REL)
#define exchange_seq_cst(address, value)  __atomic_exchange_n((address), (value), __ATOMIC_SEQ_CST)

/* True where *address was *expected and is now desired; else *expected is what was found. On
 * failure the order is that of the load half. The weak form may fail without cause and belongs into
 * a loop. */
#define cas_relaxed(address, expected, desired)                                                    \
    __atomic_compare_exchange_n((address), (expected), (desired), false, __ATOMIC_RELAXED,         \
                                __ATOMIC_RELAXED)
#define cas_acq_rel(address, expected, desired)                                                    \
    __atomic_compare_exchange_n((address), (expected), (desired), false, __ATOMIC_ACQ_REL,         \
                                __ATOMIC_ACQUIRE)
#define cas_weak_acq_rel(address, expected, desired)                                               \
    __atomic_compare_exchange_n((address), (expected), (desired), true, __ATOMIC_ACQ_REL,          \
                                __ATOMIC_ACQUIRE)
#define cas_seq_cst(address, expected, desired)                                                    \
    __atomic_compare_exchange_n((address), (expected), (desired), false, __ATOMIC_SEQ_CST,         \
                                __ATOMIC_SEQ_CST)

#define fence_acquire() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define fence_release() __atomic_thread_fence(__ATOMIC_RELEASE)
#define fence_seq_cst() __atomic_thread_fence(__ATOMIC_SEQ_CST)

/* Hints without meaning for correctness. */
#define prefetch_read(address)  __builtin_prefetch((address), 0, 3)
#define prefetch_write(address) __builtin_prefetch((address), 1, 3)

/* Tells the processor that this is a spinning loop. */
static inline void cpu_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#endif
