package tape

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type inner struct {
	Name string `tape:"name"`
	Size *int64 `tape:"size"`
}

type sample struct {
	Flag   bool             `tape:"flag"`
	N      int64            `tape:"n|number"`
	F      float64          `tape:"f"`
	S      *string          `tape:"s"`
	Any    Text             `tape:"any"`
	At     Time             `tape:"at"`
	Cert   Cert             `tape:"cert"`
	Chain  CertChain        `tape:"chain"`
	In     inner            `tape:"in"`
	Ptr    *inner           `tape:"ptr"`
	List   []string         `tape:"list"`
	Nulls  []*inner         `tape:"nulls"`
	Pairs  Pairs[[]string]  `tape:"pairs"`
	Maybe  Pairs[*int64]    `tape:"maybe"`
	Looked string           `tape:"looked,check"`
	Deep   []Pairs[[]inner] `tape:"deep,lenient"`
}

func ptr[T any](v T) *T { return &v }

var samples = []sample{
	{},
	{Flag: true, N: -7, F: 1.5, S: ptr(""), Any: `{"a":1}`, At: 1, Cert: 2, Chain: 1},
	{In: inner{Name: "x"}, Ptr: &inner{}, List: []string{"", "a"}, Nulls: []*inner{nil, {}, {Size: ptr(int64(0))}}},
	{Pairs: Pairs[[]string]{{"b", nil}, {"a", []string{"1", ""}}}, Maybe: Pairs[*int64]{{"k", nil}, {"l", ptr(int64(0))}}},
	{Deep: []Pairs[[]inner]{nil, {{"k", []inner{{}, {Name: "n"}}}}}},
}

func TestDecodeInvertsAppend(t *testing.T) {
	shape := Of[sample]()
	for i, want := range samples {
		tape := Append(shape, nil, &want)
		var got sample
		if !Decode(shape, tape, &got) {
			t.Fatalf("sample %d: decoded as null", i)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("sample %d: want - got +\n%s", i, diff)
		}
		if again := Append(shape, nil, &got); !bytes.Equal(tape, again) {
			t.Errorf("sample %d: second tape %x, first %x", i, again, tape)
		}
		c := Cursor{tape[1:]}
		c.Skip(shape.Root)
		if len(c.Rest) != 0 {
			t.Errorf("sample %d: Skip left %x", i, c.Rest)
		}
	}
}

func TestCheckedFieldsAreNotKept(t *testing.T) {
	shape := Of[sample]()
	with, without := Append(shape, nil, &sample{Looked: "x"}), Append(shape, nil, &sample{})
	if !bytes.Equal(with, without) {
		t.Errorf("got %x, want %x", with, without)
	}
}

func TestElementsAreLenientAtEveryDepth(t *testing.T) {
	root := Of[struct {
		Deep Pairs[[]*inner] `tape:"deep,elements"`
	}]().Root
	deep := root.Fields[0]
	if deep.Lenient || !deep.Elem.Lenient || !deep.Elem.Elem.Lenient || deep.Elem.Elem.Fields[0].Lenient {
		t.Errorf("lenient: field %v, list %v, element %v, member %v", deep.Lenient, deep.Elem.Lenient, deep.Elem.Elem.Lenient, deep.Elem.Elem.Fields[0].Lenient)
	}
}

func TestNullTape(t *testing.T) {
	shape := Of[sample]()
	tape := Append[sample](shape, nil, nil)
	v := sample{N: 1}
	if Decode(shape, tape, &v) || v.N != 0 {
		t.Errorf("null tape decoded as %+v", v)
	}
}

func TestAppendJSON(t *testing.T) {
	shape := Of[sample]()
	for _, c := range []struct {
		v    sample
		want string
	}{
		{samples[0], `{}`},
		{samples[1], `{"flag":true,"n":-7,"f":1.5,"s":"","any":{"a":1},"at":"1970-01-01T00:00:00.000001Z","cert":2,"chain":1}`},
		{samples[3], `{"pairs":{"b":[],"a":["1",""]},"maybe":{"k":null,"l":0}}`},
		{sample{Any: "plain\xff"}, `{"any":"plain\ufffd"}`},
	} {
		got := string(AppendJSON(shape, nil, Append(shape, nil, &c.v)))
		if got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestBrokenDeclarationsPanic(t *testing.T) {
	for name, compile := range map[string]func(){
		"no tag": func() { Of[struct{ A int }]() },
		"twice": func() {
			Of[struct {
				A, B int `tape:"a"`
			}]()
		},
		"unknown option": func() {
			Of[struct {
				A int `tape:"a,odd"`
			}]()
		},
		"go map": func() {
			Of[struct {
				A map[string]int `tape:"a"`
			}]()
		},
		"scalar": func() { Of[int]() },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			compile()
		})
	}
}

func TestRenumber(t *testing.T) {
	type endpoint struct {
		Name string `tape:"name"`
		Cert Cert   `tape:"cert"`
	}
	type server struct {
		Chain     *CertChain       `tape:"chain"`
		Endpoints []*endpoint      `tape:"endpoints"`
		ByName    Pairs[*endpoint] `tape:"by_name"`
		Size      float64          `tape:"size"`
	}
	shape := Of[server]()
	v := server{
		Chain: ptr(CertChain(0)), Endpoints: []*endpoint{{"a", 1}, nil, {"b", 2}, {"c", 0}}, ByName: Pairs[*endpoint]{{"k", &endpoint{"d", 3}}, {"l", nil}}, Size: 2,
	}
	var got server
	Decode(shape, Renumber(shape, nil, Append(shape, nil, &v), []int64{1, 1, 2}), &got)
	want := server{
		Chain: ptr(CertChain(0)), Endpoints: []*endpoint{{"a", 1}, nil, {"b", 1}, {"c", 0}}, ByName: Pairs[*endpoint]{{"k", &endpoint{"d", 2}}, {"l", nil}}, Size: 2,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
}
