package record

import (
	"fmt"
	"net/url"
	"strings"
)

// bindScan finds out the layout and binds the columns of records.
func (r *parquetReader) bindScan() (err error) {
	b, root := &r.binder, r.meta.root
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
		b.noteMissing([]string{"data", "result", "status"}, root)
		return fmt.Errorf("none of the columns data, result and status is there%s", hint(b.missing))
	case data.repetition != repRepeated && (isText(data) || isJSON(data)):
		r.data = b.cursorOf(data, true)
		r.texts = newTextRecords(r.wants, r.limits)
	default:
		err = r.bindData(data)
	}
	if err == nil {
		r.port, err = b.envelopeColumn(root, "port", isNumber, "a port")
	}
	return err
}

func hint(missing []string) string {
	if len(missing) == 0 {
		return ""
	}
	return ": " + strings.Join(missing, ", ")
}

// bindRows binds the notebook's layout, in which each row is a record.
func (r *parquetReader) bindRows(root *column) error {
	s, err := r.binder.bindSource(root, r.wants)
	if err != nil {
		return err
	}
	if s.protocol == nil {
		if s.constant = pathProtocol(r.object); s.constant == "" {
			return fmt.Errorf("neither a column protocol nor protocol=… in the path%s", hint(r.binder.missing))
		}
	}
	r.addSource(s)
	return nil
}

func (r *parquetReader) addSource(s *source) {
	r.sources = append(r.sources, s)
	if s.text != nil && r.texts == nil {
		r.texts = newTextRecords(r.wants, r.limits)
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

// bindTable binds the columns of a side table.
func (r *parquetReader) bindTable() error {
	tree, err := r.binder.structure(r.wants[0].Result.Root, r.meta.root)
	if err != nil {
		return err
	}
	if tree == nil || tree.witness {
		var names []string
		for _, f := range r.wants[0].Result.Root.Fields {
			names = append(names, f.Names...)
		}
		return fmt.Errorf("none of the columns %s is there%s", strings.Join(names, ", "), hint(r.binder.missing))
	}
	r.addSource(&source{trees: []*bound{tree}, faults: make([]error, 1), emit: emitter{limits: r.limits}})
	return nil
}
