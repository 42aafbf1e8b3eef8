package trace

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/pagewalk/pagewalk/cpu/decode"
	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// Schema is the version of the JSON form.
const Schema = 1

// Kinds is a set of the events that can be traced.
type Kinds uint

// The kinds of events, by the names of --trace.
const (
	Faults     Kinds = 1 << iota // page faults and what the memory manager did
	VAD                          // changes of the address space: reserve, commit, protect, map, free
	Services                     // system services with arguments and status
	API                          // calls of built-in DLL functions
	Exceptions                   // exceptions delivered to the guest
	Modules                      // images mapped
	Walks                        // page walks, entry by entry
	TLB                          // what the TLB takes in and gives up
	PFN                          // frames that move between the page lists
	WS                           // pages that leave a working set
	IO                           // reads and writes of page files and mapped files
	Exec                         // every instruction
)

// stepped are the events that stand at one instruction.
const stepped = Walks | TLB | Exec

// Stepped reports whether a run with these events has to go one instruction at a time.
func (k Kinds) Stepped() bool { return k&stepped != 0 }

var kindNames = []struct {
	name string
	kind Kinds
}{
	{"faults", Faults},
	{"vad", VAD},
	{"services", Services},
	{"api", API},
	{"exceptions", Exceptions},
	{"modules", Modules},
	{"walks", Walks},
	{"tlb", TLB},
	{"pfn", PFN},
	{"ws", WS},
	{"io", IO},
	{"exec", Exec},
}

// ParseKinds reads a comma-separated list such as faults,vad.
func ParseKinds(list string) (Kinds, error) {
	var set Kinds
next:
	for _, name := range strings.Split(list, ",") {
		for _, k := range kindNames {
			if k.name == name {
				set |= k.kind
				continue next
			}
		}
		var known []string
		for _, k := range kindNames {
			known = append(known, k.name)
		}
		return 0, fmt.Errorf("unknown trace %q: want %s", name, strings.Join(known, ", "))
	}
	return set, nil
}

// String returns the names of the set, in the order of the constants.
func (k Kinds) String() string {
	var names []string
	for _, n := range kindNames {
		if k&n.kind != 0 {
			names = append(names, n.name)
		}
	}
	return strings.Join(names, ", ")
}

// Format is the form of a trace.
type Format int

// The formats.
const (
	Text Format = iota
	JSONL
)

// A Tracer writes the events of one run.
type Tracer struct {
	w      *bufio.Writer
	format Format
	kinds  Kinds
	err    error
}

// New returns a tracer that writes the events of some kinds to w.
func New(w io.Writer, format Format, kinds Kinds) *Tracer {
	return &Tracer{w: bufio.NewWriterSize(w, 64<<10), format: format, kinds: kinds}
}

// Hooks returns the functions to give to nt.Config; those of kinds that are not traced are nil.
func (t *Tracer) Hooks() nt.Hooks {
	var h nt.Hooks
	if t.kinds&Faults != 0 {
		h.Fault = t.fault
	}
	if t.kinds&VAD != 0 {
		h.VAD = t.vad
	}
	if t.kinds&Services != 0 {
		h.Service = t.service
	}
	if t.kinds&API != 0 {
		h.Call, h.Return = t.call, t.ret
	}
	if t.kinds&Exceptions != 0 {
		h.Exception = t.exception
	}
	if t.kinds&Modules != 0 {
		h.Module = t.module
	}
	if t.kinds&PFN != 0 {
		h.PFN = t.pfn
	}
	if t.kinds&WS != 0 {
		h.WS = t.workingSet
	}
	if t.kinds&IO != 0 {
		h.IO = t.io
	}
	if t.kinds&Exec != 0 {
		h.Step = func(th *nt.Thread, in *decode.Inst) { t.exec(placeOf(th, "exec"), th.RIP(), in) }
	}
	h.MMU = func(thread func() *nt.Thread) mmu.Hooks {
		return t.mmuHooks(func(typ string) place { return placeOf(thread(), typ) })
	}
	return h
}

// Header is what a trace says before the first event.
type Header struct {
	Program string
	RAM     uint64 // bytes
	TLB     string
	Seed    uint64
}

// Header writes the first line.
func (t *Tracer) Header(h Header) {
	if t.format == JSONL {
		t.json(struct {
			Type    string `json:"type"`
			Schema  int    `json:"schema"`
			Program string `json:"program"`
			RAM     uint64 `json:"ram"`
			TLB     string `json:"tlb"`
			Seed    uint64 `json:"seed"`
		}{"header", Schema, h.Program, h.RAM, h.TLB, h.Seed})
	}
}

// Footer writes the last line and everything that was held back; it returns the first error of writing.
func (t *Tracer) Footer(r nt.Result) error {
	if t.format == JSONL {
		t.json(struct {
			Type         string `json:"type"`
			Exit         uint32 `json:"exit"`
			Instructions uint64 `json:"instructions"`
			Exception    string `json:"exception,omitempty"`
		}{"footer", r.ExitCode, r.Instructions, exceptionName(r.Exception)})
	}
	return t.flush()
}

func (t *Tracer) flush() error {
	if err := t.w.Flush(); t.err == nil {
		t.err = err
	}
	return t.err
}

func exceptionName(rec *ntdef.ExceptionRecord) string {
	if rec == nil {
		return ""
	}
	return rec.Code.String()
}

func (t *Tracer) json(v any) {
	line, err := json.Marshal(v)
	if err != nil {
		panic("trace: " + err.Error()) // every event type marshals
	}
	t.line(string(line))
}

func (t *Tracer) line(s string) {
	if t.err != nil {
		return
	}
	if _, t.err = t.w.WriteString(s); t.err == nil {
		t.err = t.w.WriteByte('\n')
	}
}

// hex is an address or an entry in JSON.
type hex uint64

func (h hex) MarshalJSON() ([]byte, error) { return fmt.Appendf(nil, `"%#x"`, uint64(h)), nil }

// place is what every event begins with.
type place struct {
	Type     string `json:"type"`
	IC       uint64 `json:"ic"`
	TID      uint64 `json:"tid"`
	RIP      hex    `json:"rip"`
	Module   string `json:"module,omitempty"`
	Offset   hex    `json:"offset,omitempty"`
	Symbol   string `json:"symbol,omitempty"`   // the function at RIP, and the offset from its beginning
	Function string `json:"function,omitempty"` // the built-in function that runs
}

func placeOf(th *nt.Thread, typ string) place {
	if th == nil {
		return place{Type: typ}
	}
	p := place{Type: typ, IC: th.CPU().IC, TID: th.ID(), RIP: hex(th.RIP()), Function: th.Function()}
	if m := th.Process().ModuleAt(th.RIP()); m != nil {
		p.Module, p.Offset = m.Name, hex(th.RIP()-m.Base)
		p.Symbol = m.Symbol(th.RIP())
	}
	return p
}

// String is the beginning of a text line.
func (p place) String() string {
	switch {
	case p.RIP == 0:
		return fmt.Sprintf("ic %-8d kernel", p.IC)
	case p.Function != "":
		return fmt.Sprintf("ic %-8d %s!%s", p.IC, strings.TrimSuffix(p.Module, ".dll"), p.Function)
	case p.Symbol != "":
		return fmt.Sprintf("ic %-8d %s!%s", p.IC, strings.TrimSuffix(p.Module, ".dll"), p.Symbol)
	case p.Module != "":
		return fmt.Sprintf("ic %-8d %s+%#x", p.IC, p.Module, uint64(p.Offset))
	}
	return fmt.Sprintf("ic %-8d %#x", p.IC, uint64(p.RIP))
}
