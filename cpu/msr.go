package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

var msrRows = []row{
	{decode.RDMSR, rdmsr, 0, Base, readsIC},
	{decode.WRMSR, wrmsr, 0, Base, endBlock | readsIC},
	{decode.RDPMC, rdpmc, 0, Base, readsIC},
}

var _ = addRows(msrRows)

// MSRs are the model-specific registers of the board around the core: the APIC's, MTRRs. false is #GP(0).
type MSRs interface {
	ReadMSR(n uint32) (uint64, bool)
	WriteMSR(n uint32, v uint64) bool
}

// msrs are the core's own.
type msrs struct {
	star, lstar, cstar, fmask               uint64
	kernelGS                                uint64
	sysenterCS, sysenterESP, sysenterEIP    uint64
	tscAux, tscOffset, miscEnable, biosSign uint64
}

// miscEnableReset has fast strings on (SDM vol. 4, IA32_MISC_ENABLE).
const miscEnableReset = 1

func (m *msrs) reset() { m.miscEnable = miscEnableReset }

// msr returns where a register is kept that any value, or any canonical address, fits.
func (c *CPU) plainMSR(n uint32) (p *uint64, canonical bool) {
	m := &c.msr
	switch n {
	case x86.MSRSTAR:
		return &m.star, false
	case x86.MSRLSTAR:
		return &m.lstar, true
	case x86.MSRCSTAR:
		return &m.cstar, true
	case x86.MSRFMask:
		return &m.fmask, false
	case x86.MSRFSBase:
		return &c.R[slotSegBase+decode.FS], true
	case x86.MSRGSBase:
		return &c.R[slotSegBase+decode.GS], true
	case x86.MSRKernelGSBase:
		return &m.kernelGS, true
	case x86.MSRSysenterCS:
		return &m.sysenterCS, false
	case x86.MSRSysenterESP:
		return &m.sysenterESP, true
	case x86.MSRSysenterEIP:
		return &m.sysenterEIP, true
	case x86.MSRTSCAux:
		return &m.tscAux, false
	case x86.MSRMiscEnable:
		return &m.miscEnable, false
	case x86.MSRBiosSignID:
		return &m.biosSign, false
	}
	return nil, false
}

// ReadMSR returns a model-specific register; false is the #GP(0) that RDMSR raises for a number that does not exist.
func (c *CPU) ReadMSR(n uint32) (uint64, bool) {
	if p, _ := c.plainMSR(n); p != nil {
		return *p, true
	}
	switch n {
	case x86.MSREFER:
		return c.MMU.EFER(), true
	case x86.MSRTSC:
		return c.tsc(), true
	}
	if c.MSRs != nil {
		if v, ok := c.MSRs.ReadMSR(n); ok {
			return v, true
		}
	}
	switch n {
	case x86.MSRAPICBase:
		return 0xfee00900, true // enabled, the boot processor
	case x86.MSRPAT:
		return c.MMU.PAT(), true
	case x86.MSRPKRS:
		return uint64(c.MMU.PKRS()), c.features.has(PKS)
	}
	return 0, false
}

// WriteMSR is WRMSR; false is #GP(0).
func (c *CPU) WriteMSR(n uint32, v uint64) bool {
	if p, canonical := c.plainMSR(n); p != nil {
		if canonical && !x86.VirtAddr(v).Canonical() ||
			v>>32 != 0 && (n == x86.MSRTSCAux || n == x86.MSRFMask || n == x86.MSRSysenterCS) {
			return false
		}
		*p = v
		return true
	}
	switch n {
	case x86.MSREFER:
		f := c.MMU.SetEFER(v)
		c.updateMode()
		return f == nil
	case x86.MSRTSC:
		c.msr.tscOffset += v - c.tsc()
		return true
	}
	if c.MSRs != nil && c.MSRs.WriteMSR(n, v) {
		return true
	}
	switch {
	case n == x86.MSRPAT:
		return c.MMU.SetPAT(v) == nil
	case n == x86.MSRPKRS && c.features.has(PKS) && v>>32 == 0:
		c.MMU.SetPKRS(uint32(v))
		return true
	}
	return false
}

// rdmsr reads the register ECX into EDX:EAX. SDM vol. 2B, RDMSR.
func rdmsr(c *CPU, in *Inst) *x86.Fault {
	if f := c.supervisor(); f != nil {
		return f
	}
	v, ok := c.ReadMSR(uint32(c.R[RCX]))
	if !ok {
		return c.raise(x86.VectorGP)
	}
	c.R[RAX], c.R[RDX] = v&0xffffffff, v>>32
	return nil
}

// wrmsr writes it. SDM vol. 2D, WRMSR.
func wrmsr(c *CPU, in *Inst) *x86.Fault {
	if f := c.supervisor(); f != nil {
		return f
	}
	if !c.WriteMSR(uint32(c.R[RCX]), c.R[RDX]<<32|c.R[RAX]&0xffffffff) {
		return c.raise(x86.VectorGP)
	}
	return nil
}

// tsc is the time-stamp counter.
func (c *CPU) tsc() uint64 {
	t := c.IC
	if c.TSC != nil {
		t = c.TSC()
	}
	return t + c.msr.tscOffset
}

// TimeOfTSC is what the clock behind the time-stamp counter shows when the counter shows t.
func (c *CPU) TimeOfTSC(t uint64) uint64 { return t - c.msr.tscOffset }

// timeDenied is #GP(0) for RDTSC and RDTSCP above CPL 0 with CR4.TSD.
func (c *CPU) timeDenied() *x86.Fault {
	if c.MMU.CR4()&x86.CR4TSD != 0 && c.MMU.CPL() != 0 {
		return c.raise(x86.VectorGP)
	}
	return nil
}

// rdpmc reads a performance counter: those that Counter supplies. SDM vol. 2B, RDPMC.
func rdpmc(c *CPU, in *Inst) *x86.Fault {
	if c.MMU.CR4()&x86.CR4PCE == 0 && c.MMU.CPL() != 0 {
		return c.raise(x86.VectorGP)
	}
	if c.PMC != nil {
		if v, ok := c.PMC(uint32(c.R[RCX])); ok {
			c.R[RAX], c.R[RDX] = v&0xffffffff, v>>32
			return nil
		}
	}
	return c.raise(x86.VectorGP)
}
