package unwind

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/ntdef"
)

const (
	unwindBase  = 0x140000000
	unwindFn    = 0x1000 // RVA of the function under test
	unwindInfoA = 0x3000 // RVA of its UNWIND_INFO
	unwindStack = 0x200000
)

// pagedMemory is a memory of the pages that were put. An access elsewhere fails.
type pagedMemory map[uint64]*[4096]byte

type testFault uint64

func (f testFault) Error() string { return fmt.Sprintf("no memory at %#x", uint64(f)) }

func (m pagedMemory) put(va uint64, b ...byte) {
	for i, v := range b {
		at := va + uint64(i)
		if m[at>>12] == nil {
			m[at>>12] = new([4096]byte)
		}
		m[at>>12][at&4095] = v
	}
}

func (m pagedMemory) Read(va uint64, b []byte) error {
	for len(b) > 0 {
		p := m[va>>12]
		if p == nil {
			return testFault(va)
		}
		n := copy(b, p[va&4095:])
		b, va = b[n:], va+uint64(n)
	}
	return nil
}

func (m pagedMemory) load(va uint64, size int) (uint64, error) {
	var b [8]byte
	err := m.Read(va, b[:size])
	return binary.LittleEndian.Uint64(b[:]), err
}

func (m pagedMemory) Load8(va uint64) (uint8, error) {
	v, err := m.load(va, 1)
	return uint8(v), err
}

func (m pagedMemory) Load32(va uint64) (uint32, error) {
	v, err := m.load(va, 4)
	return uint32(v), err
}

func (m pagedMemory) Load64(va uint64) (uint64, error) { return m.load(va, 8) }

// slots returns a stack of eight-byte words whose values tell their index: 0x1000, 0x1001, …
func slots(m pagedMemory) {
	for i := range uint64(512) {
		m.put(unwindStack+8*i, binary.LittleEndian.AppendUint64(nil, 0x1000+i)...)
	}
}

// code is one slot of an UNWIND_CODE array.
func code(offset, op, info byte) []byte { return []byte{offset, info<<4 | op} }

func cat(parts ...[]byte) (b []byte) {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// header is an UNWIND_INFO up to its codes.
func header(flags, prolog, count, frame, frameOffset byte) []byte {
	return []byte{1 | flags<<3, prolog, count, frame | frameOffset<<4}
}

func u32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

// prologue of the function under test: push rbx (1 byte); push r12 (2); sub rsp,0x28 (4).
var pushPushSub = cat(
	header(0, 7, 3, 0, 0),
	code(7, OpAllocSmall, 4), code(3, OpPushNonvol, 12), code(1, OpPushNonvol, 3), make([]byte, 2),
)

// TestRtlVirtualUnwind states the caller's registers for one frame of each shape. Slot n of the stack holds 0x1000+n and
// RSP points at slot 0; registers that are not named keep their value.
func TestRtlVirtualUnwind(t *testing.T) {
	type regs map[int]uint64
	const pushR12SubEpilogue = 0x40 // offset of an epilogue: add rsp,0x28; pop r12; pop rbx; ret
	cases := []struct {
		name    string
		info    []byte
		chained []byte // UNWIND_INFO at unwindInfoA+0x100
		code    map[uint32][]byte
		offset  uint32 // of RIP from the function's start
		in      regs
		kind    uint32
		want    regs
		rip     uint64
		frame   uint64 // establisher relative to the stack; RSP unless set
		handler uint64
		data    uint64
		machine bool
	}{{
		name: "the body undoes the whole prologue", info: pushPushSub, offset: 0x20,
		want: regs{ntdef.RegR12: 0x1005, ntdef.RegRbx: 0x1006, ntdef.RegRsp: unwindStack + 64}, rip: 0x1007,
	}, {
		name: "the first instruction has changed nothing", info: pushPushSub, offset: 0,
		want: regs{ntdef.RegRsp: unwindStack + 8}, rip: 0x1000,
	}, {
		name: "a prologue is undone as far as it ran", info: pushPushSub, offset: 3,
		want: regs{ntdef.RegR12: 0x1000, ntdef.RegRbx: 0x1001, ntdef.RegRsp: unwindStack + 24}, rip: 0x1002,
	}, {
		name: "an epilogue runs from its first instruction", info: pushPushSub, offset: pushR12SubEpilogue,
		code: map[uint32][]byte{pushR12SubEpilogue: {0x48, 0x83, 0xc4, 0x28, 0x41, 0x5c, 0x5b, 0xc3}},
		want: regs{ntdef.RegR12: 0x1005, ntdef.RegRbx: 0x1006, ntdef.RegRsp: unwindStack + 64}, rip: 0x1007,
	}, {
		name: "an epilogue runs from its last pop", info: pushPushSub, offset: pushR12SubEpilogue + 6,
		code: map[uint32][]byte{pushR12SubEpilogue: {0x48, 0x83, 0xc4, 0x28, 0x41, 0x5c, 0x5b, 0xc3}},
		want: regs{ntdef.RegRbx: 0x1000, ntdef.RegRsp: unwindStack + 16}, rip: 0x1001,
	}, {
		name: "an epilogue ends with a jump out of the function", info: pushPushSub, offset: 0x40,
		code: map[uint32][]byte{0x40: {0x5b, 0xe9, 0x00, 0x10, 0x00, 0x00}},
		want: regs{ntdef.RegRbx: 0x1000, ntdef.RegRsp: unwindStack + 16}, rip: 0x1001,
	}, {
		name: "a jump inside the function is no epilogue", info: pushPushSub, offset: 0x40,
		code: map[uint32][]byte{0x40: {0xeb, 0x10}},
		want: regs{ntdef.RegR12: 0x1005, ntdef.RegRbx: 0x1006, ntdef.RegRsp: unwindStack + 64}, rip: 0x1007,
	}, {
		name: "a tail call through a register is an epilogue with REX.W", info: pushPushSub, offset: 0x40,
		code: map[uint32][]byte{0x40: {0x48, 0xff, 0xe0}},
		want: regs{ntdef.RegRsp: unwindStack + 8}, rip: 0x1000,
	}, {
		name: "a jump table without REX.W is no epilogue", info: pushPushSub, offset: 0x40,
		code: map[uint32][]byte{0x40: {0xff, 0xe0}},
		want: regs{ntdef.RegR12: 0x1005, ntdef.RegRbx: 0x1006, ntdef.RegRsp: unwindStack + 64}, rip: 0x1007,
	}, {
		name: "UWOP_ALLOC_LARGE of 16 bits counts in eights",
		info: cat(header(0, 7, 2, 0, 0), code(7, OpAllocLarge, 0), []byte{0x20, 0}), offset: 0x20,
		want: regs{ntdef.RegRsp: unwindStack + 0x108}, rip: 0x1020,
	}, {
		name: "UWOP_ALLOC_LARGE of 32 bits counts in bytes",
		info: cat(header(0, 7, 3, 0, 0), code(7, OpAllocLarge, 1), u32(0x400), make([]byte, 2)), offset: 0x20,
		want: regs{ntdef.RegRsp: unwindStack + 0x408}, rip: 0x1080,
	}, {
		// push rbp; sub rsp,0x40; lea rbp,[rsp+0x20]; the body moved RSP since
		name: "a frame pointer finds the frame", offset: 0x20,
		info: cat(header(0, 10, 3, ntdef.RegRbp, 2), code(10, OpSetFpreg, 0), code(5, OpAllocSmall, 7), code(1, OpPushNonvol, ntdef.RegRbp), make([]byte, 2)),
		in:   regs{ntdef.RegRbp: unwindStack + 0x120},
		want: regs{ntdef.RegRbp: 0x1028, ntdef.RegRsp: unwindStack + 0x150}, rip: 0x1029, frame: 0x100,
	}, {
		name: "a frame pointer is not used before it is set", offset: 5,
		info: cat(header(0, 10, 3, ntdef.RegRbp, 2), code(10, OpSetFpreg, 0), code(5, OpAllocSmall, 7), code(1, OpPushNonvol, ntdef.RegRbp), make([]byte, 2)),
		in:   regs{ntdef.RegRbp: 0xdead},
		want: regs{ntdef.RegRbp: 0x1008, ntdef.RegRsp: unwindStack + 0x50}, rip: 0x1009,
	}, {
		name: "an epilogue may set RSP from the frame pointer", offset: 0x40,
		info: cat(header(0, 10, 3, ntdef.RegRbp, 2), code(10, OpSetFpreg, 0), code(5, OpAllocSmall, 7), code(1, OpPushNonvol, ntdef.RegRbp), make([]byte, 2)),
		code: map[uint32][]byte{0x40: {0x48, 0x8d, 0x65, 0x20, 0x5d, 0xc3}}, // lea rsp,[rbp+0x20]; pop rbp; ret
		in:   regs{ntdef.RegRbp: unwindStack + 0x120},
		want: regs{ntdef.RegRbp: 0x1028, ntdef.RegRsp: unwindStack + 0x150}, rip: 0x1029, frame: 0x100,
	}, {
		name: "registers saved by moves", offset: 0x20,
		info: cat(header(0, 20, 8, 0, 0),
			code(20, OpSaveXmm128, 6), []byte{2, 0}, code(15, OpSaveNonvolFar, ntdef.RegRsi), u32(0x48),
			code(10, OpSaveNonvol, ntdef.RegRdi), []byte{8, 0}, code(4, OpAllocSmall, 9)),
		want: regs{ntdef.RegRsi: 0x1009, ntdef.RegRdi: 0x1008, ntdef.RegRsp: unwindStack + 0x58}, rip: 0x100a,
	}, {
		name: "a machine frame brings RIP and RSP", offset: 0x20,
		info: cat(header(0, 0, 3, 0, 0), code(0, OpAllocLarge, 0), []byte{4, 0}, code(0, OpPushMachframe, 0), make([]byte, 2)),
		want: regs{ntdef.RegRsp: 0x1007}, rip: 0x1004, machine: true,
	}, {
		name: "a machine frame with an error code", offset: 0x20,
		info: cat(header(0, 0, 1, 0, 0), code(0, OpPushMachframe, 1), make([]byte, 2)),
		want: regs{ntdef.RegRsp: 0x1004}, rip: 0x1001, machine: true,
	}, {
		name: "a chained record continues with the whole primary prologue", offset: 0x20,
		info: cat(header(ntdef.UNW_FLAG_CHAININFO, 0, 2, 0, 0), code(0, OpSaveNonvol, ntdef.RegRsi), []byte{3, 0},
			u32(0x2000), u32(0x2040), u32(unwindInfoA+0x100)),
		chained: pushPushSub,
		want:    regs{ntdef.RegRsi: 0x1003, ntdef.RegR12: 0x1005, ntdef.RegRbx: 0x1006, ntdef.RegRsp: unwindStack + 64}, rip: 0x1007,
	}, {
		name: "a handler of the wanted kind and its data", offset: 0x20, kind: ntdef.UNW_FLAG_EHANDLER,
		info: cat(header(ntdef.UNW_FLAG_EHANDLER, 4, 1, 0, 0), code(4, OpAllocSmall, 4), make([]byte, 2), u32(0x5000)),
		want: regs{ntdef.RegRsp: unwindStack + 0x30}, rip: 0x1005,
		handler: unwindBase + 0x5000, data: unwindBase + unwindInfoA + 12,
	}, {
		name: "a handler of the other kind is not reported", offset: 0x20, kind: ntdef.UNW_FLAG_UHANDLER,
		info: cat(header(ntdef.UNW_FLAG_EHANDLER, 4, 1, 0, 0), code(4, OpAllocSmall, 4), make([]byte, 2), u32(0x5000)),
		want: regs{ntdef.RegRsp: unwindStack + 0x30}, rip: 0x1005,
	}, {
		name: "a prologue reports no handler", offset: 0, kind: ntdef.UNW_FLAG_EHANDLER,
		info: cat(header(ntdef.UNW_FLAG_EHANDLER, 4, 1, 0, 0), code(4, OpAllocSmall, 4), make([]byte, 2), u32(0x5000)),
		want: regs{ntdef.RegRsp: unwindStack + 8}, rip: 0x1000,
	}, {
		name: "an epilogue reports no handler", offset: 0x40, kind: ntdef.UNW_FLAG_EHANDLER,
		info: cat(header(ntdef.UNW_FLAG_EHANDLER, 4, 1, 0, 0), code(4, OpAllocSmall, 4), make([]byte, 2), u32(0x5000)),
		code: map[uint32][]byte{0x40: {0xf3, 0xc3}},
		want: regs{ntdef.RegRsp: unwindStack + 8}, rip: 0x1000,
	}}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := pagedMemory{}
			slots(m)
			m.put(unwindBase+unwindFn, make([]byte, 0x100)...)
			for at, b := range c.code {
				m.put(unwindBase+unwindFn+uint64(at), b...)
			}
			m.put(unwindBase+unwindInfoA, c.info...)
			m.put(unwindBase+unwindInfoA+0x100, c.chained...)

			var ctx ntdef.Context
			for i := range ctx.Regs {
				ctx.Regs[i] = 0xaa00 + uint64(i)
			}
			ctx.Regs[ntdef.RegRsp] = unwindStack
			for r, v := range c.in {
				ctx.Regs[r] = v
			}
			want := ctx
			for r, v := range c.want {
				want.Regs[r] = v
			}
			want.Rip = c.rip
			if c.name == "registers saved by moves" {
				want.SetXmm(6, 0x1004, 0x1005)
			}
			f := Function{unwindFn, unwindFn + 0x100, unwindInfoA}
			w := Unwinder{Memory: m}
			u, err := w.VirtualUnwind(c.kind, unwindBase, unwindBase+unwindFn+uint64(c.offset), f, &ctx, nil)
			require.NoError(t, err)
			require.Empty(t, cmp.Diff(want, ctx))
			require.Equal(t, Frame{unwindStack + c.frame, c.handler, c.data, c.machine}, u)
		})
	}
}

func TestRtlVirtualUnwindTellsWhereRegistersWere(t *testing.T) {
	m := pagedMemory{}
	slots(m)
	m.put(unwindBase+unwindFn, make([]byte, 0x100)...)
	m.put(unwindBase+unwindInfoA, pushPushSub...)
	ctx := ntdef.Context{}
	ctx.Regs[ntdef.RegRsp] = unwindStack
	var ptrs Pointers
	w := Unwinder{Memory: m}
	_, err := w.VirtualUnwind(0, unwindBase, unwindBase+unwindFn+0x20, Function{unwindFn, unwindFn + 0x100, unwindInfoA}, &ctx, &ptrs)
	require.NoError(t, err)
	var want Pointers
	want.Reg[12], want.Reg[3] = unwindStack+0x28, unwindStack+0x30
	require.Equal(t, want, ptrs)
}

func TestJumpToAnotherFragmentIsNoEpilogue(t *testing.T) {
	m := pagedMemory{}
	slots(m)
	m.put(unwindBase+unwindFn, 0xe9, 0xfb, 0x0f, 0x00, 0x00) // jmp unwindFn+0x1000
	m.put(unwindBase+unwindInfoA, cat(header(ntdef.UNW_FLAG_CHAININFO, 0, 2, 0, 0), code(0, OpSaveNonvol, ntdef.RegRsi), []byte{3, 0},
		u32(0x1f00), u32(0x2100), u32(unwindInfoA+0x100))...)
	m.put(unwindBase+unwindInfoA+0x100, pushPushSub...)
	primary := Entry{Function{0x1f00, 0x2100, unwindInfoA + 0x100}, unwindBase, 0}
	w := Unwinder{Memory: m, Lookup: func(pc uint64) (Entry, bool, error) {
		require.Equal(t, uint64(unwindBase+0x2000), pc)
		return primary, true, nil
	}}
	ctx := ntdef.Context{}
	ctx.Regs[ntdef.RegRsp] = unwindStack
	_, err := w.VirtualUnwind(0, unwindBase, unwindBase+unwindFn, Function{unwindFn, unwindFn + 0x100, unwindInfoA}, &ctx, nil)
	require.NoError(t, err)
	require.Equal(t, uint64(0x1007), ctx.Rip)
}

func TestPrimaryFollowsSharedAndChainedEntries(t *testing.T) {
	m := pagedMemory{}
	primary := Function{0x100, 0x200, unwindInfoA}
	m.put(unwindBase+unwindInfoA, pushPushSub...)
	m.put(unwindBase+0x4000, cat(header(ntdef.UNW_FLAG_CHAININFO, 0, 0, 0, 0), u32(0x100), u32(0x200), u32(unwindInfoA))...)
	m.put(unwindBase+0x4100, cat(u32(0x300), u32(0x400), u32(0x4000))...)
	for _, f := range []Function{primary, {0x300, 0x400, 0x4000}, {0x500, 0x600, 0x4101}} {
		got, err := Primary(m, unwindBase, f)
		require.NoError(t, err)
		require.Equal(t, primary, got)
	}
	m.put(unwindBase+0x4200, cat(u32(0x700), u32(0x800), u32(0x4201))...)
	_, err := Primary(m, unwindBase, Function{0x700, 0x800, 0x4201})
	require.ErrorIs(t, err, ErrBadTable)
}

func TestBadUnwindInformationIsAnError(t *testing.T) {
	for name, info := range map[string][]byte{
		"version 3":       {3, 0, 0, 0},
		"unknown code":    cat(header(0, 0, 1, 0, 0), code(0, 11, 0)),
		"operand cut off": cat(header(0, 0, 1, 0, 0), code(0, OpAllocLarge, 0)),
		"allocation kind": cat(header(0, 0, 3, 0, 0), code(0, OpAllocLarge, 2), make([]byte, 4)),
		"chain to itself": cat(header(ntdef.UNW_FLAG_CHAININFO, 0, 0, 0, 0), u32(unwindFn), u32(unwindFn+1), u32(unwindInfoA)),
	} {
		t.Run(name, func(t *testing.T) {
			m := pagedMemory{}
			slots(m)
			m.put(unwindBase+unwindFn, make([]byte, 0x100)...)
			m.put(unwindBase+unwindInfoA, info...)
			ctx := ntdef.Context{}
			ctx.Regs[ntdef.RegRsp] = unwindStack
			w := Unwinder{Memory: m}
			_, err := w.VirtualUnwind(0, unwindBase, unwindBase+unwindFn+0x20, Function{unwindFn, unwindFn + 0x100, unwindInfoA}, &ctx, nil)
			require.ErrorIs(t, err, ErrBadTable)
		})
	}
}

// FuzzVirtualUnwind gives the Unwinder any information, code and place: it ends, and what it reads is bounded.
func FuzzVirtualUnwind(f *testing.F) {
	f.Add(pushPushSub, []byte{0x48, 0x83, 0xc4, 0x28, 0x41, 0x5c, 0x5b, 0xc3}, uint8(0))
	f.Add(cat(header(ntdef.UNW_FLAG_CHAININFO, 0, 0, 0, 0), u32(unwindFn), u32(unwindFn+1), u32(unwindInfoA)), []byte{0xe9, 0, 1, 0, 0}, uint8(3))
	f.Add(cat(header(ntdef.UNW_FLAG_EHANDLER, 9, 2, 5, 15), code(9, OpSetFpreg, 0), code(1, OpPushMachframe, 1), u32(0x5000)), []byte{0xff, 0x25}, uint8(20))
	f.Fuzz(func(t *testing.T, info, text []byte, offset uint8) {
		m := pagedMemory{}
		slots(m)
		m.put(unwindBase+unwindFn, make([]byte, 0x1000)...)
		m.put(unwindBase+unwindFn, text[:min(len(text), 0x1000)]...)
		m.put(unwindBase+unwindInfoA, make([]byte, 0x1000)...)
		m.put(unwindBase+unwindInfoA, info[:min(len(info), 0x1000)]...)
		fn := Function{unwindFn, unwindFn + 0x100, unwindInfoA}
		w := Unwinder{Memory: m, Lookup: func(uint64) (Entry, bool, error) {
			return Entry{fn, unwindBase, 0}, true, nil
		}}
		ctx := ntdef.Context{}
		ctx.Regs[ntdef.RegRsp] = unwindStack
		_, err := w.VirtualUnwind(ntdef.UNW_FLAG_EHANDLER, unwindBase, unwindBase+unwindFn+uint64(offset), fn, &ctx, nil)
		var fault testFault
		if err != nil && !errors.As(err, &fault) {
			require.ErrorIs(t, err, ErrBadTable)
		}
	})
}
