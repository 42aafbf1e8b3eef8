package ntdll

import (
	"errors"
	"fmt"
	"slices"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// createTLS gives every image with a TLS directory that has none yet an index, and the thread a copy of its template: in
// the array that TEB.ThreadLocalStoragePointer points at (PE Format, "The .tls section"). The program's index is 0.
func (l *ldr) createTLS(t *nt.Thread) error {
	for _, m := range l.modules {
		if m.tls == nil || m.slot >= 0 {
			continue
		}
		slot := slices.Index(l.slots, nil)
		if slot < 0 {
			slot = len(l.slots)
		}
		if err := l.copyTemplates(t, m, slot); err != nil {
			return errors.Join(err, l.freeCopies(t, slot))
		}
		if err := t.Store32(m.tls.AddressOfIndex, uint32(slot)); err != nil {
			return err
		}
		if slot == len(l.slots) {
			l.slots = append(l.slots, nil)
		}
		m.slot = slot
		l.slots[slot] = m
	}
	return nil
}

// copyTemplates puts copies of an image's template into a slot of every thread's array.
func (l *ldr) copyTemplates(t *nt.Thread, m *loaded, slot int) error {
	for _, owner := range t.Process().Threads() {
		if err := l.growTLS(t, owner, slot+1); err != nil {
			return err
		}
		if err := l.copyTemplate(t, owner, m, slot); err != nil {
			return err
		}
	}
	return nil
}

// growTLS makes room for n slots in a thread's array.
func (l *ldr) growTLS(t, owner *nt.Thread, n int) error {
	have := l.tlsArray[owner]
	if n <= have {
		return nil
	}
	room := max(n, 2*have)
	array, err := l.allocate(t, 8*uint64(room))
	if err != nil {
		return err
	}
	old, err := t.Load64(owner.TEB() + ntdef.TebThreadLocalStoragePointer)
	if err != nil {
		return err
	}
	if old != 0 {
		b := make([]byte, 8*have)
		if err := t.Read(old, b); err != nil {
			return err
		}
		if err := t.Write(array, b); err != nil {
			return err
		}
	}
	if err := t.Store64(owner.TEB()+ntdef.TebThreadLocalStoragePointer, array); err != nil {
		return err
	}
	l.tlsArray[owner] = room
	_, err = FreeHeap(t, 0, old)
	return err
}

// copyTemplate puts a copy of an image's template into a slot of a thread's array.
func (l *ldr) copyTemplate(t, owner *nt.Thread, m *loaded, slot int) error {
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
	array, err := t.Load64(owner.TEB() + ntdef.TebThreadLocalStoragePointer)
	if err != nil {
		return err
	}
	return t.Store64(array+8*uint64(slot), block)
}

// freeTLS takes an image's index and all threads' copies of its template back.
func (l *ldr) freeTLS(t *nt.Thread, m *loaded) error {
	if m.slot < 0 {
		return nil
	}
	if err := l.freeCopies(t, m.slot); err != nil {
		return err
	}
	l.slots[m.slot] = nil
	m.slot = -1
	return nil
}

// freeCopies frees every thread's copy of one template.
func (l *ldr) freeCopies(t *nt.Thread, slot int) error {
	for _, owner := range t.Process().Threads() {
		if err := l.freeSlot(t, owner, slot); err != nil {
			return err
		}
	}
	return nil
}

// freeSlot frees a thread's copy of one template.
func (l *ldr) freeSlot(t, owner *nt.Thread, slot int) error {
	if slot >= l.tlsArray[owner] {
		return nil
	}
	array, err := t.Load64(owner.TEB() + ntdef.TebThreadLocalStoragePointer)
	if err != nil {
		return err
	}
	at := array + 8*uint64(slot)
	block, err := t.Load64(at)
	if err != nil {
		return err
	}
	if err := t.Store64(at, 0); err != nil {
		return err
	}
	_, err = FreeHeap(t, 0, block)
	return err
}

// freeThreadTLS frees what a thread that ends has of the templates.
func (l *ldr) freeThreadTLS(t *nt.Thread) error {
	for slot, m := range l.slots {
		if m != nil {
			if err := l.freeSlot(t, t, slot); err != nil {
				return err
			}
		}
	}
	array, err := t.Load64(t.TEB() + ntdef.TebThreadLocalStoragePointer)
	if err != nil {
		return err
	}
	delete(l.tlsArray, t)
	if err := t.Store64(t.TEB()+ntdef.TebThreadLocalStoragePointer, 0); err != nil {
		return err
	}
	_, err = FreeHeap(t, 0, array)
	return err
}

// allocate takes zeroed memory from the process heap. Where there is none, the error is a loadError.
func (l *ldr) allocate(t *nt.Thread, size uint64) (uint64, error) {
	va, err := AllocateHeap(t, 0, HEAP_ZERO_MEMORY, size)
	if err == nil && va == 0 {
		err = &loadError{ntdef.STATUS_NO_MEMORY, fmt.Sprintf("no memory to load with: %#x bytes", size)}
	}
	return va, err
}
