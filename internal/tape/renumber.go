package tape

// Renumber appends a tape to dst with the ordinals of its certificates replaced: ordinal n becomes to[n-1].
func Renumber(s *Shape, dst, tape []byte, to []int64) []byte {
	c := Cursor{tape}
	if c.Byte() == End {
		return append(dst, End)
	}
	return renumber(append(dst, Present), &c, s.Root, to)
}

func renumber(dst []byte, c *Cursor, n *Node, to []int64) []byte {
	switch n.Kind {
	case Certificate, Chain:
		ordinal := c.Int()
		if ordinal > 0 {
			ordinal = to[ordinal-1]
		}
		return AppendInt(dst, ordinal)
	case Struct:
		for {
			f := c.Byte()
			if dst = append(dst, f); f == End {
				return dst
			}
			dst = renumber(dst, c, n.Fields[f-1], to)
		}
	case List, Map:
		for {
			mark := c.Byte()
			if dst = append(dst, mark); mark == End {
				return dst
			}
			if n.Kind == Map {
				dst = AppendString(dst, c.String())
			}
			if mark == Present {
				dst = renumber(dst, c, n.Elem, to)
			}
		}
	}
	whole := c.Rest
	c.Skip(n)
	return append(dst, whole[:len(whole)-len(c.Rest)]...)
}
