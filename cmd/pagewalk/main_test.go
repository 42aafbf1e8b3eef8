package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const guests = "../../tests/guests/"

// command runs the program with arguments.
func command(args ...string) (code int, stdout, stderr string) {
	var out, err bytes.Buffer
	code = run(context.Background(), args, stdio{strings.NewReader(""), &out, &err})
	return code, out.String(), err.String()
}

func TestRunPassesOutputAndExitCode(t *testing.T) {
	code, stdout, stderr := command("run", guests+"tiny.exe")
	require.Equal(t, 42, code)
	require.Equal(t, "tiny: no C run-time here\n", stdout)
	require.Empty(t, stderr)
}

func TestArgumentsOfTheGuestAreItsOwn(t *testing.T) {
	code, stdout, stderr := command("run", guests+"hello.exe", "--seed", "a b", `q"uote`, `back\`)
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "argc 5")
	require.Contains(t, stdout, "argv[1] --seed\r\nargv[2] a b\r\nargv[3] q\"uote\r\nargv[4] back\\\r\n")
}

func TestTraceGoesToStandardError(t *testing.T) {
	code, stdout, stderr := command("run", "--trace", "faults", guests+"tiny.exe")
	require.Equal(t, 42, code)
	require.Equal(t, "tiny: no C run-time here\n", stdout)
	require.Contains(t, stderr, "→ demand-zero: private READWRITE")
	require.NotContains(t, stderr, "pagewalk:")
}

func TestTraceFileIsWhole(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trace.jsonl")
	code, _, stderr := command("run", "--trace", "faults,vad,services,api,exceptions,modules", "--trace-format", "jsonl",
		"--trace-out", file, "--seed", "3", guests+"tiny.exe")
	require.Equal(t, 42, code, stderr)
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	var kinds []string
	for _, line := range lines {
		var event map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &event), line)
		kinds = append(kinds, event["type"].(string))
	}
	require.Equal(t, "header", kinds[0])
	require.Equal(t, "footer", kinds[len(kinds)-1])
	for _, kind := range []string{"page_fault", "vad", "service", "call", "return", "module"} {
		require.Contains(t, kinds, kind)
	}
	left, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing else is left behind")
}

func TestStats(t *testing.T) {
	_, _, stderr := command("run", "--stats", guests+"hello.exe")
	for _, want := range []string{"instructions", "demand zero", "committed pages", "STLB_HIT"} {
		require.Contains(t, stderr, want)
	}
}

// TestStatsAddUp holds the kinds of faults that the summary lists to their sum.
func TestStatsAddUp(t *testing.T) {
	code, stdout, stderr := command("run", "--stats", "--ram", "2M", "--pagefile", "32M", "--compress", "--combine", guests+"sort.exe", "1")
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "16384 records sorted")
	_, rows, ok := strings.Cut(stderr, "page faults")
	require.True(t, ok, stderr)
	total, sum := -1, 0
	for line := range strings.Lines(rows) {
		fields := strings.Fields(line)
		n, err := strconv.Atoi(fields[len(fields)-1])
		require.NoError(t, err, line)
		if total >= 0 && !strings.HasPrefix(line, "  ") {
			break
		}
		if total < 0 {
			total = n
		} else {
			sum += n
		}
	}
	require.Equal(t, total, sum)
	for _, want := range []string{"demand zero", "transition (soft)", "compressed (soft)", "page file (hard)", "pages input", "pages output", "in the store"} {
		require.Contains(t, stderr, want)
	}
}

// TestRAMMap holds the sums of the rows to the size of RAM, but for frame 0.
func TestRAMMap(t *testing.T) {
	_, _, stderr := command("run", "--rammap", "--ram", "16M", guests+"hello.exe")
	require.Regexp(t, `(?m)^Process Private +\d+`, stderr)
	require.Regexp(t, `(?m)^Total +16380 `, stderr)
}

func TestInfo(t *testing.T) {
	code, stdout, stderr := command("info", guests+"hello_ucrt.exe")
	require.Zero(t, code, stderr)
	require.Contains(t, stdout, "api-ms-win-crt-heap-l1-1-0.dll → ucrtbase.dll\n")
	require.Contains(t, stdout, "  malloc\n")
	code, stdout, _ = command("info", guests+"tiny.exe")
	require.Zero(t, code)
	require.Contains(t, stdout, "3 imports, 3 provided by the built-in DLLs, 0 not")
	code, stdout, _ = command("info", misspelt(t))
	require.Zero(t, code)
	require.Contains(t, stdout, "  WriteFyle (not provided: the run stops where it is called)\n")
	require.Contains(t, stdout, "3 imports, 2 provided by the built-in DLLs, 1 not")
}

func TestVersion(t *testing.T) {
	code, stdout, _ := command("version")
	require.Zero(t, code)
	require.Regexp(t, `^pagewalk \S+ go`, stdout)
}

// TestBadInput holds every failure to one line that names the input and the reason, exit code 125, and nothing written.
func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	tiny, err := os.ReadFile(guests + "tiny.exe")
	require.NoError(t, err)
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, data, 0o644))
		return path
	}
	patched := func(at int, v uint16) []byte {
		data := bytes.Clone(tiny)
		pe := int(binary.LittleEndian.Uint32(data[0x3c:]))
		binary.LittleEndian.PutUint16(data[pe+at:], v)
		return data
	}
	tinyPath := guests + "tiny.exe"
	for _, c := range []struct {
		name string
		args []string
		want []string
	}{
		{"absent", []string{"run", dir + "/none.exe"}, []string{"none.exe", "no such file"}},
		{"directory", []string{"run", dir}, []string{dir, "is a directory"}},
		{"empty", []string{"run", write("empty.exe", nil)}, []string{"empty.exe", "the file is empty"}},
		{"one byte", []string{"run", write("one.exe", []byte("M"))}, []string{"one.exe", "not a PE image"}},
		{"ELF", []string{"run", write("elf.exe", []byte("\x7fELF\x02\x01\x01"))}, []string{"elf.exe", "an ELF file"}},
		{"script", []string{"run", write("script.exe", []byte("#!/bin/sh\n"))}, []string{"script.exe", "a script"}},
		{"truncated headers", []string{"run", write("cut.exe", tiny[:100])}, []string{"cut.exe", "PE"}},
		{"truncated section", []string{"run", write("short.exe", tiny[:len(tiny)-0x400])}, []string{"short.exe", "truncated", "section"}},
		{"32-bit image", []string{"run", guests + "lends.dll"}, []string{"lends.dll", "32-bit x86"}},
		{"info of a 32-bit image", []string{"info", guests + "lends.dll"}, []string{"lends.dll", "32-bit x86"}},
		{"PE32", []string{"run", write("pe32.exe", patched(24, 0x10b))}, []string{"pe32.exe", "PE32 (32-bit)"}},
		{"ARM64", []string{"run", write("arm.exe", patched(4, 0xaa64))}, []string{"arm.exe", "ARM64"}},
		{"RAM of 0", []string{"run", "--ram", "0", tinyPath}, []string{"--ram"}},
		{"RAM that is no size", []string{"run", "--ram", "lots", tinyPath}, []string{"lots", "not a size"}},
		{"RAM not of whole pages", []string{"run", "--ram", "1000001", tinyPath}, []string{"1000001", "multiple of 4096"}},
		{"too much RAM", []string{"run", "--ram", "65G", tinyPath}, []string{"69793218560", "to 68719476736"}},
		{"RAM beyond 64 bits", []string{"run", "--ram", "99999999T", tinyPath}, []string{"99999999T", "not a size"}},
		{"too little RAM", []string{"run", "--ram", "8K", tinyPath}, []string{"8192", "too few"}},
		{"RAM that the program does not fit", []string{"run", "--ram", "64K", tinyPath}, []string{"tiny.exe"}},
		{"page file that is no size", []string{"run", "--pagefile", "some", tinyPath}, []string{"some", "not a size"}},
		{"page file that shrinks", []string{"run", "--pagefile", "2M-1M", tinyPath}, []string{"2M-1M", "below"}},
		{"page file without a name", []string{"run", "--pagefile", "1M:", tinyPath}, []string{"1M:", "behind the colon"}},
		{"page file not of whole pages", []string{"run", "--pagefile", "5000", tinyPath}, []string{"5000", "multiple of 4096"}},
		{"page file beyond the format", []string{"run", "--pagefile", "1M-2T", tinyPath}, []string{"INVALID_PARAMETER_3"}},
		{"page file over another", []string{"run", "--pagefile", "1M:" + tinyPath, tinyPath}, []string{"tiny.exe", "exists"}},
		{"unknown TLB", []string{"run", "--tlb", "none", tinyPath}, []string{`"none"`, "ideal"}},
		{"unknown trace", []string{"run", "--trace", "all", tinyPath}, []string{`"all"`, "faults"}},
		{"trace into nothing", []string{"run", "--trace", "faults", "--trace-out", dir + "/no/where", tinyPath}, []string{"no/where"}},
		{"trace file without trace", []string{"run", "--trace-out", dir + "/t", tinyPath}, []string{"--trace"}},
		{"bad environment", []string{"run", "--env", "novalue", tinyPath}, []string{"novalue", "K=V"}},
		{"unknown flag", []string{"run", "--nonsense", tinyPath}, []string{"--nonsense"}},
		{"unknown command", []string{"fly"}, []string{"fly"}},
		{"instruction limit", []string{"run", "--max-instructions", "100", guests + "hello.exe"}, []string{"hello.exe", "100 instructions"}},
		{"timeout", []string{"run", "--timeout", "50ms", guests + "bench.exe", "alu", "100000000000"}, []string{"bench.exe", "timeout of 50ms"}},
		{"info of a directory", []string{"info", dir}, []string{"is a directory"}},
		{"info of ELF", []string{"info", dir + "/elf.exe"}, []string{"elf.exe", "an ELF file"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			code, stdout, stderr := command(c.args...)
			require.Equal(t, 125, code, stderr)
			require.Empty(t, stdout)
			require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
			require.True(t, strings.HasPrefix(stderr, "pagewalk: "), stderr)
			for _, want := range c.want {
				require.Contains(t, stderr, want)
			}
			require.NotContains(t, stderr, "goroutine")
		})
	}
}

// misspelt is tiny.exe with an import that nothing provides.
func misspelt(t *testing.T) string {
	tiny, err := os.ReadFile(guests + "tiny.exe")
	require.NoError(t, err)
	renamed := bytes.Replace(tiny, []byte("WriteFile\x00"), []byte("WriteFyle\x00"), 1)
	require.NotEqual(t, tiny, renamed)
	path := filepath.Join(t.TempDir(), "missing.exe")
	require.NoError(t, os.WriteFile(path, renamed, 0o644))
	return path
}

// TestMissingImport runs such a program: it stops where the import is called, naming it.
func TestMissingImport(t *testing.T) {
	code, stdout, stderr := command("run", misspelt(t))
	require.Equal(t, 125, code)
	require.Empty(t, stdout)
	require.Equal(t, 1, strings.Count(stderr, "\n"), stderr)
	require.Contains(t, strings.ToLower(stderr), "kernel32.dll!writefyle")
	require.Contains(t, stderr, "(from missing.exe!start+0x33)")
}

// TestUnhandledException ends with the exception's code modulo 256 and a report of registers, page and region.
func TestUnhandledException(t *testing.T) {
	tiny, err := os.ReadFile(guests + "tiny.exe")
	require.NoError(t, err)
	pe := int(binary.LittleEndian.Uint32(tiny[0x3c:]))
	entry := binary.LittleEndian.Uint32(tiny[pe+24+16:])
	text := binary.LittleEndian.Uint32(tiny[pe+24+240+20:]) + entry - binary.LittleEndian.Uint32(tiny[pe+24+240+12:])
	broken := bytes.Clone(tiny)
	copy(broken[text:], []byte{0x31, 0xc0, 0x48, 0x8b, 0x00}) // xor eax,eax; mov rax,[rax]
	path := filepath.Join(t.TempDir(), "null.exe")
	require.NoError(t, os.WriteFile(path, broken, 0o644))
	code, _, stderr := command("run", path)
	require.Equal(t, 0xc0000005&0xff, code)
	require.Contains(t, stderr, "unhandled exception STATUS_ACCESS_VIOLATION at null.exe!start+0x2 (")
	require.Contains(t, stderr, "reading 0x0")
	require.Contains(t, stderr, "rip=")
	require.Contains(t, stderr, "region 0x0-")
	require.Contains(t, stderr, "walk PML4E[")
}
