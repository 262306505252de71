/**
 * @file config.h
 * What differs between compilers and languages, in one place: visibility, inlining, branch hints,
 * scoped clean-up and the two atomic accesses that the inline fast paths need. No other public
 * header names a compiler or a platform.
 */
#ifndef TRILLIUM_CONFIG_H
#define TRILLIUM_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#if !defined(__GNUC__)
#error "Trillium needs gcc or clang: the inline fast paths use __atomic and __attribute__"
#endif

#if UINTPTR_MAX != UINT64_MAX
#error "Trillium needs a 64-bit target"
#endif

#ifdef __cplusplus
#define TRI_BEGIN_DECLS extern "C" {
#define TRI_END_DECLS   }
#else
#define TRI_BEGIN_DECLS
#define TRI_END_DECLS
#endif

/** Marks what the shared library exports; everything else is hidden. */
#define TRI_API __attribute__((visibility("default")))

#define TRI_INLINE   static inline __attribute__((always_inline))
#define TRI_NOINLINE __attribute__((noinline))
#define TRI_COLD     __attribute__((noinline, cold))
#define TRI_NORETURN __attribute__((noreturn))
#define TRI_NONNULL  __attribute__((returns_nonnull))
#define TRI_PRINTF(format_index, first_argument)                                                   \
    __attribute__((format(printf, format_index, first_argument)))
#define TRI_LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define TRI_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/** Runs @p function on the address of the variable when it goes out of scope, however the scope is
 * left. */
#define TRI_CLEANUP(function) __attribute__((cleanup(function)))

/** Between these two, a declaration may hide another one of its name without a warning. @{ */
#define TRI_HIDING_BEGIN                                                                           \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wshadow\"")
#define TRI_HIDING_END _Pragma("GCC diagnostic pop")
/** @} */

/**
 * Define it as 1 before the first include, in a host's debug build, and the inline fast paths check
 * their arguments: the mutator is attached and bound to the calling thread, a slot lies in its heap
 * or is a global slot, a reference leads to an object. A breach ends the process with a message
 * that names the call and the cure.
 */
#ifndef TRI_CHECKED
#define TRI_CHECKED 0
#endif

/** A word that may alias an object of any type: what a heap slot is read and written as. */
typedef uintptr_t __attribute__((may_alias)) tri_aliased_word;

/** The accesses that inline fast paths make to memory which other threads also access. @{ */
#define TRI_LOAD_RELAXED(address)         __atomic_load_n((address), __ATOMIC_RELAXED)
#define TRI_STORE_RELAXED(address, value) __atomic_store_n((address), (value), __ATOMIC_RELAXED)
#define TRI_STORE_RELEASE(address, value) __atomic_store_n((address), (value), __ATOMIC_RELEASE)
/** @} */

#endif
