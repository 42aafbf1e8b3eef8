package ntdll

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// The loader's lists that programs and debuggers walk: PEB.Ldr, with every image in the order in which it was loaded, in
// memory and in the order of initialisation.

// createData makes PEB_LDR_DATA with three empty lists.
func (l *ldr) createData(t *nt.Thread) error {
	va, err := l.allocate(t, ntdef.LdrDataSize)
	if err != nil {
		return err
	}
	l.data = va
	if err := t.Store32(va+ntdef.LdrLength, ntdef.LdrDataSize); err != nil {
		return err
	}
	if err := t.Store8(va+ntdef.LdrInitialized, 1); err != nil {
		return err
	}
	for _, list := range []uint64{ntdef.LdrInLoadOrder, ntdef.LdrInMemoryOrder, ntdef.LdrInInitOrder} {
		for _, link := range []uint64{0, 8} {
			if err := t.Store64(va+list+link, va+list); err != nil {
				return err
			}
		}
	}
	return t.Store64(t.Process().PEB()+ntdef.PebLdr, va)
}

// link makes the LDR_DATA_TABLE_ENTRY of an image and appends it to the lists, but for that of the order of initialisation.
func (l *ldr) link(t *nt.Thread, m *loaded) error {
	full, base := nt.EncodeUTF16(m.Path), nt.EncodeUTF16(m.Name)
	e := make([]byte, ntdef.LdrEntrySize)
	va, err := l.allocate(t, uint64(len(e)+len(full)+2+len(base)+2))
	if err != nil {
		return err
	}
	m.entry = va
	le := binary.LittleEndian
	le.PutUint64(e[ntdef.LdrEntryDllBase:], m.Base)
	if m.pe.EntryPoint != 0 {
		le.PutUint64(e[ntdef.LdrEntryEntryPoint:], m.Base+uint64(m.pe.EntryPoint))
	}
	le.PutUint32(e[ntdef.LdrEntrySizeOfImage:], uint32(m.Size))
	le.PutUint32(e[ntdef.LdrEntryTimeDateStamp:], m.pe.TimeDateStamp)
	le.PutUint16(e[ntdef.LdrEntryLoadCount:], m.loads)
	at := va + uint64(len(e))
	for _, s := range []struct {
		field int
		text  []byte
	}{{ntdef.LdrEntryFullDllName, full}, {ntdef.LdrEntryBaseDllName, base}} {
		le.PutUint16(e[s.field:], uint16(len(s.text)))
		le.PutUint16(e[s.field+2:], uint16(len(s.text)+2))
		le.PutUint64(e[s.field+8:], at)
		at += uint64(len(s.text)) + 2
	}
	block := append(append(append(append(e, full...), 0, 0), base...), 0, 0)
	if err := t.Write(va, block); err != nil {
		return err
	}
	if err := appendList(t, l.data+ntdef.LdrInLoadOrder, va+ntdef.LdrEntryInLoadOrder); err != nil {
		return err
	}
	return appendList(t, l.data+ntdef.LdrInMemoryOrder, va+ntdef.LdrEntryInMemoryOrder)
}

// order appends an image to the list of the order of initialisation, in which the program never is.
func (l *ldr) order(t *nt.Thread, m *loaded) error {
	links := m.entry + ntdef.LdrEntryInInitOrder
	if next, err := t.Load64(links); err != nil || next != 0 {
		return err // it was unloaded and, before it was unmapped, loaded again
	}
	return appendList(t, l.data+ntdef.LdrInInitOrder, links)
}

// unlink takes an image out of the lists and frees its LDR_DATA_TABLE_ENTRY.
func (l *ldr) unlink(t *nt.Thread, m *loaded) error {
	for _, links := range []uint64{ntdef.LdrEntryInLoadOrder, ntdef.LdrEntryInMemoryOrder, ntdef.LdrEntryInInitOrder} {
		if err := removeList(t, m.entry+links); err != nil {
			return err
		}
	}
	_, err := FreeHeap(t, 0, m.entry)
	return err
}

// appendList is InsertTailList on LIST_ENTRYs in guest memory.
func appendList(t *nt.Thread, head, entry uint64) error {
	last, err := t.Load64(head + 8)
	if err != nil {
		return err
	}
	for _, w := range []struct{ at, v uint64 }{{entry, head}, {entry + 8, last}, {last, entry}, {head + 8, entry}} {
		if err := t.Store64(w.at, w.v); err != nil {
			return err
		}
	}
	return nil
}

// removeList is RemoveEntryList; an entry that was never in a list is left alone.
func removeList(t *nt.Thread, entry uint64) error {
	next, err := t.Load64(entry)
	if err != nil || next == 0 {
		return err
	}
	last, err := t.Load64(entry + 8)
	if err != nil {
		return err
	}
	if err := t.Store64(next+8, last); err != nil {
		return err
	}
	return t.Store64(last, next)
}
