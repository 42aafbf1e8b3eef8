//go:build linux || darwin

package physmem

import "syscall"

// reserve takes address space without memory: MAP_NORESERVE keeps it out of the host's commit accounting.
func reserve(size uint64) ([]byte, error) {
	return syscall.Mmap(-1, 0, int(size), syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
}

func release(b []byte) error { return syscall.Munmap(b) }
