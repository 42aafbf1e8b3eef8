package nt

import (
	"encoding/binary"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/pagewalk/pagewalk/ntdef"
)

// The registry is one tree of keys in memory, \REGISTRY, that every process sees. Names keep their case and are told apart without
// it, UTF-16 unit by unit, as on Windows: letters outside of the first plane have one case. Times are virtual. What a guest may
// put there is bounded in bytes. RegistryFile (registry_file.go) keeps it between runs where the user asks for that.

// The types of values (winnt.h).
const (
	REG_NONE      uint32 = 0
	REG_SZ        uint32 = 1
	REG_EXPAND_SZ uint32 = 2
	REG_BINARY    uint32 = 3
	REG_DWORD     uint32 = 4
	REG_LINK      uint32 = 6
	REG_MULTI_SZ  uint32 = 7
	REG_QWORD     uint32 = 11
)

// Bounds of the registry. Windows has no total but its paged pool's; names and depth are Windows' ("Registry Element Size Limits").
const (
	maxRegistry       = 64 << 20 // bytes of names, data and a fixed cost for each key and value
	maxKeyName        = 256      // UTF-16 units
	maxValueName      = 16383
	maxRegistryDepth  = 512
	maxRegistryLinks  = 64
	registryEntryCost = 64 // of a key or a value beside its name and data
)

// symbolicLinkValue is the one value of a key that is a symbolic link: an absolute path without terminator.
const symbolicLinkValue = "SymbolicLinkValue"

type registry struct {
	root *key
	size uint64 // bytes, of at most maxRegistry
	now  func() uint64
}

// key is a key of the registry. One that was deleted lives on in its handles.
type key struct {
	name     string
	fold     string
	parent   *key
	depth    int
	children []*key // by folded name
	values   []*value
	byName   map[string]*value // by folded name
	class    string
	written  uint64 // 100 ns units since 1601
	master   bool   // of the tree that holds the hives: what is made there is volatile
	volatile bool   // not kept between runs
	link     bool
	deleted  bool
	watchers []*keyObject
	security *descriptor // nil: it is open to all

	wow64Flags, controlFlags uint32
}

// value is a named value of a key; the default one has the name "".
type value struct {
	name string
	typ  uint32
	data []byte
}

// foldUnits is the key under which a name is found: its UTF-16 units in upper case, most significant byte first, so that names
// sort as their units do.
func foldUnits(name string) string {
	b := EncodeUTF16(name)
	for i := 0; i < len(b); i += 2 {
		u := rune(binary.LittleEndian.Uint16(b[i:]))
		if up := unicode.ToUpper(u); up <= 0xffff && !utf16.IsSurrogate(u) {
			u = up
		}
		binary.BigEndian.PutUint16(b[i:], uint16(u))
	}
	return string(b)
}

// newRegistry makes a registry of \REGISTRY alone. Until fill is through its time is that of the boot.
func newRegistry() *registry {
	return &registry{
		root: &key{name: "REGISTRY", fold: foldUnits("REGISTRY"), master: true, written: bootTime},
		now:  func() uint64 { return bootTime },
	}
}

// room charges bytes, or reports that there are not as many left.
func (r *registry) room(bytes uint64) bool {
	if r.size+bytes > maxRegistry {
		return false
	}
	r.size += bytes
	return true
}

func nameBytes(name string) uint64 { return uint64(len(EncodeUTF16(name))) }

// index returns where a child is, or would be.
func (k *key) index(fold string) (int, bool) {
	i := sort.Search(len(k.children), func(i int) bool { return k.children[i].fold >= fold })
	return i, i < len(k.children) && k.children[i].fold == fold
}

// child finds a subkey, nil where there is none.
func (k *key) child(name string) *key {
	if i, ok := k.index(foldUnits(name)); ok {
		return k.children[i]
	}
	return nil
}

// path returns a key's full name, \REGISTRY\MACHINE\….
func (k *key) path() string {
	if k.parent == nil {
		return `\` + k.name
	}
	return k.parent.path() + `\` + k.name
}

// add makes a subkey: INVALID_PARAMETER (a name that is too long, a key too deep), CHILD_MUST_BE_VOLATILE, REGISTRY_QUOTA_LIMIT.
func (r *registry) add(parent *key, name, class string, volatile, link bool) (*key, ntdef.Status) {
	units := nameBytes(name) / 2
	switch {
	case units > maxKeyName, parent.depth+1 >= maxRegistryDepth:
		return nil, ntdef.STATUS_INVALID_PARAMETER
	case parent.volatile && !volatile:
		return nil, ntdef.STATUS_CHILD_MUST_BE_VOLATILE
	case !r.room(registryEntryCost + 2*units + nameBytes(class)):
		return nil, ntdef.STATUS_REGISTRY_QUOTA_LIMIT
	}
	k := &key{
		name: name, fold: foldUnits(name), parent: parent, depth: parent.depth + 1, class: class, written: r.now(),
		volatile: volatile, link: link,
	}
	i, _ := parent.index(k.fold)
	parent.children = slices.Insert(parent.children, i, k)
	parent.written = k.written
	return k, ntdef.STATUS_SUCCESS
}

// remove deletes a key without subkeys: CANNOT_DELETE for another one, and for the places of hives.
func (r *registry) remove(k *key) ntdef.Status {
	switch {
	case k.deleted:
		return ntdef.STATUS_SUCCESS
	case len(k.children) > 0, k.parent == nil, k.parent.master && !k.volatile:
		return ntdef.STATUS_CANNOT_DELETE
	}
	for _, v := range k.values {
		r.size -= v.cost()
	}
	r.size -= registryEntryCost + nameBytes(k.name) + nameBytes(k.class)
	i, _ := k.parent.index(k.fold)
	k.parent.children = slices.Delete(k.parent.children, i, i+1)
	k.parent.written = r.now()
	k.deleted, k.values, k.byName = true, nil, nil
	return ntdef.STATUS_SUCCESS
}

// rename gives a key another name: INVALID_PARAMETER, CANNOT_DELETE where a key of that name is there.
func (r *registry) rename(k *key, name string) ntdef.Status {
	old, units := nameBytes(k.name), nameBytes(name)
	switch {
	case name == "" || strings.Contains(name, `\`) || units > 2*maxKeyName:
		return ntdef.STATUS_INVALID_PARAMETER
	case k.parent == nil || k.parent.master:
		return ntdef.STATUS_ACCESS_DENIED
	case k.parent.child(name) != nil:
		return ntdef.STATUS_CANNOT_DELETE
	case units > old && !r.room(units-old):
		return ntdef.STATUS_REGISTRY_QUOTA_LIMIT
	case units < old:
		r.size -= old - units
	}
	p := k.parent
	i, _ := p.index(k.fold)
	p.children = slices.Delete(p.children, i, i+1)
	k.name, k.fold = name, foldUnits(name)
	i, _ = p.index(k.fold)
	p.children = slices.Insert(p.children, i, k)
	k.written = r.now()
	p.written = k.written
	return ntdef.STATUS_SUCCESS
}

func (v *value) cost() uint64 { return registryEntryCost + nameBytes(v.name) + uint64(len(v.data)) }

// set makes or changes a value: ACCESS_DENIED for what a symbolic link cannot hold, REGISTRY_QUOTA_LIMIT.
func (r *registry) set(k *key, name string, typ uint32, data []byte) ntdef.Status {
	fold := foldUnits(name)
	if k.link && (typ != REG_LINK || fold != foldUnits(symbolicLinkValue)) {
		return ntdef.STATUS_ACCESS_DENIED
	}
	v := k.byName[fold]
	nv := value{name, typ, data}
	var old uint64
	if v != nil {
		nv.name = v.name // a value keeps the name that it was made with
		old = v.cost()
	}
	r.size -= old
	if !r.room(nv.cost()) {
		r.size += old
		return ntdef.STATUS_REGISTRY_QUOTA_LIMIT
	}
	if v != nil {
		*v = nv
	} else {
		if k.byName == nil {
			k.byName = map[string]*value{}
		}
		k.byName[fold] = &nv
		k.values = append(k.values, &nv)
	}
	k.written = r.now()
	return ntdef.STATUS_SUCCESS
}

// get finds a value, nil where there is none.
func (k *key) get(name string) *value { return k.byName[foldUnits(name)] }

// unset deletes a value: OBJECT_NAME_NOT_FOUND.
func (r *registry) unset(k *key, name string) ntdef.Status {
	fold := foldUnits(name)
	v := k.byName[fold]
	if v == nil {
		return ntdef.STATUS_OBJECT_NAME_NOT_FOUND
	}
	r.size -= v.cost()
	delete(k.byName, fold)
	k.values = slices.DeleteFunc(k.values, func(o *value) bool { return o == v })
	k.written = r.now()
	return ntdef.STATUS_SUCCESS
}

// target is the path that a symbolic link leads to, "" where it leads nowhere.
func (k *key) target() string {
	v := k.get(symbolicLinkValue)
	if v == nil || v.typ != REG_LINK {
		return ""
	}
	return decodeText(v.data)
}

// decodeText reads UTF-16 as it is, zeros too.
func decodeText(b []byte) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = binary.LittleEndian.Uint16(b[2*i:])
	}
	return DecodeWTF16(units)
}

// splitKeyPath cuts a path into names; empty ones do not count.
func splitKeyPath(path string) []string {
	return slices.DeleteFunc(strings.Split(path, `\`), func(s string) bool { return s == "" })
}

// walk follows names from a key through symbolic links, the last one too unless openLink: the deepest key that is there, and the
// names that are not. NAME_TOO_LONG for links that go in circles.
func (r *registry) walk(from *key, parts []string, openLink bool) (k *key, missing []string, st ntdef.Status) {
	k = from
	for links := 0; len(parts) > 0; {
		next := k.child(parts[0])
		if next == nil {
			return k, parts, ntdef.STATUS_SUCCESS
		}
		k, parts = next, parts[1:]
		if !k.link || openLink && len(parts) == 0 {
			continue
		}
		if links++; links > maxRegistryLinks {
			return nil, nil, ntdef.STATUS_NAME_TOO_LONG
		}
		target := k.target()
		to := splitKeyPath(target)
		if !strings.HasPrefix(target, `\`) || len(to) == 0 || foldUnits(to[0]) != r.root.fold {
			return nil, nil, ntdef.STATUS_OBJECT_NAME_NOT_FOUND
		}
		k, parts = r.root, append(to[1:], parts...)
	}
	return k, nil, ntdef.STATUS_SUCCESS
}
