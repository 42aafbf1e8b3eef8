package cpu

import "github.com/pagewalk/pagewalk/x86"

// Debug registers. SDM vol. 3B 17.2.

// Kinds of breakpoints: DR7.R/W.
const (
	breakExecute = 0
	breakWrite   = 1
	breakIO      = 2
	breakAccess  = 3
)

// debugAlias maps DR4 and DR5 to DR6 and DR7; with CR4.DE they are #UD.
func (c *CPU) debugAlias(n int) (int, *x86.Fault) {
	if n == 4 || n == 5 {
		if c.MMU.CR4()&x86.CR4DE != 0 {
			return 0, c.raise(x86.VectorUD)
		}
		n += 2
	}
	if c.dr[7]&x86.DR7GD != 0 {
		c.dr[6] |= x86.DR6BD
		c.dr[7] &^= x86.DR7GD
		return 0, c.raise(x86.VectorDB)
	}
	return n, nil
}

func (c *CPU) readDebug(n int) (uint64, *x86.Fault) {
	n, f := c.debugAlias(n)
	if f != nil {
		return 0, f
	}
	return c.dr[n], nil
}

func (c *CPU) writeDebug(n int, v uint64) *x86.Fault {
	n, f := c.debugAlias(n)
	if f != nil {
		return f
	}
	if n >= 6 && v>>32 != 0 {
		return c.raise(x86.VectorGP)
	}
	c.SetDebug(n, v)
	return nil
}

// Debug returns debug register n: 0 to 3, 6 or 7.
func (c *CPU) Debug(n int) uint64 { return c.dr[n] }

// SetDebug sets debug register n: 0 to 3, 6 or 7; reserved bits read as they do on a processor.
func (c *CPU) SetDebug(n int, v uint64) {
	switch n {
	case 6:
		v = v&0xe00f | x86.DR6Fixed
	case 7:
		v = v&0xffff2fff | x86.DR7Fixed
	}
	c.dr[n] = v
	c.pending.watched = c.dr[7]&0xff != 0
	c.watch()
	c.updateAttention()
}

// breakpoint returns what DR7 says of breakpoint i: enabled, kind, length in bytes.
func (c *CPU) breakpoint(i int) (on bool, kind, length uint64) {
	d := c.dr[7]
	length = [4]uint64{1, 2, 8, 4}[d>>(18+4*i)&3]
	return d>>(2*i)&3 != 0, d >> (16 + 4*i) & 3, length
}

// codeBreakpoints returns the DR6 bits of the instruction breakpoints at RIP.
func (c *CPU) codeBreakpoints() (hits uint64) {
	at := uint64(c.fetchAddr(c.RIP))
	for i := range 4 {
		if on, kind, _ := c.breakpoint(i); on && kind == breakExecute && c.dr[i] == at {
			hits |= 1 << i
		}
	}
	return hits
}

// watch tells the MMU which bytes data breakpoints look at, so that accesses to them are seen.
func (c *CPU) watch() {
	for i := range 4 {
		on, kind, length := c.breakpoint(i)
		if !on || kind != breakWrite && kind != breakAccess {
			c.MMU.Watch(i, 0, 0, 0)
			continue
		}
		a := x86.Write
		if kind == breakAccess {
			a |= x86.Read
		}
		c.MMU.Watch(i, x86.VirtAddr(c.dr[i]&^(length-1)), int(length), a)
	}
}

// dataBreakpoints returns the DR6 bits of the data breakpoints that the last instruction met. A hit of any sets the bits of
// all that it met, enabled or not being the same here.
func (c *CPU) dataBreakpoints() uint64 { return uint64(c.MMU.Watched()) }

// watchPort notes I/O breakpoints that a port access meets: CR4.DE turns them on.
func (c *CPU) watchPort(port uint16, width uint8) {
	if !c.pending.watched || c.MMU.CR4()&x86.CR4DE == 0 {
		return
	}
	for i := range 4 {
		on, kind, length := c.breakpoint(i)
		first := c.dr[i] &^ (length - 1)
		if on && kind == breakIO && uint64(port) < first+length && first < uint64(port)+uint64(width) {
			c.pending.hits |= 1 << i
		}
	}
}
