package nt

import (
	"slices"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// Folders tell those that watch them what changes in them ("ReadDirectoryChangesW"; [MS-FSA] 2.1.4.1). What the guest itself changes is
// told, not what happens on the host.

// What a watch may ask for (winnt.h, FILE_NOTIFY_CHANGE_…), and what happened (FILE_ACTION_…).
const (
	changeFileName   = 0x001
	changeDirName    = 0x002
	changeAttributes = 0x004
	changeSize       = 0x008
	changeLastWrite  = 0x010
	changeAll        = 0xfff

	actionAdded    = 1
	actionRemoved  = 2
	actionModified = 3
	actionOldName  = 4
	actionNewName  = 5
)

// watch is what a file object of a folder has been told and has not asked for yet. The first request sets what it tells.
type watch struct {
	file    *fileObject
	filter  uint32
	tree    bool
	size    uint32 // of the buffer
	changes []change
	held    uint32 // bytes of changes
	lost    bool   // more happened than the buffer holds
	waiting []*ioRequest
}

type change struct {
	action uint32
	name   string
}

// size of the change in a buffer, to the next one.
func (c *change) size() uint32 { return uint32(12+len(EncodeUTF16(c.name))+3) &^ 3 }

// changed tells of a change of a node.
func (n *node) changed(s *System, action, filter uint32) {
	if len(n.vol.watches) > 0 && n.parent != nil {
		n.parent.changedBelow(s, n.name, action, filter)
	}
}

// nameFilter is the filter of a change of the node's name.
func (n *node) nameFilter() uint32 {
	if n.folder {
		return changeDirName
	}
	return changeFileName
}

// changedBelow tells of a change of what has, or had, a name in a folder.
func (n *node) changedBelow(s *System, name string, action, filter uint32) {
	for _, w := range slices.Clone(n.vol.watches) {
		if w.filter&filter == 0 {
			continue
		}
		path := name
		at := n
		for w.tree && at != w.file.node && at.parent != nil {
			path, at = at.name+`\`+path, at.parent
		}
		if at == w.file.node {
			w.add(s, change{action, path})
		}
	}
}

// add tells who waits, or keeps it for who asks.
func (w *watch) add(s *System, c change) {
	if n := len(w.changes); n > 0 && w.changes[n-1] == c {
		return
	}
	w.changes = append(w.changes, c)
	if w.held += c.size(); w.held > w.size {
		w.changes, w.held, w.lost = nil, 0, true
	}
	if len(w.waiting) > 0 {
		r := w.waiting[0]
		w.waiting = w.waiting[1:]
		s.complete(r, w.answer(r))
	}
}

// answer stores what has changed: NOTIFY_ENUM_DIR where that does not fit, and the folder has to be listed again.
func (w *watch) answer(r *ioRequest) ntdef.Status {
	changes, held, lost := w.changes, w.held, w.lost
	w.changes, w.held, w.lost = nil, 0, false
	if lost || held > r.Length {
		return ntdef.STATUS_NOTIFY_ENUM_DIR
	}
	var b []byte
	for i, c := range changes {
		text, next := EncodeUTF16(c.name), c.size()
		if i == len(changes)-1 {
			next = 0
		}
		b = append(append(b, le32(next, c.action, uint32(len(text)))...), text...)
		for next != 0 && len(b)%4 != 0 {
			b = append(b, 0)
		}
	}
	if r.put(b) != nil {
		return ntdef.STATUS_NOTIFY_ENUM_DIR
	}
	r.information = uint64(len(b))
	return ntdef.STATUS_SUCCESS
}

// maxWatch bounds what a watch holds while nobody asks.
const maxWatch = 1 << 20

// NotifyChange is NtNotifyChangeDirectoryFile: PENDING until something changes. INVALID_PARAMETER for what is no folder.
func (t *Thread) NotifyChange(a *IORequest, filter uint32, tree bool) (ntdef.Status, uint32, error) {
	r, st := t.request(a, ntdef.FILE_READ_DATA)
	if st != ntdef.STATUS_SUCCESS {
		return st, 0, nil
	}
	st, err := t.perform(r, "a change of a folder", func() (ntdef.Status, error) {
		f, ok := r.file.(*fileObject)
		switch {
		case !ok:
			return ntdef.STATUS_INVALID_DEVICE_REQUEST, nil
		case !f.node.folder, filter == 0, filter&^changeAll != 0:
			return ntdef.STATUS_INVALID_PARAMETER, nil
		case f.node.doomed:
			return ntdef.STATUS_DELETE_PENDING, nil
		}
		w := f.watch
		if w == nil {
			w = &watch{file: f, filter: filter, tree: tree, size: min(a.Length, maxWatch)}
			f.watch = w
			f.node.vol.watches = append(f.node.vol.watches, w)
		}
		if w.lost || len(w.changes) > 0 {
			return w.answer(r), nil
		}
		w.waiting = append(w.waiting, r)
		r.cancel = func() { w.waiting = slices.DeleteFunc(w.waiting, func(o *ioRequest) bool { return o == r }) }
		return ntdef.STATUS_PENDING, nil
	})
	return st, uint32(r.information), err
}

// unwatch ends a watch with its file object.
func (f *fileObject) unwatch() {
	w := f.watch
	if w == nil {
		return
	}
	f.node.vol.watches = slices.DeleteFunc(f.node.vol.watches, func(o *watch) bool { return o == w })
	for _, r := range slices.Clone(w.waiting) {
		f.sys.complete(r, ntdef.STATUS_NOTIFY_CLEANUP)
	}
}

type notifyChangeArgs struct {
	transferArgs
	Filter uint32
	Tree   uint8
}

type notifyChangeExArgs struct {
	notifyChangeArgs
	Class uint32
}

func ntNotifyChangeDirectoryFile(t *Thread, a *notifyChangeArgs) (ntdef.Status, error) {
	if err := t.Probe(a.IOStatus, 16, x86.Write); err != nil {
		return 0, err
	}
	if err := t.Probe(a.Buffer, uint64(a.Length), x86.Write); err != nil {
		return 0, err
	}
	r := a.request()
	r.onItsOwn = t.sys.wine() // whose kernel never waits for a change, and whose FindFirstChangeNotification counts on it
	st, _, err := t.NotifyChange(r, a.Filter, a.Tree != 0)
	return st, err
}

func ntNotifyChangeDirectoryFileEx(t *Thread, a *notifyChangeExArgs) (ntdef.Status, error) {
	if a.Class != 1 {
		t.sys.refuse(classOf("NtNotifyChangeDirectoryFileEx", a.Class))
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	}
	return ntNotifyChangeDirectoryFile(t, &a.notifyChangeArgs)
}
