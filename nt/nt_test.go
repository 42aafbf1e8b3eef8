package nt

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/ntdef"
)

func TestServiceNumbersFollowTheNames(t *testing.T) {
	all := Services()
	require.Greater(t, len(all), 15)
	for i, s := range all {
		require.EqualValues(t, i+1, s.Number)
		require.Equal(t, s.Number, ServiceNumber(s.Name))
		if i > 0 {
			require.Less(t, all[i-1].Name, s.Name)
		}
		require.True(t, s.Support.Full || s.Support.Note != "", "%s says what works", s.Name)
		require.Less(t, s.Number, uint32(CallReturnNumber))
	}
	require.Zero(t, ServiceNumber("NtNothing"))
}

func TestArgumentNames(t *testing.T) {
	type first struct{ BaseAddress uint64 }
	type inner struct {
		first
		CPInfo ntdef.Ptr[uint32]
	}
	type args struct {
		inner // stands for its fields
		X     bool
		Rest  VarArgs
	}
	f := Func("f", func(*Thread, *args) (uint64, error) { return 0, nil })
	require.Equal(t, []string{"baseAddress", "cpInfo", "x", "..."}, f.Params)
	require.PanicsWithValue(t, "nt: g: argument S has type string, which no Win64 argument has", func() {
		Func("g", func(*Thread, *struct{ S string }) (uint64, error) { return 0, nil })
	})
}

// TestCommandLine has the quoting rules of CommandLineToArgvW's documentation backwards.
func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, `a.exe`},
		{[]string{"b", ""}, `a.exe b ""`},
		{[]string{"b c"}, `a.exe "b c"`},
		{[]string{`say "x"`}, `a.exe "say \"x\""`},
		{[]string{`c:\dir\`}, `a.exe c:\dir\`},
		{[]string{`c:\my dir\`}, `a.exe "c:\my dir\\"`},
		{[]string{`\\"`}, `a.exe "\\\\\""`},
	} {
		require.Equal(t, c.want, CommandLine("a.exe", c.args))
	}
	require.Equal(t, `"a b.exe" c`, CommandLine("a b.exe", []string{"c"}))
}

func TestWTF16(t *testing.T) {
	require.Equal(t, "aé𝄞", DecodeWTF16([]uint16{'a', 0xe9, 0xd834, 0xdd1e}))
	require.Equal(t, "\xed\xa0\xb4x", DecodeWTF16([]uint16{0xd834, 'x'}), "an unpaired surrogate is kept")
	require.Equal(t, []byte{'a', 0, 0x34, 0xd8, 0x1e, 0xdd}, EncodeUTF16("a𝄞"))
}

func TestNewRefuses(t *testing.T) {
	_, err := New(Config{RAMBytes: 5000})
	require.ErrorContains(t, err, "5000")
	_, err = New(Config{})
	require.ErrorContains(t, err, "no ntdll.dll")
	_, err = New(Config{SystemImages: map[string][]byte{"ntdll.dll": []byte("MZ")}})
	require.ErrorContains(t, err, "system image ntdll.dll")
}

func TestHandles(t *testing.T) {
	var h handleTable
	h.init(&System{})
	require.Len(t, map[ntdef.Handle]bool{h.std[0]: true, h.std[1]: true, h.std[2]: true}, 3)
	for _, std := range h.std {
		require.Zero(t, std%4)
		require.NotNil(t, h.get(std))
		require.Equal(t, h.get(std), h.get(std|3), "the two low bits do not count")
	}
	require.Nil(t, h.get(0))
	require.Nil(t, h.get(ntdef.CurrentProcess))
	require.Equal(t, ntdef.STATUS_SUCCESS, h.close(h.std[0]))
	require.Equal(t, ntdef.STATUS_INVALID_HANDLE, h.close(h.std[0]))
	again, st := h.open(&stream{}, ntdef.GENERIC_ALL, 0)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, h.std[0], again, "a closed handle is given again")
}

// TestDLLsBesideTheProgram opens images in a folder without regard to case, and nothing outside of it.
func TestDLLsBesideTheProgram(t *testing.T) {
	tiny, err := os.ReadFile("../tests/guests/tiny.exe")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "Mine.DLL"), tiny, 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "bad.dll"), []byte("not an image"), 0o644))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "dir.dll"), 0o755))
	root, err := os.OpenRoot(dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, root.Close()) }()
	sys, err := New(Config{
		SystemImages: map[string][]byte{"ntdll.dll": tiny}, Drives: []Drive{{Letter: 'C', Folder: `\guest`, Root: root, Overlay: true}},
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, sys.Close()) }()
	p := &Process{sys: sys, program: &Module{Name: "a.exe", Path: `C:\guest\a.exe`}}
	sec, st := p.OpenImageSection("mine.dll", false)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Equal(t, `C:\guest\Mine.DLL`, sec.Path)
	again, st := p.OpenImageSection("MINE.dll", false)
	require.Equal(t, ntdef.STATUS_SUCCESS, st)
	require.Same(t, sec, again, "all that map a file share its pages")
	elsewhere := &Process{sys: sys, program: &Module{Name: "a.exe", Path: `C:\nowhere\a.exe`}}
	_, st = elsewhere.OpenImageSection("mine.dll", false)
	require.Equal(t, ntdef.STATUS_OBJECT_NAME_NOT_FOUND, st)
	for name, want := range map[string]ntdef.Status{
		"bad.dll":       ntdef.STATUS_INVALID_IMAGE_NOT_MZ,
		"dir.dll":       ntdef.STATUS_OBJECT_NAME_NOT_FOUND,
		"none.dll":      ntdef.STATUS_OBJECT_NAME_NOT_FOUND,
		"../secret.dll": ntdef.STATUS_OBJECT_NAME_INVALID,
		`..\secret.dll`: ntdef.STATUS_OBJECT_NAME_INVALID,
		"c:secret.dll":  ntdef.STATUS_OBJECT_NAME_INVALID,
	} {
		_, st := p.OpenImageSection(name, false)
		require.Equal(t, want, st, name)
	}
}

func TestStartRefusesAProgramThatDoesNotFit(t *testing.T) {
	tiny, err := os.ReadFile("../tests/guests/tiny.exe")
	require.NoError(t, err)
	sys, err := New(Config{SystemImages: map[string][]byte{"ntdll.dll": tiny}, RAMBytes: 64 << 10})
	require.NoError(t, err)
	defer func() { require.NoError(t, sys.Close()) }()
	_, err = sys.StartProcess(Program{Path: `C:\guest\tiny.exe`, File: bytes.NewReader(tiny), Size: int64(len(tiny))}, nil, nil)
	require.Error(t, err)
}

func TestTimeIsTheInstructionCount(t *testing.T) {
	tiny, err := os.ReadFile("../tests/guests/tiny.exe")
	require.NoError(t, err)
	sys, err := New(Config{SystemImages: map[string][]byte{"ntdll.dll": tiny}})
	require.NoError(t, err)
	defer func() { require.NoError(t, sys.Close()) }()
	require.EqualValues(t, bootTime, sys.SystemTime())
	sys.CPU().IC = 5_000
	require.EqualValues(t, 5_000, sys.Now())
	require.EqualValues(t, 50, sys.PerformanceCounter())
	sys.Wait(2_000_000)
	require.EqualValues(t, (uptime+2_005_000)/1_000_000, sys.TickCount())
	require.EqualValues(t, bootTime+20_050, sys.SystemTime())
}
