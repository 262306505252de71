// What the benchmark programs share. Options have the form key=value; a result is a line
// "metric value"; a line "check value" must be the same for every implementation.
package main

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func die(what string) {
	fmt.Fprintln(os.Stderr, "bench:", what)
	os.Exit(1)
}

// option gives the value of option key as text, otherwise where it was not given.
func option(key, otherwise string) string {
	for _, argument := range os.Args[1:] {
		if value, found := strings.CutPrefix(argument, key+"="); found {
			return value
		}
	}
	return otherwise
}

// number gives the value of option key as a number.
func number(key string, otherwise uint64) uint64 {
	value, err := strconv.ParseUint(option(key, strconv.FormatUint(otherwise, 10)), 10, 64)
	if err != nil {
		die(key + ": expected a number")
	}
	return value
}

var processStart = time.Now()

// wallNs gives nanoseconds on the monotonic clock.
func wallNs() int64 {
	return int64(time.Since(processStart))
}

// cpuNs gives nanoseconds of processor time used by this process.
func cpuNs() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		die(err.Error())
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

// random is xorshift64, as in the C programs, so that all build the same graph.
type random uint64

func (r *random) next() uint64 {
	x := uint64(*r)
	x ^= x << 13
	x ^= x >> 7
	x ^= x << 17
	*r = random(x)
	return x
}

// below gives a number below limit, which is at most 2^32.
func (r *random) below(limit uint64) uint64 {
	return (r.next() >> 32) * limit >> 32
}

func report(metric string, value float64) {
	fmt.Printf("%s %.6g\n", metric, value)
}

func reportCheck(value uint64) {
	fmt.Printf("check %016x\n", value)
}

// median sorts the values.
func median(values []float64) float64 {
	sort.Float64s(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}
