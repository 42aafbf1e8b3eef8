// Package xpress is the plain LZ77 variant of Microsoft's Xpress Compression Algorithm ([MS-XCA] 2.3 and 2.4), the format of
// COMPRESSION_FORMAT_XPRESS, for blocks of at most 64 KiB.
//
// A block is words of 32 flags, from the top bit down, each before what its flags speak of: 0 is a literal byte, 1 a match of at
// least 3 bytes at most 8 KiB back. What is left of the last word is ones. The same input gives the same bytes on every machine.
package xpress

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

const (
	minMatch  = 3
	maxOffset = 1 << 13
	hashBits  = 11
)

// MaxBlock is the largest block that Compress takes.
const MaxBlock = 1 << 16

// ErrCorrupt is what Decompress answers where a block is none, or not one of the size that was asked for.
var ErrCorrupt = errors.New("xpress: corrupt block")

// Compress writes src, at most MaxBlock bytes, to dst and returns how many bytes that took; 0 where dst has no room for them.
// Nothing is allocated.
func Compress(dst, src []byte) int {
	if len(src) > MaxBlock || len(dst) < 4 {
		return 0
	}
	w := writer{dst: dst, at: 4}
	var table [1 << hashBits]uint16 // of three bytes: where they were last, modulo 64 KiB
	for i := 0; i < len(src); {
		n, offset := 0, 0
		if i+4 <= len(src) {
			word := binary.LittleEndian.Uint32(src[i:])
			h := word << 8 * 0x9e3779b1 >> (32 - hashBits)
			from := int(table[h])
			table[h] = uint16(i)
			if offset = i - from; from < i && offset <= maxOffset && (binary.LittleEndian.Uint32(src[from:])^word)<<8 == 0 {
				n = matching(src, from, i)
			}
		}
		if n < minMatch {
			if !w.literal(src[i]) {
				return 0
			}
			i++
			continue
		}
		if !w.match(offset, n) {
			return 0
		}
		i += n
	}
	return w.end()
}

// matching returns how many bytes at b are those at a, which lies before it.
func matching(src []byte, a, b int) int {
	n := 0
	for ; b+n+8 <= len(src); n += 8 {
		if d := binary.LittleEndian.Uint64(src[a+n:]) ^ binary.LittleEndian.Uint64(src[b+n:]); d != 0 {
			return n + bits.TrailingZeros64(d)/8
		}
	}
	for b+n < len(src) && src[a+n] == src[b+n] {
		n++
	}
	return n
}

// writer writes tokens. The word of flags being filled lies at flagsAt.
type writer struct {
	dst     []byte
	at      int
	flags   uint32
	count   uint // flags in the word
	flagsAt int
	nibble  int // where a byte lies whose high half is free, 0: nowhere
}

// flag adds a flag; the word behind a full one is made room for at once, as the format wants it.
func (w *writer) flag(bit uint32) bool {
	w.flags = w.flags<<1 | bit
	if w.count++; w.count < 32 {
		return true
	}
	binary.LittleEndian.PutUint32(w.dst[w.flagsAt:], w.flags)
	w.flags, w.count, w.flagsAt = 0, 0, w.at
	w.at += 4
	return w.at <= len(w.dst)
}

func (w *writer) literal(b byte) bool {
	if w.at >= len(w.dst) {
		return false
	}
	w.dst[w.at] = b
	w.at++
	return w.flag(0)
}

// match writes a match: three bits of length beside the offset, then four, which two matches share a byte for, then a byte, then
// two.
func (w *writer) match(offset, n int) bool {
	const most = 2 + 1 + 1 + 2
	if w.at+most > len(w.dst) {
		return false
	}
	n -= minMatch
	token := uint16(offset-1)<<3 | uint16(min(n, 7))
	binary.LittleEndian.PutUint16(w.dst[w.at:], token)
	w.at += 2
	if n >= 7 {
		four := byte(min(n-7, 15))
		if w.nibble == 0 {
			w.nibble = w.at
			w.dst[w.at] = four
			w.at++
		} else {
			w.dst[w.nibble] |= four << 4
			w.nibble = 0
		}
		switch {
		case n-7 < 15:
		case n-7-15 < 255:
			w.dst[w.at] = byte(n - 7 - 15)
			w.at++
		default:
			w.dst[w.at] = 255
			binary.LittleEndian.PutUint16(w.dst[w.at+1:], uint16(n))
			w.at += 3
		}
	}
	return w.flag(1)
}

// end fills the last word of flags with ones.
func (w *writer) end() int {
	left := 32 - w.count
	binary.LittleEndian.PutUint32(w.dst[w.flagsAt:], uint32(uint64(w.flags)<<left|(1<<left-1)))
	return w.at
}

// Decompress fills dst with the block that src is.
func Decompress(dst, src []byte) error {
	r := reader{src: src}
	flags, count := uint32(0), 0
	for at := 0; at < len(dst); count-- {
		if count == 0 {
			flags, count = r.uint32(), 32
		}
		match := flags>>31 != 0
		flags <<= 1
		if !match {
			dst[at] = r.byte()
			at++
		} else {
			token := int(r.uint16())
			offset, n := token>>3+1, r.length(token&7)
			if offset > at || n > len(dst)-at {
				return ErrCorrupt
			}
			if offset >= n {
				copy(dst[at:at+n], dst[at-offset:])
			} else {
				for i := at; i < at+n; i++ { // it repeats itself
					dst[i] = dst[i-offset]
				}
			}
			at += n
		}
		if r.short {
			return ErrCorrupt
		}
	}
	return nil
}

// reader reads a block; behind its end are zeros, and short says so.
type reader struct {
	src    []byte
	at     int
	nibble int
	short  bool
}

func (r *reader) byte() byte {
	if r.at >= len(r.src) {
		r.short = true
		return 0
	}
	r.at++
	return r.src[r.at-1]
}

func (r *reader) uint16() uint16 { return uint16(r.byte()) | uint16(r.byte())<<8 }

func (r *reader) uint32() uint32 { return uint32(r.uint16()) | uint32(r.uint16())<<16 }

// length completes the length of a match, of which the token has three bits.
func (r *reader) length(n int) int {
	if n < 7 {
		return n + minMatch
	}
	if r.nibble == 0 {
		r.nibble = r.at
		n = int(r.byte() & 15)
	} else if r.nibble < len(r.src) {
		n = int(r.src[r.nibble] >> 4)
		r.nibble = 0
	}
	if n == 15 {
		if n = int(r.byte()); n == 255 {
			if n = int(r.uint16()); n == 0 {
				n = int(r.uint32())
			}
			return n + minMatch
		}
		n += 15
	}
	return n + 7 + minMatch
}
