package cpu

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var xsaveRows = []row{
	{decode.XSAVE, xsave, 0, XSAVE, plain},
	{decode.XSAVEOPT, xsave, 0, XSAVE, plain},
	{decode.XSAVEC, xsave, 0, XSAVE, plain},
	{decode.XSAVES, xsave, 0, XSAVE, plain},
	{decode.XRSTOR, xrstor, 0, XSAVE, plain},
	{decode.XRSTORS, xrstor, 0, XSAVE, plain},
}

var _ = addRows(xsaveRows)

// State components and the layout of the XSAVE area (SDM vol. 1 13.1, 13.4). Beyond SSE there is none, so that the standard
// and the compacted form have one size.
const (
	xstateX87 = 1 << 0
	xstateSSE = 1 << 1
	xstateAll = xstateX87 | xstateSSE

	xsaveHeader  = 512
	xsaveSize    = xsaveHeader + 64
	xcompCompact = 1 << 63
)

// xsaveReady is what every instruction of the family checks first; the area has to be aligned to 64 bytes.
func (c *CPU) xsaveReady(in *Inst) (x86.VirtAddr, *x86.Fault) {
	if c.MMU.CR4()&x86.CR4OSXSAVE == 0 {
		return 0, c.raise(x86.VectorUD)
	}
	if c.MMU.CR0()&x86.CR0TS != 0 {
		return 0, c.raise(x86.VectorNM)
	}
	if in.Op == decode.XSAVES || in.Op == decode.XRSTORS {
		if f := c.supervisor(); f != nil {
			return 0, f
		}
	}
	va := c.ea(in)
	if va&63 != 0 && va != poison {
		return 0, c.raise(x86.VectorGP)
	}
	return va, nil
}

// inUse is XINUSE: the components that are not in their initial state. SDM vol. 1 13.6.
func (c *CPU) inUse() (v uint64) {
	initial := fpu{}
	initial.init()
	u := c.FPU
	if u.control != initial.control || u.status != initial.status || u.tags != initial.tags || u.ip|u.dp != 0 ||
		u.opcode != 0 || u.st != initial.st {
		v |= xstateX87
	}
	for i := range c.XMM {
		if c.XMM[i] != (XMMReg{}) {
			return v | xstateSSE
		}
	}
	return v
}

// requested is the component bitmap that an instruction asks for: EDX:EAX and XCR0.
func (c *CPU) requested() uint64 { return c.xcr0 & (c.R[RDX]<<32 | c.R[RAX]&0xffffffff) }

// initialMXCSR is MXCSR after reset.
const initialMXCSR = 0x1f80

// xsave stores state components: XSAVEOPT, XSAVEC and XSAVES leave out those in their initial state, the last two write the
// compacted form. SDM vol. 2D, XSAVE, XSAVEC, XSAVEOPT, XSAVES.
func xsave(c *CPU, in *Inst) *x86.Fault {
	va, f := c.xsaveReady(in)
	if f != nil {
		return f
	}
	var area [xsaveSize]byte
	if f := c.MMU.Probe(va, xsaveSize, x86.Write); f != nil {
		return c.memFault(in, f)
	}
	if f := c.MMU.Read(va, area[:]); f != nil {
		return c.memFault(in, f)
	}
	rfbm, use := c.requested(), c.inUse()
	compact := in.Op == decode.XSAVEC || in.Op == decode.XSAVES
	save := rfbm
	if in.Op != decode.XSAVE {
		if compact && c.MXCSR != initialMXCSR {
			use |= xstateSSE
		}
		save &= use
	}
	c.saveComponents(&area, save, rfbm, in.Prefix&decode.RexW != 0)
	h := area[xsaveHeader:]
	if compact {
		binary.LittleEndian.PutUint64(h, use&rfbm)
		binary.LittleEndian.PutUint64(h[8:], rfbm|xcompCompact)
	} else {
		binary.LittleEndian.PutUint64(h, binary.LittleEndian.Uint64(h)&^rfbm|use&rfbm)
	}
	if f := c.MMU.Write(va, area[:]); f != nil {
		return c.memFault(in, f)
	}
	return nil
}

// saveComponents puts components into the legacy region; MXCSR goes with SSE, asked for and initial or not.
func (c *CPU) saveComponents(area *[xsaveSize]byte, save, rfbm uint64, wide bool) {
	var image [fxStored]byte
	c.fxsave(&image, wide)
	if save&xstateX87 != 0 {
		copy(area[:fxMXCSR], image[:fxMXCSR])
		copy(area[fxST:fxXMM], image[fxST:fxXMM])
	}
	if rfbm&xstateSSE != 0 {
		copy(area[fxMXCSR:fxST], image[fxMXCSR:fxST])
	}
	if save&xstateSSE != 0 {
		copy(area[fxXMM:], image[fxXMM:])
	}
}

// xrstor loads state components and brings those that the area does not hold into their initial state.
// SDM vol. 2D, XRSTOR, XRSTORS.
func xrstor(c *CPU, in *Inst) *x86.Fault {
	va, f := c.xsaveReady(in)
	if f != nil {
		return f
	}
	var area [xsaveSize]byte
	if f := c.MMU.Read(va, area[:]); f != nil {
		return c.memFault(in, f)
	}
	h := area[xsaveHeader:]
	state, comp := binary.LittleEndian.Uint64(h), binary.LittleEndian.Uint64(h[8:])
	compact := comp&xcompCompact != 0
	valid := state&^c.xcr0 == 0 && allZero(h[16:24])
	switch {
	case compact:
		valid = valid && comp&^xcompCompact&^c.xcr0 == 0 && state&^comp == 0 && allZero(h[16:])
	default:
		valid = valid && comp == 0 && in.Op == decode.XRSTOR
	}
	rfbm := c.requested()
	if compact {
		rfbm &= comp
	}
	// The image to load is the present state, the area's components laid over it.
	var image [fxStored]byte
	wide := in.Prefix&decode.RexW != 0
	c.fxsave(&image, wide)
	lay := func(bit uint64, first, last int) {
		if rfbm&bit == 0 {
			return
		}
		from := area[first:last]
		if state&bit == 0 {
			from = resetImage[first:last]
		}
		copy(image[first:last], from)
	}
	lay(xstateX87, 0, fxMXCSR)
	lay(xstateX87, fxST, fxXMM)
	lay(xstateSSE, fxXMM, fxStored)
	if rfbm&xstateSSE != 0 {
		from := area[fxMXCSR:]
		if compact && state&xstateSSE == 0 {
			from = resetImage[fxMXCSR:]
		}
		copy(image[fxMXCSR:fxMXCSRMask], from)
	}
	if !valid || !c.fxrstor(&image, wide) {
		return c.raise(x86.VectorGP)
	}
	return nil
}

// resetImage is the legacy region with every component in its initial state.
var resetImage = func() (b [fxStored]byte) {
	c := &CPU{MXCSR: initialMXCSR}
	c.FPU.init()
	c.fxsave(&b, true)
	return b
}()

func allZero(b []byte) bool {
	for _, v := range b {
		if v != 0 {
			return false
		}
	}
	return true
}
