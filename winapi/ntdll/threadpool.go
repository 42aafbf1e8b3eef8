package ntdll

import (
	"slices"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// The thread pool (threadpoolapiset.h; Windows Internals, part 1 ch. 4, "Thread pools"). A pool is a completion port with a worker factory:
// the kernel makes the threads, and what they do lies here. Work that is posted waits in the pool's queues and a packet without a key
// tells a worker of it; the packets of timers, waits and I/O have their object's address as their key. kernel32's functions are these, by
// other names.

var threadPoolFuncs = concat([]nt.UserFunc{
	nt.Func("TpAllocPool", tpAllocPool),
	nt.Func("TpReleasePool", tpReleasePool),
	nt.Func("TpSetPoolMaxThreads", tpSetPoolMaxThreads),
	nt.Func("TpSetPoolMinThreads", SetPoolMinThreads),
	nt.Func("TpSetPoolStackInformation", SetPoolStackInformation),
	nt.Func("TpQueryPoolStackInformation", QueryPoolStackInformation),
	nt.Func("TppWorkerThread", tppWorkerThread),
}, poolWorkFuncs, poolTimerFuncs, poolWaitFuncs, poolIoFuncs, poolGroupFuncs, poolCallbackFuncs, poolLegacyFuncs)

// pools is the thread pool's state of one process. What the guest holds are addresses of heap blocks, as on Windows, where the things
// themselves lie in them.
type pools struct {
	usual     *pool // for callbacks that name none
	pools     map[uint64]*pool
	objects   map[uint64]*poolObject
	groups    map[uint64]*poolGroup
	instances map[uint64]*poolInstance
	queues    map[uint64]*timerQueue
}

type poolsKey struct{}

func poolsOf(t *nt.Thread) *pools {
	return t.Process().Local(poolsKey{}, func() any {
		return &pools{
			pools: map[uint64]*pool{}, objects: map[uint64]*poolObject{}, groups: map[uint64]*poolGroup{}, instances: map[uint64]*poolInstance{},
			queues: map[uint64]*timerQueue{},
		}
	}).(*pools)
}

// pool is a TP_POOL. It ends once it is released and has no objects.
type pool struct {
	at            uint64
	port, factory ntdef.Handle
	queues        [priorities][]*poolCallback // by priority, the first first
	objects       int
	bound         uint64 // those of them that packets of the port are for
	released      bool
	stack         [2]uint64 // reserve and commit of its threads, 0: the program's
}

// Priorities of callbacks (winnt.h, TP_CALLBACK_PRIORITY_*).
const (
	priorityNormal = 1
	priorities     = 3
)

// maxPoolThreads is the most threads of a pool that nobody gave a maximum.
const maxPoolThreads = 512

// poolCallback is a callback of an object that waits for a worker.
type poolCallback struct {
	object *poolObject
	call   func(t *nt.Thread, instance uint64) error
}

// poolBlock makes a heap block for something of the pool's: 0 where there is no memory.
func poolBlock(t *nt.Thread) (uint64, error) {
	const size = 0x40
	return AllocateHeap(t, 0, HEAP_ZERO_MEMORY, size)
}

// invalidPoolArgument is what the functions do with what is none of theirs: they raise STATUS_INVALID_PARAMETER.
func invalidPoolArgument(t *nt.Thread) error { return RaiseStatus(t, ntdef.STATUS_INVALID_PARAMETER) }

// newPool makes a pool.
func (s *pools) newPool(t *nt.Thread) (*pool, ntdef.Status, error) {
	at, err := poolBlock(t)
	if err != nil || at == 0 {
		return nil, ntdef.STATUS_NO_MEMORY, err
	}
	start, _, err := ProcedureAddress(t, ModuleHandle(t, "ntdll.dll"), "TppWorkerThread", 0)
	if err != nil {
		return nil, 0, err
	}
	p := t.Process()
	port, st := p.CreateCompletionPort(&nt.ObjectRequest{}, 0)
	if st == ntdef.STATUS_SUCCESS {
		var factory ntdef.Handle
		factory, st = t.CreateWorkerFactory(&nt.ObjectRequest{}, port, nt.ThreadRequest{Process: p, Start: start, Parameter: at}, maxPoolThreads)
		if st == ntdef.STATUS_SUCCESS {
			s.pools[at] = &pool{at: at, port: port, factory: factory}
			return s.pools[at], st, nil
		}
		p.CloseHandle(port)
	}
	_, err = FreeHeap(t, 0, at)
	return nil, st, err
}

// defaultPool is the process's own pool, made when something is first given to it.
func (s *pools) defaultPool(t *nt.Thread) (*pool, ntdef.Status, error) {
	if s.usual != nil {
		return s.usual, ntdef.STATUS_SUCCESS, nil
	}
	p, st, err := s.newPool(t)
	if p != nil {
		s.usual = p
	}
	return p, st, err
}

// settle ends a pool that nobody needs any more.
func (s *pools) settle(t *nt.Thread, p *pool) error {
	if !p.released || p.objects > 0 {
		return nil
	}
	delete(s.pools, p.at)
	t.Process().ShutdownWorkerFactory(p.factory)
	t.Process().CloseHandle(p.factory)
	t.Process().CloseHandle(p.port)
	_, err := FreeHeap(t, 0, p.at)
	return err
}

// bind tells the pool's factory how many objects wait for packets of its port.
func (p *pool) bind(t *nt.Thread, n int) {
	p.bound += uint64(n)
	t.Process().SetWorkerFactory(p.factory, nt.WorkerFactoryBindingCount, p.bound, 0)
}

// next takes the callback off the queues that is to be called next, nil where there is none any more.
func (p *pool) next() *poolCallback {
	for i := range p.queues {
		if q := p.queues[i]; len(q) > 0 {
			p.queues[i] = q[1:]
			q[0].object.queued--
			return q[0]
		}
	}
	return nil
}

// drop takes an object's callbacks off the queues.
func (p *pool) drop(o *poolObject) (n int) {
	q := &p.queues[o.priority]
	had := len(*q)
	*q = slices.DeleteFunc(*q, func(c *poolCallback) bool { return c.object == o })
	return had - len(*q)
}

type allocPoolArgs struct {
	Pool     uint64
	Reserved uint64
}

func tpAllocPool(t *nt.Thread, a *allocPoolArgs) (uint64, error) {
	at, st, err := AllocPool(t)
	return stored(t, a.Pool, at, st, err)
}

// AllocPool is TpAllocPool: NO_MEMORY, and what making a port and a worker factory answers.
func AllocPool(t *nt.Thread) (uint64, ntdef.Status, error) {
	p, st, err := poolsOf(t).newPool(t)
	if p == nil {
		return 0, st, err
	}
	return p.at, st, err
}

type poolArgs struct{ Pool uint64 }

// ofPool runs a body on a pool; what is none raises STATUS_INVALID_PARAMETER.
func ofPool(t *nt.Thread, at uint64, body func(s *pools, p *pool) (uint64, error)) (uint64, error) {
	s := poolsOf(t)
	p := s.pools[at]
	if p == nil || p.released {
		return 0, invalidPoolArgument(t)
	}
	return body(s, p)
}

func tpReleasePool(t *nt.Thread, a *poolArgs) (uint64, error) {
	return ofPool(t, a.Pool, func(s *pools, p *pool) (uint64, error) {
		p.released = true
		return 0, s.settle(t, p)
	})
}

// PoolThreadsArgs are a TP_POOL and a number of threads.
type PoolThreadsArgs struct {
	Pool    uint64
	Threads uint32
}

// setPoolThreads sets a class of the pool's factory to a number of threads.
func setPoolThreads(t *nt.Thread, a *PoolThreadsArgs, class uint32) (uint64, error) {
	return ofPool(t, a.Pool, func(_ *pools, p *pool) (uint64, error) {
		return uint64(t.Process().SetWorkerFactory(p.factory, class, uint64(a.Threads), 0)), nil
	})
}

func tpSetPoolMaxThreads(t *nt.Thread, a *PoolThreadsArgs) (uint64, error) {
	return setPoolThreads(t, a, nt.WorkerFactoryThreadMaximum)
}

// SetPoolMinThreads is TpSetPoolMinThreads.
func SetPoolMinThreads(t *nt.Thread, a *PoolThreadsArgs) (uint64, error) {
	return setPoolThreads(t, a, nt.WorkerFactoryThreadMinimum)
}

// PoolStackArgs are a TP_POOL and the address of the sizes of its threads' stacks.
type PoolStackArgs struct {
	Pool  uint64
	Stack uint64 // TP_POOL_STACK_INFORMATION: reserve and commit
}

// SetPoolStackInformation is TpSetPoolStackInformation.
func SetPoolStackInformation(t *nt.Thread, a *PoolStackArgs) (uint64, error) {
	return ofPool(t, a.Pool, func(_ *pools, p *pool) (uint64, error) {
		var stack [2]uint64
		for i := range stack {
			var err error
			if stack[i], err = t.Load64(a.Stack + 8*uint64(i)); err != nil {
				return 0, err
			}
		}
		st := t.Process().SetWorkerFactory(p.factory, nt.WorkerFactoryStackInformation, stack[0], stack[1])
		if st == ntdef.STATUS_SUCCESS {
			p.stack = stack
		}
		return uint64(st), nil
	})
}

// QueryPoolStackInformation is TpQueryPoolStackInformation.
func QueryPoolStackInformation(t *nt.Thread, a *PoolStackArgs) (uint64, error) {
	return ofPool(t, a.Pool, func(_ *pools, p *pool) (uint64, error) {
		for i, v := range p.stack {
			if err := t.Store64(a.Stack+8*uint64(i), v); err != nil {
				return 0, err
			}
		}
		return uint64(ntdef.STATUS_SUCCESS), nil
	})
}

// tppWorkerThread is a worker of a pool: it makes callbacks until the factory tells it to go.
func tppWorkerThread(t *nt.Thread, a *poolArgs) (uint64, error) {
	s := poolsOf(t)
	p := s.pools[a.Pool]
	if p == nil {
		return 0, nil // it ended before the worker began
	}
	instance, err := poolBlock(t)
	if err != nil || instance == 0 {
		return 0, err
	}
	st := t.WorkerReady(p.factory)
	for st == ntdef.STATUS_SUCCESS {
		var packets []nt.Completion
		if packets, st, err = t.WaitForWork(p.factory, 1); err != nil {
			return 0, err
		}
		for _, packet := range packets {
			c := p.next
			if packet.Key != 0 {
				c = func() *poolCallback { return s.arrived(t, &packet) }
			}
			if c := c(); c != nil {
				if err := s.run(t, c, instance); err != nil {
					return 0, err
				}
			}
		}
	}
	_, err = FreeHeap(t, 0, instance)
	return 0, err
}

// arrived is the callback that a packet of an object calls for, nil where the object is gone or was stopped meanwhile.
func (s *pools) arrived(t *nt.Thread, packet *nt.Completion) *poolCallback {
	o := s.objects[packet.Key]
	if o == nil || o.packet == nil {
		return nil
	}
	c := o.packet(t, packet)
	if c == nil {
		o.wake(t)
	}
	return c
}

// run makes a callback, and then what it asked for.
func (s *pools) run(t *nt.Thread, c *poolCallback, instance uint64) error {
	o := c.object
	in := &poolInstance{object: o}
	s.instances[instance] = in
	o.running++
	if o.long {
		t.MayRunLong()
	}
	err := c.call(t, instance)
	if err == nil && o.finalize != 0 {
		_, err = t.Call(o.finalize, instance, o.context)
	}
	if err == nil {
		err = in.finish(t)
	}
	delete(s.instances, instance)
	in.leave(t)
	if err != nil {
		return err
	}
	return s.settleObject(t, o)
}
