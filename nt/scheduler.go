package nt

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Guest threads are goroutines that pass one baton: exactly one runs, the others wait for it. Who is next depends on priorities,
// on the order in which threads became ready and on virtual time, never on the host.

// scheduler is the dispatcher of one machine.
type scheduler struct {
	current *Thread
	ready   [priorities][]*Thread // by priority, in the order in which they became ready
	timers  []*deadline           // by due time
	result  chan error            // what ended the run
	serial  uint64
	since   uint64 // the instruction count when current got the baton
}

// priorities is how many there are; normalBase is that of a thread of a normal process (Windows Internals, part 1 ch. 4).
const (
	priorities = 32
	normalBase = 8
)

// deadline is something that happens at a virtual time.
type deadline struct {
	at     uint64 // nanoseconds since the machine was switched on
	serial uint64 // earlier ones first where they are due together
	fire   func()
}

// errKilled ends a thread's goroutine: the run is over, or the thread was terminated.
var errKilled = errors.New("nt: the thread was ended")

// after makes something happen at a virtual time; cancel takes it back.
func (s *System) after(at uint64, fire func()) *deadline {
	s.sched.serial++
	d := &deadline{at, s.sched.serial, fire}
	i, _ := slices.BinarySearchFunc(s.sched.timers, d, func(a, b *deadline) int {
		if a.at != b.at {
			return cmpUint64(a.at, b.at)
		}
		return cmpUint64(a.serial, b.serial)
	})
	s.sched.timers = slices.Insert(s.sched.timers, i, d)
	return d
}

func cmpUint64(a, b uint64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (s *System) cancel(d *deadline) {
	if i := slices.Index(s.sched.timers, d); i >= 0 {
		s.sched.timers = slices.Delete(s.sched.timers, i, i+1)
	}
}

// expire lets happen what is due.
func (s *System) expire() {
	for len(s.sched.timers) > 0 && s.sched.timers[0].at <= s.Now() {
		d := s.sched.timers[0]
		s.sched.timers = s.sched.timers[1:]
		d.fire()
	}
}

// makeReady puts a thread at the end of its priority's queue.
func (s *System) makeReady(t *Thread) {
	t.state = threadReady
	s.sched.ready[t.priority] = append(s.sched.ready[t.priority], t)
}

// takeReady takes the first thread of the highest priority that is not suspended; nil where there is none.
func (s *System) takeReady() *Thread {
	for p := priorities - 1; p >= 0; p-- {
		q := s.sched.ready[p]
		for i, t := range q {
			if t.suspended == 0 || t.ending {
				s.sched.ready[p] = slices.Delete(q, i, i+1)
				return t
			}
		}
	}
	return nil
}

// next finds the thread that runs next; where none is ready, time passes until one is. nil is a deadlock.
func (s *System) next() *Thread {
	for {
		s.expire()
		if t := s.takeReady(); t != nil {
			return t
		}
		if len(s.sched.timers) == 0 {
			return nil
		}
		if now := s.Now(); s.sched.timers[0].at > now {
			s.Wait(s.sched.timers[0].at - now)
		}
	}
}

// preempt ends a quantum: a thread of the same or a higher priority that is ready runs.
func (t *Thread) preempt() error {
	s := t.sys
	s.expire()
	for p := priorities - 1; p >= int(t.priority); p-- {
		for _, r := range s.sched.ready[p] {
			if r.suspended == 0 {
				s.makeReady(t)
				return t.leave()
			}
		}
	}
	return nil
}

// Yield lets another thread run that is ready; it reports whether there was one.
func (t *Thread) Yield() (bool, error) {
	s := t.sys
	s.expire()
	other := s.takeReady()
	if other == nil {
		return false, nil
	}
	s.makeReady(t)
	return true, t.give(other)
}

// leave gives the baton to whoever is next and waits until it comes back.
func (t *Thread) leave() error {
	next := t.sys.next()
	if next == nil {
		return t.deadlock()
	}
	return t.give(next)
}

// give passes the baton to a thread and waits for it.
func (t *Thread) give(next *Thread) error {
	if next == t {
		t.state = threadRunning
		return t.check()
	}
	t.cpu.SaveRegisters(&t.saved)
	t.pass(next)
	if _, ok := <-t.baton; !ok {
		return errKilled
	}
	t.cpu.LoadRegisters(&t.saved)
	t.loadDebug()
	return t.check()
}

// pass makes another thread the one that runs.
func (t *Thread) pass(next *Thread) {
	s := t.sys
	t.ran += s.cpu.IC - s.sched.since
	s.sched.current, s.sched.since = next, s.cpu.IC
	next.state = threadRunning
	next.switches++
	s.switches++
	if next.proc != t.proc {
		next.proc.attach()
	}
	next.baton <- struct{}{}
}

// attach loads the process's address space into the processor.
func (p *Process) attach() {
	if f := p.as.Activate(); f != nil {
		panic("nt: CR3 cannot be loaded: " + f.Error())
	}
	p.sys.kuser, p.sys.attached = p.kuser, p
	p.sys.updateClock()
}

// check ends a thread that was terminated, and runs what was queued for it.
func (t *Thread) check() error {
	if t.ending {
		return &threadExit{t.exitCode}
	}
	return nil
}

// deadlock ends the run: every thread waits, and nothing will happen. The first few are told of.
func (t *Thread) deadlock() error {
	const few = 16
	var who []string
	more := 0
	for _, p := range t.sys.procs {
		for _, th := range p.threads {
			waits := th.state == threadWaiting
			switch {
			case !waits && (th.suspended == 0 || th.state == threadEnded):
			case len(who) == few:
				more++
			case waits:
				who = append(who, fmt.Sprintf("thread %d waits for %s", th.id, th.waitsFor()))
			default:
				who = append(who, fmt.Sprintf("thread %d is suspended", th.id))
			}
		}
	}
	if more > 0 {
		who = append(who, fmt.Sprintf("and %d more", more))
	}
	return t.Stop("deadlock: %s", strings.Join(who, ", "))
}

// main is the goroutine of a thread.
func (t *Thread) main() {
	s := t.sys
	defer close(t.left)
	if _, ok := <-t.baton; !ok {
		return
	}
	t.cpu.LoadRegisters(&t.saved)
	t.loadDebug()
	t.first = 0
	err := t.check()
	if err == nil {
		err = t.run(0)
	}
	var thread *threadExit
	if errors.As(err, &thread) {
		err = t.ended(thread.code)
	}
	var process *exitError
	if errors.As(err, &process) && t.proc != s.proc && !process.machine {
		t.proc.end(process.code)
		err = nil
	}
	if err == nil {
		if next := s.next(); next != nil {
			t.pass(next)
			return
		}
		err = t.deadlock()
	}
	if !errors.Is(err, errKilled) {
		s.sched.result <- err
	}
}

// runThreads runs the machine until something ends it, and ends every thread.
func (s *System) runThreads(first *Thread) error {
	first.state = threadRunning
	s.sched.current = first
	first.baton <- struct{}{}
	err := <-s.sched.result
	for _, p := range s.procs {
		for _, t := range p.threads {
			t.kill()
		}
	}
	return err
}

// kill ends the goroutine of a thread that does not run, and waits for that: threads that end one after another cannot disturb each
// other. It has no word with the guest.
func (t *Thread) kill() {
	q := &t.sys.sched.ready[t.priority]
	*q = slices.DeleteFunc(*q, func(o *Thread) bool { return o == t })
	if w := t.waiting; w != nil && !w.done {
		w.leave(t.sys)
	}
	close(t.baton)
	<-t.left
	t.state = threadEnded
}

// start makes the goroutine of a thread, which waits for the baton with the registers that the processor has now.
func (t *Thread) start() {
	t.baton, t.left = make(chan struct{}, 1), make(chan struct{})
	go t.main()
}
