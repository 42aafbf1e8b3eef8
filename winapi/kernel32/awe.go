package kernel32

import (
	"github.com/pagewalk/pagewalk/nt"
	"github.com/pagewalk/pagewalk/ntdef"
	"github.com/pagewalk/pagewalk/ntmm"
	"github.com/pagewalk/pagewalk/winapi/ntdll"
)

// Address Windowing Extensions (memoryapi.h): the services' calls with a BOOL.
var aweFuncs = []nt.UserFunc{
	nt.Func("AllocateUserPhysicalPages", allocateUserPhysicalPages),
	nt.Func("AllocateUserPhysicalPagesNuma", allocateUserPhysicalPagesNuma),
	nt.Func("FreeUserPhysicalPages", freeUserPhysicalPages),
	nt.Func("MapUserPhysicalPages", mapUserPhysicalPages),
	nt.Func("MapUserPhysicalPagesScatter", mapUserPhysicalPagesScatter),
}

// result is the BOOL of a service's status or of the fault of its arguments.
func result(t *nt.Thread, st ntdef.Status, err error) (uint64, error) {
	if err != nil {
		return failAccess(t, err)
	}
	return boolOf(t, st)
}

type userPhysicalPagesArgs struct {
	Process ntdef.Handle
	Count   ntdef.Ptr[uint64]
	Frames  uint64
}

func allocateUserPhysicalPages(t *nt.Thread, a *userPhysicalPagesArgs) (uint64, error) {
	st, err := t.AllocateUserPhysicalPages(a.Process, a.Count, a.Frames)
	return result(t, st, err)
}

type allocateUserPhysicalPagesNumaArgs struct {
	Process ntdef.Handle
	Count   ntdef.Ptr[uint64]
	Frames  uint64
	Node    uint32
}

func allocateUserPhysicalPagesNuma(t *nt.Thread, a *allocateUserPhysicalPagesNumaArgs) (uint64, error) {
	if !nt.ValidNode(a.Node) {
		return fail(t, ntdll.ERROR_INVALID_PARAMETER)
	}
	st, err := t.AllocateUserPhysicalPages(a.Process, a.Count, a.Frames)
	return result(t, st, err)
}

type allocateUserPhysicalPages2Args struct {
	Process        ntdef.Handle
	Count          ntdef.Ptr[uint64]
	Frames         uint64
	Parameters     uint64
	ParameterCount uint32
}

func allocateUserPhysicalPages2(t *nt.Thread, a *allocateUserPhysicalPages2Args) (uint64, error) {
	x, st, err := t.LoadExtendedParameters(a.Parameters, a.ParameterCount, false)
	if err == nil && st == ntdef.STATUS_SUCCESS && x.Requirements != (ntmm.Requirements{}) {
		st = ntdef.STATUS_INVALID_PARAMETER
	}
	if err != nil || st != ntdef.STATUS_SUCCESS {
		return result(t, st, err)
	}
	st, err = t.AllocateUserPhysicalPages(a.Process, a.Count, a.Frames)
	return result(t, st, err)
}

func freeUserPhysicalPages(t *nt.Thread, a *userPhysicalPagesArgs) (uint64, error) {
	st, err := t.FreeUserPhysicalPages(a.Process, a.Count, a.Frames)
	return result(t, st, err)
}

type mapUserPhysicalPagesArgs struct {
	Address uint64
	Count   uint64
	Frames  uint64
}

func mapUserPhysicalPages(t *nt.Thread, a *mapUserPhysicalPagesArgs) (uint64, error) {
	st, err := t.MapUserPhysicalPages(a.Address, a.Count, a.Frames)
	return result(t, st, err)
}

type mapUserPhysicalPagesScatterArgs struct {
	Addresses uint64
	Count     uint64
	Frames    uint64
}

func mapUserPhysicalPagesScatter(t *nt.Thread, a *mapUserPhysicalPagesScatterArgs) (uint64, error) {
	st, err := t.MapUserPhysicalPagesScatter(a.Addresses, a.Count, a.Frames)
	return result(t, st, err)
}
