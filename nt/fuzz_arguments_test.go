package nt_test

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"

	"github.com/pagewalk/pagewalk/cpu"
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// A chooser chooses the arguments of one call by its bytes.
type chooser struct {
	w       *player
	t       *nt.Thread
	place   *place
	bytes   []byte
	service string
	slot    uint64 // the memory of the argument
	wild    uint64 // how many of 256 arguments are nothing that their names want
}

// byte takes a byte; there are zeros behind the last.
func (g *chooser) byte() uint64 {
	if len(g.bytes) == 0 {
		return 0
	}
	b := g.bytes[0]
	g.bytes = g.bytes[1:]
	return uint64(b)
}

func (g *chooser) one(of ...uint64) uint64 { return of[g.byte()%uint64(len(of))] }

// kinds say what an argument of a name is likely to be.
var kinds = map[string]func(*chooser) uint64{}

func init() {
	for names, kind := range map[string]func(*chooser) uint64{
		"source first second next reserve rootHandle packet":                                                      (*chooser).handle,
		"access desiredAccess processAccess threadAccess mapping desired":                                         (*chooser).access,
		"objectAttributes attributes processAttributes threadAttributes sourceFile":                               (*chooser).attributes,
		"name valueName text string vendor class_ newFile oldFile strings":                                        (*chooser).name,
		"count titleIndex index class level information action code type state status completionFilter filter":    (*chooser).small,
		"length bufferSize size inputLength outputLength dataSize eaLength":                                       (*chooser).length,
		"timeout interval due byteOffset offset maximumSize newSize sectionOffset allocationSize minimum maximum": (*chooser).large,
		"regionSize viewSize": (*chooser).regionSize,
		"ioStatus ioStatusBlock previous returnLength resultLength oldProtect copied current removed returnlength lengthNeeded requiredLength result luid locale language": (*chooser).cell,
		"baseAddress address addresses": (*chooser).region,
		"context":                       (*chooser).context,
		"routine apcRoutine start":      (*chooser).routine,
		"options flags protect pageProtection newProtect freeType disposition share zeroBits mapType createOptions processFlags threadFlags":                                           (*chooser).flags,
		"buffer input output data record entries others handles list parameters new descriptor privileges required sidsToDisable restrictedSids createInfo initialTEB clientID frames": (*chooser).buffer,
		"ioStatus ioStatusBlock previous returnLength resultLength oldProtect":                                                                                                         (*chooser).cell,
	} {
		for _, name := range strings.Fields(names) {
			kinds[name] = kind
		}
	}
	for name, kind := range map[string]func(*chooser) uint64{
		"NtCreateKey class": (*chooser).noName, "NtCreateKey disposition": (*chooser).cell,
		"NtGetNextThread next": (*chooser).cell, "NtGetNextProcess next": (*chooser).cell, "NtGetNextThread flags": (*chooser).zero,
		"NtGetNextThread attributes": (*chooser).zero, "NtGetNextProcess attributes": (*chooser).zero, "NtGetNextProcess flags": (*chooser).small,
		"NtOpenProcess clientID": (*chooser).clientID, "NtOpenThread clientID": (*chooser).clientID, "NtAlertThreadByThreadId threadID": (*chooser).id,
		"NtQueryEvent class": (*chooser).zero, "NtQueryMutant class": (*chooser).zero, "NtQuerySemaphore class": (*chooser).zero,
		"NtQueryTimer class": (*chooser).zero, "NtQueryIoCompletion class": (*chooser).zero, "NtQueryDirectoryFile event": (*chooser).zero,
		"NtQueryDirectoryFileEx event": (*chooser).zero, "NtQueryDirectoryFile apcRoutine": (*chooser).zero,
		"NtQueryAttributesFile information": (*chooser).buffer, "NtQueryFullAttributesFile information": (*chooser).buffer,
		"NtFsControlFile code": (*chooser).control, "NtDeviceIoControlFile code": (*chooser).control, "NtCreateSymbolicLinkObject target": (*chooser).name,
		"NtQuerySymbolicLinkObject target": (*chooser).buffer, "NtExtendSection newSize": (*chooser).large, "NtCreateNamedPipeFile type": (*chooser).bit,
		"NtCreateNamedPipeFile readMode": (*chooser).bit, "NtCreateNamedPipeFile completionMode": (*chooser).bit, "NtSaveKey file": (*chooser).handle,
		"NtLoadKey sourceFile": (*chooser).attributes, "NtWaitForMultipleObjects handles": (*chooser).handleList, "NtWaitForMultipleObjects count": (*chooser).small,
		"NtFreeUserPhysicalPages count": (*chooser).cell, "NtAllocateUserPhysicalPages count": (*chooser).cell,
		"NtCreateSection attributes": (*chooser).sectionFlags, "NtCreateSection pageProtection": (*chooser).protection, "NtMapViewOfSection protect": (*chooser).protection,
		"NtAllocateVirtualMemory protect": (*chooser).protection, "NtAllocateVirtualMemoryEx protect": (*chooser).protection, "NtProtectVirtualMemory newProtect": (*chooser).protection,
		"NtAllocateVirtualMemory zeroBits": (*chooser).zero, "NtMapViewOfSection zeroBits": (*chooser).zero, "NtMapViewOfSection type": (*chooser).zero,
		"NtMapViewOfSection inherit": (*chooser).small, "NtFreeVirtualMemory freeType": (*chooser).freeing, "NtGetWriteWatch regionSize": (*chooser).length,
		"NtResetWriteWatch regionSize": (*chooser).length, "NtGetWriteWatch baseAddress": (*chooser).hostile, "NtResetWriteWatch baseAddress": (*chooser).hostile,
		"NtMapUserPhysicalPages address": (*chooser).hostile, "NtMapUserPhysicalPages count": (*chooser).small, "NtMapUserPhysicalPagesScatter count": (*chooser).small,
		"NtSetInformationVirtualMemory count": (*chooser).small, "NtWriteVirtualMemory baseAddress": (*chooser).buffer, "NtReadVirtualMemory baseAddress": (*chooser).buffer,
		"NtAreMappedFilesTheSame first": (*chooser).hostile, "NtAreMappedFilesTheSame second": (*chooser).hostile,
	} {
		kinds[name] = kind
	}
}

func (g *chooser) zero() uint64 { return 0 }

func (g *chooser) bit() uint64 { return g.byte() & 1 }

func (g *chooser) noName() uint64 {
	if g.byte() < 200 {
		return 0
	}
	return g.name()
}

// id is the identifier of the process, of its thread, or of another that may be there.
func (g *chooser) id() uint64 {
	return g.one(g.t.ID(), g.t.ID()+4, g.t.ID()-4, g.place.p.ID(), g.place.p.ID()+4, 4, 0, 1<<32)
}

func (g *chooser) clientID() uint64 {
	b := make([]byte, 16)
	switch g.byte() % 4 {
	case 0:
		binary.LittleEndian.PutUint64(b, g.place.p.ID())
	case 1:
		binary.LittleEndian.PutUint64(b[8:], g.t.ID())
	case 2:
		binary.LittleEndian.PutUint64(b, g.id())
		binary.LittleEndian.PutUint64(b[8:], g.id())
	}
	return g.placed(b)
}

// control is a code of NtFsControlFile or NtDeviceIoControlFile.
func (g *chooser) control() uint64 {
	return g.one(fsctlDisconnect, fsctlListen, fsctlPeek, fsctlWait, fsctlTransceive, 0x900a8, 0x9003c, 0x90064, 0x900c0, 0x98208, 0x900c4, 0x980c8, 0x70000, 0x70140, 0x2d1080, 0x4d0008, 0x90028)
}

func (g *chooser) handleList() uint64 {
	b := make([]byte, 0, 64*8)
	for range 8 {
		b = binary.LittleEndian.AppendUint64(b, g.handle())
	}
	return g.placed(b)
}

func (g *chooser) protection() uint64 {
	return g.one(4, 4, 2, 0x40, 0x20, 0x10, 8, 0x80, 1, 0x104, 0x204, 0x404, 0x40000040, 0, 6)
}

func (g *chooser) sectionFlags() uint64 {
	return g.one(0x8000000, 0x8000000, 0x4000000, 0x1000000, 0x11000000, 0x88000000, 0x18000000, 0x200000, 0, 0x80000000)
}

func (g *chooser) freeing() uint64 { return g.one(0x4000, 0x4000, 0x8000, 0x8001, 0x8002, 0, 0xc000) }

// typeNames are the types of handles that arguments of some names, or those called "handle" of services with some words in theirs, want.
var typeNames = []struct{ word, typ string }{
	{"process", "Process"},
	{"sourceProcess", "Process"},
	{"targetProcess", "Process"},
	{"parent", "Process"},
	{"thread", "Thread"},
	{"file", "File"},
	{"event", "Event"},
	{"key", "Key"},
	{"targetKey", "Key"},
	{"token", "Token"},
	{"section", "Section"},
	{"port", "IoCompletion"},
	{"job", "Job"},
	{"directory", "Directory"},
	{"link", "SymbolicLink"},
	{"wait", "Event"},
	{"signal", "Event"},
	{"packet", "WaitCompletionPacket"},
	{"KeyedEvent", "KeyedEvent"},
	{"Event", "Event"},
	{"Semaphore", "Semaphore"},
	{"Mutant", "Mutant"},
	{"Timer", "Timer"},
	{"IoCompletion", "IoCompletion"},
	{"TerminateProcess", "Process"},
	{"TerminateThread", "Thread"},
	{"AlertThread", "Thread"},
}

// typed is mostly a handle of a type.
func (g *chooser) typed(typ string) uint64 {
	if n := g.byte(); n < 200 {
		if all := g.place.typed[typ]; len(all) > 0 {
			return g.one(all...)
		}
	} else if n < 240 {
		return 0x40 + 4*(g.byte()%96)
	}
	return g.handle()
}

// argument chooses an argument: mostly what its name wants, else anything.
func (g *chooser) argument(service, name string, i int) uint64 {
	g.service, g.slot = service, g.place.data+uint64(i)*slotSize
	if g.byte() < g.wild {
		return g.anything()
	}
	makes := !strings.Contains(service, "Token") && service != "NtCreatePartition" && (strings.HasPrefix(service, "NtCreate") || strings.HasPrefix(service, "NtOpen"))
	switch {
	case makes && (i == 0 || name == "thread" && i == 1), name == "newToken", name == "token" && i > 1, name == "target" && i == 3:
		return g.cell()
	case strings.HasPrefix(service, "NtAccessCheck") && i > 3:
		return g.cell()
	}
	if kind := kinds[service+" "+name]; kind != nil {
		return kind(g)
	}
	for _, n := range typeNames {
		if n.word == name || name == "handle" && strings.Contains(service, n.word) {
			return g.typed(n.typ)
		}
	}
	if name == "handle" {
		return g.handle()
	}
	if kind := kinds[name]; kind != nil {
		return kind(g)
	}
	return g.anything()
}

func (g *chooser) anything() uint64 {
	switch g.byte() % 12 {
	case 0:
		return g.handle()
	case 1:
		return g.attributes()
	case 2:
		return g.name()
	case 3:
		return g.large()
	case 4, 5:
		return g.buffer()
	case 6:
		return g.cell()
	case 7, 8:
		return g.hostile()
	case 9:
		return g.length()
	case 10:
		return g.flags()
	}
	return g.small()
}

func (g *chooser) hostile() uint64 { return g.one(g.place.hostile...) }

func (g *chooser) small() uint64 {
	switch n := g.byte(); {
	case n < 80:
		return g.byte() % 3
	case n < 130:
		return g.byte() % 12
	case n < 200:
		return g.byte() % 72
	}
	return g.byte()
}

func (g *chooser) length() uint64 {
	if n := g.byte(); n < 100 {
		return n
	} else if n < 200 {
		return g.one(8, 0x10, 0x18, 0x20, 0x30, 0x38, 0x40, 0x48, 0x58, 0x60, 0x80, 0x200, 0x400, 0x1000)
	}
	return g.one(0, 8, 0x30, 0x100, 0x200, 0x400, 0x800, 0xff0, 0x1000, 0x1001, 0x8000, 0x10000, 0x100000, 0x7fffffff, 0x80000000, 0xffffffff, 1<<32, 1<<47, 1<<63, ^uint64(0))
}

// handle is one that may be there: of the process's first, of those that were made since, a pseudo handle.
func (g *chooser) handle() uint64 {
	switch n := g.byte(); {
	case n < 140 && len(g.place.handles) > 0:
		return g.one(g.place.handles...)
	case n < 200:
		return 0x40 + 4*(g.byte()%96)
	case n < 246:
		return ^uint64(g.byte() % 7)
	}
	return g.one(0, 1, 0x7fffffff, 0xfffffffc, 1<<40, 1<<63)
}

func (g *chooser) access() uint64 {
	return g.one(0x02000000, uint64(ntdef.GENERIC_ALL), readWrite64, 0x1f0003, 0xf001f, 0, 1, 0xffffffff, 0x1fffff, 0x20019)
}

const readWrite64 = uint64(ntdef.GENERIC_READ | ntdef.GENERIC_WRITE | 0x100000)

func (g *chooser) flags() uint64 {
	switch n := g.byte(); {
	case n < 100:
		return 1 << (g.byte() % 32)
	case n < 180:
		return g.one(0, 1, 2, 4, 0x20, 0x40, 0x104, 0x1000, 0x2000, 0x3000, 0x4000, 0x8000, 0x3000|0x200000, 0x1000000, 0x8000000, 0x11000000)
	case n < 240:
		return g.byte() | g.byte()<<8
	}
	return g.byte() | g.byte()<<8 | g.byte()<<16 | g.byte()<<24
}

func (g *chooser) routine() uint64 {
	return g.one(0, g.place.code, g.place.code, g.place.code+7, g.place.data, 8, 1<<47)
}

// write puts bytes at an address of the argument's slot; the slot may be gone.
func (g *chooser) write(at uint64, b []byte) { _ = g.t.Write(at, b) }

// placed puts a structure somewhere: in the slot, or right before the end of memory.
func (g *chooser) placed(b []byte) uint64 {
	at := g.slot
	if n := g.byte(); n < 32 {
		at = g.place.edge - uint64(len(b))
	} else if n < 40 {
		at = g.place.edge - uint64(len(b)) + n%8 // some bytes are missing
	}
	g.write(at, b)
	return at
}

func (g *chooser) cell() uint64 {
	v := [8]byte{}
	binary.LittleEndian.PutUint64(v[:], g.one(0, 0, 8, 0x100, 0x1000, ^uint64(0), g.place.data))
	return g.placed(v[:])
}

// large is a pointer to a LARGE_INTEGER: a time, an offset, a size.
func (g *chooser) large() uint64 {
	if g.byte() < 20 {
		return 0
	}
	v := [16]byte{}
	binary.LittleEndian.PutUint64(v[:], g.one(0, 0, 1, 10, ^uint64(0), ^uint64(1), ^uint64(99), ^uint64(9999), 0x1000, 0x10000, 0x7fffffffffffffff, 1<<63, 1<<40, 134_116_128_000_000_001))
	return g.placed(v[:])
}

// region is an address, or a pointer to one and to a size.
func (g *chooser) region() uint64 {
	v := g.hostile()
	if n := g.byte(); n < 60 {
		return v
	} else if n < 160 {
		v = g.one(0, 0x1000, 0x2000, 0x10000, 0x20000, 0x200000, 1<<32, 1<<46, 1<<63, ^uint64(0), g.place.data, 0x55000000)
	}
	b := binary.LittleEndian.AppendUint64(nil, v)
	return g.placed(binary.LittleEndian.AppendUint64(b, g.one(0, 1, 0x1000, 0x10000, ^uint64(0))))
}

// regionSize is a pointer to a size.
func (g *chooser) regionSize() uint64 {
	return g.placed(binary.LittleEndian.AppendUint64(nil, g.one(0, 0, 1, 0x1000, 0x1000, 0x2000, 0x10000, 0x20000, 0x200000, 1<<32, 1<<46, 1<<63, ^uint64(0))))
}

// names are of things that are there, or nearly: of keys, of files, of objects, and what is a name to nobody.
var names = struct{ keys, files, objects, odd []string }{
	[]string{
		`\Registry\Machine\Software\Fuzz`, `\Registry\Machine\Software\Fuzz\Sub`, `\Registry\User`, `\Registry`, "Sub", "value", "new", "",
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
	switch n := g.byte(); {
	case n < 30:
		list = names.odd
	case n < 60:
		list = [][]string{names.keys, names.files, names.objects}[n%3]
	case strings.Contains(g.service, "Key"):
		list = names.keys
	case strings.Contains(g.service, "File"), strings.Contains(g.service, "UserProcess"):
		list = names.files
	}
	return list[g.byte()%uint64(len(list))]
}

// unicode makes a UNICODE_STRING with its text behind it.
func (g *chooser) unicode(at uint64) []byte {
	text := nt.EncodeUTF16(g.text())
	g.write(at+0x400, text)
	b := make([]byte, 16)
	n, pointer := uint16(len(text)), at+0x400
	switch g.byte() {
	case 0:
		n = 0xffff
	case 1:
		n |= 1
	case 2:
		pointer = g.hostile()
	}
	binary.LittleEndian.PutUint16(b, n)
	binary.LittleEndian.PutUint16(b[2:], n)
	binary.LittleEndian.PutUint64(b[8:], pointer)
	return b
}

func (g *chooser) name() uint64 { return g.placed(g.unicode(g.slot)) }

// attributes are OBJECT_ATTRIBUTES.
func (g *chooser) attributes() uint64 {
	if g.byte() < 50 {
		return 0
	}
	g.write(g.slot+0x80, g.unicode(g.slot+0x80))
	b := make([]byte, 48)
	le := binary.LittleEndian
	le.PutUint32(b, 48)
	le.PutUint64(b[16:], g.slot+0x80)
	le.PutUint32(b[24:], 0x40)
	switch n := g.byte(); {
	case n < 30:
		le.PutUint64(b[8:], g.typed("Directory"))
	case n < 60:
		le.PutUint64(b[8:], g.handle())
	case n < 75:
		le.PutUint64(b[16:], 0)
	case n < 130:
		le.PutUint32(b[24:], uint32(g.one(0x42, 0xc0, 0x80, 0x10, 0x50, 0x100, 0x20, 0xffffffff)))
	case n < 140:
		le.PutUint64(b[32:], g.hostile())
	case n < 150:
		le.PutUint64(b[40:], g.hostile())
	case n < 154:
		le.PutUint32(b, 47)
	}
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

func (g *chooser) anyWord() uint64 {
	return g.one(0, 1, 2, 4, 8, 0x10, 0x18, 0x30, 0x1000, 0xffffffff, ^uint64(0), 1<<47, 1<<63, g.place.data, g.slot, g.place.edge-8, 0x80000000)
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
