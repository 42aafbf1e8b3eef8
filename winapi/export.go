package winapi

import (
	"encoding/binary"
	"fmt"
	"sort"
)

// exportDirectory emits the export directory behind the unwind information in .rdata: ordinals follow the names' order
// from 1 on (PE Format, "The .edata section").
func (im *image) exportDirectory() error {
	forwards := map[string]string{}
	for _, f := range im.dll.Forwards {
		if _, dup := im.exports[f.Name]; dup || forwards[f.Name] != "" {
			return fmt.Errorf("%s is exported twice", f.Name)
		}
		forwards[f.Name] = f.Target
	}
	names := make([]string, 0, len(im.exports)+len(forwards))
	for name := range im.exports {
		names = append(names, name)
	}
	for name := range forwards {
		names = append(names, name)
	}
	sort.Strings(names)

	im.rdata = pad(im.rdata, 4)
	im.exportAt = len(im.rdata)
	n := len(names)
	functions := im.exportAt + 40
	pointers, ordinals := functions+4*n, functions+8*n
	b := append(im.rdata, make([]byte, 40+10*n)...)
	le := binary.LittleEndian
	rva := func(off int) uint32 { return im.rdataRVA + uint32(off) }
	str := func(s string) uint32 {
		at := rva(len(b))
		b = append(append(b, s...), 0)
		return at
	}
	d := im.exportAt
	// str may move b: its result is fetched before b is indexed.
	dllName := str(im.dll.Name)
	le.PutUint32(b[d+12:], dllName)
	le.PutUint32(b[d+16:], 1) // ordinal base
	le.PutUint32(b[d+20:], uint32(n))
	le.PutUint32(b[d+24:], uint32(n))
	le.PutUint32(b[d+28:], rva(functions))
	le.PutUint32(b[d+32:], rva(pointers))
	le.PutUint32(b[d+36:], rva(ordinals))
	for i, name := range names {
		at, ok := im.exports[name]
		if !ok {
			at = str(forwards[name]) // an address inside the directory: a forwarder
		}
		le.PutUint32(b[functions+4*i:], at)
		pointer := str(name)
		le.PutUint32(b[pointers+4*i:], pointer)
		le.PutUint16(b[ordinals+2*i:], uint16(i))
	}
	im.exportSize = len(b) - im.exportAt
	im.rdata = b
	if len(b) > int(im.dataRVA-im.rdataRVA) {
		panic("winapi: .rdata is larger than its bound")
	}
	return nil
}
