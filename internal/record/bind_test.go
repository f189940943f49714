package record

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dice-engine/dice/internal/tape"
)

// parseSchema reads a schema written as one element a line: indentation, repetition (required, optional, repeated), name,
// and an annotation in brackets. Elements with children are groups, others strings.
func parseSchema(t *testing.T, text string) *column {
	t.Helper()
	elements := []schemaElement{{converted: -1, column: column{name: "root", kind: typeGroup}}}
	open := []int{0}
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		depth := strings.Count(line, "\t")
		words := strings.Fields(line)
		e := schemaElement{converted: -1, column: column{name: words[1], kind: typeBytes}}
		e.repetition = map[string]int{"required": repRequired, "optional": repOptional, "repeated": repRepeated}[words[0]]
		if len(words) > 2 {
			e.converted = map[string]int64{"(LIST)": 3, "(MAP)": 1}[words[2]]
		}
		open = append(open[:depth+1], len(elements))
		elements[open[depth]].childCount++
		elements = append(elements, e)
	}
	root, _, err := buildSchema(elements)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

type boundShape struct {
	Texts   []string           `tape:"texts"`
	Structs []boundElement     `tape:"structs"`
	Map     tape.Pairs[string] `tape:"map,pairs"`
	Chain   tape.CertChain     `tape:"chain"`
}

type boundElement struct {
	A string `tape:"a"`
}

// TestSpellings binds lists and maps as writers have spelt them over the years, and compares the leaves that are found.
func TestSpellings(t *testing.T) {
	for name, c := range map[string]struct{ schema, want string }{
		"standard": {`
optional texts (LIST)
	repeated list
		optional element
optional structs (LIST)
	repeated list
		optional element
			optional a
optional map (MAP)
	repeated key_value
		required key
		optional value
optional chain (LIST)
	repeated list
		optional element`, "texts.list.element structs.list.element.a map.key_value.key map.key_value.value chain.list.element"},
		"spark": {`
optional texts (LIST)
	repeated bag
		optional array
optional structs (LIST)
	repeated bag
		optional array
			optional a
optional map (MAP)
	repeated map
		required key
		optional value
optional chain (LIST)
	repeated bag
		optional array_element`, "texts.bag.array structs.bag.array.a map.map.key map.map.value chain.bag.array_element"},
		"two levels": {`
optional texts (LIST)
	repeated array
optional structs (LIST)
	repeated array
		optional a
optional map (MAP)
	repeated entries
		required key
		optional value
optional chain (LIST)
	repeated element`, "texts.array structs.array.a map.entries.key map.entries.value chain.element"},
		"tuples": {`
optional structs (LIST)
	repeated structs_tuple
		optional a
optional map (LIST)
	repeated list
		optional element
			optional key
			optional value`, "structs.structs_tuple.a map.list.element.key map.list.element.value"},
		"single field": {`
optional structs (LIST)
	repeated element
		optional a`, "structs.element.a"},
		"bare": {`
repeated texts
repeated structs
	optional a
repeated map
	required key
	optional value
repeated chain`, "texts structs.a map.key map.value chain"},
		"unmarked map": {`
optional map
	repeated map
		required key
		optional value`, "map.map.key map.map.value"},
	} {
		t.Run(name, func(t *testing.T) {
			b := binder{shop: newWorkshop(DefaultLimits, 0), cursors: map[int]*cursor{}}
			tree, err := b.structure(tape.Of[boundShape]().Root, parseSchema(t, c.schema))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, leaf := range tree.leaves {
				got = append(got, leaf.col.path())
			}
			if diff := cmp.Diff(c.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("want - got +\n%s", diff)
			}
		})
	}
}

func TestMismatches(t *testing.T) {
	for schema, want := range map[string]string{
		"optional texts": "column texts is BYTE_ARRAY where a LIST is needed",
		"optional structs (LIST)\n\trepeated list\n\t\toptional element\n": "column structs.list.element is BYTE_ARRAY where a STRUCT is needed",
		"optional map (LIST)\n\trepeated list\n\t\toptional element":       "column map is LIST where a MAP is needed",
		"optional chain (MAP)\n\trepeated map\n\t\trequired key":           "column chain is MAP where a list of certificate texts is needed",
	} {
		b := binder{shop: newWorkshop(DefaultLimits, 0), cursors: map[int]*cursor{}}
		_, err := b.structure(tape.Of[boundShape]().Root, parseSchema(t, schema))
		if err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", schema, err, want)
		}
	}
}
