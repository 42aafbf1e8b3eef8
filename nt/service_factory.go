package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

var factoryServices = []Service{
	service("NtCreateWorkerFactory", Full, ntCreateWorkerFactory),
	service("NtQueryInformationWorkerFactory", Full, ntQueryInformationWorkerFactory),
	service("NtSetInformationWorkerFactory", Partial(factorySetNote), ntSetInformationWorkerFactory),
	service("NtWorkerFactoryWorkerReady", Full, ntWorkerFactoryWorkerReady),
	service("NtReleaseWorkerFactoryWorker", Full, ntReleaseWorkerFactoryWorker),
	service("NtWaitForWorkViaWorkerFactory", Partial("no deferred ALPC message"), ntWaitForWorkViaWorkerFactory),
	service("NtShutdownWorkerFactory", Full, ntShutdownWorkerFactory),
}

// Rights of worker factories (phnt, WORKER_FACTORY_*).
const (
	factoryRelease  = 0x01
	factoryWait     = 0x02
	factorySet      = 0x04
	factoryQuery    = 0x08
	factoryReady    = 0x10
	factoryShutdown = 0x20
)

type createFactoryArgs struct {
	Handle           ntdef.Ptr[uint64]
	DesiredAccess    uint32
	ObjectAttributes uint64
	Port, Process    ntdef.Handle
	Start, Parameter uint64
	Maximum          uint32
	StackReserve     uint64
	StackCommit      uint64
}

func ntCreateWorkerFactory(t *Thread, a *createFactoryArgs) (ntdef.Status, error) {
	p, st := t.proc.ProcessFor(a.Process, PROCESS_CREATE_THREAD)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return st, nil
	case a.StackCommit > maxStack || a.StackReserve > maxStack:
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	return t.newObject(&namedArgs{a.Handle, a.DesiredAccess, a.ObjectAttributes}, func(r *ObjectRequest) (ntdef.Handle, ntdef.Status) {
		return t.CreateWorkerFactory(r, a.Port, ThreadRequest{
			Process: p, Start: a.Start, Parameter: a.Parameter, StackReserve: a.StackReserve, StackCommit: a.StackCommit,
		}, a.Maximum)
	})
}

// Classes of a worker factory (phnt, WORKERFACTORYINFOCLASS).
const (
	factoryIdleTimeout        = 2
	factoryBindingCount       = 3
	factoryThreadMinimum      = 4
	factoryThreadMaximum      = 5
	factoryBasicInformation   = 7
	factoryAdjustThreadGoal   = 8
	factoryCallbackType       = 9
	factoryStackInformation   = 10
	factoryThreadBasePriority = 11
	factoryTimeoutWaiters     = 12
	factoryFlags              = 13
	factoryThreadSoftMaximum  = 14
	factoryThreadCPUSets      = 15
)

// ntQueryInformationWorkerFactory is WORKER_FACTORY_BASIC_INFORMATION. Timeout and RetryTimeout, TimerSet, QueuedToExWorker, InsertedIntoQueue
// and InfiniteWaitGoal are of a kernel that makes workers later and elsewhere: here they are made where they are needed, and these are 0.
func ntQueryInformationWorkerFactory(t *Thread, a *queryStateArgs) (ntdef.Status, error) {
	if a.Class != factoryBasicInformation {
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	}
	a.Class = 0
	return t.queryObjectState(a, 0x78, func(b []byte) ntdef.Status {
		f, st := with[*workerFactory](t.proc, a.Handle, factoryQuery)
		if st != ntdef.STATUS_SUCCESS {
			return st
		}
		le := binary.LittleEndian
		le.PutUint64(b[0x10:], f.idleTicks())
		b[0x1b] = flagByte(f.mayCreate())
		b[0x1e] = flagByte(f.shut)
		for i, v := range [...]uint32{f.bindings, f.minimum, f.maximum, f.pending, f.waiting(), f.total, f.releases} {
			le.PutUint32(b[0x20+4*i:], v)
		}
		for i, v := range [...]uint64{
			f.template.Start, f.template.Parameter, f.template.Process.id, f.template.StackReserve, f.template.StackCommit, uint64(f.last),
		} {
			le.PutUint64(b[0x48+8*i:], v)
		}
		return st
	})
}

// idleTicks is the idle timeout as programs give it: in 100 ns units, negative.
func (f *workerFactory) idleTicks() uint64 {
	if f.idle == Infinite {
		return 1 << 63
	}
	return -(f.idle / 100)
}

type setFactoryArgs struct {
	Handle ntdef.Handle
	Class  uint32
	Buffer uint64
	Length uint32
}

const factorySetNote = "AdjustThreadGoal, CallbackType, Flags and ThreadCpuSets, whose meaning is not public, are refused"

// ntSetInformationWorkerFactory sets what phnt marks as what can be set: INVALID_INFO_CLASS, INFO_LENGTH_MISMATCH, INVALID_PARAMETER.
func ntSetInformationWorkerFactory(t *Thread, a *setFactoryArgs) (ntdef.Status, error) {
	var length uint32
	switch a.Class {
	case factoryIdleTimeout:
		length = 8
	case factoryStackInformation:
		length = 16
	case factoryBindingCount, factoryThreadMinimum, factoryThreadMaximum, factoryThreadBasePriority, factoryTimeoutWaiters, factoryThreadSoftMaximum:
		length = 4
	case factoryAdjustThreadGoal, factoryCallbackType, factoryFlags, factoryThreadCPUSets:
		t.sys.refuse(classOf("NtSetInformationWorkerFactory", a.Class))
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	default:
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	}
	if a.Length != length {
		return ntdef.STATUS_INFO_LENGTH_MISMATCH, nil
	}
	b := make([]byte, 16)
	if err := t.Read(a.Buffer, b[:length]); err != nil {
		return 0, err
	}
	f, st := with[*workerFactory](t.proc, a.Handle, factorySet)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return f.set(t, a.Class, binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])), nil
}

// set sets what a class says to the value, of which the stack's has two.
func (f *workerFactory) set(t *Thread, class uint32, v, commit uint64) ntdef.Status {
	switch n := uint32(v); class {
	case factoryIdleTimeout: // in 100 ns units, negative as that of a wait
		if int64(v) >= 0 {
			return ntdef.STATUS_INVALID_PARAMETER
		}
		if f.idle = t.sys.Until(int64(v)); v == 1<<63 {
			f.idle = Infinite
		}
	case factoryBindingCount:
		f.bindings = n
	case factoryThreadMinimum:
		f.minimum = n
		f.maximum = max(f.maximum, n)
	case factoryThreadMaximum:
		if n == 0 {
			return ntdef.STATUS_INVALID_PARAMETER
		}
		f.maximum = n
		f.minimum = min(f.minimum, n)
	case factoryStackInformation:
		if v > maxStack || commit > maxStack {
			return ntdef.STATUS_INVALID_PARAMETER
		}
		f.template.StackReserve, f.template.StackCommit = v, commit
	case factoryThreadBasePriority:
		if _, st := f.template.Process.threadPriority(int32(n)); st != ntdef.STATUS_SUCCESS {
			return st
		}
		f.priority = int32(n)
		for _, o := range f.template.Process.threads {
			if o.worker != nil && o.worker.factory == f {
				o.SetPriority(f.priority)
			}
		}
	case factoryTimeoutWaiters:
		f.each(func(w *portWait) {
			if f.spare(w.block.thread) {
				f.end(w)
			}
		})
	case factoryThreadSoftMaximum:
		f.soft = n
	}
	f.retime()
	f.staff()
	return ntdef.STATUS_SUCCESS
}

func ntWorkerFactoryWorkerReady(t *Thread, a *handleOnlyArgs) (ntdef.Status, error) {
	f, st := with[*workerFactory](t.proc, a.Handle, factoryReady)
	if st == ntdef.STATUS_SUCCESS {
		st = f.isReady(t)
	}
	return st, nil
}

func ntReleaseWorkerFactoryWorker(t *Thread, a *handleOnlyArgs) (ntdef.Status, error) {
	f, st := with[*workerFactory](t.proc, a.Handle, factoryRelease)
	if st == ntdef.STATUS_SUCCESS {
		st = f.release()
	}
	return st, nil
}

type waitForWorkArgs struct {
	Handle   ntdef.Handle
	Entries  uint64 // FILE_IO_COMPLETION_INFORMATION
	Count    uint32
	Removed  ntdef.Ptr[uint32]
	Deferred uint64 // WORKER_FACTORY_DEFERRED_WORK: an ALPC message to send, its port and flags
}

func ntWaitForWorkViaWorkerFactory(t *Thread, a *waitForWorkArgs) (ntdef.Status, error) {
	if a.Deferred != 0 {
		message, err := t.Load64(a.Deferred)
		if err != nil {
			return 0, err
		}
		if message != 0 {
			return t.unsupported("NtWaitForWorkViaWorkerFactory: a message to send"), nil
		}
	}
	f, st := with[*workerFactory](t.proc, a.Handle, factoryWait)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	return t.takePackets(a.Entries, a.Count, a.Removed, func(n int) ([]Completion, ntdef.Status, error) { return f.work(t, n) })
}

type shutdownFactoryArgs struct {
	Handle  ntdef.Handle
	Pending ntdef.Ptr[uint32]
}

// ntShutdownWorkerFactory adds the workers that are not ready yet to a count of the caller's.
func ntShutdownWorkerFactory(t *Thread, a *shutdownFactoryArgs) (ntdef.Status, error) {
	if err := t.Probe(uint64(a.Pending), 4, x86.Read|x86.Write); err != nil {
		return 0, err
	}
	f, st := with[*workerFactory](t.proc, a.Handle, factoryShutdown)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	pending := f.shutdown()
	was, err := t.Load32(uint64(a.Pending))
	if err != nil {
		return 0, err
	}
	return st, t.Store32(uint64(a.Pending), was+pending)
}
