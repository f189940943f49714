package record

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/dice-engine/dice/internal/tape"
)

// Forecast tells what reading an object slice by slice will take, without reading it.
type Forecast struct {
	Form    Form
	Counted bool            // rows are counted in the footer, not estimated from the beginning
	Whole   bool            // it was compressed in one piece: the first slice reads all of it, the others look for more in vain
	Stream  bool            // it is Whole, and its first member goes on beyond what was looked at
	Text    float64         // octets of its text, where it is compressed
	Opening Fetch           // what each slice fetches of it before its rows
	Slices  []SliceForecast // as they were asked for
}

// SliceForecast is what one slice will take and hold.
type SliceForecast struct {
	Fetch
	Rows    float64   // physical rows or lines
	Records []float64 // by want
	Other   float64   // records of protocols that nobody wants
}

// Fetch counts requests and what they bring.
type Fetch struct{ Requests, Octets int64 }

// Form is how an object is written, as far as it matters for what reading it costs.
type Form string

// The forms.
const (
	FormParquet Form = "parquet"
	FormLines   Form = "lines"
	FormGzip    Form = "lines.gz"
	FormZstd    Form = "lines.zst"
)

var forms = [...]Form{plainLines: FormLines, gzipLines: FormGzip, zstdLines: FormZstd, parquetFile: FormParquet}

// Foresee looks at an object: at the footer of a Parquet file, at the first 256 KiB of lines. Slices are those that it
// will be read by, in order. An error says that the object cannot be read, be it the store's fault or the data's.
func Foresee(ctx context.Context, obj Object, slices []Slice, wants []Want, lim Limits) (*Forecast, error) {
	f, err := detect(obj)
	switch {
	case err != nil:
		return nil, err
	case f == parquetFile:
		return foreseeParquet(ctx, obj, slices, wants, lim, (*parquetReader).bindScan)
	}
	p := newJSONParser(wants, lim)
	return foreseeLines(ctx, obj, slices, f, lim, p, p.parseLine)
}

// ForeseeTable is Foresee for a side table, see OpenTable: its rows are records of Want 0.
func ForeseeTable(ctx context.Context, obj Object, slices []Slice, shape *tape.Shape, lim Limits) (*Forecast, error) {
	f, err := detect(obj)
	wants := []Want{{Result: shape}}
	switch {
	case err != nil:
		return nil, err
	case f == parquetFile:
		return foreseeParquet(ctx, obj, slices, wants, lim, (*parquetReader).bindTable)
	}
	p := newJSONParser(wants, lim)
	return foreseeLines(ctx, obj, slices, f, lim, p, p.parseTableLine)
}

// headOctets is how much of an object with lines is looked at.
const headOctets = 256 << 10

func foreseeLines(ctx context.Context, obj Object, slices []Slice, f objectFormat, lim Limits, p *jsonParser, parse func([]byte) error) (*Forecast, error) {
	beginning := Object{Name: obj.Name, Size: min(obj.Size, headOctets), ReaderAt: obj.ReaderAt}
	reader, err := openLines(ctx, beginning, Slice{To: beginning.Size}, f, lim, p, parse)
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	per, err := count(reader, len(p.wants))
	if err != nil {
		return nil, err
	}
	per.scale(1 / float64(max(beginning.Size, 1)))
	c := &Forecast{Form: forms[f]}
	if text := reader.(*lineReader).split; f != plainLines && text != nil {
		c.Text = float64(text.offset) * float64(obj.Size) / float64(beginning.Size)
	}
	if f != plainLines && len(slices) > 1 {
		if c.Whole, err = inOnePiece(ctx, obj, slices[1], f); err != nil {
			return nil, err
		}
		members, ok := reader.(*lineReader).text.(*memberStream)
		c.Stream = c.Whole && ok && members.ended == 0
	}
	for _, s := range slices {
		c.Slices = append(c.Slices, c.lines(obj, s, f, per))
	}
	if named := formatOfName(obj.Name); named < 0 {
		c.open(Fetch{1, min(obj.Size, magicOctets)})
	}
	return c, nil
}

// count reads to the end, or to where the object was cut off, and tells what there was.
func count(reader Reader, wants int) (SliceForecast, error) {
	s := SliceForecast{Records: make([]float64, wants)}
	for {
		row, err := reader.Next()
		var bad *RowError
		switch {
		case errors.Is(err, io.EOF):
			s.Rows = float64(reader.Counts().Lines)
			return s, nil
		case errors.As(err, &bad):
		case err != nil:
			return s, err
		case row.Want == Other:
			s.Other++
		default:
			s.Records[row.Want]++
		}
	}
}

func (s *SliceForecast) scale(by float64) {
	s.Rows *= by
	s.Other *= by
	for i := range s.Records {
		s.Records[i] *= by
	}
}

// open adds what every slice fetches first.
func (c *Forecast) open(f Fetch) {
	c.Opening.Requests += f.Requests
	c.Opening.Octets += f.Octets
	for i := range c.Slices {
		c.Slices[i].Requests += f.Requests
		c.Slices[i].Octets += f.Octets
	}
}

// inOnePiece says whether no compressed member begins where a slice does, or soon after.
func inOnePiece(ctx context.Context, obj Object, s Slice, f objectFormat) (bool, error) {
	at, _, err := findMember(ctx, obj, Slice{s.From, min(s.To, s.From+PieceOctets)}, f)
	if err != nil {
		return false, fmt.Errorf("look for members: %w", err)
	}
	return at < 0, nil
}

// lines foresees one slice of lines, of which there are so many per octet.
func (c *Forecast) lines(obj Object, s Slice, f objectFormat, per SliceForecast) SliceForecast {
	read := s
	share := s.To - s.From
	var search Fetch
	switch {
	case f == plainLines:
		read.From = max(s.From-1, 0)
	case c.Whole && s.From > 0:
		search = pieces(share, searchOctets)
		read, share = Slice{}, 0
	case c.Whole:
		read.To, share = obj.Size, obj.Size
	case s.From > 0: // a member is looked for and proved, and the last one's end lies behind the slice's
		search = Fetch{3, min(searchOctets, share) + min(needOctets, share)}
	}
	out := SliceForecast{Fetch: pieces(read.To-read.From, PieceOctets), Rows: per.Rows, Other: per.Other}
	out.Requests += search.Requests
	out.Octets += search.Octets
	if read.To > read.From {
		out.Octets += min(tailOctets, obj.Size-read.To)
	}
	out.Records = append(out.Records, per.Records...)
	out.scale(float64(share))
	return out
}

// pieces is what it takes to fetch so many octets in pieces.
func pieces(octets, piece int64) Fetch {
	octets = max(octets, 0)
	return Fetch{(octets + piece - 1) / piece, octets}
}
