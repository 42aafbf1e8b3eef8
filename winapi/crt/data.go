package crt

import (
	"encoding/binary"
	"iter"

	"github.com/pagewalk/pagewalk/winapi"
)

// variables are the addresses of a run-time's variables.
type variables struct {
	iob, acmdln, initenv, fmode, commode, argc, argv, environ, wargv, wenviron, errno, lconv uint64
	timezone, daylight, tzname                                                               uint64
}

// fields yields each variable's name and field, in a fixed order.
func (v *variables) fields() iter.Seq2[string, *uint64] {
	return func(yield func(string, *uint64) bool) {
		for _, f := range []struct {
			name string
			at   *uint64
		}{
			{"_iob", &v.iob},
			{"_acmdln", &v.acmdln},
			{"__initenv", &v.initenv},
			{"_fmode", &v.fmode},
			{"_commode", &v.commode},
			{"__argc", &v.argc},
			{"__argv", &v.argv},
			{"_environ", &v.environ},
			{"__wargv", &v.wargv},
			{"_wenviron", &v.wenviron},
			{hidden + "Errno", &v.errno},
			{hidden + "Lconv", &v.lconv},
			{"_timezone", &v.timezone},
			{"_daylight", &v.daylight},
			{"_tzname", &v.tzname},
		} {
			if !yield(f.name, f.at) {
				return
			}
		}
	}
}

// hidden begins the names of variables that the real run-time does not export: its functions return their addresses.
const hidden = "Pagewalk"

// variableName returns the name under which a variable is exported: the UCRT exports none.
func variableName(f Flavor, name string) string {
	if f == UCRT && name[:1] == "_" {
		return hidden + name
	}
	return name
}

// Data returns a run-time's variables.
func Data(f Flavor) []winapi.Data {
	variable := func(name string, size uint64) winapi.Data {
		return winapi.Data{Name: variableName(f, name), Bytes: make([]byte, size)}
	}
	return []winapi.Data{
		variable("_iob", 20*fileSizes[f]),
		variable("_acmdln", 8),
		variable("__initenv", 8),
		variable("_fmode", 4),
		variable("_commode", 4),
		variable("__argc", 4),
		variable("__argv", 8),
		variable("_environ", 8),
		variable("__wargv", 8),
		variable("_wenviron", 8),
		variable(hidden+"Errno", 4),
		{Name: hidden + "Point", Bytes: []byte(".\x00\x00\x00")}, // a string in bytes and in UTF-16
		{Name: hidden + "Empty", Bytes: []byte{0, 0}},
		lconv(),
		// Pacific time until _tzset is called, as documented.
		{Name: variableName(f, "_timezone"), Bytes: binary.LittleEndian.AppendUint32(nil, 8*3600)},
		{Name: variableName(f, "_daylight"), Bytes: binary.LittleEndian.AppendUint32(nil, 1)},
		{Name: variableName(f, "_tzname"), Bytes: make([]byte, 16), Pointers: []winapi.Pointer{
			{At: 0, Target: hidden + "Standard"}, {At: 8, Target: hidden + "Daylight"},
		}},
		{Name: hidden + "Standard", Bytes: append([]byte("PST"), make([]byte, zoneNameSize-3)...)},
		{Name: hidden + "Daylight", Bytes: append([]byte("PDT"), make([]byte, zoneNameSize-3)...)},
	}
}

// lconv is struct lconv of the C locale: ten strings, eight CHAR_MAX, and on Windows eight wide strings (locale.h).
func lconv() winapi.Data {
	b := make([]byte, 10*8+8+8*8)
	d := winapi.Data{Name: hidden + "Lconv", Bytes: b}
	add := func(at, n int) {
		for i := range n {
			target := hidden + "Empty"
			if i == 0 {
				target = hidden + "Point" // decimal_point
			}
			d.Pointers = append(d.Pointers, winapi.Pointer{At: at + 8*i, Target: target})
		}
	}
	add(0, 10)
	for i := range 8 {
		b[80+i] = 127
	}
	add(88, 8)
	return d
}
