package machine

import (
	"encoding/binary"
	"fmt"

	"github.com/pagewalk/pagewalk/x86"
)

// A Module is a file that a multiboot kernel is handed.
type Module struct {
	Name string
	Data []byte
}

const (
	multibootEAX = 0x2badb002

	infoMemory  = 1 << 0
	infoCmdline = 1 << 2
	infoModules = 1 << 3
	infoMap     = 1 << 6
	infoLoader  = 1 << 9

	infoSize = 0x74
	lowEnd   = 0x9fc00 // where a PC's extended BIOS data begins
	high     = 1 << 20
)

// StartMultiboot hands a kernel that is loaded below end its modules and the information structure, which follow it page by
// page, and starts it at entry (Multiboot Specification 0.6.96, 3.2 and 3.3).
func (b *Board) StartMultiboot(entry uint32, end x86.PhysAddr, cmdline string, modules []Module) error {
	at := max(end, high)
	page := func() { at = (at + x86.PageMask) &^ x86.PageMask }
	put := func(what string, data []byte) (uint32, error) {
		p := at
		at += x86.PhysAddr(len(data))
		if uint64(at) > 1<<32 {
			return 0, fmt.Errorf("%s ends above 4 GiB", what)
		}
		if err := b.Load(p, data, uint64(len(data))); err != nil {
			return 0, fmt.Errorf("%s: %w", what, err)
		}
		return uint32(p), nil
	}
	le := binary.LittleEndian
	var table []byte
	for _, m := range modules {
		page()
		first, err := put("module "+m.Name, m.Data)
		if err != nil {
			return err
		}
		last := uint32(at)
		name, err := put("the name of module "+m.Name, append([]byte(m.Name), 0))
		if err != nil {
			return err
		}
		for _, v := range [4]uint32{first, last, name, 0} {
			table = le.AppendUint32(table, v)
		}
	}
	page()
	var info [infoSize]byte
	set := func(off int, v uint32) { le.PutUint32(info[off:], v) }
	set(0, infoMemory|infoCmdline|infoModules|infoMap|infoLoader)
	set(4, lowEnd>>10)
	set(8, uint32((b.mem.Size()-min(b.mem.Size(), high))>>10))
	memory := b.memoryMap()
	for _, part := range []struct {
		what string
		off  int
		data []byte
	}{
		{"the command line", 16, append([]byte(cmdline), 0)},
		{"the table of modules", 24, append(table, make([]byte, 16)...)},
		{"the memory map", 48, memory},
		{"the loader's name", 64, []byte("pagewalk\x00")},
	} {
		at = (at + 7) &^ 7
		p, err := put(part.what, part.data)
		if err != nil {
			return err
		}
		set(part.off, p)
	}
	set(20, uint32(len(modules)))
	set(44, uint32(len(memory)))
	at = (at + 7) &^ 7
	p, err := put("the multiboot information", info[:])
	if err != nil {
		return err
	}
	return b.StartProtected(entry, multibootEAX, p)
}

// memoryMap lists RAM as a PC's firmware does: the top of the first megabyte is reserved.
func (b *Board) memoryMap() []byte {
	const available, reserved = 1, 2
	var out []byte
	add := func(first, size uint64, typ uint32) {
		if size == 0 {
			return
		}
		out = binary.LittleEndian.AppendUint32(out, 20)
		out = binary.LittleEndian.AppendUint64(out, first)
		out = binary.LittleEndian.AppendUint64(out, size)
		out = binary.LittleEndian.AppendUint32(out, typ)
	}
	add(0, lowEnd, available)
	add(lowEnd, high-lowEnd, reserved)
	add(high, b.mem.Size()-min(b.mem.Size(), high), available)
	for _, r := range b.mem.Ranges()[1:] {
		add(uint64(r.First), r.Size, available)
	}
	return out
}
