package nt

import (
	"encoding/binary"
	"slices"

	"github.com/pagewalk/pagewalk/ntdef"
)

// What NtNotifyChangeKey waits for (winnt.h, REG_NOTIFY_*).
const (
	notifyName       = 0x01 // a subkey is made, renamed or deleted
	notifyAttributes = 0x02
	notifyLastSet    = 0x04 // a value is set or deleted
	notifySecurity   = 0x08
	notifyAgnostic   = 0x10000000 // not tied to the life of the calling thread
	notifyAll        = notifyName | notifyAttributes | notifyLastSet | notifySecurity
)

// keyWatch is what one handle waits for. The filter and the depth are those of its first notification.
type keyWatch struct {
	on      bool
	filter  uint32
	tree    bool
	pending []*keyNotification
}

// keyNotification is one call of NtNotifyChangeKey that has not come back.
type keyNotification struct {
	thread   *Thread
	event    *event // nil: none
	routine  uint64 // an APC; 0: none
	context  uint64
	ioStatus uint64 // IO_STATUS_BLOCK
	status   ntdef.Status
}

// maxNotifications bounds those of one handle.
const maxNotifications = 1024

// watchKey adds a notification to a handle: INSUFFICIENT_RESOURCES, else PENDING.
func (o *keyObject) watchKey(n *keyNotification, filter uint32, tree bool) ntdef.Status {
	w := &o.watch
	if len(w.pending) >= maxNotifications {
		return ntdef.STATUS_INSUFFICIENT_RESOURCES
	}
	if !w.on {
		w.on, w.filter, w.tree = true, filter, tree
		o.key.watchers = append(o.key.watchers, o)
	}
	w.pending = append(w.pending, n)
	return ntdef.STATUS_PENDING
}

// keyChanged completes the notifications that a change of a key is for.
func (s *System) keyChanged(k *key, what uint32) {
	for at := k; at != nil; at = at.parent {
		for _, o := range slices.Clone(at.watchers) {
			if o.watch.filter&what != 0 && (at == k || o.watch.tree) {
				o.notify(ntdef.STATUS_NOTIFY_ENUM_DIR)
			}
		}
	}
}

// notify completes all notifications of a handle.
func (o *keyObject) notify(st ntdef.Status) {
	pending := o.watch.pending
	o.watch.pending = nil
	for _, n := range pending {
		n.complete(st)
	}
}

func (n *keyNotification) complete(st ntdef.Status) {
	t := n.thread
	n.status = st
	if t.proc.exited {
		return
	}
	var b [16]byte
	binary.LittleEndian.PutUint32(b[:], uint32(st))
	by := t.sys.thread()
	if by == nil {
		by = t
	}
	_ = by.in(t.proc, func(th *Thread) error { return th.Write(n.ioStatus, b[:]) }) // who freed it does not look at it
	if n.event != nil {
		n.event.set = true
		t.sys.signal(n.event)
	}
	if n.routine != 0 {
		t.QueueAPC(n.routine, [3]uint64{n.context, n.ioStatus, 0})
	}
}

// closed ends a handle's notifications with it.
func (o *keyObject) closed() {
	if o.watch.on {
		k := o.key
		k.watchers = slices.DeleteFunc(k.watchers, func(w *keyObject) bool { return w == o })
		o.notify(ntdef.STATUS_NOTIFY_CLEANUP)
	}
}
