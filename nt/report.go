package nt

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// warn tells the user of something that the guest asked for and pagewalk lacks.
func (s *System) warn(format string, args ...any) {
	if s.stderr != nil {
		fmt.Fprintf(s.stderr, "pagewalk: "+format+"\n", args...)
	}
}

// relay tells the user what a program says by a service that needs no handle, up to maxRelayed bytes of all programs: then, that more is
// not shown.
func (s *System) relay(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	switch room := maxRelayed - s.relayed; {
	case room == 0:
		return
	case len(text) < room:
		s.relayed += len(text)
	default:
		s.relayed = maxRelayed
		text = strings.ToValidUTF8(text[:room], "") + " ... (more messages of programs are not shown)"
	}
	s.warn("%s", text)
}

const maxRelayed = 64 << 10

// refuse warns once of something that the guest asks for and does not get, with where it is asked.
func (s *System) refuse(what string) {
	s.once(what, func() string {
		if t := s.thread(); t != nil {
			what += " (at " + t.caller() + ")"
		}
		return what + " is not supported"
	})
}

// classOf names a class that is not there.
func classOf(service string, class uint32) string {
	return service + ": class " + strconv.FormatUint(uint64(class), 10)
}

// once warns of a thing the first time that it is met.
func (s *System) once(thing string, text func() string) {
	if s.warned[thing] || len(s.warned) == maxWarnings {
		return
	}
	if s.warned == nil {
		s.warned = map[string]bool{}
	}
	s.warned[thing] = true
	s.warn("%s", text())
}

// maxWarnings bounds those of a guest that tries everything.
const maxWarnings = 1000

// printReport writes what describe says of the exception that ends a process.
func (s *System) printReport(text string) {
	if s.stderr != nil {
		fmt.Fprint(s.stderr, text)
	}
}

// describe says what is known of an exception that nobody handles: code, place, access, registers, the stack, the region of the address that
// faulted and its walk.
func (t *Thread) describe(rec *ntdef.ExceptionRecord, ctx *ntdef.Context) string {
	var b strings.Builder
	fmt.Fprintf(&b, "pagewalk: unhandled exception %v at %s", rec.Code, t.proc.place(rec.Address))
	memory := rec.Code == ntdef.STATUS_ACCESS_VIOLATION || rec.Code == ntdef.STATUS_IN_PAGE_ERROR ||
		rec.Code == ntdef.STATUS_GUARD_PAGE_VIOLATION
	if memory && rec.NumParams >= 2 {
		verb := map[uint64]string{0: "reading", 1: "writing", 8: "executing"}[rec.Parameters[0]]
		fmt.Fprintf(&b, ", %s %#x", verb, rec.Parameters[1])
	} else if rec.NumParams > 0 {
		fmt.Fprintf(&b, ", parameters %#x", rec.Parameters[:rec.NumParams])
	}
	b.WriteByte('\n')
	names := [...]string{
		"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
	}
	for i, name := range names {
		fmt.Fprintf(&b, " %4s=%016x", name, ctx.Regs[i])
		if i%4 == 3 {
			b.WriteByte('\n')
		}
	}
	fmt.Fprintf(&b, "  rip=%016x  efl=%08x\n", ctx.Rip, ctx.EFlags)
	t.reportStack(&b, ctx)
	if memory && rec.NumParams >= 2 {
		t.reportAddress(&b, rec.Parameters[1])
	}
	return b.String()
}

// reportAddress adds the region and the page-table entries of an address.
func (t *Thread) reportAddress(b *strings.Builder, va uint64) {
	if !x86.VirtAddr(va).Canonical() {
		fmt.Fprintf(b, " %#x is not canonical\n", va)
		return
	}
	if info, st := t.as().Query(x86.VirtAddr(va)); st == ntdef.STATUS_SUCCESS {
		fmt.Fprintf(b, " region %#x-%#x %s", info.BaseAddress, info.BaseAddress+info.RegionSize-1, info)
		if m := t.proc.ModuleAt(va); m != nil {
			fmt.Fprintf(b, " %s", m.Name)
		}
		b.WriteByte('\n')
	}
	walk := t.sys.mmu.Inspect(x86.VirtAddr(va))
	fmt.Fprintf(b, " walk %v\n", walk)
}

// place returns an address, and the function that it lies in where an image holds it.
func (p *Process) place(va uint64) string { return placed(va, p.Where(va)) }

// returnPlace is place of a return address.
func (p *Process) returnPlace(va uint64) string { return placed(va, p.whereReturns(va)) }

func placed(va uint64, where string) string {
	if where == "" {
		return fmt.Sprintf("%#x", va)
	}
	return fmt.Sprintf("%s (%#x)", where, va)
}
