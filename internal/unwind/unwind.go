// Package unwind turns the registers of a function into those of its caller, as RtlVirtualUnwind does.
//
// It follows "x64 exception handling" in Microsoft's C++ documentation: every function that touches the stack pointer or a
// nonvolatile register has a RUNTIME_FUNCTION in .pdata that names its UNWIND_INFO; the codes in there undo the prologue from
// the last executed one to the first. Functions without an entry are leaves: their return address is at RSP. An epilogue has
// no codes: it is recognised by its instructions and executed to its end.
//
// The package knows memory and nothing of whose it is: ntdll unwinds with the accesses of the guest thread, which fault pages
// in; the report of an exception looks at what is resident.
package unwind

import (
	"errors"
	"fmt"

	"github.com/pagewalk/pagewalk/ntdef"
)

// Memory is what unwinding reads. Its errors are passed on.
type Memory interface {
	Load8(va uint64) (uint8, error)
	Load32(va uint64) (uint32, error)
	Load64(va uint64) (uint64, error)
	Read(va uint64, b []byte) error
}

// ErrBadTable says that unwind information is not what the documentation allows: STATUS_BAD_FUNCTION_TABLE.
var ErrBadTable = errors.New("unwind: bad unwind information")

// Unwind operations (UNWIND_CODE.UnwindOp). 6 and 7 are UWOP_EPILOG and a spare code in version 2 of UNWIND_INFO and
// were 64-bit XMM saves in early version 1 tables.
const (
	OpPushNonvol    = 0
	OpAllocLarge    = 1
	OpAllocSmall    = 2
	OpSetFpreg      = 3
	OpSaveNonvol    = 4
	OpSaveNonvolFar = 5
	OpEpilog        = 6
	OpSpare         = 7
	OpSaveXmm128    = 8
	OpSaveXmm128Far = 9
	OpPushMachframe = 10
)

// maxChain bounds the UNWIND_INFO records chained to one another; compilers chain one or two.
const maxChain = 32

// Function is a RUNTIME_FUNCTION: three RVAs.
type Function struct {
	Begin, End, Unwind uint32
}

// FunctionSize is the size of a RUNTIME_FUNCTION in bytes.
const FunctionSize = 12

// LoadFunction reads a RUNTIME_FUNCTION.
func LoadFunction(m Memory, va uint64) (f Function, err error) {
	for i, p := range []*uint32{&f.Begin, &f.End, &f.Unwind} {
		if *p, err = m.Load32(va + 4*uint64(i)); err != nil {
			return f, err
		}
	}
	return f, nil
}

// unwindInfo is an UNWIND_INFO with its codes.
type unwindInfo struct {
	version     uint8
	flags       uint8
	prolog      uint8 // size of the prologue in bytes
	frameReg    uint8 // register that becomes the frame pointer, 0 for none
	frameOffset uint64
	codes       []uint16
	tail        uint64 // address behind the codes: the handler's RVA or the chained RUNTIME_FUNCTION
}

func loadUnwindInfo(m Memory, va uint64) (*unwindInfo, error) {
	head, err := m.Load32(va)
	if err != nil {
		return nil, err
	}
	info := &unwindInfo{
		version:     uint8(head) & 7,
		flags:       uint8(head) >> 3,
		prolog:      uint8(head >> 8),
		frameReg:    uint8(head>>24) & 15,
		frameOffset: uint64(head>>28) * 16,
	}
	if info.version != 1 && info.version != 2 {
		return nil, fmt.Errorf("%w: UNWIND_INFO at %#x has version %d", ErrBadTable, va, info.version)
	}
	n := int(uint8(head >> 16))
	raw := make([]byte, 2*n)
	if err := m.Read(va+4, raw); err != nil {
		return nil, err
	}
	info.codes = make([]uint16, n)
	for i := range info.codes {
		info.codes[i] = uint16(raw[2*i]) | uint16(raw[2*i+1])<<8
	}
	info.tail = va + 4 + 2*uint64((n+1)&^1)
	return info, nil
}

// An unwindCode is one decoded operation.
type unwindCode struct {
	offset uint8 // of the instruction behind the one it describes, from the function's start
	op     uint8
	info   uint8
	value  uint64 // the operand of the slots that follow, scaled to bytes
}

// code decodes the operation at codes[i] and returns the index of the next.
func (info *unwindInfo) code(i int) (unwindCode, int, error) {
	raw := info.codes[i]
	c := unwindCode{offset: uint8(raw), op: uint8(raw>>8) & 15, info: uint8(raw >> 12)}
	slots, scale := 0, uint64(1)
	switch c.op {
	case OpPushNonvol, OpSetFpreg, OpPushMachframe:
	case OpAllocSmall:
		c.value = uint64(c.info)*8 + 8
	case OpAllocLarge:
		switch c.info {
		case 0:
			slots, scale = 1, 8
		case 1:
			slots = 2
		default:
			return c, 0, fmt.Errorf("%w: UWOP_ALLOC_LARGE with operation info %d", ErrBadTable, c.info)
		}
	case OpSaveNonvol:
		slots, scale = 1, 8
	case OpSaveXmm128:
		slots, scale = 1, 16
	case OpSaveNonvolFar, OpSaveXmm128Far:
		slots = 2
	case OpEpilog:
		if info.version == 1 {
			slots = 1
		}
	case OpSpare:
		slots = 2
		if info.version == 2 {
			slots = 1
		}
	default:
		return c, 0, fmt.Errorf("%w: unwind operation %d", ErrBadTable, c.op)
	}
	if i+slots >= len(info.codes) {
		return c, 0, fmt.Errorf("%w: unwind operation %d is cut off", ErrBadTable, c.op)
	}
	for s := slots; s > 0; s-- {
		c.value = c.value<<16 | uint64(info.codes[i+s])
	}
	if slots > 0 {
		c.value *= scale
	}
	return c, i + 1 + slots, nil
}

// frameSet reports whether the prologue has set the frame register up before the instruction at offset.
func (info *unwindInfo) frameSet(offset uint64) (bool, error) {
	if info.frameReg == 0 || offset >= uint64(info.prolog) {
		return info.frameReg != 0, nil
	}
	for i := 0; i < len(info.codes); {
		c, next, err := info.code(i)
		if err != nil {
			return false, err
		}
		if c.op == OpSetFpreg {
			return uint64(c.offset) <= offset, nil
		}
		i = next
	}
	return false, nil
}

// Pointers is KNONVOLATILE_CONTEXT_POINTERS: where the caller's registers were found, 0 where they were not
// saved.
type Pointers struct {
	Xmm [16]uint64
	Reg [16]uint64
}

// A Frame is what VirtualUnwind returns beside the caller's context.
type Frame struct {
	Establisher uint64 // the frame that the function established: what its handler knows it by
	Handler     uint64 // language handler of the requested kind, 0 for none
	HandlerData uint64 // address of the handler's data, valid with Handler
	Machine     bool   // the frame is what an exception pushed: the caller was interrupted at its RIP and called nobody
}

// An Unwinder unwinds over the memory of one process.
type Unwinder struct {
	Memory Memory
	// Lookup finds the entry of the function that holds pc and the image that it belongs to; nil means that every entry
	// is a function of its own.
	Lookup func(pc uint64) (Entry, bool, error)
}

// An Entry is a RUNTIME_FUNCTION and where it is.
type Entry struct {
	Function
	Base uint64 // what its RVAs are relative to
	VA   uint64 // of the entry itself
}

// VirtualUnwind turns the context of pc, inside the function f of the image at base, into that of its caller. It is
// RtlVirtualUnwind; handlerType is UNW_FLAG_EHANDLER, UNW_FLAG_UHANDLER or UNW_FLAG_NHANDLER. ptrs may be nil.
//
// A prologue that was not finished and an epilogue report no handler, as the documentation demands.
func (w *Unwinder) VirtualUnwind(handlerType uint32, base, pc uint64, f Function, ctx *ntdef.Context, ptrs *Pointers) (u Frame, err error) {
	m := w.Memory
	if ptrs == nil {
		ptrs = new(Pointers)
	}
	info, err := loadUnwindInfo(m, base+uint64(f.Unwind))
	if err != nil {
		return u, err
	}
	offset := pc - base - uint64(f.Begin)
	inProlog := offset < uint64(info.prolog)

	u.Establisher = ctx.Rsp()
	set, err := info.frameSet(offset)
	if err != nil {
		return u, err
	}
	if set {
		u.Establisher = ctx.Regs[info.frameReg] - info.frameOffset
	}
	// Since Windows 10 1809 a function without codes is not searched for an epilogue: all it can hold is a return.
	if !inProlog && len(info.codes) > 0 {
		e := epilogue{Unwinder: w, base: base, fn: f, info: info}
		inside, err := e.contains(pc)
		if err != nil {
			return u, err
		}
		if inside {
			return u, e.finish(pc, ctx, ptrs)
		}
	}
	for chain := 0; ; chain++ {
		done, err := info.undo(m, offset, u.Establisher, ctx, ptrs)
		if err != nil {
			return u, err
		}
		u.Machine = u.Machine || done
		if info.flags&ntdef.UNW_FLAG_CHAININFO == 0 {
			break
		}
		if chain == maxChain {
			return u, fmt.Errorf("%w: more than %d chained records", ErrBadTable, maxChain)
		}
		primary, err := LoadFunction(m, info.tail)
		if err != nil {
			return u, err
		}
		if info, err = loadUnwindInfo(m, base+uint64(primary.Unwind)); err != nil {
			return u, err
		}
		offset = ^uint64(0) // the primary's prologue has run as a whole
	}
	if !u.Machine {
		if err := PopRip(m, ctx); err != nil {
			return u, err
		}
	}
	if uint32(info.flags)&handlerType&(ntdef.UNW_FLAG_EHANDLER|ntdef.UNW_FLAG_UHANDLER) != 0 && !inProlog {
		rva, err := m.Load32(info.tail)
		if err != nil {
			return u, err
		}
		u.Handler = base + uint64(rva)
		u.HandlerData = info.tail + 4
	}
	return u, nil
}

// Primary follows the chain of a function's fragment to the entry that describes its beginning. An entry whose unwind RVA is odd shares
// the entry there.
func Primary(m Memory, base uint64, f Function) (Function, error) {
	for range maxChain {
		if f.Unwind&1 != 0 {
			var err error
			if f, err = LoadFunction(m, base+uint64(f.Unwind-1)); err != nil {
				return f, err
			}
			continue
		}
		info, err := loadUnwindInfo(m, base+uint64(f.Unwind))
		if err != nil || info.flags&ntdef.UNW_FLAG_CHAININFO == 0 {
			return f, err
		}
		if f, err = LoadFunction(m, info.tail); err != nil {
			return f, err
		}
	}
	return f, fmt.Errorf("%w: more than %d chained records", ErrBadTable, maxChain)
}

// PopRip returns from a function whose return address is at RSP.
func PopRip(m Memory, ctx *ntdef.Context) (err error) {
	if ctx.Rip, err = m.Load64(ctx.Rsp()); err != nil {
		return err
	}
	ctx.Regs[ntdef.RegRsp] += 8
	return nil
}

// undo reverts those operations of the prologue that had been executed at offset and reports whether one of them was a
// machine frame, which brings RIP and RSP along.
func (info *unwindInfo) undo(m Memory, offset, frame uint64, ctx *ntdef.Context, ptrs *Pointers) (machine bool, err error) {
	rsp := &ctx.Regs[ntdef.RegRsp]
	for i := 0; i < len(info.codes); {
		c, next, err := info.code(i)
		if err != nil {
			return machine, err
		}
		i = next
		if uint64(c.offset) > offset {
			continue
		}
		switch c.op {
		case OpPushNonvol:
			if err := restore(m, c.info, *rsp, ctx, ptrs); err != nil {
				return machine, err
			}
			*rsp += 8
		case OpAllocLarge, OpAllocSmall:
			*rsp += c.value
		case OpSetFpreg:
			*rsp = ctx.Regs[info.frameReg] - info.frameOffset
		case OpSaveNonvol, OpSaveNonvolFar:
			if err := restore(m, c.info, frame+c.value, ctx, ptrs); err != nil {
				return machine, err
			}
		case OpSaveXmm128, OpSaveXmm128Far:
			at := frame + c.value
			lo, err := m.Load64(at)
			if err != nil {
				return machine, err
			}
			hi, err := m.Load64(at + 8)
			if err != nil {
				return machine, err
			}
			ctx.SetXmm(int(c.info), lo, hi)
			ptrs.Xmm[c.info] = at
		case OpPushMachframe:
			at := *rsp + 8*uint64(c.info&1) // an error code lies below
			rip, err := m.Load64(at)
			if err != nil {
				return machine, err
			}
			if *rsp, err = m.Load64(at + 0x18); err != nil {
				return machine, err
			}
			ctx.Rip = rip
			machine = true
		}
	}
	return machine, nil
}

// restore loads a general register from the stack.
func restore(m Memory, reg uint8, at uint64, ctx *ntdef.Context, ptrs *Pointers) error {
	v, err := m.Load64(at)
	if err != nil {
		return err
	}
	ctx.Regs[reg] = v
	ptrs.Reg[reg] = at
	return nil
}
