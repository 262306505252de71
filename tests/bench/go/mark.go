// Forced collections of a large heap in which everything is live: the workload of ../mark.c, the
// same graphs, the same check.
package main

import (
	"fmt"
	"math/bits"
	"os"
	"runtime"
	"sort"
)

const lists = 1024

type node struct {
	next    [4]*node
	numbers [4]uint64 // the first: the order of allocation
}

// roots is what everything is reachable from.
var roots = make([]*node, lists)

func newNode(number uint64) *node {
	n := new(node)
	n.numbers[0] = number
	return n
}

func buildList(count uint64) {
	number := uint64(0)
	for i := range roots {
		last := newNode(number)
		number++
		roots[i] = last
		for j := uint64(1); j < count/lists; j++ {
			n := newNode(number)
			number++
			last.next[0] = n
			last = n
		}
	}
}

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

func buildRandom(count uint64) {
	state := random(0x9e3779b97f4a7c15)
	nodes := make([]*node, count)
	for i := range nodes {
		nodes[i] = newNode(uint64(i))
	}
	for i := count - 1; i > 0; i-- {
		j := state.below(i + 1)
		nodes[i], nodes[j] = nodes[j], nodes[i]
	}
	for i := uint64(0); i < count; i++ {
		n := nodes[i]
		for child := 2*i + 1; child <= 2*i+2 && child < count; child++ {
			n.next[child-2*i-1] = nodes[child]
		}
		n.next[2] = nodes[state.below(count)]
		n.next[3] = nodes[state.below(count)]
	}
	roots[0] = nodes[0]
}

// walk adds the nodes below root, along next[0] and next[1], to the sum and to their number.
func walk(root *node, nodes *uint64) uint64 {
	sum := uint64(0)
	pending := []*node{root}
	for len(pending) > 0 {
		n := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		*nodes++
		sum += n.numbers[0]*2 + 1
		if n.numbers[0]%64 == 0 && n.next[2] != nil {
			sum += 3*n.next[2].numbers[0] + 5*n.next[3].numbers[0]
		}
		for i := 0; i < 2; i++ {
			if n.next[i] != nil {
				pending = append(pending, n.next[i])
			}
		}
	}
	return sum
}

func checkGraph(count uint64) uint64 {
	sum, nodes := uint64(0), uint64(0)
	for _, root := range roots {
		if root != nil {
			sum += walk(root, &nodes)
		}
	}
	if nodes != count {
		die("nodes of the graph are missing")
	}
	return sum
}

func median(values []float64) float64 {
	sort.Float64s(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
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
