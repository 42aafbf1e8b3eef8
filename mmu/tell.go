package mmu

import (
	"github.com/pagewalk/pagewalk/tlb"
	"github.com/pagewalk/pagewalk/x86"
)

// TLBEventKind says what happened to entries of the TLB.
type TLBEventKind uint8

// The kinds.
const (
	TLBFilled      TLBEventKind = iota // a walk's result was put in
	TLBEvicted                         // an entry made room
	TLBInvalidated                     // one page was invalidated
	TLBFlushed                         // an address space, or everything
)

// String returns fill, evict, invalidate or flush.
func (k TLBEventKind) String() string {
	return [...]string{"fill", "evict", "invalidate", "flush"}[k]
}

// A TLBEvent is a change of what the TLB holds. It is valid during the call of the hook.
type TLBEvent struct {
	Kind    TLBEventKind
	VA      x86.VirtAddr
	Entry   tlb.Entry // of fill and evict
	Entries int       // how many entries came or went
	Cause   string    // walk, replacement, page fault, or the instruction
}

// tell tells the hook; the event stays on the stack where there is none.
func (m *MMU) tell(e *TLBEvent) {
	if h := m.hooks.TLB; h != nil {
		copied := *e
		h(&copied)
	}
}

// flushing notes how many entries flushes have killed, and the function that it returns tells of those since.
func (m *MMU) flushing(cause string) func() {
	if m.hooks.TLB == nil {
		return func() {}
	}
	before := m.tlb.Counters.FlushKills
	return func() {
		m.tell(&TLBEvent{Kind: TLBFlushed, Entries: int(m.tlb.Counters.FlushKills - before), Cause: cause})
	}
}
