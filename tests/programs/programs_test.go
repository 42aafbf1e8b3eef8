//go:build programs

// Package programs runs programs of others over Wine's real system DLLs and, where the built-in ones carry them, over those, and
// compares with what the same tools do on Linux:
//
//	go test -tags programs ./tests/programs
//
// fetch.sh brings them, into PAGEWALK_PROGRAMS or the user's cache; what cannot be had is skipped, saying so.
package programs

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/trace"
)

var folder string

func TestMain(m *testing.M) {
	folder = os.Getenv("PAGEWALK_PROGRAMS")
	if folder == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			fmt.Fprintln(os.Stderr, "no folder for programs:", err)
			os.Exit(1)
		}
		folder = filepath.Join(cache, "pagewalk-programs")
	}
	fetch := exec.Command("./fetch.sh", folder)
	fetch.Stdout, fetch.Stderr = os.Stderr, os.Stderr
	if err := fetch.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "fetch.sh:", err)
	}
	os.Exit(m.Run())
}

// program returns the path of a program, and skips the test without it.
func program(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(folder, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("%s could not be fetched", name)
	}
	return path
}

// tool returns a program of the host, and skips the test without it.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// builtin and wine are the system DLLs that a program runs over.
const (
	builtin = ""
	wine    = "wine"
)

// over runs a test over some system DLLs.
func over(t *testing.T, sysroots []string, test func(t *testing.T, sysroot string)) {
	for _, s := range sysroots {
		name := "builtin"
		if s != "" {
			name = s
		}
		t.Run(name, func(t *testing.T) { test(t, s) })
	}
}

var both, real = []string{builtin, wine}, []string{wine}

// guest runs a program with a folder as drive D: and returns its output; it must end with an exit code.
func guest(t *testing.T, sysroot, path, dir string, code uint32, stdin string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cfg := pagewalk.Config{
		Sysroot: sysroot, RAM: 1 << 30, Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: &stderr, MaxInstructions: 40_000_000_000,
	}
	if dir != "" {
		root, err := os.OpenRoot(dir)
		require.NoError(t, err)
		defer func() { require.NoError(t, root.Close()) }()
		cfg.Drives = []nt.Drive{{Letter: 'D', Folder: `\`, Root: root}}
	}
	r, err := pagewalk.Run(context.Background(), path, args, cfg)
	require.NoError(t, err, stderr.String())
	require.Equal(t, code, r.ExitCode, "%s%s", stdout.String(), stderr.String())
	return strings.ReplaceAll(stdout.String(), "\r\n", "\n")
}

// host runs a program of the host and returns its standard output.
func host(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	return string(out)
}

// text is data that compresses as text does.
func text(size int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	words := make([]string, 2000)
	for i := range words {
		b := make([]byte, 2+rng.IntN(9))
		for j := range b {
			b[j] = byte('a' + rng.IntN(26))
		}
		words[i] = string(b)
	}
	var b bytes.Buffer
	for b.Len() < size {
		b.WriteString(words[int(rng.ExpFloat64()*200)%len(words)])
		b.WriteByte(" \n"[rng.IntN(12)/11])
	}
	return b.Bytes()[:size]
}

func write(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), data, 0o644))
}

func read(t *testing.T, dir, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	return b
}

const size = 10 << 20

func TestBzip2(t *testing.T) {
	path, linux := program(t, "bzip2.exe"), tool(t, "bzip2")
	over(t, real, func(t *testing.T, sysroot string) {
		dir := t.TempDir()
		data := text(size)
		write(t, dir, "data", data)
		guest(t, sysroot, path, dir, 0, "", "-k", `D:\data`)
		got := read(t, dir, "data.bz2")
		host(t, dir, linux, "-kf", "data")
		require.True(t, bytes.Equal(read(t, dir, "data.bz2"), got), "the same archive as on Linux")
		require.NoError(t, os.Remove(filepath.Join(dir, "data")))
		guest(t, sysroot, path, dir, 0, "", "-d", `D:\data.bz2`)
		require.True(t, bytes.Equal(data, read(t, dir, "data")), "what was compressed comes back")
	})
}

func TestZstd(t *testing.T) {
	path, linux := program(t, "zstd.exe"), tool(t, "zstd")
	over(t, real, func(t *testing.T, sysroot string) {
		dir := t.TempDir()
		data := text(size)
		write(t, dir, "data", data)
		guest(t, sysroot, path, dir, 0, "", "-q", "-k", `D:\data`)
		require.NoError(t, os.Rename(filepath.Join(dir, "data.zst"), filepath.Join(dir, "got.zst")))
		host(t, dir, linux, "-q", "-d", "got.zst", "-o", "back")
		require.True(t, bytes.Equal(data, read(t, dir, "back")), "Linux's zstd takes it apart")
		guest(t, sysroot, path, dir, 0, "", "-q", "-d", `D:\got.zst`, "-o", `D:\again`)
		require.True(t, bytes.Equal(data, read(t, dir, "again")), "what was compressed comes back")
	})
}

func TestSQLite(t *testing.T) {
	path, linux := program(t, "sqlite3.exe"), tool(t, "sqlite3")
	const query = "with recursive n(i) as (select 1 union all select i+1 from n where i<20000) select count(*), sum(i*i), group_concat(i%7,'') from n;"
	const fill = "create table t(a integer primary key, b text); with recursive n(i) as (select 1 union all select i+1 from n where i<20000) insert into t select i, hex(i*i) from n; create index x on t(b);"
	const ask = "select count(*), max(b), sum(a) from t; pragma integrity_check;"
	over(t, real, func(t *testing.T, sysroot string) {
		dir := t.TempDir()
		require.Equal(t, host(t, dir, linux, ":memory:", query), guest(t, sysroot, path, dir, 0, "", ":memory:", query))
		guest(t, sysroot, path, dir, 0, "", `D:\data.db`, fill)
		want := host(t, dir, linux, "data.db", ask)
		require.Contains(t, want, "ok")
		require.Equal(t, want, guest(t, sysroot, path, dir, 0, "", `D:\data.db`, ask))
	})
}

func TestMappedCopy(t *testing.T) {
	const path = "../guests/mapcopy.exe"
	over(t, both, func(t *testing.T, sysroot string) {
		dir := t.TempDir()
		data := text(size + 12345)
		write(t, dir, "from", data)
		require.Equal(t, fmt.Sprintf("%d bytes copied\n", len(data)), guest(t, sysroot, path, dir, 0, "", `D:\from`, `D:\to`))
		require.True(t, bytes.Equal(data, read(t, dir, "to")))
	})
}

func Test7za(t *testing.T) {
	path, linux := program(t, "7za.exe"), program(t, "7za")
	over(t, real, func(t *testing.T, sysroot string) {
		dir := t.TempDir()
		data := text(1 << 20)
		write(t, dir, "data", data)
		require.Contains(t, guest(t, sysroot, path, dir, 0, "", "a", `D:\a.7z`, `D:\data`), "Everything is Ok")
		require.Contains(t, host(t, dir, linux, "t", "a.7z"), "Everything is Ok")
		require.Contains(t, guest(t, sysroot, path, dir, 0, "", "t", `D:\a.7z`), "Everything is Ok")
		require.NoError(t, os.Remove(filepath.Join(dir, "data")))
		require.Contains(t, guest(t, sysroot, path, dir, 0, "", "x", `-oD:\`, `D:\a.7z`), "Everything is Ok")
		require.True(t, bytes.Equal(data, read(t, dir, "data")))
		require.Contains(t, guest(t, sysroot, path, dir, 0, "", "b", "1", "-mmt1", "-md18"), "Tot:") // it ends with 1 where its check fails
	})
}

func TestEsbuild(t *testing.T) {
	path, linux := program(t, "esbuild.exe"), program(t, "esbuild")
	over(t, real, func(t *testing.T, sysroot string) {
		dir := t.TempDir()
		write(t, dir, "in.js", []byte("export function add(first, second) {\n  // adds\n  return first + second;\n}\nconsole.log(add(1, 2) ?? 'none', [1, 2].map(x => x ** 2));\n"))
		want := host(t, dir, linux, "in.js", "--minify")
		require.Equal(t, want, guest(t, sysroot, path, dir, 0, "", `D:\in.js`, "--minify"))
	})
}

func TestRcedit(t *testing.T) {
	path := program(t, "rcedit.exe")
	over(t, real, func(t *testing.T, sysroot string) {
		require.Contains(t, guest(t, sysroot, path, "", 0, "", "--help"), "--set-version-string")
		dir := t.TempDir()
		write(t, dir, "copy.exe", read(t, folder, "bzip2.exe"))
		guest(t, sysroot, path, dir, 0, "", `D:\copy.exe`, "--set-version-string", "ProductName", "pagewalk")
		require.Equal(t, "pagewalk", strings.TrimSpace(guest(t, sysroot, path, dir, 0, "", `D:\copy.exe`, "--get-version-string", "ProductName")))
	})
}

func TestSentryCLI(t *testing.T) {
	path, linux := program(t, "sentry-cli.exe"), program(t, "sentry-cli")
	over(t, real, func(t *testing.T, sysroot string) {
		for _, arg := range []string{"--version", "--help"} {
			want := host(t, "", linux, arg)
			got := strings.ReplaceAll(guest(t, sysroot, path, "", 0, "", arg), "sentry-cli.exe", "sentry-cli")
			want = strings.Replace(want, "  uninstall        Uninstall the sentry-cli executable.\n", "", 1) // not on Windows
			require.Equal(t, want, got)
		}
	})
}

func TestRipgrep(t *testing.T) {
	path, linux := program(t, "rg.exe"), program(t, "rg")
	over(t, real, func(t *testing.T, sysroot string) {
		dir := t.TempDir()
		write(t, dir, "b.txt", text(1<<20))
		write(t, dir, "a.txt", []byte("one\nTwo three\n"))
		for _, args := range [][]string{{"-n", "--sort", "path", `\b[ab]\w{3}c\b`}, {"-i", "-c", "two|qu+x"}, {"-P", `(?<=Two )\w+`, "-o"}} {
			want := host(t, dir, linux, append(args, ".")...)
			got := guest(t, sysroot, path, dir, 0, "", append(args, `D:\`)...)
			require.Equal(t, strings.ReplaceAll(want, "./", `D:\`), got)
		}
	})
}

func TestLightningCSS(t *testing.T) {
	path, linux := program(t, "lightningcss.exe"), program(t, "lightningcss")
	over(t, real, func(t *testing.T, sysroot string) {
		dir := t.TempDir()
		write(t, dir, "a.css", []byte(".a { color: rgba(255, 0, 0, 0.5); margin: 0px 0px 0px 0px; & .b { display: flex } }\n@media (min-width: 100px) { .c { transform: rotate(0deg) translateX(10px) } }\n"))
		want := host(t, dir, linux, "--minify", "--targets", "chrome 80", "a.css")
		require.Equal(t, want, guest(t, sysroot, path, dir, 0, "", "--minify", "--targets", "chrome 80", `D:\a.css`))
	})
}

func TestAstGrep(t *testing.T) {
	path, linux := program(t, "ast-grep.exe"), program(t, "ast-grep")
	over(t, real, func(t *testing.T, sysroot string) {
		dir := t.TempDir()
		write(t, dir, "a.js", []byte("const f = (x) => { if (x == 1) { return g(x) } };\nf(1); f( 2 ); console.log(f(f(3)));\n"))
		args := []string{"run", "-p", "f($A)", "-r", "h($A, $A)", "-l", "js"}
		want := host(t, dir, linux, append(args, "a.js")...)
		require.NotEmpty(t, want)
		require.Equal(t, want, strings.ReplaceAll(guest(t, sysroot, path, dir, 0, "", append(args, `D:\a.js`)...), `D:\`, ""))
	})
}

// TestSass runs Dart's virtual machine with a snapshot of compiled code.
func TestSass(t *testing.T) {
	path, linux := program(t, "sass-win/dart-sass/src/dart.exe"), program(t, "sass-linux/dart-sass/src/dart")
	over(t, real, func(t *testing.T, sysroot string) {
		dir := t.TempDir()
		write(t, dir, "a.scss", []byte("$w: 10px;\n@mixin m($n) { width: $w * $n; }\n.a { @include m(3); &:hover { color: mix(#f00, #00f, 25%) } }\n@each $i in 1, 2 { .b-#{$i} { @extend .a; order: $i } }\n"))
		want := host(t, dir, linux, program(t, "sass-linux/dart-sass/src/sass.snapshot"), "-q", "a.scss")
		require.Contains(t, want, "30px")
		require.Equal(t, want, guest(t, sysroot, path, dir, 0, "", "sass.snapshot", "-q", `D:\a.scss`))
	})
}

// TestNode runs V8 with its just-in-time compilers, and libuv with its threads and completion port.
func TestNode(t *testing.T) {
	path := program(t, "node.exe")
	over(t, real, func(t *testing.T, sysroot string) {
		const script = `
const fib = n => n < 2 ? n : fib(n - 1) + fib(n - 2);
console.log(fib(22), 2n ** 70n, [3, 1, 2].toSorted().map(x => x ** 0.5).join());
console.log(require("crypto").createHash("sha256").update("abc").digest("hex"));
console.log(require("zlib").gunzipSync(require("zlib").gzipSync("packed ".repeat(1000))).length);
try { null.x } catch (e) { console.log(e.constructor.name) }
setTimeout(() => console.log("later"), 50);
const fs = require("fs");
fs.promises.writeFile("D:/out.txt", "written").then(() => console.log(fs.readFileSync("D:/out.txt", "utf8")));
process.on("exit", () => console.log("exit"));
process.stdin.on("data", d => console.log("read " + d)).on("end", () => process.exitCode = 7);
`
		dir := t.TempDir()
		write(t, dir, "script.js", []byte(script))
		out := strings.Split(strings.TrimSpace(guest(t, sysroot, path, dir, 7, "typed", `D:\script.js`)), "\n")
		require.Equal(t, []string{
			"17711 1180591620717411303424n 1,1.4142135623730951,1.7320508075688772",
			"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "7000", "TypeError",
		}, out[:min(4, len(out))])
		require.ElementsMatch(t, []string{"read typed", "written", "later", "exit"}, out[min(4, len(out)):])
		require.Equal(t, "exit", out[len(out)-1])
		require.Equal(t, "written", string(read(t, dir, "out.txt")))
	})
}

// TestDotNet runs a managed program: .NET's host, CoreCLR and its compiler, with Microsoft's C run-time beside them. It was compiled for
// x64, and once more as by default for any processor, which makes a PE32 image.
func TestDotNet(t *testing.T) {
	path := program(t, "dotnet/dotnet.exe")
	over(t, real, func(t *testing.T, sysroot string) {
		for _, image := range []string{"managed.dll", "managed_any.dll"} {
			dir := t.TempDir()
			write(t, dir, "managed.dll", read(t, "testdata", image))
			write(t, dir, "managed.runtimeconfig.json", []byte(`{"runtimeOptions":{"framework":{"name":"Microsoft.NETCore.App","version":"2.0.0"}}}`))
			require.Equal(t, "1,4,9,16,25,36,49,64,81,100\n610\nNullReferenceException\nDivideByZeroException\ncollected True\nargument 1.414\n",
				guest(t, sysroot, path, dir, 42, "", `D:\managed.dll`, "argument"), image)
		}
	})
}

// TestMicrosoftCRT has Microsoft's own C run-time, beside the program, do what is recorded of Wine's and held of the built-in one.
func TestMicrosoftCRT(t *testing.T) {
	dll := read(t, filepath.Dir(program(t, "dotnet/ucrtbase.dll")), "ucrtbase.dll")
	for _, p := range []struct{ program, golden string }{
		{"../guests/hello_ucrt.exe", "../guests/golden/hello_ucrt.stdout"},
		{"../../winapi/ucrtbase/testdata/crt.exe", "../../winapi/ucrtbase/testdata/crt.golden"},
		{"../../winapi/ucrtbase/testdata/files.exe", "../../winapi/ucrtbase/testdata/files.golden"},
	} {
		t.Run(filepath.Base(p.program), func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "ucrtbase.dll", dll)
			name := filepath.Base(p.program)
			write(t, dir, name, read(t, filepath.Dir(p.program), name))
			var stdout, stderr bytes.Buffer
			m, err := pagewalk.New(filepath.Join(dir, name), []string{"one", "two"}[:2*strings.Count(name, "hello")], pagewalk.Config{
				Sysroot: wine, Stdin: strings.NewReader("first line\r\nxy more\r\n"), Stdout: &stdout, Stderr: &stderr, MaxInstructions: 2_000_000_000,
			})
			require.NoError(t, err)
			defer func() { require.NoError(t, m.Close()) }()
			_, err = m.Run(context.Background())
			require.NoError(t, err, stderr.String())
			var paths []string
			for _, module := range m.Process().Modules() {
				paths = append(paths, module.Path)
			}
			require.Contains(t, paths, `C:\guest\ucrtbase.dll`)
			want := string(read(t, filepath.Dir(p.golden), filepath.Base(p.golden)))
			want = strings.Replace(want, "_expand 1 100 1", "_expand 1 100 0", 1) // Wine's heap has room behind the block
			require.Equal(t, want, stdout.String())
		})
	}
}

// TestGo builds the Go program of tests/guests for both systems.
func TestGo(t *testing.T) {
	dir := t.TempDir()
	build := func(name string, env ...string) string {
		file := filepath.Join(dir, name)
		cmd := exec.Command("go", "build", "-o", file, "../guests/goroutines")
		cmd.Env = append(os.Environ(), append(env, "CGO_ENABLED=0")...)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, string(out))
		return file
	}
	native := exec.Command(build("native"), "x", "y")
	native.Dir = dir
	want, _ := native.Output()
	path := build("goroutines.exe", "GOOS=windows", "GOARCH=amd64", "GOAMD64=v1")
	over(t, both, func(t *testing.T, sysroot string) {
		require.Equal(t, string(want), guest(t, sysroot, path, "", 5, "", "x", "y"))
	})
}

// TestGuests has the project's own guests do over real DLLs what they do over the built-in ones.
func TestGuests(t *testing.T) {
	over(t, real, func(t *testing.T, sysroot string) {
		for _, g := range []struct {
			name string
			args []string
		}{
			{"tiny", nil},
			{"hello", []string{"one", "two"}},
			{"hello_ucrt", []string{"one", "two"}},
			{"vm", nil},
			{"seh", nil},
			{"tour", nil},
			{"cpp", nil},
			{"asdata", nil},
			{"vec", nil},
			{"x87", nil},
		} {
			t.Run(g.name, func(t *testing.T) {
				var stdout, stderr bytes.Buffer
				r, err := pagewalk.Run(context.Background(), "../guests/"+g.name+".exe", g.args, pagewalk.Config{
					Sysroot: sysroot, Stdout: &stdout, Stderr: &stderr,
				})
				require.NoError(t, err, stderr.String())
				want := string(read(t, "../guests/golden", g.name+".stdout"))
				require.Equal(t, want, stdout.String(), stderr.String())
				require.Equal(t, strings.TrimSpace(string(read(t, "../guests/golden", g.name+".exit"))), fmt.Sprint(r.ExitCode))
			})
		}
	})
}

// TestRecordedPrograms has the programs behind which Wine's own output is recorded run over Wine's DLLs: synchronisation objects,
// child processes, memory across them, files, pipes, exceptions, the C run-times.
func TestRecordedPrograms(t *testing.T) {
	over(t, real, func(t *testing.T, sysroot string) {
		for _, p := range []struct {
			path string
			// known are lines of the recording that Wine's kernel makes and ours does not, and what is there instead.
			known map[string]string
		}{
			{"kernel32/testdata/child", nil},
			{"kernel32/testdata/io", nil},
			{"kernel32/testdata/memory", nil},
			{"kernel32/testdata/other", nil},
			{"kernel32/testdata/pool", nil},
			{"kernel32/testdata/sections", nil},
			{"kernel32/testdata/win32", nil},
			{"kernel32/testdata/files", nil},
			{"kernel32/testdata/threads", map[string]string{ // Wine reads Priority where Windows has BasePriority
				"GetThreadPriority(GetCurrentThread()): 0 12345": "GetThreadPriority(GetCurrentThread()): 8 12345",
				"GetThreadPriority(GetCurrentThread()): 2 12345": "GetThreadPriority(GetCurrentThread()): 10 12345",
			}},
			{"ntdll/testdata/seh", nil},
			{"msvcrt/testdata/crt", nil},
			{"ucrtbase/testdata/crt", map[string]string{ // recorded of Microsoft's
				`strtol("-9223372036854775808",10) -2147483648 "" 34 | 4294967295 "" 34 | -9223372036854775808 0 | 9223372036854775808 0`: `strtol("-9223372036854775808",10) -2147483648 "" 34 | 1 "" 34 | -9223372036854775808 0 | 9223372036854775808 0`,
			}},
		} {
			t.Run(p.path, func(t *testing.T) {
				want := string(read(t, "../../winapi", p.path+".golden"))
				for recorded, ours := range p.known {
					require.Contains(t, want, recorded)
					want = strings.ReplaceAll(want, "\n"+recorded+"\r", "\n"+ours+"\r")
				}
				var stdout, stderr bytes.Buffer
				_, err := pagewalk.Run(context.Background(), "../../winapi/"+p.path+".exe", nil, pagewalk.Config{
					Sysroot: sysroot, RAM: 512 << 20, Stdout: &stdout, Stderr: &stderr, MaxInstructions: 2_000_000_000,
				})
				require.NoError(t, err, stderr.String())
				got, _, _ := strings.Cut(stdout.String(), "-- not in the recording") // where Wine does what Windows does not
				require.Equal(t, want, got, stderr.String())
			})
		}
	})
}

// TestAChildWithoutADLL has Wine's loader end a child whose DLL is missing: its parent sees the status, and goes on.
func TestAChildWithoutADLL(t *testing.T) {
	folder, tiny := t.TempDir(), read(t, "../guests", "tiny.exe")
	for name, data := range map[string][]byte{
		"starts.exe": read(t, "../../winapi/kernel32/testdata", "starts.exe"), "tiny.exe": tiny,
		"lacks.exe": bytes.Replace(tiny, []byte("KERNEL32.dll\x00"), []byte("nowhere1.dll\x00"), 1),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), data, 0o644))
	}
	var stdout, stderr bytes.Buffer
	r, err := pagewalk.Run(context.Background(), filepath.Join(folder, "starts.exe"), []string{"lacks.exe", "tiny.exe"}, pagewalk.Config{
		Sysroot: wine, Stdout: &stdout, Stderr: &stderr, MaxInstructions: 200_000_000,
	})
	require.NoError(t, err, stderr.String())
	require.EqualValues(t, 7, r.ExitCode)
	require.Equal(t, "lacks.exe ended with c0000135\ntiny: no C run-time here\ntiny.exe ended with 0000002a\n", stdout.String())
}

// TestOneSeedOneRun holds runs over real DLLs to their seed, threads and child processes included: the same trace to the byte, and with
// another seed every module elsewhere.
func TestOneSeedOneRun(t *testing.T) {
	for _, path := range []string{
		"../guests/hello.exe", "../../winapi/kernel32/testdata/threads.exe", "../../winapi/kernel32/testdata/child.exe",
	} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			run := func(seed uint64) (string, map[string]uint64) {
				var events bytes.Buffer
				m, err := pagewalk.New(path, nil, pagewalk.Config{
					Sysroot: wine, Seed: seed, RAM: 512 << 20, MaxInstructions: 2_000_000_000,
					Trace: &events, TraceFormat: trace.JSONL, TraceKinds: trace.Faults | trace.VAD | trace.Services | trace.Exceptions | trace.Modules,
				})
				require.NoError(t, err)
				defer func() { require.NoError(t, m.Close()) }()
				_, err = m.Run(context.Background())
				require.NoError(t, err)
				bases := map[string]uint64{}
				for _, module := range m.Process().Modules() {
					bases[module.Name] = module.Base
				}
				return events.String(), bases
			}
			first, bases := run(1)
			again, _ := run(1)
			require.True(t, first == again, "two runs with one seed")
			_, other := run(2)
			require.Len(t, other, len(bases))
			for name, base := range bases {
				if name != "apisetschema.dll" { // it has no relocations
					require.NotEqual(t, base, other[name], name)
				}
			}
		})
	}
}

// TestHostileProgramsOverRealDLLs has programs that ask for everything end inside their limits.
func TestHostileProgramsOverRealDLLs(t *testing.T) {
	for _, how := range []string{
		"deadlock", "spin", "threads", "processes", "handles", "memory", "null", "recursion", "thread recursion", "outside", "teb", "peb",
	} {
		t.Run(how, func(t *testing.T) {
			var stderr bytes.Buffer
			r, err := pagewalk.Run(context.Background(), "../guests/stuck.exe", []string{how}, pagewalk.Config{
				Sysroot: wine, RAM: 64 << 20, MaxInstructions: 300_000_000, Stderr: &stderr,
			})
			if err != nil {
				require.ErrorIs(t, err, nt.ErrInstructions)
				return
			}
			switch how {
			case "null", "recursion", "thread recursion", "teb", "peb":
				require.NotNil(t, r.Exception)
				require.Contains(t, stderr.String(), "unhandled exception")
				if how == "null" { // Wine's own filter ends the process, when the stack is unwound already
					require.Regexp(t, `(?s)STATUS_ACCESS_VIOLATION at stuck.exe!.* reading 0x0.* kernel32!BaseThreadInitThunk.* ntdll!RtlUserThreadStart`, stderr.String())
				}
			default:
				require.Nil(t, r.Exception, stderr.String())
			}
		})
	}
}
