package tests

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/trace"
)

const childProgram = "../winapi/kernel32/testdata/child.exe"

func runChild(t *testing.T, cfg pagewalk.Config) (pagewalk.Result, string) {
	var stdout, stderr bytes.Buffer
	cfg.Stdout, cfg.Stderr = &stdout, &stderr
	r, err := pagewalk.Run(context.Background(), childProgram, nil, cfg)
	require.NoError(t, err, stderr.String())
	require.Empty(t, stderr.String())
	require.EqualValues(t, 77, r.ExitCode)
	return r, stdout.String()
}

// TestChildProcesses has a program that starts itself: pipes, exit codes, named objects, the memory of the other, a chain of
// children. The output is Wine's; runs are alike to the instruction, on both engines.
func TestChildProcesses(t *testing.T) {
	want, err := os.ReadFile("../winapi/kernel32/testdata/child.golden")
	require.NoError(t, err)
	r, stdout := runChild(t, pagewalk.Config{})
	require.Equal(t, string(want), stdout)
	for _, step := range []bool{false, true} {
		again, _ := runChild(t, pagewalk.Config{StepOnly: step})
		require.Equal(t, r.Instructions, again.Instructions)
		require.Equal(t, r.Memory, again.Memory)
	}
}

// TestMemoryOfOtherProcesses has a program that works on the address space of its child by every memory service, with handles of few
// rights too.
func TestMemoryOfOtherProcesses(t *testing.T) { recordedAndDocumented(t, "other") }

// TestSectionServices asks the native services for what is known of sections, images and regions.
func TestSectionServices(t *testing.T) { recordedAndDocumented(t, "sections") }

// TestFurtherForms calls the Ex, Numa, FromApp and numbered forms of the memory functions.
func TestFurtherForms(t *testing.T) { recordedAndDocumented(t, "forms") }

// recordedAndDocumented runs a program twice: what Wine does of what it shows is recorded, and told to check what is documented it counts
// what is not so.
func recordedAndDocumented(t *testing.T, name string) {
	want, err := os.ReadFile("../winapi/kernel32/testdata/" + name + ".golden")
	require.NoError(t, err)
	for _, how := range []struct {
		args []string
		want string
		code uint32
	}{
		{nil, "^" + regexp.QuoteMeta(string(want)) + "$", 77},
		{[]string{"documented"}, `\d\d checks, 0 failed\r\n$`, 0},
	} {
		var stdout, stderr bytes.Buffer
		r, err := pagewalk.Run(context.Background(), "../winapi/kernel32/testdata/"+name+".exe", how.args, pagewalk.Config{
			PageFile: nt.PageFile{Bytes: 16 << 20}, Stdout: &stdout, Stderr: &stderr,
		})
		require.NoError(t, err, stderr.String())
		require.Empty(t, stderr.String())
		require.Regexp(t, how.want, stdout.String())
		require.Equal(t, how.code, r.ExitCode)
	}
}

// TestProcessesShareImagePages follows the image pages of the program and its children: what one of them read from the file the others
// find in memory, by the same frames, and a page that one writes becomes its own.
func TestProcessesShareImagePages(t *testing.T) {
	var events bytes.Buffer
	runChild(t, pagewalk.Config{Trace: &events, TraceKinds: trace.Faults, TraceFormat: trace.JSONL})
	type fault struct {
		Type, Kind, VA, PFN string
		VAD                 struct{ Type, Name string }
	}
	read := map[string]string{} // frames by address, of code that was read from the file
	shared, copied := 0, 0
	for _, line := range strings.Split(strings.TrimSpace(events.String()), "\n") {
		var f fault
		require.NoError(t, json.Unmarshal([]byte(line), &f))
		if f.Type != "page_fault" || f.VAD.Type != "image" || f.VAD.Name != "child.exe" {
			continue
		}
		page := f.VA[:len(f.VA)-3]
		switch f.Kind {
		case "mapped_file":
			read[page] = f.PFN
		case "transition":
			if frame, ok := read[page]; ok && frame == f.PFN {
				shared++
			}
		case "copy_on_write":
			require.NotEqual(t, read[page], f.PFN)
			copied++
		}
	}
	require.Greater(t, shared, 20, "pages that a child found in memory")
	require.Greater(t, copied, 10)
}

// TestPriorityClassesAndEnvironment runs a program that changes the class, the error mode and the environment of its process and shows
// them, as Wine does; and what its children have of class and mode, as documented: Wine 8 gives them none.
func TestPriorityClassesAndEnvironment(t *testing.T) {
	want, err := os.ReadFile("../winapi/kernel32/testdata/priority.golden")
	require.NoError(t, err)
	for _, how := range []struct {
		args []string
		want string
	}{
		{nil, string(want)},
		{[]string{"children"}, strings.ReplaceAll(`child: class 40, error mode 0, P=
child: class 4000, error mode 0, P=
child: class 20, error mode 0, P=
child: class 20, error mode 0, P=
child: class 20, error mode 0, P=
child with a class: class 40, error mode 0, P=
child with a class: class 4000, error mode 0, P=
child with a class: class 20, error mode 0, P=
child with a class: class 8000, error mode 0, P=
child with a class: class 80, error mode 0, P=
child of real time: class 80, error mode 0, P=
child with the mode: class 20, error mode 3, P=
child with the default: class 20, error mode 0, P=
1: GetPriorityClass(me): 128
GetErrorMode(): 4
GetPriorityClass(p.hProcess): 32768
`, "\n", "\r\n")},
	} {
		var stdout, stderr bytes.Buffer
		r, err := pagewalk.Run(context.Background(), "../winapi/kernel32/testdata/priority.exe", how.args, pagewalk.Config{
			MaxInstructions: 100_000_000, Stdout: &stdout, Stderr: &stderr,
		})
		require.NoError(t, err, stderr.String())
		require.Empty(t, stderr.String())
		require.Equal(t, how.want, stdout.String())
		require.Zero(t, r.ExitCode)
	}
}

// TestChildrenThatCannotRun starts programs one after the other that lack something. Each ends alone, with Windows' status for it and the
// reason on standard error; the next is started all the same. Where the first program lacks it, the run ends with the reason.
func TestChildrenThatCannotRun(t *testing.T) {
	tiny, err := os.ReadFile(guest("tiny"))
	require.NoError(t, err)
	folder := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, data, 0o644))
		return path
	}
	imports := func(dll string) []byte {
		return bytes.Replace(tiny, []byte("KERNEL32.dll\x00"), []byte(dll+"\x00"), 1)
	}
	damaged := bytes.Clone(tiny)
	const importDirectory = 24 + 112 + 8
	binary.LittleEndian.PutUint32(damaged[binary.LittleEndian.Uint32(damaged[0x3c:])+importDirectory:], 0x123456)
	starts, err := os.ReadFile("../winapi/kernel32/testdata/starts.exe")
	require.NoError(t, err)
	parent := write("starts.exe", starts)
	write("tiny.exe", tiny)
	write("textfile.dll", []byte("text that is no image"))
	lends, err := os.ReadFile("guests/lends.dll")
	require.NoError(t, err)
	write("lends_32.dll", lends)
	for _, c := range []struct {
		name   string
		data   []byte
		status ntdef.Status
		reason string
	}{
		{"dll.exe", imports("nowhere1.dll"), ntdef.STATUS_DLL_NOT_FOUND, "the program calls nowhere1.dll!GetStdHandle, "},
		{
			"function.exe", bytes.Replace(tiny, []byte("WriteFile\x00"), []byte("WriteFyle\x00"), 1), ntdef.STATUS_ENTRYPOINT_NOT_FOUND,
			"the program calls KERNEL32.dll!WriteFyle, ",
		},
		{"text.exe", imports("textfile.dll"), ntdef.STATUS_INVALID_IMAGE_NOT_MZ, "text.exe imports textfile.dll: textfile.dll: STATUS_INVALID_IMAGE_NOT_MZ "},
		{"narrow.exe", imports("lends_32.dll"), ntdef.STATUS_INVALID_IMAGE_FORMAT, "narrow.exe imports lends_32.dll: lends_32.dll: the image is for 32-bit x86 "},
		{"damaged.exe", damaged, ntdef.STATUS_INVALID_IMAGE_FORMAT, "damaged.exe: truncated: 20 bytes at 0x123456, "},
	} {
		path := write(c.name, c.data)
		var stdout, stderr bytes.Buffer
		r, err := pagewalk.Run(context.Background(), parent, []string{c.name, "tiny.exe"}, pagewalk.Config{Stdout: &stdout, Stderr: &stderr})
		require.NoError(t, err, c.name)
		require.EqualValues(t, 7, r.ExitCode)
		require.Equal(t, fmt.Sprintf("%s ended with %08x\ntiny: no C run-time here\ntiny.exe ended with 0000002a\n", c.name, uint32(c.status)), stdout.String())
		require.Regexp(t, fmt.Sprintf("^pagewalk: %s, process \\d+, ends with %v: %s[^\n]*\n$", c.name, c.status, regexp.QuoteMeta(c.reason)), stderr.String())

		_, err = pagewalk.Run(context.Background(), path, nil, pagewalk.Config{})
		require.ErrorContains(t, err, c.reason)
	}
}
