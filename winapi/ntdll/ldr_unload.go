package ntdll

import (
	"slices"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// An image stays as long as one that was loaded by name needs it, itself among them, directly or through others: so rings
// of images go together. What came with the program is pinned.

// setLoads sets how often an image was loaded by name, which its LDR_DATA_TABLE_ENTRY shows.
func (l *ldr) setLoads(t *nt.Thread, m *loaded, n uint16) error {
	if err := t.Store16(m.entry+ntdef.LdrEntryLoadCount, n); err != nil {
		return err
	}
	m.loads = n
	return nil
}

// addLoad counts one more load of an image.
func (l *ldr) addLoad(t *nt.Thread, m *loaded) error {
	if m.loads == pinned {
		return nil
	}
	return l.setLoads(t, m, m.loads+1) // the 65,535th pins
}

// dropLoad counts one load less and unloads what is not needed then. An image that only others need stays.
func (l *ldr) dropLoad(t *nt.Thread, m *loaded, reserved uint64) error {
	if m.loads == pinned {
		return nil
	}
	if m.loads > 0 {
		if err := l.setLoads(t, m, m.loads-1); err != nil {
			return err
		}
	}
	return l.sweep(t, reserved)
}

// sweep unloads the images that nothing needs: each is told, the last that was initialised first, then all are unmapped.
// What an image does while it is told, such as to load another, counts.
func (l *ldr) sweep(t *nt.Thread, reserved uint64) error {
	if l.unloading || l.exiting {
		return nil // the sweep that is under way sees what changed
	}
	l.unloading = true
	defer func() { l.unloading = false }()
	for {
		needed := l.needed()
		last := len(l.attached) - 1
		for last >= 0 && needed[l.attached[last]] {
			last--
		}
		if last < 0 {
			return l.unmap(t, needed)
		}
		m := l.attached[last]
		l.attached = slices.Delete(l.attached, last, last+1)
		m.ready = false
		if err := l.detach(t, m, reserved); err != nil {
			return err
		}
	}
}

// needed returns the images that stay.
func (l *ldr) needed() map[*loaded]bool {
	needed := make(map[*loaded]bool, len(l.modules))
	var mark func(m *loaded)
	mark = func(m *loaded) {
		if needed[m] {
			return
		}
		needed[m] = true
		for _, other := range m.needs {
			mark(other)
		}
	}
	for _, m := range l.modules {
		if m.loads > 0 {
			mark(m)
		}
	}
	return needed
}

// unmap removes the images that do not stay from the lists and from memory.
func (l *ldr) unmap(t *nt.Thread, needed map[*loaded]bool) error {
	for i := len(l.modules) - 1; i >= 0; i-- {
		m := l.modules[i]
		if needed[m] {
			continue
		}
		if err := l.freeTLS(t, m); err != nil {
			return err
		}
		if err := l.unlink(t, m); err != nil {
			return err
		}
		if st := t.Process().UnmapViewOfSection(m.Base); st != ntdef.STATUS_SUCCESS {
			return t.Stop("cannot unmap %s: %v", m.Path, st)
		}
		l.modules = slices.Delete(l.modules, i, i+1)
	}
	return nil
}

// forget removes what is not ready from what the images need that are: after a forwarder's target refused to be loaded.
func (l *ldr) forget() {
	for _, m := range l.modules {
		if m.ready {
			m.needs = slices.DeleteFunc(m.needs, func(other *loaded) bool { return !other.ready })
		}
	}
}
