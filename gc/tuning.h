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

/* Bytes a marker scans between two looks around: at whether others are hungry, whether it shall
 * stop, whether it has had its share of the processor. Lower: more looks. Higher: the processor is
 * kept from mutators for longer; 16 KiB take 10 to 30 microseconds. */
#define MARK_LOOK_BYTES ((size_t)16 * 1024)

/* Looks at the others' stacks before an idle marker sleeps between looks, and how long. */
#define MARK_IDLE_SPINS  256
#define MARK_IDLE_NAP_NS UINT64_C(50000)

/* Bytes expected to be live for each marker beyond the first. Lower: threads are woken for heaps
 * that one marks in less time than waking takes. Higher: marking of small heaps takes longer. */
#define MARKER_WORTH_BYTES MIB

/* Segments of recorded addresses, of some 500 each, that wait for markers before mutators shade
 * their own. Lower: mutators do so more often, 20 microseconds a time. Higher: more memory where
 * stores outrun the markers; 64 are 256 KiB. */
#define RECORDED_SEGMENTS_MAX 64

/* Remembered objects that a mutator scans itself in its answer; the markers have the others. Lower:
 * more rounds before marking ends, since what is left to markers counts as grey. Higher: a longer
 * answer. */
#define REMEMBERED_SCAN_OBJECTS 512

/* Bytes that one assist scans: a quarter of the debt between these; the rest of the debt is paid at
 * the next slow paths. Lower: more slow paths pay, and the heap runs further past its goal. Higher:
 * a longer stall; 4 KiB of 64-byte objects in random order take some 10 microseconds. */
#define ASSIST_STEP_MIN ((int64_t)4 * 1024)
#define ASSIST_STEP_MAX ((int64_t)64 * 1024)

/* The longest that a mutator sleeps at a slow path because the heap is past its goal; it does so
 * when that is by half of the goal, less before. From a quarter on its runs are cut to a few
 * objects, so that slow paths come often. Lower: the heap runs further. Higher: a longer stall. */
#define BRAKE_MAX_NS     UINT64_C(700000)
#define BRAKE_FULL_64THS UINT64_C(32)
#define BRAKE_RUN_SLOTS  8

/* Bytes of one large allocation for which it sleeps once more. */
#define BRAKE_BYTES (32 * KIB)

/* Spans that an incremental step sweeps before it looks at its budget again. */
#define STEP_SWEEP_SPANS 16

/* Bytes that the incremental mode scans in a step it takes at an allocation's slow path. Lower: the
 * cycle lasts longer. Higher: a longer stall. */
#define STEP_SCAN_BYTES ((size_t)32 * 1024)

/* Looks at its state before a mutator that wants to leave a blocking region sleeps. Lower: it
 * sleeps, and is woken, for a handshake that takes a microsecond. Higher: it spins through the scan
 * of its stack. */
#define UNBLOCK_SPINS 200

/* The least processor time that the collector's thread marks before it sleeps to leave the
 * processor to mutators, where it is due less than a whole processor. Lower: more switches. Higher:
 * a mutator on the same processor sees longer gaps. */
#define PACE_SLICE_NS UINT64_C(100000)

/* Locks for the slots of a heap in barrierverify=1. Fewer: threads that store wait for each other.
 * More: a heap's state takes more memory, in every mode. */
#define SHADOW_STRIPES 64

/* The longest sleep of a marker between its slices. */
#define PACE_NAP_MAX_NS UINT64_C(2000000)

/* The share of all processors that marking has even where none would idle (Go's figure). */
#define MARKER_SHARE 0.25

/* Markers of one heap at the most. */
#define MARKERS_MAX 64

/* Cursors of a mutator at the most: one for each type, 68 for each type that is allocated in
 * several sizes. */
#define CURSORS_MAX 65536

/* How long a driver of a cycle leaves CYCLE to a thread that forks, and that thread sleeps between
 * its tries to have it. */
#define PAUSE_NAP_NS UINT64_C(50000)

/* Microseconds to its safepoint from which on a mutator is named by GCTRACE=2. */
#define SLOW_SAFEPOINT_US 10000

/* The goal's minimum without GOGC's scaling, in bytes (Go's figure). */
#define HEAP_MINIMUM_BYTES (4 * MIB)

/* While sweeping goes on, no cycle begins before that many bytes more are allocated (Go's figure).
 * Lower: allocation has to sweep faster. Higher: a small heap grows past its goal. */
#define PACER_SWEEP_DISTANCE_BYTES MIB

/* The least way from trigger to goal of a cycle that has begun late (Go's figure). */
#define PACER_MIN_RUNWAY_BYTES (64 * KIB)

/* The bounds of the trigger, in 64ths of the way from what is marked to the goal (Go's figures).
 * Lower: cycles begin earlier, and more often. Higher: mutators assist more. */
#define TRIGGER_LEAST_64THS 45
#define TRIGGER_MOST_64THS  61

/* Bytes that a cycle has still to scan at the least, however far it has come; and how far past a
 * goal that was missed the next one lies (Go's figures). */
#define PACER_LEAST_WORK 1000.0
#define PACER_PAST_GOAL  1.1

/* The share of the processors' time in which a cycle can have marked at the most: all but a
 * hundredth, so that cons/mark stays finite. */
#define PACER_MOST_MARKING 0.99

/* The CPU limiter's bucket, for each processor: what collecting may take more than the program has
 * before it is limited (Go's figure). Lower: a burst of collecting is limited. Higher: a program at
 * its memory limit crawls for longer. */
#define CPU_LIMIT_CAPACITY_NS UINT64_C(1000000000)

/* What stays free below the memory limit for what the pacer cannot foresee (Go's figures). */
#define LIMIT_HEADROOM_PERCENT   3
#define LIMIT_HEADROOM_MIN_BYTES MIB

/* The share of all processors' time in which memory is given back in the background (Go's figure).
 * Lower: memory is kept for longer. Higher: it shows beside the program. */
#define SCAVENGE_SHARE 0.01

/* The controller that keeps it: gain, the times of its integral and of its bounds' effect on that,
 * the bounds of work/sleep, and how long it rests after it has failed. Go's figures but for the
 * integral's time, 3.2e6 there, and the upper bound, 1000: with these the share swung between 0.1 %
 * and 5 % of two processors, in turns of a second (docs/decisions.md). Shorter: it swings. Longer:
 * it is slow to learn that sleeps are longer than it says. */
#define SCAVENGE_GAIN        0.3375
#define SCAVENGE_INTEGRAL_NS 1.6e8
#define SCAVENGE_TRACKING_NS 1e9
#define SCAVENGE_RATIO_MIN   0.001
#define SCAVENGE_RATIO_MAX   10.0
#define SCAVENGE_COOLDOWN_NS UINT64_C(5000000000)

/* The least work between two sleeps of the scavenging thread, and its longest sleep. Lower: more
 * switches. Higher: the thread is seen by what shares its processor (Go's figure). */
#define SCAVENGE_WORK_NS      UINT64_C(1000000)
#define SCAVENGE_SLEEP_MAX_NS UINT64_C(10000000000)

/* Bytes given back in one call of the system at the most: a whole chunk. Meanwhile nobody can take
 * these pages. Lower: more calls, and each page costs more. Higher: who wants those pages waits for
 * longer; 4 MiB take 0.35 to 0.6 ms, 0.35 microseconds for each 4 KiB, where 64 KiB take 0.64
 * (docs/decisions.md, "Steps of up to 4 MiB"). */
#define SCAVENGE_STEP_BYTES CHUNK_BYTES

/* Bytes given back at the least where an allocation must, at the memory limit. Lower: a call of the
 * system for each span. Higher: pages that would have been used again are faulted in anew (Go's
 * quantum in the background). */
#define SCAVENGE_EAGER_BYTES (64 * KIB)

/* Pages in use from which on a chunk counts as full: 96.875 % (Go's figure). Lower: more memory is
 * kept. Higher: huge pages are torn up for the sake of a few small ones. */
#define SCAVENGE_DENSE_PAGES (CHUNK_PAGES - CHUNK_PAGES / 32)

/* Pages of a huge page: 2 MiB. */
#define SCAVENGE_HUGE_PAGES ((size_t)256)

/* Chunks looked at in one go for something to give back, with PAGES held; 8 bytes each. Lower: the
 * lock is taken more often for a large heap. Higher: allocation waits; 4096 take a few
 * microseconds. */
#define SCAVENGE_LOOK_CHUNKS ((size_t)4096)

/* Percent of the memory limit that is kept (Go's figure). */
#define SCAVENGE_LIMIT_PERCENT 95

/* How long chunks that were full at the last cycle's end are left alone where no other cycle comes.
 * Lower: memory that the next cycle needs is given back. Higher: after a peak, an idle program
 * keeps it. Go waits for the next cycle, which comes within two minutes there. */
#define SCAVENGE_RIPE_NS UINT64_C(1000000000)

/* How long nothing is tried after the system has refused to take memory back. */
#define SCAVENGE_REFUSED_NS UINT64_C(1000000000)

#endif
