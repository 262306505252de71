/* tuning.h -- every guess we made, on one page: the unit, what rises and falls on both sides, what
 * chose the value. */
#ifndef GC_TUNING_H
#define GC_TUNING_H

#include "gc/base.h"

/* Objects of a type before it gets spans of its own. Lower: a host with thousands of types owns a
 * span a type and thread. Higher: more objects carry the mixed spans' 8-byte header and are
 * allocated by the slow path. 64 is Go's bitmap word. */
#define TYPE_PROMOTION_OBJECTS 64

/* Bytes of a run zeroed ahead of the cursor. Lower: the slow path is taken more often. Higher:
 * zeroed lines leave the first-level cache before they are used. A quarter of a page keeps the slow
 * path under 2 % of 32-byte allocations. */
#define RUN_ZERO_BYTES ((size_t)2048)

/* Unswept full spans looked at for a free slot before the heap grows instead. Lower: less time in
 * one slow path. Higher: less memory. 100 bounds the waste at 1 % of the spans of a class (Go's
 * budget). */
#define SWEEP_BUDGET_SPANS 100

/* Spans the background sweeper sweeps between two looks at whether it should stop. */
#define SWEEP_BATCH_SPANS 64

/* Large objects are zeroed in steps of this many bytes, with a safepoint between. Lower: more
 * polls. Higher: a longer wait for the handshake; 256 KiB take some 20 microseconds. */
#define LARGE_ZERO_BYTES (256 * KIB)

/* A large object is scanned in pieces of this many bytes, so that several markers share it. Lower:
 * more queue traffic. Higher: less parallelism at the end of marking (Go's figure). */
#define OBLET_BYTES (128 * KIB)

/* Objects between the mark stack and their scan, prefetched. Fewer: the scan waits for memory.
 * More: they leave the cache again. 16 was best on lists, trees and random graphs in the bare loop
 * of docs/benchmarks.md. A power of two. */
#define MARK_PREFETCH_OBJECTS 16

/* Entries of one segment of a mark stack; a segment is also what is stolen. 510 make a segment a
 * page of 4 KiB. */
#define MARK_SEGMENT_ENTRIES 510

/* Objects a marker scans between two looks at whether others are hungry. */
#define MARK_SHARE_INTERVAL 256

/* Bytes expected to be live for each marker beyond the first. Lower: threads are woken for heaps
 * that one marks in less time than waking takes. Higher: marking of small heaps takes longer. */
#define MARKER_WORTH_BYTES MIB

/* Markers of one heap at the most. */
#define MARKERS_MAX 64

/* Cursors of a mutator at the most: one for each type, 68 for each type that is allocated in
 * several sizes. */
#define CURSORS_MAX 65536

/* The goal's minimum without GOGC's scaling, in bytes (Go's figure). */
#define HEAP_MINIMUM_BYTES (4 * MIB)

#endif
