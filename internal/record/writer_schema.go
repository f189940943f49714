package record

import (
	"fmt"

	"github.com/parquet-go/parquet-go"

	"github.com/dice-engine/dice/internal/tape"
)

// group is a Parquet group that keeps its fields in the order in which they were declared.
type group struct {
	parquet.Group
	fields []parquet.Field
}

// Fields returns the fields in declaration order.
func (g group) Fields() []parquet.Field { return g.fields }

func (g *group) add(name string, n parquet.Node) {
	g.Group[name] = n
	g.fields = append(g.fields, parquet.Group{name: n}.Fields()...)
}

// schemaNode returns the Parquet node of a present value of n; pointers are the caller's matter.
func schemaNode(n *tape.Node) (parquet.Node, error) {
	switch n.Kind {
	case tape.Bool:
		return parquet.Leaf(parquet.BooleanType), nil
	case tape.Int:
		return parquet.Encoded(parquet.Leaf(parquet.Int64Type), &parquet.DeltaBinaryPacked), nil
	case tape.Certificate, tape.Chain:
		return parquet.Encoded(parquet.Leaf(parquet.Int32Type), &parquet.DeltaBinaryPacked), nil
	case tape.Stamp:
		return parquet.Encoded(parquet.Timestamp(parquet.Microsecond), &parquet.DeltaBinaryPacked), nil
	case tape.Float:
		return parquet.Leaf(parquet.DoubleType), nil
	case tape.String, tape.AnyJSON:
		return parquet.Encoded(parquet.String(), &parquet.RLEDictionary), nil
	case tape.Struct:
		return schemaGroup(n)
	}
	elem, err := schemaElem(n.Elem)
	if err != nil {
		return nil, err
	}
	if n.Kind == tape.Map {
		return parquet.Map(parquet.Encoded(parquet.String(), &parquet.RLEDictionary), elem), nil
	}
	return parquet.List(elem), nil
}

func schemaElem(n *tape.Node) (parquet.Node, error) {
	node, err := schemaNode(n)
	if err != nil || !n.Optional {
		return node, err
	}
	return parquet.Optional(node), nil
}

func schemaGroup(n *tape.Node) (parquet.Node, error) {
	g := &group{Group: parquet.Group{}}
	for _, field := range n.Fields {
		if field.Check {
			continue
		}
		node, err := schemaNode(field)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field.Name(), err)
		}
		if nullable(field) {
			node = parquet.Optional(node)
		}
		g.add(field.Name(), node)
	}
	if len(g.fields) == 0 {
		return nil, fmt.Errorf("a struct without fields has no columns")
	}
	return g, nil
}

// nullable says whether a struct field is an OPTIONAL column or group: every pointer and every scalar.
func nullable(field *tape.Node) bool { return field.Optional || field.Kind < tape.Struct }
