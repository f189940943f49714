package record

import "github.com/dice-engine/dice/internal/tape"

// binding is a node of a shape with what is needed to find its members by name. Every name of every field has a
// position, in the order of fields and of names within a field.
type binding struct {
	node   *tape.Node
	elem   *binding
	names  []string
	quoted [][]byte   // by position: the name as scanners write it, with its colon
	fields []int      // by position: the field's index
	values []*binding // by position
	follow []int      // by position + 1: which one came after it last time; at 0: which one was first
	place  map[string]int
}

// bind returns the binding of a shape's root, made once per parser.
func (p *jsonParser) bind(s *tape.Shape) *binding {
	b, ok := p.bindings[s]
	if !ok {
		b = newBinding(s.Root)
		p.bindings[s] = b
	}
	return b
}

func newBinding(n *tape.Node) *binding {
	b := &binding{node: n, place: map[string]int{}}
	if n.Elem != nil {
		b.elem = newBinding(n.Elem)
	}
	for i, field := range n.Fields {
		value := newBinding(field)
		for _, name := range field.Names {
			b.place[name] = len(b.names)
			b.names = append(b.names, name)
			b.quoted = append(b.quoted, appendName(nil, name))
			b.fields = append(b.fields, i)
			b.values = append(b.values, value)
		}
	}
	b.follow = make([]int, len(b.names)+1)
	for i := range b.names {
		b.follow[i] = i
	}
	return b
}
