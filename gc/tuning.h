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
 * one slow path. Higher: less memory. 24 bound the waste at 4 % of the spans of a class, and take
 * some 12 microseconds where none is in the cache; 100, Go's budget, took 53. */
#define SWEEP_BUDGET_SPANS 24

/* Spans that a mutator takes for one list at a time, at the most: one the first time after a flush
 * of its cache, then twice as many as before; and how much that is at the most. Lower: mutators
 * take the lists' lines from each other more often. Higher: more free slots that others do not
 * find. */
#define REFILL_SPANS_MAX 8
#define REFILL_BYTES_MAX ((size_t)64 * 1024)

/* Shards of a central list, over which mutators are spread. Fewer: they contend for one line, and
 * get spans whose memory lies in another processor's cache. More: who finds nothing in its own
 * looks into more of them, a line each. */
#define CENTRAL_SHARDS 4U

/* Mutators for each of which the goal's minimum has room, at the most. Lower: more cycles where
 * many threads allocate. Higher: a heap of many threads, in which little lives, takes more
 * memory. */
#define MUTATORS_SIDE_BY_SIDE_MOST 16U

/* Spans the background sweeper sweeps between two looks at whether it should stop. */
#define SWEEP_BATCH_SPANS 64

/* Large objects are zeroed in steps of this many bytes, with a safepoint between. Lower: more
 * polls. Higher: a longer wait for the handshake; 256 KiB take some 20 microseconds. */
#define LARGE_ZERO_BYTES (256 * KIB)

/* A large object is scanned in pieces of this many bytes, so that several markers share it, and
 * none is at one for long. Lower: more queue traffic. Higher: less parallelism at the end of
 * marking, and longer steps of mutators that mark: 128 KiB, Go's figure, are 16 384 references, at
 * 13 ns each where these lead to small objects that are white. */
#define OBLET_BYTES (16 * KIB)

/* Objects between the mark stack and their scan, prefetched. Fewer: the scan waits for memory.
 * More: they leave the cache again. 16 was best on lists, trees and random graphs in the bare loop
 * of docs/benchmarks.md. A power of two. */
#define MARK_PREFETCH_OBJECTS 16

/* Spans between the one that is scanned and the one whose bits, whose grey objects are prefetched.
 * Fewer: the scan waits for memory. More: they leave the cache again, and what turns grey meanwhile
 * is not fetched. With 4 and 1 instead of 3 and 0, 2^21 nodes took 33 to 36 ms instead of 36 to 41
 * in a tree; lists and random graphs did not mind. */
#define MARK_PREFETCH_SPAN_BITS    4
#define MARK_PREFETCH_SPAN_OBJECTS 1

/* Grey objects, and spans with such, below which a marker follows a chain from span to span: it
 * scans what it meets by itself, and not as a part of its span. Fewer: two or three chains at a
 * time cost a visit of the queue for each object. More: the begin of a random graph is marked
 * object by object. */
#define MARK_CHAIN_WORK 8

/* The same in a cycle that mutators drive, whose objects are in the processor's cache anyhow. A
 * power of two, not less. A Lox program that holds many short lists, eight to sixteen spans at a
 * time, took 7 % less with 16 than with 8, and as much with 64; lists of a large heap took 4 to 7 %
 * more. */
#define MARK_CHAIN_WORK_SMALL 16

/* Objects that were scanned in a span, from its end to its begin, from which on the next ones are
 * fetched as a whole. Fewer: lines are fetched that nobody reads. More: small trees whose leaves
 * were allocated first wait for memory, line by line (docs/decisions.md). */
#define MARK_BACK_OBJECTS 16

/* References of a batch, between their object's scan and the test of their mark, while the heads
 * and the bits of their spans are prefetched. Fewer: the test waits for memory, which is most of
 * what marking a random graph takes. More: the lines leave the cache again, and small assists end
 * with half a batch. 512 MiB of 64-byte nodes in random order took 2.3 s without, 1.5 s with 16,
 * 1.45 with 32; lists and trees do not mind. */
#define MARK_PREFETCH_REFERENCES 32

/* Words that may hold references from which on an object is scanned by a kernel of the processor's
 * vectors. Lower: a call for objects that a few single loads look through. Higher: large objects
 * that are mostly empty are read word by word. */
#define SCAN_KERNEL_WORDS 16

/* Looks at spans of such objects, after one in which a kernel has found most words to be
 * references, that go word by word: there a kernel only adds to the work, up to 40 %. Lower: tried
 * more often in vain. Higher: objects that are mostly empty, and come after others that are not,
 * are read word by word for longer. */
#define SCAN_DENSE_LOOKS 15

/* Words of a look by which that is judged. Fewer: a few dense objects decide for their neighbours.
 * More: counting costs a tenth of an object's scan. */
#define SCAN_DENSE_SAMPLE 256

/* Groups of four words up to which plain addresses among them are found by what is not 0, in the
 * loop, rather than by that kernel, which also tells what leads out of the heap. Fewer: a call for
 * each object. More: a test for each group of large objects, where the kernel takes two vectors at
 * a time. */
#define SCAN_SPARSE_GROUPS 4

/* Entries of one segment of a mark stack; a segment is also what is stolen. 510 make a segment a
 * page of 4 KiB. */
#define MARK_SEGMENT_ENTRIES 510

/* Bytes a marker scans between two looks around: at whether others are hungry, whether it shall
 * stop, whether it has had its share of the processor. Lower: more looks. Higher: the processor is
 * kept from mutators for longer; 16 KiB take 10 to 30 microseconds. */
#define MARK_LOOK_BYTES ((size_t)16 * 1024)

/* Looks around between two readings of a marker's processor time. Fewer: a system call more often.
 * More: the CPU limiter learns of it later; 8 looks are some 200 microseconds. */
#define MARK_CLOCK_LOOKS 8

/* What is called marking's processor time, where only the clock on the wall was read: that time, up
 * to so many nanoseconds and so many for each byte that was scanned. Lower: where memory is slow,
 * marking seems faster than it is. Higher: where the system gives the processor to another thread
 * meanwhile, it seems slower. Random graphs take some 2 ns a byte. */
#define MARK_LEAST_NS       UINT64_C(2000)
#define MARK_MOST_NS_A_BYTE UINT64_C(10)

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

/* Bytes that one assist scans, and what a cache hands out meanwhile is so little that this pays for
 * it. Where more is owed, a part of the debt up to the maximum and the size of what is being
 * allocated. Lower: more slow paths, and more starts of the marker's prefetching. Higher: a longer
 * stall; 2 KiB of 64-byte objects in random order take 7 to 10 microseconds. Beside 1 GiB of them
 * 4 KiB, an eighth and 64 KiB made the 99.9th percentile of an allocation 24 microseconds instead
 * of 15. */
#define ASSIST_QUANTUM_BYTES  ((size_t)2 * 1024)
#define ASSIST_STEP_PART      ((size_t)64)
#define ASSIST_STEP_MAX_BYTES ((size_t)8 * 1024)

/* The most scanning that a KiB of allocation can owe: a thousand times as much. */
#define ASSIST_RATE_MAX (UINT64_C(1024) * 1024)

/* A mutator's allocations are charged to the heap when they come to a 256th of its goal, at least
 * 256 bytes and at most 8 KiB; or, where there are few mutators, to so much that what all have not
 * charged yet is a 128th of the goal, at most 32 KiB each. Lower: more atomic operations on one
 * line, which mutators take from each other: two that allocate 32 bytes at a time lost 0.9 ns each
 * with 8 KiB, half of that with 16. Higher: the pacer learns of growth in jumps. */
#define CHARGE_GOAL_PART     UINT64_C(256)
#define CHARGE_ALL_GOAL_PART UINT64_C(128)
#define CHARGE_BYTES_MIN     UINT64_C(256)
#define CHARGE_BYTES_ALWAYS  UINT64_C(8192)
#define CHARGE_BYTES_MAX     UINT64_C(32768)

/* The longest that a mutator sleeps at a slow path because the heap is past its goal; it does so
 * when that is by half of the goal, less before. Lower: the heap runs further. Higher: a longer
 * stall. */
#define BRAKE_MAX_NS     UINT64_C(700000)
#define BRAKE_FULL_64THS UINT64_C(32)

/* What a mutator that is past the memory limit scans, or sleeps where there is nothing to scan,
 * between two looks at whether it still is. */
#define LIMIT_WAIT_SCAN_BYTES ((size_t)64 * 1024)
#define LIMIT_WAIT_NAP_NS     UINT64_C(100000)

/* Bytes of one large allocation for which it sleeps once more. */
#define BRAKE_BYTES (32 * KIB)

/* Spans that a mutator sweeps at the most for each that it takes, so that sweeping ends before the
 * next cycle is due. Lower: it may not end in time, and the cycle's begin has to sweep the rest.
 * Higher: a longer stall; a span of small objects takes some 100 ns. */
#define SWEEP_KEEP_UP_SPANS UINT64_C(16)

/* Spans by which sweeping is behind from which on a mutator sweeps those of others, too. Lower: it
 * takes their memory, and what describes it, to its own processor's cache. Higher: more is left to
 * the begin of the next cycle, where the others do not allocate. */
#define SWEEP_OTHERS_SPANS 64

/* Spans that are swept before the heap is told and they go back to their lists. Lower: more atomic
 * operations on lines that all who sweep share. Higher: others find them later. */
#define SWEEP_RUN_SPANS 16

/* Spans that an incremental step sweeps before it looks at its budget again. */
#define STEP_SWEEP_SPANS 16

/* Bytes that a mutator scans in a step of a cycle that mutators drive, at an allocation's slow
 * path. Lower: the cycle lasts longer. Higher: a longer stall. */
#define STEP_SCAN_BYTES ((size_t)32 * 1024)

/* The same for a large allocation, which pays for its size. Lower: the heap runs past its goal.
 * Higher: a longer stall; 4 MiB take a millisecond or two. */
#define STEP_SCAN_MOST_BYTES ((size_t)4 * MIB)

/* Bytes that a cache hands out between two such steps. Lower: small objects are few to a slow path
 * where there is nothing to do but wait for others. Higher: more of what dies meanwhile is kept,
 * and recorded by barriers. Where 10 000 objects of 64 bytes live among others, an allocation takes
 * 3 to 4 % less time with 512 than with 2048. */
#define STEP_WINDOW_BYTES ((size_t)512)

/* What an assist scans at the least, so that what it has sent home counts as worth while. Lower: a
 * list whose nodes several mutators have made in turn is passed from one to the other, a node at a
 * time. Higher: they mark each other's objects. */
#define HOME_WORTH_BYTES ((size_t)4096)

/* How often, in a cycle that mutators drive, a step leaves grey work to the mutators whose objects
 * it is, while its own allocates on for a window. Lower: they scan each other's objects, which lie
 * in another processor's cache. Higher: the cycle waits for one that does something else. */
#define HOME_WAITS 64

/* How long a mutator stays blocked, once to twice that, before what it keeps to allocate from is
 * given back. Lower: one that sleeps for moments fetches its spans anew each time, and the
 * collector's thread looks more often. Higher: memory of threads that wait lies idle for longer. 50
 * ms make at most 20 looks a second, of which each takes a microsecond for some ten mutators, in a
 * process that is busy, and none in one that is not. (Go takes it after 20 microseconds to 10
 * ms.) */
#define IDLE_LOOK_NS UINT64_C(50000000)

/* Bytes that are expected to be live up to which mutators drive a cycle by themselves. Lower: a
 * thread is woken for marking that takes less than waking it and fetching what the mutators have in
 * their caches. Higher: mutators mark while other processors idle. Of 10 000 objects of 64 bytes
 * that live among short-lived ones, an allocation took 15 ns instead of 25 to 40, and half of the
 * processor time; of 10 000 of 512 bytes, 5 MiB, 110 instead of 240 to 290 (docs/decisions.md). */
#define SELF_DRIVEN_BYTES ((size_t)16 * MIB)

/* What is live or not yet swept may be so many times that where a cycle begins; else the heap has
 * grown, and who knows what of it lives. Lower: heaps with a high GOGC wake a thread for little.
 * Higher: one mutator marks by itself what several threads could. */
#define SELF_DRIVEN_LIVE_PART 4

/* Finalizers, cleanups and objects of types with a finalizer up to which they do. One step finds
 * out which of them are dead, at up to 0.2 microseconds each. Lower and higher: as above. */
#define SELF_DRIVEN_FINALIZABLE 4096

/* Mutators up to which they do. Whose step finds the others blocked answers a handshake for all of
 * them, at 0.3 microseconds each. Lower: more heaps wake a thread. Higher: a longer stall of that
 * one. */
#define SELF_DRIVEN_MUTATORS 64

/* Bytes of roots that the cycle before has scanned, up to which they do. One step scans all roots
 * of blocked mutators, at a millisecond or two for each MiB. Lower and higher: as above. */
#define SELF_DRIVEN_ROOT_BYTES (512 * KIB)

/* How often a thread looks whether such a cycle makes progress, while there are any. Lower: more
 * wake-ups beside the mutators. Higher: a cycle that they have left lies about for longer, up to
 * twice as long as this. */
#define CYCLE_WATCH_NS UINT64_C(10000000)

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

/* A marker that sleeps between its slices looks that often whether somebody waits for it. Lower:
 * more wake-ups. Higher: they wait longer. */
#define PACE_NAP_MAX_NS UINT64_C(2000000)

/* The share of all processors that marking has even where none would idle (Go's figure). */
#define MARKER_SHARE 0.25

/* The least part of a processor that a quota is taken for. Lower: a marker sleeps for minutes
 * between its slices. Higher: it takes more than its share of a quota that is lower still, which
 * the system lets nobody set below a hundredth at the usual period of 100 ms. */
#define PROCESSORS_LEAST 0.01

/* Processors that GCPROCS can ask for: more than any machine has. */
#define PROCESSORS_MOST 65536

/* What the container allows is not read again before so long. Lower: more time in reading small
 * files, a few hundred microseconds for all. Higher: a change is noticed later. A second makes that
 * 0.04 % of a processor at the most. */
#define CONTAINER_READ_NS UINT64_C(1000000000)

/* How often the collector's thread wakes up to look whether the container's memory limit has
 * changed, where the heap follows it. Lower: an idle process wakes more often, for a few
 * hundred microseconds. Higher: it notices later that it has to collect. Two seconds make that a
 * load of 0.02 % of a processor. */
#define CONTAINER_FOLLOW_NS UINT64_C(2000000000)

/* MEMLIMIT=auto, in percent of the container's limit. Lower: more cycles. Higher: less is left for
 * what is not the heap's: the program, stacks, the system's caches. 90 is what programs in Go use
 * that set their limit so. */
#define MEMORY_LIMIT_AUTO_PERCENT 90

/* Markers of one heap at the most. */
#define MARKERS_MAX 64

/* Cursors of a mutator at the most: one for each type, 68 for each type that is allocated in
 * several sizes. */
#define CURSORS_MAX 65536

/* Pools of a heap at the most. Each takes 128 bytes of address space in each mutator, and of memory
 * in those that use it. */
#define POOLS_MAX 1024

/* References that move between a mutator's part of a pool and the common one at a time. Lower: the
 * lock is taken more often where one thread puts what another one gets. Higher: a mutator that
 * fills up and runs empty in turn moves more. Half of TRI_POOL_SLOTS_, so that what follows a move
 * is as far from the next one in both directions; a record of them is a cache line. */
#define POOL_BATCH 6

/* Records of the common part of pools that are scanned before others may have the lock: 10 to 50
 * microseconds. */
#define POOL_SCAN_BATCHES ((size_t)512)

/* How long a driver of a cycle leaves CYCLE to a thread that forks, and that thread sleeps between
 * its tries to have it. */
#define PAUSE_NAP_NS UINT64_C(50000)

/* Microseconds to its safepoint from which on a mutator is named by GCTRACE=2. */
#define SLOW_SAFEPOINT_US 10000

/* The goal's minimum without GOGC's scaling, in bytes (Go's figure). */
#define HEAP_MINIMUM_BYTES (4 * MIB)

/* What a lower heap_minimum counts as. Lower: an empty heap collects at each few objects. */
#define HEAP_MINIMUM_LEAST_BYTES (64 * KIB)

/* While sweeping goes on, no cycle begins before that many bytes more are allocated (Go's figure).
 * Lower: allocation has to sweep faster. Higher: a small heap grows past its goal. */
#define PACER_SWEEP_DISTANCE_BYTES MIB

/* The least way from trigger to goal of a cycle that has begun late (Go's figure). */
#define PACER_MIN_RUNWAY_BYTES (64 * KIB)

/* Of the bytes of empty places in weak tables this part counts for the goal as other live bytes do,
 * by GOGC percent, 100 at the most. Lower: a table of small objects that die at once
 * grows with the heap, and the heap with the table: an entry of 24 bytes of which three in four are
 * used lets 32 bytes divided by this be allocated, and that MUST be less than the smallest object,
 * of 8 ([pacer.4]). Higher: a heap that is all empty table is collected for each such part of it
 * that is allocated. */
#define PACER_EMPTY_PART ((uint64_t)8)

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

/* The CPU limiter's bucket: what collecting may take more than the program has before it is
 * limited. Two cycles' worth, for each processor at least a tenth of a second, and at most one
 * (Go's only figure). Lower: a program that could stay below its limit with a burst of collecting
 * passes it. Higher: a program at its limit crawls for longer before it is known that this is of no
 * use. */
#define CPU_LIMIT_CAPACITY_MIN_NS UINT64_C(100000000)
#define CPU_LIMIT_CAPACITY_MAX_NS UINT64_C(1000000000)
#define CPU_LIMIT_CAPACITY_CYCLES 2

/* What flows over is kept up to that part of the bucket. Lower: where collecting takes long at a
 * time, it takes more than half. Higher: a program that has been over its limit for a while runs
 * without a limit for longer afterwards. */
#define CPU_LIMIT_KEPT_PART UINT64_C(4)

/* Time between two updates of the limiter. Lower: a system call more often, at slow paths of heaps
 * with a memory limit. Higher: a mutator that waits for memory waits for longer than it should. */
#define CPU_LIMIT_UPDATE_NS UINT64_C(2000000)

/* How far past its memory limit a heap whose host would rather give up goes on: a 50th. */
#define LIMIT_OVERSHOOT_PART UINT64_C(50)

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

/* Regions that a heap can have at a time. Lower: a host that has more is refused. Higher: more
 * address space, a word each, once there is one. */
#define REGIONS_MAX (1 << 20)

/* Freed regions of which the bookkeeping is kept before it is used for a new one. Lower: a use of
 * one that was freed is taken for a use of the new one sooner. Higher: more memory, some 16 KiB
 * each. */
#define REGIONS_UNUSED_MIN 16

/* Spans of freed regions that are given back in one go. Lower: REGIONS and PAGES are taken more
 * often, since pages side by side are given in one. Higher: a longer way to the next safepoint; 64
 * take some 5 microseconds. */
#define REGION_RETURN_SPANS 64

/* Memory of freed regions that is kept inaccessible (gcverify=1, clobberfree=1), and which part of
 * a small heap at the most. Lower: a late use is not seen. Higher: more mappings, up to one for
 * each 8 KiB, of which a process has 65530 on Linux. */
#define FENCE_BYTES     (64 * MIB)
#define FENCE_HEAP_PART 8

/* Objects that a walk over the heap takes at a time, at least SPAN_SLOTS_MAX, so that whole spans
 * fit. Lower: CYCLE is taken more often. Higher: more C stack, a word each. */
#define HEAP_WALK_OBJECTS 512

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

/* Entries of a weak table that has any; a power of two. Lower: small tables grow more often.
 * Higher: many small tables take more memory. */
#define WEAK_TABLE_ENTRIES_MIN ((size_t)8)

/* Entries of a weak table that are looked at after a cycle to see whether it has become much too
 * large; a power of two. Lower: it is looked through in vain more often. Higher: each table's first
 * entry after a cycle takes longer, a cache miss for each. Tables of less than four times as many
 * do not shrink. */
#define WEAK_TABLE_SAMPLES ((size_t)32)

/* Slots that a weak hook of the host's looks at in a call. Lower: more calls. Higher: a mutator
 * that waits for the table's lock waits longer, as does the one that takes the step; a slot takes
 * some 10 to 30 ns. */
#define WEAK_HOOK_SLOTS ((size_t)512)

/* Bytes of scanning that such a slot counts as in a step. Lower: longer steps. Higher: a large
 * table makes the cycle longer, in which what is allocated lives on. */
#define WEAK_HOOK_SLOT_COST ((size_t)16)

/* Percent of the memory limit that is kept (Go's figure). */
#define SCAVENGE_LIMIT_PERCENT 95

/* How long chunks that were full at the last cycle's end are left alone where no other cycle comes.
 * Lower: memory that the next cycle needs is given back. Higher: after a peak, an idle program
 * keeps it. Go waits for the next cycle, which comes within two minutes there. */
#define SCAVENGE_RIPE_NS UINT64_C(1000000000)

/* What a heap has had in use at the end of a cycle within so long is kept, up to so much, and up to
 * twice that cycle's goal; unless that is more than twice the goal by now: then it was a peak.
 * Less: a small heap, of which one cycle needs more than the next, gives back and faults in again
 * what it uses, 2.5 microseconds for each 4 KiB; a Lox program that makes strings of all sizes took
 * a tenth of its time for that. More: a program that has become quiet after a peak keeps more,
 * until its next cycle. */
#define SCAVENGE_PEAK_NS    UINT64_C(1000000000)
#define SCAVENGE_PEAK_BYTES ((uint64_t)16 * MIB)

/* How long the thread does not look again where it has found nothing to give, whatever happens.
 * Lower: a small heap that collects a thousand times a second wakes it as often. Higher: it is late
 * to give back what a cycle has freed. */
#define SCAVENGE_REST_NS UINT64_C(10000000)

/* How long nothing is tried after the system has refused to take memory back. */
#define SCAVENGE_REFUSED_NS UINT64_C(1000000000)

#endif
