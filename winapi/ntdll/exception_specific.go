package ntdll

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
)

// scope is an entry of the SCOPE_TABLE that the compiler leaves as handler data for __C_specific_handler: a range of
// instructions inside __try. With a target, handler is the filter of an __except whose block is at the target, or 1 for a
// filter that always takes the exception; without, it is a __finally.
type scope struct {
	begin, end, handler, target uint32
}

const (
	scopeSize     = 16
	filterExecute = 1
)

func (s scope) holds(rva uint64) bool { return rva >= uint64(s.begin) && rva < uint64(s.end) }

func loadScope(t *nt.Thread, table uint64, i uint32) (s scope, err error) {
	at := table + 4 + scopeSize*uint64(i)
	for j, p := range []*uint32{&s.begin, &s.end, &s.handler, &s.target} {
		if *p, err = t.Load32(at + 4*uint64(j)); err != nil {
			return s, err
		}
	}
	return s, nil
}

// cSpecificHandler is the work of __C_specific_handler, the language handler of C's __try: filters are called while an
// exception is dispatched, __finally blocks while the stack is unwound. Scopes lie in the table from the inside out; an
// unwind that was interrupted continues at the scope index.
func cSpecificHandler(t *nt.Thread, a *handlerArgs) (uint64, error) {
	scratch, execute, err := scratchOf(t)
	if err != nil {
		return 0, err
	}
	dc, err := loadDispatcherContext(t, a.DispatcherContext)
	if err != nil {
		return 0, err
	}
	rec, err := t.LoadExceptionRecord(uint64(a.ExceptionRecord))
	if err != nil {
		return 0, err
	}
	count, err := t.Load32(dc.handlerData)
	if err != nil {
		return 0, err
	}
	if rec.Flags&ntdef.EXCEPTION_UNWIND != 0 {
		return ntdef.ExceptionContinueSearch, runFinally(t, a, &dc, rec.Flags, count)
	}
	pointers := scratch + scratchPointers
	if err := storePointers(t, pointers, uint64(a.ExceptionRecord), uint64(a.ContextRecord)); err != nil {
		return 0, err
	}
	pc := dc.controlPc - dc.imageBase
	for i := dc.scopeIndex; i < count; i++ {
		s, err := loadScope(t, dc.handlerData, i)
		if err != nil {
			return 0, err
		}
		if !s.holds(pc) || s.target == 0 {
			continue
		}
		answer := uint64(ntdef.EXCEPTION_EXECUTE_HANDLER)
		if s.handler != filterExecute {
			if answer, err = t.Call(dc.imageBase+uint64(s.handler), pointers, a.EstablisherFrame); err != nil {
				return 0, err
			}
		}
		switch {
		case int32(answer) < 0:
			return ntdef.ExceptionContinueExecution, nil
		case int32(answer) > 0:
			return 0, unwindFrom(t, scratch, scratchSmall, execute, unwindRequest{
				frame: a.EstablisherFrame, ip: dc.imageBase + uint64(s.target), record: uint64(a.ExceptionRecord),
				value: uint64(rec.Code), storage: dc.contextRecord, history: dc.historyTable,
			})
		}
	}
	return ntdef.ExceptionContinueSearch, nil
}

// runFinally calls the __finally blocks that an unwind leaves. In the target frame it stops at the scope that holds the
// target.
func runFinally(t *nt.Thread, a *handlerArgs, dc *dispatcherContext, flags, count uint32) error {
	pc, target := dc.controlPc-dc.imageBase, dc.targetIP-dc.imageBase
	arrived := flags&ntdef.EXCEPTION_TARGET_UNWIND != 0
	for i := dc.scopeIndex; i < count; i++ {
		s, err := loadScope(t, dc.handlerData, i)
		if err != nil {
			return err
		}
		if !s.holds(pc) {
			continue
		}
		if arrived {
			if same, err := sameScope(t, dc.handlerData, count, s, target); err != nil || same {
				return err
			}
		}
		if s.target != 0 {
			if arrived && uint64(s.target) == target {
				return nil
			}
			continue
		}
		// A block that raises an exception or unwinds must not run again.
		if err := t.Store32(a.DispatcherContext+dispatcherScopeIndex, i+1); err != nil {
			return err
		}
		const abnormalTermination = 1
		if _, err := t.Call(dc.imageBase+uint64(s.handler), abnormalTermination, a.EstablisherFrame); err != nil {
			return err
		}
	}
	return nil
}

// sameScope reports whether the unwind's target lies in the scope s, all of whose ranges count: a compiler may have split
// it.
func sameScope(t *nt.Thread, table uint64, count uint32, s scope, target uint64) (bool, error) {
	for i := range count {
		other, err := loadScope(t, table, i)
		if err != nil {
			return false, err
		}
		if other.holds(target) && other.handler == s.handler && other.target == s.target {
			return true, nil
		}
	}
	return false, nil
}
