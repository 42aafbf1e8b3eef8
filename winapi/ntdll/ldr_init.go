package ntdll

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// Reasons for which an image is called (DllMain, TLS callbacks).
const (
	DLL_PROCESS_DETACH = 0
	DLL_PROCESS_ATTACH = 1
)

// createTLS gives every image with a TLS directory an index and the thread a copy of its template: the array that
// TEB.ThreadLocalStoragePointer points at (PE Format, "The .tls section").
func (l *ldr) createTLS(t *nt.Thread) error {
	var with []*loaded
	for _, m := range l.modules {
		if m.tls != nil {
			with = append(with, m)
		}
	}
	if len(with) == 0 {
		return nil
	}
	array, err := l.allocate(t, 8*uint64(len(with)))
	if err != nil {
		return err
	}
	for i, m := range with {
		size := m.tls.EndOfRawData - m.tls.StartOfRawData
		block, err := l.allocate(t, size+uint64(m.tls.SizeOfZeroFill))
		if err != nil {
			return err
		}
		template := make([]byte, size)
		if err := t.Read(m.tls.StartOfRawData, template); err != nil {
			return err
		}
		if err := t.Write(block, template); err != nil {
			return err
		}
		if err := t.Store64(array+8*uint64(i), block); err != nil {
			return err
		}
		if err := t.Store32(m.tls.AddressOfIndex, uint32(i)); err != nil {
			return err
		}
	}
	return t.Store64(t.TEB()+ntdef.TebThreadLocalStoragePointer, array)
}

// allocate takes zeroed memory from the process heap.
func (l *ldr) allocate(t *nt.Thread, size uint64) (uint64, error) {
	va, err := AllocateHeap(t, 0, HEAP_ZERO_MEMORY, size)
	if err == nil && va == 0 {
		err = t.Stop("no memory to load the program: %#x bytes", size)
	}
	return va, err
}

// initialize tells an image that it is loaded: its TLS callbacks, then its entry point; a built-in DLL's Init.
func (l *ldr) initialize(t *nt.Thread, m *loaded) error {
	if m.ready {
		return nil
	}
	m.ready = true
	if m.builtin != nil {
		if m.builtin.Init == nil {
			return nil
		}
		return m.builtin.Init(t, m.Module)
	}
	if err := l.callTLS(t, m, DLL_PROCESS_ATTACH); err != nil {
		return err
	}
	if m.Module == t.Process().Program() || m.pe.EntryPoint == 0 || l.modules[1] == m {
		return nil
	}
	ok, err := t.Call(m.Base+uint64(m.pe.EntryPoint), m.Base, DLL_PROCESS_ATTACH, 1)
	if err == nil && uint32(ok) == 0 {
		err = RaiseStatus(t, ntdef.STATUS_DLL_INIT_FAILED)
	}
	return err
}

// detach tells an image that the process ends.
func (l *ldr) detach(t *nt.Thread, m *loaded) error {
	if m.builtin != nil {
		if m.builtin.Exit == nil {
			return nil
		}
		return m.builtin.Exit(t, m.Module)
	}
	if err := l.callTLS(t, m, DLL_PROCESS_DETACH); err != nil {
		return err
	}
	if m.Module == t.Process().Program() || m.pe.EntryPoint == 0 || l.modules[1] == m {
		return nil
	}
	_, err := t.Call(m.Base+uint64(m.pe.EntryPoint), m.Base, DLL_PROCESS_DETACH, 1)
	return err
}

// callTLS calls the functions of an image's TLS directory.
func (l *ldr) callTLS(t *nt.Thread, m *loaded, reason uint64) error {
	if m.tls == nil || m.tls.AddressOfCallBacks == 0 {
		return nil
	}
	for at := m.tls.AddressOfCallBacks; ; at += 8 {
		fn, err := t.Load64(at)
		if err != nil || fn == 0 {
			return err
		}
		if _, err := t.Call(fn, m.Base, reason, 0); err != nil {
			return err
		}
	}
}
