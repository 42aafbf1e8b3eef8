package nt

import (
	"encoding/binary"

	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

var factoryServices = []Service{
	service("NtCreateWorkerFactory", Full, ntCreateWorkerFactory),
	service("NtQueryInformationWorkerFactory", Partial("timers of the kernel's own are 0: a worker is made where it is needed"), ntQueryInformationWorkerFactory),
	service("NtSetInformationWorkerFactory", Partial(factorySetNote), ntSetInformationWorkerFactory),
	service("NtWorkerFactoryWorkerReady", Full, ntWorkerFactoryWorkerReady),
	service("NtReleaseWorkerFactoryWorker", Full, ntReleaseWorkerFactoryWorker),
	service("NtWaitForWorkViaWorkerFactory", Partial("no deferred ALPC message"), ntWaitForWorkViaWorkerFactory),
	service("NtShutdownWorkerFactory", Partial("neither the count nor the status of the waits that it ends is documented: workers not ready, TIMEOUT"), ntShutdownWorkerFactory),
}

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

// ntQueryInformationWorkerFactory is WORKER_FACTORY_BASIC_INFORMATION. Timeout and RetryTimeout, TimerSet, QueuedToExWorker, InsertedIntoQueue
// and InfiniteWaitGoal are of a kernel that makes workers later and elsewhere: here they are made where they are needed, and these are 0.
func ntQueryInformationWorkerFactory(t *Thread, a *queryStateArgs) (ntdef.Status, error) {
	if a.Class != factoryBasicInformation {
		return ntdef.STATUS_INVALID_INFO_CLASS, nil
	}
	a.Class = 0 // the only class, for queryObjectState
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
	case WorkerFactoryStackInformation:
		length = 16
	case WorkerFactoryBindingCount, WorkerFactoryThreadMinimum, WorkerFactoryThreadMaximum, factoryThreadBasePriority, factoryTimeoutWaiters, factoryThreadSoftMaximum:
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
	return t.proc.SetWorkerFactory(a.Handle, a.Class, binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])), nil
}

func ntWorkerFactoryWorkerReady(t *Thread, a *handleOnlyArgs) (ntdef.Status, error) {
	return t.WorkerReady(a.Handle), nil
}

func ntReleaseWorkerFactoryWorker(t *Thread, a *handleOnlyArgs) (ntdef.Status, error) {
	return t.proc.ReleaseWorker(a.Handle), nil
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
	return t.takePackets(a.Entries, a.Count, a.Removed, func(n int) ([]Completion, ntdef.Status, error) {
		return t.WaitForWork(a.Handle, n)
	})
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
	pending, st := t.proc.ShutdownWorkerFactory(a.Handle)
	if st != ntdef.STATUS_SUCCESS {
		return st, nil
	}
	was, err := t.Load32(uint64(a.Pending))
	if err != nil {
		return 0, err
	}
	return st, t.Store32(uint64(a.Pending), was+pending)
}
