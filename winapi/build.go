package winapi

import (
	"encoding/binary"
	"fmt"
	"sort"

	"github.com/pagewalk/pagewalk/nt"
)

// A Set is what Build makes: the images by file name, and the Go functions by number from nt.UserFuncBase.
type Set struct {
	Images map[string][]byte
	Funcs  []nt.UserFunc
}

// Build lays out DLLs. The result depends on its argument alone.
func Build(dlls []*DLL) (*Set, error) {
	set := &Set{Images: map[string][]byte{}}
	for _, d := range dlls {
		if _, dup := set.Images[d.Name]; dup {
			return nil, fmt.Errorf("two DLLs named %s", d.Name)
		}
		image, err := newImage(d, len(set.Funcs)).build()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.Name, err)
		}
		set.Images[d.Name] = image
		set.Funcs = append(set.Funcs, d.Funcs...)
	}
	return set, nil
}

// Layout of an image. Sections follow each other at the section alignment; in the file they are packed.
const (
	sectionAlign = 0x1000
	fileAlign    = 0x200
	headerSize   = 0x400
	stubAlign    = 16
)

// image is a DLL being laid out.
type image struct {
	dll                        *DLL
	first                      int // number of its first Go function
	text                       []byte
	rdata                      []byte
	data                       []byte
	pdata                      []runtimeFunction
	relocs                     []uint32          // RVAs of 8-byte addresses
	symbols                    map[string]uint32 // RVAs of functions and variables by name
	exports                    map[string]uint32 // what the DLL exports, RVAs
	textRVA, dataRVA, rdataRVA uint32
	exportAt, exportSize       int
}

type runtimeFunction struct{ begin, end, unwind uint32 }

func newImage(d *DLL, first int) *image {
	return &image{dll: d, first: first, textRVA: sectionAlign, symbols: map[string]uint32{}, exports: map[string]uint32{}}
}

func align(n, unit int) int { return (n + unit - 1) &^ (unit - 1) }

func pad(b []byte, unit int) []byte { return append(b, make([]byte, align(len(b), unit)-len(b))...) }

// define notes a symbol.
func (im *image) define(name string, rva, export uint32) error {
	if _, dup := im.symbols[name]; dup {
		return fmt.Errorf("%s is defined twice", name)
	}
	im.symbols[name], im.exports[name] = rva, export
	return nil
}

func (im *image) build() ([]byte, error) {
	steps := []func() error{im.stubs, im.code, im.variables, im.fixups, im.unwindInfo, im.exportDirectory}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return im.file(), nil
}

// stubs emits the stubs of Go functions and services.
func (im *image) stubs() error {
	for i := range im.dll.Funcs {
		im.text = pad(im.text, stubAlign)
		rva := im.textRVA + uint32(len(im.text))
		if err := im.define(im.dll.Funcs[i].Name, rva, rva); err != nil {
			return err
		}
		im.text = append(im.text, UserStub(nt.UserFuncBase+uint32(im.first+i))...)
	}
	for i := range im.dll.Services {
		s := &im.dll.Services[i]
		im.text = pad(im.text, stubAlign)
		rva := im.textRVA + uint32(len(im.text))
		if err := im.define(s.Name, rva, rva); err != nil {
			return err
		}
		im.text = append(im.text, serviceStub(s.Number)...)
	}
	return nil
}

// UserStub returns the machine code of the stub of the built-in function with a number.
func UserStub(number uint32) []byte {
	b := []byte{0x4c, 0x8b, 0xd1, 0xb8} // mov r10,rcx; mov eax,number
	b = binary.LittleEndian.AppendUint32(b, number)
	return append(b, 0x0f, 0x05, 0xc3) // syscall; ret
}

// serviceStub returns the stub of a system service, as Windows 10's ntdll has it: it asks KUSER_SHARED_DATA.SystemCall
// which instruction enters the kernel.
func serviceStub(number uint32) []byte {
	b := []byte{0x4c, 0x8b, 0xd1, 0xb8}
	b = binary.LittleEndian.AppendUint32(b, number)
	return append(b,
		0xf6, 0x04, 0x25, 0x08, 0x03, 0xfe, 0x7f, 0x01, // test byte ptr [7ffe0308h],1
		0x75, 0x03, // jne
		0x0f, 0x05, 0xc3, // syscall; ret
		0xcd, 0x2e, 0xc3) // int 2Eh; ret
}

// code emits the functions in machine code; unwindInfo joins them to their unwind information.
func (im *image) code() error {
	for i := range im.dll.Code {
		c := &im.dll.Code[i]
		im.text = pad(im.text, stubAlign)
		rva := im.textRVA + uint32(len(im.text))
		if err := im.define(c.Name, rva, rva+c.Entry); err != nil {
			return err
		}
		im.text = append(im.text, c.Bytes...)
	}
	if len(im.text) == 0 {
		im.text = []byte{0xcc} // a DLL of forwarders alone: the loader wants no empty section
	}
	im.text = pad(im.text, fileAlign)
	im.rdataRVA = im.textRVA + uint32(align(len(im.text), sectionAlign))
	return nil
}

func (im *image) fixups() error {
	for i := range im.dll.Code {
		c := &im.dll.Code[i]
		at := im.symbols[c.Name]
		for _, f := range c.Fixups {
			target, ok := im.symbols[f.Target]
			if !ok {
				return fmt.Errorf("%s refers to %s, which is not there", c.Name, f.Target)
			}
			field := im.text[at-im.textRVA+uint32(f.At):]
			binary.LittleEndian.PutUint32(field, target+f.Plus-(at+uint32(f.At)+4))
		}
	}
	return nil
}

// variables lays out .data. Its place depends on the size of .rdata, which depends on the names only: .data comes first in
// the symbols and behind .rdata in the image, at a distance that leaves room.
func (im *image) variables() error {
	im.dataRVA = im.rdataRVA + uint32(align(im.rdataBound(), sectionAlign))
	for i := range im.dll.Data {
		d := &im.dll.Data[i]
		im.data = pad(im.data, 16)
		rva := im.dataRVA + uint32(len(im.data))
		if err := im.define(d.Name, rva, rva); err != nil {
			return err
		}
		im.data = append(im.data, d.Bytes...)
	}
	for i := range im.dll.Data {
		d := &im.dll.Data[i]
		for _, p := range d.Pointers {
			target, ok := im.symbols[p.Target]
			if !ok {
				return fmt.Errorf("%s points at %s, which is not there", d.Name, p.Target)
			}
			rva := im.symbols[d.Name] + uint32(p.At)
			field := im.data[rva-im.dataRVA:]
			binary.LittleEndian.PutUint64(field, binary.LittleEndian.Uint64(field)+im.dll.Base+uint64(target))
			im.relocs = append(im.relocs, rva)
		}
	}
	return nil
}

// rdataBound is a bound on the size of .rdata.
func (im *image) rdataBound() int {
	n := 40 + len(im.dll.Name) + 1 + 64
	entry := func(name string) int { return 4 + 4 + 2 + len(name) + 1 }
	for i := range im.dll.Funcs {
		n += entry(im.dll.Funcs[i].Name)
	}
	for i := range im.dll.Services {
		n += entry(im.dll.Services[i].Name)
	}
	for i := range im.dll.Code {
		n += entry(im.dll.Code[i].Name) + len(im.dll.Code[i].Unwind) + 8
	}
	for i := range im.dll.Data {
		n += entry(im.dll.Data[i].Name)
	}
	for _, f := range im.dll.Forwards {
		n += entry(f.Name) + len(f.Target) + 1
	}
	return n
}

// unwindInfo emits UNWIND_INFO records and their table, sorted by address.
func (im *image) unwindInfo() error {
	for i := range im.dll.Code {
		c := &im.dll.Code[i]
		if c.Unwind == nil {
			continue
		}
		im.rdata = pad(im.rdata, 4)
		at := im.symbols[c.Name]
		im.pdata = append(im.pdata, runtimeFunction{at, at + uint32(len(c.Bytes)), im.rdataRVA + uint32(len(im.rdata))})
		im.rdata = append(im.rdata, c.Unwind...)
		if c.Handler != "" {
			handler, ok := im.symbols[c.Handler]
			if !ok {
				return fmt.Errorf("the handler %s of %s is not there", c.Handler, c.Name)
			}
			im.rdata = binary.LittleEndian.AppendUint32(im.rdata, handler)
		}
	}
	sort.Slice(im.pdata, func(i, j int) bool { return im.pdata[i].begin < im.pdata[j].begin })
	return nil
}
