package nt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/pagewalk/pagewalk/internal/unwind"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// peek reads a process's memory as it is: nothing faults in, no bit is set, no counter moves.
type peek struct{ s *System }

var errNotResident = errors.New("nt: the page is not resident")

func (m peek) Read(va uint64, b []byte) error {
	for len(b) > 0 {
		walk := m.s.mmu.Inspect(x86.VirtAddr(va))
		if !x86.VirtAddr(va).Canonical() || !walk.Present || !walk.User {
			return errNotResident
		}
		frame := m.s.mem.Frame(walk.PA &^ x86.PageMask)
		if frame == nil {
			return errNotResident
		}
		n := copy(b[:pagePart(va, len(b))], frame[va&x86.PageMask:])
		b, va = b[n:], va+uint64(n)
	}
	return nil
}

func (m peek) Load8(va uint64) (uint8, error) {
	var b [1]byte
	err := m.Read(va, b[:])
	return b[0], err
}

func (m peek) Load32(va uint64) (uint32, error) {
	var b [4]byte
	err := m.Read(va, b[:])
	return binary.LittleEndian.Uint32(b[:]), err
}

func (m peek) Load64(va uint64) (uint64, error) {
	var b [8]byte
	err := m.Read(va, b[:])
	return binary.LittleEndian.Uint64(b[:]), err
}

// maxReportFrames is how many frames a report shows.
const maxReportFrames = 24

// reportStack adds who called the function of a context, as far as unwind information that is in memory leads.
func (t *Thread) reportStack(b *strings.Builder, ctx *ntdef.Context) {
	at, called := *ctx, false
	for i := range maxReportFrames {
		where := t.proc.place
		if called {
			where = t.proc.returnPlace
		}
		fmt.Fprintf(b, " #%-2d %016x %s\n", i, at.Rsp(), where(at.Rip))
		below := at.Rsp()
		interrupted, err := unwind.Caller(peek{t.sys}, t.proc.imageBase, &at)
		if err != nil || at.Rip == 0 || at.Rsp() <= below {
			return
		}
		called = !interrupted
	}
	b.WriteString(" …\n")
}

// imageBase returns where the image that holds an address is mapped.
func (p *Process) imageBase(va uint64) (base uint64, ok bool) {
	if m := p.ModuleAt(va); m != nil {
		return m.Base, true
	}
	return 0, false
}
