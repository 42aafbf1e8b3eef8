package cpu

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
	"github.com/stretchr/testify/require"
)

// faultSegment names a segment that code under test may have; the selectors are Linux's, and those of the local descriptor
// table that testdata/faults/faults.c makes.
type faultSegment uint8

const (
	segCode64   faultSegment = iota
	segCode32                // flat
	segCode16                // at the page of code
	segData                  // flat
	segBased                 // at the page of code, 64 KiB
	segLimited               // up to the boundary
	segDown                  // expand-down, from the boundary on
	segReadOnly              // flat
	segCodeAsDS              // flat, readable code
	segBased16               // at the page of code, 64 KiB, 16-bit stack pointer
	faultSegmentCount
)

var faultSegments = func() (t [faultSegmentCount]Segment) {
	ldt := func(n, base, limit uint32, attr uint16) Segment {
		return Segment{Selector: uint16(n<<3 | 7), Attr: AttrP | AttrS | AttrAccessed | 3<<5 | attr, Limit: limit, Base: uint64(base)}
	}
	t[segCode64], t[segCode32], t[segData] = flatCode(0x33, 3, true), flatCode(0x23, 3, false), flatData(0x2b, 3)
	t[segBased] = ldt(0, faultCode, 0xffff, AttrWrite|AttrDB)
	t[segLimited] = ldt(1, 0, faultBoundary-1, AttrWrite|AttrDB|AttrG)
	t[segDown] = ldt(2, 0, faultBoundary-1, AttrWrite|AttrDB|AttrG|AttrDown)
	t[segReadOnly] = ldt(3, 0, 0xffffffff, AttrDB|AttrG)
	t[segCodeAsDS] = ldt(4, 0, 0xffffffff, AttrDB|AttrG|AttrCode|AttrRead)
	t[segBased16] = ldt(5, faultCode, 0xffff, AttrWrite)
	t[segCode16] = ldt(6, faultCode, 0xffff, AttrCode|AttrRead)
	return t
}()

// legacyEncodings lists the encodings of a mode of 32 or 16 bits: those of 64-bit mode that need no REX, with the memory
// operand at [esi + disp8], [ebp + disp8], [si + disp8] and [bp + disp8], and what exists only there.
func legacyEncodings(t testing.TB, mode decode.Mode) (codes [][]byte) {
	rng := rand.New(rand.NewPCG(7, uint64(mode)))
	seen := map[string]bool{}
	add := func(code []byte, as decode.Op) {
		in, err := decode.Decode(code, mode)
		if err != nil || as != decode.Invalid && in.Op != as || in.Op == decode.LEA && in.Args[1].Class() != decode.Mem {
			return
		}
		code = code[:in.Len]
		if slices.Contains(in.Args[:], decode.Mem) && in.Width > 10 && in.Width != 16 {
			return // several accesses
		}
		if !seen[string(code)] {
			seen[string(code)] = true
			codes = append(codes, code)
		}
	}
	integers, _ := encodings()
	for _, code := range slices.Concat(integers, sseEncodings(), mmxEncodings(), x87Encodings()) {
		in := decodeOne(t, code)
		switch in.Op {
		case decode.RCPPS, decode.RCPSS, decode.RSQRTPS, decode.RSQRTSS, decode.MASKMOVQ, decode.MASKMOVDQU, decode.MOVSXD:
			continue // see faultEncodings
		}
		if i := slices.IndexFunc(code, func(b byte) bool { return b != 0x66 && b != 0xf2 && b != 0xf3 }); code[i]&0xf0 == 0x40 {
			continue // REX
		}
		if !slices.Contains(in.Args[:], decode.Mem) && !isString(in.Op) {
			add(code, in.Op)
			continue
		}
		for i, b := range code {
			if b&0xc7 != 0x46 {
				continue
			}
			for _, rm := range []byte{4, 5, 6} {
				c := slices.Clone(code)
				c[i] = b&^7 | rm
				for _, prefix := range [][]byte{nil, {0x67}, {[]byte{0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65}[rng.IntN(6)]}} {
					with := append(slices.Clone(prefix), c...)
					if got, err := decode.Decode(with, mode); err == nil && got.Op == in.Op && (got.Base == RSI || got.Base == RBP) && got.Index == decode.NoReg {
						add(with, in.Op)
					}
				}
			}
		}
		add(code, in.Op)
	}
	only := []string{
		"37", "3f", "27", "2f", "d40a", "d400", "d40b", "d50a", "d5f3", "d6", "ce", "40", "41", "43", "46", "48", "4a", "4f", "6640", "664b",
		"60", "61", "6660", "6661", "624610", "66624610", "624510", "63c8", "63d3", "634e10", "634510", "82c005", "82ed7f", "06", "0e", "16", "1e",
		"0fa0", "0fa8", "6606", "660e", "50", "6653", "58", "665f", "68fe4f0010", "6a80", "666a80", "9c", "669c", "9d", "669d", "c8100000", "c8080001", "c8080003",
		"66c8100000", "66c8080002", "c9", "66c9", "a0fe4f0010", "a1fe4f0010", "66a1ff4f0010", "a2fe4f0010", "a3fd4f0010", "d7", "67d7", "26d7",
		"eb05", "66eb05", "e910000000", "e800000000", "66e8000000", "7405", "7505", "667505", "0f8c05000000", "e205", "67e205", "e105", "e005", "e305", "67e305",
		"ff26", "66ff26", "ff16", "ffe0", "66ffe0", "ffd3", "ff6608", "ff5610", "c3", "66c3", "c20800", "66c20400",
		"f4", "fa", "fb", "e410", "e610", "ec", "ef", "6c", "6d", "6e", "6f", "f36c", "f36f", "0f20c0", "0f22c0", "0f06", "0f08", "0f30", "0f32", "0f0116", "cc", "0f0b",
		"0fae3e", "0f180e", "0fae5600", "0fc74e10", "f00fc74d10", "f0014610", "f0874510", "0fc34d10", "9b", "dbe3", "dfe0",
	}
	for _, text := range only {
		code, err := hex.DecodeString(text)
		require.NoError(t, err)
		add(code, decode.Invalid)
	}
	return codes
}

// drawLegacy is drawFault for 32-bit and 16-bit code, which has segments.
func drawLegacy(code []byte, in *Inst, n int, cs faultSegment) *faultState {
	rng := caseSeed(code, n)
	s := drawFault(code, in, n)
	s.CS = cs
	for i := range 8 {
		s.R[i] &= 1<<32 - 1
	}
	s.DS, s.ES, s.SS = segData, segData, segData
	some := func(of ...faultSegment) faultSegment { return of[rng.IntN(len(of))] }
	switch {
	case cs == segCode16:
		s.DS, s.ES, s.SS = some(segBased, segBased16), some(segBased, segBased16), some(segBased16, segBased16, segBased)
	case in.AddrSize == 2:
		s.DS, s.ES, s.SS = segBased, segBased, segBased
	case rng.IntN(2) == 0:
		s.DS = some(segData, segBased, segLimited, segDown, segReadOnly, segCodeAsDS)
		s.ES = some(segData, segBased, segLimited, segDown, segReadOnly, segCodeAsDS)
		s.SS = some(segData, segBased, segLimited, segDown)
	}
	offset := func(seg int) uint64 {
		kind := []faultSegment{decode.ES: s.ES, decode.CS: cs, decode.SS: s.SS, decode.DS: s.DS, decode.FS: segData, decode.GS: segData}[seg]
		return drawLegacyAddress(rng, in) - faultSegments[kind].Base
	}
	put := func(r int, v uint64) { s.R[r] = v & (1<<32 - 1) }
	put(RSP, offset(decode.SS))
	put(RDI, offset(decode.ES))
	put(RSI, offset(int(in.Seg)))
	put(RBP, offset(int(in.Seg)))
	if in.Base == RSI || in.Base == RBP {
		put(int(in.Base), offset(int(in.Seg))-uint64(in.Disp))
	}
	if in.Width == 16 && !takesUnaligned[in.Op] && s.SS != segData { // which comes first, #GP or #SS, is the processor's choice
		s.R[RSI], s.R[RBP] = s.R[RSI]&^15, s.R[RBP]&^15
	}
	base := func(seg faultSegment) uint64 { return faultSegments[seg].Base }
	data := s.DS
	if in.Seg == decode.ES {
		data = s.ES
	}
	switch {
	case in.Op == decode.LEAVE:
		put(RBP, offset(decode.SS))
	case in.Op == decode.ENTER:
		put(RBP, faultBoundary-base(s.SS)+uint64(rng.IntN(16)))
	case in.Op == decode.XLAT:
		put(RBX, offset(int(in.Seg))-s.R[RAX]&0xff)
	case rows[in.Op].feature == SHA:
		s.R[RSI], s.R[RBP] = s.R[RSI]&^15, s.R[RBP]&^15
	case isString(in.Op):
		near := func(seg faultSegment) uint64 { return faultBoundary + uint64(rng.IntN(48)-24) - base(seg) }
		put(RSI, near(data))
		put(RDI, near(s.ES))
		if in.Op == decode.CMPS {
			s.R[RCX] = min(s.R[RCX], 1)
			s.ES = segData
			if cs == segCode16 || in.AddrSize == 2 {
				s.ES = segBased
			}
			put(RDI, faultBoundary-56-base(s.ES))
		}
		if in.AddrSize == 2 {
			s.R[RCX] |= rng.Uint64() & 0xffff0000
		}
	case cs == segCode16 || rng.IntN(2) == 0: // somewhere to go: 16 bits of any number might lead back, for ever
		there := func() uint64 { return faultCode + 16 + uint64(rng.IntN(16)) - base(cs) }
		put(RAX, there())
		put(RBX, there())
		if cs == segCode16 && !branches(in.Op) {
			break
		}
		for i := 0; i < len(s.Mem); i += 4 {
			binary.LittleEndian.PutUint32(s.Mem[i:], uint32(there()))
			if cs == segCode16 {
				binary.LittleEndian.PutUint32(s.Mem[i:], 0x10101010+rng.Uint32()&0x0f0f0f0f)
			}
		}
	}
	if in.Op == decode.CALL && in.Args[0].Class() != decode.Rel { // see drawFault
		put(RSP, faultBoundary-16-base(s.SS))
		s.SS = some(s.SS, s.SS)
		if s.SS == segDown {
			s.SS = segData
		}
	}
	return s
}

func branches(op decode.Op) bool {
	return slices.Contains([]decode.Op{decode.JMP, decode.CALL, decode.RET}, op)
}

// drawLegacyAddress is drawAddress below 4 GiB.
func drawLegacyAddress(rng *rand.Rand, in *Inst) uint64 {
	switch rng.IntN(12) {
	case 0:
		return 0xfffff000 + uint64(rng.IntN(64))
	case 1:
		return faultCode + x86.PageSize + uint64(rng.IntN(64))
	case 2:
		return faultBoundary + x86.PageSize + uint64(rng.IntN(64))
	case 3:
		return faultBoundary + uint64(rng.IntN(6)-3)*16
	}
	return faultBoundary + uint64(rng.IntN(int(in.Width)+18)) - uint64(in.Width) - 8
}

// TestVectors32 has 32-bit code in compatibility mode: what exists only there, and segments with their limits and rights.
func TestVectors32(t *testing.T) {
	faultVectors(t, "32", 32, 500, legacyEncodings(t, 32), func(code []byte, in *Inst, n int) *faultState {
		return drawLegacy(code, in, n, segCode32)
	})
}

// TestVectors16 has 16-bit code.
func TestVectors16(t *testing.T) {
	faultVectors(t, "16", 16, 500, legacyEncodings(t, 16), func(code []byte, in *Inst, n int) *faultState {
		return drawLegacy(code, in, n, segCode16)
	})
}
