package cpu

import "unsafe"

// hostGap returns how many bytes d begins behind s in host memory, as an unsigned distance. Host addresses, not guest
// ones, tell whether two spans overlap: two linear addresses may map one frame. Both slices are not empty, and only the
// numeric values of the pointers are used.
func hostGap(d, s []byte) uint64 {
	return uint64(uintptr(unsafe.Pointer(&d[0])) - uintptr(unsafe.Pointer(&s[0])))
}
