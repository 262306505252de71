/* base.h -- integers, sizes, alignment; the ground that every file stands on. Knows no heap. */
#ifndef GC_BASE_H
#define GC_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <trillium/types.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)
#define TIB ((size_t)1 << 40)

#define CACHE_LINE 64
#define WORD_BYTES sizeof(uintptr_t)
#define WORD_BITS  64

/* The unit of the page heap. Not the operating system's page, which may be smaller or larger. */
#define PAGE_SHIFT 13
#define PAGE_BYTES ((size_t)1 << PAGE_SHIFT)

/* A chunk is what the heap grows by and what one leaf of the page heap's radix tree describes. */
#define CHUNK_PAGES ((size_t)512)
#define CHUNK_BYTES (CHUNK_PAGES * PAGE_BYTES)

#define ARRAY_LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))
#define CACHE_ALIGNED __attribute__((aligned(CACHE_LINE)))
/* So that what one thread writes shares no pair of lines, which a processor fetches together, with
 * what others read. */
#define CACHE_APART  __attribute__((aligned(2 * CACHE_LINE)))
#define THREAD_LOCAL _Thread_local

/* A function for processors that have AVX2 and what came with it, and whether this one does (its
 * system, too); the same for AVX-512. x86-64 only. */
#define FOR_AVX2 __attribute__((target("avx2,bmi,bmi2")))
#define HAS_AVX2()                                                                                 \
    (__builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("bmi") != 0 &&                  \
     __builtin_cpu_supports("bmi2") != 0)
#define FOR_AVX512   __attribute__((target("avx512f")))
#define HAS_AVX512() (__builtin_cpu_supports("avx512f") != 0 && HAS_AVX2())

/* Where the frame of the calling function is, and every callee-saved register saved in or above it:
 * for scanning stacks. */
#define FRAME_ADDRESS()   ((const char *)__builtin_frame_address(0))
#define SPILL_REGISTERS() __builtin_unwind_init()

/* A function that the system calls when the process ends by exit(), or the library is unloaded. */
#define AT_EXIT __attribute__((destructor))

/* Keeps the sanitizers named out of a function; each use says why that is right. */
#define NO_SANITIZE(...) __attribute__((no_sanitize(__VA_ARGS__)))

/* A page's number within its heap's reservation. */
typedef uint32_t page_index;
#define PAGE_NONE UINT32_MAX

static inline size_t size_min(size_t a, size_t b)
{
    return a < b ? a : b;
}

static inline size_t size_max(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* alignment is a power of two; value + alignment must not overflow. */
static inline size_t align_up(size_t value, size_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

static inline size_t align_down(size_t value, size_t alignment)
{
    return value & ~(alignment - 1);
}

static inline bool is_aligned(size_t value, size_t alignment)
{
    return (value & (alignment - 1)) == 0;
}

static inline bool is_power_of_two(size_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

/* *product = a * b; false where that overflows. */
static inline bool size_multiply(size_t a, size_t b, size_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

/* *sum = a + b; false where that overflows. */
static inline bool size_add(size_t a, size_t b, size_t *sum)
{
    return !__builtin_add_overflow(a, b, sum);
}

#endif
