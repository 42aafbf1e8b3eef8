// Package msvcrt is the built-in msvcrt.dll, the C run-time of Windows itself that mingw programs use.
package msvcrt

import (
	"slices"

	"github.com/pagewalk/pagewalk/winapi"
	"github.com/pagewalk/pagewalk/winapi/crt"
)

// DLL returns the description of msvcrt.dll.
func DLL() *winapi.DLL {
	return &winapi.DLL{
		Name: "msvcrt.dll",
		Base: 0x7ff8_0200_0000,
		Funcs: slices.Concat(
			crt.MSVCRTStart(), crt.Printf(),
			crt.Process(crt.MSVCRT), crt.Stdio(crt.MSVCRT), crt.Files(crt.MSVCRT), crt.Heap(crt.MSVCRT), crt.HeapTools(crt.MSVCRT), crt.Library(crt.MSVCRT), crt.Time(crt.MSVCRT),
			crt.Strings(), crt.Spans(crt.MSVCRT), crt.Wide(crt.MSVCRT), crt.Locale(crt.MSVCRT), crt.Threads(crt.MSVCRT), crt.Numerals(crt.MSVCRT), crt.Characters(), crt.Sorting(),
		),
		Data: crt.Data(crt.MSVCRT),
		Forwards: []winapi.Forward{
			{Name: "__C_specific_handler", Target: "ntdll.__C_specific_handler"},
			{Name: "_setjmp", Target: "ntdll._setjmp"},
			{Name: "_setjmpex", Target: "ntdll._setjmpex"},
			{Name: "longjmp", Target: "ntdll.longjmp"},
		},
		Init: crt.Init(crt.MSVCRT),
		Exit: crt.Exit(crt.MSVCRT),
	}
}
