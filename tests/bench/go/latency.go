// A log-linear histogram of nanoseconds: the buckets and the percentiles of ../latency.h.
package main

import "math/bits"

const (
	latencyLinearBits = 5
	latencyBuckets    = (64 - latencyLinearBits + 1) << latencyLinearBits
)

type latency struct {
	count   uint64
	sumNs   uint64
	maxNs   uint64
	buckets [latencyBuckets]uint64
}

func latencyShift(ns uint64) int {
	return max(bits.Len64(ns)-latencyLinearBits-1, 0)
}

func latencyBucketEnd(bucket int) uint64 {
	const linear = 1 << latencyLinearBits
	if bucket < 2*linear {
		return uint64(bucket)
	}
	return uint64(bucket%linear+linear+1)<<(bucket/linear-1) - 1
}

func (l *latency) record(ns uint64) {
	shift := latencyShift(ns)
	l.buckets[shift<<latencyLinearBits+int(ns>>shift)]++
	l.count++
	l.sumNs += ns
	l.maxNs = max(l.maxNs, ns)
}

func (l *latency) add(part *latency) {
	l.count += part.count
	l.sumNs += part.sumNs
	l.maxNs = max(l.maxNs, part.maxNs)
	for i, n := range part.buckets {
		l.buckets[i] += n
	}
}

// percentile gives the value that parts of 10 000 values do not exceed: the end of its bucket.
func (l *latency) percentile(parts uint64) uint64 {
	wanted := (l.count*parts + 9999) / 10000
	seen := uint64(0)
	for i, n := range l.buckets {
		if seen += n; seen >= wanted && seen > 0 {
			return min(latencyBucketEnd(i), l.maxNs)
		}
	}
	return l.maxNs
}

func (l *latency) report() {
	report("mean_ns", float64(l.sumNs)/float64(l.count))
	report("p50_ns", float64(l.percentile(5000)))
	report("p99_ns", float64(l.percentile(9900)))
	report("p999_ns", float64(l.percentile(9990)))
	report("p9999_ns", float64(l.percentile(9999)))
	report("max_us", float64(l.maxNs)/1e3)
}
