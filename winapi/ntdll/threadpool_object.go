package ntdll

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// poolObject is what makes callbacks: TP_WORK, TP_TIMER, TP_WAIT, TP_IO, and what one that is only made once is. It ends once it is released
// and no callback is queued or runs.
type poolObject struct {
	kind              string
	at                uint64
	pool              *pool
	group             *poolGroup
	callback, context uint64
	finalize          uint64 // called after each callback
	priority          int
	long              bool // its callbacks may take long

	queued, running int // callbacks
	released        bool
	packet          func(*nt.Thread, *nt.Completion) *poolCallback // what a packet with its key calls for; nil: it has none
	stop            func(*nt.Thread)                               // no more packets come
	ended           func(*nt.Thread)                               // what it holds of the kernel's goes
	timer           *poolTimer
	wait            *poolWait
	io              *poolIo
	once            bool         // of an older function's: WT_EXECUTEONLYONCE
	event           ntdef.Handle // to set at its end
}

// poolEnvironment is a TP_CALLBACK_ENVIRON (winnt.h), version 1 or 3.
type poolEnvironment struct {
	pool     *pool
	group    *poolGroup
	cancel   uint64
	finalize uint64
	priority int
	long     bool
}

// Offsets in TP_CALLBACK_ENVIRON_V3.
const (
	environmentPool     = 0x08
	environmentGroup    = 0x10
	environmentCancel   = 0x18
	environmentFinalize = 0x30
	environmentFlags    = 0x38 // bit 0: LongFunction
	environmentPriority = 0x3c
)

// environment reads a TP_CALLBACK_ENVIRON; 0 is the default one.
func (s *pools) environment(t *nt.Thread, at uint64) (e poolEnvironment, st ntdef.Status, err error) {
	e.priority = priorityNormal
	if at != 0 {
		if st, err = s.readEnvironment(t, at, &e); err != nil || st != ntdef.STATUS_SUCCESS {
			return e, st, err
		}
	}
	if e.pool == nil {
		e.pool, st, err = s.defaultPool(t)
	}
	return e, st, err
}

func (s *pools) readEnvironment(t *nt.Thread, at uint64, e *poolEnvironment) (ntdef.Status, error) {
	version, err := t.Load32(at)
	if err != nil {
		return 0, err
	}
	if version != 1 && version != 3 {
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	var group, p, flags uint64
	for _, f := range []struct {
		offset uint64
		to     *uint64
	}{{environmentPool, &p}, {environmentGroup, &group}, {environmentCancel, &e.cancel}, {environmentFinalize, &e.finalize}} {
		if *f.to, err = t.Load64(at + f.offset); err != nil {
			return 0, err
		}
	}
	if flags, err = t.Load64(at + environmentFlags); err != nil {
		return 0, err
	}
	e.long = flags&1 != 0
	if version == 3 {
		e.priority = int(flags >> (8 * (environmentPriority - environmentFlags)))
	}
	if p != 0 {
		e.pool = s.pools[p]
	}
	if group != 0 {
		e.group = s.groups[group]
	}
	if (p != 0 && (e.pool == nil || e.pool.released)) || (group != 0 && e.group == nil) || e.priority >= priorities {
		return ntdef.STATUS_INVALID_PARAMETER, nil
	}
	return ntdef.STATUS_SUCCESS, nil
}

// A PoolCallback is what a callback is made with: a function, its context and a TP_CALLBACK_ENVIRON, which may be NULL.
type PoolCallback struct{ Function, Context, Environment uint64 }

// newObject makes an object of an environment.
func (s *pools) newObject(t *nt.Thread, kind string, a *PoolCallback) (*poolObject, ntdef.Status, error) {
	if a.Function == 0 {
		return nil, ntdef.STATUS_INVALID_PARAMETER, nil
	}
	e, st, err := s.environment(t, a.Environment)
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return nil, st, err
	}
	at, err := poolBlock(t)
	if err != nil || at == 0 {
		return nil, ntdef.STATUS_NO_MEMORY, err
	}
	o := &poolObject{
		kind: kind, at: at, pool: e.pool, group: e.group, callback: a.Function, context: a.Context, finalize: e.finalize, priority: e.priority, long: e.long,
	}
	s.objects[at] = o
	e.pool.objects++
	if e.group != nil {
		e.group.members = append(e.group.members, poolMember{o, e.cancel})
	}
	return o, ntdef.STATUS_SUCCESS, nil
}

// allocate makes an object, lets prepare make what it needs, and returns its address. INVALID_PARAMETER, NO_MEMORY.
func allocate(
	t *nt.Thread, kind string, a *PoolCallback, prepare func(s *pools, o *poolObject) ntdef.Status,
) (uint64, ntdef.Status, error) {
	s := poolsOf(t)
	o, st, err := s.newObject(t, kind, a)
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return 0, st, err
	}
	if st = prepare(s, o); st != ntdef.STATUS_SUCCESS {
		return 0, st, s.release(t, o)
	}
	return o.at, st, nil
}

// stored ends a function that stores what it has made and returns a status.
func stored(t *nt.Thread, to, at uint64, st ntdef.Status, err error) (uint64, error) {
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return uint64(st), err
	}
	return uint64(st), t.Store64(to, at)
}

type allocObjectArgs struct{ Object, Callback, Context, Environment uint64 }

// allocator is a function that makes an object and stores its address.
func allocator(name string, alloc func(t *nt.Thread, a *PoolCallback) (uint64, ntdef.Status, error)) nt.UserFunc {
	return nt.Func(name, func(t *nt.Thread, a *allocObjectArgs) (uint64, error) {
		at, st, err := alloc(t, &PoolCallback{a.Callback, a.Context, a.Environment})
		return stored(t, a.Object, at, st, err)
	})
}

type poolObjectArgs struct{ Object uint64 }

type waitForObjectArgs struct {
	Object uint64
	Cancel uint32
}

// ofObject runs a body on an object of a kind; what is none raises STATUS_INVALID_PARAMETER.
func ofObject(t *nt.Thread, kind string, at uint64, body func(s *pools, o *poolObject) (uint64, error)) (uint64, error) {
	s := poolsOf(t)
	o := s.objects[at]
	if o == nil || o.released || o.kind != kind {
		return 0, invalidPoolArgument(t)
	}
	return body(s, o)
}

// releaser and waiter are what releases an object of a kind and waits for its callbacks.
func releaser(name, kind string) nt.UserFunc {
	return nt.Func(name, func(t *nt.Thread, a *poolObjectArgs) (uint64, error) {
		return ofObject(t, kind, a.Object, func(s *pools, o *poolObject) (uint64, error) { return 0, s.release(t, o) })
	})
}

func waiter(name, kind string) nt.UserFunc {
	return nt.Func(name, func(t *nt.Thread, a *waitForObjectArgs) (uint64, error) {
		return ofObject(t, kind, a.Object, func(s *pools, o *poolObject) (uint64, error) {
			if a.Cancel != 0 {
				o.drop(t)
			}
			return 0, o.await(t)
		})
	})
}

// post queues a callback and has a worker come for it.
func (o *poolObject) post(t *nt.Thread, call func(t *nt.Thread, instance uint64) error) ntdef.Status {
	st := t.Process().ReleaseWorker(o.pool.factory)
	if st == ntdef.STATUS_SUCCESS {
		o.queued++
		o.pool.queues[o.priority] = append(o.pool.queues[o.priority], &poolCallback{o, call})
	}
	return st
}

// drop takes queued callbacks back and returns how many there were.
func (o *poolObject) drop(t *nt.Thread) int {
	n := o.pool.drop(o)
	if o.io != nil {
		n = o.queued
		o.io.ignored += n
	}
	o.queued -= n
	if o.arriving(t) {
		o.stop(t)
		n++
	}
	o.wake(t)
	return n
}

// arriving reports whether a packet of a timer or a wait is on its way to a worker.
func (o *poolObject) arriving(t *nt.Thread) bool {
	return o.timer != nil && o.timer.alarm.arriving(t) || o.wait != nil && o.wait.arriving(t)
}

// wake lets go on who waits for the last callback.
func (o *poolObject) wake(t *nt.Thread) {
	if o.queued == 0 && o.running == 0 {
		t.Process().WakeAddress(o.at, true)
	}
}

// await waits until no callback is queued or runs.
func (o *poolObject) await(t *nt.Thread) error {
	for o.queued > 0 || o.running > 0 || o.arriving(t) {
		if _, err := t.WaitAddress("callbacks of the thread pool's "+o.kind+" at", o.at, nt.Infinite); err != nil {
			return err
		}
	}
	return nil
}

// release stops an object; it ends when its last callback has.
func (s *pools) release(t *nt.Thread, o *poolObject) error {
	o.released = true
	if o.stop != nil {
		o.stop(t)
	}
	if o.group != nil {
		o.group.remove(o)
	}
	return s.settleObject(t, o)
}

// settleObject ends an object that nobody needs any more.
func (s *pools) settleObject(t *nt.Thread, o *poolObject) error {
	o.wake(t)
	if !o.released || o.queued > 0 || o.running > 0 || s.objects[o.at] != o {
		return nil
	}
	if o.ended != nil {
		o.ended(t)
	}
	if o.event != 0 {
		t.Process().SetEvent(o.event)
	}
	delete(s.objects, o.at)
	if _, err := FreeHeap(t, 0, o.at); err != nil {
		return err
	}
	o.pool.objects--
	return s.settle(t, o.pool)
}
