package pagewalk_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/pagewalk/pagewalk"

// layers lists the house of ARCHITECTURE.md from the ground up. A package may import packages of lower layers, and its
// own internal packages; packages of one layer never import each other.
var layers = [][]string{
	{"x86", "ntdef"},
	{"physmem", "tlb"},
	{"mmu"},
	{"cpu/decode"},
	{"ntmm", "cpu", "loader", "internal/unwind"},
	{"nt"},
	{"machine", "winapi"},
	{"winapi/ntdll"},
	{"winapi/kernel32", "winapi/advapi32", "winapi/bcryptprimitives", "winapi/winmm"},
	{"winapi/crt"},
	{"winapi/msvcrt", "winapi/ucrtbase"},
	{"trace", "gdb"},
	{"."},
	{"cmd/pagewalk", "bench", "tests"},
}

// forbidden are arrows that go down and are wrong all the same: machine is bare metal.
var forbidden = map[string][]string{
	"machine": {"nt", "ntmm", "loader"},
}

func TestImportsGoDownOnly(t *testing.T) {
	level := map[string]int{}
	for i, layer := range layers {
		for _, pkg := range layer {
			level[pkg] = i
		}
	}
	seen := 0
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch d.Name() {
			case ".git", "testdata", "tools":
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		from := owner(filepath.ToSlash(filepath.Dir(name)))
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range file.Imports {
			imp, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if imp != module && !strings.HasPrefix(imp, module+"/") {
				continue
			}
			seen++
			rel := strings.TrimPrefix(strings.TrimPrefix(imp, module), "/")
			if rel == "" {
				rel = "."
			}
			to := owner(rel)
			if from == to {
				continue
			}
			fromLevel, ok := level[from]
			require.True(t, ok, "%s: package %s is not on the picture", name, from)
			toLevel, ok := level[to]
			require.True(t, ok, "%s imports %s, which is not on the picture", name, to)
			require.Less(t, toLevel, fromLevel, "%s: %s must not import %s", name, from, to)
			for _, bad := range forbidden[from] {
				require.NotEqual(t, bad, to, "%s: %s must not import %s", name, from, to)
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Greater(t, seen, 20, "the walk found no imports to check")
}

// owner maps a package directory to the name on the picture: internal packages belong to their parent, those that have none but the
// module are on it by themselves.
func owner(dir string) string {
	if strings.HasPrefix(dir, "internal/") {
		return dir
	}
	if i := strings.Index("/"+dir+"/", "/internal/"); i >= 0 {
		dir = strings.Trim(dir[:max(i-1, 0)], "/")
	}
	if strings.HasPrefix(dir, "tests/") || strings.HasPrefix(dir, "bench/") {
		return path.Dir(dir)
	}
	if dir == "" {
		return "."
	}
	return dir
}
