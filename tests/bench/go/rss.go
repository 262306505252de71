// How soon the system has memory back that a program needed once: the workload of ../rss.c, the
// same check.
package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

const (
	ringSlots = 10000
	loadNodes = 1000
	loadPause = 10 * time.Millisecond
)

// rssReadings says when the resident memory is read, in tenths of the load's time.
var rssReadings = []struct {
	metric string
	tenths int64
}{
	{"rss_0s_mb", 0}, {"rss_1s_mb", 1}, {"rss_2s_mb", 2}, {"rss_5s_mb", 5}, {"rss_10s_mb", 10},
}

type load struct {
	ring   []*node
	slot   int
	number uint64
}

// goOn is the load, until end on the clock.
func (l *load) goOn(end int64) {
	for wallNs() < end {
		for i := 0; i < loadNodes; i++ {
			l.ring[l.slot] = newNode(l.number)
			l.number++
			if l.slot++; l.slot == ringSlots {
				l.slot = 0
			}
		}
		time.Sleep(loadPause)
	}
}

// checkRing wants the last nodes in the ring, each where it belongs.
func (l *load) checkRing() {
	for i := l.number - min(l.number, ringSlots); i < l.number; i++ {
		if l.ring[i%ringSlots].numbers[0] != i {
			die("a node of the ring is not what was allocated")
		}
	}
}

// watch prints the resident memory after the collection, as it changes while the load goes on.
func (l *load) watch(loadNs int64) {
	rss, start := uint64(0), wallNs()
	for _, reading := range rssReadings {
		l.goOn(start + loadNs/10*reading.tenths)
		rss = memoryRss()
		report(reading.metric, mb(rss))
	}
	goal := readMemory().goal
	report("rss_mb", mb(rss))
	report("goal_mb", mb(goal))
	report("rss_goal", float64(rss)/float64(goal))
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println(runtime.Version())
		return
	}
	nodes := number("nodes", 1<<24)
	keep := number("keep", 0)
	loadNs := int64(number("seconds", 10)) * 1000000000
	if nodes < graphRoots || nodes%graphRoots != 0 || keep > graphRoots || loadNs == 0 {
		die("nodes must be a multiple of 1024, keep 0 to 1024, seconds at least 1")
	}
	l := load{ring: make([]*node, ringSlots)}

	buildList(nodes)
	check := checkGraph(nodes)
	report("rss_spike_mb", mb(memoryRss()))
	clear(roots[keep:])
	runtime.GC()
	l.watch(loadNs)
	debug.FreeOSMemory()
	report("rss_released_mb", mb(memoryRss()))

	l.checkRing()
	check += checkGraph(nodes / graphRoots * keep)
	reportCheck(check)
}
