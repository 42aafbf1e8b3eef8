// Package crt is the C run-time that msvcrt.dll and ucrtbase.dll share: streams, printf, start-up and exit, strings,
// numbers, time and the heap's C names. Each of the two packages lists which functions it exports under which names, and
// says by a Flavor where the older and the newer run-time differ; printf's differences are a dialect.
//
// Memory that programs look at (FILE structures, errno, argv, lconv) is guest memory; what they do not look at (buffers,
// the list of exit functions) is kept per process in Go. Standard output is buffered as for a pipe or a file.
//
// The functions read and write guest memory as the program would, and fault there. Each can be run anew from its start
// after a fault that a handler continues from: it changes nothing before it has all it needs, changes only what it would
// change again in the same way, or faults in beforehand what it will need.
//
// The locale is C: one byte a character, and wide characters up to U+00FF have the byte of their number. What the
// functions print and return is tested against recordings of Wine 8, and where that differs from Microsoft's
// documentation, against the documentation.
package crt
