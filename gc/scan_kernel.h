/* scan_kernel.h -- which words of an object refer into the heap: one word at a time, or as many as
 * a vector of the processor has.
 *
 * A kernel is a filter: what it names is read again, by one load, and judged anew by who shades, so
 * that it may look at several words at once and need not read them at the same instant. What it
 * does not name was no reference when it looked.
 *
 * Objects whose references are few words are scanned faster without: a kernel is for objects of
 * which many words may hold references, and few do.
 */
#ifndef GC_SCAN_KERNEL_H
#define GC_SCAN_KERNEL_H

#include "gc/bits.h"
#include "gc/layout.h"

/* Vectors change nothing of what is found. ThreadSanitizer takes a vector's load for a plain one,
 * which races with stores; it checks the portable kernel instead. */
#if defined(__SANITIZE_THREAD__)
#define SCAN_KERNEL_VECTORS 0
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SCAN_KERNEL_VECTORS 0
#endif
#endif
#if !defined(SCAN_KERNEL_VECTORS) && defined(__x86_64__)
#define SCAN_KERNEL_VECTORS 1
#elif !defined(SCAN_KERNEL_VECTORS)
#define SCAN_KERNEL_VECTORS 0
#endif

#if SCAN_KERNEL_VECTORS
#include <immintrin.h>
#endif

/* The later is preferred. */
enum scan_kernel {
    SCAN_KERNEL_PORTABLE,
    SCAN_KERNEL_AVX2,
    SCAN_KERNEL_AVX512,
    SCAN_KERNELS
};

/* Where a word must lead to. */
struct scan_bounds {
    uintptr_t heap; /* where the heap begins */
    size_t bytes;   /* of it */
};

/* The last kernel that the processor has. Any thread. */
enum scan_kernel scan_kernel_best(void);

/* Whether this build and this processor have it. Any thread. */
bool scan_kernel_exists(enum scan_kernel kernel);

/* Of the words of the slot of slot_bytes, a multiple of 16, that begins at slot: those named by
 * wanted that refer into bounds; bit i is word i. Where encoding is NULL, words are plain
 * addresses, else values in it. Nothing outside the slot is read [scan.3]. Any thread. */
uint64_t scan_kernel_find(enum scan_kernel kernel, const void *slot, size_t slot_bytes,
                          uint64_t wanted, const tri_encoding *encoding,
                          const struct scan_bounds *bounds);

/* Words that scan_kernel_zero looks at together. */
#define SCAN_GROUP_WORDS 4

/* A function that is called only where there are the vectors of SCAN_KERNEL_AVX2. */
#if SCAN_KERNEL_VECTORS
#define FOR_VECTORS FOR_AVX2
#else
#define FOR_VECTORS
#endif

/* Of the SCAN_GROUP_WORDS words at words: those that are 0; bit i is word i. None where the build
 * has no vectors. Eight bytes of a vector that are aligned come from memory at once, as every
 * processor with AVX2 does it. Any thread. */
FOR_VECTORS static inline uint64_t scan_kernel_zero(const void *words)
{
#if SCAN_KERNEL_VECTORS
    __m256i group = _mm256_loadu_si256((const __m256i_u *)words);
    __m256i is_zero = _mm256_cmpeq_epi64(group, _mm256_setzero_si256());
    return (uint64_t)(uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(is_zero));
#else
    (void)words;
    return 0;
#endif
}

#endif
