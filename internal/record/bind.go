package record

import (
	"fmt"
	"slices"
	"strings"

	"github.com/dice-engine/dice/internal/tape"
)

// bound is a node of a shape that found its column.
type bound struct {
	node    *tape.Node
	context uint8     // repetition level of the entries around the value
	def     uint8     // definition level at which the value is there
	leaves  []*cursor // all below; the first one tells whether the value is there, and where elements end
	leaf    *cursor   // of a scalar: the same
	fields  [][]*bound
	witness bool        // of a struct: nothing of it is read but whether it is there
	spelled *tape.Shape // of a leaf that holds its value as JSON text
	floats  bool        // of an integer: its column holds floats

	elemDef uint8  // of a list or map: the definition level at which there is an element
	rep     uint8  // repetition level of every element but the first
	key     *bound // of a map; a scalar
	pairDef uint8  // of a map: the definition level at which an element is a pair
	elem    *bound // nil: all elements are null
}

// binder finds columns for shapes. Each leaf that something is bound to has one cursor, whoever shares it.
type binder struct {
	shop    *workshop
	cursors map[int]*cursor
}

// cursorOf returns the cursor of a leaf column.
func (b *binder) cursorOf(col *column, valuesToo bool) *cursor {
	c := b.cursors[col.leaf]
	if c == nil {
		c = &cursor{col: col, flat: col.rep == 0, levelsOnly: true, shop: b.shop}
		b.cursors[col.leaf] = c
	}
	if valuesToo {
		c.levelsOnly = false
	}
	return c
}

// mismatch says that a column cannot hold what the shape wants.
func mismatch(n *tape.Node, col *column) error {
	return fmt.Errorf("column %s is %s where %s is needed", col.path(), col.typeName(), kindNames[n.Kind])
}

var kindNames = [...]string{
	tape.Bool: "a bool", tape.Int: "an integer", tape.Float: "a number", tape.String: "a string", tape.AnyJSON: "JSON text",
	tape.Stamp: "a time", tape.Certificate: "a certificate's text", tape.Chain: "a list of certificate texts",
	tape.Struct: "a STRUCT", tape.List: "a LIST", tape.Map: "a MAP",
}

// field binds a node to a column of a struct. It returns nil for a column that is always null.
func (b *binder) field(n *tape.Node, col *column) (*bound, error) {
	if col.repetition != repRepeated {
		return b.value(n, col)
	}
	switch n.Kind {
	case tape.List, tape.Chain, tape.Map: // an old spelling: the column is repeated itself
		return b.elements(n, col, col, col.def-1)
	case tape.AnyJSON:
		return nil, nil
	}
	return nil, mismatch(n, col)
}

// value binds a node to a column, or to the elements of a repeated one.
func (b *binder) value(n *tape.Node, col *column) (*bound, error) {
	if col.means == meansNull {
		return nil, nil
	}
	if n.Kind >= tape.Chain && maySpell(col) || n.Kind != tape.AnyJSON && isJSON(col) {
		leaf := b.cursorOf(col, true)
		return &bound{node: n, context: col.rep, def: col.def, leaf: leaf, leaves: []*cursor{leaf}, spelled: &tape.Shape{Root: n}}, nil
	}
	switch n.Kind {
	case tape.Struct:
		return b.structure(n, col)
	case tape.List, tape.Chain:
		if col.means == meansList && len(col.children) == 1 && col.children[0].repetition == repRepeated {
			return b.elements(n, col.children[0], col, col.def)
		}
		return nil, mismatch(n, col)
	case tape.Map:
		if isMap(col) || n.Pairs && col.means == meansList && len(col.children) == 1 && col.children[0].repetition == repRepeated {
			return b.elements(n, col.children[0], col, col.def)
		}
		return nil, mismatch(n, col)
	}
	return b.scalar(n, col)
}

func isMap(col *column) bool {
	if len(col.children) != 1 || col.children[0].repetition != repRepeated || col.means == meansList {
		return false
	}
	pairs := col.children[0]
	return col.means == meansMap && len(pairs.children) > 0 || len(pairs.children) == 2 && pairs.children[0].name == "key"
}

func (b *binder) scalar(n *tape.Node, col *column) (*bound, error) {
	if n.Kind == tape.AnyJSON && !hasJSONForm(col) {
		return nil, nil
	}
	if !fits(n.Kind, col) {
		return nil, mismatch(n, col)
	}
	leaf := b.cursorOf(col, true)
	return &bound{
		node: n, context: col.rep, def: col.def, leaf: leaf, leaves: []*cursor{leaf}, floats: n.Kind == tape.Int && isFloat(col),
	}, nil
}

// isText says whether a column holds strings.
func isText(col *column) bool {
	return (col.kind == typeBytes || col.kind == typeFixed) && (col.means == meansNothing || col.means == meansText)
}

// isInteger says whether a column holds integers that are just that.
func isInteger(col *column) bool {
	return (col.kind == typeInt32 || col.kind == typeInt64) && (col.means == meansNothing || col.means == meansSigned || col.means == meansUnsigned)
}

func isFloat(col *column) bool {
	return (col.kind == typeFloat || col.kind == typeDouble) && col.means == meansNothing
}

// isStamp says whether a column holds times whose unit its type tells.
func isStamp(col *column) bool {
	switch col.kind {
	case typeInt64:
		return col.means >= meansMillis && col.means <= meansNanos
	case typeInt32:
		return col.means == meansDate
	}
	return col.kind == typeInt96
}

func isJSON(col *column) bool { return col.kind == typeBytes && col.means == meansJSON }

// maySpell says whether a column may hold the JSON text of a struct, list or map. Octets without an annotation are no text.
func maySpell(col *column) bool {
	return isJSON(col) || col.kind == typeBytes && col.means == meansText
}

func hasJSONForm(col *column) bool {
	return isText(col) || isInteger(col) || isFloat(col) || col.kind == typeBoolean || isJSON(col)
}

func fits(kind tape.Kind, col *column) bool {
	switch kind {
	case tape.Bool:
		return col.kind == typeBoolean
	case tape.Int, tape.Float:
		return isInteger(col) || isFloat(col)
	case tape.Stamp:
		return isStamp(col) || isText(col)
	case tape.AnyJSON:
		return hasJSONForm(col)
	}
	return isText(col)
}

func (b *binder) structure(n *tape.Node, col *column) (*bound, error) {
	if col.kind != typeGroup || col.means == meansList || col.means == meansMap {
		return nil, mismatch(n, col)
	}
	s := &bound{node: n, context: col.rep, def: col.def, fields: make([][]*bound, len(n.Fields))}
	for i, field := range n.Fields {
		if field.Check {
			continue
		}
		alternatives, err := b.alternatives(field, col)
		if err != nil {
			return nil, err
		}
		s.fields[i] = alternatives
		for _, a := range alternatives {
			s.leaves = append(s.leaves, a.leaves...)
		}
	}
	if len(s.leaves) == 0 {
		s.leaves, s.witness = b.witness(col), true
	}
	if len(s.leaves) == 0 {
		return nil, nil
	}
	return s, nil
}

// alternatives binds a field to those columns of a struct that bear one of its names, in the order of the names.
func (b *binder) alternatives(field *tape.Node, col *column) (found []*bound, err error) {
	for _, name := range field.Names {
		child := col.child(name)
		if child == nil {
			continue
		}
		a, err := b.field(field, child)
		if err != nil && !field.Lenient {
			return nil, err
		}
		if err == nil && a != nil {
			found = append(found, a)
		}
	}
	return found, nil
}

// otherCase returns the name of a column of col that differs from name by nothing but case; empty if there is none.
func otherCase(col *column, name string) string {
	for _, child := range col.children {
		if strings.EqualFold(name, child.name) {
			return child.name
		}
	}
	return ""
}

// witness finds a leaf whose levels tell whether a group is there of which nothing else is read.
func (b *binder) witness(col *column) []*cursor {
	var best *column
	eachLeaf(col, func(leaf *column) {
		if best == nil || leaf.rep < best.rep || leaf.rep == best.rep && best.kind >= typeBytes && leaf.kind < typeBytes {
			best = leaf
		}
	})
	if best == nil {
		return nil
	}
	return []*cursor{b.cursorOf(best, false)}
}

func eachLeaf(col *column, do func(*column)) {
	if col.leaf >= 0 {
		do(col)
	}
	for _, child := range col.children {
		eachLeaf(child, do)
	}
}

// elements binds a list or map to its repeated column. whole is the column of the list as such, there at level def.
func (b *binder) elements(n *tape.Node, repeated, whole *column, def uint8) (*bound, error) {
	l := &bound{node: n, context: repeated.rep - 1, def: def, elemDef: repeated.def, rep: repeated.rep}
	var err error
	if n.Kind == tape.Map {
		err = b.pairs(l, repeated, whole)
	} else {
		elem := n.Elem
		if n.Kind == tape.Chain {
			elem = &tape.Node{Kind: tape.String}
		}
		l.elem, err = b.element(elem, elementColumn(elem, repeated, whole))
		l.pairDef = l.elemDef
	}
	if err != nil {
		return nil, err
	}
	if l.key != nil {
		l.leaves = append(l.leaves, l.key.leaves...)
	}
	if l.elem != nil {
		l.leaves = append(l.leaves, l.elem.leaves...)
	}
	if len(l.leaves) == 0 {
		l.leaves = b.witness(repeated)
	}
	if len(l.leaves) == 0 {
		return nil, nil
	}
	return l, nil
}

// element binds the elements of a list; nil are elements that are always null.
func (b *binder) element(n *tape.Node, col *column) (*bound, error) {
	e, err := b.value(n, col)
	if err != nil && n.Lenient {
		return nil, nil
	}
	return e, err
}

// elementColumn finds the column of a list's elements: below the repeated column, whatever it is called, or in old files
// that column itself.
func elementColumn(elem *tape.Node, repeated, whole *column) *column {
	if repeated == whole || len(repeated.children) != 1 {
		return repeated
	}
	only := repeated.children[0]
	if only.repetition == repRepeated || repeated.name == "array" || repeated.name == whole.name+"_tuple" {
		return repeated
	}
	usual := slices.Contains([]string{"element", "item", "array_element", "array", "bag", "list"}, only.name)
	declared := slices.ContainsFunc(elem.Fields, func(f *tape.Node) bool { return slices.Contains(f.Names, only.name) })
	if declared && !usual {
		return repeated
	}
	return only
}

// pairs binds a map's keys and values: the first and the second column below the repeated one.
func (b *binder) pairs(l *bound, repeated, whole *column) error {
	pair := repeated
	if whole.means == meansList && repeated != whole {
		pair = elementColumn(&tape.Node{Fields: pairFields}, repeated, whole)
	}
	l.pairDef = pair.def
	if pair.kind != typeGroup || len(pair.children) == 0 || len(pair.children) > 2 {
		return mismatch(l.node, whole)
	}
	if whole.means == meansList && (len(pair.children) != 2 || pair.children[0].name != "key" || pair.children[1].name != "value") {
		return mismatch(l.node, whole)
	}
	key := pair.children[0]
	if key.rep != repeated.rep || !isText(key) && !isInteger(key) {
		return mismatch(l.node, key)
	}
	leaf := b.cursorOf(key, true)
	l.key = &bound{node: &tape.Node{Kind: tape.String}, context: key.rep, def: key.def, leaf: leaf, leaves: []*cursor{leaf}}
	if len(pair.children) == 1 {
		return nil
	}
	var err error
	if value := pair.children[1]; value.repetition == repRepeated {
		l.elem, err = b.field(l.node.Elem, value)
	} else {
		l.elem, err = b.element(l.node.Elem, value)
	}
	return err
}

// pairFields name the columns of a list of pairs.
var pairFields = []*tape.Node{{Names: []string{"key"}}, {Names: []string{"value"}}}
