/* give_back.h -- when a heap gives memory back to the system, and how much. */
#ifndef GC_GIVE_BACK_H
#define GC_GIVE_BACK_H

#include "gc/heap_state.h"

/* The heap has had no cycle yet: nothing is given back. */
void give_back_init(struct tri_heap *heap);

/* The marking of a cycle has ended; the goal is still its own. CYCLE held. */
void give_back_end_cycle(struct tri_heap *heap);

/* There is a new goal, or a new limit. GOAL held. */
void give_back_commit(struct tri_heap *heap);

/* Bytes of memory that the heap takes: what counts toward the memory limit. Any thread. */
uint64_t give_back_memory(const struct tri_heap *heap);

/* Bytes that the heap keeps beyond its goals. Any thread. */
uint64_t give_back_excess(const struct tri_heap *heap);

/* Give one step of these back; for the scavenging thread. Returns how many bytes that were; 0:
 * there is nothing to give at the moment. */
size_t give_back_step(struct tri_heap *heap);

/* An allocation has taken pages, for which the heap has grown by growth bytes: give back what is
 * too much now. limiter_is_on: a memory limit may be passed, collecting takes too much time
 * already. On the mutator's thread; no safepoint. */
void give_back_at_allocation(struct tri_heap *heap, size_t growth, bool limiter_is_on);

/* page_heap_take, and then give_back_at_allocation. */
page_index give_back_take(struct tri_heap *heap, struct page_cache *cache, size_t count,
                          bool *zero);

/* Give back all that is free, and the address space at the heap's end. Returns the bytes of memory.
 * The calling thread's mutator, if it has one, is blocked: this takes its time. */
size_t give_back_all(struct tri_heap *heap);

/* Log what was given back since the last report, where options.scavenge_trace asks for it. forced:
 * the host has asked for it. By who has swept the last span of a cycle, or by give_back_all. */
void give_back_report(struct tri_heap *heap, bool forced);

#endif
