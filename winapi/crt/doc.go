// Package crt is the C run-time that msvcrt.dll and ucrtbase.dll share: streams, printf, start-up and exit, strings and the
// heap's C names. Each of the two packages lists which functions it exports under which names, and says by a Flavor where
// the older and the newer run-time differ.
//
// Memory that programs look at (FILE structures, errno, argv, lconv) is guest memory; what they do not look at (buffers,
// the list of exit functions) is kept per process in Go.
package crt
