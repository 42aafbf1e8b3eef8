package ntdll

import (
	"bytes"
	"embed"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/loader"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

//go:embed testdata/ldr
var ldrFiles embed.FS

// ldrFile returns a file that build.sh made.
func ldrFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := ldrFiles.ReadFile("testdata/ldr/" + name)
	require.NoError(t, err)
	return data
}

// runLdr runs ldr.exe among its DLLs, some of them replaced.
func runLdr(t testing.TB, cfg nt.Config, replaced map[string][]byte) (r nt.Result, stdout, stderr string, err error) {
	t.Helper()
	files := map[string][]byte{}
	dlls, err := fs.Glob(ldrFiles, "testdata/ldr/*.dll")
	require.NoError(t, err)
	for _, file := range dlls {
		name := strings.TrimPrefix(file, "testdata/ldr/")
		files[name] = ldrFile(t, name)
	}
	for name, data := range replaced {
		require.Contains(t, files, name)
		files[name] = data
	}
	dir := t.TempDir()
	for name, data := range files {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
	}
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, root.Close()) }()
	cfg.Drives = []nt.Drive{{Letter: 'C', Folder: `\guest`, Root: root, Overlay: true}}
	exe := ldrFile(t, "ldr.exe")
	return runProgram(t, nt.Program{Path: `C:\guest\ldr.exe`, File: bytes.NewReader(exe), Size: int64(len(exe))}, cfg)
}

// TestLoaderAnswersAsAnotherWindows compares a program's log of what the loader does with that of Debian's Wine 8: order of
// loading, of initialisation and of unloading, rings of imports, forwarders, ordinals, relocation, thread-local storage,
// references, refusals (ldr.c tells).
func TestLoaderAnswersAsAnotherWindows(t *testing.T) {
	want, found := strings.CutSuffix(string(ldrFile(t, "ldr.golden")), "exit 42\n")
	require.True(t, found)
	for _, step := range []bool{false, true} {
		r, out, errs, err := runLdr(t, nt.Config{StepOnly: step}, nil)
		require.NoError(t, err, "%s%s", out, errs)
		require.Empty(t, cmp.Diff(want, out))
		require.Equal(t, uint32(42), r.ExitCode)
		require.Empty(t, errs)
	}
}

// TestSecurityCookieIsSeeded enters low.dll's load configuration in its data directories, which the linker does not: the
// default cookie is replaced, and nothing else differs.
func TestSecurityCookieIsSeeded(t *testing.T) {
	low := bytes.Clone(ldrFile(t, "low.dll"))
	pe, err := loader.ParsePE(bytes.NewReader(low), int64(len(low)))
	require.NoError(t, err)
	exports, err := pe.Exports()
	require.NoError(t, err)
	config := exports.ByName("load_config")
	require.NotNil(t, config)
	require.Zero(t, pe.Directories[loader.DirectoryLoadConfig])
	directory := binary.LittleEndian.Uint32(low[0x3c:]) + 24 + 112 + 8*loader.DirectoryLoadConfig
	binary.LittleEndian.PutUint32(low[directory:], config.RVA)
	binary.LittleEndian.PutUint32(low[directory+4:], 0x70)

	_, plain, _, err := runLdr(t, nt.Config{}, nil)
	require.NoError(t, err)
	require.Contains(t, plain, "default cookie 0x1\n")
	_, seeded, errs, err := runLdr(t, nt.Config{}, map[string][]byte{"low.dll": low})
	require.NoError(t, err, errs)
	require.Equal(t, strings.Replace(plain, "default cookie 0x1\n", "default cookie 0x0\n", 1), seeded)
}

// TestImagesThatCannotBeLoaded replaces DLLs of the program: it does not start, and says why.
func TestImagesThatCannotBeLoaded(t *testing.T) {
	for _, c := range []struct {
		name, dll string
		data      []byte
		err       string
	}{
		{"no image", "low.dll", []byte("text"), "ldr.exe imports low.dll: low.dll: STATUS_INVALID_IMAGE_NOT_MZ"},
		{"cut short", "low.dll", ldrFile(t, "low.dll")[:0x200], "ldr.exe imports low.dll: low.dll: STATUS_INVALID_IMAGE_FORMAT"},
		{"one deeper", "ring_b.dll", nil, "ldr.exe imports ring_a.dll: ring_a.dll imports ring_b.dll: ring_b.dll: STATUS_INVALID_IMAGE_"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, out, _, err := runLdr(t, nt.Config{}, map[string][]byte{c.dll: c.data})
			require.ErrorContains(t, err, c.err)
			require.Empty(t, out)
		})
	}
}

// TestRefusalsAtTheStart replaces top.dll with one whose DllMain returns FALSE: the process ends with an exception.
func TestRefusalsAtTheStart(t *testing.T) {
	r, out, _, err := runLdr(t, nt.Config{}, map[string][]byte{"top.dll": ldrFile(t, "sour.dll")})
	require.NoError(t, err)
	require.Contains(t, out, "sour main 0x1 0x1\n")
	require.NotContains(t, out, "start")
	require.Equal(t, uint32(ntdef.STATUS_DLL_INIT_FAILED), r.ExitCode)
}

// TestRunTimeLoadsFail replaces what late.dll needs: LdrLoadDll returns the status.
func TestRunTimeLoadsFail(t *testing.T) {
	for _, c := range []struct{ name, with, out string }{
		{"no image", "", "LdrLoadDll 0xc000012f\n"},
		{"a refusal", "sour.dll", "fresh main 0x1 0x0\nsour main 0x1 0x0\nsour main 0x0 0x0\nfresh main 0x0 0x0\nLdrLoadDll 0xc0000142\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			data := []byte("text")
			if c.with != "" {
				data = ldrFile(t, c.with)
			}
			r, out, _, err := runLdr(t, nt.Config{}, map[string][]byte{"deep.dll": data})
			require.NoError(t, err)
			_, rest, found := strings.Cut(out, "LdrGetProcedureAddress 0x0\nby ordinal 0x7\n")
			require.True(t, found, out)
			// The program goes on to call a procedure of an image that is not there.
			require.Equal(t, c.out+"LdrGetProcedureAddress 0xc0000135\n", rest)
			require.Equal(t, uint32(ntdef.STATUS_ACCESS_VIOLATION), r.ExitCode)
		})
	}
}
