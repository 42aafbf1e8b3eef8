package bench

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
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

func newSystem(b testing.TB, ram uint64) *system { return newSystemOf(b, ram, ntmm.Config{}) }

// newSystemOf is newSystem with the options of a Config.
func newSystemOf(b testing.TB, ram uint64, c ntmm.Config) *system {
	mem, err := physmem.New(ram)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, mem.Close()) })
	m := mmu.New(mem, mmu.Options{})
	c.Memory, c.MMU = mem, m
	mm, err := ntmm.NewManager(c)
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

func (s *system) allocate(b testing.TB, size uint64, typ, protect uint32) x86.VirtAddr {
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

// mapPages fills the address space with valid PTEs: views of one section of 2 MiB, so that few frames carry them.
func (s *system) mapPages(b testing.TB, pages int) {
	const size = 2 << 20
	sec, st := s.mm.NewSection(nil, size, ntdef.PAGE_READWRITE, ntdef.SEC_COMMIT)
	require.Equal(b, ntdef.STATUS_SUCCESS, st)
	for ; pages > 0; pages -= size >> 12 {
		v := ntmm.View{Protect: ntdef.PAGE_READWRITE}
		require.Equal(b, ntdef.STATUS_SUCCESS, s.as.MapView(sec, &v))
		for off := x86.VirtAddr(0); off < min(size, x86.VirtAddr(pages)<<12); off += 4096 {
			s.touch(b, v.Base+off, 0)
		}
	}
}

// touch answers the fault of an access, which must be one.
func (s *system) touch(b testing.TB, va x86.VirtAddr, code uint32) ntmm.FaultKind {
	r := s.as.Fault(&x86.Fault{Vector: x86.VectorPF, Code: x86.PFUser | code, Addr: va}, ntmm.UserMode)
	if r.Status != ntdef.STATUS_SUCCESS {
		b.Fatal(r.Status)
	}
	return r.Kind
}

// cycle runs faults over the pages of an area in turn; prepare makes them fault again and is part of the cost.
func (s *system) cycle(b *testing.B, base x86.VirtAddr, pages int, code uint32, want ntmm.FaultKind, prepare func()) {
	b.ReportAllocs()
	page := pages
	for b.Loop() {
		if page == pages {
			page = 0
			prepare()
		}
		if kind := s.touch(b, base+x86.VirtAddr(page)<<12, code); kind != want {
			b.Fatalf("page %d: %v", page, kind)
		}
		page++
	}
}

// zeros is a page file or a data file that keeps nothing: its pages read as zeros.
type zeros struct{ size uint64 }

func (zeros) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (zeros) Truncate(int64) error                   { return nil }
func (z zeros) Size() uint64                         { return z.size }
func (zeros) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

// BenchmarkFaultKind has the memory manager's part alone of one fault of each kind, with what makes the page fault again. The
// demand-zero faults are also among a million pages that are mapped already.
func BenchmarkFaultKind(b *testing.B) {
	const pages = 1024
	const size = pages << 12
	rw := ntdef.PAGE_READWRITE
	must := func(b *testing.B, st ntdef.Status) {
		if st != ntdef.STATUS_SUCCESS {
			b.Fatal(st)
		}
	}
	for _, mapped := range []int{1_000, 1_000_000} {
		b.Run(fmt.Sprintf("demand-zero/mapped=%d", mapped), func(b *testing.B) {
			s := newSystem(b, 64<<20)
			s.mapPages(b, mapped)
			base := s.allocate(b, size, commit, rw)
			s.cycle(b, base, pages, x86.PFWrite, ntmm.DemandZero, func() {
				must(b, s.as.Free(&ntmm.Request{Base: base, Size: size, Type: ntdef.MEM_DECOMMIT}))
				must(b, s.as.Allocate(&ntmm.Request{Base: base, Size: size, Type: ntdef.MEM_COMMIT, Protect: rw}))
			})
		})
	}
	b.Run("transition", func(b *testing.B) {
		s := newSystem(b, 64<<20)
		base := s.allocate(b, size, commit, rw)
		for off := x86.VirtAddr(0); off < size; off += 4096 {
			s.touch(b, base+off, x86.PFWrite)
		}
		s.cycle(b, base, pages, 0, ntmm.Transition, s.as.EmptyWorkingSet)
	})
	b.Run("page-file", func(b *testing.B) {
		s := newSystem(b, 64<<20)
		must(b, s.mm.AddPageFile(&ntmm.PageFile{Name: "pagefile.sys", Storage: zeros{}, Initial: 64 << 20}))
		base := s.allocate(b, 8*size, commit, rw)
		for off := x86.VirtAddr(0); off < 8*size; off += 4096 {
			s.write(b, base+off, []byte{1})
		}
		// Every eighth page: a hard fault reads the seven behind it too.
		b.ReportAllocs()
		at := x86.VirtAddr(8 * size)
		for b.Loop() {
			if at == 8*size {
				at = 0
				s.as.EmptyWorkingSet()
				s.mm.FlushModified()
				s.mm.PurgeStandby(7)
			}
			if kind := s.touch(b, base+at, 0); kind != ntmm.PageFileIn {
				b.Fatal(kind)
			}
			at += 8 * 4096
		}
	})
	b.Run("compressed", func(b *testing.B) { // the page is compressed and decompressed
		s := newSystemOf(b, 64<<20, ntmm.Config{Compress: true})
		base := s.allocate(b, size, commit, rw)
		text := bytes.Repeat([]byte("a page of text, "), 250)
		for off := x86.VirtAddr(0); off < size; off += 4096 {
			binary.LittleEndian.PutUint64(text[off>>12%500*8:], uint64(off))
			s.write(b, base+off, text)
		}
		s.cycle(b, base, pages, 0, ntmm.Compressed, func() {
			s.as.EmptyWorkingSet()
			s.mm.FlushModified()
			s.mm.PurgeStandby(7)
		})
	})
	b.Run("combined", func(b *testing.B) { // the copy of a combined page, and combining it again
		s := newSystem(b, 64<<20)
		base := s.allocate(b, size, commit, rw)
		for off := x86.VirtAddr(0); off < size; off += 4096 {
			s.touch(b, base+off, x86.PFWrite)
		}
		s.cycle(b, base, pages, x86.PFWrite|x86.PFPresent, ntmm.CopyOnWrite, func() { s.mm.Combine() })
	})
	b.Run("mapped-file", func(b *testing.B) {
		s := newSystem(b, 64<<20)
		sec, st := s.mm.NewSection(&ntmm.FileSections{Name: "data", File: zeros{8 * size}}, 0, rw, ntdef.SEC_COMMIT)
		must(b, st)
		v := ntmm.View{Protect: rw}
		must(b, s.as.MapView(sec, &v))
		b.ReportAllocs()
		at := x86.VirtAddr(8 * size)
		for b.Loop() {
			if at == 8*size {
				at = 0
				s.as.EmptyWorkingSet()
				s.mm.PurgeStandby(7)
			}
			if kind := s.touch(b, v.Base+at, 0); kind != ntmm.MappedFile {
				b.Fatal(kind)
			}
			at += 8 * 4096
		}
	})
	b.Run("copy-on-write", func(b *testing.B) {
		s := newSystem(b, 64<<20)
		sec, st := s.mm.NewSection(nil, size, rw, ntdef.SEC_COMMIT)
		must(b, st)
		shared := ntmm.View{Protect: rw}
		must(b, s.as.MapView(sec, &shared))
		for off := x86.VirtAddr(0); off < size; off += 4096 {
			s.touch(b, shared.Base+off, x86.PFWrite)
		}
		v := ntmm.View{Protect: ntdef.PAGE_WRITECOPY}
		must(b, s.as.MapView(sec, &v))
		s.cycle(b, v.Base, pages, x86.PFWrite, ntmm.CopyOnWrite, func() {
			must(b, s.as.UnmapView(v.Base))
			must(b, s.as.MapView(sec, &v))
		})
	})
	b.Run("large-page", func(b *testing.B) {
		s := newSystem(b, 64<<20)
		b.ReportAllocs()
		for b.Loop() {
			r := ntmm.Request{Size: ntmm.LargePageSize, Type: commit | ntdef.MEM_LARGE_PAGES, Protect: rw, LockMemory: true}
			must(b, s.as.Allocate(&r))
			must(b, s.as.Free(&ntmm.Request{Base: r.Base, Type: ntdef.MEM_RELEASE}))
		}
	})
	b.Run("trim", func(b *testing.B) { // of a page, and its way back
		s := newSystem(b, 64<<20)
		base := s.allocate(b, size, commit, rw)
		for off := x86.VirtAddr(0); off < size; off += 4096 {
			s.touch(b, base+off, x86.PFWrite)
		}
		page := x86.VirtAddr(0)
		b.ReportAllocs()
		for b.Loop() {
			va := base + page<<12
			s.as.RemoveFromWorkingSet(va, va+4096)
			if s.touch(b, va, 0) != ntmm.Transition {
				b.Fatal("not in transition")
			}
			page = (page + 1) % pages
		}
	})
}

// BenchmarkOverhead has the host's memory for each frame and for each VAD: the PFN database, and a reservation's descriptor.
func BenchmarkOverhead(b *testing.B) {
	measure := func(f func() (keep any)) float64 {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		keep := f()
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(keep)
		return float64(after.HeapAlloc) - float64(before.HeapAlloc)
	}
	for b.Loop() {
	}
	const frames, vads = 32768, 10_000
	s := newSystem(b, 2*frames<<12)
	base := s.allocate(b, frames<<12, commit, ntdef.PAGE_READWRITE)
	b.ReportMetric(measure(func() any {
		for page := x86.VirtAddr(0); page < frames; page++ {
			s.touch(b, base+page<<12, 0)
		}
		return s
	})/frames, "B/frame")
	b.ReportMetric(measure(func() any {
		for range vads {
			s.allocate(b, 4096, ntdef.MEM_RESERVE, ntdef.PAGE_READWRITE)
		}
		return s
	})/vads, "B/VAD")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkVAD has the cost of the tree as it grows: a reservation made and released, a query and a change of protection, among
// N others.
func BenchmarkVAD(b *testing.B) {
	for _, n := range []int{100, 100_000} {
		s := newSystem(b, 1<<30)
		var last x86.VirtAddr
		for range n {
			last = s.allocate(b, 4096, commit, ntdef.PAGE_READWRITE)
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
		b.Run(fmt.Sprintf("protect/N=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for protect := ntdef.PAGE_READWRITE; b.Loop(); protect ^= ntdef.PAGE_READWRITE ^ ntdef.PAGE_READONLY {
				if _, st := s.as.Protect(&ntmm.Request{Base: last, Size: 4096, Protect: protect}); st != ntdef.STATUS_SUCCESS {
					b.Fatal(st)
				}
			}
		})
	}
}
