package ntmm

import (
	"runtime"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// TestHostOverhead holds what the host spends on a frame to 64 bytes and on a VAD to 256: by the sizes of what describes them, and by
// how the heap grows.
func TestHostOverhead(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(pfn{}), uintptr(64))
	require.LessOrEqual(t, unsafe.Sizeof(vad{}), uintptr(256))
	if checked {
		t.Skip("checks after every fault would take minutes")
	}
	const frames, vads = 1 << 14, 10_000
	w := newWorld(t, 2*frames)
	w.m.hooks.Fault = nil
	grown := func(f func()) uint64 {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		f()
		runtime.GC()
		runtime.ReadMemStats(&after)
		return after.HeapAlloc - min(after.HeapAlloc, before.HeapAlloc)
	}
	base := w.must(0, frames<<12, commitNow, rw)
	require.LessOrEqual(t, grown(func() {
		for page := x86.VirtAddr(0); page < frames; page++ {
			r := w.as.Fault(&x86.Fault{Vector: x86.VectorPF, Code: x86.PFUser | x86.PFWrite, Addr: base + page<<12}, UserMode)
			require.Equal(t, success, r.Status)
		}
	})/frames, uint64(64))
	require.LessOrEqual(t, grown(func() {
		for range vads {
			w.must(0, 4096, ntdef.MEM_RESERVE, rw)
		}
	})/vads, uint64(256))
	runtime.KeepAlive(w)
}
