package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

// Run executes until something has to be answered by the layer above, at most budget instructions. A REP instruction
// that is interrupted at the end of a chunk costs one of the budget for each chunk, so that no instruction outlives it;
// so does an exception or interrupt that is delivered to the guest.
func (c *CPU) Run(budget uint64) Exit {
	c.updateMode()
	exact := c.MMU.Exact() // every block is fetched through the TLB model, where it begins
	var b *block
	for left := budget; left > 0; {
		if c.ctl&(x86.FlagTF|attention) != 0 {
			if c.attend(false) {
				return c.exit
			}
			left--
			b = nil
			continue
		}
		var f *x86.Fault
		if exact {
			b, f = c.fetched(b)
		} else if b = c.following(b); b == nil {
			b, f = c.find(c.RIP)
		}
		if f != nil {
			if c.fail(f) {
				return c.exit
			}
			left--
			b = nil
			continue
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
			if c.fail(f) {
				return c.exit
			}
			left--
			b = nil
		}
	}
	return Exit{Kind: ExitBudget}
}

// fail delivers a fault to the guest, or reports true where c.exit is to be returned for it.
func (c *CPU) fail(f *x86.Fault) bool {
	if !c.Deliver {
		c.exit = Exit{Kind: ExitException, Fault: f}
		return true
	}
	return c.deliver(event{vector: f.Vector, code: f.Code, addr: f.Addr, kind: eventFault})
}

// attend runs one instruction where something has to be looked at before or after it: an interrupt, a breakpoint, RFLAGS.TF
// or RF, an interrupt shadow. The instruction comes from a block or, as reference, is decoded anew and runs its row's body.
// It reports true where c.exit is to be returned.
func (c *CPU) attend(reference bool) bool {
	if c.pending.any() {
		if done, exits := c.before(); done {
			return exits
		}
	}
	trap, rf := c.ctl&x86.FlagTF != 0, c.ctl&x86.FlagRF != 0
	c.pending.fresh, c.pending.entered = false, false
	var b *block
	var f *x86.Fault
	if reference {
		b, f = c.decodeOne()
	} else {
		b, f = c.findSlow(c.RIP)
	}
	done := 0
	if f == nil {
		done, f = c.execute(b, 1)
	}
	c.IC += uint64(done)
	leaves := f != nil && f.Vector == exitVector
	switch {
	case f == nil || leaves:
	case f.Vector == againVector && trap: // behind an element of a REP instruction, RIP being at it
		c.ctl |= x86.FlagRF
		return c.after(trap, false)
	case f.Vector == againVector || f.Vector == deadVector:
		return false
	default:
		return c.fail(f)
	}
	// The shadow and the RF that stood before the instruction end with it; POP SS and IRET set anew what they want
	// (SDM vol. 3A 6.8.3, 3B 17.3.1.1).
	if !c.pending.fresh {
		c.pending.shadow = 0
	}
	if rf && b.ops[0].in.Op != decode.IRET {
		c.ctl &^= x86.FlagRF
	}
	switch b.ops[0].in.Op {
	case decode.INT, decode.INT3, decode.INTO, decode.ICEBP, decode.SYSCALL:
		// What clears TF on its way to a handler does not trap there (SDM vol. 3B 17.3.1.4, vol. 2B SYSCALL).
		trap = trap && (c.ctl&x86.FlagTF != 0 || !c.Deliver)
	}
	exit := c.exit
	// INT n and its like clear TF on their way to the handler, and no trap follows them (SDM vol. 3B 17.3.1.4).
	exits := c.after(trap && !c.pending.entered, leaves)
	c.updateAttention()
	if leaves && !exits {
		c.exit = exit
	}
	return leaves || exits
}

// following returns the block that the links of b name for RIP, learning the link where it is new.
func (c *CPU) following(b *block) *block {
	if b == nil {
		return nil
	}
	rip, epoch := c.RIP, c.epoch()
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
	b.link[0] = link{rip, c.epoch(), nb}
	return nb
}

// fetched returns the block at RIP in exact mode: known by the links of b or not, its pages are looked up.
func (c *CPU) fetched(b *block) (*block, *x86.Fault) {
	epoch := c.epoch()
	if b != nil {
		for i := range b.link {
			l := &b.link[i]
			if l.rip != c.RIP || l.epoch != epoch || l.to.dead || l.to.split {
				continue
			}
			_, pa, f := c.MMU.Fetch(c.fetchAddr(c.RIP))
			if f != nil {
				return nil, f
			}
			if pa == l.to.pa && c.epoch() == epoch {
				return l.to, nil
			}
		}
	}
	nb, f := c.findSlow(c.RIP)
	if f == nil && b != nil {
		b.link[1] = b.link[0]
		b.link[0] = link{c.RIP, c.epoch(), nb}
	}
	return nb, f
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
// instruction runs to its end or its first fault, with RFLAGS.TF to the end of an element. With RFLAGS.TF set before the instruction, #DB follows it, RIP being at
// the next one (SDM vol. 3B 17.3.1.4); Run does the same. Where Deliver is on, exceptions are delivered and are ExitNone.
func (c *CPU) Step() Exit {
	c.updateMode()
	for ic, rip := c.IC, c.RIP; ; {
		if c.attend(true) {
			return c.exit
		}
		if c.IC != ic || c.RIP != rip {
			return Exit{Kind: ExitNone}
		}
	}
}

// decodeOne decodes the instruction at RIP into a block that nobody else sees.
func (c *CPU) decodeOne() (*block, *x86.Fault) {
	if !c.is64() && c.RIP > uint64(c.csLimit) {
		return nil, c.raise(x86.VectorGP)
	}
	va := c.fetchAddr(c.RIP)
	_, pa, f := c.MMU.Fetch(va)
	if f != nil {
		return nil, f
	}
	b := &block{pa: pa, mode: c.key}
	var buf [maxInst]byte
	code := c.codeBytes(pa)
	in, err := decode.Decode(code, b.mode.decoder())
	if errKind(err) == decode.ErrTruncated {
		if _, f := c.translateSplit(b, va, code, buf[:]); f != nil {
			return nil, f
		}
	} else if err != nil {
		_, _ = c.undefinedBlock(b, va, code, err.(*decode.Error))
	} else {
		normalize(&in, 0, b.mode)
		b.ops = []op{{in: in}}
		b.size = uint64(in.Len)
	}
	if !c.is64() && c.RIP+b.size-1 > uint64(c.csLimit) {
		return nil, c.raise(x86.VectorGP)
	}
	if o := &b.ops[0]; o.in.Op != decode.Invalid {
		o.run = runUnsupported
		if r := &rows[o.in.Op]; c.supports(r) {
			o.run = r.body
			if g := gate(b.mode, &o.in); g != nil {
				o.run = g
			}
		}
		if c.OnStep != nil {
			c.OnStep(&o.in)
		}
	}
	return b, nil
}
