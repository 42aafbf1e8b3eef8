package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

var exceptionFuncs = []nt.UserFunc{
	nt.Func("RaiseException", raiseException),
	nt.Func("SetUnhandledExceptionFilter", setUnhandledExceptionFilter),
	nt.Func("UnhandledExceptionFilter", unhandledExceptionFilter),
}

type raiseExceptionArgs struct {
	Code      uint32
	Flags     uint32
	Count     uint32
	Arguments uint64
}

// raiseException keeps only EXCEPTION_NONCONTINUABLE of the flags and bit 28 clear, as documented.
func raiseException(t *nt.Thread, a *raiseExceptionArgs) (uint64, error) {
	rec := ntdef.ExceptionRecord{
		Code: ntdef.Status(a.Code &^ (1 << 28)), Flags: a.Flags & ntdef.EXCEPTION_NONCONTINUABLE,
	}
	if a.Arguments != 0 {
		rec.NumParams = min(a.Count, ntdef.ExceptionMaximumParameters)
		for i := range rec.NumParams {
			v, err := t.Load64(a.Arguments + 8*uint64(i))
			if err != nil {
				return 0, err
			}
			rec.Parameters[i] = v
		}
	}
	return 0, ntdll.RaiseException(t, &rec)
}

type filterArgs struct{ Filter uint64 }

func setUnhandledExceptionFilter(t *nt.Thread, a *filterArgs) (uint64, error) {
	return ntdll.SetUnhandledExceptionFilter(t, a.Filter), nil
}

type unhandledExceptionArgs struct{ Pointers uint64 } // EXCEPTION_POINTERS

// unhandledExceptionFilter asks the program's filter; one that passes, or none, leaves the handler to be executed, since no
// debugger is there.
func unhandledExceptionFilter(t *nt.Thread, a *unhandledExceptionArgs) (uint64, error) {
	disposition, err := ntdll.UnhandledException(t, a.Pointers)
	if disposition == ntdef.EXCEPTION_CONTINUE_SEARCH {
		disposition = ntdef.EXCEPTION_EXECUTE_HANDLER
	}
	return uint64(disposition), err
}
