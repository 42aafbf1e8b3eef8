package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

// A body executes one instruction. It changes nothing until its last possible fault is behind it.
type body func(c *CPU, in *Inst) *x86.Fault

// A row joins an instruction to its body. Groups of rows live beside their bodies.
type row struct {
	op      decode.Op
	body    body
	undef   uint64  // RFLAGS bits that the SDM leaves undefined afterwards
	feature Feature // the CPUID feature that must be on, else #UD
	kind    rowKind
}

// rowKind says how the block engine treats an instruction.
type rowKind uint8

const (
	plain    rowKind = 0
	endBlock rowKind = 1 << 0 // the instruction sets RIP or may change what follows: it ends its block
	readsIC  rowKind = 1 << 1 // the instruction needs an exact IC: it starts a block
)

// Feature is a CPUID feature that gates instructions.
type Feature uint8

// The features.
const (
	Base Feature = iota // in every x86-64 processor: CMOV, CMPXCHG8B, …
	X87
	MMX
	SSE
	SSE2
	SSE3
	SSSE3
	SSE41
	SSE42
	POPCNT
	MOVBE
	AES
	PCLMULQDQ
	SHA
	RDRAND
	RDSEED
	RDTSCP
	RDPID
	FSGSBASE
	CX16
	FXSR
	XSAVE
	ADX
	CLFLUSHOPT
	CLWB
	SMAP
	PKU
	PKS
	PCID
	INVPCID
	UMIP
	MONITOR
)

// rows is indexed by decode.Op; an op without a body is #UD.
var rows [decode.NumOps]row

// addRows is called from package-level var initialisers of each group, once.
func addRows(group []row) bool {
	for _, r := range group {
		if rows[r.op].body != nil {
			panic("cpu: two rows for " + r.op.String())
		}
		rows[r.op] = r
	}
	return true
}

// defaultFeatures is what a processor advertises: TestFeatures holds it to the rows.
const defaultFeatures features = 1<<Base | 1<<X87 | 1<<MMX | 1<<SSE | 1<<SSE2 | 1<<SSE3 | 1<<SSSE3 | 1<<SSE41 | 1<<SSE42 |
	1<<CX16 | 1<<FXSR | 1<<POPCNT | 1<<MOVBE | 1<<RDRAND | 1<<RDSEED | 1<<RDTSCP | 1<<RDPID | 1<<FSGSBASE | 1<<ADX |
	1<<CLFLUSHOPT | 1<<CLWB | 1<<SMAP | 1<<PKU | 1<<PKS | 1<<PCID | 1<<INVPCID | 1<<UMIP | 1<<MONITOR | 1<<XSAVE | 1<<AES | 1<<PCLMULQDQ | 1<<SHA
