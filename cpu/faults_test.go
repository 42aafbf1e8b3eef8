package cpu

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/physmem"
	"github.com/pagewalk/pagewalk/x86"
	"github.com/stretchr/testify/require"
)

// The world of an instruction that may fault: a page of code, filled with INT3, and two pages of data, of which the
// second may be absent or read-only. Nothing else is mapped. testdata/faults/faults.c makes the same on the host.
const (
	faultCode     = 0x1000_0000
	faultBoundary = 0x1000_5000 // between the two pages of data
	faultSide     = 64          // bytes on each side of it that are random and compared
)

// secondPage says how the page behind the boundary is mapped.
type secondPage uint8

const (
	secondAbsent secondPage = iota
	secondReadOnly
	secondReadWrite
)

// faultState is all that a user instruction reads and writes, XSAVE's areas beyond SSE excepted.
type faultState struct {
	R       [16]uint64
	Flags   uint64
	Control uint16
	Status  uint16
	Tags    uint8
	ST      [8]float80 // ST(0) first
	MXCSR   uint32
	XMM     [16]XMMReg
	Mem     [2 * faultSide]byte
	Second  secondPage

	CS, DS, ES, SS faultSegment
}

// start is RIP at the instruction.
func (s *faultState) start() uint64 { return faultCode - faultSegments[s.CS].Base }

// outcome is the exception that ended a case, INT3 behind the instruction or another.
type outcome struct {
	vector  x86.Vector
	code    uint64
	address uint64 // CR2 of a page fault
	rip     uint64 // from the start of the instruction
}

// result lists the exception and what changed from a to b.
func (a *faultState) result(b *faultState, o outcome, in *Inst) string {
	var sb strings.Builder
	if o.vector == x86.VectorPF && o.address >= 1<<47-x86.PageSize {
		o.code &^= uint64(x86.PFPresent) // Linux tells that all pages beyond its users' are present
	}
	fmt.Fprintf(&sb, "%v(%x) rip+%x", o.vector, o.code, o.rip)
	if o.vector == x86.VectorPF {
		fmt.Fprintf(&sb, " cr2=%x", o.address)
	}
	seen := uint64(x86.FlagsStatus | x86.FlagDF | x86.FlagAC)
	if o.vector == x86.VectorBP || o.vector == x86.VectorDB || o.vector == x86.VectorDE {
		seen &^= undefined(in, &testState{R: a.R})
	}
	if undefinedC1[in.Op] {
		b.Status &^= x87C1
	}
	if o.vector != x86.VectorBP && o.vector != x86.VectorDB { // what has been done by then is the processor's choice
		switch in.Op {
		case decode.ENTER, decode.PUSHA:
			b.Mem = a.Mem
		case decode.POPA:
			b.R = a.R
		}
	}
	fmt.Fprintf(&sb, " f=%x mx=%x cw=%x sw=%x tags=%02x", b.Flags&seen, b.MXCSR, b.Control, b.Status, b.Tags)
	for i := range a.R {
		v := b.R[i]
		if a.CS != segCode64 {
			if v &= 1<<32 - 1; i > 7 { // the upper halves and registers are undefined there
				break
			}
		}
		if a.R[i] != v {
			fmt.Fprintf(&sb, " r%d=%x", i, v)
		}
	}
	for i := range a.XMM {
		if a.XMM[i] != b.XMM[i] {
			fmt.Fprintf(&sb, " x%d=%016x%016x", i, b.XMM[i][1], b.XMM[i][0])
		}
	}
	for i := range a.ST {
		if a.ST[i] != b.ST[i] {
			fmt.Fprintf(&sb, " st%d=%04x:%016x", i, b.ST[i].se, b.ST[i].frac)
		}
	}
	if a.Mem != b.Mem {
		fmt.Fprintf(&sb, " m=%x", b.Mem)
	}
	return sb.String()
}

// faultEncodings lists what can fault: memory operands at [rsi + disp8] and [rbp + disp8], the stack, strings, divisions,
// SIMD and x87 arithmetic, branches, and what CPL 3 may not do.
func faultEncodings(t testing.TB) (codes [][]byte) {
	seen := map[string]bool{}
	add := func(code []byte) {
		if !seen[string(code)] {
			seen[string(code)] = true
			codes = append(codes, code)
		}
	}
	integers, cares := encodings()
	all := slices.Concat(integers, sseEncodings(), mmxEncodings(), x87Encodings())
	for _, code := range all {
		in := decodeOne(t, code)
		mem := slices.Contains(in.Args[:], decode.Mem)
		switch {
		case mem && (in.Width > 10 && in.Width != 16 || in.Op == decode.LEA):
			continue // several accesses, or none
		case in.Op == decode.MOVSXD && in.Width == 2:
			continue // AMD's processors read 32 bits, Intel's 16 (SDM vol. 2 MOVSXD)
		case in.Op == decode.MASKMOVQ || in.Op == decode.MASKMOVDQU:
			continue // whether bytes that are not picked fault is the processor's choice (SDM vol. 2 MASKMOVDQU)
		case in.Op == decode.RCPPS || in.Op == decode.RCPSS || in.Op == decode.RSQRTPS || in.Op == decode.RSQRTSS:
			continue // processors differ in the digits
		}
		care, integer := cares[string(code)]
		if integer && !mem && care == careNone && !usesStack(in.Op) {
			continue // cannot fault
		}
		add(code)
		for i, b := range code { // the same with [rbp + disp8], which is relative to SS
			rbp := slices.Clone(code)
			rbp[i] = b&^7 | 5
			if got, err := decode.Decode(rbp, 64); mem && b&0xc7 == 0x46 && err == nil && got.Op == in.Op && got.Base == RBP {
				add(rbp)
			}
		}
	}
	for _, text := range []string{
		"eb05", "e910000000", "e800000000", "e8f0ffff7f", "7405", "7505", "0f8c05000000", "0f8f00ffffff", "e205", "e105", "e005", "e305", "67e305", // branches
		"ff26", "ff16", "ffe0", "ffd3", "ff6608", "ff5610", "ff2424", "c3", "c20800", "f3c3",
		"f4", "fa", "fb", "e410", "e510", "e610", "e710", "ec", "ed", "ee", "ef", "6c", "6d", "6e", "6f", "f36c", "f36f", // IOPL and CPL
		"0f20c0", "0f20d8", "0f22c0", "0f22e0", "0f21f8", "0f23f8", "0f06", "0f08", "0f09", "0f30", "0f32", "0f0116", "0f011e", "0f00d0", "0f00d8", "0f01f0",
		"0f013e", "0f01f8", "0f07", "480f07", "0f35",
		"cc", "cd03", "0f0b", // traps, undefined on purpose
		"0fae3e", "660fae3e", "660fae36", "0f1806", "0f180e", "0f1816", "0f181e", "0f0d06", "0f0d0e", "f30f1efb", "0faee8", "0faef0", "0faef8", "0fae5e00", "0fae5600", "0fc70e", "480fc70e", "f00fc70e", // cache lines, CMPXCHG8B/16B
		"f0480fc70e", "f00106", "f00fb106", "f0488706", "f00fc106", "f00fba2e03", "f0ff06",
		"660fe706", "0f2b06", "480fc306", "9b", "dbe3", "dbe2", "dfe0", "d9fd", "d9f8",
	} {
		var code []byte
		_, err := fmt.Sscanf(text, "%x", &code)
		require.NoError(t, err)
		add(code)
	}
	return codes
}

func usesStack(op decode.Op) bool {
	return slices.Contains([]decode.Op{decode.PUSH, decode.POP, decode.PUSHF, decode.POPF, decode.ENTER, decode.LEAVE}, op)
}

// drawFault makes a state that brings the instruction to where it may fault.
func drawFault(code []byte, in *Inst, n int) *faultState {
	rng := caseSeed(code, n)
	v := drawVector(rng)
	s := &faultState{R: v.R, Flags: v.Flags, MXCSR: v.MXCSR, XMM: v.XMM, Control: 0x37f, Tags: 0xff, Second: secondPage(rng.IntN(3)), DS: segData, ES: segData, SS: segData}
	for i := 0; i < len(s.Mem); i += 16 {
		x := edgeXMM(rng)
		binary.LittleEndian.PutUint64(s.Mem[i:], x[0])
		binary.LittleEndian.PutUint64(s.Mem[i+8:], x[1])
	}
	if rng.IntN(8) == 0 {
		s.Flags |= x86.FlagAC
	}
	if rng.IntN(16) == 0 {
		s.Flags |= x86.FlagTF
	}
	if rng.IntN(2) == 0 {
		s.MXCSR &^= rng.Uint32() & (mxFlags << mxMaskShift)
	}
	drawUnit(rng, s)
	s.R[RSI], s.R[RBP] = drawAddress(rng, in)-uint64(in.Disp), drawAddress(rng, in)-uint64(in.Disp)
	s.R[RSP], s.R[RDI] = drawAddress(rng, in), drawAddress(rng, in)
	switch {
	case in.Op == decode.DPPS || in.Op == decode.DPPD: // what is found behind an unmasked exception is the processor's choice
		s.MXCSR |= mxFlags << mxMaskShift
	case rows[in.Op].feature == SHA: // AMD's processors take misaligned operands, Intel's do not (SDM vol. 2A table 2-21)
		s.R[RSI], s.R[RBP] = s.R[RSI]&^15, s.R[RBP]&^15
	case in.Op == decode.XLAT:
		s.R[RBX] = drawAddress(rng, in) - s.R[RAX]&0xff
	case isString(in.Op):
		s.Flags |= uint64(rng.IntN(2)) * x86.FlagDF
		s.R[RCX] = uint64(rng.IntN(1 + 24/int(in.Width)))
		near := func() uint64 { return faultBoundary + uint64(rng.IntN(48)-24) }
		if s.R[RSI] = near(); rng.IntN(2) == 0 {
			s.R[RDI] = near()
		}
		if in.Op == decode.CMPS { // which operand is read first is the processor's choice
			s.R[RSI], s.R[RDI] = s.R[RDI], faultBoundary-56
			s.R[RCX] = min(s.R[RCX], 1)
			if rng.IntN(2) == 0 {
				s.R[RSI], s.R[RDI] = s.R[RDI], s.R[RSI]
			}
		}
	case in.Args[0] == decode.Mem && in.Args[1].Class() == decode.GPR && isBitTest(in.Op):
		r := in.Args[1].Num()
		s.R[r] = s.R[r]&^widthMask(in.Width) | uint64(rng.IntN(0x100)-0x80)&widthMask(in.Width)
	case rng.IntN(2) == 0: // somewhere to go
		s.R[RAX], s.R[RBX] = faultCode+16+uint64(rng.IntN(16)), faultCode+16+uint64(rng.IntN(16))
		for i := 0; i < len(s.Mem); i += 8 {
			binary.LittleEndian.PutUint64(s.Mem[i:], faultCode+16+uint64(rng.IntN(16)))
		}
	}
	if in.Op == decode.CALL && in.Args[0].Class() != decode.Rel { // which fault comes first, the target's or the stack's, is the processor's choice
		s.R[RSP] = faultBoundary - 16
	}
	return s
}

func isString(op decode.Op) bool {
	return slices.Contains([]decode.Op{decode.MOVS, decode.STOS, decode.LODS, decode.CMPS, decode.SCAS}, op)
}

func isBitTest(op decode.Op) bool {
	return slices.Contains([]decode.Op{decode.BT, decode.BTS, decode.BTR, decode.BTC}, op)
}

// drawAddress picks where an operand lies: across, at or beside the boundary, aligned or not; or nowhere.
func drawAddress(rng *rand.Rand, in *Inst) uint64 {
	switch rng.IntN(12) {
	case 0:
		return 0x8000_0000_0000 + rng.Uint64()>>17 // no canonical one
	case 1:
		return 1<<63 | rng.Uint64()>>2
	case 2:
		return faultBoundary + x86.PageSize + uint64(rng.IntN(64))
	case 3:
		return faultBoundary + uint64(rng.IntN(6)-3)*16
	}
	return faultBoundary + uint64(rng.IntN(int(in.Width)+18)) - uint64(in.Width) - 8
}

// drawUnit fills the x87 unit; what is unmasked may be pending.
func drawUnit(rng *rand.Rand, s *faultState) {
	s.Status = uint16(rng.Uint32()) & (x87Top | x87C0 | x87C1 | x87C2 | x87C3)
	if rng.IntN(2) == 0 {
		s.Tags = uint8(rng.Uint32())
	}
	if rng.IntN(3) == 0 {
		s.Control &^= uint16(rng.Uint32()) & x87Masks
		s.Status |= uint16(rng.Uint32()) & x87Masks
		if s.Status&^s.Control&x87Masks != 0 {
			s.Status |= x87ES | x87B
		}
	}
	for i := range s.ST {
		s.ST[i] = edge80(rng)
	}
}

// faultWorld is a processor in user mode with the three pages.
type faultWorld struct {
	*CPU
	t testing.TB
}

const (
	faultCodeFrame = 0x10000 // and the two of data behind it
	faultTable     = 0x4000  // the page table of the three
)

func newFaultWorld(t testing.TB) *faultWorld {
	mem, err := physmem.New(1 << 20)
	require.NoError(t, err)
	c := New(mmu.New(mem, mmu.Options{}))
	c.features = ^features(0)
	w := &faultWorld{c, t}
	w.put(0x1000, 0x2007)
	w.put(0x2000, 0x3007)
	w.put(0x3000+8*(faultCode>>21), faultTable|7)
	w.put(faultTable, faultCodeFrame|7)
	w.put(faultTable+8*4, 1<<63|faultCodeFrame+0x1000|7)
	m := c.MMU
	for _, f := range []*x86.Fault{
		m.SetCR4(x86.CR4PAE | x86.CR4OSFXSR | x86.CR4OSXMMEXCPT | x86.CR4FSGSBASE | x86.CR4PGE),
		m.SetCR3(0x1000), m.SetEFER(x86.EFERLME | x86.EFERNXE | x86.EFERSCE),
		m.SetCR0(x86.CR0PE | x86.CR0PG | x86.CR0WP | x86.CR0ET | x86.CR0NE | x86.CR0MP | x86.CR0AM),
	} {
		require.Nil(t, f)
	}
	m.SetCPL(3)
	c.SetSegment(decode.FS, Segment{}) // null, as Linux has them
	c.SetSegment(decode.GS, Segment{})
	for i := range mem.Frame(faultCodeFrame) {
		mem.Frame(faultCodeFrame)[i] = 0xcc
	}
	return w
}

func (w *faultWorld) put(pa x86.PhysAddr, v uint64) {
	binary.LittleEndian.PutUint64(w.mem.Frame(pa)[pa.Offset():], v)
}

// run steps until something is raised.
func (w *faultWorld) run(code []byte, in *Inst, before *faultState) string {
	w.put(faultTable+8*5, []uint64{secondAbsent: 0, secondReadOnly: 1<<63 | faultCodeFrame + 0x2000 | 5, secondReadWrite: 1<<63 | faultCodeFrame + 0x2000 | 7}[before.Second])
	w.MMU.InvalidatePage(faultBoundary)
	w.XMM, w.MXCSR = before.XMM, before.MXCSR
	copy(w.R[:], before.R[:])
	w.SetFlags(before.Flags | x86.FlagIF | x86.FlagR1)
	w.FPU = fpu{control: before.Control, status: before.Status, tags: before.Tags}
	for i, v := range before.ST {
		w.FPU.st[w.FPU.phys(i)] = v
	}
	for i, seg := range []faultSegment{decode.ES: before.ES, decode.CS: before.CS, decode.SS: before.SS, decode.DS: before.DS} {
		w.SetSegment(i, faultSegments[seg])
	}
	w.RIP = before.start()
	page := w.mem.Frame(faultCodeFrame)[:32]
	for i := copy(page, code); i < len(page); i++ {
		page[i] = 0xcc
	}
	w.mem.NotifyWrite(faultCodeFrame)
	first, second := w.mem.Frame(faultCodeFrame + 0x1000)[x86.PageSize-faultSide:], w.mem.Frame(faultCodeFrame + 0x2000)[:faultSide]
	copy(first, before.Mem[:faultSide])
	copy(second, before.Mem[faultSide:])

	var e Exit
	for range 100 {
		if e = w.Step(); e.Kind != ExitNone {
			break
		}
	}
	var o outcome
	switch e.Kind {
	case ExitInterrupt:
		o = outcome{vector: e.Vector}
	case ExitException:
		o = outcome{vector: e.Fault.Vector, code: uint64(e.Fault.Code), address: uint64(e.Fault.Addr)}
	default:
		return fmt.Sprintf("exit %v", e.Kind)
	}
	o.rip = w.RIP - before.start()
	after := &faultState{Flags: w.Flags(), Control: w.FPU.control, Status: w.FPU.status, Tags: w.FPU.tags, XMM: w.XMM, MXCSR: w.MXCSR}
	copy(after.R[:], w.R[:16])
	for i := range after.ST {
		after.ST[i] = w.FPU.get(i)
	}
	copy(after.Mem[:faultSide], first)
	copy(after.Mem[faultSide:], second)
	return before.result(after, o, in)
}

// faultVectors are the vectors of encodings in a mode.
func faultVectors(t *testing.T, file string, mode decode.Mode, least int, codes [][]byte, draw func(code []byte, in *Inst, n int) *faultState) {
	w := newFaultWorld(t)
	decoded := func(code []byte) *Inst {
		in, err := decode.Decode(code, mode)
		require.NoError(t, err, "%x", code)
		return &in
	}
	prepare := func(code []byte, n int) (in *Inst, before *faultState, unspecified bool) {
		in = decoded(code)
		before = draw(code, in, n)
		return in, before, isUnspecified(in, &testState{R: before.R})
	}
	vectorSet{
		file: file, mode: mode, least: least, codes: codes,
		show: func(code []byte, n int) string { return fmt.Sprintf("%x", *draw(code, decoded(code), n)) },
		ours: func(code []byte, n int) string {
			in, before, skip := prepare(code, n)
			if skip {
				return unspecified
			}
			return w.run(code, in, before)
		},
		host: func() func(code []byte, n int) string {
			run := newFaultHost(t)
			return func(code []byte, n int) string {
				in, before, skip := prepare(code, n)
				if skip {
					return unspecified
				}
				after, o := run(code, before)
				return before.result(after, o, in)
			}
		},
	}.test(t)
}

// TestFaultVectors has every exception that a user program can raise by one instruction: the vector, the error code, CR2,
// RIP, and that nothing is committed that must not be.
func TestFaultVectors(t *testing.T) {
	faultVectors(t, "fault", 64, 2000, faultEncodings(t), drawFault)
}
