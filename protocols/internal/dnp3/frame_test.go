package dnp3

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The check value that catalogues of CRCs give for CRC-16/DNP.
func TestChecksum(t *testing.T) {
	if got := Checksum([]byte("123456789")); got != 0xea82 {
		t.Errorf("got %#x, want 0xea82", got)
	}
}

// build returns a frame with right CRCs.
func build(control byte, destination, source uint16, data []byte) []byte {
	seal := func(octets []byte) []byte {
		crc := Checksum(octets)
		return append(octets, byte(crc), byte(crc>>8))
	}
	frame := seal([]byte{5, 0x64, byte(5 + len(data)), control, byte(destination), byte(destination >> 8), byte(source), byte(source >> 8)})
	for len(data) > 0 {
		n := min(16, len(data))
		frame = append(frame, seal(bytes.Clone(data[:n]))...)
		data = data[n:]
	}
	return frame
}

func octets(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7)
	}
	return b
}

func TestFramesOfEveryLength(t *testing.T) {
	for n := range 251 {
		data := octets(n)
		two := append(build(0x44, 1, 2, data), build(0x0b, 3, 4, nil)...)
		frames := Frames(two)
		if len(frames) != 2 {
			t.Fatalf("%d octets of data: %d frames, want 2", n, len(frames))
		}
		f := frames[0]
		if !bytes.Equal(f.UserData, data) || !f.Complete || !f.DataCRC || f.HasData() != (n > 0) {
			t.Errorf("%d octets of data: got %+v", n, f)
		}
		if frames[1].Function() != "LINK_STATUS" || frames[1].Source != 4 {
			t.Errorf("%d octets of data: second frame %+v", n, frames[1])
		}
	}
}

func TestEveryTruncation(t *testing.T) {
	data := octets(40)
	whole := build(0xc4, 0x1234, 0xfedc, data)
	for n := range whole {
		frames := Frames(whole[:n])
		if n < headerSize {
			if len(frames) != 0 {
				t.Errorf("cut at %d: got %+v", n, frames)
			}
			continue
		}
		if len(frames) != 1 || frames[0].Complete || frames[0].DataCRC || !bytes.HasPrefix(data, frames[0].UserData) {
			t.Errorf("cut at %d: got %+v", n, frames)
		}
	}
}

func TestEveryFlippedBit(t *testing.T) {
	whole := build(0xc4, 0x1234, 0xfedc, octets(20))
	for i := range len(whole) * 8 {
		damaged := bytes.Clone(whole)
		damaged[i/8] ^= 1 << (i % 8)
		frames := Frames(damaged)
		switch {
		case i/8 < headerSize && len(frames) != 0:
			t.Errorf("bit %d of the header: got %+v", i, frames)
		case i/8 >= headerSize && (len(frames) != 1 || !frames[0].Complete || frames[0].DataCRC):
			t.Errorf("bit %d of the data: got %+v", i, frames)
		}
	}
}

// The answer to a request for the link status.
func TestHeaderFields(t *testing.T) {
	frame, err := hex.DecodeString("0564050b00008f48f904")
	if err != nil {
		t.Fatal(err)
	}
	want := []Frame{{Length: 5, Control: 0x0b, Source: 18575, CRC: 0x4f9, Complete: true, DataCRC: true}}
	if diff := cmp.Diff(want, Frames(frame)); diff != "" {
		t.Errorf("want - got +\n%s", diff)
	}
	f := Frame{Control: 0xf9}
	if !f.FromMaster() || !f.Primary() || f.FlowBits() != 3 || f.FunctionCode() != 9 || f.Function() != "REQUEST_LINK_STATUS" {
		t.Errorf("control %#x read wrongly", f.Control)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add(build(0x44, 1, 2, octets(40)))
	f.Fuzz(func(t *testing.T, octets []byte) {
		size := 0
		for _, frame := range Frames(octets) {
			size += headerSize + len(frame.UserData)
		}
		if size > len(octets) {
			t.Errorf("%d octets of frames in %d", size, len(octets))
		}
	})
}
