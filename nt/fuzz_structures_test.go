package nt_test

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// write puts bytes at an address of the argument's slot; the slot may be gone.
func (g *chooser) write(at uint64, b []byte) { _ = g.t.Write(at, b) }

// placed puts a structure somewhere: in the slot, or right before the end of memory.
func (g *chooser) placed(b []byte) uint64 {
	at := g.slot
	if n := g.byte(); n < 20 {
		at = g.place.edge - uint64(len(b))
	} else if n < 24 {
		at = g.place.edge - uint64(len(b)) + n%8 // some bytes are missing
	}
	g.write(at, b)
	return at
}

// structure makes a structure of words of 64 bits.
func (g *chooser) structure(words ...uint64) uint64 { return g.placed(le64s(words...)) }

func (g *chooser) cell() uint64 {
	return g.structure(g.one(0, 0, 8, 0x100, 0x1000, ^uint64(0), g.place.data))
}

func (g *chooser) lengthCell() uint64 { return g.structure(g.length()) }

func (g *chooser) countCell() uint64 {
	return g.structure(g.one(1, 2, 4, 4, 0x10, 0, 1<<32, ^uint64(0)))
}

// room is memory for an answer, as long as lengths mostly are.
func (g *chooser) room() uint64 {
	switch n := g.byte(); {
	case n < 8:
		return 0
	case n < 20:
		return g.hostile()
	case n < 40:
		return g.place.edge - g.byte()
	}
	return g.slot
}

// large is a pointer to a LARGE_INTEGER: a time, an offset, a size.
func (g *chooser) large() uint64 {
	if g.byte() < 20 {
		return 0
	}
	return g.structure(g.one(0, 0, 1, 10, ^uint64(0), ^uint64(1), ^uint64(99), ^uint64(9999), lockAt, lockAt, lockAt, 0x10000, 0x7fffffffffffffff, 1<<63, 1<<40, 134_116_128_000_000_001), 0)
}

// locked is a pointer to where the file is locked, or how much.
func (g *chooser) locked() uint64 {
	if g.byte() > 160 {
		return g.large()
	}
	return g.structure(lockAt)
}

func (g *chooser) pageFileSize() uint64 {
	return g.structure(g.one(2<<20, 2<<20, 4<<20, 16<<20, 0, 1<<40, ^uint64(0)))
}

// regionCell is a pointer to an address and a size.
func (g *chooser) regionCell() uint64 { return g.structure(g.address(), g.regionLength()) }

// newRegion is a pointer to where memory may be: mostly anywhere.
func (g *chooser) newRegion() uint64 {
	if g.byte() < 120 {
		return g.structure(g.one(0, 0, 0, 0x10000, 1<<32, 1<<46, 1<<63, g.place.data, 0x55000000))
	}
	return g.regionCell()
}

// newView is a pointer to where a view may be, how long, and from where of its section.
func (g *chooser) newView() uint64 {
	if g.byte() < 20 {
		return g.regionCell()
	}
	return g.structure(g.one(0, 0, 0, 0, 0x1000, 0x10000, 0x20000, 1<<46, ^uint64(0)))
}

// regionSize is a pointer to a size.
func (g *chooser) regionSize() uint64 {
	if g.region.size != 0 && g.byte() < 160 {
		return g.structure(g.one(g.region.size, 0x1000, 0, g.region.size+0x1000))
	}
	return g.structure(g.one(0, 0, 1, 0x1000, 0x1000, 0x2000, 0x10000, 0x20000, 0x200000, 1<<32, 1<<46, 1<<63, ^uint64(0)))
}

func (g *chooser) addressList() uint64 {
	r := g.address()
	return g.structure(r, r+0x1000, r+0x2000, g.address(), g.hostile())
}

// physicalPages are the numbers that the process has, or has had.
func (g *chooser) physicalPages() uint64 {
	switch n := g.byte(); {
	case n < 160:
		return g.place.frames
	case n < 220:
		return 0
	}
	return g.buffer()
}

// ranges are MEMORY_RANGE_ENTRY.
func (g *chooser) ranges() uint64 {
	var b []uint64
	for range 8 {
		b = append(b, g.address(), g.regionLength())
	}
	return g.structure(b...)
}

// segments are FILE_SEGMENT_ELEMENT.
func (g *chooser) segments() uint64 {
	return g.structure(g.place.data, g.place.data+slotSize, g.place.data+2*slotSize, 0)
}

func (g *chooser) sectorOffset() uint64 {
	return g.structure(g.one(0, 0, 0x200, 0x2000, 0x10000, 1, ^uint64(0)))
}

func (g *chooser) sectors() uint64 {
	return g.one(0x1000, 0x1000, 0x2000, 0, 0x200, 0x10000, 0xffffffff)
}

func (g *chooser) handleList() uint64 {
	var b []uint64
	for range 8 {
		if n := g.byte(); n < 200 {
			b = append(b, g.typed([]string{"Event", "Semaphore", "Mutant", "Timer"}[n%4]))
		} else {
			b = append(b, g.handle())
		}
	}
	return g.structure(b...)
}

func (g *chooser) clientID() uint64 {
	b := make([]uint64, 2)
	switch g.byte() % 4 {
	case 0:
		b[0] = g.place.p.ID()
	case 1:
		b[1] = g.t.ID()
	case 2:
		b[0], b[1] = g.id(), g.id()
	}
	return g.structure(b...)
}

// names are of things that are there, or nearly: of keys, of files, of objects, and what is a name to nobody.
var names = struct{ keys, files, objects, odd []string }{
	[]string{
		`\Registry\Machine\Software\Fuzz`, `\Registry\Machine\Software\Fuzz\Sub`, `\Registry\User`, `\Registry`, "Sub", "value", "value", "new", "",
		`\Registry\Machine\Software\Fuzz\New`, `\Registry\Machine\Software`, `\Registry\User\Loaded`, "SymbolicLinkValue",
	},
	[]string{
		`\??\C:\Temp\file`, `\??\C:\Temp`, `\??\C:\Temp\new`, `\??\C:\`, `\??\C:`, `\??\NUL`, `\??\PIPE\`, `\??\PIPE\p`, "file", "", "*", "n*w",
		`\??\C:\Temp\child.exe`, `\??\C:\Temp\page`, `\??\C:\Temp\file:stream`, `\??\MAILSLOT\m`, `\Device\HarddiskVolume1\Temp\file`,
	},
	[]string{
		"event", "mutant", "section", "x", `\BaseNamedObjects`, `\BaseNamedObjects\x`, `\BaseNamedObjects\event`, `\BaseNamedObjects\mutant`,
		`\Sessions\1\BaseNamedObjects\event`, `\Sessions\1\BaseNamedObjects\mutant`, `\Sessions\1\BaseNamedObjects\section`,
		`\KnownDlls\ntdll.dll`, `\KnownDlls`, `\KernelObjects\LowMemoryCondition`, `\KernelObjects\MemoryPartition0`, `\`, `\Device`, `\??`, `\??\C:`, "",
	},
	[]string{"a\\\\b", "\x00", `\??\`, `\..\..`, strings.Repeat("n", 300), strings.Repeat(`\d`, 200), `\`, "", ".", "a\x00b", strings.Repeat("k", 255)},
}

// text is a name that the service may know.
func (g *chooser) text() string {
	list := names.objects
	n := g.byte()
	word := strings.TrimPrefix(strings.TrimPrefix(g.service, "NtOpen"), "NtCreate")
	switch {
	case n < 30:
		list = names.odd
	case n < 50:
		list = [][]string{names.keys, names.files, names.objects}[n%3]
	case word == "Partition":
		return `\KernelObjects\MemoryPartition0`
	case word == "Section" && n < 150:
		return `\Sessions\1\BaseNamedObjects\section`
	case strings.Contains(g.service, "ValueKey") && n < 150:
		return "value"
	case strings.Contains(g.service, "Key") && word != "KeyedEvent":
		list = names.keys
	case strings.Contains(g.service, "File"), strings.Contains(g.service, "UserProcess"):
		list = names.files
	case word != g.service && n < 150: // an object of the type that the service makes
		return `\BaseNamedObjects\` + strings.ToLower(word)
	}
	return list[g.byte()%uint64(len(list))]
}

// unicode makes a UNICODE_STRING with its text behind it.
func (g *chooser) unicode(at uint64) []byte { return g.unicodeOf(at, g.text()) }

func (g *chooser) unicodeOf(at uint64, s string) []byte {
	text := nt.EncodeUTF16(s)
	g.write(at+0x400, text)
	n, pointer := uint64(len(text))|uint64(len(text))<<16, at+0x400
	switch g.byte() {
	case 0:
		n |= 0xffff
	case 1:
		n |= 1
	case 2:
		pointer = g.hostile()
	}
	return le64s(n, pointer)
}

func (g *chooser) name() uint64 { return g.placed(g.unicode(g.slot)) }

func (g *chooser) noName() uint64 {
	if g.byte() < 200 {
		return 0
	}
	return g.name()
}

func (g *chooser) license() uint64 {
	if g.byte() < 100 {
		return g.name()
	}
	return g.placed(g.unicodeOf(g.slot, []string{"Kernel-MUI-Language-Allowed", "Kernel-MUI-Number-Allowed", "x"}[g.byte()%3]))
}

func (g *chooser) pageFileName() uint64 {
	if g.byte() < 60 {
		return g.name()
	}
	return g.placed(g.unicodeOf(g.slot, []string{`\??\C:\Temp\page`, `\??\C:\pagefile2.sys`}[g.byte()%2]))
}

// roomForName is a UNICODE_STRING that a name goes to.
func (g *chooser) roomForName() uint64 {
	return g.structure(g.one(0x400, 0x400, 0x10, 0xffff)<<16, g.slot+0x100)
}

// attributes are OBJECT_ATTRIBUTES. What is made has mostly no name.
func (g *chooser) attributes() uint64 {
	opens := !strings.HasPrefix(g.service, "NtCreate") || strings.HasSuffix(g.service, "File") || g.service == "NtCreateKey"
	if n := g.byte(); n < 20 || n < 60 && !opens {
		return 0
	}
	g.write(g.slot+0x80, g.unicode(g.slot+0x80))
	text, flags := g.slot+0x80, uint64(0x40)
	root, security, quality := uint64(0), uint64(0), uint64(0)
	if !opens && g.byte() < 90 || strings.Contains(g.service, "Thread") || g.service == "NtOpenProcess" {
		text = 0
	}
	length := uint64(48)
	switch n := g.byte(); {
	case n < 20:
		root = g.typed("Directory")
	case n < 40 && strings.Contains(g.service, "Key"):
		root = g.typed("Key")
	case n < 40:
		root = g.handle()
	case n < 50:
		text = 0
	case n < 130:
		flags = g.one(0xc0, 0xc0, 0x42, 0x80, 0x10, 0x50, 0x100, 0x20, 0xffffffff)
	case n < 140:
		security = g.hostile()
	case n < 150:
		security = g.descriptor()
	case n < 156:
		quality = g.hostile()
	case n < 160:
		length = 47
	case n < 180: // SECURITY_QUALITY_OF_SERVICE
		quality = g.slot + 0x40
		g.write(quality, []byte{12, 0, 0, 0, byte(g.byte() % 5), 0, 0, 0, 0, 0, 0, 0})
	}
	b := le64s(length, root, text, flags, security, quality)
	return g.placed(b)
}

// context is the thread's own CONTEXT, or one with a word changed.
func (g *chooser) context() uint64 {
	var c ntdef.Context
	c.ContextFlags = 0x10000b
	c.Rip = g.place.code + 7
	copy(c.Regs[:], g.t.CPU().R[:])
	c.Regs[ntdef.RegRsp] = g.t.CPU().R[cpu.RSP]
	c.SegCs, c.SegSs, c.EFlags, c.MxCsr = 0x33, 0x2b, 0x202, 0x1f80
	b := make([]byte, 0x4d0)
	c.Marshal(b)
	if g.byte() < 60 {
		at := (g.byte() | g.byte()<<8) % 0x4c8
		binary.LittleEndian.PutUint64(b[at:], g.anyWord())
	}
	at := g.slot
	g.write(at, b)
	return at
}

// record is an EXCEPTION_RECORD.
func (g *chooser) record() uint64 {
	if g.byte() < 30 {
		return g.buffer()
	}
	return g.structure(g.one(0xe0000001, 0x80000003, 0xc0000005, 0x40010006)|g.bit()<<32, 0, g.place.code, g.byte()%18, 1, 2, 3)
}

func (g *chooser) anyWord() uint64 {
	return g.one(0, 1, 2, 4, 8, 0x10, 0x18, 0x30, 0x1000, 0xffffffff, ^uint64(0), 1<<47, 1<<63, g.place.data, g.slot, g.place.edge-8, 0x80000000)
}

func (g *chooser) initialTEB() uint64 {
	if g.byte() < 100 {
		return g.buffer()
	}
	r := g.place.data + 16*slotSize
	return g.structure(0, 0, r, r-slotSize, r-2*slotSize)
}

// descriptor is a security descriptor of one of the SIDs of the tests, with a word changed now and then.
func (g *chooser) descriptor() uint64 {
	owner := [][]byte{everyone, nobody}[g.byte()%2]
	var b []byte
	switch n := g.byte(); {
	case n < 20:
		return g.buffer()
	case n < 120:
		b = descriptor(owner, ace(0, uint32(g.access()), everyone))
	default:
		b = descriptor(owner, ace(byte(n%3), uint32(g.access()), nobody), ace(0, uint32(g.access()), everyone))
	}
	if n := g.byte(); n < 60 {
		b[n%uint64(len(b))] = byte(g.byte())
	} else if n < 120 {
		clear(b[4:8]) // no owner
	}
	at := g.slot + 0x600
	g.write(at, b)
	return at
}

func (g *chooser) mapping() uint64 { return g.structure(0x20002_00020001, 0x1f0007_00020004) }

// privilegeSet is a PRIVILEGE_SET, privileges are TOKEN_PRIVILEGES.
func (g *chooser) privilegeSet() uint64 {
	if g.byte() < 40 {
		return g.buffer()
	}
	b := le64s(1 | g.bit()<<32)
	b = append(b, le64s(g.byte()%40)...)
	return g.placed(append(b, 0, 0, 0, 0))
}

func (g *chooser) privileges() uint64 {
	if g.byte() < 80 {
		return g.buffer()
	}
	b := []byte{byte(1 + g.byte()%2), 0, 0, 0}
	for range 2 {
		b = append(b, le64s(g.byte()%40)...)
		b = append(b, byte(g.one(0, 2, 2, 4)), 0, 0, 0)
	}
	return g.placed(b)
}

// extendedParameters are MEM_EXTENDED_PARAMETER.
func (g *chooser) extendedParameters() uint64 {
	if g.byte() < 120 {
		return 0
	}
	g.write(g.slot+0x100, le64s(g.one(0, 0x10000, 1<<32), g.one(0, 1<<40-1, 1<<46-1), g.one(0, 0x10000, 0x200000)))
	var b []uint64
	for range 3 {
		switch typ := g.byte() % 7; typ {
		case 1:
			b = append(b, typ, g.slot+0x100)
		case 3:
			b = append(b, typ, g.typed("Partition"))
		default:
			b = append(b, typ, g.one(0, 1, 4, 0x8664))
		}
	}
	return g.structure(b...)
}

// childImage is the program that children run.
const childImage = `\??\C:\Temp\child.exe`

// processParameters are RTL_USER_PROCESS_PARAMETERS.
func (g *chooser) processParameters() uint64 {
	if g.byte() < 30 {
		return g.buffer()
	}
	const size = 0x440
	b := make([]byte, size)
	binary.LittleEndian.PutUint32(b[ntdef.ParamsLength:], size)
	b[ntdef.ParamsFlags] = 1
	text := nt.EncodeUTF16(childImage[4:])
	g.write(g.slot+size, text)
	for _, at := range []int{ntdef.ParamsImagePathName, ntdef.ParamsCommandLine} {
		copy(b[at:], le64s(uint64(len(text))*0x10001, g.slot+size))
	}
	if n := g.byte(); n < 60 {
		binary.LittleEndian.PutUint64(b[(g.byte()|g.byte()<<8)%(size-8):], g.anyWord())
	}
	g.write(g.slot, b)
	return g.slot
}

func (g *chooser) createInfo() uint64 {
	return g.structure(0x58, g.one(0, 0, 0, 1), g.one(0, 1, 3, g.byte()), 0, 0, 0, 0, 0, 0, 0, 0)
}

// attributeList is a PS_ATTRIBUTE_LIST with the image's name and others.
func (g *chooser) attributeList() uint64 {
	text := nt.EncodeUTF16(childImage)
	g.write(g.slot+0x400, text)
	b := []uint64{0, 0x20005, uint64(len(text)), g.slot + 0x400, 0}
	for range g.byte() % 4 {
		kind := g.one(0x10003, 0x10004, 6, 0x60000, 0x60002, 0x20008, 0x20009, 0x2000a, 0x2000b, 0x3000c, 0x2000d, 0x3000e, 0x20007, 0x20010, 0x60001, 0x20013, g.byte())
		value, size := g.slot+0x600+8*g.byte(), g.one(8, 8, 1, 2, 4, 0x10, 0x40, 0)
		switch kind {
		case 0x60000:
			value = g.typed("Process")
		case 0x60002:
			value = g.typed("Token")
		case 0x2000b:
			value, size = g.slot+0x700, 8
			g.write(value, le64s(g.handle()))
		}
		b = append(b, kind, size, value, g.one(0, 0, g.slot+0x800))
	}
	b[0] = uint64(8 * len(b))
	return g.structure(b...)
}

// valueEntries are KEY_VALUE_ENTRY.
func (g *chooser) valueEntries() uint64 {
	if g.byte() < 60 {
		return g.room()
	}
	at := g.slot + 0x100
	g.write(at, g.unicode(at))
	return g.structure(at, 0, 0)
}

// setting is what a class is set to: mostly a few small words, or a handle first.
func (g *chooser) setting() uint64 {
	n := g.byte()
	if n < 40 {
		return g.buffer()
	}
	b := make([]byte, 0x100)
	le := binary.LittleEndian
	switch {
	case n < 90:
		le.PutUint64(b, g.handle())
	case n < 130:
		le.PutUint64(b, g.typed([]string{"IoCompletion", "ImpersonationToken", "Directory"}[n%3]))
		le.PutUint64(b[8:], g.typed("IoCompletion"))
	case n < 200:
		le.PutUint32(b, uint32(g.byte()%6))
		le.PutUint32(b[4:], uint32(g.byte()%3))
	default:
		le.PutUint64(b, g.anyWord())
		le.PutUint64(b[8:], g.anyWord())
	}
	if g.byte() < 60 { // the name of FILE_RENAME_INFORMATION, a UNICODE_STRING
		text := nt.EncodeUTF16(g.text())
		le.PutUint64(b[16:], uint64(len(text)))
		copy(b[20:], text[:min(len(text), len(b)-20)])
	}
	return g.placed(b)
}

// buffer is memory with words that mean something to somebody.
func (g *chooser) buffer() uint64 {
	n := g.byte()
	if n < 16 {
		return 0
	}
	if n < 24 {
		return g.hostile()
	}
	rng := rand.New(rand.NewPCG(g.byte(), g.byte()))
	le := binary.LittleEndian
	b := make([]byte, 0x300)
	for i := 0; i < len(b); i += 8 {
		var v uint64
		switch rng.IntN(12) {
		case 0, 1, 2:
			v = 0
		case 3, 4:
			v = uint64(rng.IntN(5))
		case 5:
			v = uint64(rng.IntN(64)) | uint64(rng.IntN(64))<<32
		case 6:
			v = 1 << rng.IntN(64)
		case 7:
			v = g.place.hostile[rng.IntN(len(g.place.hostile))]
		case 8:
			if rng.IntN(3) == 0 {
				v = ^uint64(rng.IntN(8))
			} else if len(g.place.handles) > 0 {
				v = g.place.handles[rng.IntN(len(g.place.handles))]
			}
		case 9:
			v = g.place.data + uint64(rng.IntN(16*slotSize))&^7
		case 10:
			v = uint64(rng.IntN(0x10000)) | uint64(rng.IntN(0x10000))<<16
		case 11:
			v = rng.Uint64()
		}
		le.PutUint64(b[i:], v)
	}
	if rng.IntN(3) == 0 { // text and a UNICODE_STRING that points at it
		copy(b[0x200:], nt.EncodeUTF16(names.files[rng.IntN(len(names.files))]))
		le.PutUint64(b[8*rng.IntN(16):], g.slot+0x200)
	}
	if n > 200 {
		at := g.place.edge - (g.byte()+1)*2
		g.write(at, b[:g.place.edge-at])
		return at
	}
	g.write(g.slot, b)
	return g.slot
}
