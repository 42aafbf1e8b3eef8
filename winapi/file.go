package winapi

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/loader"
)

// Characteristics of sections (PE Format, "Section flags").
const (
	scnCode        = 0x20
	scnInitialized = 0x40
	scnDiscardable = 0x02000000
	scnExecute     = 0x20000000
	scnRead        = 0x40000000
	scnWrite       = 0x80000000
)

type section struct {
	name  string
	rva   uint32
	bytes []byte
	flags uint32
}

// file joins headers and sections.
func (im *image) file() []byte {
	pdata := im.pdataBytes()
	sections := []section{
		{".text", im.textRVA, im.text, scnCode | scnExecute | scnRead},
		{".rdata", im.rdataRVA, im.rdata, scnInitialized | scnRead},
		{".data", im.dataRVA, im.data, scnInitialized | scnRead | scnWrite},
	}
	next := im.dataRVA + uint32(align(max(len(im.data), 1), sectionAlign))
	add := func(name string, b []byte, flags uint32) uint32 {
		if len(b) == 0 {
			return 0
		}
		at := next
		sections = append(sections, section{name, at, b, flags})
		next += uint32(align(len(b), sectionAlign))
		return at
	}
	relocs := im.relocBytes()
	pdataRVA := add(".pdata", pdata, scnInitialized|scnRead)
	relocRVA := add(".reloc", relocs, scnInitialized|scnRead|scnDiscardable)

	h := make([]byte, headerSize)
	le := binary.LittleEndian
	copy(h, "MZ")
	const pe = 0x80
	le.PutUint32(h[0x3c:], pe)
	copy(h[pe:], "PE\x00\x00")
	le.PutUint16(h[pe+4:], loader.MachineAMD64)
	le.PutUint16(h[pe+6:], uint16(len(sections)))
	le.PutUint16(h[pe+20:], 240)
	le.PutUint16(h[pe+22:], 0x2022) // DLL, large address aware, executable
	o := h[pe+24:]
	le.PutUint16(o, 0x20b)
	le.PutUint64(o[24:], im.dll.Base)
	le.PutUint32(o[32:], sectionAlign)
	le.PutUint32(o[36:], fileAlign)
	le.PutUint16(o[40:], 10)
	le.PutUint16(o[48:], 10)
	le.PutUint32(o[56:], next)
	le.PutUint32(o[60:], headerSize)
	le.PutUint16(o[68:], 3)      // console
	le.PutUint16(o[70:], 0x0160) // high entropy, dynamic base, NX compatible
	le.PutUint64(o[72:], 1<<18)
	le.PutUint64(o[80:], 1<<12)
	le.PutUint64(o[88:], 1<<20)
	le.PutUint64(o[96:], 1<<12)
	le.PutUint32(o[108:], 16)
	directory := func(i int, rva uint32, size int) {
		if size != 0 {
			le.PutUint32(o[112+8*i:], rva)
			le.PutUint32(o[116+8*i:], uint32(size))
		}
	}
	directory(loader.DirectoryExport, im.rdataRVA+uint32(im.exportAt), im.exportSize)
	directory(loader.DirectoryException, pdataRVA, len(pdata))
	directory(loader.DirectoryRelocations, relocRVA, len(relocs))

	offset := headerSize
	for i, s := range sections {
		e := h[pe+24+240+40*i:]
		copy(e, s.name)
		le.PutUint32(e[8:], uint32(max(len(s.bytes), 1)))
		le.PutUint32(e[12:], s.rva)
		if len(s.bytes) > 0 {
			le.PutUint32(e[16:], uint32(align(len(s.bytes), fileAlign)))
			le.PutUint32(e[20:], uint32(offset))
		}
		le.PutUint32(e[36:], s.flags)
		offset += align(len(s.bytes), fileAlign)
	}
	file := h
	for _, s := range sections {
		file = append(file, pad(s.bytes, fileAlign)...)
	}
	return file
}

func (im *image) pdataBytes() (b []byte) {
	for _, f := range im.pdata {
		b = binary.LittleEndian.AppendUint32(b, f.begin)
		b = binary.LittleEndian.AppendUint32(b, f.end)
		b = binary.LittleEndian.AppendUint32(b, f.unwind)
	}
	return b
}

// relocBytes emits the base relocations, a block for each page; an image without any still says that it can be moved.
func (im *image) relocBytes() (b []byte) {
	le := binary.LittleEndian
	for i := 0; i < len(im.relocs); {
		page := im.relocs[i] &^ 0xfff
		start := len(b)
		b = le.AppendUint32(b, page)
		b = le.AppendUint32(b, 0)
		for ; i < len(im.relocs) && im.relocs[i]&^0xfff == page; i++ {
			b = le.AppendUint16(b, 10<<12|uint16(im.relocs[i]&0xfff))
		}
		if len(b)%4 != 0 {
			b = le.AppendUint16(b, 0)
		}
		le.PutUint32(b[start+4:], uint32(len(b)-start))
	}
	if b == nil {
		b = le.AppendUint32(b, im.textRVA)
		b = le.AppendUint32(b, 12)
		b = le.AppendUint32(b, 0) // two entries of padding
	}
	return b
}
