package trace

import (
	"fmt"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/x86"
)

// What the processor does, with or without an operating system of ours above it. These events stand at the instruction that
// causes them, so that a run with them goes one instruction at a time.

// mmuHooks returns the MMU's hooks; at says where the processor is.
func (t *Tracer) mmuHooks(at func(typ string) place) (h mmu.Hooks) {
	if t.kinds&Walks != 0 {
		h.Walk = func(w *mmu.Walk, f *x86.Fault) { t.walk(at("walk"), w, f) }
	}
	if t.kinds&TLB != 0 {
		h.TLB = func(e *mmu.TLBEvent) { t.tlb(at("tlb"), e) }
	}
	return h
}

func (t *Tracer) exec(p place, rip uint64, in *decode.Inst) {
	if t.format == Text {
		t.line(fmt.Sprintf("%v %s", p, in.Text(rip)))
		return
	}
	t.json(struct {
		place
		Text string `json:"text"`
	}{p, in.Text(rip)})
}

func (t *Tracer) walk(p place, w *mmu.Walk, f *x86.Fault) {
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

func (t *Tracer) tlb(p place, e *mmu.TLBEvent) {
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
