package cpu

import (
	"errors"
	"fmt"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

// A block is a run of instructions decoded once: it begins at a physical address and ends at the first instruction that
// sets RIP, at the end of the page, or at maxBlock instructions. Blocks are found by physical address, so that one copy
// serves every linear address that maps the page, and hold nothing that depends on a linear address but their links.
type block struct {
	ops    []op
	size   uint64 // bytes
	pa     x86.PhysAddr
	mode   modeKey      // that it was decoded under
	second x86.PhysAddr // where split, the frame that holds the last bytes of the block's only instruction
	split  bool
	dead   bool // a frame of it was written: never run again
	link   [2]link
}

// op is an instruction and the function that runs it: the row's body or a fast form of it.
type op struct {
	run body
	in  Inst
}

// A link remembers the block that followed at a linear address, for as long as no fetch translation changes.
type link struct {
	rip   uint64
	epoch uint64
	to    *block
}

const (
	maxBlock  = 64
	maxBlocks = 1 << 17 // beyond this many the whole cache is dropped: a bound on host memory
	jumpSize  = 1 << 12
)

// A blockKey is a physical address with the mode key in its top byte, which no physical address reaches.
type blockKey uint64

func keyOf(pa x86.PhysAddr, k modeKey) blockKey { return blockKey(pa) | blockKey(k)<<56 }

func (b *block) key() blockKey { return keyOf(b.pa, b.mode) }

// engine is the block cache.
type engine struct {
	blocks map[blockKey]*block
	frames map[uint64][]*block // by page frame number: who dies when it is written
	jump   [jumpSize]link      // by hashed linear address: where RET and indirect branches look
}

func (e *engine) init(c *CPU) {
	e.blocks = make(map[blockKey]*block)
	e.frames = make(map[uint64][]*block)
	c.mem.OnCodeWrite = func(frame x86.PhysAddr) { e.kill(frame.PFN()) }
}

// kill ends every block with bytes in a frame. One of them may be executing: its remaining instructions are replaced,
// which Run meets right after the store that brought it here.
func (e *engine) kill(pfn uint64) {
	for _, b := range e.frames[pfn] {
		b.dead = true
		for i := range b.ops {
			b.ops[i].run = runDead
		}
		if e.blocks[b.key()] == b {
			delete(e.blocks, b.key())
		}
	}
	delete(e.frames, pfn)
}

// Vectors of pseudo-faults that never leave the package, beside exitVector.
const (
	againVector x86.Vector = 0xfe // a REP instruction has more to do: not retired, RIP stays
	deadVector  x86.Vector = 0xfd // the block died: look it up again
)

func runDead(c *CPU, in *Inst) *x86.Fault { return c.raise(deadVector) }

// runUndefined stands where the bytes are no instruction that this processor has.
func runUndefined(c *CPU, in *Inst) *x86.Fault { return c.raise(x86.VectorUD) }

// flush drops every block.
func (e *engine) flush() {
	for pfn := range e.frames {
		e.kill(pfn)
	}
	e.jump = [jumpSize]link{}
}

// find returns the block at a linear address, through the jump cache.
func (c *CPU) find(rip uint64) (*block, *x86.Fault) {
	e := &c.engine
	j := &e.jump[(rip^rip>>12)%jumpSize]
	if j.rip == rip && j.epoch == c.epoch() && j.to != nil && !j.to.dead {
		return j.to, nil
	}
	b, f := c.findSlow(rip)
	if f != nil {
		return nil, f
	}
	*j = link{rip, c.epoch(), b}
	return b, nil
}

// findSlow finds or decodes the block at rip and, outside 64-bit mode, cuts it at CS.limit.
func (c *CPU) findSlow(rip uint64) (*block, *x86.Fault) {
	if c.is64() {
		return c.findLinear(x86.VirtAddr(rip))
	}
	if rip > uint64(c.csLimit) {
		return nil, c.raise(x86.VectorGP)
	}
	b, f := c.findLinear(c.fetchAddr(rip))
	if f != nil || rip+b.size-1 <= uint64(c.csLimit) {
		return b, f
	}
	cut := *b
	cut.link = [2]link{}
	for n := range cut.ops {
		in := &cut.ops[n].in
		if rip+uint64(in.Off)+uint64(in.Len)-1 > uint64(c.csLimit) {
			cut.ops, cut.size = cut.ops[:n:n], uint64(in.Off)
			break
		}
	}
	if len(cut.ops) == 0 {
		return nil, c.raise(x86.VectorGP)
	}
	return &cut, nil
}

// findLinear translates a linear address and finds or decodes its block.
func (c *CPU) findLinear(va x86.VirtAddr) (*block, *x86.Fault) {
	_, pa, f := c.MMU.Fetch(va)
	if f != nil {
		return nil, f
	}
	e := &c.engine
	if b := e.blocks[keyOf(pa, c.key)]; b != nil {
		if !b.split {
			return b, nil
		}
		_, second, f := c.MMU.Fetch(va.Page() + x86.PageSize)
		if f != nil {
			return nil, f
		}
		if second.Page() == b.second {
			return b, nil
		}
		delete(e.blocks, b.key()) // the other page is mapped elsewhere by now; the frames' lists still name the old block
	}
	b, f := c.translate(va, pa)
	if f != nil {
		return nil, f
	}
	if len(e.blocks) >= maxBlocks {
		e.flush()
	}
	e.blocks[b.key()] = b
	c.own(b, b.pa)
	if b.split {
		c.own(b, b.second)
	}
	return b, nil
}

// own marks a frame as holding bytes of b.
func (c *CPU) own(b *block, pa x86.PhysAddr) {
	if c.mem.Frame(pa) == nil {
		return // nothing can be written there
	}
	c.MMU.MarkCode(pa)
	pfn := pa.PFN()
	c.engine.frames[pfn] = append(c.engine.frames[pfn], b)
}

// translate decodes the block at va, pa.
func (c *CPU) translate(va x86.VirtAddr, pa x86.PhysAddr) (*block, *x86.Fault) {
	b := &block{pa: pa, mode: c.key}
	var buf [maxInst]byte
	page := c.codeBytes(pa)
	for off := uint64(0); len(b.ops) < maxBlock && off < uint64(len(page)); {
		in, err := decode.Decode(page[off:], b.mode.decoder())
		if kind := errKind(err); kind == decode.ErrTruncated {
			if off > 0 {
				break
			}
			return c.translateSplit(b, va, page, buf[:])
		} else if kind != 0 && off > 0 {
			break // reported when RIP gets there
		} else if kind != 0 {
			return c.undefinedBlock(b, va, page, err.(*decode.Error))
		}
		r := &rows[in.Op]
		if !c.supports(r) && off > 0 || r.kind&readsIC != 0 && off > 0 {
			break
		}
		normalize(&in, uint16(off), b.mode)
		b.ops = append(b.ops, op{c.choose(&in, b.mode), in})
		off += uint64(in.Len)
		b.size = off
		if r.kind&endBlock != 0 || !c.supports(r) || isControl(in.Args[0]) || isControl(in.Args[1]) {
			break
		}
	}
	return b, nil
}

// isControl reports whether an operand is a segment, control or debug register: a move of one ends its block, because it
// may change how the following instructions run.
func isControl(o decode.Operand) bool {
	switch o.Class() {
	case decode.Seg, decode.CR, decode.DR:
		return true
	}
	return false
}

const maxInst = 15

// codeBytes returns the bytes from pa to the end of its frame; where there is no RAM the bus reads as ones.
func (c *CPU) codeBytes(pa x86.PhysAddr) []byte {
	if f := c.mem.Frame(pa); f != nil {
		return f[pa.Offset():]
	}
	return unbacked[pa.Offset():]
}

var unbacked = func() (p [x86.PageSize]byte) {
	for i := range p {
		p[i] = 0xff
	}
	return p
}()

// translateSplit decodes an instruction whose last bytes are on the next page, which is touched only now. Such a block
// holds that instruction alone.
func (c *CPU) translateSplit(b *block, va x86.VirtAddr, head, buf []byte) (*block, *x86.Fault) {
	_, second, f := c.MMU.Fetch(va.Page() + x86.PageSize)
	if f != nil {
		return nil, f
	}
	n := copy(buf, head)
	copy(buf[n:], c.codeBytes(second))
	b.split, b.second = true, second.Page()
	in, err := decode.Decode(buf, b.mode.decoder())
	if err != nil {
		return c.undefinedBlock(b, va, buf, err.(*decode.Error))
	}
	normalize(&in, 0, b.mode)
	b.ops = append(b.ops, op{c.choose(&in, b.mode), in})
	b.size = uint64(in.Len)
	return b, nil
}

func errKind(err error) decode.ErrKind {
	var e *decode.Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return 0
}

// undefinedBlock is a block of one instruction that raises #UD, or #GP where it is longer than 15 bytes.
func (c *CPU) undefinedBlock(b *block, va x86.VirtAddr, code []byte, err *decode.Error) (*block, *x86.Fault) {
	run := runUndefined
	if err.Kind == decode.ErrTooLong {
		run = func(c *CPU, in *Inst) *x86.Fault { return c.raise(x86.VectorGP) }
	} else {
		text, known, bytes := err.Text, err.Kind == decode.ErrUnsupported, [maxInst]byte{}
		n := copy(bytes[:], code)
		run = func(c *CPU, in *Inst) *x86.Fault {
			c.undef = Undefined{Addr: x86.VirtAddr(c.origin()), Bytes: bytes, Len: n, Text: text, Known: known}
			return c.raise(x86.VectorUD)
		}
	}
	b.ops = []op{{run: run}}
	b.size = 1
	return b, nil
}

// supports reports whether the processor has the instruction of a row.
func (c *CPU) supports(r *row) bool { return r.body != nil && c.features.has(r.feature) }

// choose returns the function that runs an instruction: a fast form, the row's body, or #UD with a report.
func (c *CPU) choose(in *Inst, k modeKey) body {
	r := &rows[in.Op]
	if !c.supports(r) {
		return runUnsupported
	}
	if b := gate(k, in); b != nil {
		return b
	}
	// Fast forms know neither segments nor widths of addresses other than 64-bit mode's.
	if k&(codeSize|keyChecked) != code64 {
		return r.body
	}
	if fast := fastForms[in.Op]; fast != nil {
		if b := fast(in); b != nil {
			return b
		}
	}
	return r.body
}

// runUnsupported raises #UD for an instruction without a body or with its feature off.
func runUnsupported(c *CPU, in *Inst) *x86.Fault { return c.unknown(in, "is not implemented") }

// unknown raises #UD and keeps the reason for the report.
func (c *CPU) unknown(in *Inst, why string) *x86.Fault {
	u := Undefined{Addr: x86.VirtAddr(c.origin() + uint64(in.Off)), Known: true}
	if f := &rows[in.Op].feature; rows[in.Op].body != nil && !c.features.has(*f) {
		why = "is not advertised by CPUID"
	}
	u.Text = fmt.Sprintf("%v %s", in.Op, why)
	for u.Len < int(in.Len) {
		pa, f := c.MMU.Translate(u.Addr+x86.VirtAddr(u.Len), x86.Execute)
		if f != nil {
			break
		}
		u.Bytes[u.Len] = c.codeBytes(pa)[0]
		u.Len++
	}
	c.undef = u
	return c.raise(x86.VectorUD)
}
