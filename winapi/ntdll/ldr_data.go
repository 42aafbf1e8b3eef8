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

// link makes the LDR_DATA_TABLE_ENTRY of an image and appends it to the lists; the program itself is not initialised by
// the loader and not in that order's list.
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
	le.PutUint16(e[ntdef.LdrEntryLoadCount:], 0xffff) // never unloaded
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
	lists := []struct{ head, links uint64 }{
		{ntdef.LdrInLoadOrder, ntdef.LdrEntryInLoadOrder},
		{ntdef.LdrInMemoryOrder, ntdef.LdrEntryInMemoryOrder},
		{ntdef.LdrInInitOrder, ntdef.LdrEntryInInitOrder},
	}
	if m.Module == t.Process().Program() {
		lists = lists[:2]
	}
	for _, list := range lists {
		if err := appendList(t, l.data+list.head, va+list.links); err != nil {
			return err
		}
	}
	return nil
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
