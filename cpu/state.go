package cpu

import "github.com/pagewalk/pagewalk/cpu/decode"

// HasFeature reports whether CPUID advertises a feature.
func (c *CPU) HasFeature(f Feature) bool { return c.features.has(f) }

// X87Control returns the x87 control word.
func (c *CPU) X87Control() uint16 { return c.FPU.control }

// SetX87Control sets the x87 control word as FLDCW does, without looking for pending exceptions first.
func (c *CPU) SetX87Control(v uint16) { c.FPU.setControl(v) }

// X87Status returns the x87 status word with TOP.
func (c *CPU) X87Status() uint16 { return c.FPU.status }

// X87Tags returns the 16-bit x87 tag word: 0 valid, 1 zero, 2 special, 3 empty for each physical register.
func (c *CPU) X87Tags() uint16 { return c.FPU.fullTags() }

// ST returns x87 stack register ST(i): the sign and exponent, and the 64-bit significand.
func (c *CPU) ST(i int) (signExponent uint16, significand uint64) {
	v := c.FPU.get(i)
	return v.se, v.frac
}

// XCR0 returns the extended control register: the state components that XSAVE manages.
func (c *CPU) XCR0() uint64 { return c.xcr0 }

// SetXCR0 sets it without the checks of XSETBV.
func (c *CPU) SetXCR0(v uint64) { c.xcr0 = v }

// featureNames are the names that CPUID's bits go by (SDM vol. 2A, CPUID).
var featureNames = [...]string{
	Base: "base", X87: "x87", MMX: "MMX", SSE: "SSE", SSE2: "SSE2", SSE3: "SSE3", SSSE3: "SSSE3", SSE41: "SSE4.1",
	SSE42: "SSE4.2", POPCNT: "POPCNT", MOVBE: "MOVBE", AES: "AES", PCLMULQDQ: "PCLMULQDQ", SHA: "SHA", RDRAND: "RDRAND",
	RDSEED: "RDSEED", RDTSCP: "RDTSCP", RDPID: "RDPID", FSGSBASE: "FSGSBASE", CX16: "CMPXCHG16B", FXSR: "FXSR",
	XSAVE: "XSAVE", ADX: "ADX", CLFLUSHOPT: "CLFLUSHOPT", CLWB: "CLWB",
	SMAP: "SMAP", PKU: "PKU", PKS: "PKS", PCID: "PCID", INVPCID: "INVPCID", UMIP: "UMIP", MONITOR: "MONITOR",
}

// String returns the feature's name.
func (f Feature) String() string { return featureNames[f] }

// Features returns the features that the processor knows of, and which of them CPUID advertises by default.
func Features() (advertised, off []Feature) {
	for f := range Feature(len(featureNames)) {
		if defaultFeatures.has(f) {
			advertised = append(advertised, f)
		} else {
			off = append(off, f)
		}
	}
	return advertised, off
}

// An Instruction is one row of the instruction set.
type Instruction struct {
	Mnemonic  string
	Supported bool    // the processor executes it
	Feature   Feature // that has to be on, where it is supported
	Undefined uint64  // RFLAGS bits that the SDM leaves undefined after it
}

// Instructions returns what the decoder knows, in alphabetical order.
func Instructions() (list []Instruction) {
	for op := decode.Invalid + 1; op < decode.NumOps; op++ {
		r := &rows[op]
		list = append(list, Instruction{op.String(), r.body != nil, r.feature, r.undef})
	}
	return list
}
