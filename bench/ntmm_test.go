package bench

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/physmem"
	"github.com/pagewalk/pagewalk/x86"
)

// system is a memory manager with one address space that the MMU has loaded, in user mode.
type system struct {
	m  *mmu.MMU
	mm *ntmm.Manager
	as *ntmm.AddressSpace
}

func newSystem(b *testing.B, ram uint64) *system {
	mem, err := physmem.New(ram)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, mem.Close()) })
	m := mmu.New(mem, mmu.Options{})
	mm, err := ntmm.NewManager(ntmm.Config{Memory: mem, MMU: m})
	require.NoError(b, err)
	as, st := mm.NewAddressSpace(ntmm.Layout{Low: 0x10000, High: 0x7ffffffeffff})
	require.Equal(b, ntdef.STATUS_SUCCESS, st)
	for _, f := range []*x86.Fault{
		m.SetCR3(uint64(as.CR3())), m.SetCR4(x86.CR4PAE | x86.CR4SMEP), m.SetEFER(x86.EFERLME | x86.EFERNXE),
		m.SetCR0(x86.CR0PE | x86.CR0PG | x86.CR0WP),
	} {
		require.Nil(b, f)
	}
	m.SetCPL(3)
	return &system{m, mm, as}
}

func (s *system) allocate(b *testing.B, size uint64, typ, protect uint32) x86.VirtAddr {
	r := ntmm.Request{Size: size, Type: typ, Protect: protect}
	require.Equal(b, ntdef.STATUS_SUCCESS, s.as.Allocate(&r))
	return r.Base
}

// write stores bytes, with faults resolved.
func (s *system) write(b *testing.B, va x86.VirtAddr, data []byte) {
	for {
		f := s.m.Write(va, data)
		if f == nil {
			return
		}
		require.Equal(b, ntdef.STATUS_SUCCESS, s.as.Fault(f, ntmm.UserMode).Status)
	}
}

const commit = ntdef.MEM_RESERVE | ntdef.MEM_COMMIT

// BenchmarkFault has one fault of a kind an operation, everything included: the guest instruction that faults, the exit, the
// memory manager, the retry, and giving the page back.
func BenchmarkFault(b *testing.B) {
	b.Run("demand-zero", func(b *testing.B) {
		const pages = 4096
		s := newSystem(b, 64<<20)
		code := s.allocate(b, 4096, commit, ntdef.PAGE_EXECUTE_READWRITE)
		s.write(b, code, []byte{
			0x88, 0x07, // mov [rdi],al
			0x48, 0x81, 0xc7, 0x00, 0x10, 0x00, 0x00, // add rdi,4096
			0xeb, 0xf5, // jmp
		})
		data := s.allocate(b, pages<<12, commit, ntdef.PAGE_READWRITE)
		c := cpu.New(s.m)
		c.RIP = uint64(code)
		b.ReportAllocs()
		page := pages
		for b.Loop() {
			if page == pages {
				page = 0
				c.R[cpu.RDI] = uint64(data)
				r := ntmm.Request{Base: data, Size: pages << 12, Type: ntdef.MEM_DECOMMIT}
				if st := s.as.Free(&r); st != ntdef.STATUS_SUCCESS {
					b.Fatal(st)
				}
				r = ntmm.Request{Base: data, Size: pages << 12, Type: ntdef.MEM_COMMIT, Protect: ntdef.PAGE_READWRITE}
				if st := s.as.Allocate(&r); st != ntdef.STATUS_SUCCESS {
					b.Fatal(st)
				}
			}
			page++
			for faulted := false; ; {
				e := c.Run(1000)
				if e.Kind != cpu.ExitException {
					b.Fatal(e.Kind)
				}
				if faulted = s.as.Fault(e.Fault, ntmm.UserMode).Kind == ntmm.DemandZero; faulted {
					break
				}
			}
		}
		if n := s.mm.Counters().DemandZeroFaults; n < uint64(b.N) {
			b.Fatalf("%d operations took %d demand-zero faults", b.N, n)
		}
	})
	b.Run("guard", func(b *testing.B) {
		s := newSystem(b, 16<<20)
		va := s.allocate(b, 4096, commit, ntdef.PAGE_READWRITE)
		b.ReportAllocs()
		for b.Loop() {
			r := ntmm.Request{Base: va, Size: 4096, Protect: ntdef.PAGE_READWRITE | ntdef.PAGE_GUARD}
			if _, st := s.as.Protect(&r); st != ntdef.STATUS_SUCCESS {
				b.Fatal(st)
			}
			_, f := s.m.Load8(va)
			if f == nil || s.as.Fault(f, ntmm.UserMode).Kind != ntmm.Guard {
				b.Fatal("no guard fault")
			}
		}
	})
}

// BenchmarkVAD has the cost of the tree as it grows: a reservation made and released, and a query, among N others.
func BenchmarkVAD(b *testing.B) {
	for _, n := range []int{100, 100_000} {
		s := newSystem(b, 16<<20)
		var last x86.VirtAddr
		for range n {
			last = s.allocate(b, 4096, ntdef.MEM_RESERVE, ntdef.PAGE_READWRITE)
		}
		b.Run(fmt.Sprintf("allocate/N=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := ntmm.Request{Size: 1 << 20, Type: ntdef.MEM_RESERVE, Protect: ntdef.PAGE_READWRITE}
				if st := s.as.Allocate(&r); st != ntdef.STATUS_SUCCESS {
					b.Fatal(st)
				}
				r = ntmm.Request{Base: r.Base, Type: ntdef.MEM_RELEASE}
				if st := s.as.Free(&r); st != ntdef.STATUS_SUCCESS {
					b.Fatal(st)
				}
			}
		})
		b.Run(fmt.Sprintf("query/N=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, st := s.as.Query(last); st != ntdef.STATUS_SUCCESS {
					b.Fatal(st)
				}
			}
		})
	}
}
