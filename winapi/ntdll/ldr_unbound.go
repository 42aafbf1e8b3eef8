package ntdll

import (
	"bytes"
	"fmt"

	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/x86"
)

// An unbound is an import that nothing provides: "dll!function", and what Windows ends a process with that has it.
type unbound struct {
	name   string
	status ntdef.Status
}

// unboundStub returns the address of a stub that ends the process naming the import.
func (l *ldr) unboundStub(t *nt.Thread, u unbound) (uint64, error) {
	const size, perPage = 16, x86.PageSize / 16
	if len(l.unbound)%perPage == 0 {
		r := ntmm.Request{Size: x86.PageSize, Type: ntdef.MEM_RESERVE | ntdef.MEM_COMMIT, Protect: ntdef.PAGE_READWRITE}
		if st := t.Process().AllocateVirtualMemory(&r); st != ntdef.STATUS_SUCCESS {
			return 0, &loadError{st, fmt.Sprintf("no memory for the stubs of unbound imports: %v", st)}
		}
		// All of them are ntdll's own stub; which one was called shows in its address.
		var stub [size]byte
		if err := t.Read(l.modules[1].Base+uint64(l.modules[1].exports.ByName("PagewalkUnboundImport").RVA), stub[:11]); err != nil {
			return 0, err
		}
		if err := t.Write(uint64(r.Base), bytes.Repeat(stub[:], perPage)); err != nil {
			return 0, err
		}
		r.Protect = ntdef.PAGE_EXECUTE_READ
		if _, st := t.Process().ProtectVirtualMemory(&r); st != ntdef.STATUS_SUCCESS {
			return 0, &loadError{st, fmt.Sprintf("cannot protect the stubs of unbound imports: %v", st)}
		}
		l.pages = append(l.pages, uint64(r.Base))
	}
	l.unbound = append(l.unbound, u)
	i := len(l.unbound) - 1
	return l.pages[i/perPage] + size*uint64(i%perPage), nil
}

type noArgs struct{}

// unboundImport runs when an import is called that nothing provides. Windows would not have let the process begin.
func unboundImport(t *nt.Thread, _ *noArgs) (uint64, error) {
	const perPage = x86.PageSize / 16
	l := ldrOf(t)
	for i, page := range l.pages {
		if off := t.RIP() - page; off < x86.PageSize {
			if n := i*perPage + int(off/16); n < len(l.unbound) {
				caller, err := t.Load64(t.CPU().R[ntdef.RegRsp])
				if err != nil {
					return 0, err
				}
				u := l.unbound[n]
				return 0, t.Fail(u.status, "the program calls %s, which pagewalk does not provide (from %s)", u.name, t.Process().Where(caller))
			}
		}
	}
	return 0, t.Stop("PagewalkUnboundImport was called by itself")
}
