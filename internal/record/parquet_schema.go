package record

import "fmt"

// Physical types of Parquet.
const (
	typeBoolean = 0
	typeInt32   = 1
	typeInt64   = 2
	typeInt96   = 3
	typeFloat   = 4
	typeDouble  = 5
	typeBytes   = 6
	typeFixed   = 7
	typeGroup   = -1
)

// typeNames are as error messages give them.
var typeNames = [...]string{"BOOLEAN", "INT32", "INT64", "INT96", "FLOAT", "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"}

// meaning is what a column's annotation makes of its type.
type meaning uint8

const (
	meansNothing meaning = iota // no annotation
	meansText                   // also ENUM
	meansJSON
	meansSigned
	meansUnsigned
	meansMillis // timestamps
	meansMicros
	meansNanos
	meansDate
	meansList
	meansMap
	meansNull  // always null, whatever the type
	meansOther // a type that no field has a use for: decimals, times of day, UUIDs
)

// meaningNames complete typeNames.
var meaningNames = [...]string{"", " (STRING)", " (JSON)", "", " (unsigned)", " (TIMESTAMP)", " (TIMESTAMP)", " (TIMESTAMP)", " (DATE)", " (LIST)", " (MAP)", " (NULL)", " (annotated)"}

// Repetitions of a schema element.
const (
	repRequired = 0
	repOptional = 1
	repRepeated = 2
)

// maxColumns bounds the elements of a schema, and maxLevels its nesting.
const (
	maxColumns = 1 << 16
	maxLevels  = 120
)

// column is a node of a file's schema.
type column struct {
	name       string
	parent     *column // nil for the root
	kind       int     // physical type, or typeGroup
	means      meaning
	width      int // octets of FIXED_LEN_BYTE_ARRAY
	repetition int
	children   []*column
	leaf       int   // place among the leaves; -1 for groups
	def        uint8 // definition level at which the value (of a repeated column: an element) is there
	rep        uint8 // number of repeated columns from the root to here
}

// child returns the child of that name, or nil.
func (c *column) child(name string) *column {
	for _, child := range c.children {
		if child.name == name {
			return child
		}
	}
	return nil
}

// path is the dotted path below the root, for messages.
func (c *column) path() string {
	if c.parent == nil || c.parent.parent == nil {
		return clip(c.name)
	}
	return clip(c.parent.path() + "." + c.name)
}

// clip shortens names that files chose.
func clip(name string) string {
	const longest = 200
	if len(name) > longest {
		return name[:longest] + "…"
	}
	return name
}

// typeName describes the type in messages.
func (c *column) typeName() string {
	name := "STRUCT"
	if c.kind != typeGroup {
		name = typeNames[c.kind]
	}
	switch {
	case c.means == meansList:
		return "LIST"
	case c.means == meansMap:
		return "MAP"
	case c.repetition == repRepeated:
		return "repeated " + name
	}
	return name + meaningNames[c.means]
}

// schemaElement is an element of the flat list that files hold.
type schemaElement struct {
	column
	childCount int64
	converted  int64
	annotated  bool // by a logical type, which goes before a converted one
}

// buildSchema turns the list into a tree and returns it with its leaves in order.
func buildSchema(elements []schemaElement) (root *column, leaves []*column, err error) {
	b := schemaBuilder{elements: elements}
	root, err = b.take(nil)
	switch {
	case err != nil:
		return nil, nil, err
	case root.kind != typeGroup:
		return nil, nil, fmt.Errorf("the schema's root is no group: %w", errThrift)
	case b.at != len(elements):
		return nil, nil, fmt.Errorf("the schema has elements outside its tree: %w", errThrift)
	}
	return root, b.leaves, nil
}

type schemaBuilder struct {
	elements []schemaElement
	at       int
	depth    int
	leaves   []*column
}

func (b *schemaBuilder) take(parent *column) (*column, error) {
	if b.at >= len(b.elements) || b.depth > maxLevels {
		return nil, fmt.Errorf("the schema ends early or is nested deeper than %d: %w", maxLevels, errThrift)
	}
	e := &b.elements[b.at]
	b.at++
	c := &e.column
	c.leaf = -1
	if parent != nil {
		c.place(parent)
	}
	if !e.annotated {
		c.means = convertedMeaning(e.converted)
	}
	if e.childCount < 0 || e.childCount > int64(len(b.elements)-b.at) {
		return nil, fmt.Errorf("column %s has %d children: %w", c.path(), e.childCount, errThrift)
	}
	if e.childCount > 0 {
		c.kind = typeGroup
		return c, b.takeChildren(c, int(e.childCount))
	}
	if c.kind == typeGroup {
		return c, nil // a group without columns
	}
	if c.kind < 0 || c.kind >= len(typeNames) || c.kind == typeFixed && (c.width <= 0 || c.width > 1<<20) {
		return nil, fmt.Errorf("column %s has no known type: %w", c.path(), errThrift)
	}
	c.leaf = len(b.leaves)
	b.leaves = append(b.leaves, c)
	return c, nil
}

func (b *schemaBuilder) takeChildren(c *column, n int) error {
	b.depth++
	defer func() { b.depth-- }()
	c.children = make([]*column, 0, n)
	for range n {
		child, err := b.take(c)
		if err != nil {
			return err
		}
		c.children = append(c.children, child)
	}
	return nil
}

// place computes the levels below parent.
func (c *column) place(parent *column) {
	c.parent = parent
	c.def, c.rep = parent.def, parent.rep
	if c.repetition != repRequired {
		c.def++
	}
	if c.repetition == repRepeated {
		c.rep++
	}
}

// convertedMeaning maps the annotations of older writers; -1 is none.
func convertedMeaning(converted int64) meaning {
	switch converted {
	case -1, 2: // 2 marks the inner group of a map, which some writers put on the outer one
		return meansNothing
	case 0, 4:
		return meansText
	case 1:
		return meansMap
	case 3:
		return meansList
	case 6:
		return meansDate
	case 9:
		return meansMillis
	case 10:
		return meansMicros
	case 11, 12, 13, 14:
		return meansUnsigned
	case 15, 16, 17, 18:
		return meansSigned
	case 19:
		return meansJSON
	}
	return meansOther
}
