package record

import (
	"bytes"
	"fmt"
	"strings"
)

// foreign is the error of an object in a compression that is not read, by its name.
type foreign string

func (f foreign) Error() string {
	return fmt.Sprintf("the object is compressed with %s, which is not supported: use gzip or Zstandard", string(f))
}

// foreigners are recognised to say so once: no line of theirs could be read. None begins as a line of JSON does.
var foreigners = []struct {
	foreign
	magic string
}{
	{"bzip2", "BZh"}, {"xz", "\xfd7zXZ\x00"}, {"lz4", "\x04\x22\x4d\x18"}, {"zip", "PK\x03\x04"}, {"7z", "7z\xbc\xaf\x27\x1c"},
}

// foreignTo tells the compression that is not read by the first octets; "" is none. Brotli has no such octets: it goes by the
// name where they are no text either.
func foreignTo(name string, magic []byte) foreign {
	for _, f := range foreigners {
		if bytes.HasPrefix(magic, []byte(f.magic)) {
			return f.foreign
		}
	}
	text := len(magic) == 0 || magic[0] == '{' || magic[0] == 0xef || bytes.IndexByte([]byte(" \t\r\n"), magic[0]) >= 0
	if strings.HasSuffix(strings.ToLower(name), ".br") && !text && formatOf(magic) == plainLines {
		return "Brotli"
	}
	return ""
}

// refuse rejects an object as a whole.
func refuse(obj Object, err error) Reader {
	return &lineReader{
		object: obj.Name, parser: &jsonParser{}, done: true,
		pending: []*RowError{{Object: obj.Name, Member: -1, Want: Other, Err: err}},
	}
}
