// The large live graphs of mark, stall and rss: nodes, lists, the random one, the check. See
// ../graph.h.
package main

const graphRoots = 1024

type node struct {
	next    [4]*node
	numbers [4]uint64 // the first: the order of allocation
}

// roots is what everything is reachable from.
var roots = make([]*node, graphRoots)

func newNode(number uint64) *node {
	n := new(node)
	n.numbers[0] = number
	return n
}

// buildList makes linked lists, one after the other, each allocated from head to tail.
func buildList(count uint64) {
	number := uint64(0)
	for i := range roots {
		last := newNode(number)
		number++
		roots[i] = last
		for j := uint64(1); j < count/graphRoots; j++ {
			n := newNode(number)
			number++
			last.next[0] = n
			last = n
		}
	}
}

// buildRandom makes a binary tree over count nodes in random order, and two edges from every node to
// nodes chosen at random.
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
