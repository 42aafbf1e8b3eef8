package trace

import (
	"fmt"
	"io"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/x86"
)

// BareKinds are the events of a bare-metal machine: those without a memory manager of ours.
const BareKinds = Walks | TLB | Exceptions | Exec

// A BareTracer writes the events of one bare-metal run.
type BareTracer struct {
	*Tracer
	cpu *cpu.CPU
	rip func() uint64
}

// NewBare returns a tracer for a bare-metal machine.
func NewBare(w io.Writer, format Format, kinds Kinds) *BareTracer {
	return &BareTracer{Tracer: New(w, format, kinds)}
}

// Hooks returns the MMU's hooks.
func (t *BareTracer) Hooks() mmu.Hooks {
	return t.mmuHooks(t.place)
}

// Watch takes the processor whose events are traced, and where it is.
func (t *BareTracer) Watch(c *cpu.CPU, rip func() uint64) {
	t.cpu, t.rip = c, rip
	if t.kinds&Exceptions != 0 {
		c.OnDeliver = t.delivered
	}
	if t.kinds&Exec != 0 {
		c.OnStep = func(in *decode.Inst) { t.exec(t.place("exec"), c.RIP, in) }
	}
}

func (t *BareTracer) place(typ string) place {
	return place{Type: typ, IC: t.cpu.IC, TID: 0, RIP: hex(t.rip())}
}

func (t *BareTracer) delivered(v x86.Vector, code uint32, addr x86.VirtAddr) {
	p := t.place("exception")
	f := x86.Fault{Vector: v, Code: code, Addr: addr}
	if t.format == Text {
		t.line(fmt.Sprintf("%v %v", p, &f))
		return
	}
	t.json(struct {
		place
		Vector int    `json:"vector"`
		Name   string `json:"name"`
		Code   hex    `json:"error_code"`
		CR2    hex    `json:"cr2"`
	}{p, int(v), v.String(), hex(code), hex(addr)})
}

// Footer writes the last line of a bare-metal trace.
func (t *BareTracer) Footer(exit int, instructions uint64) error {
	if t.format == JSONL {
		t.json(struct {
			Type         string `json:"type"`
			Exit         int    `json:"exit"`
			Instructions uint64 `json:"instructions"`
		}{"footer", exit, instructions})
	}
	return t.flush()
}
