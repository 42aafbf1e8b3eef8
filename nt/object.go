package nt

import "github.com/pagewalk/pagewalk/ntdef"

// object is what a handle refers to.
type object interface {
	typeName() string
	head() *objectHeader
}

// objectHeader is what every object has: its name and how many handles refer to it. An object ends, and with it its name, when its
// last handle is closed; a permanent one stays.
type objectHeader struct {
	handles   uint32
	uses      uint32 // what else it lives by: of a process or a thread that it runs, of a token who acts with it
	permanent bool   // OBJ_PERMANENT
	paid      bool   // the pool was charged for it: from its first handle on
	kind      uint8  // its index in objectTypes, once it has a handle
	dir       *directory
	name      string      // in dir
	security  *descriptor // nil: it is open to all; see securityOf
}

func (h *objectHeader) head() *objectHeader { return h }

// stays reports whether the object does not end with its last handle.
func (h *objectHeader) stays() bool { return h.dir != nil && h.permanent }

// path is an object's full name, "" where it has none.
func (h *objectHeader) path() string {
	if h.dir == nil {
		return ""
	}
	var parts []string
	n := 0
	for ; h.dir != nil; h = &h.dir.objectHeader {
		parts = append(parts, h.name)
		n += 1 + len(h.name)
	}
	b := make([]byte, 0, n)
	for i := len(parts) - 1; i >= 0; i-- {
		b = append(append(b, '\\'), parts[i]...)
	}
	return string(b)
}

// describe names an object for reports: its type, and its name where it has one.
func describe(o object) string {
	what := o.typeName()
	if d, ok := o.(interface{ describe() string }); ok {
		what = d.describe()
	}
	if name := o.head().path(); name != "" {
		return "the " + what + " " + name
	}
	switch what[0] {
	case 'A', 'E', 'I', 'O', 'U':
		return "an " + what
	}
	return "a " + what
}

// objectType is what all objects of a type have in common: what the generic rights mean for them, and which rights there are
// (OBJECT_TYPE_INFORMATION).
type objectType struct {
	name                      string
	read, write, execute, all uint32      // the GENERIC_MAPPING
	more                      uint32      // rights beyond all that a handle may have
	implied                   [][2]uint32 // rights that bring others: the limited forms of processes and threads
	secured                   bool        // an object has a descriptor without a name too
}

// Standard rights (winnt.h).
const (
	readControl     uint32 = 0x00020000
	synchronize     uint32 = 0x00100000
	standardRights  uint32 = 0x000f0000 // STANDARD_RIGHTS_REQUIRED
	maximumAllowed  uint32 = 0x02000000
	genericRights   uint32 = ntdef.GENERIC_READ | ntdef.GENERIC_WRITE | ntdef.GENERIC_EXECUTE | ntdef.GENERIC_ALL
	standardExecute        = readControl | synchronize
)

// objectTypes are all types, in the order of their indices, which begin with 2 (Windows Internals, part 2 ch. 8; the mappings are
// those of Windows 10 as NtQueryObject tells them).
var objectTypes = [...]objectType{
	{"Type", readControl, readControl, readControl, standardRights | 1, synchronize, nil, false},
	{"Directory", readControl | 3, readControl | 0xc, readControl | 3, standardRights | 0xf, 0, nil, true},
	{"SymbolicLink", readControl | 1, readControl, readControl | 1, standardRights | 1, 0xfffe, nil, true},
	{"Token", readControl | 0x1a, readControl | 0x1e0, readControl | 5, standardRights | 0x1ff, synchronize, nil, true},
	{"Job", readControl | 4, readControl | 0xb, standardExecute, standardRights | synchronize | 0x3f, 0, nil, true},
	{
		"Process", readControl | 0x410, readControl | 0xbea, standardExecute | 0x1001, standardRights | synchronize | 0xffff, 0,
		[][2]uint32{{0x400, 0x1000}, {0x200, 0x2000}},
		true,
	},
	{
		"Thread", readControl | 0x48, readControl | 0x437, standardExecute | 0x1800, standardRights | synchronize | 0xffff, 0,
		[][2]uint32{{0x40, 0x800}, {0x20, 0x400}, {0x02, 0x1000}},
		true,
	},
	{"Partition", readControl | 1, readControl | 2, standardExecute, standardRights | synchronize | 3, 0, nil, false},
	{"UserApcReserve", readControl | 1, readControl | 2, readControl, standardRights | 3, 0, nil, false},
	{"IoCompletionReserve", readControl | 1, readControl | 2, readControl, standardRights | 3, 0, nil, false},
	{"DebugObject", readControl | 1, readControl | 2, standardExecute, standardRights | synchronize | 0xf, 0, nil, true},
	{"Event", readControl | 1, readControl | 2, standardExecute, standardRights | synchronize | 3, 0, nil, false},
	{"Mutant", readControl | 1, readControl, standardExecute, standardRights | synchronize | 1, 0, nil, false},
	{"Semaphore", readControl | 1, readControl | 2, standardExecute, standardRights | synchronize | 3, 0, nil, false},
	{"Timer", readControl | 1, readControl | 2, standardExecute, standardRights | synchronize | 3, 0, nil, false},
	{"KeyedEvent", readControl | 1, readControl | 2, readControl, standardRights | 3, synchronize, nil, false},
	{"IoCompletion", readControl | 1, readControl | 2, standardExecute, standardRights | synchronize | 3, 0, nil, false},
	{"WaitCompletionPacket", 1, 1, 1, standardRights | 1, 0, nil, false},
	{"TpWorkerFactory", readControl | 8, readControl | 5, readControl | 0x32, standardRights | 0xff, synchronize, nil, false},
	{"Section", readControl | 5, readControl | 2, readControl | 8, standardRights | 0x1f, synchronize, nil, false},
	{"Device", fileRead, fileWrite, fileExecute, standardRights | synchronize | 0x1ff, 0, nil, false},
	{"File", fileRead, fileWrite, fileExecute, standardRights | synchronize | 0x1ff, 0, nil, false},
	{"Key", readControl | 0x19, readControl | 6, readControl | 0x39, standardRights | 0x3f, synchronize, nil, true},
}

const (
	fileRead    = readControl | synchronize | 0x89
	fileWrite   = readControl | synchronize | 0x116
	fileExecute = readControl | synchronize | 0xa0
)

// firstTypeIndex is the index of the first type: those below it are the object manager's own.
const firstTypeIndex = 2

// typeCount is how many objects of a type have handles, and how many handles, now and at the most.
type typeCount struct{ objects, handles, mostObjects, mostHandles uint32 }

func (c *typeCount) add(objects, handles uint32) {
	c.objects += objects
	c.handles += handles
	c.mostObjects, c.mostHandles = max(c.mostObjects, c.objects), max(c.mostHandles, c.handles)
}

var typeIndices = func() map[string]uint8 {
	m := map[string]uint8{}
	for i := range objectTypes {
		m[objectTypes[i].name] = uint8(i)
	}
	return m
}()

// typeNamed returns the type of a name that there is.
func typeNamed(name string) *objectType { return &objectTypes[typeIndices[name]] }

// typeOf returns the type of an object.
func typeOf(o object) *objectType {
	if h := o.head(); h.handles > 0 {
		return &objectTypes[h.kind]
	}
	i, ok := typeIndices[o.typeName()]
	if !ok {
		panic("nt: no object type " + o.typeName())
	}
	o.head().kind = i
	return &objectTypes[i]
}

// grant maps generic rights and drops what the type does not know. MAXIMUM_ALLOWED is every right; a descriptor that
// an object was given is looked at where it is opened (mayOpen).
func (t *objectType) grant(access uint32) uint32 {
	if access&maximumAllowed != 0 {
		access |= t.all
	}
	access = t.specific(access)
	for _, l := range t.implied {
		if access&l[0] != 0 {
			access |= l[1]
		}
	}
	return access & (t.all | t.more | accessSystemSecurity)
}

// Attributes of objects and handles (ntdef.h, OBJ_*).
const (
	objProtectClose    = 0x001 // of a handle, in what NtQueryObject and NtDuplicateObject call its attributes
	objInherit         = 0x002
	objPermanent       = 0x010
	objExclusive       = 0x020
	objCaseInsensitive = 0x040
	objOpenIf          = 0x080
	objOpenLink        = 0x100
)
