// A program that leaks until it is at its memory limit, and beyond: the workload of ../memlimit.c,
// the same check. Go never gives up: it ends with the last object to keep, or with the time.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	lists       = 64
	itemWords   = 127
	readingTime = 100 * time.Millisecond
	window      = 10 // readings to a second
)

type item struct {
	next  *item
	words [itemWords]uint64 // as in ../memlimit.c
}

type plan struct {
	limitBytes      uint64
	keep            uint64 // one of so many is kept
	work            uint64 // steps
	fill, last      uint64 // numbers of kept objects
	startNs, mostNs int64
	print           bool
}

type mutator struct {
	allocations, kept   atomic.Uint64
	done, filling, stop atomic.Bool
}

// reading holds what there was since the start.
type reading struct {
	wallNs            int64
	busyNs, gcCpuNs   float64 // by the runtime's account
	allocations, kept uint64
	held, rss         uint64
	limiterOn         bool
}

var (
	heads  [lists]*item
	latest *item
)

func compute(state *random, steps uint64) uint64 {
	for i := uint64(0); i < steps; i++ {
		state.next()
	}
	return uint64(*state)
}

func (m *mutator) leak(p *plan) {
	kept, dirty, untilKept := uint64(0), uint64(0), p.keep
	state := random(88172645463325252)
	for i := uint64(0); kept < p.last && !m.stop.Load(); i++ {
		it := new(item)
		dirty |= it.words[0] | it.words[itemWords-1]
		it.words[0], it.words[itemWords-1] = kept, kept
		latest = it
		it.words[1] = compute(&state, p.work)
		if untilKept--; untilKept == 0 || (kept < p.fill && m.filling.Load()) {
			head := &heads[kept%lists]
			it.next = *head
			*head = it
			untilKept = p.keep
			kept++
			m.kept.Store(kept)
		}
		m.allocations.Store(i + 1)
	}
	if dirty != 0 {
		die("an object was not zeroed")
	}
	m.done.Store(true)
}

// checkLists looks at all that was kept, and sums up the first.
func checkLists(kept, first uint64) uint64 {
	sum, found := uint64(0), uint64(0)
	for i, head := range heads {
		for it := head; it != nil; it = it.next {
			number := it.words[0]
			if number%lists != uint64(i) || number != it.words[itemWords-1] ||
				(it.next != nil && it.next.words[0]+lists != number) {
				die("an object is not what was kept")
			}
			if number < first {
				sum += 2*number + 1
			}
			found++
		}
	}
	if found != kept || kept < first {
		die("kept objects are missing")
	}
	return sum
}

func (m *mutator) takeReading() reading {
	memory := readMemory()
	return reading{
		wallNs:      wallNs(),
		busyNs:      memory.busyNs,
		gcCpuNs:     memory.gcCpuNs,
		allocations: m.allocations.Load(),
		kept:        m.kept.Load(),
		held:        memory.held,
		rss:         memoryRss(),
		limiterOn:   memory.limiterOn,
	}
}

func (r *reading) print(start int64) {
	limiter := ""
	if r.limiterOn {
		limiter = ", limiter"
	}
	fmt.Fprintf(os.Stderr, "%.3f s: %d allocated, %d kept, cpu %.3f s, gc %.3f s, %.1f MiB, rss %.1f%s\n",
		float64(r.wallNs-start)/1e9, r.allocations, r.kept, r.busyNs/1e9, r.gcCpuNs/1e9,
		mb(r.held), mb(r.rss), limiter)
}

// readOn gives the readings, and the index of the last one of the start.
func (m *mutator) readOn(p *plan) (readings []reading, startEnd int) {
	readings = make([]reading, 0, 6000)
	begin := time.Now()
	start := wallNs()
	for len(readings) < cap(readings) {
		r := m.takeReading()
		if m.done.Load() {
			break
		}
		readings = append(readings, r)
		if p.print {
			r.print(start)
		}
		if !m.filling.Load() && len(readings) > 1 && r.wallNs-start >= p.startNs {
			startEnd = len(readings) - 1
			m.filling.Store(true)
		}
		if r.kept >= p.fill && r.wallNs-start >= p.mostNs {
			break
		}
		time.Sleep(time.Until(begin.Add(time.Duration(len(readings)) * readingTime)))
	}
	m.stop.Store(true)
	return readings, startEnd
}

// throughput gives allocations in a nanosecond: the median of the slices between readings.
func throughput(readings []reading) float64 {
	var values []float64
	for i := 1; i < len(readings); i++ {
		from, to := &readings[i-1], &readings[i]
		values = append(values, float64(to.allocations-from.allocations)/float64(to.wallNs-from.wallNs))
	}
	if len(values) == 0 {
		die("the run was too short for a throughput")
	}
	return median(values)
}

// gcShare gives collecting's part of the processor time between two readings, in percent. Both are
// the runtime's account, which takes time for used in which a thread waited for a processor.
func gcShare(from, to *reading) float64 {
	if to.busyNs <= from.busyNs {
		return 0
	}
	return 100 * (to.gcCpuNs - from.gcCpuNs) / (to.busyNs - from.busyNs)
}

func gcShareMax(readings []reading) float64 {
	longest := 0.0
	size := min(window, len(readings)-1)
	for i := 0; i+size < len(readings); i++ {
		longest = max(longest, gcShare(&readings[i], &readings[i+size]))
	}
	return longest
}

// findLimit gives the reading from which on the program is at the limit.
func findLimit(p *plan, readings []reading, startEnd int) int {
	i := startEnd
	for i+2 < len(readings) && readings[i].kept < p.fill {
		i++
	}
	return i
}

func reportAll(p *plan, readings []reading, startEnd int) {
	at := readings[findLimit(p, readings, startEnd):]
	first, last := &at[0], &at[len(at)-1]
	start := throughput(readings[:startEnd+1])
	report("gc_share_max_pct", gcShareMax(at))
	report("gc_share_pct", gcShare(first, last))
	report("start_ns_op", 1/start)
	report("throughput_pct", 100*throughput(at)/start)
	report("throughput_end_pct", 100*throughput(at[max(len(at)-1-window, 0):])/start)
	held, rss := uint64(0), uint64(0)
	for i := range readings {
		held = max(held, readings[i].held)
		rss = max(rss, readings[i].rss)
	}
	report("overshoot_pct", 100*(float64(held)/float64(p.limitBytes)-1))
	report("rss_mb", mb(rss))
	for i := range readings {
		if readings[i].limiterOn {
			report("limiter_s", float64(readings[i].wallNs-first.wallNs)/1e9)
			break
		}
	}
	report("run_s", float64(last.wallNs-readings[0].wallNs)/1e9)
	report("allocations", float64(last.allocations))
	report("collections", float64(collections()))
}

func makePlan() *plan {
	limitBytes := number("limit_mb", 128) << 20
	objects := limitBytes / 1024
	p := &plan{
		limitBytes: limitBytes,
		keep:       number("keep", 256),
		work:       number("work", 2500),
		fill:       number("fill", 90) * objects / 100,
		last:       number("last", 104) * objects / 100,
		startNs:    int64(number("start_ms", 1000)) * 1000000,
		mostNs:     int64(number("most_ms", 60000)) * 1000000,
		print:      number("readings", 0) != 0,
	}
	if p.keep == 0 || p.fill == 0 || p.fill > p.last || p.startNs == 0 || p.startNs >= p.mostNs {
		die("keep and fill must be at least 1, fill <= last, 0 < start_ms < most_ms")
	}
	return p
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println(runtime.Version())
		return
	}
	p := makePlan()
	m := new(mutator)
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		m.leak(p)
		done.Done()
	}()
	readings, startEnd := m.readOn(p)
	done.Wait()
	if startEnd == 0 || len(readings) < startEnd+2 {
		die("the run ended before memory was filled")
	}
	reportAll(p, readings, startEnd)
	reportCheck(checkLists(m.kept.Load(), p.fill))
}
