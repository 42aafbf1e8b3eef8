package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

// Run executes until something has to be answered by the layer above, at most budget instructions. A REP instruction
// that is interrupted at the end of a chunk costs one of the budget for each chunk, so that no instruction outlives it.
func (c *CPU) Run(budget uint64) Exit {
	if c.MMU.Exact() {
		return c.runExact(budget)
	}
	var b *block
	for left := budget; left > 0; {
		if c.ctl&x86.FlagTF != 0 {
			return c.Step()
		}
		b = c.following(b)
		if b == nil {
			var f *x86.Fault
			if b, f = c.find(c.RIP); f != nil {
				return Exit{Kind: ExitException, Fault: f}
			}
		}
		n := len(b.ops)
		if uint64(n) > left {
			n = int(left)
		}
		done, f := c.execute(b, n)
		c.IC += uint64(done)
		left -= uint64(done)
		if f == nil {
			continue
		}
		switch f.Vector {
		case exitVector:
			return c.exit
		case againVector:
			left--
			b = nil
		case deadVector:
			b = nil
		default:
			return Exit{Kind: ExitException, Fault: f}
		}
	}
	return Exit{Kind: ExitBudget}
}

// runExact is Run with every instruction fetched through the TLB model, so that its counters and its replacement see
// what a processor's do. It executes blocks one instruction at a time.
func (c *CPU) runExact(budget uint64) Exit {
	for left := budget; left > 0; {
		if c.ctl&x86.FlagTF != 0 {
			return c.Step()
		}
		b, f := c.findSlow(c.RIP)
		if f != nil {
			return Exit{Kind: ExitException, Fault: f}
		}
		done, f := c.execute(b, 1)
		c.IC += uint64(done)
		left -= uint64(done)
		if f == nil {
			continue
		}
		switch f.Vector {
		case exitVector:
			return c.exit
		case againVector:
			left--
		case deadVector:
		default:
			return Exit{Kind: ExitException, Fault: f}
		}
	}
	return Exit{Kind: ExitBudget}
}

// following returns the block that the links of b name for RIP, learning the link where it is new.
func (c *CPU) following(b *block) *block {
	if b == nil {
		return nil
	}
	rip, epoch := c.RIP, c.MMU.FetchEpoch()
	if l := &b.link[0]; l.rip == rip && l.epoch == epoch && !l.to.dead {
		return l.to
	}
	if l := &b.link[1]; l.rip == rip && l.epoch == epoch && !l.to.dead {
		return l.to
	}
	nb, f := c.find(rip)
	if f != nil {
		return nil
	}
	b.link[1] = b.link[0]
	b.link[0] = link{rip, c.MMU.FetchEpoch(), nb}
	return nb
}

// execute runs the first n instructions of a block at RIP. It returns how many retired and the fault or pseudo-fault
// that stopped it, with RIP at the next instruction to execute.
func (c *CPU) execute(b *block, n int) (int, *x86.Fault) {
	origin := c.RIP
	c.R[slotOrigin] = origin
	c.RIP = origin + b.size
	ops := b.ops[:n]
	for i := range ops {
		o := &ops[i]
		if f := o.run(c, &o.in); f != nil {
			if f.Vector == exitVector {
				return i + 1, f
			}
			c.RIP = origin + uint64(o.in.Off)
			return i, f
		}
	}
	if n < len(b.ops) {
		c.RIP = origin + uint64(b.ops[n].in.Off)
	}
	return n, nil
}

// Step is the reference: it decodes the instruction at RIP anew, runs its row's body and returns what happened. A REP
// instruction runs to its end or its first fault. With RFLAGS.TF set before the instruction, #DB follows it, RIP being at
// the next one (SDM vol. 3A 17.3.1.4); Run does the same.
func (c *CPU) Step() Exit {
	trap := c.ctl&x86.FlagTF != 0
	e := c.step()
	if trap && e.Kind == ExitNone {
		return Exit{Kind: ExitException, Fault: c.raise(x86.VectorDB)}
	}
	return e
}

func (c *CPU) step() Exit {
	va := x86.VirtAddr(c.RIP)
	_, pa, f := c.MMU.Fetch(va)
	if f != nil {
		return Exit{Kind: ExitException, Fault: f}
	}
	b := block{pa: pa}
	var buf [maxInst]byte
	code := c.codeBytes(pa)
	in, err := decode.Decode(code, decode.Mode(64))
	if errKind(err) == decode.ErrTruncated {
		if _, f := c.translateSplit(&b, va, code, buf[:]); f != nil {
			return Exit{Kind: ExitException, Fault: f}
		}
	} else if err != nil {
		_, _ = c.undefinedBlock(&b, va, code, err.(*decode.Error))
	} else {
		normalize(&in, 0)
		b.ops = []op{{in: in}}
		b.size = uint64(in.Len)
	}
	if o := &b.ops[0]; o.in.Op != decode.Invalid {
		o.run = runUnsupported
		if r := &rows[o.in.Op]; c.supports(r) {
			o.run = r.body
		}
	}
	for {
		done, f := c.execute(&b, 1)
		c.IC += uint64(done)
		switch {
		case f == nil:
			return Exit{Kind: ExitNone}
		case f.Vector == exitVector:
			return c.exit
		case f.Vector != againVector:
			return Exit{Kind: ExitException, Fault: f}
		}
	}
}
