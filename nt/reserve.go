package nt

import "github.com/pagewalk/pagewalk/ntdef"

// A reserveObject is memory that is there when an APC or a packet of a completion port has to be queued, however little there is then
// (NtAllocateReserveObject). It holds one at a time. Its own charge is that of the object; it stays while it is in use.
type reserveObject struct {
	objectHeader
	kind reserveKind
	busy bool
}

type reserveKind uint32

// Kinds of reserve objects (ntpsapi.h, MEMORY_RESERVE_TYPE).
const (
	userAPCReserve reserveKind = iota
	completionReserve
	reserveKinds
)

func (o *reserveObject) typeName() string {
	return [...]string{"UserApcReserve", "IoCompletionReserve"}[o.kind]
}

// pay takes memory for something that is queued: from the reserve where there is one, else from the pool, if that has room.
func (o *reserveObject) pay(s *System) bool {
	if o == nil {
		return s.charge(packetCharge)
	}
	o.busy = true
	o.handles++
	return true
}

// refund gives it back.
func (o *reserveObject) refund(s *System) {
	if o == nil {
		s.release(packetCharge)
		return
	}
	o.busy = false
	s.dereference(o)
}

// reserve returns the reserve object of a handle, nil for 0: INVALID_HANDLE, OBJECT_TYPE_MISMATCH, ACCESS_DENIED, INVALID_PARAMETER_2
// where it is in use.
func (p *Process) reserve(h ntdef.Handle, kind reserveKind) (*reserveObject, ntdef.Status) {
	if h == 0 {
		return nil, ntdef.STATUS_SUCCESS
	}
	if h == ntdef.CurrentThread || h == ntdef.CurrentProcess {
		return nil, ntdef.STATUS_OBJECT_TYPE_MISMATCH
	}
	o, st := with[*reserveObject](p, h, reserveUse)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return nil, st
	case o.kind != kind:
		return nil, ntdef.STATUS_OBJECT_TYPE_MISMATCH
	case o.busy:
		return nil, ntdef.STATUS_INVALID_PARAMETER_2
	}
	return o, st
}

// reserveUse is the right to queue something in a reserve object.
const reserveUse = 2

var reserveServices = []Service{
	service("NtAllocateReserveObject", Full, ntAllocateReserveObject),
}

type allocateReserveArgs struct {
	Handle           ntdef.Ptr[uint64]
	ObjectAttributes uint64
	Type             uint32
}

func ntAllocateReserveObject(t *Thread, a *allocateReserveArgs) (ntdef.Status, error) {
	if a.Type >= uint32(reserveKinds) {
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	return t.newObject(&namedArgs{a.Handle, ntdef.GENERIC_ALL, a.ObjectAttributes}, func(r *ObjectRequest) (ntdef.Handle, ntdef.Status) {
		return create(t.proc, r, &reserveObject{kind: reserveKind(a.Type)})
	})
}
