// How long a goroutine that allocates waits while a large graph is live: the workload of
// ../stall.c, the same graph, the same check.
package main

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	ringSlots = 10000
	look      = 20 * time.Millisecond // between two looks at whether the run is over
)

// mutator is written by its own goroutine.
type mutator struct {
	latency            latency
	startWall, endWall int64
	startCpu, endCpu   int64
}

// watcher is written by its own goroutine.
type watcher struct {
	readings           uint64
	max                int64
	over100us, over1ms uint64
}

var stop atomic.Bool

// allocate ends at an even number only, so that the link of the oldest node in the ring leads to
// itself. It gives the number of allocations.
func (m *mutator) allocate(ring []*node, count uint64) uint64 {
	var previous *node
	number := uint64(0)
	slot := 0
	last := wallNs()
	for number < count && (number&1 != 0 || !stop.Load()) {
		n := newNode(number)
		if number&1 != 0 {
			n.next[0] = previous
		} else {
			n.next[0] = n
		}
		ring[slot] = n
		previous = n
		number++
		if slot++; slot == ringSlots {
			slot = 0
		}
		now := wallNs()
		m.latency.record(uint64(now - last))
		last = now
	}
	return number
}

// checkRing wants the last nodes in the ring, each where it belongs, as it was made.
func checkRing(ring []*node, allocations uint64) {
	for i := allocations - min(allocations, ringSlots); i < allocations; i++ {
		expected := node{numbers: [4]uint64{i}}
		expected.next[0] = ring[(i-i&1)%ringSlots]
		if *ring[i%ringSlots] != expected {
			die("a node of a ring is not what was allocated")
		}
	}
}

func (m *mutator) mutate(start *sync.WaitGroup, count uint64) {
	ring := make([]*node, ringSlots)
	start.Done()
	start.Wait()
	m.startCpu, m.startWall = cpuNs(), wallNs()
	allocations := m.allocate(ring, count)
	m.endWall, m.endCpu = wallNs(), cpuNs()
	checkRing(ring, allocations)
}

func (w *watcher) watch(start *sync.WaitGroup) {
	start.Done()
	start.Wait()
	last := wallNs()
	for {
		now := wallNs()
		gap := now - last
		last = now
		w.readings++
		w.max = max(w.max, gap)
		if gap > 100000 {
			w.over100us++
		}
		if gap > 1000000 {
			w.over1ms++
		}
		if stop.Load() {
			return
		}
	}
}

// waitForCycles sleeps until the timed part is to end.
func waitForCycles(before uint64) {
	cycles := number("cycles", 3)
	least := int64(number("least_ms", 15000)) * 1000000
	most := int64(number("most_ms", 45000)) * 1000000
	start := wallNs()
	for elapsed := int64(0); elapsed < most; elapsed = wallNs() - start {
		if elapsed >= least && collections()-before >= cycles {
			return
		}
		time.Sleep(look)
	}
}

// runAll gives what the mutators did in all, and the collections meanwhile.
func runAll(mutators []mutator, w *watcher, count uint64) (sum *latency, wall, cpu int64, cycles uint64) {
	before := collections()
	var start, done, watched sync.WaitGroup
	start.Add(len(mutators) + 1)
	for i := range mutators {
		done.Add(1)
		go func() {
			mutators[i].mutate(&start, count)
			done.Done()
		}()
	}
	if w != nil {
		start.Add(1)
		watched.Add(1)
		go func() {
			w.watch(&start)
			watched.Done()
		}()
	}
	start.Done()
	start.Wait()
	if count == math.MaxUint64 {
		waitForCycles(before)
		stop.Store(true)
	}
	done.Wait()
	stop.Store(true)
	watched.Wait()
	cycles = collections() - before

	sum = new(latency)
	first, last := &mutators[0], &mutators[0]
	for i := range mutators {
		m := &mutators[i]
		sum.add(&m.latency)
		if m.startWall < first.startWall {
			first = m
		}
		if m.endWall > last.endWall {
			last = m
		}
	}
	return sum, last.endWall - first.startWall, last.endCpu - first.startCpu, cycles
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println(runtime.Version())
		return
	}
	nodes := number("nodes", 1<<24)
	mutators := make([]mutator, number("mutators", 1))
	count := number("count", math.MaxUint64)
	if len(mutators) == 0 || count == 0 || (count != math.MaxUint64 && count%2 != 0) {
		die("mutators must be at least 1, count even and at least 2")
	}
	start := wallNs()
	buildRandom(nodes)
	report("build_s", float64(wallNs()-start)/1e9)
	runtime.GC()

	var w *watcher
	if number("watcher", 0) != 0 {
		w = new(watcher)
	}
	sum, wall, cpu, cycles := runAll(mutators, w, count)
	sum.report()
	report("cpu_ns_op", float64(cpu)/float64(sum.count))
	report("allocations", float64(sum.count))
	report("run_s", float64(wall)/1e9)
	report("run_cpu_s", float64(cpu)/1e9)
	if w != nil {
		report("watcher_max_us", float64(w.max)/1e3)
		report("watcher_over_100us", float64(w.over100us))
		report("watcher_over_1ms", float64(w.over1ms))
	}
	report("collections", float64(cycles))
	report("collector_max_us", stallMaxNs()/1e3)
	reportCheck(checkGraph(nodes))
}
