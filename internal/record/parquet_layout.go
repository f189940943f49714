package record

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// bindScan finds out the layout and binds the columns of records.
func (r *parquetReader) bindScan() (err error) {
	b, root := &r.binder, r.meta.root
	if err := checkCase(root, "ip", "domain"); err != nil {
		return err
	}
	if r.ip, err = b.envelopeColumn(root, "ip", isText, "a string"); err != nil {
		return err
	}
	if r.domain, err = b.envelopeColumn(root, "domain", isText, "a string"); err != nil {
		return err
	}
	data := root.child("data")
	switch {
	case root.child("result") != nil || root.child("status") != nil:
		return r.bindRows(root)
	case data == nil:
		return fmt.Errorf("none of the columns data, result and status is there%s", unlessCase(root, "data", "result", "status"))
	case data.repetition != repRepeated && (isText(data) || isJSON(data)):
		r.data = b.cursorOf(data, true)
		r.parser = newJSONParser(r.wants, r.limits)
	default:
		err = r.bindData(data)
	}
	if err == nil {
		err = checkCase(root, "port")
	}
	if err == nil {
		r.port, err = b.envelopeColumn(root, "port", isNumber, "a port")
	}
	return err
}

// unlessCase says which of some columns are there in another case.
func unlessCase(col *column, names ...string) (hint string) {
	for _, name := range names {
		if other := otherCase(col, name); other != "" {
			hint += ", but " + other
		}
	}
	return hint
}

// bindRows binds the notebook's layout, in which each row is a record.
func (r *parquetReader) bindRows(root *column) error {
	if err := checkCase(root, recordColumns...); err != nil {
		return err
	}
	s, err := r.binder.bindSource(root, r.wants)
	if err != nil {
		return err
	}
	if s.protocol == nil {
		if s.constant = pathProtocol(r.object); s.constant == "" {
			return errors.New("neither a column protocol nor protocol=… in the path")
		}
	}
	r.addSource(s)
	return nil
}

func (r *parquetReader) addSource(s *source) {
	s.constantWant = r.wantOf([]byte(s.constant))
	r.sources = append(r.sources, s)
	if s.text != nil && r.parser == nil {
		r.parser = newJSONParser(r.wants, r.limits)
	}
}

// pathProtocol finds protocol=<p> among the elements of a path.
func pathProtocol(name string) string {
	for element := range strings.SplitSeq(name, "/") {
		if value, ok := strings.CutPrefix(element, "protocol="); ok {
			if plain, err := url.PathUnescape(value); err == nil {
				return plain
			}
			return value
		}
	}
	return ""
}

// bindData binds the raw layout, in which data holds the records by name.
func (r *parquetReader) bindData(data *column) error {
	isStruct := func(c *column) bool {
		return c.kind == typeGroup && c.repetition != repRepeated && c.means != meansList && c.means != meansMap
	}
	if !isStruct(data) {
		return fmt.Errorf("column %s is %s where a STRUCT is needed", data.path(), data.typeName())
	}
	for _, child := range data.children {
		if child.means == meansNull {
			continue
		}
		if !isStruct(child) {
			return fmt.Errorf("column %s is %s where a STRUCT is needed", child.path(), child.typeName())
		}
		if r.mayWant(child) {
			if err := checkCase(child, recordColumns...); err != nil {
				return err
			}
		}
		s, err := r.binder.bindSource(child, r.wants)
		if err != nil {
			return err
		}
		s.constant, s.nobody = child.name, child.name == nobody
		s.groupDef = child.def
		s.required = child.def == 0 || child.repetition == repRequired
		if leaves := r.binder.witness(child); child.def > 0 && len(leaves) > 0 {
			s.group = leaves[0]
		}
		r.addSource(s)
	}
	return nil
}

// mayWant says whether a member of data may hold records of a protocol that is wanted: by its name, or by a column that tells.
func (r *parquetReader) mayWant(member *column) bool {
	_, known := r.known[member.name]
	return member.name != nobody && (known || member.child("protocol") != nil)
}

// bindTable binds the columns of a side table.
func (r *parquetReader) bindTable() error {
	shape, root := r.wants[0].Result.Root, r.meta.root
	var names []string
	for _, f := range shape.Fields {
		names = append(names, f.Names...)
	}
	if err := checkCase(root, names...); err != nil {
		return err
	}
	tree, err := r.binder.structure(shape, root)
	if err != nil {
		return err
	}
	if tree == nil || tree.witness {
		return fmt.Errorf("none of the columns %s is there", strings.Join(names, ", "))
	}
	r.addSource(&source{trees: []*bound{tree}, faults: make([]error, 1), emit: emitter{limits: r.limits}})
	return nil
}
