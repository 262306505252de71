// Forced collections of a large heap in which everything is live: the workload of ../mark.c, the
// same graphs, the same check.
package main

import (
	"fmt"
	"math/bits"
	"os"
	"runtime"
)

func buildBelow(parent *node, depth int, number *uint64) {
	for i := 0; i < 2 && depth > 0; i++ {
		child := newNode(*number)
		*number++
		parent.next[i] = child
		buildBelow(child, depth-1, number)
	}
}

func buildTree(count uint64) {
	number := uint64(1)
	roots[0] = newNode(0)
	buildBelow(roots[0], bits.TrailingZeros64(count)-1, &number)
	roots[1] = newNode(number)
}

func collect(collections uint64) {
	var wall, cpu []float64
	for i := uint64(0); i < collections; i++ {
		cpuStart, wallStart := cpuNs(), wallNs()
		runtime.GC()
		wall = append(wall, float64(wallNs()-wallStart)/1e6)
		cpu = append(cpu, float64(cpuNs()-cpuStart)/1e6)
	}
	report("full_ms", median(wall))
	report("full_cpu_ms", median(cpu))
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println(runtime.Version())
		return
	}
	runtime.GOMAXPROCS(int(number("markers", 1)))
	count := number("count", 1<<24)
	start := wallNs()
	switch option("graph", "list") {
	case "list":
		buildList(count)
	case "tree":
		buildTree(count)
	case "random":
		buildRandom(count)
	default:
		die("graph must be list, tree or random")
	}
	report("build_s", float64(wallNs()-start)/1e9)
	collect(number("collections", 5))
	reportCheck(checkGraph(count))
}
