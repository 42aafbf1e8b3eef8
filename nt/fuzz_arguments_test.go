package nt_test

import (
	"hash/fnv"
	"math/rand/v2"
	"reflect"
	"strings"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// A chooser chooses the arguments of one call by its bytes.
type chooser struct {
	w       *player
	t       *nt.Thread
	place   *place
	bytes   []byte
	more    *rand.Rand // what follows the bytes
	service string
	slot    uint64 // the memory of the argument
	wild    uint64 // how many of 256 arguments are nothing that their types and names want
	class   uint64 // of information
	region  region // that the call is about
	first   uint64 // the handle before
}

func newChooser(w *player, t *nt.Thread, row *nt.Service, call []byte) *chooser {
	h := fnv.New64a()
	h.Write(call)
	g := &chooser{w: w, t: t, service: row.Name, bytes: call, more: rand.New(rand.NewPCG(h.Sum64(), 0))}
	if g.wild = g.byte(); g.wild >= 80 {
		g.wild = 8
	}
	g.class = g.informationClass()
	return g
}

// byte takes a byte. Behind the last are others, which they all tell.
func (g *chooser) byte() uint64 {
	if len(g.bytes) == 0 {
		return uint64(g.more.Uint32() & 0xff)
	}
	b := g.bytes[0]
	g.bytes = g.bytes[1:]
	return uint64(b)
}

func (g *chooser) one(of ...uint64) uint64 { return of[g.byte()%uint64(len(of))] }

// A kind makes an argument.
type kind = func(*chooser) uint64

// kindsByType say what an argument of a type is likely to be, by its name: pointers to what is told by their elements, and words.
var (
	ofCells = kindsOf(cellKinds)
	ofWords = kindsOf(wordKinds)
	special = kindsOf(specialKinds)
)

func kindsOf(of []namedKind) map[string]kind {
	m := map[string]kind{}
	for _, k := range of {
		for _, name := range strings.Split(k.names, ", ") {
			m[name] = k.kind
		}
	}
	return m
}

type namedKind struct {
	names string
	kind  kind
}

// cellKinds are of arguments that point at words; what no row names is a place for a result.
var cellKinds = []namedKind{
	{"baseAddress", (*chooser).regionCell},
	{"regionSize, viewSize", (*chooser).regionSize},
	{"timeout, interval, due, byteOffset, offset, maximumSize, newSize, sectionOffset, allocationSize, size", (*chooser).large},
	{"minimum, maximum", (*chooser).pageFileSize},
	{"context", (*chooser).context},
	{"record", (*chooser).record},
}

// wordKinds are of arguments that are words: of which some are pointers.
var wordKinds = []namedKind{
	{"objectAttributes, processAttributes, threadAttributes, sourceFile, newFile, oldFile", (*chooser).attributes},
	{"name, valueName, text, string, vendor", (*chooser).name},
	{"access, desiredAccess, processAccess, threadAccess, desired", (*chooser).access},
	{"class, level", (*chooser).theClass},
	{"length, bufferSize, inputLength, outputLength, dataSize", (*chooser).length},
	{"count, titleIndex, index, code, type, state, status, threads, priority, maximum", (*chooser).small},
	{"completionFilter, filter", (*chooser).changes},
	{"openOptions, processFlags, threadFlags", (*chooser).flags},
	{"flags, zeroBits, eaBuffer, eaLength, reserve, strings, sourceType, createInfoFlags, commitSize, stackCommit, stackReserve, privilegesToDelete", (*chooser).mostlyNone},
	{"options, createOptions", (*chooser).options},
	{"disposition", (*chooser).disposition},
	{"share", (*chooser).share},
	{"protect, pageProtection, newProtect", (*chooser).protection},
	{"freeType", (*chooser).freeing},
	{"mapType", (*chooser).mapType},
	{"information", (*chooser).securityParts},
	{"baseAddress, first, second, address", (*chooser).address},
	{"regionSize, size", (*chooser).regionLength},
	{"ioStatus, ioStatusBlock, buffer, output", (*chooser).room},
	{"input, data, new, previous", (*chooser).buffer},
	{"apcRoutine", (*chooser).mostlyNone},
	{"routine, start", (*chooser).routine},
	{"clientID", (*chooser).clientID},
	{"threadID", (*chooser).id},
	{"handles", (*chooser).handleList},
	{"frames", (*chooser).physicalPages},
	{"descriptor", (*chooser).descriptor},
	{"mapping", (*chooser).mapping},
	{"privileges", (*chooser).room},
	{"required", (*chooser).privilegeSet},
	{"parameters", (*chooser).extendedParameters},
	{"initialTEB", (*chooser).initialTEB},
	{"list", (*chooser).attributeList},
	{"createInfo", (*chooser).createInfo},
	{"entries", (*chooser).valueEntries},
	{"language", (*chooser).languageID},
	{"userProfile, single, restart", (*chooser).bit},
}

// specialKinds are of arguments whose name means something else for a service.
var specialKinds = []namedKind{
	{"NtCreateKey class", (*chooser).noName},
	{"NtCreateEvent type, NtCreateTimer type", (*chooser).bit},
	{"NtCreateDirectoryObjectEx shadow", (*chooser).none},
	{"NtCreateSection attributes", (*chooser).sectionFlags},
	{"NtCreateFile attributes, NtCreateFile allocationSize", (*chooser).mostlyNone},
	{"NtMapViewOfSection type, NtMapViewOfSectionEx type", (*chooser).mostlyNone},
	{"NtMapViewOfSection inherit", (*chooser).inheritance},
	{"NtMapViewOfSection baseAddress, NtMapViewOfSectionEx baseAddress, NtMapViewOfSection viewSize, NtMapViewOfSectionEx viewSize", (*chooser).newView},
	{"NtMapViewOfSection sectionOffset, NtMapViewOfSectionEx sectionOffset", (*chooser).newView},
	{"NtAllocateVirtualMemory baseAddress, NtAllocateVirtualMemoryEx baseAddress", (*chooser).newRegion},
	{"NtAllocateVirtualMemory type, NtAllocateVirtualMemoryEx type", (*chooser).allocating},
	{"NtAllocateVirtualMemoryEx count, NtMapViewOfSectionEx count, NtGetNextThread attributes, NtGetNextProcess attributes", (*chooser).mostlyNone},
	{"NtGetWriteWatch count, NtFreeUserPhysicalPages count, NtAllocateUserPhysicalPages count", (*chooser).countCell},
	{"NtGetWriteWatch addresses", (*chooser).room},
	{"NtMapUserPhysicalPages count, NtMapUserPhysicalPagesScatter count", (*chooser).fewPages},
	{"NtMapUserPhysicalPagesScatter addresses", (*chooser).addressList},
	{"NtSetInformationVirtualMemory addresses", (*chooser).ranges},
	{"NtWriteVirtualMemory buffer", (*chooser).buffer},
	{"NtCreateUserProcess parameters", (*chooser).processParameters},
	{"NtCreateUserProcess processFlags, NtCreateUserProcess threadFlags", (*chooser).mostlyNone},
	{"NtCreateThreadEx list", (*chooser).mostlyNone},
	{"NtFsControlFile code, NtDeviceIoControlFile code", (*chooser).control},
	{"NtFlushBuffersFileEx parameters, NtRaiseHardError parameters", (*chooser).room},
	{"NtReadFileScatter buffer, NtWriteFileGather buffer", (*chooser).segments},
	{"NtReadFileScatter length, NtWriteFileGather length", (*chooser).sectors},
	{"NtReadFileScatter byteOffset, NtWriteFileGather byteOffset", (*chooser).sectorOffset},
	{"NtReadFile key, NtWriteFile key", (*chooser).mostlyNone},
	{"NtQuerySymbolicLinkObject target", (*chooser).roomForName},
	{"NtCreateSymbolicLinkObject target", (*chooser).name},
	{"NtQueryInformationFile ioStatus", (*chooser).room},
	{"NtQueryAttributesFile information, NtQueryFullAttributesFile information", (*chooser).room},
	{"NtSetIoCompletion information, NtSetIoCompletionEx information, NtAssociateWaitCompletionPacket information", (*chooser).anything},
	{"NtSetInformationFile buffer, NtSetInformationProcess buffer, NtSetInformationThread buffer, NtSetInformationToken buffer", (*chooser).setting},
	{"NtSetInformationJobObject buffer, NtSetInformationObject buffer, NtSetInformationKey buffer, NtSetSystemInformation buffer", (*chooser).setting},
	{"NtSetInformationVirtualMemory buffer, NtManagePartition buffer, NtSetTimerEx buffer", (*chooser).setting},
	{"NtAdjustPrivilegesToken new", (*chooser).privileges},
	{"NtCancelIoFileEx request, NtCancelSynchronousIoFile request", (*chooser).mostlyNone},
	{"NtSetDebugFilterState component", (*chooser).small},
	{"NtQueueApcThreadEx2 flags", (*chooser).mostlyNone},
	{"NtOpenProcessTokenEx attributes, NtOpenThreadTokenEx attributes, NtDuplicateObject attributes", (*chooser).mostlyNone},
	{"NtCreateThreadEx attributes, NtCreateThread attributes, NtOpenProcess attributes, NtOpenThread attributes", (*chooser).attributes},
	{"NtOpenFile attributes, NtGetNextThread flags", (*chooser).mostlyNone},
	{"NtSetTimer period", (*chooser).mostlyNone},
	{"NtQueryMultipleValueKey count", (*chooser).bit},
	{"NtEnumerateKey index, NtEnumerateValueKey index", (*chooser).index},
	{"NtQueryMultipleValueKey length", (*chooser).lengthCell},
	{"NtDuplicateToken type", (*chooser).tokenType},
	{"NtCreateNamedPipeFile type, NtCreateNamedPipeFile readMode, NtCreateNamedPipeFile completionMode", (*chooser).bit},
	{"NtCreateNamedPipeFile maximumInstances", (*chooser).small},
	{"NtCreateSemaphore maximum", (*chooser).byte},
	{"NtPowerInformation input, NtPowerInformation inputLength", (*chooser).mostlyNone},
	{"NtWaitForMultipleObjects count", (*chooser).fewPages},
	{"NtWaitForMultipleObjects type", (*chooser).bit},
	{"NtQuerySystemInformationEx input", (*chooser).setting},
	{"NtQuerySystemInformationEx inputLength", (*chooser).inputLength},
	{"NtQuerySystemInformationEx class", (*chooser).classWithInput},
	{"NtUnlockFile offset, NtUnlockFile size, NtLockFile offset, NtLockFile size", (*chooser).locked},
	{"NtNotifyChangeMultipleKeys count", (*chooser).bit},
	{"NtNotifyChangeMultipleKeys others", (*chooser).attributes},
	{"NtSetUuidSeed seed, NtAllocateUuids seed", (*chooser).room},
	{"NtFilterToken privileges", (*chooser).privileges},
	{"NtQueryLicenseValue name", (*chooser).license},
	{"NtUnmapViewOfSectionEx flags, NtGetWriteWatch flags", (*chooser).bit},
	{"NtSetDefaultLocale locale, NtGetNlsSectionPtr sectionType", (*chooser).languageID},
	{"NtCreatePagingFile name", (*chooser).pageFileName},
	{"NtCreateMailslotFile options", (*chooser).mostlyNone},
}

// handleTypes are the types of the handles that arguments of some names, or those called "handle" of services with some words in
// theirs, want.
var handleTypes = []struct{ word, typ string }{
	{"process", "Process"},
	{"sourceProcess", "Process"},
	{"targetProcess", "Process"},
	{"parent", "Process"},
	{"thread", "Thread"},
	{"file", "File"},
	{"key", "Key"},
	{"targetKey", "Key"},
	{"rootHandle", "Key"},
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
	{"Worker", "WorkerFactory"},
	{"TerminateProcess", "Process"},
	{"TerminateThread", "Thread"},
	{"AlertThread", "Thread"},
}

// specialHandles are the types of handles that their names do not tell.
var specialHandles = map[string]string{
	"NtAccessCheck token": "ImpersonationToken", "NtCancelSynchronousIoFile file": "Thread", "NtManagePartition target": "Partition",
	"NtManagePartition source": "Partition", "NtAssociateWaitCompletionPacket target": "Event", "NtImpersonateAnonymousToken thread": "Thread",
	"NtCreateSection file": "File", "NtQueryDirectoryFile file": "Folder", "NtQueryDirectoryFileEx file": "Folder",
	"NtFsControlFile file": "Pipe", "NtCancelIoFileEx file": "Pipe", "NtReadFileScatter file": "Unbuffered", "NtWriteFileGather file": "Unbuffered",
	"NtNotifyChangeDirectoryFile file": "Folder", "NtNotifyChangeDirectoryFileEx file": "Folder",
}

// handleOf is the type of handle that an argument wants, "" where any may do.
func handleOf(service, name string) string {
	if typ, ok := specialHandles[service+" "+name]; ok {
		return typ
	}
	for _, n := range handleTypes {
		if n.word == name || name == "handle" && strings.Contains(service, n.word) {
			return n.typ
		}
	}
	return ""
}

// optional are names of handles that a call has rarely.
var optional = map[string]bool{"event": true, "reserve": true, "job": true}

// argument chooses an argument: mostly what its type and its name want, else anything.
func (g *chooser) argument(row *nt.Service, i int) uint64 {
	name, typ := row.Params()[i], row.Types()[i]
	g.slot = g.place.data + uint64(i)*slotSize
	if g.byte() < g.wild {
		return g.anything()
	}
	if k := special[row.Name+" "+name]; k != nil {
		return k(g)
	}
	pointer := strings.HasPrefix(typ.Name(), "Ptr[")
	switch {
	case typ == reflect.TypeFor[ntdef.Handle]():
		if optional[name] && row.Name != "NtIsProcessInJob" && i > 0 && g.byte() < 200 {
			return 0
		}
		if name == "event" {
			return g.typed("Event")
		}
		if name == "second" && g.byte() < 60 {
			return g.first
		}
		g.first = g.typed(handleOf(row.Name, name))
		return g.first
	case pointer && ofCells[name] != nil:
		return ofCells[name](g)
	case pointer:
		return g.cell()
	case ofWords[name] != nil:
		return ofWords[name](g)
	case typ.Kind() == reflect.Uint8:
		return g.bit()
	case typ.Kind() == reflect.Uint32:
		return g.flags()
	}
	return g.anything()
}

// typed is mostly a handle of a type.
func (g *chooser) typed(typ string) uint64 {
	if n := g.byte(); n < 240 {
		if all := g.place.typed[typ]; len(all) > 0 {
			return g.one(all...)
		}
	} else if n < 248 {
		return 0x40 + 4*(g.byte()%96)
	}
	return g.handle()
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

func (g *chooser) none() uint64 { return 0 }

func (g *chooser) bit() uint64 { return g.byte() & 1 }

func (g *chooser) mostlyNone() uint64 {
	if g.byte() < 200 {
		return 0
	}
	return g.anything()
}

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

func (g *chooser) index() uint64 { return g.one(0, 0, 0, 0, 1, 2, g.small()) }

func (g *chooser) fewPages() uint64 {
	if n := g.byte(); n > 240 {
		return g.length()
	}
	return 1 + g.byte()%4
}

// informationClass is mostly one that the service knows, or would if it had the number of its neighbours.
func (g *chooser) informationClass() uint64 {
	if known := g.w.known.classes[g.service]; len(known) > 0 && g.byte() < 200 {
		return g.one(known...)
	}
	return g.small()
}

// theClass is the one that the call's length is for.
func (g *chooser) theClass() uint64 { return g.class }

// length is the least that the class takes, or what was enough for it before; else one that structures have.
func (g *chooser) length() uint64 {
	n := g.byte()
	if c := (classOf{g.service, g.class}); n < 140 {
		if size, ok := g.w.lengths[c]; ok && n < 70 {
			return size
		}
		if size, ok := g.w.known.lengths[c]; ok {
			return size
		}
	}
	switch {
	case n < 60:
		return g.byte()
	case n < 230:
		return g.one(0, 1, 2, 4, 8, 0xc, 0x10, 0x18, 0x20, 0x28, 0x30, 0x38, 0x40, 0x48, 0x58, 0x60, 0x80, 0xf0, 0x200, 0x400, 0x400, 0xf00, 0xf00, 0x1000)
	}
	return g.one(0, 8, 0x30, 0x100, 0x200, 0x400, 0x800, 0xff0, 0x1000, 0x1001, 0x8000, 0x10000, 0x100000, 0x7fffffff, 0x80000000, 0xffffffff, 1<<32, 1<<47, 1<<63, ^uint64(0))
}

func (g *chooser) access() uint64 {
	return g.one(0x02000000, 0x02000000, uint64(ntdef.GENERIC_ALL), readWrite64, 0x1f0003, 0xf001f, 0, 1, 0xffffffff, 0x1fffff, 0x20019)
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

// options are of NtCreateFile, of NtDuplicateObject, of keys.
func (g *chooser) options() uint64 {
	if n := g.byte(); n > 220 {
		return g.flags()
	}
	return g.one(0, 0, 1, 2, 4, 7, 0x20, 0x20, 0x40, 0x60, 0x21, 0x1000, 0x1020, 8)
}

func (g *chooser) disposition() uint64 {
	if n := g.byte(); n > 240 {
		return g.flags()
	}
	return g.byte() % 6
}

func (g *chooser) share() uint64 {
	if n := g.byte(); n > 240 {
		return g.flags()
	}
	return g.one(7, 7, 3, 1, 0)
}

// changes are what to tell of: of keys, of directories.
func (g *chooser) changes() uint64 {
	if g.byte() > 200 {
		return g.flags()
	}
	return g.one(1, 2, 4, 5, 8, 0xf, 0x1000000f)
}

func (g *chooser) inputLength() uint64 { return g.one(4, 8, 8, 1, 16, 0, 0x20) }

// classWithInput is one that has to be told what about (SYSTEM_INFORMATION_CLASS).
func (g *chooser) classWithInput() uint64 {
	if g.byte() > 100 {
		return g.class
	}
	return g.one(107, 175, 181, 230, 8, 23, 73)
}

func (g *chooser) securityParts() uint64 { return g.one(1, 2, 4, 7, 4, 3, 8, 15, 0x80000004, 0) }

func (g *chooser) inheritance() uint64 { return g.one(1, 2, 2, 0, 3) }

func (g *chooser) tokenType() uint64 { return g.one(1, 2, 2, 0, 3) }

func (g *chooser) mapType() uint64 { return g.one(1, 1, 1, 2, 3, 0, 4) }

func (g *chooser) languageID() uint64 { return g.one(0x409, 0x409, 0, 10, 11, 12, 1, 0x407, 0xffff) }

func (g *chooser) protection() uint64 {
	return g.one(4, 4, 4, 2, 2, 0x40, 0x20, 0x10, 8, 0x80, 1, 0x104, 0x204, 0x404, 0x40000040, 0, 6)
}

func (g *chooser) sectionFlags() uint64 {
	return g.one(0x8000000, 0x8000000, 0x4000000, 0x1000000, 0x11000000, 0x88000000, 0x18000000, 0x200000, 0, 0x80000000)
}

func (g *chooser) allocating() uint64 {
	if g.byte() > 230 {
		return g.flags()
	}
	return g.one(0x3000, 0x3000, 0x2000, 0x1000, 0x1000, 0x103000, 0x203000, 0x402000, 0x80000, 0x1000000, 0x42000, 0x20003000)
}

func (g *chooser) freeing() uint64 {
	return g.one(0x4000, 0x4000, 0x8000, 0x8000, 0x8001, 0x8002, 0, 0xc000)
}

// control is a code of NtFsControlFile or NtDeviceIoControlFile.
func (g *chooser) control() uint64 {
	return g.one(fsctlDisconnect, fsctlListen, fsctlPeek, fsctlWait, fsctlTransceive, 0x900a8, 0x9003c, 0x90064, 0x900c0, 0x98208, 0x900c4, 0x980c8, 0x70000, 0x70140, 0x2d1080, 0x4d0008, 0x90028)
}

// id is the identifier of the process, of its thread, or of another that may be there.
func (g *chooser) id() uint64 {
	return g.one(g.t.ID(), g.t.ID()+4, g.t.ID()-4, g.place.p.ID(), g.place.p.ID()+4, 4, 0, 1<<32)
}

func (g *chooser) routine() uint64 {
	return g.one(0, g.place.code, g.place.code, g.place.code+7, g.place.data, 8, 1<<47)
}

// address is in a region, which the call's size may go with.
func (g *chooser) address() uint64 {
	n := g.byte()
	if n < 40 || len(g.place.regions) == 0 {
		return g.hostile()
	}
	g.region = g.place.regions[g.byte()%uint64(len(g.place.regions))]
	if n < 60 {
		return g.region.base + 0x1000
	}
	return g.region.base
}

func (g *chooser) regionLength() uint64 {
	if g.region.size != 0 && g.byte() < 160 {
		return g.one(g.region.size, 0x1000)
	}
	return g.one(0, 1, 8, 0x10, 0x100, 0x1000, 0x2000, 0x10000, 0x20000, 1<<32, 1<<46, 1<<63, ^uint64(0))
}
