package cpu

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var controlRows = []row{
	{decode.LMSW, lmsw, 0, Base, endBlock},
	{decode.CLTS, clts, 0, Base, endBlock},
	{decode.INVLPG, invlpg, 0, Base, endBlock},
	{decode.INVPCID, invpcid, 0, INVPCID, endBlock},
	{decode.INVD, invd, 0, Base, endBlock},
	{decode.WBINVD, invd, 0, Base, endBlock},
	{decode.STAC, stac, 0, SMAP, endBlock},
	{decode.CLAC, stac, 0, SMAP, endBlock},
	{decode.RDPKRU, rdpkru, 0, PKU, plain},
	{decode.WRPKRU, rdpkru, 0, PKU, endBlock},
	{decode.XGETBV, xgetbv, 0, XSAVE, plain},
	{decode.XSETBV, xsetbv, 0, XSAVE, endBlock},
	{decode.MONITOR, monitor, 0, MONITOR, plain},
	{decode.MWAIT, monitor, 0, MONITOR, endBlock},
}

var _ = addRows(controlRows)

// movControl moves to and from control and debug registers, always 64 bits in 64-bit mode. SDM vol. 2B, MOV.
func movControl(c *CPU, in *Inst) *x86.Fault {
	dst, src := in.Args[0], in.Args[1]
	if c.MMU.CPL() != 0 {
		return c.raise(x86.VectorGP)
	}
	switch {
	case src.Class() == decode.DR:
		v, f := c.readDebug(src.Num())
		if f == nil {
			c.setReg(dst.Num(), in.Width, v)
		}
		return f
	case dst.Class() == decode.DR:
		return c.writeDebug(dst.Num(), c.reg(src.Num(), in.Width))
	case src.Class() == decode.CR:
		c.setReg(dst.Num(), in.Width, c.readControl(src.Num()))
		return nil
	}
	return c.writeControl(dst.Num(), c.reg(src.Num(), in.Width))
}

func (c *CPU) readControl(n int) uint64 {
	switch n {
	case 0:
		return c.MMU.CR0()
	case 2:
		return c.MMU.CR2()
	case 3:
		return c.MMU.CR3()
	case 4:
		return c.MMU.CR4()
	}
	return uint64(c.tpr >> 4)
}

func (c *CPU) writeControl(n int, v uint64) *x86.Fault {
	switch n {
	case 0:
		return c.writeCR0(v)
	case 2:
		c.MMU.SetCR2(v)
		return nil
	case 3:
		return c.MMU.SetCR3(v)
	case 4:
		return c.writeCR4(v)
	}
	if v > 15 {
		return c.raise(x86.VectorGP)
	}
	c.tpr = uint8(v) << 4
	if c.Deliver {
		return c.leave(Exit{Kind: ExitTPR})
	}
	return nil
}

// TPR returns the APIC's task-priority register, of which CR8 is the upper half (SDM vol. 3A 10.8.6.1).
func (c *CPU) TPR() uint8 { return c.tpr }

// SetTPR sets it, as a write of the APIC's register does.
func (c *CPU) SetTPR(v uint8) { c.tpr = v }

// writeCR0 is MOV to CR0 and LMSW. What real processors do beyond IA-32e and flat protected mode ends the run by name.
// SDM vol. 3A 2.5, 4.1.2, 9.8.5.
func (c *CPU) writeCR0(v uint64) *x86.Fault {
	pg, was := v&x86.CR0PG != 0, c.MMU.CR0()&x86.CR0PG != 0
	efer := c.MMU.EFER()
	switch {
	case v>>32 == 0 && v&(x86.CR0PE|x86.CR0PG) == 0:
		return c.unsupported("real-address mode (CR0.PE cleared)")
	case v>>32 == 0 && v&x86.CR0PE != 0 && pg && !was && efer&x86.EFERLME == 0:
		return c.unsupported("32-bit and PAE paging (CR0.PG set without EFER.LME)")
	case pg && !was && c.seg[decode.CS].Attr&AttrL != 0:
		return c.raise(x86.VectorGP)
	case !pg && was && c.is64():
		return c.raise(x86.VectorGP)
	}
	if f := c.MMU.SetCR0(v); f != nil {
		return f
	}
	c.updateMode()
	return nil
}

// writeCR4 is MOV to CR4.
func (c *CPU) writeCR4(v uint64) *x86.Fault {
	for _, need := range [...]struct {
		bit uint64
		f   Feature
	}{
		{x86.CR4FSGSBASE, FSGSBASE},
		{x86.CR4PCIDE, PCID},
		{x86.CR4OSXSAVE, XSAVE},
		{x86.CR4SMAP, SMAP},
		{x86.CR4PKE, PKU},
		{x86.CR4PKS, PKS},
		{x86.CR4UMIP, UMIP},
	} {
		if v&need.bit != 0 && !c.features.has(need.f) {
			return c.raise(x86.VectorGP)
		}
	}
	if f := c.MMU.SetCR4(v); f != nil {
		return f
	}
	c.updateMode()
	return nil
}

// lmsw loads bits 3:0 of CR0; it cannot clear PE. SDM vol. 2A, LMSW.
func lmsw(c *CPU, in *Inst) *x86.Fault {
	if f := c.supervisor(); f != nil {
		return f
	}
	v, f := c.get(in, in.Args[0], 2)
	if f != nil {
		return f
	}
	cr0 := c.MMU.CR0()
	return c.writeCR0(cr0&^(x86.CR0MP|x86.CR0EM|x86.CR0TS) | v&15 | cr0&x86.CR0PE)
}

// clts clears CR0.TS. SDM vol. 2A, CLTS.
func clts(c *CPU, in *Inst) *x86.Fault {
	if f := c.supervisor(); f != nil {
		return f
	}
	return c.writeCR0(c.MMU.CR0() &^ x86.CR0TS)
}

// invlpg invalidates the translations of a page. SDM vol. 2A, INVLPG.
func invlpg(c *CPU, in *Inst) *x86.Fault {
	if f := c.supervisor(); f != nil {
		return f
	}
	va := c.offset(in) + c.R[(slotSegBase+in.Seg)&slotMask]
	if !c.is64() {
		va = uint64(uint32(va))
	}
	c.MMU.InvalidatePage(x86.VirtAddr(va))
	return nil
}

// invpcid invalidates translations by PCID. SDM vol. 2A, INVPCID.
func invpcid(c *CPU, in *Inst) *x86.Fault {
	if f := c.supervisor(); f != nil {
		return f
	}
	va := c.ea(in)
	var b [16]byte
	if f := c.MMU.Read(va, b[:]); f != nil {
		return c.memFault(in, f)
	}
	width := uint8(4)
	if c.is64() {
		width = 8
	}
	typ := c.reg(in.Args[0].Num(), width)
	return c.MMU.InvalidatePCID(typ, binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:]))
}

// invd invalidates caches, of which the model has none beside the TLB. SDM vol. 2A INVD, vol. 2D WBINVD.
func invd(c *CPU, in *Inst) *x86.Fault { return c.supervisor() }

// stac sets and clac clears RFLAGS.AC. SDM vol. 2A CLAC, vol. 2B STAC.
func stac(c *CPU, in *Inst) *x86.Fault {
	if c.MMU.CPL() != 0 {
		return c.raise(x86.VectorUD)
	}
	v := c.Flags() &^ x86.FlagAC
	if in.Op == decode.STAC {
		v |= x86.FlagAC
	}
	c.SetFlags(v)
	return nil
}

// rdpkru reads and wrpkru writes the rights of protection keys. SDM vol. 2B RDPKRU, vol. 2D WRPKRU.
func rdpkru(c *CPU, in *Inst) *x86.Fault {
	if c.MMU.CR4()&x86.CR4PKE == 0 {
		return c.raise(x86.VectorUD)
	}
	if uint32(c.R[RCX]) != 0 || in.Op == decode.WRPKRU && uint32(c.R[RDX]) != 0 {
		return c.raise(x86.VectorGP)
	}
	if in.Op == decode.WRPKRU {
		c.MMU.SetPKRU(uint32(c.R[RAX]))
		return nil
	}
	c.R[RAX], c.R[RDX] = uint64(c.MMU.PKRU()), 0
	return nil
}

// xgetbv reads XCR0 or, as register 1, which of its components are in use. SDM vol. 2D, XGETBV.
func xgetbv(c *CPU, in *Inst) *x86.Fault {
	if c.MMU.CR4()&x86.CR4OSXSAVE == 0 {
		return c.raise(x86.VectorUD)
	}
	v := c.xcr0
	switch uint32(c.R[RCX]) {
	case 0:
	case 1:
		v &= c.inUse()
	default:
		return c.raise(x86.VectorGP)
	}
	c.R[RAX], c.R[RDX] = v&0xffffffff, v>>32
	return nil
}

// xsetbv writes XCR0: the x87 bit must be set, and nothing beside x87 and SSE exists. SDM vol. 2D, XSETBV.
func xsetbv(c *CPU, in *Inst) *x86.Fault {
	if c.MMU.CR4()&x86.CR4OSXSAVE == 0 {
		return c.raise(x86.VectorUD)
	}
	if f := c.supervisor(); f != nil {
		return f
	}
	v := c.R[RAX]&0xffffffff | c.R[RDX]<<32
	if uint32(c.R[RCX]) != 0 || v&1 == 0 || v&^xstateAll != 0 {
		return c.raise(x86.VectorGP)
	}
	c.xcr0 = v
	return nil
}

// monitor and mwait: nothing else writes memory while the processor waits, so MWAIT goes on at once, as it may
// (SDM vol. 2B, MONITOR, MWAIT).
func monitor(c *CPU, in *Inst) *x86.Fault {
	if c.MMU.CPL() != 0 {
		return c.raise(x86.VectorUD)
	}
	if uint32(c.R[RCX]) != 0 && (in.Op == decode.MONITOR || uint32(c.R[RCX]) != 1) {
		return c.raise(x86.VectorGP)
	}
	if in.Op == decode.MWAIT {
		return nil
	}
	_, f := c.MMU.Load8(c.segmented(decode.DS, c.R[RAX], 1, false))
	return f
}
