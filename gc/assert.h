/* assert.h -- three levels of checking, and the one way to die.
 *
 *   TRI_REQUIRE      misuse by the host at a public entry point. On in every build. The message
 *                    names the call, what was wrong and what to do instead.
 *   TRI_ASSERT       a local invariant of the collector. On where TRI_CHECKS >= 1 (meson
 *                    -Dchecks=some, the default).
 *   TRI_ASSERT_SLOW  walks structures. On where TRI_CHECKS >= 2 (-Dchecks=full, what the tests
 *                    use).
 *   TRI_NEVER        a defensive branch that cannot be taken: asserts in checked builds, survives
 *                    in others.
 */
#ifndef GC_ASSERT_H
#define GC_ASSERT_H

#include "gc/base.h"

#ifndef TRI_CHECKS
#define TRI_CHECKS 1
#endif

/* Prints "trillium: fatal: <message>" through the port and aborts. */
TRI_NORETURN TRI_COLD TRI_PRINTF(1, 2) void fatal(const char *format, ...);

/* The failure of an assertion: what was expected and where. */
TRI_NORETURN TRI_COLD void assert_failed(const char *expression, const char *file, int line,
                                         const char *function);

#define TRI_REQUIRE(condition, ...)                                                                \
    do {                                                                                           \
        if (TRI_UNLIKELY(!(condition))) {                                                          \
            fatal(__VA_ARGS__);                                                                    \
        }                                                                                          \
    } while (0)

#define TRI_CHECK_ON_(condition)                                                                   \
    (TRI_LIKELY(condition) ? (void)0 : assert_failed(#condition, __FILE__, __LINE__, __func__))
#define TRI_CHECK_OFF_(condition) ((void)sizeof((condition) ? 1 : 0))

#if TRI_CHECKS >= 1
#define TRI_ASSERT(condition) TRI_CHECK_ON_(condition)
#define TRI_NEVER(condition)  (TRI_UNLIKELY(condition) ? (TRI_ASSERT(!(condition)), true) : false)
#else
#define TRI_ASSERT(condition) TRI_CHECK_OFF_(condition)
#define TRI_NEVER(condition)  TRI_UNLIKELY(condition)
#endif

#if TRI_CHECKS >= 2
#define TRI_ASSERT_SLOW(condition) TRI_CHECK_ON_(condition)
#else
#define TRI_ASSERT_SLOW(condition) TRI_CHECK_OFF_(condition)
#endif

#endif
