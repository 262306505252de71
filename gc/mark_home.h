/* mark_home.h -- grey work goes to the mutator whose objects it is.
 *
 * Where mutators drive the cycle, each marks at its own slow paths. What one has allocated lies in
 * the cache of its processor; if another marks it, every line travels there, and back when the
 * memory is used again. So what is grey is sent home: to the mutators of the shard of central lists
 * that the span was last allocated from.
 */
#ifndef GC_MARK_HOME_H
#define GC_MARK_HOME_H

#include "gc/heap_state.h"

void mark_home_init(struct tri_heap *heap);

/* Marker, a fresh one, is at home there (0: nowhere) and sends what belongs elsewhere by way of
 * away. */
void mark_home_enter(struct tri_heap *heap, struct marker *marker, struct grey_work *away,
                     uint32_t home);

/* Marker, which has nothing to deliver, ends. */
void mark_home_leave(struct marker *marker);

/* Whether marker sends work home from now on. */
void mark_home_refresh(struct marker *marker);

/* The mutator has answered roots on its own thread: it is there to mark in this cycle. */
void mark_home_arrive(struct tri_mutator *mutator);

/* Send the grey object at address, in span, or all of span's, home. False where it is marker's own
 * to keep: it is at home there, or nobody is at home, or there is no memory. Marker's thread
 * only. */
bool mark_home_send_object(struct marker *marker, const struct span *span, uintptr_t address);
bool mark_home_send_span(struct marker *marker, struct span *span);

/* Let others have what was sent. True if there was anything. Marker's thread only. */
bool mark_home_deliver(struct mark_state *mark, struct marker *marker);

/* Give all that is grey of marker's own to its home, or to all where it has none. */
void mark_home_publish(struct mark_state *mark, struct marker *marker);

/* From now on, until the cycle ends, nothing is sent home, and anyone takes what waits there. CYCLE
 * held. */
void mark_home_open_all(struct mark_state *mark);

/* Somebody has waited for those who are at home, so many times, or as good as that. */
void mark_home_wait(struct mark_state *mark, uint32_t times);

/* Take a segment of what waits at home for thief, which has nothing; false if there is none. */
bool mark_home_take(struct mark_state *mark, struct marker *thief);

/* The same of any home: once the homes have been left to theirs for a while, or where a thread
 * drives. */
bool mark_home_take_any(struct mark_state *mark, struct marker *thief);

/* Whether something waits at any home. */
bool mark_home_has_work(const struct mark_state *mark);

/* Whether a step of budget bytes leaves that to the mutators that are at home there: for a while.
 * CYCLE held. */
bool mark_home_waits(struct mark_state *mark, size_t budget);

#endif
