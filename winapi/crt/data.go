package crt

import "github.com/pagewalk/pagewalk/winapi"

// lconvName is the variable that localeconv returns the address of.
const lconvName = "PagewalkLconv"

// Data returns the variables of both run-times. Those named Pagewalk… are not exported by the real ones: their functions
// return the addresses.
func Data() []winapi.Data {
	return []winapi.Data{
		{Name: "_iob", Bytes: make([]byte, 20*fileSize)},
		{Name: "_acmdln", Bytes: make([]byte, 8)},
		{Name: "__initenv", Bytes: make([]byte, 8)},
		{Name: "_fmode", Bytes: make([]byte, 4)},
		{Name: "_commode", Bytes: make([]byte, 4)},
		{Name: "__argc", Bytes: make([]byte, 4)},
		{Name: "__argv", Bytes: make([]byte, 8)},
		{Name: "_environ", Bytes: make([]byte, 8)},
		{Name: errnoName, Bytes: make([]byte, 4)},
		{Name: "PagewalkPoint", Bytes: []byte(".\x00\x00\x00")}, // a string in bytes and in UTF-16
		{Name: "PagewalkEmpty", Bytes: []byte{0, 0}},
		lconv(),
	}
}

// lconv is struct lconv of the C locale: ten strings, eight CHAR_MAX, and on Windows eight wide strings (locale.h).
func lconv() winapi.Data {
	b := make([]byte, 10*8+8+8*8)
	d := winapi.Data{Name: lconvName, Bytes: b}
	for i := range 10 {
		target := "PagewalkEmpty"
		if i == 0 {
			target = "PagewalkPoint"
		}
		d.Pointers = append(d.Pointers, winapi.Pointer{At: 8 * i, Target: target})
	}
	for i := range 8 {
		b[80+i] = 127
	}
	for i := range 8 {
		target := "PagewalkEmpty"
		if i == 0 {
			target = "PagewalkPoint"
		}
		d.Pointers = append(d.Pointers, winapi.Pointer{At: 88 + 8*i, Target: target})
	}
	return d
}
