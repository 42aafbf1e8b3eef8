package nt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"sort"
	"strings"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
)

// A Drive is a folder of the host that the guest sees at a place. Nothing outside of the folder can be reached through it. Several
// may appear at one place: of files that have the same name the guest sees what was there first, and folders are joined.
type Drive struct {
	Letter   byte     // 'C'
	Folder   string   // of the drive where it appears: `\guest`, `\` for the whole drive
	Root     *os.Root // of the host
	Overlay  bool     // writes stay in the guest's memory
	ReadOnly bool     // there are none
	Only     string   // the files that appear, as a pattern of * and ?, and no folders; "": everything
}

// place is a folder of the host whose entries belong to a folder of the guest.
type place struct {
	drive *Drive
	path  string // below the drive's root
}

// volumes are the guest's drives: trees of nodes in memory, loaded from the host folder by folder as the guest looks.
type volumes struct {
	drives  [26]*node
	memory  uint64 // bytes of file contents that the guest made
	nodes   int
	watches []*watch
	nextID  uint64
}

// What the guest may hold in memory as files.
const (
	maxFileMemory = 1 << 30
	maxNodes      = 1 << 20
)

// node is a file or a folder.
type node struct {
	vol      *volumes
	name     string
	parent   *node
	children map[string]*node // of a folder, by folded name
	unread   []place          // of a folder, whose entries are not among children yet
	host     *Drive           // where it comes from, and what is made in it goes to; nil: made by the guest
	hostPath string           // below the drive's root
	folder   bool
	id       uint64

	attributes               uint32
	created, written, access uint64 // 100 ns units since 1601

	content   storage // of a file that was opened
	sections  ntmm.FileSections
	opens     []*fileObject
	security  *descriptor // nil: it is open to all
	lockWaits []*lockWait
	doomed    bool // goes with its last handle
	unlinked  bool // is in no folder any more
}

// storage is the contents of a file.
type storage interface {
	ntmm.DataFile
	Close() error
}

func (v *volumes) init(drives []Drive) error {
	c := v.newNode("", nil, true)
	v.drives['C'-'A'] = c
	const data = `Users\` + UserName + `\AppData\`
	for _, dir := range []string{`Windows`, `Windows\System32`, `ProgramData`, `Program Files`, `Users\Public`, data + `Roaming`, data + `Local`, `Temp`, `guest`} {
		v.makeFolders(c, dir)
	}
	for i := range drives {
		if err := v.mount(&drives[i]); err != nil {
			return err
		}
	}
	return nil
}

// Mount shows a folder of the host to the guest, which may run already: what the guest has at that place stays.
func (s *System) Mount(d Drive) error {
	if err := s.volumes.mount(&d); err != nil {
		return err
	}
	s.namespace.addDrive(d.Letter &^ 0x20)
	return nil
}

func (v *volumes) mount(d *Drive) error {
	letter := d.Letter&^0x20 - 'A'
	if letter >= 26 || d.Root == nil {
		return fmt.Errorf("cannot mount a folder as %c:%s", d.Letter, d.Folder)
	}
	if v.drives[letter] == nil {
		v.drives[letter] = v.newNode("", nil, true)
	}
	at := v.makeFolders(v.drives[letter], strings.Trim(d.Folder, `\`))
	if at == nil {
		return fmt.Errorf("cannot mount a folder as %c:%s: a file is in the way", d.Letter, d.Folder)
	}
	at.join(place{d, "."})
	return nil
}

// join adds a folder of the host to a folder.
func (n *node) join(from place) {
	n.unread = append(n.unread, from)
	if n.host == nil {
		n.host, n.hostPath = from.drive, from.path
	}
}

func (v *volumes) newNode(name string, parent *node, folder bool) *node {
	v.nodes++
	v.nextID++
	n := &node{
		vol: v, name: name, parent: parent, folder: folder, id: v.nextID, attributes: ntdef.FILE_ATTRIBUTE_ARCHIVE,
		created: bootTime, written: bootTime, access: bootTime,
	}
	if folder {
		n.attributes, n.children = ntdef.FILE_ATTRIBUTE_DIRECTORY, map[string]*node{}
	}
	if parent != nil {
		parent.children[foldName(name)] = n
	}
	return n
}

// makeFolders returns the folder at a path, which is made where it is missing; nil where a file is in the way.
func (v *volumes) makeFolders(at *node, dir string) *node {
	for _, name := range strings.Split(dir, `\`) {
		if name == "" {
			continue
		}
		next := at.child(name)
		if next == nil {
			next = v.newNode(name, at, true)
		}
		if !next.folder {
			return nil
		}
		at = next
	}
	return at
}

// foldName is the key of a name: names have no case.
func foldName(name string) string { return strings.ToUpper(name) }

// load reads a folder's entries from the host.
func (n *node) load() {
	unread := n.unread
	n.unread = nil
	for _, from := range unread {
		n.read(from)
	}
}

// read adds the entries of a folder of the host. One that cannot be read has none.
func (n *node) read(from place) {
	d := from.drive
	entries, err := fs.ReadDir(d.Root.FS(), from.path)
	if err != nil {
		return
	}
	for _, e := range entries {
		at := place{d, path.Join(from.path, e.Name())}
		info, err := e.Info()
		if err == nil && info.Mode()&fs.ModeSymlink != 0 {
			info, err = d.Root.Stat(at.path) // an error where it leads out of the folder, or nowhere
		}
		switch {
		case err != nil, !info.IsDir() && !info.Mode().IsRegular(), n.vol.nodes >= maxNodes:
			continue
		case from.path == "." && d.Only != "" && (info.IsDir() || !MatchName(d.Only, e.Name())):
			continue
		}
		if old := n.children[foldName(e.Name())]; old != nil {
			if old.folder && info.IsDir() {
				old.join(at)
			}
			continue
		}
		n.adopt(e.Name(), at, info)
	}
}

// adopt makes the node of a file or folder of the host.
func (n *node) adopt(name string, at place, info fs.FileInfo) {
	c := n.vol.newNode(name, n, info.IsDir())
	c.host, c.hostPath = at.drive, at.path
	if info.IsDir() {
		c.unread = []place{at}
	}
	if !at.drive.Overlay {
		t := uint64(info.ModTime().UnixNano())/100 + unixEpoch
		c.created, c.written, c.access = t, t, t
	}
	if !info.IsDir() && (at.drive.ReadOnly || info.Mode()&0o200 == 0) {
		c.attributes |= ntdef.FILE_ATTRIBUTE_READONLY
	}
}

// unixEpoch is 1970-01-01 in 100 ns units since 1601.
const unixEpoch = 116_444_736_000_000_000

// child finds an entry of a folder, nil where there is none.
func (n *node) child(name string) *node {
	n.load()
	return n.children[foldName(name)]
}

// entries returns a folder's entries by name.
func (n *node) entries() []*node {
	n.load()
	keys := make([]string, 0, len(n.children))
	for k := range n.children {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	list := make([]*node, len(keys))
	for i, k := range keys {
		list[i] = n.children[k]
	}
	return list
}

// find walks a full path, C:\a\b: the node, or the folder that it would be in. OBJECT_PATH_NOT_FOUND where a folder on the way is
// missing, OBJECT_NAME_NOT_FOUND with the folder where the last part is, OBJECT_NAME_INVALID.
func (v *volumes) find(full string) (n, folder *node, name string, st ntdef.Status) {
	if len(full) < 3 || full[1] != ':' || full[2] != '\\' || full[0]|0x20 < 'a' || full[0]|0x20 > 'z' {
		return nil, nil, "", ntdef.STATUS_OBJECT_PATH_SYNTAX_BAD
	}
	n = v.drives[full[0]&^0x20-'A']
	if n == nil {
		return nil, nil, "", ntdef.STATUS_OBJECT_PATH_NOT_FOUND
	}
	rest := strings.TrimSuffix(full[3:], `\`)
	if rest == "" {
		return n, nil, "", ntdef.STATUS_SUCCESS
	}
	if len(rest) >= len(dataStream) && strings.EqualFold(rest[len(rest)-len(dataStream):], dataStream) {
		rest = rest[:len(rest)-len(dataStream)]
	}
	parts := strings.Split(rest, `\`)
	for i, part := range parts {
		if !validName(part) {
			return nil, nil, "", ntdef.STATUS_OBJECT_NAME_INVALID
		}
		if !n.folder {
			return nil, nil, "", ntdef.STATUS_OBJECT_PATH_NOT_FOUND
		}
		next := n.child(part)
		if next == nil {
			if i == len(parts)-1 {
				return nil, n, part, ntdef.STATUS_OBJECT_NAME_NOT_FOUND
			}
			return nil, nil, "", ntdef.STATUS_OBJECT_PATH_NOT_FOUND
		}
		n = next
	}
	return n, n.parent, n.name, ntdef.STATUS_SUCCESS
}

// dataStream names the contents of a file; there are no other streams.
const dataStream = "::$DATA"

// maxName is how long the name of a file may be, in UTF-16 code units.
const maxName = 255

// validName reports whether a file may have a name. . and .. are for who makes the path.
func validName(name string) bool {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/:*?\"<>|") {
		return false
	}
	units := 0
	for _, r := range name {
		if r < ' ' {
			return false
		}
		if units++; r > 0xffff {
			units++
		}
	}
	return units <= maxName
}

// path returns the full path of a node.
func (n *node) path() string {
	if n.parent == nil {
		for i, d := range n.vol.drives {
			if d == n {
				return string(rune('A'+i)) + `:\`
			}
		}
		return ""
	}
	return strings.TrimSuffix(n.parent.path(), `\`) + `\` + n.name
}

// readOnly reports whether nothing may be written below a node.
func (n *node) readOnly() bool { return n.host != nil && n.host.ReadOnly }

// onHost reports whether changes of a node go to the host.
func (n *node) onHost() bool { return n.host != nil && !n.host.Overlay && !n.host.ReadOnly }

// open makes a file's contents available.
func (n *node) open() ntdef.Status {
	if n.content != nil {
		return ntdef.STATUS_SUCCESS
	}
	if n.host == nil {
		n.content = &memoryFile{vol: n.vol}
	} else {
		flags := os.O_RDONLY
		if n.onHost() && n.attributes&ntdef.FILE_ATTRIBUTE_READONLY == 0 {
			flags = os.O_RDWR
		}
		f, err := n.host.Root.OpenFile(n.hostPath, flags, 0)
		if err != nil {
			return hostStatus(err)
		}
		info, err := f.Stat()
		if err != nil {
			return hostStatus(errors.Join(err, f.Close()))
		}
		h := hostFile{f, uint64(info.Size())}
		if n.onHost() {
			n.content = &h
		} else {
			n.content = &overlayFile{hostFile: h, vol: n.vol}
		}
	}
	n.sections.Name, n.sections.File = n.path(), n.content
	return ntdef.STATUS_SUCCESS
}

// size is a file's length, without opening it where it can be had.
func (n *node) size() uint64 {
	switch {
	case n.folder:
		return 0
	case n.content != nil:
		return n.content.Size()
	case n.host != nil:
		if info, err := n.host.Root.Stat(n.hostPath); err == nil {
			return uint64(info.Size())
		}
	}
	return 0
}

// hostStatus is the status of an error of the host.
func hostStatus(err error) ntdef.Status {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ntdef.STATUS_OBJECT_NAME_NOT_FOUND
	case errors.Is(err, fs.ErrPermission):
		return ntdef.STATUS_ACCESS_DENIED
	case errors.Is(err, fs.ErrExist):
		return ntdef.STATUS_OBJECT_NAME_COLLISION
	}
	return ntdef.STATUS_UNSUCCESSFUL
}

// create makes a file or a folder in this one.
func (n *node) create(name string, folder bool) (*node, ntdef.Status) {
	switch {
	case n.readOnly():
		return nil, ntdef.STATUS_MEDIA_WRITE_PROTECTED
	case n.doomed:
		return nil, ntdef.STATUS_DELETE_PENDING
	case n.vol.nodes >= maxNodes:
		return nil, ntdef.STATUS_DISK_FULL
	}
	hostPath := path.Join(n.hostPath, name)
	if n.onHost() {
		var err error
		if folder {
			err = n.host.Root.Mkdir(hostPath, 0o755)
		} else {
			var f *os.File
			if f, err = n.host.Root.OpenFile(hostPath, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644); err == nil {
				err = f.Close()
			}
		}
		if err != nil {
			return nil, hostStatus(err)
		}
	}
	c := n.vol.newNode(name, n, folder)
	if n.onHost() {
		c.host, c.hostPath = n.host, hostPath
	}
	return c, ntdef.STATUS_SUCCESS
}

// protect gives a file or folder a descriptor; the host's file does not change. DISK_FULL.
func (n *node) protect(d *descriptor) ntdef.Status {
	v := n.vol
	switch {
	case n.unlinked:
		return ntdef.STATUS_DELETE_PENDING
	case v.memory+d.cost() > maxFileMemory:
		return ntdef.STATUS_DISK_FULL
	}
	v.memory += d.cost() - n.security.cost()
	n.security = d
	return ntdef.STATUS_SUCCESS
}

// remove ends a node that nobody has open.
func (n *node) remove(mm *ntmm.Manager) ntdef.Status {
	if st := n.unlink(); st != ntdef.STATUS_SUCCESS {
		return st
	}
	if n.content != nil {
		mm.CloseFile(&n.sections)
		_ = n.content.Truncate(0)
		_ = n.content.Close()
		n.content = nil
	}
	return ntdef.STATUS_SUCCESS
}

// unlink takes a node out of its folder; who has it open keeps it.
func (n *node) unlink() ntdef.Status {
	if n.unlinked {
		return ntdef.STATUS_SUCCESS
	}
	if n.onHost() {
		if err := n.host.Root.Remove(n.hostPath); err != nil {
			return hostStatus(err)
		}
	}
	delete(n.parent.children, foldName(n.name))
	n.vol.nodes--
	n.vol.memory -= n.security.cost()
	n.unlinked, n.security = true, nil
	return ntdef.STATUS_SUCCESS
}

// rename moves a node to a folder under a name. What is there is replaced where that is asked for.
func (n *node) rename(mm *ntmm.Manager, to *node, name string, replace bool) ntdef.Status {
	old := to.child(name)
	switch {
	case n.readOnly() || to.readOnly():
		return ntdef.STATUS_MEDIA_WRITE_PROTECTED
	case to.doomed:
		return ntdef.STATUS_DELETE_PENDING
	case old != nil && old != n && (!replace || old.folder || len(old.opens) != 0 || old.attributes&ntdef.FILE_ATTRIBUTE_READONLY != 0):
		if replace {
			return ntdef.STATUS_ACCESS_DENIED
		}
		return ntdef.STATUS_OBJECT_NAME_COLLISION
	case n.onHost() != to.onHost(), n.onHost() && n.host != to.host:
		return ntdef.STATUS_NOT_SAME_DEVICE
	}
	for up := to; up != nil; up = up.parent {
		if up == n {
			return ntdef.STATUS_INVALID_PARAMETER
		}
	}
	if old != nil && old != n {
		if st := old.remove(mm); st != ntdef.STATUS_SUCCESS {
			return st
		}
	}
	if n.onHost() {
		hostPath := path.Join(to.hostPath, name)
		if err := n.host.Root.Rename(n.hostPath, hostPath); err != nil {
			return hostStatus(err)
		}
		n.moved(n.host, n.hostPath, hostPath)
	}
	delete(n.parent.children, foldName(n.name))
	n.name, n.parent = name, to
	to.children[foldName(name)] = n
	n.sections.Name = n.path()
	return ntdef.STATUS_SUCCESS
}

// moved follows a folder of the host, or a file, to its new path there.
func (n *node) moved(d *Drive, from, to string) {
	follow := func(p string) string {
		if rest, ok := strings.CutPrefix(p, from); ok {
			return to + rest
		}
		return p
	}
	if n.host == d {
		n.hostPath = follow(n.hostPath)
	}
	for i := range n.unread {
		if n.unread[i].drive == d {
			n.unread[i].path = follow(n.unread[i].path)
		}
	}
	for _, c := range n.children {
		c.moved(d, from, to)
	}
}

// close gives the host's files back.
func (v *volumes) close() error {
	var errs []error
	var walk func(n *node)
	walk = func(n *node) {
		if n.content != nil {
			errs = append(errs, n.content.Close())
		}
		for _, c := range n.children {
			walk(c)
		}
	}
	for _, d := range v.drives {
		if d != nil {
			walk(d)
		}
	}
	return errors.Join(errs...)
}
