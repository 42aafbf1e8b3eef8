package nt

import (
	"slices"

	"github.com/pagewalk/pagewalk/ntdef"
)

// Worker factories are the kernel's half of Windows' thread pool (Windows Internals, part 1 ch. 4, "Worker factories (thread pools)"):
// an object that makes threads of a process, its workers, where packets of a completion port find nobody to take them. What is work and what
// a worker does with it is the program's own, ntdll's Tp functions on Windows. Names, classes and rights are those of phnt (ntexapi.h);
// where neither source says what happens, the methods say what was chosen.

// Rights of worker factories (phnt, WORKER_FACTORY_*).
const (
	factoryRelease  = 0x01
	factoryWait     = 0x02
	factorySet      = 0x04
	factoryQuery    = 0x08
	factoryReady    = 0x10
	factoryShutdown = 0x20
)

// Classes of a worker factory (phnt, WORKERFACTORYINFOCLASS).
const (
	factoryIdleTimeout            = 2
	WorkerFactoryBindingCount     = 3
	WorkerFactoryThreadMinimum    = 4
	WorkerFactoryThreadMaximum    = 5
	factoryBasicInformation       = 7
	factoryAdjustThreadGoal       = 8
	factoryCallbackType           = 9
	WorkerFactoryStackInformation = 10
	factoryThreadBasePriority     = 11
	factoryTimeoutWaiters         = 12
	factoryFlags                  = 13
	factoryThreadSoftMaximum      = 14
	factoryThreadCPUSets          = 15
)

// workerFactory makes workers one at a time: until the last one has said that it is ready, no other is made.
type workerFactory struct {
	objectHeader
	sys      *System
	port     *completionPort
	template ThreadRequest // of its workers

	idle                             uint64 // nanoseconds that a worker waits before it is told to go
	bindings, minimum, maximum, soft uint32 // soft is the soft maximum, 0: none
	priority                         int32  // of its workers, relative to the process's
	shut                             bool

	total, pending, leaving uint32       // workers: all, those that are not ready yet, those that were told to go
	releases                uint32       // that nobody has taken
	last                    ntdef.Status // of the latest creation
}

// worker is what a factory knows of a thread that it has made.
type worker struct {
	factory        *workerFactory
	ready, leaving bool
}

// idleTimeout is how long a worker is idle before it is told to go, unless the program says otherwise: 10 s.
const idleTimeout = 10_000_000_000

func (*workerFactory) typeName() string { return "TpWorkerFactory" }

// closed ends the factory with its last handle: it makes no more workers. Those that it has made go when they have been idle.
func (f *workerFactory) closed() {
	f.shut = true
	f.port.factories = slices.DeleteFunc(f.port.factories, func(o *workerFactory) bool { return o == f })
	if f.port.handles == 0 {
		f.port.closed()
	}
}

// CreateWorkerFactory is NtCreateWorkerFactory, for at most some workers, 0: as many as a process may have threads. INVALID_HANDLE,
// OBJECT_TYPE_MISMATCH and ACCESS_DENIED are the port's; INVALID_PARAMETER for a process that is not the caller's.
func (t *Thread) CreateWorkerFactory(r *ObjectRequest, port ntdef.Handle, workers ThreadRequest, maximum uint32) (ntdef.Handle, ntdef.Status) {
	if workers.Process != t.proc {
		return 0, ntdef.STATUS_INVALID_PARAMETER
	}
	p, st := with[*completionPort](t.proc, port, queryState|modifyState)
	if st != ntdef.STATUS_SUCCESS {
		return 0, st
	}
	if maximum == 0 {
		maximum = maxThreads
	}
	f := &workerFactory{sys: t.sys, port: p, template: workers, idle: idleTimeout, maximum: maximum}
	h, st := create(t.proc, r, f)
	if st == ntdef.STATUS_SUCCESS {
		p.factories = append(p.factories, f)
	}
	return h, st
}

// mayCreate reports whether the factory would make another worker if one were needed.
func (f *workerFactory) mayCreate() bool {
	return !f.shut && !f.template.Process.exited && f.total < f.maximum && f.pending == 0
}

// needed reports whether a worker is: there are too few, or there is a packet that nobody waits for and that another thread of the port
// might run for. A factory without workers that nothing was bound to or released from leaves the port's packets alone.
func (f *workerFactory) needed() bool {
	staying := f.total - f.leaving
	switch {
	case staying < f.minimum:
		return true
	case len(f.port.packets) == 0 || f.port.running >= f.port.limit:
		return false
	case f.soft != 0 && staying >= f.soft:
		return false
	}
	return f.bindings > 0 || f.releases > 0 || staying > 0
}

// staff makes a worker where one is needed.
func (f *workerFactory) staff() {
	if !f.mayCreate() || !f.needed() {
		return
	}
	r := f.template
	n, st := f.sys.sched.current.newUserThread(&r)
	if f.last = st; st != ntdef.STATUS_SUCCESS {
		return
	}
	n.worker = &worker{factory: f}
	f.total++
	f.pending++
	n.SetPriority(f.priority)
	n.launch()
	f.retime()
}

// WorkerReady is NtWorkerFactoryWorkerReady: the worker has begun, and is one of the port's threads. INVALID_HANDLE, OBJECT_TYPE_MISMATCH,
// ACCESS_DENIED, INVALID_PARAMETER for a thread that the factory did not make.
func (t *Thread) WorkerReady(factory ntdef.Handle) ntdef.Status {
	f, st := with[*workerFactory](t.proc, factory, factoryReady)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	w := t.worker
	if w == nil || w.factory != f {
		return ntdef.STATUS_INVALID_PARAMETER
	}
	if !w.ready {
		w.ready = true
		f.pending--
		t.serves(f.port)
		f.staff()
	}
	return ntdef.STATUS_SUCCESS
}

// left takes a worker that has ended off its factory.
func (w *worker) left() {
	if w == nil || w.factory == nil {
		return
	}
	f := w.factory
	w.dismiss(false)
	f.total--
	f.pending -= flag(!w.ready)
	w.factory = nil
	f.staff()
}

// dismiss tells a worker to go, or no longer.
func (w *worker) dismiss(leaving bool) {
	if w.leaving != leaving {
		w.leaving = leaving
		w.factory.leaving += flag(leaving) - flag(!leaving)
	}
}

// ReleaseWorker is NtReleaseWorkerFactoryWorker: a packet of zeros for the next worker. INVALID_HANDLE, OBJECT_TYPE_MISMATCH, ACCESS_DENIED,
// INSUFFICIENT_RESOURCES.
func (p *Process) ReleaseWorker(factory ntdef.Handle) ntdef.Status {
	f, st := with[*workerFactory](p, factory, factoryRelease)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	f.releases++
	if !f.port.post(Completion{release: f}) {
		f.releases--
		return ntdef.STATUS_INSUFFICIENT_RESOURCES
	}
	return ntdef.STATUS_SUCCESS
}

// WaitForWork is NtWaitForWorkViaWorkerFactory: at most n packets of the port. INVALID_HANDLE, OBJECT_TYPE_MISMATCH, ACCESS_DENIED; TIMEOUT
// tells a worker to end: it has been idle for long enough and is one too many, or the factory was shut down, of which neither source
// says how a worker is told.
func (t *Thread) WaitForWork(factory ntdef.Handle, n int) ([]Completion, ntdef.Status, error) {
	f, st := with[*workerFactory](t.proc, factory, factoryWait)
	if st != ntdef.STATUS_SUCCESS {
		return nil, st, nil
	}
	if w := t.worker; w != nil && w.factory == f {
		w.dismiss(false)
	}
	if f.shut {
		f.sendOff(t)
		return nil, ntdef.STATUS_TIMEOUT, nil
	}
	return t.remove(f.port, n, Infinite, &portWait{block: &waitBlock{thread: t, what: "work of " + describe(f)}, factory: f})
}

// sendOff tells a thread to go.
func (f *workerFactory) sendOff(t *Thread) {
	if w := t.worker; w != nil && w.factory == f {
		w.dismiss(true)
	}
}

// spare reports whether the factory can do without a waiting thread: it keeps its minimum, and one while something is bound to it.
func (f *workerFactory) spare(t *Thread) bool {
	own := t.worker != nil && t.worker.factory == f
	return !own || f.total-f.leaving > max(f.minimum, flag(f.bindings > 0))
}

// began gives a wait its end: when the thread has been idle for long enough, if it can be spared then.
func (f *workerFactory) began(w *portWait) {
	s := f.sys
	if w.block.timer != nil {
		s.cancel(w.block.timer)
		w.block.timer = nil
	}
	if f.idle == Infinite || !f.spare(w.block.thread) {
		return
	}
	w.block.timer = s.after(w.since+f.idle, func() {
		w.block.timer = nil
		if f.spare(w.block.thread) {
			f.end(w)
		}
	})
}

// end ends a wait: its thread is to go.
func (f *workerFactory) end(w *portWait) {
	f.sendOff(w.block.thread)
	w.block.status = ntdef.STATUS_TIMEOUT
	w.block.end(f.sys)
}

// each calls body for each wait for the factory's work.
func (f *workerFactory) each(body func(*portWait)) {
	for _, w := range slices.Clone(f.port.waiters) {
		if w.factory == f && !w.block.done {
			body(w)
		}
	}
}

// waiting is how many threads wait for work.
func (f *workerFactory) waiting() (n uint32) {
	f.each(func(*portWait) { n++ })
	return n
}

// retime gives all waits their ends anew, after the number of workers or what they depend on has changed.
func (f *workerFactory) retime() { f.each(f.began) }

// ShutdownWorkerFactory is NtShutdownWorkerFactory: no more workers are made, those that wait are told to go. It returns how many are not
// ready yet. INVALID_HANDLE, OBJECT_TYPE_MISMATCH, ACCESS_DENIED.
func (p *Process) ShutdownWorkerFactory(factory ntdef.Handle) (pending uint32, st ntdef.Status) {
	f, st := with[*workerFactory](p, factory, factoryShutdown)
	if st == ntdef.STATUS_SUCCESS {
		f.shut = true
		f.each(f.end)
		pending = f.pending
	}
	return pending, st
}

// SetWorkerFactory is NtSetInformationWorkerFactory of a class that it knows, with the class's value; the stack's has two. INVALID_HANDLE,
// OBJECT_TYPE_MISMATCH, ACCESS_DENIED, INVALID_PARAMETER.
func (p *Process) SetWorkerFactory(factory ntdef.Handle, class uint32, v, commit uint64) ntdef.Status {
	f, st := with[*workerFactory](p, factory, factorySet)
	if st != ntdef.STATUS_SUCCESS {
		return st
	}
	switch n := uint32(v); class {
	case factoryIdleTimeout: // in 100 ns units, negative as that of a wait
		if int64(v) >= 0 {
			return ntdef.STATUS_INVALID_PARAMETER
		}
		if f.idle = f.sys.Until(int64(v)); v == 1<<63 {
			f.idle = Infinite
		}
	case WorkerFactoryBindingCount:
		f.bindings = n
	case WorkerFactoryThreadMinimum:
		f.minimum = n
		f.maximum = max(f.maximum, n)
	case WorkerFactoryThreadMaximum:
		if n == 0 {
			return ntdef.STATUS_INVALID_PARAMETER
		}
		f.maximum = n
		f.minimum = min(f.minimum, n)
	case WorkerFactoryStackInformation:
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

// MayRunLong says of a worker that its work may take long: until it waits for more, it is none of the threads that the port counts. It
// reports whether there is another worker for what comes, or can be.
func (t *Thread) MayRunLong() bool {
	t.serves(nil)
	w := t.worker
	return w != nil && w.factory != nil && (w.factory.waiting() > 0 || w.factory.mayCreate())
}
