// Package tape is the one byte format in which a record travels through DICE.
//
// Scans come as Parquet pages or as JSON text, and signatures want Go structs. Between the two stands the tape: a
// canonical, prefix-free encoding of a value whose type was compiled once into a [Shape]. Equal records have equal
// tapes whatever source they came from, so a tape is also the key under which an answer is remembered, and the form in
// which a fingerprint is kept until it becomes Parquet.
//
// # Layout
//
//	tape    0 | 1 value                       null, or a value of the shape's type
//	bool    0 | 1
//	int     zigzag varint                     also Time (microseconds since 1970), Certificate and Chain (ordinals)
//	float   8 octets, little endian IEEE 754
//	string  varint length, octets             also Text (any JSON value, as written)
//	struct  (field number, value)* 0          in declaration order, numbers from 1
//	list    (1 value | 2)* 0                  2 is a null element
//	map     (1 key value | 2 key)* 0          in the order of the source; 2 is a null value
//
// End marks instead of counts let a reader append in one pass.
//
// # The rule that makes it canonical
//
// In a plain field null, absent, zero and empty are one thing, and it is not written. A pointer field keeps the
// difference between null and zero. A null element of a list or map of plain values is that type's zero, so positions
// are kept.
package tape

import (
	"fmt"
	"reflect"
	"strings"
)

// Kind is the kind of value a [Node] stands for.
type Kind uint8

// The kinds of values.
const (
	Bool        Kind = iota + 1
	Int              // any signed Go integer
	Float            // float64
	String           // text or octets
	AnyJSON          // type Text: any JSON value, kept as written
	Stamp            // type Time
	Certificate      // type Cert: the text of one certificate
	Chain            // type CertChain: a list of certificate texts, leaf first
	Struct
	List
	Map
)

// Text holds any JSON value as written, for members whose type varies. JSON null is absent.
type Text string

// Time is a point in time in microseconds since 1970 UTC.
type Time int64

// Cert stands where a record carries the text of a certificate (base64 DER, PEM). The octets are not in the tape: the
// reader hands them out beside it, each distinct text of a record once, and Cert is the place of this one in that
// list, counted from 1. Zero means none. So an identity never depends on a certificate's content, and a memo key stays
// short.
type Cert int32

// CertChain is like [Cert] for a list of certificates, leaf first: it gives the place of the leaf.
type CertChain int32

// Pair is one member of a [Pairs].
type Pair[V any] struct {
	Key   string
	Value V
}

// Pairs is a map in the order of its source.
type Pairs[V any] []Pair[V]

// pairs tells Pairs from other slices when a type is compiled.
func (Pairs[V]) pairs() {}

type pairsType interface{ pairs() }

// Node describes one value of a compiled type.
type Node struct {
	Kind     Kind
	Optional bool     // a pointer: null differs from zero
	Lenient  bool     // a value of another type reads as null; elsewhere it rejects the record
	Bare     bool     // of a Text: a column holds a string without its quotes, where that cannot be taken for other JSON
	Pairs    bool     // of a map: JSON may give it as a list of [key, value] or {"key", "value"} as well
	Check    bool     // the type is checked where it can differ (JSON), the value is not kept and no column is read
	Names    []string // of a struct field: the member's or column's names, the first found counts; the first one names outputs
	Doc      string   // of a struct field: its meaning, for generated documentation
	Fields   []*Node  // of a struct, in declaration order; field numbers count from 1
	Elem     *Node    // of a list or a map: its elements or values

	typ reflect.Type // without the pointer
}

// Name returns the name under which a struct field is written.
func (n *Node) Name() string { return n.Names[0] }

// Shape is a compiled type. It is immutable and safe for concurrent use.
type Shape struct {
	Root *Node // a struct or a list
}

// maxFields bounds the fields of a struct, whose numbers are single octets.
const maxFields = 250

// Of compiles T. It panics on a type that no source can fill, which is a broken declaration: T is a struct or a list;
// exported struct fields carry a tag `tape:"name|other name,option…"` with the options lenient, elements, check, pairs and
// bare, and may carry a tag `doc:"…"`. The option elements makes the elements of a list or map lenient, and theirs where they are lists or maps.
func Of[T any]() *Shape { return ofType(reflect.TypeFor[T]()) }

// ofType is [Of] for a type known only at run time.
func ofType(t reflect.Type) *Shape {
	root := compile(t, t.String())
	if root.Optional || root.Kind < Struct || root.Kind == Map {
		panic(fmt.Sprintf("tape: %s is neither a struct nor a list", t))
	}
	return &Shape{Root: root}
}

func compile(t reflect.Type, path string) *Node {
	if t.Kind() == reflect.Pointer {
		n := compile(t.Elem(), path)
		if n.Optional {
			panic(fmt.Sprintf("tape: %s: pointer to pointer", path))
		}
		n.Optional = true
		return n
	}
	n := &Node{typ: t}
	switch {
	case t == reflect.TypeFor[Text]():
		n.Kind = AnyJSON
	case t == reflect.TypeFor[Time]():
		n.Kind = Stamp
	case t == reflect.TypeFor[Cert]():
		n.Kind = Certificate
	case t == reflect.TypeFor[CertChain]():
		n.Kind = Chain
	case t.Implements(reflect.TypeFor[pairsType]()):
		n.Kind = Map
		n.Elem = compile(t.Elem().Field(1).Type, path+"[]")
	default:
		compileKind(n, t, path)
	}
	return n
}

func compileKind(n *Node, t reflect.Type, path string) {
	switch t.Kind() {
	case reflect.Bool:
		n.Kind = Bool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n.Kind = Int
	case reflect.Float64:
		n.Kind = Float
	case reflect.String:
		n.Kind = String
	case reflect.Slice:
		n.Kind = List
		n.Elem = compile(t.Elem(), path+"[]")
	case reflect.Struct:
		n.Kind = Struct
		compileFields(n, t, path)
	default:
		panic(fmt.Sprintf("tape: %s: no source can fill a %s", path, t))
	}
}

func compileFields(n *Node, t reflect.Type, path string) {
	if t.NumField() > maxFields {
		panic(fmt.Sprintf("tape: %s has more than %d fields", path, maxFields))
	}
	seen := map[string]bool{}
	for i := range t.NumField() {
		f := t.Field(i)
		at := path + "." + f.Name
		tag, ok := f.Tag.Lookup("tape")
		if !ok || !f.IsExported() {
			panic(fmt.Sprintf("tape: %s has no tape tag or is not exported", at))
		}
		field := compile(f.Type, at)
		names, options, _ := strings.Cut(tag, ",")
		field.Names = strings.Split(names, "|")
		field.Doc = f.Tag.Get("doc")
		for _, name := range field.Names {
			if name == "" || seen[name] {
				panic(fmt.Sprintf("tape: %s: name %q is empty or taken", at, name))
			}
			seen[name] = true
		}
		setOptions(field, options, at)
		n.Fields = append(n.Fields, field)
	}
}

func setOptions(n *Node, options, path string) {
	for option := range strings.SplitSeq(options, ",") {
		switch option {
		case "":
		case "lenient":
			n.Lenient = true
		case "elements":
			for elem := n.Elem; elem != nil; elem = elem.Elem {
				elem.Lenient = true
			}
		case "check":
			n.Check = true
		case "pairs":
			n.Pairs = true
		case "bare":
			n.Bare = true
		default:
			panic(fmt.Sprintf("tape: %s: unknown option %q", path, option))
		}
	}
}
