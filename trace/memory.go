package trace

import (
	"fmt"
	"strings"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// region is the vad of a fault in JSON.
type region struct {
	Start   hex    `json:"start"`
	End     hex    `json:"end"` // the last address
	Type    string `json:"type"`
	Protect string `json:"protect,omitempty"` // of the page; absent where it is only reserved
	Name    string `json:"name,omitempty"`
}

func regionOf(r *ntmm.Region) *region {
	if r.End == 0 {
		return nil
	}
	out := &region{Start: hex(r.Start), End: hex(r.End - 1), Type: ntdef.TypeName(r.Type), Name: r.Name}
	if r.Protect != 0 {
		out.Protect = ntdef.ProtectionName(r.Protect)
	}
	return out
}

// String describes the region as a fault's line does: private READWRITE 0x1f0000-0x1fffff.
func (r *region) String() string {
	if r == nil {
		return "free"
	}
	s := r.Type
	if r.Name != "" {
		s += " " + r.Name
	}
	if r.Protect == "" {
		s += " reserved"
	} else {
		s += " " + r.Protect
	}
	return fmt.Sprintf("%s %#x-%#x", s, uint64(r.Start), uint64(r.End))
}

var verbs = map[x86.Access]string{x86.Read: "reads", x86.Write: "writes", x86.Execute: "executes"}

// accessNumber is ExceptionInformation[0] of an access violation.
var accessNumber = map[x86.Access]int{x86.Read: 0, x86.Write: 1, x86.Execute: 8}

func (t *Tracer) fault(th *nt.Thread, e *ntmm.FaultEvent) {
	p := placeOf(th, "page_fault")
	r := regionOf(&e.Region)
	if t.format == Text {
		t.line(faultLine(p, r, e))
		return
	}
	t.json(struct {
		place
		VA        hex     `json:"va"`
		Access    string  `json:"access"`
		ErrorCode hex     `json:"error_code"`
		Kind      string  `json:"kind"`
		Status    string  `json:"status"`
		PTEAddr   hex     `json:"pte_addr"`
		PTEBefore hex     `json:"pte_before"`
		PTEAfter  hex     `json:"pte_after"`
		PFN       hex     `json:"pfn"`
		VAD       *region `json:"vad"`
	}{
		p, hex(e.Addr), e.Access.String(), hex(e.Code), e.Kind.String(), e.Status.String(), hex(e.PTEAddr),
		hex(e.PTEBefore), hex(e.PTEAfter), hex(e.PFN), r,
	})
}

// faultLine is a fault as a sentence: who touched what how, what kind of fault that was, in which region, and what
// became of the entry.
func faultLine(p place, r *region, e *ntmm.FaultEvent) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %s %#x → %s", p, verbs[e.Access], uint64(e.Addr), strings.ReplaceAll(e.Kind.String(), "_", "-"))
	if e.Kind == ntmm.AccessViolation {
		fmt.Fprintf(&b, " (access %d)", accessNumber[e.Access])
	}
	fmt.Fprintf(&b, ": %v", r)
	switch {
	case e.PTEAddr == 0:
		b.WriteString(", no page table")
	case e.PTEBefore == e.PTEAfter:
		fmt.Fprintf(&b, ", PTE %#x", uint64(e.PTEBefore))
	default:
		fmt.Fprintf(&b, ", PTE %#x → %#x", uint64(e.PTEBefore), uint64(e.PTEAfter))
	}
	if e.PFN != 0 {
		fmt.Fprintf(&b, ", PFN %#x", e.PFN)
	}
	return b.String()
}

func (t *Tracer) vad(th *nt.Thread, e *ntmm.VADEvent) {
	p := placeOf(th, "vad")
	protect := ""
	if e.Protect != 0 {
		protect = ntdef.ProtectionName(e.Protect)
	}
	if t.format == Text {
		line := fmt.Sprintf("%v %s %s %#x-%#x", p, vadVerbs[e.Kind], ntdef.TypeName(e.Type), uint64(e.Start), uint64(e.End-1))
		for _, word := range []string{protect, e.Name} {
			if word != "" {
				line += " " + word
			}
		}
		t.line(line)
		return
	}
	t.json(struct {
		place
		Change  string `json:"change"`
		Start   hex    `json:"start"`
		End     hex    `json:"end"`
		VADType string `json:"vad_type"`
		Protect string `json:"protect,omitempty"`
		Name    string `json:"name,omitempty"`
	}{p, e.Kind.String(), hex(e.Start), hex(e.End - 1), ntdef.TypeName(e.Type), protect, e.Name})
}

var vadVerbs = map[ntmm.VADKind]string{
	ntmm.VADReserve: "reserves", ntmm.VADReserveCommit: "reserves and commits", ntmm.VADCommit: "commits",
	ntmm.VADDecommit: "decommits", ntmm.VADRelease: "releases", ntmm.VADProtect: "protects", ntmm.VADMap: "maps",
	ntmm.VADUnmap: "unmaps", ntmm.VADReset: "resets", ntmm.VADResetUndo: "keeps",
}

func (t *Tracer) pfn(th *nt.Thread, e *ntmm.PFNEvent) {
	p := placeOf(th, "pfn")
	if t.format == Text {
		line := fmt.Sprintf("%v PFN %#x %v → %v", p, e.PFN, e.From, e.To)
		if e.To == ntmm.PFNStandby {
			line += fmt.Sprintf(" priority %d", e.Priority)
		}
		t.line(line)
		return
	}
	t.json(struct {
		place
		PFN      hex    `json:"pfn"`
		From     string `json:"from"`
		To       string `json:"to"`
		Priority uint8  `json:"priority"`
		PTEAddr  hex    `json:"pte_addr"`
	}{p, hex(e.PFN), e.From.String(), e.To.String(), e.Priority, hex(e.PTEAddr)})
}

func (t *Tracer) workingSet(th *nt.Thread, e *ntmm.WSEvent) {
	p := placeOf(th, "ws")
	if t.format == Text {
		t.line(fmt.Sprintf("%v working set gives up %#x, PFN %#x: %d pages", p, uint64(e.Addr), e.PFN, e.Pages))
		return
	}
	t.json(struct {
		place
		Change string `json:"change"`
		CR3    hex    `json:"cr3"`
		VA     hex    `json:"va"`
		PFN    hex    `json:"pfn"`
		Pages  uint64 `json:"pages"`
	}{p, e.Kind.String(), hex(e.CR3), hex(e.Addr), hex(e.PFN), e.Pages})
}

func (t *Tracer) io(th *nt.Thread, e *ntmm.IOEvent) {
	p := placeOf(th, "io")
	if t.format == Text {
		verb := map[ntmm.IOKind]string{
			ntmm.IOPageFileRead: "reads", ntmm.IOMappedFileRead: "reads", ntmm.IOPageFileWrite: "writes", ntmm.IOMappedFileWrite: "writes",
		}[e.Kind]
		t.line(fmt.Sprintf("%v %s %d pages of %s at %#x", p, verb, e.Pages, e.Name, e.Offset))
		return
	}
	t.json(struct {
		place
		Operation string `json:"operation"`
		Name      string `json:"name"`
		Offset    hex    `json:"offset"`
		Pages     uint64 `json:"pages"`
	}{p, e.Kind.String(), e.Name, hex(e.Offset), e.Pages})
}
