// What Go's runtime says of its memory, and what the process holds by the system's account.
package main

import (
	"fmt"
	"os"
	"runtime/metrics"
)

// memory is a reading; sizes in bytes.
type memory struct {
	objects     uint64  // in objects that are live or not yet swept
	held        uint64  // of the system: all that was mapped and not given back
	goal        uint64  // the size at which the next collection should be over
	gcCpuNs     float64 // processor time of collecting, by the runtime's account
	busyNs      float64 // all processor time but idle, by the same account
	collections uint64
	limiterOn   bool // whether the limiter of collecting has been on, ever
}

// readMemory stops nothing.
func readMemory() memory {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"},
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/gc/heap/goal:bytes"},
		{Name: "/cpu/classes/gc/total:cpu-seconds"},
		{Name: "/cpu/classes/total:cpu-seconds"},
		{Name: "/cpu/classes/idle:cpu-seconds"},
		{Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/gc/limiter/last-enabled:gc-cycle"},
	}
	metrics.Read(samples)
	for _, sample := range samples {
		if sample.Value.Kind() == metrics.KindBad {
			die("this Go has no metric " + sample.Name)
		}
	}
	return memory{
		objects:     samples[0].Value.Uint64(),
		held:        samples[1].Value.Uint64() - samples[2].Value.Uint64(),
		goal:        samples[3].Value.Uint64(),
		gcCpuNs:     samples[4].Value.Float64() * 1e9,
		busyNs:      (samples[5].Value.Float64() - samples[6].Value.Float64()) * 1e9,
		collections: samples[7].Value.Uint64(),
		limiterOn:   samples[8].Value.Uint64() != 0,
	}
}

var objectsSample = []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}

// readObjects gives bytes in objects that are live or not yet swept, without allocating.
func readObjects() uint64 {
	metrics.Read(objectsSample)
	return objectsSample[0].Value.Uint64()
}

// memoryRss gives the bytes of memory that the process has now.
func memoryRss() uint64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		die(err.Error())
	}
	var size, resident uint64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		die("/proc/self/statm: " + err.Error())
	}
	return resident * uint64(os.Getpagesize())
}

func mb(bytes uint64) float64 {
	return float64(bytes) / 1048576
}
