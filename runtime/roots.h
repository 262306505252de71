/* roots.h -- global slots and handles; scanning all kinds of roots. */
#ifndef RUNTIME_ROOTS_H
#define RUNTIME_ROOTS_H

#include "runtime/process.h"

#define HANDLE_SIGNATURE UINT32_C(0x48414e44) /* "HAND" */

void roots_state_init(struct process_heap *heap);
void roots_state_destroy(struct process_heap *heap);

/* See the public functions of the same names. */
tri_result roots_add_global(struct process_heap *heap, tri_word *slots, size_t count);
bool roots_remove_global(struct process_heap *heap, const tri_word *slots);
struct tri_handle *roots_create_handle(struct process_heap *heap);
void roots_destroy_handle(struct process_heap *heap, struct tri_handle *handle);

/* Whether slot lies in a range of global slots. */
bool roots_has_global(struct process_heap *heap, const void *slot);

/* Handshake roots begins: until port_scan_globals has ended, what is removed is shaded first. */
void roots_expect_scan(struct process_heap *heap);

size_t roots_handle_count(struct process_heap *heap);

#endif
