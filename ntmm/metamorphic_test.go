package ntmm

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/mmu"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/physmem"
	"github.com/pagewalk/pagewalk/x86"
)

// A choice is what a player decides by: bytes, of which there are only so many.
type choice struct{ data []byte }

func (c *choice) n(below int) int {
	if len(c.data) == 0 {
		return 0
	}
	b := int(c.data[0])
	c.data = c.data[1:]
	if below > 256 && len(c.data) != 0 {
		b = b<<8 | int(c.data[0])
		c.data = c.data[1:]
	}
	return b % below
}

func of[T any](c *choice, list ...T) T { return list[c.n(len(list))] }

// A player runs one sequence of services and touches from two processes, over shared sections, views of an image and of a file,
// copies, and private memory, and notes everything that a guest can see.
type player struct {
	*world
	choice
	spaces [2]*AddressSpace
	file   *FileSections
	mapped *Section
	anon   *Section
	image  *Section
	log    []string
}

// A machine is what a sequence is played on.
type machine struct {
	name     string
	frames   uint64
	config   Config
	pageFile bool
}

// tight is 64 frames beyond the least that a manager accepts.
const tight = minFrames + 64

var ample = machine{name: "ample", frames: 4096}

var machines = []machine{
	{"page file", tight, Config{}, true},
	{"compression", tight, Config{Compress: true}, true},
	{"combining", tight, Config{Combine: true}, true},
	{"compression and combining", tight, Config{Compress: true, Combine: true}, true},
	{"combining in ample RAM", 4096, Config{Combine: true}, false},
}

func newPlayer(t testing.TB, m machine, data []byte) *player {
	mem, err := physmem.New(m.frames * x86.PageSize)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, mem.Close()) })
	w := &world{t: t, mem: mem, mmu: mmu.New(mem, mmu.Options{})}
	m.config.Memory, m.config.MMU = mem, w.mmu
	w.m, err = NewManager(m.config)
	require.NoError(t, err)
	w.m.commit.limit = 10_000
	if m.pageFile {
		w.pageFile(2048, 4096)
	}
	p := &player{world: w, choice: choice{data}}
	for i := range p.spaces {
		var st ntdef.Status
		p.spaces[i], st = w.m.NewAddressSpace(Layout{low, 0x7ffffffeffff})
		require.Equal(t, success, st)
		require.Equal(t, success, p.spaces[i].SetWorkingSet(30, 40, false, i == 1))
	}
	for _, f := range []*x86.Fault{
		w.mmu.SetCR3(uint64(p.spaces[0].CR3())), w.mmu.SetCR4(x86.CR4PAE | x86.CR4SMEP),
		w.mmu.SetEFER(x86.EFERLME | x86.EFERNXE), w.mmu.SetCR0(x86.CR0PE | x86.CR0PG | x86.CR0WP),
		w.mmu.SetCR4(x86.CR4PAE | x86.CR4SMEP | x86.CR4PCIDE),
	} {
		require.Nil(t, f)
	}
	w.mmu.SetCPL(3)
	d := &disk{}
	for i := range slotPages << 12 { // whole pages: what is written behind a file's end may be lost or not
		d.data = append(d.data, byte(i>>12+i))
	}
	p.file = &FileSections{Name: "data.bin", File: d}
	var st ntdef.Status
	p.mapped, st = w.m.NewSection(p.file, 0, ntdef.PAGE_EXECUTE_READWRITE, ntdef.SEC_COMMIT)
	require.Equal(t, success, st)
	p.anon, st = w.m.NewSection(nil, slotPages<<12, ntdef.PAGE_EXECUTE_READWRITE, ntdef.SEC_RESERVE)
	require.Equal(t, success, st)
	p.image, st = w.m.NewImageSection(&Image{
		Name: "program.exe", File: bytes.NewReader(bytes.Clone(d.data)), Base: playBase, Size: slotPages << 12,
		Delta: 0x30000, Width: 8, Fixups: []uint32{0x1008, 0x1ffc, 0x5000, 0xb010, 0xc100, 0x18020},
		Subsections: []Subsection{
			{RVA: 0, VirtualSize: 0x400, FileSize: 0x400, Protect: ntdef.PAGE_READONLY},
			{RVA: 0x1000, VirtualSize: 0xa000, FileOffset: 0x400, FileSize: 0x9e00, Protect: ntdef.PAGE_EXECUTE_READ},
			{RVA: 0xb000, VirtualSize: 0xd000, FileOffset: 0xa200, FileSize: 0x5000, Protect: ntdef.PAGE_WRITECOPY},
			{RVA: 0x18000, VirtualSize: 0x8000, FileOffset: 0xf200, FileSize: 0x2000, Protect: rw, Shared: true},
		},
	})
	require.Equal(t, success, st)
	return p
}

// The places that a player works in: one page table's worth, so that the tables leave room.
const (
	playBase  = x86.VirtAddr(0x10000000)
	playSlots = 5
	slotPages = 40
	slotSize  = 0x40000
)

func (p *player) note(format string, args ...any) {
	p.log = append(p.log, fmt.Sprintf(format, args...))
}

// enter makes one of the processes the running one.
func (p *player) enter(i int) {
	p.as = p.spaces[i]
	require.Nil(p.t, p.as.Activate())
}

func (p *player) step() {
	p.enter(p.n(2))
	slot := playBase + x86.VirtAddr(p.n(playSlots))*slotSize
	va := slot + x86.VirtAddr(p.n(slotPages))<<12
	size := uint64(1+p.n(10)) << 12
	switch op := p.n(44); op {
	case 0, 1:
		_, st := p.allocate(slot, slotPages<<12, of(&p.choice, commitNow, commitNow, ntdef.MEM_RESERVE, commitNow|ntdef.MEM_WRITE_WATCH), rw)
		p.note("reserve %v %v", slot, st)
	case 2:
		if p.n(3) == 0 {
			p.note("release %v", p.free(va, size, ntdef.MEM_RELEASE))
		} else {
			p.note("release %v", p.free(slot, 0, ntdef.MEM_RELEASE))
		}
	case 3:
		p.note("decommit %v", p.free(va, size, ntdef.MEM_DECOMMIT))
	case 4, 5:
		_, st := p.allocate(va, size, ntdef.MEM_COMMIT, of(&p.choice, rw, rw, ntdef.PAGE_READONLY, ntdef.PAGE_EXECUTE_READWRITE))
		p.note("commit %v", st)
	case 6, 7:
		old, st := p.protect(va, size, of(&p.choice, rw, rw, rw, ntdef.PAGE_EXECUTE_READWRITE, ntdef.PAGE_READONLY, ntdef.PAGE_NOACCESS,
			rw|ntdef.PAGE_GUARD, ntdef.PAGE_WRITECOPY, ntdef.PAGE_EXECUTE_READ, rw|ntdef.PAGE_NOCACHE))
		p.note("protect %#x %v", old, st)
	case 8, 9, 10:
		v := View{Base: slot}
		s := []*Section{p.mapped, p.anon, p.image}[op-8]
		if op != 10 {
			v.Protect = of(&p.choice, 0, rw, ntdef.PAGE_WRITECOPY, ntdef.PAGE_READONLY, ntdef.PAGE_EXECUTE_WRITECOPY)
		}
		if op == 9 {
			v.CommitSize = size
		}
		p.note("map %v %v", v.Protect, p.as.MapView(s, &v))
	case 11:
		p.note("unmap %v", p.as.UnmapView(va))
	case 12:
		p.as.EmptyWorkingSet()
	case 13:
		p.note("flush %v", p.as.Flush(&Request{Base: slot}))
	case 14:
		b := make([]byte, 9000)
		n, err := p.m.ReadFile(p.file, b, uint64(p.n(37<<12)))
		p.note("read %d %v %08x", n, err, crc32.ChecksumIEEE(b))
	case 15:
		b := make([]byte, p.n(9000))
		for i := range b {
			b[i] = byte(i * len(b))
		}
		_, err := p.m.WriteFile(p.file, b, uint64(p.n(37<<12)))
		require.NoError(p.t, err)
	case 16:
		p.note("query %v", p.query(va))
	case 17:
		p.note("discard %v", p.as.Discard(&Request{Base: va, Size: size}))
	case 18:
		pages, st := p.as.WriteWatch(&Request{Base: va, Size: size}, 5, p.n(2) == 0)
		p.note("written %v %v", pages, st)
	case 19:
		p.m.Tick(uint64(len(p.log)) * balanceInterval / 8)
	case 20:
		if p.m.combines {
			p.m.Combine()
		}
	case 21:
		p.note("lock %v", p.as.Lock(&Request{Base: va, Size: min(size, 0x3000)}))
	case 22:
		p.note("unlock %v", p.as.Unlock(&Request{Base: va, Size: min(size, 0x3000)}))
	case 23:
		p.as.RemoveFromWorkingSet(va, va+x86.VirtAddr(size))
	case 24:
		of(&p.choice, p.m.FlushModified, func() { p.m.PurgeStandby(p.n(priorities)) }, func() { p.as.Prefetch(va, va+x86.VirtAddr(size)) })()
	case 25, 26, 27, 28, 29, 30, 31:
		// Whole pages: of one of a few contents, which others have too, or of noise, which does not compress.
		b := make([]byte, x86.PageSize)
		switch k := p.n(8); {
		case k < 4:
			for i := range b {
				b[i] = byte(i*k + k)
			}
		case k < 6:
			r := rand.New(rand.NewPCG(uint64(p.n(256)), 1))
			for i := range b[:k*800-100] {
				b[i] = byte(r.Uint32())
			}
		}
		for range 1 + p.n(4) {
			_, r := p.access(va, x86.Write, b[0])
			p.note("page %v %v", va, r.Status)
			if r.Status == success {
				require.Nil(p.t, p.mmu.Write(va, b))
			}
			va += x86.PageSize
		}
	default:
		for range 6 {
			a := of(&p.choice, x86.Read, x86.Read, x86.Write, x86.Execute)
			got, r := p.access(va+x86.VirtAddr(p.n(4096)), a, byte(p.n(256)))
			p.note("%v %v %d %v", a, va, got, r.Status)
			va = slot + x86.VirtAddr(p.n(slotPages))<<12
		}
	}
}

// end reads everything: the regions of both processes, what every page of them has, and the file.
func (p *player) end() {
	for i, as := range p.spaces {
		p.enter(i)
		for r := range as.Regions() {
			p.note("region %v", r)
			for va := r.BaseAddress; r.State == ntdef.MEM_COMMIT && va < r.BaseAddress+r.RegionSize; va += x86.PageSize {
				at := x86.VirtAddr(va)
				if _, res := p.access(at, x86.Read, 0); res.Status != success {
					p.note("page %v: %v", at, res.Status)
					continue
				}
				b := make([]byte, x86.PageSize)
				require.Nil(p.t, p.mmu.Read(at, b))
				p.note("page %v: %08x", at, crc32.ChecksumIEEE(b))
			}
		}
	}
	b := make([]byte, p.file.File.Size())
	_, err := p.m.ReadFile(p.file, b, 0)
	p.note("file %v %08x", err, crc32.ChecksumIEEE(b))
	p.note("commit %d", p.m.Counters().CommittedPages-p.m.Counters().PageTablePages)
}

func play(t testing.TB, m machine, data []byte) ([]string, Counters) {
	p := newPlayer(t, m, data)
	for i := 0; len(p.data) != 0 && i < 600; i++ {
		p.step()
		require.NoError(t, p.m.verify(), "%s, step %d: %v", m.name, i, p.log[max(0, len(p.log)-3):])
	}
	p.end()
	require.NoError(t, p.m.verify(), "%s, at the end", m.name)
	return p.log, p.m.Counters()
}

// sequence is a sequence of random choices.
func sequence(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 11))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// FuzzPaging compares what two processes see on a machine with plenty of RAM and on small ones, with a page file, with compression and
// with combining.
func FuzzPaging(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(sequence(seed, 2500))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		want, _ := play(t, ample, data)
		for _, m := range machines {
			got, _ := play(t, m, data)
			require.Equal(t, want, got, m.name)
		}
	})
}

func TestPagingChangesNothingThatAGuestSees(t *testing.T) {
	n := uint64(24)
	if testing.Short() {
		n = 4
	}
	sum := make([]Counters, len(machines))
	for seed := range n {
		data := sequence(seed+100, 2500)
		want, rich := play(t, ample, data)
		require.Zero(t, rich.PageFileFaults+rich.CompressedFaults, "plenty of RAM pages nothing out")
		for i, m := range machines {
			got, c := play(t, m, data)
			require.Equal(t, want, got, "seed %d, %s", seed, m.name)
			s := &sum[i]
			s.PageFileFaults += c.PageFileFaults
			s.CompressedFaults += c.CompressedFaults
			s.PagesOutput += c.PagesOutput
			s.PagesCombined += c.PagesCombined
			s.StorePagesOutput += c.StorePagesOutput
		}
	}
	for i, m := range machines {
		s := &sum[i]
		require.Equal(t, m.config.Combine, s.PagesCombined > n, m.name)
		require.Equal(t, m.config.Compress, s.CompressedFaults > n, m.name)
		if m.pageFile {
			require.Greater(t, s.PagesOutput, n, m.name)
			require.Positive(t, s.PageFileFaults, m.name)
		}
	}
}
