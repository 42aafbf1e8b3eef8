package cpu

import (
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/x86"
)

// mmxForms holds the bodies of the MMX forms of instructions that have an SSE2 form under the same name, whose row is
// the SSE2 form's.
var mmxForms [decode.NumOps]body

// addMMX is called from package-level var initialisers, like addRows.
func addMMX(group map[decode.Op]body) bool {
	for op, b := range group {
		if mmxForms[op] != nil {
			panic("cpu: two MMX forms for " + op.String())
		}
		mmxForms[op] = b
	}
	return true
}

// usesMMX reports whether in is the MMX form of its instruction.
func usesMMX(in *Inst) bool {
	return in.Args[0].Class() == decode.MMX || in.Args[1].Class() == decode.MMX
}

// mmx runs the MMX form of an instruction.
func (c *CPU) mmx(in *Inst) *x86.Fault {
	if b := mmxForms[in.Op]; b != nil {
		return b(c, in)
	}
	return c.unknown(in, "has no MMX form yet")
}
