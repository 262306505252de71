// Short-lived objects, allocated as fast as can be while 10 000 live: the workload of ../churn.c,
// the same check. There is a loop for every size because the compiler must know the type.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
)

const ringSlots = 10000

// An object with pointers: a link, a number, and pointers that stay nil.
type (
	p16 struct {
		link   *p16
		number uint64
	}
	p32 struct {
		link   *p32
		number uint64
		rest   [2]*p32
	}
	p64 struct {
		link   *p64
		number uint64
		rest   [6]*p64
	}
	p128 struct {
		link   *p128
		number uint64
		rest   [14]*p128
	}
	p512 struct {
		link   *p512
		number uint64
		rest   [62]*p512
	}
)

// A leaf: numbers, of which the first is used.
type (
	a16  [2]uint64
	a32  [4]uint64
	a64  [8]uint64
	a128 [16]uint64
	a512 [64]uint64
)

// loop allocates count objects into its own ring, and gives what is needed to check the ring.
type loop func(count uint64) (check func() uint64)

func churnP16(count uint64) func() uint64 {
	ring := make([]*p16, ringSlots)
	var previous *p16
	slot := 0
	for i := uint64(0); i < count; i++ {
		object := new(p16)
		if i&1 == 1 {
			object.link = previous
		} else {
			object.link = object
		}
		object.number = i
		previous = object
		ring[slot] = object
		if slot++; slot == ringSlots {
			slot = 0
		}
	}
	return func() uint64 {
		sum := uint64(0)
		for _, object := range ring {
			sum += object.number + 3*object.link.number
		}
		return sum
	}
}

func churnP32(count uint64) func() uint64 {
	ring := make([]*p32, ringSlots)
	var previous *p32
	slot := 0
	for i := uint64(0); i < count; i++ {
		object := new(p32)
		if i&1 == 1 {
			object.link = previous
		} else {
			object.link = object
		}
		object.number = i
		previous = object
		ring[slot] = object
		if slot++; slot == ringSlots {
			slot = 0
		}
	}
	return func() uint64 {
		sum := uint64(0)
		for _, object := range ring {
			sum += object.number + 3*object.link.number
			for _, word := range object.rest {
				if word != nil {
					die("an object was not zeroed")
				}
			}
		}
		return sum
	}
}

func churnP64(count uint64) func() uint64 {
	ring := make([]*p64, ringSlots)
	var previous *p64
	slot := 0
	for i := uint64(0); i < count; i++ {
		object := new(p64)
		if i&1 == 1 {
			object.link = previous
		} else {
			object.link = object
		}
		object.number = i
		previous = object
		ring[slot] = object
		if slot++; slot == ringSlots {
			slot = 0
		}
	}
	return func() uint64 {
		sum := uint64(0)
		for _, object := range ring {
			sum += object.number + 3*object.link.number
			for _, word := range object.rest {
				if word != nil {
					die("an object was not zeroed")
				}
			}
		}
		return sum
	}
}

func churnP128(count uint64) func() uint64 {
	ring := make([]*p128, ringSlots)
	var previous *p128
	slot := 0
	for i := uint64(0); i < count; i++ {
		object := new(p128)
		if i&1 == 1 {
			object.link = previous
		} else {
			object.link = object
		}
		object.number = i
		previous = object
		ring[slot] = object
		if slot++; slot == ringSlots {
			slot = 0
		}
	}
	return func() uint64 {
		sum := uint64(0)
		for _, object := range ring {
			sum += object.number + 3*object.link.number
			for _, word := range object.rest {
				if word != nil {
					die("an object was not zeroed")
				}
			}
		}
		return sum
	}
}

func churnP512(count uint64) func() uint64 {
	ring := make([]*p512, ringSlots)
	var previous *p512
	slot := 0
	for i := uint64(0); i < count; i++ {
		object := new(p512)
		if i&1 == 1 {
			object.link = previous
		} else {
			object.link = object
		}
		object.number = i
		previous = object
		ring[slot] = object
		if slot++; slot == ringSlots {
			slot = 0
		}
	}
	return func() uint64 {
		sum := uint64(0)
		for _, object := range ring {
			sum += object.number + 3*object.link.number
			for _, word := range object.rest {
				if word != nil {
					die("an object was not zeroed")
				}
			}
		}
		return sum
	}
}

func churnA16(count uint64) func() uint64 {
	ring := make([]*a16, ringSlots)
	slot := 0
	for i := uint64(0); i < count; i++ {
		object := new(a16)
		object[0] = i
		ring[slot] = object
		if slot++; slot == ringSlots {
			slot = 0
		}
	}
	return func() uint64 {
		sum := uint64(0)
		for _, object := range ring {
			sum += object[0]
		}
		return sum
	}
}

func churnA32(count uint64) func() uint64 {
	ring := make([]*a32, ringSlots)
	slot := 0
	for i := uint64(0); i < count; i++ {
		object := new(a32)
		object[0] = i
		ring[slot] = object
		if slot++; slot == ringSlots {
			slot = 0
		}
	}
	return func() uint64 {
		sum := uint64(0)
		for _, object := range ring {
			sum += object[0]
		}
		return sum
	}
}

func churnA64(count uint64) func() uint64 {
	ring := make([]*a64, ringSlots)
	slot := 0
	for i := uint64(0); i < count; i++ {
		object := new(a64)
		object[0] = i
		ring[slot] = object
		if slot++; slot == ringSlots {
			slot = 0
		}
	}
	return func() uint64 {
		sum := uint64(0)
		for _, object := range ring {
			sum += object[0]
		}
		return sum
	}
}

func churnA128(count uint64) func() uint64 {
	ring := make([]*a128, ringSlots)
	slot := 0
	for i := uint64(0); i < count; i++ {
		object := new(a128)
		object[0] = i
		ring[slot] = object
		if slot++; slot == ringSlots {
			slot = 0
		}
	}
	return func() uint64 {
		sum := uint64(0)
		for _, object := range ring {
			sum += object[0]
		}
		return sum
	}
}

func churnA512(count uint64) func() uint64 {
	ring := make([]*a512, ringSlots)
	slot := 0
	for i := uint64(0); i < count; i++ {
		object := new(a512)
		object[0] = i
		ring[slot] = object
		if slot++; slot == ringSlots {
			slot = 0
		}
	}
	return func() uint64 {
		sum := uint64(0)
		for _, object := range ring {
			sum += object[0]
		}
		return sum
	}
}

var loops = map[string]loop{
	"p16":  churnP16,
	"p32":  churnP32,
	"p64":  churnP64,
	"p128": churnP128,
	"p512": churnP512,
	"a16":  churnA16,
	"a32":  churnA32,
	"a64":  churnA64,
	"a128": churnA128,
	"a512": churnA512,
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println(runtime.Version())
		return
	}
	churn := loops[option("kind", "p")+option("size", "32")]
	threads := number("threads", 1)
	count := number("count", 40000000)
	if churn == nil || threads == 0 || count%(2*ringSlots) != 0 {
		die("kind=p|a, size=16|32|64|128|512, threads at least 1, count a multiple of 20000")
	}

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	checks := make([]func() uint64, threads)
	var done sync.WaitGroup
	cpuStart, wallStart := cpuNs(), wallNs()
	for i := range checks {
		done.Add(1)
		go func() {
			checks[i] = churn(count)
			done.Done()
		}()
	}
	done.Wait()
	wallEnd, cpuEnd := wallNs(), cpuNs()
	runtime.ReadMemStats(&after)

	report("ns_op", float64(wallEnd-wallStart)/float64(count))
	report("cpu_ns_op", float64(cpuEnd-cpuStart)/float64(count)/float64(threads))
	report("collections", float64(after.NumGC-before.NumGC))
	sum := uint64(0)
	for _, check := range checks {
		sum += check()
	}
	reportCheck(sum)
}
