package nt

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
)

// Memory resource notifications are events of the kernel's own, \KernelObjects\LowMemoryCondition and HighMemoryCondition: they are set
// as long as the memory manager's condition holds, and programs can only look at them and wait.

// conditionNames are the events by condition.
var conditionNames = [...]string{
	ntmm.LowMemory:  `\KernelObjects\LowMemoryCondition`,
	ntmm.HighMemory: `\KernelObjects\HighMemoryCondition`,
}

// conditionSecurity lets everybody look at them, and nobody but the system change them.
var conditionSecurity = systemDescriptor(
	ace{accessAllowed, 0, readControl | synchronize | queryState, everyoneSID}, ace{accessAllowed, 0, readControl | synchronize | standardRights | 3, systemSID},
)

// initConditions makes the events, and the keyed event that is there when memory is low.
func (s *System) initConditions() {
	s.keyedEvent = &keyedEvent{}
	s.namespace.add(`\KernelObjects\CritSecOutOfMemoryEvent`, s.keyedEvent)
	s.initPartition()
	for c, name := range conditionNames {
		e := &event{manual: true, condition: func() bool { return s.mm.Condition(ntmm.MemoryCondition(c)) }}
		e.security = conditionSecurity
		s.namespace.add(name, e)
		s.conditions[c] = e
	}
}

// signalConditions ends the waits for conditions that hold now.
func (s *System) signalConditions() {
	for _, e := range s.conditions {
		if e != nil && len(e.blocks) > 0 && e.condition() {
			s.signal(e)
		}
	}
}

// OpenMemoryCondition opens the event of a condition (CreateMemoryResourceNotification).
func (p *Process) OpenMemoryCondition(c ntmm.MemoryCondition) (ntdef.Handle, ntdef.Status) {
	return p.openHandle(p.sys.conditions[c], readControl|synchronize|queryState, 0)
}

// MemoryConditionState reports whether the condition of a handle holds: INVALID_HANDLE, OBJECT_TYPE_MISMATCH.
func (p *Process) MemoryConditionState(h ntdef.Handle) (bool, ntdef.Status) {
	e, st := of[*event](p, h)
	switch {
	case st != ntdef.STATUS_SUCCESS:
		return false, st
	case e.condition == nil:
		return false, ntdef.STATUS_OBJECT_TYPE_MISMATCH
	}
	return e.condition(), st
}
