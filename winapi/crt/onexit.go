package crt

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
	"github.com/pagewalk/pagewalk/x86"
)

// Tables of functions to call at exit, which a module that shares the UCRT keeps for itself: _onexit_table_t of
// corecrt_startup.h, three pointers to the first entry, behind the last, and behind the room for entries. The real UCRT
// encodes them; they are its own.
const (
	onexitFirst = 0
	onexitLast  = 8
	onexitEnd   = 16

	onexitRoom = 32 // entries of a new table
)

// OnExitTables returns the UCRT's functions for such tables.
func OnExitTables() []nt.UserFunc {
	return []nt.UserFunc{
		nt.Func("_execute_onexit_table", executeOnExitTable),
		nt.Func("_initialize_onexit_table", initializeOnExitTable),
		nt.Func("_register_onexit_function", registerOnExitFunction),
	}
}

type (
	onexitTableArgs    struct{ Table uint64 }
	onexitRegisterArgs struct{ Table, Function uint64 }
)

// failed is the -1 that the functions return where there is no table or no memory.
const failed = eof

// initializeOnExitTable makes an empty table of one that is zero, and leaves one that is in use.
func initializeOnExitTable(t *nt.Thread, a *onexitTableArgs) (uint64, error) {
	if a.Table == 0 {
		return failed, nil
	}
	first, err := t.Load64(a.Table + onexitFirst)
	if err != nil {
		return 0, err
	}
	end, err := t.Load64(a.Table + onexitEnd)
	if err != nil || first != end {
		return 0, err
	}
	return 0, t.Write(a.Table, make([]byte, 24))
}

func registerOnExitFunction(t *nt.Thread, a *onexitRegisterArgs) (uint64, error) {
	if a.Table == 0 {
		return failed, nil
	}
	if err := t.Probe(a.Table, 24, x86.Read|x86.Write); err != nil {
		return 0, err
	}
	var p [3]uint64
	for i := range p {
		var err error
		if p[i], err = t.Load64(a.Table + 8*uint64(i)); err != nil {
			return 0, err
		}
	}
	first, last, end := p[0], p[1], p[2]
	if last == end {
		size := max(2*(end-first), 8*onexitRoom)
		grown, err := growTable(t, first, size)
		if err != nil {
			return 0, err
		}
		if grown == 0 {
			return failed, nil
		}
		first, last, end = grown, grown+last-first, grown+size
	}
	if err := t.Store64(last, a.Function); err != nil {
		return 0, err
	}
	for i, v := range [...]uint64{first, last + 8, end} {
		if err := t.Store64(a.Table+8*uint64(i), v); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

func growTable(t *nt.Thread, first, size uint64) (uint64, error) {
	if first == 0 {
		return ntdll.AllocateHeap(t, 0, 0, size)
	}
	return ntdll.ReAllocateHeap(t, 0, 0, first, size)
}

// executeOnExitTable calls the functions, last registered first, and frees the table; functions that these register are
// called too.
func executeOnExitTable(t *nt.Thread, a *onexitTableArgs) (uint64, error) {
	table := a.Table
	if table == 0 {
		return failed, nil
	}
	for {
		first, err := t.Load64(table + onexitFirst)
		if err != nil {
			return 0, err
		}
		last, err := t.Load64(table + onexitLast)
		if err != nil {
			return 0, err
		}
		if first == last {
			if _, err := ntdll.FreeHeap(t, 0, first); err != nil {
				return 0, err
			}
			return 0, t.Write(table, make([]byte, 24))
		}
		fn, err := t.Load64(last - 8)
		if err != nil {
			return 0, err
		}
		if err := t.Store64(table+onexitLast, last-8); err != nil {
			return 0, err
		}
		if fn == 0 {
			continue
		}
		if _, err := t.Call(fn); err != nil {
			return 0, err
		}
	}
}
