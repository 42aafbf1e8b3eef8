package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const kernels = "../../tests/kernels/"

// flatFile writes a flat image.
func flatFile(t *testing.T, code ...byte) string {
	file := filepath.Join(t.TempDir(), "flat.bin")
	require.NoError(t, os.WriteFile(file, code, 0o644))
	return file
}

func TestBootMultiboot(t *testing.T) {
	code, stdout, stderr := command("boot", "--cmdline", "a=b", kernels+"hello.elf")
	require.Equal(t, 33, code, stderr)
	require.Equal(t, "32-bit: b\n64-bit\ntick\ntick\ntick\ndone\n", stdout)
	require.Empty(t, stderr)
}

// TestBootFlat runs mov eax, 1234h; mov [rip+F000h…], …; fldpi; hlt and reads the state and a dump.
func TestBootFlat(t *testing.T) {
	dir := t.TempDir()
	image := flatFile(t,
		0x90,                               // stepped over by rip=
		0x48, 0xb8, 8, 7, 6, 5, 4, 3, 2, 1, // mov rax, 0102030405060708h
		0x48, 0xa3, 0, 0, 0x34, 0x12, 0xab, 0, 0, 0, // mov [ab12340000h], rax
		0x66, 0x48, 0x0f, 0x6e, 0xd8, // movq xmm3, rax
		0xd9, 0xeb, // fldpi
		0xf4)
	state, dump := filepath.Join(dir, "state.json"), filepath.Join(dir, "dump.bin")
	code, stdout, stderr := command("boot", "--flat", "0x300000:rip=0x300001", "--map", "0xab12340000:4K", "--stats",
		"--state-out", state, "--dump", "0xab12340000:16="+dump, "--dump", "0x300000:1="+dump+"2", image)
	require.Zero(t, code, stderr)
	require.Empty(t, stdout)
	require.Contains(t, stderr, "page walks")
	data, err := os.ReadFile(state)
	require.NoError(t, err)
	var s map[string]string
	require.NoError(t, json.Unmarshal(data, &s))
	require.Len(t, s, 16+2+6+2+6+16+8+4)
	for name, want := range map[string]string{
		"rax": "0x102030405060708", "rip": "0x30001d", "eflags": "0x2", "cs": "0x8", "cr8": "0x0",
		"xmm3": "0x00000000000000000102030405060708", "st0": "0x4000c90fdaa22168c235", "fctrl": "0x37f",
		"fstat": "0x3800", "ftag": "0x3fff", "mxcsr": "0x1f80", "efer": "0xd01",
	} {
		require.Equal(t, want, s[name], name)
	}
	data, err = os.ReadFile(dump)
	require.NoError(t, err)
	require.Equal(t, []byte{8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0}, data)
	data, err = os.ReadFile(dump + "2")
	require.NoError(t, err)
	require.Equal(t, []byte{0x90}, data)
}

// TestBootWritesTheEndHoweverItCame holds the state and dumps to being written after a limit, a timeout and a triple fault.
func TestBootWritesTheEndHoweverItCame(t *testing.T) {
	for name, test := range map[string]struct {
		image []byte
		flags []string
		code  int
		says  string
	}{
		"limit":   {[]byte{0xff, 0xc0, 0xeb, 0xfc}, []string{"--max-instructions", "1001"}, 125, "after 1001 instructions: the instruction limit"},
		"timeout": {[]byte{0xeb, 0xfe}, []string{"--timeout", "20ms"}, 125, "the timeout of 20ms has passed"},
		"triple":  {[]byte{0x0f, 0x0b}, nil, 124, "triple fault\n  #UD, RIP 0x100000, CR2 0x0\n  #GP(0x33), RIP 0x100000, CR2 0x0\n  #GP(0x6b)"},
	} {
		t.Run(name, func(t *testing.T) {
			state := filepath.Join(t.TempDir(), "state.json")
			args := append([]string{"boot", "--flat", "0x100000", "--state-out", state}, test.flags...)
			code, _, stderr := command(append(args, flatFile(t, test.image...))...)
			require.Equal(t, test.code, code)
			require.Contains(t, stderr, test.says)
			require.FileExists(t, state)
		})
	}
}

func TestBootTraces(t *testing.T) {
	image := flatFile(t, 0xa1, 0, 0, 0, 0, 0x80, 0, 0, 0) // mov eax, [8000000000h]
	_, _, stderr := command("boot", "--flat", "0x100000", "--trace", "walks,exceptions", image)
	require.Contains(t, stderr, "ic 0        0x100000 walks 0x8000000000: PML4E[")
	require.Contains(t, stderr, "is not present → #PF(0x0) at 0x8000000000")
	require.Contains(t, stderr, "ic 0        0x100000 #PF(0x0) at 0x8000000000\n")
	_, _, stderr = command("boot", "--flat", "0x100000", "--trace", "walks,exceptions", "--trace-format", "jsonl", image)
	lines := strings.Split(stderr[:strings.Index(stderr, "pagewalk:")-1], "\n")
	var kinds []string
	for _, line := range lines {
		var event map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &event), line)
		kinds = append(kinds, event["type"].(string))
	}
	require.Equal(t, []string{"header", "walk", "walk", "exception", "exception", "footer"}, kinds)
}

func TestBootRefusesByName(t *testing.T) {
	image := flatFile(t, 0xf4)
	module := filepath.Join(t.TempDir(), "none")
	for _, test := range []struct {
		args []string
		says string
	}{
		{[]string{image}, "neither multiboot"},
		{[]string{"--flat", "x", image}, `"x": want ADDR or ADDR:rip=ADDR`},
		{[]string{"--flat", "0x1000:0x2000", image}, "want ADDR or ADDR:rip=ADDR"},
		{[]string{"--flat", "0x7fff00000000", image}, "no RAM at 0x7fff00000000"},
		{[]string{"--flat", "0x1000:rip=0x800000000000", image}, "not canonical"},
		{[]string{"--flat", "0x1000", "--map", "0x1000:4K", image}, "overlaps RAM"},
		{[]string{"--flat", "0x1000", "--map", "0x100000001:4K", image}, "multiples of 4096"},
		{[]string{"--flat", "0x1000", "--map", "0x10000000000:4K", image}, "physical addresses have 40 bits"},
		{[]string{"--flat", "0x1000", "--map", "0x1000", image}, "want ADDR:SIZE"},
		{[]string{"--flat", "0x1000", "--dump", "0x1000:16", image}, "want ADDR:SIZE=FILE"},
		{[]string{"--flat", "0x1000", "--dump", "0xf000000000:16=" + module, image}, "no RAM at physical address 0xf000000000"},
		{[]string{"--flat", "0x1000", "--cpuid", "avx9=off", image}, `unknown processor feature "avx9"`},
		{[]string{"--flat", "0x1000", "--cpuid", "pku=maybe", image}, "want pku=on or pku=off"},
		{[]string{"--flat", "0x1000", "--cpuid", "maxphyaddr=35", image}, "36 to 52"},
		{[]string{"--flat", "0x1000", "--trace", "vad", image}, "--trace vad: a kernel has exceptions, walks"},
		{[]string{"--flat", "0x1000", "--cmdline", "x", image}, "no command line"},
		{[]string{"--module", module, kernels + "hello.elf"}, "no such file"},
		{[]string{"--ram", "64K", kernels + "hello.elf"}, "no RAM at"},
		{[]string{"nowhere.elf"}, "no such file"},
		{[]string{"."}, "directory"},
	} {
		code, stdout, stderr := command(append([]string{"boot"}, test.args...)...)
		require.Equal(t, 125, code, test.args)
		require.Empty(t, stdout)
		require.Contains(t, stderr, test.says)
		require.Equal(t, 1, strings.Count(stderr, "\n"), "one line: %s", stderr)
		require.NoFileExists(t, module)
	}
}

func TestBootWithoutAFeature(t *testing.T) {
	image := flatFile(t, 0xf2, 0x0f, 0x38, 0xf0, 0xc0, 0xf4) // crc32 eax, al; hlt
	code, _, stderr := command("boot", "--flat", "0x100000", image)
	require.Zero(t, code, stderr)
	code, _, stderr = command("boot", "--flat", "0x100000", "--cpuid", "sse4.2=off,maxphyaddr=36", image)
	require.Equal(t, 124, code)
	require.Contains(t, stderr, "#UD")
}

func TestRunWritesStateAndMemory(t *testing.T) {
	dir := t.TempDir()
	state, dump := filepath.Join(dir, "s"), filepath.Join(dir, "d")
	code, _, stderr := command("run", "--state-out", state, "--dump", "0x7ffe0000:4K="+dump, guests+"tiny.exe")
	require.Equal(t, 42, code, stderr)
	data, err := os.ReadFile(state)
	require.NoError(t, err)
	require.Contains(t, string(data), `"cs": "0x33"`)
	data, err = os.ReadFile(dump)
	require.NoError(t, err)
	require.Len(t, data, 4096)
}
