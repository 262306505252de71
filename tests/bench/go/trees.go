// Binary trees, many that die young beside one that stays: the workload of ../trees.c, the same
// check.
package main

import (
	"fmt"
	"os"
	"runtime"
	"sync"
)

const (
	depthLeast = 4
	depthMax   = 26
)

type tree struct {
	left, right *tree
}

func grow(depth uint64) *tree {
	if depth == 0 {
		return new(tree)
	}
	return &tree{grow(depth - 1), grow(depth - 1)}
}

func (t *tree) count() uint64 {
	if t.left == nil {
		return 1
	}
	return 1 + t.left.count() + t.right.count()
}

func useTrees(depth uint64) uint64 {
	nodes := grow(depth + 1).count()
	longLived := grow(depth)
	for d := uint64(depthLeast); d <= depth; d += 2 {
		trees := uint64(1) << (depth + depthLeast - d)
		for i := uint64(0); i < trees; i++ {
			nodes += grow(d).count()
		}
	}
	return nodes + longLived.count()
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "version" {
		fmt.Println(runtime.Version())
		return
	}
	depth := number("depth", 20)
	mutators := number("mutators", 1)
	if depth < depthLeast || depth > depthMax || depth%2 != 0 || mutators == 0 {
		die("depth must be even, 4 to 26, mutators at least 1")
	}
	nodes := make([]uint64, mutators)
	before := collections()
	var done sync.WaitGroup
	cpu, wall := cpuNs(), wallNs()
	for i := range nodes {
		done.Add(1)
		go func() {
			nodes[i] = useTrees(depth)
			done.Done()
		}()
	}
	done.Wait()
	wall = wallNs() - wall
	cpu = cpuNs() - cpu

	report("run_s", float64(wall)/1e9)
	report("run_cpu_s", float64(cpu)/1e9)
	report("collections", float64(collections()-before))
	check := uint64(0)
	for _, n := range nodes {
		check += n
	}
	reportCheck(check)
}
