package nt

import (
	"slices"

	"github.com/pagewalk/pagewalk/ntdef"
)

// byteLock is a locked range of a file.
type byteLock struct {
	start, size uint64
	exclusive   bool
}

// overlaps reports whether a range has a byte in common with the lock.
func (l *byteLock) overlaps(start, size uint64) bool {
	return size != 0 && l.size != 0 && start <= l.start+(l.size-1) && l.start <= start+(size-1)
}

// locked reports whether another object's lock keeps this one from a range.
func (f *fileObject) locked(start, size uint64, write bool) bool {
	for _, o := range f.node.opens {
		if o == f {
			continue
		}
		for _, l := range o.locks {
			if (write || l.exclusive) && l.overlaps(start, size) {
				return true
			}
		}
	}
	return false
}

// lock takes a range, unless another lock is in the way.
func (f *fileObject) lock(l byteLock) bool {
	for _, o := range f.node.opens {
		for _, other := range o.locks {
			if (l.exclusive || other.exclusive) && other.overlaps(l.start, l.size) {
				return false
			}
		}
	}
	f.locks = append(f.locks, l)
	return true
}

// lockWait is a request for a range that another has.
type lockWait struct {
	request *ioRequest
	file    *fileObject
	lock    byteLock
}

// unlocked gives ranges to those that wait, the oldest first.
func (n *node) unlocked(s *System) {
	for _, w := range slices.Clone(n.lockWaits) {
		if w.file.lock(w.lock) {
			n.lockWaits = slices.DeleteFunc(n.lockWaits, func(o *lockWait) bool { return o == w })
			s.complete(w.request, ntdef.STATUS_SUCCESS)
		}
	}
}

// maxLocks bounds the locks of one file object, and those that wait for one of a file.
const maxLocks = 1 << 16

// LockFile is NtLockFile: PENDING or a wait where another lock is in the way, LOCK_NOT_GRANTED where the caller does not want that;
// INVALID_LOCK_RANGE.
func (t *Thread) LockFile(a *IORequest, start, size uint64, exclusive, wait bool) (ntdef.Status, error) {
	r, st := t.request(a, ntdef.FILE_READ_DATA|ntdef.FILE_WRITE_DATA)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.perform(r, "a lock of a file", func() (ntdef.Status, error) {
		f, ok := r.file.(*fileObject)
		switch {
		case !ok, f.node.folder:
			return ntdef.STATUS_INVALID_DEVICE_REQUEST, nil
		case size != 0 && start+size-1 < start:
			return ntdef.STATUS_INVALID_LOCK_RANGE, nil
		case len(f.locks) >= maxLocks, len(f.node.lockWaits) >= maxLocks:
			return ntdef.STATUS_INSUFFICIENT_RESOURCES, nil
		}
		w := &lockWait{r, f, byteLock{start, size, exclusive}}
		switch {
		case f.lock(w.lock):
			return ntdef.STATUS_SUCCESS, nil
		case !wait:
			return ntdef.STATUS_LOCK_NOT_GRANTED, nil
		}
		n := f.node
		n.lockWaits = append(n.lockWaits, w)
		r.cancel = func() { n.lockWaits = slices.DeleteFunc(n.lockWaits, func(o *lockWait) bool { return o == w }) }
		return ntdef.STATUS_PENDING, nil
	})
}

// UnlockFile is NtUnlockFile: RANGE_NOT_LOCKED where the object has no lock of exactly that range.
func (p *Process) UnlockFile(h ntdef.Handle, start, size uint64) ntdef.Status {
	f, st := p.file(h)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	for i, l := range f.locks {
		if l.start == start && l.size == size {
			f.locks = slices.Delete(f.locks, i, i+1)
			f.node.unlocked(p.sys)
			return ntdef.STATUS_SUCCESS
		}
	}
	return ntdef.STATUS_RANGE_NOT_LOCKED
}
