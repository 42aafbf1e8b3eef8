// Package ucrtbase is the built-in ucrtbase.dll, the Universal C Run-Time behind the api-ms-win-crt-* API sets.
package ucrtbase

import (
	"slices"

	"github.com/pagewalk/pagewalk/winapi"
	"github.com/pagewalk/pagewalk/winapi/crt"
)

// DLL returns the description of ucrtbase.dll.
func DLL() *winapi.DLL {
	return &winapi.DLL{
		Name: "ucrtbase.dll",
		Base: 0x7ff8_0300_0000,
		Funcs: slices.Concat(
			crt.UCRTStart(), crt.OnExitTables(), crt.CommonPrintf(),
			crt.Process(crt.UCRT), crt.Stdio(crt.UCRT), crt.Files(crt.UCRT), crt.Heap(crt.UCRT), crt.HeapTools(crt.UCRT), crt.Library(crt.UCRT), crt.Time(crt.UCRT),
			crt.Strings(), crt.Spans(crt.UCRT), crt.Wide(crt.UCRT), crt.Locale(crt.UCRT), crt.Threads(crt.UCRT), crt.Numerals(crt.UCRT), crt.Characters(), crt.Sorting(),
		),
		Data: crt.Data(crt.UCRT),
		Forwards: []winapi.Forward{
			{Name: "__C_specific_handler", Target: "ntdll.__C_specific_handler"},
			{Name: "__intrinsic_setjmp", Target: "ntdll._setjmp"},
			{Name: "__intrinsic_setjmpex", Target: "ntdll._setjmpex"},
			{Name: "longjmp", Target: "ntdll.longjmp"},
		},
		Init: crt.Init(crt.UCRT),
		Exit: crt.Exit(crt.UCRT),
	}
}
