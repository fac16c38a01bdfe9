package engine

import "text/template/parse"

// walk calls f for a node and everything below it, parents first.
func walk(n parse.Node, f func(parse.Node)) {
	f(n)
	for _, child := range children(n) {
		walk(child, f)
	}
}

// children returns the nodes directly below a node.
func children(n parse.Node) []parse.Node {
	switch n := n.(type) {
	case *parse.ListNode:
		return n.Nodes
	case *parse.ActionNode:
		return []parse.Node{n.Pipe}
	case *parse.TemplateNode:
		if n.Pipe != nil {
			return []parse.Node{n.Pipe}
		}
	case *parse.PipeNode:
		return pipeNodes(n)
	case *parse.CommandNode:
		return n.Args
	case *parse.ChainNode:
		return []parse.Node{n.Node}
	case *parse.IfNode:
		return branches(&n.BranchNode)
	case *parse.RangeNode:
		return branches(&n.BranchNode)
	case *parse.WithNode:
		return branches(&n.BranchNode)
	}
	return nil
}

func branches(b *parse.BranchNode) []parse.Node {
	nodes := []parse.Node{b.Pipe, b.List}
	if b.ElseList != nil {
		nodes = append(nodes, b.ElseList)
	}
	return nodes
}

func pipeNodes(p *parse.PipeNode) []parse.Node {
	var nodes []parse.Node
	for _, d := range p.Decl {
		nodes = append(nodes, d)
	}
	for _, c := range p.Cmds {
		nodes = append(nodes, c)
	}
	return nodes
}
