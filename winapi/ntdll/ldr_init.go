package ntdll

import (
	"fmt"
	"slices"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// Reasons for which an image is called (DllMain, TLS callbacks).
const (
	DLL_PROCESS_DETACH = 0
	DLL_PROCESS_ATTACH = 1
	DLL_THREAD_ATTACH  = 2
	DLL_THREAD_DETACH  = 3
)

// What DllMain finds in its third argument: whether its DLL comes with the program and goes with it, or is loaded and
// unloaded at run time (DllMain's page in the Windows SDK).
const (
	startReserved   = 1
	exitReserved    = 1
	runtimeReserved = 0
)

// attach tells an image that it is loaded, after those that it needs; in a ring of images, the one comes last that the
// others are reached through. A refusal is a loadError, with STATUS_DLL_INIT_FAILED.
func (l *ldr) attach(t *nt.Thread, m *loaded, reserved uint64) error {
	return l.attachAfter(t, m, reserved, map[*loaded]bool{})
}

// attachAfter is attach without the images that were seen. It looks behind those that are ready, since a forwarder that was
// followed later may have brought a new one.
func (l *ldr) attachAfter(t *nt.Thread, m *loaded, reserved uint64, seen map[*loaded]bool) error {
	if seen[m] {
		return nil
	}
	seen[m] = true
	ready := m.ready
	m.ready = true // an image that is loaded by a DllMain below does not begin it again
	for _, other := range m.needs {
		if err := l.attachAfter(t, other, reserved, seen); err != nil {
			m.ready = ready
			return err
		}
	}
	if ready {
		return nil
	}
	ok, err := l.initialize(t, m, reserved)
	if err == nil && !ok {
		m.ready = false
		err = &loadError{ntdef.STATUS_DLL_INIT_FAILED, fmt.Sprintf("%s refuses to be loaded", m.Name)}
	}
	return err
}

// initialize calls an image's TLS callbacks, then its entry point, which may refuse; a built-in DLL's Init.
func (l *ldr) initialize(t *nt.Thread, m *loaded, reserved uint64) (ok bool, err error) {
	program := m.Module == t.Process().Program()
	if !program {
		l.attached = append(l.attached, m)
		if err := l.order(t, m); err != nil {
			return false, err
		}
	}
	if m.builtin != nil {
		if m.builtin.Init == nil {
			return true, nil
		}
		return true, m.builtin.Init(t, m.Module)
	}
	if err := l.callTLS(t, m, DLL_PROCESS_ATTACH); err != nil {
		return false, err
	}
	if program || m.pe.EntryPoint == 0 {
		return true, nil
	}
	v, err := t.Call(m.Base+uint64(m.pe.EntryPoint), m.Base, DLL_PROCESS_ATTACH, reserved)
	return uint32(v) != 0, err
}

// detach tells an image that it is unloaded or that the process ends.
func (l *ldr) detach(t *nt.Thread, m *loaded, reserved uint64) error {
	if m.builtin != nil {
		if m.builtin.Exit == nil {
			return nil
		}
		return m.builtin.Exit(t, m.Module)
	}
	if err := l.callTLS(t, m, DLL_PROCESS_DETACH); err != nil {
		return err
	}
	if m.Module == t.Process().Program() || m.pe.EntryPoint == 0 {
		return nil
	}
	_, err := t.Call(m.Base+uint64(m.pe.EntryPoint), m.Base, DLL_PROCESS_DETACH, reserved)
	return err
}

// ExitProcess is RtlExitUserProcess: images are told, the last that was initialised first and the program at the end, and
// the process ends.
func ExitProcess(t *nt.Thread, code uint32) error {
	l := ldrOf(t)
	l.exiting = true
	for len(l.attached) > 0 { // an image that exits while it is told is not told again
		last := len(l.attached) - 1
		m := l.attached[last]
		l.attached = l.attached[:last]
		if err := l.detach(t, m, exitReserved); err != nil {
			return err
		}
	}
	if program := l.modules[0]; program.ready {
		program.ready = false
		if err := l.detach(t, program, exitReserved); err != nil {
			return err
		}
	}
	return t.Process().Exit(code)
}

// attachThread makes a thread known to the images: its copies of the TLS templates, TLS callbacks, DllMain.
func (l *ldr) attachThread(t *nt.Thread) error {
	if skips, err := skipsAttach(t); err != nil || skips {
		return err
	}
	for slot, m := range l.slots {
		if m == nil {
			continue
		}
		if err := l.growTLS(t, t, len(l.slots)); err != nil {
			return err
		}
		if err := l.copyTemplate(t, t, m, slot); err != nil {
			return err
		}
	}
	for _, m := range slices.Clone(l.attached) {
		if err := l.notifyThread(t, m, DLL_THREAD_ATTACH); err != nil {
			return err
		}
	}
	return l.notifyThread(t, l.modules[0], DLL_THREAD_ATTACH)
}

// skipsAttach reports whether the images are not told of a thread, which was made so (THREAD_CREATE_FLAGS_SKIP_THREAD_ATTACH).
func skipsAttach(t *nt.Thread) (bool, error) {
	flags, err := t.Load16(t.TEB() + ntdef.TebSameTebFlags)
	return flags&ntdef.TebSkipThreadAttach != 0, err
}

// notifyThread tells an image of a thread that begins or ends, unless it does not want to know.
func (l *ldr) notifyThread(t *nt.Thread, m *loaded, reason uint64) error {
	if m.builtin != nil {
		if reason == DLL_THREAD_DETACH && m.builtin.ThreadExit != nil {
			return m.builtin.ThreadExit(t)
		}
		return nil
	}
	if m.quiet {
		return nil
	}
	if err := l.callTLS(t, m, reason); err != nil {
		return err
	}
	if m.Module == t.Process().Program() || m.pe.EntryPoint == 0 {
		return nil
	}
	_, err := t.Call(m.Base+uint64(m.pe.EntryPoint), m.Base, reason, runtimeReserved)
	return err
}

// ExitThread is RtlExitUserThread: images are told, the thread's copies of the TLS templates go, and the thread ends; the last one
// takes the process with it.
func ExitThread(t *nt.Thread, code uint32) error {
	if t.IsLastThread() {
		return ExitProcess(t, code)
	}
	switch skips, err := skipsAttach(t); {
	case err != nil:
		return err
	case skips:
		return t.ExitThread(code)
	}
	l := ldrOf(t)
	attached := slices.Clone(l.attached)
	slices.Reverse(attached)
	for _, m := range append(attached, l.modules[0]) {
		if err := l.notifyThread(t, m, DLL_THREAD_DETACH); err != nil {
			return err
		}
	}
	if err := l.freeThreadTLS(t); err != nil {
		return err
	}
	return t.ExitThread(code)
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
