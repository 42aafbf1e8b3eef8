package nt_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"os"
	"runtime/metrics"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/winapi"
	"github.com/pagewalk/pagewalk/winapi/kernel32"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
	"github.com/pagewalk/pagewalk/x86"
)

// A player is a machine whose program asks it, again and again, which system call to make next. The calls are real ones: they block,
// deliver APCs, end threads and start processes, whose program asks too. What is called and with which arguments is told by bytes: the first is of the machine,
// callBytes for a call.
type player struct {
	t       testing.TB
	sys     *nt.System
	bytes   []byte
	rows    []*nt.Service // that are called
	places  map[*nt.Process]*place
	called  map[string]int
	last    []string // the calls of late, for reports
	failed  string
	digest  uint64 // of all calls and their results
	began   time.Time
	slowest time.Duration
	which   string // the slowest call
	heap    uint64 // bytes that were ever allocated, at the last call
}

// callBytes is how many bytes tell a call: two of the row, the others of the arguments.
const callBytes = 56

// What a call may take of the host.
const (
	maxCallTime = 20 * time.Second
	maxCallHeap = 512 << 20
)

// place is what a process has for the arguments of its calls.
type place struct {
	p       *nt.Process
	code    uint64 // asks for the next call
	data    uint64 // a part of slotSize for each argument
	edge    uint64 // the end of a page, behind which is nothing
	hostile []uint64
	handles []uint64
	typed   map[string][]uint64 // by type
}

const slotSize = 0x1000

// asking is the program: it reserves room for arguments, and asks and calls for ever.
func asking(number uint32) []byte {
	code := []byte{0x48, 0x81, 0xec, 0x08, 0x01, 0x00, 0x00} // sub rsp,108h
	code = append(code, 0x49, 0x89, 0xca, 0xb8)              // mov r10,rcx; mov eax,number
	code = binary.LittleEndian.AppendUint32(code, number)
	return append(code, 0x0f, 0x05, 0x0f, 0x05, 0xeb, 0xf2) // syscall; syscall; jmp to mov r10,rcx
}

func newPlayer(t testing.TB, data []byte) *player {
	machine := byte(0)
	if len(data) > 0 {
		machine, data = data[0], data[1:]
	}
	w := &player{t: t, bytes: data, places: map[*nt.Process]*place{}, called: map[string]int{}, heap: allocated()}
	for i := range nt.Services() {
		w.rows = append(w.rows, &nt.Services()[i])
	}
	k := kernel32.DLL()
	set, err := winapi.Build([]*winapi.DLL{ntdll.DLL(k), k})
	require.NoError(t, err)
	number := uint32(nt.UserFuncBase + len(set.Funcs))
	funcs := append(slices.Clone(set.Funcs), nt.Func("NextCall", func(th *nt.Thread, _ *struct{}) (uint64, error) { return w.next(th) }))
	w.sys, err = nt.New(nt.Config{
		RAMBytes: []uint64{64, 64, 8, 3}[machine&3] << 20, Compress: machine&4 != 0, Combine: machine&8 != 0, Seed: uint64(machine >> 4), SystemImages: set.Images, UserFuncs: funcs, MaxInstructions: 3 << 20,
		Stdin: strings.NewReader("input"), Stdout: io.Discard, Stderr: io.Discard,
		Privileges: privileges, Hooks: nt.Hooks{Service: w.served},
	})
	require.NoError(t, err)
	image, err := os.ReadFile("../tests/guests/tiny.exe")
	require.NoError(t, err)
	le := binary.LittleEndian
	section := image[int(le.Uint32(image[0x3c:]))+24+240:]
	require.Equal(t, ".text", string(section[:5]))
	copy(image[le.Uint32(section[20:]):], asking(number))
	// Children find the program on the disk, the first process is given it.
	p, err := w.sys.StartProcess(nt.Program{Path: `C:\guest\tiny.exe`, File: bytes.NewReader(image), Size: int64(len(image))}, nil, nil)
	require.NoError(t, err)
	for _, file := range []struct{ name, text string }{{"file", "a file of data"}, {"child.exe", string(image)}} {
		h, _, st := p.CreateFile(&nt.OpenRequest{Path: `C:\Temp\` + file.name, Access: ntdef.GENERIC_WRITE, Disposition: ntdef.FILE_CREATE})
		require.Equal(t, ntdef.STATUS_SUCCESS, st)
		_, st = p.WriteFile(h, []byte(file.text))
		require.Equal(t, ntdef.STATUS_SUCCESS, st)
		require.Equal(t, ntdef.STATUS_SUCCESS, p.CloseHandle(h))
	}
	return w
}

// play runs the machine until the bytes are used up or the program has ended, and closes it.
func (w *player) play() {
	w.t.Helper()
	w.run()
	require.Empty(w.t, w.failed, w.report())
}

func (w *player) run() {
	w.began = time.Now()
	watch := time.AfterFunc(3*maxCallTime, func() { panic("a call hangs:\n" + w.report()) })
	defer watch.Stop()
	defer func() {
		if e := recover(); e != nil {
			panic(fmt.Sprintf("%v\n%s", e, w.report()))
		}
	}()
	_, err := w.sys.Run(context.Background())
	var stop *nt.Stop
	if err != nil && !errors.As(err, &stop) && !errors.Is(err, nt.ErrInstructions) {
		w.fail("the run ends with %v", err)
	}
	if err := w.sys.Close(); err != nil {
		w.fail("the machine does not close: %v", err)
	}
}

func (w *player) report() string { return strings.Join(w.last, "\n") }

func (w *player) fail(format string, args ...any) {
	if w.failed == "" {
		w.failed = fmt.Sprintf(format, args...)
	}
}

func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// errPlayed is the reason by which the run ends when every call was made.
const errPlayed = "every call was made"

// next chooses the next system call of a thread and puts its arguments in place; it returns its number.
func (w *player) next(t *nt.Thread) (uint64, error) {
	w.measure()
	if len(w.bytes) < callBytes || w.failed != "" {
		return 0, t.Stop(errPlayed)
	}
	g := &chooser{w: w, t: t, bytes: w.bytes[2:callBytes]}
	row := w.rows[int(binary.LittleEndian.Uint16(w.bytes))%len(w.rows)]
	w.bytes = w.bytes[callBytes:]
	w.called[row.Name]++
	if g.place = w.places[t.Process()]; g.place == nil {
		g.place = w.settle(t)
		w.places[t.Process()] = g.place
	}
	if n := g.byte(); n < 80 {
		g.wild = n
	} else {
		g.wild = 8
	}
	c := t.CPU()
	text := fmt.Sprintf("thread %d: %s", t.ID(), row.Name)
	for i, name := range row.Params() {
		v := g.argument(row.Name, name, i)
		text += fmt.Sprintf(" %s=%#x", name, v)
		if i < 4 {
			c.R[[...]int{cpu.R10, cpu.RDX, cpu.R8, cpu.R9}[i]] = v
		} else if err := t.Store64(c.R[cpu.RSP]+0x28+8*uint64(i-4), v); err != nil {
			return 0, err
		}
	}
	if w.last = append(w.last, text); len(w.last) > 40 {
		w.last = w.last[1:]
	}
	w.began = time.Now()
	return uint64(row.Number), nil
}

// measure looks at what the last call took.
func (w *player) measure() {
	if len(w.last) == 0 {
		return
	}
	if took := time.Since(w.began); took > w.slowest {
		w.slowest, w.which = took, w.last[len(w.last)-1]
		if took > maxCallTime {
			w.fail("a call took %v", took)
		}
	}
	now := allocated()
	if now-w.heap > maxCallHeap {
		w.fail("a call allocated %d MiB", (now-w.heap)>>20)
	}
	w.heap = now
}

// results are services whose result is no status.
var results = map[string]bool{
	"NtGetTickCount": true, "NtGetCurrentProcessorNumber": true, "__wine_dbg_write": true,
}

// served looks at the result of a call.
func (w *player) served(t *nt.Thread, e *nt.ServiceEvent) {
	h := fnv.New64a()
	fmt.Fprint(h, w.digest, t.ID(), e.Name, e.Args, e.Status)
	w.digest = h.Sum64()
	if !results[e.Name] && e.Status > 0xff && strings.HasPrefix(e.Status.String(), "status ") {
		w.fail("%s: %v", e.Name, e.Status)
	}
	if n := len(w.last); n > 0 {
		w.last[n-1] += " → " + e.Status.String()
	}
}

// privileges are those that the calls ask for.
var privileges = []nt.Privilege{
	nt.SeLockMemoryPrivilege, nt.SeIncreaseQuotaPrivilege, nt.SeTcbPrivilege, nt.SeSecurityPrivilege, nt.SeTakeOwnershipPrivilege,
	nt.SeSystemtimePrivilege, nt.SeProfileSingleProcessPrivilege, nt.SeIncreaseBasePriorityPrivilege, nt.SeCreatePagefilePrivilege,
	nt.SeBackupPrivilege, nt.SeRestorePrivilege, nt.SeShutdownPrivilege, nt.SeDebugPrivilege, nt.SeSystemEnvironmentPrivilege,
}

// settle gives a process its memory and handles of every type.
func (w *player) settle(t *nt.Thread) *place {
	p := t.Process()
	g := &place{p: p, typed: map[string][]uint64{}, code: p.Program().Base + 0x1000}
	memory := func(size uint64, typ, protect uint32) uint64 {
		r := ntmm.Request{Size: size, Type: typ, Protect: protect}
		p.AllocateVirtualMemory(&r) // where there is no room, 0 is hostile too
		return uint64(r.Base)
	}
	const commit = ntdef.MEM_RESERVE | ntdef.MEM_COMMIT
	g.data = memory(16*slotSize, commit, ntdef.PAGE_READWRITE)
	g.edge = memory(0x10000, ntdef.MEM_RESERVE, ntdef.PAGE_READWRITE) + 0x2000
	p.AllocateVirtualMemory(&ntmm.Request{Base: x86.VirtAddr(g.edge - 0x2000), Size: 0x2000, Type: ntdef.MEM_COMMIT, Protect: ntdef.PAGE_READWRITE})
	g.hostile = []uint64{
		0, 1, 8, 0xfff0, 0x7ffe0000, 0x7ffe0ff8, 0x7fffffff0000, 0x7fffffffffff, 1 << 47, 0xffff800000000000, 0xfffff78000000000, ^uint64(0),
		^uint64(7), 1 << 63, g.code, p.Program().Base, p.Program().Base + 0x2000, t.TEB(), p.PEB(), t.CPU().R[cpu.RSP], t.CPU().R[cpu.RSP] - 0x3000,
		g.edge, g.edge - 1, g.edge - 4, g.edge - 8, g.edge - 0x1000, g.edge + 0x1000,
		memory(0x2000, commit, ntdef.PAGE_READWRITE|ntdef.PAGE_GUARD), memory(0x2000, commit, ntdef.PAGE_NOACCESS),
		memory(0x2000, commit, ntdef.PAGE_READONLY), memory(0x20000, ntdef.MEM_RESERVE, ntdef.PAGE_READWRITE),
		memory(0x10000, commit|ntdef.MEM_WRITE_WATCH, ntdef.PAGE_READWRITE), memory(0x10000, ntdef.MEM_RESERVE|ntdef.MEM_PHYSICAL, ntdef.PAGE_READWRITE),
		memory(0x20000, commit, ntdef.PAGE_EXECUTE_READWRITE),
	}
	add := func(typ string, h ntdef.Handle, st ntdef.Status) {
		if st == ntdef.STATUS_SUCCESS {
			g.handles = append(g.handles, uint64(h))
			g.typed[typ] = append(g.typed[typ], uint64(h))
		}
	}
	event, st := p.CreateEvent(&nt.ObjectRequest{Name: "event"}, true, true)
	add("Event", event, st)
	event, st = p.CreateEvent(&nt.ObjectRequest{}, false, false)
	add("Event", event, st)
	h, st := p.CreateSemaphore(&nt.ObjectRequest{}, 1, 3)
	add("Semaphore", h, st)
	h, st = t.CreateMutant(&nt.ObjectRequest{Name: "mutant"}, true)
	add("Mutant", h, st)
	h, st = p.CreateTimer(&nt.ObjectRequest{}, false)
	add("Timer", h, st)
	h, st = p.CreateSection(&nt.SectionRequest{Name: "section", Size: 0x30000, Protect: ntdef.PAGE_READWRITE, Attributes: ntdef.SEC_COMMIT})
	add("Section", h, st)
	h, st = p.CreateJob(&nt.ObjectRequest{})
	add("Job", h, st)
	h, st = p.CreateCompletionPort(&nt.ObjectRequest{}, 0)
	add("IoCompletion", h, st)
	h, st = p.OpenMemoryCondition(0)
	add("Event", h, st)
	for _, r := range []nt.OpenRequest{
		{Path: `C:\Temp\file`, Access: readWrite | ntdef.DELETE, Disposition: ntdef.FILE_OPEN, Share: 7},
		{Path: `C:\Temp\file`, Access: readWrite | 0x100000, Disposition: ntdef.FILE_OPEN, Share: 7, Options: synchronous},
		{Path: `C:\Temp`, Access: ntdef.GENERIC_READ, Disposition: ntdef.FILE_OPEN, Share: 7, Options: ntdef.FILE_DIRECTORY_FILE},
		{Path: `C:\Temp\child.exe`, Access: ntdef.GENERIC_READ, Disposition: ntdef.FILE_OPEN, Share: 7},
	} {
		h, _, st := p.CreateFile(&r)
		add("File", h, st)
		if r.Path == `C:\Temp\child.exe` {
			h, st = p.CreateSection(&nt.SectionRequest{Protect: ntdef.PAGE_READONLY, Attributes: ntdef.SEC_IMAGE, File: h})
			add("Section", h, st)
		}
	}
	read, write, st := p.CreatePipe(64, nt.SecurityAttributes{})
	add("File", read, st)
	add("File", write, st)
	h, _, st = p.CreateNamedPipe(&nt.PipeRequest{
		Path: `\\.\pipe\p`, Access: readWrite, Share: 3, Disposition: ntdef.FILE_OPEN_IF, Messages: true, MaximumInstances: 3, InboundQuota: 64, OutQuota: 64,
	})
	add("File", h, st)
	h, _, st = p.CreateFile(&nt.OpenRequest{Path: `\\.\pipe\p`, Access: readWrite, Disposition: ntdef.FILE_OPEN, Share: 7})
	add("File", h, st)
	h, _, st = p.CreateKey(&nt.KeyRequest{Name: `\Registry\Machine\Software\Fuzz`, Access: ntdef.GENERIC_ALL})
	add("Key", h, st)
	h, _, st = p.CreateKey(&nt.KeyRequest{Name: `\Registry\Machine\Software\Fuzz\Sub`, Access: ntdef.GENERIC_ALL})
	add("Key", h, st)
	h, st = p.OpenProcessToken(ntdef.CurrentProcess, 0xf01ff)
	add("Token", h, st)
	h, st = p.OpenProcess(p.ID(), ntdef.GENERIC_ALL, true)
	add("Process", h, st)
	h, st = p.OpenThread(t.ID(), ntdef.GENERIC_ALL, false)
	add("Thread", h, st)
	for _, suspended := range []bool{true, false, false} {
		h, _, st := t.CreateThread(&nt.ThreadRequest{Start: g.code, Suspended: suspended})
		add("Thread", h, st)
	}
	if len(w.places) == 0 {
		_, process, thread, st := t.CreateProcess(&nt.ProcessRequest{Path: `C:\Temp\child.exe`, CommandLine: "child", Folder: `C:\Temp`, Inherit: true})
		add("Process", process, st)
		add("Thread", thread, st)
	}
	for i, pr := range privileges {
		t.Store64(g.data+4+12*uint64(i), uint64(pr))
		t.Store32(g.data+12+12*uint64(i), 2)
	}
	t.Store32(g.data, uint32(len(privileges)))
	if h, st := p.OpenProcessToken(ntdef.CurrentProcess, 0xf01ff); st == ntdef.STATUS_SUCCESS {
		t.AdjustPrivileges(h, false, g.data, 0, 0, 0)
	}
	g.typed["Process"] = append(g.typed["Process"], uint64(ntdef.CurrentProcess), uint64(ntdef.CurrentProcess))
	g.typed["Thread"] = append(g.typed["Thread"], uint64(ntdef.CurrentThread))
	g.typed["Token"] = append(g.typed["Token"], ^uint64(3))
	for _, made := range []struct {
		typ, service string
		more         []uint64
	}{
		{"KeyedEvent", "NtCreateKeyedEvent", []uint64{0}},
		{"Directory", "NtCreateDirectoryObject", nil},
		{"WaitCompletionPacket", "NtCreateWaitCompletionPacket", nil},
		{"Timer", "NtCreateTimer", []uint64{0}},
	} {
		c := t.CPU()
		regs := c.R
		st, err := t.CallService(made.service, regs[cpu.RSP]-0x200, append([]uint64{g.data, 0x1f000f, 0}, made.more...)...)
		c.R = regs
		if h, _ := t.Load64(g.data); err == nil {
			add(made.typ, ntdef.Handle(h), st)
		}
	}
	return g
}

// FuzzServiceTable calls services of the whole table with arguments that are right, nearly right, wrong and hostile: nothing panics, hangs
// or takes much of the host, every result is a status that has a name, and the machine closes.
func FuzzServiceTable(f *testing.F) {
	rng := rand.New(rand.NewPCG(7, 7))
	for range 4 {
		f.Add(wildBytes(rng, 40))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		newPlayer(t, data[:min(len(data), 1+400*callBytes)]).play()
	})
}

func wildBytes(rng *rand.Rand, calls int) []byte {
	b := make([]byte, 1+calls*callBytes)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

// Every service is called some times, each with other arguments.
func TestServicesWithWildArguments(t *testing.T) {
	rounds := 50
	if testing.Short() {
		rounds = 10
	}
	rng := rand.New(rand.NewPCG(5, 9))
	var calls []byte
	for range rounds {
		for _, row := range rng.Perm(len(nt.Services())) {
			call := wildBytes(rng, 1)[1:]
			binary.LittleEndian.PutUint16(call, uint16(row))
			calls = append(calls, call...)
		}
	}
	called := map[string]int{}
	for len(calls) > 0 {
		w := newPlayer(t, append([]byte{byte(rng.Uint32())}, calls...))
		w.play()
		require.Less(t, len(w.bytes), len(calls), "a machine makes calls")
		calls = w.bytes
		for name, n := range w.called {
			called[name] += n
		}
	}
	for _, s := range nt.Services() {
		require.Equal(t, rounds, called[s.Name], s.Name)
	}
}

// The same calls have the same results.
func TestWildCallsAreDeterministic(t *testing.T) {
	rng := rand.New(rand.NewPCG(11, 2))
	for range 5 {
		data := wildBytes(rng, 200)
		a, b := newPlayer(t, data), newPlayer(t, data)
		a.play()
		b.play()
		require.Equal(t, a.last, b.last)
		require.Equal(t, a.digest, b.digest)
	}
}
