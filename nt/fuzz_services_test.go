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
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi"
	"github.com/pagewalk/pagewalk/winapi/kernel32"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
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
	open    map[*nt.Thread]string // calls that have not come back
	reached map[string]int        // calls that succeeded, or whose thread went on elsewhere
	known   *knownClasses
	lengths map[classOf]uint64 // of buffers that classes took
	instead func(*nt.Thread)   // what the first thread does before its first call
	last    []string           // the calls of late, for reports
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

// asking is the program: it reserves room for arguments, and asks and calls for ever.
func asking(number uint32) []byte {
	code := []byte{0x48, 0x81, 0xec, 0x08, 0x01, 0x00, 0x00} // sub rsp,108h
	code = append(code, 0x49, 0x89, 0xca, 0xb8)              // mov r10,rcx; mov eax,number
	code = binary.LittleEndian.AppendUint32(code, number)
	return append(code, 0x0f, 0x05, 0x0f, 0x05, 0xeb, 0xf2) // syscall; syscall; jmp to mov r10,rcx
}

// systemDLLs are those of every machine.
var systemDLLs = sync.OnceValues(func() (*winapi.Set, error) {
	k := kernel32.DLL()
	return winapi.Build([]*winapi.DLL{ntdll.DLL(k), k})
})

func newPlayer(t testing.TB, data []byte) *player {
	machine := byte(0)
	if len(data) > 0 {
		machine, data = data[0], data[1:]
	}
	w := &player{t: t, bytes: data, places: map[*nt.Process]*place{}, called: map[string]int{}, open: map[*nt.Thread]string{}, reached: map[string]int{}, lengths: map[classOf]uint64{}, heap: allocated()}
	for i := range nt.Services() {
		w.rows = append(w.rows, &nt.Services()[i])
	}
	set, err := systemDLLs()
	require.NoError(t, err)
	number := uint32(nt.UserFuncBase + len(set.Funcs))
	funcs := append(slices.Clone(set.Funcs), nt.Func("NextCall", func(th *nt.Thread, _ *struct{}) (uint64, error) { return w.next(th) }))
	w.sys, err = nt.New(nt.Config{
		RAMBytes: []uint64{64, 64, 8, 3}[machine&3] << 20, Compress: machine&4 != 0, Combine: machine&8 != 0, Seed: uint64(machine >> 4), SystemImages: set.Images, UserFuncs: funcs, MaxInstructions: 3 << 20,
		Stdin: strings.NewReader("input"), Stdout: io.Discard, Stderr: io.Discard,
		Privileges: privileges, Hooks: nt.Hooks{Service: w.served, Exception: w.raised},
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
	if f := w.instead; f != nil {
		w.instead = nil
		f(t)
	} else if w.known == nil {
		w.known = askedClasses()
	}
	w.measure()
	if len(w.bytes) < callBytes || w.failed != "" {
		return 0, t.Stop(errPlayed)
	}
	call := w.bytes[:callBytes]
	w.bytes = w.bytes[callBytes:]
	row := w.rows[int(binary.LittleEndian.Uint16(call))%len(w.rows)]
	w.called[row.Name]++
	g := newChooser(w, t, row, call[2:])
	if g.place = w.places[t.Process()]; g.place == nil {
		g.place = w.settle(t)
		w.places[t.Process()] = g.place
	}
	c := t.CPU()
	text := fmt.Sprintf("thread %d: %s", t.ID(), row.Name)
	args := make([]uint64, len(row.Params()))
	for i, name := range row.Params() {
		v := g.argument(row, i)
		args[i] = v
		text += fmt.Sprintf(" %s=%#x", name, v)
		if i < 4 {
			c.R[[...]int{cpu.R10, cpu.RDX, cpu.R8, cpu.R9}[i]] = v
		} else if err := t.Store64(c.R[cpu.RSP]+0x28+8*uint64(i-4), v); err != nil {
			return 0, err
		}
	}
	if w.open[t] != "" {
		w.reached[w.open[t]]++
	}
	w.open[t] = row.Name
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
	delete(w.open, t)
	if e.Status < failure {
		w.reached[e.Name]++
	}
	w.learn(t, e)
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

// raised sees an exception, which a call may be asked to raise: it does not come back.
func (w *player) raised(t *nt.Thread, _ *ntdef.ExceptionRecord, first bool) {
	if first && w.open[t] == "NtRaiseException" {
		w.reached[w.open[t]]++
		delete(w.open, t)
	}
}

// madeBy are the types of handles that services store where an argument points.
var madeBy = map[string]string{
	"NtCreateFile file": "File", "NtOpenFile file": "File", "NtCreateNamedPipeFile file": "File", "NtCreateKey keyHandle": "Key", "NtOpenKey keyHandle": "Key",
	"NtOpenKeyEx keyHandle": "Key", "NtCreateSection sectionHandle": "Section", "NtOpenSection sectionHandle": "Section", "NtOpenProcess handle": "Process",
	"NtOpenThread handle": "Thread", "NtCreateThreadEx thread": "Thread", "NtCreateUserProcess process": "Process", "NtOpenProcessToken token": "Token",
	"NtOpenThreadToken token": "ImpersonationToken", "NtDuplicateToken newToken": "ImpersonationToken", "NtCreateTimer handle": "Timer", "NtCreateEvent handle": "Event",
	"NtCreateMutant handle": "Mutant", "NtCreateSemaphore handle": "Semaphore", "NtCreateIoCompletion handle": "IoCompletion", "NtCreateJobObject handle": "Job",
	"NtCreateWorkerFactory handle": "WorkerFactory", "NtCreateDirectoryObject handle": "Directory", "NtCreateSymbolicLinkObject handle": "SymbolicLink", "NtCreateWaitCompletionPacket handle": "WaitCompletionPacket",
}

// learn keeps what a success shows for later calls: handles, and the lengths that classes take.
func (w *player) learn(t *nt.Thread, e *nt.ServiceEvent) {
	g := w.places[t.Process()]
	if g == nil || e.Status != ntdef.STATUS_SUCCESS {
		return
	}
	class := -1
	for i, name := range e.Params {
		if typ := madeBy[e.Name+" "+name]; typ != "" {
			if h, err := t.Load64(e.Args[i]); err == nil {
				g.add(typ, h, false)
			}
		}
		if name == "class" {
			class = i
		}
	}
	for i, name := range e.Params {
		if name == "length" && class >= 0 {
			w.lengths[classOf{e.Name, e.Args[class]}] = e.Args[i]
		}
	}
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

// failure is the least status that is one: a warning or an error.
const failure ntdef.Status = 0x80000000

// neverReached are the services that no call makes succeed, and why.
var neverReached = map[string]string{
	"NtCreateDebugObject": "no debuggers", "NtDebugActiveProcess": "no debuggers", "NtDebugContinue": "no debuggers",
	"NtSetInformationDebugObject": "no debuggers", "NtWaitForDebugEvent": "no debuggers", "NtRemoveProcessDebug": "no debuggers",
	"NtSystemDebugControl": "no kernel debugger",
	"NtCreateProcess":      "only NtCreateUserProcess makes processes", "NtCreateProcessEx": "only NtCreateUserProcess makes processes",
	"NtLoadKey": "no hives in files", "NtLoadKeyEx": "no hives in files", "NtUnloadKey": "no hives in files", "NtSaveKey": "no hives in files",
	"NtRestoreKey": "no hives in files", "NtReplaceKey": "no hives in files",
	"NtQuerySystemEnvironmentValue": "no firmware", "NtQuerySystemEnvironmentValueEx": "no firmware",
	"NtImpersonateThread": "one user", "NtImpersonateAnonymousToken": "one user",
	"NtCreateMailslotFile": "no mailslots", "NtRegisterThreadTerminatePort": "no ports", "NtDeviceIoControlFile": "no device takes one",
	"NtCreatePartition": "memory cannot be divided", "NtSetVolumeInformationFile": "volumes stay as they are",
	"NtSetSystemTime": "time is the instruction count", "NtSetUuidSeed": "the seed is the machine's", "NtShutdownSystem": "nobody shuts down",
	"NtSetLdtEntries": "no 64-bit Windows has it", "NtVdmControl": "no 64-bit Windows has it",
	"NtGetNlsSectionPtr": "no files of locales without a sysroot", "NtInitializeNlsFiles": "no files of locales without a sysroot",
	"__wine_unix_call": "no Unix half of Wine",
}

// Every service is called some times, each with other arguments, until every one that can succeed has: what is said to be tried is.
func TestServicesWithWildArguments(t *testing.T) {
	const most, atOnce = 600, 10
	rng := rand.New(rand.NewPCG(5, 9))
	called, reached := map[string]int{}, map[string]int{}
	rounds := 0
	for rounds == 0 || !testing.Short() && rounds < most && len(reached)+len(neverReached) < len(nt.Services()) {
		var calls []byte
		for range atOnce {
			for _, row := range rng.Perm(len(nt.Services())) {
				call := wildBytes(rng, 1)[1:]
				binary.LittleEndian.PutUint16(call, uint16(row))
				calls = append(calls, call...)
			}
		}
		rounds += atOnce
		for len(calls) > 0 {
			w := newPlayer(t, append([]byte{byte(rng.Uint32())}, calls...))
			w.play()
			require.Less(t, len(w.bytes), len(calls), "a machine makes calls")
			calls = w.bytes
			for name, n := range w.called {
				called[name] += n
			}
			for name, n := range w.reached {
				reached[name] += n
			}
		}
	}
	for _, s := range nt.Services() {
		require.Equal(t, rounds, called[s.Name], s.Name)
		if why, never := neverReached[s.Name]; never {
			require.Zero(t, reached[s.Name], "%s succeeds, it is no longer so that %s", s.Name, why)
		} else if !testing.Short() {
			require.NotZero(t, reached[s.Name], "%s never succeeds", s.Name)
		}
	}
	for name := range neverReached {
		require.NotZero(t, nt.ServiceNumber(name), "%s is no service", name)
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
