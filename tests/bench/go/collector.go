// What Go's collector tells of itself, read without stopping anything.
package main

import (
	"math"
	"runtime/metrics"
)

func readMetric(name string) metrics.Value {
	samples := []metrics.Sample{{Name: name}}
	metrics.Read(samples)
	if samples[0].Value.Kind() == metrics.KindBad {
		die("this Go has no metric " + name)
	}
	return samples[0].Value
}

// collections gives the number of cycles completed.
func collections() uint64 {
	return readMetric("/gc/cycles/total:gc-cycles").Uint64()
}

// stallMaxNs gives the longest stop for the collector since the start, or what is known of it: the
// end of its bucket in Go's histogram of stops.
func stallMaxNs() float64 {
	histogram := readMetric("/sched/pauses/total/gc:seconds").Float64Histogram()
	longest := 0.0
	for i, n := range histogram.Counts {
		if n > 0 {
			longest = histogram.Buckets[i+1]
			if math.IsInf(longest, 1) {
				longest = histogram.Buckets[i]
			}
		}
	}
	return longest * 1e9
}
