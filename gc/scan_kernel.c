/* scan_kernel.c -- the filters of scan_kernel.h.
 *
 * Owns:       nothing.
 * Invariants:
 *   [scan_kernel.1] Every kernel MUST name what the portable one names, of the same words;
 *                   otherwise an object is lost on some processors only.
 * Locks:      none.
 * Callers:    scan_span.
 */
#include "gc/scan_kernel.h"

#include "gc/atomic.h"
#include "gc/bits.h"

static bool refers(uintptr_t word, const tri_encoding *encoding, const struct scan_bounds *bounds)
{
    if (encoding != NULL) {
        if (!encoding_is_reference(encoding, word)) {
            return false;
        }
        word = encoding_address(encoding, word);
    }
    return word - bounds->heap < bounds->bytes;
}

/* By single words. */
static uint64_t find_portable(const void *slot, uint64_t wanted, const tri_encoding *encoding,
                              const struct scan_bounds *bounds)
{
    const tri_aliased_word *words = slot;
    uint64_t found = 0;
    for (; wanted != 0; wanted &= wanted - 1) {
        uintptr_t word = load_relaxed(&words[trailing_zeros(wanted)]);
        found |= refers(word, encoding, bounds) ? wanted & -wanted : 0;
    }
    return found;
}

#if SCAN_KERNEL_VECTORS

/* ---- AVX2 ------------------------------------------------------------------------------------ */

#define AVX2_WORDS 4

/* What each of the vector's words is compared with. */
struct avx2_filter {
    __m256i heap;
    __m256i limit; /* of an unsigned comparison that is made a signed one */
    __m256i sign;
    __m256i mask; /* of an encoding */
    __m256i pattern;
    __m256i address;
};

FOR_AVX2 static inline __m256i avx2_all(uint64_t word)
{
    return _mm256_set1_epi64x((long long)word);
}

FOR_AVX2 static inline struct avx2_filter avx2_filter_for(const tri_encoding *encoding,
                                                          const struct scan_bounds *bounds)
{
    const uint64_t sign = UINT64_C(1) << 63;
    return (struct avx2_filter){
        .heap = avx2_all(bounds->heap),
        .limit = avx2_all(bounds->bytes ^ sign),
        .sign = avx2_all(sign),
        .mask = avx2_all(encoding == NULL ? 0 : encoding->mask),
        .pattern = avx2_all(encoding == NULL ? 0 : encoding->pattern),
        .address = avx2_all(encoding == NULL ? UINT64_MAX : encoding->address),
    };
}

/* Of four words: a bit each. */
FOR_AVX2 static inline uint64_t avx2_test(__m256i words, const struct avx2_filter *filter)
{
    __m256i is_reference =
        _mm256_cmpeq_epi64(_mm256_and_si256(words, filter->mask), filter->pattern);
    __m256i offsets = _mm256_sub_epi64(_mm256_and_si256(words, filter->address), filter->heap);
    __m256i is_inside = _mm256_cmpgt_epi64(filter->limit, _mm256_xor_si256(offsets, filter->sign));
    __m256i both = _mm256_and_si256(is_reference, is_inside);
    return (uint64_t)(uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(both));
}

FOR_AVX2 static inline __m256i avx2_load(const void *words, size_t first)
{
    return _mm256_loadu_si256(
        (const __m256i_u *)(const void *)((const char *)words + first * WORD_BYTES));
}

/* Vectors that lie wholly in the slot, by two; single words behind them. Eight bytes of a vector
 * that are aligned come from memory at once, as every processor with AVX2 does it; and what is
 * named is read again anyhow. A word that is 0 refers to nothing in any encoding, since no heap
 * begins at 0: most words of large objects are. */
FOR_AVX2 static uint64_t find_avx2(const void *slot, size_t slot_bytes, uint64_t wanted,
                                   const tri_encoding *encoding, const struct scan_bounds *bounds)
{
    struct avx2_filter filter = avx2_filter_for(encoding, bounds);
    size_t end = size_min(slot_bytes / WORD_BYTES, WORD_BITS - leading_zeros(wanted));
    size_t first = 0;
    uint64_t found = 0;
    for (; first + 2 * AVX2_WORDS <= end; first += 2 * AVX2_WORDS) {
        __m256i low = avx2_load(slot, first);
        __m256i high = avx2_load(slot, first + AVX2_WORDS);
        __m256i any = _mm256_or_si256(low, high);
        if (!_mm256_testz_si256(any, any)) {
            found |= avx2_test(low, &filter) << first;
            found |= avx2_test(high, &filter) << (first + AVX2_WORDS);
        }
    }
    uint64_t looked_at = first < WORD_BITS ? (UINT64_C(1) << first) - 1 : UINT64_MAX;
    return (found & wanted) | find_portable(slot, wanted & ~looked_at, encoding, bounds);
}

/* ---- AVX-512 --------------------------------------------------------------------------------- */

#define AVX512_WORDS 8

struct avx512_filter {
    __m512i heap;
    __m512i bytes;
    __m512i mask; /* of an encoding */
    __m512i pattern;
    __m512i address;
};

FOR_AVX512 static inline __m512i avx512_all(uint64_t word)
{
    return _mm512_set1_epi64((long long)word);
}

FOR_AVX512 static inline struct avx512_filter avx512_filter_for(const tri_encoding *encoding,
                                                                const struct scan_bounds *bounds)
{
    return (struct avx512_filter){
        .heap = avx512_all(bounds->heap),
        .bytes = avx512_all(bounds->bytes),
        .mask = avx512_all(encoding == NULL ? 0 : encoding->mask),
        .pattern = avx512_all(encoding == NULL ? 0 : encoding->pattern),
        .address = avx512_all(encoding == NULL ? UINT64_MAX : encoding->address),
    };
}

/* Of those of eight words that some names: a bit each. */
FOR_AVX512 static inline __mmask8 avx512_test(__m512i words, __mmask8 some,
                                              const struct avx512_filter *filter)
{
    __m512i marks = _mm512_and_si512(words, filter->mask);
    __mmask8 references = _mm512_mask_cmpeq_epi64_mask(some, marks, filter->pattern);
    __m512i offsets = _mm512_sub_epi64(_mm512_and_si512(words, filter->address), filter->heap);
    return _mm512_mask_cmplt_epu64_mask(references, offsets, filter->bytes);
}

/* A load by a mask reads nothing but what the mask names, so a vector may reach beyond the slot.
 * About each word, and about those that are 0, the same holds as above. */
FOR_AVX512 static uint64_t find_avx512(const void *slot, uint64_t wanted,
                                       const tri_encoding *encoding,
                                       const struct scan_bounds *bounds)
{
    struct avx512_filter filter = avx512_filter_for(encoding, bounds);
    size_t end = WORD_BITS - leading_zeros(wanted);
    uint64_t found = 0;
    for (size_t first = 0; first < end; first += AVX512_WORDS) {
        __m512i words = _mm512_maskz_loadu_epi64((__mmask8)(wanted >> first),
                                                 (const char *)slot + first * WORD_BYTES);
        __mmask8 some = _mm512_test_epi64_mask(words, words);
        if (some != 0) {
            found |= (uint64_t)avx512_test(words, some, &filter) << first;
        }
    }
    return found;
}

#endif

/* ---- Which ----------------------------------------------------------------------------------- */

bool scan_kernel_exists(enum scan_kernel kernel)
{
    switch (kernel) {
    case SCAN_KERNEL_PORTABLE:
        return true;
#if SCAN_KERNEL_VECTORS
    case SCAN_KERNEL_AVX2:
        return HAS_AVX2();
    case SCAN_KERNEL_AVX512:
        return HAS_AVX512();
#endif
    default:
        return false;
    }
}

enum scan_kernel scan_kernel_best(void)
{
    enum scan_kernel best = SCAN_KERNELS - 1;
    while (!scan_kernel_exists(best)) {
        best--;
    }
    return best;
}

/* [scan_kernel.1]: tests/kernels compares them. */
uint64_t scan_kernel_find(enum scan_kernel kernel, const void *slot, size_t slot_bytes,
                          uint64_t wanted, const tri_encoding *encoding,
                          const struct scan_bounds *bounds)
{
    switch (kernel) {
#if SCAN_KERNEL_VECTORS
    case SCAN_KERNEL_AVX2:
        return find_avx2(slot, slot_bytes, wanted, encoding, bounds);
    case SCAN_KERNEL_AVX512:
        return find_avx512(slot, wanted, encoding, bounds);
#endif
    default:
        (void)slot_bytes;
        return find_portable(slot, wanted, encoding, bounds);
    }
}
