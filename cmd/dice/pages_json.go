package main

import (
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/dice-engine/dice/shard"
)

// documentTables writes the members of a result's documents.
func documentTables(w io.Writer) {
	known := map[reflect.Type]bool{reflect.TypeFor[shard.Limits](): true} // a table of their own
	fmt.Fprint(w, "\n## Output: manifest.json\n\nWhat the result is made of and consists of. It is written last.\n\n")
	columnTable(w, appendMembers(nil, "", reflect.TypeFor[shard.Manifest](), known))
	fmt.Fprint(w, "\n## Output: summary.json\n\nThe same as `dice summary --json` prints.\n\n")
	columnTable(w, appendMembers(nil, "", reflect.TypeFor[shard.Summary](), known))
}

// appendMembers appends the members of a JSON object, and those of objects in it that are not known from before.
func appendMembers(list []column, prefix string, t reflect.Type, known map[reflect.Type]bool) []column {
	known[t] = true
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		list = append(list, column{prefix + name, jsonType(f.Type), docOf(f)})
		inner, below := f.Type, prefix+name
		if inner.Kind() == reflect.Slice || inner.Kind() == reflect.Map {
			inner, below = inner.Elem(), below+"[]"
		}
		if inner.Kind() == reflect.Struct && !known[inner] {
			list = appendMembers(list, below+".", inner, known)
		}
	}
	return list
}

// jsonType names what a Go type is in JSON.
func jsonType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "boolean"
	case reflect.Slice:
		return "list"
	case reflect.Struct, reflect.Map:
		return "object"
	}
	return "number"
}

// docOf returns what is said of a field, and panics where nothing is.
func docOf(f reflect.StructField) string {
	doc := f.Tag.Get("doc")
	if doc == "" {
		panic(fmt.Sprintf("dice: nothing is said of %s", f.Name))
	}
	return doc
}

// limitTable writes the limits of every new plan.
func limitTable(w io.Writer) {
	fmt.Fprint(w, "| of | at the most |\n|---|---|\n")
	limits := reflect.ValueOf(shard.DefaultLimits)
	for f, value := range limits.Fields() {
		n, what := value.Int(), docOf(f)
		most := fmt.Sprint(n)
		if rest, ok := strings.CutPrefix(what, "octets of "); ok {
			most, what = sizeText(n), rest
		}
		fmt.Fprintf(w, "| %s | %s |\n", what, most)
	}
}
