package trace

import (
	"bytes"
	"fmt"
	"io"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/cpu/decode"
)

// WriteState writes a processor's registers as one JSON object of hexadecimal strings under gdb's names: integers with as
// many digits as they need, xmm0 to xmm15 with 32 and st0 to st7 with 20, most significant first; all begin with 0x.
func WriteState(w io.Writer, c *cpu.CPU) error {
	var b bytes.Buffer
	sep := "{"
	put := func(name, value string) {
		fmt.Fprintf(&b, "%s\n  %q: %q", sep, name, value)
		sep = ","
	}
	number := func(name string, v uint64) { put(name, fmt.Sprintf("%#x", v)) }
	for i, name := range [...]string{
		"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
	} {
		number(name, c.R[gdbOrder[i]])
	}
	number("rip", c.RIP)
	number("eflags", c.Flags())
	for _, s := range [...]struct {
		name string
		seg  int
	}{{"cs", decode.CS}, {"ss", decode.SS}, {"ds", decode.DS}, {"es", decode.ES}, {"fs", decode.FS}, {"gs", decode.GS}} {
		number(s.name, uint64(c.Selector(s.seg)))
	}
	number("fs_base", c.SegBase(decode.FS))
	number("gs_base", c.SegBase(decode.GS))
	m := c.MMU
	number("cr0", m.CR0())
	number("cr2", m.CR2())
	number("cr3", m.CR3())
	number("cr4", m.CR4())
	number("cr8", uint64(c.TPR()>>4))
	number("efer", m.EFER())
	for i := range c.XMM {
		put(fmt.Sprintf("xmm%d", i), fmt.Sprintf("0x%016x%016x", c.XMM[i][1], c.XMM[i][0]))
	}
	for i := range 8 {
		se, frac := c.ST(i)
		put(fmt.Sprintf("st%d", i), fmt.Sprintf("0x%04x%016x", se, frac))
	}
	number("fctrl", uint64(c.X87Control()))
	number("fstat", uint64(c.X87Status()))
	number("ftag", uint64(c.X87Tags()))
	number("mxcsr", uint64(c.MXCSR))
	b.WriteString("\n}\n")
	_, err := b.WriteTo(w)
	return err
}

// gdbOrder is the order in which gdb lists the general registers.
var gdbOrder = [...]int{
	cpu.RAX, cpu.RBX, cpu.RCX, cpu.RDX, cpu.RSI, cpu.RDI, cpu.RBP, cpu.RSP, cpu.R8, cpu.R9, cpu.R10, cpu.R11, cpu.R12,
	cpu.R13, cpu.R14, cpu.R15,
}
