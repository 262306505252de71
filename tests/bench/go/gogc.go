// A million objects of 1 KiB that nobody keeps, under settings of GOGC and GOMEMLIMIT: the workload
// of ../gogc.c, the same check.
package main

import (
	"fmt"
	"os"
	"runtime"
)

const (
	objectWords    = 128
	readingObjects = 256
)

type object [objectWords]uint64

// sink is what makes the objects escape.
var sink *object

func sum(o *object) uint64 {
	return o[0] + 3*o[objectWords-1]
}

// allocate gives the check, and the most that objects took at any reading.
func allocate(count uint64) (check, peak uint64) {
	dirty := uint64(0)
	for i := uint64(0); i < count; i++ {
		o := new(object)
		dirty |= o[0] | o[objectWords-1]
		o[0], o[objectWords-1] = i, i
		if sink != nil {
			check += sum(sink)
		}
		sink = o
		if i%readingObjects == readingObjects-1 {
			peak = max(peak, readObjects())
		}
	}
	if dirty != 0 {
		die("an object was not zeroed")
	}
	return check + sum(sink), peak
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println(runtime.Version())
		return
	}
	count := number("count", 1000000)
	if count < readingObjects {
		die("count must be at least 256")
	}
	readObjects()
	before := collections()
	cpu, wall := cpuNs(), wallNs()
	check, peak := allocate(count)
	wall = wallNs() - wall
	cpu = cpuNs() - cpu
	cycles := collections() - before

	report("run_s", float64(wall)/1e9)
	report("run_cpu_s", float64(cpu)/1e9)
	report("collections", float64(cycles))
	if cycles > 0 {
		report("interval_ms", float64(wall)/1e6/float64(cycles))
	}
	report("peak_heap_mb", mb(peak))
	reportCheck(check)
}
