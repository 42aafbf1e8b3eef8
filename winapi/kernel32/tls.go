package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// Thread local storage by index: the 64 slots in the TEB, taken in the bitmap of PEB.TlsBitmapBits.
var tlsFuncs = []nt.UserFunc{
	nt.Func("TlsAlloc", tlsAlloc),
	nt.Func("TlsFree", tlsFree),
	nt.Func("TlsGetValue", tlsGetValue),
	nt.Func("TlsSetValue", tlsSetValue),
}

const (
	tlsSlots        = 64
	tlsOutOfIndexes = 0xffffffff // also FLS_OUT_OF_INDEXES

	errorNoMoreItems = 259
)

func tlsAlloc(t *nt.Thread, _ *noArgs) (uint64, error) {
	at := t.Process().PEB() + ntdef.PebTlsBitmapBits
	bits, err := t.Load64(at)
	if err != nil {
		return 0, err
	}
	for i := range uint64(tlsSlots) {
		if bits>>i&1 != 0 {
			continue
		}
		for _, owner := range t.Process().Threads() {
			if err := t.Store64(owner.TEB()+ntdef.TebTlsSlots+8*i, 0); err != nil {
				return 0, err
			}
		}
		return i, t.Store64(at, bits|1<<i)
	}
	// Windows has 1024 more in TEB.TlsExpansionSlots; here the 64 of the TEB are all.
	return tlsOutOfIndexes, ntdll.SetLastError(t, errorNoMoreItems)
}

type tlsArgs struct{ Index uint32 }

func tlsFree(t *nt.Thread, a *tlsArgs) (uint64, error) {
	at := t.Process().PEB() + ntdef.PebTlsBitmapBits
	bits, err := t.Load64(at)
	if err != nil {
		return 0, err
	}
	if a.Index >= tlsSlots || bits>>a.Index&1 == 0 {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	return 1, t.Store64(at, bits&^(1<<a.Index))
}

// tlsGetValue sets the last error to success too, as documented: a value of 0 is no failure.
func tlsGetValue(t *nt.Thread, a *tlsArgs) (uint64, error) {
	if a.Index >= tlsSlots {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	v, err := t.Load64(t.TEB() + ntdef.TebTlsSlots + 8*uint64(a.Index))
	if err != nil {
		return 0, err
	}
	return v, ntdll.SetLastError(t, ntdll.ERROR_SUCCESS)
}

type tlsSetArgs struct {
	Index uint32
	Value uint64
}

func tlsSetValue(t *nt.Thread, a *tlsSetArgs) (uint64, error) {
	if a.Index >= tlsSlots {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	return 1, t.Store64(t.TEB()+ntdef.TebTlsSlots+8*uint64(a.Index), a.Value)
}
