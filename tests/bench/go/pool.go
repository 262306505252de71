// Buffers of 1 KiB, each new or out of a pool: the workload of ../pool.c, the same check.
package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"sync"
)

const bufferBytes = 1024

var pool = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// sink is what makes fresh buffers escape.
var sink *bytes.Buffer

// fill writes the text, of which the first word is number, and gives what the check sums up.
func fill(buffer *bytes.Buffer, text []byte, number uint64) uint64 {
	binary.LittleEndian.PutUint64(text, number)
	buffer.Reset()
	buffer.Write(text)
	written := buffer.Bytes()
	return binary.LittleEndian.Uint64(written) + 3*uint64(written[len(written)-1])
}

func fresh(text []byte, count uint64) (check uint64) {
	for i := uint64(0); i < count; i++ {
		sink = new(bytes.Buffer)
		check += fill(sink, text, i)
	}
	return check
}

func pooled(text []byte, count uint64) (check uint64) {
	for i := uint64(0); i < count; i++ {
		buffer := pool.Get().(*bytes.Buffer)
		check += fill(buffer, text, i)
		pool.Put(buffer)
	}
	return check
}

func mallocs() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.Mallocs
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println(runtime.Version())
		return
	}
	count := number("count", 1000000)
	run := map[string]func([]byte, uint64) uint64{"fresh": fresh, "pooled": pooled}[option("buffers", "")]
	if run == nil || count == 0 {
		die("buffers must be fresh or pooled, count at least 1")
	}
	size := number("bytes", bufferBytes)
	if size < 8 || size > bufferBytes {
		die("bytes must be 8 to 1024")
	}
	text := bytes.Repeat([]byte{7}, int(size))

	objects, cycles := mallocs(), collections()
	cpu, wall := cpuNs(), wallNs()
	check := run(text, count)
	wall = wallNs() - wall
	cpu = cpuNs() - cpu
	cycles = collections() - cycles
	objects = mallocs() - objects

	report("ns_op", float64(wall)/float64(count))
	report("cpu_ns_op", float64(cpu)/float64(count))
	report("objects", float64(objects))
	report("collections", float64(cycles))
	reportCheck(check)
}
