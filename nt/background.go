package nt

// Background mode (SetPriorityClass, SetThreadPriority; Windows Internals, part 1 ch. 5, "Memory priority", and 6, "I/O prioritization"): a
// process or a thread runs at priority 4, with very low I/O and memory priority, until it has back what it had before.

// The priorities of background mode.
const (
	backgroundBase = 4 // of PriorityClassIdle
	backgroundIO   = 0
	backgroundPage = 1
)

// background is what a process or a thread in background mode had before.
type background struct {
	on       bool
	class    uint8 // of the process
	relative int32 // of the thread
	io, page uint32
}

// SetBackground begins the process's background mode or ends it; it reports whether the process was not in that mode already. The mode's
// class is the idle one; another that the process is given in the mode remains at its end. The limit of the working set that Windows sets
// too is not kept.
func (p *Process) SetBackground(on bool) bool {
	b := &p.info.background
	switch {
	case b.on == on:
		return false
	case on:
		*b = background{on: true, class: p.PriorityClass(), io: p.info.ioPriority, page: p.page}
		p.setClass(PriorityClassIdle)
		p.info.ioPriority = backgroundIO
		p.SetPagePriority(backgroundPage)
	default:
		if p.PriorityClass() == PriorityClassIdle {
			p.setClass(b.class)
		}
		p.info.ioPriority = b.io
		p.SetPagePriority(b.page)
		*b = background{}
	}
	return true
}

// SetBackground is that of a process for one thread. A priority that the thread was given in the mode remains at its end.
func (t *Thread) SetBackground(on bool) bool {
	b := &t.background
	switch {
	case b.on == on:
		return false
	case on:
		*b = background{on: true, relative: t.relative, io: t.io, page: t.page}
		t.relative, t.io, t.page = backgroundBase-t.proc.basePriority(), backgroundIO, backgroundPage
		t.setPriority(backgroundBase)
	default:
		t.io, t.page = b.io, b.page
		if t.priority == backgroundBase {
			t.SetPriority(b.relative)
		}
		*b = background{}
	}
	return true
}
