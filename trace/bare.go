package trace

import (
	"fmt"
	"io"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/x86"
)

// BareKinds are the events of a bare-metal machine: those without a memory manager of ours.
const BareKinds = Walks | TLB | Exceptions

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
func (t *BareTracer) Hooks() (h mmu.Hooks) {
	if t.kinds&Walks != 0 {
		h.Walk = t.walk
	}
	if t.kinds&TLB != 0 {
		h.TLB = t.tlb
	}
	return h
}

// Watch takes the processor whose events are traced, and where it is.
func (t *BareTracer) Watch(c *cpu.CPU, rip func() uint64) {
	t.cpu, t.rip = c, rip
	if t.kinds&Exceptions != 0 {
		c.OnDeliver = t.delivered
	}
}

func (t *BareTracer) place(typ string) place {
	return place{Type: typ, IC: t.cpu.IC, TID: 0, RIP: hex(t.rip())}
}

func (t *BareTracer) walk(w *mmu.Walk, f *x86.Fault) {
	p := t.place("walk")
	if t.format == Text {
		line := fmt.Sprintf("%v walks %#x: %v", p, uint64(w.VA), w)
		if f != nil {
			line += " → " + f.Error()
		}
		t.line(line)
		return
	}
	entries := make([]struct {
		Level int `json:"level"`
		Addr  hex `json:"addr"`
		Entry hex `json:"entry"`
	}, w.N)
	for i, e := range w.Entries[:w.N] {
		entries[i].Level, entries[i].Addr, entries[i].Entry = e.Level, hex(e.Addr), hex(e.Entry)
	}
	fault := ""
	if f != nil {
		fault = f.Error()
	}
	t.json(struct {
		place
		VA      hex    `json:"va"`
		Entries any    `json:"entries"`
		PA      hex    `json:"pa"`
		Fault   string `json:"fault,omitempty"`
	}{p, hex(w.VA), entries, hex(w.PA), fault})
}

func (t *BareTracer) tlb(e *mmu.TLBEvent) {
	p := t.place("tlb")
	if t.format == Text {
		switch e.Kind {
		case mmu.TLBFilled, mmu.TLBEvicted:
			t.line(fmt.Sprintf("%v TLB %v %#x → %#x %v PCID %d by %s", p, e.Kind, uint64(e.VA), uint64(e.Entry.PA), e.Entry.Size, e.Entry.PCID, e.Cause))
		case mmu.TLBInvalidated:
			t.line(fmt.Sprintf("%v TLB %v %#x, %d entries, by %s", p, e.Kind, uint64(e.VA), e.Entries, e.Cause))
		default:
			t.line(fmt.Sprintf("%v TLB %v, %d entries, by %s", p, e.Kind, e.Entries, e.Cause))
		}
		return
	}
	t.json(struct {
		place
		Event   string `json:"event"`
		VA      hex    `json:"va"`
		PA      hex    `json:"pa"`
		Size    string `json:"size"`
		PCID    uint16 `json:"pcid"`
		Global  bool   `json:"global,omitempty"`
		Entries int    `json:"entries"`
		Cause   string `json:"cause"`
	}{p, e.Kind.String(), hex(e.VA), hex(e.Entry.PA), e.Entry.Size.String(), e.Entry.PCID, e.Entry.Global, e.Entries, e.Cause})
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
