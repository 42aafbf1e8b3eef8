package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

var completionServices = []Service{
	service("NtCreateIoCompletion", Full, ntCreateIoCompletion),
	service("NtOpenIoCompletion", Full, ntOpenIoCompletion),
	service("NtQueryIoCompletion", Full, ntQueryIoCompletion),
	service("NtSetIoCompletion", Full, ntSetIoCompletion),
	service("NtSetIoCompletionEx", Full, ntSetIoCompletionEx),
	service("NtRemoveIoCompletion", Full, ntRemoveIoCompletion),
	service("NtRemoveIoCompletionEx", Full, ntRemoveIoCompletionEx),
	service("NtCreateWaitCompletionPacket", Full, ntCreateWaitCompletionPacket),
	service("NtAssociateWaitCompletionPacket", Full, ntAssociateWaitCompletionPacket),
	service("NtCancelWaitCompletionPacket", Full, ntCancelWaitCompletionPacket),
}

type createCompletionArgs struct {
	Handle           ntdef.Ptr[uint64]
	DesiredAccess    uint32
	ObjectAttributes uint64
	Threads          uint32
}

func ntCreateIoCompletion(t *Thread, a *createCompletionArgs) (ntdef.Status, error) {
	return t.newObject(&namedArgs{a.Handle, a.DesiredAccess, a.ObjectAttributes}, func(r *ObjectRequest) (ntdef.Handle, ntdef.Status) {
		return t.proc.CreateCompletionPort(r, a.Threads)
	})
}

func ntOpenIoCompletion(t *Thread, a *namedArgs) (ntdef.Status, error) {
	return t.newObject(a, func(r *ObjectRequest) (ntdef.Handle, ntdef.Status) { return open[*completionPort](t.proc, r) })
}

// ntQueryIoCompletion is IO_COMPLETION_BASIC_INFORMATION: how many packets are queued.
func ntQueryIoCompletion(t *Thread, a *queryStateArgs) (ntdef.Status, error) {
	return t.queryObjectState(a, 4, func(b []byte) ntdef.Status {
		p, st := with[*completionPort](t.proc, a.Handle, queryState)
		if st == ntdef.STATUS_SUCCESS {
			binary.LittleEndian.PutUint32(b, uint32(len(p.packets)))
		}
		return st
	})
}

type setCompletionArgs struct {
	Port         ntdef.Handle
	Key, Context uint64
	Status       uint32
	Information  uint64
}

func ntSetIoCompletion(t *Thread, a *setCompletionArgs) (ntdef.Status, error) {
	return t.proc.PostCompletion(a.Port, Completion{
		Key: a.Key, Overlapped: a.Context, Status: ntdef.Status(a.Status), Bytes: a.Information,
	}), nil
}

type setCompletionExArgs struct {
	Port, Reserve ntdef.Handle
	Key, Context  uint64
	Status        uint32
	Information   uint64
}

func ntSetIoCompletionEx(t *Thread, a *setCompletionExArgs) (ntdef.Status, error) {
	r, st := t.proc.reserve(a.Reserve, completionReserve)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.proc.PostCompletion(a.Port, Completion{
		Key: a.Key, Overlapped: a.Context, Status: ntdef.Status(a.Status), Bytes: a.Information, reserve: r,
	}), nil
}

type removeCompletionArgs struct {
	Port     ntdef.Handle
	Key      ntdef.Ptr[uint64]
	Context  ntdef.Ptr[uint64]
	IOStatus uint64
	Timeout  ntdef.Ptr[int64]
}

func ntRemoveIoCompletion(t *Thread, a *removeCompletionArgs) (ntdef.Status, error) {
	for _, p := range []struct{ at, n uint64 }{{uint64(a.Key), 8}, {uint64(a.Context), 8}, {a.IOStatus, 16}} {
		if err := t.Probe(p.at, p.n, x86.Read|x86.Write); err != nil {
			return 0, err
		}
	}
	timeout, err := t.timeout(a.Timeout)
	if err != nil {
		return 0, err
	}
	all, st, err := t.RemoveCompletions(a.Port, 1, timeout, false)
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return st, err
	}
	if err := t.Store64(uint64(a.Key), all[0].Key); err != nil {
		return 0, err
	}
	if err := t.Store64(uint64(a.Context), all[0].Overlapped); err != nil {
		return 0, err
	}
	return st, t.storeIOStatus(a.IOStatus, all[0].Status, all[0].Bytes)
}

type removeCompletionExArgs struct {
	Port      ntdef.Handle
	Entries   uint64 // FILE_IO_COMPLETION_INFORMATION: key, context, IO_STATUS_BLOCK
	Count     uint32
	Removed   ntdef.Ptr[uint32]
	Timeout   ntdef.Ptr[int64]
	Alertable uint8
}

// maxRemoved is how many packets one call takes.
const maxRemoved = 1 << 12

func ntRemoveIoCompletionEx(t *Thread, a *removeCompletionExArgs) (ntdef.Status, error) {
	timeout, err := t.timeout(a.Timeout)
	if err != nil {
		return 0, err
	}
	return t.takePackets(a.Entries, a.Count, a.Removed, func(n int) ([]Completion, ntdef.Status, error) {
		return t.RemoveCompletions(a.Port, n, timeout, a.Alertable != 0)
	})
}

// takePackets stores packets that take returns as FILE_IO_COMPLETION_INFORMATION, and their number.
func (t *Thread) takePackets(
	at uint64, count uint32, removed ntdef.Ptr[uint32], take func(n int) ([]Completion, ntdef.Status, error),
) (ntdef.Status, error) {
	const size = 32
	if count == 0 {
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	n := min(count, maxRemoved)
	if err := t.Probe(at, size*uint64(n), x86.Read|x86.Write); err != nil {
		return 0, err
	}
	if err := t.Probe(uint64(removed), 4, x86.Read|x86.Write); err != nil {
		return 0, err
	}
	all, st, err := take(int(n))
	if err != nil || !st.IsSuccess() {
		return st, err
	}
	var b []byte
	for _, c := range all {
		for _, v := range []uint64{c.Key, c.Overlapped, uint64(c.Status), c.Bytes} {
			b = binary.LittleEndian.AppendUint64(b, v)
		}
	}
	if err := t.Write(at, b); err != nil {
		return 0, err
	}
	return st, t.Store32(uint64(removed), uint32(len(all)))
}

func ntCreateWaitCompletionPacket(t *Thread, a *namedArgs) (ntdef.Status, error) {
	return t.newObject(a, t.proc.CreateWaitPacket)
}

type associatePacketArgs struct {
	Packet, Port, Target ntdef.Handle
	Key, Context         uint64
	Status               uint32
	Information          uint64
	AlreadySignaled      ntdef.Ptr[uint8]
}

func ntAssociateWaitCompletionPacket(t *Thread, a *associatePacketArgs) (ntdef.Status, error) {
	if err := t.probeByte(a.AlreadySignaled); err != nil {
		return 0, err
	}
	already, st := t.AssociateWaitPacket(a.Packet, a.Port, a.Target, Completion{
		Key: a.Key, Overlapped: a.Context, Status: ntdef.Status(a.Status), Bytes: a.Information,
	})
	return t.storeState(a.AlreadySignaled, already, st)
}

type cancelPacketArgs struct {
	Packet         ntdef.Handle
	RemoveSignaled uint8
}

func ntCancelWaitCompletionPacket(t *Thread, a *cancelPacketArgs) (ntdef.Status, error) {
	return t.proc.CancelWaitPacket(a.Packet, a.RemoveSignaled != 0), nil
}
