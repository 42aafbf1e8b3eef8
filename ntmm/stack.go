package ntmm

import (
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/x86"
)

// growStack answers a touched guard page of the running thread's stack: the page becomes stack and the page below it the
// guard. Where that would reach the lowest page of the reservation, or the pages guaranteed to handlers, what is left is
// committed without a guard and STATUS_STACK_OVERFLOW is raised (Windows Internals, part 1 ch. 5, "User stacks";
// SetThreadStackGuarantee).
func (as *AddressSpace) growStack(guard x86.VirtAddr, code protectCode) (FaultKind, ntdef.Status, ntdef.Status) {
	s := as.stack
	next := guard - x86.PageSize
	floor := s.DeallocationStack + x86.PageSize // the lowest page is never committed
	last := floor + x86.VirtAddr(pageUp(x86.VirtAddr(s.Guarantee)))
	if next <= last {
		r := Request{Base: floor, Size: uint64(guard - floor), Type: ntdef.MEM_COMMIT, Protect: code.protect()}
		if guard > floor {
			if st := as.Allocate(&r); st != ntdef.STATUS_SUCCESS {
				return NoMemory, st, 0
			}
		}
		s.Limit = floor
		return StackOverflow, ntdef.STATUS_STACK_OVERFLOW, 0
	}
	r := Request{Base: next, Size: x86.PageSize, Type: ntdef.MEM_COMMIT, Protect: (code | codeGuard).protect()}
	if st := as.Allocate(&r); st != ntdef.STATUS_SUCCESS {
		return StackOverflow, ntdef.STATUS_STACK_OVERFLOW, 0
	}
	s.Limit = guard
	return StackGrowth, ntdef.STATUS_SUCCESS, 0
}
