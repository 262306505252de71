/* stack_scan.h -- the C stack and registers of a mutator's thread as conservative roots. */
#ifndef RUNTIME_STACK_SCAN_H
#define RUNTIME_STACK_SCAN_H

#include "runtime/process.h"

/* Where the calling thread's stack begins; NULL where the system does not tell. */
const char *stack_scan_top(void);

/* Note how far the calling thread's stack reaches, and copy what will not stay: registers, and the
 * stack from here to a little above entry_frame, the frame address of the function that the host
 * called and that may return while the thread is blocked. */
TRI_NOINLINE void stack_scan_publish(struct stack_extent *extent, const void *entry_frame);

/* Report every word of the published stack and registers as a candidate. Returns the bytes looked
 * at. */
size_t stack_scan(const struct stack_extent *extent, struct marker *marker);

#endif
