// Messages of 1 KiB pushed into a ring of 200 000, every push timed: the workload of ../ring.c, the
// same check.
package main

import (
	"fmt"
	"os"
	"runtime"
)

const messageWords = 128

// A message is a leaf; its first word is its number.
type message [messageWords]uint64

func push(ring []*message, pushes uint64, pattern *message, latency *latency) {
	slot := 0
	last := wallNs()
	for i := uint64(0); i < pushes; i++ {
		m := new(message)
		*m = *pattern
		m[0] = i
		ring[slot] = m
		if slot++; slot == len(ring) {
			slot = 0
		}
		now := wallNs()
		latency.record(uint64(now - last))
		last = now
	}
}

// checkRing gives the sum of the numbers in the ring, in which the last pushes must be, each where
// it belongs.
func checkRing(ring []*message, pushes uint64, pattern *message) uint64 {
	slots := uint64(len(ring))
	sum := uint64(0)
	for i := pushes - min(pushes, slots); i < pushes; i++ {
		expected := *pattern
		expected[0] = i
		if *ring[i%slots] != expected {
			die("a message is not what was pushed")
		}
		sum += i + 3*expected[messageWords-1]
	}
	return sum
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println(runtime.Version())
		return
	}
	pushes := number("pushes", 5000000)
	slots := number("slots", 200000)
	if pushes == 0 || slots == 0 {
		die("pushes and slots must be at least 1")
	}
	ring := make([]*message, slots)
	latency := new(latency)
	var pattern message
	for i := range pattern {
		pattern[i] = uint64(i)
	}

	cpu := cpuNs()
	push(ring, pushes, &pattern, latency)
	cpu = cpuNs() - cpu

	latency.report()
	report("cpu_ns_op", float64(cpu)/float64(pushes))
	report("collections", float64(collections()))
	report("collector_max_us", stallMaxNs()/1e3)
	reportCheck(checkRing(ring, pushes, &pattern))
}
